"""What an uncertainty acts on: a constant, an initial value, the points of a lookup, or all that was calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import shapley
from flows.errors import InputError
from flows.inputs.studies import Study, Uncertainty
from flows.posterior import FILE, Posterior, posterior_of
from flows.references import fold

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Target:
    """An uncertainty and what `flows.simulate` takes for its values.

    Attributes
    ----------
    name : str
        Of the uncertainty, as in the study.
    uncertainty : Uncertainty
    x, base, other : array, shape (points,), or None
        Of a lookup: where its points lie, their values, and those of the other curve.
    """

    name: str
    uncertainty: Uncertainty
    x: Array | None = None
    base: Array | None = None
    other: Array | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the sample that this takes."""
        return (self.name,)

    @property
    def settings(self) -> tuple[str, ...]:
        """Text forms of what this sets in the model."""
        return self.columns

    def draw(self, points: Array) -> dict[str, Array]:
        """Values by column, for points of the unit cube of shape (…, columns)."""
        return {self.name: self.uncertainty.ppf(points[..., 0])}

    def inputs(self, model: Any, drawn: Mapping[str, Array]) -> dict[str, Any]:
        """Turn values, shape (draws,) or single numbers, into inputs of a run."""
        values = np.asarray(drawn[self.name])
        dims = ["draw"] if values.ndim else []
        if self.x is None or self.base is None:
            return {self.name: xr.DataArray(values, dims=dims) if dims else float(values)}
        weight = values[..., None]
        y = self.base * weight if self.other is None else (1 - weight) * self.base + weight * self.other
        return {self.name: xr.DataArray(y, dims=[*dims, "x"], coords={"x": self.x})}

    def known(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """Values by what they set in the model."""
        return {self.name: drawn[self.name]}


@dataclass(frozen=True, eq=False)
class Rows(Target):
    """Rows of the posterior sample, as one column of the sample: a draw is the number of a row.

    Any order of the rows gives the same indices. They are taken in that of the first principal component, so that an
    evenly spread column is spread evenly over the direction in which the sample is longest.
    """

    posterior: Posterior | None = None
    order: NDArray[np.intp] | None = None

    @property
    def settings(self) -> tuple[str, ...]:
        """Text forms of what this sets in the model."""
        assert self.posterior is not None
        return self.posterior.elements

    def draw(self, points: Array) -> dict[str, Array]:
        """Values by column, for points of the unit cube of shape (…, columns)."""
        assert self.order is not None
        place = (points[..., 0] * len(self.order)).astype(np.intp)
        return {self.name: self.order[np.minimum(place, len(self.order) - 1)].astype(np.float64)}

    def inputs(self, model: Any, drawn: Mapping[str, Array]) -> dict[str, Any]:
        """Turn values, shape (draws,) or single numbers, into inputs of a run."""
        assert self.posterior is not None
        return _placed(self.posterior, model, self._values(drawn))

    def known(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """Values by what they set in the model."""
        assert self.posterior is not None
        values = self._values(drawn)
        return {name: values[..., i] for i, name in enumerate(self.posterior.elements)}

    def _values(self, drawn: Mapping[str, Array]) -> Array:
        assert self.posterior is not None
        return self.posterior.values[np.asarray(drawn[self.name]).astype(np.intp)]


@dataclass(frozen=True, eq=False)
class Constants(Target):
    """The constants of the posterior sample, a column each: their own distributions, tied by ranks."""

    posterior: Posterior | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the sample that this takes."""
        assert self.posterior is not None
        return self.posterior.elements

    def draw(self, points: Array) -> dict[str, Array]:
        """Values by column, for points of the unit cube of shape (…, columns)."""
        assert self.posterior is not None
        return {
            name: np.quantile(self.posterior.values[:, i], points[..., i], method="hazen")
            for i, name in enumerate(self.posterior.elements)
        }

    def inputs(self, model: Any, drawn: Mapping[str, Array]) -> dict[str, Any]:
        """Turn values, shape (draws,) or single numbers, into inputs of a run."""
        assert self.posterior is not None
        return _placed(self.posterior, model, np.stack([drawn[n] for n in self.posterior.elements], axis=-1))

    def known(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """Values by what they set in the model."""
        assert self.posterior is not None
        return {name: drawn[name] for name in self.posterior.elements}


def _placed(posterior: Posterior, model: Any, values: Array) -> dict[str, Any]:
    if values.ndim > 1:
        return dict(posterior.at(model, values))
    return {name: array.isel(draw=0, drop=True) for name, array in posterior.at(model, values[None]).items()}


def targets(study: Study, model: Any) -> tuple[tuple[Target, ...], tuple[Path, ...]]:
    """Find what the uncertainties of a study that fits its model (`flows.inputs.check_study`) act on.

    Returns
    -------
    targets : tuple of Target
        In the order of the study; a posterior sample comes first in the inputs of a run.
    files : tuple of Path
        That they were read from.

    Raises
    ------
    InputError
        There is no posterior sample of the model, or it and another uncertainty set the same constant.
    """
    files: tuple[Path, ...] = ()
    posterior = None
    if study.posterior is not None:
        posterior = posterior_of(model)
        beside = Path(str(getattr(model, "path", "") or "")).parent / FILE
        if posterior is None:
            raise InputError(
                "no posterior sample of this model lies beside it",
                where=study.posterior.where,
                expected=FILE,
                remedy="Make one with flows calibrate",
            )
        files = (beside,) if beside.is_file() else ()
        set_twice = {fold(name) for name in posterior.elements} & {fold(u.name) for u in study.uncertainties}
        if set_twice:
            name = next(u for u in study.uncertainties if fold(u.name) in set_twice)
            raise InputError(
                f'the posterior sample sets "{name.name}" too',
                where=name.where,
                remedy="Take one of the two out of the study",
            )
        posterior.at(model, posterior.values[:1])
    return tuple(_target(u, model, posterior, study.method) for u in study.uncertainties), files


def _target(uncertainty: Uncertainty, model: Any, posterior: Posterior | None, method: str) -> Target:
    name = uncertainty.name
    if uncertainty.of == "posterior":
        assert posterior is not None
        if method == "shapley":
            return Constants(name, uncertainty, posterior=posterior)
        return Rows(name, uncertainty, posterior=posterior, order=_along(posterior.values))
    if uncertainty.of == "value":
        return Target(name, uncertainty)
    x, y = model.lookups[name].value
    if uncertainty.of == "scale":
        return Target(name, uncertainty, np.asarray(x), np.asarray(y))
    assert uncertainty.other is not None
    other_x, other_y = model.lookups[uncertainty.other].value
    both = np.union1d(x, other_x)
    return Target(name, uncertainty, both, np.interp(both, x, y), np.interp(both, other_x, other_y))


def _along(values: Array) -> NDArray[np.intp]:
    """Rows in the order of their first principal component, scaled to equal spread."""
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    _, directions = np.linalg.eigh(scaled.T @ scaled)
    axis = directions[:, -1] * np.sign(directions[np.abs(directions[:, -1]).argmax(), -1])
    # rounded, so that the last bits of a library's eigenvectors don't change the order
    return np.argsort(np.round(scaled @ axis, 9), kind="stable")


def correlation(found: Sequence[Target]) -> Array:
    """Correlation of the normal scores of all columns, shape (columns, columns)."""
    blocks = [
        shapley.normal_correlation(t.posterior.values)
        if isinstance(t, Constants) and t.posterior is not None
        else np.eye(len(t.columns))
        for t in found
    ]
    size = sum(len(block) for block in blocks)
    whole, at = np.zeros((size, size)), 0
    for block in blocks:
        whole[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return whole
