r"""The sketch of a Vensim model file: views and their records, read and written without losing a byte.

A view is a list of words (variables, valves, comments, clouds, pictures) and arrows. Every record keeps its text as
read; only a record that was changed (``replace(word, x=…, raw="")``) is spelt anew. Fields follow Vensim's help pages
"Sketch Information" and "Objects". Shapes 4 and 5 of a comment are loop marks, clockwise and counterclockwise (seen in
``SDXorg/test-models``, model SIR, whose loops run that way).

Examples
--------
>>> view = parse_sketch(EXAMPLE).views[0]
>>> [(word.role, word.name) for word in view.words]
[('stock', 'Waiting'), ('cloud', '48'), ('valve', '0'), ('flow', 'arrivals')]
>>> [(arrow.pipe, arrow.head) for arrow in view.arrows]
[(True, True), (True, False)]
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from flows.errors import InputError, ModelError, near
from flows.references import fold
from flows.vensim.parse import read_bytes, refuse_no_text
from flows.vensim.source import XMILE

__all__ = [
    "CLOSED",
    "Arrow",
    "Other",
    "Sketch",
    "Style",
    "View",
    "Word",
    "cut_at",
    "parse_sketch",
    "read_sketch",
    "unquoted",
]

EXAMPLE = r"""\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*One stock
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
10,1,Waiting,300,150,40,20,3,3,0,0,0,0,0,0
12,2,48,110,150,10,8,0,3,0,0,-1,0,0,0
1,3,5,1,4,0,0,22,0,0,0,-1--1--1,,1|(230,150)|
1,4,5,2,100,0,0,22,0,0,0,-1--1--1,,1|(155,150)|
11,5,0,195,150,6,8,34,3,0,0,1,0,0,0
10,6,arrivals,195,169,26,11,40,3,0,0,-1,0,0,0
///---\\\
"""

CLOSED = "///---\\\\\\"
"""The line that closes a sketch."""
_MARK = re.compile(r"(?<![^\r\n])\\{2,3}---///")
_END = re.compile(r"(?<![^\r\n])///---\\")
_SETTINGS = re.compile(r"(?<![^\r\n]):L[\x7f<]")
_COMMA = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*"?)*)(?:,|$)')
_HANDLES = re.compile(r",\d*\|(?:\([^()]*\)\|?)*\s*$")
_POINT = re.compile(r"\(\s*(-?\d{1,9}(?:\.\d+)?)\s*,\s*(-?\d{1,9}(?:\.\d+)?)\s*\)")
_SIZE = re.compile(r"0{0,3}[1-9]\d{0,3}")  # points of a font
_BEYOND = 10**9  # no place, number or colour of a sketch
WORDS = {10: "variable", 11: "valve", 12: "comment", 30: "bitmap", 31: "metafile"}
_LEAST = {1: 13, 10: 9, 11: 9, 12: 9, 30: 9, 31: 9}  # fields that a record can't do without
_DRAWN = re.compile(r"(?<![^\r\n])(?:10|11|12|1),\d")
_DEFAULTS = ("0", "0", "-1", "0", "0", "0")


def unquoted(name: str) -> str:
    r"""Take the quotes from a name: ``"a ""quoted"" name"`` stands for what is inside."""
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return name


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a view: variable, valve, comment, cloud, loop mark, picture.

    Attributes
    ----------
    kind : int
        10 variable, 11 valve, 12 comment or cloud, 30 bitmap, 31 metafile.
    id : int
        Number, unique in the view.
    name : str
        As the record spells it: a variable's name (with its quotes), ``48`` for a cloud.
    x, y, w, h : int
        Centre, half width and half height in pixels; y grows downwards.
    shape : int
        Outline in the low five bits; 32 attached to a valve.
    bits : int
        1 arrows may come in, 2 arrows may go out, 4 text on the next line.
    hide, styles, place, border : int
        Hide level; which style fields count; place of the name; width of the border.
    rest : tuple of str
        All further fields as read: two of navigation, styles, integers of later versions.
    text : str or None
        A comment's own line.
    raw : str
        The record as read, with its line end; empty for a new or changed one.
    line : int
        Line of the file, from 1; 0 for a new one.
    """

    kind: int
    id: int
    name: str
    x: int
    y: int
    w: int
    h: int
    shape: int = 8
    bits: int = 3
    hide: int = 0
    styles: int = 0
    place: int = 0
    border: int = 0
    rest: tuple[str, ...] = ("0", "0")
    text: str | None = None
    raw: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def key(self) -> str:
        """Folded name without quotes."""
        return fold(unquoted(self.name))

    @property
    def outline(self) -> int:
        """Outline code without the flags."""
        return self.shape & 31

    @property
    def shadow(self) -> bool:
        """True for a variable that is defined elsewhere: no arrow may come in."""
        return self.kind == 10 and not self.bits & 1

    @property
    def role(self) -> str:
        """What it is: variable, stock, flow, shadow, valve, cloud, comment, loop, control or picture.

        A stock is a variable in a box: the sketch alone doesn't tell more.
        """
        if self.kind == 10:
            if self.shape & 32:
                return "flow"
            if self.shadow:
                return "shadow"
            return "stock" if self.outline == 3 else "variable"
        if self.kind == 11:
            return "valve"
        if self.kind == 12:
            if self.bits & 8:
                return "control"
            if not self.bits & 4:
                return "cloud" if self.name == "48" else "comment"
            return "loop" if self.outline in (4, 5) else "comment"
        return "picture"

    @property
    def style(self) -> tuple[str, str, str]:
        """Border colour, fill colour and font, each as written; empty without style fields."""
        fields = self.rest[2:5]
        return (*fields, "", "", "")[:3]  # type: ignore[return-value]

    def record(self) -> str:
        """The record without line end; a comment's text follows after a line feed."""
        numbers = (self.x, self.y, self.w, self.h, self.shape, self.bits, self.hide, self.styles)
        fields = [str(self.kind), str(self.id), self.name, *map(str, numbers)]
        line = ",".join([*fields, str(self.place), str(self.border), *self.rest])
        return line if self.text is None else line + "\n" + self.text


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow, or one half of a pipe (from the valve to one of its ends).

    Attributes
    ----------
    id, start, end : int
        Its number, and the words that it joins in the direction of cause.
    shape : int
        0 straight, 1 arc through the handle, 4 pipe; 32 the pipe's source side, 64 no head.
    hide, polarity, thickness : int
        Hide level; ASCII code of the mark (43 ``+``, 45 ``-``); above 20 a pipe.
    points : tuple of (float, float)
        Handles.
    colour, font : str
        As written.
    """

    id: int
    start: int
    end: int
    shape: int = 0
    hide: int = 0
    polarity: int = 0
    thickness: int = 0
    styles: int = 0
    delay: int = 64
    initial: int = 0
    colour: str = "-1--1--1"
    font: str = ""
    points: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    raw: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def pipe(self) -> bool:
        """True for a half of a pipe."""
        return self.thickness > 20

    @property
    def head(self) -> bool:
        """True if the end has an arrowhead."""
        return not self.shape & 64

    @property
    def mark(self) -> str:
        """Polarity as ``+`` or ``-`` (s and o mean the same), another letter as it is, or nothing."""
        letter = chr(self.polarity) if 32 < self.polarity < 127 else ""
        return {"s": "+", "S": "+", "o": "-", "O": "-", "0": ""}.get(letter, letter)

    def record(self) -> str:
        """The record without line end."""
        numbers = (
            1, self.id, self.start, self.end, self.shape, self.hide, self.polarity, self.thickness, self.styles,
            self.delay, self.initial,
        )  # fmt: skip
        points = "|".join(f"({x:g},{y:g})" for x, y in self.points)
        return ",".join([*map(str, numbers), self.colour, self.font, f"{len(self.points)}|{points}|"])


@dataclass(frozen=True, slots=True)
class Other:
    """A line that is neither word nor arrow: kept as it is."""

    raw: str
    line: int = field(default=0, compare=False)


Record = Word | Arrow | Other


@dataclass(frozen=True, slots=True)
class Style:
    """Defaults of a view: face, size in points, attributes and colours (``R-G-B``, ``-1--1--1`` for none)."""

    arrows: str = "0-0-255"
    face: str = "Times New Roman"
    size: int = 12
    attributes: str = ""
    font: str = "0-0-0"
    shapes: str = "0-0-0"


@dataclass(frozen=True)
class View:
    """One view: its heading lines as read, and its records in the order of the file."""

    name: str
    head: str
    records: tuple[Record, ...]
    style: Style = Style()
    line: int = field(default=0, compare=False)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Words in the order of the file."""
        return tuple(r for r in self.records if isinstance(r, Word))

    @cached_property
    def arrows(self) -> tuple[Arrow, ...]:
        """Arrows and pipes in the order of the file."""
        return tuple(r for r in self.records if isinstance(r, Arrow))

    @cached_property
    def by_id(self) -> dict[int, Word]:
        """Words by number."""
        return {word.id: word for word in self.words}

    @cached_property
    def defined(self) -> frozenset[str]:
        """Folded names of the variables that this view defines, shadows left out."""
        return frozenset(w.key for w in self.words if w.kind == 10 and not w.shadow)

    @property
    def last(self) -> int:
        """Highest number in use."""
        return max((r.id for r in self.records if not isinstance(r, Other)), default=0)

    def text(self, newline: str = "\n") -> str:
        """The view as the file has it; records that are new or changed are spelt with `newline`."""
        return self.head + "".join(_spelt(record, newline) for record in self.records)


@dataclass(frozen=True)
class Sketch:
    """All of a model file: text before the sketch, views, text after them.

    ``parse_sketch(text).text == text`` holds for every file.
    """

    before: str
    views: tuple[View, ...]
    after: str
    newline: str = "\n"
    path: str = "<text>"

    @property
    def text(self) -> str:
        """The file's text."""
        return self.before + "".join(view.text(self.newline) for view in self.views) + self.after

    def view(self, name: str) -> View:
        """Find a view by its name; case and blanks don't matter.

        Raises
        ------
        InputError
            If there is none, naming the nearest.
        """
        for view in self.views:
            if fold(view.name) == fold(name):
                return view
        names = [view.name for view in self.views]
        raise InputError(
            f'the sketch has no view "{name}"',
            where=self.path,
            expected=", ".join(names) if names else "",
            remedy=near(name, names),
        )

    @cached_property
    def defined(self) -> frozenset[str]:
        """Folded names of all variables that some view defines."""
        return frozenset().union(*(view.defined for view in self.views))

    def replace(self, views: tuple[View, ...]) -> Sketch:
        """Give the same file with other views; a file without a sketch gets its end mark."""
        after = self.after
        if views and not _END.match(after):
            after = CLOSED + self.newline + after
        before = self.before
        if views and before and not before.endswith(("\n", "\r")):
            before += self.newline
        return replace(self, before=before, views=views, after=after)


def read_sketch(path: str | Path) -> tuple[Sketch, str]:
    """Read a model file with its views.

    Returns
    -------
    tuple of Sketch and str
        The sketch, and the encoding under which its text gives back the file's bytes.

    Raises
    ------
    ModelError
        The file can't be read, or a record of its sketch has no sense; with its line.
    """
    raw = read_bytes(Path(path))
    refuse_no_text(raw, path)
    if Path(path).suffix.lower() in XMILE:
        raise ModelError(
            "the diagrams of an XMILE file aren't read",
            where=str(path),
            remedy="Everything else of it is: flows check, run and docs",
        )
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    return parse_sketch(text, str(path)), encoding


def parse_sketch(text: str, path: str = "<text>") -> Sketch:
    """Read the views of a model file's text.

    Parameters
    ----------
    text : str
        The whole file.
    path : str
        Its name, for places in messages.

    Raises
    ------
    ModelError
        At the first word or arrow whose fields are missing or are no numbers, with its line.
    """
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    marks = [m.start() for m in _MARK.finditer(text)]
    settings = _SETTINGS.search(text)
    close = _END.search(text, marks[0] if marks else 0)
    limit = min(m.start() for m in (settings, close) if m) if settings or close else len(text)
    marks = [m for m in marks if m < limit]
    start = marks[0] if marks else limit
    views = []
    for at, stop in zip(marks, [*marks[1:], limit], strict=False):
        views.append(_view(text[at:stop], path, text.count("\n", 0, at) + 1))
    return Sketch(text[:start], tuple(views), text[limit:], newline, path)


def cut_at(text: str) -> int | None:
    """Find where a file breaks off within its sketch.

    Parameters
    ----------
    text : str
        The whole file.

    Returns
    -------
    int or None
        Offset of its last line, if records of a sketch stand in it and neither the mark that closes a sketch nor the
        settings follow. None of any other file, those without a sketch and those of Vensim before version 3 among
        them, whose records have another form.
    """
    mark = _MARK.search(text)
    if mark is None or not _DRAWN.search(text, mark.start()):
        return None
    if _END.search(text, mark.start()) or _SETTINGS.search(text, mark.start()):
        return None
    end = text.rstrip()
    return max(end.rfind("\n"), end.rfind("\r")) + 1


def _spelt(record: Record, newline: str) -> str:
    if record.raw or isinstance(record, Other):
        return record.raw
    return record.record().replace("\n", newline) + newline


def _lines(text: str) -> list[str]:
    """Split into lines with their ends: CRLF, LF or CR."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


def _view(text: str, path: str, line: int) -> View:
    lines = _lines(text)
    head, name, style, at = [lines[0]], "", Style(), 1
    while at < len(lines) and not re.match(r"\d+,", lines[at]):
        if lines[at].startswith("*") and not name:
            name = lines[at][1:].strip()
        elif lines[at].startswith("$"):
            style = _style(lines[at])
        head.append(lines[at])
        at += 1
    records: list[Record] = []
    while at < len(lines):
        first = at
        raw = lines[at]
        where = f"{path}:{line + first}"
        record = _record(raw, where)
        at += 1
        if isinstance(record, Word) and record.kind not in (10, 11) and record.bits & 4 and at < len(lines):
            record = replace(record, text=lines[at].rstrip("\r\n"))
            raw += lines[at]
            at += 1
        records.append(replace(record, raw=raw, line=line + first))
    return View(name, "".join(head), tuple(records), style, line)


def _style(line: str) -> Style:
    default = Style()
    parts = line.strip().lstrip("$").split("|")
    first = parts[0].split(",", 2)
    parts += [""] * (6 - len(parts))
    return Style(
        arrows=parts[5] or default.arrows,
        face=first[2] if len(first) > 2 and first[2] else default.face,
        size=int(parts[1]) if _SIZE.fullmatch(parts[1]) else default.size,
        attributes=parts[2],
        font=parts[3] or default.font,
        shapes=parts[4] or default.shapes,
    )


def _record(raw: str, where: str) -> Record:
    line = raw.rstrip("\r\n")
    match = re.match(r"\s*(\d+),", line)
    kind = int(match[1]) if match and len(match[1]) <= 2 else -1
    if kind not in _LEAST:
        return Other(raw)
    what = "an arrow" if kind == 1 else f"a {WORDS[kind]}"
    # the number of handles follows the font, which may hold bars of its own
    handles = _HANDLES.search(line) if kind == 1 else None
    fields = line[: handles.start()].split(",", 12) if handles else _fields(line)
    if len(fields) < _LEAST[kind]:
        raise ModelError(
            f"the record of {what} in the sketch is cut short",
            where=where,
            found=f"{len(fields)} fields",
            expected=f"at least {_LEAST[kind]}",
            remedy="Take the line from an older version of the file, or delete it",
        )
    if kind == 1:
        number = [_number(f, where, what) for f in fields[1:11]]
        points = tuple(
            (float(x), float(y)) for x, y in _POINT.findall(line, handles.start() if handles else 0)
        )
        i, start, end, shape, hide, polarity, thickness, styles, delay, initial = number
        return Arrow(
            i, start, end, shape, hide, polarity, thickness, styles, delay, initial, fields[11], fields[12], points
        )  # fmt: skip
    number = [_number(f, where, what) for f in (fields[1], *fields[3:9])]
    later = [*fields[9:13], *_DEFAULTS[len(fields[9:13]) : 4]]
    hide, styles, place, border = (_number(f, where, what) for f in later)
    i, x, y, w, h, shape, bits = number
    rest = tuple(fields[13:])
    return Word(kind, i, fields[2], x, y, w, h, shape, bits, hide, styles, place, border, rest)


def _fields(line: str) -> list[str]:
    """Split on commas outside double quotes."""
    found, at = [], 0
    while (match := _COMMA.match(line, at)) is not None and match.end() < len(line):
        found.append(match[1])
        at = match.end()
    return [*found, line[at:]]


def _number(text: str, where: str, what: str) -> int:
    with contextlib.suppress(ValueError, OverflowError):
        value = round(float(text))
        if abs(value) < _BEYOND:
            return value
    raise ModelError(
        f"the record of {what} in the sketch has a field that is no number",
        where=where,
        found=f'"{text[:40]}"',
        remedy="Take the line from an older version of the file, or delete it",
    )
