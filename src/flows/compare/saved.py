"""Results that lie on the disk, compared with each other: runs and comparisons, as ``flows list runs`` finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from flows import paths, provenance
from flows.calendar import month_index, month_of
from flows.compare.comparison import DATES, Comparison, assemble
from flows.compare.files import DRAWS
from flows.compare.measures import (
    LEVELS,
    Measures,
    dates_within,
    halving_times,
    measures_of,
    outcome_values,
    words,
)
from flows.errors import InputError
from flows.inputs import Outcome, Scenario, read_outcomes
from flows.inputs.scenarios import POLICY_START
from flows.references import fold

RUN, COMPARISON = "trajectories.nc", "comparison.nc"


@dataclass(frozen=True, eq=False)
class Kept:
    """One results folder as read.

    Attributes
    ----------
    folder : Path
        Where it lies.
    values : xarray.Dataset
        Outcomes over (scenario, time).
    levels : xarray.Dataset or None
        Outcomes over (scenario, draw, date), where it holds draws.
    titles : tuple of str
        Of the scenarios.
    start : float
        Model time from which levers act.
    futures : str
        What tells the draws from others.
    model : str
        Digest of the model file.
    """

    folder: Path
    values: xr.Dataset
    levels: xr.Dataset | None
    titles: tuple[str, ...]
    start: float
    futures: str
    model: str


def compare_saved(
    folders: Sequence[str | Path], *, dates: Sequence[str] = DATES, outcomes: Sequence[Outcome] | None = None
) -> tuple[Comparison, tuple[str, ...]]:
    """Compare results that lie on the disk: runs, or comparisons with all their scenarios.

    Parameters
    ----------
    folders : sequence of path
        Results folders of ``flows run`` and ``flows compare``; what the first one holds first is the baseline. A base
        course that a later folder repeats is left out.
    dates : sequence of str
        Months ``YYYY-MM``.
    outcomes : sequence of Outcome, optional
        The shipped ones by default, as far as all folders hold them.

    Returns
    -------
    Comparison, tuple of str
        The comparison, with draws where all folders hold the same ones; and what its reader has to know: whether
        models, the times they cover or draws differ.

    Raises
    ------
    InputError
        A folder holds no run or comparison or is named twice, there is only one run, or the folders have no outcome in
        common.
    """
    _refuse_twice(folders)
    every = tuple(outcomes) if outcomes is not None else read_outcomes()
    kept = [read_kept(folder, every) for folder in folders]
    names = set.intersection(*({str(n) for n in k.values.data_vars} for k in kept))
    shared = tuple(o for o in every if o.name in names)
    if not shared:
        raise InputError(
            "the folders have no outcome in common",
            where=", ".join(str(k.folder) for k in kept),
            remedy="Compare runs of one model",
        )
    labels, scenarios, parts = _labelled(kept, [o.name for o in shared])
    if len(scenarios) < 2:
        raise InputError(
            "nothing to compare", where=str(kept[0].folder), found="one run", expected="a second folder"
        )
    values = xr.concat(
        [p[0] for p in parts], dim="scenario", join="inner", coords="minimal", compat="override"
    )
    values = values.assign_coords(scenario=labels)
    for outcome in shared:
        about = {"units": outcome.unit, "title": outcome.title or outcome.name, "better": outcome.better}
        values[outcome.name].attrs.update(about)
    starts = [start for _, _, start in parts]
    when = dates_within(dates, values["time"].values)
    central = measures_of(values, start=starts[0], dates=when)
    drawn: Measures = {}
    notes = []
    if len({k.model for k in kept}) > 1:
        notes.append("These results come from different model files: differences hold the edits too.")
    spans: dict[str, list[str]] = {}
    for k in kept:
        spans.setdefault(_span(k.values), []).append(k.folder.as_posix())
    if len(spans) > 1:
        told = "; ".join(f"{span}: {', '.join(some)}" for span, some in spans.items())
        notes.append(
            f"These results cover different times ({told}): compared is what all hold, {_span(values)}."
        )
    same = len({k.futures for k in kept}) == 1 and bool(kept[0].futures)
    if same and all(p[1] is not None for p in parts):
        drawn = _drawn(parts, labels, shared, when, central)
    elif any(k.levels is not None for k in kept):
        notes.append(
            "These results don't share their draws: differences are of one run each, without interval or odds."
        )
    readable = tuple(o.model_copy(update={"expression": f'"{o.name}"'}) for o in shared if "[" not in o.name)
    found = assemble(scenarios, shared, values, values, central, drawn, starts, halving_times(values, starts))
    shown = xr.Dataset({o.name: values[o.name] for o in readable}, attrs=values.attrs)
    return Comparison(**{**vars(found), "dataset": shown}), tuple(notes)


def _span(values: xr.Dataset) -> str:
    """From when to when results go, in months where they have dates."""
    first, last = (float(values["time"].values[place]) for place in (0, -1))
    if "date" not in values.coords:
        return f"{first:g} to {last:g}"
    return f"{words(month_of(first))} to {words(month_of(last - 1))}"


def _refuse_twice(folders: Sequence[str | Path]) -> None:
    """Refuse one folder under two names, which would be compared with itself."""
    seen: set[Path] = set()
    for folder in folders:
        place = Path(folder).resolve()
        if place in seen:
            raise InputError(
                "the same results are named twice", where=str(folder), remedy="Name each folder once"
            )
        seen.add(place)


def read_kept(folder: str | Path, outcomes: Sequence[Outcome]) -> Kept:
    """Read what a results folder holds: one run, or the scenarios of a comparison.

    Parameters
    ----------
    folder : path
        As ``flows list runs`` shows it.
    outcomes : sequence of Outcome
        Those computed of a run.

    Returns
    -------
    Kept

    Raises
    ------
    InputError
        It holds neither, or a file of it can't be read.
    """
    place = Path(folder)
    entry = provenance.read_record(place)
    if entry is None:
        raise InputError(
            "not a results folder", where=str(folder), expected=f"a folder with a {provenance.FILE}",
            remedy="flows list runs shows those there are",
        )  # fmt: skip
    model = next(
        (str(f["sha256"]) for f in entry.get("inputs", ()) if str(f.get("path", "")).endswith(".mdl")), ""
    )
    if (place / COMPARISON).is_file():
        values = _load(place / COMPARISON)
        levels = _load(place / DRAWS) if (place / DRAWS).is_file() else None
        return Kept(
            place,
            values,
            levels,
            tuple(str(values.attrs.get("titles", "")).split("\n")),
            _time(str(values.attrs.get("start", "")), values),
            str(levels.attrs.get("futures", "")) if levels is not None else "",
            model,
        )
    if (place / RUN).is_file():
        return _run(place, _load(place / RUN), entry, outcomes, model)
    command = str(entry.get("command", ""))
    raise InputError(
        "holds neither a run nor a comparison", where=str(folder), found=command and f'what "{command}" left',
        expected="a folder of flows run or flows compare", remedy="flows list runs shows those there are",
    )  # fmt: skip


def _run(
    place: Path, dataset: xr.Dataset, entry: Mapping[str, Any], outcomes: Sequence[Outcome], model: str
) -> Kept:
    """One run: its outcomes, and the date from which levers act."""
    held = {fold(str(name)) for name in dataset.data_vars}
    own = [o for o in outcomes if all(fold(r.name) in held for r in o.references)]
    if not own or "date" not in dataset.coords:
        raise InputError(
            "the run has none of the shipped model's outcomes", where=str(place),
            remedy="Only runs of that model, or of edited copies of it, can be compared",
        )  # fmt: skip
    start = next(
        (float(dataset[n]) for n in dataset.data_vars if fold(str(n)) == POLICY_START),
        float(dataset["time"][0]),
    )
    values = outcome_values(own, dataset.expand_dims(scenario=[place.name]))
    title = str(entry.get("scenario") or place.name)
    settings = entry.get("settings") or {}
    if settings:
        title += " with " + ", ".join(f"{key}={value:.10g}" for key, value in settings.items())
    return Kept(place, values, None, (title,), start, "", model)


def _labelled(
    kept: Sequence[Kept], outcomes: Sequence[str]
) -> tuple[list[str], tuple[Scenario, ...], list[tuple[xr.Dataset, xr.Dataset | None, float]]]:
    """Name every run once; a comparison's own baseline stands once if it is the same as the first one."""
    labels: list[str] = []
    scenarios: list[Scenario] = []
    parts: list[tuple[xr.Dataset, xr.Dataset | None, float]] = []
    every: list[tuple[Kept, str, int, xr.Dataset]] = []
    for k in kept:
        for place, name in enumerate(k.values["scenario"].values):
            values = k.values[list(outcomes)].sel(scenario=[name])
            if every and place == 0 and len(k.titles) > 1 and _equal(values, every[0][3]):
                continue
            every.append((k, str(name), place, values))
    plain = [name for _, name, _, _ in every]
    within = [f"{name} in {k.folder.name}" for k, name, _, _ in every]
    for (k, name, place, values), inside in zip(every, within, strict=True):
        label = name if plain.count(name) == 1 else inside
        if label == inside and within.count(inside) > 1:
            label = f"{name} in {k.folder.as_posix()}"
        title = k.titles[place] if place < len(k.titles) else name
        if label != name:
            title += f" ({k.folder.name})"
        labels.append(label)
        scenarios.append(Scenario(name=label, title=title or label, kind="package", file=str(k.folder)))
        held = [n for n in outcomes if k.levels is not None and n in k.levels]
        levels = k.levels[held].sel(scenario=[name]) if k.levels is not None else None
        parts.append((values, levels, k.start))
    return labels, tuple(scenarios), parts


def _equal(one: xr.Dataset, other: xr.Dataset) -> bool:
    if one.sizes["time"] != other.sizes["time"]:
        return False
    return all(np.array_equal(one[name].values, other[name].values) for name in one.data_vars)


def _drawn(
    parts: Sequence[tuple[xr.Dataset, xr.Dataset | None, float]],
    labels: Sequence[str],
    outcomes: Sequence[Outcome],
    dates: Sequence[str],
    central: Measures,
) -> Measures:
    """Levels on the common draws, by the keys of the measures of one run each."""
    found: dict[tuple[str, str, str], xr.DataArray] = {}
    for name, date, measure in central:
        if measure not in LEVELS or date not in dates:
            continue
        arrays = [levels[name].sel(date=date) for _, levels, _ in parts
                  if levels is not None and name in levels and date in levels["date"].values]  # fmt: skip
        if len(arrays) == len(parts):
            joined = xr.concat(arrays, dim="scenario", coords="minimal", compat="override", join="override")
            found[name, date, measure] = joined.assign_coords(scenario=list(labels)).transpose(
                "scenario", "draw"
            )
    return found


def _load(path: Path) -> xr.Dataset:
    try:
        return paths.load_netcdf(path)
    except (OSError, ValueError) as error:
        raise InputError(
            "the results can't be read", where=str(path), found=str(error).split("\n")[0],
            remedy="Run the command again that made them",
        ) from None  # fmt: skip


def _time(start: str, values: xr.Dataset) -> float:
    if not start:
        return float(values["time"].values[0])
    return float(month_index(start)) if "-" in start else float(start)
