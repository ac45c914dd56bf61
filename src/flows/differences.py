"""Where PySD 3.14.3 is known to differ from Vensim: a model with any of these isn't handed to it unasked.

Each entry says what PySD does and how that is known. What a file holds is found in its syntax tree, so that constructs
are seen that the compiled engine doesn't know; where a value decides and isn't known before the run, it counts as
found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from flows.model.ir import deep
from flows.model.model import Model
from flows.references import fold
from flows.vensim.parse import parse
from flows.vensim.tree import Apply, Array, Definition, ModelText, Name, Node, Num, Op


@dataclass(frozen=True, slots=True)
class Difference:
    """One known difference.

    Attributes
    ----------
    construct : str
        What a model must hold.
    meaning : str
        What PySD does, as a clause after its name.
    evidence : str
        How it is known.
    found : callable
        The offsets in the text at which a model holds it.
    """

    construct: str
    meaning: str
    evidence: str
    found: Callable[[_Text], Iterator[int]]


@deep
def known_differences(
    model: Model, *, method: str, given: Collection[str] = ()
) -> tuple[tuple[Difference, str], ...]:
    """What in a model PySD is known to run otherwise than Vensim.

    Parameters
    ----------
    model : Model
    method : str
        Integration method of the run.
    given : collection of str
        Folded names of the variables whose values are replaced: they aren't known here.

    Returns
    -------
    tuple of (Difference, str)
        With the place of the first of its kind, ``file:line:column``.
    """
    source = parse(model.text, str(model.path))
    text = _Text(source, method, frozenset(given))
    result = []
    for difference in DIFFERENCES:
        at = next(difference.found(text), None)
        if at is not None:
            result.append((difference, source.where(at) if at >= 0 else str(model.path)))
    return tuple(result)


class _Text:
    """A model's text with what is asked about it."""

    def __init__(self, source: ModelText, method: str, given: frozenset[str]) -> None:
        self.source, self.method, self.given = source, method, given
        self.definitions = [*source.definitions, *(d for m in source.macros for d in m.definitions)]
        self.by_name: dict[str, list[Definition]] = {}
        for definition in source.definitions:
            self.by_name.setdefault(fold(definition.name), []).append(definition)

    def nodes(self) -> Iterator[Node]:
        """Every node of every equation."""
        for definition in self.definitions:
            stack = [definition.expression] if definition.expression is not None else []
            while stack:
                node = stack.pop()
                yield node
                stack.extend(_children(node))

    def calls(self, *names: str) -> Iterator[Apply]:
        """Calls of functions by folded name."""
        return (n for n in self.nodes() if isinstance(n, Apply) and fold(n.name) in names)

    def known(self, node: Node, depth: int = 0) -> tuple[float, ...] | None:
        """All values that an expression of constants takes; None if they aren't known before the run."""
        match node:
            case Num():
                return (node.value,)
            case Op(operator="-", operands=(operand,)):
                values = self.known(operand, depth + 1)
                return None if values is None else tuple(-v for v in values)
            case Op(operator="+" | "-" | "*" | "/" as operator, operands=(a, b)):
                left, right = self.known(a, depth + 1), self.known(b, depth + 1)
                if left is None or right is None or len(left) != 1 or len(right) != 1:
                    return None
                match operator:
                    case "+":
                        return (left[0] + right[0],)
                    case "-":
                        return (left[0] - right[0],)
                    case "*":
                        return (left[0] * right[0],)
                return (left[0] / right[0],) if right[0] else None
            case Name() if depth < 50 and fold(node.name) not in self.given:
                found: list[float] = []
                definitions = self.by_name.get(fold(node.name), [])
                for definition in definitions:
                    expression = definition.expression
                    if isinstance(expression, Array):
                        found += [v for row in expression.rows for v in row]
                        continue
                    values = None if expression is None else self.known(expression, depth + 1)
                    if values is None:
                        return None
                    found += values
                return tuple(found) or None
        return None

    def step(self) -> float | None:
        """TIME STEP, if it is one known number."""
        values = self.known(Name("time step", (), 0))
        return values[0] if values is not None and len(values) == 1 and values[0] > 0 else None

    def real(self, node: Node, depth: int = 0) -> bool:
        """True if PySD surely holds an expression's first value as a floating-point number."""
        match node:
            case Num():
                literal = re.match(r"[\d.eE]*", self.source.text[node.at :])
                return literal is not None and not literal[0].isdigit()
            case Op(operator="/"):
                return True
            case Op(operator="+" | "-" | "*" | "^"):
                return any(self.real(o, depth + 1) for o in node.operands)
            case Name() if fold(node.name) in self.given:
                return True
            case Name() if depth < 50:
                definitions = self.by_name.get(fold(node.name), [])
                return bool(definitions) and all(
                    d.expression is not None and self.real(d.expression, depth + 1) for d in definitions
                )
            case Apply():
                name, arguments = fold(node.name), node.arguments
                definitions = self.by_name.get(name, [])
                if definitions and definitions[0].operator == "(":
                    return True
                if name in ("exp", "ln", "sqrt", "sin", "cos", "tan", "with lookup"):
                    return True
                if name in ("min", "max"):
                    return any(self.real(a, depth + 1) for a in arguments)
                if name in ("integ", "smoothi", "smooth3i") and len(arguments) > 1:
                    return self.real(arguments[-1], depth + 1)
                return False
        return False


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Op():
            return node.operands
        case Apply():
            return node.arguments
    return ()


def _method(text: _Text) -> Iterator[int]:
    if text.method != "euler":
        yield -1


def _whole_numbers(text: _Text) -> Iterator[int]:
    for call in text.calls("smooth", "smoothi", "smooth3", "smooth3i", "smooth n"):
        initial = call.arguments[2] if len(call.arguments) > 2 else call.arguments[0]
        if not text.real(initial):
            yield call.at


def _pulse(text: _Text) -> Iterator[int]:
    step, first = text.step(), text.known(Name("initial time", (), 0))
    for call in text.calls("pulse"):
        values = [text.known(a) for a in call.arguments]
        edges = [v for known in (first, *values) for v in known or (float("nan"),)]
        # On a grid of binary fractions, steps and edges meet exactly; elsewhere the guards differ.
        exact = (
            step is not None and (step * 2**20).is_integer() and all((e / step).is_integer() for e in edges)
        )
        if not exact or min(values[1] or (0.0,)) <= 0.0:
            yield call.at


def _pulse_train(text: _Text) -> Iterator[int]:
    return (call.at for call in text.calls("pulse train"))


def _cut_order(text: _Text) -> Iterator[int]:
    step = text.step()
    for call in text.calls("delay1", "delay1i", "delay3", "delay3i"):
        order = 3 if "3" in call.name else 1
        times = text.known(call.arguments[1]) if len(call.arguments) > 1 else None
        if step is None or times is None or order * step > min(times):
            yield call.at


def _any_order(text: _Text) -> Iterator[int]:
    step = text.step()
    for call in text.calls("delay n", "smooth n"):
        times, orders = (text.known(a) for a in (call.arguments[1], call.arguments[-1]))
        if step is None or times is None or orders is None or max(orders) * step > min(times):
            yield call.at


_STARTING = {"integ": 1, "active initial": 1, "delay fixed": 2, "initial": 0} | {
    name: -1
    for name in (
        *("smooth", "smoothi", "smooth3", "smooth3i", "smooth n", "delay1", "delay1i", "delay3", "delay3i"),
        *("delay n", "trend", "forecast"),
    )
}
"""Which argument of a function its first value is worked out from; -1: possibly each."""


def _sampled_at_the_start(text: _Text) -> Iterator[int]:
    seen: set[str] = set()
    queue = [a for node in text.calls(*_STARTING) for a in _starting_arguments(node)]
    while queue:
        node = queue.pop()
        match node:
            case Apply() if fold(node.name) == "sample if true":
                yield node.at
            case Apply() if fold(node.name) in _STARTING:
                queue.extend(_starting_arguments(node))
            case Name() | Apply() if fold(node.name) not in seen:
                seen.add(fold(node.name))
                for definition in text.by_name.get(fold(node.name), []):
                    if definition.expression is not None:
                        queue.append(definition.expression)
                queue.extend(_children(node))
            case _:
                queue.extend(_children(node))


def _starting_arguments(node: Apply) -> tuple[Node, ...]:
    place = _STARTING[fold(node.name)]
    return node.arguments if place < 0 else node.arguments[place : place + 1]


def _missing(text: _Text) -> Iterator[int]:
    for node in text.nodes():
        if isinstance(node, Num) and node.value == -(2.0**109):
            yield node.at
    for definition in text.definitions:
        if definition.keyword == "RAW":
            yield definition.at


def _data_equations(text: _Text) -> Iterator[int]:
    for definition in text.definitions:
        node = definition.expression
        own = isinstance(node, Op) or (isinstance(node, Apply) and not fold(node.name).startswith("get "))
        if own and (definition.operator == ":=" or definition.keyword):
            yield definition.at


def _ties(text: _Text) -> Iterator[int]:
    return (call.at for call in text.calls("vector sort order", "vector rank"))


def _random(text: _Text) -> Iterator[int]:
    for node in text.nodes():
        if isinstance(node, Apply) and fold(node.name).startswith("random "):
            yield node.at


def _function_of(text: _Text) -> Iterator[int]:
    return (call.at for call in text.calls("a function of"))


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "another integration method than Euler's",
        "integrates by Euler's method whatever the settings say",
        "its documentation; a model under Runge-Kutta gives Euler's numbers",
        _method,
    ),
    Difference(
        "SMOOTH and its kin with an initial value that is a whole number",
        "cuts the input of the first step to a whole number",
        "SMOOTHI(0.75, 2, 0) stays at 0 in the first step; it moves 148 of 260 variables of World3-03 away from "
        "Vensim's own run",
        _whole_numbers,
    ),
    Difference(
        "PULSE of width 0, or off the grid of time steps",
        "gives no pulse of width 0, and has no half-step guard at a pulse's edges",
        "PULSE(2, 0) is 0 throughout; Vensim's help: one time step, Time + TIME STEP/2 > start",
        _pulse,
    ),
    Difference(
        "PULSE TRAIN",
        "has no half-step guard at the first start and the end, and gives no pulses of width 0",
        "PULSE TRAIN(1, 0.5, 2, 7) with steps of 0.1 begins at 1.1 and adds a step at 7.0",
        _pulse_train,
    ),
    Difference(
        "DELAY1 or DELAY3 whose time is shorter than a step for each stage, or isn't known before the run",
        "lowers the order of the delay",
        "its warning on such a model; Vensim's help says that of DELAY N alone",
        _cut_order,
    ),
    Difference(
        "DELAY N or SMOOTH N whose time or order isn't known before the run",
        "sets the order once and lets the time walk down the stages",
        "its source; Vensim's help: the time of earlier steps, constant within a step",
        _any_order,
    ),
    Difference(
        "an initial value that depends on SAMPLE IF TRUE",
        "takes what is sampled at the start for it, not the function's own initial value",
        "INITIAL(SAMPLE IF TRUE(Time >= 0, 2, 5)) is 2; the converter xmutil lists the last argument alone as the "
        "initial one, as for ACTIVE INITIAL",
        _sampled_at_the_start,
    ),
    Difference(
        ":NA: or :RAW: data",
        "takes :NA: for no number, so that comparisons with it are never true and it spreads",
        "x = :NA: is false where Vensim's help has a number of its own, -2^109",
        _missing,
    ),
    Difference(
        "a data variable with an expression",
        "works the expression out at every step",
        "Vensim's help: it is worked out at the points of its data and interpolated between",
        _data_equations,
    ),
    Difference(
        "VECTOR SORT ORDER or VECTOR RANK",
        "puts equal elements into another order when falling",
        "a vector with equal elements, sorted both ways",
        _ties,
    ),
    Difference(
        "random functions",
        "ignores the seed: no two runs are equal",
        "two runs of RANDOM UNIFORM(0, 1, 5) differ",
        _random,
    ),
    Difference("A FUNCTION OF", "gives no number for it", "a model with such an equation", _function_of),
)
"""PySD's known differences from Vensim."""
