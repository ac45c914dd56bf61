"""A model as one module of LLVM's assembly language: phases cut into functions, tables, loops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from flows.engine.hoist import exogenous
from flows.engine.layout import Layout, Method
from flows.engine.llvm.body import LlvmBody
from flows.engine.llvm.lines import Lines
from flows.engine.llvm.lookup import LANE_LOOKUP, SCALAR_LOOKUP
from flows.engine.llvm.loops import loops
from flows.engine.llvm.signature import ARGUMENTS, LANES, PARAMETERS
from flows.engine.llvm.translate import translate
from flows.engine.llvm.vectormath import emit_functions
from flows.engine.runtime import COMPILED, HELPERS, NAN, NOT_AVAILABLE
from flows.engine.schedule import STATEMENTS, Group, groups
from flows.model.model import Model
from flows.model.order import Node, Plan

_SUMS_AND_PRODUCTS = re.compile(r"= (fadd|fsub|fmul) ")


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
            *loops(model, places, method),
        ]
        positions = [
            f"@{name} = private constant [{len(values)} x i64] [{', '.join(f'i64 {v}' for v in values)}]"
            for values, name in self.tables.items()
        ]
        whole = "\n".join(parts)
        functions = library() if any(f"@{name}(" in whole for name in COMPILED) else ()
        self.text = "\n".join(
            [*positions, emit_functions(LANES), SCALAR_LOOKUP, LANE_LOOKUP, *functions, whole]
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
            f"  call void @{f.name}({ARGUMENTS.format(n='%n', start='%start', t='%t')})" for f in functions
        )
        whole = f"define internal void @{name}({PARAMETERS}) {{\n{calls}\n  ret void\n}}"
        return "\n".join([*(f.text() for f in functions), whole])


@cache
def library() -> tuple[str, ...]:
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
            f"define internal void @{self.name}({PARAMETERS}) noinline {{\nentry:\n{scratch}"
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
