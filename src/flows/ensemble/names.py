"""Which variable and which of its elements ``name[Element]`` means in a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError, near
from flows.model.ir import Variable
from flows.model.model import Model
from flows.references import fold, parse_reference

RESERVED = ("draw", "scenario", "time")


def reference(model: Model, text: str, *, where: str = "") -> tuple[Variable, tuple[str | None, ...] | None]:
    """Find what ``name`` or ``name[Element,Element]`` means in a model.

    Parameters
    ----------
    model : Model
        In which it is looked up.
    text : str
        As typed; case, blanks and underscores fold together.
    where : str
        Where it was typed, for errors.

    Returns
    -------
    variable : Variable
    elements : tuple of (str or None), or None
        Folded element for each dimension (None where the text gives the whole range), or None if there is no bracket.

    Raises
    ------
    InputError
        With the nearest name.
    """
    if fold(text) in model.variables:
        return model.variable(text, where=where), None
    parsed = parse_reference(text, where=where)
    if parsed.month is not None:
        raise InputError(
            "a date can't stand here", where=where, found=f'"{text}"', expected=f'"{parsed.key}"'
        )
    variable = model.variable(parsed.name, where=where)
    if not parsed.elements:
        return variable, None
    names = parsed.elements
    if len(names) != len(variable.ranges):
        expected = ",".join(model.ranges[r].spelling for r in variable.ranges)
        raise InputError(
            f'"{variable.spelling}" has {len(variable.ranges)} subscripts',
            where=where,
            found=f'"{text}"',
            expected=f"{variable.spelling}[{expected}]" if variable.ranges else "the name without brackets",
        )
    elements: list[str | None] = []
    for name, within, range_name in zip(names, variable.elements, variable.ranges, strict=True):
        if fold(name) in within:
            elements.append(fold(name))
        elif fold(name) == range_name:
            elements.append(None)
        else:
            spelled = [model.element_spellings[e] for e in within]
            raise InputError(
                f'"{variable.spelling}" has no element "{name}"',
                where=where,
                expected=", ".join(spelled),
                remedy=near(name, spelled),
            )
    return variable, tuple(elements)


def dimension_name(range_name: str) -> str:
    """Name of a range's dimension: its own, unless the name is reserved."""
    return f"{range_name} range" if range_name.lower() in RESERVED else range_name


def flat_elements(variable: Variable, elements: tuple[str | None, ...] | None) -> NDArray[np.int64]:
    """Flat positions of the chosen elements, row order."""
    grid = np.arange(variable.size).reshape(variable.shape)
    for d, element in enumerate(elements or ()):
        if element is not None:
            grid = np.take(grid, [variable.elements[d].index(element)], axis=d)
    return grid.reshape(-1)
