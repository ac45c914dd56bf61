"""Levers as people read them: who decides, a title, the unit in words, one line of what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from flows.inputs.tables import Table, Text, read_file_of

Decider = Literal["Mexico", "United States", "Origin", "Region"]
DECIDERS: tuple[str, ...] = get_args(Decider)
"""Who decides a lever; ``Origin`` are the countries of origin, ``Region`` several governments together."""


class LeverText(Table):
    """A lever in English words.

    Attributes
    ----------
    name : str
        A constant of the model's group ``.Levers``.
    decides : {"Mexico", "United States", "Origin", "Region"}
        Who can move it.
    title, unit, note : str
        As shown to people; the Spanish stands with the labels.
    where : str
        File and row, for messages.
    """

    name: Text
    decides: Decider
    title: Text
    unit: Text
    note: Text
    where: str = Field(default="", repr=False)


def read_lever_texts(path: str | Path | None = None) -> tuple[LeverText, ...]:
    """Read the words of levers, the shipped ones by default.

    Raises
    ------
    InputError
        If no such file exists, something in it doesn't fit the schema, or a lever stands twice.
    """
    return read_file_of(LeverText, "lever-texts", "lever", path, unique="name")


__all__ = ["DECIDERS", "Decider", "LeverText", "read_lever_texts"]
