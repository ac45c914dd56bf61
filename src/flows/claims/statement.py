"""Statements on outcomes that a run can bear out or not, as they stand in ``models/claims.csv``.

Three forms::

    MEASURE: SIDE SIGN SIDE              one measure, in runs beside each other or against a number
    under RUN: MEASURE SIGN MEASURE      two measures in one run
    MEASURE rises from TIME to TIME: RUN     (or ``falls``) one measure at two times of one run

======== ==========================================================================================
MEASURE  names of outcomes or variables (``name[Element]``; a subscript range between the brackets
         adds its elements up) and numbers joined by ``+ - * /`` and parentheses, each name with a
         TIME; a name without one takes the next to its right. Before a name: ``highest``, ``lowest``,
         ``mean``, ``year of highest``, ``year of lowest``.
TIME     ``@2030-12`` at the end of a month, a rate as the mean of the twelve months to then;
         ``in 2019``, ``in FY2019``, ``in 2019-06``, ``in 2015..2019``, ``in 2021-01..2021-05``: the total
         of a rate, the mean of anything else. In a model that counts in years, the values at its steps.
SIGN     ``<  >  <=  >=  =``; what is less or more must be so by one per cent of the larger value, or by
         what stands at the end: ``by 5 %``; ``=`` and ``<=`` hold within the same distance.
SIDE     RUN, ``RUN against RUN`` (a difference), ``RUN over RUN`` (a ratio), a number, ``70418 ± 10 %``,
         ``between 0.63 and 0.80`` (without a sign before it).
RUN      a scenario or several joined by ``+``; ``with CONSTANT = NUMBER, …`` sets levers, switches and
         other constants for this run alone, and a subscript range between brackets all its elements.
======== ==========================================================================================

A name that holds a sign of arithmetic or a time stands in double quotation marks. Nothing is ever executed:
a statement becomes the frozen nodes below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from flows.calendar import month_index
from flows.errors import InputError
from flows.references import Reference, parse_number, parse_reference

Sign = Literal["<", ">", "<=", ">=", "="]
Prefix = Literal["", "highest", "lowest", "mean", "year of highest", "year of lowest"]

NEAR = 0.01
"""Of the larger value: what lies within counts as no difference, unless the statement says otherwise."""

FORMS = (
    '"MEASURE: RUN < RUN", "MEASURE: RUN = NUMBER ± NUMBER %", "under RUN: MEASURE > MEASURE" or '
    '"MEASURE rises from TIME to TIME: RUN"'
)


@dataclass(frozen=True)
class When:
    """A time of a measure.

    Attributes
    ----------
    start, end : float
        Months since January 2013; equal for an instant.
    text : str
        As written.
    """

    start: float
    end: float
    text: str

    @property
    def instant(self) -> bool:
        """Whether it is the end of a month, and no span."""
        return self.start == self.end


@dataclass(frozen=True)
class Timed:
    """A name with its time: one number of a run."""

    reference: Reference
    when: When | None = None
    prefix: Prefix = ""


@dataclass(frozen=True)
class Number:
    """A number in a measure."""

    value: float


@dataclass(frozen=True)
class Operation:
    """Two measures joined by a sign; the left one is None for a minus before a measure."""

    sign: Literal["+", "-", "*", "/"]
    left: Measure | None
    right: Measure


Measure = Timed | Number | Operation


@dataclass(frozen=True)
class Run:
    """A scenario, perhaps with constants set for this run alone.

    Attributes
    ----------
    scenario : str
        As `flows.inputs.read_scenario` takes it.
    settings : tuple of (str, float)
        Text forms of constants and their values.
    """

    scenario: str
    settings: tuple[tuple[str, float], ...] = ()

    @property
    def label(self) -> str:
        """As written, with single blanks."""
        said = ", ".join(f"{key} = {value:.10g}" for key, value in self.settings)
        return f"{self.scenario} with {said}" if said else self.scenario


@dataclass(frozen=True)
class Beside:
    """One run, or two whose difference or ratio counts."""

    run: Run
    how: Literal["", "against", "over"] = ""
    other: Run | None = None

    @property
    def label(self) -> str:
        """As written."""
        return f"{self.run.label} {self.how} {self.other.label}" if self.other else self.run.label


@dataclass(frozen=True)
class Figure:
    """A number that a run is held against, or the span in which it should lie."""

    value: float
    low: float
    high: float
    text: str

    @property
    def label(self) -> str:
        """As written."""
        return self.text


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a measure in a run, or a number."""

    measure: Measure | None
    source: Beside | Figure


@dataclass(frozen=True)
class Statement:
    """A comparison of sides, read from left to right.

    Attributes
    ----------
    text : str
        As written.
    sides : tuple of Side
        Two or more.
    signs : tuple of Sign
        One between each two sides.
    near : float
        Share of the larger value within which two sides count as equal.
    where : str
        File and row, for messages.
    """

    text: str
    sides: tuple[Side, ...]
    signs: tuple[Sign, ...]
    near: float
    where: str

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run once, in the order of writing."""
        found = [s.source for s in self.sides if isinstance(s.source, Beside)]
        both = [run for beside in found for run in (beside.run, beside.other) if run is not None]
        return tuple(dict.fromkeys(both))

    @property
    def names(self) -> tuple[Timed, ...]:
        """Every timed name once, in the order of writing."""
        return tuple(dict.fromkeys(t for s in self.sides if s.measure is not None for t in leaves(s.measure)))


def leaves(measure: Measure) -> Iterator[Timed]:
    """Yield the timed names of a measure, from left to right."""
    match measure:
        case Timed():
            yield measure
        case Operation(_, left, right):
            if left is not None:
                yield from leaves(left)
            yield from leaves(right)


def parse_statement(text: str, *, where: str = "") -> Statement:
    """Read one statement.

    Parameters
    ----------
    text : str
        In one of the forms above.
    where : str, optional
        File and row, for messages.

    Returns
    -------
    Statement

    Raises
    ------
    InputError
        One sentence: what doesn't fit, where, what stands there and what was expected.

    Examples
    --------
    >>> one = parse_statement("court cases pending @2030-12: us-tightening < current-course")
    >>> [run.label for run in one.runs], one.signs
    (['us-tightening', 'current-course'], ('<',))
    """
    return _Parser(" ".join(text.split()), where).whole()


_PAIRS: tuple[Literal["against", "over"], ...] = ("against", "over")
_SIGNS = re.compile(r"\s*(<=|>=|≤|≥|<|>|=)\s*")
_PLAIN = {"≤": "<=", "≥": ">="}
_TIME_WORD = r"(?:FY)?\d{4}(?:-\d{2})?"
_TIME = re.compile(rf"\s*(?:@\s*(\d{{4}}-\d{{2}})|\bin\s+({_TIME_WORD})(?:\.\.({_TIME_WORD}))?)(?![\w-])")
_TIME_AHEAD = re.compile(rf"\s*(?:@|\bin\s+{_TIME_WORD}(?![\w-]))")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
_PREFIX = re.compile(r"(highest|lowest|mean|year of highest|year of lowest)\s+(?=[^\s+\-*/()<>=])")
_RUN = re.compile(r"[a-z][a-z0-9-]*(?:\+[a-z][a-z0-9-]*)*(?![\w])")
_SETTING = re.compile(r'\s*((?:"[^"]*"|[^"=<>,\[\]])+(?:\[[^\]]*\])?)\s*=\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)')
_COURSE = re.compile(
    rf"\s(rises|falls)\s+from\s+({_TIME_WORD}(?:\.\.{_TIME_WORD})?)\s+to\s+({_TIME_WORD}(?:\.\.{_TIME_WORD})?)$"
)
_BY = re.compile(r"\s+by\s+(\d+(?:\.\d+)?)\s*%\s*$")
_TOLERANCE = re.compile(r"\s*(?:±|\+/-)\s*(\d+(?:\.\d+)?)(\s*%)?")
_BETWEEN = re.compile(r"between\s+(-?\d+(?:\.\d+)?)\s+and\s+(-?\d+(?:\.\d+)?)(?![\w.])")


class _Parser:
    """Left part, colon, right part; each read from left to right."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def error(self, what: str, *, found: str = "", expected: str = "", remedy: str = "") -> InputError:
        return InputError(
            what,
            where=f'{self.where}, "{self.text}"' if self.where else f'"{self.text}"',
            found=found,
            expected=expected,
            remedy=remedy,
        )

    def whole(self) -> Statement:
        left, colon, right = self.text.partition(":")
        left, right = left.strip(), right.strip()
        if not colon or not left or not right:
            raise self.error("not a statement", expected=FORMS)
        right, near = self.nearness(right)
        if left.startswith("under "):
            return self.in_one_run(left.removeprefix("under ").strip(), right, near)
        course = _COURSE.search(left)
        if course:
            return self.over_time(left[: course.start()], course, right, near)
        return self.runs_beside(left, right, near)

    def nearness(self, right: str) -> tuple[str, float]:
        by = _BY.search(right)
        return (right[: by.start()], float(by[1]) / 100) if by else (right, NEAR)

    def in_one_run(self, run_text: str, right: str, near: float) -> Statement:
        run, rest = self.run(run_text)
        if rest:
            raise self.error("the run is not followed by a colon", found=f'"{rest}"')
        sides: list[Side] = []
        signs: list[Sign] = []
        for number, part in enumerate(_SIGNS.split(right)):
            if number % 2:
                signs.append(_sign(part))
                continue
            figure = self.figure(part)
            if figure is not None and not figure[1]:
                sides.append(Side(None, figure[0]))
            else:
                sides.append(Side(self.measure(part), Beside(run)))
        return self.made(sides, signs, near)

    def over_time(self, measure_text: str, course: re.Match[str], right: str, near: float) -> Statement:
        run, rest = self.run(right)
        if rest:
            raise self.error("one run belongs after the colon", found=f'"{rest}"')
        earlier, later = (
            self.measure(measure_text, default=self.span(course[place], course[place])) for place in (2, 3)
        )
        sign: Sign = "<" if course[1] == "rises" else ">"
        return self.made([Side(earlier, Beside(run)), Side(later, Beside(run))], [sign], near)

    def runs_beside(self, left: str, right: str, near: float) -> Statement:
        measure = self.measure(left)
        sides: list[Side] = []
        signs: list[Sign] = []
        rest = right
        while True:
            source, rest = self.side(rest)
            sides.append(Side(None if isinstance(source, Figure) else measure, source))
            sign = _SIGNS.match(rest)
            if not rest:
                break
            if rest.startswith("between "):
                signs.append("=")
                continue
            if not sign:
                raise self.error(
                    "a sign is missing", found=f'"{rest.strip()}"', expected="one of < > <= >= ="
                )
            signs.append(_sign(sign[1]))
            rest = rest[sign.end() :]
        return self.made(sides, signs, near)

    def made(self, sides: list[Side], signs: list[Sign], near: float) -> Statement:
        if not signs:
            raise self.error("nothing is compared", expected="one of < > <= >= = after the colon")
        if all(isinstance(side.source, Figure) for side in sides):
            raise self.error("no run is named", expected=FORMS)
        for position, sign in enumerate(signs):
            pair = sides[position], sides[position + 1]
            figures = [s.source for s in pair if isinstance(s.source, Figure)]
            if sign != "=":
                if any(figure.low != figure.high for figure in figures):
                    raise self.error("a number with ± belongs after the sign =")
            elif any(figure.low == figure.high for figure in figures):
                raise self.error(
                    "a number needs its tolerance", remedy="Write for example = 70418 ± 10 %, or > 70000"
                )
        return Statement(self.text, tuple(sides), tuple(signs), near, self.where)

    def side(self, text: str) -> tuple[Beside | Figure, str]:
        figure = self.figure(text)
        if figure is not None:
            return figure
        run, rest = self.run(text)
        for how in _PAIRS:
            if rest.startswith(how + " "):
                other, rest = self.run(rest.removeprefix(how).strip())
                return Beside(run, how, other), rest
        return Beside(run), rest

    def figure(self, text: str) -> tuple[Figure, str] | None:
        text = text.strip()
        between = _BETWEEN.match(text)
        if between:
            low, high = float(between[1]), float(between[2])
            if high < low:
                raise self.error("the span is empty", found=f'"{between[0]}"')
            return Figure((low + high) / 2, low, high, between[0]), text[between.end() :].strip()
        minus = text.startswith("-")
        number = _NUMBER.match(text[1:].strip() if minus else text)
        if not number:
            return None
        at = text.index(number[0]) + len(number[0])
        value = -float(number[0]) if minus else float(number[0])
        tolerance = _TOLERANCE.match(text, at)
        if tolerance is None:
            return Figure(value, value, value, text[:at].strip()), text[at:].strip()
        away = float(tolerance[1]) * (abs(value) / 100 if tolerance[2] else 1)
        end = tolerance.end()
        return Figure(value, value - away, value + away, text[:end].strip()), text[end:].strip()

    def run(self, text: str) -> tuple[Run, str]:
        text = text.strip()
        match = _RUN.match(text)
        if not match:
            raise self.error(
                "no run is named", found=f'"{text}"', expected="the name of a scenario, such as us-tightening"
            )
        rest = text[match.end() :].lstrip()
        settings: list[tuple[str, float]] = []
        if rest.startswith("with "):
            rest = rest.removeprefix("with")
            while True:
                setting = _SETTING.match(rest)
                if not setting:
                    raise self.error(
                        "a setting doesn't read", found=f'"{rest.strip()}"', expected="CONSTANT = NUMBER"
                    )
                key = parse_reference(setting[1], where=self.where).key
                settings.append((key, parse_number(setting[2], where=self.where)))
                rest = rest[setting.end() :].lstrip()
                if not rest.startswith(","):
                    break
                rest = rest[1:]
        return Run(match[0], tuple(settings)), rest

    # Measures -------------------------------------------------------------------------------------

    def measure(self, text: str, default: When | None = None) -> Measure:
        reader = _Arithmetic(self, text.strip())
        node = reader.sum()
        if reader.rest():
            raise self.error("a sign is missing", found=f'"{reader.rest()}"', expected="one of + - * /")
        node, missing = _timed(node, default)
        if missing is not None:
            raise self.error(
                f'no time is given for "{missing.reference.key}"',
                expected='"@2030-12", "in 2019", "in FY2019" or "in 2015..2019" after it',
            )
        for leaf in leaves(node):
            if leaf.prefix and leaf.when is not None and leaf.when.instant:
                raise self.error(f'"{leaf.prefix}" needs a span', found=f'"{leaf.when.text}"')
        return node

    def span(self, first: str, last: str) -> When:
        start, _ = self.edges(first.partition("..")[0])
        _, end = self.edges(last.rpartition("..")[2])
        if end <= start:
            raise self.error("the span ends before it starts", found=f'"{first}..{last}"')
        text = first if first == last else f"{first}..{last}"
        if first == last and re.fullmatch(r"\d{4}-\d{2}", first):
            return When(end, end, f"@{first}")  # a course from month to month is read at their ends
        return When(start, end, f"in {text}")

    def edges(self, word: str) -> tuple[float, float]:
        if word.startswith("FY"):
            start = month_index(f"{int(word[2:]) - 1}-10", where=self.where)
            return float(start), float(start + 12)
        if "-" in word:
            start = month_index(word, where=self.where)
            return float(start), float(start + 1)
        start = month_index(f"{word}-01", where=self.where)
        return float(start), float(start + 12)

    def when(self, match: re.Match[str]) -> When:
        if match[1]:
            end = float(month_index(match[1], where=self.where) + 1)
            return When(end, end, f"@{match[1]}")
        start, end = self.edges(match[2])
        if match[3]:
            _, end = self.edges(match[3])
            if end <= start:
                raise self.error("the span ends before it starts", found=f'"{match[0].strip()}"')
        return When(start, end, " ".join(match[0].split()))


def _sign(text: str) -> Sign:
    return _PLAIN.get(text, text)  # type: ignore[return-value]


def _timed(node: Measure, default: When | None) -> tuple[Measure, Timed | None]:
    """Give names without a time the next one to their right; return what still lacks one."""
    ordered = list(leaves(node))
    following, times = default, {}
    lacking: Timed | None = None
    for position in range(len(ordered) - 1, -1, -1):
        following = ordered[position].when or following
        times[position] = following
        if following is None:
            lacking = ordered[position]
    counter = iter(range(len(ordered)))

    def rebuild(part: Measure) -> Measure:
        match part:
            case Timed():
                return replace(part, when=times[next(counter)])
            case Operation(sign, left, right):
                made = None if left is None else rebuild(left)
                return Operation(sign, made, rebuild(right))
        return part

    return rebuild(node), lacking


class _Arithmetic:
    """Recursive descent over a measure: sum → product → signed → number, name with time, parenthesis."""

    def __init__(self, parser: _Parser, text: str) -> None:
        self.parser, self.text, self.at = parser, text, 0

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def sum(self) -> Measure:
        node = self.product()
        while self.rest()[:1] in ("+", "-") and self.rest():
            sign = self.take()
            node = Operation(sign, node, self.product())  # type: ignore[arg-type]
        return node

    def product(self) -> Measure:
        node = self.signed()
        while self.rest()[:1] in ("*", "/") and self.rest():
            sign = self.take()
            node = Operation(sign, node, self.signed())  # type: ignore[arg-type]
        return node

    def take(self) -> str:
        self.at = len(self.text) - len(self.text[self.at :].lstrip())
        self.at += 1
        return self.text[self.at - 1]

    def signed(self) -> Measure:
        rest = self.rest()
        if rest.startswith("-"):
            self.take()
            return Operation("-", None, self.signed())
        if rest.startswith("("):
            self.take()
            node = self.sum()
            if not self.rest().startswith(")"):
                raise self.parser.error("a parenthesis is not closed")
            self.take()
            time = _TIME.match(self.text, self.at)
            if time:
                self.at = time.end()
                node, _ = _timed(node, self.parser.when(time))
            return node
        if not rest or rest[0] in "+*/)":
            raise self.parser.error("an operand is missing", found=f'"{self.text}"')
        self.at = len(self.text) - len(self.text[self.at :].lstrip())
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return Number(float(number[0]))
        return self.name()

    def name(self) -> Measure:
        prefix: Prefix = ""
        before = _PREFIX.match(self.text, self.at)
        if before:
            prefix = before[1]  # type: ignore[assignment]
            self.at = before.end()
        start = self.at
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == '"':
                close = self.text.find('"', self.at + 1)
                if close < 0:
                    raise self.parser.error("a quotation mark is open")
                self.at = close + 1
            elif letter == "[":
                close = self.text.find("]", self.at)
                if close < 0:
                    raise self.parser.error("a bracket is not closed")
                self.at = close + 1
                break
            elif letter in "+-*/()@" or (letter == " " and _TIME_AHEAD.match(self.text, self.at)):
                break
            else:
                self.at += 1
        reference = parse_reference(self.text[start : self.at], where=self.parser.where)
        time = _TIME.match(self.text, self.at)
        if time is None and _TIME_AHEAD.match(self.text, self.at):
            raise self.parser.error(
                "not a time",
                found=f'"{self.rest()}"',
                expected='"@2030-12", "in 2019", "in FY2019", "in 2019-06" or "in 2015..2019"',
            )
        if time:
            self.at = time.end()
        return Timed(reference, self.parser.when(time) if time else None, prefix)
