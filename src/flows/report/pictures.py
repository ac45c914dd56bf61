"""The pictures of the report: figures as data addresses, with a legend and words for those who don't see them."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from flows.calendar import month_of, time_at_end
from flows.report import figures, wording
from flows.report.data import ReportData
from flows.report.results import headline
from flows.report.speech import ENGLISH, Speech
from flows.study import StudyResult

CEILINGS = {
    "interceptions by INM": "the capacity of Mexico's migration institute to process interceptions is reached, a limit "
    "that is put into the model (INM capacity) and not an estimate"
}
"""What stops an outcome from rising further, by its name."""


_FLAT = 3  # months at the greatest value, from which on it is a ceiling and not a peak


PANEL = (4.5, 2.9)
"""Inches of one picture: narrow enough for a telephone at its natural size."""


@dataclass(frozen=True)
class Entry:
    """One sign of a legend: colour, kind of mark and words."""

    words: str
    kind: str
    colour: str
    dash: str = ""
    width: float = 2.0


@dataclass(frozen=True)
class Legend:
    """Signs and their words, for several pictures."""

    legend: tuple[Entry, ...]


@dataclass(frozen=True)
class Picture:
    """A figure as a data address, with words for those who don't see it."""

    uri: str
    alt: str
    title: str
    unit: str
    width: int
    height: int
    legend: tuple[Entry, ...]
    note: str = ""


def picture(
    figure: Figure,
    *,
    title: str,
    unit: str,
    alt: str,
    size: tuple[float, float] = PANEL,
    say: Speech = ENGLISH,
) -> Picture:
    """Turn a figure of one panel into a picture that stays legible on a telephone.

    The title, the unit and the legend go into the page, where they wrap with it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        One of `flows.report.figures`.
    title, unit : str
        For the page.
    alt : str
        What the picture shows, in words.
    size : (float, float)
        Inches.
    say : Speech
        The language of the words in it.

    Returns
    -------
    Picture
    """
    entries = tuple(
        replace(entry, words=say.axis(entry.words)) for legend in figure.legends for entry in _entries(legend)
    )
    for part in [*figure.legends, *figure.texts]:
        part.remove()
    for axis in figure.axes:
        axis.set_title("")
        axis.set_title("", loc="left")
        axis.set_xlabel(say.axis(axis.get_xlabel()))
        axis.set_ylabel(say.axis(axis.get_ylabel(), unit))
    figure.set_size_inches(size)
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(rect=(0, 0, 1, 1), w_pad=0.04, h_pad=0.04)
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "flows", "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    width, height = (round(96 * inches) for inches in size)
    return Picture(f"data:image/svg+xml;base64,{text}", alt, title, unit, width, height, entries)


def joint_legend(pictures: Sequence[Picture]) -> Legend:
    """One legend for pictures that share their signs."""
    by_words = {entry.words: entry for one in pictures for entry in one.legend}
    return Legend(tuple(by_words.values()))


def _entries(legend: Any) -> list[Entry]:
    found = []
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        said = " ".join(text.get_text().split())
        if isinstance(handle, Patch):
            kind = "hatch" if handle.get_hatch() else "area"
            found.append(Entry(said, kind, mpl.colors.to_hex(handle.get_facecolor(), keep_alpha=True)))
        elif isinstance(handle, Line2D) and handle.get_marker() not in ("None", "none", None, "", " "):
            found.append(Entry(said, "point", mpl.colors.to_hex(handle.get_markeredgecolor())))
        elif isinstance(handle, Line2D):
            _offset, dashes = handle._dash_pattern  # type: ignore[attr-defined]
            dash = " ".join(f"{float(part):.3g}" for part in dashes) if dashes else ""
            found.append(
                Entry(said, "line", mpl.colors.to_hex(handle.get_color()), dash, handle.get_linewidth())
            )
        else:
            colours = handle.get_colors() if hasattr(handle, "get_colors") else ["#222222"]
            found.append(Entry(said, "line", mpl.colors.to_hex(colours[0])))
    return found


def past_pictures(data: ReportData) -> list[Picture]:
    """Base run beside observations, for every outcome that has them."""
    found = []
    seen = set(data.observed["outcome"])
    say = data.say
    for outcome in data.comparison.outcomes:
        if outcome.name not in seen:
            continue
        title = say.outcome(outcome)
        row = data.summary[data.summary["outcome"] == outcome.name].iloc[0]
        alt = say(
            "{title}: model and observations, {span}. Last observation {latest}: observed {observed}, model {model}.",
            title=title, span=span_of(data.base, say), latest=say.span(row["latest"]),
            observed=wording.number(row["latest_observed"]), model=wording.rounded(row["latest_model"]),
        )  # fmt: skip
        figure = figures.trajectories(data.base, [outcome], observed=data.observed, mark=_mark(data))
        note = ceiling_note(outcome.name, data.base, say)
        made = picture(figure, title=title, unit=say.unit_of(outcome.name, outcome.unit), alt=alt, say=say)
        found.append(replace(made, note=note))
    return found


def ceiling_note(name: str, dataset: xr.Dataset, say: Speech = ENGLISH) -> str:
    """Say where a line is flat because a capacity that was put in is reached."""
    if name not in CEILINGS or name not in dataset:
        return ""
    values = dataset[name].values.astype(float)
    top = float(values.max())
    if not top > 0 or int((values >= top * (1 - 1e-6)).sum()) < _FLAT:
        return ""
    return say("Flat at {top}: {why}.", top=wording.rounded(top), why=say(CEILINGS[name]))


def _year_before(data: ReportData) -> str:
    """First month of the pictures of scenarios: a year before the levers act."""
    year, month = data.comparison.start.split("-")
    first = f"{int(year) - 1}-{month}"
    return first if time_at_end(first) - 1 >= float(data.base["time"].values[0]) else data.comparison.start


def _mark(data: ReportData) -> tuple[str, str]:
    return data.comparison.start, data.say("levers act")


def scenario_pictures(data: ReportData) -> list[Picture]:
    """Chosen scenarios over time."""
    chosen, say = data.comparison, data.say
    shown = [chosen.baseline, *data.chosen]
    labels = {s.name: say.scenario(s) for s in chosen.scenarios if s.name in shown}
    found = []
    for outcome in headline(chosen.outcomes):
        figure = figures.comparison(
            chosen.dataset.sel(scenario=shown),
            [outcome],
            baseline=chosen.baseline,
            labels=labels,
            start=_year_before(data),
            mark=_mark(data),
        )
        rows = chosen.at(outcome.name, data.date)
        said = "; ".join(f"{labels[name]} {wording.rounded(rows[name]['value'])}" for name in shown)
        title, unit = say.outcome(outcome), say.unit_of(outcome.name, outcome.unit)
        alt = say(
            "{title} under {count} scenarios. {date}, {unit}: {said}.",
            title=title, count=len(labels), date=say.month(data.date), unit=unit, said=said,
        )  # fmt: skip
        found.append(picture(figure, title=title, unit=unit, alt=alt, say=say))
    return found


def band_pictures(
    bands: xr.Dataset | None, names: Sequence[str], month: str, observed: pd.DataFrame, say: Speech
) -> list[Picture]:
    """Bands of the study's runs, an outcome each."""
    found = []
    if bands is None:
        return []
    for name in (n for n in names if n in bands["outcome"].values):
        one = bands.sel(outcome=name)
        title, unit = say.title(name, str(one["title"].values)), say.unit_of(name, str(one["unit"].values))
        at = one["value"].sel(time=time_at_end(month), method="nearest")
        low, high = (wording.rounded(float(at.sel(quantile=q))) for q in (0.05, 0.95))
        alt = say(
            "{title}, {unit}: median and bands of the runs. {month}: nine tenths between {low} and {high}.",
            title=title, unit=unit, month=say.month(month), low=low, high=high,
        )  # fmt: skip
        figure = figures.fan(bands, name, observed=observed)
        note = " ".join(filter(None, (held_words(one, name, observed, say), _flat_band(one, name, say))))
        found.append(replace(picture(figure, title=title, unit=unit, alt=alt, say=say), note=note))
    return found


def held_words(band: xr.Dataset, name: str, observed: pd.DataFrame, say: Speech = ENGLISH) -> str:
    """Say how many observed values lie within nine tenths of the runs: months at their middle, stocks at their date."""
    rows = observed[(observed["outcome"] == name) & observed["period_type"].isin(("instant", "month"))]
    if rows.empty or "date" not in band.coords:
        return ""
    dates = pd.DatetimeIndex(band["date"].values)
    start, end = pd.to_datetime(rows["period_start"]), pd.to_datetime(rows["period_end"])
    at = (start + (end - start) / 2).where(rows["period_type"] == "month", end)
    seconds = dates.to_numpy().astype("datetime64[s]").astype(float)
    place = at.to_numpy().astype("datetime64[s]").astype(float)
    low, high = (
        np.interp(place, seconds, band["value"].sel(quantile=q).values.astype(float)) for q in (0.05, 0.95)
    )
    value = rows["observed"].to_numpy(dtype=float)
    inside = int(((value >= low) & (value <= high)).sum())
    return say(
        "{inside} of {all} observed values lie within nine tenths of the runs.", inside=inside, all=len(rows)
    )


def _flat_band(band: xr.Dataset, name: str, say: Speech) -> str:
    high = band["value"].sel(quantile=0.95, drop=True).rename(name)
    return ceiling_note(name, high.to_dataset(), say)


def pictures_over_time(study: StudyResult, names: Sequence[str], say: Speech) -> list[Picture]:
    """First-order indices over time, every input in one colour throughout."""
    weight = study.indices["ST"].fillna(0).mean(("outcome", "time"))
    ranked = [str(name) for name in study.indices["uncertainty"].values[weight.values.argsort()[::-1]]]
    hues = [*figures.PALETTE, *(_tint(colour) for colour in figures.PALETTE)]
    colours = dict(zip(ranked, hues, strict=False))
    found = []
    for name in names:
        title = say.title(name, str(study.indices["title"].sel(outcome=name).values))
        alt = say(
            "{title}: share of the variance that each input explains alone, over time. The table has the values.",
            title=title,
        )
        figure = figures.indices_over_time(study.indices, name, most=len(figures.PALETTE))
        for legend in figure.legends:
            words_said = [" ".join(text.get_text().split()) for text in legend.get_texts()]
            layers = figure.axes[0].collections
            for said, handle, layer in zip(words_said, legend.legend_handles, reversed(layers), strict=False):
                if said in colours and isinstance(handle, Patch):
                    handle.set_facecolor(colours[said])
                    layer.set_facecolor(colours[said])
        found.append(picture(figure, title=title, unit=say("share of the variance"), alt=alt, say=say))
    return found


def legend_of_inputs(pictures: Sequence[Picture], ranked: Sequence[str], say: Speech) -> Legend:
    """One legend for all inputs, the most important first; whatever has no colour of its own last."""
    entries = {
        re.sub(r"^(?:\d+ other inputs?|otros \d+ insumos)$", say("other inputs"), e.words): e
        for e in joint_legend(pictures).legend
    }
    order = [*(name for name in ranked if name in entries), *(name for name in entries if name not in ranked)]
    return Legend(tuple(replace(entries[name], words=name) for name in order))


def _tint(colour: str) -> str:
    """Mix a colour with white."""
    red, green, blue = ((part + 1.2) / 2.2 for part in mpl.colors.to_rgb(colour))
    return str(mpl.colors.to_hex((red, green, blue)))


def span_of(dataset: xr.Dataset, say: Speech) -> str:
    """First and last month of a run in words."""
    times = dataset["time"].values
    ends = month_of(float(times[0])), month_of(float(times[-1]) - 1)
    return say("{low} to {high}", low=say.month(ends[0]), high=say.month(ends[1]))
