"""Sentences made from numbers: what is said where a number is missing, and what of exposure to harm."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.report.test_html import row

from flows.inputs import Scenario, read_outcomes
from flows.report import wording
from flows.report.grade import Grade
from flows.report.speech import ENGLISH

NAN = float("nan")
DATE = "2030-12"
FEWER = row(median=-20.0, low=-30.0, high=-10.0, median_percent=-20.0, low_percent=-30.0, high_percent=-10.0)
MORE = row(median=8.0, low=4.0, high=12.0, median_percent=8.0, low_percent=4.0, high_percent=12.0)
NONE = row(median=1.0, low=-9.0, high=9.0, median_percent=1.0, low_percent=-9.0, high_percent=9.0)


def test_what_is_no_number() -> None:
    assert wording.number(NAN) == "–" and wording.number(-0.25) == "−0.25" and wording.number(1e-5) == "0"
    assert wording.percent(math.inf) == "–"
    assert wording.judged(NAN) == "not compared"
    assert wording.change(row(difference=NAN, difference_percent=NAN)) == ""
    assert wording.change(row(difference=-3.0, difference_percent=NAN)) == "−3.00"


def test_intervals() -> None:
    assert wording.shown_interval(FEWER) == "−30 to −10\N{NO-BREAK SPACE}%"
    assert wording.shown_interval({**FEWER, "high_percent": -30.2}) == "−30\N{NO-BREAK SPACE}%"
    assert wording.shown_interval({**FEWER, "low_percent": NAN}) == "−30.0 to −10.0"
    assert wording.shown_interval(row()) == ""


def said(**rows: dict[str, Any]) -> wording.Said:
    """The finding on a package, by outcome: a backlog and exposure to harm."""
    names = {"backlog": wording.BACKLOGS[0], "exposure": wording.EXPOSURE}
    by_name = {names[key]: {"p": one} for key, one in rows.items()}
    comparison = SimpleNamespace(
        outcomes=[o for o in read_outcomes() if o.name in by_name],
        scenarios=[Scenario(name=n, title=n.upper(), kind="package", file="x") for n in ("base", "p")],
        at=lambda name, date: by_name[name],
    )
    grades = {wording.BACKLOGS[0]: Grade("B", 20.0), wording.EXPOSURE: Grade("C", 40.0)}
    (found,) = wording._of_scenarios(comparison, DATE, [], grades, ENGLISH)  # type: ignore[arg-type]
    return found


def test_silence_on_harm_is_never_read_as_safety() -> None:
    assert said(backlog=NONE, exposure=NONE).text == (
        "“P”: neither a backlog nor exposure to harm differs beyond the uncertainty of the inputs."
    )
    assert said(backlog=FEWER, exposure=NONE).text == (
        "“P”: 20\N{NO-BREAK SPACE}% fewer claims pending with COMAR (−30 to −10\N{NO-BREAK SPACE}%); a change in "
        "exposure to harm cannot be told from zero."
    )
    assert said(backlog=NONE, exposure=MORE).text == (
        "“P”: no backlog differs beyond the uncertainty of the inputs; 8.0\N{NO-BREAK SPACE}% more exposure to harm "
        "(+4.0 to +12\N{NO-BREAK SPACE}%)."
    )
    both = said(backlog=FEWER, exposure=MORE).text
    assert both.endswith(". A queue gets shorter while people are exposed to more harm.")
    assert "exposure" not in said(backlog=FEWER).text  # a model that doesn't know it


def test_a_difference_from_nothing_is_said_in_its_unit() -> None:
    nothing = row(difference=250.0, difference_percent=NAN, median=250.0, low=200.0, high=300.0)
    assert said(backlog=nothing).text == "“P”: 250 more claims pending with COMAR (200 to 300)."


def test_the_worse_grade_of_what_is_spoken_of() -> None:
    assert said(backlog=FEWER, exposure=NONE).grade == Grade("B", 20.0)
    assert said(backlog=NONE, exposure=NONE).grade is None


def test_what_cannot_be_held_against_data_is_left_out() -> None:
    figures = pd.DataFrame({"kind": ["input"], "model": [1.0], "error_percent": [2.0]})
    assert wording._of_figures(figures) == []
    assert wording._of_series(pd.DataFrame({"error": [0.1, NAN]})) == []
    found = wording.findings(
        figures=figures, summary=pd.DataFrame({"error": [NAN]}), study=None, date=DATE,
        comparison=SimpleNamespace(outcomes=[], scenarios=[], draws=0),  # type: ignore[arg-type]
    )  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    ("low", "words"),
    [(0.6, "most depends on “a”"), (0.2, "“a” (total-order index 0.70, interval 0.20 to 0.80) and")],
)
def test_an_order_is_told_only_where_intervals_stand_apart(low: float, words: str) -> None:
    values = {
        "ST": [[0.7, 0.3], [NAN, NAN]],
        "ST_low": [[low, 0.2], [NAN, NAN]],
        "ST_high": [[0.8, 0.4], [NAN, NAN]],
    }
    indices = xr.Dataset(
        {key: (("outcome", "uncertainty", "time"), np.array(v)[..., None]) for key, v in values.items()},
        coords={
            "outcome": ["people waiting in Mexico", "still"],
            "title": ("outcome", ["People waiting", "Still"]),
            "uncertainty": ["a", "b"],
            "time": [216.0],
        },
    )
    study: Any = SimpleNamespace(indices=indices)
    ((name, text),) = wording.of_study(study, DATE)  # what doesn't vary hangs on nothing
    assert name == "people waiting in Mexico" and words in text
    assert wording.of_study(study, DATE, only=["still"]) == []
