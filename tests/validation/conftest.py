"""Runs of the shipped migration model for the tests of its sectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import flows
from flows.model.model import Model

MODEL = Path(__file__).parents[2] / "models" / "migration.mdl"

Cases = Callable[..., xr.Dataset]

WHOLE = re.compile(
    r"test_(sector_([2-9]|1[023])|model_migration|scenarios|second_reader|random_combinations|extreme_conditions|time_step)"
)
"""Files of tests that run the whole shipped model again and again, by ways of the library that smaller tests take."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and WHOLE.fullmatch(item.path.stem):
            item.add_marker(pytest.mark.unmeasured)


@pytest.fixture(scope="session")
def migration() -> Model:
    """The migration model as shipped, units checked."""
    return flows.read_vensim(MODEL, units="error")


def side_by_side(model: Model, runs: dict[str, dict[str, float]], outcomes: list[str]) -> xr.Dataset:
    """Named runs (constants that differ from the file) as one ensemble over ``draw``."""
    names = sorted({name for run in runs.values() for name in run})
    inputs = {
        name: ("draw", np.array([run.get(name, float(model.constants[name].value)) for run in runs.values()]))
        for name in names
    }
    return flows.simulate(model, xr.Dataset(inputs), outcomes=outcomes).assign_coords(draw=list(runs))


@pytest.fixture(scope="session")
def cases(migration: Model) -> Cases:
    """One run for each case (constants that differ from the file), by draw; outcomes are summed over origins."""

    def run(*settings: dict[str, float], outcomes: list[str], until: str = "2032-12") -> xr.Dataset:
        names = {name for case in settings for name in case}
        value = {c.name: float(c.value) for c in migration.constants if c.name in names}
        inputs = {n: ("draw", np.array([case.get(n, value[n]) for case in settings])) for n in sorted(names)}
        ds = flows.simulate(migration, xr.Dataset(inputs), outcomes=outcomes, until=until, threads=1)
        result = {n: ds[n].sum([d for d in ds[n].dims if d not in ("draw", "time")]) for n in outcomes}
        return xr.Dataset(result).transpose("time", "draw", missing_dims="ignore")

    return run


@pytest.fixture(scope="session")
def last_year() -> Callable[[xr.DataArray], np.ndarray]:
    """Mean of the last twelve months, one value a draw."""

    def mean(values: xr.DataArray) -> np.ndarray:
        return np.asarray(values.isel(time=slice(-12, None)).mean("time").values)

    return mean
