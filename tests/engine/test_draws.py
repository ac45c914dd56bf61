"""The draws as plain Python functions of one list: moments by the textbooks, limits, and what makes no sense."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flows.engine.draws import DISTRIBUTIONS, function, uniforms
from flows.engine.runtime import VECTORS

INF, NAN = math.inf, math.nan
MANY = 1000


def draws(name: str, *arguments: float, low: float = -INF, high: float = INF, n: int = MANY) -> list[float]:
    """Draws at `n` times with stream 0, seed 7, place 3; a random function's arguments without limits and stream."""
    given = [low, high, *arguments, 0.0]
    draw = function(name)
    return [draw([float(len(given)), *given, 7.0, 3.0, float(k)]) for k in range(n)]


@pytest.mark.parametrize(
    ("name", "arguments", "mean", "variance"),
    [
        ("random_normal", (10, 2), 10, 4),
        ("random_exponential", (1, 2), 3, 4),
        ("random_gamma", (1, 0, 2), 2, 4),
        ("random_gamma", (4, 1, 0.5), 3, 1),
        ("random_weibull", (1, 0, 3), 3, 9),
        ("random_weibull", (2, 0, 1), 1, 4 / math.pi - 1),
        ("random_poisson", (0.5, 0, 1), 0.5, 0.5),
        ("random_poisson", (9, 0, 1), 9, 9),
        ("random_poisson", (40, 0, 1), 40, 40),
        ("random_poisson", (300, 5, 2), 605, 1200),
        ("random_beta", (2, 3, 0, 1), 0.4, 0.04),
        ("random_beta", (0.5, 0.5, 0, 1), 0.5, 0.125),  # orders below 1
        ("random_binomial", (0.3, 10, 0, 1), 3, 2.1),
        ("random_binomial", (0.3, 200, 0, 1), 60, 42),  # cut in two
        ("random_binomial", (0.95, 50, 0, 1), 47.5, 2.375),
        ("random_negative_binomial", (0.5, 4, 0, 1), 8, 8),
        ("random_negative_binomial", (1, 6, 0, 1), 6, 0),
        ("random_triangular", (2, 5, 8), 5, 1.5),
        ("random_triangular", (0, 0, 3), 1, 0.5),
        ("random_triangular", (0, 3, 3), 2, 0.5),
    ],
)
def test_each_distribution_has_the_moments_of_the_textbooks(
    name: str, arguments: tuple[float, ...], mean: float, variance: float
) -> None:
    found = np.array(draws(name, *arguments))
    # Five deviations of a mean of so many draws; the variance of fourth moments is larger.
    assert found.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / MANY) + 1e-12)
    assert found.var() == pytest.approx(variance, rel=0.35, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_poisson", (40, 0, 1)),
        ("random_binomial", (0.3, 200, 0, 1)),
        ("random_negative_binomial", (0.2, 3, 0, 1)),
    ],
)
def test_counts_are_whole_numbers(name: str, arguments: tuple[float, ...]) -> None:
    assert all(x >= 0 and x.is_integer() for x in draws(name, *arguments, n=200))


def test_counts_stay_within_what_can_happen() -> None:
    assert max(draws("random_binomial", 0.9, 20, 0, 1, n=200)) <= 20
    assert set(draws("random_binomial", 1, 30, 0, 1, n=20)) == {30}
    assert set(draws("random_binomial", 0, 30, 0, 1, n=20)) == {0}
    assert min(draws("random_negative_binomial", 0.9, 5, 0, 1, n=200)) == 5


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_binomial", (1.5, 5, 0, 1)),
        ("random_binomial", (-0.1, 5, 0, 1)),
        ("random_binomial", (0.5, -3, 0, 1)),
        ("random_binomial", (0.5, NAN, 0, 1)),  # no number of trials at all
        ("random_negative_binomial", (0, 5, 0, 1)),
        ("random_negative_binomial", (0.5, 0, 0, 1)),
        ("random_poisson", (-1, 0, 1)),
        ("random_poisson", (1e16, 0, 1)),
        ("random_beta", (0, 1, 0, 1)),
        ("random_beta", (-1, 1, 0, 1)),
        ("random_weibull", (0, 0, 1)),
        ("random_triangular", (3, 1, 5)),
        ("random_triangular", (1, 6, 5)),
        ("random_normal", (NAN, 1)),
    ],
)
def test_arguments_that_make_no_sense_give_no_number(name: str, arguments: tuple[float, ...]) -> None:
    assert all(math.isnan(x) for x in draws(name, *arguments, n=3))


def test_numbers_outside_the_limits_are_drawn_again() -> None:
    found = np.array(draws("random_normal", 0, 1, low=0.5, high=0.7, n=50))
    assert found.min() >= 0.5
    assert found.max() <= 0.7
    assert len(np.unique(found)) == 50
    assert all(math.isnan(x) for x in draws("random_normal", 0, 1, low=3, high=2, n=1))


def test_a_uniform_draw_fills_its_interval_evenly() -> None:
    found = np.array(draws("random_uniform", low=2, high=6))
    assert np.histogram(found, bins=4, range=(2, 6))[0].min() > MANY / 4 - 5 * math.sqrt(MANY * 3 / 16)
    plain = function("random_0_1")
    unit = [plain([0.0, 7.0, 3.0, float(k)]) for k in range(MANY)]
    assert 0 < min(unit) < 0.01 < 0.99 < max(unit) < 1


def test_a_stream_alone_decides_if_there_is_one_and_the_seed_otherwise() -> None:
    draw = function("random_normal")

    def at(stream: float, seed: float, place: float = 3.0) -> float:
        return draw([5.0, -9.0, 9.0, 0.0, 1.0, stream, seed, place, 12.0])

    assert at(4, seed=1) == at(4, seed=2)
    assert at(0, seed=1) != at(0, seed=2)
    assert at(4, seed=1) != at(5, seed=1)
    assert at(4, seed=1, place=3) != at(4, seed=1, place=8)
    assert at(0, seed=1) == at(-0.0, seed=1)


def test_uniforms_tell_keys_apart_by_order_and_sign() -> None:
    firsts = [next(uniforms(key)) for key in ((1.0, 2.0), (2.0, 1.0), (1.0,), (-1.0,), (0.0,), ())]
    assert len(set(firsts)) == len(firsts)
    assert next(uniforms((0.0,))) == next(uniforms((-0.0,)))


def test_generated_programs_reach_every_distribution() -> None:
    assert set(DISTRIBUTIONS) <= set(VECTORS)
    values = [5.0, -9.0, 9.0, 0.0, 1.0, 4.0, 0.0, 3.0, 12.0]
    assert VECTORS["random_normal"](values) == function("random_normal")(values)
