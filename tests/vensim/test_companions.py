"""Vensim's sensitivity control, save list and sample table: read as a study, written from one, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import flows
from flows import study
from flows.errors import InputError
from flows.inputs.studies import Uncertainty, check_study
from flows.model.model import Model
from flows.study.export import export
from flows.study.plan import make_plan
from flows.vensim import companions

MODEL = """{UTF-8}
origin: North, South ~~|
settling time = 4 ~ Month ~|
arrivals = 10 ~ Person/Month ~|
share[origin] = 0.5, 0.5 ~ Dmnl ~|
"U.S. demand" = 1 ~ Dmnl ~|
settled[origin] = share[origin] * Waiting * "U.S. demand" / settling time ~ Person/Month ~|
Waiting = INTEG(arrivals - settled[North] - settled[South], 20) ~ Person ~|
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 6 ~ Month ~|
TIME STEP = 0.25 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""
CONTROL = """1000,L,20260101,,0
settling time=RANDOM_UNIFORM(2,12)
arrivals = RANDOM TRIANGULAR(5, 30, 5, 12, 30)
share[North]=RANDOM_NORMAL(0,1,0.5,0.1) :C a remark
"U.S. demand"=RANDOM_BETA(0.5,1.5,2,3,0.5,1)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "m.mdl").write_text(MODEL, encoding="utf-8")
    (tmp_path / "c.vsc").write_text(CONTROL, encoding="utf-8")
    (tmp_path / "c.lst").write_text("Waiting\n\nsettled[origin]\nsettled[North]\nwaiting\n", encoding="utf-8")
    return tmp_path


def model_of(place: Path) -> Model:
    return flows.read_vensim(place / "m.mdl", units="off")


def read(place: Path) -> flows.inputs.Study:
    return companions.read_control(place / "c.vsc", model=model_of(place), model_path=place / "m.mdl")


def arguments(uncertainty: Uncertainty) -> dict[str, object]:
    return uncertainty.model_dump(exclude_none=True, exclude={"where", "why", "of"})


def test_a_control_file_is_a_study(place: Path) -> None:
    found = read(place)
    assert (found.method, found.n, found.seed) == ("latin-hypercube", 1000, 20260101)
    assert [arguments(u) for u in found.uncertainties] == [
        {"name": "settling time", "distribution": "uniform", "min": 2, "max": 12},
        {"name": "arrivals", "distribution": "triangular", "min": 5, "mode": 12, "max": 30},
        {"name": "share[North]", "distribution": "normal", "mean": 0.5, "sd": 0.1, "min": 0, "max": 1},
        {"name": "U.S. demand", "distribution": "beta", "a": 2, "b": 3, "min": 0.5, "max": 1.5},
    ]
    assert [fold.lower() for fold in found.outcomes] == ["waiting", "settled", "settled[north]"]
    check_study(found, model_of(place), ())
    result = study.run(found.model_copy(update={"n": 40}))
    assert result.runs == 40
    assert set(result.indices["outcome"].values) >= {"settled[North]", "settled[South]"}


def test_a_study_is_written_and_read_back(place: Path) -> None:
    found = read(place)
    (place / "again.vsc").write_text(companions.drawn_control(found), encoding="utf-8")
    again = companions.read_control(
        place / "again.vsc", model=model_of(place), model_path=place / "m.mdl", savelist=place / "c.lst"
    )
    assert [arguments(u) for u in again.uncertainties] == [arguments(u) for u in found.uncertainties]
    assert (again.method, again.n, again.seed, again.outcomes) == (
        found.method,
        found.n,
        found.seed,
        found.outcomes,
    )


def test_no_bounds_are_bounds_that_nobody_reaches(place: Path) -> None:
    free = Uncertainty(name="arrivals", distribution="normal", mean=3.0, sd=2.0)
    found = read(place)
    open_ended = found.model_copy(update={"uncertainties": (free, found.uncertainties[0])})
    (place / "again.vsc").write_text(companions.drawn_control(open_ended), encoding="utf-8")
    again = companions.read_control(
        place / "again.vsc", model=model_of(place), model_path=place / "m.mdl", savelist=place / "c.lst"
    )
    u = np.linspace(1e-9, 1 - 1e-9, 101)
    np.testing.assert_allclose(again.uncertainties[0].ppf(u), free.ppf(u), rtol=1e-12, atol=1e-12)


def test_lines_and_columns_of_refusals(place: Path) -> None:
    def refusal(old: str, new: str) -> str:
        assert old in CONTROL
        (place / "c.vsc").write_text(CONTROL.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read(place)
        return str(caught.value)

    assert "c.vsc:1:1: " in refusal("1000,L", "many,L")
    assert "c.vsc:1:6: " in refusal("1000,L", "1000,G")
    assert "tornado" in refusal("1000,L", "1000,U")
    assert "c.vsc:2:15: " in refusal("RANDOM_UNIFORM", "RANDOM_POISSON")
    assert "c.vsc:2:32: " in refusal("2,12)", "2,twelve)")
    assert "c.vsc:2:1: " in refusal("settling time=RANDOM_UNIFORM(2,12)", "settling time")
    assert "expected 5: min, max" in refusal("5, 12, 30)", "5, 12)")
    assert "c.vsc:3:12: " in refusal("(5, 30, 5", "(6, 30, 5")
    assert "c.vsc:4: " in refusal("0.5,0.1)", "0.5,-0.1)")
    assert "runs" in refusal("1000,L", "10,L")
    alone = "\n".join(CONTROL.splitlines()[:2]) + "\n"
    assert "two uncertainties or more" in refusal(CONTROL, alone)
    assert "uncertainty]]" not in refusal(CONTROL, alone)


def test_runs_method_and_seed_may_be_left_out(place: Path) -> None:
    for head, expected in {
        ",,,,": ("monte-carlo", 200, 1234),
        ",L": ("latin-hypercube", 200, 1234),
        "50,,7,,0": ("monte-carlo", 50, 7),
    }.items():
        (place / "c.vsc").write_text(CONTROL.replace("1000,L,20260101,,0", head), encoding="utf-8")
        found = read(place)
        assert (found.method, found.n, found.seed) == expected


def test_a_line_can_be_switched_off(place: Path) -> None:
    (place / "c.vsc").write_text(CONTROL.replace("(2,12)", "(2,2)"), encoding="utf-8")
    assert [u.name for u in read(place).uncertainties] == ["arrivals", "share[North]", "U.S. demand"]


def test_save_lists_that_do_not_fit(place: Path) -> None:
    (place / "c.lst").write_text("Waiting\nWaitin\n", encoding="utf-8")
    with pytest.raises(InputError, match=r'c\.lst:2: no variable "Waitin".*Did you mean'):
        read(place)
    (place / "c.lst").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="empty save list"):
        read(place)
    (place / "c.lst").unlink()
    with pytest.raises(InputError, match="--savelist"):
        read(place)


def test_the_sample_table_holds_exactly_our_runs(place: Path) -> None:
    file = place / "s.toml"
    file.write_text(
        f"""
model = "{(place / "m.mdl").as_posix()}"
method = "sobol"
n = 8
seed = 5
outcomes = ["highest Waiting", "settled[South]"]
[[uncertainty]]
name = "U.S. demand"
distribution = "loguniform"
min = 0.5
max = 2.0
[[uncertainty]]
name = "share[North]"
distribution = "uniform"
min = 0.1
max = 0.9
""",
        encoding="utf-8",
    )
    written = export(file, place / "vensim")
    assert sorted(path.name for path in written) == ["s.lst", "s.tab", "s.vsc"]
    table = pd.read_csv(place / "vensim" / "s.tab", sep="\t")
    plan = make_plan(file, model=None, n=None, simulate=None)
    assert list(table.columns) == ["U.S. demand", "share[North]"]
    rows = plan.sample.rows(0, 8).reshape(-1, 2)
    for name, values in plan.draws(rows).items():
        np.testing.assert_array_equal(table[name], values)
    assert (place / "vensim" / "s.vsc").read_text(encoding="utf-8") == "32,F,5,s.tab,0\n"
    lines = (place / "vensim" / "s.lst").read_text(encoding="utf-8").splitlines()
    assert companions.read_savelist(place / "vensim" / "s.lst", model=plan.model) == tuple(lines)
    assert [line.lower() for line in lines] == ["waiting", "settled[south]"]


def test_what_vensim_cannot_vary_is_refused(place: Path) -> None:
    found = read(place)
    stock = Uncertainty(
        name="Waiting", distribution="uniform", min=1.0, max=2.0, where="s.toml, [[uncertainty]] 2"
    )
    changed = found.model_copy(update={"uncertainties": (found.uncertainties[0], stock)})
    with pytest.raises(InputError, match=r"\[\[uncertainty\]\] 2.*constants alone"):
        export(changed, place / "vensim")
    assert not (place / "vensim").exists()


def test_a_beta_distribution_survives_the_rounding_of_its_width(place: Path) -> None:
    found = read(place)
    beta = Uncertainty(name="arrivals", distribution="beta", a=2.0, b=3.0, min=0.2, max=0.9)
    assert 0.2 + (0.9 - 0.2) != 0.9
    text = companions.drawn_control(
        found.model_copy(update={"uncertainties": (beta, found.uncertainties[0])})
    )
    (place / "c.vsc").write_text(text, encoding="utf-8")
    assert arguments(read(place).uncertainties[0]) == arguments(beta)
