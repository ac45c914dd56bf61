"""One view laid out from scratch: what stands on it, where, and how its arrows run, as records of a sketch."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flows.diagrams.geometry import LINE, PIXELS, Floats, balanced, crossings, hits, text_width
from flows.diagrams.place import Board, nearest, rough, settle
from flows.diagrams.plan import TIME, Causes, Plan
from flows.diagrams.quality import quality
from flows.diagrams.route import Course, Stop, routes
from flows.diagrams.skeleton import Frame, Pipe, frame, separated
from flows.vensim.sketch import Arrow, Record, Style, View, Word

FACE, SIZE = "Arial", 9
WRAP = 112.0  # pixels after which a name is broken
STYLE = Style(arrows="91-114-148", face=FACE, size=SIZE)
HEAD = (
    "\\\\\\---/// Sketch information - do not modify anything except names\n"
    "V300  Do not put anything below this section - it will be ignored\n"
    "*{name}\n"
    f"$192-192-192,0,{FACE}|{SIZE}||0-0-0|0-0-0|{STYLE.arrows}|-1--1--1|-1--1--1|96,96,100,0\n"
)
GREY, LEVER, CONSTANT = "128-128-128", "176-80-0", "46-110-110"
FAR = 330.0  # pixels of an arrow after which a shadow near the effect reads better
ATTEMPTS = 3  # layouts from which the best is taken
GOOD = 2  # crossings with which no further layout is tried
MARKS = 6  # loops that one view names, those that run through most of it
MANY = 3  # effects of one shadow after which each gets its own
_PLAIN = re.compile(r"[^\W\d_][\w '$]*")


@dataclass(frozen=True)
class Loop:
    """A feedback loop with a name: ``R`` or ``B`` with a number, what it does, and its variables in order."""

    mark: str
    title: str
    variables: tuple[str, ...]


@dataclass
class Node:
    """A word being placed."""

    name: str  # folded; empty for clouds
    role: str  # stock, valve, label, cloud, end, variable, shadow
    w: float
    h: float
    x: float = 0.0
    y: float = 0.0
    fixed: bool = False
    owner: int = -1
    shadow: bool = False


@dataclass
class Draft:
    """A view being laid out."""

    nodes: list[Node] = field(default_factory=list)
    links: list[tuple[int, int, bool]] = field(default_factory=list)  # start, end, for the initial value only
    pipes: list[tuple[int, int, int]] = field(default_factory=list)  # valve, start, end

    def add(self, node: Node) -> int:
        """Add a node; returns its number."""
        node.owner = len(self.nodes) if node.owner < 0 else node.owner
        self.nodes.append(node)
        return len(self.nodes) - 1


def size_of(
    name: str, *, shadow: bool = False, wrap: float = WRAP, size: float = SIZE
) -> tuple[float, float]:
    """Half width and half height of a name's box."""
    pixels = size * PIXELS
    lines = balanced(f"<{name}>" if shadow else name, pixels, wrap)
    return (
        float(np.ceil(max(text_width(line, pixels) for line in lines) / 2 + 4)),
        float(np.ceil(len(lines) * pixels * LINE / 2 + 1)),
    )


def quoted(name: str) -> str:
    """Name as a record spells it: in quotes where Vensim needs them."""
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def lay_out(
    plan: Plan,
    causes: Causes,
    *,
    loops: Sequence[Loop] = (),
    marks: Mapping[tuple[str, str], str] | None = None,
    effort: float = 1.0,
) -> View:
    """Lay out a view.

    Parameters
    ----------
    plan : Plan
        What it shows.
    causes : Causes
        Of the whole model.
    loops : sequence of Loop
        Those to mark.
    marks : mapping of (str, str) to str, optional
        Polarity of links from cause to effect, ``+`` or ``-``.
    effort : float
        Share of the usual number of moves; below one, three times as many crossings are good enough.
    """
    best: tuple[float, View] | None = None
    for attempt in range(ATTEMPTS):
        view = _attempt(plan, causes, loops, marks or {}, zlib.crc32(plan.name.encode()) + attempt, effort)
        found = quality(view)
        price = 20 * found.overlaps + 8 * found.through + found.crossings + found.length * found.arrows / 2000
        if best is None or price < best[0]:
            best = price, view
        good = GOOD if effort == 1 else 3 * GOOD
        if not (found.overlaps or found.through) and found.crossings <= good:
            break
    assert best is not None
    return best[1]


def _attempt(
    plan: Plan,
    causes: Causes,
    loops: Sequence[Loop],
    marks: Mapping[tuple[str, str], str],
    seed: int,
    effort: float,
) -> View:
    draft, singles = _draft(plan, causes)
    board = _board(draft)
    rough(board)
    moves = int(effort * min(12000, 220 * int(board.free.sum())))
    settle(board, seed=seed, moves=moves)
    _take(draft, board)
    if _shadows(draft, causes):
        board = _board(draft)
        settle(board, seed=seed + 1, moves=moves // 2, hot=0.6)
        _take(draft, board)
    courses = _courses(draft)
    _grid(draft, singles, causes)
    return _view(plan, draft, courses, causes, loops, marks)


# What stands on a view --------------------------------------------------------------------------------


def _draft(plan: Plan, causes: Causes) -> tuple[Draft, list[str]]:
    """Words, links and pipes of a view, the frame in place; and the variables without any link on it."""
    own = set(plan.own)
    stocks = [n for n in plan.own if causes.is_stock(n)]
    pipes = separated([p for f in causes.flows for p in _pipes(f, own, causes)], stocks)
    draft = Draft()
    place: dict[str, int] = {}  # own or shadow flow → node that arrows take as its place
    attached = _attached(plan, causes, {p.flow for p in pipes}, set(stocks))
    names = {p.flow: size_of(causes.spelling(p.flow), shadow=p.shadow, wrap=104) for p in pipes}
    needs = {f: 34 + 2 * names[f][1] + 17 * min(attached[f], 9) for f in names}
    floors = {f: 38 + 2 * names[f][1] for f in names}
    crowded = {f for f in names if attached[f] > 4}
    made = frame(stocks, pipes, needs, width=1150, floors=floors, crowded=crowded)
    for stock, (x, y, w, h) in made.stocks.items():
        place[stock] = draft.add(Node(stock, "stock", w, h, x, y, True))
    for pipe in pipes:
        _add_pipe(draft, pipe, made, causes, names[pipe.flow], place)
    linked = {n for n in plan.own if causes.links[n]} | {c for n in plan.own for c in causes.links[n]}
    singles = [n for n in plan.own if n not in place and n not in linked]
    model = causes.model
    for name in plan.own:
        if name not in place and name not in singles:
            small = model.variables[name].kind in ("constant", "lookup")
            w, h = size_of(causes.spelling(name), size=SIZE - 0.5 * small)
            place[name] = draft.add(Node(name, "variable", w, h))
    users: dict[str, list[str]] = defaultdict(list)
    for name in plan.own:
        for cause in causes.links[name]:
            if cause not in place:
                users[cause].append(name)
    shadows: dict[tuple[str, str], int] = {}
    for cause, effects in users.items():
        together = len(effects) < MANY
        number = -1
        for effect in effects:
            if number < 0 or not together:
                w, h = size_of(causes.spelling(cause), shadow=True)
                number = draft.add(Node(cause, "shadow", w, h, shadow=True))
            shadows[cause, effect] = number
    for name in plan.own:
        for cause, initial in causes.links[name].items():
            if name in place:
                start = place[cause] if cause in place else shadows[cause, name]
                draft.links.append((start, place[name], initial))
    return draft, singles


def _pipes(flow: str, own: set[str], causes: Causes) -> list[Pipe]:
    """Pipes of a flow on a view that defines it or one of its stocks: one, and one more for each further stock."""
    sources, targets = causes.sources.get(flow, ()), causes.targets.get(flow, ())
    inside = [s for s in sources if s in own], [s for s in targets if s in own]
    if flow not in own and not any(inside):
        return []
    source = inside[0][0] if inside[0] else None
    target = next((s for s in inside[1] if s != source), None)
    beyond = None if source or not sources else sources[0], None if target or not targets else targets[0]
    found = [Pipe(flow, flow not in own, source, target, *beyond)]
    found += [
        Pipe(flow, True, s, None, None, targets[0] if targets else None) for s in inside[0] if s != source
    ]
    found += [
        Pipe(flow, True, None, s, sources[0] if sources else None)
        for s in inside[1]
        if s not in (source, target)
    ]
    return found


def _attached(plan: Plan, causes: Causes, flows: set[str], stocks: set[str]) -> dict[str, int]:
    """How many words stand around each flow: those that reach it first on their way along the arrows."""
    count: dict[str, int] = defaultdict(int)
    own = set(plan.own)
    for flow in flows:
        count[flow] += 0
        edge, seen = [flow], {flow}
        for depth in range(3):
            following = [
                c for n in edge if n in own for c in causes.links.get(n, {}) if c not in seen | flows | stocks
            ]
            following = list(dict.fromkeys(following))
            count[flow] += len(following) if depth < 1 else len(following) // 2
            seen |= set(following)
            edge = following
    return count


def _add_pipe(
    draft: Draft,
    pipe: Pipe,
    made: Frame,
    causes: Causes,
    name_size: tuple[float, float],
    place: dict[str, int],
) -> None:
    x, y = made.valves[pipe]
    valve = draft.add(Node(pipe.flow, "valve", 6, 8, x, y, True, shadow=pipe.shadow))
    w, h = name_size
    draft.add(Node(pipe.flow, "label", w, h, x, y + 10 + h, True, owner=valve, shadow=pipe.shadow))
    if pipe.flow not in place or not pipe.shadow:
        place[pipe.flow] = valve
    ends = []
    for side, stock, beyond in (
        ("source", pipe.source, pipe.beyond_source),
        ("target", pipe.target, pipe.beyond_target),
    ):
        if stock is not None:
            ends.append(place[stock])
            continue
        ex, ey = made.ends[pipe, side]
        if beyond is None:
            ends.append(draft.add(Node("", "cloud", 10, 8, ex, ey, True)))
        else:
            ew, eh = size_of(causes.spelling(beyond), wrap=92)
            ends.append(draft.add(Node(beyond, "end", min(ew, 54), eh + 2, ex, ey, True, shadow=True)))
    draft.pipes.append((valve, ends[0], ends[1]))


def _shadows(draft: Draft, causes: Causes) -> bool:
    """Replace long and much crossed arrows of words that have others by shadows near the effects."""
    changed = False
    uses: dict[int, int] = defaultdict(int)
    for start, _, _ in draft.links:
        uses[start] += 1
    crossed, through = _in_the_way(draft)
    for number, (start, end, initial) in enumerate(draft.links):
        a, b = draft.nodes[start], draft.nodes[end]
        dx = max(abs(a.x - b.x) - a.w - b.w, 0.0)
        dy = max(abs(a.y - b.y) - a.h - b.h, 0.0)
        length = float(np.hypot(dx, dy))
        if (
            a.name
            and (length > FAR or (length > 160 and crossed[number] > 2) or (length > 60 and through[number]))
            and (uses[start] > 1 or a.fixed)
        ):
            w, h = size_of(causes.spelling(a.name), shadow=True)
            toward = np.array([a.x - b.x, a.y - b.y]) / max(length, 1.0)
            new = Node(a.name, "shadow", w, h, b.x + 110 * toward[0], b.y + 60 * toward[1], shadow=True)
            uses[start] -= 1
            grown = draft.add(new)
            board = _board(draft)
            spot = nearest(board, grown, np.array([new.x, new.y]))
            new.x, new.y = float(spot[0]), float(spot[1])
            draft.links[number] = (grown, end, initial)
            changed = True
    return changed


def _in_the_way(draft: Draft) -> tuple[list[int], list[int]]:
    """For each arrow, drawn straight: how many arrows and pipes it crosses, how many words it runs through."""
    points = np.array([(n.x, n.y) for n in draft.nodes]).reshape(-1, 2)
    links = np.array([(a, b) for a, b, _ in draft.links], dtype=np.intp).reshape(-1, 2)
    p, q = points[links[:, 0]], points[links[:, 1]]
    met = crossings(p, q, p, q)
    pieces = _pieces(draft)[0]
    over = crossings(p, q, pieces[:, :2], pieces[:, 2:]) if len(pieces) else np.zeros((len(p), 0), dtype=bool)
    through = hits(p, q, np.array([(n.x, n.y, n.w, n.h) for n in draft.nodes], dtype=float).reshape(-1, 4))
    owner = np.array([n.owner for n in draft.nodes], dtype=np.intp)
    near = (owner[links[:, 0], None] == owner) | (owner[links[:, 1], None] == owner)
    blocked = (through & ~near).sum(axis=1).tolist()
    return (met.sum(axis=1) + over.sum(axis=1)).tolist(), blocked


def _pieces(draft: Draft) -> tuple[Floats, np.ndarray]:
    """Level pieces of the pipes, and the valve that each belongs to."""
    pieces, owners = [], []
    for valve, start, end in draft.pipes:
        v = draft.nodes[valve]
        for number in (start, end):
            e = draft.nodes[number]
            edge = e.x - e.w if e.x > v.x else e.x + e.w
            pieces.append((v.x, v.y, edge, v.y))
            owners.append(valve)
    return np.array(pieces, dtype=float).reshape(-1, 4), np.array(owners, dtype=np.intp)


def _board(draft: Draft) -> Board:
    pieces, owners = _pieces(draft)
    return Board(
        places=np.array([(n.x, n.y) for n in draft.nodes], dtype=float).reshape(-1, 2),
        halves=np.array([(n.w, n.h) for n in draft.nodes], dtype=float).reshape(-1, 2),
        free=np.array([not n.fixed for n in draft.nodes], dtype=bool),
        owner=np.array([n.owner for n in draft.nodes], dtype=np.intp),
        links=np.array([(a, b) for a, b, _ in draft.links], dtype=np.intp).reshape(-1, 2),
        pipes=pieces,
        pipe_owner=owners,
        clear=np.array([(3.0, 12.0) if n.role == "label" else (0.0, 0.0) for n in draft.nodes]).reshape(
            -1, 2
        ),
        solid=np.array([n.role in ("stock", "end") for n in draft.nodes], dtype=bool),
    )


def _take(draft: Draft, board: Board) -> None:
    for node, (x, y) in zip(draft.nodes, board.places, strict=True):
        node.x, node.y = float(x), float(y)


def _stops(draft: Draft, number: int) -> list[Stop]:
    node = draft.nodes[number]
    found = [Stop(number, (node.x, node.y, node.w, node.h))]
    if node.role == "valve":
        label = draft.nodes[number + 1]
        found.append(Stop(number + 1, (label.x, label.y, label.w, label.h)))
    return found


def _courses(draft: Draft) -> list[Course]:
    pieces, owners = _pieces(draft)
    return routes(
        [(_stops(draft, a), _stops(draft, b)) for a, b, _ in draft.links],
        np.array([(n.x, n.y, n.w, n.h) for n in draft.nodes], dtype=float).reshape(-1, 4),
        [(draft.nodes[a].owner, draft.nodes[b].owner) for a, b, _ in draft.links],
        pieces,
        owners,
        through=np.array([14.0 if n.role in ("stock", "end") else 6.0 for n in draft.nodes]),
    )


def _grid(draft: Draft, singles: Sequence[str], causes: Causes) -> None:
    """Stand the variables without links in columns below the rest."""
    if not singles:
        return
    low = max((n.y + n.h for n in draft.nodes), default=0.0)
    left = min((n.x - n.w for n in draft.nodes), default=0.0)
    columns = max(1, min(4, len(singles) // 6 + 1))
    rows = -(-len(singles) // columns)
    for number, name in enumerate(singles):
        w, h = size_of(causes.spelling(name), wrap=260)
        x = left + 130 + 270 * (number // rows)
        draft.add(Node(name, "variable", w, h, x, low + 60 + 26 * (number % rows), True))


# Records ----------------------------------------------------------------------------------------------


def _view(
    plan: Plan,
    draft: Draft,
    courses: Sequence[Course],
    causes: Causes,
    loops: Sequence[Loop],
    marks: Mapping[tuple[str, str], str],
) -> View:
    heading = [t for t in (plan.heading, plan.note) if t]
    left = min((n.x - n.w for n in draft.nodes), default=0.0)
    top = min((n.y - n.h for n in draft.nodes), default=0.0)
    dx, dy = 40 - left, 70 + 16 * len(heading) - top
    dx, dy = float(round(dx)), float(round(dy))
    for node in draft.nodes:
        node.x, node.y = node.x + dx, node.y + dy
    courses = [_moved(c, dx, dy) for c in courses]
    records: list[Record] = []

    def number() -> int:
        return len(records) + 1

    y = 30.0
    for i, text in enumerate(heading):
        size = 14 if i == 0 else 10
        w = text_width(text, size * PIXELS, bold=i == 0) / 2 + 6
        style = f"|{size}|B|0-0-0" if i == 0 else f"|{size}||96-96-96"
        records.append(
            Word(
                12, number(), "0", round(40 + w), round(y), round(w), 12, 8, 4, styles=24 if i == 0 else 10, place=-1,
                rest=("0", "0", "0-0-0", "0-0-0", style), text=text,
            )
        )  # fmt: skip
        y += 24
    ids: dict[int, int] = {}
    for i, node in enumerate(draft.nodes):
        if node.role == "stock":
            ids[i] = number()
            records.append(word_of(node, number(), causes))
    for valve, start, end in draft.pipes:
        for i in (start, end):
            if i not in ids:
                ids[i] = number()
                records.append(word_of(draft.nodes[i], number(), causes))
        ids[valve] = number() + 2
        ids[valve + 1] = number() + 3
        v = draft.nodes[valve]
        for i, shape in ((end, 4), (start, 100)):
            e = draft.nodes[i]
            edge = e.x - e.w if e.x > v.x else e.x + e.w
            side = 6 if e.x > v.x else -6
            records.append(
                Arrow(
                    number(), ids[valve], ids[i], shape, thickness=22, delay=0,
                    points=((round((v.x + side + edge) / 2), round(v.y)),),
                )
            )  # fmt: skip
        records.append(word_of(v, number(), causes))
        records.append(word_of(draft.nodes[valve + 1], number(), causes))
    for i, node in enumerate(draft.nodes):
        if i not in ids:
            ids[i] = number()
            records.append(word_of(node, number(), causes))
    for (start, end, initial), course in zip(draft.links, courses, strict=True):
        mark = marks.get((draft.nodes[start].name, draft.nodes[end].name), "")
        handle = ((0.0, 0.0),) if course.handle is None else (tuple(float(round(c)) for c in course.handle),)
        records.append(
            Arrow(
                number(), ids[course.start], ids[course.end], 0 if course.handle is None else 1,
                initial=int(initial), polarity=ord(mark) if mark else 0, points=handle,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    view = View(plan.name, HEAD.format(name=plan.name), tuple(records), STYLE)
    return replace(view, records=(*records, *_marks(view, draft, courses, loops)))


def _moved(course: Course, dx: float, dy: float) -> Course:
    handle = None if course.handle is None else (course.handle[0] + dx, course.handle[1] + dy)
    return Course(course.start, course.end, handle, course.points + np.array([dx, dy]))


def word_of(node: Node, number: int, causes: Causes) -> Word:
    """Record of a placed word."""
    place = (round(node.x), round(node.y), round(node.w), round(node.h))
    if node.role == "cloud":
        return Word(12, number, "48", *place, shape=0, bits=3, place=-1, rest=("0", "0"))
    if node.role == "valve":
        return Word(11, number, "0", *place, shape=34, bits=3, place=1, rest=("0", "0"))
    name = quoted(causes.spelling(node.name))
    if (
        node.role == "end"
    ):  # no arrow may enter a shadow, so a comment in a box stands for a stock of another view
        return Word(
            12, number, "0", *place, shape=3, bits=7, styles=3, place=-1,
            rest=("0", "0", GREY, "0-0-0", f"|{SIZE}||{GREY}"), text=causes.spelling(node.name),
        )  # fmt: skip
    shape = {"stock": 3, "label": 40}.get(node.role, 8)
    if node.shadow:
        lever = node.name != TIME and causes.model.variables[node.name].group.lower() == "levers"
        colour = LEVER if lever else GREY
        rest = ("0", "0", GREY, "0-0-0", f"|{SIZE}||{colour}")
        return Word(10, number, name, *place, shape=shape, bits=2, styles=3, place=-1, rest=rest)
    variable = causes.model.variables[node.name]
    if node.role == "variable" and variable.kind in ("constant", "lookup"):
        colour = LEVER if variable.group.lower() == "levers" else CONSTANT
        rest = ("0", "0", "0-0-0", "0-0-0", f"|{SIZE}||{colour}")
        return Word(10, number, name, *place, shape=shape, bits=3, styles=2, place=-1, rest=rest)
    if node.role == "label":
        return Word(10, number, name, *place, shape=shape, bits=3, place=-1, rest=("0", "0"))
    return Word(10, number, name, *place, shape=shape, bits=3, rest=("0", "0"))


def _marks(view: View, draft: Draft, courses: Sequence[Course], loops: Sequence[Loop]) -> list[Record]:
    """Marks of loops near the middle of their words, turning as the loop runs."""
    at: dict[str, tuple[float, float]] = {}
    for node in draft.nodes:
        if node.name and not node.shadow and node.role != "label":
            at[node.name] = (node.x, node.y)
    boxes: list[tuple[float, float, float, float]] = [(w.x, w.y, w.w, w.h) for w in view.words]
    top = min((n.y - n.h for n in draft.nodes), default=0.0) - 30
    lines = [np.hstack([c.points[:-1], c.points[1:]]) for c in courses]
    pieces = np.vstack([*lines, _pieces(draft)[0]]) if lines else _pieces(draft)[0]
    found: list[Record] = []
    for loop in loops:
        ring = [at[n] for n in loop.variables if n in at]
        if not ring:
            continue
        area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
        w, h = size_of(loop.title, wrap=150, size=8)
        w = max(w, 17.0)
        half = 15 + h
        spot = _free_spot(np.mean(ring, axis=0), (w, half), np.array(boxes, dtype=float), pieces, top)
        x, y = round(float(spot[0])), float(spot[1])
        number = view.last + len(found) + 1
        found.append(
            Word(
                12, number, "0", x, round(y - half + 14), 14, 14, 4 if area >= 0 else 5, 4, styles=24, place=-1,
                rest=("0", "0", "0-0-0", "0-0-0", f"|{SIZE}|B|0-0-0"), text=loop.mark,
            )
        )  # fmt: skip
        found.append(
            Word(
                12, number + 1, "0", x, round(y + half - h), round(w), round(h), 8, 4, styles=10, place=-1,
                rest=("0", "0", "0-0-0", "0-0-0", "|8||68-84-106"), text=loop.title,
            )
        )  # fmt: skip
        boxes.append((x, y, round(w), half))
    return found


def _free_spot(wish: Floats, half: tuple[float, float], boxes: Floats, pieces: Floats, top: float) -> Floats:
    """The place nearest to a wish that is over no word, over few arrows and not above `top`."""
    best, least = wish, np.inf
    for ring in range(0, 120):
        for k in range(max(1, min(6 * ring, 72))):
            angle = 2 * np.pi * k / max(1, min(6 * ring, 72))
            place = wish + 14.0 * ring * np.array([np.cos(angle), np.sin(angle)])
            if place[1] - half[1] < top:
                continue
            apart = np.abs(boxes[:, :2] - place) - (boxes[:, 2:] + half + 4.0)
            if (apart < 0).all(axis=1).any():
                continue
            box = np.array([[*place, *half]])
            price = ring * 0.4 + 5.0 * float(hits(pieces[:, :2], pieces[:, 2:], box, 3.0).sum())
            if price < least:
                best, least = place, price
        if least < ring * 0.4:
            break
    return best
