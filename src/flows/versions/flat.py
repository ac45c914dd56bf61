"""Versions of which one has subscripts and the other is the same model without: matched element by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flows.errors import FlowsError
from flows.references import fold
from flows.vensim.flatten import Flat, flatten
from flows.vensim.parse import parse
from flows.vensim.tree import ModelText
from flows.versions.equations import Difference, differences

__all__ = ["Matched", "matched"]

_ALIKE = 0.5
"""Share of the names without subscripts that the flat file must have to count as the same model."""


@dataclass(frozen=True)
class Matched:
    """Two versions compared, perhaps with one of them written without subscripts.

    Attributes
    ----------
    difference : Difference
        With names such as ``Migrants in transit[Haiti]`` for equations of a flat file.
    forms : mapping of str to str
        Folded flat name → text form; empty where both versions have subscripts or neither has.
    flat : tuple of (bool, bool)
        Which of the two is a flat file.
    """

    difference: Difference
    forms: Mapping[str, str]
    flat: tuple[bool, bool] = (False, False)


def matched(old: ModelText, new: ModelText) -> Matched:
    """Compare two versions; a file without subscripts is matched with the elements of one that has them.

    Parameters
    ----------
    old, new : ModelText
        As `flows.vensim.parse.parse` reads them.
    """
    whole = [any(d.subscripts for d in t.definitions) for t in (old, new)]
    if whole[0] == whole[1]:
        return Matched(differences(old, new), {})
    subscripted, other = (old, new) if whole[0] else (new, old)
    try:
        flat = flatten(subscripted)
    except FlowsError:
        return Matched(differences(old, new), {})
    have = {fold(d.name) for d in other.definitions}
    if len(have & set(flat.forms)) < _ALIKE * len(flat.forms):
        return Matched(differences(old, new), {})
    made = _without_sketch(flat, subscripted.path)
    texts = [replace(t, sketch="") for t in ((made, other) if whole[0] else (other, made))]
    found = differences(texts[0], texts[1])
    forms = dict(flat.forms) | {
        fold(found.renamed[k]): v for k, v in flat.forms.items() if k in found.renamed and whole[0]
    }
    changes = tuple(
        replace(c, name=_form(c.name, forms), line=c.line if whole[0] else 0) for c in found.changes
    )
    return Matched(replace(found, changes=changes, layout=False), forms, (not whole[0], not whole[1]))


def _without_sketch(flat: Flat, path: str) -> ModelText:
    return parse(flat.body + flat.settings, path)


def _form(name: str, forms: Mapping[str, str]) -> str:
    """Text form of a flat name; what follows it (``at the start``, ``at 3``) stays."""
    found = forms.get(fold(name))
    if found is not None:
        return found
    for mark in (" at the start", " at "):
        stem, at, rest = name.rpartition(mark)
        if at and fold(stem) in forms:
            return forms[fold(stem)] + at + rest
    return name
