from __future__ import annotations

import csv
import os
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from numpy.testing import assert_array_equal
from openpyxl.workbook.defined_name import DefinedName
from tests.conftest import ACCENTS

from flows.errors import InputError
from flows.vensim.external import Files, constants, dataset, elements, series, sheets, tags

TABLE: list[list[object]] = [
    [None, "A", "B", "C"],
    ["x", 1, 2, 3],
    ["y", 4, 5, 6],
    ["z", 7, 8, 9],
    [None],
    ["time", 0, 5, 10, None, 20],
    ["p", 2, None, 3, 4, 5],
    ["q", 10, 20, None, 40, 50],
]
NAMES = {
    "block": "Data!$B$2:$D$4",
    "acrossA": "Data!$B$2:$D$2",
    "downA": "Data!$B$2:$B$4",
    "single": "Data!$C$3",
}
TIMES = {"when": "Data!$B$6:$D$6", "both": "Data!$B$7:$D$8", "late": "Data!$A$2:$B$4"}


def workbook(path: Path, rows: Sequence[Sequence[object]] = TABLE, sheet: str = "Data", **names: str) -> Path:
    book = openpyxl.Workbook()
    table = book.active
    assert table is not None
    table.title = sheet
    for row in rows:
        table.append(list(row))
    for name, cells in names.items():
        book.defined_names[name] = DefinedName(name, attr_text=cells)
    book.save(path)
    return path


def text(path: Path, rows: Sequence[Sequence[object]] = TABLE, delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def old_excel(path: Path) -> Path:
    """Records of BIFF8: sheet "Data" with numbers in A1, B1, A2, a text in B2, and the name `pair` for A1:B1."""

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    bof = lambda kind: record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x2000, 1997, 0, 6))  # noqa: E731
    area = struct.pack("<BHHHHH", 0x3B, 0, 0, 0, 0, 1)  # sheet 0, rows 0-0, columns 0-1
    name = struct.pack("<HBBHHHBBBB", 0, 0, 4, len(area), 0, 0, 0, 0, 0, 0) + b"\0pair" + area
    links = record(0x1AE, struct.pack("<HH", 1, 0x401)) + record(0x17, struct.pack("<HHHH", 1, 0, 0, 0))

    def head(offset: int) -> bytes:
        sheet = record(0x85, struct.pack("<IBBBB", offset, 0, 0, 4, 0) + b"Data")
        return (
            bof(5)
            + record(0x42, struct.pack("<H", 1200))
            + sheet
            + links
            + record(0x18, name)
            + record(0xA, b"")
        )

    cells = [
        record(0x203, struct.pack("<HHHd", r, c, 0, v)) for r, c, v in [(0, 0, 1.5), (0, 1, 2.0), (1, 0, 3.0)]
    ]
    label = record(0x204, struct.pack("<HHHHB", 1, 1, 0, 4, 0) + b"Peru")
    path.write_bytes(head(len(head(0))) + bof(0x10) + b"".join(cells) + label + record(0xA, b""))
    return path


def open_document(path: Path, content: str, names: str = "") -> Path:
    spaces = "".join(
        f' xmlns:{p}="urn:oasis:names:tc:opendocument:xmlns:{p}:1.0"' for p in ("office", "table", "text")
    )
    body = f"<office:spreadsheet><table:table table:name='Data'>{content}</table:table>{names}</office:spreadsheet>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<office:document-content{spaces}>{body}</office:document-content>")
    return path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "model"
    folder.mkdir()
    workbook(folder / "numbers.xlsx", **NAMES, **TIMES)
    text(folder / "numbers.csv")
    text(folder / "numbers.tab", delimiter="\t")
    text(folder / "numbers.txt", delimiter=";")
    return Files(folder, {"?numbers": "numbers.xlsx", "plain": "numbers.csv"})


SOURCES = [
    ("numbers.xlsx", "Data"),
    ("numbers.csv", ""),
    ("numbers.csv", ","),
    ("numbers.tab", ""),
    ("numbers.txt", ";"),
]
SOURCES += [
    ("numbers.tab", "Tab"),
    ("numbers.tab", "\t"),
    ("numbers.tab", "\\t"),
    ("?numbers", "data"),
    ("?PLAIN", ","),
]


# ---------------------------------------------------------------------------------------------------- constants


@pytest.mark.parametrize("source", SOURCES)
def test_constants_run_across_and_down_in_every_kind_of_file(files: Files, source: tuple[str, str]) -> None:
    assert constants(files, (*source, "C3"), ()) == 5
    assert_array_equal(constants(files, (*source, "B2"), (3,)), [1, 2, 3])
    assert_array_equal(constants(files, (*source, "B2*"), (3,)), [1, 4, 7])
    assert_array_equal(constants(files, (*source, "$b$2"), (2, 3)), [[1, 2, 3], [4, 5, 6]])
    assert_array_equal(constants(files, (*source, "B2*"), (2, 3)), [[1, 4, 7], [2, 5, 8]])


def test_subscripts_of_one_element_keep_their_place(files: Files) -> None:
    assert_array_equal(constants(files, ("numbers.xlsx", "Data", "B2"), (3, 1)), [[1], [4], [7]])
    assert_array_equal(constants(files, ("numbers.xlsx", "Data", "B2"), (1, 3, 1)), [[[1], [4], [7]]])
    assert_array_equal(
        constants(files, ("numbers.xlsx", "Data", "B2"), (2, 1, 3)), [[[1, 2, 3]], [[4, 5, 6]]]
    )


def test_named_ranges_stand_for_cells(files: Files) -> None:
    read = lambda cell, shape: constants(files, ("numbers.xlsx", "Data", cell), shape)  # noqa: E731
    assert read("SINGLE", ()) == 5 and read("single*", ()) == 5
    assert_array_equal(read("block", (3, 3)), np.arange(1, 10).reshape(3, 3))
    assert_array_equal(read("block*", (3, 3)), np.arange(1, 10).reshape(3, 3).T)
    assert_array_equal(read("acrossA", (3,)), [1, 2, 3])
    assert_array_equal(read("downA*", (3,)), [1, 4, 7])


def test_a_name_of_a_sheet_goes_before_one_of_the_workbook(files: Files) -> None:
    path = files.folder / "scopes.xlsx"
    book = openpyxl.Workbook()
    for title, value in (("One", 1), ("Two", 2)):
        sheet = book.create_sheet(title)
        sheet["B3"] = value
    book.defined_names["here"] = DefinedName("here", attr_text="One!$B$3")
    book["Two"].defined_names["here"] = DefinedName("here", attr_text="Two!$B$3")
    book.save(path)
    assert constants(files, ("scopes.xlsx", "One", "here"), ()) == 1
    assert constants(files, ("scopes.xlsx", "Two", "here"), ()) == 2


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        (
            ("numbers.xlsx", "Data", "downA"),
            (3,),
            r"found 3 rows by 1 columns, expected 1 by 3\. Write the \*",
        ),
        (("numbers.xlsx", "Data", "acrossA*"), (3,), r"Leave out the \* after the name"),
        (
            ("numbers.xlsx", "Data", "block"),
            (2, 2),
            r"found 3 rows by 3 columns, expected 2 by 2\. Correct the range",
        ),
        (("numbers.xlsx", "Data", "blok"), (3, 3), r"name blok: .*Did you mean \"block\"\?"),
        (
            ("numbers.xlsx", "Dato", "B2"),
            (),
            r'no such sheet, found "Dato", expected "Data"\. Did you mean "Data"\?',
        ),
        (
            ("numbers.xlsx", "Data", "B5"),
            (),
            r'numbers\.xlsx, sheet "Data", cell B5: .*found nothing.*formula',
        ),
        (("numbers.xlsx", "Data", "A2"), (), r'cell A2: the cell holds no number, found "x"'),
        (("numbers.xlsx", "Data", "D2"), (3,), r"cell E2"),
        (("numbers.xlsx", "Data", "B2"), (2, 2, 2), r"found 3 subscripts"),
        (("numbers.xlsx", "Data", "XFD1"), (20_000,), r"cell XFD1"),
        (("numbers.csv", ",", "A2"), (), r'numbers\.csv, cell A2: the cell holds no number, found "x"'),
        (("numbers.csv", ",", "block"), (), r"a text file has no named ranges"),
        (("numbers.csv", "||", "B2"), (), r"a delimiter is one character"),
        (
            ("number.xlsx", "Data", "B2"),
            (),
            r'no file or folder "number\.xlsx" in .*Did you mean "numbers\.xlsx"\?',
        ),
        (("?number", "Data", "B2"), (), r'which file this tag stands for\. Did you mean "\?numbers"\?'),
        (("numbers.xlsx", "Data"), (), r"arguments are missing, found 2 of 3"),
        (("", "Data", "B2"), (), r"the name of a file is missing"),
    ],
)
def test_what_is_missing_is_named(
    files: Files, arguments: tuple[str, ...], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        constants(files, arguments, shape)


@pytest.mark.parametrize("written", ["1,5", "12 %", "$5", "1.234,5", "2024-01-15", "1 000"])
def test_what_only_looks_like_a_number_is_refused(files: Files, written: str) -> None:
    text(files.folder / "odd.tab", [["0", "1"], ["7", written]], delimiter="\t")
    with pytest.raises(InputError, match=r"odd\.tab, cell B2: this isn't read as a number"):
        series(files, ("odd.tab", "", "1", "A2"), ())


def test_a_refused_cell_of_many_lines_is_quoted_in_one(tmp_path: Path) -> None:
    path = tmp_path / "lines.tab"
    path.write_text('Time\tprice\n1\t2\n"3\n\n\n\n/ 2"\t3\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"isn't read as a number, found \"3 / 2\",") as refusal:
        dataset(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "value"), [("1e3", 1000), (" -.5 ", -0.5), ("2.", 2), ("1D2", 100), ("+3", 3)]
)
def test_numbers_of_texts(files: Files, written: str, value: float) -> None:
    text(files.folder / "n.csv", [[written]])
    assert constants(files, ("n.csv", ",", "A1"), ()) == value


def test_cells_of_other_types(files: Files) -> None:
    workbook(files.folder / "types.xlsx", [[True, datetime(2026, 1, 1), "=1+1", "#N/A", "7"]])
    read = lambda cell: constants(files, ("types.xlsx", "data", cell), ())  # noqa: E731
    assert read("A1") == 1 and read("B1") == 46023 and read("E1") == 7
    for cell in ("C1", "D1"):  # a formula whose value was never saved; an error
        with pytest.raises(InputError, match="holds no number"):
            read(cell)


# ---------------------------------------------------------------------------------------------------- series


@pytest.mark.parametrize("source", SOURCES)
def test_series_of_a_row_and_of_a_column(files: Files, source: tuple[str, str]) -> None:
    x, y = series(files, (*source, "6", "B7"), (2,))
    assert_array_equal(x, [0, 5, 10, 20])
    assert_array_equal(y, [[2, np.nan, 3, 5], [10, 20, np.nan, 50]])
    x, y = series(files, (*source, "6", "B7"), ())
    assert_array_equal(x, [0, 10, 20])
    assert_array_equal(y, [2, 3, 5])
    x, y = series(files, (*source, "b", "C2"), (2,))
    assert_array_equal(x, [0, 1, 2, 4, 7, 10])  # to the sheet's end, in order
    assert_array_equal(y, [[5, 2, np.nan, 5, 8, 20], [10, 3, 3, 6, 9, np.nan]])


def test_the_last_subscript_is_the_fastest(files: Files) -> None:
    rows = [["t", 0, 1], *[[n, 10 * n, 10 * n + 1] for n in range(6)]]
    workbook(files.folder / "many.xlsx", rows)
    _, y = series(files, ("many.xlsx", "Data", "1", "B2"), (2, 3))
    assert y.shape == (2, 3, 2)
    assert_array_equal(y[1, 2], [50, 51])
    assert_array_equal(y[0, 1], [10, 11])


def test_series_of_named_ranges(files: Files) -> None:
    x, y = series(files, ("numbers.xlsx", "Data", "When", "both"), (2,))
    assert_array_equal(x, [0, 5, 10])
    assert_array_equal(y, [[2, np.nan, 3], [10, 20, np.nan]])
    x, y = series(files, ("numbers.xlsx", "Data", "downA", "block"), (3,))
    assert_array_equal(x, [1, 4, 7])
    assert_array_equal(y, np.arange(1, 10).reshape(3, 3).T)
    x, y = series(files, ("numbers.xlsx", "Data", "when", "B8"), ())  # a name and a cell
    assert_array_equal(x, [0, 5])
    x, y = series(files, ("numbers.xlsx", "Data", "6", "both"), (2,))
    assert_array_equal(x, [0, 5, 10])


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        (("block", "B2"), (), "must be one row or one column, found 3 rows by 3 columns"),
        (("when", "both"), (3,), "found 2 rows by 3 columns, expected 3 by 3"),
        (("B2", "B2"), (), "a row number such as 4"),
        (("40", "B2"), (), "row 40: the sheet ends before the first value"),
        (("A", "B40"), (), "column A: the sheet ends before the first value"),
        (("1", "B2"), (), "no number stands along the x or time axis"),
        (("6", "B7"), (3,), r"cell B9: no value stands from here on, for element 3 of 3"),
        (("B", "G2"), (), "cell G2: no value"),
        (("wen", "both"), (2,), 'wen: .*Did you mean "when"'),
    ],
)
def test_series_that_do_not_fit_are_refused(
    files: Files, arguments: tuple[str, str], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        series(files, ("numbers.xlsx", "Data", *arguments), shape)


def test_points_are_sorted_and_do_not_contradict(files: Files) -> None:
    text(files.folder / "order.csv", [["t", 3, 1, 2, 1], ["v", 30, 10, 20, 10], ["w", 30, 10, 20, 11]])
    x, y = series(files, ("order.csv", ",", "1", "B2"), ())
    assert_array_equal(x, [1, 2, 3])
    assert_array_equal(y, [10, 20, 30])
    with pytest.raises(InputError, match="x or time 1 stands twice with different values"):
        series(files, ("order.csv", ",", "1", "B3"), ())
    x, y = series(files, ("order.csv", ",", "1", "B3"), (), steps=True)
    assert_array_equal(x, [1, 1, 2, 3])
    assert_array_equal(y, [10, 11, 20, 30])


def test_remarks_among_the_times_are_left_out(files: Files) -> None:
    text(files.folder / "remarks.csv", [["t", 1, "n.a.", 3], ["v", 10, 20, 30]])
    x, y = series(files, ("remarks.csv", ",", "1", "B2"), ())
    assert_array_equal(x, [1, 3])
    assert_array_equal(y, [10, 30])


# ---------------------------------------------------------------------------------------------------- elements


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (("B1", "D1", ""), ["A", "B", "C"]),
        (("B1", "D1"), ["A", "B", "C"]),
        (("A2", "A4", "n "), ["n x", "n y", "n z"]),
        (("B2", "C3", "Age"), ["Age1", "Age2", "Age4", "Age5"]),
        (("B1", "1", ""), ["A", "B", "C"]),
        (("A6", "A", ""), ["time", "p", "q"]),
        (("D7", "", ""), ["3", "4", "5", "40", "50"]),
    ],
)
@pytest.mark.parametrize("source", [("numbers.xlsx", "Data"), ("numbers.csv", ",")])
def test_elements(files: Files, source: tuple[str, str], rest: tuple[str, ...], expected: list[str]) -> None:
    assert elements(files, (*source, *rest)) == expected


def test_elements_of_a_named_range(files: Files) -> None:
    assert elements(files, ("numbers.xlsx", "Data", "downA", "", "g")) == ["g1", "g4", "g7"]
    assert elements(files, ("numbers.xlsx", "Data", "late")) == ["x", "1", "y", "4", "z", "7"]


def test_elements_that_are_missing(files: Files) -> None:
    with pytest.raises(InputError, match="no element name stands here"):
        elements(files, ("numbers.xlsx", "Data", "A5", "D5", ""))
    with pytest.raises(InputError, match="the last cell isn't understood"):
        elements(files, ("numbers.xlsx", "Data", "A5", "D5:E6", ""))


# ---------------------------------------------------------------------------------------------------- where files are


@ACCENTS
@pytest.mark.parametrize(
    "name", ["Inputs\\Año.CSV", "inputs/año.csv", "./INPUTS/AN\u0303O.csv", "..\\model\\inputs\\año.csv"]
)
def test_files_are_found_as_on_windows(files: Files, name: str) -> None:
    (files.folder / "inputs").mkdir()
    text(files.folder / "inputs" / "año.csv")
    assert constants(files, (name, ",", "B2"), ()) == 1


def test_folders_beside_the_model_are_open_and_others_closed(files: Files, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    beside = text(tmp_path / "data" / "beside.csv")
    assert constants(files, ("../data/beside.csv", ",", "B2"), ()) == 1
    assert constants(files, (str(beside), ",", "B2"), ()) == 1
    inner = Files(files.folder, {}, root=files.folder)
    for where, name in [
        (inner, "../data/beside.csv"),
        (files, "../../elsewhere.csv"),
        (files, "/etc/hostname"),
        (files, "C:\\data\\x.csv" if os.name != "nt" else "Q:\\x.csv"),
        (files, "\\\\server\\share\\x.csv"),
    ]:
        with pytest.raises(InputError, match="of its own folder and of the folders beside it"):
            constants(where, (name, ",", "B2"), ())
    assert (
        constants(
            Files(files.folder / "deep" / "er", {}, root=tmp_path),
            ("../../../data/beside.csv", ",", "B2"),
            (),
        )
        == 1
    )


def test_two_files_that_differ_in_case_only(files: Files) -> None:
    text(files.folder / "Twin.csv")
    text(files.folder / "TWIN.csv")
    if len([p for p in files.folder.iterdir() if p.name.lower() == "twin.csv"]) == 1:
        pytest.skip("this disk doesn't tell case apart")
    assert constants(files, ("TWIN.csv", ",", "B2"), ()) == 1
    with pytest.raises(InputError, match="differ in case only"):
        constants(files, ("twin.csv", ",", "B2"), ())


def test_a_folder_is_no_file(files: Files) -> None:
    (files.folder / "inputs.csv").mkdir()
    with pytest.raises(InputError, match="this is no file"):
        constants(files, ("inputs.csv", ",", "B2"), ())


def test_tags_of_settings() -> None:
    assert tags("9:Current\r\n30:?a=A 1.xlsx\r\n30:?b=..\\b.csv\r\n130:?c=d\r\n") == {
        "?a": "A 1.xlsx",
        "?b": "..\\b.csv",
    }


# ---------------------------------------------------------------------------------------------------- kinds of files


def test_old_excel_files(files: Files) -> None:
    old_excel(files.folder / "old.xls")
    assert_array_equal(constants(files, ("old.xls", "DATA", "A1"), (2,)), [1.5, 2])
    assert_array_equal(constants(files, ("old.xls", "data", "Pair"), (2,)), [1.5, 2])
    assert elements(files, ("old.xls", "Data", "A2", "B2", "")) == ["3", "Peru"]
    with pytest.raises(InputError, match="cell B2: the cell holds no number"):
        constants(files, ("old.xls", "Data", "A2"), (2,))


def test_a_new_workbook_with_an_old_name_is_read(files: Files) -> None:
    workbook(files.folder / "renamed.xls")
    assert constants(files, ("renamed.xls", "Data", "B2"), ()) == 1


def test_open_document_sheets(files: Files) -> None:
    number = '<table:table-cell office:value-type="float" office:value="{}"/>'
    content = (
        '<table:table-row table:number-rows-repeated="2"/>'
        f'<table:table-row><table:table-cell table:number-columns-repeated="2"/>{number.format(1.5)}'
        '<table:table-cell office:value-type="string"><text:p>Pe<text:span>ru</text:span></text:p></table:table-cell>'
        '<table:table-cell office:value-type="date" office:date-value="2026-01-01"/>'
        '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        f'<table:table-row table:number-rows-repeated="2">{number.format(2) * 2}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    )
    names = (
        '<table:named-expressions><table:named-range table:name="pair" table:cell-range-address="$Data.$A$4:.$B$5"/>'
        "</table:named-expressions>"
    )
    open_document(files.folder / "open.ods", content, names)
    read = lambda cell, shape=(): constants(files, ("open.ods", "Data", cell), shape)  # noqa: E731
    assert (read("C3"), read("E3"), read("F3"), read("B5")) == (1.5, 46023, 1, 2)
    assert_array_equal(read("pair", (2, 2)), [[2, 2], [2, 2]])
    assert elements(files, ("open.ods", "Data", "D3", "D3", "")) == ["Peru"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("page.xls", b"<html><table></table></html>", "this is no Excel or OpenDocument file"),
        (
            "torn.xlsx",
            b"PK\x03\x04 and nothing more",
            r"torn\.xlsx: the file can't be read .*BadZipFile.*Save it anew",
        ),
        (
            "torn.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            "the file can't be read as a spreadsheet",
        ),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(
    files: Files, name: str, content: bytes, message: str
) -> None:
    (files.folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        constants(files, (name, "Data", "A1"), ())


def test_a_binary_workbook_is_named(files: Files) -> None:
    with zipfile.ZipFile(files.folder / "b.xlsb", "w") as archive:
        archive.writestr("xl/workbook.bin", b"")
    with pytest.raises(InputError, match=r"binary workbooks \(\.xlsb\) can't be read"):
        constants(files, ("b.xlsb", "Data", "A1"), ())


@pytest.mark.parametrize(
    ("raw", "delimiter"),
    [
        ("1\t2\r\n3\t4\r\n".encode("utf-16"), ""),
        (b"\xef\xbb\xbf1\t2\r3\t4\r", ""),
        ("1;2;señal\n3;4".encode("cp1252"), ";"),
        (b'"1"| "2"\n3|4', "|"),
    ],
)
def test_encodings_and_line_ends(files: Files, raw: bytes, delimiter: str) -> None:
    (files.folder / "t.txt").write_bytes(raw)
    assert_array_equal(constants(files, ("t.txt", delimiter, "A1"), (2, 2)), [[1, 2], [3, 4]])


# ---------------------------------------------------------------------------------------------------- bombs and memory


def _replace_sheet(path: Path, change: Callable[[str], str]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = change(members[sheet].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_file_that_unpacks_to_too_much_is_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LARGEST_FILE", 2**20)
    _replace_sheet(workbook(files.folder / "big.xlsx"), lambda s: s + " " * 2**21)
    assert (files.folder / "big.xlsx").stat().st_size < 2**16
    with pytest.raises(InputError, match="the file is too large"):
        constants(files, ("big.xlsx", "Data", "B2"), ())
    (files.folder / "long.csv").write_bytes(b"1," * 2**20)
    with pytest.raises(InputError, match="the file is too large"):
        constants(files, ("long.csv", ",", "A1"), ())


@pytest.mark.parametrize("cell", ["A900000000000", "XFD1048576"])
def test_a_cell_far_away_does_not_fill_the_memory(
    files: Files, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    monkeypatch.setattr(sheets, "LARGEST_SHEET", 10_000)
    row = re.sub(r"\D", "", cell)
    far = f'<row r="{row}"><c r="{cell}"><v>1</v></c></row></sheetData>'
    _replace_sheet(workbook(files.folder / "far.xlsx"), lambda s: s.replace("</sheetData>", far))
    with pytest.raises(InputError, match=r"the sheet is too large|can't be read"):
        constants(files, ("far.xlsx", "Data", "B2"), ())


def test_entities_of_xml_are_not_expanded(files: Files) -> None:
    bomb = '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    _replace_sheet(workbook(files.folder / "bomb.xlsx"), lambda s: bomb + s.replace("<v>1</v>", "<v>&b;</v>"))
    with pytest.raises(InputError, match="can't be read as a spreadsheet"):
        constants(files, ("bomb.xlsx", "Data", "B2"), ())
    path = open_document(files.folder / "bomb.ods", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", bomb + "<s>&b;</s>")
    with pytest.raises(InputError, match="can't be read as a spreadsheet"):
        constants(files, ("bomb.ods", "Data", "B2"), ())


def test_repeated_cells_of_an_open_document_are_counted(files: Files) -> None:
    cell = '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="{}"/>'
    open_document(files.folder / "wide.ods", f"<table:table-row>{cell.format(10**12)}</table:table-row>")
    with pytest.raises(InputError, match="the sheet is too wide"):
        constants(files, ("wide.ods", "Data", "A1"), ())


def test_a_file_is_read_once_until_it_changes(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(files.folder / "once.xlsx")
    loads = []
    load = openpyxl.load_workbook
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *a, **k: (loads.append(1), load(*a, **k))[1])
    for column in "BCD" * 30:
        constants(files, ("once.xlsx", "Data", f"{column}2"), ())
    assert len(loads) == 2  # the names of the workbook, and one sheet
    workbook(path, [[0, 99]])
    os.utime(path, ns=(1, 1))
    assert constants(files, ("once.xlsx", "Data", "B1"), ()) == 99


# ---------------------------------------------------------------------------------------------------- data sets


EXPECTED = {
    ("encounters at border", ()): ([0, 1, 2], [5, 6, 7]),
    ("stock", ("north east", "old")): ([0, 2], [1.5, 3]),
    ("rate", ()): ([0], [0.25]),
}
DOWN: list[list[object]] = [
    ["Time", "encounters at border", "stock[North East,Old]", "rate", "empty"],
    [0, 5, 1.5, 0.25, None],
    [1, 6, None, None, None],
    [2, 7, 3, None, None],
]
ACROSS = [list(column) for column in zip(*DOWN, strict=True)]


@pytest.mark.parametrize("rows", [DOWN, ACROSS], ids=["down", "across"])
@pytest.mark.parametrize("name", ["d.tab", "d.csv", "d.txt", "d.xlsx"])
def test_data_sets(tmp_path: Path, name: str, rows: list[list[object]]) -> None:
    path = tmp_path / name
    if name.endswith("xlsx"):
        workbook(path, rows)
    else:
        text(path, rows, delimiter="," if name.endswith("csv") else "\t")
    found = dataset(path)
    assert found.keys() == EXPECTED.keys()
    for key, (x, y) in EXPECTED.items():
        assert_array_equal(found[key][0], x)
        assert_array_equal(found[key][1], y)


def test_dat_files(tmp_path: Path) -> None:
    path = tmp_path / "run.dat"
    path.write_text(
        'Encounters_at border / from the agency\n0\t5\n1 6 revised\n\n"stock"[ North East , Old ] <Year>\n0\t1.5\n1\n'
        '2\t3\nrate\n0,0.25\n"a / b"["x, y"]\n1\t1\nENCOUNTERS AT BORDER\n2\t7\n',
        encoding="utf-8",
        newline="\r\n",
    )
    found = dataset(path)
    assert found.keys() == EXPECTED.keys() | {("a / b", ("x, y",))}
    for key, (x, y) in EXPECTED.items():
        assert_array_equal(found[key][0], x)
        assert_array_equal(found[key][1], y)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.dat", "0\t1\n", r"a\.dat:1: a point stands before the first name"),
        ("a.dat", "x\n12 monkeys\n", r"a\.dat:2: this line isn't understood"),
        ("a.dat", "x\n0 1\n0 2\n", r'series "x": x or time 0 stands twice'),
        ("a.tab", "Time\tx\t3\n0\t1\t2\n", "mixes names and numbers"),
        ("a.tab", "Time\n", "this is no data set"),
        ("a.tab", "Time\tx\n0\t\n", "holds no values"),
        ("a.csv", 'Time,x\n0,"1,5"\n', r'series "x": this isn\'t read as a number, found "1,5"'),
        ("a.vdfx", "", "binary data sets can't be read.*Export"),
    ],
)
def test_data_sets_that_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        dataset(tmp_path / name)


def test_a_missing_data_set_has_a_near_name(tmp_path: Path) -> None:
    text(tmp_path / "baseline.tab")
    with pytest.raises(InputError, match=r'Did you mean "baseline\.tab"'):
        dataset(tmp_path / "basline.tab")
