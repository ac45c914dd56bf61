"""What a model says about a constant: its elements and its declared range."""

from __future__ import annotations

from typing import Any

import numpy as np

from flows.errors import InputError, near
from flows.references import Reference, fold


def constant_of(reference: Reference, model: Any, where: str, *, kind: str = "constant") -> Any:
    """Find the constant that a text form names, or say that there is none."""
    if reference.name not in model.settable:
        raise InputError(
            f'no {kind} "{reference.name}" in the model',
            where=where,
            remedy=near(reference.name, model.settable.names),
        )
    return model.settable[reference.name]


def element_key(reference: Reference, item: Any, model: Any, where: str) -> str:
    """Write the text form with names as the model spells them; one element, or the whole constant."""
    if not reference.elements:
        return str(item.name)
    ranges = [[str(e) for e in model.subscripts[name].value] for name in item.subscripts]
    places = position_of(reference, item, model, where)
    return f"{item.name}[{','.join(known[place] for known, place in zip(ranges, places, strict=True))}]"


def position_of(reference: Reference, item: Any, model: Any, where: str) -> tuple[int, ...]:
    """Find the place of an element in its constant's array; no index for the whole constant."""
    if not reference.elements:
        return ()
    if len(reference.elements) != len(item.subscripts):
        raise InputError(
            f'"{item.name}" has {len(item.subscripts) or "no"} subscripts',
            where=where,
            found=f"{len(reference.elements)} elements",
        )
    places = []
    for element, name in zip(reference.elements, item.subscripts, strict=True):
        spelt = [str(e) for e in model.subscripts[name].value]
        known = [fold(e) for e in spelt]
        if fold(element) not in known:
            raise InputError(
                f'no element "{element}" of "{item.name}"',
                where=where,
                expected="one of " + ", ".join(spelt),
                remedy=near(element, spelt),
            )
        places.append(known.index(fold(element)))
    return tuple(places)


def limits(item: Any) -> tuple[float, float]:
    """Return the declared range of a constant, infinite where none is declared."""
    low, high = item.range if item.range is not None else (None, None)
    return (-np.inf if low is None else float(low), np.inf if high is None else float(high))


def unit_of(name: str, model: Any) -> str | None:
    """Return the unit of a constant or stock, empty where it has none; None for what is neither."""
    for catalogue in (model.settable, model.stocks):
        if name in catalogue:
            return str(catalogue[name].units or "")
    return None


def range_text(item: Any) -> str:
    """Say the declared range in words, with its unit."""
    low, high = limits(item)
    unit = f" {item.units}" if item.units and item.units != "Dmnl" else ""
    if high == np.inf:
        return f"{low:g} or more{unit}"
    return f"at most {high:g}{unit}" if low == -np.inf else f"{low:g} to {high:g}{unit}"


def refuse_outside(value: float, item: Any, kind: str, where: str) -> None:
    """Refuse a value outside the declared range, naming both."""
    low, high = limits(item)
    if not low <= value <= high:
        raise InputError(
            f'the value lies outside the range of the {kind} "{item.name}"',
            where=where,
            found=f"{value:g}",
            expected=range_text(item),
        )
