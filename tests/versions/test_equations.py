"""What differs between two versions: maths, numbers and words, whatever the text looks like."""

from __future__ import annotations

import pytest

from flows.vensim.parse import parse
from flows.versions.equations import Change, Difference, differences

OLD = """{UTF-8}
place: North, South ~~|
Waiting[place] = INTEG(arrivals[place] - leaving[place], 10) ~ Person ~ People. |
arrivals[place] = base rate[place] * pull ~ Person/Month ~ In. |
leaving[place] = Waiting[place] / stay - pull * 0 ~ Person/Month ~ Out. |
base rate[place] = 1, 2 ~ Person/Month ~ Base. |
pull = 2 ~ Dmnl ~ Pull. |
stay = 4 ~ Month ~ Stay. |
curve((0,0),(1,1),(2,4)) ~~|
total = SUM(Waiting[place!]) ~ Person ~ All. |
spare = 5 ~ Dmnl ~ Nothing uses it. |
INITIAL TIME = 0 ~~|
FINAL TIME = 10 ~~|
TIME STEP = 1 ~~|
SAVEPER = 1 ~~|
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*View 1
///---\\\\\\
:L\x7f<%^E!@
15:0,0,0,0,0,0
"""


def compared(*edits: tuple[str, str], old: str = OLD) -> Difference:
    new = old
    for was, now in edits:
        assert was in new
        new = new.replace(was, now)
    return differences(parse(old, "old.mdl"), parse(new, "new.mdl"))


def said(found: Difference) -> list[tuple[str, str, str, str]]:
    return [(c.kind, c.name, c.old, c.new) for c in found.changes]


@pytest.mark.parametrize(
    "edit",
    [
        ("arrivals[place] - leaving[place]", "(arrivals[place])\n\t- leaving[place]"),
        ("pull = 2", "Pull = 2.0"),
        ("base rate[place] = 1, 2", "base rate[North] = 1 ~ Person/Month ~ Base. |\nbase rate[South] = 2"),
        ("stay = 4", "stay = {a remark} 4"),
    ],
)
def test_layout_is_no_change(edit: tuple[str, str]) -> None:
    found = compared(edit)
    assert not found.changes and found.layout and not found.sketch


def test_diagrams_alone() -> None:
    found = compared(("*View 1\n", "*View 2\n"))
    assert not found.changes and found.sketch and not found.layout and not found.acts


def test_line_ends_are_no_change() -> None:
    found = compared(("\n", "\r\n"))
    assert not found.changes and not found.layout and not found.sketch


@pytest.mark.parametrize(
    "edit",
    [
        ("stay = 4 ~ Month", "stay = 4 ~ Months"),
        ("pull = 2 ~ Dmnl", "pull = 2 ~ 1"),
        ("base rate[place] = 1, 2 ~ Person/Month", "base rate[place] = 1, 2 ~ Person / Months"),
        ("15:0,0,0,0,0,0", "14:Current"),
        ("~ Stay.", "~ \n\tStay."),
    ],
)
def test_another_spelling_of_the_same_is_no_change(edit: tuple[str, str]) -> None:
    assert not compared(edit).changes


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("stay = 4 ~ Month", "stay = 4 ~"), ("units", "stay")),
        (("= base rate[place] * pull", "= pull * base rate[place]"), ("rearranged", "arrivals[place]")),
        (("arrivals[place] - leaving[place]", "-leaving[place] + arrivals[place]"), ("rearranged", "Waiting[place]")),
        (("stay = 4 ~ Month", "stay = 4 ~ Year"), ("units", "stay")),
        (("stay = 4 ~ Month", "stay = 4 ~ Month [0,9]"), ("limits", "stay")),
        (("~ Stay.", "~ How long."), ("comment", "stay")),
        (("15:0,0,0,0", "15:0,0,0,5"), ("setting", "integration method")),
        (("place: North, South", "place: North, South, East"), ("range", "place")),
    ],
)  # fmt: skip
def test_one_change(edit: tuple[str, str], expected: tuple[str, str]) -> None:
    kinds = [(c.kind, c.name) for c in compared(edit).changes]
    assert expected in kinds


def test_numbers() -> None:
    found = compared(
        ("pull = 2", "pull = 3"),
        ("= 1, 2", "= 1, 2.5"),
        ("(1,1)", "(1,1.5)"),
        ("leaving[place], 10", "leaving[place], 8"),
    )
    numbers = {c.name: (c.old, c.new, c.percent) for c in found.of("number")}
    assert numbers == {
        "pull": ("2", "3", 50.0),
        "base rate[South]": ("2", "2.5", 25.0),
        "curve at 1": ("1", "1.5", 50.0),
        "Waiting[place] at the start": ("10", "8", -20.0),
    }
    assert len(found.changes) == 4


def test_the_part_that_differs() -> None:
    (change,) = compared(("SUM(Waiting[place!])", "SUM(Waiting[place!] * 2)")).changes
    assert change.kind == "equation" and change.part == ("Waiting[place!]", "Waiting[place!] * 2")


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("base rate[place] * pull * stay", ("", "* stay")),
        ("base rate[place] * (pull + 1)", ("pull", "pull + 1")),
        ("base rate[place]", None),
        ("stay / pull", None),
        ("MAX(base rate[place] * pull, 0)", None),
    ],
)
def test_factors_that_only_one_version_has(equation: str, expected: tuple[str, str] | None) -> None:
    (change,) = compared(("base rate[place] * pull ~", f"{equation} ~")).changes
    assert change.part == expected


def test_terms_that_only_one_version_has() -> None:
    old = OLD.replace("pull = 2", "pull = stay - Time * 2 + total")
    (change,) = compared(("stay - Time * 2 + total", "total + stay + SQRT(Time)"), old=old).changes
    assert change.part == ("- (Time * 2)", "+ SQRT(Time)")


def test_an_element_gets_an_equation_of_its_own() -> None:
    found = compared(
        (
            "arrivals[place] = base rate[place] * pull",
            "arrivals[North] = base rate[North] * pull ~~|\narrivals[South] = 3",
        )
    )
    assert [(c.kind, c.name, bool(c.old), bool(c.new)) for c in found.changes if c.kind == "equation"] == [
        ("equation", "arrivals[North]", False, True),
        ("equation", "arrivals[South]", False, True),
        ("equation", "arrivals[place]", True, False),
    ]


def test_added_and_removed() -> None:
    found = compared(("spare = 5 ~ Dmnl ~ Nothing uses it. |", "other thing = Time ^ 2 ~ Month ~ New. |"))
    assert said(found) == [
        ("added", "other thing", "", "other thing = Time ^ 2"),
        ("removed", "spare", "spare = 5", ""),
    ]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("base rate", "rate of departures"),
        ("Waiting", "People waiting"),
        ("stay", "length of stay"),
        ("spare", "unused number"),
    ],
)
def test_a_renamed_variable(was: str, now: str) -> None:
    found = compared((was, now))
    assert [(c.kind, c.old, c.new) for c in found.changes] == [("renamed", was, now)]
    assert not found.acts


def test_several_renamed_at_once_and_one_changed() -> None:
    found = compared(
        ("base rate", "first"), ("pull", "attraction"), ("stay", "length"), ("length = 4", "length = 6")
    )
    assert {(c.old, c.new) for c in found.of("renamed")} == {
        ("base rate", "first"), ("pull", "attraction"), ("stay", "length")
    }  # fmt: skip
    assert [(c.name, c.old, c.new) for c in found.of("number")] == [("length", "4", "6")]
    assert not found.of("equation") and not found.of("added") and not found.of("removed")


def test_a_renamed_range_and_element() -> None:
    found = compared(("place", "region"), ("South", "Southern border"))
    assert found.renamed == {"place": "region", "south": "southern border"}
    assert not found.acts and not found.changes


def test_another_variable_is_not_a_rename() -> None:
    found = compared(("pull", "weight"), ("weight = 2 ~ Dmnl ~ Pull.", "weight = Time / 3 ~ Month ~ Weight."))
    assert not found.renamed


def test_a_macro() -> None:
    macro = ":MACRO: twice(x)\ntwice = x * 2 ~~|\n:END OF MACRO:\n"
    old = OLD.replace("{UTF-8}\n", "{UTF-8}\n" + macro)
    (change,) = compared(("x * 2", "x * 3"), old=old).changes
    assert (change.kind, change.name) == ("equation", "macro twice")


def test_a_change_says_where() -> None:
    assert compared(("pull = 2", "pull = 3")).changes == (Change("number", "pull", "2", "3", 50.0, line=7),)


def test_an_equation_for_one_element_more() -> None:
    found = compared(
        (
            "leaving[place] = Waiting[place] / stay - pull * 0",
            "leaving[place] :EXCEPT: [North] = Waiting[place] / stay ~~|\nleaving[North] = 0",
        )
    )
    assert [(c.name, bool(c.old), bool(c.new)) for c in found.of("equation")] == [
        ("leaving[place]", False, True),
        ("leaving[North]", False, True),
        ("leaving[place]", True, False),
    ]


def test_an_element_more_and_one_less() -> None:
    old = OLD.replace("base rate[place] = 1, 2", "base rate[North] = 1 ~~|\nbase rate[South] = 2")
    found = compared(("base rate[South] = 2", "base rate[East] = 3"), old=old)
    assert [(c.name, c.old, c.new) for c in found.of("number")] == [
        ("base rate[East]", "", "3"),
        ("base rate[South]", "2", ""),
    ]
    assert all(c.percent is None for c in found.of("number"))


def test_the_net_flow_and_the_start_are_no_number_alone() -> None:
    (change,) = compared(("- leaving[place], 10)", "- leaving[place] * 2, 8)")).changes
    assert (change.kind, change.name) == ("equation", "Waiting[place]")
    (change,) = compared(("leaving[place], 10)", "leaving[place], stay)")).changes
    assert (change.kind, change.part) == ("equation", ("10", "stay"))


def test_points_of_a_lookup_within_an_equation() -> None:
    old = OLD.replace("spare = 5", "spare = WITH LOOKUP(Time, ((0,1),(10,3)))")
    found = compared(("(10,3)", "(10,4.5)"), old=old)
    assert said(found) == [("number", "spare at 10", "3", "4.5")]
    (change,) = compared(("(10,3)", "(11,3)"), old=old).changes
    assert change.kind == "equation"
    (change,) = compared(("LOOKUP(Time,", "LOOKUP(Time * 2,"), old=old).changes
    assert (change.kind, change.part) == ("equation", ("Time", "Time * 2"))


def test_macros_that_come_and_go() -> None:
    macro = ":MACRO: twice(x)\ntwice = x * 2 ~~|\n:END OF MACRO:\n"
    new = OLD.replace("{UTF-8}\n", "{UTF-8}\n" + macro)
    for one, other, expected in (
        (OLD, new, ("added", "macro twice", "", "twice = x * 2")),
        (new, OLD, ("removed", "macro twice", "twice = x * 2", "")),
    ):
        assert said(differences(parse(one, "a.mdl"), parse(other, "b.mdl"))) == [expected]


def test_ranges_with_mappings_and_equivalents() -> None:
    old = OLD.replace(
        "place: North, South ~~|",
        "place: North, South -> (zone: Up, Down) ~~|\nzone: Up, Down ~~|\nspot <-> zone ~~|",
    )
    ((_, name, was, now),) = said(compared(("(zone: Up, Down)", "(zone: Down, Up)"), old=old))
    assert name == "place" and was.endswith("-> (zone: Up, Down)") and now.endswith("-> (zone: Down, Up)")
    ((kind, name, was, now),) = said(compared(("spot <-> zone", "spot <-> place"), old=old))
    assert (kind, name, was, now) == ("range", "spot", "spot <-> zone", "spot <-> place")
    ((_, name, was, now),) = said(compared(("spot <-> zone ~~|", ""), old=old))
    assert (name, now) == ("spot", "") and was.startswith("spot <-> zone")


def test_a_run_of_elements_is_shown_as_it_is_written() -> None:
    old = OLD.replace("place: North, South ~~|", "place: North, South ~~|\nage: (a1-a9) ~~|")
    ((kind, name, was, now),) = said(compared(("(a1-a9)", "(a1-a8)"), old=old))
    assert (kind, name, was, now) == ("range", "age", "age: (a1-a9)", "age: (a1-a8)")


def test_units_that_can_not_be_read_differ_as_text() -> None:
    found = compared(("stay = 4 ~ Month", "stay = 4 ~ Month/("))
    assert [(c.old, c.new) for c in found.of("units")] == [("Month", "Month/(")]


def test_files_behind_settings() -> None:
    old = OLD + "30:0,a.xlsx\n13:\n"
    assert said(compared(("a.xlsx", "b.xlsx"), old=old))[0][0] == "setting"


def test_a_renamed_list_of_numbers_and_a_renamed_lookup() -> None:
    old = OLD.replace(
        "= 1, 2 ~ Person/Month ~ Base. |", "= 1, 2 ~ Person/Month ~ Base. |\nweights[place] = 3, 4 ~~|"
    )
    found = compared(("curve(", "bent curve("), old=old)
    assert said(found) == [("renamed", "bent curve", "curve", "bent curve")]


def test_a_constant_never_stands_for_what_is_computed() -> None:
    old = OLD.replace("spare = 5 ~ Dmnl", "spare = Time * pull ~ Dmnl")
    found = compared(
        ("spare = Time * pull ~ Dmnl ~ Nothing uses it.", "leftover = 5 ~ Dmnl ~ Nothing uses it."), old=old
    )
    assert not found.renamed
    assert [(c.kind, c.name) for c in found.changes] == [("added", "leftover"), ("removed", "spare")]


def test_a_name_that_moved_with_another_change_of_the_same_equation() -> None:
    found = compared(
        ("pull = 2", "draw = 2"),
        ("base rate[place] * pull", "base rate[place] * draw + 1"),
        ("- pull * 0", "- draw * 0"),
    )
    assert found.renamed == {"pull": "draw"}
    assert [c.name for c in found.of("equation")] == ["arrivals[place]"]
