"""The sketch of a file: read into records, written back byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows import resources
from flows.errors import InputError, ModelError
from flows.vensim.sketch import EXAMPLE, Arrow, Other, Word, parse_sketch, read_sketch

EQUATIONS = "{UTF-8}\na = 1 ~ ~ |\n"
SETTINGS = ":L\x7f<%^E!@\n1:Current.vdfx\n15:0,0,0,0,0,0\n"
ODD = r"""\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*Odd things
$192-192-192,0,Helvetica|10|B|0-0-0|0-0-0|0-0-0|-1--1--1|-1--1--1|96,96,100,0
10,1,"rate, per year",162,-20,40,20,8,3,0,10,-1,0,0,0,0-0-0,0-0-0,|8||0-128-0,0,0,0,0,0,0
10,2,Time,300,100,26,11,8,2,0,3,-1,0,0,0,128-128-128,0-0-0,|12||128-128-128
12,3,0,232,218,15,15,5,4,0,0,-1,0,0,0
1,2,a comment that looks like an arrow
1,4,2,1,1,0,43,0,2,192,0,-1--1--1,|12||0-0-255,1|(269,270)|
1,5,1,2,0,0,0,0,0,64,0,-1--1--1,,3|(1,2)|(3,4)|(5,6)|
99,6,something of a later version
30,7,picture.bmp,10,20,30,40,0,0,0,0,0,0,0,0
///---\\\
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_round_trip(newline: str) -> None:
    text = (EQUATIONS + ODD.replace("///---\\\\\\\n", "") + EXAMPLE + SETTINGS).replace("\n", newline)
    sketch = parse_sketch(text)
    assert [v.name for v in sketch.views] == ["Odd things", "One stock"]
    assert sketch.text == text
    assert sketch.before == EQUATIONS.replace("\n", newline)
    assert sketch.after.endswith(SETTINGS.replace("\n", newline))


def test_shipped_model_comes_back_byte_for_byte() -> None:
    path = resources.root() / "models" / "migration.mdl"
    sketch, encoding = read_sketch(path)
    assert sketch.text.encode(encoding) == path.read_bytes()
    for view in sketch.views:
        for record in view.records:
            assert isinstance(record, Word | Arrow), record
            assert record.record() == record.raw.rstrip("\n")


def test_records_are_spelt_as_they_were_read() -> None:
    view = parse_sketch(ODD).views[0]
    assert [r.record() for r in view.records if not isinstance(r, Other)] == [
        r.raw.rstrip("\n") for r in view.records if not isinstance(r, Other)
    ]


def test_fields() -> None:
    view = parse_sketch(EQUATIONS + ODD).views[0]
    rate, time, loop, picture = view.words
    assert (rate.key, rate.role, rate.y, rate.style[2]) == ("rate, per year", "variable", -20, "|8||0-128-0")
    assert (time.role, time.shadow) == ("shadow", True)
    assert (loop.role, loop.text) == ("loop", "1,2,a comment that looks like an arrow")
    assert picture.role == "picture"
    one, three = view.arrows
    assert (one.start, one.end, one.mark, one.font) == (2, 1, "+", "|12||0-0-255")
    assert three.points == ((1, 2), (3, 4), (5, 6))
    assert rate.line == 7
    assert view.defined == {"rate, per year"}
    assert (view.style.size, view.style.face, view.style.attributes) == (10, "Helvetica", "B")
    assert isinstance(view.records[-2], Other)


def test_a_changed_record_alone_changes() -> None:
    sketch = parse_sketch(ODD)
    view = sketch.views[0]
    records = tuple(
        replace(r, x=170, raw="") if isinstance(r, Word) and r.id == 1 else r for r in view.records
    )
    text = sketch.replace((replace(view, records=records),)).text
    assert text == ODD.replace('"rate, per year",162,', '"rate, per year",170,')


def test_files_without_sketch() -> None:
    sketch = parse_sketch(EQUATIONS + SETTINGS)
    assert sketch.views == () and sketch.text == EQUATIONS + SETTINGS
    grown = sketch.replace(parse_sketch(EXAMPLE).views)
    assert grown.text == EQUATIONS + EXAMPLE + SETTINGS
    bare = parse_sketch(EQUATIONS.rstrip("\n")).replace(parse_sketch(EXAMPLE).views)
    assert bare.text == EQUATIONS + EXAMPLE


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("10,1,a,162,192,40", "the record of a variable in the sketch is cut short"),
        ("1,1,2,3,0,0,0,0", "the record of an arrow in the sketch is cut short"),
        ("10,1,a,here,192,40,20,8,3,0,0,0,0,0,0", 'found "here"'),
        ("10,1,a,1e999,192,40,20,8,3,0,0,0,0,0,0", 'found "1e999"'),
        (f"10,1,a,{'9' * 5000},192,40,20,8,3,0,0,0,0,0,0", 'found "9{40}"'),
    ],
)
def test_refusals_name_the_line(line: str, words: str) -> None:
    text = EQUATIONS + ODD.replace("30,7,picture.bmp,10,20,30,40,0,0,0,0,0,0,0,0", line)
    with pytest.raises(ModelError, match=words) as caught:
        parse_sketch(text, "m.mdl")
    assert str(caught.value).startswith("m.mdl:14: ")


@pytest.mark.parametrize("digits", ["1" * 5001, "\N{SUPERSCRIPT TWO}", "0" * 5001])
def test_a_kind_and_a_size_without_end_are_none(digits: str) -> None:
    other = parse_sketch(EQUATIONS + EXAMPLE.replace("12,2,48", f"{digits},2,48"))
    assert other.text.count(digits) == 1 and len(other.views[0].words) == 3
    grown = parse_sketch(EQUATIONS + EXAMPLE.replace("Times New Roman|12|", f"Times New Roman|{digits}|"))
    assert grown.views[0].style.size == parse_sketch(EXAMPLE.replace("|12|", "||")).views[0].style.size


def test_unknown_view_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r'Did you mean "Odd things"\?'):
        parse_sketch(ODD).view("odd thing")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such model file"):
        read_sketch(tmp_path / "none.mdl")


def test_old_encodings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "old.mdl"
    raw = (EQUATIONS + ODD).replace("Odd things", "Años").encode("cp1252")
    path.write_bytes(raw)
    sketch, encoding = read_sketch(path)
    assert sketch.views[0].name == "Años"
    assert sketch.text.encode(encoding) == raw
