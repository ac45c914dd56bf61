"""``flows diff`` and ``flows watch``: a model file from one version to the next."""

from __future__ import annotations

import json
import textwrap
import time as clock
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.check import print_finding
from flows.cli.numbers import number_text, short_month, signed_text
from flows.cli.options import OUTPUTS, Out, Until, folder_name, is_familiar, read_until
from flows.cli.terminal import (
    has_older,
    make_console,
    make_table,
    note,
    say,
    say_written,
    short_path,
    working_on,
    write_json,
)
from flows.paths import plain

if TYPE_CHECKING:
    from flows.model.model import Model
    from flows.versions.behaviour import Behaviour
    from flows.versions.equations import Change, Difference, Kind
    from flows.versions.flat import Matched
    from flows.versions.watch import Saved

_HEADS = {
    "added": "Added",
    "removed": "Removed",
    "renamed": "Renamed",
    "equation": "Equations changed",
    "number": "Numbers changed",
    "range": "Subscript ranges changed",
    "setting": "Settings changed",
    "units": "Units changed",
    "limits": "Ranges beside the units changed",
    "comment": "Comments changed",
    "group": "Moved to another group",
    "rearranged": "The same maths, written differently",
}
_ROWS = 15  # of the table of what moved
_LINES = 40  # of each kind of change
_WIDE = 160  # letters of an equation
_LEFT = 12  # names of what can't be taken over


def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A model file, or REVISION:path.", show_default=False)
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same, later.", show_default=False)],
    run: Annotated[bool, typer.Option("--run/--no-run", help="Whether to run both versions.")] = True,
    until: Until = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all differences as JSON too.", show_default=False),
    ] = None,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Whether to draw.")] = True,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out of long lists.")] = False,
    out: Out = None,
) -> None:
    """Compare two versions of a model: equations as maths, numbers, units, and what all of it does to behaviour.

    OLD and NEW are files, or revisions such as HEAD~1:models/migration.mdl, read with the files beside them. Layout and
    order of terms don't count; renamed variables are recognised. Outcomes are those of an outcomes.toml beside the
    files; of a model without, all variables are compared.
    """
    from flows import provenance
    from flows.compare import CAVEAT
    from flows.versions.behaviour import write
    from flows.versions.flat import matched
    from flows.versions.source import opened

    started = provenance.now()
    with opened([old, new]) as (before, after):
        both = matched(before.text, after.text)
        found = both.difference
        if any(both.flat):
            print("Compared element by element: one version has no subscripts.")
        print_difference(found, full=full)
        _say_way_back(both, old, new, found.changes)
        files = before.data(), after.data()
        moved_files = sorted(n for n in {*files[0], *files[1]} if files[0].get(n) != files[1].get(n))
        if moved_files:
            print(f"Data files that differ: {', '.join(moved_files)}.")
        told: dict[str, Any] = {"old": old, "new": new, "sketch": found.sketch, "layout": found.layout}
        told |= {
            "data": moved_files,
            "renamed": dict(found.renamed),
            "changes": [asdict(c) for c in found.changes],
            "left": [asdict(c) for c in both.left],
        }
        try:
            if run and (found.acts or moved_files):
                models = before.model(), after.model()
                with working_on("Running both versions"):
                    moved, outcomes = _run_both(models, both, until)
                _print_moved(moved, _edited(found))
                if outcomes:
                    say(CAVEAT)
                told |= {"compared": moved.compared, "moved": [asdict(m) for m in moved.moved]}
                folder = out or OUTPUTS / folder_name(f"diff-{_stem(old)}-{_stem(new)}")
                older = has_older(folder)
                read = [path for one in models for path in _read_for(one, named=bool(outcomes))]
                with provenance.results_folder(folder, inputs=read, started=started) as place:
                    write(moved, place, title=plain(f"{old} → {new}"), figures=figures)
                    text = json.dumps(_finite(told), indent=2, ensure_ascii=False)
                    provenance.atomic_write(place / "diff.json", text + "\n")
                say_written(folder, older)
            elif run:
                print("Nothing that acts on a run differs.")
        finally:  # what differs is known even if a version can't be run
            if as_json is not None:
                write_json(as_json, _finite(told))


def _say_way_back(both: Matched, old: str, new: str, changes: Sequence[Change]) -> None:
    """Say how edits of a flat file come back into the model with subscripts."""
    origin = Path(old).with_name(Path(old).name.replace("-flat.", "."))
    if both.flat == (False, True) and len(changes) > len(both.left):
        print_left(both.left)
        say(f"To take {'the rest' if both.left else 'all'} over: flows set {old} --from {new}")
    elif both.flat == (False, True):
        print_left(both.left)
    elif changes and origin.name != Path(old).name and origin.is_file():
        say(f"By element, and to take it over: flows diff {origin.as_posix()} {new}")


def print_left(left: Sequence[Change]) -> None:
    """Say what of a flat file can't be taken over by program."""
    if left:
        names = list(dict.fromkeys(c.name for c in left))
        more = f" and {len(names) - _LEFT} more" if len(names) > _LEFT else ""
        say(f"To be written by hand ({len(left)}): {', '.join(names[:_LEFT])}{more}")


def _stem(name: str) -> str:
    revision, colon, path = name.rpartition(":")
    return f"{revision}-{Path(path).stem}" if colon and len(revision) > 1 else Path(name).stem


def _finite(value: Any) -> Any:
    """Put null in the place of numbers that JSON lacks."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _run_both(
    models: tuple[Model, Model], both: Matched, until: str | None
) -> tuple[Behaviour, tuple[Any, ...]]:
    """Run two versions; gives what moved, and the outcomes of the new one."""
    from flows.versions.behaviour import behaviour, run_of

    one = any(both.flat)  # the flat model goes by the outcomes of the other
    outcomes = [outcomes_beside(m) for m in (models if not one else (models[both.flat[0]],) * 2)]
    if not all(outcomes):
        outcomes = [(), ()]
    runs = [
        run_of(m, o, until=read_until(until, m), forms=both.forms if flat else None)
        for m, o, flat in zip(models, outcomes, both.flat, strict=True)
    ]
    renamed = {} if any(both.flat) else both.difference.renamed
    return behaviour(runs[0], runs[1], renamed=renamed), outcomes[1]


def outcomes_beside(model: Model) -> tuple[Any, ...]:
    """Outcomes of a file beside the model, of the shipped one where the model has most of them, or none."""
    from flows.compare import outcomes_of

    beside = model.path.with_name("outcomes.toml")
    if beside.is_file():
        return outcomes_of(model, beside)
    return outcomes_of(model) if is_familiar(model) else ()


def _read_for(model: Model, *, named: bool = False) -> list[Path]:
    """Files that a run of a model rests on: data, outcomes beside it or, where others are `named`, the shipped ones."""
    from flows.inputs import find

    beside = model.path.with_name("outcomes.toml")
    table = beside if beside.is_file() else find("outcomes") if named else None
    return [*model.paths, *([table] if table is not None else [])]


def watch(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A Vensim or XMILE model.", show_default=False)
    ],
    until: Until = None,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Whether to draw.")] = True,
    out: Out = None,
) -> None:
    """Check and run a model again whenever it or data it reads is saved, and show what moved against the last good one.

    A save with errors shows them; the last good version stays what the next one is held against. Ctrl-C ends.
    """
    from flows.versions.watch import Watched, saves

    folder = out or OUTPUTS / folder_name(f"watch-{file.stem}")
    has_older(folder)
    watched = Watched(file, outcomes_beside, lambda model: read_until(until, model))
    since, last = "", None
    for content in saves(file):
        began, now = clock.monotonic(), datetime.now().strftime("%H:%M:%S")
        first = last is None
        what = "watching" if first else "saved" if content != last else "new data of"
        last = content
        print(f"{now} {what} {short_path(file)}", flush=True)
        saved = watched.saved(content)
        for finding in saved.findings:
            print_finding(finding)
        if saved.error is not None:
            print(f"Error: {saved.error}")
        if saved.good is None:
            print(f"The last good version is that of {since}." if since else "There is no good version yet.")
        else:
            since = now
            if saved.difference is not None and saved.moved is not None:
                if saved.difference.changes or not saved.data:
                    print_difference(saved.difference)
                if saved.data:
                    print(f"Data files that changed: {', '.join(saved.data)}.")
                _print_moved(saved.moved, _edited(saved.difference))
            if figures and (saved.moved is None or saved.moved.moved):
                _write_saved(saved, folder, file)
                taken = f"{clock.monotonic() - began:.1f} s after the {'start' if first else 'save'}"
                print(f"Figures in {short_path(folder)} {taken}")
        print(flush=True)


def _write_saved(saved: Saved, folder: Path, file: Path) -> None:
    """Write what moved, or the outcomes where there is nothing to compare."""
    from flows import provenance
    from flows.report import figures
    from flows.report.results import headline, stocks_figure
    from flows.versions.behaviour import write

    assert saved.good is not None
    with provenance.results_folder(folder, inputs=_read_for(saved.good.model)) as place:
        if saved.moved is not None:
            write(saved.moved, place, title=plain(f"{file.name}: saved, and the last good version"))
            return
        outcomes = headline(outcomes_beside(saved.good.model))
        if outcomes:
            drawn = figures.trajectories(saved.good.run, [o.name for o in outcomes], title=plain(file.name))
        else:
            drawn = stocks_figure(saved.good.run, saved.good.model, title=plain(file.name))
        figures.save(drawn, place / "outcomes", formats=("png",))


# Words --------------------------------------------------------------------------------------------


def print_difference(found: Difference, *, full: bool = False) -> None:
    """Print differences by kind; without `full`, long lists and equations are cut."""
    from flows.versions.equations import KINDS

    for kind in KINDS:
        changes = found.of(kind)
        if kind in ("comment", "group"):
            changes = _on_both_sides(kind, changes)
        if not changes:
            continue
        print(f"{_HEADS[kind]} ({len(changes)})")
        shown = changes if full else changes[:_LINES]
        if kind == "number":
            _print_numbers(shown)
        else:
            for change in shown:
                _print_change(change, full=full)
        if len(shown) < len(changes):
            print(f"  … and {len(changes) - len(shown)} more (--full)")
        print()
    if not found.changes:
        words = "Layout and words only differ." if found.layout else "No equation differs."
        print(words + (" Diagrams do." if found.sketch else ""))
    elif found.sketch:
        print("Diagrams differ too.")


def _on_both_sides(kind: Kind, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Count what only one version has, such as comments; gives the rest."""
    words = "Comments" if kind == "comment" else "Groups"
    for version, lacks in (
        ("old", [c for c in changes if not c.new]),
        ("new", [c for c in changes if not c.old]),
    ):
        if lacks:
            print(f"{words} that the {version} version alone has: {len(lacks)}\n")
    return tuple(c for c in changes if c.old and c.new)


def _print_numbers(changes: Sequence[Change]) -> None:
    table = make_table("number", ">old", ">new", ">change")
    for c in changes:
        table.add_row(
            c.name,
            c.old or "none",
            c.new or "none",
            "" if c.percent is None else f"{signed_text(c.percent)} %",
        )
    make_console().print(table)


def _print_change(change: Change, *, full: bool) -> None:
    place = f"  (line {change.line})" if change.line else ""

    def short(text: str) -> str:
        return text if full or len(text) <= _WIDE else textwrap.shorten(text, _WIDE, placeholder=" …")

    match change.kind:
        case "added":
            print(f"  + {short(change.new)}{place}")
        case "removed":
            print(f"  - {short(change.old)}")
        case "renamed":
            print(f"  {change.old} → {change.new}{place}")
        case "comment":
            print(f"  {change.name}{place}")
            if full:
                print(f"    - {change.old}\n    + {change.new}")
        case "units" | "limits" | "group" | "setting":
            print(f"  {change.name}: {change.old or 'none'} → {change.new or 'none'}{place}")
        case _:
            print(f"  {change.name}{place}")
            if change.old:
                print(f"    - {short(change.old)}")
            if change.new:
                print(f"    + {short(change.new)}")
            if change.part:
                print(f"      {short(change.part[0]) or 'nothing'}  →  {short(change.part[1]) or 'nothing'}")


def _edited(found: Difference) -> frozenset[str]:
    """Variables whose numbers were edited: that they moved is told above what follows."""
    return frozenset(_variable(c.name) for c in found.of("number"))


def _variable(form: str) -> str:
    """The folded name of the variable that a text form is about."""
    from flows.references import fold

    return fold(form.partition("[")[0])


def _print_moved(found: Behaviour, edited: frozenset[str] = frozenset()) -> None:
    times = found.courses["time"].values
    if found.left_out:
        note(f"Compared at the {len(times)} times that both versions save.")
    if not found.moved:
        say(f"Nothing moved: {found.compared} outcomes are the same.")
        return
    shown = [m for m in found.moved if _variable(m.name) not in edited or not _is_number(found, m.name)]
    beside = len(found.moved) - len(shown)
    if not shown:
        say(f"Nothing moved but what was edited: {found.compared - beside} outcomes are the same.")
        return
    title = (
        f"What moved most. Of {found.compared - beside} outcomes compared, {len(shown)} moved. "
        f"Old and new: {_moment(float(times[-1]), dated='date' in found.courses.coords)}."
    )
    table = make_table(
        "outcome", "unit", ">old", ">new", ">change", ">largest change at any time", ">in % of the old peak",
        title=title,
    )  # fmt: skip
    for m in shown[:_ROWS]:
        percent = "" if m.percent is None else f"{signed_text(m.percent)} %"
        share = f"{_two_digits(100 * m.share)} %" if m.share == m.share and m.share < 1e6 else "no number"
        table.add_row(
            m.name, m.unit, number_text(m.old), number_text(m.new), percent, number_text(m.difference), share
        )
    make_console().print(table)
    if len(shown) > _ROWS:
        print(f"… and {len(shown) - _ROWS} more in moved.csv")


def _is_number(found: Behaviour, name: str) -> bool:
    """Whether what moved is one number at all times, and not a stock whose initial value was edited."""
    if name not in found.courses:
        return False
    values = found.courses[name].values
    return bool((values == values[..., :1]).all())


def _two_digits(number: float) -> str:
    """Write a number with two significant digits, in full where it isn't tiny.

    Examples
    --------
    >>> _two_digits(433.2), _two_digits(75), _two_digits(0.0123), _two_digits(1234567)
    ('430', '75', '0.012', '1,200,000')
    """
    short = float(f"{number:.2g}")
    return f"{short:,.0f}" if abs(short) >= 100 else f"{short:.2g}"


def _moment(time: float, *, dated: bool) -> str:
    """Say a model time: the month that ends with it, or the month that it lies in."""
    if not dated:
        return f"at time {time:g}"
    from flows.calendar import month_of
    from flows.compare import words

    ends = abs(time - round(time)) < 1e-6 and round(time) > 0
    month = month_of(round(time) - 1 if ends else time)
    return f"{'at the end of' if ends else 'in'} {short_month(words(month))}"
