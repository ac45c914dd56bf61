"""How much is needed, on a small model whose answer is known by hand, and on the shipped one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from flows import solve
from flows.calendar import time_at_end
from flows.cli import main
from flows.compare import outcomes_of
from flows.errors import InputError
from flows.inputs import Scenario, inline_scenario, read_scenario, scenario_inputs
from flows.inputs.tables import find
from flows.model.model import Model

DATE = "2017-06"
PENDING = "COMAR pending cases"


@pytest.fixture
def model(small_root: Path) -> Model:
    return flows.read_vensim(small_root / "models/migration.mdl", units="error")


def ask(model: Model, name: str, target: str, **options: object) -> solve.Solution:
    return solve.solve(model, name, solve.read_target(target, model), **{"draws": {}, **options})  # type: ignore[arg-type]


def test_the_answer_is_the_one_by_hand(model: Model) -> None:
    # 500 + (30 - closing rate) * months, while enough cases are pending
    months = time_at_end(DATE)
    found = ask(model, "closing rate", f"{PENDING}@{DATE} < 400", between=(10, 40))
    right = 30 + 100 / months
    assert not found.met and found.monotone and found.below is None
    assert found.nearest == found.above
    assert right <= found.nearest <= right + 30 / solve.FINE
    assert found.start == 25


def test_the_share_of_draws_is_met_and_not_just_so(model: Model) -> None:
    draws = {"labour demand": np.linspace(0.8, 1.2, 21)}
    found = ask(
        model, "closing rate", f"{PENDING}@{DATE} <= 500", draws=draws, probability=0.8, between=(10, 60)
    )
    assert found.nearest is not None
    free = {"labour demand": xr.DataArray(draws["labour demand"], dims="draw")}

    def share(value: float) -> float:
        run = flows.simulate(model, {**free, "closing rate": value}, outcomes=[PENDING], save_every=1)
        return float((run[PENDING].sel(time=time_at_end(DATE)) <= 500).mean())

    assert share(found.nearest) >= 0.8 > share(found.nearest - 50 / solve.FINE)
    row = found.table[found.table["value"] == found.nearest].iloc[0]
    assert row["probability"] == share(found.nearest)
    surer = ask(
        model, "closing rate", f"{PENDING}@{DATE} <= 500", draws=draws, probability=1, between=(10, 60)
    )
    assert surer.nearest is not None and surer.nearest > found.nearest


def test_met_already_tells_where_it_is_lost(model: Model) -> None:
    found = ask(model, "closing rate", f"{PENDING}@{DATE} > 100", between=(10, 50))
    lost = 30 + 400 / time_at_end(DATE)
    assert found.met and found.nearest == found.start and found.below is None
    assert found.above is not None and lost - 40 / solve.FINE <= found.above <= lost
    assert found.sentences()[0].startswith("Met already at closing rate = 25")
    assert f"no longer met above {found.above:.4g}" in found.sentences()[1]


def test_what_cannot_be_met_is_said(model: Model) -> None:
    found = ask(model, "faster claims", f"people waiting in Mexico@{DATE} < 20")
    assert found.nearest is None and not found.met
    assert "Not met in one run by any value of faster claims read from 0.5 to 4" in found.sentences()[0]


def test_a_response_that_turns_is_said(build: object) -> None:
    turning = build(  # type: ignore[operator]
        """
        height = INTEG(1 - (effort - 3) ^ 2, 0) ~ Person ~ |
        effort = 1 ~ Dmnl [0,6] ~ |
        """,
        final=24,
        unit="Month",
    )
    target = solve.read_target("height@2013-12 > 6", turning, ())
    from flows.inputs import Scenario

    plain = Scenario(name="plain", title="Plain", kind="base")
    found = solve.solve(turning, "effort", target, draws={}, scenario=plain)
    assert not found.monotone
    assert found.nearest == pytest.approx(3 - np.sqrt(0.5), abs=6 / solve.FINE)  # 12 * (1 - x²) = 6
    assert "isn't monotone" in found.sentences()[-1]


def test_a_reading_may_stand_on_the_right(model: Model) -> None:
    found = ask(model, "closing rate", f"{PENDING}@{DATE} <= {PENDING}@2016-06", between=(10, 50))
    assert found.nearest == pytest.approx(30, abs=40 / solve.FINE)  # what comes in each month


def test_scenario_and_settings_hold(model: Model) -> None:
    target = f"{PENDING}@{DATE} <= 500"
    plain = ask(model, "closing rate", target, between=(10, 90))
    boom = ask(model, "closing rate", target, between=(10, 90), scenario="boom")
    dull = ask(model, "closing rate", target, between=(10, 90), settings={"labour demand": 0.5})
    assert plain.nearest is not None and boom.nearest is not None and dull.nearest is not None
    assert boom.nearest == pytest.approx(plain.nearest + 20, abs=0.1)
    assert dull.met and not plain.met


def test_refusals(model: Model) -> None:
    for target, words in (
        (f"{PENDING} < 3", "no month on the left"),
        (f"{PENDING}@{DATE}", "not a target"),
        (f"{PENDING}@2017 < 3", "2017"),
        (f"pending@{DATE} < 3", 'no outcome or variable "pending"'),
        (f"{PENDING}@{DATE} < many", "not a number"),
    ):
        with pytest.raises(InputError, match=words):
            solve.read_target(target, model)
    with pytest.raises(
        InputError, match=r"^--for '.*@2040-12 < 3': the month lies outside the run, found 2040-12"
    ):
        solve.read_target(f"{PENDING}@2040-12 < 3", model)
    early = solve.read_target(f"{PENDING}@2014-12 < 3", model)
    for call in (
        lambda **more: solve.solve(model, "faster claims", early, draws={}, **more),
        lambda **more: solve.swap(
            model, *(read_scenario(one) for one in ("faster", "current-course")), "waiting time", early.left, draws={},
            **more,
        ),
    ):  # fmt: skip
        with pytest.raises(
            InputError, match=r"^--for: no lever acts before the policy start, January 2015, found 2014"
        ):
            call()
        call(settings={"policy start time": 12.0})
    fine = f"{PENDING}@{DATE} < 3"
    for name, options, words in (
        ("closing rates", {}, 'no lever or constant "closing rates"'),
        ("closing rate", {}, "declares no range"),
        ("base arrivals", {"between": (1, 50)}, "elements with different values"),
        ("waiting time", {"between": (0.5, 4)}, "not a range to search"),
        ("faster claims", {"settings": {"faster claims": 2.0}}, "both looked for and set"),
        ("faster claims", {"probability": 80}, "^--probability: not a probability, found 80, .* Write 0.8"),
    ):
        with pytest.raises(InputError, match=words):
            ask(model, name, fine, **options)
    with pytest.raises(InputError, match="outside the run"):
        ask(model, "faster claims", f"{PENDING}@2050-01 < 3")


def test_one_element_of_a_constant(model: Model) -> None:
    found = ask(model, "base arrivals[Haiti]", f"{PENDING}@{DATE} > 900", between=(0, 60))
    assert found.start == 20 and found.name == "base arrivals[Haiti]"
    assert found.nearest == pytest.approx(15 + 400 / time_at_end(DATE), abs=60 / solve.FINE)


def test_the_command(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        "solve",
        "faster claims",
        "--for",
        f"{PENDING}@{DATE} < 450",
        "--draws",
        "8",
        "--probability",
        "0.75",
    ]
    assert main([*asked, "--with", "labour demand=1.1", "--out", "found"]) == 0
    printed = capsys.readouterr()
    said = printed.out
    assert "Note: 8 draws say little" in printed.err
    assert "faster claims = " in said and "Not a forecast" in said
    record = json.loads(Path("found/provenance.json").read_text(encoding="utf-8"))
    answer = record["answer"]
    assert [note.startswith("8 draws say little") for note in record["notes"]] == [True]
    table = pd.read_csv("found/solve.csv")
    assert answer["nearest"] in list(table["value"])
    assert table.set_index("value").loc[answer["nearest"], "probability"] >= 0.75
    assert Path("found/solve.png").stat().st_size > 5000
    assert main([*asked, "--with", "labour demnd=1"]) == 1
    assert "--with 'labour demnd=1'" in capsys.readouterr().err


def test_the_shipped_model_more_staff_shorten_the_wait() -> None:
    model = flows.read_vensim(find("model", "migration"), units="off")
    found = ask(model, "COMAR staff target", "COMAR wait@2030-12 < 7")
    assert not found.met and found.above is not None and found.below is None
    assert 1 < found.above < 3
    assert (found.table["median"].diff().dropna() <= 1e-9).all()


def scenario(model: Model, text: str) -> Scenario:
    return inline_scenario(text, model)


def test_two_packages_swap_rank_where_it_was_computed_by_hand(model: Model) -> None:
    # faster claims shortens the stay by half from 2015 on; half the arrivals do the same without it
    first, second = scenario(model, "fast: faster claims=2"), scenario(model, "few: base arrivals=9")
    reading = solve.read_reading(f"people waiting in Mexico@{DATE}", outcomes_of(model), model, "--for")
    found = solve.swap(model, first, second, "waiting time", reading, draws={}, between=(1, 30))
    assert len(found.crossings) <= 1
    for value in found.crossings:
        ends = []
        for step in (-0.1, 0.1):
            runs = [
                flows.simulate(
                    model, {**scenario_inputs(s, model), "waiting time": value + step}, save_every=1
                )
                for s in (first, second)
            ]
            at = [float(run["people waiting in Mexico"].sel(time=time_at_end(DATE))) for run in runs]
            ends.append(at[0] - at[1])
        assert ends[0] * ends[1] < 0
    assert found.sentences()


def test_an_order_that_holds_is_said(model: Model) -> None:
    first, second = scenario(model, "fast: faster claims=2"), scenario(model, "slow: faster claims=0.5")
    reading = solve.read_reading(f"people waiting in Mexico@{DATE}", outcomes_of(model), model, "--for")
    found = solve.swap(model, first, second, "waiting time", reading, draws={}, between=(5, 30))
    assert found.crossings == ()
    assert "fast does better than slow at every value" in found.sentences()[0]
    assert (found.table["probability"] == 1).all()
    with pytest.raises(InputError, match="is a lever"):
        solve.swap(model, first, second, "faster claims", reading, draws={})
    arrivals = solve.read_reading(f"arrivals@{DATE}", outcomes_of(model), model, "--for")
    with pytest.raises(InputError, match="ranks nothing"):
        solve.swap(model, first, second, "waiting time", arrivals, draws={})


def test_a_grid_agrees_with_the_search(model: Model) -> None:
    target = solve.read_target(f"{PENDING}@{DATE} < 400", model)
    found = solve.grid(
        model,
        "closing rate",
        "base arrivals[Cuba]",
        target,
        draws={},
        between=(10, 60),
        other_between=(5, 20),
    )
    assert found.shares.shape == (14, 7)  # thirteen and the start; the other start is one of the seven
    for row in found.frontier.to_dict("records"):
        alone = ask(
            model, "closing rate", f"{PENDING}@{DATE} < 400", between=(10, 60),
            settings={"base arrivals[Cuba]": row["other"]},
        )  # fmt: skip
        assert not row["met"] and alone.nearest is not None
        assert row["value"] == pytest.approx(alone.nearest, abs=0.5)
    with pytest.raises(InputError, match="named twice"):
        solve.grid(model, "closing rate", "closing rate", target, draws={})


def test_the_commands_of_grid_and_swap(small_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["solve", "--draws", "6", "--for"]
    swap = [f"people waiting in Mexico@{DATE}", "--swap", "faster", "boom", "--constant", "waiting time"]
    assert main([*base, *swap, "--out", "outputs/s"]) == 0
    assert "at every value" in capsys.readouterr().out
    grid = [f"{PENDING}@{DATE} < 400", "closing rate", "--between", "10", "60"]
    assert main([*base, *grid, "--grid", "faster claims", "--out", "outputs/g"]) == 0
    said = capsys.readouterr().out
    assert "met from closing rate" in said and "Uncertainty: 6 draws" in said
    assert json.loads(Path("outputs/g/provenance.json").read_text(encoding="utf-8"))["answer"]["frontier"]
    assert main([*base, *swap[:1], "--swap", "faster", "boom"]) == 1
    assert (
        main([*base, f"{PENDING}@{DATE} < 4", "--swap", "faster", "boom", "--constant", "waiting time"]) == 1
    )
    assert "leave out sign and bound" in capsys.readouterr().err
