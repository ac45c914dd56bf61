"""Edits of a flat file carried over into the model with subscripts that it was made of."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flows.errors import FlowsError, InputError
from flows.model.ir import deep
from flows.references import fold
from flows.vensim.edit import Value, edit
from flows.vensim.flatten import Flat, flatten
from flows.vensim.parse import decoded, parse
from flows.vensim.spell import definition_text, expression_text, quoted, subscripts_text, wrapped
from flows.vensim.tree import Array, Definition, ModelText, Node, Num, Op, Points, bare
from flows.versions.equations import limits_text
from flows.versions.maths import canon
from flows.versions.unflatten import Place, Unflattening

__all__ = ["Carried", "carry", "flat_source"]


@dataclass(frozen=True)
class Carried:
    """A model with subscripts after what was edited in its flat form.

    Attributes
    ----------
    data : bytes
        The file: only the bytes of what changed differ from the old one.
    text : ModelText
        The same, read.
    flat : ModelText
        It without subscripts, to be held against the flat file: what still differs couldn't be carried.
    forms : mapping of str to str
        Folded flat name → text form.
    """

    data: bytes
    text: ModelText
    flat: ModelText
    forms: Mapping[str, str]


def flat_source(flat: Flat, path: str) -> ModelText:
    """Read a model without subscripts, without its sketch."""
    return parse(flat.body + flat.settings, path)


@deep
def carry(data: bytes, old: ModelText, flat: Flat, new: ModelText) -> Carried:
    """Carry edits of a flat file over into the model with subscripts.

    Carried are numbers of elements, equations that changed alike in all elements, points of lookups, comments, and
    variables that are new. Not carried are units, names, what is gone, and equations of some elements only.

    Parameters
    ----------
    data : bytes
        The file with subscripts.
    old : ModelText
        The same, read.
    flat : Flat
        `flows.vensim.flatten.flatten` of it.
    new : ModelText
        The flat file after its edits.

    Returns
    -------
    Carried
        The old file where nothing can be carried.
    """
    found = _Edits(old, flat_source(flat, old.path), new)
    found.collect()
    try:
        after = _edited(data, found.values, found.comments, old.path)
        after = _with_added(after, old.path, found.added)
        text = parse(decoded(after)[0], old.path)
        made = flatten(text)
    except FlowsError:
        return Carried(data, old, flat_source(flat, old.path), flat.forms)
    return Carried(after, text, flat_source(made, old.path), made.forms)


def _edited(data: bytes, values: Mapping[str, Value], comments: Mapping[str, str], path: str) -> bytes:
    """The file after its changes; what can't be said as one is left out."""
    try:
        return edit(data, values, comments=comments, path=path)
    except InputError:
        pass
    for key, value in values.items():
        with contextlib.suppress(InputError):
            data = edit(data, {key: value}, path=path)
    for key, comment in comments.items():
        with contextlib.suppress(InputError):
            data = edit(data, {}, comments={key: comment}, path=path)
    return data


@dataclass
class _Edits:
    """What changed in a flat file, put as changes of the model with subscripts."""

    old: ModelText
    made: ModelText
    new: ModelText
    values: dict[str, Value] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    added: list[tuple[str, str]] = field(default_factory=list)  # group, block

    def collect(self) -> None:
        """Go through all equations."""
        back = Unflattening(self.old)
        were = {fold(d.name): d for d in self.made.definitions}
        are = {fold(d.name): d for d in self.new.definitions}
        gained = frozenset(n for n in are if n not in were)
        for definition in self.old.definitions:
            names = back.flat_names(definition)
            pairs = {p: (were[n], are[n]) for p, n in names.items() if n in were and n in are}
            if len(pairs) == len(names) and pairs:
                self._equation(back, definition, pairs, gained)
                self._comment(definition, list(pairs.values()))
        for name in gained:
            self._added(back, are[name], gained)

    def _left(self, definition: Definition) -> str:
        return quoted(definition.name) + subscripts_text(definition.subscripts)

    def _equation(
        self,
        back: Unflattening,
        definition: Definition,
        pairs: Mapping[Place, tuple[Definition, Definition]],
        gained: frozenset[str],
    ) -> None:
        moved = {p: b for p, (a, b) in pairs.items() if canon(a.expression) != canon(b.expression)}
        if not moved or any((a.operator, a.keyword) != (b.operator, b.keyword) for a, b in pairs.values()):
            return
        nodes = {p: b.expression for p, (_, b) in pairs.items() if b.expression is not None}
        if len(nodes) < len(pairs):
            return
        numbers = {p: number for p, n in nodes.items() if (number := _number(n)) is not None}
        left = self._left(definition)
        if isinstance(definition.expression, (Num, Array)) and set(moved) <= set(numbers):
            if isinstance(definition.expression, Num) and len(set(numbers.values())) == 1:
                self.values[left] = next(iter(numbers.values()))
                return
            for place in moved:
                element = f"[{','.join(back.element_spelling[e] for e in place)}]" if place else ""
                self.values[quoted(definition.name) + element] = numbers[place]
            return
        first = next(iter(nodes.values()))
        if isinstance(first, Points):
            if all(bare(n) == bare(first) for n in nodes.values()):
                self.values[left] = list(zip(first.x, first.y, strict=True))
            return
        found = back.equation(definition, nodes, gained)
        if found is not None:
            self.values[left] = expression_text(found)

    def _comment(self, definition: Definition, pairs: Sequence[tuple[Definition, Definition]]) -> None:
        """Carry a comment that all elements share now."""
        said = {b.comment for _, b in pairs}
        if len(said) == 1 and any(a.comment != b.comment for a, b in pairs) and definition.comment:
            (comment,) = said
            self.comments[self._left(definition)] = comment

    def _added(self, back: Unflattening, definition: Definition, gained: frozenset[str]) -> None:
        """Carry a variable that is new."""
        if definition.expression is None or definition.operator not in ("=", "=="):
            if not isinstance(definition.expression, Points):
                return
            right: Node | None = definition.expression
        else:
            right = back.equation(definition, {(): definition.expression}, gained)
        if right is None:
            return
        text = definition_text(definition)
        if not isinstance(right, Points):
            text = f"{quoted(definition.name)} {definition.operator} {expression_text(right)}"
        units = f"{definition.units} {limits_text(definition)}".strip()
        block = f"{wrapped(text)}\n\t~\t{units}\n\t~\t{wrapped(definition.comment, start=3)}\n\t|"
        self.added.append((definition.group, block))


def _number(node: Node) -> float | None:
    match node:
        case Num():
            return node.value
        case Op(operator="-", operands=(Num() as only,)):
            return -only.value
    return None


def _with_added(data: bytes, path: str, added: Sequence[tuple[str, str]]) -> bytes:
    """Put blocks behind the last one of their group, or behind all."""
    for group, block in added:
        text, encoding, mark = decoded(data)
        definitions = parse(text, path).definitions
        last = max((d.end for d in definitions if d.group == group), default=max(d.end for d in definitions))
        end = "\r\n" if "\r\n" in text else "\n"
        at = mark + (len(text[:last].encode(encoding)) if encoding == "utf-8" else last)
        data = data[:at] + (end * 2 + block.replace("\n", end)).encode(encoding) + data[at:]
    return data
