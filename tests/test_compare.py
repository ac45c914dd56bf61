"""Scenarios beside a baseline, on a small model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import compare
from flows.calendar import time_at_end
from flows.cli import main
from flows.cli.comparison import _ends_of
from flows.errors import InputError, ResultError
from flows.futures import futures_of
from flows.inputs import (
    ConstantChange,
    Outcome,
    find,
    inline_scenario,
    read_outcomes,
    read_scenario,
    scenario_doubts,
    scenario_inputs,
)
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


def test_without_draws_no_table_speaks_of_them(model: Model, tmp_path: Path) -> None:
    compare.write(compare.compare(model, ["faster", "boom"]), tmp_path)
    heads = {path.stem: set(pd.read_csv(path).columns) for path in tmp_path.glob("*.csv")}
    assert set(heads) == {"comparison", "halving", "side-effects"}
    for name, columns in heads.items():
        assert not {"median", "low", "share", "early", "late", "regret", "probability_lower"} & columns, name
    assert {"difference", "difference_percent"} <= heads["comparison"] & heads["side-effects"]
    assert {"month", "lasts"} <= heads["halving"]


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
            "constants": (
                ConstantChange(name="policy start time", value=12.0),
                ConstantChange(name="base arrivals", value=1.0),
            ),
        }
    )
    outcome = Outcome(
        name="x", expression="people waiting in Mexico", unit="Person*Month", kind="person", better="lower"
    )
    draws = {"labour demand": np.linspace(0.5, 2.0, 3)}
    found = compare.compare(model, ["boom", earlier], outcomes=[outcome], draws=draws)
    rows = found.at("x", found.table["date"].iloc[-1])
    assert np.isfinite(rows["boom"]["difference_percent"])
    assert np.isfinite(rows["earlier"]["value"])
    assert np.isnan(rows["earlier"]["difference"])
    assert np.isnan(rows["earlier"]["difference_percent"])
    # the best of those that count from one date, whatever the others are
    alone = compare.compare(model, ["boom"], outcomes=[outcome], draws=draws)
    pd.testing.assert_frame_equal(found.table[found.table["scenario"] != "earlier"], alone.table)
    ends = ["median", "probability_lower", "share_best", "regret", "regret_high"]
    assert np.isnan([rows["earlier"][name] for name in ends]).all()


@pytest.mark.parametrize("draws", [None, {"labour demand": np.linspace(0.5, 2.0, 3)}], ids=["none", "three"])
def test_where_nothing_can_be_set_side_by_side_all_tables_are_empty(
    model: Model, tmp_path: Path, draws: dict[str, np.ndarray] | None
) -> None:
    """All outcomes are sums since the policy start, and the scenarios start on different dates."""
    change = ConstantChange(name="policy start time", value=12.0)
    earlier = read_scenario("boom").model_copy(update={"name": "earlier", "constants": (change,)})
    outcome = Outcome(
        name="x", expression="people waiting in Mexico", unit="Person*Month", kind="person", better="lower"
    )
    found = compare.compare(model, [earlier], outcomes=[outcome], draws=draws)
    count = len(draws["labour demand"]) if draws else 0
    assert (found.draws, found.runs) == (count, 2 * (1 + count))
    assert not found.levels.data_vars and found.levels.sizes["scenario"] == 2
    assert found.odds.sizes["outcome"] == found.ranks.sizes["outcome"] == len(found.side_effects()) == 0
    names = {path.name for path in compare.write(found, tmp_path)}
    assert {"comparison.csv", "side-effects.csv"} <= names and ("odds.csv" in names) == bool(count)


def test_what_is_no_number_is_named(model: Model) -> None:
    def simulate(*args: object, **options: object) -> xr.Dataset:
        found = flows.simulate(*args, **options)  # type: ignore[arg-type]
        found["exposure index"].loc[{"scenario": "boom", "time": 30.0}] = np.nan
        return found

    with pytest.raises(
        ResultError, match=r'scenario boom, July 2015: "exposure index" is not a finite number'
    ):
        compare.compare(model, ["faster", "boom"], simulate=simulate)


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "is not a finite number"), (1e13, "leaves all measure")]
)
def test_a_model_in_years_names_the_time_and_no_month(value: float, what: str) -> None:
    people = Outcome(
        name="people", expression="people", unit="Person", kind="person", better="neither", where="here"
    )
    runs = xr.Dataset(
        {"people": (("scenario", "time"), [[1.0, 1.0], [1.0, value]])},
        coords={"scenario": ["a", "b"], "time": [1980.0, 1980.5]},
    )
    with pytest.raises(ResultError, match=f'scenario b, time 1980.5: "people" {what}'):
        compare.measures.outcome_values([people], runs)


def test_slashes_in_names_are_written(tmp_path: Path) -> None:
    compare.to_netcdf(
        xr.Dataset({"cost/benefit": ("time", [1.0])}, coords={"time": [0.0]}), tmp_path / "x.nc"
    )
    with xr.open_dataset(tmp_path / "x.nc") as found:
        assert list(found.data_vars) == ["cost per benefit"]


def test_draws_are_paired_by_their_labels() -> None:
    one = xr.DataArray([1.0, 2.0, 3.0], {"draw": ["a", "b", "c"]}, ["draw"])
    two = xr.DataArray([[30.0], [10.0], [20.0]], {"draw": ["c", "a", "b"]}, ["draw", "origin"])
    free = compare.free_draws({"one": one, "two": two, "three": [7.0, 8.0, 9.0], "set": np.ones(2)}, ["Set"])
    assert list(free) == ["one", "two", "three"]
    assert free["two"].values[:, 0].tolist() == [10, 20, 30]
    for draws, message in (
        (
            {"one": one, "two": np.ones(4)},
            'two: the dimension "draw" differs between inputs, found 4, expected 3.',
        ),
        (
            {"one": np.ones((3, 2))},
            'draws: the draws of "one" have no dimension "draw", found shape (3, 2), expected an array of shape '
            "(draws,), or a DataArray over draw.",
        ),
    ):
        with pytest.raises(InputError) as caught:
            compare.free_draws(draws, [])
        assert str(caught.value) == message


def test_text_in_place_of_a_list_is_refused(model: Model) -> None:
    for given, options, message in (
        ("boom", {}, 'scenarios must be a list, found "boom", expected ["boom"].'),
        (read_scenario("boom"), {}, 'scenarios must be a list, found boom, expected ["protection-reform"].'),
        (["boom"], {"dates": "2030-12"}, 'dates must be a list, found "2030-12", expected ["2030-12"].'),
        (
            ["boom"],
            {"outcomes": ["encounters"]},
            "outcomes must be a list of outcomes as read, found ['encounters'], expected some of "
            "flows.inputs.read_outcomes().",
        ),
    ):
        with pytest.raises(InputError) as caught:
            compare.compare(model, given, **options)  # type: ignore[arg-type]
        assert str(caught.value) == message
    with pytest.raises(InputError, match="this is no model"):
        compare.compare("models/migration.mdl", ["boom"])


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


DRAWS = {"labour demand": np.linspace(0.5, 1.5, 20)}


def test_odds_ranks_and_regret_by_hand(model: Model) -> None:
    found = compare.compare(model, ["faster", "boom"], draws=DRAWS)
    date = str(found.levels["date"].values[-1])
    values = found.levels["COMAR pending cases"].sel(date=date)
    assert values.dims == ("scenario", "draw")
    one, other = (values.sel(scenario=name).values for name in ("faster", "boom"))
    beats = found.odds.sel(outcome="COMAR pending cases", date=date)
    assert float(beats.sel(scenario="faster", other="boom")) == (one < other).mean()
    assert float(beats.sel(scenario="faster", other="faster")) == 0
    behind = values - values.min("scenario")
    regret = found.regret.sel(outcome="COMAR pending cases", date=date)
    np.testing.assert_allclose(regret["mean"].values, behind.mean("draw").values)
    np.testing.assert_allclose(regret["most"].values, behind.max("draw").values)
    ranks = found.ranks.sel(outcome="COMAR pending cases", date=date)
    np.testing.assert_allclose(ranks["share"].sum("rank").values, 1)
    place = values.values.argsort(axis=0).argsort(axis=0) + 1  # no two are equal here
    np.testing.assert_allclose(ranks["median"].values, np.median(place, axis=1))


def test_an_order_that_turns_is_less_firm() -> None:
    levels = xr.Dataset(
        {
            "x": (
                ("scenario", "draw", "date"),
                np.array([[[1.0], [1.0], [1.0], [1.0]], [[2.0], [2.0], [2.0], [0.0]]]),
            )
        },
        coords={"scenario": ["a", "b"], "date": ["2030-12"]},
    )
    levels["x"].attrs["better"] = "lower"
    assert float(compare.ranks(levels)["stability"].item()) == 0.75
    assert float(compare.odds(levels).sel(scenario="a", other="b").item()) == 0.75
    levels["x"].attrs["better"] = "neither"
    assert compare.odds(levels).sizes["outcome"] == 0


def test_a_side_effect_needs_something_that_gets_better() -> None:
    one = np.array([[[10.0], [10.0]], [[5.0], [5.0]], [[10.0], [10.0]]])
    two = np.array([[[10.0], [10.0]], [[12.0], [12.0]], [[12.0], [12.0]]])
    dims, coords = ("scenario", "draw", "date"), {"scenario": ["base", "a", "b"], "date": ["2030-12"]}
    levels = xr.Dataset({"aim": (dims, one), "other": (dims, two)}, coords=coords)
    for name in levels.data_vars:
        levels[name].attrs.update(better="lower", units="Case")
    found = compare.side_effects(levels, aims=["aim"]).set_index(["scenario", "outcome"])
    assert bool(found.loc[("a", "other"), "side_effect"])
    assert found.loc[("a", "other"), "median_percent"] == pytest.approx(20)
    assert found.loc[("a", "aim"), "effect"] == "better"
    assert not found.loc[("b", "other"), "side_effect"]


def test_a_backlog_that_halves_never_or_for_a_time() -> None:
    time = np.arange(0, 13.0)
    courses = np.stack(
        [np.full(13, 100.0), 100 - 10 * time.clip(max=8), np.where((time > 3) & (time < 6), 40.0, 90.0)]
    )
    values = xr.Dataset(
        {"court cases pending": (("scenario", "time"), courses)},
        coords={"scenario": ["base", "falls", "dips"], "time": time},
    )
    found = compare.halving_times(values, [0.0, 0.0, 0.0])["court cases pending"]
    assert np.isnan(found.values[0]) and found.values[1] == 5 and found.values[2] == 4
    lasts = compare.halving_times(values, [0.0] * 3)["court cases pending lasts"]
    assert lasts.values.tolist() == [False, True, False]


def test_the_halving_table_says_never(model: Model) -> None:
    found = compare.compare(model, ["faster"], draws=DRAWS)
    rows = found.halving_table().set_index(["scenario", "outcome"])
    never = rows.loc[("current-course", "COMAR pending cases")]
    assert 0 < never["share"] < 0.5 and never["month"] == ""
    months = rows["month"][rows["month"] != ""]
    assert months.str.fullmatch(r"\d{4}-\d{2}").all()


def test_draws_in_pieces_are_those_of_one_call(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compare.compare(model, ["faster", "boom"], draws=DRAWS)
    monkeypatch.setattr("flows.compare.pieces.AT_ONCE", 12)
    parts = compare.compare(model, ["faster", "boom"], draws=DRAWS)
    xr.testing.assert_allclose(whole.levels, parts.levels)
    pd.testing.assert_frame_equal(whole.table, parts.table)
    assert parts.draws == 20


def test_bands_are_those_of_the_baseline(model: Model) -> None:
    found = compare.compare(model, ["faster"], draws=DRAWS)
    assert found.bands is not None
    band = found.bands["value"].sel(outcome="exposure index", quantile=0.95)
    free = {"labour demand": xr.DataArray(DRAWS["labour demand"], dims="draw")}
    runs = flows.simulate(
        model, {**scenario_inputs(read_scenario("current-course"), model), **free}, save_every=1
    )
    np.testing.assert_allclose(
        band.values, np.quantile(runs["exposure index"].transpose("draw", "time"), 0.95, axis=0)
    )
    assert compare.compare(model, ["faster"]).bands is None


def test_interaction_is_what_both_do_less_what_each_does(model: Model) -> None:
    one = inline_scenario("faster claims=2", model)
    two = inline_scenario("waiting time=5", model)
    outcomes = [o for o in compare.outcomes_of(model) if o.name == "people waiting in Mexico"]
    found = compare.interact(model, [one, two], outcomes=outcomes, date="2017-06", draws=DRAWS)
    assert len(found.table) == 1
    row = found.table.iloc[0]
    runs = found.comparison.levels["people waiting in Mexico"].sel(date="2017-06")
    base, first, second, both = (runs.sel(scenario=s.name).values for s in found.comparison.scenarios)
    extra = 100 * ((both - base) - (first - base) - (second - base)) / base
    assert row["interaction"] == pytest.approx(np.median(extra))
    assert row["verdict"] == "undo each other"  # each shortens the stay: the second finds fewer to let go
    assert row["low"] > 0


def test_parts_of_a_package_are_its_levers(model: Model) -> None:
    joined = inline_scenario("both: faster claims=2; labour demand=0.5", model)
    parts = compare.parts_of([joined])
    assert [p.name for p in parts] == ["faster claims", "labour demand"]
    with pytest.raises(InputError, match="nothing that could interact"):
        compare.parts_of([inline_scenario("faster claims=2", model)])


def test_levers_typed_in_a_line(model: Model) -> None:
    found = inline_scenario("quick: faster claims=2; labour demand=0.5", model)
    assert found.name == "quick" and found.levers[0].value == 2 and found.constants[0].value == 0.5
    assert inline_scenario("faster claims=2", model).name == "faster claims=2"
    with pytest.raises(InputError, match=r'faster clams.*Did you mean "faster claims"'):
        inline_scenario("faster clams=2", model)
    with pytest.raises(InputError, match="no lever with its value"):
        inline_scenario("quick:", model)
    with pytest.raises(InputError, match="not a lever with its value"):
        inline_scenario("quick: faster claims", model)
    for text in ("faster claims=2; Faster_claims=3", "a: labour demand=2; labour demand=2"):
        with pytest.raises(InputError, match=r"^--lever '.*': \".*\" is set twice. Remove one of them."):
            inline_scenario(text, model)
    for between in (",", ", ", " "):
        with pytest.raises(
            InputError, match=r"Separate them with ;: --lever 'faster claims=2; labour demand=0.5'"
        ):
            inline_scenario(f"faster claims=2{between}labour demand=0.5", model)
    with pytest.raises(InputError, match=r"^--lever 'faster claims=2,5': not a number.*Write 2.5,"):
        inline_scenario("faster claims=2,5", model)
    with pytest.raises(InputError, match=r"^--lever 'faster claims\[Haiti\]=2'"):
        inline_scenario("faster claims[Haiti]=2", model)


def test_what_a_scenario_file_lacks_is_said(small_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "Mine"\nkind = "package"\nclaims = ["X-1"]\n[[lever]]\nname = "faster claims"\nvalue = 2.0\n',
        encoding="utf-8",
    )
    said = scenario_doubts(read_scenario(path))
    assert len(said) == 2
    assert '"faster claims"' in said[0] and "why" in said[0]
    assert '"X-1"' in said[1]


def test_saved_runs_and_comparisons_are_compared(
    small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "faster", "--no-figures", "--out", "outputs/one"]) == 0
    assert main(["run", "boom", "--no-figures", "--out", "outputs/two"]) == 0
    assert main(["compare", "outputs/one", "outputs/two"]) == 0
    table = pd.read_csv("outputs/compare-one-two/comparison.csv")
    assert set(table["scenario"]) == {"one", "two"}
    assert (table.loc[table["scenario"] == "one", "difference"] == 0).all()
    for name in ("faster", "boom"):
        assert main(["compare", name, "--draws", "8", "--out", f"outputs/c-{name}"]) == 0
    capsys.readouterr()
    assert main(["compare", "outputs/c-faster", "outputs/c-boom"]) == 0
    said = capsys.readouterr().out
    assert "P(better)" in said  # both met the same draws
    table = pd.read_csv("outputs/compare-c-faster-c-boom/comparison.csv")
    direct = compare.compare(
        flows.read_vensim(small_root / "models/migration.mdl"), ["faster", "boom"],
        draws=futures_of(flows.read_vensim(small_root / "models/migration.mdl"), 8).values,
    ).table  # fmt: skip
    chosen = (table["outcome"] == "exposure index") & table["median"].notna()
    wanted = (direct["outcome"] == "exposure index") & direct["measure"].isin(
        (compare.AT_END, compare.LAST_YEAR)
    )
    np.testing.assert_allclose(table.loc[chosen, "median"], direct.loc[wanted, "median"], atol=1e-12)
    assert main(["compare", "outputs/c-faster", "boom"]) == 1
    assert main(["compare", str(small_root)]) == 1
    assert "not a results folder" in capsys.readouterr().err


def test_a_workbook_is_read_back_as_the_scenario_it_was(small_root: Path, model: Model) -> None:
    assert main(["compare", "boom", "faster", "--draws", "4", "--xlsx", "--out", "outputs/x"]) == 0
    book = openpyxl.load_workbook("outputs/x/comparison.xlsx")
    assert book.sheetnames[0] == "notes"
    sheet = book["comparison"]
    assert sheet.freeze_panes == "A3" and sheet["A1"].value == "scenario"
    assert sheet.cell(2, 1 + [c.value for c in sheet[1]].index("median percent")).value == "%"
    for name in ("boom", "faster"):
        shipped = read_scenario(name)
        found = read_scenario(f"outputs/x/comparison.xlsx#scenario {name}")
        assert scenario_inputs(found, model) == scenario_inputs(shipped, model)
        assert [c.why for c in found.levers] == [c.why for c in shipped.levers]
    with pytest.raises(InputError, match="several scenarios in one workbook"):
        read_scenario("outputs/x/comparison.xlsx")
    sheet = book["scenario faster"]
    row = next(r for r in sheet.iter_rows() if r[0].value == "faster claims")
    row[1].value = "fast"
    book.save("outputs/x/broken.xlsx")
    with pytest.raises(
        InputError, match=r'broken.xlsx, sheet "scenario faster", row \d+, column "value".*not a number'
    ):
        read_scenario("outputs/x/broken.xlsx#scenario faster")


def test_scenarios_of_a_model_stand_beside_its_own_base_course() -> None:
    assert compare.baseline_of([read_scenario("planned-immigration")]).name == "demography-course"
    with pytest.raises(InputError, match="scenarios of two models can't be compared"):
        compare.baseline_of([read_scenario("planned-immigration"), read_scenario("mpp-return")])


def test_a_model_in_years_is_compared_country_by_country() -> None:
    model = flows.read_vensim(find("model", "demography"), units="error")
    outcomes = [o for o in compare.outcomes_of(model) if o.name == "population[Mexico]"]
    found = compare.compare(model, ["planned-immigration"], outcomes=outcomes)
    assert list(dict.fromkeys(found.table["date"])) == ["2030", "2050", "2070"]
    row = found.at("population[Mexico]", "2050")["planned-immigration"]
    assert row["difference"] > 1e6
    assert found.halving_table().empty


def test_of_very_many_scenarios_each_stands_beside_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 9, (12, 7, 2)).astype(float)  # with ties
    coords = {"scenario": [f"s{k}" for k in range(12)], "date": ["2030-12", "2035-12"]}
    levels = xr.Dataset({"x": (("scenario", "draw", "date"), values, {"better": "lower"})}, coords=coords)
    whole, ranked = compare.odds(levels), compare.ranks(levels)
    monkeypatch.setattr("flows.compare.judge.MOST_PAIRED", 11)
    many, ranked_many = compare.odds(levels), compare.ranks(levels)
    xr.testing.assert_equal(many, whole.isel(other=[0]))
    assert "share" not in ranked_many and np.isnan(ranked_many["stability"].values).all()
    for name in ("median", "low", "high"):
        xr.testing.assert_equal(ranked_many[name], ranked[name].drop_vars("rank", errors="ignore"))


def test_of_very_many_scenarios_both_ends_are_printed() -> None:
    outcome = next(o for o in read_outcomes() if o.better == "lower")
    rows: dict[str, dict[str, object]] = {"base": {"value": 50.0}}
    rows |= {f"s{k}": {"value": float(k)} for k in range(100)}
    kept, left_out = _ends_of(rows, "base", outcome)
    assert list(kept) == ["base", "s0", "s1", "s2", "s3", "s4", "s95", "s96", "s97", "s98", "s99"]
    assert left_out == 90
    few = dict(list(rows.items())[:30])
    assert _ends_of(few, "base", outcome) == (few, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["greater-autonomy", "--at", "2040-12"], "found 2040-12, expected 2013-01 to 2035-12"),
        (["greater-autonomy", "--at", "2012-01"], "found 2012-01, expected 2013-01 to 2035-12"),
        (["greater-autonomy", "--until", "2028-06", "--at", "2030-12"], "expected 2013-01 to 2028-06"),
        (["planned-immigration", "--at", "2090"], "found 2090, expected 1980 to 2070"),
    ],
)
def test_a_date_outside_the_runs_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments, "--draws", "0", "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
