from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy as np
import pytest

from flows import simulate
from flows.errors import ModelError
from flows.model.ir import Fixed, Loop, Number, Position, Ref
from flows.model.model import Model
from flows.model.order import plan, static_variables, substitute

Build = Callable[..., Model]


def names(nodes: tuple[object, ...]) -> list[str]:
    return [n.variable.name for n in nodes]  # type: ignore[attr-defined]


def test_causes_come_first_whatever_the_file_says(build: Build) -> None:
    model = build("d = c + 1 ~~|\nc = b * Time ~~|\nb = a ~~|\na = Time ~~|")
    assert names(plan(model).dynamic) == ["a", "b", "c", "d"]


def test_what_never_changes_is_evaluated_once(build: Build) -> None:
    model = build(
        "k = 2 ~~|\nstill = k * 3 ~~|\nmoving = still + STEP(1, 2) ~~|\ns = INTEG(moving, still) ~~|\nu = s ~~|"
    )
    order = plan(model)
    assert static_variables(model.variables) == {"still"}
    assert names(order.initial) == ["still", "s"]
    assert set(names(order.dynamic)) == {"moving", "u"}
    assert names(order.stocks) == ["s"]


@pytest.mark.parametrize(
    "head",
    ["Time", "STEP(1,1)", "PULSE(1,1)", "RAMP(1,1,2)", "PULSE TRAIN(1,1,2,9)", "s", "SMOOTH(1,2)", "t(Time)"],
)
def test_what_changes_over_time(build: Build, head: str) -> None:
    model = build(f"t((0,0),(9,9)) ~~|\ns = INTEG(1, 0) ~~|\na = {head} ~~|\nb = a ~~|")
    assert not static_variables(model.variables) & {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a = a + 1 ~~|",
            "m.mdl:1:1: these equations depend on each other in a circle: a -> a. Put a stock or a delay "
            "into the circle.",
        ),
        (
            "c = b ~~|\nb = a * Time ~~|\na = c ~~|",
            "m.mdl:3:1: these equations depend on each other in a circle: a -> b -> c -> a. Put a stock or a delay "
            "into the circle.",
        ),
        (
            "s = INTEG(0, b) ~~|\nb = s ~~|",
            "m.mdl:2:1: these initial values depend on each other in a circle: b -> s -> b. Use ACTIVE INITIAL in the "
            "circle.",
        ),
        (
            "R : p, q ~~|\na[p] = b[q] ~~|\na[q] = b[p] ~~|\nb[R] = a[R] * Time ~~|",
            "m.mdl:2:1: these equations depend on each other in a circle: a -> b -> a -> b -> a. Put a stock or a "
            "delay into the circle.",
        ),
    ],
)  # fmt: skip
def test_circles_are_spelt_out(build: Build, text: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        plan(build(text))
    assert str(caught.value) == message


def test_a_stock_opens_a_circle(build: Build) -> None:
    assert names(plan(build("s = INTEG(f, 1) ~~|\nf = s * g ~~|\ng = s ~~|")).dynamic) == ["g", "f"]


def test_elements_may_depend_on_each_other(build: Build) -> None:
    """A chain through the elements of one variable is no circle: 1, 2, 4, 8."""
    model = build(
        "R : (a1-a4) ~~|\nlater : (a2-a4) -> earlier ~~|\nearlier : (a1-a3) ~~|\n"
        "x[a1] = 1 + Time ~~|\nx[later] = y[earlier] * 2 ~~|\ny[R] = x[R] ~~|"
    )
    ds = simulate(model, outcomes=["x"])
    np.testing.assert_array_equal(ds["x"].isel(time=0), [1, 2, 4, 8])
    np.testing.assert_array_equal(ds["x"].isel(time=1), [2, 4, 8, 16])


def test_substitute_puts_elements_for_loops() -> None:
    loop = Loop("r", ("p", "q"))
    expr = Ref("x", (loop, Loop("s", ("u",)), Fixed("k")))
    assert substitute(expr, {"r": 1}) == Ref("x", (Fixed("q"), Loop("s", ("u",)), Fixed("k")))
    assert substitute(Position("r", (1, 2)), {"r": 1}) == Number(2)
    assert substitute(Position("s", (1,)), {"r": 1}) == Position("s", (1,))


def test_order_of_the_file_changes_no_value(build: Build) -> None:
    lines = [
        "s = INTEG(f - g, 10) ~~|",
        "f = s / 5 + a ~~|",
        "g = MAX(b, 0) ~~|",
        "a = 2 * k ~~|",
        "b = f - a ~~|",
        "k = 3 ~~|",
    ]
    expected = simulate(build("\n".join(lines)), outcomes=["s"])["s"].values
    for seed in range(5):
        random.Random(seed).shuffle(lines)
        np.testing.assert_array_equal(simulate(build("\n".join(lines)), outcomes=["s"])["s"].values, expected)


@pytest.mark.parametrize("closed", [False, True])
def test_a_chain_of_3000_is_ordered_in_no_time(build: Build, closed: bool) -> None:
    lines = [f"v{i} = v{i + 1} + Time ~~|" for i in range(3000)]
    lines.append("v3000 = v0 ~~|" if closed else "v3000 = 1 ~~|")
    model = build("\n".join(lines))
    start = time.process_time()
    if closed:
        with pytest.raises(
            ModelError, match=r"circle: v0 -> v3000 -> v2999 .* \(2990 more\) -> v3 -> v2 -> v1 -> v0\."
        ):
            plan(model)
    else:
        assert names(plan(model).dynamic)[-1] == "v0"
    assert time.process_time() - start < 10
