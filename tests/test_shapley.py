"""Shapley effects: exact where they are known, whatever the cuts between updates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import special, stats

from flows import shapley
from flows.errors import InputError
from flows.shapley import Array


def exact(beta: Array, covariance: Array) -> Array:
    """Shapley effects of a linear function of Gaussian inputs, over all coalitions (Owen and Prieur 2017)."""
    d = len(beta)

    def explained(known: tuple[int, ...]) -> float:
        rest = [i for i in range(d) if i not in known]
        if not rest:
            return float(beta @ covariance @ beta)
        left = covariance[np.ix_(rest, rest)]
        if known:
            cross = covariance[np.ix_(rest, known)]
            left = left - cross @ np.linalg.solve(covariance[np.ix_(known, known)], cross.T)
        return float(beta @ covariance @ beta - beta[rest] @ left @ beta[rest])

    found = np.zeros(d)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        for size in range(d):
            weight = 1 / (d * math.comb(d - 1, size))
            for known in itertools.combinations(others, size):
                found[i] += weight * (explained((*known, i)) - explained(known))
    return found / explained(tuple(range(d)))


def test_the_exact_effects_of_three_inputs_are_those_in_print() -> None:
    """Iooss and Prieur (2019), equation for three Gaussian inputs of which the last two are correlated."""
    beta, sd, rho = np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0]), 0.9
    covariance = np.diag(sd**2)
    covariance[1, 2] = covariance[2, 1] = rho * sd[1] * sd[2]
    total = beta @ covariance @ beta
    b = beta * sd
    tied = rho * b[1] * b[2]
    expected = [
        b[0] ** 2 / total,
        (b[1] ** 2 + tied + 0.5 * rho**2 * (b[2] ** 2 - b[1] ** 2)) / total,
        (b[2] ** 2 + tied + 0.5 * rho**2 * (b[1] ** 2 - b[2] ** 2)) / total,
    ]
    np.testing.assert_allclose(exact(beta, covariance), expected, rtol=1e-12)


def run(n: int, beta: Array, correlation: Array, sd: Array, *, seed: int = 1) -> shapley.Effects:
    plan = shapley.design([f"x{i}" for i in range(len(beta))], n, seed=seed, correlation=correlation)
    sums = shapley.ShapleySums(plan, (1,))
    y = (special.ndtri(plan.rows(0, n)) * sd) @ beta
    sums.update(y[..., None], range(n))
    return sums.effects()


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.6, 0.95])
def test_correlated_gaussian_inputs(rho: float) -> None:
    beta, sd = np.array([1.0, 2.0, -1.0, 0.0]), np.array([1.0, 0.5, 2.0, 1.0])
    correlation = np.eye(4)
    correlation[1, 2] = correlation[2, 1] = rho
    correlation[0, 3] = correlation[3, 0] = 0.8  # the last does nothing, but goes with the first
    expected = exact(beta, correlation * np.outer(sd, sd))
    found = run(6000, beta, correlation, sd)
    assert np.abs(found.Sh[:, 0] - expected).max() < 0.04
    assert (np.abs(found.Sh - expected[:, None]) <= 1.6 * found.Sh_conf + 1e-9).all()
    assert found.Sh.sum() == pytest.approx(1.0, abs=1e-12)
    total = float(beta @ (correlation * np.outer(sd, sd)) @ beta)
    assert float(found.variance[0]) == pytest.approx(total, rel=0.1)
    assert expected[3] > 0.01  # owed to what it goes with


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    beta, sd = np.array([1.0, 1.0, 0.5]), np.ones(3)
    correlation = np.array([[1, 0.7, 0], [0.7, 1, 0], [0, 0, 1.0]])
    expected = exact(beta, correlation)
    inside = [
        (np.abs(found.Sh[:, 0] - expected) <= found.Sh_conf[:, 0])
        for found in (run(200, beta, correlation, sd, seed=seed) for seed in range(60))
    ]
    assert 0.88 <= np.mean(inside) <= 0.99


def test_ishigami_between_first_and_total_order() -> None:
    """Independent inputs: an interaction is shared in halves (Owen 2014, equation 3)."""
    a, b, n = 7.0, 0.1, 8000
    plan = shapley.design(["x1", "x2", "x3"], n, seed=4)
    x = np.pi * (2 * plan.rows(0, n) - 1)
    y = np.sin(x[..., 0]) + a * np.sin(x[..., 1]) ** 2 + b * x[..., 2] ** 4 * np.sin(x[..., 0])
    sums = shapley.ShapleySums(plan, ())
    sums.update(y, range(n))
    found = sums.effects()
    first = 0.5 * (1 + b * np.pi**4 / 5) ** 2
    second, both = a**2 / 8, 8 * b**2 * np.pi**8 / 225
    total = first + second + both
    expected = np.array([first + both / 2, second, both / 2]) / total
    assert (np.abs(found.Sh - expected) <= 1.6 * found.Sh_conf).all()
    assert found.Sh_conf.max() < 0.05


def test_groups_of_inputs_are_factors() -> None:
    beta, n = np.array([1.0, 1.0, 1.0]), 3000
    correlation = np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1.0]])
    plan = shapley.design(["a", "b", "c"], n, seed=2, correlation=correlation, groups=["tied", "tied", None])
    assert plan.factors == ("tied", "c")
    assert plan.width == 3
    sums = shapley.ShapleySums(plan, ())
    sums.update(special.ndtri(plan.rows(0, n)) @ beta, range(n))
    np.testing.assert_allclose(sums.effects().Sh, [3.6 / 4.6, 1 / 4.6], atol=0.05)


def test_rows_are_draws_of_the_copula_and_a_larger_design_begins_with_a_smaller() -> None:
    correlation = np.array([[1, -0.6], [-0.6, 1.0]])
    plan = shapley.design(["a", "b"], 4000, seed=9, correlation=correlation)
    rows = plan.rows(0, 4000)
    for place in range(3):
        assert stats.kstest(rows[:, place, 0], "uniform").pvalue > 1e-3
        scores = special.ndtri(rows[:, place])
        assert np.corrcoef(scores.T)[0, 1] == pytest.approx(-0.6, abs=0.04)
    assert abs(np.corrcoef(special.ndtri(rows[:, 0, 0]), special.ndtri(rows[:, -1, 0]))[0, 1]) < 0.05
    np.testing.assert_array_equal(rows[100:107], plan.rows(100, 107))
    smaller = shapley.design(["a", "b"], 50, seed=9, correlation=correlation)
    np.testing.assert_array_equal(smaller.rows(0, 50), rows[:50])


def test_the_copula_of_a_sample() -> None:
    random = np.random.default_rng(3)
    correlation = np.array([[1, 0.7, 0], [0.7, 1, 0], [0, 0, 1.0]])
    z = random.multivariate_normal(np.zeros(3), correlation, size=20_000)
    sample = np.column_stack([np.exp(z[:, 0]), z[:, 1] ** 3, z[:, 2], np.full(len(z), 4.0)])
    found = shapley.normal_correlation(sample)
    np.testing.assert_allclose(found[:3, :3], correlation, atol=0.02)
    np.testing.assert_allclose(found[3], [0, 0, 0, 1], atol=1e-9)
    twice = shapley.normal_correlation(sample[:, [0, 0]])
    np.linalg.cholesky(twice)
    assert twice[0, 1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("cuts", [(1,) * 40, (7, 33), (40,)])
def test_same_bits_whatever_the_cuts_and_after_a_restart(cuts: tuple[int, ...]) -> None:
    plan = shapley.design(["a", "b", "c"], 40, seed=6)
    values = np.random.default_rng(1).normal(size=(40, 4, 5)) * 1e6
    whole = shapley.ShapleySums(plan, (5,))
    whole.update(values, range(40))
    sums, start = shapley.ShapleySums(plan, (5,)), 0
    for cut in cuts:
        again = shapley.ShapleySums(plan, (5,))
        again.restore({key: value.copy() for key, value in sums.state().items()})
        again.update(values[start : start + cut], range(start, start + cut))
        sums, start = again, start + cut
    np.testing.assert_array_equal(sums.effects().Sh_low, whole.effects().Sh_low)
    with pytest.raises(ValueError, match="was expected"):
        shapley.ShapleySums(plan, (4,)).restore(whole.state())


def test_no_variance_gives_no_effect() -> None:
    plan = shapley.design(["a", "b"], 10, seed=6)
    sums = shapley.ShapleySums(plan, (2,))
    values = np.full((10, 3, 2), 0.1)
    values[..., 1] = plan.rows(0, 10)[..., 0]
    sums.update(values, range(10))
    found = sums.effects()
    assert np.isnan(found.Sh[:, 0]).all()
    assert found.variance[0] == 0
    np.testing.assert_allclose(found.Sh[:, 1], [1, 0], atol=1e-12)
    with pytest.raises(InputError, match="two groups, found 0"):
        shapley.ShapleySums(plan, (2,)).effects()
