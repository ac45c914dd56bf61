"""The validation page as a person sees it: one file, no network, readable on a desk and on a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from tests.conftest import run_flows

pytestmark = pytest.mark.browser

SIZES = {"desk": (1440, 1000), "telephone": (390, 844)}
SCHEMES: dict[str, Literal["light", "dark"]] = {"desk": "light", "telephone": "dark"}
SECTIONS = ("verdict", "missed", "structure", "fit", "forecast", "told", "moved", "alone", "stated", "made")


@pytest.fixture(scope="session")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validation")
    said = run_flows("validate", "--quick", "--out", str(folder / "validation"), cwd=folder)
    assert "weighted error in sample" in said
    return folder / "validation" / "index.html"


@pytest.mark.parametrize("size", SIZES)
def test_the_page_opens_alone_and_fits(chromium: Browser, validation: Path, size: str) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=SCHEMES[size], offline=True
    )
    page = context.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type in ("error", "warning") else None)
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(validation.as_uri(), wait_until="load")
    assert faults == []
    assert [url for url in asked if url != validation.as_uri() and not url.startswith("data:")] == []
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room
    for section in SECTIONS:
        assert page.locator(f"h2#{section}").count() == 1
    images = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.alt.trim()])")
    assert len(images) > 30
    assert all(width > 0 and alt for width, alt in images)
    cells = page.evaluate("[...document.querySelectorAll('td')].map(c => c.innerText.trim())")
    assert {"nan", "inf", "-inf", "None", "undefined", "NaN"}.isdisjoint(cells)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    context.close()


def test_every_table_lies_beside_the_page(validation: Path) -> None:
    tables = {path.name for path in validation.parent.glob("*.csv")}
    assert {"series.csv", "points.csv", "criteria.csv", "missed.csv", "figures.csv", "sectors.csv"} <= tables
    assert (validation.parent / "provenance.json").is_file()
    header = (validation.parent / "points.csv").read_text(encoding="utf-8").splitlines()[0]
    assert {"observed", "model", "low90", "high90", "last", "frozen_median"} <= set(header.split(","))
