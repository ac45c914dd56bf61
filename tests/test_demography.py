"""What the model of the population and the model of migration hand each other, on made-up runs."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from flows.demography import ORIGINS, demography_inputs, migration_inputs
from flows.errors import InputError

OLDER = "older people per prime age adult in the US"


def population(first: int = 2010, last: int = 2040) -> xr.Dataset:
    years = np.arange(first, last + 1, dtype=float)
    people = np.array([100.0 * (k + 1) + years - 2013 for k in range(len(ORIGINS))])
    return xr.Dataset(
        {
            "working age population": (("country", "time"), people),
            "share of young adults": (("country", "time"), people / 1000),
            OLDER: ("time", 0.2 + 0.01 * (years - 2013)),
        },
        coords={"country": list(ORIGINS), "time": years},
    )


def migration(moves: float, violence: float, months: int = 36, start: float = 0.0) -> xr.Dataset:
    time = start + np.arange(months + 1, dtype=float)
    shape = (len(ORIGINS), len(time))
    return xr.Dataset(
        {
            "net moves to the US": (("origin", "time"), np.full(shape, moves)),
            "violence": (("origin", "time"), np.full(shape, violence)),
        },
        coords={"origin": list(ORIGINS), "time": time},
    )


def test_years_of_the_population_become_months_of_migration() -> None:
    found = migration_inputs(population())
    assert len(found) == 2 * len(ORIGINS) + 1
    table = found["working age population of Guatemala"]
    assert table["x"].values[[0, 1, -1]].tolist() == [0, 12, 276]  # 1 January of 2013, 2014 and 2036
    assert table.values[[0, 1, -1]].tolist() == [200, 201, 223]
    assert found["share of young adults in El Salvador"].values[0] == pytest.approx(0.4)
    assert found[OLDER].values[-1] == pytest.approx(0.43)


def test_a_run_that_is_too_short_or_lacks_an_outcome_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"too short, found 2010 to 2030, expected every year from 2013 to 2036"
    ):
        migration_inputs(population(last=2030))
    with pytest.raises(InputError, match=f'missing from the run, found "{OLDER}"'):
        migration_inputs(population().drop_vars(OLDER))
    with pytest.raises(InputError, match='"violence"'):
        demography_inputs(migration(1, 1), migration(1, 1).drop_vars("violence"))


def test_more_moves_and_violence_act_year_by_year() -> None:
    found = demography_inputs(migration(moves=150, violence=3), migration(moves=100, violence=2))
    for country in ORIGINS:
        extra = found[f"extra net moves from {country}"]
        assert extra["x"].values.tolist() == [1980, 2013, 2014, 2015, 2070]
        np.testing.assert_allclose(extra.values, [0, 600, 600, 600, 600])  # 50 people a month
        assert float(found[f"violence multiple[{country}]"]) == 1.5


def test_runs_saved_at_different_times_are_refused() -> None:
    with pytest.raises(InputError, match="saved at different times"):
        demography_inputs(migration(1, 1), migration(1, 1, start=0.5))
