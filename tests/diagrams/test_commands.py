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
