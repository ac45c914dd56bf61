"""Units of Vensim models: products and powers of named units, with synonyms; 1, Dmnl and dimensionless mean none.

Vensim's units are free names with integer powers, no conversion factors: an algebra of exponents is all they need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<op>[*/^()\-])|(?P<name>\"[^\"]*\"|[^\s*/^()\d][^*/^()]*))"
)
_LONGEST = 300
_NONE = frozenset({"dmnl", "dimensionless", "1", "fraction", "ratio"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of base units; `powers` is sorted by name and holds no zero."""

    powers: tuple[tuple[str, Fraction], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, Fraction(0)) + power
        return _unit(powers)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other ** Fraction(-1)

    def __pow__(self, power: Fraction) -> Unit:
        return _unit({name: p * power for name, p in self.powers})

    def __str__(self) -> str:
        if not self.powers:
            return "Dmnl"
        above = [_power(n, p) for n, p in self.powers if p > 0]
        below = [_power(n, -p) for n, p in self.powers if p < 0]
        text = "*".join(above) or "1"
        if below:
            text += "/" + ("(" + "*".join(below) + ")" if len(below) > 1 else below[0])
        return text


DIMENSIONLESS = Unit()


def _power(name: str, power: Fraction) -> str:
    return name if power == 1 else f"{name}^{power}"


def _unit(powers: Mapping[str, Fraction]) -> Unit:
    return Unit(tuple(sorted((n, p) for n, p in powers.items() if p)))


def is_rate(unit: str) -> bool:
    """Whether a unit is per month, so that a period counts by its total and a year by the mean of its months.

    Examples
    --------
    >>> is_rate("Event/Month"), is_rate("Person / Month"), is_rate("Person"), is_rate("Person*Month")
    (True, True, False, False)
    """
    return unit.replace(" ", "").endswith("/Month")


class Units:
    """Reads unit texts with a model's synonyms.

    Parameters
    ----------
    synonyms : iterable of sets of names
        The first name of each set stands for all; singular and plural (``Month``, ``Months``) are one by themselves.

    Examples
    --------
    >>> units = Units([("Person", "People")])
    >>> str(units.read("People / Month")), units.read("Months") == units.read("month")
    ('Person/Month', True)
    """

    def __init__(self, synonyms: Iterable[Iterable[str]] = ()) -> None:
        self._names: dict[str, str] = {}
        self._known: dict[str, Unit] = {}
        for group in synonyms:
            names = [n for n in group if n]
            for name in names:
                self._names[_key(name)] = self._names.get(_key(names[0]), names[0])

    def read(self, text: str) -> Unit:
        """Read a unit text.

        Raises
        ------
        ValueError
            With a sentence on what can't be read.
        """
        unit = self._known.get(text)
        if unit is None:
            if len(text) > _LONGEST:
                raise ValueError(f'the unit "{text[:30]}…" is too long')
            unit = self._known[text] = _Parser(text, self._name).unit()
        return unit

    def _name(self, name: str) -> str:
        key = _key(name)
        if key not in self._names:
            singular = key[:-1] if key.endswith("s") else key + "s"
            self._names[key] = self._names.get(singular, name)
        return self._names[key]


def _key(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


class _Parser:
    def __init__(self, text: str, names: object) -> None:
        self.text, self.at = text, 0
        self.names = names
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f'the unit "{text}" can\'t be read at "{text[at:]}"')
            self.tokens.append((str(match.lastgroup), match[0].strip().strip('"')))
            at = match.end()

    def unit(self) -> Unit:
        if not self.tokens:
            return DIMENSIONLESS
        unit = self.product()
        if self.at < len(self.tokens):
            raise ValueError(f'the unit "{self.text}" can\'t be read at "{self.tokens[self.at][1]}"')
        return unit

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def product(self) -> Unit:
        unit = self.factor()
        while self.peek() in (("op", "*"), ("op", "/")):
            operator = self.tokens[self.at][1]
            self.at += 1
            other = self.factor()
            unit = unit * other if operator == "*" else unit / other
        return unit

    def factor(self) -> Unit:
        kind, text = self.peek()
        self.at += 1
        if (kind, text) == ("op", "("):
            unit = self.product()
            if self.peek() != ("op", ")"):
                raise ValueError(f'a ")" is missing in the unit "{self.text}"')
            self.at += 1
        elif kind == "number":
            unit = DIMENSIONLESS
        elif kind == "name":
            name = self.names(text)  # type: ignore[operator]
            unit = DIMENSIONLESS if _key(name) in _NONE else Unit(((name, Fraction(1)),))
        else:
            raise ValueError(f'the unit "{self.text}" can\'t be read')
        if self.peek() == ("op", "^"):
            self.at += 1
            sign = 1
            if self.peek() == ("op", "-"):
                sign = -1
                self.at += 1
            kind, text = self.peek()
            self.at += 1
            if kind != "number":
                raise ValueError(f'a number must follow "^" in the unit "{self.text}"')
            unit = unit ** (sign * Fraction(text))
        return unit
