"""Mistakes injected into models by script, and whether `flows check` finds them where they are.

``python tests/benchmarks/mistakes.py ROUNDS FILE…`` makes one mistake of each kind, ROUNDS times, in each file, and
checks the files with one mistake each (without the base run). A mistake counts as located if a finding that the clean
file doesn't give names the variable and a line of its equation. Alarms elsewhere that the clean file doesn't give are
counted too. The models themselves stay where they are, and aren't changed.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.inspection import Finding, inspect
from flows.inspection.finding import walk
from flows.references import fold
from flows.vensim.grammar import Source
from flows.vensim.parse import parse, read_text
from flows.vensim.sides import Side
from flows.vensim.tree import Apply, Definition, ModelText, Name, Op, Points


@dataclass(frozen=True)
class Mistake:
    """A file with one mistake.

    `lines` are those of the equation in the clean file, `at` is the line that was changed.
    """

    kind: str
    variable: str
    lines: range
    at: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """Whether a mistake was found."""

    mistake: Mistake
    located: bool
    exact: bool
    elsewhere: tuple[Finding, ...]


class Injector:
    """Makes mistakes in one model."""

    def __init__(self, source: ModelText, rng: random.Random) -> None:
        self.source, self.text, self.rng = source, source.text, rng
        self.all = [d for d in source.definitions if d.expression is not None and d.operator in ("=", "(")]
        self.computed = [d for d in self.all if isinstance(d.expression, (Op, Apply))]

    def mistakes(self) -> Iterator[Mistake]:
        """One of each kind that the model has room for."""
        kinds: dict[str, Callable[[], tuple[Definition, int, int, str] | None]] = {
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
        }
        for kind, make in kinds.items():
            made = make()
            if made is None:
                continue
            definition, start, end, new = made
            span = self.source.span
            yield Mistake(
                kind,
                definition.name,
                range(span(definition.start).line, span(definition.end).line + 1),
                span(start).line,
                self.text[:start] + new + self.text[end:],
            )

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

    def wrong_unit(self) -> tuple[Definition, int, int, str] | None:
        d = self._pick(lambda d: bool(d.units) and self._units_at(d) >= 0)
        if d is None:
            return None
        at = self._units_at(d)
        return d, at, at + len(d.units), "Zorkmid"

    def _units_at(self, definition: Definition) -> int:
        end = self._side(definition).end
        return self.text.find(definition.units, self.text.index("~", end), definition.end)

    def misspelt_name(self) -> tuple[Definition, int, int, str] | None:
        def long(d: Definition) -> list[Name]:
            return [n for n in self._names(d) if len(n.name) > 4 and n.name[len(n.name) // 2].isalpha()]

        d = self._pick(lambda d: bool(long(d)))
        if d is None:
            return None
        name = self.rng.choice(long(d))
        at = name.at + len(name.name) // 2
        return d, at, at + 1, ""

    def lost_parenthesis(self) -> tuple[Definition, int, int, str] | None:
        def last(d: Definition) -> int:
            side = self._side(d)
            return side.blanked.rfind(")", 0, side.end - side.offset) + side.offset

        d = self._pick(lambda d: last(d) > self._side(d).start)
        return None if d is None else (d, last(d), last(d) + 1, "")

    def swapped_operator(self) -> tuple[Definition, int, int, str] | None:
        d = self._pick(lambda d: bool(d.units) and bool(self._operators(d, "*")))
        if d is None:
            return None
        op = self.rng.choice(self._operators(d, "*"))
        return d, op.at, op.at + 1, "+"

    def lost_operator(self) -> tuple[Definition, int, int, str] | None:
        d = self._pick(lambda d: any(isinstance(o.operands[1], Name) for o in self._operators(d, "+-*/")))
        if d is None:
            return None
        op = self.rng.choice([o for o in self._operators(d, "+-*/") if isinstance(o.operands[1], Name)])
        return d, op.at, op.at + 1, ") "

    def missing_operand(self) -> tuple[Definition, int, int, str] | None:
        def plain(d: Definition) -> list[Name]:
            found = [o.operands[1] for o in self._operators(d, "+-*/")]
            return [n for n in found if isinstance(n, Name) and not n.subscripts and n in self._names(d)]

        d = self._pick(lambda d: bool(plain(d)))
        if d is None:
            return None
        name = self.rng.choice(plain(d))
        return d, name.at, name.at + len(name.name), ""

    def missing_term(self) -> tuple[Definition, int, int, str] | None:
        """A flow is left out of its stock's equation."""

        def flows(d: Definition) -> list[Op]:
            node = d.expression
            if not isinstance(node, Apply) or fold(node.name) != "integ":
                return []
            found = [n for n in walk(node.arguments[0]) if isinstance(n, Op) and n.operator in "+-"]
            return [o for o in found if len(o.operands) == 2 and isinstance(o.operands[1], Name)]

        d = self._pick(lambda d: bool(flows(d)))
        if d is None:
            return None
        op = self.rng.choice(flows(d))
        last = op.operands[1]
        assert isinstance(last, Name)
        end = self.text.index("]", last.at) + 1 if last.subscripts else last.at + len(last.name)
        return d, op.at, end, ""

    def broken_subscript(self) -> tuple[Definition, int, int, str] | None:
        d = self._pick(lambda d: any(n.subscripts for n in self._names(d)))
        if d is None:
            return None
        sub = self.rng.choice([s for n in self._names(d) for s in n.subscripts])
        return d, sub.at, sub.at + len(sub.name), "zorkmid"

    def circle(self) -> tuple[Definition, int, int, str] | None:
        memory = ("integ", "smooth", "delay", "initial", "sample", "active", "trend", "forecast")

        def plain(d: Definition) -> bool:
            calls = [fold(n.name) for n in walk(d.expression) if isinstance(n, Apply)]
            return not d.subscripts and not any(c.startswith(memory) for c in calls) and bool(d.units)

        d = self._pick(plain)
        if d is None:
            return None
        side, own = self._side(d), self.text[d.at : d.at + len(d.name)]
        own = own if fold(own) == fold(d.name) else f'"{d.name}"'
        return d, side.end, side.end, f" + 0 * {own}"

    def unsorted(self) -> tuple[Definition, int, int, str] | None:
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
        pairs = list(re.finditer(r"\([^()]*\)", self.text[d.expression.at + 1 : d.end]))[-2:]  # type: ignore[union-attr]
        if len(pairs) < 2:
            return None
        shift = d.expression.at + 1  # type: ignore[union-attr]
        start, end = pairs[0].start() + shift, pairs[1].end() + shift
        between = self.text[pairs[0].end() + shift : pairs[1].start() + shift]
        return d, start, end, pairs[1][0] + between + pairs[0][0]

    def twice(self) -> tuple[Definition, int, int, str] | None:
        names = Counter(fold(d.name) for d in self.source.definitions)
        d = self._pick(lambda d: names[fold(d.name)] == 1 and not d.exceptions)
        return None if d is None else (d, d.end, d.end, self.text[d.start : d.end])

    def bare_lookup(self) -> tuple[Definition, int, int, str] | None:
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


def trial(path: Path, rounds: int, *, seed: int = 7) -> list[Verdict]:
    """Inject mistakes into a model and check each."""
    source = parse(read_text(path), str(path))
    injector = Injector(source, random.Random(seed))
    clean = Counter(_said(f) for f in inspect(path, run=False))
    found = []
    for _ in range(rounds):
        for mistake in injector.mistakes():
            left = clean.copy()
            extra = []
            for finding in inspect(path, run=False, text=mistake.text):
                left[_said(finding)] -= 1
                if left[_said(finding)] < 0:
                    extra.append(finding)
            own = [f for f in extra if fold(f.variable) == fold(mistake.variable)]
            last = mistake.lines.stop + (len(mistake.lines) if mistake.kind == "defined twice" else 0)
            located = [f for f in own if mistake.lines.start <= f.line < last]
            found.append(
                Verdict(
                    mistake,
                    bool(located),
                    any(f.line == mistake.at for f in located),
                    tuple(f for f in extra if f not in located),
                )
            )
    return found


def _said(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, fold(finding.variable), re.sub(r" on line \d+", "", finding.what)


def main() -> None:
    """Print a table of kinds and files, and what was missed."""
    rounds, files = int(sys.argv[1]), [Path(p) for p in sys.argv[2:]]
    verdicts: list[tuple[Path, Verdict]] = [(p, v) for p in files for v in trial(p, rounds)]
    for path, v in verdicts:
        if not v.located:
            more = [(f.rule, f.variable, f.line) for f in v.elsewhere][:3]
            print(
                f"missed: {v.mistake.kind} in {path.name}, {v.mistake.variable}, line {v.mistake.at}; said: {more}"
            )
    for head, key in (("kind", lambda p, v: v.mistake.kind), ("file", lambda p, v: p.name)):
        print(f"\n{head:40} mistakes  located  on the very line  alarms elsewhere")
        groups: dict[str, list[Verdict]] = {}
        for path, v in verdicts:
            groups.setdefault(key(path, v), []).append(v)
        for name, some in groups.items():
            print(_row(name, some))
    print(_row("all", [v for _, v in verdicts]))


def _row(name: str, some: list[Verdict]) -> str:
    located, exact = sum(v.located for v in some), sum(v.exact for v in some)
    return f"{name:40} {len(some):8d} {located:8d} {exact:17d} {sum(bool(v.elsewhere) for v in some):17d}"


if __name__ == "__main__":
    main()
