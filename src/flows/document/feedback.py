"""Feedback loops of any model, as far as they can be counted in a moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from flows.errors import FlowsError
from flows.inputs.loops import read_loops
from flows.loops import LinkSigns, link_signs, trace
from flows.model.graph import CausalGraph, causal_graph, loop_through, shortest_loops
from flows.model.model import Model

__all__ = ["Circle", "Feedback", "feedback", "owner"]

_OWNER = re.compile(r"#+(.*?) [A-Z]")
_WORK = 6_000_000  # links times links of a feedback set, up to which loops are counted
_SIGNED = 400  # variables up to which polarities are worked out
_LISTED = 150  # loops up to which all are listed
_TIMES = 24  # along the run at which signs of links are looked at


@dataclass(frozen=True)
class Circle:
    """A loop: the variables around it (folded names), its polarity where it is known, a name where there is one."""

    path: tuple[str, ...]
    polarity: str = ""
    name: str = ""
    what: str = ""


@dataclass(frozen=True)
class Feedback:
    """Loops of a model.

    Attributes
    ----------
    counted : bool
        Whether shortest independent loops were counted.
    total : int
        How many there are.
    through : mapping of str to int
        Folded name → how many run through it.
    sets : tuple of frozenset
        Sets of variables that all act on each other, largest first.
    circles : tuple of Circle
        The named loops, or all of them where they are few.
    named : bool
        Whether `circles` are named ones.
    """

    counted: bool = False
    total: int = 0
    through: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    sets: tuple[frozenset[str], ...] = ()
    circles: tuple[Circle, ...] = ()
    named: bool = False


def owner(name: str) -> str:
    """Folded name of the variable in whose equation a hidden one stands; any other name itself.

    Examples
    --------
    >>> owner("#smoothed orders SMOOTH 12"), owner("orders")
    ('smoothed orders', 'orders')
    """
    match = _OWNER.match(name)
    return match[1] if match else name


def feedback(model: Model, path: Path, *, signs: bool = True) -> Feedback:
    """Count the shortest independent loops of a model (Oliva 2004), hidden variables taken as part of their owners.

    Parameters
    ----------
    model : Model
    path : path
        Its file; a ``loops.toml`` beside it names loops.
    signs : bool
        Whether polarities may be worked out, by a run.

    Returns
    -------
    Feedback
    """
    whole = causal_graph(model)
    effects: dict[str, dict[str, None]] = {}
    for cause, found in whole.effects.items():
        own = effects.setdefault(owner(cause), {})
        own.update((owner(e), None) for e in found if owner(e) != owner(cause))
    graph = CausalGraph({name: tuple(found) for name, found in effects.items()})
    sets = tuple(sorted(_sets(graph), key=lambda s: (-len(s), min(s))))
    inside = {name: k for k, members in enumerate(sets) for name in members}
    links = [0] * len(sets)
    for cause, effect in graph.links:
        if cause in inside and inside.get(effect) == inside[cause]:
            links[inside[cause]] += 1
    if sum(n * n for n in links) > _WORK:
        return Feedback(sets=sets, **_named(model, path, whole, None))
    loops = shortest_loops(
        CausalGraph(
            {
                cause: tuple(e for e in found if inside.get(e, -1) == inside[cause])
                for cause, found in graph.effects.items()
                if cause in inside
            }
        )
    )
    through: dict[str, int] = {}
    for loop in loops:
        for name in loop:
            through[name] = through.get(name, 0) + 1
    known = _signs(model) if signs and len(model.variables) <= _SIGNED and loops else None
    listed = _named(model, path, whole, known)
    if not listed and len(loops) <= _LISTED:
        listed = {"circles": tuple(Circle(loop, _polarity(known, whole, loop)) for loop in loops)}
    return Feedback(True, len(loops), MappingProxyType(through), sets, **listed)


def _signs(model: Model) -> LinkSigns | None:
    control = model.control
    saved = (control.final_time - control.initial_time) / (control.saveper or 1.0)
    try:
        return link_signs(model, every=max(1, int(saved / _TIMES)) if saved == saved else 1)
    except (FlowsError, KeyError, IndexError, ValueError):
        return None  # a construct that has no sign


def _polarity(signs: LinkSigns | None, graph: CausalGraph, loop: tuple[str, ...]) -> str:
    if signs is None:
        return ""
    try:
        return signs.polarity(loop_through(graph, loop))
    except FlowsError:
        return ""


def _named(model: Model, path: Path, graph: CausalGraph, signs: LinkSigns | None) -> dict[str, Any]:
    """Loops that a ``loops.toml`` beside the file names, if it names loops of this model."""
    file = path.with_name("loops.toml")
    if not file.is_file():
        return {}
    circles = []
    try:
        for loop in read_loops(file):
            way = trace(model, loop, graph)
            names = tuple(dict.fromkeys(owner(n) for n in way))
            polarity = signs.polarity(way) if signs is not None else loop.reading
            circles.append(Circle(names, polarity, f"{loop.id} {loop.name}", loop.source))
    except FlowsError:
        return {}  # they belong to another model
    return {"circles": tuple(circles), "named": True}


def _sets(graph: CausalGraph) -> list[frozenset[str]]:
    """Sets of more than one variable that all act on each other."""
    number = {name: k for k, name in enumerate(graph.effects)}
    links = [(number[c], number[e]) for c, e in graph.links if e in number]
    if not links:
        return []
    ends = np.array(links).T
    matrix = csr_array((np.ones(len(links)), (ends[0], ends[1])), shape=(len(number), len(number)))
    _, label = connected_components(matrix, directed=True, connection="strong")
    members: dict[int, set[str]] = {}
    for name, k in zip(number, label.tolist(), strict=True):
        members.setdefault(k, set()).add(name)
    return [frozenset(names) for names in members.values() if len(names) > 1]
