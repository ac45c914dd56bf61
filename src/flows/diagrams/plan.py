"""Which views a model gets, and what stands on each: its own variables, shadows of others, flows with their ends."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flows.model.ir import STEP_START, Expr, references
from flows.model.model import CONTROLS, Model, flow_terms

MOST = 34
"""Variables of its own that a view holds before its sector is split."""

RULES = 4  # variables beside constants that a group of settings may hold
LONGEST_NAME = 30  # letters of a view's name in Vensim
TIME = "time"
SETTINGS = "Levers and contexts"


@dataclass(frozen=True)
class Causes:
    """Who acts on whom in a model, by folded names; hidden variables are replaced by what acts on them.

    Attributes
    ----------
    links : mapping of str to mapping of str to bool
        For each variable its direct causes; True where a cause matters for an initial value only. Flows of a stock
        are not among its causes.
    sources, targets : mapping of str to tuple of str
        For each flow the stocks that it leaves and those that it enters.
    """

    model: Model
    links: Mapping[str, Mapping[str, bool]]
    sources: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]

    @cached_property
    def flows(self) -> tuple[str, ...]:
        """All flows, in the order of the file."""
        return tuple(n for n in self.links if n in self.sources or n in self.targets)

    @cached_property
    def effects(self) -> Mapping[str, tuple[str, ...]]:
        """For each variable what it acts on, in the order of the file."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, causes in self.links.items():
            for cause in causes:
                found[cause].append(name)
        return {k: tuple(v) for k, v in found.items()}

    def spelling(self, name: str) -> str:
        """Name as the file spells it."""
        if name == TIME:
            return "Time"
        return self.model.variables[name].spelling

    def is_stock(self, name: str) -> bool:
        """True for a stock that the file names."""
        return name in self.model.variables and self.model.variables[name].kind == "stock"


@dataclass(frozen=True)
class Plan:
    """One view to be laid out: its name, heading lines, and what it defines (folded names, in the file's order)."""

    name: str
    heading: str
    note: str
    own: tuple[str, ...]


def causes_of(model: Model) -> Causes:
    """Find who acts on whom in a model."""
    shown = [n for n, v in model.variables.items() if not v.hidden and n not in CONTROLS]
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    direct: dict[str, dict[str, bool]] = {}
    for name, variable in model.variables.items():
        found: dict[str, bool] = {}
        for equation in variable.equations:
            stock = variable.kind == "stock" and not variable.hidden
            if equation.expr is not None:
                if stock:
                    for sign, ref in flow_terms(equation.expr):
                        if ref is not None and ref.name in model.flow_names:
                            ends = targets if sign > 0 else sources
                            if name not in ends[ref.name]:
                                ends[ref.name].append(name)
                names = _names(equation.expr)
                found.update(
                    dict.fromkeys((n for n in names if not (stock and n in model.flow_names)), False)
                )
            if equation.initial is not None:
                for n in _names(equation.initial):
                    found.setdefault(n, variable.kind == "stock")
        direct[name] = found
    links = {n: _seen(n, direct, model) for n in shown}
    return Causes(
        model,
        links,
        {k: tuple(v) for k, v in sources.items()},
        {k: tuple(v) for k, v in targets.items()},
    )


def _names(expr: Expr) -> list[str]:
    return ["time" if r.name == STEP_START else r.name for r in references(expr)]


def _seen(name: str, direct: Mapping[str, Mapping[str, bool]], model: Model) -> dict[str, bool]:
    """Direct causes of a variable, through hidden ones."""
    found: dict[str, bool] = {}
    stack = list(direct[name].items())
    passed = set()
    while stack:
        cause, initial = stack.pop(0)
        variable = model.variables.get(cause)
        if cause == name or (cause, initial) in passed:
            continue
        passed.add((cause, initial))
        if variable is None:
            if cause == TIME:
                found[cause] = found.get(cause, True) and initial
        elif variable.hidden:
            stack += [(c, initial or i) for c, i in direct[cause].items()]
        else:
            found[cause] = found.get(cause, True) and initial
    return found


def plans(causes: Causes, names: Iterable[str] | None = None, *, most: int = MOST) -> tuple[Plan, ...]:
    """Divide variables into views: one for each group of the file, several for a large one.

    Parameters
    ----------
    causes : Causes
        Of the whole model.
    names : iterable of str, optional
        Folded names to place; all by default.
    most : int
        Variables that a view may define before its group is split.
    """
    model = causes.model
    wanted = [n for n in causes.links if names is None or n in set(names)]
    notes = dict(model.groups)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in wanted:
        groups[model.variables[name].group].append(name)
    flows = set(causes.flows)
    made: list[Plan] = []
    settings: list[str] = []
    settings_groups: list[str] = []
    for group, members in groups.items():
        constants = sum(model.variables[n].kind in ("constant", "lookup") for n in members)
        active = any(n in flows or causes.is_stock(n) for n in members)
        if (
            not active
            and constants * 2 >= len(members)
            and len(members) - constants <= RULES
            and not _sector(notes.get(group, ""))
            and len(groups) > 1
        ):
            settings += members
            settings_groups.append(group)
            continue
        title, note = _title(group, notes.get(group, ""), model)
        parts = _parts(causes, members, most)
        for number, part in enumerate(parts, 1):
            suffix = f" {number}" if len(parts) > 1 else ""
            heading = title if len(parts) == 1 else f"{title}, {number} of {len(parts)}"
            subject = _subject(causes, part) if len(parts) > 1 else note
            made.append(Plan(_short(title, suffix), heading, subject or note, tuple(part)))
    if settings:
        title = SETTINGS if any(g.lower() == "levers" for g in settings_groups) else settings_groups[0]
        words = "What can be chosen, when it acts, and what is given: " if len(settings_groups) > 1 else ""
        note = words + ", ".join(g.lower() for g in settings_groups) + "." if words else ""
        made.append(Plan(_short(title, ""), title, note, tuple(settings)))
    return tuple(made)


def _sector(note: str) -> str:
    match = re.match(r"\s*Sector (\d+)\b", note)
    return match[1] if match else ""


def _title(group: str, note: str, model: Model) -> tuple[str, str]:
    """Heading of a group's view, and the sentence that its comment gives."""
    note = " ".join(note.replace("\\\n", " ").replace("\\\r\n", " ").split())
    number = _sector(note)
    title = f"Sector {number} {group}" if number else group or model.name
    sentence = re.sub(r"^Sector \d+\.\s*", "", note)
    return title, re.split(r"(?<=[.!?])\s(?=[A-Z])", sentence)[0]


def _subject(causes: Causes, part: Sequence[str]) -> str:
    """What a part of a sector is about: its stocks, else what other views take from it."""
    inside = set(part)
    names = [n for n in part if causes.is_stock(n)]
    if not names:
        outside = {n: sum(e not in inside for e in causes.effects.get(n, ())) for n in part}
        flows = [n for n in part if n in causes.sources or n in causes.targets]
        names = flows or sorted((n for n in part if outside[n]), key=lambda n: (-outside[n], part.index(n)))
    spelt = [causes.spelling(n) for n in names[:3]]
    if not spelt:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    text = ", ".join(spelt) + more + "."
    return text[0].upper() + text[1:]


def _short(title: str, suffix: str) -> str:
    """Cut a view's name at a word, so that it fits what Vensim allows."""
    room = LONGEST_NAME - len(suffix)
    if len(title) <= room:
        return title + suffix
    cut = title[: room + 1].rsplit(" ", 1)[0] if " " in title[: room + 1] else title[:room]
    return re.sub(r"\s(and|of|the|in|to|for)$", "", cut) + suffix


def _join_linked(
    weight: Mapping[tuple[str, str], float],
    size: Mapping[str, int],
    order: Mapping[str, int],
    root: Callable[[str], str],
    join: Callable[[str, str], None],
    most: int,
) -> None:
    """Join the two parts with the most links for their size, again and again, while some fit together."""
    links = list(weight.items())
    between: dict[str, dict[str, list[int]]] = defaultdict(
        dict
    )  # for two parts, the links that run between them
    for number, ((a, b), _) in enumerate(links):
        one, two = root(a), root(b)
        if one != two:
            held = between[one].setdefault(two, [])
            between[two][one] = held
            held.append(number)

    def option(a: str, b: str) -> tuple[float, int, int, str, str]:
        a, b = sorted((a, b), key=order.__getitem__)
        strength = 0.0
        for number in between[a][b]:
            strength += links[number][1]
        return -strength / (size[a] * size[b]) ** 0.5, order[a], order[b], a, b

    options = [option(a, b) for a, near in between.items() for b in near if order[a] < order[b]
               if size[a] + size[b] <= most]  # fmt: skip
    heapq.heapify(options)
    while options:
        found = heapq.heappop(options)
        _, _, _, a, b = found
        if root(a) != a or root(b) != b or size[a] + size[b] > most or option(a, b) != found:
            continue  # one of the two has grown since
        join(a, b)
        for c, held in between.pop(b).items():
            del between[c][b]
            if c != a:
                between[a][c] = between[c][a] = sorted([*between[a].get(c, ()), *held])
        for c in between[a]:
            if size[a] + size[c] <= most:
                heapq.heappush(options, option(a, c))


def _parts(causes: Causes, members: Sequence[str], most: int) -> list[list[str]]:
    """Split a group into parts of at most `most` variables with few links between them.

    Flows stay with the stocks of their group, in chains; then the two parts with the most links for their size are
    joined, again and again, as long as the whole is not too large.
    """
    if len(members) <= most:
        return [list(members)]
    inside = set(members)
    part_of = {n: n for n in members}

    def root(n: str) -> str:
        while part_of[n] != n:
            n = part_of[n]
        return n

    size = Counter(members)

    def join(a: str, b: str) -> None:
        a, b = root(a), root(b)
        if a != b:
            part_of[b] = a
            size[a] += size.pop(b)

    for flow in causes.flows:
        ends = [s for s in (*causes.sources.get(flow, ()), *causes.targets.get(flow, ())) if s in inside]
        for stock in ends:
            if flow in inside and size[root(flow)] + size[root(stock)] <= most and root(flow) != root(stock):
                join(stock, flow)
    weight: dict[tuple[str, str], float] = defaultdict(float)
    for name in members:
        for cause in causes.links[name]:
            if cause in inside and cause != name:
                hub = len([e for e in causes.effects[cause] if e in inside])
                weight[cause, name] += 1 / hub
    order = {n: i for i, n in enumerate(members)}
    _join_linked(weight, size, order, root, join, most)
    small = [(count, order[n], n) for n, count in size.items()]
    heapq.heapify(small)
    while len(small) > 1:  # what no link holds together: the smallest with the next
        one, two = heapq.heappop(small), heapq.heappop(small)
        if one[0] + two[0] > most:
            break
        first, second = sorted((one[2], two[2]), key=order.__getitem__)
        join(first, second)
        heapq.heappush(small, (size[first], order[first], first))
    found: dict[str, list[str]] = defaultdict(list)
    for name in members:
        found[root(name)].append(name)
    return sorted(found.values(), key=lambda part: not any(causes.is_stock(n) for n in part))
