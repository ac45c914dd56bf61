"""Equations cut into pieces that lead on, and equations written from their nodes."""

from __future__ import annotations

import pytest

from flows.document.equations import LONGEST, Piece, names_in, pieces, reach, spelt
from flows.vensim.parse import parse
from flows.vensim.tree import Definition

KNOWN = {"stock": "name", "rate": "name", "twice": "function", "place": "subscript", "north": "subscript"}


def definition(text: str) -> tuple[str, Definition]:
    source = parse(f"place: North, South ~~|\n{text}", "m.mdl")
    return source.text, source.definitions[0]


def whole(found: tuple[Piece, ...]) -> str:
    return "".join(p.text for p in found)


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        ("x = a - (b - c)", "x = a - (b - c)"),
        ("x = (a - b) - c", "x = a - b - c"),
        ("x = (a + b) * -c", "x = (a + b) * -c"),
        ("x = a ^ b ^ c", "x = a ^ (b ^ c)"),
        ("x = (a ^ b) ^ c", "x = (a ^ b) ^ c"),
        ("x = a ^ (b ^ c)", "x = a ^ (b ^ c)"),
        (
            "x = IF THEN ELSE(:NOT: (a = 1 :OR: b < 2) :AND: c >= 3, 1, 0)",
            "x = IF THEN ELSE(:NOT: (a = 1 :OR: b < 2) :AND: c >= 3, 1, 0)",
        ),
        ("x[place] = SUM(Stock[place, sex!]) + RANDOM 0 1()", "x[place] = SUM(Stock[place, sex!]) + RANDOM 0 1()"),
        ("x[place] = 1, 2.5", "x[place] = 1, 2.5"),
        ("x((0,1),(2,3.5))", "x((0, 1), (2, 3.5))"),
        ("x = WITH LOOKUP(Time, ((0,1),(2,3)))", "x = WITH LOOKUP(Time, ((0, 1), (2, 3)))"),
        ("x", "x"),
        ("x = GET XLS CONSTANTS('f.xls', 'sheet', 'A1')", "x = GET XLS CONSTANTS('f.xls', 'sheet', 'A1')"),
    ],
)  # fmt: skip
def test_an_equation_written_from_its_nodes(equation: str, text: str) -> None:
    _, read = definition(f"{equation} ~~|\n")
    assert whole(spelt(read, KNOWN)).replace("^", " ^ ").replace("  ", " ") == text
    again = definition(f"{whole(spelt(read, KNOWN))} ~~|\n")[1]
    assert whole(spelt(again, KNOWN)) == whole(spelt(read, KNOWN))


def test_what_is_written_leads_on() -> None:
    _, read = definition("x[place] = TWICE(Stock[North]) * unknown ~~|\n")
    assert [(p.text, p.target, p.kind) for p in spelt(read, KNOWN) if p.kind or p.target] == [
        ("place", "place", "subscript"),
        ("TWICE", "twice", "function"),
        ("Stock", "stock", "name"),
        ("North", "north", "subscript"),
        ("unknown", "", "name"),
    ]


def test_a_part_alone_has_no_left_side() -> None:
    _, read = definition("x = Stock * (rate + 1) ~~|\n")
    assert read.expression is not None
    assert whole(spelt(read, KNOWN, read.expression)) == "Stock * (rate + 1)"


def test_names_outermost_first() -> None:
    _, read = definition("x = MAX(Stock, rate * MIN(a, b)) ~~|\n")
    assert [n.name for n in names_in(read.expression)] == ["MAX", "Stock", "rate", "MIN", "a", "b"]
    assert not list(names_in(None))


@pytest.mark.parametrize(
    ("text", "at", "name", "end"),
    [
        ("x = birth\t \\\n  rate * 2", 4, "birth rate", 19),
        ("x = birth_rate", 4, "birth rate", 14),
        ('x = "birth rate"', 4, "birth rate", 16),
        ("x = birth", 4, "birth rate", 4),
        ("x = death rate", 4, "birth rate", 4),
    ],
)
def test_how_far_a_name_reaches(text: str, at: int, name: str, end: int) -> None:
    assert reach(text, at, name) == end


def test_marks_in_comments_and_quotes_end_no_equation() -> None:
    text, read = definition('x = Stock {so | so ~ la} * "a|b ~ c" + rate {more} ~ Person ~ Words. |\n')
    found = pieces(text, read, KNOWN)
    assert whole(found) == 'x = Stock {so | so ~ la} * "a|b ~ c" + rate {more}'
    assert [p.target for p in found if p.target] == ["stock", "rate"]


def test_subscripts_lead_to_their_range() -> None:
    text, read = definition("x[place] = Stock[North] + SUM(rate[place!, other]) ~~|\n")
    found = [(p.text, p.target) for p in pieces(text, read, KNOWN) if p.kind == "subscript"]
    assert found == [("place", "place"), ("North", "north"), ("place", "place"), ("other", "")]


def test_lines_keep_their_steps_and_lose_blank_ones() -> None:
    body = "x =\n\tIF THEN ELSE(Stock > 1,\n\n\t\t\t\t\t\trate,\n\t\t\tStock * rate * Stock * rate * Stock * rate)"
    text, read = definition(f"{body} ~~|\n")
    assert whole(pieces(text, read, KNOWN)).split("\n") == [
        "x =", "  IF THEN ELSE(Stock > 1,", "      rate,", "      Stock * rate * Stock * rate * Stock * rate)",
    ]  # fmt: skip


def test_a_short_equation_stands_on_one_line() -> None:
    text, read = definition("x =\n\tStock * rate\n\t~~|\n")
    assert whole(pieces(text, read, KNOWN)) == "x = Stock * rate"


def test_a_page_of_numbers_is_cut_short() -> None:
    text, read = definition(f"x = Stock + {' + '.join(map(str, range(3000)))} ~~|\n")
    found = whole(pieces(text, read, KNOWN))
    assert found.startswith("x = Stock + 0 + 1 + 2") and found.endswith(" … (cut short)")
    assert len(found) == LONGEST + len(" … (cut short)")


def test_a_part_of_an_equation() -> None:
    text, read = definition("x = INTEG(Stock - rate, rate * 2) ~~|\n")
    first, last = text.index("rate * 2"), text.index(") ~~|")
    found = pieces(text, read, KNOWN, start=first, end=last)
    assert whole(found) == "rate * 2" and [p.target for p in found if p.target] == ["rate"]
