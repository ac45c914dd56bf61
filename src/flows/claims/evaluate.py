"""What the model makes of the claims: every run that a statement names in one ensemble, then the comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.claims.statement import (
    Beside,
    Figure,
    Measure,
    Number,
    Operation,
    Run,
    Side,
    Sign,
    Statement,
    Timed,
    leaves,
)
from flows.claims.table import Claim
from flows.compare import stacked_inputs
from flows.ensemble import simulate as run_model
from flows.errors import InputError, ResultError, near
from flows.inputs import Outcome, Scenario, find, read_outcomes, read_scenario, scenario_inputs
from flows.inputs.bounds import element_key, refuse_outside
from flows.references import Expression, Reference, fold, parse_reference
from flows.vensim.read import read_vensim

Result = Literal["reproduced", "in part", "not reproduced", "put in", "outside"]
Way = Literal["holds", "no difference", "the other way", "off"]
Progress = Callable[[int, int], None]

MODEL = "migration"
"""Model of a scenario that names none."""

_DRAWS = 8  # draws in one call of the engine
_ZERO = 1e-9  # of the larger value: rounding


@dataclass(frozen=True)
class Finding:
    """One statement, held against runs.

    Attributes
    ----------
    statement : Statement
        As parsed.
    holds : bool
        Whether it does.
    way : {"holds", "no difference", "the other way", "off"}
        ``off`` for a figure that was missed; the others of a comparison.
    values : tuple of float
        One for each side, from left to right.
    labels : tuple of str
        The side's run or number.
    margin : float
        Of the pair that decides: how far the statement holds (positive) or fails, in per cent of the larger value; of a
        figure, how far the run lies from it, in per cent of the figure.
    share : float or None
        Of the draws in which the statement holds; None without draws.
    """

    statement: Statement
    holds: bool
    way: Way
    values: tuple[float, ...]
    labels: tuple[str, ...]
    margin: float
    share: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One claim, held against runs.

    Attributes
    ----------
    claim : Claim
        The row.
    findings : tuple of Finding
        One for each statement; none outside the boundary.
    share : float or None
        Of the draws in which every statement holds.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    share: float | None = None

    @property
    def result(self) -> Result:
        """What came out; a claim that was put in is never called reproduced."""
        if self.claim.status == "outside":
            return "outside"
        held = sum(finding.holds for finding in self.findings)
        if held < len(self.findings):
            return "in part" if held else "not reproduced"
        return "put in" if self.claim.status in ("put in", "input") else "reproduced"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        claim = self.claim
        return {
            "id": claim.id,
            "document": claim.document,
            "section": claim.section,
            "kind": claim.kind,
            "central": claim.central,
            "statement": claim.statement,
            "status": claim.status,
            "result": self.result,
            "decides": claim.decides,
            "reason": claim.reason,
            "share_of_draws": self.share,
            "checks": [
                {
                    "check": f.statement.text,
                    "holds": f.holds,
                    "way": f.way,
                    "sides": [
                        {"side": label, "value": None if np.isnan(value) else value}
                        for label, value in zip(f.labels, f.values, strict=True)
                    ],
                    "margin_percent": None if np.isnan(f.margin) else f.margin,
                    "tolerance_percent": 100 * f.statement.near,
                    "share_of_draws": f.share,
                }
                for f in self.findings
            ],
        }


def check_statements(
    claims: Iterable[Claim],
    *,
    models: Mapping[str, Any] | None = None,
    outcomes: Sequence[Outcome] | None = None,
) -> None:
    """Refuse statements that name what isn't there, without running anything.

    Raises
    ------
    InputError
        As `evaluate` does.
    """
    _plans((statement for claim in claims for statement in claim.statements), models, outcomes)


def _plans(
    statements: Iterable[Statement], models: Mapping[str, Any] | None, outcomes: Sequence[Outcome] | None
) -> dict[str, _Plan]:
    book = _Book(dict(models or {}), tuple(read_outcomes() if outcomes is None else outcomes))
    plans: dict[str, _Plan] = {}
    for statement in statements:
        book.enter(statement, plans)
    return plans


def evaluate(
    claims: Sequence[Claim],
    *,
    models: Mapping[str, Any] | None = None,
    outcomes: Sequence[Outcome] | None = None,
    draws: Mapping[str, NDArray[np.float64]] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    simulate: Callable[..., xr.Dataset] = run_model,
) -> tuple[Verdict, ...]:
    """Run what the statements need and judge each claim.

    Parameters
    ----------
    claims : sequence of Claim
        As `read_claims` returns them.
    models : mapping of str to flows.Model, optional
        By name of the file, such as ``migration``; what is missing is read from the shipped models.
    outcomes : sequence of Outcome, optional
        Names that stand for expressions; the shipped ones by default.
    draws : mapping of str to array of shape (draws,), optional
        Values of uncertain constants of the migration model, the same for every run but those that set the constant
        themselves.
    threads : int, optional
        As in `flows.simulate`.
    progress : callable, optional
        Called with runs done and runs in all.
    simulate : callable, optional
        In place of `flows.simulate`.

    Returns
    -------
    tuple of Verdict
        In the order of the claims.

    Raises
    ------
    InputError
        A statement names a scenario, variable, element or constant that isn't there, or a time outside the run; file
        and row are named.
    ResultError
        A value is not a finite number.
    """
    parsed = [(claim, claim.statements) for claim in claims]
    plans = _plans((s for _, statements in parsed for s in statements), models, outcomes)
    count = len(next(iter(draws.values()))) if draws else 0
    total = sum(len(plan.runs) * (1 + count) for plan in plans.values())
    done = 0
    values: dict[tuple[Run, Timed], NDArray[np.float64]] = {}

    def tell(runs: int) -> None:
        nonlocal done
        done += runs
        if progress is not None:
            progress(done, total)

    tell(0)
    for plan in plans.values():
        plan.measure(values, simulate, threads, draws or {}, count, tell)
    return tuple(_verdict(claim, statements, values) for claim, statements in parsed)


# Runs ---------------------------------------------------------------------------------------------


class _Book:
    """Scenarios, models and names, each looked up once."""

    def __init__(self, models: dict[str, Any], outcomes: tuple[Outcome, ...]) -> None:
        self.models, self.outcomes = models, {fold(o.name): o for o in outcomes}
        self.scenarios: dict[str, Scenario] = {}

    def scenario(self, name: str, where: str) -> Scenario:
        if name not in self.scenarios:
            try:
                self.scenarios[name] = read_scenario(name)
            except InputError as error:
                if error.where:
                    raise
                raise InputError(
                    error.what, where=where, expected=error.expected, remedy=error.remedy
                ) from None
        return self.scenarios[name]

    def model(self, name: str) -> Any:
        if name not in self.models:
            self.models[name] = read_vensim(find("model", name), units="off")
        return self.models[name]

    def enter(self, statement: Statement, plans: dict[str, _Plan]) -> None:
        """Note what a statement needs; refuse names that aren't there."""
        where = f'{statement.where}, "{statement.text}"' if statement.where else f'"{statement.text}"'
        for side in statement.sides:
            if not isinstance(side.source, Beside):
                continue
            for run in (side.source.run, side.source.other):
                if run is None:
                    continue
                scenario = self.scenario(run.scenario, where)
                name = scenario.model or MODEL
                plan = plans.setdefault(name, _Plan(self.model(name), self.outcomes))
                plan.add(run, scenario, _names(side.measure), where)


def _names(measure: Measure | None) -> tuple[Timed, ...]:
    return () if measure is None else tuple(leaves(measure))


class _Plan:
    """Runs of one model and the numbers that are wanted of each."""

    def __init__(self, model: Any, outcomes: Mapping[str, Outcome]) -> None:
        self.model, self.outcomes = model, outcomes
        self.clock = _Clock(model)
        self.runs: dict[Run, dict[str, float]] = {}
        self.wanted: dict[Run, dict[Timed, str]] = {}
        self.columns: dict[Reference, _Column] = {}

    def add(self, run: Run, scenario: Scenario, names: Iterable[Timed], where: str) -> None:
        if run not in self.runs:
            self.runs[run] = {**scenario_inputs(scenario, self.model), **self.settings(run, where)}
            self.wanted[run] = {}
        for timed in names:
            if timed.reference not in self.columns:
                self.columns[timed.reference] = _Column(timed.reference, self.model, self.outcomes, where)
            assert timed.when is not None
            self.clock.check(timed.when.start, timed.when.end, where)
            self.wanted[run].setdefault(timed, where)

    def settings(self, run: Run, where: str) -> dict[str, float]:
        """Constants of a run, one key for each element that a range stands for."""
        found: dict[str, float] = {}
        for key, value in run.settings:
            reference = parse_reference(key, where=where)
            if reference.name not in self.model.constants:
                raise InputError(
                    f'no constant "{reference.name}" in the model {self.model.name}',
                    where=where,
                    remedy=near(reference.name, self.model.constants.names),
                )
            item = self.model.constants[reference.name]
            refuse_outside(value, item, "constant", where)
            if not reference.elements:
                found[item.name] = value
                continue
            if len(reference.elements) != len(item.subscripts):
                raise InputError(
                    f'"{item.name}" has {len(item.subscripts) or "no"} subscripts',
                    where=where,
                    found=f"{len(reference.elements)} elements",
                )
            texts = [""]
            for element, dim in zip(reference.elements, item.subscripts, strict=True):
                known = [str(name) for name in self.model.subscripts[dim].value]
                texts = [
                    f"{t},{e}" for t in texts for e in _chosen(element, known, item.name, self.model, where)
                ]
            found.update({f"{item.name}[{text[1:]}]": value for text in texts})
        return found

    def drawn(
        self, inputs: Mapping[str, xr.DataArray], draws: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, xr.DataArray]:
        """Set draws beside the runs' own inputs; what a run sets itself, no draw changes."""
        runs, count = list(self.runs.values()), len(next(iter(draws.values())))
        made = dict(inputs)
        for key, values in draws.items():
            reference = parse_reference(key, where="draws")
            if reference.name not in self.model.constants:
                raise InputError(
                    f'the draws set "{key}", which is no constant of the model',
                    remedy=near(reference.name, self.model.constants.names),
                )
            item = self.model.constants[reference.name]
            keys = {fold(item.name), fold(element_key(reference, item, self.model, "draws"))}
            own = np.array([any(fold(k) in keys for k in changes) for changes in runs])
            if item.name not in made:
                base = np.asarray(item.value, dtype=float)
                coords = {d: list(self.model.subscripts[d].value) for d in item.subscripts}
                made[item.name] = xr.DataArray(base, dims=tuple(item.subscripts), coords=coords)
            array = made[item.name]
            wide = {d: n for d, n in (("draw", count), ("scenario", len(runs))) if d not in array.dims}
            array = array.expand_dims(wide).transpose("scenario", "draw", ...).copy()
            place = {
                d: e
                for d, text in zip(item.subscripts, reference.elements, strict=bool(reference.elements))
                for e in _chosen(
                    text, [str(n) for n in self.model.subscripts[d].value], item.name, self.model, "draws"
                )
            }
            for run in np.flatnonzero(~own):
                there = array.loc[place] if place else array
                rest = there[run].ndim - 1
                there[run] = np.broadcast_to(values.reshape(-1, *[1] * rest), there[run].shape)
            made[item.name] = array.drop_vars("scenario", errors="ignore")
        return made

    def measure(
        self,
        values: dict[tuple[Run, Timed], NDArray[np.float64]],
        simulate: Callable[..., xr.Dataset],
        threads: int | None,
        draws: Mapping[str, NDArray[np.float64]],
        count: int,
        tell: Callable[[int], None],
    ) -> None:
        """Run and reduce: for each run and timed name, the central value and then one for each draw."""
        runs = list(self.runs)
        labels = [str(number) for number in range(len(runs))]
        inputs = stacked_inputs([self.runs[run] for run in runs], labels, self.model)
        wanted = list(dict.fromkeys(v for column in self.columns.values() for v in column.variables))
        options: dict[str, Any] = {"save_every": self.clock.save_every, "threads": threads}
        free = {key: array for key, array in draws.items() if self.model.name == MODEL}
        parts: list[Mapping[str, xr.DataArray]] = [inputs]
        for first in range(0, count if free else 0, _DRAWS):
            some = {k: np.asarray(v[first : first + _DRAWS], dtype=float) for k, v in free.items()}
            parts.append(self.drawn(inputs, some))
        found: dict[tuple[Run, Timed], list[NDArray[np.float64]]] = {}
        for part in parts:
            dataset = simulate(self.model, part, outcomes=wanted, **options)
            for reference, column in self.columns.items():
                series = column.values(dataset)
                for place, run in enumerate(runs):
                    one = series.isel(scenario=place) if "scenario" in series.dims else series
                    for timed, where in self.wanted[run].items():
                        if timed.reference == reference:
                            number = np.atleast_1d(self.clock.reduce(one, column.unit, timed, where))
                            found.setdefault((run, timed), []).append(number)
            tell(len(runs) * (dataset.sizes.get("draw", 1)))
        values.update({key: np.concatenate(numbers) for key, numbers in found.items()})


class _Clock:
    """Times of statements, which are months, in the time of a model."""

    def __init__(self, model: Any) -> None:
        unit = model.variables["time step"].units.lower().rstrip("s")
        if unit not in ("month", "year"):
            raise InputError(
                "claims need a model that counts in months or years", where=model.name, found=f'"{unit}"'
            )
        self.months = unit == "month"
        self.control = model.control
        self.save_every = 1.0

    def is_rate(self, unit: str) -> bool:
        """Whether a unit is something per month (or year), not a share per month."""
        something, per, time = unit.replace(" ", "").partition("/")
        return bool(per) and time == ("Month" if self.months else "Year") and something not in ("1", "Dmnl")

    def time(self, months: float) -> float:
        return months if self.months else 2013.0 + months / 12

    def check(self, start: float, end: float, where: str) -> None:
        first, last = self.control.initial_time, self.control.final_time
        if self.time(start) < first - 1e-9 or self.time(end) > last + 1e-9:
            raise InputError("the time lies outside the run", where=where)

    def reduce(self, series: xr.DataArray, unit: str, timed: Timed, where: str) -> NDArray[np.float64]:
        """Turn a trajectory into one number, for each draw if there are any."""
        assert timed.when is not None
        if "time" not in series.dims:
            return np.asarray(series.values, dtype=float)
        times = np.asarray(series["time"].values, dtype=float)
        array = np.asarray(series.transpose(..., "time").values, dtype=float)
        rate = self.is_rate(unit)
        start, end = self.time(timed.when.start), self.time(timed.when.end)
        year = 12.0 if self.months else 1.0
        value: NDArray[Any]
        if timed.when.instant:
            if not rate:
                value = _at(times, array, end)
            else:
                begin = max(end - year, times[0])
                value = _integral(times, array, begin, end) / (end - begin)
        elif timed.prefix in ("", "mean"):
            if self.months:
                value = _integral(times, array, start, end)
            else:  # the values at the steps of the years themselves
                here = (times >= start - 1e-9) & (times < end - 1e-9)
                value = array[..., here].mean(axis=-1) * (end - start)
            if not rate or timed.prefix == "mean":
                value = value / (end - start)
        else:
            inside = (times >= start - 1e-9) & (times <= end + 1e-9)
            within = array[..., inside]
            if timed.prefix in ("highest", "lowest"):
                value = within.max(axis=-1) if timed.prefix == "highest" else within.min(axis=-1)
            else:
                place = within.argmax(axis=-1) if "highest" in timed.prefix else within.argmin(axis=-1)
                at = times[inside][place]
                value = np.asarray(2013 + at / 12 if self.months else at, dtype=float)
        if not np.isfinite(value).all():
            raise ResultError(f'"{timed.reference.key}" is not a finite number', where=where)
        return np.asarray(value, dtype=float)


def _at(times: NDArray[np.float64], array: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    right = int(np.clip(np.searchsorted(times, at - 1e-9), 1, len(times) - 1))
    part = (at - times[right - 1]) / (times[right] - times[right - 1])
    return np.asarray(array[..., right - 1] * (1 - part) + array[..., right] * part)


def _integral(
    times: NDArray[np.float64], array: NDArray[np.float64], start: float, end: float
) -> NDArray[np.float64]:
    """Integrate along the last axis by trapezoids between saved times."""
    inside = (times > start + 1e-9) & (times < end - 1e-9)
    knots = np.concatenate([[start], times[inside], [end]])
    ends = _at(times, array, start)[..., None], _at(times, array, end)[..., None]
    heights = np.concatenate([ends[0], array[..., inside], ends[1]], axis=-1)
    return np.asarray(np.trapezoid(heights, knots, axis=-1))


# Names --------------------------------------------------------------------------------------------


class _Column:
    """A name resolved: an outcome, or a variable with its elements."""

    def __init__(self, reference: Reference, model: Any, outcomes: Mapping[str, Outcome], where: str) -> None:
        self.model, self.where = model, where
        known = frozenset(fold(name) for name in model.names)
        outcome = outcomes.get(fold(reference.key))
        if outcome is not None and all(fold(r.name) in known for r in outcome.references):
            self.expression, self.unit = Expression.parse(outcome.expression), outcome.unit
        elif reference.name in model.lookups:
            raise InputError(
                f'"{reference.name}" is a lookup, a curve and no value over time',
                where=where,
                remedy="Name the variable that reads it",
            )
        elif fold(reference.name) in known:
            self.expression = Expression(reference.key, ("reference", reference))
            self.unit = str(model.item(model.variable(reference.name)).units or "Dmnl")
        else:
            names = [*(o.name for o in outcomes.values()), *model.names]
            lacking = any(fold(reference.key) == fold(name) for name in names)
            raise InputError(
                f'no outcome or variable "{reference.key}" in the model {model.name}',
                where=where,
                remedy="Only the shipped model, or an edited copy of it, can be held against these claims"
                if lacking
                else near(reference.name, names),
            )
        self.elements = {r: self.labels(r) for r in self.expression.references}
        self.variables = tuple(dict.fromkeys(r.name for r in self.expression.references))

    def labels(self, reference: Reference) -> tuple[tuple[str, ...], ...]:
        """For each subscript of a variable, the elements that are added up."""
        variable = self.model.item(self.model.variable(reference.name))
        dims = variable.subscripts
        if len(dims) != len(reference.elements):
            raise InputError(
                f'"{variable.name}" has {len(dims) or "no"} subscripts',
                where=self.where,
                found=f'"{reference.key}"',
                remedy=f"Write {variable.name}[{','.join(dims)}] for their sum" if dims else "",
            )
        return tuple(
            tuple(
                _chosen(
                    element,
                    [str(name) for name in self.model.subscripts[dim].value],
                    variable.name,
                    self.model,
                    self.where,
                )
            )
            for element, dim in zip(reference.elements, dims, strict=True)
        )

    def values(self, dataset: xr.Dataset) -> xr.DataArray:
        by_name = {fold(str(name)): name for name in dataset.data_vars}

        def lookup(reference: Reference) -> xr.DataArray:
            array = dataset[by_name[fold(reference.name)]]
            dims = [str(dim) for dim in array.dims if dim not in ("scenario", "draw", "time")]
            for dim, labels in zip(dims, self.elements[reference], strict=True):
                array = array.sel({dim: list(labels)}).sum(dim)
            return array

        found: Any = self.expression.evaluate(lookup)
        return found  # type: ignore[no-any-return]


def _chosen(element: str, known: Sequence[str], name: str, model: Any, where: str) -> list[str]:
    """Return the element of that name, or the elements of the subscript range of that name."""
    for label in known:
        if fold(label) == fold(element):
            return [label]
    if element in model.subscripts:
        inside = [str(label) for label in model.subscripts[element].value]
        chosen = [label for label in known if label in inside]
        if len(chosen) == len(inside):
            return chosen
    ranges = [str(item.name) for item in model.subscripts]
    raise InputError(
        f'no element "{element}" of "{name}"', where=where, remedy=near(element, [*known, *ranges])
    )


# Judging ------------------------------------------------------------------------------------------

_Values = Mapping[tuple[Run, Timed], NDArray[np.float64]]


def _verdict(claim: Claim, statements: Sequence[Statement], values: _Values) -> Verdict:
    judged = [_judge(statement, values) for statement in statements]
    every = [held for _, held in judged if held.size > 1]
    share = float(np.logical_and.reduce([held[1:] for held in every]).mean()) if every else None
    return Verdict(claim, tuple(finding for finding, _ in judged), share)


def _judge(statement: Statement, values: _Values) -> tuple[Finding, NDArray[np.bool_]]:
    sides = [_side(side, values) for side in statement.sides]
    held: NDArray[np.bool_] = np.asarray([True])
    margins: list[float] = []
    ways: list[Way] = []
    for place, sign in enumerate(statement.signs):
        pair = statement.sides[place], statement.sides[place + 1]
        distance, allowed, way = _distance(sign, pair, sides[place], sides[place + 1], statement.near)
        here = distance >= allowed
        held = held & here if held.size == here.size else here & np.resize(held, here.shape)
        margins.append(float(distance[0]))
        ways.append("holds" if here[0] else way)
    worst = int(np.argmin([(m if w == "holds" else -1e9 + m) for m, w in zip(margins, ways, strict=True)]))
    finding = Finding(
        statement,
        bool(held[0]),
        ways[worst],
        tuple(float(value[0]) for value, _ in sides),
        tuple(side.source.label for side in statement.sides),
        100 * margins[worst],
        float(held[1:].mean()) if held.size > 1 else None,
    )
    return finding, held


def _distance(
    sign: Sign,
    pair: tuple[Side, Side],
    left: tuple[NDArray[np.float64], NDArray[np.float64]],
    right: tuple[NDArray[np.float64], NDArray[np.float64]],
    nearness: float,
) -> tuple[NDArray[np.float64], float, Way]:
    """How far a pair holds, as a share of the larger value; from what distance on it does; what it is if not."""
    (a, size_a), (b, size_b) = left, right
    figures = [side.source for side in pair if isinstance(side.source, Figure)]
    if sign == "=" and figures:
        figure, value = figures[0], b if isinstance(pair[0].source, Figure) else a
        whole = abs(figure.value) or 1.0
        inside = (value >= figure.low - _ZERO * whole) & (value <= figure.high + _ZERO * whole)
        away = np.abs(value - figure.value) / whole
        return np.where(inside, away, -away), 0.0, "off"
    size = np.maximum(size_a, size_b)
    part: NDArray[Any] = np.divide(b - a, size, out=np.zeros(np.broadcast(a, b).shape), where=size > 0)
    if sign == "=":
        return -np.abs(part), -nearness - _ZERO, "off"
    if sign in (">", ">="):
        part = -part
    if figures:  # a bound is a bound
        return part, _ZERO if sign in ("<", ">") else -_ZERO, "off"
    if sign in ("<=", ">="):
        return part, -nearness - _ZERO, "the other way"
    return part, nearness, "the other way" if part[0] < -nearness else "no difference"


def _side(side: Side, values: _Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The value of a side, and the size that differences are judged by; each over (1 + draws,)."""
    match side.source:
        case Figure() as figure:
            return np.asarray([figure.value]), np.asarray([abs(figure.value)])
        case Beside(run, how, other):
            assert side.measure is not None
            own = _value(side.measure, run, values)
            if other is None:
                return own, np.abs(own)
            beside = _value(side.measure, other, values)
            if how == "over":
                ratio = _ratio(own, beside)
                return ratio, np.abs(ratio)
            return own - beside, np.maximum(np.abs(own), np.abs(beside))
    raise AssertionError(side)


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; what is divided by nothing is no number, and no statement about it holds."""
    shape = np.broadcast(a, b).shape
    divided: NDArray[Any] = np.full(shape, np.nan)
    np.divide(a, b, out=divided, where=np.broadcast_to(b != 0, shape))
    return divided


def _value(measure: Measure, run: Run, values: _Values) -> NDArray[np.float64]:
    match measure:
        case Number(value):
            return np.asarray([value], dtype=float)
        case Timed():
            return values[run, measure]
        case Operation(sign, left, right):
            b = _value(right, run, values)
            if left is None:
                return -b
            a = _value(left, run, values)
            if sign == "/":
                return _ratio(a, b)
            return np.asarray(a + b if sign == "+" else a - b if sign == "-" else a * b)
    raise AssertionError(measure)
