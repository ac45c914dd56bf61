"""Results are written whole or not at all, never over somebody's own files, and say where they come from."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from flows import provenance
from flows.errors import InputError, ResultError


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_digest(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"a,b\r\n")
    assert provenance.digest(file) == hashlib.sha256(b"a,b\r\n").hexdigest()
    with pytest.raises(InputError, match=r"missing\.csv"):
        provenance.digest(tmp_path / "missing.csv")


def test_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "models" / "a.mdl"
    file.parent.mkdir()
    file.write_text("x = 1 ~~|", encoding="utf-8")
    found = provenance.record(
        command=["flows", "study", "my study.toml"], inputs=[file, "models/a.mdl"], seed=7, extra={"n": 8}
    )
    assert found["command"] == 'flows study "my study.toml"'
    assert found["seed"] == 7
    assert found["n"] == 8
    assert found["inputs"] == [{"path": "models/a.mdl", "sha256": provenance.digest(file), "bytes": 9}]
    assert {"flows", "python", "numpy", "xarray"} <= set(found["versions"])
    assert found["started"].endswith("+00:00")
    assert str(tmp_path) not in json.dumps(found)


def test_a_path_elsewhere_is_recorded_by_name(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("", encoding="utf-8")
    assert provenance.record(inputs=[file])["inputs"][0]["path"] == "own.toml"


def test_atomic_write(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.csv"
    assert provenance.atomic_write(file, "país\n") == file
    assert file.read_bytes() == "país\n".encode()
    provenance.atomic_write(file, b"x")
    assert file.read_bytes() == b"x"
    assert names(tmp_path) == ["new/a.csv"]


def test_atomic_path_leaves_the_old_file_on_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    file.write_text("old", encoding="utf-8")

    def fail() -> None:
        with provenance.atomic_path(file) as temporary:
            assert temporary.suffix == ".nc"
            temporary.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["a.nc"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResultError, match="can't be written"):
        provenance.atomic_write(tmp_path / "file" / "a.csv", "")


def write(out: Path, text: str, name: str = "table.csv") -> None:
    with provenance.results_folder(out, command="flows run", seed=1) as folder:
        assert folder.parent == out.parent
        provenance.atomic_write(folder / name, text)


def test_results_folder(tmp_path: Path) -> None:
    out = tmp_path / "outputs" / "base"
    write(out, "1")
    assert names(tmp_path) == ["outputs/base/provenance.json", "outputs/base/table.csv"]
    found = provenance.read_record(out)
    assert found is not None
    assert found["results"] == ["table.csv"]
    assert found["started"] <= found["finished"]
    write(out, "2", "other.csv")
    assert names(out) == ["other.csv", "provenance.json"]
    assert [path.name for path in out.parent.iterdir()] == ["base"]
    if os.name == "posix":
        assert out.stat().st_mode & 0o777 == (tmp_path / "outputs").stat().st_mode & 0o777


def test_a_users_own_files_move_along(tmp_path: Path) -> None:
    out = tmp_path / "base"
    write(out, "1")
    (out / "notes").mkdir()
    (out / "notes" / "mine.txt").write_text("keep me", encoding="utf-8")
    write(out, "2")
    assert names(out) == ["notes/mine.txt", "provenance.json", "table.csv"]
    assert (out / "notes" / "mine.txt").read_text(encoding="utf-8") == "keep me"
    assert (out / "table.csv").read_text(encoding="utf-8") == "2"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [True, False])
def test_nothing_half_written(tmp_path: Path, error: type[BaseException], before: bool) -> None:
    out = tmp_path / "base"
    if before:
        write(out, "1")
    expected = names(tmp_path)

    def fail() -> None:
        with provenance.results_folder(out) as folder:
            (folder / "half.csv").write_text("", encoding="utf-8")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == expected
    assert list(tmp_path.iterdir()) == ([out] if before else [])


@pytest.mark.parametrize("theirs", ["thesis.docx", "provenance.json"])
def test_never_over_a_folder_that_is_not_ours(tmp_path: Path, theirs: str) -> None:
    (tmp_path / theirs).write_text("{}", encoding="utf-8")
    with pytest.raises(ResultError, match="aren't results of Flows"):
        write(tmp_path, "1")
    assert names(tmp_path) == [theirs]


def test_an_empty_folder_is_taken_and_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "1")
    with pytest.raises(ResultError, match="is a file"):
        write(tmp_path / "empty" / "table.csv", "1")


def test_the_old_results_come_back_if_the_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "base"
    write(out, "1")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(provenance, "_PAUSE", 0.0)
    with pytest.raises(ResultError, match="Close programs"):
        write(out, "2")
    assert (out / "table.csv").read_text(encoding="utf-8") == "1"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    "error",
    [OSError("problem writing element 512 to file"), OSError(errno.ENOSPC, "No space left on device")],
)
def test_a_full_disk_is_named_whatever_the_words(tmp_path: Path, error: OSError) -> None:
    def fill(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with (
        pytest.raises(ResultError, match="See whether the disk is full"),
        provenance.atomic_path(tmp_path / "x.npy") as temporary,
    ):
        fill(temporary)
    assert list(tmp_path.iterdir()) == []


def test_what_the_netcdf_library_says_of_a_full_disk_is_a_refusal_too(tmp_path: Path) -> None:
    with (
        pytest.raises(ResultError, match=r"written, found NetCDF: HDF error\. See whether the disk"),
        provenance.atomic_path(tmp_path / "x.nc"),
    ):
        raise RuntimeError("NetCDF: HDF error")
    with pytest.raises(RuntimeError, match="ours"), provenance.atomic_path(tmp_path / "x.nc"):
        raise RuntimeError("ours")
    assert list(tmp_path.iterdir()) == []


def test_damaged_arrays_of_unfinished_work_are_none(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    assert provenance.load_arrays(path) is None
    np.savez(path, allow_pickle=False, x=np.arange(40.0), name=np.array("digest"))
    whole = path.read_bytes()
    found = provenance.load_arrays(path)
    assert found is not None and found["x"].tolist() == np.arange(40.0).tolist()
    for place in range(0, len(whole), 7):
        for spoilt in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]):
            path.write_bytes(spoilt)
            left = provenance.load_arrays(path)
            # dates and flags of the archive may change; the numbers never do
            assert left is None or "x" not in left or left["x"].tolist() == np.arange(40.0).tolist()
    path.write_bytes(b"\x80\x04\x95 not a pickle either")
    assert provenance.load_arrays(path) is None
