"""The frame of a view: stocks in columns, flows level between them."""

from __future__ import annotations

import itertools

import pytest

from flows.diagrams.skeleton import Frame, Pipe, frame, separated


def flow(source: str | None, target: str | None) -> Pipe:
    return Pipe(f"{source} to {target}", False, source, target)


def assert_level(made: Frame) -> None:
    """Each valve stands at the height of what it joins, and no two valves stand on each other."""
    for pipe, (x, y) in made.valves.items():
        for stock in (pipe.source, pipe.target):
            if stock is not None:
                _, middle, _, half = made.stocks[stock]
                assert abs(y - middle) <= half, pipe
        for side, stock in (("source", pipe.source), ("target", pipe.target)):
            if stock is None:
                assert made.ends[pipe, side][1] == y
        assert x != 0 or y != 0
    for one, two in itertools.combinations(made.valves.values(), 2):
        assert abs(one[0] - two[0]) > 50 or abs(one[1] - two[1]) >= 58


def test_flows_run_to_the_right_from_column_to_column() -> None:
    pipes = [flow(None, "a"), flow("a", "b"), flow("b", "c"), flow("c", None)]
    made = frame(["a", "b", "c"], pipes, {}, width=9000)
    assert_level(made)
    xs = [
        made.ends[pipes[0], "source"][0],
        *(made.valves[p][0] for p in pipes),
        made.ends[pipes[3], "target"][0],
    ]
    assert xs == sorted(xs)
    assert made.stocks["a"][0] < made.stocks["b"][0] < made.stocks["c"][0]


def test_what_feeds_several_ways_to_one_stock_stands_before_them() -> None:
    pipes = [flow("a", "b"), flow("a", "c"), flow("b", "d"), flow("c", "d"), flow("late", "d")]
    made = frame(["d", "c", "b", "a", "late"], pipes, {}, width=9000)
    assert_level(made)
    column = {stock: place[0] for stock, place in made.stocks.items()}
    assert column["a"] < column["b"] == column["c"] == column["late"] < column["d"]
    assert made.stocks["b"][1] != made.stocks["c"][1] != made.stocks["late"][1]


def test_a_circle_of_stocks_is_cut_where_it_closes() -> None:
    pipes = separated([flow("a", "b"), flow("b", "c"), flow("c", "a")], ["a", "b", "c"])
    assert [(p.source, p.target, p.shadow) for p in pipes] == [
        ("a", "b", False), ("b", "c", False), ("c", None, False), (None, "a", True),
    ]  # fmt: skip
    assert (pipes[2].beyond_target, pipes[3].beyond_source) == ("a", "c")
    assert_level(frame(["a", "b", "c"], pipes, {}, width=9000))


def test_flows_that_would_cross_are_cut_in_two() -> None:
    whole = [flow(one, other) for one in "ab" for other in "cd"]
    pipes = separated(whole, list("abcd"))
    cut = [p for p in pipes if None in (p.source, p.target)]
    assert len(pipes) == 5 and len(cut) == 2 and len({p.flow for p in cut}) == 1
    assert_level(frame(list("abcd"), pipes, {}, width=9000))


def test_a_flow_from_a_stock_into_itself_and_one_past_all_stocks() -> None:
    around, past = flow("a", "a"), flow(None, None)
    assert frame(["a"], [around], {}, width=9000).stocks["a"][1] > 0  # no row: it stands below what has one
    pipes = separated([around, past], ["a"])
    assert [(p.source, p.target) for p in pipes] == [("a", None), (None, "a"), (None, None)]
    made = frame(["a"], pipes, {}, width=9000)
    assert_level(made)
    assert made.ends[past, "source"][0] < made.valves[past][0] < made.ends[past, "target"][0]


@pytest.mark.parametrize("inward", [True, False])
def test_many_flows_of_one_stock_run_on_both_sides(inward: bool) -> None:
    pipes = [Pipe(f"f{k}", False, None if inward else "a", "a" if inward else None) for k in range(12)]
    made = frame(["a"], pipes, {}, width=9000)
    assert_level(made)
    middle = made.stocks["a"][0]
    sides = [made.valves[p][0] > middle for p in pipes]
    assert 3 <= sum(sides) <= 9
    side = "source" if inward else "target"
    for pipe in pipes:  # what comes or goes lies further out than the valve
        assert (made.ends[pipe, side][0] > made.valves[pipe][0]) == (made.valves[pipe][0] > middle)


def test_parts_that_find_no_room_go_below_and_keep_the_height_that_flows_need() -> None:
    pipes = [flow(None, "a"), flow(None, "b"), flow("b", None)]
    wide = frame(["a", "b"], pipes, {}, width=9000)
    narrow = frame(["a", "b"], pipes, {pipes[0].flow: 300.0}, width=500)
    assert wide.stocks["a"][0] < wide.stocks["b"][0] and wide.stocks["a"][1] == wide.stocks["b"][1]
    assert narrow.stocks["b"][1] - narrow.stocks["a"][1] > 280
    assert narrow.stocks["a"][0] == narrow.stocks["b"][0]


def test_flows_with_many_causes_get_wider_gaps() -> None:
    pipes = [flow("a", "b")]
    usual = frame(["a", "b"], pipes, {}, width=9000)
    wide = frame(["a", "b"], pipes, {}, width=9000, crowded={"a to b"})
    assert wide.stocks["b"][0] - usual.stocks["b"][0] == 90
