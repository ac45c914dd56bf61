"""Equations as their file spells them, cut into pieces that lead to what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flows.references import fold
from flows.vensim.spell import number_text
from flows.vensim.tree import Apply, Array, Definition, Name, Node, Num, Op, Points, Sub, Text

__all__ = ["Piece", "names_in", "pieces", "reach", "spelt"]

LONGEST = 6_000
"""Letters of one equation that a page shows."""

_BETWEEN = re.compile(r'[\s\u00a0_"\\]+')
_CONTINUED = re.compile(r"\\[ \t]*(?:\r\n|\n|\r)[ \t]*")
_ENDS = re.compile(r"\r\n|\n|\r")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_STEPS = 3  # of indentation
_SHORT = 72  # letters of an equation that is set on one line, where its only break follows the equals sign
_ONE_BREAK = re.compile(r"[ \t]*=[ \t]*\n[ \t]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an equation.

    Attributes
    ----------
    text : str
    target : str
        Folded name of the variable, macro or range that it names; empty for anything else.
    kind : str
        ``name``, ``function``, ``subscript``, or empty.
    """

    text: str
    target: str = ""
    kind: str = ""


def names_in(node: Node | None) -> Iterator[Name | Apply]:
    """Yield every name and call in an expression, outermost first."""
    stack = [] if node is None else [node]
    while stack:
        node = stack.pop()
        match node:
            case Name():
                yield node
            case Op():
                stack.extend(reversed(node.operands))
            case Apply():
                yield node
                stack.extend(reversed((*node.arguments, *node.outputs)))


def reach(text: str, at: int, name: str) -> int:
    """Offset behind a name that stands at an offset, broken over lines or not; the offset itself if it doesn't.

    Examples
    --------
    >>> reach('births = "birth  Rate" * 2', 9, "birth rate")
    22
    """
    wanted = _BETWEEN.sub("", name).lower()
    start, k = at, 0
    if text[at : at + 1] == '"':
        at += 1
    while k < len(wanted) and at < len(text):
        letter = text[at]
        if _BETWEEN.match(letter):
            at += 1
            continue
        low = letter.lower()
        if wanted[k : k + len(low)] != low:
            return start
        k += len(low)
        at += 1
    if k < len(wanted):
        return start
    return at + 1 if text[start] == '"' and text[at : at + 1] == '"' else at


def pieces(
    text: str,
    definition: Definition,
    known: Mapping[str, str],
    *,
    end: int | None = None,
    start: int | None = None,
) -> tuple[Piece, ...]:
    """Cut an equation, or a part of it, into pieces.

    Parameters
    ----------
    text : str
        The whole file.
    definition : Definition
    known : mapping of str to str
        Folded name → kind of what can be linked: ``name``, ``function`` or ``subscript``.
    start, end : int, optional
        Offsets of a part, in place of the equation from its left side to the first ``~``.

    Returns
    -------
    tuple of Piece
        Continuation marks are taken out, line ends stay.
    """
    start = definition.at if start is None else start
    if end is None:
        end = expression_end(text, definition)
    marks: list[tuple[int, int, str, str]] = []
    for node in names_in(definition.expression):
        if start <= node.at < end:
            stop = reach(text, node.at, node.name)
            key = fold(node.name)
            if stop > node.at and stop <= end:
                marks.append((node.at, stop, key if key in known else "", known.get(key, "function")))
            for sub in node.subscripts:
                stop = reach(text, sub.at, sub.name)
                if sub.at < stop <= end:
                    key = fold(sub.name)
                    marks.append((sub.at, stop, key if known.get(key) == "subscript" else "", "subscript"))
    for sub in definition.subscripts:
        stop = reach(text, sub.at, sub.name)
        if start <= sub.at < stop <= end:
            key = fold(sub.name)
            marks.append((sub.at, stop, key if known.get(key) == "subscript" else "", "subscript"))
    found: list[Piece] = []
    at = start
    for first, stop, target, kind in sorted(marks):
        if first < at:
            continue
        found += [Piece(text[at:first]), Piece(text[first:stop], target, kind)]
        at = stop
    found.append(Piece(text[at:end]))
    return _tidy(found)


def expression_end(text: str, definition: Definition) -> int:
    """Offset of the ``~`` that ends an equation's expression."""
    last = max((n.at for n in names_in(definition.expression)), default=definition.at)
    at = last
    quoted = depth = False
    while at < definition.end - 1:
        letter = text[at]
        if letter == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and letter in "{}":
            depth = letter == "{"
        elif not quoted and not depth and letter in "~|":
            return at
        at += 1
    return at


def _tidy(found: list[Piece]) -> tuple[Piece, ...]:
    """Take out continuation marks and surplus blanks; stop where a page would be filled with numbers."""
    result: list[Piece] = []
    length = 0
    for piece in found:
        text = _one_line(piece.text) if piece.kind else _lines(piece.text)
        length += len(text)
        if length > LONGEST:
            result += [Piece(text[: LONGEST - length]), Piece(" … (cut short)")]
            break
        result.append(Piece(text, piece.target, piece.kind))
    result = [p for p in result if p.text]
    whole = "".join(p.text for p in result).strip()
    if len(whole) < _SHORT and whole.count("\n") == 1:
        result = [p if p.kind else replace(p, text=_ONE_BREAK.sub(" = ", p.text)) for p in result]
    if result:
        result[-1] = replace(result[-1], text=result[-1].text.rstrip())
        result[0] = replace(result[0], text=result[0].text.lstrip())
    return tuple(p for p in result if p.text)


def _one_line(name: str) -> str:
    return _BLANKS.sub(" ", _CONTINUED.sub("", name))


def _lines(text: str) -> str:
    """Lines without blank ones, with two blanks for each tab before them."""
    lines = _ENDS.split(_CONTINUED.sub(" ", text))
    kept = [_BLANKS.sub(" ", lines[0])]
    for k, line in enumerate(lines[1:], 1):
        body = line.lstrip()
        if body or k == len(lines) - 1:
            lead = line[: len(line) - len(body)]
            steps = min(lead.count("\t") + lead.count(" ") // 4, _STEPS)
            kept.append("  " * max(steps, 1) + _BLANKS.sub(" ", body))
    return "\n".join(kept)


_TIGHT = {
    "OR": 1, "AND": 2, "NOT": 3, "=": 4, "<>": 4, "<": 4, ">": 4, "<=": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6,
    "^": 8,
}  # fmt: skip
_UNARY = 7


def spelt(definition: Definition, known: Mapping[str, str], node: Node | None = None) -> tuple[Piece, ...]:
    """Write an equation from its nodes, for files whose own text is no equation; a node alone has no left side."""
    found: list[Piece] = []
    if node is None:
        _write_name(definition.name, definition.subscripts, "", found, known)
        if definition.expression is None:
            return tuple(found)
        found.append(Piece(" = " if definition.operator != "(" else ""))
        node = definition.expression
    _write(node, 0, found, known)
    return tuple(p for p in found if p.text)


def _write_name(
    name: str, subs: tuple[Sub, ...], kind: str, found: list[Piece], known: Mapping[str, str]
) -> None:
    key = fold(name)
    found.append(Piece(name, key if kind and key in known else "", known.get(key, kind) if kind else ""))
    for k, sub in enumerate(subs):
        key = fold(sub.name)
        found.append(Piece(", " if k else "["))
        found.append(Piece(sub.name, key if known.get(key) == "subscript" else "", "subscript"))
        found.append(Piece("!" if sub.bang else ""))
    found.append(Piece("]" if subs else ""))


def _write(node: Node, around: int, found: list[Piece], known: Mapping[str, str]) -> None:
    match node:
        case Num():
            found.append(Piece(number_text(node.value)))
        case Text():
            found.append(Piece(f"'{node.value}'"))
        case Name():
            _write_name(node.name, node.subscripts, "name", found, known)
        case Apply():
            _write_name(node.name, node.subscripts, "function", found, known)
            for k, argument in enumerate(node.arguments):
                found.append(Piece(", " if k else "("))
                _write(argument, 0, found, known)
            found.append(Piece(")" if node.arguments else "()"))
        case Points():
            pairs = zip(node.x, node.y, strict=True)
            found.append(
                Piece("(" + ", ".join(f"({number_text(x)}, {number_text(y)})" for x, y in pairs) + ")")
            )
        case Array():
            found.append(Piece("; ".join(", ".join(map(number_text, row)) for row in node.rows)))
        case Op():
            _write_operation(node, around, found, known)


def _write_operation(node: Op, around: int, found: list[Piece], known: Mapping[str, str]) -> None:
    unary = len(node.operands) == 1
    own = _UNARY if unary and node.operator != "NOT" else _TIGHT[node.operator]
    words = {"AND": " :AND: ", "OR": " :OR: ", "NOT": ":NOT: ", "^": "^"}
    sign = Piece(words.get(node.operator, node.operator if unary else f" {node.operator} "))
    found.append(Piece("(" if own < around else ""))
    if unary:
        found.append(sign)
    else:
        _write(node.operands[0], own + (node.operator == "^"), found, known)
        found.append(sign)
    _write(node.operands[-1], own if unary else own + 1, found, known)
    found.append(Piece(")" if own < around else ""))
