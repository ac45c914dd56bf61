"""The benchmark of studies at scale: its study is of the size that it says, and its ratios are the right way round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks import studies
from tests.benchmarks.bench import SHIPPED, Table, element_steps, process

from flows.inputs import read_study

SMALL = """
model = "{model}"
n = 16
seed = 1
second_order = true
outcomes = ["level"]
[[uncertainty]]
name = "rate"
distribution = "uniform"
min = 0.1
max = 0.2
[[uncertainty]]
name = "start"
distribution = "uniform"
min = 1.0
max = 2.0
"""
MODEL = """{UTF-8}
rate = 0.1 ~ 1/Month ~|
start = 1 ~ Person ~|
level = INTEG(rate * level, start) ~ Person ~|
INITIAL TIME = 0 ~ Month ~|
FINAL TIME = 12 ~ Month ~|
TIME STEP = 0.25 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""


def test_the_large_study_has_a_million_runs() -> None:
    study = read_study(studies.FILE)
    assert len(study.uncertainties) == 15
    assert len(study.outcomes) == 10
    assert study.second_order
    assert study.n * (2 * 15 + 2) == 1_048_576


@pytest.mark.unmeasured
def test_a_study_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "small.mdl").write_text(MODEL, encoding="utf-8")
    file = tmp_path / "small.toml"
    file.write_text(SMALL.format(model=(tmp_path / "small.mdl").as_posix()), encoding="utf-8")
    found = studies.measured(process, file, 512)
    assert found["count"] == 512 * 6
    assert found["runs"] > 0 and found["analysis"] > 0 and found["files"] > 0
    assert found["foretold"] > 0


def test_ratios_are_the_right_way_round() -> None:
    seen = []

    def canned(code: str, file: str, n: str, workers: str) -> str:
        seen.append((int(n), int(workers)))
        found: dict[str, Any] = {"n": int(n), "count": 32 * int(n), "peak": 900.0, "foretold": 1.1}
        seconds = int(n) / (int(workers) or 1)
        return json.dumps({**found, "runs": seconds, "analysis": 0.1 * seconds, "files": 0.0}) + "\n"

    table = Table()
    studies.scale(table, canned, element_steps=1e8)
    assert seen == [(256, 0), (512, 0), (128, 1), (128, 2)]
    rows = {row["what"].split(": ")[-1]: row for row in table.rows}
    assert all(row["met"] for row in table.rows if "met" in row)
    assert rows["analysis on top"]["value"] == pytest.approx(10)
    assert rows["model runs"]["value"] == pytest.approx(3.2)
    assert rows["two Dask workers against one"]["value"] == pytest.approx(2)
    assert rows["seconds of a run, N = 512 against 256"]["value"] == pytest.approx(1)


def test_element_steps_of_the_shipped_model() -> None:
    assert element_steps(SHIPPED) > 1e6
