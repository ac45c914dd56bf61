"""The posterior sample: written and read, put in its places, rows chosen alike by the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flows
from flows.errors import InputError
from flows.posterior import Posterior, posterior_of, read_posterior, write_posterior

MODEL = """{UTF-8}
origin: Haiti, Cuba ~~|
shock: rush, calm ~~|
level = 2 ~ Person [0,10] ~ |
shock size[shock,origin] = 1, 2; 3, 4; ~ Dmnl ~ |
intensity((0,1),(2,3),(4,5)) ~ Dmnl ~ |
going[origin] = level * SUM(shock size[shock!,origin]) * intensity(Time) ~ Person ~ |
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 4 ~ Month ~ |
TIME STEP = 1 ~ Month ~ |
SAVEPER = 1 ~ Month ~ |
"""
ELEMENTS = ("level", "shock size[rush,Cuba]", "intensity(2)")
META = {
    "model": "small.mdl",
    "calibration": "calibration.toml",
    "calibration_digest": "0" * 64,
    "seed": 1,
    "fit_until": "2022-12",
    "versions": {"flows": "0"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.mdl"
    file.write_text(MODEL, encoding="utf-8")
    return file


def _sample(draws: int = 7) -> Posterior:
    values = np.arange(3.0 * draws).reshape(draws, 3) + 0.5
    return Posterior(ELEMENTS, values, META)


def test_a_sample_comes_back_with_its_metadata(tmp_path: Path) -> None:
    file = write_posterior(tmp_path / "posterior.parquet", _sample())
    read = read_posterior(file)
    assert read.elements == ELEMENTS
    assert dict(read.metadata) == META
    np.testing.assert_array_equal(read.values, _sample().values)
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.parquet"]


def test_draws_take_their_places_and_the_rest_keeps_the_files_value(path: Path) -> None:
    model = flows.read_vensim(path)
    inputs = _sample(1).inputs(model, 1)
    assert inputs["level"].dims == ("draw",)
    assert inputs["shock size"].dims == ("draw", "shock", "origin")
    np.testing.assert_array_equal(inputs["shock size"].values[0], [[1, 1.5], [3, 4]])
    np.testing.assert_array_equal(inputs["intensity"].values[0], [1, 2.5, 5])
    run = flows.simulate(model, inputs, outcomes=["going"])["going"]
    # level 0.5, sum of Cuba's sizes 1.5 + 4, intensity 2.5 at time 2
    assert float(run.isel(draw=0).sel(origin="Cuba", time=2)) == pytest.approx(0.5 * 5.5 * 2.5)


def test_the_same_seed_gives_the_same_rows_and_rows_repeat_only_when_all_were_taken(path: Path) -> None:
    sample = _sample()
    np.testing.assert_array_equal(sample.rows(5, 3), sample.rows(5, 3))
    np.testing.assert_array_equal(sample.rows(20, 3)[:5], sample.rows(5, 3))
    assert sorted(sample.rows(7, 3)) == list(range(7))
    assert np.bincount(sample.rows(14, 3)).tolist() == [2] * 7
    assert not np.array_equal(sample.rows(7, 3), sample.rows(7, 4))
    model = flows.read_vensim(path)
    twice = [sample.inputs(model, 5, seed=9)["level"].values for _ in range(2)]
    np.testing.assert_array_equal(*twice)


def test_elements_that_the_model_lacks_are_named_in_one_error(path: Path) -> None:
    model = flows.read_vensim(path)
    sample = Posterior(
        ("levle", "shock size[rush,Peru]", "intensity(3)"), np.ones((2, 3)), META, "posterior.parquet"
    )
    with pytest.raises(
        InputError, match=r'3 of the 3 elements.*"levle".*Peru.*Did you mean "level"'
    ) as refusal:
        sample.inputs(model, 1)
    assert str(refusal.value).startswith("posterior.parquet:")
    whole = Posterior(("shock size",), np.ones((2, 1)), META)
    with pytest.raises(InputError, match="Name one element"):
        whole.inputs(model, 1)


def test_the_sample_beside_a_model_is_found_and_another_models_is_not(path: Path) -> None:
    assert posterior_of(flows.read_vensim(path)) is None
    write_posterior(path.parent / "posterior.parquet", _sample())
    found = posterior_of(flows.read_vensim(path))
    assert found is not None
    assert len(found) == 7
    other = path.with_name("other.mdl")
    other.write_text(MODEL, encoding="utf-8")
    assert posterior_of(flows.read_vensim(other)) is None


def test_what_is_no_sample_is_refused_in_words(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(InputError, match=r"no posterior sample.*flows calibrate"):
        read_posterior(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="can't be read as a Parquet file"):
        read_posterior(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "plain.parquet")
    with pytest.raises(InputError, match="is no posterior sample"):
        read_posterior(tmp_path / "plain.parquet")
    spoilt = pa.table({"level": [1.0]}, metadata={b"flows": b"{"})
    pq.write_table(spoilt, tmp_path / "spoilt.parquet")
    with pytest.raises(InputError, match="can't be read as a Parquet file"):
        read_posterior(tmp_path / "spoilt.parquet")
    with pytest.raises(InputError, match=r"lacks metadata.*seed"):
        write_posterior(
            tmp_path / "p.parquet", Posterior(("level",), np.ones((1, 1)), {"model": "small.mdl"})
        )
    with pytest.raises(InputError, match='"level" holds values that are no numbers'):
        Posterior(("level",), np.array([[np.nan]]), META)
    with pytest.raises(InputError, match="at least 1"):
        _sample().rows(0, 1)
