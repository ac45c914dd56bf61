"""The tables of the report: rows of words and numbers, as the template writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from flows.calendar import month_of, time_at_end
from flows.claims import Finding, Verdict
from flows.compare import AT_END, HUMAN_COST, LAST_YEAR, Comparison
from flows.inputs import Outcome
from flows.report import wording
from flows.report.data import ReportData
from flows.report.downloads import Download, download
from flows.report.results import headline, study_month
from flows.report.speech import ENGLISH, Speech
from flows.report.tables import span_words

GROUPS = (
    ("Human cost", ("people waiting in Mexico", "person months waiting", "exposure index")),
    ("Backlogs", ("COMAR pending cases", "court cases pending", "court queue time")),
    ("Events at borders", ("interceptions by INM", "encounters at US border")),
)
"""Columns of the table of scenarios."""


RESULTS = ("reproduced", "in part", "not reproduced", "put in", "outside")


def claims_section(data: ReportData) -> dict[str, Any] | None:
    """Count what the model makes of the claims, by scenario and in all, and list what it doesn't reproduce."""
    if not data.verdicts:
        return None
    say = data.say
    by_id = {verdict.claim.id: verdict for verdict in data.verdicts}
    rows = [
        {
            "name": name,
            "title": say.scenario(name, title),
            "counts": [sum(by_id[c].result == result for c in ids if c in by_id) for result in RESULTS],
            "missed": [c for c in ids if c in by_id and by_id[c].result in ("in part", "not reproduced")],
        }
        for name, (title, ids) in data.carried.items()
    ]
    evidence = [v for v in data.verdicts if v.claim.status == "emergent"]
    return {
        "total": len(data.verdicts),
        "emergent": len(evidence),
        "reproduced": sum(v.result == "reproduced" for v in evidence),
        "heads": [say(result) for result in RESULTS],
        "counts": [sum(v.result == result for v in data.verdicts) for result in RESULTS],
        "rows": rows,
        "missed": [
            {
                "id": v.claim.id,
                "statement": _claim_text(v, say),
                "result": say(str(v.result)),
                "status": say(v.claim.status),
                "decides": say.text("decides", v.claim.id, v.claim.decides),
                "reason": say.text("reasons", v.claim.id, v.claim.reason),
                "checks": [
                    {"text": f.statement.text, "found": _found(f, say)} for f in v.findings if not f.holds
                ],
            }
            for v in data.verdicts
            if v.result in ("in part", "not reproduced")
        ],
        "outside": [
            (v.claim.id, _claim_text(v, say), say.text("reasons", v.claim.id, v.claim.reason))
            for v in data.verdicts
            if not v.findings
        ],
    }


def _claim_text(verdict: Verdict, say: Speech) -> str:
    """What a claim says; where it isn't translated, where to find it."""
    claim = verdict.claim
    return say.text("claims", claim.id, claim.statement) or say("as stated in models/claims.csv, in English")


def _found(finding: Finding, say: Speech = ENGLISH) -> str:
    """Write the numbers of a statement that doesn't hold, and how it fails."""
    values = [
        v for v, s in zip(finding.values, finding.statement.sides, strict=True) if s.measure is not None
    ]
    numbers = say(" and ").join(wording.rounded(value) for value in values)
    size = f"{abs(finding.margin):.1f}{wording.PER_CENT}"
    words = {
        "off": say("off by {size}", size=size),
        "the other way": say("the other way, by {size}", size=size),
        "no difference": say("no difference"),
    }
    return f"{numbers}: {words.get(finding.way, size)}"


def now_tiles(data: ReportData) -> list[dict[str, Any]]:
    """The base run's headline outcomes at the date."""
    found = []
    for outcome in headline(data.comparison.outcomes):
        row = data.comparison.at(outcome.name, data.date)[data.comparison.baseline]
        found.append(
            {
                "title": data.say.outcome(outcome),
                "unit": data.say.unit_of(outcome.name, outcome.unit),
                "value": wording.rounded(row["value"]),
                "human": "yes" if outcome.name in HUMAN_COST else "",
                "band": _band(data, outcome),
            }
        )
    return found


def _band(data: ReportData, outcome: Outcome) -> dict[str, str]:
    """Median of the study's runs, and where nine tenths of them lie; nothing where the study lacks the outcome.

    A rate is averaged over the same twelve months as the level beside it.
    """
    bands = data.bands
    if bands is None or outcome.name not in bands["outcome"].values:
        return {}
    values = bands["value"].sel(outcome=outcome.name)
    end = time_at_end(data.date)
    at = (
        values.sel(time=slice(end - 12, end)).mean("time")
        if outcome.is_rate
        else values.sel(time=end, method="nearest")
    )
    low, middle, high = (wording.rounded(float(at.sel(quantile=q))) for q in (0.05, 0.5, 0.95))
    return {"low": low, "median": middle, "high": high}


def summary_rows(summary: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
    """Error of the base run against each observed series."""
    return [
        {
            "title": say.title(row["outcome"], row["title"]),
            "unit": say.unit_of(row["outcome"], row["unit"]) if say.foreign else row["unit"],
            "span": say.span(f"{row['first']} to {row['last']}" if row["number"] > 1 else row["first"]),
            "number": str(row["number"]),
            "error": f"{wording.written(row['error'])}{wording.PER_CENT}"
            if math.isfinite(row["error"])
            else wording.MISSING,
            "bias": wording.percent(row["bias"]),
            "latest": say.span(row["latest"]),
            "observed": wording.number(row["latest_observed"]),
            "model": wording.rounded(row["latest_model"]),
            "latest_error": wording.percent(row["latest_error"]),
            "judged": wording.judged(row["error"]),
            "reading": say(wording.judged(row["error"])),
            "source": wording.displayed(_some_sources(row["source"], say)),
        }
        for row in summary.to_dict("records")
    ]


def _some_sources(text: str, say: Speech = ENGLISH) -> str:
    """Name two sources and count the rest; all stand in the table of sources."""
    names = text.split("; ")
    more = say("; and {count} more", count=len(names) - 2) if len(names) > 2 else ""
    return "; ".join(names[:2]) + more


def figure_rows(table: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
    """Figures of the documents that the model speaks to."""
    return [
        {
            **_figure(row, say),
            "model": wording.rounded(row["model"]),
            "error": wording.percent(row["error_percent"]),
            "judged": wording.judged(row["error_percent"]),
            "reading": say(wording.judged(row["error_percent"])),
            "kind": say(row["kind"]),
            "note": say.text("notes", row["figure"], row["note"]),
        }
        for row in table[table["model"].notna()].to_dict("records")
    ]


def silent_rows(table: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
    """Figures of the documents that this version doesn't speak to."""
    return [
        {**_figure(row, say), "reason": say.text("notes", row["figure"], row["reason"])}
        for row in table[table["model"].isna()].to_dict("records")
    ]


def _figure(row: dict[Any, Any], say: Speech) -> dict[str, str]:
    """What a figure of a document is, for when, and where it stands."""
    unit = say.unit(row["unit"]) if say.foreign else row["unit"]
    return {
        "figure": say.text("figures", row["figure"], row["figure"])
        or say("a figure without a translated name"),
        "span": say.span(span_words(row["period_start"], row["period_end"])),
        "unit": unit,
        "value": _range(row, say),
        "document": f"{say(row['document'])}, {say(row['section'])}",
    }


def _range(row: dict[Any, Any], say: Speech = ENGLISH) -> str:
    low, high = row["value"], row["value_high"]
    to = say("{low} to {high}")
    if row["unit"] == "year":
        return to.format(low=f"{low:.0f}", high=f"{high:.0f}")
    if low == high:
        return wording.number(low)
    return to.format(low=wording.number(low), high=wording.number(high))


def column_groups(comparison: Comparison, say: Speech = ENGLISH) -> list[tuple[str, list[Outcome]]]:
    """Outcomes of the tables of scenarios, under their heads."""
    by_name = {outcome.name: outcome for outcome in comparison.outcomes}
    groups = [(say(head), [by_name[n] for n in names if n in by_name]) for head, names in GROUPS]
    return [(head, outcomes) for head, outcomes in groups if outcomes]


def column_heads(comparison: Comparison, say: Speech) -> dict[str, str]:
    """Names of outcomes short enough for the head of a column."""
    return {o.name: wording.short(o.name, say.outcome(o), say=say) for o in comparison.outcomes}


def scenario_tables(data: ReportData) -> dict[str, Any]:
    """Rows of scenarios: those of the pictures, the others, and courses of another date; and those without effect."""
    rows = _rows(data.drawn, data.date, column_groups(data.drawn), data.say)
    baseline, others = rows[0], rows[1:]
    same = [row for row in others if not row["differs"]]
    dated = [row for row in others if row["differs"] and row["kind"] == "base"]
    rest = [row for row in others if row["differs"] and row["kind"] != "base"]
    chosen = [row for row in rest if row["name"] in data.chosen]
    chosen.sort(key=lambda row: data.chosen.index(row["name"]))
    further = [row for row in rest if row["name"] not in data.chosen]
    return {
        "chosen": [baseline, *chosen],
        "further": [baseline, *further] if further else [],
        "dated": [baseline, *dated] if dated else [],
        "same": same,
    }


def _rows(
    comparison: Comparison, date: str, groups: Sequence[tuple[str, list[Outcome]]], say: Speech
) -> list[dict[str, Any]]:
    columns = [outcome for _, outcomes in groups for outcome in outcomes]
    tables = {outcome.name: comparison.at(outcome.name, date) for outcome in columns}
    found = []
    for position, scenario in enumerate(comparison.scenarios):
        cells = []
        differs = False
        for outcome in columns:
            row = tables[outcome.name][scenario.name]
            ends = (row["difference"], row["low"], row["high"])
            differs = differs or any(math.isfinite(end) and abs(end) > 0 for end in ends)
            cells.append(
                {
                    "value": wording.rounded(row["value"]),
                    "change": "" if position == 0 else wording.change(row),
                    "interval": "" if position == 0 else wording.shown_interval(row, say=say),
                    "mood": (mood := mood_of(row, outcome) if position else ""),
                    "verdict": say(mood) if mood else "",
                }
            )
        found.append(
            {
                "name": scenario.name,
                "title": say.scenario(scenario),
                "kind": scenario.kind,
                "differs": differs,
                "cells": cells,
            }
        )
    return found


def mood_of(row: Mapping[str, Any], outcome: Outcome) -> str:
    """``better`` or ``worse`` for those who wait or are exposed; empty without draws that tell it from zero."""
    difference, relative = wording.typical(row)
    if (
        outcome.better == "neither"
        or (math.isfinite(relative) and abs(relative) < 1)
        or not abs(difference) > 0
    ):
        return ""
    if not wording.tells(row):  # nothing is told by one run
        return ""
    return "better" if (difference < 0) == (outcome.better == "lower") else "worse"


def halving_rows(data: ReportData) -> dict[str, Any] | None:
    """When backlogs halve, for the chosen scenarios; what never does says so."""
    rows = data.drawn.halving_table()
    shown = [data.drawn.baseline, *data.chosen]
    rows = rows[rows["scenario"].isin(shown)]
    if rows.empty:
        return None
    say = data.say
    last = say.labels.month(month_of(float(data.drawn.values["time"].values[-1]) - 1), short=True)
    names = list(dict.fromkeys(rows["outcome"]))
    titles = {s.name: say.scenario(s) for s in data.drawn.scenarios}
    cells = {(r["scenario"], r["outcome"]): r for r in rows.to_dict("records")}

    def words(row: Mapping[Any, Any]) -> dict[str, str]:
        when = (
            say.labels.month(row["month"], short=True) if row["month"] else say("never by {last}", last=last)
        )
        return {
            "when": when,
            "share": say("{share} of draws", share=f"{100 * row['share']:.0f}{wording.PER_CENT}"),
        }

    by_name = {o.name: o for o in data.drawn.outcomes}
    return {
        "heads": [wording.short(n, say.outcome(by_name[n]), say=say) for n in names],
        "rows": [(titles[s], [words(cells[s, n]) for n in names]) for s in shown if (s, names[0]) in cells],
    }


def side_effect_rows(data: ReportData) -> list[tuple[str, list[str]]]:
    """What gets worse beyond doubt under each chosen scenario while something aimed at gets better."""
    found = data.drawn.side_effects(date=data.date)
    found = found[found["side_effect"].astype(bool) & found["scenario"].isin(data.chosen)]
    say = data.say
    titles = {s.name: say.scenario(s) for s in data.drawn.scenarios}
    said: dict[str, list[str]] = {}
    for row in found.to_dict("records"):
        change = wording.percent(row["median_percent"]) if math.isfinite(row["median_percent"]) else ""
        size = change or f"{wording.rounded(row['median'])} {say.unit_of(row['outcome'], row['unit'])}"
        said.setdefault(titles[row["scenario"]], []).append(
            f"{say.title(row['outcome'], row['title'])} ({size})"
        )
    return list(said.items())


def table_downloads(data: ReportData) -> dict[str, Download]:
    """Tables of the page as files inside it."""
    say = data.say
    rows = data.drawn.table
    rows = rows[(rows["date"] == data.date) & rows["measure"].isin((AT_END, LAST_YEAR))]
    keep = [
        "scenario", "title", "outcome", "outcome_title", "unit", "date", "measure", "value", "median", "low", "high",
        "median_percent", "low_percent", "high_percent", "probability_lower", "probability_higher", "share_best",
        "regret", "human_cost", "better",
    ]  # fmt: skip
    found = {
        "scenarios": download(rows[keep], "flows-scenarios", say),
        "observed": download(data.summary.drop(columns=["source"]), "flows-observed", say),
        "figures": download(data.figures, "flows-figures", say),
        "halving": download(data.drawn.halving_table(), "flows-halving", say),
    }
    if data.study is not None and "ST" in data.study.indices:
        month = study_month(data.study, data.date)
        one = data.study.indices[["S1", "S1_low", "S1_high", "ST", "ST_low", "ST_high"]].sel(
            time=time_at_end(month), method="nearest"
        )
        table = one.reset_coords(drop=True).to_dataframe().reset_index().assign(date=month)
        found["indices"] = download(table, "flows-indices", say)
    return found
