"""Sectors driven by observed inflows bring their stocks near the observed ones, without the rest of the model."""

from __future__ import annotations

import numpy as np
import pytest

from flows import fit, observations
from flows.model.model import Model
from flows.validation.sectors import SECTORS, Alone, alone, driving_series

LARGEST = {("courts", "pending"): 0.10, ("courts", "completions"): 0.10}
LARGEST |= {("COMAR", "pending"): 0.15, ("COMAR", "decisions"): 0.30}
OWN_STOCKS = {
    "courts": {"court cases pending", "immigration judges"},
    "COMAR": {"COMAR claims alive", "abandoned COMAR files", "COMAR staff"},
}


@pytest.fixture(scope="module")
def runs(migration: Model) -> dict[str, Alone]:
    return {sector.name: alone(migration, sector, threads=1) for sector in SECTORS}


@pytest.mark.parametrize("name", OWN_STOCKS)
def test_nothing_but_the_sector_takes_part(runs: dict[str, Alone], name: str) -> None:
    assert set(runs[name].stocks) == OWN_STOCKS[name]


@pytest.mark.parametrize(("sector", "outcome"), LARGEST)
def test_a_sector_on_observed_inflow_comes_near_what_was_observed(
    runs: dict[str, Alone], sector: str, outcome: str
) -> None:
    rows = runs[sector].rows
    rows = rows[rows["outcome"] == outcome]
    assert len(rows) >= 10
    assert fit.wmape(rows["observed"], rows["model"]) < LARGEST[sector, outcome]


def test_the_inflow_that_drives_is_the_observed_one(migration: Model) -> None:
    courts, comar = (driving_series(migration, sector) for sector in SECTORS)
    assert isinstance(comar, dict)
    year = {time: rate for time, rate in courts}[12 * 6 - 3]  # October 2018
    assert 12 * year == 546_248
    total = sum(12 * dict(points)[12.0 * 8] for points in comar.values())  # January 2021
    applications = observations.observed(
        "comar_applications_unhcr", group="All nationalities", period_type="calendar_year"
    )
    np.testing.assert_allclose(
        total, applications[applications["period_end"].dt.year == 2021]["value"].iloc[0]
    )
