"""Command line: arguments → library call → print. The one module that prints.

Exit codes: 0 fine; 1 the user's mistake, usage errors too; 2 ours; 130 interrupted. Everything heavy is
imported inside the commands, so that ``flows --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time as clock
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import flows
from flows.errors import FlowsError, InputError, near

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console
    from rich.table import Table

    from flows.inputs import Outcome
    from flows.model.model import Model

__all__ = ["app", "main"]

FINE, USER, OURS, INTERRUPTED = 0, 1, 2, 130
USAGE: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""Base of typer's usage errors, whichever copy of click it brings."""

OUTPUTS = Path("outputs")
WIDTH = 150
"""Columns of a table where there is no terminal to fit it to."""

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
    try:
        with _warnings_as_lines():
            code = app(
                args=None if arguments is None else list(arguments), prog_name="flows", standalone_mode=False
            )
        sys.stdout.flush()
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else FINE
    except (BrokenPipeError, SystemExit):  # typer leaves so when the reader of a pipe went away
        _close_quietly()
        return FINE
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


@app.command()
def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A scenario, or several joined by +. [default: current-course]", show_default=False
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="FILE", help="A Vensim model in place of the shipped one.", show_default=False
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="'VARIABLE=VALUE'", help="Change a constant or an initial value; repeatable."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="MONTH", help="Last month of the run, such as 2030-12.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Flows' own engine, or PySD as reference.")] = Engine.auto,
    units: Annotated[
        Units | None,
        typer.Option(
            help="What to do about units that don't match. [default: error; warn with --model]",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
) -> None:
    """Run the model once: trajectories, a figure, and a table against what was observed."""
    from flows import observations, provenance
    from flows.compare import BASELINE, CAVEAT, outcomes_of
    from flows.ensemble import simulate
    from flows.inputs import find, read_scenario, scenario_inputs, settings_inputs
    from flows.report.results import stocks_table, write_run
    from flows.report.tables import fit_summary, observed_rows

    shipped = model is None
    built = _read_model(model, units)
    chosen = read_scenario(scenario or BASELINE) if scenario is not None or shipped else None
    inputs = scenario_inputs(chosen, built) if chosen is not None else {}
    changed = settings_inputs(settings or (), built)
    outcomes = outcomes_of(built) if shipped else ()
    name = "+".join(filter(None, (None if shipped else built.name, chosen.name if chosen else None)))
    folder = out or OUTPUTS / _folder_name(name + ("-set" if changed else ""))
    provenance.check_replaceable(folder)
    dataset = simulate(
        built,
        {**inputs, **changed},
        engine=engine.value,
        save_every=1 if shipped else None,
        until=_until(until),
    )
    rows = observed_rows(outcomes, dataset) if shipped else None
    title = chosen.title if chosen else built.name
    if changed:
        title += " (with " + ", ".join(f"{key} = {value:g}" for key, value in changed.items()) + ")"
    read = [built.path, *(chosen.paths if chosen else ())]
    if shipped:
        read += [find("outcomes"), *observations.files()]
    with provenance.results_folder(
        folder, inputs=read, extra={"settings": changed, "scenario": name}
    ) as place:
        write_run(dataset, place, model=built, outcomes=outcomes, observed=rows, title=title)
    if shipped and rows is not None:
        _print_outcomes(title, outcomes, dataset, fit_summary(rows))
        _console().print(CAVEAT, style="dim", soft_wrap=True)
    else:
        _print_stocks(title, stocks_table(dataset, built), dataset)
    _written(folder)


@app.command()
def compare(
    scenarios: Annotated[list[str], typer.Argument(help="Scenarios; each can be several joined by +.")],
    out: Out = None,
) -> None:
    """Compare scenarios with current-course: table, CSV, figure."""
    from flows import compare as comparing
    from flows import provenance
    from flows.inputs import find, read_scenario
    from flows.report.results import comparison_figures

    baseline = read_scenario(comparing.BASELINE)
    chosen = [read_scenario(name) for name in dict.fromkeys(scenarios)]
    built = _read_model(None, None)
    folder = out or OUTPUTS / _folder_name("compare-" + "-".join(s.name for s in chosen))
    provenance.check_replaceable(folder)
    with _working("Running the scenarios"):
        comparison = comparing.compare(built, chosen, baseline=baseline)
    read = [built.path, find("outcomes"), *(path for s in comparison.scenarios for path in s.paths)]
    with provenance.results_folder(folder, inputs=read) as place:
        comparing.write(comparison, place)
        comparison_figures(comparison, place)
    _print_comparison(comparison)
    _console().print(comparing.CAVEAT, style="dim", soft_wrap=True)
    _written(folder)


@app.command()
def study(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A study file, or the name of a shipped study.")
    ],
    out: Out = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, help="Samples in place of the file's own number; a power of 2."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from an attempt that was stopped.")
    ] = True,
) -> None:
    """Run a sensitivity study: Sobol indices of outcomes over time, with intervals."""
    from flows.compare import CAVEAT
    from flows.inputs import read_study
    from flows.report.results import study_figures, study_month
    from flows.study import run as run_study

    plan = read_study(file)
    folder = out or OUTPUTS / _folder_name(plan.name)

    def draw(result: Any, place: Path) -> None:
        study_figures(result, place)

    with _progress(plan.title or plan.name) as progress:
        result = run_study(file, out=folder, n=n, resume=resume, progress=progress, finish=draw)
    _print_indices(result, study_month(result, "2030-12"))
    _console().print(CAVEAT, style="dim", soft_wrap=True)
    _console(stderr=True).print(f"{result.runs:,} runs in {result.seconds:.0f} s.", style="dim")
    _written(folder)


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
    began = clock.monotonic()
    with _progress("Report") as progress:
        page = build(folder, quick=quick, runs=progress, stage=_stage)
    _console(stderr=True).print(f"Done in {clock.monotonic() - began:.0f} s.", style="dim")
    print(_shown(page))


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(metavar="scenarios|levers|outcomes|studies", help="What to list.")],
) -> None:
    """List what is shipped: scenarios, levers, outcomes or studies."""
    lists: dict[str, Callable[[], Table]] = {
        "scenarios": _scenarios, "levers": _levers, "outcomes": _outcomes, "studies": _studies,
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
    from flows.conform import WIDER, conform_folder
    from flows.provenance import atomic_write

    with _progress("Conformance") as progress:
        verdicts = conform_folder(folder, reference=reference, progress=progress)
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
        text = json.dumps([v.as_dict() for v in verdicts], indent=1, ensure_ascii=False)
        atomic_write(json_file, text + "\n")
    if any(v.status == "differs" and v.engine == "compiled" for v in verdicts):
        raise typer.Exit(1)


# Lists --------------------------------------------------------------------------------------------


def _scenarios() -> Table:
    from flows.inputs import list_scenarios

    table = _table("scenario", "kind", "title", "source")
    for scenario in list_scenarios():
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


# Results on the screen ------------------------------------------------------------------------------


def _print_outcomes(
    title: str, outcomes: Sequence[Outcome], dataset: xr.Dataset, summary: pd.DataFrame
) -> None:
    from flows.calendar import label
    from flows.compare import HUMAN_COST

    last = float(dataset["time"].values[-1])
    end = f"end of {label(last - 1)}" if last >= 1 else "end"
    by_outcome = {str(row["outcome"]): row for row in summary.to_dict("records")}
    heads = ("outcome", "unit", f">model, {end}", "last observed", ">observed", ">model then", ">error %")
    table = _table(*heads, ">error % overall", title=title)
    for outcome in sorted(outcomes, key=lambda o: o.name not in HUMAN_COST):
        value = float(outcome.values(dataset).isel(time=-1))
        name = (outcome.title or outcome.name) + (" (human cost)" if outcome.name in HUMAN_COST else "")
        cells = [name, outcome.unit, _number(value)]
        row = by_outcome.get(outcome.name)
        if row is not None:
            cells += [row["latest"], _number(row["latest_observed"]), _number(row["latest_model"])]
            cells += [_signed(row["latest_error"]), f"{row['error']:,.0f} ({row['number']})"]
        else:
            cells += ["none", "", "", "", ""]
        table.add_row(*cells)
    _console().print(table)
    _console().print(
        "error % overall: sum of absolute differences over the sum observed, with the number of periods. "
        "Observed values of a month or a year are totals; the model's are integrals over the same span.",
        style="dim",
        soft_wrap=True,
    )


def _print_stocks(title: str, rows: pd.DataFrame, dataset: xr.Dataset) -> None:
    times = dataset["time"].values
    unit = str(dataset["time"].attrs.get("units", ""))
    table = _table(
        "stock", "unit", f">at {times[0]:g} {unit}".rstrip(), f">at {times[-1]:g} {unit}".rstrip(), ">least", ">most",
        title=title,
    )  # fmt: skip
    for row in rows.head(60).to_dict("records"):
        numbers = [_number(float(row[key])) for key in ("first", "last", "least", "most")]
        table.add_row(str(row["name"]), str(row["unit"]), *numbers)
    _console().print(table)
    if len(rows) > 60:
        _console().print(f"… and {len(rows) - 60} more in trajectories.csv", style="dim")


def _print_comparison(comparison: Any) -> None:
    from flows.compare import HUMAN_COST, words

    date = next(
        (d for d in ("2030-12",) if d in set(comparison.table["date"])), comparison.table["date"].iloc[-1]
    )
    names = [s.name for s in comparison.scenarios]
    table = _table(
        "outcome", "unit", f">{names[0]}", *(f">{name}" for name in names[1:]),
        title=f"{words(date)}: level, and per cent change from {names[0]}",
    )  # fmt: skip
    for outcome in sorted(comparison.outcomes, key=lambda o: o.name not in HUMAN_COST):
        rows = comparison.at(outcome.name, date)
        cells = [_number(rows[names[0]]["value"])]
        for name in names[1:]:
            row = rows[name]
            cells.append(_number(row["value"]) + _change(row))
        mark = " (human cost)" if outcome.name in HUMAN_COST else ""
        table.add_row((outcome.title or outcome.name) + mark, outcome.unit, *cells)
    _console().print(table)
    _console().print(
        "Rates are means of the twelve months to then; all else is at the end of the month.", style="dim"
    )


def _print_indices(result: Any, month: str) -> None:
    from flows.calendar import time_at_end
    from flows.compare import words

    one = result.indices.sel(time=time_at_end(month), method="nearest")
    table = _table(
        "outcome", "unit", "strongest inputs: total-order index ST (95 % interval)", title=words(month)
    )
    for name in result.indices["outcome"].values:
        row = one.sel(outcome=name)
        order = row["ST"].fillna(-1).values.argsort()[::-1][:3]
        said = [
            f"{row['uncertainty'].values[i]} {float(row['ST'][i]):.2f} "
            f"({float(row['ST_low'][i]):.2f} to {float(row['ST_high'][i]):.2f})"
            for i in order
            if float(row["ST"].fillna(-1)[i]) >= 0
        ]
        table.add_row(
            str(row["title"].values), str(row["unit"].values), "; ".join(said) or "no variance at that date"
        )
    _console().print(table)


def _number(value: float | None) -> str:
    """Write a number with at most four significant digits below a thousand, and whole above."""
    if value is None or value != value:
        return ""
    if abs(value) < 5e-5:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    return f"{value:.4g}"


def _change(row: Mapping[str, Any]) -> str:
    """Say a difference in brackets: per cent, else in the unit; nothing where the two aren't comparable."""
    percent, difference = row["difference_percent"], row["difference"]
    if percent == percent:
        return f" ({_signed(percent)} %)"
    return f" ({difference:+,.4g})" if difference == difference else ""


def _signed(value: float) -> str:
    if value != value:
        return "n/a"
    text = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


# The terminal ---------------------------------------------------------------------------------------


def _console(*, stderr: bool = False) -> Console:
    """Make a console that prints text as it is: nothing in it is read as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)


def _table(*heads: str, title: str | None = None) -> Table:
    """Make a table; a head that begins with ``>`` stands over numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False
    )
    for head in heads:
        table.add_column(
            Text(head.removeprefix(">")), justify="right" if head.startswith(">") else "left", overflow="fold"
        )
    return table


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


def _written(folder: Path) -> None:
    _console(stderr=True).print(f"Results in {_shown(folder)}", style="dim", soft_wrap=True)


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


def _close_quietly() -> None:
    """Leave without a word after the reader of a pipe went away."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Arguments ------------------------------------------------------------------------------------------


def _read_model(path: Path | None, units: Units | None) -> Model:
    from flows.inputs import find
    from flows.inputs.tables import shown_path
    from flows.vensim.read import read_vensim

    if path is None:
        source = find("model", "migration")
        return read_vensim(_relative(source, shown_path(source)), units=(units or Units.error).value)
    return read_vensim(find("model", path), units=(units or Units.warn).value)


def _relative(path: Path, shown: str) -> Path:
    """Name the shipped model as people see it, where that leads to it from here."""
    return Path(shown) if Path(shown).is_file() else path


def _until(text: str | None) -> float | str | None:
    """Read ``--until``: a month, or a number in the model's own time."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _folder_name(name: str) -> str:
    """Make a folder's name that every system takes."""
    safe = "".join(letter if letter.isalnum() or letter in "+-_." else "-" for letter in name).strip(".- ")
    return safe[:_LONGEST].rstrip(".- ") or "run"


if __name__ == "__main__":
    sys.exit(main())
