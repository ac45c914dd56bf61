"""Half the time step changes no annual total of an outcome by more than one per cent, in every scenario."""

from __future__ import annotations

from flows.compare import outcomes_of, stacked_inputs
from flows.inputs import list_scenarios, scenario_inputs
from flows.model.model import Model
from flows.validation.integration import LARGEST, step_changes


def test_half_the_time_step_changes_no_annual_total_and_no_year_end_by_more_than_one_per_cent(
    migration: Model,
) -> None:
    scenarios = [s for s in list_scenarios() if not s.model]
    inputs = stacked_inputs(
        [scenario_inputs(s, migration) for s in scenarios], [s.name for s in scenarios], migration
    )
    half = migration.control.time_step / 2
    changes = step_changes(migration, outcomes_of(migration), inputs, step=half, threads=2)
    assert len(changes) > 40
    assert changes[changes["largest"] > LARGEST].to_dict("records") == []
