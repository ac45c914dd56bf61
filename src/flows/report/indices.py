"""Figures of indices: over time, inputs by outcomes at one month, and one outcome with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from flows.calendar import label as month_label
from flows.calendar import month_of, time_at_end
from flows.errors import InputError, near
from flows.report.speech import ENGLISH, PER_CENT, Speech
from flows.report.style import (
    GREY,
    INK,
    PALE,
    PALETTE,
    dates_of,
    finish,
    headed,
    panels,
    wrapped,
)
from flows.study.words import percent

_VISIBLE = 0.02  # a first-order index that never reaches this share has no colour of its own

MOST_ROWS = 24
"""Inputs in a table of inputs and outcomes: the strongest."""


def indices_over_time(
    indices: xr.Dataset,
    outcomes: str | Sequence[str],
    *,
    title: str | None = None,
    source: str = "",
    most: int = 7,
    say: Speech = ENGLISH,
) -> Figure:
    """Draw what drives outcomes over time: first-order indices stacked, interactions on top; or Shapley effects.

    Negative estimates are drawn as zero, and where the estimates add up to more than one (both are noise of
    small samples) they are scaled to one. Months in which an outcome has no variance stay blank.

    Parameters
    ----------
    indices : xarray.Dataset
        As in `flows.study.StudyResult`.
    outcomes : str or sequence of str
        A panel each.
    title, source
        As in `trajectories`.
    most : int
        Inputs with a colour of their own: those with the greatest first-order index at any time in any of the
        outcomes. The rest is drawn together.
    say : Speech
        The language of its words.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = outcomes_in(indices, outcomes)
    key = "S1" if "S1" in indices else "Sh"
    first = indices[key].sel(outcome=chosen).clip(min=0)
    size = np.nan_to_num(first.transpose("uncertainty", ...).values).reshape(first.sizes["uncertainty"], -1)
    weight = np.nan_to_num(first.sum("time").max("outcome").transpose("uncertainty").values)
    order = np.argsort(-weight, kind="stable")
    ranked = [str(first["uncertainty"].values[row]) for row in order]
    visible = sum(size[row].max(initial=0.0) >= _VISIBLE for row in order[:most])
    shown, rest = ranked[:visible], ranked[visible:]
    figure, axes = panels(len(chosen), height=2.7)
    handles: dict[str, Artist] = {}
    for axis, name in zip(axes, chosen, strict=True):
        one = first.sel(outcome=name)
        scale = np.maximum(one.sum("uncertainty", skipna=False).values, 1.0)
        layers: list[tuple[str, Any, dict[str, Any]]] = [
            (label, one.sel(uncertainty=label).values / scale, {"color": PALETTE[turn % 7]})
            for turn, label in enumerate(shown)
        ]
        if rest:
            together = one.sel(uncertainty=rest).sum("uncertainty", skipna=False).values / scale
            word = say("{count} other inputs", count=len(rest)) if len(rest) > 1 else say("1 other input")
            layers.append((word, together, {"color": "#BDBDBD"}))
        if key == "S1":
            remainder = 1 - np.sum([values for _, values, _ in layers], axis=0)
            pale = {"facecolor": "#F2F2F2", "hatch": "////", "edgecolor": "#B0B0B0"}
            layers.append((say("interactions (the rest)"), remainder, pale))
        below = np.zeros(one.sizes["time"])
        for label, values, look in layers:
            handles[label] = axis.fill_between(dates_of(one), below, below + values, linewidth=0, **look)
            below = below + values
        axis.set_xlim(*dates_of(one)[[0, -1]])
        finish(axis, str(one["title"].values), "", dates_of(one))
        axis.set_ylim(0, 1)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=PER_CENT))
        axis.set_ylabel("share of variance" + (" (S1)" if key == "S1" else ""))
        if np.isnan(below).any():
            _say_blank(axis, dates_of(one), np.isnan(below), say("no variance"))
    heading = title or say("What drives the outcomes, over time")
    return headed(figure, heading, source, legend=dict(reversed(handles.items())), side=True)


def total_heatmap(
    indices: xr.Dataset,
    *,
    at: str | None,
    title: str | None = None,
    source: str = "",
    outcomes: Sequence[str] = (),
    say: Speech = ENGLISH,
) -> Figure:
    """Draw total-order indices or Shapley effects at one month, or of single numbers: inputs down, outcomes across.

    Parameters
    ----------
    indices : xarray.Dataset
        As in `flows.study.StudyResult`.
    at : str or None
        Month, read at its end, such as ``"2030-12"``; None for results without time.
    title, source
        As in `trajectories`.
    outcomes : sequence of str, optional
        Those shown; all by default.
    say : Speech
        The language of its words.

    Returns
    -------
    matplotlib.figure.Figure
    """
    one, words = moment(indices.sel(outcome=outcomes_in(indices, outcomes or None)), at, say)
    key = "ST" if "ST" in one else "Sh"
    total = one[key].transpose("uncertainty", "outcome")
    weight = np.nan_to_num(total.values, nan=-1).max(axis=1)
    order = np.argsort(-weight, kind="stable")[:MOST_ROWS]
    values = total.values[order]
    half = (0.5 * (one[f"{key}_high"] - one[f"{key}_low"])).transpose("uncertainty", "outcome").values[order]
    texts = np.vectorize(lambda value: _two_digits(value, say("none")), otypes=[object])(values)
    for place in np.argwhere((values >= 0.01) & np.isfinite(half)):
        texts[tuple(place)] += f"\n±{half[tuple(place)]:.2f}"
    level = percent(float(indices.attrs.get("level", 0.95)))
    notes = [
        say("± half of the {level} bootstrap interval.", level=level)
        if key == "ST"
        else say("± half of the {level} interval.", level=level)
    ]
    if np.isnan(values).any():
        notes.append(say("“none”: all runs give the same number."))
    if len(order) < len(weight):
        notes.append(say("The {count} strongest of {all} inputs.", count=len(order), all=len(weight)))
    return cells(
        values,
        rows=[str(name) for name in total["uncertainty"].values[order]],
        columns=[str(name) for name in total["title"].values],
        texts=texts,
        faint=~(values >= 0.01),
        shades="Blues",
        limits=(0, 1),
        label=say("total-order index ST, share of the variance")
        if key == "ST"
        else say("Shapley effect, share of the variance"),
        title=title or say("What matters for which outcome") + words,
        source=" ".join(filter(None, (source, *notes))),
    )


def cells(
    values: NDArray[np.float64],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    texts: NDArray[Any],
    faint: NDArray[np.bool_],
    shades: str,
    limits: tuple[float, float],
    label: str,
    title: str,
    source: str,
    column_width: float = 1.15,
) -> Figure:
    """Draw a table whose cells are shaded by their value and hold it in words.

    Parameters
    ----------
    values : array, shape (rows, columns)
        NaN is grey, or blank where its text is.
    rows, columns : sequence of str
        Their names.
    texts : array of str, shape (rows, columns)
        What stands in the cells.
    faint : array of bool, shape (rows, columns)
        Those that are no more than noise, or nothing: grey text, no shade.
    shades : str
        Name of a colour map; one of two sides where the lower limit is below zero.
    limits : (float, float)
        Values at its ends.
    label : str
        Of the colour bar, with the unit.
    title, source
        As in `trajectories`.
    column_width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [wrapped(name, 34) for name in rows]
    heads = [wrapped(name, int(14 * column_width)) for name in columns]
    lines = [
        1 + max(name.count("\n"), *(str(t).count("\n") for t in row))
        for name, row in zip(names, texts, strict=True)
    ]
    height = sum(0.2 + 0.16 * count for count in lines)
    deepest = max((head.count("\n") + 1 for head in heads), default=1)
    size = (max(3.6 + column_width * len(heads), 6.4), max(1.2 + 0.15 * deepest + height, 2.6))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axis = figure.add_subplot()
    low, high = limits
    blank = np.isnan(values) & (texts == "")
    picture = axis.pcolormesh(
        np.ma.masked_invalid(np.where(faint & np.isfinite(values), 0.0, values)),
        cmap=mpl.colormaps[shades].with_extremes(bad="white" if blank.any() else "#EFEFEF"),
        vmin=low, vmax=high, edgecolors="white" if blank.any() else PALE, linewidth=0.8,
    )  # fmt: skip
    for row, column in np.ndindex(*values.shape):
        value = values[row, column]
        dark = not faint[row, column] and np.isfinite(value) and abs(value) > 0.55 * high
        axis.text(
            column + 0.5, row + 0.5, str(texts[row, column]), ha="center", va="center", fontsize=8,
            color="white" if dark else GREY if faint[row, column] else INK,
        )  # fmt: skip
    axis.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8.5)
    axis.set_xticks(np.arange(len(heads)) + 0.5, heads, fontsize=8.5)
    axis.xaxis.tick_top()
    axis.invert_yaxis()
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(picture, ax=axis, pad=0.02, aspect=30)
    bar.set_label(wrapped(label, max(18, int(13 * height))), fontsize=8.5, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    return headed(figure, title, source)


def _two_digits(value: float, none: str) -> str:
    words = f"{value:.2f}" if np.isfinite(value) else none
    return "0.00" if words == "-0.00" else words


def outcomes_in(dataset: xr.Dataset, outcomes: str | Sequence[str] | None) -> list[str]:
    """Check the labels of outcomes against those that the results hold."""
    known = [str(name) for name in dataset["outcome"].values]
    if outcomes is None:
        return known
    chosen = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    for name in chosen:
        if name not in known:
            raise InputError(f'no outcome "{name}" in the study', remedy=near(name, known))
    return chosen


def moment(indices: xr.Dataset, month: str | None, say: Speech = ENGLISH) -> tuple[xr.Dataset, str]:
    """Read results at the end of a month, and say when that is, for the end of a heading.

    Results without time come back as they are.
    """
    if "time" not in indices.dims or month is None:
        return indices, ""
    time = time_at_end(month)
    times = indices["time"].values
    near_one = int(np.argmin(np.abs(times - time)))
    if abs(times[near_one] - time) > 0.5:
        raise InputError(
            "the month lies outside the study",
            found=month,
            expected=f"{month_label(float(times[0]))} to {month_label(float(times[-1]) - 1)}",
        )
    at = float(times[near_one])
    words = (
        say(", end of {month}", month=say.month(month_of(at - 1)))
        if "date" in indices.coords
        else say(", at time {time}", time=f"{at:g}")
    )
    return indices.isel(time=near_one), words


def _say_blank(axis: Axes, dates: NDArray[np.datetime64], blank: NDArray[np.bool_], word: str) -> None:
    """Say why a part of a panel is empty: in its middle, where there is room."""
    places = np.flatnonzero(blank)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    longest = max(runs, key=len)
    middle: Any = dates[longest[0]] + (dates[longest[-1]] - dates[longest[0]]) / 2
    if len(longest) < 0.06 * len(dates):
        return
    narrow = len(longest) < 0.3 * len(dates)
    axis.text(
        middle, 0.5, word, ha="center", va="center", fontsize=8, color=GREY,
        rotation=90 if narrow else 0,
    )  # fmt: skip
