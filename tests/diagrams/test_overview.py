"""The overview: sectors with their stocks, what moves between them, and the loops."""

from __future__ import annotations

import itertools

import pytest
from tests.conftest import small_model

from flows.diagrams.layout import Loop
from flows.diagrams.overview import moves, overview
from flows.diagrams.plan import Causes, causes_of, plans

STOCKS = 14
GROUPS = {
    "Country": "Home = INTEG(-leaving, 100) ~ Person ~ |\nleaving = Home * wish ~ Person/Month ~ |\n"
    "wish = news / Home ~ 1/Month ~ |\n",
    "Road": "Travelling = INTEG(leaving - arriving - turning back, 0) ~ Person ~ |\n"
    "arriving = Travelling / 2 ~ Person/Month ~ |\nturning back = Travelling / 9 ~ Person/Month ~ |\n",
    "City": "Settled = INTEG(arriving, 0) ~ Person ~ |\nnews = Settled * 2 ~ Person ~ |\n"
    + "".join(f"Place {k} = INTEG(Settled * {k}, 0) ~ Person ~ |\n" for k in range(STOCKS)),
}


def model_of(groups: dict[str, str]) -> Causes:
    stars = "*" * 56
    text = "".join(f"{stars}\n\t.{name}\n{stars}~\n\t\t|\n{own}" for name, own in groups.items())
    return causes_of(small_model(text + f"{stars}\n\t.Control\n{stars}~\n\t\t|\n"))


@pytest.fixture(scope="module")
def causes() -> Causes:
    return model_of(GROUPS)


PLACES = {"Country": (0.0, 0.0), "Road": (1.0, 0.0), "City": (2.0, 1.0)}


def test_what_moves_between_sectors(causes: Causes) -> None:
    sectors, flows = moves(plans(causes), causes)
    assert list(sectors) == ["Country", "Road", "City"]
    assert flows == {("Country", "Road"): ("leaving",), ("Road", "City"): ("arriving",)}


def test_sectors_stand_where_they_are_put(causes: Causes) -> None:
    view = overview(plans(causes), causes, title="A model", note="What it is about.", places=PLACES)
    assert view is not None
    frames = [w for w in view.words if w.kind == 12 and w.text is None]
    assert [(a.x < b.x, a.y < b.y) for a, b in itertools.pairwise(frames)] == [
        (True, False), (True, True),
    ]  # fmt: skip
    said = [w.text for w in view.words if w.text]
    assert said[:5] == ["A model", "What it is about.", "Country", "Road", "City"]
    assert {"leaving", "arriving"} <= set(said)
    more = next(text for text in said if text.startswith("and "))
    shown = [w for w in view.words if w.kind == 10]
    assert all(w.shadow for w in shown)
    assert len(shown) + int(more.split()[1]) == STOCKS + 3
    thick = [a for a in view.arrows if a.thickness]
    assert len(thick) == 2 and len(view.arrows) == 3  # and the news that Country hears of City
    key = {w.id: k for k, w in enumerate(frames)}
    assert [(key[a.start], key[a.end]) for a in view.arrows] == [(0, 1), (1, 2), (2, 0)]


@pytest.mark.parametrize(("count", "columns"), [(3, 2), (13, 3)])
def test_loops_are_named_below_in_columns(causes: Causes, count: int, columns: int) -> None:
    loops = [Loop(f"R{k}", f"Loop number {k}", ("home", "leaving")) for k in range(count)]
    view = overview(plans(causes), causes, title="", loops=loops, places=PLACES)
    assert view is not None
    named = [w for w in view.words if w.text and w.text.startswith("Loop number")]
    lowest = max(w.y + w.h for w in view.words if w.text is None)
    assert len(named) == count and min(w.y for w in named) > lowest
    assert len({w.x - w.w for w in named}) == columns
    assert len({(w.x, w.y) for w in named}) == count


def test_a_model_of_two_sectors_has_no_overview() -> None:
    two = model_of(
        {k: GROUPS[k] for k in ("Country", "Road")} | {"Country": GROUPS["Country"].replace("news", "2")}
    )
    assert overview(plans(two), two, title="A model") is None
