"""Where a run goes wrong first: the variable that is no number while all its causes still are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from flows.model.graph import causes
from flows.model.ir import Binary, Call, Expr, Ref, Variable, walk
from flows.model.model import Model

__all__ = ["Culprit", "first_no_number"]

_DOMAIN = {"ln": "the logarithm of what isn't above zero", "sqrt": "the root of what is below zero"}


@dataclass(frozen=True)
class Culprit:
    """The first value that is no number.

    Attributes
    ----------
    variable : Variable
        Whose equation it is.
    time : float
        Model time.
    why : str
        What the equation divides by that is zero then, or another cause that can be read off; empty if none can.
    """

    variable: Variable
    time: float
    why: str = ""


def first_no_number(model: Model, dataset: xr.Dataset, *, blanks: bool = False) -> Culprit | None:
    """Find where a run stops to be numbers.

    Parameters
    ----------
    model : Model
    dataset : xarray.Dataset
        One run of it with all variables.
    blanks : bool
        Whether elements without any number are left aside.

    Returns
    -------
    Culprit or None
        None if every value is a number.
    """
    bad: dict[str, int] = {}
    for variable in model.variables.values():
        array = dataset.variables.get(variable.spelling)
        if variable.hidden or array is None or "time" not in array.dims or np.isfinite(array.values).all():
            continue
        rows = ~np.isfinite(array.transpose(..., "time").values).reshape(-1, dataset.sizes["time"])
        if blanks:
            rows = rows[~rows.all(axis=1)]
        if rows.any():
            bad[variable.name] = int(np.argmax(rows.any(axis=0)))
    if not bad:
        return None
    at = min(bad.values())
    names = [name for name, first in bad.items() if first == at]
    root = next((n for n in names if not set(_causes(model, n)) & (set(names) - {n})), names[0])
    variable = model.variables[root]
    return Culprit(variable, float(dataset["time"].values[at]), _why(variable, dataset, model, at))


def _causes(model: Model, name: str) -> tuple[str, ...]:
    """What a variable uses, through what its equation hides."""
    found: dict[str, None] = {}
    stack = [name]
    while stack:
        for cause in causes(model.variables[stack.pop()]):
            if cause not in found and cause in model.variables:
                found[cause] = None
                if model.variables[cause].hidden:
                    stack.append(cause)
    return tuple(found)


def _why(variable: Variable, dataset: xr.Dataset, model: Model, at: int) -> str:
    """Read off the equation what it divides by, or takes the logarithm or root of, that allows none."""
    for equation in variable.equations:
        for node in walk(equation.expr) if equation.expr is not None else ():
            if (
                isinstance(node, Binary)
                and node.operator == "/"
                and (name := _zero(node.right, dataset, model, at))
            ):
                return f'it divides by "{name}", which is 0 then'
            if isinstance(node, Call) and (words := _DOMAIN.get(node.function.lower())):
                value = _value(node.arguments[0], dataset, model, at)
                if value is not None and (value <= 0 if "logarithm" in words else value < 0).any():
                    return f"it takes {words}"
    return ""


def _zero(expr: Expr, dataset: xr.Dataset, model: Model, at: int) -> str:
    """The variable that an expression is, or is a multiple of, if it is zero then."""
    parts = [expr]
    while parts:
        part = parts.pop()
        if isinstance(part, Binary) and part.operator == "*":
            parts += [part.left, part.right]
        elif isinstance(part, Ref):
            value = _value(part, dataset, model, at)
            if value is not None and (value == 0).any():
                return model.variables[part.name].spelling
    return ""


def _value(expr: Expr, dataset: xr.Dataset, model: Model, at: int) -> np.ndarray | None:
    """All elements of a variable at a saved time; None for any other expression."""
    if not isinstance(expr, Ref) or expr.name not in model.variables:
        return None
    array = dataset.variables.get(model.variables[expr.name].spelling)
    if array is None:
        return None
    return np.asarray(array.isel(time=at).values if "time" in array.dims else array.values)
