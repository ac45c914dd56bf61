"""Figures: each function takes labelled results and returns a matplotlib Figure; none keeps global state.

All figures have a title, a unit on each axis that has one, calendar dates, and a source line. Colours are
those of Okabe & Ito (2008), which people with any common form of colour blindness can tell apart; a quantity
is shaded in one hue, from white, and everything without a meaning of its own is grey.

References
----------
Okabe, M., Ito, K. (2008). Color universal design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from flows import provenance
from flows.calendar import label as month_label
from flows.calendar import time_at_end, to_date
from flows.errors import InputError, near
from flows.inputs import Outcome

__all__ = [
    "PALETTE",
    "cells",
    "comparison",
    "fan",
    "indices_bars",
    "indices_over_time",
    "moment",
    "save",
    "total_heatmap",
    "trajectories",
    "unit_words",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Okabe & Ito (2008) without black; yellow last, for it is faint on white."""

INK, GREY, PALE = "#222222", "#7F7F7F", "#D9D9D9"
_DATES: Any = matplotlib.dates  # whose functions carry no types
_DASHES: tuple[Any, ...] = (
    *("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5))),
    (0, (9, 2, 1, 1.5, 1, 2)),
)
_MOST_TOLD = len(_DASHES)  # lines that a reader can follow in one panel
_FAINT = "#C4C4C4"

_VISIBLE = 0.02  # a first-order index that never reaches this share has no colour of its own
_INCHES_PER_LETTER = 0.076  # of the legends' letters, on average

_UNITS = {
    "": "",
    "1": "",
    "dmnl": "index",
    "person": "people",
    "case": "cases",
    "event": "events",
    "month": "months",
    "year": "years",
    "day": "days",
    "persons": "people",
    "person*month": "person-months",
    "month*person": "person-months",
}


# Panels -------------------------------------------------------------------------------------------


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
    figure, axes = _panels(len(outcomes))
    handles: dict[str, Artist] = {}
    for position, (axis, outcome) in enumerate(zip(axes, outcomes, strict=True)):
        name, heading, unit, values = _outcome(dataset, outcome)
        (line,) = axis.plot(_dates(values), values.values, color=PALETTE[0], linewidth=1.8, zorder=3)
        handles["model"] = line
        if observed is not None:
            handles |= _draw_observed(axis, observed[observed["outcome"] == name], unit)
        _finish(axis, heading, unit, _dates(values), mark=mark, word=position == 0)
    return _headed(
        figure, title or "Outcomes over time", source, legend=handles if len(handles) > 1 else None
    )


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
    figure, axes = _panels(len(outcomes))
    handles: dict[str, Artist] = {}
    others = [name for name in names if name != baseline]
    told, pale = others[: min(highlight, _MOST_TOLD)], others[min(highlight, _MOST_TOLD) :]
    letters = dict(zip(told, "ABCDE", strict=False)) if len(told) > 1 else {}
    for position, (axis, outcome) in enumerate(zip(axes, outcomes, strict=True)):
        _, heading, unit, values = _outcome(dataset, outcome)
        if start is not None:
            values = values.sel(time=slice(time_at_end(start) - 1, None))
        dates = _dates(values)
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
        for name in pale:
            (line,) = axis.plot(
                dates, values.sel(scenario=name).values, color=_FAINT, linewidth=0.8, zorder=1
            )
            handles[_pale_words([_word(labels, one) for one in pale])] = line
        _finish(axis, heading, unit, dates, mark=mark, word=position == 0)
        ends = [float(values.sel(scenario=name).values[-1]) for name in letters]
        _letter(axis, list(letters.values()), ends)
    return _headed(figure, title or "Scenarios against the baseline", source, legend=handles)


def fan(
    bands: xr.Dataset,
    outcomes: str | Sequence[str],
    *,
    observed: pd.DataFrame | None = None,
    title: str | None = None,
    source: str = "",
    mark: tuple[str, str] | None = None,
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = _chosen(bands, outcomes)
    figure, axes = _panels(len(chosen))
    handles: dict[str, Artist] = {}
    for position, (axis, name) in enumerate(zip(axes, chosen, strict=True)):
        one = bands["value"].sel(outcome=name)
        dates, unit = _dates(one), str(one["unit"].values)
        low, lower, middle, upper, high = (one.sel(quantile=q).values for q in (0.05, 0.25, 0.5, 0.75, 0.95))
        handles["90 % of the runs"] = axis.fill_between(
            dates, low, high, color=PALETTE[5], alpha=0.35, linewidth=0
        )
        handles["50 % of the runs"] = axis.fill_between(
            dates, lower, upper, color=PALETTE[0], alpha=0.45, linewidth=0
        )
        (handles["median"],) = axis.plot(dates, middle, color=PALETTE[0], linewidth=1.6)
        if observed is not None:
            handles |= _draw_observed(axis, observed[observed["outcome"] == name], unit)
        _finish(axis, str(one["title"].values), unit, dates, mark=mark, word=position == 0)
    heading = title or "How far the uncertainties spread the outcomes"
    return _headed(figure, heading, source, legend=handles)


MOST_ROWS = 24
"""Inputs in a table of inputs and outcomes: the strongest."""


# Sobol indices ------------------------------------------------------------------------------------


def indices_over_time(
    indices: xr.Dataset,
    outcomes: str | Sequence[str],
    *,
    title: str | None = None,
    source: str = "",
    most: int = 7,
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = _chosen(indices, outcomes)
    key = "S1" if "S1" in indices else "Sh"
    first = indices[key].sel(outcome=chosen).clip(min=0)
    size = np.nan_to_num(first.transpose("uncertainty", ...).values).reshape(first.sizes["uncertainty"], -1)
    weight = np.nan_to_num(first.sum("time").max("outcome").transpose("uncertainty").values)
    order = np.argsort(-weight, kind="stable")
    ranked = [str(first["uncertainty"].values[row]) for row in order]
    visible = sum(size[row].max(initial=0.0) >= _VISIBLE for row in order[:most])
    shown, rest = ranked[:visible], ranked[visible:]
    figure, axes = _panels(len(chosen), height=2.7)
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
            layers.append((f"{len(rest)} other input{'s' * (len(rest) > 1)}", together, {"color": "#BDBDBD"}))
        if key == "S1":
            remainder = 1 - np.sum([values for _, values, _ in layers], axis=0)
            pale = {"facecolor": "#F2F2F2", "hatch": "////", "edgecolor": "#B0B0B0"}
            layers.append(("interactions (the rest)", remainder, pale))
        below = np.zeros(one.sizes["time"])
        for label, values, look in layers:
            handles[label] = axis.fill_between(_dates(one), below, below + values, linewidth=0, **look)
            below = below + values
        axis.set_xlim(*_dates(one)[[0, -1]])
        _finish(axis, str(one["title"].values), "", _dates(one))
        axis.set_ylim(0, 1)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.set_ylabel("share of variance" + (" (S1)" if key == "S1" else ""))
        if np.isnan(below).any():
            _say_blank(axis, _dates(one), np.isnan(below))
    heading = title or "What drives the outcomes, over time"
    return _headed(figure, heading, source, legend=dict(reversed(handles.items())), side=True)


def total_heatmap(
    indices: xr.Dataset,
    *,
    at: str | None,
    title: str | None = None,
    source: str = "",
    outcomes: Sequence[str] = (),
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    one, words = moment(indices.sel(outcome=_chosen(indices, outcomes or None)), at)
    key, label, interval = (
        ("ST", "total-order index ST", "bootstrap ") if "ST" in one else ("Sh", "Shapley effect", "")
    )
    total = one[key].transpose("uncertainty", "outcome")
    weight = np.nan_to_num(total.values, nan=-1).max(axis=1)
    order = np.argsort(-weight, kind="stable")[:MOST_ROWS]
    values = total.values[order]
    half = (0.5 * (one[f"{key}_high"] - one[f"{key}_low"])).transpose("uncertainty", "outcome").values[order]
    texts = np.vectorize(_two_digits, otypes=[object])(values)
    for place in np.argwhere((values >= 0.01) & np.isfinite(half)):
        texts[tuple(place)] += f"\n±{half[tuple(place)]:.2f}"
    level = round(100 * float(indices.attrs.get("level", 0.95)))
    note = f"± half of the {level} % {interval}interval."
    if np.isnan(values).any():
        note += " “none”: all runs give the same number."
    if len(order) < len(weight):
        note += f" The {len(order)} strongest of {len(weight)} inputs."
    return cells(
        values,
        rows=[str(name) for name in total["uncertainty"].values[order]],
        columns=[str(name) for name in total["title"].values],
        texts=texts,
        faint=~(values >= 0.01),
        shades="Blues",
        limits=(0, 1),
        label=f"{label}, share of the variance",
        title=title or f"What matters for which outcome{words}",
        source=" ".join(filter(None, (source, note))),
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
    names = [_wrapped(name, 34) for name in rows]
    heads = [_wrapped(name, int(14 * column_width)) for name in columns]
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
    bar.set_label(label, fontsize=8.5, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    return _headed(figure, title, source)


def _two_digits(value: float) -> str:
    words = f"{value:.2f}" if np.isfinite(value) else "none"
    return "0.00" if words == "-0.00" else words


def indices_bars(
    indices: xr.Dataset, outcome: str, *, at: str, title: str | None = None, source: str = ""
) -> Figure:
    """Draw first- and total-order indices of one outcome at one month, with their intervals.

    Parameters
    ----------
    indices : xarray.Dataset
        As in `flows.study.StudyResult`.
    outcome : str
        Its label.
    at : str
        Month, read at its end, such as ``"2030-12"``.
    title, source
        As in `trajectories`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        No such outcome, or the outcome has no variance at that date.
    """
    one, words = moment(indices.sel(outcome=_chosen(indices, outcome)[0]), at)
    if bool(np.isnan(one["ST"]).all()):
        raise InputError(f'"{outcome}" has no variance{words}', remedy="Choose a later month")
    order = np.argsort(one["ST"].values, kind="stable")
    rows = [_wrapped(str(name), 34) for name in one["uncertainty"].values[order]]
    figure = Figure(figsize=(7.6, 1.7 + 0.42 * len(rows)), layout="constrained", facecolor="white")
    axis = figure.add_subplot()
    where = np.arange(len(rows), dtype=float)
    handles: dict[str, Artist] = {}
    looks = (("S1", -0.19, PALETTE[5], "first order (S1): alone"),
             ("ST", 0.19, PALETTE[0], "total order (ST): with its interactions"))  # fmt: skip
    for name, shift, colour, words_for in looks:
        value = one[name].values[order]
        ends = np.array([value - one[f"{name}_low"].values[order], one[f"{name}_high"].values[order] - value])
        whiskers = np.where(ends.sum(axis=0) > 4e-3, np.clip(ends, 0, None), np.nan)
        handles[words_for] = axis.barh(where + shift, value, height=0.36, color=colour, zorder=2)[0]
        axis.errorbar(
            value, where + shift, xerr=whiskers, fmt="none", ecolor=INK,
            elinewidth=1, capsize=2.5, zorder=3,
        )  # fmt: skip
    level = round(100 * float(indices.attrs.get("level", 0.95)))
    axis.set_yticks(where, rows, fontsize=8.5)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.axvline(0, color=INK, linewidth=0.8, zorder=4)
    axis.set_xlabel(f"share of the variance, with {level} % bootstrap intervals", fontsize=8.5, color=INK)
    axis.tick_params(axis="x", labelsize=8.5, colors=INK)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color=PALE, linewidth=0.6, zorder=0)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    heading = str(one["title"].values)
    return _headed(figure, title or f"What drives “{heading}”{words}", source, legend=handles)


# Saving -------------------------------------------------------------------------------------------


def save(
    figure: Figure, path: str | Path, *, formats: Iterable[str] = ("png", "svg"), dpi: int = 150
) -> list[Path]:
    """Write a figure whole or not at all, the same bytes for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any of this module's.
    path : path
        File name; its suffix, if any, is replaced by that of each format.
    formats : iterable of str
        ``png``, ``svg``, ``pdf``.
    dpi : int
        Of PNG.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    ResultError
        The place cannot be written to.
    """
    written = []
    undated: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    for kind in formats:
        target = Path(path).with_suffix("." + kind)
        with (
            provenance.atomic_path(target) as temporary,
            mpl.rc_context({"svg.hashsalt": "flows", "svg.fonttype": "path"}),
        ):
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=undated.get(kind))
        written.append(target)
    return written


def unit_words(unit: str) -> str:
    """Say a unit of the model in words.

    Examples
    --------
    >>> unit_words("Event/Month"), unit_words("Person"), unit_words("Dmnl"), unit_words("Widget")
    ('events per month', 'people', 'index', 'Widget')
    """
    above, slash, below = unit.replace(" ", "").partition("/")
    over = below.strip("()").lower()
    word = _UNITS.get(above.lower(), above)
    return f"{word} per {over}" if slash else word


# Parts --------------------------------------------------------------------------------------------


def _outcome(dataset: xr.Dataset, outcome: str | Outcome) -> tuple[str, str, str, xr.DataArray]:
    """Name, heading, unit and values of an outcome."""
    if isinstance(outcome, Outcome):
        return outcome.name, outcome.title or outcome.name, outcome.unit, outcome.values(dataset)
    if outcome not in dataset:
        raise InputError(f'no variable "{outcome}" in the result', remedy=near(outcome, map(str, dataset)))
    values = dataset[outcome]
    return outcome, outcome, str(values.attrs.get("units", "")), values


def _chosen(dataset: xr.Dataset, outcomes: str | Sequence[str] | None) -> list[str]:
    """Check the labels of outcomes against those that the results hold."""
    known = [str(name) for name in dataset["outcome"].values]
    if outcomes is None:
        return known
    chosen = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    for name in chosen:
        if name not in known:
            raise InputError(f'no outcome "{name}" in the study', remedy=near(name, known))
    return chosen


def moment(indices: xr.Dataset, month: str | None) -> tuple[xr.Dataset, str]:
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
    words = f", end of {month_label(at - 1)}" if "date" in indices.coords else f", at time {at:g}"
    return indices.isel(time=near_one), words


def _dates(values: xr.DataArray) -> NDArray[Any]:
    """Dates for the horizontal axis; the bare model time of a model that doesn't count in months."""
    return np.asarray(values["date" if "date" in values.coords else "time"].values)


def _panels(count: int, *, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """Lay out so many panels, at most three abreast."""
    if not count:
        raise InputError("a figure needs at least one outcome")
    across = 1 if count == 1 else 2 if count <= 4 else 3
    down = -(-count // across)
    figure = Figure(
        figsize=({1: 8.0, 2: 9.6, 3: 12.6}[across], 1.1 + down * (height if across > 1 else 3.9)),
        layout="constrained",
        facecolor="white",
    )
    grid = figure.subplots(down, across, squeeze=False)
    for spare in grid.flat[count:]:
        spare.remove()
    return figure, list(grid.flat[:count])


def _finish(
    axis: Axes,
    heading: str,
    unit: str,
    dates: NDArray[Any],
    *,
    mark: tuple[str, str] | None = None,
    word: bool = False,
) -> None:
    """Give a panel its heading, its unit, calendar dates and quiet lines."""
    heading = heading[:1].upper() + heading[1:]
    grid = axis.get_gridspec()
    letters = {1: 84, 2: 46}.get(grid.ncols if grid else 1, 38)
    axis.set_title(_wrapped(heading, letters), loc="left", fontsize=9.5, fontweight="bold", color=INK)
    axis.margins(x=0)
    dated = np.issubdtype(dates.dtype, np.datetime64)
    if dated:
        axis.xaxis.set_major_locator(_years(axis.get_xlim()))
        axis.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    else:
        axis.set_xlabel("model time", fontsize=8.5, color=INK)
    low, high = axis.get_ylim()
    if low > 0 and low < 0.6 * high:
        axis.set_ylim(0, high)
    elif axis.dataLim.y0 >= 0:
        axis.set_ylim(max(low, 0), high)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    _scale(axis, unit_words(unit))
    axis.tick_params(labelsize=8.5, colors=INK, length=3)
    axis.grid(axis="y", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if mark is not None and dated:
        month, text = mark
        place = _DATES.date2num(to_date(time_at_end(month) - 1))
        axis.axvline(place, color=GREY, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        if word:
            axis.annotate(
                text, (place, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                textcoords="offset points", fontsize=7.5, color=GREY, va="top",
            )  # fmt: skip


def _years(limits: tuple[float, float]) -> Any:
    years = (limits[1] - limits[0]) / 365.25
    if years < 4:
        return _DATES.AutoDateLocator(minticks=3, maxticks=7)
    return _DATES.YearLocator(base=next((step for step in (1, 2, 5) if years / step <= 7), 10))


def _scale(axis: Axes, words: str) -> None:
    """Count in thousands or millions, in the label rather than in an offset."""
    top = max(abs(limit) for limit in axis.get_ylim())
    factor, name = (1e6, "million") if top >= 2e6 else (1e3, "thousand") if top >= 1e4 else (1.0, "")
    ticks = axis.get_yticks() / factor
    step = float(np.diff(ticks).min()) if len(ticks) > 1 else 1.0
    decimals = next((d for d in range(7) if np.allclose(ticks, np.round(ticks, d), atol=1e-3 * step)), 7)

    def shown(value: float, _: Any) -> str:
        return f"{value / factor + 0.0:,.{decimals}f}" if value else "0"

    axis.yaxis.set_major_formatter(shown)
    axis.set_ylabel(" ".join(filter(None, (name, words))), fontsize=8.5, color=INK)


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


def _say_blank(axis: Axes, dates: NDArray[np.datetime64], blank: NDArray[np.bool_]) -> None:
    """Say why a part of a panel is empty: in its middle, where there is room."""
    places = np.flatnonzero(blank)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    longest = max(runs, key=len)
    middle: Any = dates[longest[0]] + (dates[longest[-1]] - dates[longest[0]]) / 2
    if len(longest) < 0.06 * len(dates):
        return
    narrow = len(longest) < 0.3 * len(dates)
    axis.text(
        middle, 0.5, "no variance", ha="center", va="center", fontsize=8, color=GREY,
        rotation=90 if narrow else 0,
    )  # fmt: skip


def _swatch(handle: Artist) -> Artist:
    """Make a legend's sign for an area, which has no line of its own."""
    if isinstance(handle, FillBetweenPolyCollection):
        colour: Any = handle.get_facecolor()[0]
        return Patch(facecolor=colour, hatch=handle.get_hatch(), edgecolor="#B0B0B0", linewidth=0)
    return handle


def _headed(
    figure: Figure,
    title: str,
    source: str,
    *,
    legend: Mapping[str, Artist] | None = None,
    side: bool = False,
) -> Figure:
    """Put the title and one legend for all panels above (or at the right), the source line below.

    Their room is reserved in inches, so that nothing overlaps whatever the number of panels or entries.
    """
    words = [_wrapped(word, 28 if side else 60) for word in legend or {}]
    entry = 0.6 + _INCHES_PER_LETTER * max(
        (len(line) for word in words for line in word.split("\n")), default=0
    )
    if side and words:
        figure.set_figwidth(figure.get_figwidth() + entry)
    width, height = figure.get_size_inches()
    heading = _wrapped(title, int(width * 8.6))
    below = _wrapped(f"Source: {source}", int(width * 16)) if source else ""
    top = 0.14 + 0.24 * (heading.count("\n") + 1)
    bottom = 0.08 + 0.15 * (below.count("\n") + 1) if below else 0.04
    edge = 0.1 / width
    figure.text(edge, 1 - 0.08 / height, heading, va="top", fontsize=12.5, fontweight="bold", color=INK)
    if below:
        figure.text(edge, 0.05 / height, below, va="bottom", fontsize=7.5, color=GREY, linespacing=1.3)
    across = 1 if side else max(1, min(len(words), int((width - 0.2) / entry)))
    if words and legend:
        place = (1 - entry / width, 1 - (top + 0.25) / height) if side else (edge, 1 - top / height)
        figure.legend(
            [_swatch(handle) for handle in legend.values()], words, loc="upper left", bbox_to_anchor=place,
            ncols=across, fontsize=8.5, frameon=False, labelcolor=INK, labelspacing=0.7 if side else 0.35,
            handlelength=2.4, borderaxespad=0, borderpad=0.1, columnspacing=1.4,
        )  # fmt: skip
        if not side:
            top += 0.1 + 0.2 * -(-len(words) // across)
    right = entry / width if side and words else 0.0
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(
        w_pad=0.08, h_pad=0.08, hspace=0.04, rect=(0, bottom / height, 1 - right, 1 - (top + bottom) / height)
    )
    return figure


def _letter(axis: Axes, letters: Sequence[str], ends: Sequence[float]) -> None:
    """Put a letter at the right end of each line, moved apart where lines end close together."""
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
    for line, place in zip(order, places, strict=True):
        axis.annotate(
            letters[line], (1, place), xycoords="axes fraction", xytext=(3, 0), textcoords="offset points",
            fontsize=8.5, fontweight="bold", color=PALETTE[line], va="center", annotation_clip=False,
        )  # fmt: skip


def _pale_words(names: Sequence[str]) -> str:
    """Name the pale lines where they are few, and count them where they are many."""
    return " / ".join(names) if len(names) < 3 else f"{len(names)} other scenarios"


def _word(labels: Mapping[str, str] | None, name: str) -> str:
    return (labels or {}).get(name, name)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False)) or text
