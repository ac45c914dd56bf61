"""The text of a kernel for a page: its outcomes, its defaults, and what it refuses."""

from __future__ import annotations

import re

import pytest
from tests.conftest import small_model

from flows.errors import InputError, UnsupportedError
from flows.model.model import Model
from flows.page.kernel import write_kernel


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model(
        """
        r: a, b ~~|
        stock[r] = INTEG(rate * weight[r], 0) ~~|
        rate = 2 ~~|
        weight[r] = 1, 3 ~~|
        total = SUM(stock[r!]) ~~|
        curve((0,0),(0,1),(4,2)) ~~|
        bent = curve(total) ~~|
        """
    )


def test_a_series_for_each_element_and_one_for_each_expression(model: Model) -> None:
    made = write_kernel(model, ["stock", "stock[b]", "total"], until=3)
    rows = [(o["outcome"], o["name"], o["element"], o["offset"]) for o in made.spec["outputs"]]
    assert rows == [
        ("stock", "stock", "a", 0), ("stock", "stock", "b", 4), ("stock[b]", "stock", "b", 8),
        ("total", "total", "", 12),
    ]  # fmt: skip
    assert (made.spec["times"], made.spec["step"]) == ([0, 1, 2, 3], 1)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("total + stock[a]", "(T + A)"),
        ("2 - total", "((2.0) - T)"),
        ("total * -3 + 1", "((T * (-3.0)) + (1.0))"),
        ("100 * stock[a] / total", "(((100.0) * A) / T)"),
        ("-(total - 4) / 2", "((-(T - (4.0))) / (2.0))"),
        ("1 / total", "((1.0) / T)"),
        ("3 + total", "((3.0) + T)"),
    ],
)
def test_expressions_become_code(model: Model, outcome: str, code: str) -> None:
    made = write_kernel(model, [outcome])
    (found,) = re.findall(r"saved\[first \+ 0\] = (.*);", made.js)
    places = list(dict.fromkeys(re.findall(r"w\[\d+\]", found)))
    for name, place in zip(dict.fromkeys(re.findall(r"\b[AT]\b", code)), places, strict=True):
        code = re.sub(rf"\b{name}\b", place, code)
    assert found == code


def test_inputs_become_defaults(model: Model) -> None:
    made = write_kernel(model, ["total"], inputs={"rate": 7.0})
    (rate,) = (i for i in made.spec["inputs"] if i["name"] == "rate")
    assert rate["value"] == 7.0


def test_what_no_kernel_can_be_written_for(model: Model) -> None:
    with pytest.raises(InputError, match='"stock" in an expression has more than one element'):
        write_kernel(model, ["stock + total"])
    with pytest.raises(InputError, match="nowhere"):
        write_kernel(model, ["nowhere"])
    with pytest.raises(UnsupportedError, match=r"automatic step isn't supported .* expected euler"):
        write_kernel(model, ["total"], method="rk4 auto")
