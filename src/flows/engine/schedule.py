"""Equations in order → loop nests: equations with equal loops that use each other at the same position share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flows.engine.hoist import costly
from flows.model.ir import Expr, Fixed, Loop, Ref, Subscript, walk
from flows.model.order import Node

STATEMENTS = 120


@dataclass
class Group:
    """Equations with the same loops, evaluated in one loop nest.

    `shared` names the constants on which a time-only group depends: where these are equal in all runs of a block, one
    run is evaluated and its values are copied. None for equations that every run evaluates.
    """

    loops: tuple[tuple[str, tuple[str, ...]], ...]
    shared: frozenset[str] | None
    nodes: list[Node] = field(default_factory=list)


def groups(
    nodes: tuple[Node, ...], time_only: Mapping[str, frozenset[str]], *, unordered: bool
) -> Iterator[Group]:
    """Gather equations into loop nests.

    Parameters
    ----------
    nodes : tuple of Node
        In order of evaluation.
    time_only : mapping of str to frozenset of str
        Variables that may be shared between runs, see `flows.engine.hoist.exogenous`.
    unordered : bool
        True if the nodes don't use each other's values (net flows of stocks).

    Yields
    ------
    Group
        A node moves forward into an earlier group only over nodes that it doesn't depend on.
    """
    waiting = [(n, n.loops, _shared(n, time_only), {r.name for r in _refs(n.expr)}) for n in nodes]
    while waiting:
        head, loops, shared, _ = waiting[0]
        group = Group(loops, shared, [head])
        members = {head.variable.name}
        skipped: set[str] = set()
        rest = []
        for entry in waiting[1:]:
            node, own_loops, own_shared, used = entry
            fits = (
                own_loops == loops
                and own_shared == shared
                and len(group.nodes) < STATEMENTS
                and (unordered or (not used & skipped and node.variable.name not in members | skipped))
                and (unordered or all(_aligned(node, name, group) for name in used & members))
            )
            if fits:
                group.nodes.append(node)
                members.add(node.variable.name)
            else:
                skipped.add(node.variable.name)
                rest.append(entry)
        waiting = rest
        yield group


def own_subscripts(node: Node) -> tuple[Subscript, ...]:
    """The subscripts of a node's left side."""
    return tuple(
        Loop(index, elements) if index is not None else Fixed(elements[0])
        for index, elements in node.equation.axes
    )


def _refs(expr: Expr) -> Iterator[Ref]:
    return (n for n in walk(expr) if isinstance(n, Ref))


def _shared(node: Node, time_only: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    return time_only.get(node.variable.name) if any(costly(n) for n in walk(node.expr)) else None


def _aligned(node: Node, name: str, group: Group) -> bool:
    """True if a node uses a member of the group at the position that the member has just been evaluated for."""
    member = next(n for n in group.nodes if n.variable.name == name)
    own = own_subscripts(member)
    return all(ref.subscripts == own for ref in _refs(node.expr) if ref.name == name)
