"""Behaviour reproduction: every series of the calibration in and out of sample, with what uncertainty there is.

A value as it would be observed is what a draw of the posterior gives, plus an autocorrelated discrepancy of its own
size (`flows.calibrate.likelihood`). In sample the discrepancy is a new stretch; in the test of the forecast it
continues the last error before the test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows import fit
from flows.calibrate.forecast import predictive
from flows.calibrate.likelihood import Discrepancy
from flows.calibrate.targets import Target, Targets, targets
from flows.ensemble import simulate
from flows.inputs.calibration import Calibration
from flows.model.model import Model
from flows.pace import Progress, silent
from flows.validation.forecast import Draws, Way

__all__ = ["BANDS", "WAYS", "Behaviour", "SeriesFit", "assess"]

Array = NDArray[np.float64]
BANDS = {"low90": 0.05, "low50": 0.25, "median": 0.5, "high50": 0.75, "high90": 0.95}
WAYS: tuple[Way, ...] = ("policies", "events", "frozen")
_YEAR = 12


@dataclass(frozen=True, eq=False)
class SeriesFit:
    """One series beside the model.

    Attributes
    ----------
    target : Target
        The series and its values until the end of the fit.
    points : pandas.DataFrame
        One row a value: ``part`` (``fit`` or ``forecast``), ``start`` and ``end`` (days), ``time`` (middle, in model
        time), ``observed``, ``model`` (the file's constants), ``without`` (its shocks left out), the quantiles of
        `BANDS` (posterior and discrepancy; out of sample given the policies that followed), and out of sample
        ``last`` and ``seasonal`` (naive forecasts) and the quantiles of the other ways, such as ``frozen_median``.
    statistics : dict of str to float
        Of the model's file in sample: ``n``, ``r2``, ``r2_log``, ``wmape``, ``mape``, ``rmse``, ``bias``, ``variance``,
        ``covariance`` (Theil), ``r2_log_without``, ``wmape_without``, ``shock_share``; of the bands ``coverage50``,
        ``coverage90``; of the discrepancy ``rho``, ``sigma``; out of sample ``n_out``, ``coverage50_out``,
        ``coverage90_out`` and for each way ``skill_last_…`` and ``skill_seasonal_…``.
    """

    target: Target
    points: pd.DataFrame
    statistics: dict[str, float]

    @property
    def name(self) -> str:
        """The series' name in the calibration file."""
        return self.target.name

    def part(self, part: Literal["fit", "forecast"]) -> pd.DataFrame:
        """Rows of one part."""
        return self.points[self.points["part"] == part]


@dataclass(frozen=True, eq=False)
class Behaviour:
    """All series, and how they were computed.

    Attributes
    ----------
    series : tuple of SeriesFit
        In the order of the calibration file.
    draws : int
        Draws of the posterior behind the bands.
    runs : int
        Runs of the model.
    """

    series: tuple[SeriesFit, ...]
    draws: int
    runs: int

    def named(self, name: str) -> SeriesFit | None:
        """The one of a name, if there is."""
        return next((one for one in self.series if one.name == name), None)

    def table(self) -> pd.DataFrame:
        """Statistics of all series, one row each."""
        return pd.DataFrame(
            [{"series": s.name, "role": s.target.series.role, **s.statistics} for s in self.series]
        )

    def rows(self) -> pd.DataFrame:
        """Every value of every series, one row each."""
        return pd.concat([s.points.assign(series=s.name) for s in self.series], ignore_index=True)


def assess(
    model: Model,
    calibration: Calibration,
    sample: Draws,
    *,
    until: str,
    threads: int | None = None,
    progress: Progress = silent,
) -> Behaviour:
    """Run the model at its own constants and at draws of the posterior, and hold every series against it.

    Parameters
    ----------
    model : Model
    calibration : Calibration
        Declares the series, and until when they were fitted.
    sample : Draws
        Of the posterior, for the fit and for the test of the forecast.
    until : str
        Last month of the test of the forecast, ``YYYY-MM``.
    threads : int, optional
        As in `flows.simulate`.
    progress : callable
        Called with batches of runs done and in all.

    Returns
    -------
    Behaviour
    """
    past = targets(calibration, model)
    later = targets(calibration, model, after=calibration.fit_until, until=until)
    names = list(dict.fromkeys((*past.outcomes, *later.outcomes)))
    steps = 3 + len(WAYS)
    done = 0

    def run(inputs: Mapping[str, Any] | None) -> xr.Dataset:
        nonlocal done
        found = simulate(model, inputs, outcomes=names, until=until, threads=threads)
        done += 1
        progress(done, steps)
        return found

    base, without = run(None), run(sample.without_shocks())
    fitted = run(sample.fitted())
    ways = {way: run(sample.forecast(way)) for way in WAYS}
    random = np.random.default_rng(sample.seed)
    found = [
        _one(target, _later(later, target.name), base, without, fitted, ways, random) for target in past.all
    ]
    return Behaviour(tuple(found), sample.count, 2 + sample.count * (1 + len(WAYS)))


def _later(later: Targets, name: str) -> Target | None:
    return next((target for target in later.all if target.name == name), None)


def _one(
    target: Target,
    later: Target | None,
    base: xr.Dataset,
    without: xr.Dataset,
    fitted: xr.Dataset,
    ways: Mapping[Way, xr.Dataset],
    random: np.random.Generator,
) -> SeriesFit:
    own, bare = target.modelled(base)[0], target.modelled(without)[0]
    expected = Discrepancy.expected(target.times, target.series.discrepancy)
    discrepancy = expected.refit(target.residuals(own))
    modelled = target.modelled(fitted)
    spread = discrepancy.draw_variance(target.residuals(modelled), random)
    replicates = predictive(target, modelled, discrepancy, spread, random)
    points = _points(target, "fit") | {"model": own, "without": bare} | _quantiles(replicates)
    statistics = _fit_statistics(target.observed, own, bare)
    statistics |= _coverage(target.observed, points)
    statistics |= {
        "rho": discrepancy.rho,
        "sigma": float(np.sqrt(np.median(spread))),
    }
    frames = [pd.DataFrame(points)]
    if later is not None:
        last, seasonal = naive(target, later)
        points = _points(later, "forecast") | {
            "model": later.modelled(base)[0],
            "without": later.modelled(without)[0],
            "last": last,
            "seasonal": seasonal,
        }
        statistics["n_out"] = float(len(later.observed))
        for way, dataset in ways.items():
            there = later.modelled(dataset)
            before = target.residuals(target.modelled(dataset))
            known = (float(target.times[-1]), before[:, -1])
            variance = discrepancy.draw_variance(before, random)
            bands = _quantiles(predictive(later, there, discrepancy, variance, random, last=known))
            plain = np.median(there, axis=0)
            prefix = "" if way == WAYS[0] else f"{way}_"
            points |= {f"{prefix}{key}": values for key, values in bands.items()}
            points[f"{prefix}plain"] = plain
            statistics |= _skill(way, later.observed, bands["median"], plain, last, seasonal)
            if way == WAYS[0]:
                statistics |= {f"{k}_out": v for k, v in _coverage(later.observed, points).items()}
            else:
                statistics |= {f"{k}_{way}": v for k, v in _coverage(later.observed, bands).items()}
        frames.append(pd.DataFrame(points))
    return SeriesFit(target, pd.concat(frames, ignore_index=True), statistics)


def _points(target: Target, part: str) -> dict[str, Any]:
    return {
        "part": [part] * len(target.observed),
        "start": [start for start, _ in target.periods],
        "end": [end for _, end in target.periods],
        "time": target.times,
        "observed": target.observed,
        "source": list(target.sources),
    }


def _quantiles(values: Array) -> dict[str, Array]:
    levels = np.quantile(values, list(BANDS.values()), axis=0)
    return dict(zip(BANDS, levels, strict=True))


def _coverage(observed: Array, bands: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"coverage{level}": fit.coverage(observed, bands[f"low{level}"], bands[f"high{level}"])
        for level in (50, 90)
    }


def _fit_statistics(observed: Array, model: Array, without: Array) -> dict[str, float]:
    shares = fit.theil(observed, model)
    plain, bare = (float(((np.log1p(v) - np.log1p(observed)) ** 2).sum()) for v in (model, without))
    return {
        "n": float(len(observed)),
        "r2": fit.r_squared(observed, model),
        "r2_log": fit.r_squared_of_logs(observed, model),
        "wmape": fit.wmape(observed, model),
        "mape": fit.mape(observed, model),
        "rmse": fit.rmse(observed, model),
        "bias": shares.bias,
        "variance": shares.variance,
        "covariance": shares.covariance,
        "r2_log_without": fit.r_squared_of_logs(observed, without),
        "wmape_without": fit.wmape(observed, without),
        "shock_share": 1 - plain / bare if bare > 0 else math.nan,
    }


def _skill(
    way: Way, observed: Array, forecast: Array, plain: Array, last: Array, seasonal: Array
) -> dict[str, float]:
    found = {f"wmape_{way}": fit.wmape(observed, forecast)}
    for name, rival in (("last", last), ("seasonal", seasonal)):
        there = bool(np.isfinite(rival).all())
        found[f"skill_{name}_{way}"] = fit.skill(observed, forecast, rival) if there else math.nan
        found[f"skill_plain_{name}_{way}"] = fit.skill(observed, plain, rival) if there else math.nan
    return found


def naive(past: Target, later: Target) -> tuple[Array, Array]:
    """Forecast the later values from the earlier ones alone.

    Parameters
    ----------
    past, later : Target
        The same series before and after a time.

    Returns
    -------
    last : array, shape (n,)
        The last value.
    seasonal : array, shape (n,)
        The value of the same month in the last twelve; not a number for a series that isn't monthly or lacks one of
        them.
    """
    count = len(later.observed)
    last = fit.last_value(past.observed, count)
    none = np.full(count, np.nan)
    if past.series.span != "month" or len(past.observed) < _YEAR:
        return last, none
    year = past.starts[-_YEAR:]
    if not np.allclose(np.diff(year), 1.0, atol=0.1):
        return last, none
    ahead = np.rint(later.starts - past.starts[-1]).astype(int)
    course = fit.seasonal_naive(past.observed, int(ahead.max()), period=_YEAR)
    return last, course[ahead - 1]
