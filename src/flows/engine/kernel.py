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
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.engine import emit, integrate, runtime
from flows.model.model import Model
from flows.model.order import plan

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
    return numba.njit(error_model="numpy")(function)


{chr(10).join(f"{f.__name__} = _inline(runtime.{f.__name__})" for f in runtime.SCALAR)}
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


def interpreted(model: Model, *, method: str, safe: bool = False) -> Kernel:
    """Make a kernel that runs as plain Python: no wait for a compiler, some 10,000 times slower a run."""
    places = emit.layout(model)
    text = emit.source(model, plan(model), places, lanes=1, method=method, safe=safe)
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

    return Kernel(places, run_blocks, 1, text)


def _plain(rest: tuple[Any, ...]) -> list[Any]:
    return [r.tolist() if hasattr(r, "tolist") else r for r in rest]


_loaded: dict[str, ModuleType] = {}


def _generated(model: Model, method: str) -> tuple[emit.Layout, str, str]:
    """Layout, source and digest of a compiled kernel.

    The digest covers the generated source, this engine's run-time sources and the versions of Python, Numba and
    NumPy; Numba itself adds the processor.
    """
    import numba

    places = emit.layout(model)
    text = _NUMBA_HEAD + emit.source(model, plan(model), places, lanes=LANES, method=method)
    parts = [text, inspect.getsource(runtime), inspect.getsource(integrate)]
    parts += [sys.version, numba.__version__, np.__version__]
    return places, text, hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def compiled(model: Model, *, method: str) -> Kernel:
    """Make a kernel compiled by Numba, or take it from the cache.

    Two processes may write the cache at once: files are renamed into place.
    """
    places, text, digest = _generated(model, method)
    if digest not in _loaded:
        _loaded[digest] = _import(text, digest)
    return Kernel(places, _loaded[digest].run_blocks, LANES, text)


def is_cached(model: Model, *, method: str) -> bool:
    """True if the compiled kernel of a model can be had without compiling."""
    _, _, digest = _generated(model, method)
    return digest in _loaded or any((cache_folder() / "__pycache__").glob(f"k{digest}.run_blocks*.nbi"))


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
