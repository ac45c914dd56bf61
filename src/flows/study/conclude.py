"""What to conclude from a study: one page of text, with what to do next and what it can't say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from flows.calendar import month_of, time_at_end
from flows.compare import BASELINE
from flows.study import judge
from flows.study.words import ENGLISH, Words, percent

if TYPE_CHECKING:
    from flows.study.results import StudyResult

__all__ = ["FILE", "conclusions"]

FILE = "conclusions.md"
_MONTH = "2030-12"
_SMALL = 0.01  # an input whose total share stays below this everywhere may be fixed
_COUNTS = judge.COUNTS
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
        "were known (S1). Shares below {least} are left out."
    ),
    "shapley": (
        "How to read a line: the uncertainty's fair share of the outcome's variance, with its 95 % interval. All "
        "shares add up to 100 %; what several cause together is divided among them. Shares below {least} are left out."
    ),
}


_READING_WORST = (
    "How to read a line: the worst runs have high, or low, values of these. The number says how far apart the worst "
    "runs and the others lie in it: 0 is not at all, 1 is entirely."
)


def conclusions(result: StudyResult, *, say: Words = ENGLISH) -> str:
    """Write the page.

    Parameters
    ----------
    result : StudyResult
        As `flows.study.run` makes it, with its verdict in the same language.
    say : Words
        The language.

    Returns
    -------
    str
        Markdown: verdict, strongest inputs of each outcome, the worst runs, what to do next, limits.
    """
    study = result.study
    made = say(
        "{method}; {runs} runs of {model}{scenario}, {uncertainties}, seed {seed}.",
        method=say(_METHODS[study.method]),
        runs=f"{result.runs:,}",
        model=study.model,
        scenario=under(result, " under the scenario “{scenario}”", say),
        uncertainties=_counted(result, say),
        seed=study.seed,
    )
    lines = [
        f"# {say(study.title or study.name)}",
        "",
        made,
        "",
        f"## {say('Was it enough?')}",
        "",
        *(f"- {sentence}" for sentence in result.verdict),
        "",
    ]
    for heading, one in _moments(result, say):
        lines += [f"## {say('What drives the outcomes')}{heading}", ""]
        if study.method in _READING:
            lines += [say(_READING[study.method], least=percent(_COUNTS)), ""]
        for i, (name, title) in enumerate(zip(one["outcome"].values, one["title"].values, strict=True)):
            said = _said(one.isel(outcome=i), study.method, say)
            lines.append(f"- **{say.title(str(name), str(title))}**: {said}")
        lines.append("")
    worst = list(_worst(result, say))
    if worst:
        heading = say("What drives the worst {share} of the runs", share=percent(study.worst))
        lines += [f"## {heading}{_worst_date(result, say)}", "", say(_READING_WORST), "", *worst, ""]
    lines += [f"## {say('What to do next')}", "", *(f"- {s}" for s in _next(result, say)), ""]
    limits = say("What this can't say")
    lines += [f"## {limits}", "", *(f"- {s}" for s in _limits(result, say)), ""]
    return "\n".join(lines)


def under(result: StudyResult, words: str, say: Words = ENGLISH) -> str:
    """Name the scenario in some words; nothing for a model that counts in no months, which none was chosen for."""
    study = result.study
    if study.scenario == BASELINE and "date" not in result.indices.coords:
        return ""
    return say(words, scenario=say.scenario(study.scenario))


def _counted(result: StudyResult, say: Words) -> str:
    """How many uncertainties, and how many constants of a posterior sample among them where these are told apart."""
    study = result.study
    told = result.indices.sizes["uncertainty"]
    rest = len(study.uncertainties) - 1
    if study.posterior is None or told == rest + 1:
        return say("{count} uncertainties", count=len(study.uncertainties))
    return say(
        "{count} constants of the posterior sample and {rest} other uncertainties",
        count=told - rest,
        rest=rest,
    )


def _moments(result: StudyResult, say: Words) -> Iterator[tuple[str, xr.Dataset]]:
    if result.indices.sizes["outcome"]:
        place = _place(result.indices)
        yield _when(result.indices, place, say), result.indices.isel(time=place)
    if result.numbers is not None:
        yield say(": single numbers"), result.numbers


def _place(dataset: xr.Dataset) -> int:
    """Where results are read: at the end of 2030, or at the last time where that lies outside."""
    times = dataset["time"].values
    at = time_at_end(_MONTH)
    if "date" in dataset.coords and times[0] < at <= times[-1]:
        return int(np.abs(times - at).argmin())
    return len(times) - 1


def _when(dataset: xr.Dataset, place: int, say: Words) -> str:
    time = float(dataset["time"].values[place])
    if "date" in dataset.coords:
        return say(", end of {month}", month=say.month(month_of(time - 1)))
    return say(", at time {time}", time=f"{time:g}")


def _said(one: xr.Dataset, method: str, say: Words) -> str:
    """Say what drives one outcome at one time."""
    match method:
        case "sobol":
            return _shares(one, say)
        case "shapley":
            return _shares(one, say, "Sh", alone=False)
        case "morris":
            return _listed(one, one["mu_star"], say, interval="mu_star", unit=True)
        case "tornado":
            return _listed(one, one["high"] - one["low"], say, unit=True)
    return _listed(one, one["rank_correlation"], say)


def _listed(
    one: xr.Dataset, size: xr.DataArray, say: Words, *, interval: str = "", unit: bool = False
) -> str:
    parts = []
    for j in np.argsort(-np.nan_to_num(abs(size.values)), kind="stable")[:3]:
        value = float(size[j])
        if not np.isfinite(value) or value == 0:
            continue
        number = ("+" if value > 0 else "") + _number(value) if unit else f"{value:+.2f}"
        if interval:
            low, high = (_number(float(one[f"{interval}_{end}"][j])) for end in ("low", "high"))
            number = f"{_number(value)} ({say('{low} to {high}', low=low, high=high)})"
        parts.append(f"{_input(one, int(j), say)} {number}")
    if not parts:
        return say("nothing moves it.")
    return "; ".join(parts) + (say("; in {unit}.", unit=say.unit(str(one["unit"].values))) if unit else ".")


def _input(one: xr.Dataset, j: int, say: Words) -> str:
    return say.variable(str(one["uncertainty"].values[j]))


def _number(value: float) -> str:
    """Write a number with three significant digits, in full."""
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if abs(short) >= 1000 else f"{short:g}"


def _shares(one: xr.Dataset, say: Words, key: str = "ST", *, alone: bool = True) -> str:
    total = one[key].values
    if not np.isfinite(total).any():
        return say("all runs give the same number, so nothing drives it.")
    parts = []
    for j in np.argsort(-np.nan_to_num(total), kind="stable")[:3]:
        if not total[j] >= _COUNTS:  # no number neither
            continue
        low, high = (_share(float(one[f"{key}_{end}"][j])) for end in ("low", "high"))
        part = f"{_input(one, int(j), say)} {_share(total[j])} ({say('{low} to {high}', low=low, high=high)})"
        parts.append(part + (say(", alone {share}", share=_share(float(one["S1"][j]))) if alone else ""))
    together = _together(one) if alone else 0.0
    said = "; ".join(parts) or say("no uncertainty reaches a twentieth of the variance")
    if together < _INTERACTING:
        return f"{said}."
    return f"{said}. " + say(
        "About {share} belongs to none alone: they act together.", share=_share(together)
    )


def _share(value: float) -> str:
    """A share in words; estimates beyond none or all are noise."""
    return percent(min(max(value, 0.0), 1.0))


def _together(one: xr.Dataset) -> float:
    """Share of the variance of one outcome that no input has alone; 0 where there is no variance."""
    first = one["S1"].values
    return 1 - float(np.clip(first, 0, None).sum()) if np.isfinite(first).all() else 0.0


def _worst_place(result: StudyResult) -> int:
    assert result.worst is not None
    at = float(result.indices["time"].values[_place(result.indices)])
    return int(np.abs(result.worst["time"].values - at).argmin())


def _worst_date(result: StudyResult, say: Words) -> str:
    assert result.worst is not None
    return _when(result.worst, _worst_place(result), say)


def _worst(result: StudyResult, say: Words) -> Iterator[str]:
    if result.worst is None:
        return
    one = result.worst.isel(time=_worst_place(result))
    noise = float(one.attrs["noise"])
    titles = result.indices["title"].to_series()
    for name in one["outcome"].values:
        row = one.sel(outcome=name)
        size = np.nan_to_num(row["distance"].values)
        said = "; ".join(
            say(
                "high {input} ({distance})" if float(row["shift"][j]) > 0 else "low {input} ({distance})",
                input=_input(row, int(j), say),
                distance=f"{size[j]:.2f}",
            )
            for j in np.argsort(-size, kind="stable")[:3]
            if size[j] > noise
        )
        title = say.title(str(name), str(titles[name]))
        yield f"- **{title}**: {said or say('no input stands out from the noise')}."


def _next(result: StudyResult, say: Words) -> Iterator[str]:
    study = result.study
    shares = study.method in _READING
    if shares and judge.unsure(result.indices if result.indices.sizes["outcome"] else result.numbers):
        yield say(
            "Run more before quoting a share: the same command with `--extend`; the runs made so far are used."
        )
    leader = [say.variable(name) for name in _leaders(result)]
    if len(leader) == 2:
        yield say(
            "Better knowledge of {first} and of {second} would narrow the outcomes most: look for data there first.",
            first=leader[0],
            second=leader[1],
        )
    elif leader:
        yield say(
            "Better knowledge of {first} would narrow the outcomes most: look for data there first.",
            first=leader[0],
        )
    small = [say.variable(name) for name in _fixable(result)] if shares else []
    if small:
        yield say(
            "These may stay at one value in the next study: {names}. Their share ({index}) stays below {least} for "
            "every outcome and time, by the upper ends of their intervals.",
            names=", ".join(small),
            index="ST" if study.method == "sobol" else "Sh",
            least=percent(_SMALL),
        )
    match study.method:
        case "sobol":
            if not study.second_order and _interact(result):
                yield say("Interactions count: set second_order = true to see which pairs act together.")
        case "morris":
            yield say('Carry the strongest into a Sobol study (method = "sobol") for shares of the variance.')
        case "tornado":
            yield say(
                'A tornado sees no interactions: check with a Morris screening (method = "morris"), then with a Sobol '
                "study of what is left."
            )
        case "monte-carlo" | "latin-hypercube":
            yield say('For shares of the variance and interactions, run the same file with method = "sobol".')
    if len(result.left_out):
        yield say(
            "See left_out.csv: find out why these runs have no finite values before relying on the rest."
        )


def _leaders(result: StudyResult) -> list[str]:
    """The one or two inputs that most often come first among the outcomes."""
    key = {"sobol": "ST", "shapley": "Sh", "morris": "mu_star", "tornado": ""}.get(
        result.study.method, "rank_correlation"
    )
    first: dict[str, int] = {}
    for _, one in _moments(result, ENGLISH):
        size = abs(one[key] if key else one["high"] - one["low"])
        for i in range(one.sizes["outcome"]):
            row = np.nan_to_num(size.isel(outcome=i).values)
            if row.max() > 0:
                winner = str(one["uncertainty"].values[row.argmax()])
                first[winner] = first.get(winner, 0) + 1
    return sorted(first, key=lambda name: -first[name])[:2]


def _fixable(result: StudyResult) -> list[str]:
    """Inputs whose total share is small for all outcomes and times that have variance."""
    key = "ST_high" if "ST_high" in result.indices else "Sh_high"
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
        for _, one in _moments(result, ENGLISH)
        for i in range(one.sizes["outcome"])
    )


def _limits(result: StudyResult, say: Words) -> Iterator[str]:
    study = result.study
    yield say(
        "All of it rests on the distributions in the study file and on the model's structure; a wider range makes an "
        "input matter more."
    )
    posterior = study.posterior
    if posterior is None:
        yield say(
            "The uncertainties are varied independently of each other; where they go together, shares differ."
        )
    elif study.method == "shapley":
        yield say(
            "The constants of “{sample}” go together as their ranks do in the posterior sample (a Gaussian copula): "
            "ties that bend back on themselves are not kept.",
            sample=posterior.name,
        )
    else:
        yield say(
            "“{sample}” draws whole rows of the posterior sample, so its constants go together as the data tie them; "
            "all else is varied independently.",
            sample=posterior.name,
        )
    if study.method == "sobol" and posterior is not None:
        yield say(
            "“{sample}” has one share: which of its constants it belongs to isn't told apart (see shapley).",
            sample=posterior.name,
        )
    if study.method == "sobol":
        if any(u.group for u in study.uncertainties):
            yield say("Indices are those of groups: what happens inside a group isn't told apart.")
        yield say(
            "Variance is one measure of spread: where a few extreme runs make most of it, look at the bands and the "
            "worst runs too."
        )
    if study.method in ("monte-carlo", "latin-hypercube"):
        yield say("Rank correlations see effects that rise or fall, none that turn back.")
    yield say("One scenario: another one may have other drivers. Nothing here is a forecast.")
