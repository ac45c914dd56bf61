"""Scenarios in spreadsheets, as people type them: what is taken, and the sentence for what isn't."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from flows.errors import InputError
from flows.inputs import Scenario, read_scenario
from flows.report.workbook import Sheet, write_workbook

HEAD = ["name", "value", "unit", "start", "phase_in", "end", "what", "why"]
LEVER = ["faster claims", 2]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write sheets, by title, into a workbook of an empty working folder; its name comes back."""
    monkeypatch.chdir(tmp_path)

    def put(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> str:
        made = openpyxl.Workbook()
        made.remove(made.active)
        for title, rows in sheets.items():
            sheet = made.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        made.save("plans.xlsx")
        return "plans.xlsx"

    return put


def test_rows_become_levers_and_constants(book: Any) -> None:
    rows = [
        ["Title", "Both at once"],
        ["colour", "says nothing to a scenario"],
        ["kind"],
        ["source", "a test"],
        ["claims", "A-1; B-2, ,"],
        [],
        HEAD,
        [*LEVER, "Dmnl", datetime.date(2026, 3, 5), 6, "2027-01", "", "they said so"],
        ["port slots"],
        [None, 7],
        ["violence future", "1.5", None, None, None, None, "Constant", "worse"],
    ]
    found = read_scenario(book({"Scenario": rows}))
    assert (found.name, found.title, found.kind, found.source) == (
        "plans", "Both at once", "package", "a test",
    )  # fmt: skip
    assert found.claims == ("A-1", "B-2")
    (lever,) = found.levers
    assert (lever.name, lever.value, lever.start, lever.phase_in, lever.end, lever.why) == (
        "faster claims", 2.0, "2026-03", 6.0, "2027-01", "they said so",
    )  # fmt: skip
    assert lever.where == 'plans.xlsx, sheet "Scenario", row 8'
    (constant,) = found.constants
    assert (constant.name, constant.value, constant.why) == ("violence future", 1.5, "worse")


def test_the_sheet_that_is_meant(book: Any) -> None:
    table = [["title", "T"], HEAD, LEVER]
    name = book({"notes": [["x"]], "scenario quick": table})
    assert read_scenario(name).name == "plans quick"  # the only one of that beginning
    assert read_scenario(f"{name}#SCENARIO Quick").title == "T"
    assert read_scenario(book({"anything": table})).name == "plans anything"  # the only sheet there is


@pytest.mark.parametrize(
    ("sheets", "asked", "message"),
    [
        (
            {"scenario a": [HEAD], "escenario b": [HEAD]},
            "",
            "plans.xlsx: several scenarios in one workbook, found scenario a, escenario b. "
            "Name one as plans.xlsx#scenario a.",
        ),
        (
            {"scenario a": [HEAD], "notes": []},
            "#scenario e",
            'plans.xlsx: no sheet "scenario e", expected scenario a, notes. Did you mean "scenario a"?',
        ),
        (
            {"one": [], "two": []},
            "",
            "plans.xlsx: no scenario in the workbook, found the sheets one, two, expected a sheet whose name begins "
            'with "scenario".',
        ),
        (
            {"one": [["title", "T"], ["faster claims", 2]]},
            "",
            'plans.xlsx, sheet "one": no table of levers, expected a row that begins with: name, value. '
            "flows compare NAME --xlsx writes a workbook with sheets of this form.",
        ),
        (
            {"one": [["name", "worth"], LEVER]},
            "",
            'plans.xlsx, sheet "one", row 1: no column "value", expected name, value, unit',
        ),
        (
            {"one": [HEAD, [*LEVER, None, None, None, None, "knob"]]},
            "",
            'plans.xlsx, sheet "one", row 2, column "what": not one of the choices, found "knob", expected '
            "lever, constant.",
        ),
        (
            {"one": [HEAD, ["faster claims", True]]},
            "",
            'plans.xlsx, sheet "one", row 2, column "value": not a number, found "True", expected a number '
            "such as 0.5.",
        ),
        (
            {"one": [HEAD, ["faster claims", "0,5"]]},
            "",
            'row 2, column "value": not a number, found "0,5". Write 0.5 and not 0,5 where the cell is a text.',
        ),
        (
            {"one": [HEAD, [*LEVER, None, None, datetime.date(2026, 1, 1)]]},
            "",
            'row 2, column "phase_in": not a number, found "2026-01-01',
        ),
        (
            {"one": [HEAD, [*LEVER, None, "soon"]]},
            "",
            'plans.xlsx, sheet "one", row 2, key "start": not a month',
        ),
    ],
)
def test_refused(book: Any, sheets: Any, asked: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_scenario(book(sheets) + asked)
    assert message in str(refused.value)


def test_what_is_no_workbook_or_too_large(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = book({"one": [["title", "T"], HEAD, LEVER]})
    monkeypatch.setattr("flows.inputs.workbook.LARGEST_SHEET", 10)
    with pytest.raises(
        InputError, match=r'plans.xlsx, sheet "one": the sheet is too large, expected 10 cells'
    ):
        read_scenario(name)
    monkeypatch.setattr("flows.inputs.workbook.LARGEST_FILE", 100)
    with pytest.raises(InputError, match=r"plans.xlsx: the workbook is too large, found \d+ MiB, unpacked"):
        read_scenario(name)
    Path(name).write_text("name;value\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"plans.xlsx: can't be read as a workbook, found .*zip"):
        read_scenario(name)


def test_tables_are_written_as_spreadsheets_take_them(tmp_path: Path) -> None:
    import numpy as np

    table = pd.DataFrame(
        {
            "name": ["=1+1", "b"],
            "when": [pd.Timestamp(2026, 3, 5), pd.NaT],
            "number": [np.float64(1.5), float("inf")],
            "mixed": [np.int64(3), ("a", "b")],
        }
    )
    long = "a title of more than thirty-one letters"
    sheets = [
        Sheet(long, table, "one"),
        Sheet(long.upper(), table.iloc[:0], "two"),
        Sheet("[]", pd.DataFrame(), ""),
    ]
    book = openpyxl.load_workbook(write_workbook(tmp_path / "t.xlsx", sheets))
    assert book.sheetnames == ["notes", long[:31], long.upper()[:29] + " 2", "sheet"]
    cells = [[cell.value for cell in row] for row in book[long[:31]].iter_rows(min_row=3)]
    assert cells == [
        ["=1+1", datetime.datetime(2026, 3, 5), 1.5, 3],
        ["b", None, None, "('a', 'b')"],
    ]
    assert book[long[:31]]["A3"].data_type == "s"  # a text, not a formula
    assert book["sheet"].auto_filter.ref is None
    assert "Sheets of this name" not in str([row[1].value for row in book["notes"].iter_rows()])


def test_two_scenarios_of_one_beginning_have_sheets_of_their_own(tmp_path: Path) -> None:
    names = ["a very long name of a package, first", "a very long name of a package, second"]
    made = [Scenario(name=n, title=n, kind="package", file="x") for n in names]
    book = openpyxl.load_workbook(write_workbook(tmp_path / "t.xlsx", [], scenarios=made))
    assert len(book.sheetnames) == 3 and book.sheetnames[2].endswith(" 2")
    assert [book[name]["B1"].value for name in book.sheetnames[1:]] == names
