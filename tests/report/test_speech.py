"""The report in Spanish: every sentence has one, none is left in English, and the words of the brief hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from flows import observations, resources, study
from flows.calendar import to_date
from flows.claims import read_claims
from flows.cli import main
from flows.compare import CAVEAT, Comparison
from flows.errors import InputError
from flows.inputs import Labels, Outcome, Scenario, find, list_scenarios, read_outcomes, read_study
from flows.report import build, drivers, figures, html, pictures, results, rows, speech, wording
from flows.seed_figures import seed_figures
from flows.study import conclude, judge

SMALL = Path(__file__).resolve().parents[1] / "small"
FOLDER = Path(speech.__file__).parent
CALL = re.compile(r"""\bth?\((?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")

# Words that betray a text left in English; none of them is a Spanish word.
ENGLISH = re.compile(
    r"\b(?:the|of|and|or|in|at|to|from|with|without|by|for|people|person|border|waiting|wait|cases?|share|lever|"
    r"month|months|year|court|courts|judges?|returnees?|shelters?|removals?|switch|future|united|states|index|"
    r"Mexico|Haiti|Canada|Title|other|age|is|are|not|that|which|each)\b"
)

# Loaded words of the brief and their kin, parted so that this file doesn't hold them.
LOADED = re.compile(
    r"\b(?:ole_adas?|ol_as?|aval_anchas?|inun_daci(?:ón|ones)|il_egal(?:es|mente|idad)?|tri_ángulo norte|"
    r"resca_t\w+|inva_si\w+|ma_sivo?s?|crisis mi_gratoria|in_documentad[oa]s?|wa_ves?|sur_g(?:e|es|ing)|"
    r"flo_od\w*)\b".replace("_", ""),
    re.IGNORECASE,
)


def spoken() -> Iterator[str]:
    """Every English sentence that the code and the templates say."""
    for quoted, single in CALL.findall((FOLDER / "report.html.jinja").read_text(encoding="utf-8")):
        yield quoted or single
    for path in sorted([*FOLDER.glob("*.py"), *Path(study.__file__).parent.glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                first = node.args[0] if name == "say" and node.args else None
                either = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                yield from (
                    one.value
                    for one in either
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )
    yield from (*conclude._METHODS.values(), *conclude._READING.values(), conclude._READING_WORST)
    yield from (" under the scenario “{scenario}”", ", scenario “{scenario}”")
    yield from (str(read_study(name).title) for name in ("base", "quick"))
    yield from html.LIMITS
    yield from pictures.CEILINGS.values()
    yield from (text for pair in html.USE for text in pair)
    yield from (head for head, _ in rows.GROUPS)
    yield from rows.RESULTS
    yield from wording.SHORT.values()
    yield from (
        wording.RANGES_CAUTION,
        CAVEAT,
        "close",
        "fair",
        "poor",
        "bad",
        "not compared",
        "better",
        "worse",
    )


def test_every_sentence_has_its_spanish() -> None:
    known = speech.speech_of("es").sentences
    assert [text for text in dict.fromkeys(spoken()) if text not in known] == []


def test_values_stand_in_both_languages() -> None:
    for english, spanish in speech.speech_of("es").sentences.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", spanish)), english
        assert re.findall(r"</?\w+", english) == re.findall(r"</?\w+", spanish), english


def test_no_spanish_text_is_english_or_loaded() -> None:
    found = speech.speech_of("es")
    texts = [*found.sentences.values(), *(text for table in found.texts.values() for text in table.values())]
    for text in texts:
        bare = re.sub(r"\{\w+\}|flows \w+|FLOWS?|\.xlsx|[\w/]+\.csv", "", text)
        assert not ENGLISH.search(bare), text
        assert not LOADED.search(bare), text


def test_long_texts_belong_to_something_that_exists() -> None:
    texts = speech.speech_of("es").texts
    figures = set(seed_figures_names())
    assert set(texts["figures"]) == figures
    assert set(texts["notes"]) <= figures
    known = {claim.id for claim in read_claims()}
    for table in ("claims", "reasons", "decides"):
        assert set(texts[table]) <= known
    outside = {claim.id for claim in read_claims() if not claim.checks}
    assert outside and outside <= set(texts["claims"]) and outside <= set(texts["reasons"])
    inputs = {str(u.name) for u in read_study("base").uncertainties}
    for table in ("constants", "meanings", "whys"):
        assert set(texts[table]) == inputs


def seed_figures_names() -> list[str]:
    return [str(figure.figure) for figure in seed_figures()]


def test_names_months_and_spans() -> None:
    say = speech.speech_of("es")
    assert say.month("2030-12") == "diciembre de 2030"
    assert say.span("fiscal year 2023") == "año fiscal 2023"
    assert say.span("31 December 2023") == "31 de diciembre de 2023"
    assert say.span("August 2024 to May 2025") == "agosto de 2024 a mayo de 2025"
    assert say.axis("thousand people") == "miles de personas"
    assert say.unit("Dmnl") == "índice"
    assert say.unit_of("exposure index", "Dmnl") == "índice (cerca de 1 en 2019)"
    assert say.unit_of("court receipts per month", "Case/Month") == "casos por mes"
    assert say.unit_of("court receipts per month", "Case") == "casos"
    assert say.axis("million cases", "casos") == "millones de casos"
    for outcome in read_outcomes():
        assert not ENGLISH.search(say.outcome(outcome)), outcome.name
    for scenario in list_scenarios():
        assert not ENGLISH.search(say.scenario(scenario)), scenario.name
    with pytest.raises(InputError, match="nothing is written in the language"):
        speech.speech_of("fr")


class Shown(HTMLParser):
    """Everything that is displayed, but for what carries ``translate="no"``: names of files, titles of sources."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, bool]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.texts += [given[key] or "" for key in ("alt", "title", "aria-label", "content") if key in given]
        if tag not in ("meta", "img", "br", "line", "circle", "rect"):
            self.stack.append((tag, given.get("translate") == "no" or tag == "style"))

    def handle_endtag(self, tag: str) -> None:
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(quiet for _, quiet in self.stack):
            self.texts.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The quick report of the small model, in Spanish, with its workbook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "root", lambda: SMALL)
        patch.setattr(speech, "read_labels", spanish_labels)
        for cache in (observations.read_table, observations._typed, observations._compared):
            cache.cache_clear()
        folder = tmp_path_factory.mktemp("outputs") / "informe"
        build.build(folder, quick=True, lang="es", xlsx=True)
        assert (folder / "report.xlsx").stat().st_size > 5000
        yield folder
    for cache in (observations.read_table, observations._typed, observations._compared):
        cache.cache_clear()


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def spanish_labels(lang: str) -> Labels:
    """The labels of the shipped model: the small one has none."""
    from flows.inputs import read_labels

    return read_labels(lang, folder=Path(__file__).resolve().parents[2] / "models")


def test_the_page_is_in_spanish(page: str) -> None:
    assert '<html lang="es">' in page
    shown = Shown(page)
    said = " ".join(shown.texts)
    for head in (
        "Hallazgos",
        "Uso responsable",
        "Escenarios junto al curso vigente",
        "Lo que este modelo no es",
    ):
        assert head in said
    # The small model's own names (titles of its scenarios and outcomes) are English and have no labels.
    own = ("Faster", "Boom", "Claims pending", "People who arrive", "people who arrive", "People waiting", "Waiting in",
           "Exposure to harm", "waiting time", "labour demand", "A small", "Misspelt", "A count",
           "Current", "small", "Base")  # fmt: skip
    left = [text for text in shown.texts if ENGLISH.search(text) and not any(word in text for word in own)]
    assert left == []
    assert not LOADED.search(said)


def test_tables_are_saved_with_a_mark_for_spreadsheets(page: str) -> None:
    import base64

    links = re.findall(r'download="([\w-]+\.csv)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    assert {name for name, _ in links} >= {"flows-scenarios.csv", "flows-observed.csv"}
    for name, data in links:
        raw = base64.b64decode(data)
        assert raw.startswith(b"\xef\xbb\xbf"), name
        text = raw.decode("utf-8-sig")
        assert "caveat" in text.splitlines()[0] and "No es un pronóstico" in text


def test_tables_beside_the_page_are_in_spanish(folder: Path) -> None:
    labels = spanish_labels("es")
    for name, column in (("comparison", "outcome_title"), ("draws", "outcome_title"), ("halving", "title"),
                         ("side-effects", "title")):  # fmt: skip
        table = pd.read_csv(folder / f"{name}.csv")
        titled = {row["outcome"]: row[column] for row in table.to_dict("records")}
        known = {key: title for key, title in titled.items() if key in labels.outcomes}
        assert known and all(labels.outcomes[key].title == title for key, title in known.items()), name
        assert table["caveat"].str.startswith("No es un pronóstico").all()
    concluded = (folder / "study" / "conclusions.md").read_text(encoding="utf-8")
    assert "## Lo que esto no puede decir" in concluded and "enough" not in concluded
    scenarios = pd.read_csv(folder / "comparison.csv").set_index("scenario")["title"]
    assert (scenarios["current-course"] == labels.scenarios["current-course"]).all()


def test_the_picture_beside_the_page_is_in_spanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure) or [path])
    months = xr.Dataset(
        {"arrivals": (("scenario", "time"), [[1.0, 2.0], [1.0, 3.0]], {"units": "Person/Month"})},
        coords={"scenario": ["current-course", "otro"], "time": [156.0, 157.0],
                "date": ("time", to_date(np.array([156.0, 157.0])))},
    )  # fmt: skip
    base, second = (Scenario(name=n, title=f"Título {n}", kind="base") for n in ("current-course", "otro"))
    outcome = Outcome(name="arrivals", title="Llegadas", expression="arrivals", unit="Person/Month",
                      kind="person", better="neither")  # fmt: skip
    made = Comparison(scenarios=(base, second), outcomes=(outcome,), dataset=months, values=months,
                      table=pd.DataFrame(), start="2026-02")  # fmt: skip
    results.comparison_figures(made, tmp_path, say=speech.speech_of("es"))
    said = [text.get_text() for text in drawn[0].findobj(Text)]
    assert any(text.startswith("Escenarios junto a «Título") for text in said)
    assert any(text.startswith("Fuente: ") for text in said) and "actúan las palancas" in said
    assert not [text for text in said if ENGLISH.search(re.sub(r"[\w/]+\.csv", "", text))]


OUTCOMES, INPUTS = ["people waiting in Mexico", "exposure index"], ["decisions per staff", "filing delay"]
MONTHS = np.arange(1.0, 25.0)


def shares(*names: str, pairs: bool = False) -> xr.Dataset:
    """Results of a study of the shipped model's outcomes and inputs; the second outcome doesn't vary."""
    partner = ("partner",) * pairs
    shape = (2, 2, *(2 for _ in partner), len(MONTHS))
    values = np.full(shape, 0.4)
    values[1] = np.nan
    return xr.Dataset(
        {name: (("outcome", "uncertainty", *partner, "time"), values) for name in names},
        coords={
            "outcome": OUTCOMES, "title": ("outcome", ["People waiting in Mexico", "Exposure to harm"]),
            "unit": ("outcome", ["Person", "Dmnl"]), "uncertainty": INPUTS, "time": MONTHS,
            "date": ("time", to_date(MONTHS)), **({"partner": INPUTS} if pairs else {}),
        },
        attrs={"n": 64, "runs": 401, "level": 0.95, "noise": 0.3, "share": 0.1},
    )  # fmt: skip


def ends(key: str) -> tuple[str, ...]:
    return key, f"{key}_low", f"{key}_high", f"{key}_conf"


def test_the_figures_of_a_study_are_in_spanish() -> None:
    say, at = speech.speech_of("es"), "2014-06"
    found = shares(*ends("ST"), *ends("S1"), *ends("mu_star"), "sigma", "low", "high", "distance", "shift",
                   "rank_correlation").assign(middle=(("outcome", "time"), np.full((2, 24), 3e4)))  # fmt: skip
    found, pairs = results.named(found, say), results.named(shares(*ends("S2"), pairs=True), say)
    bands = xr.Dataset(
        {"value": (("outcome", "quantile", "time"), np.full((2, 5, 24), 3e6))},
        coords={**found.drop_vars("uncertainty").coords, "quantile": [0.05, 0.25, 0.5, 0.75, 0.95]},
    )
    looks = xr.concat([found.assign_coords(n=n) for n in (16, 32)], dim="n")
    drawn = [
        figures.fan(bands, OUTCOMES, say=say),
        figures.indices_over_time(found, OUTCOMES, most=1, say=say),
        figures.total_heatmap(found, at=at, say=say),
        drivers.second_order(pairs, OUTCOMES[0], at=at, say=say),
        drivers.convergence(looks, found, at=at, say=say),
        drivers.worst(found, at=at, say=say),
        drivers.rank_correlations(found, at=at, say=say),
        drivers.screening(found.fillna(0), at=at, say=say),
        drivers.tornado(found.fillna(0), OUTCOMES[:1], at=at, most=1, say=say),
    ]
    for figure in drawn:
        said = [text.get_text() for text in speech.labels_in(figure, say).findobj(Text) if text.get_text()]
        assert not [text for text in said if ENGLISH.search(text.replace("\n", " "))]
    titles = " ".join(" ".join(text.get_text() for text in drawn[2].texts).split())
    assert "Qué importa para cada resultado, al cierre de junio de 2014" in titles
    assert "miles de personas" in drawn[-1].axes[0].get_xlabel()


def test_the_conclusions_of_a_study_are_in_spanish() -> None:
    say = speech.speech_of("es")
    found = shares(*ends("ST"), *ends("S1"), "dummy_low", "dummy_high").assign_coords(time=MONTHS + 200)
    about = SimpleNamespace(
        title="", name="base", model="models/migration.mdl", scenario="current-course", seed=1, method="sobol",
        worst=0.1, second_order=False, posterior=None, uncertainties=[SimpleNamespace(group=None)] * 2,
    )  # fmt: skip
    result = SimpleNamespace(
        study=about, runs=2048, verdict=judge.indices_verdict(found, None, say=say), indices=found, numbers=None,
        worst=shares("distance", "shift"), left_out=pd.DataFrame(),
    )  # fmt: skip
    page = conclude.conclusions(result, say=say)  # type: ignore[arg-type]
    assert (
        "**Personas en espera en México**: decisiones por persona de la COMAR 40\N{NO-BREAK SPACE}%" in page
    )
    assert "«Curso vigente" in page and "2,048 corridas" in page and "No basta para todo" in page
    assert (
        "Haga más corridas" in page and "ningún insumo se distingue" not in page.split("Qué mueve el peor")[0]
    )
    bare = re.sub(r"second_order = true|models/\w+\.mdl|`--extend`|--extend", "", page)
    assert not [line for line in bare.splitlines() if ENGLISH.search(line)]


def test_sheets_are_named_in_spanish_and_read_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openpyxl

    from flows.inputs import read_scenario

    monkeypatch.setattr(resources, "root", lambda: SMALL)
    names = openpyxl.load_workbook(folder / "report.xlsx", read_only=True).sheetnames
    own = [name for name in names if name.startswith("escenario ")]
    assert own and not [name for name in names if name.startswith("scenario") or ENGLISH.search(name)]
    found = read_scenario(f"{folder / 'report.xlsx'}#{own[0]}")
    assert (found.levers or found.constants) and found.name == own[0].replace("escenario", "report")


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--lang", "fr"]) == 1
    assert 'the language "fr"' in capsys.readouterr().err
    assert find("model", "migration").is_file()
