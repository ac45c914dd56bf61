"""Sector 9, labour pathways and legal places: visas, cards, replaced departures (B13), unmet labour demand (B14)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.validation.conftest import side_by_side

import flows
from flows.model.model import Model

MODELS = Path(__file__).parents[2] / "models"
OUTCOMES = [
    "work visas issued",
    "total work visas issued",
    "temporary workers in US",
    "total temporary workers",
    "departures",
    "desired departures",
    "total departures",
    "legal departures",
    "legal share of departures",
    "migrants in transit",
    "people settled in Mexico",
    "people with Mexican work cards",
    "irregular workers in Mexico",
    "irregular workers in US",
    "permitted workers in Mexico",
    "people from NCA in Mexico",
    "noticed unmet demand",
    "effect of unmet labour demand",
    "working conditions index",
    "share of workers with papers",
    "migrant workers in US",
    "families and children setting out",
]
RUNS: dict[str, dict[str, float]] = {
    "base": {},
    "no visas for Mexico": {"work visas for Mexico": 0.0},
    "three times the visas for Mexico": {"work visas for Mexico": 3.0},
    "no visas for NCA": {"work visas for northern Central America": 0.0},
    "ten times the visas for NCA": {"work visas for northern Central America": 10.0},
    "visas without room for reform": {
        "work visas for northern Central America": 10.0,
        "political room future": 0.0,
    },
    "work cards": {"Mexican work cards": 10_000.0},
    "family reunification": {"family reunification places": 20_000.0},
    "resettlement": {"resettlement places": 10_000.0},
    "forced migrants": {"visas for forced Mexican migrants": 10_000.0},
    "other pathways": {"legal pathways per month": 20_000.0},
    "loop B13 cut": {"switch for legal places replacing departures": 0.0},
    "loop B14 cut": {"switch for unmet labour demand": 0.0, "work visas for Mexico": 0.0},
    "restriction": {
        "work visas for Mexico": 0.7,
        "work visas for northern Central America": 0.7,
        "US labour demand future": 1.1,
    },
    "partial reform": {
        "work visas for Mexico": 1.5,
        "work visas for northern Central America": 6.0,
        "Mexican work cards": 4_000.0,
        "regularisation": 0.3,
    },
    "regularised": {"regularisation": 0.8},
    "enforcement in Mexico": {"interception capacity": 3.0},
}


@pytest.fixture(scope="module")
def model(migration: Model) -> Model:
    return migration


@pytest.fixture(scope="module")
def runs(model: Model) -> xr.Dataset:
    return side_by_side(model, RUNS, OUTCOMES)


def _mean(ds: xr.Dataset, name: str, run: str, first: int = 2032, last: int = 2034, **where: str) -> float:
    values = ds[name].sel(draw=run, **where).isel(time=slice(12 * (first - 2013), 12 * (last - 2012)))
    return float(values.sum([d for d in values.dims if d != "time"]).mean())


@pytest.mark.parametrize(
    ("year", "origin", "issued"),
    [
        (2019, "Mexico", 261_097),
        (2024, "Mexico", 376_238),
        (2019, "Guatemala", 5_806),
        (2024, "Guatemala", 14_177),
        (2024, "Honduras", 8_174),
        (2024, "El Salvador", 8_506),
    ],
)
def test_work_visas_are_those_issued(runs: xr.Dataset, year: int, origin: str, issued: float) -> None:
    first = 12 * (year - 2013) - 3
    values = (
        runs["work visas issued"]
        .sel(draw="base", **{"worker origin": origin})
        .isel(time=slice(first, first + 12))
    )
    assert 12 * float(values.mean()) == pytest.approx(issued, rel=0.08)


def test_people_from_nca_in_mexico_lie_near_the_census(runs: xr.Dataset) -> None:
    stock = runs["people from NCA in Mexico"].sel(draw="base")
    assert float(stock.isel(time=26)) == pytest.approx(68_000, rel=0.15)
    assert float(stock.isel(time=86)) == pytest.approx(112_864, rel=0.15)


def test_work_visas_bring_workers_and_replace_departures(runs: xr.Dataset) -> None:
    assert _mean(runs, "total temporary workers", "no visas for Mexico") < 0.2 * _mean(
        runs, "total temporary workers", "base"
    )
    for more, fewer in (
        ("three times the visas for Mexico", "no visas for Mexico"),
        ("ten times the visas for NCA", "no visas for NCA"),
    ):
        assert _mean(runs, "total departures", more) < _mean(runs, "total departures", "base"), more
        assert _mean(runs, "total departures", fewer) > _mean(runs, "total departures", "base"), fewer


@pytest.mark.parametrize(
    "run", ["work cards", "family reunification", "resettlement", "forced migrants", "other pathways"]
)
def test_legal_places_replace_departures_but_never_all(runs: xr.Dataset, run: str) -> None:
    assert 0.0 < _mean(runs, "total departures", run) < _mean(runs, "total departures", "base")
    assert _mean(runs, "legal departures", run) >= _mean(runs, "legal departures", "base")


def test_cutting_loop_b13_leaves_all_desired_departures_of_mexicans(runs: xr.Dataset) -> None:
    cut = runs.sel(draw="loop B13 cut", origin="Mexico")
    np.testing.assert_allclose(cut["departures"].values, cut["desired departures"].values, rtol=1e-12)


def test_unmet_labour_demand_draws_people_only_after_the_data_and_only_with_its_loop(
    runs: xr.Dataset,
) -> None:
    effect = runs["effect of unmet labour demand"].sel(origin="Mexico")
    np.testing.assert_array_equal(effect.isel(time=slice(0, 142)).values, 1.0)
    np.testing.assert_array_equal(effect.sel(draw="loop B14 cut").values, 1.0)
    assert _mean(runs, "noticed unmet demand", "no visas for Mexico") > _mean(
        runs, "noticed unmet demand", "base"
    )
    assert _mean(runs, "total departures", "no visas for Mexico") > _mean(
        runs, "total departures", "loop B14 cut"
    )


def test_restriction_with_labour_demand_against_partial_reform(runs: xr.Dataset) -> None:
    for name in ("irregular workers in US", "irregular workers in Mexico", "migrants in transit"):
        assert _mean(runs, name, "partial reform") < _mean(runs, name, "restriction"), name
    for name in ("irregular workers in US", "irregular workers in Mexico", "migrants in transit"):
        assert _mean(runs, name, "restriction") > _mean(runs, name, "base"), name
    assert _mean(runs, "working conditions index", "partial reform") > _mean(
        runs, "working conditions index", "restriction"
    )


def test_visas_need_room_for_reform(runs: xr.Dataset) -> None:
    closed = _mean(runs, "total work visas issued", "visas without room for reform")
    assert closed == pytest.approx(_mean(runs, "total work visas issued", "base"), rel=1e-9)
    assert _mean(runs, "total work visas issued", "ten times the visas for NCA") > 1.3 * closed


def test_work_cards_give_papers_to_workers_in_mexico(runs: xr.Dataset) -> None:
    assert _mean(runs, "permitted workers in Mexico", "work cards") > 1.3 * _mean(
        runs, "permitted workers in Mexico", "base"
    )
    assert _mean(runs, "irregular workers in Mexico", "work cards") < _mean(
        runs, "irregular workers in Mexico", "base"
    )


def test_working_conditions_follow_papers_and_fear(runs: xr.Dataset) -> None:
    name = "working conditions index"
    assert _mean(runs, name, "regularised") > _mean(runs, name, "base")
    assert _mean(runs, name, "enforcement in Mexico") < _mean(runs, name, "base")
    assert 0.0 < float(runs[name].min()) <= float(runs[name].max()) <= 1.0


def test_stocks_of_the_sector_stay_above_zero(runs: xr.Dataset) -> None:
    for name in ("temporary workers in US", "people settled in Mexico", "people with Mexican work cards"):
        assert float(runs[name].min()) >= 0.0, name


def test_reference_jobs_are_the_workers_of_the_base_run_at_the_data_end(
    model: Model, runs: xr.Dataset
) -> None:
    held = runs["migrant workers in US"].sel(draw="base").isel(time=141, origin=slice(0, 4)).values
    np.testing.assert_allclose(model.constants["reference migrant jobs"].value, held, rtol=0.05)


def test_most_mexicans_left_in_a_legal_way_in_2019(runs: xr.Dataset) -> None:
    legal = runs["legal share of departures"].sel(draw="base", origin="Mexico").isel(time=slice(72, 84))
    assert float(legal.mean()) > 0.5


def test_family_reunification_lowers_irregular_departures_of_families(runs: xr.Dataset) -> None:
    name = "families and children setting out"
    assert 0.0 < _mean(runs, name, "family reunification") < _mean(runs, name, "base")


def test_paroles_go_to_venezuelans_alone_until_january_2023(migration: Model) -> None:
    """us_chnv_paroles_month: 10,830 Venezuelans until December 2022; 531,670 people in all by November 2024."""
    granted = flows.simulate(migration, outcomes=["paroles granted"], until="2024-12")["paroles granted"]
    until = granted.sel(time=slice(0, 119.5))
    assert float(until.sel(origin="Venezuela").sum()) > 0
    assert float(until.drop_sel(origin="Venezuela").sum()) == 0
    step = 1 / 16
    people = granted.sum("origin").sel(time=slice(0, 143 - step))
    every = float(people.time[1] - people.time[0])
    assert float(people.sum()) * every == pytest.approx(531_670, rel=0.05)
    shares = granted.sel(time=130) / granted.sel(time=130).sum("origin")
    assert float(shares.sel(origin="Haiti")) == pytest.approx(0.416, abs=0.005)
