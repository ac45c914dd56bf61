"""Checks on the representation: units of every equation, conservation of what flows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import product

from flows.model.blame import OPERATOR, Blame
from flows.model.finding import Finding
from flows.model.ir import Variable, deep
from flows.model.measure import DECLARED, UNREADABLE, UnitCheck
from flows.model.model import Model, flow_terms
from flows.references import fold
from flows.units import Unit, Units

__all__ = [
    "DECLARED",
    "OPERATOR",
    "UNREADABLE",
    "Finding",
    "conservation_findings",
    "readable",
    "unit_findings",
]


@deep
def unit_findings(
    model: Model,
    *,
    doubtful: Collection[str] = (),
    sound: Collection[str] = (),
    left_out: Collection[str] = (),
) -> list[Finding]:
    """Check the units of every equation: the declared against the computed, and every sum, comparison and call inside.

    Parameters
    ----------
    model : Model
    doubtful : collection of str
        Folded names of variables whose equations are known to be wrong for another reason.
    sound : collection of str
        Those of variables whose equations use what they should, as a sketch shows.
    left_out : collection of str
        Those of variables whose equations aren't held against their units.

    Returns
    -------
    list of Finding
        In the order of the file; empty if all units match. Variables without units are taken to fit anything.
    """
    check = UnitCheck(model)
    result = check.read()
    found = {v.name: list(check.variable(v)) for v in model.variables.values() if v.name not in left_out}
    if any(found.values()):
        found = Blame(check, found, doubtful, sound).settled()
    result.extend(f for some in found.values() for f in some)
    return sorted(result, key=lambda f: int(f.where.rsplit(":", 2)[-2]))  # file:line:column


def readable(text: str, units: Units) -> Unit | None:
    """Read a unit; None if it can't be read, which `unit_findings` reports."""
    try:
        return units.read(text)
    except ValueError:
        return None


def conservation_findings(model: Model, *, unit: str, boundary: Mapping[str, Iterable[str]]) -> list[Finding]:
    """Check that each flow of a unit leaves one stock or named cloud and enters exactly one.

    Parameters
    ----------
    model : Model
    unit : str
        Unit of the stocks concerned, such as ``Person``.
    boundary : mapping of str to names
        ``{"in": flows that come from a cloud, "out": flows that end in one}``.

    Returns
    -------
    list of Finding
        Net flows with terms that are no plain flow, flows with no or several ends, flows that need a cloud or don't.
    """
    units = Units(model.synonyms)
    wanted = units.read(unit)
    enters: dict[str, list[Variable]] = {}
    leaves: dict[str, list[Variable]] = {}
    findings: list[Finding] = []
    for v in model.variables.values():
        if v.kind != "stock" or v.hidden or readable(v.units, units) != wanted:
            continue
        for eq in v.equations:
            assert eq.expr is not None
            own = tuple(eq.axes)
            for sign, ref in flow_terms(eq.expr):
                if (
                    ref is None
                    or ref.name not in model.variables
                    or model.variables[ref.name].kind == "stock"
                ):
                    findings.append(
                        Finding(
                            v.spelling,
                            f'the net flow of "{v.spelling}" has a term that is no flow',
                            model.where(v),
                        )
                    )
                    continue
                aligned = all(
                    getattr(s, "elements", (getattr(s, "element", ""),)) == elements
                    for s, (_, elements) in zip(ref.subscripts, own, strict=False)
                ) and len(ref.subscripts) == len(own)
                if not ref.subscripts and all(len(elements) == 1 for _, elements in own):
                    aligned = True  # a flow without subscripts into or out of one element
                if not aligned:
                    findings.append(
                        Finding(
                            v.spelling,
                            f'"{v.spelling}" takes "{model.variables[ref.name].spelling}" of other elements',
                            model.where(v),
                        )
                    )
                (enters if sign > 0 else leaves).setdefault(ref.name, []).append(v)
    from_cloud = {fold(n) for n in boundary.get("in", ())}
    to_cloud = {fold(n) for n in boundary.get("out", ())}
    for name in sorted({*enters, *leaves, *from_cloud, *to_cloud}):
        variable = model.variables.get(name)
        spelling = variable.spelling if variable else name
        where = model.where(variable) if variable else str(model.path)
        for ends, clouds, verb, sign in (
            (leaves.get(name, []), from_cloud, "leaves", -1),
            (enters.get(name, []), to_cloud, "enters", +1),
        ):
            stocks = sorted({v.spelling for v in ends})
            n = len(ends) + (name in clouds)
            overlapping = len(ends) > 1 and not _disjoint(name, sign, ends)
            if n == 0 or (name in clouds and ends) or overlapping:
                findings.append(
                    Finding(
                        spelling,
                        f'the flow "{spelling}" {verb} {n or "no"} stocks or clouds',
                        where,
                        ", ".join(stocks) + (" and a cloud" if name in clouds else ""),
                        "exactly one",
                        "Correct the net flows, or name the cloud in clouds.toml",
                    )
                )
    return findings


def _disjoint(name: str, sign: int, stocks: list[Variable]) -> bool:
    """True if no element of the flow is taken twice, by several equations of one stock or by several stocks."""
    taken: set[tuple[str, ...]] = set()
    for stock in {v.name: v for v in stocks}.values():
        for eq in stock.equations:
            if eq.expr is None:
                continue
            for term_sign, ref in flow_terms(eq.expr):
                if ref is None or ref.name != name or term_sign != sign:
                    continue
                axes = (getattr(s, "elements", (getattr(s, "element", ""),)) for s in ref.subscripts)
                for element in product(*axes):
                    if element in taken:
                        return False
                    taken.add(element)
    return True
