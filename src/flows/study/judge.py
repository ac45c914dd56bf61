"""Was the number of samples enough? A verdict in words, from intervals, looks at fewer samples and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from flows.study.words import ENGLISH, Words, percent

__all__ = ["TARGET", "bands_verdict", "effects_verdict", "indices_verdict", "shares_verdict", "unsure"]

TARGET = 0.1
"""Half width of an interval, as a share of the variance, that counts as enough."""

COUNTS = 0.05
"""Indices below this share of the variance don't count as causes."""

_MOST = 0.95  # of the indices that count; the rest rests on a few extreme runs, for which no number of runs is safe
_STEADY = 0.05  # change of an index over the last doubling


def indices_verdict(indices: xr.Dataset, looks: xr.Dataset | None, *, say: Words = ENGLISH) -> list[str]:
    """Say whether a Sobol study had samples enough, and how many it would need.

    Parameters
    ----------
    indices : xarray.Dataset
        ``ST``, ``ST_conf``, ``S1``, ``S1_conf``, ``dummy_high`` … over (outcome, uncertainty, time) or (outcome,
        uncertainty).
    looks : xarray.Dataset, optional
        ``ST`` and ``S1`` at doubling numbers of samples ``n``.
    say : Words
        The language.

    Returns
    -------
    list of str
        Sentences, the verdict first.
    """
    n = int(indices.attrs["n"])
    total = indices["ST"]
    counted = total >= COUNTS
    if not bool(counted.any()):
        return [_nothing(n, say)]
    said = [_enough(n, _half_widths(indices), say, power_of_two=True)]
    if looks is not None and looks.sizes["n"]:
        before = looks["ST"].isel(n=-1)
        moved = float(abs(total - before).where(counted).max())
        said.append(
            say(
                "When n went from {before} to {n}, the shares that count moved by up to {moved}: {settled}.",
                before=f"{int(looks['n'][-1]):,}",
                n=f"{n:,}",
                moved=f"{moved:.2f}",
                settled=say("they have settled") if moved <= _STEADY else say("they have not settled yet"),
            )
        )
    low, high = abs(indices["dummy_low"]), abs(indices["dummy_high"])
    floor = low.where(low > high, high)
    below = float(((indices["S1"] < floor) & counted).sum() / counted.sum())
    noise = say(
        "Noise: an uncertainty without any effect would seem to have a share of its own (S1) of up to {noise} here "
        "({most} for the worst outcome and date).",
        noise=f"{float(floor.median()):.2f}",
        most=f"{float(floor.max()):.2f}",
    )
    found = (
        say(
            "{share} of the uncertainties that count have an S1 below that: what they do, they do together with "
            "others, or n is too small to tell.",
            share=_percent(below, say),
        )
        if below
        else say("Every uncertainty that counts has more.")
    )
    said.append(f"{noise} {found}")
    negative = ((indices["S1"] < 0) & np.isfinite(indices["S1"])).sum() / np.isfinite(indices["S1"]).sum()
    if negative:
        said.append(
            say(
                "{share} of the S1 came out below zero (the lowest {least}). That is the same noise around a share "
                "near zero, not an effect the other way.",
                share=_percent(float(negative), say),
                least=f"{float(indices['S1'].min()):.2f}",
            )
        )
    return [*said, *_blank(total, say)]


def _nothing(n: int, say: Words) -> str:
    return say("Nothing to judge: no outcome has variance at n = {n}.", n=f"{n:,}")


def _half_widths(effects: xr.Dataset) -> xr.DataArray:
    """Half widths of the intervals of shares, NaN where a share doesn't count."""
    if "ST" not in effects:
        return effects["Sh_conf"].where(effects["Sh"] >= COUNTS)
    half = effects["ST_conf"]
    return half.where(half > effects["S1_conf"], effects["S1_conf"]).where(effects["ST"] >= COUNTS)


def unsure(effects: xr.Dataset | None) -> bool:
    """Whether a share of the variance that counts is known less well than is enough.

    Parameters
    ----------
    effects : xarray.Dataset or None
        Of a Sobol or a Shapley study.

    Returns
    -------
    bool
        False where nothing counts.
    """
    return effects is not None and bool((_half_widths(effects) > TARGET).any())


def _enough(n: int, wide: xr.DataArray, say: Words, *, power_of_two: bool) -> str:
    """The verdict on half widths of intervals, NaN where an index doesn't count."""
    worst = float(wide.max())
    if worst <= TARGET:
        return say(
            "Enough: with n = {n} every share of {least} of the variance or more is known to within ±{worst}.",
            n=f"{n:,}",
            least=percent(COUNTS),
            worst=f"{worst:.2f}",
        )
    usual = max(float(wide.quantile(_MOST)), TARGET)
    needed = max(math.ceil(n * (usual / TARGET) ** 2), 2 * n)
    if power_of_two:
        needed = 1 << (needed - 1).bit_length()
    at = np.unravel_index(int(np.argmax(wide.fillna(-1).values)), wide.shape)
    place = {d: str(wide[d].values[i]) for d, i in zip(wide.dims, at, strict=True) if d != "time"}
    outcome, uncertainty = place["outcome"], place["uncertainty"]
    share = float((wide > TARGET).sum() / wide.notnull().sum())
    return say(
        "Not enough for all: with n = {n}, {share} of the shares that count ({least} of the variance or more) are not "
        "known to within ±{target}; the least certain is ±{worst} ({outcome}, {uncertainty}). About n = {needed} "
        "would do for {most} of them: run the same command with --extend until it says enough; the runs made so far "
        "are used.",
        n=f"{n:,}",
        share=_percent(share, say),
        least=percent(COUNTS),
        target=f"{TARGET:g}",
        worst=f"{worst:.2f}",
        outcome=say.title(outcome, outcome),
        uncertainty=say.variable(uncertainty),
        needed=f"{needed:,}",
        most=percent(_MOST),
    )


def _blank(values: xr.DataArray, say: Words) -> list[str]:
    blank = int(values.isnull().any("uncertainty").sum())
    if not blank:
        return []
    return [
        say(
            "In {blank} of {all} {where} all runs give the same number (no variance: a programme not yet begun, say), "
            "so there is nothing to share out and no index.",
            blank=f"{blank:,}",
            all=f"{values.size // values.sizes['uncertainty']:,}",
            where=say("outcomes and dates") if "time" in values.dims else say("outcomes"),
        )
    ]


def _percent(share: float, say: Words) -> str:
    """Per cent in words that never round something to nothing."""
    return say("less than {least}", least=percent(0.01)) if 0 < share < 0.01 else percent(share)


def shares_verdict(effects: xr.Dataset | None, *, say: Words = ENGLISH) -> list[str]:
    """Say whether a study of Shapley effects had orders enough, and how many it would need."""
    assert effects is not None
    n = int(effects.attrs["n"])
    if not bool((effects["Sh"] >= COUNTS).any()):
        return [_nothing(n, say)]
    said = [_enough(n, _half_widths(effects), say, power_of_two=False)]
    if (effects["Sh"] < 0).any():
        said.append(
            say(
                "Some effects came out below zero (the lowest {least}), which true ones never are: noise around zero.",
                least=f"{float(effects['Sh'].min()):.2f}",
            )
        )
    return [*said, *_blank(effects["Sh"], say)]


def effects_verdict(effects: xr.Dataset, *, say: Words = ENGLISH) -> list[str]:
    """Say whether a Morris study can tell its first inputs from the rest."""
    n = int(effects.attrs["n"])
    star, low, high = (effects[k] for k in ("mu_star", "mu_star_low", "mu_star_high"))
    top = star.max("uncertainty")
    clear = ((low > 0.1 * top) | (high < 0.1 * top)).where(top > 0)
    share = float(clear.mean())
    return [
        say(
            "With {n} trajectories {share} of the inputs are clearly above or clearly below a tenth of the largest "
            "effect on an outcome; {enough}",
            n=f"{n:,}",
            share=percent(share),
            enough=say("enough to leave the small ones out.")
            if share >= 0.9
            else say("about {more} would tell more of them apart.", more=f"{4 * n:,}"),
        ),
        say("Elementary effects rank inputs; they are no shares of variance."),
    ]


def bands_verdict(runs: int, quantiles: Sequence[float], *, say: Words = ENGLISH) -> list[str]:
    """Say how well the quantiles of plain draws are known, by the binomial distribution of ranks."""
    q = min(quantiles)
    error = 1.96 * math.sqrt(q * (1 - q) / runs)
    more = math.ceil(4 * 1.96**2 * (1 - q) / q)
    return [
        say(
            "The {low} and {high} ends of the bands rest on {runs} runs: their true share is {low} ± {error}; "
            "{enough}.",
            low=percent(q),
            high=percent(1 - q),
            runs=f"{runs:,}",
            error=percent(error, decimals=1),
            enough=say("enough") if error <= q / 2 else say("about {more} runs would do", more=f"{more:,}"),
        )
    ]
