"""LLVM's assembly language as target: eight runs at once, one in each lane of every vector.

Writing the vectors ourselves leaves nothing to a compiler's judgement: every operation works on all lanes, no check
for overlap is needed, and the text is short enough that a model of a thousand elements compiles in half a second.
Arithmetic is IEEE double precision without contraction or reordering, so that a lane computes what plain Python
computes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from flows.engine.emit import Address, Body
from flows.engine.hoist import exogenous
from flows.engine.layout import LEVELS, TOLERANCE, TOLERANCES, Layout, Method, tolerance
from flows.engine.runtime import COMPILED, HELPERS, LOOKUP_NAMES, NAN, NOT_AVAILABLE
from flows.engine.schedule import STATEMENTS, Group, groups
from flows.engine.translate import translate
from flows.engine.vectormath import Lines, emit_functions
from flows.model.model import Model
from flows.model.order import Node, Plan

LANES = 8
_PARAMETERS = (
    "ptr noalias %w, ptr noalias readonly %tab, ptr noalias readonly %info, ptr noalias %past, i64 %n, "
    "double %start, double %t, double %dt"
)
_ARGUMENTS = "ptr %w, ptr %tab, ptr %info, ptr %past, i64 {n}, double {start}, double {t}, double %dt"
_COMPARE = {"==": "oeq", "!=": "une", "<": "olt", "<=": "ole", ">": "ogt", ">=": "oge"}
_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_SUMS_AND_PRODUCTS = re.compile(r"= (fadd|fsub|fmul) ")
_SHORT_TABLE = 32
_MANY_VALUES = 64  # of a function of vectors, beyond which they are copied in a loop
_MOST_VALUES = 6_000  # that lie on the stack for all lanes
INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "trunc": "trunc", "floor": "floor"}
LIBRARY = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan")


class Source:
    """A module under construction: functions, tables of positions, groups shared between lanes.

    Attributes
    ----------
    text : str
        The module.
    shared : tuple of tuple of int
        For each group of time-only equations the slots that decide whether lanes may share it. The driver hands one
        whole number a group to the kernel (after the lanes' table offsets): 1 if these slots are equal in all lanes,
        else 0.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        places: Layout,
        *,
        method: Method,
        own_tables: bool,
        contract: bool = False,
    ) -> None:
        self.model, self.places, self.own_tables = model, places, own_tables
        self.time_only = exogenous(model.variables)
        self.groups: dict[frozenset[str], int] = {}
        self.tables: dict[tuple[int, ...], str] = {}
        parts = [
            self._phase("initialize", plan.initial, {}, initial=True),
            self._phase("auxiliaries", plan.dynamic, self.time_only),
            self._phase("net_flows", plan.stocks, self.time_only, net=True),
            self._phase("record", plan.histories, self.time_only, net=True),
            *_loops(model, places, method),
        ]
        positions = [
            f"@{name} = private constant [{len(values)} x i64] [{', '.join(f'i64 {v}' for v in values)}]"
            for values, name in self.tables.items()
        ]
        whole = "\n".join(parts)
        library = _library() if any(f"@{name}(" in whole for name in COMPILED) else ()
        self.text = "\n".join(
            [*positions, emit_functions(LANES), _SCALAR_LOOKUP, _LANE_LOOKUP, *library, whole]
        )
        if contract:  # a product and a sum may become one operation, rounded once
            self.text = _SUMS_AND_PRODUCTS.sub(r"= \1 contract ", self.text)
        self.shared = tuple(
            tuple(
                slot
                for name in sorted(names)
                for slot in range(places.base[name], places.base[name] + model.variables[name].size)
            )
            for names in self.groups
        )

    def _phase(
        self,
        name: str,
        nodes: tuple[Node, ...],
        time_only: Mapping[str, frozenset[str]],
        *,
        initial: bool = False,
        net: bool = False,
    ) -> str:
        functions: list[_Function] = []
        for group in groups(nodes, time_only, unordered=net):
            if not functions or len(functions[-1].lines.texts) > 6 * STATEMENTS:
                functions.append(_Function(f"{name}_{len(functions)}"))
            functions[-1].group(self, group, initial=initial, net=net)
        calls = "\n".join(
            f"  call void @{f.name}({_ARGUMENTS.format(n='%n', start='%start', t='%t')})" for f in functions
        )
        whole = f"define internal void @{name}({_PARAMETERS}) {{\n{calls}\n  ret void\n}}"
        return "\n".join([*(f.text() for f in functions), whole])


@cache
def _library() -> tuple[str, ...]:
    """The functions that are translated; the compiler drops those that a model doesn't use."""
    functions = {**HELPERS, **COMPILED}
    calls = {function.__name__: name for name, function in functions.items()}
    constants = {"NAN": NAN, "NOT_AVAILABLE": NOT_AVAILABLE}
    return tuple(
        translate(
            function,
            name=name,
            scale=3 if name.startswith("lookup") else 1,
            calls=calls,
            constants=constants,
        )
        for name, function in functions.items()
    )


class _Function:
    """One function: loop nests one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines = Lines()
        self.scratch = 0  # doubles handed to a function of vectors

    def text(self) -> str:
        vector = f"<{LANES} x double>"
        scratch = f"  %scratch = alloca [{self.scratch} x double], align 8\n" if self.scratch else ""
        return (
            f"define internal void @{self.name}({_PARAMETERS}) noinline {{\nentry:\n{scratch}"
            f"  %ta = insertelement {vector} poison, double %t, i64 0\n"
            f"  %tv = shufflevector {vector} %ta, {vector} poison, <{LANES} x i32> zeroinitializer\n"
            f"  %sa = insertelement {vector} poison, double %start, i64 0\n"
            f"  %sv = shufflevector {vector} %sa, {vector} poison, <{LANES} x i32> zeroinitializer\n"
            "  %half = fmul double %dt, 0.5\n"
            f"  %ha = insertelement {vector} poison, double %half, i64 0\n"
            f"  %hv = shufflevector {vector} %ha, {vector} poison, <{LANES} x i32> zeroinitializer\n"
            "  br label %b0\nb0:\n" + "\n".join(self.lines.texts) + "\n  ret void\n}"
        )

    def group(self, source: Source, group: Group, *, initial: bool, net: bool) -> None:
        lines = self.lines
        indices: dict[str, str] = {}
        open_loops = []
        for index, elements in group.loops:
            loop = lines.open_loop(str(len(elements)))
            indices[index] = loop.counter
            open_loops.append(loop)
        if group.shared is None:
            body = LlvmBody(source, lines, indices, None)
            for node in group.nodes:
                body.assign(node, initial=initial, net=net)
            self.scratch = max(self.scratch, body.scratch)
        else:
            self.shared_group(source, group, indices, initial=initial, net=net)
        for loop in reversed(open_loops):
            lines.close_loop(loop)

    def shared_group(
        self, source: Source, group: Group, indices: dict[str, str], *, initial: bool, net: bool
    ) -> None:
        """All lanes at once, or lane 0 alone and copies of its values."""
        lines = self.lines
        assert group.shared is not None
        number = source.groups.setdefault(group.shared, len(source.groups))
        pointer = lines.op(f"getelementptr i64, ptr %info, i64 {LANES + number}")
        equal = lines.op(f"load i64, ptr {pointer}")
        alone = lines.op(f"icmp eq i64 {equal}, 1")
        once, each, after = lines.label(), lines.label(), lines.label()
        lines.add(f"br i1 {alone}, label %{once}, label %{each}")
        lines.begin(once)
        body = LlvmBody(source, lines, indices, "0")
        stored = [body.assign(node, initial=initial, net=net) for node in group.nodes]
        whole = LlvmBody(source, lines, indices, None)
        for address in stored:
            whole.store(whole.pointer(address), lines.splat(body.values[address]))
        lines.add(f"br label %{after}")
        lines.begin(each)
        body = LlvmBody(source, lines, indices, None)
        for node in group.nodes:
            body.assign(node, initial=initial, net=net)
        self.scratch = max(self.scratch, body.scratch)
        lines.add(f"br label %{after}")
        lines.begin(after)


def _bits(value: float) -> str:
    """A double as LLVM writes it."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


class LlvmBody(Body):
    """Values are SSA names or constants: vectors of all lanes, or scalars of the lane that `lane` names."""

    def __init__(self, source: Source, lines: Lines, indices: dict[str, str], lane: str | None) -> None:
        super().__init__(source.model, source.places)
        self.source, self.lines, self.indices, self.lane = source, lines, indices, lane
        self.type = f"<{LANES} x double>" if lane is None else "double"
        self.bits = f"<{LANES} x i1>" if lane is None else "i1"
        self.suffix = "v" if lane is None else "s"
        self.scratch = 0

    def number(self, value: float) -> str:
        """A literal."""
        text = _bits(value)
        return f"splat (double {text})" if self.lane is None else text

    def time(self) -> str:
        """Model time."""
        return "%tv" if self.lane is None else "%t"

    def step_start(self) -> str:
        """Model time at the start of the step."""
        return "%sv" if self.lane is None else "%start"

    def half_step(self) -> str:
        """Half a time step."""
        return "%hv" if self.lane is None else "%half"

    def offset(self, address: Address, scale: int) -> str:
        """An address as an i64 operand, times a scale."""
        total = str(address.constant * scale)
        for stride, index, positions in address.terms:
            at = self.indices[index]
            if positions is not None:
                name = self.source.tables.setdefault(positions, f"P{len(self.source.tables)}")
                place = self.lines.op(f"getelementptr [{len(positions)} x i64], ptr @{name}, i64 0, i64 {at}")
                at = self.lines.op(f"load i64, ptr {place}")
            if stride * scale != 1:
                at = self.lines.op(f"mul i64 {at}, {stride * scale}")
            total = self.lines.op(f"add i64 {at}, {total}")
        return total

    def pointer(self, address: Address) -> str:
        """Pointer to a slot: to all its lanes, or to one."""
        offset = self.offset(address, LANES)
        if self.lane is not None:
            offset = self.lines.op(f"add i64 {offset}, {self.lane}")
        return self.lines.op(f"getelementptr double, ptr %w, i64 {offset}")

    def read(self, address: Address) -> str:
        """Load a slot."""
        return self.lines.op(f"load {self.type}, ptr {self.pointer(address)}, align {self.alignment}")

    def write(self, address: Address, value: str) -> str:
        """Store a slot."""
        self.store(self.pointer(address), value)
        return value

    def store(self, pointer: str, value: str) -> None:
        """Store through a pointer."""
        self.lines.add(f"store {self.type} {value}, ptr {pointer}, align {self.alignment}")

    @property
    def alignment(self) -> int:
        """Bytes: a workspace begins at a multiple of 64."""
        return 8 * LANES if self.lane is None else 8

    def history(self, row: str, address: Address, lane: str) -> str:
        """Pointer into a row of the history."""
        columns = self.source.places.n_histories
        at = self.lines.op(f"mul i64 {row}, {columns}")
        at = self.lines.op(f"add i64 {at}, {self.offset(address, 1)}")
        at = self.lines.op(f"mul i64 {at}, {LANES}")
        at = self.lines.op(f"add i64 {at}, {lane}")
        return self.lines.op(f"getelementptr double, ptr %past, i64 {at}")

    def record(self, address: Address, value: str) -> None:
        """Keep a value in a column of the history."""
        self.lines.add(
            f"store {self.type} {value}, ptr {self.history('%n', address, self.lane or '0')}, align 8"
        )

    def recall(self, address: Address, lag: str, otherwise: str) -> str:
        """A column of the history some steps ago, which may differ from lane to lane."""
        result = "poison"
        for k in range(LANES):
            steps = self.lines.op(f"extractelement {self.type} {lag}, i64 {k}")
            steps = self.lines.op(f"fptosi double {steps} to i64")
            row = self.lines.op(f"sub i64 %n, {steps}")
            young = self.lines.op(f"icmp slt i64 {row}, 0")
            row = self.lines.op(f"select i1 {young}, i64 0, i64 {row}")
            value = self.lines.op(f"load double, ptr {self.history(row, address, str(k))}, align 8")
            before = self.lines.op(f"extractelement {self.type} {otherwise}, i64 {k}")
            value = self.lines.op(f"select i1 {young}, double {before}, double {value}")
            result = self.lines.op(f"insertelement {self.type} {result}, double {value}, i64 {k}")
        return result

    def counter(self, address: Address) -> str:
        """A position that moves with a loop."""
        number = self.lines.op(f"uitofp i64 {self.offset(address, 1)} to double")
        return self.lines.splat(number) if self.lane is None else number

    def arithmetic(self, operator: str, left: str, right: str) -> str:
        """``+ - * /``."""
        return self.lines.op(f"{_ARITHMETIC[operator]} {self.type} {left}, {right}")

    def negative(self, value: str) -> str:
        """Change the sign."""
        return self.lines.op(f"fneg {self.type} {value}")

    def compare(self, operator: str, left: str, right: str) -> str:
        """A condition from two values."""
        return self.lines.op(f"fcmp {_COMPARE[operator]} {self.type} {left}, {right}")

    def both(self, operator: str, left: str, right: str) -> str:
        """A condition from two conditions."""
        return self.lines.op(f"{operator} {self.bits} {left}, {right}")

    def negation(self, condition: str) -> str:
        """The opposite condition."""
        true = "splat (i1 true)" if self.lane is None else "true"
        return self.lines.op(f"xor {self.bits} {condition}, {true}")

    def choose(self, condition: str, yes: str, no: str) -> str:
        """One of two values."""
        return self.lines.op(f"select {self.bits} {condition}, {self.type} {yes}, {self.type} {no}")

    def function(self, name: str, *arguments: str) -> str:
        """A function of the mathematical library: ours, LLVM's or, lane by lane, the C library's."""
        typed = ", ".join(f"{self.type} {a}" for a in arguments)
        if name in INTRINSICS:
            kind = f"v{LANES}f64" if self.lane is None else "f64"
            return self.lines.op(f"call {self.type} @llvm.{INTRINSICS[name]}.{kind}({typed})")
        if name in LIBRARY:
            if self.lane is not None:
                return self.lines.op(f"call double @{name}({typed})")
            result = "poison"
            for k in range(LANES):
                one = self.lines.op(f"extractelement {self.type} {arguments[0]}, i64 {k}")
                value = self.lines.op(f"call double @{name}(double {one})")
                result = self.lines.op(f"insertelement {self.type} {result}, double {value}, i64 {k}")
            return result
        return self.lines.op(f"call {self.type} @{name}_{self.suffix}({typed})")

    def interpolate(
        self, entry: tuple[int, int] | tuple[Address, int, tuple[int, ...]], argument: str, mode: str
    ) -> str:
        """Interpolation: by comparisons in short tables, by search lane after lane in long ones."""
        if len(entry) == 2:
            start, points = str(entry[0]), entry[1]
        else:
            at, points, starts = entry
            name = self.source.tables.setdefault(starts, f"P{len(self.source.tables)}")
            offset = self.offset(at, 1)
            place = self.lines.op(f"getelementptr [{len(starts)} x i64], ptr @{name}, i64 0, i64 {offset}")
            start = self.lines.op(f"load i64, ptr {place}")
        if mode:

            def read(lane: str, x: str) -> str:
                place = self.lines.op(f"getelementptr i64, ptr %info, i64 {lane}")
                begin = self.lines.op(f"load i64, ptr {place}")
                begin = self.lines.op(f"add i64 {begin}, {start}")
                table = self.lines.op(f"getelementptr double, ptr %tab, i64 {begin}")
                operands = f"ptr {table}, i64 {points}, double {x}"
                return self.lines.op(f"call double @{LOOKUP_NAMES[mode]}({operands})")

            return self.lane_by_lane(lambda lane, values: read(lane, values[0]), argument)
        if self.lane is not None:
            base = self.lines.op(f"getelementptr i64, ptr %info, i64 {self.lane}")
            begin = self.lines.op(f"load i64, ptr {base}")
            begin = self.lines.op(f"add i64 {begin}, {start}")
            return self.lines.op(
                f"call double @lookup(ptr %tab, i64 {begin}, i64 {points}, double {argument})"
            )
        if points > _SHORT_TABLE or self.source.own_tables:
            operands = f"ptr %tab, ptr %info, i64 {start}, i64 {points}, {self.type} {argument}"
            return self.lines.op(f"call {self.type} @lookup_lanes({operands})")
        return self.by_comparisons(start, points, argument)

    def lane_by_lane(self, evaluate: Callable[[str, list[str]], str], *values: str) -> str:
        """What `evaluate` gives for the scalars of each lane."""
        if self.lane is not None:
            return evaluate(self.lane, list(values))
        result = "poison"
        for k in range(LANES):
            scalars = [self.lines.op(f"extractelement {self.type} {v}, i64 {k}") for v in values]
            value = evaluate(str(k), scalars)
            result = self.lines.op(f"insertelement {self.type} {result}, double {value}, i64 {k}")
        return result

    def element(self, base: int, size: int, position: str) -> str:
        """The slot at a position that is worked out, which may differ from lane to lane."""

        def pick(lane: str, values: list[str]) -> str:
            low = self.lines.op(f"fcmp oge double {values[0]}, 0.0")
            high = self.lines.op(f"fcmp olt double {values[0]}, {float(size)}")
            inside = self.lines.op(f"and i1 {low}, {high}")
            safe = self.lines.op(f"select i1 {inside}, double {values[0]}, double 0.0")
            at = self.lines.op(f"fptosi double {safe} to i64")
            at = self.lines.op(f"add i64 {at}, {base}")
            at = self.lines.op(f"mul i64 {at}, {LANES}")
            at = self.lines.op(f"add i64 {at}, {lane}")
            place = self.lines.op(f"getelementptr double, ptr %w, i64 {at}")
            value = self.lines.op(f"load double, ptr {place}, align 8")
            return self.lines.op(f"select i1 {inside}, double {value}, double {_bits(NOT_AVAILABLE)}")

        return self.lane_by_lane(pick, position)

    def vector(self, name: str, values: list[str]) -> str:
        """A function of vectors: its values are handed over in memory, lane after lane."""
        if self.lane is None and _MANY_VALUES < len(values) <= _MOST_VALUES:
            return self.large_vector(name, values)
        self.scratch = max(self.scratch, len(values))

        def call(lane: str, scalars: list[str]) -> str:
            for k, scalar in enumerate(scalars):
                place = self.lines.op(f"getelementptr double, ptr %scratch, i64 {k}")
                self.lines.add(f"store double {scalar}, ptr {place}, align 8")
            return self.lines.op(f"call double @{name}(ptr %scratch, i64 {len(values)})")

        return self.lane_by_lane(call, *values)

    def large_vector(self, name: str, values: list[str]) -> str:
        """The same for many values: all lanes are stored first, then copied in a loop, lane after lane.

        Written out lane by lane, a matrix of 22 rows takes the compiler ten seconds, one of 42 minutes.
        """
        lines, n = self.lines, len(values)
        results = n * (LANES + 1)
        self.scratch = max(self.scratch, results + LANES)
        for k, value in enumerate(values):
            place = lines.op(f"getelementptr double, ptr %scratch, i64 {n + k * LANES}")
            lines.add(f"store {self.type} {value}, ptr {place}, align 8")
        lane = lines.open_loop(str(LANES))
        one = lines.open_loop(str(n))
        row = lines.op(f"mul i64 {one.counter}, {LANES}")
        at = lines.op(f"add i64 {row}, {lane.counter}")
        at = lines.op(f"add i64 {at}, {n}")
        place = lines.op(f"getelementptr double, ptr %scratch, i64 {at}")
        scalar = lines.op(f"load double, ptr {place}, align 8")
        place = lines.op(f"getelementptr double, ptr %scratch, i64 {one.counter}")
        lines.add(f"store double {scalar}, ptr {place}, align 8")
        lines.close_loop(one)
        result = lines.op(f"call double @{name}(ptr %scratch, i64 {n})")
        at = lines.op(f"add i64 {lane.counter}, {results}")
        place = lines.op(f"getelementptr double, ptr %scratch, i64 {at}")
        lines.add(f"store double {result}, ptr {place}, align 8")
        lines.close_loop(lane)
        place = lines.op(f"getelementptr double, ptr %scratch, i64 {results}")
        return lines.op(f"load {self.type}, ptr {place}, align 8")

    def by_comparisons(self, start: str, n: int, x: str) -> str:
        """Choose the segment by one comparison a point, then hold outside."""

        def point(offset: int) -> str:
            at = self.lines.op(f"add i64 {start}, {offset}")
            place = self.lines.op(f"getelementptr double, ptr %tab, i64 {at}")
            return self.lines.splat(self.lines.op(f"load double, ptr {place}"))

        if n == 1:
            return point(1)
        x0, y0, slope = point(0), point(n), point(2 * n)
        inside_from = x0
        for j in range(1, n - 1):
            xj = point(j)
            passed = self.compare(">=", x, xj)
            x0 = self.choose(passed, xj, x0)
            y0 = self.choose(passed, point(n + j), y0)
            slope = self.choose(passed, point(2 * n + j), slope)
        value = self.arithmetic("+", self.arithmetic("*", slope, self.arithmetic("-", x, x0)), y0)
        value = self.choose(self.compare("<=", x, inside_from), point(n), value)
        return self.choose(self.compare(">=", x, point(n - 1)), point(2 * n - 1), value)


# Interpolation with Vensim's hold outside the points: see flows.engine.runtime.lookup.
_SCALAR_LOOKUP = """
define internal double @lookup(ptr noalias readonly %tab, i64 %start, i64 %n, double %x) noinline {
begin:
  %px = getelementptr double, ptr %tab, i64 %start
  %py = getelementptr double, ptr %px, i64 %n
  %ps = getelementptr double, ptr %py, i64 %n
  %last = sub i64 %n, 1
  %first.x = load double, ptr %px
  %below = fcmp ole double %x, %first.x
  br i1 %below, label %hold.first, label %test.last
hold.first:
  %first.y = load double, ptr %py
  ret double %first.y
test.last:
  %plx = getelementptr double, ptr %px, i64 %last
  %last.x = load double, ptr %plx
  %above = fcmp oge double %x, %last.x
  br i1 %above, label %hold.last, label %search
hold.last:
  %ply = getelementptr double, ptr %py, i64 %last
  %last.y = load double, ptr %ply
  ret double %last.y
search:
  %low = phi i64 [0, %test.last], [%low.next, %narrow]
  %high = phi i64 [%last, %test.last], [%high.next, %narrow]
  %gap = sub i64 %high, %low
  %more = icmp sgt i64 %gap, 1
  br i1 %more, label %narrow, label %found
narrow:
  %sum = add i64 %low, %high
  %middle = lshr i64 %sum, 1
  %pm = getelementptr double, ptr %px, i64 %middle
  %xm = load double, ptr %pm
  %right = fcmp ole double %xm, %x
  %low.next = select i1 %right, i64 %middle, i64 %low
  %high.next = select i1 %right, i64 %high, i64 %middle
  br label %search
found:
  %p0 = getelementptr double, ptr %px, i64 %low
  %x0 = load double, ptr %p0
  %p1 = getelementptr double, ptr %py, i64 %low
  %y0 = load double, ptr %p1
  %p2 = getelementptr double, ptr %ps, i64 %low
  %slope = load double, ptr %p2
  %dx = fsub double %x, %x0
  %rise = fmul double %slope, %dx
  %y = fadd double %rise, %y0
  ret double %y
}
"""


def _lane_lookup() -> str:
    vector = f"<{LANES} x double>"
    lines = [
        f"define internal {vector} @lookup_lanes(ptr noalias readonly %tab, ptr noalias readonly %info, "
        f"i64 %start, i64 %n, {vector} %x) noinline {{"
    ]
    result = "poison"
    for k in range(LANES):
        lines += [
            f"  %p{k} = getelementptr i64, ptr %info, i64 {k}",
            f"  %b{k} = load i64, ptr %p{k}",
            f"  %s{k} = add i64 %b{k}, %start",
            f"  %x{k} = extractelement {vector} %x, i64 {k}",
            f"  %y{k} = call double @lookup(ptr %tab, i64 %s{k}, i64 %n, double %x{k})",
            f"  %r{k} = insertelement {vector} {result}, double %y{k}, i64 {k}",
        ]
        result = f"%r{k}"
    return "\n".join([*lines, f"  ret {vector} {result}", "}"])


_LANE_LOOKUP = _lane_lookup()

_RUN = (
    "define void @run(ptr noalias %w, ptr noalias readonly %tab, ptr noalias readonly %info, ptr noalias %past, "
    "ptr noalias %saved, ptr noalias readonly %slots, i64 %n_now, i64 %n_late, "
    "ptr noalias readonly %times, ptr noalias readonly %steps, ptr noalias readonly %rows, i64 %points) {\nb0:\n"
    "  %t0 = load double, ptr %times\n  %dt0 = load double, ptr %steps\n"
    "  %n_slots = add i64 %n_now, %n_late\n"
)
_STEP_PARAMETERS = _PARAMETERS.replace("double %dt", "double %h, double %dt")
_STEP_ARGUMENTS = _ARGUMENTS.replace("double %dt", "double {h}, double {dt}")


def _loops(model: Model, places: Layout, method: Method) -> Iterator[str]:
    """The functions ``step`` and ``run``, and ``advance`` with an automatic step: see `flows.engine.integrate`."""
    yield _Step(places).text(_STEPS[method.step])
    if method.automatic:
        yield _Advance(places).text(tuple(tolerance(model, places, name) for name in TOLERANCES))
    yield _Run(places).text("advance" if method.automatic else "step")


class _Stocks:
    """Lines that work on all lanes of the stocks, and of what is kept of them on the way."""

    vector = f"<{LANES} x double>"

    def __init__(self, places: Layout) -> None:
        self.places = places
        self.lines = Lines()

    def call(self, phase: str, n: str, start: str, time: str) -> None:
        """Evaluate a phase."""
        self.lines.add(f"call void @{phase}({_ARGUMENTS.format(n=n, start=start, t=time)})")

    def place(self, slot: str, first: int = 0) -> str:
        """Pointer to all lanes of a slot counted from another."""
        at = self.lines.op(f"mul i64 {slot}, {LANES}")
        at = self.lines.op(f"add i64 {at}, {first * LANES}")
        return self.lines.op(f"getelementptr double, ptr %w, i64 {at}")

    def load(self, place: str) -> str:
        """All lanes of a slot."""
        return self.lines.op(f"load {self.vector}, ptr {place}, align {8 * LANES}")

    def store(self, value: str, place: str) -> None:
        """Store all lanes of a slot."""
        self.lines.add(f"store {self.vector} {value}, ptr {place}, align {8 * LANES}")

    def plus(self, value: str, factor: str, slope: str) -> str:
        """Value + factor * slope."""
        change = self.lines.op(f"fmul {self.vector} {factor}, {slope}")
        return self.lines.op(f"fadd {self.vector} {value}, {change}")

    def later(self, time: str, share: float, span: str) -> str:
        """Time + share * span, as scalars."""
        part = self.lines.op(f"fmul double {_bits(share)}, {span}")
        return self.lines.op(f"fadd double {time}, {part}")

    def each_stock(self, body: Callable[[str], None]) -> None:
        """A loop over the stocks."""
        inner = self.lines.open_loop(str(self.places.n_stocks), may_be_empty=True)
        body(inner.counter)
        self.lines.close_loop(inner)


class _Run(_Stocks):
    """The loop over time; saved values lie as (times, slots, lanes), those taken before the auxiliaries last."""

    def text(self, advance: str) -> str:
        """The function ``run``, with the function that goes on to the next time."""
        lines = self.lines
        lines.add(
            f"call void @initialize({_ARGUMENTS.format(n=0, start='%t0', t='%t0').replace('%dt', '%dt0')})"
        )
        loop = lines.open_loop("%points")
        n = loop.counter
        time, dt = (
            lines.op(f"load double, ptr {lines.op(f'getelementptr double, ptr %{array}, i64 {n}')}")
            for array in ("times", "steps")
        )
        row = lines.op(f"load i64, ptr {lines.op(f'getelementptr i64, ptr %rows, i64 {n}')}")
        arguments = _ARGUMENTS.format(n=n, start=time, t=time).replace("%dt", dt)
        self.save(row, "%n_now", "%n_late")
        lines.add(f"call void @auxiliaries({arguments})")
        self.save(row, "0", "%n_now")
        following = lines.op(f"add i64 {n}, 1")
        last = lines.op(f"icmp eq i64 {following}, %points")
        stepping, stepped = lines.label(), lines.label()
        lines.add(f"br i1 {last}, label %{stepped}, label %{stepping}")
        lines.begin(stepping)
        lines.add(f"call void @record({arguments})")
        lines.add(f"call void @{advance}({_STEP_ARGUMENTS.format(n=n, start=time, t=time, h=dt, dt=dt)})")
        lines.add(f"br label %{stepped}")
        lines.begin(stepped)
        lines.close_loop(loop)
        return _RUN + "\n".join(lines.texts) + "\n  ret void\n}"

    def save(self, row: str, first: str, count: str) -> None:
        """Copy wanted slots if this time is saved: `count` of them from `first` on."""
        lines = self.lines
        due = lines.op(f"icmp sge i64 {row}, 0")
        saving, saved = lines.label(), lines.label()
        lines.add(f"br i1 {due}, label %{saving}, label %{saved}")
        lines.begin(saving)
        row = lines.op(f"mul i64 {row}, %n_slots")
        inner = lines.open_loop(count, may_be_empty=True)
        column = lines.op(f"add i64 {inner.counter}, {first}")
        place = lines.op(f"getelementptr i64, ptr %slots, i64 {column}")
        slot = lines.op(f"load i64, ptr {place}")
        value = self.load(self.place(slot))
        at = lines.op(f"add i64 {row}, {column}")
        at = lines.op(f"mul i64 {at}, {LANES}")
        place = lines.op(f"getelementptr double, ptr %saved, i64 {at}")
        lines.add(f"store {self.vector} {value}, ptr {place}, align 8")
        lines.close_loop(inner)
        lines.add(f"br label %{saved}")
        lines.begin(saved)


class _Step(_Stocks):
    """One step of a length ``%h`` from ``%t`` on, where the auxiliaries are known."""

    def text(self, step: Callable[[_Step], None]) -> str:
        """The function ``step``."""
        step(self)
        body = "\n".join(self.lines.texts)
        return f"define internal void @step({_STEP_PARAMETERS}) {{\nb0:\n{body}\n  ret void\n}}"


def _euler(loop: _Step) -> None:
    """Euler's method."""
    places = loop.places
    loop.call("net_flows", "%n", "%start", "%t")
    step = loop.lines.splat("%h")

    def advance(k: str) -> None:
        stock = loop.place(k, places.stocks)
        net = loop.load(loop.place(k, places.net_flows))
        loop.store(loop.plus(loop.load(stock), step, net), stock)

    loop.each_stock(advance)


def _rk2(loop: _Step) -> None:
    """The Runge-Kutta method of second order, by the middle."""
    places, lines = loop.places, loop.lines
    base = places.net_flows + places.n_stocks
    loop.call("net_flows", "%n", "%start", "%t")
    half = lines.splat(lines.op("fmul double 0.5, %h"))
    step = lines.splat("%h")

    def to_middle(k: str) -> None:
        stock = loop.load(loop.place(k, places.stocks))
        loop.store(stock, loop.place(k, base))
        net = loop.load(loop.place(k, places.net_flows))
        loop.store(loop.plus(stock, half, net), loop.place(k, places.stocks))

    def whole(k: str) -> None:
        net = loop.load(loop.place(k, places.net_flows))
        loop.store(loop.plus(loop.load(loop.place(k, base)), step, net), loop.place(k, places.stocks))

    loop.each_stock(to_middle)
    middle = loop.later("%t", 0.5, "%h")
    loop.call("auxiliaries", "%n", "%start", middle)
    loop.call("net_flows", "%n", "%start", middle)
    loop.each_stock(whole)


def _rk4(loop: _Step) -> None:
    """The classical Runge-Kutta method of fourth order."""
    places, lines = loop.places, loop.lines
    base, slopes = places.net_flows + places.n_stocks, places.net_flows + 2 * places.n_stocks

    def begin(k: str) -> None:
        loop.store(loop.load(loop.place(k, places.stocks)), loop.place(k, base))
        loop.store("zeroinitializer", loop.place(k, slopes))

    loop.each_stock(begin)
    for share, weight, following in ((0.0, 1.0, 0.5), (0.5, 2.0, 0.5), (0.5, 2.0, 1.0), (1.0, 1.0, 0.0)):
        at = "%t"
        if share:
            at = loop.later("%t", share, "%h")
            loop.call("auxiliaries", "%n", "%start", at)
        loop.call("net_flows", "%n", "%start", at)
        ahead = lines.splat(lines.op(f"fmul double {_bits(following)}, %h"))
        factor = f"splat (double {_bits(weight)})"

        def advance(k: str, ahead: str = ahead, factor: str = factor) -> None:
            net = loop.load(loop.place(k, places.net_flows))
            total = loop.place(k, slopes)
            loop.store(loop.plus(loop.load(total), factor, net), total)
            moved = loop.plus(loop.load(loop.place(k, base)), ahead, net)
            loop.store(moved, loop.place(k, places.stocks))

        loop.each_stock(advance)
    sixth = lines.splat(lines.op("fdiv double %h, 6.0"))

    def finish(k: str) -> None:
        value = loop.plus(loop.load(loop.place(k, base)), sixth, loop.load(loop.place(k, slopes)))
        loop.store(value, loop.place(k, places.stocks))

    loop.each_stock(finish)


_STEPS = {"euler_step": _euler, "rk2_step": _rk2, "rk4_step": _rk4}


class _Advance(_Stocks):
    """One time step in as many parts as the tolerances ask for, in each lane by itself.

    Lanes walk through halves, quarters … together: a lane that has passed a part by a longer step gets its stocks back
    where the others try a shorter one. A lane's own place is counted in parts of the shortest length.
    """

    flags = f"<{LANES} x i1>"
    whole = f"<{LANES} x i64>"

    def text(self, tolerances: tuple[int | None, ...]) -> str:
        """The function ``advance``, with the slots of the tolerances."""
        lines, places, vector = self.lines, self.places, self.vector
        base, once = places.net_flows + 3 * places.n_stocks, places.net_flows + 4 * places.n_stocks
        absolute, relative = (
            f"splat (double {_bits(TOLERANCE)})" if slot is None else self.load(self.place(str(slot)))
            for slot in tolerances
        )
        bad_place = lines.op(f"alloca {self.whole}, align {8 * LANES}")
        lines.add("br label %part")
        lines.begin("part")
        k, level = "%k", "%level"
        lines.texts.append("")  # the phis, written when what follows is known
        phis = len(lines.texts) - 1
        parts = lines.op(f"uitofp i64 {lines.op(f'shl i64 1, {level}')} to double")
        h = lines.op(f"fdiv double %dt, {parts}")
        number = lines.op(f"uitofp i64 {k} to double")
        at = lines.op(f"fadd double %t, {lines.op(f'fmul double {number}, {h}')}")
        left = lines.op(f"sub i64 {LEVELS}, {level}")
        begin = lines.op(f"shl i64 {k}, {left}")
        span = lines.op(f"shl i64 1, {left}")

        def remember(i: str) -> None:
            self.store(self.load(self.place(i, places.stocks)), self.place(i, base))

        def go_back(i: str) -> None:
            self.store(self.load(self.place(i, places.stocks)), self.place(i, once))
            self.store(self.load(self.place(i, base)), self.place(i, places.stocks))

        def step(time: str, length: str) -> None:
            self.call("auxiliaries", "%n", "%start", time)
            lines.add(
                f"call void @step({_STEP_ARGUMENTS.format(n='%n', start='%start', t=time, h=length, dt='%dt')})"
            )

        self.each_stock(remember)
        step(at, h)
        self.each_stock(go_back)
        half = lines.op(f"fmul double {_bits(0.5)}, {h}")
        step(at, half)
        step(lines.op(f"fadd double {at}, {half}"), half)
        lines.add(f"store {self.whole} zeroinitializer, ptr {bad_place}, align {8 * LANES}")

        def compare(i: str) -> None:
            now, whole = self.load(self.place(i, places.stocks)), self.load(self.place(i, once))
            error = self.size(lines.op(f"fsub {vector} {now}, {whole}"))
            value = self.size(self.load(self.place(i, base)))
            allowed = lines.op(f"fmul {vector} {relative}, {value}")
            beyond = [lines.op(f"fcmp ogt {vector} {error}, {limit}") for limit in (absolute, allowed)]
            bad = lines.op(
                f"zext {self.flags} {lines.op(f'and {self.flags} {beyond[0]}, {beyond[1]}')} to {self.whole}"
            )
            known = lines.op(f"load {self.whole}, ptr {bad_place}, align {8 * LANES}")
            lines.add(
                f"store {self.whole} {lines.op(f'or {self.whole} {known}, {bad}')}, ptr {bad_place}, align {8 * LANES}"
            )

        self.each_stock(compare)
        known = lines.op(f"load {self.whole}, ptr {bad_place}, align {8 * LANES}")
        bad = lines.op(f"icmp ne {self.whole} {known}, zeroinitializer")
        here = lines.op(f"icmp eq {self.whole} %places, {self.all_lanes(begin)}")
        bad = lines.op(f"and {self.flags} {bad}, {here}")
        shortest = lines.op(f"icmp eq i64 {level}, {LEVELS}")
        # what can't be halved any more is taken as it is, and its time kept if it is the first
        unmet = self.place(str(places.unmet))
        first = lines.op(f"and {self.flags} {bad}, {self.all_flags(shortest)}")
        noted = self.load(unmet)
        never = lines.op(f"fcmp uno {vector} {noted}, {noted}")
        first = lines.op(f"and {self.flags} {first}, {never}")
        self.store(
            lines.op(f"select {self.flags} {first}, {vector} {lines.splat(at)}, {vector} {noted}"), unmet
        )
        longer = lines.op(f"xor i1 {shortest}, true")
        bad = lines.op(f"and {self.flags} {bad}, {self.all_flags(longer)}")
        good = lines.op(f"xor {self.flags} {bad}, splat (i1 true)")
        done = lines.op(f"and {self.flags} {here}, {good}")

        def settle(i: str) -> None:
            now, before = self.load(self.place(i, places.stocks)), self.load(self.place(i, base))
            kept = lines.op(f"select {self.flags} {done}, {vector} {now}, {vector} {before}")
            self.store(kept, self.place(i, places.stocks))

        self.each_stock(settle)
        moved = lines.op(f"add {self.whole} %places, {self.all_lanes(span)}")
        following = lines.op(f"select {self.flags} {done}, {self.whole} {moved}, {self.whole} %places")
        bits = lines.op(f"bitcast {self.flags} {bad} to i{LANES}")
        any_bad = lines.op(f"icmp ne i{LANES} {bits}, 0")
        # the left half of this part; or the next part of the greatest length that begins where this one ends
        next_k = lines.op(f"add i64 {k}, 1")
        zeros = lines.op(f"call i64 @llvm.cttz.i64(i64 {next_k}, i1 true)")
        fewer = lines.op(f"icmp ult i64 {zeros}, {level}")
        up = lines.op(f"select i1 {fewer}, i64 {zeros}, i64 {level}")
        right, right_level = lines.op(f"lshr i64 {next_k}, {up}"), lines.op(f"sub i64 {level}, {up}")
        left_k, left_level = lines.op(f"shl i64 {k}, 1"), lines.op(f"add i64 {level}, 1")
        k_after = lines.op(f"select i1 {any_bad}, i64 {left_k}, i64 {right}")
        level_after = lines.op(f"select i1 {any_bad}, i64 {left_level}, i64 {right_level}")
        over = lines.op(f"icmp eq i64 {level_after}, 0")
        lines.texts[phis] = "\n".join(
            f"  {name} = phi {kind} [{zero}, %b0], [{after}, %{lines.block}]"
            for name, kind, zero, after in (
                (k, "i64", "0", k_after),
                (level, "i64", "0", level_after),
                ("%places", self.whole, "zeroinitializer", following),
            )
        )
        lines.add(f"br i1 {over}, label %out, label %part")
        lines.begin("out")
        body = "\n".join(lines.texts)
        return f"define internal void @advance({_STEP_PARAMETERS}) {{\nb0:\n{body}\n  ret void\n}}"

    def size(self, value: str) -> str:
        """Absolute values."""
        return self.lines.op(f"call {self.vector} @llvm.fabs.v{LANES}f64({self.vector} {value})")

    def all_lanes(self, value: str) -> str:
        """A whole number in all lanes."""
        one = self.lines.op(f"insertelement {self.whole} poison, i64 {value}, i64 0")
        return self.lines.op(
            f"shufflevector {self.whole} {one}, {self.whole} poison, <{LANES} x i32> zeroinitializer"
        )

    def all_flags(self, value: str) -> str:
        """A condition in all lanes."""
        one = self.lines.op(f"insertelement {self.flags} poison, i1 {value}, i64 0")
        return self.lines.op(
            f"shufflevector {self.flags} {one}, {self.flags} poison, <{LANES} x i32> zeroinitializer"
        )
