"""Numbers and names that a model keeps in other files: spreadsheets, delimited text and data sets.

This module reads what GET XLS and GET DIRECT CONSTANTS, DATA, LOOKUPS and SUBSCRIPT point at, and whole data sets
for data variables. It knows cells, not variables: arguments and sizes go in, arrays come out (Vensim Help:
fn_get_direct_constants, fn_get_direct_subscript, 22070, datformat).

Where a file may lie
    Names are relative to the model's folder; backslashes and any case are accepted, as on Windows. ``..`` may lead
    to the folder beside the model's own (``../data/x.xlsx``), since models share such folders. What lies outside
    `Files.root` and names of network shares are refused with a message, so that a model from elsewhere can't reach
    into the rest of a disk. Links inside the root are followed.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError, near
from flows.references import fold
from flows.vensim.sheets import (
    LARGEST_SHEET,
    LAST_COLUMN,
    LAST_ROW,
    Area,
    Cell,
    Names,
    Rows,
    cell_name,
    column_number,
    position,
    read_book,
)

Array = NDArray[np.float64]
Key = tuple[str, tuple[str, ...]]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?")
_NEARLY_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d\s.,'’%:/eE+-]*")
_POINT = re.compile(rf"\s*({_NUMBER.pattern})[\s,;]+({_NUMBER.pattern})(?:\s.*)?")
_ELEMENT = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]+)\s*(?:,|$)')


@dataclass(frozen=True)
class Files:
    """Where the external files of a model are.

    Attributes
    ----------
    folder : Path
        Folder of the model file.
    tags : mapping of str to str
        What ``'?tag'`` stands for (settings lines 30); keys with or without the question mark.
    root : Path, optional
        Folder that no file may lie outside of; without it the folder that holds `folder`.
    """

    folder: Path
    tags: Mapping[str, str]
    root: Path | None = None


def tags(settings: str) -> dict[str, str]:
    r"""Read which file each ``?tag`` stands for.

    Parameters
    ----------
    settings : str
        The settings of a model file, with lines such as ``30:?data=data.xlsx``.

    Returns
    -------
    dict of str to str
        Tag with its question mark → file name.

    Examples
    --------
    >>> tags("15:0,0,0,0,0,0\n30:?data=inputs/data 2026.xlsx\n")
    {'?data': 'inputs/data 2026.xlsx'}
    """
    lines = re.findall(r"^30:(\?[^=\r\n]*)=([^\r\n]*)", settings, flags=re.MULTILINE)
    return {tag.strip(): name.strip() for tag, name in lines}


# ---------------------------------------------------------------------------------------------------- what is asked


def constants(files: Files, arguments: tuple[str, ...], shape: tuple[int, ...]) -> Array:
    """Read the values of GET XLS CONSTANTS or GET DIRECT CONSTANTS.

    The last subscript runs across, the one before it down; ``*`` after the cell turns that round. So one subscript
    lies in a row, and in a column with ``*``.

    Parameters
    ----------
    files : Files
    arguments : tuple of str
        File, sheet (or delimiter), cell ``B2`` or ``B2*`` or name of a cell range.
    shape : tuple of int
        Sizes of the subscripts that loop; empty for one value.

    Returns
    -------
    array, shape `shape`

    Raises
    ------
    InputError
        If the file, sheet, cell or name is missing, a cell holds no number, a named range has another shape, or more
        than two subscripts loop.

    Notes
    -----
    Vensim Help, fn_get_direct_constants and 22070: at most two subscripts, an array of more has one equation for
    each table.
    """
    table = _table(files, arguments, 3, "CONSTANTS('file', 'sheet', 'cell')")
    cell, transposed = _star(arguments[2])
    sizes = shape[-2:] if math.prod(shape[:-2]) == 1 else tuple(n for n in shape if n != 1)
    if len(sizes) > 2:
        raise InputError(
            "a table of constants has rows and columns only",
            where=table.where(cell),
            found=f"{len(sizes)} subscripts",
            remedy="Write one equation for each element of the first subscripts",
        )
    rows, columns = (1, 1, *sizes)[-2:]
    if transposed:
        rows, columns = columns, rows
    area = table.area(cell)
    if area.named and (area.rows, area.columns) != (rows, columns):
        turned = (area.rows, area.columns) == (columns, rows)
        raise InputError(
            "the named range doesn't fit the subscripts",
            where=table.where(cell),
            found=f"{area.rows} rows by {area.columns} columns",
            expected=f"{rows} by {columns}",
            remedy=(f"{'Leave out' if transposed else 'Write'} the * after the name" if turned else "")
            or "Correct the range in the spreadsheet",
        )
    values = np.empty((rows, columns))
    for r in range(rows):
        for c in range(columns):
            values[r, c] = table.number(area.row + r, area.column + c, required=True)
    return (values.T if transposed else values).reshape(shape)


def series(
    files: Files, arguments: tuple[str, ...], shape: tuple[int, ...], *, steps: bool = False
) -> tuple[Array, Array]:
    """Read the points of GET XLS or GET DIRECT DATA and LOOKUPS.

    With a row of times, each element has a row of its own, downwards from the cell; with a column of times, a column
    of its own, to the right. Several subscripts follow each other with the last one fastest. Reading ends with the
    sheet. Points without x, or without a value in any element, are left out.

    Parameters
    ----------
    files : Files
    arguments : tuple of str
        File, sheet (or delimiter), row number or column letter or named range of x, first cell or named range of y. A
        ``*`` changes nothing here: x tells the direction.
    shape : tuple of int
        Sizes of the subscripts that loop; empty for one series.
    steps : bool, optional
        Whether an x may stand twice with different values (a step in a lookup), kept in the file's order.

    Returns
    -------
    x : array, shape (n,)
        Rising.
    y : array, shape (*shape, n)
        NaN where one element lacks a value that another has.

    Raises
    ------
    InputError
        If something is missing, named ranges don't fit, an element has no value at all, or an x stands twice.
    """
    table = _table(files, arguments, 4, "DATA('file', 'sheet', 'row or column of time', 'cell')")
    line, cell = _star(arguments[2])[0], _star(arguments[3])[0]
    size = math.prod(shape)
    values = table.area(cell)
    line_area, down = _line(table, line, values)
    count = line_area.rows if down else line_area.columns
    if values.named:
        given = (values.rows, values.columns)
        wanted = (count, size) if down else (size, count)
        if given != wanted and not (count == 1 and given == wanted[::-1]):
            raise InputError(
                "the named range of values doesn't fit its times and subscripts",
                where=table.where(cell),
                found=f"{given[0]} rows by {given[1]} columns",
                expected=f"{wanted[0]} by {wanted[1]}",
                remedy="Correct the range in the spreadsheet",
            )
        down = down if given == wanted else not down
    # positions of x, then of y: along the line of times, and across it for each element
    x = np.empty(count)
    y = np.empty((size, count))
    for i in range(count):
        x[i] = table.number(line_area.row + i * line_area.down, line_area.column + i * (1 - line_area.down))
        for e in range(size):
            r, c = (i, e) if down else (e, i)
            y[e, i] = table.number(values.row + r, values.column + c)
    if np.isnan(x).all():
        raise InputError(
            "no number stands along the x or time axis",
            where=table.where(line),
            remedy="Check the row or column of times and the first cell",
        )
    filled = ~np.isnan(x)
    for e in range(size):
        if np.isnan(y[e, filled]).all():
            place = table.where(
                cell_name(values.row + (0 if down else e), values.column + (e if down else 0))
            )
            raise InputError(
                "no value stands from here on" + (f", for element {e + 1} of {size}" if size > 1 else ""),
                where=place,
                remedy=f"Check the cell. {_FORMULA}",
            )
    x, y = _in_order(x, y, table.where(line), steps=steps)
    return x, y.reshape(*shape, len(x))


def elements(files: Files, arguments: tuple[str, ...]) -> list[str]:
    """Read the element names of GET XLS SUBSCRIPT or GET DIRECT SUBSCRIPT.

    Parameters
    ----------
    files : Files
    arguments : tuple of str
        File, sheet (or delimiter), first cell or named range, last cell and prefix. The last cell may be a row number
        (all columns to the sheet's edge), a column letter (all rows) or empty (everything); the prefix may be absent.

    Returns
    -------
    list of str
        Across, then down; empty cells don't count.

    Raises
    ------
    InputError
        If something is missing or no name stands there.
    """
    wanted = "SUBSCRIPT('file', 'sheet', 'first cell', 'last cell', 'prefix')"
    table = _table(files, arguments, 3, wanted)
    first = _star(arguments[2])[0]
    last = arguments[3].strip() if len(arguments) > 3 else ""
    prefix = arguments[4] if len(arguments) > 4 else ""
    area = table.area(first)
    if area.named:
        rows, columns = area.rows, area.columns
    else:
        rows, columns = table.height - area.row, table.width - area.column
        end = position(last)
        if end is not None:
            rows, columns = end[0] - area.row + 1, end[1] - area.column + 1
        elif last.isdecimal():
            rows = int(last) - area.row
        elif column_number(last) is not None:
            columns = (column_number(last) or 0) - area.column + 1
        elif last:
            raise InputError(
                "the last cell isn't understood",
                where=table.where(last),
                expected="a cell such as A9, a row number, a column letter or nothing",
            )
    rows, columns = min(rows, table.height - area.row), min(columns, table.width - area.column)
    found = [table.at(area.row + r, area.column + c) for r in range(rows) for c in range(columns)]
    names = [prefix + _text(value) for value in found if value is not None]
    if not names:
        raise InputError(
            "no element name stands here", where=table.where(first), remedy="Check first and last cell"
        )
    return names


def dataset(path: str | Path) -> dict[Key, tuple[Array, Array]]:
    """Read a data set: series for the data variables of a model.

    Text (``.tab``, ``.csv``) and the first sheet of a spreadsheet have names across and times down, or times across
    and names down; the first column or row holds them. A ``.dat`` file has a name on a line of its own and then a time
    and a value on each line. Series of the same name are joined.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict of (folded name, folded elements) to (x, y)
        Rising times, shape (n,), and values, shape (n,); points without value are left out, series without any too.

    Raises
    ------
    InputError
        If the file is missing or no data set, or a series has two values at one time.
    """
    path = Path(path)
    if path.suffix.lower() in (".vdf", ".vdfx"):
        raise InputError(
            "Vensim's binary data sets can't be read",
            where=str(path),
            remedy="Export it in Vensim as .dat, .tab or .csv (Model > Export Dataset)",
        )
    if not path.is_file():
        _missing(path.name, path.parent, where=str(path))
    book = read_book(path)
    if book.sheets is None and path.suffix.lower() == ".dat":
        points = _dat(book.text(), str(path))
    else:
        if book.sheets is None:
            rows = book.delimited(_delimiter_of(path, book.text()))
        else:
            rows = book.rows(book.sheets[0]) if book.sheets else ()
        points = _columns(rows, str(path))
    result: dict[Key, tuple[Array, Array]] = {}
    for key, (name, xs, ys) in points.items():
        x, y = _in_order(np.array(xs), np.array([ys]), f'{path}, series "{name}"', steps=False)
        if len(x):
            result[key] = x, y[0]
    if not result:
        raise InputError("the data set holds no values", where=str(path))
    return result


# ---------------------------------------------------------------------------------------------------- tables and cells


_FORMULA = "A formula counts once a spreadsheet program has saved its value"


@dataclass(frozen=True)
class _Table:
    """One sheet, with the words that errors name it by."""

    file: str
    sheet: str
    rows: Rows
    names: Names
    text: bool

    @property
    def height(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return max(map(len, self.rows), default=0)

    def where(self, cell: str) -> str:
        kind = "name"
        if position(cell):
            kind = "cell"
        elif cell.isdecimal():
            kind = "row"
        elif column_number(cell) is not None:
            kind = "column"
        sheet = "" if self.text else f', sheet "{self.sheet}"'
        return f"{self.file}{sheet}, {kind} {cell}"

    def at(self, row: int, column: int) -> Cell:
        if row < len(self.rows) and column < len(self.rows[row]):
            return self.rows[row][column]
        return None

    def number(self, row: int, column: int, *, required: bool = False) -> float:
        """The number in a cell; NaN for an empty cell or a remark unless a number is required."""
        value = self.at(row, column)
        if isinstance(value, float):
            return value
        if value is None and not required:
            return math.nan
        where = self.where(cell_name(row, column))
        number = None if value is None else _number(value, where)
        if number is not None:
            return number
        if required:
            remedy = "Correct the cell's name in the model, or fill the cell"
            raise InputError(
                "the cell holds no number",
                where=where,
                found="nothing" if value is None else f'"{value[:40]}"',
                remedy=f"{remedy}. {_FORMULA}" if value is None and not self.text else remedy,
            )
        return math.nan

    def area(self, cell: str) -> Area:
        """The first cell, or the named range."""
        place = position(cell)
        if place is not None:
            return Area(*place)
        if self.text:
            raise InputError(
                "a text file has no named ranges",
                where=self.where(cell),
                expected="a cell such as B2",
            )
        entry = self.names.get(cell.casefold())
        if entry is None:
            raise InputError(
                "there is no such cell or named range",
                where=self.where(cell),
                remedy=near(cell, self.names)
                or "Name a cell such as B2, or define the name in the spreadsheet"
                + ("" if self.names or not self.file.lower().endswith(".xls") else " saved as .xlsx"),
            )
        sheet, area = entry
        if area is None:
            raise InputError(
                "the name stands for no single rectangle of cells",
                where=self.where(cell),
                remedy="Let the name stand for one range of cells of this sheet",
            )
        if sheet.casefold() != self.sheet.casefold():
            raise InputError(
                "the named range lies on another sheet",
                where=self.where(cell),
                found=f'sheet "{sheet}"',
                remedy=f'Write "{sheet}" as sheet in the model',
            )
        rows = min(area.rows, max(self.height - area.row, 1)) if area.rows >= LAST_ROW else area.rows
        columns = (
            min(area.columns, max(self.width - area.column, 1))
            if area.columns >= LAST_COLUMN
            else area.columns
        )
        if rows * columns > LARGEST_SHEET:
            raise InputError("the named range is too large", where=self.where(cell))
        return Area(area.row, area.column, rows, columns, named=True)


def _line(table: _Table, line: str, values: Area) -> tuple[Area, bool]:
    """Where the x values stand, and whether they run down."""
    if line.isdecimal() and int(line) > 0:
        row = int(line) - 1
        length = len(table.rows[row]) if row < table.height else 0
        count = values.columns if values.named else length - values.column
        area, down = Area(row, values.column, 1, count, named=True), False
    else:
        column = column_number(line)
        if values.named and (line.casefold() in table.names or (column or 0) >= table.width):
            column = None  # a short name, such as "t"
        if column is not None:
            count = values.rows if values.named else table.height - values.row
            area, down = Area(values.row, column, count, 1, named=True), True
        else:
            if position(line) is not None or not line:
                raise InputError(
                    "the x or time axis is given by a row, a column or a name",
                    where=table.where(line),
                    expected="a row number such as 4, a column letter such as A, or a named range",
                )
            area = table.area(line)
            if area.rows > 1 and area.columns > 1:
                raise InputError(
                    "the named range of x or time must be one row or one column",
                    where=table.where(line),
                    found=f"{area.rows} rows by {area.columns} columns",
                )
            down = bool(area.down)
    if max(area.rows, area.columns) < 1 or min(area.rows, area.columns) < 1:
        raise InputError(
            "the sheet ends before the first value",
            where=table.where(line),
            remedy="Check the row or column of times and the first cell",
        )
    return area, down


def _in_order(x: Array, y: Array, where: str, *, steps: bool) -> tuple[Array, Array]:
    """Points with x and at least one value, rising; of points that agree one is kept. x (n,), y (elements, n)."""
    keep = ~np.isnan(x) & ~np.isnan(y).all(axis=0)
    x, y = x[keep], y[:, keep]
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[:, order]
    again = np.flatnonzero(np.diff(x) == 0) + 1
    if not len(again):
        return x, y
    twice = [i for i in again if not np.array_equal(y[:, i], y[:, i - 1], equal_nan=True)]
    if twice and not steps:
        raise InputError(
            f"x or time {x[twice[0]]:g} stands twice with different values",
            where=where,
            remedy="Remove one of the two points",
        )
    drop = [i for i in again if i not in set(twice)]
    return np.delete(x, drop), np.delete(y, drop, axis=1)


def _star(cell: str) -> tuple[str, bool]:
    cell = cell.strip()
    return cell.rstrip("*").strip(), cell.endswith("*")


def _number(text: str, where: str) -> float | None:
    """The number that a text is, None for a remark; what only looks like a number is refused."""
    if _NUMBER.fullmatch(text):
        return float(text.lower().replace("d", "e"))
    if _NEARLY_NUMBER.fullmatch(text):
        raise InputError(
            "this isn't read as a number",
            where=where,
            found=f'"{text[:40]}"',
            expected="digits with a point before decimals, without signs of thousands, per cent, money or dates",
        )
    return None


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


# ---------------------------------------------------------------------------------------------------- files


def _table(files: Files, arguments: tuple[str, ...], least: int, usage: str) -> _Table:
    """Find the file and sheet of a call."""
    if len(arguments) < least:
        raise InputError(
            "arguments are missing", found=f"{len(arguments)} of {least}", expected=f"GET DIRECT {usage}"
        )
    path, shown = _resolve(files, arguments[0].strip())
    book = read_book(path)
    if book.sheets is None:
        return _Table(shown, "", book.delimited(_delimiter(arguments[1], path, shown)), {}, text=True)
    wanted = arguments[1].strip().casefold()
    sheet = next((s for s in book.sheets if s.strip().casefold() == wanted), None)
    if sheet is None:
        listed = ", ".join(f'"{s}"' for s in book.sheets[:10]) + (" …" if len(book.sheets) > 10 else "")
        raise InputError(
            "there is no such sheet",
            where=shown,
            found=f'"{arguments[1]}"',
            expected=listed,
            remedy=near(arguments[1], book.sheets),
        )
    names = book.names.get("", {}) | book.names.get(sheet.casefold(), {})
    return _Table(shown, sheet, book.rows(sheet), names, text=False)


def _resolve(files: Files, name: str) -> tuple[Path, str]:
    """Path of a file as the model names it, and its name for messages."""
    if name.startswith("?"):
        by_tag = {tag.strip().removeprefix("?").casefold(): target for tag, target in files.tags.items()}
        target = by_tag.get(name[1:].strip().casefold())
        if target is None:
            raise InputError(
                "the model doesn't say which file this tag stands for",
                where=f'"{name}"',
                remedy=near(name, [f"?{tag}" for tag in by_tag])
                or "Set it in Vensim (Model > Settings > XLS Files), or write the file's name",
            )
        name = target.strip()
    slashed = name.replace("\\", "/")
    if not slashed or "\0" in slashed:
        raise InputError("the name of a file is missing", found=f'"{name}"')
    base = os.path.abspath(files.folder)
    root = os.path.abspath(files.root) if files.root is not None else os.path.dirname(base)
    absolute = os.path.isabs(slashed)
    foreign = slashed.startswith("//") or (":" in slashed[:2] and not absolute)
    path = Path(os.path.normpath(os.path.join(base, slashed)))
    if foreign or not path.is_relative_to(root):
        raise InputError(
            "a model reads files of its own folder and of the folders beside it only",
            where=f'"{name}"',
            expected=f'a file below "{root}"',
            remedy="Put the file beside the model and name it without folder",
        )
    found = Path(root)
    for part in path.relative_to(root).parts:
        if not os.path.exists(found / part):
            part = _any_case(found, part) or _missing(part, found, where=f'"{name}"')
        found /= part
    if not os.path.isfile(found):
        raise InputError("this is no file", where=f'"{name}"', found=f'"{found}"')
    return found, name


def _any_case(folder: Path, name: str) -> str | None:
    """The entry of a folder whose name is the same but for case and for how accents are composed."""
    alike = [entry for entry in _entries(folder) if _caseless(entry) == _caseless(name)]
    if len(alike) > 1:
        raise InputError(
            "several files differ in case only",
            where=str(folder),
            found=", ".join(sorted(alike)),
            remedy="Rename one",
        )
    return alike[0] if alike else None


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _missing(name: str, folder: Path, *, where: str) -> NoReturn:
    raise InputError(
        f'there is no file or folder "{name}" in "{folder}"',
        where=where,
        remedy=near(name, _entries(folder)) or "Put it there, or correct the name in the model",
    )


def _delimiter(argument: str, path: Path, shown: str) -> str:
    """The delimiter that the second argument names; letters and nothing mean the file's usual one."""
    argument = "\t" if argument == "\\t" else argument
    if (
        not argument
        or argument[0].isalnum()
        or (argument != "\t" and argument.strip() == "" and argument != " ")
    ):
        return "," if path.suffix.lower() == ".csv" else "\t"
    delimiter = argument if len(argument) == 1 else argument.strip()
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise InputError(
            "a delimiter is one character", where=shown, found=f'"{argument}"', expected="such as , or ;"
        )
    return delimiter


def _delimiter_of(path: Path, text: str) -> str:
    """The delimiter of a data set: what its first line has most of."""
    first = re.sub(r'"[^"]*"|\[[^\]]*\]', "", text.split("\n", 1)[0])  # element names hold commas too
    preferred = ",\t;" if path.suffix.lower() == ".csv" else "\t,;"
    return max(preferred, key=lambda d: first.count(d))


# ---------------------------------------------------------------------------------------------------- data sets


_Points = dict[Key, tuple[str, list[float], list[float]]]


def _columns(rows: Rows, where: str) -> _Points:
    """A table with times down or across."""
    rows = tuple(row for row in rows if row)
    if len(rows) < 2 or max(map(len, rows)) < 2:
        raise InputError(
            "this is no data set", where=where, expected="a row or column of times, names and values"
        )
    width = max(map(len, rows))
    table = [[*row, *[None] * (width - len(row))] for row in rows]
    head = [cell for cell in table[0][1:] if cell is not None]
    numbers = sum(isinstance(cell, float) or _NUMBER.fullmatch(cell) is not None for cell in head)
    if head and numbers == len(head):
        table = [list(column) for column in zip(*table, strict=True)]
    elif numbers:
        raise InputError(
            "the first row of the data set mixes names and numbers",
            where=where,
            expected="names with times down the first column, or times with names down it",
        )
    times = [_measured(row[0], f"{where}, times") for row in table[1:]]
    result: _Points = {}
    for c, name in enumerate(table[0]):
        if c == 0 or name is None:
            continue
        spelling = _text(name)
        _, xs, ys = result.setdefault(_key(spelling), (spelling, [], []))
        for time, row in zip(times, table[1:], strict=True):
            value = _measured(row[c], f'{where}, series "{spelling}"')
            if not math.isnan(time) and not math.isnan(value):
                xs.append(time)
                ys.append(value)
    return result


def _measured(value: Cell, where: str) -> float:
    if value is None or isinstance(value, float):
        return math.nan if value is None else value
    number = _number(value, where)
    return math.nan if number is None else number


def _dat(text: str, where: str) -> _Points:
    """Name lines, each followed by lines of time and value (Vensim Help, datformat)."""
    result: _Points = {}
    current: tuple[str, list[float], list[float]] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        match = _POINT.fullmatch(line)
        if match is not None:
            if current is None:
                raise InputError(
                    "a point stands before the first name", where=f"{where}:{number}", found=line[:60]
                )
            current[1].append(float(match[1].lower().replace("d", "e")))
            current[2].append(float(match[2].lower().replace("d", "e")))
        elif line and not _NUMBER.fullmatch(line):  # a time alone has no value
            if line[0].isdigit():
                raise InputError(
                    "this line isn't understood",
                    where=f"{where}:{number}",
                    found=f'"{line[:60]}"',
                    expected="a name, or a time and a value",
                )
            name = _series_name(line)
            current = result.setdefault(_key(name), (name, [], []))
    return result


def _series_name(line: str) -> str:
    """The name on a line of its own, without a remark after / and a time base in <>."""
    match = re.match(r'("(?:[^"\\]|\\.)*"|[^"/<\[]*)\s*(\[(?:"(?:[^"\\]|\\.)*"|[^"\]])*\])?', line)
    return match[0].strip() if match and match[0].strip() else line


def _key(name: str) -> Key:
    """Folded name and elements."""
    match = re.fullmatch(r'("(?:[^"\\]|\\.)*"|[^\[]*)\s*(?:\[(.*)\])?', name.strip(), flags=re.DOTALL)
    if match is None:
        return fold(name), ()
    return fold(match[1]), tuple(fold(e) for e in _ELEMENT.findall(match[2] or ""))
