"""Sector 13, processing near origin: who registers, waits, is approved, leaves after a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flows
from flows.model.model import Model

PLACES = {"Safe Mobility places": 5000.0}


def test_registrations_and_arrivals_of_the_offices(migration: Model) -> None:
    """Input series, met within demand: 172,600 registered and 7,600 arrived by June 2024."""
    names = ["registrations near origin", "people approved near origin"]
    ds = flows.simulate(migration, outcomes=names, until="2024-07").sum("transit origin")
    step = {n: (ds[n].values[:-1] + ds[n].values[1:]) / 2 for n in names}
    assert step[names[0]][:138].sum() == pytest.approx(172600, rel=0.1)
    assert step[names[1]][:138].sum() == pytest.approx(7600, rel=0.2)


def test_offices_keep_people_off_the_way_and_cost_waiting_near_danger(cases: Any, last_year: Any) -> None:
    """004-14 with S3-37."""
    down = ["total departures", "entries at the southern border", "encounters at US border"]
    up = ["people waiting near origin", "approvals near origin"]
    ds = cases({}, PLACES, outcomes=[*down, *up])
    for name in down:
        base, more = last_year(ds[name])
        assert more < base, name
    for name in up:
        base, more = last_year(ds[name])
        assert more > base + 1.0, name


def test_waiting_near_origin_counts_as_exposure(cases: Any, last_year: Any) -> None:
    """S3-37: exposure of those who wait near a danger is a cost of the offices."""
    weight = {"harm weight of waiting near origin": 0.0}
    ds = cases(weight, weight | PLACES, PLACES, outcomes=["exposure index"])
    none, free, cost = last_year(ds["exposure index"])
    assert free < none
    assert cost > free


def test_approvals_keep_within_places_and_registrations_within_demand(migration: Model) -> None:
    inputs = PLACES | {
        "Safe Mobility places": 20000.0,
        "policy start time": 120.0,
        "policy freeze time": 141.0,
    }
    names = [
        "people approved near origin",
        "places near origin",
        "registrations near origin",
        "demand near origin",
    ]
    ds = flows.simulate(migration, inputs, outcomes=names)
    assert (ds[names[0]].sum("transit origin") <= ds[names[1]] + 1e-6).all()
    assert (ds[names[2]] <= ds[names[3]] * 1.0 + 1e-6).all()
    assert (
        float(ds["people approved near origin"].sel({"transit origin": ["Honduras", "El Salvador"]}).max())
        == 0.0
    )


def test_registered_people_are_approved_stay_or_leave(migration: Model) -> None:
    names = [
        "people registered near origin",
        "registrations near origin",
        "people approved near origin",
        "people staying after refusal",
        "people leaving after refusal",
        "people admitted from near origin",
    ]
    step = migration.control.time_step
    ds = flows.simulate(migration, PLACES, outcomes=names, save_every=step)
    net = (ds[names[1]] - ds[names[2]] - ds[names[3]] - ds[names[4]]).isel(time=slice(None, -1))
    np.testing.assert_allclose((net.sum("time") * step).values, ds[names[0]].isel(time=-1).values, atol=1e-6)
    assert float(ds[names[5]].isel(time=-1).sum()) > 100000.0


def test_closed_politics_close_the_offices_and_the_switch_cuts_the_loop(cases: Any, last_year: Any) -> None:
    names = ["approvals near origin", "total departures"]
    ds = cases(
        {},
        PLACES,
        PLACES | {"political room future": 0.0},
        PLACES | {"switch for processing near origin": 0.0},
        outcomes=names,
    )
    approved, departures = (last_year(ds[n]) for n in names)
    assert approved[2] < 0.01 * approved[1]
    assert departures[1] < departures[0]
    assert departures[3] > departures[1]


def test_departures_never_fall_below_zero(migration: Model) -> None:
    inputs = {
        "Safe Mobility places": 20000.0,
        "legal pathways per month": 100000.0,
        "policy start time": 60.0,
    }
    most = {"share of registered who would have left": 0.6, "highest share replaced": 0.95}
    ds = flows.simulate(migration, inputs | most, outcomes=["departures", "people setting out"])
    assert float(ds["departures"].min()) >= 0.0
    assert float(ds["people setting out"].min()) >= 0.0
