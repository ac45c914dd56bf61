"""What draws say of scenarios beside each other: who beats whom, how firm the order is, what choosing wrongly costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare.measures import BACKLOGS, HUMAN_COST
from flows.compare.table import LEVEL

SIDE_EFFECT = 0.01
"""Share of the baseline beyond which an outcome that gets better or worse counts."""

SURE = 0.9
"""Share of draws in which it must do so."""

MOST_PAIRED = 60
"""Scenarios, the baseline among them, of which every pair is told; of more, each beside the baseline alone."""

_ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def odds(levels: xr.Dataset) -> xr.DataArray:
    """Count in how many draws each scenario does better than each other one.

    Parameters
    ----------
    levels : xarray.Dataset
        Outcomes over (scenario, draw, date), each with ``better`` among its attributes; those that are better neither
        way are left out.

    Returns
    -------
    xarray.DataArray
        ``probability`` over (outcome, date, scenario, other): the share of draws in which ``scenario`` is better than
        ``other``. Equal numbers count for neither, so that the two shares of a pair may add up to less than one. Of
        more scenarios than `MOST_PAIRED` the baseline is the only ``other``.
    """
    found = []
    names, coords = _coords(levels)
    scenario = coords["scenario"]
    other = scenario if all_paired(levels) else scenario[:1]
    for _, gain in _gains(levels):
        tiny = _tiny(gain)
        shares = [(one - gain[: len(other)] > tiny).mean(axis=1) for one in gain]  # each over other, date
        found.append(np.stack(shares).transpose(2, 0, 1))
    return xr.DataArray(
        _stacked(found, (len(coords["date"]), len(scenario), len(other))),
        dims=("outcome", "date", "scenario", "other"),
        coords={"outcome": names, "date": coords["date"], "scenario": scenario, "other": other},
        name="probability",
    )


def all_paired(levels: xr.Dataset) -> bool:
    """Whether so few scenarios stand in the levels that every pair of them is told."""
    return levels.sizes.get("scenario", 0) <= MOST_PAIRED


def ranks(levels: xr.Dataset) -> xr.Dataset:
    """Rank scenarios on every draw, and say how firm the order is.

    Parameters
    ----------
    levels : xarray.Dataset
        As for `odds`.

    Returns
    -------
    xarray.Dataset
        ``share`` over (outcome, date, scenario, rank): the share of draws in which a scenario has that rank, 1 the
        best, equal ones sharing the better rank; ``median``, ``low``, ``high`` (5th and 95th percentile) of the rank
        over (outcome, date, scenario); ``stability`` over (outcome, date): of all pairs of scenarios that differ in
        their medians, the share ordered on a draw as by the medians, mean over the draws (1: the order never changes;
        a half: as good as chance). Of more scenarios than `MOST_PAIRED` there is no ``share``, and ``stability`` is
        NaN.
    """
    names, coords = _coords(levels)
    count = len(coords["scenario"])
    paired = all_paired(levels)
    share, middle, low, high, stability = [], [], [], [], []
    for _, gain in _gains(levels):
        tiny = _tiny(gain)
        rank = 1 + (_ahead if paired else _ahead_of_many)(gain, tiny)  # scenario, draw, date
        if paired:
            share.append(
                np.stack([(rank == r).mean(axis=1) for r in range(1, count + 1)], axis=-1).swapaxes(0, 1)
            )
        middle.append(np.median(rank, axis=1).T)
        ends = np.quantile(rank, _ENDS, axis=1)
        low.append(ends[0].T)
        high.append(ends[1].T)
        stability.append(_stability(gain, tiny) if paired else np.full(gain.shape[2], np.nan))
    dates, scenario = coords["date"], coords["scenario"]
    lead, flat = ("outcome", "date", "scenario"), (len(dates), count)
    shares = {"share": ((*lead, "rank"), _stacked(share, (*flat, count)))} if paired else {}
    return xr.Dataset(
        {
            **shares,
            "median": (lead, _stacked(middle, flat)),
            "low": (lead, _stacked(low, flat)),
            "high": (lead, _stacked(high, flat)),
            "stability": (("outcome", "date"), _stacked(stability, (len(dates),))),
        },
        coords={"outcome": names, "date": dates, "scenario": scenario, "rank": np.arange(1, count + 1)},
    )


def _ahead(gain: NDArray[np.float64], tiny: float) -> NDArray[np.intp]:
    """How many scenarios are better than each, by draw and date."""
    return np.stack([(gain - one > tiny).sum(axis=0) for one in gain])


def _ahead_of_many(gain: NDArray[np.float64], tiny: float) -> NDArray[np.intp]:
    """The same by sorting, in memory that grows with the scenarios and not with their pairs."""
    found = np.empty(gain.shape, dtype=np.intp)
    for draw, date in np.ndindex(gain.shape[1:]):
        one = gain[:, draw, date]
        found[:, draw, date] = len(one) - np.searchsorted(np.sort(one), one + tiny, side="right")
    return found


def regret(levels: xr.Dataset) -> xr.Dataset:
    """Say how far each scenario stays behind the best one on the same draw.

    Parameters
    ----------
    levels : xarray.Dataset
        As for `odds`.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``high`` (95th percentile) and ``most`` over (outcome, date, scenario), in the outcome's unit.
        Savage (1951), "The Theory of Statistical Decision", J. Am. Stat. Assoc. 46, 55: the choice whose greatest
        regret is least is the one of the smallest ``most``.
    """
    names, coords = _coords(levels)
    mean, high, most = [], [], []
    for _, gain in _gains(levels):
        behind = gain.max(axis=0) - gain
        mean.append(behind.mean(axis=1).T)
        high.append(np.quantile(behind, _ENDS[1], axis=1).T)
        most.append(behind.max(axis=1).T)
    lead, flat = ("outcome", "date", "scenario"), (len(coords["date"]), len(coords["scenario"]))
    return xr.Dataset(
        {
            "mean": (lead, _stacked(mean, flat)),
            "high": (lead, _stacked(high, flat)),
            "most": (lead, _stacked(most, flat)),
        },
        coords={"outcome": names, **coords},
    )


def side_effects(levels: xr.Dataset, *, aims: Sequence[str] = (), date: str | None = None) -> pd.DataFrame:
    """Flag outcomes that get worse under a scenario while one that is aimed at gets better.

    Parameters
    ----------
    levels : xarray.Dataset
        As for `odds`, the baseline first.
    aims : sequence of str, optional
        Outcomes aimed at; those of human cost and the backlogs by default.
    date : str, optional
        The last one by default.

    Returns
    -------
    pandas.DataFrame
        A row for each scenario and outcome that changes beyond doubt, which is by more than one per cent of the
        baseline in nine draws of ten: ``scenario, outcome, title, date, effect`` (``better`` or ``worse``), ``aim``
        (whether it is aimed at), ``median`` (in ``unit``), ``median_percent``, ``share`` of draws, ``side_effect``
        (worse, while an aim of the same scenario gets better).
    """
    wanted = set(aims or (*HUMAN_COST, *BACKLOGS))
    at = date if date is not None else str(levels["date"].values[-1])
    found: list[dict[str, object]] = []
    names = levels["scenario"].values
    for name, gain in _gains(levels.sel(date=[at])):
        values = gain[:, :, 0] if levels[name].attrs["better"] == "higher" else -gain[:, :, 0]
        base = np.abs(values[0])
        moved = (gain - gain[0])[:, :, 0]
        least = SIDE_EFFECT * base + 1e-9
        better, worse = (moved > least).mean(axis=1), (-moved > least).mean(axis=1)
        for place, scenario in enumerate(names):
            for effect, share in (("better", better[place]), ("worse", worse[place])):
                if place and float(share) >= SURE:
                    change = values[place] - values[0]
                    some = bool((base > 1e-3 * np.abs(values[place]).max()).all())
                    relative = 100 * float(np.median(change / base)) if some else float("nan")
                    found.append(
                        {
                            "scenario": str(scenario),
                            "outcome": name,
                            "title": str(levels[name].attrs.get("title", name)),
                            "date": at,
                            "effect": effect,
                            "aim": name in wanted,
                            "median": float(np.median(change)),
                            "unit": str(levels[name].attrs.get("units", "")),
                            "median_percent": relative,
                            "share": float(share),
                        }
                    )
    columns = [
        "scenario",
        "outcome",
        "title",
        "date",
        "effect",
        "aim",
        "median",
        "unit",
        "median_percent",
        "share",
    ]
    table = pd.DataFrame(found, columns=columns)
    reached = set(table.loc[table["aim"].astype(bool) & (table["effect"] == "better"), "scenario"])
    table["side_effect"] = (table["effect"] == "worse") & table["scenario"].isin(reached)
    order = {str(s): place for place, s in enumerate(levels["scenario"].values)}
    return table.sort_values("scenario", key=lambda s: s.map(order), kind="stable", ignore_index=True)


def _gains(levels: xr.Dataset) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Outcomes turned so that more is better, over (scenario, draw, date), one at a time."""
    for name in _judged(levels):
        values = levels[name].transpose("scenario", "draw", "date").values.astype(float)
        yield name, values if levels[name].attrs["better"] == "higher" else -values


def _judged(levels: xr.Dataset) -> list[str]:
    return [str(n) for n, a in levels.data_vars.items() if a.attrs.get("better") in ("lower", "higher")]


def _coords(levels: xr.Dataset) -> tuple[list[str], dict[str, list[str]]]:
    names = _judged(levels)
    return names, {dim: [str(x) for x in levels[dim].values] for dim in ("date", "scenario")}


def _stacked(parts: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.stack(parts) if parts else np.zeros((0, *shape))


def _tiny(gain: NDArray[np.float64]) -> float:
    """Differences that are rounding: they make no winner."""
    return 1e-9 * float(np.abs(gain).max(initial=0.0))


def _stability(gain: NDArray[np.float64], tiny: float) -> NDArray[np.float64]:
    """Share of pairs ordered as by the medians, by date."""
    middle = np.median(gain, axis=1)
    order = np.sign(_rounded(middle[:, None] - middle[None, :], tiny))  # scenario, other, date
    same = np.stack(
        [
            (np.sign(_rounded(one - gain, tiny)) == its[:, None]).mean(axis=1)  # other, draw, date
            for one, its in zip(gain, order, strict=True)
        ]
    )
    told = order != 0
    pairs = told.sum(axis=(0, 1))
    total = np.where(told, same, 0.0).sum(axis=(0, 1))
    return np.where(pairs > 0, total / np.maximum(pairs, 1), np.nan)


def _rounded(values: NDArray[np.float64], tiny: float) -> NDArray[np.float64]:
    return np.where(np.abs(values) > tiny, values, 0.0)
