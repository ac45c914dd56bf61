"""Syntax tree → typed intermediate representation: names resolved, subscripts bound, delays rewritten as stocks."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.errors import FlowsError, ModelError, UnsupportedError, near
from flows.model.ir import (
    STEP_START,
    Binary,
    Call,
    Element,
    Equation,
    Expr,
    Fixed,
    Kind,
    LookupCall,
    Loop,
    Number,
    Position,
    Range,
    Reduce,
    Ref,
    Span,
    Subscript,
    Table,
    Unary,
    Variable,
    Vector,
    deep,
    walk,
)
from flows.model.model import CONTROLS, Control, Model
from flows.references import fold
from flows.vensim import expand, external
from flows.vensim.functions import FUNCTIONS
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    MacroDefinition,
    ModelText,
    Name,
    Node,
    Num,
    Op,
    Points,
    RangeDefinition,
    Sub,
    Text,
)

Axes = tuple[tuple[str | None, tuple[str, ...]], ...]
Loops = tuple[tuple[str, tuple[str, ...]], ...]

_METHODS = {0: "euler", 1: "rk4 auto", 2: "difference", 3: "rk2 auto", 4: "rk2", 5: "rk4"}
_BINARY = {"AND": "and", "OR": "or"}


@deep
def lower(source: ModelText, data: tuple[str | Path, ...] = ()) -> Model:
    """Turn a parsed model file into a model.

    Parameters
    ----------
    source : ModelText
        The syntax tree.
    data : tuple of paths
        Data sets beside those that the settings name.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        At the first thing that is undefined, defined twice or used against its kind, with its place.
    UnsupportedError
        For constructs that are valid Vensim but not supported, by name.
    """
    return _Lowering(source, data).model()


class _Scope:
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


class _Lowering:
    def __init__(self, source: ModelText, data: tuple[str | Path, ...]) -> None:
        self.source = source
        self.files = external.Files(Path(source.path).parent, external.tags(source.settings))
        self.data = data
        self.ranges: dict[str, Range] = {}
        self.mappings: dict[tuple[str, str], dict[str, str]] = {}
        self.macros = {fold(m.name): m for m in source.macros}
        self.element_spelling: dict[str, str] = {}
        self.hidden: dict[str, Variable] = {}
        self.tables: dict[str, list[tuple[Axes, list[Table]]]] = {}  # of data variables and external lookups
        self.calls = 0  # macros expanded so far
        self.vectors = 0  # vector functions so far
        self.draws: dict[str, int] = {}  # random functions so far in each equation
        self.expanded: dict[tuple[int, Axes], dict[str, Ref]] = {}  # calls of macros, by place
        self.by_name: dict[str, list[Definition]] = {}
        self.dimensions: dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {}

    # ------------------------------------------------------------------------------------------------ the model

    def model(self) -> Model:
        self._ranges()
        for definition in self.source.definitions:
            self.by_name.setdefault(fold(definition.name), []).append(definition)
        for definition in self.source.definitions:
            for extra in self._further_results(definition):
                self.by_name.setdefault(fold(extra.name), []).append(extra)
        for name, definitions in self.by_name.items():
            self.dimensions[name] = self._dimensions(definitions)
        variables: dict[str, Variable] = {}
        for name, definitions in self.by_name.items():
            variables[name] = self._variable(name, definitions)
        for name in [n for n in self.tables if n.startswith("#")]:
            owner = variables[name[1:].removesuffix(" DATA")]
            variables[owner.name] = replace(owner, series=name)
            self.hidden[name] = Variable(
                name=name,
                spelling=f"data of {owner.spelling}",
                kind="lookup",
                equations=self._table_equations(self.tables[name]),
                ranges=owner.ranges,
                elements=owner.elements,
                units=owner.units,
                span=owner.span,
                hidden=True,
            )
        variables |= self.hidden
        path = Path(self.source.path)
        return Model(
            path=path,
            text=self.source.text,
            variables=MappingProxyType(variables),
            ranges=MappingProxyType(self.ranges),
            groups=tuple((g.name, g.comment) for g in self.source.groups),
            method=self._method(),
            synonyms=self._synonyms(),
            control=self._control(variables),
        )

    def _control(self, variables: dict[str, Variable]) -> Control:
        values: dict[str, float] = {}
        for name in CONTROLS:
            variable = variables.get(name)
            if variable is None:
                if name == "saveper":
                    values[name] = values["time step"]
                    continue
                raise ModelError(
                    f"the model has no {name.upper()}",
                    where=self.source.path,
                    remedy=f"Add an equation such as {name.upper()} = 1 ~ Month ~ |",
                )
            equation = variable.equations[0]
            if equation.values:
                values[name] = equation.values[0]
            else:
                assert equation.expr is not None
                value = _constant_value(equation.expr, variables)
                if value is None:
                    raise UnsupportedError(
                        f"{variable.spelling} is an expression that changes or calls functions",
                        where=self._where(equation.span),
                        expected="a number, or arithmetic with constants",
                    )
                values[name] = value
        if not values["time step"] > 0:
            raise ModelError(
                "TIME STEP must be above zero",
                where=self._where(variables["time step"].span),
                found=f"{values['time step']:g}",
            )
        if values["final time"] < values["initial time"]:
            raise ModelError(
                "FINAL TIME lies before INITIAL TIME", where=self._where(variables["final time"].span)
            )
        return Control(values["initial time"], values["final time"], values["time step"], values["saveper"])

    def _method(self) -> str:
        match = re.search(r"[\r\n]15:([^\r\n]*)", self.source.settings)
        if match is None:
            return "euler"
        fields = match[1].split(",")
        try:
            return _METHODS[int(fields[3])]
        except (IndexError, ValueError, KeyError):
            return "euler"

    def _synonyms(self) -> tuple[tuple[str, ...], ...]:
        lines = re.findall(r"[\r\n]22:([^\r\n]*)", self.source.settings)
        return tuple(tuple(s.strip() for s in line.split(",") if s.strip()) for line in lines)

    # ------------------------------------------------------------------------------------------------ subscripts

    def _ranges(self) -> None:
        definitions = {fold(r.name): r for r in self.source.ranges}
        resolved: dict[str, tuple[tuple[str, str], ...]] = {}

        def resolve(key: str, chain: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
            if key in resolved:
                return resolved[key]
            definition = definitions[key]
            if key in chain:
                raise self._error(
                    f'the subscript range "{definition.name}" is defined by itself', definition.at
                )
            elements: list[tuple[str, str]] = []
            if definition.equivalent:
                other = fold(definition.equivalent)
                if other not in definitions:
                    raise self._error(
                        f'there is no subscript range "{definition.equivalent}"',
                        definition.at,
                        remedy=near(other, [r.name for r in self.source.ranges]),
                    )
                elements.extend(resolve(other, (*chain, key)))
            if definition.source:
                names = self._external(definition.at, external.elements, self.files, definition.source)
                elements.extend((fold(e), e) for e in names)
            for item in definition.items:
                if item.last:
                    elements.extend((fold(e), e) for e in self._sequence(item.name, item.last, item.at))
                elif fold(item.name) in definitions:
                    elements.extend(resolve(fold(item.name), (*chain, key)))
                else:
                    elements.append((fold(item.name), item.name))
            if len({e for e, _ in elements}) < len(elements):
                raise self._error(
                    f'the subscript range "{definition.name}" holds an element twice', definition.at
                )
            resolved[key] = tuple(elements)
            return resolved[key]

        for key, definition in definitions.items():
            pairs = resolve(key, ())
            self.ranges[key] = Range(
                key,
                definition.name,
                tuple(e for e, _ in pairs),
                tuple(s for _, s in pairs),
                self.source.span(definition.at),
            )
            self.element_spelling.update(pairs)
        for key, definition in definitions.items():
            self._map(key, definition)

    def _map(self, key: str, definition: RangeDefinition) -> None:
        own = self.ranges[key].elements
        if definition.equivalent:
            other = fold(definition.equivalent)
            self.mappings[key, other] = self.mappings[other, key] = {e: e for e in own}
        for target, items in definition.mappings:
            target_key = fold(target)
            if target_key not in self.ranges:
                raise self._error(
                    f'there is no subscript range "{target}" to map to',
                    definition.at,
                    remedy=near(target, [r.spelling for r in self.ranges.values()]),
                )
            if not items:
                image = self.ranges[target_key].elements
                if len(image) != len(own):
                    raise self._error(
                        f'"{definition.name}" can\'t be mapped to "{target}" by position',
                        definition.at,
                        found=f"{len(own)} and {len(image)} elements",
                        expected="as many on both sides",
                    )
                self.mappings[key, target_key] = dict(zip(own, image, strict=True))
                self.mappings[target_key, key] = dict(zip(image, own, strict=True))
                continue
            images: list[tuple[str, ...]] = [
                self.ranges[fold(i.name)].elements if fold(i.name) in self.ranges else (fold(i.name),)
                for i in items
            ]
            if len(images) == len(own):  # the k-th element stands for the k-th image: one element or several
                self.mappings[target_key, key] = {
                    e: o for o, image in zip(own, images, strict=True) for e in image
                }
                if all(len(i) == 1 for i in images):
                    self.mappings[key, target_key] = dict(zip(own, (i[0] for i in images), strict=True))
            elif len(images) == len(self.ranges[target_key].elements):
                inverse = {
                    e: t for t, i in zip(self.ranges[target_key].elements, images, strict=True) for e in i
                }
                self.mappings[key, target_key] = inverse
            else:
                raise UnsupportedError(
                    f'the mapping of "{definition.name}" to "{target}" isn\'t understood',
                    where=self.source.where(definition.at),
                )

    def _sequence(self, first: str, last: str, at: int) -> list[str]:
        a, b = re.fullmatch(r"(.*?)(\d+)", first), re.fullmatch(r"(.*?)(\d+)", last)
        if a is None or b is None or fold(a[1]) != fold(b[1]) or int(a[2]) > int(b[2]):
            raise self._error(
                "this sequence of elements isn't understood",
                at,
                found=f"({first}-{last})",
                expected="the same prefix and rising numbers, such as (a0-a17)",
            )
        return [f"{a[1]}{i}" for i in range(int(a[2]), int(b[2]) + 1)]

    def _axes(self, definition: Definition) -> Axes:
        axes: list[tuple[str | None, tuple[str, ...]]] = []
        for sub in definition.subscripts:
            key = fold(sub.name)
            if key in self.ranges:
                if any(index == key for index, _ in axes):
                    raise self._error(
                        f'the range "{sub.name}" stands twice on the left side of "{definition.name}"',
                        sub.at,
                        remedy="Define an equivalent range with <-> and use it for one of the two",
                    )
                axes.append((key, self.ranges[key].elements))
            elif key in self.element_spelling:
                axes.append((None, (key,)))
            else:
                raise self._error(
                    f'there is no subscript range or element "{sub.name}"',
                    sub.at,
                    remedy=near(sub.name, self._subscript_names()),
                )
        return tuple(axes)

    def _dimensions(
        self, definitions: list[Definition]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Smallest declared ranges that hold the elements of all equations of a variable."""
        first = definitions[0]
        all_axes = [self._axes(d) for d in definitions]
        ranges, elements = [], []
        for axes, definition in zip(all_axes, definitions, strict=True):
            if len(axes) != len(all_axes[0]):
                raise self._error(
                    f'"{definition.name}" is defined with {len(axes)} subscripts here and {len(all_axes[0])} before',
                    definition.at,
                    expected=f"as on line {self.source.span(first.at).line}",
                )
        for d in range(len(all_axes[0])):
            needed = {e for axes in all_axes for e in axes[d][1]}
            used = [axes[d][0] for axes in all_axes if axes[d][0] is not None]
            candidates = [r for r in self.ranges.values() if needed <= set(r.elements)]
            if not candidates:
                raise self._error(
                    f'no subscript range holds all elements of dimension {d + 1} of "{first.name}"', first.at
                )
            smallest = min(candidates, key=lambda r: (len(r.elements), r.name not in used))
            ranges.append(smallest.name)
            elements.append(smallest.elements)
        return tuple(ranges), tuple(elements)

    # ------------------------------------------------------------------------------------------------ variables

    def _variable(self, name: str, definitions: list[Definition]) -> Variable:
        first = definitions[0]
        if name in FUNCTIONS:
            raise self._error(
                f'"{first.name}" is the name of a function', first.at, remedy="Choose another name"
            )
        if name in self.element_spelling or name in self.ranges:
            raise self._error(
                f'"{first.name}" is the name of a subscript range or element too',
                first.at,
                remedy="Rename one of them",
            )
        if name == "time":
            raise self._error("Time needs no equation", first.at, remedy="Remove this block")
        pairs = [pair for d in definitions for pair in self._equations(d)]
        kinds = {kind for kind, _ in pairs}
        kind: Kind
        if len(kinds) == 1:
            kind = next(iter(kinds))
        elif kinds in ({"auxiliary", "constant"}, {"initial", "constant"}, {"stock", "constant"}):
            # A constant element beside others is an auxiliary, a frozen value or a stock without flows.
            kind = next(k for k in kinds if k != "constant")
            pairs = [
                (kind, piece)
                for k, eq in pairs
                for piece in (_expressions(eq, kind) if k == "constant" else [eq])
            ]
        else:
            raise self._error(
                f'"{first.name}" is {" here and ".join(sorted(kinds))} there',
                first.at,
                expected="one kind of equation",
            )
        if name in self.tables:
            plain = [
                eq for kind, eq in pairs if eq.table and (eq.axes not in [a for a, _ in self.tables[name]])
            ]
            pairs = [("lookup", eq) for eq in (*plain, *self._table_equations(self.tables[name]))]
        self._defined_once(first.name, [eq for _, eq in pairs])
        ranges, elements = self.dimensions[name]
        return Variable(
            name=name,
            spelling=re.sub(r"\s+", " ", first.name),
            kind=kind,
            equations=tuple(eq for _, eq in pairs),
            ranges=ranges,
            elements=elements,
            limits=next((d.limits for d in definitions if d.limits), None),
            group=first.group,
            span=self.source.span(first.at),
            units=next((d.units for d in definitions if d.units), ""),
            comment=next((d.comment for d in definitions if d.comment), ""),
        )

    def _table_equations(self, parts: list[tuple[Axes, list[Table]]]) -> tuple[Equation, ...]:
        """One equation for each element's table."""
        return tuple(
            Equation(tuple((None, (e,)) for e in picked), table=table)
            for axes, tables in parts
            for picked, table in zip(itertools.product(*(e for _, e in axes)), tables, strict=True)
        )

    def _defined_once(self, name: str, equations: list[Equation]) -> None:
        for i, later in enumerate(equations):
            for earlier in equations[:i]:
                if all(set(a) & set(b) for (_, a), (_, b) in zip(earlier.axes, later.axes, strict=True)):
                    raise ModelError(
                        f'"{name}" is defined twice',
                        where=self._where(later.span),
                        found=f"the first definition on line {earlier.span.line}",
                        remedy="Remove one of the two",
                    )

    def _equations(self, definition: Definition) -> list[tuple[Kind, Equation]]:
        """One equation, or several where :EXCEPT: leaves no rectangle of elements."""
        axes = self._axes(definition)
        boxes = [axes]
        for exception in definition.exceptions:
            hole = [set(elements) for _, elements in self._axes(replace(definition, subscripts=exception))]
            if len(hole) != len(axes):
                raise self._error(
                    f'an exception of "{definition.name}" has another number of subscripts than the left side',
                    definition.at,
                )
            boxes = [rest for box in boxes for rest in _without(box, hole)]
        return [self._equation(definition, box, axes) for box in boxes]

    def _equation(self, definition: Definition, axes: Axes, whole: Axes) -> tuple[Kind, Equation]:
        span = self.source.span(definition.at)
        node = definition.expression
        if definition.operator == ":IS:":
            raise self._unsupported("a string variable", definition.at)
        if node is None:
            return "auxiliary", self._from_data_set(definition, axes, span)
        external_kind = _external_kind(node)
        if external_kind is not None:
            return self._from_file(definition, node, external_kind, axes, span)
        # Vensim works a data variable with an expression out at the points of its data and interpolates between. Where
        # it is one interpolated series times and plus constants, that is the same as working it out at any time.
        if (definition.operator == ":=" or definition.keyword) and (
            definition.keyword not in ("", "INTERPOLATE") or len(self._affine(node) or ()) != 1
        ):
            raise self._unsupported(
                "a data variable with an expression other than one series times and plus constants",
                definition.at,
            )
        if isinstance(node, Points):
            return "lookup", Equation(axes, table=self._table(definition, node), span=span)
        if isinstance(node, Num):
            size = 1
            for _, elements in axes:
                size *= len(elements)
            return "constant", Equation(axes, values=(node.value,) * size, span=span)
        if isinstance(node, Array):
            if axes != whole:
                raise self._unsupported("a list of values with :EXCEPT:", definition.at)
            return "constant", Equation(axes, values=self._array(definition, node, axes), span=span)
        loops = {index: elements for index, elements in axes if index is not None}
        return self._right_side(node, _Scope(definition, loops, axes), span)

    def _right_side(self, node: Node, scope: _Scope, span: Span) -> tuple[Kind, Equation]:
        axes = scope.axes
        if isinstance(node, Apply) and fold(node.name) in ("integ", "active initial"):
            function = fold(node.name)
            self._arity(node)
            expr, initial = (self._expr(a, scope) for a in node.arguments)
            kind: Kind = "stock" if function == "integ" else "auxiliary"
            return kind, Equation(axes, expr=expr, initial=initial, span=span)
        if isinstance(node, Apply) and fold(node.name) == "initial":
            self._arity(node)
            return "initial", Equation(axes, expr=self._expr(node.arguments[0], scope), span=span)
        return "auxiliary", Equation(axes, expr=self._expr(node, scope), span=span)

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
                    and (d.expression is None or _external_kind(d.expression) == "data")
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

    def _from_file(
        self, definition: Definition, node: Node, kind: str, axes: Axes, span: Span
    ) -> tuple[Kind, Equation]:
        """GET XLS or GET DIRECT CONSTANTS, DATA and LOOKUPS."""
        assert isinstance(node, Apply)
        if not all(isinstance(a, Text) for a in node.arguments):
            raise self._error(f"{node.name} takes texts in single quotes", node.at)
        arguments = tuple(a.value for a in node.arguments if isinstance(a, Text))
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
                raise self._error(
                    f'"{label}" has no equation and no data set holds it',
                    definition.at,
                    found=f"data sets read: {files}",
                    remedy="Add = and an expression after the name, or a data set with data=",
                )
            tables.append(_table(*points))
        return self._series(definition, axes, tables, span)

    def _series(self, definition: Definition, axes: Axes, tables: list[Table], span: Span) -> Equation:
        """A data variable as a lookup of time, in the way that its keyword says."""
        step = 1e-6
        tables = [_timed(table, definition.keyword, step) for table in tables]
        name = f"#{fold(definition.name)} DATA"
        self.tables.setdefault(name, []).append((axes, tables))
        subscripts = tuple(
            Loop(index, elements) if index is not None else Fixed(elements[0]) for index, elements in axes
        )
        return Equation(
            axes, expr=LookupCall(Ref(name, subscripts, span), Ref(STEP_START, (), span), span), span=span
        )

    def _external(self, at: int, read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a reader of external files; its refusals name the equation too."""
        try:
            return read(*arguments, **options)
        except FlowsError as error:
            raise ModelError(
                f"the external file can't be used: {error}", where=self.source.where(at)
            ) from None

    @cached_property
    def data_files(self) -> list[Path]:
        """Data sets of the settings that are there as text, then those given."""
        folder = Path(self.source.path).parent
        named = re.findall(r"^13:([^\r\n]*)", self.source.settings, re.MULTILINE)
        found = []
        for name in (n.strip() for line in named for n in line.split(",") if n.strip()):
            stem = re.sub(r"\.vdfx?$", "", name.replace("\\", "/"), flags=re.IGNORECASE)
            candidates = [name, *(stem + suffix for suffix in (".tab", ".csv", ".dat"))]
            found += [
                folder / c for c in candidates if Path(c).suffix.lower() in _DATA and (folder / c).is_file()
            ][:1]
        return [*found, *(Path(d) for d in self.data)]

    @cached_property
    def data_sets(self) -> dict[tuple[str, tuple[str, ...]], tuple[Any, Any]]:
        """All series of all data sets; a later file wins."""
        series: dict[tuple[str, tuple[str, ...]], tuple[Any, Any]] = {}
        for path in self.data_files:
            series |= external.dataset(path)
        return series

    def _array(self, definition: Definition, node: Array, axes: Axes) -> tuple[float, ...]:
        shape = [len(elements) for index, elements in axes if index is not None] or [1]
        values = tuple(v for row in node.rows for v in row)
        expected = 1
        for n in shape:
            expected *= n
        if len(values) != expected or (len(shape) > 1 and any(len(row) != shape[-1] for row in node.rows)):
            raise self._error(
                f'the list of values of "{definition.name}" doesn\'t fit its subscripts',
                node.at,
                found=f"{len(values)} values"
                if len(node.rows) == 1
                else f"rows of {[len(r) for r in node.rows]}",
                expected=" by ".join(map(str, shape)) + " values",
            )
        return values

    def _table(self, definition: Definition, points: Points) -> Table:
        if not points.x:
            raise self._error(f'the lookup "{definition.name}" has no points', points.at)
        # Vensim takes points in any order and sorts them; a descending list means the same curve.
        order = sorted(range(len(points.x)), key=lambda i: points.x[i])
        return Table(tuple(points.x[i] for i in order), tuple(points.y[i] for i in order))

    # ------------------------------------------------------------------------------------------------ expressions

    def _expr(self, node: Node, scope: _Scope) -> Expr:
        span = self.source.span(node.at)
        match node:
            case Num():
                return Number(node.value, span)
            case Name():
                return self._name(node, scope, span)
            case Op():
                operands = [self._expr(o, scope) for o in node.operands]
                if node.operator == "NOT":
                    return Unary("not", operands[0], span)
                if len(operands) == 1:
                    return Unary("-", operands[0], span)
                operator = _BINARY.get(node.operator, node.operator)
                return Binary(operator, operands[0], operands[1], span)  # type: ignore[arg-type]
            case Apply():
                return self._apply(node, scope, span)
            case Text():
                raise self._error("a text can't stand in this expression", node.at, found=f"'{node.value}'")
            case _:
                raise self._error(
                    f'a list of numbers can\'t stand inside the expression of "{scope.definition.name}"',
                    node.at,
                )

    def _name(self, node: Name, scope: _Scope, span: Span) -> Expr:
        key = fold(node.name)
        if scope.locals is not None:
            if node.name.endswith("$"):
                key = fold(node.name[:-1])
            elif key in scope.locals:
                return scope.locals[key]
        if key == "time" and not node.subscripts:
            return Ref("time", (), span)
        if key in self.by_name:
            return Ref(key, self._subscripts(node.name, key, node.subscripts, scope, node.at), span)
        if not node.subscripts and key in scope.loops:
            return Position(key, tuple(self._position(e) for e in scope.loops[key]), span)
        if not node.subscripts and key in self.element_spelling:
            return Number(float(self._position(key)), span)
        raise self._undefined(node.name, node.at, scope)

    def _position(self, element: str) -> int:
        """1-based position of an element in the largest range that holds it."""
        holders = [r.elements for r in self.ranges.values() if element in r.elements]
        return max(holders, key=len).index(element) + 1

    def _undefined(self, name: str, at: int, scope: _Scope) -> FlowsError:
        names = [d.name for d in self.source.definitions]
        return self._error(
            f'"{name}" is used in the equation of "{scope.definition.name}" but defined nowhere',
            at,
            remedy=near(name, names) or "Add an equation for it, or correct the name",
        )

    def _subscripts(
        self, name: str, key: str, subs: Iterable[Sub], scope: _Scope, at: int
    ) -> tuple[Subscript, ...]:
        ranges, elements = self.dimensions[key]
        subs = tuple(subs)
        if len(subs) != len(ranges):
            spelled = ", ".join(self.ranges[r].spelling for r in ranges)
            raise self._error(
                f'"{name}" stands in the equation of "{scope.definition.name}" with {len(subs) or "no"} subscript'
                + ("s" if len(subs) != 1 else ""),
                at,
                expected=f"[{spelled}]" if ranges else "none",
            )
        result: list[Subscript] = []
        for d, sub in enumerate(subs):
            subscript = self._subscript(sub, scope)
            picked = (subscript.element,) if isinstance(subscript, Fixed) else subscript.elements
            missing = [e for e in picked if e not in elements[d]]
            if missing:
                raise self._error(
                    f'"{name}" has no element "{self.element_spelling[missing[0]]}"',
                    sub.at,
                    expected=f'an element of "{self.ranges[ranges[d]].spelling}"',
                )
            result.append(subscript)
        return tuple(result)

    def _subscript(self, sub: Sub, scope: _Scope) -> Subscript:
        key = fold(sub.name)
        if id(sub) in scope.vector or key in scope.vector:
            return scope.vector.get(id(sub)) or scope.vector[key]
        if sub.bang:
            if key not in self.ranges:
                raise self._error(
                    f'there is no subscript range "{sub.name}"',
                    sub.at,
                    remedy=near(sub.name, self._subscript_names()),
                )
            index = key + "!" * max(scope.sums, 1)  # a range of its own in each of nested SUMs
            scope.bound[index] = self.ranges[key].elements
            return Loop(index, self.ranges[key].elements)
        if key in scope.loops:
            return Loop(key, scope.loops[key])
        if key in self.element_spelling:
            return Fixed(key)
        if key in self.ranges:
            for index in scope.loops:
                image = self.mappings.get((index, key))
                if image is not None and all(e in image for e in scope.loops[index]):
                    return Loop(index, tuple(image[e] for e in scope.loops[index]))
            raise self._error(
                f'the range "{sub.name}" isn\'t on the left side of "{scope.definition.name}"',
                sub.at,
                expected="a range of the left side, one mapped from it, an element, or ! inside SUM",
            )
        raise self._error(
            f'there is no subscript range or element "{sub.name}"',
            sub.at,
            remedy=near(sub.name, self._subscript_names()),
        )

    def _subscript_names(self) -> list[str]:
        return [*(r.spelling for r in self.ranges.values()), *self.element_spelling.values()]

    def _apply(self, node: Apply, scope: _Scope, span: Span) -> Expr:
        key = fold(node.name)
        definitions = self.by_name.get(key)
        if definitions and (definitions[0].operator == "(" or _is_lookups(definitions[0].expression)):
            if len(node.arguments) != 1:
                raise self._error(
                    f'the lookup "{node.name}" takes one argument', node.at, found=str(len(node.arguments))
                )
            table = Ref(key, self._subscripts(node.name, key, node.subscripts, scope, node.at), span)
            return LookupCall(table, self._expr(node.arguments[0], scope), span)
        if key == "with lookup":
            return self._with_lookup(node, scope, span)
        if key in self.macros:
            return self._macro(node, self.macros[key], scope, span)
        function = FUNCTIONS.get(key)
        if function is None:
            if definitions:
                raise self._error(
                    f'"{node.name}" is no function or lookup',
                    node.at,
                    remedy="Put an operator between the name and the parenthesis",
                )
            if key in ("a function of",) or key.startswith(
                ("get ", "random ", "delay ", "vector ", "lookup ")
            ):
                raise self._unsupported(f"the function {node.name}", node.at)
            raise self._error(
                f'"{node.name}" is used like a function in the equation of "{scope.definition.name}" '
                "but is neither a function nor a lookup",
                node.at,
                remedy=near(
                    node.name, [*(n.upper() for n in FUNCTIONS), *(d.name for d in self.source.definitions)]
                ),
            )
        self._arity(node)
        if function.kind == "top":
            raise self._error(
                f"{function.name.upper()} must stand at the head of an equation",
                node.at,
                remedy="Give it a variable of its own",
            )
        if function.kind == "reduce":
            return self._reduce(node, key, scope, span)
        if function.kind == "vector":
            return self._vector(node, key, scope, span)
        if function.kind == "lookup":
            return self._lookup(node, key, scope, span)
        if function.kind == "random":
            return self._random(node, key, scope, span)
        if key == "get time value":
            return self._time_value(node, scope, span)
        if key == "elmcount":
            argument = node.arguments[0]
            if isinstance(argument, Name) and fold(argument.name) in self.ranges:
                return Number(float(len(self.ranges[fold(argument.name)].elements)), span)
            raise self._error("ELMCOUNT takes the name of a subscript range", node.at)
        arguments = tuple(self._expr(a, scope) for a in node.arguments)
        if function.kind == "memory":
            if scope.bound:
                raise self._unsupported(f"{node.name} inside a SUM over ! ranges", node.at)
            if key in ("delay n", "smooth n"):
                order = self._at_start(node.arguments[3])
                if order is None:
                    raise self._unsupported(
                        f"{node.name} with an order that isn't known before the run", node.at
                    )
                if round(order) < 1:
                    raise self._error(f"the order of {node.name} is at least 1", node.at, found=f"{order:g}")
                arguments = (*arguments[:3], Number(order, span))
            own = None
            if node is scope.definition.expression and scope.locals is None:
                name = scope.definition.name
                own = Ref(fold(name), tuple(_own(index, elements) for index, elements in scope.axes))
            return self._memory(key, arguments, scope, span, own)
        return Call(key, arguments, span)

    def _reduce(self, node: Apply, key: str, scope: _Scope, span: Span) -> Expr:
        outer = scope.bound
        scope.bound = {}
        scope.sums += 1
        body = self._expr(node.arguments[0], scope)
        over = tuple(scope.bound.items())
        scope.bound = outer
        scope.sums -= 1
        if not over:
            raise self._error(
                f"{node.name} needs a range with ! in its argument",
                node.at,
                expected=f"for example {node.name}(x[range!])",
            )
        return Reduce(key, over, body, span)

    def _with_lookup(self, node: Apply, scope: _Scope, span: Span) -> Expr:
        argument, points = node.arguments
        assert isinstance(points, Points)
        table = Variable(
            name=f"#{fold(scope.definition.name)} LOOKUP {len(self.hidden)}",  # capitals: no folded name
            spelling=f"lookup of {scope.definition.name}",
            kind="lookup",
            equations=(Equation((), table=self._table(scope.definition, points), span=span),),
            span=span,
            hidden=True,
        )
        self.hidden[table.name] = table
        return LookupCall(Ref(table.name, (), span), self._expr(argument, scope), span)

    def _fixed(self, node: Node) -> float | None:
        """The number that an expression always is: a literal or an unchangeable constant (``==``)."""
        if isinstance(node, Op) and node.operator == "-" and len(node.operands) == 1:
            value = self._fixed(node.operands[0])
            return None if value is None else -value
        if isinstance(node, Name) and not node.subscripts:
            definitions = self.by_name.get(fold(node.name), [])
            if len(definitions) == 1 and definitions[0].operator == "==":
                return self._fixed(definitions[0].expression) if definitions[0].expression else None
        return node.value if isinstance(node, Num) else None

    def _at_start(self, node: Node | None, depth: int = 0) -> float | None:
        """The value of a scalar expression of constants and steps at INITIAL TIME; None for anything else."""

        def inner(part: Node) -> float | None:
            return self._at_start(part, depth + 1)

        match node:
            case _ if depth > 50:
                return None
            case Num():
                return node.value
            case Name(subscripts=()):
                key = "initial time" if fold(node.name) == "time" else fold(node.name)
                definitions = self.by_name.get(key, [])
                return inner(definitions[0].expression) if self._is_scalar(definitions) else None  # type: ignore[arg-type]
            case Op():
                values = [inner(o) for o in node.operands]
                return _arithmetic(node.operator, [v for v in values if v is not None], len(values))
            case Apply(subscripts=()) if fold(node.name) in ("step", "min", "max", "integer"):
                values = [inner(a) for a in node.arguments]
                known = [v for v in values if v is not None]
                if len(known) < len(values):
                    return None
                match fold(node.name), known:
                    case "step", [height, time]:
                        start, step = inner(Name("time", (), 0)), inner(Name("time step", (), 0))
                        if start is None or step is None:
                            return None
                        return height if start + step / 2 > time else 0.0
                    case "min", [a, b]:
                        return min(a, b)
                    case "max", [a, b]:
                        return max(a, b)
                    case "integer", [a]:
                        return float(int(a))
        return None

    @staticmethod
    def _is_scalar(definitions: list[Definition]) -> bool:
        return (
            len(definitions) == 1 and not definitions[0].subscripts and definitions[0].expression is not None
        )

    # ------------------------------------------------------------------------------------------------ vectors

    def _vector(self, node: Apply, key: str, scope: _Scope, span: Span) -> Expr:
        """A function of whole arrays."""
        if key == "vector select":
            return self._select(node, scope, span)
        if key == "vector elm map":
            return self._element(node, scope, span)
        function = key.replace(" ", "_")
        over, body = self._whole(node, node.arguments[0], scope, 2 if key == "invert matrix" else 1)
        groups = [(over, body)]
        rest = node.arguments[1:]
        match key:
            case "vector lookup":
                if len(over[0][1]) < 2:
                    raise self._error("VECTOR LOOKUP takes a vector of two elements at least", node.at)
                scalars = tuple(self._expr(a, scope) for a in rest)
                return Vector(function, tuple(groups), scalars, Number(0.0), span)
            case "vector reorder":
                groups.append(self._whole(node, rest[0], scope, 1))
                over, rest = groups[1][0], ()
            case "allocate available":
                groups.append(self._profiles(node, rest[0], scope, len(over[0][1])))
                rest = rest[1:]
            case "allocate by priority":
                groups.append(self._whole(node, rest[0], scope, 1))
                self._size(node, rest[1], len(over[0][1]))
                rest = rest[2:]
            case "invert matrix":
                self._size(node, rest[0], len(over[0][1]))
                if len(over[0][1]) != len(over[1][1]):
                    raise self._error("INVERT MATRIX takes a square matrix", node.at)
                rest = ()
        if len({len(g[0][0][1]) for g in groups}) > 1 and key != "vector reorder":
            raise self._error(f"the vectors of {node.name} differ in length", node.at)
        scalars = tuple(self._expr(a, scope) for a in rest)
        return Vector(function, tuple(groups), scalars, self._place(node, over, scope, span), span)

    def _size(self, node: Apply, size: Node, n: int) -> None:
        """Refuse a size that isn't the number of elements."""
        if isinstance(size, Apply) and fold(size.name) == "elmcount" and isinstance(size.arguments[0], Name):
            given: float | None = len(self.ranges[fold(size.arguments[0].name)].elements)
        else:
            given = self._at_start(size)
        if given != n:
            raise self._unsupported(f"{node.name} over a part of a range", node.at)

    def _whole(self, node: Apply, argument: Node, scope: _Scope, count: int) -> tuple[Loops, Expr]:
        """A vector argument: loops over its last ranges, and its elements."""
        first = _first_array(argument)
        if first is None or len(first.subscripts) < count or (count > 1 and first is not argument):
            raise self._error(f"{node.name} takes an array with subscripts", node.at)
        lasts = first.subscripts[-count:]
        elements = []
        for d, sub in enumerate(lasts):
            if fold(sub.name) in self.ranges:
                elements.append(self.ranges[fold(sub.name)].elements)
            elif fold(first.name) in self.dimensions:  # an element stands for its whole dimension
                elements.append(self.dimensions[fold(first.name)][1][d - count])
            else:
                raise self._error(f"{node.name} takes an array with subscripts", node.at)
        self.vectors += 1
        over = tuple((f"#vector {self.vectors}.{d}", e) for d, e in enumerate(elements))
        outer = scope.vector
        if first is argument:
            scope.vector = {id(sub): Loop(*loop) for sub, loop in zip(lasts, over, strict=True)}
        else:
            scope.vector = {fold(lasts[0].name): Loop(*over[0])}
        body = self._expr(argument, scope)
        scope.vector = outer
        return over, body

    def _profiles(self, node: Apply, argument: Node, scope: _Scope, n: int) -> tuple[Loops, Expr]:
        """Priority profiles: the last subscript names the first of four elements (kind, priority, width, extra)."""
        if not isinstance(argument, Name) or len(argument.subscripts) < 2:
            raise self._error(f"{node.name} takes an array of priority profiles", node.at)
        elements = self.dimensions[fold(argument.name)][1][-1]
        last = fold(argument.subscripts[-1].name)
        first = elements.index(last) if last in elements else 0
        if len(elements) < first + 4:
            raise self._error(f"{node.name} takes priority profiles of four elements", node.at)
        shorter = replace(argument, subscripts=argument.subscripts[:-1])
        own = self.dimensions[fold(argument.name)][1][-2]
        sub = fold(shorter.subscripts[-1].name)
        rows = self.ranges[sub].elements if sub in self.ranges else own
        self.vectors += 1
        over = (
            (f"#vector {self.vectors}.0", rows),
            (f"#vector {self.vectors}.1", elements[first : first + 4]),
        )
        outer = scope.vector
        scope.vector = {id(s): Loop(*o) for s, o in zip(argument.subscripts[-2:], over, strict=True)}
        body = self._expr(argument, scope)
        scope.vector = outer
        return over, body

    def _place(self, node: Apply, over: Loops, scope: _Scope, span: Span) -> Expr:
        """The wanted position in a result over loops, from the last subscripts of the left side."""
        axes = scope.axes[len(scope.axes) - len(over) :]
        if len(scope.axes) < len(over):
            raise self._error(f"{node.name} needs a left side with subscripts", node.at)
        place: Expr | None = None
        stride = 1
        for (index, picked), (_, elements) in reversed(list(zip(axes, over, strict=True))):
            if not set(picked) <= set(elements):
                holders = (
                    [self.ranges[index].elements] if index else [r.elements for r in self.ranges.values()]
                )
                fitting = [h for h in holders if set(picked) <= set(h) and len(h) == len(elements)]
                if not fitting:
                    raise self._error(
                        f"the last subscript of the left side doesn't fit the vector of {node.name}", node.at
                    )
                elements = fitting[0]
            positions = tuple(stride * elements.index(e) for e in picked)
            here: Expr = (
                Number(float(positions[0]), span) if index is None else Position(index, positions, span)
            )
            place = here if place is None else Binary("+", here, place, span)
            stride *= len(elements)
        assert place is not None
        return place

    def _element(self, node: Apply, scope: _Scope, span: Span) -> Expr:
        """VECTOR ELM MAP: the base is the element that the first argument names."""
        array, offset = node.arguments
        key = fold(array.name) if isinstance(array, Name) else ""
        if not isinstance(array, Name) or key not in self.dimensions or not array.subscripts:
            raise self._error("VECTOR ELM MAP takes an element of an array", node.at)
        _, elements = self.dimensions[key]
        place = self._expr(offset, scope)
        stride = 1
        for d, subscript in reversed(
            list(enumerate(self._subscripts(array.name, key, array.subscripts, scope, array.at)))
        ):
            if isinstance(subscript, Fixed):
                base: Expr = Number(float(stride * elements[d].index(subscript.element)), span)
            else:
                positions = tuple(stride * elements[d].index(e) for e in subscript.elements)
                base = Position(subscript.index, positions, span)
            place = Binary("+", base, place, span)
            stride *= len(elements[d])
        self.vectors += 1
        whole = tuple(Loop(f"#vector {self.vectors}.{d}", e) for d, e in enumerate(elements))
        return Element(Ref(key, whole, span), place, span)

    def _select(self, node: Apply, scope: _Scope, span: Span) -> Expr:
        """VECTOR SELECT in terms of reductions; the action is chosen at run time if it isn't fixed."""
        outer = scope.bound
        scope.bound = {}
        scope.sums += 1
        selection, x = (self._expr(a, scope) for a in node.arguments[:2])
        over = tuple(scope.bound.items())
        scope.bound = outer
        scope.sums -= 1
        if not over:
            raise self._error("VECTOR SELECT needs a range with ! in its arguments", node.at)
        missing, action, error = (self._expr(a, scope) for a in node.arguments[2:])
        chosen = Binary("<>", selection, Number(0.0), span)

        def picked(function: str, value: Expr, otherwise: float) -> Expr:
            return Reduce(
                function, over, Call("if then else", (chosen, value, Number(otherwise)), span), span
            )

        weighted = Binary("*", selection, x, span)
        count = picked("sum", Number(1.0), 0.0)

        def done(action: int) -> Expr:
            value = weighted if action < 5 else Call("power", (x, selection), span) if action == 5 else x
            if action in (0, 6):
                return picked("sum", value, 0.0)
            if action in (1, 5, 7):
                return picked("prod", value, 1.0)
            if action in (2, 8):
                return picked("vmin", value, _LARGEST)
            if action in (3, 9):
                return picked("vmax", value, -_LARGEST)
            return Binary("/", picked("sum", value, 0.0), count, span)

        nothing = Binary("/", Number(0.0), Number(0.0), span)  # an error of Vensim's: no number
        known = self._fixed(node.arguments[3])
        if known is not None:
            if known not in range(11):
                raise self._error("the action of VECTOR SELECT is a whole number from 0 to 10", node.at)
            result = done(int(known))
        else:
            result = nothing
            for k in range(10, -1, -1):
                result = Call(
                    "if then else", (Binary("=", action, Number(float(k)), span), done(k), result), span
                )
        none = Binary("=", count, Number(0.0), span)
        many = Binary(">", count, Number(1.0), span)
        at_least_one, at_most_one = (
            Binary(
                "or",
                Binary("=", error, Number(code), span),
                Binary("=", error, Number(3.0), span),
                span,
            )
            for code in (1.0, 2.0)
        )
        known = self._fixed(node.arguments[4])
        if known is None or known in (2, 3):
            bad = Binary("and", at_most_one, many, span)
            result = Call("if then else", (bad, nothing, result), span)
        if known is None or known in (1, 3):
            missing = Call("if then else", (at_least_one, nothing, missing), span)
        return Call("if then else", (none, missing, result), span)

    def _lookup(self, node: Apply, key: str, scope: _Scope, span: Span) -> Expr:
        """A lookup or data variable read in another way than by interpolation."""
        table = node.arguments[0]
        name = fold(table.name) if isinstance(table, Name) else ""
        definitions = self.by_name.get(name, [])
        if not isinstance(table, Name) or not definitions:
            raise self._error(f"{node.name} takes the name of a lookup or data variable", node.at)
        subscripts = self._subscripts(table.name, name, table.subscripts, scope, table.at)
        arguments = [self._expr(a, scope) for a in node.arguments[1:]]
        if key == "get data between times":
            first = definitions[0]
            data = first.expression is None or _external_kind(first.expression) == "data"
            if not data or first.keyword not in ("", "INTERPOLATE"):
                raise self._unsupported(f"{node.name} of what is no interpolated data variable", node.at)
            ref = Ref(f"#{name} DATA", subscripts, span)
            later, between, earlier = (
                LookupCall(ref, arguments[0], span, mode)
                for mode in ("between forward", "between", "between backward")
            )
            known = self._fixed(node.arguments[2])
            if known is not None:
                return later if known > 0 else earlier if known < 0 else between
            rising = Binary(">", arguments[1], Number(0.0), span)
            falling = Binary("<", arguments[1], Number(0.0), span)
            otherwise = Call("if then else", (falling, earlier, between), span)
            return Call("if then else", (rising, later, otherwise), span)
        if definitions[0].operator != "(" and not _is_lookups(definitions[0].expression):
            raise self._error(f"{node.name} takes the name of a lookup", node.at)
        ref = Ref(name, subscripts, span)
        mode = key.removeprefix("lookup ")
        if mode == "area":
            start, end = (LookupCall(ref, a, span, mode) for a in arguments)
            return Binary("-", end, start, span)
        return LookupCall(ref, arguments[0], span, mode)

    def _random(self, node: Apply, key: str, scope: _Scope, span: Span) -> Expr:
        """A draw: decided by the stream or NOISE SEED, the place of the call, the element and the time alone.

        As in Vensim, runs with equal seeds draw equal numbers; another NOISE SEED gives others.
        """
        if scope.sums:
            raise self._unsupported(f"{node.name} inside a SUM over ! ranges", node.at)
        arguments = [self._expr(a, scope) for a in node.arguments]
        seed: Expr = Number(0.0, span)
        if self._is_scalar(self.by_name.get("noise seed", [])):
            seed = Ref("noise seed", (), span)
        stem = f"{fold(scope.definition.name)} {self.calls}"
        self.draws[stem] = self.draws.get(stem, 0) + 1
        place = Number(float(zlib.crc32(f"{stem} {self.draws[stem]}".encode())), span)
        elements: list[Expr] = []
        for index, picked in scope.axes:
            numbers = tuple(self._position(e) for e in picked)
            elements.append(Number(float(numbers[0])) if index is None else Position(index, numbers, span))
        keys = (seed, place, *elements)
        scalars = (Number(float(len(arguments))), *arguments, *keys)
        return Vector(key.replace(" ", "_"), (), scalars, Ref(STEP_START, (), span), span)

    def _time_value(self, node: Apply, scope: _Scope, span: Span) -> Expr:
        """GET TIME VALUE in the model's own units."""
        if self._fixed(node.arguments[0]) != 0 or self._fixed(node.arguments[2]) != 0:
            raise self._unsupported(
                "GET TIME VALUE of the start, the clock or the calendar (arguments other than 0, offset, 0)",
                node.at,
            )
        return Binary("+", Ref("time", (), span), self._expr(node.arguments[1], scope), span)

    def _further_results(self, definition: Definition) -> Iterable[Definition]:
        """Definitions of the variables behind the colon of a macro's call, with the subscripts of its equation."""
        stack = [definition.expression]
        while stack:
            node = stack.pop()
            if isinstance(node, Op):
                stack.extend(node.operands)
            elif isinstance(node, Apply):
                stack.extend(node.arguments)
                if node.outputs and fold(node.name) not in self.macros:
                    raise self._error(f'"{node.name}" is no macro: it has no further results', node.at)
                for k, output in enumerate(node.outputs):
                    yield replace(
                        definition,
                        name=output.name,
                        expression=replace(node, outputs=(), picked=k + 1),
                        operator="=",
                        units="",
                        limits=None,
                        comment="",
                        at=output.at,
                    )

    def _macro(self, node: Apply, macro: MacroDefinition, scope: _Scope, span: Span) -> Expr:
        """Expand a macro's call: its variables become hidden ones over the loops of the calling equation."""
        if len(node.arguments) != len(macro.inputs):
            raise self._error(
                f'the macro "{macro.name}" takes {len(macro.inputs)} arguments ({", ".join(macro.inputs)})',
                node.at,
                found=str(len(node.arguments)),
            )
        outputs = [macro.name, *macro.outputs]
        if len(node.outputs) > len(macro.outputs) or node.picked > len(macro.outputs):
            raise self._error(
                f'the macro "{macro.name}" has {len(macro.outputs)} further results ({", ".join(macro.outputs)})',
                node.at,
            )
        place = (node.at, scope.axes)
        if scope.locals is None and place in self.expanded:
            return self.expanded[place][fold(outputs[node.picked])]
        if scope.bound:
            raise self._unsupported(f'the macro "{macro.name}" inside a SUM over ! ranges', node.at)
        if scope.depth > 20:
            raise self._error(f'the macro "{macro.name}" calls itself', node.at)
        axes: Axes = tuple((index, elements) for index, elements in scope.axes if index is not None)
        subscripts = tuple(Loop(index, elements) for index, elements in axes if index is not None)
        self.calls += 1
        stem = f"#{fold(scope.definition.name)} MACRO {self.calls}"
        names: dict[str, Ref] = {}
        for name in (*macro.inputs, *(d.name for d in macro.definitions)):
            names[fold(name)] = Ref(f"{stem} {fold(name)}", subscripts, span)

        def add(name: str, kind: Kind, equation: Equation, at: Span) -> None:
            self.hidden[f"{stem} {fold(name)}"] = Variable(
                name=f"{stem} {fold(name)}",
                spelling=f"{name} of {macro.name}",
                kind=kind,
                equations=(equation,),
                ranges=tuple(index for index, _ in axes if index is not None),
                elements=tuple(elements for _, elements in axes),
                span=at,
                hidden=True,
            )

        for name, argument in zip(macro.inputs, node.arguments, strict=True):
            add(name, "auxiliary", Equation(axes, expr=self._expr(argument, scope), span=span), span)
        for definition in macro.definitions:
            if definition.subscripts or definition.operator not in ("=", "=="):
                raise self._unsupported("a macro with subscripts, data or lookups of its own", definition.at)
            inner = _Scope(definition, scope.loops, axes)
            inner.locals, inner.depth = names, scope.depth + 1
            at = self.source.span(definition.at)
            assert definition.expression is not None
            add(definition.name, *self._right_side(definition.expression, inner, at), at)
        if scope.locals is None:
            self.expanded[place] = names
        for name in macro.outputs:
            if f"{stem} {fold(name)}" not in self.hidden:
                raise self._error(f'the macro "{macro.name}" has no equation for "{name}"', macro.at)
        return names[fold(outputs[node.picked])]

    def _memory(
        self, key: str, arguments: tuple[Expr, ...], scope: _Scope, span: Span, own: Ref | None
    ) -> Expr:
        """Rewrite a function with memory as hidden variables over the loops of its equation."""
        axes: Axes = tuple((index, elements) for index, elements in scope.axes if index is not None)
        stem = f"#{fold(scope.definition.name)} {key.upper()} {len(self.hidden)}"  # capitals: no folded name
        subscripts = tuple(Loop(index, elements) for index, elements in axes if index is not None)

        def add(suffix: str, kind: Kind, expr: Expr, initial: Expr | None) -> Ref:
            variable = Variable(
                name=f"{stem}{suffix}",
                spelling=f"{key.upper()} in {scope.definition.name}",
                kind=kind,
                equations=(Equation(axes, expr=expr, initial=initial, span=span),),
                ranges=tuple(index for index, _ in axes if index is not None),
                elements=tuple(elements for _, elements in axes),
                span=span,
                hidden=True,
            )
            self.hidden[variable.name] = variable
            return Ref(variable.name, subscripts, span)

        def reference(suffix: str) -> Ref:
            return Ref(f"{stem}{suffix}", subscripts, span)

        steady = len(arguments) > 1 and self._never_changes(arguments[1])
        return expand.memory(key, arguments, add, reference, steady=steady, own=own)

    def _never_changes(self, expr: Expr) -> bool:
        """True for arithmetic with constants."""
        return all(
            isinstance(n, Number | Binary | Unary)
            or (
                isinstance(n, Ref)
                and n.name in self.by_name
                and all(isinstance(d.expression, Num | Array) for d in self.by_name[n.name])
            )
            for n in walk(expr)
        )

    def _arity(self, node: Apply) -> None:
        function = FUNCTIONS[fold(node.name)]
        if len(node.arguments) != len(function.arguments):
            raise self._error(
                f"{function.name.upper()} takes {len(function.arguments)} argument"
                + ("s" if len(function.arguments) != 1 else "")
                + f" ({', '.join(function.arguments)})",
                node.at,
                found=str(len(node.arguments)),
            )

    # ------------------------------------------------------------------------------------------------ messages

    def _where(self, span: Span) -> str:
        return f"{self.source.path}:{span.line}:{span.column}"

    def _error(self, what: str, at: int, **details: str) -> ModelError:
        return ModelError(what, where=self.source.where(at), **details)

    def _unsupported(self, what: str, at: int) -> UnsupportedError:
        return UnsupportedError(f"{what} isn't supported yet", where=self.source.where(at))


def _constant_value(expr: Expr, variables: Mapping[str, Variable], depth: int = 0) -> float | None:
    """The value of arithmetic with unsubscripted constants; None for anything else."""
    match expr:
        case Number():
            return expr.value
        case Ref(subscripts=()) if expr.name in variables and depth < 50:
            equation = variables[expr.name].equations[0]
            if equation.values:
                return equation.values[0]
            if variables[expr.name].kind == "auxiliary" and equation.expr is not None:
                return _constant_value(equation.expr, variables, depth + 1)
        case Unary(operator="-"):
            value = _constant_value(expr.operand, variables, depth + 1)
            return None if value is None else -value
        case Binary(operator="+" | "-" | "*" | "/" as operator):
            left, right = (_constant_value(e, variables, depth + 1) for e in (expr.left, expr.right))
            if left is None or right is None or (operator == "/" and right == 0):
                return None
            match operator:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case _:
                    return left / right
    return None


def _own(index: str | None, elements: tuple[str, ...]) -> Subscript:
    """The subscript of a left side."""
    return Fixed(elements[0]) if index is None else Loop(index, elements)


def _arithmetic(operator: str, values: list[float], count: int) -> float | None:
    """Plain arithmetic of known values; None if one is missing or the operator is another."""
    match operator, values:
        case _ if len(values) < count:
            return None
        case "-", [a]:
            return -a
        case "+", [a, b]:
            return a + b
        case "-", [a, b]:
            return a - b
        case "*", [a, b]:
            return a * b
        case "/", [a, b] if b:
            return a / b
    return None


def _first_array(node: Node) -> Name | None:
    """The first name with subscripts in an expression."""
    match node:
        case Name():
            return node if node.subscripts else None
        case Op():
            parts = node.operands
        case Apply():
            parts = node.arguments
        case _:
            return None
    return next((found for part in parts if (found := _first_array(part)) is not None), None)


_LARGEST = 1.7e308
_DATA = (".tab", ".csv", ".dat", ".xlsx", ".xls", ".txt")


def _external_kind(node: Node) -> str | None:
    """``constants``, ``data`` or ``lookups`` for a GET XLS or GET DIRECT function."""
    if not isinstance(node, Apply):
        return None
    match = re.fullmatch(r"get (?:xls|direct|123|vdf) (constants|data|lookups)", fold(node.name))
    return match[1] if match else None


def _is_lookups(node: Node | None) -> bool:
    return node is not None and _external_kind(node) == "lookups"


def _table(x: Any, y: Any) -> Table:
    """Points without the gaps."""
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if b == b]
    return Table(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))


def _timed(table: Table, keyword: str, near: float) -> Table:
    """Points of a data variable so that linear interpolation does what its keyword says (help page 22145)."""
    x, y = table.x, table.y
    points: list[tuple[float, float]] = []
    match keyword:
        case "HOLD BACKWARD":  # the last value until a new one
            for k in range(len(x)):
                points += [(x[k], y[k - 1]), (x[k], y[k])] if k else [(x[k], y[k])]
        case "LOOK FORWARD":  # the next value, from just after a point on
            for k in range(len(x)):
                points.append((x[k], y[k]))
                if k + 1 < len(x):
                    points.append((x[k] + near, y[k + 1]))
        case "RAW":  # nothing but at the points
            nothing = -(2.0**109)
            for a, b in zip(x, y, strict=True):
                points += [(a - near, nothing), (a - near, b), (a + near, b), (a + near, nothing)]
        case _:
            return table
    return Table(tuple(a for a, _ in points), tuple(b for _, b in points))


def _expressions(equation: Equation, kind: Kind) -> list[Equation]:
    """A constant's equation as one of another kind: one if all values are equal, else one for each element."""

    def made(axes: Axes, value: float) -> Equation:
        number = Number(value, equation.span)
        if kind == "stock":
            return Equation(axes, expr=Number(0.0, equation.span), initial=number, span=equation.span)
        return Equation(axes, expr=number, span=equation.span)

    if len(set(equation.values)) == 1:
        return [made(equation.axes, equation.values[0])]
    elements = itertools.product(*(elements for _, elements in equation.axes))
    return [
        made(tuple((None, (e,)) for e in picked), value)
        for picked, value in zip(elements, equation.values, strict=True)
    ]


def _without(box: Axes, hole: list[set[str]]) -> list[Axes]:
    """What is left of a box of elements without a hole, as boxes."""
    if not all(set(elements) & gap for (_, elements), gap in zip(box, hole, strict=True)):
        return [box]
    rest: list[Axes] = []
    inside: list[tuple[str | None, tuple[str, ...]]] = []
    for d, ((index, elements), gap) in enumerate(zip(box, hole, strict=True)):
        outside = tuple(e for e in elements if e not in gap)
        if outside:
            rest.append((*inside, (index, outside), *box[d + 1 :]))
        inside.append((index, tuple(e for e in elements if e in gap)))
    return rest
