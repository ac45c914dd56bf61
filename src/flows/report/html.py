"""The report as one HTML file: results in, text out; nothing is computed here but words and pictures."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import xarray as xr

from flows import observations
from flows.calendar import time_at_end
from flows.claims import read_claims
from flows.compare import CAVEAT, LEVEL
from flows.inputs import find
from flows.references import parse_reference
from flows.report import wording
from flows.report.data import DATE, ReportData
from flows.report.grade import GRADES, grades, is_assumption
from flows.report.pictures import (
    band_pictures,
    joint_legend,
    legend_of_inputs,
    past_pictures,
    pictures_over_time,
    scenario_pictures,
    span_of,
)
from flows.report.results import study_month
from flows.report.rows import (
    claims_section,
    column_groups,
    column_heads,
    figure_rows,
    halving_rows,
    now_tiles,
    scenario_tables,
    side_effect_rows,
    silent_rows,
    summary_rows,
    table_downloads,
)
from flows.report.speech import Speech
from flows.seed_figures import seed_figures
from flows.study import StudyResult
from flows.templates import template

__all__ = ["DATE", "ReportData", "render"]


__all__ = ["DATE", "ReportData", "render"]


TEMPLATE = "report.html.jinja"


_SEEN = 0.005  # an index that is written as other than zero


_DROPPED = 0.01  # an input whose total-order indices all lie below has no row


LIMITS = (
    "No forecast. It says how stocks and flows would move if its structure and numbers held; single runs are to be "
    "compared with each other, not quoted as predictions.",
    "Fitted to the past. Free constants, levels of single origins and sizes of dated shocks were fitted to series "
    "until December 2022, sizes of later measures to September 2024. Closeness to those series is no evidence for the "
    "structure; the validation judges the forecast from January 2023 on, none of which was fitted for it.",
    "No judge of policies. Outcomes stand side by side; weighing them against each other is the reader's part. A lower "
    "number of encounters or arrivals is not counted as better.",
    "Not about any person. Stocks are aggregates by origin and say nothing about one person's route, claim or risk. "
    "The count of deaths is not predicted; exposure to harm is an index.",
    "Events, files and people are different counts. One person can be encountered several times; one file can stand "
    "for somebody who left long ago. They are never added up here, except where a document does so and is quoted.",
    "Not complete. Wages, employment, and the states of Mexico are outside this version; figures in the documents "
    "about them are listed as such.",
    "Intervals show the spread of the uncertain inputs listed in the study, within the ranges given there. They do not "
    "show whether the structure of the model is right, and the poor fits above are not part of them.",
)


USE = (
    (
        "Compare, don't quote.",
        "Read differences between courses on the same footing, with their intervals; no single number of one course.",
    ),
    (
        "Human cost first.",
        "Put waiting, exposure and onward movement beside every backlog: a queue can be emptied by pushing people into "
        "danger.",
    ),
    (
        "Ask what a finding hangs on.",
        "Grades C and D say that it rests mostly on assumptions: treat it as a question to be studied, not as an "
        "answer.",
    ),
    (
        "Not about persons.",
        "Use it for no decision about a person, a family or a case, and for no target of encounters or arrivals as "
        "such.",
    ),
    (
        "Say where it comes from.",
        "Quote the page with its date, the version and the digest of the model, and keep the caveat with every table "
        "and picture.",
    ),
    (
        "Ask those concerned.",
        "Who waits, who receives and who decides know what the model leaves out: hear them before a number settles "
        "anything.",
    ),
)
"""How the report should be used."""


def render(data: ReportData) -> str:
    """Write the page.

    Parameters
    ----------
    data : ReportData
        What is shown.

    Returns
    -------
    str
        HTML, complete in itself: pictures inline, no scripts, nothing to fetch.
    """
    study, say = data.study, data.say
    month = study_month(study, data.date) if study is not None else data.date
    past = past_pictures(data)
    graded = grades(study, data.model, month)
    return template(Path(__file__).parent, TEMPLATE).render(
        t=say,
        th=say.markup,
        lang=say.lang,
        caveat=say(CAVEAT),
        level=f"{100 * LEVEL:.0f}{wording.PER_CENT}",
        date=say.month(data.date),
        start=say.month(data.comparison.start),
        baseline=say.scenario(data.comparison.scenarios[0]),
        span=span_of(data.base, say),
        findings=wording.findings(
            figures=data.figures,
            summary=data.summary,
            comparison=data.drawn,
            study=study,
            date=data.date,
            only=data.chosen,
            grades=graded,
            say=say,
        ),
        grades=_grades(say),
        now=now_tiles(data),
        past=past,
        legend_past=joint_legend(past),
        summary=summary_rows(data.summary, say),
        figures=figure_rows(data.figures, say),
        silent=silent_rows(data.figures, say),
        scenario_pictures=scenario_pictures(data),
        tables=scenario_tables(data),
        halving=halving_rows(data),
        side_effects=side_effect_rows(data),
        uncertainty=_uncertainty_words(data),
        fitted=data.futures is not None and data.futures.fitted > 0,
        draws=data.drawn.draws,
        groups=column_groups(data.drawn, say),
        heads=column_heads(data.drawn, say),
        units={outcome.name: say.unit_of(outcome.name, outcome.unit) for outcome in data.drawn.outcomes},
        left_out=[(say.scenario(s), s.name, "" if say.foreign else why) for s, why in data.left_out],
        claims=claims_section(data),
        study=_study(study, month, data) if study is not None else None,
        sources=_sources(say),
        documents=_documents(),
        limits=[say(limit) for limit in LIMITS],
        use=[(say(head), say(text)) for head, text in USE],
        validation=data.validation,
        tested=_tested(data),
        downloads=table_downloads(data),
        record=data.record,
        versions=sorted(data.record["versions"].items()),
        assumptions=_assumptions(data.model),
        quick=data.quick,
    )


def _tested(data: ReportData) -> dict[str, Any] | None:
    """The summary of the validation, with a sentence in the page's language."""
    found = data.tested
    if not found:
        return None
    criteria, failed = found["criteria"], found["structure"]["failed"]
    tests = found["structure"]["tests"]
    sentence = data.say(
        "On this model file, with data until {month} fitted, {met} of {count} criteria set beforehand are met and "
        "{held} of {tests} tests of structure hold.",
        month=data.say.month(found["fit_until"]),
        met=sum(bool(one["met"]) for one in criteria),
        count=len(criteria),
        held=tests - len(failed),
        tests=tests,
    )
    return {"sentence": sentence, "criteria": criteria if data.say.lang == "en" else []}


def _grades(say: Speech) -> list[tuple[str, str]]:
    """What each grade means."""
    words = (
        "less than a tenth of the spread hangs on assumptions",
        "a tenth to a third of the spread hangs on assumptions",
        "a third to two thirds of the spread hangs on assumptions",
        "more than two thirds of the spread hangs on assumptions",
    )
    return [(letter, say(text)) for (letter, _), text in zip(GRADES, words, strict=True)]


def _uncertainty_words(data: ReportData) -> str:
    """Say where the draws come from."""
    found, say = data.futures, data.say
    if found is None or not found.draws:
        return ""
    if not found.fitted:
        return say(
            "The draws come from the declared ranges of {declared} inputs, which are not fitted to data.",
            declared=found.declared,
        )
    return say(
        "The draws come from the posterior of {fitted} inputs, fitted to the observed series, and from the declared "
        "ranges of {declared} that the fit leaves open.",
        fitted=found.fitted, declared=found.declared,
    )  # fmt: skip


def _study(study: StudyResult, month: str, data: ReportData) -> dict[str, Any]:
    model, observed, say = data.model, data.observed, data.say
    one = study.indices.sel(time=time_at_end(month), method="nearest")
    names = [str(name) for name in one["outcome"].values]
    total = one["ST"].transpose("uncertainty", "outcome")
    order = total.max("outcome").fillna(-1).values.argsort()[::-1]
    rows = []
    for position in order:
        cells = []
        for name in names:
            cell = one.sel(outcome=name).isel(uncertainty=int(position))
            value = float(cell["ST"])
            cells.append(
                {
                    "total": f"{value:.2f}".replace("-0.00", "0.00")
                    if math.isfinite(value)
                    else wording.MISSING,
                    "interval": say(
                        "{low} to {high}", low=_index(cell["ST_low"]), high=_index(cell["ST_high"])
                    )
                    if value >= _SEEN
                    else "",
                    "first": _index(cell["S1"]),
                    "shade": f"{min(max(value, 0.0), 1.0):.2f}" if math.isfinite(value) else "0",
                }
            )
        rows.append({"name": str(one["uncertainty"].values[position]), "cells": cells})
    ranked = [str(row["name"]) for row in rows]
    quiet = [name for name in ranked if _never_matters(total.sel(uncertainty=name))]
    if len(quiet) == len(ranked):
        quiet = []
    reach = {str(u.name): u for u in study.study.uncertainties}
    over_time = pictures_over_time(study, names, say)
    bands = band_pictures(data.bands, names, month, observed, say)
    return {
        "title": say(study.study.title or study.study.name),
        "month": say.month(month),
        "runs": f"{study.runs:,}",
        "n": f"{study.study.n:,}",
        "seed": study.study.seed,
        "level": f"{100 * float(study.indices.attrs.get('level', 0.95)):.0f}{wording.PER_CENT}",
        "outcomes": [
            (
                wording.short(name, say.title(name, str(one["title"].sel(outcome=name).values)), say=say),
                say.unit_of(name, str(one["unit"].sel(outcome=name).values)),
            )
            for name in names
        ],
        "inputs": len(rows),
        "rows": [
            {**row, "title": say.variable(str(row["name"]))} for row in rows if row["name"] not in quiet
        ],
        "quiet": [say.variable(name) for name in quiet],
        "above_one": bool((one[["ST", "ST_high"]].to_array() > 1.005).any()),
        "sentences": [text for _, text in wording.of_study(study, month, say=say)],
        "ranges": [_uncertainty(reach[row["name"]], model, say) for row in rows if row["name"] in reach],
        "bands": bands,
        "over_time": over_time,
        "legend": legend_of_inputs(over_time, [say.variable(name) for name in ranked], say),
        "legend_bands": joint_legend(bands),
    }


def _never_matters(total: xr.DataArray) -> bool:
    """Whether an input's total-order indices are nothing for all outcomes."""
    return bool((total.fillna(0) < _DROPPED).all())


def _index(value: Any) -> str:
    """Write a Sobol index to two decimals."""
    if not math.isfinite(float(value)):
        return wording.MISSING
    return f"{float(value):.2f}".replace("-0.00", "0.00").replace("-", wording.MINUS)


def _uncertainty(uncertainty: Any, model: Any, say: Speech) -> dict[str, str]:
    low, high = uncertainty.support
    item = model.constants[parse_reference(uncertainty.name).name]
    return {
        "name": say.variable(str(uncertainty.name)),
        "meaning": say.text("meanings", str(uncertainty.name), _meaning(item.comment)),
        "unit": _unit_of_input(item.units, say),
        "distribution": say(str(uncertainty.distribution)),
        "low": wording.number(float(low)),
        "high": wording.number(float(high)),
        "why": say.text("whys", str(uncertainty.name), str(getattr(uncertainty, "why", "") or "")),
        "assumption": say("assumption") if is_assumption(str(uncertainty.name), model) else say("data"),
    }


def _unit_of_input(units: str, say: Speech) -> str:
    """Say the unit of a constant: a share or an elasticity has none, and is no index either."""
    if units.lower() in ("", "1", "dmnl"):
        return say("no unit")
    return say.unit(units).replace("*", " and ")


def _meaning(comment: str) -> str:
    """Return what a constant is, from its comment in the model file: all before the source."""
    return re.split(r"\bSource:", " ".join(str(comment).split()), maxsplit=1)[0].strip()


def _sources(say: Speech) -> list[dict[str, str]]:
    """Sources of the observed values, with the number of values from each."""
    counts = observations.load()["source_id"].value_counts()
    found = []
    for name, row in observations.sources().iterrows():
        address = str(row["url"])
        found.append(
            {
                "title": wording.displayed(str(row["title"])),
                "publisher": str(row["publisher"]),
                "year": str(row["year"]),
                "url": address if address.startswith(("https://", "http://")) else "",
                "tier": str(row["tier"]),
                "values": f"{int(counts.get(name, 0)):,}",
            }
        )
    return found


def _documents() -> list[str]:
    """Documents whose figures and claims are used."""
    if find("claims").is_file():
        return sorted({claim.document for claim in read_claims()})
    return sorted({str(figure.document) for figure in seed_figures()})


def _assumptions(model: Any) -> tuple[int, int]:
    """Number of constants marked as assumptions, and of all constants."""
    constants = list(model.constants)
    return sum("assumption" in item.comment.lower() for item in constants), len(constants)
