"""Model time and dates: time 0 is 1 January 2013 and month k is the interval [k, k + 1)."""

from __future__ import annotations

import re

import numpy as np

from flows.errors import InputError

START_YEAR = 2013
_MONTH = re.compile(r"(\d{4})-(\d{1,2})(?:-\d{1,2})?")


def month_index(text: str, *, where: str = "") -> int:
    """Convert a month such as ``2030-12`` to its index k.

    Parameters
    ----------
    text : str
        ``YYYY-MM`` (a day after it is ignored).
    where : str, optional
        Where the text stands, for the error message.

    Returns
    -------
    int
        12 (year - 2013) + month - 1.

    Raises
    ------
    InputError
        If the text is no month.

    Examples
    --------
    >>> month_index("2013-01"), month_index("2030-12")
    (0, 215)
    """
    match = _MONTH.fullmatch(text.strip())
    if match is None or not 1 <= int(match[2]) <= 12:
        raise InputError(
            "not a month",
            where=where,
            found=f'"{text}"',
            expected='year and month such as "2030-12"',
        )
    return 12 * (int(match[1]) - START_YEAR) + int(match[2]) - 1


def time_at_end(month: str) -> float:
    """Return the model time at the end of a month, where a stock "at" that month is read.

    Parameters
    ----------
    month : str
        ``YYYY-MM``.

    Returns
    -------
    float
        In months; 0 is the start of January 2013.

    Raises
    ------
    InputError
        The text is no month.

    Examples
    --------
    >>> time_at_end("2013-01")
    1.0
    """
    return float(month_index(month) + 1)


def to_date(time: float | np.ndarray) -> np.ndarray:
    """Convert model time (months) to calendar dates, to the day.

    Parameters
    ----------
    time : float or array of any shape
        Model time in months.

    Returns
    -------
    array of datetime64, same shape
        Whole months fall on the first day of the month. The unit is the nanosecond, or the second where a date lies
        outside what nanoseconds reach (1678 to 2261).
    """
    months = np.floor(np.asarray(time, dtype=float) + 1e-9)
    first = np.datetime64(f"{START_YEAR}-01", "M") + months.astype("timedelta64[M]")
    days = (first + np.timedelta64(1, "M")).astype("datetime64[D]") - first.astype("datetime64[D]")
    part = np.clip(np.asarray(time, dtype=float) - months, 0.0, None)
    offset = np.floor(part * days.astype(float)).astype("timedelta64[D]")
    days_since = first.astype("datetime64[D]") + offset
    near = (days_since >= np.datetime64("1678-01-01")) & (days_since < np.datetime64("2262-01-01"))
    return np.asarray(days_since.astype("datetime64[ns]" if np.all(near) else "datetime64[s]"))


def month_of(time: float) -> str:
    """Return the month that holds a model time, as ``YYYY-MM``.

    Parameters
    ----------
    time : float
        In months; 0 is the start of January 2013.

    Returns
    -------
    str

    Examples
    --------
    >>> month_of(215.5)
    '2030-12'
    """
    return str(np.datetime64(f"{START_YEAR}-01", "M") + np.timedelta64(int(np.floor(time + 1e-9)), "M"))


def label(time: float) -> str:
    """Return the month that holds a model time in words.

    Parameters
    ----------
    time : float
        In months; 0 is the start of January 2013.

    Returns
    -------
    str

    Examples
    --------
    >>> label(215.5)
    'December 2030'
    """
    names = "January February March April May June July August September October November December".split()
    year, month = month_of(time).split("-")
    return f"{names[int(month) - 1]} {year}"
