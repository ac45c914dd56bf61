"""Projections of others for the courts, with their assumptions: ``models/projections.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flows.calendar import time_at_end
from flows.errors import InputError, near
from flows.inputs.tables import Month, Table, Text, read_file_of
from flows.references import strict_month

HANDLES = ("pending", "judges", "hired", "attrition", "completions", "receipts")
"""Assumptions that can be changed."""

Positive = Annotated[float, Field(ge=0)]


class Expected(Table):
    """What a source says comes of its assumptions.

    Attributes
    ----------
    month : str
        ``YYYY-MM``: when it holds, or by when the backlog is cleared.
    pending : float or None
        Open cases at the end of the month.
    tolerance : float
        Share by which they may be missed.
    direction : {"", "rises", "falls"}
        Of open cases from the start to the month.
    cleared : str
        ``YYYY-MM``: not cleared before the end of this month, but by the end of the other.
    where : str
        File and key, for messages.
    """

    month: Month
    pending: float | None = None
    tolerance: float = 0.1
    direction: Literal["", "rises", "falls"] = ""
    cleared: Month | Literal[""] = ""
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _one(self) -> Expected:
        if sum((self.pending is not None, bool(self.direction), bool(self.cleared))) != 1:
            raise ValueError('what is expected is given by one of "pending", "direction" and "cleared"')
        return self


class Projection(Table):
    """A projection of open cases, with what it takes as given.

    Attributes
    ----------
    id, title : str
    source : str
        Its id in ``models/data/sources.csv``.
    section : str
        Where it stands there.
    published : str
        What the source says.
    start, until : str
        First and last month.
    pending : float
        Open cases at the start.
    judges : float
        Judges at the start.
    hired : float
        Judges hired a year.
    attrition : float
        Chance a year that a judge leaves, as a continuous rate.
    completions : float
        Cases that a judge completes a year.
    receipts : float
        New cases a year.
    basis : str
        Where the assumptions come from.
    expect : tuple of Expected
    where : str
        File and key, for messages.
    """

    id: Text
    title: Text
    source: Text
    section: Text
    published: Text
    start: Month
    until: Month
    pending: Positive
    judges: Positive
    hired: Positive
    attrition: Positive
    completions: Positive
    receipts: Positive
    basis: Text
    expect: Annotated[tuple[Expected, ...], Field(strict=False)] = ()
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _in_order(self) -> Projection:
        if time_at_end(self.until) <= time_at_end(self.start):
            raise ValueError('"until" comes before "start"')
        return self


def read_projections(path: str | Path | None = None) -> tuple[Projection, ...]:
    """Read the projections, the shipped ones by default.

    Raises
    ------
    InputError
        If no such file exists, something in it doesn't fit the schema, or an id stands twice.
    """
    return read_file_of(Projection, "projections", "projection", path, unique="id")


def changed(
    projection: Projection,
    changes: Mapping[str, float],
    *,
    start: str | None = None,
    until: str | None = None,
    where: str = "",
) -> Projection:
    """Give a projection with other assumptions or months; what its source expects then no longer belongs to it.

    Raises
    ------
    InputError
        If something is no assumption that can be changed, a number lies below zero, or the months are in no order.
    """
    for name, value in changes.items():
        if name not in HANDLES:
            raise InputError(
                f'no assumption "{name}"',
                where=where,
                expected=", ".join(HANDLES),
                remedy=near(name, HANDLES),
            )
        if not value >= 0:
            raise InputError(
                f'the assumption "{name}" is below zero',
                where=where,
                found=f"{value:g}",
                expected="0 or more",
            )
    months = {
        key: strict_month(month, where=f"--{key}")
        for key, month in (("start", start), ("until", until))
        if month is not None
    }
    if not changes and not months:
        return projection
    title = f"{projection.title}, with other assumptions"
    other = projection.model_copy(update={**changes, **months, "title": title, "expect": ()})
    if time_at_end(other.until) <= time_at_end(other.start):
        raise InputError(
            "the projection ends before it starts",
            where=where,
            found=f"{other.start} to {other.until}",
            remedy="Give --start and --until in order",
        )
    return other
