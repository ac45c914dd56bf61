"""Places for the words around a frame of stocks and pipes: short arrows, few crossings, no overlaps.

Annealing with a fixed seed: a word is moved to a place near what it is linked to, or changes places with another, when
that lowers the cost or the temperature allows it. A move that would make two boxes overlap is never made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.diagrams.geometry import Floats, crossing, touching

MARGIN = 3.0  # pixels around a box that an arrow keeps free
GAP = (9.0, 6.0)  # free pixels between two boxes, across and down
STEP = 5.0  # places are multiples of this
CROSSING, THROUGH, OVER_PIPE = 1.3, 3.5, 1.6  # costs, in units of 100 pixels of arrow
THROUGH_BOX = 9.0  # an arrow behind a stock can't be seen
SHORT = 0.06  # for each pixel that an arrow lacks of 30
COMFORTABLE = 70.0  # pixels between outlines that cost nothing


@dataclass
class Board:
    """Words and arrows of a view while they are being placed.

    Attributes
    ----------
    places : array, shape (n, 2)
        Centres.
    halves : array, shape (n, 2)
        Half widths and half heights.
    free : array of bool, shape (n,)
        Which words may move.
    owner : array of int, shape (n,)
        Words of one owner (a valve and its name) don't stand in the way of arrows to that owner.
    links : array of int, shape (m, 2)
        Start and end of each arrow.
    pipes : array, shape (p, 4)
        Level pieces of pipes: x, y of start and end.
    pipe_owner : array of int, shape (p,)
        The valve of each.
    clear : array, shape (n, 2), optional
        Free pixels around each word beyond the usual ones.
    solid : array of bool, shape (n,), optional
        Boxes that hide an arrow behind them, so that running through them costs more.
    """

    places: Floats
    halves: Floats
    free: NDArray[np.bool_]
    owner: NDArray[np.intp]
    links: NDArray[np.intp]
    pipes: Floats
    pipe_owner: NDArray[np.intp]
    clear: Floats | None = None
    solid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        count = len(self.places)
        self.incident = [np.flatnonzero((self.links == v).any(axis=1)) for v in range(count)]
        one, two = self.links[:, 0], self.links[:, 1]
        owners = self.owner[self.links]
        self._apart = (self.links[:, None, :, None] != self.links[None, :, None, :]).all(axis=(2, 3))
        self._foreign = (owners[:, 0, None] != self.owner) & (owners[:, 1, None] != self.owner)
        self._room = self.halves[one] + self.halves[two]
        self._over = (owners[:, 0, None] != self.pipe_owner) & (owners[:, 1, None] != self.pipe_owner)
        low = np.minimum(self.pipes[:, :2], self.pipes[:, 2:])
        high = np.maximum(self.pipes[:, :2], self.pipes[:, 2:])
        self.pipe_boxes = np.hstack([(low + high) / 2, (high - low) / 2])
        self.pipe_boxes[:, 3] += 4
        self._starts, self._ends = self.places[one], self.places[two]
        # arrows first, then pipes: what an arrow may cross, and what counts of it
        self._lines = np.vstack([np.hstack([self._starts, self._ends]), self.pipes]).T.copy()
        self._counts = np.hstack([self._apart, self._over])
        self._widths, self._heights = self.halves[:, 0] + MARGIN, self.halves[:, 1] + MARGIN
        self._room_around = self.halves + GAP + (0.0 if self.clear is None else self.clear)
        self._price = np.full(count, THROUGH)
        if self.solid is not None:
            self._price[self.solid] = THROUGH_BOX

    def move(self, v: int, place: Floats) -> None:
        """Put a word somewhere else."""
        self.places[v] = place
        mine = self.incident[v]
        self._starts[mine] = self.places[self.links[mine, 0]]
        self._ends[mine] = self.places[self.links[mine, 1]]
        self._lines[:2, mine] = self._starts[mine].T
        self._lines[2:, mine] = self._ends[mine].T

    def boxes(self) -> Floats:
        """Centre, half width and half height of each word; shape (n, 4)."""
        return np.hstack([self.places, self.halves])

    def fits(self, v: int, place: Floats, *, without: int = -1) -> bool:
        """Tell whether a word has room at a place."""
        clash = (np.abs(self.places - place) < self._room_around + self.halves[v]).all(axis=1)
        clash[v] = False
        if without >= 0:
            clash[without] = False
        if clash.any():
            return False
        boxes = self.pipe_boxes
        return (
            not (np.abs(boxes[:, :2] - place) < boxes[:, 2:] + self.halves[v] + (4.0, 5.0)).all(axis=1).any()
        )

    def cost(self, v: int, centre: Floats, spread: Floats, *, most: float = math.inf) -> float:
        """What a word's place costs: length, direction and crossings of its arrows, arrows that run through words.

        Counting stops where the sum is above `most`.
        """
        mine = self.incident[v]
        away = (self.places[v] - centre) / spread
        total = 0.25 * float(away @ away) ** 2
        lines, links = self._lines, len(self.links)
        if len(mine):
            p, q = self._starts[mine], self._ends[mine]
            span = q - p
            clear = np.maximum(np.abs(span) - self._room[mine], 0.0)
            length = np.hypot(clear[:, 0], clear[:, 1])
            total += float(np.maximum(length - COMFORTABLE, 0.0).sum()) / 100 + float(length.sum()) / 400
            total += SHORT * float(np.maximum(30.0 - length, 0.0).sum()) + 0.35 * np.count_nonzero(
                span[:, 0] < -40
            )
            if total > most:
                return total
            own = lines[:, mine, None]
            met = crossing(own, lines)
            met &= self._counts[mine]
            total += CROSSING * np.count_nonzero(met[:, :links])
            if len(self.pipes):
                total += OVER_PIPE * np.count_nonzero(met[:, links:])
            if total > most:
                return total
            through = touching(own, self.places[:, 0], self.places[:, 1], self._widths, self._heights)
            through &= self._foreign[mine]
            total += float((through @ self._price).sum())
            if total > most:
                return total
        x, y = self.places[v]
        others = touching(lines[:, :links], x, y, self._widths[v], self._heights[v])
        others &= self._foreign[:, v]
        return total + float(self._price[v]) * np.count_nonzero(others)


def rough(board: Board) -> None:
    """Give every free word a first place near what it is linked to, nearest to the frame first."""
    n = len(board.places)
    placed = ~board.free
    if not placed.any() and n:
        first = int(np.argmax([len(i) for i in board.incident]))
        board.places[first] = 0.0
        placed[first] = True
    waiting = [v for v in range(n) if not placed[v]]
    board.places[waiting] = 1e7 + 1e4 * np.arange(len(waiting))[:, None]
    while waiting:
        best, most = waiting[0], -1.0
        for v in waiting:
            near = _neighbours(board, v)
            known = int(placed[near].sum())
            share = known / max(len(near), 1) + 0.01 * known
            if known and share > most:
                best, most = v, share
        near = [u for u in _neighbours(board, best) if placed[u]]
        if near:
            wish = board.places[near].mean(axis=0)
            lead = -60.0 if any(u in board.links[board.links[:, 0] == best, 1] for u in near) else 60.0
            wish = wish + np.array([lead, 0.0])
        else:
            seen = board.places[placed]
            wish = np.array([seen[:, 0].mean(), seen[:, 1].max() + 120.0])
        board.places[best] = nearest(board, best, wish)
        placed[best] = True
        waiting.remove(best)


def _neighbours(board: Board, v: int) -> list[int]:
    pairs = board.links[board.incident[v]]
    return [int(a if b == v else b) for a, b in pairs]


def nearest(board: Board, v: int, wish: Floats) -> Floats:
    """The free place nearest to a wish, on rings around it."""
    for ring in range(0, 200):
        radius = 20.0 * ring
        count = max(1, 6 * ring)
        angles = 2 * math.pi * np.arange(count) / count + 0.1
        for angle in angles:
            place = wish + radius * np.array([math.cos(angle), 0.7 * math.sin(angle)])
            place = STEP * np.round(place / STEP)
            if board.fits(v, place):
                return place
    return wish


def settle(board: Board, *, seed: int, moves: int, hot: float = 1.5) -> None:
    """Improve the places of the free words, in place.

    Parameters
    ----------
    seed : int
        Of the random moves; the same seed gives the same places.
    moves : int
        How many are tried.
    hot : float
        Temperature at the start, in units of cost; it falls to a fiftieth.
    """
    board.__post_init__()
    movable = np.flatnonzero(board.free)
    if not len(movable):
        return
    random = np.random.default_rng(seed)
    fixed = board.places[~board.free]
    frame = fixed if len(fixed) else board.places
    centre = (frame.min(axis=0) + frame.max(axis=0)) / 2
    area = float((4 * (board.halves[:, 0] + 20) * (board.halves[:, 1] + 18)).sum()) * 2.2
    extent = (frame.max(axis=0) - frame.min(axis=0)) / 2 if len(fixed) else np.zeros(2)
    side = math.sqrt(area / 1.5) / 2
    spread = np.maximum(extent + 60.0, (1.5 * side, side))
    costs: dict[int, float] = {}  # of words where they stand now

    def held(v: int) -> float:
        if v not in costs:
            costs[v] = board.cost(v, centre, spread)
        return costs[v]

    for number in range(moves):
        heat = hot * 0.02 ** (number / moves)
        v = int(movable[random.integers(len(movable))])
        old = board.places[v].copy()
        kind = random.random()
        if kind < 0.12 and len(movable) > 1:
            u = int(movable[random.integers(len(movable))])
            other = board.places[u].copy()
            if u == v or not (board.fits(v, other, without=u) and board.fits(u, old, without=v)):
                continue
            apart = np.abs(other - old) - (board.halves[u] + board.halves[v] + GAP)
            if (apart < 0).all():
                continue
            most = held(v) + held(u)
            most -= heat * math.log(1.0 - random.random())
            board.move(v, other)
            board.move(u, old)
            after = board.cost(v, centre, spread, most=most)
            if after > most or after + board.cost(u, centre, spread, most=most - after) > most:
                board.move(v, old)
                board.move(u, other)
            else:
                costs.clear()
            continue
        if kind < 0.55:
            near = _neighbours(board, v)
            if near:
                goal = board.places[near[int(random.integers(len(near)))]]
                place = goal + random.normal(0.0, 1.0, 2) * (110.0, 65.0)
            else:
                place = old + random.normal(0.0, 1.0, 2) * (120.0, 80.0)
        else:
            reach = 15.0 + 110.0 * (1 - number / moves)
            place = old + random.normal(0.0, 1.0, 2) * (reach, 0.7 * reach)
        place = STEP * np.round(place / STEP)
        if not board.fits(v, place):
            continue
        most = held(v) - heat * math.log(1.0 - random.random())
        board.move(v, place)
        after = board.cost(v, centre, spread, most=most)
        if after > most:
            board.move(v, old)
        else:
            costs.clear()
            costs[v] = after
