"""What to conclude from a study: one page of text, with what to do next and what it can't say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from flows.calendar import label as month_label
from flows.calendar import time_at_end
from flows.compare import BASELINE

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
    "shapley": "Shapley effects (shares of the variance, for uncertainties that go together)",
    "tornado": "A tornado (one input at a time)",
}


_READING = {
    "sobol": (
        "How to read a line: the first number is the share of the outcome's variance that would stay if everything but "
        "this uncertainty were known (ST), with its 95 % interval; *alone* is the share that would go if only this one "
        f"were known (S1). Shares below {_COUNTS:.0%} are left out."
    ),
    "shapley": (
        "How to read a line: the uncertainty's fair share of the outcome's variance, with its 95 % interval. All "
        "shares add up to 100%; what several cause together is divided among them. Shares below "
        f"{_COUNTS:.0%} are left out."
    ),
}


_READING_WORST = (
    "How to read a line: the worst runs have high, or low, values of these. The number says how far apart the worst "
    "runs and the others lie in it: 0 is not at all, 1 is entirely."
)


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
        f"{_METHODS[study.method]}; {result.runs:,} runs of {study.model}"
        f"{under(result, ' under the scenario')}, {_counted(result)}, seed {study.seed}.",
        "",
        "## Was it enough?",
        "",
        *(f"- {sentence}" for sentence in result.verdict),
        "",
    ]
    for heading, one in _moments(result):
        lines += [f"## What drives the outcomes{heading}", ""]
        if study.method in _READING:
            lines += [_READING[study.method], ""]
        for i, title in enumerate(one["title"].values):
            lines.append(f"- **{title}**: {_said(one.isel(outcome=i), study.method)}")
        lines.append("")
    worst = list(_worst(result))
    if worst:
        lines += [
            f"## What drives the worst {study.worst:.0%} of the runs{_worst_date(result)}",
            "",
            _READING_WORST,
            "",
            *worst,
            "",
        ]
    lines += ["## What to do next", "", *(f"- {s}" for s in _next(result)), ""]
    lines += ["## What this can't say", "", *(f"- {s}" for s in _limits(result)), ""]
    return "\n".join(lines)


def under(result: StudyResult, words: str) -> str:
    """Name the scenario behind some words; nothing for a model that counts in no months, which none was chosen for."""
    study = result.study
    if study.scenario == BASELINE and "date" not in result.indices.coords:
        return ""
    return f"{words} “{study.scenario}”"


def _counted(result: StudyResult) -> str:
    """How many uncertainties, and how many constants of a posterior sample among them where these are told apart."""
    study = result.study
    told = result.indices.sizes["uncertainty"]
    rest = len(study.uncertainties) - 1
    if study.posterior is None or told == rest + 1:
        return f"{len(study.uncertainties)} uncertainties"
    return f"{told - rest} constants of the posterior sample and {rest} other uncertainties"


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
        case "shapley":
            return _shares(one, "Sh", alone=False)
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


def _shares(one: xr.Dataset, key: str = "ST", *, alone: bool = True) -> str:
    total = one[key].values
    if not np.isfinite(total).any():
        return "all runs give the same number, so nothing drives it."
    order = [j for j in np.argsort(-np.nan_to_num(total), kind="stable")[:3] if total[j] >= _COUNTS]
    said = "; ".join(
        f"{one['uncertainty'].values[j]} {_share(total[j])} "
        f"({_share(float(one[f'{key}_low'][j]))} to {_share(float(one[f'{key}_high'][j]))})"
        + (f", alone {_share(float(one['S1'][j]))}" if alone else "")
        for j in order
    )
    together = _together(one) if alone else 0.0
    if together >= _INTERACTING:
        said += f". About {_share(together)} belongs to none alone: they act together"
    return (said or "no uncertainty reaches a twentieth of the variance") + "."


def _share(value: float) -> str:
    """A share in words; estimates beyond none or all are noise."""
    return f"{min(max(value, 0.0), 1.0):.0%}"


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
    titles = result.indices["title"].to_series()
    for name in one["outcome"].values:
        row = one.sel(outcome=name)
        size = np.nan_to_num(row["distance"].values)
        said = "; ".join(
            f"{'high' if float(row['shift'][j]) > 0 else 'low'} {row['uncertainty'].values[j]} ({size[j]:.2f})"
            for j in np.argsort(-size, kind="stable")[:3]
            if size[j] > noise
        )
        yield f"- **{titles[name]}**: {said or 'no input stands out from the noise'}."


def _next(result: StudyResult) -> Iterator[str]:
    study = result.study
    if result.verdict and result.verdict[0].startswith("Not enough"):
        yield "Run more before quoting a share: the same command with `--extend`; the runs made so far are used."
    leader = _leaders(result)
    if leader:
        words = " and of ".join(leader)
        yield f"Better knowledge of {words} would narrow the outcomes most: look for data there first."
    match study.method:
        case "sobol":
            small = _fixable(result)
            if small:
                yield (
                    f"These may stay at one value in the next study: {', '.join(small)}. Their share (ST) stays below "
                    f"{_SMALL:.0%} for every outcome and time, by the upper ends of their intervals."
                )
            if not study.second_order and _interact(result):
                yield "Interactions count: set second_order = true to see which pairs act together."
        case "shapley":
            small = _fixable(result, "Sh_high")
            if small:
                yield (
                    f"These may stay at one value in the next study: {', '.join(small)}. Their share stays below "
                    f"{_SMALL:.0%} for every outcome and time, by the upper ends of their intervals."
                )
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
    key = {"sobol": "ST", "shapley": "Sh", "morris": "mu_star", "tornado": ""}.get(
        result.study.method, "rank_correlation"
    )
    first: dict[str, int] = {}
    for _, one in _moments(result):
        size = abs(one[key] if key else one["high"] - one["low"])
        for i in range(one.sizes["outcome"]):
            row = np.nan_to_num(size.isel(outcome=i).values)
            if row.max() > 0:
                winner = str(one["uncertainty"].values[row.argmax()])
                first[winner] = first.get(winner, 0) + 1
    return sorted(first, key=lambda name: -first[name])[:2]


def _fixable(result: StudyResult, key: str = "ST_high") -> list[str]:
    """Inputs whose total share is small for all outcomes and times that have variance."""
    found = [d[key] for d in (result.indices, result.numbers) if d is not None and d.sizes["outcome"]]
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
    posterior = study.posterior
    if posterior is None:
        yield "The uncertainties are varied independently of each other; where they go together, shares differ."
    elif study.method == "shapley":
        yield (
            f"The constants of “{posterior.name}” go together as their ranks do in the posterior sample (a Gaussian "
            "copula): ties that bend back on themselves are not kept."
        )
    else:
        yield (
            f"“{posterior.name}” draws whole rows of the posterior sample, so its constants go together as the data "
            "tie them; all else is varied independently."
        )
    if study.method == "sobol" and posterior is not None:
        yield f"“{posterior.name}” has one share: which of its constants it belongs to isn't told apart (see shapley)."
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
