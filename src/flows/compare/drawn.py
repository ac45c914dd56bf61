"""What is kept of runs on draws: numbers at dates of every run, when backlogs halve, courses of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from flows.compare.measures import HALVED, halving_times, numbers_of, outcome_values
from flows.compare.pieces import Runs
from flows.compare.runs import count_draws
from flows.compare.shelf import Shelf
from flows.inputs import Outcome
from flows.pace import Progress

Key = tuple[str, str, str]
"""Outcome, date and measure."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the bands."""


class Drawn(Mapping[Key, xr.DataArray]):
    """Numbers of runs over (scenario, draw) by outcome, date and measure, read when they are used.

    Parameters
    ----------
    keys : sequence of Key
    values : xarray.Dataset
        Outcomes of the runs without draws, for scenarios, times and titles.
    draws : int
        How many there are.
    folder : Path, optional
        Where the numbers of very many runs are put aside.

    Attributes
    ----------
    draws : int
        How many there are.
    halving : xarray.Dataset
        Over (scenario, draw), as `flows.compare.halving_times` gives it.
    """

    def __init__(self, keys: Sequence[Key], values: xr.Dataset, draws: int, *, folder: Path | None) -> None:
        self.draws = draws
        self._keys = dict.fromkeys(keys)
        self._scenarios = values["scenario"].values
        self._courses = {str(name): a.isel(scenario=0, drop=True) for name, a in values.data_vars.items()}
        size = (draws, len(self._scenarios))
        shapes: dict[object, tuple[int, ...]] = dict.fromkeys(keys, size)
        shapes |= {name: (draws, values.sizes["time"]) for name in self._courses}
        self._shelf = Shelf(shapes, folder=folder)
        names = [name for name in HALVED if name in values]
        coords = {"scenario": self._scenarios}
        halving: dict[str, xr.DataArray] = {}
        for name in names:
            when, lasts = np.empty(size[::-1]), np.empty(size[::-1], dtype=bool)
            dims = ("scenario", "draw")
            halving[name] = xr.DataArray(when, dims=dims, coords=coords, attrs={"units": "model time"})
            halving[f"{name} lasts"] = xr.DataArray(lasts, dims=dims, coords=coords)
        self.halving = xr.Dataset(halving)

    def __getitem__(self, key: Key) -> xr.DataArray:
        """Numbers over (scenario, draw)."""
        if key not in self._keys:
            raise KeyError(key)
        return xr.DataArray(
            self._shelf.read(key).T, dims=("scenario", "draw"), coords={"scenario": self._scenarios}
        )

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def put(
        self,
        values: xr.Dataset,
        halving: xr.Dataset,
        *,
        start: float,
        dates: Sequence[str],
        at: tuple[int, int],
    ) -> None:
        """Keep what a block of runs says.

        Parameters
        ----------
        values : xarray.Dataset
            Outcomes over (scenario, draw, time).
        halving : xarray.Dataset
            When their backlogs halve.
        start : float
            Model time from which totals and means count.
        dates : sequence of str
        at : (int, int)
            Places of its first draw and of its first scenario.
        """
        for name, array in values.data_vars.items():
            for (date, measure), numbers in numbers_of(array, start=start, dates=dates).items():
                self._shelf.put((str(name), date, measure), numbers.T, at=at)
            if not at[1]:
                self._shelf.put(str(name), array.isel(scenario=0).values, at=(at[0], 0))
        for key, part in halving.data_vars.items():
            rows, columns = part.shape
            self.halving[key].values[at[1] : at[1] + rows, at[0] : at[0] + columns] = part.values

    def levels(self, keys: Sequence[Key]) -> xr.DataArray:
        """Set dates of one outcome side by side, over (date, draw, scenario)."""
        about = self._courses[keys[0][0]].attrs
        variable = self._shelf.variable(("date", "draw", "scenario"), keys, **about)
        return xr.DataArray(variable).assign_coords(scenario=self._scenarios)

    def bands(self, outcomes: Sequence[Outcome]) -> xr.Dataset:
        """Quantiles of the baseline across draws, in the form of a study's bands."""
        names = list(self._courses)
        by_name = {outcome.name: outcome for outcome in outcomes}
        first = self._courses[names[0]]
        coords = {
            "outcome": names,
            "quantile": list(QUANTILES),
            "time": first["time"].values,
            "title": ("outcome", [by_name[name].title or name for name in names]),
            "unit": ("outcome", [by_name[name].unit for name in names]),
        }
        if "date" in first.coords:
            coords["date"] = ("time", first["date"].values)
        found = np.stack([np.quantile(self._shelf.read(name), QUANTILES, axis=0) for name in names])
        return xr.Dataset({"value": (("outcome", "quantile", "time"), found)}, coords=coords)


def run_draws(
    runs: Runs,
    outcomes: Sequence[Outcome],
    needed: Sequence[str],
    free: Mapping[str, xr.DataArray],
    *,
    values: xr.Dataset,
    keys: Sequence[Key],
    starts: Sequence[float],
    dates: Sequence[str],
    folder: Path | None,
    progress: Progress,
) -> Drawn:
    """Run every scenario once for each draw, and keep of each run what a comparison needs.

    Parameters
    ----------
    runs : Runs
    outcomes : sequence of Outcome
    needed : sequence of str
        Text forms of their variables.
    free : mapping of str to DataArray over draw
        Values of the draws.
    values : xarray.Dataset
        Outcomes of the runs without draws.
    keys : sequence of Key
        What is kept.
    starts : sequence of float
        Of each scenario, the model time from which its levers act.
    dates : sequence of str
    folder : Path, optional
        Where the numbers of very many runs are put aside.
    progress : callable
        Called with (runs done, runs in all), those without draws among them.

    Returns
    -------
    Drawn
    """
    count, width = count_draws(free), values.sizes["scenario"]
    found = Drawn(keys, values, count, folder=folder)
    blocks = runs.blocks()
    step = max(1, runs.room // width)
    done, total = width, width * (1 + count)
    for first in range(0, count, step):
        part = {key: array.isel(draw=slice(first, first + step)) for key, array in free.items()}
        base: dict[str, xr.DataArray] = {}
        for block in blocks:
            some = outcome_values(outcomes, runs.run(block, needed, part))
            if not block.first:
                base = {name: some[name].isel(scenario=0).copy() for name in HALVED if name in some}
            its = starts[block.first : block.first + block.count]
            halving = halving_times(some, its, base=base)
            found.put(some, halving, start=starts[0], dates=dates, at=(first, block.first))
            done += block.count * min(step, count - first)
            progress(done, total)
    return found
