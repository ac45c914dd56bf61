"""Numbers and sentences as a reader sees them; every sentence of the findings is made from numbers here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows.compare import LEVEL, Comparison
from flows.inputs import Outcome
from flows.inputs.titles import displayed
from flows.report.grade import Grade
from flows.report.speech import ENGLISH, PER_CENT, Speech
from flows.study import StudyResult

__all__ = [
    "PER_CENT",
    "Said",
    "change",
    "displayed",
    "findings",
    "judged",
    "number",
    "percent",
    "rounded",
    "shown_interval",
]

BACKLOGS = ("COMAR pending cases", "court cases pending", "people waiting in Mexico")
EXPOSURE = "exposure index"
SHORT = {
    "COMAR pending cases": "claims pending with COMAR",
    "court cases pending": "cases pending in U.S. immigration courts",
    "court queue time": "queue in U.S. immigration courts",
    "people waiting in Mexico": "people waiting in Mexico",
    "person months waiting": "person-months of waiting",
    "exposure index": "exposure to harm",
    "interceptions by INM": "interceptions in Mexico",
    "encounters at US border": "encounters at the U.S. border",
    "COMAR applications": "applications for refuge in Mexico",
    "COMAR cases of people waiting": "claims of people still waiting with COMAR",
    "COMAR wait": "wait with COMAR",
    "onward movement": "people who give up waiting and go on",
}
"""Names that fit into a sentence or the head of a column."""

CLOSE, FAIR, POOR = 10.0, 25.0, 50.0
"""Per cent error up to which a comparison is called close, fair, poor; bad beyond."""

RANGES_CAUTION = (
    "This depends on the ranges of the study file: an input with a wider range looks more important, and one that "
    "was not varied cannot appear at all."
)
"""How to read any statement about what matters."""

_SMALLEST = 2.0  # per cent: smaller changes aren't worth a sentence
_SEEN = 0.05  # per cent: what is written as other than zero
MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"


def number(value: float) -> str:
    """Write a number as it is: thousands apart, at most four significant digits below one thousand.

    Examples
    --------
    >>> number(70418.0), number(3.9), number(float("nan"))
    ('70,418', '3.9', '–')
    """
    if not math.isfinite(value):
        return MISSING
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 5e-5 else "0"
    return text.replace("-", MINUS)


def rounded(value: float) -> str:
    """Write a result of the model to three significant digits.

    Examples
    --------
    >>> rounded(69076.2), rounded(0.6573), rounded(-1234.0)
    ('69,100', '0.657', '−1,230')
    """
    if not math.isfinite(value) or abs(value) < 5e-4:
        return "0" if math.isfinite(value) else MISSING
    digits = 2 - math.floor(math.log10(abs(value)))
    near = round(value, digits)
    return (f"{near:,.0f}" if digits <= 0 else f"{near:.{min(digits, 4)}f}").replace("-", MINUS)


def percent(value: float) -> str:
    r"""Write a signed per cent number, whole from ten on.

    Examples
    --------
    >>> percent(-83.6), percent(4.31), percent(float("nan"))
    ('−84\xa0%', '+4.3\xa0%', '–')
    """
    if not math.isfinite(value):
        return MISSING
    text = f"{value:+,.0f}" if abs(value) >= 9.95 else f"{value:+.1f}"
    return f"0{PER_CENT}" if float(text.replace(",", "")) == 0 else text.replace("-", MINUS) + PER_CENT


def written(error: float) -> str:
    """Write the size of an error in per cent as the tables do: whole from ten on, else to one decimal.

    Examples
    --------
    >>> written(-25.3), written(4.31)
    ('25', '4.3')
    """
    return f"{abs(error):,.0f}" if abs(error) >= 9.95 else f"{abs(error):.1f}"


def judged(error: float) -> str:
    """Say how good a comparison is, in a word.

    Examples
    --------
    >>> judged(-4.0), judged(25.3), judged(-40.0), judged(300.0)
    ('close', 'fair', 'poor', 'bad')
    """
    if not math.isfinite(error):
        return "not compared"
    size = float(written(error).replace(",", ""))  # as it is written, so that no label contradicts its number
    return "close" if size <= CLOSE else "fair" if size <= FAIR else "poor" if size <= POOR else "bad"


def typical(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return a difference and the same in per cent: medians across draws where there are draws."""
    if math.isfinite(row["median"]):
        return row["median"], row["median_percent"]
    return row["difference"], row["difference_percent"]


def change(row: Mapping[str, Any]) -> str:
    """Say a difference from the baseline: per cent, or in the outcome's unit where the baseline is nothing."""
    difference, relative = typical(row)
    if math.isfinite(relative):
        return percent(relative)
    if not math.isfinite(difference):
        return ""
    return ("+" if difference > 0 else "") + rounded(difference)


def shown_interval(row: Mapping[str, Any], *, say: Speech = ENGLISH) -> str:
    """Write the interval of a difference, in per cent where the baseline allows; nothing without draws."""
    to = say("{low} to {high}")
    if math.isfinite(row["low_percent"]) and math.isfinite(row["high_percent"]):
        low, high = percent(row["low_percent"]), percent(row["high_percent"])
        return low if low == high else to.format(low=low.removesuffix(PER_CENT), high=high)
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        return to.format(low=rounded(row["low"]), high=rounded(row["high"]))
    return ""


def tells(row: Mapping[str, Any]) -> bool:
    """Whether a difference is worth a sentence: its interval, as written, leaves out zero and it isn't tiny."""
    size = typical(row)[1]
    if math.isfinite(row["low_percent"]) and math.isfinite(row["high_percent"]):
        apart = row["low_percent"] >= _SEEN or row["high_percent"] <= -_SEEN
    else:
        apart = row["low"] > 0 or row["high"] < 0
    return bool(apart and (not math.isfinite(size) or abs(size) >= _SMALLEST))


def short(name: str, title: str, *, say: Speech = ENGLISH) -> str:
    """Name an outcome in the head of a column or at the beginning of a sentence."""
    return _upper(say(SHORT[name]) if name in SHORT else title)


@dataclass(frozen=True)
class Said:
    """One finding.

    Attributes
    ----------
    text : str
        The sentence.
    grade : Grade or None
        Of its evidence: the worst of the outcomes it speaks of; None where it is held against data and needs none.
    """

    text: str
    grade: Grade | None = None


# Findings -----------------------------------------------------------------------------------------


def findings(
    *,
    figures: pd.DataFrame,
    summary: pd.DataFrame,
    comparison: Comparison,
    study: StudyResult | None,
    date: str,
    only: Sequence[str] = (),
    grades: Mapping[str, Grade] | None = None,
    say: Speech = ENGLISH,
) -> list[tuple[str, str, list[Said]]]:
    """Say what was found, in sentences made from the numbers.

    Parameters
    ----------
    figures : pandas.DataFrame
        From `flows.seed_figures.figures_against`.
    summary : pandas.DataFrame
        From `flows.report.tables.fit_summary`.
    comparison : Comparison
        With draws: a difference whose interval holds zero gets no sentence of its own.
    study : StudyResult or None
        The sensitivity study.
    date : str
        Month ``YYYY-MM`` of the statements.
    only : sequence of str, optional
        Scenarios to speak of, in this order; all by default.
    grades : mapping of str to Grade, optional
        Of the evidence, by outcome.
    say : Speech
        The language.

    Returns
    -------
    list of (str, str, list of Said)
        Headings, a line below each that says how to read it, and the findings.
    """
    known = grades or {}
    scenarios = _of_scenarios(comparison, date, only, known, say)
    what = say(
        "Against current course: median over {draws} draws of the uncertain inputs, the same for all, and {level} "
        "interval. A backlog whose interval holds zero, or that differs by less than {least}, is left out; of "
        "exposure to harm it is said, so that silence is not read as safety.",
        draws=comparison.draws, level=f"{100 * LEVEL:.0f}{PER_CENT}", least=f"{_SMALLEST:.0f}{PER_CENT}",
    )  # fmt: skip
    found = [(say("What the scenarios change by {date}", date=say.month(date)), what, scenarios)]
    if study is not None:
        by_outcome = of_study(study, date, only=(EXPOSURE, *BACKLOGS), say=say)
        said = [Said(text, known.get(name)) for name, text in by_outcome]
        found.append(
            (say("What the results hang on in {date}", date=say.month(date)), say(RANGES_CAUTION), said)
        )
    past = [Said(text) for text in (*_of_figures(figures, say), *_of_series(summary, say))]
    found.append((say("How far the past is reproduced"), "", past))
    return [one for one in found if one[2]]


def _of_figures(figures: pd.DataFrame, say: Speech = ENGLISH) -> list[str]:
    evidence = figures[
        (figures["kind"] == "emergent") & figures["model"].notna() & figures["error_percent"].notna()
    ]
    if evidence.empty:
        return []
    worst = evidence.iloc[int(evidence["error_percent"].abs().to_numpy().argmax())]
    labels = [judged(error) for error in evidence["error_percent"]]
    close, fair = labels.count("close"), labels.count("fair")
    what = say.text("figures", str(worst["figure"]), str(worst["figure"])) or say("one of them")
    return [
        say(
            "Figures in the documents that can be held against what comes out of the model: {all}. Within {close_to}: "
            "{close}; within {fair_to}: {fair}; further off: {further}. The worst: {worst}, {value} in the document "
            "and {model} in the model ({error}).",
            all=len(evidence), close=close, close_to=f"{CLOSE:.0f}{PER_CENT}", fair=fair,
            fair_to=f"{FAIR:.0f}{PER_CENT}", further=len(evidence) - close - fair, worst=_lower(what),
            value=number(worst["value"]), model=rounded(worst["model"]), error=percent(worst["error_percent"]),
        )
    ]  # fmt: skip


def _of_series(summary: pd.DataFrame, say: Speech = ENGLISH) -> list[str]:
    known = summary[summary["error"].notna()]
    if len(known) < 2:
        return []
    errors = known["error"].to_numpy()
    best, worst = known.iloc[int(errors.argmin())], known.iloc[int(errors.argmax())]
    poor = sum(judged(error) in ("poor", "bad") for error in errors)
    return [
        say(
            "Against {all} observed series, the summed absolute error runs from {least} ({best}) to {most} ({worst}). "
            "Series above {fair_to}: {poor}.",
            all=len(known), least=f"{written(best['error'])}{PER_CENT}", most=f"{written(worst['error'])}{PER_CENT}",
            best=_lower(say.title(best["outcome"], best["title"])),
            worst=_lower(say.title(worst["outcome"], worst["title"])), fair_to=f"{FAIR:.0f}{PER_CENT}", poor=poor,
        )
    ]  # fmt: skip


def _of_scenarios(
    comparison: Comparison, date: str, only: Sequence[str], grades: Mapping[str, Grade], say: Speech
) -> list[Said]:
    backlogs = [o for name in BACKLOGS for o in comparison.outcomes if o.name == name]
    exposure = next((o for o in comparison.outcomes if o.name == EXPOSURE), None)
    by_name = {scenario.name: scenario for scenario in comparison.scenarios[1:]}
    told = [by_name[name] for name in only if name in by_name] if only else list(by_name.values())
    return [
        _of_scenario(
            comparison,
            scenario.name,
            say.scenario(scenario),
            backlogs,
            exposure,
            date,
            grades=grades,
            say=say,
        )
        for scenario in told
    ]


def _of_scenario(
    comparison: Comparison,
    name: str,
    title: str,
    backlogs: Sequence[Outcome],
    exposure: Outcome | None,
    date: str,
    *,
    grades: Mapping[str, Grade] | None = None,
    say: Speech = ENGLISH,
) -> Said:
    parts, shrinks, about = [], False, []
    for outcome in backlogs:
        row = comparison.at(outcome.name, date)[name]
        if tells(row):
            parts.append(_moves(row, outcome.name, _lower(say.outcome(outcome)), "fewer", say))
            about.append(outcome.name)
            shrinks = shrinks or typical(row)[0] < 0
    cost = comparison.at(exposure.name, date)[name] if exposure is not None else None
    told = cost is not None and tells(cost)
    if told:
        about.append(EXPOSURE)
    found = [(grades or {}).get(one, Grade("", math.nan)) for one in about]
    grade = min(found) if found else None
    if not parts and not told:
        return Said(
            say(
                "“{title}”: neither a backlog nor exposure to harm differs beyond the uncertainty of the inputs.",
                title=title,
            )
        )
    none = say("no backlog differs beyond the uncertainty of the inputs")
    said = say("“{title}”: {parts}", title=title, parts="; ".join(parts) or none)
    if cost is not None and told:
        said += f"; {_moves(cost, EXPOSURE, '', 'less', say)}"
    elif cost is not None:
        said += "; " + say("a change in exposure to harm cannot be told from zero")
    said += "."
    if cost is not None and told and shrinks and typical(cost)[0] > 0:
        said += " " + say("A queue gets shorter while people are exposed to more harm.")
    return Said(said, grade)


def _moves(row: Mapping[str, Any], name: str, title: str, fewer: str, say: Speech = ENGLISH) -> str:
    difference, relative = typical(row)
    what = say(SHORT[name]) if name in SHORT else title
    word = say("more") if difference > 0 else say(fewer)
    interval = shown_interval(row, say=say)
    behind = f" ({interval})" if interval else ""
    if not math.isfinite(relative):
        return f"{rounded(abs(difference))} {word} {what}{behind}"
    return f"{percent(abs(relative)).removeprefix('+')} {word} {what}{behind}"


def of_study(
    study: StudyResult, date: str, *, only: Sequence[str] = (), say: Speech = ENGLISH
) -> list[tuple[str, str]]:
    """Say for each outcome which input the variance hangs on, as far as the intervals allow.

    Parameters
    ----------
    study : StudyResult
        As `flows.study.run` returns it.
    date : str
        Month ``YYYY-MM``.
    only : sequence of str, optional
        Outcomes to speak of; all by default.
    say : Speech
        The language.

    Returns
    -------
    list of (str, str)
        An outcome and its sentence; none for one without variance.
    """
    from flows.calendar import time_at_end

    one = study.indices.sel(time=time_at_end(date), method="nearest")
    said = []
    for name in map(str, one["outcome"].values):
        if only and name not in only:
            continue
        row = one.sel(outcome=name)
        total, low, high = (row[key].values for key in ("ST", "ST_low", "ST_high"))
        if not math.isfinite(float(total[0])):
            continue
        order = total.argsort()[::-1]
        first, second = order[0], order[1]
        title = _upper(say(SHORT[name]) if name in SHORT else say.title(name, str(row["title"].values)))
        leader, other = (say.variable(str(row["uncertainty"].values[k])) for k in (first, second))
        numbers = {
            "title": title, "leader": leader, "other": other, "total": f"{total[first]:.2f}",
            "low": f"{low[first]:.2f}", "high": f"{high[first]:.2f}", "next": f"{total[second]:.2f}",
        }  # fmt: skip
        if low[first] > high[second]:
            text = say(
                "{title}: most depends on “{leader}” (total-order index {total}, interval {low} to {high}), then on "
                "“{other}” ({next}).",
                **numbers,
            )
        else:
            text = say(
                "{title}: “{leader}” (total-order index {total}, interval {low} to {high}) and “{other}” ({next}, "
                "{next_low} to {next_high}) matter most; their order cannot be told.",
                **numbers, next_low=f"{low[second]:.2f}", next_high=f"{high[second]:.2f}",
            )  # fmt: skip
        said.append((name, text))
    return said


def _lower(text: str) -> str:
    """Begin in lower case, unless the first word is a name or an abbreviation."""
    head = text.split(" ", 1)[0]
    return text if head.isupper() or head.startswith(("Mexic", "U.S.")) else text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
