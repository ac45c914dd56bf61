r"""Screening and regional sensitivity: which inputs matter at all, and what drives the worst tenth.

This module knows nothing of models. Inputs live in the unit cube; outputs are arrays of any number of quantities
(outcomes × times).

Elementary effects (Morris 1991) on winding trajectories over a grid of levels, chosen by ``SALib.sample.morris``. With
:math:`EE_j` the change of the output over one step of input j divided by the step,

.. math::

    \mu_j = \overline{EE_j}, \qquad \mu^*_j = \overline{|EE_j|}, \qquad \sigma_j = \mathrm{sd}(EE_j):

:math:`\mu^*` ranks inputs by their effect, a :math:`\sigma` of its size says that the effect depends on the others.

Regional sensitivity (Hornberger and Spear 1981): the runs are split into those where an outcome is in its worst share
and the rest; an input matters for the difference if its values are distributed otherwise in the two. The measure is
the largest distance of the two distribution functions (Kolmogorov-Smirnov).

References
----------
Morris, M. D. (1991). Factorial sampling plans for preliminary computational experiments. Technometrics 33(2), 161-174.
Campolongo, F., Cariboni, J., Saltelli, A. (2007). An effective screening design for sensitivity analysis of large
models. Environmental Modelling & Software 22(10), 1509-1518.
Hornberger, G. M., Spear, R. C. (1981). An approach to the preliminary analysis of environmental systems. Journal of
Environmental Management 12, 7-18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from flows.errors import InputError

__all__ = [
    "Effects",
    "Regional",
    "Trajectories",
    "elementary_effects",
    "regional",
    "trajectories",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """A Morris sample.

    Attributes
    ----------
    names : tuple of str, length d
        The inputs.
    factors : tuple of str, length k
        The inputs, or their groups in order of appearance.
    levels : int
        Levels of the grid.
    points : ndarray, shape (r, k + 1, d)
        Points of each trajectory in the unit cube; one factor moves from a point to the next.
    moved : ndarray of int, shape (r, k)
        The factor that moves at each step.
    up : ndarray, shape (r, k)
        1 where it rises, -1 where it falls (of a group: its first input).
    """

    names: tuple[str, ...]
    factors: tuple[str, ...]
    levels: int
    points: Array
    moved: NDArray[np.intp]
    up: Array

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(self.points.shape[0] * self.points.shape[1])

    @property
    def step(self) -> float:
        """Step in the unit cube: levels / (2 (levels - 1))."""
        return self.levels / (2.0 * (self.levels - 1))


def trajectories(
    names: Sequence[str],
    n: int,
    *,
    seed: int,
    levels: int = 4,
    groups: Sequence[str | None] | None = None,
) -> Trajectories:
    """Draw Morris trajectories.

    Parameters
    ----------
    names : sequence of str, length d
        The inputs.
    n : int
        Number of trajectories; there are n (k + 1) runs.
    seed : int
        Of the sample.
    levels : int
        Levels of the grid, an even number.
    groups : sequence of str or None, length d, optional
        The group of each input; all have one or none has.

    Returns
    -------
    Trajectories
        Their points, and which factor moves at each step.

    Raises
    ------
    InputError
        If there are fewer than two factors or trajectories, or the number of levels is odd.
    """
    from SALib.sample import morris

    if levels < 2 or levels % 2:
        raise InputError(
            "the number of levels must be even", found=f"levels = {levels}", remedy="Use levels = 4"
        )
    if n < 2:
        raise InputError("a screening needs at least two trajectories", found=f"n = {n}", remedy="Use n = 16")
    given = list(groups) if groups is not None else [None] * len(names)
    labels = tuple(group or name for group, name in zip(given, names, strict=True))
    factors = tuple(dict.fromkeys(labels))
    if len(factors) < 2:
        raise InputError("a screening needs at least two uncertainties or groups", found=", ".join(factors))
    problem: dict[str, object] = {
        "num_vars": len(names),
        "names": list(names),
        "bounds": [[0.0, 1.0]] * len(names),
    }
    if len(factors) < len(names):
        problem["groups"] = list(labels)
    points = np.asarray(morris.sample(problem, n, num_levels=levels, seed=seed), dtype=np.float64)
    points = points.reshape(n, len(factors) + 1, len(names))
    change = np.diff(points, axis=1)  # (n, k, d)
    column = np.abs(change).argmax(axis=2)
    place = np.array([factors.index(label) for label in labels], dtype=np.intp)
    rise = np.take_along_axis(change, column[..., None], axis=2)[..., 0]
    return Trajectories(tuple(names), factors, levels, points, place[column], np.sign(rise))


@dataclass(frozen=True, eq=False)
class Effects:
    """Elementary effects of all quantities.

    Attributes
    ----------
    mu, mu_star, sigma : ndarray, shape (k, …)
        Mean, mean size and standard deviation of the effects, in the quantity's unit per whole range of the input;
        ``mu`` and ``sigma`` are NaN for groups, whose inputs move to different sides.
    mu_star_low, mu_star_high : ndarray, shape (k, …)
        Interval of ``mu_star`` by the bootstrap over trajectories.
    n : int
        Trajectories.
    """

    mu: Array
    mu_star: Array
    sigma: Array
    mu_star_low: Array
    mu_star_high: Array
    n: int


def elementary_effects(
    sample: Trajectories, values: ArrayLike, *, resamples: int = 200, seed: int = 0, level: float = 0.95
) -> Effects:
    """Estimate mean, mean size and spread of the elementary effects (Morris 1991; Campolongo et al. 2007).

    Parameters
    ----------
    sample : Trajectories
    values : array_like, shape (r, k + 1, …)
        Outputs at its points.
    resamples, seed, level
        Of the bootstrap over trajectories.

    Returns
    -------
    Effects

    Raises
    ------
    InputError
        The outputs have another shape.
    """
    values = np.asarray(values, dtype=np.float64)
    n, k = sample.moved.shape
    if values.shape[:2] != (n, k + 1):
        raise InputError(
            "the outputs don't fit", found=f"shape {values.shape}", expected=f"shape ({n}, {k + 1}, …)"
        )
    rows = np.arange(n)[:, None]
    effects = np.empty((n, k, *values.shape[2:]))
    blank = (1,) * (values.ndim - 2)
    effects[rows, sample.moved] = np.diff(values, axis=1) / (sample.up * sample.step).reshape(n, k, *blank)
    size = np.abs(effects)
    low, high = np.full((2, k, *values.shape[2:]), np.nan)
    if resamples > 1:
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples) / n
        again = np.tensordot(weights, size, axes=1)
        tail = 0.5 * (1 - level)
        low, high = np.quantile(again, [tail, 1 - tail], axis=0)
    grouped = len(sample.factors) < len(sample.names)
    mean, spread = effects.mean(axis=0), effects.std(axis=0, ddof=1)
    return Effects(
        mu=np.full_like(mean, np.nan) if grouped else mean,
        mu_star=size.mean(axis=0),
        sigma=np.full_like(spread, np.nan) if grouped else spread,
        mu_star_low=low,
        mu_star_high=high,
        n=n,
    )


@dataclass(frozen=True, eq=False)
class Regional:
    """What sets the worst runs apart.

    Attributes
    ----------
    distance : ndarray, shape (d, …)
        Largest distance between the input's distribution functions in the worst runs and in the others, 0 to 1; NaN
        where the quantity has no variance.
    shift : ndarray, shape (d, …)
        Mean of the input in the worst runs less its mean in the others, in shares of its distribution (-1 to 1): which
        side is dangerous.
    noise : float
        Distance that an input without effect exceeds in one study of twenty, all inputs taken together.
    threshold : ndarray, shape (…)
        Value of the quantity at which the worst runs begin.
    worst : ndarray of int, shape (…)
        Number of worst runs.
    """

    distance: Array
    shift: Array
    noise: float
    threshold: Array
    worst: NDArray[np.intp]


def regional(points: ArrayLike, values: ArrayLike, *, share: float = 0.1, high: bool = True) -> Regional:
    """Compare the inputs of the worst runs with those of the others (Hornberger and Spear 1981).

    Parameters
    ----------
    points : array_like, shape (n, d)
        Inputs in the unit cube, drawn independently of each other.
    values : array_like, shape (n, …)
        Outputs.
    share : float
        Share of the runs that count as worst.
    high : bool
        True if high values are the worst.

    Returns
    -------
    Regional

    Raises
    ------
    InputError
        There are fewer than 20 runs, or all of them count as worst.
    """
    points = np.asarray(points, dtype=np.float64)
    values = np.asarray(values, dtype=np.float64)
    n, d = points.shape
    count = max(1, round(share * n))
    if n < 20 or count >= n:
        raise InputError(
            "too few runs for a regional sensitivity",
            found=f"{n} runs, {count} of them the worst",
            expected="at least 20",
        )
    flat = values.reshape(n, -1)
    order = np.argsort(flat if high else -flat, axis=0, kind="stable")[::-1]
    edge = np.take_along_axis(flat, order[count - 1 : count], axis=0)[0]
    bad = flat >= edge if high else flat <= edge
    constant = np.ptp(flat, axis=0) <= 1e-12 * np.abs(flat).max(axis=0)
    number = bad.sum(axis=0)
    by_input = np.argsort(points, axis=0, kind="stable")
    distance, shift = np.empty((d, flat.shape[1])), np.empty((d, flat.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        for j in range(d):
            chosen = bad[by_input[:, j]]
            inside = np.cumsum(chosen, axis=0) / number
            outside = np.cumsum(~chosen, axis=0) / (n - number)
            distance[j] = np.abs(inside - outside).max(axis=0)
            inside_mean = (points[:, j, None] * bad).sum(axis=0) / number
            shift[j] = inside_mean - (points[:, j, None] * ~bad).sum(axis=0) / (n - number)
    distance[:, constant] = np.nan
    shift[:, constant] = np.nan
    shape = values.shape[1:]
    # The two-sample statistic times this root follows Kolmogorov's distribution; Bonferroni over the inputs.
    root = np.sqrt(count * (n - count) / n)
    return Regional(
        distance=distance.reshape(d, *shape),
        shift=shift.reshape(d, *shape),
        noise=float(special.kolmogi(0.05 / d) / root),
        threshold=edge.reshape(shape),
        worst=number.reshape(shape),
    )
