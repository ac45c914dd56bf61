"""``flows renew``: what follows from a fit, brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import ModelFile, UnitsChoice, read_model
from flows.cli.terminal import make_console, make_table, say, short_path


def renew(
    model: ModelFile = None,
    units: UnitsChoice = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if anything is out of date.")
    ] = False,
) -> None:
    """Renew what follows from the fit: reference constants, levels of levers, ranges of studies, the table of the fit.

    models/renewals.toml says what that is. `flows calibrate --write` does the same at its end; run it by itself after
    an edit of the model that moves the base run. Numbers that are right stay as they are written.
    """
    from flows.errors import InputError
    from flows.inputs.renewals import FILE
    from flows.renew import renew as run

    read = read_model(model, units)
    renewed = run(read)
    if renewed is None:
        raise InputError(
            "nothing says what follows from the fit",
            where=short_path(Path(read.path).with_name(FILE)),
            expected="a file there",
        )
    print_and_write(renewed, check=check)
    if check and renewed.changes:
        raise typer.Exit(1)


def print_and_write(renewed: Any, *, check: bool = False) -> None:
    """Show what is out of date, and write it."""
    from flows.renew import write

    if not renewed.changes:
        say("What follows from the fit is up to date.")
        return
    table = make_table("file", "what", "stands there", "follows from the fit")
    for one in renewed.changes:
        table.add_row(one.file.name, one.name, f"{one.before:g}", f"{one.after:g}")
    make_console().print(table)
    if not check:
        for path in write(renewed):
            say(f"Written: {short_path(path)}")
