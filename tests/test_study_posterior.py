"""Studies on a posterior sample: its constants are drawn together, and share what they cause together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import provenance, study
from flows.errors import InputError
from flows.posterior import Posterior, write_posterior
from flows.report.results import study_figures
from flows.study.conclude import conclusions
from flows.study.export import export
from flows.study.plan import make_plan

MODEL = """{UTF-8}
origin: North, South ~~|
arrivals = 10 ~ Person/Month ~|
share[origin] = 0.5, 0.5 ~ Dmnl ~|
course((0,1),(3,1),(6,1)) ~ Dmnl ~|
extra = 0 ~ Person/Month ~|
policy = 0 ~ Dmnl [0,1] ~|
one = 1 ~ Person/Month ~|
month = 1 ~ Month ~|
flow = arrivals * share[North] + (share[South] + course(Time / month)) * one + extra * (1 + policy) ~ Person/Month ~|
Waiting = INTEG(flow, 0) ~ Person ~|
INITIAL TIME = 0 ~ Month ~|
FINAL TIME = 6 ~ Month ~|
TIME STEP = 1 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""
STUDY = """
model = "{model}"
method = "{method}"
n = {n}
seed = 3
outcomes = ["flow", "final Waiting"]
[[uncertainty]]
name = "what was fitted"
of = "posterior"
[[uncertainty]]
name = "extra"
distribution = "normal"
mean = 0.0
sd = 1.0
"""
ELEMENTS = ("arrivals", "share[North]", "course(3)")
META = {
    "model": "m.mdl", "calibration": "c.toml", "calibration_digest": "0" * 64, "seed": 1, "fit_until": "2022-12",
    "versions": {},
}  # fmt: skip


def fitted(draws: int = 4000) -> np.ndarray:
    """Two constants of which the product is well known, and a point of a lookup."""
    random = np.random.default_rng(8)
    z = random.multivariate_normal(np.zeros(3), [[1, -0.9, 0], [-0.9, 1, 0], [0, 0, 1]], size=draws)
    return np.column_stack([10 * np.exp(0.1 * z[:, 0]), 0.5 * np.exp(0.1 * z[:, 1]), 1 + 0.2 * z[:, 2]])


@pytest.fixture
def place(tmp_path: Path) -> SimpleNamespace:
    mdl = tmp_path / "m.mdl"
    mdl.write_text(MODEL, encoding="utf-8")
    write_posterior(tmp_path / "posterior.parquet", Posterior(ELEMENTS, fitted(), META))

    def file(method: str, n: int, more: str = "") -> Path:
        path = tmp_path / f"{method}.toml"
        path.write_text(STUDY.format(model=mdl.as_posix(), method=method, n=n) + more, encoding="utf-8")
        return path

    return SimpleNamespace(folder=tmp_path, file=file, values=fitted().astype(np.float32).astype(np.float64))


def flow_of(values: np.ndarray, extra: np.ndarray | float = 0.0) -> np.ndarray:
    """The flow at time 3."""
    return values[:, 0] * values[:, 1] + 0.5 + extra + values[:, 2]


def test_rows_are_one_group_with_exact_shares(place: SimpleNamespace) -> None:
    found = study.run(place.file("sobol", 1024), out=place.folder / "out")
    assert list(found.indices["uncertainty"].values) == ["what was fitted", "extra"]
    rows = float(np.var(flow_of(place.values)))
    at = found.indices.sel(outcome="flow", time=3)
    np.testing.assert_allclose(at["S1"], [rows / (rows + 1), 1 / (rows + 1)], atol=0.05)
    np.testing.assert_allclose(at["ST"], at["S1"], atol=0.05)
    assert float(at["variance"]) == pytest.approx(rows + 1, rel=0.05)
    chosen = found.samples["what was fitted"].astype(int)
    assert chosen.between(0, 3999).all()
    assert chosen.nunique() > 1200
    page = conclusions(found)
    assert "draws whole rows of the posterior sample" in page
    assert "independently of each other" not in page
    assert found.worst is None or "what was fitted" not in found.worst["uncertainty"].values
    entry = provenance.read_record(place.folder / "out")
    assert entry is not None
    assert "posterior.parquet" in {Path(row["path"]).name for row in entry["inputs"]}


@pytest.mark.parametrize("method", ["monte-carlo", "latin-hypercube"])
def test_bands_over_rows(place: SimpleNamespace, method: str) -> None:
    found = study.run(place.file(method, 400))
    assert found.bands is not None
    samples = found.samples
    expected = flow_of(place.values[samples["what was fitted"].astype(int)], samples["extra"].to_numpy())
    band = found.bands["value"].sel(outcome="flow", time=3)
    np.testing.assert_allclose(band, np.quantile(expected, study.QUANTILES), rtol=1e-9)
    names = ["arrivals", "share[North]", "course(3)", "extra"]
    assert list(found.indices["uncertainty"].values) == names
    pairs = found.indices["rank_correlation"].sel(outcome="flow", time=3)
    assert float(pairs.sel(uncertainty="extra")) > 0.7
    if method == "latin-hypercube":  # rows are spread evenly too
        assert samples["what was fitted"].nunique() == 400


def test_shapley_effects_of_the_fitted_constants(place: SimpleNamespace) -> None:
    found = study.run(place.file("shapley", 2000), out=place.folder / "out")
    names = ["arrivals", "share[North]", "course(3)", "extra"]
    assert list(found.indices["uncertainty"].values) == names
    assert found.runs == 2000 * 5
    at = found.indices.sel(outcome="flow", time=3)
    assert float(at["Sh"].sum()) == pytest.approx(1.0, abs=1e-9)
    # nearly linear: 5 e^(0.1 z1) e^(0.1 z2) = 5 (1 + 0.1 z1 + 0.1 z2) with a correlation of -0.9 shares 0.05 in halves
    total = float(np.var(flow_of(place.values))) + 1
    np.testing.assert_allclose(at["Sh"], np.array([0.025, 0.025, 0.04, 1.0]) / total, atol=0.03)
    assert float(at["variance"]) == pytest.approx(total, rel=0.1)
    assert found.verdict[0].startswith("Enough: with n = 2,000")
    assert (at["Sh_low"] < at["Sh"]).all()
    assert found.numbers is not None
    assert list(found.numbers["outcome"].values) == ["final Waiting"]
    page = (place.folder / "out" / "conclusions.md").read_text(encoding="utf-8")
    assert "fair share" in page
    assert "Gaussian copula" in page
    assert "3 constants of the posterior sample and 1 other uncertainties" in page
    drawn = {path.stem for path in study_figures(found, place.folder)}
    assert drawn == {"shapley", "shapley_over_time", "numbers_shapley", "bands"}
    again = study.read(place.folder / "out")
    xr.testing.assert_allclose(again.indices["Sh"], found.indices["Sh"])
    table = pd.read_csv(place.folder / "out" / "samples.csv")
    assert list(table.columns) == ["sample", "end", *names]
    assert np.corrcoef(table["arrivals"], table["share[North]"])[0, 1] == pytest.approx(-0.9, abs=0.03)
    assert table["arrivals"].std() == pytest.approx(place.values[:, 0].std(), rel=0.05)


def test_shapley_goes_on_and_is_extended_with_the_same_bits(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 20)
    file = place.file("shapley", 40)
    whole = study.run(file, n=80, out=place.folder / "whole")

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(file, out=place.folder / "out", progress=interrupt)
    study.run(file, out=place.folder / "out")
    found = study.run(file, out=place.folder / "out", extend=True)
    for name in ("indices.csv", "numbers.csv", "samples.csv", "bands.csv"):
        assert (place.folder / "out" / name).read_bytes() == (place.folder / "whole" / name).read_bytes()
    assert found.runs == whole.runs == 80 * 5


def test_a_run_that_fails_is_reproduced_with_every_constant(place: SimpleNamespace) -> None:
    plan = make_plan(place.file("sobol", 32), model=None, n=None, simulate=None)
    values = plan.values(0, 2)
    values[1, 2, 0] = np.inf
    (fault,) = plan.faults(values, 0)
    assert f"--run {fault['run']} added" in str(plan.refusal(fault))
    row = place.values[int(fault["what was fitted"])]
    _, alone, drawn = study.single_run(plan.study, fault["run"])
    assert [drawn[name] for name in ELEMENTS] == row.tolist()
    assert drawn["extra"] == fault["extra"]
    expected = flow_of(row[None], fault["extra"])[0]
    assert float(alone["flow"].sel(time=3)) == pytest.approx(expected)


def test_vensim_gets_the_constants(place: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r'"course\(3\)" is no constant'):
        export(place.file("monte-carlo", 30), place.folder / "vensim")
    short = Posterior(ELEMENTS[:2], fitted(50)[:, :2], META)
    write_posterior(place.folder / "posterior.parquet", short)
    export(place.file("monte-carlo", 30), place.folder / "vensim")
    table = pd.read_csv(place.folder / "vensim" / "monte-carlo.tab", sep="\t")
    assert list(table.columns) == ["arrivals", "share[North]", "extra"]
    own = study.run(place.file("monte-carlo", 30)).samples["what was fitted"].astype(int)
    np.testing.assert_allclose(table["arrivals"], fitted(50).astype(np.float32)[own, 0], rtol=1e-9)


@pytest.mark.parametrize(
    ("method", "more", "words"),
    [
        ("morris", "", "neither low nor high"),
        ("tornado", "", "neither low nor high"),
        ("sobol", '[[uncertainty]]\nname = "more"\nof = "posterior"\n', "one posterior sample"),
        ("sobol", '[[uncertainty]]\nname = "x"\nof = "posterior"\nmin = 1.0\n', 'take out the key "min"'),
        ("sobol", '[[uncertainty]]\nname = "policy"\n', '"distribution" is missing'),
        (
            "sobol",
            '[[uncertainty]]\nname = "share[North]"\ndistribution = "uniform"\nmin = 0\nmax = 1\n',
            "too",
        ),
    ],
)
def test_mistakes(place: SimpleNamespace, method: str, more: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        study.run(place.file(method, 32, more))


def test_another_element_of_a_fitted_constant_is_varied_too(place: SimpleNamespace) -> None:
    more = '[[uncertainty]]\nname = "share[South]"\ndistribution = "uniform"\nmin = 0.0\nmax = 10.0\n'
    found = study.run(place.file("sobol", 256, more))
    rows = float(np.var(flow_of(place.values)))
    at = found.indices.sel(outcome="flow", time=3)
    np.testing.assert_allclose(at["S1"], np.array([rows, 1, 100 / 12]) / (rows + 1 + 100 / 12), atol=0.05)


def test_without_a_sample_the_remedy_is_named(place: SimpleNamespace) -> None:
    (place.folder / "posterior.parquet").unlink()
    with pytest.raises(InputError, match=r"no posterior sample of this model.*flows calibrate"):
        study.run(place.file("sobol", 32))
    model = flows.read_vensim(place.folder / "m.mdl", units="off")
    assert model.names
