"""The simulator for everyone: axe finds nothing serious, in any view, size, language or light."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

VIEWS = ("results", "diagram", "why", "numbers", "about")
SETTINGS: tuple[tuple[str, tuple[int, int], Literal["light", "dark"], str], ...] = (
    ("desk", (1440, 900), "light", "en"),
    ("tablet", (1024, 768), "dark", "en"),
    ("telephone", (390, 844), "light", "es"),
)
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


@pytest.fixture(params=SETTINGS, ids=[name for name, *_ in SETTINGS])
def page(request: pytest.FixtureRequest, chromium: Browser, simulator: Path) -> Iterator[Page]:
    _, (width, height), scheme, lang = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        offline=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{simulator.as_uri()}#v=1&with=us-tightening&levers=interception-capacity~2~~~&lang={lang}")
    page.wait_for_selector("body[data-state=ready]", timeout=60_000)
    page.evaluate("window.flowsPage.data.draws.values.length = 0")  # the band would take the processor
    yield page
    context.close()


def faults(page: Page) -> list[str]:
    """What axe calls serious or critical, and whatever stands outside landmarks or the order of headings."""
    found: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']}: {one['help']}: "
        + "; ".join(f"{n['target']} {n['failureSummary']}" for n in one["nodes"][:4])
        for one in found
        if one["impact"] in ("serious", "critical") or one["id"] in ("heading-order", "region")
    ]


def test_axe_finds_nothing_serious(page: Page) -> None:
    for view in VIEWS:
        page.evaluate("view => document.getElementById('tab-' + view).click()", view)
        page.wait_for_selector("body[data-state=ready]")
        assert faults(page) == [], view


def test_axe_finds_nothing_serious_among_the_levers(page: Page) -> None:
    page.evaluate("document.getElementById('open-levers').click()")
    page.evaluate("document.querySelectorAll('#levers details').forEach(one => { one.open = true; })")
    page.evaluate("location.hash = '#v=9'")  # with a message open
    page.wait_for_selector("#message:not([hidden])")
    assert faults(page) == []
