"""Tables as one Excel workbook: tidy sheets with a row of units, number formats, a frozen head, and notes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flows import provenance
from flows.compare import (
    CAVEAT,
    Comparison,
    comparison_table,
    halving_table,
    odds_table,
    ranks_table,
    side_effects_table,
)
from flows.inputs.workbook import ABOUT, COLUMNS, SHEET

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from flows.inputs import Scenario

__all__ = ["Sheet", "comparison_sheets", "comparison_workbook", "scenario_cells", "write_workbook"]

_WIDEST, _NARROWEST = 60, 9  # columns of a cell
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")

UNITS = {
    "date": "month",
    "value": "in unit",
    "baseline": "in unit",
    "difference": "in unit",
    "median": "in unit",
    "low": "in unit",
    "high": "in unit",
    "regret": "in unit",
    "regret_high": "in unit",
    "regret_mean": "in unit",
    "regret_most": "in unit",
    "difference_percent": "%",
    "median_percent": "%",
    "low_percent": "%",
    "high_percent": "%",
    "error": "%",
    "bias": "%",
    "error_percent": "%",
    "latest_error": "%",
    "probability": "share of draws",
    "probability_lower": "share of draws",
    "probability_higher": "share of draws",
    "share_best": "share of draws",
    "share": "share of draws",
    "lasts": "share of those draws",
    "stability": "share of pairs",
    "month": "month",
    "early": "month",
    "late": "month",
    "S1": "share of variance",
    "ST": "share of variance",
}
"""What stands in the row of units below the head, by column."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sheet: a tidy table, the units of its columns, and what it holds in a sentence.

    Attributes
    ----------
    name : str
        Of the sheet, at most 31 letters.
    table : pandas.DataFrame
        Tidy: one observation a row.
    about : str
        For the sheet of notes.
    units : mapping of str to str
        By column, beyond `UNITS`.
    """

    name: str
    table: pd.DataFrame
    about: str = ""
    units: Mapping[str, str] = field(default_factory=dict)


def write_workbook(
    path: Path,
    sheets: Sequence[Sheet],
    *,
    notes: Sequence[tuple[str, str]] = (),
    scenarios: Sequence[Scenario] = (),
    model: Any = None,
    say: Callable[[str], str] = lambda text: text,
) -> Path:
    """Write a workbook, whole or not at all.

    Parameters
    ----------
    path : Path
        An ``.xlsx`` file.
    sheets : sequence of Sheet
        Each becomes a sheet; a column ``caveat`` stands in the notes and not in every row.
    notes : sequence of (str, str)
        Further lines of the first sheet.
    scenarios : sequence of Scenario, optional
        Each becomes a sheet that `flows.inputs.read_scenario` reads back.
    model : flows.Model, optional
        Gives the units of levers there.
    say : callable
        Translates the words of heads and notes.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ResultError
        The place can't be written to.
    """
    import openpyxl

    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    _notes(first, sheets, notes, scenarios, say)
    taken = {first.title.lower()}
    for sheet in sheets:
        _fill(book.create_sheet(_sheet_name(say(sheet.name), taken)), sheet, say)
    for scenario in scenarios:
        _scenario_sheet(
            book.create_sheet(_sheet_name(f"{say(SHEET)} {scenario.name}", taken)), scenario, model
        )
    for made in book.worksheets:
        _plain(made)
    with provenance.atomic_path(path) as temporary:
        book.save(temporary)
    return path


def comparison_workbook(comparison: Comparison, model: Any, path: Path, *, futures: str = "") -> Path:
    """Write a comparison as a workbook, each of its scenarios as a sheet that can be edited and compared again.

    Parameters
    ----------
    comparison : Comparison
        As `flows.compare.compare` returns it.
    model : flows.Model
        For the units of levers.
    path : Path
        An ``.xlsx`` file.
    futures : str
        What the intervals hold, in words.

    Returns
    -------
    Path
        The file.
    """
    notes = [("baseline", comparison.baseline), ("levers act from", comparison.start)]
    notes += [("uncertainty", futures)] if futures else []
    own = [s for s in comparison.scenarios[1:] if s.levers or s.constants]
    return write_workbook(path, comparison_sheets(comparison), notes=notes, scenarios=own, model=model)


def comparison_sheets(comparison: Comparison) -> list[Sheet]:
    """Make the sheets of a comparison."""
    found = [
        Sheet(
            "comparison",
            comparison_table(comparison),
            "Each scenario, outcome, date and measure beside the baseline; the column unit holds the unit of a row.",
        ),
        Sheet(
            "halving", halving_table(comparison), "When each backlog has halved; empty where it never does."
        ),
    ]
    if comparison.levels.data_vars:
        found.append(Sheet("side effects", side_effects_table(comparison), "What changes beyond doubt."))
    if comparison.draws:
        found += [
            Sheet(
                "odds",
                odds_table(comparison),
                "Share of draws in which a scenario does better than the other.",
            ),
            Sheet(
                "ranks",
                ranks_table(comparison),
                "Rank of each scenario across draws, how firm the order is, and regret.",
                {"median": "rank", "low": "rank", "high": "rank"},
            ),
        ]
    return found


def scenario_cells(scenario: Scenario, model: Any) -> list[list[Any]]:
    """Lay a scenario out as the rows of a sheet that `flows.inputs.read_scenario` reads back."""
    about = {
        "title": scenario.title, "kind": scenario.kind, "source": scenario.source, "model": scenario.model,
        "claims": ", ".join(scenario.claims),
    }  # fmt: skip
    rows: list[list[Any]] = [[key, about[key]] for key in ABOUT]
    rows += [[], list(COLUMNS)]

    def unit(name: str) -> str:
        base = name.split("[")[0].strip()
        return str(model.constants[base].units or "") if model is not None and base in model.constants else ""

    for lever in scenario.levers:
        rows.append(
            [
                lever.name,
                lever.value,
                unit(lever.name),
                lever.start,
                lever.phase_in,
                lever.end,
                "lever",
                lever.why,
            ]
        )
    for constant in scenario.constants:
        rows.append(
            [constant.name, constant.value, unit(constant.name), None, None, None, "constant", constant.why]
        )
    return rows


# Parts --------------------------------------------------------------------------------------------


def _notes(
    sheet: Worksheet,
    sheets: Sequence[Sheet],
    notes: Sequence[tuple[str, str]],
    scenarios: Sequence[Scenario],
    say: Callable[[str], str],
) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.title = _FORBIDDEN.sub(" ", say("notes"))[:31]
    versions = provenance.versions()
    rows = [
        (say("Flows: tables of results"), ""),
        (say("caveat"), say(CAVEAT)),
        (say("made with"), f"Flows {versions.get('flows', '')}, {provenance.now()} UTC"),
        *((say(key), say(text)) for key, text in notes),
        ("", ""),
        (say("sheet"), say("what it holds")),
        *((say(one.name), say(one.about)) for one in sheets),
    ]
    if scenarios:
        words = "Sheets of this name can be edited, saved and read back: flows compare FILE.xlsx#SHEET."
        rows.append((f"{say(SHEET)} …", say(words)))
    rows += [
        ("", ""),
        (say("row 2"), say("The second row of each table holds units. Empty cells have no value.")),
    ]
    for row in rows:
        sheet.append(list(row))
    for line in sheet.iter_rows():
        line[0].font = Font(bold=True)
        line[1].alignment = Alignment(wrap_text=True, vertical="top")
        line[0].alignment = Alignment(vertical="top")
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 90


def _fill(sheet: Worksheet, one: Sheet, say: Callable[[str], str]) -> None:
    """Write head, units and rows; freeze both; a filter over the head."""
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    table = one.table.drop(columns=[c for c in ("caveat",) if c in one.table.columns])
    columns = [str(column) for column in table.columns]
    sheet.append([say(column.replace("_", " ")) for column in columns])
    sheet.append([say(one.units.get(c, UNITS.get(c, ""))) for c in columns])
    wash, ink = PatternFill("solid", fgColor="FFE8EEF4"), Font(bold=True)
    for head, unit in zip(sheet[1], sheet[2], strict=True):
        head.font, head.fill = ink, wash
        head.alignment = Alignment(wrap_text=True, vertical="top")
        unit.font, unit.fill = Font(italic=True, color="FF59626D"), wash
    for record in table.itertuples(index=False, name=None):
        sheet.append([_cell(value) for value in record])
    for place, column in enumerate(columns, 1):
        values = table.iloc[:, place - 1]
        letter = get_column_letter(place)
        form = _format(column, values)
        longest = max((len(str(v)) for v in values.head(200)), default=0) if form == "@" else 12
        sheet.column_dimensions[letter].width = min(
            _WIDEST, max(_NARROWEST, longest + 2, min(len(column), 14) + 2)
        )
        if form != "@":
            for cell in sheet[letter][2:]:
                cell.number_format = form
    sheet.freeze_panes = "A3"
    if columns:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{max(sheet.max_row, 2)}"


def _format(column: str, values: pd.Series) -> str:
    """Number format of a column: thousands apart for large ones, decimals for shares and per cent."""
    if values.dtype.kind not in "fiu":
        return "@"
    if values.dtype.kind in "iu":
        return "#,##0"
    if column.endswith("percent") or column in ("error", "bias", "latest_error"):
        return "0.0"
    if UNITS.get(column, "").startswith("share"):
        return "0.00"
    size = float(np.nanmax(np.abs(values))) if values.notna().any() else 0.0
    return "#,##0" if size >= 10_000 else "#,##0.0##" if size >= 1 else "0.0000"


def _cell(value: Any) -> Any:
    """A value as a spreadsheet takes it: no NaN, dates as dates."""
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, np.generic):
        return _cell(value.item())
    if isinstance(value, pd.Timestamp):
        return value.date()
    return value if isinstance(value, int | float | bool | str) else str(value)


def _plain(sheet: Worksheet) -> None:
    """Keep texts that begin with an equals sign from being formulas."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type == "f":
                cell.data_type = "s"


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name that Excel takes: at most 31 letters, none of its signs, once."""
    plain = _FORBIDDEN.sub(" ", name).strip("' ")[:31] or "sheet"
    made, turn = plain, 2
    while made.lower() in taken:
        tail = f" {turn}"
        made, turn = plain[: 31 - len(tail)] + tail, turn + 1
    taken.add(made.lower())
    return made


def _scenario_sheet(sheet: Worksheet, scenario: Scenario, model: Any) -> None:
    from openpyxl.styles import Font, PatternFill

    rows = scenario_cells(scenario, model)
    for row in rows:
        sheet.append([_cell(value) for value in row])
    head = len(ABOUT) + 2
    for cell in sheet[head]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="FFE8EEF4")
    for place in range(1, len(ABOUT) + 1):
        sheet.cell(place, 1).font = Font(bold=True)
    for letter, width in zip("ABCDEFGH", (34, 12, 14, 10, 10, 10, 10, 60), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = f"A{head + 1}"
