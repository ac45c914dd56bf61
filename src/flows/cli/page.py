"""``flows page``: the lever simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import OUTPUTS, ModelFile, UnitsChoice, read_model
from flows.cli.terminal import short_path, working_on
from flows.errors import InputError


def page(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The HTML file. [default: outputs/page/index.html]",
            show_default=False,
        ),
    ] = None,
    model: ModelFile = None,
    units: UnitsChoice = None,
) -> None:
    """Write the lever simulator: one HTML file that runs the model in a browser, without server or network."""
    from flows import provenance
    from flows.page.build import inputs_of, write_page

    started = provenance.now()
    built = read_model(model, units)
    if out is not None and out.is_dir():
        raise InputError(
            "is a folder", where=f"--out {out}", expected="a file", remedy="Name an .html file in it"
        )
    with working_on("Writing the simulator"):
        if out is None:
            with provenance.results_folder(
                OUTPUTS / "page", inputs=inputs_of(built), started=started
            ) as folder:
                write_page(built, folder / "index.html")
        else:
            write_page(built, out)
    print(short_path(out or OUTPUTS / "page" / "index.html"))
