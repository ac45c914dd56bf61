"""Sector 3, protection in Mexico: applications, waits, staff, files and people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import flows
from flows.model.model import Model


def total(values: xr.DataArray, first: int, last: int) -> float:
    """Sum over the months from `first` to before `last`, by the trapezium rule."""
    v = values.values
    return float((v[first:last] + v[first + 1 : last + 1]).sum() / 2)


def test_figures_of_the_report_on_comar(migration: Model) -> None:
    """S3-04, S3-06, S3-10, S3-27: fitted (all years together within 15 %), but for the staff, which is an input."""
    ds = flows.simulate(migration, outcomes=["COMAR applications", "COMAR staff"], until="2024-12")
    applications = ds["COMAR applications"]
    assert total(applications, 24, 36) == pytest.approx(3423, rel=0.3)
    assert total(applications, 72, 84) == pytest.approx(70418, rel=0.2)
    assert total(applications, 96, 101) == pytest.approx(41195, rel=0.25)
    assert total(applications, 0, 99) == pytest.approx(170000, rel=0.1)
    assert float(ds["COMAR staff"][87]) == pytest.approx(140, rel=0.1)


def test_files_of_people_seeking_protection_in_may_2021(migration: Model) -> None:
    """S3-07: 228,984 with all applications since 2013, about 159,000 with the open ones; the second is comparable."""
    names = ["files of people seeking protection in Mexico", "MPP cases pending", "MPP orders in absentia"]
    ds = flows.simulate(migration, outcomes=names, until="2021-06").isel(time=101)
    assert float(ds[names[0]]) == pytest.approx(159000, rel=0.1)
    assert float(ds[names[1]] + ds[names[2]]) == pytest.approx(40000, rel=0.15)


def test_pending_files_follow_the_published_stock(migration: Model) -> None:
    """The same files and clerks in both: fitted only by way of applications."""
    ds = flows.simulate(migration, outcomes=["COMAR pending cases"], until="2024-01")
    for month, seen in ((96, 83792), (108, 157150), (120, 210609), (132, 257396)):
        assert float(ds["COMAR pending cases"][month]) == pytest.approx(seen, rel=0.3), month


def test_only_venezuelans_apply_by_air_and_only_until_a_visa_is_asked(migration: Model) -> None:
    ds = flows.simulate(migration, outcomes=["applicants arriving by air"])["applicants arriving by air"]
    others = ds.sel({"transit origin": [o for o in ds["transit origin"].values if o != "Venezuela"]})
    assert float(abs(others).max()) == 0.0
    assert float(ds.isel(time=slice(109, None)).max()) == 0.0
    assert float(ds.isel(time=84).sum()) > 400


def test_a_long_wait_lowers_applications_and_raises_abandonment(cases: Any, last_year: Any) -> None:
    names = ["COMAR applications", "abandonment hazard", "COMAR wait"]
    slow = {"COMAR staff target": 0.2}
    ds = cases(
        slow,
        slow | {"switch for wait lowers applications": 0.0},
        slow | {"switch for wait raises abandonment": 0.0},
        {},
        outcomes=names,
    )
    applications, abandonment, wait = (last_year(ds[n]) for n in names)
    assert wait[0] > 1.5 * wait[3]
    assert applications[1] > 1.05 * applications[0]
    assert abandonment[0] > 1.05 * abandonment[2]


def test_more_claims_bring_more_staff_after_years(cases: Any, last_year: Any) -> None:
    """S3-29: money follows applications with a delay of years."""
    crisis = {"origin shock future": 4.0, "policy freeze time": 141.0}
    ds = cases(crisis, crisis | {"switch for backlog raises COMAR staff": 0.0}, outcomes=["COMAR staff"])
    on, off = last_year(ds["COMAR staff"])
    assert on > 1.05 * off


def test_without_staff_nothing_is_decided_and_files_pile_up(cases: Any) -> None:
    ds = cases(
        {"COMAR staff target": 0.0, "COMAR staff attrition": 0.025},
        {},
        outcomes=["COMAR staff", "people recognised", "COMAR pending cases"],
        until="2035-12",
    )
    assert float(ds["COMAR staff"][-1, 0]) < 0.1 * float(ds["COMAR staff"][-1, 1])
    assert float(ds["people recognised"][-1, 0]) < 0.2 * float(ds["people recognised"][-1, 1])
    assert float(ds["COMAR pending cases"][-1, 0]) > float(ds["COMAR pending cases"][-1, 1])


def test_people_who_stop_waiting_for_the_us_apply_in_mexico(cases: Any, last_year: Any) -> None:
    """S3-38, one of its ways: those returned to wait who give up ask for refuge."""
    names = ["MPP people applying in Mexico", "people enrolled in MPP"]
    base, mpp = (cases({}, {"MPP share": 0.3}, outcomes=names)[n] for n in names)
    assert last_year(base)[1] > 10.0 * last_year(base)[0]
    assert last_year(mpp)[1] > 10.0 * last_year(mpp)[0]


def test_a_shut_border_raises_the_share_who_apply_their_wait_and_both_places_of_waiting(
    cases: Any, last_year: Any
) -> None:
    """S3-38 to S3-40, from the course of September 2024: shut asylum, wait in Mexico, fewer places at ports."""
    course = {"policy freeze time": 141.0, "policy start time": 141.0}
    shut = {"asylum eligibility": 0.0, "MPP share": 0.4, "port admissions": 0.3}
    names = ["COMAR applications", "COMAR wait", "people waiting in the north", "people waiting at COMAR"]
    ds = cases(course, course | shut, outcomes=names)
    for name in names:
        base, tight = last_year(ds[name])
        assert tight > base, name


def test_temporary_papers_and_moving_people_lower_crowding_and_tension(cases: Any, last_year: Any) -> None:
    """S3-42, S3-44 to S3-48."""
    names = ["people in crowded places", "local tension", "refugees relocated and integrated"]
    move = {"COMAR relocation per month": 5000.0, "free movement of applicants": 1.0}
    papers = {"temporary regularisation": 0.5}
    ds = cases({}, move, papers, move | papers, outcomes=names)
    crowd, tension, integrated = (last_year(ds[n]) for n in names)
    for values in (crowd, tension):
        assert values[3] < min(values[1], values[2]) < max(values[1], values[2]) < values[0]
    assert integrated[1] > integrated[0]


def test_files_close_without_moving_people(cases: Any, last_year: Any) -> None:
    """Closing abandoned files faster changes the stock of files; nobody moves by it."""
    ds = cases(
        {},
        {"shortest closing time": 4.0},
        outcomes=["total abandoned files", "people recognised", "applicants settling"],
        until="2016-12",
    )
    files = last_year(ds["total abandoned files"])
    assert files[1] < files[0]
    np.testing.assert_allclose(*last_year(ds["applicants settling"]), rtol=0.1)
