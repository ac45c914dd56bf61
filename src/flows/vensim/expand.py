"""Functions with memory rewritten as hidden stocks, as Vensim's own macros do (help pages fn_smooth, fn_delay1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flows.model.ir import Binary, BinaryOperator, Call, Expr, Kind, Number, Past, Previous, Ref, Unary

Add = Callable[[str, Kind, Expr, Expr | None], Ref]
"""Adds a hidden variable: suffix, kind, expression (net flow), initial value → its reference."""


def _op(operator: BinaryOperator, left: Expr, right: Expr) -> Binary:
    return Binary(operator, left, right)


def memory(
    function: str,
    arguments: tuple[Expr, ...],
    add: Add,
    reference: Callable[[str], Ref],
    *,
    steady: bool = False,
    own: Ref | None = None,
) -> Expr:
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
    steady : bool
        True if the time of the delay never changes.
    own : Ref, optional
        The variable whose whole right side is the call.

    Returns
    -------
    Expr
        What stands in the place of the call.
    """
    cut: Ref | None = None
    match function:
        case "initial":
            return add("", "initial", arguments[0], None)
        case "npv":
            return _net_present_value(*arguments, add=add, reference=reference)
        case "random pink noise":
            return _pink_noise(*arguments, add=add, reference=reference)
        case "trend":
            return _trend(*arguments, add=add, reference=reference, positive=True)
        case "forecast":
            source, time, horizon = arguments
            trend = _trend(source, time, Number(0.0), add=add, reference=reference)
            return _op("*", source, _op("+", Number(1.0), _op("*", trend, horizon)))
        case "sample if true":
            condition, value, initial = arguments
            held = reference("")
            last = Previous(held.name, held.subscripts)
            # Where the variable itself stands in its equation, what it held last is meant.
            kept = Call("if then else", (_swap(condition, own, last), _swap(value, own, last), last))
            return add("", "auxiliary", kept, initial)
        case "delay fixed":
            return _delay_fixed(*arguments, add=add, reference=reference)
        case "smooth n" | "delay n":
            source, time, initial, order = arguments
            assert isinstance(order, Number)
            stages = round(order.value)
            # Vensim cuts the order where a stage would be shorter than a time step.
            whole = Call("integer", (_op("*", _op("/", time, Ref("time step")), Number(1.0 + 1e-6)),))
            kept = Call("max", (Number(1.0), Call("min", (Number(float(stages)), whole))))
            cut = add(" order", "initial", kept, None)
            if function == "delay n" and not steady:
                return _delay_n(source, time, initial, stages, cut, add=add, reference=reference)
        case _:
            source, time = arguments[0], arguments[1]
            initial = arguments[2] if len(arguments) > 2 else source
            stages = 3 if "3" in function else 1
    return _chain(function, source, time, initial, stages, cut, add=add, reference=reference)


def _swap(expr: Expr, old: Ref | None, new: Expr) -> Expr:
    """Put an expression in the place of a reference, inside arithmetic and calls."""
    match expr:
        case Ref() if expr == old:
            return new
        case Unary():
            return replace(expr, operand=_swap(expr.operand, old, new))
        case Binary():
            return replace(expr, left=_swap(expr.left, old, new), right=_swap(expr.right, old, new))
        case Call():
            return replace(expr, arguments=tuple(_swap(a, old, new) for a in expr.arguments))
        case _:
            return expr


def _delay_fixed(
    source: Expr, time: Expr, initial: Expr, *, add: Add, reference: Callable[[str], Ref]
) -> Expr:
    """The input a whole number of steps ago: time / TIME STEP, half up, one at least (help page fn_delay_fixed)."""
    ratio = _op("/", time, Ref("time step"))
    steps = Call("max", (Number(1.0), Call("integer", (_op("+", ratio, Number(0.5)),))))
    lag = add(" lag", "initial", steps, None)
    first = add(" initial", "initial", initial, None)
    taken = add(" input", "history", source, None)
    return add("", "auxiliary", Past(taken.name, taken.subscripts, lag, first), first)


def _trend(
    source: Expr,
    time: Expr,
    initial: Expr,
    *,
    add: Add,
    reference: Callable[[str], Ref],
    positive: bool = False,
) -> Expr:
    """Relative growth of the input against its own smooth, a fraction a time unit.

    TREND divides by the size of the smooth, FORECAST by the smooth itself (help pages fn_trend and fn_forecast).
    """
    start = _op("/", source, _op("+", Number(1.0), _op("*", initial, time)))
    average = add("", "stock", _op("/", _op("-", source, reference("")), time), start)
    size: Expr = Call("abs", (average,)) if positive else average
    return Call("zidz", (_op("-", source, average), _op("*", size, time)))


def _pink_noise(
    mean: Expr,
    deviation: Expr,
    time: Expr,
    first: Expr,
    white: Expr,
    *,
    add: Add,
    reference: Callable[[str], Ref],
) -> Expr:
    """White noise behind a first-order filter, of a deviation that no step changes (help page random_pink_noise).

    The equations are E. Anderson's: the white noise is scaled by sqrt((2 - s) / s), s = TIME STEP / correlation time.
    """
    share = _op("/", Ref("time step"), time)
    scale = Call("sqrt", (_op("/", _op("-", Number(2.0), share), share),))
    scaled = _op("+", mean, _op("*", _op("*", white, deviation), scale))
    flow = _op("/", _op("-", scaled, reference("")), time)
    return add("", "stock", flow, _op("+", mean, _op("*", deviation, first)))


def _net_present_value(
    stream: Expr, rate: Expr, initial: Expr, factor: Expr, *, add: Add, reference: Callable[[str], Ref]
) -> Expr:
    """Discounted sum of a stream, this step's included (the equations of help page fn_npv)."""
    step = Ref("time step")
    fall = _op("/", rate, _op("+", Number(1.0), _op("*", rate, step)))
    discount = add(" discount", "stock", Unary("-", _op("*", reference(" discount"), fall)), Number(1.0))
    total = add("", "stock", _op("*", stream, discount), initial)
    now = _op("*", _op("*", stream, step), discount)
    return _op("*", _op("+", total, now), factor)


def _delay_n(
    source: Expr,
    time: Expr,
    initial: Expr,
    stages: int,
    order: Ref,
    *,
    add: Add,
    reference: Callable[[str], Ref],
) -> Expr:
    """Stages of material whose time changes: it walks down the stages, a stage a step (help page fn_delay_n).

    At step n stage k gives off what it holds over the time of step n - k; what is seen of the last stage is what it
    holds over the time of step n - 1.
    """
    times: list[Expr] = [_op("/", time, order)]
    for stage in range(max(1, stages - 1)):
        change = _op("-", times[stage], reference(f" time {stage + 1}"))
        times.append(add(f" time {stage + 1}", "stock", _op("/", change, Ref("time step")), times[0]))
    flow, seen = source, source
    for stage in range(stages):
        suffix = f" stage {stage + 1}"
        held = reference(suffix)
        output = _op("/", held, times[stage])
        add(suffix, "stock", _op("-", flow, output), _op("*", initial, times[0]))
        flow = output
        if stage == 0:
            seen = _op("/", held, times[1])
        else:
            seen = Call(
                "if then else", (_op("<=", Number(stage + 1.0), order), _op("/", held, times[1]), seen)
            )
    return seen


def _chain(
    function: str,
    source: Expr,
    time: Expr,
    initial: Expr,
    stages: int,
    cut: Ref | None,
    *,
    add: Add,
    reference: Callable[[str], Ref],
) -> Expr:
    """Stages in a row: of information (smooths) or of material (delays); stages beyond a cut order pass on."""
    number: Expr = Number(float(stages)) if cut is None else cut
    stage_time = time if stages == 1 else _op("/", time, number)
    flow = source
    for stage in range(stages):
        suffix = f" stage {stage + 1}"
        if function.startswith("smooth"):
            # d(stage)/dt = (input - stage) / stage time
            output: Expr = add(
                suffix, "stock", _op("/", _op("-", flow, reference(suffix)), stage_time), initial
            )
        else:
            # d(stage)/dt = inflow - stage / stage time; the content starts at initial * stage time
            output = _op("/", reference(suffix), stage_time)
            add(suffix, "stock", _op("-", flow, output), _op("*", initial, stage_time))
        if cut is None or stage == 0:
            flow = output
        else:
            flow = Call("if then else", (_op("<=", Number(stage + 1.0), cut), output, flow))
    return flow
