"""Views of a model without subscripts, from those of the model that it was made of.

A view that defines variables over a range is drawn once for each element, with everything at its place; what has no
subscripts is defined on the first of these and stands as a shadow on the others where it acts on an element. What is
left, such as numbers over other ranges, is listed on views of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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

__all__ = ["flat_text"]

_MOST_COPIES = 12  # elements that get a view each
_LETTERS = 30  # of a view's name (vensim-formats.md, section 2.1)
_NUMBERED = re.compile(r"^(\w)\w*\s+(\d+)\s+")  # "Sector 2 Transit" becomes "S2 Transit" where room is short
_LAST_NUMBER = re.compile(r" \d+$")
_GREY = "128-128-128"
_COLUMNS, _ACROSS, _DOWN = 5, 230, 34  # of a list, in pixels
_PER_LIST = 250


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
        The whole file. A model without views is laid out by sector.
    """
    sketch = parse_sketch(text, path)
    bare = parse_sketch(flat.body + flat.settings, path)
    if not sketch.views:
        return arrange(bare, lower(parse(bare.text, path)), anew=True).text
    drawn = _Drawn(flat, model)
    views = [copy for view in sketch.views for copy in drawn.copies(view)]
    views += drawn.lists(sketch.views[0])
    return replace(bare.replace(tuple(views)), newline=sketch.newline).text


@dataclass
class _Drawn:
    """What stands on views so far."""

    flat: Flat
    model: Model
    defined: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)

    def copies(self, view: View) -> list[View]:
        """A view for each element of its main range; the view itself, without subscripts, if it has none."""
        main = self._main(view)
        if main is None:
            return [self._copy(view, None, self._title(view.name), first=True)]
        longest = max(map(len, main.spellings)) + 1
        stem = view.name if len(view.name) + longest <= _LETTERS else _NUMBERED.sub(r"\1\2 ", view.name)
        made = []
        for number, (element, spelling) in enumerate(zip(main.elements, main.spellings, strict=True)):
            copy = self._copy(view, element, self._title(stem, spelling), first=number == 0)
            made.append(_headed(copy, view.name, spelling))
        return [v for v in made if any(w.kind == 10 for w in v.words)]

    def _title(self, name: str, element: str = "") -> str:
        """A name of 30 letters that no other view has."""
        room = _LETTERS - (len(element) + 1 if element else 0)
        number_at = _LAST_NUMBER.search(name)
        last = number_at[0] if number_at and len(name) > room else ""
        stem = name if len(name) <= room else name[: room - len(last)].rstrip() + last
        title, number = f"{stem} {element}".strip(), 2
        while fold(title) in self.titles:
            more = f" {number}"
            title = f"{stem[: room - len(more)].rstrip()}{more} {element}".strip()
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

    def _copy(self, view: View, element: str | None, title: str, *, first: bool) -> View:
        head = view.head.replace(f"*{view.name}", f"*{title}", 1)
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
        return View(title, head, tuple(records), view.style)

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

    @staticmethod
    def _records(view: View, kept: Mapping[int, Word]) -> Iterable[Record]:
        """Words that are kept, and arrows between them; clouds where a pipe still ends."""
        used: set[int] = set()
        arrows = []
        for arrow in view.arrows:
            if arrow.start in kept and arrow.end in kept:
                end = kept[arrow.end]
                if not arrow.pipe and end.kind == 10 and end.shadow:
                    continue
                arrows.append(arrow.id)
                used.update((arrow.start, arrow.end) if arrow.pipe else ())
        for record in view.records:
            if isinstance(record, Other):
                yield record
            elif isinstance(record, Arrow):
                if record.id in arrows:
                    yield record
            elif record.id in kept and (record.role != "cloud" or record.id in used):
                yield kept[record.id]

    # -- lists

    def lists(self, like: View) -> list[View]:
        """What stands nowhere yet, by group, in columns."""
        groups: dict[str, list[str]] = {}
        for (key, _), name in self.flat.names.items():
            if fold(name) not in self.defined:
                groups.setdefault(self.model.variables[key].group or "Variables", []).append(name)
        found = []
        for group, names in groups.items():
            for start in range(0, len(names), _PER_LIST):
                title = self._title(f"{group[: _LETTERS - 5].rstrip()} list")
                head = like.head.replace(f"*{like.name}", f"*{title}", 1)
                found.append(View(title, head, tuple(_listed(names[start : start + _PER_LIST])), like.style))
        return found


def _headed(view: View, name: str, element: str) -> View:
    """Add the element to the heading that a view opens with, if it repeats the view's name."""
    start = " ".join(fold(name).split()[:2])
    for number, record in enumerate(view.records):
        if isinstance(record, Word) and record.kind == 12 and fold(record.text or "").startswith(start):
            text = f"{record.text}: {element}"
            wide = round(record.w * len(text) / len(record.text or text))
            changed = replace(record, text=text, x=record.x + wide - record.w, w=wide, raw="")
            return replace(view, records=(*view.records[:number], changed, *view.records[number + 1 :]))
    return view


def _listed(names: Sequence[str]) -> Iterable[Word]:
    rows = -(-len(names) // _COLUMNS)
    y = 60
    for row in range(rows):
        line = names[row::rows]
        sizes = [size_of(name) for name in line]
        high = max(h for _, h in sizes)
        for column, (name, (w, h)) in enumerate(zip(line, sizes, strict=True)):
            number = 1 + row * _COLUMNS + column
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
