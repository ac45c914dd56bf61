"""The model book: Markdown pages made from a model's file, one a sector, with its loops and its boundary."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from flows import provenance
from flows.diagrams.draw import picture, svg
from flows.engine.hoist import exogenous
from flows.inputs import find, read_outcomes
from flows.inputs.boundary import Boundary, read_boundary
from flows.inputs.loops import read_loops
from flows.loops import FoundLoop, effects_of_cutting, find_loops
from flows.model.graph import causal_graph, shortest_loops
from flows.model.ir import Variable
from flows.model.model import CONTROLS, Model, constant_values
from flows.paths import DEVICES
from flows.references import fold
from flows.vensim.parse import parse
from flows.vensim.sketch import read_sketch

__all__ = ["Sector", "make", "pages", "sectors"]

SHOWN = (
    "encounters at US border",
    "COMAR pending cases",
    "court cases pending",
    "people waiting in Mexico",
    "exposure index",
)
"""Outcomes that show what cutting a loop does."""

MONTHS = ("2024-12", "2030-12")

_SOURCE = re.compile(r"\s*\bSource:\s*(.*)$", re.DOTALL)
_KINDS = {
    "stock": "Stocks",
    "flow": "Flows",
    "auxiliary": "Auxiliaries",
    "series": "Series and lookups",
    "constant": "Constants",
}


@dataclass(frozen=True)
class Sector:
    """A group of the model's file.

    Attributes
    ----------
    name, comment : str
        As the file has them.
    slug : str
        Name of its page, without ending.
    variables : tuple of Variable
        In the order of the file, without control variables.
    """

    name: str
    comment: str
    slug: str
    variables: tuple[Variable, ...]


def sectors(model: Model) -> tuple[Sector, ...]:
    """List the groups of a model that hold variables, in the order of the file."""
    comments = dict(model.groups)
    members: dict[str, list[Variable]] = {}
    for v in model.variables.values():
        if not v.hidden and v.name not in CONTROLS:
            members.setdefault(v.group, []).append(v)
    members = {name: found for name, found in members.items() if any(v.name != "time" for v in found)}
    slugs = _slugs(members, taken=(*DEVICES, "index", "loops", "boundary"))
    return tuple(
        Sector(name or "Other variables", _joined(comments.get(name, "")), slug, tuple(variables))
        for slug, (name, variables) in zip(slugs, members.items(), strict=True)
    )


def pages(
    model: Model,
    *,
    loops: Sequence[FoundLoop] = (),
    cut: xr.DataArray | None = None,
    boundary: Boundary | None = None,
    pictures: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> dict[str, str]:
    """Write the pages of a model's book.

    Parameters
    ----------
    model : Model
    loops : sequence of FoundLoop
        Named loops, from `flows.loops.find_loops`.
    cut : xarray.DataArray, optional
        What cutting each does, from `flows.loops.effects_of_cutting`.
    boundary : Boundary, optional
        Where people and files come from and go to, and what is left out.
    pictures : mapping of str to sequence of (title, file name), optional
        Pictures of the views of each sector, by the sector's name; those of the whole under an empty name.

    Returns
    -------
    dict of str to str
        File name → MyST Markdown; ``index.md`` links the others.
    """
    parts = sectors(model)
    kinds = _kinds(model)
    equations = _equations(model)
    result = {
        f"{s.slug}.md": _sector(model, s, kinds, equations, loops, (pictures or {}).get(s.name, ()))
        for s in parts
    }
    result["loops.md"] = _loops(model, loops, cut)
    result["boundary.md"] = _boundary(model, parts, kinds, boundary)
    result["index.md"] = _index(model, parts, kinds, (pictures or {}).get("", ()))
    return result


def inputs_of(model: Model, *, shipped: bool = False) -> list[Path]:
    """List the files that the book of a model rests on, for its provenance."""
    return [*model.paths, *([find("loops"), find("outcomes"), find("boundary")] if shipped else [])]


def make(model: Model, folder: str | Path, *, shipped: bool = False) -> Path:
    """Write the book of a model into a folder.

    Parameters
    ----------
    model : Model
    folder : path
        Pages of an older book are replaced, anything else in it stays.
    shipped : bool
        The model is the shipped migration model: its named loops and its boundary are written too.

    Returns
    -------
    pathlib.Path
        ``index.md``.

    Raises
    ------
    InputError
        If the named loops or the boundary don't fit the model.
    """
    loops: Sequence[FoundLoop] = ()
    cut = boundary = None
    if shipped:
        named = read_loops()
        loops = find_loops(model, named)
        known = {outcome.name: outcome for outcome in read_outcomes()}
        cut = effects_of_cutting(model, named, [known[n] for n in SHOWN], months=MONTHS)
        boundary = read_boundary()
    drawn = _drawings(model)
    pictures: dict[str, list[tuple[str, str]]] = {}
    texts = {}
    for file, (sector, title, text) in drawn.items():
        pictures.setdefault(sector, []).append((title, file))
        texts[file] = text
    texts |= pages(model, loops=loops, cut=cut, boundary=boundary, pictures=pictures)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        provenance.atomic_write(folder / name, text)
    return folder / "index.md"


def _drawings(model: Model) -> dict[str, tuple[str, str, str]]:
    """File name → sector, title and SVG of each view of the model's own sketch; the overview has no sector."""
    group = {v.name: v.group for v in model.variables.values()}
    result = {}
    views = [view for view in read_sketch(model.path)[0].views if view.words]
    for slug, view in zip(_slugs([view.name for view in views]), views, strict=True):
        groups = Counter(group[name] for name in view.defined if name in group)
        sector = groups.most_common(1)[0][0] if groups else ""
        result[f"view-{slug}.svg"] = (sector, view.name, svg(picture(view)))
    return result


def _picture(title: str, file: str) -> list[str]:
    return [f"![{title}: stocks, flows and their causes]({file})", "", f"*{title}*", ""]


def _slugs(names: Iterable[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Names of files in small letters, no two of them alike, none of those taken."""
    found: list[str] = []
    used = {*taken}
    for name in names:
        slug = first = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "other-variables"
        for number in itertools.count(2):
            if slug not in used:
                break
            slug = f"{first}-{number}"
        used.add(slug)
        found.append(slug)
    return found


def _kinds(model: Model) -> dict[str, str]:
    """Folded name → the heading under which a variable stands."""
    outside = exogenous(model.variables)
    result = {}
    for v in model.variables.values():
        kind = {"lookup": "series", "initial": "auxiliary", "history": "auxiliary"}.get(v.kind, v.kind)
        if kind == "auxiliary" and v.name in model.flow_names:
            kind = "flow"
        elif kind == "auxiliary" and v.name in outside and v.series:
            kind = "series"
        result[v.name] = kind
    return result


def _equations(model: Model) -> dict[str, list[str]]:
    """Folded name → the left and right sides as the file has them, without continuation marks."""
    source = parse(model.text, str(model.path))
    result: dict[str, list[str]] = {}
    for definition in source.definitions:
        text = source.text[definition.start : definition.end].split("~")[0]
        text = textwrap.fill(_joined(text), 84, subsequent_indent="    ", break_on_hyphens=False)
        if definition.expression is not None or definition.operator:
            result.setdefault(fold(definition.name), []).append(text)
    return result


def _joined(text: str) -> str:
    """Text in one line, without the file's continuation marks."""
    return " ".join(re.sub(r"\\\s*\n", " ", text).split())


def _meaning(comment: str) -> tuple[str, str]:
    """Split a comment into what it says and its source."""
    text = _joined(comment)
    found = _SOURCE.search(text)
    return (_SOURCE.sub("", text), found[1].rstrip(".")) if found else (text, "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _range(v: Variable) -> str:
    if v.limits is None:
        return ""
    low, high = ("…" if x is None else f"{x:g}" for x in v.limits)
    return f"{low} to {high}"


def _head(v: Variable, model: Model) -> str:
    of = ", ".join(model.ranges[r].spelling for r in v.ranges if r in model.ranges)
    return f"{v.spelling}[{of}]" if of else v.spelling


def _sector(
    model: Model,
    sector: Sector,
    kinds: Mapping[str, str],
    equations: Mapping[str, list[str]],
    loops: Sequence[FoundLoop],
    pictures: Sequence[tuple[str, str]],
) -> str:
    lines = [f"# {sector.name}", "", sector.comment, ""]
    for title, file in pictures:
        lines += _picture(title, file)
    own = {v.name for v in sector.variables}
    here = [f for f in loops if len(own & set(f.path)) >= 2]
    if here:
        lines += ["Named [loops](loops.md) that run through this sector: ", ""]
        lines += [f"- **{f.named.id}** {f.named.name} ({f.polarity})" for f in here]
        lines += [""]
    for kind, heading in _KINDS.items():
        chosen = [v for v in sector.variables if kinds[v.name] == kind]
        if not chosen:
            continue
        lines += [f"## {heading}", ""]
        if kind == "constant":
            lines += ["| constant | value | unit | range | meaning | source |", "|---|---|---|---|---|---|"]
            for v in chosen:
                meaning, source = _meaning(v.comment)
                cells = [
                    f"`{_head(v, model)}`",
                    _values(v, model),
                    v.units or "Dmnl",
                    _range(v),
                    meaning,
                    source,
                ]
                lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
            lines.append("")
            continue
        for v in chosen:
            meaning, source = _meaning(v.comment)
            facts = [f"unit {v.units or 'Dmnl'}"] + ([f"range {_range(v)}"] if v.limits else [])
            lines += [f"**{_head(v, model)}** · {' · '.join(facts)}", ""]
            lines += ["```text", *equations.get(v.name, ()), "```", ""]
            lines += [meaning + (f" *Source: {source}.*" if source else ""), ""]
    return "\n".join(lines)


def _values(v: Variable, model: Model) -> str:
    array = constant_values(v)
    if array.ndim == 0:
        return f"{float(array):.6g}"
    if array.size <= 12 and array.ndim == 1:
        named = zip(v.elements[0], array.tolist(), strict=True)
        return ", ".join(f"{model.element_spellings[e]} {x:.4g}" for e, x in named)
    return f"{array.size} values from {np.nanmin(array):.4g} to {np.nanmax(array):.4g}"


def _loops(model: Model, loops: Sequence[FoundLoop], cut: xr.DataArray | None) -> str:
    every = shortest_loops(causal_graph(model))
    lines = [
        "# Feedback loops",
        "",
        f"A search of the causal graph finds {len(every)} shortest independent loops (each adds a link that no shorter "
        "one has; Oliva 2004), most of them a stock and its own outflow. The loops that people speak of by name stand "
        "below. Polarity is computed, not read: every variable along the base run is raised by a hundred thousandth, "
        "once a year, and the signs of the direct effects are multiplied around the loop. *Both* means that the sign "
        "changes along the run or differs between origins; *at rest* that some link never moves in the base run.",
        "",
    ]
    if loops:
        lines += [
            "| loop | what happens | polarity | authors' reading | switch | source |",
            "|---|---|---|---|---|---|",
        ]
        for f in loops:
            mark = "" if f.polarity in (f.named.reading, "at rest") else " (differs)"
            switch = f"`{f.named.switch}`" if f.named.switch else ""
            cells = [
                f"**{f.named.id}**",
                f.named.name,
                f.polarity + mark,
                f.named.reading,
                switch,
                f.named.source,
            ]
            lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
        lines += ["", "## The way around each", ""]
        for f in loops:
            chain = " → ".join(f"`{n}`" for n in (*f.variables, f.variables[0]))
            lines += [f"**{f.named.id}** {f.named.name}: {chain}", ""]
    if cut is not None and cut.sizes["loop"]:
        lines += [
            "## What cutting one does",
            "",
            "Change of an outcome when the loop's switch is turned (a loop that holds is cut, a hypothesis is closed), "
            "against the base run; rates over the twelve months that end there.",
            "",
        ]
        months = [str(m) for m in cut["month"].values]
        heads = [f"{o}, {m}" for o in cut["outcome"].values for m in months]
        lines += ["| loop | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
        for loop in cut["loop"].values:
            row = cut.sel(loop=loop).values.reshape(-1)
            lines.append(f"| **{loop}** | " + " | ".join(_percent(x) for x in row) + " |")
        lines += ["", *_strongest(cut), ""]
    return "\n".join(lines)


def _strongest(cut: xr.DataArray) -> list[str]:
    """Name the loops that move each outcome most, at the last month."""
    month = str(cut["month"].values[-1])
    lines = []
    for outcome in cut["outcome"].values:
        one = cut.sel(outcome=outcome, month=month)
        order = np.argsort(-np.abs(one.fillna(0).values))[:3]
        said = ", ".join(f"**{one['loop'].values[k]}** ({_percent(float(one[k]))})" for k in order)
        lines.append(f"- {outcome}, {month}: {said} move it most.")
    return lines


def _percent(x: float) -> str:
    if not np.isfinite(x):
        return "–"
    return "0 %" if abs(x) < 0.0005 else f"{100 * x:+.1f} %"


def _boundary(
    model: Model, parts: Sequence[Sector], kinds: Mapping[str, str], boundary: Boundary | None
) -> str:
    outside = exogenous(model.variables)
    lines = [
        "# Boundary of the model",
        "",
        "What the model works out by itself, what it is given, and what it leaves out.",
        "",
        "| sector | worked out | given: series, lookups | given: constants |",
        "|---|---|---|---|",
    ]
    for s in parts:
        inside = [
            v for v in s.variables if v.kind in ("stock", "auxiliary", "initial") and v.name not in outside
        ]
        series = [v for v in s.variables if v.name in outside or v.kind == "lookup"]
        constants = [v for v in s.variables if v.kind == "constant"]
        lines.append(f"| [{s.name}]({s.slug}.md) | {len(inside)} | {len(series)} | {len(constants)} |")
    lines += ["", "## Worked out: the stocks", ""]
    for s in parts:
        names = [f"{v.spelling} ({v.units})" for v in s.variables if v.kind == "stock"]
        if names:
            lines += [f"- **{s.name}**: {'; '.join(names)}"]
    lines += ["", "## Given: series over time", ""]
    for s in parts:
        names = [v.spelling for v in s.variables if v.kind == "lookup"]
        if names:
            lines += [f"- **{s.name}**: {'; '.join(names)}"]
    if boundary is not None:
        lines += ["", "## Left out", "", "| what | why |", "|---|---|"]
        lines += [f"| {_cell(e.what)} | {_cell(e.why)} |" for e in boundary.excluded]
        lines += [
            "",
            "## Where people and files come from and go to",
            "",
            "| cloud | why it is one |",
            "|---|---|",
        ]
        lines += [f"| {_cell(name)} | {_cell(cloud.why)} |" for name, cloud in boundary.clouds.items()]
    lines.append("")
    return "\n".join(lines)


def _index(
    model: Model, parts: Sequence[Sector], kinds: Mapping[str, str], pictures: Sequence[tuple[str, str]]
) -> str:
    about = _joined(next((c for _, c in model.groups if c.strip()), ""))
    lines = [
        f"# The {model.name} model, equation by equation",
        "",
        about,
        "",
        *(line for title, file in pictures for line in _picture(title, file)),
        f"These pages are made from `{model.path.name}` itself: {len(model.stocks)} stocks, {len(model.flows)} flows, "
        f"{len(model.auxiliaries)} auxiliaries, {len(model.constants)} constants, {len(model.lookups)} lookups. "
        "A constant whose source says *assumption* has no source yet; its range says how unsure it is.",
        "",
        "| sector | stocks | flows | auxiliaries | constants | series and lookups |",
        "|---|---|---|---|---|---|",
    ]
    for s in parts:
        count = {k: sum(kinds[v.name] == k for v in s.variables) for k in _KINDS}
        numbers = (count[k] for k in ("stock", "flow", "auxiliary", "constant", "series"))
        lines.append(f"| [{s.name}]({s.slug}.md) | " + " | ".join(map(str, numbers)) + " |")
    lines += ["", "```{toctree}", ":hidden:", "", *(s.slug for s in parts), "loops", "boundary", "```", ""]
    return "\n".join(lines)
