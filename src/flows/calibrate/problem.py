"""A calibration ready to compute: coordinates → runs → errors of every series → their density."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.calibrate.likelihood import Discrepancy
from flows.calibrate.space import Kind, Space
from flows.calibrate.targets import Recorded, Target, Targets, targets
from flows.ensemble import NonFiniteWarning, simulate
from flows.inputs.calibration import Calibration

Array = NDArray[np.float64]
STEP = 1e-3
"""Of finite differences, in standard deviations of the prior."""
_OTHER = 0.01


@dataclass(frozen=True, eq=False)
class Problem:
    """What is compared with what, at which coordinates.

    Attributes
    ----------
    space : Space
    targets : Targets
        Series and values that are compared.
    discrepancies : tuple of Discrepancy
        One for each fitted series.
    until : str
        Last month that is run.
    moved : tuple of str
        Kinds of coordinates that are moved; the others stand still at `still`.
    still : array, shape (coordinates,)
    frozen : tuple of str
        Kinds whose elements keep the model file's values.
    inputs : mapping
        Further inputs of every run.
    threads : int or None
    correlated : bool
        Whether correlations of errors are estimated, or are none.
    """

    space: Space
    targets: Targets
    discrepancies: tuple[Discrepancy, ...]
    until: str
    moved: tuple[Kind, ...]
    still: Array
    frozen: tuple[Kind, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None
    correlated: bool = True

    @property
    def index(self) -> NDArray[np.int64]:
        """Positions of the coordinates that are moved."""
        return self.space.index(*self.moved)

    def whole(self, x: Array) -> Array:
        """Put moved coordinates, shape (draws, moved), among all coordinates."""
        z = np.repeat(self.still[None], len(x), axis=0)
        z[:, self.index] = x
        return z

    def run(self, x: Array, outcomes: Sequence[str] | None = None) -> xr.Dataset:
        """Run the model at moved coordinates.

        Parameters
        ----------
        x : array, shape (draws, moved)
        outcomes : sequence of str, optional
            Default: what the targets need.

        Returns
        -------
        xarray.Dataset
            Over ``draw`` and ``time``.
        """
        # one row more, of other values: a batch in which lookups differ needs no program of its own for each
        rows = self.whole(np.vstack([x, x[:1] + _OTHER]))
        inputs = {**self.inputs, **self.space.inputs(rows, without=self.frozen)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NonFiniteWarning)  # such a draw has no likelihood
            found = simulate(
                self.space.model,
                inputs,
                outcomes=list(outcomes or self.targets.outcomes),
                until=self.until,
                threads=self.threads,
            )
        return found.isel(draw=slice(0, len(x)))

    def errors(self, x: Array) -> list[Array]:
        """Compute the errors of each fitted series, each of shape (draws, n)."""
        recorded = Recorded(self.run(x))
        return [target.residuals(target.of_recorded(recorded)) for target in self.targets.fitted]

    def log_likelihood(self, errors: Sequence[Array]) -> Array:
        """Add up the marginal likelihoods of the series; shape (draws,)."""
        parts = [one.log_density(e) for one, e in zip(self.discrepancies, errors, strict=True)]
        return np.asarray(np.sum(parts, axis=0))

    def log_posterior(self, x: Array) -> Array:
        """Logarithm of the posterior density of moved coordinates, up to a constant; shape (draws,)."""
        return np.asarray(self.log_likelihood(self.errors(x)) + self.log_prior(x))

    def log_prior(self, x: Array) -> Array:
        """Logarithm of the prior density of moved coordinates, up to a constant; shape (draws,)."""
        return np.asarray(-(x**2).sum(axis=1) / 2)

    def residuals(self, errors: Sequence[Array], variances: Sequence[float]) -> Array:
        """Join whitened errors over their standard deviation; shape (draws, values)."""
        parts = [
            one.whiten(e) / np.sqrt(v)
            for one, e, v in zip(self.discrepancies, errors, variances, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def variances(self, errors: Sequence[Array]) -> list[float]:
        """Variances that the density's slope implies at errors of shape (n,)."""
        return [one.variance(e) for one, e in zip(self.discrepancies, errors, strict=True)]

    def refit(self, errors: Sequence[Array]) -> Problem:
        """The same with correlations estimated from errors of shape (n,)."""
        if not self.correlated:
            return self
        found = tuple(one.refit(e) for one, e in zip(self.discrepancies, errors, strict=True))
        return replace(self, discrepancies=found)

    def jacobian(self, x: Array, variances: Sequence[float]) -> tuple[Array, Array]:
        """Compute residuals and their slopes by finite differences, all columns in one batch of runs.

        Parameters
        ----------
        x : array, shape (moved,)
        variances : sequence of float
            One for each fitted series.

        Returns
        -------
        residuals : array, shape (values,)
        slopes : array, shape (values, moved)
        """
        sign = np.where(x > 0, -1.0, 1.0)  # inwards, so that no bound is in the way
        points = np.vstack([x, x + STEP * np.diag(sign)])
        rows = self.residuals(self.errors(points), variances)
        return rows[0], ((rows[1:] - rows[0]) / (STEP * sign)[:, None]).T


def first_problem(
    calibration: Calibration,
    model: Any,
    *,
    threads: int | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Problem:
    """Set up the fit to data until ``fit_until``: what is dated later keeps the file's values, which can't matter.

    Parameters
    ----------
    calibration : Calibration
    model : flows.Model
    threads : int, optional
        Of the runs; results don't depend on it.
    inputs : mapping, optional
        Further inputs of every run, as `flows.simulate` takes them.

    Returns
    -------
    Problem
    """
    space = Space(calibration, model)
    found = targets(calibration, model)
    return Problem(
        space=space,
        targets=found,
        discrepancies=tuple(_expected(target) for target in found.fitted),
        until=calibration.fit_until,
        moved=("free", "split", "shock"),
        still=np.zeros(len(space)),
        frozen=("later",),
        inputs=inputs or {},
        threads=threads,
    )


def later_problem(first: Problem, x: Array, *, correlated: bool = True) -> Problem:
    """Set up the second step: sizes dated after ``fit_until``, fitted to later data with all else held.

    Parameters
    ----------
    first : Problem
        Its discrepancies hold on.
    x : array, shape (moved,)
        The optimum of the first step.
    correlated : bool
        Whether errors have the correlations of the first step, as for the spread of these sizes; or none, as for their
        values, so that the level counts: under a correlation a lasting miss costs little more than its first month.

    Returns
    -------
    Problem
    """
    calibration = first.space.calibration
    until = calibration.later_until or calibration.fit_until
    found = targets(calibration, first.space.model, after=calibration.fit_until, until=until)
    by_name = {t.name: d for t, d in zip(first.targets.fitted, first.discrepancies, strict=True)}
    discrepancies = []
    for target in found.fitted:
        own = _expected(target)
        known = by_name.get(target.name)
        rho = known.rho if known else own.rho
        discrepancies.append(replace(own, rho=rho if correlated else 0.0))
    return replace(
        first,
        targets=found,
        discrepancies=tuple(discrepancies),
        until=until,
        moved=("later",),
        correlated=correlated,
        still=first.whole(x[None])[0],
        frozen=(),
    )


def _expected(target: Target) -> Discrepancy:
    return Discrepancy.expected(target.times, target.series.discrepancy)
