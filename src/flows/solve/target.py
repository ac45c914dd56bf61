"""What is asked for: an outcome at a month, and which side of a bound it has to lie on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flows.compare import end_within, outcomes_of
from flows.errors import InputError
from flows.inputs import Outcome, parse_number, resolve_outcome
from flows.references import strict_month

_SIGN = re.compile(r"(<=|>=|<|>)")
_FORM = "OUTCOME@YYYY-MM < NUMBER, such as 'COMAR wait@2030-12 < 6'"


@dataclass(frozen=True)
class Reading:
    """An outcome at the end of a month; a rate is the mean of the twelve months to then."""

    outcome: Outcome
    date: str

    def __str__(self) -> str:
        """Say it as it is typed."""
        return f"{self.outcome.name}@{self.date}"


@dataclass(frozen=True)
class Target:
    """What is to be met: a reading below or above a number, or another reading.

    Attributes
    ----------
    left : Reading
        What is held against the bound.
    sign : {"<", "<=", ">", ">="}
        Which side of the bound is meant.
    right : float or Reading
        The bound.
    """

    left: Reading
    sign: Literal["<", "<=", ">", ">="]
    right: float | Reading

    def __str__(self) -> str:
        """Say it as it is typed."""
        right = str(self.right) if isinstance(self.right, Reading) else f"{self.right:g}"
        return f"{self.left} {self.sign} {right}"

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every reading in it."""
        return (self.left, self.right) if isinstance(self.right, Reading) else (self.left,)

    def margin(
        self, sides: Sequence[NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Left side, right side, and how far the left lies on the wrong side of the bound; each over (draws,)."""
        left = sides[0]
        right = sides[1] if isinstance(self.right, Reading) else np.full_like(left, self.right)
        return left, right, (left - right) if self.sign.startswith("<") else (right - left)

    def met(self, margin: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each margin meets it."""
        return margin < 0 if self.sign in ("<", ">") else margin <= 0


def read_target(text: str, model: Any, outcomes: Sequence[Outcome] | None = None) -> Target:
    """Read a target as typed.

    Parameters
    ----------
    text : str
        ``OUTCOME@YYYY-MM < NUMBER`` or ``OUTCOME@YYYY-MM < OUTCOME@YYYY-MM``; or with ``<=``, ``>``, ``>=``.
    model : flows.Model
        Whose variables may stand in place of outcomes.
    outcomes : sequence of Outcome, optional
        Those known; the shipped ones that the model has by default.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        If the text isn't of this form, or names no outcome, variable or month.
    """
    known = outcomes if outcomes is not None else outcomes_of(model)
    where = f"--for '{text}'"
    parts = _SIGN.split(text)
    if len(parts) != 3:
        raise InputError("not a target", where=where, expected=_FORM)
    left, sign, right = (part.strip() for part in parts)
    if "@" not in left:
        raise InputError("no month on the left of the target", where=where, expected=_FORM)
    bound = read_reading(right, known, model, where) if "@" in right else parse_number(right, where=where)
    return Target(read_reading(left, known, model, where), sign, bound)  # type: ignore[arg-type]


def read_reading(text: str, known: Sequence[Outcome], model: Any, where: str) -> Reading:
    """Read ``OUTCOME@YYYY-MM``.

    Parameters
    ----------
    text : str
        An outcome's name, or a variable of the model in its text form, at a month.
    known : sequence of Outcome
        Those that exist.
    model : flows.Model
        Whose variables count too.
    where : str
        Where the text stands, for the error message.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        No such outcome or variable, or no month of the run.
    """
    name, _, month = text.rpartition("@")
    outcome = resolve_outcome(name.strip(), known, model=model, where=where)
    date = strict_month(month.strip(), where=where)
    if model.in_months:
        end_within(date, model, where=where)
    return Reading(outcome, date)


def rank_needed(probability: float, draws: int) -> int:
    """Place of the margin, of all draws' in rising order, that decides whether so large a share meets a target.

    Raises
    ------
    InputError
        The probability isn't above 0 and at most 1.
    """
    if not 0 < probability <= 1:
        raise InputError(
            "not a probability",
            where="--probability",
            found=f"{probability:g}",
            expected="above 0 and at most 1",
            remedy=f"Write {probability / 100:g}" if 1 < probability <= 100 else "",
        )
    return math.ceil(probability * draws - 1e-9) - 1
