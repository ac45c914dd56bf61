"""The command line: one module for each family of commands over the library.

``app`` makes the program; ``terminal`` is where printing happens, ``options`` where arguments are read that
commands share, ``numbers`` how numbers look. The other modules hold the commands, which are put together here
in the order in which ``flows --help`` lists them.
"""

from flows.cli import (
    calibrate,
    check,
    claims,
    compare,
    data,
    diagrams,
    docs,
    edits,
    levers,
    listing,
    page,
    project,
    renew,
    report,
    run,
    solve,
    study,
    validate,
    versions,
)
from flows.cli.app import app, main

__all__ = ["app", "main"]

for _command in (
    run.run,
    compare.compare,
    levers.levers,
    solve.solve,
    study.study,
    data.data,
    calibrate.calibrate,
    renew.renew,
    claims.claims,
    validate.validate,
    project.project,
    report.report,
    page.page,
    listing.list_,
    check.conform,
    check.check,
    edits.set_,
    versions.diff,
    versions.watch,
    edits.flatten,
    diagrams.draw,
    diagrams.layout,
    docs.docs,
):
    app.command(name=_command.__name__.rstrip("_"))(_command)
