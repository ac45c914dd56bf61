"""The views of a whole file: variables without a place get one, or all is laid out anew."""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.diagrams.extend import extend, missing
from flows.diagrams.layout import Loop, lay_out
from flows.diagrams.plan import Causes, Plan, causes_of, plans
from flows.errors import InputError
from flows.model.model import Model
from flows.references import fold
from flows.vensim.sketch import Sketch, View

Progress = Callable[[str], None]


def arrange(
    sketch: Sketch,
    model: Model,
    *,
    anew: bool = False,
    views: Sequence[str] = (),
    loops: Sequence[Loop] = (),
    progress: Progress | None = None,
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
    progress : callable, optional
        Is told the name of each view before it is laid out.

    Returns
    -------
    Sketch
        Without `anew` and `views`, every record of the old one is still there, byte for byte.
    """
    causes = causes_of(model)
    tell = progress or (lambda name: None)

    def made(plan: Plan) -> View:
        tell(plan.name)
        return _in_line_ends(lay_out(plan, causes, loops=loops), sketch.newline)

    if anew:
        return sketch.replace(tuple(made(p) for p in plans(causes)))
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
    return _completed(sketch, causes, made, tell)


def _completed(sketch: Sketch, causes: Causes, made: Callable[[Plan], View], tell: Progress) -> Sketch:
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
            tell(view.name)
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


def read_loops(path: Path) -> tuple[Loop, ...]:
    """Read a table of named loops; a missing file holds none.

    The file has one table ``[[loop]]`` for each: ``name`` (``R1 success``: mark, then what it does), ``polarity``
    (``+`` or ``-``) and ``variables``, in the order in which each acts on the next.

    Raises
    ------
    InputError
        The file is no such table.
    """
    if not path.is_file():
        return ()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("the table of loops can't be read", where=str(path), found=str(error)) from None
    found = []
    for entry in table.get("loop", []):
        try:
            words = str(entry["name"]).split(maxsplit=1)
            variables = tuple(fold(v) for v in entry["variables"])
        except (KeyError, TypeError):
            raise InputError(
                "a loop lacks name or variables", where=str(path), found=str(entry), expected="both"
            ) from None
        mark = words[0] if len(words) > 1 and len(words[0]) <= 4 else ""
        sign = str(entry.get("polarity", ""))
        title = words[1] if mark else str(entry["name"])
        found.append(Loop(mark or ("B" if sign.startswith(("-", "b", "B")) else "R"), title, variables))
    return tuple(found)
