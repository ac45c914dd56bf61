"""A sensitivity study: from its file to results on disk, in chunks that survive an interruption.

The walk: study file → `plan.Plan` (sample, model, arrangement of outcomes) → chunks of complete groups of runs, each
run by `flows.simulate` over the dimension ``draw`` → a collector of `methods` → labelled arrays, verdict and tables of
`results`. A Sobol study keeps sums, so its memory doesn't grow with the number of samples; bands and what drives the
worst runs come from the plain draws among its first groups.

While a study runs, its finished work lies in a folder beside the results (`work`), marked with the digest of all that
decides the numbers. A study that was stopped goes on from there and ends with the same bits; a finished Sobol study
can be extended to more samples, with every run made before.
"""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from flows import provenance
from flows.ensemble import Simulate
from flows.errors import InputError
from flows.inputs import Study
from flows.pace import Pace, Progress, Stage, silent, unsaid
from flows.study import methods, results
from flows.study.methods import LEVEL, QUANTILES
from flows.study.plan import Plan, make_plan
from flows.study.results import StudyResult, read
from flows.study.words import ENGLISH, Words
from flows.study.work import STATE, WorkFolder, read_state, write_state

if TYPE_CHECKING:
    from flows.study.cluster import Pool

PARTS = ("runs", "analysis", "files")
"""What a study spends its time on: the model, the estimators, and keeping finished work on the disk."""

SECONDS_BETWEEN_NOTES = 2.0
"""Of what they were spent on: a file that is flushed after each chunk takes longer than many a chunk."""

__all__ = ["LEVEL", "PARTS", "QUANTILES", "StudyResult", "read", "run", "single_run"]


def run(
    name_or_path: str | Path | Study,
    *,
    model: Any = None,
    out: str | Path | None = None,
    n: int | None = None,
    resume: bool = True,
    extend: bool = False,
    keep: bool = True,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    stage: Stage = unsaid,
    pace: Pace | None = None,
    finish: Callable[[StudyResult, Path], None] | None = None,
    simulate: Simulate | None = None,
    command: str | Sequence[str] | None = None,
    say: Words = ENGLISH,
) -> StudyResult:
    """Run a study, or the rest of one that was stopped, or more samples of one that is done.

    Parameters
    ----------
    name_or_path : str, Path or Study
        Name of a shipped study, path of a study file, or a study as read.
    model : flows.Model, optional
        In place of the one that the study names.
    out : path, optional
        Results folder. None writes nothing and keeps no checkpoints.
    n : int, optional
        In place of the study's own number of samples.
    resume : bool
        Go on from the work of an earlier attempt. Only work of exactly the same study is used.
    extend : bool
        Go on from the finished results of the same Sobol or Shapley study in ``out``, to twice their number of samples
        or to ``n``.
    keep : bool
        Keep the sums of a Sobol or Shapley study with its results, so that it can be extended.
    workers : int, optional
        Worker processes to start on this machine, by Dask; by default the threads of this process make the runs.
    cluster : str, optional
        Address of a running Dask scheduler whose workers make the runs.
    progress : callable
        Called with (runs done, runs in all) at the start and after every chunk.
    stage : callable
        Called with words for what begins.
    pace : flows.pace.Pace, optional
        Told how long runs and analysis take, so that it can say how long the rest of both will.
    finish : callable, optional
        Called with the result and the folder in which it is being written, before that folder takes its
        place: for figures, so that they appear together with the numbers.
    simulate : callable, optional
        In place of `flows.simulate`.
    command : str or sequence of str, optional
        For the provenance record; the process's command line by default.
    say : Words
        The language of the verdict and of the page of conclusions; English by default.

    Returns
    -------
    StudyResult
        The same bits whatever the chunks, the threads, the workers and the interruptions, extended or run at once.

    Raises
    ------
    InputError
        Something in the study doesn't fit its schema, the scenario or the model, or there is nothing to extend.
    ResultError
        A run gave a value that isn't finite (it and its like are in ``not_finite.csv`` of the work folder, with their
        inputs; `single_run` makes it again), or the results can't be written.
    """
    started, began = provenance.now(), clock.monotonic()
    target = None if out is None else Path(out).resolve()
    if target is not None:
        provenance.check_replaceable(target)
    stage("Reading the study and its model; the first run compiles it, which may take a minute once")
    if extend:
        n = _samples_of(target, n)
    plan = make_plan(name_or_path, model=model, n=n, simulate=simulate)
    kept = methods.collector(plan)
    work = None if target is None else WorkFolder.open(target, plan, resume=resume)
    if work:
        _take_back(kept, work, target if extend else None, plan)
    if target is not None and resume and not extend:
        _refuse_to_lose(target, plan)
    if extend and not kept.taken:
        raise InputError(
            "the results here are of another study, model or version, and can't be extended",
            where=str(out),
            remedy="Run the study without --extend",
        )
    entry = None
    if target is not None:
        entry = provenance.record(
            command=command,
            inputs=plan.files,
            seed=plan.study.seed,
            started=started,
            extra={
                "study": plan.study.model_dump(mode="json", exclude_none=True, exclude={"path"}),
                "runs": plan.sample.runs,
                "plan": plan.digest(),
            },
        )
    with ExitStack() as stack:
        pool = None
        if workers is not None or cluster is not None:
            from flows.study.cluster import Pool

            stage("Starting the workers" if cluster is None else "Finding the cluster")
            pool = stack.enter_context(Pool(plan, workers=workers, address=cluster))
        spent = _spent_before(work, target if extend else None)
        _run_chunks(plan, kept, work, pool, stage, progress, spent, pace or Pace())
    with _timed(spent, "analysis"):
        result = results.result(plan, kept, spent=spent, say=say)
    result = replace(result, seconds=clock.monotonic() - began)
    if target is None or work is None:
        return result
    stage("Tables")
    times = {"seconds": result.seconds, "seconds_by_part": dict(result.spent)}
    with provenance.results_folder(target, entry={**(entry or {}), **times}) as folder:
        results.write(result, folder, say=say)
        state = kept.state() if keep else None
        if state is not None:
            write_state(folder / STATE, state)
        if finish:
            finish(result, folder)
    work.remove()
    return replace(result, folder=Path(str(out)))


def single_run(
    name_or_path: str | Path | Study,
    number: int,
    *,
    model: Any = None,
    n: int | None = None,
) -> tuple[Plan, xr.Dataset, dict[str, float]]:
    """Make one run of a study again, with all variables of the model.

    Parameters
    ----------
    name_or_path, model, n
        As for `run`.
    number : int
        Of the run, from 1, as refusals and ``left_out.csv`` count.

    Returns
    -------
    plan : Plan
        The study, resolved against its model.
    dataset : xarray.Dataset
        The run, as `flows.simulate` gives it.
    drawn : dict of str to float
        Values of the uncertainties, with the constants of a posterior sample.

    Raises
    ------
    InputError
        There is no such run, or as for `run`.
    """
    plan = make_plan(name_or_path, model=model, n=n, simulate=None)
    inputs, drawn = plan.one(number)
    return plan, plan.simulate(plan.model, inputs), drawn


def _run_chunks(
    plan: Plan,
    kept: methods.Collector,
    work: WorkFolder | None,
    pool: Pool | None,
    stage: Stage,
    progress: Progress,
    spent: dict[str, float],
    pace: Pace,
) -> None:
    """Run what isn't done yet, chunk by chunk, and give everything to the collector."""
    width = plan.sample.width
    there = kept.taken
    if work:
        there += sum(stop - start for start, stop in plan.spans(kept.taken) if work.has(start, stop))
    if there:
        stage(f"Going on from {there * width:,} of {plan.sample.runs:,} runs")
    progress(there * width, plan.sample.runs)
    began = clock.monotonic()
    noted = float("-inf")
    for start, stop, future in _under_way(plan, kept.taken, work, pool):
        looks, looking = kept.looked, kept.seconds_looking
        with _timed(spent, "files"):
            values = work.load(start, stop) if work and future is None else None
        made = values is None
        if values is None:
            with _timed(spent, "runs"):
                values = (
                    plan.values(start, stop)
                    if pool is None or future is None
                    else pool.result(future, start, stop)
                )
            if work and (plan.study.non_finite == "leave out" or np.isfinite(values).all()):
                with _timed(spent, "files"):
                    work.save(start, values)
        with _timed(spent, "analysis"):
            faults = plan.faults(values, start)
        if faults and plan.study.non_finite == "stop":
            if work:
                work.note_faults(faults)
            raise plan.refusal(faults[0])
        groups = np.setdiff1d(np.arange(start, stop), [row["group"] for row in faults])
        kept.left_out.extend(faults)
        with _timed(spent, "analysis"):
            kept.update(values if not faults else values[groups - start], groups)
        kept.taken = stop
        if work:
            with _timed(spent, "files"):
                state = kept.state() if work.due else None
                if state is not None:
                    work.snapshot(state)
                if clock.monotonic() - noted > SECONDS_BETWEEN_NOTES:
                    work.note_spent(spent)
                    noted = clock.monotonic()
        now = clock.monotonic()
        looking = kept.seconds_looking - looking
        pace.note("looks", kept.looked - looks, looking)
        if made:
            pace.note("runs", (stop - start) * width, now - began - looking)
        began = now
        pace.expect({"runs": plan.sample.runs - max(there, stop) * width, "looks": kept.looks_left()})
        progress(max(there, stop) * width, plan.sample.runs)


@contextmanager
def _timed(spent: dict[str, float], what: str) -> Iterator[None]:
    """Add the seconds that a block takes."""
    began = clock.monotonic()
    try:
        yield
    finally:
        spent[what] += clock.monotonic() - began


def _spent_before(work: WorkFolder | None, finished: Path | None) -> dict[str, float]:
    """Seconds that earlier attempts, or the results that are extended, took for each part."""
    spent = dict.fromkeys(PARTS, 0.0)
    done = provenance.read_record(finished) if finished is not None else None
    earlier = (work.spent() if work else {}) or (done or {}).get("seconds_by_part") or {}
    return {what: seconds + float(earlier.get(what, 0.0)) for what, seconds in spent.items()}


def _under_way(
    plan: Plan, first: int, work: WorkFolder | None, pool: Pool | None
) -> Iterator[tuple[int, int, Any]]:
    """Yield the chunks in their order, each with its future where a worker is on it, some of them ahead."""
    ahead: deque[tuple[int, int, Any]] = deque()
    for start, stop in plan.spans(first):
        asked = pool is not None and not (work and work.has(start, stop))
        ahead.append((start, stop, pool.submit(start, stop) if pool is not None and asked else None))
        if pool is None or len(ahead) >= pool.ahead:
            yield ahead.popleft()
    while ahead:
        yield ahead.popleft()


def _samples_of(target: Path | None, n: int | None) -> int:
    """Number of samples to which the results in a folder are to be extended."""
    done = None if target is None else provenance.read_record(target)
    if done is None or "study" not in done or target is None or not (target / STATE).is_file():
        raise InputError(
            "nothing to extend",
            where=str(target or ""),
            expected="the finished results of a Sobol or Shapley study",
            remedy="Run the study without --extend first",
        )
    before = int(done["study"]["n"])
    if n is None:
        return 2 * before
    if n <= before:
        raise InputError(
            "the study has as many samples already", found=f"n = {n}", expected=f"more than {before}"
        )
    return n


def _refuse_to_lose(target: Path, plan: Plan) -> None:
    """Refuse to replace results of the same study that have more samples."""
    done = provenance.read_record(target)
    if done is None or done.get("plan") != plan.digest() or plan.study.method not in ("sobol", "shapley"):
        return
    before = int(done["study"]["n"])
    if before > plan.study.n:
        raise InputError(
            "results of the same study with more samples stand there",
            where=str(target),
            found=f"n = {before:,}",
            expected=f"n = {plan.study.n:,} or less",
            remedy="Extend them with --extend, choose another folder with --out, or run it anew with --no-resume",
        )


def _take_back(kept: methods.Collector, work: WorkFolder, finished: Path | None, plan: Plan) -> None:
    """Restore the sums of unfinished work or, to extend them, of finished results."""
    state = work.state()
    if state is None and finished is not None:
        done = provenance.read_record(finished)
        if done and done.get("plan") == plan.digest():
            state = read_state(finished / STATE)
    if state is not None:
        try:
            kept.restore(state)
        except (ValueError, KeyError):
            kept.taken = 0
