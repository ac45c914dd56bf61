"""Plain Python as target language: one run on lists, no wait for a compiler."""

from __future__ import annotations

import inspect

from flows.engine import integrate
from flows.engine.emit import Address
from flows.engine.emit_text import DEEPEST, TextBody
from flows.engine.layout import LEVELS, TOLERANCE, TOLERANCES, Layout, Method, tolerance
from flows.engine.runtime import LOOKUP_NAMES
from flows.engine.schedule import STATEMENTS, Group, groups
from flows.model.model import Model
from flows.model.order import Node, Plan

_ARGUMENTS = "w, tab, past, n, start, t, dt"


def source(model: Model, plan: Plan, places: Layout, *, method: Method, safe: bool = False) -> str:
    """Emit a module that defines ``run`` and what it calls.

    Parameters
    ----------
    model : Model
    plan : Plan
        Its equations in order.
    places : Layout
        Slots of the workspace.
    method : Method
        Integration method.
    safe : bool
        Divide by a function that gives NaN or infinity where plain Python would raise.

    Returns
    -------
    str
    """
    tables: dict[tuple[int, ...], str] = {}
    phases = [
        _phase("initialize", plan.initial, model, places, tables, safe, initial=True),
        _phase("auxiliaries", plan.dynamic, model, places, tables, safe),
        _phase("net_flows", plan.stocks, model, places, tables, safe, net=True),
        _phase("record", plan.histories, model, places, tables, safe, net=True),
        inspect.getsource(getattr(integrate, method.step)),
        f"step = {method.step}\n\n",
        inspect.getsource(integrate.automatic if method.automatic else integrate.fixed),
    ]
    head = [
        f"STOCKS = {places.stocks}",
        f"N_STOCKS = {places.n_stocks}",
        f"NET_FLOWS = {places.net_flows}",
        *(f"{name} = {values!r}" for values, name in tables.items()),
    ]
    if method.automatic:
        head += [f"UNMET = {places.unmet}", f"LEVELS = {LEVELS}"]
        for name in TOLERANCES:
            slot = tolerance(model, places, name)
            value = repr(TOLERANCE) if slot is None else f"w[{slot}]"
            head.append(f"def {name.partition(' ')[0].upper()}(w):\n    return {value}")
    return "\n".join(head) + "\n\n\n" + "\n\n".join(phases)


def _phase(
    name: str,
    nodes: tuple[Node, ...],
    model: Model,
    places: Layout,
    tables: dict[tuple[int, ...], str],
    safe: bool,
    *,
    initial: bool = False,
    net: bool = False,
) -> str:
    pieces: list[list[str]] = [[]]
    for group in groups(nodes, {}, unordered=net):
        lines = _group(group, model, places, tables, safe, initial=initial, net=net)
        if pieces[-1] and len(pieces[-1]) + len(lines) > 4 * STATEMENTS:
            pieces.append([])
        pieces[-1].extend(lines)
    texts = []
    for i, lines in enumerate(pieces):
        body = "".join(f"    {line}\n" for line in lines or ["pass"])
        texts.append(f"def {name}_{i}({_ARGUMENTS}):\n{body}")
    calls = "".join(f"    {name}_{i}({_ARGUMENTS})\n" for i in range(len(pieces)))
    return "\n\n".join([*texts, f"def {name}({_ARGUMENTS}):\n{calls}"])


def _group(
    group: Group,
    model: Model,
    places: Layout,
    tables: dict[tuple[int, ...], str],
    safe: bool,
    *,
    initial: bool,
    net: bool,
) -> list[str]:
    lines, indent = [], ""
    names: dict[str, str] = {}
    for depth, (index, elements) in enumerate(group.loops):
        names[index] = f"i{depth}"
        lines.append(f"{indent}for i{depth} in range({len(elements)}):")
        indent += "    "
    body = PythonBody(model, places, names, tables, safe=safe)
    for node in group.nodes:
        body.assign(node, initial=initial, net=net)
    return lines + [indent + line for line in body.lines]


class PythonBody(TextBody):
    """Values are Python expressions; a choice evaluates one side only, as a conditional expression does."""

    NAMED = "{name} = {value}"

    def __init__(
        self,
        model: Model,
        places: Layout,
        names: dict[str, str],
        tables: dict[tuple[int, ...], str],
        *,
        safe: bool,
    ) -> None:
        super().__init__(model, places, names, tables)
        self.safe = safe

    def record(self, address: Address, value: str) -> None:
        """Keep a value in a column of the history."""
        self.lines.append(f"past[{self.index_text(address)}].append({value})")

    def recall(self, address: Address, lag: str, otherwise: str) -> str:
        """A column of the history some steps ago."""
        lag = self.keep(lag)
        return f"(past[{self.index_text(address)}][n - int({lag})] if n >= {lag} else {otherwise})"

    def counter(self, address: Address) -> str:
        """A position that moves with a loop."""
        return f"float({self.index_text(address)})"

    def arithmetic(self, operator: str, left: str, right: str) -> str:
        """``+ - * /``."""
        left, right = self.shallow(left), self.shallow(right)
        if operator == "/" and self.safe:
            return f"safe_div({left}, {right})"
        return f"({left} {operator} {right})"

    def compare(self, operator: str, left: str, right: str) -> str:
        """A condition from two values."""
        return f"({self.shallow(left)} {operator} {self.shallow(right)})"

    def both(self, operator: str, left: str, right: str) -> str:
        """A condition from two conditions."""
        return f"({left} {operator} {right})"

    def negation(self, condition: str) -> str:
        """The opposite condition."""
        return f"(not {condition})"

    def choose(self, condition: str, yes: str, no: str) -> str:
        """One of two values."""
        return f"({self.later(yes)} if {condition} else {self.later(no)})"

    def later(self, value: str) -> str:
        """A call for a value with many parentheses, so that the side which isn't chosen stays unevaluated."""
        if value.count("(") <= DEEPEST:
            return value
        return self.named(f"lambda: {value}") + "()"

    def function(self, name: str, *arguments: str) -> str:
        """A function of the mathematical library."""
        return f"{name}({', '.join(arguments)})"

    def interpolate(
        self, entry: tuple[int, int] | tuple[Address, int, tuple[int, ...]], argument: str, mode: str
    ) -> str:
        """Interpolation in the table array, or another way to read it."""
        if len(entry) == 2:
            start, points = str(entry[0]), entry[1]
        else:
            at, points, starts = entry
            start = f"{self.position_table(starts)}[{self.index_text(at)}]"
        if mode:
            return f"{LOOKUP_NAMES[mode]}(tab[{start}:{start} + {3 * points}], {argument})"
        return f"lookup(tab, {start}, {points}, {argument})"

    def element(self, base: int, size: int, position: str) -> str:
        """The slot at a position that is worked out."""
        return self.keep(f"element(w, {base}, {size}, {position})")
