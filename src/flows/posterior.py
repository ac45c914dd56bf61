"""The posterior sample: joint draws of a model's calibrated constants, in one small Parquet file beside the model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import resources
from flows.errors import InputError
from flows.inputs.bounds import constant_of, position_of
from flows.inputs.tables import shown_path
from flows.provenance import atomic_path
from flows.references import parse_reference

FILE = "posterior.parquet"
_KEY = b"flows"
_POINT = re.compile(r"(.+)\(\s*(-?[0-9.]+(?:e[+-]?[0-9]+)?)\s*\)", re.IGNORECASE)
_METADATA = ("model", "calibration", "calibration_digest", "seed", "fit_until", "versions")


@dataclass(frozen=True, eq=False)
class Posterior:
    """Joint draws of constants.

    Attributes
    ----------
    elements : tuple of str
        Text forms: a constant (``contagion of knowledge``), one element of it (``shock size[rush of 2016,Haiti]``), or
        a point of a lookup by its x (``INM intensity for NCA(78)``).
    values : array, shape (draws, elements)
        Each in the unit of its constant; a row is one joint draw.
    metadata : mapping
        ``model`` (file name), ``calibration`` and ``calibration_digest`` (file and SHA-256), ``seed``, ``fit_until``
        (last month of the data fitted), ``versions``, and what else the calibration noted.
    where : str
        The file, for messages.
    """

    elements: tuple[str, ...]
    values: NDArray[np.float64]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.elements) or not len(self.values):
            raise InputError(
                "the posterior sample has the wrong shape",
                where=self.where,
                found=str(self.values.shape),
                expected=f"at least one draw of {len(self.elements)} elements",
            )
        if not np.isfinite(self.values).all():
            name = self.elements[int(np.argmax(~np.isfinite(self.values).all(axis=0)))]
            raise InputError(
                f'the posterior sample of "{name}" holds values that are no numbers',
                where=self.where,
                remedy="Make it anew with flows calibrate",
            )

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, draws: int, seed: int) -> NDArray[np.int64]:
        """Choose rows: without repetition as long as there are any left, then all over again in another order.

        Parameters
        ----------
        draws : int
            How many, at least 1.
        seed : int
            The same seed gives the same rows; a larger number of draws begins with those of a smaller one.

        Returns
        -------
        array of int, shape (draws,)
        """
        if draws < 1:
            raise InputError("too few draws", found=str(draws), expected="at least 1")
        random = np.random.default_rng(seed)
        rounds = [random.permutation(len(self)) for _ in range(math.ceil(draws / len(self)))]
        return np.concatenate(rounds)[:draws].astype(np.int64)

    def inputs(self, model: Any, draws: int, seed: int = 0) -> dict[str, xr.DataArray]:
        """Give draws as inputs of `flows.simulate`.

        Parameters
        ----------
        model : flows.Model
            Elements of a constant, and points of a lookup, that the sample lacks keep the value of the model's file.
        draws : int
            Number of draws.
        seed : int
            Of the choice of rows; see `rows`.

        Returns
        -------
        dict of str to xarray.DataArray
            By constant, over ``draw`` and its subscripts; lookups over ``draw`` and ``x``.

        Raises
        ------
        InputError
            If the model lacks elements of the sample; the first few are named.
        """
        return self.at(model, self.values[self.rows(draws, seed)])

    def at(self, model: Any, values: NDArray[np.float64]) -> dict[str, xr.DataArray]:
        """Give rows of values, in the order of the elements, as inputs of `flows.simulate`."""
        return place(model, self.elements, values, where=self.where)


def place(
    model: Any, elements: tuple[str, ...], values: NDArray[np.float64], *, where: str = ""
) -> dict[str, xr.DataArray]:
    """Put values of elements in their places in whole constants and lookups.

    Parameters
    ----------
    model : flows.Model
        Gives the values of the elements not named.
    elements : tuple of str
        Text forms, as in `Posterior`.
    values : array, shape (draws, elements)
    where : str
        For messages.

    Returns
    -------
    dict of str to xarray.DataArray
        By constant over ``draw`` and its subscripts, by lookup over ``draw`` and ``x``.

    Raises
    ------
    InputError
        If the model lacks some of the elements.
    """
    return Places(model, elements, where=where).inputs(values)


class Places:
    """Where elements stand in the constants and lookups of a model; found once, used for many samples.

    Parameters
    ----------
    model : flows.Model
    elements : tuple of str
        Text forms, as in `Posterior`.
    where : str
        For messages.

    Raises
    ------
    InputError
        If the model lacks some of the elements; the first few are named.
    """

    def __init__(self, model: Any, elements: tuple[str, ...], *, where: str = "") -> None:
        self.model = model
        absent = []
        found: list[tuple[str, tuple[int, ...]]] = []
        for text in elements:
            try:
                found.append(locate(model, text, where=where))
            except InputError as refusal:
                absent.append((text, refusal))
        if absent:
            names = ", ".join(f'"{text}"' for text, _ in absent[:3]) + (
                " and others" if len(absent) > 3 else ""
            )
            raise InputError(
                f"{len(absent)} of the {len(elements)} elements of the sample are not in the model",
                where=where,
                found=names,
                expected="the model that was calibrated, or one with the same constants",
                remedy=absent[0][1].remedy or "Run flows calibrate on this model",
            )
        self._own = {name: own_values(model, name) for name, _ in found}
        self._flat: dict[str, tuple[list[int], list[int]]] = {name: ([], []) for name in self._own}
        for column, (name, position) in enumerate(found):
            columns, flat = self._flat[name]
            columns.append(column)
            flat.append(int(np.ravel_multi_index(position, self._own[name].shape)) if position else 0)

    @property
    def file_values(self) -> NDArray[np.float64]:
        """The values of the model's file, in the order of the elements."""
        values = np.empty(sum(len(columns) for columns, _ in self._flat.values()))
        for name, (columns, flat) in self._flat.items():
            values[columns] = self._own[name].reshape(-1)[flat]
        return values

    def inputs(self, values: NDArray[np.float64]) -> dict[str, xr.DataArray]:
        """Put values in their places, as inputs of `flows.simulate`.

        Parameters
        ----------
        values : array, shape (draws, elements)

        Returns
        -------
        dict of str to xarray.DataArray
            By constant over ``draw`` and its subscripts, by lookup over ``draw`` and ``x``.
        """
        found: dict[str, xr.DataArray] = {}
        for name, (columns, flat) in self._flat.items():
            own = self._own[name]
            array = np.repeat(own.reshape(1, -1), len(values), axis=0)
            array[:, flat] = values[:, columns]
            array = array.reshape(len(values), *own.shape)
            if name in self.model.lookups:
                x = np.asarray(self.model.lookups[name].value[0], dtype=float)
                found[name] = xr.DataArray(array, dims=("draw", "x"), coords={"x": x})
                continue
            ranges = [self.model.subscripts[n] for n in self.model.constants[name].subscripts]
            found[name] = xr.DataArray(
                array,
                dims=("draw", *(r.name for r in ranges)),
                coords={r.name: [str(e) for e in r.value] for r in ranges},
            )
        return found


def locate(model: Any, text: str, *, where: str = "") -> tuple[str, tuple[int, ...]]:
    """Find an element of a constant, or a point of a lookup.

    Parameters
    ----------
    model : flows.Model
        That has it.
    text : str
        ``name``, ``name[Element]``, or a lookup's point ``name(x)``.
    where : str, optional
        Where the text stands, for the error message.

    Returns
    -------
    str, tuple of int
        The name as the model spells it, and the position in the constant's array or the lookup's y.

    Raises
    ------
    InputError
        If there is no such constant, lookup, element or point, or a constant with subscripts is named whole.
    """
    point = _POINT.fullmatch(text.strip())
    if point and point[1].strip() in model.lookups:
        item = model.lookups[point[1].strip()]
        xs = np.asarray(item.value[0] if not item.subscripts else [], dtype=float)
        hits = np.flatnonzero(np.abs(xs - float(point[2])) < 1e-9)
        if len(hits) != 1:
            raise InputError(
                f'the lookup "{item.name}" has no single point at {point[2]}',
                where=where,
                remedy="Name another x",
            )
        return str(item.name), (int(hits[0]),)
    reference = parse_reference(text, where=where)
    item = constant_of(reference, model, where)
    position = position_of(reference, item, model, where)
    if len(reference.elements) != len(item.subscripts):
        raise InputError(
            f'"{item.name}" has a value for each element', where=where, remedy="Name one element"
        )
    return str(item.name), position


def own_values(model: Any, name: str) -> NDArray[np.float64]:
    """Return a constant's array, or the y of a lookup, as the model's file has them.

    Parameters
    ----------
    model : flows.Model
    name : str
        A constant or a lookup.

    Returns
    -------
    array of shape (elements of its first range, …), or (points,)
        In its own unit.
    """
    if name in model.lookups:
        return np.asarray(model.lookups[name].value[1], dtype=np.float64)
    return np.asarray(model.constants[name].value, dtype=np.float64)


def read_posterior(path: str | Path) -> Posterior:
    """Read a posterior sample.

    Parameters
    ----------
    path : str or Path
        A Parquet file that `write_posterior` wrote.

    Returns
    -------
    Posterior

    Raises
    ------
    InputError
        If there is no such file, or it is no posterior sample.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    shown = shown_path(path)
    try:
        table = pq.read_table(path)
        kept = json.loads((table.schema.metadata or {}).get(_KEY, "null"))
        names = tuple(table.column_names)
    except FileNotFoundError:
        raise InputError(
            "there is no posterior sample", where=shown, remedy="Make one with flows calibrate"
        ) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            "can't be read as a Parquet file",
            where=shown,
            found=str(error).split("\n")[0],
            remedy="Make it anew with flows calibrate",
        ) from None
    if not isinstance(kept, dict) or any(not pa.types.is_floating(kind) for kind in table.schema.types):
        raise InputError(
            "this Parquet file is no posterior sample",
            where=shown,
            expected="columns of numbers and the metadata that flows calibrate writes",
        )
    columns = [np.asarray(column, dtype=np.float64) for column in table.columns]
    values = np.column_stack(columns) if columns else np.empty((0, 0))
    return Posterior(names, values, kept, shown)


def write_posterior(path: str | Path, posterior: Posterior) -> Path:
    """Write a posterior sample, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The Parquet file. Values are kept in single precision (seven digits), which halves its size.
    posterior : Posterior
        With all of the metadata named in `Posterior`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If metadata are missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [key for key in _METADATA if key not in posterior.metadata]
    if missing:
        raise InputError("the posterior sample lacks metadata", found="no " + ", ".join(missing))
    columns = [pa.array(column.astype(np.float32)) for column in posterior.values.T]
    table = pa.table(dict(zip(posterior.elements, columns, strict=True)))
    table = table.replace_schema_metadata({_KEY: json.dumps(dict(posterior.metadata)).encode()})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False, write_statistics=False)
    return Path(path)


def posterior_of(model: Any) -> Posterior | None:
    """Find the posterior sample that lies beside a model's file.

    Parameters
    ----------
    model : flows.Model
        Its ``path`` is the file it was read from.

    Returns
    -------
    Posterior or None
        None where no ``posterior.parquet`` lies beside the file, or that sample was made of another file.
    """
    path = Path(str(getattr(model, "path", "") or resources.root() / "models" / "migration.mdl"))
    beside = path.parent / FILE
    if not beside.is_file():
        return None
    posterior = read_posterior(beside)
    return posterior if posterior.metadata.get("model") == path.name else None
