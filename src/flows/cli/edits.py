"""``flows set`` and ``flows flatten``: model files changed by program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.check import print_finding
from flows.cli.options import InPlace, joined_setting, model_target, own_or_shipped
from flows.cli.terminal import say, short_path
from flows.cli.versions import print_difference, print_left

if TYPE_CHECKING:
    from flows.versions.equations import Change


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
    flat: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FLAT", help="Take over what was edited in its flat form.", show_default=False
        ),
    ] = None,
    out: InPlace = None,
) -> None:
    """Change equations of a model file: only their bytes change, and units, layout and diagrams stay.

    A number for a stock is its initial value. The result is read back and checked before it takes the file's place;
    one with an error that the file didn't have is refused. With --from, what was edited in a file of flows flatten
    comes back; what can't is listed.
    """
    from flows.errors import InputError
    from flows.versions.change import carry_over, change, write

    if flat is not None and (settings or comment):
        raise InputError(
            "--from takes no settings beside it", where="flows set", remedy="Set them in a second run"
        )
    if flat is None and not settings and not comment:
        raise InputError("nothing is to be set", where="flows set", expected="name=value after the file")
    _refuse_torn(file, settings or ())
    if model_target(out) is not None:
        file = own_or_shipped(file)
    left: tuple[Change, ...] = ()
    if flat is None:
        changed = change(file, settings or (), comments=comment or ())
    else:
        changed, left = carry_over(file, flat)
    if changed.difference.changes:
        print_difference(changed.difference)
    for finding in changed.findings:
        print_finding(finding if out is None else replace(finding, file=str(out)))
    print_left(left)
    if changed.after == changed.before:
        say("The file says so already." if not left else "Nothing else differs.")
        if out is None:
            return
    print(short_path(write(changed, out)))


def _refuse_torn(file: Path, settings: Sequence[str]) -> None:
    """Refuse a setting that fell into words for want of quotation marks."""
    from flows.errors import InputError

    for first, word in enumerate(settings):
        if "=" in word and not (word.endswith("=") and "=" not in "".join(settings[first + 1 : first + 2])):
            continue
        words = [word]
        for other in settings[first + 1 :]:
            if "=" in words[-1] and not words[-1].endswith("="):
                break
            words.append(other)
        whole = joined_setting(words)
        if len(words) == 1 or "=" not in whole.strip("="):
            return
        typed = f"flows set {file.as_posix()}"
        quoted = f'Put quotation marks around it: {typed} "{whole}"'
        raise InputError(
            "the setting ends at its first blank",
            where=typed,
            found=f'"{word}"',
            expected="NAME=VALUE",
            remedy=quoted if " " in whole else f"Write it without blanks: {typed} {whole}",
        )


def flatten(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Vensim model.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write. [default: FILE-flat.mdl beside it]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write an equal model without subscripts, for Vensim's free edition.

    Migrants in transit[Haiti] becomes Migrants in transit Haiti, with its units, comment and group; sums are written
    out, and each sector has a view with its pages once for each element. flows set --from takes edits made there back.
    """
    from flows.cli.terminal import working_on
    from flows.diagrams.flat import flat_text
    from flows.errors import InputError
    from flows.provenance import atomic_write
    from flows.vensim.flatten import flatten as flattened
    from flows.vensim.lower import lower
    from flows.vensim.parse import decoded, parse, read_bytes, read_text
    from flows.vensim.source import XMILE

    if file.suffix.lower() in XMILE:
        raise InputError(
            "an XMILE file isn't written without subscripts", where=str(file), expected="a Vensim .mdl file"
        )
    target = model_target(out) or file.with_name(f"{file.stem}-flat.mdl")
    if out is not None:
        file = own_or_shipped(file)
    if target.resolve() == file.resolve():
        raise InputError(
            "the flat model would take the place of the one with subscripts",
            where=f"--out {target}",
            remedy="Name another file",
        )
    text, raw = read_text(file), read_bytes(file)
    _, encoding, mark = decoded(raw)
    with working_on(f"Writing {file.name} without subscripts"):
        source = parse(text, str(file))
        flat = flattened(source)
        whole = flat_text(text, flat, lower(source), path=str(file))
    atomic_write(target, raw[:mark] + whole.encode(encoding, errors="replace"))
    print(f"{len(flat.forms)} elements got a name of their own, of {len(flat.names)} variables.")
    print(short_path(target))
