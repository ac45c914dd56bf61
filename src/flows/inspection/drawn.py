"""What the sketch says of causes: which variables are joined by arrows and pipes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from flows.errors import ModelError
from flows.inspection.finding import Finding, Places, mentions, walk
from flows.references import fold
from flows.vensim.conflicts import settled
from flows.vensim.sketch import CLOSED, Sketch, View, Word, cut_at, parse_sketch
from flows.vensim.source import XMILE
from flows.vensim.tree import Apply, Definition, Name

__all__ = ["Drawn", "agreeing", "arrows"]

_MANY, _OFTEN = (
    20,
    0.02,
)  # arrows without a use, and their share, beyond which the views as a whole are in doubt


@dataclass(frozen=True)
class Drawn:
    """Arrows and pipes of all views, by folded names.

    Attributes
    ----------
    sketch : Sketch
        The views; none if they can't be read.
    error : ModelError or None
        Why they can't.
    cut : int or None
        Offset of the file's last line if it breaks off within the sketch.
    """

    sketch: Sketch
    error: ModelError | None = None
    cut: int | None = None

    @classmethod
    def of(cls, places: Places) -> Drawn:
        """Read the views of a file."""
        source = places.source
        if (
            source.path.lower().endswith(XMILE) or settled(source.text)[1]
        ):  # of two versions of a file neither is held
            return cls(Sketch("", (), ""))
        cut = cut_at(source.text)
        try:
            return cls(parse_sketch(source.text, source.path), cut=cut)
        except ModelError as error:
            return cls(Sketch(source.text, (), ""), error, cut)

    @cached_property
    def causes(self) -> dict[str, frozenset[str]]:
        """What is drawn as a cause of each variable that a view defines (shadows take no arrows)."""
        found: dict[str, set[str]] = {}
        for view in self.sketch.views:
            names = _names(view)
            for word in view.words:
                if word.kind == 10 and not word.shadow:
                    found.setdefault(word.key, set())
            for arrow in view.arrows:
                cause, user = names.get(arrow.start), names.get(arrow.end)
                if cause is not None and user is not None and cause != user:
                    found.setdefault(user, set()).add(cause)
        return {user: frozenset(causes) for user, causes in found.items()}

    def without(self, cause: str, user: str) -> bool:
        """True if a view defines the user, and none joins the two."""
        return user in self.causes and cause not in self.causes[user]

    @cached_property
    def names(self) -> frozenset[str]:
        """Folded names of all variables on the views."""
        return frozenset(w.key for view in self.sketch.views for w in view.words if w.kind == 10)

    def flows_at(self, stock: str) -> frozenset[str]:
        """Flows whose pipes end at a stock."""
        return self._flows.get(stock, frozenset())

    @cached_property
    def _flows(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for flow, valves in self.pipes.items():
            for word, _ in (end for ends in valves for end in ends):
                found.setdefault(word.key, set()).add(flow)
        return {stock: frozenset(flows) for stock, flows in found.items()}

    @cached_property
    def pipes(self) -> dict[str, list[list[tuple[Word, bool]]]]:
        """What the pipes of each flow end at and whether they have a head there: a list for each valve."""
        found: dict[str, list[list[tuple[Word, bool]]]] = {}
        for view in self.sketch.views:
            words = view.by_id
            for word in view.words:
                if word.role == "valve" and (name := _name_of(view, word)) is not None:
                    ends = [
                        (words[a.end], not a.shape & 32)
                        for a in view.arrows
                        if a.pipe and a.start == word.id and a.end in words
                    ]
                    found.setdefault(name, []).append(ends)
        return found


def broken_off(places: Places, drawn: Drawn) -> Iterator[Finding]:
    """Tell a file that ends within its sketch."""
    if drawn.cut is None:
        return
    text = places.source.text
    where = "after this line" if text.endswith(("\n", "\r")) else "within this line"
    yield places.at(
        "warning", "sketch", "", f"the file ends within a view of the sketch, {where}: it looks cut off", drawn.cut,
        expected=f"the line {CLOSED} at the end of the sketch",
        remedy="Take the file from an older version, or save it again in Vensim",
    )  # fmt: skip


def arrows(places: Places, drawn: Drawn, leave_out: Collection[str]) -> list[Finding]:
    """Hold equations against the arrows: causes that are drawn and not used, or used and not drawn.

    Variables of some folded names are left out, and those without any arrow: the views don't speak of them. Where many
    arrows have no use, the views aren't kept with the equations, and that is all that is said.
    """
    found = list(_one_by_one(places, drawn, leave_out))
    idle = [f for f in found if f.level == "warning"]
    every = sum(len(causes) for causes in drawn.causes.values())
    if len(idle) <= _MANY or len(idle) <= _OFTEN * every:
        return found
    first = min(idle, key=lambda f: f.line)
    what = f"{len(idle)} of {every} arrows lead from a cause that isn't used to its variable, the first here"
    remedy = "Remove the arrows, or draw the views anew; they aren't held against the equations"
    return [replace(first, level="note", what=what, remedy=remedy)]


def _one_by_one(places: Places, drawn: Drawn, leave_out: Collection[str]) -> Iterator[Finding]:
    """A finding for each cause."""
    own: dict[str, list[Definition]] = {}
    for definition in places.source.definitions:
        own.setdefault(fold(definition.name), []).append(definition)
    for user, causes in drawn.causes.items():
        if user not in own or user in leave_out or not causes:
            continue
        used = frozenset().union(*(mentions(d) for d in own[user]))
        words = sorted(c for c in causes if c in own and c not in used)
        missing = [own[c][0].name for c in words if c not in drawn.flows_at(user)]
        more = {n: at for n, at in _uses(own[user]).items() if n in own and n != user and n not in causes}
        name = own[user][0].name
        if len(missing) == len(more) == 1:
            (other,) = more
            yield places.at(
                "warning",
                "drawn",
                name,
                f'"{name}" uses "{own[other][0].name}" where the sketch draws "{missing[0]}" as its cause',
                more[other],
                remedy="Use the cause that is drawn, or correct its arrow",
            )
            continue
        for cause in missing:
            yield places.at(
                "warning",
                "drawn",
                name,
                f'"{cause}" is drawn as a cause of "{name}" but does not stand in its equation',
                places.expression_at(places.source.span(own[user][0].at)),
                remedy="Use it in the equation, or remove the arrow",
            )
        drawn_and_used = len(causes & used)
        for other, at in more.items() if len(more) <= drawn_and_used else ():  # else most is left undrawn
            yield places.at(
                "note",
                "drawn",
                name,
                f'no arrow leads from "{own[other][0].name}" to "{name}", which uses it',
                at,
                remedy="Draw the arrow, or check that it is meant",
            )


def agreeing(places: Places, drawn: Drawn) -> frozenset[str]:
    """Folded names of variables whose equations use just what is drawn as their causes."""
    own: dict[str, list[Definition]] = {}
    for definition in places.source.definitions:
        own.setdefault(fold(definition.name), []).append(definition)
    return frozenset(
        name
        for name, causes in drawn.causes.items()
        if causes
        and name in own
        and {u for u in _uses(own[name]) if u in own and u != name} == causes & own.keys()
    )


def _uses(definitions: Iterable[Definition]) -> dict[str, int]:
    """Folded names in some equations, and where they stand first."""
    found: dict[str, int] = {}
    for definition in definitions:
        for node in walk(definition.expression):
            if isinstance(node, Name | Apply):
                found[fold(node.name)] = min(node.at, found.get(fold(node.name), node.at))
    return found


def _names(view: View) -> dict[int, str]:
    """Folded name of the variable that each number stands for: a valve for its flow."""
    names: dict[int, str] = {}
    for word in view.words:
        if word.kind == 10:
            names[word.id] = word.key
        elif word.role == "valve" and (name := _name_of(view, word)) is not None:
            names[word.id] = name
    return names


def _name_of(view: View, valve: Word) -> str | None:
    """Folded name of the flow at a valve: the attached word that follows it."""
    words: Iterable[Word] = view.words
    after = False
    for word in words:
        if after:
            return word.key if word.role == "flow" else None
        after = word is valve
    return None
