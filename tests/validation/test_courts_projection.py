"""The court sector alone does the arithmetic that anybody can do by hand, and what others published with it."""

from __future__ import annotations

import numpy as np
import pytest

from flows import observations
from flows.errors import InputError
from flows.inputs.projections import Projection, changed, read_projections
from flows.model.model import Model
from flows.observations import time_of
from flows.validation.sectors import arithmetic, met, project, run_projections

PUBLISHED = read_projections()


def _given(**assumptions: float) -> Projection:
    return changed(PUBLISHED[0], assumptions, start="2020-01", until="2024-12")


def test_courts_that_complete_less_than_they_receive(migration: Model) -> None:
    """1,000,000 + 4 × (300,000 - 500 × 500) = 1,200,000 after four years."""
    given = _given(pending=1_000_000, judges=500, hired=0, attrition=0, completions=500, receipts=300_000)
    assert arithmetic(given, 4) == pytest.approx(1_200_000)
    run = project(migration, given)
    assert float(run["court cases pending"].sel(time=84 + 48)) == pytest.approx(1_200_000)
    assert float(run["court completions per month"][0]) == pytest.approx(250_000 / 12)


def test_judges_who_leave_and_are_not_replaced(migration: Model) -> None:
    """1,000 judges, a tenth leaves a year: 951.626 judge-years in the first, so 904.837 stay and 475,813 cases end."""
    given = _given(pending=2_000_000, judges=1000, hired=0, attrition=0.1, completions=500, receipts=0)
    run = project(migration, given)
    assert float(run["immigration judges"].sel(time=84 + 12)) == pytest.approx(904.837, rel=1e-4)
    assert arithmetic(given, 1) == pytest.approx(2_000_000 - 475_813, abs=1)
    assert float(run["court cases pending"].sel(time=84 + 12)) == pytest.approx(2_000_000 - 475_813, rel=1e-4)


def test_judges_hired_as_fast_as_they_leave(migration: Model) -> None:
    """8 % of 500 judges leave a year and 40 come: 500 for good."""
    given = _given(pending=800_000, judges=500, hired=40, attrition=0.08, completions=600, receipts=250_000)
    _, table = run_projections(migration, [given])
    np.testing.assert_allclose(table["judges"], 500, rtol=1e-9)
    np.testing.assert_allclose(table["pending"], 800_000 - 50_000 * table["years"])
    np.testing.assert_allclose(table["by_hand"], table["pending"])
    assert table["completions"].iloc[1] == pytest.approx(300_000)


def test_no_case_ends_sooner_than_the_shortest_case_time(migration: Model) -> None:
    """Judges for far more cases than there are: two months of receipts stay in hand."""
    given = _given(pending=1000, judges=1000, hired=0, attrition=0, completions=1000, receipts=120_000)
    run = project(migration, given)
    assert float(run["court cases pending"][-1]) == pytest.approx(20_000, rel=1e-3)


@pytest.mark.parametrize("projection", PUBLISHED, ids=[p.id for p in PUBLISHED])
def test_published_projections_come_out(migration: Model, projection: Projection) -> None:
    assert projection.expect
    found = met(migration, projection, project(migration, projection))
    assert [f for f in found if not f.holds] == []


def test_a_projection_that_does_not_come_out_is_said_to_fail(migration: Model) -> None:
    by_id = {p.id: p for p in PUBLISHED}
    wrong = by_id["crs-700"].model_copy(update={"expect": by_id["crs-200"].expect})
    assert [f.holds for f in met(migration, wrong, project(migration, wrong))] == [False]


def test_assumptions_from_the_data_are_the_means_of_five_years() -> None:
    """Receipts and completions per judge of the projections after CRS, fiscal years 2018 to 2022."""
    judges = observations.observed("eoir_immigration_judges").sort_values("period_end")
    at = [time_of(day, end=True) for day in judges["period_end"]]
    totals = {}
    for name in ("eoir_new_cases", "eoir_completions"):
        rows = observations.observed(name, period_type="fiscal_year")
        totals[name] = rows[rows["period_end"].dt.year.between(2018, 2022)]["value"].to_numpy()
        assert len(totals[name]) == 5
    years = [
        np.interp(np.linspace(first, first + 12, 1201), at, judges["value"]).mean()
        for first in (12 * (year - 2013) - 3 for year in range(2018, 2023))
    ]
    after_crs = next(p for p in PUBLISHED if p.id == "crs-300")
    assert totals["eoir_new_cases"].mean() == pytest.approx(after_crs.receipts, rel=2e-3)
    assert totals["eoir_completions"].sum() / sum(years) == pytest.approx(after_crs.completions, rel=2e-3)


def test_sources_are_listed() -> None:
    assert {p.source for p in PUBLISHED} <= set(observations.sources().index)


@pytest.mark.parametrize(
    ("changes", "months", "words"),
    [
        ({"judge": 3.0}, {}, "judges"),
        ({"judges": -1.0}, {}, "below zero"),
        ({}, {"start": "2030-01", "until": "2029-01"}, "ends before"),
        ({}, {"start": "2030-13"}, "month"),
    ],
)
def test_other_assumptions_are_refused(changes: dict[str, float], months: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        changed(PUBLISHED[0], changes, **months)
