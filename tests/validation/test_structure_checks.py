"""The checks of structure and of extreme conditions find what is wrong, on models in which something is."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from tests.conftest import small_model

import flows
from flows.errors import InputError
from flows.inputs import Condition, Outcome, parse_follows
from flows.inputs.boundary import Boundary, Cloud
from flows.model.model import Model
from flows.validation.extremes import run_conditions
from flows.validation.integration import step_changes
from flows.validation.structure import below_zero, extent, imbalance, misplaced_flows

PEOPLE = """
    origin: Mexico, Haiti ~~|
    away: Haiti ~~|
    at home[origin]= INTEG (births[origin] - leaving[origin], 100) ~ Person ~ |
    abroad[away]= INTEG ({enters}, 0) ~ Person ~ |
    births[origin]= 2 ~ Person/Month ~ |
    leaving[origin]= at home[origin] * chance ~ Person/Month ~ |
    returning[away]= abroad[away] * chance ~ Person/Month ~ |
    chance= 0.1 ~ 1/Month ~ |
"""


def _people(enters: str) -> Model:
    return small_model(PEOPLE.format(enters=enters), final=12, step=0.25)


def _boundary(out: list[str], into: list[str]) -> Boundary:
    return Boundary(MappingProxyType({"elsewhere": Cloud(why="test", out=out, into=into)}), ())


def test_people_who_come_and_go_by_clouds_are_conserved() -> None:
    model = _people("leaving[away] - returning[away]")
    found = imbalance(model, _boundary(["births"], ["returning"]))
    # Mexicans who leave go to no stock and no cloud: 100 of 24 births are missing there
    assert float(found.sel(who="Haiti")) < 1e-12
    assert float(found.sel(who="Mexico")) > 0.1


def test_a_flow_that_enters_twice_what_it_left_shows_in_the_balance() -> None:
    model = _people("2 * leaving[away] - returning[away]")
    found = imbalance(model, _boundary(["births"], ["returning"]))
    assert float(found.sel(who="Haiti")) > 0.1


def test_flows_without_two_ends_are_named() -> None:
    model = _people("leaving[away] - returning[away]")
    wrong = misplaced_flows(model, _boundary([], []))
    assert any("births" in sentence for sentence in wrong)
    assert any("returning" in sentence for sentence in wrong)


def test_a_stock_below_zero_is_found_with_its_lowest_value() -> None:
    model = small_model("s= INTEG (0 - drain, 1) ~ Person ~ |\ndrain= 1 ~ Person/Month ~ |\n")
    assert below_zero(model, flows.simulate(model)) == {"s": -3.0}


def test_extent_counts_what_is_put_in() -> None:
    model = small_model(
        """
        s= INTEG (inflow, 0) ~ Person ~ |
        inflow= course(Time) * effect(s) ~ Person/Month ~ |
        course((0,1),(4,2)) ~ Person/Month ~ |
        effect((0,1),(4,2)) ~ Dmnl ~ |
        """
    )
    found = extent(model)
    assert (found.stocks, found.flows, found.series, found.effects) == (1, 1, ("course",), 1)


QUEUE = """
    queue= INTEG (arrivals - service, 8) ~ Person ~ |
    arrivals= course(Time) ~ Person/Month ~ |
    course((0,2),(40,2)) ~ Person/Month ~ |
    service= queue / stay ~ Person/Month ~ |
    stay= 4 ~ Month [2,8] ~ |
    policy start time= 0 ~ Month ~ |
    lever phase in= 6 ~ Month ~ |
"""


def _condition(follows: list[str], **settings: float) -> Condition:
    return Condition(sector=1, condition="test", set=settings, follows=tuple(follows), where="row 1")


def _queue() -> Model:
    return small_model(QUEUE, final=40, step=0.5, saveper=1)


def test_conditions_that_hold_and_that_do_not() -> None:
    """Service takes a quarter of the queue: 8 people on average with 2 arrivals; none without."""
    good = _condition(["always queue <= 8", "queue < 0.1 base", "always queue >= 0"], course=0)
    bad = _condition(["queue > base", "service = 2"], course=0)
    first, second = run_conditions(_queue(), [good, bad], threads=1)
    assert first.holds
    assert [text for text, _ in second.failed] == ["queue > base", "service = 2"]


def test_a_stock_that_falls_below_zero_fails_a_condition() -> None:
    found = run_conditions(_queue(), [_condition(["queue < base"], course=-5)], threads=1)[0]
    assert found.failed == ()
    assert found.stocks[0][0] == "queue" and not found.holds


def test_a_run_that_is_no_number_fails_and_does_not_stop_the_others() -> None:
    with np.errstate(all="ignore"):
        first, second = run_conditions(
            _queue(), [_condition(["queue > 0"], stay=0), _condition(["queue < base"], stay=2)], threads=1
        )
    assert not first.holds
    assert second.holds


def test_a_condition_names_what_the_model_has() -> None:
    with pytest.raises(InputError, match="queue"):
        run_conditions(_queue(), [_condition(["queues > 0"])])
    with pytest.raises(InputError, match="stay"):
        run_conditions(_queue(), [_condition(["queue > 0"], stays=1)])


def test_statements_are_read() -> None:
    found = parse_follows("always service >= 0.5 base")
    assert (found.always, found.variable, found.relation, found.number, found.base) == (
        True,
        "service",
        ">=",
        0.5,
        True,
    )
    for wrong in ("queue", "queue > ", "queue ~ 3", "queue > arrivals"):
        with pytest.raises(InputError):
            parse_follows(wrong)


def _outcome(name: str, unit: str) -> Outcome:
    return Outcome(name=name, expression=name, unit=unit, kind="person", better="neither")


def test_half_a_step_against_arithmetic() -> None:
    """Decay of 8 at a quarter a month without arrivals: year's end 8 × 0.875²⁴, at half the step 8 × 0.9375⁴⁸."""
    model = small_model(QUEUE.replace("(0,2),(40,2)", "(0,0),(40,0)"), final=12, step=0.5, saveper=1)
    outcomes = [_outcome("queue", "Person"), _outcome("service", "Person/Month")]
    table = step_changes(model, outcomes, step=0.25).set_index("outcome")
    assert table.loc["queue", "largest"] == pytest.approx(0.9375**48 / 0.875**24 - 1)
    finer = step_changes(model, outcomes, method="rk4").set_index("outcome")
    assert finer.loc["queue", "largest"] == pytest.approx(np.exp(-3) / 0.875**24 - 1, rel=1e-3)
    assert float(table.loc["service", "largest"]) < float(table.loc["queue", "largest"])
