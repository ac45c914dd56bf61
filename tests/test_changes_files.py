"""Vensim's changes files: read, refused in words, run, compared, written; data sets of runs that read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import small_model

from flows import cli, read_vensim, simulate
from flows import compare as comparing
from flows.errors import InputError
from flows.inputs import read_scenario, scenario_inputs, settings_inputs
from flows.inputs.cin import RangeWarning, entries_inputs, read_changes_file
from flows.vensim import external
from flows.vensim.companions import changes
from flows.vensim.results import dataset_lines

TEXT = """
region : north, south ~~|
coast : north ~~|
stock = INTEG(inflow - stock / "settling (time)", start) ~ Person ~ |
inflow = SUM(share[region!] * rate) * effect(Time / 2) ~ Person/Month ~ |
share[region] = 0.25, 0.75 ~ Dmnl [0,1] ~ |
rate = 10 ~ Person/Month ~ |
"settling (time)" = 5 ~ Month ~ |
start = 1 ~ Person ~ |
effect((0,1),(1,2)) ~ Dmnl ~ |
table[region]((0,1),(1,2)) ~ Dmnl ~ |
by table[region] = table[region](Time) ~ Dmnl ~ |
empty = 1 ~ Dmnl ~ |
order == 3 ~ Dmnl ~ |
"""


def read(folder: Path, text: str, encoding: str = "utf-8") -> dict[str, object]:
    path = folder / "some.cin"
    path.write_bytes(text.encode(encoding))
    return entries_inputs(read_changes_file(path), small_model(TEXT))


def test_constants_lookups_and_control_variables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ":COMSYS after 12 simulations\n:OPTIMIZER=Powell\nRATE = 4 :C remarks go on = 3\r\n{over\nlines} start=2\n"
        '0.5 <= "settling (time)" = 4e0 <= 24 | 0.1\nshare[region] = 0.5,\n   0.5\nfinal time = 3\n'
        "effect([(0,0)-(10,10)],(2,3),(0,1))\ntable[south](0,1,5,6)\n",
    )
    assert found == {
        "rate": 4.0, "start": 2.0, "settling (time)": 4.0, "share[north]": 0.5, "share[south]": 0.5, "FINAL TIME": 3.0,
        "effect": ((0.0, 1.0), (2.0, 3.0)), "table[south]": ((0.0, 5.0), (1.0, 6.0)),
    }  # fmt: skip
    assert simulate(small_model(TEXT), found)["time"].values[-1] == 3


def test_the_last_entry_wins_and_one_value_stands_for_all(tmp_path: Path) -> None:
    found = read(tmp_path, "share = 0.1\nshare[coast] = 0.3\nrate = 1\nrate = 2\n")
    assert found == {"share[south]": 0.1, "share[north]": 0.3, "rate": 2.0}


def test_the_seed_of_random_numbers_is_set_as_constants_are(tmp_path: Path) -> None:
    model = small_model(
        "NOISE SEED = 3 ~ Dmnl ~ |\nx = RANDOM UNIFORM(0, 1, 0) ~ Dmnl ~ |\nk = 1 ~ Dmnl ~ |\n"
    )
    (tmp_path / "some.cin").write_text("noise seed = 5\n", encoding="utf-8")
    changed = entries_inputs(read_changes_file(tmp_path / "some.cin"), model)
    assert settings_inputs(["noise seed=5"], model) == changed == {"NOISE SEED": 5.0}
    assert "NOISE SEED" not in model.constants
    own, other = (simulate(model, inputs)["x"].values for inputs in (None, changed))
    assert not np.equal(own, other).any()
    both = comparing.stacked_inputs([{}, changed], ["a", "b"], model)
    assert np.array_equal(simulate(model, both)["x"].values, [own, other])
    with pytest.raises(InputError, match='Did you mean "NOISE SEED"'):
        settings_inputs(["noise sed=5"], model)


def test_older_files_of_vensim(tmp_path: Path) -> None:
    assert read(tmp_path, "rate = 3 :C año", "cp1252") == {"rate": 3.0}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("rate = 1\nrat = 2", 2, 'Did you mean "rate"?'),
        ("stock = 2", 1, '"stock" is no constant'),
        ("order = 2", 1, '"order" is an unchangeable constant, which the model sets with =='),
        (
            "inflow = 2",
            1,
            '"inflow" is no constant, expected a constant or a lookup. A changes file changes nothing else',
        ),
        ("rate = 0,5", 1, "Write 0.5, with a point for decimals"),
        ("rate = start * 2", 1, "equations belong into the model"),
        ("rate = inf", 1, "no number"),
        ("share[west] = 1", 1, 'no element "west"'),
        ("share[north,south] = 1", 1, "found 2 elements"),
        ("share[region] = 1,2,3", 1, "expected one, or 2"),
        ("effect = 3", 1, '"effect" is no constant'),
        ("effect((0,1),2)", 1, "can't be read"),
        ("effect(0,1,2)", 1, "an x without y"),
        ("final time = 1,2", 1, "takes one value"),
        ("name :IS: 'x'", 1, "text variable"),
        ("\n\n= 3", 3, "not a line of a changes file"),
        ("rate =", 1, "no value"),
    ],
)
def test_what_is_no_change_is_refused_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(InputError, match=f"some.cin:{line}") as refused:
        read(tmp_path, text)
    assert words in str(refused.value)


def test_utf_16_and_missing_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is in UTF-16"):
        read(tmp_path, "rate = 1", "utf-16")
    with pytest.raises(InputError, match="no such changes file"):
        read_changes_file(tmp_path / "none.cin")


def test_out_of_range_is_told(tmp_path: Path) -> None:
    with pytest.warns(RangeWarning, match="outside the range"):
        read(tmp_path, "share[north] = 2")


def test_what_was_set_is_written_and_read_back(tmp_path: Path) -> None:
    inputs = {
        "rate": 1 / 3,
        "settling (time)": 2.0,
        "effect": ((0.0, 1.0), (0.1, 2.5)),
        "share[north]": 0.125,
        "FINAL TIME": 2.0,
    }
    assert read(tmp_path, "\n".join(changes(inputs))) == inputs
    with pytest.raises(InputError, match="can't hold"):
        list(changes({"rate": np.ones(2)}))


def test_a_changes_file_stands_for_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "a.cin").write_text("rate = 3\n", encoding="utf-8")
    (tmp_path / "b.cin").write_text("rate = 4\nstart = 5\n", encoding="utf-8")
    both = read_scenario(f"{tmp_path / 'a.cin'}+{tmp_path / 'b.cin'}")
    assert (both.name, both.kind) == ("a+b", "package")
    assert scenario_inputs(both, small_model(TEXT)) == {"rate": 4.0, "start": 5.0}


@pytest.mark.parametrize(
    ("ending", "across"), [(".tab", False), (".tab", True), (".csv", False), (".csv", True), (".dat", False)]
)
def test_a_run_as_a_data_set_reads_back_bit_by_bit(tmp_path: Path, ending: str, across: bool) -> None:
    run = simulate(small_model(TEXT, final=8, step=0.25))
    path = tmp_path / f"run{ending}"
    path.write_text("".join(dataset_lines(run, ending, across=across)), encoding="utf-8")
    found = external.dataset(path)
    x, y = found["stock", ()]
    assert (x == run["time"].values).all() and (y == run["stock"].values).all()
    x, y = found["by table", ("south",)]
    assert (y == run["by table"].sel(region="south").values).all()
    assert found["settling (time)", ()][1].tolist() == [5.0]
    assert found["share", ("north",)][0].tolist() == [0.0]


def test_a_run_as_data_of_another_model(tmp_path: Path) -> None:
    run = simulate(small_model(TEXT, final=8))
    (tmp_path / "run.tab").write_text("".join(dataset_lines(run, ".tab")), encoding="utf-8")
    text = "stock ~ Person ~ |\nhalf = stock / 2 ~ Person ~ |\n"
    control = "INITIAL TIME = 0 ~ Month ~ |\nFINAL TIME = 8 ~ Month ~ |\nTIME STEP = 1 ~ Month ~ |\n"
    (tmp_path / "other.mdl").write_text(text + control, encoding="utf-8")
    other = simulate(read_vensim(tmp_path / "other.mdl", data=(tmp_path / "run.tab",)))
    assert np.allclose(other["half"].values, run["stock"].values / 2, rtol=1e-15)


def test_several_runs_or_another_ending_are_refused() -> None:
    run = simulate(small_model(TEXT))
    with pytest.raises(InputError, match="one run"):
        list(dataset_lines(run.expand_dims(draw=2), ".tab"))
    with pytest.raises(InputError, match="not a data set"):
        list(dataset_lines(run, ".xlsx"))


def test_run_with_changes_and_exports(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.cin").write_text("labour demand = 2\n", encoding="utf-8")
    arguments = [
        "run",
        "--changes",
        "mine.cin",
        "--set",
        "waiting time=20",
        "--until",
        "2014-12",
        "--no-figures",
    ]
    assert cli.main([*arguments, "--export", "run.csv", "--export", "set.cin", "--across"]) == 0
    assert pd.read_csv("run.csv", index_col=0).loc["arrivals"].tolist() == [60.0] * 25
    assert Path("set.cin").read_text("utf-8") == "labour demand = 2.0\nwaiting time = 20.0\n"
    assert Path(
        "outputs/current-course+mine with waiting time=20".replace(" ", "-").replace("=", "-")
    ).is_dir()
    assert cli.main(["run", "--changes", "mine.toml"]) == 1
    assert "not a changes file" in capsys.readouterr().err
    assert cli.main(["run", "--export", "run.vdf"]) == 1
    assert "ends in .tab, .csv, .dat, .cin" in capsys.readouterr().err


def test_compare_with_a_changes_file(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.cin").write_text("labour demand = 2\n", encoding="utf-8")
    assert cli.main(["compare", "mine.cin", "--draws", "0", "--until", "2016-06"]) == 0
    table = pd.read_csv("outputs/compare-mine/comparison.csv").set_index(["scenario", "outcome"])
    assert table.loc[("mine", "arrivals"), "value"].iloc[0] == pytest.approx(60)


def test_compare_with_lookups_and_control_variables(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_root / "models" / "migration.mdl"
    text = path.read_text("utf-8").replace(
        "origin] * labour demand ~", "origin] * labour demand * season(Time) ~"
    )
    path.write_text(text.replace("{UTF-8}\n", "{UTF-8}\nseason((0,1),(60,1)) ~ Dmnl ~ |\n"), encoding="utf-8")
    files = {
        "curve": "season((0,1),(60,3))\n",
        "curve-too": "season((0,1),(60,3))\nlabour demand = 2\n",
        "short": "FINAL TIME = 48\nlabour demand = 2\n",
        "late": "INITIAL TIME = 12\n",
        "fine": "TIME STEP = 0.1\n",
    }
    for name, lines in files.items():
        Path(f"{name}.cin").write_text(lines, encoding="utf-8")
    model = read_vensim(path)
    names = [f"{name}.cin" for name in files]
    found = comparing.compare(model, ["faster", *names]).table
    assert set(found["date"]) == {"2016-12"}  # the end of the shortest run
    value = found.set_index(["scenario", "outcome", "measure"])["value"]
    waiting = "people waiting in Mexico"
    for name in files:
        inputs = scenario_inputs(read_scenario(f"{name}.cin"), model)
        alone = simulate(model, inputs, save_every=1, outcomes=[waiting], until=48, engine="python")
        assert value[name, waiting, comparing.AT_END] == pytest.approx(float(alone[waiting].sel(time=48)))
    with_settings = comparing.compare(model, ["curve.cin"], settings={"waiting time": 20.0}, edited=model)
    assert [s.name for s in with_settings.scenarios][2] == "curve in migration with waiting time=20"
    (of_curve,) = (s for s in with_settings.scenarios if s.name.startswith("curve"))
    assert of_curve.entries[0].points == ((0, 1), (60, 3))
    assert cli.main(["compare", "short.cin", "--draws", "0"]) == 0
    assert "the times that all runs have: Jan 2013 to Dec 2016." in capsys.readouterr().out
    Path("saved.cin").write_text("labour demand = 2\nSAVEPER = 12\n", encoding="utf-8")
    assert cli.main(["compare", "saved.cin", "--draws", "0"]) == 1
    assert "saved.cin:2" in (told := capsys.readouterr().err) and "month by month" in told
