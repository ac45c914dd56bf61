"""``flows data``: the shipped observations from the raw tables of the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import say, short_path


def data(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="A checkout with data/ and models/data/. [default: the one that Flows runs from]",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if the shipped files differ.")
    ] = False,
) -> None:
    """Rebuild the shipped observations from the raw tables in data/.

    Each row is checked against the definition of its series; of several numbers for one span, that of the best tier
    is kept, or the one that data/choices.csv names. Nothing is scaled, averaged or filled.
    """
    from flows.gather import gather, write

    found = gather(folder)
    chosen = f" ({found.chosen} of them by choice)" if found.chosen else ""
    say(
        f"{found.rows:,} rows of {found.tables} raw tables: {found.shipped:,} shipped{chosen}, "
        f"{found.rows - found.shipped:,} superseded by another source of the same number."
    )
    if not found.changed:
        say("The shipped files say so already.")
    for path in found.changed if check else write(found):
        print(f"differs: {short_path(path)}" if check else short_path(path))
    if check and found.changed:
        raise typer.Exit(1)
