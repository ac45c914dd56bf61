"""Text forms: one element of a variable, a date on it, a setting, and arithmetic over variables.

``name[Element,Element]`` names one element, ``@2030-12`` after it a month, ``name=value`` a setting. Case,
blanks and underscores fold together. An expression joins such names and numbers by ``+ - * /`` and
parentheses; a name that holds one of these signs stands in double quotation marks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from flows.calendar import month_index, month_of
from flows.errors import InputError, near

T = TypeVar("T")

_BLANKS = re.compile(r"[\s_\u00a0]+")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_TOKEN = re.compile(r'\s*(?:([-+*/()])|((?:"[^"]*"|[^-+*/()"\[\]])*(?:\[[^\]]*\])?))')
_NUMBER_AND_UNIT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*[^\W\d_][^\d,]*")
_SHARE = re.compile(r"(|1|dmnl|dimensionless|share|fraction)(/.*)?", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"\s*(\[[^\]]*\])?\s*')


def fold(name: str) -> str:
    """Return the canonical key of a name: case, blanks and underscores fold together, quotes don't count.

    Parameters
    ----------
    name : str
        A name as written in a model file or typed by a person.

    Returns
    -------
    str
        Lower case, single blanks.

    Examples
    --------
    >>> fold("Court_cases  Pending"), fold('"U.S. border"')
    ('court cases pending', 'u.s. border')
    """
    return _folded(name)


@lru_cache(maxsize=10_000)  # the same few thousand names again and again
def _folded(name: str) -> str:
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return _BLANKS.sub(" ", name).strip().lower()


def strict_month(text: str, *, where: str = "") -> str:
    """Return a month written ``YYYY-MM`` and refuse anything else.

    Parameters
    ----------
    text : str
        The month.
    where : str, optional
        Where it stands, for the error message.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it isn't exactly four digits, a hyphen and a month of two digits.
    """
    if _MONTH.fullmatch(text) is None:
        raise InputError(
            "not a month",
            where=where,
            found=f'"{text}"',
            expected='a year and a month such as "2030-12"',
        )
    return text


@dataclass(frozen=True)
class Reference:
    """One variable, or one element of it, perhaps at one month.

    Attributes
    ----------
    name : str
        The variable as typed, without quotation marks.
    elements : tuple of str
        The elements between the brackets, in order; empty for the whole variable.
    month : str or None
        ``YYYY-MM``; a stock is read at that month's end.
    """

    name: str
    elements: tuple[str, ...] = ()
    month: str | None = None

    @property
    def key(self) -> str:
        """The text form without the month, as `flows.simulate` takes it."""
        return f"{self.name}[{','.join(self.elements)}]" if self.elements else self.name

    def __str__(self) -> str:
        return f"{self.key}@{self.month}" if self.month else self.key


def parse_reference(text: str, *, where: str = "") -> Reference:
    """Read the text form of a variable.

    Parameters
    ----------
    text : str
        ``name``, ``name[Element]``, ``name[Element,Element]``, each with or without ``@YYYY-MM``.
    where : str, optional
        Where the text stands, for the error message.

    Returns
    -------
    Reference
        The parts, with blanks trimmed.

    Raises
    ------
    InputError
        If the name is empty, a bracket is not closed, an element is empty or the date is no month.

    Examples
    --------
    >>> parse_reference("encounters[Haiti]@2021-09")
    Reference(name='encounters', elements=('Haiti',), month='2021-09')
    """
    whole = text.strip()
    body, at, month = whole.partition("@")
    if at:
        month = strict_month(month.strip(), where=where or f'"{whole}"')
    quoted = _QUOTED.fullmatch(body)
    if quoted:
        name, bracket = quoted[1].strip(), (quoted[2] or "")
    else:
        name, opening, rest = body.partition("[")
        name, bracket = name.strip(), (opening + rest).strip()
    form = 'a form such as "name[Element]" or "name@2030-12"'
    if not name:
        raise InputError("no variable is named", where=where, found=f'"{whole}"', expected=form)
    if any(sign in name for sign in '[]"'):
        raise InputError(
            "a bracket or quotation mark is open", where=where, found=f'"{whole}"', expected=form
        )
    if not bracket:
        return Reference(name, month=month or None)
    if not bracket.endswith("]") or bracket.count("[") != 1 or bracket.count("]") != 1:
        raise InputError(
            "a bracket is not closed",
            where=where,
            found=f'"{whole}"',
            expected=form,
        )
    elements = tuple(" ".join(part.split()) for part in bracket[1:-1].split(","))
    if not all(elements):
        raise InputError(
            "an element between the brackets is empty", where=where, found=f'"{whole}"', expected=form
        )
    return Reference(name, elements, month or None)


def parse_number(text: str, *, where: str = "", unit: str | None = None) -> float:
    """Read a number written with a decimal point, and say how to mend what is none.

    Parameters
    ----------
    text : str
        The number.
    where : str, optional
        Where it stands, for the error message.
    unit : str, optional
        Of what it is a value of, where that is known; empty for a share.

    Returns
    -------
    float

    Raises
    ------
    InputError
        For text, for commas and per cent signs, and for values that are not finite.
    """
    body = text.strip()
    try:
        value = float(body)
    except ValueError:
        remedy = ""
        if body.endswith("%") and _is_number(body[:-1]):
            remedy = _percent_remedy(float(body[:-1]) / 100, unit)
        elif "," in body:
            remedy = comma_remedy(body)
        elif counted := _NUMBER_AND_UNIT.fullmatch(body):
            remedy = f"Leave the unit out: {counted[1]}"
        raise InputError(
            "not a number",
            where=where,
            found=f'"{body}"',
            expected="a number such as 0.5 or 1e3",
            remedy=remedy,
        ) from None
    if not math.isfinite(value) or "_" in body:
        raise InputError(
            "not a number", where=where, found=f'"{body}"', expected="a finite number such as 0.5 or 1e3"
        )
    return value


def _percent_remedy(share: float, unit: str | None) -> str:
    if unit is None:
        return f"Write a share as {share:g}, anything else as a number in its unit"
    if _SHARE.fullmatch(unit.strip()):
        return f"Write the share as {share:g}"
    return f"It is no share: write a number of its unit, {unit}"


def comma_remedy(text: str) -> str:
    """Say how to write a number that holds commas; an empty string for what is no such number.

    A comma before exactly three digits may part thousands, so that both readings are offered.

    Examples
    --------
    >>> comma_remedy("2,5")
    'Write 2.5, with a point for decimals'
    >>> comma_remedy("1,000")
    'Write 1000 without the comma, or 1.000 if it parts decimals'
    >>> comma_remedy("1,234,567.8"), comma_remedy("1.234,5"), comma_remedy("a,b")
    ('Write 1234567.8 without the commas', 'Write 1234.5, with a point for decimals', '')
    """
    body = text.strip()
    thousands = re.fullmatch(r"[+-]?[1-9]\d{0,2}((?:,\d{3})+)(?:\.\d*)?", body)
    if thousands and body.count(",") == 1 and "." not in body:
        whole, decimal = body.replace(",", ""), body.replace(",", ".")
        return f"Write {whole} without the comma, or {decimal} if it parts decimals"
    if thousands:
        return f"Write {body.replace(',', '')} without the comma{'s' * (body.count(',') > 1)}"
    if re.fullmatch(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+([eE][+-]?\d+)?", body):
        return f"Write {body.replace('.', '').replace(',', '.')}, with a point for decimals"
    return ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def without_quotes(text: str) -> str:
    """Leave out what stands in double quotes: names with any signs.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return re.sub(r'"[^"]*"', "", text)


def parse_setting(
    text: str,
    *,
    option: str = "--set",
    where: str = "",
    unit_of: Callable[[str], str | None] = lambda name: None,
) -> tuple[str, float]:
    """Read ``variable=value`` or ``variable[Element]=value`` as typed after ``--set``.

    Parameters
    ----------
    text : str
        The setting.
    option : str
        What it is typed after, for messages.
    where : str, optional
        Where it stands, for messages, if not alone after the option.
    unit_of : callable, optional
        The unit of a variable by its name, as `parse_number` takes it.

    Returns
    -------
    tuple of (str, float)
        The key as `flows.simulate` takes it, and the value.

    Raises
    ------
    InputError
        If there is no equals sign or a second one, no name, a date on the name, or no number after the sign.

    Examples
    --------
    >>> parse_setting("shelter support = 2")
    ('shelter support', 2.0)
    """
    where = where or f"{option} '{text}'"
    left, sign, right = text.rpartition("=")
    if not sign:
        raise InputError(
            "no equals sign",
            where=where,
            expected="variable=value",
            remedy=f"Write {option} 'shelter support=2'",
        )
    if left.strip() and "=" in without_quotes(left):
        raise InputError(
            "two equals signs",
            where=where,
            expected="variable=value",
            remedy=f"Give each setting an option of its own: {option} 'A=1' {option} 'B=2'",
        )
    reference = parse_reference(left, where=where)
    if reference.month is not None:
        raise InputError(
            "a setting holds for the whole run",
            where=where,
            found=f'the date "{reference.month}"',
            remedy="Leave the date out, or write a scenario file with a start",
        )
    return reference.key, parse_number(right, where=where, unit=unit_of(reference.name))


@dataclass(frozen=True)
class Expression:
    """Arithmetic over references and numbers.

    Attributes
    ----------
    text : str
        As written.
    root : tuple
        ``("number", float)``, ``("reference", Reference)``, ``(sign, left, right)`` or
        ``("negative", operand)``.
    """

    text: str
    root: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Expression:
        """Read an expression.

        Parameters
        ----------
        text : str
            For example ``encounters[Guatemala] + encounters[Honduras]``.
        where : str, optional
            Where it stands, for the error message.

        Raises
        ------
        InputError
            If an operand or a parenthesis is missing, or nothing is there.
        """
        return cls(text, _Reader(text, where).whole())

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every reference once, in the order of writing."""
        return tuple(dict.fromkeys(_leaves(self.root)))

    def evaluate(self, lookup: Callable[[Reference], T]) -> T | float:
        """Compute the value, asking ``lookup`` for each reference.

        Parameters
        ----------
        lookup : callable
            Reference → a number or an array that knows ``+ - * /``.
        """
        value: T | float = _evaluate(self.root, lookup)
        return value


def _leaves(node: tuple[Any, ...]) -> Iterator[Reference]:
    if node[0] == "reference":
        yield node[1]
    elif node[0] != "number":
        for child in node[1:]:
            yield from _leaves(child)


def _evaluate(node: tuple[Any, ...], lookup: Callable[[Reference], Any]) -> Any:
    match node:
        case ("number", value):
            return value
        case ("reference", reference):
            return lookup(reference)
        case ("negative", operand):
            return -_evaluate(operand, lookup)
        case (sign, left, right):
            a, b = _evaluate(left, lookup), _evaluate(right, lookup)
            return a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b
    raise AssertionError(node)


_MOST_TOKENS = 200  # so that none nests too deep to be walked


class _Reader:
    """Recursive descent: sum → product → signed → number, reference or parenthesis."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.tokens = self._split()
        self.place = 0

    def _split(self) -> list[str]:
        tokens, at = [], 0
        text = self.text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            token = (match[1] or match[2]).strip() if match else ""
            if match is None or not token:
                raise self._error("a bracket or quotation mark is open")
            tokens.append(token)
            at = match.end()
        return tokens

    def _error(self, what: str) -> InputError:
        return InputError(
            what,
            where=self.where,
            found=f'"{self.text.strip()}"',
            expected="names and numbers joined by + - * / and parentheses",
        )

    def _next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def whole(self) -> tuple[Any, ...]:
        if len(self.tokens) > _MOST_TOKENS:
            raise InputError(
                "an expression is too long",
                where=self.where,
                found=f"{len(self.tokens):,} names, numbers and signs",
                expected=f"{_MOST_TOKENS} at most",
            )
        node = self.sum()
        if self._next():
            raise self._error(f'a sign is missing before "{self._next()}"')
        return node

    def sum(self) -> tuple[Any, ...]:
        node = self.product()
        while self._next() in ("+", "-"):
            sign = self.tokens[self.place]
            self.place += 1
            node = (sign, node, self.product())
        return node

    def product(self) -> tuple[Any, ...]:
        node = self.signed()
        while self._next() in ("*", "/"):
            sign = self.tokens[self.place]
            self.place += 1
            node = (sign, node, self.signed())
        return node

    def signed(self) -> tuple[Any, ...]:
        token = self._next()
        self.place += 1
        if token == "-":
            return ("negative", self.signed())
        if token == "(":
            node = self.sum()
            if self._next() != ")":
                raise self._error("a parenthesis is not closed")
            self.place += 1
            return node
        if not token or token in "+*/)":
            raise self._error(
                f'an operand is missing before "{token}"' if token else "an operand is missing at the end"
            )
        if _is_number(token):
            return ("number", float(token))
        return ("reference", parse_reference(token, where=self.where))


def take(dataset: Any, reference: Reference, *, where: str = "") -> Any:
    """Read a reference from a result.

    Parameters
    ----------
    dataset : xarray.Dataset
        As `flows.simulate` returns it.
    reference : Reference
        Variable, elements and month.
    where : str, optional
        Where the reference stands, for the error message.

    Returns
    -------
    xarray.DataArray
        Without the dimensions of the elements; without ``time`` when a month is named (a stock is read at its
        end).

    Raises
    ------
    InputError
        If the variable, an element or the month isn't there; the nearest name is offered.
    """
    by_key = _by_key(tuple(dataset.data_vars))
    whole = by_key.get(fold_key(reference.key))
    if whole is not None:
        values = dataset[whole]
    else:
        name = by_key.get(fold(reference.name))
        if name is None:
            raise InputError(
                f'no variable "{reference.key}" in the result',
                where=where,
                remedy=near(reference.key, map(str, dataset.data_vars)),
            )
        values = dataset[name]
        for element in reference.elements:
            values = _select(values, element, reference, where)
    if reference.month is None or "time" not in values.dims:
        return values
    time = float(month_index(reference.month, where=where) + 1)
    times = values["time"].values
    if time < times[0] - 1e-9 or time > times[-1] + 1e-9:
        raise InputError(
            "the month lies outside the run",
            where=where or f'"{reference}"',
            found=reference.month,
            expected=f"a month from {month_of(times[0])} to {month_of(times[-1] - 1)}",
        )
    return at_time(values, time)


def at_time(values: Any, time: float) -> Any:
    """Read values at a model time, on the line between the saved times beside it.

    Parameters
    ----------
    values : xarray.DataArray
        Over any dimensions and ``time``.
    time : float
        Model time; outside the saved times no value is a number.

    Returns
    -------
    xarray.DataArray
        Without the dimension ``time``.
    """
    times = values["time"].values
    right = min(int(times.searchsorted(time)), len(times) - 1)
    after = values.isel(time=right).drop_vars("date", errors="ignore").assign_coords(time=time)
    if abs(times[right] - time) <= 1e-9:
        return after
    if not times[0] < time < times[-1]:
        return after.copy(data=after.values * float("nan"))
    before = values.isel(time=right - 1).values
    share = (time - times[right - 1]) / (times[right] - times[right - 1])
    return after.copy(data=before + share * (after.values - before))


@lru_cache(maxsize=16)
def _by_key(names: tuple[Any, ...]) -> dict[str, Any]:
    return {fold_key(str(name)): name for name in names}


def fold_key(text: str) -> str:
    """Fold a text form ``name[Element]``, so that all spellings of it are equal.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    name, opening, rest = text.partition("[")
    return fold(name) + opening + ",".join(fold(part) for part in rest.split(","))


def _select(values: Any, element: str, reference: Reference, where: str) -> Any:
    names: list[str] = []
    for dim in values.dims:
        if dim in ("time", "draw", "scenario") or dim not in values.coords:
            continue
        for label in values[dim].values:
            if fold(str(label)) == fold(element):
                return values.sel({dim: label})
            names.append(str(label))
    raise InputError(
        f'no element "{element}" of "{reference.name}"',
        where=where,
        expected=("one of " + ", ".join(names)) if names else "a variable without elements",
        remedy=near(element, names),
    )
