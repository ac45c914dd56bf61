"""Numbers as the terminal shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RULE = "rates are means of the twelve months to then, all else is at the end of the month."


def size_of(values: Any, kind: str) -> float:
    """Return what counts as nothing beside a series: a hundred-thousandth of its size, and a twentieth of a person."""
    import numpy as np

    largest = float(np.abs(np.asarray(values, dtype=float)).max(initial=0.0))
    least = 0.05 if kind in ("event", "person", "case") and largest > 1 else 0.0
    return max(1e-5 * largest, least)


def number_text(value: float | None, nothing: float = 5e-5) -> str:
    """Write a number with at most four significant digits below a thousand, and whole above; never as 1e+04."""
    if value is None or value != value:
        return ""
    if abs(value) < nothing or value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.3g}"
    if abs(value) >= 999.95:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def change_text(row: Mapping[str, Any], nothing: float = 0.0) -> str:
    """Say a difference in brackets: per cent, else in the unit; nothing where the two aren't comparable."""
    percent, difference = row["difference_percent"], row["difference"]
    if difference != difference:
        return ""
    if abs(row["value"]) < nothing and abs(row["value"] - difference) < nothing:
        return "(0.0 %)"
    if percent == percent:
        return f"({signed_text(percent)} %)"
    text = number_text(abs(difference), nothing)
    return f"({'' if text == '0' else '+' if difference > 0 else '-'}{text})"


def signed_text(value: float) -> str:
    """Write a difference with its sign."""
    if value != value:
        return "n/a"
    text = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def short_month(words: str) -> str:
    """Shorten ``31 December 2030`` to ``31 Dec 2030``."""
    return re.sub(r"\b([A-Z][a-z]{2})[a-z]+ (?=\d{4})", r"\1 ", words)
