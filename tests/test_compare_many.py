"""Comparisons of very many runs: numbers that are put aside are those that stay in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import compare
from flows.compare import pieces, shelf
from flows.compare.comparison import Comparison
from flows.errors import ResultError
from flows.model.model import Model

SCENARIOS = ["faster", "boom"]


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


@pytest.fixture
def _aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes to the disk, two runs at a time."""
    monkeypatch.setattr(shelf, "HELD", 0)
    monkeypatch.setattr(pieces, "AT_ONCE", 2)
    monkeypatch.setattr(pieces, "_FIRST", 1)


def _draws(count: int = 7) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    return {"labour demand": random.uniform(0.5, 2.0, count), "filing delay": random.uniform(1.0, 6.0, count)}


def _same(one: Comparison, other: Comparison) -> None:
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(one.halving_table(), other.halving_table(), check_exact=True)
    pd.testing.assert_frame_equal(one.side_effects(), other.side_effects(), check_exact=True)
    for name in ("dataset", "values", "levels", "halving", "odds", "regret", "ranks"):
        xr.testing.assert_equal(getattr(one, name), getattr(other, name))
    assert (one.draws, one.start, one.runs) == (other.draws, other.start, other.runs)
    if one.bands is not None:
        xr.testing.assert_identical(one.bands, other.bands)


@pytest.mark.parametrize("settings", [{}, {"FINAL TIME": 40.0}], ids=["one span", "two spans"])
@pytest.mark.parametrize("draws", [0, 7])
def test_numbers_put_aside_are_those_in_memory(
    model: Model, draws: int, settings: dict[str, float], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    options = {"draws": _draws(draws) if draws else None, "settings": settings, "folder": place}
    whole = compare.compare(model, SCENARIOS, **options)  # type: ignore[arg-type]
    request.getfixturevalue("_aside")
    apart = compare.compare(model, SCENARIOS, **options)  # type: ignore[arg-type]
    _same(whole, apart)
    assert list(place.iterdir()) == []
    for name, found in (("whole", whole), ("apart", apart)):
        (place / name).mkdir()
        compare.write(found, place / name)
    for path in (place / "whole").iterdir():
        twin = place / "apart" / path.name
        if path.suffix == ".nc":
            xr.testing.assert_equal(xr.load_dataset(path), xr.load_dataset(twin))
        else:
            assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize(("at_once", "calls"), [(2, 2 + 2 * 5), (3, 1 + 5), (7, 1 + 3)])
def test_no_call_makes_more_runs_than_fit(
    model: Model, at_once: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "AT_ONCE", at_once)
    sizes = []
    told: list[tuple[int, int]] = []

    def simulate(*args: object, **options: object) -> xr.Dataset:
        found = flows.simulate(*args, **options)  # type: ignore[arg-type]
        sizes.append(found.sizes["scenario"] * found.sizes.get("draw", 1))
        return found

    def note(done: int, total: int) -> None:
        told.append((done, total))

    compare.compare(model, SCENARIOS, draws=_draws(5), simulate=simulate, progress=note)
    assert max(sizes) <= at_once and sum(sizes) == 3 * (1 + 5) and len(sizes) == calls
    assert told == sorted(told) and told[0] == (0, 18) and told[-1] == (18, 18) and len(told) == 1 + calls


@pytest.mark.usefixtures("_aside")
def test_a_disk_without_room_is_told_before_the_runs(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # type: ignore[attr-defined]
    with pytest.raises(ResultError, match=r"find no room on the disk.*0\.0 GB free"):
        compare.compare(model, SCENARIOS)


def test_a_table_written_in_pieces_is_that_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame(
        {"name": ["a", "=b", "c, d", ""], "number": [1.0, np.nan, 1e-9, 3.0], "human": [True, False] * 2}
    )
    whole = compare.write_table(table, tmp_path / "whole.csv").read_bytes()
    monkeypatch.setattr("flows.compare.files._ROWS", 3)
    assert compare.write_table(table, tmp_path / "parts.csv").read_bytes() == whole
    assert whole == b'name,number,human\na,1.0,True\n\'=b,,False\n"c, d",1e-09,True\n,3.0,False\n'
    assert compare.write_table(table[:0], tmp_path / "empty.csv").read_bytes() == b"name,number,human\n"


def test_a_block_lands_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = {"courses": (5, 3, 2), "numbers": (5, 4), "one": (6,)}
    whole = {key: np.random.default_rng(1).normal(size=shape) for key, shape in shapes.items()}
    for most in (10**9, 0):
        monkeypatch.setattr(shelf, "HELD", most)
        made = shelf.Shelf(shapes)
        assert made.on_disk == (most == 0)
        for first in range(0, 5, 2):
            made.put("courses", whole["courses"][first : first + 2], at=(first, 0))
            for column in range(0, 4, 3):
                block = whole["numbers"][first : first + 2, column : column + 3]
                made.put("numbers", block, at=(first, column))
        made.put("one", whole["one"][:4])
        made.put("one", whole["one"][4:], at=(4, 0))
        for key, values in whole.items():
            np.testing.assert_array_equal(made.read(key), values)
        stacked = made.variable(("twice", "row", "column"), ["numbers", "numbers"], units="Person")
        np.testing.assert_array_equal(
            stacked.transpose("column", ...)[1:3, 1, ::2].values, whole["numbers"][::2, 1:3].T
        )
        assert stacked.attrs == {"units": "Person"}
