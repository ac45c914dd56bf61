"""Observed series: what is shipped, spans on model time, and comparison with a run, worked by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows import seed_figures as seed
from flows.errors import InputError
from flows.inputs import Outcome, read_outcomes
from flows.observations import (
    definitions,
    load,
    monthly,
    observed,
    observed_against,
    over_span,
    per_cent_error,
    sources,
    time_of,
)
from flows.references import Expression
from flows.seed_figures import figure_variables, figures_against, seed_figures

DAY = pd.Timestamp


def path(values: object, times: object, units: str) -> xr.DataArray:
    return xr.DataArray(
        np.asarray(values, dtype=float),
        dims="time",
        coords={"time": np.asarray(times, dtype=float)},
        attrs={"units": units},
    )


# --- what is shipped ----------------------------------------------------------------------------------------------


def test_every_row_has_a_definition_and_a_source() -> None:
    frame = load()
    assert set(frame["series"]) == set(definitions().index)
    assert set(frame["source_id"]) <= set(sources().index)
    assert np.isfinite(frame["value"]).all()
    assert (frame["period_end"] >= frame["period_start"]).all()


def test_no_source_is_shipped_that_nothing_cites() -> None:
    cited = set(load()["source_id"])
    documents = {"colmex_2021", "mpi_review_2024"}
    assert set(sources().index) == cited | documents


def test_one_value_for_one_span() -> None:
    keys = ["series", "group", "period_type", "period_start", "period_end", "unit"]
    assert not load().duplicated(keys).any()


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [("fiscal_year", "10-01", "09-30"), ("calendar_year", "01-01", "12-31")],
)
def test_years_begin_and_end_where_their_kind_says(kind: str, first: str, last: str) -> None:
    rows = load()[lambda frame: frame["period_type"] == kind]
    assert set(rows["period_start"].dt.strftime("%m-%d")) == {first}
    assert set(rows["period_end"].dt.strftime("%m-%d")) == {last}
    assert ((rows["period_end"] - rows["period_start"]).dt.days.isin([364, 365])).all()


def test_months_are_whole() -> None:
    rows = load()[lambda frame: frame["period_type"] == "month"]
    assert (rows["period_start"].dt.day == 1).all()
    assert rows["period_end"].dt.is_month_end.all()


def test_months_of_encounters_add_up_to_the_exact_fiscal_year() -> None:
    months = observed("us_swb_encounters_month", group="Guatemala", period_type="month")
    inside = months[
        (months["period_start"] >= DAY("2018-10-01")) & (months["period_end"] <= DAY("2019-09-30"))
    ]
    year = observed("us_swb_encounters_fy", group="Guatemala", period_type="fiscal_year")
    assert len(inside) == 12
    assert inside["value"].sum() == year.set_index("period_end").loc[DAY("2019-09-30"), "value"] == 270198


def test_monthly_series_stand_in_the_middle_of_their_months() -> None:
    series = monthly("us_swb_encounters_month", group="Mexico")
    assert series["time"].values[0] == 9.5  # October 2013
    assert series["date"].values[0] == np.datetime64("2013-10-01")
    assert series.attrs == {"units": "events", "group": "Mexico"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"series": "inm_aprehensions"}, 'no observed series "inm_aprehensions"'),
        ({"series": "inm_aprehensions"}, 'Did you mean "inm_apprehensions"?'),
        (
            {"series": "inm_returns_month", "group": "Hondurus"},
            'no group "Hondurus", expected one of All nationalities, El Salvador, Guatemala, Honduras. '
            'Did you mean "Honduras"?',
        ),
        (
            {"series": "inm_returns_month", "period_type": "years"},
            'no kind of span "years", expected one of month.',
        ),
    ],
)
def test_selection_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        observed(**arguments)
    assert message in str(refused.value)


def test_words_of_the_shipped_texts() -> None:
    """Titles and addresses are the publishers' own; every text of ours keeps to the vocabulary."""
    ours = [*load()["note"], *load()["group"], *definitions()["definition"]]
    ours += [text for f in seed_figures() for text in (f.figure, f.reason, f.note)]
    ours += [text for o in read_outcomes() for text in (o.title, o.note)]
    unwanted = re.compile(r"\bwaves?\b|surge|flood|illegal|northern triangle|rescue", re.IGNORECASE)
    assert [text for text in ours if unwanted.search(text)] == []


# --- spans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "end", "time"),
    [
        ("2013-01-01", False, 0.0),
        ("2013-01-31", True, 1.0),
        ("2018-10-01", False, 69.0),
        ("2019-09-30", True, 81.0),
        ("2020-02-29", True, 86.0),
        ("2021-06-16", False, 101.5),
    ],
)
def test_days_on_model_time(day: str, end: bool, time: float) -> None:
    assert time_of(DAY(day), end=end) == time


def test_a_fiscal_year_is_the_integral_from_october_to_september() -> None:
    rate = path(np.arange(0, 25) * 10.0, range(25), "Case/Month")  # 10 t a month
    total = over_span(rate, DAY("2013-10-01"), DAY("2014-09-30"))
    assert float(total) == pytest.approx(5 * (21**2 - 9**2))  # ∫ 10 t dt from 9 to 21 = 1,800
    assert float(over_span(rate, DAY("2013-01-01"), DAY("2013-12-31"))) == pytest.approx(5 * 12**2)


def test_a_calendar_year_and_a_fiscal_year_differ() -> None:
    rate = path([0.0] * 12 + [12.0] * 13, range(25), "Event / Month")
    calendar = over_span(rate, DAY("2014-01-01"), DAY("2014-12-31"))
    fiscal = over_span(rate, DAY("2013-10-01"), DAY("2014-09-30"))
    assert float(calendar) == pytest.approx(144.0)
    assert float(fiscal) == pytest.approx(9 * 12 + 6)  # nine full months and half of the ramp of December


def test_a_month_is_a_trapezoid_between_saved_times() -> None:
    rate = path([0.0, 4.0, 4.0, 0.0], [0.0, 0.5, 1.0, 2.0], "Event/Month")
    assert float(over_span(rate, DAY("2013-01-01"), DAY("2013-01-31"))) == pytest.approx(1.0 + 2.0)


def test_half_a_month_is_cut_where_it_ends() -> None:
    rate = path([2.0, 4.0], [0.0, 1.0], "Event/Month")
    days = over_span(rate, DAY("2013-01-01"), DAY("2013-01-31")) - over_span(
        rate, DAY("2013-01-01"), DAY("2013-01-15")
    )
    share = 15 / 31
    assert float(days) == pytest.approx(3.0 - (2 * share + share**2))


def test_a_stock_is_read_at_the_end_of_its_span() -> None:
    stock = path([0.0, 10.0, 30.0], [0.0, 1.0, 2.0], "Case")
    assert float(over_span(stock, DAY("2013-01-31"), DAY("2013-01-31"))) == 10.0
    assert float(over_span(stock, DAY("2013-01-01"), DAY("2013-02-28"))) == 30.0
    assert float(over_span(stock, DAY("2013-02-14"), DAY("2013-02-14"))) == pytest.approx(20.0)


def test_a_mean_is_the_integral_over_the_length() -> None:
    rate = path([0.0, 12.0, 24.0], [0.0, 1.0, 2.0], "Event/Month")
    wait = path([0.0, 12.0, 24.0], [0.0, 1.0, 2.0], "Month")
    for values in (rate, wait):
        mean = over_span(values, DAY("2013-01-01"), DAY("2013-02-28"), measure="mean")
        assert float(mean) == pytest.approx(12.0)


def test_leading_dimensions_stay() -> None:
    rate = path([1.0, 1.0], [0.0, 1.0], "Event/Month").expand_dims(draw=[1, 2, 3])
    total = over_span(rate, DAY("2013-01-01"), DAY("2013-01-31"))
    assert total.dims == ("draw",)
    np.testing.assert_allclose(total, 1.0)


@pytest.mark.parametrize(("start", "end"), [("2012-10-01", "2013-09-30"), ("2014-10-01", "2015-09-30")])
def test_a_span_that_the_run_covers_in_part_is_refused(start: str, end: str) -> None:
    rate = path(np.ones(25), range(25), "Case/Month")
    with pytest.raises(InputError) as refused:
        over_span(rate, DAY(start), DAY(end), where="x")
    assert str(refused.value) == (
        f"x: the run doesn't cover the whole span, found {start} to {end}, "
        "expected a span between 2013-01 and 2014-12."
    )


def test_a_stock_needs_only_the_end_of_its_span() -> None:
    stock = path([5.0, 6.0], [1.0, 2.0], "Case")
    assert float(over_span(stock, DAY("2013-01-01"), DAY("2013-02-28"))) == 6.0
    with pytest.raises(InputError, match="doesn't cover"):
        over_span(stock, DAY("2013-01-15"), DAY("2013-01-15"))


# --- comparison ---------------------------------------------------------------------------------------------------


def run(**variables: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({name.replace("_", " "): values for name, values in variables.items()})


def outcome(expression: str, series: str, unit: str) -> Outcome:
    return Outcome(name="o", expression=expression, series=series, unit=unit, kind="event", better="neither")


def test_a_run_beside_months_of_several_groups() -> None:
    times = np.arange(0.0, 25.0)
    dataset = run(
        a=path(np.full(25, 100.0), times, "Event/Month"), b=path(np.full(25, 50.0), times, "Event/Month")
    )
    three = " + ".join(f"us_swb_encounters_month[{c}]" for c in ("Guatemala", "Honduras", "El Salvador"))
    table = observed_against(outcome("a + 2 * b", three, "Event/Month"), dataset)
    assert list(table["period_start"].dt.strftime("%Y-%m")) == [
        *(f"2013-{m}" for m in (10, 11, 12)),
        *(f"2014-{m:02d}" for m in range(1, 13)),
    ]
    june = table.set_index("period_start").loc[DAY("2014-06-01")]
    countries = [
        observed("us_swb_encounters_month", group=c) for c in ("Guatemala", "Honduras", "El Salvador")
    ]
    total = sum(c.set_index("period_start").loc[DAY("2014-06-01"), "value"] for c in countries)
    assert june["observed"] == total == 40640
    assert june["model"] == pytest.approx(200.0)
    assert june["error_percent"] == pytest.approx(100 * (200 - 40640) / 40640)
    assert june["unit"] == "Event"
    assert june["source"] == sources().loc["ohss_monthly_aug24", "title"]


def test_a_stock_beside_its_instants() -> None:
    dataset = run(pending=path(np.arange(0.0, 49.0), np.arange(0.0, 49.0), "Case"))
    table = observed_against(outcome("pending", "mexico_asylum_seekers_pending", "Case"), dataset)
    assert list(table["model"]) == [0.0, 12.0, 24.0, 36.0, 48.0]
    assert list(table["period_end"].dt.year) == [2012, 2013, 2014, 2015, 2016]


def test_fiscal_years_outside_the_run_are_left_out() -> None:
    dataset = run(new=path(np.full(25, 10.0), np.arange(0.0, 25.0), "Case/Month"))
    table = observed_against(outcome("new", "eoir_new_cases", "Case/Month"), dataset)
    assert [(row.period_start.year, row.model) for row in table.itertuples()] == [
        (2013, pytest.approx(120.0))
    ]


def test_running_totals_within_a_year_are_not_compared() -> None:
    dataset = run(new=path(np.full(145, 10.0), np.arange(0.0, 145.0), "Case/Month"))
    table = observed_against(outcome("new", "comar_applications", "Case/Month"), dataset)
    assert set(table["period_type"]) == {"calendar_year"}


def test_an_outcome_without_a_series_gives_an_empty_table() -> None:
    dataset = run(a=path([0.0, 1.0], [0.0, 1.0], "Case"))
    table = observed_against(outcome("a", "", "Case"), dataset)
    assert table.empty
    assert "error_percent" in table.columns


def test_several_runs_at_once_are_refused() -> None:
    values = path(np.ones(25), np.arange(0.0, 25.0), "Case/Month").expand_dims(scenario=["a", "b"])
    with pytest.raises(InputError, match="one run is compared at a time, found a result over scenario"):
        observed_against(outcome("new", "eoir_new_cases", "Case/Month"), run(new=values))


def test_nothing_observed_has_no_per_cent_error() -> None:
    assert np.isnan(per_cent_error(1.0, 0.0))
    assert per_cent_error(110.0, 100.0) == pytest.approx(10.0)


@pytest.mark.parametrize("shipped", [o for o in read_outcomes() if o.series], ids=lambda o: o.name)
def test_each_shipped_series_has_values_inside_the_history(shipped: Outcome) -> None:
    dataset = run(x=path(np.ones(145), np.arange(0.0, 145.0), shipped.unit))
    table = observed_against(outcome("x", shipped.series, shipped.unit), dataset)
    assert len(table) >= 2
    assert (table["observed"] > 0).all()


# --- figures of the documents -------------------------------------------------------------------------------------


def test_each_figure_has_a_counterpart_or_a_reason() -> None:
    figures = seed_figures()
    assert {f.kind for f in figures} == {"input", "fitted", "emergent"}
    assert all(bool(f.expression) != bool(f.reason) for f in figures)
    assert all(f.document and f.section for f in figures)
    for figure in figures:
        if figure.expression:
            Expression.parse(figure.expression)
    assert "COMAR pending cases" in figure_variables()


COLUMNS = (
    "figure value value_high unit period_start period_end document section kind measure expression reason note"
).split()


def figures_file(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, str]) -> None:
    empty = dict.fromkeys(
        COLUMNS,
        "",
    )
    base = {"period_start": "2013-01-01", "period_end": "2013-12-31", "kind": "emergent"}
    frame = pd.DataFrame([{**empty, **base, **row} for row in rows])
    monkeypatch.setattr(seed, "read_table", lambda name: frame)


def test_figures_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    figures_file(
        monkeypatch,
        {"figure": "total", "value": "100", "expression": "new"},
        {"figure": "ratio of totals", "value": "2", "expression": "new / other"},
        {"figure": "mean", "value": "5", "expression": "new", "measure": "mean"},
        {"figure": "range", "value": "63", "value_high": "80", "expression": "7 * pending"},
        {"figure": "silent", "value": "1", "reason": "no such sector"},
        {"figure": "later", "value": "1", "expression": "new", "period_end": "2030-12-31"},
    )
    times = np.arange(0.0, 13.0)
    dataset = run(
        new=path(np.full(13, 10.0), times, "Case/Month"),
        other=path(times, times, "Case/Month"),
        pending=path(times, times, "Case"),
    )
    table = figures_against(dataset).set_index("figure")
    assert table.loc["total", "model"] == pytest.approx(120.0)
    assert table.loc["total", "error_percent"] == pytest.approx(20.0)
    assert table.loc["ratio of totals", "model"] == pytest.approx(120 / 72)
    assert table.loc["mean", "model"] == pytest.approx(10.0)
    assert table.loc["range", "model"] == pytest.approx(84.0)
    assert table.loc["range", "error_percent"] == pytest.approx(100 * 4 / 80)
    assert np.isnan(table.loc["silent", "model"])
    assert table.loc["silent", "reason"] == "no such sector"
    assert np.isnan(table.loc["later", "error_percent"])
    assert table.loc["later", "reason"] == "the run doesn't cover the whole span"
    assert figure_variables() == ("new", "other", "pending")


def test_a_constant_may_take_part_in_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    figures_file(monkeypatch, {"figure": "f", "value": "60", "expression": "new * factor"})
    dataset = run(new=path(np.full(13, 10.0), np.arange(0.0, 13.0), "Person/Month"), factor=xr.DataArray(0.5))
    assert figures_against(dataset).loc[0, "model"] == pytest.approx(60.0)


def test_a_misspelt_variable_of_a_figure_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    figures_file(monkeypatch, {"figure": "f", "value": "1", "expression": "neww"})
    with pytest.raises(InputError, match='figure "f": no variable "neww" in the result'):
        figures_against(run(new=path([1.0, 1.0], [0.0, 1.0], "Case/Month")))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"value": "many", "reason": "r"}, "models/data/seed-figures.csv:2: not a number or a date"),
        (
            {"value": "1", "period_end": "soon", "reason": "r"},
            "models/data/seed-figures.csv:2: not a number or a date",
        ),
        ({"value": "1"}, "a figure has either an expression or a reason why it has none"),
        ({"value": "1", "expression": "a", "reason": "r"}, "a figure has either an expression or a reason"),
    ],
)
def test_figures_refused(monkeypatch: pytest.MonkeyPatch, row: dict[str, str], message: str) -> None:
    figures_file(monkeypatch, {"figure": "f", **row})
    with pytest.raises(InputError) as refused:
        seed_figures()
    assert message in str(refused.value)
