"""Results on disk: written beside their place, renamed when complete, with a record of their origin."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from flows.errors import InputError, ResultError
from flows.paths import plain

__all__ = [
    "FILE",
    "Kept",
    "atomic_path",
    "atomic_write",
    "digest",
    "kept",
    "now",
    "record",
    "results_folder",
]

FILE = "provenance.json"
"""Name of the record in every results folder."""

PROGRAM = "flows"
DISTRIBUTION = "flows-migration"
PACKAGES = ("numpy", "scipy", "xarray", "pandas", "llvmlite", "pysd", "SALib", "matplotlib")
"""Packages whose versions can move the numbers or the figures."""

_FULL = "See whether the disk is full, or choose another folder with --out"
_ELSEWHERE = "Choose another folder with --out"
_ATTEMPTS = 5
_PAUSE = (
    0.2  # seconds between attempts to rename: on Windows a virus scanner may hold a new file for a moment
)


def digest(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of a file's bytes.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            "the file can't be read", where=str(path), found=error.strerror or str(error)
        ) from error


def now() -> str:
    """Tell the time in UTC, to the second, as ISO 8601.

    Returns
    -------
    str
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """List the versions of Python, Flows and the packages that can move its numbers."""
    found = {PROGRAM: "0", "python": platform.python_version()}  # 0: a source tree that isn't installed
    for name, package in ((PROGRAM, DISTRIBUTION), *((package.lower(), package) for package in PACKAGES)):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(package)
    return found


def record(
    *,
    command: str | Sequence[str] | None = None,
    inputs: Iterable[str | os.PathLike[str]] = (),
    seed: int | None = None,
    started: str | None = None,
    finished: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe where results come from.

    Parameters
    ----------
    command : str or sequence of str, optional
        What was called; the process's own command line by default, with the program's name alone.
    inputs : iterable of paths
        Every file that was read. A file given twice is listed once.
    seed : int, optional
        Of every random choice; None where nothing was drawn.
    started, finished : str, optional
        Times as `now` gives them; now by default.
    extra : mapping, optional
        Further entries (JSON values).

    Returns
    -------
    dict
        ``program, command, seed, started, finished, system, versions, inputs`` (each with ``path``,
        ``sha256`` and ``bytes``) and the extra entries. A path is given from the working folder or from the
        folder of the shipped files where it lies inside, else as its name alone.
    """
    if command is None:
        name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else PROGRAM
        command = [PROGRAM if name == "__main__" else name, *sys.argv[1:]]
    files = {Path(path).resolve(): None for path in inputs}
    return {
        "program": PROGRAM,
        "command": command if isinstance(command, str) else " ".join(map(_quoted, command)),
        "seed": seed,
        "started": started or now(),
        "finished": finished or now(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "inputs": [
            {"path": _short(path), "sha256": digest(path), "bytes": path.stat().st_size} for path in files
        ],
        **(extra or {}),
    }


def _quoted(word: str) -> str:
    return f'"{word}"' if not word or any(letter.isspace() for letter in word) else word


def _short(path: Path) -> str:
    """Spell a path without the parts that belong to one machine."""
    for base in (Path.cwd(), Path(__file__).resolve().parents[2], Path(__file__).resolve().parent / "_data"):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.name


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write a file to; it takes the file's place when the block ends well.

    The temporary file lies beside the target and has its suffix, for writers that look at it. On any error
    it is removed and an older file at the target stays as it was. Parent folders are made.

    Parameters
    ----------
    path : path
        Where the file is to lie.

    Yields
    ------
    pathlib.Path
        Where to write.

    Raises
    ------
    ResultError
        The place cannot be written to.
    """
    target = Path(path)
    with _as_result_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=".partial" + target.suffix, dir=target.parent
        )
        os.close(handle)
    temporary = Path(name)
    try:
        with _as_result_error(target):
            yield temporary
            _set_usual_mode(temporary)
            _flush(temporary)
            _replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    r"""Write a file whole or not at all: text as UTF-8 with ``\n`` line ends, bytes as they are.

    Parameters
    ----------
    path : path
        Where the file is to lie.
    content : str or bytes
        All of it.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    ResultError
        The place cannot be written to.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(plain(content).encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


@contextlib.contextmanager
def results_folder(
    out: str | os.PathLike[str],
    *,
    command: str | Sequence[str] | None = None,
    inputs: Iterable[str | os.PathLike[str]] = (),
    seed: int | None = None,
    started: str | None = None,
    extra: Mapping[str, Any] | None = None,
    entry: Mapping[str, Any] | None = None,
) -> Iterator[Path]:
    """Give a temporary folder for results; it becomes ``out``, with its provenance, when the block ends well.

    On an error, or an interruption, the temporary folder is removed and ``out`` stays as it was. A folder is
    replaced only if it is empty or holds a provenance record of this program. Of a replaced folder,
    whatever the record doesn't list as a result (a user's notes, say) moves into the new one.

    Parameters
    ----------
    out : path
        The results folder, e.g. ``outputs/sensitivity``.
    command, inputs, seed, started, extra
        As in `record`. Inputs are digested at the start, so that the record speaks of what was read.
    entry : mapping, optional
        A record made earlier, in place of these five: after long work, whose inputs may have changed since.

    Yields
    ------
    pathlib.Path
        An empty folder beside ``out``.

    Raises
    ------
    ResultError
        ``out`` is a file, holds files that aren't results of this program, or cannot be written.
    InputError
        An input cannot be read.
    """
    target = Path(out).resolve()
    check_replaceable(target)
    made = (
        dict(entry)
        if entry is not None
        else record(command=command, inputs=inputs, seed=seed, started=started, extra=extra)
    )
    with _as_result_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # not mkdtemp: on Windows its folders, and what is renamed from one, are closed to everybody else
        temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.partial"
        temporary.mkdir()
    try:
        yield temporary
        made["finished"] = now()
        with _as_result_error(target):
            made["results"] = sorted(
                path.relative_to(temporary).as_posix() for path in temporary.rglob("*") if path.is_file()
            )
            atomic_write(temporary / FILE, json.dumps(made, indent=2, ensure_ascii=False) + "\n")
            _take_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(out: str | os.PathLike[str]) -> None:
    """Refuse a results folder that holds anything but results of this program, or that can't be made.

    Raises
    ------
    ResultError
        ``out`` is a file, or a folder with files and without our provenance record, or lies where nothing can be
        written.
    """
    target = Path(out)
    if target.exists() and not target.is_dir():
        raise ResultError("the results folder is a file", where=str(out), remedy=_ELSEWHERE)
    if target.exists() and any(target.iterdir()) and read_record(target) is None:
        raise ResultError(
            "the results folder holds files that aren't results of Flows",
            where=str(out),
            expected=f"an empty folder, or one with a {FILE}",
            remedy=_ELSEWHERE,
        )
    above = next((path for path in target.absolute().parents if path.exists()), None)
    if above is not None and above.is_dir() and not os.access(above, os.W_OK):
        raise ResultError(
            "the results can't be written",
            where=str(out),
            found=f"that nothing can be written in {above}",
            remedy=_ELSEWHERE,
        )


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the provenance record of a results folder; None if it has none that this program wrote."""
    try:
        found = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("program") == PROGRAM else None


@dataclass(frozen=True)
class Kept:
    """A results folder on the disk.

    Attributes
    ----------
    folder : Path
        Where it is.
    kind : str
        The command that made it, such as ``run``, ``compare``, ``study``, ``report``; empty if the record names none.
    finished : str
        ISO 8601, UTC.
    command : str
        As typed.
    """

    folder: Path
    kind: str
    finished: str
    command: str


def kept(under: str | os.PathLike[str]) -> tuple[Kept, ...]:
    """Find every results folder by its record, the newest first.

    Parameters
    ----------
    under : path
        A folder, looked through with all folders inside it; half-written ones, whose names begin with a dot, are left
        out.

    Returns
    -------
    tuple of Kept
        Empty where there is no such folder.
    """
    found = []
    for folder, inside, files in os.walk(under):  # what vanishes meanwhile is passed over
        inside[:] = [name for name in inside if not name.startswith(".")]
        path = Path(folder) / FILE
        entry = read_record(path.parent) if FILE in files else None
        if entry is None:
            continue
        command = str(entry.get("command", ""))
        words = command.split()
        kind = words[1] if len(words) > 1 and words[0] == PROGRAM and not words[1].startswith("-") else ""
        found.append(Kept(path.parent, kind, str(entry.get("finished", "")), command))
    return tuple(sorted(found, key=lambda k: (k.finished, k.folder.as_posix()), reverse=True))


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read arrays that unfinished work left (``.npz``), none of them a Python object.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to array, or None
        None if the file is missing or damaged in whatever way: the work is done again then.
    """
    import numpy as np

    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception:  # a damaged file ends in whatever the readers of archives and arrays stumble over
        return None


def _take_place(temporary: Path, target: Path) -> None:
    """Rename a finished folder to its place; an older one steps aside first and comes back if that fails."""
    if not target.exists():
        _rename(temporary, target)
        return
    check_replaceable(target)
    aside = target.with_name(f"{temporary.name.removesuffix('.partial')}.replaced")
    _rename(target, aside)
    try:
        _rename(temporary, target)
    except BaseException:
        _rename(aside, target)
        raise
    _keep_others(aside, target)
    shutil.rmtree(aside, ignore_errors=True)


def _keep_others(old: Path, new: Path) -> None:
    """Move what an older record doesn't list from the old results folder to the new one."""
    listed = {FILE, *((read_record(old) or {}).get("results") or [])}
    for path in sorted(old.rglob("*")):
        place = new / path.relative_to(old)
        if path.is_file() and path.relative_to(old).as_posix() not in listed and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _rename(path, place)


def _rename(source: Path, target: Path) -> None:
    """Rename, with patience: on Windows another program may hold a file open for a moment."""
    for attempt in range(_ATTEMPTS):
        try:
            source.rename(target)
            return
        except PermissionError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE)


def _replace(source: Path, target: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            source.replace(target)
            return
        except PermissionError:
            if attempt == _ATTEMPTS - 1 or target.is_dir():
                raise
            time.sleep(_PAUSE)


def _flush(path: Path) -> None:
    """Have the system put a file's bytes on the disk, so that a rename never outruns them."""
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def _set_usual_mode(path: Path) -> None:
    """Give a temporary file, private when made, the mode that the user's mask asks for."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)


@contextlib.contextmanager
def _as_result_error(target: Path) -> Iterator[None]:
    """Turn the system's refusals into a sentence that names the place."""
    try:
        yield
    except OSError as error:
        remedy = _ELSEWHERE if error.errno == errno.EROFS else ""
        if error.errno in (None, errno.ENOSPC, errno.EDQUOT):  # None: NumPy's words for a short write
            remedy = _FULL
        if isinstance(error, PermissionError):
            remedy = "Close programs that have them open, or choose another folder with --out"
        raise ResultError(
            "the results can't be written",
            where=str(target),
            found=error.strerror or str(error),
            remedy=remedy,
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("NetCDF: "):
            raise
        # the library's only word for a disk that takes no more
        raise ResultError(
            "the results can't be written",
            where=str(target),
            found=str(error),
            remedy=_FULL,
        ) from error
