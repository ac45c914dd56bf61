"""Equations as instructions, for all lanes of a vector or for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flows.engine.emit import Address, Body
from flows.engine.llvm.lines import Lines, literal
from flows.engine.llvm.signature import LANES
from flows.engine.runtime import LOOKUP_NAMES, NOT_AVAILABLE

if TYPE_CHECKING:
    from flows.engine.llvm.source import Source


_COMPARE = {"==": "oeq", "!=": "une", "<": "olt", "<=": "ole", ">": "ogt", ">=": "oge"}
_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_SHORT_TABLE = 32
_MANY_VALUES = 64  # of a function of vectors, beyond which they are copied in a loop
_MOST_VALUES = 6_000  # that lie on the stack for all lanes
INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "trunc": "trunc", "floor": "floor"}
LIBRARY = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan")


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
        text = literal(value)
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
            return self.lines.op(f"select i1 {inside}, double {value}, double {literal(NOT_AVAILABLE)}")

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
