"""The simulator page as a file: what stands in it, for the shipped model and for any other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import small_model

import flows
from flows import cli
from flows.compare import HUMAN_COST
from flows.inputs import DECIDERS, read_labels, read_lever_texts
from flows.inputs.tables import find
from flows.model.model import Model
from flows.page.build import as_json, draws_of, inputs_of, render
from flows.page.data import FEATURED, Draws
from flows.posterior import FILE, Posterior, write_posterior

SMALL = Path(__file__).resolve().parent / "small" / "models" / "migration.mdl"


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.fixture(scope="module")
def shipped() -> Model:
    return flows.read_vensim(find("model", "migration"), units="off")


@pytest.fixture(scope="module")
def data(shipped: Model) -> dict[str, Any]:
    return data_of(render(shipped))


def test_every_lever_says_who_decides_it_in_both_languages(shipped: Model, data: dict[str, Any]) -> None:
    texts = {text.name: text for text in read_lever_texts()}
    assert set(texts) == set(shipped.levers.names)
    assert {lever["name"] for lever in data["levers"]} == set(texts)
    assert data["deciders"] == list(DECIDERS)
    spanish = read_labels("es").levers
    for name in texts:
        assert spanish[name].note, name
        assert bool(re.search(r"\d", texts[name].note)) == bool(re.search(r"\d", spanish[name].note)), name


def test_a_slider_reaches_its_neutral_value_and_the_ends(data: dict[str, Any]) -> None:
    for one in (*data["levers"], *data["contexts"]):
        steps = [(value - one["min"]) / one["step"] for value in (one["value"], one["max"])]
        assert np.allclose(steps, np.round(steps), atol=1e-6), one["name"]
        assert 20 <= (one["max"] - one["min"]) / one["step"] <= 2000, one["name"]


def test_human_cost_is_seen_first(data: dict[str, Any]) -> None:
    assert set(HUMAN_COST) <= set(FEATURED["people"])
    first = data["series"][data["featured"]["people"][0]]
    assert first["human"]
    assert all(data["series"][place]["better"] == "neither" for place in data["featured"]["events"][:2])


def test_every_place_points_somewhere(data: dict[str, Any]) -> None:
    count, series = len(data["series"]), data["series"]
    places = [*data["charts"], *data["stocks"], *(p for own in data["featured"].values() for p in own)]
    places += [int(stock) for stock in data["terms"]] + [
        p for terms in data["terms"].values() for _, p in terms
    ]
    places += [p for s in data["diagram"]["sectors"] for p in s["stocks"]]
    places += [p for m in data["diagram"]["moves"] for p in m["flows"]]
    assert all(0 <= place < count for place in places)
    assert all({series[p]["kind"] for _, p in terms} == {"flow"} for terms in data["terms"].values())
    assert len(data["terms"]) > 30
    assert len(data["diagram"]["moves"]) > 10


def test_history_is_inside_the_run_and_has_its_source(data: dict[str, Any]) -> None:
    observed = [one for one in data["series"] if one["history"]]
    assert len(observed) >= 10
    for one in observed:
        assert one["sources"]
        assert all(begins <= ends <= 276 and value >= 0 for begins, ends, value in one["history"])
    months = next(one for one in observed if one["id"] == "encounters at US border")
    assert months["history"][0] == [9.0, 10.0, 41840.0]  # October 2013, the first month of the series


def test_draws_come_from_the_posterior_beside_the_model(tmp_path: Path) -> None:
    text = "births = rate * people ~ Person/Month ~ |\npeople = INTEG(births, 10) ~ Person ~ |\n"
    text += "rate = 0.5 ~ 1/Month [0,1] ~ |\n"
    source = tmp_path / "growth.mdl"
    source.write_text(small_model(text, final=12).text, encoding="utf-8")
    model = flows.read_vensim(source, units="off")
    assert draws_of(model, 5) is None
    values = np.array([[0.1], [0.2], [0.3]])
    noted = {"calibration": "growth.toml", "calibration_digest": "0" * 64, "seed": 1, "fit_until": "2013-06"}
    metadata = {**noted, "model": "growth.mdl", "versions": {}}
    write_posterior(tmp_path / FILE, Posterior(("rate",), values, metadata))
    drawn = draws_of(model, 3)
    assert drawn is not None
    assert drawn.source == "posterior"
    assert sorted(drawn.values[:, 0]) == pytest.approx([0.1, 0.2, 0.3])
    block = data_of(render(model, Draws(("rate",), values, "posterior")))["draws"]
    assert block["values"] == [[0.1], [0.2], [0.3]]
    assert block["source"] == "posterior"


def test_text_of_a_model_cannot_become_markup(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script>"
    text = f'"{name}" = 2 ~ 1/Month [0,10] ~ <img src=x> \u2028 |\npeople = INTEG("{name}", 1) ~ Person ~ |\n'
    source = tmp_path / "hostile.mdl"
    source.write_text(small_model(text).text, encoding="utf-8")
    html = render(flows.read_vensim(source, units="off"))
    assert html.count("<script") == html.count("</script>") == 5
    assert "<img" not in html
    assert "\u2028" not in html
    assert data_of(html)["levers"][0]["title"]["en"].lower() == name
    assert as_json(["<", "\u2029"]) == '["\\u003c","\\u2029"]'


def test_an_unchangeable_constant_has_no_slider(tmp_path: Path) -> None:
    source = tmp_path / "m.mdl"
    text = "rate = 2 ~ 1/Month [0,10] ~|\norder == 3 ~ Dmnl [1,5] ~|\npeople = INTEG(rate, order) ~~|\n"
    source.write_text(small_model(text).text, encoding="utf-8")
    assert [one["name"] for one in data_of(render(flows.read_vensim(source, units="off")))["levers"]] == [
        "rate"
    ]


def test_sliders_are_told_apart(tmp_path: Path) -> None:
    names = ("wait+time", "wait time", "出生率", "死亡率")
    text = "".join(f'"{name}" = 2 ~ Month [1,3] ~ |\n' for name in names) + "R : Haiti, Cuba ~~|\n"
    text += "rate[R] = 1, 2 ~ Person/Month [0,5] ~ |\npeople[R] = INTEG(rate[R], 1) ~ Person ~ |\n"
    source = tmp_path / "names.mdl"
    source.write_text(small_model(text).text, encoding="utf-8")
    levers = data_of(render(flows.read_vensim(source, units="off")))["levers"]
    assert len(levers) == 6
    assert len({one["id"] for one in levers}) == 6
    assert [one["title"]["es"] for one in levers][-2:] == ["Rate (Haiti)", "Rate (Cuba)"]


def test_the_command_writes_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["page", "--model", str(SMALL), "--out", "small.html"]) == 0
    assert capsys.readouterr().out.strip() == "small.html"
    assert [path.name for path in tmp_path.iterdir()] == ["small.html"]
    assert (tmp_path / "small.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert cli.main(["page", "--model", str(SMALL)]) == 0
    record = json.loads((tmp_path / "outputs" / "page" / "provenance.json").read_text(encoding="utf-8"))
    assert record["results"] == ["index.html"]
    assert cli.main(["page", "--model", str(SMALL), "--out", "."]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_the_record_names_what_the_page_of_the_shipped_model_is_made_from(shipped: Model) -> None:
    names = {path.name for path in inputs_of(shipped)}
    assert names >= {
        "migration.mdl", "posterior.parquet", "outcomes.toml", "labels.es.toml", "levers.toml", "loops.toml",
        "overview.toml", "observations.csv", "current-course.toml", "protection-reform.toml",
    }  # fmt: skip


VIEW = """\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*Plan
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|72,72,100,0
10,1,rate,100,400,40,20,8,3,0,0,0,0,0,0
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*Second
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|72,72,100,0
10,1,people,400,200,40,20,3,3,0,0,0,0,0,0
10,2,rate,100,200,30,10,8,3,0,0,0,0,0,0
10,3,part,600,200,30,10,8,2,0,3,-1,0,0,0
10,4,part,700,300,30,10,8,3,1,0,0,0,0,0
12,5,0,232,300,90,15,8,4,0,0,-1,0,0,0
A remark
///---\\\\\\
"""


def test_numbers_stand_at_what_moves_on_the_first_view_that_shows_it(tmp_path: Path) -> None:
    text = "people = INTEG(rate * part, 1) ~ Person ~ |\nrate = 2 ~ Person/Month [0,5] ~ |\n"
    text += "part = Time / 4 ~ Dmnl ~ |\n"
    source = tmp_path / "drawn.mdl"
    source.write_text(small_model(text, settings=VIEW).text, encoding="utf-8")
    data = data_of(render(flows.read_vensim(source, units="off")))
    diagram = data["diagram"]
    assert diagram["kind"] == "view" and "A remark" in diagram["svg"] and "<title>" not in diagram["svg"]
    spots = [
        (s["x"], s["y"] > 200, s["beside"], data["series"][s["series"]]["title"]["en"])
        for s in diagram["spots"]
    ]
    assert spots == [
        (400, True, False, "People"),
        (634, True, True, "Part"),
    ]  # not a constant, nor what is hidden


def test_a_model_without_a_view_or_with_one_that_cannot_be_read_has_no_diagram(tmp_path: Path) -> None:
    text = "people = INTEG(rate, 1) ~ Person ~ |\nrate = 2 ~ Person/Month [0,5] ~ |\n"
    broken = VIEW.replace("10,1,rate,100,400", "10,one,rate,100,400")
    for settings in ("", VIEW.split("\\\\\\---///")[0], broken):
        source = tmp_path / "plain.mdl"
        source.write_text(small_model(text, settings=settings).text, encoding="utf-8")
        assert data_of(render(flows.read_vensim(source, units="off")))["diagram"] is None


def test_constants_without_a_usable_range_get_no_slider(tmp_path: Path) -> None:
    text = (
        "people = INTEG(rate * wide + upside + alone, 1) ~ Person ~ |\nrate = 2 ~ Person/Month [0,5] ~ |\n"
        "wide = 9 ~ Dmnl [0,5] ~ |\nupside = 1 ~ Person/Month [5,0] ~ |\nalone = 3 ~ Person/Month [0,?] ~ |\n"
    )
    source = tmp_path / "ranges.mdl"
    source.write_text(small_model(text).text, encoding="utf-8")
    assert [one["name"] for one in data_of(render(flows.read_vensim(source, units="off")))["levers"]] == [
        "rate"
    ]


def test_a_model_without_ranges_gets_sliders_from_half_to_twice(tmp_path: Path) -> None:
    text = "people = INTEG(rate + none - loss, 1) ~ Person ~ |\nrate = 2 ~ Person/Month ~ |\n"
    text += "none = 0 ~ Person/Month ~ |\nloss = -4 ~ Person/Month ~ |\n"
    source = tmp_path / "bare.mdl"
    source.write_text(small_model(text).text, encoding="utf-8")
    levers = data_of(render(flows.read_vensim(source, units="off")))["levers"]
    assert [(one["name"], one["min"], one["value"], one["max"]) for one in levers] == [
        ("rate", 1, 2, 4), ("loss", -8, -4, -2),
    ]  # fmt: skip
