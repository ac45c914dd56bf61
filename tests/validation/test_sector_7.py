"""Sector 7, return and reintegration: ways of return, leaving again (loop R8), families and US-born children."""

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
    "interior removals",
    "returns by own decision",
    "voluntary returns",
    "recent returnees",
    "recent voluntary returnees",
    "recent prepared returnees",
    "reintegration success",
    "returns to Mexico that a census counts",
    "returns from the US interior",
    "US born children arriving",
    "US born children in Mexico",
    "people parted from family by removal",
    "families and minors among returnees",
    "share of own returns that are prepared",
    "encounters at US border",
    "all returnees leaving again",
    "usual returnees",
    "family and minor share of returns",
    "people returned needing consular help",
    "new consular cases",
]
RUNS: dict[str, dict[str, float]] = {
    "base": {},
    "recession": {"US labour demand future": 0.6},
    "boom": {"US labour demand future": 1.3},
    "removals doubled": {"removal capacity": 2.0},
    "no removals": {"removal capacity": 0.0},
    "supported": {"removal capacity": 2.0, "reintegration support": 1.0},
    "regularised": {"regularisation": 0.8},
    "regularised with control": {"regularisation": 0.8, "removal capacity": 2.0},
    "nobody leaves again": {"switch for returnees leaving again": 0.0},
}


@pytest.fixture(scope="module")
def model(migration: Model) -> Model:
    return migration


@pytest.fixture(scope="module")
def runs(model: Model) -> xr.Dataset:
    return side_by_side(model, RUNS, OUTCOMES)


def _mean(ds: xr.Dataset, name: str, run: str, first: int, last: int) -> float:
    """Mean over calendar years and sum over origins."""
    values = ds[name].sel(draw=run).isel(time=slice(12 * (first - 2013), 12 * (last - 2012)))
    return float(values.sum([d for d in values.dims if d != "time"]).mean())


def test_returns_of_2015_to_2020_lie_near_the_census(runs: xr.Dataset) -> None:
    counted = runs["returns to Mexico that a census counts"].sel(draw="base")
    later = 60.0 * float(counted.isel(time=slice(30, 90)).mean())
    earlier = 60.0 * float(counted.isel(time=slice(0, 30)).mean())
    assert later == pytest.approx(294_000, rel=0.15)
    assert 294_000 < earlier < 500_000


def test_us_born_children_in_mexico_lie_near_the_census(runs: xr.Dataset) -> None:
    stock = float(runs["US born children in Mexico"].sel(draw="base").isel(time=86))
    arrivals = 60.0 * float(
        runs["US born children arriving"].sel(draw="base").isel(time=slice(30, 90)).mean()
    )
    assert stock == pytest.approx(500_600, rel=0.1)
    assert arrivals == pytest.approx(181_000, rel=0.15)


def test_recession_sends_people_home_and_a_boom_keeps_them(runs: xr.Dataset) -> None:
    base, bust, boom = (
        _mean(runs, "voluntary returns", run, 2027, 2028) for run in ("base", "recession", "boom")
    )
    assert boom < base < bust
    assert bust > 1.15 * base


def test_regularised_people_return_less_at_first_and_more_later(runs: xr.Dataset) -> None:
    name = "returns by own decision"
    assert _mean(runs, name, "regularised", 2027, 2028) < _mean(runs, name, "base", 2027, 2028)
    assert _mean(runs, name, "regularised", 2034, 2035) > _mean(runs, name, "base", 2034, 2035)


def test_regularised_people_return_prepared_and_settle_more_often(runs: xr.Dataset) -> None:
    prepared = runs["share of own returns that are prepared"]
    assert float(prepared.sel(draw="base").max()) == 0.0
    assert float(prepared.sel(draw="regularised").isel(time=-1).min()) > 0.3
    late = (2034, 2035)
    assert _mean(runs, "reintegration success", "regularised", *late) > _mean(
        runs, "reintegration success", "base", *late
    )


def test_regularisation_lowers_removals_but_never_ends_them(runs: xr.Dataset) -> None:
    base, fewer = (_mean(runs, "interior removals", run, 2030, 2032) for run in ("base", "regularised"))
    assert 0.0 < fewer < 0.8 * base


def test_control_beside_regularisation_raises_removals_at_first(runs: xr.Dataset) -> None:
    base = _mean(runs, "interior removals", "base", 2027, 2027)
    assert _mean(runs, "interior removals", "regularised with control", 2027, 2027) > base


def test_removals_part_families_and_bring_us_born_children(runs: xr.Dataset) -> None:
    for name in ("people parted from family by removal", "US born children in Mexico"):
        assert _mean(runs, name, "removals doubled", 2028, 2032) > _mean(runs, name, "base", 2028, 2032), name


def test_return_goes_on_without_removals(runs: xr.Dataset) -> None:
    assert _mean(runs, "interior removals", "no removals", 2028, 2032) == 0.0
    assert _mean(runs, "voluntary returns", "no removals", 2028, 2032) > 0.0


def test_support_makes_more_returnees_settle(runs: xr.Dataset) -> None:
    late = (2029, 2032)
    assert _mean(runs, "reintegration success", "removals doubled", *late) < _mean(
        runs, "reintegration success", "base", *late
    )
    assert _mean(runs, "reintegration success", "supported", *late) > _mean(
        runs, "reintegration success", "base", *late
    )


def test_cutting_loop_r8_lowers_encounters_and_ends_leaving_again(runs: xr.Dataset) -> None:
    cut = runs.sel(draw="nobody leaves again")
    assert float(cut["all returnees leaving again"].max()) == 0.0
    assert float(cut["reintegration success"].min()) == 1.0
    assert _mean(runs, "encounters at US border", "nobody leaves again", 2030, 2035) < _mean(
        runs, "encounters at US border", "base", 2030, 2035
    )


def test_crowded_return_changes_nothing_while_data_hold_the_history(model: Model) -> None:
    name = "encounters at US border"
    strong = flows.simulate(
        model, {"elasticity of leaving again to crowding": 0.6}, outcomes=[name], until="2024-09"
    )
    none = flows.simulate(
        model, {"elasticity of leaving again to crowding": 0.0}, outcomes=[name], until="2024-09"
    )
    np.testing.assert_allclose(strong[name].values, none[name].values, rtol=1e-12)


def test_reference_returnees_are_those_of_the_base_run_at_the_data_end(
    model: Model, runs: xr.Dataset
) -> None:
    held = runs["usual returnees"].sel(draw="base").isel(time=141).values
    np.testing.assert_allclose(model.constants["reference returnees"].value, held, rtol=0.15)


def test_families_and_minors_are_a_part_of_returns(runs: xr.Dataset) -> None:
    share = runs["family and minor share of returns"].sel(draw="base")
    assert 0.0 < float(share.min()) <= float(share.max()) < 1.0


def test_more_returns_bring_more_people_and_cases_to_consulates(runs: xr.Dataset) -> None:
    for name in ("people returned needing consular help", "new consular cases"):
        assert _mean(runs, name, "removals doubled", 2028, 2032) > _mean(runs, name, "base", 2028, 2032), name
    reform = _mean(runs, "new consular cases", "regularised", 2027, 2028)
    assert reform > 2.0 * _mean(runs, "new consular cases", "base", 2027, 2028)
