"""A study as files for Vensim: a sample table with exactly our runs, its control file, save list and changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows import provenance
from flows.errors import InputError
from flows.inputs import Study
from flows.references import fold, parse_reference
from flows.study.plan import Plan, make_plan, variables
from flows.vensim import companions

__all__ = ["export"]

_ROWS = 65_536  # of the sample table at a time


def export(
    name_or_path: str | Path | Study, folder: str | Path, *, model: Any = None, n: int | None = None
) -> list[Path]:
    """Write a study for Vensim.

    Parameters
    ----------
    name_or_path : str, Path or Study
        As for `flows.study.run`.
    folder : path
        Where to write; made if it isn't there.
    model : flows.Model, optional
        In place of the one that the study names.
    n : int, optional
        In place of the study's own number of samples.

    Returns
    -------
    list of Path
        ``NAME.tab`` (a constant a column, a run a row), ``NAME.vsc`` (method F with this table), ``NAME.lst``;
        ``NAME.cin`` where the scenario sets something; ``NAME-drawn.vsc`` where Vensim can draw the study itself.

    Raises
    ------
    InputError
        An uncertainty is no constant: Vensim varies nothing else. Or as for `flows.study.run`.
    ResultError
        The folder can't be written to.
    """
    plan = make_plan(name_or_path, model=model, n=n, simulate=None)
    constants = {fold(known) for known in plan.model.settable.names}
    for one in plan.targets:
        for text in one.settings:
            lookup = one.uncertainty.of in ("scale", "between")
            if lookup or fold(parse_reference(text).name) not in constants:
                raise InputError(
                    f'"{text}" is no constant, and Vensim varies constants alone',
                    where=one.uncertainty.where,
                    remedy="Give the model a constant for it, or take it out of the study",
                )
    folder = Path(folder)
    name = plan.study.name
    names = [text for one in plan.targets for text in one.settings]
    table = folder / f"{name}.tab"
    with (
        provenance.atomic_path(table) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines(companions.table_lines(names, _rows(plan)))
    written = [table]

    def add(suffix: str, text: str) -> None:
        written.append(provenance.atomic_write(folder / f"{name}{suffix}", text))

    add(".vsc", companions.file_control(plan.sample.runs, table.name, seed=plan.study.seed))
    add(".lst", "".join(companions.quoted(v) + "\n" for v in variables(plan.measures)))
    if plan.base_inputs:
        add(".cin", "".join(line + "\n" for line in companions.changes(plan.base_inputs)))
    try:
        drawn = companions.drawn_control(plan.study)
    except InputError:
        return written  # the table stands for it
    add("-drawn.vsc", drawn)
    return written


def _rows(plan: Plan) -> Iterator[NDArray[np.float64]]:
    """Values of the uncertainties, shape (runs, uncertainties), in the order of the runs."""
    step = max(1, _ROWS // plan.sample.width)
    for start in range(0, plan.sample.units, step):
        rows = plan.sample.rows(start, min(start + step, plan.sample.units))
        drawn = plan.draws(rows.reshape(-1, rows.shape[-1]))
        yield np.column_stack([values for one in plan.targets for values in one.known(drawn).values()])
