"""Conformance: models with canonical output beside them, run by both engines and compared.

A folder holds a case if a model (``.mdl``, ``.xmile`` or ``.stmx``) lies beside ``output.csv`` or ``output.tab``, as in
the public collection SDXorg/test-models. Values agree if they differ by at most a tolerance times the largest size of
the variable over time, half a unit of the last digit printed left aside.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.ensemble import simulate
from flows.errors import FlowsError, InputError
from flows.model.ir import Vector, walk
from flows.model.model import Model
from flows.pace import Progress, silent
from flows.references import fold
from flows.texts import any_text, read_bytes
from flows.vensim.read import read_vensim
from flows.vensim.source import XMILE

TOLERANCE = 1e-5
WIDER: dict[str, tuple[float, str]] = {
    "test_allocate_available.mdl": (
        1e-3,
        "Vensim's search stops short: its shares don't add up to the supply",
    ),
    "test_active_initial.xmile": (1.0, "XMILE has no ACTIVE INITIAL: the file holds another model"),
    "test_active_initial.stmx": (1.0, "XMILE has no ACTIVE INITIAL: the file holds another model"),
    "test_zeroled_decimals.xmile": (
        0.1,
        "the file asks for RK4, its canonical output was made by Euler's method",
    ),
    "roessler_chaos.mdl": (1e-3, "chaotic: the canonical run is in single precision and drifts away"),
}
"""Models with a wider tolerance, by file name, each with its reason."""

Columns = dict[tuple[str, tuple[str, ...]], NDArray[np.float64]]


@dataclass(frozen=True)
class Verdict:
    """How one model fared in one engine.

    Attributes
    ----------
    model : str
        Path below the folder.
    engine : str
        ``compiled`` or ``pysd``.
    status : {"agrees", "differs", "refused", "random", "no values"}
        ``refused``: the engine names what it can't read or run; ``random``: values differ, in a model that draws
        random numbers, which no other program's stream repeats.
    worst : float
        Largest difference, relative to the largest size over time.
    variable : str
        Where it stands.
    compared : int
        Number of columns compared.
    reason : str
        What a refusal says, or why the tolerance is wider.
    """

    model: str
    engine: str
    status: Literal["agrees", "differs", "refused", "random", "no values"]
    worst: float = 0.0
    variable: str = ""
    compared: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def cases(folder: str | Path) -> list[tuple[Path, Path]]:
    """Find models with canonical output.

    Returns
    -------
    list of (model, output) paths, sorted

    Raises
    ------
    InputError
        If the folder is missing or holds none.
    """
    folder = Path(folder)
    if folder.is_file():
        raise InputError(
            "this is a file",
            where=str(folder),
            expected="a folder with a model beside output.csv or output.tab",
            remedy=f"Name the folder it lies in: flows conform {folder.parent.as_posix()}",
        )
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder), remedy="Check the path")
    found = []
    endings = (".mdl", *XMILE)
    for model in sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings):
        beside = [other for other in model.parent.glob("*" + model.suffix) if other.stem.startswith("test")]
        if beside and not model.stem.startswith("test"):
            continue  # a helper of the test beside it: the output is the test's
        for name in ("output.csv", "output.tab"):
            if (model.parent / name).is_file():
                found.append((model, model.parent / name))
                break
    if not found:
        raise InputError(
            "no model with canonical output lies here",
            where=str(folder),
            expected="a model beside output.csv or output.tab",
        )
    return found


def conform(
    folder: str | Path,
    *,
    engines: tuple[Literal["compiled", "pysd"], ...] = ("compiled", "pysd"),
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Iterator[Verdict]:
    """Run every case of a folder and compare it with its canonical output.

    Parameters
    ----------
    folder : path
    engines : tuple of {"compiled", "pysd"}
    tolerance : float
        Relative to the largest size of a variable over time.
    progress : callable
        Called with cases done and all cases.

    Yields
    ------
    Verdict
        One for each case and engine.
    """
    found = cases(folder)
    for done, (model, output) in enumerate(found):
        for engine in engines:
            yield _verdict(model, output, str(model.relative_to(folder)), engine, tolerance)
        progress(done + 1, len(found))


def _verdict(
    path: Path, output: Path, name: str, engine: Literal["compiled", "pysd"], tolerance: float
) -> Verdict:
    try:
        times, canonical, digits = read_output(output)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = read_vensim(path, units="off")
            dataset = simulate(model, engine=engine)
    except FlowsError as error:
        return Verdict(name, engine, "refused", reason=str(error))
    own = columns(dataset)
    worst, variable, compared = 0.0, "", 0
    rows = [int(np.argmin(np.abs(dataset["time"].values - t))) for t in times]
    near = np.abs(dataset["time"].values[rows] - times) <= 1e-4 * np.maximum(1.0, np.abs(times))
    for key, expected in canonical.items():
        if key not in own:
            continue
        compared += 1
        ours = own[key][rows] if own[key].ndim else np.full(len(rows), float(own[key]))
        given = np.isfinite(expected) & near
        if not given.any():
            continue
        difference = _difference(ours[given], expected[given], digits[key][given])
        if difference > worst:
            worst, variable = difference, key[0] + (f"[{','.join(key[1])}]" if key[1] else "")
    if not compared:
        return Verdict(name, engine, "no values", reason="no column of the output names a variable")
    if worst > tolerance and _draws(model):
        return Verdict(name, engine, "random", worst, variable, compared, "it draws random numbers")
    tolerance, reason = max((tolerance, ""), WIDER.get(path.name, (0.0, "")))
    return Verdict(
        name, engine, "agrees" if worst <= tolerance else "differs", worst, variable, compared, reason
    )


def _draws(model: Model) -> bool:
    """True if an equation draws random numbers."""
    return any(
        isinstance(node, Vector) and node.function.startswith("random")
        for variable in model.variables.values()
        for equation in variable.equations
        for expr in (equation.expr, equation.initial)
        if expr is not None
        for node in walk(expr)
    )


def _difference(
    ours: NDArray[np.float64], expected: NDArray[np.float64], digits: NDArray[np.float64]
) -> float:
    size = float(np.max(np.abs(expected)))
    if not np.isfinite(ours).all():
        return float("inf")
    # Canonical files hold six digits: a value of nothing is compared as it stands.
    beyond = np.maximum(np.abs(ours - expected) - digits, 0.0)
    return float(np.max(beyond)) / (size if size > 1e-6 else 1.0)


def columns(dataset: xr.Dataset) -> Columns:
    """A dataset as columns over time, by folded name and elements."""
    result: Columns = {}
    for name in dataset.data_vars:
        array = dataset.variables[name]
        dims = [d for d in array.dims if d != "time"]
        stacked = array.transpose(*dims, ...).values.reshape(
            -1, *([dataset.sizes["time"]] if "time" in array.dims else [])
        )
        labels: list[tuple[str, ...]] = [()]
        for d in dims:
            labels = [(*row, fold(str(e))) for row in labels for e in dataset.coords[d].values]
        for label, values in zip(labels, stacked, strict=True):
            result[fold(str(name)), label] = np.asarray(values, dtype=float)
    return result


def read_output(path: str | Path) -> tuple[NDArray[np.float64], Columns, Columns]:
    """Read a table of a run: times down, or across.

    Returns
    -------
    times : array, shape (times,)
    columns : mapping of (folded name, folded elements) to array, shape (times,)
        NaN where the table is empty; a constant's single value is repeated.
    digits : mapping likewise
        Half a unit of the last digit printed.

    Raises
    ------
    InputError
        If the file is no such table.
    """
    path = Path(path)
    text = any_text(read_bytes(path, str(path))).replace("\r\n", "\n").replace("\r", "\n")
    tabs = path.suffix.lower() == ".tab" or "," not in text.split("\n", 1)[0]
    try:
        table = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text), delimiter="\t" if tabs else ",")
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise InputError(
            "this is no table of a run", where=str(path), found=str(error), expected="a header row and values"
        ) from None
    if len(table) < 2 or len(table[0]) < 2:
        raise InputError("this is no table of a run", where=str(path), expected="a header row and values")
    if _is_number(table[0][1]) or (len(table[0]) > 2 and _is_number(table[0][2])):
        width = max(map(len, table))
        table = [
            list(column) for column in zip(*[row + [""] * (width - len(row)) for row in table], strict=True)
        ]
    head, rows = table[0], table[1:]
    long = next((number for number, row in enumerate(rows, 2) if len(row) > len(head)), None)
    if long is not None:
        raise InputError(
            "a row is longer than the header",
            where=f"{path}, row {long}",
            found=f"{len(rows[long - 2])} cells",
            expected=str(len(head)),
        )
    values = np.array(
        [[_number(cell) for cell in row] + [np.nan] * (len(head) - len(row)) for row in rows], dtype=float
    )
    halves = np.array(
        [[_half_a_digit(cell) for cell in row] + [0.0] * (len(head) - len(row)) for row in rows]
    )
    times = values[:, 0]
    result: Columns = {}
    digits: Columns = {}
    for name, column, half in zip(head[1:], values.T[1:], halves.T[1:], strict=False):
        if not name:
            continue
        if np.isfinite(column[0]) and np.isnan(column[1:]).all():
            column, half = np.full(len(column), column[0]), np.full(len(column), half[0])
        result[_key(name)], digits[_key(name)] = column, half
    return times, result, digits


def _key(name: str) -> tuple[str, tuple[str, ...]]:
    stem, bracket, rest = name.partition("[")
    if stem.count('"') == 1:  # a bracket inside a quoted name
        return fold(name), ()
    elements = tuple(fold(e) for e in rest.rstrip("]").split(",")) if bracket else ()
    return fold(stem), elements


def _half_a_digit(text: str) -> float:
    """Half a unit of the last digit of a number that is printed with a decimal point."""
    number, _, exponent = text.lower().partition("e")
    decimals = len(number.partition(".")[2])
    if not decimals or not np.isfinite(_number(text)):
        return 0.0
    return 0.5 * 10.0 ** min(int(exponent or 0) - decimals, 300)


def _is_number(text: str) -> bool:
    return not np.isnan(_number(text))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
