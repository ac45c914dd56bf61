"""What the terminal shows: notes, tables, progress, mistakes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
import tempfile
import textwrap
import threading
import time as clock
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flows
from flows.cli.options import INTERRUPTED, Engine
from flows.errors import InputError
from flows.pace import Pace, Progress, spoken

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


WIDTH = 150
"""Columns of a table where there is no terminal to fit it to."""

_EVERY = 10  # seconds between lines of progress where there is no terminal
NARROW = 120
"""Columns below which tables stack two numbers in one cell."""
SLOW = (
    "PySD is the slow reference: for the shipped model it takes some minutes for each year of the run "
    "(its first 60 months were measured at 260 s on two busy cores); --until shortens it"
)
_PULSE = 30.0  # seconds between signs of life of the slow engine


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows to the file that ``--json`` names; nobody's other file is replaced."""
    from flows.provenance import atomic_write

    where = f"--json {path}"
    if path.exists() and path.suffix.lower() != ".json":
        raise InputError(
            "a file or folder that isn't JSON stands there",
            where=where,
            remedy="Choose a name that ends in .json",
        )
    if not path.absolute().parent.is_dir():
        raise InputError("there is no such folder", where=where, remedy="Make it first")
    atomic_write(path, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    make_console(stderr=True).print(f"Written to {short_path(path)}.", style="dim")


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that prints text as it is: nothing in it is read as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)


def screen_width() -> int:
    """Columns that a table on stdout has."""
    return make_console().width


def say(words: str, *, stderr: bool = False) -> None:
    """Print a note: folded at blanks in a terminal, else one line."""
    console = make_console(stderr=stderr)
    console.print(words, style="dim", soft_wrap=not console.is_terminal)


def note(words: str, *, stderr: bool = False) -> None:
    """Print a note, folded at blanks at the width of the tables."""
    make_console(stderr=stderr).print(words, style="dim")


class _Patient:
    """A stream whose reader may go away: what is written after that is dropped, and the work goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return int(self._stream.write(text))
        except OSError:
            self._drop()
            return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, or drop them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on what was written, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        """Lead what is still to be written nowhere, what lies in buffers too."""
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self._stream.fileno())
            os.close(sink)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def patient_streams() -> Iterator[None]:
    """Let the work go on when the reader of a pipe goes away."""
    before = sys.stdout, sys.stderr
    made = _Patient(before[0]), _Patient(before[1])
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        for stream in made:
            with contextlib.suppress(ValueError, AttributeError):
                stream.flush()
        sys.stdout, sys.stderr = before


_WORD = 12  # columns of a word from which on it may be broken


def make_table(*heads: str, title: str | None = None) -> Table:
    """Make a table; a head that begins with ``>`` stands over numbers.

    Where its columns don't fit, each row is shown as a list under its first cell.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    class Fitting(Table):
        def __rich_console__(self, console: Any, options: Any) -> Any:
            edges = 3 * len(self.columns) - 1  # blanks between columns and at both ends
            if sum(map(_needed, self.columns)) + edges <= options.max_width:
                yield from super().__rich_console__(console, options)
                return
            if self.title:
                yield Text(str(self.title), style="italic")
            names = [" ".join(str(column.header).split()) for column in self.columns]
            for row in zip(*(column.cells for column in self.columns), strict=True):
                first, *others = (
                    [line.strip() for line in str(cell).splitlines() if line.strip()] for cell in row
                )
                yield Text("\n" + "\n".join(first))
                yield from (
                    Padding(Text(f"{name}: {', '.join(lines)}"), (0, 0, 0, 2))
                    for name, lines in zip(names[1:], others, strict=True)
                    if lines
                )
            yield Text("")

    def _needed(column: Any) -> int:
        texts = [str(cell) for cell in (column.header, *column.cells)]
        if column.no_wrap:
            return max(cell_len(line) for text in texts for line in text.splitlines() or [""])
        words = [min(_WORD, cell_len(word)) for text in texts for word in text.split()]
        return max([column.min_width or 0, *words])

    table = Fitting(
        box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False
    )
    for head in heads:
        numbers = head.startswith(">")
        lines = _head_lines(head.removeprefix(">")) if numbers else [head]
        table.add_column(
            Text("\n".join(lines)),
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=numbers,
            min_width=None if numbers else max(len(word) for word in head.split()),
        )
    return table


def _head_lines(head: str) -> list[str]:
    """Fold a head at blanks and hyphens; a month stays with its year."""
    joined = re.sub(r"\b([A-Z][a-z]{2}) (\d{4})\b", "\\1\0\\2", head)
    return [line.replace("\0", " ") for line in textwrap.wrap(joined, 14, break_long_words=False)]


@contextlib.contextmanager
def show_progress(words: str, pace: Pace | None = None, *, what: str = "runs") -> Iterator[Progress]:
    """Show runs (or what is counted) done, in all, and the time left, on stderr; lines now and then without a terminal.

    The time comes from the pace, which whoever does the work keeps; without one, from the steps shown.
    """
    kept = pace or Pace()
    steps = None if pace else _Steps(kept)
    console = make_console(stderr=True)
    if not console.is_terminal:
        plain = _plain_progress(words, kept, what)

        def tell(done: int, total: int) -> None:
            if steps:
                steps.update(done, total)
            plain(done, total)

        yield tell
        return
    from rich import progress as bars
    from rich.text import Text

    class Remaining(bars.TextColumn):
        def render(self, task: Any) -> Text:
            left = kept.seconds_left()
            return Text("" if left is None else f"about {spoken(left)} remain")

    columns = (
        bars.TextColumn("{task.description}", markup=False), bars.BarColumn(), bars.MofNCompleteColumn(),
        bars.TextColumn(what), bars.TimeElapsedColumn(), Remaining(""),
    )  # fmt: skip
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False)

        def update(done: int, total: int) -> None:
            if steps:
                steps.update(done, total)
            bar.update(task, completed=done, total=total, visible=done < total)

        yield update


class _Steps:
    """Keeps the pace of work of which only the steps are known."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._last: tuple[float, int] | None = None
        self._turn = 0  # work of several turns, each of which begins at nothing done and has its own pace

    def update(self, done: int, total: int) -> None:
        now = clock.monotonic()
        self._turn += done == 0
        kind = f"steps {self._turn}"
        if self._last:
            self._pace.note(kind, done - self._last[1], now - self._last[0])
        self._last = now, done
        self._pace.expect({kind: total - done})


def _plain_progress(words: str, pace: Pace, what: str) -> Progress:
    said: list[float] = []  # when the last line was written

    def update(done: int, total: int) -> None:
        now = clock.monotonic()
        if done == 0 or done == total or not said or now - said[0] >= _EVERY:
            left = pace.seconds_left() if done < total else None
            more = "" if left is None else f", about {spoken(left)} remain"
            print(f"{words}: {done:,} of {total:,} {what}{more}", file=sys.stderr, flush=True)
            said[:] = [now]

    return update


@contextlib.contextmanager
def working_on(words: str) -> Iterator[None]:
    """Say what is going on while it goes on, on stderr."""
    console = make_console(stderr=True)
    if console.is_terminal:
        with console.status(words + " …"):
            yield
    else:
        print(f"{words} …", file=sys.stderr, flush=True)
        yield


def say_stage(words: str) -> None:
    """Say on stderr what begins now."""
    print(f"{words} …", file=sys.stderr, flush=True)


@contextlib.contextmanager
def patience(engine: Engine) -> Iterator[None]:
    """Say how long the slow reference takes, and now and then that it is still at work."""
    if engine is not Engine.pysd:
        yield
        return
    began, over = clock.monotonic(), threading.Event()

    def pulse() -> None:
        while not over.wait(_PULSE):
            print(f"PySD is at work: {clock.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    say_stage(SLOW)
    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    print(f"PySD took {clock.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def has_older(folder: Path) -> bool:
    """Whether the folder holds older results; refuse one that holds anything else."""
    from flows import provenance

    provenance.check_replaceable(folder)
    return folder.is_dir() and provenance.read_record(folder) is not None


def say_written(folder: Path, older: bool) -> None:
    """Say where results lie."""
    more = " (older results there were replaced)" if older else ""
    make_console(stderr=True).print(f"Results in {short_path(folder)}{more}", style="dim", soft_wrap=True)


def short_path(path: Path) -> str:
    """Name a path from the working folder where it lies inside."""
    with contextlib.suppress(ValueError):
        return path.resolve().relative_to(Path.cwd()).as_posix()
    return str(path)


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Say warnings meant for the user in one line each, once; leave out those for developers."""
    said = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if text not in said:
            said.add(text)
            print(f"Warning: {text}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        if os.environ.get("FLOWS_DEBUG") != "1":
            warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"flows(\.|$)")
        warnings.filterwarnings("always", category=UserWarning, module=r"__main__")
        warnings.showwarning = show
        yield


def fail(sentence: str, code: int) -> int:
    """Say what went wrong, and hand the exit code back."""
    with contextlib.suppress(OSError, ValueError):
        print(f"Error: {sentence}" if code != INTERRUPTED else sentence, file=sys.stderr, flush=True)
    return code


_FULL = {errno.ENOSPC, errno.EDQUOT}


def refusal_text(error: Exception) -> str:
    """Say one sentence about what the system refused: a folder one may not enter, a name too long, a full disk.

    An empty string if it isn't that: a file that is missing where Flows itself put it is our mistake.
    """
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return ""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{error.filename or 'the disk'}: {why}. Make room, or choose another folder with --out."
    if error.filename is None:
        return ""
    remedy = (
        " Ask for the right to it, or choose another place." if isinstance(error, PermissionError) else ""
    )
    return f"{os.fsdecode(error.filename)}: the system refuses this, found {why}.{remedy}"


def ours_text(error: Exception) -> str:
    """Say one sentence about a mistake of this program, and keep the traceback where it can be found."""
    if os.environ.get("FLOWS_DEBUG") == "1":
        traceback.print_exc()
        place = "the traceback is above"
    else:
        try:
            handle, name = tempfile.mkstemp(prefix="flows-error-", suffix=".txt")
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write("flows " + flows.__version__ + "\n" + "".join(traceback.format_exception(error)))
            place = f"the traceback is in {name}"
        except OSError:
            place = "set FLOWS_DEBUG=1 to see the traceback"
    text = " ".join(str(error).split())
    return f"a mistake of Flows, not yours: {type(error).__name__}{': ' + text if text else ''} ({place})."
