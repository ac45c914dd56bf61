"""Sheets of cells: Excel workbooks, OpenDocument sheets and delimited text as rows of numbers and texts.

The kind of a file is told by its first bytes, not by its name. A file is read once and kept until it changes on disk;
a sheet is parsed when it is first asked for. Files and sheets beyond a size are refused before they fill the memory,
and XML is parsed without entities.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import math
import os
import re
import string
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree.ElementTree import Element  # the type only; files are parsed by defusedxml

from defusedxml import ElementTree

from flows.errors import InputError
from flows.texts import any_text

Cell = float | str | None
Rows = tuple[tuple[Cell, ...], ...]

LARGEST_FILE = 128 * 2**20  # bytes, of a file and of what a packed file unpacks to
LARGEST_SHEET = 10_000_000  # cells, empty ones before the last of a row included
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384  # of a sheet in Excel: AB12 is a cell, ABCD12 a name

_SPREADSHEETS = {".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".xlt", ".xltx"}
_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")


@dataclass(frozen=True)
class Area:
    """A rectangle of cells, zero-based; `named` tells that its size is given, else it is a first cell."""

    row: int
    column: int
    rows: int = 1
    columns: int = 1
    named: bool = False

    @property
    def down(self) -> int:
        """1 for a column of several cells, else 0."""
        return 1 if self.columns == 1 and self.rows > 1 else 0


Names = dict[str, tuple[str, Area | None]]
"""Cell ranges by folded name: sheet and rectangle, None where a name stands for something else."""


def column_number(letters: str) -> int | None:
    """Read the letters of a column.

    Parameters
    ----------
    letters : str
        Such as ``AB``, in any case, perhaps after ``$``.

    Returns
    -------
    int or None
        Zero-based column; None if there is no such column.

    Examples
    --------
    >>> column_number("a"), column_number("AB"), column_number("ABCD")
    (0, 27, None)
    """
    letters = letters.removeprefix("$").upper()
    if not 1 <= len(letters) <= 3 or not set(letters) <= set(string.ascii_uppercase):
        return None
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1 if number <= LAST_COLUMN else None


def position(cell: str) -> tuple[int, int] | None:
    """Read the name of a cell.

    Parameters
    ----------
    cell : str
        Such as ``B2`` or ``$b$2``.

    Returns
    -------
    tuple of (row, column), or None
        Both zero-based; None if it is no cell of a sheet and so may be the name of a range.

    Examples
    --------
    >>> position("C10"), position("value1")
    ((9, 2), None)
    """
    match = _CELL.fullmatch(cell)
    if match is None or not 1 <= int(match[2]) <= LAST_ROW:
        return None
    column = column_number(match[1])
    return None if column is None else (int(match[2]) - 1, column)


def cell_name(row: int, column: int) -> str:
    """Name a cell.

    Parameters
    ----------
    row, column : int
        Zero-based.

    Returns
    -------
    str

    Examples
    --------
    >>> cell_name(9, 27)
    'AB10'
    """
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = string.ascii_uppercase[letter] + letters
    return f"{letters}{row + 1}"


class Book:
    """A file that was read: text, or sheets by name (each one parsed when it is first asked for).

    Attributes
    ----------
    label : str
        Name of the file, for messages.
    sheets : tuple of str, or None
        Names of the sheets; None for a text file.
    names : dict of str to Names
        Cell ranges by folded sheet; those of the whole workbook under the empty text.
    """

    def __init__(
        self,
        label: str,
        sheets: tuple[str, ...] | None,
        names: dict[str, Names],
        load: Callable[[str], Iterable[Iterable[object]]],
        raw: bytes = b"",
    ) -> None:
        self.label, self.sheets, self.names = label, sheets, names
        self._load, self._raw = load, raw
        self._parsed: dict[str, Rows] = {}

    def rows(self, sheet: str) -> Rows:
        """Cells of a sheet, rows as long as their last cell that isn't empty."""
        if sheet not in self._parsed:
            with _reading(self.label):
                self._parsed[sheet] = _rows(self._load(sheet), f'{self.label}, sheet "{sheet}"')
        return self._parsed[sheet]

    def text(self) -> str:
        """Text of a text file (UTF-8, UTF-16 with its mark, else Windows-1252), lines ended by a newline."""
        text = any_text(self._raw)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def delimited(self, delimiter: str) -> Rows:
        """Cells of a text file."""
        key = f"delimiter {delimiter}"
        if key not in self._parsed:
            reader = csv.reader(
                io.StringIO(self.text()), delimiter=delimiter, skipinitialspace=delimiter != " "
            )
            with _reading(self.label):
                self._parsed[key] = _rows(reader, self.label)
        return self._parsed[key]


def _rows(source: Iterable[Iterable[object]], label: str) -> Rows:
    """Cells as numbers, stripped texts or None, trailing empty ones left out."""
    result: list[tuple[Cell, ...]] = []
    cells = 0
    for row in source:
        values = [_value(v) for v in row]
        cells += len(values) + 1
        if cells > LARGEST_SHEET:
            raise InputError(
                "the sheet is too large",
                where=label,
                expected=f"at most {LARGEST_SHEET:,} cells".replace(",", " "),
                remedy="Delete what the model doesn't read, also far away cells",
            )
        while values and values[-1] is None:
            values.pop()
        result.append(tuple(values))
    while result and not result[-1]:
        result.pop()
    return tuple(result)


# The libraries for workbooks are imported where one is read: most models name none, and they take a tenth of a second.


def _value(value: object) -> Cell:
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        from openpyxl.utils.datetime import to_excel

        return float(to_excel(value))  # the number that the cell holds
    return str(value)


@contextlib.contextmanager
def _reading(label: str) -> Iterator[None]:
    """Turn whatever a reader of spreadsheets raises on a damaged file into one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about parts of a workbook that don't matter here: styles, validations
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                "the file can't be read as a spreadsheet or table",
                where=label,
                found=type(error).__name__ + (f": {error}" if str(error) else ""),
                remedy="Save it anew as .xlsx or .csv",
            ) from error


def read_book(path: Path) -> Book:
    """Read a file, anew only when it changed.

    Parameters
    ----------
    path : Path
        A spreadsheet or a text file.

    Returns
    -------
    Book

    Raises
    ------
    InputError
        If it can't be opened, is too large, damaged, or a spreadsheet of an unknown kind.
    """
    try:
        state = path.stat()
        return _read(str(path), state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise InputError(
            "the file can't be opened",
            where=str(path),
            found=error.strerror or type(error).__name__,
            remedy="Close it in other programs and check the right to read it",
        ) from error


@lru_cache(maxsize=16)
def _read(path: str, modified: int, size: int) -> Book:
    """Read a file and tell its kind; `modified` and `size` tell versions of it apart."""
    label, suffix = os.path.basename(path), os.path.splitext(path)[1].lower()
    if size > LARGEST_FILE:
        raise _too_large(label)
    with open(path, "rb") as stream:
        raw = stream.read(LARGEST_FILE + 1)
    with _reading(label):
        if raw[:4] == b"PK\x03\x04":
            return _packed(label, raw)
        if raw[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" or (suffix == ".xls" and raw[:1] == b"\x09"):
            return _xls(label, raw)
    if suffix in _SPREADSHEETS:
        raise InputError(
            "this is no Excel or OpenDocument file",
            where=label,
            remedy="Save it anew as .xlsx, or name it .csv or .tab",
        )
    return Book(label, None, {}, lambda sheet: (), raw)


def _too_large(label: str) -> InputError:
    return InputError(
        "the file is too large",
        where=label,
        expected=f"at most {LARGEST_FILE // 2**20} MiB, unpacked",
        remedy="Delete what the model doesn't read",
    )


def _packed(label: str, raw: bytes) -> Book:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        # A member never unpacks to more than its entry says.
        if sum(member.file_size for member in archive.infolist()) > LARGEST_FILE:
            raise _too_large(label)
        members = set(archive.namelist())
        if "content.xml" in members:
            if archive.getinfo("content.xml").file_size > LARGEST_FILE // 4:  # read as one tree
                raise _too_large(label)
            return _ods(label, archive.read("content.xml"))
    if "xl/workbook.bin" in members:
        raise InputError("binary workbooks (.xlsb) can't be read", where=label, remedy="Save it as .xlsx")
    return _xlsx(label, raw)


def _xlsx(label: str, raw: bytes) -> Book:
    import openpyxl
    from openpyxl.utils.datetime import to_excel

    def load(sheet: str) -> Iterator[tuple[object, ...]]:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        try:
            table = book[sheet]
            table.reset_dimensions()  # what the file says of its own size may be wrong
            for row in table.iter_rows(values_only=True):
                yield tuple(
                    to_excel(v, book.epoch)
                    if isinstance(v, datetime.date | datetime.time | datetime.timedelta)
                    else v
                    for v in row
                )
        finally:
            book.close()

    book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
    try:
        names: dict[str, Names] = {}
        for scope, defined in [("", book.defined_names)] + [
            (s.title, s.defined_names) for s in book.worksheets
        ]:
            names[scope.casefold()] = {name.casefold(): _destination(d) for name, d in defined.items()}
        return Book(label, tuple(s.title for s in book.worksheets), names, load)
    finally:
        book.close()


def _destination(defined: object) -> tuple[str, Area | None]:
    """Sheet and rectangle that a name of an Excel workbook stands for."""
    from openpyxl.utils.cell import range_boundaries

    try:
        ((sheet, cells),) = defined.destinations  # type: ignore[attr-defined]
        left, top, right, bottom = range_boundaries(cells)
    except (ValueError, TypeError):
        return "", None
    left, top, right, bottom = left or 1, top or 1, right or LAST_COLUMN, bottom or LAST_ROW
    return sheet, Area(top - 1, left - 1, bottom - top + 1, right - left + 1, named=True)


def _xls(label: str, raw: bytes) -> Book:
    import xlrd

    book = xlrd.open_workbook(file_contents=raw, logfile=io.StringIO(), ragged_rows=True)

    def load(sheet: str) -> Iterator[list[object]]:
        table = book.sheet_by_name(sheet)
        for r in range(table.nrows):
            yield [
                xlrd.error_text_from_code.get(c.value, "#N/A") if c.ctype == xlrd.XL_CELL_ERROR else c.value
                for c in table.row(r)
            ]

    names: dict[str, Names] = {}
    titles = tuple(book.sheet_names())
    for defined in book.name_obj_list:
        scope = titles[defined.scope].casefold() if 0 <= defined.scope < len(titles) else ""
        try:
            table, top, bottom, left, right = defined.area2d(clipped=False)
            entry: tuple[str, Area | None] = (
                table.name,
                Area(top, left, bottom - top, right - left, named=True),
            )
        except (xlrd.XLRDError, AttributeError, TypeError, AssertionError):
            entry = "", None
        names.setdefault(scope, {})[defined.name.casefold()] = entry
    return Book(label, titles, names, load)


_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_SHEET = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_ADDRESS = re.compile(r"\$?('(?:[^']|'')+'|[^.$']+)\.(\$?[A-Z]+\$?\d+)(?::[^:]*?(\$?[A-Z]+\$?\d+))?")
_PARAGRAPH = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"


def _ods(label: str, content: bytes) -> Book:
    root = ElementTree.fromstring(content)
    tables = {t.get(f"{_SHEET}name", ""): t for t in root.iter(f"{_SHEET}table")}

    def repeated(node: Element, what: str) -> int:
        return int(node.get(f"{_SHEET}number-{what}-repeated", "1"))

    def load(sheet: str) -> Iterator[list[object]]:
        blank_rows = 0
        for row in tables[sheet].iter(f"{_SHEET}table-row"):
            values: list[object] = []
            blanks = 0
            for cell in row:
                if cell.tag not in (f"{_SHEET}table-cell", f"{_SHEET}covered-table-cell"):
                    continue
                value, times = _ods_value(cell), repeated(cell, "columns")
                if value is None:
                    blanks += times
                elif len(values) + blanks + times > LAST_COLUMN:
                    raise InputError(
                        "the sheet is too wide", where=f'{label}, sheet "{sheet}"',
                        expected=f"{LAST_COLUMN:,} columns at most",
                    )  # fmt: skip
                else:
                    values += [None] * blanks + [value] * times
                    blanks = 0
            if not values:
                blank_rows += repeated(row, "rows")
                continue
            for _ in range(blank_rows):
                yield []
            blank_rows = 0
            for _ in range(repeated(row, "rows")):
                yield values

    names: Names = {}
    for node in root.iter(f"{_SHEET}named-range"):
        match = _ADDRESS.fullmatch(node.get(f"{_SHEET}cell-range-address", ""))
        entry: tuple[str, Area | None] = "", None
        first = position(match[2]) if match else None
        last = position(match[3] or match[2]) if match else None
        if match and first and last:
            area = Area(*first, last[0] - first[0] + 1, last[1] - first[1] + 1, named=True)
            entry = match[1].strip("'").replace("''", "'"), area
        names[node.get(f"{_SHEET}name", "").casefold()] = entry
    return Book(label, tuple(tables), {"": names}, load)


def _ods_value(cell: Element) -> object:
    kind = cell.get(f"{_OFFICE}value-type")
    if kind in ("float", "percentage", "currency"):
        return float(cell.get(f"{_OFFICE}value", "nan"))
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value") == "true"
    if kind == "date":
        from openpyxl.utils.datetime import from_ISO8601

        return from_ISO8601(cell.get(f"{_OFFICE}date-value", ""))
    return "\n".join("".join(p.itertext()) for p in cell.iter(_PARAGRAPH)).strip() or None
