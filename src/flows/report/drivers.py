"""Figures of sensitivity studies beside those over time: what drives an outcome, how surely, and in which runs.

Each function takes labelled results of `flows.study` and returns a matplotlib Figure, in the manner of
`flows.report.figures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from flows.report.indices import MOST_ROWS, cells, moment, outcomes_in
from flows.report.speech import ENGLISH, Speech
from flows.report.style import (
    GREY,
    INK,
    PALETTE,
    factor_of,
    grid_of,
    headed,
    labelled,
    named_rows,
    panels,
    quiet,
    titled,
    unit_words,
)
from flows.study.words import percent

__all__ = ["convergence", "rank_correlations", "screening", "second_order", "tornado", "worst"]

_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_ENOUGH = 0.1  # half width of an interval that counts as enough, as in `flows.study.judge`


def tornado(
    indices: xr.Dataset,
    outcomes: Sequence[str] | None = None,
    *,
    at: str | None = None,
    tails: float = 0.05,
    title: str | None = None,
    source: str = "",
    most: int = 8,
    say: Speech = ENGLISH,
) -> Figure:
    """Draw how far each input alone moves an outcome, the strongest on top.

    Parameters
    ----------
    indices : xarray.Dataset
        ``low``, ``high`` over (outcome, uncertainty[, time]) and ``middle``, of a tornado.
    outcomes : sequence of str, optional
        A panel each; all by default.
    at : str, optional
        Month, read at its end; not needed for results without time.
    tails : float
        Quantile of the lower end, for the legend.
    title, source
        As in `flows.report.figures.trajectories`.
    most : int
        Inputs shown.
    say : Speech
        The language of its words.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = outcomes_in(indices, outcomes)
    one, words = moment(indices.sel(outcome=chosen), at, say)
    shown = min(most, one.sizes["uncertainty"])
    figure, axes = _bars(len(chosen), shown)
    handles: dict[str, Artist] = {}
    for axis, name in zip(axes, chosen, strict=True):
        row = one.sel(outcome=name)
        low, high, middle = row["low"].values, row["high"].values, float(row["middle"])
        reach = np.maximum(abs(low - middle), abs(high - middle))
        order = np.argsort(-reach, kind="stable")[:shown][::-1]
        where = np.arange(len(order), dtype=float)
        ends_of = [say("input at its {share} quantile", share=percent(q)) for q in (tails, 1 - tails)]
        looks = ((low, PALETTE[0], ends_of[0], ""), (high, PALETTE[4], ends_of[1], "////"))
        for ends, colour, label, hatch in looks:
            handles[label] = axis.barh(
                where, ends[order] - middle, left=middle, height=0.62, color=colour, hatch=hatch,
                edgecolor="white", linewidth=0, zorder=2,
            )[0]  # fmt: skip
        handles[say("all inputs at their medians")] = axis.axvline(middle, color=INK, linewidth=1.2, zorder=3)
        titled(axis, _title(row))
        named_rows(axis, [str(row["uncertainty"].values[j]) for j in order])
        if not reach.max() > 0:
            axis.set_xlim(middle - 1, middle + 1)
            axis.text(0.5, 0.5, say("nothing moves it"), transform=axis.transAxes, ha="center", color=GREY)
        _across(axis, str(row["unit"].values))
    rest = one.sizes["uncertainty"] - shown
    note = (
        say(
            "The {shown} inputs that move each outcome most; {rest} others move it less.",
            shown=shown,
            rest=rest,
        )
        if rest > 1
        else say("The {shown} inputs that move each outcome most; 1 other moves it less.", shown=shown)
        if rest
        else ""
    )
    return headed(
        figure,
        title or say("How far each input alone moves the outcomes") + words,
        f"{source} {note}".strip(),
        legend=handles,
    )


def screening(
    effects: xr.Dataset,
    outcomes: Sequence[str] | None = None,
    *,
    at: str | None = None,
    title: str | None = None,
    source: str = "",
    most: int = 7,
    say: Speech = ENGLISH,
) -> Figure:
    """Draw the elementary effects of a Morris study: their mean size against their spread.

    To the right: strong inputs. Above the dashed line (a spread as large as the mean size): inputs whose effect
    depends on the others, or bends.

    Parameters
    ----------
    effects : xarray.Dataset
        ``mu_star`` with its interval and ``sigma`` over (outcome, uncertainty[, time]).
    outcomes, at, title, source
        As in `tornado`.
    most : int
        Inputs with a sign of their own: the strongest over all outcomes shown.
    say
        As in `tornado`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = outcomes_in(effects, outcomes)
    one, words = moment(effects.sel(outcome=chosen), at, say)
    star = one["mu_star"].transpose("outcome", "uncertainty").values
    largest = star.max(axis=1, keepdims=True)
    share = np.divide(star, largest, out=np.zeros_like(star), where=largest > 0)
    ranked = np.argsort(-share.sum(axis=0), kind="stable")
    told = ranked[: min(most, len(_MARKS))]
    grouped = bool(np.isnan(one["sigma"]).all())
    figure, axes = panels(len(chosen), height=3.3)
    handles: dict[str, Artist] = {}
    for axis, name in zip(axes, chosen, strict=True):
        row = one.sel(outcome=name)
        low, mid, high = (row[key].values for key in ("mu_star_low", "mu_star", "mu_star_high"))
        sigma = np.zeros_like(mid) if grouped else row["sigma"].values
        top = 1.06 * float(max(np.nanmax(high), np.nanmax(sigma), 1e-300))
        if not mid.any():
            titled(axis, _title(row))
            quiet(axis)
            axis.set(xticks=[], yticks=[])
            axis.text(
                0.5,
                0.5,
                say("nothing moves it"),
                transform=axis.transAxes,
                ha="center",
                color=GREY,
                fontsize=9,
            )
            continue
        if not grouped:
            (handles[say("spread as large as the effect")],) = axis.plot(
                [0, top], [0, top], color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1
            )
        for j in ranked[::-1]:
            turn = int(np.flatnonzero(told == j)[0]) if j in told else None
            colour = "#BDBDBD" if turn is None else PALETTE[turn]
            axis.errorbar(
                mid[j], sigma[j], xerr=np.clip([[mid[j] - low[j]], [high[j] - mid[j]]], 0, None), fmt="none",
                ecolor=colour, elinewidth=1.2, capsize=2.5, zorder=2,
            )  # fmt: skip
            (dot,) = axis.plot(
                mid[j], sigma[j], marker="." if turn is None else _MARKS[turn], color=colour, linestyle="none",
                markersize=7, markeredgecolor=INK if turn is not None else colour, markeredgewidth=0.6, zorder=3,
            )  # fmt: skip
            handles[say("other inputs") if turn is None else str(row["uncertainty"].values[j])] = dot
        axis.set_xlim(0, top)
        axis.set_ylim(0, 1.06 * float(max(np.nanmax(sigma), 0.25 * top)))
        titled(axis, _title(row))
        quiet(axis)
        unit = unit_words(str(row["unit"].values))
        factor, name_of = factor_of(top)
        unit = ", " + say.axis(" ".join(filter(None, (name_of, unit)))) if unit or name_of else ""

        def shown(value: float, _: Any, factor: float = factor) -> str:
            return f"{value / factor:,.4g}"

        along = ((axis.xaxis, say("mean size of effects (μ*)")), (axis.yaxis, say("spread (σ)")))
        for lines, label in along:
            lines.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
            lines.set_major_formatter(shown)
            lines.set_label_text(label + unit, fontsize=8.5)
    order = [str(one["uncertainty"].values[j]) for j in told]
    rest = [label for label in handles if label not in order]
    heading = title or say("Which inputs matter at all") + words
    note = say(
        "{level} bootstrap intervals of μ*; effects are per whole range of an input.", level=_level(effects)
    )
    legend = {label: handles[label] for label in (*order, *rest)}
    return headed(figure, heading, f"{source} {note}".strip(), legend=legend, side=True)


def convergence(
    looks: xr.Dataset,
    indices: xr.Dataset,
    outcomes: Sequence[str] | None = None,
    *,
    at: str,
    title: str | None = None,
    source: str = "",
    most: int = 5,
    say: Speech = ENGLISH,
) -> Figure:
    """Draw total-order indices against the number of samples, with their intervals.

    Parameters
    ----------
    looks : xarray.Dataset
        ``ST`` and ``ST_conf`` over (n, outcome, uncertainty, time).
    indices : xarray.Dataset
        Those of the whole study, the last point.
    outcomes, at, title, source
        As in `tornado`; outcomes without variance at that date are left out.
    most : int
        Inputs shown: the strongest of each outcome among the strongest of all.
    say
        As in `tornado`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    last, words = moment(indices, at, say)
    early, _ = moment(looks, at)
    chosen = [
        name for name in outcomes_in(indices, outcomes) if bool(last["ST"].sel(outcome=name).notnull().any())
    ]
    final = last["ST"].sel(outcome=chosen).transpose("outcome", "uncertainty").values
    told = np.argsort(-np.nan_to_num(final).max(axis=0, initial=0), kind="stable")[: min(most, len(_MARKS))]
    n = np.append(looks["n"].values, int(indices.attrs["n"]))
    figure, axes = panels(len(chosen), height=2.9)
    handles: dict[str, Artist] = {}
    for axis, name in zip(axes, chosen, strict=True):
        for turn, j in enumerate(told):
            value, half = (
                np.append(
                    early[key].sel(outcome=name).isel(uncertainty=j).values,
                    float(last[key].sel(outcome=name).isel(uncertainty=j)),
                )
                for key in ("ST", "ST_conf")
            )
            beside = n * 2.0 ** (0.09 * (turn - (len(told) - 1) / 2))
            axis.errorbar(
                beside,
                value,
                yerr=half,
                color=PALETTE[turn],
                linewidth=1.2,
                elinewidth=1,
                capsize=2,
                zorder=2,
            )
            (handles[str(last["uncertainty"].values[j])],) = axis.plot(
                beside,
                value,
                color=PALETTE[turn],
                marker=_MARKS[turn],
                markersize=4.5,
                linewidth=1.2,
                zorder=3,
            )
        axis.set_xscale("log", base=2)
        shown = n[:: -(-len(n) // 7)] if len(n) > 7 else n
        axis.set_xticks(shown, [f"{x:,}" for x in shown])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.axhline(0, color=INK, linewidth=0.8, zorder=1)
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, -0.5), min(high, 2.0))
        titled(axis, _title(last.sel(outcome=name)))
        quiet(axis)
        labelled(axis, x=say("samples n"), y=say("total-order index ST"))
    heading = title or say("How the indices settle as samples are added") + words
    note = say(
        "Bars: {level} bootstrap intervals; a half width of {enough} counts as enough.",
        level=_level(indices),
        enough=f"{_ENOUGH:g}",
    )
    return headed(figure, heading, f"{source} {note}".strip(), legend=handles)


def second_order(
    indices: xr.Dataset,
    outcome: str,
    *,
    at: str | None = None,
    title: str | None = None,
    source: str = "",
    say: Speech = ENGLISH,
) -> Figure:
    """Draw the second-order indices of one outcome: what pairs of inputs do beyond each alone.

    Parameters
    ----------
    indices : xarray.Dataset
        ``S2`` and its interval over (outcome, uncertainty, partner[, time]).
    outcome : str
        Its label.
    at, title, source, say
        As in `tornado`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    one, words = moment(indices.sel(outcome=outcomes_in(indices, outcome)[0]), at, say)
    value, half = (one[key].transpose("partner", "uncertainty").values for key in ("S2", "S2_conf"))
    low, high = (one[key].transpose("partner", "uncertainty").values for key in ("S2_low", "S2_high"))
    names = [str(name) for name in one["uncertainty"].values]
    texts = np.full(value.shape, "", dtype=object)
    for place in np.argwhere(np.isfinite(value)):
        j, m = place
        texts[j, m] = f"{value[j, m]:.2f}".replace("-0.00", "0.00") + f"\n±{half[j, m]:.2f}"
    with np.errstate(invalid="ignore"):
        faint = ~((low > 0) | (high < 0))
    top = max(0.1, float(np.nanmax(abs(value[~faint]), initial=0.0)))
    note = say("± half of the {level} interval; grey: the interval holds zero.", level=_level(indices))
    # above the diagonal there is nothing: the first row and the last column would be empty
    return cells(
        value[1:, :-1],
        rows=names[1:],
        columns=names[:-1],
        texts=texts[1:, :-1],
        faint=faint[1:, :-1],
        shades="PuOr_r",
        limits=(-top, top),
        label=say("second-order index S2, share of the variance"),
        title=title or say("Which pairs act together on “{title}”", title=str(one["title"].values)) + words,
        source=f"{source} {note}".strip(),
        column_width=0.95,
    )


def rank_correlations(
    indices: xr.Dataset,
    *,
    at: str | None = None,
    title: str | None = None,
    source: str = "",
    say: Speech = ENGLISH,
) -> Figure:
    """Draw Spearman's rank correlations of inputs (down) and outcomes (across) over plain draws.

    Parameters
    ----------
    indices : xarray.Dataset
        ``rank_correlation`` over (outcome, uncertainty[, time]).
    at, title, source, say
        As in `tornado`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    one, words = moment(indices, at, say)
    values = one["rank_correlation"].transpose("uncertainty", "outcome").values
    noise = 1.96 / np.sqrt(max(int(indices.attrs["runs"]) - 1, 1))
    note = say(
        "Grey: within ±{noise}, where 95 % of the correlations of an input without effect lie.",
        noise=f"{noise:.2f}",
    )
    return _by_outcome(
        one, values, values, noise, note, shades="PuOr_r", label=say("rank correlation (Spearman)"),
        title=title or say("Which inputs go with which outcome") + words, source=source, say=say,
    )  # fmt: skip


def worst(
    found: xr.Dataset, *, at: str, title: str | None = None, source: str = "", say: Speech = ENGLISH
) -> Figure:
    """Draw what sets the worst runs apart: inputs down, outcomes across.

    The cell says how far the distribution of an input in the worst runs lies from that in the others; the sign says
    whether high (+) or low (−) values of the input are dangerous.

    Parameters
    ----------
    found : xarray.Dataset
        ``distance`` and ``shift`` over (outcome, uncertainty, time), as in `flows.study.StudyResult`.
    at, title, source, say
        As in `tornado`; the nearest date at which the worst runs were looked at is taken.

    Returns
    -------
    matplotlib.figure.Figure
    """
    one, words = moment(found, at, say)
    distance, shift = (one[key].transpose("uncertainty", "outcome").values for key in ("distance", "shift"))
    noise, share = float(found.attrs["noise"]), float(found.attrs["share"])
    note = (
        say(
            "+: high values of the input lead there, −: low ones. Grey: below {noise}, which an input without effect "
            "exceeds in one study of twenty.",
            noise=f"{noise:.2f}",
        )
        if noise < 1
        else say("Too few runs to tell any input from chance.")
    )
    return _by_outcome(
        one, np.copysign(distance, shift), distance, noise, note, shades="PuOr_r",
        label=say("distance between worst runs and others (Kolmogorov–Smirnov)"),
        title=title or say("What drives the worst {share} of the runs", share=percent(share)) + words,
        source=source, say=say,
    )  # fmt: skip


# Parts --------------------------------------------------------------------------------------------


def _by_outcome(
    one: xr.Dataset,
    values: NDArray[np.float64],
    size: NDArray[np.float64],
    noise: float,
    note: str,
    *,
    shades: str,
    label: str,
    title: str,
    source: str,
    say: Speech,
) -> Figure:
    """Draw signed values of inputs and outcomes, the strongest inputs on top; those within the noise in grey."""
    order = np.argsort(-np.nan_to_num(abs(size)).max(axis=1, initial=0), kind="stable")[:MOST_ROWS]
    if len(order) < len(values):
        words = say("The {count} strongest of {all} inputs.", count=len(order), all=len(values))
        note = f"{note} {words}"
    values = values[order]
    texts = np.full(values.shape, say("none"), dtype=object)
    for row, column in np.argwhere(np.isfinite(values)):
        texts[row, column] = f"{values[row, column]:+.2f}".replace("-", "−")
    if np.isnan(values).any():
        note = f"{note} {say('“none”: all runs give the same number.')}"
    heads = one["title"] if "title" in one.coords else one["outcome"]
    return cells(
        values,
        rows=[str(name) for name in one["uncertainty"].values[order]],
        columns=[str(name) for name in heads.values],
        texts=texts,
        faint=~(abs(values) > noise),
        shades=shades,
        limits=(-1, 1),
        label=label,
        title=title,
        source=f"{source} {note}".strip(),
    )


def _bars(count: int, rows: int) -> tuple[Figure, list[Axes]]:
    """Lay out so many panels of horizontal bars, at most two abreast, for their names take room."""
    across = 1 if count == 1 else 2
    down = -(-count // across)
    size = (8.4 if across == 1 else 13.0, 1.2 + down * (0.75 + 0.33 * rows))
    return grid_of(count, across, size)


def _title(row: xr.Dataset | xr.DataArray) -> str:
    heading = str(row["title"].values)
    return heading[:1].upper() + heading[1:]


def _across(axis: Axes, unit: str) -> None:
    """Count in thousands or millions along the horizontal axis."""
    factor, name = factor_of(max(abs(limit) for limit in axis.get_xlim()))
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value / factor:,.5g}")
    labelled(axis, x=" ".join(filter(None, (name, unit_words(unit)))))


def _level(dataset: xr.Dataset) -> str:
    return percent(float(dataset.attrs.get("level", 0.95)))
