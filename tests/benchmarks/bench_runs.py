"""Time the shipped model: reading, one run, many runs, the shipped studies. `make bench` prints the table.

Not a test: clocks differ between machines. The kernel's compile time is the first block of many runs; it is
small when the kernel lies in the cache already.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

import flows
from flows import resources, study

RUNS = 14_336
OUTCOMES = ["COMAR pending cases", "court cases pending", "encounters at US border"]


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def line(what: str, seconds: float, remark: str = "") -> None:
    print(f"{what:<44}{seconds:>10.3f} s  {remark}".rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="number of runs in the ensemble")
    parser.add_argument("--no-studies", action="store_true", help="leave the shipped studies out")
    options = parser.parse_args()

    path = resources.root() / "models" / "migration.mdl"
    print(f"Flows {flows.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    line("read the model", timed(lambda: flows.read_vensim(path, units="off")))
    line("read the model and check its units", timed(lambda: flows.read_vensim(path, units="error")))
    model = flows.read_vensim(path, units="off")
    line("one run, all variables", timed(lambda: flows.simulate(model)))
    line("one run again", timed(lambda: flows.simulate(model)))

    def ensemble(runs: int) -> Callable[[], object]:
        lever = model.levers["interception capacity"]
        values = np.random.default_rng(1).uniform(*lever.range, size=runs)
        draws = xr.Dataset({lever.name: ("draw", values)})
        return lambda: flows.simulate(model, draws, outcomes=OUTCOMES, save_every=1, engine="compiled")

    line("first ensemble (compiles unless cached)", timed(ensemble(64)))
    seconds = timed(ensemble(options.runs))
    line(
        f"{options.runs:,} runs, 3 outcomes, monthly",
        seconds,
        f"{1e6 * seconds / options.runs:.0f} µs per run",
    )

    if not options.no_studies:
        for file in sorted((resources.root() / "sensitivity").glob("*.toml")):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "study"
                line(
                    f"study {file.stem}, complete", timed(lambda file=file, out=out: study.run(file, out=out))
                )


if __name__ == "__main__":
    main()
