"""Functions that machine code and plain Python share: translated, they give the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr

from flows import simulate
from flows.engine import native, runtime
from flows.engine.llvm.source import library
from flows.engine.llvm.translate import translate
from flows.model.model import Model

Build = Callable[..., Model]
WAYS = ("FORWARD", "BACKWARD", "EXTRAPOLATE", "INVERT")


@pytest.mark.parametrize("points", [1, 2, 3, 7])
def test_every_way_to_read_a_lookup(build: Build, points: int) -> None:
    rng = np.random.default_rng(points)
    x = np.sort(rng.integers(-4, 5, (points,))).astype(float)
    table = ",".join(f"({a},{b})" for a, b in zip(x, rng.integers(-3, 4, points), strict=True))
    text = f"t({table}) ~~|\nk = 1 ~~|\nat = Time - 6 + k ~~|\n"
    text += "".join(f"{way} = LOOKUP {way}(t, at) ~~|\n" for way in WAYS)
    model = build(text + "area = LOOKUP AREA(t, k, at) ~~|\n", final=12, step=0.5)
    inputs = {"k": xr.DataArray([-0.25, 0.0, 1.0, 0.5, 2.0, -1.0, 0.75, 0.125, -2.0], dims="draw")}
    both = [simulate(model, inputs, engine=e) for e in ("compiled", "python")]  # type: ignore[arg-type]
    xr.testing.assert_identical(*both)


def test_orders_with_equal_elements(build: Build) -> None:
    text = """
        R : a, b, c, d, e ~~|
        k = 1 ~~|
        x[R] = INTEGER(3 * SIN(R * k + Time)) ~~|
        up[R] = VECTOR SORT ORDER(x[R], 1) ~~|
        down[R] = VECTOR SORT ORDER(x[R], k) ~~|
        rank up[R] = VECTOR RANK(x[R], 1) ~~|
        rank down[R] = VECTOR RANK(x[R], -1) ~~|
        sorted[R] = VECTOR REORDER(x[R], up[R]) ~~|
        off[R] = VECTOR REORDER(x[R], x[R]) ~~|
        """
    inputs = {"k": xr.DataArray([-1.0, 0.0, 1.0, 0.5, 2.0], dims="draw")}
    both = [simulate(build(text, final=20), inputs, engine=e) for e in ("compiled", "python")]  # type: ignore[arg-type]
    xr.testing.assert_identical(*both)
    x = both[0]["x"].transpose("draw", "time", "R").values
    up, ranks = (both[0][n].transpose("draw", "time", "R").values for n in ("up", "rank down"))
    np.testing.assert_array_equal(up, np.argsort(x, axis=-1, kind="stable"))
    expected = np.argsort(np.argsort(-x, axis=-1, kind="stable"), axis=-1, kind="stable") + 1.0
    np.testing.assert_array_equal(ranks, expected)
    np.testing.assert_array_equal(both[0]["sorted"].transpose("draw", "time", "R"), np.sort(x, axis=-1))
    assert (both[0]["off"] == runtime.NOT_AVAILABLE).any()


def test_nothing_that_is_translated_calls_back() -> None:
    assert set(runtime.COMPILED) <= {*runtime.VECTORS, *runtime.LOOKUP_NAMES.values()}
    declared = native._declarations()
    assert not [name for name in runtime.COMPILED if f"@{name}(" in declared]
    defined = "\n".join(library())
    assert all(f"double @{name}(" in defined for name in (*runtime.COMPILED, *runtime.HELPERS))


def power(x: float) -> float:
    return x**2.0


def listed(table: Sequence[float], x: float) -> float:
    return sum([x, table[0]])


def truth(x: float) -> float:
    if x:
        return 1.0
    return 0.0


@pytest.mark.parametrize("function", [power, listed, truth])
def test_what_is_not_understood_is_refused(function: Any) -> None:
    with pytest.raises(NotImplementedError):
        translate(function, name="f", scale=1, calls={}, constants={})
