"""The commands `flows set` and `flows diff`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.conftest import commit
from tests.versions.test_equations import OLD

from flows import cli
from flows.model.model import CONTROLS


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.mdl"
    path.write_bytes(OLD.replace("\n", "\r\n").encode())
    return path


def test_set_changes_the_equations_named(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    settings = [
        "stay=6",
        "base rate[South]=7",
        "TIME STEP = 0.5",
        "total=SUM(Waiting[place!]) / 2",
        "curve=(0,0),(1,2),(2,4)",
    ]
    assert cli.main(["set", "model.mdl", *settings, "--comment", "pull=What pulls."]) == 0
    told = capsys.readouterr().out
    assert "base rate[South]" in told and "stay" in told
    expected = before.replace(b"stay = 4", b"stay = 6").replace(b"= 1, 2 ", b"= 1, 7 ")
    expected = expected.replace(b"TIME STEP = 1", b"TIME STEP = 0.5").replace(b"~ Pull.", b"~ What pulls.")
    expected = expected.replace(b"= SUM(Waiting[place!])", b"= SUM(Waiting[place!]) / 2").replace(
        b"(1,1)", b"(1,2)"
    )
    assert model.read_bytes() == expected


def test_set_elsewhere(model: Path) -> None:
    before = model.read_bytes()
    assert cli.main(["set", "model.mdl", "stay=6", "--out", "other.mdl"]) == 0
    assert model.read_bytes() == before
    assert Path("other.mdl").read_bytes() == before.replace(b"stay = 4", b"stay = 6")


@pytest.mark.parametrize(
    "command", [["set", "model.mdl", "stay=6"], ["flatten", "model.mdl"], ["layout", "model.mdl"]]
)
def test_no_model_is_written_over_another_file(
    model: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("price.csv").write_text("a,b\n", encoding="utf-8")
    assert cli.main([*command, "--out", "price.csv"]) == 1
    assert "--out price.csv: what is written is a Vensim model, expected a name that ends in .mdl." in (
        capsys.readouterr().err
    )
    assert Path("price.csv").read_text(encoding="utf-8") == "a,b\n"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("sty=6", 'Did you mean "stay"'),
        ("stay=sty + 1", "so nothing was written"),
        ("pull=arrivals[North]", "so nothing was written"),  # a circle
        ("stay=1 +", "can't read the equation"),
        ("stay", "no equals sign"),
        ("stay=", "nothing stands after"),
        ("stay=3,05", 'found "3,05", expected one number. Write 3.05, with a point for decimals.'),
        ("=3", "no variable is named"),
        ("base rate[East]=1", "no equation defines this element"),
        ("Waiting=5 people", "can't read the equation"),
    ],
)
def test_set_refuses_and_writes_nothing(
    model: Path, setting: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, stamp = model.read_bytes(), model.stat().st_mtime_ns
    assert cli.main(["set", "model.mdl", setting]) == 1
    assert words in capsys.readouterr().err
    assert model.read_bytes() == before and model.stat().st_mtime_ns == stamp
    assert [p.name for p in model.parent.iterdir()] == ["model.mdl"]


def test_set_warns_of_units(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["set", "model.mdl", "total=SUM(Waiting[place!]) / stay"]) == 0
    assert "warning: total" in capsys.readouterr().out


def test_set_warns_of_a_declared_range_and_names_the_file_written(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = OLD.replace("total =", "share = 0.5 ~ Dmnl [0,1] ~ |\nother = 2 ~ Dmnl ~ |\ntotal =")
    assert "share" in text
    model.write_text(text, encoding="utf-8")
    assert cli.main(["set", "model.mdl", "share=2", "--out", "b1.mdl"]) == 0
    told = capsys.readouterr().out
    line = text[: text.index("share =")].count("\n") + 1
    assert (
        f'b1.mdl:{line}:1: warning: share: "share" lies outside its range, found 2, expected [0, 1]. [range]'
        in told
    )
    assert "model.mdl" not in told
    assert cli.main(["set", "model.mdl", "share=0.7"]) == 0
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            ["base", "rate=90"],
            'found "base", expected NAME=VALUE. Put quotation marks around it: flows set model.mdl "base rate=90".',
        ),
        (["pull=1", "base", "rate", "=", "90"], 'flows set model.mdl "base rate=90".'),
        (["stay", "=", "2"], "Write it without blanks: flows set model.mdl stay=2."),
        (["stay=", "2"], "Write it without blanks: flows set model.mdl stay=2."),
        (["stay", "2"], "no equals sign"),
    ],
)
def test_a_setting_that_fell_into_words_is_put_together(
    model: Path, typed: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["set", "model.mdl", *typed]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", [["set", "models", "a=1"], ["watch", "models"]])
def test_a_folder_is_called_one(model: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("models").mkdir()
    assert cli.main(command) == 1
    assert "models: this is a folder, expected a" in capsys.readouterr().err


def test_set_leaves_a_file_that_was_saved_in_the_meantime(model: Path) -> None:
    from flows.errors import ResultError
    from flows.versions.change import change, write

    changed = change(model, ["stay=6"])
    model.write_bytes(model.read_bytes() + b"\r\n")
    with pytest.raises(ResultError, match="another program"):
        write(changed)


def test_set_without_a_change_leaves_the_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stamp = model.stat().st_mtime_ns
    assert cli.main(["set", "model.mdl", "stay=4"]) == 0
    assert "already" in capsys.readouterr().out and model.stat().st_mtime_ns == stamp


def test_diff_of_files(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = OLD.replace("stay = 4", "stay = 8").replace("base rate", "first rate")
    Path("new.mdl").write_text(text, encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl", "--json", "d.json", "--out", "out"]) == 0
    told = capsys.readouterr().out
    assert "base rate → first rate" in told and "+100 %" in told and "What moved most" in told
    found = json.loads(Path("d.json").read_text(encoding="utf-8"))
    assert found["renamed"] == {"base rate": "first rate"}
    with open("out/moved.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    by_name = {r["name"]: r for r in rows}
    assert set(by_name) == {
        "stay", "total", "Waiting[North]", "Waiting[South]", "leaving[North]", "leaving[South]"
    }  # fmt: skip
    shares = [float(r["share"]) for r in rows]
    assert shares == sorted(shares, reverse=True) and shares[0] == 1.0
    assert Path("out/moved.png").stat().st_size > 1000 and Path("out/courses.csv").is_file()
    first = next(r for r in rows if r["name"] == "Waiting[North]")
    assert found["moved"][rows.index(first)]["new"] == pytest.approx(float(first["new"]))
    # 10 people at the start, 2 arrive a month, a quarter and an eighth of those there leave.
    assert float(first["old"]) == pytest.approx(8 + 2 * 0.75**10)
    assert float(first["new"]) == pytest.approx(16 - 6 * 0.875**10)


def test_the_record_of_a_comparison_names_the_outcomes_beside_the_model(model: Path) -> None:
    Path("new.mdl").write_text(OLD.replace("stay = 4", "stay = 8"), encoding="utf-8")
    table = '[[outcome]]\nname = "total"\nexpression = "total"\nunit = "Person"\nkind = "person"\nbetter = "lower"\n'
    Path("outcomes.toml").write_text(table, encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl", "--no-figures", "--out", "out"]) == 0
    inputs = json.loads(Path("out/provenance.json").read_text(encoding="utf-8"))["inputs"]
    assert [entry["path"] for entry in inputs] == ["model.mdl", "outcomes.toml", "new.mdl"]


def test_other_saved_times_move_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finer = OLD.replace("TIME STEP = 1 ", "TIME STEP = 0.5 ").replace("SAVEPER = 1 ", "SAVEPER = 0.5 ")
    Path("new.mdl").write_text(finer, encoding="utf-8")
    Path("coarse.mdl").write_text(finer.replace("SAVEPER = 0.5 ", "SAVEPER = 2.5 "), encoding="utf-8")
    assert cli.main(["diff", "new.mdl", "coarse.mdl", "--no-figures"]) == 0
    told = capsys.readouterr().out
    assert "SAVEPER" in told and "at the 5 times that both versions save" in told and "Nothing moved" in told
    assert cli.main(["diff", "model.mdl", "new.mdl", "--no-figures", "--out", "out"]) == 0
    with open("out/moved.csv", encoding="utf-8") as stream:
        moved = {row["name"] for row in csv.DictReader(stream)}
    assert "total" in moved and not {n.lower() for n in moved} & set(CONTROLS)
    apart = OLD.replace("INITIAL TIME = 0", "INITIAL TIME = 0.5").replace(
        "FINAL TIME = 10", "FINAL TIME = 10.5"
    )
    Path("apart.mdl").write_text(apart, encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "apart.mdl"]) == 1
    assert "no time that both have" in capsys.readouterr().err


def test_what_moved_is_dated(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dated = OLD.replace("INITIAL TIME = 0 ~~|", "policy start time = 4 ~ Month ~ |\nINITIAL TIME = 0 ~~|")
    dated = dated.replace("TIME STEP = 1 ~~|", "TIME STEP = 1 ~ Month ~|")
    Path("old.mdl").write_text(dated, encoding="utf-8")
    Path("new.mdl").write_text(dated.replace("stay = 4", "stay = 8"), encoding="utf-8")
    assert cli.main(["diff", "old.mdl", "new.mdl", "--no-figures"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "at the end of Oct 2013" in told and "5 moved" in told
    assert "largest change" in told and "of its size" not in told


def test_comments_on_one_side_are_counted(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.mdl").write_text(OLD.replace("~ Stay.", "~").replace("~ All.", "~ Everyone."), encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl", "--no-run"]) == 0
    told = capsys.readouterr().out
    assert "Comments that the old version alone has: 1\n" in told and "Comments changed (1)\n  total" in told


def test_diff_without_a_run(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.mdl").write_text(OLD.replace("stay = 4", "stay = 8"), encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl", "--no-run"]) == 0
    assert "What moved" not in capsys.readouterr().out and not Path("outputs").exists()


def test_diff_of_what_cannot_act_runs_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.mdl").write_text(OLD.replace("*View 1", "*View 2"), encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl"]) == 0
    told = capsys.readouterr().out
    assert "No equation differs. Diagrams do." in told and "Nothing that acts" in told


def test_diff_of_revisions_with_their_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep/models").mkdir(parents=True)
    Path("deep/data").mkdir()
    path, data = Path("deep/models/m.mdl"), Path("deep/data/series.tab")
    text = OLD.replace("pull = 2 ~ Dmnl", "pull ~ Dmnl") + "13:../data/series.tab\n"
    path.write_text(text, encoding="utf-8")
    data.write_text("Time\t0\t10\npull\t2\t2\n", encoding="utf-8")
    commit(Path())
    data.write_text("Time\t0\t10\npull\t3\t3\n", encoding="utf-8")
    path.write_text(text.replace("stay = 4", "stay = 5"), encoding="utf-8")
    assert (
        cli.main(["diff", "HEAD:deep/models/m.mdl", "deep/models/m.mdl", "--json", "d.json", "--no-figures"])
        == 0
    )
    moved = {m["name"]: m for m in json.loads(Path("d.json").read_text(encoding="utf-8"))["moved"]}
    assert (moved["pull"]["old"], moved["pull"]["new"]) == (2, 3)
    (record,) = Path("outputs").glob("*/provenance.json")
    read = [Path(entry["path"]).name for entry in json.loads(record.read_text(encoding="utf-8"))["inputs"]]
    assert read == ["m.mdl", "series.tab"] * 2
    path.write_text(text, encoding="utf-8")  # the data alone differ
    assert (
        cli.main(["diff", "HEAD:deep/models/m.mdl", "deep/models/m.mdl", "--json", "d.json", "--no-figures"])
        == 0
    )
    found = json.loads(Path("d.json").read_text(encoding="utf-8"))
    assert found["data"] == ["../data/series.tab"] and not found["changes"] and "pull" in str(found["moved"])
    monkeypatch.chdir(tmp_path / "deep" / "models")  # a path from the working folder
    assert cli.main(["diff", "HEAD:m.mdl", "m.mdl", "--no-run"]) == 0


def test_diff_tells_what_differs_even_if_a_version_cannot_be_run(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("new.mdl").write_text(OLD.replace("stay = 4", "stay = sty"), encoding="utf-8")
    assert cli.main(["diff", "model.mdl", "new.mdl", "--json", "d.json"]) == 1
    told = capsys.readouterr()
    assert "stay = sty" in told.out and "defined nowhere" in told.err
    assert json.loads(Path("d.json").read_text(encoding="utf-8"))["changes"][0]["name"] == "stay"


@pytest.mark.parametrize("name", ["nothing.mdl", "HEAD:model.mdl", "--oops:model.mdl"])
def test_diff_of_what_is_not_there(model: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", "--", name, "model.mdl"]) == 1
    assert "Error: " in capsys.readouterr().err


def test_diff_of_a_revision_that_lacks_the_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(Path())
    assert cli.main(["diff", "HEAD:other.mdl", "model.mdl"]) == 1
    assert "one of model.mdl" in capsys.readouterr().err
    assert cli.main(["diff", "HEAD", "model.mdl"]) == 1
    assert "HEAD: this is a revision, and no file of it is named" in (told := capsys.readouterr().err)
    assert told.rstrip().endswith("Write HEAD:model.mdl.")
    assert cli.main(["diff", "nowhere:model.mdl", "model.mdl"]) == 1
    assert 'no revision "nowhere"' in capsys.readouterr().err


XMILE = """<?xml version="1.0" encoding="utf-8" ?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<header><name>m</name><vendor>v</vendor><product version="1.0" lang="en">p</product></header>
<sim_specs method="Euler" time_units="Months"><start>0</start><stop>4</stop><dt>1</dt></sim_specs>
<model><variables>
<stock name="Tea"><eqn>90</eqn><outflow>cooling</outflow></stock>
<flow name="cooling"><eqn>Tea / cooling_time</eqn></flow>
<aux name="cooling time"><eqn>10</eqn></aux>
</variables></model></xmile>
"""


def test_xmile_files_are_compared_but_not_changed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.xmile").write_text(XMILE, encoding="utf-8")
    Path("b.xmile").write_text(XMILE.replace("<eqn>10<", "<eqn>12<"), encoding="utf-8")
    assert cli.main(["diff", "a.xmile", "b.xmile", "--no-figures"]) == 0
    told = capsys.readouterr().out
    assert "+20.0 %" in told and "What moved most" in told
    assert cli.main(["set", "a.xmile", "cooling time=3"]) == 1
    assert cli.main(["flatten", "a.xmile"]) == 1
    assert "XMILE" in capsys.readouterr().err


def test_set_refuses_utf_16(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.write_text(OLD, encoding="utf-16")
    assert cli.main(["set", "model.mdl", "stay=3"]) == 1
    assert "UTF-16" in capsys.readouterr().err


def test_set_refuses_what_it_cannot_take(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    Path("m.xmile").write_text("<xmile/>", encoding="utf-8")
    for arguments, words in (
        (["m.xmile", "a=1"], "an XMILE file can't be changed here"),
        (["model.mdl", "stay=5", "stay=6"], '"stay" is set twice'),
        (["model.mdl", "--comment", "stay"], "no equals sign"),
        (["nothing.mdl", "stay=5"], "there is no such model file"),
        ([".", "stay=5"], "this is a folder, expected a Vensim .mdl file"),
    ):
        assert cli.main(["set", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert model.read_bytes() == before


def test_edited_numbers_are_not_among_what_moved(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.mdl").write_bytes(model.read_bytes().replace(b"stay = 4", b"stay = 30"))
    assert cli.main(["diff", "model.mdl", "new.mdl", "--no-figures"]) == 0
    numbers, moved = capsys.readouterr().out.split("What moved most.")
    assert "stay" in numbers and "stay" not in moved and "leaving" in moved and "e+" not in moved
