"""Sector 1, departures: demography handed over, development hump, ageing, wage gap, new routes, switches of loops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr

import flows
from flows import resources
from flows.demography import ORIGINS, demography_inputs, migration_inputs
from flows.errors import InputError
from flows.model.model import Model

MODELS = resources.root() / "models"
SWITCHES = {
    "perceived chance": "effect of perceived chance",
    "network": "effect of network",
    "development hump": "effect of development",
    "US ageing": "effect of US ageing on labour demand",
    "ageing of origins": "effect of ageing of origins",
}
CASES: dict[str, dict[str, float]] = {
    "base": {},
    "development": {"development investment": 1.0},
    "development from 2013": {"development investment": 1.0, "policy start time": 0.0},
    "remittances": {"productive use of remittances": 1.0, "policy start time": 0.0},
    "everything": {
        "development investment": 1.0,
        "productive use of remittances": 1.0,
        "legal pathways per month": 100000.0,
        "policy start time": 0.0,
    },
    "new route": {"new route future": 1.0},
    "recession": {"US labour demand future": 0.5},
    "violence": {"violence future": 2.0},
    "no wage gap": {"elasticity of departures to wage gap": 0.0},
    "all cut": {f"switch for {name}": 0.0 for name in SWITCHES} | {"development investment": 1.0},
}
OUTCOMES = [
    "departures",
    "total departures",
    "development capital",
    "US labour demand",
    "working age population",
    "violence",
    "net moves to the US",
    "effect of wage gap",
    *SWITCHES.values(),
]


def several(model: Model, cases: Mapping[str, Mapping[str, float]], outcomes: list[str]) -> xr.Dataset:
    """Run cases side by side; what a case doesn't name keeps the file's value."""
    names = sorted({name for case in cases.values() for name in case})
    inputs = {
        name: xr.DataArray(
            [case.get(name, float(model.constants[name].value)) for case in cases.values()],
            dims="scenario",
            coords={"scenario": list(cases)},
        )
        for name in names
    }
    return flows.simulate(model, inputs, outcomes=outcomes)


def year(values: xr.DataArray, which: int, **where: str) -> float:
    """Mean of a calendar year."""
    first = 12 * (which - 2013)
    return float(values.sel(time=slice(first, first + 12), **where).mean())


@pytest.fixture(scope="module")
def model() -> Model:
    return flows.read_vensim(MODELS / "migration.mdl", units="error")


@pytest.fixture(scope="module")
def demography() -> xr.Dataset:
    return flows.simulate(flows.read_vensim(MODELS / "demography.mdl", units="error"), engine="python")


@pytest.fixture(scope="module")
def runs(model: Model) -> xr.Dataset:
    return several(model, CASES, OUTCOMES)


# ------------------------------------------------------------------------------------------------ demography


def test_the_lookups_are_those_of_a_demography_run(model: Model, demography: xr.Dataset) -> None:
    lookups = {lookup.name: lookup for lookup in model.lookups}
    for name, table in migration_inputs(demography).items():
        points = np.array(lookups[name].value, dtype=float)
        points = points.T if points.shape[0] == 2 else points
        np.testing.assert_array_equal(points[:, 0], table["x"].values, err_msg=name)
        rounding = 500.0 if lookups[name].units == "Person" else 0.00005
        assert np.abs(points[:, 1] - table.values).max() <= 1.01 * rounding, name


def test_a_demography_run_can_be_handed_over_as_inputs(model: Model, demography: xr.Dataset) -> None:
    own = flows.simulate(model, outcomes=["total departures"], engine="python", until="2016-12")
    given = flows.simulate(
        model, migration_inputs(demography), outcomes=["total departures"], engine="python", until="2016-12"
    )
    np.testing.assert_allclose(given["total departures"], own["total departures"], rtol=1e-4)


def test_a_run_without_what_is_handed_over_is_refused(demography: xr.Dataset) -> None:
    with pytest.raises(InputError, match="share of young adults"):
        migration_inputs(demography.drop_vars("share of young adults"))
    with pytest.raises(InputError, match="too short"):
        migration_inputs(demography.sel(time=slice(1980, 2020)))


def test_net_moves_come_back_as_people_a_year(runs: xr.Dataset) -> None:
    base = runs.sel(scenario="base")
    extra = demography_inputs(runs.sel(scenario="recession"), base)
    moves = {name: table for name, table in extra.items() if name.startswith("extra net moves")}
    assert set(moves) == {f"extra net moves from {country}" for country in ORIGINS}
    mexico = extra["extra net moves from Mexico"]
    assert (mexico.sel(x=slice(1980, 2023)) == 0).all()
    assert float(mexico.sel(x=2030)) < 0
    change = (runs.sel(scenario="recession") - base)["net moves to the US"].sel(origin="Mexico")
    assert float(mexico.sel(x=2030)) == pytest.approx(12 * year(change, 2030), rel=0.05)
    assert all(float(table.sel(x=2070)) == float(table.sel(x=2035)) for table in moves.values())


def test_violence_in_the_migration_model_shortens_life_in_the_demography(
    runs: xr.Dataset, demography: xr.Dataset
) -> None:
    given = demography_inputs(runs.sel(scenario="violence"), runs.sel(scenario="base"))
    assert float(given["violence multiple[Mexico]"]) == pytest.approx(2.0, rel=1e-6)
    model = flows.read_vensim(MODELS / "demography.mdl", units="error")
    worse = flows.simulate(
        model, given, engine="python", outcomes=["life expectancy", "net migration without plan"]
    )
    for country in ORIGINS:
        change = (worse - demography).sel(country=country, time=2035)
        assert float(change["life expectancy"]) < -0.05
        assert float(change["net migration without plan"]) < 0  # more people leave
    same = demography_inputs(runs.sel(scenario="base"), runs.sel(scenario="base"))
    back = flows.simulate(model, same, engine="python", outcomes=["population"])
    np.testing.assert_array_equal(back["population"], demography["population"])


def test_the_ageing_of_origins_lowers_departures_after_the_data_only(runs: xr.Dataset) -> None:
    effect = runs["effect of ageing of origins"].sel(scenario="base")
    assert (effect.sel(time=slice(0, 141)) == 1).all()
    assert (effect.sel(origin=list(ORIGINS), time=slice(156, 276)) < 1).all()
    assert (effect.sel(origin="Venezuela") == 1).all()


def test_the_ageing_of_the_united_states_raises_labour_demand_after_the_data_only(runs: xr.Dataset) -> None:
    effect = runs["effect of US ageing on labour demand"].sel(scenario="base")
    assert (effect.sel(time=slice(0, 141)) == 1).all()
    assert (effect.sel(time=slice(160, 276)).diff("time") > 0).all()


# ------------------------------------------------------------------------------------------------ drivers


def test_development_capital_rests_at_one_on_the_current_course(runs: xr.Dataset) -> None:
    np.testing.assert_allclose(runs["development capital"].sel(scenario="base"), 1.0, rtol=1e-12)
    np.testing.assert_allclose(runs["effect of development"].sel(scenario="base"), 1.0, rtol=1e-12)


def test_development_first_raises_and_later_lowers_departures(runs: xr.Dataset) -> None:
    effect = runs["effect of development"]
    for origin in ORIGINS:
        path = effect.sel(scenario="development from 2013", origin=origin)
        assert year(path, 2015) > 1.01
        assert float(path.min()) > 0.5
        peak = int(path.argmax("time"))
        assert (path.isel(time=slice(peak, None)).diff("time") <= 1e-9).all()
    late = effect.sel(scenario="development from 2013", time=276)
    assert float(late.sel(origin="Mexico")) < 0.95
    # the hump is longest where people are poorest
    assert (
        float(late.sel(origin="Honduras"))
        > float(late.sel(origin="El Salvador"))
        > float(late.sel(origin="Mexico"))
    )


def test_development_investment_of_2026_raises_departures_first(runs: xr.Dataset) -> None:
    change = runs["total departures"].sel(scenario="development") / runs["total departures"].sel(
        scenario="base"
    )
    assert year(change, 2029) > 1.01


def test_productive_remittances_build_development_capital(runs: xr.Dataset) -> None:
    capital = runs["development capital"].sel(origin="Guatemala", time=276)
    assert (
        1.0
        < float(capital.sel(scenario="remittances"))
        < float(capital.sel(scenario="development from 2013"))
    )


def test_people_leave_whatever_development_and_legal_places_achieve(runs: xr.Dataset) -> None:
    assert (runs["departures"].sel(scenario="everything") > 0).all()


def test_a_new_route_raises_departures_from_farther_origins_only(runs: xr.Dataset) -> None:
    change = runs["departures"].sel(scenario="new route") / runs["departures"].sel(scenario="base")
    assert year(change, 2030, origin="Venezuela") > 2
    assert year(change, 2023, origin="Venezuela") == pytest.approx(1)
    assert year(change, 2030, origin="Honduras") == pytest.approx(1, abs=0.1)


def test_recession_lowers_and_violence_raises_departures(runs: xr.Dataset) -> None:
    total = runs["departures"]
    for origin in ORIGINS:
        base = year(total.sel(scenario="base", origin=origin), 2030)
        assert year(total.sel(scenario="recession", origin=origin), 2030) < base
        assert year(total.sel(scenario="violence", origin=origin), 2030) > base


def test_a_wider_wage_gap_raises_departures(runs: xr.Dataset) -> None:
    """The income of Mexico fell against that of the United States from 2013 to 2024, by one part in eight."""
    effect = runs["effect of wage gap"].sel(scenario="base", origin="Mexico")
    assert year(effect, 2013) == pytest.approx(1, abs=0.002)
    assert year(effect, 2023) > 1.01
    with_gap = year(runs["departures"].sel(scenario="base", origin="Mexico"), 2023)
    assert with_gap > year(runs["departures"].sel(scenario="no wage gap", origin="Mexico"), 2023)


@pytest.mark.parametrize(("switch", "effect"), SWITCHES.items())
def test_a_loop_that_is_cut_has_no_effect(model: Model, runs: xr.Dataset, switch: str, effect: str) -> None:
    cut = runs[effect].sel(scenario="all cut")
    np.testing.assert_allclose(cut, 1.0, rtol=1e-12)
    assert float(model.constants[f"switch for {switch}"].value) == 1.0
    reference = runs[effect].sel(scenario="development" if switch == "development hump" else "base")
    assert float(np.abs(reference - 1).max()) > 0.01
