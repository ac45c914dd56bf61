"""What a study is going to run: sample, model and arrangement of outcomes, resolved against each other."""

from __future__ import annotations

import hashlib
import itertools
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import qmc

from flows import calendar, ensemble, provenance, screening, shapley, sobol
from flows.calendar import label as month_label
from flows.ensemble import Simulate
from flows.errors import InputError, ResultError
from flows.inputs import (
    Outcome,
    Study,
    check_study,
    find,
    read_outcomes,
    read_scenario,
    read_study,
    scenario_inputs,
)
from flows.inputs.studies import Measure
from flows.references import fold
from flows.resources import units_policy
from flows.study.targets import Rows, Target, correlation, targets

Array = NDArray[np.float64]

CHUNK_BYTES = 64 * 2**20
"""At most, of the outcomes of one chunk."""

CHUNK_RUNS = 512
"""At most so many runs in a chunk: the cost of a call doesn't show, progress does, and little is lost."""

_CHUNKS = 40  # of a small study, so that the time that remains can be told early
_FEW_RUNS = 64  # below which a chunk isn't cut any smaller

_EDGE = 2.0**-31  # plain points keep this distance from the cube's edges


@dataclass(frozen=True, eq=False)
class Sample:
    """Points in the unit cube, in units of complete groups of runs.

    Attributes
    ----------
    method : str
    units : int
        Number of groups: base samples, trajectories, or single runs.
    width : int
        Runs in a group.
    factors : tuple of str
        What the results speak of: the uncertainties, or their groups.
    design : object
        The design behind it: `flows.sobol.Design`, `flows.screening.Trajectories`, `flows.shapley.Design`, or the
        points, shape (n, d).
    """

    method: str
    units: int
    width: int
    factors: tuple[str, ...]
    design: Any

    @property
    def runs(self) -> int:
        """Number of runs."""
        return self.units * self.width

    def rows(self, start: int, stop: int) -> Array:
        """Points of the groups ``start`` … ``stop - 1``, shape (groups, width, d)."""
        if self.method in ("sobol", "shapley"):
            return np.asarray(self.design.rows(start, stop))
        if self.method == "morris":
            # the grid's ends stand for the ends of the inner 98 per cent: distributions without bounds have none
            return np.asarray(0.01 + 0.98 * self.design.points[start:stop])
        return np.asarray(self.design[start:stop, None, :])


def sample(study: Study, found: Sequence[Target]) -> Sample:
    """Draw the sample of a study whose uncertainties act on these targets.

    Raises
    ------
    InputError
        If its n doesn't fit its method.
    """
    names = [u.name for u in study.uncertainties]
    groups = [u.group for u in study.uncertainties]
    match study.method:
        case "sobol":
            design = sobol.design(
                names, study.n, seed=study.seed, groups=groups, second_order=study.second_order
            )
            return Sample("sobol", design.n, design.width, design.factors, design)
        case "shapley":
            columns = [name for t in found for name in t.columns]
            of_columns = [t.uncertainty.group for t in found for _ in t.columns]
            orders = shapley.design(
                columns, study.n, seed=study.seed, correlation=correlation(found), groups=of_columns
            )
            return Sample("shapley", orders.n, orders.width, orders.factors, orders)
        case "morris":
            walk = screening.trajectories(names, study.n, seed=study.seed, levels=study.levels, groups=groups)
            return Sample("morris", study.n, walk.points.shape[1], walk.factors, walk)
        case "tornado":
            points = np.full((1 + 2 * len(names), len(names)), 0.5)
            for j in range(len(names)):
                points[1 + 2 * j, j], points[2 + 2 * j, j] = study.tails, 1 - study.tails
        case "latin-hypercube":
            points = qmc.LatinHypercube(len(names), rng=np.random.default_rng(study.seed)).random(study.n)
        case _:
            points = np.random.default_rng(study.seed).random((study.n, len(names)))
    points = np.clip(points, _EDGE, 1 - _EDGE)
    return Sample(study.method, len(points), 1, tuple(names), points)


@dataclass(frozen=True, eq=False)
class Layout:
    """How the numbers of one run are arranged: courses of (outcomes, times), then single numbers.

    Attributes
    ----------
    names, titles, units : tuple of str
        Of the outcomes with a course.
    time : array, shape (times,)
    date : array of datetime64, or None
        None where a model doesn't count in months.
    single_names, single_titles, single_units : tuple of str
        Of the outcomes reduced to a number.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    units: tuple[str, ...]
    time: Array
    date: NDArray[np.datetime64] | None
    single_names: tuple[str, ...] = ()
    single_titles: tuple[str, ...] = ()
    single_units: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Outcomes with a course, times."""
        return len(self.names), len(self.time)

    @property
    def courses(self) -> int:
        """Numbers of a run that belong to courses."""
        return len(self.names) * len(self.time)

    @property
    def quantities(self) -> int:
        """Numbers of a run."""
        return self.courses + len(self.single_names)

    def split(self, values: Array) -> tuple[Array, Array]:
        """Cut (…, quantities) into courses (…, outcomes, times) and numbers (…, singles)."""
        lead = values.shape[:-1]
        return values[..., : self.courses].reshape(*lead, *self.shape), values[..., self.courses :]

    def what(self, quantity: int) -> tuple[str, float | None]:
        """Name and time of a quantity; no time for a number."""
        if quantity >= self.courses:
            return self.single_names[quantity - self.courses], None
        outcome, time = divmod(quantity, len(self.time))
        return self.names[outcome], float(self.time[time])


@dataclass(frozen=True, eq=False)
class Job:
    """What it takes to turn draws into outcomes, wherever that is done."""

    model: Any
    base_inputs: Mapping[str, float]
    targets: tuple[Target, ...]
    measures: tuple[Measure, ...]
    layout: Layout
    simulate: Simulate

    def run(self, drawn: Mapping[str, Array], *, threads: int | None = None) -> Array:
        """Make runs: outcomes of shape (draws, quantities) from values of the uncertainties, shape (draws,) each."""
        inputs = {**self.base_inputs, **inputs_of(self.targets, self.model, drawn)}
        more = {} if threads is None else {"threads": threads}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ensemble.NonFiniteWarning)  # refused or left out, with its inputs
            found = self.simulate(self.model, inputs, outcomes=variables(self.measures), save_every=1, **more)
        return quantities(self.measures, self.layout, found, draws=len(next(iter(drawn.values()))))


@dataclass(frozen=True, eq=False)
class Plan:
    """A study, resolved against its model: everything that decides the numbers."""

    study: Study
    model: Any
    measures: tuple[Measure, ...]
    base_inputs: Mapping[str, float]
    targets: tuple[Target, ...]
    sample: Sample
    layout: Layout
    simulate: Simulate
    files: tuple[Path, ...]
    chunk: int

    def spans(self, start: int = 0) -> Iterator[tuple[int, int]]:
        """Cut the sample into chunks from a group on, as (start, stop); cuts lie at multiples of the chunk."""
        while start < self.sample.units:
            stop = min((start // self.chunk + 1) * self.chunk, self.sample.units)
            yield start, stop
            start = stop

    def draws(self, rows: Array) -> dict[str, Array]:
        """Values of the uncertainties for rows of the unit cube (…, d); of a posterior sample the numbers of rows."""
        return drawn_by(self.targets, rows)

    def held(self, points: Array) -> tuple[tuple[str, ...], Array]:
        """What outcomes are held against: names, and numbers (runs, names) in the order of the uncertainties' values.

        Points of the unit cube serve as they are; for rows of a posterior sample stand its constants.
        """
        names: list[str] = []
        columns: list[Array] = []
        at = 0
        for one in self.targets:
            part = points[:, at : at + len(one.columns)]
            at += len(one.columns)
            names += one.settings
            if isinstance(one, Rows):
                columns += one.known(one.draw(part)).values()
            else:
                columns += list(part.T)
        return tuple(names), np.column_stack(columns)

    @property
    def job(self) -> Job:
        """What a worker needs."""
        return Job(self.model, self.base_inputs, self.targets, self.measures, self.layout, self.simulate)

    def values(self, start: int, stop: int) -> Array:
        """Run the groups start … stop - 1: outcomes of shape (groups, width, quantities)."""
        rows = self.sample.rows(start, stop)
        rows = rows.reshape(-1, rows.shape[-1])
        values = self.job.run(self.draws(rows))
        return values.reshape(stop - start, self.sample.width, self.layout.quantities)

    def faults(self, values: Array, start: int) -> list[dict[str, Any]]:
        """List the runs of a chunk that have a value that isn't finite: run, what, when, value and inputs."""
        flat = values.reshape(-1, values.shape[-1])
        bad = ~np.isfinite(flat)
        found = []
        for row in np.flatnonzero(bad.any(axis=1)):
            group, place = divmod(int(row), self.sample.width)
            drawn = self.draws(self.sample.rows(start + group, start + group + 1)[0, place])
            quantity = min(np.flatnonzero(bad[row]), key=lambda q: (self.layout.what(int(q))[1] or 0.0, q))
            name, time = self.layout.what(int(quantity))
            found.append(
                {
                    "run": start * self.sample.width + int(row) + 1,
                    "group": start + group,
                    "outcome": name,
                    "time": time,
                    "value": float(flat[row, quantity]),
                    **{u: float(x) for u, x in drawn.items()},
                }
            )
        return found

    def refusal(self, fault: Mapping[str, Any]) -> ResultError:
        """Say which run has a value that isn't finite, and how to see it alone."""
        time = fault["time"]
        when = ""
        if time is not None:
            when = f", time {time:g}" if self.layout.date is None else f", {month_label(time)}"
        return ResultError(
            f'"{fault["outcome"]}" is not a finite number',
            where=f"run {fault['run']} of {self.sample.runs}{when}",
            found=f"{fault['value']}",
            remedy=f"See it alone with --run {fault['run']} added to the same command; to leave such groups of runs "
            'out and list them, set non_finite = "leave out" in the study: the runs made so far are used',
        )

    def one(self, number: int) -> tuple[dict[str, Any], dict[str, float]]:
        """Inputs of a single run, counted from 1, and the values of the uncertainties by name.

        Raises
        ------
        InputError
            There is no such run.
        """
        if not 1 <= number <= self.sample.runs:
            raise InputError(
                f'no such run in the study "{self.study.name}"',
                where="--run",
                found=str(number),
                expected=f"1 to {self.sample.runs:,}",
            )
        group, place = divmod(number - 1, self.sample.width)
        drawn = self.draws(self.sample.rows(group, group + 1)[0, place])
        inputs = {**self.base_inputs, **inputs_of(self.targets, self.model, drawn)}
        return inputs, {n: float(v) for t in self.targets for n, v in t.known(drawn).items()}

    def samples(self) -> pd.DataFrame:
        """Tabulate the draws; of a Sobol study those of the matrices A and B."""
        if self.sample.method == "shapley":
            rows = np.concatenate([self.sample.rows(g, g + 1)[:, [0, -1]] for g in range(self.sample.units)])
            head = {
                "sample": np.repeat(np.arange(len(rows)), 2),
                "end": np.tile(["first", "last"], len(rows)),
            }
            return pd.DataFrame({**head, **self.draws(rows.reshape(-1, rows.shape[-1]))})
        if self.sample.method == "sobol":
            n, d = self.sample.units, len(self.study.uncertainties)
            rows = self.sample.design.base.reshape(n, 2, d).reshape(2 * n, d)
            head = {"sample": np.repeat(np.arange(n), 2), "matrix": np.tile(["A", "B"], n)}
            return pd.DataFrame({**head, **self.draws(rows)})
        rows = self.sample.rows(0, self.sample.units)
        head = {"sample": np.repeat(np.arange(self.sample.units), self.sample.width)}
        return pd.DataFrame({**head, **self.draws(rows.reshape(-1, rows.shape[-1]))})

    def digest(self) -> str:
        """SHA-256 of everything that decides the numbers but the number of samples."""
        ignored = {"file", "title", "name", "path", "non_finite"}
        if self.study.method in ("sobol", "shapley"):
            ignored.add("n")
        parts = {
            "study": self.study.model_dump(mode="json", exclude=ignored),
            "measures": [m.model_dump() for m in self.measures],
            "inputs": {name: float(value) for name, value in self.base_inputs.items()},
            "files": [provenance.digest(path) for path in self.files if path != self.study.path],
            "model": hashlib.sha256(str(getattr(self.model, "text", "")).encode("utf-8")).hexdigest(),
            "layout": [self.layout.names, self.layout.single_names, self.layout.time.tolist()],
            "versions": provenance.versions(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode("utf-8")).hexdigest()


def make_plan(
    name_or_path: str | Path | Study, *, model: Any, n: int | None, simulate: Simulate | None
) -> Plan:
    """Read the study and resolve it against model, scenario and outcomes; one run shows the layout.

    Raises
    ------
    InputError
        Something in the study doesn't fit its schema, the scenario or the model.
    """
    files: list[Path] = []
    if isinstance(name_or_path, Study):
        study = name_or_path
        files += [study.path] if study.path is not None else []
    else:
        files.append(find("study", name_or_path))
        study = read_study(name_or_path)
    if n is not None:
        study = study.model_copy(update={"n": n})
    if model is None:
        from flows.vensim.read import read_vensim

        path = find("model", study.model)
        model = read_vensim(path, units=units_policy(path))
    run_model: Simulate = simulate or ensemble.simulate
    files += getattr(model, "paths", ())
    files.append(find("outcomes"))
    measures = check_study(study, model, _outcomes_of(model))
    scenario = read_scenario(study.scenario)
    files += [find("scenario", part.strip()) for part in study.scenario.split("+")]
    base_inputs = scenario_inputs(scenario, model)
    found, more = targets(study, model)
    files += more
    varied = {fold(column): t.uncertainty for t in found for column in t.settings}
    for name in base_inputs:
        if fold(name) in varied:
            raise InputError(
                f'the scenario "{study.scenario}" sets "{name}", which the study varies',
                where=varied[fold(name)].where,
                remedy="Take it out of the study, or choose another scenario",
            )
    drawn = sample(study, found)
    first = drawn_by(found, drawn.rows(0, 1)[0, 0])
    inputs = {**base_inputs, **inputs_of(found, model, first)}
    shown = run_model(model, inputs, outcomes=variables(measures), save_every=1)
    layout = _layout(study, measures, shown)
    size = drawn.width * layout.quantities * 8
    runs = min(CHUNK_RUNS, max(drawn.runs // _CHUNKS, _FEW_RUNS))
    return Plan(
        study=study,
        model=model,
        measures=measures,
        base_inputs=base_inputs,
        targets=found,
        sample=drawn,
        layout=layout,
        simulate=run_model,
        files=tuple(dict.fromkeys(path.resolve() for path in files)),
        chunk=max(1, min(-(-runs // drawn.width), CHUNK_BYTES // size)),
    )


def drawn_by(found: Sequence[Target], rows: Array) -> dict[str, Array]:
    """Values by column, for rows of the unit cube (…, columns)."""
    values: dict[str, Array] = {}
    at = 0
    for one in found:
        count = len(one.columns)
        values |= one.draw(rows[..., at : at + count])
        at += count
    return values


def inputs_of(found: Sequence[Target], model: Any, drawn: Mapping[str, Array]) -> dict[str, Any]:
    """Inputs of runs; those of a posterior sample, which may be whole constants, before single elements."""
    ordered = sorted(found, key=lambda t: t.uncertainty.of != "posterior")
    return {key: value for t in ordered for key, value in t.inputs(model, drawn).items()}


def _layout(study: Study, measures: Sequence[Measure], shown: xr.Dataset) -> Layout:
    time = np.asarray(shown["time"].values, dtype=np.float64)
    date = np.asarray(shown["date"].values) if "date" in shown.coords else None
    chosen = np.arange(len(time))
    if study.times:
        if date is None:
            raise InputError(
                "a month says nothing in a model whose time isn't in months",
                where=f'{study.file}, key "times"',
                remedy="Leave the key out: all saved times are kept then",
            )
        ends = [calendar.time_at_end(month) for month in study.times]
        chosen = np.flatnonzero(np.isin(time, ends))
        if len(chosen) < len(set(ends)):
            raise InputError(
                "a time lies outside the run",
                where=f'{study.file}, key "times"',
                found=", ".join(m for m, end in zip(study.times, ends, strict=True) if end not in time),
                expected=f"months from {calendar.month_of(float(time[0]))} to {calendar.month_of(float(time[-1]) - 1)}",
            )
    courses = [row[:3] for m in measures if m.reduction is None for row in _elements(m, shown, draws=1)]
    singles = [row[:3] for m in measures if m.reduction is not None for row in _elements(m, shown, draws=1)]
    names, titles, units = zip(*courses, strict=True) if courses else ((), (), ())
    single = zip(*singles, strict=True) if singles else ((), (), ())
    single_names, single_titles, single_units = single
    return Layout(
        names,
        titles,
        units,
        time[chosen],
        None if date is None else date[chosen],
        single_names,
        single_titles,
        single_units,
    )


def _outcomes_of(model: Any) -> tuple[Outcome, ...]:
    """List the named outcomes that this model has all variables for; another model may use their names."""
    known = {fold(name) for name in model.names}
    return tuple(
        outcome
        for outcome in read_outcomes()
        if all(fold(reference.name) in known for reference in outcome.references)
    )


def variables(measures: Sequence[Measure]) -> list[str]:
    """List the text forms that the outcomes need, each once."""
    return list(dict.fromkeys(name for m in measures for name in m.outcome.variables))


def quantities(measures: Sequence[Measure], layout: Layout, found: xr.Dataset, *, draws: int) -> Array:
    """Arrange the numbers of runs: (draws, quantities)."""
    time = np.asarray(found["time"].values, dtype=np.float64)
    chosen = np.searchsorted(time, layout.time)
    courses = [
        row[3][:, chosen] for m in measures if m.reduction is None for row in _elements(m, found, draws=draws)
    ]
    singles = [
        m.reduction.apply(row[3], time)[:, None]
        for m in measures
        if m.reduction is not None
        for row in _elements(m, found, draws=draws)
    ]
    return np.concatenate([*courses, *singles], axis=1)


def _elements(measure: Measure, found: xr.Dataset, *, draws: int) -> Iterator[tuple[str, str, str, Array]]:
    """Yield name, title, unit and values (draws, times) of an outcome, or of each of its elements."""
    times = found.sizes["time"]
    outcome = measure.outcome
    values = outcome.values(found)
    own = [dim for dim in values.dims if dim not in ("draw", "time")]
    unit = outcome.unit
    if measure.reduction is not None:
        unit = measure.reduction.unit(unit, str(found["time"].attrs.get("units", "Month")) or "Month")
    for chosen in itertools.product(*(values[dim].values for dim in own)):
        one = values.sel(dict(zip(own, chosen, strict=True)))
        suffix = f"[{','.join(map(str, chosen))}]" if chosen else ""
        order = [dim for dim in ("draw", "time") if dim in one.dims]
        array = one.transpose(*order).values
        if "time" not in order:
            array = array[..., None]
        whole = np.broadcast_to(np.asarray(array, dtype=np.float64), (draws, times))
        yield measure.name + suffix, measure.title + suffix, unit, whole
