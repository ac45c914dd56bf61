"""Time-only work taken out of equations: calls that depend on time and constants alone are evaluated once.

A policy series ``lookup(Time)`` inside an equation over nine origins is one number, and it is the same number in
every run of a block unless a constant that it depends on differs between them. `hoist` gives each such call a hidden
variable over the loops that it really uses; `exogenous` tells which constants decide whether runs may share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from flows.model.ir import (
    STEP_START,
    Binary,
    Call,
    Element,
    Equation,
    Expr,
    LookupCall,
    Loop,
    Number,
    Past,
    Position,
    Previous,
    Reduce,
    Ref,
    Unary,
    Variable,
    Vector,
    walk,
)
from flows.model.model import Model
from flows.model.order import TIME_FUNCTIONS, static_variables

SMALL_POWERS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Exponents of powers that are written out as products and square roots."""
_COSTLY = TIME_FUNCTIONS | frozenset(
    "exp ln log power sin cos tan sinh cosh tanh arcsin arccos arctan integer quantum modulo".split()
)


def costly(expr: Expr) -> bool:
    """True for a node that no compiler puts on all lanes at once."""
    return (
        isinstance(expr, LookupCall | Vector)
        or (isinstance(expr, Call) and expr.function in _COSTLY)
        or (isinstance(expr, Binary) and expr.operator == "^" and not small_power(expr.right))
    )


def small_power(expr: Expr) -> bool:
    """True for an exponent that is written out."""
    return isinstance(expr, Number) and expr.value in SMALL_POWERS


def exogenous(variables: Mapping[str, Variable]) -> dict[str, frozenset[str]]:
    """Auxiliaries that depend on time and constants alone.

    Returns
    -------
    dict of str to frozenset of str
        For each such auxiliary the constants that it depends on, directly or not.
    """
    causes: dict[str, set[str]] = {}
    users: dict[str, list[str]] = {}
    open_names: list[str] = []
    for v in variables.values():
        if v.kind == "auxiliary":
            refs = {
                n.name
                for eq in v.equations
                if eq.expr is not None
                for n in walk(eq.expr)
                if isinstance(n, Ref)
            }
            causes[v.name] = refs
            for name in refs:
                users.setdefault(name, []).append(v.name)
            remembers = any(eq.initial is not None or (eq.expr and _remembers(eq.expr)) for eq in v.equations)
            if remembers:
                open_names.append(v.name)
        elif v.kind not in ("constant", "lookup"):
            open_names.append(v.name)
    moved = set(open_names)
    while open_names:
        for user in users.get(open_names.pop(), ()):
            if user not in moved:
                moved.add(user)
                open_names.append(user)
    result: dict[str, frozenset[str]] = {}
    for name in causes:
        if name not in moved:
            _constants_of(name, causes, variables, result)
    return result


def _constants_of(
    name: str,
    causes: Mapping[str, set[str]],
    variables: Mapping[str, Variable],
    result: dict[str, frozenset[str]],
) -> None:
    """Fill in the constants that a variable depends on, its causes' first (without recursion)."""
    stack = [name]
    waiting: set[str] = set()
    while stack:
        top = stack[-1]
        if top in result:
            stack.pop()
            continue
        missing = [c for c in causes[top] if c in causes and c not in result and c not in waiting]
        if missing:
            waiting.add(top)
            stack.extend(missing)
            continue
        found: set[str] = set()
        for cause in causes[top]:
            if cause in result:
                found |= result[cause]
            elif cause in variables and variables[cause].kind == "constant":
                found.add(cause)
        result[top] = frozenset(found)
        stack.pop()


def hoist(model: Model) -> Model:
    """Give every costly call on time and constants alone inside a larger equation a hidden variable of its own.

    Values don't change: the same operations are done in the same order, once instead of many times.
    """
    known = exogenous(model.variables)
    closed = (
        frozenset(known)
        | {"time", STEP_START}
        | {v.name for v in model.variables.values() if v.kind in ("constant", "lookup")}
    )
    static = static_variables(model.variables)
    made: dict[tuple[Expr, tuple[tuple[str, tuple[str, ...]], ...]], Variable] = {}
    variables = dict(model.variables)
    for v in model.variables.values():
        if v.kind not in ("auxiliary", "stock", "history") or v.name in static:
            continue
        equations = []
        for eq in v.equations:
            expr = eq.expr
            if expr is not None and not (v.kind == "auxiliary" and v.name in known and costly(expr)):
                loops = {index: elements for index, elements in eq.axes if index is not None}
                expr = _replace(expr, loops, closed, made, v)
            equations.append(replace(eq, expr=expr))
        variables[v.name] = replace(v, equations=tuple(equations))
    variables |= {v.name: v for v in made.values()}
    return replace(model, variables=MappingProxyType(variables))


def _replace(
    expr: Expr,
    loops: dict[str, tuple[str, ...]],
    closed: frozenset[str],
    made: dict[tuple[Expr, tuple[tuple[str, tuple[str, ...]], ...]], Variable],
    user: Variable,
) -> Expr:
    if costly(expr) and _is_exogenous(expr, closed):
        used = _loops(expr)
        if used <= set(loops):
            axes = tuple((index, elements) for index, elements in loops.items() if index in used)
            key = (expr, axes)
            if key not in made:
                made[key] = Variable(
                    name=f"#HOISTED {len(made)}",
                    spelling=f"part of {user.spelling}",
                    kind="auxiliary",
                    equations=(Equation(axes, expr=expr),),
                    ranges=tuple(index for index, _ in axes),
                    elements=tuple(elements for _, elements in axes),
                    hidden=True,
                )
            return Ref(made[key].name, tuple(Loop(index, elements) for index, elements in axes))
        return expr

    def down(child: Expr) -> Expr:
        return _replace(child, loops, closed, made, user)

    match expr:
        case Unary():
            return replace(expr, operand=down(expr.operand))
        case Binary():
            return replace(expr, left=down(expr.left), right=down(expr.right))
        case Call():
            return replace(expr, arguments=tuple(down(a) for a in expr.arguments))
        case LookupCall():
            return replace(expr, argument=down(expr.argument))
        case Reduce():
            return replace(expr, body=down(expr.body))
        case _:
            return expr


def _is_exogenous(expr: Expr, closed: frozenset[str]) -> bool:
    return not _remembers(expr) and all(node.name in closed for node in walk(expr) if isinstance(node, Ref))


def _remembers(expr: Expr) -> bool:
    """True for an expression that uses values of earlier steps."""
    return any(isinstance(node, Past | Previous) for node in walk(expr))


def _loops(expr: Expr) -> set[str]:
    used: set[str] = set()
    bound: set[str] = set()
    for node in walk(expr):
        if isinstance(node, Ref | Previous):
            used |= {s.index for s in node.subscripts if isinstance(s, Loop)}
        elif isinstance(node, Position):
            used.add(node.index)
        elif isinstance(node, Reduce):
            bound |= {index for index, _ in node.over}
        elif isinstance(node, Element):
            bound |= {s.index for s in node.array.subscripts if isinstance(s, Loop)}
        elif isinstance(node, Vector):
            bound |= {index for over, _ in node.groups for index, _ in over}
    return used - bound
