"""Tables for spreadsheets: texts that one would take for a formula are marked as texts.

References
----------
OWASP, "CSV Injection": cells that begin with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return.
"""

from __future__ import annotations

import re

import pandas as pd

__all__ = ["as_text", "without_formulas"]

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|nan)", re.ASCII | re.IGNORECASE)


def as_text(text: str) -> str:
    """Mark a text as one, by an apostrophe, if a spreadsheet would take it for a formula.

    Examples
    --------
    >>> as_text("=1+1"), as_text("-2.5"), as_text("judges")
    ("'=1+1", '-2.5', 'judges')
    """
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Mark such texts in the columns and in the head of a table.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        The table itself where nothing has to be marked.
    """
    made = table
    for place, (_, column) in enumerate(table.items()):
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        marked = column.map(lambda cell: as_text(cell) if isinstance(cell, str) else cell)
        if not marked.equals(column):
            made = made.copy() if made is table else made
            made.isetitem(place, marked.to_numpy())
    head = [as_text(str(name)) for name in table.columns]
    return made if head == [str(name) for name in table.columns] else made.set_axis(head, axis="columns")
