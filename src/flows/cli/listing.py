"""``flows list``: what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.numbers import number_text
from flows.cli.options import OUTPUTS, Units, read_model
from flows.cli.terminal import NARROW, make_console, make_table, say, screen_width, short_path
from flows.errors import InputError, near

if TYPE_CHECKING:
    from rich.table import Table


def list_(
    what: Annotated[
        str, typer.Argument(metavar="scenarios|levers|outcomes|studies|runs", help="What to list.")
    ],
) -> None:
    """List what is shipped: scenarios, levers, outcomes or studies; or runs: every results folder under outputs."""
    lists: dict[str, Callable[[], Table]] = {
        "scenarios": _scenarios, "levers": _levers, "outcomes": _outcomes, "studies": _studies,
        "runs": _runs,
    }  # fmt: skip
    if what not in lists:
        raise InputError(
            f'nothing to list under "{what}"', expected="one of " + ", ".join(lists), remedy=near(what, lists)
        )
    make_console().print(lists[what]())


def _scenarios() -> Table:
    from flows.inputs import list_scenarios

    narrow = screen_width() < NARROW
    table = make_table("scenario", "kind", "title", *([] if narrow else ["source"]))
    found = list_scenarios(broken=lambda error: say(f"Left out: {error}", stderr=True))
    table.columns[0].min_width = max((len(scenario.name) for scenario in found), default=0)
    for scenario in found:
        table.add_row(scenario.name, scenario.kind, scenario.title, *([] if narrow else [scenario.source]))
    return table


def _levers() -> Table:
    narrow = screen_width() < NARROW
    table = make_table("lever", ">neutral", ">range", "unit", *([] if narrow else ["what it is"]))
    for item in read_model(None, Units.off).levers:
        low, high = item.range or (None, None)
        words = " ".join(item.comment.split()).split(" Source:")[0]
        span = f"{number_text(low)} to {number_text(high)}"
        name = f"{item.name}\n  {words}" if narrow else item.name
        table.add_row(
            name,
            number_text(float(str(item.value))),
            span,
            item.units or "Dmnl",
            *([] if narrow else [words]),
        )
    return table


def _outcomes() -> Table:
    from flows.inputs import read_outcomes

    table = make_table("outcome", "unit", "counts", "better", "observed", "title")
    for outcome in read_outcomes():
        table.add_row(
            outcome.name,
            outcome.unit,
            outcome.kind,
            outcome.better,
            "yes" if outcome.series else "no",
            outcome.title,
        )
    return table


def _studies() -> Table:
    from flows.inputs import list_studies

    table = make_table("study", ">uncertainties", ">samples", "scenario", "title")
    for plan in list_studies():
        table.add_row(plan.name, str(len(plan.uncertainties)), f"{plan.n:,}", plan.scenario, plan.title)
    return table


def _runs() -> Table:
    from flows.provenance import kept

    table = make_table("folder", "kind", "finished (UTC)", "command")
    for found in kept(OUTPUTS):
        date = found.finished.replace("T", " ").removesuffix("+00:00")[:16]
        table.add_row(short_path(found.folder), found.kind, date, found.command)
    return table
