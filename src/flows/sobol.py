r"""Sobol indices: Saltelli designs, estimators for many quantities at once, streaming sums, intervals.

This module knows nothing of models. Inputs live in the unit cube; outputs are arrays of any number of
quantities (outcomes × times). Notation, for ``n`` base samples and ``k`` factors (inputs, or groups of them):

``A``, ``B``
    two independent sample matrices of shape (n, d), the halves of one 2d-dimensional Sobol sequence;
``AB_j``
    ``A`` with the columns of factor j taken from ``B``; ``BA_j`` the other way round;
``a``, ``b``, ``ab_j``, ``ba_j``
    the outputs on them.

One *sample group* is the set of runs that belong to one base sample, in the order of SALib:
``A, AB_1 … AB_k, [BA_1 … BA_k,] B``: its *width* is ``k + 2``, or ``2k + 2`` with second order.

Estimators, with every output centred on the mean of all runs as SALib does, and :math:`V` the variance of
``a`` and ``b`` together:

.. math::

    S_j = \frac{1}{V n} \sum b\,(ab_j - a), \qquad
    S_{Tj} = \frac{1}{2 V n} \sum (a - ab_j)^2, \qquad
    S_{jm} = \frac{1}{V n} \sum (ba_j\,ab_m - a\,b) - S_j - S_l

in turn Saltelli et al. (2010), table 2 (b); Jansen (1999), table 2 (f) of the same paper; Saltelli (2002).

Where an outcome has no variance (a programme that has not begun) its indices do not exist and are NaN.

References
----------
Saltelli, A. et al. (2010). Variance based sensitivity analysis of model output. Design and estimator for the
total sensitivity index. Computer Physics Communications 181(2), 259-270. doi:10.1016/j.cpc.2009.09.018
Jansen, M. J. W. (1999). Analysis of variance designs for model output. Computer Physics Communications 117,
35-43. doi:10.1016/S0010-4655(98)00154-4
Saltelli, A. (2002). Making best use of model evaluations to compute sensitivity indices. Computer Physics
Communications 145(2), 280-297. doi:10.1016/S0010-4655(02)00280-1
Chan, T. F., Golub, G. H., LeVeque, R. J. (1983). Algorithms for computing the sample variance. The American
Statistician 37(3), 242-247. doi:10.1080/00031305.1983.10483115
Khorashadi Zadeh, F. et al. (2017). Comparison of variance-based and moment-independent global sensitivity analysis
approaches by application to the SWAT model. Environmental Modelling & Software 91, 210-222.
Schmeiser, B. (1982). Batch size effects in the analysis of simulation output. Operations Research 30(3), 556-568.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc

from flows.errors import InputError

__all__ = [
    "Design",
    "Indices",
    "SobolSums",
    "design",
    "first_order",
    "indices",
    "second_order",
    "total_order",
    "width",
]

Array = NDArray[np.float64]

BATCHES = 64
"""Batches of sample groups, the units of the bootstrap. The last bits of all results depend on it: it is no option."""

_COLUMNS = 256
"""Quantities that are worked on at one time, so that they stay in cache; no effect on results."""

_HALF_STEP = 2.0**-31
"""Half a step of the grid (2**-30) of SciPy's Sobol points: points on the cube's edge are moved in so far."""

_NO_VARIANCE = 64 * np.finfo(np.float64).eps
"""A standard deviation below this share of the mean's size is rounding, not variance."""


# Design ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Design:
    """A Saltelli sample in the unit cube; rows are made when asked for, so memory is that of its halves.

    Attributes
    ----------
    names : tuple of str, length d
        The inputs, one per column.
    factors : tuple of str, length k
        What the indices speak of: the inputs themselves, or their groups in order of appearance.
    member : ndarray of int, shape (d,)
        For each input the position of its factor.
    second_order : bool
        Whether the ``BA`` runs are part of the design.
    base : ndarray, shape (n, 2 d)
        ``A`` and ``B`` side by side.
    """

    names: tuple[str, ...]
    factors: tuple[str, ...]
    member: NDArray[np.intp]
    second_order: bool
    base: Array

    @property
    def n(self) -> int:
        """Number of base samples."""
        return len(self.base)

    @property
    def width(self) -> int:
        """Runs per sample group: k + 2, or 2 k + 2 with second order."""
        return width(len(self.factors), second_order=self.second_order)

    @property
    def runs(self) -> int:
        """Number of runs of the whole design."""
        return self.n * self.width

    def rows(self, start: int = 0, stop: int | None = None) -> Array:
        """Make the complete sample groups ``start`` … ``stop - 1``.

        Returns
        -------
        ndarray, shape (stop - start, width, d)
            Values inside the open unit interval; ``reshape(-1, d)`` gives the order of SALib's ``sample``.
        """
        d, k = len(self.names), len(self.factors)
        chosen = self.base[start:stop]
        a, b = chosen[:, :d], chosen[:, d:]
        out = np.empty((len(chosen), self.width, d))
        out[:, :-1] = a[:, None, :]
        out[:, -1] = b
        if self.second_order:
            out[:, 1 + k : 1 + 2 * k] = b[:, None, :]
        for column, factor in enumerate(self.member):
            out[:, 1 + factor, column] = b[:, column]
            if self.second_order:
                out[:, 1 + k + factor, column] = a[:, column]
        return out


def width(factors: int, *, second_order: bool = False) -> int:
    """Count the runs per sample group for so many factors (Saltelli 2002, theorems 1 and 2).

    Parameters
    ----------
    factors : int
        Inputs, or groups of them.
    second_order : bool
        Whether pairs are wanted too.

    Returns
    -------
    int
        ``factors + 2``, with pairs ``2 factors + 2``.
    """
    return 2 * factors + 2 if second_order else factors + 2


def design(
    names: Sequence[str],
    n: int,
    *,
    seed: int,
    groups: Sequence[str | None] | None = None,
    second_order: bool = False,
) -> Design:
    """Lay out a Saltelli sample on a scrambled Sobol sequence: the points of ``SALib.sample.sobol.sample``.

    A design of 2n samples begins with the design of n samples of the same seed, so a study can be extended.

    Parameters
    ----------
    names : sequence of str, length d
        The inputs.
    n : int
        Base samples; a power of 2, on which the balance of the sequence rests (Owen 2020, arXiv:2008.08051).
    seed : int
        Of the scrambling.
    groups : sequence of str or None, length d, optional
        The group of each input. An input without a group is a factor of its own.
    second_order : bool
        Include the runs that second-order indices need.

    Returns
    -------
    Design
        The points of all runs, made when they are asked for.

    Raises
    ------
    InputError
        No names, a name twice, groups of another length, or n not a power of 2.
    """
    names = tuple(names)
    if not names:
        raise InputError("a sensitivity study needs an uncertainty", remedy="Add an [[uncertainty]] table")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError("an uncertainty is listed twice", found=", ".join(twice), remedy="Keep one of them")
    if n < 1 or n & (n - 1):
        near = 1 << max(n - 1, 0).bit_length()
        raise InputError(
            "the number of samples of a Sobol study must be a power of 2",
            found=f"n = {n}",
            remedy=f"Use n = {near}",
        )
    given = groups if groups is not None else [None] * len(names)
    labels = tuple(group or name for group, name in zip(given, names, strict=True))
    factors = tuple(dict.fromkeys(labels))
    base = qmc.Sobol(d=2 * len(names), scramble=True, seed=seed).random(n)
    return Design(
        names=names,
        factors=factors,
        member=np.array([factors.index(label) for label in labels], dtype=np.intp),
        second_order=second_order,
        base=np.clip(base, _HALF_STEP, 1 - _HALF_STEP),
    )


# Estimators on whole arrays -------------------------------------------------------------------------


def first_order(a: ArrayLike, ab: ArrayLike, b: ArrayLike) -> Array:
    """First-order index of one factor: Saltelli et al. (2010), table 2 (b), on outputs centred by the caller.

    Parameters
    ----------
    a, ab, b : array_like, shape (n, …)
        Outputs on ``A``, ``AB_j`` and ``B``. The estimate is unbiased for any centring, but its noise is
        small only where the outputs have mean zero.

    Returns
    -------
    ndarray, shape (…)
        NaN where ``a`` and ``b`` have no variance.
    """
    a, ab, b = (np.asarray(values, dtype=np.float64) for values in (a, ab, b))
    return _ratio(np.mean(b * (ab - a), axis=0), _variance(a, b))


def total_order(a: ArrayLike, ab: ArrayLike, b: ArrayLike) -> Array:
    """Total-order index of one factor: Jansen (1999), table 2 (f) of Saltelli et al. (2010).

    Parameters
    ----------
    a, ab, b : array_like, shape (n, …)
        Outputs on ``A``, ``AB_j`` and ``B``; ``b`` serves the variance only.

    Returns
    -------
    ndarray, shape (…)
        NaN where ``a`` and ``b`` have no variance.
    """
    a, ab, b = (np.asarray(values, dtype=np.float64) for values in (a, ab, b))
    return _ratio(0.5 * np.mean((a - ab) ** 2, axis=0), _variance(a, b))


def second_order(a: ArrayLike, ab_j: ArrayLike, ab_m: ArrayLike, ba_j: ArrayLike, b: ArrayLike) -> Array:
    """Second-order index of two factors: Saltelli (2002), on outputs centred by the caller.

    Parameters
    ----------
    a, ab_j, ab_m, ba_j, b : array_like, shape (n, …)
        Outputs on ``A``, ``AB_j``, ``AB_m``, ``BA_j`` and ``B``.

    Returns
    -------
    ndarray, shape (…)
        NaN where ``a`` and ``b`` have no variance.
    """
    a, ab_j, ab_m, ba_j, b = (np.asarray(values, dtype=np.float64) for values in (a, ab_j, ab_m, ba_j, b))
    closed = _ratio(np.mean(ba_j * ab_m - a * b, axis=0), _variance(a, b))
    return closed - first_order(a, ab_j, b) - first_order(a, ab_m, b)


def _variance(a: Array, b: Array) -> Array:
    return _blank_rounding(np.var(np.concatenate([a, b]), axis=0), np.abs(np.mean(a, axis=0)))


def _blank_rounding(variance: Array, size: Array) -> Array:
    """Variance with NaN where it is nothing but rounding of values of this size."""
    return np.where(variance > (_NO_VARIANCE * size) ** 2, variance, np.nan)


def _ratio(numerator: Array, variance: Array) -> Array:
    blank = np.full(np.broadcast_shapes(numerator.shape, variance.shape), np.nan)
    return np.asarray(np.divide(numerator, variance, out=blank, where=variance > 0))


# Streaming sums -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Indices:
    """Sobol indices of all quantities, with bootstrap intervals.

    ``*_conf`` is SALib's half width (normal quantile × bootstrap standard deviation); ``*_low`` and
    ``*_high`` are the bootstrap's percentiles. All are NaN where a quantity has no variance; intervals are
    NaN without resamples. A small negative S1 is sampling noise around an index near zero: see its interval.

    Attributes
    ----------
    S1, S1_conf, S1_low, S1_high, ST, ST_conf, ST_low, ST_high : ndarray, shape (k, …)
        First and total order.
    S2, S2_conf, S2_low, S2_high : ndarray, shape (k, k, …), or None
        Second order above the diagonal, NaN elsewhere.
    dummy, dummy_conf, dummy_low, dummy_high : ndarray, shape (…)
        First-order index of an input that the model lacks, by the product estimator: the covariance of outputs on A
        and on B over the variance (Khorashadi Zadeh et al. 2017). Its true value is zero: what is no larger is noise.
        (The estimators of S1 and ST themselves give exactly zero for such an input.)
    mean, variance : ndarray, shape (…)
        Mean of all runs; variance of the runs on A and B.
    n : int
        Base samples.
    level : float
        Of the intervals.
    """

    S1: Array
    S1_conf: Array
    S1_low: Array
    S1_high: Array
    ST: Array
    ST_conf: Array
    ST_low: Array
    ST_high: Array
    S2: Array | None
    S2_conf: Array | None
    S2_low: Array | None
    S2_high: Array | None
    dummy: Array
    dummy_conf: Array
    dummy_low: Array
    dummy_high: Array
    mean: Array
    variance: Array
    n: int
    level: float


class SobolSums:
    """Sums from which the indices follow, updated by blocks of complete sample groups.

    The same bits come out however the groups were cut into updates, and whatever number of threads BLAS uses:

    - groups enter the sums in fixed blocks of ``BATCHES`` by their number; an incomplete block waits;
    - outputs are shifted by the mean of the first block before they are multiplied, so nothing large cancels
      (Chan et al. 1983, section 3); the indices are those of outputs centred on the mean of all runs;
    - each block gives one group to each of ``BATCHES`` batches, by a permutation drawn from a generator of the
      block's own number. Sums are kept by batch, and the bootstrap draws batches: random subsamples of the whole,
      as batch means are used for intervals of simulations (Schmeiser 1982). Before batches are added with their
      weights, sums are rounded to 2**-42 of the greatest, which makes the additions exact and so independent of
      their order.

    Memory does not grow with n: ``BATCHES`` × quantities × (3 k + 4) numbers without second order, and
    k + k (k - 1) / 2 more in the bracket with it.

    Parameters
    ----------
    shape : tuple of int
        Of the quantities, e.g. (outcomes, times).
    factors : int
        k.
    second_order : bool
        Whether groups hold the ``BA`` runs.
    resamples : int
        Of the bootstrap; 0 for none.
    seed : int
        Of the batches and the bootstrap.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        factors: int,
        second_order: bool = False,
        resamples: int = 200,
        seed: int = 0,
    ) -> None:
        self.shape = tuple(shape)
        self.factors = factors
        self.second_order = second_order
        self.resamples = resamples
        self.seed = seed
        self._quantities = int(np.prod(self.shape, dtype=np.int64))
        self._width = width(factors, second_order=second_order)
        self._pairs = [(j, m) for j in range(factors) for m in range(j + 1, factors)] if second_order else []
        self._statistics = 3 * factors + 4 + (factors + len(self._pairs) if second_order else 0)
        self._blocks = 0
        self._waiting = np.empty((BATCHES, self._width, self._quantities))
        self._filled = 0
        self._shift: Array | None = None
        self._sums = np.zeros((BATCHES, self._statistics, self._quantities))

    @property
    def n(self) -> int:
        """Sample groups taken in so far."""
        return self._blocks * BATCHES + self._filled

    def update(self, values: ArrayLike) -> None:
        """Take in the next complete sample groups.

        Parameters
        ----------
        values : array_like, shape ``(groups, width, *shape)``
            Outputs, finite, in the order of the design.

        Raises
        ------
        InputError
            Another shape.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape[1:] != (self._width, *self.shape):
            expected = ", ".join(["groups", *map(str, (self._width, *self.shape))])
            raise InputError(
                "the outputs don't fit", found=f"shape {values.shape}", expected=f"shape ({expected})"
            )
        flat = values.reshape(len(values), self._width, self._quantities)
        start = 0
        while start < len(flat):
            taken = min(BATCHES - self._filled, len(flat) - start)
            self._waiting[self._filled : self._filled + taken] = flat[start : start + taken]
            self._filled += taken
            start += taken
            if self._filled == BATCHES:
                if self._shift is None:
                    self._shift = self._waiting.mean(axis=(0, 1))
                self._add(self._waiting, self._sums, self._shift)
                self._blocks += 1
                self._filled = 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that later updates and indices need, as arrays; `restore` takes it back, to the last bit."""
        return {
            "count": np.array([self._blocks, self._filled]),
            "waiting": self._waiting[: self._filled].copy(),
            "shift": np.zeros(0) if self._shift is None else self._shift,
            "sums": self._sums,
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back a state of sums of the same shape, factors, order and seed.

        Raises
        ------
        ValueError
            If the arrays have other shapes.
        """
        blocks, filled = (int(x) for x in state["count"])
        if state["sums"].shape != self._sums.shape or len(state["waiting"]) != filled:
            raise ValueError(f"sums of shape {state['sums'].shape} where {self._sums.shape} was expected")
        self._blocks, self._filled = blocks, filled
        self._waiting[:filled] = state["waiting"]
        self._shift = np.array(state["shift"]) if state["shift"].size else None
        self._sums[:] = state["sums"]

    def _batches_of(self, block: int) -> NDArray[np.intp]:
        """Batch of each group of a block."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(block,)))
        return rng.permutation(BATCHES)

    def _add(self, block: Array, sums: Array, shift: Array) -> None:
        """Add the statistics of the groups of one block (groups, width, quantities) to their batches, in place."""
        batches = self._batches_of(self._blocks)[: len(block)]
        for start in range(0, self._quantities, _COLUMNS):
            part = slice(start, start + _COLUMNS)
            for batch, group in zip(batches, block[:, :, part], strict=True):
                self._accumulate(group - shift[part], sums[batch, :, part])

    def _accumulate(self, y: Array, into: Array) -> None:
        """Add what is summed of one group's outputs (width, quantities) to (statistics, quantities)."""
        k = self.factors
        a, ab, b = y[0], y[1 : 1 + k], y[-1]
        change = ab - a
        into[:k] += change
        into[k : 2 * k] += change * b
        into[2 * k : 3 * k] += np.square(change, out=change)
        into[3 * k] += a
        into[3 * k + 1] += b
        into[3 * k + 2] += a * a + b * b
        into[3 * k + 3] += a * b
        if self.second_order:
            ba, at = y[1 + k : 1 + 2 * k], 3 * k + 4
            into[at : at + k] += ba
            at += k
            for j in range(k - 1):
                into[at : at + k - 1 - j] += ba[j] * ab[j + 1 :]
                at += k - 1 - j

    def indices(self, *, level: float = 0.95, pairs: bool = True) -> Indices:
        """Form the indices of all groups so far; more groups may follow.

        Parameters
        ----------
        level : float
            Of the intervals, inside (0, 1).
        pairs : bool
            Whether second-order indices are formed where their runs are there.

        Raises
        ------
        InputError
            No group has come in.
        """
        if not self.n:
            raise InputError("no outputs yet", remedy="Call update with those of a sample group first")
        batches, shift = self._sums, self._shift
        counts = np.full(BATCHES, float(self._blocks))
        if self._filled:
            rest = self._waiting[: self._filled]
            shift = rest.mean(axis=(0, 1)) if shift is None else shift
            batches = batches.copy()
            self._add(rest, batches, shift)
            counts[self._batches_of(self._blocks)[: self._filled]] += 1.0
        assert shift is not None
        means = batches.sum(axis=0) / self.n
        centre = self._centre(means)
        mean = centre + shift
        variance = _blank_rounding(self._variance_of(means), np.abs(mean))
        pairs = pairs and self.second_order
        estimates = self._estimates(means, centre, variance, pairs=pairs)
        spread = [np.full_like(estimates, np.nan) for _ in range(3)]
        present = np.flatnonzero(counts)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed))
        weights = rng.multinomial(len(present), np.full(len(present), 1 / len(present)), size=self.resamples)
        total = weights @ counts[present]
        needed = self._statistics if pairs else 3 * self.factors + 4
        for start in range(0, self._quantities, _COLUMNS) if self.resamples else ():
            part = slice(start, min(start + _COLUMNS, self._quantities))
            columns = _on_grid(batches[present, :needed, part].reshape(len(present), -1))
            again = (weights.astype(np.float64) @ columns).reshape(self.resamples, needed, -1)
            draws = np.empty((self.resamples, *estimates[:, part].shape))
            for row, statistics in enumerate(again):
                statistics /= total[row]
                divisor = np.where(np.isnan(variance[part]), np.nan, self._variance_of(statistics))
                draws[row] = self._estimates(statistics, centre[part], divisor, pairs=pairs)
            for into, values in zip(spread, _intervals(draws, level), strict=True):
                into[:, part] = values
        named: dict[str, Array | None] = {}
        for suffix, values in zip(("", "_conf", "_low", "_high"), (estimates, *spread), strict=True):
            named["S1" + suffix] = values[: self.factors].reshape(self.factors, *self.shape)
            named["ST" + suffix] = values[self.factors : 2 * self.factors].reshape(self.factors, *self.shape)
            named["dummy" + suffix] = values[2 * self.factors].reshape(self.shape)
            named["S2" + suffix] = self._square(values[2 * self.factors + 1 :]) if pairs else None
        return Indices(
            **named,  # type: ignore[arg-type]
            mean=mean.reshape(self.shape),
            variance=np.nan_to_num(variance, nan=0.0).reshape(self.shape),
            n=self.n,
            level=level,
        )

    def _centre(self, means: Array) -> Array:
        """Mean of all runs, seen from the shift (quantities,)."""
        k = self.factors
        total = (k + 1) * means[3 * k] + means[:k].sum(axis=0) + means[3 * k + 1]
        if self.second_order:
            total = total + means[3 * k + 4 : 4 * k + 4].sum(axis=0)
        return np.asarray(total / self._width)

    def _variance_of(self, means: Array) -> Array:
        """Variance of the runs on A and B (quantities,), never below zero."""
        k = self.factors
        half = 0.5 * (means[3 * k] + means[3 * k + 1])
        return np.asarray(np.maximum(0.5 * means[3 * k + 2] - half * half, 0.0))

    def _estimates(self, means: Array, centre: Array, variance: Array, *, pairs: bool) -> Array:
        """S1, ST, the dummy and the pairs' S2, (2 k + 1 + pairs, quantities), for mean statistics and a centre."""
        k = self.factors
        a, b = means[3 * k], means[3 * k + 1]
        first = _ratio(means[k : 2 * k] - centre * means[:k], variance)
        total = _ratio(0.5 * means[2 * k : 3 * k], variance)
        product = means[3 * k + 3] - centre * (a + b)
        parts = [first, total, _ratio(product + centre * centre, variance)[None]]
        if pairs:
            at = 3 * k + 4
            ba, ab = means[at : at + k], means[:k] + a
            j, m = np.array(self._pairs, np.intp).reshape(-1, 2).T
            closed = _ratio(means[at + k :] - centre * (ba[j] + ab[m]) - product, variance)
            parts.append(closed - first[j] - first[m])
        return np.concatenate(parts)

    def _square(self, pairs: Array) -> Array:
        out = np.full((self.factors, self.factors, self._quantities), np.nan)
        for position, (j, m) in enumerate(self._pairs):
            out[j, m] = pairs[position]
        return out.reshape(self.factors, self.factors, *self.shape)


def _on_grid(values: Array) -> Array:
    """Round (groups, columns) to 2**-42 of each column's greatest: small multiples then add exactly."""
    _, exponent = np.frexp(np.abs(values).max(axis=0))
    anchor = np.ldexp(1.5, exponent + 10)  # its unit in the last place is 2**(exponent - 42)
    return np.asarray((values + anchor) - anchor)


def _intervals(draws: Array, level: float) -> tuple[Array, Array, Array]:
    """Half width, low and high percentile of bootstrap draws (resamples, …); NaN for fewer than two draws."""
    if len(draws) < 2:
        blank = np.full(draws.shape[1:], np.nan)
        return blank, blank.copy(), blank.copy()
    tail = 0.5 * (1 - level)
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return NormalDist().inv_cdf(1 - tail) * draws.std(axis=0, ddof=1), low, high


def indices(
    values: ArrayLike,
    *,
    second_order: bool = False,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Indices:
    """Form the indices of outputs that are all in memory: `SobolSums` with one update.

    Parameters
    ----------
    values : array_like, shape (n, width, …)
        Outputs, finite, in the order of the design.
    second_order : bool
        Whether each group holds the ``BA`` runs (width 2 k + 2 rather than k + 2).
    resamples, seed, level
        Of the bootstrap.

    Returns
    -------
    Indices
        Over (factors, …): shares of the variance, with half widths and ends of their intervals.
    """
    values = np.asarray(values, dtype=np.float64)
    factors = (values.shape[1] - 2) // (2 if second_order else 1)
    sums = SobolSums(
        values.shape[2:], factors=factors, second_order=second_order, resamples=resamples, seed=seed
    )
    sums.update(values)
    return sums.indices(level=level)
