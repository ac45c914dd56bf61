"""Points of lookups and data that a call gives: put into the model, and by run into the array that kernels read."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from flows.engine.layout import Layout, flat_positions, table_block
from flows.ensemble.inputs import Resolved
from flows.model.ir import Equation, Table
from flows.model.model import Model

_tabled: weakref.WeakKeyDictionary[Model, dict[tuple[object, ...], Model]] = weakref.WeakKeyDictionary()
_MOST_TABLED = 8


def with_tables(job: Resolved) -> Model:
    """The model with the given points of lookups and data (values that differ between runs follow by run)."""
    if not job.curves:
        return job.model
    if not varying(job):
        return _made_with_tables(job)
    # each run brings its own y, so that a program made for other values of the same points serves as well
    known = _tabled.setdefault(job.model, {})
    key = tuple((c.table, c.variable.name, c.flat.tobytes(), c.x.tobytes()) for c in job.curves)
    if key not in known:
        if len(known) >= _MOST_TABLED:
            known.clear()
        known[key] = _made_with_tables(job)
    return known[key]


def _made_with_tables(job: Resolved) -> Model:
    variables = dict(job.model.variables)
    for curves in job.curves:
        variable = variables[curves.table]
        tables = {
            position: eq.table for eq in variable.equations for position in flat_positions(variable, eq.axes)
        }
        x, y = curves.read()
        for k, position in enumerate(curves.flat.tolist()):
            tables[position] = Table(tuple(x.tolist()), tuple(y[0, k].tolist()))
        picks = list(itertools.product(*variable.elements))
        equations = tuple(
            Equation(tuple((None, (e,)) for e in picks[position]), table=table, span=variable.span)
            for position, table in sorted(tables.items())
        )
        variables[variable.name] = replace(variable, equations=equations)
    return replace(job.model, variables=MappingProxyType(variables))


def varying(job: Resolved) -> bool:
    """True if the points of some lookup differ between runs."""
    return any(bool((c.y != c.y[0]).any()) for c in job.curves)


def table_sets(job: Resolved, places: Layout) -> NDArray[np.float64]:
    """The table array: one row for all runs, or one for each."""
    base = np.array(places.table_values)
    if not varying(job):
        return base[None, :]
    sets = np.tile(base, (job.runs, 1))
    last: dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for curves in job.curves:
        x, y = curves.read()
        last |= {(curves.table, p): (x, y[:, k]) for k, p in enumerate(curves.flat.tolist())}
    for (name, position), (x, y) in last.items():
        start, n = places.tables[name][position]
        short = n - len(x)  # tables under one name have equal lengths: the last point stands again
        x = np.concatenate([x, np.repeat(x[-1:], short)])
        y = np.concatenate([y, np.repeat(y[:, -1:], short, axis=1)], axis=1)
        sets[:, start : start + 3 * n] = table_block(x, y)
    return sets
