"""What emitting refuses, and equal powers, folds and positions in all engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import small_model

from flows import simulate
from flows.engine import emit
from flows.errors import UnsupportedError
from flows.model.ir import Call, Number, Ref
from flows.model.model import Model

ENGINES = pytest.mark.parametrize("engine", ["compiled", "python"])


def with_expression(expr: object) -> Model:
    """A model whose x has an expression that no file can hold."""
    model = small_model("x = Time ~~|\n")
    x = model.variables["x"]
    (equation,) = x.equations
    changed = replace(x, equations=(replace(equation, expr=expr),))
    return replace(model, variables={**model.variables, "x": changed})


@ENGINES
def test_a_number_that_is_none_is_refused(engine: str) -> None:
    for value in (float("inf"), float("nan"), -float("inf")):
        with pytest.raises(UnsupportedError, match=f"a number in the model is too large, found {value!r}"):
            simulate(with_expression(Number(value)), engine=engine)  # type: ignore[arg-type]


@ENGINES
def test_a_function_that_no_engine_knows_is_refused_by_name(engine: str) -> None:
    with pytest.raises(UnsupportedError, match="the function FROBNICATE isn't supported yet"):
        simulate(with_expression(Call("frobnicate", (Ref("time"),))), engine=engine)  # type: ignore[arg-type]


@ENGINES
def test_a_vector_of_too_many_elements_is_refused_by_name(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "_MOST_TERMS", 3)
    model = small_model("r: a, b, c, d ~~|\nv[r] = 4, 3, 2, 1 ~~|\nx[r] = VECTOR RANK(v[r], 1) + Time ~~|\n")
    with pytest.raises(UnsupportedError, match="VECTOR RANK over 4 elements isn't supported"):
        simulate(model, engine=engine)  # type: ignore[arg-type]


@ENGINES
@pytest.mark.parametrize("exponent", [0.5, 1, 1.5, 2, 3, 4, 2.5, 0, -1, 0.25])
def test_powers_are_those_of_the_hardware(engine: str, exponent: float) -> None:
    model = small_model(f"x = (Time + 0.3) ^ {exponent} ~~|\ny = POWER(Time + 0.3, {exponent}) ~~|\n")
    ds = simulate(model, engine=engine)  # type: ignore[arg-type]
    expected = (ds["time"].values + 0.3) ** exponent
    for name in ("x", "y"):
        np.testing.assert_allclose(np.broadcast_to(ds[name].values, expected.shape), expected, rtol=1e-13)


@ENGINES
def test_folds_logic_and_rests(engine: str) -> None:
    text = """
        r: a, b, c ~~|
        v[r] = 2, -3, 4 ~~|
        total = SUM(v[r!]) + 0 * Time ~~|
        product = PROD(v[r!] + 0 * Time) ~~|
        least = VMIN(v[r!] * (Time - 1)) ~~|
        most = VMAX(v[r!] * (Time - 1)) ~~|
        truth = (Time > 1) + (:NOT: (Time > 2 :OR: Time < 1)) * 10 ~~|
        rest = MODULO(-7, 3) + 0 * Time ~~|
        twos = LOG(8, 2) + 0 * Time ~~|
        over = XIDZ(Time, Time - 2, 7) + ZIDZ(1, Time - 2) ~~|
        played = GAME(Time * 2) ~~|
        place[r] = r * 10 + Time ~~|
        """
    ds = simulate(small_model(text), engine=engine)  # type: ignore[arg-type]
    t = np.arange(5.0)
    assert ds["total"].values.tolist() == [3] * 5
    assert ds["product"].values.tolist() == [-24] * 5
    assert ds["least"].values.tolist() == np.minimum(-3 * (t - 1), 4 * (t - 1)).tolist()
    assert ds["most"].values.tolist() == np.maximum(-3 * (t - 1), 4 * (t - 1)).tolist()
    assert ds["truth"].values.tolist() == [0, 10, 11, 1, 1]
    assert ds["rest"].values.tolist() == [-1] * 5
    np.testing.assert_allclose(ds["twos"], 3, rtol=1e-14)
    np.testing.assert_allclose(ds["over"], [-0.5, -2, 7, 4, 2.5])
    assert ds["played"].values.tolist() == (2 * t).tolist()
    assert ds["place"].values.tolist() == [[10 * k + s for s in t] for k in (1, 2, 3)]
