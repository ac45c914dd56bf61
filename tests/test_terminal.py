"""What the command line says of refusals by the system and of its own mistakes, and how it says it."""

from __future__ import annotations

import errno
import io
import json
import sys
import warnings
from pathlib import Path

import pytest

from flows.cli import terminal
from flows.errors import InputError


def test_rows_are_written_where_no_other_file_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "rows.json"
    for rows in ([{"a": "é"}], [{"a": None}]):  # JSON of an earlier run is replaced
        terminal.write_json(place, rows)
        assert json.loads(place.read_text(encoding="utf-8")) == rows
    model = tmp_path / "mine.mdl"
    model.write_text("kept", encoding="utf-8")
    with pytest.raises(InputError, match=r"isn't JSON stands there. Choose a name that ends in \.json"):
        terminal.write_json(model, [])
    assert model.read_text(encoding="utf-8") == "kept"
    with pytest.raises(InputError, match=r"there is no such folder\. Make it first"):
        terminal.write_json(tmp_path / "none" / "rows.json", [])


def test_what_the_system_refuses_is_one_sentence() -> None:
    said = terminal.refusal_text
    assert said(PermissionError(errno.EACCES, "Permission denied", "locked")) == (
        "locked: the system refuses this, found Permission denied. Ask for the right to it, or choose another place."
    )
    assert said(OSError(errno.ENAMETOOLONG, "File name too long", "aaa")) == (
        "aaa: the system refuses this, found File name too long."
    )
    full = "No space left on device. Make room, or choose another folder with --out."
    assert said(OSError(errno.ENOSPC, "No space left on device", "out/a.nc")) == f"out/a.nc: {full}"
    assert said(OSError(errno.ENOSPC, "No space left on device")) == f"the disk: {full}"
    for own in (ValueError("x"), FileNotFoundError(errno.ENOENT, "gone", "x"), OSError("no file is named")):
        assert said(own) == ""


def test_a_mistake_of_flows_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        raise KeyError("of\nours")
    except KeyError as caught:
        error = caught
    text = terminal.ours_text(error)
    (kept,) = tmp_path.glob("flows-error-*.txt")
    assert text == f"a mistake of Flows, not yours: KeyError: 'of\\nours' (the traceback is in {kept})."
    assert "test_a_mistake_of_flows" in kept.read_text(encoding="utf-8")
    kept.unlink()
    terminal.ours_text(ValueError("a\udcf1o"))  # a name that the locale can't read
    (kept,) = tmp_path.glob("flows-error-*.txt")
    assert r"ValueError: a\udcf1o" in kept.read_text(encoding="utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    assert terminal.ours_text(ValueError()) == (
        "a mistake of Flows, not yours: ValueError (set FLOWS_DEBUG=1 to see the traceback)."
    )
    monkeypatch.setenv("FLOWS_DEBUG", "1")
    assert "(the traceback is above)." in terminal.ours_text(error)
    assert "NoneType" in capsys.readouterr().err
    assert len(list(tmp_path.glob("flows-error-*"))) == 1


def test_warnings_for_users_are_lines_and_others_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.warnings_as_lines():
        for _ in range(2):
            warnings.warn_explicit("Mind the gap", UserWarning, "x.py", 1, module="flows.somewhere")
        warnings.warn_explicit("for developers", DeprecationWarning, "x.py", 1, module="numpy")
        warnings.warn_explicit("of a library", UserWarning, "x.py", 1, module="xarray")
    assert capsys.readouterr().err == "Warning: Mind the gap\n"


def test_work_goes_on_when_the_reader_of_a_pipe_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def flush(self) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    there = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", there)
    with terminal.patient_streams():
        assert sys.stdout.write("five!") == 5
        sys.stdout.flush()
        sys.stderr.writelines(["a\n", "b\n"])
        assert sys.stderr.getvalue() == "a\nb\n"  # type: ignore[attr-defined]
    assert isinstance(sys.stdout, Gone) and sys.stderr is there


@pytest.mark.parametrize("interactive", [False, True])
def test_progress_is_shown_on_stderr(
    interactive: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setenv("TERM", "xterm" if interactive else "dumb")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=interactive, width=100, legacy_windows=False)
    monkeypatch.setattr(terminal, "make_console", lambda stderr=False: console)
    with terminal.show_progress("Scenarios") as progress:
        progress(0, 4)
        progress(3, 4)
    with terminal.working_on("Reading m.mdl"):
        pass
    lines = capsys.readouterr().err.splitlines()
    if interactive:
        assert not lines and "3/4" in stream.getvalue() and "Reading m.mdl …" in stream.getvalue()
    else:
        assert not stream.getvalue()
        assert lines[0] == "Scenarios: 0 of 4 runs" and lines[-1] == "Reading m.mdl …"


def test_heads_over_numbers_fold_and_keep_a_month_with_its_year() -> None:
    assert terminal._head_lines("largest change at any time") == ["largest change", "at any time"]
    assert terminal._head_lines("modelled in Dec 2030") == ["modelled in", "Dec 2030"]
    assert terminal._head_lines("") == []
