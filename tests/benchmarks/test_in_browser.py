from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks import in_browser, synthetic
from tests.benchmarks.bench import Table


@pytest.mark.browser
def test_the_benchmark_runs(tmp_path: Path) -> None:
    path = tmp_path / "made.mdl"
    path.write_text(synthetic.model(40, steps=80), encoding="utf-8")
    table = Table()
    in_browser.runs(table, path, count=5)
    taken = {row["what"]: row["value"] for row in table.rows}
    if not taken:
        pytest.skip("no browser found")
    assert taken["make the kernel and run it for the first time"] > 0
    # Chromium's clock moves in steps of 0.1 ms, and a run of so small a model may end within one.
    assert 0 <= taken["a run, the quickest"] <= taken["a run, median of 5"]
