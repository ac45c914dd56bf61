"""Functions with memory against what can be worked out by hand (Euler's method, step h)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from flows import simulate
from flows.model.model import Model

Build = Callable[..., Model]


def run(build: Build, text: str, name: str = "y", *, final: float = 8, step: float = 0.5) -> np.ndarray:
    return simulate(build(text, final=final, step=step), outcomes=[name])[name].values


def test_a_smooth_of_a_constant_stays_there(build: Build) -> None:
    for function in ("SMOOTH(7, 3)", "SMOOTH3(7, 3)", "DELAY1(7, 3)", "DELAY3(7, 3)"):
        np.testing.assert_allclose(run(build, f"y = {function} ~~|"), 7, rtol=1e-14)


def test_the_first_step_of_a_smooth(build: Build) -> None:
    # y(h) = y(0) + h (x - y(0)) / T; PySD cuts the integer initial value here
    y = run(build, "y = SMOOTHI(0.7, 2, 0) ~~|")
    np.testing.assert_allclose(y[:3], [0, 0.175, 0.175 + 0.25 * (0.7 - 0.175)], rtol=1e-14)


def test_smooth_is_the_exponential_of_eulers_method(build: Build) -> None:
    n = np.arange(17)
    np.testing.assert_allclose(
        run(build, "y = SMOOTHI(10, 4, 2) ~~|"), 10 - 8 * (1 - 0.5 / 4) ** n, rtol=1e-13
    )
    np.testing.assert_allclose(
        run(build, "y = DELAY1I(10, 4, 2) ~~|"), 10 - 8 * (1 - 0.5 / 4) ** n, rtol=1e-13
    )


@pytest.mark.parametrize("function", ["SMOOTH3I(10, 6, 0)", "DELAY3I(10, 6, 0)"])
def test_third_order_is_three_stages_of_a_third(build: Build, function: str) -> None:
    stages = np.zeros(3)
    expected = []
    for _ in range(17):
        expected.append(stages[2])
        stages = stages + 0.5 * (np.array([10, *stages[:2]]) - stages) / 2
    np.testing.assert_allclose(run(build, f"y = {function} ~~|"), expected, rtol=1e-12)


@pytest.mark.parametrize("function", ["DELAY1", "DELAY3"])
def test_a_material_delay_conserves_what_flows(build: Build, function: str) -> None:
    """Inflow = outflow + change of content while the delay time changes: a stock of the difference ends at 0."""
    text = f"""
        x = PULSE(1, 2) * 12 ~~|
        T = 2 + STEP(3, 4) ~~|
        y = {function}(x, T) ~~|
        inside = INTEG(x - y, 0) ~~|
        """
    model = build(text, final=120, step=0.25)
    ds = simulate(model, outcomes=["inside", "x", "y"])
    assert ds["inside"].values.min() >= -1e-12
    assert abs(ds["inside"].values[-1]) < 1e-6
    assert ds["y"].values[:-1].sum() == pytest.approx(ds["x"].values[:-1].sum(), rel=1e-6)


@pytest.mark.parametrize("function", ["SMOOTH", "SMOOTH3"])
def test_a_smooth_starts_at_its_input(build: Build, function: str) -> None:
    assert run(build, f"x = 3 + Time ~~|\ny = {function}(x, 5) ~~|")[0] == 3


def test_delays_of_a_subscripted_input_are_delays_of_each_element(build: Build) -> None:
    text = "R : p, q ~~|\nT[R] = 2, 4 ~~|\nx[R] = 10 ~~|\ny[R] = SMOOTHI(x[R], T[R], R) ~~|"
    y = run(build, text)
    n = np.arange(17)
    np.testing.assert_allclose(y[0], 10 - 9 * 0.75**n, rtol=1e-13)
    np.testing.assert_allclose(y[1], 10 - 8 * 0.875**n, rtol=1e-13)


def test_initial_freezes_the_first_value(build: Build) -> None:
    np.testing.assert_array_equal(run(build, "x = 3 + Time ~~|\ny = INITIAL(x * 2) ~~|"), 6)
    np.testing.assert_array_equal(run(build, "x = 3 + Time ~~|\ny = 1 + INITIAL(x * 2) ~~|"), 7)


def test_active_initial_counts_only_for_initial_values(build: Build) -> None:
    """y and s start from each other; the initial expression cuts the circle, the first saved y is the active one."""
    text = "s = INTEG(0, y) ~~|\ny = ACTIVE INITIAL(s * 2, 5) ~~|"
    np.testing.assert_array_equal(run(build, text, "s"), 5)
    np.testing.assert_array_equal(run(build, text, "y"), 10)


def test_delays_nest(build: Build) -> None:
    inner = run(build, "x = STEP(1, 1) ~~|\na = SMOOTH(x, 2) ~~|\ny = SMOOTH(a, 3) ~~|")
    np.testing.assert_array_equal(run(build, "x = STEP(1, 1) ~~|\ny = SMOOTH(SMOOTH(x, 2), 3) ~~|"), inner)
