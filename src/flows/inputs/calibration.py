"""The calibration file: observed series, free constants, dated shocks, rates fixed from data, and what comes later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from flows.calendar import month_index
from flows.errors import InputError, near
from flows.inputs.studies import Uncertainty
from flows.inputs.tables import Month, Table, Text, Texts, find, read_rows, read_table, read_toml, shown_path
from flows.references import Expression, fold

MOST_FREE = 16
_Point = Annotated[tuple[float, float], Field(strict=False)]
_ROWS = ("series", "free", "split", "shock", "later", "fixed")


def _expression(text: str) -> str:
    Expression.parse(text, where=f'"{text}"')
    return text


class Series(Table):
    """An observed series and its counterpart in the model.

    Attributes
    ----------
    name : str
        As shown to people; each name once.
    series : str
        ``series[group]`` of ``models/data/observations.csv``, joined by ``+ - * /``.
    expression : str
        Variables and elements of the model that mean the same, joined by ``+ - * /``.
    counts : {"event", "person", "case"}
        What is counted; the same on both sides.
    span : {"month", "calendar_year", "fiscal_year", "instant"}
        What one value covers. A U.S. fiscal year runs from October to September.
    measure : {"flow", "stock", "share"}
        A flow is summed over the span, a stock read at its end; a share is a quotient of flows.
    role : {"fit", "check"}
        Whether the series enters the likelihood, or is reported beside it only.
    error : {"log", "linear"}
        Whether the discrepancy is that of logarithms, or of values over `scale`.
    floor : float
        Added to both sides before the logarithm, in the unit of the value: counts below it hardly matter, and zeros
        have a logarithm.
    scale : float
        Unit of a linear error.
    discrepancy : float
        Expected standard deviation of the discrepancy; the mean of its prior variance is its square.
    first, last : str or None
        Months; values whose span begins earlier or ends later are left out.
    limit : float or None
        Weighted mean absolute percentage error, as a share, under which the fit has to stay.
    why : str
        What the comparison leaves open.
    where : str
        For messages.
    """

    name: Text
    series: Text
    expression: Text
    counts: Literal["event", "person", "case"]
    span: Literal["month", "calendar_year", "fiscal_year", "instant"]
    measure: Literal["flow", "stock", "share"]
    role: Literal["fit", "check"] = "fit"
    error: Literal["log", "linear"] = "log"
    floor: Annotated[float, Field(ge=0)] = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    discrepancy: Annotated[float, Field(gt=0)] = 0.25
    first: Month | None = None
    last: Month | None = None
    limit: Annotated[float, Field(gt=0)] | None = None
    why: str = ""
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Series:
        _expression(self.series)
        _expression(self.expression)
        if self.span == "instant" and self.measure == "flow":
            raise ValueError("a flow needs a span of time, not an instant")
        if self.first and self.last and month_index(self.first) > month_index(self.last):
            raise ValueError(f'"first" must not lie after "last", found {self.first} and {self.last}')
        return self


class Parameter(Uncertainty):
    """One free constant, or several that share a distribution.

    Attributes
    ----------
    elements : tuple of str
        Text forms of constants and elements, or points of lookups by their x (``INM intensity for NCA(78)``); by
        default the name itself.
    together : bool
        Whether one number holds for all elements; otherwise each has its own, independent a priori.
    """

    elements: Texts = ()
    together: bool = False

    @model_validator(mode="after")
    def _no_curves(self) -> Parameter:
        if self.of not in ("value", "scale"):
            raise ValueError('a calibration knows of = "value" and of = "scale"')
        if self.distribution in ("discrete", "triangular", "beta"):
            raise ValueError(
                f"the {self.distribution} distribution has no use here; take uniform, loguniform, normal or lognormal"
            )
        folded = [fold(text) for text in self.elements]
        if len(set(folded)) < len(folded):
            raise ValueError(f'an element of "{self.name}" stands twice')
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """The elements, or the name where none are listed."""
        return self.elements or (self.name,)


class Fixed(Table):
    """A rate that isn't fitted.

    Attributes
    ----------
    name : str
        A constant or lookup of the model.
    value : tuple of float, or None
        The whole constant, on which scales act, so that a calibration doesn't depend on what an earlier one wrote into
        the model file; for a constant without subscripts one number.
    held_out : "hold" or None
        In the test of the forecast a lookup keeps the value of the last month fitted from then on, where it rests on
        later data.
    held_out_points : tuple of (float, float), or None
        Points that stand in a lookup's place in that test instead.
    source : str
        Which data.
    arithmetic : str
        How the value in the test follows from data up to the last month fitted.
    where : str
        For messages.
    """

    name: Text
    value: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    held_out: Literal["hold"] | None = None
    held_out_points: Annotated[tuple[_Point, ...], Field(strict=False)] | None = None
    source: Text
    arithmetic: str = ""
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _does_something(self) -> Fixed:
        held = self.held_out is not None or self.held_out_points is not None
        if self.value is None and not held:
            raise ValueError('a fixed rate needs "value", "held_out" or "held_out_points"')
        if self.held_out is not None and self.held_out_points is not None:
            raise ValueError('"held_out" and "held_out_points" exclude each other; keep one of them')
        if held and not self.arithmetic:
            raise ValueError('the key "arithmetic" says how the value of the test follows from earlier data')
        return self


class Effort(Table):
    """How much is computed.

    Attributes
    ----------
    starts : int
        Starting points of the least squares.
    ensembles : int
        Independent ensembles of walkers, each with its own seed and scattered start.
    walkers : int
        Walkers of each ensemble, an even number of at least twice the free constants.
    steps : int
        Steps kept of each walker, after as many steps as `burn`.
    burn : int
        Steps thrown away.
    draws : int
        Rows of the sample that is written.
    """

    starts: Annotated[int, Field(ge=1)]
    ensembles: Annotated[int, Field(ge=2)]
    walkers: Annotated[int, Field(ge=4)]
    steps: Annotated[int, Field(ge=4)]
    burn: Annotated[int, Field(ge=0)]
    draws: Annotated[int, Field(ge=10)]

    @model_validator(mode="after")
    def _even(self) -> Effort:
        if self.walkers % 2:
            raise ValueError(f'"walkers" must be an even number, found {self.walkers}')
        if self.draws > self.ensembles * self.walkers * self.steps:
            raise ValueError(
                f'"draws" is more than there are states: {self.draws} of {self.ensembles * self.walkers * self.steps}'
            )
        return self


class Calibration(Table):
    """A calibration file.

    Attributes
    ----------
    title : str
        As shown to people.
    model : str
        Path of the model file, seen from the calibration file's folder.
    fit_until : str
        Last month of the data that the fit may see.
    later_until : str or None
        Last month of the data to which the sizes in `later` are fitted, in a second step, with all else held.
    seed : int
        Of starts, ensembles and the choice of draws.
    full, quick : Effort
        The effort of ``flows calibrate`` and of its option ``--quick``.
    series : tuple of Series
    free : tuple of Parameter
        Constants that the ensembles sample, at most 16.
    split : tuple of Parameter
        Relative levels of origins, and `shock`, sizes of dated shocks: both follow the free constants by their
        conditional distribution.
    later : tuple of Parameter
        Sizes of what is dated after `fit_until`: their distribution is the one that the test of the forecast uses.
    fixed : tuple of Fixed
    file : str
        For messages.
    path : Path or None
        For its digest.
    """

    title: str = ""
    model: Text = "migration.mdl"
    fit_until: Month
    later_until: Month | None = None
    seed: Annotated[int, Field(ge=0)]
    full: Effort
    quick: Effort
    series: tuple[Series, ...]
    free: tuple[Parameter, ...]
    split: tuple[Parameter, ...] = ()
    shock: tuple[Parameter, ...] = ()
    later: tuple[Parameter, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    file: str = Field(default="", repr=False)
    path: Path | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Calibration:
        if not self.free:
            raise ValueError("a calibration needs at least one [[free]] table")
        if not any(one.role == "fit" for one in self.series):
            raise ValueError('a calibration needs at least one [[series]] table with role = "fit"')
        counted = sum(1 if one.together or one.of == "scale" else len(one.places) for one in self.free)
        if counted > MOST_FREE:
            raise ValueError(
                f"{counted} free constants are more than the ensembles can sample well; expected at most {MOST_FREE}"
            )
        for effort in (self.full, self.quick):
            if effort.walkers < 2 * counted + 2:
                raise ValueError(f'"walkers" must be at least {2 * counted + 2} for {counted} free constants')
        seen: set[str] = set()
        for one in self.series:
            if fold(one.name) in seen:
                raise ValueError(f'the series "{one.name}" stands twice; give each its own name')
            seen.add(fold(one.name))
        if self.later and self.later_until is None:
            raise ValueError('the key "later_until" says to which data the sizes in [[later]] are fitted')
        if self.later_until and month_index(self.later_until) <= month_index(self.fit_until):
            raise ValueError('"later_until" must lie after "fit_until"')
        self._values_once()
        return self

    def _values_once(self) -> None:
        kinds: dict[str, str] = {}
        for key in ("free", "split", "shock", "later"):
            for one in getattr(self, key):
                for text in one.places:
                    earlier = kinds.get(fold(text))
                    if earlier is not None and "value" in (earlier, one.of):
                        raise ValueError(f'"{text}" is set twice, the second time by {one.where}')
                    kinds[fold(text)] = one.of

    @property
    def model_path(self) -> Path:
        """The model's file."""
        if self.path is None:
            return find("model", "migration")
        return self.path.parent / self.model


def read_calibration(path: str | Path | None = None) -> Calibration:
    """Read a calibration file.

    Parameters
    ----------
    path : str or Path, optional
        A ``.toml`` file; the shipped one by default.

    Returns
    -------
    Calibration
        Checked against the schema; `flows.calibrate` checks it against the model and the data.

    Raises
    ------
    InputError
        If no such file exists, or something in it doesn't fit the schema.
    """
    found = find("calibration", path)
    shown = shown_path(found)
    data = read_toml(found, shown)
    tables: dict[str, type[Table]] = {"series": Series, "fixed": Fixed}
    rows: dict[str, Any] = {key: read_rows(tables.get(key, Parameter), data, key, shown) for key in _ROWS}
    efforts: dict[str, Any] = {}
    for key in ("full", "quick"):
        if not isinstance(data.get(key), dict):
            raise InputError(
                f"the table [{key}] is missing",
                where=shown,
                expected="starts, ensembles, walkers, steps, burn and draws",
                remedy=near(key, list(data)) or f"Add [{key}]",
            )
        efforts[key] = read_table(Effort, data[key], f"{shown}, [{key}]", {})
    extra = {**rows, **efforts, "file": shown, "path": found}
    return read_table(Calibration, data, shown, extra, arrays=(*_ROWS, "full", "quick"))
