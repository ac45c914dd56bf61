"""New words on a view that somebody made by hand: everything that stands there stays where it is."""

from __future__ import annotations

import itertools
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flows.diagrams.draw import pipe_course
from flows.diagrams.geometry import Floats
from flows.diagrams.layout import Node, size_of, word_of
from flows.diagrams.place import Board, nearest, settle
from flows.diagrams.plan import Causes
from flows.diagrams.route import Stop, routes
from flows.vensim.sketch import Arrow, Record, View, Word

CLOUD_AT = 96.0  # pixels from a new valve to its cloud


@dataclass
class _Growth:
    """A view with the words that are being added to it."""

    nodes: list[Node] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)  # record of each old word; 0 for new ones
    links: list[tuple[int, int, bool]] = field(default_factory=list)  # new ones last
    old_links: int = 0


def extend(view: View, names: Sequence[str], causes: Causes, *, shadows_for: Sequence[str] = ()) -> View:
    """Add variables to a view.

    Parameters
    ----------
    view : View
        Its records stay byte for byte.
    names : sequence of str
        Folded names of variables to define here.
    causes : Causes
        Of the whole model.
    shadows_for : sequence of str
        Variables defined elsewhere that act on something here: each gets a shadow and its arrows.
    """
    growth = _Growth()
    number_of: dict[int, int] = {}
    at: dict[str, int] = {}
    for word in view.words:
        number_of[word.id] = len(growth.nodes)
        owner = number_of.get(word.id - 1, -1) if word.role == "flow" else -1
        node = Node(
            word.key if word.kind == 10 else "", word.role, word.w, word.h, word.x, word.y, True, owner
        )
        node.owner = owner if owner >= 0 else len(growth.nodes)
        growth.nodes.append(node)
        growth.ids.append(word.id)
        if word.kind == 10 and (word.key not in at or not word.shadow):
            at[word.key] = number_of[word.id]
    for arrow in view.arrows:
        if not arrow.pipe and arrow.start in number_of and arrow.end in number_of:
            growth.links.append((number_of[arrow.start], number_of[arrow.end], False))
    growth.old_links = len(growth.links)

    def add(name: str, role: str, w: float, h: float, *, shadow: bool = False) -> int:
        growth.nodes.append(Node(name, role, w, h, owner=len(growth.nodes), shadow=shadow))
        growth.ids.append(0)
        return len(growth.nodes) - 1

    def measured(name: str, *, shadow: bool = False) -> tuple[float, float]:
        return size_of(causes.spelling(name), shadow=shadow, size=view.style.size)

    key = {n: node.name for n, node in enumerate(growth.nodes)}
    for n, node in enumerate(growth.nodes):  # an arrow at a valve means the flow
        if node.role == "valve" and n + 1 in key:
            key[n] = key[n + 1]
    drawn = {(key[a], key[b]) for a, b, _ in growth.links}
    defined = view.defined | set(names)
    flows = [n for n in names if n in causes.sources or n in causes.targets]
    for name in names:
        w, h = measured(name)
        if causes.is_stock(name):
            at[name] = add(name, "stock", max(50.0, w), max(22.0, h))
        elif name in flows:
            at[name] = add(name, "flow", max(w, CLOUD_AT + 12), h + 9)
        else:
            at[name] = add(name, "variable", w, h)
    for name in (n for n in causes.links if n in defined):
        for cause, initial in causes.links[name].items():
            if name not in names and cause not in names and cause not in shadows_for:
                continue
            if (cause, name) in drawn:
                continue
            if cause not in at:
                w, h = measured(cause, shadow=True)
                at[cause] = add(cause, "shadow", w, h, shadow=True)
            growth.links.append((at[cause], at[name], initial))
    pipes: list[tuple[str, int, str]] = []  # flow, stock, side
    joins: list[tuple[int, int, bool]] = []
    for flow in flows:
        for side, stocks in (("source", causes.sources), ("target", causes.targets)):
            stock = next(
                (s for s in stocks.get(flow, ()) if s in at and not growth.nodes[at[s]].shadow), None
            )
            if stock is not None:
                pipes.append((flow, at[stock], side))
                joins.append((at[flow], at[stock], False))
    board = _grown_board(view, growth, number_of, joins)
    _first_places(board)
    settle(board, seed=zlib.crc32(view.name.encode()), moves=250 * int(board.free.sum()), hot=0.5)
    for node, (x, y) in zip(growth.nodes, board.places, strict=True):
        node.x, node.y = float(x), float(y)
    records = _records(view, growth, board, pipes, causes)
    return replace(view, records=(*view.records, *records))


def _grown_board(
    view: View, growth: _Growth, number_of: dict[int, int], joins: Sequence[tuple[int, int, bool]]
) -> Board:
    pieces: list[tuple[float, float, float, float]] = []
    owners: list[int] = []
    for arrow in view.arrows:
        if arrow.pipe and arrow.start in number_of and arrow.end in number_of:
            corners = pipe_course(arrow, view.by_id)
            for (x0, y0), (x1, y1) in itertools.pairwise(corners):
                pieces.append((float(x0), float(y0), float(x1), float(y1)))
                owners.append(number_of[arrow.start])
    links = [(a, b) for a, b, _ in (*growth.links, *joins)]
    return Board(
        places=np.array([(n.x, n.y) for n in growth.nodes], dtype=float).reshape(-1, 2),
        halves=np.array([(n.w, n.h) for n in growth.nodes], dtype=float).reshape(-1, 2),
        free=np.array([not n.fixed for n in growth.nodes], dtype=bool),
        owner=np.array([n.owner for n in growth.nodes], dtype=np.intp),
        links=np.array(links, dtype=np.intp).reshape(-1, 2),
        pipes=np.array(pieces, dtype=float).reshape(-1, 4),
        pipe_owner=np.array(owners, dtype=np.intp),
    )


def _first_places(board: Board) -> None:
    """Stand new words near what they are linked to; those without links go below the view."""
    fixed = board.places[~board.free]
    low = fixed[:, 1].max() + 80 if len(fixed) else 80.0
    left = fixed[:, 0].min() if len(fixed) else 80.0
    waiting = [int(v) for v in np.flatnonzero(board.free)]
    board.places[waiting] = 1e7 + 1e4 * np.arange(len(waiting))[:, None]
    placed = ~board.free
    while waiting:
        near = {v: [u for u in _joined(board, v) if placed[u]] for v in waiting}
        v = max(waiting, key=lambda v: (len(near[v]), -v))
        wish: Floats = (
            board.places[near[v]].mean(axis=0) + np.array([-50.0, 0.0])
            if near[v]
            else np.array([left, low], dtype=float)
        )
        board.places[v] = nearest(board, v, wish)
        placed[v] = True
        waiting.remove(v)


def _joined(board: Board, v: int) -> list[int]:
    pairs = board.links[board.incident[v]]
    return [int(a if b == v else b) for a, b in pairs]


def _records(
    view: View, growth: _Growth, board: Board, pipes: Sequence[tuple[str, int, str]], causes: Causes
) -> list[Record]:
    records: list[Record] = []
    first = view.last + 1

    def plain(node: Node, number: int) -> Word:
        word = word_of(node, number, causes)
        return word if node.shadow or word.kind != 10 else replace(word, styles=0, rest=("0", "0"))

    def number() -> int:
        return first + len(records)

    ends: dict[str, dict[str, int]] = defaultdict(dict)
    for flow, stock, side in pipes:
        ends[flow][side] = stock
    for i, node in enumerate(growth.nodes):
        if not growth.ids[i] and node.role != "flow":
            growth.ids[i] = number()
            records.append(plain(node, number()))
    for i, node in enumerate(growth.nodes):
        if growth.ids[i] or node.role != "flow":
            continue
        w, h = size_of(causes.spelling(node.name), size=view.style.size)
        x, y = node.x, node.y - node.h + 9
        found = ends[node.name]
        right = next(((growth.nodes[s].x >= x) == (side == "target") for side, s in found.items()), True)
        joined: dict[str, tuple[int, float, float]] = {}
        for side in ("target", "source"):
            if side in found:
                end = growth.nodes[found[side]]
                joined[side] = (growth.ids[found[side]], end.x, end.y)
            else:
                ahead = (side == "target") == right
                cx = x + CLOUD_AT if ahead else x - CLOUD_AT
                cloud = Node("", "cloud", 10, 8, cx, y)
                joined[side] = (number(), cx, y)
                records.append(word_of(cloud, number(), causes))
        valve = number() + 2
        for side, form in (("target", 4), ("source", 100)):
            goal, ex, _ = joined[side]
            handle = (float(round((x + ex) / 2)), float(round(y)))
            level = side not in found or abs(growth.nodes[found[side]].y - y) <= growth.nodes[found[side]].h
            if not level:
                handle = (float(round(ex)), float(round(y)))
            records.append(Arrow(number(), valve, goal, form, thickness=22, delay=0, points=(handle,)))
        records.append(word_of(Node(node.name, "valve", 6, 8, x, y), number(), causes))
        growth.ids[i] = number()
        records.append(word_of(Node(node.name, "label", w, h, x, y + 10 + h), number(), causes))
    new = growth.links[growth.old_links :]
    boxes = board.boxes()
    courses = routes(
        [([_stop(boxes, a)], [_stop(boxes, b)]) for a, b, _ in new],
        boxes,
        [(growth.nodes[a].owner, growth.nodes[b].owner) for a, b, _ in new],
        board.pipes,
        board.pipe_owner,
    )
    for (cause, effect, initial), course in zip(new, courses, strict=True):
        points = ((0.0, 0.0),)
        if course.handle is not None:
            points = ((float(round(course.handle[0])), float(round(course.handle[1]))),)
        shape = 0 if course.handle is None else 1
        records.append(
            Arrow(number(), growth.ids[cause], growth.ids[effect], shape, initial=int(initial), points=points)
        )
    return records


def _stop(boxes: Floats, number: int) -> Stop:
    x, y, w, h = boxes[number]
    return Stop(number, (float(x), float(y), float(w), float(h)))


def missing(views: Sequence[View], causes: Causes) -> list[str]:
    """Variables that no view defines, in the order of the file."""
    defined: set[str] = set().union(*(v.defined for v in views)) if views else set()
    return [n for n in causes.links if n not in defined]
