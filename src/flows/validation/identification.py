"""Which constants the data determine: how wide the posterior still is beside the prior."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows import fit
from flows.calibrate.space import Coordinate, Space
from flows.posterior import Posterior

__all__ = ["LEVEL", "UNTOLD", "identification"]

LEVEL = 0.9
"""Of the intervals that are compared."""

UNTOLD = 0.8
"""A posterior at least this wide beside its prior: the data hardly tell the constant."""

_LOGS = ("lognormal", "loguniform")


def identification(space: Space, posterior: Posterior) -> pd.DataFrame:
    """Compare the widths of posterior and prior, constant by constant.

    Parameters
    ----------
    space : Space
        What was calibrated, with its priors.
    posterior : Posterior
        The sample.

    Returns
    -------
    pandas.DataFrame
        One row a number that was fitted, widest first within each kind: ``constant``, ``kind`` (free, split, shock,
        later), ``prior_low``, ``prior_high``, ``low``, ``median``, ``high`` (of the posterior; both intervals hold
        nine tenths), ``ratio`` of the widths, of logarithms where the prior is one of a logarithm, ``untold``
        (ratio from 0.8 on) and ``at_bound`` (an end of the posterior within a hundredth of the support of an end of
        the support). A scale is shown as a multiple of its base.
    """
    columns = {name: column for column, name in enumerate(posterior.elements)}
    base = space.at_elements(np.zeros((1, len(space))), without=("free", "split", "shock", "later"))[0]
    moved: dict[int, int] = {}
    for coordinate in space.coordinates:
        for element in coordinate.elements:
            moved[element] = moved.get(element, 0) + 1
    rows = []
    for coordinate in space.coordinates:
        anchor = next((e for e in coordinate.elements if moved[e] == 1), coordinate.elements[0])
        name = space.elements[anchor]
        if name not in columns:
            continue
        sample = np.asarray(posterior.values[:, columns[name]], dtype=float)
        if coordinate.parameter.of == "scale":
            sample = sample / base[anchor]
            if moved[anchor] > 1:
                sample = _relative(space, coordinate, posterior, columns, base, anchor)
        rows.append(_row(coordinate, sample))
    table = pd.DataFrame(rows)
    order = {kind: place for place, kind in enumerate(("free", "split", "shock", "later"))}
    return table.sort_values(
        ["kind", "ratio"], key=lambda c: c.map(order) if c.name == "kind" else -c, ignore_index=True
    )


def _relative(
    space: Space,
    coordinate: Coordinate,
    posterior: Posterior,
    columns: dict[str, int],
    base: NDArray[np.float64],
    anchor: int,
) -> NDArray[np.float64]:
    """Divide a level of one origin by that of its region, which another coordinate moves."""
    for other in space.coordinates:
        if other is coordinate or anchor not in other.elements:
            continue
        carrier = next(
            (
                e
                for e in other.elements
                if all(e not in c.elements for c in space.coordinates if c is not other)
            ),
            None,
        )
        if carrier is not None:
            level = posterior.values[:, columns[space.elements[carrier]]] / base[carrier]
            own = posterior.values[:, columns[space.elements[anchor]]] / base[anchor]
            return np.asarray(own / level, dtype=float)
    return np.asarray(posterior.values[:, columns[space.elements[anchor]]] / base[anchor], dtype=float)


def _row(coordinate: Coordinate, sample: NDArray[np.float64]) -> dict[str, object]:
    parameter = coordinate.parameter
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    prior = tuple(float(v) for v in parameter.ppf(np.array(tails)))
    logs = parameter.distribution in _LOGS and prior[0] > 0 and bool((sample > 0).all())
    turn = np.log if logs else np.asarray
    ratio = fit.width_ratio(turn(sample), (float(turn(prior[0])), float(turn(prior[1]))), level=LEVEL)
    low, median, high = (float(v) for v in np.quantile(sample, [tails[0], 0.5, tails[1]]))
    ends = parameter.support
    near = 0.01 * (ends[1] - ends[0]) if np.isfinite(ends).all() else 0.0
    return {
        "constant": coordinate.name,
        "kind": coordinate.kind,
        "prior_low": prior[0],
        "prior_high": prior[1],
        "low": low,
        "median": median,
        "high": high,
        "ratio": ratio,
        "untold": ratio >= UNTOLD,
        "at_bound": bool(near and (low <= ends[0] + near or high >= ends[1] - near)),
    }
