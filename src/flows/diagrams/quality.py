"""How well a view reads: overlaps, crossings, arrows through words, how long arrows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flows.diagrams.draw import course, pipe_course
from flows.diagrams.geometry import Floats, crossings, hits
from flows.vensim.sketch import Arrow, View


@dataclass(frozen=True)
class Quality:
    """How well a view reads.

    Attributes
    ----------
    overlaps : int
        Pairs of boxes that overlap without one being wholly in the other.
    crossings : int
        Pairs of arrows (and pipes) that cross.
    through : int
        Arrows that run through a word.
    length : float
        Mean length of an arrow in pixels.
    """

    words: int
    arrows: int
    overlaps: int
    crossings: int
    through: int
    length: float


def quality(view: View) -> Quality:
    """Measure a view: overlaps, crossings, arrows through words, mean length of arrows."""
    words = {w.id: w for w in view.words if not w.hide}
    boxes = np.array([(w.x, w.y, w.w, w.h) for w in words.values()], dtype=float).reshape(-1, 4)
    apart = np.abs(boxes[:, None, :2] - boxes[None, :, :2]) - (boxes[:, None, 2:] + boxes[None, :, 2:])
    inside = np.abs(boxes[:, None, :2] - boxes[None, :, :2]) <= np.abs(
        boxes[:, None, 2:] - boxes[None, :, 2:]
    )
    overlaps = int(np.triu((apart < 0).all(axis=2) & ~inside.all(axis=2), 1).sum())
    keys = list(words)
    arrows = [a for a in view.arrows if a.start in words and a.end in words and not a.hide]
    lines = [pipe_course(a, words) if a.pipe else course(a, words, view.style) for a in arrows]
    through = 0
    lengths = []
    for arrow, line in zip(arrows, lines, strict=True):
        if not arrow.pipe:
            lengths.append(float(np.hypot(*np.diff(line, axis=0).T).sum()))
            if len(boxes) and len(line) > 1:
                others = np.array([k not in (arrow.start, arrow.end) for k in keys])
                through += int(hits(line[:-1], line[1:], boxes[others], 0.0).any(axis=0).sum())
    met = _pairs_that_cross(arrows, lines)
    return Quality(
        len(words), len(lengths), overlaps, met, through, float(np.mean(lengths)) if lengths else 0.0
    )


def _pairs_that_cross(arrows: Sequence[Arrow], lines: Sequence[Floats]) -> int:
    """Pairs of arrows that cross and share no word."""
    if not arrows:
        return 0
    low, high = (np.array([end(line, axis=0) for line in lines]) for end in (np.min, np.max))
    close = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    met = 0
    for i, j in np.argwhere(np.triu(close, 1)).tolist():
        if not {arrows[i].start, arrows[i].end} & {arrows[j].start, arrows[j].end}:
            one, two = lines[i], lines[j]
            met += int(crossings(one[:-1], one[1:], two[:-1], two[1:]).any())
    return met
