"""Functions of time, with Vensim's half-step guards (`fn_step`, `fn_pulse`, `fn_pulse_train`, `fn_ramp`)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine import runtime

DT = 0.1
INF, NAN = math.inf, math.nan
TIMES = [k * DT for k in range(101)]


def on(values: list[float]) -> list[float]:
    """Times at which a signal is on."""
    return [round(t, 6) for t, v in zip(TIMES, values, strict=True) if v]


@pytest.mark.parametrize(
    ("start", "first"), [(1, 1.0), (1.04, 1.0), (1.06, 1.1), (0, 0.0), (0.3, 0.3), (9.97, 10.0)]
)
def test_step_begins_at_the_nearest_step(start: float, first: float) -> None:
    assert on([runtime.step(2.0, start, t, DT) for t in TIMES])[0] == first


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
def test_pulse(start: float, width: float, times: list[float]) -> None:
    assert on([runtime.pulse(start, width, t, DT) for t in TIMES]) == times


@pytest.mark.parametrize(
    ("arguments", "times"),
    [
        ((1, 0.2, 2, 6), [1.0, 1.1, 3.0, 3.1, 5.0, 5.1]),
        ((1, 0, 4, 10), [1.0, 5.0, 9.0]),  # width 0: one step each
        ((8, 3, 1, 9), [8.0, 8.1, 8.2, 8.3, 8.4, 8.5, 8.6, 8.7, 8.8, 8.9]),  # overlapping: always on
        ((5, 1, 2, 5), []),
    ],
)
def test_pulse_train(arguments: tuple[float, ...], times: list[float]) -> None:
    assert on([runtime.pulse_train(*arguments, t, DT) for t in TIMES]) == times


def test_ramp() -> None:
    values = [runtime.ramp(2.0, 1.0, 3.0, t) for t in (0, 1, 1.5, 3, 9)]
    assert values == [0, 0, 1, 4, 4]


@pytest.mark.parametrize(("x", "whole"), [(2.7, 2), (-2.7, -2), (2, 2), (-0.5, 0), (0, 0), (1e15, 1e15)])
def test_integer_cuts_towards_zero(x: float, whole: float) -> None:
    assert runtime.integer(x) == whole


@pytest.mark.parametrize(
    ("x", "step", "value"),
    [(7.5, 2, 6), (-7.5, 2, -6), (7.5, 0, 7.5), (7.5, -2, 7.5), (0.3, 0.5, 0), (-1, 0.25, -1)],
)
def test_quantum_cuts_towards_zero(x: float, step: float, value: float) -> None:
    assert runtime.quantum(x, step) == value


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e3))
def test_quantum_is_a_multiple_next_to_x(x: float, step: float) -> None:
    q = runtime.quantum(x, step)
    assert abs(q) <= abs(x) * (1 + 1e-12)
    assert abs(x - q) < step * (1 + 1e-6)
    assert q * x >= 0


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
