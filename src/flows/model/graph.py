"""Who influences whom: the causal graph of a model and the loops in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.errors import ModelError
from flows.model.ir import Past, Previous, Ref, Variable, walk
from flows.model.model import Model
from flows.model.order import static_variables

Path = tuple[str, ...]


@dataclass(frozen=True)
class CausalGraph:
    """What changes during a run, and what each of it acts on.

    Attributes
    ----------
    effects : mapping of str to tuple of str
        Folded name of a cause → folded names of what its value goes into at once, in the order of the file. Hidden
        variables (of SMOOTH, DELAY …) are nodes too; constants, lookups and what never changes are not.
    """

    effects: Mapping[str, tuple[str, ...]]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cause and effect."""
        return tuple((cause, effect) for cause, effects in self.effects.items() for effect in effects)


def causes(variable: Variable) -> tuple[str, ...]:
    """Folded names of what a variable's right sides use during a run, without initial values."""
    found: dict[str, None] = {}
    for equation in variable.equations:
        if equation.expr is not None:
            for node in walk(equation.expr):
                if isinstance(node, Ref | Past | Previous):
                    found[node.name] = None
    return tuple(found)


def causal_graph(model: Model) -> CausalGraph:
    """Return the causal graph of a model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    CausalGraph
    """
    static = static_variables(model.variables)
    nodes = [
        v.name
        for v in model.variables.values()
        if v.kind in ("stock", "auxiliary", "history") and v.name not in static
    ]
    effects: dict[str, list[str]] = {name: [] for name in nodes}
    for name in nodes:
        for cause in causes(model.variables[name]):
            if cause in effects and cause != name:
                effects[cause].append(name)
    return CausalGraph({name: tuple(names) for name, names in effects.items()})


def shortest_path(graph: CausalGraph, start: str, end: str, *, avoid: Iterable[str] = ()) -> Path | None:
    """Shortest chain of causes and effects, both ends included; for equal ends the shortest loop.

    Parameters
    ----------
    graph : CausalGraph
    start, end : str
        Folded names.
    avoid : iterable of str
        Folded names that the chain must not pass between its ends.

    Returns
    -------
    tuple of str, or None
        None if there is no such chain; a loop has its first name at the end again.
    """
    closed = set(avoid) - {end}
    before: dict[str, str] = {}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        for effect in graph.effects.get(at, ()):
            if effect == end:
                path = [effect, at]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return tuple(reversed(path))
            if effect not in before and effect != start and effect not in closed:
                before[effect] = at
                queue.append(effect)
    return None


def loop_through(graph: CausalGraph, names: Sequence[str]) -> Path:
    """Shortest loop that visits names in their order.

    Parameters
    ----------
    graph : CausalGraph
    names : sequence of str
        Folded names, at least one.

    Returns
    -------
    tuple of str
        The loop, its first name once.

    Raises
    ------
    ModelError
        If no chain leads from one of them to the next.
    """
    loop: list[str] = []
    ends = [*names[1:], names[0]]
    for k, (start, end) in enumerate(zip(names, ends, strict=True)):
        rest = [n for n in (*names, *loop) if n not in (start, end)]
        path = shortest_path(graph, start, end, avoid=rest)
        if path is None:
            raise ModelError(
                f'no chain of causes leads from "{start}" to "{end}"',
                where=f"link {k + 1} of the loop through {', '.join(names)}",
                remedy="Name the variables of the loop in the order of cause and effect",
            )
        loop.extend(path[:-1])
    return tuple(loop)


def shortest_loops(graph: CausalGraph) -> list[Path]:
    """Shortest independent loops: each loop adds a link that no shorter loop before it has.

    Returns
    -------
    list of tuple of str
        Shortest first; each begins with its first name in the order of the file. Every link that lies on any loop lies
        on one of these.

    Notes
    -----
    The shortest independent loop set of Oliva (2004, System Dynamics Review 20:313-336), found here by the shortest
    loop through each link.
    """
    rank = {name: k for k, name in enumerate(graph.effects)}
    found: set[Path] = set()
    for cause, effect in graph.links:
        path = shortest_path(graph, effect, cause)
        if path is not None:
            first = min(range(len(path)), key=lambda k: rank[path[k]])
            found.add(path[first:] + path[:first])
    covered: set[tuple[str, str]] = set()
    chosen: list[Path] = []
    for loop in sorted(found, key=lambda p: (len(p), [rank[n] for n in p])):
        links = set(loop_links(loop))
        if not links <= covered:
            covered |= links
            chosen.append(loop)
    return chosen


def loop_links(loop: Path) -> list[tuple[str, str]]:
    """Pairs of cause and effect around a loop."""
    return list(zip(loop, (*loop[1:], loop[0]), strict=True))


__all__ = [
    "CausalGraph",
    "causal_graph",
    "causes",
    "loop_links",
    "loop_through",
    "shortest_loops",
    "shortest_path",
]
