"""``flows solve``: how much of a lever is needed, on a grid of two, and where two packages swap rank."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.numbers import number_text
from flows.cli.options import (
    OUTPUTS,
    Draws,
    Out,
    draw_inputs,
    folder_name,
    is_set,
    read_model,
    say_doubts,
)
from flows.cli.terminal import has_older, make_console, make_table, say, say_written, show_progress
from flows.errors import InputError

if TYPE_CHECKING:
    from flows.solve import Grid, Solution, Swap


def solve(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A lever or another constant of the model, or one element of it.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="TARGET",
            help="Such as 'COMAR wait@2030-12 < 6'; on the right also OUTCOME@MONTH. With --swap only OUTCOME@MONTH.",
            show_default=False,
        ),
    ] = "",
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
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            metavar="NAME",
            help="Over the values of this other lever too: the target on a grid of the two.",
            show_default=False,
        ),
    ] = None,
    grid_between: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--grid-between", metavar="LOW HIGH", help="Range of the other lever.", show_default=False
        ),
    ] = None,
    swap: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--swap",
            metavar="A B",
            help="Two scenarios: at which value of --constant do they swap rank?",
            show_default=False,
        ),
    ] = None,
    constant: Annotated[
        str | None,
        typer.Option(
            "--constant", metavar="NAME", help="The uncertain constant of --swap.", show_default=False
        ),
    ] = None,
    draws: Draws = None,
    out: Out = None,
) -> None:
    """Find how much is needed: the smallest change of a lever that meets a target with a stated probability.

    With --grid, over two levers: judges by receipts, say. With --swap A B --constant NAME, the value of an uncertain
    constant at which two packages swap rank by an outcome.
    """
    from flows.inputs import read_scenario, settings_inputs

    if not target:
        raise InputError(
            "no target", where="--for", expected="OUTCOME@YYYY-MM < NUMBER, such as 'COMAR wait@2030-12 < 6'"
        )
    built = read_model(None, None)
    changed = settings_inputs(settings or (), built, option="--with")
    if any(is_set(changed, control) for control in ("saveper", "initial time", "final time", "time step")):
        raise InputError("a control variable can't be set here", where="--with", remedy="Leave it out")
    futures = draw_inputs(draws, built)
    options: dict[str, Any] = {"draws": futures.values, "settings": changed, "between": between}
    given = (built, target, futures, changed, out)
    if swap is not None or constant is not None:
        if swap is None or constant is None or name is not None or grid is not None:
            raise InputError(
                "--swap A B and --constant NAME go together, without a lever and without --grid", where="--swap",
                remedy="flows solve --swap A B --constant NAME --for OUTCOME@MONTH",
            )  # fmt: skip
        _swap(swap, constant, options, *given)
        return
    if name is None:
        raise InputError("no lever is named", expected="a lever or another constant of the model")
    options |= {"probability": probability, "scenario": read_scenario(scenario)}
    if grid is not None:
        _grid(name, grid, grid_between, options, *given)
    else:
        _one(name, options, *given)


def _one(
    name: str,
    options: dict[str, Any],
    built: Any,
    target: str,
    futures: Any,
    changed: dict[str, float],
    out: Path | None,
) -> None:
    """One lever."""
    from flows import solve as solving
    from flows.report.ranked import response_figure
    from flows.report.results import SOURCE

    wanted = solving.read_target(target, built)
    folder = out or OUTPUTS / folder_name(f"solve-{name} for {_asked(wanted, options, changed)}")
    older = has_older(folder)
    with show_progress("Solving") as progress:
        found = solving.solve(built, name, wanted, **options, progress=progress)
    answer = {
        "target": str(wanted), "probability": found.probability, "nearest": found.nearest, "met": found.met,
        "below": found.below, "above": found.above, "monotone": found.monotone, "settings": changed,
    }  # fmt: skip
    _keep(
        folder,
        found.table,
        response_figure(found, source=SOURCE),
        answer,
        built,
        futures,
        options["scenario"].paths,
    )
    say_doubts([options["scenario"]])
    _print_solution(found)
    _close(futures, folder, older)


def _grid(
    name: str, other: str, other_between: tuple[float, float] | None, options: dict[str, Any], built: Any, target: str,
    futures: Any, changed: dict[str, float], out: Path | None,
) -> None:  # fmt: skip
    """Two levers."""
    from flows import solve as solving
    from flows.report.ranked import grid_figure
    from flows.report.results import SOURCE

    wanted = solving.read_target(target, built)
    folder = out or OUTPUTS / folder_name(f"solve-{name} by {other} for {_asked(wanted, options, changed)}")
    older = has_older(folder)
    with show_progress("Grid") as progress:
        found = solving.grid(
            built, name, other, wanted, **options, other_between=other_between, progress=progress
        )
    frontier = found.frontier.astype(object).where(found.frontier.notna(), None).to_dict("records")
    answer = {
        "target": str(wanted),
        "probability": found.probability,
        "frontier": frontier,
        "settings": changed,
    }
    _keep(
        folder,
        found.table,
        grid_figure(found, source=SOURCE),
        answer,
        built,
        futures,
        options["scenario"].paths,
    )
    say_doubts([options["scenario"]])
    _print_grid(found)
    _close(futures, folder, older)


def _swap(
    names: tuple[str, str], constant: str, options: dict[str, Any], built: Any, target: str, futures: Any,
    changed: dict[str, float], out: Path | None,
) -> None:  # fmt: skip
    """Two packages along a constant."""
    from flows import solve as solving
    from flows.report.ranked import swap_figure
    from flows.report.results import SOURCE

    if "@" not in target or any(sign in target for sign in "<>"):
        raise InputError(
            "not an outcome at a month", where=f"--for '{target}'", expected="OUTCOME@YYYY-MM",
            remedy="A swap is one of ranks by an outcome: leave out sign and bound",
        )  # fmt: skip
    from flows.compare import outcomes_of
    from flows.inputs import read_scenario

    reading = solving.read_reading(target, outcomes_of(built), built, f"--for '{target}'")
    first, second = (read_scenario(name) for name in names)
    folder = out or OUTPUTS / folder_name(f"swap-{first.name}-{second.name} along {constant} by {reading}")
    older = has_older(folder)
    with show_progress("Swap") as progress:
        found = solving.swap(built, first, second, constant, reading, **options, progress=progress)
    answer = {"crossings": list(found.crossings), "reading": str(reading), "settings": changed}
    read = (*first.paths, *second.paths)
    _keep(folder, found.table, swap_figure(found, source=SOURCE), answer, built, futures, read)
    say_doubts([first, second])
    _print_swap(found)
    _close(futures, folder, older)


def _asked(wanted: Any, options: dict[str, Any], changed: dict[str, float]) -> str:
    from flows.compare import settings_words

    words = f" with {settings_words(changed)}" if changed else ""
    asked = str(wanted).replace("<", "below").replace(">", "above").replace("=", "")
    return f"{asked} p{options['probability']:g} {options['scenario'].name}{words}"


def _keep(
    folder: Path,
    table: Any,
    figure: Any,
    answer: dict[str, Any],
    built: Any,
    futures: Any,
    paths: Sequence[Path],
) -> None:
    """Write the readings, the figure and the answer with its provenance."""
    from flows import provenance
    from flows.compare import write_table
    from flows.inputs import find
    from flows.report import figures

    read = [built.path, find("outcomes"), *paths, *futures.paths]
    about = {"answer": answer, "futures": futures.words}
    with provenance.results_folder(folder, inputs=read, seed=futures.seed, extra=about) as place:
        write_table(table, place / "solve.csv")
        figures.save(figure, place / "solve")


def _close(futures: Any, folder: Path, older: bool) -> None:
    from flows.compare import CAVEAT

    say(futures.words)
    say(CAVEAT)
    say_written(folder, older)


def _print_solution(found: Solution) -> None:
    """Print the answer in a sentence or two, and the response that it stands on."""
    unit = found.target.left.outcome.unit
    table = make_table(
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
                number_text(row["median"]),
                f"{number_text(row['low'])} to {number_text(row['high'])}",
            )
    make_console().print(table)
    for sentence in found.sentences():
        print(sentence)


def _evenly(values: Sequence[float], found: Solution) -> list[float]:
    """Choose the values of the first reading, without those that halving added."""
    from flows.solve import GRID

    step = (found.high - found.low) / (GRID - 1)
    return [v for v in values if abs((v - found.low) / step - round((v - found.low) / step)) < 1e-9]


def _print_grid(found: Grid) -> None:
    """Print the shares over the two levers, and the frontier in sentences."""
    first, second = found.names
    across = found.shares[second].values
    table = make_table(
        f">{first}",
        *(f">{value:.4g}" for value in across),
        title=f"{found.target}: share of {found.draws} draws; across: {second}",
    )
    for value in found.shares[first].values:
        mark = " (now)" if value == found.starts[0] else ""
        table.add_row(
            f"{value:.4g}{mark}",
            *(f"{float(found.shares.sel({first: value, second: other})):.2f}" for other in across),
        )
    make_console().print(table)
    print(
        f"{first} that meets it in at least {100 * found.probability:.4g} % of {found.draws} draws, by {second}:"
    )
    for sentence in found.sentences():
        print(f"  {sentence}")


def _print_swap(found: Swap) -> None:
    """Print who is better along the constant, and where they swap."""
    names = found.first.name, found.second.name
    unit = found.reading.outcome.unit
    table = make_table(
        f">{found.name}", f">{names[0]}", f">{names[1]}", ">difference", ">90 % interval", ">P(first better)",
        title=f"{found.reading}, {unit}",
    )  # fmt: skip
    step = (found.high - found.low) / 12
    for row in found.table.to_dict("records"):
        if abs((row["value"] - found.low) / step - round((row["value"] - found.low) / step)) < 1e-9:
            table.add_row(
                f"{row['value']:.4g}",
                *(number_text(row[key]) for key in ("first", "second", "median")),
                f"{number_text(row['low'])} to {number_text(row['high'])}" if found.draws > 1 else "",
                f"{row['probability']:.2f}",
            )
    make_console().print(table)
    for sentence in found.sentences():
        print(sentence)
