"""A model without subscripts, for Vensim's free edition: an equation for each element, sums written out.

``Migrants in transit[Haiti]`` becomes ``Migrants in transit Haiti``. What has no subscripts stays byte for byte; of
the rest every element has the units, the comment and the group of its variable; of a comment that speaks of elements
one after another (``… Haiti: …; Cuba: …. Source: …``) it has what is said of all and of itself. Settings stay but for
the selected elements.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flows.errors import ModelError, UnsupportedError
from flows.model.ir import deep
from flows.references import fold
from flows.vensim.functions import FUNCTIONS
from flows.vensim.grammar import Source
from flows.vensim.lower import Lowering
from flows.vensim.parse import part_end
from flows.vensim.series import external_kind
from flows.vensim.sides import Side
from flows.vensim.spell import expression_text, quoted, wrapped
from flows.vensim.tree import Apply, Array, Definition, ModelText, Name, Node, Num, Op, Sub, bare

__all__ = ["REDUCED", "Flat", "Flattening", "flatten"]

MOST = 200_000
"""Elements of all variables."""

REDUCED = {"sum": "+", "prod": "*", "vmin": "MIN", "vmax": "MAX"}
"""Functions that are written out, and the operator or function between their terms."""

_COMMENT = re.compile(r"(~[^~|]*~[ \t]*)([^~|]*?)(\s*(?:~[^|]*)?\|)", re.DOTALL)  # behind units; flags follow
_SENTENCE = re.compile(r"\.\s+(?=[A-Z])")
_SELECTED = re.compile(r"^6:[^\r\n]*(?:\r\n|\n|\r)", re.MULTILINE)
_WORKBENCH = re.compile(r"^(5:)[^\r\n]*\[[^\r\n]*", re.MULTILINE)

Place = tuple[str, tuple[str, ...]]
"""Folded name of a variable, and folded elements."""


@dataclass(frozen=True)
class Flat:
    """A model without subscripts.

    Attributes
    ----------
    body : str
        Equations, without sketch and settings.
    settings : str
        The settings.
    names : mapping of (str, tuple of str) to str
        Folded name and folded elements of each variable → its name without subscripts; also of those that have none.
    forms : mapping of str to str
        Folded name without subscripts → text form, such as ``Migrants in transit[Haiti]``, of those that had some.
    """

    body: str
    settings: str
    names: Mapping[Place, str]
    forms: Mapping[str, str]


@deep
def flatten(source: ModelText) -> Flat:
    """Write a model without subscripts.

    Parameters
    ----------
    source : ModelText
        A model without errors.

    Returns
    -------
    Flat

    Raises
    ------
    UnsupportedError
        For what can't be said without subscripts: vector functions, data and spreadsheets by element, random
        numbers by element.
    ModelError
        If the model has errors.
    """
    return Flattening(source).flat()


class Flattening(Lowering):
    """Reads the model as lowering does, for its ranges and mappings, and writes each equation by element."""

    def __init__(self, source: ModelText) -> None:
        super().__init__(source, (), None)
        self.names: dict[Place, str] = {}
        self.env: dict[str, str] = {}  # range of the left side → its element
        self.summed: list[dict[str, str]] = []  # ranges with ! → their element, innermost last
        self.owner: Definition | None = None
        self.tokens = Source(source.path, source.text)

    def flat(self) -> Flat:
        """The whole file without subscripts."""
        self.model()
        self._name_all()
        text, source = self.source.text, self.source
        pieces: list[str] = []
        at = 0
        blocks: list[tuple[int, int, Definition | None]] = [(d.start, d.end, d) for d in source.definitions]
        blocks += [(*self._extent(r.at), None) for r in source.ranges]
        for start, end, definition in sorted(blocks, key=lambda b: b[0]):
            pieces.append(text[at:start])
            at = end
            if definition is None:
                match = re.compile(r"[ \t]*(?:\r\n|\n|\r)*").match(text, end)
                at = match.end() if match else end
                continue
            pieces.append(self._block(definition))
        stop = len(text) - len(source.sketch) - len(source.settings)
        pieces.append(text[at:stop])
        settings = _WORKBENCH.sub(r"\1Time", _SELECTED.sub("", source.settings))
        forms = {
            fold(name): f"{self._spelling(key)}[{','.join(self.element_spelling[e] for e in place)}]"
            for (key, place), name in self.names.items()
            if place
        }
        return Flat("".join(pieces), settings, self.names, forms)

    def _spelling(self, key: str) -> str:
        return re.sub(r"\s+", " ", self.by_name[key][0].name)

    def _extent(self, at: int) -> tuple[int, int]:
        """Where the block of a range begins and ends."""
        end = part_end(self.tokens, self.source.text, at)
        return at, self.source.text.index("|", end) + 1

    def _name_all(self) -> None:
        """Give every element a name that nothing else has."""
        places = {
            key: list(dict.fromkeys(p for d in definitions for p in self._places(d)))
            for key, definitions in self.by_name.items()
        }
        if sum(map(len, places.values())) > MOST:
            raise ModelError(
                "the model has too many elements to write out", where=self.source.path,
                found=f"{sum(map(len, places.values())):,}", expected=f"{MOST:,} at most",
            )  # fmt: skip
        taken = {"time", *FUNCTIONS, *self.texts}
        taken.update(key for key, own in places.items() if own == [()])
        for key, own in places.items():
            for place in own:
                stem = " ".join([self._spelling(key), *(self.element_spelling[e] for e in place)])
                name, number = stem, 2
                while place and fold(name) in taken:
                    name, number = f"{stem} {number}", number + 1
                taken.add(fold(name))
                self.names[key, place] = name

    def _places(self, definition: Definition) -> Iterator[tuple[str, ...]]:
        """Elements that an equation defines, in row order."""
        holes = [[set(self._elements_of(s)) for s in e] for e in definition.exceptions]
        for place in itertools.product(*(elements for _, elements in self._axes(definition))):
            if not any(all(e in h for e, h in zip(place, hole, strict=True)) for hole in holes):
                yield place

    def _elements_of(self, sub: Sub) -> tuple[str, ...]:
        key = fold(sub.name)
        return self.ranges[key].elements if key in self.ranges else (key,)

    # -- blocks

    def _block(self, definition: Definition) -> str:
        """A block of the file, once for each element."""
        text = self.source.text
        whole = text[definition.start : definition.end]
        if fold(definition.name) in self.texts:
            return whole
        self.owner = definition
        node = definition.expression
        key = fold(definition.name)
        if not definition.subscripts:
            made = None if node is None else self._walk(node)
            if made is None or bare(made) == bare(node):
                return whole
            return self._written(definition, self.names[key, ()], made)
        if node is None or external_kind(node) is not None:
            raise self._cannot("a data variable or spreadsheet by element", definition.at)
        index = [axis[0] for axis in self._axes(definition)]
        values = iter([v for row in node.rows for v in row]) if isinstance(node, Array) else None
        found = []
        for place in self._places(definition):
            self.env = {i: e for i, e in zip(index, place, strict=True) if i is not None}
            one = Num(next(values), node.at) if values is not None else self._walk(node)
            found.append(self._written(definition, self.names[key, place], one, place))
        self.env = {}
        end = self._line_end()
        return f"{end}{end}".join(found)

    def _line_end(self) -> str:
        match = re.search(r"\r\n|\n|\r", self.source.text)
        return match[0] if match else "\n"

    def _tail(self, definition: Definition, place: tuple[str, ...]) -> str:
        """Units, comment and flags of an element."""
        tail = self.source.text[part_end(self.tokens, self.source.text, definition.start) : definition.end]
        spelt = [{e: self.element_spelling[e] for e in axis} for _, axis in self._axes(definition)]
        own = clauses_of(definition.comment, spelt, place)
        if own == definition.comment or (match := _COMMENT.fullmatch(tail)) is None:
            return tail
        return match[1] + wrapped(own, start=3, end=self._line_end()) + match[3]

    def _written(self, definition: Definition, name: str, node: Node, place: tuple[str, ...] = ()) -> str:
        end = self._line_end()
        side = Side(self.tokens, definition)
        tail = self._tail(definition, place)
        left = quoted(name) + (f" :{definition.keyword}:" if definition.keyword else "")
        if definition.operator == "(":
            points = self.source.text[side.start : side.end]
            return f"{left}{points}{end}\t{tail}"
        operator = definition.operator
        right = wrapped(expression_text(node), start=1, end=end)
        return f"{left}{operator}{end}\t{right}{end}\t{tail}"

    # -- expressions

    def _walk(self, node: Node) -> Node:
        match node:
            case Name():
                return self._flat_name(node)
            case Op():
                return Op(node.operator, tuple(map(self._walk, node.operands)), node.at)
            case Apply():
                return self._flat_call(node)
            case _:
                return node

    def _flat_name(self, node: Name) -> Node:
        key = fold(node.name)
        if key in self.by_name:
            place = tuple(self._element_for(s) for s in node.subscripts)
            if not place:
                return node
            name = self.names.get((key, place))
            if name is None:
                raise self._error(f'"{node.name}" has no equation for an element that is used here', node.at)
            return Name(quoted(name), (), node.at)
        if node.subscripts or key in ("time", *self.texts):
            return node
        element = self._image(key)
        if element is not None:
            return Num(float(self._position(element)), node.at)
        return Num(float(self._position(key)), node.at) if key in self.element_spelling else node

    def _image(self, key: str) -> str | None:
        """The element that a range of the left side, or one mapped from it, stands for."""
        if key in self.env:
            return self.env[key]
        for index, element in self.env.items():
            image = self.mappings.get((index, key))
            if image is not None and element in image:
                return image[element]
        return None

    def _element_for(self, sub: Sub) -> str:
        key = fold(sub.name)
        if sub.bang:
            return self.summed[-1][key]
        if key in self.env:
            return self.env[key]
        if key in self.element_spelling:
            return key
        element = self._image(key)
        if element is None:
            raise self._error(f'the range "{sub.name}" stands for no element here', sub.at)
        return element

    def _flat_call(self, node: Apply) -> Node:
        key = fold(node.name)
        owner = self.owner
        assert owner is not None
        if key in self.by_name:
            place = tuple(self._element_for(s) for s in node.subscripts)
            name = quoted(self.names[key, place]) if place else node.name
            return Apply(name, (), tuple(map(self._walk, node.arguments)), node.at)
        function = FUNCTIONS.get(key)
        if function is not None and key not in self.macros:
            if function.kind == "vector":
                raise self._cannot(function.name.upper(), node.at)
            if function.kind == "random" and owner.subscripts:
                raise self._cannot(f"{function.name.upper()} by element", node.at)
            if key == "elmcount":
                argument = node.arguments[0]
                assert isinstance(argument, Name)
                return Num(float(len(self.ranges[fold(argument.name)].elements)), node.at)
            if key in REDUCED:
                return self._reduced(node, key)
        outputs = tuple(n for n in map(self._flat_name, node.outputs) if isinstance(n, Name))
        return Apply(node.name, (), tuple(map(self._walk, node.arguments)), node.at, outputs, node.picked)

    def _reduced(self, node: Apply, key: str) -> Node:
        """SUM and its kin, written out."""
        ranges = list(dict.fromkeys(fold(s.name) for s in _bangs(node.arguments[0])))
        terms: list[Node] = []
        for place in itertools.product(*(self.ranges[r].elements for r in ranges)):
            self.summed.append(dict(zip(ranges, place, strict=True)))
            terms.append(self._walk(node.arguments[0]))
            self.summed.pop()
        sign = REDUCED[key]
        if sign in "+*":
            total = terms[0]
            for term in terms[1:]:
                total = Op(sign, (total, term), node.at)
            return total
        while len(terms) > 1:  # pairs of pairs: a chain could nest too deep
            terms = [
                Apply(sign, (), tuple(terms[k : k + 2]), node.at) if k + 1 < len(terms) else terms[k]
                for k in range(0, len(terms), 2)
            ]
        return terms[0]

    def _cannot(self, what: str, at: int) -> UnsupportedError:
        owner = self.owner
        name = owner.name if owner is not None else ""
        return UnsupportedError(
            f'"{name}" needs subscripts: {what} can\'t be written without',
            where=self.source.where(at),
            remedy="Write it by element, or keep the subscripts",
        )


def clauses_of(comment: str, axes: Sequence[Mapping[str, str]], place: Sequence[str]) -> str:
    """What a comment says of all elements and of one, where it goes through the elements one after another.

    Parameters
    ----------
    comment : str
        On one line.
    axes : sequence of mapping of str to str
        For each subscript its elements, folded name → spelling.
    place : sequence of str
        Folded elements.

    Returns
    -------
    str
        The whole comment unless it has a clause, ``element: …`` at the start of a sentence or behind a semicolon, for
        at least two and for at least half of the elements of a subscript.

    Examples
    --------
    >>> axes = [{"haiti": "Haiti", "cuba": "Cuba"}]
    >>> clauses_of("People who wait. Haiti: from 2021 on; Cuba: none. Source: assumption.", axes, ["cuba"])
    'People who wait. Cuba: none. Source: assumption.'
    """
    for axis, own in zip(axes, place, strict=False):
        names = "|".join(re.escape(name) for name in sorted(axis.values(), key=len, reverse=True))
        heads = list(re.finditer(rf"(?:^|(?<=[.;] ))({names}): ", comment, re.IGNORECASE))
        if len({fold(h[1]) for h in heads}) < max(2, len(axis) / 2):
            continue
        stops = [h.start() for h in heads[1:]] + [len(comment)]
        last = _SENTENCE.search(comment, heads[-1].end())
        rest = comment[last.end() :] if last else ""
        stops[-1] = last.start() if last else len(comment)
        mine = [comment[h.start() : stop] for h, stop in zip(heads, stops, strict=True) if fold(h[1]) == own]
        said = [part.rstrip(" ;.") + "." for part in mine]
        comment = " ".join(filter(None, [comment[: heads[0].start()].rstrip(), *said, rest]))
    return comment


def _bangs(node: Node) -> Iterator[Sub]:
    """Subscripts with ! of an argument, without those of sums inside it."""
    match node:
        case Name():
            yield from (s for s in node.subscripts if s.bang)
        case Op():
            for operand in node.operands:
                yield from _bangs(operand)
        case Apply():
            yield from (s for s in node.subscripts if s.bang)
            if fold(node.name) not in REDUCED:
                for argument in node.arguments:
                    yield from _bangs(argument)
