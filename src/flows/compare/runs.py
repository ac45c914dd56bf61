"""Scenarios as inputs of runs: what is run where, under which name, in as few calls of the engine as possible."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.calendar import label, time_at_end
from flows.ensemble import aligned
from flows.errors import InputError
from flows.inputs import Scenario, list_scenarios, read_scenario, scenario_inputs
from flows.inputs.bounds import position_of
from flows.inputs.scenarios import POLICY_START
from flows.references import fold, parse_reference

BASELINE = "current-course"
"""The scenario that others are compared with, for the migration model."""


def baseline_of(scenarios: Sequence[Scenario]) -> Scenario:
    """Find the base course that scenarios are compared with: that of the model they belong to.

    Parameters
    ----------
    scenarios : sequence of Scenario
        All of one model.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        If they belong to two models, or the model has no base course.
    """
    models = list(dict.fromkeys(s.model for s in scenarios))
    if len(models) > 1:
        one, other = (next(s for s in scenarios if s.model == model) for model in models[:2])
        raise InputError(
            "scenarios of two models can't be compared",
            where=f"{one.name} and {other.name}",
            found=", ".join(f'the model "{model or "migration"}"' for model in models),
            remedy="Compare those of one model at a time",
        )
    model = models[0] if models else ""
    if model in ("", "migration"):
        return read_scenario(BASELINE)
    found = next(
        (s for s in list_scenarios(broken=lambda _: None) if s.kind == "base" and s.model == model), None
    )
    if found is None:
        raise InputError(
            f'the model "{model}" has no base course to compare with',
            remedy='Write a scenario file with kind = "base" for it',
        )
    return found


def settings_words(settings: Mapping[str, float]) -> str:
    """Write settings as people type them: ``filing delay=3, judges=2``.

    Parameters
    ----------
    settings : mapping of str to float
        By text form.

    Returns
    -------
    str
    """
    return ", ".join(f"{key}={value:.10g}" for key, value in settings.items())


def free_draws(
    draws: Mapping[str, NDArray[np.float64] | xr.DataArray], fixed: Iterable[str]
) -> dict[str, xr.DataArray]:
    """Turn draws into inputs along ``draw``, without those of constants that the runs set themselves.

    Parameters
    ----------
    draws : mapping of str to array of shape (draws,), or DataArray over ``draw`` and more
        By constant or lookup.
    fixed : iterable of str
        Text forms of what the runs set.

    Returns
    -------
    dict of str to xarray.DataArray
        All in one order of the labels along ``draw``, where they have labels.

    Raises
    ------
    InputError
        If an array lacks ``draw`` or has further dimensions without names, or two differ in their draws.
    """
    taken = {fold(parse_reference(key).name) for key in fixed}
    free: dict[str, xr.DataArray] = {}
    for key, values in draws.items():
        if fold(parse_reference(key).name) in taken:
            continue
        array = values
        if not isinstance(values, xr.DataArray) and np.ndim(values) == 1:
            array = xr.DataArray(np.asarray(values), dims="draw")
        if not isinstance(array, xr.DataArray) or "draw" not in array.dims:
            raise InputError(
                f'the draws of "{key}" have no dimension "draw"',
                where="draws",
                found=f"shape {np.shape(values)}",
                expected="an array of shape (draws,), or a DataArray over draw",
            )
        free[key] = array
    return aligned(free, "draw")


def count_draws(free: Mapping[str, xr.DataArray]) -> int:
    """Number of draws; 0 where nothing is drawn.

    Parameters
    ----------
    free : mapping of str to DataArray over draw
        As `free_draws` returns them.

    Returns
    -------
    int
    """
    return int(next(iter(free.values())).sizes["draw"]) if free else 0


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
            if reference.name not in model.settable:
                raise InputError(
                    f'"{reference.name}" is no constant, and scenarios differ in constants alone here',
                    where=names[run],
                    remedy="Take its line out of the changes file, or hold it against the rest with flows compare",
                )
            item = model.settable[reference.name]
            own = np.asarray(item.value, dtype=float)
            block = touched.setdefault(item.name, np.repeat(own[None, ...], len(inputs), axis=0))
            block[(run, *position_of(reference, item, model, names[run]))] = value
    arrays = {}
    for name, block in touched.items():
        subscripts = model.settable[name].subscripts
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


@dataclass(frozen=True, eq=False)
class Case:
    """One run: a scenario under the name it is shown by, in a model."""

    scenario: Scenario
    model: Any
    changes: Mapping[str, Any]

    def apart(self) -> dict[str, Any]:
        """What a changes file can change and one call can't for some of its runs: lookups and control variables."""
        return {k: v for k, v in self.changes.items() if parse_reference(k).name not in self.model.settable}


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that go in one call of the engine; settings hold for all of them."""

    model: Any
    cases: tuple[Case, ...]
    settings: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """Names of the cases, in order."""
        return [case.scenario.name for case in self.cases]

    def inputs(self) -> dict[str, Any]:
        """Constants along ``scenario``; initial values, lookups and control variables once for all."""
        here = {
            key: value
            for key, value in self.settings.items()
            if parse_reference(key).name in self.model.settable
        }
        apart = self.cases[0].apart()  # the same for all
        own = [{k: v for k, v in c.changes.items() if k not in apart} | here for c in self.cases]
        stacked = stacked_inputs(own, self.names, self.model)
        return {**stacked, **{key: value for key, value in self.settings.items() if key not in here}}


def groups_of(
    model: Any, base: Scenario, others: Sequence[Scenario], settings: Mapping[str, float], edited: Any
) -> list[Group]:
    """Sort out which scenario is run where: the baseline as it is first, then as asked for."""

    def case(scenario: Scenario, within: Any, more: str = "") -> Case:
        changes = scenario_inputs(scenario, within)
        if "SAVEPER" in changes:
            raise InputError(
                "SAVEPER can't differ in a comparison: it holds runs side by side month by month",
                where=next(e.where for e in scenario.entries if fold(e.name) == "saveper"),
                remedy="Take this line out of the changes file",
            )
        words = {"name": scenario.name + more, "title": scenario.title + more}
        return Case(scenario.model_copy(update=words) if more else scenario, within, changes)

    rest = [s for s in others if s.name != base.name]
    if edited is None and not settings:
        return list(_grouped([case(s, model) for s in (base, *rest)], {}))
    with_settings = f" with {settings_words(settings)}" if settings else ""
    if edited is None:
        both = [*([base] if len(rest) < len(others) or not others else []), *rest]
        return [
            *_grouped([case(s, model) for s in (base, *rest)], {}),
            *_grouped([case(s, model, with_settings) for s in both], settings),
        ]
    within = f" in {edited.name}" + with_settings
    return [
        *_grouped([case(base, model)], {}),
        *_grouped([case(s, edited, within) for s in (base, *rest)], settings),
    ]


def _grouped(cases: Sequence[Case], settings: Mapping[str, Any]) -> Iterator[Group]:
    """Neighbours that change the same lookups and control variables (most change none) go in one call."""
    for apart, some in itertools.groupby(cases, key=Case.apart):
        these = tuple(some)
        yield Group(these[0].model, these, {**apart, **settings})


def joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Set the runs of several calls below each other, over the times that all have."""
    if len(parts) == 1:
        return parts[0]
    attrs = {name: array.attrs for name, array in parts[0].variables.items()}
    found = xr.concat(
        parts, dim="scenario", join="inner", coords="minimal", compat="override", combine_attrs="override"
    )
    if not found.sizes["time"]:
        raise InputError(
            "the models have no time in common",
            found=" and ".join(f"{p['time'].values[0]:g} to {p['time'].values[-1]:g}" for p in parts),
            remedy="Give the runs times that overlap: INITIAL TIME and FINAL TIME",
        )
    for name, about in attrs.items():
        found[name].attrs.update(about)
    return found.transpose("scenario", ...)


def refuse_twins(scenarios: Sequence[Scenario]) -> None:
    """Refuse two scenarios of one name."""
    seen: dict[str, Scenario] = {}
    for scenario in scenarios:
        first = seen.setdefault(scenario.name, scenario)
        if first is not scenario:
            raise InputError(
                f'two scenarios are named "{scenario.name}"',
                where=f"{first.file} and {scenario.file}",
                remedy="Name each scenario once",
            )


def over_scenarios(dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Give every variable the dimension ``scenario``, also those that no scenario touches."""
    if "scenario" not in dataset.dims:
        dataset = dataset.expand_dims(scenario=list(names))
    dataset = dataset.assign_coords(scenario=list(names))
    wide = {
        name: array if "scenario" in array.dims else array.expand_dims(scenario=list(names))
        for name, array in dataset.data_vars.items()
    }
    return dataset.assign(wide)


def start_of(changes: Mapping[str, Any], model: Any, dataset: xr.Dataset) -> float:
    """Model time from which a run's levers act; the start of the run where the model has no such thing."""
    for key, value in changes.items():
        if fold(key) == POLICY_START:
            return float(value)
    if POLICY_START in model.constants:
        return float(model.constants[POLICY_START].value)
    return float(dataset["time"].values[0])


def before_levers(dates: Iterable[str], inputs: Mapping[str, Any], model: Any) -> str:
    """Return the month before which no lever acts where all dates are read by then; else nothing.

    Parameters
    ----------
    dates : iterable of str
        Months ``YYYY-MM``, read at their ends.
    inputs : mapping
        What a scenario and settings set, which may be ``policy start time`` itself.
    model : flows.Model
        Without ``policy start time``, its levers act at any time.

    Returns
    -------
    str
        Such as ``January 2026``, or an empty string.
    """
    if not model.in_months or POLICY_START not in model.constants:
        return ""
    start = next((float(v) for k, v in inputs.items() if fold(k) == POLICY_START), None)
    if start is None:
        start = float(model.constants[POLICY_START].value)
    return label(start) if all(time_at_end(date) <= start for date in dates) else ""


def refuse_before_levers(
    dates: Iterable[str], inputs: Mapping[str, Any], model: Any, *, where: str = ""
) -> None:
    """Refuse a question about levers at dates that none of them reaches.

    Raises
    ------
    InputError
        All dates are read before any lever acts.
    """
    said = list(dates)
    first = before_levers(said, inputs, model)
    if first:
        raise InputError(
            f"no lever acts before the policy start, {first}",
            where=where,
            found=" and ".join(dict.fromkeys(said)),
            expected="a later month",
        )


def draws_within(free: Mapping[str, xr.DataArray], model: Any) -> dict[str, xr.DataArray]:
    """Leave out draws of constants and lookups that a model lacks.

    Parameters
    ----------
    free : mapping of str to DataArray over draw
        By constant or lookup.
    model : flows.Model
        That takes them.

    Returns
    -------
    dict of str to DataArray
        Those that it has.
    """
    return {
        key: draws
        for key, draws in free.items()
        if (name := parse_reference(key).name) in model.settable or name in model.lookups
    }
