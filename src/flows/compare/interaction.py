"""Interaction of levers: whether two of them help each other, or one takes away what the other gives.

Every lever is run alone, every pair together, and all together, on the same draws. The interaction of a pair is what
the two do together less what each does alone; nothing is said of one whose interval holds zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.compare.comparison import Comparison, compare
from flows.compare.files import write_table
from flows.compare.judge import SIDE_EFFECT
from flows.compare.measures import BACKLOGS, HUMAN_COST, outcomes_of
from flows.compare.runs import baseline_of
from flows.compare.table import CAVEAT, LEVEL
from flows.errors import InputError
from flows.inputs import Outcome, Scenario, combine, read_scenario
from flows.pace import Progress, silent

ALL = "all together"
HELP, UNDO, MORE, LESS, NONE = "help each other", "undo each other", "more together", "less together", ""
MOST = 12
"""Levers beyond which pairs are too many to run."""

_ENDS = (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, eq=False)
class Interaction:
    """What levers do alone, in pairs and all together.

    Attributes
    ----------
    parts : tuple of Scenario
        The levers, or packages, one each.
    comparison : Comparison
        The runs: the baseline, each part, each pair, all together.
    date : str
        Month of the effects.
    table : pandas.DataFrame
        A row for each outcome and pair, and one for all together: ``outcome, title, unit, better, date, first,
        second`` (the latter empty for all together), ``first_effect, second_effect, sum, together, interaction,
        low, high`` (medians and the interval of ``together`` less ``sum``, in per cent of the baseline where it
        allows, else in the unit: ``in_percent`` says which), ``verdict`` (``help each other``, ``undo each
        other``; of an outcome better neither way ``more together``, ``less together``; empty where the interval holds
        zero or the interaction is below one per cent of the baseline), ``human_cost, caveat``.
    """

    parts: tuple[Scenario, ...]
    comparison: Comparison
    date: str
    table: pd.DataFrame

    def write(self, folder: Path) -> Path:
        """Write ``interaction.csv`` into an existing folder."""
        return write_table(self.table, folder / "interaction.csv")


def parts_of(scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Take scenarios apart: several into themselves, one into its packages, one package into its levers and constants.

    Parameters
    ----------
    scenarios : sequence of Scenario
        At least one.

    Returns
    -------
    tuple of Scenario

    Raises
    ------
    InputError
        If there are fewer than two parts, or too many.
    """
    parts = tuple(scenarios)
    if len(parts) == 1:
        one = parts[0]
        parts = tuple(read_scenario(path) for path in one.paths) if len(one.paths) > 1 else _levers_of(one)
    if len(parts) < 2:
        raise InputError(
            "nothing that could interact",
            found=f"{len(parts)} lever{'' if len(parts) == 1 else 's'}",
            expected="a package of two levers or more, or two packages",
            remedy="Name another scenario, or add levers with --lever",
        )
    if len(parts) > MOST:
        raise InputError(
            "too many levers for a run of every pair",
            found=str(len(parts)),
            expected=f"at most {MOST}",
            remedy="Name some of them with --lever 'name=value', or whole packages in place of their levers",
        )
    return parts


def interact(
    model: Any,
    parts: Sequence[Scenario],
    *,
    baseline: Scenario | None = None,
    outcomes: Sequence[Outcome] | None = None,
    date: str = "2030-12",
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Interaction:
    """Run parts one at a time, in pairs and all together, on common draws.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    parts : sequence of Scenario
        As `parts_of` gives them.
    baseline : Scenario, optional
        What effects are differences from; by default the base course of the model.
    outcomes : sequence of Outcome, optional
        Human cost and backlogs by default.
    date : str
        Month ``YYYY-MM``.
    draws : mapping, optional
        As for `flows.compare.compare`.
    progress : callable
        Called with (runs done, runs in all).
    **options
        Passed on to `flows.compare.compare`.

    Returns
    -------
    Interaction

    Raises
    ------
    InputError
        Two parts set one lever, or a value leaves its range.
    """
    base = baseline if baseline is not None else baseline_of(parts)
    known = {o.name: o for o in outcomes_of(model)}
    chosen = tuple(outcomes or [known[n] for n in (*HUMAN_COST, *BACKLOGS) if n in known] or known.values())
    together = [combine(pair) for pair in itertools.combinations(parts, 2)]
    every = [combine(parts).model_copy(update={"name": ALL, "title": ALL})] if len(parts) > 2 else []
    found = compare(
        model,
        [*parts, *together, *every],
        baseline=base,
        outcomes=chosen,
        dates=[date],
        draws=draws,
        progress=progress,
        **options,
    )
    at = str(found.levels["date"].values[0])
    rows = [
        row for outcome in chosen if outcome.name in found.levels for row in _rows(found, parts, outcome, at)
    ]
    return Interaction(tuple(parts), found, at, pd.DataFrame(rows))


def _levers_of(scenario: Scenario) -> tuple[Scenario, ...]:
    """One scenario for each lever, and for each constant, of a package."""
    levers = [_alone(scenario, c.name, {"levers": (c,)}) for c in scenario.levers]
    return (*levers, *(_alone(scenario, c.name, {"constants": (c,)}) for c in scenario.constants))


def _alone(scenario: Scenario, name: str, change: Mapping[str, Any]) -> Scenario:
    """The scenario with one change only, under the name of what it changes."""
    bare = {"levers": (), "constants": (), "claims": (), "not_expressed": ()}
    return scenario.model_copy(update={**bare, "name": name, "title": name, **change})


def _rows(found: Comparison, parts: Sequence[Scenario], outcome: Outcome, date: str) -> list[dict[str, Any]]:
    levels = found.levels[outcome.name].sel(date=date)
    base = levels.sel(scenario=found.baseline).values
    some = (
        bool((np.abs(base) > 1e-3 * np.abs(levels.values).max(initial=0.0)).all())
        and float(np.abs(base).min()) > 0
    )
    unit = np.abs(base) / 100 if some else np.ones_like(base)
    effects = {str(s): (levels.sel(scenario=s).values - base) / unit for s in levels["scenario"].values}
    least = 100 * SIDE_EFFECT if some else SIDE_EFFECT * float(np.abs(base).max(initial=0.0)) + 1e-9
    rows = []
    groups = [*itertools.combinations(parts, 2), *([tuple(parts)] if len(parts) > 2 else [])]
    for group in groups:
        pair = len(group) == 2
        joint = effects[combine(group).name if pair else ALL]
        alone = sum((effects[part.name] for part in group), start=np.zeros_like(joint))
        extra = joint - alone
        middle, low, high = (float(np.quantile(extra, q)) for q in _ENDS)
        rows.append(
            {
                "outcome": outcome.name,
                "title": outcome.title or outcome.name,
                "unit": outcome.unit,
                "better": outcome.better,
                "date": date,
                "first": group[0].name if pair else ALL,
                "second": group[1].name if pair else "",
                "first_effect": float(np.median(effects[group[0].name])) if pair else float("nan"),
                "second_effect": float(np.median(effects[group[1].name])) if pair else float("nan"),
                "sum": float(np.median(alone)),
                "together": float(np.median(joint)),
                "interaction": middle,
                "low": low,
                "high": high,
                "in_percent": some,
                "verdict": _verdict(middle, low, high, least, outcome.better),
                "human_cost": outcome.name in HUMAN_COST,
                "caveat": CAVEAT,
            }
        )
    return rows


def _verdict(middle: float, low: float, high: float, least: float, better: str) -> str:
    """Say in words what an interaction is, unless its interval holds zero or it is next to nothing."""
    if low <= 0 <= high or abs(middle) < least:
        return NONE
    if better == "neither":
        return MORE if middle > 0 else LESS
    return HELP if (middle > 0) == (better == "higher") else UNDO
