"""The value of an uncertain constant at which two packages swap rank."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare import CAVEAT, LEVEL, free_draws, refuse_before_levers, words
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.errors import InputError
from flows.inputs import Scenario, parse_reference, scenario_inputs
from flows.pace import Progress, silent
from flows.references import fold
from flows.solve.course import Course, find_constant, vary
from flows.solve.search import FINE, GRID
from flows.solve.target import Reading

_ENDS = (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, eq=False)
class Swap:
    """Where two packages swap rank along a constant.

    Attributes
    ----------
    name, unit : str
        Of the constant.
    first, second : Scenario
        The packages.
    reading : Reading
        The outcome and month by which they are ranked.
    draws : int
        Number of draws; 1 if nothing is drawn.
    start : float
        The model's own value of the constant.
    low, high : float
        The range read.
    crossings : tuple of float
        Values at which the median difference changes sign, rising; empty where the order holds over the whole range.
    table : pandas.DataFrame
        Every value read, in order: ``value, probability`` (share of draws in which ``first`` does better), ``median,
        low, high`` (of first less second, in ``unit``), ``first, second`` (medians), ``outcome, date, unit, caveat``.
    """

    name: str
    unit: str
    first: Scenario
    second: Scenario
    reading: Reading
    draws: int
    start: float
    low: float
    high: float
    crossings: tuple[float, ...]
    table: pd.DataFrame

    def sentences(self) -> list[str]:
        """Say the answer in sentences."""
        outcome = self.reading.outcome
        what = f"{outcome.title or outcome.name} in {words(self.reading.date)}"
        names = self.first.name, self.second.name
        rows = self.table.to_dict("records")
        ends = [float(rows[0]["probability"]), float(rows[-1]["probability"])]
        if not self.crossings:
            if float(np.abs(self.table["median"]).max()) == 0:
                return [f"{what}: the two are equal at every value of {self.name} read."]
            better, worse = names if ends[0] + ends[1] >= 1 else names[::-1]
            shares = [row["probability"] if better == names[0] else row["behind"] for row in rows]
            return [
                f"No swap: by {what}, {better} does better than {worse} at every value of {self.name} read from "
                f"{self.low:.4g} to {self.high:.4g} (in {100 * min(shares):.0f} to {100 * max(shares):.0f} % of draws)."
            ]
        said = []
        for place, value in enumerate(self.crossings):
            before = self._better_before(value)
            after = names[1 - names.index(before)]
            lead = "They swap at" if place == 0 else "And again at"
            said.append(
                f"{lead} {self.name} = {value:.4g} (the model has {self.start:.4g}): below it {before} does better by "
                f"{what}, above it {after}."
            )
        close = [row["value"] for row in rows if 0.1 < row["probability"] < 0.9]
        if self.draws > 1 and close:
            said.append(
                f"Between {min(close):.4g} and {max(close):.4g} the order isn't sure: there, the share of draws in "
                f"which {names[0]} does better lies between 10 and 90 %."
            )
        return said

    def _better_before(self, value: float) -> str:
        row = self.table[self.table["value"] < value].iloc[-1]
        gain = float(row["median"]) * (1 if self.reading.outcome.better == "higher" else -1)
        return self.first.name if gain > 0 else self.second.name


def swap(
    model: Any,
    first: Scenario,
    second: Scenario,
    name: str,
    reading: Reading,
    *,
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray],
    settings: Mapping[str, float] | None = None,
    between: tuple[float, float] | None = None,
    progress: Progress = silent,
    simulate: Simulate = run_model,
) -> Swap:
    """Find the values of a constant at which two scenarios swap rank by an outcome.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    first, second : Scenario
        What is ranked.
    name : str
        A constant that neither sets, or one element of it.
    reading : Reading
        An outcome that is better lower or higher, at a month.
    draws, settings, progress, simulate
        As for `flows.solve.solve`; draws of ``name`` are left out.
    between : (float, float), optional
        The range read; the declared one by default.

    Returns
    -------
    Swap

    Raises
    ------
    InputError
        No such constant, a scenario sets it, the outcome is better neither way, or a month outside the run.

    Notes
    -----
    The median over draws of the difference is read on thirteen values and halved where its sign changes, to 1/2000 of
    the range. An order that changes twice between two neighbours of the thirteen isn't seen.
    """
    if reading.outcome.better == "neither":
        raise InputError(
            f'"{reading.outcome.name}" is better neither lower nor higher, so it ranks nothing',
            where="--for",
            remedy="Name a backlog or an outcome of human cost",
        )
    key, item = find_constant(name, model)
    if item.name in model.levers:
        raise InputError(
            f'"{key}" is a lever, not an uncertain constant', where="--constant",
            remedy="Name a constant outside the group .Levers",
        )  # fmt: skip
    own = [{**scenario_inputs(s, model), **(settings or {})} for s in (first, second)]
    if not any(scenario.constants or scenario.entries for scenario in (first, second)):
        for inputs in own:
            refuse_before_levers([reading.date], inputs, model, where="--for")
    for scenario, inputs in zip((first, second), own, strict=True):
        if any(fold(parse_reference(k).name) == fold(item.name) for k in inputs):
            raise InputError(
                f'"{key}" is set by the scenario "{scenario.name}" or by --with',
                where="--constant",
                remedy="Name a constant that neither sets",
            )
    varied = vary(name, model, between, constants={})
    others = {k: v for k, v in (settings or {}).items() if parse_reference(k).name not in model.settable}
    free = free_draws(draws, [key, *own[0], *own[1]])
    course = Course(model, {}, others, free, simulate)
    constants = [
        {k: v for k, v in inputs.items() if parse_reference(k).name in model.settable} for inputs in own
    ]
    kept: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def read(values: Sequence[float]) -> None:
        new = [value for value in dict.fromkeys(values) if value not in kept]
        points = [{**one, key: value} for value in new for one in constants]
        if points:
            (found,) = course.read(points, [reading])
            kept.update({v: (found[2 * i], found[2 * i + 1]) for i, v in enumerate(new)})

    def sign(value: float) -> float:
        one, other = kept[value]
        return float(np.sign(np.median(one - other)))

    grid = np.linspace(varied.low, varied.high, GRID).tolist()
    steps = math.ceil(math.log2(FINE / (GRID - 1)))
    total = len(grid) + steps
    progress(0, total)
    read(grid)
    progress(len(grid), total)
    told = [value for value in grid if sign(value)]
    brackets = [(a, b) for a, b in itertools.pairwise(told) if sign(a) != sign(b)]
    for step in range(steps if brackets else 0):
        read([(a + b) / 2 for a, b in brackets])
        brackets = [(m, b) if sign(m := (a + b) / 2) == sign(a) else (a, m) for a, b in brackets]
        progress(len(grid) + step + 1, total)
    progress(total, total)
    return Swap(
        name=key,
        unit=varied.unit,
        first=first,
        second=second,
        reading=reading,
        draws=course.count,
        start=varied.start,
        low=varied.low,
        high=varied.high,
        crossings=tuple((a + b) / 2 for a, b in brackets),
        table=_table(kept, reading),
    )


def _table(
    kept: Mapping[float, tuple[NDArray[np.float64], NDArray[np.float64]]], reading: Reading
) -> pd.DataFrame:
    turn = 1.0 if reading.outcome.better == "higher" else -1.0
    rows = []
    for value in sorted(kept):
        one, other = kept[value]
        tiny = 1e-9 * float(np.abs([one, other]).max(initial=0.0))
        middle, low, high = np.quantile(one - other, _ENDS)
        rows.append(
            {
                "value": value,
                "probability": float((turn * (one - other) > tiny).mean()),
                "behind": float((turn * (one - other) < -tiny).mean()),
                "median": float(middle),
                "low": float(low),
                "high": float(high),
                "first": float(np.median(one)),
                "second": float(np.median(other)),
                "outcome": reading.outcome.name,
                "date": reading.date,
                "unit": reading.outcome.unit,
                "caveat": CAVEAT,
            }
        )
    return pd.DataFrame(rows)
