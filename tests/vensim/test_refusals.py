"""What the language doesn't allow, or what isn't supported, is told in one sentence with its place."""

from __future__ import annotations

import pytest
from tests.conftest import small_model

from flows import simulate
from flows.errors import FlowsError

RANGES = """\
r : a, b ~~|
q : c, d, e ~~|
one : f ~~|
v[r] = 1, 2 ~~|
w[q] = 1, 2, 3 ~~|
u[one] = 1 ~~|
m[r, q] = 1, 2, 3; 4, 5, 6; ~~|
s[r, q] = 1, 2, 3; 4, 5, 6; ~~|
t((0,0),(1,1)) ~~|
k = 1 ~~|
later = Time ~~|
unknown = SQRT(2) ~~|
"""


def told(text: str) -> str:
    """What a user reads who runs a model with this block."""
    with pytest.raises(FlowsError) as refused:
        simulate(small_model(RANGES + text + " ~~|\n"), engine="compiled")
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = VECTOR LOOKUP(u[one], 1, 0, 1, 0)", "takes a vector of two elements at least"),
        ("x[r, q] = INVERT MATRIX(m[r, q], 2)", "INVERT MATRIX takes a square matrix"),
        (
            "x[r] = ALLOCATE BY PRIORITY(v[r], w[q], 2, 1, 5)",
            "vectors of ALLOCATE BY PRIORITY differ in length",
        ),
        ("x[r] = ALLOCATE BY PRIORITY(v[r], v[r], 1, 1, 5)", "ALLOCATE BY PRIORITY over a part of a range"),
        ("x[r] = ALLOCATE BY PRIORITY(v[r], v[r], ELMCOUNT(q), 1, 5)", "over a part of a range"),
        ("x[r] = ALLOCATE BY PRIORITY(v[r], v[r], later, 1, 5)", "over a part of a range"),
        ("x[r] = VECTOR RANK(nothing[g], 1)", "VECTOR RANK takes an array with subscripts"),
        ("x[r] = ALLOCATE AVAILABLE(v[r], m[r, c], 2)", "takes priority profiles of four elements"),
        ("x[r] = ALLOCATE AVAILABLE(v[r], k, 2)", "takes an array of priority profiles"),
        ("x = VECTOR ELM MAP(k, 1)", "VECTOR ELM MAP takes an element of an array"),
        ("x = VECTOR SELECT(v[r!], 2, 0, -1, 0)", "a whole number from 0 to 10"),
        ("x = VECTOR SELECT(v[r!], 2, 0, 2.5, 0)", "a whole number from 0 to 10"),
        ("ACTION == 2 ~~|\nx = VECTOR SELECT(v[r!], 2, 0, -ACTION, 0)", "a whole number from 0 to 10"),
    ],
)
def test_mistakes_in_whole_arrays(text: str, words: str) -> None:
    assert words in told(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = t(1, 2)", 'the lookup "t" takes one argument, found 2'),
        ("x = k(2)", '"k" is no function or lookup. Put an operator between the name and the parenthesis'),
        ("x = 1 + INTEG(1, 0)", "INTEG must stand at the head of an equation. Give it a variable of its own"),
        ("x = SQRTT(2)", 'neither a function nor a lookup. Did you mean "SQRT"'),
        ("x = MIN(1)", "MIN takes 2 arguments"),
        ("x = ELMCOUNT(k)", "ELMCOUNT takes the name of a subscript range"),
        ("x = ELMCOUNT(2)", "ELMCOUNT takes the name of a subscript range"),
        ("x = SUM(v[a])", "SUM needs a range with ! in its argument, expected for example SUM(x[range!])"),
        ("x = t", 'the lookup "t" stands in the equation of "x" without an argument'),
        ("x = LOOKUP FORWARD(k, 1)", "LOOKUP FORWARD takes the name of a lookup"),
        ("x = LOOKUP FORWARD(nothing, 1)", "LOOKUP FORWARD takes the name of a lookup or data variable"),
        ("x = GET DATA BETWEEN TIMES(t, 1, 0)", "GET DATA BETWEEN TIMES takes the name of a data variable"),
        ("x = TIME SHIFT(k, 1)", "TIME SHIFT takes the name of a data variable"),
        ("x = RANDOM LOOKUP(k, 0, 1, 0, 1, 0)", "RANDOM LOOKUP takes the name of a lookup"),
        ("x = RANDOM LOOKUP(2, 0, 1, 0, 1, 0)", "RANDOM LOOKUP takes the name of a lookup"),
        ("x = 'text' + 1", "a text can't stand in this expression, found 'text'"),
    ],
)
def test_mistakes_in_calls(text: str, words: str) -> None:
    assert words in told(text)


@pytest.mark.parametrize(
    "call",
    [
        "SMOOTH(v[r!], 2)",
        "DELAY3(v[r!], 2)",
        "DELAY MATERIAL(v[r!], 2, 0, 0)",
        "RANDOM UNIFORM(0, v[r!], 0)",
        "RANDOM PINK NOISE(v[r!], 1, 2, 0)",
    ],
)
def test_what_remembers_or_draws_stands_in_no_sum(call: str) -> None:
    name = call.partition("(")[0]
    assert f"{name} inside a SUM over ! ranges isn't supported" in told(f"x = SUM({call})")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("unknown", "DELAY N with an order that isn't known before the run isn't supported"),
        ("k / 0", "isn't known before the run"),
        ("v[a]", "isn't known before the run"),
        ("k ^ 2", "isn't known before the run"),
        ("SQRT(k)", "isn't known before the run"),
        ("MIN(unknown, 2)", "isn't known before the run"),
        ("0", "the order of DELAY N is out of range, found 0, expected 1 to 1000"),
        ("-k", "out of range, found -1, expected 1 to 1000"),
        ("k * 1001", "out of range, found 1001, expected 1 to 1000"),
    ],
)
def test_orders_of_delays_that_are_refused(order: str, words: str) -> None:
    assert words in told(f"x = DELAY N(Time, 4, 0, {order})")


@pytest.mark.parametrize(
    "order",
    [
        "k + 1", "3 - k", "2 * k", "4 / two", "-(-2)", "MIN(two, 7)", "MAX(k, two)", "INTEGER(2.9)",
        "k + STEP(k, 0)", "two + STEP(1, 3)", "two + Time", "ordered",
    ],
)  # fmt: skip
def test_an_order_is_worked_out_from_what_stands_at_the_start(order: str) -> None:
    text = "k = 1 ~~|\ntwo = 2 ~~|\nordered = two * k ~~|\nx = DELAY N(Time, 4, 0, {}) ~~|\n"
    found, expected = (
        simulate(small_model(text.format(o), final=4, step=0.5), engine="compiled")["x"].values
        for o in (order, "2")
    )
    assert found.tolist() == expected.tolist()
    assert found[-1] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p : g, h -> (nowhere: a, b)", 'there is no subscript range "nowhere" to map to'),
        ("p : g, h -> q", '"p" can\'t be mapped to "q" by position, found 2 and 3 elements'),
        ("p : g, h, i -> (r: a)", 'the mapping of "p" to "r" isn\'t understood'),
        ("p <-> nowhere", 'there is no subscript range "nowhere"'),
        ("p : q, c", 'the subscript range "p" holds an element twice'),
        ("p : o ~~|\no : p", "is defined by itself"),
        ("x[g] = 1", 'there is no subscript range or element "g"'),
        (
            "x[r] = 1 ~~|\nx[r, q] = 2",
            "is defined with 2 subscripts here and 1 before, expected as on line 13",
        ),
        ("x[a] = 1 ~~|\nx[c] = 2", 'no subscript range holds all elements of dimension 1 of "x"'),
        ("x[r] = v", '"v" stands in the equation of "x" with no subscripts'),
        ("x = v[a, b]", "with 2 subscripts, expected [r]"),
        ("x = k[a]", "with 1 subscript, expected none"),
        ("x = v[c]", '"v" has no element "c", expected an element of "r"'),
        ("x = v[r!]", "outside of a sum"),
        ("x = SUM(v[g!])", 'there is no subscript range "g"'),
        ("x = v[r]", 'the range "r" isn\'t on the left side of "x"'),
        ("x = v[g]", 'there is no subscript range or element "g"'),
        (
            "x[r] :EXCEPT: [a, c] = 1",
            'an exception of "x" has another number of subscripts than the left side',
        ),
        ("x[r] :EXCEPT: [a] = 1, 2", "a list of values with :EXCEPT:"),
        ("x[a] = Time ~~|\nx[b] = INTEG(1, 0)", '"x" is auxiliary here and stock there'),
        ("Time = 1", "Time needs no equation"),
        ("x :IS: 5", "m.mdl:13:"),
        ("p : a, b -> (q: c, d, e, c)", 'the mapping of "p" to "q" isn\'t understood'),
        ("x[r, r] = 1", 'the range "r" stands twice on the left side of "x"'),
        ("x = 1, 2", "m.mdl:13:"),
    ],
)
def test_mistakes_in_ranges_and_left_sides(text: str, words: str) -> None:
    assert words in told(text)


@pytest.mark.parametrize("engine", ["compiled", "python"])
def test_single_elements_and_other_ranges_on_the_left_of_whole_arrays(engine: str) -> None:
    text = """
        r : a, b, c ~~|
        place : p1, p2, p3 ~~|
        h[r] = 5, 3, 4 ~~|
        up[p1] = VECTOR SORT ORDER(h[a], 1) + 0 * Time ~~|
        up[p2] = VECTOR SORT ORDER(h[r], 1) + 0 * Time ~~|
        up[p3] = VECTOR SORT ORDER(-h[r], 0) + 0 * Time ~~|
        away[r] = VECTOR RANK(ABS(h[r] - 4.5), 1) + 0 * Time ~~|
        down[a] = VECTOR RANK(h[r], 0) + 0 * Time ~~|
        down[b] = VECTOR RANK(h[r], 0) + 0 * Time ~~|
        down[c] = VECTOR RANK(h[b], 0) + 0 * Time ~~|
        """
    ds = simulate(small_model(text), engine=engine)  # type: ignore[arg-type]
    assert ds["up"].isel(time=0).values.tolist() == [1, 2, 0]
    assert ds["away"].isel(time=0).values.tolist() == [1, 3, 2]  # equals keep their order
    assert ds["down"].isel(time=0).values.tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("p : g, h -> r", [1, 2]),  # by position
        ("p : g, h -> (r: b, a)", [2, 1]),
        ("p <-> r", [1, 2]),
    ],
)
def test_a_mapped_range_reads_the_image_of_its_element(mapping: str, expected: list[float]) -> None:
    text = f"r : a, b ~~|\n{mapping} ~~|\nv[r] = 1, 2 ~~|\nx[p] = v[r] + 0 * Time ~~|\n"
    assert simulate(small_model(text))["x"].isel(time=0).values.tolist() == expected


def test_a_range_mapped_to_groups_reads_the_group_of_its_element() -> None:
    text = """
        r : a, b, c ~~|
        south : b, c ~~|
        zone : z1, z2 -> (r: a, south) ~~|
        rate[zone] = 10, 20 ~~|
        x[r] = rate[zone] + 0 * Time ~~|
        """
    assert simulate(small_model(text))["x"].isel(time=0).values.tolist() == [10, 20, 20]
