"""How much is needed: the value of a lever or constant at which a target is met with a stated probability.

The response is read on evenly spaced values first, which tells whether it is monotone, and then halved between the
last value that misses the target and the first that meets it. All values meet the same draws of the uncertain inputs,
so that the share of draws which meets the target moves with the value and not with the sample.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare import BASELINE, CAVEAT, LEVEL, refuse_before_levers
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.errors import InputError
from flows.inputs import Scenario, read_scenario, scenario_inputs
from flows.pace import Progress, silent
from flows.references import fold
from flows.solve.course import Course, course_of, find_constant, vary
from flows.solve.target import Target, rank_needed

GRID = 13
"""Evenly spaced values at which the response is read first."""

FINE = 2000
"""Parts of the range within which an answer is found."""


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
    progress: Progress = silent,
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
        No such constant, no range to search, or a month outside the run or, of a lever, before the policy start.
    ResultError
        An outcome is not a finite number.

    Notes
    -----
    A target met in a share p of n draws is one whose margin's ⌈p n⌉-th smallest value lies on the right side, which
    is what is halved: unlike the share itself it has no steps. Answers are good to 1/2000 of the range.
    """
    base = read_scenario(scenario)
    key, item = find_constant(name, model)
    if settings and any(fold(other) == fold(key) for other in settings):
        raise InputError(f'"{key}" is both looked for and set', remedy="Leave it out of --with")
    inputs = {**scenario_inputs(base, model), **(settings or {})}
    if item.name in model.levers:
        refuse_before_levers((one.date for one in target.readings), inputs, model, where="--for")
    course = course_of(model, inputs, draws=draws, varied=[key], simulate=simulate)
    rank = rank_needed(probability, course.count)
    varied = vary(name, model, between, constants=course.constants)
    low, start, high = varied.low, varied.start, varied.high
    if not low <= start <= high:
        raise InputError(
            f'the value of "{key}" lies outside the range searched', found=f"{start:g}",
            expected=f"{low:g} to {high:g}", remedy="Widen --between",
        )  # fmt: skip
    response = _Response(course, key, target)

    grid = np.unique(np.concatenate([np.linspace(low, high, GRID), [start]]))
    steps = math.ceil(math.log2(FINE / (GRID - 1)))
    total = len(grid) + 2 * steps
    progress(0, total)
    response.read(grid.tolist())
    progress(len(grid), total)

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
    margins = [float(np.sort(response.margins[value])[rank]) for value in grid.tolist()]
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
        unit=varied.unit,
        target=target,
        probability=probability,
        draws=course.count,
        start=start,
        low=low,
        high=high,
        met=met,
        below=found.get("below"),
        above=found.get("above"),
        monotone=_monotone(margins),
        table=response.table(),
    )


class _Response:
    """Readings and margins by value, on the same draws."""

    def __init__(self, course: Course, key: str, target: Target) -> None:
        self.course, self.key, self.target = course, key, target
        self.margins: dict[float, NDArray[np.float64]] = {}
        self.sides: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def read(self, values: Sequence[float]) -> None:
        """Run the model at values not read yet."""
        new = [value for value in dict.fromkeys(values) if value not in self.margins]
        if not new:
            return
        sides = self.course.read([{self.key: value} for value in new], self.target.readings)
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


def _monotone(course: Sequence[float]) -> bool:
    """Whether margins along the range only rise or only fall, rounding aside."""
    steps = np.diff(np.asarray(course))
    nothing = 1e-6 * float(np.ptp(course))
    return bool((steps >= -nothing).all() or (steps <= nothing).all())
