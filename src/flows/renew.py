"""What follows from a fit, renewed after it: reference constants, levels of levers, ranges, a table of the fit.

Reference constants repeat values of the base run, and some of them act in it; so they are computed anew until they stay
as they are. Only numbers that are out of date change: every other byte of the files is kept, and a second renewal does
nothing.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import fit
from flows.calendar import month_index, month_of, time_at_end
from flows.calibrate.targets import Targets, targets
from flows.ensemble import simulate
from flows.errors import InputError, ResultError, near
from flows.inputs.calibration import read_calibration
from flows.inputs.renewals import (
    END,
    FILE,
    START,
    FitPage,
    PosteriorRanges,
    ReferenceValue,
    Renewals,
    read_renewals,
)
from flows.inputs.tables import shown_path
from flows.posterior import Posterior, locate, own_values, posterior_of
from flows.provenance import atomic_write
from flows.references import fold
from flows.texts import read_text
from flows.vensim.edit import edit

__all__ = ["Change", "Renewed", "asked_of", "renew", "write"]

CHANGES = "lever-changes.toml"
TOLERANCE = 0.1
"""How far a range may lie from the posterior's interval, over the interval's width, and stay as it is."""

_ROUNDS = 8
_INTERVAL = (0.05, 0.95)
_Z = 1.6448536269514722
"""95 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Change:
    """A number that is out of date.

    Attributes
    ----------
    file : Path
        Where it stands.
    name : str
        Constant, lever and key, uncertainty and key, or series and column.
    before, after : float
        What stands there, and what follows from the fit.
    """

    file: Path
    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Renewed:
    """What a renewal amounts to.

    Attributes
    ----------
    changes : tuple of Change
    contents : mapping of Path to bytes
        The files concerned, with their new contents.
    """

    changes: tuple[Change, ...]
    contents: Mapping[Path, bytes]


def renew(model: Any, *, threads: int | None = None) -> Renewed | None:
    """Work out what follows from the fit; nothing is written.

    Parameters
    ----------
    model : flows.Model
        As read from its file; ``renewals.toml`` beside the file says what is renewed.
    threads : int, optional
        Of the runs.

    Returns
    -------
    Renewed or None
        None where no ``renewals.toml`` lies beside the model.

    Raises
    ------
    InputError
        If that file names something that isn't there.
    ResultError
        If references don't settle.
    """
    asked = asked_of(model)
    if asked is None:
        return None
    work = _Work()
    pages = [_Page.of(rule, asked, model) for rule in asked.fits if _beside(asked, rule.page).is_file()]
    run = _references(model, asked, work, [name for page in pages for name in page.targets.outcomes], threads)
    _levers(model, asked, work)
    if asked.ranges:
        sample = posterior_of(model)
        if sample is None:
            raise InputError(
                "there is no posterior sample beside the model",
                where=f"{shown_path(asked.path)}, [[range]]",
                remedy="Run flows calibrate --write first",
            )
        for ranges in asked.ranges:
            _ranges(model, ranges, sample, asked, work)
    for page in pages:
        _fit(page, run, work)
    return Renewed(tuple(work.changes), work.contents)


def asked_of(model: Any) -> Renewals | None:
    """Read what is to be renewed, and see that everything named is there: before a long fit, not after it.

    Returns
    -------
    Renewals or None
        None where no ``renewals.toml`` lies beside the model.

    Raises
    ------
    InputError
        If a constant, a row or a file isn't there.
    """
    path = Path(model.path).with_name(FILE)
    if not path.is_file():
        return None
    asked = read_renewals(path)
    work = _Work()
    for rule in asked.references:
        if rule.constant not in model.constants:
            raise InputError(
                f'no constant "{rule.constant}" in the model', where=rule.where,
                remedy=near(rule.constant, model.constants.names),
            )  # fmt: skip
    for lever in asked.levers:
        changes = path.with_name(CHANGES)
        _row(work.text(changes), "change", "lever", lever.lever, changes, lever.where)
    for ranges in asked.ranges:
        study = _beside(asked, ranges.study)
        for name in ranges.names:
            _row(work.text(study), "uncertainty", "name", name, study, ranges.where)
    return asked


def write(renewed: Renewed) -> tuple[Path, ...]:
    """Write the files that change, each whole or not at all."""
    for path, content in renewed.contents.items():
        atomic_write(path, content)
    return tuple(renewed.contents)


class _Work:
    """Files on the way to their new contents."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.contents: dict[Path, bytes] = {}

    def text(self, path: Path) -> str:
        """Read a text file with its line ends, as changed so far."""
        if path in self.contents:
            return self.contents[path].decode("utf-8")
        return read_text(path, shown_path(path))

    def put(self, path: Path, text: str, changes: list[Change]) -> None:
        """Take in a file's new text."""
        if changes:
            self.changes += changes
            self.contents[path] = text.encode("utf-8")


# --- reference constants ---------------------------------------------------------------------------------


def _references(
    model: Any, asked: Renewals, work: _Work, others: list[str], threads: int | None
) -> xr.Dataset | None:
    """Compute references until they stay; the base run with them, other variables too."""
    outcomes = sorted({fold(name) for name in [*others, *(rule.variable for rule in asked.references)]})
    if not outcomes:
        return None
    own = {r.constant: np.asarray(model.constants[r.constant].value, dtype=float) for r in asked.references}
    values = dict(own)
    for _ in range(_ROUNDS):
        changed = {name: value for name, value in values.items() if not np.array_equal(value, own[name])}
        run: xr.Dataset = simulate(model, changed, outcomes=outcomes, threads=threads)
        new = {rule.constant: _value(rule, run, model, asked) for rule in asked.references}
        moving = [name for name in new if not np.array_equal(new[name], values[name])]
        if not moving:
            break
        values = new
    else:
        raise ResultError(
            f"references don't settle after {_ROUNDS} rounds", where=shown_path(asked.path),
            found=", ".join(moving), remedy="Round them more coarsely",
        )  # fmt: skip
    changes = []
    path = Path(model.path)
    for name, value in changed.items():
        spelt = str(model.constants[name].name)
        labels = _labels(model, name)
        for label, before, after in zip(labels, own[name].ravel(), value.ravel(), strict=True):
            if before != after:
                changes.append(Change(path, f"{spelt}{label}", float(before), float(after)))
    if changes:
        plain = {name: value if value.ndim else float(value) for name, value in changed.items()}
        work.changes += changes
        work.contents[path] = edit(path.read_bytes(), plain, path=path.name)
    return run


def _value(rule: ReferenceValue, run: Any, model: Any, asked: Renewals) -> NDArray[np.float64]:
    """Read a reference from a run, rounded, in the order of the constant's elements."""
    array = run[next(name for name in run.data_vars if fold(str(name)) == fold(rule.variable))]
    times = array["time"].values if "time" in array.dims else run["time"].values
    if rule.at == START:
        wanted = [float(times[0])]
    elif rule.at is not None:
        wanted = [time_at_end(_month(rule.at, model, asked))]
    else:
        assert rule.first is not None and rule.last is not None
        last = _month(rule.last, model, asked)
        wanted = [float(t) for t in range(month_index(rule.first), month_index(last) + 1)]
    if wanted[0] < times[0] - 1e-9 or wanted[-1] > times[-1] + 1e-9:
        raise InputError(
            "the run doesn't reach this month",
            where=rule.where,
            found=rule.at or f"{rule.last}",
            expected=f"a month from {month_of(times[0])} to {month_of(times[-1] - 1)}",
        )
    if "time" in array.dims:
        array = array.interp(time=wanted).mean("time")
    dims = [str(dim) for dim in array.dims]
    if rule.sum:
        array, dims = array.sum(dims), []
    subscripts = model.constants[rule.constant].subscripts
    if len(dims) != len(subscripts):
        raise InputError(
            f'"{rule.variable}" and "{rule.constant}" have different subscripts', where=rule.where,
            found=", ".join(dims) or "none", expected=", ".join(subscripts) or "none",
            remedy="" if subscripts else "Write sum = true to add its elements up",
        )  # fmt: skip
    for dim, subscript in zip(dims, subscripts, strict=True):
        elements = [str(e) for e in model.subscripts[subscript].value]
        missing = [e for e in elements if e not in array[dim].values]
        if missing:
            raise InputError(f'"{rule.variable}" has no element "{missing[0]}"', where=rule.where)
        array = array.sel({dim: elements})
    exact = np.asarray(array.values, dtype=float)
    if not np.isfinite(exact).all():
        raise ResultError(f'"{rule.variable}" is no number in the base run', where=rule.where)
    if rule.digits is not None:
        rounded = [_digits(value, rule.digits) for value in exact.ravel()]
        return np.array(rounded, dtype=float).reshape(exact.shape)
    assert rule.nearest is not None
    return np.asarray(np.round(exact / rule.nearest) * rule.nearest)


def _labels(model: Any, name: str) -> list[str]:
    """Write the elements of a constant as its text forms end."""
    found = [""]
    for number, subscript in enumerate(model.constants[name].subscripts):
        elements = [str(e) for e in model.subscripts[subscript].value]
        found = [f"{start}{',' if number else '['}{e}" for start in found for e in elements]
    return [f"{text}]" if text else "" for text in found]


# --- levels of levers ------------------------------------------------------------------------------------


def _levers(model: Any, asked: Renewals, work: _Work) -> None:
    path = asked.path.with_name(CHANGES)
    for rule in asked.levers:
        text = work.text(path)
        row = _row(text, "change", "lever", rule.lever, path, rule.where)
        curve = str(row.get("curve", ""))
        if curve not in model.lookups:
            raise InputError(
                f'the row of "{rule.lever}" names no curve of the model', where=shown_path(path),
                found=f'curve = "{curve}"',
            )  # fmt: skip
        x, y = model.lookups[curve].value
        months = {"before": rule.before, "after": rule.after, "on": rule.on}
        levels = {
            key: _digits(float(np.interp(time_at_end(_month(month, model, asked)), x, y)), 6)
            for key, month in months.items()
            if month is not None
        }
        text, changes = _set(text, "change", "lever", rule.lever, levels, path)
        work.put(path, text, changes)


# --- ranges of studies -----------------------------------------------------------------------------------


def _ranges(model: Any, rule: PosteriorRanges, sample: Posterior, asked: Renewals, work: _Work) -> None:
    path = _beside(asked, rule.study)
    known = {fold(element): number for number, element in enumerate(sample.elements)}
    for name in rule.names:
        if fold(name) not in known:
            raise InputError(
                f'the posterior sample has no "{name}"', where=rule.where, remedy=near(name, sample.elements)
            )
        low, high = np.quantile(sample.values[:, known[fold(name)]], _INTERVAL)
        item, position = locate(model, name, where=rule.where)
        own = float(own_values(model, item)[position])
        text = work.text(path)
        row = _row(text, "uncertainty", "name", name, path, rule.where)
        new = _range(row, float(low), float(high), own, _bounds(model, item), f'{shown_path(path)}, "{name}"')
        text, changes = _set(text, "uncertainty", "name", name, new, path)
        work.put(path, text, changes)


def _range(
    row: Mapping[str, Any], low: float, high: float, own: float, bounds: tuple[float, float], where: str
) -> dict[str, float]:
    """Give new arguments of a distribution, or none if the old ones are near enough."""
    kind = row.get("distribution")
    if kind == "triangular":
        ends, middle = (float(row["min"]), float(row["max"])), float(row["mode"])
    elif kind == "lognormal":
        middle = float(row["median"])
        ends = (middle * math.exp(-_Z * float(row["sigma"])), middle * math.exp(_Z * float(row["sigma"])))
    else:
        raise InputError(
            "a range is renewed for two distributions only", where=where, found=f'"{kind}"',
            expected="triangular or lognormal",
        )  # fmt: skip
    room = TOLERANCE * (high - low)
    if max(abs(ends[0] - low), abs(ends[1] - high), abs(middle - own)) <= room and ends[0] <= own <= ends[1]:
        return {}
    if kind == "lognormal":
        return {"median": _digits(own, 3), "sigma": _digits(math.log(high / low) / (2 * _Z), 2)}
    new = {"min": _outward(min(low, own), -1), "mode": _digits(own, 2), "max": _outward(max(high, own), 1)}
    new["min"], new["max"] = max(new["min"], bounds[0]), min(new["max"], bounds[1])
    new["mode"] = min(max(new["mode"], new["min"]), new["max"])
    return new


def _bounds(model: Any, name: str) -> tuple[float, float]:
    """The range that the model declares, as far as it does."""
    declared = model.constants[name].range if name in model.constants else None
    low, high = (declared[0], declared[1]) if declared else (None, None)
    return (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))


def _outward(value: float, side: int) -> float:
    """Round to two significant digits, away from the middle."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = round(value / unit, 9)  # 0.42 / 0.01 is 42 and a little
    return _digits((math.ceil(steps) if side > 0 else math.floor(steps)) * unit, 3)


# --- a table of the fit ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Page:
    """A page with a table of the fit, and what the table speaks of."""

    path: Path
    targets: Targets

    @classmethod
    def of(cls, rule: FitPage, asked: Renewals, model: Any) -> _Page:
        calibration = read_calibration(_beside(asked, rule.calibration))
        return cls(_beside(asked, rule.page), targets(calibration, model, until=calibration.fit_until))


def _fit(page: _Page, run: xr.Dataset | None, work: _Work) -> None:
    """Rewrite the wMAPE and the R² of logs in the rows of a table that name series of the calibration."""
    path = page.path
    by_name = {target.name: target for target in page.targets.all}
    lines = work.text(path).split("\n")
    changes: list[Change] = []
    inside = False
    for number, line in enumerate(lines):
        cells = line.split("|")
        if not line.startswith("|"):
            inside = False
        elif "wMAPE" in line:
            inside = True
        elif inside and cells[1].strip() in by_name:
            target = by_name[cells[1].strip()]
            assert run is not None
            modelled = target.modelled(run)[0]
            found = (
                (2, "wMAPE, %", f"{100 * fit.wmape(target.observed, modelled):.1f}"),
                (4, "R² of logs", f"{fit.r_squared_of_logs(target.observed, modelled):.2f}"),
            )
            for column, word, new in found:
                old = cells[column].strip()
                if old != new:
                    changes.append(Change(path, f"{target.name}, {word}", float(old), float(new)))
                    cells[column] = f" {new} "
            lines[number] = "|".join(cells)
    work.put(path, "\n".join(lines), changes)


# --- numbers in TOML -------------------------------------------------------------------------------------


def _month(text: str, model: Any, asked: Renewals) -> str:
    """Resolve ``end`` to the last month of the data."""
    if text != END:
        return text
    if asked.end not in model.constants:
        raise InputError(
            "no constant of the model says when the data end", where=shown_path(asked.path),
            found=f'end = "{asked.end}"', remedy=near(asked.end, model.constants.names),
        )  # fmt: skip
    return month_of(float(model.constants[asked.end].value) - 0.5)


def _beside(asked: Renewals, name: str) -> Path:
    return (asked.path.parent / name).resolve()


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _row(text: str, table: str, key: str, name: str, path: Path, where: str) -> dict[str, Any]:
    """Find the ``[[table]]`` of a name."""
    rows = tomllib.loads(text).get(table, [])
    found = [row for row in rows if fold(str(row.get(key, ""))) == fold(name)]
    if len(found) != 1:
        raise InputError(
            f'{len(found) or "no"} [[{table}]] of "{name}" in {shown_path(path)}', where=where,
            remedy=near(name, [str(row.get(key, "")) for row in rows]) if not found else "Leave one of them",
        )  # fmt: skip
    return dict(found[0])


def _set(
    text: str, table: str, key: str, name: str, values: Mapping[str, float], path: Path
) -> tuple[str, list[Change]]:
    """Write numbers into the ``[[table]]`` of a name; comments, order and every other byte stay."""
    head = re.compile(rf"^\[\[{table}\]\]", re.MULTILINE)
    starts = [match.start() for match in head.finditer(text)]
    blocks = [text[: starts[0]], *(text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True))]
    changes: list[Change] = []
    for number, block in enumerate(blocks[1:], 1):
        (row,) = tomllib.loads(block)[table]
        if fold(str(row.get(key, ""))) != fold(name):
            continue
        for field, value in values.items():
            if field in row and float(row[field]) == value:
                continue
            line = re.compile(rf"^({field}\s*=\s*)[-+.\deE_]+", re.MULTILINE)
            if len(line.findall(block)) != 1:
                raise InputError(
                    f'"{field}" of "{name}" is no number on a line of its own', where=shown_path(path),
                    remedy=f"Write {field} = {value!r}",
                )  # fmt: skip
            block = line.sub(rf"\g<1>{value!r}", block)
            changes.append(Change(path, f"{name}, {field}", float(row[field]), value))
        blocks[number] = block
    return "".join(blocks), changes
