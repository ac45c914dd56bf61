"""The boundary of a model: where people and files come from and go to, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import Field

from flows.errors import InputError
from flows.inputs.tables import Table, Text, Texts, find, read_rows, read_table, read_toml, shown_path


class Cloud(Table):
    """A source or sink outside the stocks.

    Attributes
    ----------
    why : str
        Why it is no stock.
    out : tuple of str
        Flows that leave it into a stock.
    into : tuple of str
        Flows that end in it: the key ``in`` of the file.
    """

    why: Text
    out: Texts = ()
    into: Texts = ()


class Excluded(Table):
    """Something that the model leaves out, and why."""

    what: Text
    why: Text
    where: str = Field(default="", repr=False)


@dataclass(frozen=True)
class Boundary:
    """Clouds by name, and what is left out."""

    clouds: Mapping[str, Cloud]
    excluded: tuple[Excluded, ...]


def read_boundary() -> Boundary:
    """Read the boundary of the shipped model.

    Raises
    ------
    InputError
        If a file is missing, or something in it doesn't fit the schema.
    """
    path = find("clouds")
    shown = shown_path(path)
    tables = read_toml(path, shown).get("clouds", {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise InputError(
            'not a list of [clouds."name"] tables', where=shown, remedy='Write [clouds."NAME"] above each one'
        )
    clouds = {
        name: read_table(
            Cloud, table, f'{shown}, cloud "{name}"', {"into": table.get("in", [])}, arrays=("in",)
        )
        for name, table in tables.items()
    }
    path = find("boundary")
    shown = shown_path(path)
    return Boundary(MappingProxyType(clouds), read_rows(Excluded, read_toml(path, shown), "excluded", shown))
