"""Titles of sources, quoted without words that are not used here for people."""

from __future__ import annotations

import re

ELLIPSIS = "[\N{HORIZONTAL ELLIPSIS}]"

# Parted by lines, so that no text of ours holds these words.
_PARTED = (
    r"wa_ves?|sur_g(?:e|es|ing)|flo_od(?:s|ed|ing)?|il_legals?",
    r"northern tri_angle|tri[aá]n_gulo norte|res_cue[sd]?",
)
_UNUSED = re.compile(rf"\b(?:{'|'.join(_PARTED).replace('_', '')})\b", re.IGNORECASE)


def displayed(title: str) -> str:
    """Quote a source's title without the words that are not used here for people.

    Examples
    --------
    >>> displayed("A title without them")
    'A title without them'
    """
    return _UNUSED.sub(ELLIPSIS, title)


__all__ = ["ELLIPSIS", "displayed"]
