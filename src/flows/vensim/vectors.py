"""Functions of whole arrays: VECTOR SELECT, VECTOR ELM MAP, sorting, matrices, allocation."""

from __future__ import annotations

from dataclasses import replace

from flows.model.ir import (
    Binary,
    Call,
    Element,
    Expr,
    Fixed,
    Loop,
    Number,
    Position,
    Reduce,
    Ref,
    Span,
    Vector,
)
from flows.references import fold
from flows.vensim.context import Loops, Scope
from flows.vensim.known import Known
from flows.vensim.ranges import Ranges
from flows.vensim.tree import (
    Apply,
    Name,
    Node,
    Op,
)

_LARGEST = 1.7e308


class Vectors(Ranges, Known):
    """Functions of whole arrays."""

    def _vector(self, node: Apply, key: str, scope: Scope, span: Span) -> Expr:
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
        counted = size.arguments[:1] if isinstance(size, Apply) and fold(size.name) == "elmcount" else ()
        if counted and isinstance(counted[0], Name) and fold(counted[0].name) in self.ranges:
            given: float | None = len(self.ranges[fold(counted[0].name)].elements)
        else:
            given = self._at_start(size)
        if given != n:
            raise self._unsupported(f"{node.name} over a part of a range", node.at)

    def _whole(self, node: Apply, argument: Node, scope: Scope, count: int) -> tuple[Loops, Expr]:
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
        over = tuple((f"#VECTOR {self.vectors}.{d}", e) for d, e in enumerate(elements))
        outer = scope.vector
        if first is argument:
            scope.vector = {id(sub): Loop(*loop) for sub, loop in zip(lasts, over, strict=True)}
        else:
            scope.vector = {fold(lasts[0].name): Loop(*over[0])}
        body = self._expr(argument, scope)
        scope.vector = outer
        return over, body

    def _profiles(self, node: Apply, argument: Node, scope: Scope, n: int) -> tuple[Loops, Expr]:
        """Priority profiles: the last subscript names the first of four elements (kind, priority, width, extra)."""
        key = fold(argument.name) if isinstance(argument, Name) else ""
        if (
            not isinstance(argument, Name)
            or len(argument.subscripts) < 2
            or len(self.dimensions.get(key, ((),))[0]) != len(argument.subscripts)
        ):
            raise self._error(f"{node.name} takes an array of priority profiles", node.at)
        elements = self.dimensions[key][1][-1]
        last = fold(argument.subscripts[-1].name)
        first = elements.index(last) if last in elements else 0
        if len(elements) < first + 4:
            raise self._error(f"{node.name} takes priority profiles of four elements", node.at)
        shorter = replace(argument, subscripts=argument.subscripts[:-1])
        own = self.dimensions[key][1][-2]
        sub = fold(shorter.subscripts[-1].name)
        rows = self.ranges[sub].elements if sub in self.ranges else own
        self.vectors += 1
        over = (
            (f"#VECTOR {self.vectors}.0", rows),
            (f"#VECTOR {self.vectors}.1", elements[first : first + 4]),
        )
        outer = scope.vector
        scope.vector = {id(s): Loop(*o) for s, o in zip(argument.subscripts[-2:], over, strict=True)}
        body = self._expr(argument, scope)
        scope.vector = outer
        return over, body

    def _place(self, node: Apply, over: Loops, scope: Scope, span: Span) -> Expr:
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

    def _element(self, node: Apply, scope: Scope, span: Span) -> Expr:
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
        whole = tuple(Loop(f"#VECTOR {self.vectors}.{d}", e) for d, e in enumerate(elements))
        return Element(Ref(key, whole, span), place, span)

    def _select(self, node: Apply, scope: Scope, span: Span) -> Expr:
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
