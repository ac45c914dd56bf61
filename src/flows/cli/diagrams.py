"""``flows draw`` and ``flows layout``: the diagrams of a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import OUTPUTS, InPlace, Out, folder_name, model_target, own_or_shipped
from flows.cli.terminal import (
    has_older,
    make_console,
    make_table,
    note,
    say,
    say_stage,
    say_written,
    short_path,
    show_progress,
)
from flows.errors import InputError


def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model with a sketch.")],
    view: Annotated[
        list[str] | None,
        typer.Option("--view", metavar="NAME", help="Only this view; repeatable.", show_default=False),
    ] = None,
    out: Out = None,
) -> None:
    """Draw the views of a model from its own sketch, as SVG and PNG."""
    from flows import provenance
    from flows.diagrams import draw as drawing
    from flows.vensim.sketch import read_sketch

    file = own_or_shipped(file)
    sketch, _ = read_sketch(file)
    if not sketch.views:
        raise InputError("the file has no views", where=str(file), remedy=f"Lay it out: flows layout {file}")
    chosen = [sketch.view(name) for name in view] if view else list(sketch.views)
    empty = [v.name for v in chosen if not v.words]
    if len(empty) == len(chosen):
        raise InputError(
            "no view has anything on it", where=str(file), remedy=f"Lay it out: flows layout {file}"
        )
    if empty:
        note(f"Left out, with nothing on them: {', '.join(empty)}")
        chosen = [v for v in chosen if v.words]
    folder = out or OUTPUTS / folder_name(f"{file.stem}-views")
    older = has_older(folder)
    stems = [f"{n:02d}-{folder_name(v.name)}" for n, v in enumerate(sketch.views, 1) if v in chosen]
    with (
        provenance.results_folder(folder, inputs=[file]) as place,
        show_progress("Drawing", what="views") as progress,
    ):
        for number, (one, stem) in enumerate(zip(chosen, stems, strict=True)):
            progress(number, len(chosen))
            drawing.write(one, place, stem)
    table = make_table("view", ">words", ">arrows", "file")
    for one, stem in zip(chosen, stems, strict=True):
        arrows = sum(not a.pipe for a in one.arrows)
        table.add_row(one.name, str(len(one.words)), str(arrows), f"{stem}.svg")
    make_console().print(table)
    say_written(folder, older)


def layout(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model.")],
    view: Annotated[
        list[str] | None,
        typer.Option(
            "--view", metavar="NAME", help="Lay out this view anew; repeatable.", show_default=False
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Drop all views and lay out the whole model.")] = False,
    signs: Annotated[
        bool, typer.Option("--signs", help="Mark arrows with + or - as a run of the model finds them.")
    ] = False,
    out: InPlace = None,
) -> None:
    """Give variables that stand on no view a place; words placed by hand stay where they are.

    Equations and settings keep every byte. Named loops come from loops.toml beside the file, if there is one, and
    the places of sectors on the overview from overview.toml.
    """
    from flows.diagrams.arrange import arrange, loops_of, polarities
    from flows.diagrams.quality import quality
    from flows.inputs.places import read_places
    from flows.provenance import atomic_write
    from flows.vensim.read import read_vensim
    from flows.vensim.sketch import read_sketch

    if anew and view:
        raise InputError("--anew lays out every view", where="--view", remedy="Leave one of the two out")
    target = model_target(out) or file
    sketch, encoding = read_sketch(file)
    model = read_vensim(file, units="off")
    loops = loops_of(model, file.with_name("loops.toml"))
    marks = None
    if signs:
        from flows.loops import link_signs

        say_stage("Signs of links")
        marks = polarities(link_signs(model).signs)
    made = arrange(
        sketch,
        model,
        anew=anew,
        views=view or (),
        loops=loops,
        marks=marks,
        places=read_places(file.with_name("overview.toml")) if anew else None,
        stage=say_stage,
    )
    changed = [v for v in made.views if v not in sketch.views]
    if changed:
        table = make_table("view", ">words", ">arrows", ">crossings", ">overlaps", ">arrow length")
        for one in changed:
            found = quality(one)
            counts = (found.words, found.arrows, found.crossings, found.overlaps, round(found.length))
            table.add_row(one.name, *map(str, counts))
        make_console().print(table)
    else:
        say("Every variable stands on a view already.")
    if changed or out is not None:
        print(short_path(atomic_write(target, made.text.encode(encoding))))
