"""Which of the units or equations that don't fit is the mistake: the one whose correction makes all the others fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from flows.model.finding import Finding
from flows.model.ir import (
    Binary,
    BinaryOperator,
    Equation,
    Expr,
    Ref,
    Span,
    Variable,
    rebuilt,
    references,
    walk,
)
from flows.model.measure import DECLARED, Mismatch, UnitCheck
from flows.model.model import CONTROLS
from flows.units import DIMENSIONLESS, Unit

__all__ = ["OPERATOR", "Blame"]

OPERATOR = "Check the operator"
"""How the remedy begins where another operator makes the units fit."""

_MOST = 200  # equations that don't fit: in a model with more the units are no guide
_MOST_OPERATORS = 60  # of an equation that are exchanged by way of trial
_MOST_UNUSED = 5  # constants beside which one that would fit says something
_RECURRING = 5  # times that a name of a unit stands in a model, on average, if one that stands once is odd
_TIMES = frozenset({"time", "delay", "lag", "duration", "life", "lifetime"})
_UNKNOWN = Unit((("?", Fraction(1)),))
_OTHERS: Mapping[str, tuple[BinaryOperator, ...]] = {
    "+": ("*", "/"),
    "-": ("*", "/"),
    "*": ("/", "+"),
    "/": ("*", "-"),
}


class Blame:
    """Settles findings on units.

    A declared unit that is wrong breaks the variable's own equation and those that use it; a wrong equation breaks
    itself only. So a unit is blamed if another one in its place makes at least two equations fit and breaks none; with
    one equation if its name stands nowhere else in a model where names recur, or the computed unit does and the
    declared doesn't, or if nothing else mends its own equation: no cause's unit, no other operator.

    Parameters
    ----------
    check : UnitCheck
        With the declared units read.
    found : mapping of str to list of Finding
        What the check found, by variable.
    doubtful : collection of str
        Variables whose equations are known to be wrong for another reason.
    sound : collection of str
        Variables whose equations use what they should, as the sketch shows: a cause's unit is wrong rather than these.
    """

    def __init__(
        self,
        check: UnitCheck,
        found: Mapping[str, list[Finding]],
        doubtful: Collection[str] = (),
        sound: Collection[str] = (),
    ) -> None:
        self.doubtful, self.sound = doubtful, frozenset(sound)
        self.check, self.found = check, {name: list(found.get(name, ())) for name in check.model.variables}
        self.variables = check.model.variables
        self.hidden: dict[str, dict[str, None]] = {}  # what is expanded from a variable, in order
        self.users: dict[str, dict[str, None]] = {}
        for v in self.variables.values():
            for name in _causes(v):
                if name != v.name:
                    self.users.setdefault(name, {})[v.name] = None
        self.bases = Counter(
            name
            for v in self.variables.values()
            if (unit := check.declared.get(v.name)) is not None and not v.hidden
            for name, _ in unit.powers
        )
        self.whole = Counter(check.declared.get(v.name) for v in self.variables.values() if not v.hidden)

    def settled(self) -> dict[str, list[Finding]]:
        """The findings without those that follow from others, each at what should be corrected."""
        failing = {name for name, own in self.found.items() if own}
        if len(failing) > _MOST:
            return self.found
        operators = {name for name in failing if self._operators(self.variables[name])}
        suspects: dict[str, dict[Unit, set[str]]] = {}
        for name in failing:
            for suspect, unit in self._candidates(self.variables[name]):
                units = suspects.setdefault(suspect, {})
                if unit not in units:
                    units[unit] = self._fixed(suspect, unit, failing)
        options = [(s, u, f) for s, units in suspects.items() for u, f in units.items() if f]
        ways = Counter(name for _, _, fixed in options for name in fixed)
        while options:
            suspect, unit, fixed = max(options, key=lambda o: (len(o[2]), o[0] in o[2]))
            only = ways[next(iter(fixed))] == 1 and not fixed & (operators | {*self.doubtful})
            told = suspect in fixed or fixed <= self.sound
            odd = not fixed & operators and self._odd(suspect, unit)
            if len(fixed) > 1 or odd or self._called(suspect, unit) or (only and told and self._usual(unit)):
                self._blame(suspect, unit, fixed)
                failing -= fixed
            else:
                if only and self._usual(unit):
                    self._propose(suspect, unit, fixed)
                fixed = set()
            options = [
                (s, u, left)
                for s, u, f in options
                if (s, u) != (suspect, unit) and (left := f - fixed) and s != (suspect if fixed else "")
            ]
        for v in list(self.variables.values()) if failing else ():
            self._forgotten(v)
        return self.found

    def _forgotten(self, v: Variable) -> None:
        """Point at the name in an equation in whose place a constant that nothing uses makes the units fit."""
        if v.hidden:
            return
        unused = [
            c
            for c in self.variables.values()
            if c.kind == "constant"
            and not c.hidden
            and c.name not in {*self.users, *CONTROLS}
            and not c.shape
            and self.check.declared.get(c.name)
            not in (None, DIMENSIONLESS)  # a pure number fits in many places
        ]
        group = [v, *(self.variables[n] for n in _causes(v, self.variables) if self.variables[n].hidden)]
        told = [f for g in group for f in self.found[g.name]]
        if not told or not 0 < len(unused) <= _MOST_UNUSED:
            return
        fits: list[tuple[Ref, Variable]] = []
        refs = {r.name: r for g in group for e in g.equations for r in _references(e) if r.span.line}
        for ref in refs.values():
            if ref.name not in self.variables or self.variables[ref.name].hidden:
                continue
            for c in unused:
                unit = self.check.declared[c.name]
                with _Instead(self, ref.name, unit or _UNKNOWN):
                    if all(self._fits(g) for g in group):
                        fits.append((ref, c))
        if len(fits) == 1:
            ((ref, c),) = fits
            for g in group:
                self.found[g.name] = []
            self.found[v.name] = [
                replace(
                    told[-1],
                    variable=v.spelling,
                    what=f'in the equation of "{v.spelling}" the units don\'t fit',
                    where=f"{self.check.model.path}:{ref.span.line}:{ref.span.column}",
                    remedy=f'Did you mean "{c.spelling}", which nothing uses, '
                    f'in place of "{self.variables[ref.name].spelling}"?',
                )
            ]

    def _candidates(self, v: Variable) -> Iterator[tuple[str, Unit]]:
        """Units that would make an equation fit, its own and those of its causes."""
        if v.name in self.check.computed and not v.hidden:
            yield v.name, self.check.computed[v.name]
        for cause in _causes(v, self.variables):
            if cause == v.name or self.check.declared.get(cause) is None or self.variables[cause].hidden:
                continue
            for eq in v.equations:
                with _Instead(self, cause, _UNKNOWN):
                    try:
                        self.check.equation(v, eq)
                    except Mismatch as error:
                        if (unit := _solved(error.units)) is not None:
                            yield cause, unit

    def _fixed(self, suspect: str, unit: Unit, failing: set[str]) -> set[str]:
        """Equations that fit with another unit of a variable; none if others no longer do."""
        fixed: set[str] = set()
        with _Instead(self, suspect, unit):
            for name in (suspect, *self._all_users(suspect)):
                fits = self._fits(self.variables[name])
                if not fits and name not in failing:
                    return set()
                if fits and name in failing:
                    fixed.add(name)
        return fixed

    def _fits(self, v: Variable) -> bool:
        try:
            for eq in v.equations:
                self.check.equation(v, eq)
        except Mismatch:
            return False
        return True

    def _all_users(self, name: str) -> list[str]:
        """Variables that use another, through what is expanded from their equations too."""
        found: dict[str, None] = {}
        queue = [name]
        while queue:
            for user in self.users.get(queue.pop(), ()):
                if user not in found:
                    found[user] = None
                    if self.variables[user].hidden:
                        queue.append(user)
        return list(found)

    def _odd(self, name: str, unit: Unit) -> bool:
        """True if a declared unit looks wrong by itself: no other variable has it, or any with its names."""
        declared = self.check.declared[name]
        assert declared is not None
        if self.bases.total() < _RECURRING * len(self.bases):
            return False  # names of units don't recur in this model
        known = all(self.bases[base] for base, _ in unit.powers)
        if known and any(self.bases[base] == 1 for base, _ in declared.powers):
            return True
        return name in self.check.computed and self.whole[declared] == 1 and self.whole[unit] > 0

    def _called(self, name: str, unit: Unit) -> bool:
        """True if what is called a time has no unit of time, or a rate none per time, and another unit would."""
        time, declared = self.check.time_unit, self.check.declared[name]
        assert declared is not None
        word = name.split()[-1]
        if time is None or len(time.powers) != 1:
            return False
        if word in _TIMES:
            return unit == time != declared
        base = time.powers[0][0]
        return word == "rate" and dict(unit.powers).get(base, 0) < 0 and base not in dict(declared.powers)

    def _usual(self, unit: Unit) -> bool:
        """True for a unit that some variable has, or a simple one: ``Person``, ``Person/Month``."""
        return self.whole[unit] > 0 or (len(unit.powers) <= 2 and all(abs(p) == 1 for _, p in unit.powers))

    def _blame(self, name: str, unit: Unit, fixed: set[str]) -> None:
        v = self.variables[name]
        users = len(fixed - {name})
        words = "an equation that uses it fits" if users == 1 else f"{users} equations that use it fit"
        why = (
            f": {words} {'what is computed' if name in fixed else unit}"
            if users
            else f", if the equation is right: it gives {unit}"
        )
        own = self.found[name][:1] if name in fixed else []
        if not own:
            own = [
                Finding(
                    v.spelling,
                    f'the units of "{v.spelling}" don\'t match the equations that use it',
                    "",
                    f"{self.check.declared[name]} as declared",
                    str(unit),
                )
            ]
        where = f"{self.check.model.path}:{v.span.line}:{v.span.column}"
        for other in fixed:
            self.found[other] = []
        self.found[name] = [replace(own[0], where=where, remedy=DECLARED + why)]

    def _propose(self, cause: str, unit: Unit, fixed: set[str]) -> None:
        """Name the one cause that would mend an equation with another unit."""
        spelling = self.variables[cause].spelling
        remedy = f'Correct the equation, or the units of "{spelling}": {unit} would fit'
        for name in fixed:
            self.found[name] = [replace(f, remedy=remedy) for f in self.found[name]]

    def _operators(self, v: Variable) -> bool:
        """Point at the one operator of an equation that makes its units fit if it is another; tells if any does."""
        any_fits = False
        for number, eq in enumerate(e for e in v.equations if not self._right(v, e)):
            fits = self._mended(v, eq)
            any_fits |= bool(fits)
            if len(fits) != 1 or number >= len(self.found[v.name]):
                continue
            ((span, operators),) = fits.items()
            finding = self.found[v.name][number]
            if len(operators) == 1:
                finding = replace(finding, remedy=f'{OPERATOR}: with "{operators[0]}" here the units fit')
            where = f"{self.check.model.path}:{span.line}:{span.column}"
            self.found[v.name][number] = replace(finding, where=where)
        return any_fits

    def _mended(self, v: Variable, eq: Equation) -> dict[Span, list[str]]:
        """Places of operators in an equation and others with which its units fit."""
        fits: dict[Span, list[str]] = {}
        for part in ("expr", "initial"):
            expr: Expr | None = getattr(eq, part)
            nodes = (
                [n for n in walk(expr) if isinstance(n, Binary) and n.span.line] if expr is not None else []
            )
            for node in nodes[:_MOST_OPERATORS]:
                for operator in _OTHERS.get(node.operator, ()):
                    for trial in _variants(expr, node, operator):  # type: ignore[arg-type]
                        mended = replace(eq, expr=trial) if part == "expr" else replace(eq, initial=trial)
                        if self._right(v, mended):
                            fits.setdefault(node.span, []).append(operator)
                            break
        return fits

    def _right(self, v: Variable, eq: Equation) -> bool:
        try:
            self.check.equation(v, eq)
        except Mismatch:
            return False
        return True


class _Instead:
    """Another unit in the place of a declared one, with what is learnt from it, for a while."""

    def __init__(self, blame: Blame, name: str, unit: Unit) -> None:
        self.blame, self.name, self.unit = blame, name, unit

    def __enter__(self) -> None:
        check = self.blame.check
        hidden = [n for n in self.blame._all_users(self.name) if self.blame.variables[n].hidden]
        self.before = {n: check.declared.get(n) for n in (self.name, *hidden)}
        check.declared[self.name] = self.unit
        hidden = [n for n in hidden if self.blame.variables[n].kind != "lookup"]
        check.declared.update(
            dict.fromkeys(hidden, None)
        )  # nothing is known of them but what they are made of
        for n in hidden:
            check.declared[n] = check.learnt(self.blame.variables[n])

    def __exit__(self, *_: object) -> None:
        self.blame.check.declared.update(self.before)


def _causes(v: Variable, variables: Mapping[str, Variable] | None = None) -> list[str]:
    """Names in the equations of a variable; with `variables` those behind what is expanded from it too."""
    found: dict[str, None] = {}
    queue = [v]
    while queue:
        for eq in queue.pop().equations:
            for expr in (eq.expr, eq.initial):
                for name in (r.name for r in references(expr)) if expr is not None else ():
                    if name in found:
                        continue
                    found[name] = None
                    if variables is not None and name in variables and variables[name].hidden:
                        queue.append(variables[name])
    return [n for n in found if variables is None or n in variables]


def _solved(units: tuple[Unit, ...]) -> Unit | None:
    """What the unknown unit must be for two units to be equal."""
    if len(units) != 2:
        return None
    ratio = units[0] / units[1]
    power = next((p for name, p in ratio.powers if name == "?"), None)
    if power is None:
        return None
    rest = Unit(tuple((name, p) for name, p in ratio.powers if name != "?"))
    unit = rest ** (-1 / power)
    return unit if all(p.denominator == 1 for _, p in unit.powers) else None


def _references(eq: Equation) -> Iterator[Ref]:
    return (r for e in (eq.expr, eq.initial) if e is not None for r in references(e))


def _exchanged(expr: Expr, node: Expr, other: Expr) -> Expr:
    return other if expr is node else rebuilt(expr, lambda child: _exchanged(child, node, other))


def _variants(expr: Expr, node: Binary, operator: BinaryOperator) -> Iterator[Expr]:
    """An expression with another operator in one place, as its text would be read: ``a * b * c``, ``a + b * c``."""
    yield _exchanged(expr, node, replace(node, operator=operator))
    if operator in "+-" and node.operator in "*/":
        for top in walk(expr):
            factors: list[Binary] = []
            below: Expr = top
            while below is not node and isinstance(below, Binary) and below.operator in ("*", "/"):
                factors.append(below)
                below = below.left
            if below is node and factors:
                right = node.right
                for factor in reversed(factors):
                    right = replace(factor, left=right)
                yield _exchanged(expr, top, Binary(operator, node.left, right, node.span))
    if operator == "/" and node.operator in "+-":
        yield _exchanged(expr, node, _divided(node.left, node.right))


def _divided(left: Expr, right: Expr) -> Expr:
    """``left / right`` where right is a product without parentheses."""
    if isinstance(right, Binary) and right.operator in ("*", "/"):
        return replace(right, left=_divided(left, right.left))
    return Binary("/", left, right)
