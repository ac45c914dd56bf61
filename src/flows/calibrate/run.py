"""A whole calibration: optimum, posterior, later sizes, and everything on disk with its provenance."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows import fit as statistics
from flows import observations, provenance
from flows.calibrate.fit import Conditional, Optimum, curvature, held, minimise, scattered_starts
from flows.calibrate.problem import Problem, first_problem, later_problem
from flows.calibrate.sample import Chains, Diagnostics, diagnose, sample
from flows.calibrate.space import KINDS
from flows.errors import ResultError
from flows.inputs.calibration import Calibration, Effort
from flows.pace import Pace, Progress, Stage, silent, unsaid
from flows.posterior import FILE, Posterior, write_posterior
from flows.tables import without_formulas

Array = NDArray[np.float64]
CHECKED = 6
"""Draws at which the sizes of shocks are fitted anew, to check their approximation."""
_INTERVAL = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class Approximation:
    """How good the normal approximation of the conditional sizes is.

    Attributes
    ----------
    draws : int
        Draws of the free constants at which they were fitted anew.
    distance : array, shape (draws, rest)
        From the approximation's mean to the best, in its standard deviations.
    gain : array, shape (draws,)
        By how much the log posterior rises on the way.
    """

    draws: int
    distance: Array
    gain: Array


@dataclass(frozen=True, eq=False)
class Result:
    """A finished calibration.

    Attributes
    ----------
    calibration : Calibration
    optimum : Optimum
        Fitted to data until ``fit_until``.
    later : Optimum or None
        The second step.
    chains : Chains
    diagnostics : tuple of Diagnostics
    approximation : Approximation
    posterior : Posterior
    series : pandas.DataFrame
        How near the optimum comes to each series, in and after the time fitted.
    constants : pandas.DataFrame
        Every element that was fitted: value at the optimum, 90 % interval, prior, and width over that of the prior.
    seconds : mapping of str to float
    folder : Path
    """

    calibration: Calibration
    optimum: Optimum
    later: Optimum | None
    chains: Chains
    diagnostics: tuple[Diagnostics, ...]
    approximation: Approximation
    posterior: Posterior
    series: pd.DataFrame
    constants: pd.DataFrame
    seconds: dict[str, float]
    folder: Path

    @property
    def misses(self) -> list[str]:
        """Series that miss the limit that the calibration file sets them."""
        rows = self.series[(self.series["limit"].notna()) & (self.series["when"] == "fitted")]
        return [str(name) for name in rows[rows["wmape"] > rows["limit"]]["name"]]


def calibrate(
    calibration: Calibration,
    model: Any,
    *,
    out: Path,
    quick: bool = False,
    threads: int | None = None,
    resume: bool = True,
    stage: Stage = unsaid,
    progress: Progress = silent,
    pace: Pace | None = None,
    finish: Callable[[Result, Path], None] | None = None,
) -> Result:
    """Fit a model to its observed series and sample the posterior.

    Parameters
    ----------
    calibration : Calibration
    model : flows.Model
    out : Path
        Results folder. Unfinished work is kept beside it and taken up again by the same call.
    quick : bool
        Take the file's ``[quick]`` effort.
    threads : int, optional
        Of the runs; results don't depend on it.
    resume : bool
        Whether to take up unfinished work.
    stage : callable
        Told in words what goes on.
    progress : callable
        Told runs of the ensembles done and in all.
    pace : flows.pace.Pace, optional
        Told how long steps took.
    finish : callable, optional
        Called with the result and the folder before it takes its place, to add figures.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If the file doesn't fit the model or the data.
    ResultError
        If nothing finite is found, or results can't be written.
    """
    effort = calibration.quick if quick else calibration.full
    provenance.check_replaceable(out)
    files = [calibration.path, *model.paths, *observations.files()]
    entry = provenance.record(
        inputs=[Path(f) for f in files if f is not None],
        seed=calibration.seed,
        extra={"effort": effort.model_dump()},
    )
    work = out.with_name(f".{out.name}.work")
    digest = _digest(entry, calibration)
    if not (resume and _note(work) == digest):
        _clear(work)
    provenance.atomic_write(
        work / provenance.FILE, json.dumps({"program": provenance.PROGRAM, "plan": digest}) + "\n"
    )
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    first = first_problem(calibration, model, threads=threads)
    optimum = _kept_optimum(work / "optimum.npz", first)
    if optimum is None:
        optimum = minimise(
            first,
            scattered_starts(first, effort.starts, calibration.seed),
            stage=stage,
            effort=(6, 4, 1) if quick else (14, 8, 6),
        )
        _keep_optimum(work / "optimum.npz", optimum)
    later = _second_step(optimum, quick, stage) if calibration.later else None
    seconds["optimum"] = time.perf_counter() - clock

    clock = time.perf_counter()
    stage("Ensembles")
    chains = sample(optimum, effort, work=work, progress=progress, pace=pace)
    seconds["posterior"] = time.perf_counter() - clock

    clock = time.perf_counter()
    stage("Check of the conditional sizes")
    approximation = check_conditional(optimum, chains, 1 if quick else CHECKED)
    x = draws_of(optimum, later, chains, effort)
    space = optimum.problem.space
    entry_digest = provenance.digest(calibration.path) if calibration.path else ""
    posterior = Posterior(
        space.elements,
        space.at_elements(x),
        {
            "model": model.path.name,
            "calibration": calibration.path.name if calibration.path else "",
            "calibration_digest": entry_digest,
            "seed": calibration.seed,
            "fit_until": calibration.fit_until,
            "later_until": calibration.later_until,
            "later": [space.elements[e] for i in space.index("later") for e in space.coordinates[i].elements],
            "quick": quick,
            "versions": entry["versions"],
        },
    )
    diagnostics = diagnose(chains)
    result = Result(
        calibration=calibration,
        optimum=optimum,
        later=later,
        chains=chains,
        diagnostics=diagnostics,
        approximation=approximation,
        posterior=posterior,
        series=series_table(optimum, later),
        constants=constants_table(optimum, later, posterior, x),
        seconds=seconds,
        folder=out,
    )
    seconds["rest"] = time.perf_counter() - clock
    with provenance.results_folder(out, entry=entry) as folder:
        write_results(result, folder)
        if finish:
            finish(result, folder)
    _clear(work)
    return result


def _second_step(optimum: Optimum, quick: bool, stage: Stage) -> Optimum:
    stage("Sizes of what is dated later, with all else held")
    problem = later_problem(optimum.problem, optimum.x, correlated=False)
    start = problem.space.of_file()[problem.index]
    return minimise(
        problem,
        [("the model file", np.clip(start, -3, 3)), ("middle of the priors", np.zeros(len(start)))][
            : 1 if quick else 2
        ],
        stage=stage,
        effort=(6, 4, 1) if quick else (14, 8, 4),
    )


def draws_of(optimum: Optimum, later: Optimum | None, chains: Chains, effort: Effort) -> Array:
    """Draw coordinates of everything: free constants from the ensembles, the rest from its conditional distribution.

    Returns
    -------
    array, shape (draws, coordinates)
    """
    problem = optimum.problem
    random = np.random.default_rng([problem.space.calibration.seed, 3])
    pooled = chains.pooled
    rows = np.sort(random.choice(len(pooled), effort.draws, replace=False))
    moved = Conditional.of(optimum).join(pooled[random.permutation(rows)], random)
    z = problem.whole(moved)
    if later is not None:
        best = later.problem.whole(later.x[None])[0]
        spread = replace(later_problem(problem, optimum.x), moved=KINDS)
        variances = tuple(spread.variances([e[0] for e in spread.errors(best[None])]))
        whole = curvature(spread, best, variances)
        joint = Optimum(spread, best, variances, whole, later.log_posterior, (), 0)
        z = Conditional.of(joint, ("free", "split", "shock")).join(moved, random)
    return z


def check_conditional(optimum: Optimum, chains: Chains, draws: int) -> Approximation:
    """Fit the conditional sizes anew at some draws of the free constants.

    Parameters
    ----------
    optimum : Optimum
        Whose approximation is checked.
    chains : Chains
        Of the free constants.
    draws : int
        At how many of their draws.

    Returns
    -------
    Approximation
    """
    conditional = Conditional.of(optimum)
    random = np.random.default_rng([optimum.problem.space.calibration.seed, 4])
    pooled = chains.pooled
    rows = random.choice(len(pooled), draws, replace=False)
    spread = np.sqrt((conditional.root**2).sum(axis=1))
    distance, gain = [], []
    for row in rows:
        theta = pooled[row]
        guess = conditional.join(theta[None])
        best = held(optimum, theta)
        values = optimum.problem.log_posterior(np.vstack([guess, best]))
        gain.append(float(values[1] - values[0]))
        distance.append((best[conditional.rest] - guess[0, conditional.rest]) / spread)
    return Approximation(draws, np.array(distance), np.array(gain))


def series_table(optimum: Optimum, later: Optimum | None) -> pd.DataFrame:
    """Say how near the optimum comes to each series, until ``fit_until`` and after it.

    Parameters
    ----------
    optimum : Optimum
        Of the first step.
    later : Optimum or None
        Of the second one.

    Returns
    -------
    pandas.DataFrame
        A row for each series.
    """
    rows = []
    for when, one in (("fitted", optimum), ("later", later)):
        if one is None:
            continue
        problem = one.problem
        dataset = problem.run(one.x[None])
        discrepancies = {
            t.name: (d.rho, v)
            for t, d, v in zip(problem.targets.fitted, problem.discrepancies, one.variances, strict=True)
        }
        for target in problem.targets.all:
            modelled = target.modelled(dataset)[0]
            rho, variance = discrepancies.get(target.name, (np.nan, np.nan))
            share = statistics.theil(target.observed, modelled) if len(modelled) > 1 else None
            rows.append(
                {
                    "name": target.name,
                    "when": when,
                    "role": target.series.role,
                    "n": len(modelled),
                    "first": f"{target.periods[0][0]:%Y-%m}",
                    "last": f"{target.periods[-1][1]:%Y-%m}",
                    "wmape": statistics.wmape(target.observed, modelled),
                    "limit": target.series.limit if when == "fitted" else None,
                    "r2_log": statistics.r_squared_of_logs(target.observed, modelled),
                    "rmse": statistics.rmse(target.observed, modelled),
                    "theil_bias": share.bias if share else np.nan,
                    "theil_variance": share.variance if share else np.nan,
                    "theil_covariance": share.covariance if share else np.nan,
                    "rho": rho,
                    "discrepancy": np.sqrt(variance),
                }
            )
    return pd.DataFrame(rows)


def constants_table(optimum: Optimum, later: Optimum | None, posterior: Posterior, x: Array) -> pd.DataFrame:
    """List every number that was fitted, with its posterior and prior.

    Parameters
    ----------
    optimum : Optimum
        Of the first step.
    later : Optimum or None
        Of the second one.
    posterior : Posterior
        The sample.
    x : array, shape (draws, coordinates)
        The sample's coordinates.

    Returns
    -------
    pandas.DataFrame
        A row for each number.
    """
    space = optimum.problem.space
    best = (later or optimum).problem.whole((later or optimum).x[None])
    values, sample_values = space.values(best)[0], space.values(x)
    low, high = np.quantile(sample_values, _INTERVAL, axis=0)
    prior_low, prior_high = space.values(np.array([[-1.6449], [1.6449]]) * np.ones((2, len(space))))
    rows = [
        {
            "name": one.name,
            "kind": one.kind,
            "of": one.parameter.of,
            "optimum": values[i],
            "low": low[i],
            "high": high[i],
            "prior_low": prior_low[i],
            "prior_high": prior_high[i],
            "width": statistics.width_ratio(sample_values[:, i], (float(prior_low[i]), float(prior_high[i]))),
            "why": one.parameter.why,
        }
        for i, one in enumerate(space.coordinates)
        if one.kind != "later" or later is not None
    ]
    return pd.DataFrame(rows)


def element_values(result: Result) -> dict[str, tuple[float, float, float]]:
    """Give each element its value at the optimum and its 90 % interval.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict of str to (float, float, float)
        By text form: the optimum, the 5th and the 95th percentile, in the constant's unit.
    """
    one = result.later or result.optimum
    without: tuple[Any, ...] = () if result.later else ("later",)
    best = one.problem.space.at_elements(one.problem.whole(one.x[None]), without=without)[0]
    low, high = np.quantile(result.posterior.values, _INTERVAL, axis=0)
    return {
        text: (float(best[i]), float(low[i]), float(high[i]))
        for i, text in enumerate(one.problem.space.elements)
    }


def write_results(result: Result, folder: Path) -> None:
    """Write tables, chains and the posterior sample.

    Parameters
    ----------
    result : Result
    folder : Path
        An existing folder.
    """
    write_posterior(folder / FILE, result.posterior)
    _write_csv(result.series, folder / "series.csv")
    _write_csv(result.constants, folder / "constants.csv")
    _write_csv(pd.DataFrame([vars(d) for d in result.diagnostics]), folder / "diagnostics.csv")
    with provenance.atomic_path(folder / "chains.npz") as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            allow_pickle=False,
            names=np.array(result.chains.names),
            states=result.chains.states.astype(np.float32),
            log_posterior=result.chains.log_posterior.astype(np.float32),
        )
    provenance.atomic_write(
        folder / "summary.json", json.dumps(summary(result), indent=2, ensure_ascii=False) + "\n"
    )


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with provenance.atomic_path(path) as temporary:
        without_formulas(frame).to_csv(
            temporary, index=False, encoding="utf-8", lineterminator="\n", float_format="%.6g"
        )


def summary(result: Result) -> dict[str, Any]:
    """Give the numbers that say how good the fit and the sample are (JSON values).

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
    """
    optimum, approximation = result.optimum, result.approximation
    return {
        "log_posterior": optimum.log_posterior,
        "starts": [{"name": s.name, "log_posterior": s.log_posterior} for s in optimum.starts],
        "coordinates": {k: len(optimum.problem.space.index(k)) for k in KINDS},
        "effective_constants": optimum.effective_constants,
        "effective_constants_later": result.later.effective_constants if result.later else None,
        "values_fitted": int(sum(len(t.observed) for t in optimum.problem.targets.fitted)),
        "smallest_ess": min(d.ess for d in result.diagnostics),
        "largest_rhat": max(d.rhat for d in result.diagnostics),
        "acceptance": [float(a) for a in result.chains.acceptance],
        "conditional_check": {
            "draws": approximation.draws,
            "rms_distance_in_sd": float(np.sqrt((approximation.distance**2).mean())),
            "largest_distance_in_sd": float(np.abs(approximation.distance).max()),
            "gain_in_log_posterior": [float(g) for g in approximation.gain],
        },
        "runs": {
            "optimum": optimum.runs + (result.later.runs if result.later else 0),
            "posterior": result.chains.runs,
        },
        "seconds": {k: round(v, 1) for k, v in result.seconds.items()},
        "misses": result.misses,
    }


# --- unfinished work -------------------------------------------------------------------------------------


def _digest(entry: dict[str, Any], calibration: Calibration) -> str:
    parts = {
        "inputs": [one["sha256"] for one in entry["inputs"]],
        "effort": entry["effort"],
        "seed": calibration.seed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _note(work: Path) -> str | None:
    found = provenance.read_record(work)
    return str(found.get("plan")) if found else None


def _clear(work: Path) -> None:
    if work.exists():
        if provenance.read_record(work) is None and any(work.iterdir()):
            raise ResultError(
                "the folder for unfinished work holds other files",
                where=str(work),
                remedy="Remove it, or choose another folder with --out",
            )
        shutil.rmtree(work, ignore_errors=True)


def _keep_optimum(path: Path, optimum: Optimum) -> None:
    with provenance.atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(
            stream,
            allow_pickle=False,
            x=optimum.x,
            rho=np.array([d.rho for d in optimum.problem.discrepancies]),
            variances=np.array(optimum.variances),
            precision=optimum.precision,
            numbers=np.array([optimum.log_posterior, optimum.runs]),
            names=np.array([s.name for s in optimum.starts]),
            values=np.array([s.log_posterior for s in optimum.starts]),
        )


def _kept_optimum(path: Path, problem: Problem) -> Optimum | None:
    from flows.calibrate.fit import Start

    arrays = provenance.load_arrays(path)
    if arrays is None or not {"x", "rho", "variances", "precision", "numbers", "names", "values"} <= set(
        arrays
    ):
        return None
    discrepancies = tuple(
        replace(one, rho=float(rho)) for one, rho in zip(problem.discrepancies, arrays["rho"], strict=True)
    )
    return Optimum(
        problem=replace(problem, discrepancies=discrepancies),
        x=arrays["x"],
        variances=tuple(float(v) for v in arrays["variances"]),
        precision=arrays["precision"],
        log_posterior=float(arrays["numbers"][0]),
        starts=tuple(
            Start(str(n), float(v), arrays["x"])
            for n, v in zip(arrays["names"], arrays["values"], strict=True)
        ),
        runs=int(arrays["numbers"][1]),
    )
