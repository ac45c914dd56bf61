"""Which variable is no number first, and why: what it divides by, or takes the root or logarithm of."""

from __future__ import annotations

import warnings

import pytest
from tests.conftest import small_model

from flows.ensemble import simulate
from flows.ensemble.notices import NonFiniteWarning
from flows.inspection.culprit import Culprit, first_no_number


def culprit_of(text: str, **options: bool) -> Culprit | None:
    model = small_model(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        return first_no_number(model, simulate(model, engine="python"), **options)


@pytest.mark.parametrize(
    ("equation", "time", "why"),
    [
        ("1 / left", 2, 'it divides by "left", which is 0 then'),
        ("1 / (3 * left)", 2, 'it divides by "left", which is 0 then'),
        ("1 / (left + left)", 2, ""),
        ("SQRT(left)", 3, "root"),
        ("LN(left)", 2, "logarithm"),
        ("LN(left - 1)", 1, ""),
    ],
)
def test_the_first_time_and_the_reason(equation: str, time: float, why: str) -> None:
    text = f"left = 2 - Time ~~|\nx = {equation} ~~|\nuses = x + 1 ~~|\nstored = INTEG(uses, 0) ~~|\n"
    found = culprit_of(text)
    assert found is not None
    assert (found.variable.name, found.time) == ("x", time)
    assert why in found.why if why else found.why == ""


def test_a_model_of_numbers_has_none() -> None:
    assert culprit_of("x = 1 / (1 + Time) ~~|\n") is None


def test_one_element_of_several_is_enough() -> None:
    text = "r: a, b ~~|\nleft[r] = 1, 0 ~~|\nx[r] = Time / left[r] ~~|\nlater = SMOOTH(SUM(x[r!]), 2) ~~|\n"
    found = culprit_of(text)
    assert found is not None
    assert (found.variable.name, found.why) == ("x", 'it divides by "left", which is 0 then')
