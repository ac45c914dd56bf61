"""Sector 12, institutions and budgets: money, capacity, tension, pressure, room for reform, consulates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flows
from flows.model.model import Model

CRISIS = {"origin shock future": 4.0, "policy freeze time": 141.0, "policy start time": 141.0}


def test_money_for_protection_and_containment_adds_up_to_the_budget(migration: Model) -> None:
    names = ["migration budget", "spending on protection", "spending on containment"]
    ds = flows.simulate(
        migration, {"US pressure future": 3.0, "protection share of budget": 0.6}, outcomes=names
    )
    np.testing.assert_allclose(ds[names[0]].values, (ds[names[1]] + ds[names[2]]).values, rtol=1e-12)
    assert float(ds["spending on containment"].min()) > 0.0


def test_the_dated_course_holds_the_history_of_containment(migration: Model) -> None:
    names = [
        "effect of US pressure on containment",
        "containment capacity",
        "protection capacity",
        "municipal capacity",
    ]
    ds = flows.simulate(migration, outcomes=names, until="2024-09")
    for name in names:
        np.testing.assert_allclose(ds[name].values, 1.0, rtol=1e-12, err_msg=name)


def test_containment_money_can_go_to_asylum_shelter_and_municipalities(cases: Any, last_year: Any) -> None:
    """S8-16, S8-17, S5-01 the other way."""
    names = ["protection capacity", "shelter places", "municipal capacity", "COMAR staff"]
    down = ["containment capacity", "local tension", "COMAR wait", "interceptions by INM", "exposure index"]
    ds = cases({}, {"protection share of budget": 0.3}, outcomes=[*names, *down])
    for name in names:
        base, moved = last_year(ds[name])
        assert moved > 1.1 * base, name
    for name in down:
        base, moved = last_year(ds[name])
        assert moved < 0.95 * base, name


def test_protection_takes_years_to_build_and_containment_months(cases: Any) -> None:
    """S5-12: institutions were built for years before they could carry regularisation."""
    names = ["protection capacity", "containment capacity"]
    ds = cases({}, {"protection share of budget": 0.3}, outcomes=names, until="2035-12")
    share = {}
    for name in names:
        gap = (ds[name].isel(draw=1) - ds[name].isel(draw=0)).values
        share[name] = gap[156 + 18] / gap[-1]
    assert share["protection capacity"] < 0.5 < share["containment capacity"]


def test_pressure_moves_money_from_protection_to_containment(cases: Any, last_year: Any) -> None:
    """S5-01, S3-19, S7-05; the loop can be cut."""
    pressed = {"US pressure future": 3.0} | CRISIS
    names = ["spending on protection", "spending on containment", "containment capacity"]
    ds = cases(
        CRISIS | {"switch for arrivals raise containment": 0.0},
        pressed,
        pressed | {"switch for containment starves protection": 0.0},
        outcomes=names,
    )
    protection, containment, capacity = (last_year(ds[n]) for n in names)
    assert protection[1] < protection[0] < protection[2]
    assert containment[0] < containment[2] < containment[1]
    assert capacity[0] == pytest.approx(1.0, rel=1e-9)
    assert capacity[1] > 1.1


def test_arrivals_raise_pressure_and_containment_lowers_them(cases: Any, last_year: Any) -> None:
    """S8-35, S7-05, B8: with the loop, fewer arrive."""
    cut = {"switch for arrivals raise containment": 0.0}
    names = ["US pressure", "encounters at US border", "interceptions by INM"]
    ds = cases({}, CRISIS, CRISIS | cut, outcomes=names)
    pressure, arrivals, events = (last_year(ds[n]) for n in names)
    assert pressure[1] > pressure[0]
    assert arrivals[1] < arrivals[2]
    assert events[1] / arrivals[1] > events[2] / arrivals[2]


def test_tension_follows_crowding_and_lowers_integration(cases: Any, last_year: Any) -> None:
    """S5-08, S8-17, S3-46."""
    names = ["local tension", "effect of tension on integration", "people in crowded places"]
    ds = cases({}, {"municipal support": 3.0}, {"municipal support": 0.0}, CRISIS, outcomes=names)
    tension, effect, crowd = (last_year(ds[n]) for n in names)
    assert tension[1] < tension[0] < tension[2]
    assert tension[0] < tension[3]
    assert effect[1] > effect[0] > effect[2]
    assert crowd[3] > crowd[0]


def test_the_loop_of_tension_can_be_cut(cases: Any) -> None:
    names = ["effect of tension on integration"]
    ds = cases({}, {"switch for tension lowers integration": 0.0}, outcomes=names)
    assert float(abs(ds[names[0]].isel(draw=1) - 1.0).max()) == 0.0
    assert float(ds[names[0]].isel(draw=0).min()) < 0.8


def test_visible_arrivals_narrow_the_room_for_reform(cases: Any, last_year: Any) -> None:
    """S6-11, R11: the boomerang; never above one."""
    names = ["room for US reform", "appointment slots"]
    slots = {"appointment slots per month": 20000.0}
    ds = cases(
        slots,
        CRISIS | slots,
        CRISIS | slots | {"switch for arrivals narrow room for reform": 0.0},
        slots | {"political room future": 0.3},
        slots | {"political room future": 2.0},
        outcomes=names,
        until="2028-12",
    )
    room = last_year(ds[names[0]])
    assert room[1] < room[0] == room[2] == 1.0
    assert room[3] == pytest.approx(0.3)
    assert room[4] == 1.0
    assert float(ds[names[0]].max()) <= 1.0
    given = last_year(ds[names[1]])
    assert given[3] == pytest.approx(0.3 * 20000.0, rel=1e-6)


def test_consular_cases_of_2019_and_2020(migration: Model) -> None:
    """S6-13: capacity fitted to both."""
    closed = flows.simulate(migration, outcomes=["consular cases closed"])["consular cases closed"].values
    assert closed[72:84].sum() == pytest.approx(195161, rel=0.05)
    assert closed[84:96].sum() == pytest.approx(68063, rel=0.1)


def test_closed_offices_leave_a_backlog_and_lower_revenue(migration: Model) -> None:
    """S6-14, S6-15: backlog of papers, fewer fees, people who give up turn to legal aid."""
    names = ["consular case backlog", "consular fees", "consular cases given up", "consular wait"]
    ds = flows.simulate(migration, outcomes=names, until="2022-12")
    for name, sign in ((names[0], 1), (names[1], -1), (names[2], 1), (names[3], 1)):
        assert sign * (float(ds[name][96]) - 1.3**sign * float(ds[name][84])) > 0.0, name


def test_reform_and_returns_fill_consulates_and_capacity_empties_them(cases: Any, last_year: Any) -> None:
    """S6-16."""
    reform = {"regularisation": 0.5}
    names = ["consular case backlog", "consular wait", "new consular cases"]
    ds = cases({}, reform, reform | {"consular capacity": 3.0}, {"removal capacity": 5.0}, outcomes=names)
    backlog, wait, new = (last_year(ds[n]) for n in names)
    assert new[1] > 1.5 * new[0]
    assert backlog[1] > 5.0 * backlog[0]
    assert backlog[2] < 0.5 * backlog[1]
    assert wait[2] < wait[1]
    assert new[3] > new[0]


def test_capacities_stay_between_zero_and_what_money_can_pay(migration: Model) -> None:
    for share in (0.0, 0.6):
        inputs = {"protection share of budget": share, "municipal support": 0.0, "policy start time": 60.0}
        names = ["protection capacity", "containment capacity", "municipal capacity", "local tension"]
        ds = flows.simulate(migration, inputs, outcomes=names)
        assert all(float(ds[n].min()) >= 0.0 for n in names)
        assert float(ds["protection capacity"].max()) <= (0.7 / 0.05) ** 0.7
