"""Makes one mistake in a model file, of the kinds that `mistakes` counts."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from flows.inspection.finding import walk
from flows.references import fold
from flows.units import Units
from flows.vensim.grammar import Source
from flows.vensim.sides import Side
from flows.vensim.tree import Apply, Definition, ModelText, Name, Op, Points

Made = tuple[Definition, int, int, str]
"""Where a mistake is: an equation, and the stretch of the text that becomes another text."""

_TRIES = 12  # until a mistake is one that wasn't made before
_MEMORY = ("integ", "smooth", "delay", "initial", "sample", "active", "trend", "forecast")


@dataclass(frozen=True)
class Mistake:
    """A file with one mistake.

    `lines` are those of the equation in the clean file, `at` those that were changed; `renamed` is the new name of a
    variable, which was `old` or, if that is empty, `variable`.
    """

    kind: str
    variable: str
    lines: range
    at: frozenset[int]
    text: str
    renamed: str = ""
    old: str = ""


class Injector:
    """Makes mistakes in one model."""

    def __init__(self, source: ModelText, rng: random.Random) -> None:
        self.source, self.text, self.rng = source, source.text, rng
        self.made: set[tuple[object, object, object]] = set()
        self.all = [d for d in source.definitions if d.expression is not None and d.operator in ("=", "(")]
        self.computed = [d for d in self.all if isinstance(d.expression, (Op, Apply))]

    def kinds(self) -> Mapping[str, Callable[[], Made | Mistake | None]]:
        """What makes a mistake of each kind; None if the model has no room for one."""
        return {
            "wrong unit": self.wrong_unit,
            "misspelt name": self.misspelt_name,
            "lost parenthesis": self.lost_parenthesis,
            "swapped operator": self.swapped_operator,
            "lost operator": self.lost_operator,
            "missing operand": self.missing_operand,
            "missing term": self.missing_term,
            "broken subscript": self.broken_subscript,
            "circular reference": self.circle,
            "unsorted lookup": self.unsorted,
            "defined twice": self.twice,
            "lookup without argument": self.bare_lookup,
            "another unit": self.another_unit,
            "swapped sign": self.swapped_sign,
            "missing factor": self.missing_factor,
            "wrong cause": self.wrong_cause,
            "misspelt definition": self.misspelt_definition,
            "missing subscript": self.missing_subscript,
            "circle through a user": self.longer_circle,
            "lost comma": self.lost_comma,
            "missing initial value": self.missing_initial,
            "lost end of block": self.lost_bar,
        }

    def mistakes(self) -> Iterator[Mistake]:
        """One of each kind that the model has room for."""
        for kind, make in self.kinds().items():
            made = next((m for _ in range(_TRIES) if (m := make()) is None or self._new(m)), None)
            if made is None:
                continue
            if isinstance(made, Mistake):
                yield replace(made, kind=kind)
                continue
            definition, start, end, new = made
            span = self.source.span
            yield Mistake(
                kind,
                definition.name,
                range(span(definition.start).line, span(definition.end).line + 1),
                self._changed(start, end, new),
                self.text[:start] + new + self.text[end:],
                new if kind == "misspelt definition" else "",
            )

    def _new(self, made: Made | Mistake) -> bool:
        key = (made.kind, made.variable, made.at) if isinstance(made, Mistake) else made[1:]
        known = key in self.made
        self.made.add(key)
        return not known

    def _changed(self, start: int, end: int, new: str) -> frozenset[int]:
        """Lines of a change; of what was left out from the word before to the word behind."""
        line = self.source.span(start).line
        if new.strip() not in ("", ")"):
            return frozenset(range(line, line + new.count("\n") + 1))
        before = self.text[:start].rstrip(" \t\r\n\\")
        behind = re.compile(r"[\s\\]*").match(self.text, end)
        assert behind is not None
        last = line if self.text[behind.end()] in "~|" else line + self.text.count("\n", start, behind.end())
        return frozenset(range(self.source.span(len(before) - 1).line, last + 1))

    def _pick(self, fits: Callable[[Definition], bool]) -> Definition | None:
        found = [d for d in self.computed if fits(d)]
        return self.rng.choice(found) if found else None

    def _names(self, definition: Definition) -> list[Name]:
        found = [n for n in walk(definition.expression) if isinstance(n, Name)]
        return [n for n in found if self.text.startswith(n.name, n.at) and fold(n.name) != "time"]

    def _side(self, definition: Definition) -> Side:
        return Side(Source(self.source.path, self.text), definition)

    def _operators(self, definition: Definition, which: str) -> list[Op]:
        found = [n for n in walk(definition.expression) if isinstance(n, Op) and len(n.operands) == 2]
        return [n for n in found if n.operator in which and self.text[n.at] == n.operator]

    def another_unit(self) -> Made | None:
        """A unit that other variables have, for a variable or a constant."""
        read = Units().read
        try:
            units = {u: read(u) for d in self.all if (u := d.units)}
        except ValueError:
            return None
        fits = [d for d in self.all if d.units and d.operator == "=" and self._units_at(d) >= 0]
        if not fits:
            return None
        d = self.rng.choice(fits)
        others = sorted(u for u, unit in units.items() if unit != units[d.units])
        if not others:
            return None
        at = self._units_at(d)
        return d, at, at + len(d.units), self.rng.choice(others)

    def wrong_unit(self) -> Made | None:
        d = self._pick(lambda d: bool(d.units) and self._units_at(d) >= 0)
        if d is None:
            return None
        at = self._units_at(d)
        return d, at, at + len(d.units), "Zorkmid"

    def _units_at(self, definition: Definition) -> int:
        end = self._side(definition).end
        return self.text.find(definition.units, self.text.index("~", end), definition.end)

    def misspelt_name(self) -> Made | None:
        def long(d: Definition) -> list[Name]:
            return [n for n in self._names(d) if len(n.name) > 4 and n.name[len(n.name) // 2].isalpha()]

        d = self._pick(lambda d: bool(long(d)))
        if d is None:
            return None
        name = self.rng.choice(long(d))
        at = name.at + len(name.name) // 2
        return d, at, at + 1, ""

    def lost_parenthesis(self) -> Made | None:
        def last(d: Definition) -> int:
            side = self._side(d)
            return side.blanked.rfind(")", 0, side.end - side.offset) + side.offset

        d = self._pick(lambda d: last(d) > self._side(d).start)
        return None if d is None else (d, last(d), last(d) + 1, "")

    def swapped_operator(self) -> Made | None:
        """One of another kind: a sum for a product, a quotient for a product."""
        others = {"*": "+/", "/": "*-", "+": "*/", "-": "*/"}
        d = self._pick(lambda d: bool(d.units) and bool(self._operators(d, "+-*/")))
        if d is None:
            return None
        op = self.rng.choice(self._operators(d, "+-*/"))
        return d, op.at, op.at + 1, self.rng.choice(others[op.operator])

    def swapped_sign(self) -> Made | None:
        """A flow is added in place of subtracted, or the other way round."""
        d = self._pick(lambda d: bool(self._flows(d)))
        if d is None:
            return None
        op = self.rng.choice(self._flows(d))
        return d, op.at, op.at + 1, "-" if op.operator == "+" else "+"

    def missing_factor(self) -> Made | None:
        def factors(d: Definition) -> list[Op]:
            found = [o for o in self._operators(d, "*/") if isinstance(o.operands[1], Name)]
            return [o for o in found if o.operands[1] in self._names(d)]

        d = self._pick(lambda d: bool(d.units) and bool(factors(d)))
        if d is None:
            return None
        op = self.rng.choice(factors(d))
        return d, op.at, self._name_end(op.operands[1]), ""

    def _name_end(self, name: object) -> int:
        assert isinstance(name, Name)
        return self.text.index("]", name.at) + 1 if name.subscripts else name.at + len(name.name)

    def wrong_cause(self) -> Made | None:
        """Another variable than the one that is meant."""

        def plain(d: Definition) -> list[Name]:
            return [n for n in self._names(d) if not n.subscripts and fold(n.name) in scalars]

        scalars = {fold(d.name): d for d in self.all if not d.subscripts and d.operator == "="}
        d = self._pick(lambda d: not d.subscripts and bool(plain(d)))
        if d is None:
            return None
        name = self.rng.choice(plain(d))
        used = {fold(n.name) for n in self._names(d)} | {fold(d.name)}
        other = self.rng.choice([o for key, o in scalars.items() if key not in used])
        spelt = self.text[other.at : other.at + len(other.name)]
        new = spelt if fold(spelt) == fold(other.name) else f'"{other.name}"'
        return d, name.at, name.at + len(name.name), new

    def misspelt_definition(self) -> Made | None:
        count = Counter(fold(d.name) for d in self.source.definitions)
        uses = Counter(fold(n.name) for d in self.all for n in walk(d.expression) if isinstance(n, Name))
        fits = [
            d
            for d in self.all
            if count[fold(d.name)] == 1
            and uses[fold(d.name)]
            and len(d.name) > 4
            and d.name[len(d.name) // 2].isalpha()
            and self.text.startswith(d.name, d.at)
        ]
        if not fits:
            return None
        d = self.rng.choice(fits)
        middle = len(d.name) // 2
        return d, d.at, d.at + len(d.name), d.name[:middle] + d.name[middle + 1 :]

    def missing_subscript(self) -> Made | None:
        d = self._pick(lambda d: any(n.subscripts for n in self._names(d)))
        if d is None:
            return None
        name = self.rng.choice([n for n in self._names(d) if n.subscripts])
        return d, self.text.index("[", name.at), self.text.index("]", name.at) + 1, ""

    def longer_circle(self) -> Made | None:
        """A reference to a variable that uses this one."""
        users: dict[str, list[Definition]] = {}
        for d in self.computed:
            if self._plain(d):
                for n in walk(d.expression):
                    if isinstance(n, Name) and fold(n.name) != fold(d.name):
                        users.setdefault(fold(n.name), []).append(d)
        d = self._pick(lambda d: self._plain(d) and fold(d.name) in users)
        if d is None:
            return None
        other = self.rng.choice(users[fold(d.name)])
        own = self.text[other.at : other.at + len(other.name)]
        own = own if fold(own) == fold(other.name) else f'"{other.name}"'
        return d, self._side(d).end, self._side(d).end, f" + 0 * {own}"

    def lost_comma(self) -> Made | None:
        def commas(d: Definition) -> list[int]:
            return [t.at for t in self._side(d).tokens if t.kind == "symbol" and t.text == ","]

        d = self._pick(lambda d: isinstance(d.expression, Apply) and bool(commas(d)))
        if d is None:
            return None
        at = self.rng.choice(commas(d))
        return d, at, at + 1, ""

    def missing_initial(self) -> Made | None:
        def stock(d: Definition) -> bool:
            node = d.expression
            return (
                isinstance(node, Apply)
                and fold(node.name) == "integ"
                and self._side(d).tokens[-1].text == ")"
            )

        d = self._pick(stock)
        if d is None:
            return None
        side = self._side(d)
        start, end = side.argument("integ", 1)
        return d, self.text.rindex(",", 0, start), end, ""

    def lost_bar(self) -> Made | None:
        """The next equation isn't told from this one."""
        last = max(d.end for d in self.source.definitions)
        d = self._pick(lambda d: d.end < last and "****" not in self.text[d.end : d.end + 9])
        return None if d is None else (d, d.end - 1, d.end, "")

    def lost_operator(self) -> Made | None:
        d = self._pick(lambda d: any(isinstance(o.operands[1], Name) for o in self._operators(d, "+-*/")))
        if d is None:
            return None
        op = self.rng.choice([o for o in self._operators(d, "+-*/") if isinstance(o.operands[1], Name)])
        return d, op.at, op.at + 1, ") "

    def missing_operand(self) -> Made | None:
        def plain(d: Definition) -> list[Name]:
            found = [o.operands[1] for o in self._operators(d, "+-*/")]
            return [n for n in found if isinstance(n, Name) and not n.subscripts and n in self._names(d)]

        d = self._pick(lambda d: bool(plain(d)))
        if d is None:
            return None
        name = self.rng.choice(plain(d))
        return d, name.at, name.at + len(name.name), ""

    def missing_term(self) -> Made | None:
        """A flow is left out of its stock's equation."""
        d = self._pick(lambda d: bool(self._flows(d)))
        if d is None:
            return None
        op = self.rng.choice(self._flows(d))
        return d, op.at, self._name_end(op.operands[1]), ""

    def _flows(self, d: Definition) -> list[Op]:
        """The signs before the flows of a stock behind the first."""
        node = d.expression
        if not isinstance(node, Apply) or fold(node.name) != "integ":
            return []
        found, left = [], node.arguments[0]
        while isinstance(left, Op) and left.operator in "+-" and len(left.operands) == 2:
            if isinstance(left.operands[1], Name):
                found.append(left)
            left = left.operands[0]
        return found

    def broken_subscript(self) -> Made | None:
        d = self._pick(lambda d: any(n.subscripts for n in self._names(d)))
        if d is None:
            return None
        sub = self.rng.choice([s for n in self._names(d) for s in n.subscripts])
        return d, sub.at, sub.at + len(sub.name), "zorkmid"

    def _plain(self, d: Definition) -> bool:
        calls = [fold(n.name) for n in walk(d.expression) if isinstance(n, Apply)]
        return not d.subscripts and not any(c.startswith(_MEMORY) for c in calls) and bool(d.units)

    def circle(self) -> Made | None:
        """A reference to itself."""
        d = self._pick(self._plain)
        if d is None:
            return None
        side, own = self._side(d), self.text[d.at : d.at + len(d.name)]
        own = own if fold(own) == fold(d.name) else f'"{d.name}"'
        return d, side.end, side.end, f" + 0 * {own}"

    def unsorted(self) -> Made | None:
        fits = [
            d
            for d in self.all
            if isinstance(d.expression, Points)
            and len(set(d.expression.x)) > 2
            and list(d.expression.x) == sorted(d.expression.x)
        ]
        if not fits:
            return None
        d = self.rng.choice(fits)
        pairs = list(re.finditer(r"\([^()\[\]]*\)(?!-)", self.text[d.expression.at + 1 : d.end]))[
            -len(d.expression.x) :
        ]  # type: ignore[union-attr]
        if len(pairs) < 2:
            return None
        first = self.rng.randrange(len(pairs) - 1)
        pairs = pairs[first : first + 2]
        shift = d.expression.at + 1  # type: ignore[union-attr]
        start, end = pairs[0].start() + shift, pairs[1].end() + shift
        between = self.text[pairs[0].end() + shift : pairs[1].start() + shift]
        return d, start, end, pairs[1][0] + between + pairs[0][0]

    def twice(self) -> Made | None:
        names = Counter(fold(d.name) for d in self.source.definitions)
        d = self._pick(lambda d: names[fold(d.name)] == 1 and not d.exceptions)
        return None if d is None else (d, d.end, d.end, self.text[d.start : d.end])

    def bare_lookup(self) -> Made | None:
        tables = {fold(d.name) for d in self.all if d.operator == "("}

        def calls(d: Definition) -> list[Apply]:
            found = [n for n in walk(d.expression) if isinstance(n, Apply) and fold(n.name) in tables]
            return [n for n in found if self.text.startswith(n.name, n.at) and not n.subscripts]

        d = self._pick(lambda d: bool(calls(d)))
        if d is None:
            return None
        call = self.rng.choice(calls(d))
        opening = self.text.index("(", call.at + len(call.name))
        depth, at = 0, opening
        while True:
            depth += (self.text[at] == "(") - (self.text[at] == ")")
            if depth == 0:
                break
            at += 1
        return d, opening, at + 1, ""
