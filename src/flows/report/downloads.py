"""Tables inside the page: CSV files that a click saves, with a mark that spreadsheets read them by."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pandas as pd

from flows.compare import CAVEAT
from flows.report.speech import Speech
from flows.tables import without_formulas

__all__ = ["Download", "csv_bytes", "download"]

_MARK = b"\xef\xbb\xbf"  # without it, Excel takes UTF-8 for the letters of a code page


@dataclass(frozen=True)
class Download:
    """A file inside the page.

    Attributes
    ----------
    name : str
        Under which it is saved.
    address : str
        A data address.
    """

    name: str
    address: str


def download(table: pd.DataFrame, name: str, say: Speech) -> Download:
    """Put a table into the page as a CSV file.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy.
    name : str
        Of the file, without its ending.
    say : Speech
        The language of the caveat.

    Returns
    -------
    Download
    """
    rows = table.drop(columns=[c for c in ("caveat",) if c in table.columns])
    made = csv_bytes(rows.assign(caveat=say(CAVEAT)))
    address = "data:text/csv;charset=utf-8;base64," + base64.b64encode(made).decode("ascii")
    return Download(f"{name}.csv", address)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Write a table as CSV with a byte order mark and the line ends that spreadsheets expect."""
    text = without_formulas(table).to_csv(
        index=False, lineterminator="\r\n", float_format="%.6g", date_format="%Y-%m-%d"
    )
    return _MARK + text.encode("utf-8")
