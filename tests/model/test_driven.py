"""Series in place of equations, on a queue that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flows
from flows.errors import InputError
from flows.model.check import unit_findings
from flows.model.driven import drive
from flows.model.model import Model

TEXT = """{UTF-8}
place: north, south ~~|
queue[place]= INTEG (arrivals[place] - service[place], 10) ~ Person ~ |
arrivals[place]= queue[place] * 0.5 / month ~ Person/Month ~ |
service[place]= queue[place] / stay ~ Person/Month ~ |
stay= 4 ~ Month ~ |
month= 1 ~ Month ~ |
total= SUM(queue[place!]) ~ Person ~ |
FINAL TIME = 8 ~ Month ~ |
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
TIME STEP = 1 ~ Month ~ |
SAVEPER = 1 ~ Month ~ |
\\\\\\---///
"""


@pytest.fixture
def queue(tmp_path: Path) -> Model:
    path = tmp_path / "queue.mdl"
    path.write_text(TEXT, encoding="utf-8")
    return flows.read_vensim(path, units="error")


def test_one_course_for_all_elements(queue: Model) -> None:
    """Ten a month came, 1/4 of the queue leaves: 10, 17.5, 23.125, ..."""
    run = flows.simulate(drive(queue, {"Arrivals": [(0.0, 10.0)]}))
    np.testing.assert_allclose(run["queue"].sel(place="north")[:3], [10, 17.5, 23.125])
    np.testing.assert_allclose(run["total"], 2 * run["queue"].sel(place="south"))
    assert run["arrivals"].attrs["units"] == "Person/Month"


def test_a_course_for_each_element_and_what_holds_between_points(queue: Model) -> None:
    points = {"north": [(0.0, 0.0), (4.0, 8.0)], "SOUTH": [(0.0, 3.0), (2.0, 5.0)]}
    line = flows.simulate(drive(queue, {"arrivals": points}))["arrivals"]
    np.testing.assert_allclose(line.sel(place="north"), [0, 2, 4, 6, 8, 8, 8, 8, 8])
    steps = flows.simulate(drive(queue, {"arrivals": points}, keyword="HOLD BACKWARD"))["arrivals"]
    np.testing.assert_allclose(steps.sel(place="south")[:4], [3, 3, 5, 5])


def test_a_stock_and_a_constant_can_be_driven(queue: Model) -> None:
    model = drive(queue, {"queue": [(0.0, 8.0), (8.0, 16.0)], "stay": [(0.0, 2.0), (8.0, 4.0)]})
    run = flows.simulate(model)
    np.testing.assert_allclose(run["queue"].sel(place="north")[[0, 4, 8]], [8, 12, 16])
    np.testing.assert_allclose(run["service"].sel(place="north")[[0, 4, 8]], [4, 4, 4])
    assert unit_findings(model) == []
    assert [s.name for s in queue.stocks] == ["queue"]  # the model given is as it was
    assert model.stocks.names == ()


def test_all_engines_read_the_series(queue: Model) -> None:
    model = drive(queue, {"arrivals": [(0.0, 1.0), (8.0, 9.0)]})
    compiled, plain = (flows.simulate(model, engine=e)["total"] for e in ("compiled", "python"))
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)


def test_the_points_are_inputs_of_a_run(queue: Model) -> None:
    model = drive(queue, {"arrivals": [(0.0, 1.0)]})
    run = flows.simulate(model, {"arrivals": [(0.0, 5.0)]})
    assert float(run["arrivals"].max()) == 5.0


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({"arrival": [(0.0, 1.0)]}, "arrivals"),
        ({"TIME STEP": [(0.0, 1.0)]}, "can't be driven"),
        ({"arrivals": {"north": [(0.0, 1.0)]}}, r"arrivals\[south\]"),
        ({"arrivals": {"nord": [(0.0, 1.0)]}}, "north"),
        ({"stay": {"north": [(0.0, 1.0)]}}, "no subscripts"),
        ({"stay": [(2.0, 1.0), (1.0, 1.0)]}, "must rise"),
        ({"stay": []}, 'the series of "stay" is empty, expected pairs'),
        ({"stay": 48}, 'the series of "stay" holds no points, found 48, expected pairs'),
        (
            {"arrivals": {"north": 48, "south": [(0, 1)]}},
            r'series of "arrivals\[north\]" holds no points, found 48',
        ),
        (
            {"stay": [("2020-01", 48)]},
            r"no pair of numbers, found \('2020-01', 48\).* Write 84 for the start of",
        ),
        ({"stay": [(0.0, "48")]}, r"no pair of numbers, found \(0.0, '48'\)"),
        ({"stay": [48, 49]}, "no pair of numbers, found 48, expected"),
        ({"stay": [(0.0, float("nan"))]}, r"no finite number, found \(0, nan\)"),
        ([("stay", 48)], "given by name, found list"),
    ],
)
def test_what_cannot_be_driven_is_refused(queue: Model, series: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        drive(queue, series)


def test_a_path_cannot_be_driven() -> None:
    with pytest.raises(InputError, match=r'Write flows.read_vensim\("m.mdl"\)'):
        drive("m.mdl", {"stay": [(0.0, 1.0)]})  # type: ignore[arg-type]


def test_an_unknown_way_to_read_is_refused(queue: Model) -> None:
    with pytest.raises(InputError, match="HOLD BACKWARD"):
        drive(queue, {"stay": [(0.0, 1.0)]}, keyword="HOLD")
