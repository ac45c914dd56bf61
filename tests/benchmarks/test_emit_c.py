"""The C that the benchmarks compare with does the same work as the engine: equal results on made models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks import bench, synthetic
from tests.benchmarks.emit_c import CKernel

import flows
from flows.engine import kernel

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


@pytest.mark.parametrize("transcendental", [False, True])
def test_equal_to_the_engine(tmp_path: Path, transcendental: bool) -> None:
    path = tmp_path / "made.mdl"
    path.write_text(synthetic.model(40, steps=320, transcendental=transcendental), encoding="utf-8")
    model = flows.read_vensim(path, units="off")
    program = kernel.prepare(model, method=model.method)
    task = bench.job(program, model, 11, "rate 3")
    ours, theirs = kernel.compute(program, task), CKernel(program, tmp_path).compute(task, threads=2)
    assert ours.std() > 0
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_rows_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    table = bench.Table()
    table.head("Part")
    table.add("ratio", np.float64(3.5), "×", least=2)
    table.add("seconds", 3, "s", most=2)
    assert [row["met"] for row in json.loads(json.dumps(table.rows))] == [True, False]
    assert "at least 2: yes" in capsys.readouterr().out


def test_ratios_are_held_against_those_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "reference.json"
    first = bench.Table({"Part: other": 2.0})
    first.head("Part")
    first.add("ratio", 3.5, "×")
    first.add("seconds", 3, "s")
    bench.store(first, {"cores": 2}, path)
    stored = json.loads(path.read_text(encoding="utf-8"))["ratios"]
    assert stored == {"Part: other": 2.0, "Part: ratio": 3.5}
    capsys.readouterr()
    for value, said in ((3.4, "stored 3.5\n"), (2.0, "stored 3.5, NOT LIKE IT\n")):
        table = bench.Table(stored)
        table.head("Part")
        table.add("ratio", value, "×")
        assert capsys.readouterr().out.endswith(said)
