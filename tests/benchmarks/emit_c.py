"""The rival: one run at a time in plain C, printed from the same representation as the engine's own code.

What a careful person would write by hand: local names for what is read twice, ternaries for MIN, MAX and IF THEN ELSE,
binary search in lookups, the C library's exp, log and pow; `gcc -O3 -march=native` does the rest. Time-only work is
taken out of loops by the same `flows.engine.hoist` that serves the engine.
"""

from __future__ import annotations

import ctypes
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from flows.engine.emit import Address
from flows.engine.emit_text import TextBody
from flows.engine.kernel import Job, Program
from flows.engine.schedule import STATEMENTS, Group, groups
from flows.model.order import Node

FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")

_HEAD = """
#include <math.h>
#include <stdint.h>
typedef int64_t whole;
static double lookup(const double *restrict tab, whole n, double x) {
  if (x <= tab[0]) return tab[n];
  if (x >= tab[n - 1]) return tab[2 * n - 1];
  whole low = 0, high = n - 1;
  while (high - low > 1) {
    whole middle = (low + high) >> 1;
    if (tab[middle] <= x) low = middle; else high = middle;
  }
  return tab[2 * n + low] * (x - tab[low]) + tab[n + low];
}
"""
_ARGUMENTS = (
    "double *restrict w, const double *restrict tab, double *restrict past, "
    "whole n, double start, double t, double dt"
)
_RUN = """
void run(double *restrict w, const double *restrict tab, double *restrict past, double *restrict out,
         const whole *restrict slots, whole n_slots, double t0, double dt, whole steps, whole save_steps) {{
  initialize(w, tab, past, 0, t0, t0, dt);
  for (whole n = 0; n <= steps; n++) {{
    double t = t0 + (double)n * dt;
    auxiliaries(w, tab, past, n, t, t, dt);
    if (n % save_steps == 0)
      for (whole k = 0; k < n_slots; k++) *out++ = w[slots[k]];
    if (n < steps) {{
      record(w, tab, past, n, t, t, dt);
      net_flows(w, tab, past, n, t, t, dt);
      for (whole k = 0; k < {n_stocks}; k++) w[{stocks} + k] += dt * w[{net_flows} + k];
    }}
  }}
}}
"""


class CBody(TextBody):
    """Values are C expressions; a choice is a ternary."""

    NAMED = "const double {name} = {value};"

    def __init__(self, program: Program, names: dict[str, str], tables: dict[tuple[int, ...], str]) -> None:
        super().__init__(program.model, program.layout, names, tables)

    def write(self, address: Address, value: str) -> str:
        name = self.keep(f"({value})")
        self.lines.append(f"w[{self.index_text(address)}] = {name};")
        return name

    def record(self, address: Address, value: str) -> None:
        columns = self.places.n_histories
        self.lines.append(f"past[n * {columns} + {self.index_text(address)}] = {value};")

    def recall(self, address: Address, lag: str, otherwise: str) -> str:
        columns, lag = self.places.n_histories, self.keep(lag)
        row = f"past[(n - (whole){lag}) * {columns} + {self.index_text(address)}]"
        return f"(n >= {lag} ? {row} : {otherwise})"

    def counter(self, address: Address) -> str:
        return f"((double)({self.index_text(address)}))"

    def arithmetic(self, operator: str, left: str, right: str) -> str:
        return self.shallow(f"({left} {operator} {right})")

    def compare(self, operator: str, left: str, right: str) -> str:
        return f"({left} {operator} {right})"

    def both(self, operator: str, left: str, right: str) -> str:
        return f"({left} {'&&' if operator == 'and' else '||'} {right})"

    def negation(self, condition: str) -> str:
        return f"(!{condition})"

    def choose(self, condition: str, yes: str, no: str) -> str:
        return f"({condition} ? {yes} : {no})"

    def function(self, name: str, *arguments: str) -> str:
        name = {"abs": "fabs", "power": "pow"}.get(name, name)
        return f"{name}({', '.join(arguments)})"

    def interpolate(self, entry: Any, argument: str, mode: str) -> str:
        if mode:
            raise NotImplementedError(mode)
        if len(entry) == 2:
            start, points = str(entry[0]), entry[1]
        else:
            at, points, starts = entry
            start = f"{self.position_table(starts)}[{self.index_text(at)}]"
        return self.keep(f"lookup(tab + {start}, {points}, {argument})")

    def element(self, base: int, size: int, position: str) -> str:
        raise NotImplementedError("VECTOR ELM MAP")

    def vector(self, name: str, values: list[str]) -> str:
        raise NotImplementedError(name)


def source(program: Program) -> str:
    """The translation unit of a model."""
    tables: dict[tuple[int, ...], str] = {}
    plan, places = program.plan, program.layout
    phases = [
        _phase("initialize", plan.initial, program, tables, initial=True),
        _phase("auxiliaries", plan.dynamic, program, tables),
        _phase("net_flows", plan.stocks, program, tables, net=True),
        _phase("record", plan.histories, program, tables, net=True),
    ]
    positions = [
        f"static const whole {name}[] = {{{', '.join(map(str, values))}}};" for values, name in tables.items()
    ]
    run = _RUN.format(n_stocks=places.n_stocks, stocks=places.stocks, net_flows=places.net_flows)
    return "\n".join([_HEAD, *positions, *phases, run])


def _phase(
    name: str,
    nodes: tuple[Node, ...],
    program: Program,
    tables: dict[tuple[int, ...], str],
    *,
    initial: bool = False,
    net: bool = False,
) -> str:
    pieces: list[list[str]] = [[]]
    for group in groups(nodes, {}, unordered=net):
        lines = _group(group, program, tables, initial=initial, net=net)
        if pieces[-1] and len(pieces[-1]) + len(lines) > 4 * STATEMENTS:
            pieces.append([])
        pieces[-1].extend(lines)
    texts = []
    for i, lines in enumerate(pieces):
        texts.append(f"static void {name}_{i}({_ARGUMENTS}) {{\n" + "\n".join(lines) + "\n}")
    calls = "\n".join(f"  {name}_{i}(w, tab, past, n, start, t, dt);" for i in range(len(pieces)))
    return "\n".join([*texts, f"static void {name}({_ARGUMENTS}) {{\n{calls}\n}}"])


def _group(
    group: Group, program: Program, tables: dict[tuple[int, ...], str], *, initial: bool, net: bool
) -> list[str]:
    names = {index: f"i{depth}" for depth, (index, _) in enumerate(group.loops)}
    body = CBody(program, names, tables)
    for node in group.nodes:
        body.assign(node, initial=initial, net=net)
    heads = [
        f"for (whole i{depth} = 0; i{depth} < {len(elements)}; i{depth}++) {{"
        for depth, (_, elements) in enumerate(group.loops)
    ]
    return ["{", *heads, *body.lines, *["}"] * len(heads), "}"]


class CKernel:
    """A compiled model; `seconds` is what the compiler took."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        text, library = folder / "model.c", folder / "model.so"
        text.write_text(source(program), encoding="utf-8")
        start = time.perf_counter()
        subprocess.run(["gcc", *FLAGS, "-o", str(library), str(text), "-lm"], check=True)
        self.seconds = time.perf_counter() - start
        self.run = ctypes.CDLL(str(library)).run
        self.run.argtypes = [
            *[ctypes.c_void_p] * 5,
            ctypes.c_int64,
            ctypes.c_double,
            ctypes.c_double,
            ctypes.c_int64,
            ctypes.c_int64,
        ]
        self.run.restype = None

    def compute(self, job: Job, *, threads: int = 1) -> np.ndarray:
        """Like `flows.engine.kernel.compute`."""
        out = np.empty(job.shape)
        template = np.array(self.program.layout.template)
        tables, slots = np.ascontiguousarray(job.tables), np.ascontiguousarray(job.slots)
        grid = job.grid
        points = len(grid.times)
        saved_at = np.flatnonzero(grid.rows >= 0)
        save_steps = int(saved_at[1]) if len(saved_at) > 1 else points
        runs, lock = iter(range(len(job.values))), threading.Lock()

        def work() -> None:
            workspace = np.empty_like(template)
            past = np.empty(points * max(self.program.layout.n_histories, 1))
            while True:
                with lock:
                    run = next(runs, None)
                if run is None:
                    return
                workspace[:] = template
                workspace[job.index] = job.values[run]
                table, saved = tables[min(run, len(tables) - 1)], out[run]
                pointers = [a.ctypes.data for a in (workspace, table, past, saved, slots)]
                self.run(*pointers, len(slots), grid.times[0], grid.steps[0], points - 1, save_steps)

        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(work) for _ in range(threads)]:
                future.result()
        return out
