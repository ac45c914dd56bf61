"""Syntax tree → typed intermediate representation: names resolved, subscripts bound, delays rewritten as stocks."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from flows.errors import FlowsError, ModelError, UnsupportedError, near
from flows.model.ir import (
    Binary,
    Equation,
    Expr,
    Kind,
    Number,
    Position,
    Ref,
    Refused,
    Span,
    Unary,
    Variable,
    deep,
)
from flows.model.model import CONTROLS, Control, Model
from flows.model.order import static_variables
from flows.references import fold
from flows.vensim.calls import Calls
from flows.vensim.context import Axes, Scope
from flows.vensim.functions import FUNCTIONS
from flows.vensim.known import constant_value
from flows.vensim.series import external_kind, is_lookups
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    ModelText,
    Name,
    Node,
    Num,
    Op,
    Points,
    Text,
)

_METHODS = {0: "euler", 1: "rk4 auto", 2: "difference", 3: "rk2 auto", 4: "rk2", 5: "rk4"}
_MANY = 50
_BINARY = {"AND": "and", "OR": "or"}


@deep
def lower(
    source: ModelText, data: tuple[str | Path, ...] = (), *, errors: list[ModelError] | None = None
) -> Model:
    """Turn a parsed model file into a model.

    Parameters
    ----------
    source : ModelText
        The syntax tree.
    data : tuple of paths
        Data sets beside those that the settings name.
    errors : list of ModelError, optional
        If given, takes in what is undefined, defined twice or used against its kind, instead of the first being raised;
        the model then holds `Refused` in these places, and what hasn't even dimensions is left out.

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
    return Lowering(source, data, errors).model()


class Lowering(Calls):
    """The model as a whole, its variables and their equations."""

    def __init__(
        self, source: ModelText, data: tuple[str | Path, ...], errors: list[ModelError] | None
    ) -> None:
        super().__init__(source, data)
        self.errors = errors

    def _kept(self, error: ModelError) -> None:
        """Keep an error for later, or raise it if nobody collects."""
        if self.errors is None:
            raise error
        self.errors.append(error)

    def model(self) -> Model:
        """Lower the whole file."""
        self._ranges()
        for definition in self.source.definitions:
            if definition.operator == ":IS:" and isinstance(definition.expression, Text):
                self.texts[fold(definition.name)] = definition.expression.value
            else:
                self.by_name.setdefault(fold(definition.name), []).append(definition)
        for definition in self.source.definitions:
            for extra in self._further_results(definition):
                self.by_name.setdefault(fold(extra.name), []).append(extra)
        for name, definitions in list(self.by_name.items()):
            try:
                self.dimensions[name] = self._dimensions(definitions)
            except ModelError as error:
                self._kept(error)
                del self.by_name[name]
        variables: dict[str, Variable] = {}
        for name, definitions in self.by_name.items():
            try:
                variables[name] = self._variable(name, definitions)
            except ModelError as error:
                self._kept(error)
                variables[name] = self._unusable(name, definitions[0], error)
        for name in [n for n in self.tables if n.startswith("#")]:
            owner = variables[name[1:].removesuffix(" DATA")]
            variables[owner.name] = replace(owner, series=name, keyword=self.by_name[owner.name][0].keyword)
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
        self._refuse_moving_delays(variables)
        path = Path(self.source.path)
        return Model(
            path=path,
            text=self.source.text,
            variables=MappingProxyType(variables),
            ranges=MappingProxyType(self.ranges),
            groups=tuple((g.name, g.comment) for g in self.source.groups),
            method=self._method(),
            synonyms=self._synonyms(),
            control=self._control_or_none(variables),
            data_paths=tuple(self.files.read),
        )

    def _unusable(self, name: str, definition: Definition, error: ModelError) -> Variable:
        """Stands for a variable whose equations make no sense together."""
        ranges, elements = self.dimensions[name]
        span = self.source.span(definition.at)
        refused = Refused(error.what, error.where, span, error.remedy)
        equation = Equation(tuple((None, e) for e in elements), expr=refused, span=span)
        return Variable(
            name=name,
            spelling=re.sub(r"\s+", " ", definition.name),
            kind="auxiliary",
            equations=(equation,),
            ranges=ranges,
            elements=elements,
            units=definition.units,
            span=span,
        )

    def _control_or_none(self, variables: dict[str, Variable]) -> Control:
        try:
            return self._control(variables)
        except ModelError as error:
            self._kept(error)
            return Control(math.nan, math.nan, math.nan, math.nan)

    def _refuse_moving_delays(self, variables: dict[str, Variable]) -> None:
        """Refuse discrete delays whose time changes: the language would want a queue."""
        probes = {
            f"#PROBE {k}": Variable(
                name=f"#PROBE {k}", spelling="", kind="auxiliary", equations=(Equation((), expr=time),)
            )
            for k, (time, _, _) in enumerate(self.discrete)
        }
        still = static_variables({**variables, **probes}) if probes else frozenset[str]()
        for name, (_, node, delay) in zip(probes, self.discrete, strict=True):
            if name not in still:
                refused = Refused(
                    f"{node.name} with a time that changes isn't supported",
                    self.source.where(node.at),
                    self.source.span(node.at),
                    "Use DELAY FIXED with its time at the start, or DELAY N",
                )
                variable = variables[delay]
                equations = tuple(replace(eq, expr=refused, initial=None) for eq in variable.equations)
                variables[delay] = replace(variable, equations=equations)

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
                value = constant_value(equation.expr, variables)
                values[name] = math.nan if value is None else value  # worked out by each run
        if values["time step"] <= 0:
            raise ModelError(
                "TIME STEP must be above zero",
                where=self._where(variables["time step"].span),
                found=f"{values['time step']:g}",
                expected="a step such as 0.125",
            )
        if values["final time"] < values["initial time"]:
            raise ModelError(
                "FINAL TIME lies before INITIAL TIME",
                where=self._where(variables["final time"].span),
                found=f"{values['final time']:g}",
                expected=f"{values['initial time']:g} at least",
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
        if refused := [pair for pair in pairs if isinstance(pair[1].expr, Refused)]:
            pairs = refused  # whatever its other equations are
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
            unchangeable=kind == "constant" and any(d.operator == "==" for d in definitions),
        )

    def _defined_once(self, name: str, equations: list[Equation]) -> None:
        first: dict[tuple[str, ...], Equation] = {}
        for i, later in enumerate(equations):
            if len(equations) > _MANY:  # one look-up for each element, not for each pair of equations
                picks = itertools.product(*(elements for _, elements in later.axes))
                earlier_ones = [e for p in picks if (e := first.setdefault(p, later)) is not later][:1]
            else:
                earlier_ones = equations[:i]
            for earlier in earlier_ones:
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
            if len(boxes) > 10_000:
                raise self._error(
                    f'the exceptions of "{definition.name}" leave too many pieces',
                    definition.at,
                    remedy="Write an equation for each part",
                )
        return [self._possible(definition, box, axes) for box in boxes]

    def _possible(self, definition: Definition, axes: Axes, whole: Axes) -> tuple[Kind, Equation]:
        """An equation, or what says that it isn't supported: other engines may run it."""
        try:
            return self._equation(definition, axes, whole)
        except UnsupportedError as error:
            span = self.source.span(definition.at)
            return "auxiliary", Equation(
                axes, expr=Refused(error.what, error.where, span, error.remedy), span=span
            )
        except ModelError as error:
            self._kept(error)
            span = self.source.span(definition.at)
            return "auxiliary", Equation(
                axes, expr=Refused(error.what, error.where, span, error.remedy), span=span
            )

    def _equation(self, definition: Definition, axes: Axes, whole: Axes) -> tuple[Kind, Equation]:
        span = self.source.span(definition.at)
        node = definition.expression
        if definition.operator == ":IS:":
            raise self._error(
                f'the string variable "{definition.name}" takes a text in single quotes', definition.at
            )
        if node is None:
            return "auxiliary", self._from_data_set(definition, axes, span)
        from_file = external_kind(node)
        if from_file is not None:
            return self._from_file(definition, node, from_file, axes, span)
        # Vensim works a data variable with an expression out at the points of its data and interpolates between. Where
        # it is one interpolated series times and plus constants, that is the same as working it out at any time.
        shifted = isinstance(node, Apply) and fold(node.name) == "time shift"
        if (
            (definition.operator == ":=" or definition.keyword)
            and not shifted
            and (definition.keyword not in ("", "INTERPOLATE") or len(self._affine(node) or ()) != 1)
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
        return self._right_side(node, Scope(definition, loops, axes), span)

    def _right_side(self, node: Node, scope: Scope, span: Span) -> tuple[Kind, Equation]:
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

    def _expr(self, node: Node, scope: Scope) -> Expr:
        if self.errors is None:
            return self._lowered(node, scope)
        try:
            return self._lowered(node, scope)
        except UnsupportedError:
            raise
        except ModelError as error:
            self._kept(error)
            if isinstance(node, Apply) and fold(node.name) not in FUNCTIONS:
                for argument in node.arguments:  # what stands in the call of nothing can be wrong too
                    self._expr(argument, scope)
            return Refused(error.what, error.where, self.source.span(node.at), error.remedy)

    def _lowered(self, node: Node, scope: Scope) -> Expr:
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
                try:
                    return self._apply(node, scope, span)
                except UnsupportedError as error:
                    if self.errors is not None:  # what stands in a call that isn't supported can be wrong too
                        for argument in node.arguments:
                            if isinstance(argument, Name | Op):
                                self._name_errors(argument, scope)
                    return Refused(error.what, error.where, span, error.remedy)
            case Text():
                raise self._error("a text can't stand in this expression", node.at, found=f"'{node.value}'")
            case _:
                raise self._error(
                    f'a list of numbers can\'t stand inside the expression of "{scope.definition.name}"',
                    node.at,
                )

    def _name(self, node: Name, scope: Scope, span: Span) -> Expr:
        key = fold(node.name)
        if scope.locals is not None:
            if node.name.endswith("$"):
                key = fold(node.name[:-1])
            elif key in scope.locals:
                return scope.locals[key]
        if key == "time" and not node.subscripts:
            return Ref("time", (), span)
        if key in self.by_name:
            first = self.by_name[key][0]
            if first.operator == "(" or is_lookups(first.expression):
                raise self._error(
                    f'the lookup "{node.name}" stands in the equation of "{scope.definition.name}" without an argument',
                    node.at,
                    remedy="Write what it is read at in parentheses behind it",
                )
            return Ref(key, self._subscripts(node.name, key, node.subscripts, scope, node.at), span)
        if not node.subscripts and key in scope.loops:
            return Position(key, tuple(self._position(e) for e in scope.loops[key]), span)
        if not node.subscripts and key in self.ranges:  # a range that is mapped from one of the left side
            for index, elements in scope.loops.items():
                image = self.mappings.get((index, key))
                if image is not None and all(e in image for e in elements):
                    return Position(index, tuple(self._position(image[e]) for e in elements), span)
        if not node.subscripts and key in self.element_spelling:
            return Number(float(self._position(key)), span)
        if key in self.texts:
            raise self._error(
                f'the string variable "{node.name}" stands in the equation of "{scope.definition.name}"',
                node.at,
                expected="a number: a text can name files, sheets and cells only",
            )
        raise self._undefined(node.name, node.at, scope)

    def _name_errors(self, node: Node, scope: Scope) -> None:
        """Keep what is wrong with the names in an argument; ranges may stand there for a purpose."""
        if isinstance(node, Op):
            for operand in node.operands:
                self._name_errors(operand, scope)
        elif isinstance(node, Name) and not node.subscripts and self.errors is not None:
            known = (*self.by_name, *self.ranges, *self.element_spelling, *self.texts, *(scope.locals or ()))
            error = self._undefined(node.name, node.at, scope)
            if fold(node.name) not in (*known, "time") and isinstance(error, ModelError):
                self.errors.append(error)

    def _undefined(self, name: str, at: int, scope: Scope) -> FlowsError:
        if error := self._glued(name, at):
            return error
        names = [d.name for d in self.source.definitions]
        return self._error(
            f'"{name}" is used in the equation of "{scope.definition.name}" but defined nowhere',
            at,
            remedy=near(name, names) or "Add an equation for it, or correct the name",
        )


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
