"""The times of the runs: TIME STEP, the times that are saved, the last one."""

from __future__ import annotations

from flows import calendar
from flows.engine.clock import Clock, clock, with_controls
from flows.ensemble.inputs import Resolved
from flows.ensemble.tables import with_tables
from flows.errors import InputError, UnsupportedError
from flows.model.model import CONTROLS, Control, Model
from flows.model.order import causes


def clock_of(job: Resolved, save_every: float | None, until: float | str | None) -> Clock:
    """The times of the runs; control variables that this call sets are added to the job's."""
    model, given = job.model, job.controls
    varying = {c.table for c in job.curves if bool((c.y != c.y[0]).any())}
    if (
        "time step" in given
        and "saveper" not in given
        and model.control.saveper == model.control.time_step
        and "saveper" in model.variables
        and model.variables["saveper"].kind == "constant"
    ):
        given["saveper"] = given["time step"]
    if save_every is not None:
        given["saveper"] = _number("save_every", save_every, "a model time as a number")
    changed = with_controls(with_tables(job), given)
    if varying and varying & causes(changed.variables, CONTROLS):
        raise UnsupportedError(
            "a lookup that the times of the run depend on differs between runs",
            where="inputs",
            remedy="Make a call for each of its curves",
        )
    found = clock(changed, given, job.constants, runs=job.runs, last=save_every is None)
    if until is not None:
        given["final time"] = _last(model, found.control, until)
        changed = with_controls(with_tables(job), given)
        found = clock(changed, given, job.constants, runs=job.runs, last=save_every is None)
    if save_every is not None and not found.varies:
        ratio = found.control.saveper / found.control.time_step
        fits = round(ratio) >= 1 and abs(ratio - round(ratio)) <= 1e-6 * ratio
        if not fits and "time step" in given:
            raise InputError(
                "the time step doesn't go into the interval of the values that are saved",
                where="TIME STEP",
                found=f"{found.control.time_step:g}",
                expected=f"{found.control.saveper:g} or a whole part of it, such as {found.control.saveper / 8:g}",
            )
        if not fits:
            raise InputError(
                "values can be saved at whole time steps only",
                where="save_every",
                found=f"{found.control.saveper:g}",
                expected=f"a multiple of TIME STEP = {found.control.time_step:g}",
            )
    return found


def _number(argument: str, value: object, expected: str) -> float:
    try:
        if not isinstance(value, str | bool):
            return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    raise InputError(f"{argument} is no number", found=repr(value), expected=expected)


def _last(model: Model, control: Control, until: float | str) -> float:
    """The last time of a run that `until` asks for."""
    if isinstance(until, str) and not model.dated:
        raise InputError(
            "a month says nothing in a model whose time has no dates"
            if model.in_months
            else "a month says nothing in a model whose time isn't in months",
            where="until",
            found=f'"{until}"',
            expected="a model time as a number",
            remedy="Or write into a comment of the model that time 0 = 1 January 2013"
            if model.in_months
            else "",
        )
    if isinstance(until, str):
        final = calendar.time_at_end(until)
    else:
        final = _number("until", until, 'a model time as a number, or a month such as "2030-12"')
    end = calendar.month_of(control.final_time - 1) if model.dated else ""
    found, remedy = until if isinstance(until, str) else f"{final:g}", ""
    if not isinstance(until, str) and model.dated:
        found = f"the model time {final:g}"
        remedy = (
            f'A number is a model time (the last: {control.final_time:g}); write a month as text: "{end}"'
        )
    if not control.initial_time < final:
        raise InputError(
            "a time before the start of the run",
            where="until",
            found=found,
            expected=f"after {calendar.label(control.initial_time)}"
            if isinstance(until, str)
            else f"above {control.initial_time:g}",
            remedy=remedy,
        )
    if final > control.final_time:
        raise InputError(
            "a time beyond the model's FINAL TIME",
            where="until",
            found=found,
            expected=f"at most {end}" if isinstance(until, str) else f"at most {control.final_time:g}",
            remedy=remedy,
        )
    return final
