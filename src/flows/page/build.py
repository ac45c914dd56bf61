"""The simulator as one HTML file: data, kernel, template, style and scripts put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from flows import observations, provenance
from flows.compare import CAVEAT, outcomes_of
from flows.inputs import find, list_scenarios, read_study
from flows.model.model import Model
from flows.page.data import Draws, data_block, recorded
from flows.page.kernel import write_kernel
from flows.posterior import posterior_of
from flows.references import fold
from flows.templates import template

__all__ = ["DRAWS", "STUDY", "draws_of", "inputs_of", "render", "write_page"]

DRAWS = 100
"""Draws of uncertain inputs that a page carries."""

STUDY = "base"
"""Study whose ranges are drawn from where no posterior sample lies beside the model."""

TEMPLATE = "page.html.jinja"
VIEWS = ("results", "diagram", "why", "numbers", "about")
SCRIPTS = (
    "say",
    "state",
    "engine",
    "chart",
    "levers",
    "results",
    "table",
    "diagram",
    "why",
    "download",
    "page",
)


def inputs_of(model: Model) -> list[Path]:
    """List the files that the page of a model rests on, for its provenance."""
    shelf = find("outcomes").parent
    read = [*model.paths, find("outcomes"), *sorted(shelf.glob("labels.*.toml"))]
    posterior = model.path.with_name("posterior.parquet")
    if outcomes_of(model):
        read += [find("lever-texts"), find("loops"), shelf / "overview.toml", *observations.files()]
        read += [path for scenario in list_scenarios() for path in scenario.paths]
        read += [] if posterior.is_file() else [find("study", STUDY)]
    return [*read, *([posterior] if posterior.is_file() else [])]


def write_page(model: Model, out: Path, *, draws: int = DRAWS) -> Path:
    """Write the simulator of a model.

    Parameters
    ----------
    model : Model
        Any that the compiled engine takes.
    out : Path
        The file; an older one is replaced.
    draws : int
        Number of draws of uncertain inputs behind the band; 0 for none.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FlowsError
        The model holds something that the kernel doesn't take, or the file can't be written.
    """
    return provenance.atomic_write(out, render(model, draws_of(model, draws) if draws else None))


def render(model: Model, draws: Draws | None = None) -> str:
    """Put the page together.

    Parameters
    ----------
    model : Model
        Any that the compiled engine takes.
    draws : Draws, optional
        For the band.

    Returns
    -------
    str
        HTML, complete in itself: nothing to fetch.
    """
    kernel = write_kernel(model, recorded(model, outcomes_of(model)), save_every=_save_every(model))
    data = data_block(model, kernel.spec, draws, caveat=CAVEAT)
    return template(Path(__file__).parent, TEMPLATE).render(
        title=data["title"]["en"],
        caveat=data["words"]["en"]["caveat"],
        calendar=data["time"]["calendar"],
        generator=data["program"],
        views=VIEWS,
        style=_text("page.css"),
        data=as_json(data),
        kernel=kernel.js,
        series=_text("series.js"),
        worker=_text("worker.js"),
        code="\n".join(_text(f"{name}.js") for name in SCRIPTS),
    )


def as_json(data: Any) -> str:
    r"""Write JSON that can stand in a script element: nothing in it ends the element or a line.

    Examples
    --------
    >>> as_json({"a": "</script>\u2028"})
    '{"a":"\\u003c/script\\u003e\\u2028"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def draws_of(model: Model, count: int, seed: int = 0) -> Draws | None:
    """Draw uncertain inputs: rows of the posterior sample beside the model, else from the ranges of the base study.

    Parameters
    ----------
    model : Model
        As read.
    count : int
        Number of draws, at least 1.
    seed : int
        Of the choice of rows.

    Returns
    -------
    Draws or None
        None for a model that has neither a posterior sample nor the inputs of the study.
    """
    posterior = posterior_of(model)
    if posterior is not None:
        return Draws(posterior.elements, posterior.values[posterior.rows(count, seed)], "posterior")
    if not outcomes_of(model):
        return None
    from scipy.stats import qmc

    study = read_study(STUDY)
    known = [
        u
        for u in study.uncertainties
        if fold(u.name.partition("[")[0]) in {fold(n) for n in model.constants.names}
    ]
    if not known:
        return None
    unit = qmc.LatinHypercube(d=len(known), rng=np.random.default_rng(study.seed)).random(count)
    values = np.column_stack([np.asarray(u.ppf(unit[:, k]), dtype=float) for k, u in enumerate(known)])
    return Draws(tuple(u.name for u in known), values, "study")


def _save_every(model: Model) -> float:
    """Time between saved values: a month of the shipped model, else what the model saves, thinned to a few hundred."""
    control = model.control
    span = control.final_time - control.initial_time
    every = max(control.saveper, control.time_step)
    while span / every > 600:
        every *= 2
    return every


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
