"""The kernel of a page in Chromium: how long a run takes there, the first one and those that follow."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from tests.browser.conftest import FLAGS, NAMES

import flows
from flows.page.kernel import write_kernel

RUNS = 100
OUTCOMES = (
    "COMAR pending cases",
    "people waiting in Mexico",
    "exposure index",
    "encounters",
    "court cases pending",
)

TIME_RUNS = """([js, runs]) => {
    const begin = performance.now();
    const kernel = new Function(js + 'return makeKernel;')()();
    const out = kernel.run(kernel.defaults);
    const first = performance.now() - begin;
    const taken = [];
    for (let k = 0; k < runs; k++) {
        const start = performance.now();
        kernel.run(kernel.defaults, out);
        taken.push(performance.now() - start);
    }
    taken.sort((a, b) => a - b);
    return { first, least: taken[0], median: taken[runs >> 1], most: taken[runs - 1] };
}"""


def runs(table: Any, path: Path, *, count: int = RUNS) -> None:
    """Time the runs of a model, with a handful of outcomes by month."""
    browser_path = os.environ.get("FLOWS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if browser_path is None:
        return
    table.head(f"{path.name} in Chromium")
    model = flows.read_vensim(path, units="off")
    known = [name for name in OUTCOMES if name in model.names] or list(model.stocks.names[:5])
    text = write_kernel(model, known)
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: another browser may be open in this one
        found = pool.submit(_timed, browser_path, text.js, count).result()
    table.add("text of the kernel", len(text.js) / 1e3, "kB", most=1000)
    table.add("make the kernel and run it for the first time", found["first"], "ms")
    table.add(f"a run, median of {count}", found["median"], "ms", most=100)
    table.add("a run, the quickest", found["least"], "ms")


def _timed(browser_path: str, js: str, count: int) -> dict[str, float]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
        found: dict[str, float] = browser.new_page().evaluate(TIME_RUNS, [js, count])
        browser.close()
    return found
