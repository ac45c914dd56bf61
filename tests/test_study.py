"""A study from its file to results on disk, with a tiny model in place of the real one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from SALib.analyze import sobol as salib

from flows import calendar, provenance, study
from flows.errors import InputError, ResultError, UnitError
from flows.inputs import read_study
from flows.pace import Pace
from flows.study import methods
from flows.study.conclude import conclusions
from flows.study.plan import make_plan
from flows.study.words import percent
from flows.vensim.read import UnitWarning, read_vensim

TIMES = np.arange(0.0, 25.0)
ORIGINS = ("Mexico", "Haiti")

STUDY = """
title = "A tiny study"
scenario = "{scenario}"
n = 64
seed = 3
outcomes = ["people waiting", "encounters", "programme"]

[[uncertainty]]
name = "growth"
distribution = "uniform"
min = 0.5
max = 1.5

[[uncertainty]]
name = "repeat chance"
distribution = "triangular"
min = 0.0
mode = 0.2
max = 0.8

[[uncertainty]]
name = "share[Haiti]"
distribution = "beta"
a = 2.0
b = 5.0
min = 0.0
max = 1.0
"""

OUTCOMES = """
[[outcome]]
name = "total encounters"
title = "Encounters, all origins"
expression = "encounters[Mexico] + encounters[Haiti]"
unit = "Person/Month"
kind = "person"
better = "neither"

[[outcome]]
name = "programme"
expression = "a variable that this model lacks"
unit = "Case"
kind = "case"
better = "neither"
"""


MODEL = """{UTF-8}
origin: Mexico, Haiti ~~|
growth = 1 ~ Dmnl [0,2] ~|
repeat chance = 0.2 ~ Dmnl [0,1] ~|
share[origin] = 0.5, 0.5 ~ Dmnl [0,1] ~|
inflow = 100 * growth + 100 * repeat chance * growth * Time / one month ~ Person/Month ~|
one month = 1 ~ Month ~|
people waiting = INTEG(inflow, 1000) ~ Person ~|
encounters[origin] = (200 + 10 * Time / one month) * (1 + repeat chance) * share[origin] ~ Person/Month ~|
start of programme = 12 ~ Month ~|
programme = 40 * growth * MAX(0, Time - start of programme) / one month ~ Person ~|
********************************************************
	.Control
********************************************************~
	Simulation Control Parameters
|
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 24 ~ Month ~|
TIME STEP = 0.25 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""


def tiny_simulate(model: Any, inputs: Mapping[str, Any], **options: Any) -> xr.Dataset:
    """Two outcomes of which one is subscripted, and one that does nothing before month 12."""
    assert options["save_every"] == 1
    growth, repeat, share = (xr.DataArray(inputs[u]) for u in ("growth", "repeat chance", "share[Haiti]"))
    time = xr.DataArray(TIMES, dims="time", coords={"time": TIMES})
    waiting = 1e3 + 100 * growth * time + 50 * repeat * growth * time**2
    shares = xr.concat([1 - share, share], pd.Index(ORIGINS, name="origin"))
    encounters = (200 + 10 * time) * (1 + repeat) * shares
    programme = 40 * growth * xr.where(time < 12, 0.0, time - 12)
    dims = ("draw", "time") if growth.ndim else ("time",)
    found = xr.Dataset(
        {
            "people waiting": waiting.transpose(*dims),
            "encounters": encounters.transpose(*dims[:-1], "origin", "time"),
            "programme": programme.transpose(*dims),
        }
    )
    return found.assign_coords(date=("time", calendar.to_date(TIMES)))


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    shipped = tmp_path / "shipped"
    (shipped / "models").mkdir(parents=True)
    (shipped / "models" / "outcomes.toml").write_text(OUTCOMES, encoding="utf-8")
    monkeypatch.setattr("flows.resources.root", lambda: shipped)
    scenario = tmp_path / "calm.toml"
    scenario.write_text('title = "Calm"\nkind = "base"\nsource = "none"\nclaims = []\n', encoding="utf-8")
    file = tmp_path / "tiny.toml"
    file.write_text(STUDY.format(scenario=scenario.as_posix()), encoding="utf-8")
    mdl = tmp_path / "tiny.mdl"
    mdl.write_text(MODEL, encoding="utf-8")
    model = read_vensim(mdl, units="off")
    calls: list[int] = []

    def simulate(model: Any, inputs: Mapping[str, Any], **options: Any) -> xr.Dataset:
        calls.append(np.size(inputs["growth"]))
        return tiny_simulate(model, inputs, **options)

    return SimpleNamespace(
        file=file,
        model=model,
        out=tmp_path / "outputs" / "tiny",
        calls=calls,
        keys={"model": model, "simulate": simulate, "command": "flows study tiny"},
    )


def bits(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix == ".csv"
    }


def test_indices_are_those_of_salib(tiny: SimpleNamespace) -> None:
    found = study.run(tiny.file, **tiny.keys)
    assert found.folder is None
    assert not tiny.out.parent.exists()
    assert found.indices.S1.dims == ("outcome", "uncertainty", "time")
    names = ["people waiting", "encounters[Mexico]", "encounters[Haiti]", "programme"]
    assert list(found.indices.outcome.values) == names
    assert list(found.indices.unit.values) == ["Person", "Person/Month", "Person/Month", "Person"]
    assert list(found.indices.uncertainty.values) == ["growth", "repeat chance", "share[Haiti]"]
    assert found.runs == 64 * 5

    from SALib.sample import sobol as sampler

    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[0, 1]] * 3}
    unit = sampler.sample(problem, 64, calc_second_order=False, seed=3)
    inputs = {u.name: xr.DataArray(u.ppf(unit[:, i]), dims="draw") for i, u in
              enumerate(found.study.uncertainties)}  # fmt: skip
    outcomes = tiny_simulate(tiny.model, inputs, save_every=1)
    for name, values in (
        ("people waiting", outcomes["people waiting"]),
        ("encounters[Haiti]", outcomes["encounters"].sel(origin="Haiti")),
    ):
        for time in (7, 24):
            y = values.sel(time=time).values
            expected = salib.analyze(problem, y, calc_second_order=False, seed=1)
            ours = found.indices.sel(outcome=name, time=time)
            np.testing.assert_allclose(ours.S1, expected["S1"], atol=1e-10)
            np.testing.assert_allclose(ours.ST, expected["ST"], atol=1e-10)
    early = found.indices.sel(outcome="programme", time=5)
    assert np.isnan(early.S1).all()
    late = found.indices.sel(outcome="programme", time=20)
    np.testing.assert_allclose(late.ST, [1, 0, 0], atol=0.1)
    assert (late.ST_low <= late.ST_high).all()


def test_the_engine_in_place_of_the_tiny_simulate(tiny: SimpleNamespace) -> None:
    text = tiny.file.read_text(encoding="utf-8").replace("n = 64", "n = 16")
    tiny.file.write_text(text, encoding="utf-8")
    expected = study.run(tiny.file, **tiny.keys)
    found = study.run(tiny.file, model=tiny.model)
    for outcome in ("encounters[Haiti]", "programme"):
        ours, theirs = found.indices.sel(outcome=outcome), expected.indices.sel(outcome=outcome)
        np.testing.assert_allclose(ours.ST, theirs.ST, atol=1e-9)
        np.testing.assert_allclose(ours.S1_low, theirs.S1_low, atol=1e-9)
    xr.testing.assert_equal(found.indices.date, expected.indices.date)


def test_bands_come_from_a_and_b(tiny: SimpleNamespace) -> None:
    found = study.run(tiny.file, **tiny.keys)
    samples = found.samples
    assert list(samples.columns) == ["sample", "matrix", "growth", "repeat chance", "share[Haiti]"]
    assert len(samples) == 2 * 64
    inputs = {name: xr.DataArray(samples[name].to_numpy(), dims="draw") for name in samples.columns[2:]}
    expected = tiny_simulate(tiny.model, inputs, save_every=1)["people waiting"].sel(time=9)
    ours = found.bands.sel(outcome="people waiting", time=9)
    np.testing.assert_allclose(ours.value, np.quantile(expected, study.QUANTILES), rtol=1e-12)
    np.testing.assert_allclose(ours["mean"], expected.mean(), rtol=1e-12)


def test_results_on_disk(tiny: SimpleNamespace) -> None:
    seen: list[tuple[int, int]] = []

    def finish(result: study.StudyResult, folder: Path) -> None:
        assert folder != tiny.out
        assert (folder / "indices.nc").is_file()
        provenance.atomic_write(folder / "figure.svg", "<svg/>")

    found = study.run(
        tiny.file, out=tiny.out, progress=lambda *step: seen.append(step), finish=finish, **tiny.keys
    )
    assert found.folder == tiny.out
    files = {"bands.csv", "bands.nc", "conclusions.md", "figure.svg",
             "indices.csv", "indices.nc", "looks.nc", "provenance.json",
             "samples.csv", "state.npz", "verdict.txt"}  # fmt: skip
    assert {path.name for path in tiny.out.iterdir()} == files
    assert [path.name for path in tiny.out.parent.iterdir()] == ["tiny"]
    assert seen[0] == (0, 320)
    assert seen[-1] == (320, 320)
    entry = provenance.read_record(tiny.out)
    assert entry is not None
    assert entry["seed"] == 3
    assert entry["command"] == "flows study tiny"
    assert "path" not in entry["study"]  # of one machine
    assert {Path(row["path"]).name for row in entry["inputs"]} >= {"tiny.toml", "tiny.mdl", "calm.toml"}
    table = pd.read_csv(tiny.out / "indices.csv")
    assert list(table.columns[:6]) == ["outcome", "uncertainty", "date", "time", "S1", "S1_low"]
    assert len(table) == 4 * 3 * 25
    bands = pd.read_csv(tiny.out / "bands.csv")
    assert list(bands.columns) == "outcome unit date time mean p05 p25 p50 p75 p95".split()
    assert bands["date"].iloc[0] == "2013-01-01"
    assert (bands["p05"] <= bands["p95"]).all()


def test_the_time_spent_is_kept_and_told(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    pace, left = Pace(), []

    def progress(done: int, total: int) -> None:
        left.append((done / total, pace.seconds_left()))
        if interrupted and done > total / 2:
            interrupted.clear()
            raise KeyboardInterrupt

    interrupted = [True]
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 10)
    with pytest.raises(KeyboardInterrupt):
        study.run(tiny.file, out=tiny.out, progress=progress, pace=pace, **tiny.keys)
    before = json.loads((tiny.out.with_name(".tiny.work") / "seconds.json").read_text(encoding="utf-8"))
    assert left[0] == (0, None)
    assert all(seconds is not None and seconds > 0 for share, seconds in left[1:])
    found = study.run(tiny.file, out=tiny.out, progress=progress, pace=pace, **tiny.keys)
    entry = provenance.read_record(tiny.out)
    assert entry is not None
    assert entry["seconds_by_part"] == found.spent
    assert set(found.spent) == set(study.PARTS)
    for part in study.PARTS:
        assert found.spent[part] > before[part] > 0
    extended = study.run(tiny.file, out=tiny.out, extend=True, **tiny.keys)
    assert extended.spent["runs"] > found.spent["runs"]
    assert study.read(tiny.out).spent == extended.spent


def test_results_are_read_back(tiny: SimpleNamespace) -> None:
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    again = study.read(tiny.out)
    xr.testing.assert_identical(found.indices.drop_attrs(), again.indices.drop_attrs())
    xr.testing.assert_allclose(found.bands, again.bands)
    pd.testing.assert_frame_equal(found.samples, again.samples)
    assert again.study.uncertainties == found.study.uncertainties
    assert again.runs == found.runs
    with pytest.raises(InputError, match="no results of a study"):
        study.read(tiny.out.parent)
    (tiny.out / "bands.nc").write_bytes(b"broken")
    with pytest.raises(InputError, match="damaged"):
        study.read(tiny.out)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_study_goes_on_with_the_same_bits(
    tiny: SimpleNamespace, stop: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 10)
    study.run(tiny.file, out=tiny.out, **tiny.keys)
    whole = bits(tiny.out)

    other = tiny.out.with_name("other")

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise stop

    with pytest.raises(stop):
        study.run(tiny.file, out=other, progress=interrupt, **tiny.keys)
    assert not other.exists()
    tiny.calls.clear()
    said: list[str] = []
    counts: list[int] = []
    study.run(
        tiny.file, out=other, stage=said.append, progress=lambda done, _: counts.append(done), **tiny.keys
    )
    assert sum(tiny.calls) < 0.6 * 320
    assert said[0].startswith("Reading the study")
    assert said[1] == f"Going on from {counts[0]} of 320 runs"
    assert counts[0] > 160
    assert counts == sorted(counts)
    assert bits(other) == whole
    assert sorted(path.name for path in tiny.out.parent.iterdir()) == ["other", "tiny"]


def test_only_chunks_of_the_same_study_are_used(
    tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 10)

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    text = tiny.file.read_text(encoding="utf-8")
    for change, options in (("seed = 4", {}), ("seed = 3", {"resume": False})):
        tiny.file.write_text(text, encoding="utf-8")
        with pytest.raises(KeyboardInterrupt):
            study.run(tiny.file, out=tiny.out, progress=interrupt, **tiny.keys)
        tiny.calls.clear()
        tiny.file.write_text(text.replace("seed = 3", change), encoding="utf-8")
        found = study.run(tiny.file, out=tiny.out, **options, **tiny.keys)
        assert sum(tiny.calls) == found.runs + 1


@pytest.mark.parametrize("spoilt", ["cut", "a bit"])
def test_a_damaged_chunk_is_run_again(tiny: SimpleNamespace, spoilt: str) -> None:
    study.run(tiny.file, out=tiny.out, **tiny.keys)
    whole = bits(tiny.out)

    def damage(done: int, total: int) -> None:
        if done:
            (chunk,) = tiny.out.with_name(".tiny.work").glob("*.npy")
            content = bytearray(chunk.read_bytes())
            if spoilt == "cut":
                del content[-9:]
            else:
                content[len(content) // 2] ^= 1
            chunk.write_bytes(content)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(tiny.file, out=tiny.out, progress=damage, **tiny.keys)
    tiny.calls.clear()
    assert bits(tiny.out) == whole
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert sum(tiny.calls) == found.runs + 1
    assert bits(tiny.out) == whole


def test_units_of_an_own_model_are_warned_of_and_of_a_shipped_one_refused(tiny: SimpleNamespace) -> None:
    keys = {"n": None, "simulate": tiny.keys["simulate"], "model": None}
    shipped = tiny.file.parent / "shipped" / "models" / "tiny.mdl"
    for mdl in (tiny.file.with_name("own.mdl"), shipped):
        mdl.write_text(MODEL, encoding="utf-8")
    plan = read_study(tiny.file).model_copy(update={"model": str(shipped)})
    with pytest.raises(UnitError, match="inflow"):
        make_plan(plan, **keys)
    plan = plan.model_copy(update={"model": str(tiny.file.with_name("own.mdl"))})
    with pytest.warns(UnitWarning, match="inflow"):
        make_plan(plan, **keys)


def test_same_bits_whatever_the_chunks(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    found = study.run(tiny.file, **tiny.keys)
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 15)
    again = study.run(tiny.file, **tiny.keys)
    xr.testing.assert_identical(found.indices, again.indices)
    xr.testing.assert_identical(found.bands, again.bands)


def test_a_named_outcome(tiny: SimpleNamespace) -> None:
    text = tiny.file.read_text(encoding="utf-8").replace('"encounters"', '"total encounters"')
    tiny.file.write_text(text, encoding="utf-8")
    found = study.run(tiny.file, **tiny.keys)
    assert list(found.indices.outcome.values) == ["people waiting", "total encounters", "programme"]
    assert list(found.indices.title.values)[1] == "Encounters, all origins"
    assert list(found.indices.unit.values)[2] == "Person"
    np.testing.assert_allclose(found.indices.ST.sel(outcome="total encounters", time=4), [0, 1, 0], atol=0.1)


def test_second_order_and_groups(tiny: SimpleNamespace) -> None:
    text = tiny.file.read_text(encoding="utf-8").replace("n = 64", "n = 64\nsecond_order = true")
    tiny.file.write_text(text, encoding="utf-8")
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert found.runs == 64 * 8
    assert found.indices.S2.dims == ("outcome", "uncertainty", "partner", "time")
    pairs = pd.read_csv(tiny.out / "indices_second_order.csv")
    assert set(zip(pairs["uncertainty"], pairs["partner"], strict=True)) == {
        ("growth", "repeat chance"), ("growth", "share[Haiti]"), ("repeat chance", "share[Haiti]")
    }  # fmt: skip
    grouped = text.replace("second_order = true", "").replace("distribution =", 'group = "G"\ndistribution =')
    tiny.file.write_text(grouped.replace('group = "G"', 'group = "H"', 1), encoding="utf-8")
    found = study.run(tiny.file, **tiny.keys)
    assert list(found.indices.uncertainty.values) == ["H", "G"]
    assert found.runs == 64 * 4


def test_a_run_that_is_not_finite_is_named(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate = tiny.keys["simulate"]

    def overflow(model: Any, inputs: Mapping[str, Any], **options: Any) -> xr.Dataset:
        found = simulate(model, inputs, **options)
        if "draw" in found.dims:
            found["encounters"][17, 1, 14:] = np.inf
            found["people waiting"][40, 2] = np.nan
        return found

    with pytest.raises(ResultError) as caught:
        study.run(tiny.file, out=tiny.out, **{**tiny.keys, "simulate": overflow})
    text = str(caught.value)
    assert '"encounters[Haiti]" is not a finite number' in text
    assert "run 18 of 320, March 2014" in text
    assert "--run 18 added to the same command" in text
    work = tiny.out.with_name(".tiny.work")
    assert list(tiny.out.parent.iterdir()) == [work]
    listed = pd.read_csv(work / "not_finite.csv")
    assert list(listed["run"]) == [18, 41]
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 10)
    plan = make_plan(tiny.file, model=tiny.model, n=None, simulate=simulate)
    inputs, drawn = plan.one(18)
    assert drawn["repeat chance"] == pytest.approx(listed["repeat chance"].iloc[0])
    assert inputs["share[Haiti]"] == drawn["share[Haiti]"]
    with pytest.raises(InputError, match="1 to 320"):
        plan.one(321)


def test_what_was_finished_before_a_run_that_is_not_finite_is_kept(
    tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 10)
    simulate, many = tiny.keys["simulate"], []

    def overflow(model: Any, inputs: Mapping[str, Any], **options: Any) -> xr.Dataset:
        found = simulate(model, inputs, **options)
        if "draw" in found.dims:
            many.append(1)
            if len(many) == 20:
                found["encounters"][3, 1, 14:] = np.inf
        return found

    with pytest.raises(ResultError):
        study.run(tiny.file, out=tiny.out, **{**tiny.keys, "simulate": overflow})
    changed(tiny, ("seed = 3", 'seed = 3\nnon_finite = "leave out"'))
    many.clear()
    many.extend([1] * 19)
    seen: list[int] = []
    found = study.run(
        tiny.file,
        out=tiny.out,
        progress=lambda done, total: seen.append(done),
        **{**tiny.keys, "simulate": overflow},
    )
    assert seen[0] == 190
    assert list(found.left_out["run"]) == [194]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "growth"', 'name = "groth"', 'Did you mean "growth"'),
        ('"programme"]', '"programm"]', 'Did you mean "programme"'),
        ("n = 64", "n = 100", "power of two"),
        ("n = 64", 'n = "many"', '"n"|n ='),
    ],
)
def test_mistakes_leave_nothing_behind(tiny: SimpleNamespace, old: str, new: str, words: str) -> None:
    tiny.file.write_text(tiny.file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert not tiny.out.parent.exists()


def test_what_the_scenario_sets_is_not_varied(tiny: SimpleNamespace) -> None:
    scenario = tiny.file.with_name("calm.toml")
    with scenario.open("a", encoding="utf-8") as stream:
        stream.write('[[constant]]\nname = "Growth"\nvalue = 1.0\nwhy = "test"\n')
    with pytest.raises(InputError, match="which the study varies"):
        study.run(tiny.file, **tiny.keys)


def test_somebody_elses_folder_is_refused_before_any_run(tiny: SimpleNamespace) -> None:
    tiny.out.mkdir(parents=True)
    (tiny.out / "thesis.tex").write_text("", encoding="utf-8")
    with pytest.raises(ResultError, match="aren't results of Flows"):
        study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert tiny.calls == []


@pytest.mark.parametrize("snapshots", [False, True])
def test_an_extended_study_is_the_larger_study(
    tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, snapshots: bool
) -> None:
    if snapshots:
        monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 50)
        monkeypatch.setattr("flows.study.work.SNAPSHOT_BYTES", 1)
    whole = tiny.out.with_name("whole")
    study.run(tiny.file, out=whole, n=256, **tiny.keys)
    study.run(tiny.file, out=tiny.out, **tiny.keys)
    tiny.calls.clear()

    def interrupt(done: int, total: int) -> None:
        if done > 0.8 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(tiny.file, out=tiny.out, extend=True, n=256, progress=interrupt, **tiny.keys)
    study.run(tiny.file, out=tiny.out, extend=True, n=256, **tiny.keys)
    assert sum(tiny.calls) == (256 - 64) * 5 + 2  # and one run for the layout each time
    assert bits(tiny.out) == bits(whole)
    found = study.read(tiny.out)
    assert found.looks is not None
    assert list(found.looks["n"].values) == [16, 32, 64, 128]
    with pytest.raises(InputError, match="as many samples already"):
        study.run(tiny.file, out=tiny.out, extend=True, n=128, **tiny.keys)
    tiny.file.write_text(
        tiny.file.read_text(encoding="utf-8").replace("seed = 3", "seed = 4"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="another study"):
        study.run(tiny.file, out=tiny.out, extend=True, **tiny.keys)
    assert bits(tiny.out) == bits(whole)


def test_results_with_more_samples_are_not_lost(tiny: SimpleNamespace) -> None:
    study.run(tiny.file, out=tiny.out, **tiny.keys)
    study.run(tiny.file, out=tiny.out, extend=True, **tiny.keys)
    with pytest.raises(InputError, match="with more samples stand there, found n = 128"):
        study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert study.read(tiny.out).study.n == 128
    study.run(tiny.file, out=tiny.out, resume=False, **tiny.keys)
    assert study.read(tiny.out).study.n == 64


def test_nothing_to_extend(tiny: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="nothing to extend"):
        study.run(tiny.file, out=tiny.out, extend=True, **tiny.keys)
    assert not tiny.out.exists()


def test_a_verdict_says_whether_it_was_enough(tiny: SimpleNamespace) -> None:
    small = study.run(tiny.file, n=16, **tiny.keys)
    assert small.verdict[0].startswith("Not enough for all: with n = 16")
    needed = int(small.verdict[0].split("About n = ")[1].split(" ")[0].replace(",", ""))
    assert needed > 16 and needed & (needed - 1) == 0
    large = study.run(tiny.file, n=4096, **tiny.keys)
    assert large.verdict[0].startswith("Enough: with n = 4,096")
    assert float(np.abs(large.indices["dummy"]).max()) < 0.1
    assert any("no variance" in sentence for sentence in large.verdict)


def changed(tiny: SimpleNamespace, *pairs: tuple[str, str]) -> None:
    text = tiny.file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    tiny.file.write_text(text, encoding="utf-8")


def test_groups_with_values_that_are_not_finite_are_left_out_and_listed(tiny: SimpleNamespace) -> None:
    changed(tiny, ("seed = 3", 'seed = 3\nnon_finite = "leave out"'))
    simulate = tiny.keys["simulate"]

    def overflow(model: Any, inputs: Mapping[str, Any], **options: Any) -> xr.Dataset:
        found = simulate(model, inputs, **options)
        if "draw" in found.dims and not broken:
            found["encounters"][17, 1, 14:] = np.inf
            broken.append(17)
        return found

    broken: list[int] = []
    found = study.run(tiny.file, out=tiny.out, **{**tiny.keys, "simulate": overflow})
    assert len(found.left_out) == 1
    assert dict(found.left_out.iloc[0][["run", "group", "outcome"]]) == {
        "run": 18, "group": 3, "outcome": "encounters[Haiti]",
    }  # fmt: skip
    assert "were left out" in found.verdict[-1]
    again = study.read(tiny.out)
    assert again.left_out["growth"].iloc[0] == pytest.approx(found.samples["growth"].iloc[6])
    everything = study.run(tiny.file, **tiny.keys)
    assert not np.allclose(found.indices["mean"], everything.indices["mean"])


def test_outcomes_reduced_to_numbers(tiny: SimpleNamespace) -> None:
    changed(
        tiny,
        (
            '"people waiting", "encounters", "programme"]',
            '"people waiting", "highest programme", "first time people waiting above 2000", '
            '"integral encounters[Haiti]"]\ntimes = ["2013-06", "2014-12"]',
        ),
    )
    found = study.run(tiny.file, out=tiny.out, n=512, **tiny.keys)
    assert list(found.indices["time"].values) == [6.0, 24.0]
    assert found.numbers is not None
    assert list(found.numbers["outcome"].values) == [
        "highest programme",
        "first time people waiting above 2000",
        "integral encounters[Haiti]",
    ]
    assert list(found.numbers["unit"].values) == ["Person", "Month", "Person"]
    np.testing.assert_allclose(found.numbers["ST"].sel(outcome="highest programme"), [1, 0, 0], atol=0.05)
    total = found.numbers.sel(outcome="integral encounters[Haiti]")
    assert float(total["ST"].sel(uncertainty="share[Haiti]")) > 0.8
    inputs = {u: xr.DataArray(found.samples[u].to_numpy(), dims="draw") for u in found.samples.columns[2:]}
    course = tiny_simulate(tiny.model, inputs, save_every=1)["encounters"].sel(origin="Haiti")
    expected = np.quantile(np.trapezoid(course.values, TIMES, axis=-1), study.QUANTILES)
    np.testing.assert_allclose(total["quantiles"], expected, rtol=1e-12)
    table = pd.read_csv(tiny.out / "numbers.csv")
    assert len(table) == 3 * 3


@pytest.mark.parametrize("method", ["monte-carlo", "latin-hypercube"])
def test_plain_draws(tiny: SimpleNamespace, method: str) -> None:
    changed(tiny, ("n = 64", f'n = 500\nmethod = "{method}"'))
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert found.runs == 500
    assert found.bands is not None
    waiting = found.indices["rank_correlation"].sel(outcome="people waiting", time=3)
    assert float(waiting.sel(uncertainty="growth")) > 0.8
    assert np.isnan(found.indices["rank_correlation"].sel(outcome="programme", time=3)).all()
    inputs = {u: xr.DataArray(found.samples[u].to_numpy(), dims="draw") for u in found.samples.columns[1:]}
    expected = tiny_simulate(tiny.model, inputs, save_every=1)["people waiting"].sel(time=9)
    ours = found.bands["value"].sel(outcome="people waiting", time=9)
    np.testing.assert_allclose(ours, np.quantile(expected, study.QUANTILES), rtol=1e-12)
    assert "500 runs" in found.verdict[0]
    again = study.read(tiny.out)
    xr.testing.assert_allclose(again.indices, found.indices)


def test_morris_screening(tiny: SimpleNamespace) -> None:
    changed(tiny, ("n = 64", 'n = 20\nmethod = "morris"'))
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert found.runs == 20 * 4
    assert found.bands is None
    star = found.indices["mu_star"].sel(outcome="people waiting", time=12)
    assert str(star["uncertainty"].values[int(star.argmax("uncertainty"))]) == "repeat chance"
    assert float(star.sel(uncertainty="share[Haiti]")) == 0
    assert "20 trajectories" in found.verdict[0]


def test_tornado(tiny: SimpleNamespace) -> None:
    changed(tiny, ("n = 64", 'method = "tornado"\ntails = 0.1'))
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    assert found.runs == 7
    one = found.indices.sel(outcome="people waiting", time=10)
    low, high = 0.6, 1.4  # of growth, uniform from 0.5 to 1.5
    repeat = float(found.samples["repeat chance"].iloc[0])
    for side, growth in (("low", low), ("high", high)):
        expected = 1e3 + 100 * growth * 10 + 50 * repeat * growth * 100
        assert float(one[side].sel(uncertainty="growth")) == pytest.approx(expected)
    assert float(one["low"].sel(uncertainty="share[Haiti]")) == float(one["middle"])
    table = pd.read_csv(tiny.out / "indices.csv")
    assert list(table.columns) == ["outcome", "unit", "uncertainty", "date", "time", "low", "high"]
    assert set(table.loc[table["outcome"] == "people waiting", "unit"]) == {"Person"}


def test_rounding_is_no_effect(tiny: SimpleNamespace) -> None:
    changed(tiny, ("n = 64", 'n = 8\nmethod = "morris"'))
    plan = make_plan(tiny.file, model=tiny.model, n=None, simulate=tiny.keys["simulate"])
    kept = methods.RunsCollector(plan)
    values = plan.values(0, 8)
    values[..., 3] = 5e6 + 1e-9 * np.random.default_rng(1).normal(size=values.shape[:2])
    kept.update(values, np.arange(8))
    found = methods.effects(kept)
    assert not found.mu_star[:, 3].any() and not found.sigma[:, 3].any()
    assert found.mu_star[:, 5].any()
    swings = SimpleNamespace(values=lambda: np.array([[[2.0, 1.0]], [[2.0 + 4e-16, 1.5]], [[2.0, 0.5]]]))
    middle, low, high = methods.swings(swings)  # type: ignore[arg-type]
    np.testing.assert_array_equal(high - low, [[0.0, -1.0]])
    np.testing.assert_array_equal(middle, [2.0, 1.0])


def test_what_drives_the_worst_tenth(tiny: SimpleNamespace, tmp_path: Path) -> None:
    outcomes = tmp_path / "shipped" / "models" / "outcomes.toml"
    with outcomes.open("a", encoding="utf-8") as stream:
        stream.write(
            '[[outcome]]\nname = "waiting"\nexpression = "people waiting"\nunit = "Person"\nkind = "person"\n'
            'better = "lower"\n'
        )
    changed(tiny, ('"people waiting", ', '"waiting", '))
    found = study.run(tiny.file, n=256, out=tiny.out, **tiny.keys)
    assert found.worst is not None
    assert list(found.worst["outcome"].values) == ["waiting"]
    last = found.worst.isel(outcome=0, time=-1)
    assert float(last["shift"].sel(uncertainty="growth")) > 0.1
    assert float(last["distance"].sel(uncertainty="share[Haiti]")) < found.worst.attrs["noise"]
    assert (tiny.out / "worst.csv").is_file()


CURVES = MODEL.replace(
    "start of programme = 12",
    "slow( (0,1),(24,2) ) ~ Dmnl ~|\nfast( (0,1),(12,4),(24,6) ) ~ Dmnl ~|\n"
    "course = slow(Time / one month) ~ Dmnl ~|\nstart of programme = 12",
)


def test_initial_values_and_lookups_are_varied(tiny: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "curves.mdl").write_text(CURVES, encoding="utf-8")
    model = read_vensim(tmp_path / "curves.mdl", units="off")
    changed(
        tiny,
        ('"people waiting", "encounters", "programme"]', '"people waiting", "course"]'),
        ('name = "growth"', 'name = "people waiting"'),
        ("min = 0.5\nmax = 1.5", "min = 500.0\nmax = 1500.0"),
        ('name = "share[Haiti]"', 'name = "slow"\nof = "between"\nother = "fast"'),
    )
    found = study.run(tiny.file, model=model, n=128)
    np.testing.assert_allclose(
        found.indices["ST"].sel(outcome="people waiting", time=0), [1, 0, 0], atol=1e-6
    )
    np.testing.assert_allclose(found.indices["ST"].sel(outcome="course", time=12), [0, 0, 1], atol=0.05)
    share = found.samples["slow"]
    assert found.bands is not None
    at = found.bands["mean"].sel(outcome="course", time=12)
    assert float(at) == pytest.approx(float(((1 - share) * 1.5 + share * 4).mean()))
    changed(tiny, ('of = "between"\nother = "fast"', 'of = "scale"'))
    found = study.run(tiny.file, model=model, n=128)
    assert found.bands is not None
    at = found.bands["mean"].sel(outcome="course", time=24)
    assert float(at) == pytest.approx(float((2 * found.samples["slow"]).mean()))


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([('name = "growth"', 'name = "slow"')], "is a lookup"),
        ([('name = "growth"', 'name = "slow"\nof = "between"')], 'needs the key "other"'),
        ([('name = "growth"', 'name = "slow"\nother = "fast"')], "of = "),
        ([('name = "share[Haiti]"', 'name = "slow"\nof = "between"\nother = "fats"')], 'mean "fast"'),
        ([("n = 64", 'n = 64\ntimes = ["2020-01"]')], "outside the run"),
        ([("n = 64", 'method = "morris"')], '"n" is missing'),
        ([("n = 64", 'n = 64\nmethod = "morris"\nsecond_order = true')], "Sobol study"),
        ([('"programme"]', '"first time programme above many"]')], "not a number"),
        ([('"programme"]', '"peak programme"]')], 'found "peak", expected final, highest, lowest, time of'),
        ([('"programme"]', '"highst encounters[Haiti]"]')], 'mean "highest"'),
    ],
)
def test_more_mistakes(
    tiny: SimpleNamespace, tmp_path: Path, pairs: list[tuple[str, str]], words: str
) -> None:
    (tmp_path / "curves.mdl").write_text(CURVES, encoding="utf-8")
    model = read_vensim(tmp_path / "curves.mdl", units="off")
    changed(tiny, *pairs)
    with pytest.raises(InputError, match=words):
        study.run(tiny.file, model=model)


def test_a_page_says_what_to_conclude(tiny: SimpleNamespace) -> None:
    found = study.run(tiny.file, out=tiny.out, **tiny.keys)
    page = (tiny.out / "conclusions.md").read_text(encoding="utf-8")
    assert page == conclusions(found)
    rows = {line.split("**")[1]: line for line in page.splitlines() if line.startswith("- **")}
    assert set(rows) == set(found.indices["title"].values.tolist())
    waiting, haiti = rows["people waiting"], rows["encounters[Haiti]"]
    strongest = found.indices["ST"].sel(outcome="people waiting").isel(time=-1)
    assert waiting.startswith(f"- **people waiting**: {strongest.idxmax('uncertainty').item()} ")
    assert f" {percent(float(strongest.max()))} (" in waiting
    assert "How to read a line" in page
    assert "share[Haiti]" in haiti
    assert all(sentence in page for sentence in found.verdict)
    assert "the same command with `--extend`" in page  # n = 64 isn't enough
    small = [line for line in page.splitlines() if line.startswith("- These may stay")]
    assert not small  # each of the three drives some outcome


@pytest.mark.parametrize("method", ["morris", "tornado", "monte-carlo"])
def test_the_page_of_every_method(tiny: SimpleNamespace, method: str) -> None:
    changed(tiny, ("n = 64", f'n = 24\nmethod = "{method}"'))
    found = study.run(tiny.file, **tiny.keys)
    page = conclusions(found)
    assert "growth" in next(line for line in page.splitlines() if line.startswith("- **programme"))
    assert 'method = "sobol"' in page or 'method = "morris"' in page


def test_results_that_are_not_read(tiny: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r"no results of a study here\. Run one with flows study"):
        study.read(tiny.out)
    study.run(tiny.file, out=tiny.out, n=16, **tiny.keys)
    verdict = tiny.out / "verdict.txt"
    kept = verdict.read_text(encoding="utf-8")
    verdict.unlink()
    with pytest.raises(
        InputError, match=r"the results of the study are damaged, found .*verdict.txt.* Run the study"
    ):
        study.read(tiny.out)
    verdict.write_text(kept, encoding="utf-8")
    assert study.read(tiny.out).runs == 16 * 5
    (tiny.out / "indices.nc").unlink()
    with pytest.raises(InputError, match=r"damaged, found indices.nc is missing"):
        study.read(tiny.out)
