from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.units import DIMENSIONLESS, Unit, Units

UNITS = Units([("Person", "People", "Persons"), ("$", "Dollar"), ("Month", "Months")])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "Dmnl"),
        ("1", "Dmnl"),
        ("Dmnl", "Dmnl"),
        ("dimensionless", "Dmnl"),
        ("Person", "Person"),
        ("people", "Person"),
        ("People/Month", "Person/Month"),
        ("Person / Months", "Person/Month"),
        ("1/Month", "1/Month"),
        ("Dmnl/Month", "1/Month"),
        ("Month/Month", "Dmnl"),
        ("Person*Month", "Month*Person"),
        ("Person/(Month*Month)", "Person/Month^2"),
        ("Person/Month/Month", "Person/Month^2"),
        ("Person/Month^2", "Person/Month^2"),
        ("Person*Month^-2", "Person/Month^2"),
        ("(Person/Month)^2", "Person^2/Month^2"),
        ("Person^0.5", "Person^1/2"),
        ("Case/(Judge*Month)", "Case/(Judge*Month)"),
        ("person months waiting", "person months waiting"),
        ("$/Dollar", "Dmnl"),
        ('"odd*unit"/Month', "odd*unit/Month"),
    ],
)
def test_reading(text: str, shown: str) -> None:
    assert str(UNITS.read(text)) == shown


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Judge", "judges"),
        ("Judges", "judge"),
        ("Case_file", "case file"),
        ("Person/Month", "people / months"),
        ("a*b", "b*a"),
        ("a/b*c", "a*c/b"),
    ],
)
def test_equal_units(left: str, right: str) -> None:
    assert UNITS.read(left) == UNITS.read(right)


@pytest.mark.parametrize(("left", "right"), [("Person", "Case"), ("a/b*c", "a/(b*c)"), ("a^2", "a")])
def test_different_units(left: str, right: str) -> None:
    assert UNITS.read(left) != UNITS.read(right)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Person/(Month", 'a ")" is missing in the unit "Person/(Month"'),
        ("Person)", 'the unit "Person)" can\'t be read at ")"'),
        ("Person^x", 'a number must follow "^" in the unit "Person^x"'),
        ("Person/", 'the unit "Person/" can\'t be read'),
        ("*", 'the unit "*" can\'t be read'),
    ],
)
def test_unreadable_units(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="unit") as caught:
        UNITS.read(text)
    assert str(caught.value) == sentence


UNIT = st.dictionaries(st.sampled_from("abcd"), st.integers(-3, 3).filter(bool), max_size=4).map(
    lambda powers: Unit(tuple(sorted((n, Fraction(p)) for n, p in powers.items())))
)


@given(UNIT, UNIT, UNIT)
def test_units_are_a_commutative_group(a: Unit, b: Unit, c: Unit) -> None:
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert a * DIMENSIONLESS == a
    assert a / a == DIMENSIONLESS
    assert (a / b) * b == a
    assert (a * b) ** Fraction(2) == a**2 * b**2
    assert (a ** Fraction(2)) ** Fraction(1, 2) == a


@given(UNIT)
def test_what_is_shown_reads_back(unit: Unit) -> None:
    assert Units().read(str(unit)) == unit
