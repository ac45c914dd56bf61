"""A model → a kernel that runs: interpreted Python for one run, machine code for many."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.engine import emit_python, runtime
from flows.engine.hoist import hoist
from flows.engine.layout import Layout, layout
from flows.errors import UnsupportedError
from flows.model.ir import deep
from flows.model.model import Model
from flows.model.order import Plan, causes, keeps_its_last_value, plan

METHODS = {"euler": "euler", "rk4": "rk4", "rk4 auto": "rk4"}
"""Integration method as a file names it → how it is run: an automatic step is run as a fixed one."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """What a kernel is asked to run.

    Attributes
    ----------
    values : array, shape (runs, overridden slots)
        Values put into the slots `index` before a run.
    index : array of int, shape (overridden slots,)
    tables : array, shape (table sets, table array)
        Lookup points: one set for all runs, or one for each.
    start, step : float
        Initial time and time step, in model time.
    steps, save_steps : int
        Number of steps; steps between saved values.
    slots : array of int, shape (saved slots,)
    """

    values: Floats
    index: Integers
    tables: Floats
    start: float
    step: float
    steps: int
    save_steps: int
    slots: Integers

    @property
    def shape(self) -> tuple[int, int, int]:
        """Runs, saved times, saved slots."""
        return len(self.values), self.steps // self.save_steps + 1, len(self.slots)


@dataclass(frozen=True, eq=False)
class Program:
    """A model made ready for the engine: time-only work taken out, equations ordered, slots given.

    Attributes
    ----------
    model : Model
        With the hidden variables of `flows.engine.hoist`.
    plan : flows.model.order.Plan
    layout : flows.engine.layout.Layout
    method : str
        Integration method.
    own_tables : bool
        True if lookup points differ between runs.
    fast : bool
        True if machine code may round a product and a sum together.
    """

    model: Model
    plan: Plan
    layout: Layout
    method: str
    own_tables: bool
    fast: bool = False

    @cached_property
    def template(self) -> Floats:
        """The workspace of one run before it starts."""
        return np.array(self.layout.template)


_programs: weakref.WeakKeyDictionary[Model, dict[tuple[object, ...], Program]] = weakref.WeakKeyDictionary()


@deep
def prepare(
    model: Model,
    *,
    method: str,
    own_tables: bool = False,
    wanted: frozenset[str] | None = None,
    fast: bool = False,
) -> Program:
    """Make a model ready for the engine; a model that was asked for the same before is not made ready again.

    Parameters
    ----------
    model : Model
    method : str
        Integration method.
    own_tables : bool
        Let each run have lookup points of its own.
    wanted : frozenset of str, optional
        Folded names of the variables whose values are asked for; default: all.
    fast : bool
        Let machine code round a product and a sum together.

    Raises
    ------
    ModelError
        If its equations depend on each other in a circle.
    UnsupportedError
        For an integration method that is not compiled.
    """
    if method not in METHODS:
        raise UnsupportedError(
            f'the integration method "{method}" isn\'t supported yet',
            where=str(model.path),
            expected=" or ".join(dict.fromkeys(METHODS.values())),
            remedy="Choose it with method= or in the file's settings",
        )
    method = METHODS[method]
    known = _programs.setdefault(model, {})
    key = (method, own_tables, wanted, fast)
    if key not in known:
        for v in model.variables.values() if method != "euler" else ():
            if keeps_its_last_value(v):
                raise UnsupportedError(f"{v.spelling} isn't supported under {method}", where=model.where(v))
        _refuse(model, wanted)
        hoisted = hoist(model)
        known[key] = Program(hoisted, plan(hoisted, wanted), layout(hoisted), method, own_tables, fast)
    return known[key]


def _refuse(model: Model, wanted: frozenset[str] | None) -> None:
    """Name the first construct that isn't compiled among what is asked for and its causes."""
    refused = model.refused
    needed = causes(model.variables, model.variables if wanted is None else wanted) if refused else set()
    for name, error in refused.items():
        if name in needed:
            raise error


@deep
def interpret(program: Program, job: Job) -> Floats:
    """Run as plain Python: no wait for a compiler, some thousand times slower a run.

    Returns
    -------
    array, shape (runs, saved times, saved slots)
    """
    out = np.empty(job.shape)
    try:
        _interpret(program, job, out, safe=False)
    except (ArithmeticError, ValueError):  # plain Python raises where floating point gives NaN or infinity
        _interpret(program, job, out, safe=True)
    return out


def _interpret(program: Program, job: Job, out: Floats, *, safe: bool) -> None:
    text = emit_python.source(program.model, program.plan, program.layout, method=program.method, safe=safe)
    guard: Callable[[Any], Any] = runtime.guarded if safe else (lambda f: f)
    namespace: dict[str, Any] = {name: guard(f) for name, f in runtime.FUNCTIONS.items()}
    namespace |= {"lookup": runtime.lookup, "safe_div": runtime.safe_div, "element": runtime.element}
    namespace |= runtime.VECTORS | {runtime.LOOKUP_NAMES[m]: f for m, f in runtime.LOOKUPS.items()}
    exec(compile(text, "<kernel>", "exec"), namespace)  # text made of slots and generated names alone
    slots = job.slots.tolist()
    for run, values in enumerate(job.values.tolist()):
        workspace = list(program.layout.template)
        for slot, value in zip(job.index.tolist(), values, strict=True):
            workspace[slot] = value
        tables = job.tables[min(run, len(job.tables) - 1)].tolist()
        rows: list[list[float]] = []

        def save(w: list[float], rows: list[list[float]] = rows) -> None:
            rows.append([w[k] for k in slots])

        past: list[list[float]] = [[] for _ in range(program.layout.n_histories)]
        namespace[program.method](
            workspace, tables, past, job.start, job.step, job.steps, job.save_steps, save
        )
        out[run] = np.array(rows).reshape(out.shape[1:])


def compute(program: Program, job: Job, *, threads: int = 1) -> Floats:
    """Run as machine code, blocks of runs spread over threads; results don't depend on their number.

    Returns
    -------
    array, shape (runs, saved times, saved slots)
    """
    from flows.engine import native
    from flows.engine.emit_llvm import LANES

    code = native.kernel(program)
    out = np.empty(job.shape)
    blocks = iter(range(0, len(job.values), LANES))
    lock = threading.Lock()

    def work() -> None:
        run_block = code.worker(job)
        while True:
            with lock:  # a thread that is held up leaves blocks to the others
                first = next(blocks, None)
            if first is None:
                return
            run_block(first, out)

    threads = min(threads, -(-len(job.values) // LANES))
    if threads <= 1:
        work()
    else:
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(work) for _ in range(threads)]:
                future.result()
    return out
