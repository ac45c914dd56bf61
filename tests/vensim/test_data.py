"""Data variables, data sets and external files, run end to end."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

import flows
from flows.errors import InputError, ModelError

CONTROL = """
INITIAL TIME = 0 ~~|
FINAL TIME = 4 ~~|
TIME STEP = 0.5 ~~|
SAVEPER = TIME STEP ~~|
"""


def _write(folder: Path, text: str, settings: str = "") -> Path:
    path = folder / "m.mdl"
    path.write_text(textwrap.dedent(text) + CONTROL + settings, encoding="utf-8")
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook: times across in row 1, two series below, a constant matrix, names of elements."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "S"
    for row in (
        ["time", 0, 1, 3],
        ["first", 10, 20, 40],
        ["second", 1, None, 7],
        ["names", "p", "q"],
        ["matrix", 1.5, 2.5],
        ["", 3.5, 4.5],
    ):
        sheet.append(row)
    workbook.save(tmp_path / "book.xlsx")
    return tmp_path


def test_series_constants_lookups_and_elements_of_a_workbook(book: Path) -> None:
    path = _write(
        book,
        """
        r: GET DIRECT SUBSCRIPT('book.xlsx', 'S', 'B4', 'C4', '') ~~|
        s: u, v ~~|
        x[r] := GET DIRECT DATA('book.xlsx', 'S', '1', 'B2') ~~|
        m[r, s] = GET XLS CONSTANTS('book.xlsx', 'S', 'B5') ~~|
        t(GET DIRECT LOOKUPS('book.xlsx', 'S', '1', 'B2')) ~~|
        y = t(Time * 2) ~~|
        twice[r] = 2 * x[r] ~~|
        """,
    )
    ds = flows.simulate(flows.read_vensim(path, units="off"))
    np.testing.assert_allclose(ds["x"].sel(r="p")[::2], [10, 20, 30, 40, 40])  # held beyond the last point
    np.testing.assert_allclose(ds["x"].sel(r="q")[::2], [1, 3, 5, 7, 7])  # its own points only
    np.testing.assert_allclose(ds["twice"], 2 * ds["x"])
    np.testing.assert_allclose(ds["m"], [[1.5, 2.5], [3.5, 4.5]])
    np.testing.assert_allclose(ds["y"][:3], [10, 20, 30])


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("", [0, 5, 10, 12.5, 15, 17.5, 20, 20, 20]),
        (":INTERPOLATE:", [0, 5, 10, 12.5, 15, 17.5, 20, 20, 20]),
        (":HOLD BACKWARD:", [0, 0, 10, 10, 10, 10, 20, 20, 20]),
        (":LOOK FORWARD:", [0, 10, 10, 20, 20, 20, 20, 20, 20]),
        (":RAW:", [0, None, 10, None, None, None, 20, None, None]),
    ],
)
def test_a_data_set_beside_the_model_and_what_lies_between_its_points(
    tmp_path: Path, keyword: str, values: list[float | None]
) -> None:
    (tmp_path / "given.tab").write_text("Time\tx\n0\t0\n1\t10\n3\t20\n", encoding="utf-8")
    path = _write(tmp_path, f"x {keyword} ~~|", ":L\x7f<%^E!@\n13:given.vdf\n")
    got = flows.simulate(flows.read_vensim(path, units="off"))["x"].values
    for value, expected in zip(got, values, strict=True):
        assert value == pytest.approx(-(2.0**109) if expected is None else expected)


def test_data_sets_can_be_given_and_the_later_one_wins(tmp_path: Path) -> None:
    for name, value in (("a.csv", 1), ("b.csv", 2)):
        (tmp_path / name).write_text(f"Time,x\n0,{value}\n4,{value}\n", encoding="utf-8")
    path = _write(tmp_path, "x ~~|\n")
    model = flows.read_vensim(path, units="off", data=(tmp_path / "a.csv", tmp_path / "b.csv"))
    np.testing.assert_allclose(flows.simulate(model)["x"], 2)


@pytest.mark.parametrize(
    ("settings", "first", "last"),
    [
        ("1:a.tab", 1, 5),
        ("13:A.TAB", 1, 5),
        ("13:a.tab, b.dat", 2, 2),
        ("1:a.tab\n13:b.csv", 2, 2),
        ("13:a.vdfx\n1:b.vdf", 1, 5),
        ("13:C:\\Models\\a.tab", 1, 5),
        ("13:data\\a.vdf", 7, 7),
    ],
)
def test_data_sets_that_the_settings_name(tmp_path: Path, settings: str, first: float, last: float) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.tab").write_text("Time\tx\n0\t1\n4\t5\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("Time,x\n0,2\n4,2\n", encoding="utf-8")
    (tmp_path / "b.dat").write_text("x\n0\t2\n4\t2\n", encoding="utf-8")
    (tmp_path / "data" / "a.tab").write_text("Time\tx\n0\t7\n4\t7\n", encoding="utf-8")
    path = _write(tmp_path, "x ~~|\n", f":L\x7f<%^E!@\n{settings}\n")
    np.testing.assert_allclose(
        flows.simulate(flows.read_vensim(path, units="off"))["x"][[0, -1]], [first, last]
    )


def test_one_data_set_needs_no_list(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Time,x\n0,1\n4,1\n", encoding="utf-8")
    path = _write(tmp_path, "x ~~|\n")
    for data in (tmp_path / "a.csv", str(tmp_path / "a.csv"), [tmp_path / "a.csv"]):
        np.testing.assert_allclose(flows.simulate(flows.read_vensim(path, units="off", data=data))["x"], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x ~~|\n", r'm.mdl:1:1: "x" has no equation and no data set holds it, found data sets read: none'),
        (
            "x := GET DIRECT DATA('none.xlsx', 'S', '1', 'B2') ~~|\n",
            r"m.mdl:1:6: the external file can't be used: .*none.xlsx",
        ),
        ("x := GET DIRECT DATA(1, 2) ~~|\n", "GET DIRECT DATA takes texts in single quotes"),
        ("n = 1 ~~|\nx := n * 2 ~~|\n", "a data variable with an expression other than one series"),
        ("n = Time ~~|\nx := n * 2 ~~|\n", "a data variable with an expression other than one series"),
    ],
)
def test_mistakes_with_data_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        flows.simulate(flows.read_vensim(_write(tmp_path, text), units="off"), engine="compiled")


def test_multiples_of_data_and_data_at_other_times(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("time,0,1,3\ny,10,20,40\n", encoding="utf-8")
    path = _write(
        tmp_path,
        """
        k = 100 ~~|
        y := GET DIRECT DATA('d.csv', ',', '1', 'B2') ~~|
        scaled := (k - y) / 2 ~~|
        ahead = GET DATA BETWEEN TIMES(y, Time + 0.5, 0) ~~|
        next = GET DATA BETWEEN TIMES(y, Time + 0.5, 1) ~~|
        before = GET DATA BETWEEN TIMES(y, Time + 0.5, -1) ~~|
        any way = GET DATA BETWEEN TIMES(y, Time + 0.5, IF THEN ELSE(Time > 1, 1, -1)) ~~|
        """,
    )
    model = flows.read_vensim(path, units="off")
    nothing = -(2.0**109)
    for engine in ("python", "compiled"):
        ds = flows.simulate(model, engine=engine, save_every=1)  # type: ignore[arg-type]
        np.testing.assert_allclose(ds["scaled"], [45, 40, 35, 30, 30])
        np.testing.assert_allclose(ds["ahead"], [15, 25, 35, nothing, nothing])
        np.testing.assert_allclose(ds["next"], [20, 40, 40, nothing, nothing])
        np.testing.assert_allclose(ds["before"], [10, 20, 20, nothing, nothing])
        np.testing.assert_allclose(ds["any way"], [10, 20, 40, nothing, nothing])


def test_a_product_of_data_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("time,0,1,3\ny,10,20,40\n", encoding="utf-8")
    path = _write(tmp_path, "y := GET DIRECT DATA('d.csv', ',', '1', 'B2') ~~|\nx := y * y ~~|\n")
    with pytest.raises(ModelError, match="other than one series times and plus constants"):
        flows.simulate(flows.read_vensim(path))


@pytest.mark.parametrize("engine", ["compiled", "python"])
def test_points_and_means_of_data(tmp_path: Path, engine: str) -> None:
    (tmp_path / "d.csv").write_text("Time,d\n0.5,1\n1,2\n3,6\n3.5,9\n", encoding="utf-8")
    path = _write(
        tmp_path,
        """
        d ~~|
        ahead := TIME SHIFT(d, lead) ~~|
        lead = 1 ~~|
        here = GET DATA AT TIME(d, Time) ~~|
        first = GET DATA FIRST TIME(d) ~~|
        last = GET DATA LAST TIME(d) ~~|
        number = GET DATA TOTAL POINTS(d) ~~|
        mean = GET DATA MEAN(d, 1, 3) + 0 * Time ~~|
        whole mean = INITIAL(GET DATA MEAN(d, INITIAL TIME, FINAL TIME)) ~~|
        none = GET DATA MEAN(d, 3.1, 3.4) ~~|
        """,
    )
    ds = flows.simulate(flows.read_vensim(path, data=(tmp_path / "d.csv",)), engine=engine)  # type: ignore[arg-type]
    missing = -(2.0**109)
    assert ds["here"].values[:4].tolist() == [missing, 1, 2, missing]
    assert ds["ahead"].values.tolist() == [2, 3, 4, 5, 6, 9, 9, 9, 9]
    values = [
        float(ds[n].values.reshape(-1)[0]) for n in ("first", "last", "number", "mean", "whole mean", "none")
    ]
    assert values == [0.5, 3.5, 4, 4, 4.5, missing]


def test_functions_of_data_take_data(tmp_path: Path) -> None:
    for text in ("x = GET DATA LAST TIME(y) ~~|", "x := TIME SHIFT(y, 1) ~~|"):
        path = _write(tmp_path, text + "\ny = 2 * Time ~~|\n")
        with pytest.raises(ModelError, match="takes the name of a data variable"):
            flows.read_vensim(path)


def test_string_variables_name_files_and_are_no_numbers(book: Path) -> None:
    path = _write(
        book,
        "file :IS: 'book.xlsx' ~~|\nsheet :IS: 'S' ~~|\nx = GET DIRECT CONSTANTS(file, sheet, 'B5') ~~|\n",
    )
    model = flows.read_vensim(path, units="off")
    assert not model.refused
    assert float(flows.simulate(model)["x"]) == 1.5
    with pytest.raises(ModelError, match='the string variable "file" stands in the equation of "y"'):
        flows.read_vensim(_write(book, "file :IS: 'book.xlsx' ~~|\ny = file + 1 ~~|\n"))


@pytest.mark.parametrize(
    ("data", "found"), [({"price": "p.csv"}, "dict"), (3, "int"), ([3], "a list with int")]
)
def test_data_takes_files(tmp_path: Path, data: Any, found: str) -> None:
    with pytest.raises(InputError) as caught:
        flows.read_vensim(tmp_path / "m.mdl", data=data)
    assert str(caught.value) == (
        f"data= takes files of data sets, found {found}, expected a path or a list of paths. The files themselves name "
        'the variables that they hold: write data="FILE.csv".'
    )
