"""``flows set``: equations of a model file changed by program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.check import print_finding
from flows.cli.terminal import say, short_path
from flows.cli.versions import print_difference


def set_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="'NAME=VALUE'…",
            help="A number, numbers, points or an equation for a variable, or a number for an element.",
            show_default=False,
        ),
    ] = None,
    comment: Annotated[
        list[str] | None,
        typer.Option(
            "--comment", metavar="'NAME=TEXT'", help="A new comment; repeatable.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write; the file itself by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Change equations of a model file: only their bytes change, and units, layout and diagrams stay.

    A number for a stock is its initial value. The result is read back and checked before it takes the file's place;
    one with an error that the file didn't have is refused.
    """
    from flows.errors import InputError
    from flows.versions.change import change, write

    if not settings and not comment:
        raise InputError("nothing is to be set", where="flows set", expected="name=value after the file")
    changed = change(file, settings or (), comments=comment or ())
    if changed.difference.changes:
        print_difference(changed.difference)
    for finding in changed.findings:
        print_finding(finding)
    if changed.after == changed.before:
        say("The file says so already.")
        if out is None:
            return
    print(short_path(write(changed, out)))
