"""Results of a run as a data set that Vensim imports: ``.tab``, ``.csv`` or ``.dat``.

Names are spelt as in the model, elements written out. Constants have one value, at the first time. Numbers are written
so that reading them gives the same bits.

References
----------
Ventana Systems, Vensim Reference Manual, "Importing data" and "The .dat format".
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.errors import InputError

__all__ = ["ENDINGS", "dataset_lines"]

_PLAIN = re.compile(r"[^\W\d](?:[\w$' ]*[\w$'])?")
ENDINGS = (".tab", ".csv", ".dat")


def dataset_lines(dataset: xr.Dataset, ending: str, *, across: bool = False) -> Iterator[str]:
    """Write a run as a data set, line by line.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run, from `flows.simulate`.
    ending : {".tab", ".csv", ".dat"}
        Tabs or commas between the cells of a table, or a name on a line of its own before its times and values.
    across : bool
        Times across and names down, in place of times down.

    Yields
    ------
    str
        With its line end.

    Raises
    ------
    InputError
        Another ending, or a dataset of several runs.
    """
    if ending not in ENDINGS:
        raise InputError(
            "not a data set that Vensim imports", found=f'"{ending}"', expected=", ".join(ENDINGS)
        )
    dims = {dim for array in dataset.data_vars.values() for dim in array.dims}
    several = sorted(str(d) for d in dims & {"draw", "scenario"})
    if several:
        raise InputError(
            "a data set for Vensim holds one run",
            found=f"runs along {', '.join(several)}",
            remedy="Choose one with dataset.isel(…)",
        )
    times = [repr(float(t)) for t in dataset["time"].values]
    if ending == ".dat":
        for name, values in _columns(dataset):
            yield f"{name}\n"
            yield from (f"{t}\t{_text(v)}\n" for t, v in zip(times, values, strict=False) if v == v)
        return
    separator = "\t" if ending == ".tab" else ","
    if across:
        yield _row(["Time", *times], separator)
        for name, values in _columns(dataset):
            yield _row([name, *map(_text, values)], separator)
        return
    names, columns = zip(*_columns(dataset), strict=True)
    yield _row(["Time", *names], separator)
    for k, time in enumerate(times):
        yield _row([time, *(_text(c[k]) if k < len(c) else "" for c in columns)], separator)


def _columns(dataset: xr.Dataset) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and values of every element: all times, or one value of a constant."""
    for name in dataset.data_vars:
        array = dataset.variables[name]
        dims = [d for d in array.dims if d != "time"]
        timed = "time" in array.dims
        rows = np.asarray(array.transpose(*dims, ...).values, dtype=float).reshape(
            -1, dataset.sizes["time"] if timed else 1
        )
        labels = itertools.product(*([str(e) for e in dataset.coords[d].values] for d in dims))
        stem = _spelt(str(name))
        for label, values in zip(labels, rows, strict=True):
            yield (f"{stem}[{','.join(label)}]" if label else stem), values


def _spelt(name: str) -> str:
    """A name as Vensim reads it: quoted where it isn't plain."""
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: float) -> str:
    return "" if value != value else repr(float(value))


def _row(cells: list[str], separator: str) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerow(cells)
    return stream.getvalue()
