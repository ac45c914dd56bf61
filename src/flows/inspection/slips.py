"""Slips that neither syntax nor units show where they are: arguments exchanged, a share in hundredths."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from flows.inspection.finding import Finding, Places, walk
from flows.model.check import readable
from flows.model.measure import UnitCheck
from flows.model.model import Model
from flows.references import fold
from flows.units import DIMENSIONLESS, Unit, Units
from flows.vensim.tree import Apply, Name, Node, Num, Op

__all__ = ["exchanged", "expanded", "hundredths"]

_OVER_TIME = ("smooth", "delay")
"""How the names of functions begin that take an input and then a time; TREND and FORECAST do too."""
_COMPARED = frozenset({"=", "<>", "<", "<=", ">", ">=", ":and:", ":or:", ":not:"})
_SHARE = re.compile(r"\b(?:fraction|frac|share|probability|proportion)\b")
_OTHER = re.compile(
    r"effect|elastic|sensitiv|coef|multipl|nonlin|growth|expon|switch|year|time|slope|number|ratio"
)


def exchanged(places: Places, model: Model) -> Iterator[Finding]:
    """Report calls whose arguments stand in each other's place.

    The input of a smooth or delay is a time and its time none, or the condition of IF THEN ELSE is a quantity and one
    of its results a comparison.
    """
    check = UnitCheck(model)
    check.read()
    own = {fold(m.name) for m in places.source.macros}
    for definition in places.source.definitions:
        for node in walk(definition.expression):
            if not isinstance(node, Apply) or len(node.arguments) < 2 or fold(node.name) in own:
                continue
            name = fold(node.name)
            first, second = (_unit(check, a) for a in node.arguments[:2])
            if name.startswith(_OVER_TIME) or name in ("trend", "forecast"):
                if first == check.time_unit is not None and second not in (None, check.time_unit):
                    yield places.at(
                        "warning",
                        "arguments",
                        definition.name,
                        f"the first two arguments of {node.name.upper()} stand in each other's place",
                        node.at,
                        whole=True,
                        found=f"{first} and {second}",
                        expected="the input, then a time",
                        remedy="Exchange them",
                    )
            elif (
                name == "if then else"
                and first not in (None, DIMENSIONLESS)
                and any(isinstance(a, Op) and a.operator.lower() in _COMPARED for a in node.arguments[1:])
            ):
                yield places.at(
                    "warning",
                    "arguments",
                    definition.name,
                    "the condition of IF THEN ELSE is a quantity, and one of its results a comparison",
                    node.at,
                    whole=True,
                    expected="the condition first",
                    remedy="Exchange them",
                )


def _unit(check: UnitCheck, node: Node) -> Unit | None:
    return check.declared.get(fold(node.name)) if isinstance(node, Name) else None


def expanded(places: Places, model: Model, owners: Collection[str]) -> frozenset[str]:
    """Folded names of some variables and of what is expanded from their equations."""
    if not owners:
        return frozenset()
    spans = [(d.start, d.end) for d in places.source.definitions if fold(d.name) in owners]
    found = {*owners}
    for v in model.variables.values():
        at = places.offset(f"{places.source.path}:{v.span.line}:{v.span.column}") if v.hidden else None
        if at is not None and any(start <= at < end for start, end in spans):
            found.add(v.name)
    return frozenset(found)


def hundredths(places: Places, model: Model) -> Iterator[Finding]:
    """Report numbers above 1 that are called a share, a fraction or a probability and have no unit."""
    for definition in places.source.definitions:
        node = definition.expression
        name = fold(definition.name)
        if not isinstance(node, Num) or not node.value > 1 or not _SHARE.search(name) or _OTHER.search(name):
            continue
        variable = model.variables.get(name)
        if variable is None or not variable.units or not _plain(variable.units, model):
            continue
        if definition.limits is not None and (definition.limits[1] is None or definition.limits[1] > 1):
            continue  # its author says that it may be
        yield places.at(
            "warning",
            "range",
            definition.name,
            f'"{definition.name}" is a part of a whole and above 1',
            node.at,
            found=f"{node.value:g}",
            expected="at most 1",
            remedy="Divide a percentage by 100, or give the range that is meant behind the units",
        )


def _plain(units: str, model: Model) -> bool:
    return readable(units, Units(model.synonyms)) == DIMENSIONLESS
