"""Feedback loops: their polarity, computed from the equations, and what happens to outcomes when one is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import calendar
from flows.engine import kernel
from flows.ensemble import simulate
from flows.errors import InputError, ModelError
from flows.inputs import Outcome
from flows.inputs.loops import NamedLoop
from flows.model.graph import CausalGraph, causal_graph, loop_links, loop_through
from flows.model.ir import STEP_START, Equation, Expr, Past, Previous, Ref, Variable, rebuilt
from flows.model.model import CONTROLS, Model

Polarity = Literal["reinforcing", "balancing", "both", "at rest"]

_HELD = "#HELD "
_STEP = 1e-5  # relative change of a cause: well above rounding, well below the distance between points of a lookup


@dataclass(frozen=True)
class LinkSigns:
    """Signs of the links of a model along a run.

    Attributes
    ----------
    time : array, shape (times,)
        Model time.
    signs : mapping of (str, str) to array of int, shape (times,)
        For cause and effect (folded names): 1 if more of the cause makes more of the effect, -1 if less, 0 if nothing
        moves, 2 if elements of the effect move to different sides. All elements of the cause are raised together.
    """

    time: NDArray[np.float64]
    signs: Mapping[tuple[str, str], NDArray[np.int64]]

    def polarity(self, loop: Sequence[str]) -> Polarity:
        """Polarity of a loop: the product of the signs of its links, wherever all of them move.

        Parameters
        ----------
        loop : sequence of str
            Folded names in the order of cause and effect, the first named once.

        Returns
        -------
        {"reinforcing", "balancing", "both", "at rest"}
            ``both``: it changes along the run, or between elements; ``at rest``: at no time do all its links move.
        """
        product = np.ones(len(self.time), np.int64)
        mixed = np.zeros(len(self.time), bool)
        for link in loop_links(tuple(loop)):
            sign = self.signs.get(link, np.zeros(len(self.time), np.int64))
            mixed |= sign == 2
            product *= np.where(sign == 2, 1, sign)
        moving = product != 0
        if not moving.any():
            return "at rest"
        if (mixed & moving).any() or len(set(product[moving].tolist())) > 1:
            return "both"
        return "reinforcing" if product[moving][0] > 0 else "balancing"


def link_signs(model: Model, inputs: Mapping[str, Any] | None = None, *, every: int = 12) -> LinkSigns:
    """Find the sign of every causal link along a run.

    At chosen times all variables are held at the values that the run gives them, one of them is raised by a hundred
    thousandth, and each equation is evaluated once: what changes is the direct effect, as no change passes on.

    Parameters
    ----------
    model : Model
    inputs : mapping, optional
        Constants and initial values, as `flows.simulate` takes them, without further dimensions.
    every : int
        Saved times between the times that are looked at.

    Returns
    -------
    LinkSigns
    """
    shown = _revealed(model)
    kinds = ("stock", "auxiliary", "initial", "constant")
    names = [v.name for v in shown.variables.values() if v.kind in kinds and v.name not in CONTROLS]
    run = simulate(shown, inputs)
    times = run["time"].values[:-1:every]
    values = {n: _over_time(run[shown.variables[n].spelling], len(run["time"])) for n in names}
    graph = causal_graph(model)
    opened = _opened(shown)
    program = kernel.prepare(opened, method="euler")
    base = program.layout.base
    held = [n for n in graph.effects if _HELD + n in base]
    still = [
        n for n in names if n not in graph.effects and _HELD + n in base
    ]  # no link of the graph starts here
    frozen = [n for n in names if opened.variables[n].kind == "constant"]
    columns = {n: np.arange(shown.variables[n].size) for n in (*held, *still, *frozen)}
    index = np.concatenate([base[n if n in frozen else _HELD + n] + c for n, c in columns.items()])
    starts = dict(zip(columns, np.cumsum([0, *(len(c) for c in columns.values())]), strict=False))
    effects = {n: base[n] + np.arange(shown.variables[n].size) for n in graph.effects}
    order = {n: k for k, n in enumerate(effects)}
    slots = np.concatenate(list(effects.values())).astype(np.int64)
    edges = np.cumsum([0, *(len(s) for s in effects.values())])
    size = {n: np.abs(values[_source(n, shown)]).max(axis=0) for n in held}
    signs = {link: np.zeros(len(times), np.int64) for link in graph.links}
    given = np.zeros((len(held) + 1, len(index)))
    for k, time in enumerate(times):
        at = int(np.searchsorted(run["time"].values, time))
        for n in columns:
            given[:, starts[n] : starts[n] + len(columns[n])] = values[_source(n, shown)][at]
        for row, n in enumerate(held, 1):
            block = slice(starts[n], starts[n] + len(columns[n]))
            value = values[_source(n, shown)][at]
            given[row, block] += _STEP * np.where(value != 0, np.abs(value), np.maximum(size[n], _STEP))
        job = kernel.Job(
            values=given,
            index=index,
            tables=np.array(program.layout.table_values)[None, :],
            grid=kernel.Grid.even(float(time), model.control.time_step, 0),
            slots=slots,
            late=np.zeros(len(slots), bool),
        )
        out = kernel.compute(program, job)[:, 0, :]
        with np.errstate(invalid="ignore"):
            moved = out[1:] - out[0]
            moved = np.where(np.abs(moved) > 1e-12 * np.abs(out[0]), moved, 0.0)
        for row, cause in enumerate(held):
            for effect in graph.effects[cause]:
                j = order[effect]
                change = moved[row, edges[j] : edges[j + 1]]
                up, down = bool((change > 0).any()), bool((change < 0).any())
                signs[cause, effect][k] = 2 if up and down else int(up) - int(down)
    return LinkSigns(times, MappingProxyType(signs))


def _over_time(array: xr.DataArray, times: int) -> NDArray[np.float64]:
    """Values as an array, shape (times, elements)."""
    if "time" not in array.dims:
        return np.broadcast_to(array.values.reshape(1, -1), (times, array.size))
    return np.asarray(array.values.reshape(-1, times).T)


def _source(name: str, model: Model) -> str:
    return f"#NOW {name}" if model.variables[name].kind == "history" else name


def _revealed(model: Model) -> Model:
    """The model with hidden variables shown, and with what histories take in as variables."""
    variables: dict[str, Variable] = {}
    for v in model.variables.values():
        shown = v.hidden and v.kind != "history"
        variables[v.name] = replace(v, hidden=False, spelling=v.name) if shown else v
        if v.kind == "history":
            now = f"#NOW {v.name}"
            variables[now] = replace(v, name=now, spelling=now, kind="auxiliary", hidden=False)
    return replace(model, variables=MappingProxyType(variables))


def _opened(model: Model) -> Model:
    """A model of the same equations whose variables read constants in each other's place: no change passes on."""
    moving = {v.name for v in model.variables.values() if v.kind in ("stock", "auxiliary", "history")}
    used: set[str] = set()

    def hold(expr: Expr) -> Expr:
        match expr:
            case Ref() if expr.name in moving and expr.name not in ("time", STEP_START):
                used.add(expr.name)
                return replace(expr, name=_HELD + expr.name)
            case Past() | Previous():
                used.add(expr.name)
                return Ref(_HELD + expr.name, expr.subscripts, expr.span)
        return rebuilt(expr, hold)

    variables: dict[str, Variable] = {}
    for v in model.variables.values():
        if v.name in moving:
            equations = tuple(
                replace(eq, expr=hold(eq.expr) if eq.expr is not None else None, initial=None)
                for eq in v.equations
            )
            variables[v.name] = replace(v, kind="auxiliary", equations=equations)
        elif v.kind == "initial":
            variables[v.name] = _constant(v, v.name)
        else:
            variables[v.name] = v
    for name in used:
        variables[_HELD + name] = _constant(model.variables[name], _HELD + name)
    return replace(model, variables=MappingProxyType(variables))


def _constant(v: Variable, name: str) -> Variable:
    equation = Equation(axes=tuple((None, e) for e in v.elements), values=(0.0,) * v.size)
    return replace(v, name=name, spelling=name, kind="constant", equations=(equation,))


# ------------------------------------------------------------------------------------------------ named loops


@dataclass(frozen=True)
class FoundLoop:
    """A named loop as the model holds it.

    Attributes
    ----------
    named : NamedLoop
    variables : tuple of str
        Names of the variables that it visits, as the file spells them; hidden ones left out.
    path : tuple of str
        Folded names, hidden ones included.
    polarity : Polarity
        Computed from the equations along the base run (a hypothesis: with its switch on).
    """

    named: NamedLoop
    variables: tuple[str, ...]
    path: tuple[str, ...]
    polarity: Polarity


def find_loops(
    model: Model, named: Sequence[NamedLoop], inputs: Mapping[str, Any] | None = None
) -> tuple[FoundLoop, ...]:
    """Find each named loop in a model and compute its polarity.

    Parameters
    ----------
    model : Model
        In which they are looked for.
    named : sequence of NamedLoop
        As `flows.inputs.loops.read_loops` returns them.
    inputs : mapping of str to values, optional
        As for `flows.simulate`: the run at which polarities are computed.

    Returns
    -------
    tuple of FoundLoop
        In the order given.

    Raises
    ------
    InputError
        If a loop names a variable or switch that the model lacks, or no chain of causes runs as it says.
    """
    graph = causal_graph(model)
    hypotheses = [loop.switch for loop in named if loop.switch and _switch(model, loop) == 0]
    signs = link_signs(model, inputs)
    with_hypotheses = signs
    if hypotheses:
        with_hypotheses = link_signs(model, {**(inputs or {}), **dict.fromkeys(hypotheses, 1.0)})
    found = []
    for loop in named:
        path = trace(model, loop, graph)
        used = with_hypotheses if loop.switch in hypotheses else signs
        shown = tuple(model.variables[n].spelling for n in path if not model.variables[n].hidden)
        found.append(FoundLoop(loop, shown, path, used.polarity(path)))
    return tuple(found)


def trace(model: Model, loop: NamedLoop, graph: CausalGraph | None = None) -> tuple[str, ...]:
    """Folded names of the variables around a named loop, hidden ones included.

    Parameters
    ----------
    model : Model
        In which it runs.
    loop : NamedLoop
        The loop.
    graph : CausalGraph, optional
        Of the model; made anew by default.

    Returns
    -------
    tuple of str
        From cause to effect.

    Raises
    ------
    InputError
        If it names a variable that the model lacks, or no chain of causes runs as it says.
    """
    names = [model.variable(name, where=loop.where).name for name in loop.through]
    try:
        return loop_through(graph or causal_graph(model), names)
    except ModelError as error:
        raise InputError(error.what, where=loop.where, found=error.where, remedy=error.remedy) from None


def _switch(model: Model, loop: NamedLoop) -> float:
    variable = model.variable(loop.switch, where=f'{loop.where}, key "switch"')
    if variable.kind != "constant" or variable.ranges:
        raise InputError(
            f'"{variable.spelling}" is no switch', where=loop.where, expected="a constant without subscripts"
        )
    return variable.equations[0].values[0]


def effects_of_cutting(
    model: Model,
    named: Sequence[NamedLoop],
    outcomes: Sequence[Outcome],
    *,
    months: Sequence[str],
    inputs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Run the model once with each loop's switch turned, and compare outcomes with the run as it is.

    Parameters
    ----------
    model : Model
    named : sequence of NamedLoop
        Those without a switch are left out.
    outcomes : sequence of Outcome
    months : sequence of str
        ``YYYY-MM``; rates are read as the mean over the twelve months that end there, stocks at the month's end.
    inputs : mapping, optional
        As `flows.simulate` takes them, without further dimensions.

    Returns
    -------
    xarray.DataArray
        Dimensions ``loop`` (ids), ``outcome`` (names), ``month``: relative change against the uncut run; NaN where that
        is zero.
    """
    cut = [loop for loop in named if loop.switch]
    ids = [loop.id for loop in cut]
    coords = {"loop": ids, "outcome": [o.name for o in outcomes], "month": list(months)}
    if not cut:
        return xr.DataArray(np.zeros((0, len(outcomes), len(months))), dims=list(coords), coords=coords)
    runs = ["", *ids]
    turned: dict[str, Any] = dict(inputs or {})
    for switch in dict.fromkeys(loop.switch for loop in cut):
        usual = _switch(model, next(loop for loop in cut if loop.switch == switch))
        values = [usual, *(1.0 - usual if loop.switch == switch else usual for loop in cut)]
        turned[switch] = xr.DataArray(values, dims=["scenario"], coords={"scenario": runs})
    variables = tuple(dict.fromkeys(v for outcome in outcomes for v in outcome.variables))
    run = simulate(model, turned, outcomes=variables, save_every=1.0, until=max(months))
    blocks = []
    for outcome in outcomes:
        values = outcome.values(run).transpose("scenario", "time")
        at = []
        for month in months:
            end = calendar.time_at_end(month)
            chosen = values.sel(time=slice(end - 12, end)) if outcome.is_rate else values.sel(time=[end])
            at.append(chosen.mean("time").values)
        blocks.append(np.stack(at, axis=-1))
    table = np.stack(blocks, axis=1)  # scenario, outcome, month
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(table[:1] != 0, table[1:] / table[:1] - 1, np.nan)
    return xr.DataArray(change, dims=list(coords), coords=coords)


__all__ = [
    "FoundLoop",
    "LinkSigns",
    "Polarity",
    "effects_of_cutting",
    "find_loops",
    "link_signs",
    "trace",
]
