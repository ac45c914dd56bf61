"""How likely the misses of a series are: an autocorrelated discrepancy whose variance is integrated out.

A model misses a series for months on end, for reasons that it lacks; to count each month as independent evidence would
give false precision (Kennedy and O'Hagan 2001, J. R. Statist. Soc. B 63, 425; Brynjarsdóttir and O'Hagan 2014, Inverse
Problems 30, 114007). So the errors of a series, e at times t, are those of a stationary autoregressive process of first
order in continuous time (Jones 1981, in Applied Time Series Analysis II): mean 0, variance σ², correlation ρ^(t - t')
with ρ per month, which also holds for values at uneven distances. With

    u₁ = e₁,   uᵢ = (eᵢ - ρ^Δᵢ eᵢ₋₁) / √(1 - ρ^2Δᵢ),   S = Σ uᵢ²

the density is (2πσ²)^(-n/2) Π (1 - ρ^2Δᵢ)^(-1/2) exp(-S / 2σ²). Under the prior σ² ~ inverse gamma(a, b) the integral
over σ² is, up to a constant, Π (1 - ρ^2Δᵢ)^(-1/2) (b + S/2)^-(a + n/2) (Gelman et al. 2013, Bayesian Data Analysis,
section 3.2), and σ² given the errors is inverse gamma(a + n/2, b + S/2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError

Array = NDArray[np.float64]
PRIOR_SHAPE = 5.0
"""Of the inverse gamma: its mean is the square of the expected discrepancy, and it weighs as much as ten values."""
LARGEST_RHO = 0.95
"""Per month; nearer to one an error would be a level of its own, and the level of the model would cost nothing."""
_FIRST_RHO = 0.7


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """The discrepancy of one series.

    Attributes
    ----------
    rho : float
        Correlation of errors one month apart.
    gaps : array, shape (n - 1,)
        Months between neighbouring values.
    a, b : float
        Inverse gamma prior of the variance.
    """

    rho: float
    gaps: Array
    a: float
    b: float

    @classmethod
    def expected(cls, times: Array, size: float) -> Discrepancy:
        """The discrepancy before any error is seen: its expected size, at the values' times."""
        if (np.diff(times) <= 0).any():
            raise InputError("the values of a series are not in the order of time")
        return cls(_FIRST_RHO, np.diff(times), PRIOR_SHAPE, (PRIOR_SHAPE - 1) * size**2)

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.gaps) + 1

    def whiten(self, errors: Array) -> Array:
        """Make errors independent: u of the module's description.

        Parameters
        ----------
        errors : array, shape (…, n)

        Returns
        -------
        array, same shape
        """
        link = self.rho**self.gaps
        white = np.empty_like(errors)
        white[..., 0] = errors[..., 0]
        white[..., 1:] = (errors[..., 1:] - link * errors[..., :-1]) / np.sqrt(1 - link**2)
        return white

    def log_density(self, errors: Array) -> Array:
        """Logarithm of the marginal likelihood, up to a constant that depends on the number of values alone.

        Parameters
        ----------
        errors : array, shape (…, n)

        Returns
        -------
        array, shape (…)
            Minus infinity where an error is no finite number.
        """
        squares = (self.whiten(errors) ** 2).sum(axis=-1)
        squares = np.where(np.isfinite(squares), squares, np.inf)
        spread = np.log(1 - self.rho ** (2 * self.gaps)).sum() / 2
        return np.asarray(-(self.a + self.count / 2) * np.log(self.b + squares / 2) - spread)

    def variance(self, errors: Array) -> float:
        """Variance that the density's slope implies: (b + S/2) / (a + n/2).

        Around the errors given, -log of the marginal likelihood falls as that of independent errors with this variance.
        """
        squares = float((self.whiten(errors) ** 2).sum())
        return (self.b + squares / 2) / (self.a + self.count / 2)

    def refit(self, errors: Array) -> Discrepancy:
        """The same with the correlation under which these errors are likeliest, from 0 to `LARGEST_RHO`.

        Parameters
        ----------
        errors : array, shape (n,)
        """
        from scipy import optimize

        if self.count < 3:
            return self

        def cost(rho: float) -> float:
            return -float(replace(self, rho=rho).log_density(errors))

        grid = np.linspace(0.0, LARGEST_RHO, 40)
        best = int(np.argmin([cost(rho) for rho in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        found = optimize.minimize_scalar(cost, bounds=(low, high), method="bounded")
        rho = float(found.x) if found.fun < cost(grid[best]) else float(grid[best])
        return replace(self, rho=min(rho, LARGEST_RHO))

    def draw_variance(self, errors: Array, random: np.random.Generator) -> Array:
        """Draw the variance given errors.

        Parameters
        ----------
        errors : array, shape (draws, n)
        random : numpy.random.Generator

        Returns
        -------
        array, shape (draws,)
        """
        squares = (self.whiten(errors) ** 2).sum(axis=-1)
        shape = self.a + self.count / 2
        return np.asarray((self.b + squares / 2) / random.gamma(shape, size=len(errors)))

    def draw(
        self,
        variance: Array,
        times: Array,
        random: np.random.Generator,
        *,
        last: tuple[float, Array] | None = None,
    ) -> Array:
        """Draw errors at given times.

        Parameters
        ----------
        variance : array, shape (draws,)
        times : array, shape (m,)
            Rising, in model time.
        random : numpy.random.Generator
        last : pair of float and array of shape (draws,), optional
            Time and size of the last known error, which the errors continue; without it they are those of a new
            stretch.

        Returns
        -------
        array, shape (draws, m)
        """
        draws = len(variance)
        noise = random.standard_normal((draws, len(times))) * np.sqrt(variance)[:, None]
        errors = np.empty((draws, len(times)))
        before = np.zeros(draws)
        gaps = np.diff(times, prepend=times[:1])
        for i, gap in enumerate(gaps):
            if i == 0:
                link = 0.0 if last is None else self.rho ** max(float(times[0] - last[0]), 0.0)
                before = before if last is None else last[1]
            else:
                link = self.rho**gap
            errors[:, i] = link * before + np.sqrt(1 - link**2) * noise[:, i]
            before = errors[:, i]
        return errors
