"""What GET XLS and GET DIRECT functions read from a sheet: numbers, series and names.

This module reads what GET XLS and GET DIRECT CONSTANTS, DATA, LOOKUPS and SUBSCRIPT point at. It knows cells, not
variables: arguments and sizes go in, arrays come out (Vensim Help: fn_get_direct_constants, fn_get_direct_subscript,
22070).
"""

from __future__ import annotations

import math

import numpy as np

from flows.errors import InputError
from flows.vensim.external.cells import FORMULA, as_text, line_of, open_table, without_star
from flows.vensim.external.dataset import Array, in_order
from flows.vensim.external.files import Files
from flows.vensim.external.sheets import cell_name, column_number, position


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
    table = open_table(files, arguments, 3, "CONSTANTS('file', 'sheet', 'cell')")
    cell, transposed = without_star(arguments[2])
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
    table = open_table(files, arguments, 4, "DATA('file', 'sheet', 'row or column of time', 'cell')")
    line, cell = without_star(arguments[2])[0], without_star(arguments[3])[0]
    size = math.prod(shape)
    values = table.area(cell)
    line_area, down = line_of(table, line, values)
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
                remedy=f"Check the cell. {FORMULA}",
            )
    x, y = in_order(x, y, table.where(line), steps=steps)
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
    table = open_table(files, arguments, 3, wanted)
    first = without_star(arguments[2])[0]
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
    names = [prefix + as_text(value) for value in found if value is not None]
    if not names:
        raise InputError(
            "no element name stands here", where=table.where(first), remedy="Check first and last cell"
        )
    return names
