"""What the test of the forecast may know: rates as of the last month fitted, sizes of later shocks from their prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.calendar import time_at_end
from flows.calibrate.likelihood import Discrepancy
from flows.calibrate.space import Space
from flows.calibrate.targets import Target
from flows.inputs.calibration import Calibration
from flows.posterior import Posterior

Array = NDArray[np.float64]


def held_out_inputs(calibration: Calibration, model: Any) -> dict[str, xr.DataArray]:
    """Give the lookups that stand in for those resting on data after ``fit_until``.

    Parameters
    ----------
    calibration : Calibration
    model : flows.Model

    Returns
    -------
    dict of str to xarray.DataArray
        Inputs of `flows.simulate`: lookups over ``x`` that keep their value at the end of ``fit_until``, or the points
        that the file gives.
    """
    end = time_at_end(calibration.fit_until)
    found = {}
    for fixed in calibration.fixed:
        if fixed.held_out is None and fixed.held_out_points is None:
            continue
        item = model.lookups[fixed.name]
        x, y = (np.asarray(part, dtype=float) for part in item.value)
        if fixed.held_out_points is not None:
            x, y = np.array(fixed.held_out_points).T
        else:
            before = x < end - 1e-9
            last = float(np.interp(end, x, y))
            x = np.concatenate([x[before], [end, max(float(x[-1]), end + 1)]])
            y = np.concatenate([y[before], [last, last]])
        found[str(item.name)] = xr.DataArray(y, dims="x", coords={"x": x})
    return found


def forecast_inputs(
    posterior: Posterior, calibration: Calibration, model: Any, draws: int, seed: int = 0
) -> dict[str, xr.DataArray]:
    """Give draws of the posterior in which what is dated after ``fit_until`` comes from its prior.

    Parameters
    ----------
    posterior : Posterior
    calibration : Calibration
        Whose ``later`` tables hold the prior.
    model : flows.Model
    draws : int
    seed : int
        Of the choice of rows and of the prior's draws.

    Returns
    -------
    dict of str to xarray.DataArray
        Inputs of `flows.simulate`, `held_out_inputs` among them.
    """
    space = Space(calibration, model)
    later = space.index("later")
    random = np.random.default_rng([seed, 2])
    z = np.zeros((draws, len(space)))
    z[:, later] = random.standard_normal((draws, len(later)))
    drawn = space.at_elements(z)
    moved = {e for i in later.tolist() for e in space.coordinates[i].elements}
    values = posterior.values[posterior.rows(draws, seed)].copy()
    columns = {text: i for i, text in enumerate(posterior.elements)}
    for element in sorted(moved):
        column = columns.get(space.elements[element])
        if column is not None:
            values[:, column] = drawn[:, element]
    return {**held_out_inputs(calibration, model), **posterior.at(model, values)}


def predictive(
    target: Target,
    modelled: Array,
    discrepancy: Discrepancy,
    variance: Array,
    random: np.random.Generator,
    *,
    last: tuple[float, Array] | None = None,
) -> Array:
    """Draw what would be observed: what the model gives, and a discrepancy.

    Parameters
    ----------
    target : Target
    modelled : array, shape (draws, n)
        As `Target.modelled` gives them, one row for each draw of the posterior.
    discrepancy : Discrepancy
        Of the series.
    variance : array, shape (draws,)
        From `Discrepancy.draw_variance`, given the errors of each draw until ``fit_until``.
    random : numpy.random.Generator
    last : pair of float and array of shape (draws,), optional
        Time and size of each draw's error at the last value known, in a forecast (on the scale of `Target.residuals`).

    Returns
    -------
    array, shape (draws, n)
        Quantiles of these are predictive bands.
    """
    if last is not None:
        last = (last[0], -last[1])  # an error of the model is what observations lie below it
    errors = discrepancy.draw(variance, target.times, random, last=last)
    return target.observable(modelled, errors)
