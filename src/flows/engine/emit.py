"""Ordered representation → source text of a kernel.

Text comes from the nodes of the representation and from generated identifiers alone; no text of a model file ever
reaches the source. Every slot of the workspace is a number known here, so that the compiler sees constant distances
between memory accesses and can work on all lanes at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flows.engine import integrate
from flows.engine.hoist import costly, exogenous, small_power
from flows.errors import UnsupportedError
from flows.model.ir import (
    COMPARISONS,
    LOGICAL,
    Binary,
    Call,
    Expr,
    Fixed,
    LookupCall,
    Loop,
    Number,
    Position,
    Reduce,
    Ref,
    Subscript,
    Table,
    Unary,
    Variable,
    walk,
)
from flows.model.model import Model
from flows.model.order import Node, Plan

METHODS = ("euler",)
_UNROLL = 40
_LOOKUP_POINTS = 24
_SCALAR_CALLS = frozenset(
    ["sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "pulse train"]
)
_STATEMENTS = 120

_MATH = {
    "exp": "exp", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sqrt": "sqrt", "integer": "integer", "quantum": "quantum",
    "power": "power",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where everything lies in a run's workspace.

    Attributes
    ----------
    base : dict of str to int
        First slot of each variable's elements (row order); lookups are not among them.
    overrides : dict of str to int
        First slot of a stock's given initial values (NaN: use the equation).
    tables : dict of str to dict
        For each lookup: flat element position → (start in the table array, number of points).
    template : tuple of float
        The workspace of one run before it starts.
    table_values : tuple of float
        The table array.
    """

    base: dict[str, int]
    overrides: dict[str, int]
    tables: dict[str, dict[int, tuple[int, int]]]
    template: tuple[float, ...]
    table_values: tuple[float, ...]
    stocks: int
    n_stocks: int
    net_flows: int


def layout(model: Model) -> Layout:
    """Give every element of every variable a slot."""
    base: dict[str, int] = {}
    overrides: dict[str, int] = {}
    template: list[float] = []
    tables: dict[str, dict[int, tuple[int, int]]] = {}
    table_values: list[float] = []
    by_kind: dict[str, list[Variable]] = {}
    for v in model.variables.values():
        by_kind.setdefault(v.kind, []).append(v)
    for v in by_kind.get("constant", ()):
        base[v.name] = len(template)
        values = [float("nan")] * v.size
        for eq in v.equations:
            for position, value in zip(_flat_positions(v, eq.axes), eq.values, strict=True):
                values[position] = value
        template.extend(values)
    stocks = by_kind.get("stock", [])
    for v in stocks:
        if not v.hidden:
            overrides[v.name] = len(template)
            template.extend([float("nan")] * v.size)
    first = len(template)
    for v in stocks:
        base[v.name] = len(template)
        template.extend([0.0] * v.size)
    n_stocks = len(template) - first
    net = len(template)
    template.extend([0.0] * n_stocks)
    for kind in ("initial", "auxiliary"):
        for v in by_kind.get(kind, ()):
            base[v.name] = len(template)
            template.extend([float("nan")] * v.size)
    for v in by_kind.get("lookup", ()):
        tables[v.name] = {}
        for eq in v.equations:
            assert isinstance(eq.table, Table)
            start = len(table_values)
            table_values.extend(table_block(np.array(eq.table.x), np.array(eq.table.y)).tolist())
            for position in _flat_positions(v, eq.axes):
                tables[v.name][position] = (start, len(eq.table.x))
    return Layout(base, overrides, tables, tuple(template), tuple(table_values), first, n_stocks, net)


def table_block(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the table array holds of one lookup.

    Parameters
    ----------
    x : array, shape (n,)
    y : array, shape (..., n)

    Returns
    -------
    array, shape (..., 3 n)
        x, y and the slope of the segment that begins at each point (0 at the last and at vertical steps).
    """
    rise, run = np.diff(y), np.diff(x)
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    slope = np.concatenate([slope, np.zeros_like(y[..., :1])], axis=-1)
    return np.concatenate([np.broadcast_to(x, y.shape), y, slope], axis=-1)


def _flat_positions(variable: Variable, axes: tuple[tuple[str | None, tuple[str, ...]], ...]) -> list[int]:
    flat = [0]
    for d, (_, elements) in enumerate(axes):
        n = len(variable.elements[d])
        flat = [f * n + variable.elements[d].index(e) for f in flat for e in elements]
    return flat


@dataclass
class _Group:
    """Equations with the same loops, evaluated in one loop nest.

    `scalar` ones hold calls that keep a compiler from working on all lanes at once. `shared` names the constants on
    which a time-only group depends: where these are equal in all lanes, one lane is evaluated and copied.
    """

    loops: tuple[tuple[str, tuple[str, ...]], ...]
    scalar: bool
    shared: frozenset[str] | None
    nodes: list[Node] = field(default_factory=list)


def source(
    model: Model,
    plan: Plan,
    places: Layout,
    *,
    lanes: int,
    method: str = "euler",
    own_tables: bool = False,
    safe: bool = False,
) -> str:
    """Emit the module text of a kernel.

    Parameters
    ----------
    model : Model
    plan : Plan
        Its equations in order.
    places : Layout
        Slots of the workspace.
    lanes : int
        Runs that are worked on at once; 1 emits code for plain Python lists.
    method : str
        Integration method.
    own_tables : bool
        Let each run have lookup points of its own.
    safe : bool
        Emit calls that give NaN or infinity where plain Python would raise (division by zero, overflow).

    Returns
    -------
    str
        Python source that defines ``run_blocks`` and what it calls.

    Raises
    ------
    UnsupportedError
        For an integration method that is not compiled.
    """
    if method not in METHODS:
        raise UnsupportedError(
            f'the integration method "{method}" isn\'t supported yet',
            where=str(model.path),
            expected=" or ".join(METHODS),
            remedy="Choose it with method= or in the file's settings",
        )
    return _Emitter(model, places, lanes, own_tables, safe).module(plan, method)


class _Emitter:
    def __init__(self, model: Model, places: Layout, lanes: int, own_tables: bool, safe: bool) -> None:
        self.model, self.places, self.lanes, self.own_tables, self.safe = (
            model,
            places,
            lanes,
            own_tables,
            safe,
        )
        self.constants: dict[tuple[int, ...], str] = {}
        self.time_only = exogenous(model.variables) if lanes > 1 else {}
        self.shared: dict[frozenset[str], int] = {}

    # ------------------------------------------------------------------------------------------------ module

    def module(self, plan: Plan, method: str) -> str:
        places = self.places
        parts = [
            self.phase("initialize", plan.initial, initial=True),
            self.phase("auxiliaries", plan.dynamic),
            self.phase("net_flows", plan.stocks, net=True),
            "@njit\n" + inspect.getsource(integrate.save),
            "@njit\n" + inspect.getsource(getattr(integrate, method)),
            "@njit\n" + inspect.getsource(integrate.lanes_needed),
            "@njit\n" + inspect.getsource(integrate.run_blocks),
        ]
        head = [
            f"LANES = {self.lanes}",
            f"SLOTS = {len(places.template)}",
            f"STOCKS = {places.stocks}",
            f"N_STOCKS = {places.n_stocks}",
            f"NET_FLOWS = {places.net_flows}",
            *(f"{name} = {values!r}" for values, name in self.constants.items()),
            *self.sharing(),
        ]
        return "\n".join(head) + "\n\n\n" + "\n\n".join(parts)

    def scalar(self, expr: Expr) -> bool:
        """True if an expression holds a call that keeps a compiler from working on all lanes at once."""
        return any(
            (isinstance(n, Call) and n.function in _SCALAR_CALLS)
            or (isinstance(n, LookupCall) and (self.own_tables or not self.short(n.table)))
            for n in walk(expr)
        )

    def short(self, table: Ref) -> bool:
        """True if all elements of a lookup have the same small number of points."""
        counts = {n for _, n in self.places.tables[table.name].values()}
        return len(counts) == 1 and counts.pop() <= _LOOKUP_POINTS

    def sharing(self) -> list[str]:
        """Slots of the constants of each group of `shared`, as two tuples: all slots, and where each group's begin."""
        slots: list[int] = []
        starts = [0]
        for names in self.shared:
            for name in sorted(names):
                variable = self.model.variables[name]
                slots.extend(range(self.places.base[name], self.places.base[name] + variable.size))
            starts.append(len(slots))
        return [f"SHARED_SLOTS = {(*slots, 0)!r}", f"SHARED_STARTS = {tuple(starts)!r}"]

    def phase(self, name: str, nodes: tuple[Node, ...], *, initial: bool = False, net: bool = False) -> str:
        """One function that evaluates `nodes` in order, cut into pieces that a compiler takes easily."""
        groups = list(_groups(nodes, {} if initial else self.time_only, self.scalar, unordered=net))
        pieces: list[list[str]] = [[]]
        for group in groups:
            body = self.group(group, initial=initial, net=net)
            if pieces[-1] and len(pieces[-1]) + len(body) > 2 * _STATEMENTS:
                pieces.append([])
            pieces[-1].extend(body)
        texts = []
        for i, lines in enumerate(pieces):
            text = f"@njit\ndef {name}_{i}(w, tab, bases, t, dt):\n"
            texts.append(text + "".join(f"    {line}\n" for line in lines or ["pass"]))
        calls = "".join(f"    {name}_{i}(w, tab, bases, t, dt)\n" for i in range(len(pieces)))
        return "\n\n".join([*texts, f"@njit\ndef {name}(w, tab, bases, t, dt):\n{calls}"])

    def group(self, group: _Group, *, initial: bool, net: bool) -> list[str]:
        lines: list[str] = []
        indent = ""
        names: dict[str, str] = {}
        for depth, (index, elements) in enumerate(group.loops):
            names[index] = f"i{depth}"
            lines.append(f"{indent}for i{depth} in range({len(elements)}):")
            indent += "    "
        body = _Body(self, names, scalar=group.scalar)
        for node in group.nodes:
            body.assign(node, initial=initial, net=net)
        lines.extend(indent + line for line in body.head)
        if self.lanes == 1:
            return lines + [indent + line for line in body.lines]
        lanes = str(self.lanes)
        if group.shared is not None:
            number = self.shared.setdefault(group.shared, len(self.shared))
            lanes = f"bases[{self.lanes + number}]"
        lines.append(f"{indent}for lane in range({lanes}):")
        lines.extend(f"{indent}    {line}" for line in body.lines)
        if group.shared is not None:
            lines.append(f"{indent}for lane in range({lanes}, {self.lanes}):")
            lines.extend(f"{indent}    {address} = {address.replace('lane', '0')}" for address in body.stored)
        return lines

    def constant(self, values: tuple[int, ...]) -> str:
        """A named tuple of integers (positions of elements)."""
        return self.constants.setdefault(values, f"P{len(self.constants)}")


def _groups(
    nodes: tuple[Node, ...],
    time_only: Mapping[str, frozenset[str]],
    scalar: Callable[[Expr], bool],
    *,
    unordered: bool,
) -> Iterator[_Group]:
    """Gather equations with equal loops that only use each other at the same position."""
    waiting = list(nodes)
    # With an order given, a node may move forward only over nodes that it doesn't depend on.
    while waiting:
        head = waiting.pop(0)
        shared = _shared(head, time_only)
        group = _Group(head.loops, shared is not None or scalar(head.expr), shared, [head])
        members = {head.variable.name}
        skipped: set[str] = set()
        rest: list[Node] = []
        for node in waiting:
            used = {r.name for r in _refs(node.expr)}
            fits = (
                node.loops == group.loops
                and _shared(node, time_only) == shared
                and (shared is not None or scalar(node.expr) == group.scalar)
                and len(group.nodes) < _STATEMENTS
                and (unordered or (not used & skipped and node.variable.name not in members | skipped))
                and (unordered or all(_aligned(node, name, group) for name in used & members))
            )
            if fits:
                group.nodes.append(node)
                members.add(node.variable.name)
            else:
                skipped.add(node.variable.name)
                rest.append(node)
        waiting = rest
        yield group


def _refs(expr: Expr) -> Iterator[Ref]:
    return (n for n in walk(expr) if isinstance(n, Ref))


def _shared(node: Node, time_only: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    return time_only.get(node.variable.name) if any(costly(n) for n in walk(node.expr)) else None


def _aligned(node: Node, name: str, group: _Group) -> bool:
    """True if a node uses a member of the group at the position that the member has just been evaluated for."""
    member = next(n for n in group.nodes if n.variable.name == name)
    own = tuple(
        Loop(index, elements) if index is not None else Fixed(elements[0])
        for index, elements in member.equation.axes
    )
    return all(ref.subscripts == own for ref in _refs(node.expr) if ref.name == name)


class _Body:
    """Statements of one loop body: loads, temporaries, assignments."""

    def __init__(self, emitter: _Emitter, names: dict[str, str], *, scalar: bool) -> None:
        self.emitter, self.places = emitter, emitter.places
        self.scalar = scalar  # lanes one after the other: calls may branch
        self.names = names  # loop index → Python name
        self.head: list[str] = []  # before the loop over lanes
        self.lines: list[str] = []
        self.stored: list[str] = []
        self.loaded: dict[str, str] = {}
        self.bound: dict[str, int] = {}  # loop index of an unrolled reduction → position
        self.count = 0

    # -- addresses

    def position(self, variable: Variable, dimension: int, subscript: Subscript) -> tuple[int, str]:
        """Position along a dimension as (constant part, variable part)."""
        elements = variable.elements[dimension]
        if isinstance(subscript, Fixed):
            return elements.index(subscript.element), ""
        positions = tuple(elements.index(e) for e in subscript.elements)
        if subscript.index in self.bound:
            return positions[self.bound[subscript.index]], ""
        name = self.names[subscript.index]
        if positions == tuple(range(positions[0], positions[0] + len(positions))):
            return positions[0], name
        return 0, f"{self.emitter.constant(positions)}[{name}]"

    def flat(
        self, variable: Variable, subscripts: tuple[Subscript, ...]
    ) -> tuple[int, list[tuple[int, str]]]:
        """Flat element position: constant part and terms (stride, variable part)."""
        constant, terms = 0, []
        stride = 1
        for d in range(len(subscripts) - 1, -1, -1):
            fixed, moving = self.position(variable, d, subscripts[d])
            constant += stride * fixed
            if moving:
                terms.append((stride, moving))
            stride *= len(variable.elements[d])
        return constant, terms[::-1]

    def address(self, base: int, variable: Variable, subscripts: tuple[Subscript, ...]) -> str:
        lanes = self.emitter.lanes
        constant, terms = self.flat(variable, subscripts)
        parts = [str((base + constant) * lanes)]
        parts += [f"{stride * lanes} * {name}" if stride * lanes > 1 else name for stride, name in terms]
        if lanes > 1:
            parts.append("lane")
        return f"w[{' + '.join(parts)}]"

    def load(self, address: str) -> str:
        if address not in self.loaded:
            self.loaded[address] = self.temporary(address)
        return self.loaded[address]

    def temporary(self, text: str) -> str:
        name = f"x{self.count}"
        self.count += 1
        self.lines.append(f"{name} = {text}")
        return name

    def atom(self, text: str) -> str:
        """A name or literal for a text that is used twice."""
        return text if text.isidentifier() or text.replace(".", "").isdigit() else self.temporary(text)

    # -- statements

    def assign(self, node: Node, *, initial: bool, net: bool) -> None:
        variable = node.variable
        subscripts = tuple(
            Loop(index, elements) if index is not None else Fixed(elements[0])
            for index, elements in node.equation.axes
        )
        places = self.places
        base = places.base[variable.name]
        if net:
            base += places.net_flows - places.stocks
        value = self.value(node.expr)
        if initial and variable.kind == "stock" and variable.name in places.overrides:
            given = self.load(self.address(places.overrides[variable.name], variable, subscripts))
            own = self.atom(value)
            value = f"({own} if {given} != {given} else {given})"
        address = self.address(base, variable, subscripts)
        name = self.temporary(value)
        self.lines.append(f"{address} = {name}")
        self.stored.append(address)
        self.loaded[address] = name

    # -- expressions: one short method per node

    def value(self, expr: Expr) -> str:
        """Text of an expression with a numeric value."""
        match expr:
            case Number():
                return _literal(expr.value)
            case Ref():
                return self.ref(expr)
            case Position():
                if expr.index in self.bound:
                    return f"{self.bound[expr.index] + 1}.0"
                return f"({self.names[expr.index]} + 1.0)"
            case Unary():
                return f"(-{self.value(expr.operand)})" if expr.operator == "-" else self.truth(expr)
            case Binary():
                return self.binary(expr)
            case Call():
                return self.call(expr)
            case LookupCall():
                return self.lookup(expr)
            case Reduce():
                return self.reduce(expr)

    def ref(self, expr: Ref) -> str:
        if expr.name == "time":
            return "t"
        variable = self.emitter.model.variables[expr.name]
        return self.load(self.address(self.places.base[expr.name], variable, expr.subscripts))

    def truth(self, expr: Expr) -> str:
        return f"(1.0 if {self.condition(expr)} else 0.0)"

    def condition(self, expr: Expr) -> str:
        """Text of an expression used as true or false."""
        if isinstance(expr, Binary) and expr.operator in COMPARISONS:
            operator = {"=": "==", "<>": "!="}.get(expr.operator, expr.operator)
            return f"({self.value(expr.left)} {operator} {self.value(expr.right)})"
        if isinstance(expr, Binary) and expr.operator in LOGICAL:
            return f"({self.condition(expr.left)} {expr.operator} {self.condition(expr.right)})"
        if isinstance(expr, Unary) and expr.operator == "not":
            return f"(not {self.condition(expr.operand)})"
        return f"({self.value(expr)} != 0.0)"

    def binary(self, expr: Binary) -> str:
        if expr.operator in COMPARISONS or expr.operator in LOGICAL:
            return self.truth(expr)
        left = self.value(expr.left)
        if expr.operator == "^":
            if small_power(expr.right):
                assert isinstance(expr.right, Number)
                base = self.atom(left)
                return base if expr.right.value == 1.0 else f"({base} * {base})"
            return f"power({left}, {self.value(expr.right)})"
        right = self.value(expr.right)
        if expr.operator == "/" and self.emitter.safe:
            return f"safe_div({left}, {right})"
        return f"({left} {expr.operator} {right})"

    def call(self, expr: Call) -> str:
        name = expr.function
        if name == "if then else":
            condition = self.condition(expr.arguments[0])
            yes, no = (self.value(a) for a in expr.arguments[1:])
            return f"({yes} if {condition} else {no})"
        values = [self.value(a) for a in expr.arguments]
        if name in _MATH:
            return f"{_MATH[name]}({', '.join(values)})"
        match name:
            case "min" | "max":
                a, b = self.atom(values[0]), self.atom(values[1])
                return f"({a} if {a} {'<' if name == 'min' else '>'} {b} else {b})"
            case "abs":
                return f"abs({values[0]})"
            case "log":
                return f"(log({values[0]}) / log({values[1]}))"
            case "modulo":
                a = self.atom(values[0])
                return f"({a} - quantum({a}, {values[1]}))"
            case "game":
                return values[0]
            case "zidz" | "xidz":
                a, b = values[0], self.atom(values[1])
                otherwise = "0.0" if name == "zidz" else values[2]
                quotient = f"safe_div({a}, {b})" if self.emitter.safe else f"{a} / {b}"
                return f"({otherwise} if abs({b}) < 1e-06 else {quotient})"
            case "step" | "pulse":
                return f"{name}({values[0]}, {values[1]}, t, dt)"
            case "pulse train":
                return f"pulse_train({', '.join(values)}, t, dt)"
            case "ramp":
                return f"ramp({', '.join(values)}, t)"
        raise UnsupportedError(f"the function {name.upper()} isn't supported yet")

    def lookup(self, expr: LookupCall) -> str:
        table = expr.table
        variable = self.emitter.model.variables[table.name]
        entries = self.places.tables[table.name]
        constant, terms = self.flat(variable, table.subscripts)
        argument = self.value(expr.argument)
        if not terms:
            start, n = (str(k) for k in entries[constant])
        else:
            size = variable.size
            flat = " + ".join([str(constant), *(f"{stride} * {name}" for stride, name in terms)])
            starts = self.emitter.constant(tuple(entries.get(k, (0, 1))[0] for k in range(size)))
            start = f"{starts}[{flat}]"
            counts = {entries[k][1] for k in entries}
            if len(counts) == 1:
                n = str(counts.pop())
            else:
                n = f"{self.emitter.constant(tuple(entries.get(k, (0, 1))[1] for k in range(size)))}[{flat}]"
        if self.emitter.lanes > 1 and not self.scalar and not self.emitter.own_tables and n.isdigit():
            return self.lookup_in_lanes(start, int(n), argument)
        if self.emitter.own_tables:
            start = f"bases[lane] + {start}" if self.emitter.lanes > 1 else f"bases[0] + {start}"
        return f"lookup(tab, {start}, {n}, {argument})"

    def lookup_in_lanes(self, start: str, n: int, argument: str) -> str:
        """Interpolation without branches: choose the segment by comparisons alone, hold outside."""

        def point(offset: int) -> str:
            address = f"tab[{int(start) + offset}]" if start.isdigit() else f"tab[{start} + {offset}]"
            if address not in self.loaded:
                # Ahead of the loop over lanes: reading two arrays in it would need checks that they don't overlap.
                self.loaded[address] = name = f"p{len(self.head)}"
                self.head.append(f"{name} = {address}")
            return self.loaded[address]

        if n == 1:
            return point(1)
        x = self.atom(argument)
        x0, y0, slope = point(0), point(n), point(2 * n)
        for j in range(1, n - 1):
            passed = self.temporary(f"{x} >= {point(j)}")
            x0 = self.temporary(f"{point(j)} if {passed} else {x0}")
            y0 = self.temporary(f"{point(n + j)} if {passed} else {y0}")
            slope = self.temporary(f"{point(2 * n + j)} if {passed} else {slope}")
        inside = self.temporary(f"{slope} * ({x} - {x0}) + {y0}")
        held = self.temporary(f"{point(n)} if {x} <= {point(0)} else {inside}")
        return f"({point(2 * n - 1)} if {x} >= {point(n - 1)} else {held})"

    def reduce(self, expr: Reduce) -> str:
        count = 1
        for _, elements in expr.over:
            count *= len(elements)
        if count > _UNROLL * 20:
            raise UnsupportedError(f"{expr.function.upper()} over {count} elements isn't supported yet")
        values: list[str] = []

        def each(rest: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
            if not rest:
                values.append(self.value(expr.body))
                return
            index, elements = rest[0]
            for i in range(len(elements)):
                self.bound[index] = i
                each(rest[1:])
            del self.bound[index]

        each(expr.over)
        total = values[0]
        for value in values[1:]:
            if expr.function in ("sum", "prod"):
                total = self.temporary(f"{total} {'+' if expr.function == 'sum' else '*'} {value}")
            else:
                a, b = self.atom(total), self.atom(value)
                total = self.temporary(f"{a} if {a} {'<' if expr.function == 'vmin' else '>'} {b} else {b}")
        return total


def _literal(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise UnsupportedError("a number in the model is too large", found=repr(value))
    text = repr(float(value))
    return f"({text})" if value < 0 or text.startswith("-") else text
