"""What a check finds, and where it stands in the file."""

from __future__ import annotations

import bisect
import contextlib
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from flows.errors import FlowsError
from flows.model.ir import Span
from flows.references import fold
from flows.vensim.grammar import Reader, Source, without_comments
from flows.vensim.parse import part_end, read_text
from flows.vensim.source import XMILE
from flows.vensim.tree import Apply, Definition, ModelText, Name, Node, Num, Op, Points

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
_PLACE = re.compile(r":(\d+)(?::(\d+))?$")
_NUMBER = re.compile(r"[-+]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\W\d][\w$\']*(?:[ \t]+[\w$\']+)*|\S')


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a model that its author should know.

    Attributes
    ----------
    level : str
        ``error`` (the model can't run as it stands, or gives no numbers), ``warning`` (likely a mistake) or ``note``.
    rule : str
        What was checked, such as ``syntax``, ``undefined`` or ``units``.
    variable : str
        Whose equation it is; empty for the file as a whole.
    what : str
        What is wrong, without a full stop.
    file, line, column, length
        Where; line and column from 1, 0 where there is none; `length` characters of `text` are meant.
    text : str
        The line of the file.
    expression : str
        The part of the equation that breaks, if it isn't the whole.
    found, expected, remedy : str
        What stands there, what should, and how to mend it.
    """

    level: Level
    rule: str
    variable: str
    what: str
    file: str
    line: int = 0
    column: int = 0
    length: int = 0
    text: str = ""
    expression: str = ""
    found: str = ""
    expected: str = ""
    remedy: str = ""

    @property
    def where(self) -> str:
        """``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def sentence(self) -> str:
        """What, what was found and what was expected, as one sentence."""
        parts = [self.what]
        if self.found:
            parts.append(f"found {self.found}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        return ", ".join(parts).rstrip(".") + "."

    @property
    def advice(self) -> str:
        """The remedy as a sentence; empty if there is none."""
        return self.remedy if not self.remedy or self.remedy[-1] in ".?" else self.remedy + "."


class Places:
    """Makes findings with their place in a file."""

    def __init__(self, source: ModelText) -> None:
        self.source = source

    def at(
        self,
        level: Level,
        rule: str,
        variable: str,
        what: str,
        at: int,
        *,
        whole: bool = False,
        found: str = "",
        expected: str = "",
        remedy: str = "",
    ) -> Finding:
        """Make a finding at an offset of the text; `whole` shows the sub-expression that stands there."""
        source = self.source
        at = min(max(at, 0), len(source.text))
        span = source.span(at)
        line = self.line(span.line)
        expression = ""
        start, end = at, at + 1
        if (
            whole
            and not source.path.lower().endswith(XMILE)
            and (definition := self.definition(at)) is not None
        ):
            node = _node(definition.expression, at)
            if node is not None:
                start, end = _extent(source.text, node)
                expression = _plain(source.text[start:end])
        if not expression and (match := _WORD.match(source.text, at)):
            end = match.end()
        here = source.span(start)
        if here.line != span.line:
            start, here = at, span
        length = max(1, min(end - start, len(line) - here.column + 1))
        return Finding(
            level=level,
            rule=rule,
            variable=variable,
            what=what,
            file=source.path,
            line=here.line,
            column=here.column,
            length=length,
            text=line,
            expression=expression,
            found=found,
            expected=expected,
            remedy=remedy,
        )

    def of_error(self, level: Level, rule: str, error: FlowsError, *, variable: str = "") -> Finding:
        """Make a finding of a refusal."""
        at = self.offset(error.where)
        if at is None:
            found = Finding(level, rule, variable, error.what, self.source.path)
            return replace(found, found=error.found, expected=error.expected, remedy=error.remedy)
        if not variable and (definition := self.definition(at)) is not None:
            variable = definition.name
        return self.at(
            level,
            rule,
            variable,
            error.what,
            at,
            found=error.found,
            expected=error.expected,
            remedy=error.remedy,
        )

    def offset(self, where: str) -> int | None:
        """Offset of ``file:line:column`` or ``file:line`` if it lies in this file."""
        match = _PLACE.search(where)
        if match is None or where[: match.start()] != self.source.path:
            return None
        line = min(int(match[1]), len(self.source.lines))
        return self.source.lines[line - 1] + int(match[2] or 1) - 1

    def line(self, number: int) -> str:
        """A line of the file without its end."""
        lines = self.source.lines
        end = lines[number] if number < len(lines) else len(self.source.text)
        return self.source.text[lines[number - 1] : end].rstrip("\r\n")

    def units_at(self, at: int) -> int:
        """Offset of the units of the equation that an offset lies in; the offset itself if it has none."""
        definition = self.definition(at)
        if definition is None or not definition.units:
            return at
        text = self.source.text
        if self.source.path.lower().endswith(XMILE):
            tag = text.find("<units>", definition.start, definition.end)
            return at if tag < 0 else tag + len("<units>")
        end = part_end(self._whole, text, definition.start)
        found = text.find(definition.units.split()[0], end, definition.end)
        return at if found < 0 else found

    def expression_at(self, span: Span) -> int:
        """Offset at which the expression (of a stock its net flow) of the equation at a place begins."""
        at = self.offset(f"{self.source.path}:{span.line}:{span.column}") or 0
        definition = self.definition(at)
        node = None if definition is None else definition.expression
        if isinstance(node, Apply) and fold(node.name) == "integ" and node.arguments:
            node = node.arguments[0]
        return at if node is None else min(n.at for n in walk(node))

    def closing(self, at: int) -> int:
        """Offset of the last character inside the parentheses of the call at an offset; itself if there are none."""
        source = self.source
        if source.path.lower().endswith(XMILE) or (definition := self.definition(at)) is None:
            return at
        text = without_comments(source.text[at : definition.end])
        end = _closed(text, 0, "()")
        return at + len(text[: end - 1].rstrip()) - 1 if end else at

    def point(self, node: Points, number: int) -> int:
        """Offset of the x of a point of a lookup, by its number from 0; of the whole list if it isn't Vensim's text."""
        source = self.source
        if source.path.lower().endswith(XMILE) or not source.text.startswith("(", node.at):
            return node.at
        reader = Reader(self._whole, without_comments(source.text[node.at :]), node.at)
        reader.take()
        return reader.point_places()[number]

    def definition(self, at: int) -> Definition | None:
        """The equation that an offset lies in."""
        place = bisect.bisect_right(self._starts, at) - 1
        found = self._in_order[place] if place >= 0 else None
        return found if found is not None and at < found.end else None

    @cached_property
    def _whole(self) -> Source:
        return Source(self.source.path, self.source.text)

    @cached_property
    def _in_order(self) -> list[Definition]:
        macros = (d for m in self.source.macros for d in m.definitions)
        return sorted((*self.source.definitions, *macros), key=lambda d: d.start)

    @cached_property
    def _starts(self) -> list[int]:
        return [d.start for d in self._in_order]


def of_refusal(path: Path, error: FlowsError) -> Finding:
    """Make a finding of a refusal of a file as a whole: it is missing, no model, or holds what isn't read.

    Parameters
    ----------
    path : Path
        The file.
    error : FlowsError
        Why it was refused.

    Returns
    -------
    Finding
        An error, with the line that the refusal names.
    """
    found = Finding(
        "error",
        "file",
        "",
        error.what,
        str(path),
        found=error.found,
        expected=error.expected,
        remedy=error.remedy,
    )
    match = _PLACE.search(error.where)
    if match is None or error.where[: match.start()] != str(path):
        return found
    number, column = int(match[1]), int(match[2] or 1)
    lines: list[str] = []
    with contextlib.suppress(FlowsError):
        lines = read_text(path).splitlines()
    text = lines[number - 1] if 0 < number <= len(lines) else ""
    return replace(found, line=number, column=column, length=1, text=text)


def mentions(definition: Definition) -> set[str]:
    """Folded names of variables, functions, ranges and elements in an equation."""
    names = {fold(s.name) for subs in (definition.subscripts, *definition.exceptions) for s in subs}
    for node in walk(definition.expression):
        if isinstance(node, Name | Apply):
            names.add(fold(node.name))
            names.update(fold(s.name) for s in node.subscripts)
    return names


def walk(node: Node | None) -> list[Node]:
    """A node and all nodes below it."""
    found: list[Node] = []
    stack = [] if node is None else [node]
    while stack:
        node = stack.pop()
        found.append(node)
        match node:
            case Op():
                stack.extend(node.operands)
            case Apply():
                stack.extend((*node.arguments, *node.outputs))
    return found


def _node(root: Node | None, at: int) -> Node | None:
    return next((n for n in walk(root) if n.at == at), None)


def _extent(text: str, node: Node) -> tuple[int, int]:
    """Where the text of a node begins and ends, parentheses included."""
    ends = [node.at, node.at + 1]
    for n in walk(node):
        ends.append(n.at)
        match n:
            case Num():
                number = _NUMBER.match(text, n.at)
                ends.append(number.end() if number else n.at + 1)
            case Name():
                ends.append(_closed(text, n.at + len(n.name), "[]") if n.subscripts else n.at + len(n.name))
            case Apply():
                ends.append(_closed(text, n.at + len(n.name), "()"))
            case _:
                ends.append(n.at + 1)
    start, end = min(ends), max(ends)
    piece = text[start:end]
    for _ in range(piece.count(")") - piece.count("(")):
        start = max(text.rfind("(", 0, start), 0)
    for _ in range(piece.count("(") - piece.count(")")):
        end = text.find(")", end) + 1 or end
    return start, end


def _closed(text: str, at: int, pair: str) -> int:
    """Offset behind the bracket that closes the next one to open."""
    depth = 0
    for k in range(at, len(text)):
        if text[k] == pair[0]:
            depth += 1
        elif text[k] == pair[1]:
            depth -= 1
            if depth <= 0:
                return k + 1
    return at


def _plain(text: str) -> str:
    return " ".join(text.replace("\\\n", " ").replace("\\\r\n", " ").split())
