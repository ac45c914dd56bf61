"""Figures of sensitivity studies: what they show, and that each has its title, its unit and its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from flows import study
from flows.calendar import to_date
from flows.errors import InputError
from flows.report import drivers, figures
from flows.report.results import study_figures, study_source

OUTCOMES, INPUTS = ["waiting", "programme"], ["growth", "delay", "share[Haiti]"]
TIME = np.arange(1.0, 25.0)


def results(**variables: tuple[tuple[str, ...], np.ndarray]) -> xr.Dataset:
    """Labelled results; outcome, input and time where a variable has them."""
    return xr.Dataset(
        variables,
        coords={
            "outcome": OUTCOMES,
            "title": ("outcome", ["People waiting", "A programme"]),
            "unit": ("outcome", ["Person", "Case/Month"]),
            "uncertainty": INPUTS,
            "time": TIME,
            "date": ("time", to_date(TIME)),
        },
        attrs={"n": 64, "runs": 401, "level": 0.95, "noise": 0.3, "share": 0.1},
    )


def over_time(*values: float) -> tuple[tuple[str, ...], np.ndarray]:
    """An index a input, the same at all times and outcomes but that the second outcome doesn't vary."""
    array = np.repeat(np.array(values)[None, :, None], len(TIME), axis=2)
    return ("outcome", "uncertainty", "time"), np.concatenate([array, np.full_like(array, np.nan)])


def words(figure: Figure) -> str:
    """All text of a figure that is drawn without saving it."""
    figure.canvas.draw()
    parts = [text.get_text() for text in figure.texts]
    for legend in figure.legends:
        parts += [text.get_text() for text in legend.get_texts()]
    for axis in figure.axes:
        parts += [axis.get_title(loc="left"), axis.get_xlabel(), axis.get_ylabel()]
        parts += [text.get_text() for text in axis.texts]
        parts += [tick.get_text() for tick in (*axis.get_xticklabels(), *axis.get_yticklabels())]
    return " | ".join(part.replace("\n", " ") for part in parts if part)


def test_tornado_shows_the_strongest_first_and_both_ends() -> None:
    middle = (("outcome", "time"), np.full((2, len(TIME)), 100.0))
    low = np.full((2, 3, len(TIME)), 100.0) - np.array([10.0, 40.0, 1.0])[None, :, None]
    high = np.full((2, 3, len(TIME)), 100.0) + np.array([20.0, -30.0, 1.0])[None, :, None]
    dims = ("outcome", "uncertainty", "time")
    found = results(low=(dims, low), high=(dims, high), middle=middle)
    figure = drivers.tornado(found, ["waiting"], at="2014-06", source="a study.", most=2)
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["growth", "delay"]  # from below
    assert {(round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in axis.patches} >= {
        (100, -40),
        (100, -30),
    }
    said = words(figure)
    for part in (
        "end of June 2014",
        "People waiting",
        "people",
        "5\N{NO-BREAK SPACE}% quantile",
        "95\N{NO-BREAK SPACE}% quantile",
        "a study.",
        "1 other moves",
    ):
        assert part in said


def test_screening_shows_effect_spread_and_interval() -> None:
    found = results(
        mu_star=over_time(10, 4, 0.1),
        mu_star_low=over_time(8, 3, 0.0),
        mu_star_high=over_time(13, 6, 0.2),
        sigma=over_time(2, 5, 0.1),
    ).isel(outcome=[0])
    figure = drivers.screening(found, at="2014-06", source="a study.")
    (axis,) = figure.axes
    points = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axis.lines
        if line.get_marker() == "o"
    }
    assert (10.0, 2.0) in points
    said = words(figure)
    for part in (
        "mean size of effects (μ*), people",
        "spread (σ), people",
        "growth",
        "95\N{NO-BREAK SPACE}% bootstrap",
        "a study.",
    ):
        assert part in said


def test_convergence_leaves_out_what_has_no_variance() -> None:
    indices = results(ST=over_time(0.7, 0.3, 0.0), ST_conf=over_time(0.1, 0.1, 0.0))
    looks = xr.concat([indices.assign_coords(n=n) for n in (16, 32)], dim="n")
    figure = drivers.convergence(looks, indices, at="2014-06", source="a study.")
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "People waiting"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["16", "32", "64"]
    assert "half width of 0.1 counts as enough" in words(figure)


def test_second_order_tells_noise_apart() -> None:
    pairs = np.full((2, 3, 3, len(TIME)), np.nan)
    pairs[:, 0, 1], pairs[:, 0, 2], pairs[:, 1, 2] = 0.3, 0.02, 0.0
    dims = ("outcome", "uncertainty", "partner", "time")
    half = np.where(np.isnan(pairs), np.nan, 0.1)
    found = results(
        S2=(dims, pairs), S2_conf=(dims, half), S2_low=(dims, pairs - half), S2_high=(dims, pairs + half)
    ).assign_coords(partner=INPUTS)
    figure = drivers.second_order(found, "waiting", at="2014-06", source="a study.")
    cells = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert cells["0.30\n±0.10"] != figures.GREY
    assert cells["0.02\n±0.10"] == figures.GREY
    mesh = figure.axes[0].collections[0].get_array().reshape(2, 2)
    assert float(mesh[0, 0]) == 0.3  # partner delay, input growth
    assert float(mesh[1, 0]) == 0.0  # within its interval: no shade
    assert mesh.mask[0, 1]  # each pair stands once


def test_worst_runs_and_correlations_show_side_and_noise() -> None:
    found = results(
        distance=over_time(0.9, 0.5, 0.1),
        shift=over_time(0.3, -0.2, 0.1),
        rank_correlation=over_time(0.9, -0.5, 0.05),
    )
    said = words(drivers.worst(found, at="2014-06", source="a study."))
    for part in ("worst 10\N{NO-BREAK SPACE}%", "+0.90", "−0.50", "none", "below 0.30", "People waiting"):
        assert part in said
    said = words(drivers.rank_correlations(found, at="2014-06", source="a study."))
    assert "+0.90" in said
    assert "within ±0.10" in said  # 1.96 / sqrt(400)


def test_results_without_dates_or_time() -> None:
    found = results(ST=over_time(0.7, 0.3, 0), ST_low=over_time(0.6, 0.2, 0), ST_high=over_time(0.8, 0.4, 0))
    undated = figures.total_heatmap(found.drop_vars("date"), at="2014-06")
    assert "at time 18" in words(undated)
    numbers = figures.total_heatmap(found.isel(time=0, drop=True), at=None)
    assert "0.70 ±0.10" in words(numbers)
    with pytest.raises(InputError, match="no outcome"):
        drivers.second_order(found, "waitin", at="2014-06")


MODEL = """{UTF-8}
settling time = 4 ~ Month ~|
arrivals = 10 ~ Person/Month ~|
Waiting = INTEG(arrivals - Waiting / settling time, 20) ~ Person ~|
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 12 ~ Month ~|
TIME STEP = 0.25 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""
PICTURES = {
    'method = "sobol"\nn = 32\nsecond_order = true': {
        "bands", "convergence", "indices_over_time", "numbers_second_order-highest-waiting", "numbers_total_order",
        "second_order-waiting", "total_order",
    },
    'method = "morris"\nn = 4': {"screening", "numbers_screening"},
    'method = "tornado"': {"tornado", "numbers_tornado"},
    'method = "latin-hypercube"\nn = 40': {"bands", "rank_correlations", "numbers_rank_correlations"},
}  # fmt: skip


@pytest.mark.parametrize("method", PICTURES)
def test_each_method_has_its_pictures(tmp_path: Path, method: str) -> None:
    (tmp_path / "m.mdl").write_text(MODEL, encoding="utf-8")
    file = tmp_path / "s.toml"
    head = f'model = "{(tmp_path / "m.mdl").as_posix()}"\n{method}\nseed = 1\n'
    head += 'outcomes = ["Waiting", "highest Waiting"]\n'
    rows = (
        f'[[uncertainty]]\nname = "{name}"\ndistribution = "uniform"\nmin = 2.0\nmax = 20.0\n'
        for name in ("settling time", "arrivals")
    )
    file.write_text(head + "".join(rows), encoding="utf-8")
    found = study.run(file)
    written = study_figures(found, tmp_path)
    assert {path.stem for path in written} == PICTURES[method]
    assert {path.suffix for path in written} == {".png", ".svg"}
    assert all(path.stat().st_size > 1000 for path in written)
    assert "m.mdl" in study_source(found)
    assert "Not a forecast" not in study_source(found)  # another model has its own limits
