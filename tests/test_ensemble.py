from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from flows import read_vensim, simulate, simulate_chunks
from flows.engine import kernel, llvm
from flows.ensemble import NonFiniteWarning, reference
from flows.errors import InputError
from flows.model.model import Model

Build = Callable[..., Model]

TEXT = """
    Region : North, South, El Salvador ~~|
    Coast : North, South ~~|
    arrival rate[Region] = 10, 20, 30 ~ Person/Month ~ Newcomers. |
    stay = 4 ~ Month [1,12] ~ |
    price((0,0),(4,8)) ~ Dmnl ~ |
    Waiting[Region] = INTEG(arrival rate[Region] - leaving[Region], 0) ~ Person ~ People waiting. |
    leaving[Region] = Waiting[Region] / stay ~ Person/Month ~ |
    Total_Waiting = SUM(Waiting[Region!]) ~ Person ~ |
    level = price(Time) ~ Dmnl ~ |
    coastal[Coast] = Waiting[Coast] * 2 ~ Person ~ |
    """


@pytest.fixture(scope="module")
def model(build: Build) -> Model:
    return build(TEXT, final=8, step=0.5)


def waiting(rate: float, stay: float, n: int, *, start: float = 0, step: float = 0.5) -> float:
    """Euler's method in closed form: towards rate * stay by the factor 1 - step / stay at each of n steps."""
    return float(rate * stay + (start - rate * stay) * (1 - step / stay) ** n)


# ---------------------------------------------------------------------------------------------------- results


def test_the_dataset_is_labelled(model: Model) -> None:
    ds = simulate(model)
    assert list(ds.data_vars)[:5] == ["arrival rate", "stay", "Waiting", "leaving", "Total_Waiting"]
    assert ds["Waiting"].dims == ("Region", "time")
    assert ds["coastal"].dims == ("Coast", "time")
    assert ds["arrival rate"].dims == ("Region",)
    assert ds["stay"].dims == ()
    assert ds["Region"].values.tolist() == ["North", "South", "El Salvador"]
    assert ds["time"].values.tolist() == np.arange(0, 8.5, 0.5).tolist()
    assert ds["date"].dims == ("time",)
    assert str(ds["date"].values[2])[:10] == "2013-02-01"
    assert ds["Waiting"].attrs == {"units": "Person", "description": "People waiting."}
    assert ds["level"].attrs["units"] == "Dmnl"
    assert "price" not in ds


def test_values_are_those_of_eulers_method(model: Model) -> None:
    ds = simulate(model)
    for k, rate in enumerate((10, 20, 30)):
        expected = [waiting(rate, 4, n) for n in range(17)]
        np.testing.assert_allclose(ds["Waiting"][k], expected, rtol=1e-13)
    np.testing.assert_allclose(ds["Total_Waiting"], ds["Waiting"].sum("Region"), rtol=1e-15)


def test_the_model_without_months_has_no_dates(build: Build) -> None:
    ds = simulate(build("x = Time ~~|", unit="Year"))
    assert "date" not in ds.coords
    assert ds["time"].attrs["units"] == "Year"


@pytest.mark.parametrize(
    ("outcomes", "names", "dims"),
    [
        (["total waiting"], ["Total_Waiting"], [("time",)]),
        (["Waiting[el_salvador]"], ["Waiting[El Salvador]"], [("time",)]),
        (["WAITING [ South ]", "stay"], ["Waiting[South]", "stay"], [("time",), ()]),
        (["Waiting[Region]"], ["Waiting[Region]"], [("Region", "time")]),
        (["arrival rate[North]"], ["arrival rate[North]"], [()]),
    ],
)
def test_outcomes(
    model: Model, outcomes: Sequence[str], names: list[str], dims: list[tuple[str, ...]]
) -> None:
    ds = simulate(model, outcomes=outcomes)
    assert list(ds.data_vars) == names
    assert [ds[n].dims for n in names] == dims
    everything = simulate(model)
    for name in names:
        whole, _, element = name.rstrip("]").partition("[")
        expected = everything[whole]
        if element and element != "Region":
            expected = expected.sel(Region=element)
        np.testing.assert_array_equal(ds[name], expected)


# ---------------------------------------------------------------------------------------------------- inputs


def last(ds: xr.Dataset, name: str = "Waiting") -> Any:
    return ds[name].isel(time=-1)


def test_constants_elements_and_initial_values(model: Model) -> None:
    ds = simulate(model, {"STAY": 2, "arrival rate[South]": 5, "waiting": 100, "Waiting[North]": 7})
    expected = [waiting(10, 2, 16, start=7), waiting(5, 2, 16, start=100), waiting(30, 2, 16, start=100)]
    np.testing.assert_allclose(last(ds), expected, rtol=1e-13)
    assert float(ds["stay"]) == 2
    assert ds["arrival rate"].values.tolist() == [10, 5, 30]
    assert ds["Waiting"].isel(time=0).values.tolist() == [7, 100, 100]


def test_a_later_input_wins_over_an_earlier_one(model: Model) -> None:
    one = simulate(model, {"arrival rate[South]": 5, "arrival rate": 1})
    assert one["arrival rate"].values.tolist() == [1, 1, 1]
    two = simulate(model, {"arrival rate": 1, "arrival rate[South]": 5})
    assert two["arrival rate"].values.tolist() == [1, 5, 1]
    np.testing.assert_allclose(last(two), [waiting(r, 4, 16) for r in (1, 5, 1)], rtol=1e-13)


def test_arrays_by_position_and_by_name(model: Model) -> None:
    plain = simulate(model, {"arrival rate": [1, 2, 3]})
    turned = xr.DataArray([3.0, 1.0, 2.0], {"region": ["el salvador", "NORTH", "South"]}, ["region"])
    xr.testing.assert_identical(simulate(model, {"arrival rate": turned}), plain)


def test_dimensions_of_the_inputs_come_first(model: Model) -> None:
    inputs = xr.Dataset(
        {
            "stay": ("scenario", [2.0, 4.0]),
            "arrival rate": (("Region", "draw"), np.arange(9.0).reshape(3, 3)),
            "Waiting[North]": ("draw", [0.0, 50.0, 100.0]),
        },
        {"scenario": ["short", "long"], "draw": [10, 20, 30], "Region": ["North", "South", "El Salvador"]},
    )
    ds = simulate(model, inputs)
    assert ds["Waiting"].dims == ("scenario", "draw", "Region", "time")
    assert ds["level"].dims == ("scenario", "draw", "time")
    assert ds["arrival rate"].dims == ("scenario", "draw", "Region")
    assert ds["scenario"].values.tolist() == ["short", "long"]
    assert ds["draw"].values.tolist() == [10, 20, 30]
    for scenario, stay in (("short", 2), ("long", 4)):
        for j, draw in enumerate((10, 20, 30)):
            run = last(ds).sel(scenario=scenario, draw=draw)
            starts = [(0, 50, 100)[j], 0, 0]
            expected = [waiting(3 * k + j, stay, 16, start=starts[k]) for k in range(3)]
            np.testing.assert_allclose(run, expected, rtol=1e-12, atol=1e-12)


def test_one_run_among_many_is_the_run_alone(model: Model) -> None:
    many = simulate(model, {"stay": xr.DataArray([2.0, 3.0, 5.0, 7.0], dims="draw")})
    for j, stay in enumerate((2.0, 3.0, 5.0, 7.0)):
        alone = simulate(model, {"stay": stay})
        np.testing.assert_allclose(many["Waiting"].isel(draw=j), alone["Waiting"], rtol=1e-13)


def test_lookups_are_replaced_by_pairs_or_arrays(model: Model) -> None:
    time = np.arange(0, 8.5, 0.5)
    pairs = [(0, 1), (1, 4), (5, 0), (6, 2), (8, 2)]  # more points than in the file
    ds = simulate(model, {"price": pairs}, outcomes=["level"])
    np.testing.assert_allclose(ds["level"], np.interp(time, *np.transpose(pairs)), rtol=1e-14)
    y = xr.DataArray(
        [[0.0, 1.0, 2.0], [5.0, 5.0, -5.0], [1.0, 0.0, 1.0]], {"x": [0.0, 2.0, 4.0]}, ["draw", "x"]
    )
    ds = simulate(model, {"price": y, "stay": xr.DataArray([1.0, 2.0, 3.0], dims="draw")}, outcomes=["level"])
    assert ds["level"].dims == ("draw", "time")
    for j in range(3):
        np.testing.assert_allclose(ds["level"][j], np.interp(time, [0, 2, 4], y[j]), rtol=1e-14)


CURVES = """
    R : p, q, s ~~|
    c[p]((0,0),(4,4)) ~~|
    c[q]((0,1),(1,3),(4,0)) ~~|
    c[s]((0,5),(4,5)) ~~|
    u[R] = c[R](Time) ~~|
    both = c[p](1) + c[q](Time) ~~|
    backwards[R] = LOOKUP BACKWARD(c[R], Time) ~~|
    """


def curves_of(own: dict[str, list[tuple[float, float]]], time: Any) -> Any:
    points = {"p": [(0, 0), (4, 4)], "q": [(0, 1), (1, 3), (4, 0)], "s": [(0, 5), (4, 5)]} | own
    return [np.interp(time, *np.transpose(points[e])) for e in "pqs"]


@pytest.mark.parametrize("engine", ["compiled", "python", "pysd"])
def test_subscripted_lookups_are_replaced(build: Build, engine: Any) -> None:
    model = build(
        CURVES.replace("backwards[R]", "backwards[R] = 0 ~~|\nunused[R]") if engine == "pysd" else CURVES
    )
    options = {"engine": engine, "outcomes": ["u", "both"]}
    time = np.arange(5.0)
    long = [(0.0, 1.0), (1.0, 4.0), (2.0, 0.0), (3.0, 7.0), (4.0, 1.0)]
    one = simulate(model, {"c[q]": long}, **options)
    np.testing.assert_allclose(one["u"], curves_of({"q": long}, time), rtol=1e-14)
    np.testing.assert_allclose(one["both"], 1 + np.interp(time, *np.transpose(long)), rtol=1e-14)
    every = simulate(model, {"c": long}, **options)
    np.testing.assert_allclose(every["u"], curves_of(dict.fromkeys("pqs", long), time), rtol=1e-14)
    y = xr.DataArray(
        [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], {"R": ["s", "p", "q"], "x": [0.0, 4.0]}, ["R", "x"]
    )
    whole = simulate(model, {"c": y}, **options)
    given = {"s": [(0, 1), (4, 2)], "p": [(0, 3), (4, 4)], "q": [(0, 5), (4, 6)]}
    np.testing.assert_allclose(whole["u"], curves_of(given, time), rtol=1e-14)
    scale = xr.DataArray([1.0, 10.0], dims="draw")
    many = simulate(model, {"c": long, "c[p]": (y.isel(R=0, drop=True) * scale)}, **options)
    for k in range(2):
        by_run = dict.fromkeys("qs", long) | {"p": [(0, 1 * scale[k]), (4, 2 * scale[k])]}
        np.testing.assert_allclose(many["u"][k], curves_of(by_run, time), rtol=1e-14)


def test_subscripted_lookups_of_each_run_are_alike_in_both_printings(build: Build) -> None:
    model = build(CURVES, final=4, step=0.25)
    rng = np.random.default_rng(3)
    y = xr.DataArray(rng.normal(size=(11, 3, 4)), {"x": [0.0, 0.5, 2.0, 3.0]}, ["draw", "R", "x"])
    for inputs in ({"c": y}, {"c[q]": y[:, 0]}, {"c[q]": y[:, 0, :2], "c[p]": y[:, 1]}):
        xr.testing.assert_identical(simulate(model, inputs), simulate(model, inputs, engine="python"))


def data_model(folder: Path, keyword: str) -> Model:
    (folder / "d.csv").write_text("time,0,1,3\np,10,20,40\nq,1,2,4\n", encoding="utf-8")
    path = folder / "m.mdl"
    path.write_text(
        "{UTF-8}\nR : p, q ~~|\n"
        f"d[R]{keyword}:= GET DIRECT DATA('d.csv', ',', '1', 'B2') ~~|\n"
        f"e{keyword}:= GET DIRECT DATA('d.csv', ',', '1', 'B3') ~~|\nx[R] = d[R] * 2 ~~|\ny = e + Time ~~|\n"
        "INITIAL TIME = 0 ~~|\nFINAL TIME = 4 ~~|\nTIME STEP = 0.5 ~~|\nSAVEPER = TIME STEP ~~|\n",
        encoding="utf-8",
    )
    return read_vensim(path, units="off")


NOTHING = -(2.0**109)


@pytest.mark.parametrize("engine", ["compiled", "python", "pysd"])
@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("", [5, 5, 5, 5.5, 6, 6.5, 7, 7, 7]),
        (":HOLD BACKWARD:", [5, 5, 5, 5, 5, 5, 7, 7, 7]),
        (":LOOK FORWARD:", [5, 5, 5, 7, 7, 7, 7, 7, 7]),
        (":RAW:", [*[NOTHING] * 2, 5, *[NOTHING] * 3, 7, *[NOTHING] * 2]),
    ],
)
def test_data_variables_are_replaced(tmp_path: Path, keyword: str, values: list[float], engine: Any) -> None:
    model = data_model(tmp_path, keyword)
    options = {"engine": engine, "outcomes": ["d", "e"]}
    if engine == "pysd" and keyword == ":RAW:":
        pytest.skip("PySD takes :NA: for no number")
    ds = simulate(model, {"e": [(1, 5), (3, 7)]}, **options)
    np.testing.assert_allclose(ds["e"], values)
    y = xr.DataArray([[5.0, 7.0], [50.0, 70.0]], {"R": ["q", "p"], "time": [1.0, 3.0]}, ["R", "time"])
    ds = simulate(model, {"d": y}, **options)
    np.testing.assert_allclose(ds["d"].sel(R="q"), values)
    expected = [v if v == NOTHING else 10 * v for v in values]
    np.testing.assert_allclose(ds["d"].sel(R="p"), expected)


def test_data_differ_between_runs(tmp_path: Path) -> None:
    model = data_model(tmp_path, "")
    y = xr.DataArray([[0.0, 4.0], [8.0, 8.0], [4.0, 0.0]], {"time": [0.0, 4.0]}, ["draw", "time"])
    ds = simulate(model, {"d[q]": y, "e": y * 2})
    time = np.arange(0, 4.5, 0.5)
    np.testing.assert_allclose(ds["x"].sel(R="q"), [2 * time, [16] * 9, 2 * (4 - time)])
    np.testing.assert_allclose(ds["x"].sel(R="p")[1], 2 * np.interp(time, [0, 1, 3], [10, 20, 40]))
    np.testing.assert_allclose(ds["y"], [3 * time, 16 + time, 8 - time])
    xr.testing.assert_identical(ds, simulate(model, {"d[q]": y, "e": y * 2}, engine="python"))
    message = 'inputs: "e" is data, expected a DataArray over "time" with its coordinate.'
    with pytest.raises(InputError, match=re.escape(message)):
        simulate(model, {"e": xr.DataArray([1.0], {"x": [0.0]}, ["x"])})
    with pytest.raises(InputError, match='the times of the data "e" must rise'):
        simulate(model, {"e": [(1, 5), (0, 7)]})
    with pytest.raises(InputError, match='"x" can\'t be set: it follows from its equation'):
        simulate(model, {"x": 5})


def test_results_beyond_memory_are_refused(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(kernel, "compute", empty)
    with pytest.raises(
        InputError, match="the results don't fit into memory, found 3 runs with 5 saved times"
    ):
        simulate(build("x = INTEG(k, 0) ~~|\nk = 1 ~~|\n"), {"k": xr.DataArray([1.0, 2.0, 3.0], dims="draw")})


@pytest.mark.parametrize("engine", ["compiled", "python", "pysd"])
def test_values_that_are_no_number_are_named(build: Build, engine: Any) -> None:
    model = build("x = INTEG(LN(k - Time), 0) ~~|\nk = 9 ~~|\ny = x * 2 ~~|\n")
    k = xr.DataArray([9.0, 2.5, 9.0, 1.5], dims="draw")
    message = r'"x" is no finite number at time 4 in run 1 \(2 of 4 runs concerned\): nan'
    with pytest.warns(NonFiniteWarning, match=message):
        simulate(model, {"k": k}, engine=engine)


def test_two_lookups_are_replaced_in_each_draw(build: Build) -> None:
    model = build("a((0,0),(4,4)) ~~|\nb((0,9),(4,9)) ~~|\nu = a(Time) ~~|\nv = b(Time) ~~|")
    y = xr.DataArray([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]], {"x": [0.0, 4.0]}, ["draw", "x"])
    ds = simulate(model, {"a": y, "b": [(0, 8), (2, 0), (4, 8)]})
    np.testing.assert_allclose(ds["u"], [[k + 1 + t for t in range(5)] for k in range(3)])
    np.testing.assert_allclose(ds["v"], [[8, 4, 0, 4, 8]] * 3)


# ---------------------------------------------------------------------------------------------------- many runs


@pytest.mark.parametrize("size", [None, 1, 3, 8, 100])
def test_pieces_joined_are_the_whole(model: Model, size: int | None) -> None:
    prices = xr.DataArray(np.arange(22.0).reshape(11, 2) ** 2, {"x": [0.0, 4.0]}, ["draw", "x"])
    inputs = {
        "stay": xr.DataArray(np.linspace(1, 9, 11), {"draw": np.arange(11) * 10}, dims="draw"),
        "arrival rate[South]": xr.DataArray([1.0, 2.0], {"scenario": ["few", "more"]}, dims="scenario"),
        "price": prices,
        "Waiting": 5,
    }
    whole = simulate(model, inputs, outcomes=["Waiting", "level", "stay"])
    pieces = list(simulate_chunks(model, inputs, size=size, outcomes=["Waiting", "level", "stay"]))
    assert len(pieces) == (1 if size is None else -(-11 // size))
    joined = xr.concat(
        pieces, dim="draw", data_vars="minimal", coords="minimal", compat="equals", join="exact"
    )
    xr.testing.assert_identical(joined.transpose(*whole.dims), whole.transpose(*whole.dims))
    as_dataset = xr.Dataset({k: v for k, v in inputs.items() if k in ("stay", "arrival rate[South]")})
    assert sum(piece.sizes["draw"] for piece in simulate_chunks(model, as_dataset, size=4)) == 11


def test_pieces_as_they_come(model: Model) -> None:
    def inputs() -> Iterator[dict[str, Any]]:
        for first in (1.0, 3.0):
            yield {"stay": xr.DataArray([first, first + 1], dims="draw")}

    found = [piece["stay"].values.tolist() for piece in simulate_chunks(model, inputs(), until=1)]
    assert found == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match='no input has the dimension "draw"'):
        next(simulate_chunks(model, {"stay": 3}))


def test_fast_is_close(build: Build) -> None:
    model = build(
        """stock = INTEG(growth, 1) ~~|
        rate = 0.1 ~~|
        growth = rate * stock * (1 - stock / 50) + 0.3 * EXP(-stock * rate) ~~|""",
        final=40,
        step=0.125,
    )
    inputs = {"rate": xr.DataArray(np.linspace(0.05, 0.5, 20), dims="draw")}
    exact, fast = simulate(model, inputs), simulate(model, inputs, fast=True)
    np.testing.assert_allclose(fast["stock"], exact["stock"], rtol=1e-12)
    program = kernel.prepare(model, method="euler", fast=True)
    options = {"method": program.method, "own_tables": False}
    exact_text, fast_text = (
        llvm.Source(program.model, program.plan, program.layout, contract=contract, **options).text
        for contract in (False, True)
    )
    assert "contract" not in exact_text != fast_text
    assert fast_text.replace(" contract", "") == exact_text


# ---------------------------------------------------------------------------------------------------- control


@pytest.mark.parametrize(
    ("arguments", "times"),
    [
        ({"save_every": 2}, [0, 2, 4, 6, 8]),
        ({"save_every": 3}, [0, 3, 6]),
        ({"save_every": 10}, [0]),
        ({"until": 1.5}, [0, 0.5, 1, 1.5]),
        ({"until": "2013-02", "save_every": 1}, [0, 1, 2]),  # the month named is included
        ({"inputs": {"FINAL TIME": 2, "TIME STEP": 1}}, [0, 1, 2]),
        ({"inputs": {"initial time": 7}}, [7, 7.5, 8]),
        ({"inputs": {"saveper": 4}}, [0, 4, 8]),
        ({"inputs": {"TIME STEP": 0.25}, "until": 0.5, "save_every": 0.25}, [0, 0.25, 0.5]),
    ],
)
def test_times_that_are_saved(model: Model, arguments: dict[str, Any], times: list[float]) -> None:
    ds = simulate(model, **arguments)
    assert ds["time"].values.tolist() == times
    assert len(ds["date"]) == len(times)


def test_saving_less_often_changes_no_value(model: Model) -> None:
    whole, some = simulate(model), simulate(model, save_every=2)
    np.testing.assert_array_equal(some["Waiting"], whole["Waiting"][:, ::4])


def test_methods_are_named_in_any_case(model: Model) -> None:
    other, same = (simulate(model, method=name, outcomes=["Waiting"]) for name in ("RK4", "rk4"))
    assert other.equals(same) and not same.equals(simulate(model, outcomes=["Waiting"]))


def test_a_smaller_step_comes_nearer_to_the_exponential(model: Model) -> None:
    exact = 40 * (1 - np.exp(-2))
    errors = [
        abs(float(last(simulate(model, {"TIME STEP": dt}, save_every=1))[0]) - exact)
        for dt in (0.5, 0.25, 0.125)
    ]
    assert errors[0] > 1.9 * errors[1] > 3.6 * errors[2]


def test_control_variables_are_seen_by_equations(build: Build) -> None:
    model = build("x = TIME STEP + FINAL TIME ~~|", final=4, step=0.5)
    assert simulate(model, {"TIME STEP": 0.25, "FINAL TIME": 2})["x"].values[0] == 2.25


# ---------------------------------------------------------------------------------------------------- labels


def test_inputs_are_paired_by_their_labels(model: Model) -> None:
    """In the order of the first that has labels; without labels by position."""
    stay = xr.DataArray([2.0, 4.0, 8.0], {"draw": [1, 2, 3]}, ["draw"])
    north = xr.DataArray([30.0, 10.0, 20.0], {"draw": [3, 1, 2]}, ["draw"])
    bare = xr.DataArray([5.0, 6.0, 7.0], dims="draw")
    ds = simulate(model, {"Waiting[South]": bare, "stay": stay, "arrival rate[North]": north})
    assert ds["draw"].values.tolist() == [1, 2, 3]
    assert ds["stay"].values.tolist() == [2, 4, 8]
    assert ds["arrival rate"].sel(Region="North").values.tolist() == [10, 20, 30]
    assert ds["Waiting"].sel(Region="South").isel(time=0).values.tolist() == [5, 6, 7]
    curves = xr.DataArray([[9.0, 9], [1, 1], [5, 5]], {"draw": [3, 1, 2], "x": [0.0, 4.0]}, ["draw", "x"])
    ds = simulate(model, {"stay": stay, "price": curves})
    assert ds["level"].isel(time=0).values.tolist() == [1, 5, 9]


def test_pieces_are_cut_where_labels_agree(model: Model) -> None:
    stay = xr.DataArray([2.0, 4.0, 8.0], {"draw": ["a", "b", "c"]}, ["draw"])
    start = xr.DataArray([3.0, 1.0, 2.0], {"draw": ["c", "a", "b"]}, ["draw"])
    inputs = {"stay": stay, "Waiting": start}
    pieces = list(simulate_chunks(model, inputs, size=2))
    assert [p.sizes["draw"] for p in pieces] == [2, 1]
    whole = simulate(model, inputs)
    xr.testing.assert_identical(xr.concat(pieces, "draw", data_vars="minimal")["Waiting"], whole["Waiting"])
    assert whole["Waiting"].isel(Region=0, time=0).values.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            [1, 2, 3],
            [2, 3, 4],
            'Waiting: the labels along "draw" differ from those of "stay", found 4, expected 1. Give both the same '
            'labels, or none to pair them by position: array.drop_vars("draw").',
        ),
        (
            [1, 1, 2],
            [1, 2, 1],
            'Waiting: labels along "draw" stand twice, in another order than those of "stay", found 1, 2, 1, expected '
            '1, 1, 2. Give both the same labels, or none to pair them by position: array.drop_vars("draw").',
        ),
    ],
)
def test_other_labels_are_refused(model: Model, first: list[int], second: list[int], message: str) -> None:
    inputs = {
        "stay": xr.DataArray([2.0, 4.0, 8.0], {"draw": first}, ["draw"]),
        "Waiting": xr.DataArray([1.0, 2.0, 3.0], {"draw": second}, ["draw"]),
    }
    for run in (simulate, lambda *given: list(simulate_chunks(*given))):
        with pytest.raises(InputError) as caught:
            run(model, inputs)
        assert str(caught.value) == message


# ---------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": {"sty": 2}},
            'inputs: the model m.mdl has no variable "sty". Did you mean "stay"?',
        ),
        (
            {"inputs": {"arrival rate[Suth]": 2}},
            'inputs: "arrival rate" has no element "Suth", expected North, South, El Salvador. Did you mean "South"?',
        ),
        (
            {"inputs": {"stay[North]": 2}},
            'inputs: "stay" has 0 subscripts, found "stay[North]", expected the name without brackets.',
        ),
        (
            {"inputs": {"arrival rate[North,South]": 2}},
            'inputs: "arrival rate" has 1 subscripts, found "arrival rate[North,South]", expected arrival '
            "rate[Region].",
        ),
        (
            {"inputs": {"leaving": 2}},
            'inputs: "leaving" can\'t be set: it follows from its equation, expected a constant, a stock (its initial '
            "value), a lookup or a data variable.",
        ),
        ({"inputs": {"stay": "long"}}, "inputs: the value of \"stay\" is no number, found 'long', expected "
            "a number such as 2.5, without quotes."),
        ({"inputs": {"stay": "3"}}, "inputs: the value of \"stay\" is no number, found '3', expected a number such as "
            "2.5, without quotes."),
        ({"inputs": {"stay": True}}, 'inputs: the value of "stay" is no number, found True, expected a number such as '
            "2.5, without quotes."),
        (
            {"inputs": {"arrival rate": [1, "2", 3]}},
            "inputs: the value of \"arrival rate\" is no number, found [1, '2', 3], expected a number such as 2.5, "
            "without quotes.",
        ),
        (
            {"inputs": {"stay": xr.DataArray([True, False], dims="draw")}},
            'inputs: the values of "stay" are no numbers, found type bool, expected whole or real numbers.',
        ),
        ({"inputs": {"price": [("1", "2")]}}, 'inputs: "price" is a lookup, expected pairs (x, y).'),
        ({"outcomes": []}, 'outcomes names nothing, found an empty list, expected "all" or ["name", …].'),
        (
            {"inputs": {"stay": float("nan")}},
            'inputs: a value of "stay" is no finite number, found nan. Leave out or mend runs without a value.',
        ),
        ({"inputs": {"FINAL TIME": [1, 2]}}, 'inputs: "FINAL TIME" takes one number, found [1, 2].'),
        (
            {"inputs": {"arrival rate": [1, 2]}},
            'inputs: the values of "arrival rate" don\'t fit its subscripts, found shape (2,), expected one number or '
            "shape (3,); for many runs a DataArray with dimensions such as draw.",
        ),
        (
            {"inputs": {"arrival rate": xr.DataArray([1.0, 2.0], {"Region": ["North", "South"]}, ["Region"])}},
            'inputs: the values of "arrival rate" lack the element "El Salvador". Add it along Region, or name single '
            "elements: name[Element].",
        ),
        (
            {"inputs": {"stay": xr.DataArray([1.0] * 2, dims="draw"), "Waiting": xr.DataArray([1.0] * 3, dims="draw")}},
            'Waiting: the dimension "draw" differs between inputs, found 3, expected 2.',
        ),
        (
            {"inputs": {"stay": xr.DataArray([1.0, 2.0], dims="time")}},
            'inputs: "stay" has no dimension "time" or "x". Only data variables have times, and lookups x: give one '
            "number for the whole run.",
        ),
        ({"inputs": {"price": 3}}, 'inputs: "price" is a lookup, expected pairs (x, y).'),
        (
            {"inputs": {"price": [(1, 0), (2, float("nan"))]}},
            'inputs: a value of "price" is no finite number, found nan. Leave out or mend runs without a value.',
        ),
        ({"inputs": {"price": "x"}}, 'inputs: "price" is a lookup, expected pairs (x, y).'),
        (
            {"inputs": {"stay": xr.DataArray([1.0, 2.0], dims="Coast")}},
            'inputs: "stay" has no dimension "Coast", which is a subscript range of the model, expected dimensions of '
            "the runs such as draw. Select an element, or rename the dimension.",
        ),
        (
            {"inputs": {"Waiting": xr.DataArray([1.0, 2.0], dims="coast")}},
            'inputs: "Waiting" has no dimension "coast", which is a subscript range of the model, expected Region, and '
            "dimensions of the runs such as draw. Select an element, or rename the dimension.",
        ),
        (
            {"inputs": {"price": [(1, 0), (0, 0)]}},
            'inputs: the x values of the lookup "price" must rise. Sort the points by them.',
        ),
        (
            {"inputs": {"price": xr.DataArray([1.0], dims="draw")}},
            'inputs: "price" is a lookup, expected a DataArray over "x" with its coordinate.',
        ),
        (
            {"outcomes": ["Total waitng"]},
            'outcomes: the model m.mdl has no variable "Total waitng". Did you mean "Total_Waiting"?',
        ),
        (
            {"outcomes": ["price"]},
            'outcomes: "price" is a lookup and has no values over time. Name the variable that reads it.',
        ),
        ({"outcomes": "stay"}, 'outcomes must be a list of names, found "stay", expected "all" or ["name", …].'),
        ({"outcomes": 3}, 'outcomes must be a list of names, found 3, expected "all" or ["name", …].'),
        ({"outcomes": [3]}, 'outcomes: the model m.mdl has no variable "3".'),
        ({"inputs": [("stay", 2)]}, "inputs hold values by name, found list, expected a dictionary or a Dataset."),
        (
            {"method": "rk3"},
            "the integration method is unknown, found 'rk3', expected one of \"euler\", \"difference\", \"rk2\", "
            '"rk2 auto", "rk4", "rk4 auto".',
        ),
        ({"engine": "fast"}, 'the engine is unknown, found "fast", expected "auto", "compiled", "python" or "pysd".'),
        (
            {"save_every": 0.7},
            "save_every: values can be saved at whole time steps only, found 0.7, expected a multiple of TIME STEP = "
            "0.5.",
        ),
        (
            {"until": "2012-11"},
            "until: a time before the start of the run, found 2012-11, expected after January 2013.",
        ),
        (
            {"until": 2030},
            "until: a time beyond the model's FINAL TIME, found the model time 2030, expected at most 8. "
            'A number is a model time (the last: 8); write a month as text: "2013-08".',
        ),
        (
            {"until": "2030-12"},
            "until: a time beyond the model's FINAL TIME, found 2030-12, expected at most 2013-08.",
        ),
        (
            {"until": -1},
            "until: a time before the start of the run, found the model time -1, expected above 0. "
            'A number is a model time (the last: 8); write a month as text: "2013-08".',
        ),
        ({"inputs": {3: 2}}, 'inputs: the model m.mdl has no variable "3".'),
        (
            {"inputs": {"stay": xr.DataArray(["a", "b"], dims="draw")}},
            'inputs: the values of "stay" are no numbers, found type <U1, expected whole or real numbers.',
        ),
        (
            {"inputs": {"stay": xr.DataArray([], dims="draw")}},
            'stay: the dimension "draw" is empty, expected one value at least.',
        ),
        ({"until": "soon"}, 'not a month, found "soon", expected year and month such as "2030-12".'),
        ({"inputs": {"TIME STEP": 0}}, "TIME STEP must be above zero, found 0, expected a step such as 0.125."),
        ({"inputs": {"stay": 2, "Stay ": 3}}, 'inputs: "stay" is given twice, found "stay" and "Stay ".'),
        (
            {"until": [2]},
            'until is no number, found [2], expected a model time as a number, or a month such as "2030-12".',
        ),
        ({"save_every": "month"}, "save_every is no number, found 'month', expected a model time as a number."),
    ],
)  # fmt: skip
def test_mistakes_are_named(model: Model, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(model, **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "models/migration.mdl",
            'this is no model, found "models/migration.mdl", expected what flows.read_vensim returns. Write '
            'flows.read_vensim("models/migration.mdl").',
        ),
        (None, "this is no model, found NoneType, expected what flows.read_vensim returns."),
    ],
)
def test_what_is_no_model_is_refused(given: Any, message: str) -> None:
    for run in (simulate, lambda model: list(simulate_chunks(model, iter([{}])))):
        with pytest.raises(InputError) as caught:
            run(given)
        assert str(caught.value) == message


def test_an_unchangeable_constant_is_refused(build: Build) -> None:
    model = build("order == 3 ~~|\nx = DELAY N(Time, 3, 0, order) ~~|")
    with pytest.raises(InputError, match='"order" is an unchangeable constant, which the model sets with =='):
        simulate(model, {"order": 1})


def test_reference(model: Model) -> None:
    variable, elements = reference(model, " WAITING[el  salvador] ")
    assert (variable.spelling, elements) == ("Waiting", ("el salvador",))
    assert reference(model, "waiting")[1] is None
    assert reference(model, "waiting[Region]")[1] == (None,)


def test_a_month_says_nothing_in_a_model_of_years(build: Build) -> None:
    with pytest.raises(InputError, match="a month says nothing in a model whose time isn't in months"):
        simulate(build("x = Time ~~|", unit="Year", final=500), until="2030-12")


# ---------------------------------------------------------------------------------------------------- no numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y = 1 / (2 - Time) ~~|", '"y" is no finite number at time 2: inf'),
        ("y = LN(1.5 - Time) ~~|", '"y" is no finite number at time 2: nan'),
        ("y = EXP(Time * 500) ~~|", '"y" is no finite number at time 2: inf'),
    ],
)
def test_what_is_no_number_is_named_with_its_time(build: Build, text: str, message: str) -> None:
    with pytest.warns(NonFiniteWarning) as caught:
        ds = simulate(build(text))
    assert [str(w.message) for w in caught] == [message]
    assert np.isfinite(ds["y"].values[:2]).all()


def test_what_is_no_number_is_named_with_its_run(build: Build) -> None:
    model = build("k = 1 ~~|\nR : p, q ~~|\nok = Time ~~|\ny[R] = SQRT(k - Time * (R - 1)) ~~|")
    with pytest.warns(NonFiniteWarning) as caught:
        simulate(model, {"k": xr.DataArray([9.0, 2.0, 9.0, 0.0], dims="draw")})
    (warning,) = caught
    assert str(warning.message) == '"y" is no finite number at time 3 in run 1 (2 of 4 runs concerned): nan'


def test_infinities_of_both_signs_give_one_warning(build: Build) -> None:
    with pytest.warns(NonFiniteWarning) as caught:
        simulate(build("z = 0 ~~|\na = (1 + Time) / z ~~|\nb = -(1 + Time) / z ~~|"))
    assert len(caught) == 1


def test_large_finite_numbers_give_no_warning(build: Build) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(build("a = 1e308 + Time ~~|\nb = a * 1 ~~|"))


@pytest.mark.parametrize("name", ["draw", "scenario", "time"])
def test_a_range_with_a_reserved_name_gets_another_dimension(build: Build, name: str) -> None:
    model = build(f"{name} : p, q ~~|\nc[{name}] = 1, 2 ~~|\nx[{name}] = Time + c[{name}] ~~|")
    values = xr.DataArray([[5.0, 6.0], [7.0, 8.0]], dims=["draw", f"{name} range"])
    ds = simulate(model, {"c": values})
    assert ds["x"].dims == ("draw", f"{name} range", "time")
    assert ds["x"].isel(time=0).values.tolist() == [[5, 6], [7, 8]]


def test_a_variable_called_date_keeps_its_values(build: Build) -> None:
    ds = simulate(build("date = Time * 2 ~ Dmnl ~|"))
    assert ds["date"].values.tolist() == [0, 2, 4, 6, 8]


def test_a_stock_without_units_is_shown_without(build: Build) -> None:
    from flows.report.results import stocks_table

    built = build("Tea = INTEG(-Tea / 10, 90) ~~|\nMilk = INTEG(1, 90) ~ Dmnl ~|")
    table = stocks_table(simulate(built), built)
    assert dict(zip(table["name"], table["unit"], strict=True)) == {"Tea": "", "Milk": "Dmnl"}
