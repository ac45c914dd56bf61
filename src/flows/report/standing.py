"""The validation that stands beside a report, if it is about the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows import provenance
from flows.model.model import Model

__all__ = ["SUMMARY", "standing_validation"]

SUMMARY = "summary.json"
"""File that `flows validate` writes for others to read."""


def standing_validation(folder: str | Path | None, model: Model) -> dict[str, Any] | None:
    """Read the summary of a validation.

    Parameters
    ----------
    folder : path, optional
        Where `flows validate` put its results.
    model : Model
        The model of the report.

    Returns
    -------
    dict or None
        ``fit_until``, ``draws``, ``quick``, ``criteria``, ``structure``, ``out_of_sample`` and ``worst``; None
        where there is none, or it is about another version of the model file.
    """
    path = Path(folder) / SUMMARY if folder is not None else None
    if path is None or not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("model_sha256") != provenance.digest(model.path):
        return None
    return found
