"""No negative stock, no negative flow of people or files, no runaway value, whatever the levers and the uncertainties.

A draw sets every lever (with its own start, phase-in and end), policy start and freeze, contexts, switches and every
other scalar constant of the model within the range that the file declares for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

import flows
from flows.model.model import Model

QUICK, FULL, PIECE = 500, 10_000, 50
ROUNDING = 1e-9  # of the largest value of the run

# Highest plausible value, in the unit of the stock. People and files of an origin are held against the people of
# working age there instead.
HIGHEST = {
    "development capital": 12.0,  # relative to 2013, with full investment and eight times the remittances
    "share at home": 1.2,  # relative to the population series: more may come back than went
    "share who could leave": 1.2,
    "smuggling capacity": 10.0,
    "knowledge of COMAR": 1.0,
    "COMAR staff": 300_000.0,  # ten times the staff, paid from ten times the protection budget and five times the funds
    "immigration judges": 40_000.0,  # ten times the hires, four times as many where cases pile up
    "noticed unmet demand": 150.0,  # jobs of 2024 for each worker, where nearly all workers gained status or left
    "containment capacity": 2.0,
    "protection capacity": 25.0,
    "municipal capacity": 50.0,
    "local tension": 4.0,  # end of its table
    "consular fees": 50.0,
    "criminal groups resources": 3.0,
}
MANY_TIMES = {"reintegrated returnees": 3.0, "abandoned COMAR files": 6.0, "person months waiting": 276.0}
"""Counts that hold a person at each return, file or month, in people of working age at the origin."""
OLDEST = 276.0 + 40.0
"""Months that an open case can have waited: the run and twice the highest average at its start."""
SIGNED = ("change of ", "net ")


def draws(model: Model, count: int, seed: int) -> xr.Dataset:
    """Random combinations; a quarter of the levers rest at neutral, one value in five lies at an end of its range."""
    rng = np.random.default_rng(seed)
    levers = {lever.name for lever in model.levers}
    inputs: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for constant in model.constants:
        if constant.subscripts or constant.group.lstrip(".") == "Control":
            continue
        assert constant.range is not None, constant.name
        low, high = constant.range
        assert low is not None and high is not None, constant.name
        values = rng.uniform(low, high, count)
        values = np.where(rng.random(count) < 0.2, np.where(rng.random(count) < 0.5, low, high), values)
        if constant.group.lstrip(".") == "Switches":
            values = np.round(values)
        if constant.name in levers:
            values = np.where(rng.random(count) < 0.25, float(constant.value), values)
        inputs[constant.name] = (("draw",), values)
    shape = (count, len(levers))
    inputs["lever start delay"] = (("draw", "Lever"), rng.uniform(0, 120, shape) * (rng.random(shape) < 0.5))
    inputs["lever phase in"] = (("draw", "Lever"), rng.uniform(0.0625, 60, shape))
    end = np.where(rng.random(shape) < 0.5, 9999.0, rng.uniform(0, 300, shape))
    inputs["lever end"] = (("draw", "Lever"), end)
    return xr.Dataset(inputs)


def _pieces(model: Model, count: int, seed: int, names: list[str]) -> Iterator[xr.Dataset]:
    for first in range(0, count, PIECE):
        inputs = draws(model, min(PIECE, count - first), seed + first)
        yield flows.simulate(model, inputs, outcomes=names, threads=2)


def findings(model: Model, count: int, seed: int) -> dict[str, str]:
    """What leaves its bounds, with the worst value; empty if all is well."""
    stocks = list(model.stocks)
    moves = [f for f in model.flows if f.units in ("Person/Month", "Case/Month", "Event/Month")]
    moves = [f for f in moves if not f.name.startswith(SIGNED)]
    shares = [a for a in model.auxiliaries if a.units == "Dmnl" and a.name.startswith(("share ", "chance "))]
    names = [v.name for v in (*stocks, *moves, *shares)] + ["working age population"]
    found: dict[str, str] = {}

    def note(name: str, what: str, value: float) -> None:
        found.setdefault(name, f"{what} {value:.6g}")

    for ds in _pieces(model, count, seed, names):
        people = ds["working age population"]
        for item in (*stocks, *moves, *shares):
            values = ds[item.name]
            if not np.isfinite(values).all():
                note(item.name, "no number", float("nan"))
                continue
            per_run = values.max([d for d in values.dims if d != "draw"])
            lowest = values.min([d for d in values.dims if d != "draw"])
            if bool((lowest < -ROUNDING * per_run).any()):
                note(item.name, "falls to", float(lowest.min()))
        for item in shares:
            if float(ds[item.name].max()) > HIGHEST.get(item.name, 1.0) + ROUNDING:
                note(item.name, "rises to", float(ds[item.name].max()))
        for item in stocks:
            values = ds[item.name]
            if item.name in HIGHEST:
                limit: xr.DataArray | float = HIGHEST[item.name]
            elif item.name == "age of pending cases":
                limit = OLDEST * np.maximum(ds["court cases pending"], 1.0)
            else:
                dim = next((d for d in values.dims if str(d).endswith("origin")), None)
                if dim is None:
                    limit = people.sum("origin") * MANY_TIMES.get(item.name, 1.0)
                else:
                    there = people.rename(origin=dim).sel({dim: values[dim].values})
                    limit = there * MANY_TIMES.get(item.name, 1.0)
            over = (values / limit).max()
            if float(over) > 1:
                note(item.name, "stands at a multiple of its highest value of", float(over))
    return found


def test_no_value_runs_away_in_five_hundred_combinations(migration: Model) -> None:
    assert findings(migration, QUICK, 1) == {}


@pytest.mark.slow
def test_no_value_runs_away_in_ten_thousand_combinations(migration: Model) -> None:
    assert findings(migration, FULL, 100_000) == {}
