"""The shipped models in a second, independent reader of Vensim files: no complaint, the same values."""

from __future__ import annotations

import itertools
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flows
from flows.model.model import Model
from flows.references import fold

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pysimlin has no Windows wheel")

MODELS = [
    pytest.param(path, marks=pytest.mark.slow if path.stem.endswith("-flat") else (), id=path.stem)
    for path in sorted((Path(__file__).parents[2] / "models").glob("*.mdl"))
]


@pytest.fixture(scope="module", params=MODELS)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def other(path: Path) -> Any:
    import simlin

    return simlin.load(path)


def test_the_other_reader_finds_nothing_wrong(other: Any) -> None:
    assert [str(issue) for issue in other.check()] == []
    assert [str(issue) for issue in other.check_units()] == []


def _columns(model: Model) -> dict[tuple[str, tuple[str, ...]], np.ndarray]:
    """Every element of every variable by folded names."""
    run = flows.simulate(model)
    result = {}
    for v in model.variables.values():
        if v.spelling in run and not v.hidden:
            values = run[v.spelling].values
            for at in itertools.product(*(range(n) for n in v.shape)):
                key = tuple(v.elements[d][i] for d, i in enumerate(at))
                result[v.name, key] = np.broadcast_to(values[at], (run.sizes["time"],))
    return result


def test_the_other_engine_gives_the_same_values(path: Path, other: Any) -> None:
    ours = _columns(flows.read_vensim(path, units="error"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it says that it doesn't list all feedback loops
        table = other.run().results
    compared = 0
    for column in table.columns:
        name, _, elements = str(column).partition("[")
        key = (fold(name), tuple(fold(e) for e in elements.rstrip("]").split(",")) if elements else ())
        if key in ours:
            theirs = table[column].to_numpy()
            np.testing.assert_allclose(
                ours[key], theirs, rtol=0, atol=1e-6 * max(np.abs(theirs).max(), 1e-12), err_msg=str(key)
            )
            compared += 1
    assert compared >= len(ours) - 4  # it doesn't show the control variables
