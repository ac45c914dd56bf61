"""A model file of either kind as a syntax tree: Vensim's text, or XMILE."""

from __future__ import annotations

from pathlib import Path

from flows.vensim.parse import Unreadable, parse, read_text
from flows.vensim.tree import ModelText

__all__ = ["XMILE", "read_source"]

XMILE = (".xmile", ".stmx")
"""Endings of XMILE files."""


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
