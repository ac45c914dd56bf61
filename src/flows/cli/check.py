"""``flows check`` and ``flows conform``: a model file beside the rules and beside known results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import FINE, USER, own_or_shipped
from flows.cli.terminal import make_console, make_table, show_progress, working_on, write_json

if TYPE_CHECKING:
    from flows.inspection import Finding as Remark


def conform(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of .mdl files beside output.csv or output.tab.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict to a JSON file.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Run each model through PySD too.")
    ] = True,
) -> None:
    """Run models with canonical output and compare; exit code 1 if the compiled engine differs from one."""
    from flows.conform import WIDER
    from flows.conform import conform as verdicts_of

    with show_progress("Conformance") as progress:
        engines: tuple[Any, ...] = ("compiled", "pysd") if reference else ("compiled",)
        verdicts = list(verdicts_of(folder, engines=engines, progress=progress))
    shown = [v for v in verdicts if v.status != "agrees" or v.reason]
    table = make_table("model", "engine", "verdict", ">difference", "where or why")
    for v in shown:
        table.add_row(
            v.model, v.engine, v.status, f"{v.worst:.1e}" if v.worst else "", v.variable or v.reason
        )
    if shown:
        make_console().print(table)
    for engine in dict.fromkeys(v.engine for v in verdicts):
        own = [v.status for v in verdicts if v.engine == engine]
        counts = ", ".join(verdict_words(own.count(s), s) for s in dict.fromkeys(own))
        print(f"{engine}: {len(own)} model{'s' * (len(own) != 1)}, {counts}")
    for name, (tolerance, why) in WIDER.items():
        if any(v.model.endswith(name) for v in verdicts):
            print(f"wider tolerance {tolerance:g} for {name}: {why}")
    if json_file is not None:
        write_json(json_file, [v.as_dict() for v in verdicts])
    if any(v.status == "differs" and v.engine == "compiled" for v in verdicts):
        raise typer.Exit(1)


def verdict_words(count: int, status: str) -> str:
    """Say how many models have a verdict: 1 agrees, 5 agree.

    Examples
    --------
    >>> verdict_words(1, "agrees"), verdict_words(5, "agrees"), verdict_words(2, "refused")
    ('1 agrees', '5 agree', '2 refused')
    """
    return f"{count} {status.removesuffix('s') if count != 1 and status in ('agrees', 'differs') else status}"


def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Vensim or XMILE models.", show_default=False)
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 on warnings too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Leave the notes out.")] = False,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the findings as JSON too.", show_default=False),
    ] = None,
) -> int:
    """Check models, everything at once: mistakes with their place and a remedy, doubts, and what is missing.

    Exit code 1 if there is an error (with --strict, a warning too), else 0; a file that can't be read is an error,
    and the others are checked all the same. A clouds.toml beside a file names flows that come from and go to clouds.
    """
    from dataclasses import asdict

    from flows.errors import FlowsError
    from flows.inspection import LEVELS, inspect, of_refusal
    from flows.vensim.source import refuse_other_kind

    found: list[Remark] = []
    for file in map(own_or_shipped, files):
        findings: tuple[Remark, ...]
        try:
            refuse_other_kind(file)
            with working_on(f"Checking {file.name}"):
                findings = inspect(file)
        except FlowsError as error:
            findings = (of_refusal(file, error),)
        found += findings
        for finding in findings:
            if finding.level != "note" or not quiet:
                print_finding(finding)
        counts = {level: sum(f.level == level for f in findings) for level in LEVELS}
        print(f"{file}: " + ", ".join(f"{n} {level}{'s' * (n != 1)}" for level, n in counts.items()))
    if as_json is not None:
        write_json(as_json, [asdict(f) for f in found])
    bad = {"error", "warning"} if strict else {"error"}
    return USER if any(f.level in bad for f in found) else FINE


def print_finding(finding: Remark) -> None:
    """Print what a check found: place, sentence, line with caret, remedy."""
    rule = f" [{finding.rule}]"
    about = f" {finding.variable}:" if finding.variable else ""
    print(f"{finding.where}: {finding.level}:{about} {finding.sentence}{rule}")
    if finding.line:
        number = f"{finding.line:>6} | "
        text = finding.text.replace("\t", " ")
        print(number + text)
        print(" " * (len(number) - 2) + "| " + " " * (finding.column - 1) + "^" * max(finding.length, 1))
    if finding.expression and finding.expression not in finding.text:
        print(f"       = in: {finding.expression}")
    if finding.advice:
        print(f"       = {finding.advice}")
