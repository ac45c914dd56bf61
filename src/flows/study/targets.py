"""What an uncertainty acts on: a constant, an initial value, or the points of a lookup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.inputs.studies import Uncertainty


@dataclass(frozen=True, eq=False)
class Target:
    """An uncertainty and what `flows.simulate` takes for its values.

    Attributes
    ----------
    name : str
        Of the uncertainty, as in the study.
    key : str
        Of the input.
    x, base, other : array, shape (points,), or None
        Of a lookup: where its points lie, their values, and those of the other curve.
    of : {"value", "scale", "between"}
        What a draw means: the value itself; a factor on all points; the share of the other curve.
    """

    name: str
    key: str
    of: str
    x: NDArray[np.float64] | None = None
    base: NDArray[np.float64] | None = None
    other: NDArray[np.float64] | None = None

    def values(self, drawn: NDArray[np.float64]) -> Any:
        """Turn draws, shape (draws,) or a single number, into the input."""
        drawn = np.asarray(drawn)
        dims = ["draw"] if drawn.ndim else []
        if self.x is None or self.base is None:
            return xr.DataArray(drawn, dims=dims) if dims else float(drawn)
        weight = drawn[..., None]
        y = self.base * weight if self.other is None else (1 - weight) * self.base + weight * self.other
        return xr.DataArray(y, dims=[*dims, "x"], coords={"x": self.x})


def target(uncertainty: Uncertainty, model: Any) -> Target:
    """Find what an uncertainty that fits its model (`flows.inputs.check_study`) acts on."""
    if uncertainty.of == "value":
        return Target(uncertainty.name, uncertainty.name, "value")
    x, y = model.lookups[uncertainty.name].value
    if uncertainty.of == "scale":
        return Target(uncertainty.name, uncertainty.name, "scale", np.asarray(x), np.asarray(y))
    assert uncertainty.other is not None
    other_x, other_y = model.lookups[uncertainty.other].value
    both = np.union1d(x, other_x)
    return Target(
        uncertainty.name,
        uncertainty.name,
        "between",
        both,
        np.interp(both, x, y),
        np.interp(both, other_x, other_y),
    )
