"""How long one run of the shipped model takes, in seconds of a processor: other work on the machine counts little."""

from __future__ import annotations

from pathlib import Path
from time import process_time
from typing import Literal

import pytest

import flows
from flows import resources
from flows.model.model import Model


@pytest.mark.parametrize(("engine", "seconds"), [("compiled", 0.3), ("python", 3.0)])
def test_one_run_is_quick(migration: Model, engine: Literal["compiled", "python"], seconds: float) -> None:
    flows.simulate(migration, engine=engine, threads=1, until="2013-03")  # the kernel is made once and kept
    taken = []
    for _ in range(3):
        start = process_time()
        flows.simulate(migration, engine=engine, threads=1)
        taken.append(process_time() - start)
    assert min(taken) < seconds


def test_from_save_to_figures(tmp_path: Path) -> None:
    """`flows watch`, after a save that changes an equation, in under four seconds of a processor."""
    from flows.compare import outcomes_of
    from flows.versions.behaviour import write
    from flows.versions.watch import Watched

    path = resources.root() / "models" / "migration.mdl"
    text = path.read_text(encoding="utf-8")
    watched = Watched(path, outcomes_of)
    watched.saved(text.encode())
    taken = []
    for shift in (0.25, 0.5):
        changed = text.replace("MODULO(Time, months in a year)", f"MODULO(Time + {shift}, months in a year)")
        start = process_time()
        saved = watched.saved(changed.encode())
        assert saved.moved is not None
        write(saved.moved, tmp_path, title="saved")
        taken.append(process_time() - start)
        assert (tmp_path / "moved.png").is_file()
    assert min(taken) < 4
