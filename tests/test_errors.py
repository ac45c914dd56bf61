from __future__ import annotations

import pytest

from flows import errors
from flows.errors import FlowsError, near


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({}, "it is wrong."),
        ({"where": "m.mdl:3:5"}, "m.mdl:3:5: it is wrong."),
        ({"found": "3", "expected": "4"}, "it is wrong, found 3, expected 4."),
        ({"remedy": "Mend it"}, "it is wrong. Mend it."),
        ({"remedy": "Mend it."}, "it is wrong. Mend it."),
        ({"remedy": 'Did you mean "x"?'}, 'it is wrong. Did you mean "x"?'),
        (
            {"where": "a.toml: lever", "found": "b", "expected": "c", "remedy": "Do d"},
            "a.toml: lever: it is wrong, found b, expected c. Do d.",
        ),
    ],
)
def test_an_error_is_one_sentence_and_a_remedy(details: dict[str, str], text: str) -> None:
    error = FlowsError("it is wrong", **details)
    assert str(error) == text
    assert {k: getattr(error, k) for k in details} == details
    assert error.what == "it is wrong"


def test_what_ends_with_a_full_stop_gets_no_second_one() -> None:
    assert str(FlowsError("it is wrong.")) == "it is wrong."


@pytest.mark.parametrize("name", ["ModelError", "UnitError", "UnsupportedError", "InputError", "ResultError"])
def test_every_refusal_is_a_flows_error(name: str) -> None:
    assert issubclass(getattr(errors, name), FlowsError)


@pytest.mark.parametrize("name", ["UnitError", "UnsupportedError"])
def test_errors_of_model_files_are_model_errors(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.ModelError)


@pytest.mark.parametrize(
    ("typed", "candidates", "text"),
    [
        ("repeat chanse", ["Repeat_chance", "judges"], 'Did you mean "Repeat_chance"?'),
        ("REPEAT  CHANCE", ["repeat chance"], 'Did you mean "repeat chance"?'),
        ("judge", ["repeat chance", "judges"], 'Did you mean "judges"?'),
        ("zebra", ["repeat chance", "judges"], ""),
        ("anything", [], ""),
        ("", ["a"], ""),
    ],
)
def test_near(typed: str, candidates: list[str], text: str) -> None:
    assert near(typed, candidates) == text


def test_near_takes_an_iterator() -> None:
    assert near("hait", iter(["Cuba", "Haiti"])) == 'Did you mean "Haiti"?'
