"""Functions with memory rewritten as hidden stocks, as Vensim's own macros do (help pages fn_smooth, fn_delay1)."""

from __future__ import annotations

from collections.abc import Callable

from flows.model.ir import Binary, BinaryOperator, Expr, Kind, Number, Ref

Add = Callable[[str, Kind, Expr, Expr | None], Ref]
"""Adds a hidden variable: suffix, kind, expression (net flow), initial value → its reference."""


def _op(operator: BinaryOperator, left: Expr, right: Expr) -> Binary:
    return Binary(operator, left, right)


def memory(function: str, arguments: tuple[Expr, ...], add: Add, reference: Callable[[str], Ref]) -> Expr:
    """Rewrite one call.

    Parameters
    ----------
    function : str
        Folded name: ``initial``, ``smooth``, ``smoothi``, ``smooth3``, ``smooth3i``, ``delay1`` …
    arguments : tuple of Expr
        Its arguments, lowered.
    add : callable
        Adds a hidden variable and returns a reference to it.
    reference : callable
        Reference to a hidden variable that is being added, by suffix.

    Returns
    -------
    Expr
        What stands in the place of the call.
    """
    if function == "initial":
        return add("", "initial", arguments[0], None)
    source, time = arguments[0], arguments[1]
    initial = arguments[2] if len(arguments) > 2 else source
    stages = 3 if "3" in function else 1
    stage_time = time if stages == 1 else _op("/", time, Number(float(stages)))
    if function.startswith("smooth"):
        # d(stage)/dt = (input - stage) / stage time
        flow = source
        for stage in range(stages):
            suffix = f" stage {stage + 1}"
            flow = add(suffix, "stock", _op("/", _op("-", flow, reference(suffix)), stage_time), initial)
        return flow
    # d(stage)/dt = inflow - stage / stage time; the content starts at initial * stage time
    flow = source
    for stage in range(stages):
        suffix = f" stage {stage + 1}"
        outflow = _op("/", reference(suffix), stage_time)
        add(suffix, "stock", _op("-", flow, outflow), _op("*", initial, stage_time))
        flow = outflow
    return flow
