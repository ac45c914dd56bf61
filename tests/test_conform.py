"""Conformance: models beside canonical output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows import cli
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


def test_a_helper_beside_a_test_is_no_case_of_its_own(tmp_path: Path) -> None:
    folder = _case(tmp_path / "a", RIGHT)
    (folder / "m.mdl").rename(folder / "test_it.mdl")
    (folder / "macro.mdl").write_text(MODEL, encoding="utf-8")
    assert [path.name for path, _ in cases(tmp_path)] == ["test_it.mdl"]


def test_a_value_that_is_no_number_differs(tmp_path: Path) -> None:
    _case(tmp_path / "a", RIGHT, model=MODEL.replace("rate = 2", "rate = 2 / (Time - Time)"))
    (verdict,) = conform(tmp_path, engines=("compiled",))
    assert verdict.status == "differs" and verdict.worst == float("inf")


def test_times_that_no_run_saves_are_not_held_against_it(tmp_path: Path) -> None:
    _case(tmp_path / "a", "Time\trate\n0.25\t99\n0.5\t99\n")
    (verdict,) = conform(tmp_path, engines=("compiled",))
    assert (verdict.status, verdict.compared) == ("agrees", 1)


def test_a_table_in_an_old_encoding_with_a_nameless_column(tmp_path: Path) -> None:
    path = tmp_path / "output.csv"
    path.write_bytes("Time,población,\r0,1,9\r1,2,9\r".encode("cp1252"))
    times, columns, _ = read_output(path)
    assert times.tolist() == [0, 1]
    assert {name: values.tolist() for name, values in columns.items()} == {("población", ()): [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Time,x\n", "no table of a run, expected a header row and values"),
        ("Time\n0\n", "no table of a run"),
        ("Time,x\n0,1,2\n", "output.csv, row 2: a row is longer than the header, found 3 cells, expected 2"),
    ],
)
def test_what_is_no_table_of_a_run(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "output.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_output(path)


def test_the_command_counts_verdicts_and_names_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        _case(tmp_path / "cases" / name, RIGHT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["conform", "cases", "--no-reference"]) == 0
    assert capsys.readouterr().out == "compiled: 2 models, 2 agree\n"  # no table where all agree
    assert cli.main(["conform", "cases/a"]) == 0
    assert capsys.readouterr().out == "compiled: 1 model, 1 agrees\npysd: 1 model, 1 agrees\n"
    (tmp_path / "cases/b/output.tab").write_text(RIGHT.replace("5\n", "5.1\n"), encoding="utf-8")
    _case(tmp_path / "cases" / "c", RIGHT, model=MODEL.replace("rate = 2", "rate = NO SUCH(2)"))
    assert cli.main(["conform", "cases", "--no-reference", "--json", "told.json"]) == 1
    out = capsys.readouterr().out
    assert out.endswith("compiled: 3 models, 1 agrees, 1 differs, 1 refused\n")
    table = out.splitlines()
    assert any("differs" in line and "9.8e-03" in line and "x[q]" in line for line in table)
    assert any("refused" in line and "NO SUCH" in line for line in table)
    assert not any(line.split()[:1] == ["a/m.mdl"] for line in table)
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert [(one["model"], one["status"]) for one in told] == [
        ("a/m.mdl", "agrees"),
        ("b/m.mdl", "differs"),
        ("c/m.mdl", "refused"),
    ]


def test_the_command_says_where_a_wider_tolerance_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _case(tmp_path / "a", RIGHT.replace("5\n", "5.02\n"))
    assert cli.main(["conform", str(tmp_path), "--no-reference"]) == 1
    assert "wider" not in capsys.readouterr().out
    monkeypatch.setattr("flows.conform.WIDER", {"m.mdl": (0.01, "its table is rounded")})
    assert cli.main(["conform", str(tmp_path), "--no-reference"]) == 0
    assert "wider tolerance 0.01 for m.mdl: its table is rounded\n" in capsys.readouterr().out
