"""What differs between two versions of a model file: equations as maths, numbers, units, words; not text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flows.model.ir import Range, deep
from flows.references import fold
from flows.units import Units
from flows.vensim.lower import lower
from flows.vensim.spell import definition_text, number_text
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    ModelText,
    Node,
    Num,
    Points,
    RangeDefinition,
    Sub,
    bare,
)
from flows.versions.maths import canon, narrowed, renamed_tree
from flows.versions.renames import by_name, find_renames

__all__ = ["KINDS", "Change", "Difference", "Kind", "differences", "limits_text"]

Kind = Literal[
    "added", "removed", "renamed", "equation", "number", "range", "setting", "units", "limits", "comment", "group",
    "rearranged",
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "added", "removed", "renamed", "equation", "number", "range", "setting", "units", "limits", "comment", "group",
    "rearranged",
)  # fmt: skip
_MEANT = {22: "units that mean the same", 30: "files behind tags", 13: "data sets"}
_SETTING = re.compile(r"[\r\n](\d+):([^\r\n]*)")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes
    ----------
    kind : str
        ``added``, ``removed``, ``renamed``, ``equation``, ``number`` (a constant, an element of one, an initial value,
        a point of a lookup), ``range`` (a subscript range), ``setting``, ``units``, ``limits`` (the range beside the
        units), ``comment``, ``group``, or ``rearranged``: the same maths written differently.
    name : str
        The variable as the new version spells it (the old one where it is gone), with its element.
    old, new : str
        Equation, number, units … of either version; empty where there is none.
    percent : float or None
        Of a number that was not zero.
    part : tuple of (str, str) or None
        The smallest part of an equation that differs, old and new, where that is not the whole.
    line : int
        Of the new file, or of the old where the variable is gone; 0 for none.
    """

    kind: Kind
    name: str
    old: str = ""
    new: str = ""
    percent: float | None = None
    part: tuple[str, str] | None = None
    line: int = 0


@dataclass(frozen=True)
class Difference:
    """All differences of two versions.

    Attributes
    ----------
    changes : tuple of Change
        By kind, then in the order of the file.
    renamed : mapping of str to str
        Old folded name → new folded name, of variables, ranges and elements.
    sketch, layout : bool
        Whether diagrams differ; whether the text of equations does beyond what `changes` tell.
    """

    changes: tuple[Change, ...]
    renamed: Mapping[str, str]
    sketch: bool
    layout: bool

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """Changes of one kind."""
        return tuple(c for c in self.changes if c.kind == kind)

    @property
    def acts(self) -> bool:
        """Whether anything differs that could move a run."""
        silent = {"renamed", "units", "limits", "comment", "group"}
        return any(c.kind not in silent for c in self.changes)


@deep
def differences(old: ModelText, new: ModelText) -> Difference:
    """Compare two versions of a model file.

    Parameters
    ----------
    old, new : ModelText
        As `flows.vensim.parse.parse` reads them.

    Returns
    -------
    Difference
    """
    renamed = find_renames(old, new)
    work = _Comparison(old, new, renamed)
    found = [*work.variables(), *work.ranges(), *work.macros(), *work.settings()]
    order = {kind: k for k, kind in enumerate(KINDS)}
    found.sort(key=lambda c: order[c.kind])
    words = [t.text[: len(t.text) - len(t.sketch) - len(t.settings)] for t in (old, new)]
    return Difference(
        changes=tuple(found),
        renamed=renamed,
        sketch=_lines(old.sketch) != _lines(new.sketch),
        layout=not found and _lines(words[0]) != _lines(words[1]),
    )


def _lines(text: str) -> list[str]:
    return text.splitlines()


class _Comparison:
    def __init__(self, old: ModelText, new: ModelText, renamed: Mapping[str, str]) -> None:
        self.old, self.new, self.renamed = old, new, renamed
        models = lower(old, errors=[]), lower(new, errors=[])
        self.old_ranges: Mapping[str, Range] = models[0].ranges
        self.new_ranges: Mapping[str, Range] = models[1].ranges
        self.methods = models[0].method, models[1].method
        self.units = Units([*models[0].synonyms, *models[1].synonyms])

    # -- variables

    def variables(self) -> Iterator[Change]:
        """Differences of all variables."""
        before, after = by_name(self.old), by_name(self.new)
        back = {y: x for x, y in self.renamed.items()}
        for name, definitions in after.items():
            was = before.get(back.get(name, name))
            if was is None:
                for d in definitions:
                    yield Change(
                        "added", self._left(d), "", definition_text(d), line=self.new.span(d.at).line
                    )
                continue
            if name in back:
                yield Change(
                    "renamed", definitions[0].name, was[0].name, definitions[0].name,
                    line=self.new.span(definitions[0].at).line,
                )  # fmt: skip
            yield from self._variable(was, definitions)
        for name, definitions in before.items():
            if name not in after and name not in self.renamed:
                for d in definitions:
                    yield Change("removed", self._left(d), definition_text(d), line=self.old.span(d.at).line)

    def _left(self, definition: Definition) -> str:
        return _form(definition.name, [s.name for s in definition.subscripts])

    def _renamed(self, definition: Definition) -> Definition:
        """A definition of the old version with the names of the new one."""
        if not self.renamed:
            return definition
        expression = renamed_tree(definition.expression, self.renamed)
        subs = self._subs(definition.subscripts)
        left_out = tuple(map(self._subs, definition.exceptions))
        name = self.renamed.get(fold(definition.name), definition.name)
        return replace(definition, name=name, subscripts=subs, exceptions=left_out, expression=expression)

    def _subs(self, subs: tuple[Sub, ...]) -> tuple[Sub, ...]:
        return tuple(Sub(self.renamed.get(fold(s.name), s.name), s.bang, s.at) for s in subs)

    def _variable(self, old: Sequence[Definition], new: Sequence[Definition]) -> Iterator[Change]:
        line = self.new.span(new[0].at).line
        name = new[0].name
        translated = [self._renamed(d) for d in old]
        were, are = _numbers(translated, self._mapped_ranges()), _numbers(new, self.new_ranges)
        if were is not None and are is not None:
            yield from _moved_numbers(name, were, are, line)
        else:
            yield from self._equations(translated, old, new)
        values: list[str]
        said: tuple[tuple[Kind, list[str]], ...] = (
            ("units", [_first(d.units for d in s) for s in (old, new)]),
            ("limits", [_first(limits_text(d) for d in s) for s in (old, new)]),
            (
                "comment",
                [" ".join(dict.fromkeys(_plain(d.comment) for d in s if d.comment)) for s in (old, new)],
            ),
            ("group", [s[0].group for s in (old, new)]),
        )
        for kind, values in said:
            if values[0] != values[1] and not (kind == "units" and self._same_unit(*values)):
                yield Change(kind, name, values[0], values[1], line=line)

    def _same_unit(self, old: str, new: str) -> bool:
        """Whether two unit texts mean the same; none at all is no unit."""
        try:
            return bool(old) and bool(new) and self.units.read(old) == self.units.read(new)
        except ValueError:
            return False

    def _mapped_ranges(self) -> Mapping[str, Range]:
        """Ranges of the old version, by their new names and with the new names of their elements."""
        if not self.renamed:
            return self.old_ranges
        new = self.renamed
        return {
            new.get(k, k): replace(r, elements=tuple(new.get(e, e) for e in r.elements))
            for k, r in self.old_ranges.items()
        }

    def _equations(
        self, translated: Sequence[Definition], old: Sequence[Definition], new: Sequence[Definition]
    ) -> Iterator[Change]:
        by_left = {_left_key(d): d for d in translated}
        spelt = {_left_key(d): o for d, o in zip(translated, old, strict=True)}
        seen = set()
        single = len(translated) == len(new) == 1
        for d in new:
            key = next(iter(by_left)) if single else _left_key(d)
            seen.add(key)
            line = self.new.span(d.at).line
            was = by_left.get(key)
            if was is None:
                yield Change("equation", self._left(d), "", definition_text(d), line=line)
                continue
            head = [(x.operator, x.keyword, _left_key(x)) for x in (was, d)]
            if head[0] == head[1] and bare(was.expression) == bare(d.expression):
                continue
            if head[0] == head[1] and canon(was.expression) == canon(d.expression):
                kind: Kind = "rearranged"
                yield Change(kind, self._left(d), definition_text(spelt[key]), definition_text(d), line=line)
                continue
            if head[0] == head[1]:
                small = list(_small_numbers(self._left(d), was.expression, d.expression, line))
                if small:
                    yield from small
                    continue
            part = None
            if head[0] == head[1] and was.expression is not None and d.expression is not None:
                part = narrowed(was.expression, d.expression)
            yield Change(
                "equation",
                self._left(d),
                definition_text(spelt[key]),
                definition_text(d),
                part=part,
                line=line,
            )
        for key, was in spelt.items():
            if key not in seen:
                yield Change("equation", self._left(was), definition_text(was), "", line=0)

    # -- everything else

    def ranges(self) -> Iterator[Change]:
        """Differences of subscript ranges."""
        before = {self.renamed.get(fold(r.name), fold(r.name)): r for r in self.old.ranges}
        after = {fold(r.name): r for r in self.new.ranges}
        for key in (*after, *(k for k in before if k not in after)):
            old, new = before.get(key), after.get(key)
            texts = ["" if r is None else _range_text(r) for r in (old, new)]
            meant = [
                [] if r is None else [names.get(fold(w), fold(w)) for w in _words(r)]
                for r, names in ((old, self.renamed), (new, {}))
            ]
            if meant[0] != meant[1]:
                there = new or old
                assert there is not None
                line = self.new.span(there.at).line if new else self.old.span(there.at).line
                yield Change("range", there.name, texts[0], texts[1], line=line)

    def macros(self) -> Iterator[Change]:
        """Differences of macros, as a whole."""
        before, after = ({fold(m.name): m for m in t.macros} for t in (self.old, self.new))
        for key in (*after, *(k for k in before if k not in after)):
            found = before.get(key), after.get(key)
            forms = [
                None
                if m is None
                else (m.inputs, m.outputs, [(fold(d.name), canon(d.expression)) for d in m.definitions])
                for m in found
            ]
            if forms[0] == forms[1]:
                continue
            there = found[1] or found[0]
            assert there is not None
            kind: Kind = "added" if found[0] is None else "removed" if found[1] is None else "equation"
            texts = ["" if m is None else "; ".join(map(definition_text, m.definitions)) for m in found]
            source = self.new if found[1] else self.old
            yield Change(kind, f"macro {there.name}", texts[0], texts[1], line=source.span(there.at).line)

    def settings(self) -> Iterator[Change]:
        """Settings that act on a run."""
        before, after = (_settings(t.settings) for t in (self.old, self.new))
        if self.methods[0] != self.methods[1]:
            yield Change("setting", "integration method", *self.methods)
        for number, words in _MEANT.items():
            if before.get(number) != after.get(number):
                yield Change("setting", words, before.get(number, ""), after.get(number, ""))


def _form(name: str, elements: Iterable[str]) -> str:
    inner = ",".join(elements)
    return f"{name}[{inner}]" if inner else name


def _first(values: Iterable[str]) -> str:
    return next((v for v in values if v), "")


def _plain(comment: str) -> str:
    """A comment without its line breaks."""
    return " ".join(comment.split())


def limits_text(definition: Definition) -> str:
    """Write the range beside the units; nothing for none."""
    if definition.limits is None:
        return ""
    return "[" + ", ".join("?" if v is None else number_text(v) for v in definition.limits) + "]"


def _left_key(definition: Definition) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    left_out = tuple(sorted(tuple(fold(s.name) for s in e) for e in definition.exceptions))
    return tuple(fold(s.name) for s in definition.subscripts), left_out


Elements = tuple[str, ...]


def _numbers(
    definitions: Sequence[Definition], ranges: Mapping[str, Range]
) -> dict[Elements, tuple[float, tuple[str, ...]]] | None:
    """Value of every element of a constant, and how the element is spelt; None for anything else."""
    found: dict[Elements, tuple[float, tuple[str, ...]]] = {}
    for d in definitions:
        if d.operator not in ("=", "==") or d.exceptions or d.keyword:
            return None
        axes: list[list[tuple[str, str]]] = []
        for s in d.subscripts:
            r = ranges.get(fold(s.name))
            axes.append(
                [(fold(s.name), s.name)] if r is None else list(zip(r.elements, r.spellings, strict=True))
            )
        places = list(itertools.product(*axes))
        match d.expression:
            case Num(value=value):
                values = [value] * len(places)
            case Array(rows=rows):
                values = [v for row in rows for v in row]
            case _:
                return None
        if len(values) != len(places):
            return None
        for place, value in zip(places, values, strict=True):
            found[tuple(e for e, _ in place)] = (value, tuple(s for _, s in place))
    return found


def _moved_numbers(
    name: str,
    old: Mapping[Elements, tuple[float, tuple[str, ...]]],
    new: Mapping[Elements, tuple[float, tuple[str, ...]]],
    line: int,
) -> Iterator[Change]:
    for key, (value, spelling) in new.items():
        was = old.get(key)
        if was is None:
            yield Change("number", _form(name, spelling), "", number_text(value), line=line)
        elif was[0] != value:
            yield _number(_form(name, spelling), was[0], value, line)
    for key, (value, spelling) in old.items():
        if key not in new:
            yield Change("number", _form(name, spelling), number_text(value), "", line=line)


def _number(name: str, old: float, new: float, line: int) -> Change:
    percent = 100 * (new - old) / abs(old) if old else None
    return Change("number", name, number_text(old), number_text(new), percent, line=line)


def _small_numbers(name: str, old: Node | None, new: Node | None, line: int) -> Iterator[Change]:
    """Changes that are numbers only: the initial value of a stock, points of a lookup."""
    match old, new:
        case Apply(), Apply() if fold(old.name) == fold(new.name) == "integ":
            (flow, first), (new_flow, new_first) = old.arguments, new.arguments
            if canon(flow) == canon(new_flow) and isinstance(first, Num) and isinstance(new_first, Num):
                yield _number(f"{name} at the start", first.value, new_first.value, line)
        case Apply(), Apply() if fold(old.name) == fold(new.name) == "with lookup":
            if canon(old.arguments[0]) == canon(new.arguments[0]):
                yield from _small_numbers(name, old.arguments[1], new.arguments[1], line)
        case Points(), Points() if old.x == new.x:
            for x, y, now in zip(old.x, old.y, new.y, strict=True):
                if y != now:
                    yield _number(f"{name} at {number_text(x)}", y, now, line)


def _words(definition: RangeDefinition) -> list[str]:
    """Names of a range definition in their order, with what stands between them."""
    words = [w for i in definition.items for w in (i.name, "-" + i.last if i.last else "")]
    for target, items in definition.mappings:
        words += ["->", target, *(i.name for i in items)]
    return [w for w in (*words, definition.equivalent, *definition.source) if w]


def _range_text(definition: RangeDefinition) -> str:
    items = [f"({i.name}-{i.last})" if i.last else i.name for i in definition.items]
    text = (
        f"{definition.name} <-> {definition.equivalent}" if definition.equivalent else f"{definition.name}: "
    )
    text += ", ".join(items) + ", ".join(map(repr, definition.source))
    for target, mapped in definition.mappings:
        text += f" -> ({target}: {', '.join(i.name for i in mapped)})" if mapped else f" -> {target}"
    return text


def _settings(text: str) -> dict[int, str]:
    found: dict[int, list[str]] = {}
    for match in _SETTING.finditer(text):
        number, value = int(match[1]), match[2].strip()
        if value:
            found.setdefault(number, []).append(value)
    return {number: "; ".join(sorted(values)) for number, values in found.items()}
