"""Vensim's changes files (``.cin``): other values for constants and lookups, read and turned into inputs of a run.

References
----------
Ventana Systems, Vensim Reference Manual, "Changes files"; the lines of an optimiser's result (``.out``) count too.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.errors import InputError, near
from flows.inputs.bounds import element_key, limits, range_text, refuse_outside
from flows.inputs.tables import shown_path
from flows.references import Reference, comma_remedy, fold
from flows.texts import any_text, read_bytes

__all__ = ["Entry", "RangeWarning", "entries_inputs", "read_changes_file"]

CONTROLS = ("initial time", "final time", "time step", "saveper")

_NUMBER = r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?"  # without ways back: digits may be many
_REMARK_OF_LINE = re.compile(r":C(?:OMMENT)?\b[^\r\n]*|:COMSYS\b[^\r\n]*", re.IGNORECASE)
_REMARK = re.compile(rf"\{{[^}}]*\}}|{_REMARK_OF_LINE.pattern}", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]+")
_OPTION = re.compile(r"\s*:[A-Z_]+\s*=", re.IGNORECASE)  # of an optimiser
_BEGINS = re.compile(rf'\s*(?:{_NUMBER}\s*<=\s*)?(?:"|[^\W\d])')
_ENTRY = re.compile(
    rf'\s*(?:{_NUMBER}\s*<=)?\s*(?P<name>"(?:[^"\\]|\\.)*"|[^\W\d][^=<(\["]*?)\s*'
    rf"(?:\[(?P<subs>[^\]]*)\])?\s*(?:=(?P<values>[^=<|]*)(?:<=\s*{_NUMBER}\s*)?(?:\|[^|]*)?"
    rf"|\((?P<points>.*)\)|(?P<text>:\s*IS\s*:.*))\s*,?\s*",
    re.DOTALL | re.IGNORECASE,
)
_SCALE = re.compile(r"^\s*\[[^\]]*\]\s*,?")
_PAIR = re.compile(rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)")


class RangeWarning(UserWarning):
    """A constant is set outside the range that the model declares for it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a changes file.

    Attributes
    ----------
    name : str
        Of a constant, a lookup or a control variable, without quotes.
    elements : tuple of str
        Subscripts as written: elements or ranges.
    values : tuple of float
        In row order; one value stands for all elements.
    points : tuple of (float, float)
        Of a lookup.
    where : str
        File and line.
    text : str
        The values as the file writes them.
    """

    name: str
    elements: tuple[str, ...]
    values: tuple[float, ...]
    points: tuple[tuple[float, float], ...]
    where: str
    text: str = ""


def read_changes_file(path: str | Path) -> tuple[Entry, ...]:
    """Read a changes file.

    Parameters
    ----------
    path : path
        A ``.cin`` file, or an optimiser's result (``.out``).

    Returns
    -------
    tuple of Entry
        In the order of the file.

    Raises
    ------
    InputError
        With the line of what is neither a remark nor a change.
    """
    path = Path(path)
    if not path.is_file():
        names = [p.name for p in sorted(path.parent.glob("*.cin"))] if path.parent.is_dir() else []
        raise InputError("no such changes file", where=path.as_posix(), remedy=near(path.name, names))
    shown = shown_path(path)
    raw = read_bytes(path, shown)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("the file is in UTF-16", where=shown, remedy="Save it as UTF-8")
    text = any_text(raw)
    closed = text.rfind("}")
    end = text.find("\n", closed)
    last = 0 if closed < 0 else len(text) if end < 0 else end  # beyond, no brace closes: none is looked for
    text = _blanked(_REMARK, text[:last]) + _blanked(_REMARK_OF_LINE, text[last:])
    entries: list[list[Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or _OPTION.match(line):
            continue
        going_on = bool(entries) and entries[-1][1].rstrip().endswith("\\")
        if _BEGINS.match(line) and not going_on:
            entries.append([number, line])
        elif entries:
            entries[-1][1] = entries[-1][1].rstrip().removesuffix("\\") + " " + line
        else:
            entries.append([number, line])
    return tuple(_entry(text, f"{shown}:{number}") for number, text in entries)


def _blanked(remark: re.Pattern[str], text: str) -> str:
    """The text with blanks in the place of remarks, line by line as it was."""
    return remark.sub(lambda m: re.sub(r"[^\r\n]", " ", m[0]), text)


def _entry(text: str, where: str) -> Entry:
    match = _ENTRY.fullmatch(_BLANKS.sub(" ", text.strip()))
    if match is None:
        raise InputError(
            "not a line of a changes file",
            where=where,
            found=" ".join(text.split())[:80],
            expected="a line such as settling time = 4",
        )
    name = match["name"].strip()
    if name[0] == '"':
        name = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if match["text"]:
        raise InputError(
            f'the text variable "{name}" can\'t be changed', where=where, remedy="Change it in the model file"
        )
    elements = tuple(s.strip() for s in match["subs"].split(",")) if match["subs"] else ()
    if match["points"] is not None:
        return Entry(name, elements, (), _points(match["points"], name, where), where)
    rows = [row for row in match["values"].split(";") if row.strip()]
    values = tuple(_number(cell, name, where) for row in rows for cell in row.rstrip().rstrip(",").split(","))
    if not values:
        raise InputError(f'no value for "{name}"', where=where, expected="name = number")
    return Entry(name, elements, values, (), where, match["values"].strip())


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
        if math.isfinite(value):
            return value
    except ValueError:
        pass
    raise InputError(
        f'a value of "{name}" is no number',
        where=where,
        found=f'"{text.strip()}"',
        remedy="A changes file holds numbers; equations belong into the model",
    )


def _points(text: str, name: str, where: str) -> tuple[tuple[float, float], ...]:
    """Points in pairs, with or without the editor's frame, or all x and then all y."""
    body = _SCALE.sub("", text)
    pairs = [(float(x), float(y)) for x, y in _PAIR.findall(body)]
    if pairs:
        if _PAIR.sub("", body).replace(",", "").strip():
            raise InputError(
                f'the points of the lookup "{name}" can\'t be read', where=where, expected="(x1,y1),(x2,y2)"
            )
    else:
        numbers = [_number(cell, name, where) for cell in body.split(",") if cell.strip()]
        half = len(numbers) // 2
        if len(numbers) % 2 or not numbers:
            raise InputError(
                f'the lookup "{name}" has an x without y', where=where, expected="(x1,y1),(x2,y2)"
            )
        pairs = list(zip(numbers[:half], numbers[half:], strict=True))
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def entries_inputs(entries: Iterable[Entry], model: Any) -> dict[str, Any]:
    """Turn entries into inputs of `flows.simulate`; the last one for an element wins.

    Parameters
    ----------
    entries : iterable of Entry
    model : flows.Model
        Its constants, lookups and subscripts are consulted.

    Returns
    -------
    dict of str to float, or to tuple of (float, float)
        Keys are names or element text forms as the model spells them; those of control variables in capitals. Points of
        lookups are pairs.

    Raises
    ------
    InputError
        If the model has no such constant or lookup or element, the number of values doesn't fit, or a lever leaves its
        range. Other constants may leave theirs, with a `RangeWarning`.
    """
    inputs: dict[str, Any] = {}
    for entry in entries:
        if fold(entry.name) in CONTROLS and not entry.elements:
            inputs[fold(entry.name).upper()] = _one(entry)
            continue
        item, lookup = _item(entry, model)
        keys = _keys(entry, item, model)
        for key in keys:
            inputs.pop(key, None)  # what comes later stands later
        if lookup:
            inputs.update(dict.fromkeys(keys, entry.points))
            continue
        values = entry.values * len(keys) if len(entry.values) == 1 else entry.values
        if len(values) != len(keys):
            raise InputError(
                f'the values don\'t fit "{item.name}"',
                where=entry.where,
                found=f"{len(values)} values",
                expected=f"one, or {len(keys)} for its elements" if item.subscripts else "one number",
                remedy=comma_remedy(entry.text),
            )
        for key, value in zip(keys, values, strict=True):
            if item.name in model.levers:
                refuse_outside(value, item, "lever", entry.where)
            warn_outside(key, value, item)
            inputs[key] = value
    return inputs


def warn_outside(key: str, value: float, item: Any) -> None:
    """Warn of a value outside the declared range of a constant."""
    low, high = limits(item)
    if not low <= value <= high:
        warnings.warn(
            f'"{key}" is set to {value:g}, outside the range that the model declares for it '
            f"({range_text(item)}): its equations may not hold there.",
            RangeWarning,
            stacklevel=1,
        )


def _one(entry: Entry) -> float:
    if len(entry.values) != 1:
        raise InputError(
            f'"{entry.name}" takes one value',
            where=entry.where,
            found=f'"{entry.text}"' if entry.text else f"{len(entry.values)} numbers",
            remedy=comma_remedy(entry.text),
        )
    return entry.values[0]


def _item(entry: Entry, model: Any) -> tuple[Any, bool]:
    lookup = bool(entry.points)
    catalogue, kind = (model.lookups, "lookup") if lookup else (model.settable, "constant")
    if entry.name in catalogue:
        if model.variables[fold(entry.name)].unchangeable:
            raise InputError(
                f'"{catalogue[entry.name].name}" is an unchangeable constant, which the model sets with ==',
                where=entry.where,
                remedy="Write = in the model file",
            )
        return catalogue[entry.name], lookup
    known = {fold(name) for name in model.names}
    if fold(entry.name) in known:
        raise InputError(
            f'"{entry.name}" is no {kind}',
            where=entry.where,
            expected="a constant or a lookup",
            remedy="A changes file changes nothing else; change the equation in the model file",
        )
    raise InputError(
        f'no {kind} "{entry.name}" in the model',
        where=entry.where,
        remedy=near(entry.name, catalogue.names),
    )


def _keys(entry: Entry, item: Any, model: Any) -> list[str]:
    """Text forms of the elements that an entry is about, in row order."""
    if not item.subscripts and not entry.elements:
        return [str(item.name)]
    said: Sequence[str] = entry.elements or item.subscripts
    if len(said) != len(item.subscripts):
        element_key(Reference(str(item.name), tuple(said)), item, model, entry.where)  # refuses
    picks = []
    for name in said:
        chosen = model.subscripts.get(name)
        picks.append([str(e) for e in chosen.value] if chosen is not None else [name])
    return [
        element_key(Reference(str(item.name), elements), item, model, entry.where)
        for elements in itertools.product(*picks)
    ]
