"""What generated Python calls at run time: bare floats in, bare floats out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

INF = float("inf")
NAN = float("nan")


def lookup(tab: Sequence[float], start: int, n: int, x: float) -> float:
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
            return arguments[0] if function in (math.trunc, math.floor) else INF
        except (ValueError, ZeroDivisionError):
            return NAN

    return call


FUNCTIONS: dict[str, Callable[..., float]] = {
    "power": math.pow,
    "abs": abs,
    **{
        name: getattr(math, name)
        for name in (
            *("exp", "log", "sqrt", "trunc", "floor", "sin", "cos", "tan"),
            *("sinh", "cosh", "tanh", "asin", "acos", "atan"),
        )
    },
}
