from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows import read_vensim
from flows.errors import InputError, UnitError
from flows.model.check import conservation_findings, unit_findings
from flows.model.model import Model
from flows.vensim.read import UnitWarning

Build = Callable[..., Model]

BASE = (
    "p = 5 ~ Person ~|\nT = 2 ~ Month ~|\nc = 3 ~ Case ~|\nd = 0.5 ~ Dmnl ~|\ntable((0,0),(1,1)) ~ Case ~|\n"
)


@pytest.mark.parametrize(
    "equation",
    [
        "x = p / T ~ Person/Month ~|",
        "x = p ~ persons ~|",
        "x = p * d ~ Person ~|",
        "x = p + 0 ~ Person ~|",
        "x = MAX(p, 0) ~ Person ~|",
        "x = IF THEN ELSE(p > 0, p, 0) ~ Person ~|",
        "x = p ^ 2 ~ Person^2 ~|",
        "x = SQRT(p * p) ~ Person ~|",
        "x = EXP(-Time / T) ~ Dmnl ~|",
        "x = table(d) ~ Case ~|",
        "x = ZIDZ(p, T) ~ Person/Month ~|",
        "x = STEP(p, T) ~ Person ~|",
        "x = RAMP(p / T, T, T) ~ Person ~|",
        "x = PULSE(T, T) ~ Dmnl ~|",
        "x = INTEG(p / T, p) ~ Person ~|",
        "x = INTEG(p / T, 100) ~ Person ~|",
        "x = SMOOTH(p, T) ~ Person ~|",
        "x = DELAY3(p / T, T) ~ Person/Month ~|",
        "x = INITIAL(p) ~ Person ~|",
        "x = p / c ~ ~|",
        "x = p = p :AND: c > 0 ~ Dmnl ~|",
    ],
)
def test_units_that_match(build: Build, equation: str) -> None:
    assert unit_findings(build(BASE + equation)) == []


IN = 'in the equation of "x" '


@pytest.mark.parametrize(
    ("equation", "what", "found", "expected", "column"),
    [
        ("x = p / T ~ Person ~|", "", "Person/Month computed", "Person as declared", 1),
        ("x = INTEG(c, c) ~ Case ~|", "", "Case*Month computed after integration over time", "Case as declared", 1),
        ("x = p + c ~ Person ~|", "terms of different units are added", "Person and Case", "equal units", 7),
        ("x = p - 1 ~ Person ~|", "terms of different units are subtracted", "Person and Dmnl", "equal units", 7),
        ("x = MIN(p, c) ~ |", "the two arguments of MIN differ in units", "Person and Case", "equal units", 5),
        ("x = EXP(p) ~ Dmnl ~|", "the argument of EXP has units", "Person", "Dmnl", 5),
        ("x = ABS(p>c) ~1~|", 'the two sides of ">" differ in units', "Person and Case", "equal units", 10),
        ("x = RAMP(p,p,T) ~|", "a time of RAMP is not in the model's time unit", "Person and Month", "equal units", 5),
        ("x = p ^ d ~ Person ~|", "a quantity with units is raised to a variable power", "Person", "Dmnl", 7),
    ],
)  # fmt: skip
def test_units_that_dont_match(
    build: Build, equation: str, what: str, found: str, expected: str, column: int
) -> None:
    what = IN + what if what else 'the units of "x" don\'t match its equation'
    (finding,) = unit_findings(build(BASE + equation))
    assert (finding.variable, finding.what, finding.found, finding.expected) == ("x", what, found, expected)
    assert finding.where == f"m.mdl:6:{column}"


def test_units_that_cannot_be_read(build: Build) -> None:
    (finding,) = unit_findings(build("x = 1 ~ Person/(Month ~|"))
    assert finding.what == 'a ")" is missing in the unit "Person/(Month"'


FILE = """{UTF-8}
p = 5 ~ Person ~|
x = p ~ Case ~|
y = p ~ Token ~|
INITIAL TIME = 0 ~ Month ~|
FINAL TIME = 1 ~ Month ~|
TIME STEP = 1 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""


def test_reading_stops_warns_or_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    path.write_text(FILE, encoding="utf-8")
    sentence = (
        f'{path}:3:1: the units of "x" don\'t match its equation, found Person computed, expected Case as declared. '
        "Correct the equation, the declared units or those of its causes."
    )
    with pytest.raises(UnitError) as caught:
        read_vensim(path, units="error")
    assert str(caught.value) == sentence
    with pytest.warns(UnitWarning) as warned:
        read_vensim(path, units="warn")
    assert [str(w.message) for w in warned] == [f"{sentence} (1 more)"]
    assert read_vensim(path, units="off").constants["p"].value == 5
    with pytest.raises(InputError, match="units= is unknown, found 'no'"):
        read_vensim(path, units="no")  # type: ignore[arg-type]


PEOPLE = """
    A = INTEG(arriving - moving, 0) ~ Person ~|
    B = INTEG(moving - leaving, 0) ~ Person ~|
    Files = INTEG(arriving, 0) ~ Case ~|
    arriving = 10 + Time ~ Person/Month ~|
    moving = A / 2 ~ Person/Month ~|
    leaving = B / 2 ~ Person/Month ~|
    """


def test_flows_between_two_stocks_and_two_clouds_are_conserved(build: Build) -> None:
    boundary = {"in": ["arriving"], "out": ["Leaving"]}
    assert conservation_findings(build(PEOPLE), unit="Person", boundary=boundary) == []


@pytest.mark.parametrize(
    ("old", "new", "boundary", "what"),
    [
        ("", "", {"out": ["leaving"]}, 'the flow "arriving" leaves no stocks or clouds'),
        ("", "", {"in": ["arriving"]}, 'the flow "leaving" enters no stocks or clouds'),
        (
            "", "", {"in": ["arriving", "moving"], "out": ["leaving"]}, 'the flow "moving" leaves 2 stocks or clouds',
        ),
        (
            "moving - leaving", "moving + arriving - leaving", {"in": ["arriving"], "out": ["leaving"]},
            'the flow "arriving" enters 2 stocks or clouds',
        ),
        (
            "moving - leaving", "moving - leaving - B/9", {"in": ["arriving"], "out": ["leaving"]},
            'the net flow of "B" has a term that is no flow',
        ),
    ],
)  # fmt: skip
def test_what_is_not_conserved_is_found(
    build: Build, old: str, new: str, boundary: dict[str, list[str]], what: str
) -> None:
    findings = conservation_findings(
        build(PEOPLE.replace(old, new) if old else PEOPLE), unit="persons", boundary=boundary
    )
    assert what in [f.what for f in findings]


def test_a_flow_without_subscripts_may_enter_one_element(build: Build) -> None:
    text = """
    who: one, two ~~|
    A[one] = INTEG(moving, 0) ~ Person ~|
    A[two] = INTEG(moving, 0) ~ Person ~|
    B = INTEG(-moving, 9) ~ Person ~|
    moving = B / 2 ~ Person/Month ~|
    """
    boundary: dict[str, list[str]] = {"in": [], "out": []}
    assert [f.what for f in conservation_findings(build(text), unit="Person", boundary=boundary)] == [
        'the flow "moving" enters 2 stocks or clouds'
    ]
    once = (
        text.replace("A[two] = INTEG(moving, 0)", "A[two] = INTEG(born, 0)") + "born = 1 ~ Person/Month ~|\n"
    )
    assert conservation_findings(build(once), unit="Person", boundary={"in": ["born"]}) == []


SPLIT = """
    who: one, two ~~|
    first: one ~~|
    A[first] = INTEG(arriving[first] - leaving[first], 0) ~ Person ~|
    B[who] = INTEG(-moving[who], 9) ~ Person ~|
    C[second] = INTEG(arriving[second] - leaving[second] + moving[second], 0) ~ Person ~|
    D[first] = INTEG(moving[first], 0) ~ Person ~|
    second: two ~~|
    arriving[who] = 1, 2 ~ Person/Month ~|
    leaving[first] = A[first] / 2 ~ Person/Month ~|
    leaving[second] = C[second] / 2 ~ Person/Month ~|
    moving[who] = B[who] / 3 ~ Person/Month ~|
    """


def test_stocks_may_share_a_flow_by_its_elements_but_not_one_element(build: Build) -> None:
    boundary = {"in": ["arriving"], "out": ["leaving"]}
    assert conservation_findings(build(SPLIT), unit="Person", boundary=boundary) == []
    twice = SPLIT.replace("INTEG(moving[first], 0)", "INTEG(moving[first] + arriving[first], 0)")
    what = [f.what for f in conservation_findings(build(twice), unit="Person", boundary=boundary)]
    assert what == ['the flow "arriving" enters 3 stocks or clouds']


def test_a_stock_that_takes_the_flow_of_another_element_is_found(build: Build) -> None:
    text = """
    who: one, two ~~|
    A[who] = INTEG(moving[one], 0) ~ Person ~|
    B[one] = INTEG(-moving[one], 9) ~ Person ~|
    moving[who] = 1, 2 ~ Person/Month ~|
    """
    what = [f.what for f in conservation_findings(build(text), unit="Person", boundary={})]
    assert '"A" takes "moving" of other elements' in what
