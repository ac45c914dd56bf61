"""What all runs behind an answer share, and the lever or constant whose values they differ by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.compare import count_draws, end_within, free_draws, level, outcome_values, stacked_inputs
from flows.ensemble import Simulate
from flows.errors import InputError
from flows.inputs import parse_reference
from flows.inputs.bounds import constant_of, element_key, limits, position_of, range_text
from flows.solve.target import Reading

AT_ONCE = 2048
"""Runs in one call of the engine, which bounds the memory."""


@dataclass(frozen=True)
class Varied:
    """A lever or another constant, or one element of it, and the range over which its values are read.

    Attributes
    ----------
    name, unit : str
        Its text form, and its unit.
    start : float
        Its value in the scenario, or the model's own.
    low, high : float
        The ends of the range.
    """

    name: str
    unit: str
    start: float
    low: float
    high: float


def vary(
    name: str,
    model: Any,
    between: tuple[float, float] | None,
    *,
    constants: Mapping[str, float],
    where: str = "--between",
) -> Varied:
    """Find the lever or constant that a name stands for, and the range to read it over.

    Parameters
    ----------
    name : str
        Of a constant, or of one element of it.
    model : flows.Model
        That has it.
    between : (float, float) or None
        The range; the declared one if None.
    constants : mapping of str to float
        What a scenario and settings set.
    where : str
        The option that the range comes from, for errors.

    Raises
    ------
    InputError
        No such constant, several values under one name, or no range to search.
    """
    key, item = find_constant(name, model)
    low, high = search_range(key, item, between, where)
    start = constants[key] if key in constants else own_value(key, item, model)
    return Varied(key, str(item.units or "Dmnl"), start, low, high)


@dataclass(frozen=True, eq=False)
class Course:
    """What all runs share: what is set, what is drawn, and what runs them.

    Attributes
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    constants : mapping of str to float
        Those that are set, by text form.
    others : mapping of str to float
        Initial values and control variables that are set.
    free : mapping of str to DataArray over draw
        Draws of uncertain constants that are not set.
    simulate : callable
        As `flows.simulate`.
    """

    model: Any
    constants: Mapping[str, float]
    others: Mapping[str, float]
    free: Mapping[str, xr.DataArray]
    simulate: Simulate

    @property
    def count(self) -> int:
        """Number of draws; 1 if nothing is drawn."""
        return count_draws(self.free) or 1

    def read(
        self, points: Sequence[Mapping[str, float]], readings: Sequence[Reading]
    ) -> list[NDArray[np.float64]]:
        """Run the model at points, which add constants to those that are set, and read outcomes there.

        Returns
        -------
        list of array, shape (points, draws)
            One for each reading.

        Raises
        ------
        InputError
            A month lies outside the run.
        ResultError
            An outcome is not a finite number.
        """
        ends = [end_within(reading.date, self.model) for reading in readings]
        outcomes = list({reading.outcome.name: reading.outcome for reading in readings}.values())
        needed = list(dict.fromkeys(variable for outcome in outcomes for variable in outcome.variables))
        sides: list[list[NDArray[np.float64]]] = [[] for _ in readings]
        step = max(1, AT_ONCE // self.count)
        for start in range(0, len(points), step):
            some = [{**self.constants, **point} for point in points[start : start + step]]
            names = [f"point {start + place}" for place in range(len(some))]
            inputs = {**stacked_inputs(some, names, self.model), **self.others, **self.free}
            dataset = self.simulate(self.model, inputs, outcomes=needed, save_every=1, until=max(ends))
            if "scenario" not in dataset.dims:  # nothing asked for depends on it
                dataset = dataset.expand_dims(scenario=names)
            found = outcome_values(outcomes, dataset)
            for side, reading, end in zip(sides, readings, ends, strict=True):
                at = level(found[reading.outcome.name], reading.outcome.unit, end).transpose("scenario", ...)
                side.append(np.broadcast_to(at.values.reshape(len(at), -1), (len(some), self.count)))
        return [np.concatenate(side) for side in sides]


def course_of(
    model: Any,
    inputs: Mapping[str, float],
    *,
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray],
    varied: Sequence[str],
    simulate: Simulate,
) -> Course:
    """Tell constants from what else is set, and leave draws of what is set or varied out."""
    constants = {k: v for k, v in inputs.items() if parse_reference(k).name in model.settable}
    others = {k: v for k, v in inputs.items() if k not in constants}
    return Course(model, constants, others, free_draws(draws, [*varied, *inputs]), simulate)


def find_constant(name: str, model: Any) -> tuple[str, Any]:
    """Find the constant, one number of it, that a name stands for."""
    reference = parse_reference(name)
    item = constant_of(reference, model, "", kind="lever or constant")
    return element_key(reference, item, model, name), item


def own_value(key: str, item: Any, model: Any) -> float:
    """Read the model's own value; the mean of the elements of a whole constant would be no value of any."""
    values = np.asarray(item.value, dtype=float)
    reference = parse_reference(key)
    if reference.elements:
        return float(values[position_of(reference, item, model, key)])
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
