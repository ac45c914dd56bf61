"""Draws for the fit and for the test of the forecast: nothing that rests on later data takes part in the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.calendar import time_at_end
from flows.calibrate.forecast import held_out_inputs
from flows.calibrate.space import Space
from flows.inputs.calibration import Calibration
from flows.model.model import Model
from flows.posterior import Posterior
from flows.references import fold, parse_reference

__all__ = ["Draws", "Way"]

Way = Literal["policies", "events", "frozen"]
"""What a forecast is told: the policies that followed, these and the dated events that are no policies, or neither."""

SHOCK = "shock size"
IS_POLICY = "shock is a policy"
FREEZE = "policy freeze time"
_BEFORE_END = 0.5  # months: a dated series may step at the very end of its month


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of the posterior sample, made ready for a purpose.

    Attributes
    ----------
    model : Model
    calibration : Calibration
    posterior : Posterior
    count : int
        Draws.
    seed : int
        Of the choice of draws, and of everything drawn besides.
    """

    model: Model
    calibration: Calibration
    posterior: Posterior
    count: int
    seed: int = field(default=0)

    @cached_property
    def space(self) -> Space:
        """What was calibrated, with its priors."""
        return Space(self.calibration, self.model)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The draws, shape (draws, elements of the posterior)."""
        return self.posterior.values[self.posterior.rows(self.count, self.seed)]

    def fitted(self) -> dict[str, xr.DataArray]:
        """The posterior as it is, as inputs of `flows.simulate`."""
        return self.posterior.at(self.model, self.values)

    def without_shocks(self) -> dict[str, xr.DataArray]:
        """The model's own constants with the size of every dated shock at zero; nothing else is fitted anew."""
        item = self.model.constants[SHOCK]
        values = np.asarray(item.value, dtype=float)
        return {item.name: xr.DataArray(np.zeros(values.shape), dims=item.subscripts)}

    def forecast(self, way: Way) -> dict[str, Any]:
        """Give inputs for the test of the forecast.

        Parameters
        ----------
        way : {"policies", "events", "frozen"}
            ``policies``: dated policies run on, sizes of their announcements after the fit come from the prior, shocks
            that are no policies don't happen. ``events``: these happen too, their sizes from the prior. ``frozen``:
            policies stay as they were in the last month of the fit, and no later shock happens.

        Returns
        -------
        dict
            Inputs of `flows.simulate` over ``draw``.
        """
        values = self.values.copy()
        columns = {name: column for column, name in enumerate(self.posterior.elements)}
        drawn = self._drawn_later
        for place in self.space.index("later").tolist():
            for element in self.space.coordinates[place].elements:
                name = self.space.elements[element]
                if name not in columns:
                    continue
                happens = way == "events" or (way == "policies" and self._is_policy(name))
                if happens or not self._is_shock(name):
                    values[:, columns[name]] = drawn[:, element]
                else:
                    values[:, columns[name]] = 0.0
        inputs: dict[str, Any] = {**held_out_inputs(self.calibration, self.model)}
        inputs |= self.posterior.at(self.model, values)
        if way == "frozen":
            inputs[FREEZE] = time_at_end(self.calibration.fit_until) - _BEFORE_END
        return inputs

    @cached_property
    def _drawn_later(self) -> NDArray[np.float64]:
        """Draws of the priors of later sizes, the same for every way; shape (draws, elements)."""
        later = self.space.index("later")
        z = np.zeros((self.count, len(self.space)))
        z[:, later] = np.random.default_rng([self.seed, 2]).standard_normal((self.count, len(later)))
        return self.space.at_elements(z)

    def _is_shock(self, element: str) -> bool:
        """Whether an element is the size of a dated shock, for which zero means that it doesn't happen."""
        return element.lower().startswith(f"{SHOCK}[")

    def _is_policy(self, element: str) -> bool:
        """Whether an element belongs to a policy: a shock marked so, or anything else that is dated."""
        if not self._is_shock(element):
            return True
        shock = parse_reference(element).elements[0]
        return self._policies.get(fold(shock), False)

    @cached_property
    def _policies(self) -> Mapping[str, bool]:
        item = self.model.constants[IS_POLICY]
        names = self.model.subscripts[item.subscripts[0]].value
        flags = np.asarray(item.value, dtype=float)
        return {fold(str(name)): bool(flag) for name, flag in zip(names, flags, strict=True)}  # type: ignore[call-overload]
