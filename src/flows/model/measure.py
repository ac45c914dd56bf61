"""The unit of an expression, and where declared and computed units differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from flows.model.finding import Finding
from flows.model.ir import (
    COMPARISONS,
    LOGICAL,
    STEP_START,
    Binary,
    Call,
    Element,
    Equation,
    Expr,
    LookupCall,
    Number,
    Past,
    Position,
    Previous,
    Reduce,
    Ref,
    Refused,
    Span,
    Unary,
    Variable,
    Vector,
)
from flows.model.model import CONTROLS, Model
from flows.units import DIMENSIONLESS, Unit, Units

DECLARED = "Correct the declared units"
"""How the remedy begins where the declared unit is known to be the mistake."""
UNREADABLE = "Correct the units"
"""The remedy where declared units can't be read."""
ANY = None  # a literal zero, or what can't be told: fits every unit
_PLAIN = frozenset("exp ln sin cos tan sinh cosh tanh arcsin arccos arctan".split())
_FITSANY = (0.0, -(2.0**109))  # zero and :NA:
_LIKE_FIRST = frozenset({"vector_reorder", "allocate_available", "allocate_by_priority"})
_OTHER_UNITS = frozenset(
    (
        "invert",
        "area",
        "share",
        "quantile",
        "first time",
        "last time",
        "total points",
        "count",
        "count before",
    )
)
_SAME = frozenset("min max modulo quantum".split())


class Mismatch(Exception):
    """Units that differ where they must not: what, where, and the two."""

    def __init__(self, what: str, span: Span, found: str, expected: str, *units: Unit) -> None:
        super().__init__(what)
        self.what, self.span, self.found, self.expected, self.units = what, span, found, expected, units


def _has_number(expr: Expr) -> bool:
    return isinstance(expr, Number) or (isinstance(expr, Binary) and isinstance(expr.left, Number))


class UnitCheck:
    """Units of a model's expressions: `declared` by name (`ANY` where none is), `computed` where it is another one."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.units = Units(model.synonyms)
        self.time_unit: Unit | None = None
        self.declared: dict[str, Unit | None] = {}
        self.computed: dict[str, Unit] = {}  # of variables that declare another unit

    def read(self) -> list[Finding]:
        """Take in the declared units; returns what can't be read."""
        result: list[Finding] = []
        for v in self.model.variables.values():
            try:
                self.declared[v.name] = self.units.read(v.units) if v.units else ANY
            except ValueError as error:
                self.declared[v.name] = ANY
                where = f"{self.model.path}:{v.span.line}:{v.span.column}"
                result.append(Finding(v.spelling, str(error), where, remedy=UNREADABLE))
        result += self.clock()
        for v in self.model.variables.values():
            if v.hidden and v.kind != "lookup":
                self.declared[v.name] = self.learnt(v)
        return result

    def clock(self) -> list[Finding]:
        """Settle the unit of time: that of most control variables; returns those that declare another."""
        declared = {n: u for n in CONTROLS if (u := self.declared.get(n)) is not ANY}
        counts = Counter(declared.values())
        unit = max(counts, key=lambda u: (counts[u], declared.get("time step") == u), default=ANY)
        self.time_unit = unit
        result: list[Finding] = []
        for name, own in declared.items():
            if own != unit and unit is not ANY and counts[unit] > len(declared) / 2:
                v = self.model.variables[name]
                result.append(
                    Finding(
                        v.spelling,
                        f'the units of "{v.spelling}" aren\'t those of the other control variables',
                        f"{self.model.path}:{v.span.line}:{v.span.column}",
                        f"{own} as declared",
                        str(unit),
                        DECLARED,
                    )
                )
                self.declared[name] = unit
        return result

    def learnt(self, v: Variable) -> Unit | None:
        """Unit of a hidden stock or frozen value, from its initial value or expression."""
        eq = v.equations[0]
        try:
            if eq.initial is not None and not _has_number(eq.initial):
                return self.unit(eq.initial)
            if eq.expr is None:
                return ANY
            unit = self.unit(eq.expr)
        except Mismatch:
            return ANY  # reported where the expression stands
        bare_time = (
            isinstance(eq.expr, Binary) and eq.expr.operator == "/" and isinstance(eq.expr.right, Number)
        )
        if v.kind != "stock" or bare_time or unit is ANY or self.time_unit is None:
            return unit
        return unit * self.time_unit

    def variable(self, v: Variable) -> Iterable[Finding]:
        """What is wrong with the units in the equations of a variable."""
        for eq in v.equations:
            try:
                self.equation(v, eq)
            except Mismatch as error:
                span = error.span if error.span.line else eq.span
                yield Finding(
                    v.spelling,
                    error.what
                    if v.spelling in error.what
                    else f'in the equation of "{v.spelling}" {error.what}',
                    f"{self.model.path}:{span.line}:{span.column}",
                    error.found,
                    error.expected,
                    "Correct the equation, the declared units or those of its causes",
                )

    def equation(self, v: Variable, eq: Equation) -> None:
        """Raise the first `Mismatch` of an equation."""
        for expr, over_time in ((eq.expr, v.kind == "stock"), (eq.initial, False)):
            if expr is None or isinstance(expr, Number):
                continue  # an initial value written as a bare number takes the stock's unit
            unit = self.unit(expr)
            declared = self.declared[v.name]
            if v.hidden and over_time and unit == declared:
                continue  # a delay time written as a bare number
            if unit is not ANY and over_time:
                unit = ANY if self.time_unit is ANY else unit * self.time_unit
            if unit is not ANY and declared is not ANY and unit != declared:
                self.computed.setdefault(v.name, unit)
                per_time = " after integration over time" if over_time else ""
                start = expr is eq.initial and not v.hidden
                raise Mismatch(
                    f'the units of "{v.spelling}" don\'t match its {"initial value" if start else "equation"}',
                    expr.span if start else eq.span,
                    f"{unit} computed{per_time}",
                    f"{declared} as declared",
                    unit,
                    declared,
                )

    def unit(self, expr: Expr) -> Unit | None:
        """The unit of an expression; `ANY` if it fits all."""
        match expr:
            case Number():
                return ANY if expr.value in _FITSANY or abs(expr.value) > 1e300 else DIMENSIONLESS
            case Ref():
                if expr.name in ("time", STEP_START):
                    return self.time_unit
                return self.declared.get(expr.name)
            case Previous():
                return self.declared.get(expr.name)
            case Past():
                what = "the input and the initial value of DELAY FIXED differ in units"
                return self.same(self.declared.get(expr.name), self.unit(expr.otherwise), expr.span, what)
            case Position():
                return DIMENSIONLESS
            case Unary():
                unit = self.unit(expr.operand)
                return unit if expr.operator == "-" else DIMENSIONLESS
            case Binary():
                return self.binary(expr)
            case Call():
                return self.call(expr)
            case LookupCall():
                self.unit(expr.argument)
                return ANY if expr.mode in _OTHER_UNITS else self.declared.get(expr.table.name)
            case Reduce():
                unit = self.unit(expr.body)
                if expr.function == "prod" and unit is not None and unit != DIMENSIONLESS:
                    return ANY
                return unit
            case Element():
                self.plain(self.unit(expr.position), expr.span, "the offset of VECTOR ELM MAP has units")
                return self.declared.get(expr.array.name)
            case Vector():
                units = [self.unit(e) for e in (*(body for _, body in expr.groups), *expr.scalars)]
                return units[0] if expr.function in _LIKE_FIRST else ANY
            case Refused():
                return ANY

    def binary(self, expr: Binary) -> Unit | None:
        """The unit of two operands."""
        left, right = self.unit(expr.left), self.unit(expr.right)
        operator = expr.operator
        if operator in LOGICAL:
            return DIMENSIONLESS
        if operator in COMPARISONS:
            self.same(left, right, expr.span, f'the two sides of "{operator}" differ in units')
            return DIMENSIONLESS
        if operator in ("+", "-"):
            word = "added" if operator == "+" else "subtracted"
            return self.same(left, right, expr.span, f"terms of different units are {word}")
        if operator == "^":
            self.plain(right, expr.span, "the exponent of ^ has units")
            if left is ANY or left == DIMENSIONLESS:
                return left
            if isinstance(expr.right, Number):
                return left ** Fraction(expr.right.value).limit_denominator(1000)
            raise Mismatch(
                "a quantity with units is raised to a variable power", expr.span, str(left), "Dmnl"
            )
        if left is ANY or right is ANY:
            return ANY
        return left * right if operator == "*" else left / right

    def call(self, expr: Call) -> Unit | None:
        """The unit of a function's value."""
        name = expr.function
        units = [self.unit(a) for a in expr.arguments]
        label = name.upper()
        if name in _PLAIN:
            self.plain(units[0], expr.span, f"the argument of {label} has units")
            return DIMENSIONLESS
        if name in _SAME:
            return self.same(units[0], units[1], expr.span, f"the two arguments of {label} differ in units")
        if name == "if then else":
            return self.same(units[1], units[2], expr.span, "the two results of IF THEN ELSE differ in units")
        if name == "sqrt":
            return ANY if units[0] is ANY else units[0] ** Fraction(1, 2)
        if name == "log":
            self.plain(units[0], expr.span, "the argument of LOG has units")
            return DIMENSIONLESS
        if name == "power":
            if isinstance(expr.arguments[1], Number) and units[0] is not ANY:
                return units[0] ** Fraction(expr.arguments[1].value).limit_denominator(1000)
            self.plain(units[0], expr.span, "the base of POWER has units")
            return DIMENSIONLESS
        if name in ("zidz", "xidz"):
            quotient = ANY if units[0] is ANY or units[1] is ANY else units[0] / units[1]
            if name == "zidz":
                return quotient
            return self.same(
                quotient, units[2], expr.span, "the quotient and the third argument of XIDZ differ in units"
            )
        if name == "step":
            self.same(units[1], self.time_unit, expr.span, "the time of STEP is not in the model's time unit")
            return units[0]
        if name in ("pulse", "pulse train"):
            for unit in units:
                self.same(
                    unit, self.time_unit, expr.span, f"a time of {label} is not in the model's time unit"
                )
            return DIMENSIONLESS
        if name == "ramp":
            for unit in units[1:]:
                self.same(unit, self.time_unit, expr.span, "a time of RAMP is not in the model's time unit")
            return ANY if units[0] is ANY or self.time_unit is None else units[0] * self.time_unit
        return units[0] if units else DIMENSIONLESS

    def same(self, left: Unit | None, right: Unit | None, span: Span, what: str) -> Unit | None:
        """Refuse two units that differ; returns the one that is known."""
        if left is not ANY and right is not ANY and left != right:
            raise Mismatch(what, span, f"{left} and {right}", "equal units", left, right)
        return right if left is ANY else left

    def plain(self, unit: Unit | None, span: Span, what: str) -> None:
        """Refuse a unit where a pure number must stand."""
        if unit is not ANY and unit != DIMENSIONLESS:
            raise Mismatch(what, span, str(unit), "Dmnl", unit, DIMENSIONLESS)
