"""``flows calibrate``: constants fitted to observed series, with a posterior sample."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import flows
from flows.cli.options import OUTPUTS, Out, UnitsChoice
from flows.cli.renew import print_and_write
from flows.cli.terminal import has_older, make_console, make_table, say, say_stage, say_written, show_progress
from flows.pace import Pace, spoken
from flows.resources import units_policy


def calibrate(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A calibration file. [default: the shipped one]", show_default=False
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="One start and few steps: to see that all works, not to be relied on."),
    ] = False,
    units: UnitsChoice = None,
    out: Out = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write the optimum into the model file and the posterior sample beside it, and renew what follows.",
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from an attempt that was stopped.")
    ] = True,
) -> None:
    """Fit constants to observed series, sample their posterior, and say how well both went."""
    from flows.calibrate.run import calibrate as run
    from flows.calibrate.write import write_back
    from flows.inputs.calibration import read_calibration
    from flows.renew import asked_of, renew
    from flows.report.calibration import calibration_figures

    calibration = read_calibration(file)
    path = calibration.model_path
    model = flows.read_vensim(path, units=units_policy(path) if units is None else units.value)
    if write:
        asked_of(model)  # what can't be renewed is told before the fit
    folder = out or OUTPUTS / "calibration" / ("quick" if quick else "full")
    older = has_older(folder)
    pace = Pace()
    try:
        with show_progress(calibration.title or "Calibration", pace) as show:
            result = run(
                calibration,
                model,
                out=folder,
                quick=quick,
                resume=resume,
                stage=say_stage,
                progress=show,
                pace=pace,
                finish=calibration_figures,
            )
    except KeyboardInterrupt:
        print(
            "\nStopped: what is finished is kept; the same command goes on from there.",
            file=sys.stderr,
            flush=True,
        )
        raise
    _print(result)
    if write:
        for path in write_back(result, model):
            say(f"Written: {path}")
        renewed = renew(flows.read_vensim(calibration.model_path, units="off"))  # told above
        if renewed is not None:
            print_and_write(renewed)
    say_written(folder, older)


def _print(result: Any) -> None:
    fits = result.series[result.series["when"] == "fitted"]
    table = make_table(
        "series", "values", "wMAPE, %", "limit", "R² of logs", "discrepancy", "a month's correlation",
        title=f"Fit until {result.calibration.fit_until}",
    )  # fmt: skip
    for row in fits.itertuples():
        limit = "" if row.limit is None or row.limit != row.limit else f"{100 * row.limit:.0f}"
        table.add_row(
            row.name, str(row.n), f"{100 * row.wmape:.1f}", limit, f"{row.r2_log:.2f}",
            "" if row.rho != row.rho else f"{row.discrepancy:.2f}", "" if row.rho != row.rho else f"{row.rho:.2f}",
        )  # fmt: skip
    make_console().print(table)
    free = make_table(
        "free constant", "optimum", "90 % interval", "over prior width", "ESS", "R-hat", title="Posterior"
    )
    constants = result.constants.set_index("name")
    for one in result.diagnostics:
        row = constants.loc[one.name]
        free.add_row(
            one.name, f"{row.optimum:.3g}", f"{row.low:.3g} to {row.high:.3g}", f"{row.width:.2f}", f"{one.ess:,.0f}",
            f"{one.rhat:.3f}",
        )  # fmt: skip
    make_console().print(free)
    optimum, check = result.optimum, result.approximation
    distance = float((check.distance**2).mean() ** 0.5)
    say(
        f"{optimum.effective_constants:.0f} of {len(optimum.x)} numbers are determined by the data rather than by "
        f"their priors. Sizes fitted anew at {check.draws} draws lie {distance:.2f} standard deviations (root mean "
        "square) from their approximation."
    )
    slow = [d.name for d in result.diagnostics if d.rhat > 1.01 or d.ess < 400]
    if slow:
        say("Not converged (R-hat above 1.01 or fewer than 400 effective draws): " + "; ".join(slow) + ".")
    if result.misses:
        say("Over its limit: " + "; ".join(result.misses) + ".")
    say("Time: " + ", ".join(f"{name} {spoken(value)}" for name, value in result.seconds.items()) + ".")
