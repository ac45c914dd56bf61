"""The wheel carries the shipped model and studies, and runs outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.conftest import unmeasured

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**unmeasured(), "PYTHONUTF8": "1", "PYTHONWARNINGS": "default", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check")
    run("-m", "pip", "install", *options, "--target", str(target), str(wheel), cwd=target)
    return target


def test_wheel_holds_the_shipped_files(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("models", "sensitivity"):
        shipped = {
            "flows/_data/" + path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file()
            and path.suffix in {".mdl", ".toml", ".csv", ".parquet"}
            and not path.stem.endswith("-flat")  # flows flatten makes it
        }
        assert shipped
        assert shipped - names == set()
    package = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "flows").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package - names == set()
    assert "flows/_data/models/migration.mdl" in names
    assert "flows/py.typed" in names


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/", 1)[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"flows"}
    stray = [name for name in names if "__pycache__" in name or name.startswith("flows/_data/outputs")]
    assert stray == [] and not [name for name in names if name.endswith("-flat.mdl")]
    assert [name for name in names if name.startswith("flows/_data/") and name.endswith(".py")] == []


def test_wheel_carries_its_own_resources(installed: Path, tmp_path: Path) -> None:
    code = "import flows.resources as r; print(r.root())"
    root = run("-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).strip()
    assert Path(root) == (installed / "flows" / "_data").resolve()


def test_wheel_runs_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    listed = run("-m", "flows", "list", "scenarios", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "current-course" in listed
    out = tmp_path / "short"
    run(
        "-m",
        "flows",
        "run",
        "current-course",
        "--until",
        "2014-12",
        "--out",
        str(out),
        cwd=tmp_path,
        PYTHONPATH=str(installed),
    )
    assert (out / "provenance.json").is_file()
