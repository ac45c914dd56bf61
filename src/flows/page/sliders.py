"""Sliders of a page, for levers, contexts and constants, and the scenarios that set them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flows.calendar import month_index, time_at_end
from flows.errors import FlowsError, InputError
from flows.inputs import LeverText, Scenario, list_scenarios, read_lever_texts, scenario_inputs
from flows.inputs.scenarios import END, PHASE_IN, POLICY_START, START_DELAY, TIMING
from flows.model.model import Item, Model
from flows.page.block import Block, sentence, unit_words
from flows.references import fold, parse_reference

CONTEXT_GROUP = "Scenario context"

MOST_SLIDERS = 120
"""Of a model without levers."""

_STEPS = 200  # least number of steps of a slider
_NICE = (1.0, 2.0, 2.5, 5.0)


def lever_sliders(block: Block) -> list[dict[str, Any]]:
    """Levers that people have words for, in the order of these."""
    texts = {fold(text.name): text for text in read_lever_texts()}
    order = {fold(name): place for place, name in enumerate(texts)}
    found = [
        slider
        for item in block.model.levers
        if (slider := _slider(block, item, texts.get(fold(item.name)))) is not None
    ]
    return sorted(found, key=lambda lever: order.get(fold(lever["name"]), len(order)))


def context_sliders(block: Block) -> list[dict[str, Any]]:
    """Constants of the scenario context, which are no levers."""
    names = [item for item in block.model.constants if item.group == CONTEXT_GROUP]
    return [
        slider
        for item in names
        if fold(item.name) not in ("policy freeze time", POLICY_START)
        and (slider := _slider(block, item, None)) is not None
    ]


def constant_sliders(block: Block, *, assumed: bool = False) -> list[dict[str, Any]]:
    """Constants with a range of any model, element by element; with `assumed`, all but nought, from half to twice."""
    found: list[dict[str, Any]] = []
    levers = {fold(name) for name in block.model.levers.names}
    free = [item for item in block.model.constants if not block.model.variables[fold(item.name)].unchangeable]
    for item in sorted(free, key=lambda one: fold(one.name) not in levers):
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
    shown = sentence(item.name) + (f" ({element})" if element else "")
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
        "unit": {
            "en": text.unit if text is not None else unit_words(block, item.units)["en"],
            "es": spanish.unit,
        },
        "note": {"en": note if text is not None or not known else "", "es": spanish.note if known else note},
        "input": place,
        "value": own,
        "min": low,
        "max": high,
        "step": slider_step(low, high, own),
        **_timing(block, item),
    }


def tell_apart(sliders: Sequence[dict[str, Any]]) -> None:
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


def phase_range(model: Model) -> list[float]:
    """Shortest and longest phase-in of a lever, in the model's time."""
    item = model.constants.get(PHASE_IN)
    low, high = item.range if item is not None and item.range is not None else (None, None)
    return [
        low if low is not None else float(model.control.time_step),
        high if high is not None else float(model.control.final_time),
    ]


def scenarios_of(block: Block, levers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
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
