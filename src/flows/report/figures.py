"""Figures of outcomes over time, and all others by their names.

Each function takes labelled results and returns a matplotlib Figure; none keeps global state.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from flows.calendar import time_at_end
from flows.errors import InputError, near
from flows.inputs import Outcome
from flows.report.indices import (
    cells,
    indices_over_time,
    moment,
    outcomes_in,
    total_heatmap,
)
from flows.report.speech import ENGLISH, Speech
from flows.report.style import GREY, INK, PALETTE, dates_of, finish, headed, panels, save, unit_words

__all__ = [
    "PALETTE",
    "cells",
    "comparison",
    "fan",
    "indices_over_time",
    "moment",
    "save",
    "total_heatmap",
    "trajectories",
    "unit_words",
]

_DASHES: tuple[Any, ...] = (
    *("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5))),
    (0, (9, 2, 1, 1.5, 1, 2)),
)
_MOST_PALE = 60  # pale lines; more become an area
_MOST_TOLD = len(_DASHES)  # lines that a reader can follow in one panel
_FAINT = "#C4C4C4"


def trajectories(
    dataset: xr.Dataset,
    outcomes: Sequence[str | Outcome],
    *,
    observed: pd.DataFrame | None = None,
    title: str | None = None,
    source: str = "",
    mark: tuple[str, str] | None = None,
) -> Figure:
    """Draw outcomes of one run over time, a panel each, with what was observed.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run, as `flows.simulate` returns it: variables over ``time``, with the coordinate ``date``.
    outcomes : sequence of str or Outcome
        Variables of the dataset, or outcomes that are computed from it.
    observed : pandas.DataFrame, optional
        Rows as from `flows.observations.observed_against`: ``outcome, period_type, period_start, period_end,
        observed``. A total over a span is drawn as its mean per month where the outcome is per month.
    title : str, optional
        Above the figure.
    source : str
        Below it.
    mark : (str, str), optional
        A month such as ``"2026-01"`` and a word for it: a vertical line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = panels(len(outcomes))
    handles: dict[str, Artist] = {}
    for position, (axis, outcome) in enumerate(zip(axes, outcomes, strict=True)):
        name, heading, unit, values = _outcome(dataset, outcome)
        (line,) = axis.plot(dates_of(values), values.values, color=PALETTE[0], linewidth=1.8, zorder=3)
        handles["model"] = line
        if observed is not None:
            handles |= _draw_observed(axis, observed[observed["outcome"] == name], unit)
        finish(axis, heading, unit, dates_of(values), mark=mark, word=position == 0)
    return headed(figure, title or "Outcomes over time", source, legend=handles if len(handles) > 1 else None)


def comparison(
    dataset: xr.Dataset,
    outcomes: Sequence[str | Outcome],
    *,
    baseline: str,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    source: str = "",
    mark: tuple[str, str] | None = None,
    start: str | None = None,
    highlight: int = 5,
) -> Figure:
    """Draw scenarios over time, a panel per outcome, with the baseline in grey.

    The first few scenarios have a colour, a dash and a letter at the end of their line; all others are thin and
    pale, for more than five lines can't be told apart.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over (scenario, time).
    outcomes : sequence of str or Outcome
        Variables of the dataset, or outcomes that are computed from it.
    baseline : str
        The scenario that the others are compared with.
    labels : mapping, optional
        Words for scenarios in the legend.
    title, source, mark
        As in `trajectories`.
    start : str, optional
        First month shown, such as ``"2022-01"``.
    highlight : int
        How many scenarios, in their order, have a colour of their own; at most five.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The baseline is not among the scenarios.
    """
    names = [str(name) for name in dataset["scenario"].values]
    if baseline not in names:
        raise InputError(f'no scenario "{baseline}" to compare with', remedy=near(baseline, names))
    figure, axes = panels(len(outcomes))
    handles: dict[str, Artist] = {}
    others = [name for name in names if name != baseline]
    told, pale = others[: min(highlight, _MOST_TOLD)], others[min(highlight, _MOST_TOLD) :]
    letters = dict(zip(told, "ABCDE", strict=False)) if len(told) > 1 else {}
    for position, (axis, outcome) in enumerate(zip(axes, outcomes, strict=True)):
        _, heading, unit, values = _outcome(dataset, outcome)
        if start is not None:
            values = values.sel(time=slice(time_at_end(start) - 1, None))
        dates = dates_of(values)
        (line,) = axis.plot(dates, values.sel(scenario=baseline).values, color=GREY, linewidth=3, zorder=2)
        handles[_word(labels, baseline)] = line
        for turn, name in enumerate(told):
            (line,) = axis.plot(
                dates,
                values.sel(scenario=name).values,
                color=PALETTE[turn],
                linestyle=_DASHES[turn],
                linewidth=1.7,
                zorder=3,
            )
            handles[f"{letters[name]}: {_word(labels, name)}" if letters else _word(labels, name)] = line
        if len(pale) > _MOST_PALE:
            spread = values.sel(scenario=pale)
            ends = (spread.min("scenario").values, spread.max("scenario").values)
            area = axis.fill_between(dates, *ends, color=_FAINT, alpha=0.6, linewidth=0, zorder=1)
            handles[f"{_pale_words(pale)}, from the least to the most"] = area
        for name in pale if len(pale) <= _MOST_PALE else ():
            (line,) = axis.plot(
                dates, values.sel(scenario=name).values, color=_FAINT, linewidth=0.8, zorder=1
            )
            handles[_pale_words([_word(labels, one) for one in pale])] = line
        finish(axis, heading, unit, dates, mark=mark, word=position == 0)
        _letter(
            axis, list(letters.values()), [float(values.sel(scenario=name).values[-1]) for name in letters]
        )
    return headed(figure, title or "Scenarios against the baseline", source, legend=handles)


def fan(
    bands: xr.Dataset,
    outcomes: str | Sequence[str],
    *,
    observed: pd.DataFrame | None = None,
    title: str | None = None,
    source: str = "",
    mark: tuple[str, str] | None = None,
    say: Speech = ENGLISH,
) -> Figure:
    """Draw the bands of outcomes over time: median, middle half, and nine tenths of the runs.

    Parameters
    ----------
    bands : xarray.Dataset
        As in `flows.study.StudyResult`.
    outcomes : str or sequence of str
        A panel each.
    observed, title, source, mark
        As in `trajectories`.
    say : Speech
        The language of its words.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = outcomes_in(bands, outcomes)
    figure, axes = panels(len(chosen))
    handles: dict[str, Artist] = {}
    for position, (axis, name) in enumerate(zip(axes, chosen, strict=True)):
        one = bands["value"].sel(outcome=name)
        dates, unit = dates_of(one), str(one["unit"].values)
        low, lower, middle, upper, high = (one.sel(quantile=q).values for q in (0.05, 0.25, 0.5, 0.75, 0.95))
        handles[say("90 % of the runs")] = axis.fill_between(
            dates, low, high, color=PALETTE[5], alpha=0.35, linewidth=0
        )
        handles[say("50 % of the runs")] = axis.fill_between(
            dates, lower, upper, color=PALETTE[0], alpha=0.45, linewidth=0
        )
        (handles[say("median")],) = axis.plot(dates, middle, color=PALETTE[0], linewidth=1.6)
        if observed is not None:
            handles |= _draw_observed(axis, observed[observed["outcome"] == name], unit)
        finish(axis, str(one["title"].values), unit, dates, mark=mark, word=position == 0)
        axis.set_ylabel(say.axis(axis.get_ylabel(), say.unit_of(name, unit)))
    heading = title or say("How far the uncertainties spread the outcomes")
    return headed(figure, heading, source, legend=handles)


def _outcome(dataset: xr.Dataset, outcome: str | Outcome) -> tuple[str, str, str, xr.DataArray]:
    """Name, heading, unit and values of an outcome."""
    if isinstance(outcome, Outcome):
        return outcome.name, outcome.title or outcome.name, outcome.unit, outcome.values(dataset)
    if outcome not in dataset:
        raise InputError(f'no variable "{outcome}" in the result', remedy=near(outcome, map(str, dataset)))
    values = dataset[outcome]
    return outcome, outcome, str(values.attrs.get("units", "")), values


def _draw_observed(axis: Axes, rows: pd.DataFrame, unit: str) -> dict[str, Artist]:
    """Draw observed values: a point for a month or an instant, a line over its span for a longer total."""
    handles: dict[str, Artist] = {}
    if rows.empty:
        return handles
    per_month = unit.replace(" ", "").lower().endswith("/month")
    start, end = pd.to_datetime(rows["period_start"]), pd.to_datetime(rows["period_end"])
    months = ((end.dt.year - start.dt.year) * 12 + end.dt.month - start.dt.month + 1).to_numpy()
    value = rows["observed"].to_numpy(dtype=float)
    long = months > 1
    if per_month:
        value = value / months
        if long.any():
            handles["observed, mean over a year"] = axis.hlines(
                value[long], start[long], end[long], color=INK, linewidth=1.6, zorder=4
            )
    points = ~long if per_month else np.ones(len(rows), dtype=bool)
    if points.any():
        place = start + (end - start) / 2 if per_month else end
        (handles["observed"],) = axis.plot(
            place[points], value[points], linestyle="none", marker="o", markersize=2.8,
            markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.7, zorder=4,
        )  # fmt: skip
    return handles


def _letter(axis: Axes, letters: Sequence[str], ends: Sequence[float]) -> None:
    """Put a letter beside the right end of each line, apart where lines end close together, and lead to it."""
    low, high = axis.get_ylim()
    gap = 0.085
    order = np.argsort(ends, kind="stable")
    places = [(ends[line] - low) / (high - low) for line in order]
    for _ in range(200):  # few letters: pushing neighbours apart settles soon
        for lower, upper in itertools.pairwise(range(len(places))):
            short = gap - (places[upper] - places[lower])
            if short > 1e-9:
                places[lower] -= short / 2
                places[upper] += short / 2
        places = [min(max(place, 0.0), 1.0) for place in places]
    aside = offset_copy(axis.transAxes, fig=axis.get_figure(root=True), x=9, units="points")
    for line, place in zip(order, places, strict=True):
        end = (ends[line] - low) / (high - low)
        lead = {"arrowstyle": "-", "color": PALETTE[line], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
        axis.annotate(
            letters[line], (1, end), xycoords="axes fraction", xytext=(1, place),
            textcoords=aside, arrowprops=lead, fontsize=8.5, fontweight="bold", color=PALETTE[line], va="center",
            annotation_clip=False,
        )  # fmt: skip


def _pale_words(names: Sequence[str]) -> str:
    """Name the pale lines where they are few, and count them where they are many."""
    return " / ".join(names) if len(names) < 3 else f"{len(names)} other scenarios"


def _word(labels: Mapping[str, str] | None, name: str) -> str:
    return (labels or {}).get(name, name)
