"""Which views a model gets: one for each group, several for a large one, one for all that is chosen or given."""

from __future__ import annotations

import numpy as np
from tests.conftest import small_model

from flows.diagrams.arrange import polarities
from flows.diagrams.plan import Causes, causes_of, plans

STARS = "*" * 56


def causes_in(**groups: tuple[str, str]) -> Causes:
    text = "".join(
        f"{STARS}\n\t.{name.replace('_', ' ')}\n{STARS}~\n\t\t{note}\n\t|\n{own}"
        for name, (note, own) in groups.items()
    )
    return causes_of(small_model(text + f"{STARS}\n\t.Control\n{STARS}~\n\t\t|\n"))


PEOPLE = "Waiting = INTEG(arriving, 0) ~~|\narriving = wish * 2 * Time ~~|\n"


def test_what_is_chosen_and_given_stands_on_one_view() -> None:
    causes = causes_in(
        People=("Sector 3. People who wait. And more.", PEOPLE),
        Levers=("What can be chosen.", "wish = 1 ~~|\nstart = 3 ~~|\n"),
        Costs=("", "price = 4 ~~|\ncurve((0,0),(1,1)) ~~|\n"),
    )
    first, second = plans(causes)
    assert (first.name, first.note) == ("Sector 3 People", "People who wait.")
    assert first.own == ("waiting", "arriving")
    assert (second.name, second.note) == (
        "Levers and contexts", "What can be chosen, when it acts, and what is given: levers, costs.",
    )  # fmt: skip
    assert second.own == ("wish", "start", "price", "curve")


def test_one_group_of_constants_keeps_its_name() -> None:
    causes = causes_in(People=("", PEOPLE), Given_numbers=("", "wish = 1 ~~|\nprice = 4 ~~|\n"))
    assert [(p.name, p.note) for p in plans(causes)] == [("People", ""), ("Given numbers", "")]
    assert [p.own for p in plans(causes, ["price"])] == [("price",)]


def test_a_large_group_is_split_where_few_links_run() -> None:
    parts = "".join(
        f"{x} = INTEG({x} in - {x} out, 0) ~~|\n{x} in = {x} rate ~~|\n{x} out = {x} / 2 ~~|\n{x} rate = 1 ~~|\n"
        for x in ("apples", "pears", "plums")
    )
    shared = "sum of all = apples + pears + plums ~~|\n"
    causes = causes_in(Orchard=("Fruit.", parts + shared))
    made = plans(causes, most=5)
    assert [p.heading for p in made] == [f"Orchard, {k} of 3" for k in (1, 2, 3)]
    assert [p.name for p in made] == ["Orchard 1", "Orchard 2", "Orchard 3"]
    for part, fruit in zip(made, ("apples", "pears", "plums"), strict=True):
        assert {fruit, f"{fruit} in", f"{fruit} out", f"{fruit} rate"} <= set(part.own)
        assert part.note == f"{fruit.title()}."
    assert sorted(n for p in made for n in p.own) == sorted(causes.links)


def test_a_part_without_stocks_tells_what_others_take_from_it() -> None:
    numbers = "".join(f"n{k} = Time * {k} ~~|\n" for k in range(5))
    users = "".join(f"u{k} = n0 + n1 * {k} ~~|\n" for k in range(5))
    causes = causes_in(Sums=("", numbers + users), Other=("", "alone = Time ~~|\n"))
    made = plans(causes, most=6)
    assert all(len(p.own) <= 6 for p in made)
    assert any(p.note.startswith("N0") for p in made if p.heading.startswith("Sums"))


def test_parts_with_the_most_links_for_their_size_are_joined_first() -> None:
    random = np.random.default_rng(2)
    names = [f"v{k}" for k in range(40)]
    text = f"{names[0]} = Time ~~|\n"
    for place, name in enumerate(names[1:], 1):
        picked = random.choice(place, size=min(place, 2), replace=False)
        text += f"{name} = {' + '.join(names[k] for k in sorted(picked))} ~~|\n"
    causes = causes_in(All=("", text))
    for most in (5, 9, 17):
        made = {frozenset(p.own) for p in plans(causes, most=most)}
        assert made == _joined_one_by_one(causes, names, most)


def _joined_one_by_one(causes: Causes, names: list[str], most: int) -> set[frozenset[str]]:
    """The same by looking at every pair of parts at every step."""
    parts = [[name] for name in names]  # each led by its first variable

    def strength(one: list[str], other: list[str]) -> float:
        pairs = [(c, n) for n in names for c in causes.links[n] if c in names]
        between = [(c, n) for c, n in pairs if (c in one and n in other) or (c in other and n in one)]
        links = sum(1 / len([e for e in causes.effects[c] if e in names]) for c, _ in between)
        return links / (len(one) * len(other)) ** 0.5

    while True:
        fitting = [(a, b) for k, a in enumerate(parts) for b in parts[k + 1 :] if len(a) + len(b) <= most]
        linked = [(a, b) for a, b in fitting if strength(a, b)]
        if linked:
            one, other = max(linked, key=lambda pair: round(strength(*pair), 12))
        else:
            one, other = sorted(parts, key=len)[:2] if len(parts) > 1 else (parts[0], parts[0])
            if len(one) + len(other) > most or one is other:
                return {frozenset(part) for part in parts}
            one, other = sorted((one, other), key=parts.index)
        one.extend(other)
        parts.remove(other)


def test_a_long_name_is_cut_at_a_word() -> None:
    causes = causes_in(**{"People_who_wait_for_the_answer_of_the_authority": ("", PEOPLE + "wish = 1 ~~|\n")})
    (plan,) = plans(causes)
    assert plan.heading == "People who wait for the answer of the authority"
    assert plan.heading.startswith(plan.name) and len(plan.name) < len(plan.heading)
    assert plan.heading[len(plan.name)] == " " and not plan.name.endswith((" of", " the", " for"))


def test_time_and_what_acts_through_hidden_stocks() -> None:
    causes = causes_in(
        People=("", PEOPLE + "wish = SMOOTHI(Time, delay, first) ~~|\ndelay = 2 ~~|\nfirst = 1 ~~|\n")
    )
    assert causes.links["wish"] == {"time": False, "delay": False, "first": True}
    assert causes.spelling("time") == "Time" and causes.spelling("waiting") == "Waiting"
    assert not causes.is_stock("time")


def test_a_link_has_a_mark_where_it_always_acts_one_way() -> None:
    signs = {
        ("a", "b"): np.array([0, 1, 1]), ("b", "c"): np.array([-1, 0, -1]), ("c", "a"): np.array([1, -1]),
        ("d", "a"): np.array([0, 0]),
    }  # fmt: skip
    assert polarities(signs) == {("a", "b"): "+", ("b", "c"): "-"}
