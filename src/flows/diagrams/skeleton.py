"""Stocks in columns, flows as level pipes between them: the fixed frame of a view.

Each stock is a bar as high as its flows need, each flow runs level in a row of its own: from a stock of one column to
a stock of the next, or to a cloud or the shadow of a stock that another view defines. So no pipe bends and none crosses
another.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

HALF_WIDTH, HALF_HEIGHT = 56, 22  # of a stock with one row
REACH = 132  # from a stock's edge to the valve of a flow that ends outside
OUTSIDE = 116  # from the valve to that end
BETWEEN = 324  # from edge to edge of stocks in neighbouring columns
APART = 60  # between the ends of parts of the frame that stand side by side


@dataclass(frozen=True)
class Pipe:
    """A flow with what it joins: names of stocks in the view, or None for an end outside.

    Attributes
    ----------
    flow : str
        Folded name.
    shadow : bool
        True where another view, or another pipe of this one, defines the flow.
    source, target : str or None
        Stocks of this view.
    beyond_source, beyond_target : str or None
        The stock that stands at an end outside; None for a cloud.
    """

    flow: str
    shadow: bool
    source: str | None
    target: str | None
    beyond_source: str | None = None
    beyond_target: str | None = None


@dataclass
class Frame:
    """Places: stocks (centre, half width, half height), valves, and ends outside by pipe and side."""

    stocks: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    valves: dict[Pipe, tuple[float, float]] = field(default_factory=dict)
    ends: dict[tuple[Pipe, str], tuple[float, float]] = field(default_factory=dict)

    def moved(self, dx: float, dy: float) -> Frame:
        """The same frame elsewhere."""
        return Frame(
            {k: (x + dx, y + dy, w, h) for k, (x, y, w, h) in self.stocks.items()},
            {k: (x + dx, y + dy) for k, (x, y) in self.valves.items()},
            {k: (x + dx, y + dy) for k, (x, y) in self.ends.items()},
        )

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        xs = [x - w for x, _, w, _ in self.stocks.values()] + [x + w for x, _, w, _ in self.stocks.values()]
        ys = [y - h for _, y, _, h in self.stocks.values()] + [y + h for _, y, _, h in self.stocks.values()]
        for x, y in (*self.valves.values(), *self.ends.values()):
            xs += [x - 50, x + 50]
            ys += [y - 20, y + 40]
        return min(xs), min(ys), max(xs), max(ys)


def frame(
    stocks: Sequence[str],
    pipes: Sequence[Pipe],
    needs: Mapping[str, float],
    *,
    width: float,
    floors: Mapping[str, float] | None = None,
    crowded: Collection[str] = (),
) -> Frame:
    """Place stocks and flows.

    Parameters
    ----------
    stocks : sequence of str
        Stocks of the view, in the order of the file.
    pipes : sequence of Pipe
        Its flows.
    needs : mapping of str to float
        Height in pixels that each flow's row should have.
    floors : mapping of str to float, optional
        Pixels that each flow's name needs below its row, at least.
    crowded : collection of str
        Flows with many causes: the gaps where they run are wider.
    width : float
        Width after which further parts go below.
    """
    parts = [_chain(chain, own, needs, floors or {}, crowded) for chain, own in _chains(stocks, pipes)]
    parts += [_alone(pipe) for pipe in pipes if pipe.source is None and pipe.target is None]
    whole, x, y, low = Frame(), 0.0, 0.0, 0.0
    for part in parts:
        left, top, right, bottom = part.box()
        if x > 0 and x + right - left > width:
            x, y = 0.0, low
        placed = part.moved(x - left, y - top)
        whole.stocks |= placed.stocks
        whole.valves |= placed.valves
        whole.ends |= placed.ends
        tallest = max(needs.get(p.flow, 60.0) for p in part.valves) if part.valves else 60.0
        low = max(low, y + bottom - top + max(50.0, tallest - 20))
        x += right - left + APART
    return whole


def _chains(stocks: Sequence[str], pipes: Sequence[Pipe]) -> list[tuple[list[str], list[Pipe]]]:
    """Stocks that flows join, with these flows."""
    group = {s: s for s in stocks}

    def root(s: str) -> str:
        while group[s] != s:
            s = group[s]
        return s

    for pipe in pipes:
        if pipe.source is not None and pipe.target is not None:
            group[root(pipe.target)] = root(pipe.source)
    found: dict[str, list[str]] = defaultdict(list)
    for stock in stocks:
        found[root(stock)].append(stock)
    return [
        (chain, [p for p in pipes if (p.source or p.target) in chain or (p.target or p.source) in chain])
        for chain in found.values()
    ]


def _columns(stocks: Sequence[str], pipes: Sequence[Pipe]) -> dict[str, int]:
    """Column of each stock: the longest way along the flows, flows that close a circle left out."""
    after: dict[str, list[str]] = defaultdict(list)
    for pipe in pipes:
        if pipe.source and pipe.target and pipe.source != pipe.target:
            after[pipe.source].append(pipe.target)
    kept: dict[str, list[str]] = defaultdict(list)
    state: dict[str, int] = {}

    def visit(s: str) -> None:
        state[s] = 1
        for t in dict.fromkeys(after[s]):
            if state.get(t) != 1:
                kept[s].append(t)
                if t not in state:
                    visit(t)
        state[s] = 2

    entered = {t for targets in after.values() for t in targets}
    for stock in sorted(stocks, key=lambda s: s in entered):
        if stock not in state:
            visit(stock)
    column = dict.fromkeys(stocks, 0)
    for _ in stocks:
        for s in stocks:
            for t in kept[s]:
                column[t] = max(column[t], column[s] + 1)
    # a stock without anything before it stands right before what it feeds
    for s in stocks:
        if kept[s] and not any(s in targets for targets in kept.values()):
            column[s] = min(column[t] for t in kept[s]) - 1
    low = min(column.values())
    return {s: c - low for s, c in column.items()}


def _chain(
    stocks: Sequence[str],
    pipes: Sequence[Pipe],
    needs: Mapping[str, float],
    floors: Mapping[str, float],
    crowded: Collection[str],
) -> Frame:
    column = _columns(stocks, pipes)
    count = max(column.values()) + 1
    order = _order(stocks, pipes, column)
    rows = _balanced(_level(pipes, column, order), column, needs)
    gaps: dict[int, list[tuple[Pipe, str]]] = defaultdict(list)
    for pipe, kind in rows:
        gaps[_gap(pipe, kind, column)].append((pipe, kind))
    heights = _heights(gaps, rows, order, column, needs, floors)
    made = Frame()
    x = 0.0
    for c in range(count):
        full = sum(pipe.flow in crowded for pipe, _ in gaps.get(c, ()))
        x += 2 * HALF_WIDTH + BETWEEN + 90 * min(full, 2) if c else 0.0
        for stock in (s for s in stocks if column[s] == c):
            ys = [heights[r] for r in rows if stock in _touched(*r)] or [0.0]
            half = max(float(HALF_HEIGHT), (max(ys) - min(ys)) / 2 + 20)
            made.stocks[stock] = (x, (max(ys) + min(ys)) / 2, HALF_WIDTH, half)
    bottom = max((y + h for _, y, _, h in made.stocks.values()), default=0.0)
    lonely = [s for s in stocks if not any(s in _touched(*r) for r in rows)]
    for number, stock in enumerate(lonely):
        x0, _, w, h = made.stocks[stock]
        made.stocks[stock] = (x0, bottom + 70 * (number + 1), w, h)
    for pipe, kind in rows:
        y = heights[pipe, kind]
        if kind == "between":
            a, b = made.stocks[str(pipe.source)][0], made.stocks[str(pipe.target)][0]
            made.valves[pipe] = ((a + b) / 2, y)
        elif kind == "in from right":
            edge = made.stocks[str(pipe.target)][0] + HALF_WIDTH
            made.valves[pipe] = (edge + REACH, y)
            made.ends[pipe, "source"] = (edge + REACH + OUTSIDE, y)
        elif kind == "out to left":
            edge = made.stocks[str(pipe.source)][0] - HALF_WIDTH
            made.valves[pipe] = (edge - REACH + 18, y)
            made.ends[pipe, "target"] = (edge - REACH - OUTSIDE + 18, y)
        elif kind == "out":
            edge = made.stocks[str(pipe.source)][0] + HALF_WIDTH
            made.valves[pipe] = (edge + REACH - 18, y)
            made.ends[pipe, "target"] = (edge + REACH + OUTSIDE - 18, y)
        else:
            edge = made.stocks[str(pipe.target)][0] - HALF_WIDTH
            made.valves[pipe] = (edge - REACH, y)
            made.ends[pipe, "source"] = (edge - REACH - OUTSIDE, y)
    return made


def separated(pipes: Sequence[Pipe], stocks: Sequence[str]) -> list[Pipe]:
    """Cut flows that no level pipe can show, between stocks that aren't neighbours, in two, with shadows."""
    found: list[Pipe] = []
    for chain, own in _chains(stocks, pipes):
        column = _columns(chain, own)
        order = _order(chain, own, column)
        good = {p for p, _ in _level(own, column, order)}
        for pipe in own:
            if pipe in good:
                found.append(pipe)
                continue
            found.append(Pipe(pipe.flow, pipe.shadow, pipe.source, None, None, pipe.target))
            found.append(Pipe(pipe.flow, True, None, pipe.target, pipe.source, None))
    return found + [p for p in pipes if p.source is None and p.target is None]


def _balanced(
    rows: Sequence[tuple[Pipe, str]], column: Mapping[str, int], needs: Mapping[str, float]
) -> list[tuple[Pipe, str]]:
    """Let flows from or to the outside run on a stock's other side where that side has much more room."""
    found = list(rows)
    load: dict[int, float] = defaultdict(float)

    def need(pipe: Pipe) -> float:
        return max(58.0, needs.get(pipe.flow, 60.0))

    for pipe, kind in found:
        load[_gap(pipe, kind, column)] += need(pipe)
    other = {"in": "in from right", "out": "out to left"}
    for number in sorted(range(len(found)), key=lambda n: (not found[n][0].shadow, -n)):
        pipe, kind = found[number]
        if kind not in other:
            continue
        here, there = _gap(pipe, kind, column), _gap(pipe, other[kind], column)
        if load[here] - load[there] > 2 * need(pipe) + 60.0 and load[here] > 420.0:
            found[number] = pipe, other[kind]
            load[here] -= need(pipe)
            load[there] += need(pipe)
    return found


def _touched(pipe: Pipe, kind: str) -> tuple[str | None, ...]:
    if kind == "between":
        return pipe.source, pipe.target
    return (pipe.source if kind.startswith("out") else pipe.target,)


def _gap(pipe: Pipe, kind: str, column: Mapping[str, int]) -> int:
    """Gap where a row runs; gap c lies left of column c."""
    if kind in ("out", "out to left"):
        return column[str(pipe.source)] + (kind == "out")
    if kind in ("in", "in from right"):
        return column[str(pipe.target)] + (kind != "in")
    return max(column[str(pipe.source)], column[str(pipe.target)])


def _order(stocks: Sequence[str], pipes: Sequence[Pipe], column: Mapping[str, int]) -> dict[str, int]:
    """Order of stocks within their columns: near what they are joined to in the column before."""
    order: dict[str, int] = {}
    for c in range(max(column.values()) + 1):
        members = [s for s in stocks if column[s] == c]

        def wish(s: str) -> float:
            near = [
                order[t]
                for p in pipes
                if p.source and p.target and s in (p.source, p.target)
                for t in (p.source, p.target)
                if t in order and t != s
            ]
            return sum(near) / len(near) if near else 1e6

        for place, s in enumerate(sorted(members, key=lambda s: (wish(s), stocks.index(s)))):
            order[s] = place
    return order


def _level(
    pipes: Sequence[Pipe], column: Mapping[str, int], order: Mapping[str, int]
) -> list[tuple[Pipe, str]]:
    """Rows of the pipes that run level: pairs of pipe and ``between``, ``out`` (right) or ``in`` (from the left)."""
    rows: list[tuple[Pipe, str]] = []
    used: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pipe in pipes:
        if pipe.source and pipe.target:
            a, b = sorted((pipe.source, pipe.target), key=column.__getitem__)
            if column[b] - column[a] != 1:
                continue
            pair = (order[a], order[b])
            if any((pair[0] - p) * (pair[1] - q) < 0 for p, q in used[column[b]]):
                continue
            used[column[b]].append(pair)
            rows.append((pipe, "between"))
        elif pipe.source:
            rows.append((pipe, "out"))
        else:
            rows.append((pipe, "in"))
    return rows


def _heights(
    gaps: Mapping[int, Sequence[tuple[Pipe, str]]],
    rows: Sequence[tuple[Pipe, str]],
    order: Mapping[str, int],
    column: Mapping[str, int],
    needs: Mapping[str, float],
    floors: Mapping[str, float],
) -> dict[tuple[Pipe, str], float]:
    """Height of each row: rows of one gap keep apart, and so do rows of stocks that stand in one column."""
    below: dict[tuple[Pipe, str], list[tuple[tuple[Pipe, str], float]]] = defaultdict(list)

    def need(row: tuple[Pipe, str]) -> float:
        return needs.get(row[0].flow, 60.0)

    for c in set(column.values()):
        for one in rows:
            for two in rows:
                a = [s for s in _touched(*one) if s and column[s] == c]
                b = [s for s in _touched(*two) if s and column[s] == c]
                if a and b and order[a[0]] < order[b[0]]:
                    below[one].append((two, max(80.0, (need(one) + need(two)) / 2)))
    for gap in gaps.values():
        left: list[tuple[Pipe, str]] = list(gap)
        sequence: list[tuple[Pipe, str]] = []
        while left:
            later = {two for one in left for two, _ in below[one]}
            free = [r for r in left if r not in later] or left
            first = min(free, key=lambda r: (r[1] != "between", left.index(r)))
            sequence.append(first)
            left.remove(first)
        for one, two in itertools.pairwise(sequence):
            below[one].append((two, max(58.0, floors.get(one[0].flow, 0.0), (need(one) + need(two)) / 2)))
    heights = dict.fromkeys(rows, 0.0)
    for _ in range(len(rows) + 1):
        for one in rows:
            for two, apart in below[one]:
                heights[two] = max(heights[two], min(heights[one] + apart, 20000.0))
    return heights


def _alone(pipe: Pipe) -> Frame:
    """A flow whose stocks stand on other views."""
    return Frame(
        valves={pipe: (0.0, 0.0)},
        ends={(pipe, "source"): (-OUTSIDE - 10.0, 0.0), (pipe, "target"): (OUTSIDE + 10.0, 0.0)},
    )
