"""Extreme conditions and what must follow from them: ``models/extreme-conditions.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

from flows.errors import InputError
from flows.inputs.tables import Table, Text, read_file_of

Relation = Literal["=", "<", ">", "<=", ">="]

_STATEMENT = re.compile(
    r"(?P<always>always )?(?P<left>.+?) (?P<relation><=|>=|=|<|>) (?P<number>\d[\d.]*(?:e[+-]?\d+)?)? ?(?P<base>base)?"
)


@dataclass(frozen=True)
class Follows:
    """What must follow from a condition.

    Attributes
    ----------
    text : str
        As written, such as ``always departures >= 0`` or ``migrants in transit < 0.3 base``.
    always : bool
        Every saved month is meant, not the average of the last year.
    variable : str
        Summed over its elements.
    relation : {"=", "<", ">", "<=", ">="}
    number : float
        The bound, or the multiple of the base run.
    base : bool
        Whether the base run is the measure.
    """

    text: str
    always: bool
    variable: str
    relation: Relation
    number: float
    base: bool


def parse_follows(text: str, *, where: str = "") -> Follows:
    """Read one statement.

    Raises
    ------
    InputError
        If it has another form.

    Examples
    --------
    >>> parse_follows("migrants in transit < 0.3 base").number
    0.3
    """
    parts = _STATEMENT.fullmatch(text.strip())
    if parts is None or not (parts["number"] or parts["base"]):
        raise InputError(
            "not a statement about a variable",
            where=where,
            found=f'"{text}"',
            expected="a variable, one of = < > <= >=, and a number, base or 0.3 base; always before it for every month",
        )
    return Follows(
        text=text.strip(),
        always=bool(parts["always"]),
        variable=parts["left"].strip(),
        relation=cast(Relation, parts["relation"]),
        number=float(parts["number"] or 1),
        base=bool(parts["base"]),
    )


def _statement(text: str) -> str:
    parse_follows(text)
    return text


class Condition(Table):
    """An extreme condition.

    Attributes
    ----------
    sector : int
        As the views of the model count them.
    condition : str
        In words.
    from_2013 : bool
        Whether levers act from January 2013 on, at once.
    set : dict of str to float
        Constants (all elements) and lookups (one value for all time).
    follows : tuple of str
        Statements; see `parse_follows`.
    where : str
        File and key, for messages.
    """

    sector: int
    condition: Text
    from_2013: bool = False
    set: dict[str, float]
    follows: Annotated[
        tuple[Annotated[Text, AfterValidator(_statement)], ...], Field(strict=False, min_length=1)
    ]
    where: str = Field(default="", repr=False)

    @property
    def statements(self) -> tuple[Follows, ...]:
        """What must follow, read."""
        return tuple(parse_follows(text, where=self.where) for text in self.follows)


def read_conditions(path: str | Path | None = None) -> tuple[Condition, ...]:
    """Read the extreme conditions, the shipped ones by default.

    Raises
    ------
    InputError
        If no such file exists, or something in it doesn't fit the schema.
    """
    return read_file_of(Condition, "extreme-conditions", "condition", path)
