"""Comparisons at the command line: what is printed of them, what is compared with what, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import compare
from flows.cli import main
from flows.compare import end_within
from flows.errors import InputError
from flows.inputs import inline_scenario, read_outcomes
from flows.model.model import Model

Said = Callable[..., str]


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


@pytest.fixture
def said(small_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command, without figures; what it prints, or the sentence with which it refuses."""
    monkeypatch.setattr("flows.report.results.comparison_figures", lambda comparison, folder: None)

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == code
        printed = capsys.readouterr()
        return " ".join((printed.err if code else printed.out).split())

    return run


def test_interaction_of_levers(said: Said) -> None:
    levers = ["--lever", "faster claims=2; labour demand=0.5; closing rate=30"]
    drawn = said("compare", *levers, "--interaction", "--draws", "4", "--until", "2016-12", "--out", "i")
    table = pd.read_csv("i/interaction.csv")
    assert set(table["first"]) == {"faster claims", "labour demand", "all together"}
    assert len(table[table["outcome"] == "exposure index"]) == 4  # three pairs, and all together
    assert "Shown: all together, and the pairs" in drawn and re.search(r"\+[\d.]+ to \+[\d.]+", drawn)
    assert not Path("i/comparison.svg").exists()
    alone = said("compare", *levers, "--interaction", "--draws", "0", "--until", "2016-12", "--out", "j")
    assert "Shown: all together" in alone and not re.search(r"[+-][\d.]+ to [+-][\d.]+", alone)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare"], "nothing to compare, expected a scenario, a file, a lever after --lever, or folders"),
        (
            ["compare", "boom", "faster", "--interaction", "--set", "labour demand=2"],
            "--interaction: interaction takes neither --model nor --set",
        ),
        (["compare", "boom", "--set", "SAVEPER=2"], "--set: a comparison is saved month by month. Leave SAVEPER out."),
        (["compare", "boom", "--at", "2016"], "--at"),
        (
            ["compare", "--lever", "; ".join(f"v{k}=1" for k in range(2))],
            'no lever or constant "v0" in the model',
        ),
    ],
)  # fmt: skip
def test_refused(said: Said, arguments: list[str], words: str) -> None:
    assert words in said(*arguments, code=1)


def test_many_scenarios_are_too_many_for_a_workbook(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.compare.MOST_PAIRED", 2)
    assert (
        "--xlsx: a workbook holds no more than that many scenarios, found 2, expected fewer than 2"
        in said("compare", "boom", "faster", "--xlsx", code=1)
    )


def test_the_base_course_with_another_value_is_a_comparison(said: Said) -> None:
    assert "nothing to compare" in said("compare", "current-course", code=1)
    out = said(
        "compare",
        "current-course",
        "--set",
        "labour demand=2",
        "--draws",
        "0",
        "--until",
        "2014-06",
        "--out",
        "c",
    )
    assert "current-course with labour demand=2" in out
    assert set(pd.read_csv("c/comparison.csv")["date"]) == {"2014-06"}  # the run ends before 2030


def test_in_a_narrow_terminal_intervals_stand_below(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    wide = said("compare", "boom", "--draws", "4", "--out", "w")
    monkeypatch.setenv("COLUMNS", "70")
    narrow = said("compare", "boom", "--draws", "4", "--out", "n")
    numbers = re.findall(r"[+-]?[\d.]+ to [+-]?[\d.]+ %", wide)
    assert len(numbers) >= 3 and all(one in narrow for one in numbers)
    assert "interval" in wide.split("boom")[0] and narrow.index(numbers[0]) > narrow.index("boom")


def test_of_too_few_draws_intervals_and_shares_say_little(
    said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", "boom", "--until", "2014-06", "--out", "few", "--draws"]
    for draws, words in ((1, "1 draw says little: 90 % intervals"), (19, "19 draws say little")):
        capsys.readouterr()
        assert main([*asked, str(draws)]) == 0
        printed = capsys.readouterr()
        assert f"Note: {words}" in printed.err and "at least 20 draws (--draws 20)" in printed.err
        assert "1 draws" not in printed.out
        notes = json.loads(Path("few/provenance.json").read_text(encoding="utf-8"))["notes"]
        assert len(notes) == 1 and notes[0].startswith(words)
    for draws in (0, 20):
        assert main([*asked, str(draws)]) == 0
        assert "little" not in capsys.readouterr().err
        assert json.loads(Path("few/provenance.json").read_text(encoding="utf-8"))["notes"] == []


def test_what_stands_twice_or_changes_nothing_is_said(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    own = "labour demand=1"
    lever = ["--lever", own, "--draws", "0", "--until", "2014-06", "--out", "c"]
    capsys.readouterr()
    assert main(["compare", "boom", "boom", *lever]) == 0
    err = capsys.readouterr().err
    assert "Note: boom is named more than once: it is compared once." in err
    assert f"Note: {own} changes nothing: all outcomes are those of current-course throughout" in err
    assert "boom changes nothing" not in err
    assert len(json.loads(Path("c/provenance.json").read_text(encoding="utf-8"))["notes"]) == 2


@pytest.fixture
def saved(said: Said) -> Said:
    """Two runs on the disk, one with a setting, and a comparison."""
    said("run", "boom", "--no-figures", "--until", "2016-12", "--out", "outputs/a/run")
    said("run", "--set", "labour demand=2", "--no-figures", "--until", "2015-12", "--out", "outputs/b/run")
    said("compare", "boom", "--draws", "4", "--until", "2016-12", "--out", "outputs/c")
    return said


def test_saved_results_are_named_apart(saved: Said, small_root: Path) -> None:
    out = saved("compare", "outputs/a/run", "outputs/b/run", "--at", "2015-06", "--out", "ab")
    found = xr.load_dataset("ab/comparison.nc")
    assert list(found["scenario"].values) == ["run in outputs/a/run", "run in outputs/b/run"]
    assert found.attrs["titles"].split("\n")[1] == "current-course with labour demand=2 (run)"
    assert float(found["time"][-1]) == 36  # the times that both have
    assert "Compared from what was saved in outputs/a/run, outputs/b/run" in out
    spans = "January 2013 to December 2016: outputs/a/run; January 2013 to December 2015: outputs/b/run"
    assert f"({spans}): compared is what all hold, January 2013 to December 2015." in out
    assert out.startswith("These results cover different times")
    assert "different model files" not in out and "don't share their draws" not in out
    rows = pd.read_csv("ab/comparison.csv")
    assert "2015-06" in set(rows["date"])
    # a base course that a comparison repeats is left out, and a run has no draws
    out = saved("compare", "outputs/c", "outputs/b/run", "--out", "cb")
    assert "These results don't share their draws: differences are of one run each" in out
    assert list(xr.load_dataset("cb/comparison.nc")["scenario"].values) == ["current-course", "boom", "run"]
    record = json.loads(Path("outputs/b/run/provenance.json").read_text(encoding="utf-8"))
    for entry in record["inputs"]:
        if entry["path"].endswith(".mdl"):
            entry["sha256"] = "0" * 64
    Path("outputs/b/run/provenance.json").write_text(json.dumps(record), encoding="utf-8")
    out = saved("compare", "outputs/a/run", "outputs/b/run", "--out", "other")
    assert out.startswith("These results come from different model files")


def test_saved_results_that_are_not_compared(saved: Said) -> None:
    assert "nothing to compare, found one run, expected a second folder" in saved(
        "compare", "outputs/a/run", code=1
    )
    for twice in ("./outputs/a/run/", "outputs/b/../a/run"):
        assert f"{twice}: the same results are named twice. Name each folder once." in saved(
            "compare", "outputs/a/run", twice, code=1
        )
    assert "--set: saved results can't be run again. Name scenarios in place of folders." in saved(
        "compare", "outputs/a/run", "outputs/b/run", "--set", "labour demand=2", code=1
    )
    assert "outputs/zz/run: no such folder" in saved("compare", "outputs/a/run", "outputs/zz/run", code=1)
    with pytest.raises(InputError, match="the run has none of the shipped model's outcomes"):
        compare.compare_saved(
            ["outputs/a/run", "outputs/b/run"],
            outcomes=[o.model_copy(update={"expression": "elsewhere"}) for o in read_outcomes()[:1]],
        )
    arrivals = next(o for o in read_outcomes() if o.name == "arrivals")
    elsewhere = arrivals.model_copy(update={"name": "only in the run"})
    with pytest.raises(InputError, match="outputs/a/run, outputs/c: the folders have no outcome in common"):
        compare.compare_saved(["outputs/a/run", "outputs/c"], outcomes=[elsewhere])
    Path("outputs/a/run/trajectories.nc").write_bytes(b"spoilt")
    assert "the results can't be read" in saved("compare", "outputs/a/run", "outputs/b/run", code=1)
    Path("outputs/a/run/trajectories.nc").unlink()
    assert re.search(
        r'outputs/a/run: holds neither a run nor a comparison, found what ".*" left, expected a folder of',
        saved("compare", "outputs/a/run", "outputs/b/run", code=1),
    )


def test_parts_of_more_levers_than_pairs_are_run_of(model: Model) -> None:
    from flows.compare.interaction import MOST

    one = inline_scenario("faster claims=2", model)
    many = [one.model_copy(update={"name": f"s{k}"}) for k in range(MOST + 1)]
    with pytest.raises(InputError, match=f"too many levers for a run of every pair, found {MOST + 1}"):
        compare.parts_of(many)
    assert compare.parts_of(many[:-1]) == tuple(many[:-1])


def test_what_an_interaction_is_called() -> None:
    from flows.compare.interaction import HELP, LESS, MORE, NONE, UNDO, _verdict

    assert _verdict(5.0, -1.0, 9.0, 1.0, "lower") == NONE  # the interval holds zero
    assert _verdict(0.5, 0.4, 0.6, 1.0, "lower") == NONE  # next to nothing
    assert _verdict(5.0, 2.0, 9.0, 1.0, "lower") == UNDO
    assert _verdict(-5.0, -9.0, -2.0, 1.0, "lower") == HELP
    assert _verdict(5.0, 2.0, 9.0, 1.0, "higher") == HELP
    assert _verdict(5.0, 2.0, 9.0, 1.0, "neither") == MORE
    assert _verdict(-5.0, -9.0, -2.0, 1.0, "neither") == LESS


def test_inputs_that_cannot_be_set_side_by_side(model: Model) -> None:
    with pytest.raises(
        InputError, match='"COMAR pending cases" is no constant, and scenarios differ in constants'
    ):
        compare.stacked_inputs([{"COMAR pending cases": 1.0}], ["a"], model)
    with pytest.raises(InputError, match=r'a: no element "Hiati" of "base arrivals", expected one of Haiti'):
        compare.stacked_inputs([{"base arrivals[Hiati]": 1.0}], ["a"], model)


def test_runs_of_models_without_a_common_time() -> None:
    from flows.compare.runs import joined

    def run(*times: float) -> xr.Dataset:
        coords = {"scenario": ["s"], "time": list(times)}
        values = np.ones((1, len(times)))
        return xr.Dataset({"x": (("scenario", "time"), values, {"units": "Person"})}, coords=coords)

    both = joined([run(0, 1, 2), run(1, 2, 3)])
    assert list(both["time"].values) == [1, 2] and both["x"].attrs == {"units": "Person"}
    with pytest.raises(InputError, match=r"^the models have no time in common"):
        joined([run(0, 1), run(2, 3)])


def test_a_month_outside_the_run(model: Model) -> None:
    assert end_within("2017-12", model) == 60
    with pytest.raises(
        InputError, match="the month lies outside the run, found 2018-01, expected 2013-01 to 2017-12"
    ):
        end_within("2018-01", model)
    with pytest.raises(InputError, match="expected 2013-01 to 2014-06"):
        end_within("2014-07", model, until="2014-06")
    with pytest.raises(InputError, match='--at: not a month, found "2015"'):
        end_within("2015", model, where="--at")


def test_a_time_outside_a_run_in_years(tmp_path: Path) -> None:
    text = (
        "births = 1 ~~| INITIAL TIME = 1980 ~~| FINAL TIME = 2070 ~~| TIME STEP = 1 ~ Year ~| SAVEPER = 1 ~~|"
    )
    (tmp_path / "years.mdl").write_text(text, encoding="utf-8")
    model = flows.read_vensim(tmp_path / "years.mdl", units="off")
    assert end_within("1980", model) == 1980 and end_within("2050", model, until=2050.0) == 2050
    with pytest.raises(InputError, match="the time lies outside the run, found 2051, expected 1980 to 2050"):
        end_within("2051", model, until=2050.0)
    with pytest.raises(InputError, match="not a time of the model, found 2030-12"):
        end_within("2030-12", model)


def test_the_date_asked_for_stands_in_all_runs(said: Said) -> None:
    Path("short.cin").write_text("FINAL TIME = 40\n", encoding="utf-8")
    arguments = ["compare", "short.cin", "--draws", "0", "--out", "c"]
    words = said(*arguments, "--at", "2017-01", code=1)
    assert "--at: the runs don't hold that date, found 2017-01, expected 2016-04" in words
    assert not Path("c").exists()
    assert "April 2016" in said(*arguments)


def test_a_date_before_levers_act_is_said(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "no lever acts before the policy start, January 2015; at the end of December 2014 none has an effect"
    )
    asked = ["compare", "--draws", "0", "--out", "c"]
    for more, told in (
        (["faster", "--at", "2014-12"], True),
        (["faster", "--at", "2015-01"], False),
        (["faster", "--at", "2014-12", "--set", "policy start time=12"], False),
        (["boom", "--at", "2014-12"], False),
        (["current-course", "--set", "faster claims=2", "--at", "2014-12"], True),
    ):
        assert main([*asked, *more]) == 0
        assert (words in " ".join(capsys.readouterr().err.split())) is told, more


def test_of_very_many_scenarios_the_ends_are_shown(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("flows.cli.comparison._MOST", 3)
    monkeypatch.setattr("flows.cli.comparison._ENDS", 1)
    levers = [f"s{k}: labour demand={k / 4}" for k in range(6)]
    out = said(
        "compare", *(word for text in levers for word in ("--lever", text)), "--draws", "0", "--out", "many"
    )
    assert "Shown: current-course, the 1 best and 1 worst; 4 more scenarios in comparison.csv." in out
    assert "Shown: the 2 that get there first; the others in halving.csv." in out
    assert "s3 " not in out and set(pd.read_csv("many/comparison.csv")["scenario"]) >= {"s0", "s3", "s5"}
