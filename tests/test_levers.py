"""Levers ranked by their effect, on a small model; and how far the shipped ones move."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import compare, levers, observations
from flows.calendar import time_at_end
from flows.cli import main
from flows.errors import InputError
from flows.inputs import Change, changed_values, read_changes, resolve_outcome
from flows.inputs.tables import find
from flows.model.model import Model

DATE = "2017-06"


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


def drawn(count: int) -> dict[str, np.ndarray]:
    return {"waiting time": np.linspace(6, 18, count), "labour demand": np.linspace(1.4, 0.6, count)}


def by_hand(model: Model, outcome: str, draws: dict[str, np.ndarray]) -> np.ndarray:
    free = {key: xr.DataArray(values, dims="draw") for key, values in draws.items()}
    ends = []
    for value in (1.0, 2.0):
        found = flows.simulate(model, {**free, "faster claims": value}, outcomes=[outcome], save_every=1)
        ends.append(found[outcome].sel(time=time_at_end(DATE)).values)
    return ends[1] - ends[0]


def test_effects_are_differences_on_the_same_draws(model: Model) -> None:
    draws = drawn(7)
    found = levers.rank(model, draws=draws, date=DATE)
    row = found.table.set_index("outcome").loc["people waiting in Mexico"]
    effect = by_hand(model, "people waiting in Mexico", draws)
    assert (effect < 0).all()
    np.testing.assert_allclose(row["median"], np.median(effect), rtol=1e-9)
    np.testing.assert_allclose([row["low"], row["high"]], np.quantile(effect, [0.05, 0.95]), rtol=1e-9)
    assert (row["probability_lower"], row["probability_higher"]) == (1.0, 0.0)
    assert (row["value_before"], row["value_after"], row["basis"]) == (1.0, 2.0, "data")
    assert found.draws == 7 and found.runs == 14


def test_without_draws_the_models_own_values(model: Model) -> None:
    found = levers.rank(model, draws={}, date=DATE)
    row = found.table.set_index("outcome").loc["COMAR pending cases"]
    np.testing.assert_allclose(row["median"], by_hand(model, "COMAR pending cases", {}), rtol=1e-9)
    assert row["low"] == row["median"] == row["high"]


def test_calls_of_other_sizes_give_the_same(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = drawn(5)
    whole = levers.rank(model, draws=draws, date=DATE)
    monkeypatch.setattr(levers, "_AT_ONCE", 5)  # one lever in a call
    parts = levers.rank(model, draws=draws, date=DATE)
    pd.testing.assert_frame_equal(whole.table, parts.table)


def test_a_backwards_lever_is_a_side_effect(model: Model) -> None:
    change = Change(lever="faster claims", change=-0.5, basis="assumption", why="A test.")
    outcome = [resolve_outcome("arrivals", compare.outcomes_of(model))]
    found = levers.rank(model, draws=drawn(4), changes=[change], outcomes=outcome, date=DATE)
    row = found.table.iloc[0]
    assert (
        row["median"] == row["probability_lower"] == row["probability_higher"] == 0
    )  # nobody arrives for that
    assert row["side_effects"].split("; ") == [
        "exposure index",
        "people waiting in Mexico",
        "COMAR pending cases",
    ]


def test_a_draw_of_what_the_scenario_sets_is_left_out(model: Model) -> None:
    draws = {"base arrivals[Haiti]": np.array([0.5, 1.5])}
    found = levers.rank(model, draws=draws, scenario="boom", date=DATE)
    assert found.draws == 1  # boom sets it itself
    with pytest.raises(InputError, match='the scenario "faster" sets the lever "faster claims" itself'):
        levers.rank(model, draws=draws, scenario="faster", date=DATE)


def test_refusals(model: Model) -> None:
    with pytest.raises(InputError, match="outside the run"):
        levers.rank(model, draws={}, date="2040-01")
    with pytest.raises(
        InputError, match=r"^--at: no lever acts before the policy start, January 2015, found 2014-12,"
    ):
        levers.rank(model, draws={}, date="2014-12")
    far = Change(lever="faster claims", change=9, basis="assumption", why="A test.")
    with pytest.raises(InputError, match='outside the range of the lever "faster claims"'):
        changed_values((far,), model)
    with pytest.raises(InputError, match='no lever "faster claim"'):
        changed_values((far.model_copy(update={"lever": "faster claim"}),), model)


def test_changes_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "changes.toml"
    body = '[[change]]\nlever = "a"\nbasis = "data"\nwhy = "A test."\n'
    for more, words in (
        ("before = 1.0\n", 'given by "before" and "after", or by "change"'),
        ("before = 1.0\nafter = 2.0\nchange = 1.0\n", 'given by "before" and "after", or by "change"'),
        ("before = 1.0\nafter = 1.0\n", "the change is nothing"),
        ("change = 1.0\non = 2.0\n", '"on" is a level above zero'),
        ("change = 1.0\nvalue = 2.0\n", 'unknown key "value"'),
    ):
        path.write_text(body + more, encoding="utf-8")
        with pytest.raises(InputError, match=words):
            read_changes(path)
    path.write_text((body + "change = 1.0\n") * 2, encoding="utf-8")
    with pytest.raises(InputError, match='the lever "a" stands twice'):
        read_changes(path)


def test_the_command(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["levers", "--at", DATE, "--draws", "4"]) == 0
    assert "Note: 4 draws say little" in capsys.readouterr().err
    folder = Path("outputs/levers")
    table = pd.read_csv(folder / "levers.csv")
    assert list(table["rank"]) == [1] * len(table)
    assert (folder / "levers.png").stat().st_size > 5000


def test_list_runs(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from flows import provenance

    with provenance.results_folder("outputs/deep/er", command='flows compare "a b"'):
        pass
    with provenance.results_folder("outputs/second", command="flows run a --set x=1"):
        pass
    Path("outputs/notes").mkdir()
    Path("outputs/notes/provenance.json").write_text("{}", encoding="utf-8")
    found = provenance.kept("outputs")
    assert {(k.folder.as_posix(), k.kind, k.command) for k in found} == {
        ("outputs/deep/er", "compare", 'flows compare "a b"'),
        ("outputs/second", "run", "flows run a --set x=1"),
    }
    assert provenance.kept("nowhere") == ()
    assert main(["list", "runs"]) == 0
    said = capsys.readouterr().out
    assert "outputs/deep/er" in said and "outputs/second" in said and "notes" not in said


# The shipped model --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Model:
    return flows.read_vensim(find("model", "migration"), units="off")


def test_every_shipped_lever_has_one_change_inside_its_range(shipped: Model) -> None:
    changes = read_changes()
    assert {change.lever for change in changes} == set(shipped.levers.names)
    assert len(changed_values(changes, shipped)) == len(changes)


def test_the_levels_stand_in_the_dated_curves(shipped: Model) -> None:
    checked = 0
    for change in read_changes():
        if not change.curve:
            continue
        y = list(shipped.lookups[change.curve].value[1])
        assert change.before in y and change.after in y, change.lever
        checked += 1
    assert checked >= 20


def test_what_is_called_data_names_a_series() -> None:
    cited = set(
        re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", find("model", "migration").read_text(encoding="utf-8"))
    )
    known = (
        set(observations.load()["series"]) | cited
    )  # the model's comments name series beyond those shipped
    for change in read_changes():
        if change.basis == "data":
            named = re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", change.why)
            assert named and known.issuperset(named), change.lever


def test_the_strongest_levers_of_the_shipped_model(shipped: Model) -> None:
    wanted = [o for o in compare.outcomes_of(shipped) if o.name in ("court cases pending", "COMAR wait")]
    some = [
        c
        for c in read_changes()
        if c.lever in ("judges hired per year", "COMAR staff target", "shelter support")
    ]
    found = levers.rank(shipped, draws={}, changes=some, outcomes=wanted)
    first = found.table[found.table["rank"] == 1].set_index("outcome")["lever"]
    assert first["court cases pending"] == "judges hired per year"
    assert first["COMAR wait"] == "COMAR staff target"
    assert (found.table["low"] == found.table["high"]).all()
