"""Inputs resolved against the model: labelled values → overrides of elements, run by run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.ensemble.align import aligned
from flows.ensemble.names import RESERVED, dimension_name, flat_elements, reference
from flows.errors import InputError, unread
from flows.model.ir import Variable
from flows.model.model import CONTROLS, Model
from flows.model.series import NOTHING, timed
from flows.references import fold

Inputs = Mapping[str, Any] | xr.Dataset


@dataclass
class Resolved:
    """Inputs resolved against the model: leading dimensions, and for each override its elements and values by run."""

    model: Model
    inputs: Inputs | None
    sizes: dict[str, int] = field(default_factory=dict)
    coords: dict[str, Any] = field(default_factory=dict)
    constants: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    initials: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    curves: list[_Curves] = field(default_factory=list)
    controls: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.model, Model):
            raise unread(self.model)
        items: Iterable[tuple[str, Any]]
        if self.inputs is None:
            items = ()
        elif isinstance(self.inputs, xr.Dataset):
            items = [(str(name), array) for name, array in self.inputs.data_vars.items()]
        elif isinstance(self.inputs, Mapping):
            items = [(str(name), value) for name, value in self.inputs.items()]
        else:
            raise InputError(
                "inputs hold values by name",
                found=type(self.inputs).__name__,
                expected="a dictionary or a Dataset",
            )
        pending: list[tuple[str, Variable, tuple[str | None, ...] | None, Any, xr.DataArray]] = []
        spelled: dict[tuple[str, tuple[str | None, ...] | None], Any] = {}
        for key, value in items:
            variable, elements = reference(self.model, str(key), where="inputs")
            if (first := spelled.setdefault((variable.name, elements), key)) is not key:
                raise InputError(
                    f'"{variable.spelling}" is given twice', where="inputs", found=f'"{first}" and "{key}"'
                )
            if variable.name in CONTROLS:
                self.controls[variable.name] = _number(key, value)
                continue
            if variable.kind == "lookup" or variable.series:
                pending.append(
                    (key, variable, elements, *_points(self.model, variable, elements, key, value))
                )
                continue
            if variable.kind not in ("constant", "stock"):
                raise InputError(
                    f'"{variable.spelling}" can\'t be set: it follows from its equation',
                    where="inputs",
                    expected="a constant, a stock (its initial value), a lookup or a data variable",
                )
            if variable.unchangeable:
                raise InputError(
                    f'"{variable.spelling}" is an unchangeable constant, which the model sets with ==',
                    where="inputs",
                    remedy="Write = in the model file",
                )
            array = _labelled(self.model, variable, elements, key, value)
            pending.append((key, variable, elements, None, array))
        arrays = aligned({key: array for key, _, _, _, array in pending})
        for array in arrays.values():
            for name in (str(d) for d in array.dims if not str(d).startswith("\0")):
                self.sizes[name] = array.sizes[name]
                if name in array.coords:
                    self.coords.setdefault(name, array.coords[name])
        for key, variable, elements, x, _ in pending:
            self._add(variable, elements, x, arrays[key])

    def _add(self, variable: Variable, elements: Any, x: Any, array: xr.DataArray) -> None:
        lead = [d for d in array.dims if not str(d).startswith("\0")]
        own = [d for d in array.dims if str(d).startswith("\0")]
        array = array.transpose(*lead, *own)
        full = array.expand_dims({d: n for d, n in self.sizes.items() if d not in lead})
        full = full.transpose(*self.sizes, *own)
        shape = (self.runs, -1) if x is None else (self.runs, -1, len(x))
        rows = np.ascontiguousarray(full.values, dtype=float).reshape(shape)
        flat = flat_elements(variable, elements)
        if rows.shape[1] == 1 and len(flat) > 1:
            rows = np.repeat(rows, len(flat), axis=1)
        if x is not None:
            self.curves.append(_Curves(variable, flat, x, rows))
            return
        (self.constants if variable.kind == "constant" else self.initials).append((variable, flat, rows))

    @property
    def runs(self) -> int:
        """Points of the leading dimensions together."""
        return math.prod(self.sizes.values())


@dataclass(frozen=True)
class _Curves:
    """Points that replace those of a lookup's or data variable's elements.

    `variable` is the one named; `flat` are flat positions of its elements, shape (elements,); `x` has shape (points,)
    and `y` (runs, elements, points).
    """

    variable: Variable
    flat: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @property
    def table(self) -> str:
        """The lookup that holds the points."""
        return self.variable.series or self.variable.name

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points whose interpolation gives what the variable's keyword says."""
        if not self.variable.series:
            return self.x, self.y
        x, sources = timed(self.x.tolist(), self.variable.keyword)
        picks = np.array(sources)
        return np.array(x), np.where(picks >= 0, self.y[:, :, picks], NOTHING)


def _number(key: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or not np.issubdtype(array.dtype, np.number):
        raise InputError(f'"{key}" takes one number', where="inputs", found=repr(value))
    return float(array.reshape(()))


def _numbers(value: Any) -> NDArray[np.float64]:
    """Numbers as given; text, and True or False, are none."""
    array = np.asarray(value)
    if array.dtype.kind not in "iufO" or any(
        isinstance(v, str | bool) for v in array.flat if array.dtype == object
    ):
        raise TypeError
    return array.astype(float)


def _labelled(
    model: Model, variable: Variable, elements: tuple[str | None, ...] | None, key: str, value: Any
) -> xr.DataArray:
    """A value as a DataArray whose own subscript dimensions are renamed to a NUL character and a number."""
    free = [d for d in range(len(variable.ranges)) if elements is None or elements[d] is None]
    if isinstance(value, xr.DataArray):
        array = _own_dimensions(model, variable, free, value)
    else:
        try:
            numbers = _numbers(value)
        except (TypeError, ValueError):
            raise InputError(
                f'the value of "{variable.spelling}" is no number',
                where="inputs",
                found=repr(value),
                expected="a number such as 2.5, without quotes",
            ) from None
        shape = tuple(len(variable.elements[d]) for d in free)
        if numbers.ndim and numbers.shape != shape:
            raise InputError(
                f'the values of "{variable.spelling}" don\'t fit its subscripts',
                where="inputs",
                found=f"shape {numbers.shape}",
                expected=f"one number or shape {shape}; for many runs a DataArray with dimensions such as draw",
            )
        array = xr.DataArray(numbers, dims=[f"\0{d}" for d in free] if numbers.ndim else [])
    _check_numbers(variable, array)
    return array


def _check_numbers(variable: Variable, array: xr.DataArray) -> None:
    if array.dtype.kind not in "iuf":
        raise InputError(
            f'the values of "{variable.spelling}" are no numbers',
            where="inputs",
            found=f"type {array.dtype}",
            expected="whole or real numbers",
        )
    if not np.isfinite(array.values.astype(float)).all():
        at = int(np.argmax(~np.isfinite(array.values.astype(float))))
        raise InputError(
            f'a value of "{variable.spelling}" is no finite number', where="inputs",
            found=f"{array.values.flat[at]}", remedy="Leave out or mend runs without a value",
        )  # fmt: skip


def _own_dimensions(model: Model, variable: Variable, free: list[int], array: xr.DataArray) -> xr.DataArray:
    """Rename a variable's own subscript dimensions; the others stand first, points of a curve last."""
    names = {fold(str(d)): d for d in array.dims}
    for d in free:
        dim = names.get(fold(dimension_name(variable.ranges[d])))
        if dim is None:
            continue
        if dim in array.coords:
            positions = {fold(str(e)): i for i, e in enumerate(array.coords[dim].values)}
            missing = [e for e in variable.elements[d] if e not in positions]
            if missing:
                raise InputError(
                    f'the values of "{variable.spelling}" lack the element "{model.element_spellings[missing[0]]}"',
                    where="inputs",
                    remedy=f"Add it along {dim}, or name single elements: name[Element]",
                )
            array = array.isel({dim: [positions[e] for e in variable.elements[d]]})
        elif array.sizes[dim] != len(variable.elements[d]):
            raise InputError(
                f'the values of "{variable.spelling}" don\'t fit its subscripts',
                where="inputs",
                found=str(array.sizes[dim]),
                expected=str(len(variable.elements[d])),
            )
        array = array.rename({dim: f"\0{d}"}).drop_vars(f"\0{d}", errors="ignore")
    present = [d for d in free if f"\0{d}" in array.dims]
    if present and len(present) < len(free):
        array = array.expand_dims({f"\0{d}": len(variable.elements[d]) for d in free if d not in present})
    lead = [d for d in array.dims if not str(d).startswith("\0")]
    if "time" in lead or "x" in lead:
        raise InputError(
            f'"{variable.spelling}" has no dimension "time" or "x"', where="inputs",
            remedy="Only data variables have times, and lookups x: give one number for the whole run",
        )  # fmt: skip
    for other in lead:
        if fold(str(other)) in model.ranges and str(other) not in RESERVED:
            own = ", ".join(model.ranges[r].spelling for r in variable.ranges)
            raise InputError(
                f'"{variable.spelling}" has no dimension "{other}", which is a subscript range of the model',
                where="inputs",
                expected=f"{own}, and dimensions of the runs such as draw"
                if own
                else "dimensions of the runs such as draw",
                remedy="Select an element, or rename the dimension",
            )
    own_dims = [f"\0{d}" for d in free if f"\0{d}" in array.dims]
    return array.transpose(*lead, *own_dims, *(["\0x"] if "\0x" in array.dims else []))


def _points(
    model: Model, variable: Variable, elements: tuple[str | None, ...] | None, key: str, value: Any
) -> tuple[NDArray[np.float64], xr.DataArray]:
    """The x (or times) and the values of curves that replace a lookup's or data variable's."""
    what, axis, pairs = ("data", "time", "(time, value)") if variable.series else ("a lookup", "x", "(x, y)")
    if isinstance(value, xr.DataArray):
        if axis not in value.dims or axis not in value.coords or value.coords[axis].dtype.kind not in "biuf":
            raise InputError(
                f'"{variable.spelling}" is {what}',
                where="inputs",
                expected=f'a DataArray over "{axis}" with its coordinate',
            )
        x = np.asarray(value.coords[axis].values, dtype=float)
        free = [d for d in range(len(variable.ranges)) if elements is None or elements[d] is None]
        array = value.rename({axis: "\0x"}).drop_vars("\0x", errors="ignore")
        array = _own_dimensions(model, variable, free, array)
    else:
        try:
            points = _numbers(value)
        except (TypeError, ValueError):
            points = np.zeros(0)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(
                f'"{variable.spelling}" is {what}',
                where="inputs",
                expected=f"pairs {pairs}" + (f", or a DataArray over {axis}" if variable.ranges else ""),
            )
        x, array = points[:, 0], xr.DataArray(points[:, 1], dims=["\0x"])
    if len(x) < 1 or not (np.diff(x) >= 0).all():
        words = f'the times of the data "{variable.spelling}"'
        words = words if variable.series else f'the x values of the lookup "{variable.spelling}"'
        raise InputError(f"{words} must rise", where="inputs", remedy="Sort the points by them")
    _check_numbers(variable, array)
    return x, array
