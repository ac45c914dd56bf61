"""The optimum: bounded least squares from several starts, and the curvature around the best one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.calibrate.problem import Problem
from flows.calibrate.space import Kind
from flows.errors import ResultError
from flows.pace import Stage, unsaid

Array = NDArray[np.float64]
_LIMIT = 4.5
_ROBUST = 2.0
"""Standard deviations beyond which a first look at a start weighs errors less (soft_l1 of scipy)."""


@dataclass(frozen=True, eq=False)
class Start:
    """What became of one starting point.

    Attributes
    ----------
    name : str
    log_posterior : float
    x : array, shape (moved,)
    """

    name: str
    log_posterior: float
    x: Array


@dataclass(frozen=True, eq=False)
class Optimum:
    """The mode of the posterior density and its curvature.

    Attributes
    ----------
    problem : Problem
        With the correlations estimated there.
    x : array, shape (moved,)
        Coordinates.
    variances : tuple of float
        Of each fitted series' discrepancy.
    precision : array, shape (moved, moved)
        Gauss–Newton: JᵀJ of the whitened errors over their standard deviation, plus one on the diagonal for the prior.
    log_posterior : float
    starts : tuple of Start
        In the order tried.
    runs : int
        Runs of the model.
    """

    problem: Problem
    x: Array
    variances: tuple[float, ...]
    precision: Array
    log_posterior: float
    starts: tuple[Start, ...]
    runs: int

    @property
    def covariance(self) -> Array:
        """Inverse of the precision, shape (moved, moved)."""
        return np.asarray(np.linalg.inv(self.precision), dtype=np.float64)

    @property
    def effective_constants(self) -> float:
        """Trace of 1 - covariance: how many constants the data determine rather than the prior (Spiegelhalter 2002)."""
        return float((1 - np.diag(self.covariance)).sum())


def minimise(
    problem: Problem,
    starts: Sequence[tuple[str, Array]],
    *,
    stage: Stage = unsaid,
    effort: tuple[int, int, int] = (14, 8, 6),
) -> Optimum:
    """Look for the mode of the posterior density.

    Each start is followed for a while with a robust loss; the best goes on with the loss of the likelihood, while
    variances and correlations are estimated anew each round.

    Parameters
    ----------
    problem : Problem
    starts : sequence of (str, array of shape (moved,))
        Names and coordinates.
    stage : callable
        Told what goes on.
    effort : tuple of int
        Evaluations of the two stretches of each start, and rounds of the estimation of variances and correlations.

    Returns
    -------
    Optimum

    Raises
    ------
    ResultError
        If no start gives finite values.
    """
    count = _Counter()
    tried = []
    for number, (name, x) in enumerate(starts, 1):
        try:
            found, value = _follow(problem, x, count, effort[:2])
        except ResultError:
            stage(f"start {number} of {len(starts)} ({name}): values that are no numbers")
            continue
        tried.append(Start(name, value, found))
        stage(f"start {number} of {len(starts)} ({name}): log posterior {value:.1f}")
    if not tried:
        raise ResultError(
            "no starting point gives finite values", where=problem.space.calibration.file,
            remedy="Narrow the ranges of its constants to those that the model can run with",
        )  # fmt: skip
    best = max(tried, key=lambda start: start.log_posterior)
    x = best.x
    for number in range(1, effort[2] + 1):
        errors = _errors(problem, x, count)
        problem = problem.refit(errors)
        variances = problem.variances(errors)
        moved = _least_squares(problem, x, variances, count, robust=False, evaluations=12)
        change = float(np.abs(moved - x).max())
        x = moved
        value = float(problem.log_posterior(x[None])[0])
        stage(f"round {number}: log posterior {value:.1f}, largest move {change:.3f} standard deviations")
        if change < 5e-3:
            break
    errors = _errors(problem, x, count)
    variances = problem.variances(errors)
    count.runs += len(x) + 1
    return Optimum(
        problem=problem,
        x=x,
        variances=tuple(variances),
        precision=curvature(problem, x, variances),
        log_posterior=float(problem.log_posterior(x[None])[0]),
        starts=tuple(tried),
        runs=count.runs,
    )


def curvature(problem: Problem, x: Array, variances: Sequence[float]) -> Array:
    """Compute the Gauss–Newton precision at coordinates.

    Parameters
    ----------
    problem : Problem
    x : array, shape (moved,)
        The coordinates.
    variances : sequence of float
        Of each series' errors.

    Returns
    -------
    array, shape (moved, moved)
    """
    _, slopes = problem.jacobian(x, variances)
    return np.asarray(slopes.T @ slopes + np.eye(len(x)), dtype=np.float64)


@dataclass
class _Counter:
    runs: int = 0


def _errors(problem: Problem, x: Array, count: _Counter) -> list[Array]:
    count.runs += 1
    return [e[0] for e in problem.errors(x[None])]


def _follow(problem: Problem, x: Array, count: _Counter, effort: Sequence[int]) -> tuple[Array, float]:
    """Two robust stretches from a start, variances estimated between them."""
    variances = [one.b / (one.a - 1) for one in problem.discrepancies]
    x = _least_squares(problem, x, variances, count, robust=True, evaluations=effort[0])
    errors = _errors(problem, x, count)
    problem = problem.refit(errors)
    x = _least_squares(problem, x, problem.variances(errors), count, robust=True, evaluations=effort[1])
    errors = _errors(problem, x, count)
    problem = problem.refit(errors)
    return x, float(problem.log_likelihood([e[None] for e in errors])[0] + problem.log_prior(x[None])[0])


def _least_squares(
    problem: Problem, x: Array, variances: Sequence[float], count: _Counter, *, robust: bool, evaluations: int
) -> Array:
    from scipy import optimize

    cache: dict[bytes, Array] = {}

    def residuals(point: Array) -> Array:
        key = point.tobytes()
        if key not in cache:
            count.runs += 1
            cache.clear()
            rows = problem.residuals([e for e in problem.errors(point[None])], variances)[0]
            cache[key] = np.concatenate([np.nan_to_num(rows, nan=1e3, posinf=1e3, neginf=-1e3), point])
        return cache[key]

    def slopes(point: Array) -> Array:
        count.runs += len(point) + 1
        _, found = problem.jacobian(point, variances)
        return np.vstack([np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0), np.eye(len(point))])

    inside = np.clip(x, -_LIMIT + 1e-3, _LIMIT - 1e-3)
    first = residuals(inside)
    if not np.isfinite(first).all():
        raise ResultError("a start gives values that are no numbers")
    values = len(first) - len(inside)

    def loss(squares: Array) -> Array:
        """soft_l1 of scipy for errors, a plain square for the prior."""
        found = np.vstack([squares, np.ones_like(squares), np.zeros_like(squares)])
        scaled = squares[:values] / _ROBUST**2
        root = np.sqrt(1 + scaled)
        found[0, :values] = 2 * _ROBUST**2 * (root - 1)
        found[1, :values] = 1 / root
        found[2, :values] = -0.5 / root**3 / _ROBUST**2
        return found

    options: dict[str, Any] = {"loss": loss} if robust else {}
    found = optimize.least_squares(
        residuals,
        inside,
        jac=slopes,
        bounds=(-_LIMIT, _LIMIT),
        method="trf",
        x_scale=1.0,
        max_nfev=evaluations,
        ftol=1e-6,
        xtol=1e-6,
        gtol=1e-6,
        **options,
    )
    return np.asarray(found.x, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Conditional:
    """A Gaussian approximation of some coordinates given others, around an optimum (Laplace).

    Given θ, the rest s is normal with mean s* + B (θ - θ*) and covariance C, where, with the Gauss–Newton precision H
    at the optimum, C = H_ss⁻¹ and B = -C H_sθ (Tierney and Kadane 1986, J. Am. Stat. Assoc. 81, 82; Nocedal and Wright
    2006, ch. 10).

    Attributes
    ----------
    given, rest : array of int
        Positions among the moved coordinates.
    theta, mean : array
        θ* and s*.
    slope : array, shape (rest, given)
        B.
    root : array, shape (rest, rest)
        A lower triangle with C = root rootᵀ.
    """

    given: NDArray[np.int64]
    rest: NDArray[np.int64]
    theta: Array
    mean: Array
    slope: Array
    root: Array

    @classmethod
    def of(cls, optimum: Optimum, kinds: tuple[Kind, ...] = ("free",)) -> Conditional:
        """Take the coordinates of some kinds as given."""
        problem = optimum.problem
        wanted = set(problem.space.index(*kinds).tolist())
        mask = np.array([i in wanted for i in problem.index.tolist()])
        given, rest = np.flatnonzero(mask), np.flatnonzero(~mask)
        block = optimum.precision[np.ix_(rest, rest)]
        covariance = np.asarray(np.linalg.inv(block), dtype=np.float64)
        slope = -covariance @ optimum.precision[np.ix_(rest, given)]
        root = np.asarray(np.linalg.cholesky((covariance + covariance.T) / 2), dtype=np.float64)
        return cls(given, rest, optimum.x[given], optimum.x[rest], slope, root)

    def join(self, theta: Array, random: np.random.Generator | None = None) -> Array:
        """Add the rest to given coordinates: its mean, or a draw.

        Parameters
        ----------
        theta : array, shape (draws, given)
        random : numpy.random.Generator, optional
            For draws.

        Returns
        -------
        array, shape (draws, moved)
        """
        x = np.empty((len(theta), len(self.given) + len(self.rest)))
        x[:, self.given] = theta
        rest = self.mean + (theta - self.theta) @ self.slope.T
        if random is not None:
            rest = rest + random.standard_normal(rest.shape) @ self.root.T
        x[:, self.rest] = np.clip(rest, -_LIMIT, _LIMIT)
        return x


def scattered_starts(problem: Problem, count: int, seed: int) -> list[tuple[str, Array]]:
    """Give starting points: the model file's values, the middle of the priors, then draws from priors narrowed to 0.7.

    Parameters
    ----------
    problem : Problem
    count : int
    seed : int

    Returns
    -------
    list of (str, array of shape (moved,))
    """
    moved = problem.index
    found = [
        ("the model file", np.clip(problem.space.of_file()[moved], -3, 3)),
        ("middle of the priors", np.zeros(len(moved))),
    ]
    free = np.isin(moved, problem.space.index("free"))
    random = np.random.default_rng([seed, 1])
    for number in range(3, count + 1):
        x = 0.2 * random.standard_normal(len(moved))
        x[free] = 0.7 * random.standard_normal(int(free.sum()))
        found.append((f"drawn {number - 2}", x))
    return found[:count]


def held(optimum: Optimum, theta: Array, evaluations: int = 10) -> Array:
    """Find the best rest at given free coordinates, to check `Conditional`.

    Parameters
    ----------
    optimum : Optimum
        Where the search begins.
    theta : array, shape (free,)
        The free coordinates, held.
    evaluations : int
        Steps of each of the two searches, at most.

    Returns
    -------
    array, shape (moved,)
    """
    conditional = Conditional.of(optimum)
    problem = optimum.problem
    x: Array = conditional.join(theta[None])[0]
    space = problem.space
    still = problem.whole(x[None])[0]
    kinds: tuple[Kind, ...] = tuple(k for k in problem.moved if k != "free")
    part = replace(problem, moved=kinds, still=still)
    rest = still[space.index(*kinds)]
    count = _Counter()
    for _ in range(2):
        variances = part.variances(_errors(part, rest, count))
        rest = _least_squares(part, rest, variances, count, robust=False, evaluations=evaluations)
    x[conditional.rest] = rest
    return x
