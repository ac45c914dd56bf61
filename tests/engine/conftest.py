"""Random models as text, and an evaluator of expressions that is as plain as can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import xarray as xr
from hypothesis import strategies as st

from flows.model.ir import Binary, Call, Expr, Fixed, LookupCall, Number, Position, Reduce, Ref, Unary
from flows.model.model import Model

ELEMENTS = ("e1", "e2", "e3")
NUMBERS = st.sampled_from(["0.0", "1.0", "0.5", "2.5", "3.0", "-1.25", "10.0", "0.125", "7.75"])


@st.composite
def expressions(
    draw: st.DrawFn, scalars: tuple[str, ...], arrays: tuple[str, ...], inside: bool, depth: int = 3
) -> str:
    """Text of an expression; `inside` is true on a right side whose left side has the subscript R."""
    atoms = [NUMBERS, st.just("Time"), st.sampled_from(scalars)]
    if arrays:
        atoms.append(st.builds("{}[{}]".format, st.sampled_from(arrays), st.sampled_from(ELEMENTS)))
        if inside:
            atoms += [st.sampled_from([f"{a}[R]" for a in arrays])] * 2
        function = st.sampled_from(["SUM", "VMIN", "VMAX", "PROD"])
        atoms.append(st.builds("{}({}[R!])".format, function, st.sampled_from(arrays)))
        if inside:
            atoms.append(st.just("R"))
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(atoms))
    deeper = expressions(scalars, arrays, inside, depth - 1)
    condition = st.one_of(
        st.builds("{} {} {}".format, deeper, st.sampled_from(["<", ">", "<=", ">=", "<>", "="]), deeper),
        st.builds("({} > {} :AND: {} < {})".format, deeper, deeper, deeper, deeper),
        st.builds("({} > {} :OR: :NOT: {} < {})".format, deeper, deeper, deeper, deeper),
    )
    return draw(
        st.one_of(
            st.builds("({} {} {})".format, deeper, st.sampled_from(["+", "-", "*"]), deeper),
            st.builds("{} - {} * {}".format, deeper, deeper, deeper),
            st.builds("(-{})".format, deeper),
            st.builds("({} / (1.0 + ABS({})))".format, deeper, deeper),
            st.builds("({}({}, {}))".format, st.sampled_from(["MIN", "MAX", "ZIDZ"]), deeper, deeper),
            st.builds("XIDZ({}, {}, {})".format, deeper, deeper, deeper),
            st.builds("IF THEN ELSE({}, {}, {})".format, condition, deeper, deeper),
            st.builds("table({})".format, deeper),
            st.builds("EXP(MIN({}, 2.0))".format, deeper),
            st.builds("LN(1.0 + ABS({}))".format, deeper),
            st.builds("SQRT(ABS({}))".format, deeper),
            st.builds("(1.0 + ABS({})) ^ {}".format, deeper, st.sampled_from(["0.5", "2.0", "1.5"])),
            st.builds("INTEGER({} + 0.0003)".format, deeper),
            st.builds("MODULO({} + 0.0003, 2.5)".format, deeper),
            st.builds("STEP({}, {})".format, deeper, st.sampled_from(["1.0", "2.5"])),
            st.builds("RAMP({}, 1.0, 3.0)".format, deeper),
            st.builds(
                "PULSE({}, {})".format, st.sampled_from(["1.0", "2.5"]), st.sampled_from(["0.5", "2.0"])
            ),
        )
    )


# Shapes of equations that need a left side of their own; {0} is an expression, {1} a condition.
PLAIN_SHAPES = (
    "SMOOTH({0}, 2.5)",
    "SMOOTH3I({0}, 4.5, 0.5)",
    "SMOOTH N({0}, 4.5, 0.5, 2)",
    "DELAY1I({0}, 3.5, 1.5)",
    "DELAY3I({0}, 4.5, 1.5)",
    "DELAY N({0}, 4.5, 1.5, 4)",
    "DELAY FIXED({0}, 1.5, 0.25)",
    "INITIAL({0})",
    "ACTIVE INITIAL({0}, 1.5)",
    "SAMPLE IF TRUE({1}, {0}, 0.5)",
    "TREND(1.5 + ABS({0}), 2.5, 0.125)",
    "FORECAST(1.5 + ABS({0}), 2.5, 3.5)",
    "WITH LOOKUP({0}, ((-2,1),(0,0.5),(3,-4)))",
    "0.5 * PULSE TRAIN(1.2, 0.5, 1.5, 4.2) + ({0})",
)
LOOPED_SHAPES = (
    "SMOOTHI({0}, 2.5, 1.5)",
    "SMOOTH3({0}, 4.5)",
    "DELAY1({0}, 3.5)",
    "DELAY3({0}, 4.5)",
    "DELAY FIXED({0}, 1.5, 0.25)",
    "SAMPLE IF TRUE({1}, {0}, 0.5)",
)


@st.composite
def models(draw: st.DrawFn, *, memory: bool = True) -> str:
    """Equations of a small model, in any order: constants, a lookup, stocks, auxiliaries, subscripted or not.

    With `memory`, delays and smooths too, lookups and equations by element, :EXCEPT:, partial and mapped ranges,
    tables of two ranges and a macro.
    """
    xs = sorted(draw(st.sets(st.integers(-5, 9), min_size=2, max_size=6)))
    points = [(x, draw(st.integers(-20, 20)) / 4) for x in xs]
    blocks = [
        "table(" + ",".join(f"({x},{y})" for x, y in points) + ")",
        f"k1 = {draw(NUMBERS)}",
        f"k2 = {draw(NUMBERS)}",
        f"c1[R] = {','.join(draw(NUMBERS) for _ in ELEMENTS)}",
    ]
    scalars: tuple[str, ...] = ("k1", "k2", "s1")
    arrays: tuple[str, ...] = ("c1", "s2")
    condition = st.sampled_from(["Time > 2.1", "k1 > k2", "s1 > 0.3", "Time < 3.9 :AND: k2 > 0.1"])
    for i in range(draw(st.integers(2, 6))):
        if draw(st.booleans()):
            right = draw(expressions(scalars, arrays, True))
            if memory and draw(st.integers(0, 4)) == 0:
                right = draw(st.sampled_from(LOOPED_SHAPES)).format(right, draw(condition))
            blocks.append(f"a{i}[R] = {right}")
            arrays += (f"a{i}",)
        else:
            right = draw(expressions(scalars, arrays, False))
            if memory and draw(st.integers(0, 2)) == 0:
                right = draw(st.sampled_from(PLAIN_SHAPES)).format(right, draw(condition))
            blocks.append(f"a{i} = {right}")
            scalars += (f"a{i}",)
    head = f"R : {', '.join(ELEMENTS)} ~~|\n"
    if memory:
        head += "Part : e1, e2 ~~|\nS : h1, h2, h3 -> R ~~|\nT : g1, g2 ~~|\n"
        one = st.sampled_from(scalars)
        each = st.sampled_from(arrays)
        shapes = {
            "by element": [
                f"b1[e1] = {draw(expressions(scalars, arrays, False))}",
                f"b1[e2] = {draw(one)} * Time",
                f"b1[e3] = SUM({draw(each)}[R!]) - {draw(one)}",
            ],
            "except": [
                f"b1[R] :EXCEPT: [e2] = {draw(expressions(scalars, arrays, True))}",
                f"b1[e2] = {draw(one)}",
            ],
            "part": [
                f"p1[Part] = {draw(each)}[Part] + {draw(one)}",
                f"b1[R] = {draw(each)}[R] * SUM(p1[Part!])",
            ],
            "mapped": [f"m1[S] = {draw(each)}[R] - {draw(one)}", "b1[R] = m1[h2] + SUM(m1[S!])"],
            "table": [
                f"t2[R, T] = {draw(each)}[R] * t1[T] + {draw(one)}",
                "t1[T] = 0.5, 2.5",
                "b1[R] = SUM(t2[R, T!]) - VMAX(t2[R!, g1])",
            ],
            "lookups": [
                "l1[e1]((0,0),(2,5.5))",
                "l1[e2]((-1,3),(2,5.5),(4,0))",
                "l1[e3]((0,1),(8,-1.5))",
                f"b1[R] = l1[R]({draw(each)}[R])",
            ],
            "macro": [f"b1[R] = 0.5 * {draw(each)}[R]", f"b2 = CALM({draw(one)}, 2.5) - {draw(one)}"],
            "selected": [f"b1[R] = c1[R] + VECTOR SELECT(c1[R!], {draw(each)}[R!], 0.5, 0, 0)"],
        }
        shape = draw(st.sampled_from(sorted(shapes)))
        blocks += shapes[shape]
        arrays += ("b1",)
        if shape == "macro":
            macro = (
                ":MACRO: CALM(x, time)\nCALM = INTEG((x - CALM) / time, 0.25 * x + 0.5) ~~|\n:END OF MACRO:\n"
            )
            head = macro + head
            scalars += ("b2",)
    flow = draw(st.sampled_from([s for s in scalars if s != "s1"]))
    flows = draw(st.sampled_from([a for a in arrays if a != "s2"]))
    blocks += [
        f"f1 = MIN(MAX({flow}, -50.0), 50.0)",
        f"f2[R] = MIN(MAX({flows}[R], -50.0), 50.0)",
        "s1 = INTEG(f1 - s1 * 0.25, k1)",
        "s2[R] = INTEG(f2[R] - s2[R] * 0.25, c1[R])",
    ]
    blocks = draw(st.permutations(blocks))
    return head + "".join(f"{b} ~~|\n" for b in blocks)


class Walker:
    """Evaluates expressions of a model at one saved time by walking the tree; values of variables come from a run."""

    def __init__(self, model: Model, run: xr.Dataset, step: float) -> None:
        self.model, self.step = model, step
        self.times = run["time"].values.tolist()
        self.values = {
            v.name: np.moveaxis(run[v.spelling].values, -1, 0)
            if v.kind != "constant"
            else run[v.spelling].values
            for v in model.variables.values()
            if v.spelling in run
        }
        self.go(0)

    def go(self, index: int) -> None:
        """Move to a saved time."""
        self.index, self.time = index, self.times[index]

    def value(self, expr: Expr, at: Mapping[str, int]) -> float:
        match expr:
            case Number():
                return expr.value
            case Ref(name="time"):
                return self.time
            case Ref():
                return self.variable(expr, at)
            case Position():
                return float(expr.positions[at[expr.index]])
            case Unary():
                operand = self.value(expr.operand, at)
                return -operand if expr.operator == "-" else float(not operand)
            case Binary():
                return self.binary(expr, at)
            case LookupCall():
                table = self.model.variables[expr.table.name].equations[0].table
                assert table is not None
                return float(np.interp(self.value(expr.argument, at), table.x, table.y))
            case Reduce():
                ((index, elements),) = expr.over
                values = [self.value(expr.body, {**at, index: i}) for i in range(len(elements))]
                return float(
                    {"sum": math.fsum, "prod": math.prod, "vmin": min, "vmax": max}[expr.function](values)
                )
            case Call():
                return self.call(expr.function, expr.arguments, at)

    def variable(self, ref: Ref, at: Mapping[str, int]) -> float:
        variable = self.model.variables[ref.name]
        picks = tuple(
            elements.index(s.element if isinstance(s, Fixed) else s.elements[at[s.index]])
            for elements, s in zip(variable.elements, ref.subscripts, strict=True)
        )
        values = self.values[ref.name]
        return float(values[picks] if variable.kind == "constant" else values[self.index, *picks])

    def binary(self, expr: Binary, at: Mapping[str, int]) -> float:
        a, b = self.value(expr.left, at), self.value(expr.right, at)
        operations: dict[str, Callable[[], float]] = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "^": lambda: a**b,
            "=": lambda: a == b, "<>": lambda: a != b, "<": lambda: a < b, ">": lambda: a > b, "<=": lambda: a <= b,
            ">=": lambda: a >= b, "and": lambda: bool(a) and bool(b), "or": lambda: bool(a) or bool(b),
        }  # fmt: skip
        return float(operations[expr.operator]())

    def call(self, name: str, arguments: tuple[Expr, ...], at: Mapping[str, int]) -> float:
        v = [self.value(a, at) for a in arguments]
        guard = self.time + self.step / 2
        functions: dict[str, Callable[[], float]] = {
            "min": lambda: min(v), "max": lambda: max(v), "abs": lambda: abs(v[0]),
            "zidz": lambda: 0 if abs(v[1]) < 1e-6 else v[0] / v[1],
            "xidz": lambda: v[2] if abs(v[1]) < 1e-6 else v[0] / v[1],
            "if then else": lambda: v[1] if v[0] else v[2],
            "exp": lambda: math.exp(v[0]), "ln": lambda: math.log(v[0]), "sqrt": lambda: math.sqrt(v[0]),
            "integer": lambda: math.trunc(v[0]), "modulo": lambda: math.fmod(v[0], v[1]),
            "step": lambda: v[0] if guard > v[1] else 0,
            "pulse": lambda: guard > v[0] and guard < v[0] + max(v[1], self.step),
            "ramp": lambda: v[0] * (min(max(self.time, v[1]), v[2]) - v[1]),
        }  # fmt: skip
        return float(functions[name]())


@pytest.fixture(scope="session")
def random_models() -> Callable[..., st.SearchStrategy[str]]:
    return models


@pytest.fixture(scope="session")
def walker() -> type[Walker]:
    return Walker


@pytest.fixture(scope="session")
def assert_equal() -> Callable[[xr.Dataset, xr.Dataset, float], None]:
    """The contract's equality: |a - b| ≤ tolerance × max over time |b| for every element."""

    def check(a: xr.Dataset, b: xr.Dataset, tolerance: float) -> None:
        assert set(a.data_vars) == set(b.data_vars)
        for name in b.data_vars:
            other = b[name]
            scale = abs(other).max("time") if "time" in other.dims else abs(other)
            worst = float((abs(a[name] - other) - tolerance * scale).max())
            assert worst <= 0, f"{name}: {a[name].values} against {other.values}"

    return check
