"""What is said and drawn of a calibration: fit, posterior, and what didn't go well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.calibrate.sample import Chains, Diagnostics
from flows.cli.calibrate import _print
from flows.report.calibration import trace_figure

NAN = float("nan")


def result(*, rhat: float = 1.001, ess: float = 900.0, misses: tuple[str, ...] = ()) -> Any:
    """Two series and two constants as a calibration leaves them."""
    series = pd.DataFrame(
        {
            "name": ["people", "cases", "people"],
            "when": ["fitted", "fitted", "later"],
            "n": [36, 12, 99],
            "wmape": [0.123, 0.5, 0.9],
            "limit": [0.2, NAN, NAN],
            "r2_log": [0.91, 0.2, 0.1],
            "rho": [0.5, NAN, NAN],
            "discrepancy": [0.07, NAN, NAN],
        }
    )
    constants = pd.DataFrame(
        {
            "name": ["level", "pause"],
            "optimum": [1.3, 7.0],
            "low": [1.1, 6.0],
            "high": [1.5, 8.0],
            "width": [0.2, 0.9],
        }
    )
    random = np.random.default_rng(1)
    return SimpleNamespace(
        calibration=SimpleNamespace(fit_until="2015-12"),
        series=series,
        constants=constants,
        diagnostics=(Diagnostics("level", 900.0, 2.0, 1.0, 0.2), Diagnostics("pause", ess, 2.0, rhat, 0.9)),
        optimum=SimpleNamespace(effective_constants=4.6, x=np.zeros(7)),
        approximation=SimpleNamespace(distance=np.array([0.3, 0.4]), draws=2),
        misses=misses,
        seconds={"fit": 3.0, "posterior": 70.0},
        chains=Chains(
            names=("level", "pause"),
            states=random.normal(size=(2, 10, 6, 2)),
            log_posterior=random.normal(size=(2, 10, 6)),
            acceptance=np.array([0.3, 0.4]),
            seconds=1.0,
            runs=120,
        ),
    )


def test_fit_and_posterior_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _print(result())
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert "Fit until 2015-12" in out and ["people", "36", "12.3", "20", "0.91", "0.07", "0.50"] in rows
    assert ["cases", "12", "50.0", "0.20"] in rows and not any("99" in row for row in rows)
    assert ["level", "1.3", "1.1", "to", "1.5", "0.20", "900", "1.000"] in rows
    words = " ".join(out.split())
    assert "5 of 7 numbers are determined by the data" in words
    assert "at 2 draws lie 0.35 standard deviations" in words
    assert "Not converged" not in words and "Over its limit" not in words
    assert "Time: fit 3 s, posterior 70 s." in words


@pytest.mark.parametrize("poor", [{"rhat": 1.02}, {"ess": 399.0}])
def test_what_went_badly_is_told(poor: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    _print(result(misses=("people: 30 % of at most 20 %",), **poor))
    words = " ".join(capsys.readouterr().out.split())
    assert "Not converged (R-hat above 1.01 or fewer than 400 effective draws): pause." in words
    assert "Over its limit: people: 30 % of at most 20 %." in words


def test_traces_show_every_ensemble_of_every_constant() -> None:
    figure = trace_figure(result())
    shown = [axis for axis in figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in shown] == [
        "log posterior", "level\nESS 900, R-hat 1.000", "pause\nESS 900, R-hat 1.001",
    ]  # fmt: skip
    assert all(len(axis.lines) == 2 for axis in shown)
    states = result().chains.states
    np.testing.assert_allclose(shown[2].lines[1].get_ydata(), np.median(states[1, :, :, 1], axis=1))
