"""How much is needed: the value of a lever or constant at which a target is met with a stated probability.

The response is read on evenly spaced values first, which tells whether it is monotone, and then halved between the
last value that misses the target and the first that meets it. All values meet the same draws of the uncertain inputs,
so that the share of draws which meets the target moves with the value and not with the sample.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.calendar import time_at_end
from flows.compare import (
    BASELINE,
    CAVEAT,
    LEVEL,
    count_draws,
    free_draws,
    level,
    outcome_values,
    outcomes_of,
    stacked_inputs,
)
from flows.ensemble import simulate as run_model
from flows.errors import InputError, near
from flows.inputs import (
    Outcome,
    Scenario,
    parse_number,
    parse_reference,
    read_scenario,
    resolve_outcome,
    scenario_inputs,
)
from flows.inputs.bounds import element_key, limits, range_text
from flows.references import fold, strict_month

__all__ = ["FINE", "GRID", "Reading", "Solution", "Target", "read_target", "solve"]

GRID = 13
"""Evenly spaced values at which the response is read first."""

AT_ONCE = 2048
"""Runs in one call of the engine, which bounds the memory."""

FINE = 2000
"""Parts of the range within which an answer is found."""

_SIGN = re.compile(r"(<=|>=|<|>)")
_FORM = "OUTCOME@YYYY-MM < NUMBER, such as 'COMAR wait@2030-12 < 6'"

Simulate = Callable[..., xr.Dataset]


@dataclass(frozen=True)
class Reading:
    """An outcome at the end of a month; a rate is the mean of the twelve months to then."""

    outcome: Outcome
    date: str

    def __str__(self) -> str:
        """Say it as it is typed."""
        return f"{self.outcome.name}@{self.date}"


@dataclass(frozen=True)
class Target:
    """What is to be met: a reading below or above a number, or another reading.

    Attributes
    ----------
    left : Reading
        What is held against the bound.
    sign : {"<", "<=", ">", ">="}
        Which side of the bound is meant.
    right : float or Reading
        The bound.
    """

    left: Reading
    sign: Literal["<", "<=", ">", ">="]
    right: float | Reading

    def __str__(self) -> str:
        """Say it as it is typed."""
        right = str(self.right) if isinstance(self.right, Reading) else f"{self.right:g}"
        return f"{self.left} {self.sign} {right}"

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every reading in it."""
        return (self.left, self.right) if isinstance(self.right, Reading) else (self.left,)

    def margin(
        self, sides: Sequence[NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Left side, right side, and how far the left lies on the wrong side of the bound; each over (draws,)."""
        left = sides[0]
        right = sides[1] if isinstance(self.right, Reading) else np.full_like(left, self.right)
        return left, right, (left - right) if self.sign.startswith("<") else (right - left)

    def met(self, margin: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each margin meets it."""
        return margin < 0 if self.sign in ("<", ">") else margin <= 0


@dataclass(frozen=True, eq=False)
class Solution:
    """The answer, and the response that it was found on.

    Attributes
    ----------
    name, unit : str
        Of the lever or constant.
    target : Target
        What was asked for.
    probability : float
        Share of draws that has to meet it.
    draws : int
        Number of draws; 1 if nothing is drawn.
    start : float
        The value in the scenario.
    low, high : float
        The range searched.
    met : bool
        Whether the start meets the target already.
    below, above : float or None
        The nearest values on either side of the start that meet the target; where the start meets it, the farthest that
        still do. None where nothing changes on that side.
    monotone : bool
        Whether the response goes one way only over the range, as far as the values read tell.
    table : pandas.DataFrame
        Every value read, in order: ``value, probability`` (share of draws that meets the target), ``median, low, high``
        (of the reading on the left), ``bound`` (median of the right side), ``unit, target, caveat``.
    """

    name: str
    unit: str
    target: Target
    probability: float
    draws: int
    start: float
    low: float
    high: float
    met: bool
    below: float | None
    above: float | None
    monotone: bool
    table: pd.DataFrame

    @property
    def nearest(self) -> float | None:
        """The value nearest to the start that meets the target; None where none does."""
        if self.met:
            return self.start
        found = [value for value in (self.below, self.above) if value is not None]
        return min(found, key=lambda value: abs(value - self.start), default=None)

    def sentences(self) -> list[str]:
        """Say the answer in sentences."""
        share = (
            f"in at least {100 * self.probability:.4g} % of {self.draws} draws"
            if self.draws > 1
            else "in one run"
        )
        said = []
        if self.met:
            said.append(f"Met already at {self.name} = {self.start:.4g}, {share}.")
            for side, value in (("below", self.below), ("above", self.above)):
                if value is not None:
                    said.append(f"It is no longer met {side} {value:.4g}.")
        elif self.nearest is None:
            best = max(self.table.to_dict("records"), key=lambda row: float(row["probability"]))
            said.append(
                f"Not met {share} by any value of {self.name} read from {self.low:.4g} to {self.high:.4g}; the most is "
                f"{100 * best['probability']:.0f} %, at {best['value']:.4g}."
            )
        else:
            said.append(f"Met {share} at {self.name} = {self.nearest:.4g} (now {self.start:.4g}).")
            for value in (self.below, self.above):
                if value is not None and value != self.nearest:
                    said.append(f"On the other side, at {value:.4g}.")
        if not self.monotone:
            said.append(
                "The response isn't monotone: beyond the value given the target may be missed again, and between the "
                "values read it may be met. Look at the table."
            )
        return said


def read_target(text: str, model: Any, outcomes: Sequence[Outcome] | None = None) -> Target:
    """Read a target as typed.

    Parameters
    ----------
    text : str
        ``OUTCOME@YYYY-MM < NUMBER`` or ``OUTCOME@YYYY-MM < OUTCOME@YYYY-MM``; or with ``<=``, ``>``, ``>=``.
    model : flows.Model
        Whose variables may stand in place of outcomes.
    outcomes : sequence of Outcome, optional
        Those known; the shipped ones that the model has by default.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        If the text isn't of this form, or names no outcome, variable or month.
    """
    known = outcomes if outcomes is not None else outcomes_of(model)
    where = f"--for '{text}'"
    parts = _SIGN.split(text)
    if len(parts) != 3:
        raise InputError("not a target", where=where, expected=_FORM)
    left, sign, right = (part.strip() for part in parts)
    if "@" not in left:
        raise InputError("no month on the left of the target", where=where, expected=_FORM)
    bound = read_reading(right, known, model, where) if "@" in right else parse_number(right, where=where)
    return Target(read_reading(left, known, model, where), sign, bound)  # type: ignore[arg-type]


def solve(
    model: Any,
    name: str,
    target: Target,
    *,
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray],
    probability: float = 0.8,
    scenario: str | Path | Scenario = BASELINE,
    settings: Mapping[str, float] | None = None,
    between: tuple[float, float] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    simulate: Simulate = run_model,
) -> Solution:
    """Find the smallest change of a lever or constant that meets a target with a stated probability.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    name : str
        A lever or another constant, or one element of it in its text form.
    target : Target
        As `read_target` returns it.
    draws : mapping of str to array of shape (draws,) or DataArray over draw
        Values of uncertain constants, the same for every value, as `flows.futures.futures_of` gives them; empty for the
        model's own values.
    probability : float
        Share of draws that has to meet the target, above 0 and at most 1.
    scenario : str, Path or Scenario
        Which course the value is looked for in; its own value of ``name`` is the start.
    settings : mapping of str to float, optional
        Further constants, as `flows.inputs.settings_inputs` returns them.
    between : (float, float), optional
        The range searched; the declared one by default.
    progress : callable
        Called with (values read, values in all); the latter is an estimate.
    simulate : callable, optional
        In place of `flows.simulate`.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        No such constant, no range to search, or a month outside the run.
    ResultError
        An outcome is not a finite number.

    Notes
    -----
    A target met in a share p of n draws is one whose margin's ⌈p n⌉-th smallest value lies on the right side, which
    is what is halved: unlike the share itself it has no steps. Answers are good to 1/2000 of the range.
    """
    if not 0 < probability <= 1:
        raise InputError("not a probability", found=f"{probability:g}", expected="above 0 and at most 1")
    base = scenario if isinstance(scenario, Scenario) else read_scenario(scenario)
    key, item = find_constant(name, model)
    own = {**scenario_inputs(base, model), **(settings or {})}
    if settings and any(fold(other) == fold(key) for other in settings):
        raise InputError(f'"{key}" is both looked for and set', remedy="Leave it out of --with")
    constants = {k: v for k, v in own.items() if parse_reference(k).name in model.constants}
    others = {k: v for k, v in own.items() if k not in constants}
    low, high = search_range(key, item, between)
    start = constants.get(key, own_value(key, item, model))
    if not low <= start <= high:
        raise InputError(
            f'the value of "{key}" lies outside the range searched', found=f"{start:g}",
            expected=f"{low:g} to {high:g}", remedy="Widen --between",
        )  # fmt: skip
    ends = [end_within(reading, model) for reading in target.readings]
    free = free_draws(draws, [key, *own])
    response = _Response(model, key, constants, others, free, target, ends, simulate)

    grid = np.unique(np.concatenate([np.linspace(low, high, GRID), [start]]))
    steps = math.ceil(math.log2(FINE / (GRID - 1)))
    total = len(grid) + 2 * steps
    progress(0, total)
    response.read(grid.tolist())
    progress(len(grid), total)
    rank = math.ceil(probability * response.count - 1e-9) - 1

    def misses(value: float) -> bool:
        margin = float(np.sort(response.margins[value])[rank])
        return margin > 0 or (margin == 0 and target.sign in ("<", ">"))

    met = not misses(start)
    brackets: dict[str, tuple[float, float]] = {}  # by side: a value like the start, and one unlike it
    for side, values in (
        ("below", grid[grid <= start][::-1].tolist()),
        ("above", grid[grid >= start].tolist()),
    ):
        for same, other in itertools.pairwise(values):
            if misses(other) == met:
                brackets[side] = same, other
                break
    course = [float(np.sort(response.margins[value])[rank]) for value in grid.tolist()]
    for step in range(steps):
        middles = {side: (one + two) / 2 for side, (one, two) in brackets.items()}
        response.read(list(middles.values()))
        for side, middle in middles.items():
            one, two = brackets[side]
            brackets[side] = (one, middle) if misses(middle) == met else (middle, two)
        progress(len(grid) + 2 * (step + 1), total)
    found = {side: one if met else two for side, (one, two) in brackets.items()}
    return Solution(
        name=key,
        unit=str(item.units or "Dmnl"),
        target=target,
        probability=probability,
        draws=response.count,
        start=start,
        low=low,
        high=high,
        met=met,
        below=found.get("below"),
        above=found.get("above"),
        monotone=_monotone(course),
        table=response.table(),
    )


# Parts --------------------------------------------------------------------------------------------


class _Response:
    """Readings and margins by value, on the same draws."""

    def __init__(
        self,
        model: Any,
        key: str,
        constants: Mapping[str, float],
        others: Mapping[str, float],
        free: Mapping[str, xr.DataArray],
        target: Target,
        ends: Sequence[float],
        simulate: Simulate,
    ) -> None:
        self.model, self.key, self.constants, self.others = model, key, constants, others
        self.free, self.target, self.ends, self.simulate = free, target, ends, simulate
        self.count = count_draws(free) or 1
        self.margins: dict[float, NDArray[np.float64]] = {}
        self.sides: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def read(self, values: Sequence[float]) -> None:
        """Run the model at values not read yet."""
        new = [value for value in dict.fromkeys(values) if value not in self.margins]
        if not new:
            return
        points = [{**self.constants, self.key: value} for value in new]
        sides = read_points(
            self.model, points, self.target.readings, self.ends,
            others=self.others, free=self.free, count=self.count, simulate=self.simulate,
        )  # fmt: skip
        for place, value in enumerate(new):
            left, right, margin = self.target.margin([side[place] for side in sides])
            self.sides[value] = left, right
            self.margins[value] = margin

    def table(self) -> pd.DataFrame:
        """Tabulate every value read, in order."""
        rows = []
        for value in sorted(self.margins):
            left, right = self.sides[value]
            margin = self.margins[value]
            middle, low, high = np.quantile(left, [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2])
            rows.append(
                {
                    "value": value,
                    "probability": float(self.target.met(margin).mean()),
                    "median": float(middle),
                    "low": float(low),
                    "high": float(high),
                    "bound": float(np.median(right)),
                    "unit": self.target.left.outcome.unit,
                    "target": str(self.target),
                    "caveat": CAVEAT,
                }
            )
        return pd.DataFrame(rows)


def read_points(
    model: Any,
    points: Sequence[Mapping[str, float]],
    readings: Sequence[Reading],
    ends: Sequence[float],
    *,
    others: Mapping[str, float],
    free: Mapping[str, xr.DataArray],
    count: int,
    simulate: Simulate,
) -> list[NDArray[np.float64]]:
    """Run the model at points and read outcomes there.

    Parameters
    ----------
    model : flows.Model
        The model.
    points : sequence of mapping
        Constants of each run.
    readings : sequence of Reading
        What is read.
    ends : sequence of float
        The model time of each reading.
    others : mapping
        Initial values and control variables, the same for all.
    free : mapping of str to DataArray
        Draws.
    count : int
        Number of draws; 1 without.
    simulate : callable
        As `flows.simulate`.

    Returns
    -------
    list of array, shape (points, draws)
        One for each reading.
    """
    outcomes = list({reading.outcome.name: reading.outcome for reading in readings}.values())
    needed = list(dict.fromkeys(variable for outcome in outcomes for variable in outcome.variables))
    sides: list[list[NDArray[np.float64]]] = [[] for _ in readings]
    step = max(1, AT_ONCE // count)
    for start in range(0, len(points), step):
        some = points[start : start + step]
        names = [f"point {start + place}" for place in range(len(some))]
        inputs = {**stacked_inputs(some, names, model), **others, **free}
        dataset = simulate(model, inputs, outcomes=needed, save_every=1, until=max(ends))
        if "scenario" not in dataset.dims:  # nothing asked for depends on it
            dataset = dataset.expand_dims(scenario=names)
        found = outcome_values(outcomes, dataset)
        for side, reading, end in zip(sides, readings, ends, strict=True):
            at = level(found[reading.outcome.name], reading.outcome.unit, end).transpose("scenario", ...)
            side.append(np.broadcast_to(at.values.reshape(len(at), -1), (len(some), count)))
    return [np.concatenate(side) for side in sides]


def read_reading(text: str, known: Sequence[Outcome], model: Any, where: str) -> Reading:
    """Read ``OUTCOME@YYYY-MM``."""
    name, _, month = text.rpartition("@")
    return Reading(
        resolve_outcome(name.strip(), known, model=model, where=where),
        strict_month(month.strip(), where=where),
    )


def find_constant(name: str, model: Any) -> tuple[str, Any]:
    """Find the constant, one number of it, that a name stands for."""
    reference = parse_reference(name)
    if reference.name not in model.constants:
        raise InputError(
            f'no lever or constant "{reference.name}" in the model',
            remedy=near(reference.name, model.constants.names),
        )
    item = model.constants[reference.name]
    return element_key(reference, item, model, name), item


def own_value(key: str, item: Any, model: Any) -> float:
    """Read the model's own value; the mean of the elements of a whole constant would be no value of any."""
    values = np.asarray(item.value, dtype=float)
    elements = parse_reference(key).elements
    if elements:
        places = [
            [fold(str(e)) for e in model.subscripts[dim].value].index(fold(element))
            for element, dim in zip(elements, item.subscripts, strict=True)
        ]
        return float(values[tuple(places)])
    if values.size > 1 and not (values == values.flat[0]).all():
        raise InputError(
            f'"{key}" has elements with different values', remedy=f"Name one of them, such as {key}[…]"
        )
    return float(values.flat[0])


def search_range(
    key: str, item: Any, between: tuple[float, float] | None, where: str = "--between"
) -> tuple[float, float]:
    """Return the range searched: the one asked for, or the declared one."""
    declared = limits(item)
    low, high = between if between is not None else declared
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(
            f'the model declares no range for "{key}"', remedy=f"Give the ends of the search with {where}"
        )
    if not declared[0] <= low < high <= declared[1]:
        raise InputError(
            "not a range to search", where=where, found=f"{low:g} to {high:g}",
            expected=f"two ends within {range_text(item)}, the smaller first",
        )  # fmt: skip
    return low, high


def end_within(reading: Reading, model: Any) -> float:
    """Return the model time of a reading; refuse one outside the run."""
    end = time_at_end(reading.date)
    first, last = float(model.control.initial_time), float(model.control.final_time)
    if not first < end <= last:
        raise InputError(
            "the month lies outside the run",
            found=str(reading),
            expected=f"a month that ends between times {first:g} and {last:g} of the model",
        )
    return end


def _monotone(course: Sequence[float]) -> bool:
    """Whether margins along the range only rise or only fall, rounding aside."""
    steps = np.diff(np.asarray(course))
    nothing = 1e-6 * float(np.ptp(course))
    return bool((steps >= -nothing).all() or (steps <= nothing).all())
