"""Checks of what depends on what: circles, units, where flows come from, what keeps a stock above zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from flows.errors import ModelError
from flows.inputs.tables import read_toml
from flows.inspection.finding import Finding, Places
from flows.model.check import DECLARED, conservation_findings, unit_findings
from flows.model.ir import (
    STEP_START,
    Binary,
    Expr,
    Number,
    Past,
    Reduce,
    Ref,
    Refused,
    Unary,
    Variable,
    walk,
)
from flows.model.model import Model
from flows.model.order import plan
from flows.references import fold
from flows.units import Units
from flows.vensim.sketch import Sketch, View, Word, parse_sketch
from flows.vensim.tree import Definition

_MOST_CIRCLES = 20


def circles(places: Places, model: Model) -> Iterator[Finding]:
    """Spell out definitions in a circle, one after the other."""
    variables = dict(model.variables)
    for _ in range(_MOST_CIRCLES):
        try:
            plan(replace(model, variables=variables))
            return
        except ModelError as error:
            finding = places.of_error("error", "circle", error)
            yield finding
            variable = variables.get(fold(finding.variable))
            if variable is None:
                return  # inside a macro
            if error.what.startswith("these initial values"):
                cut = [replace(eq, initial=Number(0.0)) for eq in variable.equations]
            else:
                cut = [replace(eq, expr=Number(0.0)) for eq in variable.equations]
            variables[variable.name] = replace(variable, equations=tuple(cut))


def units(places: Places, model: Model) -> Iterator[Finding]:
    """Hold declared against computed units, with the part of the equation that breaks."""
    for found in unit_findings(model):
        at = places.offset(found.where)
        assert at is not None
        declared = found.remedy.startswith(
            DECLARED
        )  # those that use the variable say which of the two is wrong
        yield places.at(
            "warning",
            "units",
            found.variable,
            found.what,
            places.units_at(at) if declared else at,
            whole=not declared,
            found=found.found,
            expected=found.expected,
            remedy=found.remedy,
        )


def uneven_units(places: Places, model: Model) -> Iterator[Finding]:
    """Report equations of one variable that declare different units."""
    read = Units(model.synonyms)
    first: dict[str, Definition] = {}
    for definition in places.source.definitions:
        if not definition.units:
            continue
        earlier = first.setdefault(fold(definition.name), definition)
        try:
            same = read.read(earlier.units) == read.read(definition.units)
        except ValueError:
            continue  # reported with the units themselves
        if not same:
            yield places.at(
                "warning",
                "units",
                definition.name,
                f'two equations of "{definition.name}" declare different units',
                definition.at,
                found=definition.units,
                expected=f"{earlier.units} as on line {places.source.span(earlier.at).line}",
                remedy="Correct one of them",
            )


def terms(expr: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    """Split a net flow at its plus and minus signs."""
    match expr:
        case Binary(operator="+" | "-" as operator):
            right = sign if operator == "+" else -sign
            return [*terms(expr.left, sign), *terms(expr.right, right)]
        case Unary(operator="-"):
            return terms(expr.operand, -sign)
        case _:
            return [(sign, expr)]


def stocks(model: Model) -> list[Variable]:
    """Stocks that the file names."""
    return [v for v in model.variables.values() if v.kind == "stock" and not v.hidden]


def control(places: Places, model: Model) -> Iterator[Finding]:
    """Report outflows that don't know how much is left: the stock can fall below zero.

    An outflow that repeats an inflow of the same stock later (a delay) is taken to be controlled.
    """
    variables = model.variables
    for stock in stocks(model):
        if stock.limits is not None and stock.limits[0] is not None and stock.limits[0] < 0:
            continue
        seen: set[str] = set()
        if any(
            isinstance(n, Refused) for eq in stock.equations if eq.expr is not None for n in walk(eq.expr)
        ):
            continue  # what isn't known can't be judged
        net = [term for eq in stock.equations if eq.expr is not None for term in terms(eq.expr)]
        inflows = {e.name for sign, e in net if sign > 0 and isinstance(e, Ref)}
        for sign, term in net:
            if sign > 0 or isinstance(term, Number):
                continue
            reached = _reached(variables, term)
            if stock.name in reached or inflows & reached or _unknown(variables, reached):
                continue
            name = variables[term.name].spelling if isinstance(term, Ref) and term.name in variables else ""
            if name in seen:
                continue
            seen.add(name)
            at = places.offset(f"{places.source.path}:{stock.span.line}:{stock.span.column}")
            yield places.at(
                "warning",
                "no control",
                stock.spelling,
                (f'the outflow "{name}"' if name else "an outflow")
                + f' of "{stock.spelling}" does not depend on the stock, which can fall below zero',
                at or 0,
                remedy=f'Let the outflow end when "{stock.spelling}" is empty, as in MIN(…, stock / time), or give the '
                "stock a range that begins below zero",
            )


def _reached(variables: Mapping[str, Variable], expr: Expr) -> set[str]:
    """Everything that an expression depends on at once or through delays, but not through stocks of the file."""
    found: set[str] = set()
    queue = _names(expr)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        variable = variables.get(name)
        if variable is None or (variable.kind == "stock" and not variable.hidden):
            continue
        for eq in variable.equations:
            for part in (eq.expr, eq.initial if variable.hidden else None):
                if part is not None:
                    queue.extend(_names(part))
    return found


def _unknown(variables: Mapping[str, Variable], names: set[str]) -> bool:
    """Whether one of some variables has no equation that makes sense."""
    found = [variables.get(n) for n in names if n not in ("time", STEP_START)]
    return any(
        v is None
        or any(isinstance(n, Refused) for eq in v.equations if eq.expr is not None for n in walk(eq.expr))
        for v in found
    )


def _names(expr: Expr) -> list[str]:
    return [n.name for n in walk(expr) if isinstance(n, Ref | Past)]


# ---------------------------------------------------------------------------------------------------- flows


def conservation(places: Places, model: Model) -> Iterator[Finding]:
    """Report flows that come from nowhere: from no stock and no cloud.

    Clouds are named in ``clouds.toml`` beside the file; without one, and for units that it doesn't concern, the sketch
    tells.
    """
    enters, leaves = _ends(model)
    covered: set[str] = set()
    boundary = _boundary(places, model)
    if any(boundary.values()):
        read = Units(model.synonyms)
        named = {*boundary["in"], *boundary["out"]}
        wanted = {
            read.read(s.units): s.units
            for flow in named
            for s in (*enters.get(flow, ()), *leaves.get(flow, ()))
        }
        for unit, text in wanted.items():
            inside = {
                flow
                for flow in {*enters, *leaves}
                if any(read.read(s.units) == unit for s in (*enters.get(flow, ()), *leaves.get(flow, ())))
            }
            if not covered:  # with the first unit, flows that stand in no stock's equation
                inside |= {n for n in named if n not in enters and n not in leaves}
            covered |= inside
            own = {k: [n for n in names if n in inside] for k, names in boundary.items()}
            for found in conservation_findings(model, unit=text, boundary=own):
                at = places.offset(found.where)
                yield places.at(
                    "warning",
                    "conservation",
                    found.variable,
                    found.what,
                    at or 0,
                    found=found.found,
                    expected=found.expected,
                    remedy=found.remedy,
                )
    yield from _drawn(places, model, enters, leaves, covered)


def _ends(model: Model) -> tuple[dict[str, list[Variable]], dict[str, list[Variable]]]:
    """Stocks that each flow enters and leaves, by folded name of the flow."""
    enters: dict[str, list[Variable]] = {}
    leaves: dict[str, list[Variable]] = {}
    for stock in stocks(model):
        for eq in stock.equations:
            for sign, term in terms(eq.expr) if eq.expr is not None else ():
                variable = model.variables.get(term.name) if isinstance(term, Ref) else None
                if variable is not None and variable.kind != "stock":
                    (enters if sign > 0 else leaves).setdefault(variable.name, []).append(stock)
    return enters, leaves


def _boundary(places: Places, model: Model) -> dict[str, list[str]]:
    """Flows from and to clouds by ``clouds.toml``: the table of the model's own name, else ``clouds``."""
    path = Path(places.source.path).with_name("clouds.toml")
    boundary: dict[str, list[str]] = {"in": [], "out": []}
    if not path.is_file():
        return boundary
    tables = read_toml(path, str(path))
    clouds = tables.get(model.path.stem, tables.get("clouds", {}))
    for cloud in clouds.values() if isinstance(clouds, dict) else ():
        for end, key in (("in", "out"), ("out", "in")):
            flows = cloud.get(key, ()) if isinstance(cloud, dict) else ()
            boundary[end].extend(fold(f) for f in flows if isinstance(f, str) and fold(f) in model.variables)
    return boundary


def _drawn(
    places: Places,
    model: Model,
    enters: Mapping[str, list[Variable]],
    leaves: Mapping[str, list[Variable]],
    covered: set[str],
) -> Iterator[Finding]:
    try:
        sketch = parse_sketch(places.source.text, places.source.path)
    except ModelError as error:
        yield places.of_error("warning", "sketch", error)
        return
    pipes = _pipes(sketch)
    for flow in sorted(
        {*enters, *leaves, *pipes} & {*model.variables}, key=lambda n: model.variables[n].span.line
    ):
        variable = model.variables[flow]
        at = places.offset(f"{places.source.path}:{variable.span.line}:{variable.span.column}") or 0
        into, out_of = enters.get(flow, []), leaves.get(flow, [])
        touched = {s.name for s in (*into, *out_of)}
        drawn = [e for ends in pipes.get(flow, ()) for e in ends]
        missing = False
        for end in dict.fromkeys(e.key for e in drawn if e.role != "cloud"):
            stock = model.variables.get(end)
            if stock is None or stock.kind != "stock" or stock.name in touched:
                continue
            net = [eq.expr for eq in stock.equations if eq.expr is not None]
            if not any(flow in _summed(model.variables, expr) for expr in net):
                stock_at = places.offset(f"{places.source.path}:{stock.span.line}:{stock.span.column}") or 0
                indirect = any(flow in _reached(model.variables, expr) for expr in net)
                missing |= not indirect
                yield places.at(
                    "note" if indirect else "warning",
                    "conservation",
                    stock.spelling,
                    f'the flow "{variable.spelling}" is drawn at "{stock.spelling}" but does not stand in its equation',
                    stock_at,
                    remedy="Add it to the stock's net flow, or end its pipe in a cloud",
                )
        if missing or flow in covered or not into or out_of or any(e.role == "cloud" for e in drawn):
            continue  # told at the stock, or in order
        if all(_adjusts(variable, s) for s in into):
            continue
        names = ", ".join(f'"{n}"' for n in dict.fromkeys(s.spelling for s in into))
        yield places.at(
            "note",
            "conservation",
            variable.spelling,
            f'the flow "{variable.spelling}" enters {names} and leaves no stock and no cloud',
            at,
            remedy="Subtract it from the stock that it leaves, draw a cloud at its start, or name one in clouds.toml",
        )


def _summed(variables: Mapping[str, Variable], expr: Expr) -> set[str]:
    """Variables that a net flow adds up, at once or through sums of their own."""
    found: set[str] = set()
    queue = [expr]
    while queue:
        for _, term in terms(queue.pop()):
            if isinstance(term, Reduce):
                queue.append(term.body)
            elif isinstance(term, Ref) and term.name not in found:
                found.add(term.name)
                variable = variables.get(term.name)
                if variable is not None and variable.kind == "auxiliary":
                    queue.extend(eq.expr for eq in variable.equations if eq.expr is not None)
    return found


def _adjusts(flow: Variable, stock: Variable) -> bool:
    """True for a change towards a goal, ``(goal - stock) / time``: nothing moves from one place to another."""
    return any(
        isinstance(n, Binary)
        and n.operator == "-"
        and any(isinstance(m, Ref) and m.name == stock.name for m in walk(n.right))
        for eq in flow.equations
        if eq.expr is not None
        for n in walk(eq.expr)
    )


def _pipes(sketch: Sketch) -> dict[str, list[list[Word]]]:
    """What the pipes of each flow end at, by folded name of the flow: a list for each valve."""
    found: dict[str, list[list[Word]]] = {}
    for view in sketch.views:
        words = view.by_id
        for word in view.words:
            if word.role == "valve" and (name := _name_of(view, word)) is not None:
                ends = [words[a.end] for a in view.arrows if a.pipe and a.start == word.id and a.end in words]
                found.setdefault(name, []).append(ends)
    return found


def _name_of(view: View, valve: Word) -> str | None:
    """Folded name of the flow at a valve: the attached word that follows it."""
    words: Iterable[Word] = view.words
    after = False
    for word in words:
        if after:
            return word.key if word.role == "flow" else None
        after = word is valve
    return None
