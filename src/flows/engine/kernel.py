"""A model → a kernel that runs: interpreted Python for one run, machine code for many."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.engine import emit_python, runtime
from flows.engine.hoist import hoist
from flows.engine.layout import METHODS, TOLERANCES, Layout, Method, layout
from flows.errors import UnsupportedError
from flows.model.ir import deep
from flows.model.model import Model
from flows.model.order import Plan, causes, keeps_its_last_value, plan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The times of a run.

    Attributes
    ----------
    times : array, shape (times,)
        Model time at the start of each step, and at the end of the last.
    steps : array, shape (times,)
        Time step from each time on.
    rows : array of int, shape (times,)
        Row of the results in which a time's values are saved; -1 for none.
    """

    times: Floats
    steps: Floats
    rows: Integers

    @classmethod
    def even(cls, start: float, step: float, steps: int, save_steps: int = 1) -> Grid:
        """Equal steps; saved are the first time and every `save_steps`-th."""
        saved = np.arange(steps + 1) % save_steps == 0
        return cls.of(start + step * np.arange(steps + 1, dtype=np.float64), np.full(steps + 1, step), saved)

    @classmethod
    def of(cls, times: Floats, steps: Floats, saved: NDArray[np.bool_]) -> Grid:
        """A grid from which some times are saved."""
        return cls(times, steps, np.where(saved, np.cumsum(saved) - 1, -1).astype(np.int64))

    @property
    def saved(self) -> Floats:
        """The times that are saved."""
        return self.times[self.rows >= 0]


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
    grid : Grid
        The times.
    slots : array of int, shape (saved slots,)
    late : array of bool, shape (saved slots,)
        The slots of auxiliaries: with difference equations these are saved as they led to the stocks.
    """

    values: Floats
    index: Integers
    tables: Floats
    grid: Grid
    slots: Integers
    late: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Runs, saved times, saved slots."""
        return len(self.values), int(self.grid.rows.max()) + 1, len(self.slots)

    def order(self, *, late: bool) -> Integers:
        """The slots' order of saving: late ones last."""
        return np.argsort(self.late & late, kind="stable")


@dataclass(frozen=True, eq=False)
class Program:
    """A model made ready for the engine: time-only work taken out, equations ordered, slots given.

    Attributes
    ----------
    model : Model
        With the hidden variables of `flows.engine.hoist`.
    plan : flows.model.order.Plan
    layout : flows.engine.layout.Layout
    method : flows.engine.layout.Method
        Integration method.
    own_tables : bool
        True if lookup points differ between runs.
    fast : bool
        True if machine code may round a product and a sum together.
    """

    model: Model
    plan: Plan
    layout: Layout
    method: Method
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
            expected=", ".join(METHODS),
            remedy="Choose it with method= or in the file's settings",
        )
    how = METHODS[method]
    known = _programs.setdefault(model, {})
    key = (how, own_tables, wanted, fast)
    if key not in known:
        for v in model.variables.values() if method.startswith("rk") else ():
            if keeps_its_last_value(v):
                raise UnsupportedError(
                    f"{v.spelling} isn't supported under {method}",
                    where=model.where(v),
                    remedy="Use Euler's method",
                )
        _refuse(model, wanted)
        if wanted is not None and how.automatic:
            wanted |= set(TOLERANCES)
        hoisted = hoist(model)
        known[key] = Program(hoisted, plan(hoisted, wanted), layout(hoisted, how), how, own_tables, fast)
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


def _namespace(program: Program, *, safe: bool) -> dict[str, Any]:
    """What the generated Python defines."""
    text = emit_python.source(program.model, program.plan, program.layout, method=program.method, safe=safe)
    guard: Callable[[Any], Any] = runtime.guarded if safe else (lambda f: f)
    namespace: dict[str, Any] = {name: guard(f) for name, f in runtime.FUNCTIONS.items()}
    namespace |= {"lookup": runtime.lookup, "safe_div": runtime.safe_div, "element": runtime.element}
    namespace |= runtime.VECTORS | {runtime.LOOKUP_NAMES[m]: f for m, f in runtime.LOOKUPS.items()}
    exec(compile(text, "<kernel>", "exec"), namespace)  # text made of slots and generated names alone
    return namespace


def _interpret(program: Program, job: Job, out: Floats, *, safe: bool) -> None:
    namespace = _namespace(program, safe=safe)
    late = job.late & program.method.late
    columns = [np.flatnonzero(chosen).tolist() for chosen in (late, ~late)]
    slots, rows = job.slots.tolist(), job.grid.rows.tolist()
    drive = namespace["automatic" if program.method.automatic else "fixed"]
    for run, values in enumerate(job.values.tolist()):
        workspace = list(program.layout.template)
        for slot, value in zip(job.index.tolist(), values, strict=True):
            workspace[slot] = value
        tables = job.tables[min(run, len(job.tables) - 1)].tolist()

        def save(n: int, w: list[float], chosen: list[int], block: Floats = out[run]) -> None:
            if rows[n] >= 0:
                for k in chosen:
                    block[rows[n], k] = w[slots[k]]

        before, after = (partial(save, chosen=chosen) for chosen in columns)
        past: list[list[float]] = [[] for _ in range(program.layout.n_histories)]
        drive(workspace, tables, past, job.grid.times.tolist(), job.grid.steps.tolist(), before, after)


@deep
def stepper(
    program: Program, given: Mapping[int, float]
) -> Callable[[int, float, float, bool], Sequence[float]]:
    """A run of plain Python whose times are chosen as it goes.

    Parameters
    ----------
    program : Program
        Without stocks and histories.
    given : mapping of int to float
        Values put into slots before the run.

    Returns
    -------
    callable
        Takes the number of a time, the time, the time step, and whether initial values are to be worked out; returns
        the workspace at that time.
    """
    namespace = _namespace(program, safe=True)
    workspace = list(program.layout.template)
    for slot, value in given.items():
        workspace[slot] = value
    tables = list(program.layout.table_values)

    def at(n: int, t: float, dt: float, first: bool) -> Sequence[float]:
        for phase in ("initialize", "auxiliaries") if first else ("auxiliaries",):
            namespace[phase](workspace, tables, [], n, t, t, dt)
        return workspace

    return at


def compute(program: Program, job: Job, *, threads: int = 1) -> Floats:
    """Run as machine code, blocks of runs spread over threads; results don't depend on their number.

    Returns
    -------
    array, shape (runs, saved times, saved slots)
    """
    from flows.engine import native
    from flows.engine.llvm import LANES

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
