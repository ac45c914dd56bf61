"""The shipped studies lie around the model that is shipped."""

from __future__ import annotations

import numpy as np
import pytest

from flows.inputs import read_outcomes, read_study
from flows.references import fold, parse_reference
from flows.report import build


def test_the_median_of_every_uncertainty_is_the_value_of_the_model() -> None:
    model = build.shipped_model()
    for name in ("base", "quick"):
        for uncertainty in read_study(name).uncertainties:
            reference = parse_reference(uncertainty.name)
            item = model.constants[reference.name]
            value = np.asarray(item.value, dtype=float)
            if reference.elements:
                elements = [fold(str(e)) for e in model.subscripts[item.subscripts[0]].value]
                value = value[elements.index(fold(reference.elements[0]))]
            assert float(uncertainty.ppf(np.array([0.5]))[0]) == pytest.approx(float(value), rel=0.04), (
                uncertainty.name
            )


def test_the_index_of_exposure_is_said_to_be_relative_to_2019() -> None:
    (index,) = (outcome for outcome in read_outcomes() if outcome.name == "exposure index")
    assert "2019" in index.note
    assert "policy start" not in index.note
