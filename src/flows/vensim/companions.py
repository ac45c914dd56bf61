"""Vensim's files of a sensitivity study: control (``.vsc``), save list (``.lst``), changes (``.cin``), sample table.

A control file that draws for itself is read as a study: method ``M`` as plain draws, ``L`` as a Latin hypercube. Its
seed starts our generator, so the draws are others than Vensim's, from the same distributions. What no distribution of
a study stands for is refused at its line and column, never approximated.

The other way round a study becomes a sample table for Vensim's File method (``F``), which makes exactly our runs, and,
where it is a study of plain draws with distributions that Vensim has, a control file that draws for itself.

References
----------
Ventana Systems, Vensim Reference Manual, "Sensitivity control files", "Savelists", "Changes files".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError, near
from flows.inputs.studies import Study, Uncertainty
from flows.inputs.tables import read_table, shown_path
from flows.paths import plain
from flows.references import fold, parse_reference
from flows.texts import any_text, read_bytes

__all__ = [
    "changes",
    "drawn_control",
    "file_control",
    "quoted",
    "read_control",
    "read_savelist",
    "table_lines",
]

_METHODS = {"M": "monte-carlo", "L": "latin-hypercube"}
_LETTERS = {method: letter for letter, method in _METHODS.items()}
_RUNS, _SEED = 200, 1234  # what Vensim takes where a control file says nothing
_FAR = 10.0  # standard deviations that stand for no bound: beyond lie fewer than one draw in 10**22
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*")
_LINE = re.compile(r"(?P<name>.+?)\s*=\s*(?P<kind>[A-Za-z][A-Za-z_ ]*?)\s*\((?P<arguments>[^()]*)\)\s*,?\s*")
_LONGEST = 5_000  # letters of a line
_REMARK = re.compile(r"\{[^}]*\}|:C(OMMENT)?\b.*", re.IGNORECASE)

Shape = Callable[..., dict[str, Any] | str]


def _uniform(low: float, high: float) -> dict[str, Any] | str:
    return {"distribution": "uniform", "min": low, "max": high}


def _normal(low: float, high: float, mean: float, sd: float) -> dict[str, Any] | str:
    return {"distribution": "normal", "mean": mean, "sd": sd, "min": low, "max": high}


def _triangular(low: float, high: float, start: float, peak: float, stop: float) -> dict[str, Any] | str:
    if low > start or high < stop:
        return "cuts its triangle off, for which a study has no distribution"
    return {"distribution": "triangular", "min": start, "mode": peak, "max": stop}


def _beta(low: float, high: float, a: float, b: float, shift: float, stretch: float) -> dict[str, Any] | str:
    top = shift + stretch
    if math.isclose(high, top, rel_tol=1e-12):
        top = high  # as written from a study, but for the rounding of the sum
    if stretch <= 0 or low > shift or high < top:
        return "cuts its distribution off, for which a study has none"
    return {"distribution": "beta", "a": a, "b": b, "min": shift, "max": top}


_SHAPES: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "RANDOM_UNIFORM": (("min", "max"), _uniform),
    "RANDOM_NORMAL": (("min", "max", "mean", "standard deviation"), _normal),
    "RANDOM_TRIANGULAR": (("min", "max", "start", "peak", "stop"), _triangular),
    "RANDOM_BETA": (("min", "max", "A", "B", "shift", "stretch"), _beta),
}


# Reading ------------------------------------------------------------------------------------------


def read_control(
    path: str | Path, *, model: Any, model_path: str | Path, savelist: str | Path | None = None
) -> Study:
    """Read a sensitivity control file and its save list as a study.

    Parameters
    ----------
    path : path
        A ``.vsc`` file.
    model : flows.Model
        The model that it belongs to, which it doesn't name.
    model_path : path
        Where that model lies.
    savelist : path, optional
        A ``.lst`` file; by default the one beside the control file with its name.

    Returns
    -------
    Study
        Plain draws or a Latin hypercube.

    Raises
    ------
    InputError
        With the line and column of what can't be read, or has no counterpart in a study.
    """
    path = Path(path)
    lines = _lines(path)
    shown = shown_path(path)
    if not lines:
        raise InputError(
            "an empty sensitivity control file", where=shown, expected="a line such as 200,M,1234,,0"
        )
    runs, method, seed = _head(*lines[0], shown)
    rows = []
    for number, text in lines[1:]:
        row = _row(number, text, shown)
        if row is not None:
            where = f"{shown}:{number}"
            rows.append(read_table(Uncertainty, row, where, {"where": where}))
    if len(rows) < 2:
        raise InputError(
            "a study needs two uncertainties or more",
            where=shown,
            found=str(len(rows)),
            expected="two lines or more such as settling time=RANDOM_UNIFORM(2,12), whose first number is the smaller",
        )
    beside = Path(savelist) if savelist is not None else path.with_suffix(".lst")
    if not beside.is_file():
        raise InputError(
            "no save list, so nothing says which outcomes are wanted" if savelist is None else "no such file",
            where=shown if savelist is None else str(savelist),
            remedy=f"Give one with --savelist, or put {path.stem}.lst beside it",
        )
    return read_table(
        Study,
        {
            "title": plain(path.stem),
            "model": str(model_path),
            "method": method,
            "n": runs,
            "seed": seed,
            "outcomes": list(read_savelist(beside, model=model)),
        },
        shown,
        {"name": plain(path.stem), "uncertainties": tuple(rows), "file": shown, "path": path},
    )


def read_savelist(path: str | Path, *, model: Any) -> tuple[str, ...]:
    """Read a save list: names of variables or of elements, in their order, each once.

    Parameters
    ----------
    path : path
        A ``.lst`` file.
    model : flows.Model
        To know its variables; one named with its subscript ranges is the whole variable.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        With the line of a name that the model lacks.
    """
    path = Path(path)
    shown = shown_path(path)
    ranges = {fold(name) for name in model.subscripts.names}
    known = {fold(name): name for name in model.names}
    found: dict[str, str] = {}
    for number, text in _lines(path):
        where = f"{shown}:{number}"
        reference = parse_reference(text, where=where)
        if fold(reference.name) not in known:
            raise InputError(
                f'no variable "{reference.name}" in the model',
                where=where,
                remedy=near(reference.name, model.names),
            )
        over = [fold(element.rstrip("!")) in ranges for element in reference.elements]
        name = known[fold(reference.name)]
        if any(over) and not all(over):
            raise InputError(
                f'"{text}" names a part of a variable by a range and an element',
                where=where,
                remedy=f'Name single elements, or the whole of "{name}"',
            )
        said = name if not over or all(over) else f"{name}[{','.join(reference.elements)}]"
        found.setdefault(fold(said), said)
    if not found:
        raise InputError("an empty save list", where=shown, expected="the name of a variable in each line")
    return tuple(found.values())


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines that say something, with their numbers; remarks are blanked, so that columns hold."""
    text = any_text(read_bytes(path, shown_path(path)))
    long = next((n for n, line in enumerate(text.splitlines(), 1) if len(line) > _LONGEST), None)
    if long is not None:
        raise InputError(
            "the line is too long",
            where=f"{shown_path(path)}:{long}",
            expected=f"{_LONGEST:,} letters at most",
        )
    blanked = (_REMARK.sub(lambda m: " " * len(m[0]), line).rstrip() for line in text.splitlines())
    return [(number, line) for number, line in enumerate(blanked, 1) if line.strip()]


def _head(number: int, text: str, shown: str) -> tuple[int, str, int]:
    """Runs, method and seed of the first line."""
    places = [(match.start() + 1, match[0].strip()) for match in re.finditer(r"(?:^|(?<=,))[^,]*", text)]
    cells = [*places, *[(len(text) + 1, "")] * (5 - len(places))]
    numbers = []
    for (column, cell), default, what in ((cells[0], _RUNS, "runs"), (cells[2], _SEED, "the seed")):
        try:
            numbers.append(int(cell) if cell else default)
        except ValueError:
            raise InputError(
                f"the number for {what} isn't whole",
                where=f"{shown}:{number}:{column}",
                found=f'"{cell}"',
                expected="a line such as 200,M,1234,,0",
            ) from None
    column, letter = cells[1]
    method = _METHODS.get(letter.upper() or "M")
    if method is None:
        remedy = {
            "U": 'Write a study file with method = "tornado" for one input at a time',
            "G": "Take L, a Latin hypercube",
            "F": "The table of a File study holds its runs already; name the distributions in a study file",
        }
        raise InputError(
            f'no study follows from the sampling method "{letter}"',
            where=f"{shown}:{number}:{column}",
            expected="M (all together) or L (Latin hypercube)",
            remedy=remedy.get(letter.upper(), ""),
        )
    return numbers[0], method, abs(numbers[1])


def _row(number: int, text: str, shown: str) -> dict[str, Any] | None:
    """Keys of an uncertainty, from a line; None where the line is switched off."""
    at = f"{shown}:{number}"
    match = _LINE.fullmatch(text)
    if match is None:
        raise InputError(
            "not a line of a sensitivity control file",
            where=f"{at}:{len(text) - len(text.lstrip()) + 1}",
            found=text.strip(),
            expected="a line such as settling time=RANDOM_UNIFORM(2,12)",
        )
    kind = re.sub(r"[_\s]+", "_", match["kind"].strip().upper())
    place = f"{at}:{match.start('kind') + 1}"
    if kind not in _SHAPES:
        raise InputError(
            f"a study has no distribution for {kind}",
            where=place,
            expected=", ".join(_SHAPES),
            remedy="Write the study as a .toml file with another distribution",
        )
    names, shape = _SHAPES[kind]
    numbers = []
    column = match.start("arguments") + 1
    for cell in match["arguments"].split(","):
        try:
            value = float(cell)
            if not math.isfinite(value):
                raise ValueError
        except ValueError:
            raise InputError(
                f"an argument of {kind} is no number", where=f"{at}:{column}", found=f'"{cell.strip()}"'
            ) from None
        numbers.append(value)
        column += len(cell) + 1
    if len(numbers) != len(names):
        raise InputError(
            f"{kind} has {len(numbers)} arguments",
            where=place,
            expected=f"{len(names)}: {', '.join(names)}",
        )
    if numbers[0] >= numbers[1]:
        return None  # Vensim's way to switch a line off
    found = shape(*numbers)
    if isinstance(found, str):
        raise InputError(f"{kind} {found}", where=place, remedy="Widen min and max, or write a study file")
    return {"name": _unquoted(match["name"].strip()), **found}


def _unquoted(name: str) -> str:
    match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(\[.*\])?', name)
    return name if match is None else match[1].replace('\\"', '"') + (match[2] or "")


# Writing ------------------------------------------------------------------------------------------


def file_control(runs: int, table: str, *, seed: int) -> str:
    """Write the control file of a study whose runs lie in a table.

    Parameters
    ----------
    runs : int
        Rows of the table.
    table : str
        Its file name.
    seed : int
        Of the model's own random functions.

    Returns
    -------
    str
    """
    return f"{runs},F,{seed},{table},0\n"


def drawn_control(study: Study) -> str:
    """Write the control file of a study of plain draws, for Vensim to draw itself.

    Parameters
    ----------
    study : Study

    Returns
    -------
    str

    Raises
    ------
    InputError
        The method or a distribution has no counterpart in Vensim; the place is that of the uncertainty.
    """
    if study.method not in _LETTERS:
        raise InputError(
            f"Vensim draws no sample for the method {study.method}",
            where=study.file,
            remedy="Use the sample table",
        )
    lines = [f"{study.n},{_LETTERS[study.method]},{study.seed},,0"]
    lines += [f"{quoted(u.name)}={_call(u)}" for u in study.uncertainties]
    return "\n".join(lines) + "\n"


def table_lines(names: Sequence[str], chunks: Iterable[NDArray[np.float64]]) -> Iterator[str]:
    """Write the sample table of a File study, line by line.

    Parameters
    ----------
    names : sequence of str
        Of the constants.
    chunks : iterable of array, shape (runs, constants)
        Values, in the order of the runs; written so that reading them gives the same bits.

    Yields
    ------
    str
        With its line end; the head first.
    """
    yield "\t".join(quoted(name) for name in names) + "\n"
    for chunk in chunks:
        for row in chunk.tolist():
            yield "\t".join(map(repr, row)) + "\n"


def quoted(name: str) -> str:
    """Write the text form of a constant as Vensim reads it: quoted where its name isn't plain.

    Examples
    --------
    >>> quoted("share[Haiti]"), quoted("U.S. demand")
    ('share[Haiti]', '"U.S. demand"')
    """
    reference = parse_reference(name)
    base = reference.name
    if not _PLAIN.fullmatch(base):
        base = '"' + base.replace('"', '\\"') + '"'
    return f"{base}[{','.join(reference.elements)}]" if reference.elements else base


def changes(values: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a changes file (``.cin``) with inputs of a run: numbers, and points of lookups as pairs.

    Raises
    ------
    InputError
        For what Vensim's changes files don't hold, such as an array.
    """
    for name, value in values.items():
        if isinstance(value, tuple):
            pairs = ",".join(f"({float(x)!r},{float(y)!r})" for x, y in value)
            yield f"{quoted(name)}({pairs})"
        elif isinstance(value, int | float):
            yield f"{quoted(name)} = {float(value)!r}"
        else:
            raise InputError(f'a changes file can\'t hold the values of "{name}"', found=type(value).__name__)


def _call(uncertainty: Uncertainty) -> str:
    """Vensim's call for a distribution."""
    u = uncertainty
    match u.distribution:
        case "uniform":
            kind, arguments = "UNIFORM", [u.min, u.max]
        case "normal":
            assert u.mean is not None and u.sd is not None
            low = u.mean - _FAR * u.sd if u.min is None else u.min
            high = u.mean + _FAR * u.sd if u.max is None else u.max
            kind, arguments = "NORMAL", [low, high, u.mean, u.sd]
        case "triangular":
            kind, arguments = "TRIANGULAR", [u.min, u.max, u.min, u.mode, u.max]
        case "beta":
            assert u.min is not None and u.max is not None
            kind, arguments = "BETA", [u.min, u.max, u.a, u.b, u.min, u.max - u.min]
        case None:
            raise InputError(
                f'Vensim draws no rows of a posterior sample "{u.name}"',
                where=u.where,
                remedy="Use the sample table",
            )
        case _:
            raise InputError(
                f'Vensim has no {u.distribution} distribution of "{u.name}" to draw from',
                where=u.where,
                remedy="Use the sample table",
            )
    return f"RANDOM_{kind}({','.join(repr(float(a)) for a in arguments if a is not None)})"
