"""What target languages share that take expressions as texts: names for values, addresses as index expressions."""

from __future__ import annotations

from typing import ClassVar

from flows.engine.emit import Address, Body
from flows.engine.layout import Layout
from flows.model.model import Model

__all__ = ["DEEPEST", "TextBody"]

DEEPEST = 60
"""Parentheses in a value before it gets a name: Python's parser takes two hundred within each other."""


class TextBody(Body):
    """Values are expressions; the statements of the body are lines of text.

    Attributes
    ----------
    names : dict of str to str
        Variable of each loop index.
    tables : dict of tuple to str
        Lists of positions, and the names of the arrays that hold them; shared by all bodies of a program.
    lines : list of str
        Statements so far.
    """

    NAMED: ClassVar[str]
    """The statement that gives a ``name`` to a ``value``."""

    def __init__(
        self, model: Model, places: Layout, names: dict[str, str], tables: dict[tuple[int, ...], str]
    ) -> None:
        super().__init__(model, places)
        self.names, self.tables = names, tables
        self.lines: list[str] = []

    def number(self, value: float) -> str:
        """A literal."""
        text = repr(float(value))
        return f"({text})" if text.startswith("-") else text

    def time(self) -> str:
        """Model time."""
        return "t"

    def step_start(self) -> str:
        """Model time at the start of the step."""
        return "start"

    def half_step(self) -> str:
        """Half a time step."""
        return "(0.5 * dt)"

    def named(self, value: str) -> str:
        """A fresh name for a value."""
        name = f"x{len(self.lines)}"
        self.lines.append(self.NAMED.format(name=name, value=value))
        return name

    def keep(self, value: str) -> str:
        """A name for a value, unless it is a name or a number."""
        if value.isidentifier() or value.replace(".", "").isdigit():
            return value
        return self.named(value)

    def shallow(self, value: str) -> str:
        """A name for a value with many parentheses, which a parser may not take."""
        return self.keep(value) if value.count("(") > DEEPEST else value

    def index_text(self, address: Address) -> str:
        """An address as an index expression."""
        parts = [str(address.constant)] if address.constant or not address.terms else []
        for stride, index, positions in address.terms:
            name = self.names[index]
            if positions is not None:
                name = f"{self.position_table(positions)}[{name}]"
            parts.append(f"{stride} * {name}" if stride > 1 else name)
        return " + ".join(parts)

    def position_table(self, values: tuple[int, ...]) -> str:
        """The name of an array of whole numbers."""
        return self.tables.setdefault(values, f"P{len(self.tables)}")

    def read(self, address: Address) -> str:
        """Load a slot."""
        return self.named(f"w[{self.index_text(address)}]")

    def write(self, address: Address, value: str) -> str:
        """Store a slot."""
        return self.named(f"w[{self.index_text(address)}] = {value}")

    def negative(self, value: str) -> str:
        """Change the sign."""
        return f"(-{value})"

    def vector(self, name: str, values: list[str]) -> str:
        """A function of vectors, from a list of all its values."""
        return self.named(f"{name}([{', '.join(values)}])")
