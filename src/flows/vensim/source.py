"""A model file of either kind as a syntax tree: Vensim's text, or XMILE."""

from __future__ import annotations

from pathlib import Path

from flows.errors import ModelError
from flows.vensim.parse import Unreadable, parse, read_text
from flows.vensim.tree import ModelText

__all__ = ["XMILE", "read_source", "refuse_other_kind"]

XMILE = (".xmile", ".stmx")
"""Endings of XMILE files."""
_OTHERS = {
    ".vsc": "a sensitivity control",
    ".lst": "a save list",
    ".cin": "a changes file",
    ".vdf": "a run that Vensim saved",
    ".vdfx": "a run that Vensim saved",
    ".toml": "a TOML file",
    ".md": "a text in Markdown",
    ".json": "a JSON file",
    ".py": "a Python program",
    **dict.fromkeys((".csv", ".tab", ".dat", ".xls", ".xlsx", ".xlsm", ".ods"), "a table"),
}
"""Endings of files that are no models, with what they are."""


def refuse_other_kind(path: str | Path) -> None:
    """Refuse in a sentence what is plainly no model, in place of a mistake for each of its lines.

    Raises
    ------
    ModelError
        If the file's ending is that of another kind, it is missing or empty, or no equation in it has an end.
    """
    path = Path(path)
    expected = "a model (.mdl, .xmile or .stmx)"
    if path.is_file() and (kind := _OTHERS.get(path.suffix.lower())):
        raise ModelError("not a Vensim model", where=str(path), found=kind, expected=expected)
    text = read_text(path).removeprefix("{UTF-8}")
    if not text.strip():
        raise ModelError("not a Vensim model", where=str(path), found="an empty file", expected=expected)
    if path.suffix.lower() not in XMILE and not {"~", "|"} & set(text):
        raise ModelError(
            "not a Vensim model", where=str(path), found="no ~ and no |", expected="equations that end in |"
        )


def read_source(
    path: str | Path, *, text: str | None = None, unreadable: list[Unreadable] | None = None
) -> ModelText:
    """Read a model file by its ending.

    Parameters
    ----------
    path : path
        ``.xmile`` and ``.stmx`` are XMILE, anything else Vensim's text.
    text : str, optional
        The file's text where it is known already.
    unreadable : list of Unreadable, optional
        If given, takes in what can't be read instead of the first being raised.

    Returns
    -------
    ModelText

    Raises
    ------
    ModelError
        If the file is missing, or at the first block that can't be read.
    """
    path = Path(path)
    text = read_text(path) if text is None else text
    if path.suffix.lower() in XMILE:
        from flows.vensim import xmile

        return xmile.read(path, text, unreadable=unreadable)
    return parse(text, str(path), unreadable=unreadable)
