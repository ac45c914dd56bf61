"""Series that a page draws: outcomes with what was observed, stocks and flows, what adds to a stock, loops."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from flows import observations
from flows.compare import HUMAN_COST
from flows.inputs import Outcome, find
from flows.inputs.loops import read_loops
from flows.inputs.places import read_places
from flows.inputs.titles import displayed
from flows.model.ir import Equation, Fixed, Ref
from flows.model.model import Item, flow_terms
from flows.page.block import LANGUAGES, Block, sentence, shortened, time_unit, unit_words
from flows.page.diagram import sector_diagram, view_diagram, view_names
from flows.references import Expression, fold

_COUNTED = ("Person", "Case", "Event", "Person*Month")
_FINEST = {"month": 0, "calendar_year": 1, "fiscal_year": 2}
_ENOUGH = 3  # values of one kind of period that make a series


def outcome_chart(block: Block, outcome: Outcome) -> int:
    """A series for an outcome."""
    first = block.model.variables.get(fold(outcome.references[0].name))
    spanish = block.labels["es"].outcome(outcome)
    english = unit_words(block, outcome.unit, outcome.name)["en"]
    return block.add(
        "outcome " + fold(outcome.name),
        {
            "id": outcome.name,
            "kind": outcome.kind,
            "title": {"en": outcome.title or sentence(outcome.name), "es": spanish.title},
            "unit": {"en": english, "es": spanish.unit},
            "note": {"en": outcome.note, "es": spanish.note},
            "counted": outcome.kind in ("event", "person", "case"),
            "better": outcome.better,
            "human": outcome.name in HUMAN_COST,
            "rate": outcome.is_rate,
            "sector": first.group if first is not None else "",
            "how": _compact(_tree(Expression.parse(outcome.expression).root, block)),
            **_history(outcome),
        },
    )


def whole_series(block: Block, item: Item, kind: str) -> int | None:
    """A series for a stock or a flow: the sum of its elements; None where a sum means nothing."""
    rows = block.all_rows(item.name)
    sums = item.units.split("/")[0].strip() not in ("", "Dmnl", "1")
    if not rows or (len(rows) > 1 and not sums):
        return None
    label = block.labels["es"].variable(item.name, unit=item.units)
    same = block.places.get("outcome " + fold(item.name))
    alike = same is not None and block.series[same]["how"] == {"rows": rows}
    titles = (
        block.series[same]["title"]
        if same is not None and alike
        else {"en": sentence(item.name), "es": label.title}
    )
    return block.add(f"{kind} {fold(item.name)}", _plain(block, item, kind, titles, rows))


def _plain(block: Block, item: Item, kind: str, titles: dict[str, str], rows: list[int]) -> dict[str, Any]:
    label = block.labels["es"].variable(item.name, unit=item.units)
    return {
        "id": f"{kind} {item.name}",
        "kind": kind,
        "title": titles,
        "unit": {"en": unit_words(block, item.units, item.name)["en"], "es": label.unit},
        "note": dict.fromkeys(LANGUAGES, ""),
        "people": item.units.strip() == "Person",
        "counted": item.units.split("/")[0].strip() in _COUNTED,
        "better": "neither",
        "human": False,
        "rate": item.units.replace(" ", "").endswith("/" + time_unit(block.model)),
        "sector": item.group,
        "how": {"rows": rows},
        "history": [],
        "sources": [],
    }


def _tree(node: tuple[Any, ...], block: Block) -> Any:
    match node:
        case ("number", value):
            return value
        case ("reference", reference):
            return block.leaf(reference)
        case ("negative", operand):
            return ["neg", _tree(operand, block)]
        case (sign, left, right):
            return [sign, _tree(left, block), _tree(right, block)]
    raise AssertionError(node)


def _compact(tree: Any) -> Any:
    """Join sums of rows, so that the page adds them up in one go."""
    if isinstance(tree, list):
        parts = [_compact(part) for part in tree[1:]]
        if tree[0] == "+" and all(isinstance(p, dict) and "rows" in p for p in parts):
            return {"rows": [row for p in parts for row in p["rows"]]}
        return [tree[0], *parts]
    return tree


def _history(outcome: Outcome) -> dict[str, Any]:
    """Observed values beside an outcome: ``[begins, ends, value]`` in model time; of a rate the mean per month."""
    spans = observations.observed_spans(outcome)
    if spans.empty:
        return {"history": [], "sources": []}
    kinds = spans["period_type"].value_counts()
    finest = sorted((k for k in kinds.index if k in _FINEST), key=lambda k: _FINEST[k])
    chosen = next((k for k in finest if kinds[k] >= _ENOUGH), finest[0] if finest else None)
    kept = spans[(spans["period_type"] == "instant") | (spans["period_type"] == chosen)]
    found = []
    columns = (kept[name] for name in ("period_type", "period_start", "period_end", "value"))
    for kind, start, end, value in zip(*columns, strict=True):
        ends = observations.time_of(end, end=True)
        begins = ends if kind == "instant" else observations.time_of(start)
        months = ends - begins if outcome.is_rate and ends > begins else 1.0
        found.append([round(begins, 3), round(ends, 3), shortened(float(value) / months)])
    sources = dict.fromkeys(name for cell in kept["source"] for name in str(cell).split("; "))
    return {"history": found, "sources": [displayed(title) for title in sources]}


def terms_of(block: Block) -> dict[str, list[list[int]]]:
    """Flows of every stock: by the stock's series, pairs of sign and the series of what flows in or out there."""
    found: dict[str, list[list[int]]] = {}
    for item in block.model.stocks:
        stock = block.places.get("stock " + fold(item.name))
        rows: dict[tuple[int, str], list[int]] = {}
        whole = True
        for equation in block.model.variables[fold(item.name)].equations:
            for sign, ref in flow_terms(equation.expr) if equation.expr is not None else []:
                own = _rows_of(block, ref, equation) if ref is not None else None
                if own is None or ref is None:
                    whole = False
                else:
                    rows.setdefault((sign, ref.name), []).extend(own)
        if stock is not None and rows and whole:
            found[str(stock)] = [[sign, _part(block, name, own)] for (sign, name), own in rows.items()]
    return found


def _rows_of(block: Block, ref: Ref, equation: Equation) -> list[int] | None:
    """Rows of a flow as far as one equation of a stock takes it; None where they aren't recorded."""
    rows = []
    for spot in itertools.product(*(range(len(elements)) for _, elements in equation.axes)):
        at = {
            index: place for (index, _), place in zip(equation.axes, spot, strict=True) if index is not None
        }
        names = [s.element if isinstance(s, Fixed) else s.elements[at[s.index]] for s in ref.subscripts]
        row = block.rows.get((ref.name, ",".join(map(fold, names))))
        if row is None:
            return None
        rows.append(row)
    return rows


def _part(block: Block, name: str, rows: list[int]) -> int:
    """A series for some rows of a flow; the flow's own where they are all of them."""
    whole = block.places.get("flow " + name)
    if whole is not None and sorted(block.series[whole]["how"]["rows"]) == sorted(rows):
        return whole
    key = f"part {name} {sorted(rows)}"
    if key in block.places:
        return block.places[key]
    if whole is None:
        item = block.model.item(block.model.variables[name])
        label = block.labels["es"].variable(item.name, unit=item.units)
        base = _plain(block, item, "flow", {"en": sentence(item.name), "es": label.title}, rows)
    else:
        base = block.series[whole]
    return block.add(key, {**base, "id": key, "how": {"rows": rows}})


def loops_of(block: Block) -> list[dict[str, Any]]:
    """Feedback loops that the page tells of, with the switch that cuts each."""
    found = []
    for loop in read_loops():
        place = block.input(loop.switch) if loop.switch else None
        if place is None:
            continue
        usual = next(float(i["value"]) for i in block.spec["inputs"] if i["index"] == place)
        found.append(
            {
                "id": loop.id,
                "title": {"en": loop.name, "es": block.labels["es"].loop(loop)},
                "reading": loop.reading,
                "input": place,
                "on": usual != 0.0,
            }
        )
    return found


def diagram_of(block: Block, moving: Mapping[str, int | None], familiar: bool) -> dict[str, Any] | None:
    """The diagram of the sectors, or of the model's first view, with the series of its flows."""
    places = read_places(find("model", "migration").parent / "overview.toml") if familiar else {}
    made = sector_diagram(block.model, places) if places else None
    if made is None:
        view, names = view_names(block.model)
        if view is None:
            return None
        for name in names:
            if f"stock {name}" not in block.places and f"flow {name}" not in block.places:
                whole_series(block, block.model.item(block.model.variables[name]), "other")
        return view_diagram(block.model, view, lambda name: _place_of(block, name))
    for sector in made["sectors"]:
        sector["stocks"] = [
            p for name in sector["stocks"] if (p := block.places.get(f"stock {name}")) is not None
        ]
    for move in made["moves"]:
        move["flows"] = [place for name in move["flows"] if (place := moving.get(name)) is not None]
    made["moves"] = [move for move in made["moves"] if move["flows"]]
    return made


def _place_of(block: Block, name: str) -> int | None:
    return next(
        (
            place
            for kind in ("stock", "flow", "other")
            if (place := block.places.get(f"{kind} {name}")) is not None
        ),
        None,
    )
