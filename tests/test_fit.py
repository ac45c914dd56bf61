"""Statistics of fit against cases worked by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import fit
from flows.errors import InputError

OBSERVED, MODEL = [2.0, 4.0, 6.0], [3.0, 4.0, 8.0]
# mean 4 and 5; errors 1, 0, 2; squares 1, 0, 4; spread observed 8, model (4 + 1 + 9) = 14


def test_the_hand_worked_case() -> None:
    assert fit.r_squared(OBSERVED, MODEL) == pytest.approx(1 - 5 / 8)
    assert fit.wmape(OBSERVED, MODEL) == pytest.approx(3 / 12)
    assert fit.rmse(OBSERVED, MODEL) == pytest.approx(math.sqrt(5 / 3))


def test_theil_of_the_hand_worked_case() -> None:
    """Mean squared error 5/3; s² observed 8/3, model 14/3; covariance (-2 * -2 + 0 + 2 * 3) / 3 = 10/3."""
    found = fit.theil(OBSERVED, MODEL)
    assert found.bias == pytest.approx(1 / (5 / 3))
    assert found.variance == pytest.approx((math.sqrt(14 / 3) - math.sqrt(8 / 3)) ** 2 / (5 / 3))
    assert found.covariance == pytest.approx(2 * (math.sqrt(14 * 8) / 3 - 10 / 3) / (5 / 3))


@pytest.mark.parametrize(
    ("model", "bias", "variance", "covariance"),
    [
        ([4.0, 6.0, 8.0], 1, 0, 0),  # too high by two throughout
        ([2.0, 6.0, 10.0], 4 / (4 + 8 / 3), (8 / 3) / (4 + 8 / 3), 0),  # twice the swing around a higher mean
        ([6.0, 4.0, 2.0], 0, 0, 1),  # the same values at the wrong times
    ],
)
def test_theil_tells_a_shift_from_a_swing_from_wrong_timing(
    model: list[float], bias: float, variance: float, covariance: float
) -> None:
    found = fit.theil(OBSERVED, model)
    parts = (found.bias, found.variance, found.covariance)
    assert parts == pytest.approx((bias, variance, covariance), abs=1e-12)


_VALUES = st.lists(st.floats(0, 1e3), min_size=2, max_size=30)


@given(_VALUES, st.integers(0, 1000))
def test_theil_shares_sum_to_one(values: list[float], seed: int) -> None:
    model = np.asarray(values) + np.random.default_rng(seed).normal(1, 5, len(values))
    found = fit.theil(values, model)
    assert found.bias + found.variance + found.covariance == pytest.approx(1, abs=1e-6)


def test_logs_leave_out_what_is_not_above_zero() -> None:
    """exp of 0, 1, 2 against 0, 1, 3: 1 - 1/2."""
    observed = [1.0, 0.0, math.e, math.e**2]
    assert fit.r_squared_of_logs(observed, [1.0, 5.0, math.e, math.e**3]) == pytest.approx(0.5)
    assert math.isnan(fit.r_squared_of_logs([1.0, 0.0], [1.0, 1.0]))


def test_nothing_to_compare_with_is_no_number() -> None:
    assert math.isnan(fit.r_squared([2.0, 2.0], [1.0, 3.0]))
    assert math.isnan(fit.wmape([0.0], [1.0]))
    assert math.isnan(fit.skill([1.0], [2.0], [1.0]))
    assert math.isnan(fit.theil([1.0, 2.0], [1.0, 2.0]).bias)


@pytest.mark.parametrize(("observed", "model"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [math.nan])])
def test_what_does_not_pair_up_is_refused(observed: list[float], model: list[float]) -> None:
    with pytest.raises(InputError):
        fit.rmse(observed, model)


def test_coverage_counts_the_ends() -> None:
    assert fit.coverage([1.0, 2.0, 3.0], [1.0, 2.5, 0.0], [1.0, 3.0, 3.0]) == pytest.approx(2 / 3)


def test_naive_forecasts_and_skill() -> None:
    history = [1.0, 9.0, 3.0, 5.0, 2.0]
    assert fit.last_value(history, 2).tolist() == [2.0, 2.0]
    assert fit.seasonal_naive(history, 5, period=4).tolist() == [9.0, 3.0, 5.0, 2.0, 9.0]
    # errors of the forecast 1, 1; of the last value 2, 4: 1 - 2/20
    assert fit.skill([4.0, 6.0], [5.0, 5.0], fit.last_value(history, 2)) == pytest.approx(0.9)
    with pytest.raises(InputError, match="whole season"):
        fit.seasonal_naive([1.0, 2.0], 3, period=12)


def test_turning_points_alternate_and_need_the_factor() -> None:
    series = [10, 12, 30, 28, 20, 17, 19, 40, 39, 25, 24, 26.0]
    # 30/17 = 1.76 makes a peak and 40/17 = 2.35 a trough; 40/24 = 1.667 is just too little for a second peak
    assert [(p.place, p.kind) for p in fit.turning_points(series)] == [(2, "peak"), (5, "trough")]
    assert [(p.place, p.kind) for p in fit.turning_points(series, factor=1.6)] == [
        (2, "peak"),
        (5, "trough"),
        (7, "peak"),
    ]


def test_the_ends_are_no_turning_points() -> None:
    assert fit.turning_points([9, 3, 1]) == ()
    assert [p.place for p in fit.turning_points([9, 3, 1, 5])] == [2]
    with pytest.raises(InputError):
        fit.turning_points([1, 0, 2])


@given(st.lists(st.floats(0.1, 1e5), min_size=3, max_size=60))
def test_turning_points_are_extrema_between_their_neighbours(values: list[float]) -> None:
    points = fit.turning_points(values)
    for before, after in pairwise(points):
        assert before.kind != after.kind
        assert max(before.value, after.value) / min(before.value, after.value) >= fit.FACTOR * (1 - 1e-9)
        part = values[before.place : after.place + 1]
        assert {before.value, after.value} == {min(part), max(part)}


def test_a_hit_is_near_in_time_and_size() -> None:
    observed = [1, 2, 8, 3, 1, 2, 4.0]
    points = fit.turning_points(observed)
    assert [(p.place, p.kind) for p in points] == [(2, "peak"), (4, "trough")]
    same = fit.hits(points, observed)
    assert [h.hit for h in same] == [True, True]
    late = fit.hits(points, [1, 1, 4, 7, 6, 2, 1.5])  # peak one step late; the trough two steps late
    assert [(h.early, h.hit) for h in late] == [(1, True), (2, False)]
    damped = fit.hits(points, [1, 2, 4.7, 3, 1.5, 2, 4])  # 8/4.7 = 1.70
    assert [h.hit for h in damped] == [False, True]


def test_modes_of_behaviour() -> None:
    months = np.arange(120)
    assert fit.course(np.exp(months / 40)) == "rise"
    assert fit.course(100 * np.exp(-((months - 60) ** 2) / 400)) == "rise fall"
    assert fit.course(100 + 30 * np.sin(months * 2 * np.pi / 12)) == "level"  # a season is no mode
    assert fit.course(np.zeros(20)) == "level"


def test_width_against_the_prior() -> None:
    sample = np.linspace(0, 1, 101)
    assert fit.width_ratio(sample, (0.0, 1.8)) == pytest.approx(0.5)
    with pytest.raises(InputError):
        fit.width_ratio(sample, (1.0, 1.0))
