"""The report as one HTML file: results in, text out; nothing is computed here but words and pictures."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from flows import observations
from flows.calendar import month_of, time_at_end
from flows.claims import Finding, Verdict, read_claims
from flows.compare import AT_END, CAVEAT, HUMAN_COST, LAST_YEAR, LEVEL, Comparison
from flows.futures import Futures
from flows.inputs import Outcome, Scenario, find
from flows.references import parse_reference
from flows.report import figures, wording
from flows.report.downloads import Download, download
from flows.report.grade import GRADES, grades, is_assumption
from flows.report.results import headline, study_month
from flows.report.speech import ENGLISH, Speech
from flows.report.tables import span_words
from flows.study import StudyResult

__all__ = ["DATE", "ReportData", "render"]

DATE = "2030-12"
"""Month of the comparisons and of the indices in the text."""

TEMPLATE = "report.html.jinja"

CEILINGS = {
    "interceptions by INM": "the capacity of Mexico's migration institute to process interceptions is reached, a limit "
    "that is put into the model (INM capacity) and not an estimate"
}
"""What stops an outcome from rising further, by its name."""

_FLAT = 3  # months at the greatest value, from which on it is a ceiling and not a peak
_SEEN = 0.005  # an index that is written as other than zero
_DROPPED = 0.01  # an input whose total-order indices all lie below has no row

PANEL = (4.5, 2.9)
"""Inches of one picture: narrow enough for a telephone at its natural size."""

GROUPS = (
    ("Human cost", ("people waiting in Mexico", "person months waiting", "exposure index")),
    ("Backlogs", ("COMAR pending cases", "court cases pending", "court queue time")),
    ("Events at borders", ("interceptions by INM", "encounters at US border")),
)
"""Columns of the table of scenarios."""

LIMITS = (
    "No forecast. It says how stocks and flows would move if its structure and numbers held; single runs are to be "
    "compared with each other, not quoted as predictions.",
    "Not tested on what it hasn't seen. 147 constants, 87 of them sizes of dated shocks by origin, were chosen so that "
    "the run follows the observed series to September 2024; nothing was held out. Closeness to those series is no "
    "evidence for the structure.",
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


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the page shows.

    Attributes
    ----------
    model : flows.Model
        The model that was run.
    base : xarray.Dataset
        The base run.
    observed : pandas.DataFrame
        From `flows.report.tables.observed_rows`.
    summary : pandas.DataFrame
        From `flows.report.tables.fit_summary`.
    figures : pandas.DataFrame
        From `flows.observations.figures_against`.
    comparison : Comparison
        All scenarios, one run each.
    drawn : Comparison
        All scenarios, with draws.
    chosen : tuple of str
        Scenarios of the findings, of the pictures and of the first table.
    left_out : tuple of (Scenario, str)
        Scenarios that this model can't run, with the reason.
    study : StudyResult or None
        The sensitivity study.
    verdicts : tuple of Verdict
        Of the claims of the documents.
    carried : mapping of str to (str, tuple of str)
        Title and claims of each scenario.
    record : dict
        As `flows.provenance.record` gives it.
    quick : bool
        Whether samples were cut short.
    say : Speech
        The language.
    futures : Futures or None
        Where the draws come from.
    validation : str
        Address of the validation page, from the page's folder; empty where there is none.
    """

    model: Any
    base: xr.Dataset
    observed: pd.DataFrame
    summary: pd.DataFrame
    figures: pd.DataFrame
    comparison: Comparison
    drawn: Comparison
    chosen: tuple[str, ...]
    left_out: tuple[tuple[Scenario, str], ...]
    study: StudyResult | None
    verdicts: tuple[Verdict, ...]
    carried: Mapping[str, tuple[str, tuple[str, ...]]]
    record: dict[str, Any]
    quick: bool = False
    say: Speech = ENGLISH
    futures: Futures | None = None
    validation: str = ""

    @cached_property
    def date(self) -> str:
        """Month of the comparisons: December 2030, or the last one compared where the run ends earlier."""
        dates = list(dict.fromkeys(self.comparison.table["date"]))
        return DATE if DATE in dates else str(dates[-1])


@dataclass(frozen=True)
class Entry:
    """One sign of a legend: colour, kind of mark and words."""

    words: str
    kind: str
    colour: str
    dash: str = ""
    width: float = 2.0


@dataclass(frozen=True)
class Legend:
    """Signs and their words, for several pictures."""

    legend: tuple[Entry, ...]


@dataclass(frozen=True)
class Picture:
    """A figure as a data address, with words for those who don't see it."""

    uri: str
    alt: str
    title: str
    unit: str
    width: int
    height: int
    legend: tuple[Entry, ...]
    note: str = ""


def template_of(name: str) -> jinja2.Template:
    """Load one of the templates of this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


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
    template = template_of(TEMPLATE)
    study, say = data.study, data.say
    month = study_month(study, data.date) if study is not None else data.date
    past = _past_pictures(data)
    graded = grades(study, data.model, month)
    return template.render(
        t=say,
        th=say.markup,
        lang=say.lang,
        caveat=say(CAVEAT),
        level=f"{100 * LEVEL:.0f}{wording.PER_CENT}",
        date=say.month(data.date),
        start=say.month(data.comparison.start),
        baseline=say.scenario(data.comparison.scenarios[0]),
        span=_span(data.base, say),
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
        now=_now(data),
        past=past,
        legend_past=_joint_legend(past),
        summary=_summary(data.summary, say),
        figures=_figures(data.figures, say),
        silent=_silent(data.figures, say),
        scenario_pictures=_scenario_pictures(data),
        tables=_tables(data),
        halving=_halving(data),
        side_effects=_side_effects(data),
        uncertainty=_uncertainty_words(data),
        draws=data.drawn.draws,
        groups=_groups(data.drawn, say),
        heads=_heads(data.drawn, say),
        units={outcome.name: say.unit(outcome.unit) for outcome in data.drawn.outcomes},
        left_out=[(say.scenario(s), s.name, "" if say.foreign else why) for s, why in data.left_out],
        claims=_claims(data),
        study=_study(study, month, data) if study is not None else None,
        sources=_sources(say),
        documents=_documents(),
        limits=[say(limit) for limit in LIMITS],
        use=[(say(head), say(text)) for head, text in USE],
        validation=data.validation,
        downloads=_downloads(data),
        record=data.record,
        versions=sorted(data.record["versions"].items()),
        assumptions=_assumptions(data.model),
        quick=data.quick,
    )


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


def _halving(data: ReportData) -> dict[str, Any] | None:
    """When backlogs halve, for the chosen scenarios; what never does says so."""
    rows = data.drawn.halving_table()
    shown = [data.drawn.baseline, *data.chosen]
    rows = rows[rows["scenario"].isin(shown)]
    if rows.empty:
        return None
    say = data.say
    last = say.month(month_of(float(data.drawn.values["time"].values[-1]) - 1))
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


def _side_effects(data: ReportData) -> list[tuple[str, list[str]]]:
    """What gets worse beyond doubt under each chosen scenario while something aimed at gets better."""
    found = data.drawn.side_effects(date=data.date)
    found = found[found["side_effect"].astype(bool) & found["scenario"].isin(data.chosen)]
    say = data.say
    titles = {s.name: say.scenario(s) for s in data.drawn.scenarios}
    said: dict[str, list[str]] = {}
    for row in found.to_dict("records"):
        change = wording.percent(row["median_percent"]) if math.isfinite(row["median_percent"]) else ""
        size = change or f"{wording.rounded(row['median'])} {say.unit(row['unit'])}"
        said.setdefault(titles[row["scenario"]], []).append(
            f"{say.title(row['outcome'], row['title'])} ({size})"
        )
    return list(said.items())


def _downloads(data: ReportData) -> dict[str, Download]:
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


# Claims -------------------------------------------------------------------------------------------

_RESULTS = ("reproduced", "in part", "not reproduced", "put in", "outside")


def _claims(data: ReportData) -> dict[str, Any] | None:
    """Count what the model makes of the claims, by scenario and in all, and list what it doesn't reproduce."""
    if not data.verdicts:
        return None
    say = data.say
    by_id = {verdict.claim.id: verdict for verdict in data.verdicts}
    rows = [
        {
            "name": name,
            "title": say.scenario(name, title),
            "counts": [sum(by_id[c].result == result for c in ids if c in by_id) for result in _RESULTS],
            "missed": [c for c in ids if c in by_id and by_id[c].result in ("in part", "not reproduced")],
        }
        for name, (title, ids) in data.carried.items()
    ]
    evidence = [v for v in data.verdicts if v.claim.status == "emergent"]
    return {
        "total": len(data.verdicts),
        "emergent": len(evidence),
        "reproduced": sum(v.result == "reproduced" for v in evidence),
        "heads": [say(result) for result in _RESULTS],
        "counts": [sum(v.result == result for v in data.verdicts) for result in _RESULTS],
        "rows": rows,
        "missed": [
            {
                "id": v.claim.id,
                "statement": _claim_text(v, say),
                "result": say(str(v.result)),
                "status": say(v.claim.status),
                "decides": "" if say.foreign else v.claim.decides,
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


# Pictures -----------------------------------------------------------------------------------------


def picture(
    figure: Figure,
    *,
    title: str,
    unit: str,
    alt: str,
    size: tuple[float, float] = PANEL,
    say: Speech = ENGLISH,
) -> Picture:
    """Turn a figure of one panel into a picture that stays legible on a telephone.

    The title, the unit and the legend go into the page, where they wrap with it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        One of `flows.report.figures`.
    title, unit : str
        For the page.
    alt : str
        What the picture shows, in words.
    size : (float, float)
        Inches.
    say : Speech
        The language of the words in it.

    Returns
    -------
    Picture
    """
    entries = tuple(
        replace(entry, words=say.axis(entry.words)) for legend in figure.legends for entry in _entries(legend)
    )
    for part in [*figure.legends, *figure.texts]:
        part.remove()
    for axis in figure.axes:
        axis.set_title("")
        axis.set_title("", loc="left")
        axis.set_xlabel(say.axis(axis.get_xlabel()))
        axis.set_ylabel(say.axis(axis.get_ylabel()))
    figure.set_size_inches(size)
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(rect=(0, 0, 1, 1), w_pad=0.04, h_pad=0.04)
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "flows", "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    width, height = (round(96 * inches) for inches in size)
    return Picture(f"data:image/svg+xml;base64,{text}", alt, title, unit, width, height, entries)


def _joint_legend(pictures: Sequence[Picture]) -> Legend:
    """One legend for pictures that share their signs."""
    by_words = {entry.words: entry for one in pictures for entry in one.legend}
    return Legend(tuple(by_words.values()))


def _entries(legend: Any) -> list[Entry]:
    found = []
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        said = " ".join(text.get_text().split())
        if isinstance(handle, Patch):
            kind = "hatch" if handle.get_hatch() else "area"
            found.append(Entry(said, kind, mpl.colors.to_hex(handle.get_facecolor(), keep_alpha=True)))
        elif isinstance(handle, Line2D) and handle.get_marker() not in ("None", "none", None, "", " "):
            found.append(Entry(said, "point", mpl.colors.to_hex(handle.get_markeredgecolor())))
        elif isinstance(handle, Line2D):
            _offset, dashes = handle._dash_pattern  # type: ignore[attr-defined]
            dash = " ".join(f"{float(part):.3g}" for part in dashes) if dashes else ""
            found.append(
                Entry(said, "line", mpl.colors.to_hex(handle.get_color()), dash, handle.get_linewidth())
            )
        else:
            colours = handle.get_colors() if hasattr(handle, "get_colors") else ["#222222"]
            found.append(Entry(said, "line", mpl.colors.to_hex(colours[0])))
    return found


def _past_pictures(data: ReportData) -> list[Picture]:
    """Base run beside observations, for every outcome that has them."""
    found = []
    seen = set(data.observed["outcome"])
    say = data.say
    for outcome in data.comparison.outcomes:
        if outcome.name not in seen:
            continue
        title = say.outcome(outcome)
        row = data.summary[data.summary["outcome"] == outcome.name].iloc[0]
        alt = say(
            "{title}: model and observations, {span}. Last observation {latest}: observed {observed}, model {model}.",
            title=title, span=_span(data.base, say), latest=say.span(row["latest"]),
            observed=wording.number(row["latest_observed"]), model=wording.rounded(row["latest_model"]),
        )  # fmt: skip
        figure = figures.trajectories(data.base, [outcome], observed=data.observed, mark=_mark(data))
        note = _ceiling_note(outcome.name, data.base, say)
        made = picture(figure, title=title, unit=say.unit(outcome.unit), alt=alt, say=say)
        found.append(replace(made, note=note))
    return found


def _ceiling_note(name: str, dataset: xr.Dataset, say: Speech = ENGLISH) -> str:
    """Say where a line is flat because a capacity that was put in is reached."""
    if name not in CEILINGS or name not in dataset:
        return ""
    values = dataset[name].values.astype(float)
    top = float(values.max())
    if not top > 0 or int((values >= top * (1 - 1e-6)).sum()) < _FLAT:
        return ""
    return say("Flat at {top}: {why}.", top=wording.rounded(top), why=say(CEILINGS[name]))


def _year_before(data: ReportData) -> str:
    """First month of the pictures of scenarios: a year before the levers act."""
    year, month = data.comparison.start.split("-")
    first = f"{int(year) - 1}-{month}"
    return first if time_at_end(first) - 1 >= float(data.base["time"].values[0]) else data.comparison.start


def _mark(data: ReportData) -> tuple[str, str]:
    return data.comparison.start, data.say("levers act")


def _scenario_pictures(data: ReportData) -> list[Picture]:
    """Chosen scenarios over time."""
    chosen, say = data.comparison, data.say
    shown = [chosen.baseline, *data.chosen]
    labels = {s.name: say.scenario(s) for s in chosen.scenarios if s.name in shown}
    found = []
    for outcome in headline(chosen.outcomes):
        figure = figures.comparison(
            chosen.dataset.sel(scenario=shown),
            [outcome],
            baseline=chosen.baseline,
            labels=labels,
            start=_year_before(data),
            mark=_mark(data),
        )
        rows = chosen.at(outcome.name, data.date)
        said = "; ".join(f"{labels[name]} {wording.rounded(rows[name]['value'])}" for name in shown)
        title, unit = say.outcome(outcome), say.unit(outcome.unit)
        alt = say(
            "{title} under {count} scenarios. {date}, {unit}: {said}.",
            title=title, count=len(labels), date=say.month(data.date), unit=unit, said=said,
        )  # fmt: skip
        found.append(picture(figure, title=title, unit=unit, alt=alt, say=say))
    return found


# Tables -------------------------------------------------------------------------------------------


def _now(data: ReportData) -> list[dict[str, Any]]:
    """The base run's headline outcomes at the date."""
    found = []
    for outcome in headline(data.comparison.outcomes):
        row = data.comparison.at(outcome.name, data.date)[data.comparison.baseline]
        found.append(
            {
                "title": data.say.outcome(outcome),
                "unit": data.say.unit(outcome.unit),
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
    bands = None if data.study is None else data.study.bands
    if bands is None or outcome.name not in bands["outcome"].values:
        return {}
    values = bands["value"].sel(outcome=outcome.name)
    end = time_at_end(data.date)
    rate = outcome.unit.replace(" ", "").endswith("/Month")
    at = (
        values.sel(time=slice(end - 12, end)).mean("time") if rate else values.sel(time=end, method="nearest")
    )
    low, middle, high = (wording.rounded(float(at.sel(quantile=q))) for q in (0.05, 0.5, 0.95))
    return {"low": low, "median": middle, "high": high}


def _summary(summary: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
    return [
        {
            "title": say.title(row["outcome"], row["title"]),
            "unit": say.unit(row["unit"]) if say.foreign else row["unit"],
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


def _figures(table: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
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


def _silent(table: pd.DataFrame, say: Speech) -> list[dict[str, str]]:
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


def _groups(comparison: Comparison, say: Speech = ENGLISH) -> list[tuple[str, list[Outcome]]]:
    by_name = {outcome.name: outcome for outcome in comparison.outcomes}
    groups = [(say(head), [by_name[n] for n in names if n in by_name]) for head, names in GROUPS]
    return [(head, outcomes) for head, outcomes in groups if outcomes]


def _heads(comparison: Comparison, say: Speech) -> dict[str, str]:
    """Names of outcomes short enough for the head of a column."""
    return {o.name: wording.short(o.name, say.outcome(o), say=say) for o in comparison.outcomes}


def _tables(data: ReportData) -> dict[str, Any]:
    """Rows of scenarios: those of the pictures, the others, and courses of another date; and those without effect."""
    rows = _rows(data.drawn, data.date, _groups(data.drawn), data.say)
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
                    "mood": (mood := _mood(row, outcome) if position else ""),
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


def _mood(row: Mapping[str, Any], outcome: Outcome) -> str:
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
    over_time = _over_time(study, names, say)
    bands = _bands(study, names, month, observed, say)
    return {
        "title": say(study.study.title or study.study.name),
        "month": say.month(month),
        "runs": f"{study.runs:,}",
        "n": f"{study.study.n:,}",
        "seed": study.study.seed,
        "level": f"{100 * float(study.indices.attrs.get('level', 0.95)):.0f} %",
        "outcomes": [
            (
                wording.short(name, say.title(name, str(one["title"].sel(outcome=name).values)), say=say),
                say.unit(str(one["unit"].sel(outcome=name).values)),
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
        "legend": _legend_of_inputs(over_time, [say.variable(name) for name in ranked], say),
        "legend_bands": _joint_legend(bands),
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
        "unit": say.unit(item.units or "Dmnl") if say.foreign else item.units or "Dmnl",
        "distribution": say(str(uncertainty.distribution)),
        "low": wording.number(float(low)),
        "high": wording.number(float(high)),
        "why": say.text("whys", str(uncertainty.name), str(getattr(uncertainty, "why", "") or "")),
        "assumption": say("assumption") if is_assumption(str(uncertainty.name), model) else say("data"),
    }


def _meaning(comment: str) -> str:
    """Return what a constant is, from its comment in the model file: all before the source."""
    return re.split(r"\bSource:", " ".join(str(comment).split()), maxsplit=1)[0].strip()


def _bands(
    study: StudyResult, names: Sequence[str], month: str, observed: pd.DataFrame, say: Speech
) -> list[Picture]:
    found = []
    for name in names if study.bands is not None else ():
        assert study.bands is not None
        one = study.bands.sel(outcome=name)
        title, unit = say.title(name, str(one["title"].values)), say.unit(str(one["unit"].values))
        at = one["value"].sel(time=time_at_end(month), method="nearest")
        low, high = (wording.rounded(float(at.sel(quantile=q))) for q in (0.05, 0.95))
        alt = say(
            "{title}, {unit}: median and bands of the runs. {month}: nine tenths between {low} and {high}.",
            title=title, unit=unit, month=say.month(month), low=low, high=high,
        )  # fmt: skip
        figure = figures.fan(study.bands, name, observed=observed)
        note = " ".join(filter(None, (_held(one, name, observed, say), _flat_band(one, name, say))))
        found.append(replace(picture(figure, title=title, unit=unit, alt=alt, say=say), note=note))
    return found


def _held(band: xr.Dataset, name: str, observed: pd.DataFrame, say: Speech = ENGLISH) -> str:
    """Say how many observed values lie within nine tenths of the runs: months at their middle, stocks at their date."""
    rows = observed[(observed["outcome"] == name) & observed["period_type"].isin(("instant", "month"))]
    if rows.empty or "date" not in band.coords:
        return ""
    dates = pd.DatetimeIndex(band["date"].values)
    start, end = pd.to_datetime(rows["period_start"]), pd.to_datetime(rows["period_end"])
    at = (start + (end - start) / 2).where(rows["period_type"] == "month", end)
    seconds = dates.to_numpy().astype("datetime64[s]").astype(float)
    place = at.to_numpy().astype("datetime64[s]").astype(float)
    low, high = (
        np.interp(place, seconds, band["value"].sel(quantile=q).values.astype(float)) for q in (0.05, 0.95)
    )
    value = rows["observed"].to_numpy(dtype=float)
    inside = int(((value >= low) & (value <= high)).sum())
    return say(
        "{inside} of {all} observed values lie within nine tenths of the runs.", inside=inside, all=len(rows)
    )


def _flat_band(band: xr.Dataset, name: str, say: Speech) -> str:
    high = band["value"].sel(quantile=0.95, drop=True).rename(name)
    return _ceiling_note(name, high.to_dataset(), say)


def _over_time(study: StudyResult, names: Sequence[str], say: Speech) -> list[Picture]:
    """First-order indices over time, every input in one colour throughout."""
    weight = study.indices["ST"].fillna(0).mean(("outcome", "time"))
    ranked = [str(name) for name in study.indices["uncertainty"].values[weight.values.argsort()[::-1]]]
    hues = [*figures.PALETTE, *(_tint(colour) for colour in figures.PALETTE)]
    colours = dict(zip(ranked, hues, strict=False))
    found = []
    for name in names:
        title = say.title(name, str(study.indices["title"].sel(outcome=name).values))
        alt = say(
            "{title}: share of the variance that each input explains alone, over time. The table has the values.",
            title=title,
        )
        figure = figures.indices_over_time(study.indices, name, most=len(figures.PALETTE))
        for legend in figure.legends:
            words_said = [" ".join(text.get_text().split()) for text in legend.get_texts()]
            layers = figure.axes[0].collections
            for said, handle, layer in zip(words_said, legend.legend_handles, reversed(layers), strict=False):
                if said in colours and isinstance(handle, Patch):
                    handle.set_facecolor(colours[said])
                    layer.set_facecolor(colours[said])
        found.append(picture(figure, title=title, unit=say("share of the variance"), alt=alt, say=say))
    return found


def _legend_of_inputs(pictures: Sequence[Picture], ranked: Sequence[str], say: Speech) -> Legend:
    """One legend for all inputs, the most important first; whatever has no colour of its own last."""
    entries = {
        re.sub(r"^(?:\d+ other inputs?|otros \d+ insumos)$", say("other inputs"), e.words): e
        for e in _joint_legend(pictures).legend
    }
    order = [*(name for name in ranked if name in entries), *(name for name in entries if name not in ranked)]
    return Legend(tuple(replace(entries[name], words=name) for name in order))


def _tint(colour: str) -> str:
    """Mix a colour with white."""
    red, green, blue = ((part + 1.2) / 2.2 for part in mpl.colors.to_rgb(colour))
    return str(mpl.colors.to_hex((red, green, blue)))


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
    return sorted({str(figure.document) for figure in observations.seed_figures()})


def _assumptions(model: Any) -> tuple[int, int]:
    """Number of constants marked as assumptions, and of all constants."""
    constants = list(model.constants)
    return sum("assumption" in item.comment.lower() for item in constants), len(constants)


def _span(dataset: xr.Dataset, say: Speech) -> str:
    times = dataset["time"].values
    ends = month_of(float(times[0])), month_of(float(times[-1]) - 1)
    return say("{low} to {high}", low=say.month(ends[0]), high=say.month(ends[1]))
