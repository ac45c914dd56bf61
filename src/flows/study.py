"""A sensitivity study: from its file to results on disk, in chunks that survive an interruption.

The walk: study file → `sobol.Design` → chunks of complete sample groups, each run by `flows.simulate`
over the dimension ``draw`` → outcomes × times of each run → `sobol.SobolSums` → indices, and bands from the
runs on the sample matrices A and B (plain draws from the distributions; mixed runs are not used for bands).

While a study runs, every finished chunk lies in a work folder beside the results, marked with the digest of
all that decides the numbers. A study that was stopped goes on from there and ends with the same bits.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time as clock
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows import ensemble, provenance, sobol
from flows.calendar import label as month_label
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
from flows.references import fold

__all__ = ["QUANTILES", "StudyResult", "read", "run"]

Array = NDArray[np.float64]
Simulate = Callable[..., xr.Dataset]

RESAMPLES = 200
"""Of the bootstrap."""

LEVEL = 0.95
"""Of the confidence intervals."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the bands."""

_CHUNK_BYTES = 64 * 2**20  # of the outcomes of one chunk
_CHUNK_RUNS = 256  # at least, so that the cost of a call doesn't show
_CHUNKS = 32  # at least, so that progress shows and little is lost


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes
    ----------
    study : Study
        As run (with the ``n`` that was used).
    indices : xarray.Dataset
        ``S1, S1_low, S1_high, S1_conf, ST, …`` over (outcome, uncertainty, time), dimensionless, NaN where
        an outcome has no variance; ``mean`` and ``variance`` over (outcome, time); with second order
        ``S2, …`` over (outcome, uncertainty, partner, time). Coordinates ``date`` (time), ``unit`` and
        ``title`` (outcome).
    bands : xarray.Dataset
        ``value`` over (outcome, quantile, time) and ``mean`` over (outcome, time), in the outcome's unit.
    samples : pandas.DataFrame
        The 2 n draws behind the bands: ``sample``, ``matrix`` (A or B), then one column per uncertainty. The
        mixed runs follow from them by Saltelli's rule (`flows.sobol.Design`).
    runs : int
        Number of model runs.
    seconds : float
        From start to end; of a resumed study, of its last part.
    folder : Path or None
        Where the results lie.
    """

    study: Study
    indices: xr.Dataset
    bands: xr.Dataset
    samples: pd.DataFrame
    runs: int
    seconds: float
    folder: Path | None = None


def run(
    path_or_study: str | Path | Study,
    *,
    model: Any = None,
    out: str | Path | None = None,
    n: int | None = None,
    resume: bool = True,
    progress: Callable[[int, int], None] | None = None,
    stage: Callable[[str], None] | None = None,
    finish: Callable[[StudyResult, Path], None] | None = None,
    simulate: Simulate | None = None,
    command: str | Sequence[str] | None = None,
) -> StudyResult:
    """Run a study, or the rest of one that was stopped.

    Parameters
    ----------
    path_or_study : str, Path or Study
        Name of a shipped study, path of a study file, or a study as read.
    model : flows.Model, optional
        In place of the one that the study names.
    out : path, optional
        Results folder. None writes nothing and keeps no checkpoints.
    n : int, optional
        In place of the study's own number of samples; a power of 2.
    resume : bool
        Go on from the chunks of an earlier attempt. Only chunks of exactly the same study are used.
    progress : callable, optional
        Called with (runs done, runs in all) at the start and after every chunk.
    stage : callable, optional
        Called with words for what begins.
    finish : callable, optional
        Called with the result and the folder in which it is being written, before that folder takes its
        place: for figures, so that they appear together with the numbers.
    simulate : callable, optional
        In place of `flows.simulate`.
    command : str or sequence of str, optional
        For the provenance record; the process's command line by default.

    Returns
    -------
    StudyResult
        The same bits whatever the chunks, the threads and the interruptions.

    Raises
    ------
    InputError
        Something in the study doesn't fit its schema, the scenario or the model.
    ResultError
        A run gave a value that isn't finite (named with its inputs), or the results can't be written.
    """
    started, began = provenance.now(), clock.monotonic()
    if out is not None:
        provenance.check_replaceable(Path(out).resolve())
    stage = stage or (lambda _: None)
    stage("Reading the study and its model; the first run compiles it, which may take a minute once")
    plan = _plan(path_or_study, model=model, n=n, simulate=simulate)
    entry = None
    if out is not None:
        entry = provenance.record(
            command=command,
            inputs=plan.files,
            seed=plan.study.seed,
            started=started,
            extra={"study": plan.study.model_dump(mode="json", exclude_none=True), "runs": plan.design.runs},
        )
    work = None if out is None else _WorkFolder.open(Path(out).resolve(), plan, resume=resume)

    sums = sobol.SobolSums(
        plan.layout.shape,
        factors=len(plan.design.factors),
        second_order=plan.design.second_order,
        resamples=RESAMPLES,
        seed=plan.study.seed,
    )
    base = np.empty((plan.design.n, 2, *plan.layout.shape))
    kept = 0
    if work:
        groups = sum(stop - start for start, stop in plan.spans() if work.has(start, stop))
        kept = groups * plan.design.width
    if kept:
        stage(f"Going on from {kept:,} of {plan.design.runs:,} runs")
    if progress:
        progress(kept, plan.design.runs)
    for start, stop in plan.spans():
        values = work.load(start, stop) if work else None
        if values is None:
            values = plan.values(start, stop)
            try:
                plan.check(values, start)
            except ResultError:
                if work:
                    work.remove()
                raise
            if work:
                work.save(start, values)
        sums.update(values)
        base[start:stop] = values[:, [0, -1]]
        if progress:
            progress(max(kept, stop * plan.design.width), plan.design.runs)

    result = StudyResult(
        study=plan.study,
        indices=_indices(plan, sums.indices(level=LEVEL)),
        bands=_bands(plan, base.reshape(2 * plan.design.n, *plan.layout.shape)),
        samples=plan.samples(),
        runs=plan.design.runs,
        seconds=clock.monotonic() - began,
    )
    if out is None or work is None:
        return result
    with provenance.results_folder(out, entry={**(entry or {}), "seconds": result.seconds}) as folder:
        _write(result, folder)
        if finish:
            finish(result, folder)
    work.remove()
    return replace(result, folder=Path(out))


def read(folder: str | Path) -> StudyResult:
    """Read the results of a study from disk.

    Raises
    ------
    InputError
        The folder holds no results of a study.
    """
    folder = Path(folder)
    entry = provenance.read_record(folder)
    if entry is None or "study" not in entry:
        raise InputError("no results of a study here", where=str(folder), remedy="Run one with flows study")
    try:
        return StudyResult(
            study=Study.model_validate_json(json.dumps(entry["study"])),
            indices=xr.load_dataset(folder / "indices.nc", engine="netcdf4"),
            bands=xr.load_dataset(folder / "bands.nc", engine="netcdf4"),
            samples=pd.read_csv(folder / "samples.csv", encoding="utf-8"),
            runs=int(entry["runs"]),
            seconds=float(entry["seconds"]),
            folder=folder,
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "the results of the study are damaged",
            where=str(folder),
            found=str(error),
            remedy="Run the study again",
        ) from error


# What is going to be run ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Layout:
    """How the outcomes of one run are arranged: (outcomes, times)."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    units: tuple[str, ...]
    time: Array
    date: NDArray[np.datetime64] | None  # None where a model doesn't count in months

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.names), len(self.time)


@dataclass(frozen=True, eq=False)
class _Plan:
    """A study, resolved against its model: everything that decides the numbers."""

    study: Study
    model: Any
    outcomes: tuple[Outcome, ...]
    base_inputs: Mapping[str, float]
    design: sobol.Design
    layout: _Layout
    simulate: Simulate
    files: tuple[Path, ...]
    chunk: int

    def spans(self) -> Iterator[tuple[int, int]]:
        """Cut the design into chunks, as (start, stop) of sample groups."""
        for start in range(0, self.design.n, self.chunk):
            yield start, min(start + self.chunk, self.design.n)

    def draws(self, rows: Array) -> dict[str, Array]:
        """Values of the uncertainties for rows of the unit cube (…, d)."""
        return {u.name: u.ppf(rows[..., i]) for i, u in enumerate(self.study.uncertainties)}

    def values(self, start: int, stop: int) -> Array:
        """Run the sample groups start … stop - 1: outcomes of shape (groups, width, outcomes, times)."""
        rows = self.design.rows(start, stop).reshape(-1, len(self.design.names))
        drawn = self.draws(rows)
        inputs = {**self.base_inputs, **{name: xr.DataArray(x, dims="draw") for name, x in drawn.items()}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ensemble.NonFiniteWarning)  # refused below, with its inputs
            found = self.simulate(self.model, inputs, outcomes=_variables(self.outcomes), save_every=1)
        values = np.stack([array for *_, array in _elements(self.outcomes, found, draws=len(rows))], axis=1)
        return values.reshape(stop - start, self.design.width, *self.layout.shape)

    def check(self, values: Array, start: int) -> None:
        """Refuse values that aren't finite: name the earliest one of the first run that has any."""
        flat = values.reshape(-1, *self.layout.shape)
        bad = ~np.isfinite(flat)
        if not bad.any():
            return
        row = int(np.argmax(bad.any(axis=(1, 2))))
        time = int(np.argmax(bad[row].any(axis=0)))
        outcome = int(np.argmax(bad[row, :, time]))
        group, place = divmod(row, self.design.width)
        drawn = self.draws(self.design.rows(start + group, start + group + 1)[0, place])
        settings = " ".join(f'--set "{name}={float(x)!r}"' for name, x in drawn.items())
        at = float(self.layout.time[time])
        raise ResultError(
            f'"{self.layout.names[outcome]}" is not a finite number',
            where=f"run {start * self.design.width + row + 1} of {self.design.runs},"
            f" {f'time {at:g}' if self.layout.date is None else month_label(at)}",
            found=f"{flat[row, outcome, time]}",
            remedy=f"See it alone with: flows run {self.study.scenario} {settings}",
        )

    def samples(self) -> pd.DataFrame:
        """Tabulate the draws of the matrices A and B as a table."""
        n, d = self.design.n, len(self.design.names)
        rows = self.design.base.reshape(n, 2, d).reshape(2 * n, d)
        head = {"sample": np.repeat(np.arange(n), 2), "matrix": np.tile(["A", "B"], n)}
        return pd.DataFrame({**head, **self.draws(rows)})

    def digest(self) -> str:
        """SHA-256 of everything that decides the numbers, chunks included."""
        parts = {
            "study": self.study.model_dump(mode="json", exclude={"file", "title", "name"}),
            "outcomes": [outcome.model_dump(mode="json") for outcome in self.outcomes],
            "inputs": {name: float(value) for name, value in self.base_inputs.items()},
            "files": [provenance.digest(path) for path in self.files],
            "model": hashlib.sha256(str(getattr(self.model, "text", "")).encode("utf-8")).hexdigest(),
            "chunk": self.chunk,
            "layout": [self.layout.names, self.layout.time.tolist()],
            "versions": provenance.versions(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()


def _plan(
    path_or_study: str | Path | Study, *, model: Any, n: int | None, simulate: Simulate | None
) -> _Plan:
    """Read the study and resolve it against model, scenario and outcomes; one run shows the layout."""
    files: list[Path] = []
    if isinstance(path_or_study, Study):
        study = path_or_study
    else:
        files.append(find("study", path_or_study))
        study = read_study(path_or_study)
    if n is not None:
        study = study.model_copy(update={"n": n})
    design = sobol.design(
        [uncertainty.name for uncertainty in study.uncertainties],
        study.n,
        seed=study.seed,
        groups=[uncertainty.group for uncertainty in study.uncertainties],
        second_order=study.second_order,
    )
    if model is None:
        from flows.vensim.read import read_vensim

        model = read_vensim(find("model", study.model), units="error")
    run_model: Simulate = simulate or ensemble.simulate
    files += [Path(path) for path in _model_files(model)]
    files.append(find("outcomes"))
    outcomes = check_study(study, model, _outcomes_of(model))
    scenario = read_scenario(study.scenario)
    files += [find("scenario", part.strip()) for part in study.scenario.split("+")]
    base_inputs = scenario_inputs(scenario, model)
    varied = {fold(uncertainty.name): uncertainty for uncertainty in study.uncertainties}
    for name in base_inputs:
        if fold(name) in varied:
            raise InputError(
                f'the scenario "{study.scenario}" sets "{name}", which the study varies',
                where=varied[fold(name)].where,
                remedy="Take it out of the study, or choose another scenario",
            )
    first = {u.name: float(u.ppf(design.base[0, i])) for i, u in enumerate(study.uncertainties)}
    shown = run_model(model, {**base_inputs, **first}, outcomes=_variables(outcomes), save_every=1)
    names, titles, units, _ = zip(*_elements(outcomes, shown, draws=1), strict=True)
    layout = _Layout(
        names=names,
        titles=titles,
        units=units,
        time=np.asarray(shown["time"].values, dtype=np.float64),
        date=np.asarray(shown["date"].values) if "date" in shown.coords else None,
    )
    size = design.width * layout.shape[0] * layout.shape[1] * 8
    chunk = max(-(-design.n // _CHUNKS), -(-_CHUNK_RUNS // design.width))
    return _Plan(
        study=study,
        model=model,
        outcomes=outcomes,
        base_inputs=base_inputs,
        design=design,
        layout=layout,
        simulate=run_model,
        files=tuple(dict.fromkeys(path.resolve() for path in files)),
        chunk=max(1, min(chunk, _CHUNK_BYTES // size, design.n)),
    )


def _model_files(model: Any) -> Iterator[str | Path]:
    """Name the model's own file and the data files that it was read with."""
    if getattr(model, "path", None):
        yield model.path
    yield from getattr(model, "data_paths", ())


def _outcomes_of(model: Any) -> tuple[Outcome, ...]:
    """List the named outcomes that this model has all variables for; another model may use their names."""
    known = {fold(name) for name in model.names}
    return tuple(
        outcome
        for outcome in read_outcomes()
        if all(fold(reference.name) in known for reference in outcome.references)
    )


def _variables(outcomes: Sequence[Outcome]) -> list[str]:
    """List the text forms that the outcomes need, each once."""
    return list(dict.fromkeys(name for outcome in outcomes for name in outcome.variables))


def _elements(
    outcomes: Sequence[Outcome], found: xr.Dataset, *, draws: int
) -> Iterator[tuple[str, str, str, Array]]:
    """Yield name, title, unit and values (draws, times) of each outcome, or of each of its elements."""
    times = found.sizes["time"]
    for outcome in outcomes:
        values = outcome.values(found)
        own = [dim for dim in values.dims if dim not in ("draw", "time")]
        for chosen in itertools.product(*(values[dim].values for dim in own)):
            one = values.sel(dict(zip(own, chosen, strict=True)))
            suffix = f"[{','.join(map(str, chosen))}]" if chosen else ""
            order = [dim for dim in ("draw", "time") if dim in one.dims]
            array = one.transpose(*order).values
            if "time" not in order:
                array = array[..., None]
            whole = np.broadcast_to(np.asarray(array, dtype=np.float64), (draws, times))
            yield outcome.name + suffix, (outcome.title or outcome.name) + suffix, outcome.unit, whole


# Chunks on disk ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _WorkFolder:
    """Finished chunks of a study that is under way; each is written whole, under its first sample group."""

    path: Path
    plan: _Plan
    note: str

    @classmethod
    def open(cls, target: Path, plan: _Plan, *, resume: bool) -> _WorkFolder:
        """Take up the work folder beside ``target``, cleared unless it is of exactly this plan."""
        path = target.with_name(f".{target.name}.work")
        digest = plan.digest()
        found = provenance.read_record(path)
        if path.exists() and not (resume and found and found.get("plan") == digest):
            if found is None and any(path.iterdir()):
                raise ResultError(
                    "the folder for unfinished work holds other files",
                    where=str(path),
                    remedy="Remove it, or choose another folder with --out",
                )
            shutil.rmtree(path, ignore_errors=True)
        return cls(path, plan, json.dumps({"program": provenance.PROGRAM, "plan": digest}) + "\n")

    def _file(self, start: int) -> Path:
        return self.path / f"groups-{start:08d}.npy"

    def has(self, start: int, stop: int) -> bool:
        """Whether a finished chunk is there whole, by its head and size alone."""
        return self.load(start, stop, mode="r") is not None

    def load(self, start: int, stop: int, *, mode: Literal["r"] | None = None) -> Array | None:
        """Read the outcomes of a finished chunk; None if it isn't there whole."""
        try:
            values: Array = np.load(self._file(start), mmap_mode=mode, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        expected = (stop - start, self.plan.design.width, *self.plan.layout.shape)
        return values if values.shape == expected and values.dtype == np.float64 else None

    def save(self, start: int, values: Array) -> None:
        """Keep the outcomes of a finished chunk."""
        if not (self.path / provenance.FILE).exists():
            provenance.atomic_write(self.path / provenance.FILE, self.note)
        with provenance.atomic_path(self._file(start)) as temporary, open(temporary, "wb") as stream:
            np.save(stream, values, allow_pickle=False)

    def remove(self) -> None:
        """Forget the chunks: the results stand, or can't be had."""
        shutil.rmtree(self.path, ignore_errors=True)


# Results -------------------------------------------------------------------------------------------


def _coords(plan: _Plan) -> dict[str, Any]:
    layout = plan.layout
    dated = {} if layout.date is None else {"date": ("time", layout.date)}
    return {
        "outcome": list(layout.names),
        "title": ("outcome", list(layout.titles)),
        "unit": ("outcome", list(layout.units)),
        "time": ("time", layout.time, {"long_name": "model time"}),
        **dated,
    }


def _attrs(plan: _Plan) -> dict[str, Any]:
    study, design = plan.study, plan.design
    return {
        "study": study.name,
        "title": study.title or study.name,
        "scenario": study.scenario,
        "method": study.method,
        "n": design.n,
        "runs": design.runs,
        "seed": study.seed,
        "model": study.model,
    }


def _indices(plan: _Plan, found: sobol.Indices) -> xr.Dataset:
    """Label the indices: (factors, outcomes, times) → (outcome, uncertainty, time)."""
    variables: dict[str, Any] = {}
    words = {"": "index", "_low": "lower end", "_high": "upper end", "_conf": "half width"}
    kinds = (("S1", "first-order", ()), ("ST", "total-order", ()), ("S2", "second-order", ("partner",)))
    for order, kind, partner in kinds:
        for suffix, word in words.items():
            values = getattr(found, order + suffix)
            if values is not None:
                dims = ("outcome", "uncertainty", *partner, "time")
                attrs = {"units": "1", "long_name": f"{kind} {word}"}
                variables[order + suffix] = (dims, np.moveaxis(values, -2, 0), attrs)
    variables["mean"] = (("outcome", "time"), found.mean, {"long_name": "mean of all runs"})
    variables["variance"] = (("outcome", "time"), found.variance, {"long_name": "variance over A and B"})
    factors = list(plan.design.factors)
    coords = {**_coords(plan), "uncertainty": factors}
    if found.S2 is not None:
        coords["partner"] = factors
    about = {**_attrs(plan), "level": found.level, "resamples": RESAMPLES}
    return xr.Dataset(variables, coords=coords, attrs=about)


def _bands(plan: _Plan, base: Array) -> xr.Dataset:
    """Quantiles and mean over the runs on A and B (2 n, outcomes, times)."""
    variables = {
        "value": (
            ("outcome", "quantile", "time"),
            np.moveaxis(np.quantile(base, QUANTILES, axis=0), 0, 1),
            {"long_name": "quantile over the runs on A and B"},
        ),
        "mean": (("outcome", "time"), base.mean(axis=0), {"long_name": "mean over the runs on A and B"}),
    }
    coords = {**_coords(plan), "quantile": list(QUANTILES)}
    return xr.Dataset(variables, coords=coords, attrs=_attrs(plan))


def _write(result: StudyResult, folder: Path) -> None:
    """Write the tables and the labelled arrays."""
    _write_netcdf(result.indices, folder / "indices.nc")
    _write_netcdf(result.bands, folder / "bands.nc")
    orders = [name for name in result.indices.data_vars if str(name)[:2] in ("S1", "ST")]
    tidy = result.indices[orders].to_dataframe(dim_order=["outcome", "uncertainty", "time"]).reset_index()
    dated = ["date"] if "date" in result.indices.coords else []
    _write_csv(tidy[["outcome", "uncertainty", *dated, "time", *orders]], folder / "indices.csv")
    if "S2" in result.indices:
        pairs = result.indices[["S2", "S2_low", "S2_high", "S2_conf"]]
        table = pairs.to_dataframe(dim_order=["outcome", "uncertainty", "partner", "time"]).dropna()
        columns = ["outcome", "uncertainty", "partner", *dated, "time", *pairs.data_vars]
        _write_csv(table.reset_index()[columns], folder / "indices_second_order.csv")
    wide = result.bands["value"].to_series().unstack("quantile")
    wide.columns = [f"p{100 * float(q):02.0f}" for q in wide.columns]
    wide.insert(0, "mean", result.bands["mean"].to_series())
    bands = wide.reset_index()
    bands.insert(1, "unit", bands["outcome"].map(result.bands["unit"].to_series()))
    if dated:
        bands.insert(2, "date", bands["time"].map(result.bands["date"].to_series()))
    _write_csv(bands, folder / "bands.csv")
    _write_csv(result.samples, folder / "samples.csv", digits=None)


def _write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4, "_FillValue": np.nan} for name in dataset.data_vars
    }
    if "date" in dataset.coords:
        encoding["date"] = {"units": "days since 2013-01-01", "dtype": "int32", "_FillValue": None}
    with provenance.atomic_path(path) as temporary:
        dataset.to_netcdf(temporary, engine="netcdf4", encoding=encoding)


def _write_csv(table: pd.DataFrame, path: Path, *, digits: int | None = 9) -> None:
    """Write a table with so many significant digits; all of them with None."""
    with provenance.atomic_path(path) as temporary:
        table.to_csv(
            temporary,
            index=False,
            encoding="utf-8",
            lineterminator="\n",
            date_format="%Y-%m-%d",
            float_format=None if digits is None else f"%.{digits}g",
        )
