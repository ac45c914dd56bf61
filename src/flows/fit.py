"""How near a run comes to what was observed: plain numbers in, plain numbers out.

Every function takes one-dimensional arrays of equal length, observed values first. Which values are compared, over
which spans, is decided elsewhere (`flows.observations`).

References
----------
Bry, G., Boschan, C. (1971). Cyclical Analysis of Time Series. NBER Technical Paper 20.
Murphy, A. H. (1988). Skill scores based on the mean square error. Monthly Weather Review 116, 2417-2424.
Sterman, J. D. (1984). Appropriate summary statistics for evaluating the historical fit of system dynamics models.
Dynamica 10 (II), 51-66.
Sterman, J. D. (2000). Business Dynamics, ch. 21.
Theil, H. (1966). Applied Economic Forecasting, ch. 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flows.errors import InputError

__all__ = [
    "FACTOR",
    "Hit",
    "Theil",
    "TurningPoint",
    "course",
    "coverage",
    "hits",
    "last_value",
    "mape",
    "r_squared",
    "r_squared_of_logs",
    "rmse",
    "seasonal_naive",
    "skill",
    "theil",
    "turning_points",
    "width_ratio",
    "wmape",
]

FACTOR = 1.67
"""A reversal by less is no turning point, and a turning point missed by more is no hit."""

NEAR = 1
"""Steps by which a turning point may be early or late and still be hit."""

REACH = 6
"""Steps on either side among which the run's own extremum is looked for."""

Kind = Literal["peak", "trough"]


def _pair(observed: ArrayLike, model: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(observed, dtype=float), np.asarray(model, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise InputError(
            "observed and model values don't pair up",
            found=f"shapes {a.shape} and {b.shape}",
            expected="two rows of numbers of the same length, with at least one number",
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("a value is no finite number", where="fit")
    return a, b


def r_squared(observed: ArrayLike, model: ArrayLike) -> float:
    """Compute the share of the variance of observed values that a run explains.

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        1 - sum (model - observed)² / sum (observed - mean)²; below zero where the mean would do better; not a number
        where the observed values don't vary.

    Raises
    ------
    InputError
        The two are not of one length, or a value is no finite number.

    Examples
    --------
    >>> r_squared([1, 2, 3], [1, 2, 4])
    0.5
    """
    a, b = _pair(observed, model)
    spread = float(((a - a.mean()) ** 2).sum())
    return 1 - float(((b - a) ** 2).sum()) / spread if spread > 0 else math.nan


def r_squared_of_logs(observed: ArrayLike, model: ArrayLike) -> float:
    """Compute `r_squared` of logarithms, over the pairs in which both values are above zero.

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        Not a number where fewer than two such pairs are left.

    Raises
    ------
    InputError
        The two are not of one length, or a value is no finite number.
    """
    a, b = _pair(observed, model)
    both = (a > 0) & (b > 0)
    return r_squared(np.log(a[both]), np.log(b[both])) if both.sum() > 1 else math.nan


def wmape(observed: ArrayLike, model: ArrayLike) -> float:
    """Compute the weighted mean absolute error: sum of absolute differences over the sum observed.

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        A share, 0.1 for ten per cent; not a number where nothing was observed.

    Raises
    ------
    InputError
        The two are not of one length, or a value is no finite number.

    Examples
    --------
    >>> wmape([10, 30], [14, 30])
    0.1
    """
    a, b = _pair(observed, model)
    size = float(np.abs(a).sum())
    return float(np.abs(b - a).sum()) / size if size > 0 else math.nan


def mape(observed: ArrayLike, model: ArrayLike) -> float:
    """Compute the mean absolute error relative to each observed value, over those above zero.

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        A share, 0.1 for ten per cent: each value weighs the same, so low values dominate; not a number where none
        is left.

    Raises
    ------
    InputError
        The two are not of one length, or a value is no finite number.

    Examples
    --------
    >>> mape([10, 30], [14, 30])
    0.2
    """
    a, b = _pair(observed, model)
    kept = a > 0
    return float((np.abs(b - a)[kept] / a[kept]).mean()) if kept.any() else math.nan


def rmse(observed: ArrayLike, model: ArrayLike) -> float:
    """Compute the root of the mean squared difference, in the unit of the values.

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        In that unit.

    Raises
    ------
    InputError
        The two are not of one length, or a value is no finite number.
    """
    a, b = _pair(observed, model)
    return float(np.sqrt(((b - a) ** 2).mean()))


@dataclass(frozen=True)
class Theil:
    """How the mean squared error splits (Theil 1966; Sterman 1984).

    Attributes
    ----------
    bias : float
        Share from unequal means: the run lies too high or too low throughout.
    variance : float
        Share from unequal spread: it swings too much or too little.
    covariance : float
        Share from unequal timing, point by point. The three sum to one; all are nan for a perfect fit.
    """

    bias: float
    variance: float
    covariance: float


def theil(observed: ArrayLike, model: ArrayLike) -> Theil:
    """Split the mean squared error into bias, variance and covariance (Theil 1966, ch. 2).

    Parameters
    ----------
    observed, model : array of shape (n,)
        In one unit.

    Returns
    -------
    Theil
        (mean difference)², (difference of the standard deviations)² and 2 (1 - r) s_model s_observed, each over the
        mean squared error; standard deviations with divisor n.

    Examples
    --------
    >>> theil([1, 2, 3], [2, 3, 4])
    Theil(bias=1.0, variance=0.0, covariance=0.0)
    """
    a, b = _pair(observed, model)
    error = float(((b - a) ** 2).mean())
    if error == 0:
        return Theil(math.nan, math.nan, math.nan)
    together = float(((a - a.mean()) * (b - b.mean())).mean())
    parts = (
        float((b.mean() - a.mean()) ** 2),
        float((b.std() - a.std()) ** 2),
        2 * (float(a.std() * b.std()) - together),
    )
    return Theil(*(part / error for part in parts))


def coverage(observed: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Compute the share of observed values that lie within their interval, its ends included.

    Parameters
    ----------
    observed, low, high : array of shape (n,)
        Values, and the ends of the interval of each.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InputError
        They are not of one length, or a value is no finite number.

    Examples
    --------
    >>> coverage([1, 2, 3, 4], [0, 0, 0, 0], [1, 2, 2, 9])
    0.75
    """
    a, b = _pair(observed, low)
    _, c = _pair(observed, high)
    return float(((a >= b) & (a <= c)).mean())


def last_value(history: ArrayLike, count: int) -> NDArray[np.float64]:
    """Forecast that nothing changes: the last value of the history, `count` times.

    Parameters
    ----------
    history : array of shape (n,)
        Past values, at least one.
    count : int
        Values to forecast.

    Returns
    -------
    array of shape (count,)

    Raises
    ------
    InputError
        There is no past value.
    """
    past = np.asarray(history, dtype=float)
    if past.ndim != 1 or not past.size:
        raise InputError("a naive forecast needs at least one past value", where="fit")
    return np.full(count, past[-1])


def seasonal_naive(history: ArrayLike, count: int, *, period: int) -> NDArray[np.float64]:
    """Forecast that the last season comes again.

    Parameters
    ----------
    history : array of shape (n,)
        Past values without a gap, at least one period of them.
    count : int
        Values to forecast.
    period : int
        Values in a season, 12 for months.

    Returns
    -------
    array of shape (count,)

    Raises
    ------
    InputError
        The history is shorter than a period.

    Examples
    --------
    >>> seasonal_naive([9, 1, 2, 3], 5, period=3).tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    past = np.asarray(history, dtype=float)
    if past.ndim != 1 or past.size < period or period < 1:
        raise InputError(
            "a seasonal forecast needs a whole season of past values",
            where="fit",
            found=f"{past.size} values",
            expected=f"at least {period}",
        )
    return np.resize(past[-period:], count) if count else np.zeros(0)


def skill(observed: ArrayLike, forecast: ArrayLike, naive: ArrayLike) -> float:
    """Compute how much of a naive forecast's squared error a forecast avoids (Murphy 1988).

    Parameters
    ----------
    observed, forecast, naive : array of shape (n,)
        In one unit.

    Returns
    -------
    float
        1 - mean squared error of the forecast over that of the naive one: 1 is perfect, 0 no better than the naive one,
        below 0 worse; not a number where the naive one is perfect.

    Raises
    ------
    InputError
        They are not of one length, or a value is no finite number.

    Examples
    --------
    >>> skill([2, 4], [2, 3], [0, 4])
    0.75
    """
    a, b = _pair(observed, forecast)
    _, c = _pair(observed, naive)
    error = float(((c - a) ** 2).sum())
    return 1 - float(((b - a) ** 2).sum()) / error if error > 0 else math.nan


def width_ratio(posterior: ArrayLike, prior: tuple[float, float], *, level: float = 0.9) -> float:
    """Compute how wide a sample of a constant still is, relative to what was thought before the data.

    Parameters
    ----------
    posterior : array of shape (draws,)
        The sample.
    prior : tuple of (float, float)
        Quantiles of the prior that hold `level` of it.
    level : float
        Share between the quantiles.

    Returns
    -------
    float
        Near 1: the data say nothing about it; near 0: they determine it. Above 1 is possible.

    Raises
    ------
    InputError
        The prior has no width.
    """
    sample = np.asarray(posterior, dtype=float)
    low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2])
    before = prior[1] - prior[0]
    if not before > 0:
        raise InputError("a prior has no width", where="fit", found=f"{prior[0]:g} to {prior[1]:g}")
    return float(high - low) / before


# ------------------------------------------------------------------------------------------- turning points


@dataclass(frozen=True)
class TurningPoint:
    """A peak or trough.

    Attributes
    ----------
    place : int
        Position in the series.
    kind : {"peak", "trough"}
    value : float
        In the unit of the series.
    """

    place: int
    kind: Kind
    value: float


def turning_points(values: ArrayLike, *, factor: float = FACTOR) -> tuple[TurningPoint, ...]:
    """List peaks and troughs by one rule: between two of them the series moves by at least a factor.

    The series is followed from its start (the rule of directional change; peaks and troughs alternate as Bry & Boschan
    1971 ask): the highest value so far becomes a peak once the series has fallen from it by the factor, and the lowest
    value since then a trough once it has risen by the factor. Before the first such movement and after the last nothing
    counts, so that neither end of the data is taken for a turn.

    Parameters
    ----------
    values : array of shape (n,)
        Above zero, evenly spaced.
    factor : float
        Above 1.

    Returns
    -------
    tuple of TurningPoint
        In the order of time, peaks and troughs in turn.

    Raises
    ------
    InputError
        A value is not above zero, or the factor not above 1.

    Examples
    --------
    >>> [(p.place, p.kind) for p in turning_points([1, 4, 2, 2, 5], factor=1.67)]
    [(1, 'peak'), (2, 'trough')]
    """
    series = np.asarray(values, dtype=float)
    if series.ndim != 1 or not np.isfinite(series).all() or (series <= 0).any():
        raise InputError("turning points need values above zero", where="fit")
    if not factor > 1:
        raise InputError("a turning point needs a factor above 1", where="fit", found=f"{factor:g}")
    reversals = _reversals(np.log(series), math.log(factor))
    return tuple(
        TurningPoint(place, "peak" if falls else "trough", float(series[place]))
        for place, falls in reversals[1:]
    )


def _reversals(logs: NDArray[np.float64], threshold: float) -> list[tuple[int, bool]]:
    """Where movements by at least the threshold begin, and whether they go down; the first begins the series."""
    found: list[tuple[int, bool]] = []
    high = low = 0
    for place, value in enumerate(logs):
        high = place if value > logs[high] else high
        low = place if value < logs[low] else low
        falling = found[-1][1] if found else None
        if falling is not True and logs[high] - value >= threshold:
            found.append((high, True))
            low = place
        elif falling is not False and value - logs[low] >= threshold:
            found.append((low, False))
            high = place
    return found


@dataclass(frozen=True)
class Hit:
    """A turning point of the data, and what the run does there.

    Attributes
    ----------
    point : TurningPoint
        Of the data.
    early : int
        Steps by which the run's extremum comes after the data's (before: below zero).
    ratio : float
        The run's extremum over the data's.
    hit : bool
        Whether both are near enough.
    """

    point: TurningPoint
    early: int
    ratio: float
    hit: bool


def hits(
    points: Sequence[TurningPoint],
    model: ArrayLike,
    *,
    near: int = NEAR,
    factor: float = FACTOR,
    reach: int = REACH,
) -> tuple[Hit, ...]:
    """Hold a run against the turning points of the data.

    For a peak, the run's highest value is looked for in the `reach` steps on either side, no further than the
    neighbouring turning points of the data; likewise the lowest value for a trough. The point is hit if that value
    comes within `near` steps and within the factor of the observed one.

    Parameters
    ----------
    points : sequence of TurningPoint
        From `turning_points` of the observed series.
    model : array of shape (n,)
        The run, at the same steps as the observed series.
    near, reach : int
        Steps.
    factor : float
        Above 1.

    Returns
    -------
    tuple of Hit
        One for each point.
    """
    run = np.asarray(model, dtype=float)
    found = []
    for number, point in enumerate(points):
        first = max(point.place - reach, points[number - 1].place if number else 0)
        last = point.place + reach
        last = min(last, points[number + 1].place if number + 1 < len(points) else len(run) - 1)
        part = run[first : last + 1]
        place = first + int(part.argmax() if point.kind == "peak" else part.argmin())
        ratio = float(run[place]) / point.value
        inside = abs(place - point.place) <= near and ratio > 0 and abs(math.log(ratio)) <= math.log(factor)
        found.append(Hit(point, place - point.place, ratio, inside))
    return tuple(found)


def course(values: ArrayLike, *, factor: float = 1.25, smooth: int = 12) -> str:
    """Say the mode of behaviour of a series as a sequence of rises and falls.

    Parameters
    ----------
    values : array of shape (n,)
        Not below zero, evenly spaced.
    factor : float
        A movement by less counts as none.
    smooth : int
        Steps of the moving average that is taken first, so that seasons don't count.

    Returns
    -------
    str
        Such as ``rise fall rise``; ``level`` where nothing moves by the factor.

    Examples
    --------
    >>> course([1, 2, 4, 2, 1], smooth=1)
    'rise fall'
    >>> course([3.0, 3.1, 3.0], smooth=1)
    'level'
    """
    series = np.asarray(values, dtype=float)
    if smooth > 1 and series.size >= smooth:
        series = np.convolve(series, np.full(smooth, 1 / smooth), mode="valid")
    floor = 1e-3 * float(series.max(initial=0.0))  # below a thousandth of the highest value all is nothing
    if floor <= 0:
        return "level"
    reversals = _reversals(np.log(np.maximum(series, floor)), math.log(factor))
    return " ".join("fall" if falls else "rise" for _, falls in reversals) or "level"
