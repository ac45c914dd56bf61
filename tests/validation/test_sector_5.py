"""Sector 5, US border: repeats, release beyond capacity, people sent to ask for asylum in Mexico."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flows
from flows.model.model import Model


def test_expulsion_raises_events_for_each_person_by_repeats(cases: Any, last_year: Any) -> None:
    """S8-10."""
    many = {"expulsion share": 0.8}
    names = ["encounters at US border", "total departures", "retrying after expulsion"]
    ds = cases({}, many, many | {"switch for repeats after expulsion": 0.0}, outcomes=names)
    events, people, again = (last_year(ds[n]) for n in names)
    ratio = events / people
    assert ratio[1] > 1.1 * ratio[0]
    assert ratio[2] < ratio[1]
    assert again[2] == 0.0
    assert again[1] > again[0]


def test_repeats_explain_part_of_the_counts_of_2021(cases: Any) -> None:
    ds = cases(
        {}, {"switch for repeats after expulsion": 0.0}, outcomes=["encounters at US border"], until="2021-12"
    )
    with_repeats, without = ds["encounters at US border"].isel(time=slice(96, 108)).sum("time").values
    assert without < 0.85 * with_repeats


def test_people_beyond_detention_capacity_are_released_unless_the_loop_is_cut(
    migration: Model, cases: Any
) -> None:
    names = ["share detained", "releases at the border"]
    ds = cases({}, {"switch for release beyond detention capacity": 0.0}, outcomes=names, until="2024-12")
    held = float(migration.constants["reference share detained"].value)
    assert float(abs(ds["share detained"].isel(draw=1) - held).max()) == 0.0
    assert float(ds["share detained"].isel(draw=0).min()) < 0.5
    assert float(ds["share detained"].isel(draw=0).max()) == 1.0


def test_people_sent_to_mexico_wait_apply_or_try_again(migration: Model, cases: Any, last_year: Any) -> None:
    """S7-08: more people wait in Mexico; with US money more of them apply and shelters grow."""
    names = [
        "people sent to Mexico for asylum",
        "people waiting in Mexico",
        "COMAR applications",
        "exposure index",
    ]
    sent = {"safe third country share": 0.3}
    ds = cases({}, sent, sent | {"US funding of hosting": 1.0}, outcomes=[*names, "COMAR staff"])
    waiting = last_year(ds["people waiting in Mexico"])
    assert waiting[0] < waiting[1]
    assert waiting[0] < waiting[2]
    applications = last_year(ds["COMAR applications"])
    assert applications[0] < applications[1] < applications[2]
    staff = last_year(ds["COMAR staff"])
    assert staff[2] > staff[1]
    assert last_year(ds["people sent to Mexico for asylum"])[0] == 0.0
    exposure = last_year(ds["exposure index"])
    assert exposure[1] > exposure[0]


def test_every_share_of_people_met_adds_up_at_the_ends_of_the_levers(migration: Model) -> None:
    inputs = {
        "expulsion share": 1.0,
        "MPP share": 0.5,
        "safe third country share": 0.5,
        "shared border management": 1.0,
        "policy start time": 60.0,
    }
    names = [
        "people met between ports",
        "people expelled",
        "people placed in MPP",
        "people sent to seek asylum in Mexico",
        "people in ordinary process",
    ]
    ds = flows.simulate(migration, inputs, outcomes=names)
    assert all(float(ds[n].min()) > -1e-6 for n in names)
    met, expelled, ordinary = (
        ds[n].isel(origin=slice(1, None)).transpose("time", "origin").values
        for n in ("people met between ports", "people expelled", "people in ordinary process")
    )
    mpp, sent = (ds[n].transpose("time", "transit origin").values for n in names[2:4])
    np.testing.assert_allclose(met, expelled + mpp + sent + ordinary, rtol=1e-9, atol=1e-6)


def test_openings_decided_in_the_us_need_political_room(cases: Any, last_year: Any) -> None:
    opening = {"asylum eligibility": 2.0, "appointment slots per month": 40000.0}
    ds = cases(
        {},
        opening,
        opening | {"political room future": 0.2},
        outcomes=["stays in the US", "appointment slots"],
        until="2029-12",  # before departures recover, so that the queue for few places doesn't decide
    )
    stays, slots = (last_year(ds[n]) for n in ("stays in the US", "appointment slots"))
    assert stays[0] < stays[2] < stays[1]
    assert slots[2] == pytest.approx(0.2 * 40000.0, rel=0.05)


def test_rules_of_the_us_work_as_far_as_mexico_accepts_people(cases: Any, last_year: Any) -> None:
    """004-01: the effect of a strict rule grows with Mexican cooperation."""
    strict = {"expulsion share": 0.6, "MPP share": 0.2, "safe third country share": 0.2}
    half, full = {"return cooperation": 0.5}, {"return cooperation": 1.0}
    names = ["stays in the US", "people expelled", "people enrolled in MPP"]
    ds = cases(half, half | strict, full, full | strict, outcomes=names)
    stays = last_year(ds["stays in the US"])
    assert stays[3] / stays[2] < stays[1] / stays[0] < 1.0
    for name in names[1:]:
        assert last_year(ds[name])[3] > last_year(ds[name])[1], name


def test_title_42_begins_and_ends_on_its_days(migration: Model) -> None:
    """20 March 2020 to 11 May 2023; in March 2020 a fifth of those met were expelled (7,150 of 34,460)."""
    share = flows.simulate(migration, outcomes=["share expelled"], until="2023-06", save_every=1 / 16)
    mexico = share["share expelled"].sel(origin="Mexico")
    assert float(mexico.sel(time=86.5)) == 0.0
    assert 0.2 < float(mexico.sel(time=slice(86, 86.9375)).mean()) < 0.3
    assert float(mexico.sel(time=124.3125)) > 0.8
    assert float(mexico.sel(time=slice(124.4375, 125)).max()) == 0.0
