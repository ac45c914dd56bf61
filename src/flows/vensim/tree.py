"""The syntax tree of a Vensim model file: every node knows its offset in the text."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flows.model.ir import Span
from flows.references import fold


@dataclass(frozen=True, slots=True)
class Num:
    """A literal number."""

    value: float
    at: int


@dataclass(frozen=True, slots=True)
class Sub:
    """One subscript: a range or element name, perhaps with ``!``."""

    name: str
    bang: bool
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name with its subscripts."""

    name: str
    subscripts: tuple[Sub, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Text:
    """A string in single quotes."""

    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Op:
    """A unary (one operand) or binary operator."""

    operator: str
    operands: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Apply:
    """``name[subscripts](arguments : outputs)``: a function, macro or lookup.

    `outputs` are the variables that take further results of a macro; `picked` is 1 for the first of them, 0 for the
    macro's own value.
    """

    name: str
    subscripts: tuple[Sub, ...]
    arguments: tuple[Node, ...]
    at: int
    outputs: tuple[Name, ...] = ()
    picked: int = 0


@dataclass(frozen=True, slots=True)
class Points:
    """Lookup points."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Array:
    """A list of constants, by rows."""

    rows: tuple[tuple[float, ...], ...]
    at: int


Node = Num | Name | Text | Op | Apply | Points | Array


@dataclass(frozen=True, slots=True)
class Definition:
    """One equation block; `operator` is ``=``, ``==``, ``:=``, ``:IS:``, ``(`` (lookup) or empty (bare data)."""

    name: str
    subscripts: tuple[Sub, ...]
    exceptions: tuple[tuple[Sub, ...], ...]
    operator: str
    expression: Node | None
    keyword: str
    units: str
    limits: tuple[float | None, float | None] | None
    comment: str
    flags: str
    group: str
    at: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a range definition: an element or range name, or a numbered sequence ``(a0-a17)``."""

    name: str
    last: str
    at: int


@dataclass(frozen=True, slots=True)
class RangeDefinition:
    """``name : items -> mappings`` or ``name <-> other``; `source` holds the arguments of GET … SUBSCRIPT."""

    name: str
    items: tuple[Item, ...]
    mappings: tuple[tuple[str, tuple[Item, ...]], ...]
    equivalent: str
    group: str
    at: int
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its comment."""

    name: str
    comment: str
    at: int


@dataclass(frozen=True, slots=True)
class MacroDefinition:
    """``:MACRO: name(inputs : outputs)`` and its equations."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    definitions: tuple[Definition, ...]
    at: int


@dataclass(frozen=True)
class ModelText:
    """A parsed model file. Offsets (`at`) count characters of `text`; `where` turns them into places."""

    path: str
    text: str
    definitions: tuple[Definition, ...]
    ranges: tuple[RangeDefinition, ...]
    groups: tuple[Group, ...]
    macros: tuple[MacroDefinition, ...]
    sketch: str
    settings: str
    lines: tuple[int, ...] = field(repr=False)

    def span(self, at: int) -> Span:
        """Line and column (from 1) of an offset."""
        line = bisect.bisect_right(self.lines, at)
        return Span(line, at - self.lines[line - 1] + 1)

    def where(self, at: int) -> str:
        """``file:line:column`` of an offset."""
        span = self.span(at)
        return f"{self.path}:{span.line}:{span.column}"


Block = TypeVar("Block", Definition, RangeDefinition)


def moved(block: Block, by: int) -> Block:
    """A block that stands some characters further on; itself if it stands where it did."""
    if by == 0:
        return block
    if isinstance(block, RangeDefinition):
        mappings = tuple((target, _items(items, by)) for target, items in block.mappings)
        return replace(block, items=_items(block.items, by), mappings=mappings, at=block.at + by)
    return replace(
        block,
        subscripts=_subs(block.subscripts, by),
        exceptions=tuple(_subs(e, by) for e in block.exceptions),
        expression=None if block.expression is None else _moved(block.expression, by),
        at=block.at + by,
        start=block.start + by,
        end=block.end + by,
    )


def _items(items: tuple[Item, ...], by: int) -> tuple[Item, ...]:
    return tuple(Item(i.name, i.last, i.at + by) for i in items)


def _subs(subs: tuple[Sub, ...], by: int) -> tuple[Sub, ...]:
    return tuple(Sub(s.name, s.bang, s.at + by) for s in subs)


def _moved(node: Node, by: int) -> Node:
    at = node.at + by
    match node:
        case Num():
            return Num(node.value, at)
        case Name():
            return Name(node.name, _subs(node.subscripts, by), at)
        case Op():
            return Op(node.operator, tuple(_moved(o, by) for o in node.operands), at)
        case Apply():
            arguments = tuple(_moved(a, by) for a in node.arguments)
            outputs = tuple(Name(o.name, _subs(o.subscripts, by), o.at + by) for o in node.outputs)
            return Apply(node.name, _subs(node.subscripts, by), arguments, at, outputs, node.picked)
        case _:
            return replace(node, at=at)


def bare(node: Node | None) -> tuple[object, ...]:
    """What a node says without its place or the spelling of its names: equal for equal equations."""
    match node:
        case None:
            return ()
        case Num():
            return ("number", node.value)
        case Name():
            return ("name", fold(node.name), _bare_subs(node.subscripts))
        case Text():
            return ("text", node.value)
        case Op():
            return ("op", node.operator, *map(bare, node.operands))
        case Apply():
            inner = (*map(bare, node.arguments), "outputs", *map(bare, node.outputs), node.picked)
            return ("apply", fold(node.name), _bare_subs(node.subscripts), *inner)
        case Points():
            return ("points", node.x, node.y)
        case Array():
            return ("array", node.rows)


def _bare_subs(subs: tuple[Sub, ...]) -> tuple[str, ...]:
    return tuple(fold(s.name) + ("!" if s.bang else "") for s in subs)
