"""Files that mean harm, or were cut and pasted badly: a clear refusal or a result, soon."""

from __future__ import annotations

import contextlib
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import small_model
from tests.fuzz import spoil

from flows import resources, simulate
from flows.engine import emit_python, kernel
from flows.errors import FlowsError, ModelError, UnitError, UnsupportedError
from flows.model.check import unit_findings
from flows.model.ir import deep
from flows.model.order import plan
from flows.vensim.lower import lower
from flows.vensim.parse import parse

MANY = 2_000
MACROS = ":MACRO: m0(a)\nm0 = a + 1 ~~|\n:END OF MACRO:\n" + "".join(
    f":MACRO: m{k}(a)\nm{k} = m{k - 1}(a) + m{k - 1}(a * 2) ~~|\n:END OF MACRO:\n" for k in range(1, 19)
)
RANGES = "".join(f"R{k} : (r{k}q0-r{k}q999) ~~|\n" for k in range(4))

REFUSED = {
    "parentheses never closed": ("x = " + "(" * 100_000 + "1 ~~|", "nests more than 150 levels deep"),
    "parentheses never opened": ("x = " + ")" * 100_000 + "1 ~~|", "expected a number, a name or an opening"),
    "balanced parentheses": ("x = " + "(" * 9_000 + "1" + ")" * 9_000 + " ~~|", "nests more than 150 levels"),
    "no block": ("(" * 100_000, "can't read the equation of this block"),
    "signs": ("x = " + "-" * 100_000 + "1 ~~|", "nests more than 150 levels deep"),
    "logic": ("x = " + ":NOT:" * 10_000 + "1 ~~|", "nests more than 150 levels deep"),
    "conditions": ("x = " + "IF THEN ELSE(1," * 5_000 + "1 ~~|", "nests more than 150 levels deep"),
    "powers": ("x = " + "^".join("2" * 9_000) + " ~~|", "nests more than 150 levels deep"),
    "terms": ("x = " + "+".join(["Time"] * 100_000) + " ~~|", "too many terms or parentheses"),
    "units in parentheses": ("x = 1 ~" + "(" * 9_000 + "~|", "too long"),
    "a long sequence": ("R : (a0-a999999999) ~~|\nx[R] = 1 ~~|", "too many elements, found 1000000000"),
    "a sequence of long numbers": ("R : (a0-a" + "9" * 5_000 + ") ~~|", "sequence of elements isn't understood"),
    "a sequence of letters": ("R : (a" + "1" * 50_000 + "b-a2) ~~|", "sequence of elements isn't understood"),
    "a large array": (RANGES + "x[R0, R1, R2, R3] = 1 ~~|", '"x" has too many elements, found 1000000000000'),
    "many large arrays": (
        RANGES + "".join(f"x{k}[R0, R1] = Time ~~|\n" for k in range(6)),
        "the model has too many elements, found 6000000",
    ),
    "macros that call each other": (MACROS + "x = m18(1) ~~|", "macros are called more than 10000 times"),
    "a macro that calls itself": (":MACRO: m(a)\nm = m(a) ~~|\n:END OF MACRO:\nx = m(1) ~~|", "calls itself"),
    "a high order": ("x = DELAY N(Time, 2, 1, 1e9) ~~|", "the order of DELAY N is out of range"),
    "a large number": ("x = " + "9" * 400 + " ~~|", "this number is too large"),
    "an infinite number": ("x = 1e999 ~~|", "this number is too large"),
    "a character without a shape": ("x\0 = 1 ~~|", r"found U\+0000"),
    "variables in a circle": (
        "".join(f"v{k} = v{(k + 1) % MANY} + 1 ~~|\n" for k in range(MANY)),
        "depend on each other in a circle",
    ),
    "ranges in a circle": (
        "".join(f"R{k} : R{(k + 1) % MANY} ~~|\n" for k in range(MANY)),
        "is defined by itself",
    ),
    "one letter for another": ("one = 1 ~~|\ntwo = \u043ene + 1 ~~|", '"\u043ene" is used .* but defined nowhere'),
    "letters that count as equal": ("\u00c4rger = 1 ~~|\n\u00e4RGER = 2 ~~|", "is defined twice"),
    "constants that double": (
        "o0 = 1 ~~|\n"
        + "".join(f"o{k} = o{k - 1} + o{k - 1} ~~|\n" for k in range(1, 45))
        + "x = DELAY N(Time, 2, 1, o44) ~~|",
        "the order of DELAY N is out of range",
    ),
    "selections within each other": (
        "R : a, b ~~|\ns[R] = 1 ~~|\nx = " + "VECTOR SELECT(s[R!], " * 8 + "s[R!]" + ", 0, Time, Time)" * 8 + " ~~|",
        'the equation of "x" becomes too large',
    ),
    "forecasts within each other": (
        "x = " + "FORECAST(" * 60 + "Time" + ", 2, 3)" * 60 + " ~~|",
        'the equation of "x" becomes too large',
    ),
    "a lookup without an argument": ("t((0,1),(2,3)) ~~|\nx = t + 1 ~~|", 'the lookup "t" stands in .* without an'),
    "many units": ("x = 1 ~" + "*".join(f"u{k}" for k in range(20_000)) + "~|", "too long"),
    "! outside of a sum": ("R : a, b ~~|\ny[R] = 1 ~~|\nx = y[R!] + 1 ~~|", '"R!" stands in the equation'),
    "profiles of nothing": (
        "R : a, b ~~|\ny[R] = 1 ~~|\nx[R] = ALLOCATE AVAILABLE(y[R], z[R, a], 1) ~~|",
        "takes an array of priority profiles",
    ),
}  # fmt: skip


def read(text: str, path: str = "m.mdl") -> None:
    """Read, check, order and print a model, as a run would."""
    model = lower(parse(text, path))
    findings = unit_findings(model)
    if findings and "too long" in findings[0].what:
        raise UnitError(**findings[0].details())
    if len(text) > 100_000:
        deep(plan)(model)
        return
    p = kernel.prepare(model, method="euler")
    compile(emit_python.source(p.model, p.plan, p.layout, method=p.method), "model", "exec")


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_soon(name: str) -> None:
    text, message = REFUSED[name]
    control = "\nINITIAL TIME = 0 ~~|\nFINAL TIME = 1 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|\n"
    start = time.process_time()
    with pytest.raises(FlowsError, match=message):
        read(text + control)
    assert time.process_time() - start < 10


@pytest.mark.unmeasured
def test_large_models_are_read() -> None:
    start = time.process_time()
    small_model("".join(f"v{k} = v{k + 1} + 1 ~~|\n" for k in range(10_000)) + "v10000 = Time ~~|\n")
    small_model("R : (a0-a2999) ~~|\n" + "".join(f"x[a{k}] = Time + {k} ~~|\n" for k in range(3000)))
    small_model("".join(f"R{k} : e{k}, f{k} ~~|\nx{k}[R{k}] = Time ~~|\n" for k in range(3000)))
    assert time.process_time() - start < 20


def test_an_element_defined_twice_among_many() -> None:
    text = "R : (a0-a99) ~~|\n" + "".join(f"x[a{k % 99}] = Time ~~|\n" for k in range(100))
    with pytest.raises(
        ModelError, match=r'm.mdl:101:1: "x" is defined twice, found the first definition on line 2'
    ):
        small_model(text)


def test_points_of_a_lookup_in_any_order() -> None:
    ds = simulate(small_model("t((3,30),(1,10),(2,20)) ~~|\nx = t(Time) ~~|\n"), engine="python")
    assert ds["x"].values.tolist() == [10, 10, 20, 30, 30]


# ---------------------------------------------------------------------------------------------- by chance


@pytest.fixture(scope="module")
def seeds() -> tuple[list[str], list[str]]:
    """Models of the tests and the shipped model in pieces; their single blocks."""
    shipped = (resources.root() / "models" / "migration.mdl").read_text(encoding="utf-8")
    blocks = shipped.partition("\\\\\\---///")[0].split("|")
    texts = ["|".join(blocks[k : k + 12]) + "|" for k in range(0, len(blocks) - 12, 40)]
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        texts += re.findall(r'"""\n(.*?~~\|.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
    return texts, [block for text in texts for block in text.split("|")]


def try_one(number: int, seeds: tuple[list[str], list[str]]) -> None:
    """One changed model: whatever is wrong with it, the error is ours, and it comes soon."""
    chance = random.Random(number)
    text = spoil.spoilt_words(chance.choice(seeds[0]), chance, seeds[1], spoil.OF_MODELS)
    control = "\nINITIAL TIME=0~~|\nFINAL TIME=1~~|\nTIME STEP=1~~|\nSAVEPER=1~~|\n"
    start = time.process_time()
    with contextlib.suppress(FlowsError):
        read(text + control, "no folder/m.mdl")
    assert time.process_time() - start < 10


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**32))
def test_changed_models_are_read_or_refused(number: int, seeds: tuple[list[str], list[str]]) -> None:
    try_one(number, seeds)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**32))
def test_many_changed_models_are_read_or_refused(number: int, seeds: tuple[list[str], list[str]]) -> None:
    try_one(number, seeds)


def test_a_long_chain_of_comparisons_runs_in_plain_python_too() -> None:
    model = small_model("x = " + " = ".join(["Time"] * 300) + " ~~|\n")
    values = [simulate(model, engine=engine)["x"].values.tolist() for engine in ("compiled", "python")]
    assert values[0] == values[1]


def test_what_is_not_run_is_named() -> None:
    with pytest.raises(UnsupportedError, match="isn't supported"):
        simulate(small_model("x = SINTEG(1, 2, 3, 4, 5, 6, 7) ~~|\n"), engine="python")
