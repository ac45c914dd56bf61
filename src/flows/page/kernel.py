"""A model's kernel as JavaScript: one function that a page or a Web Worker calls once, and what its numbers mean.

No text of a model file reaches the code but as escaped data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.engine.emit_js import Script
from flows.engine.kernel import Grid, Job, Program
from flows.engine.layout import flat_positions
from flows.ensemble import Inputs, prepared, reference
from flows.errors import InputError, UnsupportedError
from flows.model.ir import Variable, deep
from flows.model.model import CONTROLS, Model
from flows.model.order import causes
from flows.references import Expression, Reference


@dataclass(frozen=True)
class KernelText:
    """A kernel and what its numbers mean.

    Attributes
    ----------
    js : str
        Defines ``makeKernel()``; ASCII, without ``</``, so that it may stand in a script element as it is.
        The object that the function gives has ``spec``, ``defaults`` and ``run``.
    spec : dict
        ``inputs``: a row for each element of each constant (``kind`` "constant"), initial value ("stock"; ``value``
        null means by its equation) and lookup ("lookup", with its ``x``; its ``size`` values of y begin at ``index``):
        ``name``, ``element`` ("A,B"; "" without subscripts), ``kind``, ``index`` among the inputs, ``value``.
        ``outputs``: ``outcome`` as asked for, ``name``, ``element``, ``offset`` of its first value.
        ``times`` (model time of the values), ``method``, ``step``.
    """

    js: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class _Output:
    """One series: a slot, or arithmetic over slots, written as JavaScript."""

    outcome: str
    name: str
    element: str
    late: bool
    slot: int | None = None
    code: str = ""


@deep
def write_kernel(
    model: Model,
    outcomes: Sequence[str],
    *,
    inputs: Inputs | None = None,
    save_every: float | None = 1.0,
    until: float | str | None = None,
    method: str | None = None,
) -> KernelText:
    """Write a model's kernel as JavaScript.

    Parameters
    ----------
    model : Model
        From `flows.read_vensim`.
    outcomes : sequence of str
        Variables, elements (``name[Element]``), or these joined by ``+ - * /`` as in ``models/outcomes.toml``. A
        variable with subscripts gives a series for each element, in row order.
    inputs : mapping, optional
        As for `flows.simulate`, for one run: they become the kernel's defaults.
    save_every : float, optional
        Model time between saved values; None: SAVEPER.
    until : float or str, optional
        Last model time, or a month such as ``2030-12``.
    method : str, optional
        Integration method with a fixed step; default: the file's.

    Returns
    -------
    KernelText

    Raises
    ------
    InputError
        For an outcome or input that doesn't fit the model.
    UnsupportedError
        For what the engine lacks, and for integration methods with an automatic step.

    Examples
    --------
    >>> import flows
    >>> model = flows.read_vensim("models/migration.mdl")  # doctest: +SKIP
    >>> text = write_kernel(model, ["COMAR pending cases", "encounters[Mexico]"])  # doctest: +SKIP
    >>> [row["offset"] for row in text.spec["outputs"]]  # doctest: +SKIP
    [0, 277]
    """
    parsed = [_parsed(model, text) for text in outcomes]
    names = list(dict.fromkeys(r for _, refs in parsed for r in refs))
    program, job, slots = prepared(
        model, inputs, outcomes=names, method=method, save_every=save_every, until=until
    )
    if program.method.automatic:
        raise UnsupportedError(
            "an integration method with an automatic step isn't supported in a page",
            where=str(model.path),
            found=method or model.method,
            expected="euler, difference, rk2 or rk4",
        )
    late = job.late if program.method.late else np.zeros(len(job.slots), bool)
    starts = np.cumsum([0, *(len(s) for s in slots)])
    found = {
        name: (s, late[start : start + len(s)])
        for name, s, start in zip(names, slots, starts.tolist(), strict=False)
    }
    outputs = [row for item in parsed for row in _rows(model, *item, found)]
    fixed = causes(model.variables, CONTROLS) | set(CONTROLS)  # a kernel's times don't change
    variables = _inputs(program, fixed=fixed)
    defaults = _defaults(program, job)
    spec = {
        "inputs": _expanded(variables, defaults),
        "outputs": [
            {"outcome": o.outcome, "name": o.name, "element": o.element, "offset": k * len(job.grid.saved)}
            for k, o in enumerate(outputs)
        ],
        "times": job.grid.saved.tolist(),
        "method": method or model.method,
        "step": float(job.grid.steps[0]),
    }
    return KernelText(_text(program, job.grid, outputs, variables, defaults, spec, fixed), spec)


# --------------------------------------------------------------------------------------------------- outcomes


def _parsed(model: Model, text: str) -> tuple[str, tuple[str, ...]]:
    """An outcome and the references that it is made of: itself, or the leaves of an expression."""
    try:
        reference(model, text, where="outcomes")
        return text, (text,)
    except InputError:
        expression = Expression.parse(text, where="outcomes")
        if expression.root[0] == "reference":
            raise
        return text, tuple(leaf.key for leaf in expression.references)


def _rows(
    model: Model,
    text: str,
    references: tuple[str, ...],
    found: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]],
) -> list[_Output]:
    """The series of one outcome."""
    if references == (text,):
        variable, elements = reference(model, text, where="outcomes")
        slots, late = found[text]
        return [
            _Output(text, variable.spelling, element, bool(is_late), slot)
            for slot, is_late, element in zip(
                slots.tolist(), late, _elements(model, variable, elements), strict=True
            )
        ]
    expression = Expression.parse(text, where="outcomes")
    for name in references:
        if len(found[name][0]) != 1:
            raise InputError(
                f'"{name}" in an expression has more than one element',
                where="outcomes",
                found=f'"{text}"',
                remedy="Name one, as in name[Element]",
            )

    def slot(leaf: Reference) -> _Code:
        return _Code(f"w[{found[leaf.key][0][0]}]")

    value = expression.evaluate(slot)
    code = value.text if isinstance(value, _Code) else repr(value)
    late_too = any(bool(found[name][1].any()) for name in references)
    return [_Output(text, text, "", late_too, code=code)]


@dataclass(frozen=True)
class _Code:
    """JavaScript of a number: knows the arithmetic of expressions."""

    text: str

    def _joined(self, sign: str, left: object, right: object) -> _Code:
        return _Code(f"({_operand(left)} {sign} {_operand(right)})")

    def __add__(self, other: object) -> _Code:
        return self._joined("+", self, other)

    def __radd__(self, other: object) -> _Code:
        return self._joined("+", other, self)

    def __sub__(self, other: object) -> _Code:
        return self._joined("-", self, other)

    def __rsub__(self, other: object) -> _Code:
        return self._joined("-", other, self)

    def __mul__(self, other: object) -> _Code:
        return self._joined("*", self, other)

    def __rmul__(self, other: object) -> _Code:
        return self._joined("*", other, self)

    def __truediv__(self, other: object) -> _Code:
        return self._joined("/", self, other)

    def __rtruediv__(self, other: object) -> _Code:
        return self._joined("/", other, self)

    def __neg__(self) -> _Code:
        return _Code(f"(-{self.text})")


def _operand(value: object) -> str:
    return value.text if isinstance(value, _Code) else f"({float(value)!r})"  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------- inputs


def _elements(model: Model, variable: Variable, chosen: tuple[str | None, ...] | None = None) -> list[str]:
    """Spelled elements of a variable in row order, "A,B"; those that are chosen, or all."""
    rows = [""]
    for d, elements in enumerate(variable.elements):
        one = chosen[d] if chosen is not None else None
        names = [model.element_spellings[e] for e in ([one] if one is not None else elements)]
        rows = [f"{row},{name}" if row else name for row in rows for name in names]
    return rows


def _inputs(program: Program, *, fixed: set[str]) -> list[dict[str, Any]]:
    """What may be set: kind, name, elements, first index; of lookups, whose elements may share points, also x."""
    model, places = program.model, program.layout
    firsts = {start: index for start, _, _, index in _tables(program)}
    rows: list[dict[str, Any]] = []
    for v in model.variables.values():
        if v.hidden or v.name in fixed or v.kind not in ("constant", "stock", "lookup"):
            continue
        row: dict[str, Any] = {"kind": v.kind, "name": v.spelling, "elements": _elements(model, v)}
        if v.kind == "constant":
            rows.append(row | {"index": places.base[v.name]})
        elif v.kind == "stock":
            rows.append(row | {"index": places.overrides[v.name]})
        else:
            for eq in v.equations:
                positions = flat_positions(v, eq.axes)
                assert eq.table is not None
                index = firsts[places.tables[v.name][positions[0]][0]]
                elements = [row["elements"][k] for k in positions]
                rows.append(row | {"index": index, "elements": elements, "x": list(eq.table.x)})
    return rows


def _tables(program: Program) -> list[tuple[int, int, int, int]]:
    """For each set of points: start and points in the table array, its own points, index of its first y as an input."""
    places = program.layout
    rows: list[tuple[int, int, int, int]] = []
    index = places.stocks
    for v in program.model.variables.values():
        if v.kind == "lookup":
            for eq in v.equations:
                assert eq.table is not None
                start, n = places.tables[v.name][flat_positions(v, eq.axes)[0]]
                rows.append((start, n, len(eq.table.y), index))
                index += len(eq.table.y)
    return rows


def _defaults(program: Program, job: Job) -> NDArray[np.float64]:
    """Constants, initial values (NaN: by the equation) and the y of lookups."""
    values = program.template[: program.layout.stocks].copy()
    values[job.index] = job.values[0]
    tables = job.tables[0]
    points = [tables[start + n : start + n + own] for start, n, own, _ in _tables(program)]
    return np.concatenate([values, *points])


def _expanded(variables: list[dict[str, Any]], defaults: NDArray[np.float64]) -> list[dict[str, Any]]:
    """A row for each element: what the script makes of the short form."""
    rows: list[dict[str, Any]] = []
    for v in variables:
        for k, element in enumerate(v["elements"]):
            row = {"name": v["name"], "element": element, "kind": v["kind"]}
            if "x" in v:
                rows.append(row | {"index": v["index"], "value": None, "size": len(v["x"]), "x": v["x"]})
            else:
                value = float(defaults[v["index"] + k])
                rows.append(row | {"index": v["index"] + k, "value": value if value == value else None})
    return rows


# ------------------------------------------------------------------------------------------------------- text


def _text(
    program: Program,
    grid: Grid,
    outputs: Sequence[_Output],
    variables: list[dict[str, Any]],
    defaults: NDArray[np.float64],
    spec: dict[str, Any],
    fixed: set[str],
) -> str:
    """The script, within one function."""
    places, model = program.layout, program.model
    tables, script = _tables(program), Script(model, places)
    held = [
        slot
        for name in sorted(fixed)
        if name in model.variables and model.variables[name].kind == "constant"
        for slot in range(places.base[name], places.base[name] + model.variables[name].size)
    ]
    fields = {
        "STOCKS": places.stocks,
        "N_STOCKS": places.n_stocks,
        "NET_FLOWS": places.net_flows,
        "AUXILIARIES": places.net_flows + 3 * places.n_stocks,
        "OUTPUTS": len(outputs),
        "TIMES": _times(grid),
        "STEPS": _steps(grid),
        "SAVED_AT": _whole(np.flatnonzero(grid.rows >= 0).tolist()),
        "HELD": _whole(held),
        "TABLES": _whole([n for start, *rest in tables for n in (script.starts[start], *rest)]),
        "w": f"new Float64Array({len(places.template)})",
        "saved": f"new Float64Array({len(outputs) * len(grid.saved)})",
        "past": f"new Float64Array({len(grid.times) * places.n_histories})",
        "px": _numbers(_abscissas(program, script)),
        "py": f"new Float64Array({script.points})",
        "ps": f"new Float64Array({script.points})",
        "defaults": _numbers(defaults.tolist()),
    }
    phases = script.phases(program.plan)
    short = {key: spec[key] for key in ("outputs", "method", "step")}
    return "\n".join(
        [
            "function makeKernel() {",
            '"use strict";',
            *(f"const {name} = {value};" for name, value in fields.items()),
            files("flows.engine").joinpath("runtime.js").read_text(encoding="utf-8"),
            phases,
            f"const step = {program.method.step};",
            _saving("early", outputs, late=True),
            _saving("usual", outputs, late=False),
            f"const spec = described({_data(variables)}, {_data(short)});",
            "return { spec, defaults, run };",
            "}",
            "",
        ]
    )


def _abscissas(program: Program, script: Script) -> list[float]:
    """The x of all lookups; each begins with the level segment before its first point, and ends with infinity."""
    values = [0.0] * script.points
    own = program.layout.table_values
    for start, n, _, _ in _tables(program):
        at, x = script.starts[start], list(own[start : start + n])
        if n > 1 and x[0] == x[1]:  # at a step that stands first, its lower end counts
            x[0] = math.nextafter(x[0], math.inf)
        values[at - 1 : at + n + 1] = [-1e300, *x, math.inf]
    return values


def _times(grid: Grid) -> str:
    start, step, count = float(grid.times[0]), float(grid.steps[0]), len(grid.times)
    if np.array_equal(grid.times, start + np.arange(count) * step):
        return f"even({start!r}, {step!r}, {count})"
    return _numbers(grid.times.tolist())


def _steps(grid: Grid) -> str:
    if (grid.steps == grid.steps[0]).all():
        return f"new Float64Array({len(grid.steps)}).fill({float(grid.steps[0])!r})"
    return _numbers(grid.steps.tolist())


def _saving(name: str, outputs: Sequence[_Output], *, late: bool) -> str:
    """What is saved before or after the auxiliaries: series that are slots, and a function for all others."""
    own = [(k, output) for k, output in enumerate(outputs) if output.late == late]
    plain = [(k, output.slot) for k, output in own if output.slot is not None]
    lines = [f"saved[first + {k}] = {output.code};" for k, output in own if output.slot is None]
    return "\n".join(
        [
            f"const {name.upper()} = {_whole([k for k, _ in plain])};",
            f"const {name.upper()}_SLOTS = {_whole([slot for _, slot in plain])};",
            f"function save_{name}(first) {{",
            *lines,
            "}",
        ]
    )


def _numbers(values: Sequence[float]) -> str:
    return f"new Float64Array([{','.join(_number(v) for v in values)}])"


def _number(value: float) -> str:
    if value != value:
        return "NaN"
    if value == math.inf:
        return "Infinity"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 and value != 0 else repr(value)


def _whole(values: Sequence[int]) -> str:
    return f"new Int32Array([{','.join(map(str, values))}])"


def _data(value: object) -> str:
    """Data as a call of JSON.parse on a literal: ASCII without ``<``, so that no text can end a script element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f"JSON.parse({json.dumps(text).replace('<', chr(92) + 'u003c')})"
