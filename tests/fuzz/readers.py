"""Every reader, fed with files that were spoilt on purpose: ``python -m tests.fuzz.readers --minutes 30``.

A file is either read or refused with a `FlowsError`; anything else is a find and is kept in the folder given by
``--keep``. Watched as well: the time that each file takes (10 s), the memory (1 GB), and that reading writes nothing.
``test_readers.py`` tries some files of each kind in every test run.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl

import flows
from flows import provenance, resources
from flows.claims import table as claims
from flows.errors import FlowsError
from flows.inputs import changes, labels, loops, outcomes, scenarios, studies
from flows.posterior import read_posterior
from flows.references import parse_reference, parse_setting
from flows.vensim import companions, external, sketch

SECONDS = 10.0
"""Processor time that one file may take."""

MEMORY_MB = 1_000
"""Growth of the process that counts as a find."""

ROOT = resources.root()

WORDS = re.compile(rb"\w+|\s+|.", re.DOTALL)
PIECES: tuple[bytes, ...] = tuple(
    piece.encode()
    for piece in (
        "0", "-1", "1e308", "1e999", "nan", "-inf", "9" * 400, "0x10", "2013-13", "2030-02-31", "0000-00",
        "''", '""', '"', "'", '"""', "[", "]", "[[", "]]", "[[lever]]", "{", "}", "{}", "[]", "= ", "== ",
        ",", ",,,,", ";", "\t", "\r", "\r\n", "\n\n", "#", "@", "|", "~", ":", "::", "+", "-", "*", "/", "^",
        "(", ")", "((((((((", "))))", "true", "false", "null", "None", "name", "name = 1\n", "value = []\n",
        "\\", "\\u0000", "\0", "\ufeff", "\u2028", "\U0001f600", "\u0130", "a" * 5000, "=HYPERLINK(1)",
        "../../etc/passwd", "C:\\Windows\\x", "/dev/null", "file:///x", "CON", "</script>", "{{7*7}}",
        "__import__('os').system('x')", "COMAR pending cases", "[Haiti]", "[*]", "[a,b,c]",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One kind of file: good examples, and what is done with a spoilt one."""

    suffix: str
    examples: Callable[[], tuple[bytes, ...]]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Find:
    """Something that must not happen, and the file that makes it happen."""

    target: str
    number: int
    what: str
    content: bytes


# Reading ------------------------------------------------------------------------------------------------


@cache
def model() -> flows.Model:
    """Give the shipped model, which companions and settings are read against."""
    return flows.read_vensim(ROOT / "models" / "migration.mdl", units="off")


def _scenario(path: Path) -> None:
    found = scenarios.read_scenario(path)
    scenarios.scenario_inputs(found, model())


def _study(path: Path) -> None:
    found = studies.read_study(path)
    studies.check_study(found, model(), outcomes.read_outcomes())


def _control(path: Path) -> None:
    companions.read_control(
        path, model=model(), model_path=ROOT / "models" / "migration.mdl", savelist=_savelist()
    )


def _words(path: Path) -> None:
    """Read each line as a setting and as a reference, as the command line would."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        for reader in (parse_reference, parse_setting):
            try:
                reader(line)
            except FlowsError:
                continue


def _labels(path: Path) -> None:
    path.replace(path.with_name("labels.xx.toml"))
    labels.read_labels("xx", folder=path.parent)


def _record(path: Path) -> None:
    path.replace(path.with_name("provenance.json"))
    provenance.read_record(path.parent)
    provenance.kept(path.parent.parent)


# Good examples ------------------------------------------------------------------------------------------


def _files(*patterns: str) -> Callable[[], tuple[bytes, ...]]:
    return cache(
        lambda: tuple(path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern)))
    )


@cache
def _book() -> tuple[bytes, ...]:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ("Time", "price", "stock[Haiti]"),
        (2013, 1.5, 10),
        (2014, None, "11"),
        (2015, "=1+1", "2015-01-01"),
    ):
        sheet.append(row)
    book.create_sheet("second").append(("x", 1, 2, 3))
    stream = io.BytesIO()
    book.save(stream)
    return (stream.getvalue(),)


@cache
def _sample() -> tuple[bytes, ...]:
    from flows.posterior import Posterior, write_posterior

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posterior.parquet"
        names = ("filing delay", "base departure hazard[Haiti]")
        values = np.random.default_rng(1).lognormal(size=(20, 2))
        about = {"model": "migration.mdl", "calibration": "x.toml", "calibration_digest": "0", "seed": 1}
        about |= {"fit_until": "2022-12", "versions": {}}
        write_posterior(path, Posterior(elements=names, values=values, metadata=about))
        return (path.read_bytes(),)


@cache
def _savelist() -> Path:
    path = Path(tempfile.mkdtemp(prefix="flows-fuzz-")) / "list.lst"
    path.write_text("COMAR pending cases\nencounters[Haiti]\n", encoding="utf-8")
    return path


def _texts(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


TARGETS: dict[str, Target] = {
    "scenario": Target(".toml", _files("models/scenarios/*.toml"), _scenario),
    "study": Target(".toml", _files("sensitivity/*.toml"), _study),
    "outcomes": Target(".toml", _files("models/outcomes.toml"), outcomes.read_outcomes),
    "loops": Target(".toml", _files("models/loops.toml"), loops.read_loops),
    "lever changes": Target(".toml", _files("models/lever-changes.toml"), changes.read_changes),
    "labels": Target(".toml", _files("models/labels.es.toml"), _labels),
    "claims": Target(".csv", _files("models/claims.csv"), claims.read_claims),
    "draws": Target(
        ".csv", _texts("filing delay,repeat share\n3,0.5\n4,0.6\n", "a;b\n1;2\n"), claims.read_draws
    ),
    "sensitivity control": Target(
        ".vsc",
        _texts(
            "200,M,1234,,0\nfiling delay=RANDOM_UNIFORM(1,9)\nbase departure hazard[Haiti]=RANDOM_NORMAL(0,1,.5,.1)\n",
            "50,L,7,,0\nfiling delay=RANDOM_TRIANGULAR(1,9,2,3,4)\nfiling delay=VECTOR(1,9,2)\n",
        ),
        _control,
    ),
    "save list": Target(
        ".lst",
        _texts("COMAR pending cases\nencounters[Haiti]\n", "encounters\n"),
        lambda path: companions.read_savelist(path, model=model()),
    ),
    "data set, commas": Target(
        ".csv",
        _texts("Time,price,stock[Haiti]\n1,2,3\n2,,4\n", "name,1,2,3\nprice,1,2,3\n"),
        external.dataset,
    ),
    "data set, tabs": Target(".tab", _texts("Time\tprice\n1\t2\n2\t3\n"), external.dataset),
    "data set, lines": Target(".dat", _texts("price\n1\t2\n2\t3\nstock[Haiti]\n0 1\n"), external.dataset),
    "workbook": Target(".xlsx", _book, external.dataset),
    "sketch": Target(".mdl", _files("models/demography.mdl"), sketch.read_sketch),
    "model": Target(
        ".mdl", _files("models/demography.mdl"), lambda path: flows.read_vensim(path, units="warn")
    ),
    "posterior sample": Target(".parquet", _sample, read_posterior),
    "record": Target(
        ".json",
        _texts(
            '{"name": "x", "kind": "run", "finished": "2026-01-01T00:00:00+00:00", "command": "flows run"}'
        ),
        _record,
    ),
    "words": Target(
        ".txt",
        _texts("COMAR pending cases@2030-12\nencounters[Haiti]=5\n", "a[b,c]@x\n=1\n1=\nx=1e9\n"),
        _words,
    ),
}


# Spoiling -----------------------------------------------------------------------------------------------


def spoilt(content: bytes, chance: random.Random, others: tuple[bytes, ...]) -> bytes:
    """Spoil a file: members of an archive where it is one, words or bytes elsewhere."""
    if content[:2] == b"PK" and chance.random() < 0.8:
        return _spoilt_archive(content, chance)
    if chance.random() < 0.25 or b"\0" in content:
        return _spoilt_bytes(content, chance)
    return _spoilt_words(content, chance, others)


def _spoilt_words(content: bytes, chance: random.Random, others: tuple[bytes, ...]) -> bytes:
    words = WORDS.findall(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not words:
            break
        at = chance.randrange(len(words))
        until = at + chance.choice((1, 1, 2, 5, 50))
        match chance.randrange(6):
            case 0:
                del words[at:until]
            case 1:
                words.insert(at, chance.choice(PIECES))
            case 2:
                words[at:until] = words[at:until] * chance.choice((2, 3, 200))
            case 3:
                other = chance.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case 4:
                text = chance.choice(others)
                start = chance.randrange(len(text) + 1)
                words.insert(at, text[start : start + chance.choice((20, 200, 2000))])
            case _:
                words[at] = chance.choice(PIECES)
    return b"".join(words)


def _spoilt_bytes(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 64))):
        if not made:
            break
        at = chance.randrange(len(made))
        match chance.randrange(4):
            case 0:
                made[at] = chance.randrange(256)
            case 1:
                del made[at:]
            case 2:
                made[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 4, 100))))
            case _:
                del made[at : at + chance.choice((1, 4, 100))]
    return bytes(made)


def _spoilt_archive(content: bytes, chance: random.Random) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        names = old.namelist()
        chosen = chance.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                if chance.random() < 0.1:
                    continue
                data = (
                    _spoilt_words(data, chance, (data,))
                    if chance.random() < 0.7
                    else _spoilt_bytes(data, chance)
                )
            new.writestr(name, data)
    return stream.getvalue()


# Trying -------------------------------------------------------------------------------------------------


def attempt(name: str, number: int) -> Find | None:
    """Read one spoilt file, the same for the same number; give what must not happen."""
    target = TARGETS[name]
    digest = hashlib.sha256(f"{name} {number}".encode()).digest()
    chance = random.Random(digest)
    examples = target.examples()
    content = spoilt(chance.choice(examples), chance, examples)
    what = ""
    with tempfile.TemporaryDirectory(prefix="flows-fuzz-") as top:
        folder = Path(top) / "inner"
        folder.mkdir()
        path = folder / f"file{target.suffix}"
        path.write_bytes(content)
        before = resource.getrusage(resource.RUSAGE_SELF)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.read(path)
        except FlowsError as error:
            if "Traceback" in str(error) or "\n\n\n" in str(error):
                what = f"an error that isn't a sentence: {error}"
        except Exception:
            what = traceback.format_exc()
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if seconds > SECONDS:
            what = what or f"took {seconds:.1f} s"
        if after.ru_maxrss - before.ru_maxrss > MEMORY_MB * 1024:
            what = what or f"took {(after.ru_maxrss - before.ru_maxrss) / 1024:.0f} MB"
        if sorted(p.name for p in Path(top).iterdir()) != ["inner"] or len(list(folder.iterdir())) > 1:
            what = what or "wrote a file"
    return Find(name, number, what, content) if what else None


def campaign(minutes: float, start: int, only: str | None) -> Iterator[tuple[Counter[str], Find | None]]:
    """Go round the targets until the time is over; give counts so far with each find."""
    counts: Counter[str] = Counter()
    names = [name for name in TARGETS if only is None or name == only]
    end = time.monotonic() + 60 * minutes
    number = start
    while time.monotonic() < end:
        for name in names:
            counts[name] += 1
            yield counts, attempt(name, number)
        number += 1


def main() -> int:
    """Run a campaign and say what came of it; 1 if there was a find."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--start", type=int, default=0, help="number of the first file")
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--keep", type=Path, default=Path("outputs/fuzz"))
    chosen = parser.parse_args()
    finds: dict[str, Find] = {}
    counts: Counter[str] = Counter()
    for counts, found in campaign(chosen.minutes, chosen.start, chosen.only):  # noqa: B007
        if found is None:
            continue
        last = [line for line in found.what.splitlines() if line.strip(" ^~")]
        key = f"{found.target}: " + " / ".join(line.strip() for line in last[-3:])[:200]
        if key not in finds:
            finds[key] = found
            chosen.keep.mkdir(parents=True, exist_ok=True)
            stem = chosen.keep / f"{found.target.replace(' ', '-').replace(',', '')}-{found.number}"
            stem.with_suffix(TARGETS[found.target].suffix).write_bytes(found.content)
            stem.with_suffix(".txt").write_text(found.what, encoding="utf-8")
            print(f"{found.target} {found.number}: {key}", flush=True)
    total = sum(counts.values())
    print(
        f"{total:,} files, {len(finds)} distinct finds: " + ", ".join(f"{k} {v:,}" for k, v in counts.items())
    )
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
