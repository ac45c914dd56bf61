"""What the commands leave in a results folder: tables, labelled arrays and figures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from flows import compare, provenance
from flows.calendar import month_of, time_at_end
from flows.compare import CAVEAT, HUMAN_COST, Comparison
from flows.inputs import Outcome
from flows.tables import as_text, without_formulas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from flows.report.speech import Speech
    from flows.study import StudyResult

__all__ = ["HEADLINE", "comparison_figures", "stocks_figure", "stocks_table", "study_figures", "write_run"]

HEADLINE = (
    "people waiting in Mexico",
    "exposure index",
    "COMAR pending cases",
    "court cases pending",
    "average wait in court",
    "encounters at US border",
)
"""Outcomes of the pictures: human cost first, then backlogs, then events."""

_DATA = "Flows, migration model; observed series as listed in models/data/sources.csv."
_LINES = "Flows, migration model. Each line is one run; the spread of the uncertain inputs is not shown."
SOURCE = f"{_DATA} {CAVEAT}"

_PANELS = 12
_COUNTS = 0.05  # share of the variance from which on an index counts
_PAIRS = 12  # outcomes whose second-order indices are drawn, a file each


def headline(outcomes: Sequence[Outcome], most: int = len(HEADLINE)) -> tuple[Outcome, ...]:
    """Choose the outcomes of the pictures among those that a model has."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    chosen = [by_name[name] for name in HEADLINE if name in by_name]
    return tuple((chosen or list(outcomes))[:most])


def write_run(
    dataset: xr.Dataset,
    folder: Path,
    *,
    model: Any,
    outcomes: Sequence[Outcome],
    observed: pd.DataFrame | None,
    title: str,
    figure: bool = True,
) -> None:
    """Write one run: ``trajectories.csv`` and ``.nc``, ``columns.csv``, a figure, and what it was held against.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run with all variables.
    folder : Path
        An existing folder.
    model : flows.Model
        For units and comments.
    outcomes : sequence of Outcome
        Outcomes of the migration model; empty for any other model.
    observed : pandas.DataFrame or None
        From `flows.report.tables.observed_rows`.
    title : str
        Of the figure.
    figure : bool
        Whether to draw it; drawing takes longer than everything else together.

    Raises
    ------
    ResultError
        The place can't be written to.
    """
    wide, columns = _wide(dataset, model)
    if outcomes:
        wide["caveat"] = CAVEAT
        dataset = dataset.assign_attrs(caveat=CAVEAT)
    save_numbers(wide, folder / "trajectories.csv")
    save_csv(columns, folder / "columns.csv")
    with provenance.atomic_path(folder / "trajectories.nc") as temporary:
        compare.to_netcdf(dataset, temporary)
    if observed is not None and not observed.empty:
        save_csv(observed.assign(caveat=CAVEAT), folder / "observed.csv")
    if not figure:
        return
    from flows.report import figures

    if outcomes:
        drawn = figures.trajectories(
            dataset, headline(outcomes), observed=observed, title=title, source=SOURCE
        )
    else:
        drawn = stocks_figure(dataset, model, title=title)
    figures.save(drawn, folder / "trajectories")


def stocks_table(dataset: xr.Dataset, model: Any) -> pd.DataFrame:
    """Tabulate first and last value of every stock, or of every variable of a model without stocks.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run.
    model : flows.Model
        Its stocks.

    Returns
    -------
    pandas.DataFrame
        ``name`` (text form of one element), ``unit``, ``first``, ``last``, ``least``, ``most``.
    """
    rows = []
    bare = {item.name for item in model.stocks if not item.units}  # the file says no unit: none is said here
    for name, unit, values in _series(dataset, _shown(dataset, model)):
        rows.append(
            {
                "name": name,
                "unit": "" if name.partition("[")[0] in bare else unit,
                "first": values[0],
                "last": values[-1],
                "least": values.min(),
                "most": values.max(),
            }
        )
    return pd.DataFrame(rows, columns=["name", "unit", "first", "last", "least", "most"])


def stocks_figure(dataset: xr.Dataset, model: Any, *, title: str) -> Figure:
    """Draw the stocks of any model over its own time, at most twelve panels.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run.
    model : flows.Model
        Its stocks.
    title : str
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from flows.report import figures, style

    names = _shown(dataset, model)
    shown = list(itertools.islice(_panels(dataset, names), _PANELS))
    across = min(3, len(shown)) or 1
    down = -(-len(shown) // across) or 1
    figure, axes = style.grid_of(len(shown), across, (4.2 * across, 0.6 + 2.9 * down))
    dated = "date" in dataset.coords
    time = dataset["date"].values if dated else dataset["time"].values
    unit_of_time = figures.unit_words(str(dataset["time"].attrs.get("units", "")))
    for axis, (name, unit, lines) in zip(axes, shown, strict=True):
        for turn, (label, values) in enumerate(lines):
            axis.plot(time, values, color=figures.PALETTE[turn % 6], label=label or None)
        if len(lines) > 1:
            axis.legend(fontsize=7, frameon=False)
        style.titled(axis, _plain(name), letters=38)
        style.labelled(axis, y=_plain(figures.unit_words(unit)))
        if not dated:
            style.labelled(axis, x=f"time ({unit_of_time})" if unit_of_time else "time")
        axis.margins(x=0)
        style.quiet(axis)
        axis.tick_params(rotation=30 if dated else 0, axis="x")
    figure.suptitle(_plain(title), x=0.012, ha="left", fontsize=12.5, fontweight="bold")
    return figure


def comparison_figures(
    comparison: Comparison, folder: Path, *, only: Sequence[str] = (), say: Speech | None = None
) -> list[Path]:
    """Draw the headline outcomes of scenarios, human cost among them, and save the figure.

    Parameters
    ----------
    comparison : Comparison
        As `flows.compare.compare` returns it.
    folder : Path
        An existing folder.
    only : sequence of str, optional
        Scenarios shown beside the baseline, in this order; all by default.
    say : Speech, optional
        The language of the words in it; English by default. Titles are those of the comparison.

    Returns
    -------
    list of Path
        The files written.
    """
    from flows.report import figures
    from flows.report.speech import ENGLISH, labels_in

    words = say or ENGLISH
    labels = {s.name: s.title for s in comparison.scenarios}
    shown = headline(comparison.outcomes)
    figure = figures.comparison(
        comparison.dataset.sel(scenario=[comparison.baseline, *only]) if only else comparison.dataset,
        shown,
        baseline=comparison.baseline,
        labels=labels,
        title=words("Scenarios beside “{title}”", title=comparison.scenarios[0].title),
        source=f"{words(_LINES)} {words(CAVEAT)}",
        mark=_mark(comparison.start) if "-" in comparison.start else None,
        start=_shown_from(comparison),
    )
    for axis, outcome in zip(figure.axes, shown, strict=True):
        axis.set_ylabel(words.axis(axis.get_ylabel(), words.unit_of(outcome.name, outcome.unit)))
    return figures.save(labels_in(figure, words), folder / "comparison")


def study_figures(
    result: StudyResult, folder: Path, *, at: str = "2030-12", say: Speech | None = None
) -> list[Path]:
    """Draw what a study found, by its method.

    All draws: bands, and what drives the worst runs. Sobol: first-order indices over time, total order, pairs, and
    convergence; Shapley: effects over time and at one month; Morris: mean size against spread of the effects; tornado:
    the swings; plain draws: rank correlations.

    Parameters
    ----------
    result : StudyResult
        As `flows.study.run` returns it.
    folder : Path
        An existing folder.
    at : str
        Month of the indices; the study's last month where it lies outside.
    say : Speech, optional
        The language of the words and names in them; English by default.

    Returns
    -------
    list of Path
        The files written.
    """
    from flows.report import drivers, figures
    from flows.report.speech import ENGLISH, labels_in

    words = say or ENGLISH
    result = _in_words(result, words)
    source = study_source(result, words)
    names = [str(name) for name in result.indices["outcome"].values]
    few = names[:_PANELS]
    pictures: dict[str, Figure] = {}
    if names:
        at = study_month(result, at)
        pictures |= _pictures(result, result.indices, at, "", source, words)
        if result.bands is not None:
            pictures["bands"] = figures.fan(result.bands, few, source=source, say=words)
        if result.study.method == "shapley":
            pictures["shapley_over_time"] = figures.indices_over_time(
                result.indices, few, source=f"{source} {_width(result.indices, words, 'Sh')}", say=words
            )
        if result.study.method == "sobol":
            pictures["indices_over_time"] = figures.indices_over_time(
                result.indices, few, source=f"{source} {_width(result.indices, words)}", say=words
            )
            if result.looks is not None and result.looks.sizes["n"] and _varies(result.indices, at):
                pictures["convergence"] = drivers.convergence(
                    result.looks, result.indices, few, at=at, source=source, say=words
                )
        if result.worst is not None:
            titles = result.indices["title"].sel(outcome=result.worst["outcome"].values).values
            pictures["worst"] = drivers.worst(
                result.worst.assign_coords(title=("outcome", titles)),
                at=_near(result.worst, at),
                source=source,
                say=words,
            )
    if result.numbers is not None:
        pictures |= _pictures(result, result.numbers, None, "numbers_", source, words)
    return [
        path
        for name, figure in pictures.items()
        for path in figures.save(labels_in(figure, words), folder / name)
    ]


def named(dataset: xr.Dataset, say: Speech) -> xr.Dataset:
    """Give outcomes and inputs of the results of a study their names in a language."""
    coords: dict[str, Any] = {
        name: [say.variable(str(one)) for one in dataset[name].values]
        for name in ("uncertainty", "partner")
        if name in dataset.coords
    }
    if "title" in dataset.coords:
        pairs = zip(dataset["outcome"].values, dataset["title"].values, strict=True)
        coords["title"] = ("outcome", [say.title(str(name), str(title)) for name, title in pairs])
    return dataset.assign_coords(coords)


def _in_words(result: StudyResult, say: Speech) -> StudyResult:
    if not say.foreign:
        return result
    keys = ("indices", "numbers", "bands", "worst", "looks")
    found = {key: getattr(result, key) for key in keys}
    changed: dict[str, Any] = {key: named(d, say) for key, d in found.items() if d is not None}
    return replace(result, **changed)


def study_source(result: StudyResult, say: Speech | None = None) -> str:
    """Say below the figures of a study where they come from: study, method, runs, seed, scenario and model."""
    from flows.report.speech import ENGLISH
    from flows.study.conclude import under

    study, say = result.study, say or ENGLISH
    words = say(
        "Flows, study “{study}” ({method}, {runs} runs, seed {seed}){scenario}, model {model}.",
        study=study.name,
        method=study.method,
        runs=f"{result.runs:,}",
        seed=study.seed,
        scenario=under(result, ", scenario “{scenario}”", say),
        model=Path(study.model).name,
    )
    return f"{words} {say(CAVEAT)}" if is_of_shipped(result) else words


def is_of_shipped(result: StudyResult) -> bool:
    """Whether a study is of the shipped model, or of outcomes that it has."""
    return bool(
        result.indices["outcome"].isin(HEADLINE).any() or Path(result.study.model).name == "migration.mdl"
    )


def _pictures(
    result: StudyResult, found: xr.Dataset, at: str | None, prefix: str, source: str, say: Speech
) -> dict[str, Figure]:
    """Draw the one or two figures that belong to a method, at one month or of single numbers."""
    from flows.report import drivers, figures

    names = [str(name) for name in found["outcome"].values]
    few = names[:_PANELS]
    drawn: dict[str, Figure] = {}
    match result.study.method:
        case "morris":
            drawn["screening"] = drivers.screening(found, few, at=at, source=source, say=say)
        case "tornado":
            drawn["tornado"] = drivers.tornado(
                found, few, at=at, tails=result.study.tails, source=source, say=say
            )
        case "sobol":
            drawn["total_order"] = figures.total_heatmap(found, at=at, source=source, say=say)
            if "S2" in found:
                one, _ = figures.moment(found, at)
                for name in names[:_PAIRS]:
                    if bool(one["S2"].sel(outcome=name).notnull().any()):
                        key = f"second_order-{_file_word(name)}"
                        drawn[key] = drivers.second_order(found, name, at=at, source=source, say=say)
        case "shapley":
            drawn["shapley"] = figures.total_heatmap(found, at=at, source=source, say=say)
        case _:
            drawn["rank_correlations"] = drivers.rank_correlations(found, at=at, source=source, say=say)
    return {prefix + name: figure for name, figure in drawn.items()}


def _width(indices: xr.Dataset, say: Speech, key: str = "S1") -> str:
    """Say how wide the intervals are behind areas that can't show them."""
    from flows.study.words import percent  # the study's package loads scipy.stats, which no run needs

    half = indices[f"{key}_conf"].where(indices[key] >= _COUNTS)
    if not bool(half.notnull().any()):
        return ""
    return say(
        "Half of the shares of {least} or more are known to ±{middle} or better, nine in ten to ±{most} ({level} "
        "intervals).",
        least=percent(_COUNTS),
        middle=f"{float(half.median()):.2f}",
        most=f"{float(half.quantile(0.9)):.2f}",
        level=percent(float(indices.attrs["level"])),
    )


def _varies(indices: xr.Dataset, at: str) -> bool:
    from flows.report import figures

    return bool(figures.moment(indices, at)[0]["ST"].notnull().any())


def _near(worst: xr.Dataset, at: str) -> str:
    """The month nearest to another at which the worst runs were looked at."""
    times = worst["time"].values
    return month_of(float(times[np.abs(times - time_at_end(at)).argmin()]) - 1)


def _file_word(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def study_month(result: StudyResult, at: str) -> str:
    """Return the month at which a study's indices are read: ``at``, or the last one where it lies outside."""
    times = result.indices["time"].values
    return at if times[0] < time_at_end(at) <= times[-1] else month_of(float(times[-1]) - 1)


# Parts --------------------------------------------------------------------------------------------


def _mark(start: str) -> tuple[str, str]:
    return start, "levers act"


def _shown_from(comparison: Comparison, years: int = 1) -> str | None:
    """First month of the pictures: a year or more before the levers act, where the run goes back so far."""
    if "-" not in comparison.start:  # a model that doesn't count in months
        return None
    year, month = comparison.start.split("-")
    first = f"{int(year) - years}-{month}"
    begins = (
        np.datetime64(comparison.dataset["date"].values[0], "M")
        if "date" in comparison.dataset.coords
        else None
    )
    return first if begins is not None and np.datetime64(first, "M") > begins else None


def _shown(dataset: xr.Dataset, model: Any) -> list[str]:
    """Names of the stocks; of everything that moves, where a model has none."""
    stocks = [item.name for item in model.stocks if item.name in dataset]
    return stocks or _moving(dataset)


def _moving(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name in dataset.data_vars if "time" in dataset.variables[name].dims]


def _elements(dataset: xr.Dataset, name: str) -> list[tuple[str, np.ndarray]]:
    """Cut a variable into its elements, each with the part of its name in brackets."""
    variable = dataset.variables[name]
    own = [dim for dim in variable.dims if dim != "time"]
    labels = itertools.product(*(map(str, dataset.variables[dim].values) for dim in own))
    over_time = [dim for dim in variable.dims if dim == "time"]
    rows = variable.transpose(*own, *over_time).values.astype(float)
    rows = rows.reshape(-1, rows.shape[-1] if over_time else 1)
    return [(f"[{','.join(label)}]" if label else "", row) for label, row in zip(labels, rows, strict=True)]


def _series(dataset: xr.Dataset, names: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    return [
        (name + suffix, str(dataset.variables[name].attrs.get("units", "")), values)
        for name in names
        for suffix, values in _elements(dataset, name)
    ]


def _panels(dataset: xr.Dataset, names: Sequence[str]) -> list[tuple[str, str, list[tuple[str, np.ndarray]]]]:
    """One panel a variable, one line an element (at most six)."""
    found = []
    for name in names:
        lines = [(suffix.strip("[]"), values) for suffix, values in _elements(dataset, name)[:6]]
        found.append((name, str(dataset.variables[name].attrs.get("units", "")), lines))
    return found


def _wide(dataset: xr.Dataset, model: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a saved time, one column an element; and what the columns are."""
    moving = _moving(dataset)
    head: dict[str, Any] = {"time": dataset["time"].values}
    if "date" in dataset.coords:
        head = {"date": pd.DatetimeIndex(dataset["date"].values).strftime("%Y-%m-%d"), **head}
    series = _series(dataset, moving)
    values = (
        np.column_stack([column for *_, column in series]) if series else np.zeros((len(head["time"]), 0))
    )
    wide = pd.concat(
        [pd.DataFrame(head), pd.DataFrame(values, columns=[name for name, *_ in series])], axis=1
    )
    rows = []
    for name in moving:
        item = model.item(model.variable(name))
        for suffix, _ in _elements(dataset, name):
            human = name in HUMAN_COST
            rows.append(
                {"column": name + suffix, "unit": item.units or "Dmnl", "kind": item.kind, "group": item.group,
                 "human_cost": human, "comment": " ".join(str(item.comment).split())}
            )  # fmt: skip
    return wide, pd.DataFrame(rows, columns=["column", "unit", "kind", "group", "human_cost", "comment"])


def save_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all, as UTF-8 with plain line ends."""
    with provenance.atomic_path(path) as temporary:
        without_formulas(table).to_csv(
            temporary, index=False, encoding="utf-8", lineterminator="\n", date_format="%Y-%m-%d"
        )


def save_numbers(table: pd.DataFrame, path: Path) -> None:
    """Write what `save_csv` writes, quicker for a table of a thousand columns of numbers."""
    columns = [column for _, column in table.items()]
    if any(c.dtype.kind not in "fO" and c.dtype != "str" for c in columns) or table.isna().any(axis=None):
        save_csv(table, path)
        return
    texts = [map(repr if c.dtype.kind == "f" else _quoted, c.tolist()) for c in columns]
    lines = [",".join(map(_quoted, table.columns)), *map(",".join, zip(*texts, strict=True)), ""]
    provenance.atomic_write(path, "\n".join(lines))


def _quoted(text: str) -> str:
    """Quote a field where it needs it, and keep it from being a formula."""
    text = as_text(text)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _plain(text: str) -> str:
    """Keep matplotlib from reading a dollar sign as mathematics."""
    return text.replace("$", r"\$")
