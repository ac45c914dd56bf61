"""Which names that are gone stand for which that are new: by what their equations say, and where they are used."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.references import fold
from flows.vensim.tree import Array, Definition, ModelText, Num, Points, RangeDefinition, bare
from flows.versions.maths import unify

__all__ = ["by_name", "find_renames"]

_ENOUGH = 1.0
_CERTAIN, _TRIVIAL, _USE, _HALF, _COMMENT, _UNITS, _NAME = 1.0, 0.3, 1.0, 0.5, 0.6, 0.1, 0.3
_VETO = 1e6
_TELLING = 3  # numbers in a list that two variables don't share by chance


def by_name(source: ModelText) -> dict[str, list[Definition]]:
    """Equations of each variable, by its folded name."""
    found: dict[str, list[Definition]] = {}
    for definition in source.definitions:
        found.setdefault(fold(definition.name), []).append(definition)
    return found


@dataclass(frozen=True)
class _Names:
    """All names of a file, by kind."""

    variables: Mapping[str, Sequence[Definition]]
    ranges: Mapping[str, RangeDefinition]
    elements: frozenset[str]

    @classmethod
    def of(cls, source: ModelText) -> _Names:
        ranges = {fold(r.name): r for r in source.ranges}
        items = {fold(i.name) for r in source.ranges for i in r.items}
        return cls(by_name(source), ranges, frozenset(items - set(ranges)))

    def kind(self, name: str) -> str:
        if name in self.variables:
            return "variable"
        return "range" if name in self.ranges else "element" if name in self.elements else ""


def find_renames(old: ModelText, new: ModelText) -> dict[str, str]:
    """Find variables, ranges and elements that were renamed.

    Parameters
    ----------
    old, new : ModelText
        Both versions.

    Returns
    -------
    dict of str to str
        Old folded name → new folded name. A variable counts as renamed if its equation is the same but for names, if
        an equation that uses it is, or if value, units and comment agree.
    """
    a, b = _Names.of(old), _Names.of(new)
    gone = {n: a.kind(n) for n in (*a.variables, *a.ranges, *a.elements) if not b.kind(n)}
    come = {n: b.kind(n) for n in (*b.variables, *b.ranges, *b.elements) if not a.kind(n)}
    if not gone or not come:
        return {}

    def may(x: str, y: str) -> bool:
        return bool(x in gone and gone[x] == come.get(y))

    votes: dict[tuple[str, str], float] = defaultdict(float)
    for name, definitions in a.variables.items():
        if name in b.variables:
            _by_use(definitions, b.variables[name], gone, come, may, votes)
    for name in set(a.ranges) & set(b.ranges):
        pairs: dict[str, str] = {}
        if unify(_bare_range(a.ranges[name]), _bare_range(b.ranges[name]), may, pairs):
            _vote(votes, pairs, _USE)
    _by_equation(a, b, gone, come, may, votes)
    for x, y in votes:
        if gone[x] == "variable":
            votes[x, y] += _likeness(a.variables[x][0], b.variables[y][0])
        votes[x, y] += _NAME * difflib.SequenceMatcher(None, x, y).ratio()
    found: dict[str, str] = {}
    for (x, y), score in sorted(votes.items(), key=lambda v: (-v[1], v[0])):
        if score >= _ENOUGH and x not in found and y not in found.values():
            found[x] = y
    return found


def _vote(votes: dict[tuple[str, str], float], pairs: Mapping[str, str], weight: float) -> None:
    for pair in pairs.items():
        votes[pair] += weight


def _by_use(
    old: Sequence[Definition],
    new: Sequence[Definition],
    gone: Mapping[str, str],
    come: Mapping[str, str],
    may: Any,
    votes: dict[tuple[str, str], float],
) -> None:
    """Vote by an equation of both versions: what stands in the place of what."""
    for x, y in zip(old, new, strict=False):
        was, now = _side(x), _side(y)
        if was == now:
            continue
        pairs: dict[str, str] = {}
        if unify(was, now, may, pairs):
            _vote(votes, pairs, _USE)
            continue
        lost = {n for n in _strings(was) if n in gone}
        got = {n for n in _strings(now) if n in come}
        if len(lost) == len(got) == 1 and may(min(lost), min(got)):
            votes[min(lost), min(got)] += _HALF


def _by_equation(
    a: _Names,
    b: _Names,
    gone: Mapping[str, str],
    come: Mapping[str, str],
    may: Any,
    votes: dict[tuple[str, str], float],
) -> None:
    """Vote by equations that are equal but for names that are gone or new."""
    shapes: dict[Any, list[str]] = defaultdict(list)
    for y in come:
        if come[y] == "variable":
            shapes[_shape(b.variables[y], come)].append(y)
    for x in gone:
        if gone[x] == "range":
            for y in (y for y in come if come[y] == "range"):
                pairs = {x: y}
                if unify(_bare_range(a.ranges[x]), _bare_range(b.ranges[y]), may, pairs):
                    _vote(votes, pairs, _CERTAIN)
        if gone[x] != "variable":
            continue
        fits = []
        for y in shapes.get(_shape(a.variables[x], gone), ()):
            pairs = {x: y}
            sides = zip(a.variables[x], b.variables[y], strict=True)
            if all(unify(_side(p), _side(q), may, pairs) for p, q in sides):
                fits.append((y, pairs))
        for y, pairs in fits:
            weight = _CERTAIN if _telling(a.variables[x]) and len(fits) == 1 else _TRIVIAL
            votes[x, y] += weight
            _vote(votes, {k: v for k, v in pairs.items() if k != x}, _HALF if len(fits) == 1 else 0.0)


def _telling(definitions: Sequence[Definition]) -> bool:
    """Whether an equation says more than a number or two."""
    if len(definitions) > 1:
        return True
    match definitions[0].expression:
        case None | Num():
            return False
        case Array(rows=rows):
            return len({v for row in rows for v in row}) >= _TELLING
        case Points(y=y):
            return len(y) >= _TELLING
        case _:
            return True


def _likeness(old: Definition, new: Definition) -> float:
    """How alike two variables are beside their equations; a constant never stands for what is computed."""
    score = _UNITS if old.units == new.units else -_CERTAIN
    if old.comment and old.comment == new.comment:
        score += _COMMENT
    constant = [isinstance(d.expression, (Num, Array)) for d in (old, new)]
    if constant[0] != constant[1] or (old.operator == "(") != (new.operator == "("):
        score -= _VETO
    return score


def _side(definition: Definition) -> tuple[Any, ...]:
    """Left subscripts and right side, without places."""
    subs = tuple(fold(s.name) for s in definition.subscripts)
    left_out = tuple(tuple(fold(s.name) for s in e) for e in definition.exceptions)
    return (subs, left_out, definition.operator, definition.keyword, bare(definition.expression))


def _bare_range(definition: RangeDefinition) -> tuple[Any, ...]:
    items = tuple((fold(i.name), fold(i.last)) for i in definition.items)
    mappings = tuple((fold(t), tuple(fold(i.name) for i in m)) for t, m in definition.mappings)
    return (items, mappings, fold(definition.equivalent), definition.source)


def _shape(definitions: Sequence[Definition], names: Mapping[str, str]) -> Any:
    """Equations with a blank in the place of each of some names."""

    def blank(tree: Any) -> Any:
        if isinstance(tree, tuple):
            return tuple(map(blank, tree))
        return "?" if isinstance(tree, str) and tree.removesuffix("!") in names else tree

    return tuple(blank(_side(d)) for d in definitions)


def _strings(tree: Any) -> set[str]:
    if isinstance(tree, tuple):
        return set().union(*map(_strings, tree)) if tree else set()
    return {tree.removesuffix("!")} if isinstance(tree, str) else set()
