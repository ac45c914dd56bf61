"""Behaviour sensitivity: which constants change the mode of behaviour, and not only numbers (Sterman 2000, ch. 21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from flows import fit
from flows.calibrate.space import Space
from flows.calibrate.targets import Target
from flows.ensemble import simulate
from flows.inputs import Outcome
from flows.model.model import Model

__all__ = ["ENDS", "behaviour_sensitivity"]

ENDS = (0.05, 0.95)
"""Quantiles of the prior to which a constant is moved."""


def behaviour_sensitivity(
    model: Model,
    space: Space,
    outcomes: Sequence[Outcome],
    watched: Sequence[Target],
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """Move every free constant alone to both ends of its prior and say what becomes of the shape of the run.

    Parameters
    ----------
    model : Model
    space : Space
        What was calibrated; the constants start from the values of the model's file.
    outcomes : sequence of Outcome
        Whose mode of behaviour is told: `flows.fit.course` of each over the whole run.
    watched : sequence of Target
        Monthly series whose turning points are counted.
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    pandas.DataFrame
        The first row is the run as it is (``constant`` empty); then two rows a constant: ``constant``, ``end``
        (low, high), ``value`` (as the prior has it: a scale as a multiple of its base), ``hits`` (turning points
        hit, of ``points``), ``changed`` (outcomes whose mode differs from the run as it is, joined by ``; ``) and
        for each outcome its mode.
    """
    place = {int(i): k for k, i in enumerate(space.index("free"))}
    start = space.of_file()
    rows: list[tuple[str, str, float]] = [("", "", float("nan"))]
    points = [space.places.file_values]
    for index in place:
        coordinate = space.coordinates[index]
        for end, quantile in zip(("low", "high"), ENDS, strict=True):
            value = float(coordinate.parameter.ppf(np.array([quantile]))[0])
            rows.append((coordinate.name, end, value))
            points.append(_moved(space, start, index, value))
    inputs: Mapping[str, Any] = space.places.inputs(np.array(points))
    names = [v for outcome in outcomes for v in outcome.variables]
    names += [r.name for target in watched for r in target.expression.references]
    runs = simulate(model, inputs, outcomes=list(dict.fromkeys(names)), threads=threads)
    modes = {outcome.name: _modes(outcome, runs) for outcome in outcomes}
    hit, total = _hits(watched, runs)
    found = []
    for number, (constant, end, value) in enumerate(rows):
        own = {name: mode[number] for name, mode in modes.items()}
        changed = [name for name, mode in modes.items() if mode[number] != mode[0]]
        found.append(
            {
                "constant": constant,
                "end": end,
                "value": value,
                "hits": hit[number],
                "points": total,
                "changed": "; ".join(changed),
                **own,
            }
        )
    return pd.DataFrame(found)


def _moved(space: Space, start: NDArray[np.float64], index: int, value: float) -> NDArray[np.float64]:
    """Element values with one coordinate moved: those of the file, times or in place of what it had."""
    coordinate = space.coordinates[index]
    values = space.places.file_values.copy()
    own = float(space.values(start[None])[0, index])
    for element in coordinate.elements:
        values[element] = values[element] * value / own if coordinate.parameter.of == "scale" else value
    return values


def _modes(outcome: Outcome, runs: xr.Dataset) -> list[str]:
    values = outcome.values(runs).transpose("draw", "time").values
    return [fit.course(row) for row in np.asarray(values, dtype=float)]


def _hits(watched: Sequence[Target], runs: xr.Dataset) -> tuple[list[int], int]:
    """Turning points of the series that each run hits, and how many there are."""
    counts = np.zeros(runs.sizes["draw"], dtype=int)
    total = 0
    for target in watched:
        points = fit.turning_points(target.observed)
        total += len(points)
        for number, row in enumerate(target.modelled(runs)):
            counts[number] += sum(hit.hit for hit in fit.hits(points, row))
    return counts.tolist(), total
