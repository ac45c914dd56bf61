"""The Sobol design and estimators against SALib, analytic answers, and their own promises."""

from __future__ import annotations

import numpy as np
import pytest
from SALib.analyze import sobol as salib_analyze
from SALib.sample import sobol as salib_sample

from flows import sobol
from flows.errors import InputError

POINTS = ("S1", "ST", "S2")


def ishigami(x: np.ndarray) -> np.ndarray:
    """Ishigami & Homma (1990), with a = 7 and b = 0.1, on the unit cube (…, 3)."""
    z = np.pi * (2 * x - 1)
    return np.sin(z[..., 0]) * (1 + 0.1 * z[..., 2] ** 4) + 7 * np.sin(z[..., 1]) ** 2


ISHIGAMI_S1 = np.array([0.31390519, 0.44241114, 0.0])
ISHIGAMI_ST = np.array([0.55758886, 0.44241114, 0.24368366])
ISHIGAMI_S13 = 0.24368366

G_A = np.array([0.0, 1.0, 4.5, 9.0, 99.0])


def sobol_g(x: np.ndarray) -> np.ndarray:
    """Sobol's G function (Saltelli & Sobol 1995) on the unit cube (…, 5)."""
    return np.prod((np.abs(4 * x - 2) + G_A) / (1 + G_A), axis=-1)


def sobol_g_indices() -> tuple[np.ndarray, np.ndarray]:
    """First- and total-order indices of the G function in closed form."""
    partial = 1 / (3 * (1 + G_A) ** 2)
    variance = np.prod(1 + partial) - 1
    return partial / variance, partial * np.prod(1 + partial) / (1 + partial) / variance


def salib(values: np.ndarray, factors: int, *, second_order: bool) -> dict[str, np.ndarray]:
    problem = {"num_vars": factors, "names": [f"x{i}" for i in range(factors)], "bounds": [[0, 1]] * factors}
    return salib_analyze.analyze(problem, values.ravel(), calc_second_order=second_order, seed=1)


def several(x: np.ndarray) -> np.ndarray:
    """Outcomes × times of different size and skewness, (…, 3, 4)."""
    time = np.arange(1, 5)
    one = ishigami(x)[..., None] + time
    two = 1e6 + 50 * x[..., :1] * time + x[..., 1:2] ** 2
    three = np.exp(3 * x[..., 2:3] * x[..., 1:2] + 0.1 * time * x[..., :1])
    return np.stack([one, two, three], axis=-2)


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("groups", [None, ["p", "q", "p", None]])
def test_design_is_that_of_salib(groups: list[str | None] | None, second_order: bool) -> None:
    names = ["a", "b", "c", "d"]
    problem = {"num_vars": 4, "names": names, "bounds": [[0, 1]] * 4}
    if groups:
        problem["groups"] = ["p", "q", "p", "d"]
    expected = salib_sample.sample(problem, 64, calc_second_order=second_order, seed=5)
    design = sobol.design(names, 64, seed=5, groups=groups, second_order=second_order)
    assert design.runs == len(expected)
    assert design.factors == (("p", "q", "d") if groups else tuple(names))
    np.testing.assert_array_equal(design.rows().reshape(-1, 4), expected)
    np.testing.assert_array_equal(design.rows(7, 21), design.rows()[7:21])


def test_design_grows_without_changing_what_was_run() -> None:
    small, large = (sobol.design(["a", "b"], n, seed=3) for n in (32, 64))
    np.testing.assert_array_equal(small.rows(), large.rows()[:32])


@pytest.mark.parametrize(
    ("names", "n", "words"),
    [
        ([], 8, "uncertainty"),
        (["a", "a"], 8, "twice"),
        (["a"], 1000, "Use n = 1024"),
        (["a"], 0, "power of 2"),
    ],
)
def test_design_refuses(names: list[str], n: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sobol.design(names, n, seed=1)


@pytest.mark.parametrize("second_order", [False, True])
def test_equal_to_salib(second_order: bool) -> None:
    design = sobol.design(["a", "b", "c"], 256, seed=11, second_order=second_order)
    values = several(design.rows())
    found = sobol.indices(values, second_order=second_order)
    for outcome in range(3):
        for time in range(4):
            expected = salib(values[..., outcome, time], 3, second_order=second_order)
            for name in POINTS if second_order else POINTS[:2]:
                ours = getattr(found, name)[..., outcome, time]
                np.testing.assert_allclose(ours, expected[name], rtol=0, atol=1e-10, err_msg=name)


def test_pure_estimators_equal_the_sums() -> None:
    design = sobol.design(["a", "b", "c"], 128, seed=2, second_order=True)
    values = several(design.rows())
    found = sobol.indices(values, second_order=True, resamples=0)
    centred = values - values.mean(axis=(0, 1))
    a, ab, ba, b = centred[:, 0], centred[:, 1:4], centred[:, 4:7], centred[:, 7]
    np.testing.assert_allclose(found.S1[1], sobol.first_order(a, ab[:, 1], b), atol=1e-10)
    np.testing.assert_allclose(found.ST[1], sobol.total_order(a, ab[:, 1], b), atol=1e-10)
    pair = sobol.second_order(a, ab[:, 0], ab[:, 2], ba[:, 0], b)
    assert found.S2 is not None
    np.testing.assert_allclose(found.S2[0, 2], pair, atol=1e-9)
    assert np.isnan(found.S2[2, 0]).all()
    np.testing.assert_allclose(found.mean, values.mean(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(found.variance, values[:, [0, -1]].var(axis=(0, 1)), rtol=1e-10)


def test_ishigami_inside_its_intervals() -> None:
    design = sobol.design(["a", "b", "c"], 2048, seed=4, second_order=True)
    found = sobol.indices(ishigami(design.rows()), second_order=True, seed=9)
    for exact, low, high in (
        (ISHIGAMI_S1, found.S1_low, found.S1_high),
        (ISHIGAMI_ST, found.ST_low, found.ST_high),
    ):
        assert np.all((low <= exact) & (exact <= high))
    assert found.S2 is not None
    assert found.S2_low is not None
    assert found.S2_high is not None
    assert found.S2_low[0, 2] <= ISHIGAMI_S13 <= found.S2_high[0, 2]
    assert np.abs(found.S2[0, 1]) < 0.05


def test_sobol_g_inside_its_intervals() -> None:
    design = sobol.design(list("abcde"), 4096, seed=8)
    found = sobol.indices(sobol_g(design.rows()), seed=1)
    first, total = sobol_g_indices()
    assert np.all((found.S1_low <= first) & (first <= found.S1_high))
    assert np.all((found.ST_low <= total) & (total <= found.ST_high))


def test_half_width_is_that_of_salib() -> None:
    design = sobol.design(["a", "b", "c"], 1024, seed=6)
    values = ishigami(design.rows())
    found = sobol.indices(values, resamples=1000, seed=1)
    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[0, 1]] * 3}
    expected = salib_analyze.analyze(
        problem, values.ravel(), calc_second_order=False, num_resamples=1000, seed=1
    )
    np.testing.assert_allclose(found.S1_conf, expected["S1_conf"], rtol=0.12)
    np.testing.assert_allclose(found.ST_conf, expected["ST_conf"], rtol=0.12)


def test_interval_covers_as_often_as_it_says() -> None:
    """Many independent samples of a linear function: the truth lies in the 95 % interval that often."""
    rng = np.random.default_rng(3)
    repeats, n = 300, 128
    a, b = rng.normal(size=(2, n, repeats, 2))
    ab = a.copy()
    ab[..., 0] = b[..., 0]
    values = np.stack([x.sum(axis=-1) for x in (a, ab, np.stack([a[..., 0], b[..., 1]], -1), b)], axis=1)
    found = sobol.indices(values, resamples=200)
    for name in ("S1", "ST"):
        low, high = getattr(found, f"{name}_low")[0], getattr(found, f"{name}_high")[0]
        assert np.mean((low <= 0.5) & (high >= 0.5)) > 0.88


@pytest.mark.parametrize("sizes", [(1,), (7,), (64,), (100, 3), (300,)])
@pytest.mark.parametrize("second_order", [False, True])
def test_same_bits_whatever_the_chunking(sizes: tuple[int, ...], second_order: bool) -> None:
    design = sobol.design(["a", "b", "c"], 256, seed=1, second_order=second_order)
    values = several(design.rows())[:250]
    whole = sobol.indices(values, second_order=second_order, resamples=40, seed=5)
    sums = sobol.SobolSums((3, 4), factors=3, second_order=second_order, resamples=40, seed=5)
    start, turn = 0, 0
    while start < len(values):
        stop = start + sizes[turn % len(sizes)]
        sums.update(values[start:stop])
        start, turn = stop, turn + 1
    again = sums.indices()
    for name, ours in vars(again).items():
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, getattr(whole, name), err_msg=name)


def test_looking_early_changes_nothing() -> None:
    values = several(sobol.design(["a", "b", "c"], 128, seed=1).rows())
    sums = sobol.SobolSums((3, 4), factors=3, resamples=20)
    sums.update(values[:30])
    early = sums.indices()
    sums.update(values[30:100])
    sums.indices()
    sums.update(values[100:])
    np.testing.assert_array_equal(early.S1, sobol.indices(values[:30], resamples=20).S1)
    np.testing.assert_array_equal(sums.indices().ST_high, sobol.indices(values, resamples=20).ST_high)


def test_no_variance_gives_nan_and_no_warning() -> None:
    design = sobol.design(["a", "b"], 64, seed=1, second_order=True)
    x = design.rows()
    values = np.stack([x[..., 0], np.zeros(x.shape[:2]), np.full(x.shape[:2], 0.1 + 1e5)], axis=-1)
    values[:, ::2, 2] = np.nextafter(values[:, ::2, 2], np.inf)
    found = sobol.indices(values, second_order=True)
    for name in ("S1", "ST", "S1_conf", "ST_low", "ST_high"):
        assert np.isfinite(getattr(found, name)[:, 0]).all(), name
        assert np.isnan(getattr(found, name)[:, 1:]).all(), name
    assert found.variance[1] == 0
    assert np.isnan(sobol.first_order(np.ones(4), np.ones(4), np.ones(4)))


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
def test_stable_under_an_offset(offset: float) -> None:
    values = ishigami(sobol.design(["a", "b", "c"], 512, seed=1).rows())
    plain, moved = sobol.indices(values), sobol.indices(values + offset)
    np.testing.assert_allclose(moved.S1, plain.S1, atol=1e-6 if offset < -1e8 else 1e-9)
    np.testing.assert_allclose(moved.ST_high, plain.ST_high, atol=1e-6 if offset < -1e8 else 1e-9)


def test_stable_when_the_first_block_is_unlike_the_rest() -> None:
    values = np.random.default_rng(1).normal(size=(4096, 4))
    values[:64] += 1e4
    found = sobol.indices(values, resamples=0)
    expected = salib(values, 2, second_order=False)
    np.testing.assert_allclose(found.S1, expected["S1"], atol=1e-10)
    np.testing.assert_allclose(found.ST, expected["ST"], atol=1e-10)


def test_groups_of_inputs_are_factors() -> None:
    design = sobol.design(["a", "b", "c"], 2048, seed=4, groups=["p", None, "p"])
    found = sobol.indices(ishigami(design.rows()))
    assert found.S1.shape == (2,)
    np.testing.assert_allclose(found.S1, [1 - ISHIGAMI_S1[1], ISHIGAMI_S1[1]], atol=0.05)


def test_wrong_shape_is_refused() -> None:
    sums = sobol.SobolSums((2,), factors=3)
    with pytest.raises(InputError, match="no outputs yet"):
        sums.indices()
    with pytest.raises(InputError, match=r"found shape \(4, 4, 2\), expected shape \(groups, 5, 2\)"):
        sums.update(np.zeros((4, 4, 2)))


def test_without_resamples_there_is_no_interval() -> None:
    found = sobol.indices(ishigami(sobol.design(["a", "b", "c"], 16, seed=1).rows()), resamples=0)
    assert np.isfinite(found.S1).all()
    assert np.isnan(found.S1_low).all()
    assert np.isnan(found.S1_conf).all()
