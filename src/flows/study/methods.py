"""What each method keeps of the runs, and what it makes of them: numbers without labels.

All collectors take complete groups of runs in their order and give the same bits however these were cut into chunks.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flows import screening, shapley, sobol
from flows.study.plan import Array, Plan

LEVEL = 0.95
"""Of the confidence intervals."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the bands."""

PLAIN_GROUPS = 1024
"""Sample groups of a Sobol study whose runs on A and B give bands and what drives the worst runs."""

FIRST_LOOK = 16
"""Samples at which the first look of the convergence is taken; the others follow at each doubling."""

MEMORY_BYTES = 512 * 2**20
"""Of the runs of a method that needs them all; beyond, they lie in a temporary file."""


_ROUNDING = 64 * np.finfo(np.float64).eps
"""Changes below this share of an outcome's size are rounding, no effect."""


class Collector(Protocol):
    """Takes in groups of runs and gives what a method makes of them."""

    taken: int
    left_out: list[dict[str, Any]]
    looked: int
    seconds_looking: float

    def looks_left(self) -> float:
        """How many more times the results are looked at on the way, the end among them, in units of one look."""

    def update(self, values: Array, groups: NDArray[np.intp]) -> None:
        """Take in finite outcomes, shape (groups, width, quantities), and the numbers of their groups."""

    def state(self) -> dict[str, NDArray[Any]] | None:
        """Everything that later updates need; None if only the runs themselves would do."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state back."""

    def plain(self) -> tuple[Array, Array]:
        """Points, shape (runs, d), and outcomes, shape (runs, quantities), of plain draws."""


def collector(plan: Plan) -> Collector:
    """Make the collector of a study's method."""
    match plan.sample.method:
        case "sobol":
            return SobolCollector(plan)
        case "shapley":
            return ShapleyCollector(plan)
    return RunsCollector(plan)


@dataclass(frozen=True, eq=False)
class Look:
    """The indices of a Sobol study at an earlier number of samples, each of shape (k, quantities)."""

    n: int
    S1: Array
    S1_conf: Array
    ST: Array
    ST_conf: Array


class _Counted:
    """What every collector counts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.taken = 0
        self.left_out: list[dict[str, Any]] = []
        self.looked = 0
        self.seconds_looking = 0.0
        self._groups: list[int] = []  # those whose runs are kept


class _PlainRuns(_Counted):
    """The first and the last run of the first groups, which are plain draws; in common of the streaming methods."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._plain = np.empty((min(plan.sample.units, PLAIN_GROUPS), 2, plan.layout.quantities))

    def _keep(self, values: Array, groups: NDArray[np.intp]) -> None:
        kept = len(self._groups)
        room = max(len(self._plain) - kept, 0)
        self._plain[kept : kept + room][: len(values)] = values[:room, [0, -1]]
        self._groups.extend(groups[:room].tolist())

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            "plain": self._plain[: len(self._groups)],
            "groups": np.array(self._groups, np.int64),
            "taken": np.array(self.taken),
            "left_out": np.array(json.dumps(self.left_out)),
        }

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        groups = state["groups"].tolist()
        self._plain[: len(groups)] = state["plain"]
        self._groups = groups
        self.taken = int(state["taken"])
        self.left_out = json.loads(str(state["left_out"]))

    def plain(self) -> tuple[Array, Array]:
        """Points and outcomes of the first and the last run of the first groups."""
        rows = self.plan.sample.rows(0, (self._groups[-1] + 1) if self._groups else 0)
        points = rows[self._groups][:, [0, -1]]
        n = len(self._groups)
        return points.reshape(2 * n, -1), self._plain[:n].reshape(2 * n, -1)


class ShapleyCollector(_PlainRuns):
    """Streaming sums of Shapley effects, and the plain runs of the first groups."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.sums = shapley.ShapleySums(plan.sample.design, (plan.layout.quantities,))

    def update(self, values: Array, groups: NDArray[np.intp]) -> None:
        """Take in finite outcomes, shape (groups, width, quantities), and the numbers of their groups."""
        self.sums.update(values, groups.tolist())
        self._keep(values, groups)

    def state(self) -> dict[str, NDArray[Any]]:
        """Sums, plain runs and what was left out."""
        return {**{f"sums_{name}": values for name, values in self.sums.state().items()}, **self._state()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state back; raises ValueError or KeyError if it is another study's."""
        if int(state["taken"]) > self.plan.sample.units:
            raise ValueError("the state has more samples than the study")
        self.sums.restore({name[5:]: values for name, values in state.items() if name.startswith("sums_")})
        self._restore(state)

    def looks_left(self) -> float:
        """None: the effects follow from the sums at once."""
        return 0.0

    def effects(self) -> shapley.Effects:
        """Effects of all quantities."""
        return self.sums.effects(level=LEVEL)


class SobolCollector(_PlainRuns):
    """Streaming sums, the plain runs of the first groups, and a look at every doubling."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.looks: list[Look] = []
        self.sums = sobol.SobolSums(
            (plan.layout.quantities,),
            factors=len(plan.sample.factors),
            second_order=plan.study.second_order,
            resamples=plan.study.resamples,
            seed=plan.study.seed,
        )

    def update(self, values: Array, groups: NDArray[np.intp]) -> None:
        """Take in finite outcomes, shape (groups, width, quantities), and the numbers of their groups."""
        start = 0
        while start < len(values):
            doubling = max(FIRST_LOOK, 1 << self.sums.n.bit_length())
            part = values[start : start + doubling - self.sums.n]
            self.sums.update(part)
            start += len(part)
            if self.sums.n == doubling:
                self._look()
        self._keep(values, groups)

    def _look(self) -> None:
        began = time.monotonic()
        found = self.sums.indices(level=LEVEL, pairs=False)
        self.looks.append(Look(self.sums.n, found.S1, found.S1_conf, found.ST, found.ST_conf))
        self.looked += 1
        self.seconds_looking += time.monotonic() - began

    def looks_left(self) -> float:
        """How many more times the results are looked at on the way, the end among them, in units of one look."""
        doublings = self.plan.sample.units.bit_length() - max(self.sums.n, FIRST_LOOK - 1).bit_length()
        k = len(self.plan.sample.factors)
        pairs = k * (k - 1) / 2 if self.plan.study.second_order else 0
        return max(doublings, 0) + 1 + pairs / (2 * k + 1)

    def state(self) -> dict[str, NDArray[Any]]:
        """Sums, plain runs, looks and what was left out."""
        looks = {
            f"look_{key}": np.array([getattr(x, key) for x in self.looks]) for key in Look.__annotations__
        }
        return {
            **{f"sums_{name}": values for name, values in self.sums.state().items()},
            **looks,
            **self._state(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state back; raises ValueError or KeyError if it is another study's."""
        if int(state["taken"]) > self.plan.sample.units:
            raise ValueError("the state has more samples than the study")
        self.sums.restore({name[5:]: values for name, values in state.items() if name.startswith("sums_")})
        keys = tuple(Look.__annotations__)
        columns = [state[f"look_{key}"] for key in keys]
        self.looks = [Look(int(row[0]), *row[1:]) for row in zip(*columns, strict=True)]
        self._restore(state)

    def indices(self) -> sobol.Indices:
        """Indices of all quantities."""
        return self.sums.indices(level=LEVEL)


class RunsCollector(_Counted):
    """All runs, in memory or, when they are many, in a temporary file."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        shape = (plan.sample.units, plan.sample.width, plan.layout.quantities)
        if 8 * np.prod(shape, dtype=np.int64) > MEMORY_BYTES:
            with tempfile.TemporaryFile() as file:  # the mapping keeps it
                self._values: Array = np.memmap(file, dtype=np.float64, shape=shape, mode="w+")
        else:
            self._values = np.empty(shape)

    def update(self, values: Array, groups: NDArray[np.intp]) -> None:
        """Take in finite outcomes, shape (groups, width, quantities), and the numbers of their groups."""
        at = len(self._groups)
        self._values[at : at + len(values)] = values
        self._groups.extend(groups.tolist())

    def state(self) -> None:
        """The chunks are the runs; nothing smaller would do."""
        return None

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """There is nothing to take back."""

    def looks_left(self) -> float:
        """None: all is made of the runs at the end."""
        return 0.0

    def values(self) -> Array:
        """Outcomes, shape (groups, width, quantities)."""
        return self._values[: len(self._groups)]

    def groups(self) -> list[int]:
        """Numbers of the groups that were kept."""
        return self._groups

    def plain(self) -> tuple[Array, Array]:
        """Points and outcomes of all runs."""
        rows = self.plan.sample.rows(0, self.plan.sample.units)[self._groups]
        n = rows.shape[0] * rows.shape[1]
        return rows.reshape(n, -1), self.values().reshape(n, -1)


def effects(kept: RunsCollector) -> screening.Effects:
    """Elementary effects of a Morris study, of shape (k, quantities)."""
    walk = kept.plan.sample.design
    groups = kept.groups()
    part = screening.Trajectories(
        walk.names, walk.factors, walk.levels, walk.points[groups], walk.moved[groups], walk.up[groups]
    )
    found = screening.elementary_effects(
        part, kept.values(), resamples=kept.plan.study.resamples, seed=kept.plan.study.seed, level=LEVEL
    )
    none = found.mu_star <= _ROUNDING * np.abs(kept.values()).max(axis=(0, 1), initial=0.0)
    moved = {
        name: np.where(none, 0.0, getattr(found, name))
        for name in ("mu", "mu_star", "mu_star_low", "mu_star_high", "sigma")
    }
    return replace(found, **moved)  # type: ignore[arg-type]


def rank_correlations(points: Array, values: Array, *, columns: int = 256) -> Array:
    """Spearman's rank correlation of each input with each quantity, shape (d, quantities); NaN without variance.

    Parameters
    ----------
    points : array, shape (n, d)
    values : array, shape (n, quantities)
    columns : int
        Quantities ranked at a time.
    """
    x = stats.rankdata(points, axis=0)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    result = np.empty((points.shape[1], values.shape[1]))
    for start in range(0, values.shape[1], columns):
        y = stats.rankdata(values[:, start : start + columns], axis=0)
        y = y - y.mean(axis=0)
        spread = y.std(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            result[:, start : start + columns] = np.where(spread > 0, x.T @ y / len(x) / spread, np.nan)
    return result


def swings(kept: RunsCollector) -> tuple[Array, Array, Array]:
    """Outcomes of a tornado: at the middle (quantities,); with each input at its low and high end, (d, quantities)."""
    values = kept.values()[:, 0]
    middle = values[0]
    low, high = (
        np.where(np.abs(ends - middle) <= _ROUNDING * np.abs(middle), middle, ends)
        for ends in (values[1::2], values[2::2])
    )
    return middle, low, high
