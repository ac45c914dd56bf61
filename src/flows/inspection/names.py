"""Checks of the text: what can't be read, names, units and comments that are missing, points out of order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from flows.errors import DataError, ModelError
from flows.inspection.drawn import Drawn
from flows.inspection.finding import Finding, Places, mentions, walk
from flows.model.model import CONTROLS
from flows.references import fold
from flows.vensim.functions import FUNCTIONS
from flows.vensim.parse import Unreadable
from flows.vensim.source import XMILE
from flows.vensim.tree import Apply, Array, Definition, ModelText, Num, Points

_HEAD = re.compile(
    r'^[ \t\ufeff]*(?P<name>"(?:[^"\\]|\\.)*"|[^\W\d][\w$\' \t]*?)[ \t]*(?:\[[^\]\n]*\][ \t]*)?(?=[=(:~]|$)',
    re.MULTILINE,
)
_ITEM = re.compile(r"[^\W\d][\w$' ]*")
_UNDEFINED = re.compile(r'^"(?P<name>.+?)" is used ')
_QUOTED = re.compile('"([^"]+)"')
_TAKES = re.compile(r" takes (\d+) argument")
_MOST_LINES = 6  # of uses that are listed
_SHORTEST = 5  # letters of a word in which one more or less is seen as a slip


def unread_names(source: ModelText, unreadable: Iterable[Unreadable]) -> frozenset[str]:
    """Folded names that stretches which can't be read seem to define: what uses them is no second mistake."""
    names: set[str] = set()
    for stretch in unreadable:
        text = source.text[stretch.start : stretch.end]
        if stretch.name:
            names.add(fold(stretch.name))
            continue
        for match in _HEAD.finditer(text):
            names.add(fold(match["name"].strip('"')))
        head = text.split("~")[0]
        if ":" in head and "=" not in head:  # a subscript range with its elements
            names.update(fold(m[0]) for m in _ITEM.finditer(head))
    return frozenset(names)


def syntax(places: Places, unreadable: Iterable[Unreadable]) -> Iterator[Finding]:
    """Report what can't be read."""
    for stretch in unreadable:
        text = places.source.text[stretch.start : stretch.end]
        match = _HEAD.match(text)
        name = stretch.name or (match["name"].strip('"') if match else "")
        yield places.of_error("error", "syntax", stretch.error, variable=" ".join(name.split()))


def meaning(
    places: Places, errors: Iterable[ModelError], unread: frozenset[str], drawn: Drawn
) -> Iterator[Finding]:
    """Report what is undefined, defined twice or used against its kind; not what follows from another mistake.

    An undefined name is told once, with all its lines; where the definition seems to be misspelt, there.
    """
    source = places.source
    defined = {fold(d.name) for d in source.definitions}
    seen: set[tuple[str, str]] = set()
    undefined: dict[str, list[ModelError]] = {}
    for error in errors:
        if (error.where, error.what) in seen:
            continue
        seen.add((error.where, error.what))
        missing = _UNDEFINED.match(error.what)
        if missing:
            if fold(missing["name"]).removesuffix("$") not in defined | unread:
                undefined.setdefault(fold(missing["name"]), []).append(error)
            continue
        if any(error.what == f"the model has no {name.upper()}" and name in unread for name in CONTROLS):
            continue
        at = places.offset(error.where)
        definition = None if at is None else places.definition(at)
        if definition is not None and mentions(definition) & unread:
            continue
        finding = places.of_error("error", "no data" if isinstance(error, DataError) else "meaning", error)
        few = _TAKES.search(error.what)
        if few and at is not None and error.found.isdigit() and int(error.found) < int(few[1]):
            behind = places.closing(at)  # what is missing belongs there
            finding = places.at(
                "error",
                "meaning",
                finding.variable,
                error.what,
                behind,
                found=error.found,
                remedy=error.remedy,
            )
        yield finding
    used = _used(source) if undefined else set()
    for name, uses in undefined.items():
        lines = dict.fromkeys(int(u.where.rsplit(":", 2)[-2]) for u in uses)
        slip = next((d for d in _first(source) if f'"{d.name}"' in uses[0].remedy), None)
        wanted = _UNDEFINED.match(uses[0].what)
        if (
            slip is not None
            and wanted is not None
            and fold(slip.name) not in used | drawn.names | {*CONTROLS}
            and (len(lines) > 1 or name in drawn.names)
        ):
            yield places.at(
                "error",
                "undefined",
                slip.name,
                f'"{slip.name}" is used nowhere, and "{wanted["name"]}", which is used on {_lines(lines)}, '
                "is defined nowhere",
                slip.at,
                remedy=f'Did you mean "{wanted["name"]}"?',
            )
            continue
        finding = places.of_error("error", "undefined", uses[0])
        if len(lines) > 1:
            finding = replace(finding, what=f"{finding.what} (on {_lines([*lines][1:])} too)")
        yield finding


def _lines(lines: Iterable[int]) -> str:
    shown = [str(n) for n in lines]
    more = len(shown) - _MOST_LINES
    if more > 0:
        shown = [*shown[:_MOST_LINES], f"{more} more"]
    return f"line{'s' if len(shown) > 1 else ''} " + (
        f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
    )


def _used(source: ModelText) -> set[str]:
    """Folded names that some equation of another variable mentions."""
    used: set[str] = set()
    for definition in (*source.definitions, *(d for m in source.macros for d in m.definitions)):
        used |= {n for n in mentions(definition) if n != fold(definition.name)}
    return used


def unused(
    places: Places, others: Iterable[Finding], errors: Iterable[ModelError], drawn: Drawn
) -> Iterator[Finding]:
    """Report variables that nothing uses: numbers are likely left over, auxiliaries may be results.

    What other findings name is used: proposed for a misspelt name, or drawn where an equation lacks it. An equation
    that is missing used what is drawn as its causes; if it isn't drawn, nothing can be told.
    """
    source = places.source
    used = {*CONTROLS, *_used(source)}
    for error in errors:
        missing = _UNDEFINED.match(error.what)
        name = fold(missing["name"]) if missing else ""
        if not missing or any(is_slip(name, fold(n)) for n in _QUOTED.findall(error.remedy)):
            continue
        if not drawn.names:
            return
        used |= drawn.causes.get(name, frozenset())
    others = list(others)
    named = " ".join(
        f"{f.what} {f.remedy}" for f in others if f.rule in ("undefined", "drawn", "conservation")
    )
    named += " ".join(f.remedy for f in others if f.rule == "units" and f.remedy.startswith("Did you mean"))
    for definition in _first(source):
        name = fold(definition.name)
        if name in used or f'"{" ".join(definition.name.split())}"' in named:
            continue
        if "supplementary" in definition.flags.lower():
            continue
        node = definition.expression
        if isinstance(node, Apply) and fold(node.name) == "integ":
            continue  # a stock is a result
        number = definition.operator == "(" or isinstance(node, Num | Array)
        yield places.at(
            "warning" if number else "note",
            "unused",
            definition.name,
            f'nothing uses the {"lookup" if definition.operator == "(" else "constant"} "{definition.name}"'
            if number
            else f'nothing uses "{definition.name}"',
            definition.at,
            remedy="Use it or remove it" if number else "Mark it :SUPPLEMENTARY if it is a result",
        )


def undocumented(places: Places, unread: frozenset[str]) -> Iterator[Finding]:
    """Report missing units and comments; not of what has an equation that can't be read and may give them."""
    xml = places.source.path.lower().endswith(XMILE)
    units: dict[str, bool] = {}
    comments: dict[str, bool] = {}
    for definition in places.source.definitions:
        name = fold(definition.name)
        units[name] = units.get(name, False) or bool(definition.units) or definition.operator == ":IS:"
        comments[name] = comments.get(name, False) or bool(definition.comment)
    for definition in _first(places.source):
        name = fold(definition.name)
        if name in unread:
            continue
        if not units[name] and xml and name in CONTROLS:
            if name == "time step":  # one unit for all of them
                yield places.at(
                    "warning",
                    "missing units",
                    definition.name,
                    "the times of the run have no units",
                    places.source.text.find("<sim_specs"),
                    remedy='Write them as an attribute of it, such as time_units="Month"',
                )
        elif not units[name]:
            yield places.at(
                "warning",
                "missing units",
                definition.name,
                f'"{definition.name}" has no units',
                definition.at,
                remedy="Write them in <units> (Dmnl for a pure number)"
                if xml
                else "Write them between the first and the second ~ (Dmnl for a pure number)",
            )
        if not comments[name] and name not in CONTROLS:
            yield places.at(
                "note",
                "missing comment",
                definition.name,
                f'"{definition.name}" has no comment',
                definition.at,
                remedy=f"Write what it is, and a number's source, {'in <doc>' if xml else 'behind the second ~'}",
            )


def unsorted(places: Places) -> Iterator[Finding]:
    """Report points of lookups that don't rise, and several values at one place."""
    for definition in (
        *places.source.definitions,
        *(d for m in places.source.macros for d in m.definitions),
    ):
        for node in walk(definition.expression):
            if not isinstance(node, Points) or len(node.x) < 2:
                continue
            steps = [b - a for a, b in zip(node.x, node.x[1:], strict=False)]
            if all(s > 0 for s in steps) or all(s < 0 for s in steps):
                continue
            k = next((k for k, s in enumerate(steps) if s <= 0), 0)
            equal = steps[k] == 0
            if equal and node.y[k] == node.y[k + 1] and all(s >= 0 for s in steps):
                continue  # the same point twice
            yield places.at(
                "warning",
                "unsorted lookup",
                definition.name,
                f'the lookup "{definition.name}" has two values at one x'
                if equal
                else f'the points of the lookup "{definition.name}" are out of order',
                places.point(node, k + 1),
                found=f"x = {node.x[k]:g}, then {node.x[k + 1]:g}",
                expected="rising x",
                remedy="Correct the x of these points",
            )


def near_names(places: Places) -> Iterator[Finding]:
    """Report pairs of names that differ by a letter or by signs only."""
    definitions = list(_first(places.source))
    plain: dict[str, Definition] = {}
    buckets: dict[str, list[Definition]] = {}
    for definition in definitions:
        name = fold(definition.name)
        letters = "".join(c for c in name if c.isalnum())
        earlier = plain.setdefault(letters, definition)
        if earlier is not definition:
            yield _pair(places, definition, earlier)
        buckets.setdefault(name, []).append(definition)
        for cut in {name[:k] + name[k + 1 :] for k in range(len(name))}:
            buckets.setdefault(cut, []).append(definition)
    seen: set[frozenset[str]] = set()
    for group in buckets.values():
        for k, later in enumerate(group):
            for earlier in group[:k]:
                a, b = fold(earlier.name), fold(later.name)
                if a != b and frozenset((a, b)) not in seen and is_slip(a, b):
                    seen.add(frozenset((a, b)))
                    first, second = sorted((earlier, later), key=lambda d: d.at)
                    yield _pair(places, second, first)


def is_slip(a: str, b: str) -> bool:
    """True if two folded names differ in one word only, by one letter inside it or by two that are exchanged."""
    ones, others = a.split(), b.split()
    if len(ones) != len(others):
        return False
    different = [(x, y) for x, y in zip(ones, others, strict=True) if x != y]
    if len(different) != 1:
        return False
    x, y = different[0]
    if min(len(x), len(y)) < _SHORTEST or any(c.isdigit() for c in x + y):
        return False
    k = next((k for k, (c, d) in enumerate(zip(x, y, strict=False)) if c != d), min(len(x), len(y)))
    same = x[k + 1 :] == y[k + 1 :] or x[k:] == y[k + 1 :] or x[k + 1 :] == y[k:]
    exchanged = x[k : k + 2] == y[k : k + 2][::-1] and x[k + 2 :] == y[k + 2 :]
    return k > 0 and (same or exchanged)


def _pair(places: Places, definition: Definition, earlier: Definition) -> Finding:
    return places.at(
        "note",
        "near names",
        definition.name,
        f'"{definition.name}" is spelt almost like "{earlier.name}" on line {places.source.span(earlier.at).line}',
        definition.at,
        remedy="Make one of the two, or names that can't be mixed up",
    )


def _first(source: ModelText) -> Iterator[Definition]:
    """The first equation of each variable, string variables and names of functions left out."""
    seen: set[str] = set()
    for definition in source.definitions:
        name = fold(definition.name)
        if name not in seen and definition.operator != ":IS:" and name not in FUNCTIONS:
            seen.add(name)
            yield definition
