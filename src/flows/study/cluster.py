"""The runs of a study in other processes: worker processes of this machine, or a running Dask cluster.

Only the runs are made elsewhere. Draws, order, sums and checkpoints stay in the process that runs the study, and a run
gives the same bits wherever it is made, so the result doesn't depend on how many workers there are, nor on whether one
died: its chunks are made again by another. What every worker needs (the model as read, the arrangement of outcomes) is
sent once; a chunk of runs then costs its draws on the way out and its outcomes on the way back.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import logging
import pickle
import tempfile
from contextlib import ExitStack, suppress
from types import MappingProxyType, TracebackType
from typing import Any

from flows import provenance
from flows.errors import InputError, ResultError
from flows.model.ir import deep
from flows.study.plan import Array, Job, Plan

__all__ = ["Pool"]

_AHEAD = 3  # chunks under way for each worker, so that none waits for the next
_PATIENCE = 30  # seconds to wait for a cluster or its first worker
_DEATHS = 20  # of workers that a chunk survives: a machine of many workers may be lost at once


class Pool:
    """Workers that make chunks of runs.

    Parameters
    ----------
    plan : Plan
        The study.
    workers : int, optional
        Worker processes to start on this machine, a thread each.
    address : str, optional
        Of a running Dask scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    InputError
        Dask isn't installed, or nothing answers at the address.
    """

    def __init__(self, plan: Plan, *, workers: int | None = None, address: str | None = None) -> None:
        self._plan = plan
        self._payload = _packed(plan.job)
        self._key = hashlib.sha256(self._payload).hexdigest()
        self._stack = ExitStack()
        try:
            import dask
            import distributed
        except ModuleNotFoundError:
            raise InputError(
                "Dask isn't installed, without which there are no other workers",
                where="--workers" if address is None else "--cluster",
                remedy="Install it with: python -m pip install 'flows-migration[cluster]'",
            ) from None
        try:
            self._stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS}))
            if address is None:
                folder = self._stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="flows-", ignore_cleanup_errors=True)
                )
                place: Any = self._stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        processes=True,
                        memory_limit=None,
                        dashboard_address=None,
                        local_directory=folder,
                        silence_logs=logging.CRITICAL,
                    )
                )
            else:
                place = address
            self.client: Any = self._stack.enter_context(distributed.Client(place, timeout=_PATIENCE))
            self.client.wait_for_workers(workers or 1, timeout=_PATIENCE)
        except (OSError, ValueError) as error:
            self._stack.close()
            raise InputError(
                "no Dask scheduler with a worker answers",
                where="--workers" if address is None else "--cluster",
                found=str(address or error),
                remedy="Start one with: dask scheduler, and workers with: dask worker tcp://HOST:8786",
            ) from None
        except BaseException:
            self._stack.close()
            raise
        self._held = self.client.submit(_hold, self._payload, pure=False)
        self._warm_up()

    def _warm_up(self) -> None:
        """Have every worker unpack the model, compile it and make one group of runs, before anything is timed."""
        import distributed

        waiting = [
            self._asked(0, 1, workers=[worker])
            for worker in self.client.scheduler_info(n_workers=-1)["workers"]
        ]
        with suppress(TimeoutError):  # what is wrong with a worker shows in its chunks
            distributed.wait(waiting, timeout=_PATIENCE)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = None
        self._stack.close()

    @property
    def ahead(self) -> int:
        """How many chunks to have under way."""
        return int(_AHEAD * max(1, sum(self.client.nthreads().values())))

    def submit(self, start: int, stop: int) -> Any:
        """Ask for the groups start … stop - 1; `result` gives what comes of it."""
        return self._asked(start, stop, priority=-start)

    def _asked(self, start: int, stop: int, **options: Any) -> Any:
        rows = self._plan.sample.rows(start, stop)
        drawn = self._plan.draws(rows.reshape(-1, rows.shape[-1]))
        return self.client.submit(
            _work, self._held, self._key, provenance.versions(), drawn, pure=False, **options
        )

    def result(self, future: Any, start: int, stop: int) -> Array:
        """Outcomes of shape (groups, width, quantities), when they are there.

        Raises
        ------
        ResultError
            The workers are gone for good.
        """
        from concurrent.futures import CancelledError

        from distributed.scheduler import KilledWorker

        try:
            values: Array = future.result()
        except (CancelledError, KilledWorker, OSError) as error:
            raise ResultError(
                "the workers are gone",
                found=type(error).__name__,
                remedy="What was finished is kept: run the same command again, with workers or without",
            ) from None
        return values.reshape(stop - start, self._plan.sample.width, self._plan.layout.quantities)


# What travels ---------------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Packs read-only mappings too, which a model holds."""

    dispatch_table = copyreg.dispatch_table.copy()


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def _reduced(values: MappingProxyType[Any, Any]) -> tuple[Any, tuple[dict[Any, Any]]]:
    return _read_only, (dict(values),)


_Pickler.dispatch_table[MappingProxyType] = _reduced


@deep
def _packed(job: Job) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL).dump(job)
    return stream.getvalue()


# At the worker --------------------------------------------------------------------------------------

_jobs: dict[str, Job] = {}  # the last one unpacked, under its digest


def _hold(payload: bytes) -> bytes:
    """Keep the payload with the workers; were all that hold it to die, the scheduler would make it again."""
    return payload


def _work(payload: bytes, key: str, versions: dict[str, str], drawn: dict[str, Array]) -> Array:
    """Make one chunk of runs, in one thread: a worker makes as many chunks at a time as it has threads."""
    own = provenance.versions()
    if own != versions:
        other = next(name for name in sorted({*own, *versions}) if own.get(name) != versions.get(name))
        raise InputError(
            f"a worker has another version of {other}",
            where="--cluster",
            found=str(own.get(other)),
            expected=str(versions.get(other)),
            remedy="Give all machines the same environment: results depend on it",
        )
    job = _jobs.get(key)
    if job is None:
        _jobs.clear()
        job = _jobs[key] = pickle.loads(payload)
    return job.run(drawn, threads=1)
