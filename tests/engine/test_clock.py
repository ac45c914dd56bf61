"""The times of a run, from control variables that are numbers, equations of constants, or change with time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import xarray as xr

from flows import simulate
from flows.ensemble import EngineNotice
from flows.errors import InputError, ModelError, UnsupportedError
from flows.model.model import Model
from flows.vensim.lower import lower
from flows.vensim.parse import parse

Plain = Literal["compiled", "python"]
ENGINES: tuple[Plain, ...] = ("compiled", "python")
Build = Callable[..., Model]


def controlled(
    text: str, *, start: str = "0", final: str = "4", step: str = "1", saveper: str | None = "TIME STEP"
) -> Model:
    """A model whose control variables have the equations given."""
    lines = [f"INITIAL TIME = {start}", f"FINAL TIME = {final}", f"TIME STEP = {step}"]
    lines += [f"SAVEPER = {saveper}"] if saveper else []
    return lower(parse(text + "".join(f"{line} ~ Month ~ |\n" for line in lines), "m.mdl"))


LINE = "x = INTEG(1, 0) ~~|\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_control_variables_follow_from_constants(engine: Plain) -> None:
    model = controlled(
        LINE + "years = 2 ~~|\nper = 4 ~~|\nend = MAX(years * 2, 3) ~~|\n",
        start="years - 1",
        final="INITIAL TIME + end",
        step="1 / per",
        saveper="TIME STEP * 2",
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_array_equal(ds["time"], np.arange(1, 5.5, 0.5))
    np.testing.assert_array_equal(ds["x"], np.arange(0, 4.5, 0.5))
    given = {"years": 3, "per": xr.DataArray([2.0, 2.0], dims="draw")}
    ds = simulate(model, given, engine=engine)
    assert ds["time"].values.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert ds["FINAL TIME"].values[0, 0] == 8
    assert simulate(model, given, engine=engine, until=4)["time"].values.tolist() == [2, 3, 4]


def test_equations_see_the_controls_that_a_call_sets() -> None:
    model = controlled(
        "x = INTEG(1, 0) ~~|\ny = TIME STEP * 10 + FINAL TIME + SAVEPER * 100 ~~|\nn = 4 ~~|\n",
        final="n + 0",
        step="2 / n",
    )
    assert simulate(model)["y"].values[0] == 59
    ds = simulate(model, {"TIME STEP": 1, "FINAL TIME": 2})
    assert ds["time"].values.tolist() == [0, 1, 2]
    assert ds["y"].values[0] == 112
    assert ds["TIME STEP"].values[0] == 1
    assert simulate(model, save_every=2, until=2)["y"].values[0] == 207


def test_the_runs_of_a_call_have_the_same_times() -> None:
    model = controlled(LINE + "n = 4 ~~|\n", final="n + 0")
    with pytest.raises(
        InputError, match="must have the same times, and FINAL TIME or SAVEPER differs between them"
    ):
        simulate(model, {"n": xr.DataArray([4.0, 5.0], dims="draw")})


CHANGING: dict[str, Any] = {
    "start": "IF THEN ELSE(Time < 3, 0, 0.2)",
    "final": "IF THEN ELSE(Time < 5, 10, 50)",
    "step": "IF THEN ELSE(Time < 4, 1, 0.5)",
    "saveper": "IF THEN ELSE(Time < 10, TIME STEP, 5)",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_control_variables_that_change_are_followed(engine: Plain) -> None:
    """As Vensim's own output beside `control_vars` of SDXorg/test-models has it."""
    model = controlled(LINE + "y = TIME STEP ~~|\n", **CHANGING)
    assert np.isnan(model.control.final_time)
    ds = simulate(model, engine=engine)
    times = [*range(4), *np.arange(4, 10.5, 0.5), *range(15, 55, 5)]
    assert ds["time"].values.tolist() == times
    np.testing.assert_allclose(ds["x"], times)
    assert ds["y"].values[:6].tolist() == [1, 1, 1, 1, 0.5, 0.5]
    assert ds["INITIAL TIME"].values[3] == 0.2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_ends_when_final_time_is_reached(engine: Plain) -> None:
    """As Vensim's own output beside `dynamic_final_time` of SDXorg/test-models has it."""
    ds = simulate(
        controlled("c = Time * 2 - 5 ~~|\nlongest = 100 ~~|\n", final="IF THEN ELSE(c > 50, Time, longest)"),
        engine=engine,
    )
    assert ds["time"].values.tolist() == list(range(29))
    assert ds["FINAL TIME"].values[-2:].tolist() == [100, 28]


def test_steps_that_change_under_runge_kutta() -> None:
    ds = simulate(controlled("x = INTEG(-x, 1) ~~|\n", **CHANGING), method="rk4")
    np.testing.assert_allclose(ds["x"], np.exp(-ds["time"]), atol=8e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_saved_when_saveper_is_no_multiple(engine: Plain) -> None:
    assert simulate(controlled(LINE, saveper="1.5"), engine=engine)["time"].values.tolist() == [0, 2, 3, 4]
    assert simulate(controlled(LINE, saveper="3"), engine=engine)["time"].values.tolist() == [0, 3, 4]
    assert simulate(controlled(LINE, saveper="0.5"), engine=engine)["time"].values.tolist() == [0, 1, 2, 3, 4]
    assert simulate(controlled(LINE, saveper=None), engine=engine)["x"].values.tolist() == [0, 1, 2, 3, 4]
    thirds = simulate(controlled(LINE, step="0.1", saveper="0.3"), engine=engine)["time"]
    np.testing.assert_allclose(thirds, [*np.arange(14) * 0.3, 4])


def test_control_variables_from_stocks_are_left_to_pysd() -> None:
    model = controlled("x = INTEG(1, 0.5) ~~|\n", final="IF THEN ELSE(x > 2, Time, 9)")
    reason = (
        "FINAL TIME depends on x, which a run must give first: such a control variable isn't supported yet"
    )
    with pytest.raises(UnsupportedError, match=reason):
        simulate(model, engine="compiled")
    with pytest.warns(EngineNotice, match=reason):
        ds = simulate(model)
    assert ds["x"].values.tolist() == [0.5, 1.5, 2.5]
    assert ds["time"].values.tolist() == [0, 1, 2]
    assert simulate(model, {"FINAL TIME": 3})["time"].values.tolist() == [0, 1, 2, 3]


def test_pysd_returns_times_of_its_own() -> None:
    ds = simulate(controlled(LINE, **CHANGING), engine="pysd")
    assert ds["time"].values.tolist() == [*range(4), *np.arange(4, 10.5, 0.5), *range(15, 55, 5)]
    np.testing.assert_allclose(ds["x"], ds["time"])


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (
            {"final": "1e18"},
            "the run has too many time steps, found 1e+18, expected fewer than 50,000,000. Choose",
        ),
        ({"final": "IF THEN ELSE(Time < 1, 3, 1e18)", "step": "IF THEN ELSE(Time < 1, 1, 1e-300)"}, None),
        ({"step": "MAX(n, 0)"}, "TIME STEP must be above zero, found 0, expected a step"),
        ({"saveper": "-n - 1"}, "SAVEPER must be above zero, found -1, expected TIME STEP"),
        ({"final": "MIN(n, 5) - 1"}, "FINAL TIME lies before INITIAL TIME, found -1, expected 0 at least."),
        ({"final": "1 / n"}, "FINAL TIME must be a finite number, found "),
        ({"step": "2 - Time"}, "m.mdl:5: TIME STEP must be above zero, found 0 at time 2."),
    ],
)
def test_impossible_times_are_named(controls: dict[str, str], message: str | None, monkeypatch: Any) -> None:
    model = controlled(LINE + "n = 0 ~~|\n", **controls)
    if message is None:
        monkeypatch.setattr("flows.engine.clock.MOST_STEPS", 1000)
        message = "the run has too many time steps, found 1e+03, expected fewer than 1,000"
    with pytest.raises((InputError, ModelError)) as caught:
        simulate(model)
    assert str(caught.value).startswith(message)


def test_a_given_final_time_out_of_reach_is_named(build: Build) -> None:
    with pytest.raises(InputError, match=r"the run has too many time steps, found 1e\+18"):
        simulate(build(LINE), {"FINAL TIME": 1e18})
