r"""Edits by program: only the bytes of the equation concerned change, whatever the file's encoding and line ends.

`edit` takes the bytes of a model file and gives them back with other right sides or comments. What it doesn't touch
stays byte for byte; what it writes is read back before it is returned.

Examples
--------
>>> text = b"rate=\r\n\t0.5\r\n\t~\t1/Month\r\n\t~\tPer person.\r\n\t|\r\n"
>>> edit(text, {"rate": 0.75}, comments={"rate": "A share."})
b'rate=\r\n\t0.75\r\n\t~\t1/Month\r\n\t~\tA share.\r\n\t|\r\n'
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from flows.errors import InputError, ModelError, near
from flows.model.ir import Range, deep
from flows.references import Reference, fold, parse_reference
from flows.vensim.grammar import Reader, Source, without_comments
from flows.vensim.lower import lower
from flows.vensim.parse import decoded, parse, part_end, refuse_no_text
from flows.vensim.sides import Side, Splice, laid_out
from flows.vensim.spell import number_text, wrapped
from flows.vensim.tree import Apply, Array, Definition, ModelText, Node, Num, Points, bare

__all__ = ["Value", "edit", "value_of"]

Value = float | str | ArrayLike
"""A number, the text of an equation, a list of numbers, or the points of a lookup."""

ONE_NUMBER = "one number"
"""What the refusal of a list expects where a variable or element takes a single value."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_MOST_DIMENSIONS = 2  # of a list of numbers


@dataclass
class _Change:
    """What happens to one equation: a new right side, or some elements of its list."""

    where: str
    whole: Value | None = None
    cells: dict[int, tuple[float, str]] = field(default_factory=dict)


@deep
def edit(
    data: bytes,
    changes: Mapping[str, Value],
    *,
    comments: Mapping[str, str] | None = None,
    digits: int | None = None,
    path: str = "<bytes>",
) -> bytes:
    """Change right sides and comments of a model file.

    Parameters
    ----------
    data : bytes
        The file.
    changes : mapping of str to value
        By text form (``name`` or ``name[Element,Element]``):

        - a number: of a constant, of one element of a list of constants, of the initial value of a stock, or in the
          place of any other equation. For a constant with subscripts ``name`` means all its elements;
        - numbers, nested or flat, in row order: of all elements of a constant. A list keeps its rows and alignment;
        - pairs ``(x, y)``: the points of a lookup, or of a whole ``WITH LOOKUP(input, points)``;
        - a text: the right side as the file writes it, such as ``"INTEG(arrivals - leaving, 5)"``.
    comments : mapping of str to str, optional
        New comments, by name.
    digits : int, optional
        Significant digits that numbers are rounded to; by default they are written so that the same bits are read.
    path : str
        Name of the file, for messages.

    Returns
    -------
    bytes
        The file after the changes; the same bytes where nothing changes. Units, flags, sketch and settings stay.

    Raises
    ------
    InputError
        If a variable, an element or a form doesn't exist, or a value can't stand there.
    ModelError
        If the file can't be read.
    """
    refuse_no_text(data, path)
    text, encoding, mark = decoded(data)
    source = parse(text, path)
    plan = _Plan(source, digits)
    for key, value in changes.items():
        plan.add(key, value)
    for key, comment in (comments or {}).items():
        plan.add_comment(key, comment)
    splices = plan.splices()
    new = text
    for splice in reversed(splices):
        new = new[: splice.start] + splice.text + new[splice.end :]
    plan.check(parse(new, path))
    return _spliced(data, text, splices, encoding, mark, path)


def value_of(text: str) -> Value:
    """Read a value as typed: a number, numbers, points in parentheses, or else the text of an equation.

    Examples
    --------
    >>> value_of("3"), value_of("1, 2; 3, 4;"), value_of("(0,1), (2,3)"), value_of("a + b")
    (3.0, [[1.0, 2.0], [3.0, 4.0]], [(0.0, 1.0), (2.0, 3.0)], 'a + b')
    """
    text = text.strip()
    for typed in (text, f"({text})"):
        reader = Reader(Source("", typed), without_comments(typed), 0)
        try:
            if reader.at_symbol("("):
                points = reader.points(reader.take().at)
                paired = "(" in typed[1:] and not typed[1:].lstrip().startswith("[")
                if reader.token.kind == "end" and paired:
                    return list(zip(points.x, points.y, strict=True))
                continue
            array = reader.array()
            if array is not None:
                return [list(row) for row in array.rows] if len(array.rows) > 1 else list(array.rows[0])
            value = reader.number("a number")
            if reader.token.kind == "end":
                return value
        except ModelError:
            continue
    return text


def _spliced(data: bytes, text: str, splices: Sequence[Splice], encoding: str, mark: int, path: str) -> bytes:
    """Put the new pieces in, by bytes: what stands between them is never decoded and encoded again."""
    pieces: list[bytes] = []
    at_text, at_bytes, taken = 0, mark, 0

    def to(offset: int) -> int:
        nonlocal at_text, at_bytes
        between = offset - at_text
        at_bytes += len(text[at_text:offset].encode(encoding)) if encoding == "utf-8" else between
        at_text = offset
        return at_bytes

    for splice in splices:
        pieces.append(data[taken : to(splice.start)])
        try:
            pieces.append(splice.text.encode(encoding))
        except UnicodeEncodeError as error:
            raise InputError(
                f"{error.object[error.start]!r} can't be written to this file, which is in an old code page",
                where=path,
                remedy="Save the file as UTF-8 first, with {UTF-8} as its first line",
            ) from None
        taken = to(splice.end)
    return b"".join([*pieces, data[taken:]])


class _Plan:
    """All changes of one file, sorted by equation."""

    def __init__(self, source: ModelText, digits: int | None) -> None:
        self.source, self.digits = source, digits
        self.tokens = Source(source.path, source.text)
        self.ranges: Mapping[str, Range] = lower(source, errors=[]).ranges
        self.by_name: dict[str, list[int]] = {}
        for number, definition in enumerate(source.definitions):
            self.by_name.setdefault(fold(definition.name), []).append(number)
        self.changes: dict[int, _Change] = {}
        self.comments: dict[int, str] = {}
        self.expected: dict[int, Node | None] = {}

    # -- which equation, which elements

    def axes(self, definition: Definition) -> tuple[tuple[str, ...], ...]:
        """Elements along each subscript of a left side."""
        return tuple(self._elements(s.name) for s in definition.subscripts)

    def _elements(self, name: str) -> tuple[str, ...]:
        found = self.ranges.get(fold(name))
        return (fold(name),) if found is None else found.elements

    def _find(self, key: str) -> tuple[list[int], tuple[str, ...], str]:
        """Equations of a variable, the elements asked for, and the place for messages."""
        where = f'"{key}"'
        reference = parse_reference(key, where=where)
        if reference.month is not None:
            raise InputError("an equation holds for the whole run", where=where, remedy="Leave the date out")
        numbers = self.by_name.get(fold(reference.name))
        if numbers is None:
            raise InputError(
                f'no variable "{reference.name}" in {self.source.path}',
                where=where,
                remedy=self._other_form(reference)
                or near(reference.name, [d.name for d in self.source.definitions]),
            )
        elements = tuple(map(fold, reference.elements))
        definitions = [self.source.definitions[n] for n in numbers]
        expected = {len(d.subscripts) for d in definitions}
        if elements and len(elements) not in expected:
            raise InputError(
                f'"{definitions[0].name}" has {max(expected) or "no"} subscript{"s" if max(expected) != 1 else ""}',
                where=where,
                found=str(len(elements)),
                expected=" or ".join(str(n) for n in sorted(expected)) if max(expected) else "no brackets",
            )
        same = [
            n
            for n, d in zip(numbers, definitions, strict=True)
            if tuple(fold(s.name) for s in d.subscripts) == elements
        ]
        if elements and same:
            return same, (), where  # the left side as the file has it
        return numbers, elements, where

    def _other_form(self, reference: Reference) -> str:
        """Say what a name with subscripts is called in a file without, and the other way round."""
        flat = self.by_name.get(fold(" ".join((reference.name, *reference.elements))))
        if reference.elements and flat:
            return f'Write the name that it has in this file: "{self.source.definitions[flat[0]].name}"'
        key = fold(reference.name)
        for definition in self.source.definitions:
            stem = fold(definition.name) + " "
            if reference.elements or not definition.subscripts or not key.startswith(stem):
                continue
            for places in itertools.islice(itertools.product(*self.axes(definition)), 10_000):
                if key == stem + " ".join(places):
                    spelt = {
                        e: s
                        for r in self.ranges.values()
                        for e, s in zip(r.elements, r.spellings, strict=True)
                    }
                    named = ",".join(spelt.get(e, e) for e in places)
                    return f'Write the name that it has in this file: "{definition.name}[{named}]"'
        return ""

    def _holding(self, numbers: Iterable[int], elements: tuple[str, ...], where: str) -> tuple[int, int]:
        """The equation that defines an element, and the element's flat position in it."""
        known: set[str] = set()
        for number in numbers:
            definition = self.source.definitions[number]
            axes = self.axes(definition)
            known.update(*axes)
            if not all(e in axis for e, axis in zip(elements, axes, strict=True)):
                continue
            left_out = ([self._elements(s.name) for s in exception] for exception in definition.exceptions)
            if any(all(e in axis for e, axis in zip(elements, hole, strict=False)) for hole in left_out):
                continue
            flat = 0
            for element, axis in zip(elements, axes, strict=True):
                flat = flat * len(axis) + axis.index(element)
            return number, flat
        missing = next((e for e in elements if e not in known), elements[0])
        spelt = {e: s for r in self.ranges.values() for e, s in zip(r.elements, r.spellings, strict=True)}
        raise InputError(
            "no equation defines this element",
            where=where,
            remedy=near(missing, [spelt.get(k, k) for k in known]),
        )

    # -- what is to change

    def add(self, key: str, value: Value) -> None:
        """Take in one change."""
        numbers, elements, where = self._find(key)
        if elements:
            number, flat = self._holding(numbers, elements, where)
            if math.prod(map(len, self.axes(self.source.definitions[number]))) > 1:
                if isinstance(value, str) or np.ndim(value) > 0:
                    raise InputError(
                        "this element has no equation of its own",
                        where=where,
                        expected=f"a number, or the whole equation as {self._left(number)}",
                    )
                self._cell(number, flat, value, where)
                return
            numbers = [number]
        if len(numbers) == 1:
            self._whole(numbers[0], value, where)
        elif isinstance(value, str):
            raise InputError(
                f"there are {len(numbers)} equations of this variable",
                where=where,
                expected="one of " + ", ".join(map(self._left, numbers[:6])),
            )
        else:
            for number in numbers:
                node = self.source.definitions[number].expression
                if not isinstance(node, (Num, Array)) and not (
                    isinstance(node, Apply) and fold(node.name) == "integ" and np.ndim(value) == 0
                ):
                    raise InputError(
                        f"{self._left(number)} is computed from an equation",
                        where=where,
                        remedy="Change the elements that are numbers one by one",
                    )
            if np.ndim(value) > 0:
                self._spread(numbers, value, where)
                return
            for number in numbers:
                self._whole(number, value, where)

    def _left(self, number: int) -> str:
        definition = self.source.definitions[number]
        subs = ",".join(s.name for s in definition.subscripts)
        return f"{definition.name}[{subs}]" if subs else definition.name

    def _spread(self, numbers: list[int], value: Value, where: str) -> None:
        """Give each element of a variable with several equations its number."""
        axes = [self.axes(self.source.definitions[n]) for n in numbers]
        needed = [list(dict.fromkeys(e for a in axes for e in a[d])) for d in range(len(axes[0]))]
        for d, elements in enumerate(needed):
            holders = [r.elements for r in self.ranges.values() if set(elements) <= set(r.elements)]
            if holders:
                smallest = min(holders, key=len)
                needed[d] = list(smallest)
        flat = self._numbers(value, [len(n) for n in needed], where)
        for elements_, number in zip(itertools.product(*needed), flat, strict=True):
            target, place = self._holding(numbers, elements_, where)
            if math.prod(map(len, self.axes(self.source.definitions[target]))) > 1:
                self._cell(target, place, number, where)
            else:
                self._whole(target, number, where)

    def _numbers(self, value: Value, shape: Sequence[int], where: str) -> list[float]:
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise InputError(
                "not a list of numbers",
                where=where,
                found=str(value)[:60],
                expected=f"{math.prod(shape)} numbers",
            ) from None
        long = [[n for n in sizes if n != 1] for sizes in (array.shape, shape)]
        if array.size != math.prod(shape) or (array.ndim > 1 and long[0] != long[1]):
            raise InputError(
                "the list doesn't fit the subscripts",
                where=where,
                found=" by ".join(map(str, array.shape)) + " numbers",
                expected=ONE_NUMBER if math.prod(shape) == 1 else " by ".join(map(str, shape)) + " numbers",
            )
        return [float(v) for v in array.ravel()]

    def _whole(self, number: int, value: Value, where: str) -> None:
        change = self.changes.setdefault(number, _Change(where))
        if change.whole is not None or change.cells:
            raise InputError(
                f"{self._left(number)} is changed twice", where=where, remedy="Leave one of them"
            )
        change.whole = value

    def _cell(self, number: int, flat: int, value: Value, where: str) -> None:
        change = self.changes.setdefault(number, _Change(where))
        if change.whole is not None or flat in change.cells:
            raise InputError(
                f"{self._left(number)} is changed twice", where=where, remedy="Leave one of them"
            )
        assert isinstance(value, (int, float, np.number, np.ndarray))
        change.cells[flat] = (float(value), where)

    def add_comment(self, key: str, comment: str) -> None:
        """Take in a new comment."""
        numbers, elements, where = self._find(key)
        if elements:
            numbers = [self._holding(numbers, elements, where)[0]]
        if bad := {"~", "|"} & set(comment):
            raise InputError(
                "a comment can't hold ~ or |",
                where=where,
                found=f'"{min(bad)}"',
                remedy="Write a word in its place",
            )
        definitions = self.source.definitions
        number = next((n for n in numbers if definitions[n].comment), numbers[0])
        self.comments[number] = " ".join(comment.split())

    # -- new text

    def splices(self) -> list[Splice]:
        """All changes as stretches of text, in their order; none where a value stays."""
        found: list[Splice] = []
        for number in self.changes:
            made = self._right_side(number)
            if bare(self.expected[number]) != bare(self.source.definitions[number].expression):
                found += made
        found += [s for number in self.comments for s in self._comment(number)]
        return sorted(
            (s for s in found if self.source.text[s.start : s.end] != s.text), key=lambda s: s.start
        )

    def _line_end(self, definition: Definition) -> str:
        text = self.source.text
        match = _LINE_END.search(text, definition.start, definition.end) or _LINE_END.search(text)
        return match[0] if match else "\n"

    def _right_side(self, number: int) -> list[Splice]:
        definition, change = self.source.definitions[number], self.changes[number]
        side = Side(self.tokens, definition)
        where, node = change.where, definition.expression
        value: Value
        if change.cells:
            size = math.prod(map(len, self.axes(definition)))
            if isinstance(node, Array):
                flat = [v for row in node.rows for v in row]
            elif isinstance(node, Num):
                flat = [node.value] * size
            else:
                raise InputError(
                    f"one equation computes all elements of {self._left(number)}",
                    where=where,
                    expected="an element of a list of numbers",
                    remedy=f"Change the equation as a whole, as {self._left(number)}",
                )
            for place, (number_, _) in change.cells.items():
                flat[place] = number_
            value = flat
        else:
            assert change.whole is not None
            value = change.whole
        if isinstance(value, str):
            return self._equation(number, side, value, where)
        if np.ndim(value) == 0:
            return self._number(number, side, float(np.asarray(value, dtype=float)), where)
        if isinstance(_curve(node), Points):
            return self._points(number, side, value, where)
        return self._list(number, side, value, where)

    def _text(self, value: float) -> tuple[str, float]:
        """A number as written, and what is read from that."""
        text = number_text(value, self.digits)
        return text, value if text == ":NA:" else float(text)

    def _number(self, number: int, side: Side, value: float, where: str) -> list[Splice]:
        definition = self.source.definitions[number]
        node = definition.expression
        if isinstance(_curve(node), Points) or definition.operator in ("(", ":IS:"):
            kind = "a text" if definition.operator == ":IS:" else "a lookup"
            raise InputError(
                f'"{definition.name}" is {kind}, no number',
                where=where,
                expected="points (x, y), or an equation",
            )
        if node is None or definition.operator == ":=" or definition.keyword:
            raise InputError(f'"{definition.name}" is read from data', where=where)
        text, read = self._text(value)
        new = Num(read, 0)
        start, end = side.start, side.end
        if isinstance(node, Apply) and fold(node.name) == "integ":
            start, end = side.argument("integ", 1)
            self.expected[number] = replace(node, arguments=(node.arguments[0], new))
        else:
            self.expected[number] = new
        return [Splice(start, end, text)]

    def _equation(self, number: int, side: Side, text: str, where: str) -> list[Splice]:
        definition = self.source.definitions[number]
        if side.start == side.end:
            raise InputError(f'"{definition.name}" is read from data', where=where)
        text = text.strip()
        node = _read(text, definition, where)
        self.expected[number] = node
        head = self.source.text[: side.start]
        column = side.start - max(head.rfind("\n"), head.rfind("\r")) - 1
        end = self._line_end(definition)
        if not _LINE_END.search(text):
            text = wrapped(text, start=column, end=end)
        return [Splice(side.start, side.end, _LINE_END.sub(lambda _: end, text))]

    def _list(self, number: int, side: Side, value: Value, where: str) -> list[Splice]:
        definition = self.source.definitions[number]
        node = definition.expression
        shape = [len(axis) for axis in self.axes(definition) if len(axis) > 1] or [1]
        if not isinstance(node, (Num, Array)):
            raise InputError(
                f'"{definition.name}" is computed from its equation',
                where=where,
                expected=ONE_NUMBER if shape == [1] else "a constant for a list of numbers",
            )
        if definition.exceptions or (isinstance(node, Num) and len(shape) > _MOST_DIMENSIONS):
            raise InputError(
                f"{self._left(number)} can't take a list of numbers",
                where=where,
                expected="one or two subscript ranges on the left side, without :EXCEPT:",
            )
        numbers = self._numbers(value, shape, where)
        made = [self._text(v) for v in numbers]
        rows = [len(row) for row in node.rows] if isinstance(node, Array) else shape[-1:] * shape[0]
        if isinstance(node, Num) and len(shape) == 1:
            rows = [shape[0]]
        ends = list(itertools.accumulate(rows))
        self.expected[number] = Array(
            tuple(tuple(v for _, v in made[e - n : e]) for n, e in zip(rows, ends, strict=True)), 0
        )
        texts = [t for t, _ in made]
        if isinstance(node, Array):
            old = [v for row in node.rows for v in row]
            kept = [None if read == was else text for (text, read), was in zip(made, old, strict=True)]
            return laid_out(self.source.text, side.numbers(), rows, kept)
        if len(made) == 1:
            self.expected[number] = Num(made[0][1], 0)
            return [Splice(side.start, side.end, texts[0])]
        end = self._line_end(definition)
        if len(rows) == 1:
            return [Splice(side.start, side.end, wrapped(", ".join(texts), end=end))]
        width = max(map(len, texts))
        lines = [
            ", ".join(t.rjust(width) for t in texts[e - n : e]) + ";" for n, e in zip(rows, ends, strict=True)
        ]
        return [Splice(side.start, side.end, (end + "\t").join(lines))]

    def _points(self, number: int, side: Side, value: Value, where: str) -> list[Splice]:
        definition = self.source.definitions[number]
        try:
            pairs = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            pairs = np.zeros(0)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f'"{definition.name}" is a lookup', where=where, expected="points (x, y)")
        made = [(self._text(x), self._text(y)) for x, y in pairs]
        new = Points(tuple(x for (_, x), _ in made), tuple(y for _, (_, y) in made), 0)
        if len(set(new.x)) < len(new.x):
            raise InputError(
                f'two points of "{definition.name}" have the same x',
                where=where,
                remedy="Write more digits" if self.digits else "Leave one of them out",
            )
        old = _curve(definition.expression)
        assert isinstance(old, Points)
        if isinstance(definition.expression, Apply):
            self.expected[number] = replace(
                definition.expression, arguments=(definition.expression.arguments[0], new)
            )
        else:
            self.expected[number] = new
        spans, paired, (start, end) = side.points()
        if paired:
            texts = [t for (x, _), (y, _) in made for t in (x, y)]
            was = [v for point in zip(old.x, old.y, strict=True) for v in point]
            read = [v for (_, x), (_, y) in made for v in (x, y)]
        else:
            texts = [x for (x, _), _ in made] + [y for _, (y, _) in made]
            was, read = [*old.x, *old.y], [*new.x, *new.y]
        if len(texts) == len(spans):
            kept = [None if r == w else t for t, r, w in zip(texts, read, was, strict=True)]
            return laid_out(self.source.text, spans, [len(spans)], kept)
        if paired:
            texts = [f"({x},{y})" for (x, _), (y, _) in made]
        return [Splice(start, end, wrapped(", ".join(texts), end=self._line_end(definition)))]

    def _comment(self, number: int) -> list[Splice]:
        definition, text = self.source.definitions[number], self.source.text
        body = text[: definition.end]
        at = part_end(self.tokens, body, definition.start)
        end = definition.end - 1
        tildes = [m.start() for m in re.finditer("~", text[at:end])][:3]
        comment, new = self.comments[number], self._line_end(definition)
        if comment == definition.comment:
            return []
        if len(tildes) < 2:
            return [Splice(end, end, f"{'~' * (2 - len(tildes))}{comment}")]
        start = at + tildes[1] + 1
        stop = at + tildes[2] if len(tildes) > 2 else end
        if len(tildes) > 2 and text[stop + 1 : end].strip()[:1] != ":":
            stop = end  # a comment in two parts
        old = text[start:stop]
        lead = old[: len(old) - len(old.lstrip())] if old.strip() else old[:1].strip("\r\n")
        tail = old[len(old.rstrip()) :] if old.strip() else old[len(lead) :]
        return [Splice(start, stop, lead + wrapped(comment, start=3, end=new) + tail)]

    # -- reading back

    def check(self, new: ModelText) -> None:
        """Hold the changed file against what was asked for."""
        old = self.source
        if (
            len(new.definitions) != len(old.definitions)
            or new.sketch != old.sketch
            or new.settings != old.settings
        ):
            raise _unread(old.path)
        for number, (a, b) in enumerate(zip(old.definitions, new.definitions, strict=True)):
            wanted = self.expected.get(number, a.expression)
            comment = self.comments.get(number, a.comment)
            same = (a.name, a.operator, a.keyword, a.units, repr(a.limits), a.flags, a.group, comment) == (
                b.name, b.operator, b.keyword, b.units, repr(b.limits), b.flags, b.group, b.comment,
            )  # fmt: skip
            if not same or bare(wanted) != bare(b.expression):
                raise _unread(f"{old.where(a.at)}, {a.name}")


def _unread(where: str) -> ModelError:
    return ModelError("the change doesn't read back as it was meant, so nothing was written", where=where)


def _curve(node: Node | None) -> Node | None:
    """Points of a lookup or of a whole WITH LOOKUP."""
    if isinstance(node, Apply) and fold(node.name) == "with lookup":
        return node.arguments[1]
    return node


def _read(text: str, definition: Definition, where: str) -> Node:
    """Read the right side of an equation on its own."""
    source = Source(where, text)
    source.subject = f'"{definition.name}"'
    reader = Reader(source, without_comments(text), 0)
    node: Node
    if definition.operator == "(":
        opened = reader.expect("(", "before the points of a lookup")
        node = reader.points(opened.at) if reader.token.kind != "name" else reader.expression()
        if not isinstance(node, Points):
            reader.closing(opened)
    elif definition.operator == ":IS:":
        node = reader.operand()
    else:
        node = reader.array() or reader.expression()
    if reader.token.kind != "end":
        raise reader.wrong("an operator, or the end of the equation")
    return node
