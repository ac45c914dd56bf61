"""Equations of a flat file, written with subscripts again: an equation for each element becomes one for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flows.errors import FlowsError
from flows.references import fold
from flows.vensim.flatten import REDUCED, Flattening
from flows.vensim.functions import FUNCTIONS
from flows.vensim.spell import quoted
from flows.vensim.tree import Apply, Definition, ModelText, Name, Node, Op, Sub, bare
from flows.versions.maths import Tree, canon, chain, chained

__all__ = ["Unflattening"]

Place = tuple[str, ...]
"""Folded elements."""

_CHAINS = ({"+", "-"}, {"*", "/"})


class Unflattening(Flattening):
    """Reads a model with subscripts as flattening does, and finds the way back from its flat names.

    Parameters
    ----------
    source : ModelText
        The model with subscripts.

    Raises
    ------
    ModelError
        If it has errors.
    """

    def __init__(self, source: ModelText) -> None:
        super().__init__(source)
        self.model()
        self._name_all()
        self.origin = {fold(name): place for place, name in self.names.items()}
        self.pieces: list[Node] = []  # of the equation at hand, one for each placeholder

    def flat_names(self, definition: Definition) -> dict[Place, str]:
        """Folded flat name of each element that an equation defines, in row order."""
        key = fold(definition.name)
        return {place: fold(self.names[key, place]) for place in self._places(definition)}

    def equation(
        self, definition: Definition, nodes: Mapping[Place, Node], added: frozenset[str] = frozenset()
    ) -> Node | None:
        """The right side that gives each element its flat equation.

        Parameters
        ----------
        definition : Definition
            Of the model with subscripts: its right side tells what was written out, such as sums; or one of `added`.
        nodes : mapping of tuple of str to Node
            Flat right sides of all elements that it defines.
        added : frozenset of str
            Folded names that the flat file has and the model with subscripts lacks.

        Returns
        -------
        Node or None
            None if there is none: the elements follow different equations, or a name is unknown. What is returned gives
            the flat equations again when it is written out.
        """
        self.owner = definition
        index = [axis[0] for axis in self._axes(definition)]
        envs = {p: {i: e for i, e in zip(index, p, strict=True) if i is not None} for p in nodes}
        old = definition.expression if fold(definition.name) not in added else None
        self.pieces = [] if old is None else list(_pieces(old))
        folded = []
        for place, node in nodes.items():
            self.env = envs[place]
            folded.append(self._folded(node, self._known()))
        found = self._general(folded, list(envs.values()), added)
        gives_back = found is not None and all(
            self._written_out(found, envs[place]) == canon(node) for place, node in nodes.items()
        )
        self.env = {}
        return found if gives_back else None

    def _written_out(self, node: Node, env: dict[str, str]) -> Tree | None:
        """Normal form of an equation for one element; None if it has none there."""
        self.env = env
        try:
            return canon(self._walk(node))
        except FlowsError:
            return None

    # -- what the old equation says already

    def _known(self) -> dict[Tree, tuple[int, Node]]:
        """Parts of the old equation written out for the element at hand: normal form → number, and the part."""
        found: dict[Tree, tuple[int, Node]] = {}
        for number, piece in enumerate(self.pieces):
            flat = self._walk(piece)
            found.setdefault(canon(flat), (number, flat))
        return found

    def _folded(self, node: Node, known: Mapping[Tree, tuple[int, Node]]) -> Node:
        """Put placeholders where a flat equation repeats a part of the old one."""
        same = known.get(canon(node)) if isinstance(node, (Op, Apply)) else None
        if same is not None:
            return _placeholder(same[0])
        match node:
            case Op():
                signs = next((s for s in _CHAINS if node.operator in s), None)
                short = node if signs is None else self._sums_folded(node, signs, known)
                if not isinstance(short, Op):
                    return short
                return Op(short.operator, tuple(self._folded(o, known) for o in short.operands), short.at)
            case Apply():
                arguments = tuple(self._folded(a, known) for a in node.arguments)
                return Apply(node.name, (), arguments, node.at, node.outputs, node.picked)
            case _:
                return node

    def _sums_folded(self, node: Op, signs: set[str], known: Mapping[Tree, tuple[int, Node]]) -> Node:
        """Find sums that were written out among the terms of a longer sum; products likewise."""
        terms = [(inverse, canon(n), n) for inverse, n in chain(node, signs, False)]
        changed = False
        for number, flat in known.values():
            if not (isinstance(flat, Op) and flat.operator in signs and _is_reduced(self.pieces[number])):
                continue
            own = [(inverse, canon(n)) for inverse, n in chain(flat, signs, False)]
            for turned in (False, True):
                need = Counter((inverse != turned, form) for inverse, form in own)
                if need <= Counter((inverse, form) for inverse, form, _ in terms):
                    at = next(k for k, (inverse, form, _) in enumerate(terms) if need[inverse, form])
                    rest = []
                    for inverse, form, n in terms:
                        if need[inverse, form] > 0:
                            need[inverse, form] -= 1
                        else:
                            rest.append((inverse, form, n))
                    mark = _placeholder(number)
                    terms = [*rest[:at], (turned, canon(mark), mark), *rest[at:]]
                    changed = True
        return chained([(inverse, n) for inverse, _, n in terms], signs, node.at) if changed else node

    # -- one equation for all elements

    def _general(
        self, nodes: Sequence[Node], envs: Sequence[Mapping[str, str]], added: frozenset[str]
    ) -> Node | None:
        """One node in the place of one for each element."""
        first = nodes[0]
        if isinstance(first, Name) and all(isinstance(n, Name) for n in nodes):
            return self._general_name([n.name for n in nodes if isinstance(n, Name)], envs, added)
        if any(type(n) is not type(first) for n in nodes):
            return None
        if isinstance(first, Op):
            ops = [n for n in nodes if isinstance(n, Op)]
            if len({(n.operator, len(n.operands)) for n in ops}) > 1:
                return None
            parts = [
                self._general(some, envs, added) for some in zip(*(n.operands for n in ops), strict=True)
            ]
            return None if None in parts else Op(first.operator, tuple(p for p in parts if p), first.at)
        if isinstance(first, Apply):
            calls = [n for n in nodes if isinstance(n, Apply)]
            if len({len(n.arguments) for n in calls}) > 1 or first.outputs:
                return None
            head: Node | None = Name(first.name, (), first.at)
            if any(fold(n.name) not in FUNCTIONS for n in calls):
                head = self._general_name([n.name for n in calls], envs, added)
            elif len({fold(n.name) for n in calls}) > 1:
                return None
            parts = [
                self._general(some, envs, added) for some in zip(*(n.arguments for n in calls), strict=True)
            ]
            if not isinstance(head, Name) or None in parts:
                return None
            return Apply(head.name, head.subscripts, tuple(p for p in parts if p), first.at)
        return first if all(bare(n) == bare(first) for n in nodes) else None

    def _general_name(
        self, names: Sequence[str], envs: Sequence[Mapping[str, str]], added: frozenset[str]
    ) -> Node | None:
        """A name with subscripts in the place of a flat one for each element."""
        if names[0].startswith(_MARK):
            return self.pieces[int(names[0][1:])] if len(set(names)) == 1 else None
        keys = [fold(n) for n in names]
        if any(k not in self.origin for k in keys):
            known = keys[0] in (*added, "time") or keys[0] in self.macros or keys[0] in self.texts
            return Name(names[0], (), 0) if known and len(set(keys)) == 1 else None
        origins = [self.origin[k] for k in keys]
        if len({key for key, _ in origins}) > 1:
            return None
        subs = [self._general_element(along, envs) for along in zip(*(p for _, p in origins), strict=True)]
        if None in subs:
            return None
        return Name(quoted(self._spelling(origins[0][0])), tuple(Sub(s, False, 0) for s in subs if s), 0)

    def _general_element(self, elements: Sequence[str], envs: Sequence[Mapping[str, str]]) -> str | None:
        """The range of the left side, or one mapped from it, that stands for these elements; or their one element."""
        for index in envs[0]:
            same = all(env[index] == e for env, e in zip(envs, elements, strict=True))
            if same and (len(set(elements)) > 1 or len(envs) == 1):
                return self.ranges[index].spelling
        if len(set(elements)) == 1:
            return self.element_spelling[elements[0]]
        for (index, other), image in self.mappings.items():
            if index in envs[0] and all(
                image.get(env[index]) == e for env, e in zip(envs, elements, strict=True)
            ):
                return self.ranges[other].spelling
        return None


_MARK = "\0"


def _placeholder(number: int) -> Name:
    return Name(f"{_MARK}{number}", (), 0)


def _is_reduced(node: Node) -> bool:
    return isinstance(node, Apply) and fold(node.name) in REDUCED


def _pieces(node: Node) -> Iterator[Node]:
    """Parts of an equation that aren't single names or numbers, from the whole down; a sum over a range is one part."""
    if not isinstance(node, (Op, Apply)):
        return
    yield node
    if not _is_reduced(node):
        for part in node.operands if isinstance(node, Op) else node.arguments:
            yield from _pieces(part)
