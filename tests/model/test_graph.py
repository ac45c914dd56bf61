"""The causal graph and the search for loops."""

from __future__ import annotations

import pytest
from tests.conftest import small_model

from flows.errors import ModelError
from flows.model.graph import causal_graph, loop_links, loop_through, shortest_loops, shortest_path

EPIDEMIC = """
susceptible = INTEG(-infections, 990) ~ Person ~ |
infectious = INTEG(infections - recoveries, 10) ~ Person ~ |
infections = contacts * susceptible * infectious / people ~ Person/Month ~ |
recoveries = infectious / stay ~ Person/Month ~ |
contacts = 2 ~ 1/Month ~ |
people = 1000 ~ Person ~ |
stay = 2 ~ Month ~ |
"""


def test_constants_are_no_causes_of_change():
    graph = causal_graph(small_model(EPIDEMIC))
    assert set(graph.effects) == {"susceptible", "infectious", "infections", "recoveries"}
    assert ("infections", "susceptible") in graph.links
    assert ("susceptible", "infections") in graph.links


def test_shortest_loops_cover_every_link_on_a_loop():
    graph = causal_graph(small_model(EPIDEMIC))
    loops = shortest_loops(graph)
    assert [set(loop) for loop in loops] == [
        {"susceptible", "infections"},
        {"infectious", "infections"},
        {"infectious", "recoveries"},
    ]
    assert {link for loop in loops for link in loop_links(loop)} == set(graph.links)


def test_loop_through_names_the_chain_between():
    graph = causal_graph(
        small_model("""
        level = INTEG(change, 1) ~ ~ |
        change = gap / 4 ~ ~ |
        gap = 10 - perceived level ~ ~ |
        perceived level = SMOOTH(level, 3) ~ ~ |
        """)
    )
    loop = loop_through(graph, ["gap", "level"])
    shown = [name for name in loop if not name.startswith("#")]
    assert shown == ["gap", "change", "level", "perceived level"]
    assert len(loop) == 5  # the stock of the smooth is on it
    assert shortest_path(graph, "level", "level") is not None


def test_no_chain_is_refused():
    graph = causal_graph(small_model("a = INTEG(1, 0) ~ ~ |\nb = INTEG(a, 0) ~ ~ |"))
    assert shortest_path(graph, "b", "a") is None
    with pytest.raises(ModelError, match='no chain of causes leads from "b" to "a"'):
        loop_through(graph, ["a", "b"])
