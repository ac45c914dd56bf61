"""Bends of arrows: each gets the handle with which it runs through no box and crosses few others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.diagrams.geometry import Floats, Point, arc, crossings, cut, handle_at, hits

BENDS = (0.12, -0.12, 0.22, -0.22, 0.0, 0.34, -0.34, 0.48, -0.48, 0.62, -0.62)
_STEPS = 14


@dataclass(frozen=True)
class Stop:
    """A place where an arrow may start or end: number of the word (its row among the boxes), and its box."""

    word: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Course:
    """How an arrow runs: from which word to which, with what bend; handle None for a straight one."""

    start: int
    end: int
    handle: Point | None
    points: Floats


def routes(
    links: list[tuple[list[Stop], list[Stop]]],
    boxes: Floats,
    link_owners: list[tuple[int, int]],
    pipes: Floats,
    pipe_owner: NDArray[np.intp],
    *,
    bends: Sequence[Sequence[float]] | None = None,
    rounds: int = 3,
    through: float | Floats = 6.0,
) -> list[Course]:
    """Choose the course of every arrow.

    Parameters
    ----------
    links : list of pairs of lists of Stop
        For each arrow the places where it may start and end.
    boxes : array, shape (n, 4)
        Everything that an arrow shouldn't run through.
    link_owners : list of pairs of int
        Owners at the ends of each arrow.
    pipes : array, shape (p, 4)
        Pieces of pipes.
    pipe_owner : array of int, shape (p,)
        Owner of each piece.
    bends : sequence of sequences of float, optional
        For each arrow the bends to choose from; `BENDS` by default.
    rounds : int
        How often every arrow is looked at again.
    through : float or array, shape (n,)
        What it costs to run through a box; a crossing costs 1.
    """
    prices = np.broadcast_to(np.asarray(through, dtype=float), len(boxes))
    chosen: list[Course | None] = [None] * len(links)
    choices = [_choices(*link, bends[i] if bends else BENDS) for i, link in enumerate(links)]
    fixed = []
    for options, (a, b) in zip(choices, link_owners, strict=True):
        fixed.append(
            [
                _fixed(c, bend, boxes, pipes, pipe_owner, (a, b), boxes[[c.start, c.end]], prices)
                for c, bend in options
            ]
        )
    segments: list[Floats] = [np.zeros((0, 4))] * len(links)
    for _ in range(rounds):
        for i, options in enumerate(choices):
            others = [s for k, s in enumerate(segments) if k != i and len(s)]
            ends = {e for e in link_owners[i]}
            near = [k for k, s in enumerate(segments) if k != i and len(s)]
            cloud = np.vstack(others) if others else np.zeros((0, 4))
            shared = (
                np.concatenate([np.full(len(segments[k]), bool(ends & set(link_owners[k]))) for k in near])
                if near
                else np.zeros(0, dtype=bool)
            )
            best, least = 0, np.inf
            for number, (option, _) in enumerate(options):
                price = fixed[i][number]
                if price >= least:
                    continue
                if len(cloud):
                    p = option.points
                    low, high = p.min(axis=0), p.max(axis=0)
                    close = (
                        (np.minimum(cloud[:, 0], cloud[:, 2]) <= high[0])
                        & (np.maximum(cloud[:, 0], cloud[:, 2]) >= low[0])
                        & (np.minimum(cloud[:, 1], cloud[:, 3]) <= high[1])
                        & (np.maximum(cloud[:, 1], cloud[:, 3]) >= low[1])
                    )
                    c = cloud[close]
                    if len(c):
                        met = crossings(p[:-1], p[1:], c[:, :2], c[:, 2:]).any(axis=0)
                        price += 1.0 * float((met & ~shared[close]).sum()) + 0.6 * float(
                            (met & shared[close]).sum()
                        )
                if price < least:
                    best, least = number, price
            course = options[best][0]
            chosen[i] = course
            segments[i] = np.hstack([course.points[:-1], course.points[1:]])
    return [c for c in chosen if c is not None]


def _choices(starts: list[Stop], ends: list[Stop], bends: Sequence[float]) -> list[tuple[Course, float]]:
    found = []
    for s in starts:
        for e in ends:
            a, b = (s.box[0], s.box[1]), (e.box[0], e.box[1])
            for bend in bends:
                handle = None if bend == 0 else handle_at(a, b, bend)
                points = arc(a, handle or ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), b, steps=_STEPS)
                points = cut(cut(points, s.box, at_start=True), e.box, at_start=False)
                found.append((Course(s.word, e.word, handle, points), bend))
    return found


def _fixed(
    course: Course,
    bend: float,
    boxes: Floats,
    pipes: Floats,
    pipe_owner: NDArray[np.intp],
    ends: tuple[int, int],
    ends_at: Floats,
    through: Floats,
) -> float:
    """What a course costs for its shape, the boxes it runs through and the pipes it crosses or covers."""
    points = course.points
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    price = 0.9 * abs(abs(bend) - 0.12) + length / 2000 + max(0.0, abs(bend) - 0.25) * length / 100
    price += 0.08 * max(0.0, 24.0 - length)  # its shaft can't be seen
    inner = points[1:-1]
    for x, y, w, h in ends_at:  # a course that comes back to one of its own words
        price += 2.0 * float(((np.abs(inner[:, 0] - x) < w + 1) & (np.abs(inner[:, 1] - y) < h + 1)).any())
    p, q = points[:-1], points[1:]
    if len(boxes):
        met = np.atleast_1d(hits(p, q, boxes, 2.0).any(axis=0))
        met[[course.start, course.end]] = False
        price += float(through[met].sum())
    if len(pipes):
        own = (pipe_owner == ends[0]) | (pipe_owner == ends[1])
        over = crossings(p, q, pipes[:, :2], pipes[:, 2:]).any(axis=0)
        price += 1.6 * float((over & ~own).sum()) + 0.8 * float((over & own).sum())
        # a course that lies on a pipe can't be seen
        middle = (pipes[:, :2] + pipes[:, 2:]) / 2
        half = np.abs(pipes[:, 2:] - pipes[:, :2]) / 2 + (-4.0, 5.0)
        inside = (np.abs(points[1:-1, None, :] - middle) < half).all(axis=2)
        price += 0.8 * float(np.maximum(inside.sum(axis=0) - 1, 0).sum())
    return price
