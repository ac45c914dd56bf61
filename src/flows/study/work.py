"""Unfinished work on disk: the sums so far, and the chunks that came after them."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows import provenance
from flows.errors import ResultError
from flows.study.plan import Array, Plan

STATE = "state.npz"
FAULTS = "not_finite.csv"
_SPENT = "seconds.json"
SNAPSHOT_BYTES = 256 * 2**20
"""Of chunks, after which the sums are written and the chunks removed."""


def write_state(path: Path, state: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, whole or not at all."""
    with provenance.atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, allow_pickle=False, **dict(state))


def read_state(path: Path) -> dict[str, NDArray[Any]] | None:
    """Read arrays by name; None if the file is missing or damaged."""
    return provenance.load_arrays(path)


def _check(values: Array) -> bytes:
    """Checksum (CRC-32) that stands behind the array of a chunk."""
    return zlib.crc32(np.ascontiguousarray(values).data).to_bytes(4, "little")


@dataclass(eq=False)
class WorkFolder:
    """Finished work of a study that is under way: a state of the sums, and chunks under their first group.

    A chunk is written whole before the next is begun, so nothing that was finished is lost; when the chunks have grown
    large the state takes their place, so the folder doesn't grow with the number of runs.
    """

    path: Path
    plan: Plan
    note: str
    loose: int = field(default=0)

    @classmethod
    def open(cls, target: Path, plan: Plan, *, resume: bool) -> WorkFolder:
        """Take up the work folder beside ``target``, cleared unless it is of exactly this plan."""
        path = target.with_name(f".{target.name}.work")
        digest = plan.digest()
        found = provenance.read_record(path)
        if path.exists() and not (resume and found and found.get("plan") == digest):
            if found is None and any(path.iterdir()):
                raise ResultError(
                    "the folder for unfinished work holds other files",
                    where=str(path),
                    remedy="Remove it, or choose another folder with --out",
                )
            shutil.rmtree(path, ignore_errors=True)
        return cls(path, plan, json.dumps({"program": provenance.PROGRAM, "plan": digest}) + "\n")

    def _file(self, start: int) -> Path:
        return self.path / f"groups-{start:08d}.npy"

    def state(self) -> dict[str, NDArray[Any]] | None:
        """Read the sums; None if there are none."""
        return read_state(self.path / STATE)

    def has(self, start: int, stop: int) -> bool:
        """Whether a finished chunk is there, by its head and size alone."""
        try:
            return self._fits(np.load(self._file(start), mmap_mode="r", allow_pickle=False), start, stop)
        except Exception:  # as in `provenance.load_arrays`
            return False

    def load(self, start: int, stop: int) -> Array | None:
        """Read the outcomes of a finished chunk; None if it isn't there whole, to the bit."""
        try:
            with open(self._file(start), "rb") as stream:
                values: Array = np.load(stream, allow_pickle=False)
                whole = stream.read() == _check(values)
        except Exception:  # as in `provenance.load_arrays`
            return None
        return values if whole and self._fits(values, start, stop) else None

    def _fits(self, values: Array, start: int, stop: int) -> bool:
        expected = (stop - start, self.plan.sample.width, self.plan.layout.quantities)
        return values.shape == expected and values.dtype == np.float64

    def save(self, start: int, values: Array) -> None:
        """Keep the outcomes of a finished chunk."""
        if not (self.path / provenance.FILE).exists():
            provenance.atomic_write(self.path / provenance.FILE, self.note)
        with provenance.atomic_path(self._file(start)) as temporary, open(temporary, "wb") as stream:
            np.save(stream, values, allow_pickle=False)
            stream.write(_check(values))
        self.loose += values.nbytes

    def note_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Keep the runs whose values aren't finite, with their inputs, to be looked into."""
        provenance.atomic_write(self.path / provenance.FILE, self.note)
        provenance.atomic_write(
            self.path / FAULTS, pd.DataFrame(list(faults)).to_csv(index=False, lineterminator="\n")
        )

    @property
    def due(self) -> bool:
        """Whether the chunks have grown so large that the state should take their place."""
        return self.loose > SNAPSHOT_BYTES

    def snapshot(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Write the state, then remove the chunks that it covers."""
        provenance.atomic_write(self.path / provenance.FILE, self.note)
        write_state(self.path / STATE, state)
        for chunk in self.path.glob("groups-*.npy"):
            chunk.unlink(missing_ok=True)
        self.loose = 0

    def spent(self) -> dict[str, float]:
        """Read the seconds that earlier attempts spent, by what they went into; none if there were none."""
        try:
            found = json.loads((self.path / _SPENT).read_text(encoding="utf-8"))
            return {str(what): float(seconds) for what, seconds in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def note_spent(self, spent: Mapping[str, float]) -> None:
        """Keep the seconds spent so far, for an attempt that goes on from here."""
        if self.path.is_dir():
            provenance.atomic_write(self.path / _SPENT, json.dumps(dict(spent)) + "\n")

    def remove(self) -> None:
        """Forget the work: the results stand."""
        shutil.rmtree(self.path, ignore_errors=True)
