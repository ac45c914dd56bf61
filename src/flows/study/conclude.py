"""What to conclude from a study: one page of text, with what to do next and what it can't say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from flows.calendar import label as month_label
from flows.calendar import time_at_end

if TYPE_CHECKING:
    from flows.study.results import StudyResult

__all__ = ["FILE", "conclusions"]

FILE = "conclusions.md"
_MONTH = "2030-12"
_SMALL = 0.01  # an input whose total share stays below this everywhere may be fixed
_COUNTS = 0.05
_INTERACTING = 0.1

_METHODS = {
    "sobol": "Sobol indices (shares of the variance)",
    "morris": "Morris screening (sizes of elementary effects)",
    "monte-carlo": "Plain draws",
    "latin-hypercube": "A Latin hypercube",
    "tornado": "A tornado (one input at a time)",
}


def conclusions(result: StudyResult) -> str:
    """Write the page.

    Parameters
    ----------
    result : StudyResult
        As `flows.study.run` makes it.

    Returns
    -------
    str
        Markdown: verdict, strongest inputs of each outcome, the worst runs, what to do next, limits.
    """
    study = result.study
    lines = [
        f"# {study.title or study.name}",
        "",
        f"{_METHODS[study.method]}; {result.runs:,} runs of {study.model} under the scenario “{study.scenario}”, "
        f"{len(study.uncertainties)} uncertainties, seed {study.seed}.",
        "",
        "## Was it enough?",
        "",
        *(f"- {sentence}" for sentence in result.verdict),
        "",
    ]
    for heading, one in _moments(result):
        lines += [f"## What drives the outcomes{heading}", ""]
        for i, title in enumerate(one["title"].values):
            lines.append(f"- **{title}**: {_said(one.isel(outcome=i), study.method)}")
        lines.append("")
    worst = list(_worst(result))
    if worst:
        lines += [
            f"## What drives the worst {study.worst:.0%} of the runs{_worst_date(result)}",
            "",
            *worst,
            "",
        ]
    lines += ["## What to do next", "", *(f"- {s}" for s in _next(result)), ""]
    lines += ["## What this can't say", "", *(f"- {s}" for s in _limits(result)), ""]
    return "\n".join(lines)


def _moments(result: StudyResult) -> Iterator[tuple[str, xr.Dataset]]:
    if result.indices.sizes["outcome"]:
        place = _place(result.indices)
        yield _when(result.indices, place), result.indices.isel(time=place)
    if result.numbers is not None:
        yield ": single numbers", result.numbers


def _place(dataset: xr.Dataset) -> int:
    """Where results are read: at the end of 2030, or at the last time where that lies outside."""
    times = dataset["time"].values
    at = time_at_end(_MONTH)
    if "date" in dataset.coords and times[0] < at <= times[-1]:
        return int(np.abs(times - at).argmin())
    return len(times) - 1


def _when(dataset: xr.Dataset, place: int) -> str:
    time = float(dataset["time"].values[place])
    return f", end of {month_label(time - 1)}" if "date" in dataset.coords else f", at time {time:g}"


def _said(one: xr.Dataset, method: str) -> str:
    """Say what drives one outcome at one time."""
    match method:
        case "sobol":
            return _shares(one)
        case "morris":
            return _listed(one, one["mu_star"], interval="mu_star", unit=True)
        case "tornado":
            return _listed(one, one["high"] - one["low"], unit=True)
    return _listed(one, one["rank_correlation"])


def _listed(one: xr.Dataset, size: xr.DataArray, *, interval: str = "", unit: bool = False) -> str:
    parts = []
    for j in np.argsort(-np.nan_to_num(abs(size.values)), kind="stable")[:3]:
        value = float(size[j])
        if not np.isfinite(value) or value == 0:
            continue
        number = ("+" if value > 0 else "") + _number(value) if unit else f"{value:+.2f}"
        if interval:
            low, high = (float(one[f"{interval}_{end}"][j]) for end in ("low", "high"))
            number = f"{_number(value)} ({_number(low)} to {_number(high)})"
        parts.append(f"{one['uncertainty'].values[j]} {number}")
    if not parts:
        return "nothing moves it."
    return "; ".join(parts) + (f"; in {one['unit'].values!s}." if unit else ".")


def _number(value: float) -> str:
    """Write a number with three significant digits, in full."""
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if abs(short) >= 1000 else f"{short:g}"


def _shares(one: xr.Dataset) -> str:
    total = one["ST"].values
    if not np.isfinite(total).any():
        return "no variance, so nothing drives it at that time."
    order = [j for j in np.argsort(-np.nan_to_num(total), kind="stable")[:3] if total[j] >= _COUNTS]
    said = "; ".join(
        f"{one['uncertainty'].values[j]} {total[j]:.0%} of the variance with its interactions "
        f"({float(one['ST_low'][j]):.0%} to {float(one['ST_high'][j]):.0%}), {max(float(one['S1'][j]), 0):.0%} alone"
        for j in order
    )
    together = _together(one)
    if together >= _INTERACTING:
        said += f". About {together:.0%} of the variance belongs to no input alone: they act together"
    return (said or "no input reaches a twentieth of the variance") + "."


def _together(one: xr.Dataset) -> float:
    """Share of the variance of one outcome that no input has alone; 0 where there is no variance."""
    first = one["S1"].values
    return 1 - float(np.clip(first, 0, None).sum()) if np.isfinite(first).all() else 0.0


def _worst_place(result: StudyResult) -> int:
    assert result.worst is not None
    at = float(result.indices["time"].values[_place(result.indices)])
    return int(np.abs(result.worst["time"].values - at).argmin())


def _worst_date(result: StudyResult) -> str:
    assert result.worst is not None
    return _when(result.worst, _worst_place(result))


def _worst(result: StudyResult) -> Iterator[str]:
    if result.worst is None:
        return
    one = result.worst.isel(time=_worst_place(result))
    noise = float(one.attrs["noise"])
    for name in one["outcome"].values:
        row = one.sel(outcome=name)
        size = np.nan_to_num(row["distance"].values)
        said = "; ".join(
            f"{'high' if float(row['shift'][j]) > 0 else 'low'} {row['uncertainty'].values[j]} ({size[j]:.2f})"
            for j in np.argsort(-size, kind="stable")[:3]
            if size[j] > noise
        )
        yield f"- **{name}**: {said or 'no input stands out from the noise'}."


def _next(result: StudyResult) -> Iterator[str]:
    study = result.study
    if result.verdict and result.verdict[0].startswith("Not enough"):
        yield f"Run more before quoting an index: `flows study {study.name} --extend`."
    leader = _leaders(result)
    if leader:
        words = " and of ".join(leader)
        yield f"Better knowledge of {words} would narrow the outcomes most: look for data there first."
    match study.method:
        case "sobol":
            small = _fixable(result)
            if small:
                yield (
                    f"These may stay at one value in the next study: {', '.join(small)}. Their total share stays below "
                    f"{_SMALL:.0%} for every outcome and time, by the upper ends of their intervals."
                )
            if not study.second_order and _interact(result):
                yield "Interactions count: set second_order = true to see which pairs act together."
        case "morris":
            yield 'Carry the strongest into a Sobol study (method = "sobol") for shares of the variance.'
        case "tornado":
            yield (
                'A tornado sees no interactions: check with a Morris screening (method = "morris"), then with a Sobol '
                "study of what is left."
            )
        case _:
            yield 'For shares of the variance and interactions, run the same file with method = "sobol".'
    if len(result.left_out):
        yield "See left_out.csv: find out why these runs have no finite values before relying on the rest."


def _leaders(result: StudyResult) -> list[str]:
    """The one or two inputs that most often come first among the outcomes."""
    key = {"sobol": "ST", "morris": "mu_star", "tornado": ""}.get(result.study.method, "rank_correlation")
    first: dict[str, int] = {}
    for _, one in _moments(result):
        size = abs(one[key] if key else one["high"] - one["low"])
        for i in range(one.sizes["outcome"]):
            row = np.nan_to_num(size.isel(outcome=i).values)
            if row.max() > 0:
                winner = str(one["uncertainty"].values[row.argmax()])
                first[winner] = first.get(winner, 0) + 1
    return sorted(first, key=lambda name: -first[name])[:2]


def _fixable(result: StudyResult) -> list[str]:
    """Inputs whose total share is small for all outcomes and times that have variance."""
    found = [d["ST_high"] for d in (result.indices, result.numbers) if d is not None and d.sizes["outcome"]]
    most = [
        np.nan_to_num(v.transpose("uncertainty", ...).values).reshape(v.sizes["uncertainty"], -1)
        for v in found
    ]
    names = result.indices["uncertainty"].values
    largest = np.concatenate(most, axis=1).max(axis=1)
    return [str(name) for name, value in zip(names, largest, strict=True) if value < _SMALL]


def _interact(result: StudyResult) -> bool:
    return any(
        _together(one.isel(outcome=i)) >= _INTERACTING
        for _, one in _moments(result)
        for i in range(one.sizes["outcome"])
    )


def _limits(result: StudyResult) -> Iterator[str]:
    study = result.study
    yield (
        "All of it rests on the distributions in the study file and on the model's structure; a wider range makes an "
        "input matter more."
    )
    yield "The uncertainties are varied independently of each other; where they go together, shares differ."
    if study.method == "sobol":
        if any(u.group for u in study.uncertainties):
            yield "Indices are those of groups: what happens inside a group isn't told apart."
        yield (
            "Variance is one measure of spread: where a few extreme runs make most of it, look at the bands and the "
            "worst runs too."
        )
    if study.method in ("monte-carlo", "latin-hypercube"):
        yield "Rank correlations see effects that rise or fall, none that turn back."
    yield "One scenario: another one may have other drivers. Nothing here is a forecast."
