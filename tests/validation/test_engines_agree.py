"""The compiled engine against PySD on the shipped model: every element of every variable, every saved time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import flows
from flows.engine import reference
from flows.model.model import Model

pytestmark = pytest.mark.unmeasured
TOLERANCE = 1e-9  # times the largest size over time

Values = dict[str, NDArray[np.float64]]


def _differences(own: Values, other: Values) -> dict[str, float]:
    worst: dict[str, float] = {}
    for name, values in own.items():
        theirs = other[name]
        assert np.isfinite(theirs).all(), f"no number for {name}"
        size = np.abs(theirs).max(axis=0)
        worst[name] = float((np.abs(values - theirs) / np.where(size == 0, 1, size)).max())
    return worst


def _own(model: Model, engine: str, **options: object) -> tuple[NDArray[np.float64], Values]:
    run = flows.simulate(model, engine=engine, **options)  # type: ignore[arg-type]
    over_time = {name: array.values for name, array in run.data_vars.items() if "time" in array.dims}
    return run["time"].values, {
        str(name): values.reshape(-1, values.shape[-1]).T for name, values in over_time.items()
    }


@pytest.fixture(scope="module")
def pysd(migration: Model) -> Iterator[reference.Reference]:
    """The shipped model as PySD read it."""
    with reference.opened(migration) as opened:
        yield opened


@pytest.mark.parametrize(
    ("start", "until"),
    [
        (0.0, "2013-02"),
        (86.0, "2020-04"),  # among the pandemic, expulsion and closed courts, from the initial values
        pytest.param(0.0, "2035-12", marks=pytest.mark.slow),
    ],
    ids=["first months", "months of 2020", "whole run"],
)
def test_the_shipped_model_runs_as_in_pysd(
    migration: Model, pysd: reference.Reference, start: float, until: str
) -> None:
    times, own = _own(migration, "compiled", inputs={"INITIAL TIME": start}, until=until)
    variables = [v for v in migration.variables.values() if v.spelling in own]
    their_times, theirs = pysd.run(
        {}, {}, {}, variables=variables, start=start, step=None, final=times[-1], save_every=None
    )
    assert times.tolist() == their_times.tolist()
    worst = _differences(own, {v.spelling: theirs[v.name] for v in variables})
    assert len(worst) > 200
    assert {name: d for name, d in worst.items() if d > TOLERANCE} == {}


def test_plain_python_runs_the_shipped_model_as_machine_code_does(migration: Model) -> None:
    (_, compiled), (_, plain) = (_own(migration, engine) for engine in ("compiled", "python"))
    assert {name: d for name, d in _differences(compiled, plain).items() if d > 1e-11} == {}
