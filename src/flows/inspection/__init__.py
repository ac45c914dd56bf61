"""Everything that can be told about a model file without a scenario: mistakes, doubts and what is missing."""

from __future__ import annotations

from pathlib import Path

from flows.errors import ModelError
from flows.inspection import behaviour, names, structure
from flows.inspection.finding import LEVELS, Finding, Level, Places
from flows.model.ir import deep
from flows.vensim.lower import lower
from flows.vensim.parse import Unreadable
from flows.vensim.source import read_source

__all__ = ["LEVELS", "Finding", "Level", "inspect"]


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
    found += names.meaning(places, errors, unread)
    found += names.unused(places, unreadable, found)
    found += names.undocumented(places)
    found += names.unsorted(places)
    found += names.near_names(places)
    if model is not None:
        circles = list(structure.circles(places, model))
        found += circles
        found += structure.units(places, model)
        found += structure.uneven_units(places, model)
        found += structure.control(places, model)
        if not (errors or unreadable):
            found += structure.conservation(places, model)
        refused = () if errors else model.refused.values()
        found += (places.of_error("warning", "not supported", error) for error in refused)
        if run and not (errors or unreadable or circles or refused):
            found += behaviour.base_run(places, model)
    order = {level: k for k, level in enumerate(LEVELS)}
    return tuple(sorted(dict.fromkeys(found), key=lambda f: (f.line, order[f.level], f.column)))
