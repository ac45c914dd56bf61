"""What `flows diff` and `flows watch` print of differences, whatever differs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from tests.versions.test_equations import OLD

from flows import cli
from flows.cli.versions import _finite, _moment, _stem, print_difference, print_left
from flows.versions.equations import Change, Difference


def printed(capsys: pytest.CaptureFixture[str], *changes: Change, full: bool = False, **about: bool) -> str:
    capsys.readouterr()
    print_difference(
        Difference(changes, {}, about.get("sketch", False), about.get("layout", False)), full=full
    )
    return capsys.readouterr().out


def test_every_kind_of_change(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(
        capsys,
        Change("added", "a", new="a = 1", line=3),
        Change("removed", "b", old="b = 2"),
        Change("renamed", "d", old="c", new="d", line=4),
        Change("equation", "e", old="e = f * g", new="e = f", part=("* g", ""), line=5),
        Change("equation", "h", new="h = 1"),
        Change("number", "n", old="4", new="8", percent=100.0),
        Change("number", "m", new="8"),
        Change("units", "u", new="Month", line=6),
        Change("limits", "l", old="[0,1]"),
        sketch=True,
    )
    for line in (
        "  + a = 1  (line 3)", "  - b = 2", "  c → d  (line 4)", "  e  (line 5)", "    - e = f * g", "    + e = f",
        "      * g  →  nothing", "  u: none → Month  (line 6)", "  l: [0,1] → none", "Diagrams differ too.",
    ):  # fmt: skip
        assert line in out.splitlines()
    assert "  h\n    + h = 1\n\n" in out  # no old equation
    rows = [line.split() for line in out.splitlines() if line.strip()[:2] in ("n ", "m ")]
    assert rows == [["n", "4", "8", "+100", "%"], ["m", "none", "8"]]


def test_comments_of_one_version_alone_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        Change("comment", "x", old="Was.", new="Is.", line=2),
        Change("comment", "y", old="Gone."),
        Change("comment", "z", new="New."),
        Change("group", "g", new="Other"),
    ]
    short = printed(capsys, *changes)
    assert (
        "Comments that the old version alone has: 1" in short
        and "Groups that the new version alone has: 1" in short
    )
    assert "Comments changed (1)\n  x  (line 2)\n" in short and "Was." not in short
    assert "    - Was.\n    + Is.\n" in printed(capsys, *changes, full=True)


def test_long_lists_and_equations_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    many = [Change("added", f"v{k}", new=f"v{k} = 1") for k in range(43)]
    long = Change("removed", "w", old="w = " + " + ".join(f"term {k}" for k in range(60)))
    short, whole = printed(capsys, *many, long), printed(capsys, *many, long, full=True)
    assert (
        "… and 3 more (--full)" in short and "v42" not in short and " …" in short and "term 59" not in short
    )
    assert "more (--full)" not in whole and "v42 = 1" in whole and "term 59" in whole


def test_nothing_that_counts_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == "No equation differs.\n"
    assert printed(capsys, layout=True, sketch=True) == "Layout and words only differ. Diagrams do.\n"


def test_what_is_to_be_written_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    print_left([])
    assert capsys.readouterr().out == ""
    print_left([Change("added", f"v{k}") for k in (0, 0, *range(13))])
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("To be written by hand (15): v0, v1, ") and out.endswith("v11 and 1 more")


def test_names_numbers_and_moments() -> None:
    assert (
        _stem("HEAD~1:models/m.mdl") == "HEAD~1-m"
        and _stem("C:/models/m.mdl") == "m"
        and _stem("m.mdl") == "m"
    )
    told: Any = {"a": [1.0, math.nan, (math.inf, "x")], "b": None}
    assert _finite(told) == {"a": [1.0, None, [None, "x"]], "b": None}
    assert _moment(3.5, dated=False) == "at time 3.5"
    assert _moment(12.0, dated=True) == "at the end of Dec 2013"
    assert _moment(12.5, dated=True) == "in Jan 2014" and _moment(0.0, dated=True) == "in Jan 2013"


def test_watch_tells_of_each_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.mdl").write_text(OLD, encoding="utf-8")
    versions = [
        OLD.replace("= 4 ~", "= = ~"),
        OLD,
        OLD.replace("stay = 4", "stay = 0"),
        OLD.replace("stay = 4", "stay = 8"),
    ]
    monkeypatch.setattr("flows.versions.watch.saves", lambda path: iter(v.encode() for v in versions))
    assert cli.main(["watch", "m.mdl", "--no-figures"]) == 0
    first, second, third, fourth = capsys.readouterr().out.strip().split("\n\n", 3)
    assert "watching m.mdl" in first and "error" in first and first.endswith("There is no good version yet.")
    assert "saved m.mdl" in second and "watching" not in second
    assert (
        "saved m.mdl" in third
        and 'Error: m.mdl:5, time 0: "leaving" is not a finite' in third
        and "The last good version is that of " in third
    )
    assert "+100 %" in fourth and "What moved most" in fourth
    assert not list(tmp_path.rglob("*.png"))
