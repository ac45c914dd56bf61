"""Was the number of samples enough? A verdict in words, from intervals, looks at fewer samples and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

__all__ = ["TARGET", "bands_verdict", "effects_verdict", "indices_verdict", "shares_verdict"]

TARGET = 0.1
"""Half width of an interval, as a share of the variance, that counts as enough."""

COUNTS = 0.05
"""Indices below this share of the variance don't count as causes."""

_MOST = 0.95  # of the indices that count; the rest rests on a few extreme runs, for which no number of runs is safe
_STEADY = 0.05  # change of an index over the last doubling


def indices_verdict(indices: xr.Dataset, looks: xr.Dataset | None) -> list[str]:
    """Say whether a Sobol study had samples enough, and how many it would need.

    Parameters
    ----------
    indices : xarray.Dataset
        ``ST``, ``ST_conf``, ``S1``, ``S1_conf``, ``dummy_high`` … over (outcome, uncertainty, time) or (outcome,
        uncertainty).
    looks : xarray.Dataset, optional
        ``ST`` and ``S1`` at doubling numbers of samples ``n``.

    Returns
    -------
    list of str
        Sentences, the verdict first.
    """
    n = int(indices.attrs["n"])
    total, half = indices["ST"], indices["ST_conf"]
    counted = total >= COUNTS
    if not bool(counted.any()):
        return [f"Nothing to judge: no outcome has variance at n = {n:,}."]
    wide = half.where(half > indices["S1_conf"], indices["S1_conf"]).where(counted)
    said = [_enough(n, wide, power_of_two=True)]
    if looks is not None and looks.sizes["n"]:
        before = looks["ST"].isel(n=-1)
        moved = float(abs(total - before).where(counted).max())
        settled = "they have settled" if moved <= _STEADY else "they have not settled yet"
        said.append(
            f"When n went from {int(looks['n'][-1]):,} to {n:,}, the shares that count moved by up to {moved:.2f}: "
            f"{settled}."
        )
    low, high = abs(indices["dummy_low"]), abs(indices["dummy_high"])
    floor = low.where(low > high, high)
    noise = float(floor.median())
    below = float(((indices["S1"] < floor) & counted).sum() / counted.sum())
    said.append(
        f"Noise: an uncertainty without any effect would seem to have a share of its own (S1) of up to {noise:.2f} "
        f"here ({float(floor.max()):.2f} for the worst outcome and date). "
        + (
            f"{_percent(below)} of the uncertainties that count have an S1 below that: what they do, they do together "
            "with others, or n is too small to tell."
            if below
            else "Every uncertainty that counts has more."
        )
    )
    negative = ((indices["S1"] < 0) & np.isfinite(indices["S1"])).sum() / np.isfinite(indices["S1"]).sum()
    if negative:
        said.append(
            f"{_percent(float(negative))} of the S1 came out below zero (the lowest {float(indices['S1'].min()):.2f}). "
            "That is the same noise around a share near zero, not an effect the other way."
        )
    return [*said, *_blank(total)]


def _enough(n: int, wide: xr.DataArray, *, power_of_two: bool) -> str:
    """The verdict on half widths of intervals, NaN where an index doesn't count."""
    worst = float(wide.max())
    if worst <= TARGET:
        return (
            f"Enough: with n = {n:,} every share of {COUNTS:.0%} of the variance or more is known to within "
            f"±{worst:.2f}."
        )
    usual = max(float(wide.quantile(_MOST)), TARGET)
    needed = max(math.ceil(n * (usual / TARGET) ** 2), 2 * n)
    if power_of_two:
        needed = 1 << (needed - 1).bit_length()
    at = np.unravel_index(int(np.argmax(wide.fillna(-1).values)), wide.shape)
    place = ", ".join(str(wide[d].values[i]) for d, i in zip(wide.dims, at, strict=True) if d != "time")
    share = float((wide > TARGET).sum() / wide.notnull().sum())
    return (
        f"Not enough for all: with n = {n:,}, {_percent(share)} of the shares that count ({COUNTS:.0%} of the variance "
        f"or more) are not known to within ±{TARGET:g}; the least certain is ±{worst:.2f} ({place}). About n = "
        f"{needed:,} would do for {_MOST:.0%} of them: run the same command with --extend until it says enough; the "
        "runs made so far are used."
    )


def _blank(values: xr.DataArray) -> list[str]:
    blank = int(values.isnull().any("uncertainty").sum())
    if not blank:
        return []
    where = "outcomes and dates" if "time" in values.dims else "outcomes"
    return [
        f"In {blank:,} of {values.size // values.sizes['uncertainty']:,} {where} all runs give the same number (no "
        "variance: a programme not yet begun, say), so there is nothing to share out and no index."
    ]


def _percent(share: float) -> str:
    """Per cent in words that never round something to nothing."""
    return "less than 1%" if 0 < share < 0.01 else f"{share:.0%}"


def shares_verdict(effects: xr.Dataset | None) -> list[str]:
    """Say whether a study of Shapley effects had orders enough, and how many it would need."""
    assert effects is not None
    n = int(effects.attrs["n"])
    counted = effects["Sh"] >= COUNTS
    if not bool(counted.any()):
        return [f"Nothing to judge: no outcome has variance at n = {n:,}."]
    wide = effects["Sh_conf"].where(counted)
    said = [_enough(n, wide, power_of_two=False)]
    if (effects["Sh"] < 0).any():
        said.append(
            f"Some effects came out below zero (the lowest {float(effects['Sh'].min()):.2f}), which true ones never "
            "are: noise around zero."
        )
    return [*said, *_blank(effects["Sh"])]


def effects_verdict(effects: xr.Dataset) -> list[str]:
    """Say whether a Morris study can tell its first inputs from the rest."""
    n = int(effects.attrs["n"])
    star, low, high = (effects[k] for k in ("mu_star", "mu_star_low", "mu_star_high"))
    top = star.max("uncertainty")
    clear = ((low > 0.1 * top) | (high < 0.1 * top)).where(top > 0)
    share = float(clear.mean())
    said = (
        f"With {n:,} trajectories {share:.0%} of the inputs are clearly above or clearly below a tenth of the largest "
        "effect on an outcome; "
    )
    said += (
        "enough to leave the small ones out."
        if share >= 0.9
        else f"about {4 * n:,} would tell more of them apart."
    )
    return [said, "Elementary effects rank inputs; they are no shares of variance."]


def bands_verdict(runs: int, quantiles: Sequence[float]) -> list[str]:
    """Say how well the quantiles of plain draws are known, by the binomial distribution of ranks."""
    q = min(quantiles)
    error = 1.96 * math.sqrt(q * (1 - q) / runs)
    enough = error <= q / 2
    words = "enough" if enough else f"about {math.ceil(4 * 1.96**2 * (1 - q) / q):,} runs would do"
    return [
        f"The {q:.0%} and {1 - q:.0%} ends of the bands rest on {runs:,} runs: their true share is {q:.0%} ± "
        f"{error:.1%}; {words}."
    ]
