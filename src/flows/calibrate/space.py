"""The constants that a calibration moves, as standard normal coordinates and as elements of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from flows.errors import InputError, near
from flows.inputs.bounds import limits, range_text
from flows.inputs.calibration import Calibration, Parameter
from flows.posterior import Places, locate, own_values
from flows.references import fold

Array = NDArray[np.float64]
Kind = Literal["free", "split", "shock", "later"]
KINDS: tuple[Kind, ...] = ("free", "split", "shock", "later")
REACH = 5.0
"""Largest coordinate: so many standard deviations of the prior."""
_POINTS = 2001


@dataclass(frozen=True)
class Coordinate:
    """One number that is fitted.

    Attributes
    ----------
    name : str
        The constant, or what the scale is called; the element after a comma where a table holds several.
    kind : str
    parameter : Parameter
    elements : tuple of int
        Which elements it moves.
    """

    name: str
    kind: Kind
    parameter: Parameter
    elements: tuple[int, ...]


class Space:
    """Coordinates ↔ values ↔ elements of the model.

    Each number that is fitted has a coordinate z with a standard normal prior: its value is F⁻¹(Φ(z)), with F the
    distribution function of its prior. So bounds hold by themselves, and how much narrower than one the spread of a
    coordinate has become says what the data told of it.

    Parameters
    ----------
    calibration : Calibration
    model : flows.Model

    Attributes
    ----------
    coordinates : tuple of Coordinate
        In the order free, split, shock, later.
    elements : tuple of str
        Text forms as the model spells them, in the order of first mention.

    Raises
    ------
    InputError
        If an element doesn't exist, a prior leaves the range that the model declares, or a scale has no base.
    """

    def __init__(self, calibration: Calibration, model: Any) -> None:
        self.calibration, self.model = calibration, model
        self._bases = _bases(calibration, model)
        spelt: dict[str, int] = {}
        coordinates: list[Coordinate] = []
        for kind in KINDS:
            for parameter in getattr(calibration, kind):
                places = [self._place(parameter, text, spelt) for text in parameter.places]
                joint = parameter.together or (kind == "free" and parameter.of == "scale")
                groups = [tuple(places)] if joint else [(one,) for one in places]
                for group in groups:
                    name = parameter.name
                    if not joint and parameter.elements:
                        name = list(spelt)[group[0]]
                    coordinates.append(Coordinate(name, kind, parameter, group))
        for fixed in calibration.fixed:
            if fixed.value is not None:
                for position in np.ndindex(*self._bases[fold(fixed.name)].shape):
                    spelt.setdefault(_spelling(model, _own_name(model, fixed.name), position), len(spelt))
        self.coordinates = tuple(coordinates)
        self.elements = tuple(spelt)
        self.places = Places(model, self.elements, where=calibration.file)
        self._base = self.places.file_values
        for i, text in enumerate(self.elements):
            name, position = locate(model, text)
            if fold(name) in self._bases:
                self._base[i] = self._bases[fold(name)][position]
        self._tables = _tables([c.parameter for c in self.coordinates])

    def _place(self, parameter: Parameter, text: str, spelt: dict[str, int]) -> int:
        where = parameter.where
        name, position = locate(self.model, text, where=where)
        item = self.model.lookups[name] if name in self.model.lookups else self.model.constants[name]
        if parameter.of == "scale" and fold(name) not in self._bases:
            raise InputError(
                f'"{name}" is scaled without a base',
                where=where,
                remedy=f'Add a [[fixed]] table with name = "{name}" and value, so that the fit doesn\'t depend on the '
                "model file's present numbers",
            )
        low, high = parameter.support
        if parameter.of == "value" and name not in self.model.lookups:
            least, most = limits(item)
            if low < least or high > most:
                raise InputError(
                    f'the prior leaves the range of the constant "{name}"',
                    where=where,
                    found=f"values from {low:g} to {high:g}",
                    expected=range_text(item),
                    remedy="Set min and max inside it",
                )
        return spelt.setdefault(_spelling(self.model, name, position), len(spelt))

    def __len__(self) -> int:
        return len(self.coordinates)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(c.name for c in self.coordinates)

    def index(self, *kinds: Kind) -> NDArray[np.int64]:
        """Positions of the coordinates of some kinds."""
        return np.array([i for i, c in enumerate(self.coordinates) if c.kind in kinds], dtype=np.int64)

    def values(self, z: Array) -> Array:
        """Turn coordinates into values.

        Parameters
        ----------
        z : array, shape (draws, coordinates)
            Beyond ±`REACH` values stay those at the bound.

        Returns
        -------
        array, same shape
            Interpolated (cubic Hermite) between 2,001 exact values of each prior.
        """
        table, slopes, width = self._tables
        place = (np.clip(z, -REACH, REACH) + REACH) / width
        left = np.minimum(place.astype(np.int64), _POINTS - 2)
        share = place - left
        column = np.arange(z.shape[1])
        y0, y1 = table[left, column], table[left + 1, column]
        d0, d1 = slopes[left, column], slopes[left + 1, column]
        t2, t3 = share**2, share**3
        return np.asarray(
            (2 * t3 - 3 * t2 + 1) * y0 + (t3 - 2 * t2 + share) * d0 + (3 * t2 - 2 * t3) * y1 + (t3 - t2) * d1
        )

    def coordinates_of(self, values: Array) -> Array:
        """Turn values into coordinates, one for each; values outside a prior's support go to its bound."""
        table, _, width = self._tables
        grid = -REACH + width * np.arange(_POINTS)
        return np.array(
            [np.interp(value, table[:, i], grid) for i, value in enumerate(values)], dtype=np.float64
        )

    def at_elements(self, z: Array, *, without: tuple[Kind, ...] = ()) -> Array:
        """Give the elements' values.

        Parameters
        ----------
        z : array, shape (draws, coordinates)
        without : tuple of str
            Kinds that keep the model file's values.

        Returns
        -------
        array, shape (draws, elements)
        """
        values = self.values(z)
        found = np.repeat(self._base[None], len(z), axis=0)
        for i, coordinate in enumerate(self.coordinates):
            if coordinate.kind in without:
                continue
            rows = list(coordinate.elements)
            if coordinate.parameter.of == "scale":
                found[:, rows] *= values[:, i : i + 1]
            else:
                found[:, rows] = values[:, i : i + 1]
        return found

    def inputs(self, z: Array, *, without: tuple[Kind, ...] = ()) -> dict[str, xr.DataArray]:
        """Give coordinates as inputs of `flows.simulate`, over ``draw``."""
        return self.places.inputs(self.at_elements(z, without=without))

    def of_file(self) -> Array:
        """Coordinates of the values that the model's file has; of a scale, by the first of its elements.

        Splits follow the scale of their region, so they are found from what it leaves.
        """
        left = self.places.file_values / np.where(self._base == 0, 1.0, self._base)
        values = np.empty(len(self))
        for i, coordinate in enumerate(self.coordinates):
            first = coordinate.elements[0]
            if coordinate.parameter.of == "value":
                values[i] = self.places.file_values[first]
                continue
            values[i] = left[_anchor(self, coordinate)]
            for row in coordinate.elements:
                left[row] /= values[i]
        return self.coordinates_of(values)


def _anchor(space: Space, coordinate: Coordinate) -> int:
    """The element that tells a scale: one that no other coordinate moves, if there is any."""
    others = {e for c in space.coordinates if c is not coordinate for e in c.elements}
    return next((e for e in coordinate.elements if e not in others), coordinate.elements[0])


def _spelling(model: Any, name: str, position: tuple[int, ...]) -> str:
    if name in model.lookups:
        return f"{name}({float(model.lookups[name].value[0][position[0]]):g})"
    ranges = model.constants[name].subscripts
    if not ranges:
        return name
    return f"{name}[{','.join(str(model.subscripts[r].value[i]) for r, i in zip(ranges, position, strict=True))}]"


def _own_name(model: Any, name: str) -> str:
    return str(model.lookups[name].name if name in model.lookups else model.constants[name].name)


def _bases(calibration: Calibration, model: Any) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for fixed in calibration.fixed:
        if fixed.name not in model.constants and fixed.name not in model.lookups:
            raise InputError(
                f'no constant or lookup "{fixed.name}" in the model', where=fixed.where,
                remedy=near(fixed.name, [*model.constants.names, *model.lookups.names]),
            )  # fmt: skip
        if fixed.value is None:
            continue
        own = own_values(model, fixed.name)
        if own.size != len(fixed.value):
            raise InputError(
                f'"{fixed.name}" has another number of values',
                where=f'{fixed.where}, key "value"',
                found=str(len(fixed.value)),
                expected=str(own.size),
            )
        found[fold(fixed.name)] = np.array(fixed.value, dtype=np.float64).reshape(own.shape)
    return found


def _tables(parameters: list[Parameter]) -> tuple[Array, Array, float]:
    """Values of each prior at evenly spaced coordinates, and their slopes in units of the spacing."""
    grid = np.linspace(-REACH, REACH, _POINTS)
    width = float(grid[1] - grid[0])
    table = np.column_stack([parameter.ppf(special.ndtr(grid)) for parameter in parameters])
    return table, np.gradient(table, axis=0), width
