"""The posterior: independent ensembles of walkers over the free constants, and whether they have converged."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows import provenance
from flows.calibrate.fit import Conditional, Optimum
from flows.calibrate.space import REACH
from flows.inputs.calibration import Effort
from flows.pace import Pace, Progress, silent

Array = NDArray[np.float64]
BLOCK = 20
"""Steps of one ensemble between two looks at the clock; after each the ensemble is written down."""
_SCATTER = 1.5
"""Starting points are drawn this many times as wide as the approximation at the optimum."""


@dataclass(frozen=True, eq=False)
class Chains:
    """States of all walkers.

    Attributes
    ----------
    names : tuple of str
        Of the free constants.
    states : array, shape (ensembles, steps, walkers, free)
        Coordinates, the steps thrown away not among them.
    log_posterior : array, shape (ensembles, steps, walkers)
    acceptance : array, shape (ensembles,)
        Share of proposals accepted, over the steps kept.
    seconds : float
        Of the runs in this session.
    runs : int
        Of the model, all in all.
    """

    names: tuple[str, ...]
    states: Array
    log_posterior: Array
    acceptance: Array
    seconds: float
    runs: int

    @property
    def pooled(self) -> Array:
        """All states, shape (ensembles × steps × walkers, free)."""
        return self.states.reshape(-1, self.states.shape[-1])


@dataclass
class _Ensemble:
    """One ensemble on its way."""

    coordinates: Array
    log_posterior: Array | None
    random: tuple[Any, ...]
    states: list[Array] = field(default_factory=list)
    densities: list[Array] = field(default_factory=list)

    @property
    def steps(self) -> int:
        return len(self.states)


def marginal_posterior(optimum: Optimum, conditional: Conditional) -> Callable[[Array], Array]:
    """Give the logarithm of the posterior density of the free constants.

    The rest stands at its conditional mean, where the model is run; the integral over it adds the logarithm of the root
    of its covariance's determinant, which the approximation holds constant (Tierney and Kadane 1986).

    Returns
    -------
    callable
        Array of shape (draws, free) → array of shape (draws,), up to a constant.
    """

    def density(theta: Array) -> Array:
        found = np.full(len(theta), -np.inf)
        inside = (np.abs(theta) < REACH).all(axis=1)
        if inside.any():
            x = conditional.join(theta[inside])
            values = optimum.problem.log_posterior(x)
            found[inside] = np.where(np.isfinite(values), values, -np.inf)
        return found

    return density


def sample(
    optimum: Optimum,
    effort: Effort,
    *,
    work: Path | None = None,
    progress: Progress = silent,
    pace: Pace | None = None,
) -> Chains:
    """Sample the posterior of the free constants (emcee: Foreman-Mackey et al. 2013, PASP 125, 306).

    Each ensemble starts from points scattered more widely than the approximation at the optimum, with a seed of its
    own. Seven proposals of ten don't depend on where a walker is: they come from a multivariate t with 5 degrees of
    freedom around the optimum (an independence sampler: Tierney 1994, Ann. Stat. 22, 1701), whose heavy tails keep it
    honest where the posterior is wider than its approximation. The others are differences of walkers (ter Braak and
    Vrugt 2008, Stat. Comput. 18, 435), snooker updates and stretches (Goodman and Weare 2010), which know nothing of
    the optimum. All proposals of an ensemble, or of half of it, are one batch of runs.

    Parameters
    ----------
    optimum : Optimum
    effort : Effort
        Ensembles, walkers and steps.
    work : Path, optional
        Folder in which unfinished ensembles are kept, and from which they go on.
    progress : callable
        Told runs done and runs in all, over all ensembles.
    pace : flows.pace.Pace, optional
        Told how long steps took and how many are left.

    Returns
    -------
    Chains
        The same for the same seed, however many threads there are and however often it was interrupted.
    """
    import emcee

    conditional = Conditional.of(optimum)
    density = marginal_posterior(optimum, conditional)
    seed = optimum.problem.space.calibration.seed
    total = effort.burn + effort.steps
    given = conditional.given
    spread = optimum.covariance[np.ix_(given, given)]
    digest = _digest(optimum, effort)
    ensembles = [
        _load(work, number, digest) or _begin(optimum, conditional, effort, seed, number)
        for number in range(effort.ensembles)
    ]
    samplers = [
        emcee.EnsembleSampler(
            effort.walkers,
            len(conditional.given),
            density,
            vectorize=True,
            moves=[
                (emcee.moves.MHMove(independent(conditional.theta, spread)), 0.7),
                (emcee.moves.DEMove(), 0.15),
                (emcee.moves.DESnookerMove(), 0.05),
                (emcee.moves.StretchMove(), 0.1),
            ],
        )
        for _ in ensembles
    ]
    began = time.perf_counter()
    while any(one.steps < total for one in ensembles):
        for number, (one, sampler) in enumerate(zip(ensembles, samplers, strict=True)):
            if one.steps >= total:
                continue
            before, clock = one.steps, time.perf_counter()
            _advance(one, sampler, min(BLOCK, total - one.steps))
            _save(work, number, digest, one)
            done = sum(e.steps for e in ensembles)
            if pace:
                pace.note("steps", one.steps - before, time.perf_counter() - clock)
                pace.expect({"steps": total * len(ensembles) - done})
            progress(done * effort.walkers, total * len(ensembles) * effort.walkers)
    states = np.array([np.stack(one.states)[effort.burn :] for one in ensembles])
    densities = np.array([np.stack(one.densities)[effort.burn :] for one in ensembles])
    moved = (np.diff(states, axis=1) != 0).any(axis=-1)
    return Chains(
        names=tuple(
            optimum.problem.space.names[i] for i in optimum.problem.index[conditional.given].tolist()
        ),
        states=states,
        log_posterior=densities,
        acceptance=moved.mean(axis=(1, 2)),
        seconds=time.perf_counter() - began,
        runs=effort.ensembles * effort.walkers * (total + 1),
    )


def independent(
    centre: Array, covariance: Array, freedom: float = 5.0
) -> Callable[[Array, np.random.RandomState], tuple[Array, Array]]:
    """Give proposals from a multivariate t, wherever the walkers are.

    Parameters
    ----------
    centre : array, shape (free,)
    covariance : array, shape (free, free)
        Its scale matrix.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    callable
        As `emcee.moves.MHMove` takes it: walkers and generator → proposals, and the logarithm of the density at the
        walkers over that at the proposals.
    """
    root = np.linalg.cholesky((covariance + covariance.T) / 2)
    inverse = np.linalg.inv(root)

    def log_density(x: Array) -> Array:
        squares = (((x - centre) @ inverse.T) ** 2).sum(axis=1)
        return np.asarray(-(freedom + len(centre)) / 2 * np.log1p(squares / freedom))

    def propose(walkers: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        wide = np.sqrt(freedom / random.chisquare(freedom, size=(len(walkers), 1)))
        found = centre + wide * random.standard_normal(walkers.shape) @ root.T
        return found, log_density(walkers) - log_density(found)

    return propose


def _begin(optimum: Optimum, conditional: Conditional, effort: Effort, seed: int, number: int) -> _Ensemble:
    random = np.random.default_rng([seed, 10 + number])
    given = conditional.given
    covariance = optimum.covariance[np.ix_(given, given)]
    root = np.linalg.cholesky((covariance + covariance.T) / 2)
    scattered = conditional.theta + _SCATTER * random.standard_normal((effort.walkers, len(given))) @ root.T
    legacy = np.random.RandomState(int(random.integers(2**31)))
    return _Ensemble(np.clip(scattered, -0.9 * REACH, 0.9 * REACH), None, legacy.get_state(legacy=True))  # type: ignore[arg-type]


def _advance(one: _Ensemble, sampler: Any, steps: int) -> None:
    import emcee

    state = emcee.State(one.coordinates, log_prob=one.log_posterior, random_state=one.random)
    for found in sampler.sample(state, iterations=steps, store=False, skip_initial_state_check=True):
        one.states.append(np.array(found.coords))
        one.densities.append(np.array(found.log_prob))
        state = found
    one.coordinates, one.log_posterior = one.states[-1], one.densities[-1]
    one.random = state.random_state


def _digest(optimum: Optimum, effort: Effort) -> str:
    """What a kept ensemble must have been made of."""
    found = hashlib.sha256(optimum.x.tobytes() + optimum.precision.tobytes())
    found.update(repr((effort.ensembles, effort.walkers, optimum.problem.space.calibration.seed)).encode())
    for one in optimum.problem.discrepancies:
        found.update(np.array([one.rho, one.a, one.b]).tobytes())
    return found.hexdigest()


def _file(work: Path, number: int) -> Path:
    return work / f"ensemble-{number}.npz"


def _save(work: Path | None, number: int, digest: str, one: _Ensemble) -> None:
    if work is None:
        return
    kind, keys, position, has_gauss, gauss = one.random
    with provenance.atomic_path(_file(work, number)) as temporary, open(temporary, "wb") as stream:
        np.savez(
            stream,
            allow_pickle=False,
            digest=np.array(digest),
            states=np.stack(one.states),
            densities=np.stack(one.densities),
            kind=np.array(kind),
            keys=keys,
            position=np.array([position, has_gauss]),
            gauss=np.array(gauss),
        )


def _load(work: Path | None, number: int, digest: str) -> _Ensemble | None:
    if work is None:
        return None
    kept = provenance.load_arrays(_file(work, number))
    try:
        if kept is None or str(kept["digest"]) != digest:
            return None
        position, has_gauss = (int(n) for n in kept["position"])
        random = (str(kept["kind"]), kept["keys"], position, has_gauss, float(kept["gauss"]))
        states, densities = list(kept["states"]), list(kept["densities"])
    except (ValueError, KeyError, TypeError):
        return None
    return _Ensemble(states[-1], densities[-1], random, states, densities)


# --- diagnostics -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diagnostics:
    """Whether the sample of one constant can be relied on, and what the data told of it.

    Attributes
    ----------
    name : str
    ess : float
        Effective sample size: states over the integrated autocorrelation time (Sokal; emcee), mean over the ensembles.
    tau : float
        That time, in steps.
    rhat : float
        Rank-normalised split R-hat, the larger of bulk and folded (Vehtari et al. 2021, Bayesian Analysis 16, 667); the
        two halves of each ensemble, all walkers pooled, are the chains.
    sd : float
        Standard deviation of the coordinate: posterior over prior width.
    """

    name: str
    ess: float
    tau: float
    rhat: float
    sd: float


def diagnose(chains: Chains) -> tuple[Diagnostics, ...]:
    """Compute the diagnostics of each free constant.

    Parameters
    ----------
    chains : Chains

    Returns
    -------
    tuple of Diagnostics
        In the order of the constants.
    """
    ensembles, steps, walkers, free = chains.states.shape
    found = []
    for i in range(free):
        values = chains.states[..., i]
        tau = float(np.mean([autocorrelation_time(one) for one in values]))
        ess = ensembles * steps * walkers / max(tau, 1.0)
        found.append(
            Diagnostics(
                chains.names[i],
                ess,
                tau,
                split_rhat(values.reshape(ensembles, -1, walkers)),
                float(values.std()),
            )
        )
    return tuple(found)


def autocorrelation_time(values: Array) -> float:
    """Estimate the integrated autocorrelation time of one ensemble.

    Parameters
    ----------
    values : array, shape (steps, walkers)
        Of one coordinate.

    Returns
    -------
    float
        In steps.
    """
    import emcee

    if np.ptp(values) == 0:
        return float(len(values))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a chain too short for its time gives a rough number, which is what is said
        found = float(emcee.autocorr.integrated_time(values[:, :, None], tol=0, quiet=True)[0])
    return found if np.isfinite(found) else float(len(values))


def split_rhat(values: Array) -> float:
    """Compute the rank-normalised split R-hat.

    Parameters
    ----------
    values : array, shape (ensembles, steps, walkers)

    Returns
    -------
    float
        The larger of that of the values and that of their distance from the median.
    """
    half = values.shape[1] // 2
    chains = np.concatenate([values[:, :half], values[:, -half:]]).reshape(2 * len(values), -1)
    return max(_rhat(_rank_normal(chains)), _rhat(_rank_normal(np.abs(chains - np.median(chains)))))


def _rank_normal(chains: Array) -> Array:
    from scipy import special, stats

    ranks = stats.rankdata(chains, method="average").reshape(chains.shape)
    return np.asarray(special.ndtri((ranks - 0.375) / (chains.size + 0.25)))


def _rhat(chains: Array) -> float:
    count = chains.shape[1]
    within = float(chains.var(axis=1, ddof=1).mean())
    between = float(chains.mean(axis=1).var(ddof=1))
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((count - 1) / count + between / within))
