"""Was the number of samples enough? A verdict in words, from intervals, looks at fewer samples and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

__all__ = ["TARGET", "bands_verdict", "effects_verdict", "indices_verdict"]

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
    worst = float(wide.max())
    said = []
    if worst <= TARGET:
        said.append(
            f"Enough: with n = {n:,} every index that counts (ST of {COUNTS:g} or more) is known to ±{worst:.2f} or "
            "better."
        )
    else:
        usual = max(float(wide.quantile(_MOST)), TARGET)
        needed = max(1 << math.ceil(math.log2(n * (usual / TARGET) ** 2)), 2 * n)
        at = np.unravel_index(int(np.argmax(wide.fillna(-1).values)), wide.shape)
        place = ", ".join(str(wide[d].values[i]) for d, i in zip(wide.dims, at, strict=True) if d != "time")
        share = float((wide > TARGET).sum() / counted.sum())
        said.append(
            f"Not enough for all: with n = {n:,} the widest interval of an index that counts is ±{worst:.2f} "
            f"({place}), {share:.0%} of them are wider than ±{TARGET:g}. About n = {needed:,} would do for "
            f"{_MOST:.0%} of them: run this "
            "study again with --extend until it says enough; the runs made so far are used."
        )
    if looks is not None and looks.sizes["n"]:
        before = looks["ST"].isel(n=-1)
        change = abs(total - before).where(counted)
        moved = float(change.max())
        steady = "steady" if moved <= _STEADY else "not yet steady"
        said.append(
            f"From n = {int(looks['n'][-1]):,} to {n:,} no total-order index that counts moved by more than "
            f"{moved:.2f}: {steady}."
        )
    low, high = abs(indices["dummy_low"]), abs(indices["dummy_high"])
    floor = low.where(low > high, high)
    noise = float(floor.median())
    below = int(((indices["S1"] < floor) & counted).sum())
    said.append(
        f"An input that does nothing would get a first-order index up to {noise:.2f} (half of the outcomes and times; "
        f"{float(floor.max()):.2f} at most); {below:,} first-order indices of inputs that count lie below their floor "
        "and are no more than noise."
    )
    negative = int(((indices["S1"] < 0) & np.isfinite(indices["S1"])).sum())
    if negative:
        said.append(
            f"{negative:,} first-order indices are below zero: sampling noise around an index near zero, no effect of "
            "the other sign."
        )
    blank = int(total.isnull().any("uncertainty").sum())
    if blank:
        said.append(f"{blank:,} pairs of outcome and time have no variance, and so no indices.")
    return said


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
