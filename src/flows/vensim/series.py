"""Lookups and data variables: points from the equation, from spreadsheets and from data sets."""

from __future__ import annotations

import itertools
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.errors import DataError
from flows.model.ir import (
    STEP_START,
    Equation,
    Fixed,
    Kind,
    LookupCall,
    Loop,
    Ref,
    Span,
    Table,
)
from flows.model.series import NOTHING, timed
from flows.references import comma_remedy, fold
from flows.vensim import external
from flows.vensim.context import Axes
from flows.vensim.ranges import Ranges
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    Name,
    Node,
    Num,
    Op,
    Points,
    Text,
)

_LIST = re.compile(r"[+-]?\d[\d.,]*")


class Series(Ranges):
    """Points of lookups and of data over time, and lists of constants."""

    def _from_file(
        self, definition: Definition, node: Node, kind: str, axes: Axes, span: Span
    ) -> tuple[Kind, Equation]:
        """GET XLS or GET DIRECT CONSTANTS, DATA and LOOKUPS."""
        assert isinstance(node, Apply)
        texts = [
            a.value if isinstance(a, Text) else self.texts.get(fold(a.name)) if isinstance(a, Name) else None
            for a in node.arguments
        ]
        arguments = tuple(text for text in texts if text is not None)
        if len(arguments) < len(texts):
            raise self._error(f"{node.name} takes texts in single quotes", node.at)
        shape = tuple(len(elements) for index, elements in axes if index is not None)
        if kind == "constants":
            values = self._external(node.at, external.constants, self.files, arguments, shape)
            return "constant", Equation(axes, values=tuple(float(v) for v in values.reshape(-1)), span=span)
        steps = kind == "lookups"
        x, y = self._external(node.at, external.series, self.files, arguments, shape, steps=steps)
        tables = [_table(x, row) for row in y.reshape(-1, len(x))]
        if kind == "lookups":
            self.tables.setdefault(fold(definition.name), []).append((axes, tables))
            return "lookup", Equation(axes, table=tables[0], span=span)
        return "auxiliary", self._series(definition, axes, tables, span)

    def _from_data_set(self, definition: Definition, axes: Axes, span: Span) -> Equation:
        """A data variable without equation: its points come from a data set."""
        key = fold(definition.name)
        tables = []
        for picked in itertools.product(*(elements for _, elements in axes)):
            points = self.data_sets.get((key, picked))
            if points is None:
                label = definition.name + (
                    f"[{','.join(self.element_spelling[e] for e in picked)}]" if picked else ""
                )
                files = ", ".join(str(p) for p in self.data_files) or "none"
                raise DataError(
                    f'"{label}" has no equation and no data set holds it',
                    where=self.source.where(definition.at),
                    found=f"data sets read: {files}",
                    remedy="Add = and an expression after the name, or a data set with data=",
                )
            tables.append(_table(*points))
        return self._series(definition, axes, tables, span)

    def _series(self, definition: Definition, axes: Axes, tables: list[Table], span: Span) -> Equation:
        """A data variable as a lookup of time, in the way that its keyword says."""
        tables = [_timed(table, definition.keyword) for table in tables]
        name = f"#{fold(definition.name)} DATA"
        self.tables.setdefault(name, []).append((axes, tables))
        subscripts = tuple(
            Loop(index, elements) if index is not None else Fixed(elements[0]) for index, elements in axes
        )
        return Equation(
            axes, expr=LookupCall(Ref(name, subscripts, span), Ref(STEP_START, (), span), span), span=span
        )

    @cached_property
    def data_files(self) -> list[Path]:
        """Data sets that the settings name, then those given."""
        return [*external.named_data_sets(self.files, self.source.settings), *(Path(d) for d in self.data)]

    @cached_property
    def data_sets(self) -> dict[tuple[str, tuple[str, ...]], tuple[Any, Any]]:
        """All series of all data sets; a later file wins."""
        series: dict[tuple[str, tuple[str, ...]], tuple[Any, Any]] = {}
        for path in self.data_files:
            series |= external.dataset(path)
            self.files.read[path] = None
        return series

    def _array(self, definition: Definition, node: Array, axes: Axes) -> tuple[float, ...]:
        shape = [len(elements) for index, elements in axes if index is not None] or [1]
        values = tuple(v for row in node.rows for v in row)
        expected = 1
        for n in shape:
            expected *= n
        if len(values) != expected or (len(shape) > 1 and any(len(row) != shape[-1] for row in node.rows)):
            typed = _LIST.match(self.source.text, node.at) if expected == 1 else None
            raise self._error(
                f'the list of values of "{definition.name}" doesn\'t fit its subscripts',
                node.at,
                found=f"{len(values)} values"
                if len(node.rows) == 1
                else f"rows of {[len(r) for r in node.rows]}",
                expected="one value" if expected == 1 else " by ".join(map(str, shape)) + " values",
                remedy=comma_remedy(typed[0]) if typed else "",
            )
        return values

    def _table(self, definition: Definition, points: Points) -> Table:
        if not points.x:
            raise self._error(f'the lookup "{definition.name}" has no points', points.at)
        # Vensim takes points in any order and sorts them; a descending list means the same curve.
        order = sorted(range(len(points.x)), key=lambda i: points.x[i])
        return Table(tuple(points.x[i] for i in order), tuple(points.y[i] for i in order))

    def _table_equations(self, parts: list[tuple[Axes, list[Table]]]) -> tuple[Equation, ...]:
        """One equation for each element's table."""
        return tuple(
            Equation(tuple((None, (e,)) for e in picked), table=table)
            for axes, tables in parts
            for picked, table in zip(itertools.product(*(e for _, e in axes)), tables, strict=True)
        )

    def _affine(self, node: Node) -> frozenset[str] | None:
        """The interpolated data variables of which an expression is a multiple plus constants; None for others."""
        match node:
            case Num():
                return frozenset()
            case Name():
                definitions = self.by_name.get(fold(node.name), [])
                if definitions and all(isinstance(d.expression, Num | Array) for d in definitions):
                    return frozenset()
                data = (
                    d.keyword in ("", "INTERPOLATE")
                    and d.operator != "("
                    and (d.expression is None or external_kind(d.expression) == "data")
                    for d in definitions
                )
                return frozenset({fold(node.name)}) if definitions and all(data) else None
            case Op(operator="+" | "-" | "*" | "/"):
                parts = [self._affine(o) for o in node.operands]
                if any(p is None for p in parts):
                    return None
                names = frozenset[str]().union(*(p for p in parts if p is not None))
                if node.operator == "*" and all(parts):
                    return None
                return None if node.operator == "/" and parts[1] else names
        return None


def external_kind(node: Node) -> str | None:
    """``constants``, ``data`` or ``lookups`` for a GET XLS or GET DIRECT function."""
    if not isinstance(node, Apply):
        return None
    match = re.fullmatch(r"get (?:xls|direct|123|vdf) (constants|data|lookups)", fold(node.name))
    return match[1] if match else None


def is_lookups(node: Node | None) -> bool:
    """True for GET XLS or GET DIRECT LOOKUPS."""
    return node is not None and external_kind(node) == "lookups"


def _table(x: Any, y: Any) -> Table:
    """Points without the gaps."""
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if b == b]
    return Table(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))


def _timed(table: Table, keyword: str) -> Table:
    """Points of a data variable so that linear interpolation does what its keyword says."""
    x, sources = timed(table.x, keyword)
    return Table(tuple(x), tuple(table.y[k] if k >= 0 else NOTHING for k in sources))
