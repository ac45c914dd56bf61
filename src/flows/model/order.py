"""The order of evaluation: which equations run once, which at every step, and in what sequence.

The unit of ordering is the equation, not the variable: two equations of one variable may stand far apart, and where
equations of a subscripted variable depend on each other by element they are split into elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flows.errors import ModelError
from flows.model.ir import (
    STEP_START,
    Call,
    Element,
    Equation,
    Expr,
    Fixed,
    LookupCall,
    Loop,
    Number,
    Past,
    Position,
    Previous,
    Ref,
    Variable,
    rebuilt,
    references,
    walk,
)
from flows.model.model import Model

_LONGEST_CHAIN = 12  # names of a circle that are all spelt out
TIME_FUNCTIONS = frozenset({"step", "pulse", "pulse train", "ramp"})


class CircularError(ModelError):
    """Equations depend on each other in a circle; `links` are its pairs of cause and user, by name."""

    links: tuple[tuple[str, str], ...] = ()
    at_start: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One equation in the order: the variable, the equation and the expression to evaluate for it."""

    variable: Variable
    equation: Equation
    expr: Expr

    @property
    def loops(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The loops of the left side: index and elements."""
        return tuple((index, elements) for index, elements in self.equation.axes if index is not None)


@dataclass(frozen=True, slots=True)
class Plan:
    """A model in order.

    Attributes
    ----------
    initial : tuple of Node
        Evaluated once, at the start: static auxiliaries, INITIAL variables, initial values of stocks and their causes.
    dynamic : tuple of Node
        Evaluated at every step: auxiliaries that change over time.
    stocks : tuple of Node
        Net flows of the stocks, in the order of the file.
    histories : tuple of Node
        What histories take in, once a step.
    """

    initial: tuple[Node, ...]
    dynamic: tuple[Node, ...]
    stocks: tuple[Node, ...]
    histories: tuple[Node, ...]


def plan(model: Model, wanted: Iterable[str] | None = None) -> Plan:
    """Order a model's equations.

    Parameters
    ----------
    model : Model
    wanted : iterable of str, optional
        Folded names of the variables whose values are asked for: what they don't depend on is left out.

    Raises
    ------
    ModelError
        If equations depend on each other in a circle without a stock between; the circle is spelt out.
    """
    variables = model.variables
    if wanted is not None:
        needed = causes(variables, wanted)
        variables = {name: v for name, v in variables.items() if name in needed}
    static = static_variables(variables)
    dynamic = [
        Node(v, eq, eq.expr)
        for v in variables.values()
        if v.kind == "auxiliary" and v.name not in static
        for eq in v.equations
        if eq.expr is not None
    ]
    stocks, histories = (
        tuple(
            Node(v, eq, eq.expr)
            for v in variables.values()
            if v.kind == kind
            for eq in v.equations
            if eq.expr is not None
        )
        for kind in ("stock", "history")
    )
    candidates: list[Node] = []
    settled: list[str] = []
    for v in variables.values():
        if v.kind in ("constant", "lookup", "history"):
            continue
        for eq in v.equations:
            expr = eq.initial if eq.initial is not None else eq.expr
            assert expr is not None
            candidates.append(Node(v, eq, expr))
        if v.kind in ("stock", "initial") or v.name in static or keeps_its_last_value(v):
            settled.append(v.name)
    needed = _ancestors(candidates, settled)
    initial = [n for n in candidates if n.variable.name in needed]
    return Plan(
        initial=tuple(_sorted(model, initial)),
        dynamic=tuple(_sorted(model, dynamic)),
        stocks=stocks,
        histories=histories,
    )


def keeps_its_last_value(variable: Variable) -> bool:
    """True for a variable that uses its own value of the step before (SAMPLE IF TRUE)."""
    return any(
        isinstance(n, Previous) for eq in variable.equations if eq.expr is not None for n in walk(eq.expr)
    )


def causes(variables: Mapping[str, Variable], wanted: Iterable[str]) -> set[str]:
    """Everything that variables depend on, over time or at the start."""
    found: set[str] = set()
    queue = list(wanted)
    while queue:
        name = queue.pop()
        if name not in found and name in variables:
            found.add(name)
            for eq in variables[name].equations:
                for expr in (eq.expr, eq.initial):
                    if expr is not None:
                        queue.extend(n.name for n in walk(expr) if isinstance(n, Ref | Past))
    return found


def static_variables(variables: Mapping[str, Variable]) -> frozenset[str]:
    """Names of auxiliaries that never change during a run."""
    moving: set[str] = {"time", STEP_START}
    users: dict[str, list[str]] = {}
    queue: list[str] = []
    for v in variables.values():
        if v.kind == "stock":
            moving.add(v.name)
            queue.append(v.name)
        elif v.kind == "auxiliary":
            active = any(eq.initial is not None for eq in v.equations)
            for eq in v.equations:
                assert eq.expr is not None
                for node in walk(eq.expr):
                    if isinstance(node, Ref):
                        users.setdefault(node.name, []).append(v.name)
                        active |= node.name in ("time", STEP_START)
                    elif isinstance(node, Past) or (
                        isinstance(node, Call) and node.function in TIME_FUNCTIONS
                    ):
                        active = True
            if active and v.name not in moving:
                moving.add(v.name)
                queue.append(v.name)
    while queue:
        for user in users.get(queue.pop(), ()):
            if user not in moving:
                moving.add(user)
                queue.append(user)
    return frozenset(v.name for v in variables.values() if v.kind == "auxiliary" and v.name not in moving)


def _ancestors(nodes: list[Node], wanted: Iterable[str]) -> set[str]:
    needs: dict[str, set[str]] = {}
    for node in nodes:
        needs.setdefault(node.variable.name, set()).update(r.name for r in references(node.expr))
    found: set[str] = set()
    queue = list(wanted)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue.extend(needs.get(name, ()))
    return found


def _overlaps(ref: Ref, equation: Equation) -> bool:
    for subscript, (_, elements) in zip(ref.subscripts, equation.axes, strict=True):
        if isinstance(subscript, Fixed):
            if subscript.element not in elements:
                return False
        elif not set(subscript.elements) & set(elements):
            return False
    return True


def _dependencies(nodes: list[Node]) -> list[set[int]]:
    by_name: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        by_name.setdefault(node.variable.name, []).append(i)
    result: list[set[int]] = []
    for node in nodes:
        needs: set[int] = set()
        for ref in references(node.expr):
            for j in by_name.get(ref.name, ()):
                if _overlaps(ref, nodes[j].equation):
                    needs.add(j)
        result.append(needs)
    return result


def _sorted(model: Model, nodes: list[Node]) -> list[Node]:
    """Topological order; nodes in a circle are split into their elements once before the circle is refused."""
    for attempt in (1, 2):
        needs = _dependencies(nodes)
        order, left = _kahn(needs)
        if not left:
            return [nodes[i] for i in order]
        circle = _circle(needs, left)
        splittable = {i for i in left if nodes[i].loops}
        if attempt == 2 or not splittable:
            raise _circular(model, [nodes[i] for i in circle])
        nodes = [
            piece for i, node in enumerate(nodes) for piece in (_split(node) if i in splittable else (node,))
        ]
    raise AssertionError


def _kahn(needs: list[set[int]]) -> tuple[list[int], set[int]]:
    users: list[list[int]] = [[] for _ in needs]
    missing = [len(n) for n in needs]
    for i, n in enumerate(needs):
        for j in n:
            users[j].append(i)
    ready = [i for i, count in enumerate(missing) if count == 0]
    order: list[int] = []
    for i in ready:
        order.append(i)
        for user in users[i]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    return order, set(range(len(needs))) - set(order)


def _circle(needs: list[set[int]], left: set[int]) -> list[int]:
    at = min(left)
    path: dict[int, int] = {}
    while at not in path:
        path[at] = len(path)
        at = min(needs[at] & left)
    return list(path)[path[at] :]


def _circular(model: Model, circle: list[Node]) -> CircularError:
    names = [n.variable.spelling for n in reversed(circle)]
    start = names.index(min(names))
    names = names[start:] + names[:start]
    first = next(n for n in circle if n.variable.spelling == names[0])
    shown = names if len(names) <= _LONGEST_CHAIN else [*names[:8], f"({len(names) - 11} more)", *names[-3:]]
    chain = " -> ".join([*shown, names[0]])
    at_start = any(n.expr is n.equation.initial for n in circle)
    error = CircularError(
        f"these {'initial values' if at_start else 'equations'} depend on each other in a circle: {chain}",
        where=f"{model.path}:{first.equation.span.line}:{first.equation.span.column}",
        remedy="Use ACTIVE INITIAL in the circle" if at_start else "Put a stock or a delay into the circle",
    )
    users = [n.variable.name for n in circle]
    error.links = tuple(dict.fromkeys(zip([*users[1:], users[0]], users, strict=True)))
    error.at_start = at_start
    return error


def _split(node: Node) -> list[Node]:
    """One node for each element that an equation defines."""
    pieces: list[Node] = []
    for picked in itertools.product(*(elements for _, elements in node.equation.axes)):
        at = {
            index: elements.index(element)
            for (index, elements), element in zip(node.equation.axes, picked, strict=True)
            if index is not None
        }
        axes = tuple((None, (element,)) for element in picked)
        equation = replace(node.equation, axes=axes)
        pieces.append(Node(node.variable, equation, substitute(node.expr, at)))
    return pieces


def substitute(expr: Expr, at: Mapping[str, int]) -> Expr:
    """Replace loops by the element at a position of each."""
    match expr:
        case Ref() | Previous():
            subscripts = tuple(
                Fixed(s.elements[at[s.index]]) if isinstance(s, Loop) and s.index in at else s
                for s in expr.subscripts
            )
            return replace(expr, subscripts=subscripts)
        case Position():
            return Number(float(expr.positions[at[expr.index]]), expr.span) if expr.index in at else expr
        case LookupCall():
            table = substitute(expr.table, at)
            assert isinstance(table, Ref)
            return replace(expr, table=table, argument=substitute(expr.argument, at))
        case Element():
            return replace(expr, position=substitute(expr.position, at))
        case Past():
            subscripts = tuple(
                Fixed(s.elements[at[s.index]]) if isinstance(s, Loop) and s.index in at else s
                for s in expr.subscripts
            )
            lag, otherwise = substitute(expr.lag, at), substitute(expr.otherwise, at)
            return replace(expr, subscripts=subscripts, lag=lag, otherwise=otherwise)
        case _:
            return rebuilt(expr, lambda child: substitute(child, at))
