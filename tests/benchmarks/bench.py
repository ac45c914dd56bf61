"""Flows beside its rivals, all in one go: ``make bench`` prints a table and writes ``outputs/bench.json``.

Rivals: PySD; pysimlin where it is installed; C printed from the same equations (`emit_c`), where there is a gcc. Every
time is the median of at least three. Not a test: clocks differ between machines, and other work on a machine shows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tests.benchmarks import in_browser, sobol_sums, studies, synthetic
from tests.benchmarks.emit_c import CKernel

import flows
from flows import resources
from flows.engine import kernel, native
from flows.engine.clock import even
from flows.model.model import Model

SHIPPED = resources.root() / "models" / "migration.mdl"
LEVER = "interception capacity"
REPEATS = 3
REFERENCE = Path(__file__).with_name("reference.json")
RATIOS = ("×", "%")
"""Units of what is compared within one run."""
TOLERATED = 0.3
"""Share by which a ratio may differ from the stored one before it is pointed out."""

FRESH = """
import sys, warnings
warnings.simplefilter("ignore")
import flows
flows.simulate(flows.read_vensim(sys.argv[1], units="off"))
"""
PYSD = """
import sys, warnings
warnings.simplefilter("ignore")
import pysd
pysd.read_vensim(sys.argv[1]).run()
"""
MEMORY = """
import resource, sys
import numpy as np, xarray as xr
import flows
model = flows.read_vensim(sys.argv[1], units="off")
runs, size = int(sys.argv[2]), 4096
generator = np.random.default_rng(1)

def inputs():
    for start in range(0, runs, size):
        draws = generator.uniform(0.03, 0.05, min(size, runs - start))
        yield {"rate 3": xr.DataArray(draws, dims="draw")}

count, total, largest = 0, 0.0, -np.inf
for chunk in flows.simulate_chunks(model, inputs(), outcomes=["stock 3"]):
    last = chunk["stock 3"].isel(time=-1)
    count, total, largest = count + last.size, total + float(last.sum()), max(largest, float(last.max()))
assert count == runs
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Table:
    """What was measured, printed as it comes, ratios beside those stored (`reference.json`).

    Ratios of one run mean much the same on machines of one kind; seconds don't, so they are never stored.
    """

    def __init__(self, reference: dict[str, float] | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.part = ""
        self.reference = reference or {}

    def head(self, part: str) -> None:
        self.part = part
        print(f"\n{part}", flush=True)

    def add(
        self, what: str, value: float, unit: str, *, least: float | None = None, most: float | None = None
    ) -> None:
        """A number, and what it should be at least or at most."""
        row: dict[str, Any] = {"part": self.part, "what": what, "value": float(value), "unit": unit}
        target = ""
        if least is not None or most is not None:
            met = (least is None or value >= least) and (most is None or value <= most)
            row |= {"least": least, "most": most, "met": bool(met)}
            bound = f"at least {least:,g}" if least is not None else f"at most {most:,g}"
            target = f"{bound}: {'yes' if met else 'NO'}"
        self.rows.append(row)
        stored = self.reference.get(f"{self.part}: {what}") if unit in RATIOS else None
        if stored is not None:
            row["reference"] = stored
            off = abs(value - stored) > TOLERATED * abs(stored)
            target = f"{target}; " * bool(target) + f"stored {stored:,.4g}" + ", NOT LIKE IT" * off
        shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        print(f"  {what:<66}{shown:>12} {unit:<18}{target}".rstrip(), flush=True)


def seconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median of some calls."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def process(code: str, *arguments: str, cache: Path | None = None) -> str:
    """Run Python anew and return what it prints."""
    environment = {**os.environ, **({"FLOWS_CACHE": str(cache)} if cache else {})}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


@contextlib.contextmanager
def made_model(variables: int, **options: Any) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{variables}.mdl"
        path.write_text(synthetic.model(variables, **options), encoding="utf-8")
        yield path


def elements(model: Model) -> int:
    """Scalar elements that are worked out at every step: stocks and what isn't constant."""
    return sum(v.size for v in model.variables.values() if v.kind in ("stock", "auxiliary") and not v.hidden)


def element_steps(path: Path) -> float:
    """Elements times steps of one run of a model."""
    model = flows.read_vensim(path, units="off")
    control = model.control
    return elements(model) * (control.final_time - control.initial_time) / control.time_step


def job(program: kernel.Program, model: Model, runs: int, varied: str) -> kernel.Job:
    """An ensemble over one constant, of which three stocks are saved each SAVEPER."""
    places, control = program.layout, model.control
    first = places.base[varied]
    values = np.random.default_rng(1).uniform(0.8, 1.2, (runs, 1)) * places.template[first]
    return kernel.Job(
        values=values,
        index=np.array([first], np.int64),
        tables=np.array(places.table_values)[None, :],
        grid=even(control),
        slots=np.arange(places.stocks, places.stocks + 3),
        late=np.zeros(3, bool),
    )


# ------------------------------------------------------------------------------------------------- the parts


def single(table: Table, pysd: tuple[float, float]) -> None:
    """One run from file to results, in a process of its own."""
    table.head("One run, from file to results in a fresh process")
    with made_model(40) as path, tempfile.TemporaryDirectory() as folder:
        theirs = seconds(lambda: process(PYSD, str(path)))
        caches = (Path(folder) / str(k) for k in range(99))
        edited = seconds(lambda: process(FRESH, str(path), cache=next(caches)))
        again = seconds(lambda: process(FRESH, str(path)))
        table.add("44 variables, 1,440 steps: PySD", theirs, "s")
        table.add("44 variables, 1,440 steps: Flows, edited (nothing in its cache)", edited, "s")
        table.add("44 variables, 1,440 steps: Flows, unchanged", again, "s")
        table.add("44 variables, 1,440 steps: PySD / Flows, edited", theirs / edited, "×")
    with tempfile.TemporaryDirectory() as folder:
        caches = (Path(folder) / str(k) for k in range(99))
        edited = seconds(lambda: process(FRESH, str(SHIPPED), cache=next(caches)))
        again = seconds(lambda: process(FRESH, str(SHIPPED)))
        read, step = pysd
        control = flows.read_vensim(SHIPPED, units="off").control
        steps = (control.final_time - control.initial_time) / control.time_step
        theirs = read + step * steps
        table.add("shipped model: PySD, to read and translate", read, "s")
        table.add(f"shipped model: PySD, {steps:,.0f} steps of {step:.3f} s", theirs, "s")
        table.add("shipped model: Flows, edited (nothing in its cache)", edited, "s")
        table.add("shipped model: PySD / Flows, edited", theirs / edited, "×", least=10)
        table.add("shipped model: Flows, unchanged", again, "s", most=2)
        command = ["run", "--no-figures", "--out", str(Path(folder) / "run")]
        code = "import sys; from flows import cli; sys.exit(cli.main(sys.argv[1:]))"
        written = seconds(lambda: process(code, *command))
        table.add("shipped model: flows run --no-figures, files and table included", written, "s", most=2)
    model = flows.read_vensim(SHIPPED, units="off")
    flows.simulate(model)
    again = seconds(lambda: flows.simulate(model))
    table.add("shipped model: once more in the same process", again, "s", most=0.3)
    plain = seconds(lambda: flows.simulate(model, engine="python"))
    table.add("shipped model: as plain Python", plain, "s", most=3)


def pysd_step() -> tuple[float, float]:
    """Seconds that PySD takes to read the shipped model, and for each step."""
    import pysd

    control = flows.read_vensim(SHIPPED, units="off").control
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = shutil.copy(SHIPPED, folder)
        start = time.perf_counter()
        model = pysd.read_vensim(path)
        read = time.perf_counter() - start
        few, more = 4, 12

        def run(steps: int) -> None:
            model.run(final_time=control.initial_time + steps * control.time_step, saveper=control.time_step)

        differences = [seconds(lambda: run(more), 1) - seconds(lambda: run(few), 1) for _ in range(REPEATS)]
    return read, statistics.median(differences) / (more - few)


def simlin_run(model: Model) -> float | None:
    """Seconds of one run of the shipped model with pysimlin, a constant overridden."""
    try:
        import simlin
    except ImportError:
        return None
    simulation = simlin.load(SHIPPED).simulate()
    name = LEVER.replace(" ", "_")
    values = iter(np.linspace(0.8, 1.2, 99) * float(model.constants[LEVER].value))

    def run() -> None:
        simulation.reset()
        simulation.set_value(name, next(values))
        simulation.run_to_end()

    simulation.run_to_end()
    return seconds(run, 5)


def ensembles(table: Table, runs: int, pysd: tuple[float, float]) -> None:
    """Many runs of the shipped model, beside everyone."""
    table.head(f"Many runs of the shipped model ({SHIPPED.name})")
    model = flows.read_vensim(SHIPPED, units="off")
    program = kernel.prepare(model, method=model.method)
    task = job(program, model, runs, LEVER)
    work = elements(model) * (len(task.grid.times) - 1)
    table.add("elements of stocks and variables that change", elements(model), "")
    table.add("steps", len(task.grid.times) - 1, "")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FLOWS_CACHE"] = folder
        native._loaded.clear()
        table.add("compile the kernel", seconds(lambda: native.kernel(program), 1), "s", most=20)
        del os.environ["FLOWS_CACHE"]
    ours = {n: seconds(lambda n=n: kernel.compute(program, task, threads=n)) / runs for n in (1, 2)}
    for threads, each in ours.items():
        table.add(f"Flows, {threads} thread{'s' * (threads > 1)}", 1e3 * each, "ms a run")
    table.add("2 threads against 1", ours[1] / ours[2], "×", least=1.7)
    table.add("element-steps, 2 threads", work / ours[2] / 1e9, "10⁹ a second", least=2.5)
    quick = kernel.prepare(model, method=model.method, fast=True)
    kernel.compute(quick, job(quick, model, 8, LEVER))
    pairs = [
        (
            seconds(lambda: kernel.compute(program, task), 1),
            seconds(lambda: kernel.compute(quick, task), 1),
        )
        for _ in range(REPEATS)
    ]
    gain = statistics.median(a / b for a, b in pairs)
    table.add("fast=True against exact, 1 thread", gain, "×")
    lever = xr.DataArray(task.values[:, 0], dims="draw")
    names = [s.name for s in model.stocks][:3]
    every = {LEVER: lever}
    whole = seconds(lambda: flows.simulate(model, every, outcomes=names, save_every=1, threads=2)) / runs
    table.add("flows.simulate, 3 stocks by month, labels included, 2 threads", 1e3 * whole, "ms a run")
    if shutil.which("gcc"):
        with tempfile.TemporaryDirectory() as folder:
            rival = CKernel(program, Path(folder))
        few = job(program, model, 64, LEVER)
        theirs = {n: seconds(lambda n=n: rival.compute(few, threads=n)) / 64 for n in (1, 2)}
        a, b = kernel.compute(program, few), rival.compute(few)
        table.add("C: gcc -O3 -march=native, to compile", rival.seconds, "s")
        for threads, each in theirs.items():
            table.add(f"C, {threads} thread{'s' * (threads > 1)}", 1e3 * each, "ms a run")
        table.add("C / Flows, 1 thread each", theirs[1] / ours[1], "×")
        table.add("largest difference to C, relative to the largest value", _apart(a, b), "")
    other = simlin_run(model)
    if other is not None:
        table.add("pysimlin", 1e3 * other, "ms a run")
        table.add("pysimlin / Flows, 2 threads", other / ours[2], "×", least=50)
    theirs_too = pysd[1] * (len(task.grid.times) - 1)
    table.add("PySD, a run", theirs_too, "s a run")
    table.add("PySD / Flows, 2 threads", theirs_too / ours[2], "×", least=100_000)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    size = np.abs(b).max(axis=(0, 1), keepdims=True)
    return float((np.abs(a - b) / np.where(size > 0, size, 1)).max())


def kernels(table: Table, runs: int) -> None:
    """Per core against scalar C: sums, products, quotients, choices and lookups; then with an EXP and a power."""
    if not shutil.which("gcc"):
        return
    table.head("One thread against scalar C, made models of 300 variables, 1,440 steps")
    for transcendental, words in (
        (False, "no EXP, LN or powers"),
        (True, "an EXP and a power in each sector"),
    ):
        with made_model(300, transcendental=transcendental) as path:
            model = flows.read_vensim(path, units="off")
            program = kernel.prepare(model, method=model.method)
            rival = CKernel(program, path.parent)
        task = job(program, model, runs, "rate 3")
        native.kernel(program)
        pairs = [
            (
                seconds(lambda p=program, t=task: kernel.compute(p, t), 1),
                seconds(lambda r=rival, t=task: r.compute(t), 1),
            )
            for _ in range(5)
        ]
        ours, theirs = (statistics.median(column) / runs for column in zip(*pairs, strict=True))
        table.add(
            f"{words}: Flows", elements(model) * (len(task.grid.times) - 1) / ours / 1e9, "10⁹ el.-steps/s"
        )
        table.add(
            f"{words}: C", elements(model) * (len(task.grid.times) - 1) / theirs / 1e9, "10⁹ el.-steps/s"
        )
        ratio = statistics.median(b / a for a, b in pairs)
        table.add(f"{words}: C / Flows", ratio, "×", least=None if transcendental else 2)


def growth(table: Table, sizes: tuple[int, ...]) -> None:
    """How reading, compiling and running grow with the model."""
    table.head("Growth with the size of the model")
    compiled: dict[int, float] = {}
    for size in sizes:
        with made_model(size) as path, tempfile.TemporaryDirectory() as folder:
            read = seconds(lambda p=path: flows.read_vensim(p, units="off"))
            taken, each = [], []
            os.environ["FLOWS_CACHE"] = folder
            for k in range(REPEATS):
                model = flows.read_vensim(path, units="off")
                native._loaded.clear()
                shutil.rmtree(folder, ignore_errors=True)
                start = time.perf_counter()
                program = kernel.prepare(model, method=model.method)
                native.kernel(program)
                taken.append(time.perf_counter() - start)
                task = job(program, model, 64, "rate 3")
                each.append(seconds(lambda p=program, t=task: kernel.compute(p, t), 1 + (k == 0)))
            del os.environ["FLOWS_CACHE"]
            rival = CKernel(program, path.parent) if shutil.which("gcc") else None
        compiled[size] = statistics.median(taken)
        speed = elements(model) * (len(task.grid.times) - 1) * 64 / statistics.median(each) / 1e9
        table.add(f"{size:,} variables: read", read, "s")
        table.add(f"{size:,} variables: order and compile", compiled[size], "s")
        if rival:
            table.add(f"{size:,} variables: gcc -O3", rival.seconds, "s")
        table.add(f"{size:,} variables: Flows, 1 thread", speed, "10⁹ el.-steps/s")
    first, last = min(sizes), max(sizes)
    slope = np.log(compiled[last] / compiled[first]) / np.log(last / first)
    table.add(f"compile time grows as variables to the power of ({first:,} to {last:,})", slope, "", most=1.2)


def memory(table: Table, sizes: tuple[int, ...]) -> None:
    """Memory of a process that reduces results as they come."""
    if sys.platform == "win32":
        return
    table.head("Memory of a process that keeps a mean and a maximum (flows.simulate_chunks)")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    used: dict[int, float] = {}
    with made_model(100) as path:
        for runs in sizes:
            start = time.perf_counter()
            used[runs] = int(process(MEMORY, str(path), str(runs))) / unit
            each = (time.perf_counter() - start) / runs
            table.add(f"{runs:,} runs ({1e6 * each:.0f} µs each, start included)", used[runs], "MiB")
    table.add("most runs against fewest", used[max(sizes)] / used[min(sizes)], "×", most=1.05)


def study(table: Table) -> None:
    """The shipped study, once."""
    from flows import study as own

    table.head("The shipped study")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = own.run("base", out=Path(folder) / "study")
        table.add(f"base: {result.runs:,} runs, indices with intervals", time.perf_counter() - start, "s")


def editing(table: Table) -> None:
    """What somebody who edits the shipped model waits for: its check, and figures after a save."""
    from flows.compare import outcomes_of
    from flows.inspection import inspect
    from flows.versions.behaviour import write
    from flows.versions.watch import Watched

    table.head("Editing the shipped model")
    table.add("flows check", seconds(lambda: inspect(SHIPPED)), "s", most=4)
    text = SHIPPED.read_text(encoding="utf-8")
    watched = Watched(SHIPPED, outcomes_of)
    watched.saved(text.encode())
    shifts = iter(range(1, REPEATS + 1))

    def save() -> None:
        changed = f"MODULO(Time + {next(shifts) / 4}, months in a year)"
        saved = watched.saved(text.replace("MODULO(Time, months in a year)", changed).encode())
        assert saved.moved is not None
        with tempfile.TemporaryDirectory() as folder:
            write(saved.moved, Path(folder), title="saved")

    table.add("flows watch, from a save that changes an equation to figures", seconds(save), "s", most=4)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path("outputs/bench.json"), help="where the numbers go")
    parser.add_argument("--runs", type=int, default=512, help="runs of an ensemble")
    parser.add_argument(
        "--only",
        nargs="*",
        help="parts: single ensembles kernels growth memory study editing estimator analysis scale browser",
    )
    parser.add_argument("--store", action="store_true", help=f"keep the ratios in {REFERENCE.name}")
    options = parser.parse_args()
    machine = {
        "flows": flows.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": native.llvm.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    table = Table(json.loads(REFERENCE.read_text(encoding="utf-8"))["ratios"])
    pysd = cache(pysd_step)
    parts: dict[str, Callable[[], None]] = {
        "single": lambda: single(table, pysd()),
        "ensembles": lambda: ensembles(table, options.runs, pysd()),
        "kernels": lambda: kernels(table, options.runs),
        "growth": lambda: growth(table, (100, 300, 1000, 3000)),
        "memory": lambda: memory(table, (10_000, 100_000, 1_000_000)),
        "study": lambda: study(table),
        "editing": lambda: editing(table),
        "estimator": lambda: sobol_sums.estimator(table),
        "analysis": lambda: sobol_sums.memory(table, process),
        "scale": lambda: studies.scale(table, process, element_steps=element_steps(SHIPPED)),
        "browser": lambda: in_browser.runs(table, SHIPPED),
    }
    start = time.perf_counter()
    for name in options.only or parts:
        parts[name]()
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"machine": machine, "rows": table.rows}, indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    if options.store:
        store(table, machine)


def store(table: Table, machine: dict[str, Any], path: Path = REFERENCE) -> None:
    """Keep the ratios measured, beside those of parts that weren't."""
    kept = table.reference | {
        f"{row['part']}: {row['what']}": float(f"{row['value']:.4g}")
        for row in table.rows
        if row["unit"] in RATIOS
    }
    text = json.dumps({"machine": machine, "ratios": kept}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
