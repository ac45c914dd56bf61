"""``flows study``: a study file, run and judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import flows
from flows.cli.options import OUTPUTS, Out, UnitsChoice, folder_name, refuse_other_results
from flows.cli.terminal import has_older, make_console, make_table, say, say_stage, say_written, show_progress
from flows.errors import InputError
from flows.pace import Pace, spoken

if TYPE_CHECKING:
    import xarray as xr


_FEW = 256  # samples below which the intervals of a study are very wide


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
            help="A Vensim or XMILE model in place of the one that the study names, or that lies beside a .vsc.",
            show_default=False,
        ),
    ] = None,
    units: UnitsChoice = None,
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
    run: Annotated[
        int | None,
        typer.Option(
            "--run",
            min=1,
            metavar="NUMBER",
            help="Make this one run of the study again, with all variables, and nothing else.",
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
            "--extend", help="Go on from finished Sobol or Shapley results to twice their samples, or to --n."
        ),
    ] = False,
    lang: Annotated[
        str,
        typer.Option(
            "--lang", metavar="en|es", help="Language of figures and conclusions: English or Spanish."
        ),
    ] = "en",
) -> None:
    """Run a sensitivity study as its file says (Sobol, Shapley, Morris, draws, tornado); says if it was enough."""
    from flows.compare import CAVEAT
    from flows.inputs import find
    from flows.report.results import is_of_shipped, study_figures, study_month
    from flows.report.speech import speech_of
    from flows.study import run as run_study

    if workers is not None and cluster is not None:
        raise InputError(
            "workers are started here or belong to a cluster",
            where="--workers, --cluster",
            remedy="Give one of the two",
        )
    speech = speech_of(lang)
    plan = _read_study(file, model, savelist)
    built = None if units is None else flows.read_vensim(find("model", plan.model), units=units.value)
    if export is not None:
        from flows.study.export import export as export_study

        for path in export_study(plan, export, model=built, n=n):
            say(f"Written: {path}")
        return
    if run is not None:
        _one_run(plan, run, n, out, built)
        return
    control = Path(file).suffix.lower() == ".vsc"  # mostly of the model's own name, which its runs have too
    folder = out or OUTPUTS / folder_name(f"{plan.name}-study" if control else plan.name)
    if out is None:
        refuse_other_results(folder, "study")
    older = has_older(folder)
    done, total = 0, 0

    def draw(result: Any, place: Path) -> None:
        say_stage("Figures")
        study_figures(result, place, say=speech)

    try:
        pace = Pace()
        with show_progress(plan.title or plan.name, pace) as show:

            def progress(finished: int, of: int) -> None:
                nonlocal done, total
                done, total = finished, of
                show(finished, of)

            result = run_study(
                plan,
                model=built,
                out=folder,
                n=n,
                resume=resume,
                extend=extend,
                workers=workers,
                cluster=cluster,
                progress=progress,
                stage=say_stage,
                pace=pace,
                finish=draw,
                say=speech,
            )
    except KeyboardInterrupt:
        _stopped(done, total)
        raise
    _print_indices(result, study_month(result, "2030-12"))
    for sentence in result.verdict:
        say(sentence)
    caveat = speech(CAVEAT)
    say(caveat if is_of_shipped(result) else caveat.partition(". ")[0] + ".")
    make_console(stderr=True).print(_took(result), style="dim")
    say_written(folder, older)


def _one_run(study_: Any, number: int, n: int | None, out: Path | None, model: Any) -> None:
    """Make one run of a study again: its inputs, and the trajectories of all variables."""
    from flows import provenance
    from flows.report.results import write_run
    from flows.study import single_run

    started = provenance.now()
    plan, dataset, drawn = single_run(study_, number, model=model, n=n)
    folder = out or OUTPUTS / f"{folder_name(study_.name)}-run-{number}"
    older = has_older(folder)
    title = f"Run {number} of {study_.title or study_.name}"
    with provenance.results_folder(
        folder, inputs=plan.files, started=started, extra={"run": number, "drawn": drawn}
    ) as place:
        write_run(dataset, place, model=plan.model, outcomes=(), observed=None, title=title, figure=False)
    table = make_table("input", ">value", title=title)
    for name, value in {**plan.base_inputs, **drawn}.items():
        table.add_row(name, f"{value:.10g}")
    make_console().print(table)
    say_written(folder, older)


def _took(result: Any) -> str:
    """Say how long a study took, and what for."""
    parts = result.spent
    return (
        f"{result.runs:,} runs in {spoken(result.seconds)}: {spoken(parts['runs'])} for the runs, "
        f"{spoken(parts['analysis'])} for their analysis, {spoken(parts['files'])} for keeping unfinished work."
        if result.seconds >= 0.9 * sum(parts.values())
        else f"{result.runs:,} runs, of which some were made earlier; this part took {spoken(result.seconds)}."
    )


def _read_study(file: str, model: Path | None, savelist: Path | None) -> Any:
    """Read a study file or Vensim's sensitivity control."""
    from flows.inputs import find, read_study

    _refuse_other(Path(file))
    if Path(file).suffix.lower() != ".vsc":
        if savelist is not None:
            raise InputError(
                "a save list belongs to a .vsc", where="--savelist", found=str(savelist),
                remedy=f"Leave it out: {file} names its outcomes",
            )  # fmt: skip
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


def _refuse_other(file: Path) -> None:
    """Refuse files that go with a study but are none."""
    from flows.vensim.source import XMILE

    ending = file.suffix.lower()
    if ending == ".lst":
        with_it = f"flows study {file.with_suffix('.vsc').as_posix()} --savelist {file.as_posix()}"
        raise InputError(
            "this is a save list", where=str(file), expected="a study file (.toml) or a sensitivity control (.vsc)",
            remedy=f"Name the .vsc, and the save list after --savelist: {with_it}",
        )  # fmt: skip
    if ending == ".mdl" or ending in XMILE:
        raise InputError(
            "this is a model" if file.is_file() else "there is no such file", where=str(file),
            expected="a study file (.toml) or a sensitivity control (.vsc)",
            remedy=f"A model follows --model: flows study STUDY --model {file.as_posix()}",
        )  # fmt: skip


def _stopped(done: int, total: int) -> None:
    """Say what is kept of a study that somebody stopped."""
    if not done:
        words = "Stopped before the first runs were finished; nothing is kept."
    else:
        words = (
            f"Stopped: {done:,} of {total:,} runs are finished and kept; the same command goes on from there."
        )
    print("\n" + words, file=sys.stderr, flush=True)


_STRENGTHS = {
    "sobol": ("ST", "total-order index ST (95 % interval)"),
    "shapley": ("Sh", "Shapley effect, share of the variance (95 % interval)"),
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
        if "date" in result.indices.coords:
            tables.append((words(month), result.indices.sel(time=time_at_end(month), method="nearest")))
        else:
            last = result.indices.isel(time=-1)
            tables.append((f"At time {float(last['time']):g}", last))
    if result.numbers is not None:
        tables.append(("Single numbers", result.numbers))
    above = False
    for title, one in tables:
        table = make_table("outcome", "unit", f"strongest inputs: {meaning}", title=title)
        if name == "swing":
            one = one.assign(swing=one["high"] - one["low"])
        for outcome in one["outcome"].values:
            row = one.sel(outcome=outcome)
            said = _strongest(row, name)
            above = above or (
                name == "ST" and bool((row["ST"].fillna(0) > 1).any() or (row["ST_high"].fillna(0) > 1).any())
            )
            table.add_row(
                str(row["title"].values), str(row["unit"].values), said or "all runs give the same number"
            )
        make_console().print(table)
    if result.study.method == "sobol" and result.study.n < _FEW:
        say(
            f"Caution: with n = {result.study.n} the intervals are very wide and the order of the inputs may be "
            f"chance. Take n = {_FEW} or more to quote an index."
        )
    if above:
        say(
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
            if name in ("ST", "Sh", "rank_correlation")
            else f"{float(row[name][i]):.4g}"
        )
        if f"{name}_low" in row:
            ends = (float(row[f"{name}_{end}"][i]) for end in ("low", "high"))
            digits = ".2f" if name in ("ST", "Sh") else ".3g"
            value += " ({} to {})".format(*(format(x, digits) for x in ends))
        said.append(f"{row['uncertainty'].values[i]} {value}")
    return "; ".join(said)
