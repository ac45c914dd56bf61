"""The model book: every equation on a page, loops and boundary beside them."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import small_model

import flows
from flows.inputs.boundary import read_boundary
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


def test_the_shipped_book_holds_every_variable_once(tmp_path: Path) -> None:
    model = flows.read_vensim("models/migration.mdl")
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
