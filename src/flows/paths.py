"""Names of files that the locale can't spell: how they are written down, and NetCDF files in such places."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DEVICES", "load_netcdf", "plain", "save_netcdf"]

_ENGINE: Any = "netcdf4"
_ESCAPED = re.compile("[\udc80-\udcff]")

DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{k}" for kind in ("com", "lpt") for k in "123456789¹²³")}
)
"""What no file may be called on Windows, whatever its ending ("Naming Files, Paths, and Namespaces", Microsoft)."""


def plain(text: str) -> str:
    r"""Spell a text that holds file names which the locale can't read as Python gives them as UTF-8 can write it.

    Examples
    --------
    >>> plain("models/a\udcc3\udcb1o.mdl")  # a name in UTF-8, read under a locale of ASCII
    'models/año.mdl'
    >>> plain("models/a\udcf1o.mdl")  # a name in Latin-1, read under a locale of UTF-8
    'models/a�o.mdl'
    """
    if text.isascii() or not _ESCAPED.search(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def save_netcdf(dataset: xr.Dataset, path: Path, *, encoding: Mapping[str, Any]) -> None:
    """Write a Dataset as NetCDF.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : Path
        The file; one that stands there is replaced.
    encoding : mapping
        By variable, as in `xarray.Dataset.to_netcdf`.

    Raises
    ------
    OSError
        The file can't be written.
    """
    words = {key: plain(value) if isinstance(value, str) else value for key, value in dataset.attrs.items()}
    dataset = dataset.assign_attrs(words)
    if _opens(path):
        dataset.to_netcdf(path, engine=_ENGINE, encoding=encoding)
    else:  # made in memory, and written by Python
        path.write_bytes(dataset.to_netcdf(engine=_ENGINE, encoding=encoding))


def load_netcdf(path: Path) -> xr.Dataset:
    """Read a NetCDF file whole into memory.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    OSError, ValueError
        There is no such file, or it is no NetCDF.
    """
    import xarray as xr

    return xr.load_dataset(path if _opens(path) else path.read_bytes(), engine=_ENGINE)


def _opens(path: Path) -> bool:
    """Whether the library can open a path: in ASCII, or, but for Windows, in the encoding of file names."""
    try:
        os.path.abspath(path).encode("ascii" if sys.platform == "win32" else sys.getfilesystemencoding())
    except UnicodeEncodeError:
        return False
    return True
