"""Plane geometry of diagrams: widths of texts, arcs through a handle, cuts at outlines, crossings.

Coordinates are pixels, x to the right, y down, as in a sketch. Widths come from a table, not from the fonts of a
machine, so that a layout is the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = tuple[float, float]

PIXELS = 96 / 72  # for one point of type
LINE = 1.22  # height of a line of text over the size of its letters

# Advance widths of Helvetica, which Arial and Liberation Sans share, from blank to tilde, in thousandths.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip


@lru_cache(maxsize=100_000)
def text_width(text: str, pixels: float, *, bold: bool = False) -> float:
    """Width of a text in pixels, letters `pixels` high.

    Examples
    --------
    >>> round(text_width("settling time", 12), 1)
    64.0
    """
    total = sum(_WIDTHS[ord(c) - 32] if 32 <= ord(c) < 127 else 600 for c in text)
    return total * pixels / 1000 * (1.07 if bold else 1)


def wrapped(text: str, pixels: float, width: float, *, bold: bool = False) -> list[str]:
    """Break a text at blanks into lines no wider than `width`, where its words allow that.

    Examples
    --------
    >>> wrapped("people moved south and released", 12, 110)
    ['people moved south', 'and released']
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, pixels, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def balanced(text: str, pixels: float, width: float) -> list[str]:
    """Break a text into as few lines as `wrapped` does, but of like lengths."""
    count = len(wrapped(text, pixels, width))
    low, high = 0.0, width
    for _ in range(12):
        middle = (low + high) / 2
        if len(wrapped(text, pixels, middle)) > count:
            low = middle
        else:
            high = middle
    return wrapped(text, pixels, high)


def arc(start: Point, handle: Point, end: Point, *, steps: int = 24) -> Floats:
    """Points of the circle's arc from `start` through `handle` to `end`; the straight line where the three are in line.

    Returns
    -------
    array, shape (steps + 1, 2)
    """
    a, b, c = (np.asarray(p, dtype=float) for p in (start, handle, end))
    chord = c - a
    length = float(np.hypot(*chord))
    straight: Floats = a + np.linspace(0.0, 1.0, steps + 1)[:, None] * chord
    area = chord[0] * (b - a)[1] - chord[1] * (b - a)[0]
    if length < 1e-9 or abs(area) < 1e-3 * length * length:
        return straight
    centre = _circumcentre(a, b, c)
    radius = float(np.hypot(*(a - centre)))
    first, middle, last = (math.atan2(*(p - centre)[::-1]) for p in (a, b, c))
    sweep = (last - first) % (2 * math.pi)
    if (middle - first) % (2 * math.pi) > sweep:
        sweep -= 2 * math.pi
    angles = first + np.linspace(0.0, 1.0, steps + 1) * sweep
    points: Floats = centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return points


def _circumcentre(a: Floats, b: Floats, c: Floats) -> Floats:
    d = 2 * (a[0] * (b[1] - c[1]) + b[0] * (c[1] - a[1]) + c[0] * (a[1] - b[1]))
    squares = [float(p @ p) for p in (a, b, c)]
    x = (squares[0] * (b[1] - c[1]) + squares[1] * (c[1] - a[1]) + squares[2] * (a[1] - b[1])) / d
    y = (squares[0] * (c[0] - b[0]) + squares[1] * (a[0] - c[0]) + squares[2] * (b[0] - a[0])) / d
    return np.array([x, y])


def handle_at(start: Point, end: Point, bend: float) -> Point:
    """Handle of an arc: beside the middle of the chord, `bend` chord lengths to its left (seen on the screen)."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return ((start[0] + end[0]) / 2 + bend * dy, (start[1] + end[1]) / 2 - bend * dx)


def cut(points: Floats, box: Sequence[float], *, at_start: bool, margin: float = 2.0) -> Floats:
    """Take away the part of a line that lies in the box ``(x, y, half width, half height)`` at one of its ends."""
    line = points if at_start else points[::-1]
    x, y, w, h = box[0], box[1], box[2] + margin, box[3] + margin
    inside = (np.abs(line[:, 0] - x) <= w) & (np.abs(line[:, 1] - y) <= h)
    out = np.flatnonzero(~inside)
    if not inside[0] or len(out) == 0:
        return points
    last = int(out[0]) - 1
    p, q = line[last], line[last + 1]
    (px, py), (dx, dy) = p.tolist(), (q - p).tolist()
    low, high = 0.0, 1.0
    for _ in range(20):
        t = (low + high) / 2
        if abs(px + t * dx - x) <= w and abs(py + t * dy - y) <= h:
            low = t
        else:
            high = t
    kept = np.vstack([p + high * (q - p), line[last + 1 :]])
    return kept if at_start else kept[::-1]


def crossings(p: Floats, q: Floats, r: Floats, s: Floats) -> NDArray[np.bool_]:
    """Tell which segments p–q cross which segments r–s.

    Parameters
    ----------
    p, q : array, shape (k, 2)
    r, s : array, shape (m, 2)

    Returns
    -------
    array of bool, shape (k, m)
        Touching at an end doesn't count.
    """
    return crossing(np.hstack([p, q]).T[:, :, None], np.hstack([r, s]).T)


def crossing(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Tell which segments cross, as `crossings`, of rows x, y of the start and x, y of the end that broadcast."""
    (px, py, qx, qy), (rx, ry, sx, sy) = one, other
    dx, dy, ex, ey = qx - px, qy - py, sx - rx, sy - ry
    ax, ay = rx - px, ry - py
    first = dx * ay - dy * ax
    second = dx * (sy - py) - dy * (sx - px)
    third = ey * ax - ex * ay
    fourth = ex * (qy - ry) - ey * (qx - rx)
    met: NDArray[np.bool_] = (first * second < 0) & (third * fourth < 0)
    return met


def hits(p: Floats, q: Floats, boxes: Floats, margin: float = 3.0) -> NDArray[np.bool_]:
    """Tell which segments p–q touch which boxes.

    Parameters
    ----------
    p, q : array, shape (k, 2)
    boxes : array, shape (n, 4)
        Centre, half width, half height.

    Returns
    -------
    array of bool, shape (k, n)
    """
    rows = np.hstack([p, q]).T[:, :, None]
    return touching(rows, boxes[:, 0], boxes[:, 1], boxes[:, 2] + margin, boxes[:, 3] + margin)


def touching(lines: Floats, x: Any, y: Any, w: Any, h: Any) -> NDArray[np.bool_]:
    """Tell which segments touch which boxes, as `hits`, of rows that broadcast; no margin is added."""
    # two convex shapes meet unless a line parts them: one along an axis, or one along the segment
    px, py, qx, qy = lines
    mx, my = (px + qx) / 2 - x, (py + qy) / 2 - y
    dx, dy = qx - px, qy - py
    rx, ry = np.abs(dx) / 2, np.abs(dy) / 2
    near = (np.abs(mx) <= rx + w) & (np.abs(my) <= ry + h)
    met: NDArray[np.bool_] = near & (np.abs(dx * my - dy * mx) <= 2 * (rx * h + ry * w))
    return met
