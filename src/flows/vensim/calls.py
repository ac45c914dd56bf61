"""Calls of functions, lookups and macros."""

from __future__ import annotations

import zlib
from dataclasses import replace

from flows.errors import UnsupportedError, near
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
    Refused,
    Span,
    Subscript,
    Variable,
    Vector,
    walk,
)
from flows.references import fold
from flows.vensim.context import Scope
from flows.vensim.functions import FUNCTIONS, REFUSED
from flows.vensim.macros import Macros
from flows.vensim.series import Series, external_kind, is_lookups
from flows.vensim.tree import (
    Apply,
    Name,
    Num,
    Points,
)
from flows.vensim.vectors import Vectors

NOT_AVAILABLE = -(2.0**109)
_HIGHEST_ORDER = 1000
# Functions whose arguments come to stand several times in what they are rewritten to.
_TWICE = frozenset(
    (
        *("vector select", "forecast", "trend", "npv", "get data between times", "get data mean"),
        *("random lookup", "random pink noise", "sample if true"),
    )
)
_MOST_NODES = 100_000
_FAMILIES = ("get ", "random ", "delay ", "vector ", "lookup ", "queue ", "task ", "rc ", "depreciate ")


class Calls(Series, Vectors, Macros):
    """What stands before a parenthesis."""

    def _apply(self, node: Apply, scope: Scope, span: Span) -> Expr:
        expr = self._call(node, scope, span)
        if fold(node.name) in _TWICE:
            for k, _ in enumerate(walk(expr)):
                if k > _MOST_NODES:
                    raise self._error(
                        f'the equation of "{scope.definition.name}" becomes too large',
                        node.at,
                        remedy=f"Give what stands inside {node.name} a variable of its own",
                    )
        return expr

    def _call(self, node: Apply, scope: Scope, span: Span) -> Expr:
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
            if key == "a function of":
                raise UnsupportedError(
                    f'"{scope.definition.name}" has no equation yet: A FUNCTION OF only names its causes',
                    where=self.source.where(node.at),
                    remedy="Write the equation",
                )
            if key in REFUSED or key.startswith(_FAMILIES):
                raise UnsupportedError(
                    f'the function {node.name.upper()} in the equation of "{scope.definition.name}" isn\'t supported',
                    where=self.source.where(node.at),
                    remedy=REFUSED.get(key) or "Write out what it does in equations of its own",
                )
            raise self._error(
                f'"{node.name}" is used like a function in the equation of "{scope.definition.name}" '
                "but is neither a function nor a lookup",
                node.at,
                remedy="Write IF THEN ELSE("
                if key == "if"
                else near(
                    node.name, [*(n.upper() for n in FUNCTIONS), *(d.name for d in self.source.definitions)]
                ),
            )
        self._arity(node)
        if key in ("delay material", "delay information"):
            return self._discrete_delay(node, scope, span)
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
        if key == "time base":
            start, slope = (self._expr(a, scope) for a in node.arguments)
            return Binary("+", start, Binary("*", Ref("time", (), span), slope, span), span)
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
                if not 0.5 < order < _HIGHEST_ORDER + 0.5:
                    raise self._error(
                        f"the order of {node.name} is out of range",
                        node.at,
                        found=f"{order:g}",
                        expected=f"1 to {_HIGHEST_ORDER}",
                    )
                arguments = (*arguments[:3], Number(order, span))
            own = None
            if node is scope.definition.expression and scope.locals is None:
                name = scope.definition.name
                own = Ref(fold(name), tuple(_own(index, elements) for index, elements in scope.axes))
            return self._memory(key, arguments, scope, span, own)
        return Call(key, arguments, span)

    def _discrete_delay(self, node: Apply, scope: Scope, span: Span) -> Expr:
        """DELAY MATERIAL and DELAY INFORMATION: with a time that never changes, both are DELAY FIXED."""
        arguments = tuple(self._expr(a, scope) for a in node.arguments[:3])
        if scope.bound:
            raise self._unsupported(f"{node.name} inside a SUM over ! ranges", node.at)
        delayed = self._memory("delay fixed", arguments, scope, span, None)
        assert isinstance(delayed, Ref)
        self.discrete.append((arguments[1], node, delayed.name))
        return delayed

    def _reduce(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
        outer = scope.bound
        scope.bound = {}
        scope.sums += 1
        body = self._expr(node.arguments[0], scope)
        over = tuple(scope.bound.items())
        scope.bound = outer
        scope.sums -= 1
        if not over:
            refused = next((part for part in walk(body) if isinstance(part, Refused)), None)
            if refused is not None:  # its own arguments, with their ranges, weren't read
                return refused
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
        if key.startswith("get data ") or key == "time shift":
            first = definitions[0]
            if first.operator == "(" or not (
                first.expression is None or external_kind(first.expression) == "data"
            ):
                raise self._error(f"{node.name} takes the name of a data variable", node.at)
            ref = Ref(f"#{name} DATA", subscripts, span)
            if key == "time shift":
                return LookupCall(ref, Binary("+", Ref(STEP_START, (), span), arguments[0], span), span)
            if first.keyword not in ("", "INTERPOLATE"):
                raise self._unsupported(f"{node.name} of what is no interpolated data variable", node.at)
            if key == "get data mean":
                return self._data_mean(ref, *arguments, span=span)
            if key != "get data between times":
                mode = key.removeprefix("get data ")
                return LookupCall(ref, arguments[0] if arguments else Number(0.0, span), span, mode)
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

    @staticmethod
    def _data_mean(data: Ref, start: Expr, end: Expr, *, span: Span) -> Expr:
        """Mean of the points from a time to another; :NA: if there is none."""

        def within(mode: str) -> Expr:
            upto, before = LookupCall(data, end, span, mode), LookupCall(data, start, span, f"{mode} before")
            return Binary("-", upto, before, span)

        none = Binary("<=", within("count"), Number(0.0, span), span)
        mean = Binary("/", within("sum"), within("count"), span)
        return Call("if then else", (none, Number(NOT_AVAILABLE, span), mean), span)

    def _pink_noise(self, node: Apply, scope: Scope, span: Span) -> Expr:
        """RANDOM PINK NOISE: white noise behind a filter that keeps its deviation whatever the time step is."""
        limits = (Num(-6.0, node.at), Num(6.0, node.at), Num(0.0, node.at), Num(1.0, node.at))
        draw = replace(node, name="RANDOM NORMAL", arguments=(*limits, node.arguments[3]))
        first, white = (self._random(draw, "random normal", scope, span) for _ in range(2))
        arguments = (*(self._expr(a, scope) for a in node.arguments[:3]), first, white)
        return self._memory("random pink noise", arguments, scope, span, None)

    def _random_lookup(self, node: Apply, scope: Scope, span: Span) -> Expr:
        """RANDOM LOOKUP: the density between its limits is the lookup's; found by the area under it."""
        table, *rest = node.arguments
        name = fold(table.name) if isinstance(table, Name) else ""
        definitions = self.by_name.get(name, [])
        lookup = definitions and (definitions[0].operator == "(" or is_lookups(definitions[0].expression))
        if not isinstance(table, Name) or not lookup:
            raise self._error(f"{node.name} takes the name of a lookup", node.at)
        ref = Ref(name, self._subscripts(table.name, name, table.subscripts, scope, table.at), span)
        low, high, shift, stretch = (self._expr(a, scope) for a in rest[:4])
        draw = replace(
            node, name="RANDOM UNIFORM", arguments=(Num(0.0, node.at), Num(1.0, node.at), node.arguments[5])
        )
        share = self._random(draw, "random uniform", scope, span)

        def before(limit: Expr) -> Expr:
            at = Binary("/", Binary("-", limit, shift, span), stretch, span)
            return LookupCall(ref, at, span, "share")

        width = Binary("-", before(high), before(low), span)
        at = Binary("+", before(low), Binary("*", width, share, span), span)
        x = Binary("+", shift, Binary("*", stretch, LookupCall(ref, at, span, "quantile"), span), span)
        none = Binary("=", width, Number(0.0, span), span)
        nothing = Binary("/", Number(0.0), Number(0.0), span)
        return Call("if then else", (none, nothing, x), span)

    def _random(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
        """A draw: decided by the stream or NOISE SEED, the place of the call, the element and the time alone.

        As in Vensim, runs with equal seeds draw equal numbers; another NOISE SEED gives others.
        """
        if scope.sums:
            raise self._unsupported(f"{node.name} inside a SUM over ! ranges", node.at)
        if key == "random lookup":
            return self._random_lookup(node, scope, span)
        if key == "random pink noise":
            return self._pink_noise(node, scope, span)
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
            for argument in node.arguments:
                if isinstance(argument, Name) and (error := self._glued(argument.name, argument.at)):
                    raise error
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
