"""Every reader, fed with files that were spoilt on purpose: ``python -m tests.fuzz.readers --minutes 30``.

A file is either read or refused with a `FlowsError`; anything else is a find and is kept in the folder given by
``--keep``. Watched as well: the processor time that each file takes (10 s), the memory (1 GB), that reading writes
nothing, starts no program, opens no connection and loads no Python object, and that a model which still reads gives
the same values compiled and in plain Python. ``test_readers.py`` tries some files of each kind in every test run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openpyxl
from numpy.typing import NDArray
from tests.fuzz import spoil

import flows
from flows import conform, provenance, resources
from flows.claims import table as claims
from flows.errors import FlowsError
from flows.inputs import (
    calibration,
    changes,
    cin,
    deciders,
    extremes,
    inline,
    labels,
    loops,
    misses,
    outcomes,
    projections,
    scenarios,
    studies,
    workbook,
)
from flows.posterior import read_posterior
from flows.references import parse_reference, parse_setting
from flows.vensim import companions, external, sketch

SECONDS = 10.0
"""Processor time that one file may take."""

MEMORY_MB = 1_000
"""Growth of the process that counts as a find."""

EQUAL = 1e-9
"""Of the largest value over time: how near the compiled engine comes to plain Python."""

MOST_STEPS = 200
"""Of models that are run in plain Python too."""

ROOT = resources.root()


@dataclass(frozen=True)
class Target:
    """One kind of file: good examples, and what is done with a spoilt one."""

    suffix: str
    examples: Callable[[], tuple[bytes, ...]]
    read: Callable[[Path], object]
    pieces: Sequence[str] = spoil.PIECES


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
        for reader in (parse_reference, parse_setting, lambda text: inline.inline_scenario(text, model())):
            try:
                reader(line)
            except FlowsError:
                continue


def _changes_file(path: Path) -> None:
    cin.entries_inputs(cin.read_changes_file(path), model())


def _engines(path: Path) -> None:
    """Run what can still be read in both engines: equal values, or the same refusal."""
    read = flows.read_vensim(path, units="off")
    control = read.control
    steps = (control.final_time - control.initial_time) / control.time_step if control.time_step else 0
    if not 0 <= steps <= MOST_STEPS or read.refused:
        return
    ours, theirs = (_values(read, engine) for engine in ("compiled", "python"))
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs, f"compiled: {ours}; python: {theirs}"
        return
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        near = np.allclose(values, theirs[name], rtol=EQUAL, atol=EQUAL * _largest(values), equal_nan=True)
        assert near, f"{name}: {values} against {theirs[name]}"


def _largest(values: NDArray[np.float64]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def _values(read: flows.Model, engine: Literal["compiled", "python"]) -> dict[str, Any] | str:
    try:
        return {str(k): v.values for k, v in flows.simulate(read, engine=engine).items()}
    except FlowsError as error:
        return error.what


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
def _scenario_book() -> tuple[bytes, ...]:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "scenario"
    for row in (
        ("title", "More judges"),
        ("kind", "package"),
        (),
        ("name", "value", "unit", "start", "phase_in", "end", "what", "why"),
        ("judges hired per year", 2, "", "2025-01", 6, "", "lever", "why"),
        ("filing delay", "3", "", "", "", "", "constant", ""),
    ):
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return (stream.getvalue(),)


@cache
def _open_sheet() -> tuple[bytes, ...]:
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>Time</text:p></table:table-cell>'
        '<table:table-cell office:value-type="string"><text:p>price</text:p></table:table-cell></table:table-row>'
        '<table:table-row><table:table-cell office:value-type="float" office:value="1"/>'
        '<table:table-cell table:number-columns-repeated="2" office:value-type="float" office:value="2"/>'
        '<table:table-cell office:value-type="date" office:date-value="2015-01-01"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    )
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{office}office:1.0" '
        f'xmlns:table="{office}table:1.0" xmlns:text="{office}text:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="one">{cells}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return (stream.getvalue(),)


CONTROL = "\nINITIAL TIME = 0 ~~|\nFINAL TIME = 4 ~~|\nTIME STEP = 0.5 ~~|\nSAVEPER = 1 ~~|\n"
SMALL = (
    "R : a, b, c ~~|\nS : b, c ~~|\nlevel[R] = INTEG(inflow[R] - level[R] / delay, start[R]) ~ Person [0,100] ~ x |\n"
    "inflow[R] = total * share[R] ^ 2 + STEP(1, 2) ~ Person/Month ~|\nshare[R] = 0.5, 0.25, -0.25 ~ Dmnl ~|\n"
    "start[R] :EXCEPT: [a] = 3 ~~|\nstart[a] = 7 ~~|\ndelay = 2.5 ~ Month ~|\n"
    "total = SUM(level[R!]) / MAX(1, VMAX(level[S!])) ~~|\n",
    "x = IF THEN ELSE(Time > 2 :AND: y < 3, SQRT(y), LN(y)) ~~|\ny = table(MODULO(Time, 3)) + PULSE(1, 1) ~~|\n"
    "table([(0,0)-(3,3)],(0,1),(1,2),(3,0)) ~~|\nz = SMOOTH3(x, 2) + DELAY1(y, 2) + ZIDZ(1, x) ~~|\n"
    "w = SAMPLE IF TRUE(x > 1, z, 0.5) + DELAY FIXED(y, 1, 0) + INTEGER(y * 7) ~~|\n",
    ":MACRO: twice(a, b)\ntwice = a * b + c ~~|\nc = INTEG(a, b) ~~|\n:END OF MACRO:\nx = twice(Time, 2) ~~|\n"
    "n = INITIAL(x + 1) ~~|\nr = RANDOM UNIFORM(0, 1, 7) ~~|\nt = TREND(x, 2, 0) + FORECAST(x, 2, 3) ~~|\n"
    "v = QUANTUM(x, 0.3) + POWER(x, 2) + ABS(-x) + EXP(-x) + SIN(x) + ARCTAN(x) + XIDZ(1, n, 3) ~~|\n",
)
OUTPUT = 'Time\tlevel\t"level, b"[a]\tconstant\n0\t1.5\t2.25e1\t7\n1\t1.75\t3e-2\t\n'
XMILE = """<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<header><vendor>Somebody</vendor><product version="1">By hand</product></header>
<sim_specs method="Euler" time_units="Month"><start>0</start><stop>8</stop><dt reciprocal="true">4</dt></sim_specs>
<dimensions><dim name="Region"><elem name="North"/><elem name="South"/></dim></dimensions>
<model><variables>
<stock name="Teacup\\nTemperature"><doc>How hot &amp; how fast.</doc><eqn>180</eqn><outflow>heat_loss</outflow></stock>
<flow name="heat loss"><eqn>("Teacup Temperature" - room) / time_constant</eqn><units>degree/Month</units></flow>
<aux name="room"><eqn>70</eqn><units>degree</units></aux>
<aux name="time constant"><eqn>10</eqn><gf><xscale min="0" max="9"/><ypts>1,2,3</ypts></gf></aux>
<aux name="by region"><dimensions><dim name="Region"/></dimensions><eqn>room * 2 + MAX(1, 2)</eqn></aux>
</variables></model>
</xmile>
"""


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
    "calibration": Target(".toml", _files("models/calibration.toml"), calibration.read_calibration),
    "projections": Target(".toml", _files("models/projections.toml"), projections.read_projections),
    "misses": Target(".toml", _files("models/misses.toml"), misses.read_misses),
    "lever texts": Target(".toml", _files("models/levers.toml"), deciders.read_lever_texts),
    "extreme conditions": Target(".toml", _files("models/extreme-conditions.toml"), extremes.read_conditions),
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
    "sheet": Target(".ods", _open_sheet, external.dataset),
    "scenario's workbook": Target(".xlsx", _scenario_book, workbook.read_workbook),
    "changes file": Target(
        ".cin",
        _texts(
            "filing delay = 3\nbase departure hazard[Haiti] = 0.01\n:COM remark\n"
            "base departure hazard[origin]=1,2,3\\\n"
            ",4,5,6,7,8,9\nexpulsions in force([(0,0)-(9,9)],(0,1),(9,2))\n",
            ':SIM=1\n1 <= filing delay = 4 <= 9\nFINAL TIME = 200\n"filing delay" = 5\nx(0,1,2,3)\n',
        ),
        _changes_file,
    ),
    "output of a run, tabs": Target(
        ".tab", _texts(OUTPUT, "Time\t0\t1\nlevel[a]\t1.0\t2.5e3\n"), conform.read_output
    ),
    "output of a run, commas": Target(".csv", _texts(OUTPUT.replace("\t", ",")), conform.read_output),
    "XMILE": Target(".xmile", _texts(XMILE), lambda path: flows.read_vensim(path, units="off")),
    "small model": Target(
        ".mdl",
        _texts(*(text + CONTROL for text in SMALL)),
        lambda path: flows.read_vensim(path, units="warn"),
        spoil.PIECES + spoil.OF_MODELS * 3,
    ),
    "both engines": Target(".mdl", _texts(*(text + CONTROL for text in SMALL)), _engines, spoil.OF_MODELS),
    "sketch": Target(".mdl", _files("models/demography.mdl"), sketch.read_sketch),
    "model": Target(
        ".mdl",
        _files("models/demography.mdl"),
        lambda path: flows.read_vensim(path, units="warn"),
        spoil.PIECES + spoil.OF_MODELS,
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


# Trying -------------------------------------------------------------------------------------------------


class Overtime(BaseException):
    """A file took longer than it may; no reader's own handling of errors takes it for one."""


def _overtime(*_: object) -> None:
    raise Overtime


_seen: list[str] | None = None
_WATCHED = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "pickle.find_class",
    "socket.connect",
)
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "shutil.rmtree",
)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note programs, connections, Python objects and writing; an audit hook, which can't be taken away again."""
    if _seen is None:
        return
    if event in _WATCHED and "ldconfig" not in str(
        arguments[0]
    ):  # which finds the library of mathematics, once
        _seen.append(f"{event} {arguments!r:.200}")
    elif event in _CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
        place = os.path.abspath(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | bytes) else ""
        if place and not place.startswith((os.path.abspath(tempfile.gettempdir()), "/dev/null")):
            _seen.append(f"{event} {place}")


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@cache
def _watching() -> None:
    sys.addaudithook(_watch)


@cache
def _known(name: str) -> None:
    """Read good files first: what is imported and compiled once is none of a spoilt file's doing."""
    _watching()
    os.environ["FLOWS_CACHE"] = tempfile.mkdtemp(prefix="flows-fuzz-cache-")
    target = TARGETS[name]
    for content in target.examples():
        with tempfile.TemporaryDirectory(prefix="flows-fuzz-") as top, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(top) / "inner" / f"file{target.suffix}"
            path.parent.mkdir()
            path.write_bytes(content)
            with contextlib.suppress(FlowsError):
                target.read(path)


def _peak() -> float:
    """Most memory in MB that this process has had; 0 where the system doesn't say (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def attempt(name: str, number: int, seconds: float = SECONDS) -> Find | None:
    """Read one spoilt file, the same for the same number; give what must not happen."""
    global _seen
    target = TARGETS[name]
    digest = hashlib.sha256(f"{name} {number}".encode()).digest()
    chance = random.Random(digest)
    examples = target.examples()
    content = spoil.spoilt(chance.choice(examples), chance, examples, target.pieces)
    what = ""
    _known(name)
    alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    before_alarm = signal.signal(signal.SIGPROF, _overtime) if alarm else None
    with tempfile.TemporaryDirectory(prefix="flows-fuzz-") as top:
        folder = Path(top) / "inner"
        folder.mkdir()
        path = folder / f"file{target.suffix}"
        path.write_bytes(content)
        began, before = time.process_time(), _peak()
        _seen = []
        try:
            if alarm:
                signal.setitimer(signal.ITIMER_PROF, seconds)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.read(path)
        except FlowsError as error:
            if "Traceback" in str(error) or "\n\n\n" in str(error):
                what = f"an error that isn't a sentence: {error}"
        except (Exception, Overtime):
            what = traceback.format_exc()
        finally:
            if alarm:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.signal(signal.SIGPROF, before_alarm)
            did, _seen = _seen, None
        used, taken = time.process_time() - began, _peak() - before
        if used > seconds:
            what = what or f"took {used:.1f} s"
        if taken > MEMORY_MB:
            what = what or f"took {taken:.0f} MB"
        if sorted(p.name for p in Path(top).iterdir()) != ["inner"] or len(list(folder.iterdir())) > 1:
            what = what or "wrote a file"
        what = what or "\n".join(did)
    return Find(name, number, what, content) if what else None


def campaign(minutes: float, start: int, only: str | None) -> Iterator[tuple[Counter[str], Find | None]]:
    """Go round the targets until the processor time is over; give counts so far with each find."""
    counts: Counter[str] = Counter()
    names = [name for name in TARGETS if only is None or name == only]
    end = time.process_time() + 60 * minutes
    number = start
    while time.process_time() < end:
        for name in names:
            counts[name] += 1
            yield counts, attempt(name, number)
        number += 1


def main() -> int:
    """Run a campaign and say what came of it; 1 if there was a find."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0, help="of processor time")
    parser.add_argument("--start", type=int, default=0, help="number of the first file")
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--keep", type=Path, default=Path("outputs/fuzz"))
    chosen = parser.parse_args()
    model()
    with contextlib.suppress(ModuleNotFoundError):
        import resource

        room = int(_peak() + MEMORY_MB) * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (room, room))  # beyond, Python raises MemoryError
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
