"""The page that sums up the model agrees with the model; the Spanish page agrees with the English one."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import flows
from flows import fit
from flows.calibrate.targets import targets
from flows.inputs import list_scenarios
from flows.inputs.calibration import read_calibration

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:/\d+)?(?!\w)")


def text_of(name: str) -> str:
    return " ".join((DOCS / name).read_text(encoding="utf-8").split())


def rows_of(name: str) -> list[dict[str, str]]:
    with (ROOT / "models" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_are_those_of_the_model_and_its_files() -> None:
    model = flows.read_vensim(ROOT / "models" / "migration.mdl", units="off")
    page = text_of("model-in-brief.md")
    elements = sum(model.variable(stock.name).size for stock in model.stocks)
    assert (
        f"{len(model.stocks)} stocks ({elements} elements by origin and status), {len(model.flows)} flows, "
        f"{len(model.auxiliaries)} auxiliaries, {len(model.constants)} constants and {len(model.lookups)} series"
    ) in page
    assert f"steps of 1/{1 / model.control.time_step:.0f} month" in page
    levers = tomllib.loads((ROOT / "models" / "levers.toml").read_text(encoding="utf-8"))["lever"]
    by = Counter(lever["decides"] for lever in levers)
    assert (
        f"{len(levers)} levers: {by['Mexico']} decided by Mexico, {by['United States']} by the United States, "
        f"{by['Origin']} by countries of origin and {by['Region']} by several together"
    ) in page
    loops = tomllib.loads((ROOT / "models" / "loops.toml").read_text(encoding="utf-8"))["loop"]
    assert f"{len(loops)} feedback loops" in page
    kinds = Counter(scenario.kind for scenario in list_scenarios())
    assert f"{kinds['package']} packages and {kinds['context']} contexts" in page
    observed = rows_of("data/observations.csv")
    series = {row["series"] for row in observed}
    assert f"{len(observed):,} observed values in {len(series)} series" in page
    claims = Counter(row["status"] for row in rows_of("claims.csv"))
    assert f"{claims.total()} claims; {claims['emergent']} of them" in page
    assert f"make {claims.total()} claims" in text_of("claims.md")
    by_document = Counter(row["document"] for row in rows_of("claims.csv"))
    listed = re.findall(r"\| (\d+) \|", (DOCS / "claims.md").read_text(encoding="utf-8"))
    assert sorted(map(int, listed)) == sorted(by_document.values())


def test_the_numbers_fitted_are_those_of_the_posterior() -> None:
    calibration = read_calibration()
    sizes = {"free": calibration.free, "split": calibration.split, "shock": calibration.shock}
    before = {element for rows in sizes.values() for row in rows for element in row.elements or (row.name,)}
    later = {element for row in calibration.later for element in row.elements}
    drawn = pq.read_schema(ROOT / "models" / "posterior.parquet").names
    page = text_of("model-in-brief.md")
    assert set(drawn) == before | later
    assert f"They move {len(before)} elements of the model. {len(later)} more" in page
    assert f"posterior of {len(drawn)} inputs" in page
    numbers = re.search(r"(\d+) constants, (\d+) levels of single origins and (\d+) sizes", page)
    assert numbers
    assert f"Of these {sum(map(int, numbers.groups()))} numbers the data determine" in page


def test_the_fit_is_that_of_the_model() -> None:
    calibration = read_calibration()
    model = flows.read_vensim(calibration.model_path, units="off")
    compared = targets(calibration, model)
    run = flows.simulate(model, outcomes=list(compared.outcomes), until=calibration.fit_until)
    modelled = {target.name: (target.observed, target.modelled(run)[0]) for target in compared.all}
    row = re.compile(r"^\| ([^|]+) \| ([\d.]+) \|(?: [\d.]* +\|)? ([\d.]+) \|$", re.MULTILINE)
    found = 0
    for name in ("calibration.md", "model-in-brief.md"):
        for series, error, r2 in row.findall((DOCS / name).read_text(encoding="utf-8")):
            observed, run_values = modelled[series]
            assert f"{100 * fit.wmape(observed, run_values):.1f}" == error, series
            assert f"{fit.r_squared_of_logs(observed, run_values):.2f}" == r2, series
            found += 1
    assert found == 16


def test_the_spanish_page_has_the_same_numbers_and_sections() -> None:
    english = (DOCS / "model-in-brief.md").read_text(encoding="utf-8")
    spanish = (DOCS / "modelo.es.md").read_text(encoding="utf-8")
    parts = [re.split(r"^## ", text, flags=re.MULTILINE) for text in (english, spanish)]
    assert len(parts[0]) == len(parts[1])
    for one, other in zip(*parts, strict=True):
        assert NUMBER.findall(one) == NUMBER.findall(other), one.splitlines()[0]
        assert one.count("\n| ") == other.count("\n| ")


def test_the_spanish_tutorial_is_in_step() -> None:
    pages = [(DOCS / name).read_text(encoding="utf-8") for name in ("tutorial.md", "tutorial.es.md")]
    steps = [re.findall(r"^## (\d+)\.", page, re.MULTILINE) for page in pages]
    assert steps[0] == steps[1]
    # the Spanish page asks for Spanish where a command speaks it
    commands = [
        re.findall(r"^(?:\$ )?((?:flows|cp) .+?)(?: --lang es)?$", page, re.MULTILINE) for page in pages
    ]
    assert commands[0] == commands[1]
