"""Text of a Vensim model file → syntax tree with line and column on every node.

The grammar is that of the text format: blocks ``name = expression ~ units ~ comment ~ flags |``, groups, macros,
subscript ranges, then sketches and settings. Expressions are read by operator precedence (Pratt 1973, "Top down
operator precedence").
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from flows.errors import ModelError
from flows.model.ir import Span
from flows.references import fold
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    Group,
    Item,
    MacroDefinition,
    ModelText,
    Name,
    Node,
    Num,
    Op,
    Points,
    RangeDefinition,
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
_CONTINUED = re.compile(r"\\\r?\n|\\\r")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTED_OR_BRACE = re.compile(_QUOTED.pattern + r"|\{", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_NESTED_COMMENTS = 3
_BLOCK_STOP = re.compile(r'["{~|]')
# Every part begins with what the part before can't hold, so that no text makes the match slow.
_GROUP = re.compile(
    r"\*{4}[^\n\r]*[\r\n]\s*(?P<name>[^\s*][^\n\r]*)[\r\n]\s*\*{4}\**\s*~(?P<comment>[^|]*)\|"
)
_SETTINGS = re.compile(r"[\r\n]:L\x7f?<%\^E!@")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Token:
    """A token: kind (``name``, ``number``, ``string``, ``keyword``, ``symbol``, ``end``), text and offset."""

    kind: str
    text: str
    at: int


def _same_length_blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without_comments(text: str) -> str:
    """Blank out line continuations and ``{}`` comments outside quotes, keeping every offset."""
    text = _CONTINUED.sub(_same_length_blanks, text)
    pieces, at = [], 0
    while match := _QUOTED_OR_BRACE.search(text, at):
        end = match.end() if match[0] != "{" else _comment_end(text, match.start())
        pieces += [text[at : match.start()], match[0] if match[0] != "{" else " " * (end - match.start())]
        at = end
    return "".join([*pieces, text[at:]])


def _comment_end(text: str, at: int) -> int:
    """Offset behind the ``}`` of the ``{`` at an offset; comments nest where the braces balance. 0 if there is none."""
    depth = 0
    for match in _BRACE.finditer(text, at):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
        if depth > _NESTED_COMMENTS:
            break
    return text.find("}", at) + 1


class _Reader:
    """Reads one block's expression text: a cursor over its tokens."""

    def __init__(self, source: _Source, text: str, offset: int) -> None:
        self.source = source
        self.tokens: list[Token] = []
        self.position = 0
        self.depth = 0
        at, end = 0, len(text)
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                self._unreadable(text, at, offset)
            assert match is not None and match.lastgroup is not None
            kind, value = match.lastgroup, match[0]
            if kind == "quoted":
                kind = "name"
            elif kind == "keyword":
                value = _BLANKS.sub(" ", value[1:-1].strip().upper())
            elif kind == "name":
                value = _BLANKS.sub(" ", value)
            if kind != "space":
                self.tokens.append(Token(kind, value, offset + match.start()))
            at = match.end()
        self.end = Token("end", "", offset + len(text.rstrip()))

    def _unreadable(self, text: str, at: int, offset: int) -> None:
        if text[at] in "\"'":
            raise self.source.error(
                "a quotation mark is never closed", offset + at, remedy=f"Add the closing {text[at]}"
            )
        raise self.source.error(
            "this character can't stand in an equation",
            offset + at,
            found=f'"{text[at]}"',
            remedy='Remove it, or put the whole name in double quotes ("…")',
        )

    @property
    def token(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else self.end

    def peek(self, ahead: int = 1) -> Token:
        at = self.position + ahead
        return self.tokens[at] if at < len(self.tokens) else self.end

    def take(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def at_symbol(self, *texts: str) -> bool:
        return self.token.kind == "symbol" and self.token.text in texts

    def expect(self, text: str, context: str) -> Token:
        if not self.at_symbol(text):
            raise self.wrong(f'"{text}" {context}')
        return self.take()

    def wrong(self, expected: str, remedy: str = "") -> ModelError:
        token = self.token
        found = f'"{token.text}"' if token.kind != "end" else "the end of the equation"
        return self.source.error(
            f"can't read the equation of {self.source.subject}",
            token.at,
            found=found,
            expected=expected,
            remedy=remedy,
        )

    # -- names and subscripts

    def name(self, what: str) -> Token:
        if self.token.kind != "name":
            raise self.wrong(what)
        return self.take()

    def subscripts(self) -> tuple[Sub, ...]:
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
        token = self.token
        if token.kind == "number":
            self.take()
            return Num(float(token.text), token.at)
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
        if not self.at_symbol(")"):
            span = self.source.span(opened.at)
            raise self.wrong(
                f'an operator or ")" for the "(" at line {span.line}, column {span.column}',
                "Check that parentheses are balanced and that an operator stands between two terms",
            )
        self.take()

    def name_or_call(self) -> Node:
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
        rows: dict[int, list[float]] = {}
        while not self.at_symbol(")"):
            at = self.token.at
            rows.setdefault(self.source.span(at).line, []).append(self.number("a number of the array"))
        self.closing(opened)
        return Array(tuple(tuple(r) for r in rows.values()), token.at)

    # -- numbers, lists, lookups

    def number(self, what: str) -> float:
        sign = 1.0
        while self.at_symbol("-", "+"):
            sign = -sign if self.take().text == "-" else sign
        if self.token.kind == "keyword" and self.token.text == "NA":
            self.take()
            return -(2.0**109)
        if self.token.kind != "number":
            raise self.wrong(what)
        return sign * float(self.take().text)

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


class _Source:
    """The whole text while it is being read: places, errors and the subject of the current block."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.lines = tuple([0] + [m.end() for m in re.finditer(r"\r\n|\n|\r", text)])
        self.subject = "this block"

    def span(self, at: int) -> Span:
        line = bisect.bisect_right(self.lines, at)
        return Span(line, at - self.lines[line - 1] + 1)

    def error(self, what: str, at: int, **details: str) -> ModelError:
        span = self.span(min(at, len(self.text)))
        return ModelError(what, where=f"{self.path}:{span.line}:{span.column}", **details)


# ---------------------------------------------------------------------------------------------------- blocks


def read_text(path: str | Path) -> str:
    """Read a model file's text: UTF-8 when it says or fits so, else Windows-1252; a missing file is one clear sentence.

    Line ends are kept as they are.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            "there is no such model file", where=str(path), remedy="Check the path after --model"
        ) from None
    except IsADirectoryError:
        raise ModelError("this is a folder", where=str(path), expected="a Vensim .mdl file") from None
    except OSError as error:
        raise ModelError(f"the model file can't be read ({error.strerror})", where=str(path)) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def parse(text: str, path: str = "<text>") -> ModelText:
    """Parse the text of a Vensim model.

    Parameters
    ----------
    text : str
        The whole file.
    path : str
        Its name, for places in messages.

    Returns
    -------
    ModelText
        Definitions, ranges and groups in the order of the file; sketch and settings as text.

    Raises
    ------
    ModelError
        At the first block that can't be read, with its place, what was found and what was expected.
    """
    source = _Source(path, text)
    sketch = _SKETCH.search(text)
    sketch_at = -1 if sketch is None else sketch.start()
    settings = _SETTINGS.search(text)
    settings_at = len(text) if settings is None else settings.start() + 1
    sketch_at = settings_at if sketch_at < 0 else sketch_at
    body = text[: min(sketch_at, settings_at)]

    definitions: list[Definition] = []
    ranges: list[RangeDefinition] = []
    groups: list[Group] = []
    macros: list[MacroDefinition] = []
    group, at = "", 0
    while True:
        at = _skip(source, body, at)
        if at >= len(body):
            break
        if body.startswith("****", at):
            match = _GROUP.match(body, at)
            if match is None:
                raise source.error(
                    "this group heading can't be read",
                    at,
                    expected='asterisks, the name, asterisks, "~", a comment, "|"',
                )
            group = match["name"].strip().lstrip(".").strip()
            groups.append(Group(group, match["comment"].strip(), at))
            at = match.end()
            continue
        if body[at] == ":" and (match := _MACRO.match(body, at)):
            at = _macro(source, body, match, macros)
            continue
        at = _block(source, body, at, group, definitions, ranges)
    return ModelText(
        path=path,
        text=text,
        definitions=tuple(definitions),
        ranges=tuple(ranges),
        groups=tuple(groups),
        macros=tuple(macros),
        sketch=text[sketch_at:settings_at],
        settings=text[settings_at:],
        lines=source.lines,
    )


_SKETCH = re.compile(r"(?<![^\r\n])\\{2,3}---///")
_MACRO = re.compile(
    r":\s*MACRO\s*:(?P<name>[^(]*)\((?P<inputs>[^):]*)(?::(?P<outputs>[^)]*))?\)", re.IGNORECASE
)
_MACRO_END = re.compile(r":\s*END\s+OF\s+MACRO\s*:", re.IGNORECASE)


def _macro(source: _Source, body: str, match: re.Match[str], macros: list[MacroDefinition]) -> int:
    """Read a macro with its equations; returns where it ends."""
    end = _MACRO_END.search(body, match.end())
    if end is None:
        raise source.error(
            "this macro is never ended", match.start(), expected=":END OF MACRO: after its equations"
        )
    definitions: list[Definition] = []
    ranges: list[RangeDefinition] = []
    at = _skip(source, body, match.end())
    while at < end.start():
        at = _skip(source, body, _block(source, body, at, "", definitions, ranges))
    names = [
        [_plain(n.strip()) for n in (match[part] or "").split(",") if n.strip()]
        for part in ("inputs", "outputs")
    ]
    name = _plain(_BLANKS.sub(" ", match["name"]).strip())
    if not any(fold(d.name) == fold(name) for d in definitions):
        raise source.error(f'the macro "{name}" has no equation for its own name', match.start())
    macros.append(MacroDefinition(name, tuple(names[0]), tuple(names[1]), tuple(definitions), match.start()))
    return end.end()


def _skip(source: _Source, body: str, at: int) -> int:
    """Skip blanks, ``{}`` comments (the encoding mark too) and stray block ends."""
    while at < len(body):
        if body[at].isspace() or body[at] == "\ufeff":
            at += 1
        elif body[at] == "{":
            end = _comment_end(body, at)
            if not end:
                raise source.error("a { comment is never closed", at, remedy="Add the closing }")
            at = end
        else:
            return at
    return at


def _part_end(source: _Source, body: str, at: int) -> int:
    """Offset of the ``~`` or ``|`` that ends an expression, outside quotes and comments."""
    start, at = at, at
    while True:
        match = _BLOCK_STOP.search(body, at)
        if match is None:
            raise source.error(
                "this block is never ended", start, expected='"~" units "~" comment "|" after the expression'
            )
        if match[0] in "~|":
            return match.start()
        if match[0] == '"':
            quoted = _QUOTED.match(body, match.start())
            at = quoted.end() if quoted else 0
        else:
            at = _comment_end(body, match.start())
        if not at:
            what, close = ("quotation mark", '"') if match[0] == '"' else ("{ comment", "}")
            raise source.error(f"a {what} is never closed", match.start(), remedy=f"Add the closing {close}")


def _block(
    source: _Source,
    body: str,
    start: int,
    group: str,
    definitions: list[Definition],
    ranges: list[RangeDefinition],
) -> int:
    expression_end = _part_end(source, body, start)
    block_end = body.find("|", expression_end)
    if block_end < 0:
        raise source.error("this block is never ended", start, expected='"|" after the comment')
    parts = body[expression_end:block_end].split("~")[1:] if body[expression_end] == "~" else []
    units_text = _BLANKS.sub(" ", _CONTINUED.sub(" ", parts[0])).strip() if parts else ""
    lines = (line.strip().removesuffix("\\").strip() for line in re.split(r"[\r\n]", "".join(parts[1:2])))
    comment = " ".join(line for line in lines if line)
    flags = parts[2].strip() if len(parts) > 2 else ""
    if len(parts) > 3 or (flags and not flags.startswith(":")):
        raise source.error(
            'a "|" is missing: more than units, comment and flags stand before the end of this block',
            start,
            remedy="End each block with |",
        )
    text = _without_comments(body[start:expression_end])
    source.subject = "this block"
    reader = _Reader(source, text, start)
    if not reader.tokens:
        raise source.error("an empty block", start, remedy='Remove the stray "~" or "|"')
    name = reader.name("the name of a variable")
    source.subject = f'"{_plain(name.text)}"'
    if reader.token.kind == "keyword" and reader.token.text in ("THE CONDITION", "TEST INPUT"):
        return block_end + 1  # reality checks are kept in the text, not run
    if any(t.kind == "keyword" and t.text in ("THE CONDITION", "TEST INPUT") for t in reader.tokens[:12]):
        return block_end + 1  # a named reality check
    if reader.at_symbol(":", "<->"):
        ranges.append(_range(reader, name, group))
    else:
        units, limits = _units(source, units_text, expression_end + 1)
        definitions.append(
            _definition(reader, name, group, units, limits, comment, flags, start, block_end + 1)
        )
    if reader.token.kind != "end":
        raise reader.wrong('an operator, or "~" at the end of the equation', _missing_operator(reader))
    return block_end + 1


def _missing_operator(reader: _Reader) -> str:
    if reader.at_symbol(")"):
        return 'Remove the ")" or add the "(" that it closes'
    return "Check that an operator stands between two terms and that the block before ends with |"


def _plain(name: str) -> str:
    """Spelling without quotes."""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return name


def _units(source: _Source, text: str, at: int) -> tuple[str, tuple[float | None, float | None] | None]:
    match = re.fullmatch(r"(?P<units>[^\[]*)(?:\[(?P<range>[^\]]*)\]\s*)?", text)
    if match is None:
        raise source.error(f"the units of {source.subject} can't be read", at, found=f'"{text}"')
    limits: tuple[float | None, float | None] | None = None
    if match["range"] is not None and match["range"].strip():
        bounds: list[float | None] = []
        for bound in match["range"].split(",")[:2]:
            bound = bound.strip()
            try:
                bounds.append(None if bound in ("?", "") else float(bound))
            except ValueError:
                raise source.error(
                    f"the range of {source.subject} can't be read",
                    at,
                    found=f'"{bound}"',
                    expected="numbers or ? as in [0,?]",
                ) from None
        limits = (bounds[0], bounds[1] if len(bounds) > 1 else None)
    return match["units"].strip(), limits


def _definition(
    reader: _Reader,
    name: Token,
    group: str,
    units: str,
    limits: tuple[float | None, float | None] | None,
    comment: str,
    flags: str,
    start: int,
    end: int,
) -> Definition:
    subscripts = reader.subscripts()
    exceptions: list[tuple[Sub, ...]] = []
    if reader.token.kind == "keyword" and reader.token.text == "EXCEPT":
        reader.take()
        exceptions.append(reader.subscripts())
        while reader.at_symbol(","):
            reader.take()
            exceptions.append(reader.subscripts())
    keyword = ""
    if reader.token.kind == "keyword" and reader.token.text in (
        "RAW",
        "INTERPOLATE",
        "HOLD BACKWARD",
        "LOOK FORWARD",
    ):
        keyword = reader.take().text
    operator, expression = "", None
    if reader.token.kind == "keyword" and reader.token.text == "IS":
        reader.take()
        operator, expression = ":IS:", reader.operand()
    elif reader.at_symbol("(") and not keyword:
        opened = reader.take()
        if reader.token.kind == "name":  # GET XLS LOOKUPS(…) in parentheses
            operator, expression = "(", reader.expression()
            reader.closing(opened)
        else:
            operator, expression = "(", reader.points(opened.at)
    elif reader.token.kind != "end":
        if not reader.at_symbol("=", "==", ":="):
            raise reader.wrong('"=" after the name', "Check that the block before it ends with |")
        operator = reader.take().text
        expression = reader.array() or reader.expression()
    if reader.token.kind == "keyword" and reader.token.text == "IGNORE":
        reader.position = len(reader.tokens)
    return Definition(
        name=_plain(name.text),
        subscripts=subscripts,
        exceptions=tuple(exceptions),
        operator=operator,
        expression=expression,
        keyword=keyword,
        units=units,
        limits=limits,
        comment=comment,
        flags=flags,
        group=group,
        at=name.at,
        start=start,
        end=end,
    )


def _range(reader: _Reader, name: Token, group: str) -> RangeDefinition:
    if reader.take().text == "<->":
        other = reader.name("the name of the equivalent range")
        return RangeDefinition(_plain(name.text), (), (), _plain(other.text), group, name.at)
    source: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    if fold(reader.token.text) in ("get xls subscript", "get direct subscript"):
        source = _texts(reader)
    else:
        items = _items(reader)
    mappings: list[tuple[str, tuple[Item, ...]]] = []
    if reader.at_symbol("->"):
        reader.take()
        while True:
            if reader.at_symbol("("):
                reader.take()
                target = reader.name("the range that is mapped to")
                reader.expect(":", "between the range and its elements")
                mappings.append((_plain(target.text), _items(reader)))
                reader.expect(")", "after the mapping")
            else:
                mappings.append((_plain(reader.name("the range that is mapped to").text), ()))
            if not reader.at_symbol(","):
                break
            reader.take()
    return RangeDefinition(_plain(name.text), items, tuple(mappings), "", group, name.at, source)


def _texts(reader: _Reader) -> tuple[str, ...]:
    """Read ``FUNCTION('text', 'text', …)``; returns the texts."""
    call = reader.operand()
    if not isinstance(call, Apply) or not all(isinstance(a, Text) for a in call.arguments):
        raise reader.wrong("texts in single quotes")
    return tuple(a.value for a in call.arguments if isinstance(a, Text))


def _items(reader: _Reader) -> tuple[Item, ...]:
    items: list[Item] = []
    while True:
        if reader.at_symbol("("):
            reader.take()
            first = reader.name("the first element of a sequence")
            reader.expect("-", "between first and last element")
            last = reader.name("the last element of a sequence")
            reader.expect(")", "after the sequence")
            items.append(Item(_plain(first.text), _plain(last.text), first.at))
        else:
            token = reader.name("the name of an element or range")
            items.append(Item(_plain(token.text), "", token.at))
        if not reader.at_symbol(","):
            return tuple(items)
        reader.take()
