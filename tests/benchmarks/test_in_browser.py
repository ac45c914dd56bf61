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
    assert 0 < taken["a run, the quickest"] <= taken["a run, median of 5"]
