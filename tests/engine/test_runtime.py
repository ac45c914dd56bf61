"""Functions of time, with Vensim's half-step guards (`fn_step`, `fn_pulse`, `fn_pulse_train`, `fn_ramp`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flows import simulate
from flows.engine import runtime
from flows.model.model import Model

Build = Callable[..., Model]
INF, NAN = math.inf, math.nan


@pytest.fixture(params=["python", "compiled"])
def signal(request: pytest.FixtureRequest, build: Build) -> Callable[[str], Any]:
    """Values of a right side at times 0, 0.1, … 10, by either engine."""

    def run(right: str) -> Any:
        model = build(f"y = {right} ~~|", final=10, step=0.1)
        return simulate(model, outcomes=["y"], engine=request.param)["y"].values

    return run


def on(values: Any) -> list[float]:
    """Times at which a signal is on."""
    return [round(0.1 * k, 6) for k in np.nonzero(values)[0].tolist()]


@pytest.mark.parametrize(
    ("start", "first"), [(1, 1.0), (1.04, 1.0), (1.06, 1.1), (0, 0.0), (0.3, 0.3), (9.97, 10.0)]
)
def test_step_begins_at_the_nearest_step(signal: Any, start: float, first: float) -> None:
    assert on(signal(f"STEP(2, {start})"))[0] == first


@pytest.mark.parametrize(
    ("start", "width", "times"),
    [
        (1, 0.3, [1.0, 1.1, 1.2]),
        (1, 0, [1.0]),  # width 0: one step
        (1, 0.01, [1.0]),
        (1, 0.1, [1.0]),
        (0.3, 0.2, [0.3, 0.4]),
        (10, 5, [10.0]),
        (11, 5, []),
        (-0.1, 0.3, [0.0, 0.1]),
    ],
)
def test_pulse(signal: Any, start: float, width: float, times: list[float]) -> None:
    assert on(signal(f"PULSE({start}, {width})")) == times


@pytest.mark.parametrize(
    ("arguments", "times"),
    [
        ("1, 0.2, 2, 6", [1.0, 1.1, 3.0, 3.1, 5.0, 5.1]),
        ("1, 0, 4, 10", [1.0, 5.0, 9.0]),  # width 0: one step each
        ("8, 3, 1, 9", [8.0, 8.1, 8.2, 8.3, 8.4, 8.5, 8.6, 8.7, 8.8, 8.9]),  # overlapping: always on
        ("5, 1, 2, 5", []),
    ],
)
def test_pulse_train(signal: Any, arguments: str, times: list[float]) -> None:
    assert on(signal(f"PULSE TRAIN({arguments})")) == times


def test_ramp(signal: Any) -> None:
    np.testing.assert_allclose(signal("RAMP(2, 1, 3)")[[0, 10, 15, 30, 90]], [0, 0, 1, 4, 4], atol=1e-14)
    np.testing.assert_allclose(signal("RAMP(2, 1, 30)")[-1], 18)


@pytest.mark.parametrize(("x", "whole"), [(2.7, 2), (-2.7, -2), (2, 2), (-0.5, 0), (0, 0), (1e15, 1e15)])
def test_integer_cuts_towards_zero(signal: Any, x: float, whole: float) -> None:
    assert set(signal(f"INTEGER({x} + 0 * Time)")) == {whole}


@pytest.mark.parametrize(
    ("x", "step", "value"),
    [(7.5, 2, 6), (-7.5, 2, -6), (7.5, 0, 7.5), (7.5, -2, 7.5), (0.3, 0.5, 0), (-1, 0.25, -1)],
)
def test_quantum_cuts_towards_zero(signal: Any, x: float, step: float, value: float) -> None:
    assert set(signal(f"QUANTUM({x} + 0 * Time, {step})")) == {value}
    assert set(signal(f"MODULO({x} + 0 * Time, {step})")) == {x - value}


@pytest.mark.parametrize(
    ("x", "y", "quotient"),
    [(1, 2, 0.5), (1, 0.0, INF), (-1, 0.0, -INF), (1, -0.0, -INF), (0, 0, NAN), (NAN, 0, NAN)],
)
def test_safe_division_is_that_of_the_hardware(x: float, y: float, quotient: float) -> None:
    with np.errstate(all="ignore"):
        assert np.float64(x) / np.float64(y) == pytest.approx(quotient, nan_ok=True)
    assert runtime.safe_div(x, y) == pytest.approx(quotient, nan_ok=True)


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        (math.log, (-1,), math.nan),
        (math.sqrt, (-1,), math.nan),
        (math.exp, (1000,), math.inf),
        (math.pow, (-8, 1 / 3), math.nan),
        (math.exp, (0,), 1),
    ],
)
def test_guarded_functions_raise_nothing(
    function: object, arguments: tuple[float, ...], value: float
) -> None:
    assert runtime.guarded(function)(*arguments) == pytest.approx(value, nan_ok=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("LN(zero)", -INF), ("LN(many)", NAN), ("LOG(zero, 10)", -INF), ("POWER(zero, -1)", INF), ("zero ^ (-2)", INF),
        ("POWER(many, 301)", -INF), ("POWER(many, 300)", INF), ("SINH(many)", -INF), ("COSH(many)", INF),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["python", "compiled"])
@pytest.mark.filterwarnings("ignore:.*is no finite number")
def test_beyond_all_bounds_both_engines_give_the_same_infinity(
    build: Build, engine: Any, expression: str, value: float
) -> None:
    model = build(f"y = {expression} ~~|\nzero = 0 * Time ~~|\nmany = zero - 1000 ~~|\n")
    found = simulate(model, outcomes=["y"], engine=engine)["y"].values
    assert np.array_equal(found, np.full_like(found, value), equal_nan=True)


@pytest.mark.parametrize("x", [-1, 0, 0.5, 1, 1.5, 2, 3])
def test_lookup(x: float) -> None:
    xs, ys, slopes = [0.0, 1.0, 2.0], [1.0, 2.0, 0.0], [1.0, -2.0, 0.0]
    assert runtime.lookup([9.0, *xs, *ys, *slopes], 1, 3, x) == np.interp(x, xs, ys)
