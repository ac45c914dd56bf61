r"""Shapley effects: shares of the variance for inputs that go together, by permutations and conditional draws.

This module knows nothing of models. Inputs have any marginal distributions and are tied together by a Gaussian copula:
:math:`X_i = F_i^{-1}(\Phi(Z_i))` with :math:`Z \sim N(0, R)`. Independent inputs have zeros in :math:`R`.

The Shapley effect of factor i (an input, or a group of them) is the mean, over all orders in which factors can become
unknown, of what the expected variance :math:`c(J) = E[\mathrm{Var}(Y \mid X_{-J})]` of the outcome rises by when i
joins the unknown ones :math:`J` (Owen 2014; Song, Nelson and Staum 2016, who show that this cost and the variance
explained give the same effects). Effects are never negative and add up to the variance, however the inputs depend on
each other.

One *group* of runs is one random order :math:`\pi` of the k factors, k + 1 runs. With :math:`R`, put in the reverse of
that order, equal to :math:`L L^T`, and two independent standard normal vectors :math:`e, e'`, run j takes :math:`z = L
(e_1 \ldots e_{k-j}, e'_{k-j+1} \ldots e'_k)`: the factors :math:`\pi(1) \ldots \pi(j)` drawn anew given the others.
Then :math:`\tfrac12 (y_0 - y_j)^2` is an unbiased estimate of :math:`c(\{\pi(1) \ldots \pi(j)\})`, and the factor
:math:`\pi(j)` gets the difference to the one before. For independent inputs this is the estimator of Goda (2021).

References
----------
Owen, A. B. (2014). Sobol' indices and Shapley value. SIAM/ASA Journal on Uncertainty Quantification 2(1), 245-251.
doi:10.1137/130936233
Song, E., Nelson, B. L., Staum, J. (2016). Shapley effects for global sensitivity analysis: theory and computation.
SIAM/ASA Journal on Uncertainty Quantification 4(1), 1060-1083. doi:10.1137/15M1048070
Owen, A. B., Prieur, C. (2017). On Shapley value for measuring importance of dependent inputs. SIAM/ASA Journal on
Uncertainty Quantification 5(1), 986-1002. doi:10.1137/16M1097717
Goda, T. (2021). A simple algorithm for global sensitivity analysis with Shapley effects. Reliability Engineering &
System Safety 213, 107702. doi:10.1016/j.ress.2021.107702
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from flows.errors import InputError

__all__ = ["Design", "Effects", "ShapleySums", "design", "normal_correlation"]

Array = NDArray[np.float64]

_SMALLEST = 1e-6
"""Eigenvalues of a correlation matrix are raised to this, so that conditional draws exist."""

_NO_VARIANCE = 64 * np.finfo(np.float64).eps
"""A standard deviation below this share of the mean's size is rounding, not variance."""

_EDGE = 2.0**-31
"""Points keep this distance from the cube's edges, as those of the other methods do."""


def normal_correlation(sample: ArrayLike) -> Array:
    """Correlation of the normal scores of a sample: the Gaussian copula that is nearest to it by ranks.

    Parameters
    ----------
    sample : array_like, shape (draws, d)
        Joint draws. A column without variance goes with nothing.

    Returns
    -------
    ndarray, shape (d, d)
        Positive definite, ones on the diagonal.
    """
    values = np.asarray(sample, dtype=np.float64)
    scores = special.ndtri((stats.rankdata(values, axis=0) - 0.5) / len(values))
    scores = scores - scores.mean(axis=0)
    spread = scores.std(axis=0)
    fixed = np.ptp(values, axis=0) == 0
    scores = np.where(fixed, 0.0, scores / np.where(spread > 0, spread, 1.0))
    found = scores.T @ scores / len(values)
    found[fixed, fixed] = 1.0
    size, directions = np.linalg.eigh(found)
    found = np.asarray((directions * np.maximum(size, _SMALLEST)) @ directions.T)
    scale = np.sqrt(np.diag(found))
    return np.asarray(found / np.outer(scale, scale), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Design:
    """Random orders of the factors, and conditional draws for each; rows are made when asked for.

    Attributes
    ----------
    names : tuple of str, length d
        The inputs, one per column.
    factors : tuple of str, length k
        What the effects speak of: the inputs, or their groups in order of appearance.
    member : ndarray of int, shape (d,)
        For each input the position of its factor.
    correlation : ndarray, shape (d, d)
        Of the normal scores.
    n : int
        Orders.
    seed : int
    """

    names: tuple[str, ...]
    factors: tuple[str, ...]
    member: NDArray[np.intp]
    correlation: Array
    n: int
    seed: int

    @property
    def width(self) -> int:
        """Runs for one order: k + 1."""
        return len(self.factors) + 1

    def order(self, group: int) -> NDArray[np.intp]:
        """Positions of the factors in the order in which they become unknown, shape (k,)."""
        return self._random(group).permutation(len(self.factors))

    def _random(self, group: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(group,)))

    def rows(self, start: int, stop: int) -> Array:
        """Make the groups ``start`` … ``stop - 1``; a larger design begins with those of a smaller one.

        Returns
        -------
        ndarray, shape (stop - start, k + 1, d)
            Points inside the open unit cube, to be put through each input's inverse distribution function.
        """
        d, k = len(self.names), len(self.factors)
        out = np.empty((stop - start, k + 1, d))
        for row, group in enumerate(range(start, stop)):
            random = self._random(group)
            order = random.permutation(k)
            known_first = np.concatenate([np.flatnonzero(self.member == f) for f in order[::-1]])
            lower = np.linalg.cholesky(self.correlation[np.ix_(known_first, known_first)])
            old, new = random.standard_normal((2, d))
            sizes = np.bincount(self.member, minlength=k)[order]
            renewed = np.concatenate([[0], np.cumsum(sizes)])  # columns from the end
            steps = np.where(np.arange(d)[None, :] >= d - renewed[:, None], new, old)
            # products and sums in a fixed order: the same bits whatever the library underneath
            out[row][:, known_first] = (steps[:, None, :] * lower).sum(axis=2)
        return np.asarray(np.clip(special.ndtr(out), _EDGE, 1 - _EDGE))


def design(
    names: Sequence[str],
    n: int,
    *,
    seed: int,
    correlation: ArrayLike | None = None,
    groups: Sequence[str | None] | None = None,
) -> Design:
    """Lay out a sample for Shapley effects.

    Parameters
    ----------
    names : sequence of str, length d
        The inputs.
    n : int
        Random orders, each of k + 1 runs.
    seed : int
    correlation : array_like, shape (d, d), optional
        Of the normal scores; independent inputs by default.
    groups : sequence of (str or None), optional
        Group of each input; inputs without one stand for themselves.

    Returns
    -------
    Design
        The points of all runs, made when they are asked for.
    """
    labels = [
        name if group is None else group
        for name, group in zip(names, groups or [None] * len(names), strict=True)
    ]
    factors = tuple(dict.fromkeys(labels))
    member = np.array([factors.index(label) for label in labels], dtype=np.intp)
    between = np.eye(len(names)) if correlation is None else np.asarray(correlation, dtype=np.float64)
    return Design(tuple(names), factors, member, between, n, seed)


@dataclass(frozen=True, eq=False)
class Effects:
    """Shapley effects as shares of the variance; NaN where a quantity has no variance.

    Attributes
    ----------
    Sh, Sh_conf, Sh_low, Sh_high : ndarray, shape (k, …)
        Effects, which add up to one; half widths and ends of their intervals, of normal shape: orders are independent
        of each other, and the ratio's error follows from theirs (delta method).
    mean, variance : ndarray, shape (…)
        Of the outcome.
    n : int
        Orders.
    level : float
        Of the intervals.
    """

    Sh: Array
    Sh_conf: Array
    Sh_low: Array
    Sh_high: Array
    mean: Array
    variance: Array
    n: int
    level: float


class ShapleySums:
    """Sums from which the effects follow; groups enter one by one, so cuts between updates change no bit.

    Parameters
    ----------
    plan : Design
        Which gives the order of each group.
    shape : tuple of int
        Of the quantities.
    """

    def __init__(self, plan: Design, shape: Sequence[int]) -> None:
        self.plan = plan
        self.shape = tuple(shape)
        self.n = 0
        k, quantities = len(plan.factors), int(np.prod(self.shape, dtype=np.int64))
        # of each factor: increments, their squares, and their products with the group's whole; of the group: the
        # whole and its square, and both ends' outcomes
        self._sums = np.zeros((3 * k + 3, quantities))

    def update(self, values: ArrayLike, groups: Sequence[int]) -> None:
        """Take in outcomes of shape ``(groups, k + 1, *shape)``, finite, and the numbers of their groups."""
        k = len(self.plan.factors)
        flat = np.asarray(values, dtype=np.float64).reshape(len(groups), k + 1, -1)
        for y, group in zip(flat, groups, strict=True):
            cost = 0.5 * np.square(y - y[0])
            rise = np.empty((k, y.shape[1]))
            rise[self.plan.order(int(group))] = np.diff(cost, axis=0)
            self._sums[:k] += rise
            self._sums[k : 2 * k] += rise * rise
            self._sums[2 * k : 3 * k] += rise * cost[-1]
            self._sums[3 * k] += cost[-1]
            self._sums[3 * k + 1] += cost[-1] * cost[-1]
            self._sums[3 * k + 2] += 0.5 * (y[0] + y[-1])
            self.n += 1

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that later updates need; `restore` takes it back, to the last bit."""
        return {"count": np.array(self.n), "sums": self._sums}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state back; raises ValueError if it has another shape."""
        if state["sums"].shape != self._sums.shape:
            raise ValueError(f"sums of shape {state['sums'].shape} where {self._sums.shape} was expected")
        self._sums[:] = state["sums"]
        self.n = int(state["count"])

    def effects(self, *, level: float = 0.95) -> Effects:
        """Form the effects of all groups so far.

        Raises
        ------
        InputError
            Fewer than two groups have come in.
        """
        if self.n < 2:
            raise InputError(
                "intervals need the outputs of two groups", found=str(self.n), remedy="Call update first"
            )
        k = len(self.plan.factors)
        means = self._sums / self.n
        whole, mean = means[3 * k], means[3 * k + 2]
        variance = np.where(whole > (_NO_VARIANCE * np.abs(mean)) ** 2, whole, np.nan)
        share = means[:k] / variance
        # of rise - share * whole, whose mean is zero
        spread = means[k : 2 * k] - 2 * share * means[2 * k : 3 * k] + share**2 * means[3 * k + 1]
        half = (
            NormalDist().inv_cdf(0.5 + 0.5 * level)
            * np.sqrt(np.maximum(spread, 0.0) / (self.n - 1))
            / variance
        )

        def shaped(values: Array) -> Array:
            return values.reshape((*values.shape[:-1], *self.shape))

        return Effects(
            Sh=shaped(share),
            Sh_conf=shaped(half),
            Sh_low=shaped(share - half),
            Sh_high=shaped(share + half),
            mean=shaped(mean),
            variance=shaped(np.nan_to_num(variance, nan=0.0)),
            n=self.n,
            level=level,
        )
