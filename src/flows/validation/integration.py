"""How much of a result is the method of integration: half the time step, and another method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.ensemble import simulate
from flows.inputs import Outcome
from flows.model.model import Model

__all__ = ["LARGEST", "step_changes"]

LARGEST = 0.01
"""Share by which an annual total or year-end value may change."""

RESIDUE = 1e-3
"""Of the highest year-end value: what is left of an emptied stock is no outcome."""

_MONTHS = 12


def step_changes(
    model: Model,
    outcomes: Sequence[Outcome],
    inputs: Mapping[str, Any] | None = None,
    *,
    step: float | None = None,
    method: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Run a model as it is and with another step or method, and compare whole years (Sterman 2000, ch. 21).

    Parameters
    ----------
    model : Model
        That counts in months.
    outcomes : sequence of Outcome
        Rates are compared by annual totals, everything else by its values at the end of years; where less than a
        thousandth of a stock's highest value is left, against ten per cent of that value.
    inputs : mapping, optional
        As `flows.simulate` takes them.
    step : float, optional
        Time step of the other run, in months; the model's by default.
    method : str, optional
        Integration method of the other run; the model's by default.
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row an outcome: ``outcome``, ``title``, ``largest`` (relative change of any run and year), ``mean`` (over
        runs and years) and ``year`` (in which the largest falls, counted from 0).
    """
    own = model.control.time_step
    other = step or own
    usual = _years(model, outcomes, inputs, own, model.method, threads)
    finer = _years(model, outcomes, inputs, other, method or model.method, threads)
    rows = []
    for outcome in outcomes:
        values, changed = usual[outcome.name], finer[outcome.name]
        floor = 0.0 if outcome.is_rate else RESIDUE / LARGEST * values.max(-1, keepdims=True)
        size = np.maximum(np.abs(values), np.maximum(floor, 1e-9))
        change = np.abs(changed - values) / size
        rows.append(
            {
                "outcome": outcome.name,
                "title": outcome.title or outcome.name,
                "largest": float(change.max()),
                "mean": float(change.mean()),
                "year": int(np.unravel_index(change.argmax(), change.shape)[-1]),
            }
        )
    return pd.DataFrame(rows, columns=["outcome", "title", "largest", "mean", "year"])


def _years(
    model: Model,
    outcomes: Sequence[Outcome],
    inputs: Mapping[str, Any] | None,
    step: float,
    method: str,
    threads: int | None,
) -> dict[str, NDArray[np.float64]]:
    """Annual totals or year-end values of each outcome, shape (…, year)."""
    variables = sorted({name for outcome in outcomes for name in outcome.variables})
    run = simulate(
        model,
        {**(inputs or {}), "TIME STEP": step},
        outcomes=variables,
        method=method,
        save_every=step,
        threads=threads,
    )
    year = round(_MONTHS / step)
    found = {}
    for outcome in outcomes:
        values = np.asarray(outcome.values(run).transpose(..., "time").values, dtype=float)
        if not outcome.is_rate:
            found[outcome.name] = values[..., year::year]
            continue
        means = (values[..., :-1] + values[..., 1:]) / 2
        whole = means.shape[-1] // year * year
        found[outcome.name] = means[..., :whole].reshape(*means.shape[:-1], -1, year).sum(-1) * step
    return found
