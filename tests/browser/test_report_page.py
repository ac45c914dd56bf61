"""The report as a person sees it: one file, no network, readable on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

DESK, TABLET, TELEPHONE = (1440, 900), (1024, 768), (390, 844)


@dataclass
class Seen:
    """What happened while the page was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@pytest.fixture(params=[DESK, TABLET, TELEPHONE], ids=["desk", "tablet", "telephone"])
def seen(request: pytest.FixtureRequest, chromium: Browser, report: Path) -> Iterator[Seen]:
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    seen = Seen(page)
    page.on("request", lambda sent: seen.requests.append(sent.url))
    page.on("pageerror", lambda error: seen.faults.append(str(error)))
    page.on(
        "console", lambda line: seen.faults.append(line.text) if line.type in ("error", "warning") else None
    )
    page.goto(report.as_uri(), wait_until="load")
    yield seen
    context.close()


def test_opens_without_faults_and_asks_for_nothing(seen: Seen, report: Path) -> None:
    assert seen.faults == []
    outside = [
        url for url in seen.requests if url != report.as_uri() and not url.startswith(("data:", "blob:"))
    ]
    assert outside == []


def test_pictures_are_inside_the_file(seen: Seen) -> None:
    images = seen.page.evaluate(
        """[...document.images].map(
            image => ({inside: image.src.startsWith('data:'), width: image.naturalWidth, alt: image.alt})
        )"""
    )
    figures = len(images) + seen.page.locator("svg").count()
    assert figures >= 3
    for image in images:
        assert image["inside"]
        assert image["width"] > 0
        assert image["alt"].strip()
    linked = seen.page.locator("link[rel=stylesheet], script[src], iframe, object, embed").count()
    assert linked == 0


def test_headings_lead_through_the_page(seen: Seen) -> None:
    levels = seen.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    texts = seen.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.innerText.trim())")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert levels.count(2) >= 4
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(texts)
    assert seen.page.title().strip()
    assert seen.page.evaluate("document.documentElement.lang").startswith("en")


def test_links_within_the_page_lead_somewhere(seen: Seen) -> None:
    broken = seen.page.evaluate(
        """[...document.querySelectorAll('a[href^="#"]')].map(a => decodeURIComponent(a.hash.slice(1)))
           .filter(id => id && !document.getElementById(id))"""
    )
    assert broken == []
    twice = seen.page.evaluate(
        "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, k, all) => all.indexOf(id) !== k)"
    )
    assert twice == []


def test_nothing_sticks_out_sideways(seen: Seen) -> None:
    # Wide tables may scroll within their own frame; the page itself may not.
    wide, room = seen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= room


def test_no_number_is_missing(seen: Seen) -> None:
    cells = seen.page.evaluate("[...document.querySelectorAll('td')].map(c => c.innerText.trim())")
    assert cells
    assert {"nan", "inf", "-inf", "None", "undefined"}.isdisjoint(cells)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, report: Path, scheme: Literal["light", "dark"]) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.goto(report.as_uri(), wait_until="load")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    context.close()


def test_tables_are_saved_by_a_click(chromium: Browser, report: Path, tmp_path: Path) -> None:
    context = chromium.new_context(offline=True, accept_downloads=True)
    page = context.new_page()
    page.goto(report.as_uri(), wait_until="load")
    with page.expect_download() as waiting:
        page.locator("a[download='flows-scenarios.csv']").click()
    waiting.value.save_as(tmp_path / "saved.csv")
    raw = (tmp_path / "saved.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = raw.decode("utf-8-sig").splitlines()
    assert rows[0].startswith("scenario,title,outcome") and rows[0].endswith("caveat")
    assert any("exposure index" in row for row in rows)
    context.close()


def test_prints_within_the_paper(chromium: Browser, report: Path) -> None:
    context = chromium.new_context(
        viewport={"width": 718, "height": 1000}, offline=True
    )  # A4 within its margins
    page = context.new_page()
    page.emulate_media(media="print")
    page.goto(report.as_uri(), wait_until="load")
    wide = page.evaluate(
        """[...document.querySelectorAll('table, figure, p')]
           .filter(part => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
           .map(part => part.innerText.slice(0, 40))"""
    )
    assert wide == []
    assert page.locator("nav").is_hidden() and page.locator(".save").first.is_hidden()
    assert len(page.pdf(format="A4")) > 100_000
    context.close()
