"""Where PySD is known to differ from Vensim: what is found in a model, and the evidence for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import small_model

import flows
from flows import simulate
from flows.differences import DIFFERENCES, known_differences
from flows.engine import emit
from flows.ensemble import EngineNotice
from flows.errors import UnsupportedError

MANY = "r : (e1-e101) ~~|\nx[r] = r * 0.5 + Time * 0 ~~|\ntotal = SUM(x[r!]) ~~|\nhalf = x[e1] ~~|\n"


def found(text: str, *, method: str = "euler", given: tuple[str, ...] = (), step: float = 1) -> list[str]:
    model = small_model(text, step=step)
    return [d.construct for d, _ in known_differences(model, method=method, given=given)]


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("x = SMOOTHI(Time, 2, 0) ~~|\n", "SMOOTH and its kin"),
        ("s = INTEG(1, 5) ~~|\nx = SMOOTH(s, 2) ~~|\n", "SMOOTH and its kin"),
        ("r: a, b ~~|\nk[r] = 1, 2 ~~|\nx[r] = SMOOTH3I(Time, 2, k[r]) ~~|\n", "SMOOTH and its kin"),
        ("x = PULSE(1, 0) ~~|\n", "PULSE of width 0"),
        ("w = 0 ~~|\nx = PULSE(1, w) ~~|\n", "PULSE of width 0"),
        ("w = Time ~~|\nx = PULSE(1, w) ~~|\n", "PULSE of width 0"),
        ("x = PULSE(1.5, 2) ~~|\n", "PULSE of width 0"),
        ("x = PULSE TRAIN(1, 0.5, 2, 7) ~~|\n", "PULSE TRAIN"),
        ("x = DELAY3(Time, 2) ~~|\n", "DELAY1 or DELAY3"),
        ("d = 2 + Time ~~|\nx = DELAY1(Time, d) ~~|\n", "DELAY1 or DELAY3"),
        ("d = 4 + Time ~~|\nx = DELAY N(Time, d, 0, 2) ~~|\n", "DELAY N or SMOOTH N"),
        (
            "s = SAMPLE IF TRUE(Time >= 0, Time, 5) ~~|\na = s * 2 ~~|\nx = INTEG(1, a) ~~|\n",
            "an initial value that depends on SAMPLE",
        ),
        ("x = INITIAL(SAMPLE IF TRUE(Time >= 0, 2, 5)) ~~|\n", "an initial value that depends on SAMPLE"),
        ("x = IF THEN ELSE(Time = :NA:, 1, 2) ~~|\n", ":NA: or :RAW: data"),
        ("r: a, b ~~|\nk[r] = 1, 1 ~~|\nx[r] = VECTOR SORT ORDER(k[r], 1) ~~|\n", "VECTOR SORT ORDER"),
        ("x = RANDOM EXPONENTIAL(0, 9, 0, 1, 5) ~~|\n", "random functions"),
        (
            ":MACRO: m(a)\nm = SMOOTHI(a, 2, 0) ~~|\n:END OF MACRO:\nx = m(Time) ~~|\n",
            "SMOOTH and its kin",
        ),
        ("r: a, b ~~|\nw[r] = 1, 2 ~~|\nx[r] = PULSE(1, w[r] + 1) ~~|\n", "PULSE of width 0"),
        ("w = 2 ~~|\nx = PULSE(1, w / (w - 2)) ~~|\n", "PULSE of width 0"),  # no number
        ("w = 2 ~~|\nx = PULSE(1, w - w) ~~|\n", "PULSE of width 0"),
        ("w = w + 1 ~~|\nx = PULSE(1, w) ~~|\n", "PULSE of width 0"),  # known by itself alone
        ("w = 2 ~~|\nx = DELAY3(Time, w + 0.5) ~~|\n", "DELAY1 or DELAY3"),
        ("r: a, b ~~|\nw[r] = 4, 2 ~~|\nx[r] = DELAY3(Time, w[r]) ~~|\n", "DELAY1 or DELAY3"),
        ("x = SMOOTH(MIN(Time, 3), 2) ~~|\n", "SMOOTH and its kin"),
        ("x = SMOOTH(ABS(1.5), 2) ~~|\n", "SMOOTH and its kin"),
        ("x = SMOOTH(Time, 2) ~~|\n", "SMOOTH and its kin"),
        ("w = -later ~~|\nlater = Time ~~|\nx = PULSE(1, w) ~~|\n", "PULSE of width 0"),
        ("a = a + 1 ~~|\nx = SMOOTHI(Time, 2, a) ~~|\n", "SMOOTH and its kin"),
        ("x = A FUNCTION OF(Time) ~~|\n", "A FUNCTION OF"),
        (
            "s = SAMPLE IF TRUE(Time >= 0, Time, 5) ~~|\nd = INITIAL(s) ~~|\nx = INTEG(1, INITIAL(d)) ~~|\n",
            "an initial value that depends on SAMPLE",
        ),
    ],
)
def test_a_known_difference_is_found(text: str, construct: str) -> None:
    assert [c for c in found(text) if c.startswith(construct)] == found(text) != []


def test_an_expression_of_data_is_found(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("time,0,1,3\ny,10,20,40\n", encoding="utf-8")
    path = tmp_path / "m.mdl"
    path.write_text(
        "y := GET DIRECT DATA('d.csv', ',', '1', 'B2') ~~|\nx := y * y ~~|\nINITIAL TIME = 0 ~~|\n"
        "FINAL TIME = 3 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|\n",
        encoding="utf-8",
    )
    model = flows.read_vensim(path)
    assert simulate(model, outcomes=["y"])["y"].values.tolist() == [10, 20, 30, 40]
    with pytest.raises(
        UnsupportedError, match=r"m.mdl:2:1: .* stand in: it works the expression out at every step"
    ):
        simulate(model)


@pytest.mark.parametrize(
    "text",
    [
        "x = SMOOTHI(Time, 2, 0.5) ~~|\n",
        "k = 1.0 ~~|\ns = INTEG(1, k * 3) ~~|\nx = SMOOTH(s, 2) + SMOOTHI(s, 2, 7 / 2) ~~|\n",
        "s = INTEG(1, EXP(1)) ~~|\nx = SMOOTH3(MAX(s, 2), 3) ~~|\n",
        "w = 2 ~~|\nx = PULSE(1, w) + STEP(1, 0.7) + RAMP(1, 0, 3) ~~|\n",
        "x = DELAY3(Time, 3) + DELAY1(Time, 1) + DELAY FIXED(Time, 2, 0) ~~|\n",
        "x = DELAY N(Time, 4, 0, 2) ~~|\n",
        "w = 1.5 + 2.5 ~~|\nx = PULSE(w - 3, w / 2) + PULSE(-(-1), w * 2) ~~|\n",
        "t((0,1),(9,2)) ~~|\nx = SMOOTH(t(Time), 2) + SMOOTHI(Time, 2, WITH LOOKUP(Time, ((0,1)))) ~~|\n",
        "a = 1.5 ~~|\nx = SMOOTHI(Time, 2, -1 + a * 2) + SMOOTHI(Time, 2, SMOOTHI(Time, 2, a)) ~~|\n",
        "s = SAMPLE IF TRUE(Time >= 0, Time, 5) ~~|\nx = INTEG(s, 1) ~~|\n",  # its flow, not its start
    ],
)
def test_what_pysd_runs_as_vensim_does_is_not_found(text: str) -> None:
    assert found(text) == []


def test_the_method_and_what_is_given_count() -> None:
    assert found("x = INTEG(1, 0) ~~|\n", method="rk4") == ["another integration method than Euler's"]
    text = "w = 2 ~~|\nk = 3 ~~|\nx = PULSE(1, w) ~~|\ny = SMOOTHI(x, 2, k * 1.5) ~~|\n"
    assert found(text) == []
    assert len(found(text, given=("w",))) == 1
    assert found(text, given=("k",)) == []
    assert len(found("x = PULSE(0.1, 0.2) ~~|\n", step=0.1)) == 1  # no binary fraction


def test_every_difference_says_how_it_is_known() -> None:
    for difference in DIFFERENCES:
        assert difference.evidence
        assert not difference.meaning.endswith(".")


@pytest.fixture
def few_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of 101 elements has too many for the compiled engine; PySD takes long over 10,001."""
    monkeypatch.setattr(emit, "_MOST_TERMS", 100)


def test_a_sum_over_ten_thousand_elements_and_one_is_refused() -> None:
    model = small_model(MANY.replace("e101", "e10001"), final=2)
    with pytest.raises(UnsupportedError, match="SUM over 10001 elements isn't supported"):
        simulate(model, outcomes=["total"], engine="compiled")


@pytest.mark.usefixtures("few_terms")
def test_auto_lets_pysd_stand_in_and_says_so() -> None:
    model = small_model(MANY, final=2)
    with pytest.warns(
        EngineNotice, match=r"SUM over 101 elements isn't supported: the model ran through PySD"
    ):
        ds = simulate(model, outcomes=["total"])
    np.testing.assert_allclose(ds["total"], [0.5 * 101 * 102 / 2] * 3)
    np.testing.assert_allclose(simulate(model, outcomes=["half"])["half"], 0.5)  # nothing of it is needed
    with pytest.raises(UnsupportedError, match="SUM over 101 elements isn't supported"):
        simulate(model, outcomes=["total"], engine="compiled")


@pytest.mark.usefixtures("few_terms")
def test_both_reasons_are_named_where_pysd_is_known_to_differ() -> None:
    model = small_model(MANY + "y = PULSE(1, 0) ~~|\n", final=2)
    message = (
        r"SUM over 101 elements isn't supported, and PySD can't stand in: it gives no pulse of width 0, and .*"
        r"found PULSE of width 0.* \(m.mdl:5:5\)\. Choose engine=\"pysd\" to run it so nevertheless\."
    )
    with pytest.raises(UnsupportedError, match=message):
        simulate(model, outcomes=["total"])
    assert float(simulate(model, outcomes=["total"], engine="pysd")["total"][0]) == 0.5 * 101 * 102 / 2


def test_what_neither_engine_runs_is_refused_with_both_reasons() -> None:
    model = small_model("x = GET TIME VALUE(0, 0, 2) ~~|\n")
    assert list(model.refused) == ["x"]
    with pytest.raises(
        UnsupportedError, match=r"m.mdl:1:5: GET TIME VALUE of .* stand in, found PySD can't run"
    ):
        simulate(model)


def test_a_refused_equation_is_named_whatever_else_defines_its_variable() -> None:
    text = "r: a, b ~~|\nx[a] = INTEG(1, 0) ~~|\nx[b] = SINTEG(1, 0, 0, 1, 0, 0, 0) ~~|\ny = Time ~~|\n"
    model = small_model(text)
    assert simulate(model, outcomes=["y"])["y"].values.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(UnsupportedError, match=r"m.mdl:3:8: the function SINTEG .* isn't supported"):
        simulate(model, outcomes=["x"], engine="compiled")
