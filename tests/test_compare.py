"""Scenarios beside a baseline, on a small model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import compare
from flows.calendar import time_at_end
from flows.errors import InputError, ResultError
from flows.inputs import ConstantChange, Outcome, read_scenario, scenario_inputs
from flows.model.model import Model


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


def test_stacked_inputs_fill_in_what_a_scenario_leaves_alone(model: Model) -> None:
    stacked = compare.stacked_inputs(
        [{}, {"base arrivals[Haiti]": 40.0}, {"base arrivals": 5.0, "labour demand": 2.0}],
        ["a", "b", "c"],
        model,
    )
    assert stacked["base arrivals"].dims == ("scenario", "origin")
    assert stacked["base arrivals"].values.tolist() == [[20, 10], [40, 10], [5, 5]]
    assert stacked["labour demand"].values.tolist() == [1, 1, 2]
    assert list(stacked["labour demand"]["scenario"].values) == ["a", "b", "c"]


def test_an_element_overrides_the_whole_whatever_the_order(model: Model) -> None:
    stacked = compare.stacked_inputs([{"base arrivals[Cuba]": 1.0, "base arrivals": 5.0}], ["a"], model)
    assert stacked["base arrivals"].values.tolist() == [[5, 1]]


def test_each_scenario_is_what_it_is_alone(model: Model) -> None:
    found = compare.compare(model, ["faster", "boom"])
    assert [s.name for s in found.scenarios] == ["current-course", "faster", "boom"]
    for name in ("current-course", "faster", "boom"):
        alone = flows.simulate(model, scenario_inputs(read_scenario(name), model), save_every=1)
        for outcome in ("people waiting in Mexico", "COMAR pending cases", "exposure index"):
            np.testing.assert_allclose(found.values[outcome].sel(scenario=name), alone[outcome], rtol=1e-12)


def test_one_call_of_the_engine(model: Model) -> None:
    calls = []

    def simulate(*args: object, **options: object) -> xr.Dataset:
        calls.append(options)
        return flows.simulate(*args, **options)  # type: ignore[arg-type]

    compare.compare(model, ["faster", "boom"], simulate=simulate)
    assert len(calls) == 1


def test_levels_totals_and_means(model: Model) -> None:
    found = compare.compare(model, ["boom"], dates=("2016-12",))
    table = found.table.set_index(["scenario", "outcome", "measure"])
    end = time_at_end("2016-12")
    waiting = found.values["people waiting in Mexico"].sel(scenario="boom")
    row = table.loc[("boom", "people waiting in Mexico", compare.AT_END)]
    assert row["value"] == pytest.approx(float(waiting.sel(time=end)))
    assert row["difference_percent"] == pytest.approx(
        100 * (row["value"] - row["baseline"]) / row["baseline"]
    )
    inside = waiting.sel(time=slice(24, end))
    mean = float(np.trapezoid(inside.values, inside["time"].values)) / (end - 24)
    assert table.loc[("boom", "people waiting in Mexico", compare.MEAN), "value"] == pytest.approx(mean)
    assert table.loc[("boom", "arrivals", compare.LAST_YEAR), "value"] == pytest.approx(50)
    total = table.loc[("boom", "arrivals", compare.TOTAL)]
    assert total["value"] == pytest.approx(50 * (end - 24))
    assert total["unit"] == "Person"
    assert set(found.table["date"]) == {"2016-12"}
    assert found.start == "2015-01"


def test_table_carries_human_cost_units_and_caveat(model: Model, tmp_path: Path) -> None:
    found = compare.compare(model, ["faster"])
    compare.write(found, tmp_path)
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert set(table.loc[table["human_cost"], "outcome"]) == {"exposure index", "people waiting in Mexico"}
    assert (table["caveat"] == compare.CAVEAT).all()
    assert table["unit"].notna().all()
    assert table["date"].str.fullmatch(r"\d{4}-\d{2}").all()
    with xr.open_dataset(tmp_path / "comparison.nc") as arrays:
        assert list(arrays["scenario"].values) == ["current-course", "faster"]
        assert arrays.attrs["caveat"] == compare.CAVEAT


def test_common_draws_give_intervals_of_differences(model: Model) -> None:
    rng = np.random.default_rng(0)
    draws = {"labour demand": rng.uniform(0.5, 1.5, 50)}
    found = compare.compare(model, ["faster"], draws=draws)
    date = found.table["date"].iloc[-1]
    row = found.at("people waiting in Mexico", date)["faster"]
    assert found.draws == 50
    assert row["low"] <= row["median"] <= row["high"] < 0
    assert -100 < row["low_percent"] <= row["median_percent"] <= row["high_percent"] < 0
    base = found.at("people waiting in Mexico", date)["current-course"]
    assert base["low"] == base["high"] == 0
    unmoved = found.at("arrivals", date)["faster"]
    assert unmoved["low"] == unmoved["high"] == 0


def test_a_constant_that_a_scenario_sets_is_not_drawn(model: Model) -> None:
    draws = {"base arrivals[Haiti]": np.linspace(0, 100, 5), "labour demand": np.ones(5)}
    found = compare.compare(model, ["boom"], draws=draws)
    date = found.table["date"].iloc[-1]
    row = found.at("arrivals", date)["boom"]
    assert row["low"] == row["high"] == pytest.approx(20)


def test_nothing_to_compare_and_twins(model: Model) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compare.compare(model, ["current-course"])
    boom = read_scenario("boom")
    with pytest.raises(InputError, match="two scenarios are named"):
        compare.compare(model, [boom, boom.model_copy(update={"title": "Another"})])


def test_a_misspelt_lever_is_named(model: Model) -> None:
    with pytest.raises(InputError, match=r'faster clams.*Did you mean "faster claims"'):
        compare.compare(model, ["misspelt"])


def test_scenarios_that_change_nothing_still_have_their_dimension(model: Model) -> None:
    same = read_scenario("current-course").model_copy(update={"name": "twin"})
    found = compare.compare(model, [same])
    assert found.values["exposure index"].dims == ("scenario", "time")
    assert (found.table["difference"] == 0).all()


def test_sums_from_different_dates_are_not_compared(model: Model) -> None:
    earlier = read_scenario("boom").model_copy(
        update={
            "name": "earlier",
            "constants": (ConstantChange(name="policy start time", value=12.0),),
        }
    )
    outcome = Outcome(
        name="x", expression="people waiting in Mexico", unit="Person*Month", kind="person", better="lower"
    )
    found = compare.compare(model, ["boom", earlier], outcomes=[outcome])
    rows = found.at("x", found.table["date"].iloc[-1])
    assert np.isfinite(rows["boom"]["difference_percent"])
    assert np.isfinite(rows["earlier"]["value"])
    assert np.isnan(rows["earlier"]["difference"])
    assert np.isnan(rows["earlier"]["difference_percent"])


def test_what_is_no_number_is_named(model: Model) -> None:
    def simulate(*args: object, **options: object) -> xr.Dataset:
        found = flows.simulate(*args, **options)  # type: ignore[arg-type]
        found["exposure index"].loc[{"scenario": "boom", "time": 30.0}] = np.nan
        return found

    with pytest.raises(
        ResultError, match=r'scenario boom, July 2015: "exposure index" is not a finite number'
    ):
        compare.compare(model, ["faster", "boom"], simulate=simulate)


def test_slashes_in_names_are_written(tmp_path: Path) -> None:
    compare.to_netcdf(
        xr.Dataset({"cost/benefit": ("time", [1.0])}, coords={"time": [0.0]}), tmp_path / "x.nc"
    )
    with xr.open_dataset(tmp_path / "x.nc") as found:
        assert list(found.data_vars) == ["cost per benefit"]


def test_settings_run_every_scenario_once_more(model: Model) -> None:
    settings = {"waiting time": 20.0, "people waiting in Mexico": 50.0, "TIME STEP": 0.5}
    found = compare.compare(model, ["current-course", "boom"], settings=settings, until="2016-12")
    more = " with waiting time=20, people waiting in Mexico=50, TIME STEP=0.5"
    names = ["current-course", "boom", "current-course" + more, "boom" + more]
    assert [s.name for s in found.scenarios] == names
    boom = scenario_inputs(read_scenario("boom"), model)
    alone = flows.simulate(model, {**boom, **settings}, save_every=1, until="2016-12")
    np.testing.assert_allclose(
        found.values["exposure index"].sel(scenario=names[-1]), alone["exposure index"], rtol=1e-12
    )
    assert float(found.values["time"][-1]) == 48


def test_an_edited_model_stands_beside_the_shipped_one(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "mine.mdl"
    text = model.text.replace("closing rate = 25", "closing rate = 50").replace("exposure index", "harm")
    path.write_text(text, encoding="utf-8")
    edited = flows.read_vensim(path)
    found = compare.compare(model, ["faster"], edited=edited)
    assert [s.name for s in found.scenarios] == ["current-course", "current-course in mine", "faster in mine"]
    assert "exposure index" not in found.values
    pending = found.values["COMAR pending cases"]
    alone = flows.simulate(edited, scenario_inputs(read_scenario("faster"), edited), save_every=1)
    np.testing.assert_allclose(
        pending.sel(scenario="faster in mine"), alone["COMAR pending cases"], rtol=1e-12
    )
    assert float(pending.sel(scenario="current-course in mine")[-1]) < float(
        pending.sel(scenario="current-course")[-1]
    )
    assert pending.attrs["units"] == "Case"


def test_a_level_of_a_rate_is_a_mean(model: Model) -> None:
    time = np.arange(25.0)
    values = xr.DataArray(time, dims="time", coords={"time": time})
    assert float(compare.level(values, "Case/Month", 24.0)) == pytest.approx(18)
    assert float(compare.level(values, "Case/Month", 6.0)) == pytest.approx(3)
    assert float(compare.level(values, "Case", 24.0)) == 24


def test_what_makes_no_sense_is_named(model: Model) -> None:
    with pytest.raises(
        ResultError, match=r'with labour demand=1e[+]15.*"people waiting in Mexico" leaves all'
    ):
        compare.compare(model, ["current-course"], settings={"labour demand": 1e15})


def test_odds_and_regret_are_those_of_the_draws(model: Model) -> None:
    draws = {"waiting time": np.linspace(5, 20, 9), "labour demand": np.linspace(0.5, 1.5, 9)}
    found = compare.compare(model, ["faster", "boom"], draws=draws, dates=["2016-12"])
    name = "people waiting in Mexico"
    rows = found.at(name, "2016-12")
    runs = []
    for scenario in ("current-course", "faster", "boom"):
        own = scenario_inputs(read_scenario(scenario), model)
        free = {key: xr.DataArray(values, dims="draw") for key, values in draws.items()}
        run = flows.simulate(model, {**own, **free}, outcomes=[name], save_every=1)
        runs.append(run[name].sel(time=time_at_end("2016-12")).values)
    values = np.stack(runs)
    behind = values - values.min(axis=0)
    for position, scenario in enumerate(rows):
        row = rows[scenario]
        assert row["probability_lower"] == np.mean(values[position] < values[0])
        assert row["probability_higher"] == np.mean(values[position] > values[0])
        assert row["share_best"] == np.mean(behind[position] == 0)
        np.testing.assert_allclose(row["regret"], behind[position].mean(), atol=1e-9)
        np.testing.assert_allclose(row["regret_high"], np.quantile(behind[position], 0.95), atol=1e-9)
    assert rows["faster"]["share_best"] == 1 and rows["boom"]["probability_higher"] == 1
    arrivals = found.at("arrivals", "2016-12")["boom"]
    assert np.isnan(arrivals["regret"]) and np.isnan(arrivals["share_best"])
    assert arrivals["probability_higher"] == 1
    alone = compare.compare(model, ["boom"], dates=["2016-12"]).at(name, "2016-12")["boom"]
    assert np.isnan(alone["regret"]) and np.isnan(alone["probability_lower"])
