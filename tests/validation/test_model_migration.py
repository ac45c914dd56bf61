"""The shipped migration model: boundary, conservation of people, stocks above zero, direction of levers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import flows
from flows.compare import stacked_inputs
from flows.inputs import list_scenarios, scenario_inputs
from flows.inputs.boundary import read_boundary
from flows.model.model import Model
from flows.validation.structure import imbalance, misplaced_flows

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
ORIGINS = (
    "Mexico",
    "Guatemala",
    "Honduras",
    "El Salvador",
    "Venezuela",
    "Cuba",
    "Haiti",
    "Nicaragua",
    "Other",
)


@pytest.fixture(scope="module")
def model() -> Model:
    return flows.read_vensim(MODELS / "migration.mdl", units="error")


def test_every_flow_of_people_and_files_leaves_one_stock_or_cloud_and_enters_one(model: Model) -> None:
    assert misplaced_flows(model, read_boundary()) == []


@pytest.mark.unmeasured
def test_people_of_every_origin_are_conserved_in_every_scenario(model: Model) -> None:
    """What came less what left is the change of all stocks, origin by origin, to a billionth of what came."""
    scenarios = [s for s in list_scenarios() if not s.model]
    assert len(scenarios) > 40
    for first in range(0, len(scenarios), 6):  # some at a time: every step of every flow is kept
        chosen = scenarios[first : first + 6]
        names = [s.name for s in chosen]
        inputs = stacked_inputs([scenario_inputs(s, model) for s in chosen], names, model)
        relative = imbalance(model, read_boundary(), inputs, threads=2)
        assert set(relative["who"].values) == set(ORIGINS)
        assert float(relative.max()) < 1e-9, str(relative.max("who").to_series())


# lever, value, outcome, direction of the mean of 2030 against the base run
DIRECTIONS = [
    ("interception capacity", 3.0, "interceptions by INM", +1),
    ("interception capacity", 3.0, "encounters at US border", -1),
    ("interception capacity", 3.0, "exposure index", +1),
    ("lawful enforcement", 1.0, "exposure index", -1),
    ("COMAR staff target", 3.0, "COMAR pending cases", -1),
    ("COMAR international funding", 3.0, "COMAR staff", +1),
    ("free movement of applicants", 1.0, "COMAR pending cases", -1),
    ("COMAR relocation per month", 5000.0, "total relocated refugees", +1),
    ("temporary regularisation", 0.5, "people waiting in Mexico", -1),
    ("shelter support", 0.0, "exposure index", +1),
    ("port admissions", 0.2, "metering waitlist names", 1),
    ("appointment slots per month", 50000.0, "COMAR applications", -1),
    ("MPP share", 0.3, "people enrolled in MPP", +1),
    ("MPP share", 0.3, "exposure index", +1),
    ("expulsion share", 0.8, "expulsions", +1),
    ("asylum eligibility", 2.0, "total departures", +1),
    ("asylum eligibility", 2.0, "total releases", +1),
    ("detention capacity", 0.0, "people detention can take", -1),
    ("judges hired per year", 3.0, "immigration judges", +1),
    ("judges hired per year", 3.0, "court cases pending", -1),
    ("judge attrition", 2.0, "court cases pending", +1),
    ("completions per judge", 1.5, "average wait in court", -1),
    ("court receipts", 2.0, "court cases pending", +1),
    ("asylum grant share", 2.0, "total granted relief", +1),
    ("removal capacity", 2.0, "total recent returnees", +1),
    ("return cooperation", 2.0, "total recent returnees", +1),
    ("reintegration support", 1.0, "total recent returnees", -1),
    ("reintegration support", 1.0, "encounters at US border", -1),
    ("legal pathways per month", 20000.0, "total departures", -1),
    ("action against smuggling", 1.0, "smuggling capacity", -1),
    ("action against smuggling", 1.0, "interceptions by INM", +1),
    ("development investment", 1.0, "total departures", +1),
]
SUMS = {
    "total relocated refugees": "refugees relocated and integrated",
    "total releases": "releases at the border",
    "total granted relief": "people granted relief",
}


@pytest.fixture(scope="module")
def lever_runs(model: Model) -> xr.Dataset:
    runs = [("", 0.0), *dict.fromkeys((name, value) for name, value, _, _ in DIRECTIONS)]
    inputs = {
        lever.name: ("draw", np.array([v if name == lever.name else float(lever.value) for name, v in runs]))
        for lever in model.levers
    }
    outcomes = list(dict.fromkeys(SUMS.get(outcome, outcome) for _, _, outcome, _ in DIRECTIONS))
    ds = flows.simulate(model, xr.Dataset(inputs), outcomes=outcomes, until="2030-12")
    for total, name in SUMS.items():
        dim = next(d for d in ds[name].dims if d not in ("draw", "time"))
        ds[total] = ds[name].sum(dim)
    return ds.assign_coords(draw=[f"{name}={value}" for name, value in runs])


@pytest.mark.parametrize(("lever", "value", "outcome", "sign"), DIRECTIONS)
def test_lever_moves_its_outcome_in_the_expected_direction(
    lever_runs: xr.Dataset, lever: str, value: float, outcome: str, sign: int
) -> None:
    series = lever_runs[outcome].isel(time=slice(-12, None)).mean("time")
    base = float(series.sel(draw="=0.0"))
    moved = float(series.sel(draw=f"{lever}={value}"))
    assert np.sign(moved - base) == sign
    assert abs(moved - base) > 1e-4 * abs(base)


def test_levers_at_neutral_change_nothing_before_and_after_the_policy_start(model: Model) -> None:
    early = flows.simulate(model, {"policy start time": 60.0}, outcomes=["encounters at US border"])
    usual = flows.simulate(model, outcomes=["encounters at US border"])
    np.testing.assert_allclose(
        early["encounters at US border"].values, usual["encounters at US border"].values, rtol=1e-12
    )


def test_every_lever_has_its_timing_element(model: Model) -> None:
    elements = model.subscripts["Lever"].value
    assert list(elements) == [f"{lever.name} timing" for lever in model.levers]


HYPOTHESES = {
    "switch for crowding dilutes enforcement",
    "switch for long court wait attracts",
    "switch for failed return raises violence",
}


def test_hypotheses_without_support_are_off_and_other_loops_on(model: Model) -> None:
    switches = {c.name: float(c.value) for c in model.constants if c.group.lstrip(".") == "Switches"}
    assert {name for name, value in switches.items() if value == 0.0} == HYPOTHESES
    assert set(switches.values()) == {0.0, 1.0}
