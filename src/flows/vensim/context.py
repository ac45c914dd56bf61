"""What the parts of lowering share: the source, what is known so far, places in messages."""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.errors import DataError, FlowsError, ModelError, UnsupportedError
from flows.model.ir import (
    Equation,
    Expr,
    Kind,
    Loop,
    Range,
    Ref,
    Span,
    Table,
    Variable,
)
from flows.references import fold
from flows.vensim import external
from flows.vensim.tree import (
    Apply,
    Definition,
    ModelText,
    Node,
)

Axes = tuple[tuple[str | None, tuple[str, ...]], ...]
Loops = tuple[tuple[str, tuple[str, ...]], ...]


class Scope:
    """Where an expression stands: its definition and the loops around it."""

    def __init__(self, definition: Definition, loops: dict[str, tuple[str, ...]], axes: Axes) -> None:
        self.definition = definition
        self.loops = loops
        self.axes = axes
        self.bound: dict[str, tuple[str, ...]] = {}
        self.sums = 0  # how many SUMs stand around
        self.locals: dict[str, Ref] | None = None  # names of a macro that is being expanded
        self.depth = 0  # macros within macros
        self.vector: dict[
            str | int, Loop
        ] = {}  # subscripts (by name or place) over which a vector function works


class Context(ABC):
    """A model that is being lowered: each part of the work is a class above this one."""

    def __init__(self, source: ModelText, data: tuple[str | Path, ...]) -> None:
        self.source = source
        self.files = external.Files(Path(source.path).parent, external.tags(source.settings))
        self.data = data
        self.ranges: dict[str, Range] = {}
        self.sets: dict[str, frozenset[str]] = {}  # elements of each range
        self.holders: dict[str, list[str]] = {}  # ranges of each element
        self.mappings: dict[tuple[str, str], dict[str, str]] = {}
        self.macros = {fold(m.name): m for m in source.macros}
        self.element_spelling: dict[str, str] = {}
        self.hidden: dict[str, Variable] = {}
        self.tables: dict[str, list[tuple[Axes, list[Table]]]] = {}  # of data variables and external lookups
        self.discrete: list[tuple[Expr, Apply, str]] = []  # discrete delays: time, call, variable
        self.values_at_start: dict[str, float | None] = {}  # of scalar variables, where they are known
        self.texts: dict[str, str] = {}  # string variables
        self.elements = 0  # of all variables so far
        self.calls = 0  # macros expanded so far
        self.vectors = 0  # vector functions so far
        self.draws: dict[str, int] = {}  # random functions so far in each equation
        self.expanded: dict[tuple[int, Axes], dict[str, Ref]] = {}  # calls of macros, by place
        self.by_name: dict[str, list[Definition]] = {}
        self.dimensions: dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {}

    @abstractmethod
    def _expr(self, node: Node, scope: Scope) -> Expr:
        """Lower an expression."""

    @abstractmethod
    def _right_side(self, node: Node, scope: Scope, span: Span) -> tuple[Kind, Equation]:
        """Lower the right side of an equation."""

    @staticmethod
    def _is_scalar(definitions: list[Definition]) -> bool:
        return (
            len(definitions) == 1 and not definitions[0].subscripts and definitions[0].expression is not None
        )

    def _external(self, at: int, read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a reader of external files; its refusals name the equation too."""
        try:
            return read(*arguments, **options)
        except FlowsError as error:
            raise DataError(
                f"the external file can't be used: {error}", where=self.source.where(at)
            ) from None

    def _where(self, span: Span) -> str:
        return f"{self.source.path}:{span.line}:{span.column}"

    def _error(self, what: str, at: int, **details: str) -> ModelError:
        return ModelError(what, where=self.source.where(at), **details)

    def _glued(self, name: str, at: int) -> ModelError | None:
        """What to say of an unknown name that is two known ones with nothing between them."""
        known = {fold(d.name) for d in self.source.definitions}
        words = [m.span() for m in re.finditer(r"\S+", name)]
        longest = max((len(n.split()) for n in known), default=0)
        if fold(name) in known or len(words) > 2 * longest:
            return None
        for (_, end), (start, _) in itertools.pairwise(words):
            first, second = name[:end], name[start:]
            if fold(first) in known and fold(second) in known:
                pattern = r"[\s\\]+".join(map(re.escape, first.split())) + r"[\s\\]+"
                match = re.compile(pattern).match(self.source.text, at)
                return self._error(
                    f'"{first}" and "{second}" follow each other with nothing between them',
                    match.end() if match else at,
                    expected='an operator or ","',
                )
        return None

    def _unsupported(self, what: str, at: int) -> UnsupportedError:
        return UnsupportedError(f"{what} isn't supported yet", where=self.source.where(at))
