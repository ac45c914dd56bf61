"""How far history moved what each lever stands for: ``models/lever-changes.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from flows.errors import InputError, near
from flows.inputs.bounds import refuse_outside
from flows.inputs.tables import Table, Text, read_file_of


class Change(Table):
    """A change of one lever, as large as the largest seen in history.

    Attributes
    ----------
    lever : str
        A constant of the model's group ``.Levers``.
    before, after : float or None
        Two levels of a dated series, in its unit.
    on : float or None
        The level that one unit of a lever which is a multiple stands for.
    change : float or None
        In the lever's unit, in place of levels, where history holds none.
    curve : str
        The model's lookup in which both levels stand; empty where there is none.
    basis : {"data", "assumption"}
        Whether a source gives the size.
    why : str
        Where the size comes from.
    where : str
        File and key, for messages.
    """

    lever: Text
    before: float | None = None
    after: float | None = None
    on: float | None = None
    change: float | None = None
    curve: str = ""
    basis: Literal["data", "assumption"]
    why: Text
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _either(self) -> Change:
        levels = self.before is not None and self.after is not None
        if levels == (self.change is not None) or (not levels and self.before is not self.after):
            raise ValueError('a change is given by "before" and "after", or by "change"')
        if self.on is not None and (not levels or self.on <= 0):
            raise ValueError('"on" is a level above zero beside "before" and "after"')
        if self.size == 0:
            raise ValueError("the change is nothing")
        return self

    @property
    def size(self) -> float:
        """How far the lever moves, in its own unit."""
        if self.change is not None:
            return self.change
        assert self.before is not None and self.after is not None
        return (self.after - self.before) / (1.0 if self.on is None else self.on)


def read_changes(path: str | Path | None = None) -> tuple[Change, ...]:
    """Read the changes, the shipped ones by default.

    Parameters
    ----------
    path : str or Path, optional
        A ``.toml`` file of ``[[change]]`` tables.

    Returns
    -------
    tuple of Change
        In the order of the file.

    Raises
    ------
    InputError
        If no such file exists, something in it doesn't fit the schema, or a lever stands twice.
    """
    return read_file_of(Change, "lever-changes", "change", path, unique="lever")


def changed_values(changes: tuple[Change, ...], model: Any) -> dict[str, float]:
    """Give the value of each lever after its change.

    Parameters
    ----------
    changes : tuple of Change
        As `read_changes` returns them.
    model : flows.Model
        Its levers give the neutral values and ranges.

    Returns
    -------
    dict of str to float
        By lever, as the model spells it.

    Raises
    ------
    InputError
        If the model has no such lever, or the value leaves its range.
    """
    values = {}
    for change in changes:
        if change.lever not in model.levers:
            raise InputError(
                f'no lever "{change.lever}" in the model',
                where=f'{change.where}, key "lever"',
                remedy=near(change.lever, model.levers.names),
            )
        item = model.levers[change.lever]
        value = float(np.asarray(item.value, dtype=float)) + change.size
        refuse_outside(value, item, "lever", change.where)
        values[str(item.name)] = value
    return values
