"""The documentation of a model as a page: what it says, where it leads, and that no model gets a word into its code."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows import cli
from flows.document import Documentation, gather, page, read_documentation

CONTROL = """
********************************************************
	.Control
********************************************************~
		Simulation Control Parameters
	|
INITIAL TIME = 0 ~ Month ~ Start. |
FINAL TIME = 10 ~ Month ~ End. |
TIME STEP = 0.5 ~ Month ~ Step. |
SAVEPER = 1 ~ Month ~ Saved. |
"""

CLEAN = """{UTF-8}
********************************************************
	.People
********************************************************~
		Who lives here.
	|
Population = INTEG(births - deaths, initial people * 2) ~ Person ~ People. |
births = Population * birth \\
		rate ~ Person/Month ~ Born. |
birth rate = 0.02 ~ 1/Month [0,1] ~ Assumption. |
deaths = Population / "life time" ~ Person/Month ~ Died. |
"life time" = 100 ~ Month ~ Assumption. |
initial people = 50 ~ Person ~ Assumption. |
age : young, old ~~|
share[age] = 0.4, 0.6 ~ Dmnl ~ By age. |
people by age[age] = Population * share[age] ~ Person ~ A result. ~ :SUPPLEMENTARY |
"""

SKETCH = r"""\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*{view}
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
10,1,Population,300,150,40,20,3,3,0,0,0,0,0,0
10,2,birth rate,195,169,26,11,8,2,0,0,-1,0,0,0
12,3,0,195,269,26,11,8,4,0,0,-1,0,0,0
{comment}
///---\\\
"""


class Page(HTMLParser):
    """Tags, attributes and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, name: str) -> list[str]:
        """Values of an attribute."""
        return [value for _, key, value in self.attributes if key == name]


def document(folder: Path, text: str, **options: bool) -> Documentation:
    path = folder / "small.mdl"
    path.write_text(text, encoding="utf-8")
    return read_documentation(path, **options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Documentation:
    sketch = SKETCH.format(view="All", comment="A remark")
    return document(tmp_path_factory.mktemp("clean"), CLEAN + CONTROL + sketch)


def text_of(parts: object) -> str:
    return "".join(part.text for part in parts)  # type: ignore[attr-defined]


def test_each_variable_with_what_it_uses_and_what_uses_it(clean: Documentation) -> None:
    stock = clean.entries["population"]
    assert (stock.kind, stock.units, stock.group, stock.line) == ("stock", "Person", "People", 7)
    assert (stock.uses, stock.at_start) == (("births", "deaths"), ("initial people",))
    assert (stock.inflows, stock.outflows) == (("births",), ("deaths",))
    assert set(stock.used_by) == {"births", "deaths", "people by age"}
    assert text_of(stock.initial) == "initial people * 2"
    assert (stock.first, stock.loops, stock.views) == (100.0, 2, (0,))
    assert clean.entries["births"].kind == "flow"
    assert clean.entries["birth rate"].limits == (0, 1)
    assert clean.entries["people by age"].supplementary
    assert clean.entries["people by age"].ranges == ("age",)


def test_names_in_equations_lead_on_even_if_broken_over_lines(clean: Documentation) -> None:
    ((line, parts),) = clean.entries["births"].equations
    assert line == 8
    assert text_of(parts) == "births = Population * birth rate"
    assert [p.target for p in parts if p.target] == ["population", "birth rate"]
    ((_, quoted),) = clean.entries["deaths"].equations
    assert [(p.text, p.target) for p in quoted if p.target][1] == ('"life time"', "life time")


def test_loops_with_their_polarity(clean: Documentation) -> None:
    assert clean.feedback.total == 2
    signs = {c.path: c.polarity for c in clean.feedback.circles}
    assert signs == {("population", "births"): "reinforcing", ("population", "deaths"): "balancing"}


def test_the_page_says_it_all(clean: Documentation) -> None:
    made = Page(page(clean))
    words = " ".join(" ".join(made.words).split())
    for said in ("Who lives here.", "0.5 Month", "Euler", "initial people * 2", "0 to 1", "marked as a result",
                 "2 shortest independent loops", "A remark", "young, old", "on 2 loops", "Died."):  # fmt: skip
        assert said in words
    assert "100 %" in words  # have units


def test_every_link_leads_somewhere_and_no_address_stands_twice(clean: Documentation) -> None:
    made = Page(page(clean))
    ids = made.all("id")
    assert len(ids) == len(set(ids))
    assert {h.removeprefix("#") for h in made.all("href")} <= set(ids)
    assert all(h.startswith("#") for h in made.all("href"))


NASTY = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'><svg/onload=alert(3)>{{ 7*7 }}"
)


def test_a_hostile_model_stays_words(tmp_path: Path) -> None:
    name = '"' + NASTY.replace('"', '\\"').replace("|", "") + '"'
    text = f"""{{UTF-8}}
********************************************************
	.{NASTY}
********************************************************~
		{NASTY}
	|
{name} = 1 ~ {NASTY.replace("[", "(")} ~ {NASTY} \x00\x1b |
stock = INTEG({name}, 0) ~ Person ~ {NASTY} |
javascript:alert(1) ~~ {NASTY} |
"""
    sketch = SKETCH.format(view=NASTY, comment=NASTY).replace("birth rate", name)
    made = page(document(tmp_path, text + CONTROL + sketch))
    seen = Page(made)
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [
        key for _, key, _ in seen.attributes if key.startswith("on") or key in ("src", "srcset", "formaction")
    ]
    assert all(h.startswith("#") for h in seen.all("href"))
    assert "49" not in re.sub(r"[\d.]{3,}", "", " ".join(seen.words)).split()
    assert "\x00" not in made and "\x1b" not in made
    assert "default-src 'none'" in seen.all("content")[0]


def test_what_can_be_read_is_documented_and_the_rest_listed(tmp_path: Path) -> None:
    broken = CLEAN.replace("birth rate = 0.02", "birth rate = 0.02 )").replace("Population /", "Populaton /")
    doc = document(tmp_path, broken + CONTROL)
    assert {f.rule for f in doc.findings if f.level == "error"} == {"syntax", "undefined"}
    assert "deaths" in doc.entries and "birth rate" not in doc.entries
    assert doc.entries["population"].course is None
    assert "Did you mean" in page(doc)


def test_macros_and_lookups(tmp_path: Path) -> None:
    text = """{UTF-8}
:MACRO: twice(x)
twice = 2 * x ~ x ~ Twice. |
:END OF MACRO:
a = twice(table(Time / 2)) ~ Dmnl ~ |
table((0,0),(1,3),(2,1)) ~ Dmnl ~ |
"""
    doc = document(tmp_path, text + CONTROL)
    assert doc.entries["table"].kind == "lookup"
    assert doc.entries["table"].course is not None
    assert doc.entries["a"].uses == ("twice", "table")
    made = page(doc)
    assert '<a class="k-macro" href="#m-twice">twice</a>' in made
    assert 'id="m-twice"' in made


def test_without_a_run_nothing_is_drawn(tmp_path: Path) -> None:
    doc = document(tmp_path, CLEAN + CONTROL, run=False)
    assert all(e.course is None for e in doc.entries.values() if e.kind != "lookup")


def test_the_command_writes_a_page_or_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.mdl").write_text(CLEAN + CONTROL, encoding="utf-8")
    assert cli.main(["docs", "small.mdl"]) == 0
    place = Path("outputs/docs/small")
    assert capsys.readouterr().out.strip() == "outputs/docs/small/index.html"
    assert "<title>small: documentation of the model</title>" in (place / "index.html").read_text("utf-8")
    assert [i["path"] for i in json.loads((place / "provenance.json").read_text("utf-8"))["inputs"]] == [
        "small.mdl"
    ]
    assert cli.main(["docs", "small.mdl", "--out", "small.pdf"]) == 1
    assert "ends in .html" in capsys.readouterr().err
    assert cli.main(["docs", "small.mdl", "--markdown", "--out", "book"]) == 0
    assert Path("book/people.md").is_file()
    assert cli.main(["docs", "small.mdl", "--markdown"]) == 0
    assert {p.name for p in Path("outputs/book/small").iterdir()} >= {
        "people.md",
        "index.md",
        "provenance.json",
    }


XMILE = """<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<header><name>small</name></header>
<sim_specs time_units="Month"><start>0</start><stop>4</stop><dt>1</dt></sim_specs>
<model><variables>
<stock name="people"><eqn>first * 2</eqn><inflow>births</inflow><units>Person</units></stock>
<flow name="births"><eqn>people * (rate + 0.01)</eqn><units>Person/Month</units></flow>
<aux name="rate"><eqn>0.02</eqn><units>1/Month</units></aux>
<aux name="first"><eqn>50</eqn><units>Person</units></aux>
<gf name="curve"><xscale min="0" max="2"/><ypts>0,1,4</ypts></gf>
</variables></model></xmile>
"""


def test_equations_of_an_xmile_file_are_written_in_the_language_of_vensim(tmp_path: Path) -> None:
    path = tmp_path / "small.xmile"
    path.write_text(XMILE, encoding="utf-8")
    found = read_documentation(path)
    ((_, births),) = found.entries["births"].equations
    assert text_of(births) == "births = people * (rate + 0.01)"
    assert [p.target for p in births if p.target] == ["people", "rate"]
    people = found.entries["people"]
    assert text_of(people.initial) == "first * 2" and (people.kind, people.inflows) == ("stock", ("births",))
    assert found.entries["curve"].kind == "lookup"
    assert "(0, 0), (1, 1), (2, 4)" in text_of(found.entries["curve"].equations[0][1])


@pytest.mark.parametrize(
    ("equation", "kind"),
    [
        ("it = 3", "constant"),
        ("it[age] = 1, 2", "constant"),
        ("it = INTEG(no such thing, 0)", "stock"),
        ("it((0,0),(1,1))", "lookup"),
        ("it = no such thing * 2", "auxiliary"),
        ("it", "data"),
        ("it :IS: 'a word'", "text"),
    ],
)
def test_kinds_are_told_of_a_model_that_cannot_be_run_too(tmp_path: Path, equation: str, kind: str) -> None:
    found = document(tmp_path, f"age : young, old ~~|\n{equation} ~~|\nother = 1 + ~~|\n" + CONTROL)
    assert found.entries["it"].kind == kind
    assert found.entries["it"].course is None


def test_views_that_cannot_be_read_leave_a_remark(tmp_path: Path) -> None:
    broken = SKETCH.format(view="All", comment="x").replace("10,1,Population,300", "10,one,Population,300")
    found = document(tmp_path, CLEAN + CONTROL + broken)
    assert not found.diagrams
    (remark,) = found.remarks
    assert remark.startswith("The views can't be drawn: ")


def test_initial_values_with_commas_in_names_and_calls(tmp_path: Path) -> None:
    text = 'a = INTEG(MAX(1, "so, what") * 2, MIN("so, what", 3) + 1) ~~|\n"so, what" = 5 ~~|\n'
    found = document(tmp_path, text + CONTROL)
    assert text_of(found.entries["a"].initial) == 'MIN("so, what", 3) + 1'
    assert found.entries["a"].uses == ("so, what",)


def test_names_that_would_share_an_address_get_addresses_of_their_own(tmp_path: Path) -> None:
    found = document(tmp_path, '"a+b" = 1 ~~|\n"a-b" = 2 ~~|\n"出生" = 3 ~~|\n"死亡" = 4 ~~|\n' + CONTROL)
    addresses = [e.anchor for e in found.entries.values()]
    assert addresses[:4] == ["v-a-b", "v-a-b-2", "v-x", "v-x-2"] and len(set(addresses)) == len(addresses)


def test_loops_that_a_file_names_and_those_of_another_model(tmp_path: Path) -> None:
    named = (
        '[[loop]]\nid = "R1"\nname = "People bring people"\nreading = "reinforcing"\nsource = "Assumption."\n'
        'through = ["Population", "births"]\n'
    )
    (tmp_path / "loops.toml").write_text(named, encoding="utf-8")
    found = document(tmp_path, CLEAN + CONTROL).feedback
    (circle,) = found.circles
    assert found.named and (circle.path, circle.polarity) == (("population", "births"), "reinforcing")
    assert circle.name == "R1 People bring people"
    (tmp_path / "loops.toml").write_text(named.replace("births", "hires"), encoding="utf-8")
    other = document(tmp_path, CLEAN + CONTROL).feedback
    assert not other.named and other.total == 2


def test_a_run_that_stops_leaves_the_page_without_pictures(tmp_path: Path) -> None:
    found = document(
        tmp_path, CLEAN.replace("initial people = 50", "initial people = 50 / (Time - Time)") + CONTROL
    )
    assert found.entries["population"].course is None
    quick = document(tmp_path, CLEAN + CONTROL, run=False)
    assert all(e.course is None for e in quick.entries.values())


def test_shares_are_rounded_and_100_only_where_none_is_missing() -> None:
    from flows.document.page import Share

    assert [Share("", *n).percent for n in ((8, 9), (999, 1000), (5, 5), (0, 0))] == [
        "89 %",
        "99 %",
        "100 %",
        "–",
    ]


@pytest.mark.parametrize(
    ("equation", "kind"),
    [
        ("it = 3", "constant"),
        ("it[age] = 1, 2", "constant"),
        ("it = INTEG(other, 0)", "stock"),
        ("it((0,0),(1,1))", "lookup"),
        ("it = other * 2", "auxiliary"),
        ("it", "data"),
    ],
)
def test_kinds_are_told_by_the_equations_alone_where_ranges_make_no_sense(
    tmp_path: Path, equation: str, kind: str
) -> None:
    found = document(tmp_path, f"age : old ~~|\nold : age ~~|\n{equation} ~~|\nother = 1 ~~|\n" + CONTROL)
    assert found.entries["it"].kind == kind
    assert not found.subscripts and [f.rule for f in found.findings if f.level == "error"] == ["meaning"]
    assert "defined by itself" in page(found)


def test_what_has_the_name_of_a_function_or_of_no_control_is_left_out(tmp_path: Path) -> None:
    found = document(tmp_path, "MAX = 3 ~~|\nother = 1 ~~|\n" + CONTROL)
    assert "max" not in found.entries and "other" in found.entries
    fragment = document(tmp_path, CLEAN)
    assert fragment.controls == () and "the model has no INITIAL TIME" in page(fragment)


@pytest.mark.parametrize("limit", ["_LONGEST_RUN", "_LARGE"])
def test_a_run_too_large_for_pictures_leaves_those_of_lookups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    text = CLEAN + "table((0,0),(20,3)) ~ Dmnl ~ |\nread = table(Time) ~ Dmnl ~ |\n" + CONTROL
    assert document(tmp_path, text).entries["population"].course is not None
    monkeypatch.setattr(gather, limit, 1)
    entries = document(tmp_path, text).entries
    assert entries["population"].course is None and entries["table"].course is not None


def test_a_group_in_two_parts_has_its_first_comment(tmp_path: Path) -> None:
    head = "********************************************************\n\t.{}\n****~\n\t\t{}\n\t|\n"
    parts = (head.format(*one) + f"{name} = 1 ~~|\n" for name, one in PARTS.items())
    found = document(tmp_path, "{UTF-8}\n" + "".join(parts) + CONTROL)
    assert [(g.name, g.comment, g.members) for g in found.groups[:2]] == [
        ("One", "The first.", ("a", "c")),
        ("Two", "", ("b",)),
    ]


PARTS = {"a": ("One", "The first."), "b": ("Two", ""), "c": ("One", "The third.")}
