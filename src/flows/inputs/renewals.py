"""What follows from the fit and is renewed after it: ``renewals.toml`` beside a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from flows.calendar import month_index
from flows.errors import InputError, near
from flows.inputs.tables import Month, Table, Text, Texts, read_rows, read_toml, shown_path
from flows.references import strict_month

__all__ = ["FILE", "FitPage", "LeverLevels", "PosteriorRanges", "ReferenceValue", "Renewals", "read_renewals"]

FILE = "renewals.toml"
START, END = "start", "end"
"""In place of a month: the first saved time; the last month of the data, as a constant of the model says."""


def _month_or_end(text: str) -> str:
    return text if text == END else strict_month(text)


Dated = Annotated[str, AfterValidator(_month_or_end)]
"""A month, or ``end``."""


class ReferenceValue(Table):
    """A constant that repeats a value of the base run.

    Attributes
    ----------
    constant : str
        The constant, whole.
    variable : str
        The variable that it repeats, whole; subscripts match in their order, each element by its name.
    at : str or None
        A month, at whose end the variable is read, ``end`` or ``start``.
    first, last : str or None
        In place of ``at``: the mean of the values at the beginnings of these months and those between; ``last`` may be
        ``end``.
    sum : bool
        Add up the elements of the variable.
    nearest : float or None
        Rounded to a multiple of this.
    digits : int or None
        In place of ``nearest``: significant digits.
    where : str
        File and key, for messages.
    """

    constant: Text
    variable: Text
    at: str | None = None
    first: Month | None = None
    last: Dated | None = None
    sum: bool = False
    nearest: Annotated[float, Field(gt=0)] | None = None
    digits: Annotated[int, Field(ge=1, le=15)] | None = None
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _fits(self) -> ReferenceValue:
        span = self.first is not None and self.last is not None
        if (self.at is not None) == span or (self.first is None) != (self.last is None):
            raise ValueError('a reference is read "at" one month, or as a mean from "first" to "last"')
        if self.at not in (None, START, END):
            month_index(str(self.at), where=f'"{self.at}"')
        last = None if self.last == END else self.last
        if self.first is not None and last is not None and month_index(self.first) > month_index(last):
            raise ValueError('"first" must not lie after "last"')
        if (self.nearest is None) == (self.digits is None):
            raise ValueError('a reference is rounded either to "nearest" or to "digits"')
        return self


class LeverLevels(Table):
    """A row of ``lever-changes.toml`` whose levels stand on its curve.

    Attributes
    ----------
    lever : str
        As that row names it; the row names the curve.
    before, after : str
        Months at whose end the levels are read from the curve, or ``end``.
    on : str or None
        The same for the level that one unit of the lever stands for.
    where : str
        File and key, for messages.
    """

    lever: Text
    before: Dated
    after: Dated
    on: Dated | None = None
    where: str = Field(default="", repr=False)


class PosteriorRanges(Table):
    """Uncertainties of a study whose range is about the 90 % interval of the posterior.

    Attributes
    ----------
    study : str
        Path of the study file, from the folder of this file.
    names : tuple of str
        Their names: elements of the posterior sample.
    where : str
        File and key, for messages.
    """

    study: Text
    names: Annotated[Texts, Field(min_length=1)]
    where: str = Field(default="", repr=False)


class FitPage(Table):
    """A page with a table of how near the model comes to observed series.

    Attributes
    ----------
    page : str
        Path of the Markdown file, from the folder of this file; left alone where there is none, as in a wheel.
    calibration : str
        Path of the calibration file that names the series.
    where : str
        File and key, for messages.
    """

    page: Text
    calibration: Text
    where: str = Field(default="", repr=False)


class Renewals(Table):
    """All that is renewed after a fit.

    Attributes
    ----------
    references, levers, ranges, fits : tuple
        As above.
    end : str
        The model's constant that holds the time at which the data end; what ``end`` stands for.
    path : Path
        The file; others are found from its folder.
    """

    references: tuple[ReferenceValue, ...] = ()
    levers: tuple[LeverLevels, ...] = ()
    ranges: tuple[PosteriorRanges, ...] = ()
    fits: tuple[FitPage, ...] = ()
    end: str = ""
    path: Path


def read_renewals(path: str | Path) -> Renewals:
    """Read what is renewed after a fit.

    Raises
    ------
    InputError
        If the file can't be read, or something in it doesn't fit the schema.
    """
    path = Path(path)
    shown = shown_path(path)
    data = read_toml(path, shown)
    keys = ("reference", "lever", "range", "fit")
    end = data.pop("end", "")
    if not isinstance(end, str):
        raise InputError(
            "not text",
            where=f'{shown}, key "end"',
            found=str(end),
            expected="the name of a constant in quotation marks",
        )
    for key in data:
        if key not in keys:
            raise InputError(
                f'unknown key "{key}"', where=shown, expected=", ".join(("end", *(f"[[{k}]]" for k in keys))),
                remedy=near(key, keys),
            )  # fmt: skip
    return Renewals(
        references=read_rows(ReferenceValue, data, "reference", shown),
        levers=read_rows(LeverLevels, data, "lever", shown),
        ranges=read_rows(PosteriorRanges, data, "range", shown),
        fits=read_rows(FitPage, data, "fit", shown),
        end=end,
        path=path,
    )
