"""Every shipped scenario runs, and differs from its base course in the direction that its levers imply.

The table asks for the first links of each chain only: what the levers act on. Whether the further outcomes that the
documents expect come about is a matter of the claims, not of a test.
"""

from __future__ import annotations

from functools import cache

import pytest

from flows.claims import Claim, Finding, evaluate, parse_statement
from flows.inputs import find, list_scenarios

COURSE, FIRST = "current-course", "demography-course"

MORE, LESS, SAME = ">", "<", "="

IMPLIED: dict[str, list[tuple[str, str]]] = {
    "course-2024": [("encounters at US border in 2026", MORE), ("appointment slots @2026-12", MORE)],
    "course-2021": [("expulsions in 2024", MORE), ("work visas issued[Mexico] in 2024", LESS)],
    # contexts
    "us-tightening": [
        ("expulsions in 2028", MORE),
        ("people enrolled in MPP @2028-12", MORE),
        ("port slots @2028-12", LESS),
        ("people stopped in Central America[transit origin] in 2028", MORE),
        ("relative containment @2028-12", MORE),
    ],
    "violence-stable": [("total departures in 2030", SAME), ("violence[Mexico] @2030-12", SAME)],
    "violence-worse": [("violence[Mexico] @2030-12", MORE), ("departures[Mexico] in 2030", MORE)],
    "missed-window": [("total departures in 2030", MORE)],
    "us-partial-legislation": [
        ("total regularised people @2032-12", MORE),
        ("unauthorised population[Mexico] @2032-12", LESS),
        ("work visas issued[Mexico] in 2030", MORE),
    ],
    "us-executive-only": [
        ("people with temporary protection[origin] @2028-12", MORE),
        ("people admitted to stay[origin] in 2028", MORE),
        ("people admitted to stay[origin] in 2031", SAME),
        ("releases at the border[origin] in 2028", MORE),
    ],
    "us-quagmire": [
        ("room for US reform @2030-12", LESS),
        ("people with temporary protection[origin] @2030-12", LESS),
        ("expulsions in 2030", MORE),
    ],
    "regularisation-with-control": [
        ("total regularised people @2032-12", MORE),
        ("interior removals[origin] in 2035 / people in US without a case[origin] @2035-12", MORE),
    ],
    "recession-return": [
        ("total voluntary returns in 2030", MORE),
        ("total departures in 2030", LESS),
    ],
    "central-america-pressure": [
        ("people stopped in Central America[transit origin] in 2030", LESS),
        ("removals of people with orders[NCA origin] in 2030", LESS),
    ],
    "labour-restriction": [
        ("expulsions in 2030", MORE),
        ("relative containment @2030-12", MORE),
        ("US labour demand @2030-12", MORE),
    ],
    "safe-mobility-lost": [("removals of people with orders[Venezuela] in 2030", LESS)],
    "mpp-return": [("people enrolled in MPP @2027-12", MORE), ("people waiting in the north @2027-12", MORE)],
    "title42-return": [("expulsions in 2027", MORE), ("port slots @2027-12", LESS)],
    # packages
    "redistribution": [("refugees relocated[transit origin] in 2030", MORE)],
    "temporary-inclusion": [
        ("people with temporary papers[transit origin] @2030-12", MORE),
        ("people waiting at COMAR[transit origin] @2030-12", LESS),
        ("shelter places @2030-12", MORE),
    ],
    "inclusion-and-redistribution": [
        ("refugees relocated[transit origin] in 2028", MORE),
        ("people with temporary papers[transit origin] @2030-12", MORE),
    ],
    "protection-reform": [
        ("COMAR staff @2030-12", MORE),
        ("COMAR wait @2030-12", LESS),
        ("immigration judges @2030-12", MORE),
        ("court queue time @2030-12", LESS),
        ("municipal capacity @2030-12", MORE),
    ],
    "binational-security": [
        ("criminal groups resources @2030-12", LESS),
        ("violence[Mexico] @2030-12", LESS),
        ("internally displaced people @2030-12", LESS),
    ],
    "displacement-law": [
        ("funded protection of displaced people @2026-12", SAME),
        ("displaced people protected in 2030", MORE),
        ("internally displaced people @2032-12", LESS),
    ],
    "local-programmes": [
        ("settling of drop outs[Guatemala] @2030-12", MORE),
        ("municipal capacity @2030-12", MORE),
    ],
    "forced-migrant-visas": [
        ("people admitted to stay[Mexico] in 2030", MORE),
        # departures stay as they are: newcomers help others to come about as much as visas replace departures
    ],
    "institutional-rebuild": [
        ("protection capacity @2030-12", MORE),
        ("containment capacity @2030-12", LESS),
        ("municipal capacity @2030-12", MORE),
        ("COMAR staff @2030-12", MORE),
        ("reintegration success @2030-12", MORE),
    ],
    "return-increase": [
        ("interior removals[origin] in 2028", MORE),
        ("people parted from family by removal in 2028", MORE),
    ],
    "return-increase-supported": [
        ("interior removals[origin] in 2028", MORE),
        ("reintegration success @2030-12", MORE),
        ("consular capacity in force @2030-12", MORE),
    ],
    "containment-plus": [
        ("relative containment @2030-12", MORE),
        ("people stopped in Central America[transit origin] in 2030", MORE),
        ("protection capacity @2030-12", LESS),
    ],
    "biden-plan": [
        ("total work visas issued in 2030", MORE),
        ("total regularised people @2032-12", MORE),
        ("people admitted to stay[origin] in 2030", MORE),
        ("immigration judges @2030-12", MORE),
    ],
    "root-causes": [("development capital[Guatemala] @2032-12", MORE)],
    "cdp-private": [("development capital[Guatemala] @2032-12", MORE)],
    "safe-third-country": [
        ("people sent to seek asylum in Mexico[transit origin] in 2030", MORE),
        ("shelter places @2030-12", MORE),
        ("COMAR staff @2030-12", MORE),
        ("releases at the border[origin] in 2030", LESS),
    ],
    "migration-foreign-policy": [
        ("protection capacity @2030-12", MORE),
        ("COMAR staff @2030-12", MORE),
        ("consular capacity in force @2030-12", MORE),
    ],
    "interior-ministry-lead": [
        ("people with temporary papers[transit origin] @2030-12", MORE),
        ("consular capacity in force @2030-12", MORE),
    ],
    "greater-autonomy": [
        ("protection capacity @2030-12", MORE),
        ("containment capacity @2030-12", LESS),
        ("shelter places @2030-12", MORE),
        ("municipal capacity @2030-12", MORE),
        ("permitted workers in Mexico @2030-12", MORE),
    ],
    "regional-dialogue": [
        ("protection capacity @2030-12", MORE),
        ("total work visas issued in 2030", MORE),
        ("people admitted to stay[origin] in 2030", MORE),
        ("development capital[Honduras] @2032-12", MORE),
    ],
    "labour-partial": [
        ("total work visas issued in 2030", MORE),
        ("total regularised people @2032-12", MORE),
        ("permitted workers in Mexico @2030-12", MORE),
    ],
    "labour-development": [
        ("interceptions by INM in 2030", LESS),
        ("total work visas issued in 2030", MORE),
        ("development capital[Guatemala] @2032-12", MORE),
    ],
    "regional-system": [
        ("approvals near origin in 2030", MORE),
        ("COMAR staff @2030-12", MORE),
        ("total work visas issued in 2030", MORE),
        ("interception harm @2030-12 / interceptions by INM @2030-12", LESS),
    ],
    "binational-roadmap": [
        ("COMAR staff @2030-12", MORE),
        ("port slots @2030-12", MORE),
        ("smuggling capacity @2030-12", LESS),
        ("total work visas issued in 2030", MORE),
    ],
    "safe-mobility": [("approvals near origin in 2030", MORE), ("people waiting near origin @2030-12", MORE)],
    "planned-immigration": [
        ("growth rate[Mexico] in 2050..2059", MORE),
        ("population[Mexico] @2059-12", MORE),
    ],
}

KEYS = """
    current-course course-2024 course-2021 us-tightening redistribution inclusion-and-redistribution temporary-inclusion
    protection-reform violence-stable violence-worse binational-security displacement-law local-programmes
    forced-migrant-visas institutional-rebuild missed-window us-partial-legislation us-executive-only us-quagmire
    regularisation-with-control recession-return return-increase return-increase-supported containment-plus biden-plan
    root-causes safe-third-country central-america-pressure cdp-private migration-foreign-policy interior-ministry-lead
    greater-autonomy regional-dialogue labour-restriction labour-partial labour-development planned-immigration
    regional-system binational-roadmap safe-mobility safe-mobility-lost mpp-return title42-return
""".split()
"""The scenarios that the model owes its reader."""


def _statement(scenario: str, measure: str, sign: str) -> str:
    course = FIRST if scenario == "planned-immigration" else COURSE
    return f"{measure}: {scenario} {sign} {course} by 0.1 %"


@cache
def _findings() -> dict[str, Finding]:
    """Every row of the table in one ensemble."""
    texts = [_statement(name, *row) for name, rows in IMPLIED.items() for row in rows]
    fields = [""] * 10
    claims = [Claim("T", *fields, False, "", "emergent", text, "a lever", "", text) for text in texts]  # type: ignore[arg-type]
    return {v.claim.checks: finding for v in evaluate(claims) for finding in v.findings}


def test_all_scenarios_are_there() -> None:
    names = {scenario.name for scenario in list_scenarios()}
    assert names >= set(KEYS)
    assert set(IMPLIED) == names - {COURSE, FIRST}


@pytest.mark.parametrize(
    ("scenario", "measure", "sign"), [(k, *row) for k, rows in IMPLIED.items() for row in rows]
)
def test_direction(scenario: str, measure: str, sign: str) -> None:
    finding = _findings()[_statement(scenario, measure, sign)]
    assert finding.holds, f"{finding.values}: {finding.way}, {finding.margin:.3f} %"


def test_statements_of_the_table_are_read_as_meant() -> None:
    statement = parse_statement(_statement("us-tightening", "expulsions in 2028", MORE))
    assert [run.label for run in statement.runs] == ["us-tightening", COURSE]
    assert (statement.signs, statement.near) == ((">",), 0.001)


def test_every_lever_is_used_by_a_scenario() -> None:
    """A lever that no scenario moves is listed here, with the reason."""
    moved = {change.name for scenario in list_scenarios() for change in scenario.levers}
    text = find("model", "migration").read_text(encoding="utf-8")
    group = text.split("\n\t.Levers\n")[1].split("\n\t.Lever timing\n")[0]
    levers = [line.split("=")[0].strip() for line in group.splitlines() if line.endswith("=")]
    assert len(levers) > 40
    assert set(levers) - moved == {
        "appointment slots per month",  # no source asks for appointments: analysts compare them
        "completions per judge",  # no source asks for more cases a judge: 000 warns of speed without fairness
        "court receipts",  # a range for uncertainty
        "asylum grant share",  # judges decide; S4-21 is an effect inside the model
        "legal pathways per month",  # pathways that no scenario names; named ones are used
    }
