"""What the simulator says: the project's words in both languages, and dates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.test_labels import ENGLISH
from tests.test_labels import LOADED as LOADED_SPANISH
from tests.test_repository import LOADED as LOADED_ENGLISH

import flows.page.words
from flows.page.words import read_words

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

VIEWS = ("results", "diagram", "why", "numbers", "about")
LINK = "#v=1&with=us-tightening,protection-reform&levers=reintegration-support~0.5~168~~240&context=violence-future~1.5"

# All texts that can be seen or heard, those quoted in another language apart.
TEXTS = """() => {
  document.querySelectorAll("details").forEach(one => { one.open = true; });
  const found = [], foreign = node => node.closest("[lang]") !== document.documentElement;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!parent.closest("script, style, noscript") && !foreign(parent)) found.push(walk.currentNode.data.trim());
  }
  for (const node of document.body.querySelectorAll("*")) {
    if (foreign(node)) continue;
    for (const name of ["aria-label", "aria-valuetext", "title", "alt", "placeholder"]) {
      if (node.hasAttribute(name)) found.push(node.getAttribute(name));
    }
  }
  return [document.title, ...found.filter(Boolean)];
}"""


@pytest.fixture(scope="module", params=["en", "es"])
def said(request: pytest.FixtureRequest, chromium: Browser, simulator: Path) -> tuple[str, list[str]]:
    """Everything displayed in a language, in every view, with levers and contexts set."""
    page = opened(chromium, simulator, LINK + f"&lang={request.param}")
    texts: list[str] = []
    for view in VIEWS:
        page.click(f"#tab-{view}")
        texts += page.evaluate(TEXTS)
    texts += page.evaluate(
        "Object.values(window.flowsPage.say.words).flat(9).filter(one => typeof one === 'string')"
    )
    page.context.close()
    return request.param, list(dict.fromkeys(texts))


def opened(chromium: Browser, simulator: Path, link: str, **options: Any) -> Page:
    context = chromium.new_context(offline=True, **{"viewport": {"width": 1440, "height": 900}, **options})
    page = context.new_page()
    page.goto(simulator.as_uri() + link)
    page.wait_for_selector("body[data-state=ready]", timeout=60_000)
    page.evaluate("window.flowsPage.data.draws.values.length = 0")  # the band would take the processor
    assert page.locator("#message.wrong").is_hidden()
    return page


def test_no_loaded_word(said: tuple[str, list[str]]) -> None:
    lang, texts = said
    loaded = LOADED_SPANISH if lang == "es" else LOADED_ENGLISH
    assert len(texts) > 400
    assert [text for text in texts if loaded.search(text)] == []


def test_people_are_said_to_wait(said: tuple[str, list[str]]) -> None:
    lang, texts = said
    assert any(("people waiting" if lang == "en" else "personas en espera") in text.lower() for text in texts)


def test_nothing_is_left_in_english(said: tuple[str, list[str]]) -> None:
    lang, texts = said
    if lang == "es":
        plain = [re.sub(r"\{\w+\}", "", text) for text in texts]
        assert [text for text in plain if ENGLISH.search(text)] == []
    else:
        assert [
            text for text in texts if re.search(r"\b(?:personas|espera|meses|el|los|una|por)\b", text)
        ] == []


def test_times_are_dates(said: tuple[str, list[str]]) -> None:
    _, texts = said
    assert any(re.search(r"(?:December|diciembre de) 2030", text) for text in texts)
    assert [
        text for text in texts if re.search(r"\b(?:month|mes|time|tiempo) \d+\b", text, re.IGNORECASE)
    ] == []


def test_no_placeholder_is_left(said: tuple[str, list[str]]) -> None:
    _, texts = said
    shown = [text for text in texts if not re.search(r"\{\w+\}", text)]
    assert [text for text in shown if re.search(r"undefined|NaN|Infinity|\[object", text)] == []


def test_both_languages_have_the_same_words() -> None:
    english, spanish = read_words("en"), read_words("es")
    assert set(english) - set(spanish) == {"units", "units_of"}
    assert set(spanish) - set(english) == {"caveat"}
    for key, text in spanish.items():
        if isinstance(text, str) and key in english:
            names = (sorted(re.findall(r"\{\w+\}", one)) for one in (text, english[key]))
            assert len({tuple(found) for found in names}) == 1, key
        elif key in english:
            assert len(text) == len(english[key]), key


def test_every_word_that_is_asked_for_is_there_and_used() -> None:
    folder = Path(flows.page.words.__file__).parent
    code = "".join(
        path.read_text(encoding="utf-8") for path in (*folder.glob("*.js"), *folder.glob("*.jinja"))
    )
    asked = set(re.findall(r'\bt\(\s*"(\w+)"|data-(?:word|label)="(\w+)"', code))
    names = {name for pair in asked for name in pair if name and not name.endswith("_")}
    words = set(read_words("en")) | {"caveat"}
    assert names - words == set()
    quoted = set(re.findall(r'"(\w+)"|words\.(\w+)', code))
    used = names | {name for pair in quoted for name in pair}
    made = ("group_", "kind_", "draws_", "tab_", "add_", "decides_", "units", "caveat")
    asked_by_name = {
        "title",
        "at_date",
        "at_time",
        "contexts",
        "contexts_hint",
        "packages",
        "packages_hint",
        "reinforcing",
        "balancing",
    }
    assert {w for w in words - used if not w.startswith(made)} - asked_by_name == set()
