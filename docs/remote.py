"""What a built page would load from elsewhere: scripts, styles, fonts, pictures, frames. Plain links may lead away."""

import re
from html.parser import HTMLParser
from pathlib import Path

_AWAY = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"""(?:@import\s+|url\(\s*)["']?\s*((?:[a-z]+:)?//[^"')\s]+)""", re.IGNORECASE)
_LOADING = {"src", "srcset", "poster", "data", "background", "action", "formaction"}
_REFERRING = {"link", "image", "use", "feimage", "base"}
"""Tags whose href is fetched, unlike that of a link to click."""

_NOT_FETCHED = {"canonical", "alternate", "author", "license", "next", "prev", "index", "search"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        fetched = not (tag == "link" and set(given.get("rel", "").split()) <= _NOT_FETCHED)
        for name, value in given.items():
            loading = name in _LOADING or (tag in _REFERRING and name in ("href", "xlink:href") and fetched)
            if loading and any(_AWAY.match(part) for part in value.split(",")):
                self.found.append(f"<{tag} {name}={value}>")
            if name == "style":
                self.found += _IN_STYLE.findall(value)

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _IN_STYLE.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def remote_assets(path: Path) -> list[str]:
    """List what a file of a built site (HTML, SVG, CSS) loads from elsewhere."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return _IN_STYLE.findall(text)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.found
