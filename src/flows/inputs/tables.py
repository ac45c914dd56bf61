"""From TOML to frozen tables: where the files lie, how they are read, and how a refusal is worded."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from flows import resources
from flows.errors import InputError, near
from flows.references import fold, parse_number, strict_month
from flows.texts import read_text

Month = Annotated[str, AfterValidator(strict_month)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]


class Table(BaseModel):
    """One table of a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


PLACES = {
    "scenario": ("models/scenarios", ".toml"),
    "study": ("sensitivity", ".toml"),
    "model": ("models", ".mdl"),
    "outcomes": ("models/outcomes.toml", ""),
    "lever-changes": ("models/lever-changes.toml", ""),
    "lever-texts": ("models/levers.toml", ""),
    "loops": ("models/loops.toml", ""),
    "clouds": ("models/clouds.toml", ""),
    "boundary": ("models/boundary.toml", ""),
    "extreme-conditions": ("models/extreme-conditions.toml", ""),
    "projections": ("models/projections.toml", ""),
    "misses": ("models/misses.toml", ""),
    "calibration": ("models/calibration.toml", ""),
    "claims": ("models/claims.csv", ""),
    "observations": ("models/data/observations.csv", ""),
    "sources": ("models/data/sources.csv", ""),
    "seed-figures": ("models/data/seed-figures.csv", ""),
    "series": ("models/data/series.csv", ""),
}


def find(kind: str, name: str | Path | None = None, *, folder: Path | None = None) -> Path:
    """Find a shipped file by name, or the user's own by path.

    Parameters
    ----------
    kind : str
        ``scenario``, ``study``, ``model``, or one of the tables ``outcomes``, ``lever-changes``, ``lever-texts``,
        ``loops``, ``clouds``, ``boundary``, ``calibration``, ``extreme-conditions``, ``projections``, ``claims``,
        ``observations``, ``sources``, ``seed-figures``, ``series``.
    name : str or Path, optional
        The name without its ending, or a path; needed for the first three kinds.
    folder : Path, optional
        Where names are looked up instead of the shipped folder.

    Returns
    -------
    Path
        A file that exists.

    Raises
    ------
    InputError
        If there is no such file; the nearest name is offered.
    """
    place, ending = PLACES[kind]
    if name is None or str(name).strip() == "":
        if ending:
            raise InputError(
                f"no {kind} is named", expected=f"the name of a {kind}, or the path of a {ending} file"
            )
        return resources.root() / place
    text = str(name)
    path = Path(text)
    if path.is_file():
        return path
    shelf = folder if folder is not None else resources.root() / place
    if not ending or path.suffix == ending or "/" in text or "\\" in text:
        if ending and path.suffix == ending and (resources.root() / path).is_file():
            return resources.root() / path
        names = [p.name for p in sorted(path.parent.glob("*" + path.suffix))] if path.parent.is_dir() else []
        raise InputError("no such file", where=path.as_posix(), remedy=near(path.name, names))
    if (shelf / (text + ending)).is_file():
        return shelf / (text + ending)
    names = sorted(p.stem for p in shelf.glob("*" + ending))
    listed = "studies" if kind == "study" else f"{kind}s"
    raise InputError(
        f'no {kind} "{text}"',
        expected="one of " + ", ".join(names)
        if len(names) < 8
        else f"a name that `flows list {listed}` shows",
        remedy=near(text, names),
    )


def shown_path(path: Path) -> str:
    """Write a path as people see it: from where they stand, or from the folder that holds ``models/``."""
    full = path.resolve()
    for base in (Path.cwd(), resources.root()):
        if full.is_relative_to(base.resolve()):
            return full.relative_to(base.resolve()).as_posix()
    return path.as_posix()


_DOTTED = re.compile(r"""(?<![\w"'.-])(?:["']?[\w-]++["']?\s*+\.\s*+){60}""")
_LINE = re.compile(r"(.*?)\s*\(at line (\d+), column (\d+)\)")
_T = TypeVar("_T", bound=Table)
_INTERNAL = frozenset({"where", "file", "path", "paths", "levers", "constants", "entries", "uncertainties"})


def read_toml(path: Path, shown: str) -> dict[str, Any]:
    """Read a TOML file; an error of syntax names its line and column."""
    text = read_text(path, shown).replace("\r\n", "\n").replace("\r", "\n")
    if _DOTTED.search(text):  # the reader's time grows with the square of their number
        raise InputError(
            "not valid TOML: a key of too many parts", where=shown, remedy="Write tables in [square brackets]"
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _LINE.match(str(error))
        where = f"{shown}:{match[2]}:{match[3]}" if match else shown
        what = match[1] if match else str(error)
        lines = text.rstrip().split("\n")
        what, remedy = _mistake(what, lines[: int(match[2])] if match else lines, text)
        raise InputError(f"not valid TOML: {what}", where=where, remedy=remedy) from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # numbers of thousands of digits, lists within lists within lists
        what = (
            "brackets nest too deep"
            if isinstance(error, RecursionError)
            else str(error).partition(":")[0].lower()
        )
        raise InputError(f"not valid TOML: {what}", where=shown) from None


_HEAD = r"(?m)^\s*\[\[?\s*{name}\s*\]"
_CURLY = re.compile("[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]")
_STRAIGHT = re.compile(r"\"[^\"]*\"|'[^']*'")


def _mistake(what: str, lines: list[str], text: str) -> tuple[str, str]:
    """Say what is wrong in the last of these lines, and how to mend it."""
    line = lines[-1] if lines else ""
    curly = _CURLY.search(_STRAIGHT.sub("", line).partition("#")[0])
    if curly:
        return f"a curly quotation mark, {curly[0]}", 'Write straight ones: "…"'
    if what.startswith(("Cannot declare", "Cannot overwrite", "Duplicate")):
        head = re.match(r"\s*\[\[?\s*([\w-]+)\s*\]", line)
        if head and len(re.findall(_HEAD.format(name=head[1]), text)) > 1:
            return (
                f"the table [{head[1]}] stands twice",
                f"Write [[{head[1]}]] with double brackets above each one",
            )
        inline = re.search(r"key '(.*)'", what)
        key = inline or head or re.match(r"\s*([^=]*[^=\s])\s*=", line)
        return f'the key "{key[1]}" stands twice' if key else "a key stands twice", "Remove one of them"
    return (
        what[:1].lower() + what[1:],
        "Put text and dates in quotation marks and write numbers with a decimal point",
    )


_MARKS = {
    "uncertainty": ("study", "Run it with flows study {file}"),
    "outcome": ("outcomes", "No command takes it: outcomes are read from models/outcomes.toml"),
    "lever": ("scenario", "Run it with flows run {file}"),
    "constant": ("scenario", "Run it with flows run {file}"),
}
"""Keys by which a file is known, what it is then, and where it is to be given."""


def refuse_other_kind(data: Mapping[str, Any], kind: str, shown: str) -> None:
    """Refuse a file that is of another kind than asked for: a study in place of a scenario, say."""
    for key, (found, remedy) in _MARKS.items():
        if isinstance(data.get(key), list) and found != kind:
            raise InputError(
                f"this seems to be {'a file of outcomes' if found == 'outcomes' else f'a {found}'}",
                where=shown,
                found=f"[[{key}]]",
                expected=f"a {kind}",
                remedy=remedy.format(file=shown),
            )


def read_rows(table: type[_T], data: Mapping[str, Any], key: str, shown: str) -> tuple[_T, ...]:
    """Read the ``[[key]]`` tables of a file, each with its place for messages."""
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"not a list of [[{key}]] tables",
            where=f'{shown}, key "{key}"',
            found=_found(rows),
            remedy=f"Write [[{key}]] with double brackets above each one",
        )
    made = []
    for number, row in enumerate(rows, 1):
        where = f"{shown}, [[{key}]] {number}"
        made.append(read_table(table, row, where, {"where": where}))
    return tuple(made)


def read_file_of(
    table: type[_T], kind: str, key: str, path: str | Path | None, *, unique: str = ""
) -> tuple[_T, ...]:
    """Read a file that holds ``[[key]]`` tables and nothing else, the shipped one by default.

    Raises
    ------
    InputError
        If no such file exists, another key stands in it, something doesn't fit the schema, or two tables have the same
        text under the key `unique`.
    """
    return read_tables(table, key, find(kind, path), unique=unique)


def read_tables(table: type[_T], key: str, path: Path, *, unique: str = "") -> tuple[_T, ...]:
    """Read a file as `read_file_of` does."""
    shown = shown_path(path)
    data = read_toml(path, shown)
    for other in data:
        if other != key:
            raise InputError(
                f'unknown key "{other}"', where=shown, expected=f"[[{key}]] tables", remedy=near(other, [key])
            )
    rows = read_rows(table, data, key, shown)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows if unique else (), 1):
        name = getattr(row, unique)
        first = seen.setdefault(fold(name), number)
        if first != number:
            raise InputError(
                f'the {key if unique == "name" else unique} "{name}" stands twice',
                where=f"{shown}, [[{key}]] {first} and {number}",
                remedy="Keep one of them, or write another name",
            )
    return rows


def read_table(
    table: type[_T],
    data: Mapping[str, Any],
    where: str,
    extra: Mapping[str, Any],
    *,
    arrays: tuple[str, ...] = (),
) -> _T:
    """Make one table, or say in a sentence what is wrong with it."""
    keys = [k for k in table.model_fields if k not in _INTERNAL and k not in extra] + list(arrays)
    for key in data:
        if key not in keys:
            remedy = near(key, keys)
            if key == "name" and "name" in extra:
                remedy = "Leave it out: the name is that of the file"
            raise InputError(
                f'unknown key "{key}"', where=where, expected="one of " + ", ".join(keys), remedy=remedy
            )
    fields = {k: v for k, v in data.items() if k not in arrays}
    try:
        return table.model_validate({**fields, **extra})
    except InputError as error:
        raise _at(error, table, fields, where) from None
    except ValidationError as error:
        raise _sentence(error, where) from None


def _at(error: InputError, table: type[Table], fields: Mapping[str, Any], where: str) -> InputError:
    """Name the key whose text a validator refused."""
    guilty = next(
        (k for k, v in fields.items() if isinstance(v, str) and error.found == f'"{v.strip()}"'), None
    )
    place = f'{where}, key "{guilty}"' if guilty else where
    return InputError(
        error.what, where=place, found=error.found, expected=error.expected, remedy=error.remedy
    )


_EXPECTED = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "string_too_short": "some text",
    "too_short": "at least one entry",
}


def _sentence(error: ValidationError, where: str) -> InputError:
    """Say the first error of a table in one sentence."""
    first = error.errors()[0]
    path, kind, value = first["loc"], first["type"], first.get("input")
    keys = [str(part) for part in path if isinstance(part, str)]
    if kind == "value_error":
        context = first.get("ctx", {}).get("error")
        return InputError(str(context), where=where)
    key = keys[0] if keys else ""
    place = f'{where}, key "{key}"' if key else where
    if kind == "missing":
        return InputError(f'the key "{key}" is missing', where=where, remedy=f"Add a line {key} = …")
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(first.get("ctx", {}).get("expected", "")))
        remedy = near(value, choices) if isinstance(value, str) else ""
        return InputError(
            "not one of the choices",
            where=place,
            found=_found(value),
            expected=", ".join(choices),
            remedy=remedy,
        )
    if kind in ("greater_than_equal", "greater_than"):
        least = first["ctx"].get("ge", first["ctx"].get("gt"))
        return InputError(
            "the number is too small", where=place, found=_found(value), expected=f"{least:g} or more"
        )
    expected = _EXPECTED.get(kind, first["msg"])
    what = {"a number": "not a number", "text": "not text", "a list": "not a list"}.get(
        expected, "the value doesn't fit"
    )
    return InputError(
        what, where=place, found=_found(value), expected=expected, remedy=_mend(key, value, expected)
    )


def _found(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{value}"'
        case int() | float():
            return f"the number {value}"
        case datetime.date() | datetime.time():
            return f"the date {value.isoformat()}"
        case list() | tuple():
            return "a list"
        case dict():
            return "a table"
    return str(value)


def _mend(key: str, value: Any, expected: str) -> str:
    if expected in ("a number", "a whole number", "a finite number") and isinstance(value, str):
        try:
            return f"Write {key} = {parse_number(value):g} without quotation marks"
        except InputError as error:
            return error.remedy
    if expected == "text" and isinstance(value, datetime.date):
        return f'Write {key} = "{value.year}-{value.month:02d}" in quotation marks'
    if expected == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return f'Write {key} = "{value}" in quotation marks'
    if expected == "a list" and isinstance(value, str):
        return f'Write {key} = ["{value}"]'
    return ""
