"""What all figures share: colours, panels, axes, headings, legends, units in words, and how they are saved.

All figures have a title, a unit on each axis that has one, calendar dates, and a source line. Colours are
those of Okabe & Ito (2008), which people with any common form of colour blindness can tell apart; a quantity
is shaded in one hue, from white, and everything without a meaning of its own is grey.

References
----------
Okabe, M., Ito, K. (2008). Color universal design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.dates
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from flows import provenance
from flows.calendar import time_at_end, to_date
from flows.errors import InputError

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Okabe & Ito (2008) without black; yellow last, for it is faint on white."""

INK, GREY, PALE = "#222222", "#6B6B6B", "#D9D9D9"
_DATES: Any = matplotlib.dates  # whose functions carry no types
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


def dates_of(values: xr.DataArray) -> NDArray[Any]:
    """Dates for the horizontal axis; the bare model time of a model that doesn't count in months."""
    return np.asarray(values["date" if "date" in values.coords else "time"].values)


def panels(count: int, *, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """Lay out so many panels, at most three abreast."""
    if not count:
        raise InputError("a figure needs at least one outcome")
    across = 1 if count == 1 else 2 if count <= 4 else 3
    down = -(-count // across)
    size = ({1: 8.0, 2: 9.6, 3: 12.6}[across], 1.1 + down * (height if across > 1 else 3.9))
    return grid_of(count, across, size)


def grid_of(count: int, across: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Lay out so many panels, so many abreast, on a figure of a size in inches."""
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    grid = figure.subplots(max(1, -(-count // across)), across, squeeze=False)
    for spare in grid.flat[count:]:
        spare.remove()
    return figure, list(grid.flat[:count])


def titled(axis: Axes, heading: str, *, letters: int | None = None) -> None:
    """Put a heading above a panel; its lines are as long as the figure's panels are wide, if `letters` doesn't say."""
    grid = axis.get_gridspec()
    width = letters or {1: 84, 2: 46}.get(grid.ncols if grid else 1, 38)
    axis.set_title(wrapped(heading, width), loc="left", fontsize=9.5, fontweight="bold", color=INK)


def labelled(axis: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Say what runs along the axes, where it is given."""
    if x is not None:
        axis.set_xlabel(x, fontsize=8.5, color=INK)
    if y is not None:
        axis.set_ylabel(y, fontsize=8.5, color=INK)


def quiet(axis: Axes, *, grid: Literal["x", "y", "both"] = "y") -> None:
    """Draw small marks and pale lines behind the data, and no frame at the top and the right."""
    axis.tick_params(labelsize=8.5, colors=INK, length=3)
    axis.grid(axis=grid, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def named_rows(axis: Axes, names: Sequence[str], *, letters: int = 38) -> None:
    """Give a panel a row for each name, the first at the bottom at nought."""
    axis.set_yticks(np.arange(len(names)), [wrapped(name, letters) for name in names], fontsize=8.5)
    axis.set_ylim(-0.6, len(names) - 0.4)
    quiet(axis, grid="x")
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def finish(
    axis: Axes,
    heading: str,
    unit: str,
    dates: NDArray[Any],
    *,
    mark: tuple[str, str] | None = None,
    word: bool = False,
) -> None:
    """Give a panel its heading, its unit, calendar dates and quiet lines."""
    titled(axis, heading[:1].upper() + heading[1:])
    axis.margins(x=0)
    dated = np.issubdtype(dates.dtype, np.datetime64)
    if dated:
        axis.xaxis.set_major_locator(_years(axis.get_xlim()))
        axis.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    else:
        labelled(axis, x="model time")
    low, high = axis.get_ylim()
    if low > 0 and low < 0.6 * high:
        axis.set_ylim(0, high)
    elif axis.dataLim.y0 >= 0:
        axis.set_ylim(max(low, 0), high)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    _scale(axis, unit_words(unit))
    quiet(axis)
    if mark is not None and dated:
        month, text = mark
        place = _DATES.date2num(to_date(time_at_end(month) - 1))
        axis.axvline(place, color=GREY, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        if word:
            axis.annotate(
                text, (place, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                textcoords="offset points", fontsize=7.5, color=GREY, va="top", zorder=5,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )  # fmt: skip


def _years(limits: tuple[float, float]) -> Any:
    years = (limits[1] - limits[0]) / 365.25
    if years < 4:
        return _DATES.AutoDateLocator(minticks=3, maxticks=7)
    return _DATES.YearLocator(base=next((step for step in (1, 2, 5) if years / step <= 7), 10))


def factor_of(top: float) -> tuple[float, str]:
    """What an axis that reaches so far counts in: ones, thousands or millions, and the word for it."""
    return (1e6, "million") if top >= 1e6 else (1e3, "thousand") if top >= 1e4 else (1.0, "")


def _scale(axis: Axes, words: str) -> None:
    """Count in thousands or millions, in the label rather than in an offset."""
    factor, name = factor_of(max(abs(limit) for limit in axis.get_ylim()))
    ticks = axis.get_yticks() / factor
    step = float(np.diff(ticks).min()) if len(ticks) > 1 else 1.0
    decimals = next((d for d in range(7) if np.allclose(ticks, np.round(ticks, d), atol=1e-3 * step)), 7)

    def shown(value: float, _: Any) -> str:
        return f"{value / factor + 0.0:,.{decimals}f}" if value else "0"

    axis.yaxis.set_major_formatter(shown)
    labelled(axis, y=" ".join(filter(None, (name, words))))


def _swatch(handle: Artist) -> Artist:
    """Make a legend's sign for an area, which has no line of its own."""
    if isinstance(handle, FillBetweenPolyCollection):
        colour: Any = handle.get_facecolor()[0]
        return Patch(facecolor=colour, hatch=handle.get_hatch(), edgecolor="#B0B0B0", linewidth=0)
    return handle


def headed(
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
    words = [wrapped(word, 28 if side else 60) for word in legend or {}]
    entry = 0.6 + _INCHES_PER_LETTER * max(
        (len(line) for word in words for line in word.split("\n")), default=0
    )
    if side and words:
        figure.set_figwidth(figure.get_figwidth() + entry)
    width, height = figure.get_size_inches()
    heading = wrapped(title, int(width * 8.6))
    below = wrapped(f"Source: {source}", int(width * 16)) if source else ""
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


def wrapped(text: str, width: int) -> str:
    """Break a text into lines of so many letters, between words."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=False)) or text
