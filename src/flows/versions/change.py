"""Settings written into a model file: read back, checked, and only then in its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.errors import InputError, ModelError, ResultError
from flows.inspection import Finding, inspect
from flows.inspection.finding import Places
from flows.provenance import atomic_write
from flows.references import comma_remedy, fold
from flows.vensim.edit import ONE_NUMBER, Value, edit, value_of
from flows.vensim.parse import decoded, parse, read_bytes, refuse_no_text
from flows.vensim.source import XMILE, read_source
from flows.vensim.tree import Apply, Array, ModelText, Num, bare
from flows.versions.carry import carry
from flows.versions.equations import Change, Difference, differences
from flows.versions.flat import flatten_as, matched

__all__ = ["Changed", "carry_over", "change", "parse_change", "write"]

_LEFT = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|[^="\[])+(?:\[[^\]]*\])?\s*')

_NO_ENDS = (-math.inf, math.inf)
_MOST_LISTED = 6  # numbers outside a range


@dataclass(frozen=True)
class Changed:
    """A model file after its changes, not yet written.

    Attributes
    ----------
    path : Path
        The file that was read.
    before, after : bytes
        Its content then and now.
    difference : Difference
        What differs.
    findings : tuple of Finding
        Warnings of `flows.inspection.inspect` that the old file doesn't give.
    """

    path: Path
    before: bytes
    after: bytes
    difference: Difference
    findings: tuple[Finding, ...]


def parse_change(text: str, *, where: str = "") -> tuple[str, Value]:
    """Read ``name=value`` with a number, numbers, points or an equation after the sign.

    Examples
    --------
    >>> parse_change("filing delay = 3"), parse_change("rate=a / 2"), parse_change("share=1, 2")
    (('filing delay', 3.0), ('rate', 'a / 2'), ('share', [1.0, 2.0]))
    """
    if text.lstrip().startswith("="):
        raise InputError("no variable is named", where=where or f"'{text}'", expected="name=value")
    match = _LEFT.match(text)
    if match is None or text[match.end() : match.end() + 1] != "=":
        raise InputError(
            "no equals sign",
            where=where or f"'{text}'",
            expected="name=value",
            remedy="Write 'filing delay=3'",
        )
    right = text[match.end() + 1 :].strip()
    if not right:
        raise InputError(
            "nothing stands after the equals sign",
            where=where or f"'{text}'",
            expected="a number or an equation",
        )
    return match[0].strip(), value_of(right)


def change(path: str | Path, settings: Iterable[str], *, comments: Iterable[str] = ()) -> Changed:
    """Work out a model file with other equations, and check it.

    Parameters
    ----------
    path : str or path
        A model file. It isn't written to.
    settings : iterable of str
        Each ``name=value`` or ``name[Element]=value``, as `flows.vensim.edit.edit` takes them.
    comments : iterable of str
        Each ``name=text``.

    Raises
    ------
    InputError
        If a setting names nothing in the file, or its value can't stand there.
    ModelError
        If the file has an error that it didn't have before: an undefined name, a circle …
    """
    path = Path(path)
    if path.suffix.lower() in XMILE:
        raise InputError(
            "an XMILE file can't be changed here", where=str(path), expected="a Vensim .mdl file"
        )
    settings = tuple(settings)
    old = read_bytes(path)
    changes: dict[str, Value] = {}
    for text in settings:
        name, value = parse_change(text)
        if name in changes:
            raise InputError(f'"{name}" is set twice', where=f"'{text}'", remedy="Remove one of them")
        changes[name] = value
    notes = {}
    for text in comments:
        name, sign, comment = text.partition("=")
        if not sign:
            raise InputError("no equals sign", where=f"--comment '{text}'", expected="name=text")
        notes[name.strip()] = comment
    try:
        new = edit(old, changes, comments=notes, path=str(path))
    except InputError as error:
        typed = next((t.rpartition("=")[2] for t in settings if f'"{parse_change(t)[0]}"' == error.where), "")
        if error.expected != ONE_NUMBER or not comma_remedy(typed):
            raise
        raise InputError(
            error.what,
            where=error.where,
            found=f'"{typed.strip()}"',
            expected=error.expected,
            remedy=comma_remedy(typed),
        ) from None
    return _checked(path, old, new, lambda variable: _setting_of(changes, variable))


def carry_over(path: str | Path, flat: str | Path) -> tuple[Changed, tuple[Change, ...]]:
    """Work out a model file with what was edited in its flat form.

    Parameters
    ----------
    path : str or path
        The model with subscripts. It isn't written to.
    flat : str or path
        What `flows flatten` made of it, after edits.

    Returns
    -------
    tuple of Changed and tuple of Change
        The file with what can be carried over, and what can't be: units, names, what is gone, equations that changed in
        some of the elements that share one.

    Raises
    ------
    InputError
        If the flat file is none of this model.
    ModelError
        If the file would get an error that it didn't have before.
    """
    path = Path(path)
    if path.suffix.lower() in XMILE:
        raise InputError(
            "an XMILE file can't be changed here", where=str(path), expected="a Vensim .mdl file"
        )
    data = read_bytes(path)
    refuse_no_text(data, str(path))
    old, new = parse(decoded(data)[0], str(path)), read_source(Path(flat))
    if not any(d.subscripts for d in old.definitions):
        raise InputError(
            "the model has no subscripts", where=str(path), remedy="Name the model that was flattened"
        )
    carried = carry(data, old, flatten_as(old, new), new)
    left = matched(carried.text, new).difference.changes
    return _checked(path, data, carried.data, lambda variable: f"{flat}, {variable}"), left


def _checked(path: Path, old: bytes, new: bytes, place: Callable[[str], str]) -> Changed:
    """Say what differs in a changed file, and refuse one with new errors."""
    before, after = decoded(old)[0], decoded(new)[0]
    sources = parse(before, str(path)), parse(after, str(path))
    difference = differences(*sources)
    findings: list[Finding] = []
    if difference.changes:
        said = {_said(f) for f in inspect(path, run=False, text=before)}
        findings = [f for f in inspect(path, run=False, text=after) if _said(f) not in said]
        outside = list(_outside(*sources))
        known = {f.variable for f in outside}
        findings = [f for f in findings if f.rule != "range" or f.variable not in known] + outside
    errors = [f for f in findings if f.level == "error"]
    if errors:
        first = errors[0]
        raise ModelError(
            f"{first.what}, so nothing was written",
            where=place(first.variable) or first.where,
            found=first.found,
            expected=first.expected,
            remedy=first.remedy,
        )
    return Changed(path, old, new, difference, tuple(f for f in findings if f.level == "warning"))


def _outside(old: ModelText, new: ModelText) -> Iterator[Finding]:
    """Report constants and initial values that a change puts outside the range that the file declares for them."""
    before = {(fold(d.name), bare(d.expression)) for d in old.definitions}
    places = Places(new)
    for d in new.definitions:
        if d.limits is None or (fold(d.name), bare(d.expression)) in before:
            continue
        low, high = (end if end is not None else side for end, side in zip(d.limits, _NO_ENDS, strict=True))
        node = d.expression
        if isinstance(node, Apply) and fold(node.name) == "integ" and len(node.arguments) > 1:
            node = node.arguments[1]
        values = [v for row in node.rows for v in row] if isinstance(node, Array) else []
        values += [node.value] if isinstance(node, Num) else []
        if wrong := [v for v in values if not low <= v <= high]:
            yield places.at(
                "warning",
                "range",
                d.name,
                f'"{d.name}" lies outside its range',
                d.at,
                found=", ".join(f"{v:g}" for v in wrong[:_MOST_LISTED]),
                expected=f"[{low:g}, {high:g}]".replace("-inf", "?").replace("inf", "?"),
                remedy="Its equations may not hold there: correct the number or the range behind the units",
            )


def write(changed: Changed, out: str | Path | None = None) -> Path:
    """Put a changed file in the place of the old one, or elsewhere; whole or not at all.

    Raises
    ------
    ResultError
        If the file was saved by another program since it was read, or can't be written.
    """
    target = Path(out) if out is not None else changed.path.resolve()
    if out is None and read_bytes(changed.path) != changed.before:
        raise ResultError(
            "the file was saved by another program in the meantime, so nothing was written",
            where=str(changed.path),
            remedy="Run the command again",
        )
    return atomic_write(target, changed.after)


def _said(finding: Finding) -> tuple[str, ...]:
    return (finding.rule, finding.variable, finding.what, finding.found)


def _setting_of(changes: dict[str, Value], variable: str) -> str:
    for name in changes:
        if variable and fold(name.partition("[")[0]) == fold(variable):
            return f'"{name}"'
    return ""
