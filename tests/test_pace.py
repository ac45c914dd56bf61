"""The time that remains, with a clock that the tests turn."""

from __future__ import annotations

import numpy as np
import pytest

from flows.pace import Pace, spoken


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def work(
    pieces: int, *, first: float = 1.0, stall: float = 0.0, jitter: float = 0.0
) -> list[tuple[float, float]]:
    """What was said after every piece, and what came true: pieces of 2 s, the first slower, every 23rd with a stall."""
    clock, random = Clock(), np.random.default_rng(5)
    pace = Pace(clock)
    said = []
    for piece in range(pieces):
        seconds = 2.0 * (first if piece == 0 else 1.0) * (1 + jitter * random.standard_normal())
        seconds += stall if piece % 23 == 22 else 0.0
        clock.now += seconds
        pace.note("runs", 512, seconds)
        pace.expect({"runs": 512 * (pieces - piece - 1)})
        said.append((pace.seconds_left() or 0.0, clock.now))
    return [(guess, said[-1][1] - at) for guess, at in said]


@pytest.mark.parametrize(
    "load",
    [{}, {"first": 20.0}, {"jitter": 0.1}, {"pieces": 2000, "stall": 12.0, "first": 20.0, "jitter": 0.3}],
)
def test_within_a_fifth_after_a_tenth_of_the_work(load: dict[str, float]) -> None:
    guesses = work(**{"pieces": 40, **load})  # type: ignore[arg-type]
    for guess, truth in guesses[len(guesses) // 10 : -len(guesses) // 10]:
        assert guess == pytest.approx(truth, rel=0.2)


def test_a_busier_machine_is_noticed() -> None:
    clock = Clock()
    pace = Pace(clock)
    for piece in range(100):
        pace.note("runs", 1, 1.0 if piece < 40 else 3.0)
    pace.expect({"runs": 100})
    assert pace.seconds_left() == pytest.approx(300.0)


def test_kinds_of_work_have_their_own_pace_and_time_goes_by() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.seconds_left() is None
    pace.expect({"runs": 10, "looks": 2})
    assert pace.seconds_left() is None
    pace.note("runs", 2, 4.0)
    assert pace.seconds_left() == pytest.approx(20.0)
    pace.note("looks", 1, 5.0)
    assert pace.seconds_left() == pytest.approx(30.0)
    clock.now += 12
    assert pace.seconds_left() == pytest.approx(18.0)
    clock.now += 100
    assert pace.seconds_left() == 0.0
    pace.note("looks", 0, 1.0)
    pace.expect({"runs": 0, "looks": 0})
    assert pace.seconds_left() is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (125, "2 min"), (7199, "120 min"), (7500, "2 h 05 min")],
)
def test_spoken(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
