"""XMILE files: what PySD's reader gives runs in the compiled engine; what has no counterpart is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows import cli, read_vensim, simulate
from flows.conform import cases, conform
from flows.document import page, read_documentation
from flows.errors import ModelError, UnsupportedError
from flows.inspection import inspect

FRAME = """<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0" xmlns:isee="http://iseesystems.com/XMILE">
<header><vendor>Somebody</vendor><product version="1">By hand</product></header>
<sim_specs method="{method}" time_units="Month"><start>0</start><stop>8</stop><dt reciprocal="true">4</dt></sim_specs>
<model_units><unit name="person"><alias>people</alias></unit></model_units>
<dimensions><dim name="Region"><elem name="North"/><elem name="South"/></dim></dimensions>
<model><variables>
{variables}
</variables></model>
</xmile>
"""
TEACUP = """<stock name="Teacup\\nTemperature"><doc>How hot &amp; how fast.</doc><eqn>180</eqn>
<outflow>heat_loss</outflow><units>degree</units><range min="0" max="200"/></stock>
<flow name="heat loss"><eqn>("Teacup Temperature" - room) / time_constant</eqn><units>degree/Month</units></flow>
<aux name="room"><eqn>70</eqn><units>degree</units></aux>
<aux name="time constant"><eqn>10</eqn><units>Month</units></aux>"""


def write(folder: Path, variables: str, *, method: str = "Euler", name: str = "m.xmile") -> Path:
    path = folder / name
    path.write_text(FRAME.format(variables=variables, method=method), encoding="utf-8")
    return path


def run(folder: Path, variables: str, *outcomes: str, **options: str) -> list[np.ndarray]:
    result = simulate(read_vensim(write(folder, variables, **options), units="off"), engine="compiled")
    return [result[name].values for name in outcomes]


def aux(name: str, equation: str, more: str = "") -> str:
    return f'<aux name="{name}"><eqn>{equation}</eqn>{more}</aux>'


def test_a_stock_cools_as_in_any_other_file(tmp_path: Path) -> None:
    path = write(tmp_path, TEACUP)
    model = read_vensim(path, units="error")
    assert [i.name for i in model.stocks] == ["Teacup Temperature"]
    assert [i.name for i in model.flows] == ["heat loss"]
    stock = model.stocks["teacup_temperature"]
    assert (stock.units, stock.range, stock.comment) == ("degree", (0, 200), "How hot & how fast.")
    assert stock.where == f"{path}:8"
    assert model.synonyms == (("person", "people"),)
    values = simulate(model)["Teacup Temperature"].values
    assert values[-1] == pytest.approx(70 + 110 * (1 - 0.25 / 10) ** 32, rel=1e-12)


def test_both_engines_agree(tmp_path: Path) -> None:
    model = read_vensim(write(tmp_path, TEACUP, name="m.stmx"))
    ours, theirs = (simulate(model, engine=e)["heat loss"].values for e in ("compiled", "pysd"))
    assert np.allclose(ours, theirs, rtol=1e-12)


def test_the_method_of_the_file(tmp_path: Path) -> None:
    model = read_vensim(write(tmp_path, TEACUP, method="RK4"))
    assert model.method == "rk4"
    values = simulate(model)["Teacup Temperature"].values
    assert values[-1] == pytest.approx(70 + 110 * np.exp(-0.8), rel=1e-7)


@pytest.mark.parametrize(
    ("equation", "value"),
    [
        ("-2^2", -4), ("2^3^2", 512), ("30^-2", 30**-2), ("7 mod 4", 3), ("10 / 4 * 2 - 1 + 3", 7),
        ("IF Time &gt; 4 AND Time &lt; 20 OR 1 = 0 THEN 3 ELSE 4", 3), ("IF NOT (1 = 1) THEN 3 ELSE 4", 4),
        ("IF 1 = 1 OR 1 = 0 AND 1 = 0 THEN 3 ELSE 4", 3),
        ("ROUND(-2.5)", -3), ("INT(2.7)", 2), ("LOG10(1000)", 3), ("MAX(2, MIN(3, 5))", 3), ("PI", np.pi),
        ("SAFEDIV(1, 0)", 0), ("SAFEDIV(1, 0, 7)", 7), ("STEP(2, 3)", 2), ("RAMP(2, 3)", 10), ("RAMP(2, 3, 5)", 4),
        ("3 + 0 * SMTHN(Time, 2, 4, 0)", 3), ("SMTH3(5, 2)", 5), ("DELAY1(5, 2)", 5), ("DELAYN(7, 2, 5)", 7),
        ("SMTHN(7, 2, 3)", 7), ("DELAY(Time, 2, -1)", 6), ("TREND(5, 2)", 0), ("FORCST(5, 2, 3)", 5),
        ("SMTHN(7, 2, 1)", 7), ("DELAYN(7, 2, 3)", 7),
        ("DT + STARTTIME + STOPTIME", 8.25), ("INIT(Time + 3)", 3), ("SMTH1(Time, 1000, 5)", None),
    ],
)  # fmt: skip
def test_expressions(tmp_path: Path, equation: str, value: float | None) -> None:
    (found,) = run(tmp_path, aux("x", equation), "x")
    last = float(np.ravel(found)[-1])
    if value is None:
        assert 4.9 < last < 5.1
    else:
        assert last == pytest.approx(value, rel=1e-12)


def test_pulses_carry_their_magnitude(tmp_path: Path) -> None:
    variables = """<stock name="once"><eqn>0</eqn><inflow>a</inflow></stock><flow name="a"><eqn>PULSE(3, 2)</eqn></flow>
<stock name="often"><eqn>0</eqn><inflow>b</inflow></stock><flow name="b"><eqn>PULSE(3, 2, 2)</eqn></flow>"""
    once, often = run(tmp_path, variables, "once", "often")
    assert once[-1] == pytest.approx(3)
    assert often[-1] == pytest.approx(9)  # at 2, 4 and 6; that at 8 comes after the end


def test_graphical_functions(tmp_path: Path) -> None:
    points = '<gf{}><xscale min="0" max="4"/><ypts>0,2,4,6,20</ypts></gf>'
    variables = (
        aux("inside", "Time", points.format(""))
        + aux("beyond", "Time", points.format(' type="extrapolate"'))
        + aux("steps", "2.5", points.format(' type="discrete"'))
        + '<gf name="table"><xpts>4,0</xpts><ypts>8,0</ypts></gf>'
        + aux("called", "table(3)")
    )
    inside, beyond, steps, called = run(tmp_path, variables, "inside", "beyond", "steps", "called")
    assert (inside[-1], beyond[-1], float(np.ravel(steps)[-1]), float(np.ravel(called)[-1])) == (20, 76, 4, 6)


def test_arrays(tmp_path: Path) -> None:
    dims = '<dimensions><dim name="Region"/></dimensions>'
    variables = (
        aux("share", "0.5", dims)
        + f'<aux name="base">{dims}<element subscript="North"><eqn>1</eqn></element>'
        + '<element subscript="South"><eqn>Time</eqn></element></aux>'
        + aux("both", "base * share", dims)
        + aux("one", "both[South] + 1")
        + aux("most", "MAX(both)")
    )
    both, one, most = run(tmp_path, variables, "both", "one", "most")
    assert both[:, -1].tolist() == [0.5, 4]
    assert (one[-1], most[-1]) == (5, 4)


def test_a_stock_that_is_not_to_fall_below_zero(tmp_path: Path) -> None:
    variables = """<stock name="s"><eqn>1</eqn><outflow>out</outflow><non_negative/></stock>
<flow name="out"><eqn>10</eqn></flow>"""
    (values,) = run(tmp_path, variables, "s")
    assert values.min() == 0 and values[0] == 1


MACROS = """<macro name="Half Way"><parm>from_here</parm><parm>To There</parm>
<eqn>from_here + share * (To_There - from_here)</eqn>
<variables><aux name="share"><eqn>0.5</eqn></aux></variables></macro>
<macro name="FOLLOW"><parm>goal</parm><parm>lag</parm><eqn>level</eqn><variables>
<stock name="level"><eqn>0</eqn><inflow>adjusting</inflow></stock>
<flow name="adjusting"><eqn>(goal - level) / lag</eqn></flow></variables></macro>"""


def with_macros(folder: Path, variables: str, macros: str = MACROS) -> Path:
    path = write(folder, variables)
    text = path.read_text(encoding="utf-8").replace("</xmile>", macros + "</xmile>")
    path.write_text(text, encoding="utf-8")
    return path


def test_macros(tmp_path: Path) -> None:
    variables = aux("x", "HALF_WAY(2, 4) + 10 * Half_Way(10, 20)") + aux("y", "follow(8, 2) - FOLLOW(8, 4)")
    path = with_macros(tmp_path, variables + aux("level", "99"))
    values = simulate(read_vensim(path, units="off"), engine="compiled")
    assert np.all(values["x"].values == 153)
    steps = np.arange(33)
    expected = 8 * (1 - (1 - 0.25 / 2) ** steps) - 8 * (1 - (1 - 0.25 / 4) ** steps)
    np.testing.assert_allclose(values["y"].values, expected, rtol=1e-12)
    assert np.all(values["level"].values == 99)
    assert [f.sentence for f in inspect(path) if f.level == "error"] == []


@pytest.mark.parametrize(
    ("macro", "call", "words"),
    [
        ("<parm>a</parm><eqn>a</eqn><variables><gf name='g'/></variables>", "M(1)", "<gf> in a macro in the equation"),
        ("<parm>a</parm><eqn>a</eqn>", "M(1, 2)", r'the macro "M" takes 1 arguments \(a\), found 2'),
        ("<parm>a</parm><eqn>a +</eqn>", "M(1)", 'the equation of "M" can\'t be read'),
        ("<parm>a</parm>", "M(1)", 'the macro "M" has no equation'),
    ],
)  # fmt: skip
def test_macros_that_are_refused(tmp_path: Path, macro: str, call: str, words: str) -> None:
    path = with_macros(tmp_path, aux("x", call), f'<macro name="M">{macro}</macro>')
    with pytest.raises(ModelError, match=words):
        read_vensim(path, units="off")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (aux("x", "FOO(3)"), 'FOO in the equation of "x" isn\'t supported in XMILE files'),
        (aux("x", "(-2)^2"), "PySD drops the parentheses"),
        ('<stock name="s"><eqn>1</eqn><conveyor/></stock>', 'the conveyor "s" isn\'t supported'),
        ('<module name="inner"/>', 'the module "inner" isn\'t supported'),
        (aux("x", "FORCST(Time, 3, 2, 1)"), "a trend at the start"),
        (
            '<gf name="table" type="discrete"><xpts>0,4</xpts><ypts>0,8</ypts></gf>' + aux("x", "table(3)"),
            "a graphical function that is discrete and stands by itself",
        ),
        (
            '<gf name="table" type="extrapolate"><xpts>0,4</xpts><ypts>0,8</ypts></gf>'
            + aux("x", "table(3)"),
            "a graphical function that is extrapolated and stands by itself",
        ),
        (aux("x", "3", "<queue/>"), 'the queue "x" isn\'t supported'),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(tmp_path: Path, variables: str, words: str) -> None:
    with pytest.raises(UnsupportedError, match=r"m\.xmile:\d+:\d+") as refused:
        read_vensim(write(tmp_path, variables))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<notxmile/>", "no XMILE file"),
        ("", "no XMILE file"),
        ("{UTF-8}\nx = 1 ~~|", "no XMILE file"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><xmile/>', "entities of its own"),
        ('<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"/>', "PySD can't read this file"),
    ],
)
def test_what_is_no_xmile_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "m.xmile"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        read_vensim(path)


def test_xml_under_another_name_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, TEACUP, name="m.mdl")
    with pytest.raises(ModelError, match=r"this is XML.*\.xmile or \.stmx"):
        read_vensim(path)


def test_check_goes_on_after_an_equation_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, TEACUP.replace("- room)", "- rom)") + "\n" + aux("broken", "1 + * 2"))
    found = {(f.rule, f.variable, f.line) for f in inspect(path) if f.level == "error"}
    assert found == {("undefined", "heat loss", 10), ("syntax", "broken", 13)}


def test_units_that_break_are_shown_at_the_variable_without_xml(tmp_path: Path) -> None:
    path = write(tmp_path, TEACUP.replace("<units>Month</units>", "<units>degree</units>"))
    (found,) = [f for f in inspect(path) if f.rule == "units"]
    assert (found.variable, found.line, found.expression) == ("heat loss", 10, "")


def test_a_wrong_unit_is_told_at_the_units_of_its_variable(tmp_path: Path) -> None:
    wrong = TEACUP.replace("70</eqn><units>degree", '70</eqn><doc>5" deep</doc><units>Month')
    more = aux("warm", "Teacup_Temperature - room", "<units>degree</units>")
    (found,) = (f for f in inspect(write(tmp_path, wrong + more), run=False) if f.rule == "units")
    assert (found.variable, found.expected) == ("room", "degree")
    assert found.text[found.column - 1 :].startswith("Month</units>")


def test_a_variable_without_equation_is_told_once(tmp_path: Path) -> None:
    path = write(tmp_path, '<aux name="a"/>\n' + aux("b", "a * 2"))
    (found,) = [f for f in inspect(path) if f.level == "error"]
    assert (found.rule, found.variable, found.line, found.sentence) == (
        "syntax",
        "a",
        8,
        '"a" has no equation.',
    )


def test_documents_and_refuses_diagrams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, TEACUP)
    doc = read_documentation(path)
    assert doc.entries["heat loss"].uses == ("teacup temperature", "room", "time constant")
    made = page(doc)
    assert "(Teacup Temperature - room) / time constant" in "".join(
        part.text for _, text in doc.entries["heat loss"].equations for part in text
    )
    assert 'href="#v-room"' in made
    assert cli.main(["draw", str(path)]) == 1
    assert "the diagrams of an XMILE file aren't read" in capsys.readouterr().err


def test_conform_takes_xmile_files_too(tmp_path: Path) -> None:
    write(tmp_path, TEACUP, name="test_teacup.xmile")
    result = simulate(read_vensim(tmp_path / "test_teacup.xmile"))
    rows = zip(result["time"].values, result["Teacup Temperature"].values, strict=True)
    (tmp_path / "output.csv").write_text(
        "Time,Teacup Temperature\n" + "".join(f"{t:g},{v:.6g}\n" for t, v in rows), encoding="utf-8"
    )
    assert [model.name for model, _ in cases(tmp_path)] == ["test_teacup.xmile"]
    assert {(v.engine, v.status) for v in conform(tmp_path)} == {("compiled", "agrees"), ("pysd", "agrees")}


def test_a_dimension_without_elements_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, aux("x", "1", '<dimensions><dim name="Region"/></dimensions>'))
    elements = '<elem name="North"/><elem name="South"/>'
    path.write_text(path.read_text(encoding="utf-8").replace(elements, ""), encoding="utf-8")
    with pytest.raises(ModelError, match='dimension 1 of "x" has no elements'):
        read_vensim(path, units="off")


@pytest.mark.parametrize(
    ("equation", "words"),
    [
        ("1 +", 'can\'t be read, found "+"'),
        ("1 + * 2", "can't be read, found \""),
        ("LN(1, 2)", "LN"),
        ("MIN(1)", "MIN"),
    ],
)
def test_equations_that_cannot_be_read_say_where(tmp_path: Path, equation: str, words: str) -> None:
    with pytest.raises(ModelError) as refused:
        read_vensim(write(tmp_path, aux("x", equation)), units="off")
    assert words in str(refused.value)
    assert "m.xmile:8" in str(refused.value)


def test_a_dimension_of_numbers_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, aux("x", "1"))
    text = path.read_text(encoding="utf-8")
    start, end = text.index("<dim name"), text.index("</dimensions>")
    path.write_text(text[:start] + '<dim name="Age" size="5"/>' + text[end:], encoding="utf-8")
    with pytest.raises(
        UnsupportedError, match=r'the dimension "Age" with numbers in place .*Name its elements'
    ):
        read_vensim(path, units="off")


def test_units_of_several_names_are_synonyms_where_they_are_plain(tmp_path: Path) -> None:
    path = write(tmp_path, aux("x", "1"))
    text = path.read_text(encoding="utf-8").replace(
        "</model_units>",
        '<unit name="speed"><eqn>km/h</eqn></unit><unit name="euro"><eqn>EUR</eqn></unit></model_units>',
    )
    path.write_text(text, encoding="utf-8")
    assert read_vensim(path, units="off").synonyms == (("person", "people"), ("euro", "EUR"))


def test_two_ways_to_read_the_same_points_of_an_array(tmp_path: Path) -> None:
    points = '<gf type="extrapolate"><xpts>0,4</xpts><ypts>0,8</ypts></gf>'
    dims = '<dimensions><dim name="Region"/></dimensions>'
    (found,) = run(tmp_path, aux("x", "Time", dims + points), "x")
    assert np.allclose(found[..., -1], 16)
