"""Claims of the documents, how each is checked, and which scenario carries which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from flows.claims.statement import Statement, parse_statement
from flows.errors import InputError, near
from flows.inputs import Scenario, find
from flows.inputs.tables import shown_path
from flows.references import parse_number
from flows.texts import read_cells

Kind = Literal["direction", "figure", "scenario", "structure", "ordering", "feedback"]
Status = Literal["input", "fitted", "emergent", "put in", "outside"]

SEPARATOR = ";"
"""Between the statements of one claim."""


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
    status : {"input", "fitted", "emergent", "put in", "outside"}
        What a check is worth: ``input`` compares with a figure that was put in, ``fitted`` with one that constants
        were fitted to, ``put in`` follows from one constant or series; only ``emergent`` counts as evidence;
        ``outside`` is beyond the boundary of the model.
    checks : str
        Statements joined by semicolons, in the grammar of `flows.claims.statement`; empty where outside.
    decides : str
        What in the structure decides the outcome.
    reason : str
        Why the claim is outside the boundary; elsewhere, how the statements stand for the claim, where that needs a
        word.
    where : str
        File and row, for messages.
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
    status: Status
    checks: str
    decides: str
    reason: str
    where: str = ""

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The checks, parsed."""
        texts = [part.strip() for part in self.checks.split(SEPARATOR)]
        return tuple(parse_statement(text, where=self.where) for text in texts if text)


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
        If a column is missing or unknown, a kind or status isn't known, a statement is empty or doesn't parse, a claim
        outside the boundary has no reason, or an id stands twice.
    """
    found = find("claims", path)
    shown = shown_path(found)
    columns = [field.name for field in fields(Claim) if field.name != "where"]
    header, *rows = [cells for _, cells in read_cells(found, shown)] or [[]]
    for column in columns:
        if column not in header:
            raise InputError(
                f'the column "{column}" is missing', where=shown, found=", ".join(header),
                remedy=near(column, header) or "Add it, with a cell in every row",
            )  # fmt: skip
    for column in header:
        if column not in columns:
            raise InputError(f'unknown column "{column}"', where=shown, remedy=near(column, columns))
    claims: dict[str, Claim] = {}
    for number, row in enumerate(rows, 1):
        where = f"{shown}, row {number}"
        if len(row) != len(header):
            raise InputError(
                "not as many cells as columns", where=where, found=str(len(row)), expected=str(len(header)),
                remedy="Put text that holds a comma in quotation marks",
            )  # fmt: skip
        claim = _claim(dict(zip(header, row, strict=True)), where)
        if claim.id in claims:
            raise InputError(f'the id "{claim.id}" stands twice', where=where, remedy="Write another one")
        claims[claim.id] = claim
    return tuple(claims.values())


def _claim(row: dict[str, str], where: str) -> Claim:
    for column in ("id", "statement"):
        if not row[column]:
            raise InputError(
                f'the column "{column}" is empty', where=where, remedy="Write it, or take the row out"
            )
    for column, kinds, what in (
        ("kind", get_args(Kind), "kind of claim"),
        ("status", get_args(Status), "status"),
    ):
        if row[column] not in kinds:
            raise InputError(
                f"not a {what}",
                where=f'{where}, column "{column}"',
                found=f'"{row[column]}"',
                expected=", ".join(kinds),
                remedy=near(row[column], kinds),
            )
    if row["central"] not in ("", "yes"):
        raise InputError(
            "not one of the choices",
            where=f'{where}, column "central"',
            found=f'"{row["central"]}"',
            expected="yes, or nothing",
        )
    where = f"{where} ({row['id']})"
    outside = row["status"] == "outside"
    wanted, spare = ("reason", "checks") if outside else ("checks", "reason")
    if not row[wanted]:
        raise InputError(f'the column "{wanted}" is empty', where=where, remedy=_WANTED[outside])
    if outside and row[spare]:
        raise InputError(
            "a claim outside the boundary has checks", where=where, remedy="Leave one of them out"
        )
    if not outside and not row["decides"]:
        raise InputError(
            'the column "decides" is empty', where=where, remedy="Say what in the structure decides"
        )
    claim = Claim(**{**row, "central": row["central"] == "yes", "where": where})  # type: ignore[arg-type]
    if not outside and not claim.statements:
        raise InputError(
            'the column "checks" holds no statement', where=where,
            expected="a statement such as current-course: judges@2030-12 > 500",
        )  # fmt: skip
    return claim


_WANTED = {True: "Say why it is outside the boundary", False: "Write a statement, or the status outside"}


def read_draws(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read draws of uncertain constants.

    Parameters
    ----------
    path : str or Path
        A CSV file: a column for each constant (its name, or one element as ``name[Element]``), a row for each draw.

    Returns
    -------
    dict of str to array of shape (draws,)

    Raises
    ------
    InputError
        If the file can't be read, holds no draws or something that is no number.
    """
    shown = shown_path(Path(path))
    header, *rows = [cells for _, cells in read_cells(Path(path), shown)] or [[]]
    if not rows:
        raise InputError(
            "no draws", where=shown, expected="a line of names, and a line of numbers for each draw"
        )
    values = np.empty((len(rows), len(header)))
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise InputError(
                "a row of another length",
                where=f"{shown}, row {number}",
                found=f"{len(row)} values",
                expected=f"{len(header)}",
            )
        for column, text in enumerate(row):
            values[number - 1, column] = parse_number(
                text, where=f"{shown}, row {number}, column {header[column]}"
            )
    return {name.strip(): values[:, column] for column, name in enumerate(header)}


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


def check_claims(scenarios: Iterable[Scenario], claims: Sequence[Claim]) -> None:
    """Refuse scenarios that cite claims which aren't there.

    Raises
    ------
    InputError
        Naming the scenario's file and the id.
    """
    for scenario in scenarios:
        claims_of(scenario, claims)
