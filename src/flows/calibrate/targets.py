"""Observed series beside their counterparts: which values are compared, and by how much a run misses them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows import observations
from flows.calendar import month_index, time_at_end
from flows.errors import InputError, near
from flows.inputs.calibration import Calibration, Series
from flows.references import Expression, Reference, fold
from flows.units import is_rate

Array = NDArray[np.float64]


class Recorded:
    """The variables of a dataset without their labels: many series are taken of one run, and labels cost time.

    Parameters
    ----------
    dataset : xarray.Dataset
        Over ``draw`` (or without it), subscripts and ``time``.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self.times = np.asarray(dataset["time"].values, dtype=np.float64)
        self._dataset = dataset
        self._names = {fold(str(name)): str(name) for name in dataset.data_vars}
        self._arrays: dict[str, tuple[Array, list[dict[str, int]], str]] = {}

    def take(self, reference: Reference, where: str) -> tuple[Array, str]:
        """Give an element's values, shape (draws, times), and their unit."""
        whole = self._names.get(fold(reference.key))
        name = whole or self._names.get(fold(reference.name))
        if name is None:
            raise InputError(
                f'the run has no "{reference.key}"', where=where, remedy=near(reference.name, self._names)
            )
        if name not in self._arrays:
            self._arrays[name] = self._load(name)
        values, elements, units = self._arrays[name]
        picks = (
            ()
            if whole
            else tuple(known[fold(e)] for known, e in zip(elements, reference.elements, strict=True))
        )
        place: tuple[slice | int, ...] = (slice(None), *picks)
        return values[place], units

    def _load(self, name: str) -> tuple[Array, list[dict[str, int]], str]:
        array = self._dataset[name]
        if "draw" not in array.dims:
            array = array.expand_dims("draw")
        if "time" not in array.dims:
            array = array.expand_dims({"time": len(self.times)})
        own = [str(d) for d in array.dims if d not in ("draw", "time")]
        elements = [{fold(str(e)): i for i, e in enumerate(array[d].values)} for d in own]
        values = np.asarray(array.transpose("draw", *own, "time").values, dtype=np.float64)
        return values, elements, str(array.attrs.get("units", ""))


@dataclass(frozen=True, eq=False)
class Target:
    """The values of one series that are compared.

    Attributes
    ----------
    series : Series
        As the calibration file declares it.
    starts, ends : array, shape (n,)
        Model time at which each value's span begins and ends; the same for an instant.
    periods : tuple of (pandas.Timestamp, pandas.Timestamp)
        First and last day of each span.
    observed : array, shape (n,)
        In the unit of the series.
    sources : tuple of str
        Titles of the sources.
    """

    series: Series
    starts: Array
    ends: Array
    periods: tuple[tuple[pd.Timestamp, pd.Timestamp], ...]
    observed: Array
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """The series' name in the calibration file."""
        return self.series.name

    @property
    def times(self) -> Array:
        """The middle of each span in model time: where its error stands in the autocorrelated discrepancy."""
        return (self.starts + self.ends) / 2

    @cached_property
    def expression(self) -> Expression:
        """The counterpart, as an expression over variables of the model."""
        return Expression.parse(self.series.expression, where=f'{self.series.where}, key "expression"')

    def modelled(self, dataset: xr.Dataset) -> Array:
        """Compute the counterpart of each value.

        Parameters
        ----------
        dataset : xarray.Dataset
            Holds the variables of the expression, over ``draw`` (or without it) and ``time``.

        Returns
        -------
        array, shape (draws, n)
            A rate is summed over the span (trapezoids between saved times), a stock read at its end.
        """
        return self.of_recorded(Recorded(dataset))

    def of_recorded(self, recorded: Recorded) -> Array:
        """Compute the counterpart of each value; shape (draws, n)."""
        taken = {
            reference: values @ self._weights(recorded.times, units)
            for reference in self.expression.references
            for values, units in (recorded.take(reference, self.series.where),)
        }
        with np.errstate(all="ignore"):
            value = self.expression.evaluate(lambda reference: taken[reference])
        return np.asarray(value, dtype=np.float64)

    def _weights(self, times: Array, units: str) -> Array:
        rate = is_rate(units)
        key = (len(times), float(times[0]), float(times[-1]), rate)
        found = self._cache.get(key)
        if found is None:
            found = (
                _integrals(times, self.ends) - _integrals(times, self.starts)
                if rate
                else _readings(times, self.ends)
            )
            self._cache[key] = found
        return found

    @cached_property
    def _cache(self) -> dict[tuple[int, float, float, bool], Array]:
        return {}

    def residuals(self, modelled: Array) -> Array:
        """Compute by how much values miss the observed ones.

        Parameters
        ----------
        modelled : array, shape (…, n)

        Returns
        -------
        array, same shape
            log((modelled + floor) / (observed + floor)), or (modelled - observed) / scale.
        """
        if self.series.error == "linear":
            return np.asarray((modelled - self.observed) / self.series.scale)
        floor = self.series.floor
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log((modelled + floor) / (self.observed + floor)))

    def observable(self, modelled: Array, errors: Array) -> Array:
        """Add errors to what the model gives: values as they would be observed.

        Parameters
        ----------
        modelled : array, shape (…, n)
        errors : array, same shape
            On the scale of `residuals`.

        Returns
        -------
        array, same shape
            (modelled + floor) exp(errors) - floor, not below zero; or modelled + scale errors.
        """
        if self.series.error == "linear":
            return np.asarray(modelled + self.series.scale * errors)
        return np.maximum((modelled + self.series.floor) * np.exp(errors) - self.series.floor, 0.0)

    def part(self, keep: NDArray[np.bool_]) -> Target:
        """Some of the values."""
        rows = np.flatnonzero(keep)
        return Target(
            self.series,
            self.starts[rows],
            self.ends[rows],
            tuple(self.periods[i] for i in rows),
            self.observed[rows],
            tuple(self.sources[i] for i in rows),
        )


@dataclass(frozen=True, eq=False)
class Targets:
    """The series of a calibration between two times, and the variables that a run has to record for them.

    Attributes
    ----------
    all : tuple of Target
        Series with at least one value there, in the order of the file.
    """

    all: tuple[Target, ...]

    @cached_property
    def fitted(self) -> tuple[Target, ...]:
        """Those that enter the likelihood."""
        return tuple(target for target in self.all if target.series.role == "fit")

    def named(self, name: str) -> Target:
        """The one of a name."""
        for target in self.all:
            if fold(target.name) == fold(name):
                return target
        raise InputError(
            f'the calibration has no series "{name}"', remedy=near(name, [target.name for target in self.all])
        )

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The variables that their expressions need."""
        return tuple(
            dict.fromkeys(reference.name for target in self.all for reference in target.expression.references)
        )


def targets(
    calibration: Calibration, model: Any = None, *, after: str | None = None, until: str | None = None
) -> Targets:
    """Find the observed values of each series.

    Parameters
    ----------
    calibration : Calibration
        As read.
    model : flows.Model, optional
        Whose variables the expressions have to name.
    after : str, optional
        A month; only values whose span begins after it.
    until : str, optional
        A month; only values whose span ends with it or before. Default: ``calibration.fit_until``.

    Returns
    -------
    Targets
        Series without a value in that time are left out.

    Raises
    ------
    InputError
        If a series or variable doesn't exist, a span has two values, or a logarithm has nothing to work on.
    """
    until = until or calibration.fit_until
    found = []
    for series in calibration.series:
        if model is not None:
            _check_variables(series, model)
        target = _target(series, after, until)
        if len(target.observed):
            found.append(target)
    return Targets(tuple(found))


def _check_variables(series: Series, model: Any) -> None:
    from flows.ensemble import reference

    where = f'{series.where}, key "expression"'
    for one in Expression.parse(series.expression, where=where).references:
        reference(model, one.key, where=where)


def _target(series: Series, after: str | None, until: str) -> Target:
    low = max(
        month_index(after) + 1.0 if after else -np.inf,
        float(month_index(series.first)) if series.first else -np.inf,
    )
    high = min(time_at_end(until), time_at_end(series.last) if series.last else np.inf)
    where = f'{series.where}, key "series"'
    rows: dict[tuple[pd.Timestamp, pd.Timestamp], observations.Span] = {}
    for span in observations.spans(series.series):
        end = observations.time_of(span.period_end, end=True)
        start = end if span.period_type == "instant" else observations.time_of(span.period_start)
        if span.period_type != series.span or start < max(low, 0.0) - 1e-9 or end > high + 1e-9:
            continue
        if not np.isfinite(span.value):
            continue
        key = (span.period_start, span.period_end)
        if key in rows and rows[key].value != span.value:
            raise InputError(
                "one span has two observed values",
                where=where,
                found=f"{rows[key].value:g} and {span.value:g} from {span.period_start:%Y-%m-%d} on",
                remedy="Name a series with one source for each span",
            )
        rows[key] = span
        if series.error == "log" and span.value + series.floor <= 0:
            raise InputError(
                "an observed value has no logarithm",
                where=where,
                found=f"{span.value:g} from {span.period_start:%Y-%m-%d} on",
                remedy='Set "floor", which is added to both sides',
            )
    spans = list(rows.values())
    ends = np.array([observations.time_of(s.period_end, end=True) for s in spans])
    starts = np.array(
        [
            observations.time_of(s.period_end, end=True)
            if s.period_type == "instant"
            else observations.time_of(s.period_start)
            for s in spans
        ]
    )
    return Target(
        series,
        starts,
        ends,
        tuple((s.period_start, s.period_end) for s in spans),
        np.array([s.value for s in spans], dtype=np.float64),
        tuple(s.source for s in spans),
    )


def _integrals(times: Array, at: Array) -> Array:
    """Weights, shape (times, n), whose product with values is their integral from the first time to each of `at`."""
    weights = np.zeros((len(times), len(at)))
    for column, end in enumerate(at):
        last = int(np.searchsorted(times, end + 1e-9, side="right")) - 1
        steps = np.diff(times[: last + 1])
        weights[:last, column] += steps / 2
        weights[1 : last + 1, column] += steps / 2
        rest = end - times[last]
        if rest > 1e-9:
            if last + 1 >= len(times):
                raise InputError(
                    "the run ends before the observed span", found=f"{times[-1]:g}", expected=f"{end:g}"
                )
            share = rest / (times[last + 1] - times[last])
            weights[last, column] += rest * (1 - share / 2)
            weights[last + 1, column] += rest * share / 2
    return weights


def _readings(times: Array, at: Array) -> Array:
    """Weights, shape (times, n), whose product with values reads them at each of `at`."""
    if len(at) and at[-1] > times[-1] + 1e-9:
        raise InputError(
            "the run ends before the observed span", found=f"{times[-1]:g}", expected=f"{at[-1]:g}"
        )
    weights = np.zeros((len(times), len(at)))
    for column, end in enumerate(at):
        right = int(np.clip(np.searchsorted(times, end - 1e-9), 1, len(times) - 1))
        share = (end - times[right - 1]) / (times[right] - times[right - 1])
        weights[right - 1, column] += 1 - share
        weights[right, column] += share
    return weights
