"""Slips of the hand in Vensim's equation editor or a text editor, besides the mistakes of `injector`."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from tests.benchmarks.injector import Injector, Made, Mistake

from flows.inspection.finding import walk
from flows.references import fold
from flows.units import DIMENSIONLESS, Units
from flows.vensim.tree import Apply, Definition, ModelText, Name, Num

_EVEN = frozenset({"min", "max"})  # whose arguments may stand in any order
_SHARE = re.compile(r"\b(fraction|frac|share|probability|proportion)\b", re.IGNORECASE)
_RENAMED = "zork quantity"


class Slips(Injector):
    """Makes mistakes in one model, of all kinds."""

    def __init__(self, source: ModelText, seed: int) -> None:
        super().__init__(source, random.Random(seed))
        self.first, self.own = self.rng, random.Random(-1 - seed)

    def kinds(self) -> Mapping[str, Callable[[], Made | Mistake | None]]:
        """Those of `Injector`, at the same places as without these, and more."""
        more: dict[str, Callable[[], Made | Mistake | None]] = {
            "swapped arguments": self.swapped_arguments,
            "another subscript": self.another_subscript,
            "doubled flow": self.doubled_flow,
            "percent for fraction": self.percent,
            "misspelt unit": self.misspelt_unit,
            "decimal comma": self.decimal_comma,
            "dash for minus": self.dash,
            "lost tilde": self.lost_tilde,
            "bar in a comment": self.bar_in_comment,
            "lost comma in a range": self.lost_comma_in_range,
            "removed equation": self.removed,
            "one use not renamed": self.one_not_renamed,
        }
        return {**super().kinds(), **{kind: self._by_own(make) for kind, make in more.items()}}

    def _by_own(self, make: Callable[[], Made | Mistake | None]) -> Callable[[], Made | Mistake | None]:
        def by_own() -> Made | Mistake | None:
            self.rng = self.own
            try:
                return make()
            finally:
                self.rng = self.first

        return by_own

    def swapped_arguments(self) -> Made | None:
        """The first two arguments of a call change places."""

        def calls(d: Definition) -> list[str]:
            found = [n for n in walk(d.expression) if isinstance(n, Apply) and len(n.arguments) > 1]
            names = {fold(n.name) for n in found if n.arguments[0] != n.arguments[1]}
            return sorted(n for n in names - _EVEN if self._spelt(d, n) is not None)

        d = self._pick(lambda d: bool(calls(d)))
        if d is None:
            return None
        (a, b), (c, e) = self._spelt(d, self.rng.choice(calls(d))) or ((0, 0), (0, 0))
        return d, a, e, self.text[c:e] + self.text[b:c] + self.text[a:b]

    def _spelt(self, d: Definition, function: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Where the first two arguments of a call stand, if they differ."""
        side = self._side(d)
        try:
            one, other = side.argument(function, 0), side.argument(function, 1)
        except (StopIteration, IndexError):
            return None
        return None if self.text[slice(*one)] == self.text[slice(*other)] else (one, other)

    def another_subscript(self) -> Made | None:
        """A range that has no element in common with the one that is meant."""
        items = {r.name: {fold(i.name) for i in r.items} | {fold(r.name)} for r in self.source.ranges}

        def others(name: str) -> list[str]:
            own = set().union(*(i for i in items.values() if fold(name) in i))
            return [n for n, i in items.items() if own and not i & own]

        d = self._pick(lambda d: any(others(s.name) for n in self._names(d) for s in n.subscripts))
        if d is None:
            return None
        sub = self.rng.choice([s for n in self._names(d) for s in n.subscripts if others(s.name)])
        return d, sub.at, sub.at + len(sub.name), self.rng.choice(others(sub.name))

    def doubled_flow(self) -> Made | None:
        """A flow stands twice in its stock's equation."""
        d = self._pick(lambda d: bool(self._flows(d)))
        if d is None:
            return None
        op = self.rng.choice(self._flows(d))
        end = self._name_end(op.operands[1])
        return d, end, end, self.text[op.at : end]

    def percent(self) -> Made | None:
        """A share between 0 and 1 in hundredths."""
        read = Units().read

        def share(d: Definition) -> bool:
            number = isinstance(d.expression, Num) and 0.01 < d.expression.value < 1
            return number and bool(_SHARE.search(d.name)) and read(d.units) == DIMENSIONLESS

        fits = [d for d in self.all if share(d)]
        if not fits:
            return None
        d = self.rng.choice(fits)
        assert isinstance(d.expression, Num)
        side = self._side(d)
        return d, side.start, side.end, f"{100 * d.expression.value:g}"

    def misspelt_unit(self) -> Made | None:
        """A letter is missing in a unit."""

        def words(d: Definition) -> list[re.Match[str]]:
            return [m for m in re.finditer(r"[A-Za-z]{5,}", d.units) if m[0].lower() not in ("dmnl", "ratio")]

        fits = [d for d in self.all if words(d) and self._units_at(d) >= 0]
        if not fits:
            return None
        d = self.rng.choice(fits)
        word = self.rng.choice(words(d))
        at = self._units_at(d) + word.start() + 2
        return d, at, at + 1, ""

    def decimal_comma(self) -> Made | None:
        """As people write numbers in much of the world: 0,5."""

        def points(d: Definition) -> list[int]:
            tokens = self._side(d).tokens if isinstance(d.expression, Num | Apply) else []
            numbers = [t for t in tokens if t.kind == "number" and re.match(r"\d+\.\d", t.text)]
            return [t.at + t.text.index(".") for t in numbers]

        fits = [d for d in self.all if d.operator == "=" and points(d)]
        if not fits:
            return None
        d = self.rng.choice(fits)
        at = self.rng.choice(points(d))
        return d, at, at + 1, ","

    def dash(self) -> Made | None:
        """A word processor's dash."""
        d = self._pick(lambda d: bool(self._operators(d, "-")))
        if d is None:
            return None
        op = self.rng.choice(self._operators(d, "-"))
        return d, op.at, op.at + 1, "\N{EN DASH}"

    def lost_tilde(self) -> Made | None:
        """The mark before the units or the comment."""
        fits = [d for d in self.all if d.units and d.comment and d.operator == "="]
        if not fits:
            return None
        d = self.rng.choice(fits)
        at = self.text.index("~", self._side(d).end)
        if self.rng.random() < 0.5:
            at = self.text.index("~", at + 1)
        return d, at, at + 1, ""

    def bar_in_comment(self) -> Made | None:
        """The sign that ends a block."""

        def blanks(d: Definition) -> list[int]:
            at = self.text.find(d.comment, self._side(d).end, d.end) if d.comment else -1
            return [at + m.start() for m in re.finditer(r"(?<=\w) (?=\w)", d.comment)] if at >= 0 else []

        fits = [d for d in self.all if d.operator == "=" and blanks(d)]
        if not fits:
            return None
        d = self.rng.choice(fits)
        at = self.rng.choice(blanks(d))
        return d, at, at, " |"

    def lost_comma_in_range(self) -> Made | None:
        """Two elements become one."""
        fits = [r for r in self.source.ranges if len(r.items) > 1]
        if not fits:
            return None
        r = self.rng.choice(fits)
        first, second = self.rng.choice(list(pairwise(r.items)))
        at = self.text.index(",", first.at, second.at)
        end = self.text.index("|", second.at)
        return replace(self.all[0], name=r.name, start=r.at, at=r.at, end=end), at, at + 1, ""

    def _uses(self) -> dict[str, list[tuple[Definition, Name | Apply]]]:
        """Where variables that are defined once are used by others, in the order of the file."""
        count = Counter(fold(d.name) for d in self.source.definitions)
        found: dict[str, list[tuple[Definition, Name | Apply]]] = {}
        for d in self.all:
            for n in sorted(
                (n for n in walk(d.expression) if isinstance(n, Name | Apply)), key=lambda n: n.at
            ):
                if (
                    count[fold(n.name)] == 1
                    and fold(n.name) != fold(d.name)
                    and fold(self.text[n.at : n.at + len(n.name)]) == fold(n.name)
                ):
                    found.setdefault(fold(n.name), []).append((d, n))
        return found

    def _at_use(self, user: Definition, node: Name | Apply, text: str, shift: int) -> Mistake:
        span = self.source.span
        lines = range(span(user.start).line + shift, span(user.end).line + 1 + shift)
        return Mistake("", user.name, lines, frozenset({span(node.at).line + shift}), text)

    def removed(self) -> Mistake | None:
        """An equation is removed, and its name is still used: told at the first use."""
        uses = self._uses()
        fits = [d for d in self.all if fold(d.name) in uses]
        if not fits:
            return None
        d = self.rng.choice(fits)
        user, node = uses[fold(d.name)][0]
        text = self.text[: d.start] + self.text[d.end :]
        shift = -self.text.count("\n", d.start, d.end) if d.start < node.at else 0
        return self._at_use(user, node, text, shift)

    def one_not_renamed(self) -> Mistake | None:
        """A variable is renamed, in the sketch too, but for one of its uses."""
        uses = {name: some for name, some in self._uses().items() if len(some) > 1}
        fits = [
            d for d in self.all if len(uses.get(fold(d.name), ())) > 1 and self.text.startswith(d.name, d.at)
        ]
        if not fits:
            return None
        d = self.rng.choice(fits)
        user, node = self.rng.choice(uses[fold(d.name)])
        places = [d.at, *(n.at for _, n in uses[fold(d.name)] if n is not node)]
        for own in walk(d.expression):
            if isinstance(own, Name | Apply) and fold(own.name) == fold(d.name):
                places.append(own.at)
        drawn = re.compile(rf"^(10,\d+,){re.escape(d.name)}(?=,)", re.MULTILINE | re.IGNORECASE)
        text = drawn.sub(rf"\g<1>{_RENAMED}", self.text)  # sketches stand behind the equations
        for at in sorted(places, reverse=True):
            text = text[:at] + _RENAMED + text[at + len(d.name) :]
        return replace(self._at_use(user, node, text, 0), renamed=_RENAMED, old=d.name)
