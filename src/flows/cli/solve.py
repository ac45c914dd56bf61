"""``flows solve``: how much of a lever is needed, on a grid of two, and where two packages swap rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.numbers import number_text
from flows.cli.options import (
    OUTPUTS,
    Draws,
    Out,
    ShippedUnits,
    Units,
    draw_inputs,
    folder_name,
    is_set,
    read_model,
    say_doubts,
)
from flows.cli.terminal import has_older, make_console, make_table, say, say_written, show_progress
from flows.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from flows.inputs import Scenario
    from flows.solve import Grid, Solution, Swap, Target


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
    units: ShippedUnits = Units.error,
    out: Out = None,
) -> None:
    """Find how much is needed: the smallest change of a lever that meets a target with a stated probability.

    With --grid, over two levers: judges by receipts, say. With --swap A B --constant NAME, the value of an uncertain
    constant at which two packages swap rank by an outcome.
    """
    from flows import provenance
    from flows.inputs import read_scenario, settings_inputs

    started = provenance.now()
    if not target:
        raise InputError(
            "no target", where="--for", expected="OUTCOME@YYYY-MM < NUMBER, such as 'COMAR wait@2030-12 < 6'"
        )
    built = read_model(None, units)
    changed = settings_inputs(settings or (), built, option="--with")
    if any(is_set(changed, control) for control in ("saveper", "initial time", "final time", "time step")):
        raise InputError("a control variable can't be set here", where="--with", remedy="Leave it out")
    futures = draw_inputs(draws, built)
    options: dict[str, Any] = {"draws": futures.values, "settings": changed, "between": between}
    asked = _Asked(built, target, futures, changed, out, started)
    if swap is not None or constant is not None:
        if swap is None or constant is None or name is not None or grid is not None:
            raise InputError(
                "--swap A B and --constant NAME go together, without a lever and without --grid", where="--swap",
                remedy="flows solve --swap A B --constant NAME --for OUTCOME@MONTH",
            )  # fmt: skip
        _swap(swap, constant, options, asked)
        return
    if name is None:
        raise InputError("no lever is named", expected="a lever or another constant of the model")
    options |= {"probability": probability, "scenario": read_scenario(scenario)}
    if grid is not None:
        _grid(name, grid, grid_between, options, asked)
    else:
        _one(name, options, asked)


@dataclass(frozen=True)
class _Asked:
    """What all three questions have in common, and how their answers are kept."""

    model: Any
    target: str
    futures: Any
    settings: dict[str, float]
    out: Path | None
    started: str

    def folder(self, words: str) -> Path:
        """The folder of the results: as asked for, else named after the question."""
        return self.out or OUTPUTS / folder_name(words)

    def keep(
        self, found: Any, folder: Path, figure: Figure, answer: dict[str, Any], scenarios: Sequence[Scenario]
    ) -> None:
        """Write the readings, the figure and the answer with its provenance, and say what scenarios lack."""
        from flows import provenance
        from flows.compare import write_table
        from flows.inputs import find
        from flows.report import figures

        paths = [path for scenario in scenarios for path in scenario.paths]
        read = [*self.model.paths, find("outcomes"), *paths, *self.futures.paths]
        notes = [self.futures.doubt] if self.futures.doubt else []
        answer = {**answer, "settings": self.settings}
        about = {"answer": answer, "futures": self.futures.words, "notes": notes}
        with provenance.results_folder(
            folder, inputs=read, seed=self.futures.seed, started=self.started, extra=about
        ) as place:
            write_table(found.table, place / "solve.csv")
            figures.save(figure, place / "solve")
        say_doubts(scenarios, notes)

    def close(self, folder: Path, older: bool) -> None:
        """Say what the answer rests on, and where it lies."""
        from flows.compare import CAVEAT

        say(self.futures.words)
        say(CAVEAT)
        say_written(folder, older)


def _one(name: str, options: dict[str, Any], asked: _Asked) -> None:
    """One lever."""
    from flows import solve as solving
    from flows.report.ranked import response_figure
    from flows.report.results import SOURCE

    wanted = solving.read_target(asked.target, asked.model)
    folder = asked.folder(f"solve-{name} for {_words(wanted, options, asked)}")
    older = has_older(folder)
    with show_progress("Solving") as progress:
        found = solving.solve(asked.model, name, wanted, **options, progress=progress)
    answer = {
        "target": str(wanted), "probability": found.probability, "nearest": found.nearest, "met": found.met,
        "below": found.below, "above": found.above, "monotone": found.monotone,
    }  # fmt: skip
    asked.keep(found, folder, response_figure(found, source=SOURCE), answer, [options["scenario"]])
    _print_solution(found)
    asked.close(folder, older)


def _grid(
    name: str,
    other: str,
    other_between: tuple[float, float] | None,
    options: dict[str, Any],
    asked: _Asked,
) -> None:
    """Two levers."""
    from flows import solve as solving
    from flows.report.ranked import grid_figure
    from flows.report.results import SOURCE

    wanted = solving.read_target(asked.target, asked.model)
    folder = asked.folder(f"solve-{name} by {other} for {_words(wanted, options, asked)}")
    older = has_older(folder)
    with show_progress("Grid") as progress:
        found = solving.grid(
            asked.model, name, other, wanted, **options, other_between=other_between, progress=progress
        )
    frontier = found.frontier.astype(object).where(found.frontier.notna(), None).to_dict("records")
    answer = {"target": str(wanted), "probability": found.probability, "frontier": frontier}
    asked.keep(found, folder, grid_figure(found, source=SOURCE), answer, [options["scenario"]])
    _print_grid(found)
    asked.close(folder, older)


def _swap(names: tuple[str, str], constant: str, options: dict[str, Any], asked: _Asked) -> None:
    """Two packages along a constant."""
    from flows import solve as solving
    from flows.compare import outcomes_of
    from flows.inputs import read_scenario
    from flows.report.ranked import swap_figure
    from flows.report.results import SOURCE

    where = f"--for '{asked.target}'"
    if "@" not in asked.target or any(sign in asked.target for sign in "<>"):
        raise InputError(
            "not an outcome at a month", where=where, expected="OUTCOME@YYYY-MM",
            remedy="A swap is one of ranks by an outcome: leave out sign and bound",
        )  # fmt: skip
    reading = solving.read_reading(asked.target, outcomes_of(asked.model), asked.model, where)
    first, second = (read_scenario(name) for name in names)
    folder = asked.folder(f"swap-{first.name}-{second.name} along {constant} by {reading}")
    older = has_older(folder)
    with show_progress("Swap") as progress:
        found = solving.swap(asked.model, first, second, constant, reading, **options, progress=progress)
    answer = {"crossings": list(found.crossings), "reading": str(reading)}
    asked.keep(found, folder, swap_figure(found, source=SOURCE), answer, [first, second])
    _print_swap(found)
    asked.close(folder, older)


def _words(wanted: Target, options: dict[str, Any], asked: _Asked) -> str:
    """Say a question in words that a folder can be named by."""
    from flows.compare import settings_words

    words = f" with {settings_words(asked.settings)}" if asked.settings else ""
    target = str(wanted).replace("<", "below").replace(">", "above").replace("=", "")
    return f"{target} p{options['probability']:g} {options['scenario'].name}{words}"


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
        title=f"{found.target}: share of {_draws(found)}; across: {second}",
    )
    for value in found.shares[first].values:
        mark = " (now)" if value == found.starts[0] else ""
        table.add_row(
            f"{value:.4g}{mark}",
            *(f"{float(found.shares.sel({first: value, second: other})):.2f}" for other in across),
        )
    make_console().print(table)
    print(
        f"{first} that meets it in at least {100 * found.probability:.4g} % of {_draws(found)}, by {second}:"
    )
    for sentence in found.sentences():
        print(f"  {sentence}")


def _draws(found: Grid) -> str:
    return "1 draw" if found.draws == 1 else f"{found.draws} draws"


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
