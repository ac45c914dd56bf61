"""What the page knows: levers, scenarios, outcomes, history, diagram and words as one block of JSON.

Positions stand for names wherever the page computes: of inputs and rows of the kernel, of series, levers and flows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import flows
from flows import provenance
from flows.compare import BASELINE, outcomes_of
from flows.inputs import Outcome, read_labels
from flows.inputs.scenarios import POLICY_START
from flows.model.model import Model
from flows.page.block import (
    LANGUAGES,
    Block,
    element_key,
    in_each_language,
    shortened,
    time_unit,
)
from flows.page.diagram import view_names
from flows.page.series import diagram_of, loops_of, outcome_chart, terms_of, whole_series
from flows.page.sliders import (
    constant_sliders,
    context_sliders,
    lever_sliders,
    phase_range,
    scenarios_of,
    tell_apart,
)
from flows.page.words import read_words
from flows.references import fold, parse_reference

__all__ = ["LANGUAGES", "Draws", "data_block", "recorded"]

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
    outcomes = outcomes_of(model) if model.in_months else ()
    familiar = len(outcomes) > 0
    block = Block(model, spec, labels)
    charts = [outcome_chart(block, outcome) for outcome in outcomes]
    stocks = [place for item in model.stocks if (place := whole_series(block, item, "stock")) is not None]
    moving = {fold(item.name): whole_series(block, item, "flow") for item in model.flows}
    levers = lever_sliders(block) if familiar else constant_sliders(block)
    assumed = not familiar and not levers
    if assumed:
        levers = constant_sliders(block, assumed=True)
    contexts = context_sliders(block) if familiar else []
    tell_apart([*levers, *contexts])
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
            "unit": in_each_language(block, lambda label: label.unit(time_unit(model))),
            "policyStart": block.input(POLICY_START),
            "phase": phase_range(model),
        },
        "levers": levers,
        "deciders": list(dict.fromkeys(lever["decides"] for lever in levers)),
        "decides": {
            name: in_each_language(block, lambda label, name=name: label.sector(name))
            for name in dict.fromkeys(lever["decides"] for lever in levers)
        },
        "contexts": contexts,
        "scenarios": scenarios_of(block, levers) if familiar else [],
        "baseline": BASELINE,
        "series": block.series,
        "featured": {
            kind: [block.places[key] for name in names if (key := "outcome " + fold(name)) in block.places]
            for kind, names in FEATURED.items()
        },
        "charts": charts,
        "stocks": stocks,
        "terms": terms_of(block),
        "diagram": diagram_of(block, moving, familiar),
        "loops": loops_of(block) if familiar else [],
        "sectors": {
            name: in_each_language(block, lambda label, name=name: label.sector(name))
            for name in dict.fromkeys(one["sector"] for one in block.series)
        },
        "draws": _draws(block, draws),
        "months": {lang: {"long": labels[lang].months, "short": labels[lang].months_short, "date": labels[lang].date}
                   for lang in LANGUAGES},
        "words": words,
    }  # fmt: skip


def _title(block: Block, familiar: bool) -> dict[str, str]:
    if not familiar:
        return dict.fromkeys(LANGUAGES, block.model.name)
    return {lang: read_words(lang)["title"] for lang in LANGUAGES}


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
        "values": [[shortened(value) for value in row] for row in kept] if places else [],
    }


def _element_place(block: Block, text: str) -> int | None:
    """Position of the input that a text form names: a constant, an element of it, or a point of a lookup by its x."""
    point = re.fullmatch(r"(.+)\(\s*(-?[0-9.]+(?:e[+-]?[0-9]+)?)\s*\)", text, re.IGNORECASE)
    reference = parse_reference(point[1] if point else text)
    given = block.inputs.get((fold(reference.name), element_key(",".join(reference.elements))))
    if given is None:
        return None
    if point is None:
        return int(given["index"])
    points = list(given.get("x") or ())
    near = [k for k, x in enumerate(points) if abs(x - float(point[2])) < 1e-9]
    return int(given["index"]) + near[0] if near else None
