"""The estimator of Sobol indices beside SALib, on the same numbers; and the memory of a study's analysis.

SALib analyses one number at a time, so its time is that of one; ours is that of many divided by their number. Both make
first, total and second order with as many bootstrap resamples. Times are those of the processor, all threads together,
so that other work on the machine shows less.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from flows import sobol

INPUTS, SAMPLES, QUANTITIES = 20, 8192, 256
RESAMPLES = 100  # SALib's own number

MEMORY = """
import resource, sys, time
import numpy as np
from flows import sobol
n, quantities = int(sys.argv[1]), int(sys.argv[2])
names = [f"x{j}" for j in range(15)]
design = sobol.design(names, n, seed=1, second_order=True)
weights = np.random.default_rng(1).normal(size=(15, quantities))
sums = sobol.SobolSums((quantities,), factors=15, second_order=True, seed=1)
taken = 0.0
for start in range(0, n, 64):
    rows = design.rows(start, start + 64)
    values = rows @ weights + rows[..., :1] * rows[..., 1:2]
    before = time.process_time()
    sums.update(values)
    taken += time.process_time() - before
before = time.process_time()
sums.indices()
taken += time.process_time() - before
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, taken)
"""


def estimator(table: Any, *, samples: int = SAMPLES, quantities: int = QUANTITIES) -> None:
    """Time the analysis alone, and hold it to SALib's indices."""
    from SALib.analyze import sobol as salib

    table.head(f"Sobol indices with second order: {INPUTS} inputs, N = {samples:,} (the analysis alone)")
    names = [f"x{j}" for j in range(INPUTS)]
    design = sobol.design(names, samples, seed=1, second_order=True)
    weights = np.random.default_rng(1).normal(size=(INPUTS, quantities))
    sums = sobol.SobolSums((quantities,), factors=INPUTS, second_order=True, resamples=RESAMPLES, seed=1)
    first = np.empty((samples, design.width))
    ours = 0.0
    for start in range(0, samples, 64):
        rows = design.rows(start, start + 64)
        values = rows @ weights + 2 * rows[..., :1] * rows[..., 1:2]
        first[start : start + 64] = values[..., 0]
        begin = time.process_time()
        sums.update(values)
        ours += time.process_time() - begin
    begin = time.process_time()
    found = sums.indices()
    ours += time.process_time() - begin
    problem = {"num_vars": INPUTS, "names": names, "bounds": [[0.0, 1.0]] * INPUTS}
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rival = salib.analyze(problem, first.ravel(), calc_second_order=True, num_resamples=RESAMPLES, seed=1)
    theirs = time.process_time() - begin
    assert found.S2 is not None
    for name, own in (("S1", found.S1), ("ST", found.ST), ("S2", found.S2)):
        np.testing.assert_allclose(own[..., 0], rival[name], rtol=0, atol=1e-10)
    table.add("SALib, one number", theirs, "s")
    table.add(f"Flows, each of {quantities} numbers", 1e3 * ours / quantities, "ms")
    table.add("Flows against SALib", theirs / (ours / quantities), "×", least=500)


def memory(table: Any, process: Callable[..., str]) -> None:
    """Peak memory of a process that analyses 15 inputs with second order."""
    if sys.platform == "win32":
        return
    table.head("Memory of the analysis: 15 inputs, second order")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    for samples, quantities in ((512, 100), (32_768, 100), (512, 2_760)):
        size, taken = process(MEMORY, str(samples), str(quantities)).split()
        runs = samples * 32
        table.add(
            f"N = {samples:,} ({runs:,} runs), {quantities:,} numbers", int(size) / unit, "MiB", most=1536
        )
        table.add(
            f"N = {samples:,}, {quantities:,} numbers: each run's analysis", 1e6 * float(taken) / runs, "µs"
        )
