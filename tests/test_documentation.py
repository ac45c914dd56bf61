"""The commands and examples in README and docs/ are ones that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.conftest import run_flows

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """List the fenced blocks of a language: page, text."""
    return [
        (page.name, text)
        for page in PAGES
        for fence, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if fence == language
    ]


def commands() -> list[tuple[str, ...]]:
    """List the distinct command lines of `flows` in all pages."""
    found = {
        tuple(shlex.split(line, comments=True)[1:])
        for _, text in blocks("sh")
        for line in text.splitlines()
        if line.startswith("flows ")
    }
    return sorted(found)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_command_exists(command: tuple[str, ...]) -> None:
    name, *rest = command
    known = run_flows(name, "--help", cwd=ROOT, timeout=300)
    for option in (argument for argument in rest if argument.startswith("--")):
        assert option in known
    for file in (argument for argument in rest if argument.endswith(".toml") and "FILE" not in argument):
        assert (ROOT / file).is_file()
    if name == "list":
        assert run_flows(*command, cwd=ROOT, timeout=300).strip()


@pytest.mark.parametrize("name", ["run", "compare"])
def test_scenarios_exist(name: str) -> None:
    listed = run_flows("list", "scenarios", cwd=ROOT, timeout=300)
    for command in commands():
        if command[0] == name:
            positional = command[1 : next((k for k, a in enumerate(command) if a.startswith("--")), None)]
            named = [
                argument
                for argument in positional
                if not argument.startswith("outputs/") and argument != "base"
            ]
            for scenario in (part for argument in named for part in argument.split("+")):
                assert scenario in listed or (ROOT / scenario).is_file()


@pytest.mark.parametrize(("page", "code"), blocks("python"), ids=lambda value: value.split("\n")[0])
def test_python_example_runs(page: str, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{page}\n{done.stderr}"


@pytest.mark.parametrize("script", sorted((ROOT / "docs/examples").glob("*.py")), ids=lambda path: path.name)
def test_example_runs(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_architecture_names_folders_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for folder in re.findall(r"^\| `([\w/]+/)` \|", text, re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## Modules") : text.index("## Two clocks")]
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert sorted(named) == sorted(re.findall(r"\((\w+)\)", " ".join(floors)))


def test_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        named = re.findall(
            r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert {first or second for first, second in named} <= targets
