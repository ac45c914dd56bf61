"""Raw tables into shipped observations: rebuilt byte for byte, and what is refused on the way."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from flows import observations, resources
from flows.cli import main
from flows.errors import InputError
from flows.gather import gather, write

HEAD = "series,period_start,period_end,value,unit,group,source_id,note"
SERIES = """series,counts,measure,year,definition
crossings_month,event,flow,month,Crossings.
crossings,event,flow,calendar,The same by calendar year.
files_fy,case,flow,fiscal,Files by fiscal year.
"""
SOURCES = """source_id,title,publisher,year,url,tier,how_read
office,Yearbook,Office,2020,u,A,read
press,News,Paper,2020,u,C,read
radio,News,Radio,2020,u,C,read
report,Report,College,2021,u,seed,read
"""
CHOICES = "series,group,period_start,period_end,source_id,why\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    put(tmp_path, "models/data/series.csv", SERIES)
    put(tmp_path, "data/sources.csv", SOURCES)
    put(tmp_path, "data/choices.csv", CHOICES)
    return tmp_path


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def raw(folder: Path, *rows: str, table: str = "one") -> None:
    put(folder, f"data/raw/{table}.csv", "\n".join([HEAD, *rows, ""]))


def shipped(folder: Path) -> list[list[str]]:
    write(gather(folder))
    with open(folder / "models/data/observations.csv", encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


# --- what is shipped ----------------------------------------------------------------------------------------------


def test_the_shipped_files_are_what_the_raw_tables_amount_to() -> None:
    found = gather()
    assert {path.name for path in found.texts} == {"observations.csv", "sources.csv"}
    assert found.changed == ()
    assert found.rows > found.shipped > 7000 and found.tables >= 10


def test_every_choice_says_why() -> None:
    rows = pd.read_csv(resources.root() / "data/choices.csv", dtype=str, keep_default_na=False)
    assert (rows["why"].str.len() > 10).all()


def test_no_source_is_kept_that_no_raw_row_cites() -> None:
    folder = resources.root() / "data"
    known = set(pd.read_csv(folder / "sources.csv", dtype=str)["source_id"])
    cited = {i for table in (folder / "raw").glob("*.csv") for i in pd.read_csv(table)["source_id"]}
    assert known == cited | {"colmex_2021", "mpi_review_2024"}


@pytest.mark.parametrize(
    ("months", "years", "kind"),
    [
        ("us_swb_encounters_month", "us_swb_encounters_fy", "fiscal_year"),
        ("inm_apprehensions_month", "inm_apprehensions", "calendar_year"),
        ("inm_returns_month", "inm_returns", "calendar_year"),
    ],
)
def test_twelve_months_add_up_to_their_year(months: str, years: str, kind: str) -> None:
    single = observations.observed(months, period_type="month")
    compared = 0
    for year in observations.observed(years, period_type=kind).itertuples():
        inside = single[
            (single["group"] == year.group)
            & (single["period_start"] >= year.period_start)
            & (single["period_end"] <= year.period_end)
        ]
        if len(inside) == 12:
            assert inside["value"].sum() == pytest.approx(year.value, rel=0.01, abs=100), (
                year.group,
                year.period_end,
            )
            compared += 1
    assert compared >= 30


# --- one row, several sources -------------------------------------------------------------------------------------


def test_a_row_gets_the_tier_of_its_source_and_the_kind_of_its_span(checkout: Path) -> None:
    raw(
        checkout,
        "files_fy,2019-10-01,2020-09-30,7,files,All,press,",
        'crossings_month,2020-02-01,2020-02-29,10,events,South,office,"so, rounded"',
        "crossings_month,2020-01-01,2020-01-31,12.50,events,South,office,",
    )
    assert shipped(checkout) == [
        [*HEAD.split(",")[:-1], "tier", "period_type", "note"],
        ["crossings_month", "2020-01-01", "2020-01-31", "12.50", "events", "South", "office", "A", "month", ""],
        ["crossings_month", "2020-02-01", "2020-02-29", "10", "events", "South", "office", "A", "month", "so, rounded"],
        ["files_fy", "2019-10-01", "2020-09-30", "7", "files", "All", "press", "C", "fiscal_year", ""],
    ]  # fmt: skip
    sources = (checkout / "models/data/sources.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in sources] == [
        "source_id",
        "office",
        "press",
        "report",
    ]  # radio isn't cited
    assert gather(checkout).changed == ()


YEAR = "crossings,2020-01-01,2020-12-31,{},events,South,{},"


def test_the_best_tier_is_kept(checkout: Path) -> None:
    raw(checkout, YEAR.format(90, "press"), YEAR.format(100, "office"), table="a")
    raw(checkout, YEAR.format(95, "report"), table="b")
    assert [row[3] for row in shipped(checkout)[1:]] == ["100"]


def test_equal_tiers_need_a_choice(checkout: Path) -> None:
    raw(checkout, YEAR.format(90, "press"), YEAR.format(95, "radio"))
    with pytest.raises(InputError) as refused:
        gather(checkout)
    assert "2 sources of tier C give crossings of South, 2020-01-01 to 2020-12-31" in str(refused.value)
    assert "one.csv:2 and " in str(refused.value) and "found press, radio. Say in data/choices.csv" in str(
        refused.value
    )
    put(checkout, "data/choices.csv", CHOICES + "crossings,,,,radio,It was there.\n")
    assert [row[3] for row in shipped(checkout)[1:]] == ["95"]


def test_a_choice_goes_before_a_better_tier(checkout: Path) -> None:
    raw(checkout, YEAR.format(90, "press"), YEAR.format(100, "office"))
    put(
        checkout,
        "data/choices.csv",
        CHOICES + "crossings,South,2020-01-01,2020-12-31,press,Same definition.\n",
    )
    assert [row[3] for row in shipped(checkout)[1:]] == ["90"]
    put(
        checkout,
        "data/choices.csv",
        CHOICES + "crossings,South,2021-01-01,2021-12-31,press,Same definition.\n",
    )
    with pytest.raises(
        InputError, match=r"choices\.csv:2: this choice decides nothing, found crossings, source"
    ):
        gather(checkout)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("crossing,2020-01-01,2020-12-31,1,events,South,office,", 'Did you mean "crossings"?'),
        ("crossings,2020-01-01,2020-12-31,1,events,South,ofice,", 'no source "ofice"'),
        ("crossings,2020-01-01,2020-12-31,1,events,,office,", "the group is empty"),
        ('crossings,2020-01-01,2020-12-31,"1,000",events,South,office,', 'not a number, found "1,000"'),
        ("crossings,2020-01-01,2020-12-31,nan,events,South,office,", 'not a number, found "nan"'),
        ("crossings,2020-01-01,2020-12-31,1_000,events,South,office,", 'not a number, found "1_000"'),
        ("crossings,20200101,2020-12-31,1,events,South,office,", 'not a date, found "20200101"'),
        ("crossings,2020-01-01,2020-02-30,1,events,South,office,", 'not a date, found "2020-02-30"'),
        ("crossings,2020-12-31,2020-01-01,1,events,South,office,", "the span ends before it begins"),
        (
            "crossings,2019-10-01,2020-09-30,1,events,South,office,",
            '"crossings" is a series by calendar, found fiscal year, 2019-10-01 to 2020-09-30, expected calendar year',
        ),
        ("files_fy,2020-01-01,2020-12-31,1,files,All,office,", '"files_fy" is a series by fiscal'),
        ("crossings_month,2020-01-01,2020-01-30,1,events,South,office,", '"crossings_month" is a series by month'),
        (
            "crossings,2020-01-01,2020-12-31,1,Person,South,office,",
            '"crossings" counts by event, found the unit "Person", expected events',
        ),
        ("crossings,2020-01-01,2020-12-31,-5,events,South,office,", "less than nothing, found -5"),
        ("crossings,2020-01-01,2020-12-31,1,events,South,office,a,b", "a row of another length, found 9 cells"),
        ('crossings,"2020', "can't be read as a table"),
    ],
)  # fmt: skip
def test_rows_refused(checkout: Path, row: str, message: str) -> None:
    raw(checkout, row)
    with pytest.raises(InputError) as refused:
        gather(checkout)
    assert message in str(refused.value)
    assert "one.csv" in str(refused.value)


def test_a_rare_group_that_is_nearly_a_common_one_is_refused(checkout: Path) -> None:
    years = [f"crossings,{year}-01-01,{year}-12-31,1,events,Honduras,office," for year in range(1990, 2010)]
    slip = "crossings,2020-01-01,2020-12-31,1,events,Hondruas,office,"
    raw(checkout, *years, slip)
    with pytest.raises(InputError, match=r'one\.csv:22: a row of a group "Hondruas", expected "Honduras"'):
        gather(checkout)
    raw(checkout, *years, slip.replace("Hondruas", "Haiti"))
    assert gather(checkout).rows == 21


def test_tables_refused(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    raw(checkout, YEAR.format(1, "office"), YEAR.format(2, "office"))
    with pytest.raises(InputError, match=r"one\.csv:2 and .*one\.csv:3: one source gives one number twice"):
        gather(checkout)
    put(checkout, "data/raw/one.csv", "series,value\n")
    with pytest.raises(InputError, match=r"one\.csv:1: the columns differ, found series, value"):
        gather(checkout)
    (checkout / "data/raw/one.csv").write_bytes(HEAD.encode() + b"\n\xff")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        gather(checkout)
    raw(checkout, YEAR.format(1, "office"))
    put(checkout, "data/sources.csv", SOURCES.replace(",A,", ",AA,"))
    with pytest.raises(InputError, match='source "office" has no tier'):
        gather(checkout)
    (checkout / "data/sources.csv").unlink()
    with pytest.raises(InputError, match=r"sources\.csv: can't be read"):
        gather(checkout)
    with pytest.raises(InputError, match="there are no raw tables here"):
        gather(tmp_path_factory.mktemp("empty"))


def test_the_command(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw(checkout, YEAR.format(90, "press"), YEAR.format(100, "office"))
    assert main(["data", "--check", str(checkout)]) == 1
    assert not (checkout / "models/data/observations.csv").exists()
    assert "observations.csv" in capsys.readouterr().out
    assert main(["data", str(checkout)]) == 0
    said = capsys.readouterr().out
    assert "2 rows of 1 raw tables: 1 shipped, 1 superseded" in said
    assert main(["data", "--check", str(checkout)]) == 0
    assert "say so already" in capsys.readouterr().out
