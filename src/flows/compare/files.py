"""A comparison on disk: tidy tables, and labelled arrays that another comparison can read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from flows import paths, provenance
from flows.compare.comparison import Comparison
from flows.compare.measures import HUMAN_COST
from flows.compare.table import CAVEAT, Spread
from flows.tables import without_formulas

_ROWS = 10_000  # of a table that are written at once
DRAWS = "draws.nc"
"""Levels on every draw, for comparing saved comparisons."""


def write(
    comparison: Comparison,
    folder: Path,
    *,
    futures: str = "",
    drawn: Comparison | None = None,
    caveat: str = CAVEAT,
) -> list[Path]:
    """Write a comparison into an existing folder.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.
    folder : Path
        An existing folder, as `flows.provenance.results_folder` gives one.
    futures : str
        What tells these draws from others, as `fingerprint` gives it.
    drawn : Comparison, optional
        The same scenarios on draws, where `comparison` has none: ``halving.csv`` and ``side-effects.csv`` speak of it.
    caveat : str
        Stands in every row; in another language, say.

    Returns
    -------
    list of Path
        The files written: ``comparison.csv`` (tidy; columns of draws only with draws) and ``comparison.nc`` (outcomes
        over scenario and time), ``halving.csv``, ``side-effects.csv``; with draws also ``odds.csv``, ``ranks.csv`` and
        ``draws.nc``.

    Raises
    ------
    ResultError
        The place can't be written to.
    """
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "comparison": lambda: comparison_table(comparison),
        "halving": lambda: halving_table(drawn or comparison),
        "side-effects": lambda: side_effects_table(drawn or comparison),
    }
    if comparison.draws:
        makers |= {"odds": lambda: odds_table(comparison), "ranks": lambda: ranks_table(comparison)}
    written = [  # one after the other: those of many scenarios are large
        write_table(make().assign(caveat=caveat), folder / f"{name}.csv") for name, make in makers.items()
    ]
    arrays = folder / "comparison.nc"
    titles = {s.name: s.title for s in comparison.scenarios}
    about = {"caveat": caveat, "start": comparison.start, "titles": "\n".join(titles.values())}
    with provenance.atomic_path(arrays) as temporary:
        to_netcdf(comparison.values.assign_attrs(about), temporary)
    written.append(arrays)
    if comparison.draws:
        path = folder / DRAWS
        with provenance.atomic_path(path) as temporary:
            to_netcdf(comparison.levels.assign_attrs(caveat=CAVEAT, futures=futures), temporary)
        written.append(path)
    return written


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table whole or not at all, as UTF-8 with plain line ends.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is left out.
    path : Path
        Of a CSV file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ResultError
        The place can't be written to.
    """
    with (
        provenance.atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as stream,
    ):
        for first in range(
            0, max(len(table), 1), _ROWS
        ):  # texts marked for a few rows at a time take little memory
            part = without_formulas(table.iloc[first : first + _ROWS])
            part.to_csv(stream, index=False, header=not first, lineterminator="\n")
    return path


def fingerprint(draws: Mapping[str, xr.DataArray]) -> str:
    """Digest draws, so that results on the same ones can be told; empty for none.

    Parameters
    ----------
    draws : mapping of str to DataArray over draw
        By constant.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits.
    """
    if not draws:
        return ""
    made = hashlib.sha256()
    for name in sorted(draws):
        made.update(name.encode("utf-8"))
        made.update(np.ascontiguousarray(draws[name].values, dtype=np.float64).tobytes())
    return made.hexdigest()


def odds_table(comparison: Comparison) -> pd.DataFrame:
    """Tabulate the odds: ``outcome, date, scenario, other, probability, human_cost, caveat``.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
    """
    found = comparison.odds.to_series().reset_index()
    found = found[found["scenario"] != found["other"]].reset_index(drop=True)
    return found.assign(human_cost=found["outcome"].isin(HUMAN_COST), caveat=CAVEAT)


def ranks_table(comparison: Comparison) -> pd.DataFrame:
    """Tabulate ranks: ``outcome, date, scenario, median, low, high, stability, regret_*, human_cost, caveat``.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
    """
    ranks = comparison.ranks[["median", "low", "high"]].to_dataframe().reset_index()
    stability = comparison.ranks["stability"].to_series().rename("stability").reset_index()
    regret = comparison.regret.to_dataframe().add_prefix("regret_").reset_index()
    found = ranks.merge(stability, on=["outcome", "date"]).merge(regret, on=["outcome", "date", "scenario"])
    return found.assign(human_cost=found["outcome"].isin(HUMAN_COST), caveat=CAVEAT)


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """`Comparison.table`; of a comparison without draws, without the columns that only draws fill.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
    """
    names = [] if comparison.draws else [field.name for field in fields(Spread)]
    return comparison.table.drop(columns=names, errors="ignore")


def halving_table(comparison: Comparison) -> pd.DataFrame:
    """`Comparison.halving_table`; of a comparison without draws, without shares and ends of an interval.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
    """
    names = [] if comparison.draws else ["share", "early", "late"]
    return comparison.halving_table().drop(columns=names)


def side_effects_table(comparison: Comparison) -> pd.DataFrame:
    """What gets worse beyond doubt at every date, as `Comparison.side_effects` says it.

    Of a comparison without draws, ``difference`` and ``difference_percent`` of one run each stand in place of medians
    and shares of draws.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
    """
    dates = [str(date) for date in comparison.levels["date"].values] if comparison.levels.data_vars else []
    parts = [comparison.side_effects(date=date) for date in dates]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if comparison.draws:
        return found
    one = {"median": "difference", "median_percent": "difference_percent"}
    return found.drop(columns=["share"], errors="ignore").rename(columns=one)


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
    if "date" in made.coords and made["date"].dtype.kind == "M":
        encoding["date"] = {"units": "hours since 2013-01-01", "dtype": "int64"}
    paths.save_netcdf(made, path, encoding=encoding)


def _netcdf_name(name: str) -> str:
    """Spell a name as NetCDF takes it: no slash, and a letter, digit or underscore first."""
    spelt = name.replace("/", " per ").strip()
    return spelt if spelt[:1].isalnum() or spelt[:1] == "_" else "_" + spelt
