"""What goes wrong around a run, in processes of their own: nothing finished is lost, and a sentence says what happened.

The table in ``docs/faults.md`` names these tests. Studies that are killed, stopped or meet a full disk are in
``test_study_cluster.py``; folders and files written whole or not at all in ``test_provenance.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.conftest import unmeasured

import flows

MODEL = """{UTF-8}
level = INTEG(-drain, first level) ~ Widget ~ |
first level = 100 ~ Widget ~ |
drain = level / delay ~ Widget/Month ~ |
delay = 10 ~ Month [1,60] ~ |
INITIAL TIME = 0 ~ Month ~ 0 = 1 January 2013. |
FINAL TIME = 24 ~ Month ~ |
TIME STEP = 0.125 ~ Month ~ |
SAVEPER = 1 ~ Month ~ |
"""
STUDY = """
model = "drain.mdl"
method = "sobol"
n = 256
seed = 1
outcomes = ["level"]
[[uncertainty]]
name = "delay"
distribution = "uniform"
min = 5
max = 20
[[uncertainty]]
name = "first level"
distribution = "uniform"
min = 50
max = 150
"""
# Chunks of a few runs, each kept at once, so that a signal meets a study in its midst.
SLOW = """
import sys, time
from flows import cli
from flows.study import plan, work
plan.CHUNK_RUNS = 64
save = work.WorkFolder.save
kept = []
def slow(self, *a, **k):
    save(self, *a, **k)
    kept.append(a)
    print("kept", flush=True)
    time.sleep(0.05 if len(kept) < 8 else 60)  # it never comes to its end, however late the signal is
work.WorkFolder.save = slow
sys.exit(cli.main(["study", "study.toml", "--out", "out"]))
"""
PATIENCE = 600  # seconds, for a process that hangs
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drain.mdl").write_text(MODEL, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**unmeasured(), "PYTHONUTF8": "1", "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def level(folder: Path) -> np.ndarray:
    with xr.open_dataset(folder / "trajectories.nc") as dataset:
        return np.asarray(dataset["level"].values)


@POSIX
def test_a_request_to_end_is_obeyed_like_ctrl_c(folder: Path) -> None:
    process = start(folder, "-c", SLOW)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == "kept\n"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "the same command goes on from there" in said
    assert not (folder / "out").exists()
    done = start(folder, "-m", "flows", "study", "study.toml", "--out", "out", "--resume").communicate(
        timeout=PATIENCE
    )
    assert (folder / "out" / "provenance.json").is_file(), done


@POSIX
def test_a_disk_that_takes_no_more_is_said_in_one_sentence_and_the_old_results_stay(folder: Path) -> None:
    first = start(folder, "-m", "flows", "run", "--model", "drain.mdl", "--no-figures", "--out", "out")
    _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, said
    before = level(folder / "out")
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); "
        "from flows import cli; "
        "sys.exit(cli.main(['run','--model','drain.mdl','--no-figures','--set','delay=20','--out','out']))"
    )
    process = start(folder, "-c", limited, FLOWS_CACHE=str(folder / "cache"))
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, said
    assert "can't be written" in said and "Traceback" not in said
    assert level(folder / "out").tolist() == before.tolist()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".out")] == []


def test_compiled_code_that_was_spoilt_is_compiled_anew(folder: Path) -> None:
    cache = folder / "cache"
    code = (
        "import flows; m = flows.read_vensim('drain.mdl'); "
        "print(repr(float(flows.simulate(m, engine='compiled')['level'].values[-1])))"
    )
    expected = float(
        flows.simulate(flows.read_vensim(folder / "drain.mdl"), engine="python")["level"].values[-1]
    )
    for spoil in (None, b"not machine code"):
        for file in cache.rglob("*.o") if spoil is not None else ():
            file.write_bytes(spoil)
        out, said = start(folder, "-c", code, FLOWS_CACHE=str(cache)).communicate(timeout=PATIENCE)
        assert float(out) == expected, said
    assert list(cache.rglob("*.o"))


def test_two_at_once_into_one_folder(folder: Path) -> None:
    arguments = ("-m", "flows", "run", "--model", "drain.mdl", "--no-figures", "--out", "out")
    both = [start(folder, *arguments, "--set", f"delay={delay}") for delay in (10, 20)]
    said = [process.communicate(timeout=PATIENCE)[1] for process in both]
    codes = [process.returncode for process in both]
    assert codes == [0, 0] or all("Traceback" not in text for text in said), said
    assert 0 in codes
    assert level(folder / "out")[0] == 100
    assert [path.name for path in folder.iterdir() if path.name.startswith(".out")] == []


@POSIX
def test_a_clock_set_back_changes_nothing(folder: Path) -> None:
    code = (
        "import sys, time; real = time.time; time.time = lambda: real() - 86400 * (1 + time.perf_counter() % 2); "
        "from flows import cli; sys.exit(cli.main(['study','study.toml','--out','out','--n','64']))"
    )
    process = start(folder, "-c", code)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert (folder / "out" / "provenance.json").is_file()


@POSIX
@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_closed_streams_are_no_mistake(folder: Path, closed: str) -> None:
    code = (
        f"import os, sys; [os.close(int(k)) for k in {closed!r}.split()]; "
        "os.execv(sys.executable, [sys.executable, '-m', 'flows', 'list', 'scenarios'])"
    )
    process = start(folder, "-c", code)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_a_path_too_long_for_the_system_is_said_in_one_sentence(folder: Path) -> None:
    process = start(folder, "-m", "flows", "run", "--model", "drain.mdl", "--no-figures", "--out", "a" * 300)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "File name too long" in said and "not yours" not in said, said
    assert [path.name for path in folder.iterdir() if path.name.startswith("a")] == []
