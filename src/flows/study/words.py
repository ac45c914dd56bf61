"""The words of a study: its sentences in English, and what another language has to know to say them."""

from __future__ import annotations

from typing import Any, Protocol

from flows.calendar import label
from flows.calendar import month_index as index_of

__all__ = ["ENGLISH", "Words", "percent"]

_PER_CENT = "\N{NO-BREAK SPACE}%"


class Words(Protocol):
    """One language: sentences by their English, and the names of what a study speaks of."""

    def __call__(self, english: str, /, **values: Any) -> str:
        """Say a sentence; ``{name}`` in it stands for a value."""
        ...

    def title(self, name: str, english: str, /) -> str:
        """Title of an outcome by its name."""
        ...

    def variable(self, name: str, /) -> str:
        """Name of an uncertain input."""
        ...

    def scenario(self, scenario: str, /) -> str:
        """Name of a scenario."""
        ...

    def unit(self, unit: str, /) -> str:
        """A unit of the model in words."""
        ...

    def month(self, date: str, /) -> str:
        """Say ``2030-12`` in words."""
        ...


class _English:
    """English, with names as the model and the study write them."""

    def __call__(self, english: str, /, **values: Any) -> str:
        text = english.replace(" %", _PER_CENT)
        return text.format(**values) if values else text

    def title(self, name: str, english: str, /) -> str:
        return english

    def variable(self, name: str, /) -> str:
        return name

    def scenario(self, scenario: str, /) -> str:
        return scenario

    def unit(self, unit: str, /) -> str:
        return unit

    def month(self, date: str, /) -> str:
        return label(index_of(date))


ENGLISH: Words = _English()


def percent(share: float, *, decimals: int = 0) -> str:
    r"""Write a share in per cent, the number and its sign on one line.

    Examples
    --------
    >>> percent(0.05), percent(0.0125, decimals=1)
    ('5\xa0%', '1.2\xa0%')
    """
    return f"{100 * share:.{decimals}f}{_PER_CENT}"
