"""Command line: arguments → library call → print. The one module that prints.

Exit codes: 0 fine; 1 the user's mistake, usage errors too; 2 ours; 130 interrupted. Everything heavy is
imported inside the commands, so that ``flows --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
import textwrap
import threading
import time as clock
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import flows
from flows.errors import FlowsError, InputError, ResultError, near

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console
    from rich.table import Table

    from flows.claims import Claim, Finding, Verdict
    from flows.inputs import Outcome
    from flows.inspection import Finding as Remark
    from flows.model.model import Model

__all__ = ["app", "main"]

FINE, USER, OURS, INTERRUPTED = 0, 1, 2, 130
USAGE: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""Base of typer's usage errors, whichever copy of click it brings."""

OUTPUTS = Path("outputs")
WIDTH = 150
"""Columns of a table where there is no terminal to fit it to."""

NARROW = 120
"""Columns below which tables stack two numbers in one cell."""

SLOW = (
    "PySD is the slow reference: for the shipped model it takes some minutes for each year of the run "
    "(its first 60 months were measured at 260 s on two busy cores); --until shortens it"
)
_PULSE = 30.0  # seconds between signs of life of the slow engine
_FEW = 256  # samples below which the intervals of a study are very wide

_LONGEST = 80  # letters of a folder's name

app = typer.Typer(
    name="flows",
    help="A stock-and-flow model of migration through Mexico: run it, compare policies, probe its uncertainties.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Engine(StrEnum):
    """Which engine runs the model."""

    auto = "auto"
    compiled = "compiled"
    pysd = "pysd"


class Units(StrEnum):
    """What to do about units that don't match."""

    error = "error"
    warn = "warn"
    off = "off"


Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Results folder; default outputs/NAME.", show_default=False),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own by default.

    Returns
    -------
    int
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with _patient_streams():
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    try:
        with _warnings_as_lines():
            code = app(
                args=None if arguments is None else list(arguments), prog_name="flows", standalone_mode=False
            )
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else FINE
    except FlowsError as error:
        if os.environ.get("FLOWS_DEBUG") == "1":
            traceback.print_exc()
        return _fail(str(error), USER)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("Interrupted.", INTERRUPTED)
    except USAGE as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "flows"
        return _fail(f"{error.format_message().rstrip('.')}. See: {path} --help", USER)
    except Exception as error:
        return _fail(_ours(error), OURS)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        print(f"flows {flows.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


# Commands -----------------------------------------------------------------------------------------


ModelFile = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="FILE", help="A Vensim model in place of the shipped one.", show_default=False
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="'VARIABLE=VALUE'",
        help="Change a constant, an initial value or a control variable; repeatable.",
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="MONTH", help="Last month of the run, such as 2030-12.")
]


@app.command()
def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A scenario, or several joined by +. [default: current-course]", show_default=False
        ),
    ] = None,
    model: ModelFile = None,
    settings: Settings = None,
    until: Until = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="Flows' own engine, or PySD: the slow reference, minutes for each year of the shipped model."
        ),
    ] = Engine.auto,
    units: Annotated[
        Units | None,
        typer.Option(
            help="What to do about units that don't match. [default: error; warn with --model]",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Whether to draw.")] = True,
) -> None:
    """Run the model once: trajectories, a figure, and a table against what was observed.

    A model file with the outcomes of the shipped model is treated as that one is; of any other, the stocks are
    shown.
    """
    from flows import observations, provenance
    from flows.compare import BASELINE, CAVEAT, outcomes_of, settings_words
    from flows.ensemble import NonFiniteWarning, simulate
    from flows.inputs import find, read_scenario, scenario_inputs, settings_inputs
    from flows.report.results import write_run
    from flows.report.tables import fit_summary, observed_rows

    shipped = model is None
    chosen = None
    if scenario is not None or shipped:
        chosen = read_scenario(BASELINE if scenario is None else scenario)
    built = _read_model(model, units, chosen.model if chosen else "")
    outcomes = outcomes_of(built) if shipped or _is_familiar(built) else ()
    inputs = scenario_inputs(chosen, built) if chosen is not None else {}
    changed = settings_inputs(settings or (), built)
    name = "+".join(filter(None, (None if shipped else built.name, chosen.name if chosen else None)))
    words = f" with {settings_words(changed)}" if changed else ""
    folder = out or OUTPUTS / _folder_name(name + words)
    last = _until(until, built)
    older = _older(folder)
    with _patience(engine), warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)  # refused below
        dataset = simulate(
            built,
            {**inputs, **changed},
            engine=engine.value,
            save_every=1 if outcomes and not _sets(changed, "saveper") else None,
            until=last,
        )
    _refuse_non_finite(dataset, engine)
    _refuse_absurd(dataset, built)
    rows = observed_rows(outcomes, dataset) if outcomes else None
    title = (chosen.title if chosen else built.name) + words
    if chosen and not shipped:
        title += f" in {built.name}"
    read = [built.path, *(chosen.paths if chosen else ())]
    if outcomes:
        read += [find("outcomes"), *observations.files()]
    with provenance.results_folder(
        folder, inputs=read, extra={"settings": changed, "scenario": name}
    ) as place:
        write_run(dataset, place, model=built, outcomes=outcomes, observed=rows, title=title, figure=figures)
    if rows is not None:
        _print_outcomes(title, outcomes, dataset, fit_summary(rows))
        _say(CAVEAT)
    else:
        _print_stocks(title, _stock_rows(dataset, built), dataset)
        if chosen:
            _say(CAVEAT)
    _written(folder, older)


Draws = Annotated[
    int, typer.Option("--draws", min=0, help="Draws of the uncertain inputs; 0 for the model's own values.")
]


@app.command()
def compare(
    scenarios: Annotated[list[str], typer.Argument(help="Scenarios; each can be several joined by +.")],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="FILE",
            help="An edited model: the scenarios in it beside current-course in the shipped one.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    until: Until = None,
    draws: Draws = 64,
    out: Out = None,
) -> None:
    """Compare scenarios with current-course: table, CSV, figure.

    With --set, every scenario is run with the settings too; with --model, in that model. So
    flows compare current-course --set 'filing delay=3' shows what this one number does. All scenarios meet the same
    draws of the uncertain inputs of the report's study.
    """
    from flows import compare as comparing
    from flows import provenance
    from flows.inputs import find, read_scenario, settings_inputs
    from flows.report.results import comparison_figures

    baseline = read_scenario(comparing.BASELINE)
    chosen = [read_scenario(name) for name in dict.fromkeys(scenarios)]
    if model is None and not settings and all(s.name == baseline.name for s in chosen):
        raise comparing.nothing_to_compare(baseline.name)
    built = _read_model(None, None)
    edited = None if model is None else _read_model(model, None)
    changed = settings_inputs(settings or (), built if edited is None else edited)
    if _sets(changed, "saveper"):
        raise InputError("a comparison is saved month by month", where="--set", remedy="Leave SAVEPER out")
    last = _until(until, built)
    name = "compare-" + "-".join(s.name for s in chosen) + (f"-in-{edited.name}" if edited else "")
    words = f" with {comparing.settings_words(changed)}" if changed else ""
    folder = out or OUTPUTS / _folder_name(name + words)
    older = _older(folder)
    at = "2030-12"
    if last is not None:
        from flows.calendar import month_of, time_at_end

        end = time_at_end(last) if isinstance(last, str) else last
        at = month_of(end - 1)
    values, plan = _drawn(draws)
    with _working("Running the scenarios"):
        comparison = comparing.compare(
            built,
            chosen,
            baseline=baseline,
            settings=changed,
            edited=edited,
            until=last,
            draws=values,
            dates=sorted({*comparing.DATES, at}),
        )
    read = [built.path, find("outcomes"), *(path for s in comparison.scenarios for path in s.paths)]
    read += [edited.path] if edited is not None else []
    read += [plan.path] if values and plan.path else []
    with provenance.results_folder(
        folder,
        inputs=read,
        seed=plan.seed if values else None,
        extra={"settings": changed, "draws": comparison.draws},
    ) as place:
        comparing.write(comparison, place)
        comparison_figures(comparison, place)
    _print_comparison(comparison, at)
    if comparison.draws:
        _print_odds(comparison, at)
    _say(comparing.CAVEAT)
    _written(folder, older)


@app.command()
def levers(
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            "--outcome",
            metavar="NAME",
            help="An outcome to rank by; repeatable. [default: human cost and backlogs]",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="MONTH", help="Month at which effects are read.")
    ] = "2030-12",
    draws: Draws = 64,
    scenario: Annotated[
        str,
        typer.Option(
            "--scenario", metavar="NAME", help="What levers are moved from; it may set none itself."
        ),
    ] = "current-course",
    out: Out = None,
) -> None:
    """Rank all levers by their effect, each moved as far as history moved it: table, CSV, figure.

    How far and why stands in models/lever-changes.toml. All levers meet the same draws of the uncertain inputs of the
    report's study.
    """
    from flows import levers as ranking
    from flows import provenance
    from flows.compare import CAVEAT, outcomes_of
    from flows.inputs import find, read_scenario, resolve_outcome
    from flows.report import figures
    from flows.report.ranked import levers_figure
    from flows.report.results import SOURCE

    base = read_scenario(scenario)
    built = _read_model(None, None)
    known = outcomes_of(built)
    chosen = [resolve_outcome(name, known, model=built, where="--outcome") for name in outcome or ()]
    values, plan = _drawn(draws)
    default = base.name == "current-course" and not chosen
    folder = out or OUTPUTS / (
        "levers" if default else _folder_name("-".join(("levers", base.name, *(o.name for o in chosen))))
    )
    older = _older(folder)
    with _progress("Levers") as progress:
        found = ranking.rank(
            built,
            draws=values,
            scenario=base,
            outcomes=tuple(dict.fromkeys(chosen)) or None,
            date=at,
            progress=progress,
        )
    read = [built.path, find("outcomes"), find("lever-changes"), *base.paths]
    read += [plan.path] if plan.path else []
    with provenance.results_folder(
        folder, inputs=read, seed=plan.seed if values else None, extra={"draws": found.draws}
    ) as place:
        ranking.write(found, place)
        figures.save(levers_figure(found, source=SOURCE), place / "levers")
    _print_levers(found)
    _say(
        "Effect: difference from the baseline on the same draw, median and 90 % interval; ? marks a size that is an "
        "assumption. Worse: an outcome that gets worse by more than 1 % in nine draws of ten (all in levers.csv)."
    )
    _say(CAVEAT)
    _written(folder, older)


@app.command()
def solve(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A lever or another constant of the model, or one element of it."
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="TARGET",
            help="Such as 'COMAR wait@2030-12 < 6'; on the right also OUTCOME@MONTH.",
            show_default=False,
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="'VARIABLE=VALUE'", help="Under this setting; repeatable."),
    ] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="NAME", help="A scenario, or several joined by +.")
    ] = "current-course",
    probability: Annotated[
        float, typer.Option("--probability", metavar="P", help="Share of draws that has to meet the target.")
    ] = 0.8,
    between: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--between",
            metavar="LOW HIGH",
            help="Range searched. [default: the declared one]",
            show_default=False,
        ),
    ] = None,
    draws: Draws = 64,
    out: Out = None,
) -> None:
    """Find how much is needed: the smallest change of a lever that meets a target with a stated probability."""
    from flows import provenance
    from flows import solve as solving
    from flows.compare import CAVEAT, settings_words
    from flows.inputs import find, read_scenario, settings_inputs
    from flows.report import figures
    from flows.report.ranked import response_figure
    from flows.report.results import SOURCE

    base = read_scenario(scenario)
    built = _read_model(None, None)
    wanted = solving.read_target(target, built)
    changed = settings_inputs(settings or (), built, option="--with")
    if any(_sets(changed, control) for control in ("saveper", "initial time", "final time", "time step")):
        raise InputError("a control variable can't be set here", where="--with", remedy="Leave it out")
    values, plan = _drawn(draws)
    words = f" with {settings_words(changed)}" if changed else ""
    asked = str(wanted).replace("<", "below").replace(">", "above").replace("=", "")
    folder = out or OUTPUTS / _folder_name(f"solve-{name} for {asked} p{probability:g} {base.name}{words}")
    older = _older(folder)
    with _progress("Solving") as progress:
        found = solving.solve(
            built,
            name,
            wanted,
            draws=values,
            probability=probability,
            scenario=base,
            settings=changed,
            between=between,
            progress=progress,
        )
    read = [built.path, find("outcomes"), *base.paths] + ([plan.path] if plan.path else [])
    answer = {
        "target": str(wanted), "probability": probability, "nearest": found.nearest, "met": found.met,
        "below": found.below, "above": found.above, "monotone": found.monotone, "settings": changed,
    }  # fmt: skip
    with provenance.results_folder(
        folder, inputs=read, seed=plan.seed if values else None, extra={"answer": answer}
    ) as place:
        solving.write(found, place)
        figures.save(response_figure(found, source=SOURCE), place / "solve")
    _print_solution(found)
    _say(CAVEAT)
    _written(folder, older)


def _print_solution(found: Any) -> None:
    """Print the answer in a sentence or two, and the response that it stands on."""
    unit = found.target.left.outcome.unit
    table = _table(
        f">{found.name}", ">share that meets", f">median, {unit}", ">90 % interval", title=str(found.target)
    )
    rows = found.table.to_dict("records")
    told = {found.start, found.below, found.above, *_evenly([row["value"] for row in rows], found)}
    for row in rows:
        if row["value"] in told:
            mark = " (start)" if row["value"] == found.start else ""
            table.add_row(
                f"{row['value']:.5g}{mark}",
                f"{row['probability']:.2f}",
                _number(row["median"]),
                f"{_number(row['low'])} to {_number(row['high'])}",
            )
    _console().print(table)
    for sentence in found.sentences():
        print(sentence)


def _evenly(values: Sequence[float], found: Any) -> list[float]:
    """Choose the values of the first reading, without those that halving added."""
    from flows.solve import GRID

    step = (found.high - found.low) / (GRID - 1)
    return [v for v in values if abs((v - found.low) / step - round((v - found.low) / step)) < 1e-9]


def _drawn(count: int) -> tuple[dict[str, Any], Any]:
    """Draw the uncertain inputs of the report's study; none for a count of zero."""
    from flows.inputs import read_study
    from flows.report.build import STUDY, sample

    plan = read_study(STUDY)
    return (sample(plan, count) if count else {}), plan


@app.command()
def study(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A study file, the name of a shipped study, or Vensim's sensitivity control (.vsc).",
        ),
    ],
    out: Out = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="FILE",
            help="A Vensim model in place of the one that the study names; of a .vsc by default the one beside it.",
            show_default=False,
        ),
    ] = None,
    savelist: Annotated[
        Path | None,
        typer.Option(
            "--savelist",
            metavar="FILE",
            help="Vensim's save list (.lst) with the outcomes of a .vsc; by default the one beside it.",
            show_default=False,
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FOLDER",
            help="Run nothing; write the study for Vensim: sample table, .vsc, .lst and .cin.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            metavar="N",
            help="Make the runs in N worker processes (Dask).",
            show_default=False,
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Make the runs on a running Dask cluster, such as tcp://host:8786.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, help="Samples in place of the file's own number; a power of 2 for Sobol."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from an attempt that was stopped.")
    ] = True,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend", help="Go on from the finished Sobol results to twice their samples, or to --n."
        ),
    ] = False,
) -> None:
    """Run a sensitivity study as its file says: Sobol, Morris, plain draws or a tornado; says whether it was enough."""
    from flows.compare import CAVEAT
    from flows.report.results import study_figures, study_month
    from flows.study import run as run_study

    if workers is not None and cluster is not None:
        raise InputError(
            "workers are started here or belong to a cluster",
            where="--workers, --cluster",
            remedy="Give one of the two",
        )
    plan = _read_study(file, model, savelist)
    if export is not None:
        from flows.study.export import export as export_study

        for path in export_study(plan, export, n=n):
            _say(f"Written: {path}")
        return
    folder = out or OUTPUTS / _folder_name(plan.name)

    older = _older(folder)
    done, total = 0, 0

    def draw(result: Any, place: Path) -> None:
        _stage("Figures")
        study_figures(result, place)

    try:
        with _progress(plan.title or plan.name) as show:

            def progress(finished: int, of: int) -> None:
                nonlocal done, total
                done, total = finished, of
                show(finished, of)

            result = run_study(
                plan,
                out=folder,
                n=n,
                resume=resume,
                extend=extend,
                workers=workers,
                cluster=cluster,
                progress=progress,
                stage=_stage,
                finish=draw,
            )
    except KeyboardInterrupt:
        _stopped(done, total)
        raise
    _print_indices(result, study_month(result, "2030-12"))
    for sentence in result.verdict:
        _say(sentence)
    _say(CAVEAT)
    _console(stderr=True).print(f"{result.runs:,} runs in {result.seconds:.0f} s.", style="dim")
    _written(folder, older)


def _read_study(file: str, model: Path | None, savelist: Path | None) -> Any:
    """Read a study file or Vensim's sensitivity control."""
    from flows.inputs import find, read_study

    if Path(file).suffix.lower() != ".vsc":
        if savelist is not None:
            raise InputError("a save list belongs to a .vsc", where="--savelist", found=str(savelist))
        plan = read_study(file)
        return plan if model is None else plan.model_copy(update={"model": str(find("model", model))})
    from flows.vensim.companions import read_control

    path = find("study", file)
    beside = find("model", model) if model is not None else path.with_suffix(".mdl")
    if not beside.is_file():
        raise InputError(
            "a sensitivity control doesn't name its model", where=str(path), remedy="Give it with --model"
        )
    return read_control(
        path, model=flows.read_vensim(beside, units="off"), model_path=beside, savelist=savelist
    )


def _stopped(done: int, total: int) -> None:
    """Say what is kept of a study that somebody stopped."""
    if not done:
        words = "Stopped before the first runs were finished; nothing is kept."
    else:
        words = (
            f"Stopped: {done:,} of {total:,} runs are finished and kept; the same command goes on from there."
        )
    print("\n" + words, file=sys.stderr, flush=True)


Sections = Annotated[
    list[str] | None,
    typer.Option(
        "--section", metavar="TEXT", help="Only sections whose name holds this, such as 3; repeatable."
    ),
]


@app.command()
def claims(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Claims by id, such as S3-38; all by default."),
    ] = None,
    section: Sections = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME", help="Only those that a scenario carries."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="WORD",
            help="Only input, fitted, emergent, put in, outside; or reproduced, in part, not reproduced; repeatable.",
        ),
    ] = None,
    central: Annotated[
        bool, typer.Option("--central", help="Only those that the model must speak to.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 if a statement doesn't hold.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict to a JSON file.")
    ] = None,
    draws: Annotated[
        Path | None,
        typer.Option(
            "--draws",
            metavar="FILE",
            help="A CSV file of draws, a column for each constant: the share of them in which a statement holds.",
            show_default=False,
        ),
    ] = None,
    model: ModelFile = None,
) -> None:
    """Hold the model against what its sources say: which claims it reproduces, which it doesn't, and why.

    Each claim is a statement on outcomes (models/claims.csv), or stands outside the boundary of the model with a
    reason. A difference within one per cent counts as none, unless the statement says otherwise; figures carry their
    own tolerance. The table says by how much the claim holds (the weakest of its statements; of a figure, how far the
    model lies from it), which statements fail (✗) and what in the structure decides (←). With ids, all statements are
    shown with their numbers.
    """
    from flows.claims import evaluate, read_claims, read_draws
    from flows.compare import CAVEAT

    values = None if draws is None else read_draws(draws)
    chosen = _chosen_claims(read_claims(), ids or (), section or (), scenario, status or (), central)
    models = {} if model is None else {"migration": _read_model(model, None)}
    if model is None:
        models["migration"] = _read_model(None, None)
    with _progress("Claims") as progress:
        verdicts = evaluate(chosen, models=models, draws=values, progress=progress)
    results = [word for word in status or () if word in _RESULTS]
    if results:
        verdicts = tuple(v for v in verdicts if v.result in results)
    if json_file is not None:
        _write_json(json_file, [v.as_dict() for v in verdicts])
    _print_claims(verdicts, in_full=bool(ids))
    _say(CAVEAT)
    if strict and any(not f.holds for v in verdicts for f in v.findings):
        raise typer.Exit(1)


_RESULTS = ("reproduced", "in part", "not reproduced")


def _chosen_claims(
    every: Sequence[Claim],
    ids: Sequence[str],
    sections: Sequence[str],
    scenario: str | None,
    status: Sequence[str],
    central: bool,
) -> tuple[Claim, ...]:
    """Select claims as the options say; refuse what is unknown."""
    from typing import get_args

    from flows.claims import Status, claims_of
    from flows.inputs import read_scenario

    by_id = {claim.id.lower(): claim for claim in every}
    for name in ids:
        if name.lower() not in by_id:
            raise InputError(f'no claim "{name}"', remedy=near(name, [claim.id for claim in every]))
    words = (*get_args(Status), *_RESULTS)
    for word in status:
        if word not in words:
            raise InputError(
                "not a status", where="--status", found=f'"{word}"', expected=", ".join(words),
                remedy=near(word, words),
            )  # fmt: skip
    found = list(by_id[name.lower()] for name in dict.fromkeys(ids)) or list(every)
    if scenario is not None:
        carried = {claim.id for claim in claims_of(read_scenario(scenario), every)}
        found = [claim for claim in found if claim.id in carried]
    for text in sections:
        if not any(text.lower() in claim.section.lower() for claim in every):
            names = dict.fromkeys(claim.section for claim in every)
            raise InputError(f'no section "{text}"', expected="one of " + "; ".join(names))
    if sections:
        found = [c for c in found if any(text.lower() in c.section.lower() for text in sections)]
    kinds = [word for word in status if word not in _RESULTS]
    if kinds:
        found = [claim for claim in found if claim.status in kinds]
    found = [claim for claim in found if claim.central or not central]
    if not found:
        raise InputError("no claim is left", remedy="Leave out one of the options")
    return tuple(found)


@app.command()
def report(
    out: Out = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Few samples, so that it takes seconds; indices have wide intervals."),
    ] = False,
) -> None:
    """Run, compare and probe the shipped model; write one self-contained HTML page."""
    from flows.report.build import build

    folder = out or OUTPUTS / "report"
    older = _older(folder)
    began = clock.monotonic()
    with _progress("Report") as progress:
        page = build(folder, quick=quick, runs=progress, stage=_stage)
    _console(stderr=True).print(f"Done in {clock.monotonic() - began:.0f} s.", style="dim")
    if older:
        _say("It replaces the older report.", stderr=True)
    print(_shown(page))


@app.command()
def docs(model: ModelFile = None, out: Out = None) -> None:
    """Write the model book: a page for each sector with every equation, the feedback loops, the boundary."""
    from flows.report.book import make

    built = _read_model(model, None)
    with _working("Writing the pages"):
        page = make(built, out or OUTPUTS / "book" / built.name, shipped=model is None)
    print(_shown(page))


@app.command(name="list")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="scenarios|levers|outcomes|studies|runs", help="What to list.")
    ],
) -> None:
    """List what is shipped: scenarios, levers, outcomes or studies; or runs: every results folder under outputs."""
    lists: dict[str, Callable[[], Table]] = {
        "scenarios": _scenarios, "levers": _levers, "outcomes": _outcomes, "studies": _studies,
        "runs": _runs,
    }  # fmt: skip
    if what not in lists:
        raise InputError(
            f'nothing to list under "{what}"', expected="one of " + ", ".join(lists), remedy=near(what, lists)
        )
    _console().print(lists[what]())


@app.command()
def conform(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of .mdl files beside output.csv or output.tab.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict to a JSON file.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Run each model through PySD too.")
    ] = True,
) -> None:
    """Run models with canonical output and compare; exit code 1 if the compiled engine differs from one."""
    from flows.conform import WIDER
    from flows.conform import conform as verdicts_of

    with _progress("Conformance") as progress:
        engines: tuple[Any, ...] = ("compiled", "pysd") if reference else ("compiled",)
        verdicts = list(verdicts_of(folder, engines=engines, progress=progress))
    shown = [v for v in verdicts if v.status != "agrees" or v.reason]
    table = _table("model", "engine", "verdict", ">difference", "where or why")
    for v in shown:
        table.add_row(
            v.model, v.engine, v.status, f"{v.worst:.1e}" if v.worst else "", v.variable or v.reason
        )
    if shown:
        _console().print(table)
    for engine in dict.fromkeys(v.engine for v in verdicts):
        own = [v.status for v in verdicts if v.engine == engine]
        counts = ", ".join(f"{own.count(s)} {s}" for s in dict.fromkeys(own))
        print(f"{engine}: {len(own)} models, {counts}")
    for name, (tolerance, why) in WIDER.items():
        if any(v.model.endswith(name) for v in verdicts):
            print(f"wider tolerance {tolerance:g} for {name}: {why}")
    if json_file is not None:
        _write_json(json_file, [v.as_dict() for v in verdicts])
    if any(v.status == "differs" and v.engine == "compiled" for v in verdicts):
        raise typer.Exit(1)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Vensim models.", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Leave the notes out.")] = False,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the findings as JSON too.", show_default=False),
    ] = None,
) -> int:
    """Check models, everything at once: mistakes with their place and a remedy, doubts, and what is missing.

    Exit code 1 if there is an error (with --strict, a warning too), else 0. A clouds.toml beside a file names flows
    that come from and go to clouds.
    """
    from dataclasses import asdict

    from flows.inspection import LEVELS, inspect

    found: list[Remark] = []
    for file in files:
        with _working(f"Checking {file.name}"):
            findings = inspect(file)
        found += findings
        for finding in findings:
            if finding.level != "note" or not quiet:
                _print_check(finding)
        counts = {level: sum(f.level == level for f in findings) for level in LEVELS}
        print(f"{file}: " + ", ".join(f"{n} {level}{'s' * (n != 1)}" for level, n in counts.items()))
    if as_json is not None:
        _write_json(as_json, [asdict(f) for f in found])
    bad = {"error", "warning"} if strict else {"error"}
    return USER if any(f.level in bad for f in found) else FINE


@app.command()
def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model with a sketch.")],
    view: Annotated[
        list[str] | None,
        typer.Option("--view", metavar="NAME", help="Only this view; repeatable.", show_default=False),
    ] = None,
    out: Out = None,
) -> None:
    """Draw the views of a model from its own sketch, as SVG and PNG."""
    from flows import provenance
    from flows.diagrams import draw as drawing
    from flows.vensim.sketch import read_sketch

    sketch, _ = read_sketch(file)
    if not sketch.views:
        raise InputError("the file has no views", where=str(file), remedy=f"Lay it out: flows layout {file}")
    chosen = [sketch.view(name) for name in view] if view else list(sketch.views)
    folder = out or OUTPUTS / _folder_name(f"{file.stem}-views")
    older = _older(folder)
    stems = [f"{n:02d}-{_folder_name(v.name)}" for n, v in enumerate(sketch.views, 1) if v in chosen]
    with provenance.results_folder(folder, inputs=[file]) as place, _progress("Drawing") as progress:
        for number, (one, stem) in enumerate(zip(chosen, stems, strict=True)):
            progress(number, len(chosen))
            drawing.write(one, place, stem)
    table = _table("view", ">words", ">arrows", "file")
    for one, stem in zip(chosen, stems, strict=True):
        arrows = sum(not a.pipe for a in one.arrows)
        table.add_row(one.name, str(len(one.words)), str(arrows), f"{stem}.svg")
    _console().print(table)
    _written(folder, older)


@app.command()
def layout(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model.")],
    view: Annotated[
        list[str] | None,
        typer.Option(
            "--view", metavar="NAME", help="Lay out this view anew; repeatable.", show_default=False
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Drop all views and lay out the whole model.")] = False,
    signs: Annotated[
        bool, typer.Option("--signs", help="Mark arrows with + or - as a run of the model finds them.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write; the file itself by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Give variables that stand on no view a place; words placed by hand stay where they are.

    Equations and settings keep every byte. Named loops come from loops.toml beside the file, if there is one, and
    the places of sectors on the overview from overview.toml.
    """
    from flows.diagrams.arrange import arrange, loops_of, polarities
    from flows.diagrams.layout import quality
    from flows.inputs.places import read_places
    from flows.provenance import atomic_write
    from flows.vensim.read import read_vensim
    from flows.vensim.sketch import read_sketch

    if anew and view:
        raise InputError("--anew lays out every view", where="--view", remedy="Leave one of the two out")
    sketch, encoding = read_sketch(file)
    model = read_vensim(file, units="off")
    loops = loops_of(model, file.with_name("loops.toml"))
    marks = None
    if signs:
        from flows.loops import link_signs

        _stage("Signs of links")
        marks = polarities(link_signs(model).signs)
    made = arrange(
        sketch,
        model,
        anew=anew,
        views=view or (),
        loops=loops,
        marks=marks,
        places=read_places(file.with_name("overview.toml")) if anew else None,
        progress=_stage,
    )
    changed = [v for v in made.views if v not in sketch.views]
    if changed:
        table = _table("view", ">words", ">arrows", ">crossings", ">overlaps", ">arrow length")
        for one in changed:
            found = quality(one)
            counts = (found.words, found.arrows, found.crossings, found.overlaps, round(found.length))
            table.add_row(one.name, *map(str, counts))
        _console().print(table)
    else:
        _say("Every variable stands on a view already.")
    if changed or out is not None:
        print(_shown(atomic_write(out or file, made.text.encode(encoding))))


# Lists --------------------------------------------------------------------------------------------


def _scenarios() -> Table:
    from flows.inputs import list_scenarios

    table = _table("scenario", "kind", "title", "source")
    for scenario in list_scenarios(broken=lambda error: _say(f"Left out: {error}", stderr=True)):
        table.add_row(scenario.name, scenario.kind, scenario.title, scenario.source)
    return table


def _levers() -> Table:
    table = _table("lever", ">neutral", ">lowest", ">highest", "unit", "what it is")
    for item in _read_model(None, Units.off).levers:
        low, high = item.range or (None, None)
        numbers = (_number(float(str(item.value))), _number(low), _number(high))
        table.add_row(item.name, *numbers, item.units or "Dmnl", " ".join(item.comment.split()))
    return table


def _outcomes() -> Table:
    from flows.inputs import read_outcomes

    table = _table("outcome", "unit", "counts", "better", "observed", "title")
    for outcome in read_outcomes():
        table.add_row(
            outcome.name,
            outcome.unit,
            outcome.kind,
            outcome.better,
            "yes" if outcome.series else "no",
            outcome.title,
        )
    return table


def _studies() -> Table:
    from flows.inputs import list_studies

    table = _table("study", ">uncertainties", ">samples", "scenario", "title")
    for plan in list_studies():
        table.add_row(plan.name, str(len(plan.uncertainties)), f"{plan.n:,}", plan.scenario, plan.title)
    return table


def _runs() -> Table:
    from flows.provenance import kept

    table = _table("folder", "kind", "finished (UTC)", "command")
    for found in kept(OUTPUTS):
        date = found.finished.replace("T", " ").removesuffix("+00:00")[:16]
        table.add_row(_shown(found.folder), found.kind, date, found.command)
    return table


# Results on the screen ------------------------------------------------------------------------------


def _print_outcomes(
    title: str, outcomes: Sequence[Outcome], dataset: xr.Dataset, summary: pd.DataFrame
) -> None:
    from flows.calendar import label
    from flows.compare import HUMAN_COST, level

    last = float(dataset["time"].values[-1])
    by_outcome = {str(row["outcome"]): row for row in summary.to_dict("records")}
    narrow = _width() < NARROW
    heads = ["outcome", ">model, " + (_short_month(label(last - 1)) if last >= 1 else "start")]
    if narrow:
        heads += [">last observed", ">model then", ">error % then, overall"]
    else:
        heads[1:1] = ["unit"]
        heads += ["last observed", ">observed", ">model then", ">error % then", ">error % overall"]
    table = _table(*heads, title=title)
    for outcome in sorted(outcomes, key=lambda o: o.name not in HUMAN_COST):
        values = outcome.values(dataset)
        shown = _number(float(level(values, outcome.unit, last)), _size(values.values, outcome.kind))
        name = (outcome.title or outcome.name) + (" (human cost)" if outcome.name in HUMAN_COST else "")
        row = by_outcome.get(outcome.name)
        blank = ["none"] + [""] * (2 if narrow else 4)
        if row is not None:
            observed, model = _number(row["latest_observed"]), _number(row["latest_model"])
            latest = _short_month(row["latest"])
            error, overall = _signed(row["latest_error"]), f"{row['error']:,.0f} ({row['number']})"
            if narrow:
                blank = [f"{observed}\n{latest}", model, f"{error}\n{overall}"]
            else:
                blank = [latest, observed, model, error, overall]
        table.add_row(*([f"{name}, {outcome.unit}"] if narrow else [name, outcome.unit]), shown, *blank)
    _console().print(table)
    _say(f"Model, {label(last - 1) if last >= 1 else 'start'}: {RULE}")
    if by_outcome:
        _say(
            "Observed values of a month or a year are totals, and so is the model then. error % then: how far the "
            "model lies from the last observed value. error % overall, such as 21 (12): all absolute differences "
            "together are 21 % of all that was observed, over 12 periods."
        )


RULE = "rates are means of the twelve months to then, all else is at the end of the month."


def _write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows to the file that ``--json`` names; nobody's other file is replaced."""
    from flows.provenance import atomic_write

    where = f"--json {path}"
    if path.exists() and path.suffix.lower() != ".json":
        raise InputError(
            "a file or folder that isn't JSON stands there",
            where=where,
            remedy="Choose a name that ends in .json",
        )
    if not path.absolute().parent.is_dir():
        raise InputError("there is no such folder", where=where, remedy="Make it first")
    atomic_write(path, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    _console(stderr=True).print(f"Written to {_shown(path)}.", style="dim")


def _print_stocks(title: str, rows: pd.DataFrame, dataset: xr.Dataset) -> None:
    from flows.calendar import label

    times = dataset["time"].values
    unit = str(dataset["time"].attrs.get("units", ""))
    if "date" in dataset.coords:
        first, last = (
            f"start of {_short_month(label(times[0]))}",
            f"end of {_short_month(label(times[-1] - 1e-6))}",
        )
    else:
        years = unit.lower().rstrip("s") == "year"
        first, last = (
            f"in {time:g}" if years else f"at {time:g} {unit}".rstrip() for time in (times[0], times[-1])
        )
    table = _table("stock", "unit", ">" + first, ">" + last, ">least", ">most", title=title)
    for row in rows.head(60).to_dict("records"):
        size = max(abs(float(row["least"])), abs(float(row["most"])))
        numbers = [_number(float(row[key]), 1e-9 * size) for key in ("first", "last", "least", "most")]
        table.add_row(str(row["name"]), str(row["unit"]), *numbers)
    _console().print(table)
    if any(str(name).endswith(_SUM) for name in rows["name"]):
        _say("A stock with subscripts is shown as the sum of its elements; trajectories.csv has each.")
    if len(rows) > 60:
        _say(f"… and {len(rows) - 60} more in trajectories.csv")


_SUM = " (sum)"


def _stock_rows(dataset: xr.Dataset, model: Model) -> pd.DataFrame:
    """Tabulate the stocks, the elements of each added up."""
    from flows.report.results import stocks_table

    many = {str(n): f"{n}{_SUM}" for n, a in dataset.data_vars.items() if any(d != "time" for d in a.dims)}
    whole = dataset.map(
        lambda array: array.sum([dim for dim in array.dims if dim != "time"]), keep_attrs=True
    )
    rows = stocks_table(whole, model)
    return rows.assign(name=[many.get(str(name), str(name)) for name in rows["name"]])


def _print_comparison(comparison: Any, at: str) -> None:
    from flows.compare import HUMAN_COST, words

    dates = list(comparison.table["date"])
    date = at if at in dates else dates[-1]
    names = [s.name for s in comparison.scenarios]
    narrow = _width() < NARROW
    room = _width() - (32 if narrow else 56) - 13
    each = max(1, room // (15 if narrow else 24))
    title: str | None = f"{words(date)}: level, and change from {names[0]} in brackets"
    for start in range(1, len(names), each):
        part = names[start : start + each]
        heads = ["outcome", *([] if narrow else ["unit"]), f">{names[0]}", *(f">{name}" for name in part)]
        table = _table(*heads, title=title)
        for outcome in sorted(comparison.outcomes, key=lambda o: o.name not in HUMAN_COST):
            rows = comparison.at(outcome.name, date)
            size = _size(comparison.values[outcome.name].values, outcome.kind)
            cells = [_number(rows[names[0]]["value"], size)]
            for name in part:
                change = _change(rows[name], size)
                cells.append(
                    _number(rows[name]["value"], size) + ("\n" if narrow and change else " ") + change
                )
            said = (outcome.title or outcome.name) + (" (human cost)" if outcome.name in HUMAN_COST else "")
            table.add_row(*([f"{said}, {outcome.unit}"] if narrow else [said, outcome.unit]), *cells)
        _console().print(table)
        title = None
    _say(f"{RULE[0].upper()}{RULE[1:]}")


def _print_odds(comparison: Any, at: str) -> None:
    """Print how surely each scenario is better than the baseline, and what choosing it may cost."""
    from flows.compare import HUMAN_COST, words
    from flows.levers import BACKLOGS

    dates = list(comparison.table["date"])
    date = at if at in dates else dates[-1]
    title = f"{words(date)}, over {comparison.draws} draws: change, and how surely"
    table = _table(
        "outcome",
        "scenario",
        ">median",
        ">90 % interval",
        ">P(better)",
        ">best of all",
        ">mean regret",
        title=title,
    )
    judged = {outcome.name: outcome for outcome in comparison.outcomes if outcome.better != "neither"}
    for key in [name for name in (*HUMAN_COST, *BACKLOGS) if name in judged] or list(judged):
        outcome = judged[key]
        size = _size(comparison.values[key].values, outcome.kind)
        said = outcome.title or key
        for name, row in comparison.at(key, date).items():
            if row["regret"] != row["regret"]:
                continue
            cells = ["", "", ""]
            if name != comparison.baseline:
                percent = row["median_percent"] == row["median_percent"]
                ends = [row[k + "_percent" if percent else k] for k in ("median", "low", "high")]
                shown = [_signed(x) + " %" if percent else _number(x, size) for x in ends]
                cells = [shown[0], f"{shown[1]} to {shown[2]}", f"{row[f'probability_{outcome.better}']:.2f}"]
            table.add_row(said, name, *cells, f"{row['share_best']:.2f}", _number(row["regret"], size))
            said = ""
    _console().print(table)
    _say(
        "P(better): share of draws in which the scenario does better than the baseline. Best of all: in which none "
        "does better. Mean regret: how far it stays behind the best on the same draw, in the outcome's unit. "
        "All outcomes: comparison.csv."
    )


def _print_levers(found: Any, most: int = 10) -> None:
    from flows.compare import words

    for outcome in found.outcomes:
        rows = found.table[found.table["outcome"] == outcome.name].to_dict("records")
        percent = all(row["median_percent"] == row["median_percent"] for row in rows)
        unit = "%" if percent else outcome.unit
        base = _number(rows[0]["baseline"])
        title = (
            f"{outcome.title or outcome.name}, {words(found.date)} (baseline {base} {outcome.unit}, "
            f"better {outcome.better})"
        )
        table = _table(
            "lever", ">from", ">to", f">effect, {unit}", ">90 % interval", ">P(falls)", "worse", title=title
        )
        kind = "_percent" if percent else ""
        for row in rows[:most]:
            middle, low, high = (row[name + kind] for name in ("median", "low", "high"))
            said = [_signed(x) if percent else _number(x) for x in (middle, low, high)]
            worse = row["side_effects"].split("; ") if row["side_effects"] else []
            more = f" +{len(worse) - 2}" if len(worse) > 2 else ""
            table.add_row(
                row["lever"] + ("" if row["basis"] == "data" else " ?"),
                _number(row["value_before"]),
                _number(row["value_after"]),
                said[0],
                f"{said[1]} to {said[2]}",
                f"{row['probability_lower']:.2f}",
                "; ".join(worse[:2]) + more,
            )
        _console().print(table)


_STRENGTHS = {
    "sobol": ("ST", "total-order index ST (95 % interval)"),
    "morris": ("mu_star", "mean size of the elementary effects, in the outcome's unit (95 % interval)"),
    "monte-carlo": ("rank_correlation", "rank correlation"),
    "latin-hypercube": ("rank_correlation", "rank correlation"),
    "tornado": ("swing", "change from one end to the other, in the outcome's unit"),
}


def _print_indices(result: Any, month: str) -> None:
    from flows.calendar import time_at_end
    from flows.compare import words

    name, meaning = _STRENGTHS[result.study.method]
    tables = []
    if result.indices.sizes["outcome"]:
        one = result.indices.sel(time=time_at_end(month), method="nearest")
        tables.append((words(month), one))
    if result.numbers is not None:
        tables.append(("Single numbers", result.numbers))
    above = False
    for title, one in tables:
        table = _table("outcome", "unit", f"strongest inputs: {meaning}", title=title)
        if name == "swing":
            one = one.assign(swing=one["high"] - one["low"])
        for outcome in one["outcome"].values:
            row = one.sel(outcome=outcome)
            said = _strongest(row, name)
            above = above or (
                name == "ST" and bool((row["ST"].fillna(0) > 1).any() or (row["ST_high"].fillna(0) > 1).any())
            )
            table.add_row(
                str(row["title"].values), str(row["unit"].values), said or "no variance at that date"
            )
        _console().print(table)
    if result.study.method == "sobol" and result.study.n < _FEW:
        _say(
            f"Caution: with n = {result.study.n} the intervals are very wide and the order of the inputs may be "
            f"chance. Take n = {_FEW} or more to quote an index."
        )
    if above:
        _say(
            "A true index never exceeds 1: values of ST above 1, or an interval that reaches there, are sampling "
            "noise, which shrinks with more samples."
        )


def _strongest(row: xr.Dataset, name: str) -> str:
    """The three strongest inputs of an outcome, with intervals where there are any."""
    size = abs(row[name]).fillna(-1)
    said = []
    for i in size.values.argsort()[::-1][:3]:
        if float(size[i]) < 0:
            continue
        value = (
            f"{float(row[name][i]):.2f}"
            if name in ("ST", "rank_correlation")
            else f"{float(row[name][i]):.4g}"
        )
        if f"{name}_low" in row:
            ends = (float(row[f"{name}_{end}"][i]) for end in ("low", "high"))
            digits = ".2f" if name == "ST" else ".3g"
            value += " ({} to {})".format(*(format(x, digits) for x in ends))
        said.append(f"{row['uncertainty'].values[i]} {value}")
    return "; ".join(said)


def _print_claims(verdicts: Sequence[Verdict], *, in_full: bool) -> None:
    """Print a table by section and the counts; with the statements and their numbers where asked."""
    section = ""
    table = _table("claim", "result", "what it says")
    for verdict in verdicts:
        claim = verdict.claim
        if in_full:
            _print_claim(verdict)
            continue
        if claim.section != section:
            if section:
                _console().print(table)
            section = claim.section
            table = _table("claim", "result", "what it says", title=f"{section} ({claim.document})")
        table.add_row(claim.id, _result_words(verdict), claim.statement + _why(verdict))
    if not in_full and verdicts:
        _console().print(table)
    counts: dict[str, int] = {}
    for verdict in verdicts:
        key = str(verdict.result)
        if key in _RESULTS:
            key = f"{key} ({verdict.claim.status})"
        counts[key] = counts.get(key, 0) + 1
    print(f"{len(verdicts)} claims: " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())))


def _result_words(verdict: Verdict) -> str:
    from flows.claims import Figure

    share = "" if verdict.share is None else f"\nin {100 * verdict.share:.0f} % of draws"
    status = verdict.claim.status
    held = [finding for finding in verdict.findings if finding.holds]
    if held and len(held) == len(verdict.findings) and status != "put in":
        figures = all(any(isinstance(s.source, Figure) for s in f.statement.sides) for f in held)
        margins = [abs(f.margin) for f in held]
        share = (f"\noff by {max(margins):.1f} %" if figures else f"\nby {min(margins):.1f} %") + share
    return verdict.result + ("" if verdict.result in (status, "outside") else f"\n({status})") + share


def _why(verdict: Verdict) -> str:
    """What a table says beneath the claim: the statements that fail, and what decides; or the reason."""
    if verdict.result == "outside":
        return f"\n→ {verdict.claim.reason}"
    failing = [f for f in verdict.findings if not f.holds]
    text = "".join(f"\n✗ {f.statement.text}: {_finding_words(f)}" for f in failing)
    return f"{text}\n← {verdict.claim.decides}"


def _finding_words(finding: Finding) -> str:
    """Write the numbers of a statement and how far it holds or fails."""
    from flows.claims import Figure

    numbers = [
        _number(value, 0.0)
        for value, side in zip(finding.values, finding.statement.sides, strict=True)
        if not isinstance(side.source, Figure)
    ]
    distance = f"{abs(finding.margin):.1f} %"
    words = {
        "holds": f"by {distance}",
        "no difference": f"no difference ({finding.margin:+.1f} %)",
        "the other way": f"the other way, by {distance}",
        "off": f"off by {distance}",
    }[finding.way]
    return " and ".join(numbers) + ", " + words


def _print_claim(verdict: Verdict) -> None:
    """Print one claim in full: words, statements, numbers, what decides."""
    claim = verdict.claim
    lines = [f"{claim.id} ({claim.document}; {claim.section}; {claim.kind})", f"  {claim.statement}"]
    lines.append(f"  {_result_words(verdict)}".replace("\n", " "))
    for finding in verdict.findings:
        lines.append(f"  {'✓' if finding.holds else '✗'} {finding.statement.text}")
        said = _finding_words(finding)
        if finding.share is not None:
            said += f"; in {100 * finding.share:.0f} % of draws"
        lines.append(f"    {said}")
    if claim.decides:
        lines.append(f"  Decided by: {claim.decides}")
    if claim.reason:
        lines.append(f"  {claim.reason}")
    console = _console()
    for line in lines:
        indent = len(line) - len(line.lstrip())
        for part in textwrap.wrap(line, console.width - 1, subsequent_indent=" " * (indent + 2)):
            print(part)
    print()


def _print_check(finding: Remark) -> None:
    """Print what a check found: place, sentence, line with caret, remedy."""
    rule = f" [{finding.rule}]"
    about = f" {finding.variable}:" if finding.variable else ""
    print(f"{finding.where}: {finding.level}:{about} {finding.sentence}{rule}")
    if finding.line:
        number = f"{finding.line:>6} | "
        text = finding.text.replace("\t", " ")
        print(number + text)
        print(" " * (len(number) - 2) + "| " + " " * (finding.column - 1) + "^" * max(finding.length, 1))
    if finding.expression and finding.expression not in finding.text:
        print(f"       = in: {finding.expression}")
    if finding.advice:
        print(f"       = {finding.advice}")


def _size(values: Any, kind: str) -> float:
    """Return what counts as nothing beside a series: a hundred-thousandth of its size, and a twentieth of a person."""
    import numpy as np

    largest = float(np.abs(np.asarray(values, dtype=float)).max(initial=0.0))
    least = 0.05 if kind in ("event", "person", "case") and largest > 1 else 0.0
    return max(1e-5 * largest, least)


def _number(value: float | None, nothing: float = 5e-5) -> str:
    """Write a number with at most four significant digits below a thousand, and whole above; never as 1e+04."""
    if value is None or value != value:
        return ""
    if abs(value) < nothing or value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.3g}"
    if abs(value) >= 999.95:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _change(row: Mapping[str, Any], nothing: float = 0.0) -> str:
    """Say a difference in brackets: per cent, else in the unit; nothing where the two aren't comparable."""
    percent, difference = row["difference_percent"], row["difference"]
    if difference != difference:
        return ""
    if abs(row["value"]) < nothing and abs(row["value"] - difference) < nothing:
        return "(0.0 %)"
    if percent == percent:
        return f"({_signed(percent)} %)"
    text = _number(abs(difference), nothing)
    return f"({'' if text == '0' else '+' if difference > 0 else '-'}{text})"


def _signed(value: float) -> str:
    if value != value:
        return "n/a"
    text = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _short_month(words: str) -> str:
    """Shorten ``31 December 2030`` to ``31 Dec 2030``."""
    return re.sub(r"\b([A-Z][a-z]{2})[a-z]+ (?=\d{4})", r"\1 ", words)


# What a run may not be ------------------------------------------------------------------------------


def _refuse_non_finite(dataset: xr.Dataset, engine: Engine) -> None:
    """Name the variable and date of the first value that is no number; nothing is written then."""
    import numpy as np

    from flows.calendar import label

    first: tuple[int, str] | None = None
    for name in dataset.data_vars:
        array = dataset.variables[name]
        if "time" not in array.dims or np.isfinite(array.values).all():
            continue
        bad = ~np.isfinite(array.transpose(..., "time").values).reshape(-1, dataset.sizes["time"])
        if engine is Engine.pysd:  # which leaves out whole elements that it has no column for
            bad = bad[~bad.all(axis=1)]
        if not bad.any():
            continue
        at = int(np.argmax(bad.any(axis=0)))
        if first is None or at < first[0]:
            first = at, str(name)
    if first is None:
        return
    time = float(dataset["time"].values[first[0]])
    where = label(time) if "date" in dataset.coords else f"time {time:g}"
    raise ResultError(
        f'"{first[1]}" is not a finite number',
        where=where,
        remedy="Nothing was written; look at the equation, and at constants set outside their range",
    )


def _refuse_absurd(dataset: xr.Dataset, model: Model) -> None:
    """Refuse stocks of people or files beyond all measure; warn of those that fall below zero."""
    import numpy as np

    from flows.calendar import label
    from flows.compare import MOST

    for item in model.stocks:
        if item.name not in dataset or item.units not in ("Person", "People", "Case"):
            continue
        values = dataset[item.name].transpose(..., "time").values.reshape(-1, dataset.sizes["time"])
        values = np.where(np.isfinite(values), values, 0.0)
        low, largest = values.min(axis=0), np.abs(values).max(axis=0)
        absurd = bool((largest > MOST).any())
        at = int(np.argmax(largest > MOST if absurd else low < -max(1.0, 1e-6 * float(largest.max()))))
        time = float(dataset["time"].values[at])
        when = label(time) if "date" in dataset.coords else f"time {time:g}"
        if absurd:
            raise ResultError(
                f'"{item.name}" leaves all measure',
                where=when,
                found=f"{float(values[np.argmax(np.abs(values[:, at])), at]):.3g} {item.units}",
                remedy="Nothing was written; look at the equations, and at constants set outside their range",
            )
        if low.min() < -max(1.0, 1e-6 * float(largest.max())):
            warnings.warn(
                f'"{item.name}" falls below zero from {when} on, to {_number(float(low.min()))} {item.units}: '
                "this run makes no sense; look at the settings and equations.",
                stacklevel=1,
            )


# The terminal ---------------------------------------------------------------------------------------


def _console(*, stderr: bool = False) -> Console:
    """Make a console that prints text as it is: nothing in it is read as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)


def _width() -> int:
    """Columns that a table on stdout has."""
    return _console().width


def _say(words: str, *, stderr: bool = False) -> None:
    """Print a note: folded at blanks in a terminal, else one line."""
    console = _console(stderr=stderr)
    console.print(words, style="dim", soft_wrap=not console.is_terminal)


class _Patient:
    """A stream whose reader may go away: what is written after that is dropped, and the work goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return int(self._stream.write(text))
        except OSError:
            self._drop()
            return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, or drop them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on what was written, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        """Lead what is still to be written nowhere, what lies in buffers too."""
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self._stream.fileno())
            os.close(sink)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _patient_streams() -> Iterator[None]:
    """Let the work go on when the reader of a pipe goes away."""
    before = sys.stdout, sys.stderr
    made = _Patient(before[0]), _Patient(before[1])
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        for stream in made:
            with contextlib.suppress(ValueError, AttributeError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _table(*heads: str, title: str | None = None) -> Table:
    """Make a table; a head that begins with ``>`` stands over numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False
    )
    for head in heads:
        numbers = head.startswith(">")
        lines = _head_lines(head.removeprefix(">")) if numbers else [head]
        table.add_column(
            Text("\n".join(lines)),
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=numbers,
            min_width=None if numbers else max(len(word) for word in head.split()),
        )
    return table


def _head_lines(head: str) -> list[str]:
    """Fold a head at blanks and hyphens; a month stays with its year."""
    joined = re.sub(r"\b([A-Z][a-z]{2}) (\d{4})\b", "\\1\0\\2", head)
    return [line.replace("\0", " ") for line in textwrap.wrap(joined, 14, break_long_words=False)]


@contextlib.contextmanager
def _progress(words: str) -> Iterator[Callable[[int, int], None]]:
    """Show runs done, runs in all and the time that remains, on stderr; a line now and then without a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = _console(stderr=True)
    if not console.is_terminal:
        yield _plain_progress(words)
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
        TimeElapsedColumn(), TextColumn("remaining"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=done < total)

        yield update


def _plain_progress(words: str) -> Callable[[int, int], None]:
    first: list[
        tuple[float, int]
    ] = []  # when the first runs were done: what was compiled before says nothing
    said = [0.0]

    def update(done: int, total: int) -> None:
        now = clock.monotonic()
        if done and not first:
            first.append((now, done))
        if done == 0 or done == total or now - said[0] >= 10:
            left = ""
            if first and first[0][1] < done < total:
                seconds = (now - first[0][0]) * (total - done) / (done - first[0][1])
                left = f", about {seconds:.0f} s remain"
            print(f"{words}: {done:,} of {total:,} runs{left}", file=sys.stderr, flush=True)
            said[0] = now

    return update


@contextlib.contextmanager
def _working(words: str) -> Iterator[None]:
    console = _console(stderr=True)
    if console.is_terminal:
        with console.status(words + " …"):
            yield
    else:
        print(f"{words} …", file=sys.stderr, flush=True)
        yield


def _stage(words: str) -> None:
    print(f"{words} …", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _patience(engine: Engine) -> Iterator[None]:
    """Say how long the slow reference takes, and now and then that it is still at work."""
    if engine is not Engine.pysd:
        yield
        return
    began, over = clock.monotonic(), threading.Event()

    def pulse() -> None:
        while not over.wait(_PULSE):
            print(f"PySD is at work: {clock.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    _stage(SLOW)
    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    print(f"PySD took {clock.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _older(folder: Path) -> bool:
    """Whether the folder holds older results; refuse one that holds anything else."""
    from flows import provenance

    provenance.check_replaceable(folder)
    return folder.is_dir() and provenance.read_record(folder) is not None


def _written(folder: Path, older: bool) -> None:
    more = " (older results there were replaced)" if older else ""
    _console(stderr=True).print(f"Results in {_shown(folder)}{more}", style="dim", soft_wrap=True)


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return path.resolve().relative_to(Path.cwd()).as_posix()
    return str(path)


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Say warnings meant for the user in one line each, once; leave out those for developers."""
    said = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if text not in said:
            said.add(text)
            print(f"Warning: {text}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        if os.environ.get("FLOWS_DEBUG") != "1":
            warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"flows(\.|$)")
        warnings.filterwarnings("always", category=UserWarning, module=r"__main__")
        warnings.showwarning = show
        yield


# Mistakes -------------------------------------------------------------------------------------------


def _fail(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"Error: {sentence}" if code != INTERRUPTED else sentence, file=sys.stderr, flush=True)
    return code


def _ours(error: Exception) -> str:
    """Say one sentence about a mistake of this program, and keep the traceback where it can be found."""
    if os.environ.get("FLOWS_DEBUG") == "1":
        traceback.print_exc()
        place = "the traceback is above"
    else:
        try:
            handle, name = tempfile.mkstemp(prefix="flows-error-", suffix=".txt")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write("flows " + flows.__version__ + "\n" + "".join(traceback.format_exception(error)))
            place = f"the traceback is in {name}"
        except OSError:
            place = "set FLOWS_DEBUG=1 to see the traceback"
    text = " ".join(str(error).split())
    return f"a mistake of Flows, not yours: {type(error).__name__}{': ' + text if text else ''} ({place})."


# Arguments ------------------------------------------------------------------------------------------


def _read_model(path: Path | None, units: Units | None, name: str = "") -> Model:
    """Read the model of a path, or the shipped one of a name."""
    from flows.inputs import find
    from flows.inputs.tables import shown_path
    from flows.vensim.read import read_vensim

    if path is None:
        source = find("model", name or "migration")
        return read_vensim(_relative(source, shown_path(source)), units=(units or Units.error).value)
    if path.is_dir():
        raise InputError(
            "is a folder",
            where=f"--model {path}",
            expected="a Vensim model file",
            remedy="Name its .mdl file",
        )
    return read_vensim(find("model", path), units=(units or Units.warn).value)


def _is_familiar(model: Model) -> bool:
    """Whether a model counts in months and has most outcomes of the shipped one; say which it lacks."""
    from flows.compare import outcomes_of
    from flows.inputs import read_outcomes

    if model.variables["time step"].units.lower().rstrip("s") != "month":
        return False
    every, own = read_outcomes(), {outcome.name for outcome in outcomes_of(model)}
    if 2 * len(own) < len(every) or not own:
        return False
    lacking = [outcome.name for outcome in every if outcome.name not in own]
    if lacking:
        print(f"{model.path.name} lacks the outcomes: {', '.join(lacking)}", file=sys.stderr)
    return True


def _sets(changed: Mapping[str, float], name: str) -> bool:
    return any(key.lower() == name for key in changed)


def _relative(path: Path, shown: str) -> Path:
    """Name the shipped model as people see it, where that leads to it from here."""
    return Path(shown) if Path(shown).is_file() else path


def _until(text: str | None, model: Model) -> float | str | None:
    """Read ``--until``: a month, or a number in the model's own time."""
    from flows.calendar import month_index

    if text is None:
        return None
    months = model.variables["time step"].units.lower().rstrip("s") == "month"
    if months and re.fullmatch(r"\s*(19|20)\d\d\s*", text) and float(text) > model.control.final_time:
        raise InputError("not a month", where="--until", found=f'"{text}"', remedy=f"Write {text.strip()}-12")
    with contextlib.suppress(ValueError):
        return float(text)
    if months:
        month_index(text, where="--until")
    return text


def _folder_name(name: str) -> str:
    """Make a folder's name that every system takes; of a long one, the end becomes a digest."""
    safe = "".join(letter if letter.isalnum() or letter in "+-_." else "-" for letter in name).strip(".- ")
    if len(safe) > _LONGEST:
        safe = safe[: _LONGEST - 9].rstrip(".- ") + "-" + hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    return safe or "run"


if __name__ == "__main__":
    sys.exit(main())
