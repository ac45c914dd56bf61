"""Observed series shipped with the model, and the model's counterpart of an observed value.

An observed value holds at an instant, or over a month, a calendar year, a U.S. fiscal year (October to
September) or another span. Its counterpart is the value of a stock at the end of that span, or the integral
of a rate over it. Events, people and files are different counts; ``models/data/series.csv`` says which a
series is.
"""

from __future__ import annotations

import calendar as gregorian
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from flows import resources
from flows.calendar import START_YEAR, month_of
from flows.errors import InputError, near
from flows.references import Expression, Reference, fold, take
from flows.units import is_rate

Measure = Literal["auto", "mean"]

FOLDER = "models/data"
COMPARED = ("instant", "month", "calendar_year", "fiscal_year")
"""Kinds of span that a series is compared over; other spans are sums over several years or parts of one."""

_TOLERANCE = 1e-9


class Comparable(Protocol):
    """What `observed_against` needs of an outcome."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def expression(self) -> str: ...  # noqa: D102
    @property
    def series(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


@cache
def read_table(name: str) -> pd.DataFrame:
    """Read a table of ``models/data`` as text; empty cells are empty texts.

    Raises
    ------
    InputError
        It can't be read.
    """
    path = resources.root() / FOLDER / f"{name}.csv"
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise InputError("can't be read", where=f"{FOLDER}/{name}.csv", found=str(error.strerror)) from None


def load() -> pd.DataFrame:
    """Return every shipped observed value, one a row.

    Returns
    -------
    pandas.DataFrame
        Columns ``series``, ``period_start``, ``period_end`` (days, both included), ``value``, ``unit``,
        ``group``, ``source_id``, ``tier`` (A best, then B, C, seed), ``period_type`` and ``note``.
    """
    return _typed().copy()


@cache
def _typed() -> pd.DataFrame:
    frame = read_table("observations").copy()
    frame["value"] = frame["value"].astype(float)
    for column in ("period_start", "period_end"):
        frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d")
    return frame


def sources() -> pd.DataFrame:
    """Return the sources of the observed values, indexed by ``source_id``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``models/data/sources.csv``, as text.
    """
    return read_table("sources").set_index("source_id")


def definitions() -> pd.DataFrame:
    """Return what each series counts and over which year, indexed by ``series``.

    Returns
    -------
    pandas.DataFrame
        Columns ``counts`` (event, person, case, money, share, time), ``measure`` (flow, stock, level),
        ``year`` (month, calendar, fiscal, instant, part, years) and ``definition``.
    """
    return read_table("series").set_index("series")


def observed(series: str, *, group: str | None = None, period_type: str | None = None) -> pd.DataFrame:
    """Select an observed series.

    Parameters
    ----------
    series : str
        Its name in ``models/data/series.csv``.
    group : str, optional
        Nationality or place; every group by default.
    period_type : str, optional
        ``instant``, ``month``, ``calendar_year``, ``fiscal_year``, ``part`` or ``years``; every kind by
        default.

    Returns
    -------
    pandas.DataFrame
        As `load`, in the order of time.

    Raises
    ------
    InputError
        If there is no such series, group or kind of span; the nearest name is offered.
    """
    frame = _choose(_typed(), "series", series)
    if group is not None:
        frame = _choose(frame, "group", group)
    if period_type is not None:
        frame = _choose(frame, "period_type", period_type)
    return frame.sort_values(["group", "period_start", "period_end"], ignore_index=True)


def _choose(frame: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    known = sorted(frame[column].unique())
    wanted = fold(name)
    chosen = frame[frame[column].isin([spelt for spelt in known if fold(spelt) == wanted])]
    if chosen.empty:
        word = {"period_type": "kind of span", "series": "observed series"}.get(column, column)
        raise InputError(
            f'no {word} "{name}"',
            where=f"{FOLDER}/observations.csv",
            expected="one of " + ", ".join(known) if len(known) < 12 else f"a {word} of that file",
            remedy=near(name, known),
        )
    return chosen


def monthly(series: str, *, group: str = "All nationalities") -> xr.DataArray:
    """Return a series of months on model time.

    Parameters
    ----------
    series : str
        Its name.
    group : str, optional
        Nationality or place.

    Returns
    -------
    xarray.DataArray
        Over ``time`` = the middle of each month in model time, with ``date`` its first day and
        ``attrs["units"]``; months without a value are left out.
    """
    frame = observed(series, group=group, period_type="month")
    times = [time_of(start) + 0.5 for start in frame["period_start"]]
    return xr.DataArray(
        frame["value"].to_numpy(dtype=float),
        dims="time",
        coords={"time": times, "date": ("time", frame["period_start"].to_numpy(dtype="datetime64[ns]"))},
        name=series,
        attrs={"units": frame["unit"].iloc[0], "group": group},
    )


# --- spans -----------------------------------------------------------------------------------------------


def time_of(day: pd.Timestamp, *, end: bool = False) -> float:
    """Convert a day to model time: its beginning, or its end.

    Parameters
    ----------
    day : pandas.Timestamp
        The day.
    end : bool, optional
        Whether the end of the day is meant.

    Returns
    -------
    float
        Months since 1 January 2013; each day is its share of its month.

    Examples
    --------
    >>> time_of(pd.Timestamp("2013-02-01")), time_of(pd.Timestamp("2013-02-28"), end=True)
    (1.0, 2.0)
    """
    days = gregorian.monthrange(day.year, day.month)[1]
    return 12 * (day.year - START_YEAR) + day.month - 1 + (day.day - (0 if end else 1)) / days


def over_span(
    values: xr.DataArray,
    start: pd.Timestamp,
    end: pd.Timestamp,
    *,
    measure: Measure = "auto",
    where: str = "",
) -> xr.DataArray:
    """Compute what a trajectory amounts to over a span of days.

    Parameters
    ----------
    values : xarray.DataArray
        Over ``time`` (months) and any leading dimensions; ``attrs["units"]`` decides: a unit per month is
        integrated over the span (trapezoids between saved times), anything else is read at the span's end.
    start, end : pandas.Timestamp
        First and last day; the same day for a value at an instant.
    measure : {"auto", "mean"}, optional
        ``mean`` takes the average over the span instead.
    where : str, optional
        For the error message.

    Returns
    -------
    xarray.DataArray
        Without ``time``. A rate per month gives a number of events, people or files.

    Raises
    ------
    InputError
        If the run doesn't cover the whole span.
    """
    leading = values.isel(time=0, drop=True).drop_vars("date", errors="ignore")
    return leading.copy(data=_Trajectory.of(values).over_span(start, end, measure=measure, where=where))


@dataclass(frozen=True, eq=False)
class _Trajectory:
    """A variable over time without its labels: many spans are taken of one run, and labels cost time.

    Attributes
    ----------
    times : array, shape (n,)
    array : array, shape (…, n)
    rate : bool
        True for a unit per month.
    """

    times: np.ndarray
    array: np.ndarray
    rate: bool

    @classmethod
    def of(cls, values: xr.DataArray) -> _Trajectory:
        return cls(
            times=np.asarray(values["time"].values, dtype=float),
            array=np.asarray(values.transpose(..., "time").values, dtype=float),
            rate=is_rate(str(values.attrs.get("units", ""))),
        )

    def over_span(
        self, start: pd.Timestamp, end: pd.Timestamp, *, measure: Measure, where: str
    ) -> np.ndarray:
        times, array = self.times, self.array
        first, last = time_of(start), time_of(end, end=True)
        needed = first if self.rate or measure == "mean" else last
        if needed < times[0] - _TOLERANCE or last > times[-1] + _TOLERANCE:
            raise InputError(
                "the run doesn't cover the whole span",
                where=where,
                found=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}",
                expected=f"a span between {month_of(times[0])} and {month_of(max(times[-1] - 1, times[0]))}",
            )
        if measure == "auto" and not self.rate:
            return _between(times, array, last)
        inside = slice(
            np.searchsorted(times, first + _TOLERANCE, side="right"),
            np.searchsorted(times, last - _TOLERANCE, side="left"),
        )
        knots = np.concatenate([[first], times[inside], [last]])
        heights = np.concatenate(
            [
                _between(times, array, first)[..., None],
                array[..., inside],
                _between(times, array, last)[..., None],
            ],
            axis=-1,
        )
        total = np.trapezoid(heights, knots, axis=-1)
        return np.asarray(total / (last - first) if measure == "mean" else total)


def _between(times: np.ndarray, array: np.ndarray, at: float) -> np.ndarray:
    """Interpolate along the last axis."""
    right = int(np.clip(np.searchsorted(times, at - _TOLERANCE), 0, len(times) - 1))
    left = max(right - 1, 0)
    if right == left or abs(times[right] - at) <= _TOLERANCE:
        return np.asarray(array[..., right])
    share = (at - times[left]) / (times[right] - times[left])
    return np.asarray(array[..., left] * (1 - share) + array[..., right] * share)


class Counterpart:
    """An expression whose variables are first taken over a span, each in its own way.

    Parameters
    ----------
    expression : str
        Over text forms of variables.
    dataset : xarray.Dataset
        One run.
    measure : {"auto", "mean"}
        As for `over_span`.
    where : str
        What asks, for the error message.

    Raises
    ------
    InputError
        A variable isn't there, or the result holds several runs; called, if the run doesn't cover the span.
    """

    def __init__(self, expression: str, dataset: xr.Dataset, measure: Measure, where: str) -> None:
        self.expression = Expression.parse(expression, where=where)
        self.measure, self.where = measure, where
        self.taken: dict[Reference, _Trajectory | float] = {}
        for reference in self.expression.references:
            values: xr.DataArray = take(dataset, reference, where=where)
            dims = [str(dim) for dim in values.dims if dim != "time"]
            if dims:
                raise InputError(
                    "one run is compared at a time",
                    where=where,
                    found=f"a result over {', '.join(dims)}",
                    remedy="Select one of them",
                )
            self.taken[reference] = _Trajectory.of(values) if "time" in values.dims else float(values)

    def __call__(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """Return the value over the days from `start` to `end`, both included."""

        def lookup(reference: Reference) -> np.float64:
            one = self.taken[reference]
            if isinstance(one, float):
                return np.float64(one)
            return np.float64(one.over_span(start, end, measure=self.measure, where=self.where))

        with np.errstate(all="ignore"):  # a quotient of nothing is no number
            return float(self.expression.evaluate(lookup))


# --- comparisons -----------------------------------------------------------------------------------------


def observed_against(outcome: Comparable, dataset: xr.Dataset) -> pd.DataFrame:
    """Set one run beside the observed counterpart of an outcome.

    Parameters
    ----------
    outcome : flows.inputs.Outcome
        Its ``series`` is an expression over ``series[group]``; without a group, all nationalities.
    dataset : xarray.Dataset
        One run, as `flows.simulate` returns it.

    Returns
    -------
    pandas.DataFrame
        Columns ``outcome``, ``series``, ``period_type``, ``period_start``, ``period_end``, ``observed``,
        ``unit``, ``model``, ``error_percent``, ``source``; one row for each month, year or instant that
        lies wholly inside the run; empty for an outcome without a series.
    """
    rows = spans(outcome.series) if outcome.series else []
    first, last = float(dataset["time"].values[0]), float(dataset["time"].values[-1])
    found = []
    counterpart = None
    for row in rows:
        begins = (
            time_of(row.period_end, end=True) if row.period_type == "instant" else time_of(row.period_start)
        )
        if begins < first - _TOLERANCE or time_of(row.period_end, end=True) > last + _TOLERANCE:
            continue
        if counterpart is None:
            counterpart = Counterpart(outcome.expression, dataset, "auto", f'outcome "{outcome.name}"')
        model = counterpart(row.period_start, row.period_end)
        found.append(
            {
                "outcome": outcome.name,
                "series": outcome.series,
                "period_type": row.period_type,
                "period_start": row.period_start,
                "period_end": row.period_end,
                "observed": row.value,
                "unit": outcome.unit.replace("/Month", ""),
                "model": model,
                "error_percent": per_cent_error(model, row.value),
                "source": row.source,
            }
        )
    columns = ["outcome", "series", "period_type", "period_start", "period_end", "observed", "unit", "model"]
    return pd.DataFrame(found, columns=[*columns, "error_percent", "source"])


def observed_spans(outcome: Comparable) -> pd.DataFrame:
    """Give the observed counterpart of an outcome, without a run beside it.

    Parameters
    ----------
    outcome : flows.inputs.Outcome
        Its ``series`` is an expression over ``series[group]``; without a group, all nationalities.

    Returns
    -------
    pandas.DataFrame
        Columns ``period_end``, ``period_type``, ``period_start``, ``value`` (of a rate: the total of the span) and
        ``source``, in the order of time; empty for an outcome without a series.
    """
    rows = spans(outcome.series) if outcome.series else []
    return pd.DataFrame(rows, columns=list(Span._fields))


def per_cent_error(model: float, value: float) -> float:
    """Return 100 (model - observed) / observed; not a number where nothing was observed.

    Parameters
    ----------
    model, value : float
        Computed and observed, in one unit.

    Returns
    -------
    float
    """
    return 100 * (model - value) / value if value else float("nan")


class Span(NamedTuple):
    """An observed value, or several joined by an expression; in the order of its fields."""

    period_end: pd.Timestamp
    period_type: str
    period_start: pd.Timestamp
    value: float
    source: str


def spans(text: str) -> list[Span]:
    """Evaluate an expression over observed series on the spans that all of them have.

    Parameters
    ----------
    text : str
        ``series[group]``, joined by ``+ - * /``; without a group, all nationalities.

    Returns
    -------
    list of Span
        In the order of time; a span that several sources tell of stands there once for each.

    Raises
    ------
    InputError
        If there is no such series or group.
    """
    expression = Expression.parse(text, where=f'series "{text}"')
    parts = {reference: dict(_part(reference)) for reference in expression.references}
    if not parts:
        return []
    titles = sources()["title"].to_dict()
    one, *others = parts
    found = []
    for span, own in _part(one):  # which may tell of a span twice, from two sources
        if all(span in parts[reference] for reference in others):
            values = {one: own, **{reference: parts[reference][span] for reference in others}}
            value = expression.evaluate(lambda reference, values=values: values[reference][0])  # type: ignore[misc]
            names = dict.fromkeys(titles[source] for _, source in values.values())
            found.append(Span(*span, value, "; ".join(names)))
    return sorted(found)


_Part = list[tuple[tuple[pd.Timestamp, str, pd.Timestamp], tuple[np.float64, str]]]


@cache
def _compared() -> dict[str, dict[str, _Part]]:
    """Span, value and source of every observed value that is compared, by series and group (folded)."""
    found: dict[str, dict[str, _Part]] = {}
    frame = _typed()
    columns = ("series", "group", "period_type", "period_end", "period_start", "value", "source_id")
    for series, group, kind, end, start, value, source in zip(*(frame[c] for c in columns), strict=True):
        part = found.setdefault(fold(series), {}).setdefault(fold(group), [])
        if kind in COMPARED:
            part.append(((end, kind, start), (np.float64(value), source)))
    return found


def _part(reference: Reference) -> _Part:
    """Span, value and source of each observed value of a series."""
    group = ", ".join(reference.elements) or None
    groups = _compared().get(fold(reference.name), {})
    if group is None and len(groups) == 1:
        return next(iter(groups.values()))
    group = group or "All nationalities"
    if fold(group) not in groups:
        observed(reference.name, group=group)  # says what there is instead
    return groups[fold(group)]


def files() -> tuple[Path, ...]:
    """Return the data files, for the digests of a run's provenance.

    Returns
    -------
    tuple of Path
    """
    return tuple(sorted((resources.root() / FOLDER).glob("*.csv")))
