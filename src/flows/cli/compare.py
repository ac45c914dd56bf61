"""``flows compare``: scenarios, files, levers typed in a line, or saved results beside a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.comparison import print_comparison, print_interaction
from flows.cli.numbers import short_month
from flows.cli.options import (
    OUTPUTS,
    Draws,
    Out,
    Settings,
    Units,
    UnitsChoice,
    Until,
    draw_inputs,
    folder_name,
    is_set,
    naming,
    read_model,
    read_until,
    say_doubts,
)
from flows.cli.terminal import has_older, note, say_written, short_path, show_progress
from flows.errors import InputError, near

if TYPE_CHECKING:
    from flows.compare import Comparison
    from flows.inputs import Scenario
    from flows.model.model import Model

_BASE = "base"  # another word for the baseline


def compare(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            help="Scenarios by name, as .toml or .xlsx files, each perhaps several joined by +; or folders of saved "
            "results.",
            show_default=False,
        ),
    ] = None,
    levers: Annotated[
        list[str] | None,
        typer.Option(
            "--lever",
            metavar="'[LABEL:] NAME=VALUE[; …]'",
            help="A scenario typed in a line, such as 'more judges: judges hired per year=2'; repeatable.",
            show_default=False,
        ),
    ] = None,
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
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MONTH",
            help="Month shown. [default: 2030-12, or the last of the run]",
            show_default=False,
        ),
    ] = None,
    draws: Draws = None,
    interaction: Annotated[
        bool,
        typer.Option(
            "--interaction",
            help="Do levers help or undo each other: each alone, in pairs, all together; of one package its levers.",
        ),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Print every outcome, and not the main ones alone.")
    ] = False,
    xlsx: Annotated[
        bool, typer.Option("--xlsx", help="Write a workbook too; its scenario sheets can be read back.")
    ] = False,
    units: UnitsChoice = None,
    out: Out = None,
) -> None:
    """Compare scenarios with current-course: differences, odds, ranks, regret, side effects, halving; CSV, figure.

    All scenarios meet the same draws of the uncertain inputs. With --set, every scenario is run with the settings too;
    with --model, in that model. So flows compare current-course --set 'filing delay=3' shows what this one number does.
    Scenarios of demography.mdl stand beside its own base course. flows list runs shows saved results.
    """
    names = list(dict.fromkeys(scenarios or ()))
    twice = [name for name in names if (scenarios or []).count(name) > 1]
    if names and all(Path(name).is_dir() for name in names):
        _refuse_with_folders(
            {
                "--lever": levers,
                "--model": model,
                "--set": settings,
                "--interaction": interaction,
                "--units": units,
            }
        )
        _saved(names, at=at, every=every, out=out)
        return
    folder = next((name for name in names if Path(name).is_dir()), None)
    if folder is not None:
        _refuse_missing_folders(names, Path(folder))
        raise InputError(
            "saved results are compared with saved results", where=folder,
            remedy="Run the scenario first (flows run NAME), then name its folder too",
        )  # fmt: skip
    if not names and not levers:
        raise InputError(
            "nothing to compare", expected="a scenario, a file, a lever after --lever, or folders of saved results",
            remedy="flows list scenarios shows those shipped, flows compare --help all options",
        )  # fmt: skip
    _fresh(
        names, levers or (), model=model, settings=settings or (), until=until, at=at, draws=draws,
        interaction=interaction, every=every, xlsx=xlsx, units=units, out=out, twice=twice,
    )  # fmt: skip


def _fresh(
    names: Sequence[str], levers: Sequence[str], *, model: Path | None, settings: Sequence[str], until: str | None,
    at: str | None, draws: int | None, interaction: bool, every: bool, xlsx: bool, units: Units | None,
    out: Path | None, twice: Sequence[str],
) -> None:  # fmt: skip
    """Run scenarios and compare them."""
    from flows import compare as comparing
    from flows import provenance
    from flows.inputs import find, inline_scenario, read_scenario, settings_inputs
    from flows.references import fold
    from flows.report.results import comparison_figures

    started = provenance.now()
    chosen: list[Scenario] = [read_scenario(comparing.BASELINE if name == _BASE else name) for name in names]
    home = comparing.baseline_of(chosen).model
    built = read_model(None, units, home)
    edited = None if model is None else read_model(model, units)
    chosen += [inline_scenario(text, built if edited is None else edited) for text in levers]
    baseline = comparing.baseline_of(chosen)
    if model is None and not settings and all(s.name == baseline.name for s in chosen):
        raise comparing.nothing_to_compare(baseline.name)
    if xlsx and len(chosen) >= comparing.MOST_PAIRED:
        raise InputError(
            "a workbook holds no more than that many scenarios", where="--xlsx", found=f"{len(chosen):,}",
            expected=f"fewer than {comparing.MOST_PAIRED}", remedy="Leave it out: the CSV files hold everything",
        )  # fmt: skip
    changed = settings_inputs(settings, built if edited is None else edited)
    if is_set(changed, "saveper"):
        raise InputError("a comparison is saved month by month", where="--set", remedy="Leave SAVEPER out")
    last = read_until(until, built)
    label = "-".join(s.name for s in chosen) + (f"-in-{edited.name}" if edited else "")
    words = f" with {comparing.settings_words(changed)}" if changed else ""
    folder = out or OUTPUTS / folder_name(("interaction-" if interaction else "compare-") + label + words)
    older = has_older(folder)
    wanted = _date_wanted(at, last, built)
    _say_before_levers(chosen, changed, wanted, built if edited is None else edited)
    dates = sorted({*(comparing.DATES if built.in_months else comparing.YEARS), wanted})
    futures = draw_inputs(draws, built)
    with naming("--until"), show_progress("Scenarios") as progress:
        options: dict[str, Any] = {
            "draws": futures.values,
            "baseline": baseline,
            "until": last,
            "progress": progress,
            "folder": next(place for place in folder.absolute().parents if place.is_dir()),
        }
        if interaction:
            if edited is not None or changed:
                raise InputError(
                    "interaction takes neither --model nor --set",
                    where="--interaction",
                    remedy="Leave them out",
                )
            parts = comparing.parts_of(chosen)
            found = comparing.interact(built, parts, date=wanted, **options)
            comparison = found.comparison
        else:
            found = None
            comparison = comparing.compare(
                built, chosen, settings=changed, edited=edited, dates=dates, **options
            )
    shown = _date_shown(wanted, comparison, asked=at is not None)
    read = [*built.paths, find("outcomes"), *(path for s in comparison.scenarios for path in s.paths)]
    read += edited.paths if edited is not None else ()
    read += list(futures.paths) if comparison.draws else []
    notes = [f"{name} is named more than once: it is compared once." for name in twice]
    notes += [
        f"{name} changes nothing: all outcomes are those of {comparison.baseline} throughout, as where what is set is "
        "the model's own value."
        for name in comparison.unchanged
    ]
    notes += [futures.doubt] if comparison.draws and futures.doubt else []
    about = {"settings": changed, "draws": comparison.draws, "futures": futures.words, "notes": notes}
    with provenance.results_folder(
        folder,
        inputs=read,
        seed=futures.seed if comparison.draws else None,
        started=started,
        extra=about,
    ) as place:
        comparing.write(comparison, place, futures=comparing.fingerprint(futures.values))
        if found is not None:
            found.write(place)
        if not interaction:
            comparison_figures(comparison, place)
        if xlsx:
            from flows.report.workbook import comparison_workbook

            words = " ".join((futures.words, *notes))
            comparison_workbook(comparison, built, place / "comparison.xlsx", futures=words)
    say_doubts(chosen, notes)
    if found is not None:
        print_interaction(found)
    else:
        print_comparison(comparison, shown, every=every)
    if any(fold(entry.name) in ("initial time", "final time") for s in chosen for entry in s.entries):
        first, *_, end = comparison.dataset["time"].values
        note(f"Compared are the times that all runs have: {_time_words(comparison.dataset, first, end)}.")
    note(futures.words if comparison.draws == futures.draws else "Nothing is drawn: one run each.")
    note(comparing.CAVEAT)
    say_written(folder, older)


def _say_before_levers(
    chosen: Sequence[Scenario], changed: Mapping[str, Any], date: str, model: Model
) -> None:
    """Say that no lever acts by the date shown, where there are levers to compare."""
    from flows.compare import before_levers, words
    from flows.inputs import scenario_inputs
    from flows.references import parse_reference

    if not any(s.levers or s.entries for s in chosen) and not changed:
        return
    inputs = [{**scenario_inputs(scenario, model), **changed} for scenario in chosen]
    if not any(parse_reference(key).name in model.levers for one in inputs for key in one):
        return
    first = [before_levers([date], one, model) for one in inputs]
    if all(first):
        note(
            f"Note: no lever acts before the policy start, {first[0]}; at the end of {words(date)} none has an effect.",
            stderr=True,
        )


def _time_words(dataset: Any, first: float, last: float) -> str:
    """From when to when, in months where the model has dates."""
    from flows.calendar import label

    if "date" not in dataset.coords:
        return f"{first:g} to {last:g}"
    return f"{short_month(label(first))} to {short_month(label(last - 1e-6))}"


def _saved(names: Sequence[str], *, at: str | None, every: bool, out: Path | None) -> None:
    """Compare results that lie on the disk."""
    from flows import compare as comparing
    from flows import provenance
    from flows.futures import say_little
    from flows.report.results import comparison_figures

    started = provenance.now()
    dates = sorted({*comparing.DATES, *([at] if at else [])})
    comparison, notes = comparing.compare_saved(names, dates=dates)
    shown = _date_shown(at or comparing.DATES[1], comparison, asked=at is not None)
    folder = out or OUTPUTS / folder_name("compare-" + "-".join(Path(name).name for name in names))
    older = has_older(folder)
    read = [path for name in names for path in sorted(Path(name).glob("*.nc"))]
    few = [doubt] if (doubt := say_little(comparison.draws)) else []
    about = {"draws": comparison.draws, "notes": [*notes, *few]}
    with provenance.results_folder(folder, inputs=read, started=started, extra=about) as place:
        comparing.write(comparison, place)
        comparison_figures(comparison, place)
    say_doubts((), few)
    for line in notes:
        note(line)
    print_comparison(comparison, shown, every=every)
    note("Compared from what was saved in " + ", ".join(short_path(Path(name)) for name in names) + ".")
    note(comparing.CAVEAT)
    say_written(folder, older)


def _refuse_missing_folders(names: Sequence[str], beside: Path) -> None:
    """Refuse a path that isn't there, before the folders beside it are blamed."""
    for path in map(Path, names):
        if not path.exists() and len(path.parts) > 1:
            folders = sorted({*path.parent.glob("*"), *beside.parent.glob("*")})
            there = [p.as_posix() for p in folders if p.is_dir() and p not in map(Path, names)]
            raise InputError(
                "no such folder", where=path.as_posix(),
                remedy=near(path.as_posix(), there) or "flows list runs shows those there are",
            )  # fmt: skip


def _refuse_with_folders(options: dict[str, Any]) -> None:
    for option, value in options.items():
        if value:
            raise InputError(
                "saved results can't be run again", where=option, remedy="Name scenarios in place of folders"
            )


def _date_wanted(at: str | None, last: float | str | None, model: Model) -> str:
    """The date of the tables: as asked for, else December 2030 or 2050, or the last of a run that ends sooner."""
    from flows.calendar import month_of, time_at_end
    from flows.compare import DATES, YEARS, end_within

    if at is not None:
        end_within(at, model, until=last, where="--at")
        return at
    if last is None:
        return (DATES if model.in_months else YEARS)[1]
    end = time_at_end(last) if isinstance(last, str) else last
    return month_of(end - 1) if model.in_months else f"{end:g}"


def _date_shown(wanted: str, comparison: Comparison, *, asked: bool) -> str:
    """The date of the tables as far as all runs hold it; their last one where nobody asked for another."""
    held = list(dict.fromkeys(comparison.table["date"]))
    if asked and wanted not in held:
        raise InputError(
            "the runs don't hold that date", where="--at", found=wanted, expected=", ".join(held)
        )
    return wanted if wanted in held else str(held[-1])
