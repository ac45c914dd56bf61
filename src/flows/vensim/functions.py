"""The one table of Vensim's functions: name, arguments, meaning. Pages named are those of Vensim's help (`fn_…`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the Vensim language.

    Attributes
    ----------
    name : str
        Folded name.
    arguments : tuple of str
        What each argument is.
    kind : {"pure", "reduce", "vector", "lookup", "random", "memory", "top"}
        ``pure`` depends on its arguments (and time) alone; ``reduce`` works over ``!`` ranges; ``vector``
        takes whole arrays; ``lookup`` takes a lookup or a data variable by name; ``random`` draws a number;
        ``memory`` is rewritten to stocks or frozen values; ``top`` stands only at the head of an equation.
    meaning : str
        One sentence.
    """

    name: str
    arguments: tuple[str, ...]
    kind: Literal["pure", "reduce", "vector", "lookup", "random", "memory", "top"]
    meaning: str


_TABLE = (
    ("abs", "x", "pure", "Absolute value."),
    ("arccos", "x", "pure", "Inverse cosine, radians."),
    ("arcsin", "x", "pure", "Inverse sine, radians."),
    ("arctan", "x", "pure", "Inverse tangent, radians."),
    ("cos", "x", "pure", "Cosine of radians."),
    ("cosh", "x", "pure", "Hyperbolic cosine."),
    ("exp", "x", "pure", "e to the power x."),
    (
        "if then else",
        "condition, if true, if false",
        "pure",
        "One of two values by a condition; any non-zero is true.",
    ),
    ("integer", "x", "pure", "Whole part, towards zero."),
    ("ln", "x", "pure", "Natural logarithm."),
    ("log", "x, base", "pure", "Logarithm to a base."),
    ("max", "x, y", "pure", "The larger of two."),
    ("min", "x, y", "pure", "The smaller of two."),
    ("modulo", "x, base", "pure", "x - QUANTUM(x, base), with the sign of x; base <= 0 gives 0."),
    ("power", "x, exponent", "pure", "x to a real power."),
    (
        "pulse",
        "start, width",
        "pure",
        "1 from start for width, at least one step; half-step guard at both edges.",
    ),
    (
        "pulse train",
        "start, width, between, end",
        "pure",
        "PULSE repeated every `between` until `end`; half-step guard at each pulse.",
    ),
    (
        "quantum",
        "x, quantum",
        "pure",
        "The multiple of quantum next to x towards zero; quantum <= 0 gives x.",
    ),
    ("ramp", "slope, start, end", "pure", "0, then slope * (Time - start), then constant after end."),
    ("sin", "x", "pure", "Sine of radians."),
    ("sinh", "x", "pure", "Hyperbolic sine."),
    ("sqrt", "x", "pure", "Square root."),
    ("step", "height, time", "pure", "0 before time, height from then on; half-step guard."),
    ("tan", "x", "pure", "Tangent of radians."),
    ("tanh", "x", "pure", "Hyperbolic tangent."),
    ("xidz", "x, y, z", "pure", "x / y, or z where |y| < 1e-6."),
    ("zidz", "x, y", "pure", "x / y, or 0 where |y| < 1e-6."),
    ("game", "x", "pure", "x (no one plays here)."),
    ("gamma ln", "x", "pure", "Logarithm of the gamma function."),
    ("elmcount", "range", "pure", "Number of elements of a range."),
    (
        "vector select",
        "selection, x, missing, action, error",
        "vector",
        "Sum, product, minimum … over ! ranges of what a selection picks, weighted by it or not.",
    ),
    (
        "vector elm map",
        "element, offset",
        "vector",
        "The element that lies an offset behind another in the whole array; :NA: outside.",
    ),
    ("vector sort order", "x, direction", "vector", "Positions from 0 of the last range in order."),
    ("vector rank", "x, direction", "vector", "Places from 1 of the elements of the last range."),
    ("vector reorder", "x, order", "vector", "Elements of the last range at the positions of an order."),
    ("vector lookup", "x, argument, first, last, mode", "vector", "A lookup with points at equal distances."),
    ("invert matrix", "matrix, size", "vector", "Inverse of the matrix over the last two ranges."),
    (
        "allocate available",
        "request, profile, available",
        "vector",
        "Divides a supply among the last range's requests by priority profiles.",
    ),
    (
        "allocate by priority",
        "request, priority, size, width, supply",
        "vector",
        "Divides a supply among the last range's requests by rectangles of one width.",
    ),
    ("lookup forward", "lookup, x", "lookup", "The y of the next point."),
    ("lookup backward", "lookup, x", "lookup", "The y of the last point."),
    ("lookup extrapolate", "lookup, x", "lookup", "Interpolation, carried on along the outer segments."),
    ("lookup invert", "lookup, y", "lookup", "The smallest x that gives y; :NA: if none does."),
    ("lookup area", "lookup, start, end", "lookup", "The area under a lookup."),
    (
        "get data between times",
        "data, time, mode",
        "lookup",
        "A data variable at another time: interpolated (0), the next (1) or the last value (-1); :NA: outside.",
    ),
    ("npv", "stream, discount rate, initial, factor", "memory", "Net present value at the start of the run."),
    ("random 0 1", "", "random", "A number between 0 and 1, new at each step; not Vensim's own draws."),
    (
        "random uniform",
        "minimum, maximum, stream",
        "random",
        "A uniform number, new at each step; not Vensim's own draws.",
    ),
    (
        "random normal",
        "minimum, maximum, mean, standard deviation, stream",
        "random",
        "A normal number, redrawn outside the limits, new at each step; not Vensim's own draws.",
    ),
    (
        "get time value",
        "relative to, offset, measure",
        "pure",
        "Time (0) in the model's units (0) plus an offset; other choices aren't supported.",
    ),
    ("sum", "x", "reduce", "Sum over ! ranges."),
    ("prod", "x", "reduce", "Product over ! ranges."),
    ("vmax", "x", "reduce", "Largest over ! ranges."),
    ("vmin", "x", "reduce", "Smallest over ! ranges."),
    ("initial", "x", "memory", "The value of x at the start."),
    ("smooth", "input, time", "memory", "First-order information delay, starting at the input."),
    ("smoothi", "input, time, initial", "memory", "First-order information delay with initial value."),
    ("smooth3", "input, time", "memory", "Third-order information delay: three smooths of time / 3."),
    ("smooth3i", "input, time, initial", "memory", "Third-order information delay with initial value."),
    (
        "delay1",
        "input, time",
        "memory",
        "First-order material delay; content conserved when the time changes.",
    ),
    ("delay1i", "input, time, initial", "memory", "First-order material delay with initial output."),
    ("delay3", "input, time", "memory", "Third-order material delay: three stocks of time / 3."),
    ("delay3i", "input, time, initial", "memory", "Third-order material delay with initial output."),
    ("smooth n", "input, time, initial, order", "memory", "Information delay of any order."),
    ("delay n", "input, time, initial, order", "memory", "Material delay of any order."),
    ("delay fixed", "input, time, initial", "memory", "The input a fixed time ago, in whole steps, half up."),
    ("trend", "input, time, initial trend", "memory", "Relative growth against a smooth of the input."),
    ("forecast", "input, time, horizon", "memory", "The input carried on at its trend over a horizon."),
    (
        "sample if true",
        "condition, input, initial",
        "memory",
        "The input while a condition holds, else the last.",
    ),
    ("integ", "net flow, initial", "top", "Stock: integral of its net flow."),
    ("active initial", "x, initial", "top", "x, but `initial` while initial values are worked out."),
)

FUNCTIONS: dict[str, Function] = {
    name: Function(name, tuple(a.strip() for a in arguments.split(",") if a), kind, meaning)  # type: ignore[arg-type]
    for name, arguments, kind, meaning in _TABLE
}
