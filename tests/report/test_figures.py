"""Figures say what they show: titles, units, dates, sources, intervals; nothing is empty or overlaps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from flows import calendar, sobol
from flows.errors import InputError
from flows.inputs import Outcome
from flows.report import figures

TIME = np.arange(0.0, 217.0)
OUTCOMES = ("court cases pending", "encounters at U.S. border", "people enrolled in MPP")
TITLES = (
    "Cases pending in the courts",
    "Encounters at the border",
    "Claims pending with the commission, abandoned ones that are not yet closed among them",
)
UNITS = ("Case", "Event/Month", "Person")
INPUTS = (
    "repeat chance",
    "judges hired per year",
    "share of applicants who leave before a decision",
    "noise",
)
SOURCE = "Flows, a test; no observation was harmed."


def coordinates() -> dict[str, Any]:
    return {
        "outcome": list(OUTCOMES),
        "title": ("outcome", list(TITLES)),
        "unit": ("outcome", list(UNITS)),
        "time": TIME,
        "date": ("time", calendar.to_date(TIME)),
    }


def outputs(x: np.ndarray) -> np.ndarray:
    share = TIME / 216
    cases = 4e6 * (1 + share * x[..., [0]] + 2 * x[..., [1]] * x[..., [2]])
    encounters = 1.5e5 * (1 + x[..., [0]] * np.sin(3 * share) ** 2 + x[..., [2]])
    enrolled = np.where(TIME < 72, 0, (TIME - 72) * (50 + 100 * x[..., [1]]))
    return np.stack([cases, encounters, enrolled], axis=-2)


@pytest.fixture(scope="module")
def runs() -> np.ndarray:
    return outputs(sobol.design(INPUTS, 64, seed=1).rows())


@pytest.fixture(scope="module")
def indices(runs: np.ndarray) -> xr.Dataset:
    found = sobol.indices(runs, resamples=50)
    names = ("S1", "S1_low", "S1_high", "ST", "ST_low", "ST_high")
    dims = ("outcome", "uncertainty", "time")
    variables = {name: (dims, np.moveaxis(getattr(found, name), 1, 0)) for name in names}
    return xr.Dataset(variables, coords={**coordinates(), "uncertainty": list(INPUTS)}, attrs={"level": 0.95})


@pytest.fixture(scope="module")
def bands(runs: np.ndarray) -> xr.Dataset:
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    base = runs[:, [0, -1]].reshape(-1, *runs.shape[2:])
    values = np.moveaxis(np.quantile(base, quantiles, axis=0), 0, 1)
    return xr.Dataset(
        {"value": (("outcome", "quantile", "time"), values)}, coords={**coordinates(), "quantile": quantiles}
    )


@pytest.fixture(scope="module")
def scenarios(runs: np.ndarray) -> xr.Dataset:
    names = ["current-course", "course-2024", "protection-reform", "us-tightening", "title42-return",
             "mpp-return", "containment-plus", "one more"]  # fmt: skip
    return xr.Dataset(
        {
            name: (("scenario", "time"), runs[:8, 0, i], {"units": UNITS[i]})
            for i, name in enumerate(OUTCOMES)
        },
        coords={"scenario": names, "time": TIME, "date": ("time", calendar.to_date(TIME))},
    )


@pytest.fixture(scope="module")
def observed() -> pd.DataFrame:
    months = pd.period_range("2014-01", "2020-12", freq="M")
    monthly = [(OUTCOMES[1], "month", p.start_time, p.end_time.normalize(), 2e5) for p in months]
    years = [(OUTCOMES[1], "fiscal_year", pd.Timestamp(2021, 10, 1), pd.Timestamp(2022, 9, 30), 2.4e6)]
    instants = [(OUTCOMES[0], "instant", pd.Timestamp(y, 9, 30), pd.Timestamp(y, 9, 30), 5e6)
                for y in (2018, 2022)]  # fmt: skip
    columns = ["outcome", "period_type", "period_start", "period_end", "observed"]
    return pd.DataFrame([*monthly, *years, *instants], columns=columns)


Drawn = Callable[[], Figure]


@pytest.fixture
def drawn(
    indices: xr.Dataset, bands: xr.Dataset, scenarios: xr.Dataset, observed: pd.DataFrame
) -> dict[str, Drawn]:
    one = scenarios.isel(scenario=0, drop=True)
    mark = ("2026-01", "policies begin")
    chosen = list(OUTCOMES)
    six = xr.concat([bands, bands.assign_coords(outcome=["a", "b", "c"])], "outcome")
    return {
        "trajectories": lambda: figures.trajectories(
            one, chosen, observed=observed, source=SOURCE, mark=mark
        ),
        "comparison": lambda: figures.comparison(
            scenarios, chosen, baseline="current-course", source=SOURCE, start="2022-01"
        ),
        "fan": lambda: figures.fan(bands, chosen, observed=observed, source=SOURCE, mark=mark),
        "fan of six": lambda: figures.fan(six, [*OUTCOMES, "a", "b", "c"], source=SOURCE),
        "over time": lambda: figures.indices_over_time(indices, chosen, source=SOURCE),
        "over time, one": lambda: figures.indices_over_time(indices, OUTCOMES[2], source=SOURCE),
        "heat map": lambda: figures.total_heatmap(indices, at="2015-12", source=SOURCE),
    }


NAMES = (
    "trajectories",
    "comparison",
    "fan",
    "fan of six",
    "over time",
    "over time, one",
    "heat map",
)
OVER_DATES = NAMES[:6]


def texts(figure: Figure) -> list[str]:
    return [found.get_text() for found in figure.findobj(Text) if found.get_visible() and found.get_text()]


@pytest.mark.parametrize("name", NAMES)
def test_title_source_and_no_empty_axes(drawn: dict[str, Drawn], name: str) -> None:
    figure = drawn[name]()
    said = " ".join(texts(figure)).replace("\n", " ")
    assert SOURCE in said
    assert figure.texts[0].get_fontsize() > 10
    for axis in figure.axes:
        assert axis.has_data() or axis.collections or axis.patches


@pytest.mark.parametrize("name", OVER_DATES)
def test_dates_and_units(drawn: dict[str, Drawn], name: str) -> None:
    figure = drawn[name]()
    figure.draw_without_rendering()
    for axis in figure.axes:
        assert isinstance(axis.xaxis.get_major_locator(), mdates.DateLocator)
        labels = [label.get_text() for label in axis.get_xticklabels() if label.get_text()]
        assert any(label.startswith("20") for label in labels)
        assert axis.get_ylabel()
        assert axis.get_title(loc="left")


def test_units_in_words(drawn: dict[str, Drawn]) -> None:
    labels = [axis.get_ylabel() for axis in drawn["trajectories"]().axes]
    assert labels == ["million cases", "thousand events per month", "thousand people"]
    assert figures.unit_words("Person*Month") == "person-months"
    assert figures.unit_words("Case / Month") == "cases per month"


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_inside_and_headings_do_not_overlap(drawn: dict[str, Drawn], name: str) -> None:
    figure = drawn[name]()
    figure.draw_without_rendering()
    whole = figure.bbox.padded(1.0)
    boxes = {"heading": figure.texts[0].get_window_extent(), "source": figure.texts[1].get_window_extent()}
    boxes |= {f"legend {i}": legend.get_window_extent() for i, legend in enumerate(figure.legends)}
    for i, axis in enumerate(figure.axes):
        box = axis.get_tightbbox()
        assert box is not None
        boxes[f"axes {i}"] = box
    for key, box in boxes.items():
        assert whole.x0 <= box.x0, key
        assert whole.y0 <= box.y0, key
        assert box.x1 <= whole.x1, key
        assert box.y1 <= whole.y1, key
    keys = list(boxes)
    for i, one in enumerate(keys):
        for other in keys[i + 1 :]:
            if boxes[one].padded(-1.5).overlaps(boxes[other].padded(-1.5)):
                pytest.fail(f"{one} overlaps {other}")


def test_baseline_is_grey_and_lines_differ(drawn: dict[str, Drawn]) -> None:
    lines = drawn["comparison"]().axes[0].get_lines()
    assert lines[0].get_color() == figures.GREY
    looks = {(line.get_color(), str(line._dash_pattern)) for line in lines}  # type: ignore[attr-defined]
    told = {look for look in looks if look[0] not in (figures.GREY, figures._FAINT)}
    assert len({colour for colour, _ in told}) == len({dash for _, dash in told}) == 5
    assert sum(line.get_color() == figures._FAINT for line in lines) == 2


def test_letters_at_the_ends_of_lines_keep_apart(scenarios: xr.Dataset) -> None:
    figure = figures.comparison(scenarios, OUTCOMES, baseline="current-course")
    for axis in figure.axes:
        letters = [text for text in axis.texts if text.get_text() in tuple("ABCDE")]
        assert sorted(text.get_text() for text in letters) == list("ABCDE")
        heights = sorted(text.xyann[1] for text in letters)  # type: ignore[attr-defined]
        assert min(np.diff(heights)) > 0.08
        assert heights[0] >= 0
        assert heights[-1] <= 1
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(word.startswith("A: ") for word in words)


def test_many_pale_lines_are_counted(scenarios: xr.Dataset) -> None:
    figure = figures.comparison(scenarios, OUTCOMES, baseline="current-course", highlight=3)
    assert "4 other scenarios" in [text.get_text() for text in figure.legends[0].get_texts()]
    one = figures.comparison(scenarios.isel(scenario=[0, 1]), OUTCOMES, baseline="current-course")
    assert "course-2024" in [text.get_text() for text in one.legends[0].get_texts()]


def test_very_many_pale_lines_become_an_area(scenarios: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_MOST_PALE", 3)
    figure = figures.comparison(scenarios, OUTCOMES, baseline="current-course", highlight=3)
    words = "4 other scenarios, from the least to the most"
    assert words in [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(figure.axes[0].collections) == 1
    assert not any(line.get_color() == figures._FAINT for line in figure.axes[0].get_lines())


def test_yearly_totals_are_drawn_per_month(drawn: dict[str, Drawn]) -> None:
    axis = drawn["trajectories"]().axes[1]
    (spans,) = [c for c in axis.collections if c.get_label() is not None and hasattr(c, "get_segments")]
    assert spans.get_segments()[0][:, 1] == pytest.approx(2e5)
    points = next(line for line in axis.get_lines() if line.get_marker() == "o")
    assert len(points.get_xdata()) == 84


def test_stack_fills_to_one_and_blank_without_variance(drawn: dict[str, Drawn]) -> None:
    figure = drawn["over time"]()
    assert "no variance" in texts(figure)
    tops = [path.vertices[:, 1].max() for area in figure.axes[0].collections for path in area.get_paths()]
    assert max(tops) == pytest.approx(1)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0] == "interactions (the rest)"
    assert "noise" not in legend


def test_heat_map_says_where_nothing_varies(drawn: dict[str, Drawn]) -> None:
    said = texts(drawn["heat map"]())
    assert said.count("none") == len(INPUTS)
    assert any("all runs give the same number" in " ".join(line.split()) for line in said)


def test_outcomes_that_are_computed(scenarios: xr.Dataset) -> None:
    double = Outcome(
        name="twice",
        title="twice the cases",
        expression='2 * "court cases pending"',
        unit="Case",
        kind="case",
        better="neither",
    )
    figure = figures.trajectories(scenarios.isel(scenario=0, drop=True), [double])
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "Twice the cases"
    values = np.asarray(axis.get_lines()[0].get_ydata())
    np.testing.assert_allclose(values, 2 * scenarios["court cases pending"][0])


def test_a_model_that_does_not_count_in_months(scenarios: xr.Dataset, indices: xr.Dataset) -> None:
    undated = scenarios.isel(scenario=0, drop=True).drop_vars("date")
    figure = figures.trajectories(undated, list(OUTCOMES), mark=("2026-01", "policies begin"))
    assert figure.axes[0].get_xlabel() == "model time"
    figures.indices_over_time(indices.drop_vars("date"), OUTCOMES[2]).draw_without_rendering()


def test_mistakes_are_named(indices: xr.Dataset, scenarios: xr.Dataset) -> None:
    with pytest.raises(InputError, match='Did you mean "court cases pending"'):
        figures.trajectories(scenarios.isel(scenario=0), ["court case pending"])
    with pytest.raises(InputError, match='Did you mean "current-course"'):
        figures.comparison(scenarios, list(OUTCOMES), baseline="curent-course")
    with pytest.raises(InputError, match='Did you mean "people enrolled in MPP"'):
        figures.indices_over_time(indices, "people enroled in MPP")
    with pytest.raises(InputError, match="outside the study"):
        figures.total_heatmap(indices, at="2040-01")


def test_saved_files_are_the_same_bytes(drawn: dict[str, Drawn], tmp_path: Path) -> None:
    digests = []
    for turn in ("a", "b"):
        paths = figures.save(drawn["heat map"](), tmp_path / turn / "table")
        assert [path.name for path in paths] == ["table.png", "table.svg"]
        assert sorted(path.name for path in (tmp_path / turn).iterdir()) == ["table.png", "table.svg"]
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert digests[0] == digests[1]


def test_no_global_state() -> None:
    import sys

    assert "matplotlib.pyplot" not in vars(figures)
    assert not any(name == "pyplot" for name in vars(sys.modules["flows.report.figures"]))
