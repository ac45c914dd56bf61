"""Figures of the documents that the base run is held against: ``models/data/seed-figures.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from flows.errors import InputError
from flows.observations import FOLDER, Counterpart, Measure, per_cent_error, read_table
from flows.references import Expression

__all__ = ["Kind", "SeedFigure", "figure_variables", "figures_against", "seed_figures"]

Kind = Literal["input", "fitted", "emergent"]


@dataclass(frozen=True)
class SeedFigure:
    """A figure of the documents that the base run is held against.

    Attributes
    ----------
    figure : str
        What it is, in words.
    value, value_high : float
        The figure, or the ends of a range (equal for one number).
    unit : str
        Of the figure.
    period_start, period_end : pandas.Timestamp
        First and last day that it speaks of; equal for an instant.
    document, section : str
        Where it stands.
    kind : {"input", "fitted", "emergent"}
        Whether it was put into the model, fitted, or comes out of it; only the last kind is evidence.
    measure : {"auto", "mean"}
        As for `flows.observations.over_span`.
    expression : str
        The model's counterpart; empty where this version doesn't speak to it.
    reason : str
        Why not, where the expression is empty.
    note : str
        How to read the figure.
    """

    figure: str
    value: float
    value_high: float
    unit: str
    period_start: pd.Timestamp
    period_end: pd.Timestamp
    document: str
    section: str
    kind: Kind
    measure: Measure
    expression: str
    reason: str
    note: str


def seed_figures() -> tuple[SeedFigure, ...]:
    """Return the figures of the documents, in the order of the file.

    Returns
    -------
    tuple of SeedFigure

    Raises
    ------
    InputError
        If a row lacks a number or a date, or has neither an expression nor a reason.
    """
    figures = []
    for number, row in enumerate(read_table("seed-figures").to_dict("records"), 2):
        where = f"{FOLDER}/seed-figures.csv:{number}"
        try:
            value = float(row["value"])
            high = float(row["value_high"] or row["value"])
            start = pd.Timestamp(row["period_start"])
            end = pd.Timestamp(row["period_end"])
        except ValueError as error:
            raise InputError("not a number or a date", where=where, found=str(error)) from None
        if bool(row["expression"]) == bool(row["reason"]):
            raise InputError(
                "a figure has either an expression or a reason why it has none", where=where,
                found="both" if row["reason"] else "neither",
            )  # fmt: skip
        rest: dict[str, Any] = {
            k: row[k] for k in ("figure", "unit", "document", "section", "kind", "expression")
        }
        rest |= {k: row[k] for k in ("reason", "note")}
        measure: Any = row["measure"] or "auto"
        figures.append(
            SeedFigure(
                value=value, value_high=high, period_start=start, period_end=end, measure=measure, **rest
            )
        )
    return tuple(figures)


def figure_variables() -> tuple[str, ...]:
    """Return the text forms to ask `flows.simulate` for, so that `figures_against` finds what it needs.

    Returns
    -------
    tuple of str
    """
    expressions = [Expression.parse(f.expression) for f in seed_figures() if f.expression]
    return tuple(dict.fromkeys(r.key for expression in expressions for r in expression.references))


def figures_against(dataset: xr.Dataset) -> pd.DataFrame:
    """Set one run beside the figures of the documents, without hiding the bad ones.

    Parameters
    ----------
    dataset : xarray.Dataset
        One run that holds `figure_variables`.

    Returns
    -------
    pandas.DataFrame
        One row a figure: ``figure``, ``period_start``, ``period_end``, ``value``, ``value_high``, ``unit``,
        ``model``, ``error_percent`` (from the nearer end of a range, 0 inside it), ``kind``, ``document``,
        ``section``, ``reason``, ``note``. Where this version doesn't speak to a figure, or the run doesn't
        cover its span, ``model`` isn't a number and ``reason`` says why.
    """
    rows = []
    for figure in seed_figures():
        model, reason = float("nan"), figure.reason
        if figure.expression:
            try:
                where = f'figure "{figure.figure}"'
                counterpart = Counterpart(figure.expression, dataset, figure.measure, where)
                model = counterpart(figure.period_start, figure.period_end)
            except InputError as error:
                if error.what != "the run doesn't cover the whole span":
                    raise
                reason = error.what
        nearest = float(np.clip(model, figure.value, figure.value_high))
        rows.append(
            {
                "figure": figure.figure,
                "period_start": figure.period_start,
                "period_end": figure.period_end,
                "value": figure.value,
                "value_high": figure.value_high,
                "unit": figure.unit,
                "model": model,
                "error_percent": per_cent_error(model, nearest),
                "kind": figure.kind,
                "document": figure.document,
                "section": figure.section,
                "reason": reason,
                "note": figure.note,
            }
        )
    return pd.DataFrame(rows)
