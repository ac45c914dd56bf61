"""Text forms and expressions: what is read, and how each refusal is worded."""

import numpy as np
import pytest
import xarray as xr

from flows.errors import InputError
from flows.references import (
    Expression,
    Reference,
    at_time,
    fold,
    parse_number,
    parse_reference,
    parse_setting,
    strict_month,
    take,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("court cases pending", Reference("court cases pending")),
        (" encounters[Haiti] ", Reference("encounters", ("Haiti",))),
        ("a[El  Salvador, Boat]", Reference("a", ("El Salvador", "Boat"))),
        ("COMAR pending cases@2030-12", Reference("COMAR pending cases", (), "2030-12")),
        ('"fear-based claims"[Cuba]@2021-09', Reference("fear-based claims", ("Cuba",), "2021-09")),
    ],
)
def test_text_forms(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


def test_a_reference_writes_itself_as_simulate_and_people_type_it() -> None:
    reference = parse_reference("a [ Haiti ,Boat] @ 2030-12")
    assert reference.key == "a[Haiti,Boat]"
    assert str(reference) == "a[Haiti,Boat]@2030-12"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'no variable is named, found "", expected a form such as "name[Element]" or "name@2030-12".'),
        (
            "[Haiti]",
            'no variable is named, found "[Haiti]", expected a form such as "name[Element]" or "name@2030-12".',
        ),
        ("a[Haiti", 'a bracket is not closed, found "a[Haiti", expected'),
        ("a[x][y]", 'a bracket is not closed, found "a[x][y]", expected'),
        ("a[]", 'an element between the brackets is empty, found "a[]", expected'),
        ("a]", 'a bracket or quotation mark is open, found "a]", expected'),
        ("a@2030", '"a@2030": not a month, found "2030", expected a year and a month such as "2030-12".'),
        ("a@2030-13", 'not a month, found "2030-13", expected a year and a month such as "2030-12".'),
    ],
)
def test_text_forms_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_reference(text)
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["2026-7", "2026-07-01", "26-07", " 2026-07", "2026-00", "July 2026"])
def test_months_are_strict(text: str) -> None:
    with pytest.raises(InputError, match="not a month"):
        strict_month(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=2", ("a", 2.0)),
        ("a b [ El Salvador ] = -1e3", ("a b[El Salvador]", -1000.0)),
        ('"x=y" = 1', ("x=y", 1.0)),
    ],
)
def test_settings(text: str, expected: tuple[str, float]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "--set 'a': no equals sign, expected variable=value. Write --set 'shelter support=2'."),
        ("=2", "--set '=2': no variable is named"),
        ("a=two", "--set 'a=two': not a number, found \"two\", expected a number such as 0.5 or 1e3."),
        ("a=", "--set 'a=': not a number, found \"\", expected a number such as 0.5 or 1e3."),
        ("a=50%", "Write a share as 0.5, anything else as a number in its unit."),
        ("a=1,000", "Write 1000 without the comma, or 1.000 if it parts decimals."),
        (
            "a=2,5",
            "--set 'a=2,5': not a number, found \"2,5\", expected a number such as 0.5 or 1e3. Write 2.5,",
        ),
        ("a=0,125", "Write 0.125, with a point for decimals."),
        ("a=1.234,5", "Write 1234.5, with a point for decimals."),
        ("a=1,234,567", "Write 1234567 without the commas."),
        ("a=1,x", 'found "1,x", expected a number such as 0.5 or 1e3.'),
        ("a=6 months", "Leave the unit out: 6."),
        ("a=1,b=2", "two equals signs, expected variable=value. Give each setting an option of its own"),
        ("a=nan", "--set 'a=nan': not a number, found \"nan\", expected a finite number such as 0.5 or 1e3."),
        ("a=inf", "expected a finite number such as 0.5 or 1e3."),
        ("a=1_0", "expected a finite number such as 0.5 or 1e3."),
        (
            "a@2026-07=1",
            "--set 'a@2026-07=1': a setting holds for the whole run, found the date \"2026-07\". "
            "Leave the date out, or write a scenario file with a start.",
        ),
    ],
)
def test_settings_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_setting(text)
    assert message in str(refused.value)


def test_numbers_with_spaces_around_them() -> None:
    assert parse_number(" 0.5 ") == 0.5


def test_names_fold() -> None:
    assert fold('"Court_Cases   pending"') == fold("court cases Pending")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", 7.0),
        ("2 * a - 4", 10.0),
        ("a - b - 1", 4.0),
        ("a / b / 2", 1.75),
        ("(a + b) * 2", 18.0),
        ("-a + 1", -6.0),
        ("1e2 * b", 200.0),
        ('"a-b" + b[El Salvador]', 14.0),
    ],
)
def test_expressions(text: str, expected: float) -> None:
    values = {"a": 7.0, "b": 2.0, "a-b": 11.0, "b[El Salvador]": 3.0}
    assert Expression.parse(text).evaluate(lambda reference: values[reference.key]) == expected


def test_an_expression_lists_each_reference_once() -> None:
    keys = [r.key for r in Expression.parse("a + b[x] - a / (c * 2)").references]
    assert keys == ["a", "b[x]", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: an operand is missing at the end"),
        ("a +", "f: an operand is missing at the end"),
        ("a + * b", 'f: an operand is missing before "*"'),
        ("(a + b", "f: a parenthesis is not closed"),
        ("a)", 'f: a sign is missing before ")"'),
        ("a[x] b", 'f: a sign is missing before "b"'),
        ("a[x", "f: a bracket or quotation mark is open"),
        ('"a', "f: a bracket or quotation mark is open"),
    ],
)
def test_expressions_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        Expression.parse(text, where="f")
    assert str(refused.value).startswith(message)
    assert "expected names and numbers joined by + - * / and parentheses" in str(refused.value)


@pytest.fixture
def result() -> xr.Dataset:
    time = np.array([0.0, 1.0, 2.0])
    return xr.Dataset(
        {
            "COMAR pending cases": ("time", [1.0, 2.0, 4.0]),
            "encounters": (("origin", "time"), [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]),
            "departures[Haiti]": ("time", [5.0, 6.0, 7.0]),
            "repeat chance": ((), 0.5),
        },
        coords={"time": time, "origin": ["El Salvador", "Haiti"]},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("comar_pending cases", [1.0, 2.0, 4.0]),
        ("encounters[el salvador]", [1.0, 2.0, 3.0]),
        ("departures[HAITI]", [5.0, 6.0, 7.0]),
        ("COMAR pending cases@2013-01", 2.0),
        ("encounters[Haiti]@2013-02", 30.0),
        ("repeat chance@2013-02", 0.5),
    ],
)
def test_take(result: xr.Dataset, text: str, expected: object) -> None:
    np.testing.assert_array_equal(take(result, parse_reference(text)).values, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "COMAR pendin cases",
            'no variable "COMAR pendin cases" in the result. Did you mean "COMAR pending cases"?',
        ),
        ("encounters[Hati]", 'expected one of El Salvador, Haiti. Did you mean "Haiti"?'),
        ("COMAR pending cases[Haiti]", "expected a variable without elements."),
        ("COMAR pending cases@2013-03", "found 2013-03, expected a month from 2013-01 to 2013-02."),
    ],
)
def test_take_refused(result: xr.Dataset, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        take(result, parse_reference(text))
    assert message in str(refused.value)


def test_between_saved_times() -> None:
    whole = xr.DataArray(
        [[1.0, 3.0, 7.0], [0.0, 0.0, -4.0]], dims=("draw", "time"), coords={"time": [0.0, 1.0, 3.0]}
    )
    assert at_time(whole, 1.0).values == pytest.approx([3, 0])
    assert at_time(whole, 2.5).values == pytest.approx([6, -3])
    assert float(at_time(whole, 2.5)["time"]) == 2.5
    assert at_time(whole, 3.0 + 1e-12).values == pytest.approx([7, -4])
    assert np.isnan(at_time(whole, -0.1)).all()
    assert np.isnan(at_time(whole, 3.1)).all()
    assert at_time(whole, 0.5).equals(whole.interp(time=0.5))
