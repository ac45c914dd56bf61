"""Runs through PySD, run by run: asked for, or in place of a kernel that can't be compiled."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.differences import known_differences
from flows.engine.clock import Clock
from flows.engine.layout import flat_positions
from flows.ensemble.inputs import Resolved
from flows.ensemble.names import flat_elements
from flows.ensemble.notices import EngineNotice, report_non_finite
from flows.ensemble.outcomes import Wanted
from flows.errors import InputError, ModelError, UnsupportedError
from flows.model.ir import Variable
from flows.model.model import CONTROLS, constant_values


def run_instead(
    refusal: UnsupportedError, job: Resolved, wanted: list[Wanted], method: str
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Let PySD run what isn't compiled, unless it is known to differ from Vensim there; say so."""
    given = {v.name for v, _, _ in (*job.constants, *job.initials)} | set(job.controls)
    for difference, where in known_differences(job.model, method=method, given=given):
        raise UnsupportedError(
            f"{refusal.what}, and PySD can't stand in: it {difference.meaning}",
            where=refusal.where,
            found=f"{difference.construct} ({where})",
            remedy='Choose engine="pysd" to run it so nevertheless' if method == "euler" else "",
        ) from None
    try:
        result = run_pysd(job, None, wanted, method)
    except ModelError as error:
        raise UnsupportedError(
            f"{refusal.what}, and PySD can't stand in",
            where=refusal.where,
            found=f"{error.what}: {error.found}" if error.found else error.what,
        ) from None
    place = f" ({refusal.where})" if refusal.where else ""
    warnings.warn(
        f"{refusal.what}{place}: the model ran through PySD, which takes seconds a run",
        EngineNotice,
        stacklevel=3,
    )
    return result


def run_pysd(
    job: Resolved, own: Clock | None, wanted: list[Wanted], method: str
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Run by run through PySD; the times are those that it returns, or `own` where these are the same."""
    from flows.engine import reference as pysd_engine

    if method != "euler":
        raise UnsupportedError(
            "PySD integrates by Euler's method only",
            found=method,
            remedy='Ask for method="euler", or for another engine',
        )
    variables = list({w.variable.name: w.variable for w in wanted if w.variable.kind != "constant"}.values())
    collected: dict[str, list[NDArray[np.float64]]] = {
        w.label: [] for w in wanted if w.variable.kind != "constant"
    }
    controls: Mapping[str, float] = job.controls
    if own is not None and not own.varies:
        controls = dict(zip(CONTROLS, astuple(own.control), strict=True))
    grids: list[NDArray[np.float64]] = []
    with pysd_engine.opened(job.model) as reference_model:
        for run in range(job.runs):
            constants = _by_name(job.constants, run, constant_values)
            initial = _by_name(job.initials, run, lambda v: np.full(v.shape, np.nan))
            lookups = _curves_of(job, run)
            times, values = reference_model.run(
                constants,
                initial,
                lookups,
                variables=variables,
                start=controls.get("initial time"),
                step=controls.get("time step"),
                final=controls.get("final time"),
                save_every=controls.get("saveper"),
            )
            grids.append(times)
            for w in wanted:
                if w.variable.kind != "constant":
                    collected[w.label].append(
                        values[w.variable.name][:, flat_elements(w.variable, w.elements)]
                    )
    times = grids[0]
    if any(len(g) != len(times) or not np.allclose(g, times) for g in grids):
        raise InputError(
            "the runs of one call must have the same times", remedy="Call simulate once for each"
        )
    if own is not None and len(own.grid.saved) == len(times) and np.allclose(own.grid.saved, times):
        times = own.grid.saved
    result = {label: np.stack(rows) for label, rows in collected.items()}
    report_non_finite(job, times, result, blanks=True)
    return times, result


def _curves_of(job: Resolved, run: int) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The curves of one run for PySD: x, and y over elements, of whole variables."""
    result: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for name in dict.fromkeys(c.variable.name for c in job.curves):
        given = [c for c in job.curves if c.variable.name == name]
        variable = given[-1].variable
        points = {p: (c.x, c.y[run, k]) for c in given for k, p in enumerate(c.flat.tolist())}
        if len(points) < variable.size:
            if variable.keyword not in ("", "INTERPOLATE"):
                raise UnsupportedError(f"PySD takes all elements of {variable.spelling} together, or none")
            table = job.model.variables[given[-1].table]
            for eq in table.equations:
                assert eq.table is not None
                for p in flat_positions(table, eq.axes):
                    points.setdefault(p, (np.array(eq.table.x), np.array(eq.table.y)))
        x = np.unique(np.concatenate([own for own, _ in points.values()]))
        y = [np.interp(x, *points[p]) for p in sorted(points)]
        result[name] = x, np.stack(y)
    return result


def _by_name(
    overrides: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]], run: int, default: Any
) -> dict[str, NDArray[np.float64]]:
    result: dict[str, NDArray[np.float64]] = {}
    for variable, flat, rows in overrides:
        values = result.setdefault(variable.name, np.array(default(variable), dtype=float))
        values.reshape(-1)[flat] = rows[run]
    return result
