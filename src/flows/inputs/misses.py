"""Mechanisms that the model lacks and that likely make it miss a series: ``models/misses.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flows.calendar import month_index
from flows.inputs.tables import Month, Table, Text, read_file_of

__all__ = ["Miss", "read_misses"]


class Miss(Table):
    """A stretch in which series are missed, and what is likely missing.

    Attributes
    ----------
    series : tuple of str
        Names of series in the calibration file; a name that ends in ``*`` stands for all that begin so.
    first, last : str
        Months between which a miss is explained by this.
    side : {"low", "high", ""}
        Whether the model lies below or above what was observed; empty for both.
    mechanism : str
        What is likely missing, in a sentence.
    source : str
        Where that comes from, or ``assumption``.
    where : str
        File and key, for messages.
    """

    series: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    first: Month
    last: Month
    side: Literal["low", "high", ""] = ""
    mechanism: Text
    source: Text
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _in_order(self) -> Miss:
        if month_index(self.first) > month_index(self.last):
            raise ValueError('"first" must not lie after "last"')
        return self

    def explains(self, series: str, time: float, side: str) -> bool:
        """Whether this speaks of a miss of a series at a model time, on a side."""
        named = any(
            series == name or (name.endswith("*") and series.startswith(name[:-1])) for name in self.series
        )
        within = month_index(self.first) - 1e-9 <= time <= month_index(self.last) + 1 + 1e-9
        return named and within and self.side in ("", side)


def read_misses(path: str | Path | None = None) -> tuple[Miss, ...]:
    """Read the mechanisms, the shipped ones by default.

    Raises
    ------
    InputError
        If no such file exists, or something in it doesn't fit the schema.
    """
    return read_file_of(Miss, "misses", "miss", path)
