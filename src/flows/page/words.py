"""What the page says, in each of its languages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["read_words"]


def read_words(lang: str) -> dict[str, Any]:
    """Read the words of the page in a language.

    Parameters
    ----------
    lang : str
        ``en`` or ``es``.

    Returns
    -------
    dict
        Texts by key, lists of texts, and ``units`` in English, whose Spanish stands with the labels.

    Examples
    --------
    >>> read_words("en")["undo"], read_words("es")["undo"]
    ('Undo', 'Deshacer')
    """
    return tomllib.loads((Path(__file__).parent / f"words.{lang}.toml").read_text(encoding="utf-8"))
