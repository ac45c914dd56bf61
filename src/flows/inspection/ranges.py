"""A comma that is missing in a subscript range: the errors that follow from it, told once where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flows.errors import ModelError
from flows.inspection.finding import Finding, Places
from flows.references import fold
from flows.vensim.lower import lower
from flows.vensim.parse import parse
from flows.vensim.source import XMILE
from flows.vensim.tree import ModelText

__all__ = ["missing_comma"]

_FOLLOWS = re.compile(r"subscript|element|list of values")
_UNKNOWN = re.compile(r'element "([^"]+)"')
_MOST = 24  # places of a comma that are tried


def missing_comma(places: Places, errors: Sequence[ModelError]) -> tuple[Finding | None, list[ModelError]]:
    """Find the one comma in a range without which most errors of subscripts would not be.

    Returns
    -------
    tuple of (Finding or None, list of ModelError)
        The finding, and the errors that are left with the comma in its place: all of them if none is missing.
    """
    source = places.source
    follow = [e for e in errors if _FOLLOWS.search(e.what)]
    if not follow or source.path.lower().endswith(XMILE):
        return None, list(errors)
    unknown = {fold(n) for e in follow for n in _UNKNOWN.findall(e.what)}
    best: tuple[int, tuple[str, str, str, int], list[ModelError]] | None = None
    every = any(
        "no subscript range or element" not in e.what and "has no element" not in e.what for e in follow
    )
    splits = sorted(_splits(source, unknown, every=every), key=lambda s: s[0])
    for split in splits[: _MOST if len(follow) > 1 else _MOST // 4]:
        at = split[1][3]
        text = source.text[:at] + "," + source.text[at + (source.text[at] == " ") :]
        left = _errors(parse(text, source.path, unreadable=[]))
        count = len(follow) if left is None else sum(bool(_FOLLOWS.search(e.what)) for e in left)
        if left is not None and (best is None or count < best[0]):
            best = (count, split[1], left)
        if best is not None and not best[0]:
            break
    if best is None or 4 * best[0] > len(follow):
        return None, list(errors)
    _, (name, first, second, at), left = best
    finding = places.at(
        "error",
        "meaning",
        name,
        f'a comma seems to be missing between "{first}" and "{second}" in the range "{name}"',
        at,
        remedy="Write it: the errors of subscripts that follow from it are left out",
    )
    return finding, left


def _splits(
    source: ModelText, unknown: set[str], *, every: bool
) -> Iterator[tuple[int, tuple[str, str, str, int]]]:
    """Elements that may be two: how unlikely, range, first, second, and where the comma would stand.

    Unless every one is in question, an unknown name is one of the two or both together.
    """
    known = {fold(i.name) for r in source.ranges for i in r.items} | unknown
    for r in source.ranges:
        own = {fold(i.name) for i in r.items}
        for item in r.items:
            found = re.compile(r"[\s\\]+".join(map(re.escape, item.name.split()))).match(source.text, item.at)
            if item.last or found is None:
                continue
            name = found[0]
            for k in range(1, len(name)):
                first, second = (" ".join(p.replace("\\", " ").split()) for p in (name[:k], name[k:]))
                pieces = {fold(first), fold(second)}
                hump = name[k - 1].isalnum() and not name[k - 1].isupper() and name[k].isupper()
                if not every and not {*pieces, fold(item.name)} & unknown:
                    continue
                if pieces & own or not (name[k] == " " or hump or pieces <= known) or name[k - 1] == " ":
                    continue
                yield 2 - len(pieces & known), (r.name, first, second, item.at + k)


def _errors(source: ModelText) -> list[ModelError] | None:
    """What is wrong with a model; None if it can't be told."""
    errors: list[ModelError] = []
    try:
        lower(source, errors=errors)
    except ModelError:
        return None
    return errors
