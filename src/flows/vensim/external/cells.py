"""One sheet of a spreadsheet or delimited text, with the words that errors name its cells by."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from flows.errors import InputError, near
from flows.vensim.external.files import Files, find_file
from flows.vensim.external.sheets import (
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

NUMBER = re.compile(
    r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eEdD][-+]?\d++)?"
)  # without ways back: digits may be many
_NEARLY_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d\s.,'’%:/eE+-]*")
FORMULA = "A formula counts once a spreadsheet program has saved its value"


@dataclass(frozen=True)
class Sheet:
    """One sheet, with the words that errors name it by."""

    file: str
    sheet: str
    rows: Rows
    names: Names
    text: bool

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def width(self) -> int:
        """Number of columns of the longest row."""
        return max(map(len, self.rows), default=0)

    def where(self, cell: str) -> str:
        """File, sheet and cell, for errors."""
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
        """What a cell holds; None if nothing, or beyond the last row or column."""
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
        number = None if value is None else number_in(value, where)
        if number is not None:
            return number
        if required:
            remedy = "Correct the cell's name in the model, or fill the cell"
            raise InputError(
                "the cell holds no number",
                where=where,
                found="nothing" if value is None else f'"{value[:40]}"',
                remedy=f"{remedy}. {FORMULA}" if value is None and not self.text else remedy,
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
            raise InputError(
                "the named range is too large", where=self.where(cell), found=f"{rows} by {columns} cells",
                expected=f"{LARGEST_SHEET:,} at most",
            )  # fmt: skip
        return Area(area.row, area.column, rows, columns, named=True)


def line_of(table: Sheet, line: str, values: Area) -> tuple[Area, bool]:
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
                    remedy="Name the cells of the axis alone",
                )
            down = bool(area.down)
    if max(area.rows, area.columns) < 1 or min(area.rows, area.columns) < 1:
        raise InputError(
            "the sheet ends before the first value",
            where=table.where(line),
            remedy="Check the row or column of times and the first cell",
        )
    return area, down


def without_star(cell: str) -> tuple[str, bool]:
    """The cell, and whether a star behind it asks for rows and columns to change places."""
    cell = cell.strip()
    return cell.rstrip("*").strip(), cell.endswith("*")


def number_in(text: str, where: str) -> float | None:
    """The number that a text is, None for a remark; what only looks like a number is refused."""
    if NUMBER.fullmatch(text):
        return float(text.lower().replace("d", "e"))
    if _NEARLY_NUMBER.fullmatch(text):
        raise InputError(
            "this isn't read as a number",
            where=where,
            found=f'"{" ".join(text.split())[:40]}"',
            expected="digits with a point before decimals, without signs of thousands, per cent, money or dates",
        )
    return None


def as_text(value: float | str) -> str:
    """What a cell holds, as a name: a whole number without its decimals."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def open_table(files: Files, arguments: tuple[str, ...], least: int, usage: str) -> Sheet:
    """Find the file and sheet of a call."""
    if len(arguments) < least:
        raise InputError(
            "arguments are missing", found=f"{len(arguments)} of {least}", expected=f"GET DIRECT {usage}"
        )
    path, shown = find_file(files, arguments[0].strip())
    files.read[path] = None
    book = read_book(path)
    if book.sheets is None:
        return Sheet(shown, "", book.delimited(_delimiter(arguments[1], path, shown)), {}, text=True)
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
    return Sheet(shown, sheet, book.rows(sheet), names, text=False)


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
