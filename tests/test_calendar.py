from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import calendar
from flows.errors import InputError


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("2013-01", 0),
        ("2013-12", 11),
        ("2014-01", 12),
        ("2026-01", 156),
        ("2024-10", 141),
        ("2021-08", 103),
        ("2030-12", 215),
        ("2012-12", -1),
        ("2030-6", 209),
        (" 2030-06 ", 209),
        ("2030-06-17", 209),
    ],
)
def test_month_index(text: str, index: int) -> None:
    assert calendar.month_index(text) == index


@pytest.mark.parametrize(
    "text", ["2030", "2030-13", "2030-00", "June 2030", "", "2030/06", "20300-06", "-06"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        calendar.month_index(text, where="--until")
    assert str(caught.value) == (
        f'--until: not a month, found "{text}", expected year and month such as "2030-12".'
    )


def test_a_stock_at_a_month_is_read_at_its_end() -> None:
    assert calendar.time_at_end("2030-12") == 216.0
    assert calendar.time_at_end("2012-12") == 0.0


@pytest.mark.parametrize(
    ("time", "date"),
    [
        (0, "2013-01-01"),
        (1, "2013-02-01"),
        (0.5, "2013-01-16"),  # half of 31 days, cut to whole days
        (1.5, "2013-02-15"),  # half of 28 days
        (37.5, "2016-02-15"),  # 29 days: a leap year
        (216, "2031-01-01"),
        (-1, "2012-12-01"),
        (-0.5, "2012-12-16"),
        (1 - 1e-12, "2013-02-01"),  # rounding of a sum of steps
        (11.999999, "2013-12-31"),
    ],
)
def test_to_date(time: float, date: str) -> None:
    assert calendar.to_date(time) == np.datetime64(date, "ns")


def test_dates_keep_the_shape() -> None:
    times = np.arange(6.0).reshape(2, 3)
    dates = calendar.to_date(times)
    assert dates.shape == (2, 3)
    assert dates.dtype == np.dtype("datetime64[ns]")
    assert calendar.to_date(np.zeros((0,))).shape == (0,)


@pytest.mark.parametrize(
    ("time", "month", "words"),
    [
        (0, "2013-01", "January 2013"),
        (215.5, "2030-12", "December 2030"),
        (216, "2031-01", "January 2031"),
        (-0.25, "2012-12", "December 2012"),
        (2.9999999999, "2013-04", "April 2013"),
    ],
)
def test_month_of_and_label(time: float, month: str, words: str) -> None:
    assert calendar.month_of(time) == month
    assert calendar.label(time) == words


@given(st.integers(-400, 2000))
def test_months_go_there_and_back(k: int) -> None:
    month = calendar.month_of(k)
    assert calendar.month_index(month) == k
    assert calendar.time_at_end(month) == k + 1
    assert str(calendar.to_date(float(k)).astype("datetime64[D]")) == f"{month}-01"


@given(st.floats(-400, 2000), st.floats(0, 3))
def test_dates_rise_with_time_and_stay_in_their_month(time: float, later: float) -> None:
    assert calendar.to_date(time) <= calendar.to_date(time + later)
    assert str(calendar.to_date(time).astype("datetime64[M]")) == calendar.month_of(time)


def test_dates_beyond_what_nanoseconds_reach() -> None:
    far = calendar.to_date(np.array([0.0, 12.0 * 300, -12.0 * 400, 12.0 * 7000 + 0.5]))
    assert [str(d)[:10] for d in far] == ["2013-01-01", "2313-01-01", "1613-01-01", "9013-01-16"]
    assert calendar.to_date(12.0 * 248).dtype == np.dtype("datetime64[ns]")
