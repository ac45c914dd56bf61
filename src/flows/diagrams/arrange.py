"""The views of a whole file: variables without a place get one, or all is laid out anew."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.diagrams.extend import extend, missing
from flows.diagrams.layout import MARKS, Loop, lay_out
from flows.diagrams.overview import overview
from flows.diagrams.plan import Causes, Plan, causes_of, plans
from flows.inputs.loops import read_loops
from flows.model.graph import causal_graph, loop_through
from flows.model.model import Model
from flows.pace import Stage, unsaid
from flows.references import fold
from flows.vensim.sketch import Sketch, View

FULL = 50  # views of a file that each get all moves; of more, each gets fewer, but no less than this share:
LEAST = 0.2


def arrange(
    sketch: Sketch,
    model: Model,
    *,
    anew: bool = False,
    views: Sequence[str] = (),
    loops: Sequence[Loop] = (),
    marks: Mapping[tuple[str, str], str] | None = None,
    places: Mapping[str, tuple[float, float]] | None = None,
    stage: Stage = unsaid,
) -> Sketch:
    """Lay out a file.

    Parameters
    ----------
    sketch : Sketch
        The file's views; those that aren't concerned keep every byte.
    model : Model
        The same file's equations.
    anew : bool
        Drop all views and lay out the whole model.
    views : sequence of str
        Names of views to lay out anew; what they define stays on them.
    loops : sequence of Loop
        Named loops, marked on the views that show them.
    marks : mapping of (str, str) to str, optional
        Polarity of links from cause to effect (folded names), ``+`` or ``-``.
    places : mapping of str to (float, float), optional
        Column and row of each sector on the overview, by group.
    stage : callable
        Is told the name of each view before it is laid out.

    Returns
    -------
    Sketch
        Without `anew` and `views`, every record of the old one is still there, byte for byte.
    """
    causes = causes_of(model)

    whole = plans(causes)
    effort = min(1.0, max(FULL / len(whole), LEAST)) if anew and whole else 1.0

    def made(plan: Plan) -> View:
        stage(plan.name)
        near = _shown(loops, plan.own, whole)
        view = lay_out(plan, causes, loops=near, marks=marks or {}, effort=effort)
        return _in_line_ends(view, sketch.newline)

    if anew:
        title, note = _about(model)
        first = overview(whole, causes, title=title, note=note, loops=loops, places=places)
        firsts = [_in_line_ends(first, sketch.newline)] if first else []
        return sketch.replace((*firsts, *(made(p) for p in whole)))
    if views:
        chosen = {sketch.view(name).name for name in views}
        old = []
        for view in sketch.views:
            if view.name not in chosen:
                old.append(view)
                continue
            own = tuple(n for n in causes.links if n in view.defined)
            old.append(made(Plan(view.name, view.name, "", own)))
        return sketch.replace(tuple(old))
    return _completed(sketch, causes, made, stage)


def _about(model: Model) -> tuple[str, str]:
    """Title of a model and the first sentence about it: its first group, if that holds no variables."""
    if model.groups and not any(v.group == model.groups[0][0] for v in model.variables.values()):
        name, note = model.groups[0]
        note = " ".join(note.replace("\\\n", " ").replace("\\\r\n", " ").split())
        return name, re.split(r"(?<=[.!?])\s(?=[A-Z])", note)[0]
    return model.name, ""


def _completed(sketch: Sketch, causes: Causes, made: Callable[[Plan], View], stage: Stage) -> Sketch:
    """Give variables that stand on no view a place: on a view of their group, or on new views."""
    group = {n: causes.model.variables[n].group for n in causes.links}
    absent = missing(sketch.views, causes)
    gone = set(absent)
    settled = {g for n, g in group.items() if n not in gone}
    additions: dict[str, list[str]] = defaultdict(list)
    for name in (n for n in absent if group[n] in settled):
        additions[_home(name, sketch.views, causes, group)].append(name)
    new_plans = _unique(plans(causes, [n for n in absent if group[n] not in settled]), sketch.views)
    views = []
    for view in sketch.views:
        mine = additions.get(view.name, [])
        defined = view.defined
        elsewhere = gone - set(mine)
        acting = [
            c
            for c in absent
            if c in elsewhere and any(e in defined for e in causes.effects.get(c, ()))
        ]  # fmt: skip
        if mine or acting:
            stage(view.name)
            view = extend(view, mine, causes, shadows_for=acting)
        views.append(view)
    return sketch.replace((*views, *(made(p) for p in new_plans)))


def _home(name: str, views: Sequence[View], causes: Causes, group: dict[str, str]) -> str:
    """The view where a variable belongs: where most of what it is linked to stands, best on one of its group's."""
    around = {*causes.links[name], *causes.effects.get(name, ())}
    around |= {*causes.sources.get(name, ()), *causes.targets.get(name, ())}
    around |= {f for f in causes.flows if name in (*causes.sources.get(f, ()), *causes.targets.get(f, ()))}
    own = Counter({v.name: sum(group.get(n) == group[name] for n in v.defined) for v in views})
    best = max(views, key=lambda v: (own[v.name] > 0, len(around & v.defined), own[v.name]))
    return best.name


def _unique(made: Sequence[Plan], views: Sequence[View]) -> list[Plan]:
    taken = {fold(v.name) for v in views}
    found = []
    for plan in made:
        name, number = plan.name, 2
        while fold(name) in taken:
            name = f"{plan.name[:26].rstrip()} {number}"
            number += 1
        taken.add(fold(name))
        found.append(Plan(name, plan.heading, plan.note, plan.own))
    return found


def _in_line_ends(view: View, newline: str) -> View:
    return View(view.name, view.head.replace("\n", newline), view.records, view.style, view.line)


def loops_of(model: Model, path: Path) -> tuple[Loop, ...]:
    """Read named loops and follow them through a model; none where the file is missing.

    Loops that name a variable which the model lacks are left out: they belong to another model.

    Raises
    ------
    InputError
        The file can't be read.
    ModelError
        No chain of causes leads from one variable of a loop to the next.
    """
    if not path.is_file():
        return ()
    graph = causal_graph(model)
    found = []
    for named in read_loops(path):
        names = tuple(fold(n) for n in named.through)
        if all(n in graph.effects for n in names):
            ring = tuple(n for n in loop_through(graph, names) if not model.variables[n].hidden)
            found.append(Loop(named.id, named.name, ring))
    return tuple(found)


def polarities(signs: Mapping[tuple[str, str], NDArray[np.int64]]) -> dict[tuple[str, str], str]:
    """Marks of links from their signs along a run: ``+`` or ``-`` where a link always acts one way.

    Parameters
    ----------
    signs : mapping of (str, str) to array of int
        As `flows.loops.link_signs` gives them.
    """
    found = {}
    for link, values in signs.items():
        kinds = set(values.tolist()) - {0}
        if kinds in ({1}, {-1}):
            found[link] = "+" if kinds == {1} else "-"
    return found


def _shown(loops: Sequence[Loop], own: Sequence[str], made: Sequence[Plan]) -> list[Loop]:
    """Loops to mark on a view: those with more variables there than anywhere, then those that run far through it."""
    mine = set(own)
    at_home: list[Loop] = []
    guests: list[tuple[float, int, Loop]] = []
    for number, loop in enumerate(loops):
        here = len(mine & set(loop.variables))
        most = max((len(set(p.own) & set(loop.variables)) for p in made), default=here)
        if here and here == most:
            at_home.append(loop)
        elif here >= 3:
            guests.append((-here / len(loop.variables), number, loop))
    chosen = {loop.mark for loop in at_home}
    chosen |= {
        loop.mark for _, _, loop in sorted(guests, key=lambda g: g[:2])[: max(0, MARKS - len(at_home))]
    }
    return [loop for loop in loops if loop.mark in chosen]
