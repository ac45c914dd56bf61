"""What the model makes of the claims: every run that a statement names in one ensemble, then the comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.claims.plan import Book, Plan
from flows.claims.statement import Run, Statement, Timed
from flows.claims.table import Claim
from flows.claims.verdict import Verdict, verdict_on
from flows.ensemble import Simulate
from flows.ensemble import simulate as run_model
from flows.inputs import Outcome, read_outcomes
from flows.pace import Progress, silent


def check_statements(
    claims: Iterable[Claim],
    *,
    models: Mapping[str, Any] | None = None,
    outcomes: Sequence[Outcome] | None = None,
) -> None:
    """Refuse statements that name what isn't there, without running anything.

    Parameters
    ----------
    claims : iterable of Claim
        As `read_claims` returns them.
    models : mapping of str to flows.Model, optional
        By name; the shipped ones are read where they are needed.
    outcomes : sequence of Outcome, optional
        The shipped ones by default.

    Raises
    ------
    InputError
        As `evaluate` does.
    """
    _plans((statement for claim in claims for statement in claim.statements), models, outcomes)


def _plans(
    statements: Iterable[Statement], models: Mapping[str, Any] | None, outcomes: Sequence[Outcome] | None
) -> dict[str, Plan]:
    book = Book(dict(models or {}), tuple(read_outcomes() if outcomes is None else outcomes))
    plans: dict[str, Plan] = {}
    for statement in statements:
        book.enter(statement, plans)
    return plans


def evaluate(
    claims: Sequence[Claim],
    *,
    models: Mapping[str, Any] | None = None,
    outcomes: Sequence[Outcome] | None = None,
    draws: Mapping[str, NDArray[np.float64]] | None = None,
    threads: int | None = None,
    progress: Progress = silent,
    simulate: Simulate = run_model,
) -> tuple[Verdict, ...]:
    """Run what the statements need and judge each claim.

    Parameters
    ----------
    claims : sequence of Claim
        As `read_claims` returns them.
    models : mapping of str to flows.Model, optional
        By name of the file, such as ``migration``; what is missing is read from the shipped models.
    outcomes : sequence of Outcome, optional
        Names that stand for expressions; the shipped ones by default.
    draws : mapping of str to array of shape (draws,), optional
        Values of uncertain constants of the migration model, the same for every run but those that set the constant
        themselves.
    threads : int, optional
        As in `flows.simulate`.
    progress : callable
        Called with runs done and runs in all.
    simulate : callable, optional
        In place of `flows.simulate`.

    Returns
    -------
    tuple of Verdict
        In the order of the claims.

    Raises
    ------
    InputError
        A statement names a scenario, variable, element or constant that isn't there, or a time outside the run; file
        and row are named.
    ResultError
        A value is not a finite number.
    """
    parsed = [(claim, claim.statements) for claim in claims]
    plans = _plans((s for _, statements in parsed for s in statements), models, outcomes)
    count = len(next(iter(draws.values()))) if draws else 0
    total = sum(len(plan.runs) * (1 + count) for plan in plans.values())
    done = 0
    values: dict[tuple[Run, Timed], NDArray[np.float64]] = {}

    def tell(runs: int) -> None:
        nonlocal done
        done += runs
        progress(done, total)

    tell(0)
    for plan in plans.values():
        plan.measure(values, simulate, threads, draws or {}, count, tell)
    return tuple(verdict_on(claim, statements, values) for claim, statements in parsed)
