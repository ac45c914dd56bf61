"""A scenario written in a spreadsheet: what stands in which cell, and how it is read back."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.errors import InputError, near
from flows.inputs.scenarios import ConstantChange, LeverChange, Scenario
from flows.inputs.tables import read_table, shown_path
from flows.paths import plain

SHEET = "scenario"
"""Name of the sheet, or the beginning of it."""

_BEGINNINGS = (SHEET, "escenario")  # as the workbooks in English and in Spanish name their sheets

ABOUT = ("title", "kind", "source", "model", "claims")
"""What the first rows say, one a row: the key in the first column, the text in the second."""

COLUMNS = ("name", "value", "unit", "start", "phase_in", "end", "what", "why")
"""Head of the table below them. A row without a value changes nothing; ``what`` is ``lever`` (or empty) or
``constant``."""

LARGEST_FILE = 64 * 2**20
"""Bytes, unpacked."""

LARGEST_SHEET = 1_000_000
"""Cells, empty ones before the last of a row included."""

_NEEDED = ("name", "value")


def read_workbook(path: Path, sheet: str = "") -> Scenario:
    """Read a scenario from a spreadsheet.

    Parameters
    ----------
    path : Path
        An ``.xlsx`` file with a sheet whose name begins with ``scenario`` or ``escenario``, or with one sheet only.
    sheet : str
        The sheet's name, where several could be meant.

    Returns
    -------
    Scenario
        Checked against the same schema as a TOML file; dates may be dates of the spreadsheet or texts ``YYYY-MM``.

    Raises
    ------
    InputError
        If the file is no workbook, has no such sheet, or a cell doesn't fit; the cell is named.
    """
    import openpyxl

    shown = shown_path(path)
    try:
        _refuse_large(path, shown)
        with open(path, "rb") as stream:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            sheets = {s.title: _cells(s, shown) for s in book.worksheets}
    except InputError:
        raise
    except Exception as error:  # a damaged file ends in whatever the reader stumbles over
        raise InputError(
            "can't be read as a workbook",
            where=shown,
            found=str(error).split("\n")[0],
            remedy="Save it anew as .xlsx",
        ) from None
    title = _choose(list(sheets), sheet, shown)
    return _scenario(sheets[title], path, f'{shown}, sheet "{title}"', title)


def _refuse_large(path: Path, shown: str) -> None:
    """Refuse an archive before it is unpacked; a member never unpacks to more than its entry says."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_FILE:
        raise InputError(
            "the workbook is too large", where=shown, found=f"{size // 2**20:,} MiB, unpacked",
            expected=f"{LARGEST_FILE // 2**20} MiB at most",
        )  # fmt: skip


def _cells(sheet: Any, shown: str) -> list[list[Any]]:
    """Cells of a sheet, row by row; what it says of its own size may be wrong."""
    sheet.reset_dimensions()
    rows: list[list[Any]] = []
    cells = 0
    for row in sheet.iter_rows(values_only=True):
        cells += len(row) + 1
        if cells > LARGEST_SHEET:
            raise InputError(
                "the sheet is too large", where=f'{shown}, sheet "{sheet.title}"',
                expected=f"{LARGEST_SHEET:,} cells at most", remedy="Delete cells far away from the table",
            )  # fmt: skip
        rows.append(list(row))
    return rows


def _choose(names: list[str], wanted: str, shown: str) -> str:
    if wanted:
        found = next((name for name in names if name.lower() == wanted.strip().lower()), None)
        if found is None:
            raise InputError(
                f'no sheet "{wanted}"', where=shown, expected=", ".join(names), remedy=near(wanted, names)
            )
        return found
    meant = [name for name in names if name.lower().startswith(_BEGINNINGS)]
    if len(meant) == 1:
        return meant[0]
    if not meant and len(names) == 1:
        return names[0]
    if meant:
        raise InputError(
            "several scenarios in one workbook", where=shown, found=", ".join(meant),
            remedy=f"Name one as {Path(shown).name}#{meant[0]}",
        )  # fmt: skip
    raise InputError(
        "no scenario in the workbook", where=shown, found="the sheets " + ", ".join(names),
        expected=f'a sheet whose name begins with "{SHEET}"',
    )  # fmt: skip


def _scenario(rows: list[list[Any]], path: Path, shown: str, sheet: str) -> Scenario:
    about: dict[str, str] = {}
    head: dict[str, int] = {}
    levers: list[LeverChange] = []
    constants: list[ConstantChange] = []
    for number, row in enumerate(rows, 1):
        first = _text(row[0]) if row else ""
        if not any(_text(cell) for cell in row):
            continue
        if not head:
            key = first.lower()
            if key == "name":
                head = {_text(cell).lower(): place for place, cell in enumerate(row) if _text(cell)}
                _check_head(head, f"{shown}, row {number}")
            elif key in ABOUT:
                about[key] = _text(row[1]) if len(row) > 1 else ""
            continue
        entry = {name: row[place] for name, place in head.items() if place < len(row)}
        if not first or not _text(entry.get("value")):
            continue
        change = _change(entry, f"{shown}, row {number}")
        (constants if isinstance(change, ConstantChange) else levers).append(change)  # type: ignore[arg-type]
    if not head:
        raise InputError(
            "no table of levers", where=shown, expected="a row that begins with: " + ", ".join(_NEEDED),
            remedy="flows compare NAME --xlsx writes a workbook with sheets of this form",
        )  # fmt: skip
    data: dict[str, Any] = {
        "title": about.get("title") or plain(path.stem),
        "kind": about.get("kind") or "package",
    }
    data |= {key: about[key] for key in ("source", "model") if about.get(key)}
    if about.get("claims"):
        data["claims"] = [
            part.strip() for part in about["claims"].replace(";", ",").split(",") if part.strip()
        ]
    lower = sheet.lower()
    own = sheet[next((len(b) for b in _BEGINNINGS if lower.startswith(b)), 0) :].strip()
    name = f"{path.stem} {own}".strip()
    extra = {
        "name": name, "levers": tuple(levers), "constants": tuple(constants), "file": shown, "paths": (path,),
    }  # fmt: skip
    return read_table(Scenario, data, shown, extra)


def _check_head(head: Mapping[str, int], where: str) -> None:
    for name in _NEEDED:
        if name not in head:
            raise InputError(f'no column "{name}"', where=where, expected=", ".join(COLUMNS))


def _change(entry: Mapping[str, Any], where: str) -> LeverChange | ConstantChange:
    """One row of the table, by the schema of the TOML file."""
    what = _text(entry.get("what")).lower() or "lever"
    if what not in ("lever", "constant"):
        raise InputError(
            "not one of the choices",
            where=f'{where}, column "what"',
            found=f'"{what}"',
            expected="lever, constant",
        )
    data: dict[str, Any] = {
        "name": _text(entry["name"]), "value": _number(entry["value"], f'{where}, column "value"'),
        "why": _text(entry.get("why")),
    }  # fmt: skip
    if what == "constant":
        return read_table(ConstantChange, data, where, {"where": where})
    for key in ("start", "end"):
        if _text(entry.get(key)):
            data[key] = _month(entry[key])
    if _text(entry.get("phase_in")):
        data["phase_in"] = _number(entry["phase_in"], f'{where}, column "phase_in"')
    return read_table(LeverChange, data, where, {"where": where})


def _number(cell: Any, where: str) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise InputError("not a number", where=where, found=f'"{cell}"', expected="a number such as 0.5")
    try:
        return float(cell)
    except ValueError:
        raise InputError(
            "not a number",
            where=where,
            found=f'"{cell}"',
            remedy="Write 0.5 and not 0,5 where the cell is a text",
        ) from None


def _month(cell: Any) -> str:
    """A date of the spreadsheet, or a text, as ``YYYY-MM``."""
    return f"{cell:%Y-%m}" if isinstance(cell, datetime.date) else _text(cell)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()
