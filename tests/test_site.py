"""The documentation site: it loads nothing from elsewhere, and its API reference names what is public."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import flows

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILT = DOCS / "_build" / "html"

_spec = importlib.util.spec_from_file_location("remote", DOCS / "remote.py")
assert _spec is not None
assert _spec.loader is not None
remote = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(remote)

LOADING = [
    '<script src="https://cdn.example/x.js"></script>',
    '<script src="//cdn.example/x.js"></script>',
    '<link rel="stylesheet" href="https://cdn.example/x.css">',
    '<link rel="preload" as="font" href="http://cdn.example/x.woff2">',
    '<img alt="" srcset="a.png 1x, https://cdn.example/b.png 2x">',
    '<p style="background: url(https://cdn.example/x.png)">',
    "<style>@import 'https://cdn.example/x.css';</style>",
    '<svg><image href="https://cdn.example/x.png"/></svg>',
    '<object data="https://cdn.example/x.svg"></object>',
]
STAYING = [
    '<a href="https://doi.org/10.1137/130936233">paper</a>',
    '<script src="_static/x.js?v=1"></script><img src="_images/a.svg"><link rel="stylesheet" href="x.css">',
    '<svg xmlns="http://www.w3.org/2000/svg"><use href="#here"/></svg>',
    '<img src="data:image/png;base64,AA//">',
]


@pytest.mark.parametrize("html", LOADING)
def test_what_loads_from_elsewhere_is_found(html: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    assert remote.remote_assets(tmp_path / "page.html")


@pytest.mark.parametrize("html", STAYING)
def test_links_and_own_files_are_not(html: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    assert remote.remote_assets(tmp_path / "page.html") == []


def test_styles_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(
        '@font-face { src: url("https://fonts.example/a.woff2") }', encoding="utf-8"
    )
    (tmp_path / "b.css").write_text("p { background: url(../b.png) }", encoding="utf-8")
    assert remote.remote_assets(tmp_path / "a.css") == ["https://fonts.example/a.woff2"]
    assert remote.remote_assets(tmp_path / "b.css") == []


def test_the_built_site_loads_nothing_from_elsewhere() -> None:
    if not BUILT.is_dir():
        pytest.skip("no site is built here; `make docs` builds it and looks for the same")
    files = [path for kind in ("*.html", "*.css", "*.svg") for path in BUILT.rglob(kind)]
    assert {path.name: found for path in files if (found := remote.remote_assets(path))} == {}


def named_in_api() -> list[str]:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    return re.findall(r"^\.\. auto\w+:: ([\w.]+)", text, re.MULTILINE)


def test_api_reference_has_every_public_name() -> None:
    named = set(named_in_api())
    assert {f"flows.{name}" for name in flows.__all__ if name != "__version__"} <= named
    assert "flows.__version__" in (DOCS / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", named_in_api())
def test_api_reference_names_what_exists_and_nothing_private(name: str) -> None:
    assert not any(part.startswith("_") for part in name.split("."))
    module, _, attribute = name.rpartition(".")
    try:
        import_module(name)
    except ImportError:
        assert hasattr(import_module(module), attribute)
        public = getattr(import_module(module), "__all__", None)
        assert public is None or attribute in public


def test_every_page_stands_in_one_place_of_the_contents() -> None:
    listed: list[Path] = []
    for page in DOCS.rglob("*.md"):
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            names = [line for line in block.splitlines() if line.strip() and not line.startswith(":")]
            listed += [(page.parent / f"{name}.md").resolve() for name in names]
    own = {p for p in DOCS.rglob("*.md") if not {"model", "_build"} & set(p.relative_to(DOCS).parts)}
    made = {DOCS / "model" / kind / "index.md" for kind in ("migration", "demography")}
    listed = [path for path in listed if path in made or "model" not in path.relative_to(DOCS).parts]
    assert len(listed) == len(set(listed))
    assert set(listed) == own - {DOCS / "index.md"} | made


def test_architecture_names_folders_that_exist() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    folders = re.findall(r"^\| `([\w/]+/)` \|", text, re.MULTILINE)
    assert {"models/", "sensitivity/", "src/flows/", "tests/", "outputs/"} <= set(folders)
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_architecture_names_every_module() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## Modules") : text.index("## Two clocks")]
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert sorted(named) == sorted(re.findall(r"\((\w+)\)", " ".join(floors)))
