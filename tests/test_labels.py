"""Spanish labels: one for everything that is displayed, none for what doesn't exist, in the words of the brief."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

import flows
from flows.errors import InputError
from flows.inputs import Outcome, Scenario, list_scenarios, read_outcomes, read_scenario
from flows.inputs.labels import Label, Labels, read_labels
from flows.inputs.loops import NamedLoop, read_loops
from flows.inputs.tables import find
from flows.model.model import Model
from flows.references import parse_reference

MODELS = ("migration", "demography")

# Loaded words of the brief and their kin, parted so that this file doesn't hold them.
LOADED = re.compile(
    r"\b(?:ole_adas?|ol_as?|aval_anchas?|inun_daci(?:ón|ones)|il_egal(?:es|mente|idad)?|tri_ángulo norte|"
    r"resca_t\w+|inva_si\w+|ma_sivo?s?|crisis mi_gratoria|in_documentad[oa]s?)\b".replace("_", ""),
    re.IGNORECASE,
)

# Words that betray a text left in English; none of them is a Spanish word.
ENGLISH = re.compile(
    r"\b(?:the|of|and|or|in|at|to|from|with|without|by|for|people|person|border|waiting|wait|cases?|share|lever|"
    r"month|months|year|court|courts|judges?|returnees?|shelters?|removals?|switch|future|united|states|index|"
    r"Mexico|Haiti|Canada|Title|other|age)\b"
)

# Names of countries that are spelt alike in both languages.
ALIKE = {"Guatemala", "Honduras", "El Salvador", "Venezuela", "Cuba", "Nicaragua"}

PLACEHOLDER = re.compile(
    r"TODO|FIXME|TBD|[Xx]{3}|\?\?|\.\.\.|…|[{}<>_]|lorem|\N{REPLACEMENT CHARACTER}", re.IGNORECASE
)


@cache
def labels() -> Labels:
    return read_labels("es")


@cache
def models() -> tuple[Model, ...]:
    return tuple(flows.read_vensim(find("model", name), units="off") for name in MODELS)


def texts(found: Labels) -> dict[str, str]:
    """Every Spanish text, by its place in the file."""
    made = {"date": re.sub(r"\{\w+\}", "", found.date).strip()}
    made |= {f"months {i}": text for i, text in enumerate(found.months + found.months_short)}
    for table in Labels.model_fields:
        entries = getattr(found, table)
        if not isinstance(entries, dict):
            continue
        for name, entry in entries.items():
            parts = {"": entry} if isinstance(entry, str) else entry.model_dump()
            made |= {f"{table} {name} {key}".strip(): text for key, text in parts.items() if text}
    return made


def existing() -> dict[str, set[str]]:
    """What is displayed, by table of the file."""
    constants = [item for model in models() for item in model.constants]
    scenarios = [read_scenario(item.name) for item in list_scenarios()]
    levers = {item.name for model in models() for item in model.levers}
    changed = {parse_reference(change.name).name for s in scenarios for change in s.constants}
    return {
        "outcomes": {outcome.name for outcome in read_outcomes()},
        "scenarios": {scenario.name for scenario in scenarios},
        "levers": levers,
        "contexts": {c.name for c in constants if c.group in ("Scenario context", "Lever timing")} | changed,
        "switches": {c.name for c in constants if c.group == "Switches"},
        "sectors": {name for model in models() for name, _ in model.groups},
        "ranges": {r.name for model in models() for r in model.subscripts},
        "elements": {
            str(element)
            for model in models()
            for r in model.subscripts
            if r.name != "Lever"
            for element in r.value  # type: ignore[attr-defined]
        },
        "loops": {loop.id for loop in read_loops()},
        "stocks": {item.name for model in models() for item in model.stocks},
        "flows": {item.name for item in models()[0].flows},
        "indicators": {
            item.name
            for model in models()
            for catalogue in (model.auxiliaries, model.flows)
            for item in catalogue
            if item.group == "Indicators"
        },
        "choices": {
            word
            for table, key in (
                (Outcome, "kind"),
                (Outcome, "better"),
                (Scenario, "kind"),
                (NamedLoop, "reading"),
            )
            for word in get_args(table.model_fields[key].annotation)
        },
    }


TABLES = [t for t in Labels.model_fields if isinstance(getattr(read_labels("en"), t), dict) and t != "units"]


@pytest.mark.parametrize("table", TABLES)
def test_one_label_for_each_thing_and_none_for_what_does_not_exist(table: str) -> None:
    labelled, real = set(getattr(labels(), table)), existing()[table]
    assert real - labelled == set(), "without a Spanish label"
    assert labelled - real == set(), "labels of nothing"


def test_every_unit_has_a_label() -> None:
    catalogues = (c for m in models() for c in (m.stocks, m.flows, m.auxiliaries, m.constants))
    used = {item.units for catalogue in catalogues for item in catalogue if item.units}
    used |= {outcome.unit for outcome in read_outcomes()}
    singles = {name for unit in used for name in re.findall(r"[A-Za-z]+", unit)}
    assert {unit for unit in used if labels().unit(unit) == unit} == set()
    assert set(labels().units) - used - singles == set(), "labels of no unit"


def test_notes_are_there_where_the_english_has_one() -> None:
    table = labels().outcomes
    assert {o.name for o in read_outcomes() if bool(o.note) != bool(table[o.name].note)} == set()


def test_figures_of_the_notes_are_the_same() -> None:
    for outcome in read_outcomes():
        spanish = labels().outcomes[outcome.name]
        english = re.findall(r"\d+", outcome.title + outcome.note)
        assert set(english) <= set(re.findall(r"\d+", spanish.title + spanish.note)), outcome.name


def test_people_files_and_events_stay_apart() -> None:
    for outcome in read_outcomes():
        unit = labels().outcome(outcome).unit
        refused = {
            "person": "expediente|caso|evento",
            "case": "persona|evento",
            "event": "persona|expediente|caso",
        }
        if outcome.kind in refused:
            assert not re.search(refused[outcome.kind], unit), f"{outcome.name}: {unit}"


def test_no_loaded_word() -> None:
    assert LOADED.search("una " + "ola" + " de personas")
    assert LOADED.search("Triángulo" + " Norte")
    assert {place: text for place, text in texts(labels()).items() if LOADED.search(text)} == {}


def test_nothing_is_left_in_english() -> None:
    assert ENGLISH.search("People at the border")
    found = {p: t for p, t in texts(labels()).items() if ENGLISH.search(t)}
    assert found == {}
    for table in ("scenarios", "switches", "sectors", "ranges", "elements", "loops", "choices"):
        same = {name for name, text in getattr(labels(), table).items() if name == text}
        assert same <= ALIKE, table
    titles = {o.name: o.title for o in read_outcomes()} | {s.name: s.title for s in list_scenarios()}
    shown = {n: e.title for n, e in labels().outcomes.items()} | dict(labels().scenarios)
    assert {name for name, title in shown.items() if title == titles[name]} == set()


def test_no_placeholders_and_clean_text() -> None:
    for place, text in texts(labels()).items():
        assert not PLACEHOLDER.search(text), place
        assert text == " ".join(text.split()) == unicodedata.normalize("NFC", text), place
        if " note" in place:
            assert text.endswith("."), place
        elif place.startswith(("outcomes", "levers", "scenarios", "stocks")) and place.endswith("title"):
            assert text[0].isupper() or text[0].isdigit(), place


def test_two_outcomes_or_levers_are_never_called_the_same() -> None:
    for table in ("outcomes", "levers", "contexts", "stocks", "indicators"):
        titles = [entry.title for entry in getattr(labels(), table).values()]
        assert len(titles) == len(set(titles)), table
    for table in ("scenarios", "switches", "elements", "ranges", "loops", "flows"):
        found = list(getattr(labels(), table).values())
        assert len(found) == len(set(found)), table


def test_switches_name_their_loop() -> None:
    for loop in read_loops():
        if loop.switch:
            assert re.search(rf"\b{loop.id}\b", labels().switches[loop.switch]), loop.id


# --- the reader ---------------------------------------------------------------------------------------------------


def test_labels_by_name_and_by_thing() -> None:
    es = labels()
    assert es.outcome("exposure index").title.startswith("Exposición a daños")
    applications = next(o for o in read_outcomes() if o.name == "COMAR applications")
    assert es.outcome(applications).unit == "solicitudes por mes"
    waiting = next(o for o in read_outcomes() if o.name == "people waiting in Mexico")
    assert es.outcome(waiting).unit == "personas"
    assert es.variable("recent_returnees[Haiti]", unit="Person") == Label(
        title="Personas retornadas por una autoridad hace poco (Haití)", unit="personas"
    )
    assert es.scenario("us-tightening+redistribution").count(" + ") == 1
    assert es.scenario(read_scenario("safe-mobility")) == es.scenarios["safe-mobility"]
    assert es.loop("B7") == es.loops["B7"]
    assert es.sector("comar") == "Protección en México (COMAR)"
    assert es.element("El_Salvador") == "El Salvador"
    assert es.range("origin") == "origen"
    assert es.choice("case") == "expedientes o casos"
    assert (es.unit("Person"), es.unit("Person", one=True)) == ("personas", "persona")
    assert es.unit("Case / Month") == "expedientes por mes"
    assert (es.month("2026-01"), es.month("2030-12", short=True)) == ("enero de 2026", "dic 2030")


@pytest.mark.parametrize("lang", ["es", "en"])
def test_what_has_no_label_is_shown_in_english(lang: str) -> None:
    found = read_labels(lang)
    own = Outcome(
        name="queue",
        title="My queue",
        expression="queue",
        unit="Sheep",
        kind="index",
        better="lower",
        note="Mine.",
    )
    assert found.outcome(own) == Label(title="My queue", unit="Sheep", note="Mine.")
    assert found.outcome("queue") == Label(title="queue")
    assert found.variable("herd[north]", unit="Sheep") == Label(title="herd[north]", unit="Sheep")
    assert found.scenario("mine") == "mine"
    assert found.scenario(Scenario(name="mine", title="My course", kind="package")) == "My course"
    loop = NamedLoop(
        id="X9", name="grass feeds sheep", through=("grass",), reading="balancing", source="assumption"
    )
    assert found.loop(loop) == "grass feeds sheep"
    assert (found.sector("Pasture"), found.element("north"), found.unit("Sheep")) == (
        "Pasture",
        "north",
        "Sheep",
    )


def test_english_needs_no_table() -> None:
    first = read_outcomes()[0]
    assert read_labels("en").outcome(first) == Label(title=first.title, unit=first.unit, note=first.note)
    assert read_labels("en").month("2026-01") == "January 2026"


MONTHS = 'months = ["a","b","c","d","e","f","g","h","i","j","k","l"]\n'
HEAD = MONTHS + MONTHS.replace("months", "months_short") + 'date = "{month} {year}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MONTHS, 'labels.xx.toml: the key "months_short" is missing. Add a line months_short = ….'),
        (HEAD.replace(',"l"', "", 1), "labels.xx.toml: a year has 12 months, found 11."),
        (
            HEAD.replace("{year}", ""),
            "labels.xx.toml: the pattern of a date holds {month} and {year} once each, found",
        ),
        (HEAD + "[levres]\n", 'labels.xx.toml: unknown key "levres", expected one of months, '),
        (
            HEAD + "[scenarios]\na = 3\n",
            'labels.xx.toml, [scenarios] "a": not a label, found 3, expected text',
        ),
        (
            HEAD + '[levers]\na = "b"\n',
            "labels.xx.toml, [levers] \"a\": not a label, found 'b', expected { title = ",
        ),
        (
            HEAD + '[levers]\na = { titel = "b" }\n',
            'labels.xx.toml, [levers] "a": unknown key "titel", expected one of title, unit, note. '
            'Did you mean "title"?',
        ),
        (HEAD + '[units]\na = { one = "b" }\n', 'labels.xx.toml, [units] "a": the key "many" is missing.'),
        (HEAD + "levers = 3\n", 'labels.xx.toml, key "levers": '),
        (HEAD + "[levers\n", "labels.xx.toml:4:8: not valid TOML"),
    ],
)
def test_a_refusal_names_the_label(tmp_path: Path, monkeypatch: Any, text: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.xx.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refusal:
        read_labels("xx", folder=Path())
    assert str(refusal.value).startswith(message)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(
        InputError, match=r'no labels in the language "fr", expected en, es\. Add a file labels\.fr'
    ):
        read_labels("fr")
