"""The lever simulator as a person uses it: in a browser without network, with mouse, keyboard, links and downloads."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

DESK, TABLET, TELEPHONE = (1440, 900), (1024, 768), (390, 844)
READY = "body[data-state=ready]"


@dataclass
class Seen:
    """A page and what happened while it was open."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, link: str = "") -> Page:
        self.page.goto("about:blank")
        self.page.goto(self.address + link)
        self.settled()
        self.page.evaluate("window.flowsPage.data.draws.values.length = 0")  # other tests look at the band
        return self.page

    def settled(self) -> None:
        self.page.wait_for_selector(READY, timeout=60_000)

    def lever(self, name: str) -> Any:
        """The number field of a lever, its sector unfolded."""
        row = self.page.locator(f'[data-lever="{name}"]')
        row.evaluate("row => { row.closest('details').open = true; }")
        return row.locator(".lever-value input")

    def set(self, name: str, value: str) -> None:
        field = self.lever(name)
        field.fill(value)
        field.press("Tab")
        self.settled()

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()


def opened(chromium: Browser, simulator: Path) -> Seen:
    context = chromium.new_context(
        viewport={"width": DESK[0], "height": DESK[1]}, offline=True, locale="en-US", accept_downloads=True
    )
    seen = Seen(context.new_page(), simulator.as_uri())
    seen.page.on("request", lambda sent: seen.requests.append(sent.url))
    seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
    kinds = ("error", "warning")
    seen.page.on("console", lambda line: seen.faults.append(line.text) if line.type in kinds else None)
    return seen


@pytest.fixture(scope="module")
def desk(chromium: Browser, simulator: Path) -> Iterator[Seen]:
    seen = opened(chromium, simulator)
    yield seen
    seen.page.context.close()


@pytest.fixture(autouse=True)
def no_faults(desk: Seen) -> Iterator[None]:
    yield
    assert desk.faults == []


def strip(seen: Seen) -> list[str]:
    return seen.page.locator("#strip dd").all_inner_texts()


def test_one_file_without_network(desk: Seen, simulator: Path) -> None:
    desk.open()
    assert simulator.stat().st_size < 8_000_000
    outside = [url for url in desk.requests if not url.startswith((desk.address, "data:", "blob:", "about:"))]
    assert outside == []
    assert desk.page.locator("h1").count() == 1
    assert "appears here at once" in desk.text("#lead")


def test_a_lever_changes_the_numbers_and_can_be_undone(desk: Seen) -> None:
    desk.open()
    before = strip(desk)
    desk.set("COMAR staff target", "3")
    moved = strip(desk)
    assert moved != before
    assert "COMAR" in desk.text("#lead")
    assert "1 → 3" in desk.text("#view-results .chips")
    desk.page.click("#undo")
    desk.settled()
    assert strip(desk) == before
    desk.page.click("#redo")
    desk.settled()
    assert strip(desk) == moved
    desk.page.click("#reset")
    desk.settled()
    assert strip(desk) == before


def test_sixty_moves_of_a_slider_and_none_is_lost(desk: Seen) -> None:
    page = desk.open()
    desk.lever("interception capacity")
    slider = page.locator('[data-lever="interception capacity"] input[type=range]')
    slider.focus()
    for _ in range(60):
        slider.press("ArrowRight")
    desk.settled()
    step, least = (float(slider.get_attribute(key) or "nan") for key in ("step", "min"))
    wish = round(1 + 60 * step, 6)
    assert float(desk.lever("interception capacity").input_value()) == wish > least
    last = strip(desk)
    desk.open()
    desk.set("interception capacity", str(wish))
    assert strip(desk) == last


def test_the_numbers_are_those_of_the_engine(
    desk: Seen, engine_levels: dict[str, tuple[float, float]]
) -> None:
    page = desk.open("#v=1&with=protection-reform,violence-worse&lang=en")
    assert len(engine_levels) >= 10
    for name, (base, now) in engine_levels.items():
        found = page.evaluate(
            """name => { const page = window.flowsPage, place = page.data.series.findIndex(one => one.id === name);
               const read = page.readings(place, page.state.now.date); return [read.base, read.now]; }""",
            name,
        )
        assert found == pytest.approx([base, now], rel=1e-6, abs=1e-9), name


def test_every_scenario_sets_the_inputs_of_the_library(
    desk: Seen, scenario_settings: dict[str, dict[str, float]]
) -> None:
    page = desk.open()
    found = page.evaluate(
        """names => { const page = window.flowsPage, state = page.state, kept = state.now, out = {};
           const inputs = page.kernel.spec.inputs.filter(one => one.kind === "constant");
           for (const name of names) {
             const parts = name.split("+"), base = parts.find(part => state.scenarios.get(part).kind === "base");
             state.now = {...state.neutral(), chosen: parts.filter(part => part !== base), ...(base ? {base} : {})};
             const values = state.inputs();
             out[name] = Object.fromEntries(inputs.filter(one => values[one.index] !== page.kernel.defaults[one.index])
               .map(one => [(one.name + (one.element ? `[${one.element}]` : "")).toLowerCase(), values[one.index]]));
           }
           state.now = kept;
           return out; }""",
        list(scenario_settings),
    )
    assert len(found) > 40
    assert found == {name: pytest.approx(settings) for name, settings in scenario_settings.items()}


def test_scenarios_combine_and_refuse_what_clashes(desk: Seen) -> None:
    page = desk.open()
    page.select_option("#add-package", "protection-reform")
    desk.settled()
    page.select_option("#add-context", "violence-worse")
    desk.settled()
    assert page.locator("#view-results .chips li").count() == 2
    page.select_option("#add-context", "mpp-return")
    page.select_option("#add-context", "us-tightening")  # MPP and other levers of the first
    expect(page.locator("#message")).to_contain_text("MPP")
    desk.settled()
    assert page.locator("#view-results .chips li").count() == 3
    assert page.locator("#message-text").inner_text().startswith("“United States tightens asylum")


def test_a_link_holds_everything(desk: Seen, chromium: Browser, simulator: Path) -> None:
    page = desk.open()
    page.select_option("#base", "course-2024")
    page.select_option("#add-package", "safe-mobility")
    desk.set("COMAR staff target", "2.5")
    page.select_option("#date", "276")
    page.click("#lang")
    desk.settled()
    page.click("#tab-numbers")
    link, shown = page.evaluate("location.hash"), strip(desk)
    other = opened(chromium, simulator)
    other.open(link)
    assert strip(other) == shown
    assert other.page.evaluate("document.documentElement.lang") == "es-MX"
    assert other.page.locator("#view-numbers").is_visible()
    assert other.lever("COMAR staff target").input_value() == "2.5"
    assert other.page.evaluate("location.hash") == link
    assert other.page.locator("#message").is_hidden()
    assert other.faults == []
    other.page.context.close()


HOSTILE = (
    "#v=1&with=no-such-scenario",
    "#v=1&with=us-tightening,mpp-return",
    "#v=1&levers=interception-capacity~1e9~~~",
    "#v=1&levers=interception-capacity~NaN~~~",
    "#v=1&levers=interception-capacity~2~~~&levers=interception-capacity~3~~~",
    "#v=1&levers=__proto__~1~~~",
    "#v=1&lang=constructor",
    "#v=1&at=-5",
    "#v=2",
    "#v=1&x=<img src=x onerror=alert(1)>",
    "#v=1&with=" + "a" * 30_000,
    "#%",
)


def test_a_hostile_link_is_ignored_with_a_message(desk: Seen) -> None:
    page = desk.open(HOSTILE[0])
    for link in HOSTILE:
        page.evaluate(
            "link => { document.getElementById('message').hidden = true; location.hash = link; }", link
        )
        expect(page.locator("#message-text")).to_contain_text("ignored")
        assert page.locator("#message").is_visible(), link
        assert page.evaluate("window.flowsPage.state.changes()") == 0, link
        assert page.evaluate("location.hash").startswith("#v=1&m="), link
    assert page.locator("img").count() == 0


def test_the_table_downloads_with_caveat_and_human_cost(desk: Seen) -> None:
    page = desk.open("#v=1&with=us-tightening&lang=en")
    with page.expect_download() as waited:
        page.click("#csv")
    raw = Path(waited.value.path()).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert rows[0][0].startswith("Not a forecast")
    assert "United States tightens asylum" in rows[2][0]
    table = [row for row in rows if len(row) == 9][1:]
    assert {row[1] for row in table if row[4] == "yes"} >= {"People waiting in Mexico"}
    month = [row for row in table if row[0] == "2030-12" and row[1] == "People waiting in Mexico"]
    assert len(month) == 1
    shown = page.locator('.changes [data-series="people waiting in Mexico"] td.number').all_inner_texts()
    numbers = [float(text.replace(",", "")) for text in shown]
    assert [float(month[0][k]) for k in (5, 6)] == pytest.approx(numbers, rel=5e-3)


def test_a_chart_downloads_as_a_picture(desk: Seen) -> None:
    page = desk.open("#v=1&with=us-tightening&lang=en")
    with page.expect_download() as waited:
        page.locator('[data-series="court cases pending"].panel .save').click()
    raw = Path(waited.value.path()).read_bytes()
    assert raw.startswith(b"\x89PNG")
    assert int.from_bytes(raw[16:20], "big") == 2000
    drawn = page.evaluate(
        """() => { const page = window.flowsPage, id = "court cases pending";
           return page.pictureText(page.data.series.findIndex(one => one.id === id)); }"""
    )
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", drawn))
    assert "Not a forecast" in words
    assert "People waiting in Mexico" in words
    assert "tightens asylum" in words


def test_keys_move_between_views(desk: Seen) -> None:
    page = desk.open()
    page.focus("#tab-results")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-diagram"
    assert page.locator("#view-diagram svg.diagram").is_visible()
    page.keyboard.press("End")
    assert page.locator("#view-about").is_visible()
    assert page.locator("#view-diagram").is_hidden()


def test_the_diagram_moves_with_time(desk: Seen) -> None:
    page = desk.open("#v=1&view=diagram&lang=en")
    values = page.locator(".diagram .value")
    first = values.all_text_contents()
    page.locator("#diagram-time").focus()
    page.keyboard.press("Home")
    assert values.all_text_contents() != first
    assert desk.text(".player output").endswith("2013")


def test_a_stock_changes_by_what_flows(desk: Seen) -> None:
    page = desk.open("#v=1&with=protection-reform&view=why&lang=en")
    found = page.evaluate(
        """() => { const page = window.flowsPage, date = page.state.now.date, out = [];
          for (const [stock, terms] of Object.entries(page.data.terms)) {
            const change = place => { const c = page.courses(place); return [c.now, c.base]; };
            const [now, base] = change(stock), total = page.at(now, date) - page.at(base, date);
            let sum = 0, size = 0;
            for (const [sign, place] of terms) {
              const [a, b] = change(place), part = sign * (page.total(a, date) - page.total(b, date));
              sum += part; size += Math.abs(part);
            }
            const peak = Math.max(...Array.from(base, Math.abs));
            out.push([page.data.series[stock].id, total, sum, size, Math.abs(page.at(base, date)), peak]);
          }
          return out; }"""
    )
    assert len(found) > 30
    for name, total, parts, size, level, peak in found:
        # Flows are known once a month only; a stock that ran nearly empty keeps a trace of that from its peak.
        assert parts == pytest.approx(total, abs=0.02 * size + 0.005 * level + 1e-5 * peak), name


def test_nothing_sticks_out_sideways_and_targets_are_large_enough(desk: Seen) -> None:
    page = desk.open("#v=1&with=us-tightening&lang=es")
    for width, height in (DESK, TABLET, TELEPHONE):
        page.set_viewport_size({"width": width, "height": height})
        for view in ("diagram", "numbers", "about", "why", "results"):
            page.click(f"#tab-{view}")
            wide, room = page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= room, (width, view)
    page.click("#open-levers")
    page.evaluate("document.querySelectorAll('#levers details').forEach(one => { one.open = true; })")
    small = page.evaluate(
        """[...document.querySelectorAll('button, select, input:not([type=checkbox]), summary, .choice')]
           .filter(one => one.offsetParent)
           .map(one => [one.id || one.className || one.tagName, one.getBoundingClientRect()])
           .filter(([, box]) => box.width < 24 || box.height < 24)
           .map(([name, box]) => `${name} ${box.width} ${box.height}`)"""
    )
    assert small == []
    page.click("#open-results")
    assert page.locator("#view-results").is_visible()
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})


def test_json_cannot_leave_its_element(simulator: Path) -> None:
    text = simulator.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["familiar"]
    assert text.count("</script>") == text.count("<script")
