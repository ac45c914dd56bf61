"""The documentation of a model in a browser: it fits, it filters, its script is allowed and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from flows.document import page, read_documentation

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documentation") / "demography.html"
    path.write_text(page(read_documentation(ROOT / "models" / "demography.mdl")), encoding="utf-8")
    return path


@pytest.fixture(params=[(1440, 900, "light"), (390, 844, "dark")], ids=["desk", "telephone"])
def seen(request: pytest.FixtureRequest, chromium: Browser, file: Path) -> Iterator[Page]:
    width, height, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
    )
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    opened.goto(file.as_uri(), wait_until="load")
    yield opened
    context.close()
    assert faults == []


def test_it_fits_the_width(seen: Page) -> None:
    assert seen.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_filter_finds_and_lets_go(seen: Page) -> None:
    every = seen.locator("article[id^=v-]").count()
    seen.get_by_role("searchbox").fill("deaths")
    shown = seen.locator("article[id^=v-]:visible").count()
    assert 0 < shown < every
    assert seen.locator("#told").inner_text() == f"{shown} of {every} variables"
    seen.get_by_role("searchbox").fill("no such thing")
    assert seen.locator("#told").inner_text() == f"nothing found among {every} variables"
    seen.get_by_role("searchbox").fill("deaths")
    seen.locator("select[name=kind]").select_option("stock")
    assert seen.locator("article.k-constant:visible").count() == 0
    seen.get_by_role("button", name="Clear").click()
    seen.wait_for_function("document.querySelectorAll('article[hidden]').length === 0")


def test_a_link_to_what_is_filtered_out_shows_it(seen: Page) -> None:
    seen.get_by_role("searchbox").fill("no variable is called so")
    assert seen.locator("article[id^=v-]:visible").count() == 0
    seen.evaluate("location.hash = document.querySelector('article').id")
    seen.wait_for_function("!document.querySelector('article').hidden")


def test_it_is_accessible(seen: Page) -> None:
    found = Axe().run(seen, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == []
