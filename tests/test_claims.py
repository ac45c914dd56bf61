"""Claims: how they are read, refused, linked with scenarios, parsed and held against runs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from flows.claims import (
    Claim,
    Verdict,
    check_claims,
    check_statements,
    claims_of,
    evaluate,
    parse_statement,
    read_claims,
)
from flows.cli import main
from flows.errors import InputError
from flows.inputs import Scenario, list_scenarios

HEADER = (
    "id,document,section,kind,statement,conditions_or_levers,outcome,expected,horizon,comparator,confidence,"
    "central,note,status,checks,decides,reason"
)
CHECK = "arrivals in 2014: faster = current-course"
ROW = (
    "A-1,D,1,direction,More of it.,lever up,cases,increase,short,base,stated as fact,yes,"
    f",emergent,{CHECK},The flow.,"
)


def read(folder: Path, text: str) -> tuple[Claim, ...]:
    file = folder / "c.csv"
    file.write_text(text, encoding="utf-8")
    return read_claims(file)


def test_a_row_becomes_a_claim(tmp_path: Path) -> None:
    (claim,) = read(tmp_path, f"{HEADER}\n{ROW}\n")
    assert (claim.id, claim.kind, claim.expected, claim.central, claim.note) == (
        "A-1",
        "direction",
        "increase",
        True,
        "",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace(",kind", "") + "\n", 'c.csv: the column "kind" is missing, found id, document'),
        (
            HEADER.replace("note,", "note,statment,") + "\n",
            'c.csv: unknown column "statment". Did you mean "statement"?',
        ),
        (f"{HEADER}\n{ROW}\n{ROW}\n", 'c.csv, row 2: the id "A-1" stands twice.'),
        (f"{HEADER}\n{ROW},\n", "c.csv, row 1: not as many cells as columns, found 18, expected 17."),
        (f"{HEADER}\nA-1,D,1\n", "c.csv, row 1: not as many cells as columns, found 3, expected 17."),
        (f"{HEADER}\n{'x' * 200_000}\n", "c.csv:2: can't be read as a table, found field larger than"),
        (
            f"{HEADER}\n{ROW.replace('direction', 'directon')}\n",
            'c.csv, row 1, column "kind": not a kind of claim, found "directon", expected direction, figure, scenario, '
            'structure, ordering, feedback. Did you mean "direction"?',
        ),
        (f"{HEADER}\n{ROW.replace('More of it.', '')}\n", 'c.csv, row 1: the column "statement" is empty.'),
        (
            f"{HEADER}\n{ROW.replace('yes', 'maybe')}\n",
            'column "central": not one of the choices, found "maybe", expected yes, or nothing.',
        ),
        (
            f"{HEADER}\n{ROW.replace('emergent', 'emergant')}\n",
            'column "status": not a status, found "emergant", expected input, fitted, emergent, put in, outside. '
            'Did you mean "emergent"?',
        ),
        (
            f"{HEADER}\n{ROW.replace(CHECK, '')}\n",
            'row 1 (A-1): the column "checks" is empty. Write a statement',
        ),
        (f"{HEADER}\n{ROW.replace('The flow.', '')}\n", 'row 1 (A-1): the column "decides" is empty.'),
        (
            f"{HEADER}\n{ROW.replace('emergent', 'outside')}\n",
            'row 1 (A-1): the column "reason" is empty. Say why it is outside the boundary',
        ),
        (
            f"{HEADER}\n{ROW.replace('emergent', 'outside')}No such thing.\n",
            "row 1 (A-1): a claim outside the boundary has checks.",
        ),
        (
            f"{HEADER}\n{ROW.replace('2014:', '2014')}\n",
            'row 1 (A-1), "arrivals in 2014 faster = current-course": not a statement, expected "MEASURE: RUN < RUN"',
        ),
    ],
)
def test_claims_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: no such file"):
        read_claims("nowhere.csv")


def test_scenarios_carry_claims(tmp_path: Path) -> None:
    claims = read(tmp_path, f"{HEADER}\n{ROW}\n{ROW.replace('A-1', 'A-2')}\n")
    scenario = Scenario(name="s", title="S", kind="package", claims=("A-2", "A-1"), file="s.toml")
    assert [claim.id for claim in claims_of(scenario, claims)] == ["A-2", "A-1"]


def test_an_id_that_is_not_there(tmp_path: Path) -> None:
    claims = read(tmp_path, f"{HEADER}\n{ROW}\n")
    scenario = Scenario(name="s", title="S", kind="package", claims=("A-11",), file="s.toml")
    with pytest.raises(InputError) as refused:
        check_claims([scenario], claims)
    assert str(refused.value) == 's.toml, key "claims": no claim "A-11". Did you mean "A-1"?'


def test_shipped_scenarios_cite_shipped_claims() -> None:
    claims = read_claims()
    assert len(claims) == 318
    check_claims(list_scenarios(), claims)


def test_every_shipped_claim_is_encoded_or_outside_with_a_reason_of_its_own() -> None:
    claims = read_claims()
    outside = [claim for claim in claims if claim.status == "outside"]
    assert all(len(claim.reason) > 20 for claim in outside)
    assert len({claim.reason for claim in outside}) == len(outside)
    assert all(claim.statements and claim.decides for claim in claims if claim.status != "outside")
    assert not [claim.id for claim in outside if claim.central]


def test_statements_of_the_shipped_claims_name_what_is_there() -> None:
    check_statements(read_claims())


def test_every_claim_about_a_scenario_is_carried_by_one() -> None:
    carried = {claim for scenario in list_scenarios() for claim in scenario.claims}
    assert not {c.id for c in read_claims() if (c.central or c.kind == "scenario") and c.id not in carried}


def test_words_of_the_claims() -> None:
    unwanted = re.compile(r"\bwaves?\b|surge|flood|illegal|northern triangle|rescue", re.IGNORECASE)
    texts = [
        t
        for c in read_claims()
        for t in (c.statement, c.conditions_or_levers, c.outcome, c.expected, c.note, c.decides, c.reason)
    ]
    texts += [t for s in list_scenarios() for t in (s.title, s.source, *s.not_expressed)]
    texts += [change.why for s in list_scenarios() for change in (*s.levers, *s.constants)]
    assert [text for text in texts if unwanted.search(text)] == []


# The grammar ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "runs", "signs", "times"),
    [
        (
            "court cases pending @2030-12: us-tightening < current-course",
            ["us-tightening", "current-course"],
            ("<",),
            {"court cases pending": (216.0, 216.0)},
        ),
        (
            "COMAR applications in 2019: current-course = 70418 ± 10 %",
            ["current-course"],
            ("=",),
            {"COMAR applications": (72.0, 84.0)},
        ),
        ("x in FY2019: a between 1 and 2", ["a"], ("=",), {"x": (69.0, 81.0)}),
        ("x in 2021-01..2021-05: a+b <= a <= c", ["a+b", "a", "c"], ("<=", "<="), {"x": (96.0, 101.0)}),
        ("x rises from FY2014 to FY2016: a", ["a"], ("<",), {"x": (33.0, 45.0)}),
        ("x falls from 2019-12 to 2021-05: a", ["a"], (">",), {"x": (101.0, 101.0)}),
        (
            "under a with k[origin] = 0, l m = -1.5: people in US in 2013 / y[Haiti, Cuba] in 2014 > z @2014-01",
            ["a with k[origin] = 0, l m = -1.5"],
            (">",),
            {"people in US": (0.0, 12.0), "y[Haiti,Cuba]": (12.0, 24.0), "z": (13.0, 13.0)},
        ),
        (
            "(x + y) in 2013 / z in 2014: a against b > c with k = 2 against d",
            ["a", "b", "c with k = 2", "d"],
            (">",),
            {"x": (0.0, 12.0), "y": (0.0, 12.0), "z": (12.0, 24.0)},
        ),
        ("x / y in 2014: a > 0.5", ["a"], (">",), {"x": (12.0, 24.0), "y": (12.0, 24.0)}),
        (
            '"fear-based in 2012 claims" in 2014: a > b',
            ["a", "b"],
            (">",),
            {"fear-based in 2012 claims": (12, 24)},
        ),
        ("highest x in 2013..2014: a > b by 5 %", ["a", "b"], (">",), {"x": (0.0, 24.0)}),
        ("year of lowest x in 2013..2035: a between 2020 and 2030", ["a"], ("=",), {"x": (0.0, 276.0)}),
    ],
)
def test_statements(
    text: str, runs: list[str], signs: tuple[str, ...], times: dict[str, tuple[float, float]]
) -> None:
    statement = parse_statement(text)
    assert [run.label for run in statement.runs] == runs
    assert statement.signs == signs
    assert {t.reference.key: (t.when.start, t.when.end) for t in statement.names if t.when} == times


def test_tolerances_are_read() -> None:
    figures = {
        text: parse_statement(f"x in 2019: a = {text}").sides[1].source
        for text in ("200 ± 10 %", "200 +/- 30", "-4 ± 25 %")
    }
    assert {t: (f.low, f.high) for t, f in figures.items()} == {  # type: ignore[union-attr]
        "200 ± 10 %": (180.0, 220.0),
        "200 +/- 30": (170.0, 230.0),
        "-4 ± 25 %": (-5.0, -3.0),
    }
    assert parse_statement("x in 2019: a < b").near == 0.01
    assert parse_statement("x in 2019: a < b by 5 %").near == 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x in 2019 a < b", "not a statement, expected"),
        ("x: a < b", 'no time is given for "x"'),
        ("x in 2019: a", "nothing is compared"),
        ("x in 2019: a b", 'a sign is missing, found "b"'),
        ("x in 2019: < b", 'no run is named, found "< b"'),
        ("x in 2019: 3 < 4", "no run is named"),
        ("x in 2019: a = 70418", "a number needs its tolerance. Write for example = 70418 ± 10 %"),
        ("x in 2019: a < 70418 ± 3", "a number with ± belongs after the sign ="),
        ("x in 2019: a between 3 and 2", 'the span is empty, found "between 3 and 2"'),
        ("x in 2019: a with k > b", 'a setting doesn\'t read, found "k > b", expected CONSTANT = NUMBER'),
        ("x in 2019..2017: a < b", 'the span ends before it starts, found "in 2019..2017"'),
        ("x @2019: a < b", 'not a time, found "@2019: a < b"'.replace(": a < b", "")),
        ("x @2019-13: a < b", 'not a month, found "2019-13"'),
        ("highest x @2019-12: a < b", '"highest" needs a span, found "@2019-12"'),
        ("(x in 2019: a < b", "a parenthesis is not closed"),
        ("x[Haiti in 2019: a < b", "a bracket is not closed"),
        ('"x in 2019: a < b', "a quotation mark is open"),
        ("x in 2019 *: a < b", "an operand is missing"),
        ("x in 2019 y in 2018: a < b", 'a sign is missing, found "y in 2018", expected one of + - * /'),
        ("under a b: x in 2019 < y in 2019", 'the run is not followed by a colon, found "b"'),
        ("x rises from 2013 to 2014: a b", 'one run belongs after the colon, found "b"'),
    ],
)
def test_statements_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_statement(text, where="claims.csv, row 3 (A-3)")
    assert message in str(refused.value)
    assert "claims.csv, row 3 (A-3)" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_in_a_statement_is_executed() -> None:
    with pytest.raises(InputError):
        parse_statement("__import__('os').system('false') in 2019: a < b")


# Runs -----------------------------------------------------------------------------------------------


def claim(*checks: str, status: str = "emergent") -> Claim:
    return Claim(
        "A-1", "D", "1", "figure", "It is so.", "", "", "", "", "", "", False, "", status, ";".join(checks), "x", "",  # type: ignore[arg-type]
        "claims.csv, row 1 (A-1)",
    )  # fmt: skip


def judge(*checks: str, **options: object) -> Verdict:
    (verdict,) = evaluate([claim(*checks)], **options)  # type: ignore[arg-type]
    return verdict


WAITING = 300 - 200 * math.exp(
    -24 / 10
)  # two years of 30 arrivals a month, a tenth of those who wait leaving
"""People waiting in the small model at the end of 2014, but for the step."""


@pytest.mark.parametrize(
    ("check", "values"),
    [
        ("arrivals in 2014: current-course = 360 ± 1 %", [360, 360]),
        ("mean arrivals in 2014: current-course = 30 ± 1 %", [30, 30]),
        ("arrivals by origin[origin] in 2014-01..2014-03: current-course = 90 ± 1 %", [90, 90]),
        ("arrivals by origin[Cuba] in FY2014: current-course = 120 ± 1 %", [120, 120]),
        ("arrivals by origin[Cuba] @2014-12: current-course = 10 ± 1 %", [10, 10]),
        (
            "arrivals by origin[Cuba] / arrivals by origin[Haiti] in 2014: current-course = 0.5 ± 1 %",
            [0.5, 0.5],
        ),
        ("COMAR pending cases @2014-12: current-course = 620 ± 1 %", [620, 620]),
        ("COMAR pending cases in 2014: current-course = 590 ± 1 %", [590, 590]),
        ("COMAR pending cases @2014-12 - COMAR pending cases @2013-12: current-course = 60 ± 1 %", [60, 60]),
        ("COMAR pending cases rises from 2013-12 to 2014-12: current-course", [560, 620]),
        ("highest COMAR pending cases in 2014: current-course = 620 ± 1 %", [620, 620]),
        ("lowest COMAR pending cases in 2014: current-course = 560 ± 1 %", [560, 560]),
        (
            "year of highest COMAR pending cases in 2013..2014: current-course between 2014.9 and 2015.1",
            [2015, 2015],
        ),
        ("people waiting in Mexico @2014-12: current-course = 281.9 ± 1 %", [WAITING, 281.9]),
        (
            "arrivals in 2014: current-course with labour demand = 2 over current-course between 1.9 and 2.1",
            [2, 2],
        ),
        ("arrivals in 2014: current-course with base arrivals[origin] = 0 < 1", [0, 1]),
        (
            "arrivals in 2014: current-course with base arrivals[Cuba] = 0 against current-course < 0",
            [-120, 0],
        ),
        (
            "under current-course: arrivals by origin[Haiti] in 2014 > arrivals by origin[Cuba] in 2014",
            [240, 120],
        ),
        ("waiting time @2014-12: current-course with waiting time = 5 < current-course", [5, 10]),
    ],
)
def test_numbers_of_a_run(small_root: Path, check: str, values: list[float]) -> None:
    (finding,) = judge(check).findings
    assert finding.holds, finding
    assert finding.values == pytest.approx(values, rel=3e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("check", "way", "margin"),
    [
        ("arrivals in 2014: current-course = 300 ± 10 %", "off", -20),
        ("arrivals in 2014: current-course > 400", "off", -10),
        ("arrivals in 2014: current-course with labour demand = 2 < current-course", "the other way", -50),
        (
            "arrivals in 2014: current-course with labour demand = 1.005 > current-course",
            "no difference",
            0.4975,
        ),
        (
            "arrivals in 2014: current-course with labour demand = 1.03 <= current-course",
            "the other way",
            -2.9126,
        ),
        ("arrivals in 2014: current-course with labour demand = 1.03 = current-course", "off", -2.9126),
        (
            "arrivals in 2014: current-course < current-course with labour demand = 1.03 by 5 %",
            "no difference",
            2.9126,
        ),
    ],
)
def test_statements_that_fail(small_root: Path, check: str, way: str, margin: float) -> None:
    verdict = judge(check)
    (finding,) = verdict.findings
    assert (verdict.result, finding.holds, finding.way) == ("not reproduced", False, way)
    assert finding.margin == pytest.approx(margin, rel=1e-3)


@pytest.mark.parametrize(
    "check",
    [
        "arrivals in 2014: current-course with labour demand = 1.02 > current-course",
        "arrivals in 2014: current-course with labour demand = 1.005 <= current-course",
        "arrivals in 2014: current-course with labour demand = 1.005 = current-course",
        "arrivals in 2014: current-course with labour demand = 0.9 <= current-course <= current-course",
        "people waiting in Mexico @2016-12: faster < current-course",
    ],
)
def test_statements_that_hold(small_root: Path, check: str) -> None:
    assert judge(check).result == "reproduced"


def test_what_was_put_in_is_never_called_reproduced(small_root: Path) -> None:
    check = "arrivals in 2014: current-course = 360 ± 1 %"
    statuses = ("fitted", "emergent", "input", "put in")
    verdicts = evaluate([claim(check, status=status) for status in statuses])
    assert [v.result for v in verdicts] == ["reproduced", "reproduced", "put in", "put in"]
    both = judge(check, "arrivals in 2014: current-course = 1 ± 1 %")
    assert (both.result, [f.holds for f in both.findings]) == ("in part", [True, False])


def test_a_claim_outside_the_boundary_runs_nothing(small_root: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be run")

    (verdict,) = evaluate([claim(status="outside")], simulate=refuse)  # type: ignore[arg-type]
    assert (verdict.result, verdict.findings, verdict.as_dict()["checks"]) == ("outside", (), [])


def test_the_share_of_draws(small_root: Path) -> None:
    draws = {"labour demand": np.linspace(0.5, 1.4, 10)}
    progress = []
    verdict = judge(
        "arrivals in 2014: current-course > 359",
        "people waiting in Mexico @2014-12: current-course > 0",
        draws=draws,
        progress=lambda done, total: progress.append((done, total)),
    )
    assert [f.share for f in verdict.findings] == [0.5, 1.0]
    assert verdict.share == 0.5
    assert progress[0] == (0, 11)
    assert progress[-1] == (11, 11)
    with pytest.raises(InputError, match='the draws set "labor demand", which is no constant of the model'):
        judge("arrivals in 2014: current-course > 1", draws={"labor demand": np.ones(2)})


def test_a_constant_counts_the_same_in_every_draw(small_root: Path) -> None:
    draws = {"labour demand": np.array([0.5, 1.0, 1.4])}
    verdict = judge("under current-course: arrivals @2014-12 > base arrivals[Haiti] @2014-12", draws=draws)
    assert verdict.share == pytest.approx(2 / 3)


def test_no_draw_changes_what_a_run_sets_itself(small_root: Path) -> None:
    """Draws of one element and of a whole constant, in runs that set one, the other or neither."""
    draws = {"base arrivals[Cuba]": np.array([0.0, 10.0, 20.0]), "labour demand": np.array([1.0, 1.0, 2.0])}
    shares = {
        "arrivals by origin[Cuba] in 2014: current-course > 119": 2 / 3,
        "arrivals by origin[Cuba] in 2014: current-course > 241": 1 / 3,
        "arrivals by origin[Haiti] in 2014: current-course > 241": 1 / 3,
        "arrivals by origin[Cuba] in 2014: current-course with base arrivals[Cuba] = 15 > 179": 1.0,
        "arrivals by origin[Cuba] in 2014: current-course with base arrivals[origin] = 15 > 181": 1 / 3,
        "arrivals in 2014: current-course with labour demand = 0.5 > 200": 1 / 3,
    }
    found = judge(*shares, draws=draws).findings
    assert [f.share for f in found] == pytest.approx(list(shares.values()))


YEARLY = """
people = INTEG(births - deaths, 1000) ~ Person ~ |
births = people * birth rate(Time) ~ Person/Year ~ |
deaths = people * death rate ~ Person/Year ~ |
death rate = 0.02 ~ 1/Year ~ |
growth = (births - deaths) / people ~ 1/Year ~ |
birth rate([(2000,0)-(2040,1)], (2000,0.04), (2020,0.03), (2040,0.01)) ~ 1/Year ~ |
INITIAL TIME = 2000 ~ Year ~ |
FINAL TIME = 2040 ~ Year ~ |
TIME STEP = 1 ~ Year ~ |
SAVEPER = 1 ~ Year ~ |
"""


@pytest.mark.parametrize(
    ("check", "value"),
    [
        ("people @2000-12: slow-course = 1000 ± 50 %", 1020.0),
        ("people in 2000: slow-course = 1000 ± 50 %", 1000.0),
        ("births in 2000: slow-course = 40 ± 50 %", 40.0),
        ("growth in 2001..2002: slow-course = 0 ± 0.1", 0.01925),
        ("year of highest people in 2005..2039: slow-course between 2029 and 2032", 2030.0),
    ],
)
def test_a_model_that_counts_in_years(small_root: Path, check: str, value: float) -> None:
    (small_root / "models" / "yearly.mdl").write_text("{UTF-8}" + YEARLY, encoding="utf-8")
    scenario = 'title = "Slow"\nkind = "base"\nsource = "None"\nmodel = "yearly"\n'
    (small_root / "models" / "scenarios" / "slow-course.toml").write_text(scenario, encoding="utf-8")
    (finding,) = judge(check).findings
    assert finding.values[0] == pytest.approx(value)
    with pytest.raises(InputError, match="scenarios of two models in one combination"):
        judge("people @2000-12: slow-course+faster > 1")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("arrivls in 2014: current-course > 1", 'no outcome or variable "arrivls" in the model migration'),
        ("arrivls in 2014: current-course > 1", 'Did you mean "arrivals"'),
        ("arrivals in 2014: current-cours > 1", 'no scenario "current-cours"'),
        ("arrivals in 2014: current-course with labor demand = 1 > 1", 'no constant "labor demand" in the model'),
        ("arrivals in 2014: current-course with labour demand = 9 > 1", "lies outside the range of the constant"),
        ("arrivals in 2014: current-course with base arrivals[Hati] = 9 > 1", 'no element "Hati" of "base arrivals"'),
        ("arrivals in 2014: current-course with labour demand[Haiti] = 1 > 1", '"labour demand" has no subscripts'),
        ("arrivals by origin[Hati] in 2014: current-course > 1", 'no element "Hati" of "arrivals by origin"'),
        ("arrivals by origin in 2014: current-course > 1", "Write arrivals by origin[origin] for their sum"),
        ("arrivals in 2025: current-course > 1", "the time lies outside the run"),
    ],
)  # fmt: skip
def test_names_that_are_not_there(small_root: Path, check: str, message: str) -> None:
    for act in (evaluate, check_statements):
        with pytest.raises(InputError) as refused:
            act([claim(check)])
        assert message in str(refused.value)
        assert "claims.csv, row 1 (A-1)" in str(refused.value)


# The command ----------------------------------------------------------------------------------------


@pytest.fixture
def small_claims(small_root: Path) -> Path:
    rows = [
        f"A-1,D,1 first,direction,It is so.,,,,,,,yes,,emergent,{CHECK},The flow.,",
        "A-2,D,2 second,figure,It is not.,,,,,,,,,fitted,arrivals in 2014: current-course = 300 ± 10 %,Rates.,A word.",
        "A-3,D,2 second,structure,It is elsewhere.,,,,,,,,,outside,,,No such thing is in the model.",
    ]
    (small_root / "models" / "claims.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return small_root


def test_the_command(small_claims: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["claims", "--json", str(tmp_path / "v.json")]) == 0
    shown = capsys.readouterr().out
    assert "3 claims: 1 not reproduced (fitted), 1 outside, 1 reproduced (emergent)" in shown
    assert "No such thing is in the model." in shown
    verdicts = {v["id"]: v for v in json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))}
    assert {k: v["result"] for k, v in verdicts.items()} == {
        "A-1": "reproduced", "A-2": "not reproduced", "A-3": "outside",
    }  # fmt: skip
    assert verdicts["A-2"]["checks"][0]["sides"][0]["value"] == pytest.approx(360)
    assert main(["claims", "A-2"]) == 0
    shown = capsys.readouterr().out
    assert "✗ arrivals in 2014: current-course = 300 ± 10 %" in shown
    assert "off by 20.0 %" in shown
    assert "Decided by: Rates." in shown


@pytest.mark.parametrize(
    ("arguments", "code", "ids"),
    [
        (["--strict"], 1, {"A-1", "A-2", "A-3"}),
        (["--strict", "--section", "first"], 0, {"A-1"}),
        (["--status", "fitted", "--status", "outside"], 0, {"A-2", "A-3"}),
        (["--status", "not reproduced"], 0, {"A-2"}),
        (["--central", "--strict"], 0, {"A-1"}),
    ],
)
def test_choosing_claims(
    small_claims: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, ids: set[str]
) -> None:
    assert main(["claims", *arguments]) == code
    assert set(re.findall(r"A-\d", capsys.readouterr().out)) == ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["B-4"], 'no claim "B-4"'),
        (["--status", "emergant"], 'not a status, found "emergant"'),
        (["--section", "nowhere"], 'no section "nowhere", expected one of 1 first; 2 second'),
        (["A-2", "--central"], "no claim is left. Leave out one of the options."),
    ],
)
def test_claims_that_are_not_there(
    small_claims: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["claims", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_draws_from_a_file(small_claims: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "draws.csv"
    file.write_text("labour demand,waiting time\n0.8,10\n0.9,10\n1.0,12\n1.2,9\n", encoding="utf-8")
    assert main(["claims", "A-2", "--draws", str(file)]) == 0
    assert "in 50 % of draws" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labour demand\n", "no draws, expected a line of names"),
        ("labour demand\n1,2\n", "row 1: a row of another length, found 2 values, expected 1"),
        ("labour demand\nmuch\n", 'row 1, column labour demand: not a number, found "much"'),
        (
            "labor demand\n1\n",
            'the draws set "labor demand", which is no constant of the model. Did you mean "labour',
        ),
    ],
)
def test_draws_refused(
    small_claims: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "draws.csv").write_text(text, encoding="utf-8")
    assert main(["claims", "--draws", str(tmp_path / "draws.csv")]) == 1
    assert message in capsys.readouterr().err
