"""What a documentation says of a model: variables and what they use, groups, views, loops, figures."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.diagrams.draw import picture, svg
from flows.document.equations import Piece, expression_end, pieces, spelt
from flows.document.feedback import Feedback, feedback
from flows.ensemble import simulate
from flows.errors import FlowsError, ModelError
from flows.inspection import Finding, inspect
from flows.model.ir import deep
from flows.model.model import CONTROLS, Model, flow_terms
from flows.paths import plain
from flows.references import fold
from flows.vensim.functions import FUNCTIONS
from flows.vensim.lower import lower
from flows.vensim.parse import Unreadable
from flows.vensim.sketch import View, read_sketch
from flows.vensim.source import XMILE, read_source
from flows.vensim.tree import Apply, Array, Definition, ModelText, Name, Num, Points

__all__ = ["Course", "Diagram", "Documentation", "Entry", "Group", "Macro", "Subscript", "read_documentation"]

KINDS = ("stock", "flow", "auxiliary", "constant", "lookup", "data", "initial", "text")
"""Kinds of variables, in the order in which they are counted."""

_POINTS = 160  # of a course over time
_LINES = 12  # elements whose courses are drawn
_LARGE = 4_000_000  # numbers of a run that are kept for the courses
_LONGEST_RUN = 2e9  # elements times steps beyond which a model isn't run for its pictures
_INITIAL_ONLY = {"active initial": (1,), "integ": (1,), "initial": (0,), "reinitial": (0,)}


@dataclass(frozen=True)
class Course:
    """Values over the model's own run: time and one row for each element drawn, or the points of a lookup."""

    x: NDArray[np.float64]
    rows: NDArray[np.float64]
    elements: int = 1


@dataclass(frozen=True)
class Entry:
    """A variable.

    Attributes
    ----------
    name, spelling, anchor : str
        Folded name, as the file spells it, and the address on the page.
    kind : str
        One of `KINDS`.
    ranges : tuple of str
        Spellings of its subscripts.
    size : int
        Number of elements.
    units, comment, group : str
    limits : tuple of (float or None), or None
    line : int
    equations : tuple of (int, tuple of Piece)
        Line and text of each.
    initial : tuple of Piece
        Initial value of a stock.
    inflows, outflows : tuple of str
        Folded names, of a stock.
    uses, used_by : tuple of str
        Folded names.
    at_start : tuple of str
        What is used for an initial value only.
    loops : int or None
        Feedback loops through it; None where they weren't counted.
    feedback : bool
        Whether it lies on any feedback loop.
    views : tuple of int
        Numbers of the views that define it.
    findings : tuple of Finding
    course : Course or None
    first, last : float
        Value at the start and the end of the model's own run; NaN where there is none.
    supplementary : bool
    """

    name: str
    spelling: str
    anchor: str
    kind: str
    ranges: tuple[str, ...]
    size: int
    units: str
    comment: str
    group: str
    limits: tuple[float | None, float | None] | None
    line: int
    equations: tuple[tuple[int, tuple[Piece, ...]], ...]
    initial: tuple[Piece, ...] = ()
    inflows: tuple[str, ...] = ()
    outflows: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    loops: int | None = None
    feedback: bool = False
    views: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    course: Course | None = None
    first: float = math.nan
    last: float = math.nan
    supplementary: bool = False


@dataclass(frozen=True)
class Group:
    """A group of the file with its variables (folded names)."""

    name: str
    comment: str
    anchor: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Diagram:
    """A view: its picture as SVG whose words lead to the variables, and the variables that it defines and repeats."""

    title: str
    anchor: str
    svg: str
    defines: tuple[str, ...]
    repeats: tuple[str, ...]


@dataclass(frozen=True)
class Subscript:
    """A subscript range: spelling, address, elements, where it stands, and how many variables have or name it."""

    name: str
    anchor: str
    elements: tuple[str, ...]
    line: int
    used: int


@dataclass(frozen=True)
class Macro:
    """A macro: name, address, inputs, further outputs, line, and its equations."""

    name: str
    anchor: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    line: int
    equations: tuple[tuple[int, tuple[Piece, ...]], ...]


@dataclass(frozen=True)
class Documentation:
    """All that is said of a model file.

    Attributes
    ----------
    title, file, digest : str
        Name of the model, of its file, and SHA-256 of its bytes.
    about : str
        The comment of its first group that has one.
    entries : mapping of str to Entry
        By folded name, in the order of the file.
    controls : tuple of (str, tuple of Piece, str)
        Start, end, step and saving interval: name, equation and units.
    method : str
        How the file's settings say it is integrated; empty where the model has no meaning.
    paths : tuple of Path
        The file, what was read with it, and what beside it says more.
    """

    title: str
    file: str
    digest: str
    about: str
    lines: int
    entries: Mapping[str, Entry]
    groups: tuple[Group, ...]
    diagrams: tuple[Diagram, ...]
    subscripts: tuple[Subscript, ...]
    macros: tuple[Macro, ...]
    controls: tuple[tuple[str, tuple[Piece, ...], str], ...]
    feedback: Feedback
    findings: tuple[Finding, ...]
    method: str = ""
    remarks: tuple[str, ...] = field(default=())
    paths: tuple[Path, ...] = ()

    def of(self, kind: str) -> tuple[Entry, ...]:
        """Variables of a kind."""
        return tuple(e for e in self.entries.values() if e.kind == kind)


@deep
def read_documentation(path: str | Path, *, run: bool = True) -> Documentation:
    """Gather the documentation of a model file.

    Parameters
    ----------
    path : path
        A model file. What can't be read is left out and listed among the findings.
    run : bool
        Whether to run the model, for the courses of its variables and for what `flows check` finds in numbers.

    Returns
    -------
    Documentation

    Raises
    ------
    ModelError
        If the file is missing or can't be opened.
    """
    path = Path(path)
    unreadable: list[Unreadable] = []
    errors: list[ModelError] = []
    source = read_source(path, unreadable=unreadable)
    findings = inspect(path, run=run)
    model: Model | None = None
    try:
        model = lower(source, errors=errors)
    except ModelError as error:
        errors.append(error)
    sound = model is not None and not (errors or unreadable or any(f.level == "error" for f in findings))
    remarks = []
    anchors = _anchors(source, model)
    known = {name: _link_kind(address) for name, address in anchors.items()}
    courses: dict[str, tuple[Course, float, float]] = {}
    if run and sound and model is not None:
        try:
            courses = _courses(model)
        except FlowsError as error:
            remarks.append(f"The model wasn't run for its pictures: {error}")
    found = feedback(model, path, signs=bool(courses)) if sound and model is not None else Feedback()
    entries = _entries(source, model, anchors, known, findings, courses, found)
    diagrams, broken = _diagrams(path, entries)
    if broken:
        remarks.append(broken)
    on_views: dict[str, list[int]] = {}
    for number, diagram in enumerate(diagrams):
        for name in diagram.defines:
            on_views.setdefault(name, []).append(number)
    entries = {n: _with_views(e, tuple(on_views.get(n, ()))) for n, e in entries.items()}
    return Documentation(
        title=plain(path.stem),
        file=path.name,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        about=next((_plain(g.comment) for g in source.groups if g.comment.strip()), ""),
        lines=len(source.lines),
        entries=entries,
        groups=_groups(source, entries),
        diagrams=diagrams,
        subscripts=_subscripts(source, model, anchors, entries),
        macros=_macros(source, anchors, known),
        controls=_controls(source, known),
        feedback=found,
        findings=findings,
        method=model.method if model is not None else "",
        remarks=tuple(remarks),
        paths=(
            *(model.paths if model is not None else (path,)),
            *(p for p in (path.with_name("clouds.toml"), path.with_name("loops.toml")) if p.is_file()),
        ),
    )


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\\\s*[\r\n]", " ", text).split())


def _link_kind(anchor: str) -> str:
    return {"s": "subscript", "m": "function"}.get(anchor[0], "name")


def _anchors(source: ModelText, model: Model | None) -> dict[str, str]:
    """Address on the page of each variable, macro and subscript range, by folded name."""
    found: dict[str, str] = {}
    taken: set[str] = set()

    def add(name: str, letter: str) -> None:
        key = fold(name)
        if key in found:
            return
        stem = f"{letter}-" + (re.sub(r"[^a-z0-9]+", "-", key).strip("-")[:60] or "x")
        anchor, k = stem, 2
        while anchor in taken:
            anchor, k = f"{stem}-{k}", k + 1
        taken.add(anchor)
        found[key] = anchor

    for definition in source.definitions:
        if fold(definition.name) not in FUNCTIONS:
            add(definition.name, "v")
    for macro in source.macros:
        add(macro.name, "m")
    for name in model.ranges.values() if model is not None else source.ranges:
        add(name.spelling if hasattr(name, "spelling") else name.name, "s")
    return found


def _kind(definition: Definition, model: Model | None) -> str:
    name = fold(definition.name)
    variable = model.variables.get(name) if model is not None else None
    node = definition.expression
    if definition.operator == ":IS:":
        return "text"
    if node is None or definition.operator == ":=":
        return "data"
    if variable is not None and not any(
        eq.expr is None and eq.table is None and not eq.values for eq in variable.equations
    ):
        if variable.kind == "auxiliary":
            if model is not None and name in model.flow_names:
                return "flow"
            return "data" if variable.series else "auxiliary"
        if variable.kind in KINDS:
            return variable.kind
    if isinstance(node, Apply) and fold(node.name) == "integ":
        return "stock"
    if definition.operator == "(" or isinstance(node, Points):
        return "lookup"
    return "constant" if isinstance(node, Num | Array) else "auxiliary"


def _used(definition: Definition, known: Mapping[str, str]) -> tuple[dict[str, None], dict[str, None]]:
    """What an equation uses, and what it uses at the start."""
    always: dict[str, None] = {}
    at_start: dict[str, None] = {}
    stack = [] if definition.expression is None else [(definition.expression, False)]
    while stack:
        node, start = stack.pop()
        if isinstance(node, Name | Apply) and known.get(fold(node.name)) in ("name", "function"):
            (at_start if start else always)[fold(node.name)] = None
        if isinstance(node, Apply):
            late = _INITIAL_ONLY.get(fold(node.name), ())
            parts = [(a, start or k in late) for k, a in enumerate(node.arguments)]
            stack.extend(reversed([*parts, *((o, start) for o in node.outputs)]))
        elif not isinstance(node, Name):
            stack.extend((o, start) for o in reversed(getattr(node, "operands", ())))
    return always, at_start


def _entries(
    source: ModelText,
    model: Model | None,
    anchors: Mapping[str, str],
    known: Mapping[str, str],
    findings: Sequence[Finding],
    courses: Mapping[str, tuple[Course, float, float]],
    found: Feedback,
) -> dict[str, Entry]:
    blocks: dict[str, list[Definition]] = {}
    for definition in source.definitions:
        if fold(definition.name) in anchors:
            blocks.setdefault(fold(definition.name), []).append(definition)
    uses: dict[str, tuple[str, ...]] = {}
    at_start: dict[str, tuple[str, ...]] = {}
    used_by: dict[str, dict[str, None]] = {}
    for name, definitions in blocks.items():
        always: dict[str, None] = {}
        start: dict[str, None] = {}
        for definition in definitions:
            for own, more in zip((always, start), _used(definition, known), strict=True):
                own.update(more)
        uses[name] = tuple(n for n in always if n != name)
        at_start[name] = tuple(n for n in start if n not in always and n != name)
        for other in (*uses[name], *at_start[name]):
            used_by.setdefault(other, {})[name] = None
    about: dict[str, list[Finding]] = {}
    for finding in findings:
        about.setdefault(fold(finding.variable), []).append(finding)
    inside = frozenset[str]().union(*found.sets)
    result = {}
    for name, definitions in blocks.items():
        first = definitions[0]
        variable = model.variables.get(name) if model is not None else None
        inflows, outflows = _flows(name, model)
        course, low, high = courses.get(name, (None, math.nan, math.nan))
        ranges: tuple[str, ...] = tuple(_plain(s.name) for s in first.subscripts)
        if model is not None and variable is not None:
            ranges = tuple(model.ranges[r].spelling if r in model.ranges else r for r in variable.ranges)
        result[name] = Entry(
            name=name,
            spelling=_plain(first.name),
            anchor=anchors[name],
            kind=_kind(first, model),
            ranges=ranges,
            size=variable.size if variable is not None else 1,
            units=next((d.units for d in definitions if d.units), ""),
            comment=next((_plain(d.comment) for d in definitions if d.comment.strip()), ""),
            group=first.group,
            limits=next((d.limits for d in definitions if d.limits), None),
            line=source.span(first.at).line,
            equations=tuple((source.span(d.at).line, _text(source, d, known)) for d in definitions),
            initial=_initial(source, first, known),
            inflows=inflows,
            outflows=outflows,
            uses=uses[name],
            at_start=at_start[name],
            used_by=tuple(used_by.get(name, ())),
            loops=found.through.get(name, 0) if found.counted else None,
            feedback=name in inside,
            findings=tuple(about.get(name, ())),
            course=course,
            first=low,
            last=high,
            supplementary="supplementary" in first.flags.lower(),
        )
    return result


def _is_xmile(source: ModelText) -> bool:
    return Path(source.path).suffix.lower() in XMILE


def _text(source: ModelText, definition: Definition, known: Mapping[str, str]) -> tuple[Piece, ...]:
    """An equation as its file has it; of an XMILE file, as Vensim's language writes it."""
    if _is_xmile(source):
        return spelt(definition, known)
    return pieces(source.text, definition, known)


def _with_views(entry: Entry, views: tuple[int, ...]) -> Entry:
    return replace(entry, views=views) if views else entry


def _flows(name: str, model: Model | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Inflows and outflows of a stock, by the signs of its plain terms."""
    variable = model.variables.get(name) if model is not None else None
    if variable is None or variable.kind != "stock":
        return (), ()
    sides: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for equation in variable.equations:
        for sign, ref in flow_terms(equation.expr) if equation.expr is not None else ():
            if ref is not None and not ref.name.startswith("#"):
                sides[sign < 0][ref.name] = None
    return tuple(sides[0]), tuple(sides[1])


def _initial(source: ModelText, definition: Definition, known: Mapping[str, str]) -> tuple[Piece, ...]:
    """Text of the initial value of a stock."""
    node = definition.expression
    if not (isinstance(node, Apply) and fold(node.name) == "integ" and len(node.arguments) == 2):
        return ()
    if _is_xmile(source):
        return spelt(definition, known, node.arguments[1])
    text, end = source.text, expression_end(source.text, definition)
    comma, depth, at, quoted = -1, 0, text.find("(", node.at, end), False
    while 0 <= at < end:
        letter = text[at]
        quoted ^= letter == '"' and text[at - 1] != "\\"
        if not quoted:
            depth += letter in "([{"
            depth -= letter in ")]}"
            if letter == "," and depth == 1:
                comma = at
            if depth == 0:
                break
        at += 1
    return pieces(text, definition, known, start=comma + 1, end=at) if 0 < comma < at else ()


def _courses(model: Model) -> dict[str, tuple[Course, float, float]]:
    """Values of the model's own run, thinned out, and the points of lookups."""
    result = {}
    for v in model.variables.values():
        tables = [eq.table for eq in v.equations if eq.table is not None]
        if v.kind == "lookup" and not v.hidden and tables and len(tables[0].x) > 1:
            x = np.array(tables[0].x)
            rows = [np.interp(x, t.x, t.y) for t in tables[:_LINES]]
            result[v.name] = Course(x, np.array(rows), len(tables)), math.nan, math.nan
    control = model.control
    span, step = control.final_time - control.initial_time, control.time_step
    size = sum(v.size for v in model.variables.values())
    if not (span > 0 and step > 0 and size * span / step < _LONGEST_RUN):
        return result
    saved = max(control.saveper or step, step * math.ceil(span / step / _POINTS))
    if size * span / saved > _LARGE:
        return result
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        run = simulate(model, engine="compiled", threads=1, save_every=saved)
    time = run["time"].values
    for v in model.variables.values():
        array = run.variables.get(v.spelling)
        if v.hidden or array is None or "time" not in array.dims or v.name in CONTROLS:
            continue
        values = np.asarray(array.transpose(..., "time").values, dtype=float).reshape(-1, len(time))
        if len(values) and np.isfinite(values).all():
            ends = (float(values[0, 0]), float(values[0, -1])) if len(values) == 1 else (math.nan, math.nan)
            result[v.name] = Course(time, values[:_LINES], len(values)), *ends
    return result


def _diagrams(path: Path, entries: Mapping[str, Entry]) -> tuple[tuple[Diagram, ...], str]:
    try:
        views = read_sketch(path)[0].views
    except FlowsError as error:
        return (), f"The views can't be drawn: {error}"
    shown = [v for v in views if v.words]
    return tuple(_diagram(number, view, entries) for number, view in enumerate(shown, 1)), ""


def _diagram(number: int, view: View, entries: Mapping[str, Entry]) -> Diagram:
    links = []
    for word in view.words:
        if word.kind == 10 and not word.hide and word.key in entries:
            entry = entries[word.key]
            box = (word.x - word.w, word.y - word.h, 2 * word.w, 2 * word.h)
            links.append((f"#{entry.anchor}", entry.spelling, box))
    repeats = dict.fromkeys(w.key for w in view.words if w.shadow and w.key in entries)
    return Diagram(
        title=view.name or f"View {number}",
        anchor=f"view-{number}",
        svg=svg(picture(view), links=links),
        defines=tuple(n for n in entries if n in view.defined),
        repeats=tuple(n for n in repeats if n not in view.defined),
    )


def _groups(source: ModelText, entries: Mapping[str, Entry]) -> tuple[Group, ...]:
    comments: dict[str, str] = {}
    for group in source.groups:
        if not comments.get(group.name):
            comments[group.name] = _plain(group.comment)
    members: dict[str, list[str]] = {name: [] for name in comments}
    for entry in entries.values():
        members.setdefault(entry.group, []).append(entry.name)
    return tuple(
        Group(name, comments.get(name, ""), f"group-{number}", tuple(names))
        for number, (name, names) in enumerate(members.items(), 1)
        if names
    )


def _subscripts(
    source: ModelText, model: Model | None, anchors: Mapping[str, str], entries: Mapping[str, Entry]
) -> tuple[Subscript, ...]:
    if model is None:
        return ()
    used = Counter(
        name
        for e in entries.values()
        for name in {
            *(fold(r) for r in e.ranges),
            *(p.target for _, text in e.equations for p in text if p.kind == "subscript"),
        }
    )
    return tuple(
        Subscript(r.spelling, anchors[r.name], r.spellings, r.span.line, used[r.name])
        for r in model.ranges.values()
        if r.name in anchors
    )


def _macros(source: ModelText, anchors: Mapping[str, str], known: Mapping[str, str]) -> tuple[Macro, ...]:
    return tuple(
        Macro(
            m.name,
            anchors[fold(m.name)],
            m.inputs,
            m.outputs,
            source.span(m.at).line,
            tuple((source.span(d.at).line, pieces(source.text, d, {})) for d in m.definitions),
        )
        for m in source.macros
    )


def _controls(source: ModelText, known: Mapping[str, str]) -> tuple[tuple[str, tuple[Piece, ...], str], ...]:
    found = []
    for name in CONTROLS:
        for definition in source.definitions:
            if fold(definition.name) == name:
                text = _text(source, definition, known)
                found.append((name.upper(), _right_side(text), definition.units))
                break
    return tuple(found)


def _right_side(text: Iterable[Piece]) -> tuple[Piece, ...]:
    """What stands behind the first equals sign."""
    result: list[Piece] = []
    seen = False
    for piece in text:
        if seen:
            result.append(piece)
        elif not piece.kind and "=" in piece.text:
            seen = True
            rest = piece.text.split("=", 1)[1].lstrip()
            if rest:
                result.append(Piece(rest))
    return tuple(result)
