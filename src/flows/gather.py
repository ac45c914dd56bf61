"""The shipped observations, rebuilt from the raw tables in ``data/`` of the checkout.

Raw tables hold numbers as they were read, one a row, with every vintage that was found. Here each row is checked
against the definition of its series, gets the tier of its source and the kind of its span, and of several numbers for
one span one is kept: that of the best tier or, where tiers are equal, the one that ``data/choices.csv`` names with a
reason. Nothing is scaled, spliced, averaged or filled.
"""

from __future__ import annotations

import calendar
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from flows import resources
from flows.errors import InputError, near
from flows.inputs.tables import shown_path
from flows.observations import FOLDER
from flows.provenance import atomic_write
from flows.texts import read_cells

__all__ = ["Gathered", "gather", "kind_of", "write"]

RAW = "data"
_ROW = ("series", "period_start", "period_end", "value", "unit", "group", "source_id", "note")
_SHIPPED = (*_ROW[:-1], "tier", "period_type", "note")
_SOURCE = ("source_id", "title", "publisher", "year", "url", "tier", "how_read")
_SERIES = ("series", "counts", "measure", "year", "definition")
_CHOICE = ("series", "group", "period_start", "period_end", "source_id", "why")
_TIERS = ("A", "B", "C", "seed")
_DOCUMENTS = "seed"
"""Tier of the documents that the model answers to; they are sources even where no row cites them."""

_YEAR_AT_MOST = 366
"""Days of the longest part of a year."""

_SPANS: Mapping[str, frozenset[str]] = {
    "month": frozenset({"month", "instant"}),
    "calendar": frozenset({"calendar_year", "month", "part", "years"}),
    "fiscal": frozenset({"fiscal_year", "month", "part", "years"}),
    "instant": frozenset({"instant", "calendar_year"}),
    "part": frozenset({"part", "years"}),
    "years": frozenset({"years"}),
}
"""Kinds of span that a series may hold, by the ``year`` of its definition: no calendar years among fiscal ones."""

_UNITS: Mapping[str, frozenset[str]] = {
    "event": frozenset({"events"}),
    "case": frozenset({"cases", "files", "requests", "persons"}),
    "person": frozenset({"persons", "persons per year", "cases", "cards", "visas", "green cards per year"})
    | {"judges", "agents", "public servants"},
    "money": frozenset({"MXN", "US$"}),
    "rate": frozenset({"children per woman", "per 100,000", "years"}),
    "share": frozenset({"percent"}),
    "time": frozenset({"days", "years"}),
}
"""Units that a series may have, by what its definition says it ``counts``: events are not people."""

_NET = "net_"
"""How the names of series begin that may be negative."""

_RARE = 20
"""Rows of a group that may be a slip."""

_ALIKE = 0.85
"""Likeness (difflib's ratio) from which a rare group counts as another one misspelt."""


@dataclass(frozen=True)
class Row:
    """A number as it was read.

    Attributes
    ----------
    cells : mapping of str to str
        By column of a raw table.
    tier : str
        Of its source.
    period_type : str
        As `kind_of` tells.
    where : str
        File and line, for messages.
    """

    cells: Mapping[str, str]
    tier: str
    period_type: str
    where: str

    @property
    def span(self) -> tuple[str, ...]:
        """What two rows share that speak of the same thing."""
        return tuple(self.cells[key] for key in ("series", "group", "period_start", "period_end", "unit"))


@dataclass(frozen=True)
class Gathered:
    """What the raw tables amount to.

    Attributes
    ----------
    texts : mapping of Path to str
        Files to be shipped, with their contents.
    tables, rows, shipped, chosen : int
        Raw tables and rows read; rows shipped; rows shipped because a choice names their source.
    """

    texts: Mapping[Path, str]
    tables: int
    rows: int
    shipped: int
    chosen: int

    @property
    def changed(self) -> tuple[Path, ...]:
        """Shipped files that don't hold what the raw tables amount to."""
        return tuple(path for path, text in self.texts.items() if not _holds(path, text))


def gather(folder: str | Path | None = None) -> Gathered:
    """Read the raw tables and work out the shipped files.

    Parameters
    ----------
    folder : str or Path, optional
        A checkout with ``data/`` and ``models/data/``; the one that Flows runs from by default.

    Returns
    -------
    Gathered

    Raises
    ------
    InputError
        If there are no raw tables, a row can't be right, or it isn't said which of several numbers holds.
    """
    root = Path(folder) if folder is not None else resources.root()
    tables = sorted((root / RAW / "raw").glob("*.csv"))
    if not tables:
        raise InputError(
            "there are no raw tables here",
            where=shown_path(root / RAW / "raw"),
            expected="a checkout of Flows; an installed wheel holds the shipped observations only",
        )
    definitions = {cells["series"]: cells for cells, _ in _read(root / FOLDER / "series.csv", _SERIES)}
    sources = {cells["source_id"]: cells for cells, _ in _read(root / RAW / "sources.csv", _SOURCE)}
    rows = [
        _row(cells, where, definitions, sources) for table in tables for cells, where in _read(table, _ROW)
    ]
    _refuse_misspelt(rows)
    choices = _read(root / RAW / "choices.csv", _CHOICE)
    kept, chosen = _select(rows, choices)
    order = {name: place for place, name in enumerate(definitions)}
    kept.sort(key=lambda row: (order[row.cells["series"]], *row.span[1:]))
    cited = {row.cells["source_id"] for row in kept}
    texts = {
        root / FOLDER / "observations.csv": _text(
            _SHIPPED,
            ({**row.cells, "tier": row.tier, "period_type": row.period_type} for row in kept),
        ),
        root / FOLDER / "sources.csv": _text(
            _SOURCE,
            (
                cells
                for key, cells in sources.items()
                if key in cited or cells["tier"] == _DOCUMENTS  # documents speak in claims too
            ),
        ),
    }
    return Gathered(texts, len(tables), len(rows), len(kept), chosen)


def write(gathered: Gathered) -> tuple[Path, ...]:
    """Write the files that changed, each whole or not at all.

    Returns
    -------
    tuple of Path
        The files written.
    """
    changed = gathered.changed
    for path in changed:
        atomic_write(path, gathered.texts[path])
    return changed


def kind_of(start: date, end: date) -> str:
    """Name the kind of a span of days, both included.

    Returns
    -------
    str
        ``instant``, ``month``, ``calendar_year``, ``fiscal_year`` (October to September), ``part`` (a year at most) or
        ``years``.

    Examples
    --------
    >>> kind_of(date(2022, 10, 1), date(2023, 9, 30)), kind_of(date(2023, 2, 1), date(2023, 2, 28))
    ('fiscal_year', 'month')
    """
    if start == end:
        return "instant"
    last = calendar.monthrange(end.year, end.month)[1]
    if start.day == 1 and end.day == last and (start.year, start.month) == (end.year, end.month):
        return "month"
    first_and_last = (start.month, start.day, end.month, end.day, end.year - start.year)
    if first_and_last == (1, 1, 12, 31, 0):
        return "calendar_year"
    if first_and_last == (10, 1, 9, 30, 1):
        return "fiscal_year"
    return "part" if (end - start).days < _YEAR_AT_MOST else "years"


def _read(path: Path, columns: tuple[str, ...]) -> list[tuple[dict[str, str], str]]:
    """Read a table as text, each row with its file and line."""
    shown = shown_path(path)
    rows = read_cells(path, shown)
    _, head = next(rows, (1, []))
    if tuple(head) != columns:
        raise InputError(
            "the columns differ", where=f"{shown}:1", found=", ".join(head), expected=", ".join(columns)
        )
    found = []
    for line, cells in rows:
        where = f"{shown}:{line}"
        if len(cells) != len(columns):
            raise InputError(
                "a row of another length", where=where, found=f"{len(cells)} cells",
                expected=f"{len(columns)}", remedy="Put text that holds a comma in quotation marks",
            )  # fmt: skip
        found.append((dict(zip(columns, cells, strict=True)), where))
    return found


def _row(
    cells: dict[str, str],
    where: str,
    definitions: Mapping[str, Mapping[str, str]],
    sources: Mapping[str, Mapping[str, str]],
) -> Row:
    """Check one row against the definition of its series and its source."""
    name, source = cells["series"], cells["source_id"]
    if name not in definitions:
        raise InputError(
            f'no definition of the series "{name}"', where=where, expected=f"a row of {FOLDER}/series.csv",
            remedy=near(name, definitions),
        )  # fmt: skip
    if source not in sources:
        raise InputError(
            f'no source "{source}"', where=where, expected=f"a row of {RAW}/sources.csv",
            remedy=near(source, sources),
        )  # fmt: skip
    tier = sources[source]["tier"]
    if tier not in _TIERS:
        raise InputError(
            f'source "{source}" has no tier', where=f"{RAW}/sources.csv", found=f'"{tier}"',
            expected=", ".join(_TIERS),
        )  # fmt: skip
    for key in ("unit", "group"):
        if not cells[key].strip():
            raise InputError(
                f"the {key} is empty", where=where, remedy="Write it as in the other rows of the series"
            )
    try:
        number = float(cells["value"])
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf") or "_" in cells["value"]:
        raise InputError(
            "not a number", where=where, found=f'"{cells["value"]}"',
            remedy="Write digits with a decimal point, without signs for thousands",
        )  # fmt: skip
    counts = definitions[name]["counts"]
    if cells["unit"] not in _UNITS.get(counts, frozenset()):
        raise InputError(
            f'"{name}" counts by {counts}', where=where, found=f'the unit "{cells["unit"]}"',
            expected=" or ".join(sorted(_UNITS.get(counts, ()))),
        )  # fmt: skip
    if number < 0 and not name.startswith(_NET):
        raise InputError("less than nothing", where=where, found=cells["value"], expected="0 or more")
    start, end = (_day(cells[key], where) for key in ("period_start", "period_end"))
    if end < start:
        raise InputError("the span ends before it begins", where=where, found=f"{start} to {end}")
    kind, year = kind_of(start, end), definitions[name]["year"]
    if kind not in _SPANS.get(year, frozenset()):
        raise InputError(
            f'"{name}" is a series by {year}', where=where, found=f"{kind.replace('_', ' ')}, {start} to {end}",
            expected=" or ".join(sorted(k.replace("_", " ") for k in _SPANS.get(year, ()))),
        )  # fmt: skip
    return Row(cells, tier, kind, where)


def _refuse_misspelt(rows: list[Row]) -> None:
    """Refuse a group of few rows that is nearly spelt like one of many."""
    size = Counter(row.cells["group"] for row in rows)
    for row in rows:
        group = row.cells["group"]
        if size[group] > _RARE:
            continue
        common = [other for other, n in size.items() if n > 10 * size[group]]
        if alike := get_close_matches(group, common, n=1, cutoff=_ALIKE):
            rows_of = "a row" if size[group] == 1 else f"{size[group]} rows"
            raise InputError(
                f'{rows_of} of a group "{group}"', where=row.where, expected=f'"{alike[0]}"',
                remedy="Mend its name; if it is another group, give it a name that can't be mistaken",
            )  # fmt: skip


def _day(text: str, where: str) -> date:
    try:
        if len(text) == len("2013-01-01"):  # other forms of ISO 8601 would sort and read differently
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputError("not a date", where=where, found=f'"{text}"', expected="year-month-day, as 2013-01-31")


def _select(rows: list[Row], choices: list[tuple[dict[str, str], str]]) -> tuple[list[Row], int]:
    """Keep one number for each span, and count those that a choice decided."""
    by_span: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        by_span.setdefault(row.span, []).append(row)
    used: set[str] = set()
    kept, chosen = [], 0
    for span, rivals in by_span.items():
        twice = _twice(rivals)
        if twice:
            raise InputError(
                "one source gives one number twice", where=f"{twice[0].where} and {twice[1].where}"
            )
        if len(rivals) == 1:
            kept.append(rivals[0])
            continue
        named = list(_named(span, rivals, choices))
        if named:
            kept.append(named[0][0])
            chosen += 1
            used.update(where for _, where in named)
            continue
        best = min(_TIERS.index(row.tier) for row in rivals)
        first = [row for row in rivals if _TIERS.index(row.tier) == best]
        if len(first) > 1:
            ids = ", ".join(row.cells["source_id"] for row in first)
            raise InputError(
                f"{len(first)} sources of tier {_TIERS[best]} give {span[0]} of {span[1]}, {span[2]} to {span[3]}",
                where=" and ".join(row.where for row in first),
                found=ids,
                remedy=f"Say in {RAW}/choices.csv which of them holds, and why",
            )
        kept.append(first[0])
    for cells, where in choices:
        if where not in used:
            raise InputError(
                "this choice decides nothing", where=where, found=f'{cells["series"]}, source "{cells["source_id"]}"',
                remedy="Mend its series, group, span or source, or remove it",
            )  # fmt: skip
    return kept, chosen


def _twice(rivals: list[Row]) -> tuple[Row, Row] | None:
    seen: dict[str, Row] = {}
    for row in rivals:
        first = seen.setdefault(row.cells["source_id"], row)
        if first is not row:
            return first, row
    return None


def _named(
    span: tuple[str, ...], rivals: list[Row], choices: list[tuple[dict[str, str], str]]
) -> Iterator[tuple[Row, str]]:
    """Rows whose source a choice names; an empty cell of a choice stands for all."""
    for cells, where in choices:
        asked = (cells["series"], cells["group"], cells["period_start"], cells["period_end"])
        if all(not a or a == b for a, b in zip(asked, span, strict=False)):
            yield from ((row, where) for row in rivals if row.cells["source_id"] == cells["source_id"])


def _text(columns: tuple[str, ...], rows: Iterator[Mapping[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cells[column] for column in columns] for cells in rows)
    return stream.getvalue()


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8")
    except OSError:
        return False
