"""Evidence grades: how much of an outcome's spread hangs on numbers that are assumptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.calendar import time_at_end
from flows.references import parse_reference
from flows.study import StudyResult

__all__ = ["GRADES", "Grade", "grades", "is_assumption"]

GRADES = (("A", 0.1), ("B", 1 / 3), ("C", 2 / 3), ("D", 1.0))
"""Each grade, and the share of the variance from assumptions up to which it is given."""


@dataclass(frozen=True)
class Grade:
    """How much of an outcome's variance hangs on assumptions.

    Attributes
    ----------
    letter : str
        A to D; empty where the study doesn't hold the outcome.
    share : float
        Share of the summed total-order indices that belongs to constants marked as assumptions; not a number where
        nothing is known.
    """

    letter: str
    share: float

    def __lt__(self, other: Grade) -> bool:
        """Whether this is the worse of two."""
        return self._worse > other._worse

    @property
    def _worse(self) -> float:
        return self.share if math.isfinite(self.share) else 2.0


def grades(study: StudyResult | None, model: Any, month: str) -> dict[str, Grade]:
    """Grade every outcome of a Sobol study.

    Parameters
    ----------
    study : StudyResult or None
        With total-order indices.
    model : flows.Model
        The comments of its constants say which are assumptions.
    month : str
        ``YYYY-MM`` at which the indices are read.

    Returns
    -------
    dict of str to Grade
        By outcome. The share is the sum of the total-order indices of inputs marked as assumptions over the sum of all:
        interactions count for each input that takes part, negative estimates as zero.
    """
    if study is None or "ST" not in study.indices:
        return {}
    one = study.indices["ST"].sel(time=time_at_end(month), method="nearest")
    reasons = {str(u.name): str(getattr(u, "why", "") or "") for u in study.study.uncertainties}
    marked = np.array(
        [is_assumption(str(name), model, reasons.get(str(name), "")) for name in one["uncertainty"].values]
    )
    found = {}
    for name in one["outcome"].values:
        total = np.clip(np.nan_to_num(one.sel(outcome=name).values.astype(float)), 0.0, None)
        if total.sum() > 0:
            share = float(total[marked].sum() / total.sum())
            found[str(name)] = Grade(_letter(share), share)
    return found


def is_assumption(name: str, model: Any, reason: str = "") -> bool:
    """Whether a constant's comment, or the reason of its range, says that it is an assumption."""
    key = parse_reference(name).name
    comment = str(model.constants[key].comment) if key in model.constants else ""
    return "assumption" in comment.lower() or reason.lower().startswith("assumption")


def _letter(share: float) -> str:
    return next(letter for letter, most in GRADES if share <= most + 1e-9)
