"""Named feedback loops: which variables each runs through, what it is called, which switch cuts it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from flows.inputs.tables import Table, Text, Texts, read_file_of


class NamedLoop(Table):
    """A feedback loop of a model that people speak of by name.

    Attributes
    ----------
    id : str
        Short label of the diagrams, such as ``R1``.
    name : str
        What happens around it, in a few words.
    through : tuple of str
        Variables that it visits, in the order of cause and effect; between two of them the shortest chain is meant.
    reading : {"reinforcing", "balancing"}
        Polarity as the authors read it; the computed one is set beside it.
    switch : str
        Constant of the model that cuts the loop or, for a hypothesis, closes it; empty if there is none.
    source : str
        Where the loop is argued, or ``assumption``.
    where : str
        File and row, for messages.
    """

    id: Text
    name: Text
    through: Texts
    reading: Literal["reinforcing", "balancing"]
    switch: str = ""
    source: Text
    where: str = Field(default="", repr=False)

    @field_validator("through")
    @classmethod
    def _not_empty(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("a loop visits at least one variable")
        return names


def read_loops(path: str | Path | None = None) -> tuple[NamedLoop, ...]:
    """Read the named loops, those of the shipped model by default.

    Raises
    ------
    InputError
        If no such file exists, something in it doesn't fit the schema, or an id stands twice.
    """
    return read_file_of(NamedLoop, "loops", "loop", path, unique="id")


__all__ = ["NamedLoop", "read_loops"]
