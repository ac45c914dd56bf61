"""Scenarios beside a baseline: one call of the engine over the dimension ``scenario``, then differences.

Every scenario becomes complete inputs (what one scenario sets and another doesn't is given the model's own
value there), so that all runs share one kernel and one call. With ``draws`` each scenario is run once more for
every draw of the uncertain inputs, the same draws for all scenarios (common random numbers): the spread of the
differences then speaks of the scenarios and not of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows import provenance
from flows.calendar import label as month_label
from flows.calendar import month_of, time_at_end
from flows.ensemble import simulate as run_model
from flows.errors import InputError, ResultError, near
from flows.inputs import Outcome, Scenario, read_outcomes, read_scenario, scenario_inputs
from flows.references import at_time, fold, parse_reference

__all__ = [
    "BASELINE",
    "CAVEAT",
    "DATES",
    "HUMAN_COST",
    "Comparison",
    "compare",
    "free_draws",
    "level",
    "nothing_to_compare",
    "outcome_values",
    "outcomes_of",
    "settings_words",
    "stacked_inputs",
    "write",
]

BASELINE = "current-course"
"""The scenario that others are compared with."""

DATES = ("2027-12", "2030-12", "2035-12")
"""Months at which scenarios are compared, where the run holds them."""

HUMAN_COST = ("exposure index", "person months waiting", "people waiting in Mexico")
"""Outcomes that stand beside every other one, by name; those that the model has."""

CAVEAT = (
    "Not a forecast: what would follow if the model's structure and numbers held. Read differences between "
    "scenarios, with the human-cost outcomes beside them; events, files and people are different counts."
)
"""One line that goes with every table and picture."""

MOST = 1e12
"""People, files or events, in a stock or per month, beyond which a number makes no sense."""

LEVEL = 0.90
"""Of the interval of a difference across draws."""

_POLICY_START = "policy start time"
_NOTHING = 1e-3  # a baseline below this share of the value is no ground for a per cent change
_LAST_YEAR = 12.0  # months over which a rate is averaged

Simulate = Callable[..., xr.Dataset]


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
    """

    scenarios: tuple[Scenario, ...]
    outcomes: tuple[Outcome, ...]
    dataset: xr.Dataset
    values: xr.Dataset
    table: pd.DataFrame
    start: str
    draws: int = 0

    @property
    def runs(self) -> int:
        """Number of model runs behind it."""
        return len(self.scenarios) * (1 + self.draws)

    @property
    def baseline(self) -> str:
        """Name of the scenario that the others are compared with."""
        return self.scenarios[0].name

    def at(self, outcome: str, date: str) -> dict[str, dict[str, Any]]:
        """Rows of one outcome at one date by scenario: the level there, no total or mean since the start."""
        rows = self.table
        chosen = rows[(rows["outcome"] == outcome) & (rows["date"] == date) & rows["measure"].isin(_LEVELS)]
        records = chosen.to_dict("records")
        return {str(row["scenario"]): {str(key): value for key, value in row.items()} for row in records}


AT_END, LAST_YEAR = "at the end of the month", "mean of the twelve months to then"
TOTAL, MEAN = "total since the policy start", "mean since the policy start"
_LEVELS = (AT_END, LAST_YEAR)


def compare(
    model: Any,
    scenarios: Sequence[str | Path | Scenario],
    *,
    baseline: str | Path | Scenario = BASELINE,
    outcomes: Sequence[Outcome] | None = None,
    dates: Sequence[str] = DATES,
    extra: Sequence[str] = (),
    draws: Mapping[str, NDArray[np.float64]] | None = None,
    settings: Mapping[str, float] | None = None,
    edited: Any = None,
    until: float | str | None = None,
    simulate: Simulate = run_model,
) -> Comparison:
    """Run scenarios and a baseline in one call and compare their outcomes.

    Parameters
    ----------
    model : flows.Model
        As `flows.read_vensim` returns it.
    scenarios : sequence of str, Path or Scenario
        Names, files or scenarios as read; the baseline among them is left out.
    baseline : str, Path or Scenario
        What the others are compared with.
    outcomes : sequence of Outcome, optional
        By default those of ``models/outcomes.toml`` whose variables the model has.
    dates : sequence of str
        Months ``YYYY-MM``; those outside the run are left out, and the run's last month stands in if none is left.
    extra : sequence of str
        Further variables (text forms) kept in ``dataset``.
    draws : mapping of str to array of shape (draws,), optional
        Values of uncertain constants, the same for every scenario.
    settings : mapping of str to float, optional
        As `flows.inputs.settings_inputs` returns them. Every scenario is run once more with these, as
        ``NAME with VARIABLE=VALUE``.
    edited : flows.Model, optional
        Another model. The scenarios are run in it, and the baseline too, as ``NAME in MODEL``, beside the baseline
        in ``model``. Outcomes that it lacks are left out.
    until : float or str, optional
        Last model time or month of the runs.
    simulate : callable, optional
        In place of `flows.simulate`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        A name isn't known, a value leaves its range, two scenarios have the same name.
    ResultError
        An outcome is not a finite number.
    """
    base = baseline if isinstance(baseline, Scenario) else read_scenario(baseline)
    others = [s if isinstance(s, Scenario) else read_scenario(s) for s in scenarios]
    groups = _groups(model, base, others, settings or {}, edited)
    cases = [case for group in groups for case in group.cases]
    chosen = tuple(case.scenario for case in cases)
    _refuse_twins(chosen)
    if len(chosen) < 2:
        raise nothing_to_compare(base.name)
    measured = tuple(outcomes) if outcomes is not None else outcomes_of(model)
    if edited is not None:
        shared = {outcome.name for outcome in outcomes_of(edited)}
        measured = tuple(outcome for outcome in measured if outcome.name in shared)
        known = {fold(name) for name in edited.names}
        extra = [name for name in extra if fold(parse_reference(name).name) in known]
    if not measured:
        raise InputError("the model has none of the variables of the outcomes", expected="at least one")
    names = [s.name for s in chosen]
    needed = list(dict.fromkeys(name for outcome in measured for name in outcome.variables))
    wanted = list(dict.fromkeys([*needed, *extra]))
    options: dict[str, Any] = {"save_every": 1} if until is None else {"save_every": 1, "until": until}
    dataset = _joined(
        [_over_scenarios(simulate(g.model, g.inputs(), outcomes=wanted, **options), g.names) for g in groups]
    )
    values = outcome_values(measured, dataset)
    starts = [_start(case.scenario, case.model, dataset) for case in cases]
    start = starts[0]
    kept = _dates(dates, dataset)
    spreads: dict[tuple[str, str, str], _Spread] = {}
    count = 0
    if draws:
        own = [key for g in groups for case in g.cases for key in (*case.changes, *g.settings)]
        free = free_draws(draws, own)
        if all(_within(free, g.model) for g in groups):
            count = len(next(iter(draws.values())))
    if count:
        many = _joined(
            [
                _over_scenarios(
                    simulate(g.model, {**g.inputs(), **_within(free, g.model)}, outcomes=needed, **options),
                    g.names,
                )
                for g in groups
            ]
        )
        many_values = outcome_values(measured, many.assign_coords(scenario=names))
        measures = _measures(many_values, start=start, dates=kept)
        wishes = {outcome.name: outcome.better for outcome in measured}
        spreads = {key: _spread(array, wishes[key[0]]) for key, array in measures.items()}
    table = _table(chosen, measured, _measures(values, start=start, dates=kept), spreads, starts)
    return Comparison(chosen, measured, dataset, values, table, month_of(start), count)


def nothing_to_compare(name: str) -> InputError:
    """Make the refusal of a comparison of the baseline with itself."""
    return InputError(
        "nothing to compare",
        found=f'only "{name}"',
        expected="at least one scenario beside the baseline, or a setting or another model",
    )


def settings_words(settings: Mapping[str, float]) -> str:
    """Write settings as people type them: ``filing delay=3, judges=2``."""
    return ", ".join(f"{key}={value:.10g}" for key, value in settings.items())


def level(values: xr.DataArray, unit: str, end: float) -> xr.DataArray:
    """Read an outcome at a time by the rule of every table: a rate as the mean of the twelve months to then.

    Parameters
    ----------
    values : xarray.DataArray
        Over ``time`` (months), last, and any further dimensions.
    unit : str
        Of the outcome; what ends in ``/Month`` is a rate.
    end : float
        Model time.

    Returns
    -------
    xarray.DataArray
        Without ``time``; what is no rate is read at ``end`` itself.
    """
    if not _is_rate(unit):
        read: xr.DataArray = at_time(values, end)
        return read
    times = np.asarray(values["time"].values, dtype=float)
    total = xr.DataArray(_running_integral(values.values, times), dims=values.dims, coords=values.coords)
    return _mean(total, max(end - _LAST_YEAR, times[0]), end)


def outcomes_of(model: Any, path: str | Path | None = None) -> tuple[Outcome, ...]:
    """Read the outcomes whose variables a model has.

    Parameters
    ----------
    model : flows.Model
        The model.
    path : path, optional
        An outcomes file; the shipped one by default.

    Returns
    -------
    tuple of Outcome
    """
    known = {fold(name) for name in model.names}
    return tuple(o for o in read_outcomes(path) if all(fold(r.name) in known for r in o.references))


def outcome_values(outcomes: Sequence[Outcome], dataset: xr.Dataset) -> xr.Dataset:
    """Compute outcomes of runs side by side.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Each a single number at a time.
    dataset : xarray.Dataset
        Variables over (scenario, draw, time); ``draw`` may be missing.

    Returns
    -------
    xarray.Dataset
        Outcomes by name over the same dimensions, each with ``units``, ``title`` and ``better``.

    Raises
    ------
    InputError
        An outcome has elements.
    ResultError
        A value is not a finite number, or makes no sense.
    """
    values = _values(outcomes, dataset)
    _refuse_non_finite(values)
    return values


def free_draws(draws: Mapping[str, NDArray[np.float64]], fixed: Iterable[str]) -> dict[str, xr.DataArray]:
    """Turn draws into inputs along ``draw``, without those of constants that the runs set themselves.

    Parameters
    ----------
    draws : mapping of str to array of shape (draws,)
        By constant.
    fixed : iterable of str
        Text forms of what the runs set.

    Returns
    -------
    dict of str to xarray.DataArray
    """
    taken = {fold(parse_reference(key).name) for key in fixed}
    return {
        key: xr.DataArray(values, dims="draw")
        for key, values in draws.items()
        if fold(parse_reference(key).name) not in taken
    }


def stacked_inputs(
    inputs: Sequence[Mapping[str, float]], names: Sequence[str], model: Any
) -> dict[str, xr.DataArray]:
    """Join the inputs of several runs along ``scenario``; what a run doesn't set has the model's own value.

    Parameters
    ----------
    inputs : sequence of mappings
        For each run, names or element text forms of constants and their values.
    names : sequence of str
        Labels of the runs.
    model : flows.Model
        Its constants give the values elsewhere.

    Returns
    -------
    dict of str to xarray.DataArray
        By constant, over (scenario, the constant's subscripts).
    """
    touched: dict[str, NDArray[np.float64]] = {}
    for run, changes in enumerate(inputs):
        ordered = sorted(changes.items(), key=lambda change: bool(parse_reference(change[0]).elements))
        for key, value in ordered:
            reference = parse_reference(key)
            item = model.constants[reference.name]
            own = np.asarray(item.value, dtype=float)
            block = touched.setdefault(item.name, np.repeat(own[None, ...], len(inputs), axis=0))
            block[(run, *_position(reference.elements, item, model))] = value
    arrays = {}
    for name, block in touched.items():
        subscripts = model.constants[name].subscripts
        coords = {dim: list(model.subscripts[dim].value) for dim in subscripts}
        arrays[name] = xr.DataArray(
            block, dims=("scenario", *subscripts), coords={"scenario": list(names), **coords}
        )
    if not arrays:  # the runs differ in nothing: one neutral input still gives them their dimension
        item = next((i for i in model.constants if not i.subscripts), None)
        if item is not None:
            arrays[item.name] = xr.DataArray(
                np.full(len(names), float(item.value)), dims="scenario", coords={"scenario": list(names)}
            )
    return arrays


def write(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.csv`` (tidy) and ``comparison.nc`` (outcomes over scenario and time).

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.
    folder : Path
        An existing folder, as `flows.provenance.results_folder` gives one.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ResultError
        The place can't be written to.
    """
    table, arrays = folder / "comparison.csv", folder / "comparison.nc"
    with provenance.atomic_path(table) as temporary:
        comparison.table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
    with provenance.atomic_path(arrays) as temporary:
        to_netcdf(comparison.values.assign_attrs(caveat=CAVEAT), temporary)
    return [table, arrays]


def to_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF; a slash in a name, which the format lacks, becomes the word per.

    Parameters
    ----------
    dataset : xarray.Dataset
        As `flows.simulate` returns it.
    path : Path
        The file.
    """
    names = [str(name) for name in dict.fromkeys([*dataset.variables, *dataset.dims])]
    renamed = {name: _netcdf_name(name) for name in names if _netcdf_name(name) != name}
    made = dataset.rename(renamed)
    encoding: dict[Any, Any] = {
        name: {"zlib": True, "complevel": 1}
        for name in made.data_vars
        if made.variables[name].ndim and made.variables[name].dtype.kind == "f"
    }
    if "date" in made.coords:
        encoding["date"] = {"units": "hours since 2013-01-01", "dtype": "int64"}
    made.to_netcdf(path, engine="netcdf4", encoding=encoding)


def _netcdf_name(name: str) -> str:
    """Spell a name as NetCDF takes it: no slash, and a letter, digit or underscore first."""
    spelt = name.replace("/", " per ").strip()
    return spelt if spelt[:1].isalnum() or spelt[:1] == "_" else "_" + spelt


# Parts --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Case:
    """One run: a scenario under the name it is shown by, in a model."""

    scenario: Scenario
    model: Any
    changes: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Group:
    """Runs that go in one call of the engine; settings hold for all of them."""

    model: Any
    cases: tuple[_Case, ...]
    settings: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        return [case.scenario.name for case in self.cases]

    def inputs(self) -> dict[str, Any]:
        """Constants along ``scenario``; initial values and control variables once for all."""
        here = {
            key: value
            for key, value in self.settings.items()
            if parse_reference(key).name in self.model.constants
        }
        stacked = stacked_inputs([{**case.changes, **here} for case in self.cases], self.names, self.model)
        return {**stacked, **{key: value for key, value in self.settings.items() if key not in here}}


def _groups(
    model: Any, base: Scenario, others: Sequence[Scenario], settings: Mapping[str, float], edited: Any
) -> list[_Group]:
    """Sort out which scenario is run where: the baseline as it is first, then as asked for."""

    def case(scenario: Scenario, within: Any, more: str = "") -> _Case:
        changes = scenario_inputs(scenario, within)
        words = {"name": scenario.name + more, "title": scenario.title + more}
        return _Case(scenario.model_copy(update=words) if more else scenario, within, changes)

    rest = [s for s in others if s.name != base.name]
    if edited is None and not settings:
        return [_Group(model, tuple(case(s, model) for s in (base, *rest)), {})]
    with_settings = f" with {settings_words(settings)}" if settings else ""
    if edited is None:
        both = [*([base] if len(rest) < len(others) or not others else []), *rest]
        return [
            _Group(model, tuple(case(s, model) for s in (base, *rest)), {}),
            _Group(model, tuple(case(s, model, with_settings) for s in both), settings),
        ]
    within = f" in {edited.name}" + with_settings
    return [
        _Group(model, (case(base, model),), {}),
        _Group(edited, tuple(case(s, edited, within) for s in (base, *rest)), settings),
    ]


def _joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Set the runs of several calls below each other, over the times that all have."""
    if len(parts) == 1:
        return parts[0]
    attrs = {name: array.attrs for name, array in parts[0].variables.items()}
    found = xr.concat(
        parts, dim="scenario", join="inner", coords="minimal", compat="override", combine_attrs="override"
    )
    if not found.sizes["time"]:
        raise InputError("the models have no time in common")
    for name, about in attrs.items():
        found[name].attrs.update(about)
    return found.transpose("scenario", ...)


def _refuse_twins(scenarios: Sequence[Scenario]) -> None:
    seen: dict[str, Scenario] = {}
    for scenario in scenarios:
        first = seen.setdefault(scenario.name, scenario)
        if first is not scenario:
            raise InputError(
                f'two scenarios are named "{scenario.name}"',
                where=f"{first.file} and {scenario.file}",
                remedy="Name each scenario once",
            )


def _position(elements: Sequence[str], item: Any, model: Any) -> tuple[int, ...]:
    """Where an element stands in a constant's array; nothing for the whole constant."""
    places = []
    for element, dim in zip(elements, item.subscripts, strict=bool(elements)):
        known = [fold(str(name)) for name in model.subscripts[dim].value]
        if fold(element) not in known:
            raise InputError(
                f'no element "{element}" of "{item.name}"',
                remedy=near(element, map(str, model.subscripts[dim].value)),
            )
        places.append(known.index(fold(element)))
    return tuple(places)


def _over_scenarios(dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Give every variable the dimension ``scenario``, also those that no scenario touches."""
    if "scenario" not in dataset.dims:
        dataset = dataset.expand_dims(scenario=list(names))
    dataset = dataset.assign_coords(scenario=list(names))
    wide = {
        name: array if "scenario" in array.dims else array.expand_dims(scenario=list(names))
        for name, array in dataset.data_vars.items()
    }
    return dataset.assign(wide)


def _values(outcomes: Sequence[Outcome], dataset: xr.Dataset) -> xr.Dataset:
    """Compute outcomes by name, each over (scenario, draw, time) as far as the result has these."""
    lead = [dim for dim in ("scenario", "draw", "time") if dim in dataset.dims]
    sizes = {dim: dataset.sizes[dim] for dim in lead}
    found = {}
    for outcome in outcomes:
        array = outcome.values(dataset)
        spare = [dim for dim in array.dims if dim not in lead]
        if spare:
            raise InputError(
                f'the outcome "{outcome.name}" has elements', where=outcome.where, found=", ".join(map(str, spare)),
                remedy="Name one element or add them up",
            )  # fmt: skip
        missing = {dim: sizes[dim] for dim in lead if dim not in array.dims}
        array = array.expand_dims(missing).transpose(*lead)
        found[outcome.name] = array.assign_attrs(
            units=outcome.unit, title=outcome.title or outcome.name, better=outcome.better
        )
    return xr.Dataset(found)


def _refuse_non_finite(values: xr.Dataset) -> None:
    """Name the first value that is no number, or makes no sense: outcome, scenario and date."""
    for name, array in values.data_vars.items():
        bad = ~np.isfinite(array.values)
        if bad.any():
            time = int(np.argmax(bad.any(axis=tuple(range(bad.ndim - 1)))))
            run = int(np.argmax(bad[..., time].reshape(bad.shape[0], -1).any(axis=1)))
            raise ResultError(
                f'"{name}" is not a finite number',
                where=f"scenario {array['scenario'].values[run]}, {month_label(float(array['time'].values[time]))}",
            )
        if str(array.attrs["units"]).split("/")[0].strip() in ("Person", "Case", "Event"):
            over = np.abs(array.values) > MOST
            if over.any():
                place = np.unravel_index(int(np.argmax(over)), over.shape)
                time = int(place[-1])
                raise ResultError(
                    f'"{name}" leaves all measure',
                    where=f"scenario {array['scenario'].values[place[0]]},"
                    f" {month_label(float(array['time'].values[time]))}",
                    found=f"{float(array.values[place]):.3g} {array.attrs['units']}",
                    remedy="Look at the equations, and at constants set outside their range",
                )


def _start(scenario: Scenario, model: Any, dataset: xr.Dataset) -> float:
    """Model time from which a scenario's levers act; the start of the run where the model has no such thing."""
    for change in scenario.constants:
        if fold(change.name) == _POLICY_START:
            return change.value
    if _POLICY_START in model.constants:
        return float(model.constants[_POLICY_START].value)
    return float(dataset["time"].values[0])


def _dates(dates: Sequence[str], dataset: xr.Dataset) -> list[str]:
    times = dataset["time"].values
    kept = [date for date in dates if times[0] < time_at_end(date) <= times[-1] + 1e-9]
    return kept or [month_of(float(times[-1]) - 1)]


def _measures(
    values: xr.Dataset, *, start: float, dates: Sequence[str]
) -> dict[tuple[str, str, str], xr.DataArray]:
    """Reduce every outcome to numbers at dates: by (outcome, date, measure), over all dimensions but ``time``."""
    times = np.asarray(values["time"].values, dtype=float)
    found = {}
    for name, array in values.data_vars.items():
        rate = _is_rate(str(array.attrs["units"]))
        running = _adds_up(str(array.attrs["units"]))
        total = xr.DataArray(_running_integral(array.values, times), dims=array.dims, coords=array.coords)
        for date in dates:
            end = time_at_end(date)
            found[str(name), date, LAST_YEAR if rate else AT_END] = level(
                array, str(array.attrs["units"]), end
            )
            if end <= start or running:
                continue
            if rate:
                found[str(name), date, TOTAL] = at_time(total, end) - at_time(total, start)
            else:
                found[str(name), date, MEAN] = _mean(total, start, end)
    return found


def _is_rate(unit: str) -> bool:
    return unit.replace(" ", "").endswith("/Month")


def _adds_up(unit: str) -> bool:
    """Whether an outcome is itself a sum over time, such as person-months."""
    return "Month" in unit and "*" in unit


def _running_integral(values: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate along the last axis by trapezoids, from the first time to each."""
    steps = (values[..., 1:] + values[..., :-1]) / 2 * np.diff(times)
    return np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def _mean(total: xr.DataArray, start: float, end: float) -> xr.DataArray:
    mean: xr.DataArray = (at_time(total, end) - at_time(total, start)) / (end - start)
    return mean


_Measures = dict[tuple[str, str, str], xr.DataArray]


@dataclass(frozen=True, eq=False)
class _Spread:
    """Median and central interval across draws of a difference, in the outcome's unit and in per cent."""

    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    median_percent: NDArray[np.float64]
    low_percent: NDArray[np.float64]
    high_percent: NDArray[np.float64]
    probability_lower: NDArray[np.float64]
    probability_higher: NDArray[np.float64]
    share_best: NDArray[np.float64]
    regret: NDArray[np.float64]
    regret_high: NDArray[np.float64]


def _within(free: Mapping[str, xr.DataArray], model: Any) -> dict[str, xr.DataArray]:
    """Leave out draws of constants that a model lacks."""
    return {key: draws for key, draws in free.items() if parse_reference(key).name in model.constants}


def _spread(array: xr.DataArray, better: str) -> _Spread:
    """Compare every draw with the baseline's run on the same draw; each end over (scenario,)."""
    values = array.transpose("scenario", "draw").values
    difference = values - values[0]
    base = np.abs(values[0])
    some = bool((base > _NOTHING * np.abs(values).max()).all())
    relative = 100 * difference / base if some else np.full_like(difference, np.nan)
    places = [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2]
    behind = np.full_like(values, np.nan)
    if better == "lower":
        behind = values - values.min(axis=0)
    elif better == "higher":
        behind = values.max(axis=0) - values
    tiny = 1e-9 * np.abs(values).max(initial=0.0)  # rounding makes no winner
    best = (behind <= tiny).mean(axis=1) if better != "neither" else behind.mean(axis=1)
    middle, low, high = np.quantile(difference, places, axis=1)
    middle_percent, low_percent, high_percent = np.quantile(relative, places, axis=1)
    return _Spread(
        median=middle,
        low=low,
        high=high,
        median_percent=middle_percent,
        low_percent=low_percent,
        high_percent=high_percent,
        probability_lower=(difference < -tiny).mean(axis=1),
        probability_higher=(difference > tiny).mean(axis=1),
        share_best=best,
        regret=behind.mean(axis=1),
        regret_high=np.quantile(behind, places[2], axis=1),
    )


def _table(
    scenarios: Sequence[Scenario],
    outcomes: Sequence[Outcome],
    measures: _Measures,
    spreads: Mapping[tuple[str, str, str], _Spread],
    starts: Sequence[float],
) -> pd.DataFrame:
    by_name = {outcome.name: outcome for outcome in outcomes}
    rows = []
    for position, scenario in enumerate(scenarios):
        for key, array in measures.items():
            name, date, measure = key
            outcome = by_name[name]
            value, base = float(array.values[position]), float(array.values[0])
            unit = outcome.unit
            like = not _adds_up(unit) or starts[position] == starts[0]
            if not like:  # added up from another date: nothing to compare with
                base = float("nan")
            if measure == TOTAL:
                unit = outcome.unit.replace(" ", "").removesuffix("/Month")
            rows.append(
                {
                    "scenario": scenario.name,
                    "title": scenario.title,
                    "outcome": name,
                    "outcome_title": outcome.title or name,
                    "unit": unit,
                    "date": date,
                    "measure": measure,
                    "value": value,
                    "baseline": base,
                    "difference": value - base,
                    "difference_percent": _percent(value, base),
                    **_ends(spreads.get(key) if like else None, position),
                    "human_cost": name in HUMAN_COST,
                    "better": outcome.better,
                    "caveat": CAVEAT,
                }
            )
    return pd.DataFrame(rows)


def _ends(spread: _Spread | None, position: int) -> dict[str, float]:
    names = [field.name for field in fields(_Spread)]
    return {name: float(getattr(spread, name)[position]) if spread else float("nan") for name in names}


def _percent(value: float, base: float) -> float:
    """Change in per cent; not a number where the baseline is nothing beside the value, and 0 between nothings."""
    if value == base:
        return 0.0
    return 100 * (value - base) / abs(base) if abs(base) > _NOTHING * abs(value) else float("nan")


def words(date: str) -> str:
    """Say a month in words: ``2030-12`` is ``December 2030``."""
    return month_label(time_at_end(date) - 1)
