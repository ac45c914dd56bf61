"""Generated source → a kernel that runs: plain Python for one run, Numba for many, compiled code cached by content."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.engine import emit, integrate, runtime
from flows.engine.hoist import hoist
from flows.model.model import Model
from flows.model.order import Plan, plan

LANES = 8
_MATH = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "sqrt")
_NUMBA_HEAD = f"""\
from math import {", ".join(_MATH)}

import numba
import numpy as np
from flows.engine import runtime


def njit(function):
    return numba.njit(error_model="numpy", nogil=True, cache=True)(function)


def _inline(function):
    return numba.njit(error_model="numpy", forceinline=True)(function)


{chr(10).join(f"{f.__name__} = _inline(runtime.{f.__name__})" for f in runtime.SCALAR)}
lookup = numba.njit(error_model="numpy")(runtime.lookup)
from flows.engine.vectormath import exp, log, power
"""


@dataclass(frozen=True)
class Kernel:
    """A model compiled for many runs, or interpreted for one.

    Attributes
    ----------
    layout : flows.engine.emit.Layout
        Slots of the workspace.
    run_blocks : callable
        See `flows.engine.integrate.run_blocks`.
    lanes : int
        Runs a block.
    """

    layout: emit.Layout
    run_blocks: Callable[..., None]
    lanes: int
    source: str

    def run(
        self,
        values: NDArray[np.float64],
        index: NDArray[np.int64],
        tables: NDArray[np.float64],
        bases: NDArray[np.int64],
        *,
        start: float,
        step: float,
        steps: int,
        save_steps: int,
        slots: NDArray[np.int64],
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Run the model once for each row of `values`.

        Parameters
        ----------
        values : array, shape (runs, overridden slots)
            Values put into the slots `index` before a run.
        index : array of int, shape (overridden slots,)
        tables : array, shape (table sets * points,)
            Lookup points; `bases` says where each run's set begins.
        bases : array of int, shape (runs,)
        start, step : float
            Initial time and time step, in model time.
        steps, save_steps : int
            Number of steps; steps between saved values.
        slots : array of int, shape (saved slots,)
        threads : int
            Threads to spread blocks over; results don't depend on it.

        Returns
        -------
        array, shape (runs, saved times, saved slots)
        """
        runs = len(values)
        out = np.empty((runs, steps // save_steps + 1, len(slots)))
        template = np.array(self.layout.template)
        blocks = -(-runs // self.lanes)
        edges = np.linspace(0, blocks, min(threads, blocks) + 1).astype(int)

        def part(k: int) -> None:
            self.run_blocks(
                template,
                values,
                index,
                tables,
                bases,
                out,
                start,
                step,
                steps,
                save_steps,
                slots,
                edges[k],
                edges[k + 1],
            )

        if len(edges) == 2:
            part(0)
        else:
            with ThreadPoolExecutor(len(edges) - 1) as pool:
                list(pool.map(part, range(len(edges) - 1)))
        return out


def cache_folder() -> Path:
    """Folder of compiled kernels: ``FLOWS_CACHE``, else the user's cache folder, else a temporary one."""
    import platformdirs

    folder = Path(os.environ.get("FLOWS_CACHE") or platformdirs.user_cache_dir("flows")) / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        folder = Path(tempfile.gettempdir()) / "flows-kernels"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Program:
    """A model made ready for the engine: time-only work taken out, equations ordered, slots given.

    Attributes
    ----------
    model : Model
        With the hidden variables of `flows.engine.hoist`.
    plan : flows.model.order.Plan
    layout : flows.engine.emit.Layout
    method : str
        Integration method.
    own_tables : bool
        True if lookup points differ between runs.
    """

    model: Model
    plan: Plan
    layout: emit.Layout
    method: str
    own_tables: bool

    def source(self, *, lanes: int, safe: bool = False) -> str:
        """Emit the kernel's source."""
        return emit.source(
            self.model,
            self.plan,
            self.layout,
            lanes=lanes,
            method=self.method,
            own_tables=self.own_tables,
            safe=safe,
        )

    @cached_property
    def compiled_source(self) -> str:
        """Source of the compiled kernel."""
        return _NUMBA_HEAD + self.source(lanes=LANES)

    @cached_property
    def digest(self) -> str:
        """Key of the compiled kernel in the cache.

        It covers the generated source, this engine's run-time sources and the versions of Python, Numba and NumPy;
        Numba itself adds the processor.
        """
        parts = [self.compiled_source, inspect.getsource(runtime), inspect.getsource(integrate)]
        parts += [(Path(__file__).parent / "vectormath.py").read_text(encoding="utf-8"), sys.version]
        parts += [version("numba"), version("numpy")]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]

    @property
    def is_cached(self) -> bool:
        """True if the compiled kernel can be had without compiling."""
        cache = cache_folder() / "__pycache__"
        return self.digest in _loaded or any(cache.glob(f"k{self.digest}.run_blocks*.nbi"))


def prepare(model: Model, *, method: str, own_tables: bool = False) -> Program:
    """Make a model ready for the engine; `own_tables` lets each run have lookup points of its own.

    Raises
    ------
    ModelError
        If its equations depend on each other in a circle.
    """
    model = hoist(model)
    return Program(model, plan(model), emit.layout(model), method, own_tables)


def interpreted(program: Program, *, safe: bool = False) -> Kernel:
    """Make a kernel that runs as plain Python: no wait for a compiler, some 1,000 times slower a run."""
    text = program.source(lanes=1, safe=safe)
    text = text.replace("w = np.empty(SLOTS * LANES)", "w = [0.0] * SLOTS")
    namespace: dict[str, Any] = {"np": np, "njit": lambda f: f, "safe_div": runtime.safe_div}
    for name in _MATH:
        function = getattr(math, name)
        namespace[name] = runtime.guarded(function) if safe else function
    for function in runtime.SCALAR:
        namespace[function.__name__] = runtime.guarded(function) if safe else function
    exec(compile(text, "<kernel>", "exec"), namespace)  # text made from slots and generated names alone

    def run_blocks(
        template: Any, values: Any, index: Any, tables: Any, bases: Any, out: Any, *rest: Any
    ) -> None:
        namespace["run_blocks"](
            template.tolist(), values.tolist(), index.tolist(), tables.tolist(), bases, out, *_plain(rest)
        )

    return Kernel(program.layout, run_blocks, 1, text)


def _plain(rest: tuple[Any, ...]) -> list[Any]:
    return [r.tolist() if hasattr(r, "tolist") else r for r in rest]


_loaded: dict[str, ModuleType] = {}


def compiled(program: Program) -> Kernel:
    """Make a kernel compiled by Numba, or take it from the cache.

    Two processes may write the cache at once: files are renamed into place.
    """
    if program.digest not in _loaded:
        _loaded[program.digest] = _import(program.compiled_source, program.digest)
    return Kernel(program.layout, _loaded[program.digest].run_blocks, LANES, program.compiled_source)


def _import(text: str, digest: str) -> ModuleType:
    path = cache_folder() / f"k{digest}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    spec = importlib.util.spec_from_file_location(f"flows_kernel_{digest}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
