"""Edits of a flat file come back into the model with subscripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import small_model

from flows import cli
from flows.errors import InputError
from flows.vensim.flatten import flatten
from flows.vensim.parse import parse
from flows.vensim.tree import ModelText
from flows.versions.carry import carry
from flows.versions.equations import differences
from flows.versions.flat import flatten_as, matched

TEXT = """
place: North, South, Isthmus -> (zone: Up, Down, Down) ~~|
zone: Up, Down ~~|
coast: South, Isthmus ~~|
sex: women, men ~~|
Waiting[place,sex] = INTEG(arrivals[place] * share[place,sex] - leaving[place,sex],
	initial waiting[sex]) ~ Person ~ People by place and sex. |
share[place,sex] = 0.5, 0.5; 0.25, 0.75; 1, 0; ~ Dmnl ~ Share. |
initial waiting[sex] = 10, 20 ~ Person ~ At first. |
arrivals[North] = 5 ~ Person/Month ~ In. |
arrivals[coast] = speed[coast] * Time ~ Person/Month ~ In. |
speed[place] = 2 ~ Person/Month ~ Speed. |
leaving[place,sex] = Waiting[place,sex] * zone rate[zone] ~ Person/Month ~ Out. |
zone rate[zone] = 0.1, 0.3 ~ 1/Month ~ Rate. |
total = extra + SUM(Waiting[place!,sex!]) ~ Person ~ All. |
by sex[sex] = SUM(Waiting[place!,sex]) / total ~ Dmnl ~ Share of all. |
extra = 3 ~ Person ~ More. |
effect[place]((0,1),(20,2)) ~ Dmnl ~ Effect. |
bent[place] = effect[place](Time) ~ Dmnl ~ Bent. |
"U.S. share"[sex] = 1, 2 ~ Dmnl ~ Odd name. |
"odd[1]"[sex] = 1, 2 ~ Dmnl ~ Odder name. |
"""


def edited(*changes: tuple[str, str]) -> tuple[bytes, ModelText, ModelText]:
    """The model, and its flat form with pieces of its text replaced."""
    data = small_model(TEXT).text.replace("\n", "\r\n").encode()
    old = parse(data.decode(), "m.mdl")
    flat = flatten(old)
    text = (flat.body + flat.settings).replace("\r\n", "\n")
    for was, now in changes:
        text, number = re.subn(was, now, text)
        assert number, was
    return data, old, parse(text.replace("\n", "\r\n"), "m-flat.mdl")


CARRIED = [
    ((r"(share South men=\s+)0.75", r"\g<1>0.5"), "share[place,sex] = 0.5, 0.5; 0.25, 0.5; 1, 0;"),
    ((r"(speed South=\s+)2", r"\g<1>3"), "speed[place] = 2, 3, 2"),
    ((r"(speed \w+=\s+)2", r"\g<1>-3"), "speed[place] = -3"),
    ((r"(arrivals North=\s+)5", r"\g<1>7"), "arrivals[North] = 7"),
    (
        (r"(arrivals (South|Isthmus)=\s+speed \w+ \* )Time", r"\g<1>(Time + extra)"),
        "arrivals[coast] = speed[coast] * (Time + extra)",
    ),
    (
        (r"leaving (\w+) (\w+)=\s+([^~]*?)\s+~", r"leaving \1 \2=\n\tspeed \1 / 9 + \3\n\t~"),
        "leaving[place,sex] = speed[place] / 9 + Waiting[place,sex] * zone rate[zone]",
    ),
    (
        (r"(leaving \w+ (\w+)=[^*]*\* zone rate \w+)", r"\1 * initial waiting \2 / zone rate Up"),
        "leaving[place,sex] = Waiting[place,sex] * zone rate[zone] * initial waiting[sex] / zone rate[Up]",
    ),
    (
        (r"(by sex (?:wo)?men=\s+)", r"\1extra - "),
        "by sex[sex] = extra - SUM(Waiting[place!,sex]) / total",
    ),
    ((r"(total=\s+)extra", r"\1extra * 2"), "total = extra * 2 + SUM(Waiting[place!,sex!])"),
    (
        (r"(total=\s+)extra \+ ", r"\1Waiting South men / 2 + "),
        "total = Waiting[South,men] / 2 + SUM(Waiting[place!,sex!])",
    ),
    ((r"(effect \w+\(\(0,1\),\(20),2", r"\1,4"), "effect[place]((0,1),(20,4))"),
    ((r"(bent (\w+)=\s+)effect", r"\1speed \2 * effect"), "bent[place] = speed[place] * effect[place](Time)"),
    ((r"(\"U.S. share men\"=\s+)2", r"\g<1>5"), '"U.S. share"[sex] = 1, 5'),
    ((r"Speed\.", "How fast."), "~ How fast. |"),
    (
        (r"(bent (\w+)=\s+)effect", r"\1gain * effect"),
        "bent[place] = gain * effect[place](Time)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), CARRIED)
def test_what_is_carried(change: tuple[str, str], wanted: str) -> None:
    gain = (r"(?=bent North=)", "gain=\n\textra / 3 + zone rate Up\n\t~\tDmnl [0,?]\n\t~\tNew.\n\t|\n\n")
    data, old, new = edited(*([gain] if "gain" in wanted else []), change)
    carried = carry(data, old, flatten(old), new)
    assert not differences(carried.flat, new).changes
    assert b"\n" not in carried.data.replace(b"\r\n", b"")
    text = carried.data.decode().replace("\r\n", "\n").replace("\\\n\t\t", "")
    assert wanted in text
    more = "gain = extra / 3 + zone rate[Up]\n\t~\tDmnl [0, ?]\n\t~\tNew.\n\t|" if "gain" in wanted else ""
    assert more in text
    changed = set(text.split("|")) - set(data.decode().replace("\r\n", "\n").split("|"))
    assert len(changed) == 1 + bool(more)  # nothing else


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((r"(leaving South women=\s+)", r"\1extra * "), "leaving[South,women]"),  # one of several
        ((r"(bent \w+=\s+effect) \w+", r"\1 North"), "bent[South]"),  # would need another equation
        ((r"(extra = 3 ~ )Person", r"\1Dmnl"), "extra"),  # units
        ((r"(effect North\(\(0,1\),\(20),2", r"\1,4"), "effect[North] at 20"),  # of one element
        ((r"\"U.S. share men\"=[^|]*\|", ""), "U.S. share[men]"),  # gone
        ((r"(\"odd\[1\] men\"=\s+)2", r"\g<1>5"), "odd[1][men]"),  # no text form says so
        ((r"(bent \w+=\s+)", r"\1 MAX(nowhere, 1) * "), "bent[North]"),  # an unknown name
    ],
)  # fmt: skip
def test_what_is_left(change: tuple[str, str], named: str) -> None:
    _, old, new = edited(change, (r"(share South men=\s+)0.75", r"\g<1>0.5"))
    both = matched(old, new)
    assert named in {c.name for c in both.left}
    assert "share[South,men]" in {c.name for c in both.difference.changes} - {c.name for c in both.left}


def test_a_flat_file_without_edits_changes_no_byte() -> None:
    data, old, new = edited()
    assert carry(data, old, flatten(old), new).data == data and not matched(old, new).difference.changes


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _, new = edited(
        (r"(leaving (\w+) (\w+)=\s+)", r"\1extra * "), (r"(extra = 3 ~ )Person", r"\1People")
    )
    monkeypatch.chdir(tmp_path)
    model, flat = Path("m.mdl"), Path("m-flat.mdl")
    model.write_bytes(data)
    flat.write_bytes(new.text.encode())
    assert cli.main(["diff", "m.mdl", "m-flat.mdl", "--no-run"]) == 0
    told = capsys.readouterr().out
    assert "+ leaving[place,sex] = extra * Waiting[place,sex] * zone rate[zone]" in told
    assert "To be written by hand (1): extra" in told
    assert "To take the rest over: flows set m.mdl --from m-flat.mdl" in told
    before = flat.read_bytes()
    assert cli.main(["set", "m.mdl", "--from", "m-flat.mdl"]) == 0
    assert "= extra * Waiting[place,sex] * zone rate[zone]" in model.read_text("utf-8")
    assert flat.read_bytes() == before and "To be written by hand" in capsys.readouterr().out
    assert cli.main(["set", "m.mdl", "--from", "m-flat.mdl"]) == 0
    assert "Nothing else differs." in capsys.readouterr().out
    Path("again.mdl").write_bytes(flat.read_bytes().replace(b"extra = 3", b"extra = 4"))
    assert cli.main(["diff", "m-flat.mdl", "again.mdl", "--no-run"]) == 0
    assert "By element, and to take it over: flows diff m.mdl again.mdl" in capsys.readouterr().out
    assert cli.main(["set", "m.mdl", "extra=1", "--from", "m-flat.mdl"]) == 1
    assert "--from takes no settings" in capsys.readouterr().err


def test_a_file_of_another_model_is_refused() -> None:
    _, old, _ = edited()
    with pytest.raises(InputError, match="not a flat form of"):
        flatten_as(old, parse("x = 1 ~~|\n", "other.mdl"))
