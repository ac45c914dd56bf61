"""The typed intermediate representation of a model: immutable, independent of the file format it was read from.

Every name in the representation is *folded* (see `flows.references.fold`); the spelling of the file is kept beside
it. Elements of subscript ranges are known by their folded names too, whatever ranges they belong to.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import wraps
from operator import attrgetter
from typing import Any, Literal, ParamSpec, TypeVar

from flows.errors import ModelError


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the model file: line and column, both from 1."""

    line: int
    column: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A subscript that names one element."""

    element: str


@dataclass(frozen=True, slots=True)
class Loop:
    """A subscript that walks with a loop: at position i of the loop `index` it means ``elements[i]``."""

    index: str
    elements: tuple[str, ...]


Subscript = Fixed | Loop


STEP_START = "#TIME"  # capitals: no folded name
"""Name under which model time at the start of a step is referred to: data are held over the step."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number (dimensionless; zero fits any unit)."""

    value: float
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a variable, or of one of its elements."""

    name: str
    subscripts: tuple[Subscript, ...] = ()
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Position:
    """A range name used as a value: the 1-based position of the current element among all of its kind."""

    index: str
    positions: tuple[int, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Previous:
    """The value that a variable had a step before (its initial value at the start)."""

    name: str
    subscripts: tuple[Subscript, ...] = ()
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Past:
    """What a history variable took in `lag` steps ago, or `otherwise` before the run is that old."""

    name: str
    subscripts: tuple[Subscript, ...]
    lag: Expr
    otherwise: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x`` or ``:NOT: x``; operator is ``-`` or ``not``."""

    operator: Literal["-", "not"]
    operand: Expr
    span: Span = field(default=NOWHERE, compare=False)


BinaryOperator = Literal["+", "-", "*", "/", "^", "=", "<>", "<", ">", "<=", ">=", "and", "or"]
COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
LOGICAL = frozenset({"and", "or"})


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; comparisons and logic give 1 or 0."""

    operator: BinaryOperator
    left: Expr
    right: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function without memory (MIN, EXP, IF THEN ELSE …), by its Vensim name."""

    function: str
    arguments: tuple[Expr, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class LookupCall:
    """A lookup variable read at an argument: by default linear interpolation, held outside its range.

    `mode` names another way: ``forward`` (the next point), ``backward`` (the last point), ``extrapolate``,
    ``invert`` (the first x that gives the argument), ``area`` (the integral from the first point on), and ``between``,
    ``between forward`` and ``between backward`` (:NA: outside the points).
    """

    table: Ref
    argument: Expr
    span: Span = field(default=NOWHERE, compare=False)
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Reduce:
    """SUM, PROD, VMIN or VMAX over the loops `over` (pairs of loop index and element names)."""

    function: str
    over: tuple[tuple[str, tuple[str, ...]], ...]
    body: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Element:
    """The element of an array at a flat position (row order, from 0) that is worked out; :NA: outside the array.

    `array` refers to the whole of it, with loops of its own.
    """

    array: Ref
    position: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Vector:
    """One element of what a function of whole vectors gives.

    Attributes
    ----------
    function : str
        Name in `flows.engine.runtime.VECTORS`.
    groups : tuple of (loops, Expr)
        The vectors: each an expression over loops of its own (pairs of loop index and element names).
    scalars : tuple of Expr
        Further arguments.
    position : Expr
        Flat position in the result, from 0.
    """

    function: str
    groups: tuple[tuple[tuple[tuple[str, tuple[str, ...]], ...], Expr], ...]
    scalars: tuple[Expr, ...]
    position: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A construct that is valid Vensim but not compiled.

    What it is, where it stands (``file:line:column``), and what to write instead.
    """

    what: str
    where: str
    span: Span = field(default=NOWHERE, compare=False)
    remedy: str = ""


Expr = (
    Number
    | Ref
    | Previous
    | Past
    | Position
    | Unary
    | Binary
    | Call
    | LookupCall
    | Reduce
    | Element
    | Vector
    | Refused
)

Kind = Literal["stock", "auxiliary", "constant", "lookup", "initial", "history"]


@dataclass(frozen=True, slots=True)
class Table:
    """The points of a lookup: x rising, y of the same length."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation block: what it defines, and how.

    Attributes
    ----------
    axes : tuple of (str or None, tuple of str)
        One pair for each dimension of the variable: the loop index (folded name of the range on the left side, or
        None for a single element) and the elements that this equation defines.
    expr : Expr or None
        Right side; for a stock the net flow; for an initial variable the expression frozen at the start.
    initial : Expr or None
        Initial value of a stock; for ACTIVE INITIAL the expression used while initial values are worked out.
    values : tuple of float
        Values of a constant over `axes` in row order; empty for other kinds.
    table : Table or None
        Points of a lookup.
    """

    axes: tuple[tuple[str | None, tuple[str, ...]], ...]
    expr: Expr | None = None
    initial: Expr | None = None
    values: tuple[float, ...] = ()
    table: Table | None = None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable with all its equations.

    Attributes
    ----------
    name, spelling : str
        Folded name; name as the file's left side spells it (without quotes).
    kind : Kind
        What it is.
    ranges : tuple of str
        For each dimension the folded name of the smallest declared range that holds its elements.
    elements : tuple of tuple of str
        For each dimension the elements of that range, in order.
    hidden : bool
        True for stocks made by expansion (SMOOTH, DELAY …), which no file names.
    series : str
        For a data variable the name of the hidden lookup that holds its points over time.
    keyword : str
        How it is read between its points: ``HOLD BACKWARD``, ``LOOK FORWARD``, ``RAW``, or linear interpolation.
    unchangeable : bool
        True for a constant that the file sets with ``==``: nothing but an edit of the file changes it.
    """

    name: str
    spelling: str
    kind: Kind
    equations: tuple[Equation, ...]
    ranges: tuple[str, ...] = ()
    elements: tuple[tuple[str, ...], ...] = ()
    units: str = ""
    limits: tuple[float | None, float | None] | None = None
    comment: str = ""
    group: str = ""
    span: Span = NOWHERE
    hidden: bool = False
    series: str = ""
    keyword: str = ""
    unchangeable: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each dimension."""
        return tuple(len(e) for e in self.elements)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size


@dataclass(frozen=True, slots=True)
class Range:
    """A subscript range: folded name, spelling, elements (folded) and their spellings."""

    name: str
    spelling: str
    elements: tuple[str, ...]
    spellings: tuple[str, ...]
    span: Span = NOWHERE


_CHILDREN: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    Unary: lambda e: (e.operand,),
    Binary: attrgetter("left", "right"),
    Call: attrgetter("arguments"),
    LookupCall: attrgetter("table", "argument"),
    Reduce: lambda e: (e.body,),
    Past: attrgetter("lag", "otherwise"),
    Element: attrgetter("array", "position"),
    Vector: lambda e: (*(body for _, body in e.groups), *e.scalars, e.position),
}


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the direct sub-expressions of a node."""
    below = _CHILDREN.get(type(expr))
    return () if below is None else below(expr)


def rebuilt(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return a node whose direct sub-expressions are changed; the table of a lookup call stays."""
    match expr:
        case Unary():
            return replace(expr, operand=change(expr.operand))
        case Binary():
            return replace(expr, left=change(expr.left), right=change(expr.right))
        case Call():
            return replace(expr, arguments=tuple(change(a) for a in expr.arguments))
        case LookupCall():
            return replace(expr, argument=change(expr.argument))
        case Reduce():
            return replace(expr, body=change(expr.body))
        case Past():
            return replace(expr, lag=change(expr.lag), otherwise=change(expr.otherwise))
        case Element():
            array = change(expr.array)
            assert isinstance(array, Ref)
            return replace(expr, array=array, position=change(expr.position))
        case Vector():
            return replace(
                expr,
                groups=tuple((over, change(body)) for over, body in expr.groups),
                scalars=tuple(change(a) for a in expr.scalars),
                position=change(expr.position),
            )
        case _:
            return expr


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield a node and all nodes below it, parents first, without recursion."""
    stack: list[Expr] = [expr]
    while stack:
        node = stack.pop()
        yield node
        below = _CHILDREN.get(type(node))
        if below is not None:
            stack.extend(reversed(below(node)))


P = ParamSpec("P")
T = TypeVar("T")
_DEEPEST = 60_000
_lock = threading.Lock()
_usual: list[int] = []  # the interpreter's own limit, once for each call under way


def deep(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function walk deep expressions, such as a sum of thousands of terms.

    The walks are calls from Python to Python, which need no C stack; the interpreter's limit is put back when the last
    such call returns.

    Raises
    ------
    ModelError
        If an expression is deeper still.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with _lock:
            _usual.append(sys.getrecursionlimit() if not _usual else _usual[0])
            sys.setrecursionlimit(max(_DEEPEST, _usual[0]))
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise ModelError(
                "an expression of the model has too many terms or parentheses",
                remedy="Split it into several equations",
            ) from None
        finally:
            with _lock:
                usual = _usual.pop()
                if not _usual:
                    sys.setrecursionlimit(usual)

    return call


def references(expr: Expr) -> Iterator[Ref]:
    """Yield every reference to a variable in an expression, lookups included."""
    return (node for node in walk(expr) if isinstance(node, Ref))
