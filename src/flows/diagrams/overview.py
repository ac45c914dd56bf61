"""The first view of a file: its sectors with their stocks, what moves between them, and the named loops.

A sector is a frame with the names of its stocks as shadows inside; thick arrows are flows from a stock of one sector to
a stock of another, thin ones information that several variables take from there (a subsystem diagram: Sterman 2000,
chapter 3).
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flows.diagrams.geometry import LINE, PIXELS, Floats, crossings, hits, text_width, wrapped
from flows.diagrams.layout import GREY, HEAD, SIZE, STYLE, Loop, quoted, size_of
from flows.diagrams.plan import RULES, SETTINGS, Causes, Plan
from flows.diagrams.route import Stop, routes
from flows.vensim.sketch import Arrow, Record, View, Word

NAME = "Overview"
HALF_WIDTH = 112.0  # of a frame
ACROSS, DOWN = 200.0, 120.0  # free pixels between frames
STOCKS = 6  # named in one frame
PITCH = (2 * HALF_WIDTH + 200.0, 260.0)  # pixels from column to column and from row to row of given places
LINKS = 3  # variables that must take information from a sector before an arrow shows it
FEW = 8  # sectors, up to which an arrow shows every link
CURVES = (0.1, -0.1, 0.16, -0.16, 0.05, -0.05, 0.0, 0.22, -0.22)
THICK = 4


@dataclass
class Frame:
    """A sector: its title, the stocks named in it, and its place."""

    title: str
    stocks: tuple[str, ...]
    more: int
    h: float = 0.0
    x: float = 0.0
    y: float = 0.0

    def lines(self, causes: Causes) -> list[tuple[str, float]]:
        """Names of stocks with the half heights of their boxes."""
        return [
            (n, size_of(causes.spelling(n), shadow=True, wrap=2 * HALF_WIDTH - 24)[1]) for n in self.stocks
        ]


def overview(
    plans: Sequence[Plan],
    causes: Causes,
    *,
    title: str,
    note: str = "",
    loops: Sequence[Loop] = (),
    places: Mapping[str, tuple[float, float]] | None = None,
) -> View | None:
    """Lay out the overview of a model's views, or None for a model of fewer than three sectors.

    Parameters
    ----------
    plans : sequence of Plan
        The other views; those whose headings begin alike are one sector.
    causes : Causes
        Of the whole model.
    title, note : str
        Heading of the view, and the sentence below it.
    loops : sequence of Loop
        Named below the diagram.
    places : mapping of str to (float, float), optional
        Column and row of each sector by group; without one for every sector they are found by annealing.
    """
    sectors = _sectors(plans)
    flows, information = _between(causes, {n: title for title, own in sectors.items() for n in own})
    active = {t for pair in (*flows, *information) for t in pair}
    frames = {t: _frame(t, own, causes) for t, own in sectors.items() if t in active}
    if len(frames) < 3:
        return None
    group = {t: causes.model.variables[own[0]].group for t, own in sectors.items()}
    if places and all(group[t] in places for t in frames):
        for name, frame in frames.items():
            column, row = places[group[name]]
            frame.x, frame.y = column * PITCH[0], row * PITCH[1]
        left, top = (min(v) for v in zip(*((f.x, f.y - f.h) for f in frames.values()), strict=True))
        for frame in frames.values():
            frame.x, frame.y = frame.x - left + HALF_WIDTH + 40, frame.y - top + 110
    else:
        _place(frames, flows, information)
    return _view(frames, flows, information, causes, title, note, loops)


def moves(
    plans: Sequence[Plan], causes: Causes
) -> tuple[dict[str, tuple[str, ...]], dict[tuple[str, str], tuple[str, ...]]]:
    """Give the sectors of a model and what moves between them.

    Parameters
    ----------
    plans : sequence of Plan
        Views whose headings begin alike are one sector.
    causes : Causes
        Of the whole model.

    Returns
    -------
    sectors : dict of str to tuple of str
        By heading, the folded names of what each defines.
    flows : dict of (str, str) to tuple of str
        By sectors of origin and destination, flows from a stock of one to a stock of the other; a flow from outside
        comes from its own sector.
    """
    sectors = _sectors(plans)
    flows, _ = _between(causes, {n: title for title, own in sectors.items() for n in own})
    return {t: tuple(own) for t, own in sectors.items()}, {
        pair: tuple(names) for pair, names in flows.items()
    }


def _sectors(plans: Sequence[Plan]) -> dict[str, list[str]]:
    sectors: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        sectors[plan.heading.split(",")[0]] += plan.own
    return sectors


def _between(
    causes: Causes, home: dict[str, str]
) -> tuple[dict[tuple[str, str], list[str]], dict[tuple[str, str], int]]:
    """Flows from stocks of one sector to stocks of another; how many variables take information from another sector."""
    flows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for flow in causes.flows:
        for source in causes.sources.get(flow) or (flow,):  # a flow from a cloud comes from its own sector
            for target in causes.targets.get(flow, ()):
                if source in home and target in home and home[source] != home[target]:
                    flows[home[source], home[target]].append(flow)
    count: dict[tuple[str, str], int] = defaultdict(int)
    moving = {n for n, v in causes.model.variables.items() if v.kind not in ("constant", "lookup")}
    for effect, links in causes.links.items():
        found = {home[c] for c in links if c in home and c in moving and home[c] != home.get(effect)}
        for sector in found:
            if effect in home:
                count[sector, home[effect]] += 1
    settings = {
        t for t in set(home.values()) if not any(causes.is_stock(n) for n, h in home.items() if h == t)
    }
    taken = {
        pair: n
        for pair, n in count.items()
        if pair not in flows and not (pair[0] in settings and _is_settings(pair[0], home, causes))
    }
    least = LINKS if len(set(home.values())) > FEW else 1
    kept = {pair: n for pair, n in taken.items() if n >= least}
    joined = {t for pair in (*flows, *kept) for t in pair}
    for sector in sorted(set(home.values()) - joined):  # a sector that would stand alone keeps its strongest
        mine = [pair for pair in taken if sector in pair and taken[pair] > 1]
        for pair in sorted(mine, key=lambda p: -taken[p])[:2]:
            kept[pair] = taken[pair]
    return dict(flows), kept


def _is_settings(title: str, home: dict[str, str], causes: Causes) -> bool:
    """True for a view of levers and constants: nearly everything depends on it."""
    kinds = [causes.model.variables[n].kind for n, t in home.items() if t == title]
    constants = sum(k in ("constant", "lookup") for k in kinds)
    if not 2 * constants >= len(kinds) > 0 or (len(kinds) - constants > RULES and title != SETTINGS):
        return False
    return not any(n in causes.sources or n in causes.targets for n, t in home.items() if t == title)


def _frame(title: str, own: Sequence[str], causes: Causes) -> Frame:
    stocks = [n for n in own if causes.is_stock(n)]
    weight = {
        s: sum(s in (*causes.sources.get(f, ()), *causes.targets.get(f, ())) for f in causes.flows)
        for s in stocks
    }
    shown = sorted(sorted(stocks, key=lambda s: -weight[s])[:STOCKS], key=stocks.index)
    frame = Frame(title, tuple(shown), len(stocks) - len(shown))
    rows = sum(2 * h + 3 for _, h in frame.lines(causes)) + (16 if frame.more else 0)
    frame.h = 20 + rows / 2
    return frame


def _place(
    frames: dict[str, Frame], flows: dict[tuple[str, str], list[str]], information: dict[tuple[str, str], int]
) -> None:
    """Stand the frames in a grid: joined ones near each other, flows to the right, few crossings."""
    names = list(frames)
    columns = max(2, int(np.ceil(np.sqrt(len(names) * 1.1))))
    rows = -(-len(names) // columns)
    cells = np.array([(c, r) for r in range(rows) for c in range(columns)], dtype=float)
    pairs = [(names.index(a), names.index(b), 3.0) for a, b in flows]
    pairs += [(names.index(a), names.index(b), 1.0) for a, b in information]
    start, end = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    weight = np.array([p[2] for p in pairs])

    def cost(at: Floats) -> float:
        p, q = at[start] * (1.3, 1.0), at[end] * (1.3, 1.0)
        length = np.hypot(*(q - p).T)
        total = float((weight * length).sum()) + 0.4 * float((weight * (q[:, 0] < p[:, 0])).sum())
        met = crossings(p, q, p, q)
        total += 0.5 * float((met * np.minimum.outer(weight, weight)).sum())
        boxes = np.hstack([at * (1.3, 1.0), np.full((len(at), 2), (0.4, 0.25))])
        through = hits(p, q, boxes, 0.0)
        through[np.arange(len(p)), start] = False
        through[np.arange(len(p)), end] = False
        return total + 1.5 * float((through * weight[:, None]).sum())

    random = np.random.default_rng(zlib.crc32(NAME.encode()))
    place = np.arange(len(cells))  # cell k holds frame place[k]; numbers beyond the frames are empty cells
    best, least = place.copy(), np.inf
    current = np.inf
    tries = 12000
    for number in range(tries):
        a, b = random.integers(len(cells), size=2)
        place[[a, b]] = place[[b, a]]
        at = cells[np.argsort(place)[: len(names)]]
        price = cost(at)
        heat = 3.0 * 0.01 ** (number / tries)
        if price <= current or random.random() < np.exp((current - price) / heat):
            current = price
            if price < least:
                best, least = place.copy(), price
        else:
            place[[a, b]] = place[[b, a]]
    spots = cells[np.argsort(best)[: len(names)]]
    way = spots[end, 0] - spots[start, 0]
    if float((way * np.where(weight > 1, 1.0, 0.0)).sum()) < 0:  # most flows run to the right
        spots = (columns - 1, 0) + spots * (-1, 1)
    heights = [
        max((frames[n].h for n, s in zip(names, spots, strict=True) if s[1] == r), default=0.0)
        for r in range(rows)
    ]
    tops = np.cumsum([0.0, *(2 * h + DOWN for h in heights)])
    for name, (c, r) in zip(names, spots, strict=True):
        frame = frames[name]
        frame.x = HALF_WIDTH + 40 + c * (2 * HALF_WIDTH + ACROSS) + (30 if int(r) % 2 else 0)
        frame.y = tops[int(r)] + heights[int(r)] + 130


def _view(
    frames: dict[str, Frame],
    flows: dict[tuple[str, str], list[str]],
    information: dict[tuple[str, str], int],
    causes: Causes,
    title: str,
    note: str,
    loops: Sequence[Loop],
) -> View:
    records: list[Record] = []

    def number() -> int:
        return len(records) + 1

    def comment(x: float, y: float, text: str, style: str, *, styles: int, width: float = 0.0) -> None:
        parts = style.split("|")
        size, bold = int(parts[1] or SIZE), "B" in parts[2]
        w = width or text_width(text, size * PIXELS, bold=bold) / 2 + 6
        rows = len(wrapped(text, size * PIXELS, 2 * w, bold=bold))
        h = rows * size * PIXELS * LINE / 2 + 1
        records.append(
            Word(
                12, number(), "0", round(x), round(y), round(w), round(h), 8, 4, styles=styles, place=-1,
                rest=("0", "0", "0-0-0", "0-0-0", style), text=text,
            )
        )  # fmt: skip

    for level, text, size, bold in ((30, title, 14, True), (56, note, 10, False)):
        if text:
            half = text_width(text, size * PIXELS, bold=bold) / 2 + 6
            colour = "0-0-0" if bold else "96-96-96"
            comment(40 + half, level, text, f"|{size}|{'B' if bold else ''}|{colour}", styles=26)
    ids: dict[str, int] = {}
    for name, frame in frames.items():
        ids[name] = number()
        records.append(
            Word(
                12, number(), "0", round(frame.x), round(frame.y), round(HALF_WIDTH), round(frame.h), 3, 3,
                styles=5, place=-1, rest=("0", "0", "91-114-148", "244-247-251", f"|{SIZE}||0-0-0"),
            )
        )  # fmt: skip
    for frame in frames.values():
        y = frame.y - frame.h + 14
        comment(frame.x, y, frame.title, f"|{SIZE}|B|0-0-0", styles=26)
        y += 12
        for stock, h in frame.lines(causes):
            y += h + 1.5
            w = size_of(causes.spelling(stock), shadow=True, wrap=2 * HALF_WIDTH - 24)[0]
            records.append(
                Word(
                    10, number(), quoted(causes.spelling(stock)), round(frame.x), round(y), round(w), round(h), 8, 2,
                    styles=3, place=-1, rest=("0", "0", GREY, "0-0-0", f"|{SIZE}||{GREY}"),
                )
            )  # fmt: skip
            y += h + 1.5
        if frame.more:
            comment(frame.x, y + 8, f"and {frame.more} more", f"|8||{GREY}", styles=26)
    low = 40 + max(
        _arrows(records, frames, ids, flows, information, causes), *(f.y + f.h for f in frames.values())
    )
    if loops:
        half = text_width("Loops", 11 * PIXELS, bold=True) / 2 + 6
        comment(40 + half, low + 4, "Loops", "|11|B|0-0-0", styles=26)
        low += 34
    count = 3 if len(loops) > 12 else 2
    long = -(-len(loops) // count)
    wide = max((text_width(loop.title, SIZE * PIXELS) for loop in loops), default=0.0) + 100
    for index, loop in enumerate(loops):
        column, row = divmod(index, long)
        x, y = 40 + column * wide, low + 24 * row
        comment(x + 20, y, loop.mark, f"|{SIZE}|B|68-84-106", styles=26, width=20)
        w = text_width(loop.title, SIZE * PIXELS) / 2 + 6
        comment(x + 44 + w, y, loop.title, f"|{SIZE}||60-60-60", styles=10, width=w)
    return View(NAME, HEAD.format(name=NAME), tuple(records), STYLE)


def _arrows(
    records: list[Record],
    frames: dict[str, Frame],
    ids: dict[str, int],
    flows: dict[tuple[str, str], list[str]],
    information: dict[tuple[str, str], int],
    causes: Causes,
) -> float:
    """Add arrows and their labels; returns the lowest point."""
    names = list(frames)
    boxes = np.array([(f.x, f.y, HALF_WIDTH, f.h) for f in frames.values()], dtype=float)
    pairs = [*flows, *information]
    stops = [Stop(k, (f.x, f.y, HALF_WIDTH, f.h)) for k, f in enumerate(frames.values())]
    none = np.zeros((0, 4))
    courses = routes(
        [([stops[names.index(a)]], [stops[names.index(b)]]) for a, b in pairs],
        boxes,
        [(names.index(a), names.index(b)) for a, b in pairs],
        none,
        np.zeros(0, dtype=np.intp),
        bends=[[b for b in CURVES if b > 0.05] if (b, a) in pairs else CURVES for a, b in pairs],
        rounds=6,
        through=30.0,
    )
    taken = [tuple(b) for b in boxes.tolist()]
    labels: list[tuple[Floats, list[str]]] = []
    for (a, b), course in zip(pairs, courses, strict=True):
        thick = (a, b) in flows
        handle = ((0.0, 0.0),)
        if course.handle is not None:
            handle = ((float(round(course.handle[0])), float(round(course.handle[1]))),)
        records.append(
            Arrow(
                len(records) + 1, ids[a], ids[b], 0 if course.handle is None else 1, thickness=THICK if thick else 0,
                styles=1, colour="68-84-106" if thick else "170-182-200", points=handle,
            )
        )  # fmt: skip
        if thick:
            labels.append((course.points, [causes.spelling(f) for f in flows[a, b]]))
    lines = np.vstack([np.hstack([c.points[:-1], c.points[1:]]) for c in courses]) if courses else none
    labels.sort(
        key=lambda label: float(np.hypot(*np.diff(label[0], axis=0).T).sum())
    )  # short ones choose first
    for points, flow_names in labels:
        text = flow_names[0] + (f" and {len(flow_names) - 1} more" if len(flow_names) > 1 else "")
        w, h = size_of(text, wrap=110, size=8)
        spot = _label_spot(points, (w, h), np.array(taken), lines)
        taken.append((float(spot[0]), float(spot[1]), w, h))
        records.append(
            Word(
                12, len(records) + 1, "0", round(float(spot[0])), round(float(spot[1])), round(w), round(h), 8, 4,
                styles=10, place=-1, rest=("0", "0", "0-0-0", "0-0-0", "|8||68-84-106"), text=text,
            )
        )  # fmt: skip

    return max((float(c.points[:, 1].max()) for c in courses), default=0.0)


def _label_spot(points: Floats, half: tuple[float, float], boxes: Floats, lines: Floats) -> Floats:
    """A place beside an arrow for its label: over no box and no line, near the arrow's middle."""
    best: Floats = points[len(points) // 2]
    least = np.inf
    dense = np.vstack(
        [p + np.linspace(0, 1, 4, endpoint=False)[:, None] * (q - p) for p, q in pairwise(points)]
    )
    for k in range(4, len(dense) - 4):
        way = dense[k + 1] - dense[k - 1]
        way = way / max(float(np.hypot(*way)), 1e-9)
        across = np.array([-way[1], way[0]])
        reach = abs(across[0]) * half[0] + abs(across[1]) * half[1]
        for away in (7.0, 12.0, 18.0, 26.0, 36.0):
            for side in (1, -1):
                place = dense[k] + side * (reach + away) * across
                apart = np.abs(boxes[:, :2] - place) - (boxes[:, 2:] + half + 5.0)
                box = np.array([[*place, *half]])
                price = 50.0 * float((apart < 0).all(axis=1).sum())
                price += 10.0 * float(hits(lines[:, :2], lines[:, 2:], box, 3.0).sum())
                price += 6.0 * abs(k / len(dense) - 0.5) + 0.15 * (away - 7.0)
                if price < least:
                    best, least = place, price
    return best
