"""What has to be run and read for statements: by model, in one ensemble, on a clock that every run shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.claims.statement import Beside, Measure, Run, Statement, Timed, leaves
from flows.compare import free_draws, stacked_inputs
from flows.ensemble import Simulate
from flows.errors import InputError, ResultError, near
from flows.inputs import Outcome, Scenario, find, read_scenario, scenario_inputs
from flows.inputs.bounds import constant_of, element_key, refuse_outside
from flows.references import Expression, Reference, fold, parse_reference
from flows.resources import units_policy
from flows.vensim.read import read_vensim

MODEL = "migration"
"""Model of a scenario that names none."""

_DRAWS = 8  # draws in one call of the engine


class Book:
    """Scenarios, models and names, each looked up once."""

    def __init__(self, models: dict[str, Any], outcomes: tuple[Outcome, ...]) -> None:
        self.models, self.outcomes = models, {fold(o.name): o for o in outcomes}
        self.scenarios: dict[str, Scenario] = {}

    def scenario(self, name: str, where: str) -> Scenario:
        """The scenario of a name."""
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
        """The model of a name, read once."""
        if name not in self.models:
            path = find("model", name)
            self.models[name] = read_vensim(path, units=units_policy(path))
        return self.models[name]

    def enter(self, statement: Statement, plans: dict[str, Plan]) -> None:
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
                plan = plans.setdefault(name, Plan(self.model(name), self.outcomes))
                plan.add(run, scenario, _names(side.measure), where)


def _names(measure: Measure | None) -> tuple[Timed, ...]:
    return () if measure is None else tuple(leaves(measure))


class Plan:
    """Runs of one model and the numbers that are wanted of each."""

    def __init__(self, model: Any, outcomes: Mapping[str, Outcome]) -> None:
        self.model, self.outcomes = model, outcomes
        self.clock = _Clock(model)
        self.runs: dict[Run, dict[str, float]] = {}
        self.wanted: dict[Run, dict[Timed, str]] = {}
        self.columns: dict[Reference, _Column] = {}

    def add(self, run: Run, scenario: Scenario, names: Iterable[Timed], where: str) -> None:
        """Note a run, and what is read of it."""
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
            item = constant_of(reference, self.model, where)
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
            if reference.name not in self.model.settable:
                raise InputError(
                    f'the draws set "{key}", which is no constant of the model',
                    remedy=near(reference.name, self.model.settable.names),
                )
            item = self.model.settable[reference.name]
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
        simulate: Simulate,
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
        free = free_draws(draws if self.model.name == MODEL else {}, ())
        parts: list[tuple[Mapping[str, xr.DataArray], int]] = [(inputs, 1)]
        for first in range(0, count if free else 0, _DRAWS):
            some = {k: np.asarray(v[first : first + _DRAWS], dtype=float) for k, v in free.items()}
            parts.append((self.drawn(inputs, some), len(next(iter(some.values())))))
        found: dict[tuple[Run, Timed], list[NDArray[np.float64]]] = {}
        for part, size in parts:
            dataset = simulate(self.model, part, outcomes=wanted, **options)
            for reference, column in self.columns.items():
                series = column.values(dataset)
                for place, run in enumerate(runs):
                    one = series.isel(scenario=place) if "scenario" in series.dims else series
                    for timed, where in self.wanted[run].items():
                        if timed.reference == reference:
                            number = self.clock.reduce(one, column.unit, timed, where)
                            number = np.broadcast_to(
                                np.atleast_1d(number), size
                            )  # the same if no draw acts on it
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
            raise InputError(
                "the time lies outside the run", where=where, found=f"{self.time(start):g} to {self.time(end):g}",
                expected=f"model times from {first:g} to {last:g}",
            )  # fmt: skip

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
