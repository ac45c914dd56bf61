from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.ir import (
    Binary,
    Call,
    Fixed,
    LookupCall,
    Loop,
    Number,
    Position,
    Reduce,
    Ref,
    Span,
    Unary,
    Variable,
    children,
    references,
    walk,
)
from flows.references import fold


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Migrants_in  Transit", "migrants in transit"),
        ('"U.S. border"', "u.s. border"),
        ("  x ", "x"),
        ("_x_", "x"),
        ("a\t\nb", "a b"),
        ("a\u00a0b", "a b"),
        ("ÁRBOL", "árbol"),
        ('"say \\"hi\\""', 'say "hi"'),
        ('"back\\\\slash"', "back\\slash"),
        ('"', '"'),
        ("", ""),
    ],
)
def test_fold(name: str, key: str) -> None:
    assert fold(name) == key


@given(st.text())
def test_fold_of_a_name_without_quotes_is_stable(name: str) -> None:
    key = fold(name.replace('"', ""))
    assert fold(key) == key or not key.isascii()


TREE = Binary(
    "+",
    Unary("-", Ref("a")),
    Call(
        "min",
        (
            LookupCall(Ref("t"), Position("r", (1, 2))),
            Reduce("sum", (("s!", ("x", "y")),), Ref("b")),
            Number(1),
        ),
    ),
)


def test_walk_gives_parents_first_left_to_right() -> None:
    kinds = [type(n).__name__ for n in walk(TREE)]
    assert kinds == "Binary Unary Ref Call LookupCall Ref Position Reduce Ref Number".split()
    assert [r.name for r in references(TREE)] == ["a", "t", "b"]
    assert children(Number(1)) == ()


def test_walk_needs_no_recursion() -> None:
    expr = Number(0)
    for _ in range(20_000):
        expr = Binary("+", expr, Number(1))  # type: ignore[assignment]
    assert sum(1 for _ in walk(expr)) == 40_001


def test_places_dont_count_in_comparisons() -> None:
    assert Ref("a", (), Span(1, 2)) == Ref("a", (), Span(3, 4))
    assert Ref("a", (Fixed("x"),)) != Ref("a", (Loop("r", ("x",)),))


def test_nodes_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ref("a").name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("elements", "shape", "size"),
    [((), (), 1), ((("x", "y"),), (2,), 2), ((("x", "y"), ("p", "q", "r")), (2, 3), 6)],
)
def test_shape_of_a_variable(
    elements: tuple[tuple[str, ...], ...], shape: tuple[int, ...], size: int
) -> None:
    variable = Variable("v", "v", "constant", (), tuple("rs"[: len(elements)]), elements)
    assert (variable.shape, variable.size) == (shape, size)
