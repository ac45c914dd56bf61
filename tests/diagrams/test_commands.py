"""The commands: layout writes the file, draw its pictures."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import run_flows, small_model

from flows.vensim.sketch import read_sketch


def test_layout_then_draw(tmp_path: Path) -> None:
    text = small_model(
        "Tea = INTEG(-cooling, 90) ~ K ~ |\ncooling = Tea / cooling time ~ K/Month ~ |\ncooling time = 10 ~ Month ~ |"
    ).text
    path = tmp_path / "tea.mdl"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    told = run_flows("layout", "tea.mdl", cwd=tmp_path)
    assert "tea.mdl" in told
    sketch, encoding = read_sketch(path)
    assert sketch.before.encode(encoding) == text.replace("\n", "\r\n").encode()
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    assert sketch.defined == {"tea", "cooling", "cooling time"}
    before = path.read_bytes()
    assert "on a view already" in run_flows("layout", "tea.mdl", cwd=tmp_path)
    assert path.read_bytes() == before
    run_flows("draw", "tea.mdl", "--out", "pictures", cwd=tmp_path)
    found = {f.suffix for f in (tmp_path / "pictures").iterdir()}
    assert found == {".svg", ".png", ".json"}
    lone = before.index(rb"\\\---///")
    heading, version = before[lone:].split(b"\r\n")[:2]
    style = b"$-1--1--1,0,|12||-1--1--1|-1--1--1|-1--1--1|-1--1--1|96,96,100,0"
    empty = b"\r\n".join([heading, version, b"*View 1", style, b""])
    path.write_bytes(before[:lone] + empty + before[lone:])
    said = run_flows("draw", "tea.mdl", "--out", "fewer", cwd=tmp_path)
    assert "Left out, with nothing on them: View 1" in said
    assert sum(f.suffix == ".svg" for f in (tmp_path / "fewer").iterdir()) == 1
