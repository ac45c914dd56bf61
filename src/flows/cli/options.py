"""Arguments that commands share, and how they are read."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.errors import FlowsError, InputError, ModelError
from flows.paths import DEVICES, plain

if TYPE_CHECKING:
    from flows.futures import Futures
    from flows.inputs import Scenario
    from flows.model.model import Model


FINE, USER, OURS, INTERRUPTED = 0, 1, 2, 130
USAGE: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""Base of typer's usage errors, whichever copy of click it brings."""
OUTPUTS = Path("outputs")
_LONGEST = 80  # letters of a folder's name


class Engine(StrEnum):
    """Which engine runs the model."""

    auto = "auto"
    compiled = "compiled"
    pysd = "pysd"


class Units(StrEnum):
    """What to do about units that don't match."""

    error = "error"
    warn = "warn"
    off = "off"


Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Results folder. [default: outputs/NAME]", show_default=False),
]
InPlace = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Where to write. [default: the file itself]", show_default=False
    ),
]
ModelFile = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="FILE",
        help="A Vensim or XMILE model in place of the shipped one.",
        show_default=False,
    ),
]
UnitsChoice = Annotated[
    Units | None,
    typer.Option(
        "--units",
        help="What to do about units that don't match. [default: error; warn in a model of your own]",
        show_default=False,
    ),
]
ShippedUnits = Annotated[
    Units,
    typer.Option("--units", help="What to do about units that don't match."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="'VARIABLE=VALUE'",
        help="Change a constant, an initial value or a control variable; repeatable.",
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="MONTH", help="Last month of the run, such as 2030-12.")
]
Draws = Annotated[
    int | None,
    typer.Option(
        "--draws",
        min=0,
        help="Draws of the uncertain inputs; 0 for the model's own values. [default: 500 of a posterior, else 64]",
        show_default=False,
    ),
]


def draw_inputs(count: int | None, model: Model) -> Futures:
    """Draw the uncertain inputs: from the posterior sample beside the model, else from the declared ranges."""
    from flows.futures import futures_of

    return futures_of(model, count)


def say_doubts(scenarios: Iterable[Scenario], more: Iterable[str] = ()) -> None:
    """Say on stderr what scenarios lack (reasons, and claims that nobody wrote down), and what else is in doubt."""
    from flows.inputs import scenario_doubts

    for scenario in scenarios:
        for doubt in scenario_doubts(scenario):
            print(f"Note: {doubt}", file=sys.stderr)
    for doubt in more:
        print(f"Note: {doubt}", file=sys.stderr)


def read_model(path: Path | None, units: Units | None, name: str = "") -> Model:
    """Read the model of a path, or the shipped one of a name."""
    from flows.inputs import find
    from flows.inputs.tables import shown_path
    from flows.vensim.read import read_vensim
    from flows.vensim.source import refuse_other_kind

    if path is None:
        source = find("model", name or "migration")
        return read_vensim(_relative(source, shown_path(source)), units=(units or Units.error).value)
    if path.is_dir():
        raise InputError(
            "is a folder",
            where=f"--model {path}",
            expected="a Vensim model file",
            remedy="Name its .mdl file",
        )
    found = find("model", path)
    refuse_other_kind(found)
    try:
        return read_vensim(found, units=(units or Units.warn).value)
    except ModelError as error:
        raise _with_others(error, found) from None


def joined_setting(words: Sequence[str]) -> str:
    """Put a setting together that blanks tore into words, with none around its equals sign."""
    return re.sub(r"\s*=\s*", "=", " ".join(words).strip("'"))


def model_target(out: Path | None) -> Path | None:
    """Refuse to write a model over a file that is none: a table or a Vensim file of another kind, say."""
    if out is not None and out.suffix.lower() != ".mdl":
        raise InputError(
            "what is written is a Vensim model", where=f"--out {out}", expected="a name that ends in .mdl"
        )
    return out


def own_or_shipped(file: Path) -> Path:
    """Find a model as typed, or the shipped one of that name where none lies here: an installed wheel has no folder."""
    from flows.inputs import find

    if not file.exists():
        with contextlib.suppress(InputError):
            return find("model", file)
    return file


def _with_others(error: ModelError, path: Path) -> ModelError:
    """Add to the first mistake of a model file how many more there are, and what shows them."""
    from flows.inspection import inspect

    try:
        others = sum(finding.level == "error" for finding in inspect(path, run=False)) - 1
    except FlowsError:
        return error
    if others < 1:
        return error
    more = f"{others} more mistake{'s' * (others > 1)} in the file: flows check {path.as_posix()} shows all"
    stop = " " if error.remedy.endswith("?") else ". "
    return type(error)(
        error.what,
        where=error.where,
        found=error.found,
        expected=error.expected,
        remedy=error.remedy.rstrip(".") + stop + more if error.remedy else more,
    )


def is_familiar(model: Model) -> bool:
    """Whether a model counts in months and has most outcomes of the shipped one; say which it lacks."""
    from flows.compare import outcomes_of
    from flows.inputs import read_outcomes

    if not model.in_months:
        return False
    every, own = read_outcomes(), {outcome.name for outcome in outcomes_of(model)}
    if 2 * len(own) < len(every) or not own:
        return False
    lacking = [outcome.name for outcome in every if outcome.name not in own]
    if lacking:
        print(f"{model.path.name} lacks the outcomes: {', '.join(lacking)}", file=sys.stderr)
    return True


def is_set(changed: Mapping[str, float], name: str) -> bool:
    """Whether ``--set`` changes the variable of a name, in whatever case."""
    return any(key.lower() == name for key in changed)


def _relative(path: Path, shown: str) -> Path:
    """Name the shipped model as people see it, where that leads to it from here."""
    return Path(shown) if Path(shown).is_file() else path


def read_until(text: str | None, model: Model) -> float | str | None:
    """Read ``--until``: a month, or a number in the model's own time."""
    from flows.calendar import month_index

    if text is None:
        return None
    months = model.dated
    if months and re.fullmatch(r"\s*(19|20)\d\d\s*", text) and float(text) > model.control.final_time:
        raise InputError("not a month", where="--until", found=f'"{text}"', remedy=f"Write {text.strip()}-12")
    with contextlib.suppress(ValueError):
        return float(text)
    if months:
        month_index(text, where="--until")
    return text


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Name an option in refusals of the argument that it stands for, as it is typed."""
    try:
        yield
    except InputError as error:
        if error.where != option.removeprefix("--"):
            raise
        raise InputError(
            error.what, where=option, found=error.found, expected=error.expected, remedy=error.remedy
        ) from None


def refuse_other_results(folder: Path, command: str) -> None:
    """Refuse to put a run in the place of a study, or a study in that of a run, where nobody named the folder."""
    from flows.provenance import read_record

    words = str((read_record(folder) or {}).get("command", "")).split()
    if words[:1] == ["flows"] and words[1:2] in (["run"], ["study"]) and words[1] != command:
        raise InputError(
            f"results of flows {words[1]} lie there",
            where=folder.as_posix(),
            remedy="Name another folder, or this one, with --out",
        )


def folder_name(name: str) -> str:
    """Make a folder's name that every system takes; of a long one, the end becomes a digest."""
    safe = "".join(letter if letter.isalnum() or letter in "+-_." else "-" for letter in name).strip(".- ")
    if len(safe) > _LONGEST:
        safe = (
            safe[: _LONGEST - 9].rstrip(".- ")
            + "-"
            + hashlib.sha256(plain(name).encode("utf-8")).hexdigest()[:8]
        )
    if safe.partition(".")[0].lower() in DEVICES:
        safe = f"run-{safe}"
    return safe or "run"
