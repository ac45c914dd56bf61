"""Pictures of views: the same things in SVG and PNG, where the sketch has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import defusedxml.ElementTree as ElementTree
import matplotlib.image
import numpy as np
import pytest

from flows.diagrams.draw import FAINT, Line, Text, picture, pipe_course, svg, write
from flows.vensim.sketch import EXAMPLE, Arrow, Style, View, Word, parse_sketch

PLAIN = Style()

MORE = EXAMPLE.replace(
    "///---\\\\\\",
    "10,7,settling time,460,240,40,11,8,3,0,0,0,0,0,0\n"
    "1,8,7,6,1,0,45,0,0,64,0,-1--1--1,,1|(415,215)|\n"
    "10,9,Time,60,60,26,11,8,2,0,3,-1,0,0,0,128-128-128,0-0-0,|12||128-128-128\n"
    "12,10,0,232,218,15,15,4,4,0,0,-1,0,0,0\nR1\n"
    "12,11,0,232,300,90,15,8,4,0,0,-1,0,0,0\nA & B <are> told\n"
    "10,12,nobody sees,500,500,40,11,8,3,1,0,0,0,0,0\n"
    "///---\\\\\\",
)


def texts(source: str) -> list[str]:
    return [i.text for i in picture(parse_sketch(source).views[0]).items if isinstance(i, Text)]


def test_words() -> None:
    found = texts(MORE)
    assert {"Waiting", "arrivals", "<Time>", "R1", "A & B <are> told", "-"} <= set(found)
    assert "nobody sees" not in found


def test_arrows_end_at_outlines() -> None:
    view = parse_sketch(EXAMPLE.replace("100,0,0,22", "100,0,0,22")).views[0]
    drawn = picture(view)
    pipe = next(i for i in drawn.items if isinstance(i, Line) and i.width > 5)
    ends = sorted(pipe.points[:, 0])
    assert pytest.approx(ends[0]) == 195 and 240 < ends[-1] < 260  # Waiting reaches from 260 to 340


def test_svg_is_well_formed_and_escaped() -> None:
    root = ElementTree.fromstring(svg(picture(parse_sketch(MORE).views[0])))
    shown = [e.text for e in root.iter() if e.tag.endswith("}text")]
    assert "A & B <are> told" in shown


def test_files(tmp_path: Path) -> None:
    first, second = write(parse_sketch(MORE).views[0], tmp_path, "view")
    assert first.read_text(encoding="utf-8").startswith("<svg ")
    image = matplotlib.image.imread(second)
    box = picture(parse_sketch(MORE).views[0]).box
    assert abs(image.shape[1] - 2 * box[2]) < 3 and abs(image.shape[0] - 2 * box[3]) < 3
    assert 0.002 < float(np.mean(image[:, :, :3] < 0.5)) < 0.3


def test_an_empty_view_can_be_drawn(tmp_path: Path) -> None:
    empty = "\n".join(EXAMPLE.splitlines()[:4]) + "\n///---\\\\\\\n"
    assert write(parse_sketch(empty).views[0], tmp_path, "empty")


def view_of(*records: Word | Arrow, style: Style = PLAIN) -> View:
    return View("V", "", records, style)


def drawn_of(*records: Word | Arrow, style: Style = PLAIN) -> tuple[list[Line], list[Text]]:
    items = picture(view_of(*records, style=style)).items
    return [i for i in items if isinstance(i, Line)], [i for i in items if isinstance(i, Text)]


def word(number: int, x: int, y: int, shape: int = 8, kind: int = 10, **more: Any) -> Word:
    name = more.pop("name", f"w{number}")
    return Word(kind, number, name, x, y, 20, 10, shape, more.pop("bits", 3), **more)


@pytest.mark.parametrize(
    ("place", "beside"), [(0, (0, 0)), (1, (0, 1)), (2, (-1, 0)), (3, (0, -1)), (4, (1, 0))]
)
def test_a_name_stands_beside_its_circle_where_the_sketch_says(place: int, beside: tuple[int, int]) -> None:
    (circle,), (text,) = drawn_of(word(1, 100, 200, shape=4, place=place))
    assert circle.points[:, 0].min() == pytest.approx(80) and circle.points[:, 1].max() == pytest.approx(210)
    away = text.x - 100, text.y - 200
    assert tuple(np.sign(away)) == beside
    if beside[0]:
        assert abs(away[0]) == pytest.approx(20 + text.width / 2)
    if beside[1]:
        assert abs(away[1]) > 10


def test_colours_and_letters_of_one_word() -> None:
    own = ("0", "0", "255-0-0", "0-255-0", "Arial|18|BI|0-0-255")
    (box,), (text,) = drawn_of(word(1, 100, 200, shape=3, styles=63, rest=own))
    assert (box.colour, box.fill) == ("#ff0000", "#00ff00")
    assert (text.colour, text.face, text.bold, text.italic, text.pixels) == (
        "#0000ff",
        "Arial",
        True,
        True,
        24,
    )


def test_what_the_sketch_spells_wrong_is_drawn_as_usual() -> None:
    own = ("0", "0", "red", "0-0-999", "|big||1-2")
    (box,), (text,) = drawn_of(word(1, 100, 200, shape=3, styles=63, rest=own))
    assert (box.colour, box.fill, text.colour) == ("#000000", "#ffffff", "#000000")
    assert (text.face, text.pixels) == (PLAIN.face, PLAIN.size * 4 / 3)


def test_a_shadow_in_a_box_is_faint() -> None:
    (box,), (text,) = drawn_of(word(1, 100, 200, shape=3, bits=2))
    assert box.colour == FAINT and text.text == "<w1>"


def test_a_valve_turns_with_its_pipe() -> None:
    for shape, level in ((1, False), (2, True)):
        (line,), texts = drawn_of(word(1, 100, 200, shape=shape, kind=11))
        assert not texts
        first, second = line.points[:2]  # an edge of the hourglass: level where the pipe runs up and down
        assert (first[1] == second[1]) == level


def test_pictures_and_controls_leave_a_dashed_frame() -> None:
    (frame,), texts = drawn_of(word(1, 100, 200, kind=30))
    assert frame.dashes and not texts
    (frame,), texts = drawn_of(word(1, 100, 200, kind=12, bits=8))
    assert frame.dashes and not texts


def test_a_comment_without_words_leaves_nothing() -> None:
    assert drawn_of(word(1, 100, 200, kind=12, name="0", bits=7)) == ([], [])


def test_arrows_bend_at_their_handles() -> None:
    ends = word(1, 0, 0), word(2, 400, 0)
    (body, head), _ = drawn_of(*ends, Arrow(3, 1, 2, points=((100.0, 80.0), (300.0, -60.0))))
    assert np.abs(body.points - (100, 80)).sum(axis=1).min() < 1e-6
    assert np.abs(body.points - (300, -60)).sum(axis=1).min() < 1e-6
    assert head.fill == head.colour


def test_an_arrow_without_head_a_thick_one_and_one_that_acts_late() -> None:
    ends = word(1, 0, 0), word(2, 400, 0)
    (plain,), _ = drawn_of(*ends, Arrow(3, 1, 2, shape=64))
    (thick, head), _ = drawn_of(*ends, Arrow(3, 1, 2, thickness=5, styles=1, colour="255-0-0"))
    assert (plain.width, thick.width, thick.colour, head.colour) == (1.0, 4.0, "#ff0000", "#ff0000")
    assert thick.points[-1, 0] < plain.points[-1, 0]  # room for the head
    _, _, marks = drawn_of(*ends, Arrow(3, 1, 2, delay=65))[0]
    strokes = marks.points[~np.isnan(marks.points[:, 0])]
    assert abs(strokes[:, 0].mean() - 200) < 20 and strokes[:, 1].min() == -strokes[:, 1].max()
    assert (
        svg(picture(view_of(*ends, Arrow(3, 1, 2, delay=65)))).count("M") > 3
    )  # the pen is lifted between them


def test_arrows_that_act_at_the_start_are_dashed() -> None:
    (body, _), _ = drawn_of(word(1, 0, 0), word(2, 400, 0), Arrow(3, 1, 2, initial=1))
    assert body.dashes


def test_an_arrow_between_words_that_touch_and_one_to_nowhere_are_left_out() -> None:
    close = word(1, 100, 200, shape=3), word(2, 145, 200, shape=3)
    lines, texts = drawn_of(*close, Arrow(3, 1, 2, polarity=43), Arrow(4, 1, 9), Arrow(5, 1, 2, hide=1))
    assert len(lines) == 2 and [t.text for t in texts] == ["w1", "w2"]


def test_marks_of_polarity() -> None:
    ends = word(1, 0, 0), word(2, 400, 0)
    for code, mark in (("s", "+"), ("o", "-"), ("+", "+"), ("?", "?")):
        _, texts = drawn_of(*ends, Arrow(3, 1, 2, polarity=ord(code)))
        (found,) = (t for t in texts if t.text not in ("w1", "w2"))
        assert found.text == mark and 330 < found.x < 400 and abs(found.y) < 20


@pytest.mark.parametrize(
    ("shape", "end", "handle", "corners"),
    [
        (1, (100, 300), (0, 0), [(100, 100), (100, 289.5)]),  # straight down
        (1, (300, 300), (0, 0), [(100, 100), (100, 300), (279.5, 300)]),  # down, then to the right
        (1, (300, 300), (300, 305), [(100, 100), (100, 305), (279.5, 305)]),  # at the handle's height
        (2, (300, 104), (0, 0), [(100, 100), (279.5, 100)]),  # straight on
        (2, (300, 300), (290, 100), [(100, 100), (290, 100), (290, 289.5)]),  # down where the handle is
    ],
)
def test_pipes_turn_once(
    shape: int, end: tuple[int, int], handle: tuple[int, int], corners: list[tuple[float, float]]
) -> None:
    words = {1: word(1, 100, 100, shape=shape, kind=11), 2: word(2, *end, shape=3)}
    arrow = Arrow(3, 1, 2, shape=4, thickness=22, points=((float(handle[0]), float(handle[1])),))
    np.testing.assert_allclose(pipe_course(arrow, words), corners, atol=0.1)


def test_a_pipe_with_several_handles_follows_them() -> None:
    words = {1: word(1, 100, 100, kind=11), 2: word(2, 400, 300, shape=3)}
    arrow = Arrow(3, 1, 2, thickness=22, points=((200.0, 100.0), (200.0, 300.0)))
    np.testing.assert_allclose(
        pipe_course(arrow, words), [(100, 100), (200, 100), (200, 300), (379.5, 300)], atol=0.1
    )


def test_links_lie_over_a_picture() -> None:
    text = svg(picture(view_of(word(1, 100, 200))), links=[("#v-a", 'a & "b"', (80, 190, 40, 20))])
    root = ElementTree.fromstring(text)
    assert root.get("role") == "group"
    (link,) = (e for e in root.iter() if e.tag.endswith("}a"))
    assert link.get("href") == "#v-a" and link[0].text == 'a & "b"'
    assert svg(picture(view_of(word(1, 100, 200)))).count("<a ") == 0
