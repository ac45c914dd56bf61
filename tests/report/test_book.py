"""The model book: every equation on a page, loops and boundary beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.conftest import small_model

import flows
from flows.inputs.boundary import Boundary, Cloud, Excluded, read_boundary
from flows.inputs.loops import NamedLoop
from flows.inputs.tables import find
from flows.loops import find_loops
from flows.report import book

TEXT = """
********************************************************
	.Herds
********************************************************~
		Animals and what becomes of them.
	|
herd: north, south ~ ~ |
animals[herd] = INTEG(births[herd] - deaths[herd], 100) ~ Animal ~ Animals alive. Source: definition. |
births[herd] = animals[herd] * birth rate[herd] ~ Animal/Month ~ Births. |
deaths[herd] = animals[herd] * \\
	mortality(Time) ~ Animal/Month ~ Deaths. |
birth rate[herd] = 0.02, 0.03 ~ 1/Month [0,1] ~ Births for each animal. Source: assumption. |
mortality((0,0.01),(10,0.02)) ~ 1/Month ~ Deaths.|
"""


def test_every_variable_stands_on_the_page_of_its_group() -> None:
    pages = book.pages(small_model(TEXT))
    page = pages["herds.md"]
    assert page.startswith("# Herds\n\nAnimals and what becomes of them.")
    assert "**animals[herd]** · unit Animal" in page
    assert "deaths[herd] = animals[herd] * mortality(Time)" in page  # without the continuation mark
    assert "*Source: definition.*" in page
    assert (
        "| `birth rate[herd]` | north 0.02, south 0.03 | 1/Month | 0 to 1 | Births for each animal. | assumption |"
        in page
    )
    order = [page.index(f"## {h}") for h in ("Stocks", "Flows", "Series and lookups", "Constants")]
    assert order == sorted(order)
    assert "[Herds](herds.md) | 1 | 2 | 0 | 1 | 1 |" in pages["index.md"]
    assert "animals (Animal)" in pages["boundary.md"]


SKETCH = """
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*The herd
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
10,1,animals,300,200,40,20,3,3,0,0,0,0,0,0
10,2,birth rate,100,200,40,20,8,3,0,0,0,0,0,0
*Empty
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0
///---\\\\\\
:L\x7f<%^E!@
15:0,0,0,0,0,0
"""


def test_named_loops_and_what_cutting_them_does() -> None:
    text = TEXT.replace("* birth rate[herd] ~", "* birth rate[herd] * breeding ~")
    model = small_model(text + "breeding = 1 ~ Dmnl [0,1] ~ Whether they breed. |\n")
    named = [
        NamedLoop(
            id="R1", name="More | births", through=("animals", "births"), reading="reinforcing",
            switch="breeding", source="a test",
        ),
        NamedLoop(
            id="B1", name="Deaths", through=("animals", "deaths"), reading="reinforcing", source="assumption"
        ),
    ]  # fmt: skip
    cut = xr.DataArray(
        [[[-0.25, 0.0001]], [[np.nan, 0.5]]],
        dims=("loop", "outcome", "month"),
        coords={"loop": ["R1", "B1"], "outcome": ["animals"], "month": ["2013-02", "2013-04"]},
    )
    boundary = Boundary(
        {"births": Cloud(why="Parents | are not counted.")}, (Excluded(what="Wolves", why="There are none."),)
    )
    pages = book.pages(model, loops=find_loops(model, named), cut=cut, boundary=boundary)
    herds, loops = pages["herds.md"], pages["loops.md"]
    assert "- **R1** More | births (reinforcing)" in herds and "- **B1** Deaths (balancing)" in herds
    assert "| **R1** | More \\| births | reinforcing | reinforcing | `breeding` | a test |" in loops
    assert "| **B1** | Deaths | balancing (differs) | reinforcing |  | assumption |" in loops
    assert "**B1** Deaths: `animals` → `deaths` → `animals`" in loops
    assert "| loop | animals, 2013-02 | animals, 2013-04 |" in loops
    assert "| **R1** | -25.0 % | 0 % |" in loops and "| **B1** | – | +50.0 % |" in loops
    assert "- animals, 2013-04: **B1** (+50.0 %), **R1** (0 %) move it most." in loops
    assert "| Wolves | There are none. |" in pages["boundary.md"]
    assert "| births | Parents \\| are not counted. |" in pages["boundary.md"]
    plain = book.pages(model)
    assert "What cutting one does" not in plain["loops.md"] and "| loop |" not in plain["loops.md"]
    assert "Left out" not in plain["boundary.md"] and "[loops](loops.md)" not in plain["herds.md"]


def test_views_of_the_sketch_stand_on_the_page_of_their_sector(tmp_path: Path) -> None:
    text = small_model(TEXT, settings=SKETCH).text
    path = tmp_path / "herds.mdl"
    path.write_text("{UTF-8}\n" + text, encoding="utf-8")
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "mine.md").write_text("kept", encoding="utf-8")
    index = book.make(flows.read_vensim(path), folder)
    assert "view-the-herd.svg" in (folder / "herds.md").read_text(encoding="utf-8")
    assert "animals" in (folder / "view-the-herd.svg").read_text(encoding="utf-8")
    assert not (folder / "view-empty.svg").exists()
    assert (folder / "mine.md").read_text(encoding="utf-8") == "kept"
    assert "view-the-herd" not in index.read_text(encoding="utf-8")  # it isn't the overview


def test_tables_of_constants_say_how_many_values_there_are() -> None:
    made = small_model(
        "a: a1, a2 ~~|\nb: b1, b2 ~~|\nshare[a,b] = 1, 2; 3, 40; ~ Dmnl ~ Shares. |\nseries = Time / 2 ~ Month ~ |"
    )
    (page,) = [text for name, text in book.pages(made).items() if "Shares." in text]
    assert "| 4 values from 1 to 40 | Dmnl |  | Shares. |  |" in page


@pytest.mark.unmeasured
def test_the_shipped_book_holds_every_variable_once(tmp_path: Path) -> None:
    model = flows.read_vensim(find("model", "migration"))
    index = book.make(model, tmp_path / "book", shipped=True)
    texts = {p.stem: p.read_text(encoding="utf-8") for p in index.parent.glob("*.md")}
    assert {s.slug for s in book.sectors(model)} | {"index", "loops", "boundary"} == set(texts)
    for sector in book.sectors(model):
        for v in sector.variables:
            head = f"`{v.spelling}" if v.kind == "constant" else f"**{v.spelling}"
            assert (
                texts[sector.slug].count(head + "`")
                + texts[sector.slug].count(head + "[")
                + texts[sector.slug].count(head + "**")
                == 1
            ), v.spelling


def test_the_boundary_says_why() -> None:
    boundary = read_boundary()
    assert all(cloud.why.endswith(".") for cloud in boundary.clouds.values())
    assert all(e.why.endswith(".") for e in boundary.excluded)


def test_pages_of_groups_that_are_spelt_alike_or_like_others_stay_apart() -> None:
    names = ("Herds", "herds!", "Loops", "Index", "Aux", "Πρόβατα", "Stáda")
    heads = "*" * 56 + "\n\t.{}\n" + "*" * 56 + "~\n\t\t{}\n\t|\n{} = 1 ~ Dmnl ~ One. |\n"
    model = small_model("".join(heads.format(name, name, f"one {k}") for k, name in enumerate(names)))
    slugs = [part.slug for part in book.sectors(model)]
    assert [part.name for part in book.sectors(model)] == list(names)
    assert slugs == ["herds", "herds-2", "loops-2", "index-2", "aux-2", "other-variables", "st-da"]
    pages = book.pages(model)
    for name, slug in zip(names, slugs, strict=True):
        assert pages[f"{slug}.md"].startswith(f"# {name}\n")
        assert f"[{name}]({slug}.md)" in pages["index.md"]
