"""Observed values beside what the model gives for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import flows
from flows import observations
from flows.calibrate.space import Space
from flows.calibrate.targets import Recorded, _integrals, _readings, targets
from flows.errors import InputError
from flows.inputs.calibration import Calibration
from flows.inputs.outcomes import Outcome
from flows.model.model import Model
from flows.references import parse_reference


def test_counterparts_are_those_of_the_comparison_with_observations(
    model: Model, calibration: Calibration, observed: pd.DataFrame
) -> None:
    found = targets(calibration, model)
    run = flows.simulate(model, outcomes=list(found.outcomes))
    for target in found.all:
        units = "Person" if target.series.measure == "stock" else "Person/Month"
        outcome = Outcome(
            name="o", expression=target.series.expression, unit=units, kind="person", better="neither",
            series=target.series.series,
        )  # fmt: skip
        table = observations.observed_against(outcome, run)
        table = table[table.period_end <= pd.Timestamp(2015, 12, 31)]
        np.testing.assert_allclose(target.modelled(run)[0], table["model"], rtol=1e-12)
        np.testing.assert_allclose(target.observed, table["observed"])
    assert {t.name: len(t.observed) for t in found.all} == {
        "people from Haiti": 36, "people from Cuba": 36, "people waiting": 3, "all people": 36,
    }  # fmt: skip
    assert [t.name for t in found.fitted] == ["people from Haiti", "people from Cuba", "people waiting"]


def test_errors_and_their_inverse(model: Model, calibration: Calibration, observed: pd.DataFrame) -> None:
    target = targets(calibration, model).all[0]
    modelled = target.observed * 1.2
    errors = target.residuals(modelled)
    np.testing.assert_allclose(errors, np.log((modelled + 5) / (target.observed + 5)))
    np.testing.assert_allclose(target.observable(modelled, -errors), target.observed)


def test_coordinates_are_values_through_their_prior(model: Model, calibration: Calibration) -> None:
    space = Space(calibration, model)
    assert space.names == (
        "level", "pause", "level[Cuba]", "shock size[rush,Haiti]", "shock size[rush,Cuba]", "intensity", "later size",
    )  # fmt: skip
    z = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [1.0, -0.5, 0.3, 1.5, -2.0, 0.7, 2.0]])
    values = space.values(z)
    from scipy import stats

    for i, coordinate in enumerate(space.coordinates):
        np.testing.assert_allclose(
            values[:, i], coordinate.parameter.ppf(stats.norm.cdf(z[:, i])), rtol=1e-6, atol=1e-7
        )
    np.testing.assert_allclose(space.coordinates_of(values[1]), z[1], atol=1e-3)
    placed = space.inputs(z)
    np.testing.assert_allclose(
        placed["level"].values[1], [100 * values[1, 0], 50 * values[1, 0] * values[1, 2]]
    )
    np.testing.assert_allclose(placed["intensity"].values[1], [1, values[1, 5], values[1, 5], 1])
    assert float(space.inputs(z, without=("later",))["later size"][1]) == 0.0
    assert space.values(np.full((1, 7), 50.0))[0, 1] == pytest.approx(20, rel=1e-4)


def test_coordinates_of_the_file_find_scales_by_the_element_that_carries_the_level(
    model: Model, calibration: Calibration
) -> None:
    space = Space(calibration, model)
    z = space.of_file()[None]
    placed = space.inputs(z)
    np.testing.assert_allclose(placed["level"].values[0], [100, 50], rtol=1e-4)
    assert float(placed["pause"][0]) == pytest.approx(4, rel=1e-4)


def test_linear_errors_are_in_units_of_their_scale(
    model: Model, calibration: Calibration, observed: pd.DataFrame
) -> None:
    target = targets(calibration, model).named("PEOPLE waiting")
    linear = replace(target, series=target.series.model_copy(update={"error": "linear", "scale": 20.0}))
    errors = linear.residuals(linear.observed + np.array([10.0, 0.0, -40.0]))
    np.testing.assert_allclose(errors, [0.5, 0.0, -2.0])
    np.testing.assert_allclose(linear.observable(linear.observed, errors), linear.observed + 20 * errors)
    with pytest.raises(InputError, match=r'^the calibration has no series "people at sea"'):
        targets(calibration, model).named("people at sea")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            -7.0,
            'an observed value has no logarithm, found -7 from 2013-01-01 on. Set "floor", which is added',
        ),
        (3.0, "one span has two observed values, found "),
    ],
)
def test_observations_that_do_not_fit(
    model: Model,
    calibration: Calibration,
    observed: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
    words: str,
) -> None:
    first = observed.iloc[[0]].assign(value=value)
    rest = observed if value > 0 else observed.iloc[1:]
    frame = pd.concat([first, rest], ignore_index=True)
    observations._compared.cache_clear()
    monkeypatch.setattr(observations, "_typed", lambda: frame)
    with pytest.raises(InputError) as refused:
        targets(calibration, model)
    assert words in str(refused.value) and '[[series]] 1, key "series"' in str(refused.value)


def test_integrals_and_readings_lie_within_the_run() -> None:
    times = np.array([0.0, 1.0, 2.0, 4.0])
    at = np.array([0.5, 3.0, 4.0])
    for values, expected in ((times, at**2 / 2), (np.ones(4), at)):  # exact for straight lines
        np.testing.assert_allclose(values @ _integrals(times, at), expected)
    np.testing.assert_allclose(times @ _readings(times, at), at)
    for weights in (_integrals, _readings):
        with pytest.raises(
            InputError, match=r"^the run ends before the observed span, found 4, expected 4\.5"
        ):
            weights(times, np.array([1.0, 4.5]))


def test_a_variable_that_the_run_lacks_is_named(model: Model) -> None:
    run = flows.simulate(model, outcomes=["coming"])
    recorded = Recorded(run)
    values, unit = recorded.take(parse_reference("Coming[cuba]"), "here")
    np.testing.assert_allclose(values[0], run["coming"].sel(origin="Cuba"))
    assert unit == "Person/Month"
    with pytest.raises(InputError, match=r'^here: the run has no "waiting"'):
        recorded.take(parse_reference("waiting"), "here")
