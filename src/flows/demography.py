"""What models/demography.mdl and models/migration.mdl hand each other: lookups over years and over months."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import xarray as xr

from flows.calendar import START_YEAR
from flows.errors import InputError

ORIGINS = ("Mexico", "Guatemala", "Honduras", "El Salvador")
LAST_YEAR = 2036  # 1 January 2036 is the end of the migration model's run
_BY_COUNTRY = MappingProxyType(
    {
        "working age population": "working age population of",
        "share of young adults": "share of young adults in",
    }
)
_ONE_COUNTRY = "older people per prime age adult in the US"
_MOVES = "net moves to the US"


def migration_inputs(run: xr.Dataset) -> dict[str, xr.DataArray]:
    """Lookups of the migration model from a run of the demography.

    Parameters
    ----------
    run : xarray.Dataset
        All outcomes of models/demography.mdl, one run, saved every year.

    Returns
    -------
    dict of str to DataArray
        By name of the lookup, over ``x`` in months from January 2013 (1 January of 2013 to 2036): people aged
        15 to 64 (Person) and the share of them aged 15 to 34 (Dmnl) of Mexico, Guatemala, Honduras and El Salvador,
        older people for each adult of prime age in the United States (Dmnl). Usable as inputs of `flows.simulate`.

    Raises
    ------
    InputError
        The run lacks an outcome or doesn't cover 2013 to 2036.

    Examples
    --------
    >>> import flows
    >>> run = flows.simulate(flows.read_vensim("models/demography.mdl"))  # doctest: +SKIP
    >>> flows.simulate(flows.read_vensim("models/migration.mdl"), migration_inputs(run))  # doctest: +SKIP
    """
    years = np.arange(START_YEAR, LAST_YEAR + 1, dtype=float)
    months = 12.0 * (years - START_YEAR)
    _need(run, [*_BY_COUNTRY, _ONE_COUNTRY])
    if not np.isin(years, run["time"].values).all():
        raise InputError(
            "the run of the demography is too short",
            found=f"{run['time'].values[0]:g} to {run['time'].values[-1]:g}",
            expected=f"every year from {START_YEAR} to {LAST_YEAR}",
        )

    def table(values: xr.DataArray) -> xr.DataArray:
        return xr.DataArray(values.sel(time=years).values, dims="x", coords={"x": months})

    result = {
        f"{lookup} {country}": table(run[name].sel(country=country))
        for name, lookup in _BY_COUNTRY.items()
        for country in ORIGINS
    }
    return result | {_ONE_COUNTRY: table(run[_ONE_COUNTRY])}


def demography_inputs(run: xr.Dataset, base: xr.Dataset) -> dict[str, xr.DataArray]:
    """What a run of the migration model changes in the demography: net moves to the United States, violence.

    Parameters
    ----------
    run, base : xarray.Dataset
        Outcomes ``net moves to the US`` and ``violence`` (origin, time) of one run and of the base run of
        models/migration.mdl, at the same saved times, at least every month.

    Returns
    -------
    dict of str to DataArray
        ``extra net moves from <country>`` (Person/Year) over ``x``, calendar years of the run, with zero before; the
        last year of the run holds to 2070. ``violence multiple[<country>]`` (Dmnl): violence of the last twelve months
        relative to the base run, which acts from ``violence change year`` on. Usable as inputs of `flows.simulate`.

    Raises
    ------
    InputError
        A run lacks the outcome, or the times differ.
    """
    _need(run, [_MOVES, "violence"])
    _need(base, [_MOVES, "violence"])
    if not np.array_equal(run["time"].values, base["time"].values):
        raise InputError(
            "the two runs of the migration model are saved at different times",
            found=f"{run.sizes['time']} and {base.sizes['time']} times",
            remedy="Run both with the same until and save_every",
        )
    time = run["time"].values
    years = np.arange(int(time[-1] // 12))
    result = {}
    for country in ORIGINS:
        extra = (run[_MOVES] - base[_MOVES]).sel(origin=country).values
        total = np.concatenate([[0.0], np.cumsum((extra[1:] + extra[:-1]) / 2 * np.diff(time))])
        ends = np.interp(12.0 * np.append(years, years[-1] + 1), time, total)
        x = np.concatenate([[1980.0], START_YEAR + years.astype(float), [2070.0]])
        values = np.concatenate([[0.0], np.diff(ends), [np.diff(ends)[-1]]])
        result[f"extra net moves from {country}"] = xr.DataArray(values, dims="x", coords={"x": x})
        last = [
            ds["violence"].sel(origin=country, time=slice(time[-1] - 12, None)).mean() for ds in (run, base)
        ]
        result[f"violence multiple[{country}]"] = (last[0] / last[1]).drop_vars("origin")
    return result


def _need(run: xr.Dataset, names: list[str]) -> None:
    missing = [name for name in names if name not in run]
    if missing:
        raise InputError(
            "an outcome is missing from the run",
            found=", ".join(f'"{name}"' for name in missing),
            remedy="Ask for it in outcomes",
        )
