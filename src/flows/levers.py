"""Levers ranked by what they do: each moved as far as history moved it, one run per lever and draw.

Every lever starts from the baseline and is moved alone, by ``models/lever-changes.toml``. All levers and the
baseline are run on the same draws of the uncertain inputs, so that a difference speaks of the lever and not of the
sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare import (
    BACKLOGS,
    BASELINE,
    CAVEAT,
    HUMAN_COST,
    LEVEL,
    SIDE_EFFECT,
    SURE,
    count_draws,
    end_within,
    free_draws,
    level,
    outcome_values,
    outcomes_of,
    refuse_before_levers,
    stacked_inputs,
)
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.errors import InputError
from flows.inputs import (
    Change,
    Outcome,
    Scenario,
    changed_values,
    read_changes,
    read_scenario,
    scenario_inputs,
)
from flows.pace import Progress, silent

__all__ = ["Ranking", "rank"]

DATE = "2030-12"
_AT_ONCE = 512  # runs in one call of the engine, which bounds the memory
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Ranking:
    """Levers in the order of their effect on each outcome.

    Attributes
    ----------
    scenario : Scenario
        The baseline that levers are moved from.
    outcomes : tuple of Outcome
        Those ranked by.
    date : str
        Month ``YYYY-MM``.
    draws : int
        Number of draws; 1 if nothing is drawn.
    table : pandas.DataFrame
        A row for each outcome and lever, the largest median effect first (in per cent, where
        the baseline allows): ``outcome, outcome_title, unit, date, rank, lever,
        lever_unit, value_before, value_after, basis`` (``data`` or ``assumption``), ``baseline, median, low, high``
        (of the difference, in the outcome's unit), ``median_percent, low_percent, high_percent`` (of the baseline on
        the same draw), ``probability_lower, probability_higher`` (shares of draws in which the outcome falls,
        rises), ``human_cost, better,
        side_effects`` (names of outcomes that get worse, joined by ``; ``), ``why, caveat``.
    """

    scenario: Scenario
    outcomes: tuple[Outcome, ...]
    date: str
    draws: int
    table: pd.DataFrame

    @property
    def runs(self) -> int:
        """Number of model runs behind it."""
        return self.draws * (1 + int(self.table["lever"].nunique()))


def rank(
    model: Any,
    *,
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray],
    changes: Sequence[Change] | None = None,
    scenario: str | Path | Scenario = BASELINE,
    outcomes: Sequence[Outcome] | None = None,
    date: str = DATE,
    progress: Progress = silent,
    simulate: Simulate = run_model,
) -> Ranking:
    """Move every lever alone and rank them by their effect on each outcome.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    draws : mapping of str to array of shape (draws,) or DataArray over draw
        Values of uncertain constants, the same for every lever, as `flows.futures.futures_of` gives them; empty for
        one run each.
    changes : sequence of Change, optional
        How far each lever moves; those of ``models/lever-changes.toml`` by default.
    scenario : str, Path or Scenario
        What levers are moved from.
    outcomes : sequence of Outcome, optional
        To rank by; human cost and backlogs by default.
    date : str
        Month ``YYYY-MM``: a rate is the mean of the twelve months to then, all else is read at its end.
    progress : callable
        Called with (runs done, runs in all).
    simulate : callable, optional
        In place of `flows.simulate`.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        A lever isn't in the model or would leave its range, or the date lies outside the run or before the policy
        start.
    ResultError
        An outcome is not a finite number.

    Notes
    -----
    Side effects are looked for among all outcomes that are better lower, or better higher: one counts if it gets worse
    by more than one per cent of the baseline in nine draws of ten.
    """
    base = read_scenario(scenario)
    chosen = tuple(changes) if changes is not None else read_changes()
    own = scenario_inputs(base, model)
    neutral = {str(item.name): float(np.asarray(item.value, dtype=float)) for item in model.levers}
    after = changed_values(chosen, model)
    taken = [name for name in after if name in own]
    if taken:
        raise InputError(
            f'the scenario "{base.name}" sets the lever "{taken[0]}" itself',
            where=base.file,
            remedy="Rank levers from a scenario that sets none, a base course or a context",
        )
    every = outcomes_of(model)
    by_name = {outcome.name: outcome for outcome in every}
    ranked = tuple(outcomes) if outcomes is not None else _default(by_name)
    if not ranked:
        raise InputError("the model has none of the outcomes to rank by", remedy="Name some with --outcome")
    judged = [o for o in every if o.better != "neither"]
    measured = list({o.name: o for o in (*ranked, *judged)}.values())
    end = end_within(date, model, where="--at")
    refuse_before_levers([date], own, model, where="--at")

    names = ["", *after]
    stacked = stacked_inputs([own, *({**own, name: value} for name, value in after.items())], names, model)
    free = free_draws(draws, stacked)
    count = count_draws(free) or 1
    numbers = _measure(model, stacked, free, measured, end, count=count, progress=progress, simulate=simulate)

    effects = {name: values[1:] - values[0] for name, values in numbers.items()}
    worse = {o.name: _worse(effects[o.name], numbers[o.name][0], o.better) for o in judged}
    rows = []
    for outcome in ranked:
        rows += _rows(outcome, date, list(after), numbers[outcome.name][0], effects[outcome.name])
    table = pd.DataFrame(rows)
    by_lever = {str(model.levers[change.lever].name): change for change in chosen}
    side = {
        lever: [o.name for o in judged if worse[o.name][position]] for position, lever in enumerate(after)
    }
    table["lever_unit"] = [model.levers[lever].units or "Dmnl" for lever in table["lever"]]
    table["value_before"] = [neutral[lever] for lever in table["lever"]]
    table["value_after"] = [after[lever] for lever in table["lever"]]
    table["basis"] = [by_lever[lever].basis for lever in table["lever"]]
    table["side_effects"] = [
        "; ".join(name for name in side[lever] if name != outcome)
        for lever, outcome in zip(table["lever"], table["outcome"], strict=True)
    ]
    table["why"] = [by_lever[lever].why for lever in table["lever"]]
    table["caveat"] = CAVEAT
    return Ranking(base, ranked, date, count, table[list(_COLUMNS)])


# Parts --------------------------------------------------------------------------------------------

_COLUMNS = (
    "outcome", "outcome_title", "unit", "date", "rank", "lever", "lever_unit", "value_before", "value_after", "basis",
    "baseline", "median", "low", "high", "median_percent", "low_percent", "high_percent", "probability_lower",
    "probability_higher", "human_cost", "better", "side_effects", "why", "caveat",
)  # fmt: skip


def _default(by_name: Mapping[str, Outcome]) -> tuple[Outcome, ...]:
    return tuple(by_name[name] for name in (*HUMAN_COST, *BACKLOGS) if name in by_name)


def _measure(
    model: Any,
    stacked: Mapping[str, xr.DataArray],
    free: Mapping[str, xr.DataArray],
    outcomes: Sequence[Outcome],
    end: float,
    *,
    count: int,
    progress: Progress,
    simulate: Simulate,
) -> dict[str, NDArray[np.float64]]:
    """Run the model a few levers at a time; each outcome over (levers, draws)."""
    needed = list(dict.fromkeys(name for outcome in outcomes for name in outcome.variables))
    runs = next(iter(stacked.values())).sizes["scenario"]
    step = max(1, _AT_ONCE // count)
    found: dict[str, list[NDArray[np.float64]]] = {outcome.name: [] for outcome in outcomes}
    progress(0, runs * count)
    for start in range(0, runs, step):
        some = {key: array.isel(scenario=slice(start, start + step)) for key, array in stacked.items()}
        dataset = simulate(model, {**some, **free}, outcomes=needed, save_every=1, until=end)
        values = outcome_values(outcomes, dataset)
        for outcome in outcomes:
            read = level(values[outcome.name], outcome.unit, end).transpose("scenario", ...).values
            found[outcome.name].append(read.reshape(len(read), count))
        progress(min(start + step, runs) * count, runs * count)
    return {name: np.concatenate(blocks) for name, blocks in found.items()}


def _worse(effect: NDArray[np.float64], baseline: NDArray[np.float64], better: str) -> NDArray[np.bool_]:
    """Whether each lever makes an outcome worse beyond doubt; over (levers,)."""
    harm = effect if better == "lower" else -effect
    found: NDArray[np.bool_] = (harm > SIDE_EFFECT * np.abs(baseline) + _NOTHING).mean(axis=1) >= SURE
    return found


def _rows(
    outcome: Outcome,
    date: str,
    levers: Sequence[str],
    baseline: NDArray[np.float64],
    effect: NDArray[np.float64],
) -> list[dict[str, Any]]:
    places = [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2]
    middle, low, high = np.quantile(effect, places, axis=1)
    size = np.abs(baseline)
    if (size > 1e-3 * np.abs(effect).max(initial=0.0)).all() and size.min() > 0:
        relative = 100 * effect / size
    else:
        relative = np.full_like(effect, np.nan)
    percents = np.quantile(relative, places, axis=1)
    tiny = 1e-9 * float(size.max(initial=0.0))  # rounding is no effect
    lower, higher = (effect < -tiny).mean(axis=1), (effect > tiny).mean(axis=1)
    shown = middle if np.isnan(percents[0]).any() else percents[0]
    order = np.argsort(-np.abs(shown), kind="stable")
    return [
        {
            "outcome": outcome.name,
            "outcome_title": outcome.title or outcome.name,
            "unit": outcome.unit,
            "date": date,
            "rank": place,
            "lever": levers[k],
            "baseline": float(np.median(baseline)),
            "median": float(middle[k]),
            "low": float(low[k]),
            "high": float(high[k]),
            "median_percent": float(percents[0][k]),
            "low_percent": float(percents[1][k]),
            "high_percent": float(percents[2][k]),
            "probability_lower": float(lower[k]),
            "probability_higher": float(higher[k]),
            "human_cost": outcome.name in HUMAN_COST,
            "better": outcome.better,
        }
        for place, k in enumerate(order, 1)
    ]
