"""A small calibration from beginning to end: known constants are found again, and nothing depends on threads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import flows
from flows.calibrate import sample as sampling
from flows.calibrate.fit import Conditional, minimise, scattered_starts
from flows.calibrate.forecast import forecast_inputs, held_out_inputs, predictive
from flows.calibrate.problem import first_problem, later_problem
from flows.calibrate.run import calibrate
from flows.calibrate.write import write_back
from flows.inputs.calibration import Calibration, Effort, read_calibration
from flows.model.model import Model
from flows.posterior import posterior_of

TRUTH = {
    "level": 1.3,
    "pause": 7.0,
    "level[Cuba]": 1.8 / 1.3,
    "shock size[rush,Haiti]": 1.0,
    "shock size[rush,Cuba]": 0.4,
}


def test_known_constants_are_found_again(
    model: Model, calibration: Calibration, observed: pd.DataFrame
) -> None:
    problem = first_problem(calibration, model)
    told: list[str] = []
    optimum = minimise(problem, scattered_starts(problem, 3, 3), stage=told.append)
    values = problem.space.values(problem.whole(optimum.x[None]))[0]
    for name, value in TRUTH.items():
        assert values[problem.space.names.index(name)] == pytest.approx(value, rel=0.2), name
    assert len(optimum.starts) == 3
    assert max(s.log_posterior for s in optimum.starts) - min(s.log_posterior for s in optimum.starts) < 3
    assert 4 < optimum.effective_constants < 6
    assert any("largest move" in line for line in told)
    # a step away in any direction is no better
    for i in range(len(optimum.x)):
        for sign in (-1, 1):
            moved = optimum.x + sign * 0.3 * np.sqrt(optimum.covariance[i, i]) * np.eye(len(optimum.x))[i]
            assert optimum.problem.log_posterior(moved[None])[0] < optimum.log_posterior + 1e-3
    # the second step finds what happens later, and leaves the rest alone
    later = later_problem(optimum.problem, optimum.x)
    assert later.targets.all[0].observed.size == 12
    found = minimise(later, [("middle", np.zeros(1))], effort=(8, 6, 3))
    assert later.space.values(later.whole(found.x[None]))[0][-1] == pytest.approx(-0.6, abs=0.1)
    assert np.array_equal(later.whole(found.x[None])[0][:-1], optimum.problem.whole(optimum.x[None])[0][:-1])


def test_the_conditional_follows_the_free_constants(
    model: Model, calibration: Calibration, observed: pd.DataFrame
) -> None:
    problem = first_problem(calibration, model)
    optimum = minimise(problem, scattered_starts(problem, 1, 3))
    conditional = Conditional.of(optimum)
    np.testing.assert_allclose(conditional.join(conditional.theta[None])[0], optimum.x)
    random = np.random.default_rng(1)
    theta = np.repeat(conditional.theta[None] + 0.1, 20_000, axis=0)
    drawn = conditional.join(theta, random)
    block = np.linalg.inv(optimum.precision[np.ix_(conditional.rest, conditional.rest)])
    np.testing.assert_allclose(np.cov(drawn[:, conditional.rest].T), block, atol=0.03 * np.abs(block).max())
    # of a joint normal density the conditional mean is what lies on the ridge
    joint = optimum.covariance
    slope = joint[np.ix_(conditional.rest, conditional.given)] @ np.linalg.inv(
        joint[np.ix_(conditional.given, conditional.given)]
    )
    np.testing.assert_allclose(conditional.slope, slope, atol=1e-8)


def test_an_interrupted_ensemble_goes_on_to_the_same_states(
    model: Model, calibration: Calibration, observed: pd.DataFrame, tmp_path: Path
) -> None:
    problem = first_problem(calibration, model, threads=1)
    optimum = minimise(problem, scattered_starts(problem, 1, 3), effort=(6, 4, 2))
    effort = Effort(starts=1, ensembles=2, walkers=8, steps=30, burn=20, draws=20)
    whole = sampling.sample(optimum, effort)

    def stop(done: int, total: int) -> None:
        if done > total // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampling.sample(optimum, effort, work=tmp_path, progress=stop)
    kept = sorted(p.name for p in tmp_path.glob("*.npz"))
    assert kept == ["ensemble-0.npz", "ensemble-1.npz"]
    again = sampling.sample(optimum, effort, work=tmp_path)
    np.testing.assert_array_equal(again.states, whole.states)
    np.testing.assert_array_equal(again.log_posterior, whole.log_posterior)
    assert whole.states.shape == (2, 30, 8, 2)
    assert not np.array_equal(whole.states[0], whole.states[1])


def test_independent_proposals_leave_a_density_as_it_is() -> None:
    """Detailed balance: walkers that come from a density stay there, although proposals have another one."""
    import emcee

    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    inverse = np.linalg.inv(covariance)
    moves = [(emcee.moves.MHMove(sampling.independent(np.array([0.3, -0.2]), 1.3 * covariance)), 1.0)]
    sampler = emcee.EnsembleSampler(
        50, 2, lambda x: -((x @ inverse) * x).sum(axis=1) / 2, vectorize=True, moves=moves
    )
    start = np.random.default_rng(1).multivariate_normal(np.zeros(2), covariance, 50)
    state = emcee.State(start, random_state=np.random.RandomState(2).get_state())
    sampler.run_mcmc(state, 800)
    states = sampler.get_chain()[50:]
    np.testing.assert_allclose(np.cov(states.reshape(-1, 2).T), covariance, atol=0.06)
    np.testing.assert_allclose(states.mean(axis=(0, 1)), 0.0, atol=0.04)
    assert sampler.acceptance_fraction.mean() > 0.6
    assert sampling.autocorrelation_time(states[:, :, 0]) < 3


def test_chains_that_never_move_are_no_sample() -> None:
    still = np.zeros((2, 40, 3))
    assert sampling.autocorrelation_time(still[0]) == 40  # as many steps as there are: one state in all
    assert sampling.split_rhat(still) == 1.0
    still[1] = 5.0
    assert sampling.split_rhat(still) > 1e6  # two ensembles that stand apart never agree


def test_the_sample_of_a_normal_density_has_its_mean_and_spread() -> None:
    random = np.random.default_rng(5)
    values = random.standard_normal((4, 200, 10))
    assert sampling.split_rhat(values) == pytest.approx(1, abs=0.01)
    assert sampling.autocorrelation_time(values[0]) == pytest.approx(1, abs=0.4)
    apart = values + np.array([0.0, 0.0, 0.0, 2.0])[:, None, None]
    assert sampling.split_rhat(apart) > 1.2
    wider = values * np.array([1.0, 1.0, 1.0, 4.0])[:, None, None]
    assert sampling.split_rhat(wider) > 1.05, "folded: the spread differs"
    drifting = values + np.linspace(0, 3, 200)[None, :, None]
    assert sampling.split_rhat(drifting) > 1.2
    slow = np.repeat(values[:, ::10], 10, axis=1)
    assert sampling.autocorrelation_time(slow[0]) == pytest.approx(10, rel=0.4)


def test_a_whole_calibration_and_its_way_back_into_the_file(
    model: Model, calibration: Calibration, observed: pd.DataFrame, tmp_path: Path
) -> None:
    before = model.path.read_bytes()
    runs = [
        calibrate(calibration, model, out=tmp_path / f"out-{threads}", quick=True, threads=threads)
        for threads in (1, 3)
    ]
    np.testing.assert_array_equal(runs[0].posterior.values, runs[1].posterior.values)
    folder = tmp_path / "out-1"
    assert {p.name for p in folder.iterdir()} >= {
        "posterior.parquet", "series.csv", "constants.csv", "diagnostics.csv", "chains.npz", "summary.json",
        "provenance.json",
    }  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["values_fitted"] == 75
    assert summary["misses"] == []
    assert not list(tmp_path.glob(".*.work"))
    series = pd.read_csv(folder / "series.csv").set_index(["name", "when"])
    assert series.loc[("people from Haiti", "fitted"), "wmape"] < 0.1
    assert model.path.read_bytes() == before, "nothing is written without being asked"

    path, sample = write_back(runs[0], model)
    text = path.read_text(encoding="utf-8")
    again = flows.read_vensim(path, units="off")
    optimum = runs[0].constants.set_index("name")["optimum"]
    assert again.constants["pause"].value == pytest.approx(optimum["pause"], rel=1e-3)
    assert again.constants["level"].value[1] == pytest.approx(
        50 * optimum["level"] * optimum["level[Cuba]"], rel=1e-3
    )
    assert again.lookups["intensity"].value[1][1] == pytest.approx(optimum["intensity"], rel=1e-3)
    assert "90 % interval" in again.constants["pause"].comment
    assert again.constants["pause"].comment.startswith(
        "Time that people wait. Source: assumption. Calibrated to data"
    )
    assert "Calibrated to data until 2016-12 with all else held" in again.constants["later size"].comment
    untouched = [
        line for line in before.decode().splitlines() if line.startswith(("coming", "waiting", "TIME STEP"))
    ]
    assert all(line in text for line in untouched)
    # a second writing replaces the words of the first
    write_back(runs[0], again)
    assert path.read_text(encoding="utf-8") == text
    found = posterior_of(again)
    assert found is not None
    assert sample.parent == path.parent
    assert found.metadata["fit_until"] == "2015-12"
    assert found.metadata["later"] == ["later size"]
    assert len(found.inputs(again, 7)["level"]) == 7


def test_the_forecast_knows_nothing_later(
    file_text: str, model: Model, observed: pd.DataFrame, tmp_path: Path
) -> None:
    text = (
        file_text
        + '\n[[fixed]]\nname = "intensity"\nheld_out = "hold"\nsource = "a test"\narithmetic = "held"\n'
    )
    (tmp_path / "calibration.toml").write_text(text, encoding="utf-8")
    calibration = read_calibration(tmp_path / "calibration.toml")
    held = held_out_inputs(calibration, model)["intensity"]
    assert held["x"].values.tolist() == [0, 10, 20, 36, 60]
    assert held.values.tolist() == [1, 1, 1, 1, 1]
    plain = read_calibration_without(file_text, tmp_path)
    result = calibrate(plain, model, out=tmp_path / "out", quick=True)
    inputs = forecast_inputs(result.posterior, plain, model, 500, seed=1)
    assert float(inputs["later size"].mean()) == pytest.approx(0.2, abs=0.1), (
        "from the prior, not from the fit"
    )
    assert float(inputs["later size"].std()) == pytest.approx(0.5, abs=0.08)
    assert float(inputs["pause"].mean()) == pytest.approx(7, rel=0.15)


def read_calibration_without(text: str, folder: Path) -> Calibration:
    path = folder / "plain.toml"
    path.write_text(text, encoding="utf-8")
    return read_calibration(path)


def test_predictive_bands_hold_what_is_observed(
    model: Model, calibration: Calibration, observed: pd.DataFrame
) -> None:
    problem = first_problem(calibration, model)
    optimum = minimise(problem, scattered_starts(problem, 1, 3), effort=(8, 6, 3))
    target, discrepancy = optimum.problem.targets.fitted[0], optimum.problem.discrepancies[0]
    modelled = np.repeat(target.modelled(optimum.problem.run(optimum.x[None])), 4000, axis=0)
    random = np.random.default_rng(1)
    variance = discrepancy.draw_variance(target.residuals(modelled), random)
    low, high = np.quantile(predictive(target, modelled, discrepancy, variance, random), (0.05, 0.95), axis=0)
    assert 0.75 < ((target.observed > low) & (target.observed < high)).mean() <= 1
    # a forecast that begins above the model stays above it for a while
    last = (float(target.times[0]) - 1.0, np.full(4000, -0.5))
    after = predictive(target, modelled, discrepancy, variance * 1e-6, random, last=last)
    assert after[:, 0].mean() > modelled[0, 0] * 1.1
