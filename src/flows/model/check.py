"""Checks on the representation: units of every equation, conservation of what flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from flows.model.ir import (
    COMPARISONS,
    LOGICAL,
    STEP_START,
    Binary,
    Call,
    Element,
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
    references,
)
from flows.model.model import Model, flow_terms
from flows.references import fold
from flows.units import DIMENSIONLESS, Unit, Units

DECLARED = "Correct the declared units"
"""How the remedy begins where the declared unit is known to be the mistake."""

_ANY = None  # a literal zero, or what can't be told: fits every unit
_PLAIN = frozenset("exp ln sin cos tan sinh cosh tanh arcsin arccos arctan".split())
_FITS_ANY = (0.0, -(2.0**109))  # zero and :NA:
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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found: the variable, the place and what differs."""

    variable: str
    what: str
    where: str
    found: str = ""
    expected: str = ""
    remedy: str = ""

    def details(self) -> dict[str, str]:
        """Arguments for a `FlowsError`."""
        return {
            "what": self.what,
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


# ---------------------------------------------------------------------------------------------------- units


class _Mismatch(Exception):
    def __init__(self, what: str, span: Span, found: str, expected: str) -> None:
        super().__init__(what)
        self.what, self.span, self.found, self.expected = what, span, found, expected


def unit_findings(model: Model) -> list[Finding]:
    """Check the units of every equation: the declared against the computed, and every sum, comparison and call inside.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of Finding
        In the order of the file; empty if all units match. Variables without units are taken to fit anything.
    """
    return _UnitCheck(model).findings()


def _has_number(expr: Expr) -> bool:
    return isinstance(expr, Number) or (isinstance(expr, Binary) and isinstance(expr.left, Number))


def _line(where: str) -> int:
    return int(where.rsplit(":", 2)[-2]) if where.count(":") >= 2 else int(where.rsplit(":", 1)[-1])


class _UnitCheck:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.units = Units(model.synonyms)
        self.time_unit: Unit | None = None
        self.declared: dict[str, Unit | None] = {}
        self.computed: dict[str, Unit] = {}  # of variables that declare another unit

    def findings(self) -> list[Finding]:
        result: list[Finding] = []
        for v in self.model.variables.values():
            try:
                self.declared[v.name] = self.units.read(v.units) if v.units else _ANY
            except ValueError as error:
                self.declared[v.name] = _ANY
                where = f"{self.model.path}:{v.span.line}:{v.span.column}"
                result.append(Finding(v.spelling, str(error), where, remedy="Correct the units"))
        self.time_unit = self.declared.get("time step")
        for v in self.model.variables.values():
            if v.hidden and v.kind != "lookup":
                self.declared[v.name] = self.learnt(v)
        found = {v.name: list(self.variable(v)) for v in self.model.variables.values()}
        self.without_consequences(found)
        result.extend(f for some in found.values() for f in some)
        return sorted(result, key=lambda f: _line(f.where))

    def without_consequences(self, found: dict[str, list[Finding]]) -> None:
        """Leave out equations that fit as soon as one cause has its computed unit: its declared one is the mistake."""
        suspects = dict(self.computed)
        agree = dict.fromkeys(suspects, 0)
        for name, own in found.items():
            if not own:
                continue
            v = self.model.variables[name]
            causes = {
                r.name
                for eq in v.equations
                for e in (eq.expr, eq.initial)
                if e is not None
                for r in references(e)
            }
            for cause in (c for c in suspects if c in causes and c != name):
                declared, self.declared[cause] = self.declared[cause], suspects[cause]
                fits = not list(self.variable(v))
                self.declared[cause] = declared
                if fits:
                    found[name] = []
                    agree[cause] += 1
                    break
        for cause, number in agree.items():
            if number and found[cause]:
                users = (
                    "an equation that uses it fits" if number == 1 else f"{number} equations that use it fit"
                )
                remedy = f"{DECLARED}: {users} what is computed"
                found[cause] = [replace(f, remedy=remedy) for f in found[cause]]

    def learnt(self, v: Variable) -> Unit | None:
        """Unit of a hidden stock or frozen value, from its initial value or expression."""
        eq = v.equations[0]
        try:
            if eq.initial is not None and not _has_number(eq.initial):
                return self.unit(eq.initial)
            if eq.expr is None:
                return _ANY
            unit = self.unit(eq.expr)
        except _Mismatch:
            return _ANY  # reported where the expression stands
        bare_time = (
            isinstance(eq.expr, Binary) and eq.expr.operator == "/" and isinstance(eq.expr.right, Number)
        )
        if v.kind != "stock" or bare_time or unit is _ANY or self.time_unit is None:
            return unit
        return unit * self.time_unit

    def variable(self, v: Variable) -> Iterable[Finding]:
        for eq in v.equations:
            try:
                for expr, over_time in ((eq.expr, v.kind == "stock"), (eq.initial, False)):
                    if expr is None:
                        continue
                    if isinstance(expr, Number):
                        continue  # an initial value written as a bare number takes the stock's unit
                    unit = self.unit(expr)
                    declared = self.declared[v.name]
                    if v.hidden and over_time and unit == declared:
                        continue  # a delay time written as a bare number
                    if unit is not _ANY and over_time and self.time_unit is not None:
                        unit = unit * self.time_unit
                    if unit is not _ANY and declared is not _ANY and unit != declared:
                        self.computed.setdefault(v.name, unit)
                        per_time = " after integration over time" if over_time else ""
                        raise _Mismatch(
                            f'the units of "{v.spelling}" don\'t match its equation',
                            eq.span,
                            f"{unit} computed{per_time}",
                            f"{declared} as declared",
                        )
            except _Mismatch as error:
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

    def unit(self, expr: Expr) -> Unit | None:
        match expr:
            case Number():
                return _ANY if expr.value in _FITS_ANY or abs(expr.value) > 1e300 else DIMENSIONLESS
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
                return _ANY if expr.mode in _OTHER_UNITS else self.declared.get(expr.table.name)
            case Reduce():
                unit = self.unit(expr.body)
                if expr.function == "prod" and unit is not None and unit != DIMENSIONLESS:
                    return _ANY
                return unit
            case Element():
                self.plain(self.unit(expr.position), expr.span, "the offset of VECTOR ELM MAP has units")
                return self.declared.get(expr.array.name)
            case Vector():
                units = [self.unit(e) for e in (*(body for _, body in expr.groups), *expr.scalars)]
                return units[0] if expr.function in _LIKE_FIRST else _ANY
            case Refused():
                return _ANY

    def binary(self, expr: Binary) -> Unit | None:
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
            if left is _ANY or left == DIMENSIONLESS:
                return left
            if isinstance(expr.right, Number):
                return left ** Fraction(expr.right.value).limit_denominator(1000)
            raise _Mismatch(
                "a quantity with units is raised to a variable power", expr.span, str(left), "Dmnl"
            )
        if left is _ANY or right is _ANY:
            return _ANY
        return left * right if operator == "*" else left / right

    def call(self, expr: Call) -> Unit | None:
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
            return _ANY if units[0] is _ANY else units[0] ** Fraction(1, 2)
        if name == "log":
            self.plain(units[0], expr.span, "the argument of LOG has units")
            return DIMENSIONLESS
        if name == "power":
            if isinstance(expr.arguments[1], Number) and units[0] is not _ANY:
                return units[0] ** Fraction(expr.arguments[1].value).limit_denominator(1000)
            self.plain(units[0], expr.span, "the base of POWER has units")
            return DIMENSIONLESS
        if name in ("zidz", "xidz"):
            quotient = _ANY if units[0] is _ANY or units[1] is _ANY else units[0] / units[1]
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
            return _ANY if units[0] is _ANY or self.time_unit is None else units[0] * self.time_unit
        return units[0] if units else DIMENSIONLESS

    def same(self, left: Unit | None, right: Unit | None, span: Span, what: str) -> Unit | None:
        if left is not _ANY and right is not _ANY and left != right:
            raise _Mismatch(what, span, f"{left} and {right}", "equal units")
        return right if left is _ANY else left

    def plain(self, unit: Unit | None, span: Span, what: str) -> None:
        if unit is not _ANY and unit != DIMENSIONLESS:
            raise _Mismatch(what, span, str(unit), "Dmnl")


# ---------------------------------------------------------------------------------------------------- conservation


def conservation_findings(model: Model, *, unit: str, boundary: Mapping[str, Iterable[str]]) -> list[Finding]:
    """Check that each flow of a unit leaves one stock or named cloud and enters exactly one.

    Parameters
    ----------
    model : Model
    unit : str
        Unit of the stocks concerned, such as ``Person``.
    boundary : mapping of str to names
        ``{"in": flows that come from a cloud, "out": flows that end in one}``.

    Returns
    -------
    list of Finding
        Net flows with terms that are no plain flow, flows with no or several ends, flows that need a cloud or don't.
    """
    units = Units(model.synonyms)
    wanted = units.read(unit)
    enters: dict[str, list[Variable]] = {}
    leaves: dict[str, list[Variable]] = {}
    findings: list[Finding] = []
    for v in model.variables.values():
        if v.kind != "stock" or v.hidden or units.read(v.units) != wanted:
            continue
        for eq in v.equations:
            assert eq.expr is not None
            own = tuple(eq.axes)
            for sign, ref in flow_terms(eq.expr):
                if (
                    ref is None
                    or ref.name not in model.variables
                    or model.variables[ref.name].kind == "stock"
                ):
                    findings.append(
                        Finding(
                            v.spelling,
                            f'the net flow of "{v.spelling}" has a term that is no flow',
                            model.where(v),
                        )
                    )
                    continue
                aligned = all(
                    getattr(s, "elements", (getattr(s, "element", ""),)) == elements
                    for s, (_, elements) in zip(ref.subscripts, own, strict=False)
                ) and len(ref.subscripts) == len(own)
                if not ref.subscripts and all(len(elements) == 1 for _, elements in own):
                    aligned = True  # a flow without subscripts into or out of one element
                if not aligned:
                    findings.append(
                        Finding(
                            v.spelling,
                            f'"{v.spelling}" takes "{model.variables[ref.name].spelling}" of other elements',
                            model.where(v),
                        )
                    )
                (enters if sign > 0 else leaves).setdefault(ref.name, []).append(v)
    from_cloud = {fold(n) for n in boundary.get("in", ())}
    to_cloud = {fold(n) for n in boundary.get("out", ())}
    for name in sorted({*enters, *leaves, *from_cloud, *to_cloud}):
        variable = model.variables.get(name)
        spelling = variable.spelling if variable else name
        where = model.where(variable) if variable else str(model.path)
        for ends, clouds, verb, sign in (
            (leaves.get(name, []), from_cloud, "leaves", -1),
            (enters.get(name, []), to_cloud, "enters", +1),
        ):
            stocks = sorted({v.spelling for v in ends})
            n = len(ends) + (name in clouds)
            overlapping = len(ends) > 1 and not _disjoint(name, sign, ends)
            if n == 0 or (name in clouds and ends) or overlapping:
                findings.append(
                    Finding(
                        spelling,
                        f'the flow "{spelling}" {verb} {n or "no"} stocks or clouds',
                        where,
                        ", ".join(stocks) + (" and a cloud" if name in clouds else ""),
                        "exactly one",
                        "Correct the net flows, or name the cloud in clouds.toml",
                    )
                )
    return findings


def _disjoint(name: str, sign: int, stocks: list[Variable]) -> bool:
    """True if no element of the flow is taken twice, by several equations of one stock or by several stocks."""
    taken: set[tuple[str, ...]] = set()
    for stock in {v.name: v for v in stocks}.values():
        for eq in stock.equations:
            if eq.expr is None:
                continue
            for term_sign, ref in flow_terms(eq.expr):
                if ref is None or ref.name != name or term_sign != sign:
                    continue
                axes = (getattr(s, "elements", (getattr(s, "element", ""),)) for s in ref.subscripts)
                for element in product(*axes):
                    if element in taken:
                        return False
                    taken.add(element)
    return True
