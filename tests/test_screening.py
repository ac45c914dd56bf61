"""Screening against SALib and against functions whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from flows.errors import InputError
from flows.screening import elementary_effects, regional, trajectories


def ishigami(x):
    u = np.pi * (2 * x - 1)
    return np.sin(u[..., 0]) + 7 * np.sin(u[..., 1]) ** 2 + 0.1 * u[..., 2] ** 4 * np.sin(u[..., 0])


def test_equal_to_salib_on_the_same_sample():
    from SALib.analyze import morris

    names = ["x1", "x2", "x3"]
    sample = trajectories(names, 64, seed=3)
    assert sample.runs == 64 * 4
    found = elementary_effects(sample, ishigami(sample.points))
    problem = {"num_vars": 3, "names": names, "bounds": [[0.0, 1.0]] * 3}
    flat = sample.points.reshape(-1, 3)
    expected = morris.analyze(problem, flat, ishigami(flat), num_levels=4, seed=1)
    for key in ("mu", "mu_star", "sigma"):
        np.testing.assert_allclose(getattr(found, key), np.asarray(expected[key]), rtol=1e-10)
    assert (found.mu_star_low <= found.mu_star + 1e-9).all() and (
        found.mu_star <= found.mu_star_high + 1e-9
    ).all()


def test_groups_are_equal_to_salib_too():
    from SALib.analyze import morris

    names, groups = ["x1", "x2", "x3"], ["a", "a", "b"]
    sample = trajectories(names, 32, seed=5, groups=groups)
    found = elementary_effects(sample, ishigami(sample.points))
    problem = {"num_vars": 3, "names": names, "bounds": [[0.0, 1.0]] * 3, "groups": groups}
    flat = sample.points.reshape(-1, 3)
    expected = morris.analyze(problem, flat, ishigami(flat), num_levels=4, seed=1)
    assert sample.factors == ("a", "b")
    np.testing.assert_allclose(found.mu_star, np.asarray(expected["mu_star"], dtype=float), rtol=1e-10)
    assert np.isnan(found.mu).all()


def test_a_linear_function_has_its_slopes_and_no_spread():
    sample = trajectories(["a", "b", "c"], 8, seed=1)
    x = sample.points
    values = np.stack([3 * x[..., 0] - 2 * x[..., 1], x[..., 2]], axis=-1)
    found = elementary_effects(sample, values)
    np.testing.assert_allclose(found.mu, [[3, 0], [-2, 0], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.mu_star, [[3, 0], [2, 0], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.sigma, 0, atol=1e-12)


def test_regional_finds_the_driver_of_the_worst_tenth_alone():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(1)
    x = rng.random((4000, 4))
    y = np.stack(
        [x[:, 0] + 0.1 * x[:, 1], np.where(x[:, 2] > 0.9, 10.0, x[:, 3]), np.full(4000, 2.0)], axis=1
    )
    found = regional(x, y)
    assert found.distance[0, 0] > 0.8 and found.shift[0, 0] > 0.4
    assert found.distance[2, 1] > 0.99
    assert found.distance[3, 0] < found.noise < 0.15
    assert np.isnan(found.distance[:, 2]).all()
    assert found.worst[0] == 400
    bad = y[:, 0] >= found.threshold[0]
    for j in range(4):
        expected = ks_2samp(x[bad, j], x[~bad, j]).statistic
        assert found.distance[j, 0] == pytest.approx(expected, abs=1e-12)


def test_low_values_may_be_the_worst():
    x = np.random.default_rng(2).random((500, 2))
    found = regional(x, x[:, 0], high=False)
    assert found.shift[0] < -0.4 and found.threshold < 0.2


def test_noise_level_is_exceeded_in_about_one_study_of_twenty():
    rng = np.random.default_rng(3)
    exceeded = 0
    for _ in range(400):
        x, y = rng.random((400, 5)), rng.random(400)
        found = regional(x, y)
        exceeded += bool((found.distance > found.noise).any())
    assert 4 <= exceeded <= 32


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"levels": 3}, "even"), ({"n": 1}, "two trajectories"), ({"names": ["a"]}, "two uncertainties")],
)
def test_bad_designs_are_refused(arguments, words):
    given = {"names": ["a", "b"], "n": 4, "levels": 4} | arguments
    with pytest.raises(InputError, match=words):
        trajectories(given["names"], given["n"], seed=1, levels=given["levels"])
