"""Versions of which one has subscripts and the other is the same model without: matched element by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flows.errors import FlowsError, InputError
from flows.references import fold
from flows.vensim.flatten import Flat, flatten
from flows.vensim.tree import ModelText
from flows.versions.carry import carry, flat_source
from flows.versions.equations import KINDS, Change, Difference, differences

__all__ = ["Matched", "flatten_as", "matched"]

_ALIKE = 0.5
"""Share of the names without subscripts that the flat file must have to count as the same model."""


@dataclass(frozen=True)
class Matched:
    """Two versions compared, perhaps with one of them written without subscripts.

    Attributes
    ----------
    difference : Difference
        With names such as ``Migrants in transit[Haiti]`` for equations of a flat file; what a flat new version says of
        all elements alike is the equation of the old one as it would be.
    forms : mapping of str to str
        Folded flat name → text form; empty where both versions have subscripts or neither has.
    flat : tuple of (bool, bool)
        Which of the two is a flat file.
    left : tuple of Change
        Of a flat new version, the changes that can't be carried over into the old one by program.
    """

    difference: Difference
    forms: Mapping[str, str]
    flat: tuple[bool, bool] = (False, False)
    left: tuple[Change, ...] = ()


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
        flat = flatten_as(subscripted, other)
    except FlowsError:
        return Matched(differences(old, new), {})
    if whole[0]:
        carried = carry(old.text.encode(), old, flat, new)
        alike = differences(old, carried.text)
        rest = _by_element(carried.flat, new, carried.forms)
        order = {kind: k for k, kind in enumerate(KINDS)}
        every = sorted((*alike.changes, *rest.difference.changes), key=lambda c: order[c.kind])
        both = replace(rest.difference, changes=tuple(every))
        return Matched(both, rest.forms, (False, True), rest.difference.changes)
    found = _by_element(old, flat_source(flat, new.path), flat.forms)
    placeless = tuple(replace(c, line=0) for c in found.difference.changes)
    return Matched(replace(found.difference, changes=placeless), flat.forms, (True, False))


def flatten_as(subscripted: ModelText, other: ModelText) -> Flat:
    """Write a model without subscripts to hold it against a file that should be its flat form.

    Raises
    ------
    InputError
        If the file shares too few names with it.
    """
    flat = flatten(subscripted)
    have = {fold(d.name) for d in other.definitions}
    shared = len(have & set(flat.forms))
    if shared < _ALIKE * len(flat.forms):
        raise InputError(
            f"not a flat form of {subscripted.path}",
            where=other.path,
            found=f"{shared} of its {len(flat.forms)} elements",
            expected="a file that flows flatten made, with edits",
        )
    return flat


def _by_element(old: ModelText, new: ModelText, forms: Mapping[str, str]) -> Matched:
    """Compare two flat versions; changes are named by element."""
    found = differences(replace(old, sketch=""), replace(new, sketch=""))
    more = {fold(found.renamed[k]): v for k, v in forms.items() if k in found.renamed}
    named = dict(forms) | more
    changes = tuple(replace(c, name=_form(c.name, named)) for c in found.changes)
    return Matched(replace(found, changes=changes, layout=False), named)


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
