"""Models without subscripts: equal values, units, comments and groups, every variable on one view."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import small_model

from flows import cli, resources, simulate
from flows.diagrams.flat import flat_text
from flows.errors import UnsupportedError
from flows.references import fold
from flows.vensim.flatten import Flat, flatten
from flows.vensim.lower import lower
from flows.vensim.parse import parse, read_text
from flows.vensim.sketch import parse_sketch

MODEL = """
place: North, South, Isthmus -> (zone: Up, Down, Down) ~~|
zone: Up, Down ~~|
coast: South, Isthmus ~~|
sex: women, men ~~|
Waiting[place,sex] = INTEG(arrivals[place] * share[place,sex] - leaving[place,sex],
	initial waiting[sex]) ~ Person [0,?] ~ People by place and sex. |
share[place,sex] = 0.5, 0.5; 0.25, 0.75; 1, 0; ~ Dmnl ~ Share. |
initial waiting[sex] = 10, 20 ~ Person ~ At first. |
arrivals[North] = 5 ~ Person/Month ~ In. |
arrivals[coast] = speed[coast] * Time ~ Person/Month ~ In. |
speed[place] :EXCEPT: [North] = 2 ~~|
speed[North] = 3 ~~|
leaving[place,sex] = Waiting[place,sex] * zone rate[zone] / VMAX(speed[place!]) ~ Person/Month ~ Out. |
zone rate[zone] = 0.1, 0.3 ~~|
total = SUM(Waiting[place!,sex!]) ~ Person ~ All. |
by sex[sex] = SUM(Waiting[place!,sex]) / SUM(share[place!,sex] * SUM(speed[place!])) ~~|
least = VMIN(speed[place!]) + PROD(initial waiting[sex!]) + ELMCOUNT(place) ~~|
number[place] = place + 10 * coast first ~~|
coast first = Isthmus ~~|
effect[place]((0,1),(20,2)) ~~|
bent[place] = effect[place](Time * place) ~~|
smoothed[place] = SMOOTH3(arrivals[place], 2) ~~|
picked = Waiting[South,men] ~~|
"U.S. share[1]"[sex] = 1, 2 ~~|
"""


SHORT = """
place: North, South ~~|
sex: women, men ~~|
Waiting[place,sex] = INTEG(share[place,sex] - leaving[place,sex], 4) ~~|
leaving[place,sex] = Waiting[place,sex] * rate[place] ~~|
share[place,sex] = 0.5, 0.5; 0.25, 0.75; ~~|
rate[place] = 0.1, 0.3 ~~|
"""


def flat_of(text: str) -> tuple[Flat, str]:
    source = parse(text, "m.mdl")
    flat = flatten(source)
    return flat, flat.body + flat.settings


def assert_equal(text: str, flat: Flat, whole: str, tolerance: float = 1e-12, **options: object) -> int:
    """Hold every element of both models against each other; returns how many were compared."""
    a = simulate(lower(parse(text, "m.mdl")), **options)
    b = simulate(lower(parse(whole, "flat.mdl")), **options)
    there = {fold(str(n)): array.values for n, array in b.data_vars.items()}
    at = {dim: {fold(str(v)): k for k, v in enumerate(a[dim].values)} for dim in a.dims if dim != "time"}
    here = {
        fold(str(n)): ([at[dim] for dim in array.dims if dim != "time"], array.values)
        for n, array in a.data_vars.items()
    }
    compared = 0
    for (key, place), name in flat.names.items():
        if key not in here:
            continue  # a lookup
        axes, values = here[key]
        chosen = values[tuple(axis[element] for axis, element in zip(axes, place, strict=True))]
        one, other = np.broadcast_arrays(chosen, there[fold(name)])
        assert np.abs(one - other).max() <= tolerance * max(np.abs(one).max(), 1e-300), name
        compared += 1
    return compared


def test_equal_values() -> None:
    text = small_model(MODEL).text
    flat, whole = flat_of(text)
    assert assert_equal(text, flat, whole, engine="python") == len(flat.names) - 3 == 49
    assert not parse(whole).ranges and not any(d.subscripts for d in parse(whole).definitions)


def test_equal_units_comments_and_groups() -> None:
    text = "*" * 56 + "\n\t.One\n" + "*" * 56 + "~\n\t\tThe first.\n\t|\n" + small_model(MODEL).text
    flat, whole = flat_of(text)
    old, new = lower(parse(text)), lower(parse(whole))
    for (key, _), name in flat.names.items():
        a, b = old.variables[key], new.variables[fold(name)]
        assert (a.units, a.limits, a.group) == (b.units, b.limits, b.group)
        assert a.comment == b.comment or len(a.equations) > 1


def test_names_and_forms() -> None:
    flat, _ = flat_of(small_model(MODEL).text)
    assert flat.names["waiting", ("south", "men")] == "Waiting South men"
    assert flat.forms["waiting south men"] == "Waiting[South,men]"
    assert flat.names["total", ()] == "total"


def test_names_stay_unique() -> None:
    flat, whole = flat_of(
        small_model("r: a, b ~~|\nx[r] = 1, 2 ~~|\nx a = 7 ~~|\nx_A 2 = 8 ~~|\ny = x[a] + x a ~~|").text
    )
    assert flat.names["x", ("a",)] == "x a 3" and flat.names["x a", ()] == "x a"
    names = [fold(d.name) for d in parse(whole).definitions]
    assert len(set(names)) == len(names)


def test_what_has_no_subscripts_stays_byte_for_byte() -> None:
    text = small_model("r: a, b ~~|\nx[r] = 1 ~~|\ny   =  2  {seven} +\\\n\t\t1 ~ Dmnl ~ Why? |").text
    _, whole = flat_of(text)
    assert "y   =  2  {seven} +\\\n\t\t1 ~ Dmnl ~ Why? |" in whole


def test_line_ends_stay() -> None:
    _, whole = flat_of(small_model(MODEL).text.replace("\n", "\r\n"))
    assert "\n" not in whole.replace("\r\n", "")


@pytest.mark.parametrize(
    ("equations", "what"),
    [
        ("x[r] = VECTOR SORT ORDER(c[r], 1) ~~|", "VECTOR SORT ORDER"),
        ("x[r] ~~|\n", "data variable"),
        ("x[r] = RANDOM UNIFORM(0, 1, 0) ~~|", "RANDOM UNIFORM"),
        ("x = VECTOR SELECT(c[r!], c[r!], 0, 0, 0) ~~|", "VECTOR SELECT"),
    ],
)
def test_what_needs_subscripts_is_refused_by_name(equations: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    data = "13:d.tab\n"
    (tmp_path / "d.tab").write_text("Time\t0\t4\nx[a]\t1\t2\nx[b]\t1\t2\n", encoding="utf-8")
    text = small_model("r: a, b ~~|\nc[r] = 2, 1 ~~|\n").text + equations + "\n:L\x7f<%^E!@\n" + data
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnsupportedError, match=what):
        flatten(parse(read_text(path), str(path)))


VIEW = r"""\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*Sector 1 People in the places
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
10,1,Waiting,300,150,40,20,3,3,0,0,0,0,0,0
12,2,48,110,150,10,8,0,3,0,0,-1,0,0,0
1,3,5,1,4,0,0,22,0,0,0,-1--1--1,,1|(230,150)|
1,4,5,2,100,0,0,22,0,0,0,-1--1--1,,1|(155,150)|
11,5,0,195,150,6,8,34,3,0,0,1,0,0,0
10,6,arrivals,195,169,26,11,40,3,0,0,-1,0,0,0
10,7,pull,100,250,26,11,8,3,0,0,0,0,0,0
1,8,7,6,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
10,9,total,400,250,26,11,8,3,0,0,0,0,0,0
1,10,1,9,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
10,11,only south,300,250,26,11,8,3,0,0,0,0,0,0
12,12,0,200,20,60,10,8,4,0,0,-1,0,0,0
Sector 1 People, all of them
///---\\\
"""


def test_views_by_element() -> None:
    text = small_model(
        """
        place: North, South ~~|
        coast: South ~~|
        other: x1, x2, x3 ~~|
        Waiting[place] = INTEG(arrivals[place], 0) ~~|
        arrivals[place] = pull * 2 ~~|
        pull = 1 ~~|
        total = SUM(Waiting[place!]) ~~|
        only south[coast] = 3 ~~|
        listed[other] = 4 ~~|
        """,
        settings=VIEW,
    ).text
    source = parse(text)
    flat = flatten(source)
    sketch = parse_sketch(flat_text(text, flat, lower(source)))
    (view,) = sketch.views
    assert view.name == "Sector 1 People in the places"
    places = {n: [w for w in view.words if w.key == n.lower()] for n in ("Waiting North", "Waiting South")}
    (north,), (south,) = places.values()
    (line,) = (w.y for w in view.words if w.text and w.text.endswith("South"))
    assert north.x == south.x and north.y < line < south.y  # the same page, once below the other
    above = [w for w in view.words if w.kind == 10 and w.y < line]
    below = [w for w in view.words if w.kind == 10 and w.y > line and not w.name.isupper()]
    assert {w.name: w.shadow for w in above} == {
        "Waiting North": False, "arrivals North": False, "pull": True,
    }  # fmt: skip
    assert {w.name: w.shadow for w in below} == {
        "Waiting South": False, "arrivals South": False, "only south South": False, "pull": False, "total": False,
        "listed x1": False, "listed x2": False, "listed x3": False,
    }  # fmt: skip
    assert [w.role for w in view.words].count("cloud") == 2 and len([a for a in view.arrows if a.pipe]) == 4
    assert [w.text for w in view.words if w.text] == [
        f"Sector 1 People, all of them: {place}" for place in ("North", "South")
    ]
    counts = Counter(n for v in sketch.views for n in v.defined)
    assert counts == Counter({fold(n): 1 for n in flat.names.values()})
    ids = [r.id for r in (*view.words, *view.arrows)]
    assert len(set(ids)) == len(ids)
    assert all(a.start in view.by_id and a.end in view.by_id for a in view.arrows)


def test_pages_of_a_sector_stand_side_by_side_and_empty_bands_are_narrowed() -> None:
    model = small_model("r: a, b ~~|\nx[r] = 1 ~~|\ny[r] = x[r] ~~|\nz = 3 ~~|\n").text
    head = VIEW[VIEW.index("$") : VIEW.index("10,1,")]
    words = {
        "Plan 1": "10,1,x,300,150,40,20,8,3,0,0,0,0,0,0\n10,2,y,900,150,40,20,8,3,0,0,0,0,0,0\n"
        "1,3,1,2,1,0,0,0,0,64,0,-1--1--1,,1|(600,100)|\n",
        "Plan 2": "10,1,z,300,150,40,20,8,3,0,0,0,0,0,0\n",
        "View 1": "10,1,x,300,150,40,20,8,2,0,0,0,0,0,0\n",
        "View 2": "10,1,z,300,150,40,20,8,2,0,0,0,0,0,0\n",
    }
    top = "\\\\\\---/// Sketch information - do not modify anything except names\nV300  Do not put anything below\n"
    text = model + "".join(f"{top}*{name}\n{head}{own}" for name, own in words.items()) + "///---\\\\\\\n"
    source = parse(text)
    plan, *rest = parse_sketch(flat_text(text, flatten(source), lower(source))).views
    assert plan.name == "Plan" and [v.name for v in rest] == ["View 1", "View 2"]
    at = {w.name: w for w in plan.words if w.kind == 10 and not w.name.isupper()}
    assert set(at) == {"x a", "x b", "y a", "y b", "z"}
    assert at["x a"].y == at["y a"].y == at["z"].y < at["x b"].y == at["y b"].y
    assert at["x a"].x == at["x b"].x < at["y a"].x < at["z"].x - 80  # the second page beside the first
    assert at["y a"].x - at["x a"].x < 200  # were 600 apart, with nothing between them
    assert [w.text for w in plan.words if w.kind == 12] == ["a", "b"]  # pages without headings get one
    (arc, other) = plan.arrows
    assert at["x a"].x < arc.points[0][0] < at["y a"].x and arc.points[0][0] == other.points[0][0]


def test_what_a_comment_says_of_other_elements_is_left_out() -> None:
    said = "Arrivals. {}: from 2014 on, at first; {}: none. Source: assumption."
    text = small_model(f"r: North, South ~~|\nx[r] = 1, 2 ~ Dmnl ~ {said.format('North', 'South')} |").text
    model = lower(parse(flat_of(text)[1]))
    assert (
        model.variables["x north"].comment == "Arrivals. North: from 2014 on, at first. Source: assumption."
    )
    assert model.variables["x south"].comment == "Arrivals. South: none. Source: assumption."
    once = small_model("r: North, South ~~|\nx[r] = 1, 2 ~ Dmnl ~ Arrivals. North: from 2014 on. |").text
    assert lower(parse(flat_of(once)[1])).variables["x south"].comment == "Arrivals. North: from 2014 on."


def test_a_model_without_views_is_laid_out() -> None:
    source = parse(small_model("r: a, b ~~|\nx[r] = 1 ~~|\ny = SUM(x[r!]) ~~|").text)
    whole = flat_text(source.text, flatten(source), lower(source))
    assert {"x a", "x b", "y"} <= parse_sketch(whole).defined


def test_views_without_words_count_as_none() -> None:
    head = "\\\\\\---/// Sketch information - do not modify anything except names\nV300  Do not put anything below\n"
    style = VIEW[VIEW.index("$") : VIEW.index("10,1,")]
    end = "///---\\\\\\\n"
    model = small_model("r: a, b ~~|\ns: c, d ~~|\nx[r] = 1 ~~|\nz[r, s] = 2 ~~|\ny = SUM(x[r!]) ~~|\n").text
    both = "10,1,z,300,150,40,20,8,2,0,0,0,0,0,0\n"  # over two ranges: nothing of it stands on a flat view
    one = "10,1,y,300,150,40,20,8,3,0,0,0,0,0,0\n"
    for views in ([""], ["", one], [both, one], [both]):
        text = model + "".join(f"{head}*View {n}\n{style}{words}" for n, words in enumerate(views, 1)) + end
        source = parse(text)
        sketch = parse_sketch(flat_text(text, flatten(source), lower(source)))
        assert {"x a", "x b", "y", "z a c", "z b d"} <= sketch.defined
        assert all(view.words for view in sketch.views)


@pytest.mark.unmeasured
def test_the_shipped_model_and_its_flat_form() -> None:
    path = resources.root() / "models" / "migration.mdl"
    text = read_text(path)
    source = parse(text, str(path))
    flat = flatten(source)
    whole = flat_text(text, flat, lower(source))
    kept = path.with_name("migration-flat.mdl")
    assert whole.encode() == kept.read_bytes(), (
        "models/migration-flat.mdl is out of date: make flat renews it"
    )
    assert assert_equal(text, flat, whole, save_every=12) > 3500
    sketch = parse_sketch(whole)
    counts = Counter(n for v in sketch.views for n in v.defined)
    assert counts == Counter({fold(n): 1 for n in flat.names.values()})
    assert len(sketch.views) < 20


def test_command_and_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.mdl").write_text(small_model(SHORT).text, encoding="utf-8")
    assert cli.main(["flatten", "m.mdl"]) == 0
    assert cli.main(["diff", "m.mdl", "m-flat.mdl"]) == 0
    told = capsys.readouterr().out
    assert "Compared element by element" in told and "No equation differs." in told
    changes = ["share South men=0.5", "leaving North women=Waiting North women * 2", "rate South=0.2"]
    assert cli.main(["set", "m-flat.mdl", *changes]) == 0
    capsys.readouterr()
    assert cli.main(["diff", "m.mdl", "m-flat.mdl", "--no-figures"]) == 0
    told = capsys.readouterr().out
    assert "share[South,men]" in told and "rate[South]" in told and "leaving[North,women]" in told
    assert "Waiting[North,women]" in told[told.index("What moved most") :]
    assert cli.main(["flatten", "m.mdl", "--out", "m.mdl"]) == 1
