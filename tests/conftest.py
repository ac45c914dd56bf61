"""Small models written in the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from flows import observations, resources
from flows.model.model import Model
from flows.vensim.lower import lower
from flows.vensim.parse import parse

# Continuous integration tries the same examples each time; at a desk they are new each time.
# None has to be done by a time: a processor that others share stands still whenever it likes.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None)
settings.load_profile("same" if os.environ.get("CI") else "new")

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop(
        "COLUMNS", None
    )  # workers are given 80; output here is as wide as where there is no terminal

CONTROL = """
INITIAL TIME = {initial} ~ {unit} ~ In months, 0 = 1 January 2013. |
FINAL TIME = {final} ~ {unit} ~ |
TIME STEP = {step} ~ {unit} ~ |
SAVEPER = {saveper} ~ {unit} ~ |
"""

Build = Callable[..., Model]

ACCENTS = pytest.mark.skipif(
    sys.getfilesystemencoding() == "ascii", reason="files can't be given names with accents under this locale"
)


def small_model(
    text: str,
    *,
    initial: float = 0,
    final: float = 4,
    step: float = 1,
    saveper: float | None = None,
    unit: str = "Month",
    settings: str = "",
    path: str = "m.mdl",
) -> Model:
    """A model from equations alone; the control variables stand behind them, so that lines of `text` count from 1."""
    control = CONTROL.format(
        initial=initial, final=final, step=step, saveper=step if saveper is None else saveper, unit=unit
    )
    return lower(parse(textwrap.dedent(text).lstrip("\n") + control + settings, path))


def run_flows(*arguments: str, cwd: Path, timeout: float = 900) -> str:
    """Run the command line as its users do, in a process of its own; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"flows {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commit(folder: Path, words: str = "first") -> None:
    """Commit all files of a folder to a git repository there, whatever its user has set up; without git, skip."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git isn't installed")
    settings = (
        "user.name=n",
        "user.email=e@example.org",
        "commit.gpgsign=false",
        f"core.hooksPath={os.devnull}",
    )
    head = [git, *(word for setting in settings for word in ("-c", setting))]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", words, "--allow-empty"]):
        subprocess.run([*head, *arguments], cwd=folder, check=True, capture_output=True)


def pytest_sessionfinish() -> None:
    """Keep what coverage measured while there is time: workers are ended a few seconds after their last test."""
    if "coverage" in sys.modules and (measured := sys.modules["coverage"].Coverage.current()) is not None:
        measured.save()


def unmeasured() -> dict[str, str]:
    """The environment for a process in which coverage would be in the way."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage rest for a test marked ``unmeasured``: here, in its fixtures and in the processes that it starts."""
    measured = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    if measured is None or item.get_closest_marker("unmeasured") is None:
        return (yield)
    held = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    measured.stop()
    try:
        for name in held:
            del os.environ[name]
        return (yield)
    finally:
        os.environ.update(held)
        measured.start()


def heed_ctrl_c() -> None:
    """Let a child process heed Ctrl-C even where the tests themselves run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def unmeasured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the test's own process only, none that it starts."""
    for name in os.environ.keys() - unmeasured().keys():
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def build() -> Build:
    """Text of equations → model."""
    return small_model


@pytest.fixture
def small_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the small model in ``tests/small``, with its scenarios, data and study, stand for the shipped files."""
    root = tmp_path / "shipped"
    shutil.copytree(Path(__file__).parent / "small", root)
    monkeypatch.setattr(resources, "root", lambda: root)
    observations.read_table.cache_clear()
    observations._typed.cache_clear()
    observations._compared.cache_clear()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield root
    observations.read_table.cache_clear()
    observations._typed.cache_clear()
    observations._compared.cache_clear()
