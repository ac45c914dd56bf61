"""The kernel of a page in a browser: equal to the engine, whatever the model holds."""

from __future__ import annotations

import json
import math
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page
from tests.conftest import small_model
from tests.engine.conftest import models

import flows
from flows import resources, simulate
from flows.ensemble import NonFiniteWarning
from flows.inputs import read_scenario, scenario_inputs
from flows.model.model import Model
from flows.page.kernel import KernelText, write_kernel
from flows.references import Expression, take

pytestmark = pytest.mark.browser

TOLERANCE = 1e-9

# Makes a kernel, sets inputs by name and element, runs it twice and gives its values by row of the outputs.
RUN = """([js, given]) => {
    const kernel = new Function(js + 'return makeKernel;')()();
    const inputs = kernel.defaults.slice();
    for (const [name, element, value] of given) {
        const row = kernel.spec.inputs.find((r) => r.name === name && r.element === element);
        if (Array.isArray(value)) inputs.set(value, row.index);
        else inputs[row.index] = value;
    }
    const out = kernel.run(kernel.defaults);
    kernel.run(inputs, out);
    return [Array.from(out), JSON.stringify(kernel.spec)];
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(offline=True)
    yield context.new_page()
    context.close()


def run_page(page: Page, text: KernelText, given: Sequence[tuple[str, str, Any]] = ()) -> np.ndarray:
    """The values of a run in the browser, shape (outputs, times)."""
    values, spec = page.evaluate(RUN, [text.js, [list(row) for row in given]])
    assert json.loads(spec) == text.spec
    return np.array(values, dtype=float).reshape(len(text.spec["outputs"]), len(text.spec["times"]))


def assert_equal(found: np.ndarray, expected: np.ndarray, names: Sequence[str]) -> None:
    """The contract's equality, |a - b| <= tolerance * max over time |b|, and no number in the same places."""
    for name, a, b in zip(names, found, expected, strict=True):
        assert np.array_equal(np.isnan(a), np.isnan(b)), f"{name}: {a} against {b}"
        assert np.array_equal(np.isinf(a), np.isinf(b)), f"{name}: {a} against {b}"
        keep = np.isfinite(b)
        assert np.array_equal(a[~keep], b[~keep], equal_nan=True)
        scale = np.abs(b[keep]).max(initial=0.0)
        assert (np.abs(a[keep] - b[keep]) <= TOLERANCE * scale).all(), f"{name}: {a} against {b}"


def compare(
    page: Page, model: Model, inputs: Mapping[str, Any] | None = None, *, engine: Any = "python"
) -> None:
    """Hold every variable that changes against the engine."""
    names = [
        v.spelling for v in model.variables.values() if v.kind not in ("lookup", "constant") and not v.hidden
    ]
    text = write_kernel(model, names, inputs=inputs, save_every=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        run = simulate(model, inputs, outcomes=names, engine=engine)
    expected = np.concatenate([run[n].values.reshape(-1, run.sizes["time"]) for n in names])
    np.testing.assert_array_equal(text.spec["times"], run["time"].values)
    labels = [f"{o['name']}[{o['element']}]" for o in text.spec["outputs"]]
    assert_equal(run_page(page, text), expected, labels)


# A variable for each function of the language, and for each way to call it that is written down differently.
FUNCTIONS = """
R : e1, e2, e3 ~~|
Few : e1, e2 ~~|
S : u, v, w -> R ~~|
Claim : k1, k2, k3, k4 ~~|
Shape : kind, priority, width, extra ~~|
k = 2.5 ~~|
c[R] = 3, -1.5, 0.25 ~~|
order[R] = 2, 0, 1 ~~|
matrix[R, S] = 4, 1, 0.5; 1, 3, -1; 0.25, -2, 5; ~~|
t((0,1),(1,3),(1,4),(2.5,-2),(4,0.5)) ~~|
rising((0,-1),(2,3),(3,5)) ~~|
l[e1]((0,0),(2,5.5)) ~~|
l[e2]((-1,3),(2,5.5),(4,0)) ~~|
l[e3]((0,1),(8,-1.5)) ~~|
x = INTEG(k - x / 3, 1) ~~|
y[R] = INTEG(c[R] * x - y[R] * 0.5, c[R] + k) ~~|
aux[R] = y[R] + SUM(y[R!]) / 3 - VMAX(y[R!]) * VMIN(y[R!]) + PROD(c[R!]) ~~|
few values[Few] = aux[Few] * 2 ~~|
mapped[S] = aux[R] + 1 ~~|
position[R] = R * Time ~~|
f1 = ABS(x - 2) ~~|
f2 = ARCSIN(x / 10) + ARCCOS(x / 10) * ARCTAN(x) ~~|
f3 = SIN(x) + COS(x) * TAN(x) ~~|
f4 = SINH(x / 4) + COSH(x / 4) * TANH(x) ~~|
f5 = EXP(-x) + LN(1 + x) + LOG(1 + x, 10) + SQRT(x) ~~|
f6 = IF THEN ELSE(Time > 2 :AND: :NOT: x > 100 :OR: x = 3, x, -x) ~~|
f7 = INTEGER(-x * 1.7) + MODULO(-7 - x, 3) + QUANTUM(x * 7, 2) + QUANTUM(x, 0) ~~|
f8 = MAX(x, 2) - MIN(x, 2) ~~|
f9 = x ^ 0.5 + x ^ 3 + x ^ 1.7 + POWER(x, k) + (-x) ^ 3 + 2 ^ (-x) ~~|
f10 = PULSE(1, 1) + PULSE TRAIN(0.5, 0.5, 1.5, 3.5) + RAMP(2, 1, 3) + STEP(x, 1.5) ~~|
f11 = ZIDZ(x, Time) + XIDZ(x, Time - 1, 7) + 0 ^ 0 ~~|
f12a = GAMMA LN(Time / 2) ~~|
f12b = GAMMA LN(1 + 0 * Time) ~~|
f12 = GAMMA LN(0.5 + x) + GAMMA LN(-1.5 - Time) ~~|
f13 = t(x) + t(Time) + WITH LOOKUP(x, ((0,1),(2,5),(9,9))) ~~|
f14[R] = l[R](y[R]) + l[R](Time) ~~|
f15 = (-x) ^ 0.5 ~~|
early((1,2),(1,5),(3,0)) ~~|
late((1,2),(3,0),(3,7)) ~~|
point((1,2)) ~~|
f16 = 1 / (Time - 2) ~~|
f17 = 1 ^ (1 / (Time - 2)) + GAME(x) ~~|
f18 = early(Time) + late(Time) + point(Time) ~~|
f19 = t(f16) + t(-f16) + early(-f16) + point(f16) ~~|
f20 = t(f15) + f16 ^ 0 + 0 ^ x + 1e200 ^ x + 1e200 ^ (-x) + 1 ^ f15 ~~|
w1 = LOOKUP FORWARD(t, x) + LOOKUP BACKWARD(t, x) ~~|
w2 = LOOKUP EXTRAPOLATE(t, x * 2 - 1) ~~|
w3 = LOOKUP INVERT(rising, x) ~~|
w4 = LOOKUP AREA(t, 0.5, x) ~~|
v1[R] = VECTOR RANK(aux[R], 1) + 10 * VECTOR SORT ORDER(aux[R], -1) ~~|
v2[R] = VECTOR REORDER(aux[R], order[R]) ~~|
v3 = VECTOR ELM MAP(aux[e1], MODULO(Time, 5)) ~~|
v4 = VECTOR SELECT(c[R!], aux[R!], 0.5, 0, 0) + VECTOR SELECT(c[R!], aux[R!], 0, 3, 0) ~~|
v5 = ELMCOUNT(R) * x ~~|
v6[R] = VECTOR LOOKUP(aux[R], x, 0, 5, 0) + VECTOR LOOKUP(aux[R], x, 0, 5, 1) ~~|
v7[R] = VECTOR LOOKUP(aux[R], x, 0, 5, 2) + VECTOR LOOKUP(aux[R], x * 3, 0, 5, 3) ~~|
v9[R] = VECTOR LOOKUP(aux[R], x, 0, 5, 4) + VECTOR LOOKUP(aux[R], x, 0, 5, 5) ~~|
v8[R, S] = INVERT MATRIX(scaled[R, S], ELMCOUNT(R)) ~~|
scaled[R, S] = matrix[R, S] * (1 + x / 10) ~~|
profile[k1, Shape] = 1, 3, 2, 0 ~~|
profile[k2, Shape] = 2, 2.5, 1, 0 ~~|
profile[k3, Shape] = 3, 3, 1.5, 0 ~~|
profile[k4, Shape] = 4, 2, 1, 0 ~~|
wish[k1] = 5 + x ~~|
wish[k2] = 3 ~~|
wish[k3] = 8 ~~|
wish[k4] = 2 * x ~~|
a1[Claim] = ALLOCATE AVAILABLE(wish[Claim], profile[K, kind], 4 + 2 * Time) ~~|
a2[Claim] = ALLOCATE BY PRIORITY(wish[Claim], rank[Claim], ELMCOUNT(Claim), 2, 4 + 2 * Time) ~~|
rank[Claim] = 1, 3, 2, 2 ~~|
m1 = SMOOTH(x, 2) + SMOOTH3I(x, 4.5, 0.5) + SMOOTH N(x, 4, 1, 2) + DELAY1(x, 3) + DELAY3I(x, 3, 1) ~~|
m2 = DELAY N(x, 4.5, 1.5, 4) + DELAY FIXED(x, 1.5, 0.25) + TREND(x, 2, 0.1) + FORECAST(x, 2, 3) ~~|
m3 = INITIAL(x * 3) + SAMPLE IF TRUE(Time > 2, x, 0.5) + NPV(x, 0.1, 5, 2) ~~|
m4[R] = DELAY FIXED(y[R], 1 + R / 2, c[R]) ~~|
m5 = ACTIVE INITIAL(m5 start + x, 1.5) ~~|
m5 start = x * 2 ~~|
"""

RANDOM = """
R : p, q ~~|
density((-1,0),(0,2),(1,0)) ~~|
NOISE SEED = 3 ~~|
r0 = RANDOM 0 1() ~~|
r1 = RANDOM UNIFORM(2, 6, 0) ~~|
r2[R] = RANDOM NORMAL(-100, 100, 10, 2, 7) ~~|
r3 = RANDOM EXPONENTIAL(0, 100, 1, 2, 0) ~~|
r4 = RANDOM GAMMA(0, 100, 2.5, 0, 2, 0) ~~|
r5 = RANDOM BETA(0, 1, 2, 0.5, 0, 1, 0) ~~|
r6 = RANDOM BINOMIAL(0, 1000, 0.3, 500, 0, 1, 0) + RANDOM BINOMIAL(0, 1000, 0.3, 10, 0, 1, 0) ~~|
r7 = RANDOM POISSON(0, 1000, 150, 0, 1, 0) + RANDOM POISSON(0, 1000, 3.5, 0, 1, 0) ~~|
r8 = RANDOM NEGATIVE BINOMIAL(0, 1000, 0.3, 4, 0, 1, 0) ~~|
r9 = RANDOM TRIANGULAR(0, 10, 1, 2, 6, 0) ~~|
r10 = RANDOM WEIBULL(0, 100, 1.7, 0, 3, 0) ~~|
r11 = RANDOM LOOKUP(density, -9, 9, 0.25, 2, 0) ~~|
r12 = RANDOM PINK NOISE(5, 2, 8, 0) ~~|
r13 = RANDOM NORMAL(10, 12, 0, 0.01, 0) ~~|
walk = INTEG(r1 - 4, 0) ~~|
"""


def test_every_function(page: Page) -> None:
    compare(page, small_model(FUNCTIONS, final=6, step=0.5))


def test_random_draws_are_those_of_the_engine(page: Page) -> None:
    compare(page, small_model(RANDOM, final=12, step=1))


@pytest.mark.parametrize("method", ["euler", "difference", "rk2", "rk4"])
def test_methods_of_integration(page: Page, method: str) -> None:
    model = small_model(
        "R : p, q ~~|\nk = 0.7 ~~|\nx[R] = INTEG(y[R] - k * x[R], 1) ~~|\n"
        "y[R] = STEP(R, 1.5) + SIN(Time) * SUM(x[R!]) ~~|\n"
        "z = DELAY FIXED(x[p] + Time, 2, 0.5) ~~|",
        final=8,
        step=0.25,
        saveper=1,
    )
    names = ["x", "y", "z", "x[p] + y[q] / k"]
    text = write_kernel(model, names, method=method)
    run = simulate(model, outcomes=["x", "y", "z", "k"], method=method, engine="python")
    rows = [*run["x"].values, *run["y"].values, run["z"].values]
    rows.append((run["x"].sel(R="p") + run["y"].sel(R="q") / run["k"]).values)
    assert_equal(run_page(page, text), np.array(rows), [o["outcome"] for o in text.spec["outputs"]])


@pytest.mark.unmeasured
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_models(page: Page, data: st.DataObject) -> None:
    compare(page, small_model(data.draw(models()), step=0.5))


def test_inputs_by_name_and_element(page: Page) -> None:
    """Constants, initial values and the points of lookups that are set in the browser."""
    model = small_model(
        "R : p, q ~~|\nk[R] = 1, 2 ~~|\nrate = 0.1 ~~|\nt((0,1),(1,3),(4,0.5)) ~~|\n"
        "l[p]((0,0),(2,5.5)) ~~|\nl[q]((-1,3),(2,5.5),(4,0)) ~~|\n"
        "x[R] = INTEG(k[R] - rate * x[R] + t(Time) + l[R](Time), k[R]) ~~|"
    )
    text = write_kernel(model, ["x"])
    given = [
        ("k", "q", 5.0),
        ("rate", "", 0.3),
        ("x", "p", -2.0),
        ("t", "", [2.0, -1.0, 7.0]),
        ("l", "p", [1.0, 4.0]),
    ]
    inputs = {
        "k[q]": 5.0,
        "rate": 0.3,
        "x[p]": -2.0,
        "t": [(0, 2), (1, -1), (4, 7)],
        "l[p]": [(0, 1), (2, 4)],
    }
    expected = simulate(model, inputs, outcomes=["x"])["x"].values
    assert_equal(run_page(page, text, given), expected, ["p", "q"])
    # the same values as defaults
    assert_equal(run_page(page, write_kernel(model, ["x"], inputs=inputs)), expected, ["p", "q"])


def test_names_of_a_file_stay_data(page: Page) -> None:
    name, element = "</script><script>alert(1)//'];\u2028`${w[0]=1}`", "constructor"
    model = small_model(
        f'R : {element}, "__proto__" ~~|\n"{name}"[R] = 1, 2 ~~|\n'
        f'"toString" = INTEG("{name}"[{element}] * 2 + SUM("{name}"[R!]), 0) ~~|'
    )
    text = write_kernel(model, ["toString", name])
    assert text.js.isascii()
    assert "</" not in text.js
    assert "<!" not in text.js
    plain = small_model("R : a, b ~~|\nc[R] = 1, 2 ~~|\ns = INTEG(c[a] * 2 + SUM(c[R!]), 0) ~~|")
    body, other = (t.js.partition("const spec =")[0] for t in (text, write_kernel(plain, ["s", "c"])))
    assert body == other
    values = run_page(page, text, [(text.spec["outputs"][1]["name"], element, 4.0)])
    assert values[0].tolist() == [0, 14, 28, 42, 56]
    assert values[1:].tolist() == [[4.0] * 5, [2.0] * 5]


def test_the_page_refuses_arrays_that_do_not_fit(page: Page) -> None:
    text = write_kernel(small_model("k = 2 ~~|\nx = INTEG(k, 0) ~~|"), ["x"])
    for arguments in ("new Float64Array(1)", "kernel.defaults, new Float64Array(3)"):
        with pytest.raises(Exception, match="RangeError"):
            page.evaluate(
                f"(js) => new Function(js + 'const kernel = makeKernel(); kernel.run({arguments})')()",
                text.js,
            )


SCENARIOS = (
    "current-course",
    "protection-reform",
    "us-tightening+violence-worse",
    "regional-system+course-2024",
    "mpp-return",
)


@pytest.fixture(scope="module")
def shipped() -> tuple[Model, KernelText, tuple[str, ...]]:
    model = flows.read_vensim(resources.root() / "models" / "migration.mdl", units="off")
    table = tomllib.loads((resources.root() / "models" / "outcomes.toml").read_text(encoding="utf-8"))
    outcomes = (*(row["expression"] for row in table["outcome"]), *model.stocks.names)
    return model, write_kernel(model, outcomes), outcomes


@pytest.mark.unmeasured
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_shipped_model_in_scenarios(
    page: Page, shipped: tuple[Model, KernelText, tuple[str, ...]], scenario: str
) -> None:
    """Every outcome and stock at each month's end, with the scenario's values set in the browser."""
    model, text, _ = shipped
    inputs = scenario_inputs(read_scenario(scenario), model)
    given = []
    for key, value in inputs.items():
        variable, elements = flows.ensemble.reference(model, key)
        chosen = ",".join(model.element_spellings[e] for e in elements or () if e)
        given.append((variable.spelling, chosen, value))
    run = simulate(model, inputs, save_every=1)
    assert_equal(
        run_page(page, text, given), expected(run, text), [o["outcome"] for o in text.spec["outputs"]]
    )


def expected(run: Any, text: KernelText) -> np.ndarray:
    """What the engine gives for the outputs of a kernel."""
    rows = []
    for output in text.spec["outputs"]:
        if output["name"] in run:
            values = run[output["name"]]
            for name in filter(None, output["element"].split(",")):
                values = values.sel({values.dims[0]: name})
        else:
            values = Expression.parse(output["outcome"]).evaluate(lambda leaf: take(run, leaf))
        rows.append(np.broadcast_to(values, run.sizes["time"]))
    return np.array(rows)


def test_the_text_is_small_and_holds_its_switches(shipped: tuple[Model, KernelText, tuple[str, ...]]) -> None:
    model, text, _ = shipped
    assert len(text.js) < 600_000
    names = {row["name"] for row in text.spec["inputs"]}
    loops = tomllib.loads((resources.root() / "models" / "loops.toml").read_text(encoding="utf-8"))["loop"]
    assert {model.variable(loop["switch"]).spelling for loop in loops} <= names
    assert set(model.levers.names) <= names
    assert not names & {"TIME STEP", "FINAL TIME", "INITIAL TIME", "SAVEPER"}
    assert all(math.isfinite(row["value"]) for row in text.spec["inputs"] if row["kind"] == "constant")
