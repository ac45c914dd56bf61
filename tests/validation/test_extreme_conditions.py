"""Extreme conditions of every sector: the table is models/extreme-conditions.toml."""

from __future__ import annotations

import pytest

from flows.inputs import Condition, read_conditions
from flows.model.model import Model
from flows.validation.extremes import Outcome, run_conditions

CONDITIONS = read_conditions()


@pytest.fixture(scope="module")
def outcomes(migration: Model) -> dict[str, Outcome]:
    return {o.condition.where: o for o in run_conditions(migration, CONDITIONS, threads=1)}


@pytest.mark.parametrize("condition", CONDITIONS, ids=[f"{c.sector} {c.condition}" for c in CONDITIONS])
def test_extreme_condition(outcomes: dict[str, Outcome], condition: Condition) -> None:
    found = outcomes[condition.where]
    assert found.stocks == ()
    assert found.failed == ()


def test_every_sector_has_two_conditions() -> None:
    sectors = [condition.sector for condition in CONDITIONS]
    assert {s for s in sectors if sectors.count(s) >= 2} == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14}
