"""Sectors on their own: driven by observed inflows, and by the assumptions of other people's projections.

Partial model testing (Homer 2012, System Dynamics Review 28(3), 281-308): a sector whose inflow is the observed one
must bring its stock near the observed stock without help from the rest of the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from flows import calendar, observations
from flows.ensemble import simulate
from flows.inputs import Outcome
from flows.inputs.projections import Expected, Projection
from flows.model.driven import Points, drive
from flows.model.model import Model
from flows.model.order import causes
from flows.observations import observed_against, time_of

__all__ = [
    "SECTORS",
    "Alone",
    "Met",
    "Sector",
    "alone",
    "arithmetic",
    "driving_series",
    "met",
    "project",
    "run_projections",
]

MONTHS = 12.0
CLEARED = 0.01
"""Of the cases at the start: less than that above the cases in hand is a backlog cleared."""


@dataclass(frozen=True)
class Sector:
    """A sector to be run on its own.

    Attributes
    ----------
    name, title : str
    driven : str
        The inflow that is given, by the name of its variable.
    series : str
        The observed inflow, by year.
    others : str
        The element that stands for all groups that the model doesn't name; empty for a variable without subscripts.
    held : tuple of (str, float)
        Further variables that other sectors act through, with the value at which they are held.
    compared : tuple of Outcome
        What is held against its observed counterpart.
    """

    name: str
    title: str
    driven: str
    series: str
    others: str
    held: tuple[tuple[str, float], ...]
    compared: tuple[Outcome, ...]


def _outcome(name: str, title: str, expression: str, unit: str, series: str) -> Outcome:
    return Outcome(
        name=name, title=title, expression=expression, unit=unit, kind="case", better="neither", series=series
    )


_TRANSIT = ("Guatemala", "Honduras", "El Salvador", "Venezuela", "Cuba", "Haiti", "Nicaragua", "Other")

SECTORS = (
    Sector(
        name="courts",
        title="U.S. immigration courts, given their receipts",
        driven="court receipts per month",
        series="eoir_new_cases",
        others="",
        held=(),
        compared=(
            _outcome(
                "pending",
                "Cases pending in U.S. immigration courts",
                "court cases pending",
                "Case",
                "eoir_pending_cases",
            ),
            _outcome(
                "completions",
                "Cases completed by U.S. immigration courts",
                "court completions per month",
                "Case/Month",
                "eoir_completions",
            ),
        ),
    ),
    Sector(
        name="COMAR",
        title="Asylum in Mexico (COMAR), given its applications",
        driven="COMAR applications by origin",
        series="comar_applications_unhcr",
        others="Other",
        held=(("protection capacity", 1.0), ("staff paid by US hosting", 0.0)),  # as before 2025
        compared=(
            _outcome(
                "pending",
                "Claims pending with COMAR",
                "COMAR pending cases",
                "Case",
                "mexico_asylum_seekers_pending",
            ),
            _outcome(
                "decisions",
                "Claims decided or closed by COMAR",
                " + ".join(
                    f"{flow}[{origin}]"
                    for flow in ("decisions on live claims", "abandoned files closed")
                    for origin in _TRANSIT
                ),
                "Case/Month",
                "comar_decisions_total",
            ),
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class Alone:
    """A sector that ran on its own.

    Attributes
    ----------
    sector : Sector
    stocks : tuple of str
        Stocks of the model that the compared outcomes still depend on: those of the sector and what feeds it.
    rows : pandas.DataFrame
        As `flows.observations.observed_against`, with ``whole``: what the whole model gives.
    """

    sector: Sector
    stocks: tuple[str, ...]
    rows: pd.DataFrame


def driving_series(model: Model, sector: Sector) -> Points | dict[str, Points]:
    """Give the observed inflow of a sector as points over model time: each year's total as an even rate.

    Parameters
    ----------
    model : Model
    sector : Sector

    Returns
    -------
    points, or dict of element to points
        Pairs of model time and rate a month; the rate holds until the next point.
    """
    frame = observations.observed(sector.series)
    frame = frame[frame["period_type"].isin(("calendar_year", "fiscal_year"))]
    frame = frame[[time_of(end, end=True) > model.control.initial_time for end in frame["period_end"]]]
    whole = _rates(frame[frame["group"] == "All nationalities"])
    if not sector.others:
        return _points(whole)
    groups = {group: _rates(rows) for group, rows in frame.groupby("group") if group != "All nationalities"}
    rest = {time: rate - sum(own.get(time, 0.0) for own in groups.values()) for time, rate in whole.items()}
    elements = model.element_spellings
    variable = model.variable(sector.driven)
    found: dict[str, Points] = {}
    for element in variable.elements[0]:
        name = elements[element]
        own = rest if name == sector.others else groups.get(name, {})
        found[name] = _points({time: own.get(time, 0.0) for time in whole})
    return found


def _rates(rows: pd.DataFrame) -> dict[float, float]:
    """Rate a month by the beginning of the year."""
    return {
        time_of(start): float(value) / MONTHS
        for start, value in zip(rows["period_start"], rows["value"], strict=True)
    }


def _points(rates: Mapping[float, float]) -> Points:
    return [(time, max(rate, 0.0)) for time, rate in sorted(rates.items())]


def alone(model: Model, sector: Sector, *, until: str = "", threads: int | None = None) -> Alone:
    """Run a sector on its observed inflow and hold what comes of it against what was observed.

    Parameters
    ----------
    model : Model
    sector : Sector
        One of `SECTORS`.
    until : str
        Last month, ``YYYY-MM``; the end of the observed inflow by default.
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    Alone
    """
    points = driving_series(model, sector)
    course = points if not isinstance(points, Mapping) else next(iter(points.values()))
    last = course[-1][0] + MONTHS
    given: dict[str, Points | Mapping[str, Points]] = {name: [(0.0, value)] for name, value in sector.held}
    own = drive(model, {**given, sector.driven: points}, keyword="HOLD BACKWARD")
    names = list(dict.fromkeys(v for outcome in sector.compared for v in outcome.variables))
    end: Any = until or last
    part = simulate(own, outcomes=names, until=end, threads=threads)
    whole = simulate(model, outcomes=names, until=end, threads=threads)
    rows = []
    for outcome in sector.compared:
        found = observed_against(outcome, part).assign(title=outcome.title)
        rows.append(found.assign(whole=observed_against(outcome, whole)["model"].to_numpy()))
    needed = causes(own.variables, [own.variable(name.split("[")[0]).name for name in names])
    stocks = tuple(s.name for s in own.stocks if own.variable(s.name).name in needed)
    return Alone(sector, stocks, pd.concat(rows, ignore_index=True))


# ---------------------------------------------------------------------------------------------- projections


def project(model: Model, projection: Projection, *, threads: int | None = None) -> xr.Dataset:
    """Run the court sector alone on given assumptions.

    Receipts take the place of their equation, hires, the pace of hearings and attrition are even, nobody is hired for
    the backlog's sake, and the run starts with the given cases and judges. What is left is the sector itself: judges
    come and go, complete cases up to their capacity, and no case closes sooner than the shortest case time.

    Parameters
    ----------
    model : Model
        The migration model.
    projection : Projection
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    xarray.Dataset
        ``court cases pending``, ``immigration judges``, ``court receipts per month`` and ``court completions per
        month`` over ``time``, by month.

    Raises
    ------
    InputError
        If the projection ends after the model's time.
    """
    own = drive(model, {"court receipts per month": [(0.0, projection.receipts / MONTHS)]})
    start = calendar.time_at_end(projection.start) - 1
    inputs: dict[str, Any] = {
        "INITIAL TIME": start,
        "court cases pending": projection.pending,
        "immigration judges": projection.judges,
        "judge hires history": [(start, projection.hired)],
        "base judge attrition": projection.attrition / MONTHS,
        "base completions per judge": projection.completions / MONTHS,
        "hearings factor": [(start, 1.0)],
        "switch for backlog raises judges": 0.0,
    }
    names = [
        "court cases pending",
        "immigration judges",
        "court receipts per month",
        "court completions per month",
    ]
    return simulate(own, inputs, outcomes=names, until=projection.until, save_every=1.0, threads=threads)


def arithmetic(projection: Projection, years: float) -> float:
    """Work out by hand how many cases are open some years after the start, never below zero.

    Parameters
    ----------
    projection : Projection
    years : float
        Since its start.

    Returns
    -------
    float
        pending + receipts t - completions × judge-years, where judges follow J' = hired - attrition J, so that the
        judge-years are (hired/a) t + (judges - hired/a) (1 - exp(-a t)) / a; without attrition judges t + hired t²/2.
    """
    a, t = projection.attrition, years
    if a > 0:
        level = projection.hired / a
        judge_years = level * t + (projection.judges - level) * -math.expm1(-a * t) / a
    else:
        judge_years = projection.judges * t + projection.hired * t**2 / 2
    return max(projection.pending + projection.receipts * t - projection.completions * judge_years, 0.0)


@dataclass(frozen=True)
class Met:
    """Whether a run of the sector does what a source says.

    Attributes
    ----------
    expected : Expected
    found : float
        Open cases at the month; for a backlog cleared, the model time at which it is, or not a number.
    holds : bool
    """

    expected: Expected
    found: float
    holds: bool


def met(model: Model, projection: Projection, run: xr.Dataset) -> tuple[Met, ...]:
    """Hold a run of `project` against what its source expects.

    A backlog counts as cleared once all that is left, but for one per cent of the cases at the start, are those in
    hand: the receipts of the shortest case time.
    """
    shortest = float(np.asarray(model.constants["shortest case time"].value, dtype=float))
    enough = CLEARED * projection.pending + projection.receipts / MONTHS * shortest
    pending = run["court cases pending"]
    times = np.asarray(pending["time"].values, dtype=float)
    values = np.asarray(pending.values, dtype=float)
    found: list[Met] = []
    for expected in projection.expect:
        at = float(np.interp(calendar.time_at_end(expected.month), times, values))
        if expected.pending is not None:
            near = abs(at - expected.pending) <= expected.tolerance * expected.pending
            found.append(Met(expected, at, near))
        elif expected.direction:
            rises = at > values[0]
            found.append(Met(expected, at, bool(rises) == (expected.direction == "rises")))
        else:
            low = np.flatnonzero(values <= enough)
            when = float(times[low[0]]) if low.size else math.nan
            first, last = calendar.time_at_end(expected.cleared), calendar.time_at_end(expected.month)
            found.append(Met(expected, when, bool(low.size) and first < when <= last))
    return tuple(found)


def run_projections(
    model: Model, projections: Sequence[Projection], *, threads: int | None = None
) -> tuple[tuple[xr.Dataset, ...], pd.DataFrame]:
    """Run projections one after the other and set them beside the arithmetic, year by year.

    Parameters
    ----------
    model : Model
    projections : sequence of Projection
    threads : int, optional
        As in `flows.simulate`.

    Returns
    -------
    runs : tuple of xarray.Dataset
        As `project` gives them.
    table : pandas.DataFrame
        ``id``, ``years`` since the start, ``date`` (the last month), ``judges``, ``receipts`` and ``completions`` (of
        the year before), ``pending``, ``by_hand``.
    """
    runs = tuple(project(model, projection, threads=threads) for projection in projections)
    rows = [row for p, run in zip(projections, runs, strict=True) for row in _yearly(p, run)]
    return runs, pd.DataFrame(rows)


def _yearly(projection: Projection, run: xr.Dataset) -> list[dict[str, Any]]:
    times = np.asarray(run["time"].values, dtype=float)
    rows = []
    for year in range(int((times[-1] - times[0]) // MONTHS) + 1):
        place = int(np.searchsorted(times, times[0] + MONTHS * year - 1e-9))
        before = slice(max(place - int(MONTHS), 0), place + 1)
        flows = {
            name: float(np.trapezoid(run[f"court {name} per month"].values[before], times[before]))
            if year
            else math.nan
            for name in ("receipts", "completions")
        }
        rows.append(
            {
                "id": projection.id,
                "years": year,
                "date": calendar.month_of(times[place] - 1),
                "judges": float(run["immigration judges"].values[place]),
                **flows,
                "pending": float(run["court cases pending"].values[place]),
                "by_hand": arithmetic(projection, year),
            }
        )
    return rows
