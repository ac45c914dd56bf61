"""Integration methods against exact solutions, in both printings of the engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from flows import simulate
from flows.engine.layout import METHODS
from flows.ensemble import NonFiniteWarning, ToleranceWarning
from flows.errors import InputError, UnsupportedError
from flows.model.model import Model

Build = Callable[..., Model]
Plain = Literal["compiled", "python"]
ENGINES: tuple[Plain, ...] = ("compiled", "python")

SPRING = "x = INTEG(v, 1) ~~|\nv = INTEG(-x, 0) ~~|\nspeed = v * 2 ~~|\n"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk2", 2), ("rk4", 4)])
def test_order_of_convergence(build: Build, engine: Plain, method: str, order: int) -> None:
    errors = []
    for step in (0.125, 0.0625, 0.03125):
        ds = simulate(build(SPRING, final=4, step=step, saveper=1), method=method, engine=engine)
        errors.append(float(np.abs(ds["x"] - np.cos(ds["time"])).max()))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, order, atol=0.15)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_second_order_method_goes_by_the_middle(build: Build, engine: Plain) -> None:
    # x' = t x: half a step by Euler's method, and with the slope found there the whole step
    ds = simulate(build("x = INTEG(x * Time, 1) ~~|\n", final=2), method="rk2", engine=engine)
    first = 1 + (1 + 0.5 * 0) * 0.5
    middle = first + 0.5 * first * 1
    np.testing.assert_allclose(ds["x"], [1, first, first + middle * 1.5], rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_difference_equations_save_what_led_to_the_stocks(build: Build, engine: Plain) -> None:
    text = (
        "x = INTEG(flow, start) ~~|\nflow = x * rate ~~|\nstart = INITIAL(size * 2) ~~|\nsize = k + 0 * Time ~~|\n"
        "k = 2 ~~|\nrate = 1 ~~|\nstatic = k * 3 ~~|\n"
    )
    model = build(text, final=3, settings=":L\x7f<%^E!@\n15:0,0,0,2,0,0\n")
    assert model.method == "difference"
    ds = simulate(model, engine=engine)
    euler = simulate(model, engine=engine, method="euler")
    xr.testing.assert_equal(ds["x"], euler["x"])
    assert ds["x"].values.tolist() == [4, 8, 16, 32]
    # nothing was worked out before the first time except what initial values need
    np.testing.assert_array_equal(ds["flow"], [np.nan, 4, 8, 16])
    assert ds["size"].values.tolist() == [2, 2, 2, 2]
    assert ds["static"].values.tolist() == [6, 6, 6, 6]
    sparse = simulate(model, engine=engine, save_every=3)
    np.testing.assert_array_equal(sparse["flow"], [np.nan, 16])


def test_data_are_not_late_in_difference_equations(build: Build) -> None:
    text = "k = 1 ~~|\nx = INTEG(k, 0) ~~|\ny = x * k ~~|\nz = y + k ~~|\n"
    ds = simulate(build(text, final=2), method="difference", outcomes=["z", "x", "k", "y"])
    assert list(ds.data_vars) == ["z", "x", "k", "y"]
    np.testing.assert_array_equal(ds["y"], [np.nan, 0, 1])
    np.testing.assert_array_equal(ds["z"], [np.nan, 1, 2])
    assert ds["x"].values.tolist() == [0, 1, 2]


STIFF = """
    x = INTEG(-k * (x - COS(Time)), 0) ~~|
    k = 50 ~~|
    p = INTEG(p * (1 - q), 1.5) ~~|
    q = INTEG(q * (p - 1), 0.5) ~~|
    y = x * 2 ~~|
    """


def exact(time: NDArray[np.float64], k: float) -> NDArray[np.float64]:
    """x' = -k (x - cos t), x(0) = 0."""
    return np.asarray(k * (k * np.cos(time) + np.sin(time) - k * np.exp(-k * time)) / (1 + k * k))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", ["rk2 auto", "rk4 auto"])
def test_an_automatic_step_is_as_short_as_it_must_be(build: Build, engine: Plain, method: str) -> None:
    model = build(STIFF, final=4, step=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        fixed = simulate(model, method=method.removesuffix(" auto"), engine=engine)
    ds = simulate(model, method=method, engine=engine)
    expected = exact(ds["time"].values, 50)
    assert float(np.abs(fixed["x"] - expected).max()) > 1e3  # the fixed step is far too long
    np.testing.assert_allclose(ds["x"], expected, atol=1e-3)
    np.testing.assert_array_equal(ds["y"], 2 * ds["x"])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_models_own_tolerances_count(build: Build, engine: Plain) -> None:
    errors = []
    for tolerance in ("0.1", "0.001", "base / 10"):
        text = (
            STIFF + f"base = 0.00001 ~~|\nABSOLUTE TOLERANCE = {tolerance} ~~|\nRELATIVE TOLERANCE = 0 ~~|\n"
        )
        ds = simulate(build(text, final=4, step=0.5), method="rk4 auto", engine=engine, outcomes=["x"])
        errors.append(float(np.abs(ds["x"] - exact(ds["time"].values, 50)).max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-5
    relative = "ABSOLUTE TOLERANCE = 0 ~~|\nRELATIVE TOLERANCE = limit ~~|\nlimit = 0.1 ~~|\n"
    model = build("x = INTEG(-x * 3, 1) ~~|\n" + relative, final=4, step=1)
    limits = xr.DataArray([1e-1, 1e-3, 1e-7], dims="limit")
    by_run = np.abs(simulate(model, {"limit": limits}, method="rk4 auto", engine=engine)["x"] - np.exp(-12))
    assert by_run[0, -1] > by_run[1, -1] > by_run[2, -1]


def test_each_run_has_a_step_of_its_own(build: Build) -> None:
    """What a run gives doesn't depend on those beside it, nor on the printing."""
    model = build(STIFF, final=4, step=0.5)
    k = xr.DataArray([0.1, 5.0, 50.0, 2000.0, 0.0, 300.0, 1.0, 20.0, 77.0, 3.0, 50.0], dims="draw")
    many = simulate(model, {"k": k}, method="rk4 auto")
    xr.testing.assert_identical(many, simulate(model, {"k": k}, method="rk4 auto", threads=2))
    for draw in (0, 2, 3, 8, 10):
        one = simulate(model, {"k": float(k[draw])}, method="rk4 auto")
        np.testing.assert_array_equal(many["x"][draw], one["x"])
        np.testing.assert_array_equal(many["p"][draw], one["p"])
    plain = simulate(model, {"k": k}, method="rk4 auto", engine="python")
    np.testing.assert_array_equal(many["p"], plain["p"])
    np.testing.assert_allclose(many["x"], plain["x"], rtol=0, atol=1e-13)


@pytest.mark.unmeasured
@pytest.mark.parametrize("engine", ENGINES)
def test_tolerances_that_cannot_be_kept_are_named(build: Build, engine: Plain) -> None:
    text = "x = INTEG(IF THEN ELSE(x > 0.3, -s, s), 0) ~~|\ns = 1e6 ~~|\n"
    model = build(text, final=0.25, step=0.125)
    speed = xr.DataArray([0.001, 1e7], dims="draw")
    with pytest.warns(ToleranceWarning, match=r"at time 0 in run 1 \(1 of 2 runs concerned\)"):
        simulate(model, {"s": speed}, method="rk2 auto", engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_goes_to_infinity_ends(build: Build, engine: Plain) -> None:
    model = build("x = INTEG(x * x, 1) ~~|\n", final=3, step=0.5)
    with pytest.warns((NonFiniteWarning, ToleranceWarning)):
        ds = simulate(model, method="rk4 auto", engine=engine)
    np.testing.assert_allclose(ds["x"][:2], [1, 2], rtol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", ["rk2", "rk4", "rk2 auto", "rk4 auto"])
def test_what_comes_from_outside_is_held_over_a_time_step(build: Build, engine: Plain, method: str) -> None:
    model = build(
        "held = INTEG(RAMP(1, 0, 10) + PULSE(1, 1) + STEP(1, 1.7), 0) ~~|\nmoving = INTEG(Time, 0) ~~|\n"
        "old = DELAY FIXED(moving, 2, -1) ~~|\nlate = INTEG(old, 0) ~~|\n",
        final=4,
    )
    ds = simulate(model, engine=engine, method=method)
    np.testing.assert_allclose(ds["held"], [0, 0, 2, 5, 9])  # as Euler's method has it
    np.testing.assert_allclose(ds["moving"], [0, 0.5, 2, 4.5, 8])
    np.testing.assert_allclose(ds["old"], [-1, -1, 0, 0.5, 2])
    np.testing.assert_allclose(ds["late"], [0, -1, -2, -2, -1.5])


@pytest.mark.parametrize("method", ["rk2", "rk4 auto"])
def test_what_keeps_its_last_value_is_refused_under_runge_kutta(build: Build, method: str) -> None:
    model = build("x = INTEG(1, 0) ~~|\ny = SAMPLE IF TRUE(x > 2, x, 0) ~~|\n")
    with pytest.raises(
        UnsupportedError, match=f"SAMPLE IF TRUE in y isn't supported under {method}, and PySD can't"
    ):
        simulate(model, method=method)
    assert simulate(model, method="difference")["x"].values.tolist() == [0, 1, 2, 3, 4]


def test_an_unknown_method_is_refused(build: Build) -> None:
    with pytest.raises(InputError, match="method is unknown, found 'heun', expected one of \"euler\", "):
        simulate(build("x = INTEG(1, 0) ~~|\n"), method="heun", engine="compiled")


@pytest.mark.parametrize("method", list(METHODS))
def test_both_printings_are_equal(build: Build, assert_equal: Any, method: str) -> None:
    text = """
        R : p, q ~~|
        s[R] = INTEG(MIN(k * R, 20) - s[R] * 0.75 + late / 10, R * 10) ~~|
        late = DELAY3(SUM(s[R!]), 2.5) + SMOOTHI(STEP(3, 1) * s[p], 2, 0.5) ~~|
        old[R] = DELAY FIXED(s[R] + late, 1.25, 7) ~~|
        swing = SIN(Time) * s[q] ~~|
        k = 3 ~~|
        """
    model = build(text, final=6, step=0.25, saveper=0.5)
    inputs = {"k": xr.DataArray([1.0, 3.0, 5.0, -2.0, 8.0, 90.0, 1e-9, 0.0, 4.0], dims="draw")}
    both = [simulate(model, inputs, method=method, engine=e) for e in ENGINES]
    if method == "difference":
        both = [ds.isel(time=slice(1, None)) for ds in both]
    assert_equal(both[0], both[1], 1e-12)
