"""What generated kernels call at run time: bare floats in, bare floats out; plain Python and Numba alike.

Semantics are Vensim's (help pages fn_step, fn_pulse, fn_pulse_train, fn_ramp, fn_quantum, fn_integer, fn_lookup).
"""

from __future__ import annotations

import math
from collections.abc import Callable


def lookup(tab, start, n, x):  # type: ignore[no-untyped-def]
    """Linear interpolation in n points, held outside: x at ``tab[start:]``, then as many y and slopes."""
    if x <= tab[start]:
        return tab[start + n]
    if x >= tab[start + n - 1]:
        return tab[start + 2 * n - 1]
    low = 0
    high = n - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if tab[start + middle] <= x:
            low = middle
        else:
            high = middle
    return tab[start + 2 * n + low] * (x - tab[start + low]) + tab[start + n + low]


def power(x: float, exponent: float) -> float:
    """X to a real power; no number for a negative x and a broken exponent."""
    return math.pow(x, exponent)


def integer(x: float) -> float:
    """Whole part, towards zero."""
    return x - x % 1.0 if x >= 0.0 else x + (-x) % 1.0


def quantum(x: float, step: float) -> float:
    """Multiple of step next to x towards zero; x itself when step is not positive."""
    if step <= 1e-6:
        return x
    ratio = x / step
    return step * (ratio - ratio % 1.0 if ratio >= 0.0 else ratio + (-ratio) % 1.0)


def step(height: float, start: float, t: float, dt: float) -> float:
    """Height from start on, with Vensim's half-step guard."""
    return height if t + 0.5 * dt > start else 0.0


def pulse(start: float, width: float, t: float, dt: float) -> float:
    """1 from start for width, one step at least."""
    at = t + 0.5 * dt
    return 1.0 if at > start and at < start + (width if width > dt else dt) else 0.0


def pulse_train(start: float, width: float, between: float, end: float, t: float, dt: float) -> float:
    """Pulses every `between` from start to end; always on when they overlap."""
    at = t + 0.5 * dt
    if at <= start or at >= end:
        return 0.0
    if between < width:
        return 1.0
    since = at - start
    since -= between * math.floor(since / between)
    return 1.0 if since < (width if width > dt else dt) else 0.0


def ramp(slope: float, start: float, end: float, t: float) -> float:
    """0, then a slope from start to end, then constant."""
    if t <= start:
        return 0.0
    if t >= end:
        return slope * (end - start)
    return slope * (t - start)


INF = float("inf")
NAN = float("nan")


def safe_div(x: float, y: float) -> float:
    """Division as floating-point hardware does it (plain Python would raise)."""
    if y != 0.0:
        return x / y
    if x == 0.0 or x != x:
        return NAN
    return math.copysign(INF, x) * math.copysign(1.0, y)


def guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Give no number or infinity where plain Python would raise."""

    def call(*arguments: float) -> float:
        try:
            return float(function(*arguments))
        except OverflowError:
            return INF
        except (ValueError, ZeroDivisionError):
            return NAN

    return call


SCALAR = (lookup, power, integer, quantum, step, pulse, pulse_train, ramp)
