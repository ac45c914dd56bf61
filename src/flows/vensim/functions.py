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
    (
        "get data at time",
        "data, time",
        "lookup",
        "A data variable at a time that it has a point for; else :NA:.",
    ),
    ("get data first time", "data", "lookup", "The time of the first point of a data variable."),
    ("get data last time", "data", "lookup", "The time of the last point of a data variable."),
    ("get data total points", "data", "lookup", "The number of points of a data variable."),
    (
        "get data mean",
        "data, start, end",
        "lookup",
        "The mean of a data variable's points from start to end; :NA: if there is none.",
    ),
    ("time shift", "data, shift", "lookup", "A data variable some time ahead."),
    ("time base", "start, slope", "pure", "start + slope * Time."),
    ("npv", "stream, discount rate, initial, factor", "memory", "Net present value at the start of the run."),
    ("random 0 1", "", "random", "A number between 0 and 1."),
    ("random uniform", "minimum, maximum, stream", "random", "A number between two limits."),
    (
        "random normal",
        "minimum, maximum, mean, standard deviation, stream",
        "random",
        "A normal number.",
    ),
    ("random exponential", "minimum, maximum, shift, stretch, stream", "random", "Exponential, of mean 1."),
    (
        "random gamma",
        "minimum, maximum, order, shift, stretch, stream",
        "random",
        "Gamma of an order of 1 at least.",
    ),
    (
        "random weibull",
        "minimum, maximum, shape, shift, stretch, stream",
        "random",
        "Weibull of a shape, of mean 1.",
    ),
    (
        "random poisson",
        "minimum, maximum, mean, shift, stretch, stream",
        "random",
        "Events of a mean number.",
    ),
    (
        "random beta",
        "minimum, maximum, A, B, shift, stretch, stream",
        "random",
        "Beta of alpha A and beta B.",
    ),
    (
        "random binomial",
        "minimum, maximum, chance, trials, shift, stretch, stream",
        "random",
        "Hits among trials.",
    ),
    (
        "random negative binomial",
        "minimum, maximum, chance, successes, shift, stretch, stream",
        "random",
        "Trials up to the last of some successes.",
    ),
    (
        "random triangular",
        "minimum, maximum, start, peak, stop, stream",
        "random",
        "Triangular from start to stop.",
    ),
    (
        "random lookup",
        "lookup, minimum, maximum, shift, stretch, stream",
        "random",
        "A number with a lookup as its density.",
    ),
    (
        "random pink noise",
        "mean, standard deviation, correlation time, stream",
        "random",
        "Normal noise that is correlated over time (first-order filter; Anderson's equations).",
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
    (
        "delay material",
        "input, time, initial, missing",
        "memory",
        "DELAY FIXED, as long as the time never changes; a time that changes isn't supported.",
    ),
    (
        "delay information",
        "input, time, initial",
        "memory",
        "DELAY FIXED, as long as the time never changes; a time that changes isn't supported.",
    ),
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

_STOCK = "Write it as a stock with INTEG and flows of its own"
_MARKET = "Use ALLOCATE AVAILABLE, or write out how the price is found"
_TESTS = "It belongs to reality checks, which aren't run: use STEP, RAMP or PULSE"

REFUSED: dict[str, str] = {
    "alloc p": "Use ALLOCATE BY PRIORITY",
    "cumulate": "Cumulate the series in the data set",
    "cumulatef": "Cumulate the series in the data set",
    "delay batch": _STOCK,
    "delay conveyor": "Use DELAY FIXED for a conveyor of fixed length without leakage",
    "delay profile": "Add up several DELAY FIXED, each with its share",
    "delayp": "Use DELAY3 and a stock of its own for what is in the pipeline",
    "demand at price": _MARKET,
    "depreciate by schedule": _STOCK,
    "depreciate straightline": _STOCK,
    "find market price": _MARKET,
    "find zero": "Write out the solution, or approach it over time with a stock",
    "get 123 constants": "Save the sheet as .xlsx and use GET DIRECT CONSTANTS",
    "get 123 data": "Save the sheet as .xlsx and use GET DIRECT DATA",
    "get data max": "Work it out beforehand and write it as a constant",
    "get data min": "Work it out beforehand and write it as a constant",
    "get data stdv": "Work it out beforehand and write it as a constant",
    "get vdf constants": "Export the run as .csv and write the values as constants",
    "get vdf data": "Export the run as .csv and name it among the data sets",
    "internal rate of return": "Use NPV",
    "irr": "Use NPV",
    "lookup slope": "Take the difference of two values of the lookup",
    "marketp": _MARKET,
    "message": "Remove it: no one reads messages here",
    "npve": "Use NPV, or write the discounting out",
    "propagate if true": "Use IF THEN ELSE element by element",
    "queue fifo": _STOCK,
    "reinitial": "Use INITIAL or SAMPLE IF TRUE",
    "shift if true": "Write an aging chain with a flow between its elements",
    "simultaneous": "Put a stock or a delay into the circle",
    "sintegral": "Use INTEG",
    "sinteg": "Use INTEG and limit its flow, for instance with MIN and MAX",
    "supply at price": _MARKET,
    **{
        f"rc {name}": _TESTS
        for name in ("compare", "compare check", "decay", "decay check", "grow", "ramp", "step")
    },
}
"""Functions of Vensim that aren't understood → what to write instead."""
