"""Checks of what depends on what: circles, units, where flows come from, what keeps a stock above zero."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from flows.inputs.tables import read_toml
from flows.inspection.drawn import Drawn, agreeing
from flows.inspection.finding import LEVELS, Finding, Places
from flows.inspection.names import is_slip
from flows.model.check import (
    DECLARED,
    OPERATOR,
    UNREADABLE,
    conservation_findings,
    readable,
    unit_findings,
)
from flows.model.ir import (
    STEP_START,
    Binary,
    Element,
    Expr,
    Number,
    Past,
    Reduce,
    Ref,
    Refused,
    Unary,
    Variable,
    rebuilt,
    walk,
)
from flows.model.model import Model
from flows.model.order import CircularError, plan
from flows.references import fold
from flows.units import Unit, Units
from flows.vensim.tree import Definition

_CONTRADICTED = re.compile(
    r"does not stand in its equation$| stands twice in the net flow of |where the sketch draws|"
    r" but (subtracted from|added to) it$"
)
_OFTEN = 3  # equations with a unit beside which one with another letter is a slip
_MOST_CIRCLES = 20
_MOST_LINKS = 12  # of a circle that are tried


def circles(places: Places, model: Model, drawn: Drawn) -> Iterator[Finding]:
    """Spell out definitions in a circle, one after the other, at the reference that closes it.

    Where several circles have a reference in common, it is that one; of several that no arrow shows before others.
    """
    variables = dict(model.variables)
    for _ in range(_MOST_CIRCLES):
        error = _circle(model, variables)
        if error is None:
            return
        opened = {
            link: cut
            for link in error.links[:_MOST_LINKS]
            if (cut := _opened(variables, *link)) is not None
            and not _names_of(_circle(model, cut)) & _names_of(error)
        }
        named = error.what.rsplit(": ", 1)[-1].split(" -> ")[0]
        first = next((li for li in error.links if model.variables[li[1]].spelling == named), error.links[0])
        starts = {
            link: cut
            for link in error.links[:_MOST_LINKS]
            if (cut := _unstarted(variables, *link)) is not None
            and not _names_of(_circle(model, cut)) & _names_of(error)
        }
        links = (
            [li for li in opened if drawn.without(*li)]
            or [*starts]
            or [first][first not in opened :]
            or [*opened, first]
        )
        link = links[0]
        finding = places.of_error("error", "circle", error)
        at = _reference(places, model, *link, start=_is_started(model.variables[link[1]]))
        if at is not None:
            definition = places.definition(at)
            finding = places.at(
                "error",
                "circle",
                finding.variable if definition is None else definition.name,
                error.what,
                at,
                remedy=error.remedy,
            )
        yield finding
        cut = starts.get(link) or opened.get(link) or _opened(variables, *link)
        if cut is None:
            return
        variables = cut


def _circle(model: Model, variables: Mapping[str, Variable]) -> CircularError | None:
    try:
        plan(replace(model, variables=variables))
    except CircularError as error:
        return error
    return None


def _names_of(error: CircularError | None) -> set[str]:
    return set() if error is None else {name for link in error.links for name in link}


def _unstarted(variables: Mapping[str, Variable], cause: str, user: str) -> dict[str, Variable] | None:
    """The variables with a stock of the file that starts at zero; None if it doesn't start with a cause."""
    stock = variables[user]
    initials = [eq.initial for eq in stock.equations if eq.initial is not None]
    if not _is_started(stock) or not any(cause in _names(e) for e in initials):
        return None
    equations = tuple(replace(eq, initial=eq.initial and Number(0.0)) for eq in stock.equations)
    return {**variables, user: replace(stock, equations=equations)}


def _opened(variables: Mapping[str, Variable], cause: str, user: str) -> dict[str, Variable] | None:
    """The variables with one that no longer uses a cause; None if it doesn't."""
    variable = variables[user]
    equations = tuple(
        replace(
            eq,
            expr=eq.expr and _without(eq.expr, cause),
            initial=eq.initial and _without(eq.initial, cause),
        )
        for eq in variable.equations
    )
    if equations == variable.equations:
        return None
    return {**variables, user: replace(variable, equations=equations)}


def _without(expr: Expr, cause: str) -> Expr:
    """An expression with zero in the place of a variable, or zero where that can't be."""
    if isinstance(expr, Ref):
        return Number(0.0) if expr.name == cause else expr
    if isinstance(expr, Element) and expr.array.name == cause:
        return Number(0.0)
    return rebuilt(expr, lambda child: _without(child, cause))


def _reference(places: Places, model: Model, cause: str, user: str, *, start: bool = False) -> int | None:
    """Offset at which a variable uses a cause; None if that can't be shown in the file."""
    equations = model.variables[user].equations
    parts = [eq.initial for eq in equations] if start else []
    for expr in (*parts, *(e for eq in equations for e in (eq.expr, eq.initial))):
        for node in walk(expr) if expr is not None else ():
            if isinstance(node, Ref) and node.name == cause and node.span.line:
                return places.offset(f"{places.source.path}:{node.span.line}:{node.span.column}")
    return None


def _is_started(variable: Variable) -> bool:
    """True for a stock of the file: where a circle of initial values is to be opened."""
    return variable.kind == "stock" and not variable.hidden


def held_back(model: Model, found: list[Finding], ran: list[Finding]) -> list[Finding]:
    """Findings with those of a base run, but what hangs on an equation that is known to be wrong is only counted.

    The sketch contradicts it, or its units fit with another operator.

    The finding at that equation is then as grave as the gravest of them.
    """
    users: dict[str, set[str]] = {}
    for variable in model.variables.values():
        for eq in variable.equations:
            for expr in (eq.expr, eq.initial):
                for name in _names(expr) if expr is not None else ():
                    users.setdefault(name, set()).add(variable.name)
    left = ran
    told: list[Finding] = []
    for finding in found:
        contradicted = finding.rule in ("drawn", "conservation") and _CONTRADICTED.search(finding.what)
        if contradicted or (finding.rule == "units" and finding.remedy.startswith(OPERATOR)):
            reached, queue = {fold(finding.variable)}, [fold(finding.variable)]
            while queue:
                more = users.get(queue.pop(), set()) - reached
                reached |= more
                queue.extend(more)
            later = [f for f in left if f.rule == "time step" or fold(f.variable) not in reached]
            hang = [f for f in left if f not in later]
            if hang:
                one = len(hang) == 1
                words = (
                    f"{len(hang)} finding{'' if one else 's'} of the base run hang{'s' if one else ''} on it"
                )
                finding = replace(
                    finding,
                    level=min((finding.level, *(f.level for f in hang)), key=LEVELS.index),
                    what=f"{finding.what} ({words} and {'is' if one else 'are'} left out)",
                )
            left = later
        told.append(finding)
    return [*told, *left]


def units(
    places: Places,
    model: Model,
    drawn: Drawn,
    doubtful: Collection[str],
    left_out: Collection[str] = (),
) -> Iterator[Finding]:
    """Hold declared against computed units, with the part of the equation that breaks.

    Equations of some variables are left out. What is expanded from an equation (a stock of SMOOTH) speaks for it, if
    nothing else does.
    """
    hidden = {v.spelling for v in model.variables.values() if v.hidden}
    findings = unit_findings(model, doubtful=doubtful, sound=agreeing(places, drawn), left_out=left_out)
    own = {fold(f.variable) for f in findings if f.variable not in hidden}
    for found in sorted(findings, key=lambda f: f.variable in hidden):
        at = places.offset(found.where)
        assert at is not None
        if found.variable in hidden and (owner := places.definition(at)) is not None:
            if fold(owner.name) in own:
                continue
            own.add(fold(owner.name))
            what = found.what.replace(f'"{found.variable}"', f'"{owner.name}"')
            found = replace(found, variable=owner.name, what=what)
        # those that use the variable say which of the two is wrong
        declared = found.remedy.startswith((DECLARED, UNREADABLE))
        definition = places.definition(at)
        whole = not declared
        if declared:
            at = places.units_at(at)
        elif definition is not None and at == definition.at:
            at, whole = places.expression_at(places.source.span(at)), False
        yield places.at(
            "warning",
            "units",
            found.variable,
            found.what,
            at,
            whole=whole,
            found=found.found,
            expected=found.expected,
            remedy=found.remedy,
        )


def uneven_units(places: Places, model: Model, told: Collection[Finding] = ()) -> Iterator[Finding]:
    """Report equations of one variable that declare other units than most of them; not where it was told already."""
    read = Units(model.synonyms)
    all_of: dict[str, list[tuple[Definition, Unit]]] = {}
    first: dict[str, Definition] = {}
    for definition in places.source.definitions:
        if not definition.units:
            continue
        earlier = first.setdefault(fold(definition.name), definition)
        try:
            unit = read.read(definition.units)
            all_of.setdefault(fold(definition.name), []).append((definition, unit))
        except ValueError as error:
            if definition is not earlier:  # the first ones are reported with all units
                at = places.units_at(definition.at)
                yield places.at("warning", "units", definition.name, str(error), at)
    known = {f.line for f in told}
    for pairs in all_of.values():
        counts = Counter(unit for _, unit in pairs)
        usual = max(counts, key=lambda u: counts[u])  # of several the first
        example = next(d for d, unit in pairs if unit == usual)
        for definition, unit in pairs:
            if unit == usual:
                continue
            at = places.units_at(definition.at)
            if places.source.span(at).line not in known:
                yield places.at(
                    "warning",
                    "units",
                    definition.name,
                    f'two equations of "{definition.name}" declare different units',
                    at,
                    found=definition.units,
                    expected=f"{example.units} as on line {places.source.span(example.at).line}",
                    remedy="Correct one of them",
                )


def near_units(places: Places, model: Model, told: Collection[Finding] = ()) -> Iterator[Finding]:
    """Report a unit that stands once and differs by a letter from one that stands often; not where units are told."""
    read = Units(model.synonyms)
    users: dict[str, list[Definition]] = {}
    for definition in places.source.definitions:
        with contextlib.suppress(ValueError):
            for name, _ in read.read(definition.units).powers if definition.units else ():
                users.setdefault(name, []).append(definition)
    known = {f.line for f in told}
    often = [name for name, own in users.items() if len(own) >= _OFTEN]
    for name, (definition, *others) in users.items():
        near = [] if others else [o for o in often if is_slip(fold(name), fold(o))]
        if not near:
            continue
        at = places.units_at(definition.at)
        if places.source.span(at).line not in known:
            yield places.at(
                "warning",
                "units",
                definition.name,
                f'the unit "{name}" of "{definition.name}" stands nowhere else, and "{near[0]}" does',
                at,
                remedy=f'Did you mean "{near[0]}"?',
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


def control(places: Places, model: Model, doubtful: Collection[str]) -> Iterator[Finding]:
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
            if name in seen or {fold(name), stock.name} & {*doubtful}:
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


def conservation(places: Places, model: Model, drawn: Drawn, doubtful: Collection[str]) -> Iterator[Finding]:
    """Report flows that come from nowhere: from no stock and no cloud.

    Clouds are named in ``clouds.toml`` beside the file; without one, and for units that it doesn't concern, the sketch
    tells.
    """
    enters, leaves = _ends(model)
    covered: set[str] = set()
    loose: list[Finding] = []
    boundary = _boundary(places, model, {*enters, *leaves})
    if any(boundary.values()):
        unit_of = {s.name: readable(s.units, Units(model.synonyms)) for s in stocks(model)}
        named = {*boundary["in"], *boundary["out"]}
        wanted = {
            unit: s.units
            for flow in named
            for s in (*enters.get(flow, ()), *leaves.get(flow, ()))
            if (unit := unit_of[s.name]) is not None
        }
        for unit, text in wanted.items():
            inside = {
                flow
                for flow in {*enters, *leaves}
                if any(unit_of[s.name] == unit for s in (*enters.get(flow, ()), *leaves.get(flow, ())))
            }
            if not covered:  # with the first unit, flows that stand in no stock's equation
                inside |= {n for n in named if n not in enters and n not in leaves}
            covered |= inside
            own = {k: [n for n in names if n in inside] for k, names in boundary.items()}
            for found in conservation_findings(model, unit=text, boundary=own):
                at = places.offset(found.where)
                finding = places.at(
                    "warning",
                    "conservation",
                    found.variable,
                    found.what,
                    at or 0,
                    found=found.found,
                    expected=found.expected,
                    remedy=found.remedy,
                )
                loose.append(finding)
    told: set[str] = set()
    for flow, finding in doubled(places, model):
        told.add(flow)
        yield finding
    yield from _drawn(places, model, drawn, enters, leaves, covered, doubtful, told)
    yield from (f for f in loose if fold(f.variable) not in told)


def doubled(places: Places, model: Model) -> Iterator[tuple[str, Finding]]:
    """Report flows that stand twice in the net flow of a stock, each with its folded name."""
    for stock in stocks(model):
        for eq in stock.equations:
            seen: set[tuple[str, object]] = set()
            for _, term in terms(eq.expr) if eq.expr is not None else ():
                if not isinstance(term, Ref) or term.name not in model.variables:
                    continue
                if (term.name, term.subscripts) not in seen:
                    seen.add((term.name, term.subscripts))
                    continue
                flow = model.variables[term.name].spelling
                span = term.span if term.span.line else eq.span
                yield (
                    term.name,
                    places.at(
                        "warning",
                        "conservation",
                        stock.spelling,
                        f'the flow "{flow}" stands twice in the net flow of "{stock.spelling}"',
                        places.offset(f"{places.source.path}:{span.line}:{span.column}") or 0,
                        remedy="Remove one of the two, or correct its name",
                    ),
                )


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


def _boundary(places: Places, model: Model, flows: Collection[str]) -> dict[str, list[str]]:
    """Flows from and to clouds by ``clouds.toml``: the table of the model's own name, else ``clouds``.

    In a flattened model, ``departures`` are all flows such as ``departures Mexico``.
    """

    def meant(name: str) -> list[str]:
        if name in model.variables:
            return [name]
        return [f for f in flows if f.startswith(f"{name} ")]

    path = Path(places.source.path).with_name("clouds.toml")
    boundary: dict[str, list[str]] = {"in": [], "out": []}
    if not path.is_file():
        return boundary
    tables = read_toml(path, str(path))
    clouds = tables.get(model.path.stem, tables.get("clouds", {}))
    for cloud in clouds.values() if isinstance(clouds, dict) else ():
        for end, key in (("in", "out"), ("out", "in")):
            named = cloud.get(key, ()) if isinstance(cloud, dict) else ()
            boundary[end].extend(n for f in named if isinstance(f, str) for n in meant(fold(f)))
    return boundary


def _drawn(
    places: Places,
    model: Model,
    drawn: Drawn,
    enters: Mapping[str, list[Variable]],
    leaves: Mapping[str, list[Variable]],
    covered: set[str],
    doubtful: Collection[str],
    told: set[str],
) -> Iterator[Finding]:
    if drawn.error is not None:
        told_of = places.of_error("warning", "sketch", drawn.error)
        if drawn.cut is None or told_of.line != places.source.span(drawn.cut).line:
            yield told_of
        return
    pipes = drawn.pipes
    for flow in sorted(
        {*enters, *leaves, *pipes} & {*model.variables}, key=lambda n: model.variables[n].span.line
    ):
        variable = model.variables[flow]
        at = places.offset(f"{places.source.path}:{variable.span.line}:{variable.span.column}") or 0
        into, out_of = enters.get(flow, []), leaves.get(flow, [])
        touched = {s.name for s in (*into, *out_of)}
        ends = [e for some in pipes.get(flow, ()) for e in some]
        for end, inward in dict.fromkeys((e.key, inward) for e, inward in ends if e.role != "cloud"):
            stock = model.variables.get(end)
            if stock is None or stock.kind != "stock":
                continue
            here, there = (into, out_of) if inward else (out_of, into)
            if stock.name in touched:
                both = (end, not inward) in {(e.key, i) for e, i in ends}
                if stock in there and stock not in here and not both:
                    told.add(flow)
                    found = _reference(places, model, flow, stock.name)
                    yield places.at(
                        "note",
                        "conservation",
                        stock.spelling,
                        f'the flow "{variable.spelling}" is drawn {"into" if inward else "out of"} '
                        f'"{stock.spelling}" but {"subtracted from" if inward else "added to"} it',
                        places.expression_at(stock.span) if found is None else found,
                        remedy="Correct the sign in the stock's net flow, or turn the pipe round",
                    )
                continue
            net = [eq.expr for eq in stock.equations if eq.expr is not None]
            if not any(flow in _summed(model.variables, expr) for expr in net):
                indirect = any(flow in _reached(model.variables, expr) for expr in net)
                told.add(flow)
                yield places.at(
                    "note" if indirect else "warning",
                    "conservation",
                    stock.spelling,
                    f'the flow "{variable.spelling}" is drawn at "{stock.spelling}" but does not stand in its equation',
                    places.expression_at(stock.span),
                    remedy="Add it to the stock's net flow, or end its pipe in a cloud",
                )
        cloud = any(e.role == "cloud" for e, _ in ends)
        if flow in told or flow in covered or not into or out_of or cloud:
            continue  # told at the stock, or in order
        if all(_adjusts(variable, s) for s in into) or {s.name for s in into} & {*doubtful}:
            continue
        if any(s.name in doubtful and _mentions(s, flow) for s in stocks(model)):
            continue  # it may stand where the initial value belongs
        names = ", ".join(f'"{n}"' for n in dict.fromkeys(s.spelling for s in into))
        yield places.at(
            "note",
            "conservation",
            variable.spelling,
            f'the flow "{variable.spelling}" enters {names} and leaves no stock and no cloud',
            at,
            remedy="Subtract it from the stock that it leaves, draw a cloud at its start, or name one in clouds.toml",
        )


def _mentions(stock: Variable, name: str) -> bool:
    """True if a variable stands anywhere in a stock's equations."""
    return any(name in _names(e) for eq in stock.equations for e in (eq.expr, eq.initial) if e is not None)


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
