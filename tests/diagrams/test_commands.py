"""The commands: layout writes the file, draw its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import small_model

from flows import cli
from flows.vensim.sketch import read_sketch


def test_layout_then_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        assert cli.main(list(arguments)) == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    text = small_model(
        "Tea = INTEG(-cooling, 90) ~ K ~ |\ncooling = Tea / cooling time ~ K/Month ~ |\ncooling time = 10 ~ Month ~ |"
    ).text
    path = tmp_path / "tea.mdl"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert "tea.mdl" in said("layout", "tea.mdl")
    sketch, encoding = read_sketch(path)
    assert sketch.before.encode(encoding) == text.replace("\n", "\r\n").encode()
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    assert sketch.defined == {"tea", "cooling", "cooling time"}
    before = path.read_bytes()
    assert "on a view already" in said("layout", "tea.mdl")
    assert path.read_bytes() == before
    said("draw", "tea.mdl", "--out", "pictures")
    found = {f.suffix for f in (tmp_path / "pictures").iterdir()}
    assert found == {".svg", ".png", ".json"}
    lone = before.index(rb"\\\---///")
    heading, version = before[lone:].split(b"\r\n")[:2]
    style = b"$-1--1--1,0,|12||-1--1--1|-1--1--1|-1--1--1|-1--1--1|96,96,100,0"
    empty = b"\r\n".join([heading, version, b"*View 1", style, b""])
    path.write_bytes(before[:lone] + empty + before[lone:])
    assert "Left out, with nothing on them: View 1" in said("draw", "tea.mdl", "--out", "fewer")
    assert sum(f.suffix == ".svg" for f in (tmp_path / "fewer").iterdir()) == 1
