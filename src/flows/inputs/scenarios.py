"""Scenarios: named sets of lever values with their claims, and what they ask of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from flows import resources
from flows.calendar import label, month_index, month_of, time_at_end
from flows.errors import InputError, near, unread
from flows.inputs.bounds import constant_of, element_key, refuse_outside, unit_of
from flows.inputs.cin import CONTROLS, Entry, entries_inputs, read_changes_file, warn_outside
from flows.inputs.tables import (
    PLACES,
    Month,
    Table,
    Text,
    Texts,
    find,
    read_rows,
    read_table,
    read_toml,
    refuse_other_kind,
    shown_path,
)
from flows.paths import plain
from flows.references import fold, parse_reference, parse_setting

START_DELAY, PHASE_IN, END = "lever start delay", "lever phase in", "lever end"
POLICY_START = "policy start time"
TIMING = "timing"
CHANGES = (".cin", ".out")
"""Endings of Vensim's files that stand for a scenario."""

_FAR = 12.0 * 8000  # months, to about the year 10000

Kind = Literal["base", "context", "package"]


class _Change(Table):
    name: Text
    value: float
    why: str = ""
    where: str = Field(default="", repr=False)


class LeverChange(_Change):
    """One lever moved away from its neutral value.

    Attributes
    ----------
    name : str
        A constant of the model's group ``.Levers``.
    value : float
        In the lever's own unit.
    start : str or None
        First month in force, ``YYYY-MM``; None leaves the model's ``policy start time``.
    phase_in : float or None
        Months until the value holds in full; None leaves the model's default.
    end : str or None
        Last month in force; None means that it is never reversed.
    why : str
        Why this value follows from the source.
    where : str
        File and key, for messages.
    """

    start: Month | None = None
    phase_in: Annotated[float, Field(ge=0)] | None = None
    end: Month | None = None

    @model_validator(mode="after")
    def _ordered(self) -> LeverChange:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f'the end "{self.end}" comes before the start "{self.start}"')
        return self


class ConstantChange(_Change):
    """One constant outside the levers set to another value: what nobody in the room decides.

    Attributes
    ----------
    name : str
        A constant, or one element of it in its text form.
    value : float
        In the constant's own unit.
    why : str
        Why this value follows from the source.
    where : str
        File and key, for messages.
    """


class Scenario(Table):
    """A named set of lever values with the claims of its source.

    Attributes
    ----------
    name : str
        The file's name without its ending; of a combination, the names joined by ``+``.
    title : str
        As shown to people.
    kind : {"base", "context", "package"}
        A dated base course, what nobody in the room decides, or what somebody chooses.
    source : str
        Document and section.
    model : str
        Name of the model file that it belongs to; empty for the migration model.
    claims : tuple of str
        Ids of rows of ``models/claims.csv``.
    levers, constants : tuple
        The changes.
    entries : tuple of Entry
        Those of Vensim's changes files, which are made after the others.
    not_expressed : tuple of str
        What the source says and the levers of this model can't.
    file : str
        Where it was read, for messages.
    paths : tuple of Path
        The files themselves, for digests.
    """

    name: Text
    title: Text
    kind: Kind
    source: str = ""
    model: str = ""
    claims: Texts = ()
    not_expressed: Texts = ()
    levers: tuple[LeverChange, ...] = ()
    constants: tuple[ConstantChange, ...] = ()
    entries: tuple[Entry, ...] = ()
    file: str = Field(default="", repr=False)
    paths: tuple[Path, ...] = Field(default=(), repr=False)


_MODELS = (".mdl", ".xmile", ".stmx")


def read_scenario(name_or_path: str | Path | Scenario, *, folder: Path | None = None) -> Scenario:
    """Read a scenario, or several joined by ``+``.

    Parameters
    ----------
    name_or_path : str, Path or Scenario
        The name of a file in ``folder`` without its ending, the path of a ``.toml`` file or of a spreadsheet
        (``.xlsx``, or ``.xlsx#sheet``) or of Vensim's changes (``.cin``), or several of these joined by ``+``. A
        scenario is returned as it is.
    folder : Path, optional
        Where names are looked up; the shipped scenarios by default.

    Returns
    -------
    Scenario
        Checked against the schema; `scenario_inputs` checks it against a model.

    Raises
    ------
    InputError
        If no such file exists, or something in it doesn't fit the schema.
    """
    if isinstance(name_or_path, Scenario):
        return name_or_path
    text = str(name_or_path)
    if "+" in text and not Path(text).is_file():
        return combine([read_scenario(part.strip(), folder=folder) for part in text.split("+")])
    if Path(text).suffix.lower() in CHANGES:
        path = Path(text)
        entries = read_changes_file(path)
        return Scenario(
            name=plain(path.stem),
            title=plain(path.stem),
            kind="package",
            entries=entries,
            file=shown_path(path),
            paths=(path,),
        )
    if Path(text).suffix.lower() in _MODELS:
        raise InputError(
            "this is a model" if Path(text).is_file() else "there is no such file",
            where=text,
            expected="a scenario",
            remedy=f"A model follows --model: flows run --model {text}",
        )
    file, sheet = _sheet_of(text)
    if file:
        from flows.inputs.workbook import read_workbook  # which reads into the classes of this module

        return read_workbook(find("scenario", file), sheet)
    path = find("scenario", text, folder=folder)
    shown = shown_path(path)
    data = read_toml(path, shown)
    refuse_other_kind(data, "scenario", shown)
    levers = read_rows(LeverChange, data, "lever", shown)
    constants = read_rows(ConstantChange, data, "constant", shown)
    extra = {
        "name": plain(path.stem),
        "levers": levers,
        "constants": constants,
        "file": shown,
        "paths": (path,),
    }
    scenario = read_table(Scenario, data, shown, extra, arrays=("lever", "constant"))
    _refuse_doubles(levers, "lever")
    _refuse_doubles(constants, "constant")
    return scenario


def _sheet_of(text: str) -> tuple[str, str]:
    """Part ``file.xlsx#sheet``; nothing where the text names no spreadsheet."""
    file, _, sheet = text.partition("#")
    return (file, sheet) if file.lower().endswith(".xlsx") else ("", "")


def combine(scenarios: Sequence[Scenario]) -> Scenario:
    """Join scenarios: every change of each, all claims.

    Parameters
    ----------
    scenarios : sequence of Scenario
        At least one.

    Returns
    -------
    Scenario
        Named ``a+b``; its kind is the last in the order base, context, package that occurs.

    Raises
    ------
    InputError
        If one is named twice or isn't read yet, two give a value to the same lever or constant (both files are named),
        two are base courses, or they belong to different models.
    """
    given: Any = scenarios
    wrong = (
        [given]
        if isinstance(given, str | Path | Scenario)
        else [s for s in given if not isinstance(s, Scenario)]
    )
    if wrong:
        raise _no_scenario(wrong[0], among=True)
    if not scenarios:
        raise InputError("no scenario to combine", expected="at least one name")
    if len(scenarios) == 1:
        return scenarios[0]
    for place, scenario in enumerate(scenarios):
        if any((s.name, s.file) == (scenario.name, scenario.file) for s in scenarios[:place]):
            raise InputError(f'the scenario "{scenario.name}" is named twice', remedy="Name it once")
    bases = [s for s in scenarios if s.kind == "base"]
    if len(bases) > 1:
        raise InputError(
            "two base courses in one combination",
            where=f"{bases[0].file} and {bases[1].file}",
            remedy="Keep one base course; contexts and packages combine with it",
        )
    models = list(dict.fromkeys(s.model for s in scenarios if not s.entries)) or [""]
    if len(models) > 1:
        other = next(s for s in scenarios if not s.entries and s.model != scenarios[0].model)
        raise InputError(
            "scenarios of two models in one combination",
            where=f"{scenarios[0].file} and {other.file}",
            remedy="Combine scenarios of one model",
        )
    levers = tuple(change for s in scenarios for change in s.levers)
    constants = tuple(change for s in scenarios for change in s.constants)
    _refuse_doubles(levers, "lever")
    _refuse_doubles(constants, "constant")
    order = get_args(Kind)
    return Scenario(
        name="+".join(s.name for s in scenarios),
        title=" + ".join(s.title for s in scenarios),
        kind=max((s.kind for s in scenarios), key=order.index),
        source="; ".join(dict.fromkeys(s.source for s in scenarios if s.source)),
        model=models[0],
        claims=tuple(dict.fromkeys(claim for s in scenarios for claim in s.claims)),
        not_expressed=tuple(dict.fromkeys(text for s in scenarios for text in s.not_expressed)),
        levers=levers,
        constants=constants,
        entries=tuple(entry for s in scenarios for entry in s.entries),
        file=" + ".join(s.file for s in scenarios),
        paths=tuple(path for s in scenarios for path in s.paths),
    )


def _no_scenario(given: object, *, among: bool = False) -> InputError:
    """Make the refusal of what stands where a scenario as read belongs, such as its name."""
    name = str(given) if isinstance(given, str | Path) else ""
    call = f'read_scenario("{name or "NAME"}")'
    return InputError(
        "a list of scenarios is expected" if among and isinstance(given, Scenario) else "this is no scenario",
        found=f'"{name}"' if name else type(given).__name__,
        expected="scenarios as flows.inputs.read_scenario returns them, in a list"
        if among
        else "what flows.inputs.read_scenario returns",
        remedy=f"Write [{call}, …]" if among else f"Write scenario_inputs({call}, model)",
    )


def _refuse_doubles(changes: Sequence[_Change], kind: str) -> None:
    seen: dict[str, _Change] = {}
    for change in changes:
        first = seen.setdefault(fold(change.name), change)
        if first is not change:
            raise InputError(
                f'two values for the {kind} "{change.name}"',
                where=f"{first.where} and {change.where}",
                found=f"{first.value:g} and {change.value:g}",
                remedy="Remove one of them",
            )


def scenario_inputs(scenario: Scenario, model: Any) -> dict[str, Any]:
    """Turn a scenario into inputs of `flows.simulate`.

    Parameters
    ----------
    scenario : Scenario
        One scenario or a combination.
    model : flows.Model
        Its levers, constants, subscripts and run length are consulted.

    Returns
    -------
    dict of str to float
        Keys are names or element text forms of constants, those of the levers' timing among them; from a changes file
        also of lookups, with pairs (x, y), and of control variables.

    Raises
    ------
    InputError
        If the scenario belongs to another model, a name isn't in the model, a value leaves the range declared there,
        or a date the run.
    """
    if not isinstance(scenario, Scenario):
        raise _no_scenario(scenario)
    if not hasattr(model, "constants"):
        raise unread(model)
    if scenario.model and scenario.model != model.name:
        raise InputError(
            f'the scenario "{scenario.name}" belongs to the model "{scenario.model}"',
            where=f'{scenario.file}, key "model"',
            found=f'the model "{model.name}"',
        )
    inputs: dict[str, Any] = {}
    for constant in scenario.constants:
        inputs[_constant_key(constant, model)] = constant.value
    folded = {fold(key): value for key, value in inputs.items()}
    for change in scenario.levers:
        if change.name not in model.levers:
            remedy = near(change.name, model.levers.names)
            if change.name in model.constants:
                remedy = "It is a constant outside the group .Levers; write it under [[constant]]"
            raise InputError(
                f'no lever "{change.name}" in the model', where=f'{change.where}, key "name"', remedy=remedy
            )
        item = model.levers[change.name]
        refuse_outside(change.value, item, "lever", f'{change.where}, key "value"')
        inputs[item.name] = change.value
        if change.start is None and change.phase_in is None and change.end is None:
            continue
        element = _timing_element(item.name, change, model)
        start = folded.get(POLICY_START)
        if start is None:
            start = float(_timing_constant(POLICY_START, change, model).value)
        inputs.update(_timing(change, element, start, model))
    return inputs | entries_inputs(scenario.entries, model)


def _timing(change: LeverChange, element: str, policy_start: float, model: Any) -> dict[str, float]:
    """Start delay, phase-in and end of one lever, as constants of the model."""
    inputs: dict[str, float] = {}
    last = float(model.control.final_time)
    if change.start is not None:
        start = month_index(change.start)
        if not policy_start <= start < last:
            raise InputError(
                "the lever starts outside the span in which policies can change",
                where=f'{change.where}, key "start"',
                found=f'"{change.start}"',
                expected=f'"{month_of(policy_start)}" to "{month_of(last - 1)}"',
            )
        inputs[f"{_timing_constant(START_DELAY, change, model).name}[{element}]"] = start - policy_start
    if change.phase_in is not None:
        phase_in = _timing_constant(PHASE_IN, change, model)
        refuse_outside(change.phase_in, phase_in, "constant", f'{change.where}, key "phase_in"')
        inputs[f"{phase_in.name}[{element}]"] = change.phase_in
    if change.end is not None:
        end = time_at_end(change.end)
        if end <= policy_start:
            raise InputError(
                "the lever ends before policies can change",
                where=f'{change.where}, key "end"',
                found=f'"{change.end}"',
                expected=f'"{month_of(policy_start)}" or later',
            )
        inputs[f"{_timing_constant(END, change, model).name}[{element}]"] = end
    return inputs


def _timing_constant(name: str, change: _Change, model: Any) -> Any:
    if name not in model.constants:
        raise InputError(
            "a date or phase-in is given, but the model has no timing for levers",
            where=change.where,
            expected=f'a constant "{name}" in the model',
            remedy="Leave start, phase_in and end out for this model",
        )
    return model.constants[name]


def _timing_element(lever: str, change: _Change, model: Any) -> str:
    ranges = _timing_constant(START_DELAY, change, model).subscripts
    elements = [element for name in ranges for element in model.subscripts[name].value]
    for element in elements:
        if fold(element) == fold(f"{lever} {TIMING}"):
            return str(element)
    raise InputError(
        f'the model has no timing for the lever "{lever}"',
        where=change.where,
        expected=f'an element "{lever} {TIMING}" among the subscripts of "{START_DELAY}"',
    )


def _constant_key(change: _Change, model: Any) -> str:
    where = f'{change.where}, key "name"'
    reference = parse_reference(change.name, where=where)
    if reference.name in model.levers:
        raise InputError(f'"{reference.name}" is a lever', where=where, remedy="Write it under [[lever]]")
    item = constant_of(reference, model, where)
    refuse_outside(change.value, item, "constant", f'{change.where}, key "value"')
    return element_key(reference, item, model, where)


def settings_inputs(settings: Iterable[str], model: Any, *, option: str = "--set") -> dict[str, float]:
    """Turn settings typed after ``--set`` into inputs of `flows.simulate`.

    Parameters
    ----------
    settings : iterable of str
        Each ``variable=value`` or ``variable[Element]=value``.
    model : flows.Model
        Names and the ranges of levers are checked against it; other constants may leave their range, with a
        `RangeWarning`.
    option : str
        What they are typed after, for messages.

    Returns
    -------
    dict of str to float
        Keys are spelt as in the model; those of control variables in capitals.

    Raises
    ------
    InputError
        If a name isn't in the model, a lever leaves its range, a variable is set twice, or FINAL TIME lies beyond that
        of a model with dates.
    """
    inputs: dict[str, float] = {}
    for text in settings:
        where = f"{option} '{text}'"
        key, value = parse_setting(text, option=option, unit_of=lambda name: unit_of(name, model))
        reference = parse_reference(key, where=where)
        if fold(reference.name) in CONTROLS and not reference.elements:
            spelt = fold(reference.name).upper()
            if spelt == "FINAL TIME":
                _refuse_beyond(value, model, where)
        else:
            item = _settable(reference.name, model, where)
            if reference.name in model.levers:
                refuse_outside(value, item, "lever", where)
            spelt = element_key(reference, item, model, where)
            warn_outside(spelt, value, item)
        if spelt in inputs:
            raise InputError(f'"{spelt}" is set twice', where=where, remedy="Remove one of them")
        inputs[spelt] = value
    return inputs


def _refuse_beyond(value: float, model: Any, where: str) -> None:
    """Refuse a FINAL TIME beyond the file's own where times are dates: mostly a year, taken for a number of months."""
    last = float(model.control.final_time)
    if not model.dated or value <= last:
        return
    year = 1900 <= value < 2100 and value == int(value)
    raise InputError(
        f"FINAL TIME counts months from {label(0)}",
        where=where,
        found=f"{value:g}" + (f", which is {label(value - 1)}" if value < _FAR else ""),
        expected=f"at most {last:g}, which is {label(last - 1)}",
        remedy=f"For a date use --until {value:g}-12"
        if year
        else "For a date use --until, such as --until 2030-12",
    )


def _settable(name: str, model: Any, where: str) -> Any:
    """Find the constant or stock of a name, or say why there is none."""
    for catalogue in (model.stocks, model.settable):
        if name in catalogue:
            return catalogue[name]
    for kind, why in (
        ("flows", "it is computed from its equation"),
        ("auxiliaries", "it is computed from its equation"),
        ("lookups", "it is a lookup, a curve and no number"),
        ("data", "it is read from data"),
    ):
        catalogue = getattr(model, kind, ())
        if name in catalogue:
            raise InputError(
                f'"{catalogue[name].name}" can\'t be set: {why}',
                where=where,
                expected="a constant or the initial value of a stock",
                remedy="Set a constant of its equation, or edit the model file",
            )
    raise InputError(
        f'no constant or stock "{name}" in the model',
        where=where,
        remedy=near(name, [*model.settable.names, *model.stocks.names]),
    )


def list_scenarios(
    folder: Path | None = None, *, broken: Callable[[InputError], None] | None = None
) -> tuple[Scenario, ...]:
    """Read every shipped scenario (or those of a folder), base courses first, then by name.

    Parameters
    ----------
    folder : Path, optional
        In place of the shipped folder.
    broken : callable, optional
        Is told what is wrong with a file that can't be read, which is then left out.

    Returns
    -------
    tuple of Scenario

    Raises
    ------
    InputError
        If a file can't be read and nobody is to be told.
    """
    shelf = folder if folder is not None else resources.root() / PLACES["scenario"][0]
    scenarios = []
    for path in sorted(shelf.glob("*.toml")):
        try:
            scenarios.append(read_scenario(path))
        except InputError as error:
            if broken is None:
                raise
            broken(error)
    order = get_args(Kind)
    return tuple(sorted(scenarios, key=lambda s: (order.index(s.kind), s.name != "current-course", s.name)))
