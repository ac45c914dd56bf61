"""``flows docs``: the documentation of a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import OUTPUTS, folder_name, read_model
from flows.cli.terminal import say, short_path, working_on
from flows.errors import InputError


def docs(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A Vensim or XMILE model. [default: the shipped one]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The page, or a folder for it; with --markdown the folder. [default: outputs/docs/NAME.html]",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write a folder of Markdown pages, one a sector, for Sphinx.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option("--run/--no-run", help="Whether to run the model for small pictures of each variable."),
    ] = True,
) -> None:
    """Document a model as one HTML page: variables with equations and links, groups, views, loops, quality.

    The page needs nothing else and no network; a filter finds variables by words, type, group and view. What can't be
    read in the file is left out and listed.
    """
    from flows.provenance import atomic_write

    if markdown:
        from flows.report.book import make

        built = read_model(file, None)
        with working_on("Writing the pages"):
            first = make(built, out or OUTPUTS / "book" / built.name, shipped=file is None)
        print(short_path(first))
        return
    from flows.document import page, read_documentation
    from flows.inputs import find

    model = find("model", "migration" if file is None else file)
    place = _place(out, f"{folder_name(model.stem)}.html")
    with working_on(f"Documenting {model.name}"):
        doc = read_documentation(model, run=run)
        text = page(doc)
    errors = sum(f.level == "error" for f in doc.findings)
    if errors:
        say(f"{errors} error{'s' * (errors != 1)} in the file: what they concern is incomplete.", stderr=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    print(short_path(atomic_write(place, text)))


def _place(out: Path | None, name: str) -> Path:
    if out is None:
        return OUTPUTS / "docs" / name
    if out.is_dir() or not out.suffix:
        return out / name
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            "the page is HTML", where=f"--out {out}", expected="a name that ends in .html, or a folder"
        )
    return out
