"""Polarity of loops, and what cutting one does."""

from __future__ import annotations

import pytest
from tests.conftest import small_model

from flows.errors import InputError
from flows.inputs import Outcome
from flows.inputs.loops import NamedLoop, read_loops
from flows.loops import effects_of_cutting, find_loops, link_signs
from flows.model.graph import causal_graph, shortest_loops

EPIDEMIC = """
susceptible = INTEG(-infections, 990) ~ Person ~ |
infectious = INTEG(infections - recoveries, 10) ~ Person ~ |
infections = contacts * susceptible * infectious / people ~ Person/Month ~ |
recoveries = infectious / stay ~ Person/Month ~ |
contacts = 2 ~ 1/Month ~ |
people = 1000 ~ Person ~ |
stay = 2 ~ Month ~ |
"""

SWITCHED = """
herd: north, south ~ ~ |
animals[herd] = INTEG(births[herd] - deaths[herd], 100, 50) ~ Animal ~ |
births[herd] = animals[herd] * birth rate ~ Animal/Month ~ |
birth rate = 0.02 ~ 1/Month ~ |
deaths[herd] = animals[herd] * 0.01 * crowding ^ switch for crowding ~ Animal/Month ~ |
crowding = SMOOTHI(SUM(animals[herd!]) / 150, 3, 1) ~ Dmnl ~ |
switch for crowding = 1 ~ Dmnl ~ |
switch for panic = 0 ~ Dmnl ~ |
panic = (SUM(animals[herd!]) / 150) ^ switch for panic ~ Dmnl ~ |
escapes = INTEG(panic, 0) ~ Month ~ |
""".replace("100, 50)", "100)")


def loop(id: str, *through: str, switch: str = "", reading: str = "balancing") -> NamedLoop:
    return NamedLoop.model_validate(
        {"id": id, "name": id, "through": list(through), "reading": reading, "switch": switch, "source": "x"}
    )


def test_polarity_of_every_loop_of_an_epidemic():
    model = small_model(EPIDEMIC, final=12, step=0.125)
    signs = link_signs(model)
    by_partner = {frozenset(p): signs.polarity(p) for p in shortest_loops(causal_graph(model))}
    assert by_partner == {
        frozenset({"susceptible", "infections"}): "balancing",
        frozenset({"infectious", "infections"}): "reinforcing",
        frozenset({"infectious", "recoveries"}): "balancing",
    }


def test_a_loop_may_change_its_polarity_along_the_run():
    model = small_model("x = INTEG(a, 1) ~ ~ |\na = (x - 3) ^ 2 ~ ~ |", final=40, step=0.125, saveper=1)
    assert link_signs(model, every=1).polarity(("x", "a")) == "balancing"
    model = small_model(
        "x = INTEG(a, 0) ~ ~ |\na = 1 + x * (5 - x) / 10 ~ ~ |", final=10, step=0.125, saveper=1
    )
    assert link_signs(model, every=1).polarity(("x", "a")) == "both"


def test_delays_pass_a_change_on():
    model = small_model("x = INTEG(-late, 100) ~ ~ |\nlate = DELAY FIXED(x / 10, 3, 0) ~ ~ |", final=12)
    path = max(shortest_loops(causal_graph(model)), key=len)
    assert link_signs(model, every=1).polarity(path) == "balancing"


def test_named_loops_and_their_switches():
    model = small_model(SWITCHED, final=36)
    crowding = loop("B1", "crowding", "deaths", "animals", switch="switch for crowding")
    growth = loop("R1", "births", "animals", reading="reinforcing")
    found = find_loops(model, [crowding, growth])
    assert [f.polarity for f in found] == ["balancing", "reinforcing"]
    assert found[0].variables == ("crowding", "deaths", "animals")
    animals = Outcome.model_validate(
        {
            "name": "north",
            "expression": "animals[north]",
            "unit": "Animal",
            "kind": "index",
            "better": "neither",
        }
    )
    change = effects_of_cutting(model, [crowding, growth], [animals], months=["2014-12", "2015-06"])
    assert change.sizes == {"loop": 1, "outcome": 1, "month": 2}
    assert change.values.ravel()[1] > change.values.ravel()[0] > 0  # without crowding the herds grow faster


def test_a_hypothesis_is_judged_with_its_switch_on():
    model = small_model(
        """
        x = INTEG(x * rate, 100) ~ ~ |
        rate = 0.01 * (x / 100) ^ switch ~ ~ |
        switch = 0 ~ ~ |
        """,
        final=12,
    )
    off, on = loop("R1", "rate", "x", switch=""), loop("R2", "rate", "x", switch="switch")
    assert [f.polarity for f in find_loops(model, [off, on])] == ["at rest", "reinforcing"]
    assert link_signs(model, {"switch": 1}).polarity(("rate", "x")) == "reinforcing"


def test_errors_name_file_and_row(tmp_path):
    model = small_model(EPIDEMIC)
    with pytest.raises(InputError, match="Did you mean"):
        find_loops(model, [loop("R1", "infectoins")])
    with pytest.raises(InputError, match="no chain of causes"):
        find_loops(model, [loop("R1", "recoveries", "susceptible")])
    with pytest.raises(InputError, match="is no switch"):
        find_loops(model, [loop("R1", "infections", "susceptible", switch="infections")])
    path = tmp_path / "loops.toml"
    path.write_text('[[loop]]\nid = "R1"\nname = "x"\nthrough = []\nreading = "balancing"\nsource = "y"\n')
    with pytest.raises(InputError, match="at least one"):
        read_loops(path)


def test_a_link_read_against_an_auxiliary_of_constants_has_its_sign():
    text = "x = INTEG(a, 2) ~ ~ |\na = (1 - x) / size ~ ~ |\nsize = 2 * half ~ ~ |\nhalf = 3 ~ ~ |"
    assert link_signs(small_model(text, final=4), every=1).polarity(("x", "a")) == "balancing"
