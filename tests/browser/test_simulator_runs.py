"""What the simulator computes is what the engine computes: while a slider moves, in draws, downloads and any model."""

from __future__ import annotations

import csv
import io
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Browser, Page
from tests.conftest import small_model

import flows
from flows import resources, simulate
from flows.inputs import list_scenarios, scenario_inputs
from flows.model.model import Model
from flows.page.build import write_page
from flows.references import Expression, take

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

READY = "body[data-state=ready]"


@pytest.fixture(scope="module")
def model() -> Model:
    return flows.read_vensim(resources.root() / "models" / "migration.mdl", units="off")


class Opened:
    """A page without network, and whatever it complains of."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            lambda line: self.faults.append(line.text) if line.type in ("error", "warning") else None,
        )
        page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))

    def open(self, link: str = "#v=1&lang=en") -> Page:
        self.page.goto("about:blank")
        self.page.goto(self.address + link)
        self.page.wait_for_selector(READY, timeout=60_000)
        return self.page


@pytest.fixture(scope="module")
def opened(chromium: Browser, simulator: Path) -> Iterator[Opened]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True, locale="en-US")
    yield Opened(context.new_page(), simulator.as_uri())
    context.close()


@pytest.fixture(autouse=True)
def no_faults(opened: Opened) -> Iterator[None]:
    yield
    assert opened.faults == []


def drawn(page: Page) -> dict[str, Any]:
    """The draws that a page carries, as inputs of the engine: of constants, their elements and points of lookups."""
    rows = page.evaluate("window.flowsPage.kernel.spec.inputs")
    defaults = page.evaluate("Array.from(window.flowsPage.kernel.defaults)")
    draws = page.evaluate("window.flowsPage.data.draws")
    values, given = np.array(draws["values"]), {}
    for column, place in enumerate(draws["inputs"]):
        row = next(r for r in rows if r["index"] <= place < r["index"] + r.get("size", 1))
        key = f"{row['name']}[{row['element']}]" if row["element"] else row["name"]
        if row["kind"] != "lookup":
            given[key] = xr.DataArray(values[:, column], dims="draw")
            continue
        if key not in given:
            y = np.array(defaults[row["index"] : row["index"] + row["size"]], dtype=float)
            given[key] = xr.DataArray(
                np.tile(y, (len(values), 1)), dims=["draw", "x"], coords={"x": row["x"]}
            )
        given[key][:, place - row["index"]] = values[:, column]
    return given


def test_a_slider_that_is_dragged_is_followed_and_nothing_is_lost(opened: Opened, model: Model) -> None:
    """Sixty moves of the mouse with the button down: shown while it moves, and at the end what the engine says."""
    page = opened.open()
    row = page.locator('[data-lever="COMAR staff target"]')
    row.evaluate("row => { row.closest('details').open = true; }")
    slider = row.locator("input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.evaluate(
        """() => { const page = window.flowsPage, show = page.show.bind(page); page.shown = 0;
          page.show = () => { page.shown += 1; show(); }; }"""
    )
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, y)
    page.mouse.down()
    for k in range(60):
        page.mouse.move(box["x"] + 8 + (box["width"] - 60) * (k + 1) / 60, y)
        page.wait_for_timeout(20)
    during = page.evaluate("window.flowsPage.shown")
    page.mouse.up()
    page.wait_for_selector(READY)
    assert during >= 5
    value = float(slider.input_value())
    assert value > 1
    series = "COMAR pending cases"
    found = page.evaluate(
        """id => { const page = window.flowsPage, place = page.data.series.findIndex(one => one.id === id);
          return Array.from(page.courses(place).now); }""",
        series,
    )
    run = simulate(model, {"COMAR staff target": value}, outcomes=[series], save_every=1)[series].values
    assert np.abs(np.array(found) - run).max() <= 1e-9 * np.abs(run).max()
    assert page.evaluate("window.flowsPage.state.past.length") == 1  # one step to undo, not sixty


def test_the_band_holds_the_draws_that_the_engine_computes(opened: Opened, model: Model) -> None:
    page = opened.open("#v=1&with=protection-reform&lang=en")
    page.wait_for_selector("body[data-draws]", timeout=240_000)
    assert int(page.evaluate("document.body.dataset.draws")) >= 100
    scenario = scenario_inputs(next(s for s in list_scenarios() if s.name == "protection-reform"), model)
    given = {**drawn(page), **scenario}
    series = "people waiting in Mexico"
    found = page.evaluate(
        """id => { const page = window.flowsPage, place = page.data.series.findIndex(one => one.id === id);
          const k = page.band.wanted.indexOf(place), count = page.times.length;
          return page.band.now.map(rows => Array.from(rows.subarray(k * count, (k + 1) * count))); }""",
        series,
    )
    run = simulate(model, given, outcomes=[series], save_every=1)[series].values
    found = np.array(found)
    np.testing.assert_allclose(
        found[np.argsort(found[:, -1])], run[np.argsort(run[:, -1])], rtol=1e-8, atol=1e-6
    )


def test_what_may_go_either_way_is_called_neither_better_nor_worse(opened: Opened) -> None:
    page = opened.open("#v=1&with=us-tightening&lang=en")
    page.wait_for_selector("body[data-draws]", timeout=240_000)
    rows = page.evaluate(
        """() => { const page = window.flowsPage;
          return [...document.querySelectorAll("table.changes tr[data-series]")].map((row) => {
            const place = page.data.series.findIndex((one) => one.id === row.dataset.series);
            const { low, high } = page.readings(place, page.state.now.date);
            return [row.dataset.series, low ?? null, high ?? null, Boolean(row.querySelector(".mood"))];
          }); }"""
    )
    judged = {name for name, _, _, mood in rows if mood}
    assert {name for name, low, high, _ in rows if low is not None and low <= 0 <= high} & judged == set()
    assert "people waiting in Mexico" in judged
    sure = "([percent, low, high]) => window.flowsPage.results.sure({ moved: true, percent, low, high })"
    assert [page.evaluate(sure, v) for v in ([6, -6, 21], [6, 1, 21], [-6, -9, 0], [0.1, 0.1, 0.1])] == [
        False,
        True,
        False,
        False,
    ]
    everything = """() => { const page = window.flowsPage, readings = page.readings.bind(page);
      page.readings = (...given) => ({ ...readings(...given), low: -1, high: 1 });
      page.results.showLead();
      page.readings = readings;
      return [page.results.lead.textContent, page.results.note.hidden]; }"""
    lead, hidden = page.evaluate(everything)
    assert lead.startswith("By December 2030 nothing shown here moves to one side for sure")
    assert hidden


def test_the_table_holds_what_the_engine_computes(opened: Opened, model: Model) -> None:
    page = opened.open("#v=1&with=us-tightening&lang=en")
    with page.expect_download() as waited:
        page.click("#csv")
    text = Path(waited.value.path()).read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if len(row) == 9][1:]
    expressions = page.evaluate("window.flowsPage.numbers.places().map(p => window.flowsPage.data.series[p])")
    inputs = scenario_inputs(next(s for s in list_scenarios() if s.name == "us-tightening"), model)
    run, base = simulate(model, inputs, save_every=1), simulate(model, save_every=1)
    known = {o.name: o.expression for o in flows.compare.outcomes_of(model)}
    compared = 0
    for one in expressions:
        expression = known.get(one["id"])
        if expression is None:
            continue
        own = [row for row in rows if row[1] == one["title"]["en"]]
        for column, dataset in ((5, base), (6, run)):
            values = Expression.parse(expression).evaluate(lambda leaf, dataset=dataset: take(dataset, leaf))
            values = np.broadcast_to(np.asarray(values, dtype=float), run.sizes["time"])
            np.testing.assert_allclose(
                [float(row[column]) for row in own], values, rtol=1e-6, atol=1e-9, err_msg=one["id"]
            )
        compared += 1
    assert compared >= 10


CHECK_LINKS = """links => {
    const page = window.flowsPage, state = page.state, views = ["results", "diagram", "why", "numbers", "about"];
    const within = (value, one) => Number.isFinite(value) && value >= one.min && value <= one.max;
    const sound = (found) =>
      Object.entries(found.levers).every(([place, own]) => {
        const lever = page.data.levers[place];
        return lever && (own.value === undefined || within(own.value, lever));
      }) &&
      Object.entries(found.contexts).every(([place, value]) => within(value, page.data.contexts[place])) &&
      [found.base, ...found.chosen].every((name) => name === "" || state.scenarios.has(name)) &&
      state.inputs().every((value, k) => Number.isFinite(value) || Number.isNaN(page.kernel.defaults[k]));
    const wrong = [], before = state.now;
    let taken = 0;
    for (const link of links) {
      const found = state.fromLink(link, views);
      if (found.refused || !found.state) continue;
      taken += 1;
      state.now = found.state;
      if (!sound(found.state)) wrong.push(link);
      const again = state.fromLink(state.toLink(found.lang || "en", found.view || ""), views);
      if (again.refused || JSON.stringify(again.state) !== JSON.stringify(found.state)) wrong.push("again: " + link);
      state.now = before;
    }
    return [wrong, taken];
}"""


def test_links_by_chance_are_read_or_refused(opened: Opened) -> None:
    """Links with letters changed at random: each is refused as a whole, or gives values within their ranges."""
    page = opened.open()
    chance = random.Random(7)
    levers = "interception-capacity~2~150~6~200,comar-staff-target~3~~-~"
    whole = f"#v=1&base=course-2024&with=safe-mobility&levers={levers}&shared=1&at=240&lang=es&view=why"
    letters = string.ascii_lowercase + string.digits + "~,&=-.#%+eE<>\"'\u0000é"
    links = [whole]
    for _ in range(3000):
        text = list(whole)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(1, len(text))
            match chance.randrange(3):
                case 0:
                    text[place] = chance.choice(letters)
                case 1:
                    del text[place]
                case _:
                    text.insert(place, chance.choice(letters))
        links.append("".join(text))
    wrong, taken = page.evaluate(CHECK_LINKS, links)
    assert wrong == []
    assert 1 <= taken < len(links)


def test_a_page_of_any_model(chromium: Browser, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    text = (
        f'R : north, south ~~|\n"{name}" = 2 ~ 1/Month [0,10] ~ <b>not bold</b> |\n'
        f"inflow[R] = 3, 4 ~ Person/Month [0,20] ~ |\n"
        f'people[R] = INTEG(inflow[R] - people[R] * "{name}" / 20, 10) ~ Person ~ |\n'
        "all people = SUM(people[R!]) ~ Person ~ |\n"
    )
    source = tmp_path / "other.mdl"
    source.write_text(small_model(text, final=24, step=0.5).text, encoding="utf-8")
    path = write_page(flows.read_vensim(source, units="off"), tmp_path / "page.html")
    context = chromium.new_context(offline=True, locale="en-US")
    seen = Opened(context.new_page(), path.as_uri())
    page = seen.open("")
    before = page.locator("#strip").inner_text()
    assert page.locator("img").count() == 0
    sliders = page.locator("input[type=range][id^=lever-]")
    assert sliders.count() == 3
    field = page.locator(f"[id='{sliders.first.get_attribute('id')}-number']")
    page.evaluate("document.querySelectorAll('#levers details').forEach(one => { one.open = true; })")
    field.fill("5")
    field.press("Tab")
    page.wait_for_selector(READY)
    page.wait_for_function("text => document.getElementById('strip').innerText !== text", arg=before)
    page.click("#lang")
    page.wait_for_selector(READY)
    assert seen.faults == []
    context.close()


def test_a_model_without_ranges_gets_assumed_ones(chromium: Browser, tmp_path: Path) -> None:
    source = tmp_path / "bare.mdl"
    text = "rate = 0.2 ~~|\nnone = 0 ~~|\nloss = -3 ~~|\nlevel = INTEG(loss - rate * level + none, 100) ~~|\n"
    source.write_text(small_model(text, final=24).text, encoding="utf-8")
    path = write_page(flows.read_vensim(source, units="off"), tmp_path / "page.html")
    context = chromium.new_context(offline=True, locale="en-US")
    seen = Opened(context.new_page(), path.as_uri())
    page = seen.open("")
    assert "is an assumption of this page" in page.locator("#levers").inner_text()
    sliders = page.locator("input[type=range][id^=lever-]")
    ends = [(float(s.get_attribute("min") or 0), float(s.get_attribute("max") or 0)) for s in sliders.all()]
    assert ends == [(0.1, 0.4), (-6, -1.5)]
    sliders.first.focus()
    before = page.locator("#strip").inner_text()
    page.keyboard.press("End")
    page.wait_for_function("text => document.getElementById('strip').innerText !== text", arg=before)
    assert seen.faults == []
    context.close()
