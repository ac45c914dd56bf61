"""What a new version does to behaviour: both run, and what moved, the largest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare import outcome_values
from flows.ensemble import simulate
from flows.errors import ResultError
from flows.inputs import Outcome
from flows.model.model import CONTROLS, Model
from flows.references import fold

__all__ = ["OLD", "Behaviour", "Moved", "behaviour", "run_of", "write"]

OLD, NEW = "old", "new"
ROUNDING = 1e-9
"""Share of a variable's size below which a difference is rounding (the equality of the fixed formats)."""

_SAME_TIME = 1e-6
_DRAWN = 6
_KEPT = 200  # courses in the table of courses


@dataclass(frozen=True, slots=True)
class Moved:
    """An outcome, or an element of a variable, that moved.

    Attributes
    ----------
    name : str
        Text form in the new version.
    unit : str
    old, new : float
        At the last time that both versions have.
    percent : float or None
        Of `old`, where it isn't zero.
    difference : float
        The largest over time, new minus old.
    at : float
        Model time of that.
    share : float
        Its size beside the largest size of the old course (of the new one where the old is zero): what the list is
        sorted by.
    """

    name: str
    unit: str
    old: float
    new: float
    percent: float | None
    difference: float
    at: float
    share: float


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What moved from one version to the other.

    Attributes
    ----------
    moved : tuple of Moved
        The largest first.
    compared : int
        How many outcomes, or elements of variables, both versions have.
    courses : xarray.Dataset
        What moved, over (``scenario``, ``time``), the scenarios being ``old`` and ``new``.
    left_out : bool
        Whether a version saves times that the other doesn't: they aren't compared.
    """

    moved: tuple[Moved, ...]
    compared: int
    courses: xr.Dataset
    left_out: bool = False


def run_of(
    model: Model,
    outcomes: Sequence[Outcome] = (),
    *,
    until: float | str | None = None,
    forms: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Run a model once, for its outcomes, saved month by month, or for all its variables.

    Parameters
    ----------
    model : flows.Model
    outcomes : sequence of Outcome
        Empty for all variables, saved as the model says.
    until : float or str, optional
        Last model time or month.
    forms : mapping of str to str, optional
        Folded name → text form such as ``Migrants in transit[Haiti]``, of a model without subscripts whose variables
        are to be called as in the model with them.

    Returns
    -------
    xarray.Dataset
        Outcomes by name, or variables.
    """
    names = forms or {}
    if not outcomes:
        return _called(simulate(model, until=until), names)
    flat = {_key(form): name for name, form in names.items()}
    wanted = dict.fromkeys(flat.get(_key(r.key), r.key) for o in outcomes for r in o.references)
    run = simulate(model, outcomes=list(wanted), save_every=1, until=until)
    return outcome_values(outcomes, _called(run, names))


def _called(run: xr.Dataset, forms: Mapping[str, str]) -> xr.Dataset:
    return run.rename({n: forms[fold(str(n))] for n in run if fold(str(n)) in forms}) if forms else run


def _key(form: str) -> str:
    name, elements = _parts(form)
    return f"{fold(name)}[{','.join(map(fold, elements))}]" if elements else fold(name)


def _parts(form: str) -> tuple[str, tuple[str, ...]]:
    """Name and elements of a text form."""
    name, bracket, rest = form.rpartition("[")
    return (name, tuple(rest[:-1].split(","))) if bracket and rest.endswith("]") else (form, ())


def behaviour(old: xr.Dataset, new: xr.Dataset, *, renamed: Mapping[str, str] | None = None) -> Behaviour:
    """Compare runs of two versions.

    Parameters
    ----------
    old, new : xarray.Dataset
        As `run_of` returns them.
    renamed : mapping of str to str, optional
        Old folded names → new ones, of variables and elements.

    Returns
    -------
    Behaviour
        Over the times that both save; nothing is read in between. Control variables such as SAVEPER aren't compared.

    Raises
    ------
    ResultError
        If no time is saved by both.
    """
    names = renamed or {}
    was_at, at = _shared(old["time"].values, new["time"].values)
    times = new["time"].values[at]
    if not len(times):
        raise ResultError(
            "the two versions save no time that both have, so there is nothing to compare",
            remedy="Use the same INITIAL TIME and SAVEPER, or --no-run",
        )
    before = {
        (names.get(fold(n), fold(n)), tuple(names.get(fold(e), fold(e)) for e in place)): values
        for n, place, values, _ in _courses(old)
    }
    rows: list[tuple[Moved, NDArray[np.float64], NDArray[np.float64]]] = []
    compared = 0
    for name, place, values, unit in _courses(new):
        was = before.get((fold(name), tuple(map(fold, place))))
        if was is None:
            continue
        compared += 1
        a, b = (_at(kept, course) for kept, course in ((was_at, was), (at, values)))
        moved = _moved(name, place, unit, times, a, b)
        if moved is not None:
            rows.append((moved, a, b))
    rows.sort(key=lambda r: (-r[0].share, r[0].name))
    coords: dict[str, Any] = {"scenario": [OLD, NEW], "time": times}
    if "date" in new.coords:
        coords["date"] = ("time", new["date"].values[at])
    courses = xr.Dataset(coords=coords)
    for row, a, b in rows[:_KEPT]:
        courses[row.name] = (("scenario", "time"), np.stack([a, b]), {"units": row.unit, "title": row.name})
    left_out = len(times) < max(old.sizes["time"], new.sizes["time"])
    return Behaviour(tuple(r for r, _, _ in rows), compared, courses, left_out)


def _courses(dataset: xr.Dataset) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.float64], str]]:
    """Name, elements, values and unit of each course; a constant is a course of one value."""
    for name in dataset:
        array = dataset.variables[name]
        if "x" in array.dims or array.dtype.kind not in "fiub" or fold(str(name)) in CONTROLS:
            continue
        dims = [d for d in array.dims if d not in ("time", "scenario", "draw")]
        values = array.transpose(*dims, ...).values.astype(float)
        labels = [[str(v) for v in dataset.coords[d].values] for d in dims]
        unit = str(array.attrs.get("units", ""))
        stem, own = _parts(str(name))
        for place in np.ndindex(*(len(label) for label in labels)):
            elements = own + tuple(label[k] for label, k in zip(labels, place, strict=True))
            yield stem, elements, np.atleast_1d(values[place]), unit


def _shared(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the times that both have, in either; times that differ by rounding are one."""
    near = np.clip(np.searchsorted(old, new - _SAME_TIME), 0, len(old) - 1)
    same = np.abs(old[near] - new) <= _SAME_TIME
    return near[same], np.flatnonzero(same)


def _at(places: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(len(places), values[0]) if len(values) == 1 else values[places]


def _moved(
    name: str,
    place: tuple[str, ...],
    unit: str,
    times: NDArray[np.float64],
    old: NDArray[np.float64],
    new: NDArray[np.float64],
) -> Moved | None:
    with np.errstate(invalid="ignore"):
        difference = np.where(np.isnan(old) & np.isnan(new), 0.0, new - old)
        size = np.nanmax(np.abs(old), initial=0.0) or np.nanmax(np.abs(new), initial=0.0)
    lost = np.isnan(difference)
    if not lost.any() and np.abs(difference).max(initial=0.0) <= ROUNDING * size:
        return None
    at = int(np.argmax(np.where(lost, np.inf, np.abs(difference))))
    share = float("inf") if lost.any() else float(abs(difference[at]) / size)
    first, last = float(old[-1]), float(new[-1])
    percent = 100 * (last - first) / abs(first) if first and np.isfinite(last) else None
    form = f"{name}[{','.join(place)}]" if place else name
    return Moved(form, unit, first, last, percent, float(difference[at]), float(times[at]), share)


def write(found: Behaviour, folder: Path, *, title: str, source: str = "", figures: bool = True) -> None:
    """Write what moved: ``moved.csv``, ``courses.csv`` and a figure of the most moved.

    Parameters
    ----------
    found : Behaviour
    folder : Path
        An existing folder.
    title, source : str
        Above and below the figure.
    figures : bool
        Whether to draw.
    """
    from flows.report.results import save_csv, save_numbers

    save_csv(
        pd.DataFrame([asdict(m) for m in found.moved], columns=list(Moved.__slots__)), folder / "moved.csv"
    )
    if not found.moved:
        return
    table = found.courses.to_dataframe().reset_index()
    save_numbers(table, folder / "courses.csv")
    if not figures:
        return
    from flows.report.figures import comparison, save

    drawn = [m.name for m in found.moved if np.isfinite(m.share)][:_DRAWN]
    if drawn:
        figure = comparison(found.courses, drawn, baseline=OLD, title=title, source=source)
        save(figure, folder / "moved", formats=("png",))
