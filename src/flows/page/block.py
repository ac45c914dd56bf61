"""The series of a page while it is put together, and the words and units of both languages for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.errors import InputError
from flows.inputs import Labels
from flows.model.model import Model
from flows.page.words import read_words
from flows.references import Reference, fold

LANGUAGES = ("en", "es")


@dataclass
class Block:
    """The series of a page while it is put together: each a title, a unit and how it comes from the kernel's rows."""

    model: Model
    spec: Mapping[str, Any]
    labels: Mapping[str, Labels]
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    inputs: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    series: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.spec["times"])
        for output in self.spec["outputs"]:
            self.rows[fold(output["name"]), element_key(output["element"])] = output["offset"] // count
        for given in self.spec["inputs"]:
            self.inputs[fold(given["name"]), element_key(given["element"])] = given

    def input(self, name: str, element: str = "") -> int | None:
        """Position of an input; None for one that the kernel lacks."""
        found = self.inputs.get((fold(name), element_key(element)))
        return None if found is None else int(found["index"])

    def all_rows(self, name: str) -> list[int]:
        """Rows of all elements of a variable."""
        return [row for (found, _), row in self.rows.items() if found == fold(name)]

    def leaf(self, reference: Reference) -> Any:
        """A reference of an expression as the page computes it: rows to add up, or an input."""
        key = (fold(reference.name), element_key(",".join(reference.elements)))
        if key in self.rows:
            return {"rows": [self.rows[key]]}
        if key in self.inputs:
            return {"input": int(self.inputs[key]["index"])}
        raise InputError(f'"{reference.key}" is not a single number at a time', where=str(self.model.path))

    def add(self, key: str, made: dict[str, Any]) -> int:
        """Keep a series; its position."""
        self.places[key] = len(self.series)
        self.series.append(made)
        return self.places[key]


def in_each_language(block: Block, say: Any) -> dict[str, str]:
    """What labels say, by language."""
    return {lang: str(say(labels)) for lang, labels in block.labels.items()}


def sentence(name: str) -> str:
    """A name as the start of a sentence."""
    return name[:1].upper() + name[1:]


def unit_words(block: Block, text: str, name: str = "") -> dict[str, str]:
    """A unit in words; of some variables, by name, in words of their own."""
    words = read_words("en")
    one = words["units_of"].get(name) or words["units"].get(re.sub(r"\s", "", text), text)
    return {"en": one, "es": block.labels["es"].unit(text)}


def time_unit(model: Model) -> str:
    """Unit of the model's time, as its file writes it."""
    return str(model.variables["time step"].units.strip())


def element_key(text: str | None) -> str:
    """Elements such as ``Haiti, Women``, folded, for looking up."""
    return ",".join(fold(part) for part in (text or "").split(",") if part.strip())


def shortened(value: float) -> float:
    """Seven digits, which nobody sees the end of."""
    return float(f"{float(value):.7g}")
