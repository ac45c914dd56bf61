"""Studies on other processes, and studies that are killed: always the same bits."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.conftest import heed_ctrl_c, unmeasured

from flows import study
from flows.errors import InputError, ResultError
from flows.study import cluster, plan

MODEL = """{UTF-8}
settling time = 4 ~ Month ~|
arrivals = 10 ~ Person/Month ~|
growth = 0 ~ 1/Month ~|
flow = arrivals * (1 + growth * Time) ~ Person/Month ~|
Waiting = INTEG(flow - Waiting / settling time, 20) ~ Person ~|
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 24 ~ Month ~|
TIME STEP = 0.25 ~ Month ~|
SAVEPER = 1 ~ Month ~|
"""
STUDY = """
model = "{model}"
n = {n}
seed = 3
second_order = true
outcomes = ["Waiting", "flow", "highest Waiting"]
[[uncertainty]]
name = "settling time"
distribution = "uniform"
min = 2.0
max = 12.0
[[uncertainty]]
name = "arrivals"
distribution = "normal"
mean = 10.0
sd = 2.0
[[uncertainty]]
name = "growth"
distribution = "triangular"
min = -0.02
mode = 0.0
max = 0.05
"""
needs_dask = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def bits(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in (".csv", ".npz")
    }


@pytest.fixture
def small(tmp_path: Path) -> SimpleNamespace:
    """A study of 128 × 8 runs, and its results from one process."""
    mdl = tmp_path / "m.mdl"
    mdl.write_text(MODEL, encoding="utf-8")
    file = tmp_path / "s.toml"
    file.write_text(STUDY.format(model=mdl.as_posix(), n=128), encoding="utf-8")
    study.run(file, out=tmp_path / "whole")
    return SimpleNamespace(file=file, folder=tmp_path, whole=bits(tmp_path / "whole"))


@needs_dask
@pytest.mark.usefixtures("unmeasured_processes")
def test_workers_give_the_same_bits_and_one_may_die(
    small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(plan, "CHUNK_RUNS", 16)
    pools: list[cluster.Pool] = []

    class Watched(cluster.Pool):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            pools.append(self)

    monkeypatch.setattr(cluster, "Pool", Watched)
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if not killed and done >= total // 4:
            victim = next(iter(pools[0].client.run(os.getpid).values()))
            os.kill(victim, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            killed.append(victim)

    study.run(small.file, out=small.folder / "out", workers=2, progress=kill_one)
    assert killed
    assert bits(small.folder / "out") == small.whole


@needs_dask
@pytest.mark.usefixtures("unmeasured_processes")
def test_a_running_cluster_and_its_absence(small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0", memory_limit=None
    ) as there:
        address = there.scheduler_address
        study.run(small.file, out=small.folder / "out", cluster=address)
        assert bits(small.folder / "out") == small.whole
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    with pytest.raises(InputError, match="--cluster: no Dask scheduler"):
        study.run(small.file, cluster=address)


def test_without_dask_the_remedy_is_named(small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(InputError, match=r"flows-migration\[cluster\]"):
        study.run(small.file, workers=2)


def test_a_worker_with_another_environment_is_refused(small: SimpleNamespace) -> None:
    made = plan.make_plan(small.file, model=None, n=None, simulate=None)
    payload = cluster._packed(made.job)
    drawn = made.draws(made.sample.rows(0, 1).reshape(-1, 3))
    own = cluster.provenance.versions()
    values = cluster._work(payload, "a", own, drawn)
    np.testing.assert_array_equal(values.reshape(1, 8, -1), made.values(0, 1))
    with pytest.raises(InputError, match="another version of numpy"):
        cluster._work(payload, "a", {**own, "numpy": "0"}, drawn)


SLOW = """
import sys, time
from flows import study
from flows.study import plan, work
plan.CHUNK_RUNS = 16
work.SNAPSHOT_BYTES = 100_000
def progress(done, total):
    print(done, flush=True)
    time.sleep(0.05 if done < 900 else 60)  # it never comes to its end, however late the signal is
study.run(sys.argv[1], out=sys.argv[2], progress=progress)
"""


def started(small: SimpleNamespace) -> subprocess.Popen[str]:
    """The study in a process of its own, slowed down; returns when a third of it is done."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(small.file), str(small.folder / "out")],
        env=unmeasured(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c if os.name == "posix" else None,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 340:
            return process
    raise AssertionError(process.communicate()[1])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes in another way")
def test_killed_at_any_moment_and_resumed(small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    process = started(small)
    time.sleep(0.12)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (small.folder / "out").exists()
    monkeypatch.setattr(plan, "CHUNK_RUNS", 16)
    seen: list[int] = []
    study.run(small.file, out=small.folder / "out", progress=lambda done, total: seen.append(done))
    assert seen[0] >= 340  # nothing finished is lost
    assert bits(small.folder / "out") == small.whole


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C can't be sent to one process alone")
def test_stopped_by_ctrl_c_and_resumed(small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    process = started(small)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode != 0
    monkeypatch.setattr(plan, "CHUNK_RUNS", 16)
    seen: list[int] = []
    study.run(small.file, out=small.folder / "out", progress=lambda done, total: seen.append(done))
    assert seen[0] >= 340
    assert bits(small.folder / "out") == small.whole


def test_a_full_disk_loses_nothing_finished(small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CHUNK_RUNS", 16)
    usual, saved = np.save, []

    def full(file: Any, values: Any, **options: Any) -> None:
        if len(saved) == 20:
            file.write(b"half of a chunk")
            raise OSError(errno.ENOSPC, "No space left on device")
        usual(file, values, **options)
        saved.append(file)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(ResultError, match=r"(?i)no space left"):
        study.run(small.file, out=small.folder / "out")
    assert not (small.folder / "out").exists()
    monkeypatch.setattr(np, "save", usual)
    seen: list[int] = []
    study.run(small.file, out=small.folder / "out", progress=lambda done, total: seen.append(done))
    assert seen[0] == 20 * 16
    assert bits(small.folder / "out") == small.whole
