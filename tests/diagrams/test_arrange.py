"""Laying out: everything has a place, nothing overlaps, what was there stays."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import small_model

from flows.diagrams.arrange import arrange, loops_of, polarities
from flows.diagrams.draw import Text, picture
from flows.diagrams.layout import Loop
from flows.diagrams.plan import Causes, Plan, causes_of, plans
from flows.diagrams.quality import quality
from flows.ensemble import simulate
from flows.errors import InputError
from flows.inputs.places import read_places
from flows.model.model import CONTROLS
from flows.vensim.read import read_vensim
from flows.vensim.sketch import Arrow, Style, View, Word, parse_sketch

TWO = """
Waiting = INTEG(arrivals - settling - leaving, initial waiting) ~ Person ~ |
Settled = INTEG(settling, 0) ~ Person ~ |
arrivals = normal arrivals * effect of wait ~ Person/Month ~ |
normal arrivals = 12 ~ Person/Month ~ |
effect of wait = table(average wait / reference wait) ~ Dmnl ~ |
table((0, 1), (2, 0)) ~ Dmnl ~ |
average wait = Waiting / settling ~ Month ~ |
reference wait = 6 ~ Month ~ |
settling = Waiting / settling time ~ Person/Month ~ |
settling time = 5 ~ Month ~ |
leaving = SMOOTH(Waiting, delay) * leaving rate ~ Person/Month ~ |
delay = 3 ~ Month ~ |
leaving rate = 0.01 ~ 1/Month ~ |
initial waiting = 40 ~ Person ~ |
unused = 3 ~ Dmnl ~ |
"""
"""Two stocks in a row, a loop through the wait, a flow that leaves, a hidden stock."""


def file_of(text: str, tmp_path: Path, *, tail: str = "") -> Path:
    model = small_model(text)
    path = tmp_path / "m.mdl"
    path.write_text(model.text + tail, encoding="utf-8", newline="\n")
    return path


def laid_out(path: Path, **options: object):
    sketch = parse_sketch(path.read_text(encoding="utf-8"), str(path))
    return arrange(sketch, read_vensim(path, units="off"), **options)  # type: ignore[arg-type]


def test_causes_look_through_hidden_stocks_and_tell_initial_values() -> None:
    causes = causes_of(small_model(TWO))
    assert causes.links["leaving"] == {"delay": False, "leaving rate": False, "waiting": False}
    assert causes.links["waiting"] == {"initial waiting": True}
    assert causes.sources["settling"] == ("waiting",) and causes.targets["settling"] == ("settled",)
    assert set(causes.flows) == {"arrivals", "settling", "leaving"}


def test_a_file_without_views_gets_them(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path, tail=":L\x7f<%^E!@\n15:0,0,0,0,0,0\n")
    before = path.read_text(encoding="utf-8")
    made = laid_out(path)
    assert made.before + made.after.split("\n", 1)[1] == before
    assert parse_sketch(made.text).views == made.views
    (view,) = made.views
    model = read_vensim(path, units="off")
    assert view.defined == {n for n, v in model.variables.items() if not v.hidden} - set(CONTROLS)
    roles = [w.role for w in view.words]
    assert roles.count("valve") == roles.count("flow") == 3
    assert roles.count("cloud") == 2 and roles.count("stock") == 2
    found = quality(view)
    assert (found.overlaps, found.through) == (0, 0) and found.crossings <= 2
    ids = [r.id for r in view.records if isinstance(r, Word | Arrow)]
    assert ids == list(range(1, len(ids) + 1))


def test_arrows_are_the_causes(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    (view,) = laid_out(path).views
    key = {w.id: w.key for w in view.words}
    for word in view.words:  # a valve stands for its flow
        if word.kind == 11:
            key[word.id] = key[word.id + 1]
    drawn = {(key[a.start], key[a.end]) for a in view.arrows if not a.pipe}
    causes = causes_of(read_vensim(path, units="off"))
    assert drawn == {(c, n) for n in causes.links for c in causes.links[n]}
    assert {key[a.start] for a in view.arrows if a.initial} == {"initial waiting"}


def test_the_same_again(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    assert laid_out(path, anew=True).text == laid_out(path, anew=True).text


def test_what_stands_stays(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    path.write_text(laid_out(path).text, encoding="utf-8", newline="\n")
    old = parse_sketch(path.read_text(encoding="utf-8"))
    more = path.read_text(encoding="utf-8").replace(
        "unused = 3 ~ Dmnl ~ |",
        "unused = 3 ~ Dmnl ~ |\nReturned = INTEG(returning, 0) ~ Person ~ |\n"
        "returning = Settled * return rate ~ Person/Month ~ |\nreturn rate = 0.02 / delay ~ 1/Month ~ |",
    )
    path.write_text(more, encoding="utf-8", newline="\n")
    (view,) = laid_out(path).views
    count = len(old.views[0].records)
    assert view.text().startswith(old.views[0].text())
    new = [w for w in view.words if w.id > count]
    assert {w.key for w in new if w.kind == 10} == {"returned", "returning", "return rate"}
    assert {w.role for w in new} >= {"stock", "valve", "flow", "variable"}
    key = {w.id: view.by_id[w.id + (w.kind == 11)].key for w in view.words if w.kind in (10, 11)}
    pairs = [(key[a.start], key[a.end]) for a in view.arrows if not a.pipe]
    assert len(pairs) == len(set(pairs)) and ("return rate", "returning") in pairs
    assert quality(view).overlaps == 0
    assert laid_out(path).text == laid_out(path).text


def test_arrows_of_a_shadow_alone_are_not_doubled(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    text = laid_out(path).text
    line = next(m[0] for m in re.finditer(r"10,\d+,settling time,.*", text))
    fields = line.split(",")
    fields[8] = "2"  # now a shadow: no view defines the variable
    path.write_text(text.replace(line, ",".join(fields)), encoding="utf-8", newline="\n")
    (view,) = laid_out(path).views
    assert "settling time" in view.defined
    assert len(view.arrows) == len(parse_sketch(text).views[0].arrows)


def test_nothing_to_do_changes_nothing(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    text = laid_out(path).text
    path.write_text(text, encoding="utf-8", newline="\n")
    assert laid_out(path).text == text


def test_one_view_anew(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    sketch = laid_out(path)
    moved = re.sub(r"(?m)^(10,\d+,Waiting),\d+", r"\1,9999", sketch.text)
    path.write_text(moved, encoding="utf-8", newline="\n")
    assert laid_out(path).text == moved
    again = laid_out(path, views=[sketch.views[0].name])
    assert "9999" not in again.text
    with pytest.raises(InputError, match="has no view"):
        laid_out(path, views=["another"])


def test_large_groups_are_split_where_few_links_are() -> None:
    chains = []
    for c in "ab":
        chains.append(f"{c}0 = 1 ~ ~ |")
        chains += [f"{c}{i} = {c}{i - 1} ~ ~ |" for i in range(1, 30)]
    causes = causes_of(small_model("\n".join(chains) + "\nlast = a29 + b29 ~ ~ |"))
    made = plans(causes, most=34)
    part = {n: number for number, p in enumerate(made) for n in p.own}
    assert len(made) == 2
    assert sum(part[n] != part[c] for n in causes.links for c in causes.links[n]) <= 2
    assert all(len(p.own) <= 34 and len(p.name) <= 30 for p in made)


def test_loops_get_marks_that_turn_as_they_run(tmp_path: Path) -> None:
    path = file_of(TWO, tmp_path)
    loop = Loop("B1", "waiting keeps people away", ("waiting", "average wait", "effect of wait", "arrivals"))
    (view,) = laid_out(path, loops=[loop]).views
    (mark,) = [w for w in view.words if w.role == "loop"]
    assert mark.text == "B1" and mark.outline in (4, 5)
    assert any(w.text == "waiting keeps people away" for w in view.words)
    assert quality(view).overlaps == 0
    (mirrored,) = laid_out(path, loops=[Loop("B1", "waiting keeps people away", loop.variables[::-1])]).views
    assert {mark.outline, next(w for w in mirrored.words if w.role == "loop").outline} == {4, 5}


def test_loops_follow_the_model(tmp_path: Path) -> None:
    path = tmp_path / "loops.toml"
    model = small_model(TWO)
    assert loops_of(model, path) == ()
    row = (
        '[[loop]]\nid = "{}"\nname = "waiting"\nthrough = {}\nreading = "balancing"\nsource = "assumption"\n'
    )
    path.write_text(
        row.format("B1", '["arrivals", "Waiting"]') + row.format("B2", '["elsewhere"]'), encoding="utf-8"
    )
    assert loops_of(model, path) == (
        Loop("B1", "waiting", ("arrivals", "waiting", "average wait", "effect of wait")),
    )


def test_signs_become_marks(tmp_path: Path) -> None:
    links = {
        ("waiting", "settling"): [0, 1, 1],
        ("settling", "average wait"): [-1, 0],
        ("a", "b"): [1, -1],
        ("c", "d"): [2],
    }
    marks = polarities({k: np.array(v) for k, v in links.items()})
    assert marks == {("waiting", "settling"): "+", ("settling", "average wait"): "-"}
    (view,) = laid_out(file_of(TWO, tmp_path), marks=marks).views
    key = {w.id: view.by_id[w.id + (w.kind == 11)].key for w in view.words if w.kind in (10, 11)}
    assert {(key[a.start], key[a.end]): a.mark for a in view.arrows if a.mark} == marks


def group_of(name: str, text: str) -> str:
    stars = "*" * 56
    return f"{stars}\n\t.{name}\n{stars}~\n\t\tSector. What {name} does.\n\t|\n{text}\n"


def test_overview_shows_what_moves_between_sectors(tmp_path: Path) -> None:
    text = (
        group_of("North", "N = INTEG(in - on, 0) ~ P ~ |\nin = 1 * one ~ P ~ |\none = 1 ~ P ~ |")
        + group_of("Middle", "M = INTEG(on - off, 0) ~ P ~ |\non = N ~ P ~ |")
        + group_of("South", "S = INTEG(off, 0) ~ P ~ |\noff = M ~ P ~ |")
        + group_of("Control", "")
    )
    path = file_of(text, tmp_path)
    made = laid_out(path, anew=True)
    assert [v.name for v in made.views] == ["Overview", "North", "Middle", "South"]
    first = made.views[0]
    assert not first.defined and {w.key for w in first.words if w.shadow} == {"n", "m", "s"}
    assert {w.text for w in first.words if w.text} >= {"North", "on", "Middle", "off", "South"}
    assert len([a for a in first.arrows if a.thickness]) == 2
    ends = {w.text for w in made.view("Middle").words if w.outline == 3 and w.kind == 12}
    assert ends == {"N", "S"}  # stocks of other views at the ends of pipes: comments in boxes
    for view in made.views[1:]:
        for arrow in view.arrows:
            assert not view.by_id[arrow.end].shadow or view.by_id[arrow.end].role == "flow", arrow


def test_sectors_stand_where_they_are_told(tmp_path: Path) -> None:
    text = (
        group_of("North", "N = INTEG(in - on, 0) ~ P ~ |\nin = 1 * one ~ P ~ |\none = 1 ~ P ~ |")
        + group_of("Middle", "M = INTEG(on - off, 0) ~ P ~ |\non = N ~ P ~ |")
        + group_of("South", "S = INTEG(off, 0) ~ P ~ |\noff = M ~ P ~ |")
        + group_of("Control", "")
    )
    path = file_of(text, tmp_path)
    table = tmp_path / "overview.toml"
    rows = {"North": (0, 0), "Middle": (1, 1), "South": (0, 2.5)}
    table.write_text(
        "".join(f'[[sector]]\ngroup = "{g}"\ncolumn = {c}\nrow = {r}\n' for g, (c, r) in rows.items()),
        encoding="utf-8",
    )
    first = laid_out(path, anew=True, places=read_places(table)).views[0]
    at = {w.text: (w.x, w.y) for w in first.words if w.text}
    assert at["North"][0] == at["South"][0] < at["Middle"][0]
    assert at["North"][1] < at["Middle"][1] < at["South"][1]
    assert quality(first).overlaps == 0
    assert read_places(tmp_path / "none.toml") == {}
    table.write_text(table.read_text(encoding="utf-8") * 2, encoding="utf-8")
    with pytest.raises(InputError, match="stands twice"):
        read_places(table)


def test_flows_from_outside_use_both_sides_of_a_stock(tmp_path: Path) -> None:
    names = [f"in {i}" for i in range(12)]
    text = f"Stock = INTEG({' + '.join(names)}, 0) ~ P ~ |\n" + "\n".join(
        f"{n} = rate * 1 ~ P ~ |" for n in names
    )
    (view,) = laid_out(file_of(text + "\nrate = 1 ~ P ~ |\n", tmp_path)).views
    stock = next(w for w in view.words if w.role == "stock")
    sides = [w.x < stock.x for w in view.words if w.role == "valve"]
    assert len(sides) == 12 and 4 <= sum(sides) <= 8
    assert quality(view).overlaps == 0


def test_signs_stand_clear_of_words(tmp_path: Path) -> None:
    marks = {
        ("waiting", "settling"): "+",
        ("settling", "average wait"): "-",
        ("waiting", "average wait"): "+",
    }
    (view,) = laid_out(file_of(TWO, tmp_path), marks=marks).views
    signs = [i for i in picture(view).items if isinstance(i, Text) and i.text in "+-"]
    assert len(signs) == 3
    for sign in signs:
        for word in view.words:
            if word.kind == 10:
                assert abs(sign.x - word.x) > word.w or abs(sign.y - word.y) > word.h, (sign.text, word.name)


def test_other_readers_accept_the_file(tmp_path: Path) -> None:
    simlin = pytest.importorskip("simlin")
    path = file_of(TWO, tmp_path, tail=":L\x7f<%^E!@\n15:0,0,0,0,0,0\n")
    path.write_text("{UTF-8}\n" + laid_out(path).text, encoding="utf-8", newline="\n")
    assert simlin.load(path).run().results["settled"].iloc[-1] > 0
    out = simulate(read_vensim(path, units="off"), engine="pysd")
    assert float(out["Settled"][-1]) > 0


def test_in_files_of_many_views_each_gets_fewer_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    stars = "*" * 56
    groups = [
        f"{stars}\n\t.G{k}\n{stars}~\n\t\t|\ns{k} = INTEG(f{k}, 0) ~~|\nf{k} = Time ~~|\n" for k in range(4)
    ]
    model = small_model("".join(groups))
    efforts: list[float] = []

    def lay_out(plan: Plan, causes: Causes, *, effort: float, **options: object) -> View:
        efforts.append(effort)
        return View(plan.name, "", (), Style())

    monkeypatch.setattr("flows.diagrams.arrange.lay_out", lay_out)
    for full, share in ((50, 1.0), (2, 0.5), (0.1, 0.2)):
        monkeypatch.setattr("flows.diagrams.arrange.FULL", full)
        efforts.clear()
        arrange(parse_sketch(""), model, anew=True)
        assert efforts == [share] * 4
    efforts.clear()
    arrange(parse_sketch(""), model)
    assert efforts == [1.0] * 4
