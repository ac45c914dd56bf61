"""From a course over time to one number: final, highest, lowest, mean and integral, when, and first crossing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError
from flows.references import parse_number

__all__ = ["WORDS", "Reduction", "split"]

Kind = Literal[
    "final", "highest", "lowest", "time of highest", "time of lowest", "mean", "integral", "first time above",
    "first time below",
]  # fmt: skip
WORDS: tuple[Kind, ...] = (
    "final",
    "highest",
    "lowest",
    "time of highest",
    "time of lowest",
    "mean",
    "integral",
)
_PREFIX = re.compile(
    r"\s*(time of highest|time of lowest|final|highest|lowest|mean|integral)\s+(.+)", re.IGNORECASE
)
_CROSSING = re.compile(r"\s*first\s+time\s+(.+)\s+(above|below)\s+(\S+)\s*", re.I)


@dataclass(frozen=True)
class Reduction:
    """How a course over time becomes one number.

    Attributes
    ----------
    kind : str
        ``final``, ``highest``, ``lowest``, ``mean`` over the saved times, ``integral`` over time, ``time of
        highest`` and ``time of lowest``, ``first time above`` and ``first time below``.
    threshold : float
        Of the first crossing.
    """

    kind: Kind
    threshold: float = 0.0

    def apply(self, values: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reduce courses.

        Parameters
        ----------
        values : array, shape (…, times)
        time : array, shape (times,)
            Model time, rising.

        Returns
        -------
        array, shape (…)
            Times are model time; a course that never crosses its threshold counts as the end of the run.
        """
        match self.kind:
            case "final":
                return np.asarray(values[..., -1])
            case "highest":
                return np.asarray(values.max(axis=-1))
            case "lowest":
                return np.asarray(values.min(axis=-1))
            case "time of highest":
                return np.asarray(time[values.argmax(axis=-1)])
            case "time of lowest":
                return np.asarray(time[values.argmin(axis=-1)])
            case "mean":
                return np.asarray(np.trapezoid(values, time, axis=-1) / (time[-1] - time[0]))
            case "integral":
                return np.asarray(np.trapezoid(values, time, axis=-1))
        beyond = values > self.threshold if self.kind == "first time above" else values < self.threshold
        return np.asarray(np.where(beyond.any(axis=-1), time[beyond.argmax(axis=-1)], time[-1]))

    def unit(self, unit: str, time_unit: str) -> str:
        """Unit of the number, from that of the course and of time."""
        if "time" in self.kind:
            return time_unit
        if self.kind == "integral":
            per = f"/{time_unit}"
            return unit[: -len(per)] if unit.replace(" ", "").endswith(per) else f"{unit}*{time_unit}"
        return unit


def split(text: str, *, where: str = "") -> tuple[Reduction | None, str]:
    """Take a reduction off the words before an outcome.

    Parameters
    ----------
    text : str
        ``highest COMAR pending cases``, ``first time court cases pending above 4e6``, or a plain name.
    where : str, optional
        Where the text stands, for the error message.

    Returns
    -------
    reduction : Reduction or None
        None for a plain name.
    name : str
        The rest.

    Raises
    ------
    InputError
        If a threshold is no number.

    Examples
    --------
    >>> split("time of highest court cases pending")
    (Reduction(kind='time of highest', threshold=0.0), 'court cases pending')
    >>> split("first time court cases pending above 4e6")
    (Reduction(kind='first time above', threshold=4000000.0), 'court cases pending')
    >>> split("court cases pending")
    (None, 'court cases pending')
    """
    if found := _CROSSING.fullmatch(text):
        kind: Kind = "first time above" if found[2].lower() == "above" else "first time below"
        return Reduction(kind, parse_number(found[3], where=where)), found[1].strip()
    if found := _PREFIX.fullmatch(text):
        word = " ".join(found[1].lower().split())
        return Reduction(next(w for w in WORDS if w == word)), found[2].strip()
    if re.match(r"\s*first\s+time\b", text, re.I):
        raise InputError(
            "a first crossing lacks its threshold",
            where=where,
            found=f'"{text}"',
            expected='a form such as "first time court cases pending above 4000000"',
        )
    return None, text
