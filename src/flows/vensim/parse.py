"""Text of a Vensim model file → syntax tree with line and column on every node.

The grammar is that of the text format: blocks ``name = expression ~ units ~ comment ~ flags |``, groups, macros,
subscript ranges, then sketches and settings.
"""

from __future__ import annotations

import re
import threading
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.errors import ModelError, near
from flows.model.ir import deep
from flows.references import fold
from flows.vensim.conflicts import Conflict, settled
from flows.vensim.grammar import (
    BLANKS,
    CONTINUED,
    QUOTED,
    Reader,
    Source,
    Token,
    comment_end,
    without_comments,
)
from flows.vensim.tree import (
    Apply,
    Definition,
    Group,
    Item,
    MacroDefinition,
    ModelText,
    Points,
    RangeDefinition,
    Sub,
    Text,
    moved,
)

_BLOCK_STOP = re.compile(r'["{~|]')
# Every part begins with what the part before can't hold, so that no text makes the match slow.
_GROUP = re.compile(
    r"\*{4}[^\n\r]*[\r\n]\s*(?P<name>[^\s*][^\n\r]*)[\r\n]\s*\*{4}\**\s*~(?P<comment>[^|]*)\|"
)
_NEXT = re.compile(
    r"""[\r\n][ \t]*(?:"[^"\r\n]*"|[^\W\d][\w$' \t]*?)[ \t]*(?:\[[^\]\r\n]*\][ \t]*)?(?:=|\(\s*[\[(])"""
)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1a\x1b"})  # characters that no text holds
_SETTINGS = re.compile(r"[\r\n]:L\x7f?<%\^E!@")

# ---------------------------------------------------------------------------------------------------- blocks


def read_text(path: str | Path) -> str:
    """Read a model file's text: UTF-8 when it says or fits so, else Windows-1252; a missing file is one clear sentence.

    Line ends are kept as they are.
    """
    raw = read_bytes(Path(path))
    refuse_no_text(raw, path)
    return decoded(raw)[0]


def read_bytes(path: Path) -> bytes:
    """Read a model file as it is, or say why it can't be read.

    Raises
    ------
    ModelError
        There is no such file, it is a folder, or the system refuses it.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError("there is no such model file", where=str(path), remedy=_elsewhere(path)) from None
    except OSError as error:
        if path.is_dir():  # which some systems call a lack of permission
            raise ModelError("this is a folder", where=str(path), expected="a Vensim .mdl file") from None
        raise ModelError(
            "the model file can't be read", where=str(path), found=str(error.strerror or error)
        ) from None


def _elsewhere(path: Path) -> str:
    """Say what may be wrong with the path of a file that isn't there."""
    if path.parent.is_dir():
        return (
            near(path.name, [p.name for p in sorted(path.parent.glob(f"*{path.suffix}"))]) or "Check the path"
        )
    place = "" if path.is_absolute() else f" in {Path.cwd().name or 'this folder'}"
    return f"There is no folder {path.parent.as_posix()}{place}: check the path, or go to the folder it starts from"


def refuse_no_text(raw: bytes, path: str | Path) -> None:
    """Refuse a file in UTF-16, which would be read as letters with blanks between them, and one that is no text.

    Raises
    ------
    ModelError
        If the bytes begin with the mark of UTF-16 or every second one is zero; if more than one in fifty is a control
        character that no text holds.
    """
    start = raw[:400]
    zeros = start[::2].count(0), start[1::2].count(0)
    wide = len(start) > 8 and max(zeros) * 5 > len(start) * 2 and min(zeros) * 10 <= max(zeros)
    if wide or start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ModelError(
            "the model file is in UTF-16, which neither Vensim nor Flows reads",
            where=str(path),
            remedy="Save it as UTF-8",
        )
    start = raw[:8000]
    controls = len(start) - len(start.translate(None, _CONTROLS))
    if controls >= 8 and controls * 50 > len(start):
        raise ModelError(
            "not a Vensim model",
            where=str(path),
            found="a binary file",
            expected="a text of equations (.mdl)",
        )


def decoded(raw: bytes) -> tuple[str, str, int]:
    """Decode a model file: UTF-8 if it fits, else Windows-1252.

    Returns
    -------
    tuple of (str, str, int)
        The text without a byte order mark; ``utf-8`` or ``cp1252``; how many bytes the mark takes.
    """
    mark = len(BOM_UTF8) if raw.startswith(BOM_UTF8) else 0
    try:
        return raw[mark:].decode("utf-8"), "utf-8", mark
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), "cp1252", 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stretch of the text that can't be read, from one offset to another, and why; whose it is, if that is known."""

    error: ModelError
    start: int
    end: int
    name: str = ""


@deep
def parse(text: str, path: str = "<text>", *, unreadable: list[Unreadable] | None = None) -> ModelText:
    """Parse the text of a Vensim model.

    Parameters
    ----------
    text : str
        The whole file.
    path : str
        Its name, for places in messages.
    unreadable : list of Unreadable, optional
        If given, takes in what can't be read instead of the first being raised; reading goes on behind the next ``|``.

    Returns
    -------
    ModelText
        Definitions, ranges and groups in the order of the file; sketch and settings as text.

    Raises
    ------
    ModelError
        At the first block that can't be read, with its place, what was found and what was expected.
    """
    source = Source(path, text)
    if text.lstrip("\ufeff \t\r\n").startswith(("<?xml", "<xmile")):
        raise ModelError(
            "this is XML, not the text of a Vensim model",
            where=path,
            remedy="XMILE files are read if their name ends in .xmile or .stmx",
        )
    kept, conflicts = settled(text)
    if conflicts and unreadable is None:
        raise _conflict(source, conflicts[0])
    sketch_at = _sketch(text)
    settings = _SETTINGS.search(text)
    settings_at = len(text) if settings is None else settings.start() + 1
    sketch_at = settings_at if sketch_at < 0 else sketch_at
    body = kept[: min(sketch_at, settings_at)]
    if unreadable is not None:
        unreadable += (Unreadable(_conflict(source, c), c.start, c.end) for c in conflicts)

    definitions: list[Definition] = []
    ranges: list[RangeDefinition] = []
    groups: list[Group] = []
    macros: list[MacroDefinition] = []
    group, at = "", 0
    while at < len(body):
        start = at
        try:
            at = start = _skip(source, body, at)
            if at >= len(body):
                break
            if body.startswith("****", at):
                heading, at = _heading(source, body, at)
                groups.append(heading)
                group = heading.name
            elif body[at] == ":" and (match := _MACRO.match(body, at)):
                at = _macro(source, body, match, macros)
            else:
                count = len(definitions)
                at = _block(source, body, at, group, definitions, ranges)
                if unreadable is not None and len(definitions) > count and _is_comment(body, definitions):
                    definitions.pop()
                    unreadable.append(_cut_comment(source, definitions[-1], at))
        except ModelError as error:
            if unreadable is None:
                raise
            at = body.find("|", start) + 1 or len(body)
            if definitions and _is_rest(body, definitions[-1], start, at):
                unreadable.append(_cut_comment(source, definitions[-1], at))
            else:
                unreadable.append(Unreadable(error, start, at))
    return ModelText(
        path=path,
        text=text,
        definitions=tuple(definitions),
        ranges=tuple(ranges),
        groups=tuple(groups),
        macros=tuple(macros),
        sketch=kept[sketch_at:settings_at],
        settings=kept[settings_at:],
        lines=source.lines,
    )


def _is_comment(body: str, definitions: Sequence[Definition]) -> bool:
    """True if the last of some equations seems to be the rest of the comment of the one before."""
    if len(definitions) < 2:
        return False
    before, last = definitions[-2:]
    bare = last.operator == "" or (last.operator == "(" and not isinstance(last.expression, Points))
    here = not {"\n", "\r"} & {*body[before.end : last.start]}
    return (bare or here) and _is_rest(body, before, last.start, last.end)


def _is_rest(body: str, before: Definition, start: int, end: int) -> bool:
    """True if a stretch behind a comment is no block: it has no ``~``, and begins on that line or holds no ``=``."""
    words = body[start:end]
    between = body[before.end : start]
    behind = not between.strip() and bool(before.comment) and "~" not in words
    return behind and ("=" not in words or not {"\n", "\r"} & {*between})


def _cut_comment(source: Source, before: Definition, end: int) -> Unreadable:
    """The comment of an equation, which a ``|`` cuts in two."""
    error = source.error(
        f'the comment of "{before.name}" goes on behind its "|"',
        before.end - 1,
        expected='one "|", at the end of the block',
        remedy='Remove the "|" inside the comment',
    )
    return Unreadable(error, before.end - 1, end, before.name)


def _conflict(source: Source, conflict: Conflict) -> ModelError:
    """The error that git left a merge conflict, at its first marker: its halves would be read as equations."""
    return source.error(
        "a merge conflict is left in the file"
        if conflict.whole
        else "a marker of a merge conflict is left in the file",
        conflict.start,
        found=f'"{conflict.marker.strip()}"',
        remedy="Keep one of the two versions between <<<<<<< and >>>>>>>, and remove the lines of the markers",
    )


def _heading(source: Source, body: str, at: int) -> tuple[Group, int]:
    """Read the heading of a group; returns where it ends too."""
    match = _GROUP.match(body, at)
    if match is None:
        raise source.error(
            "this group heading can't be read",
            at,
            expected='asterisks, the name, asterisks, "~", a comment, "|"',
        )
    name = match["name"].strip().lstrip(".").strip()
    return Group(name, match["comment"].strip(), at), match.end()


def _sketch(text: str) -> int:
    """Offset of the line that opens the first sketch; -1 if there is none."""
    at = text.find("\\\\---///")
    while at >= 0:
        first = at - 1 if text[at - 1 : at] == "\\" else at
        if first == 0 or text[first - 1] in "\r\n":
            return first
        at = text.find("\\\\---///", at + 1)
    return -1


_MACRO = re.compile(
    r":\s*MACRO\s*:(?P<name>[^(]*)\((?P<inputs>[^):]*)(?::(?P<outputs>[^)]*))?\)", re.IGNORECASE
)
_MACRO_END = re.compile(r":\s*END\s+OF\s+MACRO\s*:", re.IGNORECASE)


def _macro(source: Source, body: str, match: re.Match[str], macros: list[MacroDefinition]) -> int:
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
    name = _plain(BLANKS.sub(" ", match["name"]).strip())
    if not any(fold(d.name) == fold(name) for d in definitions):
        raise source.error(f'the macro "{name}" has no equation for its own name', match.start())
    macros.append(MacroDefinition(name, tuple(names[0]), tuple(names[1]), tuple(definitions), match.start()))
    return end.end()


def _skip(source: Source, body: str, at: int) -> int:
    """Skip blanks, ``{}`` comments (the encoding mark too) and stray block ends."""
    while at < len(body):
        if body[at].isspace() or body[at] == "\ufeff":
            at += 1
        elif body[at] == "{":
            end = comment_end(body, at)
            if not end:
                raise source.error("a { comment is never closed", at, remedy="Add the closing }")
            at = end
        else:
            return at
    return at


def part_end(source: Source, body: str, at: int) -> int:
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
            quoted = QUOTED.match(body, match.start())
            at = quoted.end() if quoted else 0
        else:
            at = comment_end(body, match.start())
        if not at:
            what, close = ("quotation mark", '"') if match[0] == '"' else ("{ comment", "}")
            raise source.error(f"a {what} is never closed", match.start(), remedy=f"Add the closing {close}")


def _block(
    source: Source,
    body: str,
    start: int,
    group: str,
    definitions: list[Definition],
    ranges: list[RangeDefinition],
) -> int:
    """Read a block, or take it from an earlier reading of the same text; returns where it ends."""
    expression_end = part_end(source, body, start)
    if body.startswith("||", expression_end):
        raise source.error(
            "this can't stand in an equation", expression_end, found='"||"', remedy="Write :OR: for either"
        )
    end = body.find("|", expression_end) + 1
    if not end:
        raise source.error("this block is never ended", start, expected='"|" after the comment')
    text = body[start:end]
    known = _known.get(text)
    if known is None:
        known = start, _read_block(source, text, start, expression_end - start)
        _known.put(text, known)
    then, item = known
    match item:
        case Definition():
            item = moved(item, start - then)
            definitions.append(item if item.group == group else replace(item, group=group))
        case RangeDefinition():
            item = moved(item, start - then)
            ranges.append(item if item.group == group else replace(item, group=group))
    return end


class _Known:
    """Blocks read before, by their text, up to a number of characters: an edit reads anew only what it changed."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.blocks: dict[str, tuple[int, Definition | RangeDefinition | None]] = {}
        self.lock = threading.Lock()

    def get(self, text: str) -> tuple[int, Definition | RangeDefinition | None] | None:
        return self.blocks.get(text)

    def put(self, text: str, block: tuple[int, Definition | RangeDefinition | None]) -> None:
        with self.lock:
            if self.size > self.most:
                self.blocks, self.size = {}, 0
            if text not in self.blocks:
                self.blocks[text] = block
                self.size += len(text)


_known = _Known(8_000_000)


def _read_block(
    source: Source, whole: str, start: int, expression_end: int
) -> Definition | RangeDefinition | None:
    """Read a block from its text; None for a reality check, which is kept in the text and not run."""
    parts = whole[expression_end:-1].split("~")[1:] if whole[expression_end] == "~" else []
    units_text = BLANKS.sub(" ", CONTINUED.sub(" ", parts[0])).strip() if parts else ""
    lines = (line.strip().removesuffix("\\").strip() for line in re.split(r"[\r\n]", "".join(parts[1:2])))
    comment = " ".join(line for line in lines if line)
    flags = parts[2].strip() if len(parts) > 2 else ""
    if (
        flags and not flags.startswith(":") and not {"=", "*"} & {*flags, *comment}
    ):  # a comment in two parts, seen in the wild
        comment, flags = f"{comment} {' '.join(flags.split())}", ""
    if len(parts) > 3 or (flags and not flags.startswith(":")):
        raise source.error(
            'a "|" is missing: more than units, comment and flags stand before the end of this block',
            start + _end_of_comment(whole, expression_end),
            remedy="End each block with |",
        )
    text = without_comments(whole[:expression_end])
    source.subject = "this block"
    reader = Reader(source, text, start)
    if reader.token.kind == "end":
        raise source.error("an empty block", start, remedy='Remove the stray "~" or "|"')
    name = reader.name("the name of a variable")
    source.subject = f'"{_plain(name.text)}"'
    if reader.token.kind == "keyword" and reader.token.text in ("THE CONDITION", "TEST INPUT"):
        return None
    if any(
        t.kind == "keyword" and t.text in ("THE CONDITION", "TEST INPUT") for t in map(reader.peek, range(12))
    ):
        return None  # a named reality check
    item: Definition | RangeDefinition
    if reader.at_symbol(":", "<->"):
        item = _range(reader, name, "")
    else:
        units, limits = _units(source, units_text, start + expression_end + 1)
        item = _definition(reader, name, "", units, limits, comment, flags, start, start + len(whole))
    if reader.token.kind != "end":
        raise reader.wrong('an operator, or "~" at the end of the equation', _missing_operator(reader))
    return item


def _end_of_comment(whole: str, expression_end: int) -> int:
    """Where a block whose end is missing seems to end: before the next equation; its own beginning if none is seen."""
    comment = whole.find("~", expression_end + 1) + 1
    following = _NEXT.search(whole, comment) if comment else None
    return len(whole[: following.start()].rstrip()) - 1 if following else 0


def _missing_operator(reader: Reader) -> str:
    if reader.at_symbol(")"):
        return 'Remove the ")" or add the "(" that it closes'
    return "Check that an operator stands between two terms and that the block before ends with |"


def _plain(name: str) -> str:
    """Spelling without quotes, unless the name is one that begins and ends with a quote itself."""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        plain = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return name if len(plain) >= 2 and plain[0] == plain[-1] == '"' else plain
    return name


def _units(source: Source, text: str, at: int) -> tuple[str, tuple[float | None, float | None] | None]:
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
    reader: Reader,
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
        reader.skip()
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


def _range(reader: Reader, name: Token, group: str) -> RangeDefinition:
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


def _texts(reader: Reader) -> tuple[str, ...]:
    """Read ``FUNCTION('text', 'text', …)``; returns the texts."""
    call = reader.operand()
    if not isinstance(call, Apply) or not all(isinstance(a, Text) for a in call.arguments):
        raise reader.wrong("texts in single quotes")
    return tuple(a.value for a in call.arguments if isinstance(a, Text))


def _items(reader: Reader) -> tuple[Item, ...]:
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
