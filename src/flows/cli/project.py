"""``flows project``: the court sector alone, on given assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.numbers import number_text
from flows.cli.options import Out, ShippedUnits, Units, read_model
from flows.cli.terminal import has_older, make_console, make_table, say, say_written
from flows.errors import InputError, near

if TYPE_CHECKING:
    import pandas as pd

    from flows.inputs.projections import Projection
    from flows.validation.sectors import Met


def project(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A projection of models/projections.toml. [default: all]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="'ASSUMPTION=VALUE'",
            help="Change pending, judges, hired, attrition, completions or receipts (by year); repeatable.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="MONTH", help="First month, such as 2024-10.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="MONTH", help="Last month, such as 2033-09.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Projections of your own, in the form of the shipped ones."
        ),
    ] = None,
    units: ShippedUnits = Units.error,
    out: Out = None,
) -> None:
    """Run the immigration courts alone on given assumptions: receipts, judges, hires, attrition, completions per judge.

    Without changes it reproduces published projections and says whether it does; the last column is the same arithmetic
    by hand. With --set it answers other assumptions. Nothing else of the model takes part.
    """
    from flows import provenance
    from flows.inputs import parse_setting
    from flows.inputs.projections import read_projections
    from flows.validation.sectors import met, run_projections

    started = provenance.now()
    every = read_projections(file)
    chosen = list(every)
    if name is not None:
        chosen = [p for p in every if p.id.lower() == name.lower()]
        if not chosen:
            raise InputError(
                f'no projection "{name}"', expected=", ".join(p.id for p in every),
                remedy=near(name, [p.id for p in every]),
            )  # fmt: skip
    changes = dict(parse_setting(text) for text in settings or ())
    if changes and name is None and len(chosen) > 1:
        raise InputError(
            "which projection is to be changed isn't said", where="--set",
            expected="one of " + ", ".join(p.id for p in chosen), remedy=f"flows project {chosen[0].id} --set …",
        )  # fmt: skip
    chosen = [_changed(projection, changes, start, until) for projection in chosen]
    model = read_model(None, units)
    runs, table = run_projections(model, chosen)
    for projection, run in zip(chosen, runs, strict=True):
        shown = make_table(
            "year",
            "to",
            ">judges",
            ">receipts",
            ">completions",
            ">pending",
            ">by hand",
            title=projection.title,
        )
        for row in table[table["id"] == projection.id].to_dict("records"):
            numbers = [
                number_text(row[c]) for c in ("judges", "receipts", "completions", "pending", "by_hand")
            ]
            shown.add_row(str(row["years"]), row["date"], *numbers)
        make_console().print(shown)
        if projection.expect:
            say(f"{projection.published} ({projection.source}, {projection.section})")
        for found in met(model, projection, run):
            say(("✓ " if found.holds else "✗ ") + _words(found))
    if out is not None:
        _write(out, file, table, started)


def _changed(
    projection: Projection, changes: dict[str, float], start: str | None, until: str | None
) -> Projection:
    from flows.inputs.projections import changed

    return changed(projection, changes, start=start, until=until, where="--set")


def _words(found: Met) -> str:
    """Say in words what was expected and found."""
    from flows import calendar

    expected = found.expected
    if expected.pending is not None:
        return (
            f"{number_text(found.found)} open cases at the end of {expected.month}: "
            f"{number_text(expected.pending)} ± {100 * expected.tolerance:.0f} %"
        )
    if expected.direction:
        return f"open cases by {expected.month}: {number_text(found.found)}, {expected.direction} expected"
    when = calendar.month_of(found.found - 1) if found.found == found.found else "never"
    return f"backlog cleared: {when}, expected after {expected.cleared} and by {expected.month}"


def _write(out: Path, file: Path | None, table: pd.DataFrame, started: str) -> None:
    from flows import provenance
    from flows.inputs import find
    from flows.report.results import save_csv

    older = has_older(out)
    read = [file or find("projections"), find("model", "migration")]
    with provenance.results_folder(out, inputs=read, started=started) as place:
        save_csv(table, place / "projections.csv")
    say_written(out, older)
