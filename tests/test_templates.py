"""Templates of pages are read by one set of rules."""

from pathlib import Path

import jinja2
import pytest

from flows.templates import template


def test_what_a_template_shows_is_escaped_and_must_be_given(tmp_path: Path) -> None:
    (tmp_path / "añadido.html.jinja").write_text("<p>{{ name }}</p>\n", encoding="utf-8")
    (tmp_path / "page.html.jinja").write_text(
        '{% for name in names %}\n  {% include "añadido.html.jinja" %}\n{% endfor %}\n', encoding="utf-8"
    )
    page = template(tmp_path, "page.html.jinja")
    assert page.render(names=["<b>", "Tapachula"]) == "<p>&lt;b&gt;</p><p>Tapachula</p>"
    with pytest.raises(jinja2.UndefinedError, match="names"):
        page.render()
