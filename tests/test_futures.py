"""Where draws come from: a posterior sample where one lies beside the model, declared ranges else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flows
from flows import compare
from flows.futures import DECLARED, FEWEST, FITTED, futures_of
from flows.model.model import Model
from flows.posterior import Posterior, write_posterior


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


def posterior(model: Model, *elements: str) -> None:
    values = np.random.default_rng(1).uniform(5, 15, (40, len(elements)))
    about = {
        "model": "migration.mdl", "calibration": "c.toml", "calibration_digest": "0", "seed": 1,
        "fit_until": "2016-12", "versions": {},
    }  # fmt: skip
    write_posterior(Path(model.path).parent / "posterior.parquet", Posterior(elements, values, about))


def test_declared_ranges_without_a_posterior(model: Model) -> None:
    found = futures_of(model)
    assert found.draws == DECLARED and found.kind == "declared ranges"
    assert "no posterior sample" in found.words and "sensitivity/base.toml" in found.words
    assert all(array.sizes["draw"] == DECLARED for array in found.values.values())
    again = futures_of(model)
    assert all(np.array_equal(again.values[key], found.values[key]) for key in found.values)


def test_a_posterior_comes_first_and_the_rest_as_declared(model: Model) -> None:
    declared = futures_of(model).values
    taken = next(iter(declared))
    posterior(model, "waiting time", *([taken] if taken != "waiting time" else []))
    found = futures_of(model)
    assert found.draws == FITTED and found.kind == "posterior"
    assert "posterior of" in found.words
    assert found.fitted + found.declared == len({*declared, "waiting time"})
    assert float(found.values["waiting time"].min()) >= 5
    assert {path.name for path in found.paths} >= {"posterior.parquet"}
    ran = compare.compare(model, ["boom"], draws=futures_of(model, 12).values)
    assert ran.draws == 12


def test_nothing_is_drawn_when_none_is_asked_for(model: Model) -> None:
    found = futures_of(model, 0)
    assert found.values == {} and found.kind == "none" and "nothing is drawn" in found.words
    assert found.doubt == ""
    one = futures_of(model, 1)
    assert "Uncertainty: 1 draw from" in one.words and one.doubt.startswith("1 draw says little")
    assert futures_of(model, FEWEST).doubt == "" and futures_of(model, FEWEST - 1).doubt
