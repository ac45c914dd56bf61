"""`flows watch`: each save checked and run, the last good version kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import heed_ctrl_c
from tests.versions.test_equations import OLD

from flows.versions.watch import Watched, saves


def test_saves_are_seen_in_whatever_way_a_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    path.write_bytes(b"first")
    seen: list[bytes] = []
    over = threading.Event()

    def look() -> None:
        seen.extend(saves(path, every=0.02, stop=over.is_set))

    thread = threading.Thread(target=look)
    thread.start()

    def wait_for(content: bytes) -> None:
        end = time.monotonic() + 30
        while content not in seen and time.monotonic() < end:
            time.sleep(0.02)
        assert seen[-1:] == [content]

    try:
        wait_for(b"first")
        path.write_bytes(b"in place")
        wait_for(b"in place")
        path.write_bytes(b"in place")  # the same again: nothing new
        other = tmp_path / "new"
        other.write_bytes(b"replaced")
        os.replace(other, path)
        wait_for(b"replaced")
        path.unlink()
        time.sleep(0.1)
        path.write_bytes(b"back")
        wait_for(b"back")
    finally:
        over.set()
        thread.join()
    assert seen == [b"first", b"in place", b"replaced", b"back"]


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    from flows.errors import ModelError

    with pytest.raises(ModelError, match="no such model file"):
        next(saves(tmp_path / "none.mdl"))


def test_a_broken_save_keeps_the_last_good_version(tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    path.write_text(OLD, encoding="utf-8")
    watched = Watched(path)
    first = watched.saved(OLD.encode())
    assert first.good is not None and first.moved is None
    broken = watched.saved(OLD.replace("base rate[place] * pull", "base rte[place] * pull").encode())
    assert broken.good is None and [f.rule for f in broken.findings if f.level == "error"] == ["undefined"]
    assert watched.last is first.good
    unfinished = watched.saved(OLD.replace("* pull ~", "* ~").encode())
    assert unfinished.good is None and any(f.rule == "syntax" for f in unfinished.findings)
    absurd = watched.saved(OLD.replace("stay = 4", "stay = 0").encode())
    assert (
        absurd.good is None and "leaving" in str(absurd.error) and "not a finite number" in str(absurd.error)
    )
    good = watched.saved(OLD.replace("stay = 4", "stay = 8").encode())
    assert good.difference is not None and [c.name for c in good.difference.changes] == ["stay"]
    assert good.moved is not None and good.moved.moved[0].share == 1.0
    again = watched.saved(OLD.replace("stay = 4", "stay = 8").encode() + b"\n")
    assert again.moved is not None and not again.moved.moved


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way there")
def test_the_command_from_save_to_figures_and_interruption(tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    path.write_text(OLD, encoding="utf-8")
    log = tmp_path / "log"
    with open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "watch", "m.mdl"],
            cwd=tmp_path, stdout=stream, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "200"},
            preexec_fn=heed_ctrl_c,
        )  # fmt: skip

        def wait_for(words: str) -> str:
            end = time.monotonic() + 120
            while words not in (text := log.read_text(encoding="utf-8")) and time.monotonic() < end:
                assert process.poll() is None, text
                time.sleep(0.1)
            assert words in text
            return text

        try:
            wait_for("after the start")
            assert (tmp_path / "outputs/watch-m/outcomes.png").is_file()
            path.write_text(OLD.replace("= 4 ~", "= = ~"), encoding="utf-8")
            wait_for("The last good version is that of")
            path.write_text(OLD.replace("stay = 4", "stay = 8"), encoding="utf-8")
            text = wait_for("What moved most")
            wait_for("+100 %")
            assert text.count("watching m.mdl") == 1
            end = time.monotonic() + 60
            while not (tmp_path / "outputs/watch-m/moved.png").is_file() and time.monotonic() < end:
                time.sleep(0.1)
            assert (tmp_path / "outputs/watch-m/moved.png").is_file()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    text = log.read_text(encoding="utf-8")
    assert "Interrupted." in text and "Traceback" not in text
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]


def test_data_that_the_model_reads_are_watched_and_named(tmp_path: Path) -> None:
    path, data = tmp_path / "m.mdl", tmp_path / "price.csv"
    text = (
        "{UTF-8}\nprice := GET DIRECT DATA('price.csv', ',', 'A', 'B2') ~ Dmnl ~ |\nbill = 2 * price ~ Dmnl ~ |\n"
        + "".join(f"{n} = {v} ~ Month ~ |\n" for n, v in {"INITIAL TIME": 0, "FINAL TIME": 2}.items())
        + "".join(f"{n} = 1 ~ Month ~ |\n" for n in ("TIME STEP", "SAVEPER"))
    )
    path.write_text(text, encoding="utf-8")
    data.write_text("time,price\n0,1\n2,3\n", encoding="utf-8")
    watched, seen = Watched(path), saves(path, every=0.01)
    first = watched.saved(next(seen))
    assert first.good is not None, (first.error, first.findings)
    data.write_text("time,price\n0,1\n2,30\n", encoding="utf-8")
    second = watched.saved(next(seen))  # else it would wait without end
    assert second.data == ("price.csv",)
    assert second.difference is not None and not second.difference.changes
    assert second.moved is not None and {m.name for m in second.moved.moved} == {"price", "bill"}
    path.write_text(text.replace("2 *", "3 *"), encoding="utf-8")
    third = watched.saved(next(seen))
    assert third.data == () and third.moved is not None and [m.name for m in third.moved.moved] == ["bill"]
