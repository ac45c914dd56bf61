"""Spoilt files of every kind are read or refused."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.readers import TARGETS, attempt


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**48))
def test_a_spoilt_file_is_read_or_refused(name: str, number: int) -> None:
    found = attempt(name, number)
    assert found is None, found.what


def test_a_find_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TARGETS, "words", type(TARGETS["words"])(".txt", TARGETS["words"].examples, lambda path: 1 / 0)
    )
    found = attempt("words", 1)
    assert found is not None and "ZeroDivisionError" in found.what
