"""`flows check`: each kind of finding on a small model, and none that its clean twin doesn't give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import cli, resources
from flows.inspection import Finding, inspect

CLEAN = """{UTF-8}
Population = INTEG(births - deaths, initial population)
	~	Person [0,?]
	~	People. |
births = Population * birth rate	~	Person/Month	~	Born. |
birth rate = 0.02	~	1/Month	~	Assumption. |
deaths = Population / life time * effect of crowding(Population / initial population)
	~	Person/Month	~	Died. |
life time = 100	~	Month	~	Assumption. |
initial population = 100	~	Person [1,1000]	~	Assumption. |
effect of crowding((0,1),(1,1),(10,3))	~	Dmnl	~	Assumption. |
INITIAL TIME = 0	~	Month	~	Start. |
FINAL TIME = 100	~	Month	~	End. |
TIME STEP = 1	~	Month	~	Step. |
SAVEPER = TIME STEP	~	Month	~	Saved. |
"""
CLOUDS = '[clouds."World"]\nwhy = "All else."\nout = ["births"]\nin = ["deaths"]\n'
MODELS = Path(__file__).parents[1] / "models"


def check(folder: Path, *edits: tuple[str, str], clouds: str = CLOUDS, more: str = "") -> list[Finding]:
    text = CLEAN
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "model.mdl"
    path.write_text(text + more, encoding="utf-8")
    if clouds:
        (folder / "clouds.toml").write_text(clouds, encoding="utf-8")
    return list(inspect(path))


def test_a_clean_model_has_no_findings(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "level", "rule", "variable", "line", "words"),
    [
        ("life time *", "life time * (", "error", "syntax", "deaths", 7, "end of the equation"),
        ("* birth rate\t", "birth rate *\t", "error", "syntax", "births", 5, "a number, a name"),
        ("* birth rate\t", "* brith rate\t", "error", "undefined", "births", 5, 'Did you mean "birth rate"?'),
        ("0.02", "1 / life time * births / births", "error", "circle", "birth rate", 6, "birth rate -> births"),
        ("= 100\t~\tPerson", "= Population\t~\tPerson", "error", "circle", "Population", 2, "initial values"),
        ("birth rate = 0.02", "birth rate = 0.02 ~~|\nbirth rate = 1", "error", "meaning", "birth rate", 7, "twice"),
        ("births - deaths,", "births[x] - deaths,", "error", "meaning", "Population", 2, "1 subscript"),
        ("* birth rate\t", "+ birth rate\t", "warning", "units", "births", 5, "terms of different units"),
        ("0.02\t~\t1/Month", "0.02\t~\tDmnl", "warning", "units", "birth rate", 6, "expected 1/Month"),
        ("births = Population", "births = 2 + Population", "warning", "units", "births", 5, "Dmnl and Person/Month"),
        ("0.02\t~\t1/Month", "0.02\t~\t", "warning", "missing units", "birth rate", 6, "no units"),
        ("Month\t~\tBorn.", "Month\t~\t", "note", "missing comment", "births", 5, "no comment"),
        ("(1,1),(10,3)", "(10,1),(1,3)", "warning", "unsorted lookup", "effect of crowding", 11, "x = 10, then 1"),
        ("(0,1),(1,1)", "(1.1,1)", "warning", "lookup range", "deaths", 7, "expected 1.1 to 10"),
        ("TIME STEP = 1", "TIME STEP = 40", "note", "time step", "TIME STEP", 14, "at most 25"),
        ("TIME STEP = 1", "TIME STEP = 200", "warning", "time step", "TIME STEP", 14, "too long"),
        ("population = 100", "population = 5000", "warning", "range", "initial population", 10, "[1, 1000]"),
        ("= 100\t~\tPerson", "= -100\t~\tPerson", "warning", "initial value", "Population", 2, "starts outside"),
        ("life time = 100", "life time = 0", "error", "initial value", "deaths", 7, "no number at the start"),
        ("births - deaths", "-deaths", "warning", "conservation", "births", 5, "enters no stocks"),
    ],
)  # fmt: skip
def test_what_is_found(
    tmp_path: Path, old: str, new: str, level: str, rule: str, variable: str, line: int, words: str
) -> None:
    findings = check(tmp_path, (old, new))
    found = [f for f in findings if f.rule == rule]
    assert found, findings
    first = found[0]
    assert (first.level, first.variable, first.line) == (level, variable, line)
    assert words in f"{first.sentence} {first.advice}"
    assert first.text == (tmp_path / "model.mdl").read_text(encoding="utf-8").split("\n")[line - 1]
    assert 1 <= first.column <= len(first.text) + 1


def rules(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.rule, f.variable) for f in findings]


def test_reading_goes_on_behind_what_cannot_be_read(tmp_path: Path) -> None:
    findings = check(
        tmp_path,
        ("= Population * birth rate", "= Population ** birth rate"),
        ("effect of crowding((0,1)", "effect of crowding((0,1"),
        ("/ initial population)", "/ initial populatoin)"),
    )
    assert rules(findings) == [
        ("syntax", "births"),
        ("undefined", "deaths"),
        ("syntax", "effect of crowding"),
    ]


def test_several_misspelt_names_of_one_equation(tmp_path: Path) -> None:
    findings = check(tmp_path, ("Population * birth rate", "Populatio * birt rate"))
    assert [f.column for f in findings if f.rule == "undefined"] == [10, 22]
    assert ("unused", "birth rate") not in rules(findings)


def test_the_part_of_an_equation_that_breaks(tmp_path: Path) -> None:
    findings = check(tmp_path, ("= Population * birth rate", "= birth rate * (Population - life time)"))
    (found,) = (f for f in findings if f.rule == "units")
    assert found.expression == "Population - life time"
    assert found.found == "Person and Month"
    assert found.text[found.column - 1 :][: found.length] == found.expression


def test_the_size_of_what_is_no_range(tmp_path: Path) -> None:
    more = "R : a, b ~~|\nm[R] = 1, 2 ~ Dmnl ~ M. |\n"
    more += "o[R] = ALLOCATE BY PRIORITY(m[R], m[R], ELMCOUNT(life time), 1, 1) ~ Dmnl ~ O. |\n"
    found = [f for f in check(tmp_path, more=more) if f.level != "note"]
    assert [(f.rule, f.variable) for f in found] == [("not supported", "o")]


def test_equations_of_one_variable_with_different_units(tmp_path: Path) -> None:
    more = "R : a, b ~~|\nheight[a] = 1 ~ Person ~ A. |\nheight[b] = 2 ~ Month ~ B. |\n"
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "units")
    assert (found.variable, found.line, found.found, found.expected) == (
        "height",
        18,
        "Month",
        "Person as on line 17",
    )


def test_each_circle_is_spelt_out(tmp_path: Path) -> None:
    pairs = ("a = b", "b = a", "c = 1 + d", "d = e", "e = c")
    more = "".join(f"{pair} ~ Dmnl ~ Part of a circle. |\n" for pair in pairs)
    found = [f.what for f in check(tmp_path, more=more) if f.rule == "circle"]
    assert [w.rsplit(": ", 1)[1] for w in found] == ["a -> b -> a", "c -> e -> d -> c"]


def test_an_outflow_that_does_not_know_what_is_left(tmp_path: Path) -> None:
    drain = "deaths = birth rate * initial population ~ Person/Month ~ Died. |\nold "
    findings = check(tmp_path, ("deaths = ", drain))
    assert ("no control", "Population") in rules(findings)
    (found,) = (f for f in findings if f.rule == "no control")
    assert 'the outflow "deaths" of "Population"' in found.what
    delayed = "deaths = DELAY FIXED(births, life time, 0) ~ Person/Month ~ Died. |\nold "
    assert ("no control", "Population") not in rules(check(tmp_path, ("deaths = ", delayed)))
    below = check(tmp_path, ("deaths = ", drain), ("Person [0,?]", "Person [-100,?]"))
    assert ("no control", "Population") not in rules(below)


def test_what_nothing_uses(tmp_path: Path) -> None:
    more = "left over = 3 ~ Dmnl ~ Assumption. |\nper head = births / Population ~ 1/Month ~ A result. |\n"
    findings = check(tmp_path, more=more)
    assert [(f.level, f.variable) for f in findings] == [("warning", "left over"), ("note", "per head")]
    marked = more.replace("result. |", "result.\n~ :SUPPLEMENTARY\n|")
    assert rules(check(tmp_path, more=marked)) == [("unused", "left over")]


def test_names_that_differ_by_a_letter(tmp_path: Path) -> None:
    more = "births rate = birth rate * 2 ~ 1/Month ~ Twice. |\n"
    found = [f for f in check(tmp_path, more=more) if f.rule == "near names"]
    assert [(f.variable, f.level) for f in found] == [("births rate", "note")]
    assert '"birth rate" on line 6' in found[0].what


def test_flows_from_nowhere_without_clouds(tmp_path: Path) -> None:
    findings = check(tmp_path, clouds="")
    assert [(f.rule, f.level, f.variable) for f in findings] == [("conservation", "note", "births")]
    sketch = """\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*View 1
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|72,72,100,0
10,1,Population,400,200,40,20,3,3,0,0,0,0,0,0
12,2,48,200,200,10,8,0,3,0,0,-1,0,0,0
1,3,5,1,4,0,0,22,0,0,0,-1--1--1,,1|(300,200)|
1,4,5,2,100,0,0,22,0,0,0,-1--1--1,,1|(250,200)|
11,5,48,275,200,6,8,34,3,0,0,1,0,0,0
10,6,births,275,220,30,11,40,3,0,0,-1,0,0,0
///---\\\\\\
"""
    assert check(tmp_path, clouds="", more=sketch) == []
    forgotten = check(tmp_path, ("births - deaths", "- deaths"), clouds="", more=sketch)
    assert ("conservation", "Population") in rules(forgotten)
    assert any('"births" is drawn at "Population"' in f.what for f in forgotten)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ["migration", "demography"])
def test_shipped_models_have_no_errors_and_no_warnings(name: str) -> None:
    findings = inspect(MODELS / f"{name}.mdl")
    assert [f for f in findings if f.level != "note" or f.rule in ("missing units", "no run")] == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(tmp_path)
    path = str(tmp_path / "model.mdl")
    assert cli.main(["check", path, "--strict"]) == 0
    assert capsys.readouterr().out == f"{path}: 0 errors, 0 warnings, 0 notes\n"
    check(tmp_path, ("0.02\t~\t1/Month", "0.02\t~\t"))
    assert cli.main(["check", path]) == 0
    assert cli.main(["check", path, "--strict"]) == 1
    capsys.readouterr()
    check(tmp_path, ("= Population * birth rate", "= Population * brith rate"))
    assert cli.main(["check", path, "--json", str(tmp_path / "found.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f'{path}:5:23: error: births: "brith rate" is used')
    assert lines[1].index("brith rate") == lines[2].index("^^^^^^^^^^")
    assert lines[3].strip() == '= Did you mean "birth rate"?'
    assert lines[-1] == f"{path}: 1 error, 0 warnings, 0 notes"
    (found,) = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["level"], found["rule"], found["variable"], found["line"]) == (
        *("error", "undefined", "births"),
        5,
    )
    assert cli.main(["check", str(tmp_path / "none.mdl")]) == 1


def test_a_file_that_is_refused_is_one_finding_and_the_others_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    check(tmp_path)
    parts = (
        '<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"><model><variables><module name="m"/>'
    )
    kinds = {
        "parts.xmile": parts + "</variables></model></xmile>",
        "control.vsc": "200,L,1,,0\nx=RANDOM_UNIFORM(0,1)\n",
        "set.cin": "x=1\n",
        "empty.mdl": "{UTF-8}\n",
        "words.mdl": "Nothing of this is an equation.\n" * 9,
    }
    for name, text in kinds.items():
        Path(name).write_text(text, encoding="utf-8")
    files = [*kinds, "none.mdl", "model.mdl"]
    assert cli.main(["check", *files, "--json", "found.json"]) == 1
    told = capsys.readouterr().out
    assert "none.mdl: error: there is no such model file. [file]" in told
    assert "model.mdl: 0 errors, 0 warnings, 0 notes" in told
    assert told.count("error: not a Vensim model, found ") == 4
    found = json.loads(Path("found.json").read_text(encoding="utf-8"))
    assert [f["file"] for f in found] == files[:-1] and {f["level"] for f in found} == {"error"}
    assert cli.main(["check", "model.mdl"]) == 0


def test_a_wrong_unit_is_told_where_it_is_declared_and_not_where_it_is_used(tmp_path: Path) -> None:
    findings = check(tmp_path, ("birth rate\t~\tPerson/Month", "birth rate\t~\tPerson"))
    assert [(f.rule, f.variable) for f in findings] == [("units", "births")]
    assert "an equation that uses it fits what is computed" in findings[0].remedy
    assert findings[0].text[findings[0].column - 1 :].startswith("Person\t~")


def test_an_outflow_that_cannot_be_read_is_not_called_uncontrolled(tmp_path: Path) -> None:
    findings = check(tmp_path, ("Population / life time *", "Population / life tme *"))
    assert [f.rule for f in findings if f.level != "note"] == ["undefined"]


@pytest.mark.unmeasured
def test_injected_mistakes_are_located_and_raise_no_other_alarm() -> None:
    from tests.benchmarks.mistakes import trial

    verdicts = [
        v
        for path in (resources.root() / "models" / "demography.mdl", Path("docs/examples/bass.mdl"))
        for v in trial(path if path.is_absolute() else resources.root() / path, 1)
    ]
    assert len(verdicts) >= 30
    missed = [(v.mistake.kind, v.mistake.variable) for v in verdicts if not v.located]
    assert len(missed) <= 0.12 * len(verdicts), missed
    assert sum(v.exact for v in verdicts) >= 0.83 * len(verdicts)
    alarms = [f.sentence for v in verdicts for f in v.elsewhere]
    assert len(alarms) <= 3, alarms


SKETCH = """\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*View 1
$192-192-192,0,Times New Roman|12||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|72,72,100,0
10,1,Population,400,200,40,20,3,3,0,0,0,0,0,0
12,2,48,200,200,10,8,0,3,0,0,-1,0,0,0
1,3,5,1,4,0,0,22,0,0,0,-1--1--1,,1|(300,200)|
1,4,5,2,100,0,0,22,0,0,0,-1--1--1,,1|(250,200)|
11,5,48,275,200,6,8,34,3,0,0,1,0,0,0
10,6,births,275,220,30,11,40,3,0,0,-1,0,0,0
12,7,48,600,200,10,8,0,3,0,0,-1,0,0,0
1,8,10,7,4,0,0,22,0,0,0,-1--1--1,,1|(560,200)|
1,9,10,1,100,0,0,22,0,0,0,-1--1--1,,1|(480,200)|
11,10,48,520,200,6,8,34,3,0,0,1,0,0,0
10,11,deaths,520,220,30,11,40,3,0,0,-1,0,0,0
10,12,birth rate,275,300,30,11,8,3,0,0,0,0,0,0
1,13,12,6,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
1,14,1,6,1,0,0,0,0,64,0,-1--1--1,,1|(340,240)|
10,15,life time,520,300,30,11,8,3,0,0,0,0,0,0
1,16,15,11,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
1,17,1,11,1,0,0,0,0,64,0,-1--1--1,,1|(460,240)|
10,18,initial population,400,100,30,11,8,3,0,0,0,0,0,0
1,19,18,1,0,0,0,0,0,64,1,-1--1--1,,1|(0,0)|
1,20,18,11,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
10,21,effect of crowding,620,300,30,11,8,3,0,0,0,0,0,0
1,22,21,11,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|
///---\\\\\\
"""


@pytest.mark.parametrize(
    ("old", "new", "rule", "variable", "line", "words"),
    [
        ("births - deaths,", "births,", "conservation", "Population", 2, '"deaths" is drawn at "Population" but'),
        ("births - deaths,", "births + deaths,", "conservation", "Population", 2, "drawn out of"),
        ("Population / life time *", "Population / 100 *", "drawn", "deaths", 7, '"life time" is drawn as a cause'),
        ("Population * birth", "life time * birth", "drawn", "births", 5, '"life time" where the sketch draws "Pop'),
        ("* birth rate\t", "* birth rate * life time / life time\t", "drawn", "births", 5, "no arrow leads from"),
        ("0.02", "0.02 + 0 * births", "circle", "birth rate", 6, "birth rate -> births"),
        ("\nlife time =", "\nlif time =", "undefined", "lif time", 9, 'Did you mean "life time"?'),
        ("* birth rate\t", "* \t", "syntax", "births", 5, "a number, a name"),
        ("0.02\t~\t1/Month", "0.02\t~\tPerson", "units", "birth rate", 6, "equation that uses it fits 1/Month"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_once_and_where_the_sketch_shows_it(
    tmp_path: Path, old: str, new: str, rule: str, variable: str, line: int, words: str
) -> None:
    assert check(tmp_path, clouds="", more=SKETCH) == []
    findings = check(tmp_path, (old, new), clouds="", more=SKETCH)
    assert {f.variable for f in findings if f.rule != "lookup range"} == {variable}, findings
    (found,) = (f for f in findings if f.rule == rule)
    assert found.line == line
    assert words in f"{found.sentence} {found.advice}"


def test_views_that_are_not_kept_with_the_equations_are_told_once(tmp_path: Path) -> None:
    more = "".join(f"a{k} = {k} ~ Month ~ A. |\n" for k in range(24)) + "b = a0 ~ Month ~ B. |\n"
    words = [f"10,{k + 1},{'b' if k == 24 else f'a{k}'},{9 * k},9,9,9,8,3,0,0,0,0,0,0\n" for k in range(25)]
    arrows = [f"1,{k + 30},{k + 1},25,0,0,0,0,0,64,0,-1--1--1,,1|(0,0)|\n" for k in range(24)]
    view = SKETCH[: SKETCH.index("10,1,Population")] + "".join((*words, *arrows)) + "///---\\\\\\\n"
    (found,) = (f for f in check(tmp_path, more=more + view) if f.rule == "drawn")
    assert (found.level, found.variable, found.line) == ("note", "b", 40)
    assert found.what.startswith("23 of 24 arrows lead from a cause that isn't used")


def test_what_hangs_on_an_equation_that_the_sketch_contradicts_is_counted(tmp_path: Path) -> None:
    edit = ("births - deaths, ", "births + deaths, ")
    found = check(tmp_path, edit, ("(10,3)", "(1.5,3)"), clouds="", more=SKETCH)
    assert [f.rule for f in found] == ["conservation"], found
    assert found[0].what.endswith("added to it (1 finding of the base run hangs on it and is left out)")
    assert found[0].level == "warning"  # as the one that is left out; a note without it


def test_an_undefined_name_is_told_once_with_its_lines(tmp_path: Path) -> None:
    more = "a = absent ~ Month ~ A. |\nb = a + absent ~ Month ~ B. |\nc = b - absent ~ Month ~ C. |\n"
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "undefined")
    assert (found.line, found.what[-25:]) == (16, " (on lines 17 and 18 too)")


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("a = life time\n/ b ~ Dmnl ~ A. |\nb = 1 ~ Month ~ B.\n\n c = b ~ Month ~ C. |\n", 18, 'a "|" is missing'),
        ("a = 1 +\n * 2 ~ Dmnl ~ A. |\n", 16, 'found "*"'),
        ("a = MAX(1,\nMIN(life time\n)) ~ Dmnl ~ A. |\n", 17, "MIN takes 2 arguments"),
        ("a = MAX(life time\nbirth rate) ~ Dmnl ~ A. |\n", 17, '"life time" and "birth rate" follow each other'),
        ("a([(0,0)-(9,9)],(0,0),(2,1),\n(1,2),(3,3)) ~ Dmnl ~ A. |\n", 17, "x = 2, then 1"),
        ("a(0,2,\n1,3,0,1,2,3) ~ Dmnl ~ A. |\n", 17, "x = 2, then 1"),
        ("a =\nlife time\n+ life time * 2 ~ Month^2 ~ A. |\n", 18, 'with "*" here the units fit'),
        ("a =\nbirth rate +\n birth rate * life time ~ Dmnl ~ A. |\n", 17, "terms of different units"),
        ("a =\n 1 + life time\n* birth rate * (1 + a) ~ Dmnl ~ A. |\n", 18, "in a circle: a -> a"),
    ],
)  # fmt: skip
def test_the_line_of_a_longer_equation(tmp_path: Path, more: str, line: int, words: str) -> None:
    findings = [f for f in check(tmp_path, more=more) if f.rule not in ("unused", "missing comment")]
    assert [f.line for f in findings if words in f"{f.sentence} {f.advice}"] == [line], findings


def test_a_wrong_unit_behind_a_delay_is_told_once(tmp_path: Path) -> None:
    more = "a = SMOOTH(births, life time) ~ Token ~ A. |\nb = DELAY3(a, life time) ~ Person/Month ~ B. |\n"
    more += "c = b + a ~ Person/Month ~ C. |\n"
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "units")
    assert (found.variable, found.expected) == ("a", "Token as declared")
    assert "2 equations that use it fit what is computed" in found.remedy


def test_data_that_are_missing_hide_no_other_check(tmp_path: Path) -> None:
    findings = check(tmp_path, ("births - deaths", "-deaths"), more="seen ~ Person ~ Observed. |\n")
    assert ("no data", "seen") in rules(findings)
    assert ("conservation", "births") in rules(findings)


def test_names_in_a_call_that_is_not_supported_are_checked(tmp_path: Path) -> None:
    findings = check(tmp_path, more="rest = SINTEG(birth rte * 2, life time, 0, 1) ~ Month ~ X. |\n")
    assert ("undefined", "rest") in [(f.rule, f.variable) for f in findings if f.level == "error"]


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.rule, f.variable) for f in findings if f.level != "note"]


def test_what_follows_from_an_equation_that_cannot_be_read_is_not_told(tmp_path: Path) -> None:
    broken = ("= Population * birth rate", "= Population ** birth rate")
    assert told(check(tmp_path, broken, ("births - deaths,", "births[x] - deaths,"))) == [
        ("syntax", "births")
    ]
    assert told(check(tmp_path, ("SAVEPER = TIME STEP", "SAVEPER = TIME STEP +"))) == [("syntax", "SAVEPER")]
    more = "R : one, two, * ~~|\nm[R] = 1 ~ Dmnl ~ M. |\nn = m[one] ~ Dmnl ~ N. |\n"
    assert [f.rule for f in check(tmp_path, more=more) if f.level == "error"] == ["syntax"]


def test_many_lines_of_an_undefined_name_are_counted(tmp_path: Path) -> None:
    more = "".join(f"part {k} = nobody * {k} ~ Dmnl ~ P. ~ :SUPPLEMENTARY |\n" for k in range(9))
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "undefined")
    assert found.line == 16
    assert found.what.endswith("(on lines 17, 18, 19, 20, 21, 22 and 2 more too)")


def test_a_point_given_twice_is_no_doubt_and_two_values_are(tmp_path: Path) -> None:
    assert check(tmp_path, ("(1,1),(10,3)", "(1,1),(1,1),(10,3)")) == []
    (found,) = (
        f for f in check(tmp_path, ("(1,1),(10,3)", "(1,1),(1,2),(10,3)")) if f.rule == "unsorted lookup"
    )
    assert found.what == 'the lookup "effect of crowding" has two values at one x'
    assert found.found == "x = 1, then 1" and found.text[found.column - 1 :].startswith("1,2)")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("birthrate", True),  # signs only
        ("birth-rate", True),
        ("brith rate", True),  # two letters exchanged
        ("birth rates", False),  # short words
        ("death rate", False),
        ("birth rate 2", False),
    ],
)
def test_names_that_can_be_mixed_up(tmp_path: Path, name: str, near: bool) -> None:
    more = f'"{name}" = birth rate * 2 ~ 1/Month ~ Twice. ~ :SUPPLEMENTARY |\n'
    assert [f.rule for f in check(tmp_path, more=more)] == (["near names"] if near else [])


def test_a_lookup_left_twice_in_one_equation_is_told_once(tmp_path: Path) -> None:
    short = ("(0,1),(1,1)", "(1.1,1)")
    one = "effect of crowding(Population / initial population)"
    twice = check(tmp_path, short, (f"{one}\n", f"{one} * {one}\n"))
    assert told(twice) == [("lookup range", "deaths")]
    fixed = check(tmp_path, short, (f"{one}\n", "effect of crowding(0.5)\n"))
    assert told(fixed) == []  # a number was put there on purpose


def test_a_lookup_left_behind_a_delay_is_told_of_the_equation(tmp_path: Path) -> None:
    one = "effect of crowding(Population / initial population)"
    found = [
        f
        for f in check(tmp_path, ("(0,1),(1,1)", "(1.1,1)"), (f"{one}\n", f"SMOOTH({one}, life time)\n"))
        if f.rule == "lookup range"
    ]
    assert [(f.variable, f.line) for f in found] == [("deaths", 7)]


def test_a_series_that_ends_before_the_run_is_only_noted(tmp_path: Path) -> None:
    more = "series((0,1),(50,2)) ~ Dmnl ~ S. |\nnow = series(Time) ~ Dmnl ~ N. ~ :SUPPLEMENTARY |\n"
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "lookup range")
    assert (found.level, found.variable, found.found, found.expected) == (
        "note",
        "now",
        "0 to 100",
        "0 to 50",
    )


def test_a_range_that_is_empty_or_open_is_not_held_against_a_run(tmp_path: Path) -> None:
    assert told(check(tmp_path, ("Person [1,1000]", "Person [1000,1]"))) == []
    (found,) = (f for f in check(tmp_path, ("Person [0,?]", "Person [?,50]")) if f.level != "note")
    assert (found.rule, found.expected) == ("initial value", "[?, 50]")
    (found,) = (f for f in check(tmp_path, ("Person/Month\t~\tBorn.", "Person/Month [0,1]\t~\tBorn.")))
    assert (found.rule, found.variable) == ("range", "births") and found.what.endswith(
        "goes outside its range"
    )


@pytest.mark.parametrize(
    ("net", "constant"),
    [
        ("births - Population / adjust", '"adjust"'),
        ("births - Population * fast", '"fast"'),
        ("births - MAX(Population / adjust, 0)", '"adjust"'),
        ("births - (Population - initial population) / adjust", '"adjust"'),
        ("births - IF THEN ELSE(Population > 0, -(-Population / adjust), 0)", '"adjust"'),
        ("births - part left", '"adjust"'),
        ("births - Population / old", ""),  # twice as long as a step: no doubt
        ("births - Population * 3 / old", ""),
    ],
)
def test_the_time_in_which_a_stock_adjusts_is_found(tmp_path: Path, net: str, constant: str) -> None:
    more = (
        "adjust = 0.5 ~ Month ~ A. ~ :SUPPLEMENTARY |\nfast = 2 ~ 1/Month ~ F. ~ :SUPPLEMENTARY |\n"
        "old = 50 ~ Month ~ O. ~ :SUPPLEMENTARY |\n"
        "part left = Population / adjust ~ Person/Month ~ P. ~ :SUPPLEMENTARY |\n"
    )
    found = [
        f for f in check(tmp_path, ("births - deaths", net), clouds="", more=more) if f.rule == "time step"
    ]
    if not constant:
        assert not found
        return
    (only,) = found
    assert only.level == "warning" and f"time constant, {constant} in the equation of" in only.what
    assert only.found == "1, with a time constant of 0.5"


def test_a_sketch_that_cannot_be_read_is_a_warning_and_hides_no_other_check(tmp_path: Path) -> None:
    broken = SKETCH.replace("10,6,births,275", "10,six,births,275")
    found = [
        f
        for f in check(tmp_path, ("0.02\t~\t1/Month", "0.02\t~\t"), clouds="", more=broken)
        if f.level != "note"
    ]
    assert [(f.rule, f.line) for f in found] == [("missing units", 6), ("sketch", found[1].line)]
    assert found[1].text.startswith("10,six,births")


@pytest.mark.parametrize(
    "ends", ["|(250,200)|\n", "|(250,200)|", "10,6,births,27", "220,30,11,40,3,0,0,-1,", "///--"]
)
def test_a_file_that_ends_within_its_sketch_is_a_warning(tmp_path: Path, ends: str) -> None:
    cut = SKETCH[: SKETCH.index(ends) + len(ends)]
    found = [f for f in check(tmp_path, more=cut) if f.rule == "sketch"]
    assert [(f.level, f.line) for f in found] == [("warning", (CLEAN + cut).rstrip().count("\n") + 1)]
    assert ("after this line" if ends.endswith("\n") else "within this line") in found[0].what
    assert found[0].text and found[0].text == cut.splitlines()[-1]
    heading = SKETCH[: SKETCH.index("10,1,Population")]
    for whole in (
        "",
        heading,
        cut.rstrip() + "\n///---\\\\\\\n",
        cut.rstrip() + "\n:L\x7f<%^E!@\n1:Current.vdfx\n",
    ):
        told = [f for f in check(tmp_path, more=whole) if f.rule == "sketch"]
        assert not [f for f in told if "cut off" in f.what]


def test_a_file_that_ends_within_its_equations_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.mdl"
    last = CLEAN.rindex("SAVEPER")  # without which a model is whole
    for end in (*range(200, CLEAN.index("TIME STEP = 1"), 9), last + 3, last + 12, CLEAN.rindex("Month")):
        path.write_text(CLEAN[:end] + ("\n" if end % 2 else ""), encoding="utf-8")
        assert any(f.level == "error" for f in inspect(path, run=False)), CLEAN[end - 40 : end]


@pytest.mark.parametrize("line", [17, 18])
def test_units_that_cannot_be_read_are_told_once_where_they_stand(tmp_path: Path, line: int) -> None:
    units = {17: "Person", 18: "Person"} | {line: "Month/("}
    more = f"R : a, b ~~|\nheight[a] = 1 ~ {units[17]} ~ A. |\nheight[b] = 2 ~ {units[18]} ~ B. |\n"
    (found,) = (f for f in check(tmp_path, more=more) if f.rule == "units")
    assert (found.variable, found.line, found.what) == ("height", line, 'the unit "Month/(" can\'t be read')


def test_a_name_twice_undefined_in_a_circle_of_several_is_no_end(tmp_path: Path) -> None:
    more = "a = MAX(b, c) ~ Dmnl ~ A. |\nb = a + c ~ Dmnl ~ B. |\nc = a * 2 + nobody ~ Dmnl ~ C. |\n"
    found = [f for f in check(tmp_path, more=more) if f.level == "error"]
    assert {f.rule for f in found} == {"undefined", "circle"} and len(found) <= 4
    assert [f.variable for f in found if f.rule == "undefined"] == ["c"]


@pytest.mark.parametrize("number", ["1 +", "1 2"])
def test_stocks_units_are_not_doubted_where_the_time_step_cannot_be_read(tmp_path: Path, number: str) -> None:
    findings = check(tmp_path, ("TIME STEP = 1\t", f"TIME STEP = {number}\t"))
    assert [(f.rule, f.variable) for f in findings] == [("syntax", "TIME STEP")]


def test_no_unit_of_time_is_no_mistake_of_the_stocks(tmp_path: Path) -> None:
    edits = [(f"\tMonth\t~\t{word}.", f"\t\t~\t{word}.") for word in ("Start", "End", "Step", "Saved")]
    assert {f.rule for f in check(tmp_path, *edits)} == {"missing units"}


@pytest.mark.parametrize(("comment", "line"), [("Start", 12), ("End", 13), ("Step", 14)])
def test_a_control_variable_in_another_unit_is_told_there(tmp_path: Path, comment: str, line: int) -> None:
    findings = check(tmp_path, (f"Month\t~\t{comment}.", f"Year\t~\t{comment}."))
    assert [(f.rule, f.line, f.expected) for f in findings] == [("units", line, "Month")]


def test_a_merge_conflict_hides_no_other_check(tmp_path: Path) -> None:
    ours = "<<<<<<< HEAD\nlife time = 100\t~\tMonth\t~\tAssumption. |\n=======\n"
    theirs = "life span = 90\t~\tMonth\t~\tAssumption. |\n>>>>>>> theirs\n"
    findings = check(
        tmp_path,
        ("life time = 100\t~\tMonth\t~\tAssumption. |\n", ours + theirs),
        ("TIME STEP = 1\t", "<<<<<<< HEAD\nTIME STEP = 1\t"),
        ("Month\t~\tStep. |\n", "Month\t~\tStep. |\n=======\n>>>>>>> theirs\n"),
        ("* birth rate\t", "* brith rate\t"),
        more=SKETCH,
    )
    told = [("undefined", 5), ("syntax", 9), ("syntax", 18)]
    assert [(f.rule, f.line) for f in findings if f.level == "error"] == told
    assert [f.rule for f in findings if f.level == "warning"] == []


def test_times_without_units_are_told_once_where_xmile_has_them(tmp_path: Path) -> None:
    text = """<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<sim_specs method="Euler">
<start>0</start><stop>10</stop>
<dt>0.25</dt></sim_specs>
<model><variables>
<stock name="Population"><doc>All.</doc><eqn>100</eqn><inflow>births</inflow><units>Person</units></stock>
<flow name="births"><doc>Born.</doc><eqn>Population/100</eqn><units>Person/Month</units></flow>
</variables></model></xmile>
"""
    path = tmp_path / "m.xmile"
    path.write_text(text, encoding="utf-8")
    assert [(f.rule, f.line) for f in inspect(path) if f.rule == "missing units"] == [("missing units", 3)]
    path.write_text(text.replace("<dt>0.25", "<dt>-1"), encoding="utf-8")
    assert [(f.variable, f.line) for f in inspect(path) if f.level == "error"] == [("TIME STEP", 5)]


@pytest.mark.parametrize("clouds", [CLOUDS, ""])
def test_a_flow_twice_in_a_net_flow_is_told_once(tmp_path: Path, clouds: str) -> None:
    findings = check(tmp_path, ("births - deaths,", "births - deaths\n- deaths,"), clouds=clouds, more=SKETCH)
    (found,) = [f for f in findings if f.rule == "conservation"]
    assert (found.variable, found.line, found.column) == ("Population", 3, 3)
    assert '"deaths" stands twice in the net flow of "Population"' in found.what


def test_a_unit_with_another_letter_is_told_where_nothing_else_tells_it(tmp_path: Path) -> None:
    findings = check(tmp_path, ("Person [1,1000]", "Peson [1,1000]"), ("/ initial population)\n", "/ 100)\n"),
                     ("initial population)\n", "100)\n"))  # fmt: skip
    assert [(f.line, f.advice) for f in findings if f.rule == "units"] == [(10, 'Did you mean "Person"?')]
    findings = check(tmp_path, ("Person/Month\t~\tBorn", "Peson/Month\t~\tBorn"))
    assert [f.line for f in findings if f.rule == "units"] == [5]  # once


def test_of_several_equations_the_one_with_another_unit_is_told(tmp_path: Path) -> None:
    more = "".join(
        f"share[{e}] = 1 ~ {u} ~ Part. |\n" for e, u in zip("ABC", ("Dml", "Dmnl", "Dmnl"), strict=True)
    )
    findings = check(tmp_path, more="range: A, B, C ~~ Parts. |\n" + more)
    assert [(f.line, f.expected) for f in findings if f.rule == "units"] == [(17, "Dmnl as on line 18")]


@pytest.mark.parametrize(
    "rest",
    ["| each month. |", "| (month) |", "| at #33. |", "|\n\tand more of it. |", "| 2 = two |"],
)
def test_a_bar_in_a_comment_is_told_there(tmp_path: Path, rest: str) -> None:
    findings = check(tmp_path, ("Born. |", f"Born {rest}"))
    assert [(f.rule, f.variable, f.line) for f in findings] == [("syntax", "births", 5)]
    assert f"{findings[0].text[findings[0].column - 1 :]}\n".startswith(rest.split("\n")[0])


def test_what_only_a_missing_equation_uses_is_not_called_unused(tmp_path: Path) -> None:
    gone = ("births = Population * birth rate\t~\tPerson/Month\t~\tBorn. |\n", "")
    assert [f.rule for f in check(tmp_path, gone, more=SKETCH)] == ["undefined"]
    assert [f.rule for f in check(tmp_path, gone)] == ["undefined"]
    more = "left over = 2\t~\tDmnl\t~\tAssumption. |\n"
    findings = check(
        tmp_path, ("Population / initial population)\n", "Population / initial poplation)\n"), more=more
    )
    assert rules(findings) == [
        ("undefined", "deaths"),
        ("unused", "left over"),
    ]  # a slip, no missing equation


def test_a_control_variable_is_no_misspelt_definition(tmp_path: Path) -> None:
    edits = [("initial population = 100\t~\tPerson [1,1000]\t~\tAssumption. |\n", "")]
    findings = check(tmp_path, *edits, ("birth rate = 0.02", "birth rate = 0.02 * initial tme / 1"))
    assert {f.variable for f in findings if f.rule == "undefined"} <= {"Population", "deaths", "birth rate"}


def test_units_that_cannot_be_read_are_told_at_the_units(tmp_path: Path) -> None:
    findings = check(tmp_path, ("Person [0,?]\n", "Person (all of them\n"))
    assert [(f.rule, f.line) for f in findings if f.level != "note"] == [("units", 3)]


def test_what_hangs_on_a_wrong_operator_is_counted(tmp_path: Path) -> None:
    edit = ("Population / life time *", "Population * life time *")
    findings = check(tmp_path, edit, ("time = 100\t", "time = 1e200\t"))
    assert [(f.rule, f.level) for f in findings] == [("units", "error")]
    assert "hang" in findings[0].what


def test_a_circle_of_initial_values_is_told_at_the_stock(tmp_path: Path) -> None:
    findings = check(tmp_path, ("births - deaths, initial population", "initial population, births - deaths"))
    assert {f.line for f in findings if f.rule == "circle"} == {2}
    assert {f.variable for f in findings if f.level != "note"} == {"Population"}


def test_very_many_circles_are_told_up_to_a_number(tmp_path: Path) -> None:
    more = "".join(f"a{k} = b{k} ~ Dmnl ~ A. |\nb{k} = a{k} ~ Dmnl ~ B. |\n" for k in range(23))
    found = [f for f in check(tmp_path, more=more) if f.rule == "circle"]
    assert [(f.variable, f.line) for f in found] == [(f"a{k}", 16 + 2 * k) for k in range(20)]


@pytest.mark.parametrize(
    ("more", "variable", "line", "words"),
    [
        (
            "R : e1, e2 ~~|\na[R] = VECTOR ELM MAP(b[e1], R - 1) ~ Dmnl ~ A. |\nb[R] = a[R] ~ Dmnl ~ B. |\n",
            *("a", 17, "a -> b -> a"),
        ),
        (
            ":MACRO: M(x)\nM = inner + x ~~|\ninner = M ~~|\n:END OF MACRO:\na = M(life time) ~ Month ~ A. |\n",
            *("a", 20, "M of M -> inner of M -> M of M"),
        ),
    ],
    ids=["through an element", "in a macro"],
)
def test_circles_that_no_plain_reference_closes(
    tmp_path: Path, more: str, variable: str, line: int, words: str
) -> None:
    (found,) = (f for f in check(tmp_path, more=more) if f.level == "error")
    assert (found.rule, found.variable, found.line) == ("circle", variable, line)
    assert words in found.sentence


@pytest.mark.parametrize("call", ["SMOOTH(births, birth rate)", "DELAY3(births, birth rate)"])
def test_units_within_a_smooth_or_delay_are_told_of_the_equation(tmp_path: Path, call: str) -> None:
    more = f"a = {call} ~ Person/Month ~ A. ~ :SUPPLEMENTARY |\n"
    (found,) = check(tmp_path, more=more)
    assert (found.rule, found.variable, found.line) == ("units", "a", 16)
    assert 'the units of "a" don\'t match' in found.sentence


def test_a_flow_that_a_stock_adds_up_by_elements_stands_in_its_equation(tmp_path: Path) -> None:
    sketch = SKETCH.replace("10,6,births,", "10,6,inflow,")
    more = "R : e1, e2 ~~|\ninflow[R] = births / 2 ~ Person/Month ~ I. |\nother[R] = births ~ Person/Month ~ O. |\n"
    for net, told_of in (("SUM(inflow[R!])", []), ("SUM(other[R!])", ["Population"])):
        edit = ("births - deaths,", f"{net} - deaths,")
        found = check(tmp_path, edit, clouds="", more=more + sketch)
        loose = [f for f in found if f.rule == "conservation" and "does not stand in its equation" in f.what]
        assert [f.variable for f in loose] == told_of


@pytest.mark.parametrize(
    ("name", "value", "units", "told"),
    [
        ("share of children", "15", "Dmnl", True),
        ("GDP loss fraction at most", "15", "fraction", True),
        ("share of children", "0.15", "Dmnl", False),
        ("share of children", "15", "Dmnl [0,100]", False),
        ("share of children", "15", "Percent", False),
        ("time until the share holds", "15", "Dmnl", False),
    ],
)
def test_a_part_of_a_whole_above_one(tmp_path: Path, name: str, value: str, units: str, told: bool) -> None:
    findings = check(tmp_path, more=f"{name} = {value} ~ {units} ~ Assumption. |\n")
    assert [f.line for f in findings if f.rule == "range"] == [16] * told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("SMOOTH(life time, births)", True),
        ("SMOOTH(births, life time)", False),
        ("SMOOTH(life time, life time)", False),
        ("DELAY3I(life time, births, 2)", True),
        ("IF THEN ELSE(births, births > deaths, deaths)", True),
        ("IF THEN ELSE(births > deaths, births, deaths)", False),
        ("IF THEN ELSE(effect of crowding(1), births > deaths, 0)", False),
    ],
)
def test_arguments_in_each_others_place_are_told_once(tmp_path: Path, call: str, told: bool) -> None:
    findings = check(tmp_path, more=f"result = {call} ~ Person/Month ~ For show. |\n")
    found = [f for f in findings if f.rule == "arguments"]
    assert [(f.variable, f.line) for f in found] == [("result", 16)] * told
    if told:
        assert [f for f in findings if f.rule == "units"] == []


def test_a_macro_of_ones_own_orders_its_arguments_itself(tmp_path: Path) -> None:
    more = (
        ":MACRO: SMOOTHED BY(life, x)\nSMOOTHED BY = x / life ~ x/life ~ A part. |\n:END OF MACRO:\n"
        "result = SMOOTHED BY(life time, initial population) ~ Person/Month ~ For show. |\n"
    )
    assert [f for f in check(tmp_path, more=more) if f.rule in ("arguments", "units")] == []


def test_what_a_name_says_of_its_unit_settles_which_of_two_is_wrong(tmp_path: Path) -> None:
    more = "shrinking = births / Population - {0} ~ 1/Month ~ Net. |\n{0} = 0.1 ~ Dmnl ~ Assumption. |\n"
    findings = check(tmp_path, more=more.format("loss rate"))
    assert [(f.variable, f.line) for f in findings if f.rule == "units"] == [("loss rate", 17)]
    findings = check(tmp_path, more=more.format("loss"))
    assert [(f.variable, f.line) for f in findings if f.rule == "units"] == [("shrinking", 16)]


def test_a_constant_that_nothing_uses_is_proposed_where_it_makes_the_units_fit(tmp_path: Path) -> None:
    findings = check(tmp_path, ("* birth rate\t", "* life time\t"))
    (found,) = [f for f in findings if f.level == "warning" and f.rule in ("units", "unused")]
    assert (found.variable, found.line, found.column) == ("births", 5, 23)
    assert found.advice == 'Did you mean "birth rate", which nothing uses, in place of "life time"?'


def test_a_stock_that_starts_with_a_flow_closes_one_circle_however_many_go_through_it(tmp_path: Path) -> None:
    (found,) = [
        f
        for f in check(tmp_path, ("births - deaths, initial population", "births, (births - deaths)"))
        if f.level == "error"
    ]
    assert (found.rule, found.variable, found.line) == ("circle", "Population", 2)


def test_a_share_outside_its_range_is_told_once(tmp_path: Path) -> None:
    findings = check(tmp_path, more="share of children = 15 ~ Dmnl [0,0.5] ~ Assumption. |\n")
    assert [f.line for f in findings if f.rule == "range"] == [16]


RANGES = """{0} ~~ Parts. |
start[part] = 1, 2, 3 ~ Dmnl ~ Assumption. |
sum of parts = start[North] + start[El South] + SUM(start[part!]) ~ Dmnl ~ All. |
"""


@pytest.mark.parametrize(
    "lost",
    ["North El South, West", "NorthEl South, West", "North, El South West", "North El \\\n\t\tSouth, West"],
)
def test_a_lost_comma_in_a_range_is_told_once_there(tmp_path: Path, lost: str) -> None:
    assert [
        f for f in check(tmp_path, more=RANGES.format("part: North, El South, West")) if f.level == "error"
    ] == []
    findings = check(tmp_path, more=RANGES.format(f"part: {lost}"))
    assert [(f.rule, f.variable, f.line) for f in findings if f.level != "note"] == [("meaning", "part", 16)]
    assert "a comma seems to be missing between" in findings[0].what


def test_other_mistakes_of_subscripts_stay_as_they_are(tmp_path: Path) -> None:
    more = RANGES.format("part: North, El South, West").replace("start[North]", "start[Nort]")
    findings = [f for f in check(tmp_path, more=more) if f.level == "error"]
    assert [(f.variable, f.line) for f in findings] == [("sum of parts", 18)]


def test_a_constant_behind_a_smooth_is_proposed_too(tmp_path: Path) -> None:
    more = "seen = SMOOTHI(births / Population, initial population, 1) ~ 1/Month ~ Seen. ~ :SUPPLEMENTARY |\n"
    findings = check(tmp_path, more=f"{more}seeing time = 3 ~ Month ~ Assumption. |\n")
    (found,) = [f for f in findings if f.level == "warning"]
    assert (found.variable, found.line) == ("seen", 16)
    assert found.advice.startswith('Did you mean "seeing time"')
