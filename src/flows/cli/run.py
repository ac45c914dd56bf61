"""``flows run``: one run of one scenario."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.numbers import RULE, number_text, short_month, signed_text, size_of
from flows.cli.options import (
    OUTPUTS,
    Engine,
    ModelFile,
    Out,
    Settings,
    UnitsChoice,
    Until,
    folder_name,
    is_familiar,
    is_set,
    naming,
    read_model,
    read_until,
    refuse_other_results,
    say_doubts,
)
from flows.cli.terminal import (
    NARROW,
    has_older,
    make_console,
    make_table,
    patience,
    say,
    say_written,
    screen_width,
)
from flows.errors import InputError, ResultError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from flows.inputs import Outcome, Scenario
    from flows.model.model import Model


def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A scenario, or several joined by +. [default: current-course]", show_default=False
        ),
    ] = None,
    model: ModelFile = None,
    settings: Settings = None,
    changes: Annotated[
        list[Path] | None,
        typer.Option(
            "--changes",
            metavar="FILE",
            help="Vensim's changes file (.cin), made after the scenario; repeatable.",
            show_default=False,
        ),
    ] = None,
    until: Until = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="Flows' own engine, or PySD: the slow reference, minutes for each year of the shipped model."
        ),
    ] = Engine.auto,
    units: UnitsChoice = None,
    out: Out = None,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Whether to draw.")] = True,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Write for Vensim too: the run as .tab, .csv or .dat, or what was set as .cin; repeatable.",
            show_default=False,
        ),
    ] = None,
    across: Annotated[
        bool, typer.Option("--across", help="Times across in what --export writes, in place of down.")
    ] = False,
) -> None:
    """Run the model once: trajectories, a figure, and a table against what was observed.

    A model file with the outcomes of the shipped model is treated as that one is; of any other, the stocks are
    shown.
    """
    from flows import observations, provenance
    from flows.compare import BASELINE, CAVEAT, outcomes_of, settings_words
    from flows.ensemble import NonFiniteWarning, simulate
    from flows.inputs import find, read_scenario, scenario_inputs, settings_inputs
    from flows.report.results import write_run
    from flows.report.tables import fit_summary, observed_rows

    started = provenance.now()
    shipped = model is None
    chosen = None
    if scenario is not None or shipped:
        chosen = read_scenario(BASELINE if scenario is None else scenario)
    built = read_model(model, units, chosen.model if chosen else "")
    known = outcomes_of(built) if shipped or is_familiar(built) else ()
    outcomes = known if built.in_months else ()
    if chosen and not (shipped or known):
        _refuse_stranger(chosen, built)
    inputs = scenario_inputs(chosen, built) if chosen is not None else {}
    files = [read_scenario(file) for file in _cin(changes or ())]
    for file in files:
        inputs |= scenario_inputs(file, built)
    changed = settings_inputs(settings or (), built)
    exports = _exports(export or ())
    names = (None if shipped else built.name, chosen.name if chosen else None, *(f.name for f in files))
    name = "+".join(filter(None, names))
    words = f" with {settings_words(changed)}" if changed else ""
    folder = out or OUTPUTS / folder_name(name + words)
    if out is None:
        refuse_other_results(folder, "run")
    last = read_until(until, built)
    older = has_older(folder)
    with patience(engine), naming("--until"), warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)  # refused below
        dataset = simulate(
            built,
            {**inputs, **changed},
            engine=engine.value,
            save_every=1 if outcomes and not is_set({**inputs, **changed}, "saveper") else None,
            until=last,
        )
    _refuse_non_finite(dataset, engine, built)
    _refuse_absurd(dataset, built)
    rows = observed_rows(outcomes, dataset) if outcomes else None
    title = (chosen.title if chosen else built.name) + words
    if chosen and not shipped:
        title += f" in {built.name}"
    read = [*built.paths, *(path for s in (chosen, *files) if s for path in s.paths)]
    if outcomes:
        read += [find("outcomes"), *observations.files()]
    with provenance.results_folder(
        folder, inputs=read, started=started, extra={"settings": changed, "scenario": name}
    ) as place:
        write_run(dataset, place, model=built, outcomes=outcomes, observed=rows, title=title, figure=figures)
    say_doubts([chosen] if chosen else [])
    if rows is not None:
        _print_outcomes(title, outcomes, dataset, fit_summary(rows))
        say(CAVEAT)
    elif known:
        _print_years(title, known, dataset)
        say(CAVEAT)
    else:
        _print_stocks(title, _stock_rows(dataset, built), dataset)
        if chosen and not chosen.entries:
            say(CAVEAT)
    for path in exports:
        say(f"Written: {_export(path, dataset, {**inputs, **changed}, across=across)}", stderr=True)
    say_written(folder, older)


def _refuse_stranger(scenario: Scenario, model: Model) -> None:
    """Refuse a shipped scenario in a model of another kind, in which it would change nothing."""
    from flows import resources

    shelf = resources.root() / "models" / "scenarios"
    if scenario.model != model.name and any(
        path.resolve().is_relative_to(shelf.resolve()) for path in scenario.paths
    ):
        raise InputError(
            f'the scenario "{scenario.name}" belongs to the shipped model',
            found=f"the model {model.path.name}",
            remedy="Leave it out: the model runs as it is; --set and --changes change its constants",
        )


def _cin(files: Sequence[Path]) -> Sequence[Path]:
    """Files after ``--changes``, by their ending."""
    from flows.inputs.scenarios import CHANGES

    for file in files:
        if file.suffix.lower() not in CHANGES:
            raise InputError(
                "not a changes file",
                where=f"--changes {file}",
                expected="a name that ends in " + " or ".join(CHANGES),
                remedy="A scenario stands before the options: flows run NAME",
            )
    return files


def _exports(files: Sequence[Path]) -> Sequence[Path]:
    """Files after ``--export``, refused before the run if they can't be written."""
    from flows.vensim.results import ENDINGS

    for file in files:
        if file.suffix.lower() not in (*ENDINGS, ".cin"):
            raise InputError(
                "Flows doesn't write this kind of file for Vensim",
                where=f"--export {file}",
                expected="a name that ends in " + ", ".join((*ENDINGS, ".cin")),
            )
        if not file.absolute().parent.is_dir():
            raise InputError("there is no such folder", where=f"--export {file}", remedy="Make it first")
    return files


def _export(path: Path, dataset: xr.Dataset, inputs: Mapping[str, Any], *, across: bool) -> Path:
    """Write a run, or what was set in it, as its file's name says."""
    from flows.provenance import atomic_write
    from flows.vensim.companions import changes
    from flows.vensim.results import dataset_lines

    if path.suffix.lower() == ".cin":
        return atomic_write(path, "".join(line + "\n" for line in changes(inputs)))
    return atomic_write(path, "".join(dataset_lines(dataset, path.suffix.lower(), across=across)))


def _print_outcomes(
    title: str, outcomes: Sequence[Outcome], dataset: xr.Dataset, summary: pd.DataFrame
) -> None:
    from flows.calendar import label
    from flows.compare import HUMAN_COST, level

    last = float(dataset["time"].values[-1])
    by_outcome = {str(row["outcome"]): row for row in summary.to_dict("records")}
    narrow = screen_width() < NARROW
    heads = ["outcome", ">model, " + (short_month(label(last - 1)) if last >= 1 else "start")]
    if narrow:
        heads += [">last observed", ">model then", ">error % then, overall"]
    else:
        heads[1:1] = ["unit"]
        heads += ["last observed", ">observed", ">model then", ">error % then", ">error % overall"]
    table = make_table(*heads, title=title)
    table.columns[0].min_width = 18 if narrow else 40
    for outcome in sorted(outcomes, key=lambda o: o.name not in HUMAN_COST):
        values = outcome.values(dataset)
        shown = number_text(float(level(values, outcome.unit, last)), size_of(values.values, outcome.kind))
        name = (outcome.title or outcome.name) + (" (human cost)" if outcome.name in HUMAN_COST else "")
        row = by_outcome.get(outcome.name)
        blank = ["none"] + [""] * (2 if narrow else 4)
        if row is not None:
            unit = "" if str(row["unit"]) == outcome.unit else f"\n{row['unit']}"
            observed, model = (number_text(row[key]) + unit for key in ("latest_observed", "latest_model"))
            latest = short_month(row["latest"])
            error, overall = signed_text(row["latest_error"]), f"{row['error']:,.0f} ({row['number']})"
            if narrow:
                blank = [f"{observed}\n{latest}", model, f"{error}\n{overall}"]
            else:
                blank = [latest, observed, model, error, overall]
        table.add_row(*([f"{name}, {outcome.unit}"] if narrow else [name, outcome.unit]), shown, *blank)
    make_console().print(table)
    say(f"Model, {label(last - 1) if last >= 1 else 'start'}: {RULE}")
    if by_outcome:
        say(
            "Observed values of a month or a year are totals, and so is the model then. error % then: how far the "
            "model lies from the last observed value. error % overall, such as 21 (12): all absolute differences "
            "together are 21 % of all that was observed, over 12 periods."
        )


_YEARS = ("2000", "2026", "2050", "2070")


def _print_years(title: str, outcomes: Sequence[Outcome], dataset: xr.Dataset) -> None:
    """Print the outcomes of a model that counts in years: a row for each country, a column for each year."""
    from flows.references import at_time

    times = dataset["time"].values
    shown = _YEARS[1:] if screen_width() < NARROW else _YEARS
    years = [float(year) for year in shown if times[0] <= float(year) <= times[-1]] or [float(times[-1])]
    table = make_table("outcome", *(f">{year:g}" for year in years), title=title)
    table.columns[0].min_width = 28
    for outcome in outcomes:
        values = outcome.values(dataset)
        size = size_of(values.values, outcome.kind)
        name = f"{outcome.title or outcome.name}, {'index' if outcome.unit == 'Dmnl' else outcome.unit}"
        table.add_row(name, *(number_text(float(at_time(values, year)), size) for year in years))
    make_console().print(table)
    say(
        "Stocks are those of 1 January, rates those of the calendar year; all countries and ages: trajectories.csv."
    )


def _print_stocks(title: str, rows: pd.DataFrame, dataset: xr.Dataset) -> None:
    from flows.calendar import label

    times = dataset["time"].values
    unit = str(dataset["time"].attrs.get("units", ""))
    if "date" in dataset.coords:
        first, last = (
            f"start of {short_month(label(times[0]))}",
            f"end of {short_month(label(times[-1] - 1e-6))}",
        )
    else:
        years = unit.lower().rstrip("s") == "year"
        first, last = (
            f"in {time:g}" if years else f"at {time:g} {unit}".rstrip() for time in (times[0], times[-1])
        )
    table = make_table("stock", "unit", ">" + first, ">" + last, ">least", ">most", title=title)
    for row in rows.head(60).to_dict("records"):
        size = max(abs(float(row["least"])), abs(float(row["most"])))
        numbers = [number_text(float(row[key]), 1e-9 * size) for key in ("first", "last", "least", "most")]
        table.add_row(str(row["name"]), str(row["unit"]), *numbers)
    make_console().print(table)
    if any(str(name).endswith(_SUM) for name in rows["name"]):
        say("A stock with subscripts is shown as the sum of its elements; trajectories.csv has each.")
    if len(rows) > 60:
        say(f"… and {len(rows) - 60} more in trajectories.csv")


_SUM = " (sum)"


def _stock_rows(dataset: xr.Dataset, model: Model) -> pd.DataFrame:
    """Tabulate the stocks, the elements of each added up."""
    import xarray as xr

    from flows.report.results import stocks_table

    # the bare variables: each look into a dataset goes through all that it holds
    found = {str(name): dataset.variables[name] for name in dataset.data_vars}
    others = {name: [dim for dim in one.dims if dim != "time"] for name, one in found.items()}
    many = {name: f"{name}{_SUM}" for name, dims in others.items() if dims}
    whole = {
        name: one.sum(others[name], keep_attrs=True) if others[name] else one for name, one in found.items()
    }
    rows = stocks_table(xr.Dataset(whole, coords={"time": dataset["time"]}), model)
    return rows.assign(name=[many.get(str(name), str(name)) for name in rows["name"]])


def _refuse_non_finite(dataset: xr.Dataset, engine: Engine, model: Model) -> None:
    """Name the variable, its line and the time of the first value that is no number; nothing is written then."""
    from flows.calendar import label
    from flows.inspection.culprit import first_no_number

    # PySD leaves out whole elements that it has no column for
    found = first_no_number(model, dataset, blanks=engine is Engine.pysd)
    if found is None:
        return
    when = label(found.time) if "date" in dataset.coords else f"time {found.time:g}"
    raise ResultError(
        f'"{found.variable.spelling}" is not a finite number' + (f": {found.why}" if found.why else ""),
        where=f"{model.where(found.variable)}, {when}",
        remedy="Nothing was written; look at the equation, and at constants set outside their range",
    )


def _refuse_absurd(dataset: xr.Dataset, model: Model) -> None:
    """Refuse stocks of people or files beyond all measure; warn of those that fall below zero."""
    import numpy as np

    from flows.calendar import label
    from flows.compare import MOST

    for item in model.stocks:
        if item.name not in dataset or item.units not in ("Person", "People", "Case"):
            continue
        values = dataset.variables[item.name].transpose(..., "time").values.reshape(-1, dataset.sizes["time"])
        values = np.where(np.isfinite(values), values, 0.0)
        low, largest = values.min(axis=0), np.abs(values).max(axis=0)
        absurd = bool((largest > MOST).any())
        at = int(np.argmax(largest > MOST if absurd else low < -max(1.0, 1e-6 * float(largest.max()))))
        time = float(dataset["time"].values[at])
        when = label(time) if "date" in dataset.coords else f"time {time:g}"
        if absurd:
            raise ResultError(
                f'"{item.name}" leaves all measure',
                where=when,
                found=f"{float(values[np.argmax(np.abs(values[:, at])), at]):.3g} {item.units}",
                remedy="Nothing was written; look at the equations, and at constants set outside their range",
            )
        if low.min() < -max(1.0, 1e-6 * float(largest.max())):
            warnings.warn(
                f'"{item.name}" falls below zero from {when} on, to {number_text(float(low.min()))} {item.units}: '
                "this run makes no sense; look at the settings and equations.",
                stacklevel=1,
            )
