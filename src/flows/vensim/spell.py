"""The way back, from values and syntax trees to the text of a model file: numbers, long lines."""

from __future__ import annotations

import math
import re

from flows.errors import InputError
from flows.vensim.tree import Apply, Array, Definition, Name, Node, Num, Op, Points, Sub, Text

__all__ = [
    "NOT_AVAILABLE",
    "array_text",
    "definition_text",
    "expression_text",
    "number_text",
    "points_text",
    "quoted",
    "subscripts_text",
    "wrapped",
]

NOT_AVAILABLE = -(2.0**109)
"""The number that ``:NA:`` stands for."""

WIDTH = 80
"""Columns at which a line is broken (vensim-formats.md, section 1.2); a tab counts as one."""

_PLAIN = re.compile(r"[^\W\d_](?:[\w$' ]*[\w$'])?")
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


def points_text(points: Points) -> str:
    """Write the points of a lookup, in parentheses."""
    pairs = (f"({number_text(x)},{number_text(y)})" for x, y in zip(points.x, points.y, strict=True))
    return f"({','.join(pairs)})"


def array_text(array: Array) -> str:
    """Write a list of constants on one line."""
    rows = [", ".join(map(number_text, row)) for row in array.rows]
    return rows[0] if len(rows) == 1 else " ".join(f"{row};" for row in rows)


_TIGHT = {"OR": 10, "AND": 20, "=": 30, "<>": 30, "<": 30, ">": 30, "<=": 30, ">=": 30}
_TIGHT |= {"+": 40, "-": 40, "*": 50, "/": 50, "^": 70}
_NOT, _SIGN, _OPERAND = 25, 60, 100


def expression_text(node: Node) -> str:
    """Write an expression on one line, with the parentheses that it needs and no others.

    Parameters
    ----------
    node : Node
        A syntax tree; names are written as they stand in it.

    Returns
    -------
    str
        Reading it gives an equal tree.
    """
    return _written(node)[0]


def _written(node: Node) -> tuple[str, int]:
    """Text of a node, and how tightly what it is binds."""
    match node:
        case Num():
            return number_text(node.value), _OPERAND if node.value >= 0 else _SIGN
        case Name():
            return node.name + subscripts_text(node.subscripts), _OPERAND
        case Text():
            return f"'{node.value}'", _OPERAND
        case Points():
            return points_text(node), _OPERAND
        case Array():
            return array_text(node), _OPERAND
        case Apply():
            inner = ", ".join(map(expression_text, node.arguments))
            if node.outputs:
                inner += " : " + ", ".join(map(expression_text, node.outputs))
            return f"{node.name}{subscripts_text(node.subscripts)}({inner})", _OPERAND
        case Op(operator="NOT"):
            return f":NOT: {_inside(node.operands[0], _SIGN + 1)}", _NOT
        case Op() if len(node.operands) == 1:
            return f"-{_inside(node.operands[0], _SIGN + 1)}", _SIGN
        case Op():
            tight = _TIGHT[node.operator]
            left, right = node.operands
            sign = f":{node.operator}:" if node.operator in ("AND", "OR") else node.operator
            power = node.operator == "^"
            a = _inside(left, tight + 1 if power or tight == _TIGHT["="] else tight)
            b = _inside(right, _OPERAND if power else tight + 1)
            if b.startswith("-"):
                b = f"({b})"
            return f"{a} {sign} {b}", tight


def _inside(node: Node, least: int) -> str:
    text, tight = _written(node)
    return text if tight >= least else f"({text})"


def subscripts_text(subs: tuple[Sub, ...]) -> str:
    """Write subscripts in brackets; nothing for none."""
    return "[" + ",".join(s.name + ("!" if s.bang else "") for s in subs) + "]" if subs else ""


def quoted(name: str) -> str:
    r"""Write a name as a model file spells it: in double quotes where it isn't plain.

    Examples
    --------
    >>> quoted("Migrants in transit Haiti"), quoted("U.S. demand"), quoted("2nd")
    ('Migrants in transit Haiti', '"U.S. demand"', '"2nd"')
    """
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def definition_text(definition: Definition) -> str:
    """Write the equation of a definition, left and right side, on one line."""
    left = quoted(definition.name) + subscripts_text(definition.subscripts)
    if definition.exceptions:
        left += " :EXCEPT: " + ", ".join(map(subscripts_text, definition.exceptions))
    if definition.keyword:
        left += f" :{definition.keyword}:"
    if definition.expression is None:
        return left
    if definition.operator == "(":
        right = expression_text(definition.expression)
        return left + (right if isinstance(definition.expression, Points) else f"({right})")
    return f"{left} {definition.operator} {expression_text(definition.expression)}"
