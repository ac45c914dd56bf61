"""A model in which observed series stand in place of equations, so that a part of it can be tested on its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from flows.calendar import month_index
from flows.errors import InputError, near, unread
from flows.model.ir import STEP_START, Equation, Fixed, LookupCall, Ref, Table, Variable
from flows.model.model import CONTROLS, Model
from flows.model.series import timed
from flows.references import fold

Points = Sequence[tuple[float, float]]

KEYWORDS = ("", "HOLD BACKWARD", "LOOK FORWARD")


def drive(
    model: Model,
    series: Mapping[str, Points | Mapping[str, Points]],
    *,
    keyword: str = "",
) -> Model:
    """Replace equations by series over time, and leave everything else as it is.

    What the replaced variables depended on no longer acts on the rest: the loops through them are cut (partial model
    testing; Homer 2012, System Dynamics Review 28(3); Sterman 2000, ch. 21). The variables become data variables, whose
    points `flows.simulate` takes as inputs too.

    Parameters
    ----------
    model : Model
    series : mapping of str to points, or to a mapping of element to points
        By name of a stock, flow, auxiliary or constant: pairs (model time, value) in the order of time, in the
        variable's unit; one course for a variable without subscripts or for all its elements alike, or one for each
        element, named by it (``"Haiti"``; with several subscripts ``"Haiti,south"``).
    keyword : {"", "HOLD BACKWARD", "LOOK FORWARD"}
        What holds between two points, as in Vensim: a straight line, the earlier value, or the later one. Beyond the
        ends the outermost values hold.

    Returns
    -------
    Model
        Another model; the one given is unchanged.

    Raises
    ------
    InputError
        If the model lacks a variable or element, an element has no points, or the times don't rise.
    """
    if not isinstance(model, Model):
        raise unread(model)
    if not isinstance(series, Mapping):
        raise InputError(
            "series are given by name",
            found=type(series).__name__,
            expected='{"name": [(model time, value), …]}',
        )
    if keyword not in KEYWORDS:
        raise InputError(
            "no such way to read a series",
            found=f'"{keyword}"',
            expected='"", "HOLD BACKWARD" or "LOOK FORWARD"',
        )
    variables = dict(model.variables)
    for name, points in series.items():
        variable = model.variable(name, where="series")
        if variable.name in CONTROLS or variable.kind not in ("stock", "auxiliary", "constant", "initial"):
            raise InputError(
                f'"{variable.spelling}" can\'t be driven by a series',
                where="series",
                expected="a stock, a flow, an auxiliary or a constant",
            )
        variable, table = _driven(model, variable, points, keyword)
        variables[variable.name] = variable
        variables[table.name] = table
    return replace(model, variables=MappingProxyType(variables))


def _driven(
    model: Model, variable: Variable, points: Points | Mapping[str, Points], keyword: str
) -> tuple[Variable, Variable]:
    """The variable as one that reads data, and the hidden lookup that holds its points."""
    picks = list(itertools.product(*variable.elements))
    tables = _tables(model, variable, picks, points, keyword)
    data = f"#{variable.name} DATA"
    axes = [tuple((None, (e,)) for e in pick) for pick in picks]
    reads = tuple(
        Equation(
            own,
            expr=LookupCall(Ref(data, tuple(Fixed(e) for e in pick)), Ref(STEP_START)),
            span=variable.span,
        )
        for own, pick in zip(axes, picks, strict=True)
    )
    holds = tuple(Equation(own, table=table) for own, table in zip(axes, tables, strict=True))
    lookup = replace(
        variable,
        name=data,
        spelling=f"data of {variable.spelling}",
        kind="lookup",
        equations=holds,
        limits=None,
        hidden=True,
    )
    return replace(variable, kind="auxiliary", equations=reads, series=data, keyword=keyword), lookup


def _tables(
    model: Model,
    variable: Variable,
    picks: Iterable[tuple[str, ...]],
    points: Points | Mapping[str, Points],
    keyword: str,
) -> list[Table]:
    if not isinstance(points, Mapping):
        table = _table(model, variable.spelling, points, keyword)
        return [table for _ in picks]
    spelled = {",".join(model.element_spellings[e] for e in pick): pick for pick in picks}
    known = {tuple(fold(part) for part in label.split(",")): label for label in spelled}
    given: dict[str, Points] = {}
    for label, own in points.items():
        key = tuple(fold(part) for part in label.split(","))
        if key not in known:
            raise InputError(
                f'"{variable.spelling}" has no element "{label}"',
                where="series",
                expected=", ".join(spelled)
                if picks and spelled != {"": ()}
                else "points, as it has no subscripts",
                remedy=near(label, spelled),
            )
        given[known[key]] = own
    missing = [label for label in spelled if label not in given]
    if missing:
        raise InputError(
            f'"{variable.spelling}[{missing[0]}]" has no points',
            where="series",
            remedy="Give each element a series, or one series for all of them",
        )
    return [_table(model, f"{variable.spelling}[{label}]", given[label], keyword) for label in spelled]


def _table(model: Model, label: str, points: Points, keyword: str) -> Table:
    pairs = _pairs(model, label, points)
    times = [time for time, _ in pairs]
    if any(b < a for a, b in itertools.pairwise(times)):
        raise InputError(
            f'the times of the series of "{label}" must rise',
            where="series",
            expected="pairs of model time and value in the order of time",
        )
    x, sources = timed(times, keyword)
    return Table(tuple(x), tuple(pairs[k][1] for k in sources))


def _pairs(model: Model, label: str, points: object) -> list[tuple[float, float]]:
    """Points as finite numbers."""
    expected = "pairs of model time and value, such as [(0, 48), (12, 50)]"
    if not isinstance(points, Iterable) or isinstance(points, str):
        raise InputError(
            f'the series of "{label}" holds no points',
            where="series",
            found=repr(points),
            expected=expected,
            remedy="For one value at all times give one pair, or set the constant in the inputs of flows.simulate",
        )
    pairs: list[tuple[float, float]] = []
    for point in points:
        try:
            time, value = point
            if isinstance(time, str | bool) or isinstance(value, str | bool):
                raise TypeError
            pair = float(time), float(value)
        except (TypeError, ValueError):
            raise InputError(
                f'a point of the series of "{label}" is no pair of numbers',
                where="series",
                found=repr(point),
                expected=expected,
                remedy=_as_time(model, point),
            ) from None
        if not all(map(math.isfinite, pair)):
            raise InputError(
                f'a point of the series of "{label}" is no finite number',
                where="series",
                found=f"({pair[0]:g}, {pair[1]:g})",
                remedy="Leave out times without a value",
            )
        pairs.append(pair)
    if not pairs:
        raise InputError(f'the series of "{label}" is empty', where="series", expected=expected)
    return pairs


def _as_time(model: Model, point: object) -> str:
    """Say which number stands for a month where somebody wrote one."""
    if not (model.dated and isinstance(point, Sequence) and point and isinstance(point[0], str)):
        return ""
    try:
        return f'Write {month_index(point[0])} for the start of "{point[0]}"'
    except InputError:
        return ""
