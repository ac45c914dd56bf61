"""Tests of structure: units, where flows begin and end, people conserved by origin, the boundary, stocks above zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from flows.ensemble import simulate
from flows.errors import InputError
from flows.inputs.boundary import Boundary
from flows.model.check import conservation_findings, unit_findings
from flows.model.ir import LookupCall, Ref, walk
from flows.model.model import Model

__all__ = [
    "OF_MEXICANS",
    "Extent",
    "below_zero",
    "extent",
    "imbalance",
    "misplaced_flows",
    "unit_findings",
]

ROUNDING = 1e-9
OF_MEXICANS = ("internally displaced people", "people newly displaced", "displaced people settling")
"""Stocks and flows without a subscript that hold people of one origin, Mexico: violence displaces them at home."""

PEOPLE, FILES = "Person", "Case"
_FILES = "Files"  # the cloud of files in clouds.toml


def _ends(boundary: Boundary, *, files: bool) -> dict[str, list[str]]:
    """Flows that come from a cloud and flows that end in one, of people or of files."""
    clouds = [cloud for name, cloud in boundary.clouds.items() if (name == _FILES) == files]
    return {
        "in": [flow for cloud in clouds for flow in cloud.out],
        "out": [flow for cloud in clouds for flow in cloud.into],
    }


def misplaced_flows(model: Model, boundary: Boundary) -> list[str]:
    """List flows of people and files that don't leave one stock or named cloud and enter one.

    Parameters
    ----------
    model : Model
    boundary : Boundary
        Names the clouds.

    Returns
    -------
    list of str
        One sentence each; empty if all flows have two ends.
    """
    found = []
    for unit, files in ((PEOPLE, False), (FILES, True)):
        for finding in conservation_findings(model, unit=unit, boundary=_ends(boundary, files=files)):
            found.append(f"{finding.what} ({finding.where})")
    return found


def imbalance(
    model: Model,
    boundary: Boundary,
    inputs: Mapping[str, Any] | None = None,
    *,
    threads: int | None = None,
) -> xr.DataArray:
    """Add up the people of each origin over a whole run: what came, less what left, less the change of all stocks.

    Parameters
    ----------
    model : Model
    boundary : Boundary
        Names the clouds that people come from and go to.
    inputs : mapping, optional
        As `flows.simulate` takes them; each run is kept at every step, so take some at a time.
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    xarray.DataArray
        Over the inputs' dimensions and ``who``, the elements of the range of all origins: the difference as a share of
        the people who came; zero but for rounding if people are conserved (Sterman 2000, ch. 21).

    Raises
    ------
    InputError
        If a stock or flow of people has a subscript that is no part of the range of all origins.
    """
    origins = [str(e) for e in cast(tuple[str, ...], model.subscripts["origin"].value)]
    stocks = [s.name for s in model.stocks if s.units == PEOPLE and (s.subscripts or s.name in OF_MEXICANS)]
    scalar = {f.name for f in model.flows if not f.subscripts} - set(OF_MEXICANS)
    ends = _ends(boundary, files=False)
    enter, leave = ([f for f in ends[side] if f not in scalar] for side in ("in", "out"))
    step = model.control.time_step
    run = simulate(model, inputs, outcomes=[*stocks, *enter, *leave], save_every=step, threads=threads)

    def total(names: Iterable[str]) -> xr.DataArray:
        parts = [_by_origin(run[name], origins) for name in names]
        parts = [p if "time" in p.dims else p.expand_dims(time=run["time"]) for p in parts]  # constant flows
        return sum(parts[1:], parts[0])

    def moved(names: Iterable[str]) -> xr.DataArray:
        return total(names).isel(time=slice(None, -1)).sum("time") * step

    people = total(stocks)
    came = moved(enter)
    change = people.isel(time=-1, drop=True) - people.isel(time=0, drop=True)
    return abs(came - moved(leave) - change) / came


def _by_origin(values: xr.DataArray, origins: Sequence[str]) -> xr.DataArray:
    """Values of all origins, zero where a variable concerns some of them only."""
    own = [d for d in values.dims if d in values.coords and set(map(str, values[d].values)) <= set(origins)]
    if len(own) == 1:
        return values.rename({own[0]: "who"}).reindex(who=list(origins), fill_value=0.0)
    if values.name in OF_MEXICANS:
        return values.expand_dims(who=["Mexico"]).reindex(who=list(origins), fill_value=0.0)
    raise InputError(f'"{values.name}" holds people of no origin', expected="a subscript of the range origin")


def below_zero(model: Model, run: xr.Dataset) -> dict[str, float]:
    """Find stocks that fall below zero in a result, or are no number.

    Parameters
    ----------
    model : Model
    run : xarray.Dataset
        Holds the stocks of the model.

    Returns
    -------
    dict of str to float
        Lowest value by stock, of those that fall below zero by more than rounding against the highest value.
    """
    found = {}
    for stock in model.stocks:
        values = run[stock.name].values
        lowest = float(values.min())
        if not np.isfinite(values).all():
            found[stock.name] = float("nan")
        elif lowest < -ROUNDING * max(float(values.max()), 0.0):
            found[stock.name] = lowest
    return found


@dataclass(frozen=True)
class Extent:
    """What a model explains, takes as given and leaves out (boundary adequacy; Sterman 2000, ch. 3 and 21).

    Attributes
    ----------
    stocks, flows, auxiliaries : int
        Variables that follow from equations.
    constants : int
    series : tuple of str
        Lookups read at model time: courses that are put in.
    effects : int
        Other lookups.
    """

    stocks: int
    flows: int
    auxiliaries: int
    constants: int
    series: tuple[str, ...]
    effects: int


def extent(model: Model, clock: Sequence[str] = ("time", "policy clock")) -> Extent:
    """Count what is inside a model, and list the series that are put in.

    Parameters
    ----------
    model : Model
    clock : sequence of str
        Names of what counts as time when a lookup is read at it.
    """
    dated = {
        node.table.name
        for variable in model.variables.values()
        for equation in variable.equations
        for expr in (equation.expr, equation.initial)
        if expr is not None
        for node in walk(expr)
        if isinstance(node, LookupCall) and isinstance(node.argument, Ref) and node.argument.name in clock
    }
    lookups = {model.variable(item.name).name: item.name for item in model.lookups}
    series = tuple(spelling for name, spelling in lookups.items() if name in dated)
    return Extent(
        stocks=len(model.stocks),
        flows=len(model.flows),
        auxiliaries=len(model.auxiliaries),
        constants=len(model.constants),
        series=series,
        effects=len(lookups) - len(series),
    )
