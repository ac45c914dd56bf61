"""From courses over time to numbers at dates: levels, totals, means, and when a backlog has halved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import resources
from flows.calendar import label as month_label
from flows.calendar import month_of, time_at_end
from flows.errors import InputError, ResultError
from flows.inputs import Outcome, read_outcomes
from flows.references import at_time, fold, strict_month
from flows.units import is_rate

HUMAN_COST = ("exposure index", "person months waiting", "people waiting in Mexico", "onward movement")
"""Outcomes that stand beside every other one, by name; those that the model has."""

BACKLOGS = ("COMAR cases of people waiting", "COMAR pending cases", "COMAR wait", "court cases pending")
"""Outcomes that packages aim at beside those of human cost, by name; those that the model has."""

HALVED = (
    "people waiting in Mexico",
    "COMAR cases of people waiting",
    "COMAR pending cases",
    "court cases pending",
    "consular case backlog",
)
"""Backlogs whose halving is dated, by name; those that the model has."""

MOST = 1e12
"""People, files or events, in a stock or per month, beyond which a number makes no sense."""

AT_END, LAST_YEAR = "at the end of the month", "mean of the twelve months to then"
TOTAL, MEAN = "total since the policy start", "mean since the policy start"
IN_YEAR = "in that year"
LEVELS = (AT_END, LAST_YEAR, IN_YEAR)
_LAST_YEAR = 12.0  # months over which a rate is averaged

Measures = Mapping[tuple[str, str, str], xr.DataArray]
"""Numbers over (scenario, draw) or scenario, by outcome, date and measure."""


def level(values: xr.DataArray, unit: str, end: float) -> xr.DataArray:
    """Read an outcome at a time by the rule of every table: a rate as the mean of the twelve months to then.

    Parameters
    ----------
    values : xarray.DataArray
        Over ``time`` (months), last, and any further dimensions.
    unit : str
        Of the outcome; what ends in ``/Month`` is a rate.
    end : float
        Model time.

    Returns
    -------
    xarray.DataArray
        Without ``time``; what is no rate is read at ``end`` itself.
    """
    if not is_rate(unit):
        read: xr.DataArray = at_time(values, end)
        return read
    times = np.asarray(values["time"].values, dtype=float)
    mean = _mean(_running_integral(values.values, times), times, max(end - _LAST_YEAR, times[0]), end)
    lead = values.isel(time=-1, drop=True).drop_vars("date", errors="ignore")
    return lead.copy(data=mean)


def outcomes_of(model: Any, path: str | Path | None = None) -> tuple[Outcome, ...]:
    """Read the outcomes whose variables a model has.

    Parameters
    ----------
    model : flows.Model
        The model.
    path : path, optional
        An outcomes file; the shipped one by default, or ``models/outcomes.NAME.toml`` for a shipped model of
        another name than the migration model's.

    Returns
    -------
    tuple of Outcome
    """
    known = {fold(name) for name in model.names}
    if path is None and (own := resources.root() / "models" / f"outcomes.{model.name}.toml").is_file():
        path = own
    return tuple(o for o in read_outcomes(path) if all(fold(r.name) in known for r in o.references))


def outcome_values(outcomes: Sequence[Outcome], dataset: xr.Dataset) -> xr.Dataset:
    """Compute outcomes of runs side by side.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Each a single number at a time.
    dataset : xarray.Dataset
        Variables over (scenario, draw, time); ``draw`` may be missing.

    Returns
    -------
    xarray.Dataset
        Outcomes by name over the same dimensions, each with ``units``, ``title`` and ``better``.

    Raises
    ------
    InputError
        An outcome has elements.
    ResultError
        A value is not a finite number, or makes no sense.
    """
    values = _values(outcomes, dataset)
    _refuse_non_finite(values)
    return values


def end_of(date: str) -> float:
    """Return the model time at which a date is read: a month's end, or a time as it is (``2050``).

    Parameters
    ----------
    date : str
        ``YYYY-MM``, or a number.

    Returns
    -------
    float
    """
    return float(date) if _is_time(date) else time_at_end(date)


def end_within(date: str, model: Any, *, until: float | str | None = None, where: str = "") -> float:
    """Return the model time at which a date is read, and refuse one outside the run.

    Parameters
    ----------
    date : str
        ``YYYY-MM``, read at its end; in a model that doesn't count in months a time such as ``2050``.
    model : flows.Model
        Whose run it has to lie in.
    until : float or str, optional
        Last model time or month of the run, where it ends before the model's FINAL TIME.
    where : str, optional
        Where the date stands, for the error message.

    Returns
    -------
    float

    Raises
    ------
    InputError
        It is no month, or no time, or lies outside the run.
    """
    months = model.in_months
    if months:
        strict_month(date, where=where)
    elif not _is_time(date):
        raise InputError("not a time of the model", where=where, found=date, expected="a number such as 2050")
    first, last = float(model.control.initial_time), float(model.control.final_time)
    if isinstance(until, str):
        last = time_at_end(until) if months else last
    elif until is not None:
        last = until
    if not _lies_within(date, first, last):
        raise InputError(
            f"the {'month' if months else 'time'} lies outside the run",
            where=where,
            found=date,
            expected=f"{month_of(first)} to {month_of(last - 1)}" if months else f"{first:g} to {last:g}",
        )
    return end_of(date)


def words(date: str) -> str:
    """Say a date in words: ``2030-12`` is ``December 2030``; a year stays as it is.

    Parameters
    ----------
    date : str
        ``YYYY-MM``, or a number.

    Returns
    -------
    str
    """
    return date if _is_time(date) else month_label(time_at_end(date) - 1)


def _is_time(date: str) -> bool:
    return date.replace(".", "", 1).isdigit()


def _lies_within(date: str, first: float, last: float) -> bool:
    """Whether a run has a date: a month that ends after its start, or a time from its first to its last."""
    end = end_of(date)
    return (first <= end if _is_time(date) else first < end) and end <= last + 1e-9


def dates_within(dates: Sequence[str], times: NDArray[np.float64]) -> list[str]:
    """Keep dates inside a run; its last month, or its last time, where none is left."""
    first, last = float(times[0]), float(times[-1])
    kept = [date for date in dates if _lies_within(date, first, last)]
    if kept:
        return kept
    return [f"{last:g}" if all(_is_time(date) for date in dates) and dates else month_of(last - 1)]


def measures_of(values: xr.Dataset, *, start: float, dates: Sequence[str]) -> Measures:
    """Reduce every outcome to numbers at dates: by (outcome, date, measure), over all dimensions but ``time``."""
    found: dict[tuple[str, str, str], xr.DataArray] = {}
    for name, array in values.data_vars.items():
        lead = array.isel(time=0, drop=True).drop_vars("date", errors="ignore")
        numbers = numbers_of(array, start=start, dates=dates)
        found |= {(str(name), *key): lead.copy(data=part) for key, part in numbers.items()}
    return found


def numbers_of(
    array: xr.DataArray, *, start: float, dates: Sequence[str]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Reduce one outcome to numbers at dates.

    Parameters
    ----------
    array : xarray.DataArray
        Over any dimensions and ``time``, last; with ``units``.
    start : float
        Model time from which totals and means count.
    dates : sequence of str
        Months ``YYYY-MM``, or times.

    Returns
    -------
    dict of (str, str) to array
        By date and measure, over the dimensions but ``time``.
    """
    times = np.asarray(array["time"].values, dtype=float)
    values, unit = array.values, str(array.attrs["units"])
    if any(map(_is_time, dates)):
        return {(date, IN_YEAR): _read(values, times, end_of(date)) for date in dates}
    rate = is_rate(unit)
    later = any(time_at_end(date) > start for date in dates)
    total = _running_integral(values, times) if rate or (later and not adds_up(unit)) else None
    found: dict[tuple[str, str], NDArray[np.float64]] = {}
    for date in dates:
        end = time_at_end(date)
        if rate:
            assert total is not None
            found[date, LAST_YEAR] = _mean(total, times, max(end - _LAST_YEAR, times[0]), end)
        else:
            found[date, AT_END] = _read(values, times, end)
        if end <= start or adds_up(unit):
            continue
        assert total is not None
        if rate:
            found[date, TOTAL] = _read(total, times, end) - _read(total, times, start)
        else:
            found[date, MEAN] = _mean(total, times, start, end)
    return found


def halving_times(
    values: xr.Dataset, starts: Sequence[float], *, base: Mapping[str, xr.DataArray] | None = None
) -> xr.Dataset:
    """Find when each backlog has halved: the first month's end at which it is at most half of the baseline's start.

    Parameters
    ----------
    values : xarray.Dataset
        Outcomes over (scenario, draw, time) or (scenario, time), the baseline first.
    starts : sequence of float
        For each scenario, the model time from which its levers act. Half is taken of what the baseline has then, on
        the same draw.
    base : mapping of str to DataArray, optional
        Backlogs of the baseline over the same dimensions but ``scenario``, where `values` lacks it.

    Returns
    -------
    xarray.Dataset
        Backlogs by name, in model time without ``time``; not a number where a backlog doesn't halve within the run, or
        is nothing at the start. ``NAME lasts`` says whether it stays at or below half from then on.
    """
    times = np.asarray(values["time"].values, dtype=float)
    after = times > np.asarray(starts, dtype=float)[:, None] + 1e-9  # scenario, time
    found: dict[str, xr.DataArray] = {}
    for name in HALVED:
        if name not in values:
            continue
        array = values[name].transpose("scenario", ..., "time")
        courses = array.values
        first_course = courses[0] if base is None else base[name].values
        halves = {start: 0.5 * _read(first_course, times, start) for start in set(starts)}
        limit = np.stack([halves[start] for start in starts])[..., None]
        begun = after if courses.ndim == 2 else after[:, None]
        below = (courses <= limit) & begun & (limit > 0)
        ever = below.any(axis=-1)
        first = below.argmax(axis=-1)
        lasts = ever & (below | (np.arange(len(times)) < first[..., None])).all(axis=-1)
        dims = array.dims[:-1]
        coords = {"scenario": array["scenario"].values}
        when = np.where(ever, times[first], np.nan)
        found[name] = xr.DataArray(when, dims=dims, coords=coords, attrs={"units": "model time"})
        found[f"{name} lasts"] = xr.DataArray(lasts, dims=dims, coords=coords)
    return xr.Dataset(found)


def _values(outcomes: Sequence[Outcome], dataset: xr.Dataset) -> xr.Dataset:
    """Compute outcomes by name, each over (scenario, draw, time) as far as the result has these."""
    lead = [dim for dim in ("scenario", "draw", "time") if dim in dataset.dims]
    sizes = {dim: dataset.sizes[dim] for dim in lead}
    found = {}
    for outcome in outcomes:
        array = outcome.values(dataset)
        spare = [dim for dim in array.dims if dim not in lead]
        if spare:
            raise InputError(
                f'the outcome "{outcome.name}" has elements', where=outcome.where, found=", ".join(map(str, spare)),
                remedy="Name one element or add them up",
            )  # fmt: skip
        array = array.drop_vars([name for name in array.coords if name not in (*lead, "date")])
        missing = {dim: sizes[dim] for dim in lead if dim not in array.dims}
        array = array.expand_dims(missing).transpose(*lead)
        found[outcome.name] = array.assign_attrs(
            units=outcome.unit, title=outcome.title or outcome.name, better=outcome.better
        )
    return xr.Dataset(found)


def _refuse_non_finite(values: xr.Dataset) -> None:
    """Name the first value that is no number, or makes no sense: outcome, scenario and date."""
    for name, array in values.data_vars.items():
        bad = ~np.isfinite(array.values)
        if bad.any():
            time = int(np.argmax(bad.any(axis=tuple(range(bad.ndim - 1)))))
            run = int(np.argmax(bad[..., time].reshape(bad.shape[0], -1).any(axis=1)))
            raise ResultError(
                f'"{name}" is not a finite number',
                where=f"scenario {array['scenario'].values[run]}, {_when(array, time)}",
            )
        if str(array.attrs["units"]).split("/")[0].strip() in ("Person", "Case", "Event"):
            over = np.abs(array.values) > MOST
            if over.any():
                place = np.unravel_index(int(np.argmax(over)), over.shape)
                time = int(place[-1])
                raise ResultError(
                    f'"{name}" leaves all measure',
                    where=f"scenario {array['scenario'].values[place[0]]}, {_when(array, time)}",
                    found=f"{float(array.values[place]):.3g} {array.attrs['units']}",
                    remedy="Look at the equations, and at constants set outside their range",
                )


def _when(array: xr.DataArray, place: int) -> str:
    """Say a time of a course: its month, or a bare time in a model that doesn't count in months."""
    time = float(array["time"].values[place])
    return month_label(time) if "date" in array.coords else f"time {time:g}"


def adds_up(unit: str) -> bool:
    """Whether an outcome is itself a sum over time, such as person-months."""
    return "Month" in unit and "*" in unit


def _running_integral(values: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate along the last axis by trapezoids, from the first time to each."""
    steps = (values[..., 1:] + values[..., :-1]) / 2 * np.diff(times)
    return np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def _read(values: NDArray[np.float64], times: NDArray[np.float64], time: float) -> NDArray[np.float64]:
    """Read values at a time, as `flows.references.at_time` does."""
    right = min(int(times.searchsorted(time)), len(times) - 1)
    after = values[..., right]
    if abs(times[right] - time) <= 1e-9:
        return np.array(after)
    if not times[0] < time < times[-1]:
        return np.full_like(after, np.nan)
    before = values[..., right - 1]
    share = (time - times[right - 1]) / (times[right] - times[right - 1])
    between: NDArray[np.float64] = before + share * (after - before)
    return between


def _mean(
    total: NDArray[np.float64], times: NDArray[np.float64], start: float, end: float
) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = (_read(total, times, end) - _read(total, times, start)) / (end - start)
    return mean
