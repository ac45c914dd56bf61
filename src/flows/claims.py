"""Claims of the documents, and which scenario carries which.

A claim is a checkable statement about outputs. This module reads and links them; whether the model
reproduces one is decided elsewhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from flows.errors import InputError, near
from flows.inputs import Scenario, find

Kind = Literal["direction", "figure", "scenario", "structure", "ordering", "feedback"]


@dataclass(frozen=True)
class Claim:
    """One checkable statement, in the words of this project.

    Attributes
    ----------
    id : str
        For example ``S3-38``.
    document, section : str
        Where it stands.
    kind : {"direction", "figure", "scenario", "structure", "ordering", "feedback"}
        What sort of statement it is.
    statement : str
        The claim.
    conditions_or_levers : str
        Under which scenario or lever it holds.
    outcome, expected, horizon, comparator : str
        What should be seen, when, and against what.
    confidence : str
        How firmly the document states it.
    central : bool
        Whether the model has to speak to it, whatever it says.
    note : str
        How to read it.
    """

    id: str
    document: str
    section: str
    kind: Kind
    statement: str
    conditions_or_levers: str
    outcome: str
    expected: str
    horizon: str
    comparator: str
    confidence: str
    central: bool
    note: str


def read_claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """Read the claims, the shipped ones by default.

    Parameters
    ----------
    path : str or Path, optional
        A CSV file with the columns of ``models/claims.csv``.

    Returns
    -------
    tuple of Claim
        In the order of the file.

    Raises
    ------
    InputError
        If a column is missing or unknown, a kind isn't known, a statement is empty or an id stands twice.
    """
    found = find("claims", path)
    shown = found.name
    columns = [field.name for field in fields(Claim)]
    try:
        with found.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or [])
            rows = list(reader)
    except UnicodeDecodeError as error:
        raise InputError("not a text file in UTF-8", where=shown, found=f"byte {error.start}") from None
    for column in columns:
        if column not in header:
            raise InputError(f'the column "{column}" is missing', where=shown, found=", ".join(header))
    for column in header:
        if column not in columns:
            raise InputError(f'unknown column "{column}"', where=shown, remedy=near(column, columns))
    claims: dict[str, Claim] = {}
    for number, row in enumerate(rows, 1):
        claim = _claim(row, f"{shown}, row {number}")
        if claim.id in claims:
            raise InputError(f'the id "{claim.id}" stands twice', where=f"{shown}, row {number}")
        claims[claim.id] = claim
    return tuple(claims.values())


def _claim(row: dict[str, str], where: str) -> Claim:
    for column in ("id", "statement"):
        if not row[column]:
            raise InputError(f'the column "{column}" is empty', where=where)
    if row["kind"] not in get_args(Kind):
        raise InputError(
            "not a kind of claim",
            where=f'{where}, column "kind"',
            found=f'"{row["kind"]}"',
            expected=", ".join(get_args(Kind)),
            remedy=near(row["kind"], get_args(Kind)),
        )
    if row["central"] not in ("", "yes"):
        raise InputError(
            "neither yes nor empty", where=f'{where}, column "central"', found=f'"{row["central"]}"'
        )
    return Claim(**{**row, "central": row["central"] == "yes"})  # type: ignore[arg-type]


def claims_of(scenario: Scenario, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return the claims that a scenario carries, in its own order.

    Raises
    ------
    InputError
        If the scenario cites an id that isn't there; the nearest one is offered.
    """
    by_id = {claim.id: claim for claim in claims}
    for cited in scenario.claims:
        if cited not in by_id:
            raise InputError(
                f'no claim "{cited}"', where=f'{scenario.file}, key "claims"', remedy=near(cited, by_id)
            )
    return tuple(by_id[cited] for cited in scenario.claims)


def scenarios_of(claim: Claim, scenarios: Iterable[Scenario]) -> tuple[str, ...]:
    """Return the names of the scenarios that carry a claim."""
    return tuple(scenario.name for scenario in scenarios if claim.id in scenario.claims)


def check_claims(scenarios: Iterable[Scenario], claims: Sequence[Claim]) -> None:
    """Refuse scenarios that cite claims which aren't there.

    Raises
    ------
    InputError
        Naming the scenario's file and the id.
    """
    for scenario in scenarios:
        claims_of(scenario, claims)
