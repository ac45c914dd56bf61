"""Figures that the sources state beside what comes of the model: what was put in or fitted doesn't count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from flows.claims import Verdict
from flows.claims.statement import Beside, Figure, Side, leaves
from flows.seed_figures import figures_against

__all__ = ["NEAR", "stated_figures"]

NEAR = 0.2
"""Share within which an emergent figure passes without an explanation of its own."""

COLUMNS = [
    *("id", "what", "document", "section", "status", "check", "stated", "low", "high", "model"),
    *("error", "within", "scored", "why"),
]


def stated_figures(verdicts: Sequence[Verdict], run: xr.Dataset) -> pd.DataFrame:
    """List each figure of the sources with its counterpart in the model.

    Parameters
    ----------
    verdicts : sequence of Verdict
        From `flows.claims.evaluate`; statements that compare with a number are taken, whatever kind the claim is.
    run : xarray.Dataset
        The base run, with `flows.seed_figures.figure_variables`; figures that it doesn't cover are left out.

    Returns
    -------
    pandas.DataFrame
        One row a figure: ``id`` (of the claim; empty for a row of ``seed-figures.csv``), ``what``, ``document``,
        ``section``, ``status`` (input, fitted, emergent, put in), ``check`` (the statement or expression),
        ``stated`` with its ends ``low`` and ``high``, ``model``, ``error`` (relative; from the nearer end of a
        range that was stated as one; not a number for a year), ``within`` (by at most 20 %; a year by its own
        range), ``scored`` (emergent only) and ``why`` (what decides, and how the figure is read).
    """
    rows = []
    for verdict in verdicts:
        claim = verdict.claim
        for finding in verdict.findings:
            sides = finding.statement.sides
            figures = [side.source for side in sides if isinstance(side.source, Figure)]
            others = [place for place, side in enumerate(sides) if isinstance(side.source, Beside)]
            if len(sides) != 2 or len(figures) != 1 or len(others) != 1 or finding.statement.signs != ("=",):
                continue
            figure, model = figures[0], finding.values[others[0]]
            ranged = "between" in finding.statement.text
            nearest = float(np.clip(model, figure.low, figure.high)) if ranged else figure.value
            error = (model - nearest) / abs(nearest) if nearest else float("nan")
            year = _is_year(sides[others[0]])
            rows.append(
                {
                    "id": claim.id,
                    "what": claim.statement,
                    "document": claim.document,
                    "section": claim.section,
                    "status": claim.status,
                    "check": finding.statement.text,
                    "stated": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "model": model,
                    "error": float("nan") if year else error,
                    "within": finding.holds if year else abs(error) <= NEAR,
                    "scored": claim.status == "emergent",
                    "why": " ".join(filter(None, (claim.decides, claim.reason))),
                }
            )
    return pd.DataFrame([*rows, *_by_period(run)], columns=COLUMNS)


def _is_year(side: Side) -> bool:
    """Whether a side gives the year of something, of which a fifth says nothing."""
    return side.measure is not None and any(
        leaf.prefix.startswith("year of") for leaf in leaves(side.measure)
    )


def _by_period(run: xr.Dataset) -> list[dict[str, object]]:
    """Figures of ``seed-figures.csv`` that the run covers."""
    table = figures_against(run)
    return [
        {
            "id": "",
            "what": row["figure"],
            "document": row["document"],
            "section": row["section"],
            "status": row["kind"],
            "check": f"{_span(row['period_start'], row['period_end'])}, {row['unit']}",
            "stated": row["value"],
            "low": row["value"],
            "high": row["value_high"],
            "model": row["model"],
            "error": row["error_percent"] / 100,
            "within": abs(row["error_percent"]) <= 100 * NEAR,
            "scored": row["kind"] == "emergent",
            "why": row["note"],
        }
        for row in table[np.isfinite(table["model"])].to_dict("records")
    ]


def _span(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Say a span: a day, years or months."""
    if start == end:
        return f"{end.day} {end:%B %Y}"
    if (start.month, start.day, end.month, end.day) == (1, 1, 12, 31):
        return f"{start:%Y}" if start.year == end.year else f"{start:%Y} to {end:%Y}"
    return f"{start:%B %Y} to {end:%B %Y}"
