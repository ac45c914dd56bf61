"""Emitted source: what it computes against a tree walker, and what never stands in it."""

from __future__ import annotations

import itertools
import re
import tokenize
import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from flows import simulate
from flows.engine import emit_js, emit_python, kernel, llvm
from flows.ensemble import NonFiniteWarning
from flows.model.model import CONTROLS, Model
from flows.references import fold
from flows.vensim.functions import FUNCTIONS

Build = Callable[..., Model]
STEP = 0.5


@pytest.mark.unmeasured
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_equation_holds_at_every_step(
    build: Build, random_models: Any, walker: Any, data: st.DataObject
) -> None:
    """The run of a random model satisfies each of its equations, evaluated by walking the tree."""
    model = build(data.draw(random_models(memory=False)), final=4, step=STEP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        run = simulate(model)
    walk = walker(model, run, STEP)
    for v in model.variables.values():
        if v.kind not in ("auxiliary", "stock"):
            continue
        (equation,) = v.equations
        for pick in itertools.product(*(range(n) for n in v.shape)):
            at = {index: i for (index, _), i in zip(equation.axes, pick, strict=True) if index is not None}
            values = walk.values[v.name][(slice(None), *pick)]
            for k in range(len(values)):
                if v.kind == "stock" and k:
                    walk.go(k - 1)
                    expected = values[k - 1] + STEP * walk.value(equation.expr, at)
                else:
                    walk.go(k)
                    expected = walk.value(equation.expr if v.kind == "auxiliary" else equation.initial, at)
                assert values[k] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), v.spelling


def sources(model: Model) -> tuple[str, str, str]:
    """The Python, the assembly language and the JavaScript of a model."""
    p = kernel.prepare(model, method="euler")
    python = emit_python.source(p.model, p.plan, p.layout, method=p.method)
    assembly = llvm.Source(p.model, p.plan, p.layout, method=p.method, own_tables=p.own_tables).text
    return python, assembly, emit_js.Script(p.model, p.layout).phases(p.plan)


HOSTILE = st.text(
    st.one_of(
        st.sampled_from(list("_().,'[]{}:;=#\\+-*/ \tabZ0é人")),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    min_size=1,
    max_size=24,
).filter(lambda name: not set(name) & set('"\\|~') and name.strip())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(HOSTILE, min_size=4, max_size=4, unique_by=fold))
@example(names=["00", "#TIME", "0", "1"])  # once the engine's own name for the time at the start of a step
def test_no_text_of_the_model_reaches_the_source(build: Build, names: list[str]) -> None:
    """The source of a model is the same, letter for letter, whatever its names are."""
    template = 'R : "{3}", other ~~|\n"{0}" = 5 ~~|\n"{1}"[R] = "{0}" * Time ~~|\n"{2}" = INTEG("{1}"["{3}"], 0) ~~|\n'
    plain = build(template.format("a", "b", "c", "d"))
    assume(not {fold(n) for n in names} & {"r", "other", "time", *FUNCTIONS, *CONTROLS, ""})
    hostile = build(template.format(*names))
    assert sources(hostile) == sources(plain)


def test_the_source_is_made_of_few_names(build: Build) -> None:
    model = build(
        '"__import__(\'os\')" = 5 ~~|\n"w[0] = 1" = INTEG("__import__(\'os\')", 0) ~~|\n"lambda" = "w[0] = 1" ~~|\n'
        "t((0,1),(2,3)) ~~|\nx = t(lambda) + EXP(lambda) ~~|\n"
    )
    python, assembly, script = sources(model)
    tokens = tokenize.generate_tokens(StringIO(python).readline)
    words = {t.string for t in tokens if t.type == tokenize.NAME} | set(re.findall(r"\w+", assembly + script))
    assert not words & {"__import__", "os", "lambda", "import", "exec", "eval", "open", "getattr", "system"}


@pytest.mark.parametrize(
    ("right", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("16 / 4 / 2", 2),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("3 = 3", 1),
        ("3 <> 3", 0),
        ("2 * (3 > 1)", 2),
        ("1 :AND: 0 :OR: 1", 1),
        (":NOT: 0", 1),
        (":NOT: 7.5", 0),
        ("0.5 :AND: -1", 1),
        ("IF THEN ELSE(0.3, 1, 2)", 1),
        ("IF THEN ELSE(0, 1/0, 2)", 2),
        ("LOG(8, 2)", 3),
        ("POWER(4, 0.5)", 2),
        ("MODULO(-7, 3)", -1),
        ("QUANTUM(-7.5, 2)", -6),
        ("INTEGER(-2.7)", -2),
        ("ZIDZ(3, 0.0000001)", 0),
        ("XIDZ(3, 0, 9)", 9),
        ("ZIDZ(3, 2)", 1.5),
        (":NA: = :NA:", 1),
        (":NA: < 0", 1),
        ("ARCTAN(1) * 4", np.pi),
        ("COSH(0) + SINH(0) + TANH(0) + ARCSIN(0) + ARCCOS(1) + SIN(0) + COS(0) + TAN(0)", 2),
        ("GAME(6)", 6),
        ("MIN(3, MAX(1, 2))", 2),
        ("SQRT(2.25)", 1.5),
        ("ABS(-3)", 3),
    ],
)
@pytest.mark.filterwarnings("ignore::flows.ensemble.NonFiniteWarning")
@pytest.mark.parametrize("engine", ["python", "compiled"])
def test_values_worked_by_hand(build: Build, engine: Any, right: str, value: float) -> None:
    # 0 * Time keeps the equation among those of every step
    y = simulate(build(f"y = 0 * Time + ({right}) ~~|"), outcomes=["y"], engine=engine)["y"].values
    np.testing.assert_allclose(y, value, rtol=1e-15, atol=1e-15)


def test_reductions(build: Build) -> None:
    model = build(
        "R : p, q, z ~~|\nS : u, v ~~|\nPart : p, q ~~|\nx[R,S] = 1,2; 3,4; 5,-6; ~~|\n"
        "total = SUM(x[R!,S!]) ~~|\nrows[R] = SUM(x[R,S!]) ~~|\nlow[S] = VMIN(x[R!,S]) ~~|\nhigh = VMAX(x[R!,S!]) ~~|\n"
        "product[S] = PROD(x[Part!,S]) ~~|\nsquares = SUM(x[R!,u] * x[R!,u]) ~~|\n"
        "nested = SUM(rows[R!] / SUM(x[Part!,u])) ~~|\n"
    )
    ds = simulate(model).isel(time=0)
    assert float(ds["total"]) == 9
    assert ds["rows"].values.tolist() == [3, 7, -1]
    assert ds["low"].values.tolist() == [1, -6]
    assert float(ds["high"]) == 5
    assert ds["product"].values.tolist() == [3, 8]
    assert float(ds["squares"]) == 35
    assert float(ds["nested"]) == 9 / 4


def test_large_matrices_are_inverted_run_by_run(build: Build) -> None:
    n = 9
    rows, columns = (", ".join(f"{letter}{k}" for k in range(n)) for letter in "rc")
    text = f"""
    row : {rows} ~~|
    column : {columns} ~~|
    weight = 0.1 ~~|
    matrix[row, column] = IF THEN ELSE(row = column, 2 + Time, weight * (row - column) / (row + column)) ~~|
    inverse[row, column] = INVERT MATRIX(matrix[row, column], {n}) ~~|
    """
    model = build(text, final=2)
    weights = np.linspace(-1, 1, 11)  # more than one block of lanes
    run = simulate(model, {"weight": xr.DataArray(weights, dims="draw")}, engine="compiled")
    a, b = (run[name].transpose("draw", "time", ...).values for name in ("matrix", "inverse"))
    assert np.abs(a @ b - np.eye(n)).max() < 1e-12
    plain = simulate(model, {"weight": weights[3]}, engine="python")["inverse"].transpose("time", ...).values
    assert np.allclose(b[3], plain, rtol=1e-12, atol=1e-15)


def test_sums_of_one_range_nest(build: Build) -> None:
    model = build(
        "R : p, q ~~|\nx[R] = 1, 2 ~~|\ny = SUM(x[R!] * SUM(x[R!])) ~~|\nz = SUM(x[R!] * VMAX(x[R!]) - x[R!]) ~~|"
    )
    ds = simulate(model).isel(time=0)
    assert (float(ds["y"]), float(ds["z"])) == (9, 3)


def test_two_ranges_in_any_order_on_the_right(build: Build) -> None:
    model = build(
        "R : p, q ~~|\nS : u, v, w ~~|\nx[R,S] = 1,2,3; 4,5,6; ~~|\ny[S,R] = x[R,S] * 10 + Time ~~|\nz[R] = x[R,w] ~~|"
    )
    ds = simulate(model)
    np.testing.assert_array_equal(ds["y"].isel(time=0), [[10, 40], [20, 50], [30, 60]])
    assert ds["y"].dims == ("S", "R", "time")
    np.testing.assert_array_equal(ds["z"].isel(time=0), [3, 6])


@pytest.mark.parametrize(
    ("argument", "value"),
    [(-5, 1), (0, 1), (1, 2), (2, 6), (3, 7), (3.5, 7.5), (4, 8), (99, 8)],
)
def test_lookups_are_linear_and_held_outside(build: Build, argument: float, value: float) -> None:
    model = build(
        f"t((0,1),(2,3),(2,6),(4,8)) ~~|\ny = t({argument}) ~~|\nw = WITH LOOKUP({argument}, ((1,5))) ~~|"
    )
    for engine in ("python", "compiled"):
        ds = simulate(model, engine=engine)
        assert ds["y"].values[0] == value
        assert ds["w"].values[0] == 5


def test_subscripted_lookups(build: Build) -> None:
    model = build(
        "R : p, q ~~|\nt[p]((0,0),(10,10)) ~~|\nt[q]((0,5),(5,5),(10,0)) ~~|\ny[R] = t[R](Time * 2) ~~|"
    )
    np.testing.assert_allclose(simulate(model)["y"], [[0, 2, 4, 6, 8], [5, 5, 5, 4, 2]])
