"""The tree of refusals: every message says what, where, found, expected and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from os import PathLike


class FlowsError(Exception):
    """Base of every refusal; its text is one clear sentence (or two), never a traceback for a user's mistake.

    Parameters
    ----------
    what : str
        What is wrong, without a full stop.
    where : str, optional
        File with line and column, or file with key, or the command-line argument.
    found, expected : str, optional
        What stood there and what should have.
    remedy : str, optional
        How to mend it, as an imperative sentence without a full stop.
    """

    def __init__(
        self, what: str, *, where: str = "", found: str = "", expected: str = "", remedy: str = ""
    ) -> None:
        self.what, self.where, self.found, self.expected, self.remedy = what, where, found, expected, remedy
        parts = [f"{where}: {what}" if where else what]
        if found:
            parts.append(f"found {found}")
        if expected:
            parts.append(f"expected {expected}")
        sentence = ", ".join(parts).rstrip(".") + "."
        if remedy:
            sentence += f" {remedy.rstrip('.?')}{'?' if remedy.endswith('?') else '.'}"
        super().__init__(sentence)


class ModelError(FlowsError):
    """Something is wrong in a model file; ``where`` is ``file:line:column``."""


class UnitError(ModelError):
    """The units of an equation don't match."""


class UnsupportedError(ModelError):
    """A construct that the compiled engine doesn't run; named, so that nobody gets a silently wrong number."""


class DataError(ModelError):
    """Data that a model reads aren't there; its equations may be in order."""


class InputError(FlowsError):
    """A scenario, study, setting, name or option is wrong."""


class ResultError(FlowsError):
    """A run gave a value that is no number, or results can't be written."""


def unread(model: object) -> InputError:
    """Make the refusal of what stands where a model belongs, such as the path of its file.

    Parameters
    ----------
    model : object
        What was given.

    Returns
    -------
    InputError

    Examples
    --------
    >>> print(unread("models/migration.mdl"))
    this is no model, found "models/migration.mdl", expected what flows.read_vensim returns. Write \
flows.read_vensim("models/migration.mdl").
    """
    path = str(model) if isinstance(model, str | PathLike) else ""
    return InputError(
        "this is no model",
        found=f'"{path}"' if path else type(model).__name__,
        expected="what flows.read_vensim returns",
        remedy=f'Write flows.read_vensim("{path}")'
        if path.lower().endswith((".mdl", ".xmile", ".stmx"))
        else "",
    )


def near(name: str, candidates: Iterable[str]) -> str:
    """Name the candidate nearest to a misspelt name.

    Parameters
    ----------
    name : str
        The name as typed.
    candidates : iterable of str
        The names that exist.

    Returns
    -------
    str
        ``did you mean "…"?`` or an empty string when nothing is near.

    Examples
    --------
    >>> near("repeat chanse", ["repeat chance", "judges"])
    'Did you mean "repeat chance"?'
    >>> near("xyz", ["repeat chance"])
    ''
    """
    by_folded = {" ".join(c.replace("_", " ").lower().split()): c for c in candidates}
    folded = " ".join(name.replace("_", " ").lower().split())
    match = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return f'Did you mean "{by_folded[match[0]]}"?' if match else ""
