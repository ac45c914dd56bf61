"""The whole report: run, compare and probe the shipped model, and write one page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from flows import claims, compare, observations, provenance, study
from flows.calendar import time_at_end
from flows.errors import FlowsError
from flows.futures import STUDY, futures_of
from flows.inputs import Scenario, find, list_scenarios, read_study, scenario_inputs
from flows.inputs.tables import shown_path
from flows.model.model import Model
from flows.pace import Progress, Stage, silent, unsaid
from flows.report import html, results, rows, tables
from flows.report.data import ReportData
from flows.report.results import study_month
from flows.report.speech import Speech, speech_of
from flows.report.standing import SUMMARY, standing_validation
from flows.report.workbook import Sheet, comparison_sheets, write_workbook
from flows.seed_figures import figure_variables, figures_against
from flows.vensim.read import read_vensim

__all__ = ["FEATURED", "build"]

FEATURED = (
    "protection-reform",
    "regional-system",
    "us-tightening",
    "containment-plus",
    "title42-return",
    "temporary-inclusion",
    "mpp-return",
)
"""Scenarios in the findings and pictures; the first five have a colour of their own."""

DRAWS, QUICK_DRAWS = 256, 16
QUICK_N = 16


def build(
    out: str | Path,
    *,
    quick: bool = False,
    lang: str = "en",
    xlsx: bool = False,
    units: Literal["error", "warn", "off"] = "error",
    stage: Stage = unsaid,
    progress: Progress = silent,
) -> Path:
    """Run, compare and probe the shipped model and write ``index.html`` with everything behind it.

    Parameters
    ----------
    out : path
        Results folder: ``index.html``, ``comparison.csv`` and ``.nc`` (one run each), ``draws.csv`` (changes with
        intervals), ``halving.csv`` and ``side-effects.csv`` (on the draws), ``observed.csv``, ``figures.csv``,
        ``claims.json``, pictures, ``study/``, ``provenance.json``.
    quick : bool
        Few samples: the indices have wide intervals, and the page says so.
    lang : str
        Language of the page: ``en`` or ``es``.
    xlsx : bool
        Write ``report.xlsx`` too: the tables as tidy sheets, and a sheet for each chosen scenario.
    units : {"error", "warn", "off"}
        What to do about units of the model that don't match.
    stage : callable
        Called with words for what begins.
    progress : callable
        Called with (runs done, runs in all) during the comparison on draws, and again during the study.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    FlowsError
        A file of the model can't be read, or the results can't be written.
    """
    started = provenance.now()
    say = speech_of(lang)
    folder = Path(out)
    provenance.check_replaceable(folder.resolve())
    stage("Reading the model")
    model = shipped_model(units)
    plan = read_study(STUDY)
    own = tuple(s for s in list_scenarios() if s.model in ("", model.name))
    scenarios, left_out = runnable(own, model)
    scenarios = tuple(s.model_copy(update={"title": say.scenario(s)}) for s in scenarios)
    outcomes = tuple(o.model_copy(update={"title": say.outcome(o)}) for o in compare.outcomes_of(model))
    baseline = next((s for s in scenarios if s.name == compare.baseline_of(scenarios).name), None)

    known = [s.name for s in scenarios]
    chosen = [n for n in FEATURED if n in known] or [n for n in known if n != compare.BASELINE][:6]
    columns = [o for o in outcomes if any(o.name in names for _, names in rows.GROUPS)] or list(outcomes)
    futures = futures_of(model, QUICK_DRAWS if quick else DRAWS)
    tested = standing_validation(folder.resolve().parent / "validation", model)
    read = [*model.paths, find("outcomes"), *observations.files(), *futures.paths]
    read += [path for s in scenarios for path in s.paths] + ([plan.path] if plan.path else [])
    read += _read_for_claims(model)
    read += find("outcomes").parent.glob(f"labels.{lang}.toml")
    read += [folder.resolve().parent / "validation" / SUMMARY] if tested is not None else []
    entry = provenance.record(inputs=read, seed=plan.seed, started=started, extra={"quick": quick})

    with provenance.results_folder(folder, entry=entry) as place:
        stage(f"Running {len(scenarios)} scenarios")
        comparison = compare.compare(
            model, scenarios, baseline=baseline, outcomes=outcomes, extra=figure_variables()
        )
        stage(f"Running each of them with {futures.draws} draws of the uncertain inputs")
        drawn = compare.compare(
            model,
            scenarios,
            baseline=baseline,
            outcomes=columns,
            draws=futures.values,
            progress=progress,
        )
        stage("Sensitivity study")
        found = study.run(
            plan,
            model=model,
            out=place / "study",
            n=QUICK_N if quick else None,
            progress=progress,
            finish=lambda result, place: _draw_study(result, place, say),
            say=say,
        )
        verdicts: tuple[claims.Verdict, ...] = ()
        if find("claims").is_file():
            stage("Holding the model against the claims of the documents")
            verdicts = claims.evaluate(claims.read_claims(), models={model.name: model})
        stage("Figures and page")
        base = comparison.dataset.sel(scenario=comparison.baseline, drop=True)
        observed = tables.observed_rows(outcomes, base)
        data = ReportData(
            model=model,
            base=base,
            observed=observed,
            summary=tables.fit_summary(observed),
            figures=figures_against(base),
            comparison=comparison,
            drawn=drawn,
            chosen=tuple(chosen),
            left_out=left_out,
            study=found,
            verdicts=verdicts,
            carried={s.name: (s.title, s.claims) for s in list_scenarios() if s.claims},
            record={**entry, "runs": found.runs + comparison.runs + drawn.runs},
            quick=quick,
            say=say,
            futures=futures,
            validation=_validation(folder),
            tested=tested,
        )
        caveat = say(compare.CAVEAT)
        compare.write(comparison, place, drawn=drawn, caveat=caveat)
        results.comparison_figures(comparison, place, only=chosen, say=say)
        results.save_csv(drawn.table.assign(caveat=caveat), place / "draws.csv")
        results.save_csv(observed.assign(caveat=caveat), place / "observed.csv")
        results.save_csv(data.figures.assign(caveat=caveat), place / "figures.csv")
        if verdicts:
            text = json.dumps([v.as_dict() for v in verdicts], indent=1, ensure_ascii=False)
            provenance.atomic_write(place / "claims.json", text + "\n")
        if xlsx:
            _workbook(data, place / "report.xlsx")
        provenance.atomic_write(place / "index.html", html.render(data))
    return folder / "index.html"


def _validation(folder: Path) -> str:
    """Address of the validation page, where it lies beside the report."""
    page = folder.resolve().parent / "validation" / "index.html"
    return "../validation/index.html" if page.is_file() else ""


def _workbook(data: ReportData, path: Path) -> None:
    """Write the tables of the report as a workbook."""
    say = data.say
    chosen = [s for s in data.drawn.scenarios if s.name in data.chosen]
    sheets = [
        *comparison_sheets(data.drawn),
        Sheet("observed", data.summary, "Error of the base run against each observed series."),
        Sheet("figures", data.figures, "Figures of the documents beside the model."),
    ]
    if data.study is not None and "ST" in data.study.indices:
        indices = data.study.indices[["S1", "S1_low", "S1_high", "ST", "ST_low", "ST_high"]].sel(
            time=[time_at_end(study_month(data.study, d)) for d in compare.DATES], method="nearest"
        )
        table = indices.to_dataframe().reset_index()
        sheets.append(
            Sheet("indices", table, "Sobol indices: the share of the variance that each input explains.")
        )
    notes = [
        ("baseline", say.scenario(data.drawn.scenarios[0])),
        ("levers act from", say.month(data.drawn.start)),
    ]
    write_workbook(path, sheets, notes=notes, scenarios=chosen, model=data.model, say=say)


def _draw_study(found: study.StudyResult, folder: Path, say: Speech) -> None:
    results.study_figures(found, folder, say=say)


def shipped_model(units: Literal["error", "warn", "off"] = "error") -> Model:
    """Read the shipped model; units that don't match are an error, unless `units` says otherwise."""
    path = find("model", "migration")
    shown = Path(shown_path(path))
    return read_vensim(shown if shown.is_file() else path, units=units)


def _read_for_claims(model: Model) -> list[Path]:
    """Files that the verdicts on claims rest on beside those of the report: the claims, and other models' scenarios."""
    if not find("claims").is_file():
        return []
    others = [s for s in list_scenarios() if s.model not in ("", model.name)]
    models = dict.fromkeys(find("model", s.model) for s in others)
    return [find("claims"), *models, *(path for s in others for path in s.paths)]


def runnable(
    scenarios: tuple[Scenario, ...], model: Model
) -> tuple[tuple[Scenario, ...], tuple[tuple[Scenario, str], ...]]:
    """Part scenarios into those that a model can run and those that it can't, with the reason."""
    able, unable = [], []
    for scenario in scenarios:
        try:
            scenario_inputs(scenario, model)
            able.append(scenario)
        except FlowsError as error:
            unable.append((scenario, str(error)))
    return tuple(able), tuple(unable)
