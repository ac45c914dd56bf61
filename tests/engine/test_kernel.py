"""One source, two ways to run it: plain Python for one run, compiled for many."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.conftest import unmeasured

from flows import simulate
from flows.engine import native
from flows.ensemble import NonFiniteWarning
from flows.model.model import Model

Build = Callable[..., Model]

MODEL = """
    R : p, q, u ~~|
    Rest : q, u -> Before ~~|
    Before : p, q ~~|
    rate[R] = 0.1, 0.2, 0.3 ~~|
    k = 3 ~~|
    t((0,0),(2,5),(9,1)) ~~|
    s[R] = INTEG(inflow[R] - s[R] * rate[R], R * 10) ~~|
    inflow[p] = k * STEP(1, 2) ~~|
    inflow[Rest] = s[Before] * 0.1 + t(Time) ~~|
    total = SUM(s[R!]) ~~|
    late = DELAY3(total, 2.5) + SMOOTHI(total, 2, 0) ~~|
    odd = IF THEN ELSE(total > 70 :AND: :NOT: Time = 3, EXP(-Time), LN(total)) + total ^ 0.3 ~~|
    """


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache of kernels."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWS_CACHE", str(folder))
        patch.setattr(native, "_loaded", {})
        yield folder


def test_compiled_equals_plain_and_the_cache_serves_it_again(
    build: Build, cache: Path, assert_equal: Any
) -> None:
    model = build(MODEL, final=6, step=0.25)
    inputs = {"k": xr.DataArray([1.0, 3.0, 5.0, -2.0, 8.0], dims="draw")}
    many = simulate(model, inputs, engine="compiled")
    assert_equal(many, simulate(model, inputs, engine="python"), 1e-12)
    files = list((cache / "kernels").iterdir())
    assert len(files) == 1
    # a new process finds it on disk; one that is broken is made anew
    for content in (None, b"", b"broken", files[0].read_bytes()[:-100]):
        native._loaded.clear()
        if content is not None:
            files[0].write_bytes(content)
        xr.testing.assert_identical(simulate(model, inputs, engine="compiled"), many)


def test_two_processes_may_fill_the_cache_at_once(tmp_path: Path) -> None:
    control = "INITIAL TIME = 0 ~~|\nFINAL TIME = 4 ~~|\nTIME STEP = 1 ~~|\nSAVEPER = 1 ~~|"
    text = "{UTF-8}\ns = INTEG(-s / 4, 8) ~~|\n" + control
    (tmp_path / "m.mdl").write_text(text, encoding="utf-8")
    code = "import flows; print(flows.simulate(flows.read_vensim('m.mdl', units='off'))['s'].values.tolist())"
    environment = unmeasured() | {"FLOWS_CACHE": str(tmp_path / "cache")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert {p.communicate(timeout=300)[0] for p in started} == {"[8.0, 6.0, 4.5, 3.375, 2.53125]\n"}
    assert [path.suffix for path in (tmp_path / "cache/kernels").iterdir()] == [".o"]


@pytest.mark.skipif(sys.platform == "win32", reason="temporary folders are the user's own there")
def test_machine_code_is_taken_from_no_folder_that_others_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("FLOWS_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = native.cache_folder()
    assert own == native.cache_folder()
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)
    assert native.cache_folder() != own
    own.rmdir()
    (tmp_path / "elsewhere").mkdir()
    own.symlink_to(tmp_path / "elsewhere")
    assert native.cache_folder() != own


@pytest.mark.parametrize("runs", [3, 8, 11, 17])
def test_results_depend_neither_on_threads_nor_on_chunks(build: Build, cache: Path, runs: int) -> None:
    model = build(MODEL, final=6, step=0.25)
    k = xr.DataArray(np.linspace(-3, 9, runs), dims="draw")
    one = simulate(model, {"k": k}, threads=1)
    for threads in (2, 3, 64):
        xr.testing.assert_identical(simulate(model, {"k": k}, threads=threads), one)
    if runs >= 6:
        halves = [simulate(model, {"k": part}) for part in (k[:3], k[3:])]
        np.testing.assert_array_equal(np.concatenate([h["late"] for h in halves]), one["late"])
        order = np.random.default_rng(1).permutation(runs)
        np.testing.assert_array_equal(simulate(model, {"k": k[order]})["late"], one["late"][order])


def test_names_and_values_dont_matter_to_the_cache(build: Build, cache: Path) -> None:
    def files(text: str) -> int:
        simulate(build(text), engine="compiled")
        return len(list((cache / "kernels").iterdir()))

    first = files("a = 5 ~~|\ns = INTEG(a, 0) ~~|")
    assert files("b = 7 ~~|\ns = INTEG(b, 0) ~~|") == first
    assert files("b = 7 ~~|\ns = INTEG(b * 2, 0) ~~|") == first + 1
    ds = simulate(build("b = 7 ~~|\ns = INTEG(b, 0) ~~|"), engine="compiled")
    np.testing.assert_array_equal(ds["s"], [0, 7, 14, 21, 28])


def test_a_cache_that_cannot_be_written_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("", encoding="utf-8")
    monkeypatch.setenv("FLOWS_CACHE", str(occupied))
    assert native.cache_folder().is_dir()


def compare(build: Build, text: str, assert_equal: Any) -> None:
    """The same runs by plain Python and compiled; the three draws differ."""
    model = build(text, final=4, step=0.25)
    inputs = {"k1": xr.DataArray([-1.5, 0.0, 4.25], dims="draw")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        plain, compiled = (simulate(model, inputs, engine=e) for e in ("python", "compiled"))
    xr.testing.assert_equal(np.isfinite(compiled), np.isfinite(plain))
    assert_equal(compiled.where(np.isfinite(compiled), 0), plain.where(np.isfinite(plain), 0), 1e-11)


SETTINGS = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
)


@pytest.mark.unmeasured
@settings(SETTINGS, max_examples=30)
@given(data=st.data())
def test_compiled_equals_plain_on_random_models(
    build: Build, cache: Path, random_models: Any, assert_equal: Any, data: st.DataObject
) -> None:
    compare(build, data.draw(random_models()), assert_equal)


@pytest.mark.slow
@settings(SETTINGS, max_examples=300)
@given(data=st.data())
def test_compiled_equals_plain_on_many_random_models(
    build: Build, cache: Path, random_models: Any, assert_equal: Any, data: st.DataObject
) -> None:
    compare(build, data.draw(random_models()), assert_equal)


@pytest.mark.slow
def test_a_model_of_10000_variables_is_read_and_run(build: Build) -> None:
    lines = [f"v{i} = v{i - 1} * 0.5 + Time ~~|" for i in range(1, 10_000)]
    model = build("v0 = 1 ~~|\n" + "\n".join(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        last = simulate(model, outcomes=["v9999"])["v9999"]
    np.testing.assert_allclose(last, 2 * np.arange(5.0), atol=1e-12)


@pytest.mark.parametrize("engine", ["compiled", "python"])
def test_small_powers_are_exact_where_they_can_be(build: Build, engine: Any) -> None:
    text = "".join(f"p{k} = k ^ {e} + 0 * Time ~~|\n" for k, e in enumerate((0.5, 1, 1.5, 2, 2.5, 3, 4)))
    ds = simulate(build("k = 4 ~~|\n" + text + "q = POWER(k * Time, 1.5) ~~|\n"), {"k": 9}, engine=engine)
    assert [float(ds[f"p{k}"][0]) for k in range(7)] == [3, 9, 27, 81, 243, 729, 6561]
    np.testing.assert_allclose(ds["q"], (9 * np.arange(5.0)) ** 1.5, rtol=1e-15)


@pytest.mark.unmeasured
def test_a_delay_of_very_many_stages_runs_in_plain_python_too(build: Any) -> None:
    model = build("y = DELAY N(Time, 90, 1, 220) ~~|", final=3, step=0.25)
    own, plain = (simulate(model, outcomes=["y"], engine=e)["y"] for e in ("compiled", "python"))
    np.testing.assert_allclose(plain, own, rtol=1e-12)
