"""Sector 8, people without status in the US: sizes, protection, regularisation (B12), remittances (R12)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.validation.conftest import side_by_side

from flows.model.model import Model

MODELS = Path(__file__).parents[2] / "models"
STOCKS = [
    "people in US without a case",
    "people with temporary protection",
    "people on parole",
    "newly regularised people",
    "settled regularised people",
]
OUTCOMES = [
    *STOCKS,
    "unauthorised population",
    "total unauthorised population",
    "Mexican share of unauthorised population",
    "share of Mexicans in US with status",
    "Mexicans in US",
    "irregular workers in US",
    "total regularised people",
    "people put into court from the interior",
    "court receipts per month",
    "interior receipts",
    "remittances",
    "remittance index",
    "people whose case is filed",
]
RUNS: dict[str, dict[str, float]] = {
    "base": {},
    "regularised": {"regularisation": 0.8},
    "half regularised": {"regularisation": 0.4},
    "no room for reform": {"regularisation": 0.8, "political room future": 0.0},
    "loop B12 cut": {"regularisation": 0.8, "switch for regularisation": 0.0},
    "protection ended": {"temporary protection": 0.0},
    "protection doubled": {"temporary protection": 2.0},
    "loop R12 cut": {"switch for remittances following the diaspora": 0.0},
    "recession": {"US labour demand future": 0.6},
    "everything at once": {
        "regularisation": 1.0,
        "removal capacity": 5.0,
        "court receipts": 3.0,
        "temporary protection": 2.0,
    },
}


@pytest.fixture(scope="module")
def model(migration: Model) -> Model:
    return migration


@pytest.fixture(scope="module")
def runs(model: Model) -> xr.Dataset:
    return side_by_side(model, RUNS, OUTCOMES)


def _at(ds: xr.Dataset, name: str, run: str, year: int) -> float:
    """Value at the end of a year, summed over origins."""
    values = ds[name].sel(draw=run).isel(time=12 * (year - 2012))
    return float(values.sum())


def _mid(ds: xr.Dataset, name: str, year: int, **where: str) -> float:
    return float(ds[name].sel(draw="base", **where).isel(time=12 * (year - 2013) + 6).sum())


def test_unauthorised_population_lies_near_the_estimates(runs: xr.Dataset) -> None:
    assert _mid(runs, "total unauthorised population", 2017) == pytest.approx(10.5e6, rel=0.05)
    assert _mid(runs, "unauthorised population", 2017, origin="Mexico") == pytest.approx(4.95e6, rel=0.05)
    nca = sum(
        _mid(runs, "unauthorised population", 2017, origin=o)
        for o in ("Guatemala", "Honduras", "El Salvador")
    )
    assert nca == pytest.approx(1.75e6, rel=0.1)
    assert _mid(runs, "total unauthorised population", 2023) == pytest.approx(14.0e6, rel=0.1)


def test_mexican_share_falls_below_half(runs: xr.Dataset) -> None:
    share = runs["Mexican share of unauthorised population"].sel(draw="base")
    assert float(share.isel(time=0)) > 0.5
    assert float(share.isel(time=126)) < 0.4


def test_daca_and_mexicans_in_the_us_lie_near_the_counts(runs: xr.Dataset) -> None:
    daca = runs["people with temporary protection"].sel(draw="base", origin="Mexico").isel(time=102)
    assert float(daca) == pytest.approx(548_000, rel=0.02)
    assert _mid(runs, "Mexicans in US", 2019) == pytest.approx(11.2e6, rel=0.05)
    assert 0.5 < _mid(runs, "share of Mexicans in US with status", 2020) < 0.7


def test_remittances_follow_the_received_sums(runs: xr.Dataset) -> None:
    year = runs["remittances"].sel(draw="base").isel(time=slice(120, 132)).mean("time") * 12
    for origin, received in (
        ("Mexico", 63.32e9),
        ("Guatemala", 19.98e9),
        ("Honduras", 8.97e9),
        ("El Salvador", 8.19e9),
    ):
        assert float(year.sel(origin=origin)) == pytest.approx(received, rel=0.08), origin
    np.testing.assert_allclose(runs["remittance index"].sel(draw="base").isel(time=0).values, 1.0, rtol=0.01)


def test_regularisation_reaches_the_offered_share_and_lowers_the_unauthorised_population(
    runs: xr.Dataset,
) -> None:
    whole, half = (
        _at(runs, "total regularised people", run, 2032) for run in ("regularised", "half regularised")
    )
    assert 2e6 < half < whole < 8e6
    for run in ("regularised", "half regularised"):
        assert _at(runs, "total unauthorised population", run, 2032) < _at(
            runs, "total unauthorised population", "base", 2032
        )
        assert _at(runs, "irregular workers in US", run, 2032) < _at(
            runs, "irregular workers in US", "base", 2032
        )


def test_without_political_room_or_with_the_loop_cut_nobody_is_regularised(runs: xr.Dataset) -> None:
    for run in ("no room for reform", "loop B12 cut", "base"):
        assert float(runs["total regularised people"].sel(draw=run).max()) == 0.0, run


def test_temporary_protection_moves_people_both_ways(runs: xr.Dataset) -> None:
    held = {run: _at(runs, "people with temporary protection", run, 2030) for run in RUNS}
    assert held["protection ended"] < 0.1 * held["base"]
    assert held["protection doubled"] > 1.5 * held["base"]
    assert _at(runs, "irregular workers in US", "protection ended", 2030) > _at(
        runs, "irregular workers in US", "base", 2030
    )


def test_cases_from_the_interior_are_people_without_a_case_and_equal_the_dated_receipts(
    runs: xr.Dataset,
) -> None:
    base = runs.sel(draw="base")
    from_interior = base["people put into court from the interior"].sum("origin")
    np.testing.assert_allclose(from_interior.values, base["interior receipts"].values, rtol=1e-9)
    total = base["people whose case is filed"].sum("origin") + from_interior
    np.testing.assert_allclose(total.values, base["court receipts per month"].values, rtol=1e-9)


def test_stocks_stay_above_zero_when_everything_drains_them(runs: xr.Dataset) -> None:
    for name in STOCKS:
        assert float(runs[name].sel(draw="everything at once").min()) >= 0.0, name
    few = _at(runs, "people in US without a case", "everything at once", 2035)
    assert few < 0.5 * _at(runs, "people in US without a case", "base", 2035)


def test_remittances_fall_in_a_recession_and_the_index_can_be_held(runs: xr.Dataset) -> None:
    assert _at(runs, "remittances", "recession", 2028) < _at(runs, "remittances", "base", 2028)
    np.testing.assert_allclose(runs["remittance index"].sel(draw="loop R12 cut").values, 1.0, rtol=1e-12)


def test_reference_people_without_a_case_are_those_of_the_base_run_at_the_data_end(
    model: Model, runs: xr.Dataset
) -> None:
    held = float(runs["people in US without a case"].sel(draw="base").isel(time=141).sum())
    assert float(model.constants["reference people without a case"].value) == pytest.approx(held, rel=0.05)
