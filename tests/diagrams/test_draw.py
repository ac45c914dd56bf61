"""Pictures of views: the same things in SVG and PNG, where the sketch has them."""

from __future__ import annotations

from pathlib import Path

import defusedxml.ElementTree as ElementTree
import matplotlib.image
import numpy as np
import pytest

from flows.diagrams.draw import Line, Text, picture, svg, write
from flows.vensim.sketch import EXAMPLE, parse_sketch

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
