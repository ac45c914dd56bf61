"""What the model misses, with its size: the worst year of each series, in sample and out of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flows.inputs.misses import Miss
from flows.validation.behaviour import Behaviour, SeriesFit

__all__ = ["COLUMNS", "worst_years"]

COLUMNS = [
    *("series", "part", "year", "observed", "model", "error", "difference", "share", "outside"),
    *("values", "mechanism", "source"),
]


def worst_years(behaviour: Behaviour, misses: Sequence[Miss]) -> pd.DataFrame:
    """Find the year of each series in which the model lies farthest from what was observed.

    Parameters
    ----------
    behaviour : Behaviour
        In sample the run at the model's own constants is judged, out of sample the median of the forecast that is given
        the policies that followed.
    misses : sequence of Miss
        Mechanisms that are likely missing.

    Returns
    -------
    pandas.DataFrame
        A row for each series and part, the largest error first: ``series``, ``part`` (fit, forecast), ``year``
        (calendar year in which spans end), ``observed`` and ``model`` (sum over the year; of a stock or share the
        mean), ``error`` (relative), ``difference``, ``share`` (of the sum of all absolute differences of the part
        that falls into that year), ``outside`` (values of the year outside the 90 % band, of ``values``),
        ``mechanism`` and ``source`` (of the first that speaks of it; empty where none is named).
    """
    rows = []
    for one in behaviour.series:
        for part, column in (("fit", "model"), ("forecast", "median")):
            points = one.points[one.points["part"] == part]
            if len(points):
                rows.append(_worst(one, points, part, column, misses))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("error", key=lambda c: -c.abs(), ignore_index=True)


def _worst(
    one: SeriesFit, points: pd.DataFrame, part: str, column: str, misses: Sequence[Miss]
) -> dict[str, object]:
    years = points["end"].dt.year.to_numpy()
    observed = points["observed"].to_numpy(dtype=float)
    model = points[column].to_numpy(dtype=float)
    off = np.abs(model - observed)
    known = np.unique(years)
    year = int(known[int(np.argmax([abs((model - observed)[years == y].sum()) for y in known]))])
    here = years == year
    add = np.sum if one.target.series.measure == "flow" else np.mean
    seen, made = float(add(observed[here])), float(add(model[here]))
    side = "low" if made < seen else "high"
    middle = float(points["time"].to_numpy(dtype=float)[here].mean())
    low, high = (points[name].to_numpy(dtype=float)[here] for name in ("low90", "high90"))
    explained = next((m for m in misses if m.explains(one.name, middle, side)), None)
    return {
        "series": one.name,
        "part": part,
        "year": year,
        "observed": seen,
        "model": made,
        "error": (made - seen) / seen if seen else float("nan"),
        "difference": made - seen,
        "share": float(off[here].sum() / off.sum()) if off.sum() else float("nan"),
        "outside": int(((observed[here] < low) | (observed[here] > high)).sum()),
        "values": int(here.sum()),
        "mechanism": explained.mechanism if explained else "",
        "source": explained.source if explained else "",
    }
