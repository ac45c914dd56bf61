"""What generated Python calls at run time: bare floats in, bare floats out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from flows.engine import draws

INF = float("inf")
NAN = float("nan")
NOT_AVAILABLE = -(2.0**109)
"""Vensim's :NA:."""


def lookup(tab: Sequence[float], start: int, n: int, x: float) -> float:
    """Linear interpolation in n points, held outside: x at ``tab[start:]``, then as many y and slopes."""
    if x <= tab[start]:
        return tab[start + n]
    if x >= tab[start + n - 1]:
        return tab[start + 2 * n - 1]
    low = 0
    high = n - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if tab[start + middle] <= x:
            low = middle
        else:
            high = middle
    return tab[start + 2 * n + low] * (x - tab[start + low]) + tab[start + n + low]


def safe_div(x: float, y: float) -> float:
    """Division as floating-point hardware does it (plain Python would raise)."""
    if y != 0.0:
        return x / y
    if x == 0.0 or x != x:
        return NAN
    return math.copysign(INF, x) * math.copysign(1.0, y)


def guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Give no number or infinity where plain Python would raise."""

    def call(*arguments: float) -> float:
        try:
            return float(function(*arguments))
        except OverflowError:
            return arguments[0] if function in (math.trunc, math.floor) else INF
        except (ValueError, ZeroDivisionError):
            return NAN

    return call


def log(x: float) -> float:
    """Natural logarithm; minus infinity at 0, as floating-point hardware has it."""
    return math.log(x) if x else -INF


def power(x: float, y: float) -> float:
    """X to the power y; beyond all bounds an infinity with the sign that the result has."""
    if x == 0.0 and y < 0.0:
        return INF
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0.0 and math.fmod(y, 2.0) else INF


def sinh(x: float) -> float:
    """Hyperbolic sine; beyond all bounds an infinity with the sign of x."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(INF, x)


FUNCTIONS: dict[str, Callable[..., float]] = {
    "power": power,
    "abs": abs,
    "log": log,
    "sinh": sinh,
    **{
        name: getattr(math, name)
        for name in (
            "exp",
            "sqrt",
            "trunc",
            "floor",
            "sin",
            "cos",
            "tan",
            "cosh",
            "tanh",
            "asin",
            "acos",
            "atan",
        )
    },
}


def element(w: Sequence[float], base: int, size: int, position: float) -> float:
    """The slot at a position among `size` from `base` on; :NA: outside (help page fn_vector_elm_map)."""
    return w[base + int(position)] if 0.0 <= position < size else NOT_AVAILABLE


# ------------------------------------------------------------------------------- lookups read in other ways
# A table is a list of n rising x, as many y and as many slopes (see `flows.engine.layout.table_block`). Where tables
# were given equal lengths, the last point stands several times.


def lookup_forward(table: Sequence[float], x: float) -> float:
    """The y of the first point at or behind x, the last y beyond (help page fn_lookup_forward)."""
    n = len(table) // 3
    for k in range(n):
        if table[k] >= x:
            return table[n + k]
    return table[2 * n - 1]


def lookup_backward(table: Sequence[float], x: float) -> float:
    """The y of the last point at or before x, the first y before it (help page fn_lookup_backward)."""
    n = len(table) // 3
    for k in range(n - 1, -1, -1):
        if table[k] <= x:
            return table[n + k]
    return table[n]


def lookup_extrapolate(table: Sequence[float], x: float) -> float:
    """Interpolation; outside the points along the first or last segment (help page fn_lookup_extrapolate)."""
    n = len(table) // 3
    last = n - 1
    while last > 0 and table[last - 1] == table[last]:
        last -= 1
    if last > 0 and x < table[0]:
        return table[n] + table[2 * n] * (x - table[0])
    if last > 0 and x > table[last]:
        return table[n + last] + table[2 * n + last - 1] * (x - table[last])
    return lookup(table, 0, n, x)


def lookup_invert(table: Sequence[float], y: float) -> float:
    """The smallest x whose y is given; :NA: if there is none (help page fn_lookup_invert)."""
    n = len(table) // 3
    if table[n] == y:
        return table[0]
    for k in range(n - 1):
        here, following = table[n + k], table[n + k + 1]
        if (here < y <= following) or (here > y >= following):
            return table[k] + (table[k + 1] - table[k]) * ((y - here) / (following - here))
    return NOT_AVAILABLE


def lookup_area(table: Sequence[float], x: float) -> float:
    """The area under a lookup from its first point to x, held outside (help page fn_lookup_area)."""
    n = len(table) // 3
    if x <= table[0]:
        return table[n] * (x - table[0])
    total = 0.0
    for k in range(n - 1):
        if x <= table[k + 1]:
            run = x - table[k]
            return total + run * (table[n + k] + 0.5 * table[2 * n + k] * run)
        total += 0.5 * (table[n + k] + table[n + k + 1]) * (table[k + 1] - table[k])
    return total + table[2 * n - 1] * (x - table[n - 1])


def lookup_share(table: Sequence[float], x: float) -> float:
    """The share of the area under a lookup that lies before x: its y as a density (help page fn_random)."""
    n = len(table) // 3
    whole = lookup_area(table, table[n - 1])
    return lookup_area(table, min(max(x, table[0]), table[n - 1])) / whole if whole > 0.0 else NAN


def lookup_quantile(table: Sequence[float], share: float) -> float:
    """The x before which a share of the area under a lookup lies, by bisection; the inverse of `lookup_share`."""
    n = len(table) // 3
    low, high = table[0], table[n - 1]
    if not lookup_area(table, high) > 0.0 or min(table[n : 2 * n]) < 0.0:
        return NAN
    wanted = share * lookup_area(table, high)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if lookup_area(table, middle) < wanted:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _points(table: Sequence[float]) -> int:
    """How many points a table has, without the last one's repetitions."""
    n = len(table) // 3
    while n > 1 and table[n - 2] == table[n - 1]:
        n -= 1
    return n


def lookup_at(table: Sequence[float], x: float) -> float:
    """The y of a point at x, within rounding; :NA: if there is none."""
    n = len(table) // 3
    return next(
        (table[n + k] for k in range(n) if abs(table[k] - x) <= 1e-9 * max(1.0, abs(x))), NOT_AVAILABLE
    )


def _upto(table: Sequence[float], x: float, *, included: bool, values: bool) -> float:
    """Number of points, or sum of their y, up to x."""
    n = len(table) // 3
    wanted = [k for k in range(_points(table)) if table[k] < x or (included and table[k] == x)]
    return math.fsum(table[n + k] for k in wanted) if values else float(len(wanted))


def lookup_between(table: Sequence[float], x: float) -> float:
    """Interpolation; :NA: before the first point and after the last (help page fn_get_data_between_times)."""
    n = len(table) // 3
    if table[0] <= x <= table[n - 1]:
        return lookup(table, 0, n, x)
    return NOT_AVAILABLE


def lookup_between_forward(table: Sequence[float], x: float) -> float:
    """The next point; :NA: before the first and after the last."""
    n = len(table) // 3
    if table[0] <= x <= table[n - 1]:
        return lookup_forward(table, x)
    return NOT_AVAILABLE


def lookup_between_backward(table: Sequence[float], x: float) -> float:
    """The last point; :NA: before the first and after the last."""
    n = len(table) // 3
    if table[0] <= x <= table[n - 1]:
        return lookup_backward(table, x)
    return NOT_AVAILABLE


LOOKUPS: dict[str, Callable[[Sequence[float], float], float]] = {
    "forward": lookup_forward,
    "backward": lookup_backward,
    "extrapolate": lookup_extrapolate,
    "invert": lookup_invert,
    "area": lookup_area,
    "share": lookup_share,
    "quantile": lookup_quantile,
    "at time": lookup_at,
    "first time": lambda table, x: table[0],
    "last time": lambda table, x: table[len(table) // 3 - 1],
    "total points": lambda table, x: float(_points(table)),
    "count": lambda table, x: _upto(table, x, included=True, values=False),
    "count before": lambda table, x: _upto(table, x, included=False, values=False),
    "sum": lambda table, x: _upto(table, x, included=True, values=True),
    "sum before": lambda table, x: _upto(table, x, included=False, values=True),
    "between": lookup_between,
    "between forward": lookup_between_forward,
    "between backward": lookup_between_backward,
}
LOOKUP_NAMES = {mode: "lookup_" + mode.replace(" ", "_") for mode in LOOKUPS}
"""Way to read a lookup → the function's name in generated code."""


# ------------------------------------------------------------------------------- functions of whole vectors
# One list holds everything: of each vector its length and its elements, then further arguments, last the position of
# the wanted element in the result. The whole result is kept for the calls for its other elements.


def _from_list(function: Callable[..., Sequence[float]]) -> Callable[[Sequence[float]], float]:
    """A function of vectors (tuples) and numbers that gives a vector, as a function of one list."""
    vectors = int(getattr(function, "vectors", 1))

    @lru_cache(maxsize=64)
    def whole(values: tuple[float, ...]) -> Sequence[float]:
        arguments: list[object] = []
        at = 0
        for _ in range(vectors):
            n = int(values[at])
            arguments.append(values[at + 1 : at + 1 + n])
            at += 1 + n
        return function(*arguments, *values[at:])

    def call(values: Sequence[float]) -> float:
        try:
            result = whole(tuple(values[:-1]))
            return float(result[int(values[-1])])
        except (ArithmeticError, ValueError, IndexError):
            return NAN

    return call


def _of_two(function: Callable[..., Sequence[float]]) -> Callable[..., Sequence[float]]:
    function.__dict__["vectors"] = 2
    return function


def vector_rank(values: Sequence[float]) -> float:
    """Place of an element, from 1, in rising or falling order; equals keep theirs (help page fn_vector_rank)."""
    n = int(values[0])
    return _place(values, int(values[n + 2]))


def _place(values: Sequence[float], at: int) -> float:
    """Place of the element at a position: one more than stand before it."""
    n = int(values[0])
    sign = 1.0
    if not values[n + 1] > 0.0:
        sign = -1.0
    x = sign * values[1 + at]
    place = 1.0
    for k in range(n):
        y = sign * values[1 + k]
        if y < x or (y == x and k < at):
            place += 1.0
    return place


def vector_sort_order(values: Sequence[float]) -> float:
    """Position from 0 of the element at a place in rising (direction > 0) or falling order.

    Help page fn_vector_sort_order.
    """
    n = int(values[0])
    for k in range(n):
        if _place(values, k) == values[n + 2] + 1.0:
            return float(k)
    return NAN


def vector_reorder(values: Sequence[float]) -> float:
    """The element at the position that an order names, from 0; :NA: for none (help page fn_vector_reorder)."""
    n = int(values[0])
    position = values[n + 2 + int(values[len(values) - 1])]
    if 0.0 <= position < n:
        return values[1 + int(position)]
    return NOT_AVAILABLE


def vector_lookup(y: Sequence[float], x: float, first: float, last: float, mode: float) -> Sequence[float]:
    """A lookup with points at equal distances (help page fn_vector_lookup); modes 0 to 5."""
    n = len(y)
    points = [first + (last - first) * k / (n - 1) for k in range(n)]
    slopes = [(y[k + 1] - y[k]) / (points[k + 1] - points[k]) for k in range(n - 1)]
    table = [*points, *y, *slopes, 0.0]
    if mode == 0:
        return [lookup(table, 0, n, x)]
    modes = {1.0: "area", 2.0: "backward", 3.0: "extrapolate", 4.0: "forward", 5.0: "invert"}
    return [LOOKUPS[modes[mode]](table, x) if mode in modes else NAN]


def invert_matrix(x: Sequence[float]) -> Sequence[float]:
    """Inverse of a square matrix in row order, by elimination with the largest pivot; NaN if it is singular."""
    n = math.isqrt(len(x))
    rows = [[*x[i * n : i * n + n], *(1.0 if i == j else 0.0 for j in range(n))] for i in range(n)]
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if not abs(rows[pivot][k]) > 0.0:
            return [NAN] * (n * n)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        factor = rows[k][k]
        rows[k] = [v / factor for v in rows[k]]
        for i in range(n):
            if i != k and rows[i][k] != 0.0:
                factor = rows[i][k]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [v for row in rows for v in row[n:]]


def _share(kind: float, priority: float, width: float, at: float) -> float:
    """Share of a request that is met where the marginal priority is `at` (help page 24335)."""
    if kind == 0:
        return 1.0
    away = (at - priority) / width
    if kind == 1:
        return min(1.0, max(0.0, 0.5 - away))
    if kind == 2:
        if abs(away) >= 0.5:
            return 1.0 if away < 0 else 0.0
        return 1.0 - 2.0 * (0.5 + away) ** 2 if away < 0 else 2.0 * (0.5 - away) ** 2
    if kind == 3:
        return 0.5 * math.erfc(away / math.sqrt(2.0))
    return 1.0 - 0.5 * math.exp(away) if away < 0 else 0.5 * math.exp(-away)


def _allocate(requests: Sequence[float], profiles: Sequence[tuple[float, ...]], supply: float) -> list[float]:
    """Divide a supply by the marginal priority at which the demand that is met equals it; found by bisection."""
    bad = any(not r >= 0 for r in requests) or not supply >= 0
    if bad or any(p[0] not in (0, 1, 2, 3, 4) or not (p[2] > 0 or p[0] == 0) for p in profiles):
        return [NAN] * len(requests)
    if supply >= sum(requests):
        return list(requests)
    fixed = sum(r for r, p in zip(requests, profiles, strict=True) if p[0] == 0)
    if fixed >= supply:  # not even those can be met whose demand doesn't yield to priority
        return [r * supply / fixed if p[0] == 0 else 0.0 for r, p in zip(requests, profiles, strict=True)]

    def met(at: float) -> list[float]:
        return [r * _share(p[0], p[1], p[2], at) for r, p in zip(requests, profiles, strict=True)]

    reach = [(p[1] - 40.0 * p[2], p[1] + 40.0 * p[2]) for p in profiles if p[0] != 0]
    low, high = min(a for a, _ in reach), max(b for _, b in reach)
    for _ in range(2000):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if sum(met(middle)) > supply:
            low = middle
        else:
            high = middle
    below, above = met(high), met(low)
    spare, gap = supply - sum(below), sum(above) - sum(below)
    part = spare / gap if gap > 0 else 0.0
    return [a + part * (b - a) for a, b in zip(below, above, strict=True)]


@_of_two
def allocate_available(
    requests: Sequence[float], profiles: Sequence[float], supply: float
) -> Sequence[float]:
    """Divide a supply among requests by priority profiles (help page fn_allocate_available).

    Kinds 0 to 4: fixed, rectangular, triangular, normal, exponential; NaN for others.
    """
    rows = [tuple(profiles[4 * k : 4 * k + 4]) for k in range(len(requests))]
    return _allocate(requests, rows, supply)


@_of_two
def allocate_by_priority(
    requests: Sequence[float], priorities: Sequence[float], width: float, supply: float
) -> Sequence[float]:
    """Divide a supply among requests by rectangles of one width (help page fn_allocate_by_priority)."""
    return _allocate(requests, [(1.0, p, width, 0.0) for p in priorities], supply)


def _gamma_ln(values: Sequence[float]) -> float:
    """Logarithm of the gamma function (help page fn_gamma_ln)."""
    try:
        return math.lgamma(values[0])
    except (ArithmeticError, ValueError):
        return NAN


VECTORS: dict[str, Callable[[Sequence[float]], float]] = {
    "vector_sort_order": vector_sort_order,
    "vector_rank": vector_rank,
    "vector_reorder": vector_reorder,
    "vector_lookup": _from_list(vector_lookup),
    "invert_matrix": _from_list(invert_matrix),
    "allocate_available": _from_list(allocate_available),
    "allocate_by_priority": _from_list(allocate_by_priority),
    "gamma_ln": _gamma_ln,
    **{name: draws.function(name) for name in draws.DISTRIBUTIONS},
}
"""Name in generated code → function of one list."""

COMPILED: dict[str, Callable[..., float]] = {
    **{
        LOOKUP_NAMES[mode]: LOOKUPS[mode] for mode in ("forward", "backward", "extrapolate", "invert", "area")
    },
    **{LOOKUP_NAMES[mode]: LOOKUPS[mode] for mode in ("between", "between forward", "between backward")},
    "vector_rank": vector_rank,
    "vector_sort_order": vector_sort_order,
    "vector_reorder": vector_reorder,
}
"""What is translated into machine code (`flows.engine.llvm.translate`); the rest is called back from it."""
HELPERS: dict[str, Callable[..., float]] = {"vector_place": _place}
"""What the translated functions call, by its name in machine code."""
