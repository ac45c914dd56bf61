"""Scenarios beside a baseline: one call of the engine over the dimension ``scenario``, then differences.

Every scenario becomes complete inputs (what one scenario sets and another doesn't is given the model's own
value there), so that all runs share one kernel and one call. With ``draws`` each scenario is run once more for
every draw of the uncertain inputs, the same draws for all scenarios (common random numbers): the spread of the
differences then speaks of the scenarios and not of the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows.calendar import month_of
from flows.compare import judge
from flows.compare.drawn import Drawn, run_draws
from flows.compare.measures import (
    LEVELS,
    Measures,
    adds_up,
    dates_within,
    halving_times,
    measures_of,
    outcomes_of,
)
from flows.compare.pieces import Runs
from flows.compare.runs import (
    Group,
    baseline_of,
    count_draws,
    draws_within,
    free_draws,
    groups_of,
    refuse_twins,
    start_of,
)
from flows.compare.table import LEVEL, make_table, spread
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.errors import InputError, unread
from flows.inputs import Outcome, Scenario, read_scenario
from flows.pace import Progress, silent
from flows.references import fold, parse_reference

DATES = ("2027-12", "2030-12", "2035-12")
"""Months at which scenarios are compared, where the run holds them."""

YEARS = ("2030", "2050", "2070")
"""The same for a model that counts in years."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Outcomes of scenarios beside those of a baseline.

    Attributes
    ----------
    scenarios : tuple of Scenario
        The baseline first.
    outcomes : tuple of Outcome
        Those compared.
    dataset : xarray.Dataset
        The variables that were asked of the engine, over (scenario, time).
    values : xarray.Dataset
        Outcomes by name, over (scenario, time), each with ``units`` and ``title``.
    table : pandas.DataFrame
        One row for each scenario, outcome, date and measure: ``scenario, title, outcome, outcome_title, unit,
        date`` (``YYYY-MM``), ``measure``, ``value, baseline, difference, difference_percent``, ``median, low,
        high`` and ``median_percent, low_percent, high_percent`` (of the difference across draws, in per cent of
        the baseline on the same draw), ``probability_lower, probability_higher`` (shares of draws in which the value
        lies below, above that of the baseline), ``share_best`` (of draws in which no scenario does better), ``regret,
        regret_high`` (mean and 95th percentile of how far it stays behind the best on the same draw, in the outcome's
        unit; what is neither better lower nor higher has neither), all NaN without draws;
        ``human_cost`` (whether the outcome is one), ``better``,
        ``caveat``.
    start : str
        First month in which levers act, ``YYYY-MM``.
    draws : int
        Number of draws behind the intervals; 0 without.
    levels : xarray.Dataset
        Outcomes by name over (scenario, draw, date), each with ``units``, ``title`` and ``better``: rates as the mean
        of the twelve months to the date, all else at its end. Without draws, ``draw`` has one element, the run at the
        model's own values. An outcome that is added up from the policy start is left out where starts differ.
    halving : xarray.Dataset
        Model times at which backlogs halve, by name over (scenario, draw), as `halving_times` gives them.
    bands : xarray.Dataset or None
        ``value`` over (outcome, quantile, time) of the baseline's runs on the draws (5, 25, 50, 75 and 95 %), with
        ``title``, ``unit`` and ``date``, as a study's bands; None without draws.
    """

    scenarios: tuple[Scenario, ...]
    outcomes: tuple[Outcome, ...]
    dataset: xr.Dataset
    values: xr.Dataset
    table: pd.DataFrame
    start: str
    draws: int = 0
    levels: xr.Dataset = field(default_factory=xr.Dataset)
    halving: xr.Dataset = field(default_factory=xr.Dataset)
    bands: xr.Dataset | None = None

    @property
    def runs(self) -> int:
        """Number of model runs behind it."""
        return len(self.scenarios) * (1 + self.draws)

    @property
    def baseline(self) -> str:
        """Name of the scenario that the others are compared with."""
        return self.scenarios[0].name

    @cached_property
    def unchanged(self) -> tuple[str, ...]:
        """Names of the scenarios under which every outcome is that of the baseline at all times, without draws."""
        same = np.arange(len(self.scenarios)) > 0
        for array in self.values.data_vars.values():
            if not same.any():
                break
            values = array.transpose("scenario", ...).values
            shared = (values == values[:1]) | (np.isnan(values) & np.isnan(values[:1]))
            same &= shared.reshape(len(values), -1).all(axis=1)
        return tuple(scenario.name for scenario, is_same in zip(self.scenarios, same, strict=True) if is_same)

    def at(self, outcome: str, date: str) -> dict[str, dict[str, Any]]:
        """Rows of one outcome at one date by scenario: the level there, no total or mean since the start."""
        rows = self.table
        chosen = rows[(rows["outcome"] == outcome) & (rows["date"] == date) & rows["measure"].isin(LEVELS)]
        records = chosen.to_dict("records")
        return {str(row["scenario"]): {str(key): value for key, value in row.items()} for row in records}

    @cached_property
    def odds(self) -> xr.DataArray:
        """Probability that one scenario beats another, as `flows.compare.odds` gives it."""
        return judge.odds(self.levels)

    @cached_property
    def ranks(self) -> xr.Dataset:
        """Ranks of scenarios and how firm their order is, as `flows.compare.ranks` gives them."""
        return judge.ranks(self.levels)

    @cached_property
    def regret(self) -> xr.Dataset:
        """How far each scenario stays behind the best on the same draw, as `flows.compare.regret` gives it."""
        return judge.regret(self.levels)

    def side_effects(self, *, aims: Sequence[str] = (), date: str | None = None) -> pd.DataFrame:
        """Outcomes that get worse while one aimed at gets better, as `flows.compare.side_effects` gives them."""
        return judge.side_effects(self.levels, aims=aims, date=date)

    def halving_table(self) -> pd.DataFrame:
        """Tabulate when backlogs halve.

        Returns
        -------
        pandas.DataFrame
            A row for each scenario and backlog: ``scenario, outcome, title, share`` (of draws in which it halves
            within the run), ``month`` (the median over all draws, ``YYYY-MM``; empty where it is never), ``early,
            late`` (5th and 95th percentile, likewise), ``lasts`` (share of those draws in which it stays at or below
            half until the end of the run).
        """
        rows = []
        for name in (str(n) for n in self.halving.data_vars if not str(n).endswith(" lasts")):
            every = self.halving[name].transpose("scenario", ...).values
            stays = self.halving[f"{name} lasts"].transpose("scenario", ...).values
            for scenario, one, other in zip(self.scenarios, every, stays, strict=True):
                when, lasts = np.atleast_1d(one), np.atleast_1d(other)
                ever = np.isfinite(when)
                never = np.where(ever, when, np.inf)
                ends = np.quantile(never, [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2], method="higher")
                month, early, late = (month_of(t - 1) if np.isfinite(t) else "" for t in ends)
                rows.append(
                    {
                        "scenario": scenario.name,
                        "outcome": name,
                        "title": next((o.title or o.name for o in self.outcomes if o.name == name), name),
                        "share": float(ever.mean()),
                        "month": month,
                        "early": early,
                        "late": late,
                        "lasts": float(lasts[ever].mean()) if ever.any() else float("nan"),
                    }
                )
        columns = ["scenario", "outcome", "title", "share", "month", "early", "late", "lasts"]
        return pd.DataFrame(rows, columns=columns)


def compare(
    model: Any,
    scenarios: Sequence[str | Path | Scenario],
    *,
    baseline: str | Path | Scenario | None = None,
    outcomes: Sequence[Outcome] | None = None,
    dates: Sequence[str] | None = None,
    extra: Sequence[str] = (),
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray] | None = None,
    settings: Mapping[str, float] | None = None,
    edited: Any = None,
    until: float | str | None = None,
    progress: Progress = silent,
    simulate: Simulate = run_model,
    folder: Path | None = None,
) -> Comparison:
    """Run scenarios and a baseline and compare their outcomes.

    All go in one call of the engine, but for those whose changes file changes lookups or control variables. Where
    runs span other times, those that all have are compared.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    scenarios : sequence of str, Path or Scenario
        Names, files or scenarios as read; the baseline among them is left out.
    baseline : str, Path or Scenario, optional
        What the others are compared with; by default the base course of the model that they belong to.
    outcomes : sequence of Outcome, optional
        By default those of ``models/outcomes.toml`` whose variables the model has.
    dates : sequence of str, optional
        Months ``YYYY-MM``, or times of a model that doesn't count in months; those outside the run are left out, and
        the run's last one stands in if none is left.
    extra : sequence of str
        Further variables (text forms) kept in ``dataset``.
    draws : mapping of str to array of shape (draws,) or DataArray over draw, optional
        Values of uncertain constants, the same for every scenario; as `flows.futures.futures_of` gives them.
    settings : mapping of str to float, optional
        As `flows.inputs.settings_inputs` returns them. Every scenario is run once more with these, as
        ``NAME with VARIABLE=VALUE``.
    edited : flows.Model, optional
        Another model. The scenarios are run in it, and the baseline too, as ``NAME in MODEL``, beside the baseline
        in ``model``. Outcomes that it lacks are left out.
    until : float or str, optional
        Last model time or month of the runs.
    progress : callable
        Called with (runs done, runs in all).
    simulate : callable, optional
        In place of `flows.simulate`.
    folder : Path, optional
        Where the numbers of very many runs are put aside, in a file without a name; by default where the system has
        its temporary files.

    Returns
    -------
    Comparison
        Of very many runs its arrays lie on the disk, and each is read when it is used.

    Raises
    ------
    InputError
        A name isn't known, a value leaves its range, two scenarios have the same name.
    ResultError
        An outcome is not a finite number, or the disk has too little room for the numbers of very many runs.
    """
    if not hasattr(model, "constants"):
        raise unread(model)
    _refuse_no_list("scenarios", scenarios, "protection-reform", str | Path | Scenario)
    _refuse_no_list("dates", dates, "2030-12", str)
    _refuse_no_list("extra", extra, "encounters at US border", str)
    _refuse_no_list("outcomes", outcomes, "", str | Outcome)
    others = [read_scenario(s) for s in scenarios]
    base = baseline_of(others) if baseline is None else read_scenario(baseline)
    groups = groups_of(model, base, others, settings or {}, edited)
    cases = [case for group in groups for case in group.cases]
    chosen = tuple(case.scenario for case in cases)
    refuse_twins(chosen)
    if len(chosen) < 2:
        raise nothing_to_compare(base.name)
    measured = tuple(outcomes) if outcomes is not None else outcomes_of(model)
    if edited is not None:
        shared = {outcome.name for outcome in outcomes_of(edited)}
        measured = tuple(outcome for outcome in measured if outcome.name in shared)
        known = {fold(name) for name in edited.names}
        extra = [name for name in extra if fold(parse_reference(name).name) in known]
    if not measured:
        raise _no_outcomes(model if edited is None else edited, edited is not None)
    names = [s.name for s in chosen]
    needed = list(dict.fromkeys(name for outcome in measured for name in outcome.variables))
    wanted = list(dict.fromkeys([*needed, *extra]))
    options: dict[str, Any] = {"save_every": 1} if until is None else {"save_every": 1, "until": until}

    free = _free(draws or {}, groups)
    count = count_draws(free)
    runs = Runs(groups, simulate, options)
    total = len(names) * (1 + count)
    progress(0, total)
    dataset, values = runs.central(measured, wanted, names, folder=folder, progress=progress, total=total)
    starts = [start_of(case.changes, case.model, dataset) for case in cases]
    when = dates if dates is not None else DATES if model.in_months else YEARS
    kept = dates_within(when, dataset["time"].values)
    central = measures_of(values, start=starts[0], dates=kept)
    if not count:
        halving = halving_times(values, starts)
        return assemble(chosen, measured, dataset, values, central, {}, starts, halving)
    drawn = run_draws(
        runs, measured, needed, free, values=values, keys=list(central), starts=starts, dates=kept, folder=folder,
        progress=progress,
    )  # fmt: skip
    found = assemble(chosen, measured, dataset, values, central, drawn, starts, drawn.halving)
    return replace(found, bands=drawn.bands(measured))


def assemble(
    scenarios: Sequence[Scenario],
    outcomes: Sequence[Outcome],
    dataset: xr.Dataset,
    values: xr.Dataset,
    central: Measures,
    drawn: Measures | Drawn,
    starts: Sequence[float],
    halving: xr.Dataset,
) -> Comparison:
    """Put a comparison together from measures of one run each and of draws (which may be none)."""
    wishes = {outcome.name: outcome.better for outcome in outcomes}
    summed = {outcome.name for outcome in outcomes if adds_up(outcome.unit)}
    like = np.asarray(starts) == starts[0]
    spreads = {
        key: spread(drawn[key], wishes[key[0]], among=like if key[0] in summed else None) for key in drawn
    }
    table = make_table(scenarios, outcomes, central, spreads, starts)
    levels: dict[str, xr.DataArray] = {}
    for outcome in outcomes:
        if outcome.name in summed and not like.all():
            continue
        about = {"units": outcome.unit, "title": outcome.title or outcome.name, "better": outcome.better}
        keys = [key for key in (drawn or central) if key[0] == outcome.name and key[2] in LEVELS]
        if isinstance(drawn, Drawn):
            array = drawn.levels(keys)
        else:
            parts = [(drawn or central)[key] for key in keys]
            array = xr.concat(parts, dim="date", coords="minimal", compat="override", join="override")
            array = array.drop_vars([c for c in array.coords if c != "scenario"])
        array = array.assign_coords(date=[date for _, date, _ in keys])
        if "draw" not in array.dims:
            array = array.expand_dims(draw=1)
        levels[outcome.name] = array.transpose("scenario", "draw", "date").assign_attrs(about)
    dates = list(dict.fromkeys(date for _, date, _ in central))
    coords = {} if levels else {"scenario": [s.name for s in scenarios], "date": dates}
    months = "date" in dataset.coords
    return Comparison(
        scenarios=tuple(scenarios),
        outcomes=tuple(outcomes),
        dataset=dataset,
        values=values,
        table=table,
        start=month_of(starts[0]) if months else f"{starts[0]:g}",
        draws=drawn.draws
        if isinstance(drawn, Drawn)
        else next((array.sizes["draw"] for array in drawn.values()), 0),
        levels=xr.Dataset(levels, coords),
        halving=halving,
    )


def _refuse_no_list(argument: str, given: object, example: str, one: Any) -> None:
    """Refuse one thing, or its name, where a list of them belongs."""
    names = argument == "outcomes" and isinstance(given, Sequence) and any(isinstance(g, str) for g in given)
    if not (isinstance(given, one) or names):
        return
    text = str(given) if isinstance(given, str | Path) else getattr(given, "name", "") or str(given)
    plain = not isinstance(given, Scenario | Outcome)
    raise InputError(
        f"{argument} must be a list" + ("" if example else " of outcomes as read"),
        found=f'"{text}"' if plain and not names else text,
        expected=f'["{text if plain else example}"]' if example else "some of flows.inputs.read_outcomes()",
    )


def _no_outcomes(model: Any, edited: bool) -> InputError:
    """Make the refusal of a model that shares no outcome with the shipped one."""
    return InputError(
        "the model has none of the variables of the outcomes in models/outcomes.toml", where=str(model.path),
        expected="the shipped model with edits" if edited else "at least one",
        remedy=f"For any other model, flows run --model {model.path.name} --set … shows its stocks, and flows diff OLD "
        "NEW holds two versions of it side by side, by an outcomes.toml beside them or else by all variables",
    )  # fmt: skip


def nothing_to_compare(name: str) -> InputError:
    """Make the refusal of a comparison of the baseline with itself.

    Parameters
    ----------
    name : str
        Of the baseline.

    Returns
    -------
    InputError
    """
    return InputError(
        "nothing to compare",
        found=f'only "{name}"',
        expected="at least one scenario beside the baseline, or a setting or another model",
    )


def _free(
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray], groups: Sequence[Group]
) -> dict[str, xr.DataArray]:
    """Draws of what no run sets itself; none at all if some model of the comparison has none of them."""
    own = [key for g in groups for case in g.cases for key in (*case.changes, *g.settings)]
    free = free_draws(draws, own)
    return free if all(draws_within(free, g.model) for g in groups) else {}
