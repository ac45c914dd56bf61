"""Equations as maths: what counts as the same, the smallest part that differs, names in the place of others."""

from __future__ import annotations

import pytest

from flows.vensim.parse import parse
from flows.vensim.spell import expression_text
from flows.vensim.tree import Node, bare
from flows.versions.maths import canon, chain, chained, narrowed, renamed_tree, unify


def expression(text: str) -> Node:
    (definition,) = parse(f"it = {text} ~~|\n", "m.mdl").definitions
    assert definition.expression is not None
    return definition.expression


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IF THEN ELSE(a > b, 1, 0)", "IF THEN ELSE(b < a, 1, 0)"),
        ("IF THEN ELSE(a >= b, 1, 0)", "IF THEN ELSE(b <= a, 1, 0)"),
        ("IF THEN ELSE(a = b :AND: c <> d, 1, 0)", "IF THEN ELSE(d <> c :AND: b = a, 1, 0)"),
        ("MAX(a, MIN(b, c))", "max(min(c, b), a)"),
        ("-3 + a", "a - 3"),
        ("a - (-3)", "a + 3"),
        ("a * -2", "-(2 * a)"),
        ("a + b * -c", "a - b * c"),
        ("a / (b / c)", "a * c / b"),
    ],
)
def test_the_same_in_another_order(one: str, other: str) -> None:
    assert canon(expression(one)) == canon(expression(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IF THEN ELSE(a > b, 1, 0)", "IF THEN ELSE(a < b, 1, 0)"),
        ("IF THEN ELSE(a > b, 1, 0)", "IF THEN ELSE(a >= b, 1, 0)"),
        ("IF THEN ELSE(a < b :OR: c < d, 1, 0)", "IF THEN ELSE(a < b :AND: c < d, 1, 0)"),
        ("a ^ b", "b ^ a"),
        ("a - 3", "3 - a"),
        ("a * -2", "a * 2"),
        ("MODULO(a, b)", "MODULO(b, a)"),
        ("a / b", "b / a"),
    ],
)
def test_what_differs(one: str, other: str) -> None:
    assert canon(expression(one)) != canon(expression(other))


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("a + b * SQRT(c) + d", "a + b * SQRT(e) + d", ("c", "e")),
        ("a * b / c", "a * b * c", ("/ c", "* c")),
        ("a - b - c", "a - b - d", ("- c", "- d")),
        ("a + a + b", "a + b + c", ("+ a", "+ c")),
        ("a + b + c", "a - (b * d) + c", ("+ b", "- (b * d)")),
        ("SQRT(a)", "EXP(a)", None),
        ("MAX(a, b)", "MAX(c, d)", None),
    ],
)
def test_the_smallest_part_that_differs(old: str, new: str, part: tuple[str, str] | None) -> None:
    assert narrowed(expression(old), expression(new)) == part


@pytest.mark.parametrize(
    ("text", "signs", "parts", "whole"),
    [
        ("-a + (b - c)", "+-", [(True, "a"), (False, "b"), (True, "c")], "-a + b - c"),
        ("a / (b / c)", "*/", [(False, "a"), (True, "b"), (False, "c")], "a / b * c"),
        ("-(a - b)", "+-", [(True, "a"), (False, "b")], "-a + b"),
    ],
)
def test_a_chain_comes_apart_and_together(
    text: str, signs: str, parts: list[tuple[bool, str]], whole: str
) -> None:
    found = list(chain(expression(text), set(signs), False))
    assert [(inverse, expression_text(node)) for inverse, node in found] == parts
    again = chained(found, set(signs), 0)
    assert expression_text(again) == whole
    assert canon(again) == canon(expression(text))


def test_a_product_that_starts_below_the_line() -> None:
    ((_, a), (_, b)) = chain(expression("a / b"), {"*", "/"}, False)
    assert expression_text(chained([(True, a), (True, b)], {"*", "/"}, 0)) == "1 / a / b"


def test_new_names_in_the_place_of_old_ones() -> None:
    node = expression("SUM(Old Stock[place!]) + Old_Stock[North] * old table(Time) + 'old stock'")
    names = {"old stock": "new stock", "place": "region", "north": "arctic", "old table": "curve"}
    assert expression_text(renamed_tree(node, names) or node) == (
        "SUM(new stock[region!]) + new stock[arctic] * curve(Time) + 'old stock'"
    )
    assert renamed_tree(node, {}) is node
    assert renamed_tree(None, names) is None


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ("x * x + y", "u * u + y", {"x": "u"}),
        ("x * x", "u * v", None),  # one old name can't stand for two
        ("x * y", "u * u", None),  # nor two old ones for one
        ("SUM(x[d!])", "SUM(u[d!])", {"x": "u"}),
        ("SUM(x[d!])", "SUM(u[d])", None),
        ("x + 1", "u + 2", None),
        ("x + 1", "u + 1 + z", None),
        ("known + x", "other + x", None),
    ],
)
def test_equal_but_for_names(old: str, new: str, pairs: dict[str, str] | None) -> None:
    found: dict[str, str] = {}

    def may(a: str, b: str) -> bool:
        return a in "xy" and b in "uv"

    fits = unify(bare(expression(old)), bare(expression(new)), may, found)
    assert (found if fits else None) == pairs
