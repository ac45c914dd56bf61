"""From the numbers of a study to labelled arrays, tables on disk and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from flows import paths, provenance, screening, shapley, sobol
from flows.errors import InputError
from flows.inputs import Study
from flows.study import conclude, judge, methods
from flows.study.methods import Collector, RunsCollector, ShapleyCollector, SobolCollector
from flows.study.plan import Array, Plan
from flows.study.words import ENGLISH, Words, percent
from flows.tables import without_formulas

_WORST_EVERY = 12  # saved times between those at which the worst runs are looked at


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes
    ----------
    study : Study
        As run (with the ``n`` that was used).
    indices : xarray.Dataset
        Over (outcome, uncertainty, time), by method:

        - ``sobol``: ``S1, S1_low, S1_high, S1_conf, ST, …``, dimensionless, NaN where an outcome has no variance;
          ``dummy, …``, ``mean`` and ``variance`` over (outcome, time); with second order ``S2, …`` over (outcome,
          uncertainty, partner, time);
        - ``morris``: ``mu``, ``mu_star`` with its interval, ``sigma``, in the outcome's unit per whole range;
        - ``tornado``: ``low`` and ``high``, the outcome with the uncertainty at its ends; ``middle`` over (outcome,
          time);
        - ``shapley``: ``Sh, Sh_low, Sh_high, Sh_conf``, dimensionless; ``mean`` and ``variance`` over (outcome, time);
        - ``monte-carlo``, ``latin-hypercube``: ``rank_correlation`` (Spearman), with the constants of a posterior
          sample in its place.

        Coordinates ``date`` (time), ``unit`` and ``title`` (outcome).
    numbers : xarray.Dataset or None
        The same over (outcome, uncertainty) of outcomes reduced to a number.
    bands : xarray.Dataset or None
        ``value`` over (outcome, quantile, time) and ``mean`` over (outcome, time), in the outcome's unit, of plain
        draws; None for Morris and tornado.
    worst : xarray.Dataset or None
        What drives the worst runs: ``distance`` and ``shift`` over (outcome, uncertainty, time), for outcomes with a
        better side (see `flows.screening.Regional`).
    looks : xarray.Dataset or None
        ``S1, S1_conf, ST, ST_conf`` over (n, outcome, uncertainty, time) at doubling numbers of samples.
    samples : pandas.DataFrame
        The draws: ``sample``, of a Sobol study ``matrix`` (A or B), then one column per uncertainty (of a posterior
        sample the number of its row, from 0; for Shapley effects its constants). The mixed runs
        follow from them by Saltelli's rule (`flows.sobol.Design`).
    verdict : tuple of str
        Was it enough? In sentences.
    left_out : pandas.DataFrame
        Runs with values that aren't finite, whose groups were left out.
    runs : int
        Number of model runs.
    seconds : float
        From start to end; of a resumed study, of its last part.
    spent : mapping of str to float
        Seconds that went into ``runs``, their ``analysis`` and the ``files`` of unfinished work (`flows.study.PARTS`);
        of a resumed or extended study, of all its parts.
    folder : Path or None
        Where the results lie.
    """

    study: Study
    indices: xr.Dataset
    numbers: xr.Dataset | None
    bands: xr.Dataset | None
    worst: xr.Dataset | None
    looks: xr.Dataset | None
    samples: pd.DataFrame
    verdict: tuple[str, ...]
    left_out: pd.DataFrame
    runs: int
    seconds: float
    spent: Mapping[str, float]
    folder: Path | None = None


def result(plan: Plan, kept: Collector, *, spent: Mapping[str, float], say: Words = ENGLISH) -> StudyResult:
    """Make the result of a study of what its collector kept; the caller fills in its seconds."""
    looks = None
    bands: tuple[xr.Dataset | None, xr.Dataset | None] = (None, None)
    worst = None
    if isinstance(kept, SobolCollector):
        indices, numbers = _of_sobol(plan, kept.indices())
        looks = _looks(plan, [look for look in kept.looks if look.n < kept.sums.n])
        verdict = []
        if plan.layout.names:
            verdict += judge.indices_verdict(indices, looks, say=say)
        if numbers is not None:
            verdict += [
                say("Of the single numbers: {verdict}", verdict=sentence)
                for sentence in judge.indices_verdict(numbers, None, say=say)[:1]
            ]
    elif isinstance(kept, ShapleyCollector):
        indices, numbers = _of_shapley(plan, kept.effects())
        verdict = judge.shares_verdict(indices if plan.layout.names else numbers, say=say)
    else:
        assert isinstance(kept, RunsCollector)
        indices, numbers, verdict = _of_runs(plan, kept, say)
    if plan.study.method not in ("morris", "tornado"):
        points, values = kept.plain()
        bands = _bands(plan, values)
        worst = _worst(plan, points, values)
        if isinstance(kept, RunsCollector):
            verdict = judge.bands_verdict(len(values), methods.QUANTILES, say=say) + verdict
    if numbers is not None and bands[1] is not None:
        numbers = numbers.assign(bands[1].data_vars)
    left_out = pd.DataFrame(kept.left_out)
    if len(left_out):
        groups = left_out["group"].nunique()
        verdict.append(
            say(
                "{runs} runs had values that aren't finite; their {groups} of {all} groups were left out and are "
                "listed in left_out.csv. What the rest says may lean to one side.",
                runs=f"{len(left_out):,}",
                groups=f"{groups:,}",
                all=f"{plan.sample.units:,}",
            )
        )
    return StudyResult(
        study=plan.study,
        indices=indices,
        numbers=numbers,
        bands=bands[0],
        worst=worst,
        looks=looks,
        samples=plan.samples(),
        verdict=tuple(verdict),
        left_out=left_out,
        runs=plan.sample.runs,
        seconds=0.0,
        spent=spent,
    )


# Labels --------------------------------------------------------------------------------------------


def _coords(plan: Plan) -> dict[str, Any]:
    layout = plan.layout
    dated = {} if layout.date is None else {"date": ("time", layout.date)}
    return {
        "outcome": list(layout.names),
        "title": ("outcome", list(layout.titles)),
        "unit": ("outcome", list(layout.units)),
        "time": ("time", layout.time, {"long_name": "model time"}),
        **dated,
    }


def _number_coords(plan: Plan) -> dict[str, Any]:
    layout = plan.layout
    return {
        "outcome": list(layout.single_names),
        "title": ("outcome", list(layout.single_titles)),
        "unit": ("outcome", list(layout.single_units)),
    }


def _attrs(plan: Plan) -> dict[str, Any]:
    study = plan.study
    return {
        "study": study.name,
        "title": study.title or study.name,
        "scenario": study.scenario,
        "method": study.method,
        "n": plan.sample.units,
        "runs": plan.sample.runs,
        "seed": study.seed,
        "model": study.model,
        "level": methods.LEVEL,
        "resamples": study.resamples,
    }


class _Labels:
    """Cuts arrays over (…, quantities) into courses and numbers and labels both."""

    def __init__(self, plan: Plan, names: tuple[str, ...]) -> None:
        self.plan = plan
        self.courses: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self.names = list(names)

    def add(self, name: str, values: Array | None, *dims: str, **attrs: str) -> None:
        """Add an array of shape (*dims, quantities)."""
        if values is None:
            return
        courses, numbers = self.plan.layout.split(np.asarray(values))
        self.courses[name] = (("outcome", *dims, "time"), np.moveaxis(courses, -2, 0), attrs)
        self.numbers[name] = (("outcome", *dims), np.moveaxis(numbers, -1, 0), attrs)

    def datasets(self) -> tuple[xr.Dataset, xr.Dataset | None]:
        """Both datasets; none of the second kind where no outcome is reduced."""
        used = {d for dims, _, _ in self.courses.values() for d in dims}
        names = {d: self.names for d in ("uncertainty", "partner") if d in used}
        more = {"quantile": list(methods.QUANTILES)} if "quantile" in used else {}
        attrs = _attrs(self.plan)
        courses = xr.Dataset(self.courses, coords={**_coords(self.plan), **names, **more}, attrs=attrs)
        if not self.plan.layout.single_names:
            return courses, None
        coords = {**_number_coords(self.plan), **names, **more}
        return courses, xr.Dataset(self.numbers, coords=coords, attrs=attrs)


_WORDS = {"": "index", "_low": "lower end", "_high": "upper end", "_conf": "half width"}


def _of_sobol(plan: Plan, found: sobol.Indices) -> tuple[xr.Dataset, xr.Dataset | None]:
    labels = _Labels(plan, plan.sample.factors)
    words = _WORDS
    kinds = (("S1", "first-order", ()), ("ST", "total-order", ()), ("S2", "second-order", ("partner",)))
    for order, kind, partner in kinds:
        for suffix, word in words.items():
            labels.add(
                order + suffix,
                getattr(found, order + suffix),
                "uncertainty",
                *partner,
                units="1",
                long_name=f"{kind} {word}",
            )
    for suffix, word in words.items():
        labels.add(
            "dummy" + suffix,
            getattr(found, "dummy" + suffix),
            units="1",
            long_name=f"first-order {word} of an input that does nothing",
        )
    labels.add("mean", found.mean, long_name="mean of all runs")
    labels.add("variance", found.variance, long_name="variance over A and B")
    return labels.datasets()


def _of_shapley(plan: Plan, found: shapley.Effects) -> tuple[xr.Dataset, xr.Dataset | None]:
    labels = _Labels(plan, plan.sample.factors)
    for suffix, word in _WORDS.items():
        name = "Sh" + suffix
        labels.add(name, getattr(found, name), "uncertainty", units="1", long_name=f"Shapley {word}")
    labels.add("mean", found.mean, long_name="mean of plain draws")
    labels.add("variance", found.variance, long_name="variance of plain draws")
    return labels.datasets()


def _of_runs(plan: Plan, kept: RunsCollector, say: Words) -> tuple[xr.Dataset, xr.Dataset | None, list[str]]:
    match plan.study.method:
        case "morris":
            labels = _Labels(plan, plan.sample.factors)
            found: screening.Effects = methods.effects(kept)
            for name, word in (
                ("mu", "mean elementary effect"),
                ("mu_star", "mean size of elementary effects"),
                ("mu_star_low", "lower end"),
                ("mu_star_high", "upper end"),
                ("sigma", "standard deviation of elementary effects"),
            ):
                labels.add(name, getattr(found, name), "uncertainty", long_name=word)
            courses, numbers = labels.datasets()
            judged = courses if plan.layout.names else numbers
            assert judged is not None
            return courses, numbers, judge.effects_verdict(judged, say=say)
        case "tornado":
            labels = _Labels(plan, plan.sample.factors)
            middle, low, high = methods.swings(kept)
            labels.add("low", low, "uncertainty", long_name=f"outcome at quantile {plan.study.tails:g}")
            labels.add("high", high, "uncertainty", long_name=f"outcome at quantile {1 - plan.study.tails:g}")
            labels.add("middle", middle, long_name="outcome with all uncertainties at their medians")
            said = say(
                "Each uncertainty was moved alone, from its {low} to its {high} quantile, all others at their "
                "medians: what they do together isn't seen. No shares of variance.",
                low=percent(plan.study.tails),
                high=percent(1 - plan.study.tails),
            )
            return *labels.datasets(), [said]
    points, values = kept.plain()
    names, held = plan.held(points)
    labels = _Labels(plan, names)
    labels.add(
        "rank_correlation",
        methods.rank_correlations(held, values),
        "uncertainty",
        long_name="Spearman's rank correlation",
    )
    return *labels.datasets(), []


def _bands(plan: Plan, values: Array) -> tuple[xr.Dataset, xr.Dataset | None]:
    """Quantiles and mean over plain draws (runs, quantities)."""
    labels = _Labels(plan, ())
    quantiles = np.empty((len(methods.QUANTILES), values.shape[1]))
    for start in range(0, values.shape[1], 256):
        part = slice(start, start + 256)
        quantiles[:, part] = np.quantile(values[:, part], methods.QUANTILES, axis=0)
    labels.add("value", quantiles, "quantile", long_name="quantile over plain draws")
    labels.add("mean", np.asarray(values.mean(axis=0)), long_name="mean over plain draws")
    courses, numbers = labels.datasets()
    for dataset in (courses, numbers):
        if dataset is not None:
            dataset.attrs["draws"] = len(values)
    if numbers is not None:
        numbers = numbers.rename(value="quantiles", mean="plain_mean")
    return courses, numbers


def _worst(plan: Plan, points: Array, values: Array) -> xr.Dataset | None:
    """What drives the worst runs, once a year of saved times, for outcomes with a better side."""
    sides = {m.outcome.name: m.outcome.better for m in plan.measures}
    layout = plan.layout
    chosen = [
        (k, name)
        for k, name in enumerate(layout.names)
        if sides.get(name.split("[")[0], sides.get(name, "neither")) != "neither"
    ]
    if not chosen or len(points) < 20:
        return None
    at = np.arange(len(layout.time))[::-1][::_WORST_EVERY][::-1]
    courses, _ = layout.split(values)
    names, held = plan.held(points)
    parts = []
    for k, name in chosen:
        side = sides.get(name.split("[")[0], sides.get(name))
        found = screening.regional(held, courses[:, k][:, at], share=plan.study.worst, high=side == "lower")
        parts.append((found.distance, found.shift, found.threshold))
        noise = found.noise
    dated = {} if layout.date is None else {"date": ("time", layout.date[at])}
    return xr.Dataset(
        {
            "distance": (("outcome", "uncertainty", "time"), np.stack([p[0] for p in parts])),
            "shift": (("outcome", "uncertainty", "time"), np.stack([p[1] for p in parts])),
            "threshold": (("outcome", "time"), np.stack([p[2] for p in parts])),
        },
        coords={
            "outcome": [name for _, name in chosen],
            "unit": ("outcome", [layout.units[k] for k, _ in chosen]),
            "uncertainty": list(names),
            "time": layout.time[at],
            **dated,
        },
        attrs={**_attrs(plan), "share": plan.study.worst, "noise": noise},
    )


def _looks(plan: Plan, looks: list[methods.Look]) -> xr.Dataset | None:
    """Indices at doubling numbers of samples."""
    if not looks or not plan.layout.names:
        return None
    variables: dict[str, Any] = {}
    for name in ("S1", "S1_conf", "ST", "ST_conf"):
        values = np.stack([getattr(look, name) for look in looks])
        courses, _ = plan.layout.split(values)
        variables[name] = (("n", "outcome", "uncertainty", "time"), np.moveaxis(courses, -2, 1))
    coords = {**_coords(plan), "uncertainty": list(plan.sample.factors), "n": [look.n for look in looks]}
    return xr.Dataset(variables, coords=coords, attrs=_attrs(plan))


# On disk -------------------------------------------------------------------------------------------

_ARRAYS = ("indices", "numbers", "bands", "worst", "looks")


def write(result: StudyResult, folder: Path, *, say: Words = ENGLISH) -> None:
    """Write the tables and the labelled arrays, and the page of conclusions in a language."""
    for name in _ARRAYS:
        dataset = getattr(result, name)
        if dataset is not None:
            _write_netcdf(dataset, folder / f"{name}.nc")
    dated = ["date"] if "date" in result.indices.coords else []
    single = [
        str(n) for n, v in result.indices.data_vars.items() if v.dims == ("outcome", "uncertainty", "time")
    ]
    if result.indices.sizes["outcome"]:
        tidy = result.indices[single].to_dataframe(dim_order=["outcome", "uncertainty", "time"]).reset_index()
        unit = ["unit"] if result.study.method in ("morris", "tornado") else []  # the others are pure numbers
        _write_csv(tidy[["outcome", *unit, "uncertainty", *dated, "time", *single]], folder / "indices.csv")
    if "S2" in result.indices:
        pairs = result.indices[["S2", "S2_low", "S2_high", "S2_conf"]]
        table = pairs.to_dataframe(dim_order=["outcome", "uncertainty", "partner", "time"]).dropna()
        columns = ["outcome", "uncertainty", "partner", *dated, "time", *pairs.data_vars]
        _write_csv(table.reset_index()[columns], folder / "indices_second_order.csv")
    if result.numbers is not None:
        flat = [str(n) for n, v in result.numbers.data_vars.items() if v.dims == ("outcome", "uncertainty")]
        numbers = result.numbers[flat].to_dataframe(dim_order=["outcome", "uncertainty"]).reset_index()
        _write_csv(numbers[["outcome", "unit", "uncertainty", *flat]], folder / "numbers.csv")
    if result.bands is not None and result.bands.sizes["outcome"]:
        _write_csv(_bands_table(result.bands), folder / "bands.csv")
    if result.worst is not None:
        worst = result.worst[["distance", "shift"]].to_dataframe().reset_index()
        _write_csv(
            worst[["outcome", "uncertainty", *dated, "time", "distance", "shift"]], folder / "worst.csv"
        )
    if len(result.left_out):
        _write_csv(result.left_out, folder / "left_out.csv", digits=None)
    provenance.atomic_write(folder / "verdict.txt", "\n".join(result.verdict) + "\n")
    provenance.atomic_write(folder / conclude.FILE, conclude.conclusions(result, say=say))
    _write_csv(result.samples, folder / "samples.csv", digits=None)


def _bands_table(bands: xr.Dataset) -> pd.DataFrame:
    wide = bands["value"].to_series().unstack("quantile")
    wide.columns = [f"p{100 * float(q):02.0f}" for q in wide.columns]
    wide.insert(0, "mean", bands["mean"].to_series())
    table = wide.reset_index()
    table.insert(1, "unit", table["outcome"].map(bands["unit"].to_series()))
    if "date" in bands.coords:
        table.insert(2, "date", table["time"].map(bands["date"].to_series()))
    return table


def _write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4, "_FillValue": np.nan} for name in dataset.data_vars
    }
    if "date" in dataset.coords:
        encoding["date"] = {"units": "days since 2013-01-01", "dtype": "int32", "_FillValue": None}
    with provenance.atomic_path(path) as temporary:
        paths.save_netcdf(dataset, temporary, encoding=encoding)


def _write_csv(table: pd.DataFrame, path: Path, *, digits: int | None = 9) -> None:
    """Write a table with so many significant digits; all of them with None."""
    with provenance.atomic_path(path) as temporary:
        without_formulas(table).to_csv(
            temporary,
            index=False,
            encoding="utf-8",
            lineterminator="\n",
            date_format="%Y-%m-%d",
            float_format=None if digits is None else f"%.{digits}g",
        )


def read(folder: str | Path) -> StudyResult:
    """Read the results of a study from disk.

    Parameters
    ----------
    folder : path
        As `write` leaves it.

    Returns
    -------
    StudyResult

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
        arrays: Mapping[str, xr.Dataset | None] = {
            name: paths.load_netcdf(folder / f"{name}.nc") if (folder / f"{name}.nc").exists() else None
            for name in _ARRAYS
        }
        if arrays["indices"] is None:
            raise ValueError("indices.nc is missing")
        left_out = folder / "left_out.csv"
        return StudyResult(
            study=Study.model_validate_json(json.dumps(entry["study"])),
            **arrays,  # type: ignore[arg-type]
            samples=pd.read_csv(folder / "samples.csv", encoding="utf-8"),
            verdict=tuple((folder / "verdict.txt").read_text(encoding="utf-8").splitlines()),
            left_out=pd.read_csv(left_out, encoding="utf-8") if left_out.exists() else pd.DataFrame(),
            runs=int(entry["runs"]),
            seconds=float(entry["seconds"]),
            spent=entry.get("seconds_by_part") or {},
            folder=folder,
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "the results of the study are damaged",
            where=str(folder),
            found=str(error),
            remedy="Run the study again",
        ) from error


def placed(result: StudyResult, folder: Path) -> StudyResult:
    """The result with the folder where it lies."""
    return replace(result, folder=folder)
