"""Scenarios, studies and outcomes: each refusal's wording, combination, distributions, and the shipped files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import flows
from flows.calendar import month_index
from flows.errors import InputError
from flows.inputs import (
    Outcome,
    Scenario,
    Uncertainty,
    check_study,
    combine,
    find,
    list_scenarios,
    list_studies,
    parse_reference,
    read_outcomes,
    read_scenario,
    read_study,
    resolve_outcome,
    scenario_doubts,
    scenario_inputs,
    settings_inputs,
)
from flows.inputs.cin import RangeWarning
from flows.references import fold
from flows.seed_figures import figure_variables

HEAD = 'title = "T"\nkind = "package"\n'
LEVER = '[[lever]]\nname = "shelter support"\nvalue = 2.0\n'


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write files into an empty working folder, so that messages show their bare names."""
    monkeypatch.chdir(tmp_path)

    def put(text: str, name: str = "s.toml") -> str:
        Path(name).write_text(text, encoding="utf-8")
        return name

    return put


class Catalogue:
    def __init__(self, *items: SimpleNamespace) -> None:
        self.items = {fold(item.name): item for item in items}

    def __contains__(self, name: str) -> bool:
        return fold(name) in self.items

    def __getitem__(self, name: str) -> SimpleNamespace:
        return self.items[fold(name)]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items.values())


def item(
    name: str, value: Any = 1.0, units: str = "Dmnl", limits: Any = None, over: tuple[str, ...] = ()
) -> Any:
    return SimpleNamespace(name=name, value=value, units=units, range=limits, subscripts=over)


@pytest.fixture
def model() -> Any:
    levers = (
        item("shelter support", limits=(1.0, 5.0)),
        item("port slots", 0.0, "Person/Month", (0.0, None)),
    )
    timing = (
        item("lever start delay", 0.0, "Month", (0.0, 120.0), ("Lever",)),
        item("lever phase in", 6.0, "Month", (0.0625, 60.0), ("Lever",)),
        item("lever end", 9999.0, "Month", (0.0, 9999.0), ("Lever",)),
    )
    constants = Catalogue(
        *levers,
        *timing,
        item("policy start time", 156.0, "Month", (0.0, 276.0)),
        item("violence future", 1.0, "Dmnl", (0.0, 3.0)),
        item("share", [0.1, 0.2], "Dmnl", (0.0, 1.0), ("origin",)),
    )
    return SimpleNamespace(
        levers=Catalogue(*levers),
        constants=constants,
        settable=constants,
        stocks=Catalogue(item("cases", 10.0, "Case")),
        flows=Catalogue(item("arrivals", 1.0, "Case/Month")),
        auxiliaries=Catalogue(),
        lookups=Catalogue(),
        subscripts=Catalogue(
            item("Lever", ("shelter support timing", "port slots timing")),
            item("origin", ("Haiti", "El Salvador")),
        ),
        control=SimpleNamespace(final_time=276.0),
        dated=True,
        names=("cases", "arrivals", "share", "violence future"),
    )


# --- schema errors, one sentence each -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "package"\n', 's.toml: the key "title" is missing. Add a line title = ….'),
        ('title = "T"\n', 's.toml: the key "kind" is missing. Add a line kind = ….'),
        (
            'title = "T"\nkind = "pakage"\n',
            's.toml, key "kind": not one of the choices, found the text "pakage", expected base, context, package. '
            'Did you mean "package"?',
        ),
        (
            'titel = "T"\n',
            's.toml: unknown key "titel", expected one of title, kind, source, model, claims, not_expressed, lever, '
            'constant. Did you mean "title"?',
        ),
        (HEAD + 'name = "x"\n', "Leave it out: the name is that of the file."),
        (HEAD + 'file = "x"\n', 's.toml: unknown key "file"'),
        (
            'title = 3\nkind = "package"\n',
            's.toml, key "title": not text, found the number 3, expected text. Write title = "3" in quotation marks.',
        ),
        (
            'title = ""\nkind = "package"\n',
            's.toml, key "title": the value doesn\'t fit, found the text "", expected',
        ),
        (
            HEAD + 'claims = "S3-38"\n',
            's.toml, key "claims": not a list, found the text "S3-38", expected a list. Write claims = ["S3-38"].',
        ),
        (HEAD + "claims = [3]\n", 's.toml, key "claims": not text, found the number 3, expected text.'),
        (
            HEAD + '[lever]\nname = "a"\nvalue = 1\n',
            's.toml, key "lever": not a list of [[lever]] tables, found a table. '
            "Write [[lever]] with double brackets above each one.",
        ),
        (
            HEAD + "[[lever]]\nvalue = 1\n",
            's.toml, [[lever]] 1: the key "name" is missing. Add a line name = ….',
        ),
        (
            HEAD + LEVER + '[[lever]]\nname = "b"\nvalue = "0.5"\n',
            's.toml, [[lever]] 2, key "value": not a number, found the text "0.5", expected a number. '
            "Write value = 0.5 without quotation marks.",
        ),
        (
            HEAD + '[[lever]]\nname = "b"\nvalue = "lots"\n',
            's.toml, [[lever]] 1, key "value": not a number, found the text "lots", expected a number.',
        ),
        (
            HEAD + '[[lever]]\nname = "b"\nvalue = true\n',
            's.toml, [[lever]] 1, key "value": not a number, found true, expected a number.',
        ),
        (
            HEAD + '[[lever]]\nname = "b"\nvalue = nan\n',
            's.toml, [[lever]] 1, key "value": the value doesn\'t fit, found the number nan, expected a finite number.',
        ),
        (
            HEAD + LEVER + 'strat = "2026-07"\n',
            's.toml, [[lever]] 1: unknown key "strat", expected one of name, value, why, start, phase_in, end. '
            'Did you mean "start"?',
        ),
        (
            HEAD + LEVER + "start = 2026-07-01\n",
            's.toml, [[lever]] 1, key "start": not text, found the date 2026-07-01, expected text. '
            'Write start = "2026-07" in quotation marks.',
        ),
        (
            HEAD + LEVER + 'start = "2026-7"\n',
            's.toml, [[lever]] 1, key "start": not a month, found "2026-7", '
            'expected a year and a month such as "2030-12".',
        ),
        (
            HEAD + LEVER + "phase_in = -1\n",
            's.toml, [[lever]] 1, key "phase_in": the number is too small, found the number -1, expected 0 or more.',
        ),
        (
            HEAD + LEVER + 'start = "2030-01"\nend = "2029-12"\n',
            's.toml, [[lever]] 1: the end "2029-12" comes before the start "2030-01".',
        ),
        (
            HEAD + LEVER + LEVER.replace("shelter support", "Shelter_Support"),
            's.toml, [[lever]] 1 and s.toml, [[lever]] 2: two values for the lever "Shelter_Support", '
            "found 2 and 2. Remove one of them.",
        ),
        (
            HEAD + "start = 2026-07\n",
            "s.toml:3:13: not valid TOML: expected newline or end of document after a statement. "
            "Put text and dates in quotation marks and write numbers with a decimal point.",
        ),
        (
            HEAD + (LEVER * 2).replace("[[lever]]", "[lever]"),
            "s.toml:6:7: not valid TOML: the table [lever] stands twice. Write [[lever]] with double brackets above "
            "each one.",
        ),
        (
            HEAD + LEVER.replace("[[lever]]", "[lever]") + LEVER,
            "s.toml:6:8: not valid TOML: the table [lever] stands twice. Write [[lever]]",
        ),
        (
            HEAD + 'title = "U"\n',
            's.toml:3:12: not valid TOML: the key "title" stands twice. Remove one of them.',
        ),
        ("a = {b = 1, b = 2}\n", 'the key "b" stands twice. Remove one of them.'),
        (
            "title = \u201cT\u201d\n",
            's.toml:1:9: not valid TOML: a curly quotation mark, \u201c. Write straight ones: "…".',
        ),
        ('title = "T\u201d\n', 'a curly quotation mark, \u201d. Write straight ones: "…".'),
        ('title = "T', "unterminated string (at end of document). Put text and dates in quotation marks"),
        (
            'title = "T"\nseed = 1\n[[uncertainty]]\nname = "x"\n',
            "s.toml: this seems to be a study, found [[uncertainty]], expected a scenario. Run it with flows "
            "study s.toml.",
        ),
        (
            '[[outcome]]\nname = "x"\n',
            "s.toml: this seems to be a file of outcomes, found [[outcome]], expected a scenario. No command takes it:",
        ),
    ],
)
def test_scenario_refused(write: Any, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_scenario(write(text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_scenario_is_no_study_and_stands_once(write: Any) -> None:
    write(HEAD + LEVER)
    with pytest.raises(
        InputError, match=r"s\.toml: this seems to be a scenario, found \[\[lever\]\], expected a study\."
    ):
        read_study("s.toml")
    with pytest.raises(InputError, match=r'^the scenario "s" is named twice\. Name it once'):
        read_scenario("s+s", folder=Path())


def test_a_file_that_is_no_text(write: Any) -> None:
    Path(write("")).write_bytes(b'title = "\xff"')
    with pytest.raises(InputError, match=r"s\.toml: not a text file in UTF-8, found byte 9\."):
        read_scenario("s.toml")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "titel42-return",
            'no scenario "titel42-return", expected a name that `flows list scenarios` shows.',
        ),
        ("titel42-return", 'Did you mean "title42-return"?'),
        ("t.toml", 't.toml: no such file. Did you mean "s.toml"?'),
        ("no/where.toml", "no/where.toml: no such file."),
        ("", "no scenario is named, expected the name of a scenario, or the path of a .toml file."),
        ("current-course+", "no scenario is named"),
    ],
)
def test_scenario_not_found(write: Any, name: str, message: str) -> None:
    write(HEAD)
    with pytest.raises(InputError) as refused:
        read_scenario(name)
    assert message in str(refused.value)


# --- combination --------------------------------------------------------------------------------------------------


def test_a_combination_holds_the_changes_of_both(write: Any) -> None:
    write(HEAD + 'claims = ["A", "B"]\nsource = "one"\n' + LEVER, "a.toml")
    write(
        'title = "U"\nkind = "context"\nclaims = ["B", "C"]\nsource = "two"\n'
        '[[lever]]\nname = "port slots"\nvalue = 5\n[[constant]]\nname = "violence future"\nvalue = 2\n',
        "b.toml",
    )
    both = read_scenario("a+b", folder=Path())
    assert both.name == "a+b"
    assert both.title == "T + U"
    assert both.kind == "package"
    assert both.claims == ("A", "B", "C")
    assert both.source == "one; two"
    assert [change.name for change in both.levers] == ["shelter support", "port slots"]
    assert [change.name for change in both.constants] == ["violence future"]
    assert both.paths == (Path("a.toml"), Path("b.toml"))
    assert read_scenario("a.toml+b.toml").levers == both.levers


def test_two_values_for_one_lever_name_both_files(write: Any) -> None:
    write(HEAD + LEVER, "a.toml")
    write(HEAD + LEVER.replace("2.0", "3"), "b.toml")
    with pytest.raises(InputError) as refused:
        read_scenario("a+b", folder=Path())
    assert str(refused.value) == (
        'a.toml, [[lever]] 1 and b.toml, [[lever]] 1: two values for the lever "shelter support", found 2 and 3. '
        "Remove one of them."
    )


def test_two_base_courses_do_not_combine() -> None:
    with pytest.raises(InputError) as refused:
        read_scenario("course-2021+course-2024")
    assert str(refused.value).startswith(
        "models/scenarios/course-2021.toml and models/scenarios/course-2024.toml: two base courses in one combination."
    )


def test_nothing_to_combine() -> None:
    with pytest.raises(InputError, match="no scenario to combine"):
        combine([])


def test_names_in_place_of_scenarios_are_refused(model: Any) -> None:
    one = read_scenario("current-course")
    expected = "expected scenarios as flows.inputs.read_scenario returns them, in a list. Write "
    for call, message in (
        (
            lambda: combine(["biden-plan", "violence-worse"]),  # type: ignore[list-item]
            f'this is no scenario, found "biden-plan", {expected}[read_scenario("biden-plan"), …].',
        ),
        (
            lambda: combine("biden-plan"),  # type: ignore[arg-type]
            f'this is no scenario, found "biden-plan", {expected}[read_scenario("biden-plan"), …].',
        ),
        (
            lambda: combine(one),  # type: ignore[arg-type]
            f'a list of scenarios is expected, found Scenario, {expected}[read_scenario("NAME"), …].',
        ),
        (
            lambda: scenario_inputs("biden-plan", model),  # type: ignore[arg-type]
            'this is no scenario, found "biden-plan", expected what flows.inputs.read_scenario returns. Write '
            'scenario_inputs(read_scenario("biden-plan"), model).',
        ),
        (
            lambda: scenario_inputs(model, "biden-plan"),
            "this is no scenario, found SimpleNamespace, expected what flows.inputs.read_scenario returns. Write "
            'scenario_inputs(read_scenario("NAME"), model).',
        ),
        (
            lambda: scenario_inputs(one, "m.mdl"),
            'this is no model, found "m.mdl", expected what flows.read_vensim returns. Write '
            'flows.read_vensim("m.mdl").',
        ),
    ):
        with pytest.raises(InputError) as refused:
            call()
        assert str(refused.value) == message


def test_one_scenario_is_its_own_combination() -> None:
    scenario = read_scenario("current-course")
    assert combine([scenario]) is scenario


# --- against a model ----------------------------------------------------------------------------------------------


def scenario(**parts: Any) -> Scenario:
    levers = parts.pop("levers", ())
    constants = parts.pop("constants", ())
    from flows.inputs import ConstantChange, LeverChange

    return Scenario(
        name="s",
        title="S",
        kind="package",
        levers=tuple(LeverChange(where="s.toml, [[lever]] 1", **row) for row in levers),
        constants=tuple(ConstantChange(where="s.toml, [[constant]] 1", **row) for row in constants),
    )


def test_a_lever_without_times_sets_itself_alone(model: Any) -> None:
    assert scenario_inputs(scenario(levers=[{"name": "Shelter_support", "value": 5.0}]), model) == {
        "shelter support": 5.0
    }


def test_times_become_constants_of_the_lever(model: Any) -> None:
    row = {"name": "port slots", "value": 1e9, "start": "2026-07", "phase_in": 3.0, "end": "2030-12"}
    assert scenario_inputs(scenario(levers=[row]), model) == {
        "port slots": 1e9,
        "lever start delay[port slots timing]": 6.0,  # January 2026 is month 156, July 162
        "lever phase in[port slots timing]": 3.0,
        "lever end[port slots timing]": 216.0,  # the end of December 2030
    }


def test_a_start_counts_from_the_policy_start_that_the_scenario_sets(model: Any) -> None:
    inputs = scenario_inputs(
        scenario(
            levers=[{"name": "shelter support", "value": 2.0, "start": "2022-01"}],
            constants=[{"name": "Policy start time", "value": 103.0}],
        ),
        model,
    )
    assert inputs == {
        "policy start time": 103.0,
        "shelter support": 2.0,
        "lever start delay[shelter support timing]": 5.0,  # August 2021 to January 2022
    }


def test_a_constant_may_name_one_element(model: Any) -> None:
    inputs = scenario_inputs(scenario(constants=[{"name": "Share[el_salvador]", "value": 0.5}]), model)
    assert inputs == {"share[El Salvador]": 0.5}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"levers": [{"name": "shelter suport", "value": 2.0}]},
            's.toml, [[lever]] 1, key "name": no lever "shelter suport" in the model. '
            'Did you mean "shelter support"?',
        ),
        (
            {"levers": [{"name": "violence future", "value": 2.0}]},
            "It is a constant outside the group .Levers; write it under [[constant]].",
        ),
        (
            {"levers": [{"name": "shelter support", "value": 5.5}]},
            's.toml, [[lever]] 1, key "value": the value lies outside the range of the lever "shelter support", '
            "found 5.5, expected 1 to 5.",
        ),
        ({"levers": [{"name": "port slots", "value": -1.0}]}, "found -1, expected 0 or more Person/Month."),
        (
            {"levers": [{"name": "port slots", "value": 1.0, "start": "2025-12"}]},
            's.toml, [[lever]] 1, key "start": the lever starts outside the span in which policies can change, '
            'found "2025-12", expected "2026-01" to "2035-12".',
        ),
        ({"levers": [{"name": "port slots", "value": 1.0, "start": "2036-01"}]}, 'found "2036-01"'),
        (
            {"levers": [{"name": "port slots", "value": 1.0, "phase_in": 0.0}]},
            's.toml, [[lever]] 1, key "phase_in": the value lies outside the range of the constant "lever phase in", '
            "found 0, expected 0.0625 to 60 Month.",
        ),
        (
            {"levers": [{"name": "port slots", "value": 1.0, "end": "2025-12"}]},
            's.toml, [[lever]] 1, key "end": the lever ends before policies can change, found "2025-12", '
            'expected "2026-01" or later.',
        ),
        (
            {"constants": [{"name": "violense future", "value": 2.0}]},
            's.toml, [[constant]] 1, key "name": no constant "violense future" in the model. '
            'Did you mean "violence future"?',
        ),
        (
            {"constants": [{"name": "shelter support", "value": 2.0}]},
            '"shelter support" is a lever. Write it under',
        ),
        ({"constants": [{"name": "violence future", "value": 4.0}]}, "found 4, expected 0 to 3."),
        (
            {"constants": [{"name": "share[Hati]", "value": 0.1}]},
            'expected one of Haiti, El Salvador. Did you mean "Haiti"?',
        ),
        (
            {"constants": [{"name": "share[Haiti,Haiti]", "value": 0.1}]},
            '"share" has 1 subscripts, found 2 elements.',
        ),
    ],
)
def test_scenario_against_model_refused(model: Any, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        scenario_inputs(scenario(**parts), model)
    assert message in str(refused.value)


def test_a_model_without_timing_takes_values_but_no_dates(model: Any) -> None:
    del model.constants.items["lever start delay"]
    assert scenario_inputs(scenario(levers=[{"name": "port slots", "value": 1.0}]), model) == {
        "port slots": 1.0
    }
    with pytest.raises(InputError, match='expected a constant "lever start delay" in the model'):
        scenario_inputs(scenario(levers=[{"name": "port slots", "value": 1.0, "phase_in": 1.0}]), model)


def test_a_lever_without_an_element_of_timing(model: Any) -> None:
    model.subscripts.items["lever"].value = ("shelter support timing",)
    with pytest.raises(InputError, match='the model has no timing for the lever "port slots"'):
        scenario_inputs(scenario(levers=[{"name": "port slots", "value": 1.0, "phase_in": 1.0}]), model)


def test_settings_become_inputs(model: Any) -> None:
    settings = ["Violence_future=9", "share[haiti]=0.5", "cases = 3", "shelter support=2"]
    with pytest.warns(RangeWarning, match='"violence future" is set to 9, outside the range .* \\(0 to 3\\)'):
        found = settings_inputs([*settings, "Time Step=0.5"], model)
    assert found == {
        "violence future": 9.0,
        "share[Haiti]": 0.5,
        "cases": 3.0,
        "shelter support": 2.0,
        "TIME STEP": 0.5,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["casses=1"],
            '--set \'casses=1\': no constant or stock "casses" in the model. Did you mean "cases"?',
        ),
        (["shelter support=6"], "found 6, expected 1 to 5."),
        (["cases=1", "Cases=2"], "--set 'Cases=2': \"cases\" is set twice. Remove one of them."),
        (["share[Cuba]=1"], "expected one of Haiti, El Salvador"),
        (
            ["shelter support=3%"],
            'found "3%", expected a number such as 0.5 or 1e3. Write the share as 0.03.',
        ),
        (["port slots=3%"], "It is no share: write a number of its unit, Person/Month."),
        (
            ["Final_time=2030"],
            "--set 'Final_time=2030': FINAL TIME counts months from January 2013, found 2030, which is February 2182, "
            "expected at most 276, which is December 2035. For a date use --until 2030-12.",
        ),
        (
            ["FINAL TIME=1e300"],
            "found 1e+300, expected at most 276, which is December 2035. For a date use --until",
        ),
    ],
)
def test_settings_refused(model: Any, settings: list[str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        settings_inputs(settings, model)
    assert message in str(refused.value)


def test_a_final_time_of_a_model_without_dates_may_be_any(model: Any) -> None:
    assert settings_inputs(["FINAL TIME=276"], model) == {"FINAL TIME": 276.0}
    model.dated = False
    assert settings_inputs(["FINAL TIME=2030"], model) == {"FINAL TIME": 2030.0}


# --- distributions ------------------------------------------------------------------------------------------------

U = np.array([[0.01, 0.25], [0.5, 0.999]])


@pytest.mark.parametrize(
    ("arguments", "expected", "support"),
    [
        ({"distribution": "uniform", "min": 2.0, "max": 4.0}, stats.uniform(2, 2), (2, 4)),
        ({"distribution": "loguniform", "min": 0.1, "max": 10.0}, stats.loguniform(0.1, 10), (0.1, 10)),
        (
            {"distribution": "triangular", "min": 0.0, "mode": 1.0, "max": 4.0},
            stats.triang(0.25, 0, 4),
            (0, 4),
        ),
        ({"distribution": "normal", "mean": 3.0, "sd": 2.0}, stats.norm(3, 2), (-np.inf, np.inf)),
        (
            {"distribution": "normal", "mean": 3.0, "sd": 2.0, "min": 1.0, "max": 7.0},
            stats.truncnorm(-1, 2, 3, 2),
            (1, 7),
        ),
        (
            {"distribution": "lognormal", "median": 5.0, "sigma": 0.5},
            stats.lognorm(0.5, scale=5),
            (0, np.inf),
        ),
        (
            {"distribution": "beta", "a": 2.0, "b": 5.0, "min": 1.0, "max": 3.0},
            stats.beta(2, 5, 1, 2),
            (1, 3),
        ),
    ],
)
def test_inverse_distribution_functions(
    arguments: dict[str, Any], expected: Any, support: tuple[float, float]
) -> None:
    uncertainty = Uncertainty(name="x", **arguments)
    np.testing.assert_allclose(uncertainty.ppf(U), expected.ppf(U), rtol=1e-12)
    assert uncertainty.support == support


def test_a_cut_off_lognormal_stays_inside_and_keeps_its_shape() -> None:
    uncertainty = Uncertainty(name="x", distribution="lognormal", median=2.0, sigma=1.0, min=1.0, max=8.0)
    whole = stats.lognorm(1.0, scale=2.0)
    low, high = whole.cdf(1.0), whole.cdf(8.0)
    np.testing.assert_allclose(uncertainty.ppf(U), whole.ppf(low + U * (high - low)), rtol=1e-9)
    assert uncertainty.support == (1, 8)


def test_discrete_values_come_with_their_probabilities() -> None:
    uncertainty = Uncertainty(
        name="x", distribution="discrete", values=[1, 5, 9], probabilities=[0.2, 0.5, 0.3]
    )
    np.testing.assert_array_equal(uncertainty.ppf([0, 0.19, 0.21, 0.69, 0.71, 1]), [1, 1, 5, 5, 9, 9])
    equal = Uncertainty(name="x", distribution="discrete", values=[1, 2])
    np.testing.assert_array_equal(equal.ppf([0.49, 0.51]), [1, 2])
    assert uncertainty.support == (1, 9)


def test_the_ends_of_the_unit_interval_give_finite_values() -> None:
    assert np.all(np.isfinite(Uncertainty(name="x", distribution="normal", mean=0.0, sd=1.0).ppf([0.0, 1.0])))


@pytest.mark.parametrize("u", [-0.1, 1.1, np.nan])
def test_numbers_that_are_no_probabilities(u: float) -> None:
    with pytest.raises(InputError, match="not a probability"):
        Uncertainty(name="x", distribution="uniform", min=0.0, max=1.0).ppf([0.5, u])


STUDY = 'n = 64\nseed = 1\noutcomes = ["cases"]\n'
PAIR = (
    '[[uncertainty]]\nname = "share[Haiti]"\ndistribution = "uniform"\nmin = 0.1\nmax = 0.3\n'
    '[[uncertainty]]\nname = "violence future"\ndistribution = "uniform"\nmin = 1\nmax = 2\n'
)
ONE = '[[uncertainty]]\nname = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE, 'f.toml, [[uncertainty]] 1: the key "distribution" is missing.'),
        (
            ONE + 'distribution = "unifrom"\n',
            'f.toml, [[uncertainty]] 1, key "distribution": not one of the choices, found the text "unifrom", '
            'expected uniform, loguniform, triangular, normal, lognormal, beta, discrete. Did you mean "uniform"?',
        ),
        (
            ONE + 'distribution = "uniform"\nmin = 0\n',
            'f.toml, [[uncertainty]] 1: the uniform distribution lacks "max" (its arguments are min, max).',
        ),
        (
            ONE + 'distribution = "uniform"\nmin = 0\nmax = 1\nsd = 1\n',
            'f.toml, [[uncertainty]] 1: the uniform distribution has no "sd" (its arguments are min, max).',
        ),
        (ONE + 'distribution = "uniform"\nmin = 2\nmax = 1\n', '"min" must lie below "max", found 2 and 1.'),
        (ONE + 'distribution = "normal"\nmean = 1\nsd = 0\n', '"sd" must be above 0, found 0.'),
        (
            ONE + 'distribution = "loguniform"\nmin = 0\nmax = 1\n',
            '"min" of a loguniform distribution must be above 0',
        ),
        (
            ONE + 'distribution = "triangular"\nmin = 0\nmode = 2\nmax = 1\n',
            '"mode" must lie between "min" and "max", found 2.',
        ),
        (ONE + 'distribution = "discrete"\nvalues = [1]\n', '"values" must hold at least two numbers.'),
        (
            ONE + 'distribution = "discrete"\nvalues = [1, 2]\nprobabilities = [1]\n',
            "2 values have 1 probabilities.",
        ),
        (
            ONE + 'distribution = "discrete"\nvalues = [1, 2]\nprobabilities = [0.5, 0.4]\n',
            '"probabilities" must not be negative and must add up to 1, found 0.9.',
        ),
        (ONE + 'distribution = "uniform"\nmin = "0"\nmax = 1\n', "Write min = 0 without quotation marks."),
        (ONE + 'distribution = "uniform"\nmax = 1\nminn = 0\n', 'unknown key "minn"'),
        ("", "f.toml: a study needs at least two [[uncertainty]] tables, found 0."),
        (
            PAIR.replace("violence future", "SHARE[haiti]"),
            'f.toml: the uncertainty "SHARE[haiti]" stands twice; remove one of them.',
        ),
        (
            PAIR + 'group = "later"\n',
            'f.toml: all uncertainties have a group or none has; "share[Haiti]" has none.',
        ),
        (
            ONE + 'distribution = "uniform"\nmin = 0\nmax = 1\nother = "y"\n',
            'the key "other" stands with of = "between" alone.',
        ),
        (
            ONE + 'of = "between"\nother = "y"\ndistribution = "uniform"\nmin = 0\nmax = 1.5\n',
            'a share of the other curve lies between 0 and 1; set "min" and "max".',
        ),
    ],
)
def test_uncertainty_refused(write: Any, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_study(write(STUDY + text, "f.toml"))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('seed = 1\noutcomes = ["a"]\n', 'f.toml: the key "n" is missing.'),
        (STUDY.replace("64", "100"), 'f.toml: "n" must be a power of two, such as 64 or 128, found 100.'),
        (
            STUDY.replace("64", "64.5"),
            'f.toml, key "n": the value doesn\'t fit, found the number 64.5, expected a whole number.',
        ),
        (STUDY.replace("64", '"64"'), "Write n = 64 without quotation marks."),
        (
            STUDY.replace("64", "1"),
            'f.toml, key "n": the number is too small, found the number 1, expected 2 or more.',
        ),
        (STUDY.replace('["cases"]', '"cases"'), 'Write outcomes = ["cases"].'),
        (
            STUDY.replace('["cases"]', "[]"),
            'f.toml, key "outcomes": the value doesn\'t fit, found a list, expected at least one entry.',
        ),
        (
            STUDY.replace('["cases"]', '["a", "a"]'),
            'f.toml: the outcome "a" stands twice; remove one of them.',
        ),
        (
            STUDY + 'method = "moris"\n',
            'f.toml, key "method": not one of the choices, found the text "moris", expected sobol, morris, '
            'monte-carlo, latin-hypercube, tornado, shapley. Did you mean "morris"?',
        ),
        (
            STUDY + "second_order = 1\n",
            'f.toml, key "second_order": the value doesn\'t fit, found the number 1, expected true or false.',
        ),
        (
            STUDY + 'method = "shapley"\nsecond_order = true\n',
            "f.toml: second-order indices belong to a Sobol study.",
        ),
        (
            STUDY.replace("64", "19") + 'method = "latin-hypercube"\n',
            'f.toml: "n" must be at least 20 runs, found 19.',
        ),
        (
            STUDY.replace("64", "19") + 'method = "shapley"\n',
            'f.toml: "n" must be at least 20 orders, found 19.',
        ),
        (
            'seed = 1\noutcomes = ["a"]\nmethod = "shapley"\n',
            'f.toml: the key "n" is missing. Add a line n = …',
        ),
    ],
)
def test_study_refused(write: Any, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_study(write(text + PAIR, "f.toml"))
    assert message in str(refused.value)


def test_groups_belong_to_methods_that_move_them_together(write: Any) -> None:
    grouped = PAIR.replace("distribution", 'group = "all"\ndistribution')
    with pytest.raises(InputError, match=r"^f.toml: groups belong to a Sobol, Morris or Shapley study"):
        read_study(write(STUDY + 'method = "monte-carlo"\n' + grouped, "f.toml"))
    assert read_study(write(STUDY + 'method = "morris"\n' + grouped, "f.toml")).method == "morris"


def test_one_posterior_sample_and_no_half_of_it(write: Any) -> None:
    row = '[[uncertainty]]\nname = "sample"\nof = "posterior"\n'
    with pytest.raises(InputError, match=r"^f.toml: a model has one posterior sample; remove one"):
        read_study(write(STUDY + row + row.replace("sample", "other"), "f.toml"))
    for method in ("morris", "tornado"):
        with pytest.raises(
            InputError, match=f"neither low nor high, so a {method} study can't move it; take sobol"
        ):
            read_study(write(STUDY + f'method = "{method}"\n' + row + PAIR, "f.toml"))
    alone = read_study(write(STUDY + 'method = "monte-carlo"\n' + row, "f.toml"))
    assert alone.posterior is alone.uncertainties[0]
    with pytest.raises(InputError, match=r"at least two \[\[uncertainty\]\] tables, found 1"):
        read_study(write(STUDY + row, "f.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "slow",
            "slwo",
            'f.toml, [[uncertainty]] 3, key "name": no lookup "slwo" in the model. Did you mean "slow"?',
        ),
        ('"fast"', '"fats"', 'f.toml, [[uncertainty]] 3, key "other": no lookup "fats" in the model.'),
        ('"fast"', '"apart"', 'key "other": the lookup "apart" has subscripts, which a study can\'t vary.'),
        (
            '"fast"',
            '"jumps"',
            'key "other": the lookup "jumps" jumps at one point, between two curves it can\'t. Set the jump apart by a '
            'small step, or use of = "scale".',
        ),
        (
            "violence future",
            "fast",
            'f.toml, [[uncertainty]] 2, key "name": "fast" is a lookup. Add of = "scale", a factor on its points, or',
        ),
        (
            '["cases"]',
            '["last cases"]',
            'f.toml, key "outcomes": the words before "cases" make no number of it, found "last", expected final, '
            "highest, lowest, time of highest, time of lowest, mean, integral, or first time cases above (or below) a "
            'number. Did you mean "final"?',
        ),
        ('["cases"]', '["highst cases"]', 'Did you mean "highest"?'),
    ],
)
def test_curves_of_a_study_refused(write: Any, model: Any, old: str, new: str, message: str) -> None:
    points = {"slow": (0.0, 24.0), "fast": (0.0, 12.0), "jumps": (0.0, 0.0)}
    model.lookups = Catalogue(
        *(item(name, np.array([at, (1.0, 2.0)])) for name, at in points.items()),
        item("apart", np.array([(0.0, 1.0), (1.0, 2.0)]), over=("origin",)),
    )
    curve = (
        '[[uncertainty]]\nname = "slow"\nof = "between"\nother = "fast"\n'
        'distribution = "uniform"\nmin = 0\nmax = 1\n'
    )
    text = STUDY + PAIR + curve
    assert [m.name for m in check_study(read_study(write(text, "f.toml")), model, ())] == ["cases"]
    with pytest.raises(InputError) as refused:
        check_study(read_study(write(text.replace(old, new), "f.toml")), model, ())
    assert message in str(refused.value)


def test_a_study_reads_with_its_defaults(write: Any) -> None:
    study = read_study(write(STUDY + PAIR, "f.toml"))
    assert (study.name, study.model, study.scenario) == ("f", "models/migration.mdl", "current-course")
    assert (study.method, study.n, study.seed, study.second_order) == ("sobol", 64, 1, False)
    assert study.path == Path("f.toml")
    assert [u.where for u in study.uncertainties] == [
        "f.toml, [[uncertainty]] 1",
        "f.toml, [[uncertainty]] 2",
    ]


def test_a_study_fits_its_model(write: Any, model: Any) -> None:
    outcomes = (Outcome(name="waits", expression="cases", unit="Case", kind="case", better="lower"),)
    study = read_study(write(STUDY.replace('["cases"]', '["Waits", "cases"]') + PAIR, "f.toml"))
    assert [(m.name, m.outcome.unit) for m in check_study(study, model, outcomes)] == [
        ("waits", "Case"),
        ("cases", "Case"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "violence future",
            "violense future",
            'f.toml, [[uncertainty]] 2, key "name": no constant "violense future" in the model. '
            'Did you mean "violence future"?',
        ),
        ("share[Haiti]", "share[Hati]", 'Did you mean "Haiti"?'),
        (
            "share[Haiti]",
            "share",
            'f.toml, [[uncertainty]] 1, key "name": "share" has a value for each element; one draw would level them. '
            'Name one element, such as "share[Haiti]".',
        ),
        (
            "max = 2",
            "max = 3.5",
            'f.toml, [[uncertainty]] 2: the distribution leaves the range of the constant "violence future", '
            "found values from 1 to 3.5, expected 0 to 3. Set min and max inside it.",
        ),
        (
            '["cases"]',
            '["casse"]',
            'f.toml, key "outcomes": no outcome or variable "casse". Did you mean "cases"?',
        ),
    ],
)
def test_study_against_model_refused(write: Any, model: Any, old: str, new: str, message: str) -> None:
    study = read_study(write((STUDY + PAIR).replace(old, new), "f.toml"))
    with pytest.raises(InputError) as refused:
        check_study(study, model, ())
    assert message in str(refused.value)


# --- outcomes -----------------------------------------------------------------------------------------------------

OUTCOME = '[[outcome]]\nname = "a"\nexpression = "x + y[Haiti]"\nunit = "Case/Month"\nkind = "case"\nbetter = "lower"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            OUTCOME.replace('"case"', '"people"'),
            'o.toml, [[outcome]] 1, key "kind": not one of the choices, found the text "people"',
        ),
        (OUTCOME.replace('"lower"', '"less"'), "expected lower, higher, neither."),
        (
            OUTCOME.replace('"x + y[Haiti]"', '"x +"'),
            'o.toml, [[outcome]] 1, key "expression": an operand is missing at the end, found "x +"',
        ),
        (
            OUTCOME + 'series = "s -"\n',
            'o.toml, [[outcome]] 1, key "series": an operand is missing at the end',
        ),
        (OUTCOME + OUTCOME, 'o.toml, [[outcome]] 1 and 2: the outcome "a" stands twice. Keep one of them'),
        (
            "[[outcom]]\n",
            'o.toml: unknown key "outcom", expected [[outcome]] tables. Did you mean "outcome"?',
        ),
    ],
)
def test_outcome_refused(write: Any, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_outcomes(write(text, "o.toml"))
    assert message in str(refused.value)


def test_an_outcome_computes_its_expression(write: Any) -> None:
    (outcome,) = read_outcomes(write(OUTCOME, "o.toml"))
    dataset = xr.Dataset(
        {"x": (("draw", "time"), [[1.0, 2.0], [3.0, 4.0]]), "y": (("origin", "time"), [[10.0, 20.0]])},
        coords={"time": [0.0, 1.0], "origin": ["Haiti"]},
    )
    values = outcome.values(dataset)
    assert outcome.variables == ("x", "y[Haiti]")
    assert outcome.is_rate
    assert values.dims == ("draw", "time")
    assert (values.name, values.attrs["units"]) == ("a", "Case/Month")
    np.testing.assert_array_equal(values, [[11.0, 22.0], [13.0, 24.0]])


def test_an_outcome_over_a_missing_variable_names_it(write: Any) -> None:
    (outcome,) = read_outcomes(write(OUTCOME, "o.toml"))
    with pytest.raises(InputError, match=r'o\.toml, \[\[outcome\]\] 1: no variable "x" in the result'):
        outcome.values(xr.Dataset({"z": ("time", [1.0])}, coords={"time": [0.0]}))


def test_a_variable_can_stand_for_an_outcome(model: Any) -> None:
    made = resolve_outcome("share[Haiti]", (), model=model)
    assert made.variables == ("share[Haiti]",)
    assert (made.better, made.unit) == ("neither", "Dmnl")
    assert resolve_outcome("Arrivals", (), model=model).is_rate


# --- what is shipped ----------------------------------------------------------------------------------------------

NEEDED = {
    "current-course",
    "course-2024",
    "course-2021",
    "protection-reform",
    "us-tightening",
    "title42-return",
    "mpp-return",
    "containment-plus",
}


def test_one_broken_scenario_does_not_hide_the_others(tmp_path: Path) -> None:
    head = 'title = "{}"\nkind = "package"\nsource = "none"\nclaims = []\n'
    (tmp_path / "good.toml").write_text(head.format("Good"), encoding="utf-8")
    (tmp_path / "bad.toml").write_text(head.format("Bad") + "phasein = 3\n", encoding="utf-8")
    said: list[InputError] = []
    assert [s.name for s in list_scenarios(tmp_path, broken=said.append)] == ["good"]
    assert 'unknown key "phasein"' in str(said[0])
    with pytest.raises(InputError, match="phasein"):
        list_scenarios(tmp_path)


def test_shipped_scenarios_read_and_say_why() -> None:
    scenarios = list_scenarios()
    assert {s.name for s in scenarios} >= NEEDED
    assert scenarios[0].name == "current-course"
    for shipped in scenarios:
        assert shipped.source, shipped.name
        assert shipped.claims, shipped.name
        for change in (*shipped.levers, *shipped.constants):
            assert len(change.why) > 20, (shipped.name, change.name)


def test_the_two_together_are_the_two() -> None:
    values = {c.name: c.value for c in read_scenario("inclusion-and-redistribution").levers}
    assert values == {c.name: c.value for c in read_scenario("redistribution+temporary-inclusion").levers}


@pytest.mark.parametrize(
    "package", ["redistribution", "protection-reform", "regional-dialogue", "temporary-inclusion"]
)
def test_packages_combine_with_a_context_and_a_course(package: str) -> None:
    assert read_scenario(f"course-2021+violence-worse+{package}").kind == "package"
    assert read_scenario(f"course-2024+mpp-return+{package}").kind == "package"


def test_border_counts_are_never_better_lower() -> None:
    counts = [o for o in read_outcomes() if "encounters" in o.expression or "interceptions" in o.expression]
    assert {o.better for o in counts} == {"neither"}
    disputed = {
        "expulsions",
        "MPP cases opened",
        "people with temporary protection",
        "court completions per month",
    }
    assert {o.name: o.better for o in read_outcomes() if o.name in disputed} == dict.fromkeys(
        disputed, "neither"
    )


def test_the_human_cost_stands_first() -> None:
    first = read_outcomes()[0]
    assert (first.name, first.better) == ("exposure index", "lower")


def test_shipped_studies_read() -> None:
    studies = {study.name: study for study in list_studies()}
    assert set(studies) >= {"base", "quick"}
    base = studies["base"]
    assert (base.n, base.scenario, base.second_order) == (1024, "current-course", False)
    assert base.n * (len(base.uncertainties) + 2) == 14_336
    assert all(len(uncertainty.why) > 10 for uncertainty in base.uncertainties)
    assert studies["quick"].n == 64


def test_shipped_tables_are_found() -> None:
    for kind in ("outcomes", "claims", "observations", "sources", "seed-figures", "series"):
        assert find(kind).is_file()


# --- the shipped files against the shipped model ------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Any:
    return flows.read_vensim(find("model", "migration"), units="off")


def known(model: Any, reference: Any) -> Any:
    catalogues = (model.stocks, model.flows, model.auxiliaries, model.constants)
    return next((c[reference.name] for c in catalogues if reference.name in c), None)


@pytest.mark.parametrize("name", [s.name for s in list_scenarios()])
def test_each_shipped_scenario_fits_its_model(shipped: Any, name: str) -> None:
    read = read_scenario(name)
    model = flows.read_vensim(find("model", read.model), units="off") if read.model else shipped
    inputs = scenario_inputs(read, model)
    assert len(inputs) >= len(read.levers) + len(read.constants)
    for change in read.levers:
        assert change.value != model.levers[change.name].value, change.name


def test_a_scenario_of_another_model_is_refused(shipped: Any) -> None:
    with pytest.raises(InputError) as refused:
        scenario_inputs(read_scenario("planned-immigration"), shipped)
    assert 'belongs to the model "demography", found the model "migration"' in str(refused.value)
    with pytest.raises(InputError, match="scenarios of two models in one combination"):
        read_scenario("planned-immigration+us-tightening")


@pytest.mark.parametrize("study", list_studies(), ids=lambda study: study.name)
def test_each_shipped_study_fits_the_shipped_model(shipped: Any, study: Any) -> None:
    outcomes = check_study(study, shipped, read_outcomes())
    assert [o.name for o in outcomes] == list(study.outcomes)
    for uncertainty in study.uncertainties:
        item = known(shipped, parse_reference(uncertainty.name))
        drawn = uncertainty.ppf(np.linspace(0, 1, 101))
        assert item.range[0] <= drawn.min() < drawn.max() <= item.range[1], uncertainty.name
        used = np.asarray(item.value)
        if item.subscripts:
            elements = [fold(e) for e in shipped.subscripts[item.subscripts[0]].value]
            used = used[elements.index(fold(parse_reference(uncertainty.name).elements[0]))]
        assert drawn.min() < used < drawn.max(), uncertainty.name


@pytest.mark.parametrize("outcome", read_outcomes(), ids=lambda outcome: outcome.name)
def test_each_outcome_is_computed_from_variables_in_its_own_unit(shipped: Any, outcome: Outcome) -> None:
    for reference in outcome.references:
        found = known(shipped, reference)
        assert found is not None, reference.name
        assert bool(reference.elements) == bool(found.subscripts), reference.name
    if len(outcome.references) == 1:
        assert known(shipped, outcome.references[0]).units.replace(" ", "") == outcome.unit


def test_the_figures_of_the_documents_name_variables_of_the_model(shipped: Any) -> None:
    for text in figure_variables():
        reference = parse_reference(text)
        found = known(shipped, reference)
        assert found is not None, text
        assert bool(reference.elements) == bool(found.subscripts), text


def test_the_base_courses_freeze_policies_where_they_say(shipped: Any) -> None:
    assert scenario_inputs(read_scenario("current-course"), shipped) == {}
    assert shipped.constants["policy freeze time"].value == month_index("2026-01")
    for name, month in (("course-2024", "2024-10"), ("course-2021", "2021-08")):
        inputs = scenario_inputs(read_scenario(name), shipped)
        assert inputs == {"policy freeze time": month_index(month), "policy start time": month_index(month)}


def test_shipped_scenarios_give_reasons_and_known_claims() -> None:
    assert [doubt for scenario in list_scenarios() for doubt in scenario_doubts(scenario)] == []


def test_a_long_list_of_values_without_reasons_is_cut(write: Any) -> None:
    rows = "".join(f'[[constant]]\nname = "c{k}"\nvalue = 1.0\n' for k in range(6))
    (said,) = scenario_doubts(read_scenario(write(HEAD + rows)))
    assert 'no reason is given for "c0", "c1", "c2", "c3" and 2 more; write why' in said
    reasons = (HEAD + rows).replace("value = 1.0", 'value = 1.0\nwhy = "so"')
    assert scenario_doubts(read_scenario(write(reasons))) == ()


def test_a_claim_of_a_scenario_that_nobody_wrote_down(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = tmp_path / "claims.csv"
    monkeypatch.setattr("flows.inputs.inline.find", lambda kind: claims)
    scenario = read_scenario(write('claims = ["A-10"]\n' + HEAD + LEVER + 'why = "so"\n'))
    assert scenario_doubts(scenario) == ()  # without a list of claims nothing is known of them
    claims.write_text("id,claim\nA-100,x\n", encoding="utf-8")
    (said,) = scenario_doubts(scenario)
    assert said.startswith('s.toml: no claim "A-10" in models/claims.csv, so nothing is checked for it.')
    assert 'Did you mean "A-100"?' in said
