"""From a course to one number, and how the words before an outcome are read."""

from __future__ import annotations

import numpy as np
import pytest

from flows.errors import InputError
from flows.reductions import WORDS, Reduction, split

TIME = np.array([0.0, 1.0, 3.0, 4.0])
COURSES = np.array([[1.0, 4.0, 2.0, 3.0], [5.0, 0.0, 0.0, 6.0]])


@pytest.mark.parametrize(
    ("kind", "threshold", "expected"),
    [
        ("final", 0, [3, 6]),
        ("highest", 0, [4, 6]),
        ("lowest", 0, [1, 0]),
        ("time of highest", 0, [1, 4]),
        ("time of lowest", 0, [0, 1]),
        ("integral", 0, [2.5 + 6 + 2.5, 2.5 + 0 + 3]),
        ("mean", 0, [11 / 4, 5.5 / 4]),  # over time, not over the points
        ("first time above", 3.5, [1, 0]),
        ("first time above", 4, [4, 0]),  # never: the end of the run
        ("first time below", 1, [4, 1]),
    ],
)
def test_each_reduction_of_courses(kind: str, threshold: float, expected: list[float]) -> None:
    found = Reduction(kind, threshold).apply(COURSES, TIME)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("kind", "unit", "expected"),
    [
        ("final", "Person", "Person"),
        ("time of highest", "Person", "Month"),
        ("first time above", "Person", "Month"),
        ("integral", "Person/Month", "Person"),
        ("integral", "Person", "Person*Month"),
    ],
)
def test_the_unit_of_the_number(kind: str, unit: str, expected: str) -> None:
    assert Reduction(kind).unit(unit, "Month") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("word", WORDS)
def test_each_word_is_taken_off_the_name(word: str) -> None:
    assert split(f" {word.upper()}  court cases ") == (Reduction(word), "court cases")


@pytest.mark.parametrize("way", ["above", "below"])
def test_a_first_crossing(way: str) -> None:
    assert split(f"First time cases above board {way} 4e6") == (
        Reduction(f"first time {way}", 4e6),  # type: ignore[arg-type]
        "cases above board",
    )


@pytest.mark.parametrize("name", ["court cases", "finality", "meantime", "first timers", "final"])
def test_a_plain_name_stays_whole(name: str) -> None:
    assert split(name) == (None, name)


def test_a_crossing_without_its_threshold_is_refused_with_an_example() -> None:
    with pytest.raises(
        InputError,
        match=r's.toml: a first crossing lacks its threshold, found "first time cases", expected .*above 4000000',
    ):
        split("first time cases", where="s.toml")


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="many"):
        split("first time cases above many", where="s.toml")
