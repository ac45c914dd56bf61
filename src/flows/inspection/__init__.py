"""Everything that can be told about a model file without a scenario: mistakes, doubts and what is missing."""

from __future__ import annotations

from pathlib import Path

from flows.errors import DataError, ModelError
from flows.inspection import behaviour, names, ranges, slips, structure
from flows.inspection.drawn import Drawn, arrows, broken_off
from flows.inspection.finding import LEVELS, Finding, Level, Places, of_refusal
from flows.model.ir import deep
from flows.references import fold
from flows.vensim.lower import lower
from flows.vensim.parse import Unreadable
from flows.vensim.source import read_source

__all__ = ["LEVELS", "Finding", "Level", "inspect", "of_refusal"]


@deep
def inspect(path: str | Path, *, run: bool = True, text: str | None = None) -> tuple[Finding, ...]:
    """Check a Vensim model file, everything at once.

    Parameters
    ----------
    path : str or path
        An ``.mdl`` file. A ``clouds.toml`` beside it names the flows that come from and go to clouds.
    run : bool
        Whether to run the model, for what shows in numbers only: arguments that leave a lookup, values out of range.
    text : str, optional
        What to check in place of what the file holds now; files beside it are read all the same.

    Returns
    -------
    tuple of Finding
        In the order of the file. What follows from another mistake isn't reported: an equation that can't be read
        makes no undefined names, and a model with errors isn't run.

    Raises
    ------
    ModelError
        If the file is missing or can't be opened.

    Examples
    --------
    >>> from flows.inspection import inspect
    >>> [f.where for f in inspect("models/migration.mdl") if f.level == "error"]  # doctest: +SKIP
    []
    """
    unreadable: list[Unreadable] = []
    errors: list[ModelError] = []
    source = read_source(path, text=text, unreadable=unreadable)
    places = Places(source)
    unread = names.unread_names(source, unreadable)
    found = list(names.syntax(places, unreadable))
    model = None
    try:
        model = lower(source, errors=errors)
    except ModelError as error:
        errors.append(error)
    drawn = Drawn.of(places)
    found += broken_off(places, drawn)
    wrong = [e for e in errors if not isinstance(e, DataError)]
    comma, errors = ranges.missing_comma(places, errors)
    found += () if comma is None else (comma,)
    found += names.meaning(places, errors, unread, drawn)
    told = {fold(f.variable) for f in found} | unread
    found += names.undocumented(places, unread)
    found += names.unsorted(places)
    found += names.near_names(places)
    if model is not None:
        circles = list(structure.circles(places, model, drawn))
        found += circles
        told |= {fold(f.variable) for f in circles}
        arrowed = [] if drawn.error else arrows(places, drawn, told)
        told |= {fold(f.variable) for f in arrowed if f.level == "warning"}
        parts = list(slips.hundredths(places, model))
        found += parts
        turned = list(slips.exchanged(places, model))
        found += turned
        left_out = slips.expanded(places, model, {fold(f.variable) for f in turned})
        unfit = list(structure.units(places, model, drawn, told, left_out))
        unfit += structure.uneven_units(places, model, unfit)
        unfit += structure.near_units(places, model, unfit)
        told |= {fold(f.variable) for f in unfit}
        found += [*arrowed, *unfit, *structure.control(places, model, told)]
        if not (wrong or unreadable):
            found += structure.conservation(places, model, drawn, told)
        refused = () if errors or wrong else model.refused.values()
        found += (places.of_error("warning", "not supported", error) for error in refused)
        if run and not (errors or wrong or unreadable or circles or refused):
            known = {f.variable for f in parts}
            ran = [
                f for f in behaviour.base_run(places, model) if f.rule != "range" or f.variable not in known
            ]
            found = structure.held_back(model, found, ran)
    if not unreadable and all(e.remedy.startswith("Did you mean") for e in wrong):
        found += names.unused(places, found, wrong, drawn)  # else what can't be read may use it
    order = {level: k for k, level in enumerate(LEVELS)}
    return tuple(sorted(dict.fromkeys(found), key=lambda f: (f.line, order[f.level], f.column)))
