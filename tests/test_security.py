"""What a file of somebody else can't do: run code, fill the memory, write elsewhere, become a formula.

``docs/security.md`` names these tests. Hostile models are in ``vensim/test_hostile.py``, hostile data files in
``vensim/test_external.py``, text in pages in ``document/test_documentation_page.py`` and ``test_page.py``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from tests.conftest import small_model

import flows
from flows import cli, compare, conform
from flows.cli.options import folder_name
from flows.engine.reference_text import equations_alone, xmile_equations_alone
from flows.errors import InputError, ModelError, UnsupportedError
from flows.inputs import cin, workbook
from flows.inputs.tables import read_toml
from flows.provenance import kept
from flows.references import Expression, fold
from flows.tables import as_text, without_formulas
from flows.vensim.companions import read_savelist
from flows.vensim.external.cells import NUMBER
from flows.vensim.external.dataset import _columns
from flows.versions.source import _inside

SOURCE = Path(flows.__file__).parent

# ------------------------------------------------------------------------------------------------ running code

FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "yaml.load"}
ALLOWED = {"engine/kernel.py": {"exec", "compile"}}  # Python printed from nodes and generated names
DANGEROUS = {"pickle", "marshal", "shelve", "yaml", "joblib", "dill", "cloudpickle", "telnetlib", "ftplib"}
PICKLING = {"study/cluster.py"}  # between one's own processes, on this machine or a network that one trusts


def test_no_module_runs_text_or_loads_objects() -> None:
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in FORBIDDEN:
                    assert called in ALLOWED.get(name, set()), f"{name}:{node.lineno} calls {called}"
                given = {k.arg: k.value for k in node.keywords}
                assert "shell" not in given, f"{name}:{node.lineno}: shell="
                pickles = given.get("allow_pickle")
                assert not isinstance(pickles, ast.Constant) or pickles.value is False, (
                    f"{name}:{node.lineno}"
                )
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None)
                roots = {(module or alias.name).partition(".")[0] for alias in node.names}
                assert not roots & DANGEROUS or name in PICKLING, f"{name}:{node.lineno} imports {roots}"


CONTROL = "INITIAL TIME = 0 ~~|\nFINAL TIME = 2 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|\n"
ESCAPE = 'harmless \\"""\\open("taken", "w").write("x")\\y = """'


@pytest.mark.slow
def test_a_comment_never_becomes_python_in_the_reference_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.mdl").write_text(
        f"{{UTF-8}}\nx = 1 + 0 * Time ~ {ESCAPE} ~ {ESCAPE} |\n" + CONTROL, encoding="utf-8"
    )
    model = flows.read_vensim("m.mdl", units="off")
    assert flows.simulate(model, engine="pysd")["x"].values.tolist() == [1, 1, 1]
    assert not Path("taken").exists()


def test_equations_alone_reach_the_reference_engine() -> None:
    text = (
        '{UTF-8}\n"a | b ~ c" = {remark "} x\\\n + 1 ~ unit ~ remark with """ and \\ |\nR : p, q ~~|\n'
        "****\n.Group's\n****~ about \"\"\" |\nd = GET XLS CONSTANTS('book.xlsx', 'one', 'B2') ~~:SUPPLEMENTARY|\n"
        '\\\\\\---/// Sketch "quoted\n*View 1\n'
    )
    assert equations_alone(text, "m.mdl").split("~~|\n") == [
        '{UTF-8}\n"a | b ~ c" =   x  + 1\n',
        "R : p, q\n",
        "d = GET XLS CONSTANTS('book.xlsx', 'one', 'B2')\n",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Côte d'Ivoire = 1 ~~|",
        '"it\'s" = 1 ~~|',
        '"a \\" b" = 1 ~~|',
        "x = GET XLS DATA('a\\b', 'c', 'd', 'e') ~~|",
        "R' + open(1) + 'S : a, b ~~|",
        "x = 1 } + 2 ~~|",
        "x\x00 = 1 ~~|",
    ],
)
def test_names_that_could_leave_their_quotation_marks_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="into a program"):
        equations_alone(text, "m.mdl")


def test_xmile_reaches_the_reference_engine_without_words() -> None:
    head = '<?xml version="1.0" encoding="latin-1"?><xmile><model><variables>'
    tail = "</variables></model></xmile>"
    words = '<doc>it\'s """ \\</doc><units>\'</units>'
    left = xmile_equations_alone(
        f'{head}<aux name="a\\nb">{words}<eqn>"c d" * 2</eqn></aux>{tail}', "m.xmile"
    )
    assert '<aux name="a b"><eqn>"c d" * 2</eqn></aux>' in left and "doc" not in left and "'" not in left
    with pytest.raises(UnsupportedError, match="into a program"):
        xmile_equations_alone(f'{head}<aux name="it&apos;s"><eqn>1</eqn></aux>{tail}', "m.xmile")
    with pytest.raises(UnsupportedError, match="no plain XML"):
        xmile_equations_alone(f"<!DOCTYPE x [<!ENTITY e 'x'>]>{head[38:]}&e;{tail}", "m.xmile")


# ------------------------------------------------------------------------------------------- memory and time


def spoilt_book(replace: tuple[bytes, bytes] = (b"", b""), more: bytes = b"") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "scenario"
    sheet.append(("name", "value"))
    sheet.append(("judges hired per year", 2))
    good, made = io.BytesIO(), io.BytesIO()
    book.save(good)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(*replace) if name.endswith("sheet1.xml") and replace[0] else data)
        if more:
            new.writestr("more.bin", more)
    return made.getvalue()


FAR = b'<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>'
ENTITY = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoilt_book(more=bytes(2**20)), "the workbook is too large"),
        (spoilt_book((b"</sheetData>", FAR)), "the sheet is too large"),
        (spoilt_book((b"<worksheet", ENTITY)), "can't be read as a workbook"),
        (b"PK\x03\x04", "can't be read as a workbook"),
    ],
)
def test_workbooks_that_are_bombs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr(workbook, "LARGEST_FILE", 2**20)
    monkeypatch.setattr(workbook, "LARGEST_SHEET", 10_000)
    path = tmp_path / "s.xlsx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        workbook.read_workbook(path)
    assert refused.traceback  # which keeps all that the reader held
    path.unlink()  # Windows refuses to remove a file that is open
    held = Path("/proc/self/fd")
    assert not held.is_dir() or not [p for p in held.iterdir() if path.name in os.path.realpath(p)]


def test_what_a_sheet_says_of_its_size_isnt_believed(tmp_path: Path) -> None:
    path = tmp_path / "s.xlsx"
    path.write_bytes(spoilt_book((b'<dimension ref="A1:B2"', b'<dimension ref="A1:XFD1048576"')))
    assert [lever.name for lever in workbook.read_workbook(path).levers] == ["judges hired per year"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 30_000, "brackets nest too deep"),
        ("a." * 30_000 + "b = 1", "a key of too many parts"),
        ("'a' .\t" * 30_000 + "b = 1", "a key of too many parts"),
        ("a = " + "9" * 5_000, "exceeds the limit"),
    ],
)
def test_toml_without_end_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_toml(path, "s.toml")


@pytest.mark.parametrize("sign", ["-", "(", "1+", "a*("])
def test_expressions_without_end_are_refused(sign: str) -> None:
    with pytest.raises(InputError, match="too long"):
        Expression.parse(sign * 30_000 + "1")
    with pytest.raises(InputError, match="parenthesis"):
        Expression.parse("(" * 150 + "1")


@pytest.mark.parametrize("text", ["1" * 200_000 + "x", "1." * 100_000, "1e" + "9" * 200_000 + "x"])
def test_numbers_without_end_are_told_from_texts_at_once(text: str) -> None:
    start = time.process_time()
    assert NUMBER.fullmatch(text) is None
    assert time.process_time() - start < 2


@pytest.mark.parametrize("fill", [" ", "{", "\t", "a ", "9"])
def test_long_lines_of_changes_files_are_read_at_once(tmp_path: Path, fill: str) -> None:
    path = tmp_path / "s.cin"
    path.write_text("x {remark} = 2\nx" + fill * 60_000 + "\n", encoding="utf-8")
    start = time.process_time()
    with pytest.raises(InputError, match=r"s\.cin:2: not a line of a changes file"):
        cin.read_changes_file(path)
    path.write_text("x {remark\n} = " + fill.strip("a{") * 60_000 + " 2 {unclosed\n", encoding="utf-8")
    with contextlib.suppress(InputError):
        assert cin.read_changes_file(path)[0].values == (2.0,)
    assert time.process_time() - start < 4


@pytest.mark.parametrize("fill", [" ", "{", "\t", "a "])
def test_lines_without_end_are_refused(tmp_path: Path, fill: str) -> None:
    path = tmp_path / "s.lst"
    path.write_text("x\nx" + fill * 30_000 + "y\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"s\.lst:2: the line is too long"):
        read_savelist(path, model=small_model("x = 1 ~~|\n"))


def test_names_without_end_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = 0

    def count(name: str) -> str:
        nonlocal folded
        folded += 1
        return fold(name)

    monkeypatch.setattr("flows.vensim.context.fold", count)
    with pytest.raises(ModelError, match="is used in the equation of"):
        small_model("x = 1 ~~|\ny = x " + "a " * 10_000 + "~~|\n")
    assert folded < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Time\tx\n0\t1\n1\t2\t3\n", "a row is longer than the header, found 3 cells, expected 2"),
        ("Time\tx\n0\t" + "1" * 200_000 + "\n", "this is no table of a run"),
    ],
)
def test_spoilt_outputs_of_runs_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "o.tab"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        conform.read_output(path)


@pytest.mark.parametrize("across", [False, True])
def test_ragged_data_sets_take_no_more_memory_than_their_cells(across: bool) -> None:
    numbers = range(2_000)
    rows = [("Time", *(float(k) if across else f"x{k}" for k in numbers))]
    rows += [(f"y{k}" if across else float(k), 2.0) for k in numbers]
    tracemalloc.start()
    found = _columns(tuple(rows), "d.tab")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(len(xs) for _, xs, _ in found.values()) == 2_000
    assert peak < 10e6  # filled up they would be four million cells


def test_numbers_beyond_measure_in_an_output_are_read(tmp_path: Path) -> None:
    path = tmp_path / "o.tab"
    path.write_text("Time\tx\n0\t1.5e999\n1\t1.5e308\n", encoding="utf-8")
    _, columns, _ = conform.read_output(path)
    assert columns["x", ()].tolist() == [np.inf, 1.5e308]


# --------------------------------------------------------------------------------------- where things are written


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../x", "x"),
        ("/etc/passwd", "etc-passwd"),
        ("..\\..\\x", "x"),
        ("a/../../b", "a-..-..-b"),
        ("x\0y", "x-y"),
        ("CON", "run-CON"),
        ("nul.txt", "run-nul.txt"),
        ("com¹", "run-com¹"),
        ("course: 2030?", "course--2030"),
        ("...", "run"),
        ("\u202ename", "name"),
    ],
)
def test_names_never_lead_out_of_the_results_folder(name: str, folder: str) -> None:
    assert folder_name(name) == folder


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a\\..\\x", "C:x", ".git/hooks/x", ""])
def test_nothing_of_a_revision_lands_elsewhere(path: str) -> None:
    assert not _inside(path) and _inside("models/migration.mdl")


def test_tricks_in_names_write_inside_the_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    names = ("../../out", "/tmp/out", "..\\out", "CON", "a/b", "nul.", "=cmd|x", "<script>", "\u202ex")
    text = "".join(f'"{n}" = INTEG({k}, 1) ~ "../unit" ~ ../../remark |\n' for k, n in enumerate(names))
    Path("m.mdl").write_text("{UTF-8}\n" + text.replace("\\", "\\\\") + CONTROL, encoding="utf-8")
    before = set(tmp_path.rglob("*"))
    assert cli.main(["run", "--model", "m.mdl", "--no-figures", "--out", "results", "--units", "off"]) == 0
    assert cli.main(["docs", "m.mdl", "--no-run", "--markdown", "--out", "results/docs"]) == 0
    made = set(tmp_path.rglob("*")) - before
    assert made and all((place / "results") in (path, *path.parents) for path in made)
    head = (place / "results" / "trajectories.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "'=cmd|x" in head.split(",")


def test_results_that_vanish_while_they_are_listed_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "provenance.json").write_text('{"program": "flows", "command": "flows run"}')
    monkeypatch.setattr("flows.provenance.read_record", lambda folder: None)
    assert kept(tmp_path) == ()
    assert kept(tmp_path / "gone") == ()


# ------------------------------------------------------------------------------------------------- spreadsheets


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "=cmd|x"]
)
def test_formulas_are_marked_as_texts(text: str) -> None:
    assert as_text(text) == "'" + text


@pytest.mark.parametrize("text", ["-2.5", "+1e-3", "-inf", "judges", "", "a=b", "2030-12", "'=1"])
def test_other_texts_stay(text: str) -> None:
    assert as_text(text) == text


def test_tables_are_written_without_formulas(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["=1+1", "x", None], "=value": [-1.5, 2, np.nan]})
    compare.write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "name,'=value\n'=1+1,-1.5\nx,2.0\n,\n"
    plain = pd.DataFrame({"name": ["a", "-1"], "value": [1.0, -2.0]})
    assert without_formulas(plain) is plain


def test_the_pages_downloads_know_the_same_signs() -> None:
    script = (SOURCE / "page" / "download.js").read_text(encoding="utf-8")
    assert re.search(r"/\^\[=\+\\-@\\t\\r\]/\.test\(text\)", script)
