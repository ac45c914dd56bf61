"""A small model whose constants are known, and observations of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import flows
from flows import observations
from flows.inputs.calibration import Calibration, read_calibration
from flows.model.model import Model

MODEL = """{UTF-8}
origin: Haiti, Cuba ~~|
shock: rush, calm ~~|
level[origin] = 100, 50 ~ Person/Month [0,1000] ~ People who come each month; time 0 = 1 January 2013. |
pause = 4 ~ Month [1,20] ~ Time that people wait. Source: assumption. |
shock size[shock,origin] = 0, 0; 0, 0; ~ Dmnl [-5,5] ~ |
later size = 0 ~ Dmnl [-5,5] ~ |
intensity((0,1),(10,1),(20,1),(60,1)) ~ Dmnl ~ |
start[shock] = 10, 24 ~ Month ~ |
path[shock] = PULSE(start[shock], 6) ~ Dmnl ~ |
coming[origin] = level[origin] * EXP(SUM(path[shock!] * shock size[shock!,origin]) + later size * STEP(1, 40))
 * intensity(Time) ~ Person/Month ~ |
waiting[origin] = INTEG(coming[origin] - leaving[origin], 200) ~ Person ~ |
leaving[origin] = waiting[origin] / pause ~ Person/Month ~ |
INITIAL TIME = 0 ~ Month ~ |
FINAL TIME = 60 ~ Month ~ |
TIME STEP = 0.25 ~ Month ~ |
SAVEPER = 1 ~ Month ~ |
"""

FILE = """
title = "A small calibration"
model = "small.mdl"
fit_until = "2015-12"
later_until = "2016-12"
seed = 3

[full]
starts = 3
ensembles = 4
walkers = 12
steps = 150
burn = 50
draws = 200

[quick]
starts = 1
ensembles = 2
walkers = 8
steps = 6
burn = 2
draws = 20

[[series]]
name = "people from Haiti"
series = "people coming[Haiti]"
expression = "coming[Haiti]"
counts = "person"
span = "month"
measure = "flow"
floor = 5.0
discrepancy = 0.1

[[series]]
name = "people from Cuba"
series = "people coming[Cuba]"
expression = "coming[Cuba]"
counts = "person"
span = "month"
measure = "flow"
floor = 5.0
discrepancy = 0.1

[[series]]
name = "people waiting"
series = "people who wait"
expression = "waiting[Haiti] + waiting[Cuba]"
counts = "person"
span = "instant"
measure = "stock"
discrepancy = 0.1

[[series]]
name = "all people"
series = "people coming[Haiti] + people coming[Cuba]"
expression = "coming[Haiti] + coming[Cuba]"
counts = "person"
span = "month"
measure = "flow"
role = "check"

[[free]]
name = "level"
elements = ["level[Haiti]", "level[Cuba]"]
of = "scale"
distribution = "loguniform"
min = 0.2
max = 5.0

[[free]]
name = "pause"
distribution = "lognormal"
median = 5.0
sigma = 0.5
min = 1.0
max = 20.0

[[split]]
name = "Cuba beside Haiti"
elements = ["level[Cuba]"]
of = "scale"
distribution = "lognormal"
median = 1.0
sigma = 0.5

[[shock]]
name = "rush"
elements = ["shock size[rush,Haiti]", "shock size[rush,Cuba]"]
distribution = "normal"
mean = 0.0
sd = 1.0
min = -0.5
max = 4.0

[[shock]]
name = "intensity"
elements = ["intensity(10)", "intensity(20)"]
together = true
distribution = "lognormal"
median = 1.0
sigma = 0.3

[[later]]
name = "later size"
distribution = "normal"
mean = 0.2
sd = 0.5
min = -3.0
max = 3.0

[[fixed]]
name = "level"
value = [100.0, 50.0]
source = "a test"
"""
TRUTH = {"level": (130.0, 90.0), "pause": 7.0, "rush": (1.0, 0.4), "later size": -0.6}


def inputs() -> dict[str, object]:
    """The truth behind the observations."""
    return {
        "level": np.array(TRUTH["level"]),
        "pause": TRUTH["pause"],
        "shock size": np.array([TRUTH["rush"], (0.0, 0.0)]),
        "later size": TRUTH["later size"],
    }


@pytest.fixture
def file_text() -> str:
    """The calibration file, to be spoilt."""
    return FILE


@pytest.fixture
def model(tmp_path: Path) -> Model:
    path = tmp_path / "small.mdl"
    path.write_text(MODEL, encoding="utf-8")
    return flows.read_vensim(path, units="off")


@pytest.fixture
def calibration(tmp_path: Path) -> Calibration:
    path = tmp_path / "calibration.toml"
    path.write_text(FILE, encoding="utf-8")
    return read_calibration(path)


@pytest.fixture
def observed(model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    """Months and ends of years of the true run, each off by an error that lasts."""
    run = flows.simulate(model, inputs(), outcomes=["coming", "waiting"])
    random = np.random.default_rng(7)
    rows = []
    for origin in ("Haiti", "Cuba"):
        values = run["coming"].sel(origin=origin).values
        error = 0.0
        for month in range(48):
            error = 0.5 * error + 0.05 * random.standard_normal()
            start = pd.Timestamp(2013, 1, 1) + pd.DateOffset(months=month)
            end = start + pd.offsets.MonthEnd(0)
            mean = (values[month] + values[month + 1]) / 2
            rows.append(("people coming", start, end, mean * np.exp(error), origin, "month"))
    total = run["waiting"].sum("origin").values
    for year in range(4):
        day = pd.Timestamp(2013 + year, 12, 31)
        rows.append(("people who wait", day, day, total[12 * year + 12], "All nationalities", "instant"))
    columns = ["series", "period_start", "period_end", "value", "group", "period_type"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["source_id"], frame["unit"] = "test", "Person"
    observations._compared.cache_clear()
    monkeypatch.setattr(observations, "_typed", lambda: frame)
    monkeypatch.setattr(observations, "sources", lambda: pd.DataFrame({"title": {"test": "A test"}}))
    yield frame
    observations._compared.cache_clear()
