"""How long one run of the shipped model takes, in seconds of a processor: other work on the machine counts little."""

from __future__ import annotations

from time import process_time
from typing import Literal

import pytest

import flows
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
