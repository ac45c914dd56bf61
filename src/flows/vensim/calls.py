"""Calls of functions, lookups and macros."""

from __future__ import annotations

import zlib

from flows.errors import near
from flows.model.ir import (
    STEP_START,
    Binary,
    Call,
    Equation,
    Expr,
    Fixed,
    LookupCall,
    Loop,
    Number,
    Position,
    Reduce,
    Ref,
    Span,
    Subscript,
    Variable,
    Vector,
)
from flows.references import fold
from flows.vensim.context import Scope
from flows.vensim.functions import FUNCTIONS
from flows.vensim.macros import Macros
from flows.vensim.series import Series, external_kind, is_lookups
from flows.vensim.tree import (
    Apply,
    Name,
    Points,
)
from flows.vensim.vectors import Vectors


class Calls(Series, Vectors, Macros):
    """What stands before a parenthesis."""

    def _apply(self, node: Apply, scope: Scope, span: Span) -> Expr:
        key = fold(node.name)
        definitions = self.by_name.get(key)
        if definitions and (definitions[0].operator == "(" or is_lookups(definitions[0].expression)):
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

    def _reduce(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
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

    def _with_lookup(self, node: Apply, scope: Scope, span: Span) -> Expr:
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

    def _lookup(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
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
            data = first.expression is None or external_kind(first.expression) == "data"
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
        if definitions[0].operator != "(" and not is_lookups(definitions[0].expression):
            raise self._error(f"{node.name} takes the name of a lookup", node.at)
        ref = Ref(name, subscripts, span)
        mode = key.removeprefix("lookup ")
        if mode == "area":
            start, end = (LookupCall(ref, a, span, mode) for a in arguments)
            return Binary("-", end, start, span)
        return LookupCall(ref, arguments[0], span, mode)

    def _random(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
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

    def _time_value(self, node: Apply, scope: Scope, span: Span) -> Expr:
        """GET TIME VALUE in the model's own units."""
        if self._fixed(node.arguments[0]) != 0 or self._fixed(node.arguments[2]) != 0:
            raise self._unsupported(
                "GET TIME VALUE of the start, the clock or the calendar (arguments other than 0, offset, 0)",
                node.at,
            )
        return Binary("+", Ref("time", (), span), self._expr(node.arguments[1], scope), span)

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


def _own(index: str | None, elements: tuple[str, ...]) -> Subscript:
    """The subscript of a left side."""
    return Fixed(elements[0]) if index is None else Loop(index, elements)
