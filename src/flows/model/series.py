"""What the keyword of a data variable means for its points (help page 22145)."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = -(2.0**109)
"""Vensim's :NA:."""
NEAR = 1e-6
"""How long before or after a point a series steps, in model time."""


def timed(x: Sequence[float], keyword: str) -> tuple[list[float], list[int]]:
    """Points whose linear interpolation does what a keyword says.

    Parameters
    ----------
    x : sequence of float
        The times of the points.
    keyword : str
        ``HOLD BACKWARD``, ``LOOK FORWARD``, ``RAW``; anything else means linear interpolation.

    Returns
    -------
    times : list of float
    sources : list of int
        For each the point whose value it has; -1 for :NA:.
    """
    points: list[tuple[float, int]] = []
    match keyword:
        case "HOLD BACKWARD":  # the last value until a new one
            for k in range(len(x)):
                points += [(x[k], k - 1), (x[k], k)] if k else [(x[k], k)]
        case "LOOK FORWARD":  # the next value, from just after a point on
            for k in range(len(x)):
                points.append((x[k], k))
                if k + 1 < len(x):
                    points.append((x[k] + NEAR, k + 1))
        case "RAW":  # nothing but at the points
            for k, a in enumerate(x):
                points += [(a - NEAR, -1), (a - NEAR, k), (a + NEAR, k), (a + NEAR, -1)]
        case _:
            return list(x), list(range(len(x)))
    return [a for a, _ in points], [k for _, k in points]
