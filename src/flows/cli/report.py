"""``flows report``: the page to read."""

from __future__ import annotations

import time as clock
from typing import Annotated

import typer

from flows.cli.options import OUTPUTS, Out, ShippedUnits, Units
from flows.cli.terminal import has_older, make_console, say, say_stage, short_path, show_progress


def report(
    out: Out = None,
    units: ShippedUnits = Units.error,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Few samples, so that it takes seconds; indices have wide intervals."),
    ] = False,
    lang: Annotated[
        str, typer.Option("--lang", metavar="en|es", help="Language of the page: English or Spanish.")
    ] = "en",
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write the tables as an Excel workbook too.")] = False,
) -> None:
    """Run, compare and probe the shipped model; write one self-contained HTML page.

    Where results of flows validate on the same model file lie beside it (outputs/validation), their summary is shown.
    """
    from flows.report.build import build

    folder = out or OUTPUTS / "report"
    older = has_older(folder)
    began = clock.monotonic()
    with show_progress("Report") as progress:
        page = build(
            folder, quick=quick, lang=lang, xlsx=xlsx, units=units.value, progress=progress, stage=say_stage
        )
    make_console(stderr=True).print(f"Done in {clock.monotonic() - began:.0f} s.", style="dim")
    if older:
        say("It replaces the older report.", stderr=True)
    print(short_path(page))
