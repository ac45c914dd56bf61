"""Equations written as text read back as the same equations."""

from __future__ import annotations

import math

import pytest

from flows.errors import InputError
from flows.vensim.parse import parse
from flows.vensim.spell import array_text, definition_text, number_text, points_text, quoted, wrapped
from flows.vensim.tree import Array, Points, bare


@pytest.mark.parametrize(
    "text",
    [
        "x = -(2 ^ 3) ^ (-1)",
        "x = (-2) ^ 2 - (-3)",
        "x = a - (b - c) - d / (e / f) * g",
        "x = (a = b) = c",
        "x = :NOT: (a :AND: b) :OR: :NOT: c > 2 :AND: (d :OR: e)",
        "x = :NOT: :NOT: a",
        "x = (:NOT: a) + 1",
        "x[R, north] = SUM(y[R!, S!]) * table[R](Time)",
        'x[R] :EXCEPT: [a], [b] = MAX(1, "odd, name"[R])',
        "x = WITH LOOKUP(Time, ((0, 1), (2, -3)))",
        "x((0, 1), (2.5, 3e-09))",
        "x[R] = 1, 2, 3",
        "x[R, S] = 1, 2; 3, -4;",
        "x == 5",
        "x := a * 2",
        "x :RAW:",
        "x[R] :INTERPOLATE:",
        "x",
        "x :IS: 'a text'",
        "x = macro(a, b : c, d)",
        "x = GET XLS CONSTANTS('f.xlsx', 'sheet', 'B2')",
        "x = :NA:",
        '"2nd, with \\"marks\\"" = 1',
    ],
)
def test_a_definition_reads_back(text: str) -> None:
    (before,) = parse(f"{text} ~~|\n").definitions
    written = definition_text(before)
    (after,) = parse(f"{written} ~~|\n").definitions
    assert (after.name, after.operator, after.keyword) == (before.name, before.operator, before.keyword)
    assert bare(after.expression) == bare(before.expression)
    assert [s.name for s in after.subscripts] == [s.name for s in before.subscripts]
    assert [[s.name for s in e] for e in after.exceptions] == [[s.name for s in e] for e in before.exceptions]
    assert definition_text(after) == written


def test_only_the_parentheses_that_are_needed() -> None:
    (definition,) = parse("x = ((a * b)) + (-(c)) - (((d)) - 1) ~~|\n").definitions
    assert definition_text(definition) == "x = a * b + (-c) - (d - 1)"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("digits", [None, 3])
def test_no_file_holds_infinity(value: float, digits: int | None) -> None:
    with pytest.raises(InputError, match=f"finite numbers only, found {value}"):
        number_text(value, digits)


def test_numbers() -> None:
    assert [number_text(v) for v in (-(2.0**109), 1e15, 123456789012345, -0.5)] == [
        ":NA:",
        "1000000000000000.0",
        "123456789012345",
        "-0.5",
    ]
    assert number_text(1.2345678, 3) == "1.23"


def test_lists_and_points() -> None:
    assert array_text(Array(((1.0, 2.5),), 0)) == "1, 2.5"
    assert array_text(Array(((1.0, 2.0), (3.0, 4.0)), 0)) == "1, 2; 3, 4;"
    assert points_text(Points((0.0, 1.0), (2.0, -3.0), 0)) == "((0,2),(1,-3))"


def test_a_long_line_breaks_at_blanks_alone() -> None:
    word = "x" * 50
    assert wrapped(f"{word} + {word}") == f"{word} + \\\n\t\t{word}"
    assert wrapped(f"{word}+{word}") == f"{word}+{word}"
    assert wrapped(f'{word} "{word} {word}"').count("\\\n") == 1
    assert wrapped("a b", start=200) == "a \\\n\t\tb"


@pytest.mark.parametrize("name", ["plain name", "Haití", "a$", "a'b"])
def test_plain_names_need_no_marks(name: str) -> None:
    assert quoted(name) == name


@pytest.mark.parametrize(
    ("name", "text"), [("a-b", '"a-b"'), ("1st", '"1st"'), ('say "x"', r'"say \"x\""'), ("a\\b", r'"a\\b"')]
)
def test_other_names_stand_in_marks(name: str, text: str) -> None:
    assert quoted(name) == text
