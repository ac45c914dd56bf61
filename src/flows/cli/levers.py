"""``flows levers`` and ``flows solve``: what a lever does, and how much of it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from flows.cli.numbers import number_text, signed_text
from flows.cli.options import OUTPUTS, Draws, Out, draw_inputs, folder_name, is_set, read_model
from flows.cli.terminal import has_older, make_console, make_table, say, say_written, show_progress
from flows.errors import InputError


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
    built = read_model(None, None)
    known = outcomes_of(built)
    chosen = [resolve_outcome(name, known, model=built, where="--outcome") for name in outcome or ()]
    values, plan = draw_inputs(draws)
    default = base.name == "current-course" and not chosen
    folder = out or OUTPUTS / (
        "levers" if default else folder_name("-".join(("levers", base.name, *(o.name for o in chosen))))
    )
    older = has_older(folder)
    with show_progress("Levers") as progress:
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
    say(
        "Effect: difference from the baseline on the same draw, median and 90 % interval; ? marks a size that is an "
        "assumption. Worse: an outcome that gets worse by more than 1 % in nine draws of ten (all in levers.csv)."
    )
    say(CAVEAT)
    say_written(folder, older)


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
    built = read_model(None, None)
    wanted = solving.read_target(target, built)
    changed = settings_inputs(settings or (), built, option="--with")
    if any(is_set(changed, control) for control in ("saveper", "initial time", "final time", "time step")):
        raise InputError("a control variable can't be set here", where="--with", remedy="Leave it out")
    values, plan = draw_inputs(draws)
    words = f" with {settings_words(changed)}" if changed else ""
    asked = str(wanted).replace("<", "below").replace(">", "above").replace("=", "")
    folder = out or OUTPUTS / folder_name(f"solve-{name} for {asked} p{probability:g} {base.name}{words}")
    older = has_older(folder)
    with show_progress("Solving") as progress:
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
    say(CAVEAT)
    say_written(folder, older)


def _print_solution(found: Any) -> None:
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


def _evenly(values: Sequence[float], found: Any) -> list[float]:
    """Choose the values of the first reading, without those that halving added."""
    from flows.solve import GRID

    step = (found.high - found.low) / (GRID - 1)
    return [v for v in values if abs((v - found.low) / step - round((v - found.low) / step)) < 1e-9]


def _print_levers(found: Any, most: int = 10) -> None:
    from flows.compare import words

    for outcome in found.outcomes:
        rows = found.table[found.table["outcome"] == outcome.name].to_dict("records")
        percent = all(row["median_percent"] == row["median_percent"] for row in rows)
        unit = "%" if percent else outcome.unit
        base = number_text(rows[0]["baseline"])
        title = (
            f"{outcome.title or outcome.name}, {words(found.date)} (baseline {base} {outcome.unit}, "
            f"better {outcome.better})"
        )
        table = make_table(
            "lever", ">from", ">to", f">effect, {unit}", ">90 % interval", ">P(falls)", "worse", title=title
        )
        kind = "_percent" if percent else ""
        for row in rows[:most]:
            middle, low, high = (row[name + kind] for name in ("median", "low", "high"))
            said = [signed_text(x) if percent else number_text(x) for x in (middle, low, high)]
            worse = row["side_effects"].split("; ") if row["side_effects"] else []
            more = f" +{len(worse) - 2}" if len(worse) > 2 else ""
            table.add_row(
                row["lever"] + ("" if row["basis"] == "data" else " ?"),
                number_text(row["value_before"]),
                number_text(row["value_after"]),
                said[0],
                f"{said[1]} to {said[2]}",
                f"{row['probability_lower']:.2f}",
                "; ".join(worse[:2]) + more,
            )
        make_console().print(table)
