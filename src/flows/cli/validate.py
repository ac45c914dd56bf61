"""``flows validate``: the field's tests of the shipped model, as one page."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import OUTPUTS, ModelFile, Out, UnitsChoice, read_model
from flows.cli.terminal import has_older, make_console, make_table, say, say_stage, short_path, show_progress


def validate(
    out: Out = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few draws, so that it takes seconds; bands are rough.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="A calibration file in place of the shipped one.",
            show_default=False,
        ),
    ] = None,
    model: ModelFile = None,
    units: UnitsChoice = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 if something that has to hold doesn't.")
    ] = False,
) -> None:
    """Test the model: structure, fit, forecast, sectors on their own, the sources' figures, and what is missed.

    Everything is computed anew: units, balances, extreme conditions and the time step; every observed series with its
    bands; the forecast from 2023 on, which no fit has seen, against naive forecasts; which constants the data don't
    tell. The page and its tables go to outputs/validation.
    """
    from flows import provenance
    from flows.inputs.calibration import read_calibration
    from flows.posterior import posterior_of
    from flows.report.validation import inputs_of, write
    from flows.validation.criteria import criteria
    from flows.validation.run import validate as run

    folder = out or OUTPUTS / "validation"
    older = has_older(folder)
    started, began = provenance.now(), clock.monotonic()
    declared = read_calibration(calibration)
    read = read_model(model, units)
    with show_progress("Bands") as progress:
        found = run(read, declared, posterior_of(read), quick=quick, stage=say_stage, progress=progress)
    entry = provenance.record(
        inputs=inputs_of(found), seed=declared.seed, started=started, extra={"quick": quick}
    )
    say_stage("Figures and page")
    with provenance.results_folder(folder, entry=entry) as place:
        write(found, place, entry)
    judged = criteria(found.behaviour, found.figures)
    table = make_table("met", "what", "target", "found")
    for one in judged:
        table.add_row("✓" if one.met else "✗", one.what, one.target, one.found)
    for check in found.checks:
        table.add_row("✓" if check.passed else "✗", check.name, "", check.found)
    make_console().print(table)
    make_console(stderr=True).print(f"Done in {clock.monotonic() - began:.0f} s.", style="dim")
    if older:
        say("It replaces the older validation.", stderr=True)
    print(short_path(folder / "index.html"))
    if strict and not (all(one.met for one in judged) and all(check.passed for check in found.checks)):
        raise typer.Exit(1)
