"""Labels: what outcomes, scenarios, levers, places and units are called in another language than the model's English.

The model, its scenarios and its loops are written in English; ``models/labels.es.toml`` says each displayed name in
Spanish. A name without a label is shown in English, so that a model of one's own needs no table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from flows import resources
from flows.calendar import month_index
from flows.errors import InputError, near
from flows.inputs.loops import NamedLoop
from flows.inputs.outcomes import Outcome
from flows.inputs.scenarios import Scenario
from flows.inputs.tables import Table, Text, Texts, read_table, read_toml, shown_path
from flows.references import fold, parse_reference

ENGLISH = "en"
_PLACE, _START, _END = "models", "labels.", ".toml"


def _twelve(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) != 12:
        raise ValueError(f"a year has 12 months, found {len(names)}")
    return names


def _pattern(text: str) -> str:
    if text.count("{month}") != 1 or text.count("{year}") != 1:
        raise ValueError(
            f'the pattern of a date holds {{month}} and {{year}} once each, found the text "{text}"'
        )
    return text


Twelve = Annotated[Texts, AfterValidator(_twelve)]


class Label(Table):
    """What a variable or an outcome is called.

    Attributes
    ----------
    title : str
        As shown to people.
    unit : str
        In words; empty where the unit of the variable says enough.
    note : str
        A line of caveat.
    """

    title: Text
    unit: str = ""
    note: str = ""


class UnitLabel(Table):
    """What a unit is called, of one and of many."""

    one: Text
    many: Text


class Labels(Table):
    """Labels in one language; each method falls back to the English that it was asked with.

    Attributes
    ----------
    lang : str
        Code of the language, such as ``es``.
    months, months_short : tuple of str
        January to December.
    date : str
        Pattern of a month in a year, with ``{month}`` and ``{year}``.
    choices : mapping
        Kinds of outcomes and scenarios, polarities of loops.
    units : mapping
        By the unit's text form.
    outcomes, levers, contexts, stocks, indicators : mapping
        Labels by name.
    scenarios, switches, sectors, ranges, elements, flows, loops : mapping
        Texts by name; loops by id.
    """

    lang: Text
    months: Twelve
    months_short: Twelve
    date: Annotated[Text, AfterValidator(_pattern)]
    choices: Mapping[str, Text] = Field(default_factory=dict)
    units: Mapping[str, UnitLabel] = Field(default_factory=dict)
    outcomes: Mapping[str, Label] = Field(default_factory=dict)
    scenarios: Mapping[str, Text] = Field(default_factory=dict)
    levers: Mapping[str, Label] = Field(default_factory=dict)
    contexts: Mapping[str, Label] = Field(default_factory=dict)
    switches: Mapping[str, Text] = Field(default_factory=dict)
    sectors: Mapping[str, Text] = Field(default_factory=dict)
    ranges: Mapping[str, Text] = Field(default_factory=dict)
    elements: Mapping[str, Text] = Field(default_factory=dict)
    loops: Mapping[str, Text] = Field(default_factory=dict)
    stocks: Mapping[str, Label] = Field(default_factory=dict)
    flows: Mapping[str, Text] = Field(default_factory=dict)
    indicators: Mapping[str, Label] = Field(default_factory=dict)

    @cached_property
    def _variables(self) -> dict[str, Label]:
        tables = (self.stocks, self.indicators, self.contexts, self.levers)
        found = {fold(name): label for table in tables for name, label in table.items()}
        words = {fold(n): Label(title=t) for table in (self.flows, self.switches) for n, t in table.items()}
        return words | found

    @cached_property
    def _texts(self) -> dict[str, dict[str, str]]:
        tables = {"sectors": self.sectors, "ranges": self.ranges, "elements": self.elements}
        return {key: {fold(name): text for name, text in table.items()} for key, table in tables.items()}

    def outcome(self, outcome: Outcome | str) -> Label:
        """Label of an outcome, or of a variable named in its place.

        Parameters
        ----------
        outcome : Outcome or str
            The outcome, whose own title, unit and note stand in for what the table lacks; or its name.

        Returns
        -------
        Label
            With a unit in words wherever the outcome or the table has one.
        """
        name = outcome if isinstance(outcome, str) else outcome.name
        found = next((label for key, label in self.outcomes.items() if fold(key) == fold(name)), None)
        if isinstance(outcome, str):
            return found or self.variable(name)
        if found is None:
            found = self.variable(name)
            title = outcome.title if found.title == name and outcome.title else found.title
            found = Label(title=title, unit=found.unit, note=outcome.note)
        return found.model_copy(update={"unit": found.unit or self.unit(outcome.unit)})

    def variable(self, name: str, *, unit: str = "") -> Label:
        """Label of a lever, a context, a switch, a stock or an indicator, or of one element of it.

        Parameters
        ----------
        name : str
            Its name or text form, such as ``recent returnees[Haiti]``.
        unit : str
            Its unit in the model, for where the label names none of its own.

        Returns
        -------
        Label
            The title holds the elements' labels in brackets; where the table lacks the variable, the English name.
        """
        found, elements = self._variables.get(fold(name)), ""
        if found is None and "[" in name:
            reference = parse_reference(name)
            found = self._variables.get(fold(reference.name))
            elements = f" ({', '.join(map(self.element, reference.elements))})"
        if found is None:
            return Label(title=name, unit=self.unit(unit))
        return Label(title=found.title + elements, unit=found.unit or self.unit(unit), note=found.note)

    def scenario(self, scenario: Scenario | str) -> str:
        """Title of a scenario; of a combination, the titles joined by ``+``."""
        name, title = (scenario, "") if isinstance(scenario, str) else (scenario.name, scenario.title)
        parts = [part.strip() for part in name.split("+")]
        if title and not all(part in self.scenarios for part in parts):
            return title
        return " + ".join(self.scenarios.get(part, part) for part in parts)

    def loop(self, loop: NamedLoop | str) -> str:
        """What happens around a loop, by the loop or its id."""
        if isinstance(loop, str):
            return self.loops.get(loop, loop)
        return self.loops.get(loop.id, loop.name)

    def sector(self, name: str) -> str:
        """Name of a group of the model's file."""
        return self._texts["sectors"].get(fold(name), name)

    def range(self, name: str) -> str:
        """Name of a subscript range."""
        return self._texts["ranges"].get(fold(name), name)

    def element(self, name: str) -> str:
        """Name of an element of a subscript range: a country, an age, a dated event."""
        return self._texts["elements"].get(fold(name), name)

    def choice(self, word: str) -> str:
        """Word for a kind of outcome or scenario, or for the polarity of a loop."""
        return self.choices.get(word, word)

    def unit(self, text: str, *, one: bool = False) -> str:
        """Name of a unit, of many unless `one`; an unknown unit stays as the model writes it."""
        wanted = re.sub(r"\s", "", text)
        found = next((u for key, u in self.units.items() if re.sub(r"\s", "", key) == wanted), None)
        if found is None:
            return text
        return found.one if one else found.many

    def month(self, date: str, *, short: bool = False) -> str:
        """Say a month in words: ``2030-12`` is ``diciembre de 2030``, short ``dic 2030``.

        Raises
        ------
        InputError
            If the text is no month.
        """
        index = month_index(date)
        year, month = 2013 + index // 12, index % 12
        if short:
            return f"{self.months_short[month]} {year}"
        return self.date.format(month=self.months[month], year=year)


_ENGLISH = Labels(
    lang=ENGLISH,
    months=tuple(
        "January February March April May June July August September October November December".split()
    ),
    months_short=tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()),
    date="{month} {year}",
)


def read_labels(lang: str = "es", *, folder: Path | None = None) -> Labels:
    """Read the labels of a language.

    Parameters
    ----------
    lang : str
        Its code: ``en`` needs no file, since every name falls back to its English.
    folder : Path, optional
        Where ``labels.CODE.toml`` is looked up instead of the shipped folder.

    Returns
    -------
    Labels
        Checked against the schema.

    Raises
    ------
    InputError
        If the language has no file, or something in it doesn't fit the schema.

    Examples
    --------
    >>> read_labels("es").element("Haiti"), read_labels("es").month("2030-12"), read_labels("en").month("2030-12")
    ('Haití', 'diciembre de 2030', 'December 2030')
    """
    if lang == ENGLISH:
        return _ENGLISH
    shelf = folder if folder is not None else resources.root() / _PLACE
    codes = {
        p.name.removeprefix(_START).removesuffix(_END): p for p in sorted(shelf.glob(f"{_START}*{_END}"))
    }
    if lang not in codes:
        known = [ENGLISH, *codes]
        raise InputError(
            f'no labels in the language "{lang}"',
            expected=", ".join(known),
            remedy=near(lang, known) or f"Add a file {_START}{lang}{_END}",
        )
    path = codes[lang]
    shown = shown_path(path)
    data = read_toml(path, shown)
    for table, value in data.items():
        if table in Labels.model_fields and isinstance(value, dict):
            data[table] = {
                name: _entry(table, row, f'{shown}, [{table}] "{name}"') for name, row in value.items()
            }
    extra = {"lang": lang, "levers": data.get("levers", {})}
    return read_table(Labels, data, shown, extra, arrays=("levers",))


_KINDS: dict[str, type[Label | UnitLabel]] = {
    "units": UnitLabel,
    "outcomes": Label,
    "levers": Label,
    "contexts": Label,
    "stocks": Label,
    "indicators": Label,
}


def _entry(table: str, row: Any, where: str) -> Label | UnitLabel | str:
    """Check one label, so that a refusal names it and not the whole table."""
    if (kind := _KINDS.get(table)) is None:
        if not isinstance(row, str) or not row.strip():
            raise InputError("not a label", where=where, found=f"{row!r}", expected="text in quotation marks")
        return row
    if not isinstance(row, dict):
        keys = ", ".join(f'{key} = "…"' for key, field in kind.model_fields.items() if field.is_required())
        raise InputError("not a label", where=where, found=f"{row!r}", expected=f"{{ {keys} }}")
    return read_table(kind, row, where, {})


__all__ = ["Label", "Labels", "UnitLabel", "read_labels"]
