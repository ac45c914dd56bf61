"""``flows compare``: scenarios beside a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.numbers import RULE, change_text, number_text, signed_text, size_of
from flows.cli.options import (
    OUTPUTS,
    Draws,
    Out,
    Settings,
    Until,
    draw_inputs,
    folder_name,
    is_set,
    read_model,
    read_until,
)
from flows.cli.terminal import (
    NARROW,
    has_older,
    make_console,
    make_table,
    say,
    say_written,
    screen_width,
    working_on,
)
from flows.errors import InputError


def compare(
    scenarios: Annotated[list[str], typer.Argument(help="Scenarios; each can be several joined by +.")],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="FILE",
            help="An edited model: the scenarios in it beside current-course in the shipped one.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    until: Until = None,
    draws: Draws = 64,
    out: Out = None,
) -> None:
    """Compare scenarios with current-course: table, CSV, figure.

    With --set, every scenario is run with the settings too; with --model, in that model. So
    flows compare current-course --set 'filing delay=3' shows what this one number does. All scenarios meet the same
    draws of the uncertain inputs of the report's study.
    """
    from flows import compare as comparing
    from flows import provenance
    from flows.inputs import find, read_scenario, settings_inputs
    from flows.report.results import comparison_figures

    baseline = read_scenario(comparing.BASELINE)
    chosen = [read_scenario(name) for name in dict.fromkeys(scenarios)]
    if model is None and not settings and all(s.name == baseline.name for s in chosen):
        raise comparing.nothing_to_compare(baseline.name)
    built = read_model(None, None)
    edited = None if model is None else read_model(model, None)
    changed = settings_inputs(settings or (), built if edited is None else edited)
    if is_set(changed, "saveper"):
        raise InputError("a comparison is saved month by month", where="--set", remedy="Leave SAVEPER out")
    last = read_until(until, built)
    name = "compare-" + "-".join(s.name for s in chosen) + (f"-in-{edited.name}" if edited else "")
    words = f" with {comparing.settings_words(changed)}" if changed else ""
    folder = out or OUTPUTS / folder_name(name + words)
    older = has_older(folder)
    at = "2030-12"
    if last is not None:
        from flows.calendar import month_of, time_at_end

        end = time_at_end(last) if isinstance(last, str) else last
        at = month_of(end - 1)
    values, plan = draw_inputs(draws)
    with working_on("Running the scenarios"):
        comparison = comparing.compare(
            built,
            chosen,
            baseline=baseline,
            settings=changed,
            edited=edited,
            until=last,
            draws=values,
            dates=sorted({*comparing.DATES, at}),
        )
    read = [built.path, find("outcomes"), *(path for s in comparison.scenarios for path in s.paths)]
    read += [edited.path] if edited is not None else []
    read += [plan.path] if values and plan.path else []
    with provenance.results_folder(
        folder,
        inputs=read,
        seed=plan.seed if values else None,
        extra={"settings": changed, "draws": comparison.draws},
    ) as place:
        comparing.write(comparison, place)
        comparison_figures(comparison, place)
    _print_comparison(comparison, at)
    if comparison.draws:
        _print_odds(comparison, at)
    say(comparing.CAVEAT)
    say_written(folder, older)


def _print_comparison(comparison: Any, at: str) -> None:
    from flows.compare import HUMAN_COST, words

    dates = list(comparison.table["date"])
    date = at if at in dates else dates[-1]
    names = [s.name for s in comparison.scenarios]
    narrow = screen_width() < NARROW
    room = screen_width() - (32 if narrow else 56) - 13
    each = max(1, room // (15 if narrow else 24))
    title: str | None = f"{words(date)}: level, and change from {names[0]} in brackets"
    for start in range(1, len(names), each):
        part = names[start : start + each]
        heads = ["outcome", *([] if narrow else ["unit"]), f">{names[0]}", *(f">{name}" for name in part)]
        table = make_table(*heads, title=title)
        for outcome in sorted(comparison.outcomes, key=lambda o: o.name not in HUMAN_COST):
            rows = comparison.at(outcome.name, date)
            size = size_of(comparison.values[outcome.name].values, outcome.kind)
            cells = [number_text(rows[names[0]]["value"], size)]
            for name in part:
                change = change_text(rows[name], size)
                cells.append(
                    number_text(rows[name]["value"], size) + ("\n" if narrow and change else " ") + change
                )
            said = (outcome.title or outcome.name) + (" (human cost)" if outcome.name in HUMAN_COST else "")
            table.add_row(*([f"{said}, {outcome.unit}"] if narrow else [said, outcome.unit]), *cells)
        make_console().print(table)
        title = None
    say(f"{RULE[0].upper()}{RULE[1:]}")


def _print_odds(comparison: Any, at: str) -> None:
    """Print how surely each scenario is better than the baseline, and what choosing it may cost."""
    from flows.compare import HUMAN_COST, words
    from flows.levers import BACKLOGS

    dates = list(comparison.table["date"])
    date = at if at in dates else dates[-1]
    title = f"{words(date)}, over {comparison.draws} draws: change, and how surely"
    table = make_table(
        "outcome",
        "scenario",
        ">median",
        ">90 % interval",
        ">P(better)",
        ">best of all",
        ">mean regret",
        title=title,
    )
    judged = {outcome.name: outcome for outcome in comparison.outcomes if outcome.better != "neither"}
    for key in [name for name in (*HUMAN_COST, *BACKLOGS) if name in judged] or list(judged):
        outcome = judged[key]
        size = size_of(comparison.values[key].values, outcome.kind)
        said = outcome.title or key
        for name, row in comparison.at(key, date).items():
            if row["regret"] != row["regret"]:
                continue
            cells = ["", "", ""]
            if name != comparison.baseline:
                percent = row["median_percent"] == row["median_percent"]
                ends = [row[k + "_percent" if percent else k] for k in ("median", "low", "high")]
                shown = [signed_text(x) + " %" if percent else number_text(x, size) for x in ends]
                cells = [shown[0], f"{shown[1]} to {shown[2]}", f"{row[f'probability_{outcome.better}']:.2f}"]
            table.add_row(said, name, *cells, f"{row['share_best']:.2f}", number_text(row["regret"], size))
            said = ""
    make_console().print(table)
    say(
        "P(better): share of draws in which the scenario does better than the baseline. Best of all: in which none "
        "does better. Mean regret: how far it stays behind the best on the same draw, in the outcome's unit. "
        "All outcomes: comparison.csv."
    )
