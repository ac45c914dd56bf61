"""Runs through the compiled kernel (or the same statements as plain Python): inputs → the arrays that it takes."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.engine import kernel
from flows.engine.clock import Clock, with_controls
from flows.ensemble.inputs import Resolved
from flows.ensemble.names import flat_elements
from flows.ensemble.notices import report_non_finite, report_unmet
from flows.ensemble.outcomes import Wanted
from flows.ensemble.tables import table_sets, varying, with_tables
from flows.model.ir import Variable


def kernel_task(
    job: Resolved,
    own: Clock,
    wanted: Sequence[Wanted],
    method: str,
    *,
    names: frozenset[str] | None,
    fast: bool = False,
) -> tuple[kernel.Program, kernel.Job, tuple[NDArray[np.int64], ...]]:
    """The program, what it is asked to run, and the slots of each wanted variable."""
    model = with_controls(with_tables(job), job.controls)
    control = own.control
    program = kernel.prepare(model, method=method, own_tables=varying(job), wanted=names, fast=fast)
    places = program.layout
    index: list[int] = []
    columns: list[NDArray[np.float64]] = []
    for overrides, bases in ((job.constants, places.base), (job.initials, places.overrides)):
        for variable, flat, rows in overrides:
            index.extend(bases[variable.name] + flat)
            columns.append(rows)
    for name, value in (
        ("initial time", control.initial_time),
        ("final time", control.final_time),
        ("time step", control.time_step),
        ("saveper", control.saveper),
    ):
        if name in places.base and model.variables[name].kind == "constant":
            index.append(places.base[name])
            columns.append(np.full((job.runs, 1), value))
    values = np.ascontiguousarray(np.concatenate(columns, axis=1)) if columns else np.zeros((job.runs, 0))
    slots = tuple(places.base[w.variable.name] + flat_elements(w.variable, w.elements) for w in wanted)
    late = [np.full(len(s), _is_late(w.variable)) for w, s in zip(wanted, slots, strict=True)]
    extra = [places.unmet] if program.method.automatic else []
    task = kernel.Job(
        values=values,
        index=np.array(index, np.int64),
        tables=table_sets(job, places),
        grid=own.grid,
        slots=np.concatenate([*slots, extra]).astype(np.int64),
        late=np.concatenate([*late, np.zeros(len(extra), bool)]),
    )
    return program, task, slots


def run_kernel(
    job: Resolved,
    own: Clock,
    wanted: list[Wanted],
    method: str,
    threads: int | None,
    *,
    plain: bool,
    fast: bool,
) -> dict[str, NDArray[np.float64]]:
    """All runs at once: values by outcome, of shape (runs, times, elements)."""
    names = None if len(wanted) == len(job.model.variables) else frozenset(w.variable.name for w in wanted)
    variables = [w for w in wanted if w.variable.kind != "constant"]
    program, task, slots = kernel_task(job, own, variables, method, names=names, fast=fast)
    if plain:
        out = kernel.interpret(program, task)
    else:
        out = kernel.compute(program, task, threads=threads or os.cpu_count() or 1)
    if program.method.automatic:
        report_unmet(job, out[:, -1, -1])
        out = out[:, :, :-1]
    result: dict[str, NDArray[np.float64]] = {}
    at = 0
    for w, places_of in zip(variables, slots, strict=True):
        result[w.label] = out[:, :, at : at + len(places_of)]
        at += len(places_of)
    waiting = frozenset(w.label for w in variables if program.method.late and _is_late(w.variable))
    report_non_finite(job, own.grid.saved, result, late=waiting)
    return result


def _is_late(variable: Variable) -> bool:
    """True for what difference equations save a step late: auxiliaries that are no data."""
    return variable.kind == "auxiliary" and not variable.series
