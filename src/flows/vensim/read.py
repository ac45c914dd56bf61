"""Reading a Vensim model: parse, lower, check."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from flows.errors import InputError, UnitError
from flows.model.check import unit_findings
from flows.model.ir import deep
from flows.model.model import Model
from flows.vensim.lower import lower
from flows.vensim.source import read_source


class UnitWarning(UserWarning):
    """Units of a model that don't match."""


@deep
def read_vensim(
    path: str | Path,
    *,
    units: Literal["warn", "error", "off"] = "warn",
    data: str | Path | Sequence[str | Path] = (),
) -> Model:
    """Read a Vensim model, or an XMILE one.

    Parameters
    ----------
    path : str or path
        An ``.mdl`` file; one that ends in ``.xmile`` or ``.stmx`` is read as XMILE, by PySD's reader.
    units : {"warn", "error", "off"}
        What to do about units that don't match: one warning, a `UnitError`, or nothing.
    data : path or sequence of paths
        Data sets beside those that the model names.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the file is missing or can't be read as a model; the message names the place.
    UnitError
        With ``units="error"``, at the first equation whose units don't match.
    """
    if units not in ("warn", "error", "off"):
        raise InputError("units= is unknown", found=repr(units), expected='"warn", "error" or "off"')
    data_sets = (data,) if isinstance(data, str | Path) else data
    if isinstance(data_sets, Mapping) or not isinstance(data_sets, Iterable):
        raise _no_data_sets(type(data).__name__)
    data_sets = tuple(data_sets)
    for file in data_sets:
        if not isinstance(file, str | Path):
            raise _no_data_sets(f"a list with {type(file).__name__}")
    model = lower(read_source(path), data_sets)
    if units != "off":
        findings = unit_findings(model)
        if findings and units == "error":
            raise UnitError(**findings[0].details())
        if findings:
            first = str(UnitError(**findings[0].details()))
            more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
            warnings.warn(first + more, UnitWarning, stacklevel=3)
    return model


def _no_data_sets(found: str) -> InputError:
    return InputError(
        "data= takes files of data sets",
        found=found,
        expected="a path or a list of paths",
        remedy='The files themselves name the variables that they hold: write data="FILE.csv"',
    )
