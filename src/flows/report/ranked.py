"""Pictures of levers: ranked by effect, and the response to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from flows.compare import words
from flows.levers import Ranking
from flows.report.style import (
    GREY,
    INK,
    PALE,
    PALETTE,
    grid_of,
    headed,
    labelled,
    named_rows,
    quiet,
    titled,
    unit_words,
    wrapped,
)
from flows.solve import Grid, Solution, Swap

__all__ = ["grid_figure", "levers_figure", "response_figure", "swap_figure"]

_MOST = 10
_LOWER, _HIGHER = PALETTE[0], PALETTE[1]
_ASKED: Mapping[str, Any] = {"color": _HIGHER, "linewidth": 1.4, "linestyle": (0, (5, 2))}
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
    size = (7.2 * across, 1.5 + down * (1.2 + 0.27 * shown))
    figure, axes = grid_of(len(ranking.outcomes), across, size)
    for axis, outcome in zip(axes, ranking.outcomes, strict=True):
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
    target, outcome = solution.target, solution.target.left.outcome
    answers = () if solution.nearest is None or solution.met else (solution.nearest,)
    figure, handles = _along(
        solution.table,
        draws=solution.draws,
        heads=(
            f"{outcome.title or outcome.name}, {words(target.left.date)}",
            "Share of draws that meets the target",
        ),
        unit=outcome.unit,
        along=_named(solution.name, solution.unit),
        share=solution.probability,
        now=("now", solution.start),
        answers=("answer", answers),
        target=True,
    )
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
    labelled(
        axis, x=wrapped(_named(second, found.units[1]), 60), y=wrapped(_named(first, found.units[0]), 44)
    )
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
    outcome = found.reading.outcome
    pair = f"{found.first.name} less {found.second.name}"
    figure, handles = _along(
        found.table,
        draws=found.draws,
        heads=(
            f"{pair}: {outcome.title or outcome.name}, {words(found.reading.date)}",
            f"Share of draws in which {found.first.name} does better",
        ),
        unit=outcome.unit,
        along=_named(found.name, found.unit),
        share=0.5,
        now=("the model's value", found.start),
        answers=("swap", found.crossings),
    )
    return headed(figure, f"Where the order swaps along {found.name}", source, legend=handles)


def _along(
    rows: pd.DataFrame,
    *,
    draws: int,
    heads: tuple[str, str],
    unit: str,
    along: str,
    share: float,
    now: tuple[str, float],
    answers: tuple[str, Sequence[float]],
    target: bool = False,
) -> tuple[Figure, dict[str, Artist]]:
    """Two panels over the values of a constant: a reading with its interval, and a share of draws."""
    figure, (left, right) = grid_of(2, 2, (9.6, 4.4))
    handles: dict[str, Artist] = {}
    handles["median"] = left.plot(rows["value"], rows["median"], color=_LOWER, linewidth=1.8, zorder=3)[0]
    if draws > 1:
        handles["90 % interval"] = left.fill_between(
            rows["value"], rows["low"], rows["high"], color=PALETTE[5], alpha=0.35, linewidth=0, zorder=2
        )
    if target:
        (handles["target"],) = left.plot(rows["value"], rows["bound"], zorder=3, **_ASKED)
    else:
        left.axhline(0, color=INK, linewidth=0.8, zorder=1)
    right.plot(rows["value"], rows["probability"], color=_LOWER, linewidth=1.8, zorder=3)
    right.axhline(share, zorder=2, **_ASKED)
    right.set_ylim(-0.03, 1.03)
    for axis, heading, words_for in zip((left, right), heads, (unit_words(unit), "share"), strict=True):
        titled(axis, heading, letters=44)
        labelled(axis, x=wrapped(along, 44), y=words_for)
        word, place = now
        handles[word] = axis.axvline(place, color=GREY, linewidth=1, linestyle=(0, (1, 1.2)), zorder=1)
        word, places = answers
        for place in places:
            handles[word] = axis.axvline(place, color=INK, linewidth=1.1, zorder=1)
        axis.margins(x=0.02)
        quiet(axis)
    return figure, handles


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
    named_rows(axis, [str(name) for name in rows["lever"]][::-1], letters=36)
    axis.grid(axis="y", color=PALE, linewidth=0.4)
    axis.axvline(0, color=INK, linewidth=0.8, zorder=1)
    titled(axis, heading, letters=62)
    labelled(axis, x="change in per cent of the baseline" if percent else f"change in {unit_words(unit)}")


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
