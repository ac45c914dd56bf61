"""Numbers of many runs by name: in memory while they are few, in one temporary file beyond that."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from flows.errors import ResultError

HELD = 256 * 2**20
"""Bytes of numbers that stay in memory."""

_SPARE = 64 * 2**20  # bytes that are left free on the disk


class Shelf:
    """Arrays that are filled block by block and read one at a time.

    Parameters
    ----------
    shapes : mapping of key to tuple of int
        Of each array.
    folder : Path, optional
        Where the temporary file is made, if one is needed; by default where the system makes such files. It has no
        name that outlives the process.

    Raises
    ------
    ResultError
        The disk has too little room.
    """

    def __init__(self, shapes: Mapping[Hashable, tuple[int, ...]], *, folder: Path | None = None) -> None:
        self._shapes = dict(shapes)
        sizes = {key: 8 * math.prod(shape) for key, shape in shapes.items()}
        total = sum(sizes.values())
        self.on_disk = total > HELD
        self._arrays: dict[Hashable, NDArray[np.float64]] = {}
        if not self.on_disk:
            self._arrays = {key: np.empty(shape) for key, shape in shapes.items()}
            return
        self._place = str(folder or tempfile.gettempdir())
        try:
            free = shutil.disk_usage(self._place).free
            if free < total + _SPARE:
                raise self._full(f"{free / 1e9:.1f} GB free", f"{total / 1e9:.1f} GB for the runs' numbers")
            self._file = tempfile.TemporaryFile(dir=folder, prefix="flows-")  # noqa: SIM115
        except OSError as error:
            raise self._full(error.strerror or str(error)) from error
        weakref.finalize(self, self._file.close)
        self._starts: dict[Hashable, int] = {}
        at = 0
        for key, size in sizes.items():
            self._starts[key] = at
            at += size

    def put(self, key: Hashable, block: NDArray[np.float64], *, at: tuple[int, int] = (0, 0)) -> None:
        """Set a block whose first row and column are `at`; the dimensions beyond these two are whole."""
        shape, rows = self._shapes[key], len(block)
        if not self.on_disk:
            place = (
                slice(at[0], at[0] + rows),
                slice(at[1], at[1] + (block.shape[1] if block.ndim > 1 else 1)),
            )
            self._arrays[key][place[: block.ndim]] = block
            return
        wide = shape[1] if len(shape) > 1 else 1
        cell = 8 * math.prod(shape[2:])
        whole = block.ndim < 2 or block.shape[1] == wide
        solid = np.ascontiguousarray(block, dtype=float)
        try:
            for row in range(1 if whole else rows):
                self._file.seek(self._starts[key] + ((at[0] + row) * wide + at[1]) * cell)
                self._file.write((solid if whole else solid[row]).data)
        except OSError as error:
            raise self._full(error.strerror or str(error)) from error

    def read(self, key: Hashable) -> NDArray[np.float64]:
        """Give an array; one in memory is not copied."""
        if not self.on_disk:
            return self._arrays[key]
        found = np.empty(self._shapes[key])
        try:
            self._file.seek(self._starts[key])
            self._file.readinto(found.data)
        except OSError as error:
            raise self._full(error.strerror or str(error)) from error
        return found

    def variable(self, dims: Sequence[str], keys: Sequence[Hashable], **about: Any) -> xr.Variable:
        """Give arrays as a variable, stacked along a first dimension if there are several: read when it is used.

        Parameters
        ----------
        dims : sequence of str
            Names of the dimensions, that of the stack first, if `keys` are stacked.
        keys : sequence
            Of arrays of one shape.
        **about
            Attributes.
        """
        shape = self._shapes[keys[0]]
        stacked = len(dims) > len(shape)
        if not self.on_disk:
            held = np.stack([self._arrays[k] for k in keys]) if stacked else self._arrays[keys[0]]
            return xr.Variable(dims, held, about)

        def read() -> NDArray[np.float64]:
            return np.stack([self.read(key) for key in keys]) if stacked else self.read(keys[0])

        whole = (len(keys), *shape) if stacked else shape
        return xr.Variable(dims, indexing.LazilyIndexedArray(_Later(read, whole)), about)

    def _full(self, found: str, expected: str = "") -> ResultError:
        return ResultError(
            "the numbers of so many runs find no room on the disk", where=self._place, found=found, expected=expected,
            remedy="Free some, name another folder in the variable TMPDIR, or take fewer draws or scenarios",
        )  # fmt: skip


class _Later(BackendArray):
    """An array that is read when it is used, and not kept."""

    def __init__(self, read: Callable[[], NDArray[np.float64]], shape: tuple[int, ...]) -> None:
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(float)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, lambda within: self._read()[within]
        )
