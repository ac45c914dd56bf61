from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from flows import simulate
from flows.errors import FlowsError, InputError, ModelError, UnsupportedError
from flows.model.ir import Binary, Call, Fixed, LookupCall, Loop, Number, Position, Reduce, Ref, Unary
from flows.model.model import Model

Build = Callable[..., Model]

REGIONS = """
Region : North, South, Isthmus ~~|
Coast : North, South ~~|
Copy <-> Region ~~|
Zone : Z1, Z2, Z3 -> Region ~~|
"""


# ---------------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("a = 1 ~~|", "a", "constant"),
        ("a = -1 ~~|", "a", "constant"),
        ("a == 1 ~~|", "a", "constant"),
        ("a = 1+1 ~~|", "a", "auxiliary"),
        ("a = INTEG(1, 0) ~~|", "a", "stock"),
        ("a = INTEG(-a/5, 100) ~~|", "a", "stock"),
        ("a((0,1),(1,2)) ~~|", "a", "lookup"),
        ("a = INITIAL(Time) ~~|", "a", "initial"),
        ("a = ACTIVE INITIAL(Time, 3) ~~|", "a", "auxiliary"),
        ("a = Time ~~|", "a", "auxiliary"),
        ("R : x, y ~~|\na[R] = 1, 2 ~~|", "a", "constant"),
        ("R : x, y ~~|\na[x] = 1 ~~|\na[y] = 2 ~~|", "a", "constant"),
        ("R : x, y ~~|\na[x] = 1 ~~|\na[y] = Time ~~|", "a", "auxiliary"),
    ],
)
def test_kinds(build: Build, text: str, name: str, kind: str) -> None:
    assert build(text).variables[name].kind == kind


def test_names_fold_and_spellings_stay(build: Build) -> None:
    model = build(
        'Total_Population = 5 ~~|\n"U.S. border" = TOTAL population + 1 ~~|\nΣ  x = "u.s._BORDER" ~~|\n'
    )
    assert list(model.variables)[:3] == ["total population", "u.s. border", "σ x"]
    assert model.names[:3] == ("Total_Population", "U.S. border", "Σ x")
    border = model.variables["u.s. border"].equations[0].expr
    assert border == Binary("+", Ref("total population"), Number(1))


def test_expressions_become_typed_nodes(build: Build) -> None:
    model = build(
        """
        t((0,0),(1,2)) ~~|
        a = 3 ~~|
        e1 = -a ~~|
        e2 = :NOT: a > 2 :AND: a <> 4 ~~|
        e3 = MIN(a, Time) ~~|
        e4 = t(a) ~~|
        """
    )
    expr = {v.name: v.equations[0].expr for v in model.variables.values()}
    assert expr["e1"] == Unary("-", Ref("a"))
    assert expr["e2"] == Binary(
        "and", Unary("not", Binary(">", Ref("a"), Number(2))), Binary("<>", Ref("a"), Number(4))
    )
    assert expr["e3"] == Call("min", (Ref("a"), Ref("time")))
    assert expr["e4"] == LookupCall(Ref("t"), Ref("a"))


def test_what_a_block_says_beside_its_equation_is_kept(build: Build) -> None:
    model = build("****\n.Levers\n****~|\nrate = 0.5 ~ 1/Month [0,1] ~ A share. |\nother = 2 ~~|")
    (rate, _) = model.levers
    assert (rate.name, rate.value, rate.units, rate.range) == ("rate", 0.5, "1/Month", (0, 1))
    assert (rate.comment, rate.group, rate.where) == ("A share.", "Levers", "m.mdl:4")
    assert model.groups == (("Levers", ""),)


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ("", "euler"),
        ("\n:L\x7f<%^E!@\n15:0,0,0,0,0,0\n", "euler"),
        ("\n:L\x7f<%^E!@\n15:0,0,0,1,0,0\n", "rk4 auto"),
        ("\n:L\x7f<%^E!@\n15:0,0,0,4,0,0\n", "rk2"),
        ("\r:L<%^E!@\r15:0,0,0,5,0,0\r", "rk4"),
    ],
)
def test_the_method_stands_in_the_settings(build: Build, settings: str, method: str) -> None:
    assert build("a = 1 ~~|", settings=settings).method == method


@pytest.mark.parametrize("newline", ["\n", "\r"])
def test_unit_synonyms_stand_in_the_settings(build: Build, newline: str) -> None:
    settings = "\n:L\x7f<%^E!@\n15:0\n22:Month,Months\n22:$,Dollar\n4:Time\n".replace("\n", newline)
    assert build("a = 1 ~~|", settings=settings).synonyms == (("Month", "Months"), ("$", "Dollar"))


# ---------------------------------------------------------------------------------------------------- subscripts


@pytest.mark.parametrize(
    ("text", "name", "elements"),
    [
        ("R : A, B ~~|", "r", ("A", "B")),
        ("R : (a1-a5) ~~|", "r", ("a1", "a2", "a3", "a4", "a5")),
        ("R : (a9-a11), z ~~|", "r", ("a9", "a10", "a11", "z")),
        ("R : A, B ~~|\nS : R, C ~~|", "s", ("A", "B", "C")),
        ("S : R, C ~~|\nR : A, B ~~|", "s", ("A", "B", "C")),
        ("R : A, B ~~|\nS <-> R ~~|", "s", ("A", "B")),
        ('R : "El Salvador", Rest_of World ~~|', "r", ("El Salvador", "Rest_of World")),
    ],
)
def test_ranges(build: Build, text: str, name: str, elements: tuple[str, ...]) -> None:
    assert build(text).ranges[name].spellings == elements


def test_a_variable_has_the_smallest_range_that_holds_its_elements(build: Build) -> None:
    model = build(
        REGIONS
        + """
        whole[Region] = 1, 2, 3 ~~|
        part[Coast] = 1, 2 ~~|
        pieces[North] = 1 ~~|
        pieces[South] = 2 ~~|
        other[Copy] = 4, 5, 6 ~~|
        two[Coast, Zone] = 1, 2, 3; 4, 5, 6; ~~|
        """
    )
    shown = {item.name: item.subscripts for item in model.constants}
    assert shown == {
        "whole": ("Region",),
        "part": ("Coast",),
        "pieces": ("Coast",),
        "other": ("Copy",),
        "two": ("Coast", "Zone"),
    }
    np.testing.assert_array_equal(model.constants["two"].value, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(model.constants["pieces"].value, [1, 2])


def test_control_variables_stand_in_no_catalogue(build: Build) -> None:
    optional = (
        "NOISE SEED", "Noise_RNG", "ABSOLUTE TOLERANCE", "RELATIVE TOLERANCE", "MAX THREADS", "SIMULATION PAUSE"
    )  # fmt: skip
    model = build("\n".join(f"{name} = 1 ~~|" for name in ("own", *optional)))
    catalogues = (model.stocks, model.flows, model.auxiliaries, model.constants, model.lookups)
    assert [item.name for catalogue in catalogues for item in catalogue] == ["own"]


def test_a_constant_that_enters_a_stock_is_a_flow_and_a_constant(build: Build) -> None:
    model = build("""
        Waiting = INTEG(arrivals - settling, 40) ~~|
        arrivals = 12 ~~|
        settling = Waiting / settling time ~~|
        settling time = 5 ~~|
        """)
    assert model.flows.names == ("arrivals", "settling")
    assert model.constants.names == ("arrivals", "settling time")
    assert model.auxiliaries.names == ()


def test_subscripts_are_bound_to_loops_elements_mappings_and_sums(build: Build) -> None:
    model = build(
        REGIONS
        + """
        x[Region] = 1, 2, 3 ~~|
        same[Region] = x[Region] + x[south] ~~|
        mapped[Zone] = x[Region] ~~|
        equal[Copy] = x[Region] ~~|
        total = SUM(x[Coast!]) ~~|
        position[Region] = Region ~~|
        element = Isthmus ~~|
        size = ELMCOUNT(Coast) ~~|
        """
    )
    expr = {v.name: v.equations[0].expr for v in model.variables.values()}
    region, coast = ("north", "south", "isthmus"), ("north", "south")
    assert expr["same"] == Binary("+", Ref("x", (Loop("region", region),)), Ref("x", (Fixed("south"),)))
    assert expr["mapped"] == Ref("x", (Loop("zone", region),))
    assert expr["equal"] == Ref("x", (Loop("copy", region),))
    assert isinstance(expr["total"], Reduce)
    ((_, over),) = expr["total"].over
    assert over == coast and expr["total"].function == "sum"
    assert expr["position"] == Position("region", (1, 2, 3))
    assert expr["element"] == Number(3)
    assert expr["size"] == Number(2)


# ---------------------------------------------------------------------------------------------------- mistakes

MISTAKES = [
    # names
    (
        "popolation = 5 ~~|\nb = population * 2 ~~|",
        'm.mdl:2:5: "population" is used in the equation of "b" but defined nowhere. Did you mean "popolation"?',
    ),
    (
        "b = zebra * 2 ~~|",
        'm.mdl:1:5: "zebra" is used in the equation of "b" but defined nowhere. Add an equation for it, or correct '
        "the name.",
    ),
    (
        "a = 1 ~~|\nA = 2 ~~|",
        'm.mdl:2:1: "a" is defined twice, found the first definition on line 1. Remove one of the two.',
    ),
    (
        "R : x, y ~~|\na[R] = 1 ~~|\na[x] = 2 ~~|",
        'm.mdl:3:1: "a" is defined twice, found the first definition on line 2. Remove one of the two.',
    ),
    ("Time = 3 ~~|", "m.mdl:1:1: Time needs no equation. Remove this block."),
    ("MIN = 3 ~~|", 'm.mdl:1:1: "MIN" is the name of a function. Choose another name.'),
    (
        "R : x, y ~~|\nx = 3 ~~|",
        'm.mdl:2:1: "x" is the name of a subscript range or element too. Rename one of them.',
    ),
    # functions
    ("b = MIN(1) ~~|", "m.mdl:1:5: MIN takes 2 arguments (x, y), found 1."),
    ("b = ABS() ~~|", "m.mdl:1:5: ABS takes 1 argument (x), found 0."),
    ("b = INTEG(1) ~~|", "m.mdl:1:5: INTEG takes 2 arguments (net flow, initial), found 1."),
    (
        "b = IF THEN ELSE(1, 2) ~~|",
        "m.mdl:1:5: IF THEN ELSE takes 3 arguments (condition, if true, if false), found 2.",
    ),
    (
        "b = 1 + INTEG(1, 0) ~~|",
        "m.mdl:1:9: INTEG must stand at the head of an equation. Give it a variable of its own.",
    ),
    (
        "b = MIIN(1, 2) ~~|",
        'm.mdl:1:5: "MIIN" is used like a function in the equation of "b" but is neither a function nor a lookup. Did '
        'you mean "MIN"?',
    ),
    (
        "a = 1 ~~|\nb = a(2) ~~|",
        'm.mdl:2:5: "a" is no function or lookup. Put an operator between the name and the parenthesis.',
    ),
    ("t((0,1),(1,2)) ~~|\nb = t(1, 2) ~~|", 'm.mdl:2:5: the lookup "t" takes one argument, found 2.'),
    ("b = 'word' ~~|", "m.mdl:1:5: a text can't stand in this expression, found 'word'."),
    # subscripts
    (
        "R : x, y ~~|\na[R] = 1, 2, 3 ~~|",
        'm.mdl:2:8: the list of values of "a" doesn\'t fit its subscripts, found 3 values, expected 2 values.',
    ),
    (
        "R : x, y ~~|\nS : p, q, s1 ~~|\na[R,S] = 1, 2; 3, 4; 5, 6; ~~|",
        'm.mdl:3:10: the list of values of "a" doesn\'t fit its subscripts, found rows of [2, 2, 2], expected 2 by 3 '
        "values.",
    ),
    (
        "Region : x, y ~~|\na[Regoin] = 1 ~~|",
        'm.mdl:2:3: there is no subscript range or element "Regoin". Did you mean "Region"?',
    ),
    (
        "Region : Haiti, Cuba ~~|\na[Region] = 1 ~~|\nb = a[Haitti] ~~|",
        'm.mdl:3:7: there is no subscript range or element "Haitti". Did you mean "Haiti"?',
    ),
    (
        "R : x, y ~~|\nS : p, q ~~|\na[R] = 1 ~~|\nb = a[p] ~~|",
        'm.mdl:4:7: "a" has no element "p", expected an element of "R".',
    ),
    (
        "R : x, y ~~|\na[R] = 1 ~~|\nb = a ~~|",
        'm.mdl:3:5: "a" stands in the equation of "b" with no subscripts, expected [R].',
    ),
    (
        "a = 1 ~~|\nR : x, y ~~|\nb = a[x] ~~|",
        'm.mdl:3:5: "a" stands in the equation of "b" with 1 subscript, expected none.',
    ),
    (
        "R : x, y ~~|\nS : p, q ~~|\na[R] = 1 ~~|\nb[S] = a[R] ~~|",
        'm.mdl:4:10: the range "R" isn\'t on the left side of "b", expected a range of the left side, one mapped from '
        "it, an element, or ! inside SUM.",
    ),
    (
        "R : x, y ~~|\na[R] = 1 ~~|\nb[R] = SUM(a[R]) ~~|",
        "m.mdl:3:8: SUM needs a range with ! in its argument, expected for example SUM(x[range!]).",
    ),
    (
        "R : x, y ~~|\na[R] = 1 ~~|\na[x,y] = 1 ~~|",
        'm.mdl:3:1: "a" is defined with 2 subscripts here and 1 before, expected as on line 2.',
    ),
    (
        "R : x, y ~~|\na[R,R] = 1 ~~|",
        'm.mdl:2:5: the range "R" stands twice on the left side of "a". Define an equivalent range with <-> and use it '
        "for one of the two.",
    ),
    (
        "R : (a5-a1) ~~|",
        "m.mdl:1:6: this sequence of elements isn't understood, found (a5-a1), expected the same prefix and rising "
        "numbers, such as (a0-a17).",
    ),
    ("R : x, y, X ~~|", 'm.mdl:1:1: the subscript range "R" holds an element twice.'),
    ("R : S ~~|\nS : R ~~|", 'm.mdl:1:1: the subscript range "R" is defined by itself.'),
    (
        "R : x, y ~~|\nCopy <-> Rr ~~|",
        'm.mdl:2:1: there is no subscript range "Rr". Did you mean "R"?',
    ),
    (
        "R : x, y -> S ~~|\nS : p, q, s1 ~~|",
        'm.mdl:1:1: "R" can\'t be mapped to "S" by position, found 2 and 3 elements, expected as many on both sides.',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[m[0].splitlines()[-1][:30] for m in MISTAKES])
def test_mistakes_are_named_with_their_place(build: Build, text: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        build(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FINAL TIME = 1 ~~| SAVEPER = 1 ~~| INITIAL TIME = 0 ~~|",
            "m.mdl: the model has no TIME STEP. Add an equation such as TIME STEP = 1 ~ Month ~ |.",
        ),
        (
            "FINAL TIME = 1 ~~| INITIAL TIME = 0 ~~| TIME STEP = 0 ~~|",
            "m.mdl:1:41: TIME STEP must be above zero, found 0, expected a step such as 0.125.",
        ),
        (
            "FINAL TIME = 1 ~~| INITIAL TIME = 2 ~~| TIME STEP = 1 ~~|",
            "m.mdl:1:1: FINAL TIME lies before INITIAL TIME, found 1, expected 2 at least.",
        ),
        ("", "m.mdl: the model has no INITIAL TIME. Add an equation such as INITIAL TIME = 1 ~ Month ~ |."),
    ],
)
def test_control_variables(text: str, message: str) -> None:
    from flows.vensim.lower import lower
    from flows.vensim.parse import parse

    with pytest.raises(ModelError) as caught:
        lower(parse(text, "m.mdl"))
    assert str(caught.value) == message


def test_saveper_is_the_time_step_by_default() -> None:
    from flows.vensim.lower import lower
    from flows.vensim.parse import parse

    text = "FINAL TIME = 1 ~~| INITIAL TIME = 0 ~~| TIME STEP = 0.25 ~~|"
    assert lower(parse(text, "m.mdl")).control.saveper == 0.25


# ---------------------------------------------------------------------------------------------------- hostile names

HOSTILE = [
    "__import__('os').system('exit 3')",
    "lambda: 0",
    "w[0]",
    "x0",
    "t",
    "dt",
    "import os",
    "None",
    "); raise SystemExit(3) #",
    "\\n\\u0027",
    "a\\\\",
    "{UTF-8}",
    "#y LOOKUP 0",
    "\u0430\u0441\u0435",  # Cyrillic letters that look Latin
    "𝒙",
    "ﬁ",
    "__builtins__",
    "%s {0} $HOME",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names_like_others(build: Build, name: str) -> None:
    from flows import simulate

    model = build(f'"{name}" = 5 ~~|\ny = WITH LOOKUP(Time, ((0,1),(4,5))) ~~|\nz = "{name}" + y ~~|')
    ds = simulate(model, outcomes=["z"])
    assert ds["z"].values.tolist() == [6, 7, 8, 9, 10]


def test_look_alike_letters_are_different_names(build: Build) -> None:
    with pytest.raises(ModelError, match="defined nowhere"):
        build("ace = 1 ~~|\nb = \u0430\u0441\u0435 ~~|")


def test_a_name_in_quotes_never_calls_anything(build: Build) -> None:
    with pytest.raises(ModelError, match="neither a function nor a lookup"):
        build("z = \"__import__\"('os') ~~|")


@pytest.mark.parametrize("engine", ["python", "compiled"])
@pytest.mark.parametrize("terms", [250, 3000])
def test_a_sum_of_many_terms(
    build: Build, terms: int, engine: Literal["compiled", "python"], tmp_path: Path
) -> None:
    from flows import read_vensim, simulate

    before = sys.getrecursionlimit()
    text = "a = 1 ~~|\nb = Time + " + "+".join(["a"] * terms) + " ~~|"
    assert simulate(build(text), outcomes=["b"], engine=engine)["b"].values[1] == terms + 1
    path = tmp_path / "long.mdl"
    path.write_text(text + _CONTROLS, encoding="utf-8")
    assert simulate(read_vensim(path), engine=engine)["b"].values[0] == terms
    assert sys.getrecursionlimit() == before


@pytest.mark.unmeasured
def test_a_sum_of_far_too_many_terms_is_refused(build: Build) -> None:
    with pytest.raises(ModelError, match="too many terms or parentheses"):
        build("a = 1 ~~|\nb = " + "+".join(["a"] * 60_000) + " ~~|")


_CONTROLS = "\nINITIAL TIME = 0 ~~|\nFINAL TIME = 1 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|\n"


def test_every_refusal_of_a_model_is_a_model_error() -> None:
    assert issubclass(UnsupportedError, ModelError)
    assert issubclass(InputError, FlowsError)


def test_names_that_begin_and_end_with_quotes_are_names_of_their_own(build: Callable[..., Model]) -> None:
    model = build(
        '"\\"a\\"" = 1 ~~|\na = 2 ~~|\n"\\"\\"" = 4 ~~|\nb = "\\"a\\"" + a * 10 + "\\"\\"" * 100 + 0 * Time ~~|\n'
    )
    assert float(simulate(model)["b"][0]) == 421
