"""Two levers at once: where on a grid of their values a target is met, and the frontier between."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare import BASELINE, CAVEAT, refuse_before_levers
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.errors import InputError
from flows.inputs import Scenario, read_scenario, scenario_inputs
from flows.pace import Progress, silent
from flows.references import fold
from flows.solve.course import Varied, course_of, find_constant, vary
from flows.solve.target import Target, rank_needed

DOWN, ACROSS = 13, 7
"""Values of the lever looked for, and of the other one."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Shares of draws that meet a target, over two levers.

    Attributes
    ----------
    names, units : tuple of str
        Of the lever looked for and of the other one.
    target : Target
        What was asked for.
    probability : float
        Share of draws that has to meet it.
    draws : int
        Number of draws; 1 if nothing is drawn.
    starts : tuple of float
        Their values in the scenario.
    shares : xarray.DataArray
        Share of draws that meets the target, over the two names as dimensions.
    frontier : pandas.DataFrame
        For each value of the other lever: ``other, value`` (of the lever looked for, nearest to its start, that meets
        the target in the stated share of draws; not a number where none on the grid does), ``met`` (whether the start
        does).
    table : pandas.DataFrame
        Every point: the two names, ``probability, median, bound, unit, target, caveat``.
    """

    names: tuple[str, str]
    units: tuple[str, str]
    target: Target
    probability: float
    draws: int
    starts: tuple[float, float]
    shares: xr.DataArray
    frontier: pd.DataFrame
    table: pd.DataFrame

    def sentences(self) -> list[str]:
        """Say the answer in a sentence for each value of the other lever."""
        said = []
        for row in self.frontier.to_dict("records"):
            other = f"{self.names[1]} = {row['other']:.4g}"
            if row["met"]:
                said.append(f"{other}: met already at {self.names[0]} = {self.starts[0]:.4g}.")
            elif math.isfinite(row["value"]):
                said.append(f"{other}: met from {self.names[0]} = {row['value']:.3g} on.")
            else:
                ends = self.shares[self.names[0]].values
                said.append(f"{other}: not met by any value read from {ends[0]:.4g} to {ends[-1]:.4g}.")
        return said


def grid(
    model: Any,
    name: str,
    other: str,
    target: Target,
    *,
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray],
    probability: float = 0.8,
    scenario: str | Path | Scenario = BASELINE,
    settings: Mapping[str, float] | None = None,
    between: tuple[float, float] | None = None,
    other_between: tuple[float, float] | None = None,
    progress: Progress = silent,
    simulate: Simulate = run_model,
) -> Grid:
    """Read a target on a grid of two levers or constants.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    name, other : str
        The lever looked for, and the other one; constants too, or one element of them.
    target : Target
        As `read_target` returns it.
    draws, probability, scenario, settings, simulate
        As for `flows.solve.solve`.
    between, other_between : (float, float), optional
        The ranges; the declared ones by default.
    progress : callable
        Called with (points read, points in all).

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        No such constant, the same one twice, no range to search, or a month outside the run.

    Notes
    -----
    Thirteen values by seven. Between two neighbours of the thirteen the margin by which the stated share of draws meets
    the target is taken to be straight.
    """
    base = read_scenario(scenario)
    key, second = (find_constant(one, model)[0] for one in (name, other))
    if fold(key) == fold(second):
        raise InputError(f'"{key}" is named twice', where="--grid", remedy="Name another lever")
    inputs = {**scenario_inputs(base, model), **(settings or {})}
    if all(find_constant(one, model)[1].name in model.levers for one in (name, other)):
        refuse_before_levers((one.date for one in target.readings), inputs, model, where="--for")
    course = course_of(model, inputs, draws=draws, varied=[key, second], simulate=simulate)
    rank = rank_needed(probability, course.count)
    axes = (
        vary(name, model, between, constants=course.constants),
        vary(other, model, other_between, constants=course.constants, where="--grid"),
    )
    down, across = (_values(axis, count) for axis, count in zip(axes, (DOWN, ACROSS), strict=True))
    shares = np.zeros((len(down), len(across)))
    margins = np.zeros_like(shares)
    rows = []
    progress(0, shares.size)
    for column, value in enumerate(across.tolist()):
        sides = course.read([{key: one, second: value} for one in down.tolist()], target.readings)
        for place, one in enumerate(down.tolist()):
            reading, bound, margin = target.margin([side[place] for side in sides])
            shares[place, column] = float(target.met(margin).mean())
            margins[place, column] = float(np.sort(margin)[rank])
            rows.append(
                {
                    key: one,
                    second: value,
                    "probability": shares[place, column],
                    "median": float(np.median(reading)),
                    "bound": float(np.median(bound)),
                    "unit": target.left.outcome.unit,
                    "target": str(target),
                    "caveat": CAVEAT,
                }
            )
        progress((column + 1) * len(down), shares.size)
    frontier = [
        {"other": value, **_edge(down, margins[:, column], axes[0].start, target)}
        for column, value in enumerate(across.tolist())
    ]
    return Grid(
        names=(key, second),
        units=(axes[0].unit, axes[1].unit),
        target=target,
        probability=probability,
        draws=course.count,
        starts=(axes[0].start, axes[1].start),
        shares=xr.DataArray(
            shares, dims=(key, second), coords={key: down, second: across}, name="probability"
        ),
        frontier=pd.DataFrame(frontier),
        table=pd.DataFrame(rows),
    )


def _values(axis: Varied, count: int) -> NDArray[np.float64]:
    """Evenly spaced values, and the start where it lies among them."""
    inside = [axis.start] if axis.low <= axis.start <= axis.high else []
    return np.unique([*np.linspace(axis.low, axis.high, count), *inside])


def _edge(
    values: NDArray[np.float64], margins: NDArray[np.float64], start: float, target: Target
) -> dict[str, Any]:
    """The value nearest to the start at which the margin reaches zero, straight between neighbours."""
    held = target.met(margins)
    here = int(np.argmin(np.abs(values - start)))
    if held[here]:
        return {"value": float("nan"), "met": True}
    found = []
    for a, b in itertools.pairwise(range(len(values))):
        if held[a] != held[b]:
            share = margins[a] / (margins[a] - margins[b])
            found.append(float(values[a] + share * (values[b] - values[a])))
    return {"value": min(found, key=lambda v: abs(v - start), default=float("nan")), "met": False}
