"""A documentation as one HTML page: words, tables, small pictures and a filter; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup, escape

from flows.document.equations import Piece
from flows.document.gather import KINDS, Course, Documentation, Entry
from flows.inspection import LEVELS, Finding
from flows.model.model import CONTROLS
from flows.references import fold
from flows.templates import template

__all__ = ["page"]

WORDS: Mapping[str, tuple[str, str]] = {
    "stock": ("stock", "stocks"),
    "flow": ("flow", "flows"),
    "auxiliary": ("auxiliary", "auxiliaries"),
    "constant": ("constant", "constants"),
    "lookup": ("lookup", "lookups"),
    "data": ("data series", "data series"),
    "initial": ("value frozen at the start", "values frozen at the start"),
    "text": ("text", "texts"),
}

METHODS = {
    "euler": "Euler",
    "difference": "difference equations",
    "rk2": "Runge–Kutta 2",
    "rk4": "Runge–Kutta 4",
    "rk2 auto": "Runge–Kutta 2, automatic step",
    "rk4 auto": "Runge–Kutta 4, automatic step",
}

RULES = {
    "units": "units that don't match",
    "missing units": "no units",
    "missing comment": "no comment",
    "unused": "used by nothing",
    "no control": "outflows without first-order control",
    "near names": "names that are hard to tell apart",
    "conservation": "flows without both ends",
    "lookup range": "arguments that leave a lookup",
    "unsorted lookup": "lookups with points out of order",
    "time step": "TIME STEP beside the shortest time constant",
    "range": "values outside the declared range",
    "not supported": "not run by Flows",
    "no run": "not run",
    "no number": "no number in the run",
    "initial value": "initial values",
    "syntax": "can't be read",
    "undefined": "undefined names",
    "meaning": "defined against their kind",
    "circle": "circular definitions",
}

_SAID = ("missing units", "missing comment", "unused")  # what a variable's own lines show
_MOST = 10  # rows of a ranking
_WIDE, _TALL = 200.0, 52.0  # of a small picture
_MANY = 400  # findings of one rule that are listed
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


@dataclass(frozen=True)
class Share:
    """How many of a number of variables have something."""

    words: str
    count: int
    of: int

    @property
    def percent(self) -> str:
        """Rounded; 100 only where none is missing."""
        if not self.of:
            return "–"
        share = round(100 * self.count / self.of)
        return f"{min(share, 99) if self.count < self.of else 100} %"


def page(doc: Documentation) -> str:
    """Write a documentation as HTML.

    Parameters
    ----------
    doc : Documentation

    Returns
    -------
    str
        A page complete in itself; everything that comes from the model is escaped, and the page's own rules allow no
        script but the filter.
    """
    folder = Path(__file__).parent
    script = (folder / "filter.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    shown = [e for e in doc.entries.values() if e.name not in CONTROLS]
    groups = {g.name: number for number, g in enumerate(doc.groups, 1)}
    anchors = _anchors(doc)
    text = template(folder, "page.html.jinja").render(
        doc=doc,
        entries=shown,
        groups=groups,
        controls=CONTROLS,
        sections=[g for g in doc.groups if any(n not in CONTROLS for n in g.members)],
        anchors=anchors,
        counts=[(k, WORDS[k], n) for k in KINDS if (n := sum(e.kind == k for e in shown))],
        elements=sum(e.size for e in shown),
        figures=_figures(doc, shown),
        rankings=_rankings(doc, shown),
        shares=_shares(shown, doc),
        rules=_rules(doc),
        levels=[(level, sum(f.level == level for f in doc.findings)) for level in LEVELS],
        said=_SAID,
        kind=lambda e: WORDS[e.kind][0],
        method=METHODS.get(doc.method, doc.method),
        equation=lambda parts: _equation(parts, anchors),
        names=lambda names: _names(names, doc, anchors),
        limits=_limits,
        number=_number,
        course=_course,
        script=Markup(script),
        digest=digest,
        Markup=Markup,
    )
    return _CONTROL.sub("\ufffd", text)


def _anchors(doc: Documentation) -> dict[str, str]:
    found = {e.name: e.anchor for e in doc.entries.values()}
    found |= {fold(m.name): m.anchor for m in doc.macros}
    return found | {fold(s.name): s.anchor for s in doc.subscripts}


def _equation(parts: Sequence[Piece], anchors: Mapping[str, str]) -> Markup:
    made = []
    for part in parts:
        text = escape(part.text)
        if part.target in anchors:
            made.append(Markup('<a href="#{}">{}</a>').format(anchors[part.target], text))
        elif part.kind == "function":
            made.append(Markup("<b>{}</b>").format(text))
        else:
            made.append(text)
    return Markup("").join(made)


def _names(names: Sequence[str], doc: Documentation, anchors: Mapping[str, str]) -> Markup:
    """Links to variables; a macro is one too."""
    spelled = {fold(m.name): m.name for m in doc.macros}
    made = [
        Markup('<a class="k-{}" href="#{}">{}</a>').format(
            doc.entries[n].kind if n in doc.entries else "macro",
            anchors[n],
            doc.entries[n].spelling if n in doc.entries else spelled.get(n, n),
        )
        for n in names
        if n in anchors
    ]
    return Markup("\n").join(made)


def _figures(doc: Documentation, shown: Sequence[Entry]) -> list[tuple[str, str]]:
    """Single numbers about the model."""
    equations = [e for e in shown if e.kind in ("stock", "flow", "auxiliary", "initial")]
    inputs = [len(e.uses) + len(e.at_start) for e in equations]
    found = [("variables", f"{len(shown):,}")]
    if (size := sum(e.size for e in shown)) > len(shown):
        found.append(("elements, subscripts written out", f"{size:,}"))
    if inputs:
        found.append(("inputs of an equation, on average", f"{sum(inputs) / len(inputs):.1f}"))
    if doc.feedback.counted:
        found.append(("shortest independent feedback loops", f"{doc.feedback.total:,}"))
    if doc.feedback.sets:
        inside = sum(len(s) for s in doc.feedback.sets)
        found.append(("variables that lie on feedback", f"{inside:,}"))
    if doc.diagrams:
        found.append(("views", f"{len(doc.diagrams)}"))
    if doc.macros:
        found.append(("macros", f"{len(doc.macros)}"))
    found.append(("lines of the file", f"{doc.lines:,}"))
    return found


def _rankings(doc: Documentation, shown: Sequence[Entry]) -> list[tuple[str, str, list[tuple[Entry, int]]]]:
    """Variables that most others use, and equations with most inputs."""
    measures: list[tuple[str, str, Callable[[Entry], int]]] = [
        ("Used by most", "uses", lambda e: len(e.used_by)),
        ("Most inputs", "inputs", lambda e: len(e.uses) + len(e.at_start)),
    ]
    if doc.feedback.counted and doc.feedback.total:
        measures.append(("Most loops", "loops", lambda e: e.loops or 0))
    found = []
    for title, head, measure in measures:
        rows = sorted(((e, measure(e)) for e in shown), key=lambda pair: -pair[1])[:_MOST]
        rows = [pair for pair in rows if pair[1] > 0]
        if rows:
            found.append((title, head, rows))
    return found


def _shares(shown: Sequence[Entry], doc: Documentation) -> list[Share]:
    counted = [e for e in shown if e.kind != "text"]
    constants = [e for e in shown if e.kind == "constant"]
    found = [
        Share("have units", sum(bool(e.units) for e in counted), len(counted)),
        Share("have a comment", sum(bool(e.comment) for e in shown), len(shown)),
    ]
    if constants:
        found.append(
            Share("constants with a range", sum(e.limits is not None for e in constants), len(constants))
        )
    used = [e for e in shown if e.kind not in ("stock",) and not e.supplementary]
    if used:
        found.append(
            Share(
                "are used, or stocks, or marked as results",
                len(shown) - sum(not e.used_by for e in used),
                len(shown),
            )
        )
    if doc.diagrams:
        found.append(Share("stand on a view", sum(bool(e.views) for e in shown), len(shown)))
    return found


def _rules(doc: Documentation) -> list[tuple[str, str, list[Finding], int]]:
    """Findings by level and rule: words, level, those that are listed, how many there are."""
    counts = Counter((f.level, f.rule) for f in doc.findings)
    order = {level: k for k, level in enumerate(LEVELS)}
    found = []
    for (level, rule), n in sorted(
        counts.items(), key=lambda pair: (order[pair[0][0]], -pair[1], pair[0][1])
    ):
        listed = [f for f in doc.findings if f.level == level and f.rule == rule][:_MANY]
        found.append((RULES.get(rule, rule), str(level), listed, n))
    return found


def _limits(limits: tuple[float | None, float | None]) -> str:
    low, high = (None if x is None else f"{x:g}" for x in limits)
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"from {low}" if low is not None else f"up to {high}" if high is not None else ""


def _number(value: float) -> str:
    """Four significant digits; whole numbers with commas."""
    if not math.isfinite(value):
        return ""
    if value == 0 or 1e-4 <= abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:.4g}"
    return f"{value:.3g}"


def _course(course: Course) -> Markup:
    """Draw a small picture of a course, with its least and greatest value."""
    x, rows = course.x, course.rows
    low, high = float(rows.min()), float(rows.max())
    span, width = high - low, float(x[-1] - x[0])
    if span <= 1e-12 * max(abs(low), abs(high), 1e-300) or width <= 0:
        span, low = 1.0, low - 0.5
        high = low + 1.0
    across = 2 + (x - x[0]) / (width or 1.0) * (_WIDE - 4)
    lines = []
    for row in rows:
        down = 3 + (high - row) / span * (_TALL - 6)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in _thinned(across, down))
        lines.append(Markup('<polyline points="{}"/>').format(points))
    zero = Markup("")
    if low < 0 < high:
        at = 3 + high / span * (_TALL - 6)
        zero = Markup('<line class="zero" x1="0" x2="{}" y1="{}" y2="{}"/>').format(
            f"{_WIDE:g}", f"{at:.1f}", f"{at:.1f}"
        )
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}{}</svg>').format(
        f"{_WIDE:g}", f"{_TALL:g}", zero, Markup("").join(lines)
    )


def _thinned(across: np.ndarray, down: np.ndarray) -> list[tuple[float, float]]:
    """Leave out points on a straight line between their neighbours."""
    kept = [0]
    for k in range(1, len(across) - 1):
        a, b = kept[-1], k + 1
        share = (across[k] - across[a]) / max(across[b] - across[a], 1e-12)
        if abs(down[a] + share * (down[b] - down[a]) - down[k]) > 0.15 or k - a > 8:
            kept.append(k)
    kept.append(len(across) - 1)
    return [(float(across[k]), float(down[k])) for k in dict.fromkeys(kept)]
