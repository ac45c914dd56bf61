"""Where the files lie that a model names: spreadsheets, delimited text and data sets.

Names are relative to the model's folder; backslashes and any case are accepted, as on Windows. ``..`` may lead to the
folder beside the model's own (``../data/x.xlsx``), since models share such folders. What lies outside `Files.root` and
names of network shares are refused with a message, so that a model from elsewhere can't reach into the rest of a disk.
Links inside the root are followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from flows.errors import InputError, near

_MODELS = frozenset({".mdl", ".xmile", ".stmx"})


@dataclass(frozen=True)
class Files:
    """Where the external files of a model are.

    Attributes
    ----------
    folder : Path
        Folder of the model file.
    tags : mapping of str to str
        What ``'?tag'`` stands for (settings lines 30); keys with or without the question mark.
    root : Path, optional
        Folder that no file may lie outside of; without it the folder that holds `folder`.
    read : dict of Path to None
        Those that were read, in this order.
    """

    folder: Path
    tags: Mapping[str, str]
    root: Path | None = None
    read: dict[Path, None] = field(default_factory=dict, compare=False, repr=False)


def tags(settings: str) -> dict[str, str]:
    r"""Read which file each ``?tag`` stands for.

    Parameters
    ----------
    settings : str
        The settings of a model file, with lines such as ``30:?data=data.xlsx``.

    Returns
    -------
    dict of str to str
        Tag with its question mark → file name.

    Examples
    --------
    >>> tags("15:0,0,0,0,0,0\n30:?data=inputs/data 2026.xlsx\n")
    {'?data': 'inputs/data 2026.xlsx'}
    """
    lines = re.findall(r"^30:(\?[^=\r\n]*)=([^\r\n]*)", settings, flags=re.MULTILINE)
    return {tag.strip(): name.strip() for tag, name in lines}


_TEXT = (".tab", ".csv", ".dat")
_DATA = (*_TEXT, ".xlsx", ".xls", ".txt")
_SETTING = re.compile(r"^(1|13):([^\r\n]*)", re.MULTILINE)


def named_data_sets(files: Files, settings: str) -> list[Path]:
    """Find the data sets that the settings of a model name, in the order in which a later one wins.

    Lines 13 name data sources; for one that Vensim keeps as ``.vdf`` or ``.vdfx`` the text of the same name is taken.
    Lines 1 name what is loaded, which may be a run, so only text itself is taken from them.

    Parameters
    ----------
    files : Files
        Where they may lie; one named with a folder that isn't there is looked for beside the model.
    settings : str
        The settings of a model file.

    Returns
    -------
    list of Path
        Those that are there.
    """
    lines: dict[str, list[str]] = {"1": [], "13": []}
    for number, names in _SETTING.findall(settings):
        lines[number] += [names] if number == "1" else names.split(",")
    found = []
    for number, names in lines.items():
        for name in filter(None, map(str.strip, names)):
            stem = re.sub(r"\.vdfx?$", "", name, flags=re.IGNORECASE)
            endings = ("",) if number == "1" else ("", *_TEXT)
            wanted = [(stem if ending else name) + ending for ending in endings]
            wanted += [re.split(r"[/\\]", each)[-1] for each in wanted]
            for each in wanted:
                if Path(each).suffix.lower() in (_TEXT if number == "1" else _DATA):
                    with contextlib.suppress(InputError):
                        found.append(find_file(files, each)[0])
                        break
    return found


def find_file(files: Files, name: str) -> tuple[Path, str]:
    """Path of a file as the model names it, and its name for messages."""
    if name.startswith("?"):
        by_tag = {tag.strip().removeprefix("?").casefold(): target for tag, target in files.tags.items()}
        target = by_tag.get(name[1:].strip().casefold())
        if target is None:
            raise InputError(
                "the model doesn't say which file this tag stands for",
                where=f'"{name}"',
                remedy=near(name, [f"?{tag}" for tag in by_tag])
                or "Set it in Vensim (Model > Settings > XLS Files), or write the file's name",
            )
        name = target.strip()
    slashed = name.replace("\\", "/")
    if not slashed or "\0" in slashed:
        raise InputError(
            "the name of a file is missing", found=f'"{name}"', expected="one such as 'data.xlsx'"
        )
    base = os.path.abspath(files.folder)
    root = os.path.abspath(files.root) if files.root is not None else os.path.dirname(base)
    absolute = os.path.isabs(slashed)
    foreign = slashed.startswith("//") or (":" in slashed[:2] and not absolute)
    path = Path(os.path.normpath(os.path.join(base, slashed)))
    if foreign or not path.is_relative_to(root):
        raise InputError(
            "a model reads files of its own folder and of the folders beside it only",
            where=f'"{name}"',
            expected=f'a file below "{root}"',
            remedy="Put the file beside the model and name it without folder",
        )
    found = Path(root)
    for part in path.relative_to(root).parts:
        if not os.path.exists(found / part):
            part = _any_case(found, part) or refuse_missing(part, found, where=f'"{name}"')
        found /= part
    if not os.path.isfile(found):
        raise InputError("this is no file", where=f'"{name}"', found=f'"{found}"')
    return found, name


def _any_case(folder: Path, name: str) -> str | None:
    """The entry of a folder whose name is the same but for case and for how accents are composed."""
    alike = [entry for entry in _entries(folder) if _caseless(entry) == _caseless(name)]
    if len(alike) > 1:
        raise InputError(
            "several files differ in case only",
            where=str(folder),
            found=", ".join(sorted(alike)),
            remedy="Rename one",
        )
    return alike[0] if alike else None


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def refuse_missing(name: str, folder: Path, *, where: str) -> NoReturn:
    """Refuse a name that the folder lacks, with the nearest that it has and that is no model."""
    others = [entry for entry in _entries(folder) if Path(entry).suffix.lower() not in _MODELS]
    raise InputError(
        f'there is no file or folder "{name}" in "{folder}"',
        where=where,
        remedy=near(name, others) or "Put it there, or correct the name in the model",
    )
