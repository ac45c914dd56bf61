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
            help="The page, or a folder for it; with --markdown the folder. [default: outputs/docs/NAME/index.html]",
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
    from flows import provenance

    started = provenance.now()
    if markdown:
        from flows.report.book import inputs_of, make

        built = read_model(file, None)
        shipped = file is None
        with working_on("Writing the pages"):
            if out is None:
                read, folder = inputs_of(built, shipped=shipped), OUTPUTS / "book" / built.name
                with provenance.results_folder(folder, inputs=read, started=started) as place:
                    first = folder / make(built, place, shipped=shipped).name
            else:
                first = make(built, out, shipped=shipped)
        print(short_path(first))
        return
    from flows.document import page, read_documentation
    from flows.inputs import find

    model = find("model", "migration" if file is None else file)
    name = folder_name(model.stem)
    path = OUTPUTS / "docs" / name / "index.html" if out is None else _place(out, f"{name}.html")
    with working_on(f"Documenting {model.name}"):
        doc = read_documentation(model, run=run)
        text = page(doc)
    errors = sum(f.level == "error" for f in doc.findings)
    if errors:
        say(f"{errors} error{'s' * (errors != 1)} in the file: what they concern is incomplete.", stderr=True)
    if out is None:
        with provenance.results_folder(path.parent, inputs=doc.paths, started=started) as place:
            provenance.atomic_write(place / path.name, text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        provenance.atomic_write(path, text)
    print(short_path(path))


def _place(out: Path, name: str) -> Path:
    if out.is_dir() or not out.suffix:
        return out / name
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            "the page is HTML", where=f"--out {out}", expected="a name that ends in .html, or a folder"
        )
    return out
