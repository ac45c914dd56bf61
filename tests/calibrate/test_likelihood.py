"""The density of errors: what it is made of, against formulas and draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from flows.calibrate.likelihood import LARGEST_RHO, Discrepancy


def _discrepancy(times: np.ndarray, rho: float, a: float = 2.0, b: float = 0.05) -> Discrepancy:
    return Discrepancy(rho, np.diff(times), a, b)


def test_the_density_is_that_of_normal_errors_with_the_variance_integrated_out() -> None:
    times = np.array([0.0, 1.0, 2.5, 7.0])
    one = _discrepancy(times, 0.6)
    pairs = [np.array([0.1, -0.2, 0.3, 0.05]), np.array([0.4, 0.5, 0.2, -0.3])]
    correlation = 0.6 ** np.abs(times[:, None] - times[None])

    def exact(errors: np.ndarray) -> float:
        def density(variance: float) -> float:
            normal = stats.multivariate_normal(np.zeros(4), variance * correlation).pdf(errors)
            return float(normal * stats.invgamma(2.0, scale=0.05).pdf(variance))

        return float(np.log(integrate.quad(density, 1e-5, 5, limit=400)[0]))

    ours = one.log_density(np.array(pairs))
    assert ours[0] - ours[1] == pytest.approx(exact(pairs[0]) - exact(pairs[1]), rel=1e-5)


def test_the_spread_of_correlations_is_in_the_density() -> None:
    times = np.arange(6.0)
    errors = np.array([0.3, 0.28, 0.31, 0.3, 0.27, 0.29])
    a, b = (_discrepancy(times, rho) for rho in (0.2, 0.8))
    exact = []
    for rho in (0.2, 0.8):
        matrix = rho ** np.abs(times[:, None] - times[None])
        square = errors @ np.linalg.solve(matrix, errors)
        exact.append(-np.linalg.slogdet(matrix)[1] / 2 - (2 + 3) * np.log(0.05 + square / 2))
    assert b.log_density(errors) - a.log_density(errors) == pytest.approx(exact[1] - exact[0])


def test_the_correlation_of_drawn_errors_is_found_again() -> None:
    random = np.random.default_rng(1)
    times = np.cumsum(random.uniform(0.5, 2.0, 600))
    true = _discrepancy(times, 0.75)
    errors = true.draw(np.full(1, 0.04), times, random)[0]
    found = Discrepancy.expected(times, 0.2).refit(errors)
    assert found.rho == pytest.approx(0.75, abs=0.06)
    assert found.variance(errors) == pytest.approx(0.04, rel=0.25)
    assert Discrepancy.expected(times, 0.2).refit(np.full(600, 0.5)).rho == pytest.approx(
        LARGEST_RHO, abs=1e-3
    )


def test_drawn_errors_have_the_stated_variance_and_continue_the_last_one() -> None:
    random = np.random.default_rng(2)
    times = np.array([0.0, 1.0, 4.0])
    one = _discrepancy(times, 0.5)
    draws = one.draw(np.full(40_000, 0.09), times, random)
    assert draws.var(axis=0) == pytest.approx(np.full(3, 0.09), rel=0.05)
    assert np.corrcoef(draws[:, 1], draws[:, 2])[0, 1] == pytest.approx(0.125, abs=0.02)
    after = one.draw(np.full(40_000, 0.09), np.array([6.0]), random, last=(5.0, np.full(40_000, 0.8)))
    assert after.mean() == pytest.approx(0.4, abs=0.01)
    assert after.var() == pytest.approx(0.09 * 0.75, rel=0.05)


def test_a_run_without_numbers_has_no_likelihood() -> None:
    one = _discrepancy(np.arange(3.0), 0.5)
    assert one.log_density(np.array([[0.1, np.nan, 0.2], [0.1, 0.1, 0.1]])).tolist()[0] == -np.inf
