"""Inputs that share a dimension, paired by its labels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from flows.errors import InputError


def aligned(arrays: Mapping[str, xr.DataArray], dim: str | None = None) -> dict[str, xr.DataArray]:
    """Bring arrays into one order of the labels along each dimension that they share.

    The first array that has labels along a dimension gives their order; those without labels are paired by position.

    Parameters
    ----------
    arrays : mapping of str to DataArray
        By name, for messages. Dimensions that begin with a NUL character are an array's own.
    dim : str, optional
        The one dimension to look at; all of them by default.

    Returns
    -------
    dict of str to DataArray
        Equal along every dimension but for those without labels.

    Raises
    ------
    InputError
        If a dimension is empty, has another length in two arrays, or other labels.
    """
    sizes: dict[str, int] = {}
    orders: dict[str, tuple[str, pd.Index]] = {}
    result = dict(arrays)
    for key, array in arrays.items():
        for name in (str(d) for d in array.dims):
            if name.startswith("\0") or (dim is not None and name != dim):
                continue
            size = array.sizes[name]
            if size == 0:
                raise InputError(f'the dimension "{name}" is empty', where=key, expected="one value at least")
            if sizes.setdefault(name, size) != size:
                raise InputError(
                    f'the dimension "{name}" differs between inputs',
                    where=key,
                    found=str(size),
                    expected=str(sizes[name]),
                )
            labels = array.indexes.get(name)
            if labels is None:
                continue
            first, order = orders.setdefault(name, (key, labels))
            if not labels.equals(order):
                result[key] = result[key].isel({name: _places(key, labels, first, order, name)})
    return result


def _places(key: str, labels: pd.Index, first: str, order: pd.Index, dim: str) -> list[int]:
    """Where each label of the order stands among others."""
    if labels.is_unique and order.is_unique:
        places = labels.get_indexer(order)
        if (places >= 0).all():
            return [int(place) for place in places]
    missing = order[~order.isin(labels)]
    other = labels[~labels.isin(order)]
    raise InputError(
        f'the labels along "{dim}" differ from those of "{first}"'
        if len(missing)
        else f'labels along "{dim}" stand twice, in another order than those of "{first}"',
        where=key,
        found=", ".join(str(label) for label in (other if len(missing) else labels)[:3]),
        expected=", ".join(str(label) for label in (missing if len(missing) else order)[:3]),
        remedy=f'Give both the same labels, or none to pair them by position: array.drop_vars("{dim}")',
    )
