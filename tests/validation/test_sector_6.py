"""Sector 6, US immigration courts: capacity, age of cases, judges, orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flows
from flows.model.model import Model


def test_mean_age_is_the_age_of_a_case_that_nobody_completes(migration: Model) -> None:
    """Without completions the total age grows by one month for each open case and month: exact co-flow."""
    none = {"base completions per judge": 0.0}
    names = [
        "age of pending cases",
        "court cases pending",
        "court completions per month",
        "average wait in court",
    ]
    step = migration.control.time_step
    ds = flows.simulate(migration, none, outcomes=names, save_every=step, until="2015-12")
    assert float(ds["court completions per month"].max()) == 0.0
    age, pending = ds["age of pending cases"].values, ds["court cases pending"].values
    np.testing.assert_allclose(np.diff(age), pending[:-1] * step, rtol=1e-9)
    assert (np.diff(ds["average wait in court"].values) <= step + 1e-12).all()


def test_cases_and_ages_stay_above_zero_with_ten_times_the_judges(migration: Model) -> None:
    many = {"judges hired per year": 10.0, "completions per judge": 3.0, "court receipts": 0.0}
    names = [
        "court cases pending",
        "age of pending cases",
        "average wait in court",
        "court completions per month",
    ]
    ds = flows.simulate(migration, {**many, "policy start time": 60.0}, outcomes=names)
    assert all(float(ds[n].min()) >= 0.0 for n in names)
    shortest = ds["court cases pending"] / 2.0
    assert (ds["court completions per month"] <= shortest + 1e-6).all()


def test_people_and_files_of_courts_stay_together(migration: Model) -> None:
    ds = flows.simulate(migration, outcomes=["people in US with open cases", "court cases pending"])
    people = ds["people in US with open cases"].sum("origin").values
    np.testing.assert_allclose(people, ds["court cases pending"].values, rtol=1e-9)


def test_judges_respond_to_cases_for_each_judge_after_the_data_end(cases: Any) -> None:
    ds = cases(
        {}, {"switch for backlog raises judges": 0.0}, outcomes=["immigration judges"], until="2035-12"
    )
    on, off = ds["immigration judges"].isel(draw=0), ds["immigration judges"].isel(draw=1)
    np.testing.assert_array_equal(on[:142].values, off[:142].values)
    assert abs(float(on[-1] / off[-1]) - 1.0) > 1e-3


def test_judges_settle_where_hires_equal_attrition(migration: Model) -> None:
    """Stock and flow: in the long run judges are yearly hires over yearly attrition."""
    ds = flows.simulate(
        migration,
        {"switch for backlog raises judges": 0.0},
        outcomes=["immigration judges", "judges hired", "judges leaving"],
    )
    step = np.diff(ds["immigration judges"].values)
    net = (ds["judges hired"] - ds["judges leaving"]).values
    assert abs(step[-24:] - net[-25:-1]).max() < 0.05


def test_judges_on_the_bench_follow_the_counts(migration: Model) -> None:
    ds = flows.simulate(migration, outcomes=["immigration judges"], until="2024-12")["immigration judges"]
    for month, seen in ((38, 254), (53, 326), (66, 330), (80, 442), (128, 734)):
        assert float(ds[month]) == pytest.approx(seen, rel=0.05), month


def test_without_cooperation_orders_pile_up_and_removals_fall(cases: Any, last_year: Any) -> None:
    """004-10."""
    ds = cases(
        {},
        {"return cooperation": 0.2},
        outcomes=["people with removal orders", "removals of people with orders"],
        until="2035-12",
    )
    orders, removals = (
        last_year(ds[n]) for n in ("people with removal orders", "removals of people with orders")
    )
    assert orders[1] > orders[0]
    assert removals[1] < removals[0]
