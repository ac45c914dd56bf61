"""Text files that people write: how bytes become text, tables in CSV, and how a refusal is worded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from flows.errors import InputError

__all__ = ["any_text", "read_bytes", "read_cells", "read_text"]


def read_bytes(path: Path, shown: str) -> bytes:
    """Read a file as it is.

    Raises
    ------
    InputError
        The system refuses it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("can't be read", where=shown, found=str(error.strerror or error)) from None


def read_text(path: Path, shown: str) -> str:
    """Read a text file in UTF-8 with the line ends that it has, without the mark that some programs write first.

    Raises
    ------
    InputError
        It can't be read, or is in another encoding.
    """
    try:
        return read_bytes(path, shown).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "not a text file in UTF-8", where=shown, found=f"byte {error.start}", remedy="Save it as UTF-8"
        ) from None


def read_cells(path: Path, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file in UTF-8 that hold something, each with the number of the line that it ends on.

    Raises
    ------
    InputError
        As `read_text`, or it is no CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path, shown), newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(
            "can't be read as a table", where=f"{shown}:{reader.line_num}", found=str(error),
            remedy="Look for a quotation mark that isn't closed",
        ) from None  # fmt: skip


def any_text(raw: bytes) -> str:
    r"""Make text of a file of Vensim's or a spreadsheet's: UTF-8, UTF-16 with its mark, else Windows-1252.

    Examples
    --------
    >>> any_text("año".encode()), any_text("año".encode("cp1252")), any_text("año".encode("utf-16"))
    ('año', 'año', 'año')
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
