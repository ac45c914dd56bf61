"""The page: complete in itself, in order, honest in words, whatever the model file says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows import observations, resources
from flows.compare import CAVEAT
from flows.errors import ResultError
from flows.inputs import Outcome
from flows.report import build, html, pictures, rows, wording

SMALL = Path(__file__).resolve().parents[1] / "small"
LOADED = re.compile(
    r"\b(?:waves?|surg(?:e|es|ing)|flood(?:s|ed|ing)?|illegals?|northern triangle|rescue[sd]?)\b", re.I
)
VOID = {"meta", "link", "img", "br", "hr", "input", "line", "circle", "rect"}


class Page(HTMLParser):
    """What a test needs to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.mistakes.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if "td" in self.open:
            self.cells[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The quick report of the small model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "root", lambda: SMALL)
        observations.read_table.cache_clear()
        observations._typed.cache_clear()
        observations._compared.cache_clear()
        stages: list[str] = []
        told: list[tuple[int, int]] = []
        folder = tmp_path_factory.mktemp("outputs") / "report"
        page = build.build(
            folder, quick=True, stage=stages.append, progress=lambda done, total: told.append((done, total))
        )
        assert page == folder / "index.html"
        drawn = pd.read_csv(folder / "draws.csv")["scenario"].nunique() * (1 + build.QUICK_DRAWS)
        assert (0, drawn) in told and (drawn, drawn) in told and told[-1][1] != drawn  # then the study
        assert len(stages) >= 4
        yield folder
    observations.read_table.cache_clear()
    observations._typed.cache_clear()
    observations._compared.cache_clear()


@pytest.fixture(scope="module")
def text(built: Path) -> str:
    return (built / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_is_well_formed(page: Page, text: str) -> None:
    assert text.startswith("<!DOCTYPE html>")
    assert page.mistakes == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.all("a")]
    assert {link[1:] for link in links if link and link.startswith("#")} <= set(ids)


def test_is_complete_in_itself(page: Page, text: str) -> None:
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/svg+xml;base64,")
        assert len(image["alt"] or "") > 20
    assert len(page.all("img")) >= 6
    assert "url(" not in text
    assert "@import" not in text


def test_headings_and_language(page: Page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert page.all("html")[0]["lang"] == "en"


def test_table_headers_have_a_scope(page: Page) -> None:
    assert page.all("th")
    assert all(attrs.get("scope") for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_all_parts_are_there(page: Page) -> None:
    said = " ".join(" ".join(page.words).split())
    assert CAVEAT in said
    for part in ("Findings", "The base run and the past", "Scenarios beside current course", "What the results hang on",
                 "Sources", "What this model is not", "How it was made"):  # fmt: skip
        assert part in said
    assert "A quick report" in said
    assert "Waiting in 2014" in said
    assert "Outside the model." in said
    assert "Scenarios that this version cannot run" in said
    assert 'no lever "faster clams"' in said
    assert "A publisher" in said


def test_words(page: Page) -> None:
    said = " ".join(page.words)
    assert not LOADED.search(said)
    assert not re.search(r"\bmonth \d+\b", said)


def test_no_cell_is_without_a_number_or_a_word(page: Page) -> None:
    assert page.cells
    assert {"nan", "inf", "-inf", "None", "undefined"}.isdisjoint(cell.strip() for cell in page.cells)


def test_nothing_of_the_files_is_read_as_markup(page: Page, text: str) -> None:
    assert "Faster &lt;claims&gt;" in text
    assert "A count &lt;of&gt; people" in text
    assert "Claims pending &lt;with&gt; COMAR" in text
    assert not {"claims", "of", "with"} & {tag for tag, _ in page.tags}


def test_everything_behind_the_page_lies_beside_it(built: Path) -> None:
    names = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {
        "index.html",
        "comparison.csv",
        "comparison.nc",
        "draws.csv",
        "observed.csv",
        "figures.csv",
        "halving.csv",
        "side-effects.csv",
    } <= names
    assert {"study/indices.csv", "study/provenance.json", "provenance.json"} <= names
    assert {"comparison.png", "comparison.svg", "study/bands.png", "study/total_order.svg"} <= names
    record = json.loads((built / "provenance.json").read_text(encoding="utf-8"))
    assert record["seed"] == 1
    read = {Path(entry["path"]).name for entry in record["inputs"]}
    assert {"migration.mdl", "outcomes.toml", "observations.csv", "base.toml"} <= read
    for name in ("comparison.csv", "draws.csv", "observed.csv", "figures.csv"):
        assert (pd.read_csv(built / name)["caveat"] == CAVEAT).all()


def test_tables_of_single_runs_hold_no_columns_of_draws(built: Path) -> None:
    one = pd.read_csv(built / "comparison.csv")
    assert {"value", "difference"} <= set(one) and not {"median", "probability_lower", "regret"} & set(one)
    drawn = pd.read_csv(built / "draws.csv")
    assert drawn["median"].notna().all() and drawn["probability_lower"].notna().all()
    effects, halving = pd.read_csv(built / "side-effects.csv"), pd.read_csv(built / "halving.csv")
    assert len(effects) and effects["share"].between(0.9, 1).all()
    first = effects.iloc[0]
    same = drawn[(drawn["scenario"] == first["scenario"]) & (drawn["outcome"] == first["outcome"])]
    assert (same["median"] - first["median"]).abs().min() < 1e-6 * abs(first["median"])
    assert {"share", "early", "late"} <= set(halving)


@pytest.mark.unmeasured
def test_the_same_files_give_the_same_page(built: Path, text: str, tmp_path: Path) -> None:
    again = build.build(tmp_path / "report", quick=True).read_text(encoding="utf-8")
    started = r"\d{4}-\d\d-\d\dT[\d:+]+"
    assert re.sub(started, "", again) == re.sub(started, "", text)


def test_a_place_that_cannot_be_written_is_found_out_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "root", lambda: SMALL)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    stages: list[str] = []
    with pytest.raises(ResultError, match="file"):
        build.build(tmp_path / "file" / "report", quick=True, stage=stages.append)
    assert stages == ["Reading the model"]


def test_every_table_says_what_is_one_run_and_what_are_draws(text: str) -> None:
    captions = re.findall(r"<caption><span>(.*?)</span></caption>", text)
    scenarios = [said for said in captions if "First line: level" in said]
    assert scenarios
    assert all("one run" in said and "median of 16 draws" in said for said in scenarios)
    assert "one run each</span>" not in text


def test_tiles_and_cautions(page: Page) -> None:
    said = " ".join(" ".join(page.words).split())
    assert "study: median" in said
    assert "nine tenths of the runs" in said
    assert wording.RANGES_CAUTION in said
    assert "Scroll sideways" in said
    assert "What it is" in said


def test_a_verdict_needs_draws() -> None:
    outcome = Outcome(name="x", title="X", expression="x", unit="Case", kind="case", better="lower")
    assert rows.mood_of(row(), outcome) == ""
    apart = {"median": -10.0, "median_percent": -10.0, "low": -20.0, "high": -5.0}
    assert rows.mood_of(row(**apart, low_percent=-20.0, high_percent=-5.0), outcome) == "better"
    assert rows.mood_of(row(**{**apart, "high": 1.0}, low_percent=-20.0, high_percent=1.0), outcome) == ""


def test_a_flat_top_is_named_and_a_peak_is_not() -> None:
    name = "interceptions by INM"
    flat = xr.Dataset({name: ("time", [1.0, 130_000.0, 130_000.0, 130_000.0, 5.0])})
    peak = xr.Dataset({name: ("time", [1.0, 130_000.0, 129_000.0, 5.0, 5.0])})
    assert pictures.ceiling_note(name, flat).startswith("Flat at 130,000: the capacity")
    assert pictures.ceiling_note(name, peak) == ""
    assert pictures.ceiling_note("court cases pending", flat) == ""


def test_inputs_without_effect_and_their_meaning() -> None:
    assert html._never_matters(xr.DataArray([0.004, np.nan]))
    assert not html._never_matters(xr.DataArray([0.004, 0.02]))
    assert (
        html._meaning("Share of routes \n that lasts. Source: assumption.") == "Share of routes that lasts."
    )


def test_observed_values_within_the_band_are_counted() -> None:
    dates = pd.date_range("2014-01-01", periods=3, freq="MS")
    band = xr.Dataset(
        {"value": (("quantile", "time"), [[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])},
        coords={"quantile": [0.05, 0.95], "date": ("time", dates)},
    )
    observed = pd.DataFrame(
        {
            "outcome": "x",
            "period_type": ["instant", "month", "calendar_year"],
            "period_start": dates,
            "period_end": dates,
            "observed": [2.0, 9.0, 2.0],
        }
    )
    assert (
        pictures.held_words(band, "x", observed)
        == "1 of 2 observed values lie within nine tenths of the runs."
    )
    assert pictures.held_words(band, "y", observed) == ""


# Words ----------------------------------------------------------------------------------------------


def row(**changes: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("median", "low", "high", "median_percent", "low_percent", "high_percent"), float("nan")
    )
    return {
        "value": 90.0,
        "baseline": 100.0,
        "difference": -10.0,
        "difference_percent": -10.0,
        **nothing,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"low_percent": -20.0, "high_percent": -5.0, "median": -10.0, "median_percent": -10.0}, True),
        ({"low_percent": -20.0, "high_percent": 1.0, "median": -10.0, "median_percent": -10.0}, False),
        ({"low_percent": -20.0, "high_percent": -0.01, "median": -10.0, "median_percent": -10.0}, False),
        ({"low_percent": -1.2, "high_percent": -0.8, "median": -1.0, "median_percent": -1.0}, False),
        ({"low": 5.0, "high": 9.0, "median": 7.0, "difference_percent": float("nan")}, True),
        ({}, False),
    ],
)
def test_only_differences_whose_interval_leaves_out_zero_are_told(
    changes: dict[str, Any], expected: bool
) -> None:
    assert wording.tells(row(**changes)) is expected


def test_numbers() -> None:
    assert wording.rounded(1_234_567.0) == "1,230,000"
    assert wording.rounded(0.0) == "0"
    assert wording.rounded(0.04567) == "0.0457"
    assert wording.rounded(-9.999) == "−10.00"
    assert wording.rounded(math.inf) == "–"
    assert wording.number(1030.0) == "1,030"
    assert wording.percent(0.01) == "0\xa0%"
    assert wording.percent(-1500.0) == "−1,500\xa0%"
    assert wording.change(row(difference=5.0, difference_percent=float("nan"))) == "+5.00"


def test_a_label_never_contradicts_its_number() -> None:
    for error in (9.94, 10.4, 25.3, -25.49, 50.2):
        assert wording.judged(error) == wording.judged(float(wording.written(error)))
    assert wording.judged(25.3) == "fair"
    assert wording.judged(25.6) == "poor"


def test_the_worst_figure_is_named() -> None:
    table = pd.DataFrame(
        {
            "figure": ["Good", "Bad", "Put in", "Silent"],
            "value": [100.0, 100.0, 1.0, 1.0],
            "model": [101.0, 400.0, 9.0, np.nan],
            "error_percent": [1.0, 300.0, 800.0, np.nan],
            "kind": ["emergent", "emergent", "input", "emergent"],
        }
    )
    (said,) = wording._of_figures(table)
    assert "the model: 2." in said
    assert "Within 10\xa0%: 1; within 25\xa0%: 0; further off: 1." in said
    assert "bad, 100 in the document and 400 in the model (+300\xa0%)" in said


def test_claims_are_counted_and_what_fails_is_shown(text: str, built: Path) -> None:
    assert "The documents make 3 claims" in text
    assert "Of 1 that come out of the structure (<em>emergent</em>), the model reproduces 1." in text
    assert (
        "arrivals in 2014: current-course = 300 ± 10 %</code> → 360: off by 20.0\N{NO-BREAK SPACE}%" in text
    )
    assert "Arrivals &amp; their rate. A word on reading." in text
    assert "Boats are not in the model." in text
    row = text[text.index('<span class="unit" translate="no">faster</span></th><td class="number">1</td>') :][
        :400
    ]
    assert re.findall(r'"number">(\d+)<', row)[:5] == ["1", "0", "1", "0", "1"]
    verdicts = json.loads((built / "claims.json").read_text(encoding="utf-8"))
    assert [v["result"] for v in verdicts] == ["reproduced", "not reproduced", "outside"]
