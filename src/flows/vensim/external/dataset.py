"""Whole data sets for data variables: tables with times down or across, and ``.dat`` text (Vensim Help, datformat)."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError
from flows.references import fold
from flows.vensim.external.cells import NUMBER, as_text, number_in
from flows.vensim.external.files import refuse_missing
from flows.vensim.external.sheets import Cell, Rows, read_book

Array = NDArray[np.float64]
Key = tuple[str, tuple[str, ...]]
_POINT = re.compile(rf"\s*({NUMBER.pattern})[\s,;]+({NUMBER.pattern})(?:\s.*)?")
_ELEMENT = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]+)\s*(?:,|$)')


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
        refuse_missing(path.name, path.parent, where=str(path))
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
        x, y = in_order(np.array(xs), np.array([ys]), f'{path}, series "{name}"', steps=False)
        if len(x):
            result[key] = x, y[0]
    if not result:
        raise InputError(
            "the data set holds no values",
            where=str(path),
            expected="a time and a value in each row or column",
        )
    return result


def in_order(x: Array, y: Array, where: str, *, steps: bool) -> tuple[Array, Array]:
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


def _delimiter_of(path: Path, text: str) -> str:
    """The delimiter of a data set: what its first line has most of."""
    first = re.sub(r'"[^"]*"|\[[^\]]*\]', "", text.split("\n", 1)[0])  # element names hold commas too
    preferred = ",\t;" if path.suffix.lower() == ".csv" else "\t,;"
    return max(preferred, key=lambda d: first.count(d))


_Points = dict[Key, tuple[str, list[float], list[float]]]


def _columns(rows: Rows, where: str) -> _Points:
    """A table with times down or across."""
    rows = tuple(row for row in rows if row)
    if len(rows) < 2 or max(map(len, rows)) < 2:
        raise InputError(
            "this is no data set", where=where, expected="a row or column of times, names and values"
        )
    head = [cell for cell in rows[0][1:] if cell is not None]
    numbers = sum(isinstance(cell, float) or NUMBER.fullmatch(cell) is not None for cell in head)
    across = bool(head) and numbers == len(head)
    if numbers and not across:
        raise InputError(
            "the first row of the data set mixes names and numbers",
            where=where,
            expected="names with times down the first column, or times with names down it",
        )
    cells = rows[0][1:] if across else tuple(row[0] for row in rows[1:])
    times = [_measured(cell, f"{where}, times") for cell in cells]
    names = tuple(row[0] for row in rows[1:]) if across else rows[0][1:]
    spelt = [None if name is None else as_text(name) for name in names]
    columns: list[tuple[list[float], list[float]]] = [([], []) for _ in names]
    for r, row in enumerate(
        rows[1:]
    ):  # rows as long as they are: filled up they could be far larger than the file
        for c, cell in enumerate(row[1:]):
            at, column = (c, r) if across else (r, c)
            if at >= len(times) or column >= len(names):
                break
            if spelt[column] is None:
                continue
            value = _measured(cell, f'{where}, series "{spelt[column]}"')
            if not math.isnan(times[at]) and not math.isnan(value):
                columns[column][0].append(times[at])
                columns[column][1].append(value)
    result: _Points = {}
    for spelling, (xs, ys) in zip(spelt, columns, strict=True):
        if spelling is not None:
            _, all_xs, all_ys = result.setdefault(_key(spelling), (spelling, [], []))
            all_xs += xs
            all_ys += ys
    return result


def _measured(value: Cell, where: str) -> float:
    if value is None or isinstance(value, float):
        return math.nan if value is None else value
    number = number_in(value, where)
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
                    "a point stands before the first name",
                    where=f"{where}:{number}",
                    found=line[:60],
                    expected="the name of a variable on a line of its own",
                )
            current[1].append(float(match[1].lower().replace("d", "e")))
            current[2].append(float(match[2].lower().replace("d", "e")))
        elif line and not NUMBER.fullmatch(line):  # a time alone has no value
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
