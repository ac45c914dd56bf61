"""Figures of a validation: a series beside its bands, a sector alone, projections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flows.calendar import time_at_end, to_date
from flows.report.style import GREY, INK, PALETTE, finish, headed
from flows.validation.behaviour import SeriesFit
from flows.validation.sectors import Alone

__all__ = ["alone_figure", "next_month", "projection_figure", "series_figure"]

BLUE, ORANGE, GREEN = PALETTE[0], PALETTE[1], PALETTE[2]
_WIDE, _NARROW = 4.5, 1.6  # points: whiskers of half and of nine tenths


def series_figure(one: SeriesFit, fit_until: str, *, unit: str) -> Figure:
    """Draw a series: observed, the model's run, bands in and out of sample, and the naive forecast.

    Parameters
    ----------
    one : SeriesFit
    fit_until : str
        Last month fitted; a line stands at its end.
    unit : str
        Of the values, as the model writes it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = _panel()
    handles: dict[str, Artist] = {}
    monthly = one.target.series.span == "month"
    past, ahead = one.part("fit"), one.part("forecast")
    _band(axis, past, "", BLUE, monthly, handles, "fit")
    (handles["model, its own constants"],) = axis.plot(
        _at(past), past["model"], color=BLUE, linewidth=1.2, marker="" if monthly else "_", markersize=5
    )
    if len(ahead):
        _band(axis, ahead, "", ORANGE, monthly, handles, "forecast, policies as they followed")
        style: dict[str, Any] = {"linewidth": 1.2, "marker": "" if monthly else "_", "markersize": 6}
        (handles["forecast, policies of December 2022"],) = axis.plot(
            _at(ahead), ahead["frozen_median"], color=GREEN, linestyle=(0, (4, 2)), **style
        )
        (handles["naive forecast: last value"],) = axis.plot(
            _at(ahead), ahead["last"], color=GREY, linestyle=(0, (1, 1.5)), **style
        )
    every = pd.concat([past, ahead])
    (handles["observed"],) = axis.plot(
        _at(every), every["observed"], linestyle="none", marker="o", markersize=2.4 if monthly else 3.6,
        markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.7, zorder=5,
    )  # fmt: skip
    _limit(axis, every)
    finish(axis, "", unit, np.asarray(_at(every)), mark=(next_month(fit_until), "not fitted"), word=True)
    axis.margins(x=0.015)
    return headed(figure, one.name, "", legend=handles)


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.0, 3.2), layout="constrained", facecolor="white")
    return figure, figure.subplots()


def _at(rows: pd.DataFrame) -> Any:
    """Dates of the middles of spans, or of instants."""
    return rows["start"] + (rows["end"] - rows["start"]) / 2


def next_month(month: str) -> str:
    """Give the month after.

    Examples
    --------
    >>> next_month("2022-12")
    '2023-01'
    """
    year, number = map(int, month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def _band(
    axis: Axes,
    rows: pd.DataFrame,
    prefix: str,
    colour: str,
    monthly: bool,
    handles: dict[str, Artist],
    what: str,
) -> None:
    """Shade nine tenths and half, month by month, or as whiskers where values stand a year apart."""
    dates = _at(rows)
    for level, alpha, width in ((90, 0.2, _NARROW), (50, 0.4, _WIDE)):
        low, high = rows[f"{prefix}low{level}"], rows[f"{prefix}high{level}"]
        name = f"{what}: {level} % band"
        if monthly:
            handles[name] = axis.fill_between(dates, low, high, color=colour, alpha=alpha, linewidth=0)
        else:
            shade = mpl.colors.to_rgb(colour)
            handles[name] = axis.vlines(
                dates, low, high, color=[(*shade, alpha + 0.15)], linewidth=width, zorder=2
            )


def _limit(axis: Axes, rows: pd.DataFrame) -> None:
    """Show every observed value, and let no tail of a band squeeze them."""
    shown = float(np.nanmax([rows["observed"].max(), rows["model"].max()]))
    top = float(np.nanmax(rows["high90"]))
    axis.set_ylim(0, max(1.05 * shown, min(1.05 * top, 2.2 * shown)) if shown > 0 else None)


def alone_figure(found: Alone, outcome: str, *, unit: str) -> Figure:
    """Draw what comes of a sector on its own beside the whole model and what was observed."""
    rows = found.rows[found.rows["outcome"] == outcome]
    dates = rows["period_end"].where(
        rows["period_type"] == "instant",
        rows["period_start"] + (rows["period_end"] - rows["period_start"]) / 2,
    )
    figure, axis = _panel()
    handles: dict[str, Artist] = {}
    (handles["sector alone, on observed inflow"],) = axis.plot(
        dates, rows["model"], color=BLUE, linewidth=1.6
    )
    (handles["whole model"],) = axis.plot(
        dates, rows["whole"], color=ORANGE, linewidth=1.2, linestyle=(0, (4, 2))
    )
    (handles["observed"],) = axis.plot(
        dates, rows["observed"], linestyle="none", marker="o", markersize=3.6,
        markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.8, zorder=4,
    )  # fmt: skip
    finish(axis, "", unit, np.asarray(dates))
    axis.margins(x=0.02)
    axis.set_ylim(bottom=0)
    return headed(figure, found.sector.title, "", legend=handles)


def projection_figure(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw projections of open cases year by year, the model's as lines and the arithmetic by hand as points."""
    figure, axis = _panel()
    handles: dict[str, Artist] = {}
    for place, (name, title) in enumerate(titles.items()):
        rows = table[table["id"] == name]
        dates = _ends(rows["date"])
        (handles[title],) = axis.plot(
            dates, rows["pending"], color=PALETTE[place], linewidth=1.5,
            linestyle=("-", (0, (5, 2)), (0, (2, 1.5)))[place % 3],
        )  # fmt: skip
        (handles["arithmetic by hand"],) = axis.plot(
            dates, rows["by_hand"], linestyle="none", marker="o", markersize=3,
            markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.7, zorder=4,
        )  # fmt: skip
    finish(axis, "", "Case", _ends(table["date"]))
    axis.margins(x=0.02)
    axis.set_ylim(bottom=0)
    return headed(figure, "Projections", "", legend=handles)


def _ends(months: Iterable[str]) -> Any:
    """Ends of months as dates."""
    return np.array([to_date(time_at_end(month)) for month in months], dtype="datetime64[ns]")
