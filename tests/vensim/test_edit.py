"""Edits by program change only the bytes of the equation concerned, and read back as they were meant."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import FlowsError, resources
from flows.errors import InputError
from flows.vensim.edit import edit
from flows.vensim.lower import lower
from flows.vensim.parse import decoded, parse
from flows.vensim.spell import number_text, wrapped

MODEL = """{UTF-8}
place: North, South, Isthmus
\t~
\t~\tPlaces.
\t|
sex: women, men ~~|
rate = 0.5 {a remark} ~ 1/Month [0,1] ~ Señal: a share. |
share[place]= 1,2,3 ~~|
table[place,sex]=
\t    1,   2;
\t  -10, 0.5;
\t   30,   4;
\t~\tDmnl
\t~\tA table; rows \\
\t\tare places.
\t~\t:SUPPLEMENTARY
\t|
even[place] = 7 ~~|
"grid, wide"[place,sex] = 0 ~~|
some[North] = 1 ~~|
some[South] = 2 ~~|
some[Isthmus] = rate ~~|
Waiting[place] = INTEG (
\trate * share[place] - Waiting[place] / 2,
\t\tMAX(5, 2)) ~ Person ~|
curve( [(0,0)-(10,10)], (0,1),(5, 2), (10,3) ) ~~|
old curve(0,5,10, 1,2,3) ~~|
effect = WITH LOOKUP(Time, ([(0,0)-(9,9)],(0,0),(9,1))) ~~|
left out[place] :EXCEPT: [South] = 4 ~~|
left out[South] = 5 ~~|
INITIAL TIME = 0 ~~|
FINAL TIME = 3 ~~|
TIME STEP = 1 ~~|
SAVEPER = TIME STEP ~~|
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*View 1
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
10,1,rate,100,100,40,20,8,3,0,0,0,0,0,0
///---\\\\\\
:L\x7f<%^E!@
15:0,0,0,0,0,0
"""
BYTES = MODEL.encode()


def line(data: bytes, start: str) -> str:
    return next(text for text in data.decode().splitlines() if text.startswith(start))


def model(data: bytes):
    return lower(parse(decoded(data)[0]))


@pytest.mark.parametrize(
    ("key", "value", "start", "expected"),
    [
        ("rate", 0.25, "rate", "rate = 0.25 {a remark} ~ 1/Month [0,1] ~ Señal: a share. |"),
        ("RATE", -3, "rate", "rate = -3 {a remark} ~ 1/Month [0,1] ~ Señal: a share. |"),
        ("share[South]", 2.5, "share", "share[place]= 1,2.5,3 ~~|"),
        ("share", [3, 2, 1], "share", "share[place]= 3,2,1 ~~|"),
        ("share", 9, "share", "share[place]= 9 ~~|"),
        ("even[Isthmus]", 8, "even", "even[place] = 7, 7, 8 ~~|"),
        ('"grid, wide"[South,men]', 8, '"grid', '"grid, wide"[place,sex] = 0, 0;'),
        ("some[South]", 4, "some[South]", "some[South] = 4 ~~|"),
        ("left out[South]", 6, "left out[South]", "left out[South] = 6 ~~|"),
        (
            "curve",
            [(0, 1), (5, 2.25), (10, 3)],
            "curve",
            "curve( [(0,0)-(10,10)], (0,1),(5, 2.25), (10,3) ) ~~|",
        ),
        ("curve", [(0, 1), (4, 2)], "curve", "curve( [(0,0)-(10,10)], (0,1), (4,2) ) ~~|"),
        ("old curve", [(0, 1), (6, 2), (10, 4)], "old", "old curve(0,6,10, 1,2,4) ~~|"),
        ("old curve", [(0, 1), (6, 2)], "old", "old curve(0, 6, 1, 2) ~~|"),
        (
            "effect",
            [(0, 0), (9, 0.5)],
            "effect",
            "effect = WITH LOOKUP(Time, ([(0,0)-(9,9)],(0,0),(9,0.5))) ~~|",
        ),
        ("TIME STEP", 0.25, "TIME", "TIME STEP = 0.25 ~~|"),
        ("rate", "1 / (2 + 3)", "rate", "rate = 1 / (2 + 3) {a remark} ~ 1/Month [0,1] ~ Señal: a share. |"),
        ("some[Isthmus]", "rate * 2", "some[Isthmus]", "some[Isthmus] = rate * 2 ~~|"),
        ("curve", "( (0,0), (1,1) )", "curve", "curve( (0,0), (1,1) ) ~~|"),
        ("share[place]", 4, "share", "share[place]= 4 ~~|"),
    ],
)
def test_one_right_side(key, value, start, expected):
    new = edit(BYTES, {key: value})
    assert line(new, start) == expected
    changed = [(a, b) for a, b in zip(MODEL.splitlines(), new.decode().splitlines(), strict=False) if a != b]
    assert changed[0][1] == expected


def test_a_table_keeps_its_rows_and_alignment():
    new = edit(BYTES, {"table[South,women]": -2.5, "table[North,men]": 3}).decode()
    assert "\t    1,   3;\n\t -2.5, 0.5;\n\t   30,   4;\n" in new


def test_a_column_gets_wider_as_a_whole():
    new = edit(BYTES, {"table[South,men]": -0.123456}).decode()
    assert "\t    1,         2;\n\t  -10, -0.123456;\n\t   30,         4;\n" in new


def test_a_shorter_number_beside_a_narrow_gap_stays_in_its_column():
    wide = edit(BYTES, {"table[South,men]": -0.123456})
    new = edit(wide, {"table[South,men]": -0.5}).decode()
    assert "\t    1,         2;\n\t  -10,      -0.5;\n\t   30,         4;\n" in new


def test_a_table_as_a_whole():
    values = np.array([[1, 2], [3, 4], [5, 6.0]])
    assert (
        np.asarray(model(edit(BYTES, {"table": values})).constants["table"].value).tolist() == values.tolist()
    )


def test_several_equations_of_one_variable():
    data = BYTES.replace(b"some[Isthmus] = rate", b"some[Isthmus] = 3")
    new = edit(data, {"some": [4, 5, 6]})
    assert np.asarray(model(new).constants["some"].value).tolist() == [4, 5, 6]
    new = edit(data, {"some": 8})
    assert np.asarray(model(new).constants["some"].value).tolist() == [8, 8, 8]


def test_the_initial_value_of_a_stock():
    assert "\n\t\t12) ~ Person ~|" in edit(BYTES, {"Waiting": 12}).decode()


def test_digits():
    assert line(edit(BYTES, {"rate": 0.123456}, digits=3), "rate").startswith("rate = 0.123 ")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_comment_keeps_the_style(end):
    data = MODEL.replace("\n", end).encode()
    new = edit(data, {}, comments={"table": "Rows are places, columns are sexes; " * 4}).decode()
    was, now = MODEL.replace("\n", end), new
    head = was.index("A table")
    assert now[:head] == was[:head]
    assert now.endswith(was[was.index(f"{end}\t~\t:SUPPLEMENTARY") :])
    assert f"\\{end}\t\t" in now[head:]
    definition = next(d for d in parse(new).definitions if d.name == "table")
    assert definition.comment == ("Rows are places, columns are sexes; " * 4).strip()


def test_a_comment_where_there_was_none():
    new = edit(BYTES, {}, comments={"share": "By place.", "Waiting": "People."})
    assert line(new, "share") == "share[place]= 1,2,3 ~~By place.|"
    assert [d.comment for d in parse(new.decode()).definitions if d.name in ("share", "Waiting")] == [
        "By place.",
        "People.",
    ]


def test_an_old_code_page_stays():
    data = MODEL.replace("{UTF-8}\n", "").encode("cp1252")
    new = edit(data, {"rate": 0.75}, comments={"share": "Año"})
    assert "Señal".encode("cp1252") in new and "Año".encode("cp1252") in new
    with pytest.raises(InputError, match="old code page"):
        edit(data, {}, comments={"share": "日"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rte": 1}, 'Did you mean "rate"'),
        ({"share[Sooth]": 1}, 'Did you mean "South"'),
        ({"share[South,men]": 1}, "has 1 subscript"),
        ({"rate[South]": 1}, "has no subscripts"),
        ({"Waiting[South]": 1}, "one equation computes all elements"),
        ({"curve": 1}, "is a lookup"),
        ({"curve": [(0, 1), (0, 2)]}, "same x"),
        ({"share": [1, 2]}, "doesn't fit"),
        ({"some": "1"}, "there are 3 equations"),
        ({"some": 1}, "is computed from an equation"),
        ({"rate": "1 +"}, "can't read the equation"),
        ({"rate": "1 ~ Month ~|"}, "can't stand in an equation"),
        ({"rate": float("nan")}, "finite"),
        ({"rate@2030-12": 1}, "whole run"),
        ({"share[South]": 1, "share[south]": 2}, "changed twice"),
        ({"share": 1, "share[south]": 2}, "changed twice"),
        ({"rate": [1, 2]}, "doesn't fit"),
        ({"share[South]": "rate"}, "this element has no equation of its own"),
        ({"share[South]": [1, 2]}, "this element has no equation of its own"),
        ({"left out[North]": 1, "left out[North] ": 2}, "changed twice"),
        ({"some[Nowhere]": 1}, "no equation defines this element"),
        ({"left out": [1, 2, 3]}, "can't take a list of numbers"),
        ({"some": [1, 2, 3]}, "some[Isthmus] is computed from an equation"),
        ({"Waiting": [1, 2, 3]}, '"Waiting" is computed from its equation, expected a constant for a list'),
        ({"curve": [1, 2, 3]}, '"curve" is a lookup, expected points'),
        ({"effect": [(1, 2, 3)]}, '"effect" is a lookup, expected points'),
        ({"effect": 3}, '"effect" is a lookup, no number'),
        ({"curve": "(0,1),(2,"}, "can't read"),
    ],
)
def test_refusals_say_what_is_wrong(changes, message):
    with pytest.raises(FlowsError, match=re.escape(message)):
        edit(BYTES, changes)


@pytest.mark.parametrize("name", ["migration.mdl", "demography.mdl"])
def test_untouched_shipped_models_stay_byte_for_byte(name):
    data = (resources.root() / "models" / name).read_bytes()
    for variant in (data, b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n")):
        assert edit(variant, {}) == variant


def test_many_elements_of_a_shipped_table_at_once():
    path = resources.root() / "models" / "migration.mdl"
    data = path.read_bytes()
    before = np.asarray(model(data).constants["shock size"].value)
    item = model(data).variables["shock size"]
    rng = np.random.default_rng(1)
    places = [(s, o) for s in item.elements[0] for o in item.elements[1]]
    chosen = rng.choice(len(places), 60, replace=False)
    values = {f"shock size[{','.join(places[k])}]": float(rng.normal()) for k in chosen}
    new = edit(data, values, comments={"shock size": "Fitted."})
    after = np.asarray(model(new).constants["shock size"].value)
    wanted = before.copy().ravel()
    for k in chosen:
        wanted[k] = values[f"shock size[{','.join(places[k])}]"]
    assert (after.ravel() == wanted).all()
    head, tail = (
        data.index(b"shock size[Shock,origin]="),
        data.index(b"|", data.index(b"shock size[Shock,origin]=")),
    )
    assert new.startswith(data[:head]) and new.endswith(data[tail:])
    rows = new[head:].split(b"\n")[1 : 1 + len(item.elements[0])]
    assert (
        len({tuple(i for i, c in enumerate(row) if c == 44) for row in rows}) == 1
    )  # commas under each other


# Properties ---------------------------------------------------------------------------------------

NUMBERS = st.floats(-1e300, 1e300)
ENDS = st.sampled_from(["\n", "\r\n"])
CODES = st.sampled_from(["utf-8", "utf-8-sig", "cp1252"])


@st.composite
def files(draw) -> bytes:
    """The model with random line ends, encoding and letters in its comments."""
    letters = st.text(st.sampled_from("aé ñü—,[({})]=*\t"), max_size=30)
    pieces = [text + draw(ENDS) for text in MODEL.replace("{UTF-8}\n", "").splitlines()]
    text = "".join(pieces).replace("Places.", f"Places {draw(letters)}")
    return text.encode(draw(CODES))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files())
def test_any_untouched_file_stays_byte_for_byte(data):
    assert edit(data, {}) == data
    assert edit(data, {"rate": 0.5, "table": [[1, 2], [-10, 0.5], [30, 4]]}) == data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), NUMBERS, NUMBERS, st.none() | st.integers(1, 17))
def test_any_number_reads_back_and_nothing_else_moves(data, first, second, digits):
    new = edit(data, {"table[South,men]": first, "rate": second}, digits=digits)
    expected = [v if digits is None else float(f"{v:.{digits}g}") for v in (first, second)]
    read = model(new)
    assert float(np.asarray(read.constants["table"].value)[1, 1]) == expected[0]
    assert float(read.constants["rate"].value) == expected[1]
    old, text = decoded(data)[0], decoded(new)[0]
    for a, b in zip(parse(old).definitions, parse(text).definitions, strict=True):
        if a.name not in ("table", "rate"):
            assert old[a.start : a.end] == text[b.start : b.end]
    back = edit(new, {"table[South,men]": 0.5, "rate": 0.5})
    assert decoded(back)[1:] == decoded(data)[1:]


@given(NUMBERS)
def test_numbers_read_back_exactly(value):
    text = number_text(value)
    assert text == ":NA:" or float(text) == value


@given(st.text(st.sampled_from("ab c\"'"), max_size=300))
def test_wrapping_changes_blanks_only(text):
    assert wrapped(text).replace("\\\n\t\t", "") == text


FEW = """v :RAW: ~~|
shown ~~|
name :IS: 'a text' ~~|
noted = 1 ~ Month ~ First words. ~ :SUPPLEMENTARY |
bare = 2 |
parts = 3 ~ Month ~ One part. ~ Another. |
INITIAL TIME = 0 ~~|
FINAL TIME = 3 ~~|
TIME STEP = 1 ~~|
SAVEPER = 1 ~~|
"""


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("v", 1, '"v" is read from data'),
        ("v", "Time", '"v" is read from data'),
        ("shown", 1, '"shown" is read from data'),
        ("name", 1, '"name" is a text, no number'),
    ],
)
def test_what_holds_no_number_takes_none(key, value, message):
    with pytest.raises(FlowsError, match=message):
        edit(FEW.encode(), {key: value})


@pytest.mark.parametrize(
    ("key", "comment", "expected"),
    [
        ("noted", "Other words.", "noted = 1 ~ Month ~ Other words. ~ :SUPPLEMENTARY |"),
        ("noted", "First words.", "noted = 1 ~ Month ~ First words. ~ :SUPPLEMENTARY |"),
        ("bare", "Words.", "bare = 2 ~~Words.|"),
        ("parts", "One.", "parts = 3 ~ Month ~ One. |"),
    ],
)
def test_comments_of_every_shape(key, comment, expected):
    new = edit(FEW.encode(), {}, comments={key: comment})
    assert line(new, key).replace("  ", " ") == expected


def test_a_comment_holds_no_marks_of_the_format():
    with pytest.raises(InputError, match=r"a comment can't hold ~ or \|"):
        edit(BYTES, {}, comments={"rate": "either | or"})


def test_a_comment_of_one_element_is_that_of_its_equation():
    new = edit(BYTES, {}, comments={"some[South]": "In the south."})
    assert "some[South] = 2 ~~In the south.|" in new.decode()


@pytest.mark.parametrize(
    ("key", "points", "expected"),
    [
        ("old curve", [(0, 1), (5, 7), (10, 3)], "old curve(0,5,10, 1,7,3) ~~|"),
        ("old curve", [(0, 1), (5, 7)], [(0, 1), (5, 7)]),
        ("curve", [(0, 1), (5, 7), (10, 3)], "curve( [(0,0)-(10,10)], (0,1),(5, 7), (10,3) ) ~~|"),
        ("curve", [(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    ],
)
def test_points_keep_their_form_where_their_number_stays(key, points, expected):
    new = edit(BYTES, {key: points})
    if isinstance(expected, str):
        assert line(new, key) == expected
        return
    table = next(d.expression for d in parse(new.decode()).definitions if d.name == key)
    assert list(zip(table.x, table.y, strict=True)) == expected


def test_points_that_digits_make_equal_are_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"have the same x\. Write more digits"):
        edit(BYTES, {"curve": [(1.001, 1), (1.002, 2)]}, digits=3)


def test_a_right_side_of_several_lines_takes_the_line_ends_of_its_file():
    data = MODEL.replace("\n", "\r\n").encode()
    new = edit(data, {"some[Isthmus]": "rate +\n\t2"})
    assert b"some[Isthmus] = rate +\r\n\t2 ~~|" in new


def test_a_whole_with_lookup_takes_other_points():
    new = edit(BYTES, {"effect": [(0, 2), (9, 3)]})
    assert line(new, "effect") == "effect = WITH LOOKUP(Time, ([(0,0)-(9,9)],(0,2),(9,3))) ~~|"


def test_a_list_of_one_is_a_number():
    assert line(edit(BYTES, {"rate": [0.25]}), "rate").startswith("rate = 0.25 {a remark}")


def test_a_text_takes_another_text():
    assert line(edit(FEW.encode(), {"name": "'other'"}), "name") == "name :IS: 'other' ~~|"


@pytest.mark.parametrize("text", ["0.5 + 1", "0.5 ~~|\nmore = 1"])
def test_a_change_that_reads_back_otherwise_writes_nothing(monkeypatch, text):
    monkeypatch.setattr("flows.vensim.edit.wrapped", lambda *_, **__: text)
    with pytest.raises(FlowsError, match="doesn't read back as it was meant, so nothing was written"):
        edit(BYTES, {"rate": "Time * 2"})


def test_names_of_the_flat_file_and_of_the_one_with_subscripts_lead_to_each_other() -> None:
    tail = "TIME STEP = 1 ~~|\nFINAL TIME = 1 ~~|\nINITIAL TIME = 0 ~~|\nSAVEPER = 1 ~~|\n"
    flat = f"shock size rush Cuba = 1 ~~|\n{tail}".encode()
    full = f"event: rush, calm ~~|\nplace: Cuba, Haiti ~~|\nshock size[event,place] = 1 ~~|\n{tail}".encode()
    with pytest.raises(InputError, match='Write the name that it has in this file: "shock size rush Cuba"'):
        edit(flat, {"shock size[rush,Cuba]": 2.0})
    with pytest.raises(
        InputError, match=r'Write the name that it has in this file: "shock size\[rush,Cuba\]"'
    ):
        edit(full, {"shock size rush Cuba": 2.0})
