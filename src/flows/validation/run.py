"""All tests of a model, one after the other; nothing is quoted, everything is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from flows import claims, fit
from flows.calibrate.targets import Target
from flows.compare import outcomes_of, stacked_inputs
from flows.ensemble import simulate
from flows.errors import InputError
from flows.inputs import list_scenarios, read_conditions, scenario_inputs
from flows.inputs.boundary import Boundary, read_boundary
from flows.inputs.calibration import Calibration
from flows.inputs.misses import read_misses
from flows.inputs.projections import Projection, read_projections
from flows.model.model import Model
from flows.pace import Progress, Stage, silent, unsaid
from flows.posterior import Posterior
from flows.seed_figures import figure_variables
from flows.validation.behaviour import Behaviour, SeriesFit, assess
from flows.validation.extremes import Outcome as Extreme
from flows.validation.extremes import run_conditions
from flows.validation.forecast import Draws
from flows.validation.identification import identification
from flows.validation.integration import LARGEST, step_changes
from flows.validation.missed import worst_years
from flows.validation.sectors import SECTORS, Alone, Met, alone, met, run_projections
from flows.validation.sensitivity import behaviour_sensitivity
from flows.validation.sources import stated_figures
from flows.validation.structure import (
    Extent,
    below_zero,
    extent,
    imbalance,
    misplaced_flows,
    unit_findings,
)

__all__ = ["PROTOTYPE", "Check", "Validation", "validate"]

DRAWS, QUICK_DRAWS = 400, 24
PROTOTYPE = {
    "encounters of Mexicans": ("Mexico", 0.13),
    "encounters, Guatemala, Honduras and El Salvador": ("Guatemala, Honduras, El Salvador", 0.31),
    "encounters, all farther origins": ("other origins", 0.40),
}
"""Series by name, with the mean absolute percentage error of an earlier, aggregate model of three origins with 39
constants, which was fitted to October 2013 to September 2024 with nothing held out; it hit 8 of 18 turning points."""

MODES = (
    *("encounters at US border", "interceptions by INM", "COMAR applications", "COMAR pending cases"),
    *("court cases pending", "people waiting in Mexico", "unauthorised population"),
)
"""Outcomes whose mode of behaviour is watched when constants move."""

_BALANCED = 1e-9
_SOME = 6  # scenarios whose balance is added up; the tests do all
_LEAST_TURNS = 36  # months of a series in which turning points are looked for


@dataclass(frozen=True)
class Check:
    """One test of structure.

    Attributes
    ----------
    name : str
    question : str
        What is asked.
    passed : bool
    found : str
        What came out, with its size.
    details : tuple of str
        What doesn't hold.
    """

    name: str
    question: str
    passed: bool
    found: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Validation:
    """Everything that the report of `flows validate` shows.

    Attributes
    ----------
    model : Model
    calibration : Calibration
    posterior : Posterior
    quick : bool
        Whether few draws were taken.
    checks : tuple of Check
        Tests of structure.
    extent : Extent
    boundary : Boundary
    extremes : tuple of Extreme
    steps : dict of str to pandas.DataFrame
        Changes by half the time step, and by fourth-order Runge–Kutta.
    behaviour : Behaviour
    missed : pandas.DataFrame
        From `worst_years`.
    turns : pandas.DataFrame
        Turning points of monthly series before the end of the fit: ``series``, ``date``, ``kind``, ``observed``,
        ``early``, ``ratio``, ``hit``.
    identified : pandas.DataFrame
        From `identification`.
    sensitivity : pandas.DataFrame
        From `behaviour_sensitivity`.
    sectors : tuple of Alone
    projections : tuple of (Projection, tuple of Met)
    projected : pandas.DataFrame
        Year by year, from `run_projections`.
    figures : pandas.DataFrame
        From `stated_figures`.
    runs : int
        Runs of the model behind the bands.
    """

    model: Model
    calibration: Calibration
    posterior: Posterior
    quick: bool
    checks: tuple[Check, ...]
    extent: Extent
    boundary: Boundary
    extremes: tuple[Extreme, ...]
    steps: dict[str, pd.DataFrame]
    behaviour: Behaviour
    missed: pd.DataFrame
    turns: pd.DataFrame
    identified: pd.DataFrame
    sensitivity: pd.DataFrame
    sectors: tuple[Alone, ...]
    projections: tuple[tuple[Projection, tuple[Met, ...]], ...]
    projected: pd.DataFrame
    figures: pd.DataFrame
    runs: int


def validate(
    model: Model,
    calibration: Calibration,
    posterior: Posterior | None,
    *,
    quick: bool = False,
    threads: int | None = None,
    stage: Stage = unsaid,
    progress: Progress = silent,
) -> Validation:
    """Run every test.

    Parameters
    ----------
    model : Model
        The migration model.
    calibration : Calibration
        What it was fitted to.
    posterior : Posterior or None
        The sample that lies beside the model.
    quick : bool
        Few draws: bands are rough.
    threads : int, optional
        As in `flows.simulate`.
    stage : callable
        Called with words for what begins.
    progress : callable
        Called with batches of runs done and in all, while the bands are computed.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        If there is no posterior sample, or something declared doesn't fit the model.
    """
    if posterior is None:
        raise InputError(
            "no posterior sample lies beside the model",
            where=model.path.as_posix(),
            expected="posterior.parquet, made of this model file",
            remedy="Make one with flows calibrate",
        )
    boundary = read_boundary()
    stage("Structure: units, balance of people, boundary, stocks above zero")
    checks = list(_structure(model, boundary, threads))
    stage("Extreme conditions")
    extremes = run_conditions(model, read_conditions(), threads=threads)
    checks.append(_extremes(extremes))
    stage("Half the time step, and another method")
    outcomes = outcomes_of(model)
    steps = {
        "half": step_changes(model, outcomes, step=model.control.time_step / 2, threads=threads),
        "rk4": step_changes(model, outcomes, method="rk4", threads=threads),
    }
    checks.append(_steps(steps))
    stage("Fit, bands and the test of the forecast")
    sample = Draws(model, calibration, posterior, QUICK_DRAWS if quick else DRAWS, calibration.seed)
    end = calibration.later_until or calibration.fit_until
    tested = f"{end[:4]}-12"  # stocks at the end of that year are known, too
    behaviour = assess(model, calibration, sample, until=tested, threads=threads, progress=progress)
    turns = _turns(behaviour.series)
    stage("Behaviour when constants move")
    watched = [one.target for one in behaviour.series if one.name in PROTOTYPE]
    modes = [outcome for outcome in outcomes if outcome.name in MODES]
    sensitivity = behaviour_sensitivity(model, sample.space, modes, watched, threads=threads)
    stage("Sectors on their own")
    sectors = tuple(alone(model, sector, threads=threads) for sector in SECTORS)
    published = read_projections()
    runs, projected = run_projections(model, published, threads=threads)
    judged = tuple((p, met(model, p, run)) for p, run in zip(published, runs, strict=True))
    stage("Figures of the sources")
    figures = _figures(model, threads)
    return Validation(
        model=model,
        calibration=calibration,
        posterior=posterior,
        quick=quick,
        checks=tuple(checks),
        extent=extent(model),
        boundary=boundary,
        extremes=extremes,
        steps=steps,
        behaviour=behaviour,
        missed=worst_years(behaviour, read_misses()),
        turns=turns,
        identified=identification(sample.space, posterior),
        sensitivity=sensitivity,
        sectors=sectors,
        projections=judged,
        projected=projected,
        figures=figures,
        runs=behaviour.runs,
    )


# ------------------------------------------------------------------------------------------------- structure


def _structure(model: Model, boundary: Boundary, threads: int | None) -> list[Check]:
    units = unit_findings(model)
    ends = misplaced_flows(model, boundary)
    scenarios = [s for s in list_scenarios() if not s.model]
    stocks = simulate(
        model, _scenario_inputs(model, scenarios), outcomes=list(model.stocks.names), threads=threads
    )
    low = below_zero(model, stocks)
    some = scenarios[:: max(len(scenarios) // _SOME, 1)][:_SOME]
    worst = imbalance(model, boundary, _scenario_inputs(model, some), threads=threads)
    largest = float(worst.max())
    where = worst.where(worst == worst.max(), drop=True)
    return [
        Check(
            "Dimensional consistency",
            "Do the units of every equation match those declared?",
            not units,
            f"{len(units)} of {len(model.variables)} variables with units that don't match"
            if units
            else f"all equations of {len(model.variables)} variables match",
            tuple(f"{u.what} ({u.where})" for u in units),
        ),
        Check(
            "Every flow has two ends",
            "Does each flow of people and of files leave one stock or named cloud and enter exactly one?",
            not ends,
            f"{len(model.flows)} flows, {len(boundary.clouds)} clouds" if not ends else f"{len(ends)} don't",
            tuple(ends),
        ),
        Check(
            "People are conserved",
            "Is what came less what left the change of all stocks, origin by origin, over 23 years?",
            largest < _BALANCED,
            f"largest difference {largest:.1e} of those who came ({where['who'].values[0]}), in {len(some)} scenarios; "
            f"allowed {_BALANCED:.0e}",
        ),
        Check(
            "No stock falls below zero",
            "Are all stocks zero or more in every scenario?",
            not low,
            f"{len(model.stocks)} stocks in {len(scenarios)} scenarios"
            if not low
            else f"{len(low)} stocks fall below zero",
            tuple(f"{name}: {value:.6g}" for name, value in low.items()),
        ),
    ]


def _scenario_inputs(model: Model, scenarios: Sequence[object]) -> dict[str, xr.DataArray]:
    chosen = [scenario_inputs(s, model) for s in scenarios]  # type: ignore[arg-type]
    return stacked_inputs(chosen, [str(getattr(s, "name", "")) for s in scenarios], model)


def _extremes(found: Sequence[Extreme]) -> Check:
    wrong = [one for one in found if not one.holds]
    statements = sum(len(one.condition.follows) for one in found)
    return Check(
        "Extreme conditions",
        "Does the model behave as it must when a number is nothing, everything or far beyond its range?",
        not wrong,
        f"{len(found)} conditions with {statements} statements, {len(wrong)} conditions not met",
        tuple(
            f"{one.condition.condition}: "
            + "; ".join([f"{s} ({v})" for s, v in one.failed] + [f"{s} {v}" for s, v in one.stocks])
            for one in wrong
        ),
    )


def _steps(steps: dict[str, pd.DataFrame]) -> Check:
    half, other = steps["half"], steps["rk4"]
    worst = half.sort_values("largest").iloc[-1]
    beyond = half[half["largest"] > LARGEST]
    return Check(
        "Integration error",
        "Does half the time step, or another method, change any annual total or year-end value by more than 1 %?",
        beyond.empty,
        f"half the step: {100 * float(worst['largest']):.2f} % at most ({worst['title']}); fourth-order Runge–Kutta: "
        f"{100 * float(other['largest'].max()):.2f} % at most, {int((other['largest'] > LARGEST).sum())} of "
        f"{len(other)} outcomes above 1 %",
        tuple(f"{row['title']}: {100 * row['largest']:.2f} %" for row in beyond.to_dict("records")),
    )


# ------------------------------------------------------------------------------------------------- behaviour


def _turns(series: Sequence[SeriesFit]) -> pd.DataFrame:
    """Turning points of monthly series, found by the rule of `flows.fit.turning_points`."""
    rows = []
    for one in series:
        if not _even(one.target):
            continue
        points = fit.turning_points(one.target.observed)
        model = one.part("fit")["model"].to_numpy()
        for hit in fit.hits(points, model):
            start, _ = one.target.periods[hit.point.place]
            rows.append(
                {
                    "series": one.name,
                    "date": start,
                    "kind": hit.point.kind,
                    "observed": hit.point.value,
                    "early": hit.early,
                    "ratio": hit.ratio,
                    "hit": hit.hit,
                }
            )
    return pd.DataFrame(rows, columns=["series", "date", "kind", "observed", "early", "ratio", "hit"])


def _even(target: Target) -> bool:
    """Whether a series runs month by month without a gap, above zero, for long enough."""
    return (
        target.series.span == "month"
        and len(target.observed) >= _LEAST_TURNS
        and bool((target.observed > 0).all())
        and bool(np.allclose(np.diff(target.starts), 1.0, atol=0.05))
    )


def _figures(model: Model, threads: int | None) -> pd.DataFrame:
    chosen = [claim for claim in claims.read_claims() if claim.status != "outside"]
    verdicts = claims.evaluate(chosen, models={model.name: model}, threads=threads)
    run = simulate(model, outcomes=list(figure_variables()), threads=threads)
    return stated_figures(verdicts, run)
