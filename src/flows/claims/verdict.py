"""What is found about a claim: each statement held against runs, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flows.claims.statement import (
    Beside,
    Figure,
    Measure,
    Number,
    Operation,
    Run,
    Side,
    Sign,
    Statement,
    Timed,
)
from flows.claims.table import Claim

Result = Literal["reproduced", "in part", "not reproduced", "put in", "outside"]
Way = Literal["holds", "no difference", "the other way", "off"]
_ZERO = 1e-9  # of the larger value: rounding


@dataclass(frozen=True)
class Finding:
    """One statement, held against runs.

    Attributes
    ----------
    statement : Statement
        As parsed.
    holds : bool
        Whether it does.
    way : {"holds", "no difference", "the other way", "off"}
        ``off`` for a figure that was missed; the others of a comparison.
    values : tuple of float
        One for each side, from left to right.
    labels : tuple of str
        The side's run or number.
    margin : float
        Of the pair that decides: how far the statement holds (positive) or fails, in per cent of the larger value; of a
        figure, how far the run lies from it, in per cent of the figure.
    share : float or None
        Of the draws in which the statement holds; None without draws.
    """

    statement: Statement
    holds: bool
    way: Way
    values: tuple[float, ...]
    labels: tuple[str, ...]
    margin: float
    share: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One claim, held against runs.

    Attributes
    ----------
    claim : Claim
        The row.
    findings : tuple of Finding
        One for each statement; none outside the boundary.
    share : float or None
        Of the draws in which every statement holds.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    share: float | None = None

    @property
    def result(self) -> Result:
        """What came out; a claim that was put in is never called reproduced."""
        if self.claim.status == "outside":
            return "outside"
        held = sum(finding.holds for finding in self.findings)
        if held < len(self.findings):
            return "in part" if held else "not reproduced"
        return "put in" if self.claim.status in ("put in", "input") else "reproduced"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        claim = self.claim
        return {
            "id": claim.id,
            "document": claim.document,
            "section": claim.section,
            "kind": claim.kind,
            "central": claim.central,
            "statement": claim.statement,
            "status": claim.status,
            "result": self.result,
            "decides": claim.decides,
            "reason": claim.reason,
            "share_of_draws": self.share,
            "checks": [
                {
                    "check": f.statement.text,
                    "holds": f.holds,
                    "way": f.way,
                    "sides": [
                        {"side": label, "value": None if np.isnan(value) else value}
                        for label, value in zip(f.labels, f.values, strict=True)
                    ],
                    "margin_percent": None if np.isnan(f.margin) else f.margin,
                    "tolerance_percent": 100 * f.statement.near,
                    "share_of_draws": f.share,
                }
                for f in self.findings
            ],
        }


_Values = Mapping[tuple[Run, Timed], NDArray[np.float64]]


def verdict_on(claim: Claim, statements: Sequence[Statement], values: _Values) -> Verdict:
    """Hold the statements of a claim against values of their runs, each (1 + draws,): the run without draws first."""
    judged = [_judge(statement, values) for statement in statements]
    every = [held for _, held in judged if held.size > 1]
    share = float(np.logical_and.reduce([held[1:] for held in every]).mean()) if every else None
    return Verdict(claim, tuple(finding for finding, _ in judged), share)


def _judge(statement: Statement, values: _Values) -> tuple[Finding, NDArray[np.bool_]]:
    sides = [_side(side, values) for side in statement.sides]
    held: NDArray[np.bool_] = np.asarray([True])
    margins: list[float] = []
    ways: list[Way] = []
    for place, sign in enumerate(statement.signs):
        pair = statement.sides[place], statement.sides[place + 1]
        distance, allowed, way = _distance(sign, pair, sides[place], sides[place + 1], statement.near)
        here = distance >= allowed
        held = held & here if held.size == here.size else here & np.resize(held, here.shape)
        margins.append(float(distance[0]))
        ways.append("holds" if here[0] else way)
    worst = int(np.argmin([(m if w == "holds" else -1e9 + m) for m, w in zip(margins, ways, strict=True)]))
    finding = Finding(
        statement,
        bool(held[0]),
        ways[worst],
        tuple(float(value[0]) for value, _ in sides),
        tuple(side.source.label for side in statement.sides),
        100 * margins[worst],
        float(held[1:].mean()) if held.size > 1 else None,
    )
    return finding, held


def _distance(
    sign: Sign,
    pair: tuple[Side, Side],
    left: tuple[NDArray[np.float64], NDArray[np.float64]],
    right: tuple[NDArray[np.float64], NDArray[np.float64]],
    nearness: float,
) -> tuple[NDArray[np.float64], float, Way]:
    """How far a pair holds, as a share of the larger value; from what distance on it does; what it is if not."""
    (a, size_a), (b, size_b) = left, right
    figures = [side.source for side in pair if isinstance(side.source, Figure)]
    if sign == "=" and figures:
        figure, value = figures[0], b if isinstance(pair[0].source, Figure) else a
        whole = abs(figure.value) or 1.0
        inside = (value >= figure.low - _ZERO * whole) & (value <= figure.high + _ZERO * whole)
        away = np.abs(value - figure.value) / whole
        return np.where(inside, away, -away), 0.0, "off"
    size = np.maximum(size_a, size_b)
    part: NDArray[Any] = np.divide(b - a, size, out=np.zeros(np.broadcast(a, b).shape), where=size > 0)
    if sign == "=":
        return -np.abs(part), -nearness - _ZERO, "off"
    if sign in (">", ">="):
        part = -part
    if figures:  # a bound is a bound
        return part, _ZERO if sign in ("<", ">") else -_ZERO, "off"
    if sign in ("<=", ">="):
        return part, -nearness - _ZERO, "the other way"
    return part, nearness, "the other way" if part[0] < -nearness else "no difference"


def _side(side: Side, values: _Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The value of a side, and the size that differences are judged by; each over (1 + draws,)."""
    match side.source:
        case Figure() as figure:
            return np.asarray([figure.value]), np.asarray([abs(figure.value)])
        case Beside(run, how, other):
            assert side.measure is not None
            own = _value(side.measure, run, values)
            if other is None:
                return own, np.abs(own)
            beside = _value(side.measure, other, values)
            if how == "over":
                ratio = _ratio(own, beside)
                return ratio, np.abs(ratio)
            return own - beside, np.maximum(np.abs(own), np.abs(beside))
    raise AssertionError(side)


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; what is divided by nothing is no number, and no statement about it holds."""
    shape = np.broadcast(a, b).shape
    divided: NDArray[Any] = np.full(shape, np.nan)
    np.divide(a, b, out=divided, where=np.broadcast_to(b != 0, shape))
    return divided


def _value(measure: Measure, run: Run, values: _Values) -> NDArray[np.float64]:
    match measure:
        case Number(value):
            return np.asarray([value], dtype=float)
        case Timed():
            return values[run, measure]
        case Operation(sign, left, right):
            b = _value(right, run, values)
            if left is None:
                return -b
            a = _value(left, run, values)
            if sign == "/":
                return _ratio(a, b)
            return np.asarray(a + b if sign == "+" else a - b if sign == "-" else a * b)
    raise AssertionError(measure)
