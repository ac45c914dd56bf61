"""Extreme conditions of every sector: run together, each held against what must follow."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.ensemble import NonFiniteWarning, simulate
from flows.errors import InputError, near
from flows.inputs import Condition, Follows
from flows.inputs.scenarios import PHASE_IN, POLICY_START
from flows.model.model import Model
from flows.pace import Progress, silent

__all__ = ["Outcome", "run_conditions", "settings"]

SWITCHES = "switch for"
"""Stands for every constant whose name begins so."""

ROUNDING = 1e-9  # of the largest value of the run
_EQUAL = 1e-6
_PIECE = 16

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: abs(a - b) <= _EQUAL * max(1.0, abs(b)),
    "<": operator.lt,
    ">": operator.gt,
    "<=": lambda a, b: a <= b * (1 + ROUNDING),
    ">=": lambda a, b: a >= b - ROUNDING,
}


@dataclass(frozen=True)
class Outcome:
    """What came of a condition.

    Attributes
    ----------
    condition : Condition
    failed : tuple of (str, str)
        Statements that don't hold, each with what was found.
    stocks : tuple of (str, str)
        Stocks that are no number or fall below zero, each with what was found.
    """

    condition: Condition
    failed: tuple[tuple[str, str], ...]
    stocks: tuple[tuple[str, str], ...]

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return not (self.failed or self.stocks)


def settings(model: Model, condition: Condition) -> dict[str, xr.DataArray]:
    """Give a condition as inputs of `flows.simulate`.

    Parameters
    ----------
    model : Model
    condition : Condition

    Returns
    -------
    dict of str to xarray.DataArray
        Constants over their subscripts; lookups over their own ``x``, so that conditions can be run side by side.

    Raises
    ------
    InputError
        If the model has no such constant or lookup.
    """
    chosen: dict[str, float] = {}
    if condition.from_2013:
        chosen |= {POLICY_START: float(model.control.initial_time), PHASE_IN: float(model.control.time_step)}
    for name, value in condition.set.items():
        if name == SWITCHES:
            chosen |= {c.name: value for c in model.constants if c.name.startswith(SWITCHES)}
        else:
            chosen[name] = value
    found = {}
    for name, value in chosen.items():
        if name in model.constants:
            item = model.constants[name]
            shape = np.shape(np.asarray(item.value))
            found[item.name] = xr.DataArray(np.full(shape, value), dims=item.subscripts)
        elif name in model.lookups and not model.lookups[name].subscripts:
            item = model.lookups[name]
            x = _points(model, name)[0]
            found[item.name] = xr.DataArray(np.full(x.size, value), dims="x", coords={"x": x})
        else:
            names = (*model.constants.names, *model.lookups.names)
            raise InputError(
                f'no constant or lookup "{name}" in the model',
                where=condition.where,
                remedy=near(name, names),
            )
    return found


def run_conditions(
    model: Model,
    conditions: Sequence[Condition],
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> tuple[Outcome, ...]:
    """Run each condition to the end of the model's time and judge it.

    Parameters
    ----------
    model : Model
    conditions : sequence of Condition
    threads : int, optional
        As in `flows.simulate`.
    progress : callable
        Called with runs done and runs in all.

    Returns
    -------
    tuple of Outcome
        In the order given.

    Raises
    ------
    InputError
        If a condition names what the model lacks; file and row are named.
    """
    for condition in conditions:
        for statement in condition.statements:
            model.variable(statement.variable, where=condition.where)
    stocks = list(model.stocks.names)
    named = {model.variable(s.variable).spelling for c in conditions for s in c.statements}
    wanted = list(dict.fromkeys([*stocks, *sorted(named)]))
    base = simulate(model, outcomes=wanted, threads=threads)
    found: list[Outcome] = []
    for first in range(0, len(conditions), _PIECE):
        piece = conditions[first : first + _PIECE]
        inputs = _stacked(model, [settings(model, condition) for condition in piece])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NonFiniteWarning)  # reported as a finding
            runs = simulate(model, inputs, outcomes=wanted, threads=threads)
        for place, condition in enumerate(piece):
            run = runs.isel(scenario=place) if "scenario" in runs.dims else runs
            found.append(_judge(model, condition, run, base, stocks))
        progress(len(found), len(conditions))
    return tuple(found)


def _stacked(model: Model, runs: Sequence[Mapping[str, xr.DataArray]]) -> dict[str, xr.DataArray]:
    """Inputs of several runs as one, the model's own values where a run sets nothing."""
    names = dict.fromkeys(name for run in runs for name in run)
    made = {}
    for name in names:
        template = next(run[name] for run in runs if name in run)
        if name in model.constants:
            own = template.copy(data=np.asarray(model.constants[name].value, dtype=float))
        else:
            own = template.copy(data=_points(model, name)[1])
        made[name] = xr.concat([run.get(name, own) for run in runs], dim="scenario")
    return made


def _points(model: Model, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return cast(tuple[NDArray[np.float64], NDArray[np.float64]], model.lookups[name].value)


def _judge(
    model: Model, condition: Condition, run: xr.Dataset, base: xr.Dataset, stocks: Iterable[str]
) -> Outcome:
    bad = []
    for name in stocks:
        values = run[name].values
        if not np.isfinite(values).all():
            bad.append((name, "no number"))
        elif values.min() < -ROUNDING * max(float(values.max()), 0.0):
            bad.append((name, f"falls to {values.min():.6g}"))
    failed = []
    for statement in condition.statements:
        name = model.variable(statement.variable).spelling
        holds, words = _holds(statement, _sum(run[name]), _sum(base[name]))
        if not holds:
            failed.append((statement.text, words))
    return Outcome(condition, tuple(failed), tuple(bad))


def _sum(values: xr.DataArray) -> NDArray[np.float64]:
    """Sum over elements, by saved month."""
    return np.asarray(values.sum([d for d in values.dims if d != "time"], skipna=False).values, dtype=float)


def _holds(statement: Follows, values: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[bool, str]:
    times = slice(None) if statement.always else slice(-12, None)
    bound = statement.number * float(base[times].mean()) if statement.base else statement.number
    found = values if statement.always else np.array([values[times].mean()])
    relation = _RELATIONS[statement.relation]
    holds = all(relation(float(value), bound) for value in found)
    return holds, f"{found.min():.6g} to {found.max():.6g} against {bound:.6g}"
