"""Random numbers of the Vensim language (help page fn_random), reproducible and independent of order.

A draw is a function of its key: the seed, the place of the call in the model, the element and the time. So it is the
same in every engine, on any number of threads and however runs fall into blocks. The numbers are not those of
Vensim's own generator.

The list that a function takes holds the number of arguments, the arguments (the stream last), then the key: NOISE
SEED, the place of the call, the elements, the time. A number outside its limits is drawn again; where no draw fits, or
an argument makes no sense, there is no number (NaN).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence

_MASK = (1 << 64) - 1
_TRIES = 10_000
_FEW = 12.0


def _mixed(state: int) -> int:
    """One step of SplitMix64 (Steele and others 2014, "Fast splittable pseudorandom number generators")."""
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


def uniforms(key: Sequence[float]) -> Iterator[float]:
    """Numbers between 0 and 1, both excluded, without end."""
    state = 0
    for part in key:
        state = _mixed(state ^ int.from_bytes(struct.pack("<d", part + 0.0), "little"))
    while True:
        state = _mixed(state)
        yield ((state >> 12) + 0.5) * 2.0**-52


def _normal(u: Iterator[float]) -> float:
    """Mean 0, deviation 1 (Box and Muller 1958)."""
    return math.sqrt(-2.0 * math.log(next(u))) * math.cos(2.0 * math.pi * next(u))


def _gamma(u: Iterator[float], order: float) -> float:
    """Mean `order` (Marsaglia and Tsang 2000, "A simple method for generating gamma variables")."""
    if not order > 0.0:
        return math.nan
    if order < 1.0:
        return float(_gamma(u, order + 1.0) * next(u) ** (1.0 / order))
    d = order - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _normal(u)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(next(u)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v


def _beta(u: Iterator[float], a: float, b: float) -> float:
    x, y = _gamma(u, a), _gamma(u, b)
    return x / (x + y)


def _binomial(u: Iterator[float], chance: float, trials: float) -> float:
    """Hits among trials; many trials are cut in two at an order statistic (Devroye 1986, chapter X.4)."""
    n = round(trials)
    if not 0.0 <= chance <= 1.0 or n < 0:
        return math.nan
    hits = 0
    while n > _FEW:
        first = 1 + n // 2
        middle = _beta(u, float(first), float(n + 1 - first))
        if middle >= chance:
            n, chance = first - 1, chance / middle
        else:
            hits, n, chance = hits + first, n - first, (chance - middle) / (1.0 - middle)
    return float(hits + sum(next(u) < chance for _ in range(n)))


def _poisson(u: Iterator[float], mean: float) -> float:
    """Events; many are cut down by the time of an earlier one (Ahrens and Dieter 1974)."""
    if not 0.0 <= mean < 1e15:
        return math.nan
    events = 0.0
    while mean > _FEW:
        first = math.floor(0.875 * mean)
        time = _gamma(u, float(first))
        if time > mean:
            return events + _binomial(u, mean / time, first - 1.0)
        events, mean = events + first, mean - time
    left = math.exp(-mean)
    product = next(u)
    while product > left:
        events += 1.0
        product *= next(u)
    return events


def _negative_binomial(u: Iterator[float], chance: float, successes: float) -> float:
    """Trials up to the last of some successes: the failures among them are Poisson with a gamma mean."""
    n = round(successes)
    if not 0.0 < chance <= 1.0 or n < 1:
        return math.nan
    return n + _poisson(u, _gamma(u, float(n)) * (1.0 - chance) / chance)


def _triangular(u: Iterator[float], start: float, peak: float, stop: float) -> float:
    if not start <= peak <= stop:
        return math.nan
    at = next(u)
    width = stop - start
    if at * width < peak - start:
        return start + math.sqrt(at * width * (peak - start))
    return stop - math.sqrt((1.0 - at) * width * (stop - peak))


def _weibull(u: Iterator[float], shape: float) -> float:
    """Mean 1."""
    if not shape > 0.0:
        return math.nan
    return float((-math.log(next(u))) ** (1.0 / shape) / math.gamma(1.0 + 1.0 / shape))


DISTRIBUTIONS: dict[str, tuple[Callable[..., float], int, bool]] = {
    "random_0_1": (next, 0, False),
    "random_uniform": (next, 0, False),
    "random_normal": (_normal, 0, True),
    "random_exponential": (lambda u: -math.log(next(u)), 0, True),
    "random_gamma": (lambda u, order: _gamma(u, max(order, 1.0)), 1, True),
    "random_weibull": (_weibull, 1, True),
    "random_poisson": (_poisson, 1, True),
    "random_beta": (_beta, 2, True),
    "random_binomial": (_binomial, 2, True),
    "random_negative_binomial": (_negative_binomial, 2, True),
    "random_triangular": (_triangular, 3, False),
}
"""Name in generated code → a draw, how many arguments it takes, whether shift and stretch follow."""


def function(name: str) -> Callable[[Sequence[float]], float]:
    """A random function of the language, as a function of one list."""
    draw, parameters, moved = DISTRIBUTIONS[name]

    def call(values: Sequence[float]) -> float:
        count = int(values[0])
        arguments, key = values[1 : 1 + count], values[1 + count :]
        stream = arguments[-1] if count else 0.0
        u = uniforms((stream, key[0] if stream == 0 else 0.0, *key[1:]))
        if not count:
            return next(u)
        low, high = arguments[0], arguments[1]
        if name == "random_uniform":
            return low + (high - low) * next(u)
        shift, stretch = arguments[2 + parameters : 4 + parameters] if moved else (0.0, 1.0)
        try:
            for _ in range(_TRIES):
                x = shift + stretch * draw(u, *arguments[2 : 2 + parameters])
                if low <= x <= high:
                    return x
                if x != x:
                    break
        except (ArithmeticError, ValueError):
            pass
        return math.nan

    return call
