"""What follows from a fit: computed until it stays, written without another byte, and up to date in what is shipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.calibrate.conftest import FILE, MODEL

import flows
from flows import resources
from flows.cli import main
from flows.errors import InputError, ResultError
from flows.posterior import Posterior, write_posterior
from flows.renew import renew, write

MORE = """
reference waiting[origin] = 1, 2\t~\tPerson [0,9999]\t~\tFrom the base run,\\\n\t\tkept as it is.\n\t|
reference total = 700 ~ Person ~ Acts on leaving. |
reference mean = 123 ~ Person/Month ~ |
bump = reference mean + 1 ~ Person/Month ~ |
capacity = 1 ~ Dmnl [0,3] ~ |
data end = 20 ~ Month ~ |
"""
RENEWALS = """
[[reference]]
constant = "reference waiting"
variable = "waiting"
at = "2014-12"
nearest = 10

[[reference]]
constant = "reference total"
variable = "waiting"
at = "start"
sum = true
digits = 2

[[reference]]
constant = "reference mean"
variable = "bump"
first = "2013-01"
last = "2013-12"
digits = 3
"""
SETTLED = RENEWALS.replace('variable = "bump"', 'variable = "coming"\nsum = true')
LEVERS = """# How far levers go.
[[change]]
lever = "containment"
before = 0.0
after = 3.0
basis = "data"
why = "Another row."

[[change]]
lever = "capacity"     # of the office
before = 0.5   # in 2013
after = 9
on = 2.0
curve = "intensity"
basis = "data"
why = "after = 9 was the level."
"""
STUDY = """# A study.
[[uncertainty]]
name = "pause"
distribution = "triangular"
min = 1.0   # a month
mode = 2.0
max = 3
why = "The 90 % interval."

[[uncertainty]]
name = "level[Haiti]"
distribution = "lognormal"
median = 100.0
sigma = 0.3
"""
META = {
    "model": "small.mdl", "calibration": "calibration.toml", "calibration_digest": "0" * 64, "seed": 1,
    "fit_until": "2015-12", "later": [], "versions": {},
}  # fmt: skip
PAGE = """# Fit\r
\r
| series | wMAPE, % | limit | R² of logs |\r
|---|---|---|---|\r
| people from Haiti | 99.9 | 30 | 0.95 |\r
| something else | 9.9 |  | 0.5 |\r
\r
| series | other |\r
| people from Haiti | 99.9 |\r
"""


def folder(tmp_path: Path, renewals: str, model: str = MODEL + MORE) -> flows.Model:
    model = model.replace(
        "waiting[origin] / pause ~", "waiting[origin] / pause * (reference total / 500) ^ 0.5 ~"
    )
    for name, text in {
        "small.mdl": model, "renewals.toml": renewals, "lever-changes.toml": LEVERS, "study.toml": STUDY,
        "calibration.toml": FILE, "page.md": PAGE,
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(text.encode())
    return flows.read_vensim(tmp_path / "small.mdl", units="off")


def test_what_is_shipped_is_up_to_date() -> None:
    """After an edit of the model that moves the base run, `flows renew` brings these up to date."""
    path = resources.root() / "models" / "migration.mdl"
    renewed = renew(flows.read_vensim(path, units="error"))
    assert renewed is not None
    assert renewed.changes == () and renewed.contents == {}


def test_references_follow_the_base_run_and_nothing_else_changes(tmp_path: Path) -> None:
    model = folder(tmp_path, SETTLED)
    before = (tmp_path / "small.mdl").read_text(encoding="utf-8")
    renewed = renew(model, threads=1)
    assert renewed is not None
    assert {change.file.name for change in renewed.changes} == {"small.mdl"}
    assert (tmp_path / "small.mdl").read_text(encoding="utf-8") == before  # not yet
    write(renewed)
    after = flows.read_vensim(tmp_path / "small.mdl", units="off")
    run = flows.simulate(after, outcomes=["waiting", "coming"], threads=1)
    waiting = run["waiting"].sel(time=24.0).values
    np.testing.assert_array_equal(after.constants["reference waiting"].value, np.round(waiting / 10) * 10)
    assert float(after.constants["reference total"].value) == 400  # two origins begin with 200
    rate = float(run["coming"].sum("origin").isel(time=slice(0, 12)).mean())
    assert float(after.constants["reference mean"].value) == float(f"{rate:.3g}")
    text = (tmp_path / "small.mdl").read_text(encoding="utf-8")
    left = [line for line in text.splitlines() if not line.startswith("reference")]
    assert left == [line for line in before.splitlines() if not line.startswith("reference")]
    again = renew(after, threads=1)
    assert again is not None and again.changes == ()


def test_references_that_chase_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"don't settle after 8 rounds, found reference mean"):
        renew(folder(tmp_path, RENEWALS), threads=1)


LEVER = '[[lever]]\nlever = "capacity"\nbefore = "2013-06"\nafter = "2014-08"\non = "2014-08"\n'


def test_levels_are_read_from_the_curve(tmp_path: Path) -> None:
    dated = 'end = "data end"\n' + LEVER.replace('on = "2014-08"', 'on = "end"')
    model = folder(tmp_path, dated, (MODEL + MORE).replace("(10,1),(20,1)", "(10,2),(20,4)"))
    renewed = renew(model)
    assert renewed is not None
    assert [(c.name, c.before, c.after) for c in renewed.changes] == [
        ("capacity, before", 0.5, 1.6),  # the end of June is 6 months on
        ("capacity, after", 9.0, 4.0),
        ("capacity, on", 2.0, 4.0),
    ]
    write(renewed)
    expected = LEVERS.replace("before = 0.5 ", "before = 1.6 ").replace("after = 9\n", "after = 4.0\n")
    assert (tmp_path / "lever-changes.toml").read_bytes().decode() == expected.replace("on = 2.0", "on = 4.0")


RANGE = '[[range]]\nstudy = "study.toml"\nnames = ["pause", "level[Haiti]"]\n'


def sampled(tmp_path: Path, pause: tuple[float, float], level: tuple[float, float]) -> None:
    """Write a sample whose 5 % and 95 % quantiles are these."""
    columns = [np.linspace(a - (b - a) / 18, b + (b - a) / 18, 201) for a, b in (pause, level)]
    write_posterior(
        tmp_path / "posterior.parquet", Posterior(("pause", "level[Haiti]"), np.column_stack(columns), META)
    )


def test_ranges_follow_the_posterior(tmp_path: Path) -> None:
    model = folder(tmp_path, RANGE)
    sampled(tmp_path, (3.013, 5.52), (80, 125))
    renewed = renew(model)
    assert renewed is not None
    sigma = float(f"{math.log(125 / 80) / (2 * 1.6448536):.2g}")
    assert [(c.name, c.before, c.after) for c in renewed.changes] == [
        ("pause, min", 1.0, 3.0),
        ("pause, mode", 2.0, 4.0),  # the model's own
        ("pause, max", 3.0, 5.6),  # outwards
        ("level[Haiti], sigma", 0.3, sigma),
    ]
    write(renewed)
    text = (tmp_path / "study.toml").read_text(encoding="utf-8")
    assert "min = 3.0   # a month\nmode = 4.0\nmax = 5.6\nwhy" in text and text.startswith("# A study.\n")
    sampled(tmp_path, (3.1, 5.4), (82, 123))  # within a tenth of the width
    again = renew(model)
    assert again is not None and again.changes == ()


def test_ranges_stay_within_what_the_model_declares(tmp_path: Path) -> None:
    model = folder(
        tmp_path, RANGE.replace(', "level[Haiti]"', ""), (MODEL + MORE).replace("[1,20]", "[3.5,20]")
    )
    sampled(tmp_path, (3.4, 5.5), (80, 125))
    renewed = renew(model)
    assert renewed is not None
    assert {c.name: c.after for c in renewed.changes}["pause, min"] == 3.5


def test_a_table_of_the_fit_is_rewritten(tmp_path: Path, observed: pd.DataFrame) -> None:
    model = folder(tmp_path, '[[fit]]\npage = "page.md"\ncalibration = "calibration.toml"\n')
    renewed = renew(model, threads=1)
    assert renewed is not None
    first, second = renewed.changes
    assert first.name == "people from Haiti, wMAPE, %" and second.name == "people from Haiti, R² of logs"
    write(renewed)
    text = (tmp_path / "page.md").read_bytes().decode()
    expected = f"| people from Haiti | {first.after:.1f} | 30 | {second.after:.2f} |\r\n"
    assert text == PAGE.replace("| people from Haiti | 99.9 | 30 | 0.95 |\r\n", expected)
    (tmp_path / "page.md").unlink()
    assert renew(model, threads=1).changes == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("renewals", "message"),
    [
        (
            "[[refference]]\n",
            'unknown key "refference", expected end, [[reference]], [[lever]], [[range]], [[fit]]. Did you',
        ),
        (SETTLED.replace("digits = 2", ""), '[[reference]] 2: a reference is rounded either to "nearest" or'),
        (SETTLED.replace('at = "start"', ""), 'a reference is read "at" one month, or as a mean'),
        (
            SETTLED.replace('at = "start"', 'first = "2014-01"'),
            'a reference is read "at" one month, or as a mean',
        ),
        (SETTLED.replace('last = "2013-12"', 'last = "2012-12"'), '"first" must not lie after "last"'),
        (SETTLED.replace('"2014-12"', '"2014-13"'), '"2014-13"'),
        (SETTLED.replace('"2014-12"', '"2024-12"'), "the run doesn't reach this month, found 2024-12"),
        (SETTLED.replace('"reference total"', '"referense total"'), 'Did you mean "reference total"?'),
        (
            SETTLED.replace("sum = true\n", ""),
            '"waiting" and "reference total" have different subscripts, found origin',
        ),
        (LEVER.replace("capacity", "capacities"), 'no [[change]] of "capacities" in'),
        (LEVER.replace("capacity", "containment"), 'the row of "containment" names no curve of the model'),
        (
            'end = "data ends"\n' + LEVER.replace('on = "2014-08"', 'on = "end"'),
            "no constant of the model says when the",
        ),
        (RANGE, "there is no posterior sample beside the model"),
    ],
)
def test_refused(tmp_path: Path, renewals: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        renew(folder(tmp_path, renewals), threads=1)
    assert message in str(refused.value)


def test_what_cannot_be_renewed_is_told_before_the_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = "{UTF-8}\nrate = 1 ~ Dmnl ~ |\n" + MODEL[MODEL.index("INITIAL TIME") :]
    folder(tmp_path, RANGE.replace("study.toml", "studies.toml"), plain)
    asked = [
        "calibrate",
        str(tmp_path / "calibration.toml"),
        "--quick",
        "--write",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(asked) == 1
    assert "studies.toml: can't be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ranges_refused(tmp_path: Path) -> None:
    model = folder(tmp_path, RANGE)
    sampled(tmp_path, (3.4, 5.5), (80, 125))
    (tmp_path / "study.toml").write_text(STUDY.replace('"triangular"', '"uniform"'), encoding="utf-8")
    with pytest.raises(InputError, match=r'renewed for two distributions only, found "uniform"'):
        renew(model)
    (tmp_path / "study.toml").write_text(STUDY.replace("max = 3", "'max' = 3"), encoding="utf-8")
    with pytest.raises(InputError, match=r'"max" of "pause" is no number on a line of its own'):
        renew(model)
    (tmp_path / "study.toml").write_text(STUDY.replace('"level[Haiti]"', '"level[Cuba]"'), encoding="utf-8")
    (tmp_path / "renewals.toml").write_text(RANGE.replace("Haiti", "Cuba"), encoding="utf-8")
    with pytest.raises(InputError, match=r'the posterior sample has no "level\[Cuba\]"'):
        renew(model)
    (tmp_path / "renewals.toml").write_text(RANGE.replace("pause", "paus"), encoding="utf-8")
    with pytest.raises(InputError, match=r'no \[\[uncertainty\]\] of "paus" in .*Did you mean "pause"'):
        renew(model)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder(tmp_path, SETTLED)
    asked = ["renew", "--model", str(model.path)]
    assert main([*asked, "--check"]) == 1
    assert "reference waiting[Haiti]" in capsys.readouterr().out
    assert main(asked) == 0
    assert "Written:" in capsys.readouterr().out
    assert main([*asked, "--check"]) == 0
    assert "up to date" in capsys.readouterr().out
    (tmp_path / "renewals.toml").unlink()
    assert renew(model) is None
    assert main(asked) == 1
    assert "nothing says what follows from the fit" in capsys.readouterr().err
