"""Half the time step changes no annual total of an outcome by more than one per cent, in every scenario."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flows
from flows.compare import outcomes_of, stacked_inputs
from flows.inputs import list_scenarios, scenario_inputs
from flows.model.model import Model

OUTCOMES = Path(__file__).parents[2] / "models" / "outcomes.toml"
LARGEST_CHANGE = 0.01
RESIDUE = 1e-3  # of the highest year-end value: what is left of an emptied stock is no outcome


def _years(model: Model, step: float) -> dict[str, tuple[bool, np.ndarray]]:
    """For each outcome, whether it is a rate, and its annual totals or year-end values (scenario, year)."""
    scenarios = [s for s in list_scenarios() if not s.model]
    inputs = stacked_inputs(
        [scenario_inputs(s, model) for s in scenarios], [s.name for s in scenarios], model
    )
    outcomes = outcomes_of(model, OUTCOMES)
    variables = sorted({name for outcome in outcomes for name in outcome.variables})
    ds = flows.simulate(model, {**inputs, "TIME STEP": step}, outcomes=variables, save_every=step, threads=2)
    year = round(12 / step)
    found = {}
    for outcome in outcomes:
        values = outcome.values(ds).transpose("scenario", "time").values
        means = (values[:, :-1] + values[:, 1:]) / 2
        totals = means.reshape(len(scenarios), -1, year).sum(-1) * step
        found[outcome.name] = (outcome.is_rate, totals if outcome.is_rate else values[:, year::year])
    return found


@pytest.fixture(scope="module")
def changes(migration: Model) -> dict[str, float]:
    """Largest relative change of any scenario and year."""
    step = migration.control.time_step
    whole, half = _years(migration, step), _years(migration, step / 2)
    largest = {}
    for name, (is_rate, values) in whole.items():
        floor = 0.0 if is_rate else RESIDUE / LARGEST_CHANGE * values.max(1, keepdims=True)
        size = np.maximum(np.abs(values), np.maximum(floor, 1e-9))
        largest[name] = float((np.abs(half[name][1] - values) / size).max())
    return largest


def test_half_the_time_step_changes_no_annual_total_and_no_year_end_by_more_than_one_per_cent(
    changes: dict[str, float],
) -> None:
    assert len(changes) > 40
    assert {name: c for name, c in changes.items() if c > LARGEST_CHANGE} == {}
