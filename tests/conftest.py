"""Small models written in the tests."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from flows.model.model import Model
from flows.vensim.lower import lower
from flows.vensim.parse import parse

CONTROL = """
INITIAL TIME = {initial} ~ {unit} ~ |
FINAL TIME = {final} ~ {unit} ~ |
TIME STEP = {step} ~ {unit} ~ |
SAVEPER = {saveper} ~ {unit} ~ |
"""

Build = Callable[..., Model]


def small_model(
    text: str,
    *,
    initial: float = 0,
    final: float = 4,
    step: float = 1,
    saveper: float | None = None,
    unit: str = "Month",
    settings: str = "",
    path: str = "m.mdl",
) -> Model:
    """A model from equations alone; the control variables stand behind them, so that lines of `text` count from 1."""
    control = CONTROL.format(
        initial=initial, final=final, step=step, saveper=step if saveper is None else saveper, unit=unit
    )
    return lower(parse(textwrap.dedent(text).lstrip("\n") + control + settings, path))


@pytest.fixture(scope="session")
def build() -> Build:
    """Text of equations → model."""
    return small_model
