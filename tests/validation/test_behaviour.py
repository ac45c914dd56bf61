"""Fit, bands, the test of the forecast and what the data tell: on draws made up around the model's constants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import flows
from flows import fit, observations
from flows.calibrate.space import Space
from flows.calibrate.targets import Target, targets
from flows.inputs.calibration import Calibration, Series, read_calibration
from flows.inputs.misses import Miss
from flows.inputs.outcomes import read_outcomes
from flows.model.model import Model
from flows.posterior import Posterior
from flows.validation.behaviour import WAYS, Behaviour, SeriesFit, assess, naive
from flows.validation.criteria import criteria
from flows.validation.forecast import Draws
from flows.validation.identification import identification
from flows.validation.missed import worst_years
from flows.validation.sensitivity import behaviour_sensitivity
from flows.validation.sources import COLUMNS

NARROW = 0.3  # standard deviations of the prior
FREE = 16


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return read_calibration()


@pytest.fixture(scope="module")
def space(migration: Model, calibration: Calibration) -> Space:
    return Space(calibration, migration)


def scattered(space: Space, spread: float, count: int = 60) -> Posterior:
    """Draws around the values of the model's file, with a spread of so many standard deviations of the prior."""
    random = np.random.default_rng(3)
    z = space.of_file() + random.normal(0, spread, (count, len(space)))
    return Posterior(space.elements, space.at_elements(z), {"model": "migration.mdl"})


@pytest.fixture(scope="module")
def sample(migration: Model, calibration: Calibration, space: Space) -> Draws:
    return Draws(migration, calibration, scattered(space, 0.1), 6, 1)


@pytest.fixture(scope="module")
def behaviour(migration: Model, calibration: Calibration, sample: Draws) -> Behaviour:
    return assess(migration, calibration, sample, until="2024-12", threads=1)


# ------------------------------------------------------------------------------------------- what a forecast is told


def _sizes(sample: Draws, way: str, shock: str) -> np.ndarray:
    return np.asarray(sample.forecast(way)["shock size"].sel(Shock=shock).values)  # type: ignore[arg-type]


def test_a_forecast_knows_policies_or_events_or_neither(sample: Draws) -> None:
    policy, crisis = "measures of January 2023", "families of 2023"
    assert np.abs(_sizes(sample, "policies", policy)).max() > 0
    assert np.abs(_sizes(sample, "policies", crisis)).max() == 0
    assert np.abs(_sizes(sample, "events", crisis)).max() > 0
    for shock in (policy, crisis):
        assert np.abs(_sizes(sample, "frozen", shock)).max() == 0
    np.testing.assert_array_equal(_sizes(sample, "policies", policy), _sizes(sample, "events", policy))
    assert sample.forecast("frozen")["policy freeze time"] == 119.5
    assert "policy freeze time" not in sample.forecast("policies")


def test_nothing_that_a_forecast_is_told_changes_what_was_fitted(migration: Model, sample: Draws) -> None:
    names = ["encounters at US border", "COMAR pending cases", "court cases pending"]
    options = {"outcomes": names, "until": "2022-11", "threads": 1}
    fitted = flows.simulate(migration, sample.fitted(), **options)
    for way in WAYS:
        told = flows.simulate(migration, sample.forecast(way), **options)
        for name in names:
            np.testing.assert_allclose(told[name], fitted[name], rtol=1e-9, err_msg=f"{way}: {name}")


def test_shocks_left_out_are_zero_and_nothing_else_is_changed(migration: Model, sample: Draws) -> None:
    inputs = sample.without_shocks()
    assert list(inputs) == ["shock size"]
    run = flows.simulate(migration, inputs, outcomes=["encounters at US border"], threads=1)
    usual = flows.simulate(migration, outcomes=["encounters at US border"], threads=1)
    peak = usual["encounters at US border"].max()
    assert float(run["encounters at US border"].max()) < float(peak)


# ------------------------------------------------------------------------------------------------ series by series


def _monthly(values: list[float], first: str) -> Target:
    months = pd.date_range(first, periods=len(values), freq="MS")
    series = Series(name="test", series="x", expression="x", counts="event", span="month", measure="flow")
    starts = np.array([observations.time_of(day) for day in months])
    periods = tuple((day, day + pd.offsets.MonthEnd(0)) for day in months)
    return Target(series, starts, starts + 1, periods, np.array(values, dtype=float), ("",) * len(values))


def test_naive_forecasts_of_a_monthly_series() -> None:
    past = _monthly([9.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "2021-12-01")
    last, seasonal = naive(past, _monthly([0.0] * 14, "2023-01-01"))
    assert set(last) == {12.0}
    assert seasonal.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2]
    _, later = naive(past, _monthly([0.0, 0.0], "2023-03-01"))
    assert later.tolist() == [3.0, 4.0]  # a month without a value shifts nothing


def test_a_year_with_a_gap_has_no_seasonal_forecast() -> None:
    past = _monthly([1.0] * 13, "2021-12-01")
    keep = np.ones(13, dtype=bool)
    keep[6] = False
    assert np.isnan(naive(past.part(keep), _monthly([0.0], "2023-01-01"))[1]).all()


def test_statistics_are_those_of_the_run_and_bands_hold_the_median(
    migration: Model, calibration: Calibration, behaviour: Behaviour
) -> None:
    base = flows.simulate(migration, outcomes=["court cases pending"], until="2024-12", threads=1)
    one = behaviour.named("cases pending in U.S. immigration courts")
    assert one is not None
    points = one.part("fit")
    at = [observations.time_of(day, end=True) for day in points["end"]]
    direct = np.interp(at, base["time"], base["court cases pending"])
    np.testing.assert_allclose(points["model"], direct, rtol=1e-9)
    assert one.statistics["wmape"] == pytest.approx(fit.wmape(points["observed"], direct))
    assert set(points["part"]) == {"fit"}
    assert points["end"].max() <= pd.Timestamp("2022-12-31")
    for series in behaviour.series:
        for part in (series.part("fit"), series.part("forecast")):
            if len(part):
                levels = part[["low90", "low50", "median", "high50", "high90"]].to_numpy()
                assert (np.diff(levels, axis=1) >= 0).all(), series.name
                assert part["observed"].notna().all()
    assert {s.name for s in behaviour.series} <= {s.name for s in calibration.series}


def test_out_of_sample_values_are_later_than_the_fit_and_have_a_skill(behaviour: Behaviour) -> None:
    judged = [s for s in behaviour.series if s.statistics.get("n_out")]
    assert len(judged) > 15
    for one in judged:
        later = one.part("forecast")
        assert later["start"].min() >= pd.Timestamp("2022-12-31")
        assert one.statistics["skill_last_policies"] == pytest.approx(
            fit.skill(later["observed"], later["median"], later["last"]), nan_ok=True
        )
        for way in WAYS:
            assert f"skill_last_{way}" in one.statistics


def test_turning_points_of_the_data_are_those_that_the_literature_names(calibration: Calibration) -> None:
    """June 2014, April 2017, May 2019, spring 2020, July 2021 (us_swb_encounters_month)."""
    found = targets(calibration, None)
    group = found.named("encounters, Guatemala, Honduras and El Salvador")
    points = fit.turning_points(group.observed)
    named = {(f"{group.periods[p.place][0]:%Y-%m}", p.kind) for p in points}
    assert {("2014-06", "peak"), ("2017-04", "trough"), ("2019-05", "peak"), ("2021-07", "peak")} <= named
    assert {("2020-04", "trough"), ("2020-05", "trough")} & named


# -------------------------------------------------------------------------------------------- what the data tell


def test_a_narrow_sample_is_told_and_one_as_wide_as_its_prior_is_not(space: Space) -> None:
    told = identification(space, scattered(space, NARROW, 800))
    free = told[told["kind"] == "free"]
    assert len(free) == FREE
    assert free["ratio"].median() == pytest.approx(NARROW, rel=0.35)
    assert not free["untold"].any()
    prior = np.random.default_rng(0).standard_normal((2000, len(space)))
    wide = Posterior(space.elements, space.at_elements(prior), {})
    free = identification(space, wide).query("kind == 'free'")
    assert free["ratio"].to_numpy() == pytest.approx(np.ones(FREE), rel=0.12)
    assert free["untold"].all()


def test_constants_that_change_the_mode_are_named(
    migration: Model, calibration: Calibration, space: Space
) -> None:
    outcomes = [o for o in read_outcomes() if o.name in ("court cases pending", "COMAR applications")]
    watched = [targets(calibration, migration).named("encounters of Mexicans")]
    table = behaviour_sensitivity(migration, space, outcomes, watched, threads=1)
    assert len(table) == 1 + 2 * FREE
    base = table.iloc[0]
    assert base["constant"] == "" and base["changed"] == "" and 0 <= base["hits"] <= base["points"]
    for row in table.to_dict("records"):
        differs = {o.name for o in outcomes if row[o.name] != base[o.name]}
        assert differs == set(filter(None, row["changed"].split("; ")))
    low, high = (table[table["end"] == end].set_index("constant")["value"] for end in ("low", "high"))
    assert (low < high).all()


# ---------------------------------------------------------------------------------------------- what is missed


def _series(observed: list[float], model: list[float], **statistics: float) -> SeriesFit:
    target = _monthly(observed, "2019-01-01")
    frame = pd.DataFrame(
        {
            "part": "fit",
            "start": [a for a, _ in target.periods],
            "end": [b for _, b in target.periods],
            "time": target.times,
            "observed": observed,
            "model": model,
            "low90": [m * 0.8 for m in model],
            "high90": [m * 1.2 for m in model],
        }
    )
    return SeriesFit(target, frame, {"n": len(observed), **statistics})


def test_the_worst_year_is_found_with_its_size_and_mechanism() -> None:
    observed = [10.0] * 12 + [20.0] * 12
    model = [11.0] * 12 + [15.0] * 12  # 12 too much in 2019, 60 too little in 2020
    behaviour = Behaviour((_series(observed, model),), 1, 1)
    misses = [
        Miss(series=("tes*",), first="2020-01", last="2020-12", side="low", mechanism="Such.", source="test"),
        Miss(series=("*",), first="2013-01", last="2030-12", mechanism="Anything.", source="test"),
    ]
    row = worst_years(behaviour, misses).iloc[0]
    assert (row["year"], row["observed"], row["model"]) == (2020, 240, 180)
    assert row["error"] == pytest.approx(-0.25)
    assert row["share"] == pytest.approx(60 / 72)
    assert (row["outside"], row["values"]) == (12, 12)
    assert row["mechanism"] == "Such."
    assert worst_years(behaviour, []).iloc[0]["mechanism"] == ""


def test_what_has_to_hold_is_judged_by_its_numbers() -> None:
    shares = {"coverage50": 0.5, "skill_last_policies": -0.2, "n_out": 3.0, "wmape": 0.2}
    good = _series([1.0] * 12, [1.0] * 12, coverage90=0.9, **shares)
    over = _series([1.0] * 12, [1.0] * 12, coverage90=1.0, **shares)
    figures = pd.DataFrame(
        [{"scored": True, "within": False, "why": "", "status": "emergent"}], columns=[*COLUMNS]
    )
    told = figures.assign(why="because")
    found = {c.what: c for c in criteria(Behaviour((good,), 1, 1), figures)}
    bands = next(c for what, c in found.items() if "bands" in what)
    assert bands.met and bands.found.endswith("of 12")
    assert not next(c for what, c in found.items() if "figures" in what).met
    assert not next(c for what, c in found.items() if "Forecast" in what).met
    again = {c.what: c for c in criteria(Behaviour((over,), 1, 1), told)}
    assert not next(c for what, c in again.items() if "bands" in what).met
    assert next(c for what, c in again.items() if "figures" in what).met


def test_every_miss_names_a_series_of_the_calibration(calibration: Calibration) -> None:
    from flows.inputs.misses import read_misses

    names = [series.name for series in calibration.series]
    for miss in read_misses():
        for name in miss.series:
            assert any(n == name or (name.endswith("*") and n.startswith(name[:-1])) for n in names), name
