"""The benchmark of the estimator holds itself to SALib's indices, at a small size."""

from __future__ import annotations

from tests.benchmarks import sobol_sums
from tests.benchmarks.bench import Table


def test_the_benchmark_runs_and_is_equal_to_salib() -> None:
    table = Table()
    sobol_sums.estimator(table, samples=64, quantities=3)
    assert [row["unit"] for row in table.rows] == ["s", "ms", "×"]
    assert all(row["value"] > 0 for row in table.rows)
