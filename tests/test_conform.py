"""Conformance: models beside canonical output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.conform import cases, conform, read_output
from flows.errors import InputError

MODEL = """r: p, q ~~|
x[r] = INTEG(rate, 1) ~~|
rate = 2 ~~|
INITIAL TIME = 0 ~~|
FINAL TIME = 2 ~~|
TIME STEP = 1 ~~|
SAVEPER = TIME STEP ~~|
"""
RIGHT = "Time\trate\tx[p]\tx[q]\n0\t2\t1\t1\n1\t\t3\t3\n2\t\t5\t5\n"


def _case(folder: Path, output: str, *, model: str = MODEL, name: str = "output.tab") -> Path:
    folder.mkdir(parents=True)
    (folder / "m.mdl").write_text(model, encoding="utf-8")
    (folder / name).write_text(output, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("output", "status", "variable"),
    [
        (RIGHT, "agrees", ""),
        (RIGHT.replace("5\n", "5.1\n"), "differs", "x[q]"),
        ("Time\tother\n0\t1\n1\t2\n", "no values", ""),
    ],
)
def test_a_model_agrees_or_differs(tmp_path: Path, output: str, status: str, variable: str) -> None:
    _case(tmp_path / "a", output)
    (verdict,) = conform(tmp_path, engines=("compiled",))
    assert (verdict.status, verdict.variable, verdict.engine) == (status, variable, "compiled")


def test_what_an_engine_refuses_is_named(tmp_path: Path) -> None:
    _case(tmp_path / "a", RIGHT, model=MODEL.replace("rate = 2", "rate = NO SUCH(2)"))
    (verdict,) = conform(tmp_path, engines=("compiled",))
    assert verdict.status == "refused"
    assert "NO SUCH" in verdict.reason


def test_both_engines_run_each_case_and_progress_is_told(tmp_path: Path) -> None:
    _case(tmp_path / "a", RIGHT)
    _case(tmp_path / "b", RIGHT.replace("\t", ","), name="output.csv")
    told: list[tuple[int, int]] = []
    verdicts = list(conform(tmp_path, progress=lambda done, total: told.append((done, total))))
    assert [(v.model[:1], v.engine, v.status) for v in verdicts] == [
        (case, engine, "agrees") for case in "ab" for engine in ("compiled", "pysd")
    ]
    assert told == [(1, 2), (2, 2)]


def test_tables_with_times_across_and_commas_in_names(tmp_path: Path) -> None:
    path = tmp_path / "output.tab"
    path.write_text('Time\t0\t1\n"m[p,q]"\t3\t4\nc\t7\t\n', encoding="utf-8")
    times, columns, digits = read_output(path)
    np.testing.assert_array_equal(times, [0, 1])
    np.testing.assert_array_equal(columns["m", ("p", "q")], [3, 4])
    np.testing.assert_array_equal(columns["c", ()], [7, 7])
    assert not digits["c", ()].any()


def test_the_last_digit_printed_is_not_held_against_a_model(tmp_path: Path) -> None:
    path = tmp_path / "output.csv"
    path.write_text("Time,x\n0,1.25\n1,2.5e-3\n", encoding="utf-8")
    np.testing.assert_allclose(read_output(path)[2]["x", ()], [0.005, 0.00005])


@pytest.mark.parametrize(
    ("make", "message"), [(False, "no such folder"), (True, "no model with canonical output")]
)
def test_a_folder_without_cases_is_one_sentence(tmp_path: Path, make: bool, message: str) -> None:
    folder = tmp_path / "none"
    if make:
        folder.mkdir()
    with pytest.raises(InputError, match=message):
        cases(folder)


def test_random_draws_are_told_apart_from_wrong_numbers(tmp_path: Path) -> None:
    _case(tmp_path / "a", RIGHT, model=MODEL.replace("rate = 2", "rate = RANDOM UNIFORM(0, 1, 5)"))
    (verdict,) = conform(tmp_path, engines=("compiled",))
    assert (verdict.status, verdict.reason) == ("random", "it draws random numbers")
