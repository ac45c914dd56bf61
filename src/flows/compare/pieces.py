"""The runs of a comparison, as many at once as fit into memory."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from flows.compare import shelf
from flows.compare.measures import outcome_values
from flows.compare.runs import Group, draws_within, joined, over_scenarios
from flows.compare.shelf import Shelf
from flows.ensemble import Simulate
from flows.inputs import Outcome
from flows.model.model import CONTROLS
from flows.pace import Progress
from flows.references import fold

AT_ONCE = 512
"""Runs in one call of the engine, at most."""

_FIRST = 32  # runs that tell how large one is
_RESULTS = 96 * 2**20  # bytes of results of one call, where one run is large


@dataclass(frozen=True)
class Block:
    """Neighbouring scenarios of one group that go in one call."""

    group: int
    first: int  # place of the first one among all scenarios
    part: slice  # of the group's own

    @property
    def count(self) -> int:
        """How many they are."""
        return int(self.part.stop - self.part.start)


class Runs:
    """Makes the runs of a comparison.

    Parameters
    ----------
    groups : sequence of Group
        As `flows.compare.runs.groups_of` gives them, the baseline first.
    simulate : callable
        What makes the runs.
    options : mapping
        Of every call.
    """

    def __init__(self, groups: Sequence[Group], simulate: Simulate, options: Mapping[str, Any]) -> None:
        self.groups = groups
        self.room = AT_ONCE
        self._inputs = [group.inputs() for group in groups]
        self._simulate, self._options = simulate, options
        self._common: dict[str, Any] = {}  # coordinates that all runs have, where they differ

    def blocks(self, *, beyond: int = 0) -> list[Block]:
        """Cut the groups into blocks of about equal size that have room at once; without the first `beyond` runs."""
        found, before = [], 0
        for number, group in enumerate(self.groups):
            count = len(group.cases)
            start = min(max(beyond - before, 0), count)
            step = math.ceil((count - start) / max(math.ceil((count - start) / self.room), 1))
            for at in range(start, count, max(step, 1)):
                found.append(Block(number, before + at, slice(at, min(at + step, count))))
            before += count
        return found

    def run(self, block: Block, outcomes: Sequence[str], free: Mapping[str, xr.DataArray]) -> xr.Dataset:
        """Run one block, once for each draw if there are draws."""
        group = self.groups[block.group]
        own = {
            key: value.isel(scenario=block.part)
            if isinstance(value, xr.DataArray) and "scenario" in value.dims
            else value
            for key, value in self._inputs[block.group].items()
        }
        inputs = {**own, **draws_within(free, group.model)}
        made = self._simulate(group.model, inputs, outcomes=list(outcomes), **self._options)
        made = over_scenarios(made, group.names[block.part])
        wrong = {
            dim: c for dim, c in self._common.items() if dim in made.dims and not made.indexes[dim].equals(c)
        }
        return made.sel(wrong) if wrong else made

    def central(
        self,
        measured: Sequence[Outcome],
        wanted: Sequence[str],
        names: Sequence[str],
        *,
        folder: Path | None,
        progress: Progress,
        total: int,
    ) -> tuple[xr.Dataset, xr.Dataset]:
        """Run every scenario once, without draws.

        Parameters
        ----------
        measured : sequence of Outcome
        wanted : sequence of str
            Text forms of the variables asked of the engine.
        names : sequence of str
            Of all scenarios.
        folder : Path, optional
            Where the numbers of very many runs are put aside.
        progress : callable
            Called with (runs done, `total`).
        total : int
            Runs of the whole comparison.

        Returns
        -------
        xarray.Dataset, xarray.Dataset
            The variables and the outcomes, over (scenario, time).
        """
        self._align(wanted)
        parts: list[xr.Dataset] = []
        shelves: _Shelves | None = None
        blocks = [Block(0, 0, slice(0, min(len(self.groups[0].cases), _FIRST, self.room)))]
        while blocks:
            block = blocks.pop(0)
            part = self.run(block, wanted, {})
            if not block.first:  # the first runs tell how large one is
                each = max(part.nbytes // block.count, 1)
                self.room = max(1, min(AT_ONCE, _RESULTS // each))
                blocks = self.blocks(beyond=block.count)
                if each * len(names) > shelf.HELD:
                    shelves = _Shelves(part, outcome_values(measured, part), names, folder)
            if shelves is None:
                parts.append(part)
            else:
                shelves.put(block, part, outcome_values(measured, part))
            progress(block.first + block.count, total)
        if shelves is not None:
            return shelves.variables, shelves.outcomes
        dataset = joined(parts).assign_coords(scenario=list(names))
        return dataset, outcome_values(measured, dataset)

    def _align(self, wanted: Sequence[str]) -> None:
        """Find the times and elements that all have, where runs span other times or models differ."""
        kinds: dict[Any, int] = {}
        for number, group in enumerate(self.groups):
            controls = sorted((k, str(v)) for k, v in group.settings.items() if fold(k) in CONTROLS)
            kinds.setdefault((id(group.model), *controls), number)
        if len(kinds) < 2:
            return
        probes = [self.run(Block(number, 0, slice(0, 1)), wanted, {}) for number in kinds.values()]
        common = joined(probes)
        self._common = {str(dim): common.indexes[dim] for dim in common.dims if dim != "scenario"}


class _Shelves:
    """Variables and outcomes of very many scenarios, put aside."""

    def __init__(
        self, part: xr.Dataset, values: xr.Dataset, names: Sequence[str], folder: Path | None
    ) -> None:
        whole: dict[Hashable, tuple[int, ...]] = {
            ("variable", name): (len(names), *_wide(array).shape[1:])
            for name, array in part.data_vars.items()
        }
        whole |= {("outcome", name): (len(names), *a.shape[1:]) for name, a in values.data_vars.items()}
        self._shelf = Shelf(whole, folder=folder)
        self._names = list(names)
        self.variables = self._later(part, "variable")
        self.outcomes = self._later(values, "outcome")

    def put(self, block: Block, part: xr.Dataset, values: xr.Dataset) -> None:
        for kind, dataset in (("variable", part), ("outcome", values)):
            for name, array in dataset.data_vars.items():
                self._shelf.put((kind, name), _wide(array), at=(block.first, 0))

    def _later(self, part: xr.Dataset, kind: str) -> xr.Dataset:
        made = {}
        for name, array in part.data_vars.items():
            dims = [str(dim) for dim in array.transpose("scenario", ...).dims]
            made[name] = self._shelf.variable(dims, [(kind, name)], **array.attrs)
        coords = {n: c for n, c in part.coords.items() if "scenario" not in c.dims}
        return xr.Dataset(made, coords={**coords, "scenario": self._names}, attrs=part.attrs)


def _wide(array: xr.DataArray) -> Any:
    """Values over (scenario, …)."""
    return np.asarray(array.transpose("scenario", ...).values, dtype=float)
