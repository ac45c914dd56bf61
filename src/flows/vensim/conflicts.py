"""Merge conflicts that git left in a model file: told one by one, and the rest is read with the first of two versions.

References
----------
git-merge, section "How conflicts are presented": ``<<<<<<<``, perhaps ``|||||||`` (diff3), ``=======``, ``>>>>>>>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Conflict", "settled"]

_MARKER = re.compile(r"^(?:(?P<kind>[<>|])(?P=kind){6}(?: [^\r\n]*)?|={7})(?=\r?$)", re.MULTILINE)
_KEPT = re.compile(r"[^\r\n]")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two versions of a stretch, or a marker left over from one: from its first marker to the end of its last."""

    start: int
    end: int
    marker: str
    whole: bool


def settled(text: str) -> tuple[str, tuple[Conflict, ...]]:
    """Blank markers of conflicts, and the versions behind the first.

    Parameters
    ----------
    text : str
        A whole file.

    Returns
    -------
    tuple of (str, tuple of Conflict)
        A text of the same length and lines, and the conflicts in their order. A line of equal signs alone is a rule in
        a comment, no marker.
    """
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return text, ()
    found: list[Conflict] = []
    blanks: list[tuple[int, int]] = []
    opened: list[re.Match[str]] = []
    rule: re.Match[str] | None = None  # outside a conflict
    for mark in _MARKER.finditer(text):
        sign = mark[0][0]
        if sign == "<":
            found += [_left(m) for m in opened[:1]]  # never closed
            blanks += [m.span() for m in opened[:1]]
            opened = [mark]
        elif sign in "=|":
            if opened:
                opened.append(mark)
            else:
                rule = mark
        elif sign == ">":
            first = opened[0] if opened else rule or mark
            behind = opened[1] if len(opened) > 1 else rule if rule and not opened else mark
            found.append(Conflict(first.start(), mark.end(), first[0], whole=bool(opened)))
            blanks += [first.span(), (behind.start(), mark.end())]
            opened, rule = [], None
    found += [_left(m) for m in opened[:1]]
    blanks += [m.span() for m in opened[:1]]
    kept: list[str] = []
    at = 0
    for start, end in blanks:  # in order; a marker alone stands in two
        kept += [text[at:start], _KEPT.sub(" ", text[max(at, start) : end])]
        at = end
    return "".join([*kept, text[at:]]), tuple(found)


def _left(mark: re.Match[str]) -> Conflict:
    return Conflict(mark.start(), mark.end(), mark[0], whole=False)
