"""Views of a model without subscripts, from those of the model that it was made of: one for each sector.

The pages of a sector (views whose names differ in a last number) stand side by side on one view. A page that defines
variables over a range is repeated below itself for each element, everything at its place but for empty bands, which are
narrowed; what has no subscripts is defined on the fullest of these (mostly the first) and stands as a shadow on the
others where it acts on an element. What is left, such as numbers over other ranges, is listed below the sector that it
belongs to.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.diagrams.arrange import arrange
from flows.diagrams.layout import size_of
from flows.model.ir import Range, deep
from flows.model.model import Model
from flows.references import fold
from flows.vensim.flatten import Flat
from flows.vensim.lower import lower
from flows.vensim.parse import parse
from flows.vensim.sketch import Arrow, Other, Record, View, Word, parse_sketch
from flows.vensim.spell import quoted
from flows.vensim.tree import Apply, ModelText, Name, Op

__all__ = ["flat_text"]

_MOST_COPIES = 12  # elements that get a view each
_LETTERS = 30  # of a view's name (vensim-formats.md, section 2.1)
_LAST_NUMBER = re.compile(r" \d+$")
_UNNAMED = "view"  # Vensim names views "View 1", "View 2": such are no pages of one sector
_GREY = "128-128-128"
_COLUMNS, _ROWS = 5, 200  # of a list: at least so many columns, at most so many rows
_ACROSS, _DOWN = 230, 34  # from one to the next, in pixels
_LEFT, _TOP = 40, 18  # margins of a view
_BESIDE, _BELOW = 90, 70  # pixels between pages and between elements
_BAND = 56  # pixels that an empty band keeps


@deep
def flat_text(text: str, flat: Flat, model: Model, *, path: str = "<text>") -> str:
    """Put views to the equations of a model without subscripts.

    Parameters
    ----------
    text : str
        The file with subscripts.
    flat : Flat
        As `flows.vensim.flatten.flatten` makes it.
    model : flows.Model
        The model with subscripts.
    path : str
        Its name, for messages.

    Returns
    -------
    str
        The whole file. A model without views, or with empty ones alone, is laid out by sector.
    """
    sketch = parse_sketch(text, path)
    bare = parse_sketch(flat.body + flat.settings, path)
    views = [view for view in sketch.views if view.words]
    if not views:
        return arrange(bare, lower(parse(bare.text, path)), anew=True).text
    drawn = _Drawn(flat, model, _causes(parse(bare.text, path))).sectors(views)
    return replace(bare.replace(tuple(drawn)), newline=sketch.newline).text


@dataclass(frozen=True)
class _Tile:
    """A page of a sector for one element (empty for all): where it stands in the sector's table."""

    row: int
    column: int
    element: str
    view: View


def _causes(source: ModelText) -> dict[str, set[str]]:
    """What stands in the equations of each variable, by folded names."""
    found: dict[str, set[str]] = {}
    for definition in source.definitions:
        own = found.setdefault(fold(definition.name), set())
        queue = [definition.expression] if definition.expression is not None else []
        while queue:
            match queue.pop():
                case Name(name=name):
                    own.add(fold(name))
                case Op(operands=operands):
                    queue.extend(operands)
                case Apply(name=name, arguments=arguments):
                    own.add(fold(name))
                    queue.extend(arguments)
    return found


@dataclass
class _Drawn:
    """What stands on views so far."""

    flat: Flat
    model: Model
    causes: Mapping[str, set[str]]
    defined: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)

    def sectors(self, views: Sequence[View]) -> list[View]:
        """A view for each sector, with what belongs to it and stands nowhere listed below."""
        made: list[tuple[View, tuple[View, ...]]] = []
        for name, some in itertools.groupby(views, key=_sector):
            pages = tuple(some)
            tiles = [tile for column, page in enumerate(pages) for tile in self._tiles(page, column, pages)]
            title = self._title(name if len(pages) > 1 else pages[0].name)
            head = pages[0].head.replace(f"*{pages[0].name}", f"*{title}", 1)
            made.append((View(title, head, tuple(_joined(tiles)), pages[0].style), pages))
        return self._with_lists(made, views[0])

    def _tiles(self, view: View, column: int, pages: Sequence[View]) -> Iterator[_Tile]:
        """A page for each element of its main range; the page itself, without subscripts, if it has none."""
        main = self._main(view)
        if main is None:
            copy = self._copy(view, None, first=True)
            if copy.words:  # else all that it showed has several ranges
                yield _Tile(0, column, "", copy)
            return
        ranges = [r for r in map(self._main, pages) if r is not None]
        rows = list(
            dict.fromkeys(e for r in sorted(ranges, key=lambda r: -len(r.elements)) for e in r.elements)
        )
        keys = [w.key for w in view.words if w.kind == 10]
        fullest = max(main.elements, key=lambda e: sum(self._name(k, e) is not None for k in keys))
        for element, spelling in zip(main.elements, main.spellings, strict=True):
            copy = self._copy(view, element, first=element == fullest)
            if any(w.kind == 10 for w in copy.words):
                yield _Tile(rows.index(element), column, spelling, _headed(copy, spelling))

    def _title(self, name: str) -> str:
        """A name of 30 letters that no other view has."""
        title, number = name[:_LETTERS].rstrip(), 2
        while fold(title) in self.titles:
            more = f" {number}"
            title = name[: _LETTERS - len(more)].rstrip() + more
            number += 1
        self.titles.add(fold(title))
        return title

    def _main(self, view: View) -> Range | None:
        """The range that holds the elements of most variables that a view defines."""
        shapes = Counter(
            self.model.variables[key].elements[0]
            for key in view.defined
            if key in self.model.variables and len(self.model.variables[key].elements) == 1
        )
        best: tuple[int, int, Range] | None = None
        for found in self.model.ranges.values():
            if len(found.elements) > _MOST_COPIES:
                continue
            held = sum(n for elements, n in shapes.items() if set(elements) <= set(found.elements))
            if held and (best is None or (held, -len(found.elements)) > best[:2]):
                best = (held, -len(found.elements), found)
        return None if best is None else best[2]

    def _name(self, key: str, element: str | None) -> str | None:
        """Name of a variable on the view of an element; None if it has none there."""
        variable = self.model.variables.get(key)
        place = () if variable is None or not variable.elements else (element,)
        if variable is not None and len(variable.elements) > 1:
            return None
        return self.flat.names.get((key, tuple(p for p in place if p is not None)))

    def _copy(self, view: View, element: str | None, *, first: bool) -> View:
        kept: dict[int, Word] = {}
        scalars: set[int] = set()
        for word in view.words:
            made = self._word(word, element, overview=not view.defined)
            if made is None:
                continue
            variable = self.model.variables.get(word.key) if word.kind == 10 else None
            if word.kind == 10 and (variable is None or not variable.elements):
                scalars.add(word.id)
            kept[word.id] = made
        if not first:
            self._only_causes(view, kept, scalars)
            for word in view.words:  # notes and loop marks are said once
                said = fold(word.text or "") not in self.model.variables and not _is_heading(word, view)
                if word.role in ("comment", "loop") and said:
                    kept.pop(word.id, None)
        for word in view.words:  # a valve stands for the flow behind it
            if word.kind == 11 and kept.get(word.id + 1, word).role != "flow":
                kept.pop(word.id, None)
        for number, word in list(kept.items()):
            if word.kind != 10 or word.shadow:
                continue
            key = word.key
            if key in self.defined:
                kept[number] = _shadow(word)
            self.defined.add(key)
        records = list(self._records(view, kept))
        return View(view.name, view.head, tuple(records), view.style)

    def _word(self, word: Word, element: str | None, *, overview: bool) -> Word | None:
        """A word on the view of an element; None if it isn't there."""
        if word.kind == 12 and word.text and fold(word.text) in self.model.variables:
            name = self._name(fold(word.text), element)
            if name is None:
                return word if overview else None
            high = max(word.h, round(size_of(name, wrap=2 * word.w)[1]))
            return word if name == word.text else replace(word, text=name, h=high, raw="")
        if word.kind != 10:
            return word
        name = self._name(word.key, element)
        if name is None:
            if word.key == "time":
                return word
            return _comment(word) if overview else None
        if fold(name) == word.key:
            return word
        w, h = size_of(name, shadow=word.shadow)
        if word.role == "stock":
            w, h = max(w, word.w), max(h, word.h)
        high = max(round(h), word.h)
        y = word.y + (high - word.h if word.role == "flow" else 0)  # the name hangs below its valve
        return replace(word, name=quoted(name), y=y, w=round(w), h=high, raw="")

    def _only_causes(self, view: View, kept: dict[int, Word], scalars: set[int]) -> None:
        """Of what has no subscripts, keep what acts on an element, as shadows."""
        acting: set[int] = set()
        piped: set[int] = set()
        for arrow in view.arrows:
            if arrow.pipe:
                piped.update((arrow.end,) if arrow.start + 1 not in scalars else ())
                continue
            end = arrow.end
            if (word := view.by_id.get(end)) is not None and word.kind == 11:
                end += 1
            if end in kept and end not in scalars and kept[end].kind == 10:
                acting.add(arrow.start)
        for number in scalars & set(kept):
            word = kept[number]
            if number in piped:
                kept[number] = _comment(word)
            elif number in acting and word.role != "flow":
                kept[number] = _shadow(word)
            elif number in acting:
                kept[number] = _shadow(replace(word, shape=8))
            else:
                del kept[number]

    def _records(self, view: View, kept: Mapping[int, Word]) -> Iterator[Record]:
        """Words that are kept, and arrows between them; but for what only stood at arrows that are gone."""
        arrows = {
            a.id: a
            for a in view.arrows
            if a.start in kept
            and a.end in kept
            and (a.pipe or not (kept[a.end].kind == 10 and kept[a.end].shadow))
            and self._acts(a, kept)
        }

        def whole(number: int) -> tuple[int, ...]:
            """A word, or a valve and the name below it."""
            here, before = view.by_id.get(number), view.by_id.get(number - 1)
            if here is not None and here.kind == 11:
                return number, number + 1
            return (number - 1, number) if before is not None and before.kind == 11 else (number,)

        was, now = (
            {n for a in some for end in (a.start, a.end) for n in whole(end)}
            for some in (view.arrows, arrows.values())
        )
        defining = {n for w in kept.values() if w.kind == 10 and not w.shadow for n in whole(w.id)}
        for record in view.records:
            if isinstance(record, Other):
                yield record
            elif isinstance(record, Arrow):
                if record.id in arrows:
                    yield record
            elif record.id in kept and record.id not in was - now - defining:
                yield kept[record.id]

    def _acts(self, arrow: Arrow, kept: Mapping[int, Word]) -> bool:
        """Whether an arrow's or pipe's cause stands in the equation at its end, for the element of the view."""
        start, end = (
            kept.get(number + 1, kept[number]) if kept[number].kind == 11 else kept[number]
            for number in (arrow.start, arrow.end)
        )
        if start.kind != 10 or end.kind != 10 or end.key not in self.causes:
            return True
        return start.key in self.causes[end.key]

    # -- lists

    def _with_lists(self, made: Sequence[tuple[View, Sequence[View]]], like: View) -> list[View]:
        """What stands nowhere yet, below the view of its variable or of most of its group, or on views of its own."""
        homes = {
            key: number for number, (_, pages) in enumerate(made) for page in pages for key in page.defined
        }
        groups: dict[str, Counter[int]] = {}
        for key, number in homes.items():
            if key in self.model.variables:
                groups.setdefault(self.model.variables[key].group, Counter())[number] += 1
        below: dict[int, list[str]] = {}
        apart: dict[str, list[str]] = {}
        for (key, _), name in self.flat.names.items():
            if fold(name) in self.defined:
                continue
            group = self.model.variables[key].group
            if key in homes:
                below.setdefault(homes[key], []).append(name)
            elif group in groups:
                below.setdefault(groups[group].most_common(1)[0][0], []).append(name)
            else:
                apart.setdefault(group or "Variables", []).append(name)
        found = []
        for number, (view, _) in enumerate(made):
            more = _listed(below[number], view) if number in below else ()
            if view.records or number in below:
                found.append(View(view.name, view.head, (*view.records, *more), view.style))
        for group, names in apart.items():
            title = self._title(f"{group[: _LETTERS - 5].rstrip()} list")
            head = like.head.replace(f"*{like.name}", f"*{title}", 1)
            found.append(View(title, head, tuple(_listed(names, None)), like.style))
        return found


def _sector(view: View) -> str:
    """What the pages of a sector have in common: the name without a last number."""
    stem = _LAST_NUMBER.sub("", view.name)
    return view.name if fold(stem) == _UNNAMED else stem


def _is_heading(word: Word, view: View) -> bool:
    """Whether a word repeats the name of its view."""
    start = " ".join(fold(view.name).split()[:2])
    return word.kind == 12 and fold(word.text or "").startswith(start)


def _headed(view: View, element: str) -> View:
    """Add the element to the heading that a page opens with, if it repeats the page's name; else put it above."""
    for number, record in enumerate(view.records):
        if isinstance(record, Word) and _is_heading(record, view):
            text = f"{record.text}: {element}"
            wide = round(record.w * len(text) / len(record.text or text))
            changed = replace(record, text=text, x=record.x + wide - record.w, w=wide, raw="")
            return replace(view, records=(*view.records[:number], changed, *view.records[number + 1 :]))
    left, top, *_ = _frame(view)
    w, h = size_of(element, size=14)
    fields = ("0", "0", "0-0-0", "0-0-0", "|14|B|0-0-0")
    mark = Word(12, view.last + 1, "0", round(left + w), round(top - 3 * h), round(w), round(h), 8, 4, 0, 24, -1,
                rest=fields, text=element)  # fmt: skip
    return replace(view, records=(*view.records, mark))


def _frame(view: View) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what stands on a view."""
    boxes: list[tuple[float, float, float, float]] = [
        (w.x - w.w, w.y - w.h, w.x + w.w, w.y + w.h) for w in view.words
    ]
    boxes += [(x, y, x, y) for a in view.arrows for x, y in a.points if x or y]
    return (
        min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    )  # fmt: skip


def _joined(tiles: Sequence[_Tile]) -> Iterator[Record]:
    """Records of a view that holds pages as a table: a column for each page, a row for each element."""
    narrow = [replace(tile, view=_narrowed(tile.view)) for tile in tiles]
    frames = {(tile.row, tile.column): _frame(tile.view) for tile in narrow}
    lefts, tops = {}, {}
    left, top = float(_LEFT), float(_TOP)
    for column in sorted({c for _, c in frames}):
        own = [f for (_, c), f in frames.items() if c == column]
        lefts[column] = left - min(f[0] for f in own)
        left = lefts[column] + max(f[2] for f in own) + _BESIDE
    for row in sorted({r for r, _ in frames}):
        own = [f for (r, _), f in frames.items() if r == row]
        tops[row] = top - min(f[1] for f in own)
        top = tops[row] + max(f[3] for f in own) + _BELOW
    last = 0
    for tile in sorted(narrow, key=lambda t: (t.row, t.column)):
        dx, dy = round(lefts[tile.column]), round(tops[tile.row])
        yield from _moved(tile.view, lambda x, d=dx: x + d, lambda y, d=dy: y + d, last)  # type: ignore[misc]
        last += tile.view.last


def _narrowed(view: View) -> View:
    """The same view with its empty bands narrowed."""
    across = _squeeze([(w.x - w.w, w.x + w.w) for w in view.words])
    down = _squeeze([(w.y - w.h, w.y + w.h) for w in view.words])
    return replace(view, records=tuple(_moved(view, across, down, 0)))


def _squeeze(spans: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """A map of coordinates under which bands that no span covers keep a few pixels."""
    cuts: list[tuple[float, float]] = []  # end of a band, what it loses
    reach = max(high for _, high in spans[:1])
    for low, high in sorted(spans):
        if low - reach > _BAND:
            cuts.append((low, low - reach - _BAND))
        reach = max(high, reach)
    ends = [at for at, _ in cuts]
    lost = list(itertools.accumulate((loss for _, loss in cuts), initial=0.0))

    def place(at: float) -> float:
        number = bisect_right(ends, at)
        back = lost[number]
        if number < len(cuts):  # inside a band that is narrowed
            end, loss = cuts[number]
            back += max(0.0, min(loss, at - (end - loss - _BAND)))
        return at - back

    return place


def _moved(
    view: View, across: Callable[[float], float], down: Callable[[float], float], first: int
) -> Iterator[Record]:
    """Records at other places, with other numbers."""
    for record in view.records:
        if isinstance(record, Word):
            yield replace(
                record, id=record.id + first, x=round(across(record.x)), y=round(down(record.y)), raw=""
            )
        elif isinstance(record, Arrow):
            points = tuple(
                (float(round(across(x))), float(round(down(y)))) if x or y else (x, y)
                for x, y in record.points
            )
            yield replace(
                record, id=record.id + first, start=record.start + first, end=record.end + first,
                points=points, raw="",
            )  # fmt: skip
        else:
            yield record


def _listed(names: Sequence[str], view: View | None) -> Iterator[Word]:
    """Names in columns, below what stands on a view."""
    _, _, right, bottom = _frame(view) if view is not None and view.words else (0, 0, 0, 0)
    columns = max(_COLUMNS, int(right // _ACROSS), -(-len(names) // _ROWS))
    first = view.last if view is not None else 0
    rows = -(-len(names) // columns)
    y = bottom + 60
    for row in range(rows):
        line = names[row::rows]
        sizes = [size_of(name) for name in line]
        high = max(h for _, h in sizes)
        for column, (name, (w, h)) in enumerate(zip(line, sizes, strict=True)):
            number = first + 1 + row * columns + column
            x, middle = 130 + column * _ACROSS, round(y + high)
            yield Word(10, number, quoted(name), x, middle, round(w), round(h), shape=8, bits=3)
        y += max(_DOWN, round(2 * high) + 14)


def _shadow(word: Word) -> Word:
    rest = ("0", "0", _GREY, "0-0-0", f"|9||{_GREY}")
    return replace(word, shape=8, bits=2, styles=3, place=-1, rest=rest, raw="")


def _comment(word: Word) -> Word:
    """A box that names a variable without defining it: a pipe can end there."""
    text = word.name.strip('"')
    rest = ("0", "0", _GREY, "0-0-0", f"|9||{_GREY}")
    return replace(word, kind=12, name="0", shape=3, bits=7, styles=3, place=-1, rest=rest, text=text, raw="")
