"""Expressions of a Vensim model file: tokens, and a reader of one block by operator precedence.

See Pratt 1973, "Top down operator precedence".
"""

from __future__ import annotations

import bisect
import re
from itertools import accumulate
from typing import ClassVar, NamedTuple

from flows.errors import ModelError
from flows.model.ir import Span
from flows.references import fold
from flows.vensim.tree import (
    Apply,
    Array,
    Name,
    Node,
    Num,
    Op,
    Points,
    Sub,
    Text,
)

# ---------------------------------------------------------------------------------------------------- tokens

_WORDS = (
    r"AND|OR|NOT|NA|EXCEPT|RAW|INTERPOLATE|HOLD\s+BACKWARD|LOOK\s+FORWARD|IS|IGNORE"
    r"|THE\s+CONDITION|IMPLIES|TEST\s+INPUT"
)
_TOKEN = re.compile(
    rf"""(?P<space>[\s\u00a0]+)
    |(?P<keyword>:\s*(?:{_WORDS})\s*:)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d](?:[\w$'\u00a0\s]*[\w$'])?)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<string>'[^']*')
    |(?P<symbol><->|->|:=|==|<=|>=|<>|[-+*/^()\[\],;=<>!:{{}}])""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
CONTINUED = re.compile(r"\\\r?\n|\\\r")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTED_OR_BRACE = re.compile(QUOTED.pattern + r"|\{", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_NESTED_COMMENTS = 3
_OPENS = frozenset({*"+-*/^(,=<>", "<>", "<=", ">=", "AND", "OR", "NOT"})  # something must follow
BLANKS = re.compile(r"\s+")


class Token(NamedTuple):
    """A token: kind (``name``, ``number``, ``string``, ``keyword``, ``symbol``, ``end``), text and offset."""

    kind: str
    text: str
    at: int


def _same_length_blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def without_comments(text: str) -> str:
    """Blank out line continuations and ``{}`` comments outside quotes, keeping every offset."""
    text = CONTINUED.sub(_same_length_blanks, text)
    pieces, at = [], 0
    while match := _QUOTED_OR_BRACE.search(text, at):
        end = match.end() if match[0] != "{" else comment_end(text, match.start())
        pieces += [text[at : match.start()], match[0] if match[0] != "{" else " " * (end - match.start())]
        at = end
    return "".join([*pieces, text[at:]])


def comment_end(text: str, at: int) -> int:
    """Offset behind the ``}`` of the ``{`` at an offset; comments nest where the braces balance. 0 if there is none."""
    depth = 0
    for match in _BRACE.finditer(text, at):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
        if depth > _NESTED_COMMENTS:
            break
    return text.find("}", at) + 1


_LETTERS = {
    **dict.fromkeys("×·⋅∙•∗", "*"),
    **dict.fromkeys("÷∕", "/"),
    **dict.fromkeys("−–—‐‑", "-"),
    **{"≤": "<=", "≥": ">=", "≠": "<>", "&": ":AND:"},
}
_CURLY = "“”„«»‘’‚"
_STRAIGHT = ('"', "'")
_PER_CENT = re.compile(r"(\d+\.?\d*|\.\d+)\s*$")


def _slip_of_letter(text: str, at: int) -> str:
    """What to write in the place of a letter that no equation has; nothing where it may be part of a name."""
    letter = text[at]
    if letter in _LETTERS:
        return f"Write {_LETTERS[letter]}"
    if letter in _CURLY:
        return f"Write straight quotes, {_STRAIGHT[letter in '‘’‚']}"
    if letter == "%" and (match := _PER_CENT.search(text, max(0, at - 40), at)):
        return f"Write {float(match[1]) / 100:.10g} for {match[1]}%"
    return ""


class Reader:
    """Reads one block's expression text: a cursor over its tokens."""

    def __init__(self, source: Source, text: str, offset: int) -> None:
        self.source, self.text, self.offset = source, text, offset
        self.tokens: list[Token] = []  # as far as they have been looked at
        self.ends: list[int] = []  # offset behind each of them
        self.position = 0
        self.depth = 0
        self.at = 0
        self.end = Token("end", "", offset + len(text.rstrip()))

    def _token(self, position: int) -> Token:
        """A token by its position, read from the text when it is first asked for."""
        while len(self.tokens) <= position and self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                self._unreadable(self.text, self.at, self.offset)
            assert match is not None and match.lastgroup is not None
            kind, value = match.lastgroup, match[0]
            if kind == "quoted":
                kind = "name"
            elif kind == "keyword":
                value = BLANKS.sub(" ", value[1:-1].strip().upper())
            elif kind == "name":
                value = BLANKS.sub(" ", value)
            if kind != "space":
                self.tokens.append(Token(kind, value, self.offset + match.start()))
                self.ends.append(self.offset + match.end())
            self.at = match.end()
        return self.tokens[position] if position < len(self.tokens) else self.end

    def _unreadable(self, text: str, at: int, offset: int) -> None:
        if text[at] in "\"'":
            raise self.source.error(
                "a quotation mark is never closed", offset + at, remedy=f"Add the closing {text[at]}"
            )
        raise self.source.error(
            "this character can't stand in an equation",
            offset + at,
            found=f'"{text[at]}"' if text[at].isprintable() else f"U+{ord(text[at]):04X}",
            remedy=_slip_of_letter(text, at) or 'Remove it, or put the whole name in double quotes ("…")',
        )

    @property
    def token(self) -> Token:
        """The token under the cursor."""
        return self.tokens[self.position] if self.position < len(self.tokens) else self._token(self.position)

    def peek(self, ahead: int = 1) -> Token:
        """A token ahead."""
        return self._token(self.position + ahead)

    def skip(self) -> None:
        """Leave out the rest of the block."""
        self.at, self.position = len(self.text), len(self.tokens)

    def take(self) -> Token:
        """The token under the cursor; moves on."""
        token = self.token
        self.position += 1
        return token

    def at_symbol(self, *texts: str) -> bool:
        """True if one of some symbols is under the cursor."""
        return self.token.kind == "symbol" and self.token.text in texts

    def expect(self, text: str, context: str) -> Token:
        """Take a symbol, or say what is missing."""
        if not self.at_symbol(text):
            raise self.wrong(f'"{text}" {context}')
        return self.take()

    def wrong(self, expected: str, remedy: str = "") -> ModelError:
        """The error that something else was expected here."""
        token = self.token
        found = f'"{token.text}"' if token.kind != "end" else "the end of the equation"
        at = token.at
        if 0 < self.position <= len(self.ends) and self.tokens[self.position - 1].text in _OPENS:
            end = self.ends[self.position - 1]  # what is missing belongs to this line, not to the next
            at = end if self.source.span(end).line < self.source.span(at).line else at
        return self.source.error(
            f"can't read the equation of {self.source.subject}",
            at,
            found=found,
            expected=expected,
            remedy=self._slip() or remedy,
        )

    def _slip(self) -> str:
        """What to write where the symbol under the cursor is that of another language."""
        text, before = self.token.text, self.tokens[self.position - 1].text if self.position else ""
        if self.token.kind != "symbol":
            return ""
        match text, before:
            case "==", _:
                return "Write = to compare"
            case ("!", _) if self.peek().text in ("=", "=="):
                return "Write <> for not equal"
            case "=", "=":
                return "Write = to compare"
            case "*", "*":
                return "Write ^ for a power"
        return ""

    # -- names and subscripts

    def name(self, what: str) -> Token:
        """Take a name."""
        if self.token.kind != "name":
            raise self.wrong(what)
        return self.take()

    def subscripts(self) -> tuple[Sub, ...]:
        """Read ``[a, b!]``, if it stands here."""
        if not self.at_symbol("["):
            return ()
        self.take()
        subs = []
        while True:
            token = self.name("the name of a subscript range or element")
            bang = self.at_symbol("!")
            if bang:
                self.take()
            subs.append(Sub(token.text, bang, token.at))
            if self.at_symbol("]"):
                self.take()
                return tuple(subs)
            self.expect(",", 'or "]" between or after subscripts')

    # -- expressions

    _BINARY: ClassVar = {  # operator: (binding power, right-binding power)
        "OR": (10, 11),
        "AND": (20, 21),
        "=": (30, 31),
        "<>": (30, 31),
        "<": (30, 31),
        ">": (30, 31),
        "<=": (30, 31),
        ">=": (30, 31),
        "+": (40, 41),
        "-": (40, 41),
        "*": (50, 51),
        "/": (50, 51),
        "^": (70, 70),  # the unary minus binds less tightly: -2^2 = -4 (test-models); a^b^c from the right
    }
    _PREFIX = 60
    _NOT = 25
    MAX_DEPTH = 150

    def expression(self, floor: int = 0) -> Node:
        """Read an expression whose operators bind more tightly than a floor."""
        self.depth += 1
        if self.depth > self.MAX_DEPTH:
            raise self.source.error(
                f"the equation of {self.source.subject} nests more than {self.MAX_DEPTH} levels deep",
                self.token.at,
                remedy="Split it into several variables",
            )
        left = self.operand()
        while True:
            token = self.token
            if token.kind not in ("symbol", "keyword") or token.text not in self._BINARY:
                break
            power, right_power = self._BINARY[token.text]
            if power < floor:
                break
            self.take()
            left = Op(token.text, (left, self.expression(right_power)), token.at)
        self.depth -= 1
        return left

    def operand(self) -> Node:
        """Read what stands before or after an operator."""
        token = self.token
        if token.kind == "number":
            return Num(self.number("a number"), token.at)
        if token.kind == "string":
            self.take()
            return Text(token.text[1:-1], token.at)
        if token.kind == "name":
            return self.name_or_call()
        if token.kind == "keyword" and token.text == "NA":
            self.take()
            return Num(-(2.0**109), token.at)
        if token.kind == "keyword" and token.text == "NOT":
            self.take()
            return Op("NOT", (self.expression(self._NOT),), token.at)
        if self.at_symbol("-", "+"):
            self.take()
            operand = self.expression(self._PREFIX)
            if token.text == "+":
                return operand
            return (
                Num(-operand.value, token.at) if isinstance(operand, Num) else Op("-", (operand,), token.at)
            )
        if self.at_symbol("("):
            self.take()
            inner = self.expression()
            self.closing(token)
            return inner
        raise self.wrong("a number, a name or an opening parenthesis")

    def closing(self, opened: Token) -> None:
        """Take the parenthesis that closes another."""
        if not self.at_symbol(")"):
            span = self.source.span(opened.at)
            raise self.wrong(
                f'an operator or ")" for the "(" at line {span.line}, column {span.column}',
                "Check that parentheses are balanced and that an operator stands between two terms",
            )
        self.take()

    def name_or_call(self) -> Node:
        """Read a name with its subscripts, perhaps with arguments."""
        token = self.take()
        subs = self.subscripts()
        if not self.at_symbol("("):
            return Name(token.text, subs, token.at)
        opened = self.take()
        function = fold(token.text)
        if function == "with lookup":
            argument = self.expression()
            self.expect(",", "between the input and the points of WITH LOOKUP")
            table_open = self.expect("(", "before the points of WITH LOOKUP")
            points = self.points(table_open.at)
            self.closing(opened)
            return Apply(token.text, subs, (argument, points), token.at)
        if function == "tabbed array":
            return self.tabbed_array(token, opened)
        arguments: list[Node] = []
        if self.at_symbol(")"):
            self.take()
            return Apply(token.text, subs, (), token.at)
        while True:
            arguments.append(self.expression())
            if self.at_symbol(","):
                self.take()
                continue
            outputs: list[Name] = []
            while self.at_symbol(":" if not outputs else ","):
                self.take()
                if self.token.kind != "name":
                    raise self.wrong("the name of a variable for a further result of the macro")
                name = self.take()
                outputs.append(Name(name.text, self.subscripts(), name.at))
            self.closing(opened)
            return Apply(token.text, subs, tuple(arguments), token.at, tuple(outputs))

    def tabbed_array(self, token: Token, opened: Token) -> Array:
        """Read the numbers of TABBED ARRAY, a row a line."""
        rows: dict[int, list[float]] = {}
        while not self.at_symbol(")"):
            at = self.token.at
            rows.setdefault(self.source.span(at).line, []).append(self.number("a number of the array"))
        self.closing(opened)
        return Array(tuple(tuple(r) for r in rows.values()), token.at)

    # -- numbers, lists, lookups

    def number(self, what: str) -> float:
        """Read a number with its sign."""
        sign = 1.0
        while self.at_symbol("-", "+"):
            sign = -sign if self.take().text == "-" else sign
        if self.token.kind == "keyword" and self.token.text == "NA":
            self.take()
            return -(2.0**109)
        if self.token.kind != "number":
            raise self.wrong(what)
        token = self.take()
        value = float(token.text)
        if value == float("inf"):
            raise self.source.error("this number is too large", token.at, found=token.text[:20])
        return sign * value

    def points(self, at: int) -> Points:
        """Read lookup points after the opening parenthesis, up to and with the closing one."""
        if self.at_symbol("["):  # the editor's scale and reference line
            depth = 0
            while True:
                if self.token.kind == "end":
                    raise self.wrong('"]" after the scale of the lookup')
                symbol = self.take()
                depth += (symbol.text == "[") - (symbol.text == "]")
                if depth == 0:
                    break
            if self.at_symbol(","):
                self.take()
        if not self.at_symbol("("):  # the old form: all x, then all y
            values = [self.number("a number of the lookup")]
            while self.at_symbol(","):
                self.take()
                values.append(self.number("a number of the lookup"))
            self.expect(")", "after the points of the lookup")
            half = len(values) // 2
            if len(values) % 2:
                raise self.source.error(
                    "a lookup needs as many x as y values", at, found=f"{len(values)} numbers"
                )
            return Points(tuple(values[:half]), tuple(values[half:]), at)
        x, y = [], []
        while self.at_symbol("("):
            self.take()
            x.append(self.number("the x of a lookup point"))
            self.expect(",", "between x and y of a lookup point")
            y.append(self.number("the y of a lookup point"))
            self.expect(")", "after a lookup point")
            if self.at_symbol(","):
                self.take()
        self.expect(")", "after the points of the lookup")
        return Points(tuple(x), tuple(y), at)

    def point_places(self) -> list[int]:
        """Offset of the x of each point of a lookup, after the opening parenthesis of a list that was read before."""
        found: list[int] = []
        if self.at_symbol("["):
            depth = 0
            while True:
                symbol = self.take()
                depth += (symbol.text == "[") - (symbol.text == "]")
                if depth == 0:
                    break
        pairs = self.at_symbol("(") or (self.at_symbol(",") and self.peek().text == "(")
        while not self.at_symbol(")"):
            if pairs and not self.at_symbol("("):
                self.take()
                continue
            if pairs:
                self.take()
            found.append(self.token.at)
            while not self.at_symbol(")" if pairs else ",") and not self.at_symbol(")"):
                self.take()
            self.position += pairs or self.at_symbol(",")
        return found if pairs else found[: len(found) // 2]

    def array(self) -> Array | None:
        """Read ``1,2,3`` or ``1,2; 3,4;`` if the rest of the block is such a list; else leave the cursor."""
        start = self.position
        rows: list[tuple[float, ...]] = []
        row: list[float] = []
        at = self.token.at
        try:
            while self.token.kind != "end":
                row.append(self.number("a number"))
                if self.at_symbol(","):
                    self.take()
                elif self.at_symbol(";"):
                    self.take()
                    rows.append(tuple(row))
                    row = []
                elif self.token.kind != "end":
                    raise self.wrong("a list")
        except ModelError:
            self.position = start
            return None
        if row:
            rows.append(tuple(row))
        if sum(map(len, rows)) < 2:
            self.position = start
            return None
        return Array(tuple(rows), at)


class Source:
    """The whole text while it is being read: places, errors and the subject of the current block."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        if text.count("\r") == text.count("\r\n"):
            self.lines = tuple(accumulate((len(line) + 1 for line in text.split("\n")[:-1]), initial=0))
        else:  # a bare carriage return ends a line too
            self.lines = tuple([0] + [m.end() for m in re.finditer(r"\r\n|\n|\r", text)])
        self.subject = "this block"

    def span(self, at: int) -> Span:
        """Line and column, from 1."""
        line = bisect.bisect_right(self.lines, at)
        return Span(line, at - self.lines[line - 1] + 1)

    def error(self, what: str, at: int, **details: str) -> ModelError:
        """An error with its place."""
        span = self.span(min(at, len(self.text)))
        return ModelError(what, where=f"{self.path}:{span.line}:{span.column}", **details)
