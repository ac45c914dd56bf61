"""Versions of a model: a file, or ``REVISION:path`` of a git repository with the files beside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.errors import InputError, ModelError
from flows.model.model import Model
from flows.vensim.external import Files, named_data_sets
from flows.vensim.lower import lower
from flows.vensim.parse import decoded
from flows.vensim.source import read_source
from flows.vensim.tree import ModelText

__all__ = ["Version", "data_files", "opened"]

_MOST_BYTES = 256_000_000  # of the files beside a model that are taken out of a revision
_FILE_NAMES = re.compile(r"'\??([^'\r\n]*\.(?:xlsx?|xlsm|csv|tab|dat|txt))'", re.IGNORECASE)
_SETTING_FILES = re.compile(r"[\r\n](?:1|13|30):(?:\?[^=\r\n]*=)?([^\r\n]+)")


@dataclass(frozen=True)
class Version:
    """One version of a model.

    Attributes
    ----------
    label : str
        As typed.
    path : Path
        Where the file lies; of a revision, in a temporary folder.
    text : ModelText
        Its syntax tree.
    """

    label: str
    path: Path
    text: ModelText

    def data(self) -> dict[str, str]:
        """Digests of the data files and spreadsheets that the model names, by name; of those that are there."""
        return {
            name: hashlib.sha256(file.read_bytes()).hexdigest()
            for name, file in data_files(self.text.text, self.path.parent).items()
            if file.is_file()
        }

    def model(self) -> Model:
        """Lower the tree.

        Raises
        ------
        ModelError
            If the model is wrong; the message names the version as typed.
        """
        with _labelled(self.path, self.label):
            return lower(self.text)


@contextlib.contextmanager
def opened(names: Sequence[str], *, cwd: Path | None = None) -> Iterator[tuple[Version, ...]]:
    """Open versions of a model; what a revision needs is taken out of the repository for as long as the block lasts.

    Parameters
    ----------
    names : sequence of str
        Each a path, or ``REVISION:path`` with the path from the root of the repository or from the working folder.
    cwd : Path, optional
        In place of the working folder.

    Yields
    ------
    tuple of Version

    Raises
    ------
    InputError
        If there is no such revision, or no such file in it.
    ModelError
        If a file can't be read as a model.
    """
    here = Path.cwd() if cwd is None else cwd
    with contextlib.ExitStack() as stack:
        found = []
        for name in names:
            path = here / name
            if not path.exists() and ":" in name:
                folder = Path(tempfile.mkdtemp(prefix="flows-revision-"))
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                path = _taken_out(name, here, folder)
            if path == here / name and cwd is None:
                path = Path(name)  # as people see it, in messages
            if not path.exists():
                _refuse_bare_revision(name, names, here)
            with _labelled(path, name):
                found.append(Version(name, path, read_source(path)))
        yield tuple(found)


@contextlib.contextmanager
def _labelled(path: Path, label: str) -> Iterator[None]:
    """Name a version in messages as it was typed."""
    try:
        yield
    except ModelError as error:
        where = error.where.replace(str(path), label)
        raise type(error)(
            error.what, where=where, found=error.found, expected=error.expected, remedy=error.remedy
        ) from None


_SILENCE = "nothing"


def _refuse_bare_revision(name: str, names: Sequence[str], here: Path) -> None:
    """Say how a file of a revision is named where the revision alone was typed."""
    if name.startswith("-") or shutil.which("git") is None:
        return
    try:
        _git(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], here)
    except InputError:
        return
    file = next(
        (other for other in names if other != name and (here / other).is_file()), "models/migration.mdl"
    )
    raise InputError(
        "this is a revision, and no file of it is named",
        where=name,
        expected="a path, or REVISION:path",
        remedy=f"Write {name}:{Path(file).as_posix()}",
    )


def _git(arguments: Sequence[str], cwd: Path, *, given: bytes | None = None) -> bytes:
    """What git prints; its own words where it refuses."""
    done = subprocess.run(["git", *arguments], cwd=cwd, input=given, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError("git can't read this", where=arguments[-1], found=words[-1] if words else _SILENCE)
    return done.stdout


def _taken_out(name: str, here: Path, folder: Path) -> Path:
    """Take a model and what it may need out of a revision; returns where the model lies."""
    revision, _, inside = name.partition(":")
    if not revision or revision.startswith("-"):
        raise InputError(
            "no such file, and no revision of one",
            where=name,
            expected="a path, or REVISION:path such as HEAD~1:models/migration.mdl",
        )
    if shutil.which("git") is None:
        raise InputError("there is no such file, and git isn't installed to read a revision", where=name)
    try:
        root = Path(os.fsdecode(_git(["rev-parse", "--show-toplevel"], here)).rstrip("\r\n"))
        commit = _git(["rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], here).decode().strip()
    except InputError as error:
        raise InputError(
            f'there is no file "{name}", and no revision "{revision}" in this repository',
            where=name,
            found="" if error.found == _SILENCE else f'the words of git "{error.found}"',
            expected="a path, or REVISION:path such as HEAD~1:models/migration.mdl",
        ) from None
    at = PurePosixPath(inside.replace("\\", "/"))
    inner = PurePosixPath(*here.resolve().relative_to(root.resolve()).parts) / at
    files = _listed(commit, root, "")
    path = next((p for p in (at, inner) if str(p) in files), None)
    if path is None:
        known = [p for p in files if p.endswith(".mdl")]
        raise InputError(
            f"revision {revision} has no such file",
            where=name,
            expected=("one of " + ", ".join(known[:6])) if known else "a model file",
        )
    parent = "" if str(path.parent) == "." else f"{path.parent}/"
    beside = [p for p in files if p.startswith(parent)]
    if sum(files[p][1] for p in beside) > _MOST_BYTES:
        beside = [p for p in beside if "/" not in p[len(parent) :]]
    _write(commit, root, folder, {str(path): files[str(path)][0]})
    target = folder / path
    needed = _named(decoded(target.read_bytes())[0], path)
    _write(
        commit, root, folder, {p: files[p][0] for p in {*beside, *needed} if p in files and p != str(path)}
    )
    return target


def _listed(commit: str, root: Path, under: str) -> dict[str, tuple[str, int]]:
    """Files of a commit: path → object and size."""
    found = {}
    for line in _git(["ls-tree", "-r", "-l", "-z", commit, *([under] if under else [])], root).split(b"\0"):
        head, tab, name = line.partition(b"\t")
        fields = head.split()
        path = name.decode(sys.getfilesystemencoding(), "surrogateescape")
        if tab and fields[1] == b"blob" and fields[0] != b"120000" and _inside(path):
            found[path] = (fields[2].decode(), int(fields[3]))
    return found


def _inside(path: str) -> bool:
    """Whether a path stays in the folder that it is put into: what somebody's tree holds needn't."""
    plain = PurePosixPath(path.replace("\\", "/"))
    return (
        bool(plain.parts)
        and not plain.is_absolute()
        and not {"..", ".git"} & set(plain.parts)
        and ":" not in path
    )


def data_files(text: str, folder: Path) -> dict[str, Path]:
    """Find the data files and spreadsheets that the text of a model names, by name, whether they are there or not.

    Parameters
    ----------
    text : str
        The model.
    folder : Path
        Where it lies.

    Returns
    -------
    dict of str to Path
    """
    found = {name: folder / name.replace("\\", "/") for name in sorted(_names_in(text))}
    known = {os.path.abspath(path) for path in found.values()}
    sets = named_data_sets(Files(folder, {}), text)
    return found | {path.name: path for path in sets if os.path.abspath(path) not in known}


def _names_in(text: str) -> set[str]:
    """Names of data files and spreadsheets in equations and settings."""
    names = {m[1] for m in _FILE_NAMES.finditer(text)}
    for match in _SETTING_FILES.finditer(text):
        names.update(part.strip() for part in match[1].split(","))
    return names - {""}


def _named(text: str, path: PurePosixPath) -> set[str]:
    """Files outside the model's folder that its equations and settings name, from the root of the repository."""
    found = set()
    for name in _names_in(text):
        parts: list[str] = list(path.parent.parts)
        for part in name.replace("\\", "/").split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        found.add("/".join(parts))
    return found


def _write(commit: str, root: Path, folder: Path, objects: dict[str, str]) -> None:
    """Write files of a commit into a folder."""
    if not objects:
        return
    names = list(objects)
    told = _git(["cat-file", "--batch"], root, given="\n".join(objects[n] for n in names).encode() + b"\n")
    at = 0
    for name in names:
        head_end = told.index(b"\n", at)
        size = int(told[at:head_end].split()[2])
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(told[head_end + 1 : head_end + 1 + size])
        at = head_end + 1 + size + 1
