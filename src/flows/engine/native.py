"""Machine code: LLVM's assembly language → object code, cached by content, → a function that runs a block of runs."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import stat
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from flows.engine.kernel import Job, Program
from flows.engine.llvm import LANES, LIBRARY, Source
from flows.engine.runtime import COMPILED, LOOKUP_NAMES, LOOKUPS, VECTORS
from flows.model.ir import deep

_SIGNATURE = ctypes.CFUNCTYPE(
    None,
    *[ctypes.c_void_p] * 6,
    ctypes.c_int64,
    ctypes.c_int64,
    *[ctypes.c_void_p] * 3,
    ctypes.c_int64,
)
_lock = threading.Lock()
_loaded: dict[str, Kernel] = {}
_kernels: weakref.WeakKeyDictionary[Program, Kernel] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Kernel:
    """A compiled model.

    Attributes
    ----------
    program : Program
    run : callable
        The machine code; it releases Python's lock while it runs.
    shared : tuple of tuple of int
        Slots that decide whether runs of a block may share time-only work, see `flows.engine.llvm.Source`.
    engine : object
        Keeps the code in memory.
    """

    program: Program
    run: Callable[..., None]
    shared: tuple[tuple[int, ...], ...]
    engine: object

    def worker(self, job: Job) -> Callable[[int, NDArray[np.float64]], None]:
        """Return a function that runs the block that begins at a run, with memory of its own."""
        program = self.program
        runs, times, n_slots = job.shape
        slots = len(program.template)
        # 64-byte alignment for whole-vector loads
        memory = np.empty(slots * LANES + LANES)
        shift = (-memory.ctypes.data // 8) % LANES
        workspace = memory[shift : shift + slots * LANES].reshape(slots, LANES)
        saved = np.empty((times, n_slots, LANES))
        info = np.zeros(LANES + len(self.shared), np.int64)
        tables = np.ascontiguousarray(job.tables)
        own_tables = len(tables) > 1
        shared = [np.array(group, np.int64) for group in self.shared]
        order = job.order(late=program.method.late)
        wanted = np.ascontiguousarray(job.slots[order])
        n_late = int(job.late.sum()) if program.method.late else 0
        back = np.argsort(order)
        grid = job.grid
        points = len(grid.times)
        past = np.empty((points * program.layout.n_histories + 1) * LANES)
        pointers = [a.ctypes.data for a in (workspace, tables, info, past, saved, wanted)]
        clock = [a.ctypes.data for a in (grid.times, grid.steps, grid.rows)]
        held = (memory, tables, info, past, saved, wanted, grid)

        def work(first: int, out: NDArray[np.float64]) -> None:
            lanes = np.minimum(np.arange(first, first + LANES), runs - 1)  # idle lanes repeat the last run
            workspace[:] = program.template[:, None]
            workspace[job.index] = job.values[lanes].T
            info[:LANES] = lanes * tables.shape[1] if own_tables else 0
            for k, group in enumerate(shared):
                block = workspace[group]
                same = not own_tables and bool((block == block[:, :1]).all())
                info[LANES + k] = same
            self.run(*pointers, n_slots - n_late, n_late, *clock, points)
            last = min(first + LANES, runs)
            block = saved if n_late == 0 else saved[:, back]
            out[first:last] = np.moveaxis(block, 2, 0)[: last - first]

        work.__dict__["held"] = held
        return work


def cache_folder() -> Path | None:
    """Folder of compiled kernels: ``FLOWS_CACHE``, else the user's cache folder, else a temporary one, else None.

    What lies there is run as machine code, so a temporary folder is taken only if nobody else can write to it.
    """
    import platformdirs

    with contextlib.suppress(OSError, RuntimeError):  # the latter for a user without a home
        chosen = os.environ.get("FLOWS_CACHE") or platformdirs.user_cache_dir("flows", appauthor=False)
        folder = Path(chosen) / "kernels"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    with contextlib.suppress(OSError):
        user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
        folder = Path(tempfile.gettempdir()) / f"flows-kernels{user}"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True)
        return folder if _is_ours(folder) else Path(tempfile.mkdtemp(prefix="flows-kernels-"))
    return None


def _is_ours(folder: Path) -> bool:
    """True for a real folder that belongs to this user and that nobody else may write to."""
    if not hasattr(os, "getuid"):  # on Windows, temporary folders are the user's own
        return folder.is_dir()
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


@deep
def kernel(program: Program) -> Kernel:
    """Compile a program, or take its object code from the cache.

    The key covers the emitted text (which holds no value of a constant or lookup), the processor with its features and
    the version of LLVM. A broken file in the cache is compiled anew; files are renamed into place, so that two
    processes may write at once.
    """
    if program in _kernels:
        return _kernels[program]
    source = Source(
        program.model,
        program.plan,
        program.layout,
        method=program.method,
        own_tables=program.own_tables,
        contract=program.fast,
    )
    machine = _machine()
    digest = _digest(source, machine)
    with _lock:
        if digest not in _loaded:
            folder = cache_folder()
            path = folder / f"{digest}.o" if folder else None
            code = _read(path) if path else None
            if code is None:
                code = _compile(source.text, machine)
                if path:
                    _write(path, code)
            _loaded[digest] = Kernel(program, *_link(code, source))
        known = _loaded[digest]
        # Values of constants are no part of the code: the same code serves every template.
        _kernels[program] = Kernel(program, known.run, known.shared, known.engine)
    return _kernels[program]


def _digest(source: Source, machine: Any) -> str:
    parts = [source.text, machine.triple, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    parts += [version("llvmlite"), repr(source.shared)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=2,
        reloc="pic" if sys.platform != "win32" else "default",
        codemodel="jitdefault",
        jit=True,
    )


def _declarations() -> str:
    vector = f"<{LANES} x double>"
    names = ("fabs", "sqrt", "trunc", "floor")
    lines = [
        f"declare {vector} @llvm.{n}.v{LANES}f64({vector})\ndeclare double @llvm.{n}.f64(double)"
        for n in names
    ]
    lines += [f"declare double @{n}(double)" for n in LIBRARY]
    lines.append("declare i64 @llvm.cttz.i64(i64, i1)")
    lines += [f"declare double @{n}(ptr, i64)" for n in VECTORS if n not in COMPILED]
    lines += [f"declare double @{n}(ptr, i64, double)" for n in LOOKUP_NAMES.values() if n not in COMPILED]
    return "\n".join(lines)


def _compile(text: str, machine: Any) -> bytes:
    module = llvm.parse_assembly(_declarations() + "\n" + text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def _link(code: bytes, source: Source) -> tuple[Callable[..., None], tuple[tuple[int, ...], ...], object]:
    _library_symbols()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return _SIGNATURE(engine.get_function_address("run")), source.shared, engine


def _library_symbols() -> None:
    """Tell LLVM where the C library's trigonometric functions are (Windows doesn't find them by itself)."""
    name = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    library = ctypes.CDLL(name)
    for function in LIBRARY:
        llvm.add_symbol(function, ctypes.cast(getattr(library, function), ctypes.c_void_p).value)
    for symbol, callback in _callbacks().items():
        llvm.add_symbol(symbol, ctypes.cast(callback, ctypes.c_void_p).value)


@cache
def _callbacks() -> dict[str, Any]:
    """What machine code asks Python for: the functions of whole vectors, and lookups not read by interpolation."""
    doubles = ctypes.POINTER(ctypes.c_double)
    whole = ctypes.CFUNCTYPE(ctypes.c_double, doubles, ctypes.c_int64)
    table = ctypes.CFUNCTYPE(ctypes.c_double, doubles, ctypes.c_int64, ctypes.c_double)

    def of_values(function: Callable[[list[float]], float]) -> Any:
        return whole(lambda values, n: function(values[:n]))

    def of_table(function: Callable[[list[float], float], float]) -> Any:
        return table(lambda points, n, x: function(points[: 3 * n], x))

    return {name: of_values(f) for name, f in VECTORS.items()} | {
        LOOKUP_NAMES[mode]: of_table(f) for mode, f in LOOKUPS.items()
    }


_MARK = b"flows-kernel-1\n"


def _read(path: Path) -> bytes | None:
    """Object code from the cache; None if the file is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, digest, code = data[: len(_MARK)], data[len(_MARK) : len(_MARK) + 32], data[len(_MARK) + 32 :]
    return code if head == _MARK and hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(_MARK + hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError:  # a full disk costs a compilation next time, nothing else
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
