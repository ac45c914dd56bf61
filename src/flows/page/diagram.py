"""The diagram whose numbers move: sectors with their stocks and what passes between them, or a view of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flows.diagrams.draw import picture, svg
from flows.diagrams.overview import moves
from flows.diagrams.plan import causes_of, plans
from flows.errors import FlowsError
from flows.model.model import Model
from flows.references import fold
from flows.vensim.sketch import View, read_sketch

__all__ = ["sector_diagram", "view_diagram", "view_names"]

STOCKS = 5  # of one sector
_COUNTED = ("Person", "Case")
_NUMBER_ROOM = 9.0  # pixels below a word's box, where its number stands


def sector_diagram(model: Model, places: Mapping[str, tuple[float, float]]) -> dict[str, Any] | None:
    """Lay out the sectors of a model with people, files and what moves between them.

    Parameters
    ----------
    model : Model
        The model.
    places : mapping of str to (float, float)
        Column and row of each sector by its group, as ``models/overview.toml`` gives them.

    Returns
    -------
    dict or None
        ``kind`` "sectors", ``sectors`` (``id``, the group; ``column, row``; ``stocks``, folded names), ``moves``
        (``from, to``, places in that list; ``flows``); None for a model of which a sector has no place.
    """
    causes = causes_of(model)
    found, flows = moves(plans(causes), causes)
    counted = {title: _counted(model, own) for title, own in found.items()}
    active = {title for pair in flows for title in pair}
    groups = {t: model.variables[own[0]].group for t, own in found.items() if t in active}
    if len(groups) < 3 or not all(group in places for group in groups.values()):
        return None
    order = list(groups)
    return {
        "kind": "sectors",
        "sectors": [
            {
                "id": groups[title],
                "column": places[groups[title]][0],
                "row": places[groups[title]][1],
                "stocks": _main(counted[title], causes.sources, causes.targets),
            }
            for title in order
        ],
        "moves": [
            {"from": order.index(a), "to": order.index(b), "flows": list(names)}
            for (a, b), names in flows.items()
        ],
    }


def view_names(model: Model) -> tuple[View | None, tuple[str, ...]]:
    """Find the first view of a model's file and the variables on it that move, by folded names."""
    try:
        sketch, _ = read_sketch(model.path)
    except FlowsError:
        return None, ()
    for view in sketch.views:
        names = tuple(
            dict.fromkeys(w.key for w in view.words if w.kind == 10 and not w.hide and _moves(model, w.key))
        )
        if names:
            return view, names
    return None, ()


def view_diagram(model: Model, view: View, number: Callable[[str], int | None]) -> dict[str, Any]:
    """Draw a view, with the places of its numbers.

    Parameters
    ----------
    model : Model
        The model.
    view : View
        Of its file.
    number : callable
        Gives the place of a variable's series by its folded name; None where it isn't recorded.

    Returns
    -------
    dict
        ``kind`` "view", ``svg`` (the picture), ``box`` (left, top, width, height), ``spots`` (``x, y, series,
        beside``).
    """
    drawn = picture(view)
    spots = []
    for word in view.words:
        if word.kind != 10 or word.hide or not _moves(model, word.key):
            continue
        series = number(word.key)
        if series is not None:
            beside = (
                word.role == "shadow"
            )  # a stock in the frame of its sector: its number stands to the right
            x, y = (word.x + word.w + 4, word.y + 4) if beside else (word.x, word.y + word.h + _NUMBER_ROOM)
            spots.append({"x": x, "y": y, "series": series, "beside": beside})
    inner = re.sub(r"^<svg[^>]*>\s*<title>.*?</title>|</svg>\s*$", "", svg(drawn), flags=re.DOTALL)
    return {"kind": "view", "svg": inner, "box": list(drawn.box), "spots": spots}


def _moves(model: Model, name: str) -> bool:
    variable = model.variables.get(name)
    return variable is not None and not variable.hidden and variable.kind in ("stock", "auxiliary")


def _counted(model: Model, own: tuple[str, ...]) -> list[str]:
    """Stocks of people and files among a sector's variables."""
    return [
        n for n in own if model.variables[n].kind == "stock" and model.variables[n].units.strip() in _COUNTED
    ]


def _main(
    stocks: list[str], sources: Mapping[str, tuple[str, ...]], targets: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Those that most flows touch, in the order of the file."""
    ends = [stock for table in (sources, targets) for names in table.values() for stock in names]
    kept = sorted(stocks, key=lambda stock: -ends.count(fold(stock)))[:STOCKS]
    return sorted(kept, key=stocks.index)
