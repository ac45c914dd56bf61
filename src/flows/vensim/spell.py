"""The way back, from values and syntax trees to the text of a model file: numbers, long lines."""

from __future__ import annotations

import math
import re

from flows.errors import InputError

__all__ = ["NOT_AVAILABLE", "number_text", "wrapped"]

NOT_AVAILABLE = -(2.0**109)
"""The number that ``:NA:`` stands for."""

WIDTH = 80
"""Columns at which a line is broken (vensim-formats.md, section 1.2); a tab counts as one."""

_PIECES = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"']+|[\"']|\s+")


def number_text(value: float, digits: int | None = None) -> str:
    """Write a number so that it reads back exactly.

    Parameters
    ----------
    value : float
        Any finite number; -2^109 is written ``:NA:``.
    digits : int, optional
        Significant digits to round to before; all that the number has by default.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If the value is infinite or no number.

    Examples
    --------
    >>> number_text(2.0), number_text(0.1), number_text(-1234.5678, 4), number_text(3e-9)
    ('2', '0.1', '-1235', '3e-09')
    """
    value = float(value)
    if value == NOT_AVAILABLE:
        return ":NA:"
    if digits is not None and math.isfinite(value):
        value = float(f"{value:.{digits}g}")
    if not math.isfinite(value):
        raise InputError("a model file holds finite numbers only", found=str(value))
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def wrapped(text: str, *, start: int = 0, end: str = "\n", indent: str = "\t\t") -> str:
    r"""Break a long line as Vensim does: a backslash, the line end, two tabs; never inside quotation marks.

    Parameters
    ----------
    text : str
        An expression or a comment on one line.
    start : int
        Columns that stand before it on its first line.
    end, indent : str
        Line end of the file, and what a continued line begins with.

    Returns
    -------
    str
        The same text where it is short enough.

    Examples
    --------
    >>> wrapped("a + " * 30 + "a").count("\\\n\t\t")
    1
    """
    lines: list[str] = []
    line, used = "", start
    for piece in _PIECES.findall(text):
        if line and not piece.isspace() and used + len(piece) > WIDTH - 2:
            if line.isspace() or not line[-1].isspace():  # only at blanks: anything else could join two words
                line, used = line + piece, used + len(piece)
                continue
            lines.append(line)
            line, used = "", len(indent)
        line, used = line + piece, used + len(piece)
    return ("\\" + end + indent).join([*lines, line])
