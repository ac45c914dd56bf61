"""Pictures of levers: ranked by effect, and the response to one of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from flows.compare import words
from flows.levers import Ranking
from flows.report.style import GREY, INK, PALE, PALETTE, headed, unit_words, wrapped
from flows.solve import Grid, Solution, Swap

__all__ = ["grid_figure", "levers_figure", "response_figure", "swap_figure"]

_MOST = 10
_LOWER, _HIGHER = PALETTE[0], PALETTE[1]
_SURE = 0.95  # share of draws that have to fall, or to rise, for a colour


def levers_figure(ranking: Ranking, *, source: str, most: int = _MOST) -> Figure:
    """Draw the strongest levers on each outcome: medians with 90 % intervals, strongest on top.

    Parameters
    ----------
    ranking : Ranking
        As `flows.levers.rank` returns it.
    source : str
        Below the figure.
    most : int
        Levers shown for each outcome.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each outcome, its axis in per cent of the baseline, or in the outcome's unit where the baseline is
        next to nothing.
    """
    across = 1 if len(ranking.outcomes) == 1 else 2
    down = -(-len(ranking.outcomes) // across)
    shown = min(most, int(ranking.table["lever"].nunique()))
    figure = Figure(
        figsize=(7.2 * across, 1.5 + down * (1.2 + 0.27 * shown)), layout="constrained", facecolor="white"
    )
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for spare in axes[len(ranking.outcomes) :]:
        spare.remove()
    for axis, outcome in zip(axes, ranking.outcomes, strict=False):
        rows = ranking.table[ranking.table["outcome"] == outcome.name].head(shown)
        _panel(axis, rows, outcome.title or outcome.name, outcome.unit)
    title = f"What each lever does, moved as far as history moved it: {words(ranking.date)}"
    if ranking.draws > 1:
        title += f" (medians and 90 % intervals of {ranking.draws} draws)"
    return headed(figure, title, source, legend=_legend())


def response_figure(solution: Solution, *, source: str) -> Figure:
    """Draw a reading and the share of draws that meets its target, over the values of a lever or constant.

    Parameters
    ----------
    solution : Solution
        As `flows.solve.solve` returns it.
    source : str
        Below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, target = solution.table, solution.target
    figure = Figure(figsize=(9.6, 4.4), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    outcome = target.left.outcome
    handles: dict[str, Artist] = {}
    handles["median"] = left.plot(rows["value"], rows["median"], color=_LOWER, linewidth=1.8, zorder=3)[0]
    if solution.draws > 1:
        handles["90 % interval"] = left.fill_between(
            rows["value"], rows["low"], rows["high"], color=PALETTE[5], alpha=0.35, linewidth=0, zorder=2
        )
    handles["target"] = left.plot(
        rows["value"], rows["bound"], color=_HIGHER, linewidth=1.4, linestyle=(0, (5, 2)), zorder=3
    )[0]
    right.plot(rows["value"], rows["probability"], color=_LOWER, linewidth=1.8, zorder=3)
    right.axhline(solution.probability, color=_HIGHER, linewidth=1.4, linestyle=(0, (5, 2)), zorder=2)
    right.set_ylim(-0.03, 1.03)
    heads = (
        f"{outcome.title or outcome.name}, {words(target.left.date)}",
        "Share of draws that meets the target",
    )
    for axis, heading, unit in zip((left, right), heads, (unit_words(outcome.unit), "share"), strict=True):
        axis.set_title(wrapped(heading, 44), loc="left", fontsize=9.5, fontweight="bold", color=INK)
        axis.set_ylabel(unit, fontsize=8.5, color=INK)
        axis.set_xlabel(wrapped(_named(solution.name, solution.unit), 44), fontsize=8.5, color=INK)
        handles["now"] = axis.axvline(
            solution.start, color=GREY, linewidth=1, linestyle=(0, (1, 1.2)), zorder=1
        )
        if solution.nearest is not None and not solution.met:
            handles["answer"] = axis.axvline(solution.nearest, color=INK, linewidth=1.1, zorder=1)
        axis.margins(x=0.02)
        axis.tick_params(labelsize=8.5, colors=INK, length=3)
        axis.grid(axis="y", color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    title = f"{solution.name[:1].upper()}{solution.name[1:]} that gives {target}"
    return headed(figure, title, source, legend=handles)


def grid_figure(found: Grid, *, source: str) -> Figure:
    """Draw the share of draws that meets a target over two levers, and the frontier at the share asked for.

    Parameters
    ----------
    found : Grid
        As `flows.solve.grid` returns it.
    source : str
        Below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(8.4, 5.2), layout="constrained", facecolor="white")
    axis = figure.subplots()
    first, second = found.names
    x, y = found.shares[second].values, found.shares[first].values
    mesh = axis.pcolormesh(x, y, found.shares.values, cmap="Blues", vmin=0, vmax=1, shading="nearest")
    bar = figure.colorbar(mesh, ax=axis)
    bar.set_label("share of draws that meets the target", fontsize=8.5, color=INK)
    handles: dict[str, Artist] = {}
    told = found.frontier[found.frontier["value"].notna()]
    if not told.empty:
        handles[f"met in {100 * found.probability:.4g} % of draws"] = axis.plot(
            told["other"], told["value"], color=_HIGHER, linewidth=2, marker="o", markersize=4
        )[0]
    handles["now"] = axis.plot(
        [found.starts[1]],
        [found.starts[0]],
        color=INK,
        marker="x",
        markersize=9,
        linestyle="none",
        markeredgewidth=2,
    )[0]
    axis.set_xlabel(wrapped(_named(second, found.units[1]), 60), fontsize=8.5, color=INK)
    axis.set_ylabel(wrapped(_named(first, found.units[0]), 44), fontsize=8.5, color=INK)
    axis.tick_params(labelsize=8.5, colors=INK, length=3)
    return headed(figure, f"Where {found.target}", source, legend=handles)


def swap_figure(found: Swap, *, source: str) -> Figure:
    """Draw the difference of two packages along a constant, and how surely the first is better.

    Parameters
    ----------
    found : Swap
        As `flows.solve.swap` returns it.
    source : str
        Below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, outcome = found.table, found.reading.outcome
    figure = Figure(figsize=(9.6, 4.4), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    handles: dict[str, Artist] = {}
    handles["median"] = left.plot(rows["value"], rows["median"], color=_LOWER, linewidth=1.8, zorder=3)[0]
    if found.draws > 1:
        handles["90 % interval"] = left.fill_between(
            rows["value"], rows["low"], rows["high"], color=PALETTE[5], alpha=0.35, linewidth=0, zorder=2
        )
    left.axhline(0, color=INK, linewidth=0.8, zorder=1)
    right.plot(rows["value"], rows["probability"], color=_LOWER, linewidth=1.8, zorder=3)
    right.axhline(0.5, color=_HIGHER, linewidth=1.4, linestyle=(0, (5, 2)), zorder=2)
    right.set_ylim(-0.03, 1.03)
    heads = (
        f"{found.first.name} less {found.second.name}: {outcome.title or outcome.name}, {words(found.reading.date)}",
        f"Share of draws in which {found.first.name} does better",
    )
    for axis, heading, unit in zip((left, right), heads, (unit_words(outcome.unit), "share"), strict=True):
        axis.set_title(wrapped(heading, 44), loc="left", fontsize=9.5, fontweight="bold", color=INK)
        axis.set_ylabel(unit, fontsize=8.5, color=INK)
        axis.set_xlabel(wrapped(_named(found.name, found.unit), 44), fontsize=8.5, color=INK)
        handles["the model's value"] = axis.axvline(
            found.start, color=GREY, linewidth=1, linestyle=(0, (1, 1.2)), zorder=1
        )
        for value in found.crossings:
            handles["swap"] = axis.axvline(value, color=INK, linewidth=1.1, zorder=1)
        axis.margins(x=0.02)
        axis.tick_params(labelsize=8.5, colors=INK, length=3)
        axis.grid(axis="y", color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return headed(figure, f"Where the order swaps along {found.name}", source, legend=handles)


def _named(name: str, unit: str) -> str:
    return name if unit == "Dmnl" else f"{name}, {unit_words(unit)}"


def _panel(axis: Axes, rows: pd.DataFrame, heading: str, unit: str) -> None:
    percent = bool(rows["median_percent"].notna().all())
    kind = "_percent" if percent else ""
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        middle, low, high = (float(row[name + kind]) for name in ("median", "low", "high"))
        falls, rises = (float(row[f"probability_{way}"]) >= _SURE for way in ("lower", "higher"))
        colour = _LOWER if falls else _HIGHER if rises else GREY
        axis.plot([low, high], [place, place], color=colour, linewidth=2.2, alpha=0.55, zorder=2)
        axis.plot(
            middle, place, marker="o" if row["basis"] == "data" else "D", markersize=6.5, color=colour,
            markerfacecolor=colour if row["basis"] == "data" else "white", markeredgewidth=1.5, zorder=3,
        )  # fmt: skip
    labels = [wrapped(str(row), 36) for row in rows["lever"]]
    axis.set_yticks(places, labels, fontsize=8.5)
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.axvline(0, color=INK, linewidth=0.8, zorder=1)
    axis.set_title(wrapped(heading, 62), loc="left", fontsize=9.5, fontweight="bold", color=INK)
    said = "change in per cent of the baseline" if percent else f"change in {unit_words(unit)}"
    axis.set_xlabel(said, fontsize=8.5, color=INK)
    axis.tick_params(axis="x", labelsize=8.5, colors=INK)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.grid(axis="x", color=PALE, linewidth=0.6)
    axis.grid(axis="y", color=PALE, linewidth=0.4)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _legend() -> Mapping[str, Artist]:
    def mark(colour: str, shape: str = "o", full: bool = True) -> Line2D:
        return Line2D(
            [], [], color=colour, marker=shape, markersize=6.5, linewidth=2.2,
            markerfacecolor=colour if full else "white", markeredgewidth=1.5,
        )  # fmt: skip

    return {
        "falls (95 % of draws)": mark(_LOWER),
        "rises (95 % of draws)": mark(_HIGHER),
        "neither": mark(GREY),
        "size of the change from data": mark(INK),
        "size is an assumption": mark(INK, "D", False),
    }
