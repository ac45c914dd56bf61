"""The page of a study says what its numbers say, also where nothing moves or everything is a single number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows.study.conclude import conclusions

NAN = float("nan")
NAMES = ["a", "b", "c"]


def dataset(outcomes: dict[str, dict[str, list[float]]], *, times: tuple[float, ...] = (5.0,)) -> xr.Dataset:
    """Indices of a study: by outcome and measure, a number for each of three uncertainties, at all times the same."""
    titles = list(outcomes)
    keys = {key for measures in outcomes.values() for key in measures}
    lead = ("outcome", "uncertainty")
    values = {key: np.array([[*outcomes[t][key]] for t in titles]) for key in keys}
    if times:
        values = {key: np.repeat(v[..., None], len(times), axis=-1) for key, v in values.items()}
    found = xr.Dataset(
        {key: ((*lead, "time") if times else lead, v) for key, v in values.items()},
        coords={
            "outcome": titles,
            "uncertainty": NAMES,
            "title": ("outcome", [t.upper() for t in titles]),
            "unit": ("outcome", ["Person"] * len(titles)),
        },
    )
    return found.assign_coords(time=list(times)) if times else found


def page(method: str, indices: xr.Dataset, **about: Any) -> list[str]:
    study = SimpleNamespace(
        title="", name="s", model="m.mdl", scenario="base", seed=1, method=method, worst=0.1, second_order=False,
        posterior=None, uncertainties=[SimpleNamespace(group=about.pop("group", None))] * 3,
    )  # fmt: skip
    result: Any = SimpleNamespace(
        study=study, runs=100, verdict=("Not enough for all.",), indices=indices,
        numbers=about.pop("numbers", None), worst=None, left_out=about.pop("left_out", pd.DataFrame()),
    )  # fmt: skip
    assert not about
    return conclusions(result).splitlines()


def shares(
    *total: float, alone: tuple[float, ...] | None = None, key: str = "ST", half: float = 0.05
) -> dict[str, list[float]]:
    found = {
        key: [*total],
        f"{key}_low": [t - 0.002 for t in total],
        f"{key}_high": [t + 0.002 for t in total],
    }
    halves = {f"{k}_conf": [half] * len(total) for k in (key, "S1")}
    return {**found, **halves, "S1": [*(alone or total)]}


def test_shares_and_what_belongs_to_none_alone() -> None:
    lines = page(
        "sobol",
        dataset(
            {
                "x": shares(0.8, 0.4, 0.001, alone=(0.5, 0.1, 0.0), half=0.2),
                "still": shares(NAN, NAN, NAN),
                "even": shares(0.04, 0.04, 0.001, alone=(0.5, 0.5, 0.0)),
                "part": shares(0.6, NAN, NAN),
            }
        ),
        group="g",
        left_out=pd.DataFrame({"run": [3]}),
    )
    assert "## What drives the outcomes, at time 5" in lines
    assert (
        "- **X**: a 80 % (80 % to 80 %), alone 50 %; b 40 % (40 % to 40 %), alone 10 %. About 40 % belongs to none "
        "alone: they act together.".replace(" %", "\N{NO-BREAK SPACE}%")
        in lines
    )
    assert "- **STILL**: all runs give the same number, so nothing drives it." in lines
    assert "- **EVEN**: no uncertainty reaches a twentieth of the variance." in lines
    assert [line for line in lines if "PART" in line and "nan" not in line and "; " not in line]
    text = "\n".join(lines)
    assert "- Run more before quoting a share" in text and "- See left_out.csv" in text
    assert "- Better knowledge of a would narrow" in text
    assert "- These may stay at one value in the next study: c. Their share (ST)" in text
    assert "- Interactions count: set second_order = true" in text
    assert "- Indices are those of groups" in text


def test_nothing_more_to_do_than_there_is() -> None:
    text = "\n".join(page("sobol", dataset({"x": shares(0.6, 0.3, 0.1)})))
    for absent in (
        "Run more",
        "may stay at one value",
        "Interactions count",
        "left_out.csv",
        "those of groups",
    ):
        assert absent not in text
    assert "Better knowledge" not in "\n".join(page("sobol", dataset({"still": shares(NAN, NAN, NAN)})))


def test_single_numbers_alone() -> None:
    empty = dataset({"x": shares(0.6, 0.3, 0.1, key="Sh")}).isel(outcome=[])
    numbers = dataset({"x": shares(0.7, 0.299, 0.001, key="Sh")}, times=())
    lines = page("shapley", empty, numbers=numbers)
    assert [line for line in lines if line.startswith("## What drives")] == [
        "## What drives the outcomes: single numbers"
    ]
    said = "- **X**: a 70 % (70 % to 70 %); b 30 % (30 % to 30 %)."
    assert said.replace(" %", "\N{NO-BREAK SPACE}%") in lines
    assert any(
        line.startswith("- These may stay at one value in the next study: c. Their share (Sh) stays")
        for line in lines
    )


@pytest.mark.parametrize(
    ("method", "measures", "said", "advice"),
    [
        (
            "morris",
            {
                "mu_star": [1234.0, 0.0, 2.0],
                "mu_star_low": [1000.0, 0.0, 1.0],
                "mu_star_high": [1500.0, 0.0, 3.0],
            },
            "a 1,230 (1,000 to 1,500); c 2 (1 to 3); in Person.",
            "Carry the strongest into a Sobol study",
        ),
        (
            "tornado",
            {"low": [5.0, 1.0, NAN], "high": [2.0, 1.5, NAN]},
            "a -3; b +0.5; in Person.",
            "A tornado sees no interactions",
        ),
        (
            "tornado",
            {"low": [1.0, 2.0, 3.0], "high": [1.0, 2.0, 3.0]},
            "nothing moves it.",
            "A tornado sees no",
        ),
        (
            "monte-carlo",
            {"rank_correlation": [0.25, -0.9, 0.0]},
            "b -0.90; a +0.25.",
            'run the same file with method = "sobol"',
        ),
    ],
)
def test_what_every_method_says(
    method: str, measures: dict[str, list[float]], said: str, advice: str
) -> None:
    lines = page(method, dataset({"x": measures}))
    assert f"- **X**: {said}" in lines
    assert any(advice in line for line in lines)
    assert any(line.startswith("- Rank correlations see") for line in lines) == (method == "monte-carlo")
