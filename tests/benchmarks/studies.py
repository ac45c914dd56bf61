"""Studies at scale on the shipped model: what analysis adds to the runs, workers, growth with N, the time foretold.

`million.toml` beside this file is the whole of it: 1,048,576 runs, which take hours (``flows study
tests/benchmarks/million.toml``, then ``seconds_by_part`` in its ``provenance.json``). Here the same study runs with
fewer samples.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("million.toml")
SAMPLES = (256, 512)
AMONG_WORKERS = 128

STUDY = """
import json, sys, tempfile, time
from pathlib import Path
from flows import study
from flows.pace import Pace

def main():
    file, n, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    pace, said, marks = Pace(), [], {}

    def progress(done, total):
        left = pace.seconds_left()
        if left is not None and done >= total / 10 and not said:
            said.append((left, time.monotonic()))

    with tempfile.TemporaryDirectory() as folder:
        found = study.run(
            file, n=n, out=Path(folder) / "out", workers=workers or None, progress=progress, pace=pace,
            stage=lambda words: marks.setdefault(words, time.monotonic()),
        )
    peak = None
    if sys.platform != "win32":
        import resource

        unit = 2**20 if sys.platform == "darwin" else 2**10
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    foretold, at = said[0]
    print(json.dumps({
        **found.spent, "n": n, "count": found.runs, "peak": peak, "foretold": foretold / (marks["Tables"] - at),
    }))

if __name__ == "__main__":
    main()
"""


def measured(process: Callable[..., str], file: Path, n: int, *, workers: int = 0) -> dict[str, Any]:
    """Run a study in a process of its own: seconds by part, runs, peak memory, the time foretold over the true."""
    found: dict[str, Any] = json.loads(process(STUDY, str(file), str(n), str(workers)).splitlines()[-1])
    return found


def scale(
    table: Any,
    process: Callable[..., str],
    *,
    element_steps: float,
    file: Path = FILE,
    samples: tuple[int, int] = SAMPLES,
    among_workers: int = AMONG_WORKERS,
) -> None:
    """Hold what a large study needs to its targets.

    Parameters
    ----------
    table : flows.tests.benchmarks.bench.Table
    process : callable
        Runs code in a new Python and returns what it prints.
    element_steps : float
        Of one run of the model.
    file, samples, among_workers
        The study, its two sizes, and its size in the comparison of workers.
    """
    table.head(f"Studies at scale: {file.name}, first, total and second order with intervals")
    small, large = (measured(process, file, n) for n in samples)
    runs = f"N = {large['n']:,}, {large['count']:,} runs"
    table.add(f"{runs}: model runs", large["runs"], "s")
    table.add(
        f"{runs}: model runs", element_steps * large["count"] / large["runs"] / 1e9, "10⁹ steps/s", least=2.5
    )
    table.add(f"{runs}: analysis on top", 100 * large["analysis"] / large["runs"], "%", most=20)
    table.add(f"{runs}: keeping unfinished work on top", 100 * large["files"] / large["runs"], "%")
    if large["peak"] is not None:
        table.add(f"{runs}: peak memory", large["peak"], "MiB", most=1536)
    growth = _each(large) / _each(small)
    table.add(f"seconds of a run, N = {large['n']:,} against {small['n']:,}", growth, "×", most=1.1)
    table.add("remaining time after a tenth, against the true", large["foretold"], "×", least=0.8, most=1.2)
    one, two = (measured(process, file, among_workers, workers=workers) for workers in (1, 2))
    table.add("two Dask workers against one", one["runs"] / two["runs"], "×", least=1.6)


def _each(found: dict[str, Any]) -> float:
    return (found["runs"] + found["analysis"] + found["files"]) / int(found["count"])
