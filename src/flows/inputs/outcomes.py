"""Outcomes: measured results, each an expression over the variables of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from flows.errors import InputError, near
from flows.inputs.tables import Table, Text, read_file_of
from flows.references import Expression, Reference, fold, parse_reference, take
from flows.units import is_rate


def _expression(text: str) -> str:
    Expression.parse(text)
    return text


class Outcome(Table):
    """A measured result: an expression over the model's variables.

    Attributes
    ----------
    name : str
        Short, as typed in a study.
    title : str
        As shown to people; the name by default.
    expression : str
        Variables, elements and numbers joined by ``+ - * /``.
    unit : str
        In the words of the model; a unit per month means that a period's total is its integral.
    kind : {"event", "person", "case", "index", "time"}
        Events, people and files are three different things.
    better : {"lower", "higher", "neither"}
        For whom waits and is exposed; never for border counts as such.
    series : str
        The observed counterpart, an expression over ``series[group]``; empty where none exists.
    note : str
        A line of caveat.
    where : str
        File and key, for messages.
    """

    name: Text
    title: str = ""
    expression: Annotated[Text, AfterValidator(_expression)]
    unit: Text
    kind: Literal["event", "person", "case", "index", "time"]
    better: Literal["lower", "higher", "neither"]
    series: str = ""
    note: str = ""
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Outcome:
        if self.series:
            Expression.parse(self.series)
        return self

    @property
    def is_rate(self) -> bool:
        """Whether the unit is per month, so that a period is compared by its total."""
        return is_rate(self.unit)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The variables and elements that the expression needs."""
        return Expression.parse(self.expression).references

    @property
    def variables(self) -> tuple[str, ...]:
        """The text forms to ask `flows.simulate` for."""
        return tuple(dict.fromkeys(reference.key for reference in self.references))

    def values(self, dataset: Any) -> Any:
        """Compute the outcome from a result.

        Parameters
        ----------
        dataset : xarray.Dataset
            As `flows.simulate` returns it.

        Returns
        -------
        xarray.DataArray
            Over the leading dimensions of the result and ``time``; ``attrs["units"]`` holds the unit.
        """
        expression = Expression.parse(self.expression)
        values = expression.evaluate(lambda reference: take(dataset, reference, where=self.where))
        return values.rename(self.name).assign_attrs(units=self.unit)  # type: ignore[union-attr]


def read_outcomes(path: str | Path | None = None) -> tuple[Outcome, ...]:
    """Read the outcomes, the shipped ones by default.

    Parameters
    ----------
    path : str or Path, optional
        A ``.toml`` file of ``[[outcome]]`` tables.

    Returns
    -------
    tuple of Outcome
        In the order of the file.

    Raises
    ------
    InputError
        If no such file exists, something in it doesn't fit the schema, or an outcome stands twice.
    """
    return read_file_of(Outcome, "outcomes", "outcome", path, unique="name")


def resolve_outcome(text: str, outcomes: Sequence[Outcome], *, model: Any = None, where: str = "") -> Outcome:
    """Find the outcome that a name stands for.

    Parameters
    ----------
    text : str
        The name of an outcome, or a variable of the model in its text form.
    outcomes : sequence of Outcome
        Those that exist.
    model : flows.Model, optional
        Where variables are looked up.
    where : str, optional
        Where the text stands, for the error message.

    Returns
    -------
    Outcome
        The one named, or one made for the variable.

    Raises
    ------
    InputError
        If the text is neither.
    """
    for outcome in outcomes:
        if fold(outcome.name) == fold(text):
            return outcome
    names = [outcome.name for outcome in outcomes]
    if model is not None:
        reference = parse_reference(text, where=where)
        if any(fold(name) == fold(reference.name) for name in model.names):
            unit = _unit(reference.name, model)
            return Outcome(
                name=text, expression=_quoted(reference), unit=unit, kind="index", better="neither"
            )
        names += list(model.names)
    raise InputError(f'no outcome or variable "{text}"', where=where, remedy=near(text, names))


def _unit(name: str, model: Any) -> str:
    for catalogue in (model.stocks, model.flows, model.auxiliaries, model.constants):
        if name in catalogue:
            return str(catalogue[name].units or "Dmnl")
    return "Dmnl"


def _quoted(reference: Reference) -> str:
    return f'"{reference.name}"' + (f"[{','.join(reference.elements)}]" if reference.elements else "")
