"""The walk from expressions to statements that all target languages share: one short method per node.

A printer for a target language gives the primitives (numbers, loads, arithmetic, comparison, choice); everything that
Vensim's functions mean is written here once, in terms of these. Text comes from the nodes of the representation and
from generated identifiers alone: no text of a model file reaches a generated source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from flows.engine.hoist import SMALL_POWERS
from flows.engine.layout import Layout
from flows.engine.schedule import own_subscripts
from flows.errors import UnsupportedError
from flows.model.ir import (
    COMPARISONS,
    LOGICAL,
    STEP_START,
    Binary,
    Call,
    Element,
    Expr,
    Fixed,
    LookupCall,
    Number,
    Past,
    Position,
    Previous,
    Reduce,
    Ref,
    Refused,
    Subscript,
    Unary,
    Variable,
    Vector,
)
from flows.model.model import Model
from flows.model.order import Node

_MOST_TERMS = 10_000

# Vensim's name → name of the primitive function of one argument
_FUNCTIONS = {
    "exp": "exp", "ln": "log", "sqrt": "sqrt", "abs": "abs", "integer": "trunc",
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """An address: constant part, and terms (stride, loop index, table of positions or None for the index itself)."""

    constant: int
    terms: tuple[tuple[int, str, tuple[int, ...] | None], ...] = ()


class Body(ABC):
    """Statements of one loop body. A value is a text that the target language takes as an operand."""

    def __init__(self, model: Model, places: Layout) -> None:
        self.model, self.places = model, places
        self.bound: dict[str, int] = {}  # loop index of a reduction that is written out → position
        self.values: dict[Address, str] = {}

    # -- primitives of the target language

    @abstractmethod
    def number(self, value: float) -> str:
        """A literal."""

    @abstractmethod
    def time(self) -> str:
        """Model time."""

    @abstractmethod
    def step_start(self) -> str:
        """Model time at the start of the step: what comes from outside is held over a Runge-Kutta step."""

    @abstractmethod
    def half_step(self) -> str:
        """Half a time step."""

    @abstractmethod
    def read(self, address: Address) -> str:
        """Load a slot."""

    @abstractmethod
    def write(self, address: Address, value: str) -> str:
        """Store a slot; returns the value as an operand to use again."""

    @abstractmethod
    def counter(self, address: Address) -> str:
        """A position that moves with a loop, as a value."""

    @abstractmethod
    def arithmetic(self, operator: str, left: str, right: str) -> str:
        """``+ - * /``."""

    @abstractmethod
    def negative(self, value: str) -> str:
        """Change the sign."""

    @abstractmethod
    def compare(self, operator: str, left: str, right: str) -> str:
        """A condition from two values; operator as in Python."""

    @abstractmethod
    def both(self, operator: str, left: str, right: str) -> str:
        """A condition from two conditions: ``and`` or ``or``."""

    @abstractmethod
    def negation(self, condition: str) -> str:
        """The opposite condition."""

    @abstractmethod
    def choose(self, condition: str, yes: str, no: str) -> str:
        """One of two values."""

    @abstractmethod
    def function(self, name: str, *arguments: str) -> str:
        """A function of the mathematical library."""

    @abstractmethod
    def interpolate(
        self, entry: tuple[int, int] | tuple[Address, int, tuple[int, ...]], argument: str, mode: str
    ) -> str:
        """Interpolation in a lookup, or another way to read it: see `lookup`."""

    @abstractmethod
    def element(self, base: int, size: int, position: str) -> str:
        """The slot at a position that is worked out, among `size` from `base` on; :NA: outside."""

    @abstractmethod
    def vector(self, name: str, values: list[str]) -> str:
        """A function of `flows.engine.runtime.VECTORS`."""

    @abstractmethod
    def record(self, address: Address, value: str) -> None:
        """Keep a value in a column of the history, in this step's row."""

    @abstractmethod
    def recall(self, address: Address, lag: str, otherwise: str) -> str:
        """A column of the history `lag` steps ago, or another value while the run is younger."""

    def keep(self, value: str) -> str:
        """An operand that may be used twice without being evaluated twice."""
        return value

    # -- addresses

    def address(self, base: int, variable: Variable, subscripts: tuple[Subscript, ...]) -> Address:
        """Slot of the element that subscripts name, from the first slot of a variable."""
        constant, stride = base, 1
        terms: list[tuple[int, str, tuple[int, ...] | None]] = []
        for d in range(len(subscripts) - 1, -1, -1):
            elements = variable.elements[d]
            subscript = subscripts[d]
            if isinstance(subscript, Fixed):
                constant += stride * elements.index(subscript.element)
            else:
                positions = tuple(elements.index(e) for e in subscript.elements)
                if subscript.index in self.bound:
                    constant += stride * positions[self.bound[subscript.index]]
                elif positions == tuple(range(positions[0], positions[0] + len(positions))):
                    constant += stride * positions[0]
                    terms.append((stride, subscript.index, None))
                else:
                    terms.append((stride, subscript.index, positions))
            stride *= len(elements)
        return Address(constant, tuple(reversed(terms)))

    def load(self, address: Address) -> str:
        """Load a slot once."""
        if address not in self.values:
            self.values[address] = self.read(address)
        return self.values[address]

    # -- statements

    def assign(self, node: Node, *, initial: bool, net: bool) -> Address:
        """Evaluate a node and store it; returns where."""
        variable, places = node.variable, self.places
        subscripts = own_subscripts(node)
        if variable.kind == "history":
            address = self.address(places.histories[variable.name], variable, subscripts)
            self.record(address, self.value(node.expr))
            return address
        base = places.base[variable.name]
        if net:
            base += places.net_flows - places.stocks
        value = self.value(node.expr)
        if initial and variable.name in places.overrides:
            given = self.load(self.address(places.overrides[variable.name], variable, subscripts))
            value = self.choose(self.compare("!=", given, given), value, given)
        address = self.address(base, variable, subscripts)
        self.values[address] = self.write(address, value)
        return address

    # -- expressions

    def value(self, expr: Expr) -> str:
        """An expression as a number."""
        match expr:
            case Number():
                if expr.value != expr.value or abs(expr.value) == float("inf"):
                    raise UnsupportedError(
                        "a number in the model is too large", found=repr(expr.value), expected="below 1.8e308"
                    )
                return self.number(expr.value)
            case Ref() | Previous():
                if expr.name == "time":
                    return self.time()
                if expr.name == STEP_START:
                    return self.step_start()
                variable = self.model.variables[expr.name]
                return self.load(self.address(self.places.base[expr.name], variable, expr.subscripts))
            case Past():
                variable = self.model.variables[expr.name]
                address = self.address(self.places.histories[expr.name], variable, expr.subscripts)
                return self.recall(address, self.value(expr.lag), self.value(expr.otherwise))
            case Position():
                if expr.index in self.bound:
                    return self.number(float(expr.positions[self.bound[expr.index]]))
                first, n = expr.positions[0], len(expr.positions)
                if expr.positions == tuple(range(first, first + n)):
                    return self.counter(Address(first, ((1, expr.index, None),)))
                return self.counter(Address(0, ((1, expr.index, expr.positions),)))
            case Unary():
                return self.negative(self.value(expr.operand)) if expr.operator == "-" else self.truth(expr)
            case Binary():
                return self.binary(expr)
            case Call():
                return self.call(expr)
            case LookupCall():
                return self.lookup(expr)
            case Reduce():
                return self.reduce(expr)
            case Element():
                variable = self.model.variables[expr.array.name]
                return self.element(
                    self.places.base[expr.array.name], variable.size, self.value(expr.position)
                )
            case Vector():
                return self.whole(expr)
            case Refused():
                raise UnsupportedError(expr.what, where=expr.where, remedy=expr.remedy)

    def truth(self, expr: Expr) -> str:
        """A condition as a number, 1 or 0."""
        return self.choose(self.condition(expr), self.number(1.0), self.number(0.0))

    def condition(self, expr: Expr) -> str:
        """An expression as true or false: any number but zero is true."""
        if isinstance(expr, Binary) and expr.operator in COMPARISONS:
            operator = {"=": "==", "<>": "!="}.get(expr.operator, expr.operator)
            return self.compare(operator, self.value(expr.left), self.value(expr.right))
        if isinstance(expr, Binary) and expr.operator in LOGICAL:
            return self.both(expr.operator, self.condition(expr.left), self.condition(expr.right))
        if isinstance(expr, Unary) and expr.operator == "not":
            return self.negation(self.condition(expr.operand))
        return self.compare("!=", self.value(expr), self.number(0.0))

    def binary(self, expr: Binary) -> str:
        """Arithmetic, or a condition as a number."""
        if expr.operator in COMPARISONS or expr.operator in LOGICAL:
            return self.truth(expr)
        if expr.operator == "^":
            return self.power(self.value(expr.left), expr.right)
        return self.arithmetic(expr.operator, self.value(expr.left), self.value(expr.right))

    def power(self, base: str, exponent: Expr) -> str:
        """A power; those of `SMALL_POWERS` are products and roots, exact where the result is a whole number."""
        if isinstance(exponent, Number) and exponent.value in SMALL_POWERS:
            base = self.keep(base)
            whole = int(exponent.value)
            parts = [base] * whole
            if exponent.value != whole:
                parts.append(self.function("sqrt", base))
            product = parts[0]
            for part in parts[1:]:
                product = self.keep(self.arithmetic("*", product, part))
            return product
        return self.function("power", base, self.value(exponent))

    def call(self, expr: Call) -> str:
        """A function of Vensim in terms of the primitives."""
        name = expr.function
        if name == "if then else":
            condition = self.condition(expr.arguments[0])
            return self.choose(condition, self.value(expr.arguments[1]), self.value(expr.arguments[2]))
        if name == "power":
            return self.power(self.value(expr.arguments[0]), expr.arguments[1])
        values = [self.value(a) for a in expr.arguments]
        if name in _FUNCTIONS:
            return self.function(_FUNCTIONS[name], values[0])
        a = values[0]
        match name, *values[1:]:
            case ("game",):
                return a
            case ("gamma ln",):
                return self.vector("gamma_ln", [a])
            case "min" | "max", b:
                return self.extreme(name, a, b)
            case "log", b:
                return self.arithmetic("/", self.function("log", a), self.function("log", b))
            case "quantum", b:
                return self.quantum(self.keep(a), self.keep(b))
            case "modulo", b:
                a = self.keep(a)
                return self.arithmetic("-", a, self.quantum(a, self.keep(b)))
            case "zidz", b:
                return self.quotient(a, b, self.number(0.0))
            case "xidz", b, c:
                return self.quotient(a, b, c)
            case "step", start:
                # Vensim's own half-step guard, here and in the pulses
                return self.choose(self.compare(">", self.next_half(), start), a, self.number(0.0))
            case "pulse", width:
                return self.pulse(self.keep(a), self.keep(width))
            case "pulse train", width, between, end:
                return self.pulse_train(self.keep(a), self.keep(width), self.keep(between), end)
            case "ramp", start, end:
                return self.ramp(a, self.keep(start), self.keep(end))
        raise UnsupportedError(f"the function {name.upper()} isn't supported yet")

    def extreme(self, name: str, a: str, b: str) -> str:
        """The smaller or larger of two."""
        a, b = self.keep(a), self.keep(b)
        return self.choose(self.compare("<" if name in ("min", "vmin") else ">", a, b), a, b)

    def quantum(self, a: str, b: str) -> str:
        """Multiple of b next to a towards zero; a itself where b is not positive."""
        steps = self.function("trunc", self.arithmetic("/", a, b))
        return self.choose(self.compare("<=", b, self.number(1e-6)), a, self.arithmetic("*", b, steps))

    def quotient(self, a: str, b: str, otherwise: str) -> str:
        """A quotient, or another value where the denominator counts as zero."""
        b = self.keep(b)
        zero = self.compare("<", self.function("abs", b), self.number(1e-6))
        return self.choose(zero, otherwise, self.arithmetic("/", a, b))

    def next_half(self) -> str:
        """Time at the start of the step and half a step."""
        return self.keep(self.arithmetic("+", self.step_start(), self.half_step()))

    def at_least_a_step(self, width: str) -> str:
        """A width of zero means one step."""
        step = self.keep(self.arithmetic("*", self.number(2.0), self.half_step()))
        return self.choose(self.compare(">", width, step), width, step)

    def pulse(self, start: str, width: str) -> str:
        """1 from start for a width, one step at least."""
        at = self.next_half()
        end = self.arithmetic("+", start, self.at_least_a_step(width))
        on = self.both("and", self.compare(">", at, start), self.compare("<", at, end))
        return self.choose(on, self.number(1.0), self.number(0.0))

    def pulse_train(self, start: str, width: str, between: str, end: str) -> str:
        """Pulses every `between` from start to end; always on when they overlap."""
        at = self.next_half()
        since = self.keep(self.arithmetic("-", at, start))
        whole = self.function("floor", self.arithmetic("/", since, between))
        since = self.arithmetic("-", since, self.arithmetic("*", between, whole))
        in_pulse = self.compare("<", since, self.at_least_a_step(width))
        on = self.both("or", self.compare("<", between, width), in_pulse)
        span = self.both("and", self.compare(">", at, start), self.compare("<", at, end))
        return self.choose(self.both("and", span, on), self.number(1.0), self.number(0.0))

    def ramp(self, slope: str, start: str, end: str) -> str:
        """0, then a slope from start to end, then constant."""
        time = self.step_start()
        until = self.choose(self.compare("<", time, end), time, end)
        rise = self.arithmetic("*", slope, self.arithmetic("-", until, start))
        return self.choose(self.compare(">", time, start), rise, self.number(0.0))

    def lookup(self, expr: LookupCall) -> str:
        """Interpolation in a lookup variable: hands its place in the table array to the printer.

        The entry is (start, points) of one table, or (position, points, starts) when subscripts choose it: `starts` by
        flat position. All tables under one name have as many points.
        """
        variable = self.model.variables[expr.table.name]
        entries = self.places.tables[expr.table.name]
        at = self.address(0, variable, expr.table.subscripts)
        argument = self.value(expr.argument)
        if not at.terms:
            return self.interpolate(entries[at.constant], argument, expr.mode)
        starts = tuple(entries.get(k, (0, 1))[0] for k in range(variable.size))
        points = next(n for _, n in entries.values())
        return self.interpolate((at, points, starts), argument, expr.mode)

    def reduce(self, expr: Reduce) -> str:
        """SUM, PROD, VMIN, VMAX written out, from the first element to the last."""
        count = 1
        for _, elements in expr.over:
            count *= len(elements)
        if count > _MOST_TERMS:
            raise UnsupportedError(
                f"{expr.function.upper()} over {count} elements isn't supported",
                expected=f"{_MOST_TERMS} at most",
            )
        total = ""
        for positions in _product([len(elements) for _, elements in expr.over]):
            for (index, _), position in zip(expr.over, positions, strict=True):
                self.bound[index] = position
            value = self.value(expr.body)
            if not total:
                total = value
            elif expr.function in ("sum", "prod"):
                total = self.keep(self.arithmetic("+" if expr.function == "sum" else "*", total, value))
            else:
                total = self.keep(self.extreme(expr.function, total, value))
        for index, _ in expr.over:
            del self.bound[index]
        return total

    def whole(self, expr: Vector) -> str:
        """A function of vectors: the length of each and its elements, further arguments, the position wanted."""
        values: list[str] = []
        for over, body in expr.groups:
            rows = _product([len(elements) for _, elements in over])
            if len(rows) > _MOST_TERMS:
                name = expr.function.replace("_", " ").upper()
                raise UnsupportedError(f"{name} over {len(rows)} elements isn't supported")
            values.append(self.number(float(len(rows))))
            for positions in rows:
                for (index, _), position in zip(over, positions, strict=True):
                    self.bound[index] = position
                values.append(self.value(body))
            for index, _ in over:
                del self.bound[index]
        values += [self.value(a) for a in (*expr.scalars, expr.position)]
        return self.vector(expr.function, values)


def _product(sizes: list[int]) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = [()]
    for size in sizes:
        rows = [(*row, k) for row in rows for k in range(size)]
    return rows
