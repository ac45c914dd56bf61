"""Every kind of expression gives its parts and is rebuilt from changed ones."""

from __future__ import annotations

import sys

import pytest
from tests.conftest import small_model

from flows.errors import ModelError
from flows.model.ir import (
    Binary,
    Call,
    Element,
    Expr,
    LookupCall,
    Loop,
    Number,
    Past,
    Position,
    Previous,
    Reduce,
    Ref,
    Unary,
    Variable,
    Vector,
    children,
    deep,
    rebuilt,
    references,
    walk,
)
from flows.vensim.known import constant_value

A, B, C = Ref("a"), Ref("b"), Number(1.0)
LOOP = ("r", ("x", "y"))
KINDS: list[tuple[Expr, tuple[Expr, ...]]] = [
    (A, ()),
    (C, ()),
    (Position("r", (0, 1)), ()),
    (Previous("a"), ()),
    (Unary("-", A), (A,)),
    (Binary("+", A, B), (A, B)),
    (Call("min", (A, B)), (A, B)),
    (LookupCall(A, B), (A, B)),
    (Reduce("sum", (LOOP,), A), (A,)),
    (Past("a", (), A, B), (A, B)),
    (Element(A, B), (A, B)),
    (Vector("vector_rank", (((LOOP,), A),), (B, C), Position("r", (0, 1))), (A, B, C, Position("r", (0, 1)))),
]
IDS = [type(e).__name__ for e, _ in KINDS]


@pytest.mark.parametrize(("expr", "parts"), KINDS, ids=IDS)
def test_parts(expr: Expr, parts: tuple[Expr, ...]) -> None:
    assert children(expr) == parts
    assert list(walk(expr)) == [expr, *parts]


@pytest.mark.parametrize(("expr", "parts"), KINDS, ids=IDS)
def test_rebuilt_of_nothing_is_the_same_and_of_other_names_uses_them(
    expr: Expr, parts: tuple[Expr, ...]
) -> None:
    assert rebuilt(expr, lambda part: part) == expr
    renamed = rebuilt(expr, lambda part: Ref("new", part.subscripts) if isinstance(part, Ref) else part)
    assert type(renamed) is type(expr)
    kept = 1 if isinstance(expr, LookupCall) else 0  # the table of a lookup call stays
    names = [p.name for p in children(renamed) if isinstance(p, Ref)]
    assert names == ["a"] * kept + ["new"] * (len([p for p in parts if isinstance(p, Ref)]) - kept)


def test_references_name_tables_too() -> None:
    expr = Binary("+", LookupCall(Ref("table"), A), Reduce("sum", (LOOP,), Ref("b", (Loop(*LOOP),))))
    assert [r.name for r in references(expr)] == ["table", "a", "b"]


def test_what_is_deeper_than_deep_is_one_sentence_and_the_limit_is_put_back() -> None:
    usual = sys.getrecursionlimit()

    @deep
    def refused() -> None:
        raise RecursionError

    @deep
    def inner() -> int:
        return sys.getrecursionlimit()

    @deep
    def outer() -> tuple[int, int]:
        return inner(), sys.getrecursionlimit()

    with pytest.raises(ModelError, match=r"too many terms or parentheses\. Split it into several equations"):
        refused()
    assert sys.getrecursionlimit() == usual
    limits = outer()
    assert limits[0] == limits[1] > usual
    assert sys.getrecursionlimit() == usual


VARIABLES: dict[str, Variable] = dict(
    small_model(
        """
        k = 3 ~~|
        none = 0 ~~|
        double = 2 * k ~~|
        circle = circle + 1 ~~|
        moving = Time ~~|
        s = INTEG(1, 5) ~~|
        """
    ).variables
)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (Number(4.0), 4),
        (Ref("k"), 3),
        (Ref("double"), 6),
        (Unary("-", Ref("k")), -3),
        (Binary("+", Ref("k"), Number(1.0)), 4),
        (Binary("-", Ref("k"), Number(1.0)), 2),
        (Binary("*", Ref("k"), Ref("double")), 18),
        (Binary("/", Ref("double"), Ref("k")), 2),
        (Binary("/", Ref("k"), Ref("none")), None),
        (Binary("^", Ref("k"), Ref("k")), None),
        (Binary("+", Ref("k"), Ref("moving")), None),
        (Unary("-", Ref("moving")), None),
        (Unary("not", Ref("k")), None),
        (Ref("circle"), None),
        (Ref("moving"), None),
        (Ref("s"), None),
        (Ref("nobody"), None),
        (Call("min", (Ref("k"), Ref("k"))), None),
    ],
)
def test_arithmetic_of_constants_is_known_before_a_run(expr: Expr, value: float | None) -> None:
    assert constant_value(expr, VARIABLES) == value


@pytest.mark.parametrize(
    ("step", "told"), [("0", "TIME STEP must be above zero, found 0"), ("-1", "must be above zero, found -1")]
)
def test_a_step_that_goes_nowhere_is_refused(step: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        small_model("x = Time ~~|\n", step=step)  # type: ignore[arg-type]


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ModelError, match="FINAL TIME lies before INITIAL TIME"):
        small_model("x = Time ~~|\n", initial=5, final=4)
