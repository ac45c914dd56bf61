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


def spread(array: xr.DataArray, better: str) -> Spread:
    """Compare every draw with the baseline's run on the same draw; each end over (scenario,)."""
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
    rows = []
    for position, scenario in enumerate(scenarios):
        for key, array in measures.items():
            name, date, measure = key
            outcome = by_name[name]
            value, base = float(array.values[position]), float(array.values[0])
            unit = outcome.unit
            like = not adds_up(unit) or starts[position] == starts[0]
            if not like:  # added up from another date: nothing to compare with
                base = float("nan")
            if measure == TOTAL:
                unit = outcome.unit.replace(" ", "").removesuffix("/Month")
            rows.append(
                {
                    "scenario": scenario.name,
                    "title": scenario.title,
                    "outcome": name,
                    "outcome_title": outcome.title or name,
                    "unit": unit,
                    "date": date,
                    "measure": measure,
                    "value": value,
                    "baseline": base,
                    "difference": value - base,
                    "difference_percent": _percent(value, base),
                    **_ends(spreads.get(key) if like else None, position),
                    "human_cost": name in HUMAN_COST,
                    "better": outcome.better,
                    "caveat": CAVEAT,
                }
            )
    return pd.DataFrame(rows)


def _ends(spread: Spread | None, position: int) -> dict[str, float]:
    names = [field.name for field in fields(Spread)]
    return {name: float(getattr(spread, name)[position]) if spread else float("nan") for name in names}


def _percent(value: float, base: float) -> float:
    """Change in per cent; not a number where the baseline is nothing beside the value, and 0 between nothings."""
    if value == base:
        return 0.0
    return 100 * (value - base) / abs(base) if abs(base) > _NOTHING * abs(value) else float("nan")
