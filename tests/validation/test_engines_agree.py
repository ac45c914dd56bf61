"""The compiled engine against PySD on the shipped model: every element of every variable, every saved time."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import flows
from flows import resources

TOLERANCE = 1e-9  # times the largest size over time


def _differences(own: xr.Dataset, other: xr.Dataset) -> dict[str, float]:
    worst: dict[str, float] = {}
    for name, array in own.data_vars.items():
        if "time" not in array.dims:
            continue
        theirs = other[name].values
        assert np.isfinite(theirs).all(), f"PySD gives no number for {name}"
        size = np.abs(theirs).max(axis=-1, keepdims=True)
        worst[str(name)] = float((np.abs(array.values - theirs) / np.where(size == 0, 1, size)).max())
    return worst


@pytest.mark.parametrize(
    ("start", "until"),
    [
        (0.0, "2013-06"),
        (86.0, "2020-08"),  # among the pandemic, expulsion and closed courts, from the initial values
        pytest.param(0.0, "2035-12", marks=pytest.mark.slow),
    ],
    ids=["first months", "months of 2020", "whole run"],
)
def test_the_shipped_model_runs_as_in_pysd(start: float, until: str) -> None:
    model = flows.read_vensim(resources.root() / "models" / "migration.mdl", units="error")
    inputs = {"INITIAL TIME": start}
    own = flows.simulate(model, inputs, engine="compiled", until=until)
    other = flows.simulate(model, inputs, engine="pysd", until=until)
    worst = _differences(own, other)
    assert len(worst) > 200
    assert {name: d for name, d in worst.items() if d > TOLERANCE} == {}


def test_plain_python_runs_the_shipped_model_as_machine_code_does() -> None:
    model = flows.read_vensim(resources.root() / "models" / "migration.mdl", units="error")
    runs = [flows.simulate(model, engine=engine) for engine in ("compiled", "python")]  # type: ignore[arg-type]
    worst = _differences(*runs)
    assert {name: d for name, d in worst.items() if d > 1e-11} == {}
