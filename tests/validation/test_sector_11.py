"""Demography: ageing without diffusion, conservation, history, turning points of section S1, planned immigration."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import observations, resources
from flows.model.check import conservation_findings
from flows.model.model import Model

MODELS = resources.root() / "models"
COUNTRIES = ("Canada", "United States", "Mexico", "Guatemala", "Honduras", "El Salvador")
NORTH, SOUTH, NCA = COUNTRIES[:2], COUNTRIES[2:], COUNTRIES[3:]
BROAD = {
    "children": "population_age_0_14",
    "working age population": "population_age_15_64",
    "older people": "population_age_65plus",
}


@pytest.fixture(scope="module")
def model() -> Model:
    return flows.read_vensim(MODELS / "demography.mdl", units="error")


@pytest.fixture(scope="module")
def base(model: Model) -> xr.Dataset:
    return run(model)


def run(model: Model, **inputs: object) -> xr.Dataset:
    named = {name.replace("_", " "): value for name, value in inputs.items()}
    return flows.simulate(model, named or None, engine="python")  # type: ignore[arg-type]


def at(values: xr.DataArray, year: float, country: str | None = None) -> float:
    chosen = values.sel(time=year) if country is None else values.sel(time=year, country=country)
    return float(chosen)


def multiples(value: float, *countries: str) -> list[float]:
    return [value if country in countries else 1.0 for country in COUNTRIES]


def observed(series: str, country: str) -> pd.DataFrame:
    rows = observations.load()
    return rows[(rows["series"] == series) & (rows["group"] == country)]


def lowest(values: xr.DataArray) -> float:
    return float(values["time"][int(values.values.argmin())])


# ------------------------------------------------------------------------------------------------ structure


def test_every_flow_of_people_leaves_one_place_or_cloud_and_enters_one(model: Model) -> None:
    tables = tomllib.loads((MODELS / "clouds.toml").read_text(encoding="utf-8"))["demography"]
    boundary = {
        "in": [flow for cloud in tables.values() for flow in cloud.get("out", [])],
        "out": [flow for cloud in tables.values() for flow in cloud.get("in", [])],
    }
    assert conservation_findings(model, unit="Person", boundary=boundary) == []


def test_who_leaves_a_place_enters_the_next(base: xr.Dataset) -> None:
    leave = base["people leaving place"].stack(age=("cohort", "place"))
    enter = base["people entering place"].stack(age=("cohort", "place"))
    np.testing.assert_array_equal(enter.values[..., 1:], leave.values[..., :-1])
    np.testing.assert_array_equal(enter.isel(age=0).values, base["newborns"].values)
    assert (leave.isel(age=-1) == 0).all()


def test_people_are_conserved_over_the_whole_run(base: xr.Dataset) -> None:
    correction = (base["people by cohort"] * base["correction to counts"]).sum("cohort")
    change = base["births"] - base["deaths"] + base["net migration"] + correction
    expected = base["population"].isel(time=0) + change.isel(time=slice(None, -1)).sum("time")
    np.testing.assert_allclose(base["population"].isel(time=-1), expected, rtol=1e-12)


def test_a_birth_cohort_stays_together_for_life(model: Model) -> None:
    """Five people at one age, nobody dies, moves or is born: after 60 years they are in one place, 60 years older."""
    rates = {"level of death rates": np.full((6, 20), -60.0), "slope of death rates": np.zeros((6, 20))}
    rates["curve of death rates"] = np.zeros((6, 20))
    people = np.zeros((6, 20, 5))
    people[:, :, :] = 1e-12  # a share of nobody can't be taken
    people[:, 2, 3] = 5.0
    still = {
        "people": people,
        "fertility multiple": np.zeros(6),
        "fertility change year": 1979.0,
        "net migration multiple": np.zeros(6),
        "net migration change year": 1979.0,
        "early correction to counts": np.zeros((6, 20)),
        "late correction to counts": np.zeros((6, 20)),
    }
    ds = flows.simulate(model, rates | still, engine="python", outcomes=["people"])  # type: ignore[arg-type]
    later = ds["people"].sel(time=2040, country="Honduras").values
    assert later[14, 3] == pytest.approx(5.0, rel=1e-6)


def test_no_cohort_falls_below_zero_under_extreme_emigration_and_mortality(model: Model) -> None:
    ds = run(
        model,
        net_migration_multiple=[4.0] * 6,
        net_migration_change_year=1979.0,
        violence_multiple=[4.0] * 6,
        violence_change_year=2005.0,
        fertility_multiple=[0.6] * 6,
    )
    assert float(ds["people"].min()) >= 0.0
    assert float(ds["newcomers not yet at work"].min()) >= 0.0


@pytest.mark.slow
def test_demography_runs_as_in_pysd(model: Model, base: xr.Dataset) -> None:
    names = [
        "people",
        "births",
        "deaths",
        "net migration",
        "planned intake",
        "life expectancy",
        "dependency ratio",
    ]
    other = flows.simulate(model, engine="pysd", outcomes=names)
    for name in names:
        values = base[name]
        size = float(np.abs(values).max())
        assert float(np.abs(values - other[name].values).max()) <= 1e-9 * max(size, 1e-300), name


# ------------------------------------------------------------------------------------------------ history


@pytest.mark.parametrize(("name", "series"), BROAD.items())
@pytest.mark.parametrize("country", COUNTRIES)
def test_broad_ages_follow_the_counts(base: xr.Dataset, country: str, name: str, series: str) -> None:
    """Corrections to counts are fitted to these series: agreement is no evidence, a larger gap would be a fault."""
    rows = observed(series, country)
    years = rows["period_start"].dt.year.to_numpy()
    values = base[name].sel(country=country)
    middle = (values.sel(time=years).values + values.sel(time=years + 1).values) / 2
    error = np.abs(middle / rows["value"].to_numpy() - 1)
    limit = 0.12 if (country, name) == ("El Salvador", "older people") else 0.055
    assert error.max() < limit
    assert error[-1] < 0.015


@pytest.mark.parametrize("country", COUNTRIES)
def test_births_and_deaths_come_near_the_estimates(base: xr.Dataset, country: str) -> None:
    """Births and deaths are not fitted; deaths of El Salvador and Mexico are the weak point (older people of 1980)."""
    for name, mean, worst in (("births", 0.03, 0.06), ("deaths", 0.1, 0.2)):
        rows = observed(name, country)
        years = rows["period_start"].dt.year.to_numpy()
        error = np.abs(base[name].sel(country=country, time=years).values / rows["value"].to_numpy() - 1)
        assert error.mean() < mean, name
        assert error.max() < worst, name


# ------------------------------------------------------------------------------------------------ section S1


def test_mexico_has_its_lowest_dependency_ratio_in_the_second_half_of_the_twenties(base: xr.Dataset) -> None:
    assert 2025 <= lowest(base["dependency ratio"].sel(country="Mexico")) <= 2030


def test_northern_central_america_has_its_lowest_dependency_ratio_in_the_forties(base: xr.Dataset) -> None:
    assert 2040 <= lowest(base["dependency ratio of northern Central America"]) <= 2050
    for country in ("Guatemala", "Honduras"):
        assert 2040 <= lowest(base["dependency ratio"].sel(country=country)) <= 2050


def test_the_dependency_ratio_of_el_salvador_climbs_after_2045(base: xr.Dataset) -> None:
    ratio = base["dependency ratio"].sel(country="El Salvador")
    rises = ratio.sel(time=slice(2045, 2070)).diff("time")
    assert (rises > 0).all()
    assert at(ratio, 2060) - at(ratio, 2045) > 0.08
    gap = abs(
        at(base["dependency ratio"], 2065, "El Salvador")
        - at(base["dependency ratio"], 2065, "United States")
    )
    assert gap < 0.1


@pytest.mark.parametrize("country", NORTH)
def test_the_north_had_its_lowest_dependency_ratio_about_2005_to_2010(base: xr.Dataset, country: str) -> None:
    assert 2005 <= lowest(base["dependency ratio"].sel(country=country)) <= 2011


def test_support_ratios_fall_most_in_guatemala_and_converge(base: xr.Dataset) -> None:
    ratio = base["potential support ratio"]
    fall = ratio.sel(time=2020) - ratio.sel(time=2070)
    assert (fall > 0).all()
    spread = ratio.max("country") - ratio.min("country")
    assert at(spread, 2070) < 0.5 * at(spread, 2050) < 0.5 * at(spread, 2020)
    south = fall.sel(country=list(SOUTH))
    assert south["country"].values[int(south.argmax("country"))] in ("Guatemala", "Honduras")


def test_natural_increase_as_section_s1_gives_it(base: xr.Dataset) -> None:
    """Percent a year: 3 (Guatemala, Honduras), 2.4 (Mexico, El Salvador), 0.7 (north) in 1980; 2, 1, 0.5 in 2020."""
    rate = base["natural growth rate"]
    for country, early, late in (
        ("Guatemala", (0.028, 0.036), (0.014, 0.024)),
        ("Honduras", (0.030, 0.040), (0.014, 0.024)),
        ("Mexico", (0.022, 0.030), (0.006, 0.013)),
        ("El Salvador", (0.020, 0.030), (0.006, 0.013)),
        ("Canada", (0.005, 0.010), (0.0, 0.005)),
        ("United States", (0.005, 0.010), (0.0, 0.005)),
    ):
        assert early[0] < float(rate.sel(country=country, time=slice(1980, 1984)).mean()) < early[1], country
        assert late[0] < float(rate.sel(country=country, time=slice(2017, 2019)).mean()) < late[1], country


def test_only_mexico_and_el_salvador_shrink_within_forty_years(base: xr.Dataset) -> None:
    growth = base["growth rate"].sel(time=slice(2025, 2062))
    shrinking = set(growth["country"].values[(growth.min("time") < 0).values])
    assert shrinking == {"Mexico", "El Salvador"}


def test_without_immigration_the_northern_bonus_is_shorter(model: Model, base: xr.Dataset) -> None:
    closed = run(model, net_migration_multiple=multiples(0.0, *NORTH), net_migration_change_year=1979.0)
    for country in NORTH:
        assert at(closed["dependency ratio"], 2020, country) > at(base["dependency ratio"], 2020, country)
        assert at(closed["population"], 2020, country) < at(base["population"], 2020, country)


def test_lower_fertility_raises_northern_dependency_in_the_long_run(model: Model, base: xr.Dataset) -> None:
    fewer = run(model, fertility_multiple=multiples(0.7, *NORTH))
    for country in NORTH:
        assert at(fewer["dependency ratio"], 2035, country) < at(base["dependency ratio"], 2035, country)
        rise = [
            at(ds["dependency ratio"], 2070, country) - at(ds["dependency ratio"], 2035, country)
            for ds in (base, fewer)
        ]
        assert rise[1] > rise[0] + 0.03


def test_killings_held_mexican_life_expectancy_flat(model: Model, base: xr.Dataset) -> None:
    peace = base["life expectancy without homicides"].sel(country="Mexico")
    seen = base["life expectancy"].sel(country="Mexico")
    assert at(seen, 2018) - at(seen, 2005) < 0.6 * (at(peace, 2018) - at(peace, 2005))
    calm = run(model, violence_multiple=multiples(0.3, "Mexico"), violence_change_year=2008.0)
    assert at(calm["life expectancy"], 2018, "Mexico") > at(seen, 2018) + 0.4
    assert at(calm["life expectancy"], 2018, "Canada") == at(base["life expectancy"], 2018, "Canada")


def test_violence_shortens_life_unless_the_link_is_cut(model: Model, base: xr.Dataset) -> None:
    worse = run(model, violence_multiple=multiples(2.0, "Mexico"))
    assert at(worse["life expectancy"], 2030, "Mexico") < at(base["life expectancy"], 2030, "Mexico") - 0.5
    assert at(worse["deaths"], 2030, "Mexico") > at(base["deaths"], 2030, "Mexico")
    cut = run(model, violence_multiple=multiples(2.0, "Mexico"), switch_for_violence_shortens_life=0.0)
    np.testing.assert_array_equal(cut["people"], base["people"])


def test_planned_immigration_holds_the_growth_of_mexico(model: Model, base: xr.Dataset) -> None:
    plan = run(model, planned_immigration_to_Mexico=1.0)
    growth = plan["growth rate"].sel(country="Mexico", time=slice(2030, 2069))
    assert float(growth.max() - growth.min()) < 0.001
    assert float(growth.min()) > 0.007
    assert at(base["growth rate"], 2060, "Mexico") < 0.001
    assert at(plan["planned intake"], 2060) > at(plan["planned intake"], 2040) > 0
    assert at(plan["planned intake rate"], 2060) < 0.01  # Canada takes about one in a hundred
    assert at(plan["dependency ratio"], 2060, "Mexico") < at(base["dependency ratio"], 2060, "Mexico")
    for country in COUNTRIES:
        if country != "Mexico":
            np.testing.assert_array_equal(
                plan["population"].sel(country=country), base["population"].sel(country=country)
            )


def test_the_bonus_lasts_longer_only_if_newcomers_find_work(model: Model, base: xr.Dataset) -> None:
    name = "effective dependency ratio of Mexico"
    works = run(model, planned_immigration_to_Mexico=1.0, time_to_integrate_newcomers=1.0)
    fails = run(model, planned_immigration_to_Mexico=1.0, time_to_integrate_newcomers=60.0)
    assert at(works[name], 2060) < at(base[name], 2060) < at(fails[name], 2060)


def test_people_who_leave_the_four_countries_arrive_in_the_united_states(
    model: Model, base: xr.Dataset
) -> None:
    moves = xr.DataArray(
        [0.0, 0.0, 50000.0, 50000.0], dims="x", coords={"x": [1980.0, 2026.0, 2027.0, 2070.0]}
    )
    more = flows.simulate(model, {"extra net moves from Mexico": moves}, engine="python")
    gain = more["net migration without plan"] - base["net migration without plan"]
    assert at(gain, 2040, "United States") == pytest.approx(50000)
    assert at(gain, 2040, "Mexico") == pytest.approx(-50000)
    assert at(more["working age population"], 2040, "Mexico") < at(
        base["working age population"], 2040, "Mexico"
    )
    assert at(more["prime age population"], 2040, "United States") > at(
        base["prime age population"], 2040, "United States"
    )
