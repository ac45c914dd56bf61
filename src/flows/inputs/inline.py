"""Scenarios typed in one line, and what should be said of scenarios that somebody wrote."""

from __future__ import annotations

import csv
import re
from typing import Any

from flows.errors import InputError, near
from flows.inputs.bounds import element_key, unit_of
from flows.inputs.scenarios import ConstantChange, LeverChange, Scenario
from flows.inputs.tables import find
from flows.references import fold_key, parse_reference, parse_setting, without_quotes

OPTION = "--lever"
_FORM = "'name=value' or 'label: name=value; name=value'"

_BETWEEN = re.compile(r"(?<=\d)[,\s]\s*(?=[^\W\d][^=,\[\]]*(?:\[[^\]]*\])?\s*=)")
"""A comma or blank in the place of a semicolon: what follows is the name before the next equals sign."""


def inline_scenario(text: str, model: Any, *, option: str = OPTION) -> Scenario:
    """Read a scenario typed as ``name=value`` or ``label: name=value; name=value``.

    Parameters
    ----------
    text : str
        Levers of the model, and constants too, with their values.
    model : flows.Model
        Tells levers from constants.
    option : str
        What it is typed after, for messages.

    Returns
    -------
    Scenario
        Named by its label, or by what it sets.

    Raises
    ------
    InputError
        If it isn't of this form, or names nothing that the model has.

    Examples
    --------
    >>> import flows
    >>> model = flows.read_vensim("models/migration.mdl", units="off")  # doctest: +SKIP
    >>> inline_scenario("more judges: judges hired per year=2; judge attrition=0.7", model).name  # doctest: +SKIP
    'more judges'
    """
    where = f"{option} '{text}'"
    label, colon, rest = text.partition(":")
    if not colon or "=" in label:
        label, rest = "", text
    levers, constants = [], []
    seen: set[str] = set()
    for part in filter(None, (piece.strip() for piece in rest.split(";"))):
        if "=" not in part:
            raise InputError("not a lever with its value", where=where, found=f'"{part}"', expected=_FORM)
        if without_quotes(part).count("=") > 1:
            raise InputError(
                "two levers without a semicolon between them", where=where, found=f'"{part}"', expected=_FORM,
                remedy=f"Separate them with ;: {option} '{_BETWEEN.sub('; ', part)}'",
            )  # fmt: skip
        key, value = parse_setting(
            part, option=option, where=where, unit_of=lambda name: unit_of(name, model)
        )
        reference = parse_reference(key, where=where)
        name = reference.name
        if name in model.levers:
            if reference.elements:
                element_key(reference, model.levers[name], model, where)
            levers.append(LeverChange(name=str(model.levers[name].name), value=value, where=where))
        elif name in model.settable:
            constants.append(ConstantChange(name=key, value=value, where=where))
        else:
            raise InputError(
                f'no lever or constant "{name}" in the model',
                where=where,
                remedy=near(name, [*model.levers.names, *model.settable.names]),
            )
        if fold_key(key) in seen:
            raise InputError(f'"{key}" is set twice', where=where, remedy="Remove one of them")
        seen.add(fold_key(key))
    if not levers and not constants:
        raise InputError("no lever with its value", where=where, found=f'"{text}"', expected=_FORM)
    said = ", ".join(f"{c.name}={c.value:.10g}" for c in (*levers, *constants))
    name = label.strip() or said
    title = f"{name} ({said})" if label.strip() else said
    return Scenario(
        name=name, title=title, kind="package", levers=tuple(levers), constants=tuple(constants), file=where
    )


def scenario_doubts(scenario: Scenario) -> tuple[str, ...]:
    """Say what is missing in a scenario that runs all the same: reasons, and claims that nobody wrote down.

    Parameters
    ----------
    scenario : Scenario
        As `flows.inputs.read_scenario` returns it.

    Returns
    -------
    tuple of str
        A sentence each; empty where all is well.
    """
    said = []
    bare = [change for change in (*scenario.levers, *scenario.constants) if not change.why.strip()]
    if bare and scenario.paths:
        names = ", ".join(f'"{change.name}"' for change in bare[:4])
        more = f" and {len(bare) - 4} more" if len(bare) > 4 else ""
        said.append(
            f'{scenario.file}: no reason is given for {names}{more}; write why = "…" beside the value, so that its '
            "reader can judge it."
        )
    known = _claim_ids() if scenario.claims else ()
    if known:
        for name in (claim for claim in scenario.claims if claim not in known):
            hint = near(name, known)
            said.append(
                f'{scenario.file}: no claim "{name}" in models/claims.csv, so nothing is checked for it.'
                + (f" {hint}" if hint else "")
            )
    return tuple(said)


def _claim_ids() -> tuple[str, ...]:
    path = find("claims")
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(row["id"] for row in csv.DictReader(stream) if row.get("id"))
