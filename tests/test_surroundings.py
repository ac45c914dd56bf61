"""Terminals, locales and file systems of other machines; ``docs/fresh-machines.md`` says what was tried by hand."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import xarray as xr
from tests.conftest import ACCENTS, commit

import flows
from flows import cli, paths, provenance
from flows.cli.terminal import make_table
from flows.engine import native
from flows.errors import ResultError

TEACUP = """{UTF-8}
Temperature = INTEG(-cooling, 180) ~ Degree ~ |
cooling = (Temperature - room) / time constant ~ Degree/Minute ~ |
room = 70 ~ Degree ~ |
time constant = 10 ~ Minute ~ |
INITIAL TIME = 0 ~ Minute ~ |
FINAL TIME = 30 ~ Minute ~ |
TIME STEP = 0.125 ~ Minute ~ |
SAVEPER = 1 ~ Minute ~ |
"""
LATIN = os.fsdecode(b"a\xf1o")
"""A name written under a locale of Latin-1, as a locale of UTF-8 finds it."""
ANY_BYTES = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="names of files are Unicode on other systems"
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 150])
def test_a_table_shows_every_cell_whole_however_narrow_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table = make_table("outcome", "unit", ">model, Dec 2030", ">observed", title="A course")
    table.add_row("people waiting\nin Mexico", "person", "12,345", "11,111")
    table.add_row("backlog", "case", "3,456,789", "")
    cli.terminal.make_console().print(table)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    for word in "people waiting in Mexico person 12,345 11,111 backlog case 3,456,789 A course".split():
        assert word in out.split()
    assert ("observed: 11,111" in out) == (width <= 40)
    assert "observed: \n" not in out


@pytest.mark.parametrize("what", ["scenarios", "levers", "outcomes", "studies"])
def test_lists_lose_nothing_at_40_columns(
    what: str, small_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert cli.main(["list", what]) == 0
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "40")
    assert cli.main(["list", what]) == 0
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 40
    rows = wide.rpartition("─")[2].splitlines()
    names = {word for row in rows if row[1:2].strip() for word in row.strip().split("  ")[0].split()}
    assert names
    assert names <= {*narrow.split()}


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "latin-1"])
def test_a_terminal_of_few_letters_gets_all_that_it_can_show(
    encoding: str, small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert cli.main(["list", "scenarios"]) == 0
    sys.stdout.flush()
    assert "current-course" in written.getvalue().decode(encoding)


@ANY_BYTES
def test_results_in_a_folder_whose_name_the_locale_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / f"{LATIN}.mdl").write_text(TEACUP, encoding="utf-8")
    assert cli.main(["run", "--model", f"{LATIN}.mdl", "--out", LATIN]) == 0
    assert "Temperature" in capsys.readouterr().out
    run = paths.load_netcdf(folder / LATIN / "trajectories.nc")
    expected = flows.simulate(flows.read_vensim(f"{LATIN}.mdl"))["Temperature"]
    np.testing.assert_array_equal(run["Temperature"], expected)
    record = json.loads((folder / LATIN / provenance.FILE).read_text(encoding="utf-8"))
    assert record["inputs"][0]["path"] == "a\ufffdo.mdl"
    assert cli.main(["compare", LATIN, "--out", "compared"]) in (0, 1)
    assert "mistake of Flows" not in capsys.readouterr().err


@ANY_BYTES
@ACCENTS
@pytest.mark.skipif(
    not (sys.prefix + flows.__file__).isascii(),
    reason="under such a locale, Python loads no compiled packages from a folder with accents",
)
def test_a_locale_of_ascii_in_a_folder_with_accents(tmp_path: Path) -> None:
    folder = tmp_path / "año nuevo"
    folder.mkdir()
    (folder / "té.mdl").write_text(TEACUP, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "flows", "run", "--model", "té.mdl", "--no-figures", "--out", "fría"],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    record = json.loads((folder / "fría" / provenance.FILE).read_text(encoding="utf-8"))
    assert record["command"].endswith("--out fría")
    assert record["inputs"][0]["path"] == "té.mdl"
    assert paths.load_netcdf(folder / "fría" / "trajectories.nc")["Temperature"][0] == 180


@ANY_BYTES
def test_a_dataset_is_written_and_read_the_same_at_any_path(tmp_path: Path) -> None:
    dataset = xr.Dataset({"x": ("k", np.arange(3.0))}, attrs={"title": LATIN})
    encoding = {"x": {"zlib": True}}
    for name in ("plain.nc", f"{LATIN}.nc"):
        paths.save_netcdf(dataset, tmp_path / name, encoding=encoding)
    one, other = (paths.load_netcdf(tmp_path / name) for name in ("plain.nc", f"{LATIN}.nc"))
    xr.testing.assert_identical(one, other)
    assert one.attrs["title"] == "a\ufffdo"


def test_machine_code_without_a_home_or_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    def none_usable() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("FLOWS_CACHE", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = native.cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path
    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    assert native.cache_folder() is None
    monkeypatch.setattr(native, "_loaded", {})
    (tmp_path / "teacup.mdl").write_text(TEACUP, encoding="utf-8")
    run = flows.simulate(flows.read_vensim(tmp_path / "teacup.mdl"), engine="compiled")
    assert run["Temperature"].values[0] == 180


def test_nothing_half_written_stays_in_the_cache_of_machine_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    native._write(tmp_path / "code.o", b"code")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("run",), ("compare", "faster"), ("study", "base"), ("levers",), ("report",)]
)
def test_a_disk_that_is_read_only_is_said_before_any_work(
    arguments: tuple[str, ...],
    small_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cli.main(list(arguments)) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert said.count("\n") == 1
    assert "the results can't be written" in said
    assert "Choose another folder with --out" in said
    assert list(tmp_path.glob("outputs/*")) == []


def test_a_disk_that_turns_read_only_is_said_with_its_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(ResultError, match=r"Read-only file system.*--out"),
        provenance.results_folder(tmp_path / "o"),
    ):
        raise_read_only()


def raise_read_only() -> None:
    with provenance.atomic_path("x") as _:
        raise OSError(30, "Read-only file system")


@pytest.mark.parametrize("name", ["migration", "models/migration.mdl"])
def test_the_shipped_model_goes_by_its_name_where_there_is_no_checkout(
    name: str,
    small_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shipped = small_root / "models" / "migration.mdl"
    before = shipped.read_bytes()
    assert cli.main(["check", name, "--quiet"]) == 0
    assert "0 errors" in capsys.readouterr().out
    assert cli.main(["set", name, "faster claims=2", "--out", "mine.mdl"]) == 0
    assert flows.read_vensim("mine.mdl").constants["faster claims"].value == 2
    assert cli.main(["set", name, "faster claims=2"]) == 1  # the shipped file itself is never written
    assert shipped.read_bytes() == before
    (folder / "models").mkdir()
    (folder / "models" / "migration.mdl").write_text(TEACUP, encoding="utf-8")
    assert cli.main(["set", "models/migration.mdl", "room=60"]) == 0  # one's own comes first
    assert flows.read_vensim("models/migration.mdl").constants["room"].value == 60


def test_too_little_memory_is_no_mistake_of_ours(
    small_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def scarce(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 15.6 MiB")

    monkeypatch.setattr("flows.inputs.list_scenarios", scarce)
    assert cli.main(["list", "scenarios"]) == 1
    said = capsys.readouterr().err
    assert "doesn't suffice" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--model", "{}"),
        ("run", "--out", "{}"),
        ("run", "--changes", "{}.cin"),
        ("check", "{}"),
        ("compare", "{}.toml"),
        ("study", "{}.toml"),
        ("docs", "--out", "{}.html"),
        ("diff", "{}", "{}"),
    ],
    ids=" ".join,
)
def test_a_name_that_the_system_refuses_is_no_mistake_of_ours(
    arguments: tuple[str, ...], small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([argument.replace("{}", "x" * 300) for argument in arguments]) == 1
    said = capsys.readouterr().err
    last = said.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "x" * 300 in last
    assert "mistake of Flows" not in last


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/secret/a.mdl"), "/secret/a.mdl: the system refuses this"),
        (OSError(28, "No space left on device"), "the disk: No space left on device. Make room"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_sentence(
    error: OSError,
    said: str,
    small_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("flows.inputs.list_scenarios", refuse)
    assert cli.main(["list", "scenarios"]) == 1
    assert said in capsys.readouterr().err
    monkeypatch.setattr(error, "filename", None)
    if isinstance(error, PermissionError):
        assert cli.main(["list", "scenarios"]) == 2


@ANY_BYTES
def test_revisions_in_a_folder_whose_name_the_locale_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = Path(f"{LATIN}.mdl")
    path.write_text(TEACUP, encoding="utf-8")
    commit(folder)
    path.write_text(TEACUP.replace("70", "60"), encoding="utf-8")
    assert cli.main(["diff", f"HEAD:{path}", str(path), "--no-figures", "--out", "moved"]) == 0
    assert "room" in capsys.readouterr().out
    monkeypatch.setattr("shutil.which", lambda *_: None)
    assert cli.main(["diff", f"HEAD:{path}", str(path)]) == 1
    assert "git isn't installed" in capsys.readouterr().err
