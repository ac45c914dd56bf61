"""Checks of a base run: values that are no numbers or out of range, arguments that leave a lookup, the time step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from flows.ensemble import simulate
from flows.errors import FlowsError
from flows.inspection.finding import Finding, Places
from flows.model.graph import causes
from flows.model.ir import (
    Binary,
    Call,
    Equation,
    Expr,
    LookupCall,
    Number,
    Reduce,
    Ref,
    Unary,
    Variable,
    Vector,
    children,
    walk,
)
from flows.model.model import Model
from flows.units import Unit, Units

Loops = tuple[tuple[str, tuple[str, ...]], ...]

_NEAR = 1e-9  # relative; what rounding may do
_ROUGH = 0.5  # of the shortest time constant: Euler's method overshoots beyond 1 and is rough before
_DEEPEST = 8


@dataclass(frozen=True)
class _Run:
    """Values by spelling, time last, and whether they have a time."""

    arrays: Mapping[str, tuple[NDArray[np.float64], bool]]

    @property
    def time(self) -> NDArray[np.float64]:
        return self.arrays["time"][0]

    def of(self, model: Model) -> Iterator[tuple[Variable, NDArray[np.float64], bool]]:
        for variable in model.variables.values():
            if not variable.hidden and variable.spelling in self.arrays:
                yield variable, *self.arrays[variable.spelling]


@dataclass
class _Probe:
    variable: Variable
    call: LookupCall
    table: Variable
    low: float
    high: float
    names: tuple[str, str] = field(default=("", ""))


def base_run(places: Places, model: Model) -> Iterator[Finding]:
    """Run the model as it is and report what goes wrong in it."""
    probes = _probes(model)
    variables = dict(model.variables)
    for probe, calls in probes:
        variables.update({p.name: p for p in calls})
        probe.names = (calls[0].name, calls[1].name)
    watched = replace(model, variables=variables)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            run = simulate(watched, engine="compiled", threads=1)
    except FlowsError as error:
        yield places.of_error("warning", "no run", error)
        return
    values = _Run({str(n): (v.values, "time" in v.dims) for n, v in run.variables.items()})
    yield from _no_numbers(places, model, values)
    yield from _limits(places, model, values)
    yield from _outside(places, [p for p, _ in probes], values)
    yield from _time_step(places, model, values)


def _at(places: Places, variable: Variable) -> int:
    return places.offset(f"{places.source.path}:{variable.span.line}:{variable.span.column}") or 0


def _no_numbers(places: Places, model: Model, run: _Run) -> Iterator[Finding]:
    """Name the first variable that is no number: the others follow from it."""
    first: dict[str, float] = {}
    for variable, values, timed in run.of(model):
        bad = ~np.isfinite(values) & (_defined(variable)[..., None] if timed else _defined(variable))
        if bad.any():
            when = bad.reshape(-1, bad.shape[-1]).any(axis=0) if timed else None
            first[variable.name] = -math.inf if when is None else float(run.time[int(np.argmax(when))])
    if not first:
        return
    earliest = min(first.values())
    names = [n for n, time in first.items() if time == earliest]
    root = next((n for n in names if not any(c in names and c != n for c in _all(model, n))), names[0])
    variable = model.variables[root]
    start = earliest <= model.control.initial_time
    words = "at the start" if start else f"at time {earliest:g}"
    others = f", and {len(first) - 1} more after it" if len(first) > 1 else ""
    yield places.at(
        "error",
        "initial value" if start else "no number",
        variable.spelling,
        f'"{variable.spelling}" is no number {words} of the base run{others}',
        _at(places, variable),
        remedy="Look for a division by zero, a root or logarithm of what is below zero, or a growth without bound",
    )


def _defined(variable: Variable) -> NDArray[np.bool_]:
    """Which elements have an equation."""
    mask = np.zeros(variable.shape, dtype=bool)
    for eq in variable.equations:
        picks = [[variable.elements[d].index(e) for e in elements] for d, (_, elements) in enumerate(eq.axes)]
        mask[np.ix_(*picks) if picks else ()] = True
    return mask


def _all(model: Model, name: str) -> set[str]:
    """Direct causes, the initial value's included."""
    variable = model.variables[name]
    found = set(causes(variable))
    for eq in variable.equations:
        if eq.initial is not None:
            found |= {n.name for n in walk(eq.initial) if isinstance(n, Ref)}
    return found


def _limits(places: Places, model: Model, run: _Run) -> Iterator[Finding]:
    """Report values outside the range that the file gives beside the units."""
    for variable, values, _ in run.of(model):
        if variable.limits is None:
            continue
        low, high = (
            -math.inf if variable.limits[0] is None else variable.limits[0],
            math.inf if variable.limits[1] is None else variable.limits[1],
        )
        finite = values[np.isfinite(values)]
        if not finite.size or low >= high:
            continue
        lowest, highest = float(finite.min()), float(finite.max())
        slack = _NEAR * max(abs(lowest), abs(highest), 1e-300)
        if lowest >= low - slack and highest <= high + slack:
            continue
        starts = False
        if variable.kind == "stock":
            first = values[..., 0]
            starts = bool((first < low - slack).any() or (first > high + slack).any())
        yield places.at(
            "warning",
            "initial value" if starts else "range",
            variable.spelling,
            f'"{variable.spelling}" {"starts" if starts else "lies" if variable.kind == "constant" else "goes"} '
            "outside its range",
            _at(places, variable),
            found=_span(lowest, highest),
            expected=f"[{low:g}, {high:g}]".replace("-inf", "?").replace("inf", "?"),
            remedy="Correct the equation or the range behind the units",
        )


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


# ---------------------------------------------------------------------------------------------------- lookups


def _probes(model: Model) -> list[tuple[_Probe, tuple[Variable, Variable]]]:
    """For each call of a lookup two variables more: the lowest and highest argument over all elements."""
    data = {v.series for v in model.variables.values() if v.series}
    found: list[tuple[_Probe, tuple[Variable, Variable]]] = []
    for variable in model.variables.values():
        for eq in variable.equations:
            if eq.expr is None or variable.kind == "lookup":
                continue
            loops: Loops = tuple((i, e) for i, e in eq.axes if i is not None)
            for call, around in _calls(eq.expr, loops):
                table = model.variables.get(call.table.name)
                if table is None or call.table.name in data or call.mode not in ("", "forward", "backward"):
                    continue
                points = [e.table for e in table.equations if e.table is not None and len(e.table.x) > 1]
                if not points or isinstance(call.argument, Number):
                    continue
                probe = _Probe(
                    variable, call, table, min(t.x[0] for t in points), max(t.x[-1] for t in points)
                )
                found.append((probe, _watching(len(found), call.argument, around)))
    return found


def _watching(k: int, argument: Expr, loops: Loops) -> tuple[Variable, Variable]:
    made = []
    for function in ("vmin", "vmax"):
        expr = Reduce(function, loops, argument) if loops else argument
        name = f"#{function.upper()} {k}"
        made.append(Variable(name, name, "auxiliary", (Equation((), expr=expr),)))
    return made[0], made[1]


def _calls(expr: Expr, loops: Loops) -> Iterator[tuple[LookupCall, Loops]]:
    """Calls of lookups in an expression, with the loops around each; those inside functions of vectors are left out."""
    if isinstance(expr, LookupCall):
        yield expr, loops
    if isinstance(expr, Vector):
        return
    inner = (*loops, *expr.over) if isinstance(expr, Reduce) else loops
    for child in children(expr):
        yield from _calls(child, inner)


def _outside(places: Places, probes: list[_Probe], run: _Run) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for probe in probes:
        values = [run.arrays[n][0] for n in probe.names]
        if not all(np.isfinite(v).any() for v in values):
            continue
        low, high = float(np.nanmin(values[0])), float(np.nanmax(values[1]))
        slack = _NEAR * max(abs(low), abs(high), abs(probe.high - probe.low))
        if low >= probe.low - slack and high <= probe.high + slack:
            continue
        name = probe.call.table.name
        if (probe.variable.name, name) in seen:
            continue
        seen.add((probe.variable.name, name))
        table = name if probe.table.hidden else probe.table.spelling
        span = probe.call.span
        at = places.offset(f"{places.source.path}:{span.line}:{span.column}") if span.line else None
        owner = probe.variable.spelling
        if probe.variable.hidden and at is not None and (definition := places.definition(at)) is not None:
            owner = definition.name
        series = isinstance(probe.call.argument, Ref) and probe.call.argument.name == "time"
        yield places.at(
            "note" if series else "warning",
            "lookup range",
            owner,
            f'the base run leaves the points of the series "{table}" in the equation of "{owner}"'
            if series
            else f'the argument of the lookup "{table}" in the equation of "{owner}" leaves its points in the base run',
            _at(places, probe.variable) if at is None else at,
            whole=True,
            found=_span(low, high),
            expected=f"{probe.low:g} to {probe.high:g}",
            remedy="Add points to the lookup: beyond the last one its value is held",
        )


# ---------------------------------------------------------------------------------------------------- time step


@dataclass(frozen=True)
class _Constant:
    value: float
    variable: Variable
    words: str
    at: int


def _time_step(places: Places, model: Model, run: _Run) -> Iterator[Finding]:
    """Hold TIME STEP against the shortest time in which a stock adjusts."""
    step = model.variables.get("time step")
    if step is None or not model.control.time_step > 0:
        return
    search = _Search(places, model, run)
    found = [c for v in model.variables.values() if v.kind == "stock" for c in search.of(v)]
    if not found:
        return
    shortest = min(found, key=lambda c: c.value)
    length = model.control.time_step
    if length <= _ROUGH * shortest.value * (1 + _NEAR):
        return
    overshoots = length > shortest.value * (1 + _NEAR)
    yield places.at(
        "warning" if overshoots else "note",
        "time step",
        step.spelling,
        f"TIME STEP is {'too ' if overshoots else ''}long for the shortest time constant, {shortest.words} "
        f'in the equation of "{shortest.variable.spelling}" on line {places.source.span(shortest.at).line}',
        _at(places, step),
        found=f"{length:g}, with a time constant of {shortest.value:g}",
        expected=f"at most {_ROUGH * shortest.value:g}, better {0.25 * shortest.value:g}",
        remedy="Shorten TIME STEP, or the run shows the method and not the model",
    )


class _Search:
    """Finds a stock that is divided by a time or multiplied by a rate, in its own net flow."""

    def __init__(self, places: Places, model: Model, run: _Run) -> None:
        self.places, self.model, self.run = places, model, run
        read = Units(model.synonyms)
        self.units: dict[str, Unit | None] = {}
        for v in model.variables.values():
            try:
                self.units[v.name] = read.read(v.units) if v.units else None
            except ValueError:
                self.units[v.name] = None
        self.time = self.units.get("time step")
        self.reach: dict[str, frozenset[str]] = {}

    def of(self, stock: Variable) -> Iterator[_Constant]:
        for eq in stock.equations:
            if eq.expr is not None:
                yield from self._in(eq.expr, stock, stock, frozenset())

    def _in(self, expr: Expr, stock: Variable, owner: Variable, seen: frozenset[str]) -> Iterator[_Constant]:
        if len(seen) > _DEEPEST or not self._depends(expr, stock.name):
            return
        match expr:
            case Binary(operator="/"):
                if self._depends(expr.left, stock.name):
                    yield from self._constant(expr.right, stock, owner, expr, rate=False)
                    yield from self._in(expr.left, stock, owner, seen)
            case Binary(operator="*"):
                for one, other in ((expr.left, expr.right), (expr.right, expr.left)):
                    if self._depends(one, stock.name):
                        yield from self._constant(other, stock, owner, expr, rate=True)
                        yield from self._in(one, stock, owner, seen)
            case Binary(operator="+" | "-"):
                yield from self._in(expr.left, stock, owner, seen)
                yield from self._in(expr.right, stock, owner, seen)
            case Unary():
                yield from self._in(expr.operand, stock, owner, seen)
            case Call(function="min" | "max" | "if then else"):
                for argument in expr.arguments:
                    yield from self._in(argument, stock, owner, seen)
            case Ref():
                variable = self.model.variables.get(expr.name)
                if variable is None or variable.kind != "auxiliary" or expr.name in seen:
                    return
                for eq in variable.equations:
                    if eq.expr is not None:
                        yield from self._in(eq.expr, stock, variable, seen | {expr.name})

    def _constant(
        self, expr: Expr, stock: Variable, owner: Variable, whole: Expr, *, rate: bool
    ) -> Iterator[_Constant]:
        """The time constant that a divisor or a rate means."""
        names = {n.name for n in walk(expr) if isinstance(n, Ref)}
        if "time step" in names or (rate and not names):
            return
        value = self._value(expr)
        if value is None or not value > 0 or not math.isfinite(value):
            return
        name = next(iter(names), "")
        unit = self.units.get(name)
        inside = stock.hidden and owner is stock
        if self.time is not None and unit is not None:
            if (Unit() / unit if rate else unit) != self.time:
                return
        elif not inside:
            return  # without units, what is a time can't be told
        span = whole.span if whole.span.line else owner.span
        at = self.places.offset(f"{self.places.source.path}:{span.line}:{span.column}")
        if at is None:
            return
        if owner.hidden and (definition := self.places.definition(at)) is not None:
            owner = replace(owner, spelling=definition.name)
        label = self.model.variables[name].spelling if name in self.model.variables else ""
        words = f'"{label}"' if label else "a time"
        if inside and isinstance(expr, Binary):
            words = f"a stage of {words}"
        yield _Constant(1 / value if rate else value, owner, words, at)

    def _value(self, expr: Expr) -> float | None:
        """The shortest time, or the largest rate, that the expression takes in the run."""
        match expr:
            case Number():
                return expr.value
            case Ref():
                variable = self.model.variables.get(expr.name)
                if variable is None or variable.spelling not in self.run.arrays or variable.kind == "stock":
                    return None
                values, _ = self.run.arrays[variable.spelling]
                values = values[np.isfinite(values) & (values > 0)]
                if not values.size:
                    return None
                unit = self.units.get(expr.name)
                largest = unit is not None and self.time is not None and unit != self.time
                return float(values.max() if largest else values.min())
            case Binary(operator="/" | "*" as operator):
                left, right = self._value(expr.left), self._value(expr.right)
                if left is None or right is None or right == 0:
                    return None
                return left / right if operator == "/" else left * right
        return None

    def _depends(self, expr: Expr, name: str) -> bool:
        return any(n.name == name or name in self._reach(n.name) for n in walk(expr) if isinstance(n, Ref))

    def _reach(self, name: str) -> frozenset[str]:
        """Stocks that an auxiliary depends on at once."""
        if name not in self.reach:
            self.reach[name] = frozenset()  # of a name that leads back to itself
            variable = self.model.variables.get(name)
            found: set[str] = set()
            if variable is not None and variable.kind == "auxiliary":
                for eq in variable.equations:
                    for node in walk(eq.expr) if eq.expr is not None else ():
                        if isinstance(node, Ref):
                            found.add(node.name)
                            found |= self._reach(node.name)
            self.reach[name] = frozenset(
                n for n in found if n in self.model.variables and self.model.variables[n].kind == "stock"
            )
        return self.reach[name]
