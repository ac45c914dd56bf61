"""Equations compared as maths: order of terms, parentheses, layout and spelling of names don't count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flows.references import fold
from flows.vensim.spell import expression_text
from flows.vensim.tree import Apply, Name, Node, Num, Op, Sub, bare

__all__ = ["Tree", "canon", "chain", "chained", "narrowed", "renamed_tree", "unify"]

Tree = tuple[Any, ...]
_COMMUTE = frozenset({"min", "max"})
_FLIPPED = {">": "<", ">=": "<="}


def canon(node: Node | None) -> Tree:
    """Give a normal form: equal for equations that say the same in another order.

    Sums and products are multisets of their terms and factors, ``a - b`` is ``a + (-b)``, ``a > b`` is ``b < a``.

    Examples
    --------
    >>> from flows.vensim.parse import parse
    >>> a, b = (d.expression for d in parse("x = a*b - c/d ~~| y = -c/d + b*a ~~|").definitions)
    >>> canon(a) == canon(b)
    True
    """
    match node:
        case Op(operator="+" | "-"):
            terms: list[tuple[int, Tree]] = []
            _terms(node, 1, terms)
            return ("sum", *sorted(terms, key=repr))
        case Op(operator="*" | "/"):
            above: list[Tree] = []
            below: list[Tree] = []
            sign = _factors(node, above, below)
            product = ("product", tuple(sorted(above, key=repr)), tuple(sorted(below, key=repr)))
            return product if sign > 0 else ("sum", (-1, product))
        case Op(operator="AND" | "OR" | "=" | "<>"):
            return ("op", node.operator, *sorted(map(canon, node.operands), key=repr))
        case Op(operator=">" | ">="):
            return ("op", _FLIPPED[node.operator], *map(canon, reversed(node.operands)))
        case Op():
            return ("op", node.operator, *map(canon, node.operands))
        case Apply() if fold(node.name) in _COMMUTE:
            return ("apply", fold(node.name), *sorted(map(canon, node.arguments), key=repr))
        case Apply():
            head = bare(Apply(node.name, node.subscripts, (), 0, node.outputs, node.picked))
            return (*head, *map(canon, node.arguments))
        case _:
            return bare(node)


def _terms(node: Node, sign: int, found: list[tuple[int, Tree]]) -> None:
    """Terms of a sum, each with its sign."""
    match node:
        case Op(operator="+", operands=(left, right)):
            _terms(left, sign, found)
            _terms(right, sign, found)
        case Op(operator="-", operands=(left, right)):
            _terms(left, sign, found)
            _terms(right, -sign, found)
        case Op(operator="-", operands=(only,)):
            _terms(only, -sign, found)
        case Num() if node.value < 0:
            found.append((-sign, ("number", -node.value)))
        case _:
            form = canon(node)
            if len(form) == 2 and form[0] == "sum":  # a product with a sign of its own
                inner, form = form[1]
                sign *= inner
            found.append((sign, form))


def _factors(node: Node, above: list[Tree], below: list[Tree]) -> int:
    """Factors above and below the line; returns the sign of the product."""
    match node:
        case Op(operator="*", operands=(left, right)):
            return _factors(left, above, below) * _factors(right, above, below)
        case Op(operator="/", operands=(left, right)):
            return _factors(left, above, below) * _factors(right, below, above)
        case Op(operator="-", operands=(only,)):
            return -_factors(only, above, below)
        case Num() if node.value < 0:
            above.append(("number", -node.value))
            return -1
        case _:
            above.append(canon(node))
            return 1


def narrowed(old: Node, new: Node) -> tuple[str, str] | None:
    """Find the smallest part in which two equations differ; None if that is the whole.

    Of sums and products these are the terms and factors that only one of the two has.

    Returns
    -------
    tuple of (str, str) or None
        Both parts as text; empty where nothing stands on that side.
    """
    a, b = old, new
    while True:
        pairs: Sequence[tuple[Node, Node]] = ()
        match a, b:
            case Op(), Op() if a.operator == b.operator and len(a.operands) == len(b.operands):
                pairs = list(zip(a.operands, b.operands, strict=True))
            case Apply(), Apply() if (
                fold(a.name) == fold(b.name)
                and len(a.arguments) == len(b.arguments)
                and bare(Name("", a.subscripts, 0)) == bare(Name("", b.subscripts, 0))
            ):
                pairs = list(zip(a.arguments, b.arguments, strict=True))
        differing = [(x, y) for x, y in pairs if canon(x) != canon(y)]
        if len(differing) != 1 or _chained(a, b):
            break
        a, b = differing[0]
    terms = _only(a, b)
    if terms is not None:
        return terms
    return None if a is old else (expression_text(a), expression_text(b))


_CHAINS = ({"+", "-"}, {"*", "/"})


def _chained(old: Node, new: Node) -> bool:
    """Whether two nodes are sums, or products, of more than two parts: compared by their parts."""
    return any(
        all(isinstance(n, Op) and n.operator in signs for n in (old, new))
        and any(isinstance(o, Op) and o.operator in signs for n in (old, new) for o in _operands(n))
        for signs in _CHAINS
    )


def _operands(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, Op) else ()


def _only(old: Node, new: Node) -> tuple[str, str] | None:
    """Terms or factors that one of two nodes has alone; None if they share none."""
    for signs in _CHAINS:
        parts = [list(chain(n, signs, False)) for n in (old, new)]
        if min(map(len, parts)) < 2:
            continue
        here = [Counter((inverse, canon(n)) for inverse, n in own) for own in parts]
        alone = here[0] - here[1], here[1] - here[0]
        if not here[0] & here[1]:
            continue
        if len(alone[0]) == len(alone[1]) == 1:
            (one, (i, _)), (other, (j, _)) = (
                (_of(p, a), next(iter(a))) for p, a in zip(parts, alone, strict=True)
            )
            deeper = narrowed(one, other) if i == j else None
            if deeper is not None:
                return deeper
        texts = []
        for own, left in zip(parts, alone, strict=True):
            rest, words = left.copy(), []
            for inverse, node in own:
                key = (inverse, canon(node))
                if rest[key] > 0:
                    rest[key] -= 1
                    text = expression_text(node)
                    word = f"({text})" if isinstance(node, Op) else text
                    words.append(_sign(signs, inverse) + word)
            texts.append(" ".join(words))
        return texts[0], texts[1]
    return None


def _of(parts: list[tuple[bool, Node]], alone: Counter[tuple[bool, Tree]]) -> Node:
    """The node of the one part that stands alone."""
    key = next(iter(alone))
    return next(n for inverse, n in parts if (inverse, canon(n)) == key)


def _sign(signs: set[str], inverse: bool) -> str:
    return ("- " if inverse else "+ ") if "+" in signs else ("/ " if inverse else "* ")


def chain(node: Node, signs: set[str], inverse: bool) -> Iterator[tuple[bool, Node]]:
    """Terms or factors of a sum (signs + and -) or product (* and /), each with whether it counts against it."""
    match node:
        case Op(operator=operator, operands=(left, right)) if operator in signs:
            yield from chain(left, signs, inverse)
            yield from chain(right, signs, inverse != (operator in "-/"))
        case Op(operator="-", operands=(only,)) if "-" in signs:
            yield from chain(only, signs, not inverse)
        case _:
            yield inverse, node


def chained(parts: Sequence[tuple[bool, Node]], signs: set[str], at: int) -> Node:
    """Put a sum or product together again, from what `chain` gives."""
    plus, minus = ("+", "-") if "+" in signs else ("*", "/")
    (inverse, whole), *rest = parts
    if inverse:
        whole = Op("-", (whole,), at) if plus == "+" else Op("/", (Num(1.0, at), whole), at)
    for inverse, node in rest:
        whole = Op(minus if inverse else plus, (whole, node), at)
    return whole


def renamed_tree(node: Node | None, names: Mapping[str, str]) -> Node | None:
    """Put new names (folded) in the place of old ones, of variables and of subscripts."""
    if node is None or not names:
        return node

    def name(text: str) -> str:
        return names.get(fold(text), text)

    def subs(items: tuple[Sub, ...]) -> tuple[Sub, ...]:
        return tuple(Sub(name(s.name), s.bang, s.at) for s in items)

    def walk(node: Node) -> Node:
        match node:
            case Name():
                return Name(name(node.name), subs(node.subscripts), node.at)
            case Op():
                return Op(node.operator, tuple(map(walk, node.operands)), node.at)
            case Apply():
                outputs = tuple(Name(name(o.name), subs(o.subscripts), o.at) for o in node.outputs)
                arguments = tuple(map(walk, node.arguments))
                return Apply(name(node.name), subs(node.subscripts), arguments, node.at, outputs, node.picked)
            case _:
                return node

    return walk(node)


def unify(old: Any, new: Any, may: Callable[[str, str], bool], pairs: dict[str, str]) -> bool:
    """Find out whether two trees are equal but for names, each old one always in the place of the same new one.

    Parameters
    ----------
    old, new : tuple
        As `flows.vensim.tree.bare` gives them.
    may : callable
        Whether an old name may stand for a new one.
    pairs : dict of str to str
        Old → new so far; new pairs are added, also if the trees differ in the end.
    """
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(unify(a, b, may, pairs) for a, b in zip(old, new, strict=True))
    if isinstance(old, str) and isinstance(new, str):
        a, b = old.removesuffix("!"), new.removesuffix("!")
        if len(old) - len(a) != len(new) - len(b):
            return False
        if a in pairs or b in pairs.values():
            return pairs.get(a) == b
        if a == b:
            return True
        if may(a, b):
            pairs[a] = b
            return True
        return False
    return bool(old == new)
