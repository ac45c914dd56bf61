"""Functions with memory rewritten as hidden stocks, as Vensim's own macros do (help pages fn_smooth, fn_delay1)."""

from __future__ import annotations

from collections.abc import Callable

from flows.model.ir import Binary, BinaryOperator, Call, Expr, Kind, Number, Previous, Ref

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
    match function:
        case "initial":
            return add("", "initial", arguments[0], None)
        case "trend":
            return _trend(*arguments, add=add, reference=reference)
        case "forecast":
            source, time, horizon = arguments
            trend = _trend(source, time, Number(0.0), add=add, reference=reference)
            return _op("*", source, _op("+", Number(1.0), _op("*", trend, horizon)))
        case "sample if true":
            condition, value, initial = arguments
            held = reference("")
            kept = Call("if then else", (condition, value, Previous(held.name, held.subscripts)))
            return add("", "auxiliary", kept, initial)
        case "smooth n" | "delay n":
            source, time, initial, order = arguments
            assert isinstance(order, Number)
            stages = round(order.value)
        case _:
            source, time = arguments[0], arguments[1]
            initial = arguments[2] if len(arguments) > 2 else source
            stages = 3 if "3" in function else 1
    return _chain(function, source, time, initial, stages, add=add, reference=reference)


def _trend(source: Expr, time: Expr, initial: Expr, *, add: Add, reference: Callable[[str], Ref]) -> Expr:
    """Relative growth of the input against its own smooth, a fraction a time unit (help page fn_trend)."""
    start = _op("/", source, _op("+", Number(1.0), _op("*", initial, time)))
    average = add("", "stock", _op("/", _op("-", source, reference("")), time), start)
    return Call("zidz", (_op("-", source, average), _op("*", average, time)))


def _chain(
    function: str,
    source: Expr,
    time: Expr,
    initial: Expr,
    stages: int,
    *,
    add: Add,
    reference: Callable[[str], Ref],
) -> Expr:
    """Stages in a row: of information (smooths) or of material (delays)."""
    stage_time = time if stages == 1 else _op("/", time, Number(float(stages)))
    flow = source
    for stage in range(stages):
        suffix = f" stage {stage + 1}"
        if function.startswith("smooth"):
            # d(stage)/dt = (input - stage) / stage time
            flow = add(suffix, "stock", _op("/", _op("-", flow, reference(suffix)), stage_time), initial)
        else:
            # d(stage)/dt = inflow - stage / stage time; the content starts at initial * stage time
            outflow = _op("/", reference(suffix), stage_time)
            add(suffix, "stock", _op("-", flow, outflow), _op("*", initial, stage_time))
            flow = outflow
    return flow
