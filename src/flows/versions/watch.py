"""A model file at each save: checked and run again, held against the last version that was good."""

from __future__ import annotations

import contextlib
import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from flows.ensemble import NonFiniteWarning, simulate
from flows.errors import FlowsError, ResultError
from flows.inputs import Outcome
from flows.inspection import Finding, inspect
from flows.inspection.culprit import first_no_number
from flows.model.model import Model
from flows.vensim.lower import lower
from flows.vensim.parse import decoded, read_bytes
from flows.vensim.source import read_source
from flows.vensim.tree import ModelText
from flows.versions.behaviour import Behaviour, behaviour, run_of
from flows.versions.equations import Difference, differences
from flows.versions.source import Version, data_files

__all__ = ["Good", "Saved", "Watched", "saves"]

EVERY = 0.2
"""Seconds between two looks at the file."""

_SETTLED = 0.05  # seconds that a file must stay the same: an editor may be writing it
_LONGEST_EMPTY = 1.0  # seconds after which an empty file is taken for what was saved


def saves(path: Path, *, every: float = EVERY, stop: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Wait for saves of a file or of data that it reads; it may be written in place or replaced by another.

    Parameters
    ----------
    path : Path
    every : float
        Seconds between two looks.
    stop : callable
        Asked before each look; ends the iteration.

    Yields
    ------
    bytes
        The content of the file at first, and whenever it or a data file that it names is another one.

    Raises
    ------
    ModelError
        If there is no such file at first.
    """
    read_bytes(path)  # or a refusal
    seen: tuple[int, int, int] | None = None
    digest = b""
    last = b""
    files: tuple[Path, ...] = ()
    data: dict[Path, tuple[int, int, int]] = {}
    while not stop():
        try:
            mark = _mark(path)
            content = _settled(path, mark) if mark != seen else None
        except OSError:
            content = None  # being replaced: it comes back
        if content is not None:
            seen = mark
            found = hashlib.sha256(content).digest()
            if found != digest:
                digest, last = found, content
                files = tuple(data_files(decoded(content)[0], path.parent).values())
                data = _marks(files)
                yield content
                continue
        if data != (now := _marks(files)):
            time.sleep(_SETTLED)
            if now == _marks(files) and now.keys() >= data.keys():  # else being written or replaced
                data = now
                yield last
                continue
        time.sleep(every)


def _marks(files: Sequence[Path]) -> dict[Path, tuple[int, int, int]]:
    """Marks of the files that are there."""
    found = {}
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            found[file] = _mark(file)
    return found


def _mark(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _settled(path: Path, mark: tuple[int, int, int]) -> bytes | None:
    """What a file holds, once it holds still; None if it doesn't yet."""
    content = path.read_bytes()
    time.sleep(_SETTLED)
    if _mark(path) != mark or path.read_bytes() != content:
        return None
    if not content and time.time() - path.stat().st_mtime < _LONGEST_EMPTY:
        return None
    return content


@dataclass(frozen=True, eq=False)
class Good:
    """A version without errors, its run, and the digests of the data files that it read."""

    text: ModelText
    model: Model
    findings: tuple[Finding, ...]
    run: xr.Dataset
    data: dict[str, str]


@dataclass(frozen=True, eq=False)
class Saved:
    """What a save brought.

    Attributes
    ----------
    good : Good or None
        The version, if it has no error and its run gives numbers.
    findings : tuple of Finding
        Errors and warnings that the last good version doesn't give.
    error : FlowsError or None
        Why the model can't be run, beyond the findings.
    difference, moved
        Against the last good version; None for the first, and for one that isn't good.
    data : tuple of str
        Data files that are others than those of the last good version.
    """

    good: Good | None
    findings: tuple[Finding, ...]
    error: FlowsError | None = None
    difference: Difference | None = None
    moved: Behaviour | None = None
    data: tuple[str, ...] = ()


class Watched:
    """A model file, and its last version that was good.

    Parameters
    ----------
    path : Path
        The file.
    outcomes_of : callable
        Outcomes that are compared, for a model; none for all its variables.
    until : callable
        Last time of a run, for a model.
    """

    def __init__(
        self,
        path: Path,
        outcomes_of: Callable[[Model], Sequence[Outcome]] = lambda model: (),
        until: Callable[[Model], float | str | None] = lambda model: None,
    ) -> None:
        self.path, self.outcomes_of, self.until = path, outcomes_of, until
        self.last: Good | None = None

    def saved(self, content: bytes) -> Saved:
        """Check and run what was saved; it becomes the last good version if it is good."""
        text = decoded(content)[0]
        known = {_said(f) for f in self.last.findings} if self.last else set()
        findings = inspect(self.path, run=False, text=text)
        told = tuple(f for f in findings if f.level != "note" and _said(f) not in known)
        if any(f.level == "error" for f in findings):
            return Saved(None, told)
        try:
            tree = read_source(self.path, text=text)
            data = Version(self.path.name, self.path, tree).data()
            model = lower(tree)
            with warnings.catch_warnings():
                warnings.simplefilter("error", NonFiniteWarning)
                run = run_of(model, self.outcomes_of(model), until=self.until(model))
        except FlowsError as error:
            return Saved(None, told, error)
        except NonFiniteWarning:
            return Saved(None, told, _no_number(model))
        good, last = Good(tree, model, findings, run, data), self.last
        self.last = good
        if last is None:
            return Saved(good, told)
        difference = differences(last.text, tree)
        others = tuple(sorted(n for n in {*last.data, *data} if last.data.get(n) != data.get(n)))
        try:
            moved = behaviour(last.run, run, renamed=difference.renamed)
        except FlowsError as error:
            return Saved(good, told, error, data=others)
        return Saved(good, told, None, difference, moved, others)


def _no_number(model: Model) -> ResultError:
    """Say which variable is no number first, and why."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        found = first_no_number(model, simulate(model))
    if found is None:
        return ResultError("the run gives values that are no numbers", where=str(model.path))
    return ResultError(
        f'"{found.variable.spelling}" is not a finite number' + (f": {found.why}" if found.why else ""),
        where=f"{model.where(found.variable)}, time {found.time:g}",
    )


def _said(finding: Finding) -> tuple[str, ...]:
    return (finding.level, finding.rule, finding.variable, finding.what, finding.found)
