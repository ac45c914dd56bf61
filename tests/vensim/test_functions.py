"""Functions of vectors, matrices, lookups and money, against values by hand or from Vensim's help pages."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import xarray as xr
from tests.conftest import small_model

from flows import simulate
from flows.engine import runtime
from flows.errors import ModelError, UnsupportedError

Engine = Literal["compiled", "python"]
ENGINES: tuple[Engine, ...] = ("compiled", "python")
NA = -(2.0**109)

engines = pytest.mark.parametrize("engine", ENGINES)


def first(model_text: str, engine: Engine, *names: str, **options: float) -> list[object]:
    """Values of variables at the start of a run."""
    ds = simulate(small_model(model_text, **options), engine=engine)
    return [
        ds[n].isel(time=0).values.tolist() if "time" in ds[n].dims else ds[n].values.tolist() for n in names
    ]


# ---------------------------------------------------------------------------------------------- vectors


@engines
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (0, 2 * 3 - 1 * 4 + 0.5 * 8),
        (1, (2 * 3) * (-1 * 4) * (0.5 * 8)),
        (2, -4),
        (3, 6),
        (4, 6 / 3),
        (5, 3**2 * 4**-1 * 8**0.5),
        (6, 15),
        (7, 96),
        (8, 3),
        (9, 8),
        (10, 5),
    ],
)
def test_vector_select_by_each_action(engine: Engine, action: int, expected: float) -> None:
    text = f"""
        r: a, b, c, d ~~|
        sel[r] = 2, -1, 0, 0.5 ~~|
        x[r] = 3, 4, 100, 8 ~~|
        CODE == {action} ~~|
        code = {action} ~~|
        """
    text = text.replace("code =", "other code =")
    text += """
        fixed = VECTOR SELECT(sel[r!], x[r!], 7, CODE, 0) + 0 * Time ~~|
        chosen = VECTOR SELECT(sel[r!], x[r!], 7, other code + 0 * Time, 0) ~~|
        """
    fixed, chosen = first(text, engine, "fixed", "chosen")
    assert fixed == pytest.approx(expected, rel=1e-14)
    assert chosen == pytest.approx(expected, rel=1e-14)


@engines
@pytest.mark.filterwarnings("ignore::flows.ensemble.NonFiniteWarning")
def test_vector_select_of_nothing_and_of_too_much(engine: Engine) -> None:
    text = """
        r: a, b ~~|
        s: x, y ~~|
        none[r] = 0 ~~|
        both[r] = 1 ~~|
        m[r, s] = 1, 2; 3, 4; ~~|
        missing = VECTOR SELECT(none[r!], both[r!], :NA:, 3, 0) + 0 * Time ~~|
        error = VECTOR SELECT(none[r!], both[r!], 5, 3, 1) + 0 * Time ~~|
        many = VECTOR SELECT(both[r!], both[r!], 5, 0, 2) + 0 * Time ~~|
        fine = VECTOR SELECT(both[r!], both[r!], 5, 0, 1) + 0 * Time ~~|
        rows[r] = VECTOR SELECT(both[r], m[r, s!], 0, 0, 0) + 0 * Time ~~|
        """
    missing, error, many, fine, rows = first(text, engine, "missing", "error", "many", "fine", "rows")
    assert missing == NA
    assert isinstance(error, float) and math.isnan(error)
    assert isinstance(many, float) and math.isnan(many)
    assert fine == 2
    assert rows == [3, 7]


@engines
def test_vector_elm_map_walks_through_the_whole_array(engine: Engine) -> None:
    text = """
        DimA: A1, A2, A3 ~~|
        DimB: B1, B2 ~~|
        a[DimA] = 0, 1, 1 ~~|
        b[DimB] = 1, 2 ~~|
        d[DimA, DimB] = 1, 4; 2, 5; 3, 6; ~~|
        moving[DimA, DimB] = d[DimA, DimB] + Time ~~|
        c[DimA] = 10 + VECTOR ELM MAP(b[B1], a[DimA]) ~~|
        f[DimA, DimB] = VECTOR ELM MAP(d[DimA, B1], a[DimA]) ~~|
        all[DimA, DimB] = VECTOR ELM MAP(moving[A1, B1], (DimA - 1) * ELMCOUNT(DimB) + DimB - 1) ~~|
        out = VECTOR ELM MAP(b[B2], 1) + 0 * Time ~~|
        before = VECTOR ELM MAP(b[B1], -1) + 0 * Time ~~|
        total = SUM(VECTOR ELM MAP(b[B1], a[DimA!])) ~~|
        """
    c, f, whole, out, before, total = first(text, engine, "c", "f", "all", "out", "before", "total")
    assert c == [11, 12, 12]
    assert f == [[1, 1], [5, 5], [6, 6]]
    assert whole == [[1, 4], [2, 5], [3, 6]]
    assert out == before == NA
    assert total == 5


def test_vector_elm_map_waits_for_the_whole_array() -> None:
    model = small_model(
        "r: a, b ~~|\nx = VECTOR ELM MAP(y[a], 1) ~~|\ny[a] = Time ~~|\ny[b] = 2 * y[a] + 1 ~~|\n"
    )
    assert float(simulate(model)["x"][0]) == 1
    with pytest.raises(ModelError, match="circle"):
        simulate(small_model("r: a, b ~~|\ny[r] = VECTOR ELM MAP(y[a], 1) + Time ~~|\n"))


@engines
def test_order_rank_and_reorder_of_the_last_range(engine: Engine) -> None:
    text = """
        r: a, b, c ~~|
        place: first, second, third ~~|
        k: x, y ~~|
        h[r] = 2100, 2010, 2020 ~~|
        m[k, r] = 3, 1, 2; 5, 5, 4; ~~|
        up[r] = VECTOR SORT ORDER(h[r], 1) + 0 * Time ~~|
        down[r] = VECTOR SORT ORDER(h[r], 0) + 0 * Time ~~|
        also up[r] = VECTOR SORT ORDER(-h[r], 0) + 0 * Time ~~|
        rank[k, r] = VECTOR RANK(m[k, r], 1) + 0 * Time ~~|
        order[k, place] = VECTOR SORT ORDER(m[k, r], 1) + 0 * Time ~~|
        sorted[k, place] = VECTOR REORDER(m[k, r], order[k, place]) ~~|
        """
    up, down, also, rank, order, in_order = first(
        text, engine, "up", "down", "also up", "rank", "order", "sorted"
    )
    assert up == also == [1, 2, 0]
    assert down == [0, 2, 1]
    assert rank == [[3, 1, 2], [2, 3, 1]]  # equal values keep their order
    assert order == [[1, 2, 0], [2, 0, 1]]
    assert in_order == [[1, 2, 3], [4, 5, 5]]


@engines
def test_a_vector_as_a_lookup(engine: Engine) -> None:
    text = """
        r: a, b, c ~~|
        v[r] = 0, 2, 3 ~~|
        x = VECTOR LOOKUP(v[a], 15, 10, 30, 0) + 0 * Time ~~|
        beyond = VECTOR LOOKUP(v[a], 40, 10, 30, 0) + 0 * Time ~~|
        carried on = VECTOR LOOKUP(v[a], 40, 10, 30, 3) + 0 * Time ~~|
        area = VECTOR LOOKUP(v[a], 20, 10, 30, 1) + 0 * Time ~~|
        inverse = VECTOR LOOKUP(v[a], 2.5, 10, 30, 5) + 0 * Time ~~|
        """
    assert first(text, engine, "x", "beyond", "carried on", "area", "inverse") == [1, 3, 4, 10, 25]


@engines
def test_vectors_that_differ_between_runs(engine: Engine) -> None:
    model = small_model("r: a, b, c ~~|\nx[r] = 3, 2, 1 ~~|\nrank[r] = VECTOR RANK(x[r] + 0 * Time, 1) ~~|\n")
    values = xr.DataArray(np.array([[float(i), 1, 2] for i in range(19)]), dims=("draw", "r"))
    ds = simulate(model, {"x": values}, engine=engine)
    expected = [[1, 2, 3] if i <= 1 else [2, 1, 3] if i == 2 else [3, 1, 2] for i in range(19)]
    expected[1] = [1, 2, 3]
    np.testing.assert_array_equal(ds["rank"].isel(time=0).transpose("draw", "r"), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = VECTOR SELECT(1, 2, 0, 0, 0) ~~|", "VECTOR SELECT needs a range with !"),
        ("x = VECTOR SELECT(v[r!], 2, 0, 11, 0) ~~|", "a whole number from 0 to 10"),
        ("x = VECTOR SORT ORDER(v[r], 1) ~~|", "VECTOR SORT ORDER needs a left side with subscripts"),
        ("x[q] = VECTOR SORT ORDER(v[r], 1) ~~|", "doesn't fit the vector of VECTOR SORT ORDER"),
        ("x[r] = VECTOR RANK(2, 1) ~~|", "VECTOR RANK takes an array with subscripts"),
        ("x = VECTOR ELM MAP(2, 1) ~~|", "VECTOR ELM MAP takes an element of an array"),
        ("x[r] = INVERT MATRIX(v[r], 2) ~~|", "INVERT MATRIX takes an array with subscripts"),
        ("x[r] = ALLOCATE AVAILABLE(v[r], v[r], 2) ~~|", "takes an array of priority profiles"),
        ("x = LOOKUP FORWARD(v, 1) ~~|", "stands in the equation"),
        ("x = LOOKUP FORWARD(3, 1) ~~|", "LOOKUP FORWARD takes the name of a lookup"),
    ],
)
def test_mistakes_in_vectors_are_named(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        small_model("r: a, b ~~|\nq: c, d, e ~~|\nv[r] = 1, 2 ~~|\n" + text + "\n")


# ---------------------------------------------------------------------------------------------- matrices, allocation


@engines
def test_the_inverse_of_a_matrix(engine: Engine) -> None:
    text = """
        r: a, b ~~|
        s: x, y ~~|
        m[r, s] = 1, 2; 3, 4; ~~|
        scale = 1 ~~|
        scaled[r, s] = m[r, s] * scale + 0 * Time ~~|
        inverse[r, s] = INVERT MATRIX(scaled[r, s], ELMCOUNT(r)) ~~|
        zero[r, s] = 0 * m[r, s] ~~|
        """
    (inverse,) = first(text, engine, "inverse")
    np.testing.assert_allclose(inverse, [[-2, 1], [1.5, -0.5]], rtol=1e-14)


def test_a_singular_matrix_has_no_inverse_and_a_pivot_may_be_zero() -> None:
    assert all(math.isnan(v) for v in runtime.invert_matrix([1, 2, 2, 4]))
    assert list(runtime.invert_matrix([0, 1, 1, 0])) == [0, 1, 1, 0]


BRANCHES = """
    branch: Boston, Dayton, Fresno ~~|
    pprofile: ptype, ppriority, pwidth, pextra ~~|
    request[branch] = 500, 300, 750 ~~|
    """


@engines
def test_supply_goes_by_priority(engine: Engine) -> None:
    text = (
        BRANCHES
        + """
        priority[branch] = 5, 7, 3 ~~|
        wide[branch] = ALLOCATE BY PRIORITY(request[branch], priority[branch], ELMCOUNT(branch), 2, supply) ~~|
        flat[branch] = ALLOCATE BY PRIORITY(request[branch], one[branch], 3, 2, supply) ~~|
        one[branch] = 1 ~~|
        supply = 600 + 1000 * Time ~~|
        """
    )
    model = small_model(text, final=1)
    ds = simulate(model, engine=engine)
    # Dayton is a whole width ahead of Boston, Boston of Fresno
    np.testing.assert_allclose(ds["wide"].isel(time=0), [300, 300, 0], rtol=1e-9)
    np.testing.assert_allclose(ds["wide"].isel(time=1), [500, 300, 750], rtol=1e-9)
    np.testing.assert_allclose(ds["flat"].isel(time=0), np.array([500, 300, 750]) * 600 / 1550, rtol=1e-9)


@engines
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (0, [40, 60]),
        (1, [0, 100]),
        (2, [0, 100]),
        # the root of 200 Phi((0.1 - x) / 0.5) + 300 Phi((0.9 - x) / 0.5) = 100
        (3, [3.877582, 96.122418]),
        (4, [11.863, 88.137]),
    ],
)
def test_supply_goes_by_profiles(engine: Engine, kind: int, expected: list[float]) -> None:
    text = f"""
        r: a, b ~~|
        pprofile: ptype, ppriority, pwidth, pextra ~~|
        request[r] = 200, 300 ~~|
        profile[a, pprofile] = {kind}, 0.1, 0.5, 0 ~~|
        profile[b, pprofile] = {kind}, 0.9, 0.5, 0 ~~|
        got[r] = ALLOCATE AVAILABLE(request[r], profile[r, ptype], 100 + 0 * Time) ~~|
        plenty[r] = ALLOCATE AVAILABLE(request[r], profile[r, ptype], 1000 + 0 * Time) ~~|
        """
    got, plenty = first(text, engine, "got", "plenty")
    np.testing.assert_allclose(got, expected, atol=2e-4)
    assert sum(got) == pytest.approx(100, rel=1e-12)  # type: ignore[call-overload]
    assert plenty == [200, 300]


def test_what_allocation_cannot_take_has_no_value() -> None:
    profile = [1.0, 5.0, 2.0, 0.0]
    assert math.isnan(runtime.allocate_available([-1.0], profile, 1.0)[0])
    assert math.isnan(runtime.allocate_available([1.0], [5.0, 5.0, 2.0, 1.0], 0.5)[0])
    assert math.isnan(runtime.allocate_available([1.0], [1.0, 5.0, 0.0, 1.0], 0.5)[0])
    fixed = runtime.allocate_available([10.0, 10.0], [0.0, 0, 0, 0, *profile], 15.0)
    np.testing.assert_allclose(fixed, [10, 5], rtol=1e-12)
    np.testing.assert_allclose(
        runtime.allocate_available([10.0, 10.0], [0.0, 0, 0, 0, *profile], 5.0), [5, 0]
    )


# ---------------------------------------------------------------------------------------------- lookups and data


@engines
def test_lookups_read_in_other_ways(engine: Engine) -> None:
    # the examples of the help pages fn_lookup_forward, …_backward, …_invert, …_area
    text = """
        r: p, q ~~|
        look((0,1),(1,1),(2,2)) ~~|
        other((0,0),(1,1),(3,2)) ~~|
        each[p]((0,0),(1,5)) ~~|
        each[q]((0,0),(1,7),(2,9)) ~~|
        at[r] = -1, 1.5 ~~|
        forward = LOOKUP FORWARD(look, 1.5 + Time) ~~|
        before = LOOKUP FORWARD(look, -1 + 0 * Time) ~~|
        backward = LOOKUP BACKWARD(look, 1.5 + 0 * Time) ~~|
        behind = LOOKUP BACKWARD(look, 2.5 + 0 * Time) ~~|
        up = LOOKUP EXTRAPOLATE(other, 5 + 0 * Time) ~~|
        down = LOOKUP EXTRAPOLATE(other, -2 + 0 * Time) ~~|
        between = LOOKUP EXTRAPOLATE(other, 2 + 0 * Time) ~~|
        no inverse = LOOKUP INVERT(other, -1 + 0 * Time) ~~|
        inverse = LOOKUP INVERT(other, 1.5 + 0 * Time) ~~|
        area = LOOKUP AREA(look, 0.5, 2.5 + 0 * Time) ~~|
        far area = LOOKUP AREA(look, 2, 4 + 0 * Time) ~~|
        of each[r] = LOOKUP EXTRAPOLATE(each[r], 3 + 0 * Time) ~~|
        """
    names = (
        *("forward", "before", "backward", "behind", "up", "down", "between"),
        *("no inverse", "inverse", "area", "far area", "of each"),
    )
    values = first(text, engine, *names)
    assert values == [2, 1, 1, 2, 3, -2, 1.5, NA, 2, 3, 4, [15, 11]]


def test_lookups_of_a_runs_own(tmp_path: object) -> None:
    model = small_model("look((0,1),(1,1),(2,2)) ~~|\nx = LOOKUP FORWARD(look, Time + 0.5) ~~|\n", final=2)
    y = xr.DataArray([[1.0, 2, 3], [10.0, 20, 30], [5.0, 5, 5]], dims=("draw", "x"), coords={"x": [0, 1, 2]})
    ds = simulate(model, {"look": y}, engine="compiled")
    np.testing.assert_allclose(ds["x"].transpose("draw", "time"), [[2, 3, 3], [20, 30, 30], [5, 5, 5]])


# ---------------------------------------------------------------------------------------------- others


@engines
def test_net_present_value_by_its_equations(engine: Engine) -> None:
    model = small_model("x = NPV(100, 0.1, 5, 2) ~~|\n", final=3)
    expected = [(5 + 100 * sum(1.1**-k for k in range(n + 1))) * 2 for n in range(4)]
    np.testing.assert_allclose(simulate(model, engine=engine)["x"], expected, rtol=1e-12)


@engines
def test_gamma_and_time_value(engine: Engine) -> None:
    text = """
        a = GAMMA LN(10 + 0 * Time) ~~|
        b = GAMMA LN(0.5 + 0 * Time) ~~|
        t = GET TIME VALUE(0, 3, 0) ~~|
        """
    a, b, t = first(text, engine, "a", "b", "t")
    assert a == pytest.approx(math.log(math.factorial(9)), rel=1e-14)
    assert b == pytest.approx(math.log(math.pi) / 2, rel=1e-14)
    assert t == 3


def test_the_calendar_of_get_time_value_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="GET TIME VALUE of the start, the clock or the calendar"):
        simulate(small_model("x = GET TIME VALUE(2, 0, 3) ~~|\n"), engine="compiled")


# ---------------------------------------------------------------------------------------------- random numbers

NOISE = """
    r: a, b ~~|
    NOISE SEED = 1 ~~|
    u = RANDOM UNIFORM(2, 6, 0) ~~|
    other = RANDOM UNIFORM(2, 6, 0) ~~|
    own = RANDOM UNIFORM(2, 6, 7) ~~|
    n = RANDOM NORMAL(-100, 100, 10, 2, 0) ~~|
    cut[r] = RANDOM NORMAL(9, 12, 10, 2, 0) ~~|
    z = RANDOM 0 1() ~~|
    walk = INTEG(RANDOM NORMAL(-9, 9, 0, 1, 0), 0) ~~|
    """


def test_random_numbers_have_their_distributions() -> None:
    ds = simulate(small_model(NOISE, final=4000), engine="python")
    u, n, cut, z = (ds[name].values for name in ("u", "n", "cut", "z"))
    assert u.min() > 2 and u.max() < 6
    assert u.mean() == pytest.approx(4, abs=0.07)
    assert u.std() == pytest.approx(4 / math.sqrt(12), abs=0.04)
    assert n.mean() == pytest.approx(10, abs=0.12)
    assert n.std() == pytest.approx(2, abs=0.09)
    assert cut.min() >= 9 and cut.max() <= 12
    assert z.mean() == pytest.approx(0.5, abs=0.02)
    values = [u, ds["other"].values, ds["own"].values, n, ds["cut"].values[0], ds["cut"].values[1], z]
    correlations = np.corrcoef(values) - np.eye(len(values))
    assert abs(correlations).max() < 0.06
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.06


def test_equal_seeds_draw_equal_numbers_in_both_engines_and_any_batch() -> None:
    model = small_model(NOISE, final=20)
    one = simulate(model, engine="python")
    seeds = xr.DataArray([1.0, 2.0, 1.0] + [3.0] * 16, dims="draw")
    many = simulate(model, {"noise seed": seeds}, engine="compiled", threads=2)
    for name in ("u", "own", "n", "cut", "z", "walk"):
        np.testing.assert_array_equal(many[name].isel(draw=0), one[name])
        np.testing.assert_array_equal(many[name].isel(draw=2), one[name])
    assert not np.array_equal(many["u"].isel(draw=1), one["u"])
    np.testing.assert_array_equal(many["own"].isel(draw=1), one["own"])


DISTRIBUTIONS = """
    density((0,0),(1,2),(2,0)) ~~|
    exponential = RANDOM EXPONENTIAL(0, 100, 1, 2, 0) ~~|
    gamma = RANDOM GAMMA(0, 100, 2.5, 0, 2, 0) ~~|
    low gamma = RANDOM GAMMA(0, 100, 0.5, 0, 2, 0) ~~|
    weibull = RANDOM WEIBULL(0, 100, 1.7, 0, 3, 0) ~~|
    poisson = RANDOM POISSON(0, 1000, 3.5, 0, 1, 0) ~~|
    many poisson = RANDOM POISSON(0, 1000, 150, 0, 1, 0) ~~|
    beta = RANDOM BETA(0, 1, 2, 0.5, 0, 1, 0) ~~|
    binomial = RANDOM BINOMIAL(0, 1000, 0.3, 10, 0, 1, 0) ~~|
    many binomial = RANDOM BINOMIAL(0, 1000, 0.3, 500, 0, 1, 0) ~~|
    negative binomial = RANDOM NEGATIVE BINOMIAL(0, 1000, 0.3, 4, 0, 1, 0) ~~|
    triangular = RANDOM TRIANGULAR(0, 10, 1, 2, 6, 0) ~~|
    by density = RANDOM LOOKUP(density, -9, 9, 0.25, 2, 0) ~~|
    pink = RANDOM PINK NOISE(5, 2, 8, 0) ~~|
    """


@pytest.mark.unmeasured
def test_each_distribution_has_its_mean_and_deviation() -> None:
    ds = simulate(small_model(DISTRIBUTIONS, final=8000), engine="python")
    expected = {
        "exponential": (3, 2),
        "gamma": (5, 2 * math.sqrt(2.5)),
        "low gamma": (2, 2),  # an order below 1 counts as 1
        "weibull": (3, 3 * math.sqrt(math.gamma(1 + 2 / 1.7) / math.gamma(1 + 1 / 1.7) ** 2 - 1)),
        "poisson": (3.5, math.sqrt(3.5)),
        "many poisson": (150, math.sqrt(150)),
        "beta": (0.8, math.sqrt(1 / 2.5**2 / 3.5)),
        "binomial": (3, math.sqrt(2.1)),
        "many binomial": (150, math.sqrt(105)),
        "negative binomial": (4 / 0.3, math.sqrt(4 * 0.7) / 0.3),
        "triangular": (3, math.sqrt(21 / 18)),
        "by density": (2.25, 2 / math.sqrt(6)),
    }
    for name, (mean, deviation) in expected.items():
        values = ds[name].values
        assert values.mean() == pytest.approx(mean, abs=5 * deviation / math.sqrt(len(values))), name
        assert values.std() == pytest.approx(deviation, rel=0.06), name
    whole = ("poisson", "many poisson", "binomial", "many binomial", "negative binomial")
    assert all((ds[name].values % 1 == 0).all() for name in whole)
    assert ds["negative binomial"].values.min() >= 4
    assert 1 <= ds["triangular"].values.min() < ds["triangular"].values.max() <= 6
    pink = ds["pink"].values
    assert pink.mean() == pytest.approx(5, abs=0.45)  # 8000 / 8 independent draws or so
    assert pink.std() == pytest.approx(2, rel=0.1)
    assert np.corrcoef(pink[1:], pink[:-1])[0, 1] == pytest.approx(1 - 1 / 8, abs=0.02)


def test_both_engines_draw_equal_numbers_of_each_distribution() -> None:
    model = small_model(DISTRIBUTIONS, final=30)
    runs = [simulate(model, engine=engine) for engine in ENGINES]
    for name in runs[0]:
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-13, err_msg=str(name))


@pytest.mark.filterwarnings("ignore::flows.ensemble.NonFiniteWarning")
@engines
def test_draws_stay_within_their_limits_or_have_no_value(engine: Engine) -> None:
    text = """
        density((0,0),(1,2),(2,0)) ~~|
        gamma = RANDOM GAMMA(3, 4, 2.5, 0, 2, 0) ~~|
        by density = RANDOM LOOKUP(density, 0.5, 0.75, 0, 1, 0) ~~|
        turned = RANDOM LOOKUP(density, -0.75, -0.5, 0, -1, 0) ~~|
        nowhere = RANDOM POISSON(0.25, 0.75, 3, 0, 1, 0) ~~|
        outside = RANDOM LOOKUP(density, 5, 6, 0, 1, 0) ~~|
        senseless = RANDOM BETA(0, 1, -2, 1, 0, 1, 0) ~~|
        """
    ds = simulate(small_model(text, final=40), engine=engine)
    assert ds["gamma"].values.min() >= 3 and ds["gamma"].values.max() <= 4
    assert ds["by density"].values.min() >= 0.5 and ds["by density"].values.max() <= 0.75
    assert ds["turned"].values.min() >= -0.75 and ds["turned"].values.max() <= -0.5
    assert all(np.isnan(ds[name].values).all() for name in ("nowhere", "outside", "senseless"))


# ---------------------------------------------------------------------------------------------- refused by name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = FIND MARKET PRICE(1, 2, 3)", "FIND MARKET PRICE.*isn't supported. Use ALLOCATE AVAILABLE"),
        ("x = DEPRECIATE STRAIGHTLINE(1, 2, 3, 4)", "DEPRECIATE STRAIGHTLINE.*Write it as a stock"),
        ("x = SINTEG(1, 2, 0, 1, :NA:, :NA:, :NA:)", "SINTEG.*Use INTEG"),
        ("x = QUEUE FIFO(1, 2)", "QUEUE FIFO.*isn't supported"),
        ("x = QUEUE AGE OLDEST(1, 2)", "QUEUE AGE OLDEST.*Write out what it does"),
        ("x = DELAY CONVEYOR(1, 2, 3, 4, 5, 6)", "DELAY CONVEYOR.*Use DELAY FIXED"),
        ("x = RANDOM SOMETHING(1)", "RANDOM SOMETHING.*isn't supported"),
        ("x = DELAY MATERIAL(Time, 2 + STEP(1, 3), 0, 0)", "DELAY MATERIAL with a time that changes"),
        (
            "x = DELAY INFORMATION(Time, s, 0) ~~|\ns = INTEG(1, 2)",
            "DELAY INFORMATION with a time that changes",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_name(text: str, message: str) -> None:
    model = small_model(text + " ~~|\n")
    with pytest.raises(UnsupportedError, match="m.mdl:1:5.*" + message):
        simulate(model, engine="compiled")


def test_an_equation_that_nobody_has_written() -> None:
    model = small_model("x = A FUNCTION OF(y, -z) ~~|\ny = 1 ~~|\nz = 2 ~~|\n")
    with pytest.raises(UnsupportedError, match=r'm.mdl:1:5: "x" has no equation yet.*Write the equation'):
        simulate(model, engine="compiled")


# ---------------------------------------------------------------------------------------------- delays and trends


@engines
def test_discrete_delays_of_a_time_that_never_changes(engine: Engine) -> None:
    text = """
        :MACRO: PIPELINE(input, delay, first)
        PIPELINE = DELAY MATERIAL(input, delay, first, 0) ~~|
        :END OF MACRO:
        length = 2 ~~|
        twice = 2 * length ~~|
        material = DELAY MATERIAL(Time, length, -1, 0) ~~|
        information = DELAY INFORMATION(Time, twice / 2, -1) ~~|
        of a macro = PIPELINE(Time, twice - 2, -1) ~~|
        """
    ds = simulate(small_model(text), engine=engine)
    for name in ("material", "information", "of a macro"):
        assert ds[name].values.tolist() == [-1, -1, 0, 1, 2], name


@engines
def test_a_trend_below_zero_and_another_time_base(engine: Engine) -> None:
    # the equations of the help pages fn_trend, fn_forecast and fn_time_base
    text = """
        x = -10 - Time ~~|
        growth = TREND(x, 5, 0) ~~|
        ahead = FORECAST(x, 5, 2) ~~|
        year = TIME BASE(1970, 0.25) ~~|
        """
    trend, forecast, year = (
        simulate(small_model(text), engine=engine)[n].values for n in ("growth", "ahead", "year")
    )
    average = -10.0
    for t in range(5):
        x = -10.0 - t
        assert trend[t] == pytest.approx((x - average) / (5 * abs(average)), rel=1e-14)
        assert forecast[t] == pytest.approx(x * (1 + 2 * (x - average) / (5 * average)), rel=1e-14)
        assert year[t] == 1970 + t / 4
        average += (x - average) / 5
