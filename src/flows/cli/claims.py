"""``flows claims``: the sources' statements beside the model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.numbers import number_text
from flows.cli.options import ModelFile, UnitsChoice, read_model
from flows.cli.terminal import make_console, make_table, say, show_progress, write_json
from flows.errors import InputError, near

if TYPE_CHECKING:
    from flows.claims import Claim, Finding, Verdict


Sections = Annotated[
    list[str] | None,
    typer.Option(
        "--section", metavar="TEXT", help="Only sections whose name holds this, such as 3; repeatable."
    ),
]


def claims(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Claims by id, such as S3-38. [default: all]"),
    ] = None,
    section: Sections = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME", help="Only those that a scenario carries."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="WORD",
            help="Only input, fitted, emergent, put in, outside; or reproduced, in part, not reproduced; repeatable.",
        ),
    ] = None,
    central: Annotated[
        bool, typer.Option("--central", help="Only those that the model must speak to.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 if a statement doesn't hold.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict to a JSON file.")
    ] = None,
    draws: Annotated[
        Path | None,
        typer.Option(
            "--draws",
            metavar="FILE",
            help="A CSV file of draws, a column for each constant: the share of them in which a statement holds.",
            show_default=False,
        ),
    ] = None,
    model: ModelFile = None,
    units: UnitsChoice = None,
) -> None:
    """Hold the model against what its sources say: which claims it reproduces, which it doesn't, and why.

    Each claim is a statement on outcomes (models/claims.csv), or stands outside the boundary of the model with a
    reason. A difference within one per cent counts as none, unless the statement says otherwise; figures carry their
    own tolerance. The table says by how much the claim holds (the weakest of its statements; of a figure, how far the
    model lies from it), which statements fail (✗) and what in the structure decides (←). With ids, all statements are
    shown with their numbers.
    """
    from flows.claims import evaluate, read_claims, read_draws
    from flows.compare import CAVEAT

    values = None if draws is None else read_draws(draws)
    chosen = _chosen_claims(read_claims(), ids or (), section or (), scenario, status or (), central)
    models = {"migration": read_model(model, units)}
    with show_progress("Claims") as progress:
        verdicts = evaluate(chosen, models=models, draws=values, progress=progress)
    results = [word for word in status or () if word in _RESULTS]
    if results:
        verdicts = tuple(v for v in verdicts if v.result in results)
    if json_file is not None:
        write_json(json_file, [v.as_dict() for v in verdicts])
    _print_claims(verdicts, in_full=bool(ids))
    say(CAVEAT)
    if strict and any(not f.holds for v in verdicts for f in v.findings):
        raise typer.Exit(1)


_RESULTS = ("reproduced", "in part", "not reproduced")


def _chosen_claims(
    every: Sequence[Claim],
    ids: Sequence[str],
    sections: Sequence[str],
    scenario: str | None,
    status: Sequence[str],
    central: bool,
) -> tuple[Claim, ...]:
    """Select claims as the options say; refuse what is unknown."""
    from typing import get_args

    from flows.claims import Status, claims_of
    from flows.inputs import read_scenario

    by_id = {claim.id.lower(): claim for claim in every}
    for name in ids:
        if name.lower() not in by_id:
            raise InputError(f'no claim "{name}"', remedy=near(name, [claim.id for claim in every]))
    words = (*get_args(Status), *_RESULTS)
    for word in status:
        if word not in words:
            raise InputError(
                "not a status", where="--status", found=f'"{word}"', expected=", ".join(words),
                remedy=near(word, words),
            )  # fmt: skip
    found = list(by_id[name.lower()] for name in dict.fromkeys(ids)) or list(every)
    if scenario is not None:
        carried = {claim.id for claim in claims_of(read_scenario(scenario), every)}
        found = [claim for claim in found if claim.id in carried]
    for text in sections:
        if not any(text.lower() in claim.section.lower() for claim in every):
            names = dict.fromkeys(claim.section for claim in every)
            raise InputError(f'no section "{text}"', expected="one of " + "; ".join(names))
    if sections:
        found = [c for c in found if any(text.lower() in c.section.lower() for text in sections)]
    kinds = [word for word in status if word not in _RESULTS]
    if kinds:
        found = [claim for claim in found if claim.status in kinds]
    found = [claim for claim in found if claim.central or not central]
    if not found:
        raise InputError("no claim is left", remedy="Leave out one of the options")
    return tuple(found)


def _print_claims(verdicts: Sequence[Verdict], *, in_full: bool) -> None:
    """Print a table by section and the counts; with the statements and their numbers where asked."""
    section = ""
    table = make_table("claim", "result", "what it says")
    for verdict in verdicts:
        claim = verdict.claim
        if in_full:
            _print_claim(verdict)
            continue
        if claim.section != section:
            if section:
                make_console().print(table)
            section = claim.section
            table = make_table("claim", "result", "what it says", title=f"{section} ({claim.document})")
        table.add_row(claim.id, _result_words(verdict), claim.statement + _why(verdict))
    if not in_full and verdicts:
        make_console().print(table)
    counts: dict[str, int] = {}
    for verdict in verdicts:
        key = str(verdict.result)
        if key in _RESULTS:
            key = f"{key} ({verdict.claim.status})"
        counts[key] = counts.get(key, 0) + 1
    print(f"{len(verdicts)} claims: " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())))


def _result_words(verdict: Verdict) -> str:
    from flows.claims import Figure

    share = "" if verdict.share is None else f"\nin {100 * verdict.share:.0f} % of draws"
    status = verdict.claim.status
    held = [finding for finding in verdict.findings if finding.holds]
    if held and len(held) == len(verdict.findings) and status != "put in":
        figures = all(any(isinstance(s.source, Figure) for s in f.statement.sides) for f in held)
        margins = [abs(f.margin) for f in held]
        share = (f"\noff by {max(margins):.1f} %" if figures else f"\nby {min(margins):.1f} %") + share
    return verdict.result + ("" if verdict.result in (status, "outside") else f"\n({status})") + share


def _why(verdict: Verdict) -> str:
    """What a table says beneath the claim: the statements that fail, and what decides; or the reason."""
    if verdict.result == "outside":
        return f"\n→ {verdict.claim.reason}"
    failing = [f for f in verdict.findings if not f.holds]
    text = "".join(f"\n✗ {f.statement.text}: {_finding_words(f)}" for f in failing)
    return f"{text}\n← {verdict.claim.decides}"


def _finding_words(finding: Finding) -> str:
    """Write the numbers of a statement and how far it holds or fails."""
    from flows.claims import Figure

    numbers = [
        number_text(value, 0.0)
        for value, side in zip(finding.values, finding.statement.sides, strict=True)
        if not isinstance(side.source, Figure)
    ]
    distance = f"{abs(finding.margin):.1f} %"
    words = {
        "holds": f"by {distance}",
        "no difference": f"no difference ({finding.margin:+.1f} %)",
        "the other way": f"the other way, by {distance}",
        "off": f"off by {distance}",
    }[finding.way]
    return " and ".join(numbers) + ", " + words


def _print_claim(verdict: Verdict) -> None:
    """Print one claim in full: words, statements, numbers, what decides."""
    claim = verdict.claim
    lines = [f"{claim.id} ({claim.document}; {claim.section}; {claim.kind})", f"  {claim.statement}"]
    lines.append(f"  {_result_words(verdict)}".replace("\n", " "))
    for finding in verdict.findings:
        lines.append(f"  {'✓' if finding.holds else '✗'} {finding.statement.text}")
        said = _finding_words(finding)
        if finding.share is not None:
            said += f"; in {100 * finding.share:.0f} % of draws"
        lines.append(f"    {said}")
    if claim.decides:
        lines.append(f"  Decided by: {claim.decides}")
    if claim.reason:
        lines.append(f"  {claim.reason}")
    console = make_console()
    for line in lines:
        indent = len(line) - len(line.lstrip())
        for part in textwrap.wrap(line, console.width - 1, subsequent_indent=" " * (indent + 2)):
            print(part)
    print()
