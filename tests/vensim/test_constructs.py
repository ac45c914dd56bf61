"""Constructs of the language run end to end, against values worked by hand; both target languages must give them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import xarray as xr
from tests.conftest import small_model

from flows import simulate
from flows.errors import ModelError, UnsupportedError
from flows.model.model import Control
from flows.vensim.lower import lower
from flows.vensim.parse import parse

ENGINES: tuple[Literal["compiled", "python"], ...] = ("compiled", "python")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_macro_with_a_stock_and_the_models_own_time_step(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        :MACRO: KEEP(inflow, rate)
        KEEP = INTEG(inflow - leak, 10) ~ Person ~ |
        leak = KEEP * rate * TIME STEP$ / TIME STEP$ ~ Person ~ |
        :END OF MACRO:
        :MACRO: TWICE(x)
        TWICE = 2 * KEEP(x, 0.5) ~ ~ |
        :END OF MACRO:
        a = KEEP(1, 0.5) ~ Person ~ |
        b = TWICE(3) ~ Person ~ |
        """,
        final=2,
    )
    ds = simulate(model, engine=engine)
    # k(t+1) = k(t) + in - k(t)/2 from 10
    np.testing.assert_allclose(ds["a"], [10, 6, 4])
    np.testing.assert_allclose(ds["b"], [20, 16, 14])


def test_a_macro_over_subscripts_has_a_stock_for_each_element() -> None:
    model = small_model(
        """
        r: p, q ~~|
        :MACRO: FILL(flow)
        FILL = INTEG(flow, 0) ~~|
        :END OF MACRO:
        speed[r] = 1, 5 ~~|
        level[r] = FILL(speed[r]) ~~|
        """,
        final=3,
    )
    ds = simulate(model)
    np.testing.assert_allclose(ds["level"].isel(time=-1), [3, 15])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_macro_with_further_results(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        r: p, q ~~|
        :MACRO: FILL(flow, factor : inflow, half full)
        FILL = INTEG(inflow, 1) ~~|
        inflow = flow * factor ~~|
        half full = FILL / 2 ~~|
        :END OF MACRO:
        speed[r] = 1, 5 ~~|
        level[r] = 1 + FILL(speed[r], 2 : rate in, half) ~~|
        total = SUM(half[r!]) ~~|
        """,
        final=2,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["level"].isel(time=-1), [1 + 5, 1 + 21])
    np.testing.assert_allclose(ds["half"].isel(time=-1), [2.5, 10.5])
    np.testing.assert_allclose(
        ds["rate in"].isel(time=-1) if "time" in ds["rate in"].dims else ds["rate in"], [2, 10]
    )
    assert float(ds["total"][-1]) == 13
    assert sum(v.kind == "stock" for v in model.variables.values()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = MIN(1, 2 : y) ~~|", '"MIN" is no macro'),
        (
            ":MACRO: M(a : b)\nM = a ~~|\nb = a ~~|\n:END OF MACRO:\nx = M(1 : y, z) ~~|",
            'the macro "M" has 1 further results',
        ),
        (
            ":MACRO: M(a : b)\nM = a ~~|\n:END OF MACRO:\nx = M(1 : y) ~~|",
            'the macro "M" has no equation for "b"',
        ),
        (
            ":MACRO: M(a : b)\nM = a ~~|\nb = a ~~|\n:END OF MACRO:\nx = M(1 : 2) ~~|",
            "the name of a variable",
        ),
    ],
)
def test_mistakes_in_further_results_are_named(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        small_model(text + "\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":MACRO: M(a)\nM = a ~~|\n", "this macro is never ended"),
        (":MACRO: M(a)\nx = a ~~|\n:END OF MACRO:\n", 'the macro "M" has no equation for its own name'),
        (
            ":MACRO: M(a)\nM = a ~~|\n:END OF MACRO:\ny = M(1, 2) ~~|\n",
            'the macro "M" takes 1 arguments (a), found 2',
        ),
        (":MACRO: M(a)\nM = M(a) ~~|\n:END OF MACRO:\ny = M(1) ~~|\n", 'the macro "M" calls itself'),
    ],
)
def test_mistakes_in_macros_are_named(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("(", r"\(").replace(")", r"\)")):
        small_model(text)


@pytest.mark.parametrize("engine", ENGINES)
def test_except_leaves_elements_to_other_equations(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        r: a, b, c ~~|
        s: x, y ~~|
        m[r, s] :EXCEPT: [b, y], [c, s] = Time + 1 ~~|
        m[b, y] = 10 ~~|
        m[c, s] = 20 ~~|
        k[r] :EXCEPT: [b] = 1 ~~|
        k[b] = 7 ~~|
        """,
        final=1,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["m"].isel(time=1), [[2, 2], [2, 10], [20, 20]])
    np.testing.assert_allclose(ds["k"], [1, 7, 1])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_beside_equations(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        r: a, b, c ~~|
        first: a, b ~~|
        m[first] = 3, 4 ~~|
        m[c] = Time ~~|
        """,
        final=2,
    )
    np.testing.assert_allclose(simulate(model, engine=engine)["m"].isel(time=2), [3, 4, 2])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_element_counts_among_all_of_its_kind(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        r: a, b, c, d ~~|
        late: d, b ~~|
        place[late] = late + 0 * Time ~~|
        same[r, late] = IF THEN ELSE(r = late, 1, 0) ~~|
        third = c + 0 * Time ~~|
        """
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["place"].isel(time=0), [4, 2])
    np.testing.assert_allclose(ds["same"].isel(time=0), [[0, 0], [0, 1], [0, 0], [1, 0]])
    assert float(ds["third"][0]) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_sample_if_true_takes_the_input_in_the_same_step_and_keeps_it(
    engine: Literal["compiled", "python"],
) -> None:
    model = small_model(
        """
        x = SAMPLE IF TRUE(Time = 0 :OR: Time = 3, Time + 5, 1) ~~|
        y = SAMPLE IF TRUE(Time > 2, Time, 1) ~~|
        """,
        final=5,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["x"], [5, 5, 5, 8, 8, 8])
    np.testing.assert_allclose(ds["y"], [1, 1, 1, 3, 4, 5])


@pytest.mark.parametrize("engine", ENGINES)
def test_sample_if_true_may_ask_for_what_it_held_last(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        r: p, q ~~|
        way[r] = 1, -1 ~~|
        x[r] = way[r] * (Time - 2) * (Time - 2) ~~|
        least[r] = SAMPLE IF TRUE(x[r] < least[r], x[r], 3) ~~|
        """,
        final=4,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["least"], [[3, 1, 0, 0, 0], [-4, -4, -4, -4, -4]])


@pytest.mark.parametrize("engine", ENGINES)
def test_trend_and_forecast_of_exponential_growth(engine: Literal["compiled", "python"]) -> None:
    # An input that grows by g a step: the smooth that starts in step with it keeps the ratio 1 + g T exactly.
    model = small_model(
        """
        input = INTEG(0.1 * input, 100) ~~|
        growth = TREND(input, 4, 0.1) ~~|
        ahead = FORECAST(input, 4, 3) ~~|
        """,
        final=6,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["growth"], 0.1, rtol=1e-12)
    assert float(ds["ahead"][0]) == 100  # no trend is known at the start
    average, value = 100.0, 100.0
    for k in range(6):
        average, value = average + (value - average) / 4, value * 1.1
        expected = value * (1 + (value - average) / (average * 4) * 3)
        assert math.isclose(float(ds["ahead"][k + 1]), expected, rel_tol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_delays_and_smooths_of_any_order(engine: Literal["compiled", "python"]) -> None:
    model = small_model(
        """
        input = STEP(12, 1) ~~|
        one = DELAY N(input, 3, 0, 1) ~~|
        three = DELAY N(input, 6, 0, 3) ~~|
        same three = DELAY3I(input, 6, 0) ~~|
        two = SMOOTH N(input, 4, 2, 2) ~~|
        """,
        final=40,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["one"][:4], [0, 0, 4, 4 + 8 / 3])
    np.testing.assert_allclose(ds["three"], ds["same three"], rtol=1e-14)
    first, second, values = 2.0, 2.0, [2.0]
    for k in range(6):
        first, second = first + ((12.0 if k >= 1 else 0.0) - first) / 2, second + (first - second) / 2
        values.append(second)
    np.testing.assert_allclose(ds["two"][:7], values)
    assert abs(float(ds["three"][-1]) - 12) < 0.01
    assert abs(float(ds["two"][-1]) - 12) < 0.01


def test_an_order_that_is_not_known_before_the_run_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="DELAY N with an order that isn't known before the run"):
        simulate(small_model("n = INTEG(1, 2) ~~|\nx = DELAY N(1, 3, 0, n) ~~|\n"), engine="compiled")
    with pytest.raises(ModelError, match="the order of SMOOTH N is out of range, found 0"):
        small_model("x = SMOOTH N(1, 3, 0, 0) ~~|\n")


def test_an_order_is_taken_at_the_start_of_the_run() -> None:
    model = small_model(
        """
        n = 2 + STEP(1, 3) * MAX(1, 2) ~~|
        x = SMOOTH N(Time, 4, 0, n) ~~|
        y = SMOOTH N(Time, 4, 0, 2) ~~|
        """,
        final=8,
    )
    ds = simulate(model)
    np.testing.assert_allclose(ds["x"], ds["y"], rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_that_changes_walks_down_the_stages_of_delay_n(
    engine: Literal["compiled", "python"],
) -> None:
    model = small_model("x = DELAY N(6, 4 + STEP(4, 2), 0, 2) ~~|\n", final=8)
    content, expected = [0.0, 0.0], []
    time, before = 2.0, 2.0
    for k in range(9):
        time, before = (8.0 if k >= 2 else 4.0) / 2, time
        expected.append(content[1] / before)
        out = [content[0] / time, content[1] / before]
        content = [content[0] + 6 - out[0], content[1] + out[0] - out[1]]
    np.testing.assert_allclose(simulate(model, engine=engine)["x"], expected, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_delay_fixed_counts_whole_steps_half_up_and_one_at_least(
    engine: Literal["compiled", "python"],
) -> None:
    model = small_model(
        """
        r: p, q ~~|
        input = Time ~~|
        up = DELAY FIXED(input, 1.5, -1) ~~|
        down = DELAY FIXED(input, 1.2, -1) ~~|
        least = DELAY FIXED(input, 0, -1) ~~|
        wait[r] = 1, 3 ~~|
        each[r] = DELAY FIXED(input * wait[r], wait[r], wait[r]) ~~|
        loop = DELAY FIXED(loop + 1, 2, 0) ~~|
        """,
        final=5,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["up"], [-1, -1, 0, 1, 2, 3])
    np.testing.assert_allclose(ds["down"], [-1, 0, 1, 2, 3, 4])
    np.testing.assert_allclose(ds["least"], ds["down"])
    np.testing.assert_allclose(ds["each"].sel(r="p"), [1, 0, 1, 2, 3, 4])
    np.testing.assert_allclose(ds["each"].sel(r="q"), [3, 3, 3, 0, 3, 6])
    np.testing.assert_allclose(ds["loop"], [0, 0, 1, 1, 2, 2])


def test_delay_fixed_may_differ_from_run_to_run() -> None:
    model = small_model("wait = 1 ~~|\nx = DELAY FIXED(Time, wait, 9) ~~|\n", final=4)
    ds = simulate(model, {"wait": xr.DataArray([1.0, 2.0, 3.0], dims="draw")})
    np.testing.assert_allclose(ds["x"], [[9, 0, 1, 2, 3], [9, 9, 0, 1, 2], [9, 9, 9, 0, 1]])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_a_delay_is_cut_where_a_stage_would_be_shorter_than_a_step(
    engine: Literal["compiled", "python"],
) -> None:
    model = small_model(
        """
        input = STEP(6, 1) ~~|
        cut = DELAY N(input, 2.5, 0, 3) ~~|
        two = DELAY N(input, 2.5, 0, 2) ~~|
        """,
        final=10,
    )
    ds = simulate(model, engine=engine)
    np.testing.assert_allclose(ds["cut"], ds["two"], rtol=1e-14)


def test_points_of_a_lookup_may_stand_in_any_order() -> None:
    model = small_model("t((4,0),(0,2),(2,1)) ~~|\nx = t(Time) ~~|\n", final=4)
    np.testing.assert_allclose(simulate(model)["x"], [2, 1.5, 1, 0.5, 0])


def test_a_range_that_stands_twice_becomes_two_dimensions() -> None:
    model = small_model("r: p, q ~~|\nm[p, r] = 1, 2 ~~|\nm[q, r] = 3, 4 ~~|\n")
    assert simulate(model)["m"].dims == ("r", "r 2")


def test_named_reality_checks_are_kept_but_not_run() -> None:
    model = small_model(
        "r: p, q ~~|\nx[r] = Time ~~|\ncheck[r] :THE CONDITION: zero[r] :IMPLIES: x[r] <= 1 ~~|\n"
        "zero[r] :TEST INPUT: x[r] = 0 ~~|\n"
    )
    assert model.names[:1] == ("x",)


@pytest.mark.parametrize("engine", ENGINES)
def test_runge_kutta_of_an_exponential_decay(engine: Literal["compiled", "python"]) -> None:
    model = small_model("x = INTEG(-x, 1) ~~|\n", final=3, step=0.5)
    factor = 1 - 0.5 + 0.5**2 / 2 - 0.5**3 / 6 + 0.5**4 / 24
    ds = simulate(model, engine=engine, method="rk4")
    np.testing.assert_allclose(ds["x"], factor ** np.arange(7), rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_comes_from_outside_is_held_over_a_runge_kutta_step(
    engine: Literal["compiled", "python"],
) -> None:
    model = small_model(
        """
        held = INTEG(RAMP(1, 0, 10), 0) ~~|
        moving = INTEG(Time, 0) ~~|
        """,
        final=2,
    )
    ds = simulate(model, engine=engine, method="rk4")
    np.testing.assert_allclose(ds["held"], [0, 0, 1])  # as Euler's method has it
    np.testing.assert_allclose(ds["moving"], [0, 0.5, 2])  # exact


def test_the_files_settings_choose_the_method() -> None:
    model = small_model("x = INTEG(-x, 1) ~~|\n", step=0.5, settings=":L\x7f<%^E!@\n15:0,0,0,5,0,0\n")
    assert model.method == "rk4"
    assert float(simulate(model)["x"][1]) == pytest.approx(
        1 - 0.5 + 0.125 - 0.125 / 6 + 0.0625 / 24, rel=1e-14
    )


def test_a_mapped_element_stands_for_one_element_or_several() -> None:
    model = small_model(
        """
        a: a1, a2, a3 ~~|
        pair: a2, a3 ~~|
        b: b1, b2 -> (a: a1, pair) ~~|
        x[b] = 10, 20 ~~|
        y[a] = x[b] + 0 * Time ~~|
        """
    )
    np.testing.assert_allclose(simulate(model)["y"].isel(time=0), [10, 20, 20])


def test_constant_elements_beside_stocks_and_frozen_values() -> None:
    model = small_model(
        """
        r: p, q ~~|
        x[p] = INTEG(2, 1) ~~|
        x[q] = 7 ~~|
        y[p] = INITIAL(Time + 4) ~~|
        y[q] = 3 ~~|
        """,
        final=2,
    )
    ds = simulate(model)
    np.testing.assert_allclose(ds["x"], [[1, 3, 5], [7, 7, 7]])
    np.testing.assert_allclose(ds["y"].isel(time=-1), [4, 3])


def test_control_variables_may_be_arithmetic_with_constants() -> None:
    text = (
        "years = 2 ~~|\nx = Time ~~|\nINITIAL TIME = 1 ~~|\nFINAL TIME = INITIAL TIME + years * 2 / 1 ~~|\n"
    )
    model = lower(parse(text + "TIME STEP = -(-0.5) ~~|\nSAVEPER = TIME STEP * 2 ~~|\n"))
    assert model.control == Control(1, 5, 0.5, 1)


def test_control_variables_that_change_wait_for_a_run() -> None:
    text = "INITIAL TIME = 0 ~~|\nFINAL TIME = IF THEN ELSE(Time > 2, 3, 4) ~~|\nTIME STEP = 1 ~~|\n"
    assert np.isnan(lower(parse(text)).control.final_time)


def test_the_name_of_a_mapped_range_as_a_value() -> None:
    model = small_model("A : a1, a2, a3 ~~|\nB : b1, b2, b3 -> A ~~|\nx[A] = B + 10 + 0 * Time ~~|\n")
    assert simulate(model)["x"].isel(time=0).values.tolist() == [11, 12, 13]
    with pytest.raises(ModelError, match='"B" is used in the equation of "y" but defined nowhere'):
        small_model("A : a1, a2 ~~|\nB : b1, b2, b3 ~~|\ny[A] = B ~~|\n")
