"""The optimum back into the model file: numbers and comments of the constants concerned, every other byte as it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from flows import provenance
from flows.calibrate.run import Result, element_values
from flows.posterior import FILE, locate, own_values, write_posterior
from flows.vensim.edit import edit

DIGITS = 4
_OURS = re.compile(r"\s*Calibrated to data until .*\Z", re.DOTALL)
_MANY = 9
"""Elements from which on a comment doesn't list intervals."""


def write_back(result: Result, model: Any) -> tuple[Path, Path]:
    """Write the optimum into the model's file and the posterior sample beside it.

    Parameters
    ----------
    result : Result
    model : flows.Model
        As read from its file.

    Returns
    -------
    tuple of Path
        The model file and the sample.
    """
    path = Path(model.path)
    changes, comments = changes_of(result, model)
    new = edit(path.read_bytes(), changes, comments=comments, digits=DIGITS, path=path.name)
    provenance.atomic_write(path, new)
    return path, write_posterior(path.with_name(FILE), result.posterior)


def changes_of(result: Result, model: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Give new values and comments by name, as `flows.vensim.edit.edit` takes them.

    Parameters
    ----------
    result : Result
    model : flows.Model
        That was fitted.

    Returns
    -------
    dict of str to value, dict of str to str
    """
    elements = element_values(result)
    by_name: dict[str, dict[tuple[int, ...], str]] = {}
    for text in elements:
        name, position = locate(model, text)
        by_name.setdefault(name, {})[position] = text
    changes: dict[str, Any] = {}
    comments: dict[str, str] = {}
    later = set(result.posterior.metadata["later"])
    for name, places in by_name.items():
        values = own_values(model, name).copy()
        for position, text in places.items():
            values[position] = elements[text][0]
        if name in model.lookups:
            x = np.asarray(model.lookups[name].value[0], dtype=float)
            changes[name] = [(float(a), _rounded(float(b))) for a, b in zip(x, values, strict=True)]
            own = model.lookups[name].comment
        else:
            changes[name] = values if values.ndim else float(values)
            own = model.constants[name].comment
        note = _note(result, places, elements, later)
        comments[name] = f"{_OURS.sub('', own)} {note}".strip()
    return changes, comments


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _note(
    result: Result,
    places: dict[tuple[int, ...], str],
    elements: dict[str, tuple[float, float, float]],
    later: set[str],
) -> str:
    calibration = result.calibration
    fitted = [text for text in places.values() if text not in later]
    if not fitted:
        until = calibration.later_until
        return f"Calibrated to data until {until} with all else held, no part of the test of the forecast."
    words = f"Calibrated to data until {calibration.fit_until}"
    if len(places) == 1:
        value, low, high = elements[fitted[0]]
        words += f": {value:.4g}, 90 % interval {low:.3g} to {high:.3g}."
    elif len(fitted) <= _MANY:
        parts = [f"{_element(text)} {elements[text][1]:.3g} to {elements[text][2]:.3g}" for text in fitted]
        words += f", 90 % intervals: {', '.join(parts)}."
    else:
        words += f"; values and 90 % intervals of all stand in {FILE}."
    if len(fitted) < len(places):
        words += (
            f" What is dated later is fitted to data until {calibration.later_until} with all else held, and is no "
            "part of the test of the forecast."
        )
    return words


def _element(text: str) -> str:
    return text[text.index("[") + 1 : -1] if "[" in text else text[text.rindex("(") + 1 : -1]
