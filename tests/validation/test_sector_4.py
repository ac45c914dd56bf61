"""Sector 4, waiting at the northern border: lists, shelters, programmes, ports."""

from __future__ import annotations

from typing import Any

import pytest

import flows
from flows.model.model import Model


def test_lists_follow_the_counts_of_2018_to_2021(migration: Model) -> None:
    """Emergent but for port slots; the peak of August 2019 is too high and known to be."""
    names = flows.simulate(migration, outcomes=["metering waitlist names"], until="2021-12")[
        "metering waitlist names"
    ]
    seen = ((76, 18700, 0.2), (79, 26000, 0.5), (88, 14580, 0.15), (91, 15000, 0.15))
    for month, count, close in (*seen, (100, 18683, 0.2), (103, 20606, 0.1), (106, 26505, 0.1)):
        assert float(names[month]) == pytest.approx(count, rel=close), month


def test_switches_cut_the_loops_of_waiting(cases: Any) -> None:
    names = ["list drop out rate", "effect of shelter overload on drop out", "people waiting in the north"]
    ds = cases(
        {},
        {"switch for list wait raises crossings": 0.0},
        {"switch for crowded shelters end waiting": 0.0},
        outcomes=names,
        until="2024-12",
    )
    assert float(abs(ds[names[1]].isel(draw=2) - 1.0).max()) == 0.0
    cut = ds[names[0]].isel(draw=1) / ds[names[1]].isel(draw=1)
    assert float(cut.max()) == pytest.approx(float(cut.min()), rel=1e-9)
    assert float(ds[names[2]].isel(draw=2)[132]) > float(ds[names[2]].isel(draw=0)[132])


def test_local_programmes_settle_mexicans_too_and_fewer_cross(
    migration: Model, cases: Any, last_year: Any
) -> None:
    """Iniciativa Juarez (S4): people who stop waiting stay, Mexicans among them."""
    names = ["listed people settling", "listed people trying between ports"]
    ds = cases({}, {"local integration programmes": 1.0}, outcomes=names)
    base, more = last_year(ds[names[0]])
    assert more > 2.0 * base
    base, more = last_year(ds[names[1]])
    assert more < base
    programme = flows.simulate(
        migration, {"local integration programmes": 1.0}, outcomes=["listed people settling"]
    )
    assert float(programme["listed people settling"].sel(origin="Mexico")[-1]) > 0.0


def test_shared_management_processes_more_and_misses_fewer(cases: Any, last_year: Any) -> None:
    """000-10."""
    names = ["port slots", "uncaught entries", "metering waitlist names"]
    ds = cases({}, {"shared border management": 1.0}, outcomes=names)
    slots, uncaught, listed = (last_year(ds[n]) for n in names)
    assert slots[1] == pytest.approx(1.5 * slots[0])
    assert uncaught[1] < 0.8 * uncaught[0]
    assert listed[1] < listed[0]


def test_shelter_places_come_from_support_public_money_and_hosting(cases: Any, last_year: Any) -> None:
    """S5-04, S7-08, S8-16."""
    sent = {"safe third country share": 0.3}
    ds = cases(
        {},
        {"shelter support": 2.0},
        {"municipal support": 3.0},
        {"protection share of budget": 0.3},
        sent,
        sent | {"US funding of hosting": 1.0},
        outcomes=["shelter places", "shelter overload"],
    )
    places, overload = (last_year(ds[n]) for n in ("shelter places", "shelter overload"))
    assert all(places[1:4] > 1.2 * places[0])
    assert places[4] == pytest.approx(places[0], rel=0.01)
    assert places[5] > 1.2 * places[4]
    assert overload[5] < overload[4]


def test_no_port_and_no_place_leave_people_waiting_but_none_below_zero(migration: Model) -> None:
    inputs = {"port admissions": 0.0, "shelter support": 0.0, "policy start time": 60.0}
    ds = flows.simulate(
        migration, inputs, outcomes=["people on metering lists", "metering waitlist names", "list wait"]
    )
    assert float(ds["people on metering lists"].min()) >= 0.0
    assert float(ds["list wait"][100]) == pytest.approx(48.0)
    assert float(ds["metering waitlist names"][-1]) >= float(ds["metering waitlist names"][100])


def test_settling_and_trying_shares_never_exceed_one(migration: Model) -> None:
    inputs = {"local integration programmes": 1.0, "temporary regularisation": 1.0, "policy start time": 60.0}
    ds = flows.simulate(
        migration,
        {**inputs, "share reached by local programmes": 0.6},
        outcomes=["settling of drop outs", "trying of drop outs"],
    )
    assert float((ds["settling of drop outs"] + ds["trying of drop outs"]).max()) <= 1.0
    assert float(ds["settling of drop outs"].max()) <= 0.6
