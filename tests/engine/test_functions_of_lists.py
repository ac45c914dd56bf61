"""Lookups and vectors as plain Python, which machine code is made of: against numpy and values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flows.engine import runtime
from flows.engine.runtime import LOOKUPS, NOT_AVAILABLE, VECTORS

INF, NAN = math.inf, math.nan
X, Y = [0.0, 1.0, 3.0, 4.0], [2.0, 4.0, 0.0, 1.0]


def table(x: list[float], y: list[float]) -> list[float]:
    """The block of a lookup: x, y, slopes."""
    with np.errstate(invalid="ignore"):
        slopes = [b / a if a else 0.0 for a, b in zip(np.diff(x), np.diff(y), strict=True)]
    return [*x, *y, *slopes, 0.0]


LONG = table([*X, 4.0, 4.0], [*Y, 1.0, 1.0])  # lengthened to that of another table
PLAIN = table(X, Y)
TABLES = pytest.mark.parametrize("points", [PLAIN, LONG], ids=["plain", "lengthened"])


@TABLES
@pytest.mark.parametrize(
    ("mode", "x", "y"),
    [
        ("forward", -1, 2),
        ("forward", 0.5, 4),
        ("forward", 1, 4),
        ("forward", 9, 1),
        ("backward", -1, 2),
        ("backward", 0.5, 2),
        ("backward", 3, 0),
        ("backward", 9, 1),
        ("extrapolate", -1, 0),
        ("extrapolate", 2, 2),
        ("extrapolate", 6, 3),
        ("invert", 2, 0),
        ("invert", 3, 0.5),
        ("invert", 0, 3),
        ("invert", 5, NOT_AVAILABLE),
        ("area", -1, -2),
        ("area", 0.5, 1.25),
        ("area", 4, 7.5),
        ("area", 6, 9.5),
        ("share", -1, 0),
        ("share", 1, 0.4),
        ("share", 9, 1),
        ("quantile", 0.4, 1),
        ("at time", 1, 4),
        ("at time", 1 + 1e-12, 4),
        ("at time", 2, NOT_AVAILABLE),
        ("first time", 9, 0),
        ("last time", 9, 4),
        ("total points", 9, 4),
        ("count", 1, 2),
        ("count before", 1, 1),
        ("count", 9, 4),
        ("sum", 3, 6),
        ("sum before", 3, 6),
        ("sum", 1, 6),
        ("sum before", 1, 2),
        ("between", 2, 2),
        ("between", -0.1, NOT_AVAILABLE),
        ("between", 4.1, NOT_AVAILABLE),
        ("between forward", 2, 0),
        ("between forward", 4.1, NOT_AVAILABLE),
        ("between backward", 2, 4),
        ("between backward", -0.1, NOT_AVAILABLE),
    ],
)
def test_each_way_to_read_a_lookup(points: list[float], mode: str, x: float, y: float) -> None:
    assert LOOKUPS[mode](points, float(x)) == pytest.approx(y, abs=1e-12)


@TABLES
def test_the_area_is_the_integral_of_what_is_read(points: list[float]) -> None:
    for end in np.linspace(-1, 6, 15):
        x = np.unique([0.0, *np.linspace(0, end, 3), *(p for p in X if min(0, end) < p < max(0, end))])
        whole = np.trapezoid(np.interp(x, X, Y), x) * (1 if end >= 0 else -1)
        assert runtime.lookup_area(points, float(end)) == pytest.approx(whole, abs=1e-12)


@TABLES
def test_a_share_and_its_quantile_undo_each_other(points: list[float]) -> None:
    for share in (0.01, 0.25, 0.5, 0.9):
        assert runtime.lookup_share(points, runtime.lookup_quantile(points, share)) == pytest.approx(share)


@pytest.mark.parametrize("y", [[0.0, 0.0], [1.0, -3.0], [3.0, -1.0]])
def test_what_is_no_density_has_no_quantile(y: list[float]) -> None:
    assert math.isnan(runtime.lookup_quantile(table([0.0, 1.0], y), 0.5))


def test_nothing_has_no_shares() -> None:
    assert math.isnan(runtime.lookup_share(table([0.0, 1.0], [0.0, 0.0]), 0.5))


def test_a_lookup_of_one_point_is_held() -> None:
    assert [runtime.lookup_extrapolate([2.0, 7.0, 0.0], x) for x in (1.0, 2.0, 3.0)] == [7, 7, 7]


def test_whole_numbers_of_infinity_stay_infinite() -> None:
    assert runtime.guarded(math.trunc)(-INF) == -INF
    assert runtime.guarded(math.floor)(INF) == INF
    assert math.isnan(runtime.guarded(math.fmod)(1.0, 0.0))


def test_an_element_outside_of_its_array_is_missing() -> None:
    memory = [9.0, 1.0, 2.0, 3.0, 8.0]
    assert [runtime.element(memory, 1, 3, p) for p in (0, 2.9, 3, -0.1, NAN)] == [
        *(1, 3),
        *(NOT_AVAILABLE,) * 3,
    ]


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [5.0, 5.0, 4.0, 5.0], [7.0]])
def test_order_and_rank_agree_with_a_stable_sort(values: list[float]) -> None:
    n = len(values)
    for direction, key in ((1.0, np.array(values)), (0.0, -np.array(values))):
        expected = np.argsort(key, kind="stable")
        order = [
            VECTORS["vector_sort_order"]([float(n), *values, direction, float(place)]) for place in range(n)
        ]
        rank = [VECTORS["vector_rank"]([float(n), *values, direction, float(at)]) for at in range(n)]
        assert order == expected.tolist()
        assert rank == (np.argsort(expected) + 1).tolist()


def test_an_order_that_no_element_has_is_no_number() -> None:
    assert math.isnan(VECTORS["vector_sort_order"]([2.0, 5.0, 4.0, 1.0, 7.0]))


def test_reordering_takes_the_named_element_or_none() -> None:
    order = [2.0, 0.0, 3.0, -1.0]
    found = [
        VECTORS["vector_reorder"]([3.0, 10.0, 20.0, 30.0, 4.0, *order, float(place)]) for place in range(4)
    ]
    assert found == [30, 10, NOT_AVAILABLE, NOT_AVAILABLE]


@pytest.mark.parametrize(
    ("mode", "y"), [(0, 2.5), (1, 0.625), (2, 0), (3, 2.5), (4, 5), (5, 0.1), (6, NAN), (0.5, NAN)]
)
def test_a_vector_as_a_lookup_in_each_mode(mode: float, y: float) -> None:
    found = VECTORS["vector_lookup"]([3.0, 0.0, 5.0, 4.0, 0.5, 0.0, 2.0, mode, 0.0])
    assert found == pytest.approx(y, nan_ok=True)


def test_a_matrix_is_inverted_as_numpy_inverts_it() -> None:
    matrix = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [4.0, -1.0, 0.5]])
    values = [9.0, *matrix.ravel()]
    found = np.array([VECTORS["invert_matrix"]([*values, float(k)]) for k in range(9)]).reshape(3, 3)
    np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=1e-12, atol=1e-14)


def test_a_singular_matrix_has_no_inverse() -> None:
    assert all(math.isnan(VECTORS["invert_matrix"]([4.0, 1.0, 2.0, 2.0, 4.0, float(k)])) for k in range(4))


def test_a_position_outside_of_a_result_is_no_number() -> None:
    assert math.isnan(VECTORS["invert_matrix"]([1.0, 2.0, 5.0]))


def allocate(requests: list[float], profiles: list[list[float]], supply: float) -> list[float]:
    """ALLOCATE AVAILABLE, all elements."""
    flat = [v for p in profiles for v in p]
    n = len(requests)
    return [
        VECTORS["allocate_available"]([float(n), *requests, float(len(flat)), *flat, supply, float(k)])
        for k in range(n)
    ]


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_allocation_gives_away_all_and_favours_the_first(kind: int) -> None:
    requests = [10.0, 20.0, 30.0]
    for supply in (1.0, 12.0, 31.0, 59.0):
        given = allocate(requests, [[kind, p, 2.0, 0.0] for p in (3.0, 2.0, 1.0)], supply)
        assert sum(given) == pytest.approx(supply)
        assert all(0 <= g <= r for g, r in zip(given, requests, strict=True))
        shares = [g / r for g, r in zip(given, requests, strict=True)]
        assert shares == sorted(shares, reverse=True)
    assert allocate(requests, [[kind, 1.0, 2.0, 0.0]] * 3, 99.0) == requests
    even = allocate(requests, [[kind, 1.0, 2.0, 0.0]] * 3, 30.0)
    assert even == pytest.approx([5, 10, 15])


@pytest.mark.parametrize(
    ("kind", "away", "share"),
    [
        (0, 9, 1),
        (1, -1, 1),
        (1, 0.25, 0.25),
        (1, 1, 0),
        (2, -0.5, 1),
        (2, 0.5, 0),
        (2, -0.25, 0.875),
        (2, 0.25, 0.125),
        (3, 0, 0.5),
        (3, 1, 0.15865525393145705),
        (4, -1, 1 - math.exp(-1) / 2),
        (4, 1, math.exp(-1) / 2),
    ],
)
def test_the_share_met_by_each_profile(kind: int, away: float, share: float) -> None:
    """Areas of a rectangle, a triangle, the normal and the Laplace distribution above a point."""
    assert runtime._share(kind, 10.0, 2.0, 10.0 + 2.0 * away) == pytest.approx(share, rel=1e-12)


def test_a_fixed_demand_comes_first_and_is_cut_if_it_is_too_large() -> None:
    profiles = [[0.0, 0.0, 0.0, 0.0], [1.0, 5.0, 1.0, 0.0]]
    assert allocate([10.0, 10.0], profiles, 14.0) == pytest.approx([10, 4])
    assert allocate([10.0, 10.0], profiles, 6.0) == [6, 0]


@pytest.mark.parametrize(
    ("requests", "profile", "supply"),
    [
        ([-1.0, 2.0], [1.0, 1.0, 1.0, 0.0], 1.0),
        ([1.0, 2.0], [1.0, 1.0, 1.0, 0.0], -1.0),
        ([1.0, 2.0], [1.0, 1.0, 1.0, 0.0], NAN),
        ([1.0, 2.0], [5.0, 1.0, 1.0, 0.0], 1.0),
        ([1.0, 2.0], [3.0, 1.0, 0.0, 0.0], 1.0),
    ],
)
def test_what_cannot_be_allocated_is_no_number(
    requests: list[float], profile: list[float], supply: float
) -> None:
    assert all(math.isnan(x) for x in allocate(requests, [profile, profile], supply))


def test_priorities_that_lie_far_apart_are_served_in_turn() -> None:
    by_priority = VECTORS["allocate_by_priority"]
    given = [by_priority([3.0, 4.0, 4.0, 4.0, 3.0, 1.0, 9.0, 5.0, 1.0, 6.0, float(k)]) for k in range(3)]
    assert given == pytest.approx([0, 4, 2])


def test_the_logarithm_of_the_gamma_function() -> None:
    assert VECTORS["gamma_ln"]([5.0]) == pytest.approx(math.log(24))
    assert math.isnan(VECTORS["gamma_ln"]([0.0]))
