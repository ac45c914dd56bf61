"""What the report says, in English and in other languages: sentences, names, months, units.

Sentences stand in the code and in the templates in English and are keys of ``words.CODE.toml``, which holds them in
another
language; names come from ``models/labels.CODE.toml``. Long texts of the data files (claims, notes) are looked up by
what they belong to; where there is no translation nothing is shown in another language's place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from flows.compare import words as english_month
from flows.errors import InputError
from flows.inputs import Labels, Outcome, Scenario, read_labels
from flows.report.style import unit_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ENGLISH", "LANGUAGES", "PER_CENT", "Speech", "labels_in", "speech_of"]

LANGUAGES = ("en", "es")
_MONTHS = "January February March April May June July August September October November December".split()
PER_CENT = "\N{NO-BREAK SPACE}%"
_BASES = {"exposure index": "index, about 1 in 2019"}
_FISCAL = re.compile(r"\bfiscal years? (\d{4})(?: to (\d{4}))?")
_DAY = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}})\b")
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{4}})\b")


@dataclass(frozen=True)
class Speech:
    """One language of the report.

    Attributes
    ----------
    lang : str
        ``en`` or ``es``.
    labels : Labels
        Names of outcomes, scenarios, units.
    sentences : mapping of str to str
        By the English sentence; empty for English.
    texts : mapping of str to mapping
        Long texts by kind and key.
    """

    lang: str
    labels: Labels
    sentences: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __call__(self, english: str, /, **values: Any) -> str:
        """Say a sentence; ``{name}`` in it stands for a value."""
        text = self.sentences.get(english, english).replace(" %", PER_CENT)
        return text.format(**values) if values else text

    def markup(self, english: str, /, **values: Any) -> Markup:
        """Say a sentence that holds tags of its own; values are escaped."""
        text = self.sentences.get(english, english).replace(" %", PER_CENT)
        return Markup(text).format(
            **{k: v if isinstance(v, Markup) else escape(v) for k, v in values.items()}
        )

    @property
    def foreign(self) -> bool:
        """Whether it is another language than that of the files."""
        return self.lang != "en"

    def text(self, kind: str, key: str, english: str) -> str:
        """A text of the data files; in another language its translation, or nothing."""
        return english if not self.foreign else str(self.texts.get(kind, {}).get(key, ""))

    def month(self, date: str) -> str:
        """Say ``2030-12`` in words."""
        return self.labels.month(date) if self.foreign and "-" in date else english_month(date)

    def span(self, english: str) -> str:
        """Say a span of time that stands in English: ``fiscal year 2023``, ``August 2024 to May 2025``."""
        if not self.foreign:
            return english
        text = _FISCAL.sub(
            lambda m: f"año fiscal {m[1]}" if not m[2] else f"años fiscales {m[1]} a {m[2]}", english
        )
        text = _DAY.sub(lambda m: f"{m[1]} de {self._name(m[2])} de {m[3]}", text)
        text = _MONTH.sub(lambda m: f"{self._name(m[1])} de {m[2]}", text)
        return text.replace(" to ", " a ")

    def _name(self, month: str) -> str:
        return self.labels.months[_MONTHS.index(month)]

    def outcome(self, outcome: Outcome) -> str:
        """Title of an outcome."""
        return self.labels.outcome(outcome).title if self.foreign else outcome.title or outcome.name

    def title(self, name: str, english: str) -> str:
        """Title of an outcome by its name."""
        found = self.labels.outcome(name).title if self.foreign else english
        return english if found == name and english else found

    def scenario(self, scenario: Scenario | str, english: str = "") -> str:
        """Title of a scenario."""
        if self.foreign:
            return self.labels.scenario(scenario)
        return english or (scenario if isinstance(scenario, str) else scenario.title)

    def variable(self, name: str) -> str:
        """Name of a constant."""
        if not self.foreign:
            return name
        return self.texts.get("constants", {}).get(name) or self.labels.variable(name).title

    def unit(self, unit: str) -> str:
        """A unit in words."""
        if not self.foreign:
            return unit_words(unit) or "index"
        found = self.labels.unit(unit)
        return self.sentences.get(found, found) or "índice"

    def unit_of(self, outcome: str, unit: str) -> str:
        """A unit of an outcome in words, as its label calls it: what the model counts as files are cases in court."""
        own = self.labels.outcome(outcome).unit if self.foreign else _BASES.get(outcome, "")
        if not own:
            return self.unit(unit)
        return own if unit.lower() == "dmnl" or "/" in unit else own.partition(" por ")[0]

    @cached_property
    def _axis(self) -> dict[str, str]:
        return {unit_words(unit): label.many for unit, label in self.labels.units.items()}

    def axis(self, english: str, unit: str = "") -> str:
        """A word in a picture: a sentence, or a unit, which `unit` calls by the name that belongs to the outcome."""
        if not self.foreign or not english.strip():
            return english
        text = " ".join(english.split())
        for pattern, replacement in (
            (r"^observed \((.+)\)$", "observado ({})"),
            (r"^(\d+) other inputs?$", "otros {} insumos"),
            (r"^model, (.+)$", "modelo, {}"),
            (r"^thousand (.+)$", "miles de {}"),
            (r"^million (.+)$", "millones de {}"),
        ):
            if (match := re.match(pattern, text)) is not None:
                return replacement.format(self.axis(match[1], unit))
        if unit and text in self._axis:
            return unit
        found = self._axis.get(text) or self.texts.get("constants", {}).get(text) or text
        found = self.sentences.get(found, found)
        return english if found == text else found


ENGLISH = Speech("en", read_labels("en"))


def labels_in(figure: Figure, say: Speech) -> Figure:
    """Say the labels along the axes of a finished figure, the words beside its lines and its source in a language.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        With labels of axes in English, as `flows.report.style` makes them.
    say : Speech
        The language.

    Returns
    -------
    matplotlib.figure.Figure
        The same.
    """
    if not say.foreign:
        return figure
    for axis in figure.axes:
        axis.set_xlabel(say.axis(axis.get_xlabel()))
        axis.set_ylabel(say.axis(axis.get_ylabel()))
        for text in axis.texts:
            text.set_text(say.axis(text.get_text()))
    for text in figure.texts:
        text.set_text(text.get_text().replace("Source: ", f"{say('Source')}: ", 1))
    return figure


def speech_of(lang: str) -> Speech:
    """Read what the report says in a language.

    Parameters
    ----------
    lang : str
        ``en`` or ``es``.

    Returns
    -------
    Speech

    Raises
    ------
    InputError
        If the report has no such language.

    Examples
    --------
    >>> speech_of("es")("Findings"), speech_of("es").month("2030-12"), speech_of("en")("Findings")
    ('Hallazgos', 'diciembre de 2030', 'Findings')
    """
    if lang == "en":
        return ENGLISH
    if lang not in LANGUAGES:
        raise InputError(
            f'nothing is written in the language "{lang}"', where="--lang", expected=", ".join(LANGUAGES)
        )
    data = tomllib.loads((Path(__file__).parent / f"words.{lang}.toml").read_text(encoding="utf-8"))
    return Speech(lang, read_labels(lang), data.pop("sentences"), data)
