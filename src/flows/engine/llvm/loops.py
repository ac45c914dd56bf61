"""The loops of integration around a model's phases: what `flows.engine.integrate` does, for all lanes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flows.engine.layout import LEVELS, TOLERANCE, TOLERANCES, Layout, Method, tolerance
from flows.engine.llvm.lines import Lines, literal
from flows.engine.llvm.signature import ARGUMENTS, LANES, PARAMETERS
from flows.model.model import Model

_RUN = (
    "define void @run(ptr noalias %w, ptr noalias readonly %tab, ptr noalias readonly %info, ptr noalias %past, "
    "ptr noalias %saved, ptr noalias readonly %slots, i64 %n_now, i64 %n_late, "
    "ptr noalias readonly %times, ptr noalias readonly %steps, ptr noalias readonly %rows, i64 %points) {\nb0:\n"
    "  %t0 = load double, ptr %times\n  %dt0 = load double, ptr %steps\n"
    "  %n_slots = add i64 %n_now, %n_late\n"
)
_STEP_PARAMETERS = PARAMETERS.replace("double %dt", "double %h, double %dt")
_STEP_ARGUMENTS = ARGUMENTS.replace("double %dt", "double {h}, double {dt}")


def loops(model: Model, places: Layout, method: Method) -> Iterator[str]:
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
        self.lines.add(f"call void @{phase}({ARGUMENTS.format(n=n, start=start, t=time)})")

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
        part = self.lines.op(f"fmul double {literal(share)}, {span}")
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
            f"call void @initialize({ARGUMENTS.format(n=0, start='%t0', t='%t0').replace('%dt', '%dt0')})"
        )
        loop = lines.open_loop("%points")
        n = loop.counter
        time, dt = (
            lines.op(f"load double, ptr {lines.op(f'getelementptr double, ptr %{array}, i64 {n}')}")
            for array in ("times", "steps")
        )
        row = lines.op(f"load i64, ptr {lines.op(f'getelementptr i64, ptr %rows, i64 {n}')}")
        arguments = ARGUMENTS.format(n=n, start=time, t=time).replace("%dt", dt)
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
        ahead = lines.splat(lines.op(f"fmul double {literal(following)}, %h"))
        factor = f"splat (double {literal(weight)})"

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
            f"splat (double {literal(TOLERANCE)})" if slot is None else self.load(self.place(str(slot)))
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
        half = lines.op(f"fmul double {literal(0.5)}, {h}")
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
