"""How long the rest of some work will take, from how long its parts took so far."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Pace", "Progress", "Stage", "silent", "spoken", "unsaid"]

Progress = Callable[[int, int], None]
"""What long work calls with (parts done, parts in all); the latter may be an estimate."""

Stage = Callable[[str], None]
"""What long work calls with words for what begins."""

_WINDOW = 0.5  # of the time spent on a kind of work, the latest share that sets its pace
_FEW = 3  # pieces from which on the first, which warms things up, no longer counts


def silent(done: int, total: int) -> None:
    """Tell nobody how far the work is."""


def unsaid(words: str) -> None:
    """Tell nobody what begins."""


@dataclass
class _Kind:
    """Pieces (amount, seconds) of one kind of work that still count, and their sums."""

    pieces: deque[tuple[float, float]] = field(default_factory=deque)
    count: int = 0
    amount: float = 0.0
    seconds: float = 0.0
    all_seconds: float = 0.0

    def add(self, amount: float, seconds: float) -> None:
        self.count += 1
        self.pieces.append((amount, seconds))
        self.amount += amount
        self.seconds += seconds
        self.all_seconds += seconds
        if self.count == _FEW:
            self.all_seconds -= self._drop()
        while self.count > _FEW and self.seconds - self.pieces[0][1] > _WINDOW * self.all_seconds:
            self._drop()

    def _drop(self) -> float:
        amount, seconds = self.pieces.popleft()
        self.amount -= amount
        self.seconds -= seconds
        return seconds


class Pace:
    """Estimates the time that remains.

    Work comes in kinds (model runs, looks at the results so far …), each of which is done in pieces and has its own
    cost. The pace of a kind is that of the latest half of the time spent on it: rare costs average out under a steady
    load, and the estimate follows when a machine becomes busier. The first piece is left out once there are others.

    Parameters
    ----------
    clock : callable
        Seconds from any start, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._left: Mapping[str, float] = {}
        self._at = clock()

    def note(self, kind: str, amount: float, seconds: float) -> None:
        """Tell of a finished piece of work: its kind, its amount in any unit, and the seconds that it took."""
        if amount > 0:
            self._kinds.setdefault(kind, _Kind()).add(amount, seconds)

    def expect(self, left: Mapping[str, float]) -> None:
        """Tell how much of each kind of work is left, now."""
        self._left = dict(left)
        self._at = self._clock()

    def seconds_left(self) -> float | None:
        """Seconds that remain from now on; None while nothing is known of the work that is left."""
        known = [(self._kinds[kind], left) for kind, left in self._left.items() if kind in self._kinds]
        if not any(left > 0 for _, left in known):
            return None
        total = sum(left * kind.seconds / kind.amount for kind, left in known)
        return max(total - (self._clock() - self._at), 0.0)


def spoken(seconds: float) -> str:
    """Say a time in seconds, minutes, or hours and minutes."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
