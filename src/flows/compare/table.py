"""Outcomes of scenarios in one tidy table: levels, differences, and what draws say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare.measures import HUMAN_COST, TOTAL, Measures, adds_up
from flows.inputs import Outcome, Scenario

CAVEAT = (
    "Not a forecast: what would follow if the model's structure and numbers held. Read differences between "
    "scenarios, with the human-cost outcomes beside them; events, files and people are different counts."
)
"""One line that goes with every table and picture."""

LEVEL = 0.90
"""Of the interval of a difference across draws."""

_NOTHING = 1e-3  # a baseline below this share of the value is no ground for a per cent change


@dataclass(frozen=True, eq=False)
class Spread:
    """Median and central interval across draws of a difference, in the outcome's unit and in per cent."""

    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    median_percent: NDArray[np.float64]
    low_percent: NDArray[np.float64]
    high_percent: NDArray[np.float64]
    probability_lower: NDArray[np.float64]
    probability_higher: NDArray[np.float64]
    share_best: NDArray[np.float64]
    regret: NDArray[np.float64]
    regret_high: NDArray[np.float64]


def spread(array: xr.DataArray, better: str, *, among: NDArray[np.bool_] | None = None) -> Spread:
    """Compare every draw with the baseline's run on the same draw; each end over (scenario,).

    Scenarios that `among` leaves out are compared with none, and their ends are NaN.
    """
    if among is not None and not among.all():
        part = spread(array.isel(scenario=np.flatnonzero(among)), better)
        ends = {field.name: np.full(len(among), np.nan) for field in fields(Spread)}
        for name, end in ends.items():
            end[among] = getattr(part, name)
        return Spread(**ends)
    values = array.transpose("scenario", "draw").values
    difference = values - values[0]
    base = np.abs(values[0])
    some = bool((base > _NOTHING * np.abs(values).max()).all())
    relative = 100 * difference / base if some else np.full_like(difference, np.nan)
    places = [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2]
    behind = np.full_like(values, np.nan)
    if better == "lower":
        behind = values - values.min(axis=0)
    elif better == "higher":
        behind = values.max(axis=0) - values
    tiny = 1e-9 * np.abs(values).max(initial=0.0)  # rounding makes no winner
    best = (behind <= tiny).mean(axis=1) if better != "neither" else behind.mean(axis=1)
    middle, low, high = np.quantile(difference, places, axis=1)
    middle_percent, low_percent, high_percent = np.quantile(relative, places, axis=1)
    return Spread(
        median=middle,
        low=low,
        high=high,
        median_percent=middle_percent,
        low_percent=low_percent,
        high_percent=high_percent,
        probability_lower=(difference < -tiny).mean(axis=1),
        probability_higher=(difference > tiny).mean(axis=1),
        share_best=best,
        regret=behind.mean(axis=1),
        regret_high=np.quantile(behind, places[2], axis=1),
    )


def make_table(
    scenarios: Sequence[Scenario],
    outcomes: Sequence[Outcome],
    measures: Measures,
    spreads: Mapping[tuple[str, str, str], Spread],
    starts: Sequence[float],
) -> pd.DataFrame:
    """Tabulate every scenario, outcome, date and measure, as `Comparison.table` says."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    keys = list(measures)
    runs = len(scenarios)

    def of_scenarios(texts: Sequence[str]) -> NDArray[np.object_]:
        return np.repeat(np.array(texts, dtype=object), len(keys))

    def of_keys(told: Sequence[str | bool]) -> NDArray[np.object_]:
        return np.tile(np.array(told, dtype=object), runs)

    of = [by_name[name] for name, _, _ in keys]
    values = np.stack(
        [np.asarray(measures[key].values, dtype=float) for key in keys], axis=1
    )  # scenario, key
    # what is added up from another date has nothing to be compared with
    like = ~np.array([adds_up(o.unit) for o in of]) | (np.asarray(starts) == starts[0])[:, None]
    base = np.where(like, values[0], np.nan)
    ends = {}
    for field in fields(Spread):
        parts = [
            getattr(spreads[key], field.name) if key in spreads else np.full(runs, np.nan) for key in keys
        ]
        ends[field.name] = np.where(like, np.stack(parts, axis=1), np.nan).ravel()
    units = [
        o.unit.replace(" ", "").removesuffix("/Month") if measure == TOTAL else o.unit
        for o, (_, _, measure) in zip(of, keys, strict=True)
    ]
    return pd.DataFrame(
        {
            "scenario": of_scenarios([s.name for s in scenarios]),
            "title": of_scenarios([s.title for s in scenarios]),
            "outcome": of_keys([o.name for o in of]),
            "outcome_title": of_keys([o.title or o.name for o in of]),
            "unit": of_keys(units),
            "date": of_keys([date for _, date, _ in keys]),
            "measure": of_keys([measure for _, _, measure in keys]),
            "value": values.ravel(),
            "baseline": base.ravel(),
            "difference": (values - base).ravel(),
            "difference_percent": _percent(values, base).ravel(),
            **ends,
            "human_cost": of_keys([o.name in HUMAN_COST for o in of]).astype(bool),
            "better": of_keys([o.better for o in of]),
            "caveat": CAVEAT,
        }
    )


def _percent(value: NDArray[np.float64], base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change in per cent; not a number where the baseline is nothing beside the value, and 0 between nothings."""
    some = np.abs(base) > _NOTHING * np.abs(value)
    change = 100 * (value - base) / np.where(some, np.abs(base), 1.0)
    return np.where(value == base, 0.0, np.where(some, change, np.nan))
