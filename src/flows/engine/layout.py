"""Where everything lies in a run's workspace: every element of every variable has a slot known before the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.model.ir import Table, Variable
from flows.model.model import Model


@dataclass(frozen=True, slots=True)
class Method:
    """How stocks are integrated.

    Attributes
    ----------
    step : str
        A step of `flows.engine.integrate`.
    automatic : bool
        True if each time step is divided as the tolerances ask for.
    late : bool
        True if the auxiliaries that are saved with stocks are those that led to them (difference equations).
    """

    step: str
    automatic: bool = False
    late: bool = False


METHODS = {
    "euler": Method("euler_step"),
    "difference": Method("euler_step", late=True),
    "rk2": Method("rk2_step"),
    "rk2 auto": Method("rk2_step", automatic=True),
    "rk4": Method("rk4_step"),
    "rk4 auto": Method("rk4_step", automatic=True),
}
"""Integration methods by the names that `Model.method` has."""

LEVELS = 16
"""How often a time step is halved at most."""
TOLERANCES = ("absolute tolerance", "relative tolerance")
TOLERANCE = 0.001
"""Tolerances where a model defines none (help page specialvariables)."""


def tolerance(model: Model, places: Layout, name: str) -> int | None:
    """Slot of one of the tolerances; None if the model doesn't define it as one number."""
    variable = model.variables.get(name)
    return places.base[name] if variable is not None and not variable.ranges and name in places.base else None


@dataclass(frozen=True)
class Layout:
    """Slots of a workspace.

    Attributes
    ----------
    base : dict of str to int
        First slot of each variable's elements (row order); lookups are not among them.
    overrides : dict of str to int
        First slot of a stock's given initial values (NaN: use the equation).
    tables : dict of str to dict
        For each lookup: flat element position → (start in the table array, number of points).
    template : tuple of float
        The workspace of one run before it starts.
    table_values : tuple of float
        The table array, see `table_block`.
    stocks, n_stocks, net_flows : int
        First slot of the stocks, their number, first slot of their net flows; behind these lie as many slots for the
        stocks at the start of a step, for the sum of slopes (Runge-Kutta), and with an automatic step for the stocks
        at the start and, by one step, at the end of the part of a time step under way.
    unmet : int
        Slot of the time at which an automatic step first couldn't keep to the tolerances; -1 with other methods.
    histories : dict of str to int
        First column of each history variable's elements; a row is recorded at every step.
    n_histories : int
        Number of columns.
    """

    base: dict[str, int]
    overrides: dict[str, int]
    tables: dict[str, dict[int, tuple[int, int]]]
    template: tuple[float, ...]
    table_values: tuple[float, ...]
    stocks: int
    n_stocks: int
    net_flows: int
    unmet: int
    histories: dict[str, int]
    n_histories: int


def layout(model: Model, method: Method) -> Layout:
    """Give every element of every variable a slot."""
    base: dict[str, int] = {}
    overrides: dict[str, int] = {}
    template: list[float] = []
    by_kind: dict[str, list[Variable]] = {}
    for v in model.variables.values():
        by_kind.setdefault(v.kind, []).append(v)
    for v in by_kind.get("constant", ()):
        base[v.name] = len(template)
        values = [float("nan")] * v.size
        for eq in v.equations:
            for position, value in zip(flat_positions(v, eq.axes), eq.values, strict=True):
                values[position] = value
        template.extend(values)
    stocks = by_kind.get("stock", [])
    for v in stocks:
        if not v.hidden:
            overrides[v.name] = len(template)
            template.extend([float("nan")] * v.size)
    first = len(template)
    for v in stocks:
        base[v.name] = len(template)
        template.extend([0.0] * v.size)
    n_stocks = len(template) - first
    net_flows = len(template)
    template.extend([0.0] * (5 if method.automatic else 3) * n_stocks)
    unmet = -1
    if method.automatic:
        unmet = len(template)
        template.append(float("nan"))
    for kind in ("initial", "auxiliary"):
        for v in by_kind.get(kind, ()):
            base[v.name] = len(template)
            template.extend([float("nan")] * v.size)
    tables: dict[str, dict[int, tuple[int, int]]] = {}
    table_values: list[float] = []
    for v in by_kind.get("lookup", ()):
        tables[v.name] = {}
        points = [eq.table for eq in v.equations if isinstance(eq.table, Table)]
        n = max(len(table.x) for table in points)
        for eq, table in zip(v.equations, points, strict=True):
            start = len(table_values)
            short = n - len(table.x)  # tables under one name get equal lengths: the last point stands again
            x = np.array(table.x + table.x[-1:] * short)
            y = np.array(table.y + table.y[-1:] * short)
            table_values.extend(table_block(x, y).tolist())
            for position in flat_positions(v, eq.axes):
                tables[v.name][position] = (start, n)
    histories: dict[str, int] = {}
    n_histories = 0
    for v in by_kind.get("history", ()):
        histories[v.name] = n_histories
        n_histories += v.size
    return Layout(
        base,
        overrides,
        tables,
        tuple(template),
        tuple(table_values),
        first,
        n_stocks,
        net_flows,
        unmet,
        histories,
        n_histories,
    )


def table_block(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the table array holds of one lookup.

    Parameters
    ----------
    x : array, shape (n,)
    y : array, shape (..., n)

    Returns
    -------
    array, shape (..., 3 n)
        x, y and the slope of the segment that begins at each point (0 at the last and at vertical steps).
    """
    rise, run = np.diff(y), np.diff(x)
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    slope = np.concatenate([slope, np.zeros_like(y[..., :1])], axis=-1)
    return np.concatenate([np.broadcast_to(x, y.shape), y, slope], axis=-1)


def flat_positions(variable: Variable, axes: tuple[tuple[str | None, tuple[str, ...]], ...]) -> list[int]:
    """Flat positions (row order) of the elements that an equation defines."""
    flat = [0]
    for d, (_, elements) in enumerate(axes):
        n = len(variable.elements[d])
        flat = [f * n + variable.elements[d].index(e) for f in flat for e in elements]
    return flat
