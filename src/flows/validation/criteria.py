"""What has to hold of the model's fit and forecast, with what came out: the same numbers for the page and the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flows.validation.behaviour import Behaviour

__all__ = ["Criterion", "criteria", "judged_out_of_sample", "pooled_in_sample", "pooled_out_of_sample"]

BAND = (0.80, 0.97)
"""Share of in-sample points that a band of 90 % must hold."""

HALF = 0.5


@dataclass(frozen=True)
class Criterion:
    """Something that has to hold.

    Attributes
    ----------
    what : str
    target : str
    found : str
    met : bool
    """

    what: str
    target: str
    found: str
    met: bool


def criteria(behaviour: Behaviour, figures: pd.DataFrame) -> tuple[Criterion, ...]:
    """Hold the results against what was asked of them.

    Parameters
    ----------
    behaviour : Behaviour
    figures : pandas.DataFrame
        From `flows.validation.sources.stated_figures`.

    Returns
    -------
    tuple of Criterion
        Errors of the series that carry a limit; coverage of the 90 % bands, in sample over all fitted series; emergent
        figures of the sources; skill against the last value.
    """
    found = []
    for one in behaviour.series:
        limit = one.target.series.limit
        if limit is not None:
            error = one.statistics["wmape"]
            found.append(
                Criterion(
                    f"{_upper(one.name)}: weighted error in sample",
                    f"under {100 * limit:.0f}\N{NO-BREAK SPACE}%",
                    f"{100 * error:.1f}\N{NO-BREAK SPACE}%",
                    error < limit,
                )
            )
    inside, count = _pooled(behaviour, "coverage90", "n")
    found.append(
        Criterion(
            "Share of observed values within the 90\N{NO-BREAK SPACE}% bands, in sample",
            f"{100 * BAND[0]:.0f} to {100 * BAND[1]:.0f}\N{NO-BREAK SPACE}%",
            f"{100 * inside:.0f}\N{NO-BREAK SPACE}% of {count:,}",
            BAND[0] <= inside <= BAND[1],
        )
    )
    scored = figures[figures["scored"]]
    near = int(scored["within"].sum())
    told = int((~scored["within"] & (scored["why"] != "")).sum())
    found.append(
        Criterion(
            "Emergent figures of the sources",
            "within 20\N{NO-BREAK SPACE}%, or explained one by one",
            f"{near} of {len(scored)} within 20\N{NO-BREAK SPACE}%, {told} explained below",
            near + told == len(scored),
        )
    )
    judged = judged_out_of_sample(behaviour)
    better = int((judged["skill_last_policies"] > 0).sum())
    found.append(
        Criterion(
            "Forecast better than the last value, policies given (2023 on)",
            "at least half of the series",
            f"{better} of {len(judged)}",
            better >= HALF * len(judged),
        )
    )
    return tuple(found)


def judged_out_of_sample(behaviour: Behaviour) -> pd.DataFrame:
    """List the series that were fitted and have values in the test of the forecast, one row of statistics each."""
    table = behaviour.table()
    if "n_out" not in table:
        return table.iloc[:0].assign(skill_last_policies=[])
    fitted = table["role"] == "fit"
    kept = fitted & (table["n_out"] > 0) & np.isfinite(table["skill_last_policies"])
    return pd.DataFrame(table[kept.to_numpy(dtype=bool)])


def _pooled(behaviour: Behaviour, share: str, count: str) -> tuple[float, int]:
    """A share over all values of the fitted series, and how many values there are."""
    fitted = [one.statistics for one in behaviour.series if one.target.series.role == "fit"]
    numbers: Sequence[float] = [s.get(count, 0.0) for s in fitted]
    total = float(sum(numbers))
    inside = sum(s.get(share, 0.0) * n for s, n in zip(fitted, numbers, strict=True))
    return (inside / total if total else float("nan")), int(total)


def pooled_out_of_sample(behaviour: Behaviour) -> tuple[float, float, int]:
    """Shares of the values of the test within the 50 and 90 % bands, over all fitted series, and their number."""
    half, count = _pooled(behaviour, "coverage50_out", "n_out")
    most, _ = _pooled(behaviour, "coverage90_out", "n_out")
    return half, most, count


def pooled_in_sample(behaviour: Behaviour) -> tuple[float, float, int]:
    """Shares of the fitted values within the 50 and 90 % bands, over all fitted series, and their number."""
    half, count = _pooled(behaviour, "coverage50", "n")
    most, _ = _pooled(behaviour, "coverage90", "n")
    return half, most, count


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
