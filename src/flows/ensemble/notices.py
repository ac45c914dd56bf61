"""What a call warns of: values that are no numbers, steps that can't be short enough, another engine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flows.engine.layout import LEVELS
from flows.ensemble.inputs import Resolved


class NonFiniteWarning(UserWarning):
    """A run gave a value that is no number or infinite."""


class ToleranceWarning(UserWarning):
    """An automatic step couldn't be made short enough."""


class EngineNotice(UserWarning):
    """A model runs through another engine than usual."""


def report_non_finite(
    job: Resolved,
    times: NDArray[np.float64],
    values: Mapping[str, NDArray[np.float64]],
    *,
    late: frozenset[str] = frozenset(),
    blanks: bool = False,
) -> None:
    """Name the first value that is no finite number.

    Parameters
    ----------
    values : mapping of str to array, shape (runs, times, elements)
    late : frozenset of str
        What has no values at the first time.
    blanks : bool
        True if elements without any value are ones that the engine doesn't return.
    """
    found: tuple[tuple[int, int], str, float] | None = None
    concerned: set[int] = set()
    for label, block in values.items():
        if label in late:
            block = block[:, 1:]
        with np.errstate(all="ignore"):  # a finite sum is the quick way to tell that all is well
            if np.isfinite(block.sum()):
                continue
        bad = ~np.isfinite(block)
        if blanks:
            bad &= ~np.isnan(block).all(axis=1, keepdims=True)
        if not bad.any():
            continue
        run, time, element = (int(k[0]) for k in np.nonzero(bad))
        concerned.update(np.unique(np.nonzero(bad)[0]).tolist())
        at = time + (label in late)
        if found is None or (run, at) < found[0]:
            found = (run, at), label, float(block[run, time, element])
    if found is None:
        return
    (run, time), label, value = found
    where = f" in run {run} ({len(concerned)} of {job.runs} runs concerned)" if job.runs > 1 else ""
    warnings.warn(
        f'"{label}" is no finite number at time {times[time]:g}{where}: {value}',
        NonFiniteWarning,
        stacklevel=4,
    )


def report_unmet(job: Resolved, times: NDArray[np.float64]) -> None:
    """Say so where the automatic step couldn't keep to the tolerances."""
    if np.isnan(times).all():
        return
    run = int(np.argmin(np.isnan(times)))
    where = (
        f" in run {run} ({int((~np.isnan(times)).sum())} of {job.runs} runs concerned)"
        if job.runs > 1
        else ""
    )
    warnings.warn(
        f"the automatic step can't keep to the tolerances at time {times[run]:g}{where}: TIME STEP was halved "
        f"{LEVELS} times there and the result taken as it is",
        ToleranceWarning,
        stacklevel=4,
    )
