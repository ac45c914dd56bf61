"""What the page knows: levers, scenarios, outcomes, history, diagram and words as one block of JSON.

Positions stand for names wherever the page computes: of inputs and rows of the kernel, of series, levers and flows.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import flows
from flows import observations, provenance
from flows.calendar import month_index, time_at_end
from flows.compare import BASELINE, HUMAN_COST, outcomes_of
from flows.errors import FlowsError, InputError
from flows.inputs import (
    Labels,
    LeverText,
    Outcome,
    Scenario,
    find,
    list_scenarios,
    read_labels,
    read_lever_texts,
    scenario_inputs,
)
from flows.inputs.loops import read_loops
from flows.inputs.places import read_places
from flows.inputs.scenarios import END, PHASE_IN, POLICY_START, START_DELAY, TIMING
from flows.inputs.titles import displayed
from flows.model.ir import Equation, Fixed, Ref
from flows.model.model import Item, Model, flow_terms
from flows.page.diagram import sector_diagram, view_diagram, view_names
from flows.page.words import read_words
from flows.references import Expression, Reference, fold, parse_reference

__all__ = ["LANGUAGES", "Draws", "data_block", "recorded"]

LANGUAGES = ("en", "es")
CONTEXT_GROUP = "Scenario context"
FEATURED = {
    "people": (
        "exposure index",
        "people waiting in Mexico",
        "person months waiting",
        "onward movement",
        "people parted from family by removal",
        "total recent returnees",
    ),
    "files": ("COMAR pending cases", "COMAR wait", "court cases pending", "court queue time"),
    "events": ("interceptions by INM", "encounters at US border", "expulsions"),
}
"""Outcomes that are seen first, by whom they concern: people, then files, then events; those that the model has."""

MOST_SLIDERS = 120
"""Of a model without levers."""

_COUNTED = ("Person", "Case", "Event", "Person*Month")
_STEPS = 200  # least number of steps of a slider
_NICE = (1.0, 2.0, 2.5, 5.0)
_FINEST = {"month": 0, "calendar_year": 1, "fiscal_year": 2}
_ENOUGH = 3  # values of one kind of period that make a series


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of uncertain inputs.

    Attributes
    ----------
    elements : tuple of str
        Text forms of constants, their elements, or points of lookups by x.
    values : array, shape (draws, elements)
        A row is one joint draw.
    source : {"posterior", "study"}
        Whether they were fitted to observations or drawn from the ranges of a study.
    """

    elements: tuple[str, ...]
    values: np.ndarray
    source: str


@dataclass
class Block:
    """The series of a page while it is put together: each a title, a unit and how it comes from the kernel's rows."""

    model: Model
    spec: Mapping[str, Any]
    labels: Mapping[str, Labels]
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    inputs: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    series: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.spec["times"])
        for output in self.spec["outputs"]:
            self.rows[fold(output["name"]), _elements(output["element"])] = output["offset"] // count
        for given in self.spec["inputs"]:
            self.inputs[fold(given["name"]), _elements(given["element"])] = given

    def input(self, name: str, element: str = "") -> int | None:
        """Position of an input; None for one that the kernel lacks."""
        found = self.inputs.get((fold(name), _elements(element)))
        return None if found is None else int(found["index"])

    def all_rows(self, name: str) -> list[int]:
        """Rows of all elements of a variable."""
        return [row for (found, _), row in self.rows.items() if found == fold(name)]

    def leaf(self, reference: Reference) -> Any:
        """A reference of an expression as the page computes it: rows to add up, or an input."""
        key = (fold(reference.name), _elements(",".join(reference.elements)))
        if key in self.rows:
            return {"rows": [self.rows[key]]}
        if key in self.inputs:
            return {"input": int(self.inputs[key]["index"])}
        raise InputError(f'"{reference.key}" is not a single number at a time', where=str(self.model.path))

    def add(self, key: str, made: dict[str, Any]) -> int:
        """Keep a series; its position."""
        self.places[key] = len(self.series)
        self.series.append(made)
        return self.places[key]


def recorded(model: Model, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Name the variables that the kernel of a page records: of outcomes, all stocks and flows, the first view."""
    fixed = {fold(item.name) for item in model.constants}
    named = [r.name for outcome in outcomes for r in outcome.references if fold(r.name) not in fixed]
    moving = [item.name for table in (model.stocks, model.flows) for item in table]
    view = [model.variables[name].spelling for name in view_names(model)[1]] if not outcomes else []
    unique = {fold(name): name for name in [*moving, *named, *view]}
    return tuple(name for key, name in unique.items() if key not in fixed)


def data_block(model: Model, spec: Mapping[str, Any], draws: Draws | None, *, caveat: str) -> dict[str, Any]:
    """Gather what the page knows.

    Parameters
    ----------
    model : Model
        As read.
    spec : mapping
        Inputs, outputs and times of the kernel that records what `recorded` names.
    draws : Draws or None
        For bands of uncertainty.
    caveat : str
        One line that goes with every table, picture and link, in English.

    Returns
    -------
    dict
        JSON values only.

    Raises
    ------
    InputError
        An outcome is not a single number at a time.
    """
    labels = {lang: read_labels(lang) for lang in LANGUAGES}
    outcomes = outcomes_of(model) if _months(model) else ()
    familiar = len(outcomes) > 0
    block = Block(model, spec, labels)
    charts = [_chart(block, outcome) for outcome in outcomes]
    stocks = [place for item in model.stocks if (place := _summed(block, item, "stock")) is not None]
    moving = {fold(item.name): _summed(block, item, "flow") for item in model.flows}
    levers = _levers(block) if familiar else _sliders(block)
    assumed = not familiar and not levers
    if assumed:
        levers = _sliders(block, assumed=True)
    contexts = _contexts(block) if familiar else []
    _tell_apart([*levers, *contexts])
    words = {lang: read_words(lang) for lang in LANGUAGES}
    words["en"]["caveat"] = caveat
    if not familiar:
        for own in words.values():
            own["caveat"] = own["caveat_any"]
    return {
        "program": f"Flows {flows.__version__}",
        "model": {"name": model.name, "file": model.path.name, "digest": provenance.digest(model.path)},
        "familiar": familiar,
        "assumedRanges": assumed,
        "title": _title(block, familiar),
        "time": {
            "calendar": familiar,
            "unit": _each(block, lambda label: label.unit(_time_unit(model))),
            "policyStart": block.input(POLICY_START),
            "phase": _phase(model),
        },
        "levers": levers,
        "deciders": list(dict.fromkeys(lever["decides"] for lever in levers)),
        "decides": {
            name: _each(block, lambda label, name=name: label.sector(name))
            for name in dict.fromkeys(lever["decides"] for lever in levers)
        },
        "contexts": contexts,
        "scenarios": _scenarios(block, levers) if familiar else [],
        "baseline": BASELINE,
        "series": block.series,
        "featured": {
            kind: [block.places[key] for name in names if (key := "outcome " + fold(name)) in block.places]
            for kind, names in FEATURED.items()
        },
        "charts": charts,
        "stocks": stocks,
        "terms": _terms(block),
        "diagram": _diagram(block, moving, familiar),
        "loops": _loops(block) if familiar else [],
        "sectors": {
            name: _each(block, lambda label, name=name: label.sector(name))
            for name in dict.fromkeys(one["sector"] for one in block.series)
        },
        "draws": _draws(block, draws),
        "months": {lang: {"long": labels[lang].months, "short": labels[lang].months_short, "date": labels[lang].date}
                   for lang in LANGUAGES},
        "words": words,
    }  # fmt: skip


# Words -----------------------------------------------------------------------------------------------------


def _each(block: Block, say: Any) -> dict[str, str]:
    return {lang: str(say(labels)) for lang, labels in block.labels.items()}


def _sentence(name: str) -> str:
    return name[:1].upper() + name[1:]


def _unit(block: Block, text: str, name: str = "") -> dict[str, str]:
    """A unit in words; of some variables, by name, in words of their own."""
    words = read_words("en")
    one = words["units_of"].get(name) or words["units"].get(re.sub(r"\s", "", text), text)
    return {"en": one, "es": block.labels["es"].unit(text)}


def _title(block: Block, familiar: bool) -> dict[str, str]:
    if not familiar:
        return dict.fromkeys(LANGUAGES, block.model.name)
    return {lang: read_words(lang)["title"] for lang in LANGUAGES}


def _months(model: Model) -> bool:
    return _time_unit(model).lower().rstrip("s") == "month"


def _time_unit(model: Model) -> str:
    return str(model.variables["time step"].units.strip())


# Series -----------------------------------------------------------------------------------------------------


def _chart(block: Block, outcome: Outcome) -> int:
    """A series for an outcome."""
    first = block.model.variables.get(fold(outcome.references[0].name))
    spanish = block.labels["es"].outcome(outcome)
    english = _unit(block, outcome.unit, outcome.name)["en"]
    return block.add(
        "outcome " + fold(outcome.name),
        {
            "id": outcome.name,
            "kind": outcome.kind,
            "title": {"en": outcome.title or _sentence(outcome.name), "es": spanish.title},
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


def _summed(block: Block, item: Item, kind: str) -> int | None:
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
        else {"en": _sentence(item.name), "es": label.title}
    )
    return block.add(f"{kind} {fold(item.name)}", _plain(block, item, kind, titles, rows))


def _plain(block: Block, item: Item, kind: str, titles: dict[str, str], rows: list[int]) -> dict[str, Any]:
    label = block.labels["es"].variable(item.name, unit=item.units)
    return {
        "id": f"{kind} {item.name}",
        "kind": kind,
        "title": titles,
        "unit": {"en": _unit(block, item.units, item.name)["en"], "es": label.unit},
        "note": dict.fromkeys(LANGUAGES, ""),
        "people": item.units.strip() == "Person",
        "counted": item.units.split("/")[0].strip() in _COUNTED,
        "better": "neither",
        "human": False,
        "rate": item.units.replace(" ", "").endswith("/" + _time_unit(block.model)),
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
        found.append([round(begins, 3), round(ends, 3), _short(float(value) / months)])
    sources = dict.fromkeys(name for cell in kept["source"] for name in str(cell).split("; "))
    return {"history": found, "sources": [displayed(title) for title in sources]}


# Levers -----------------------------------------------------------------------------------------------------


def _levers(block: Block) -> list[dict[str, Any]]:
    texts = {fold(text.name): text for text in read_lever_texts()}
    order = {fold(name): place for place, name in enumerate(texts)}
    found = [
        slider
        for item in block.model.levers
        if (slider := _slider(block, item, texts.get(fold(item.name)))) is not None
    ]
    return sorted(found, key=lambda lever: order.get(fold(lever["name"]), len(order)))


def _contexts(block: Block) -> list[dict[str, Any]]:
    names = [item for item in block.model.constants if item.group == CONTEXT_GROUP]
    return [
        slider
        for item in names
        if fold(item.name) not in ("policy freeze time", POLICY_START)
        and (slider := _slider(block, item, None)) is not None
    ]


def _sliders(block: Block, *, assumed: bool = False) -> list[dict[str, Any]]:
    """Constants with a range of any model, element by element; with `assumed`, all but nought, from half to twice."""
    found: list[dict[str, Any]] = []
    levers = {fold(name) for name in block.model.levers.names}
    for item in sorted(block.model.constants, key=lambda one: fold(one.name) not in levers):
        values = np.asarray(item.value, dtype=float)
        for (name, _), given in block.inputs.items():
            if name != fold(item.name) or given.get("kind", "constant") != "constant":
                continue
            own = float(values) if values.ndim == 0 else float(given["value"])
            if assumed:
                ends = sorted((0.5 * own, 2.0 * own))
                item = replace(item, range=(ends[0], ends[1]))
            slider = _slider(block, item, None, element=str(given["element"]), value=own)
            if slider is not None:
                found.append(slider)
    return found[:MOST_SLIDERS]


def _slider(
    block: Block, item: Item, text: LeverText | None, *, element: str = "", value: float | None = None
) -> dict[str, Any] | None:
    place = block.input(item.name, element)
    low, high = item.range if item.range is not None else (None, None)
    if place is None or low is None or high is None or not low < high:
        return None
    own = value if value is not None else float(np.asarray(item.value, dtype=float))
    if not math.isfinite(own) or not low <= own <= high:
        return None
    whole = f"{item.name}[{element}]" if element else item.name
    spanish = block.labels["es"].variable(whole, unit=item.units)
    shown = _sentence(item.name) + (f" ({element})" if element else "")
    note = re.split(r"\s*Source:", item.comment)[0].strip() if text is None else text.note
    known = spanish.title != whole
    return {
        "name": whole,
        "id": re.sub(r"[^a-z0-9]+", "-", fold(f"{item.name} {element}")).strip("-"),
        "decides": text.decides if text is not None else item.group or "",
        "title": {
            "en": text.title if text is not None else shown,
            "es": spanish.title if known else shown,
        },
        "unit": {"en": text.unit if text is not None else _unit(block, item.units)["en"], "es": spanish.unit},
        "note": {"en": note if text is not None or not known else "", "es": spanish.note if known else note},
        "input": place,
        "value": own,
        "min": low,
        "max": high,
        "step": slider_step(low, high, own),
        **_timing(block, item),
    }


def _tell_apart(sliders: Sequence[dict[str, Any]]) -> None:
    """Give every slider an id of its own, also where names differ in signs only or have no Latin letters."""
    seen: set[str] = set()
    for slider in sliders:
        stem = slider["id"] or "constant"
        tries = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        slider["id"] = next(name for name in tries if name not in seen)
        seen.add(slider["id"])


def slider_step(low: float, high: float, value: float) -> float:
    """Choose a round step that a slider reaches its neutral value by.

    Examples
    --------
    >>> slider_step(0.0, 5.0, 1.0), slider_step(0.0, 10000.0, 250.0), slider_step(0.2, 3.0, 1.0)
    (0.025, 50.0, 0.01)
    """
    wish = (high - low) / _STEPS
    power = 10.0 ** math.floor(math.log10(wish))
    for step in (nice * size for size in (power, power / 10) for nice in reversed(_NICE)):
        count = (value - low) / step
        if step <= wish * (1 + 1e-9) and abs(count - round(count)) < 1e-6:
            return float(f"{step:.6g}")
    return wish


def _timing(block: Block, item: Item) -> dict[str, int | None]:
    names = {"delay": START_DELAY, "phase": PHASE_IN, "end": END}
    return {key: block.input(name, f"{item.name} {TIMING}") for key, name in names.items()}


def _phase(model: Model) -> list[float]:
    """Shortest and longest phase-in of a lever, in the model's time."""
    item = model.constants.get(PHASE_IN)
    low, high = item.range if item is not None and item.range is not None else (None, None)
    return [
        low if low is not None else float(model.control.time_step),
        high if high is not None else float(model.control.final_time),
    ]


# Scenarios --------------------------------------------------------------------------------------------------


def _scenarios(block: Block, levers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Shipped scenarios that the model can run."""
    places = {fold(lever["name"]): place for place, lever in enumerate(levers)}
    found = []
    for scenario in list_scenarios():
        try:
            scenario_inputs(scenario, block.model)
            found.append(_scenario(block, scenario, places))
        except FlowsError:
            continue
    return found


def _scenario(block: Block, scenario: Scenario, places: Mapping[str, int]) -> dict[str, Any]:
    constants = []
    for change in scenario.constants:
        reference = parse_reference(change.name)
        place = block.input(reference.name, ",".join(reference.elements))
        if place is None:
            raise InputError(f'no constant "{change.name}" in the kernel', where=change.where)
        constants.append([place, change.value])
    return {
        "name": scenario.name,
        "kind": scenario.kind,
        "title": {"en": scenario.title, "es": block.labels["es"].scenario(scenario)},
        "source": scenario.source,
        "levers": [
            {
                "lever": places[fold(change.name)],
                "value": change.value,
                "start": None if change.start is None else month_index(change.start),
                "phase": change.phase_in,
                "end": None if change.end is None else time_at_end(change.end),
            }
            for change in scenario.levers
        ],
        "constants": constants,
    }


# Why --------------------------------------------------------------------------------------------------------


def _terms(block: Block) -> dict[str, list[list[int]]]:
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
        base = _plain(block, item, "flow", {"en": _sentence(item.name), "es": label.title}, rows)
    else:
        base = block.series[whole]
    return block.add(key, {**base, "id": key, "how": {"rows": rows}})


def _loops(block: Block) -> list[dict[str, Any]]:
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


def _diagram(block: Block, moving: Mapping[str, int | None], familiar: bool) -> dict[str, Any] | None:
    places = read_places(find("model", "migration").parent / "overview.toml") if familiar else {}
    made = sector_diagram(block.model, places) if places else None
    if made is None:
        view, names = view_names(block.model)
        if view is None:
            return None
        for name in names:
            if f"stock {name}" not in block.places and f"flow {name}" not in block.places:
                _summed(block, block.model.item(block.model.variables[name]), "other")
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


# Draws ------------------------------------------------------------------------------------------------------


def _draws(block: Block, draws: Draws | None) -> dict[str, Any]:
    """Positions of inputs and rows of their values."""
    if draws is None:
        return {"source": "none", "inputs": [], "values": []}
    places, columns = [], []
    for column, text in enumerate(draws.elements):
        place = _element_place(block, text)
        if place is not None:
            places.append(place)
            columns.append(column)
    kept = draws.values[:, columns]
    return {
        "source": draws.source if places else "none",
        "inputs": places,
        "values": [[_short(value) for value in row] for row in kept] if places else [],
    }


def _element_place(block: Block, text: str) -> int | None:
    """Position of the input that a text form names: a constant, an element of it, or a point of a lookup by its x."""
    point = re.fullmatch(r"(.+)\(\s*(-?[0-9.]+(?:e[+-]?[0-9]+)?)\s*\)", text, re.IGNORECASE)
    reference = parse_reference(point[1] if point else text)
    given = block.inputs.get((fold(reference.name), _elements(",".join(reference.elements))))
    if given is None:
        return None
    if point is None:
        return int(given["index"])
    points = list(given.get("x") or ())
    near = [k for k, x in enumerate(points) if abs(x - float(point[2])) < 1e-9]
    return int(given["index"]) + near[0] if near else None


def _elements(text: str | None) -> str:
    return ",".join(fold(part) for part in (text or "").split(",") if part.strip())


def _short(value: float) -> float:
    """Seven digits, which nobody sees the end of."""
    return float(f"{float(value):.7g}")
