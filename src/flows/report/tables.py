"""Tables that set a run beside what was observed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from flows.inputs import Outcome
from flows.observations import observed_against

__all__ = ["fit_summary", "observed_rows", "period_words"]

_SUMMARY = [
    *("outcome", "title", "unit", "period_type", "number", "first", "last", "error", "bias"),
    *("latest", "latest_observed", "latest_model", "latest_error", "source"),
]
_PERIODS = {"instant": 0, "month": 1, "calendar_year": 2, "fiscal_year": 3}


def observed_rows(outcomes: Sequence[Outcome], dataset: xr.Dataset) -> pd.DataFrame:
    """Set one run beside every observed value that the outcomes have a counterpart for.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Those without a series give no rows.
    dataset : xarray.Dataset
        One run.

    Returns
    -------
    pandas.DataFrame
        As `flows.observations.observed_against`, all outcomes below each other, with ``title`` and
        ``outcome_unit``.
    """
    frames = []
    for outcome in outcomes:
        rows = observed_against(outcome, dataset) if outcome.series else None
        if rows is not None and not rows.empty:
            frames.append(rows.assign(title=outcome.title or outcome.name, outcome_unit=outcome.unit))
    if not frames:
        columns = (
            "outcome series period_type period_start period_end observed unit model error_percent source"
        )
        return pd.DataFrame(columns=[*columns.split(), "title", "outcome_unit"])
    return pd.concat(frames, ignore_index=True)


def fit_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise how far a run lies from what was observed, one row an outcome.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `observed_rows`. Where an outcome has spans of several kinds, the finest with at least three values
        is summarised, so that no month is counted twice.

    Returns
    -------
    pandas.DataFrame
        ``outcome, title, unit, period_type, number, first, last`` (periods in words), ``error`` (sum of absolute
        differences over the sum observed), ``bias`` (sum of differences over the sum observed), both in per
        cent, ``latest, latest_observed, latest_model, latest_error``, ``source``.
    """
    found = []
    for name, group in rows.groupby("outcome", sort=False):
        kinds = sorted(group["period_type"].unique(), key=lambda kind: _PERIODS.get(kind, 9))
        chosen = next((k for k in kinds if (group["period_type"] == k).sum() >= 3), kinds[0])
        part = group[group["period_type"] == chosen].sort_values("period_end")
        observed, model = part["observed"].to_numpy(dtype=float), part["model"].to_numpy(dtype=float)
        size = float(np.abs(observed).sum())
        last = part.iloc[-1]
        found.append(
            {
                "outcome": name,
                "title": last["title"],
                "unit": last["unit"],
                "period_type": chosen,
                "number": len(part),
                "first": period_words(part.iloc[0]),
                "last": period_words(last),
                "error": 100 * float(np.abs(model - observed).sum()) / size if size else float("nan"),
                "bias": 100 * float((model - observed).sum()) / size if size else float("nan"),
                "latest": period_words(last),
                "latest_observed": float(last["observed"]),
                "latest_model": float(last["model"]),
                "latest_error": float(last["error_percent"]),
                "source": "; ".join(
                    dict.fromkeys(text for cell in part["source"] for text in str(cell).split("; "))
                ),
            }
        )
    return pd.DataFrame(found, columns=_SUMMARY)


def period_words(row: pd.Series) -> str:
    """Say the span of an observed value: ``August 2024``, ``2023``, ``fiscal year 2023``, ``end of 2023``."""
    kind, start, end = row["period_type"], pd.Timestamp(row["period_start"]), pd.Timestamp(row["period_end"])
    match kind:
        case "month":
            return f"{start:%B %Y}"
        case "calendar_year":
            return f"{end:%Y}"
        case "fiscal_year":
            return f"fiscal year {end:%Y}"
    return span_words(start, end)


def span_words(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Say a span of days as people do."""
    if start == end:
        return f"{end.day} {end:%B %Y}"
    whole = start.day == 1 and end.is_month_end
    if whole and start.month == 1 and end.month == 12:
        return f"{start:%Y}" if start.year == end.year else f"{start:%Y} to {end:%Y}"
    if whole and (start.year, start.month) == (end.year, end.month):
        return f"{start:%B %Y}"
    if whole and start.month == 10 and end.month == 9:
        years = f"{start.year + 1}" if end.year == start.year + 1 else f"{start.year + 1} to {end.year}"
        return f"fiscal year {years}" if end.year == start.year + 1 else f"fiscal years {years}"
    if whole:
        return f"{start:%B %Y} to {end:%B %Y}"
    return f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"
