"""The same run by PySD, the reference engine."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.engine.reference_text import equations_alone, xmile_equations_alone
from flows.errors import ModelError
from flows.model.ir import Variable
from flows.model.model import Model
from flows.references import fold


class Reference:
    """A model read by PySD, to be run any number of times; made by `opened`."""

    def __init__(self, model: Model, pysd_model: Any) -> None:
        self._model, self._pysd = model, pysd_model
        self._spelled = {fold(name): name for name in pysd_model.namespace}

    def run(
        self,
        constants: Mapping[str, NDArray[np.float64]],
        initial: Mapping[str, NDArray[np.float64]],
        lookups: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
        *,
        variables: list[Variable],
        start: float | None,
        step: float | None,
        final: float | None,
        save_every: float | None,
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """Run the model once.

        Parameters
        ----------
        constants, initial : mapping of folded name to array over the variable's elements
            Values that replace those of the file; an initial value of NaN leaves its element as it is.
        lookups : mapping of folded name to (x, y)
            Points that replace those of a lookup or data variable: arrays of shapes (points,) and (elements, points).
        variables : list of Variable
            What to return.
        start, step, final, save_every : float, optional
            Model time; default: as the file has it.

        Returns
        -------
        times : array, shape (saved times,)
        values : dict of folded name to array, shape (saved times, elements)

        Raises
        ------
        ModelError
            If PySD can't run the model, with what it says.
        """
        import pandas as pd

        model, spelled = self._model, self._spelled
        params: dict[str, Any] = {spelled[n]: _labelled(model, n, v) for n, v in constants.items()}
        for n, (x, y) in lookups.items():
            params[spelled[n]] = pd.Series([_labelled(model, n, column) for column in y.T], index=x)
        condition: object = "original"
        if initial or (start is not None and start != model.control.initial_time):
            first = model.control.initial_time if start is None else start
            part = [model.variables[n] for n, v in initial.items() if np.isnan(v).any()]
            if part:
                own = self._table(
                    part, params=params, initial_condition=(first, {}), return_timestamps=first
                )[1]
                whole = {n: own[n].reshape(v.shape) for n, v in initial.items() if n in own}
                initial = {n: np.where(np.isnan(v), whole.get(n, v), v) for n, v in initial.items()}
            condition = (first, {spelled[n]: _labelled(model, n, v) for n, v in initial.items()})
        return self._table(
            variables,
            params=params,
            initial_condition=condition,
            final_time=final,
            time_step=step,
            saveper=save_every,
        )

    def _table(
        self, variables: list[Variable], **options: Any
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """One run by PySD, with its options: the times, and by folded name values of shape (times, elements)."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = self._pysd.run(
                    return_columns=[self._spelled[v.name] for v in variables],
                    flatten_output=True,
                    reload=True,  # what an earlier run was given is forgotten
                    **options,
                )
        except Exception as error:  # of any kind, from its own generated code
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ModelError("PySD can't run this model", where=str(self._model.path), found=what) from error
        columns: dict[tuple[str, tuple[str, ...]], NDArray[np.float64]] = {}
        for label in frame.columns:
            name, _, rest = str(label).partition("[")
            elements = tuple(fold(e) for e in rest.rstrip("]").split(",")) if rest else ()
            columns[fold(name), elements] = np.asarray(frame[label], dtype=float)
        result: dict[str, NDArray[np.float64]] = {}
        for v in variables:
            picks = list(itertools.product(*v.elements))
            blank = np.full(len(frame), np.nan)
            result[v.name] = np.stack([columns.get((v.name, p), blank) for p in picks], axis=-1)
        return np.asarray(frame.index, dtype=float), result


@contextlib.contextmanager
def opened(model: Model) -> Iterator[Reference]:
    """Let PySD read a model.

    Raises
    ------
    ModelError
        If PySD can't read the file, with what it says.
    UnsupportedError
        If a name in it can't be put into PySD's program without danger.
    """
    with _copy(model) as path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pysd

            try:
                read = pysd.read_vensim if path.suffix == ".mdl" else pysd.read_xmile
                reference = read(str(path))
            except Exception as error:  # PySD raises many kinds, from its grammar down to its imports
                first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                raise ModelError("PySD can't read this model", where=str(model.path), found=first) from error
        yield Reference(model, reference)


@contextlib.contextmanager
def _copy(model: Model) -> Iterator[Path]:
    """The equations of a model and its data files, in a folder of their own: PySD writes code beside what it reads."""
    with tempfile.TemporaryDirectory(prefix="flows-pysd-") as folder:
        ending = model.path.suffix.lower()
        xmile = ending in (".xmile", ".stmx")
        path = Path(folder) / ("model" + (ending if xmile else ".mdl"))
        leave = xmile_equations_alone if xmile else equations_alone
        path.write_text(leave(model.text, str(model.path)), encoding="utf-8", newline="")
        for beside in model.path.parent.iterdir() if model.path.parent.is_dir() else ():
            if beside.suffix.lower() in (".xls", ".xlsx", ".csv", ".tab", ".dat"):
                shutil.copy(beside, folder)
        yield path


def _labelled(model: Model, name: str, values: NDArray[np.float64]) -> float | xr.DataArray:
    """A value as PySD takes it: a number, or an array with PySD's own dimensions and coordinates."""
    variable = model.variables[name]
    if not variable.ranges:
        return float(values.reshape(()))
    spelling = model.element_spellings
    coords = {
        model.ranges[r].spelling: [spelling[e] for e in elements]
        for r, elements in zip(variable.ranges, variable.elements, strict=True)
    }
    return xr.DataArray(values.reshape(variable.shape), coords, list(coords))
