"""Claims: how they are read, refused and linked with scenarios."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.claims import Claim, check_claims, claims_of, read_claims, scenarios_of
from flows.errors import InputError
from flows.inputs import Scenario, list_scenarios

HEADER = (
    "id,document,section,kind,statement,conditions_or_levers,outcome,expected,horizon,comparator,confidence,"
    "central,note"
)
ROW = "A-1,D,1,direction,More of it.,lever up,cases,increase,short,base,stated as fact,yes,"


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
            HEADER.replace("note", "note,statment") + "\n",
            'c.csv: unknown column "statment". Did you mean "statement"?',
        ),
        (f"{HEADER}\n{ROW}\n{ROW}\n", 'c.csv, row 2: the id "A-1" stands twice.'),
        (
            f"{HEADER}\n{ROW.replace('direction', 'directon')}\n",
            'c.csv, row 1, column "kind": not a kind of claim, found "directon", expected direction, figure, scenario, '
            'structure, ordering, feedback. Did you mean "direction"?',
        ),
        (f"{HEADER}\n{ROW.replace('More of it.', '')}\n", 'c.csv, row 1: the column "statement" is empty.'),
        (
            f"{HEADER}\n{ROW.replace('yes', 'maybe')}\n",
            'column "central": neither yes nor empty, found "maybe".',
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
    assert scenarios_of(claims[0], [scenario]) == ("s",)


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


def test_central_claims_that_no_scenario_carries_belong_to_later_sectors() -> None:
    scenarios = list_scenarios()
    silent = {c.id for c in read_claims() if c.central and not scenarios_of(c, scenarios)}
    assert silent == {"S2-29", "S2-30", "S2-31", "S4-20", "S4-21", "S6-14", "S6-15", "S6-16"}


def test_words_of_the_claims() -> None:
    unwanted = re.compile(r"\bwaves?\b|surge|flood|illegal|northern triangle|rescue", re.IGNORECASE)
    texts = [
        t for c in read_claims() for t in (c.statement, c.conditions_or_levers, c.outcome, c.expected, c.note)
    ]
    texts += [t for s in list_scenarios() for t in (s.title, s.source, *s.not_expressed)]
    texts += [change.why for s in list_scenarios() for change in (*s.levers, *s.constants)]
    assert [text for text in texts if unwanted.search(text)] == []
