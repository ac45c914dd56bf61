"""Fixtures: a report built by the command line and a Chromium that reaches nothing but the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.conftest import run_flows

import flows
from flows.compare import AT_END, LAST_YEAR, compare
from flows.inputs import list_scenarios, read_scenario, scenario_inputs
from flows.inputs.tables import find
from flows.references import parse_reference

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the report on the shipped model; ``FLOWS_REPORT`` names one that stands already."""
    if standing := os.environ.get("FLOWS_REPORT"):
        return Path(standing).resolve()
    folder = tmp_path_factory.mktemp("report")
    quick = ["--quick"] if "--quick" in run_flows("report", "--help", cwd=folder) else []
    run_flows("report", *quick, "--out", str(folder / "report"), cwd=folder)
    return folder / "report" / "index.html"


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the simulator of the shipped model; ``FLOWS_PAGE`` names one that stands already."""
    if standing := os.environ.get("FLOWS_PAGE"):
        return Path(standing).resolve()
    folder = tmp_path_factory.mktemp("page")
    run_flows("page", "--out", "page.html", cwd=folder)
    return folder / "page.html"


@pytest.fixture(scope="session")
def engine_levels() -> dict[str, tuple[float, float]]:
    """Levels at the end of 2030 on the base course and in a combination, by the engine behind every other command."""
    model = flows.read_vensim(find("model", "migration"), units="off")
    compared = compare(model, ["protection-reform+violence-worse"], dates=["2030-12"])
    rows = compared.table[compared.table["measure"].isin([AT_END, LAST_YEAR])]
    named = rows[rows["scenario"] == "protection-reform+violence-worse"]
    return {row.outcome: (row.baseline, row.value) for row in named.itertuples()}


@pytest.fixture(scope="session")
def scenario_settings() -> dict[str, dict[str, float]]:
    """What each scenario, and a combination with a base course of its own start, sets away from the model's values."""
    model = flows.read_vensim(find("model", "migration"), units="off")
    names = [one.name for one in list_scenarios() if one.model in ("", model.name)]
    found = {}
    for name in [*names, "course-2024+safe-mobility", "course-2021+return-increase-supported+violence-worse"]:
        settings = scenario_inputs(read_scenario(name), model)
        found[name] = {key.lower(): value for key, value in settings.items() if value != _own(model, key)}
    return found


def _own(model: flows.Model, key: str) -> float:
    reference = parse_reference(key)
    item = model.constants[reference.name]
    if not reference.elements:
        return float(item.value)  # type: ignore[arg-type]
    (elements,) = (model.subscripts[name].value for name in item.subscripts)
    return float(item.value[list(elements).index(reference.elements[0])])  # type: ignore[index,call-overload]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("FLOWS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no browser found: none of {', '.join(NAMES)} on PATH and FLOWS_CHROMIUM isn't set"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
