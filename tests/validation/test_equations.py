"""Every variable of both models is described, and the forms that can hide a wrong sign are listed with their reason."""

from __future__ import annotations

import re

import numpy as np
import pytest

import flows
from flows import resources

MODELS = resources.root() / "models"
LOOP = re.compile(r"Loops?:? [^.]*\.")

DIVISOR = "keeps a divisor off zero by one person or one file"
POWER = "keeps the base of a power off zero, where the effect would be none or endless"
GAP = "one of two one-way flows that close a gap of either sign (Sterman 2000, ch. 19)"
TWO_SIDED = "upper half of a lever that works both ways: more needs political room, less does not"

MAXIMA = {
    "migration": {
        "lever release": "the later of two dates",
        "effect of perceived chance": POWER,
        "effect of violence": POWER,
        "indicated smuggling capacity": POWER,
        "effect of closure on applications": POWER,
        "perceived COMAR backlog": POWER,
        "effect of crowded return": POWER,
        "departures replaced": "at most one share of departures is replaced or added",
        "COMAR hires": "nobody is dismissed: hires stop while there are more staff than money (Sterman 2000, ch. 19)",
        "appointment access": "the wider of the dated and the further opening",
        "credible fear share": "opening never asks for less than the dated course",
        "asylum opening": TWO_SIDED,
        "protection lever effect": TWO_SIDED,
        "visa multiple": TWO_SIDED,
        "people given protection": GAP,
        "people losing protection": GAP,
        "regularisation rate": GAP,
        "claim decision rate": DIVISOR,
        "abandoned files closed": DIVISOR,
        "files struck off": DIVISOR,
        "relocation rate": DIVISOR,
        "appointment wait": DIVISOR,
        "port admission rate": DIVISOR,
        "appointment rate": DIVISOR,
        "shelter overload": DIVISOR,
        "interior case rate": DIVISOR,
        "case completion rate": DIVISOR,
        "average wait in court": DIVISOR,
        "effect of backlog on judge hiring": DIVISOR,
        "order removal rate": DIVISOR,
        "effect of cooperation on removals": DIVISOR,
        "unmet labour demand": DIVISOR,
        "approval rate near origin": DIVISOR,
    },
    "demography": {
        "planned immigration strength": "the later of two dates",
        "planned intake": "nobody is sent away when the population grows faster than planned",
        "net migration rate of cohort": "no more can leave than a share of those who are there",
    },
}


def _equations(name: str) -> dict[str, str]:
    """Right sides by variable, equations of one variable joined."""
    text = (MODELS / f"{name}.mdl").read_text(encoding="utf-8").split("\\\\\\---///")[0]
    found: dict[str, str] = {}
    for block in text.split("\n\t|\n"):
        equation = re.sub(r"\s*\\?\n\s*", " ", block.split("\n\t~\t")[0]).strip()
        left, _, right = equation.partition("=")
        variable = left.split("[")[0].strip()
        found[variable] = f"{found.get(variable, '')} {right}"
    return found


@pytest.mark.parametrize("name", MAXIMA)
def test_every_maximum_has_a_reason(name: str) -> None:
    used = {variable for variable, right in _equations(name).items() if "MAX(" in right.upper()}
    assert used == set(MAXIMA[name])


def test_no_equation_switches_on_a_date_but_policy_series() -> None:
    """One choice stands in both files: whether a dated policy came before the freeze."""
    chosen = {
        f"{n}: {v}" for n in MAXIMA for v, right in _equations(n).items() if "IF THEN ELSE" in right.upper()
    }
    assert chosen == {"migration: shock is known"}
    assert "Time" not in _equations("migration")["shock is known"].replace("freeze time", "")


@pytest.mark.parametrize("name", MAXIMA)
def test_every_variable_has_unit_sentence_source_and_every_constant_a_range(name: str) -> None:
    model = flows.read_vensim(MODELS / f"{name}.mdl", units="error")
    wrong: dict[str, str] = {}
    for item in (*model.stocks, *model.flows, *model.auxiliaries, *model.constants, *model.lookups):
        if item.group.lstrip(".") == "Control":
            continue
        words, source, _ = item.comment.partition("Source:")
        sentence = LOOP.sub("", words).strip()
        if not item.units:
            wrong[item.name] = "no unit"
        elif not source:
            wrong[item.name] = "no source"
        elif not sentence or re.search(r"[.!?]\s+[A-Z]", sentence) or not sentence.endswith("."):
            wrong[item.name] = f"not one sentence: {sentence}"
    for constant in model.constants:
        if constant.group.lstrip(".") == "Control":
            continue
        low, high = constant.range or (None, None)
        if low is None or high is None:
            wrong[constant.name] = "no range"
    assert wrong == {}


@pytest.mark.parametrize("name", MAXIMA)
def test_every_constant_lies_within_its_range(name: str) -> None:
    model = flows.read_vensim(MODELS / f"{name}.mdl", units="error")
    outside = {}
    for constant in model.constants:
        if constant.range is None or constant.group.lstrip(".") == "Control":
            continue
        low, high = constant.range
        values = np.ravel(np.asarray(constant.value, dtype=float))
        if (low is not None and values.min() < low) or (high is not None and values.max() > high):
            outside[constant.name] = (values.min(), values.max(), low, high)
    assert outside == {}
