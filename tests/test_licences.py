"""Licences: every runtime dependency's is known, allowed and in the documentation; raw tables have their terms."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "LGPL-3.0-or-later", "MIT",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""What may be installed beside a work under MIT, unchanged and from its own publisher: no licence that reaches us."""

SPOKEN = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "GNU General Public License (GPL)": "GPL-2.0-or-later",
}
"""Classifiers of older metadata; several of them are a choice."""


def pinned() -> list[str]:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", text, re.MULTILINE)


def licences(name: str) -> tuple[set[str], bool]:
    """What a package's metadata say, and whether one of them is enough."""
    about = metadata.metadata(name)
    expression = about.get("License-Expression")
    if expression:
        parts = re.split(r"\s+(?:AND|OR)\s+", re.sub(r" WITH [\w.-]+", "", expression).strip("()"))
        return {part.strip("() ") for part in parts}, " OR " in expression and " AND " not in expression
    classifiers = [c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    if classifiers:
        return {SPOKEN.get(c, c) for c in classifiers}, True
    return {(about.get("License") or "none").strip()}, False


def listed() -> dict[str, set[str]]:
    """Packages by licence, as the documentation says."""
    part = PAGE[PAGE.index("## Packages") :]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", part, re.MULTILINE)[1:]
    return {
        licence.split(",")[0].strip(): set(names.split(", "))
        for licence, names in rows
        if "--" not in licence
    }


@pytest.mark.parametrize("name", pinned())
def test_a_dependency_has_an_allowed_licence_that_is_documented(name: str) -> None:
    rows = {package: licence for licence, packages in listed().items() for package in packages}
    assert name in rows, f"docs/licences.md has no row for {name}"
    try:
        found, choice = licences(name)
    except metadata.PackageNotFoundError:
        pytest.skip("not for this platform")
    allowed = found & ALLOWED if choice else (found if found <= ALLOWED else set())
    assert allowed, f"{name} is under {', '.join(sorted(found))}"
    stated = set(rows[name].split(" and "))
    assert stated <= allowed | {"BSD-2-Clause"} if "BSD-3-Clause" in allowed else stated <= allowed, (
        name,
        found,
    )


def test_nothing_is_documented_that_isnt_installed() -> None:
    names = [package for packages in listed().values() for package in packages]
    assert sorted(names) == sorted(pinned())


def test_each_raw_table_has_its_terms() -> None:
    tables = {path.name for path in (ROOT / "data" / "raw").glob("*.csv")}
    assert tables == set(re.findall(r"^\| `([\w-]+\.csv)` \|", PAGE, re.MULTILINE))


def test_the_citation_file_follows_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    assert version is not None
    assert re.search(rf'^version: "?{re.escape(version[1])}"?$', citation, re.MULTILINE)
    assert re.search(r"^license: MIT$", citation, re.MULTILINE) and 'license = "MIT"' in project
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
