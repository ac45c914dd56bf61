"""The command line: what it writes, what it says about mistakes, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import xarray as xr
from tests.conftest import ACCENTS, small_model, unmeasured

import flows
from flows import __main__ as program
from flows import cli, provenance
from flows.cli import numbers, options, run, terminal
from flows.compare import CAVEAT
from flows.engine import emit
from flows.errors import InputError, ResultError
from flows.report import build, results
from flows.vensim import read as vensim_read

TEACUP = """{UTF-8}
Temperature = INTEG(-cooling, 180) ~ Degree ~ |
cooling = (Temperature - room) / time constant ~ Degree/Minute ~ |
room = 70 ~ Degree ~ |
time constant = 10 ~ Minute [1,60] ~ |
INITIAL TIME = 0 ~ Minute ~ |
FINAL TIME = 30 ~ Minute ~ |
TIME STEP = 0.125 ~ Minute ~ |
SAVEPER = 1 ~ Minute ~ |
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def teacup(folder: Path, old: str = "", new: str = "") -> Path:
    path = folder / "teacup.mdl"
    assert old in TEACUP
    path.write_text(TEACUP.replace(old, new) if old else TEACUP, encoding="utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must fail as the user's mistake, and return its sentence."""
    assert cli.main(list(arguments)) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in error
    assert error.startswith("Error: ")
    assert len(error.strip().splitlines()) == 1
    assert not list(Path.cwd().rglob("*.partial"))
    assert not list(Path.cwd().glob("outputs/*"))
    return error


# Runs of any model ----------------------------------------------------------------------------------


def test_another_engine_than_usual_is_announced(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "_MOST_TERMS", 100)
    path = teacup(here, "TIME STEP = 0.125", "TIME STEP = 15")
    many = "r : (e1-e101) ~~|\nx[r] = r * 0.5 ~~|\ntotal = SUM(x[r!]) + Time ~~|\n"
    path.write_text(
        path.read_text(encoding="utf-8").replace("SAVEPER = 1", many + "SAVEPER = 15"), encoding="utf-8"
    )
    assert cli.main(["run", "--model", "teacup.mdl"]) == 0
    out, error = capsys.readouterr()
    assert "Temperature" in out
    assert "Warning: SUM over 101 elements isn't supported: the model ran through PySD" in error


def test_any_model_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    assert cli.main(["run", "--model", "teacup.mdl"]) == 0
    out, error = capsys.readouterr()
    assert "Temperature" in out
    assert "Degree" in out
    assert "180" in out
    assert "Results in outputs/teacup" in error
    folder = here / "outputs/teacup"
    assert {path.name for path in folder.iterdir()} == {
        *("trajectories.csv", "trajectories.nc", "trajectories.png", "trajectories.svg"),
        *("columns.csv", "provenance.json"),
    }
    table = pd.read_csv(folder / "trajectories.csv")
    alone = flows.simulate(flows.read_vensim("teacup.mdl"))
    assert list(table["time"]) == list(alone["time"].values)
    assert table["Temperature"].to_numpy() == pytest.approx(alone["Temperature"].values)
    assert "date" not in table
    columns = pd.read_csv(folder / "columns.csv").set_index("column")
    assert columns.loc["Temperature", "unit"] == "Degree"
    with xr.open_dataset(folder / "trajectories.nc") as arrays:
        assert arrays["Temperature"].attrs["units"] == "Degree"
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert record["inputs"][0]["path"] == "teacup.mdl"


def test_provenance_has_the_data_that_a_model_reads_and_when_its_command_began(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "given.csv").write_text("Time,room\n0,70\n30,60\n", encoding="utf-8")
    (here / "table.csv").write_text("time,0,30\nfirst,1,2\n", encoding="utf-8")
    text = TEACUP.replace("room = 70 ~ Degree", "room ~ Degree")
    text += "extra := GET DIRECT DATA('table.csv', ',', '1', 'B2') ~ Degree ~ |\n:L\x7f<%^E!@\n13:given.vdf\n"
    (here / "teacup.mdl").write_text(text, encoding="utf-8")
    times = iter(f"2026-01-01T00:00:{second:02d}+00:00" for second in range(60))
    monkeypatch.setattr(provenance, "now", lambda: next(times))
    assert cli.main(["run", "--model", "teacup.mdl", "--no-figures", "--units", "off"]) == 0
    record = json.loads((here / "outputs/teacup/provenance.json").read_text(encoding="utf-8"))
    assert [entry["path"] for entry in record["inputs"]] == ["teacup.mdl", "given.csv", "table.csv"]
    digests = [provenance.digest(name) for name in ("teacup.mdl", "given.csv", "table.csv")]
    assert [entry["sha256"] for entry in record["inputs"]] == digests
    assert record["started"] == "2026-01-01T00:00:00+00:00" < record["finished"]


def test_without_figures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    assert cli.main(["run", "--model", "teacup.mdl", "--out", "with"]) == 0
    assert cli.main(["run", "--model", "teacup.mdl", "--no-figures", "--out", "without"]) == 0
    names = {path.name for path in (here / "with").iterdir()} - {"trajectories.png", "trajectories.svg"}
    assert {path.name for path in (here / "without").iterdir()} == names
    for name in ("trajectories.csv", "columns.csv"):
        assert (here / "without" / name).read_bytes() == (here / "with" / name).read_bytes()


def test_a_run_without_figures_imports_what_it_needs(here: Path) -> None:
    teacup(here)
    code = """if True:
        import sys
        from flows import cli
        assert cli.main(["run", "--model", "teacup.mdl", "--no-figures"]) == 0
        heavy = {"matplotlib", "openpyxl", "pysd", "SALib", "scipy.stats", "scipy.interpolate", "xlrd"}
        sys.exit(", ".join(heavy & set(sys.modules)) or 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", code], env=unmeasured(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_a_run_writes_loads_no_statistics() -> None:
    code = "import sys, flows.report.results, flows.report.tables; sys.exit('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=unmeasured(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_table_of_numbers_is_written_as_pandas_does(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"date": ["2013-01-01", "2013-02-01"], 'a, "b"': [0.1, -1e300], "x[A,B]": [1.0, 5e-324]}
    )
    for frame in (table.assign(note="one, two"), table.assign(x=[float("nan"), 1.0]), table.assign(n=[1, 2])):
        results.save_csv(frame, tmp_path / "slow.csv")
        results.save_numbers(frame, tmp_path / "quick.csv")
        assert (tmp_path / "quick.csv").read_bytes() == (tmp_path / "slow.csv").read_bytes()


def test_settings_and_until(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    assert (
        cli.main(["run", "--model", "teacup.mdl", "--set", "ROOM=20", "--until", "10", "--out", "cold"]) == 0
    )
    table = pd.read_csv(here / "cold/trajectories.csv")
    assert table["time"].iloc[-1] == 10
    assert table["Temperature"].iloc[-1] < 90
    assert cli.main(["run", "--model", "teacup.mdl", "--set", "temperature=20", "--out", "initial"]) == 0
    assert pd.read_csv(here / "initial/trajectories.csv")["Temperature"].iloc[0] == 20


def test_engines_agree(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    for engine in ("compiled", "pysd"):
        assert cli.main(["run", "--model", "teacup.mdl", "--engine", engine, "--out", engine]) == 0
    ours, theirs = (pd.read_csv(here / name / "trajectories.csv") for name in ("compiled", "pysd"))
    assert ours["Temperature"].to_numpy() == pytest.approx(theirs["Temperature"].to_numpy(), rel=1e-9)


def test_a_model_with_markup_in_its_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "odd.mdl"
    path.write_text(
        '"[red] $x$ /y" = INTEG(1, 0) ~ Person/Month ~ |\n'
        "INITIAL TIME = 0 ~~|\nFINAL TIME = 2 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|\n",
        encoding="utf-8",
    )
    assert cli.main(["run", "--model", "odd.mdl", "--units", "off"]) == 0
    assert "[red] $x$ /y" in capsys.readouterr().out


# Bad input ------------------------------------------------------------------------------------------


def test_missing_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    error = refused(capsys, "run", "--model", "teacups.mdl")
    assert "teacups.mdl" in error
    assert 'Did you mean "teacup.mdl"?' in error


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rom=20", 'Did you mean "room"?'),
        ("room=warm", "warm"),
        ("room", "room"),
        ("cooling=3", "cooling"),
        ("room[Haiti]=3", "room"),
        ("room=nan", "nan"),
    ],
)
def test_bad_settings(here: Path, capsys: pytest.CaptureFixture[str], setting: str, said: str) -> None:
    teacup(here)
    error = refused(capsys, "run", "--model", "teacup.mdl", "--set", setting)
    assert "--set" in error
    assert said in error


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- room)", "- rooom)", "rooom"),
        ("(Temperature - room)", "((Temperature - room)", "teacup.mdl:3"),
        ("= 70 ~", "= ~", "teacup.mdl:4"),
        ("INTEG(-cooling, 180)", "INTEG(-cooling)", "teacup.mdl:2"),
    ],
)
def test_broken_models(here: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str) -> None:
    teacup(here, old, new)
    error = refused(capsys, "run", "--model", "teacup.mdl")
    assert said in error
    assert "teacup.mdl:" in error


def test_units_that_do_not_match(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here, "room = 70 ~ Degree", "room = 70 ~ Person")
    error = refused(capsys, "run", "--model", "teacup.mdl", "--units", "error")
    assert "teacup.mdl:3" in error
    assert "Person" in error
    assert cli.main(["run", "--model", "teacup.mdl"]) == 0
    assert capsys.readouterr().err.startswith("Warning: teacup.mdl:3")
    assert cli.main(["run", "--model", "teacup.mdl", "--units", "off"]) == 0
    assert "Warning" not in capsys.readouterr().err


SHIPPED = (
    "run", "levers", "solve --for 'court cases pending@2030-12 < 1' judges", "project", "report", "validate", "claims",
    "calibrate", "page", "renew", "compare protection-reform", "study quick",
)  # fmt: skip


@pytest.mark.parametrize("command", SHIPPED)
def test_units_of_the_shipped_model_are_an_error_unless_the_option_says_otherwise(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    asked = []

    def read(*_: object, units: str, **__: object) -> None:
        asked.append(units)
        raise InputError("it is read no further")

    for module in (vensim_read, build):
        monkeypatch.setattr(module, "read_vensim", read)
    for choice in ((), ("--units", "error"), ("--units", "warn"), ("--units", "off")):
        assert cli.main([*shlex.split(command), *choice]) == 1
        assert "no further" in capsys.readouterr().err
    assert asked == ["error", "error", "warn", "off"]


@pytest.mark.parametrize(
    "command", ["run", "claims", "page", "renew", "validate", "compare protection-reform"]
)
def test_units_of_another_model_are_a_warning_unless_the_option_says_otherwise(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    teacup(here)
    asked = []

    def read(path: Path, *, units: str) -> Any:
        if Path(path).name == "teacup.mdl":
            asked.append(units)
            raise InputError("it is read no further")
        return SimpleNamespace()

    monkeypatch.setattr(vensim_read, "read_vensim", read)
    for choice in ((), ("--units", "error"), ("--units", "warn"), ("--units", "off")):
        assert cli.main([*shlex.split(command), "--model", "teacup.mdl", *choice]) == 1
        assert "no further" in capsys.readouterr().err
    assert asked == ["warn", "error", "warn", "off"]


def test_until_outside_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    late = refused(capsys, "run", "--model", "teacup.mdl", "--until", "99")
    assert late == "Error: --until: a time beyond the model's FINAL TIME, found 99, expected at most 30.\n"
    soon = refused(capsys, "run", "--model", "teacup.mdl", "--until", "soon")
    assert soon.startswith(
        "Error: --until: a month says nothing in a model whose time isn't in months, found"
    )


def test_out_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    (here / "a-file").write_text("mine", encoding="utf-8")
    assert "a-file" in refused(capsys, "run", "--model", "teacup.mdl", "--out", "a-file")
    assert "a-file" in refused(capsys, "run", "--model", "teacup.mdl", "--out", "a-file/inside")
    kept = here / "kept"
    kept.mkdir()
    (kept / "thesis.txt").write_text("mine", encoding="utf-8")
    assert "kept" in refused(capsys, "run", "--model", "teacup.mdl", "--out", "kept")
    assert (kept / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("walk",),
        ("run", "--nonsense"),
        ("run", "--engine", "steam"),
        ("compare",),
        ("study",),
        ("study", "base", "--n", "many"),
        ("list",),
    ],
)
def test_usage_errors_are_the_users(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert "--help" in refused(capsys, *arguments)


def test_list_of_nothing_known(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'Did you mean "scenarios"?' in refused(capsys, "list", "scenario")


def test_a_mistake_of_ours(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "read_model", lambda *_: 1 / 0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["run", "--model", "x.mdl"]) == 2
    error = capsys.readouterr().err
    assert "ZeroDivisionError" in error
    assert "Traceback" not in error
    (kept,) = tmp_path.glob("flows-error-*.txt")
    assert "Traceback" in kept.read_text(encoding="utf-8")
    monkeypatch.setenv("FLOWS_DEBUG", "1")
    assert cli.main(["run", "--model", "x.mdl"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "read_model", interrupt)
    assert cli.main(["run", "--model", "x.mdl"]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_an_interruption_while_the_program_loads_is_one_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(dict[str, Any]):
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "flows.cli", Interrupted())
    assert program.main() == 130
    assert capsys.readouterr() == ("", "Interrupted.\n")


# The shipped files, small ones in their place --------------------------------------------------------


def test_run_of_a_scenario(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "faster", "--until", "2016-12"]) == 0
    out = capsys.readouterr().out
    assert "Exposure to harm (human cost)" in out
    assert "December 2016" in out
    assert "error %" in out
    assert CAVEAT in " ".join(out.split())
    folder = Path("outputs/faster")
    table = pd.read_csv(folder / "trajectories.csv")
    assert table["date"].iloc[-1] == "2017-01-01"
    assert table["time"].iloc[-1] == 48
    assert "base arrivals[Haiti]" not in table
    assert "arrivals by origin[Haiti]" in table
    assert (table["caveat"] == CAVEAT).all()
    observed = pd.read_csv(folder / "observed.csv")
    row = observed[observed["series"] == "arrivals_count"].iloc[0]
    assert row["model"] == pytest.approx(360)
    assert row["error_percent"] == pytest.approx(20)


def test_scenario_names(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'Did you mean "faster"?' in refused(capsys, "run", "fastr")
    assert "faster claims" in refused(capsys, "run", "misspelt")
    assert "named twice" in refused(capsys, "run", "faster+faster")
    assert 'Did you mean "boom"?' in refused(capsys, "compare", "faster", "bom")
    assert cli.main(["run", "faster+boom", "--set", "waiting time=20"]) == 0
    assert Path("outputs/faster+boom-with-waiting-time-20/provenance.json").is_file()


def test_text_where_a_number_belongs_in_a_scenario(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("mine.toml")
    path.write_text(
        'title = "x"\nkind = "package"\n[[lever]]\nname = "faster claims"\nvalue = "2"\n', encoding="utf-8"
    )
    error = refused(capsys, "run", "mine.toml")
    assert "mine.toml" in error
    assert '"value"' in error


def test_compare_writes_table_and_figure(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "faster", "boom"]) == 0
    out = capsys.readouterr().out
    assert "current-course" in out
    assert "(human cost)" in out
    folder = Path("outputs/compare-faster-boom")
    assert {path.name for path in folder.iterdir()} == {
        *("comparison.csv", "comparison.nc", "comparison.png", "comparison.svg", "provenance.json"),
        *("draws.nc", "halving.csv", "odds.csv", "ranks.csv", "side-effects.csv"),
    }


def test_study(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study", "base", "--n", "32"]) == 0
    out, error = capsys.readouterr()
    assert "waiting time" in out
    assert "of 128 runs" in error
    assert Path("outputs/base/indices.csv").is_file()
    assert Path("outputs/base/bands.png").is_file()
    assert "power of 2" in refused_with_outputs(capsys, "study", "base", "--n", "33")


STUDY = """
title = "How a tea cools"
model = "teacup.mdl"
n = {n}
seed = 3
outcomes = ["Temperature", "final cooling"]
[[uncertainty]]
name = "room"
distribution = "normal"
mean = 70.0
sd = 5.0
[[uncertainty]]
name = "time constant"
distribution = "uniform"
min = 5.0
max = 20.0
"""


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer than such small studies."""
    monkeypatch.setattr("flows.report.results.study_figures", lambda result, place, **_: None)


def tea_study(here: Path, name: str = "tea.toml", n: int = 32, more: str = "") -> Path:
    teacup(here)
    (here / name).write_text(more + STUDY.format(n=n), encoding="utf-8")
    return here / name


@pytest.mark.unmeasured
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.usefixtures("no_pictures")
def test_a_study_by_workers_and_on_a_cluster(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    distributed = pytest.importorskip("distributed")
    tea_study(here)
    assert cli.main(["study", "tea.toml", "--out", "alone"]) == 0
    assert cli.main(["study", "tea.toml", "--workers", "2", "--out", "workers"]) == 0
    assert "Starting the workers" in capsys.readouterr().err
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=None
    ) as there:
        assert cli.main(["study", "tea.toml", "--cluster", there.scheduler_address, "--out", "cluster"]) == 0
    assert "Finding the cluster" in capsys.readouterr().err
    for other in ("workers", "cluster"):
        for name in ("indices.csv", "numbers.csv", "samples.csv"):
            assert (here / other / name).read_bytes() == (here / "alone" / name).read_bytes()
    both = refused_with_outputs(capsys, "study", "tea.toml", "--workers", "2", "--cluster", "tcp://a:1")
    assert "Give one of the two" in both


@pytest.mark.usefixtures("no_pictures")
def test_a_study_for_vensim_and_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tea_study(here, more='method = "latin-hypercube"\n')
    assert cli.main(["study", "tea.toml", "--export", "vensim"]) == 0
    written = {path.name for path in (here / "vensim").iterdir()}
    assert written == {"tea.tab", "tea.vsc", "tea.lst", "tea-drawn.vsc"}
    out = capsys.readouterr().out
    assert all(name in out for name in written)
    table = pd.read_csv(here / "vensim" / "tea.tab", sep="\t")
    assert list(table.columns) == ["room", "time constant"]
    assert (here / "vensim" / "tea.lst").read_text(encoding="utf-8").split("\n")[:2] == [
        "Temperature",
        "cooling",
    ]
    assert not (here / "outputs").exists()
    drawn = ["study", "vensim/tea-drawn.vsc", "--model", "teacup.mdl", "--savelist", "vensim/tea.lst"]
    assert cli.main([*drawn, "--out", "again"]) == 0
    said = capsys.readouterr().out
    assert "At time 30" in said and "human-cost" not in said  # counts in no months, and isn't our model
    assert "current-course" not in (here / "again/conclusions.md").read_text(encoding="utf-8")
    assert cli.main(["study", "tea.toml", "--out", "own"]) == 0
    again, own = (pd.read_csv(here / name / "samples.csv") for name in ("again", "own"))
    assert list(again["time constant"]) == list(own["time constant"])
    assert own["room"].to_numpy() == pytest.approx(table["room"].to_numpy(), rel=1e-15)
    bare = refused_with_outputs(capsys, "study", "vensim/tea-drawn.vsc")
    assert "Give it with --model" in bare
    assert "as a study" not in bare
    for command, folder, typed in (  # neither takes the other's place
        ("run", "tea-drawn-study", drawn),
        ("run", "tea", ["study", "tea.toml"]),
        ("study", "teacup", ["run", "--model", "teacup.mdl"]),
    ):
        record = {"program": "flows", "command": f"flows {command} something"}
        provenance.atomic_write(here / "outputs" / folder / provenance.FILE, json.dumps(record))
        said = refused_with_outputs(capsys, *typed)
        assert f"outputs/{folder}: results of flows {command} lie there. Name another folder" in said
    listed = refused_with_outputs(capsys, "study", "tea.toml", "--savelist", "vensim/tea.lst")
    assert "belongs to a .vsc" in listed


@pytest.mark.usefixtures("no_pictures")
def test_a_study_is_extended_and_says_what_it_took(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tea_study(here)
    assert cli.main(["study", "tea.toml"]) == 0
    error = capsys.readouterr().err
    assert "for the runs," in error
    assert "for their analysis," in error
    assert cli.main(["study", "tea.toml", "--extend"]) == 0
    assert "Going on from 128 of 256 runs" in capsys.readouterr().err
    assert len(pd.read_csv(here / "outputs/tea/samples.csv")) == 2 * 64


def test_one_run_of_a_study_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tea_study(here, more='method = "monte-carlo"\n')
    assert cli.main(["study", "tea.toml", "--out", "all"]) == 0
    capsys.readouterr()
    assert cli.main(["study", "tea.toml", "--run", "7"]) == 0
    assert "time constant" in capsys.readouterr().out
    samples = pd.read_csv(here / "all" / "samples.csv").iloc[6]
    record = json.loads((here / "outputs/tea-run-7/provenance.json").read_text(encoding="utf-8"))
    assert record["drawn"]["room"] == pytest.approx(samples["room"])
    own = pd.read_csv(here / "outputs/tea-run-7/trajectories.csv")
    alone = flows.simulate(
        flows.read_vensim("teacup.mdl"), {name: float(samples[name]) for name in ("room", "time constant")}
    )
    assert own["Temperature"].to_numpy() == pytest.approx(alone["Temperature"].values)
    error = refused_with_outputs(capsys, "study", "tea.toml", "--run", "33")
    assert '--run: no such run in the study "tea", found 33, expected 1 to 32.' in error


def test_mistyped_commands_end_in_one_mark(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runn"]) == 1
    assert "Did you mean 'run'? See: flows --help" in capsys.readouterr().err
    assert cli.main(["run", "--nop"]) == 1
    assert ".." not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            ["run", "--set", "waiting", "time=2"],
            '--set waiting: the setting ends at its first blank, found "waiting", expected NAME=VALUE. '
            'Put quotation marks around it: --set "waiting time=2".',
        ),
        (["run", "--set", "imitation", "=", "2"], "Write it without blanks: --set imitation=2."),
        (["run", "--set", "imitation=", "2"], "Write it without blanks: --set imitation=2."),
        (["conform", "teacup.mdl"], "this is a file, expected a folder with a model beside output.csv"),
        (["run", "--set", "'judges", "hired", "per", "year=2'"], '--set "judges hired per year=2".'),
        (
            ["compare", "--lever", "faster", "claims=2"],
            'Put quotation marks around it: --lever "faster claims=2".',
        ),
        (["compare", "--lever"], "See: flows compare --help"),
        (
            ["run", "--lever", "a=1"],
            "No such option: --lever. Write --set 'NAME=VALUE' here. See: flows run --help",
        ),
        (["run", "--set", "waiting time=2,5"], "--set 'waiting time=2,5': not a number"),
        (
            ["flatten", "nowhere/teacup.mdl"],
            "there is no such model file. There is no folder nowhere in work:",
        ),
        (["flatten", "tecup.mdl"], 'tecup.mdl: there is no such model file. Did you mean "teacup.mdl"?'),
        (
            ["compare", "base", "--set", "room=3", "--model", "teacup.mdl"],
            "teacup.mdl: the model has none of the variables of the outcomes in models/outcomes.toml",
        ),
        (
            ["run", "teacup.mdl"],
            "this is a model, expected a scenario. A model follows --model: flows run --model teacup.mdl.",
        ),
        (["run", "tecup.mdl"], "tecup.mdl: there is no such file, expected a scenario."),
        (["run", "--model", "some.vsc"], "some.vsc: not a Vensim model, found a sensitivity control"),
        (
            ["study", "some.lst"],
            "this is a save list, expected a study file (.toml) or a sensitivity control (.vsc).",
        ),
        (["study", "teacup.mdl"], "A model follows --model: flows study STUDY --model teacup.mdl."),
        (["run", "--model", "two.mdl"], "1 more mistake in the file: flows check two.mdl shows all."),
        (["run", "--model", "comma.mdl"], "expected one value. Write 0.125, with a point for decimals."),
        (
            ["run", "--set", "FINAL TIME=2030"],
            "FINAL TIME counts months from January 2013, found 2030, which is",
        ),
        (
            ["run", "--set", "TIME STEP=7"],
            "TIME STEP: the time step doesn't go into the interval of the values that are saved, found 7, expected 1",
        ),
    ],
)
def test_what_newcomers_mistype_is_said_with_its_remedy(
    small_root: Path, typed: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    teacup(Path())
    Path("two.mdl").write_text(TEACUP.replace("- room", "- rom").replace("/ time con", "/ tme con"), "utf-8")
    Path("comma.mdl").write_text(TEACUP.replace("= 10 ~", "= 0,125 ~"), "utf-8")
    Path("some.vsc").write_text("200,L,1,,0\n", "utf-8")
    assert cli.main(typed) == 1
    assert words in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_the_folder_that_is_missing_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "outputs/reform").mkdir(parents=True)
    assert cli.main(["compare", "outputs/reform", "outputs/reforms"]) == 1
    assert "Error: outputs/reforms: no such folder." in capsys.readouterr().err
    assert cli.main(["compare", "outputs/refrm", "outputs/reform"]) == 1
    assert "Error: outputs/refrm: no such folder." in capsys.readouterr().err


def refused_with_outputs(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = sorted(Path("outputs").rglob("*"))
    assert cli.main(list(arguments)) == 1
    assert sorted(Path("outputs").rglob("*")) == before
    return capsys.readouterr().err


@pytest.mark.parametrize("what", ["scenarios", "levers", "outcomes", "studies"])
def test_lists(small_root: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    assert cli.main(["list", what]) == 0
    out = capsys.readouterr().out
    assert {"scenarios": "faster", "levers": "faster claims", "outcomes": "Person", "studies": "base"}[
        what
    ] in out


# What a newcomer tries --------------------------------------------------------------------------------


def copy(root: Path, old: str = "", new: str = "") -> Path:
    """An edited copy of the small shipped model in the working folder."""
    text = (root / "models/migration.mdl").read_text(encoding="utf-8")
    assert old in text
    path = Path("mine.mdl")
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return path


def test_a_copy_of_the_shipped_model_is_treated_as_that_one(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(small_root)
    assert cli.main(["run", "faster", "--model", "mine.mdl", "--until", "2016-12"]) == 0
    out = capsys.readouterr().out
    assert "Exposure to harm (human cost)" in out
    assert "Dec 2016" in out
    assert "error % overall, such as 21 (12)" in out
    assert pd.read_csv("outputs/mine+faster/observed.csv")["error_percent"].notna().any()


def test_stocks_of_another_model_are_added_up_and_dated(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "two.mdl").write_text(
        "{UTF-8}\nplace: north, south ~~|\npeople[place] = INTEG(coming[place], 0) ~ Person ~ |\n"
        "coming[place] = 1, 2 ~ Person/Month ~ |\nINITIAL TIME = 0 ~ Month ~ |\nFINAL TIME = 24 ~ Month ~ |\n"
        "TIME STEP = 0.5 ~ Month ~ |\nSAVEPER = 1 ~ Month ~ |\n",
        encoding="utf-8",
    )
    assert cli.main(["run", "--model", "two.mdl", "--until", "2013-12"]) == 1
    assert "write into a comment of the model that time 0 = 1 January 2013" in capsys.readouterr().err
    assert cli.main(["run", "--model", "two.mdl", "--until", "12"]) == 0
    assert "at 12 Month" in capsys.readouterr().out
    text = (here / "two.mdl").read_text("utf-8")
    (here / "two.mdl").write_text(text.replace("0 ~ Month ~ |", "0 ~ Month ~ 0 = January 2013 |", 1), "utf-8")
    assert cli.main(["run", "--model", "two.mdl", "--until", "2013-12"]) == 0
    out = capsys.readouterr().out
    assert out.count("people") == 1
    assert "people (sum)" in out
    assert "36" in out
    assert "Dec 2013" in out


def test_a_shipped_scenario_says_nothing_in_a_strangers_model(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "two.mdl").write_text(
        "people = INTEG(1, 0) ~~|\nINITIAL TIME = 0 ~~|\nFINAL TIME = 2 ~~|\nTIME STEP = 1 ~~|\n",
        encoding="utf-8",
    )
    assert cli.main(["run", "current-course", "--model", "two.mdl"]) == 1
    assert 'the scenario "current-course" belongs to the shipped model' in capsys.readouterr().err


def test_run_and_compare_show_the_same_numbers(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy(small_root, "base arrivals[origin] * labour demand", "base arrivals[origin] * (1 + Time / 100)")
    assert cli.main(["run", "--model", "mine.mdl"]) == 0
    out = capsys.readouterr().out
    assert "rates are means of the twelve months to then" in out
    assert cli.main(["compare", "faster", "--model", "mine.mdl"]) == 0
    table = pd.read_csv("outputs/compare-faster-in-mine/comparison.csv").set_index(["scenario", "outcome"])
    value = table.loc[("current-course in mine", "arrivals"), "value"].iloc[0]
    assert value == pytest.approx(30 * 1.54)
    assert next(line for line in out.splitlines() if "People who arrive" in line).split()[4] == f"{value:.4g}"


def test_compare_a_setting(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "current-course", "--set", "waiting time=20", "--until", "2016-06"]
    assert cli.main(arguments) == 0
    out, error = capsys.readouterr()
    assert "June 2016" in out
    assert "replaced" not in error
    folder = Path("outputs/compare-current-course-with-waiting-time-20")
    names = set(pd.read_csv(folder / "comparison.csv")["scenario"])
    assert names == {"current-course", "current-course with waiting time=20"}
    assert cli.main(arguments) == 0
    assert "older results there were replaced" in capsys.readouterr().err


def test_compare_alone_is_refused_before_any_run(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing to compare" in refused(capsys, "compare", "current-course")


def test_folders_of_settings_differ() -> None:
    names = {options.folder_name(f"x with {'a long name ' * 9}={value}") for value in (1, 2)}
    assert len(names) == 2
    assert all(len(name) <= 80 for name in names)


def test_a_value_outside_the_declared_range_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    assert cli.main(["run", "--model", "teacup.mdl", "--set", "time constant=300"]) == 0
    error = capsys.readouterr().err
    assert 'Warning: "time constant" is set to 300, outside the range' in error
    assert "(1 to 60 Minute)" in error


def test_what_is_no_number_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here, "/ time constant", "/ MAX(0, room - Temperature)")
    error = refused(capsys, "run", "--model", "teacup.mdl", "--units", "off")
    assert "is not a finite number" in error
    assert "time 0" in error


@pytest.mark.parametrize(
    ("rate", "code", "said"), [("-1", 0, "falls below zero"), ("-1e12", 1, "leaves all measure")]
)
def test_people_below_zero(
    here: Path, capsys: pytest.CaptureFixture[str], rate: str, code: int, said: str
) -> None:
    (here / "few.mdl").write_text(
        f"people = INTEG({rate}, 2) ~ Person ~ |\nINITIAL TIME = 0 ~ Month ~ |\nFINAL TIME = 9 ~ Month ~ |\n"
        "TIME STEP = 1 ~ Month ~ |\nSAVEPER = 1 ~ Month ~ |\n",
        encoding="utf-8",
    )
    assert cli.main(["run", "--model", "few.mdl", "--units", "off"]) == code
    error = capsys.readouterr().err
    assert said in error
    assert '"people"' in error
    assert Path("outputs/few").exists() == (code == 0)


def test_settings_of_computed_and_control_variables(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacup(here)
    error = refused(capsys, "run", "--model", "teacup.mdl", "--set", "cooling=3")
    assert '"cooling" can\'t be set: it is computed from its equation' in error
    assert cli.main(["run", "--model", "teacup.mdl", "--set", "time step=0.5", "--out", "coarse"]) == 0
    assert pd.read_csv(here / "coarse/columns.csv").size
    assert pd.read_csv(here / "coarse/trajectories.csv")["time"].iloc[1] == 1


def test_a_year_is_no_month_and_a_folder_no_model(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Write 2030-12" in refused(capsys, "run", "--until", "2030")
    Path("folder").mkdir()
    assert "is a folder" in refused(capsys, "run", "--model", "folder")
    assert "no scenario is named" in refused(capsys, "run", "")


def test_the_slow_reference_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_PULSE", 0.01)
    teacup(here)
    assert cli.main(["run", "--model", "teacup.mdl", "--engine", "pysd"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("PySD is the slow reference")
    assert "PySD is at work: 0 s" in error
    assert cli.main(["run", "--help"]) == 0
    assert "slow reference" in " ".join(capsys.readouterr().out.split())


def test_a_stopped_study_says_what_is_kept(
    small_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import study

    save, count = study.WorkFolder.save, []

    def stop(self: study.WorkFolder, start: int, values: object) -> None:
        save(self, start, values)  # type: ignore[arg-type]
        count.append(start)
        if len(count) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("flows.study.plan.CHUNK_RUNS", 8)
    monkeypatch.setattr(study.WorkFolder, "save", stop)
    assert cli.main(["study", "base", "--n", "32"]) == 130
    error = capsys.readouterr().err
    assert error.startswith("Reading the study and its model")
    assert "are finished and kept; the same command goes on from there" in error
    assert error.strip().endswith("Interrupted.")
    monkeypatch.setattr(study.WorkFolder, "save", save)
    assert cli.main(["study", "base", "--n", "32"]) == 0
    out, error = capsys.readouterr()
    assert "Going on from 16 of 128 runs" in error
    assert "Caution: with n = 32 the intervals are very wide" in out


def test_an_index_above_one_is_explained(
    small_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.study import results

    made = results._of_sobol

    def inflated(*arguments: Any) -> tuple[xr.Dataset, xr.Dataset | None]:
        courses, numbers = made(*arguments)
        return courses.assign(ST_high=courses["ST_high"] + 1), numbers

    monkeypatch.setattr(results, "_of_sobol", inflated)
    assert cli.main(["study", "base", "--n", "8"]) == 0
    out = capsys.readouterr().out
    assert "n = 8" in out
    assert "sampling noise" in out


def test_only_whole_blank_elements_of_the_reference_pass() -> None:
    model = small_model("place : a, b ~~|\nx[place] = Time ~~|\n")
    time = {"time": [0.0, 1.0]}
    blank = xr.Dataset({"x": (("place", "time"), [[1.0, 2.0], [float("nan")] * 2])}, coords=time)
    run._refuse_non_finite(blank, options.Engine.pysd, model)
    with pytest.raises(ResultError, match=r'm.mdl:2, time 0: "x" is not a finite number'):
        run._refuse_non_finite(blank, options.Engine.auto, model)
    hole = xr.Dataset({"x": ("time", [1.0, float("inf")])}, coords=time)
    with pytest.raises(ResultError, match=r'm.mdl:2, time 1: "x" is not a finite number'):
        run._refuse_non_finite(hole, options.Engine.pysd, model)


def test_a_division_by_zero_is_found_where_it_begins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "zero.mdl").write_text(
        "result = share * 2 ~~|\nshare = 1 / (2 * rest) ~~|\nrest = 3 - Time ~~|\nINITIAL TIME = 0 ~~|\n"
        "FINAL TIME = 5 ~~|\nTIME STEP = 1 ~~|\n",
        encoding="utf-8",
    )
    assert cli.main(["run", "--model", "zero.mdl"]) == 1
    error = capsys.readouterr().err
    assert (
        'zero.mdl:2, time 3: "share" is not a finite number: it divides by "rest", which is 0 then' in error
    )


def test_a_model_in_utf_16_gets_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for encoding in ("utf-16", "utf-16-le"):
        (here / "wide.mdl").write_bytes("x = 1 ~~|\nINITIAL TIME = 0 ~~|\n".encode(encoding))
        for command in (["check", "wide.mdl"], ["draw", "wide.mdl"], ["run", "--model", "wide.mdl"]):
            assert cli.main(command) == 1
            said = "".join(capsys.readouterr())
            assert "wide.mdl: the model file is in UTF-16" in said.replace("wide.mdl: error:", "wide.mdl:")


def test_a_binary_file_gets_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = b"PAR1\x15\x04\x15\x10L\x15\x02\x15\x00\x12\x00\x00\x08\x1c~|\xf0\x3f\x00\x00\x00" * 40
    for content in (packed, b"CDF\x01" + bytes(4000), b"\x01\x00\x00\x00" * 100):
        (here / "packed.mdl").write_bytes(content)
        for command in (["check", "packed.mdl"], ["draw", "packed.mdl"], ["run", "--model", "packed.mdl"]):
            assert cli.main(command) == 1
            said = " ".join("".join(capsys.readouterr()).split())
            assert "not a Vensim model, found a binary file, expected a text of equations" in said
            assert "more mistakes" not in said
    (here / "packed.mdl").write_bytes(b"x = 1 ~~|\nTIME STEP = 1\x00 ~~|\n")
    assert cli.main(["run", "--model", "packed.mdl"]) == 1  # a slip in a text stays one, with its place
    assert "packed.mdl:2:14" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["80", "150"])
def test_heads_of_tables_keep_their_words(
    small_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    names = ["run", "faster"], ["compare", "faster", "boom", "faster+boom"]
    for arguments in names:
        assert cli.main(arguments) == 0
        out = capsys.readouterr().out
        table = [
            line
            for line in out.splitlines()
            if not line.startswith(("Model", "Rates", "Obs", "Not a", "P(better)"))
        ]
        assert max(len(line.rstrip()) for line in table) <= int(columns)
        for word in (
            ("Dec 2017", "observed") if arguments[0] == "run" else ("current-course", "boom", "faster")
        ):
            assert word.split()[0] in out


def test_numbers_as_people_write_them() -> None:
    assert numbers.number_text(14370.0) == "14,370"
    assert numbers.number_text(0.002763, numbers.size_of([0.0, 100.0], "person")) == "0"
    assert numbers.number_text(0.002763, numbers.size_of([0.0, 0.01], "index")) == "0.002763"
    row = {"difference_percent": float("nan"), "difference": 14370.0, "value": 14370.0}
    assert numbers.change_text(row, 0.05) == "(+14,370)"
    assert numbers.change_text({**row, "difference": 0.002, "value": 0.002}, 0.05) == "(0.0 %)"


# As a process ----------------------------------------------------------------------------------------


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )


def test_version_and_help() -> None:
    assert process("--version").stdout.strip() == f"flows {flows.__version__}"
    for arguments in ((), ("--help",), ("run", "--help")):
        done = process(*arguments)
        assert done.returncode == 0
        assert "Usage: flows" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from flows import cli; cli.main(['--help']); "
        "print([m for m in ('numpy', 'pandas', 'xarray', 'numba', 'matplotlib', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=unmeasured(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")


@pytest.mark.unmeasured
@ACCENTS
def test_a_terminal_that_knows_ascii_only(here: Path) -> None:
    (here / "año.mdl").write_text(TEACUP.replace("Temperature", "Température"), encoding="utf-8")
    done = process("run", "--model", "año.mdl", PYTHONIOENCODING="ascii", PYTHONUTF8="0", NO_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert "Temp?rature" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes close otherwise elsewhere")
def test_a_closed_pipe_is_no_mistake() -> None:
    done = subprocess.run(
        [f"{shlex.quote(sys.executable)} -m flows list outcomes | head -n 1; echo ${{PIPESTATUS[0]}}"],
        shell=True,
        executable="/bin/bash",
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("0")
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="pipes close otherwise elsewhere")
@pytest.mark.parametrize("closed", ["2>&1 |", "2>&1 >/dev/null |", "|"])
def test_a_closed_pipe_does_not_stop_the_work(here: Path, closed: str) -> None:
    teacup(here, "room = 70 ~ Degree", "room = 70 ~ Person")
    done = subprocess.run(
        [
            f"{shlex.quote(sys.executable)} -m flows run --model teacup.mdl {closed} true; echo ${{PIPESTATUS[0]}}"
        ],
        shell=True,
        executable="/bin/bash",
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("0")
    assert "120" not in done.stdout
    record = json.loads((here / "outputs/teacup/provenance.json").read_text(encoding="utf-8"))
    assert record["command"] == "flows run --model teacup.mdl"


# The shipped model -----------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_shipped_model_runs_for_two_years(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--until", "2014-12"]) == 0
    out = capsys.readouterr().out
    assert "(human cost)" in out
    assert "Model, December 2014" in out
    observed = pd.read_csv("outputs/current-course/observed.csv")
    assert observed["error_percent"].notna().any()
    assert (observed["period_end"] < "2015").all()


@pytest.mark.slow
def test_shipped_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "--quick"]) == 0
    out, error = capsys.readouterr()
    assert out.strip() == "outputs/report/index.html"
    assert "Sensitivity study" in error
    text = Path("outputs/report/index.html").read_text(encoding="utf-8")
    for name in ("protection-reform", "us-tightening", "containment-plus", "mpp-return", "title42-return"):
        assert name in text


def test_the_demography_is_shown_country_by_country(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "planned-immigration", "--no-figures"]) == 0
    out = capsys.readouterr().out
    assert "Population of Guatemala" in out and "2050" in out and "month" not in out
    assert (
        max(len(line.rstrip()) for line in out.splitlines() if not line.startswith(("Stocks", "Not a"))) <= 80
    )


@pytest.mark.parametrize("what", ["scenarios", "levers"])
def test_long_lists_keep_names_whole_at_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["list", what]) == 0
    out = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert "regularisation-with-control" in out if what == "scenarios" else "interception capacity" in out


def test_claims_of_another_model_are_refused_without_its_own_name(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "stock = INTEG(1, 0) ~ Person ~ |\nINITIAL TIME = 0 ~ Month ~ |\nFINAL TIME = 9 ~ Month ~ |\n"
    Path("other.mdl").write_text(
        text + "TIME STEP = 1 ~ Month ~ |\nSAVEPER = 1 ~ Month ~ |\n", encoding="utf-8"
    )
    error = refused(capsys, "claims", "--model", "other.mdl")
    found = re.search(r'variable "([^"]+)"', error)
    assert found is not None and f'mean "{found[1]}"' not in error
    assert "Only the shipped model" in error
