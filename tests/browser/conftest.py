"""Fixtures: a report built by the command line and a Chromium that reaches nothing but the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.conftest import run_flows

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
