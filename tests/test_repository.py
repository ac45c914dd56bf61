"""What may not stand in the repository: addresses of package indexes, paths of one machine, loaded words."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).relative_to(ROOT).as_posix()

BINARY = {".parquet", ".png", ".jpg", ".ico", ".nc", ".npz", ".gz", ".woff2", ".pdf"}

# Names and versions with hashes are enough to install from any index: no option names one, and no line of a
# requirements file or a build file holds a web address.
INDEX = re.compile(r"--(?:extra-)?index-" + r"url|--find-" + "links|--trusted-" + "host", re.IGNORECASE)
HOST = re.compile(r"\bpypi\.org|pythonhosted|npmjs|\bdeb\.debian", re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z+]*://", re.IGNORECASE)
INSTALLING = ("requirements", "Makefile", ".ci/", "pyproject.toml", ".github/")
MACHINE = re.compile(r"(?<![\w.:/])/(?:work|farm|root|home/\w+|Users/\w+|tmp/\w+)/")

# Words that judge people or liken them to disasters, and a name for three countries that hides them.
LOADED = re.compile(
    r"\b(?:waves?|surg(?:e|es|ing)|flood(?:s|ed|ing)?|illegals?|northern triangle|rescue[sd]?)\b", re.I
)

# Texts that a reader of the product sees and that we wrote; titles of sources keep their publishers' words.
DISPLAYED = ("README.md", "CHANGELOG.md", "docs/", "src/", "sensitivity/", "models/")
QUOTING = ("models/data/", "models/claims.csv")


def committed() -> list[str]:
    """List the files that are, or would be, committed."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode("utf-8")
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def findings(pattern: re.Pattern[str], names: list[str]) -> list[str]:
    found = []
    for name in names:
        if name == HERE or Path(name).suffix in BINARY:
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), start=1):
            if match := pattern.search(line):
                found.append(f"{name}:{number}: {match.group()}")
    return found


def test_no_address_of_a_package_index() -> None:
    assert findings(INDEX, committed()) == []
    assert findings(HOST, committed()) == []
    installing = [name for name in committed() if name.startswith(INSTALLING)]
    assert installing
    assert findings(ADDRESS, installing) == []


def test_no_path_of_one_machine() -> None:
    assert findings(MACHINE, committed()) == []


def test_no_loaded_words_in_displayed_texts() -> None:
    names = [name for name in committed() if name.startswith(DISPLAYED) and not name.startswith(QUOTING)]
    assert findings(LOADED, names) == []


def test_every_text_is_utf8() -> None:
    for name in committed():
        if Path(name).suffix not in BINARY:
            (ROOT / name).read_bytes().decode("utf-8")


def test_results_are_not_committed() -> None:
    assert [name for name in committed() if name.startswith("outputs/")] == ["outputs/README.md"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_and_hashed(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(?:\[[\w,]+\])?==\S+ ", entry), entry.split("--hash", 1)[0]
        assert "--hash=sha256:" in entry, entry


def test_requirements_cover_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def name_of(requirement: str) -> str:
        return re.split(r"[\s<>=;!~\[]", requirement, maxsplit=1)[0].lower()

    def pinned(name: str) -> set[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return {entry.lower() for entry in re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)}

    runtime = {name_of(entry) for entry in project["dependencies"]}
    dev = {name_of(entry) for entry in project["optional-dependencies"]["dev"]}
    assert runtime - pinned("requirements.txt") == set()
    assert (runtime | dev) - pinned("requirements-dev.txt") == set()


def test_the_source_distribution_holds_all_that_is_committed() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    always = {".gitignore", "LICENSE", "README.md", "pyproject.toml"}
    named = set(build["targets"]["sdist"]["only-include"])
    assert {name.split("/", 1)[0] for name in committed()} == named | always


def test_version_changelog_and_citation_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    heads = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    releases = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", head) for head in heads[1:]]
    assert releases and None not in releases
    order = [(tuple(map(int, r.groups()[:3])), date.fromisoformat(r[4])) for r in releases if r]
    assert order == sorted(order, reverse=True)
    assert f"{citation['version']}" == version == ".".join(map(str, order[0][0]))
    assert citation["date-released"] == order[0][1]
    assert f"rev: v{version} " in (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
