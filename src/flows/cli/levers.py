"""``flows levers``: what each lever does."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.cli.numbers import number_text, signed_text
from flows.cli.options import (
    OUTPUTS,
    Draws,
    Out,
    ShippedUnits,
    Units,
    draw_inputs,
    folder_name,
    read_model,
    say_doubts,
)
from flows.cli.terminal import (
    NARROW,
    has_older,
    make_console,
    make_table,
    say,
    say_written,
    screen_width,
    show_progress,
)


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
    draws: Draws = None,
    scenario: Annotated[
        str,
        typer.Option(
            "--scenario", metavar="NAME", help="What levers are moved from; it may set none itself."
        ),
    ] = "current-course",
    units: ShippedUnits = Units.error,
    out: Out = None,
) -> None:
    """Rank all levers by their effect, each moved as far as history moved it: table, CSV, figure.

    How far and why stands in models/lever-changes.toml. All levers meet the same draws of the uncertain inputs.
    """
    from flows import levers as ranking
    from flows import provenance
    from flows.compare import CAVEAT, outcomes_of, write_table
    from flows.inputs import find, read_scenario, resolve_outcome
    from flows.report import figures
    from flows.report.ranked import levers_figure
    from flows.report.results import SOURCE

    started = provenance.now()
    base = read_scenario(scenario)
    built = read_model(None, units)
    known = outcomes_of(built)
    chosen = [resolve_outcome(name, known, model=built, where="--outcome") for name in outcome or ()]
    futures = draw_inputs(draws, built)
    default = base.name == "current-course" and not chosen
    folder = out or OUTPUTS / (
        "levers" if default else folder_name("-".join(("levers", base.name, *(o.name for o in chosen))))
    )
    older = has_older(folder)
    with show_progress("Levers") as progress:
        found = ranking.rank(
            built,
            draws=futures.values,
            scenario=base,
            outcomes=tuple(dict.fromkeys(chosen)) or None,
            date=at,
            progress=progress,
        )
    read = [*built.paths, find("outcomes"), find("lever-changes"), *base.paths]
    read += list(futures.paths)
    notes = [futures.doubt] if futures.doubt else []
    about = {"draws": found.draws, "futures": futures.words, "notes": notes}
    with provenance.results_folder(
        folder, inputs=read, seed=futures.seed, started=started, extra=about
    ) as place:
        write_table(found.table, place / "levers.csv")
        figures.save(levers_figure(found, source=SOURCE), place / "levers")
    say_doubts([base], notes)
    _print_levers(found)
    say(
        "Effect: difference from the baseline on the same draw, median and 90 % interval; ? marks a size that is an "
        "assumption. Worse: an outcome that gets worse by more than 1 % in nine draws of ten (all in levers.csv)."
    )
    say(futures.words)
    say(CAVEAT)
    say_written(folder, older)


def _print_levers(found: Any, most: int = 10) -> None:
    from flows.compare import words

    narrow = screen_width() < NARROW
    for outcome in found.outcomes:
        rows = found.table[found.table["outcome"] == outcome.name].to_dict("records")
        percent = all(row["median_percent"] == row["median_percent"] for row in rows)
        unit = "%" if percent else outcome.unit
        base = number_text(rows[0]["baseline"])
        title = (
            f"{outcome.title or outcome.name}, {words(found.date)} (baseline {base} {outcome.unit}, "
            f"better {outcome.better})"
        )
        heads = ("lever", ">from", ">to", f">effect, {unit}", ">90 % interval", ">P(falls)", "worse")
        table = make_table(*(heads[:-1] if narrow else heads), title=title)
        kind = "_percent" if percent else ""
        for row in rows[:most]:
            middle, low, high = (row[name + kind] for name in ("median", "low", "high"))
            said = [signed_text(x) if percent else number_text(x) for x in (middle, low, high)]
            worse = row["side_effects"].split("; ") if row["side_effects"] else []
            more = f" +{len(worse) - 2}" if len(worse) > 2 else ""
            cost = "; ".join(worse[:2]) + more
            mark = "" if row["basis"] == "data" else " ?"
            below = f"\n  worse: {cost}" if narrow and worse else ""
            table.add_row(
                row["lever"] + mark + below,
                number_text(row["value_before"]),
                number_text(row["value_after"]),
                said[0],
                f"{said[1]} to {said[2]}",
                f"{row['probability_lower']:.2f}",
                *([] if narrow else [cost]),
            )
        make_console().print(table)
