"""The times of a run: what INITIAL TIME, FINAL TIME, TIME STEP and SAVEPER say, as numbers or as equations.

Equations of constants count with the constants' values in this run; equations of time are followed from step to step.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from flows.engine import kernel
from flows.engine.kernel import Grid
from flows.errors import InputError, ModelError, UnsupportedError
from flows.model.ir import Equation, Variable
from flows.model.model import CONTROLS, Control, Model
from flows.model.order import causes, keeps_its_last_value, static_variables

MOST_STEPS = 50_000_000
Overrides = Sequence[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]]
"""Variables with the flat positions and values (by run) that replace those of the file."""


@dataclass(frozen=True)
class Clock:
    """The times of a run.

    Attributes
    ----------
    control : Control
        The control variables at the start.
    grid : flows.engine.kernel.Grid
    varies : bool
        True if they change during the run.
    """

    control: Control
    grid: Grid
    varies: bool = False


def clock(
    model: Model, given: Mapping[str, float], constants: Overrides = (), *, runs: int = 1, last: bool = True
) -> Clock:
    """Work out the times of a run.

    Parameters
    ----------
    model : Model
        As `with_controls` returns it.
    given : mapping of str to float
        Values of control variables that replace those of the file, by folded name.
    constants : sequence of (Variable, positions, values)
        Values of constants that replace those of the file.
    runs : int
        Number of rows of the values.
    last : bool
        Save the last time even if it is no multiple of SAVEPER from the start, as Vensim does.

    Raises
    ------
    InputError
        If runs differ in their times, or if these make no sense.
    ModelError
        If a control variable gets an impossible value during the run.
    UnsupportedError
        If a control variable depends on what only a run of the whole model gives.
    """
    values = {name: given.get(name, np.nan) for name in CONTROLS}
    open_names = []
    for name in CONTROLS:
        if name in given or name not in model.variables:
            continue
        variable = model.variables[name]
        if variable.kind == "constant":
            values[name] = variable.equations[0].values[0]
        else:
            open_names.append(name)
    if not open_names:
        if "saveper" not in given and "saveper" not in model.variables:
            values["saveper"] = values["time step"]
        control = _control(values)
        return Clock(control, even(control, last=last))
    needed = causes(model.variables, CONTROLS)
    _refuse(model, needed, open_names)
    small = _clockwork(model, needed)
    rows = np.zeros((runs, 0))
    program = kernel.prepare(small, method="euler", wanted=frozenset(CONTROLS) & frozenset(small.variables))
    base = program.layout.base
    index: list[int] = []
    for variable, flat, own in constants:
        if variable.name in small.variables:
            index.extend(base[variable.name] + flat)
            rows = np.concatenate([rows, own], axis=1)
    for name, value in given.items():
        if name in base:
            index.append(base[name])
            rows = np.concatenate([rows, np.full((runs, 1), value)], axis=1)
    changing = not frozenset(open_names) <= static_variables(program.model.variables)
    found = [_run(program, index, row, given, changing, last) for row in np.unique(rows, axis=0)]
    if any(not np.array_equal(f.grid.times, found[0].grid.times) for f in found[1:]) or any(
        not np.array_equal(f.grid.rows, found[0].grid.rows) for f in found[1:]
    ):
        names = " or ".join(model.variables[n].spelling for n in open_names)
        raise InputError(
            f"the runs of one call must have the same times, and {names} differs between them",
            where="inputs",
            remedy="Call simulate once for each",
        )
    return found[0]


def even(control: Control, *, last: bool = True) -> Grid:
    """Equal steps from INITIAL TIME to FINAL TIME.

    Saved are the first time, each at which or before which another multiple of SAVEPER has passed, and, with `last`,
    the last.
    """
    start, step = control.initial_time, control.time_step
    count = (control.final_time - start) / step
    if not count < MOST_STEPS:
        raise _too_many(count)
    n = np.arange(round(count) + 1, dtype=np.float64)
    passed = np.floor((n * step + 1e-6 * step) / control.saveper)
    saved = np.diff(passed, prepend=-1.0) > 0
    saved[-1] |= last
    return Grid.of(start + n * step, np.full(len(n), step), saved)


def with_controls(model: Model, given: Mapping[str, float]) -> Model:
    """The model with constants in the place of control variables whose equations are replaced."""
    names = frozenset(n for n in given if n in model.variables and model.variables[n].kind != "constant")
    if not names:
        return model
    known = _replaced.setdefault(model, {})
    if names not in known:
        variables = dict(model.variables)
        for name in names:
            equation = Equation((), values=(np.nan,), span=variables[name].span)
            variables[name] = replace(variables[name], kind="constant", equations=(equation,))
        known[names] = replace(model, variables=MappingProxyType(variables))
    return known[names]


_replaced: weakref.WeakKeyDictionary[Model, dict[frozenset[str], Model]] = weakref.WeakKeyDictionary()
_clockworks: weakref.WeakKeyDictionary[Model, Model] = weakref.WeakKeyDictionary()


def _clockwork(model: Model, needed: set[str]) -> Model:
    """What the control variables depend on, as a model of its own."""
    if model not in _clockworks:
        kept = {name: v for name, v in model.variables.items() if name in needed}
        _clockworks[model] = replace(model, variables=MappingProxyType(kept))
    return _clockworks[model]


def _refuse(model: Model, needed: set[str], open_names: list[str]) -> None:
    for name in sorted(needed):
        variable = model.variables[name]
        if variable.kind in ("stock", "history") or keeps_its_last_value(variable):
            control = next(n for n in open_names if name in causes(model.variables, [n]))
            raise UnsupportedError(
                f"{model.variables[control].spelling} depends on {variable.spelling}, which a run must give first: "
                "such a control variable isn't supported yet",
                where=model.where(model.variables[control]),
                expected="constants, data and Time",
            )


def _control(values: Mapping[str, float]) -> Control:
    """Check the control variables at the start of a run."""
    control = Control(*(float(values[name]) for name in CONTROLS))
    for name, value in zip(CONTROLS, values.values(), strict=True):
        if not np.isfinite(value):
            raise InputError(
                f"{name.upper()} must be a finite number", found=f"{value:g}",
                remedy="Set it, or mend its equation in the model file",
            )  # fmt: skip
    if not control.time_step > 0:
        raise InputError(
            "TIME STEP must be above zero", found=f"{control.time_step:g}", expected="a step such as 0.125"
        )
    if not control.saveper > 0:
        raise InputError(
            "SAVEPER must be above zero",
            found=f"{control.saveper:g}",
            expected="TIME STEP or a multiple of it",
        )
    if control.final_time < control.initial_time:
        raise InputError(
            "FINAL TIME lies before INITIAL TIME",
            found=f"{control.final_time:g}",
            expected=f"{control.initial_time:g} at least",
        )
    return control


def _too_many(count: float) -> InputError:
    return InputError(
        "the run has too many time steps",
        found=f"{count:.3g}",
        expected=f"fewer than {MOST_STEPS:,}",
        remedy="Choose an earlier FINAL TIME or a longer TIME STEP",
    )


def _run(
    program: kernel.Program,
    index: list[int],
    row: NDArray[np.float64],
    given: Mapping[str, float],
    changing: bool,
    last: bool,
) -> Clock:
    """Follow the control variables through one run."""
    at = kernel.stepper(program, dict(zip(index, row.tolist(), strict=True)))
    base = program.layout.base

    def values(n: int, t: float, dt: float, *, first: bool = False) -> dict[str, float]:
        w = at(n, t, dt, first)
        result = {name: w[base[name]] if name in base else given.get(name, np.nan) for name in CONTROLS}
        if "saveper" not in given and "saveper" not in base:
            result["saveper"] = result["time step"]
        return result

    start = values(0, 0.0, 0.0, first=True)["initial time"]  # as if it were time 0
    step = values(0, start, 0.0, first=True)["time step"]
    now = values(0, start, step, first=True)
    now["initial time"] = start
    control = _control(now)
    if not changing:
        return Clock(control, even(control, last=last))
    times: list[float] = []
    steps: list[float] = []
    saved: list[bool] = []
    t, origin, count, target = start, start, 0, start
    while True:
        step, final, every = now["time step"], now["final time"], now["saveper"]
        for name in ("time step", "saveper"):
            if not now[name] > 0:
                where = program.model.where(program.model.variables[name])
                raise ModelError(
                    f"{name.upper()} must be above zero",
                    where=where,
                    found=f"{now[name]:g} at time {t:g}",
                    remedy="Bound its equation from below with MAX",
                )
        reached = t + 1e-6 * step
        due = reached >= target
        if due:  # the next time to save follows from SAVEPER as it is now
            target += every * (np.floor((reached - target) / every) + 1.0)
        times.append(t)
        steps.append(step)
        saved.append(bool(due))
        if not t + 0.5 * step < final:
            break
        if len(times) >= MOST_STEPS:
            raise _too_many(len(times))
        if len(steps) > 1 and step != steps[-2]:
            origin, count = t, 0
        count += 1
        t = origin + count * step
        now = values(len(times), t, step)
    saved[-1] |= last
    return Clock(control, Grid.of(np.array(times), np.array(steps), np.array(saved)), varies=True)
