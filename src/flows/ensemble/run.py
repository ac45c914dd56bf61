"""One call for a single run, a comparison or an ensemble: labelled inputs → labelled outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows.engine import kernel
from flows.engine.layout import METHODS
from flows.ensemble.align import aligned
from flows.ensemble.by_kernel import kernel_task, run_kernel
from flows.ensemble.by_pysd import run_instead, run_pysd
from flows.ensemble.inputs import Inputs, Resolved
from flows.ensemble.outcomes import as_dataset, chosen_outcomes
from flows.ensemble.times import clock_of
from flows.errors import InputError, UnsupportedError
from flows.model.model import Model

Simulate = Callable[..., xr.Dataset]
"""What makes the runs: `simulate`, or what stands in for it with the same arguments."""

_CHUNK_BYTES = 64 * 2**20  # of results, with `simulate_chunks`


def simulate(
    model: Model,
    inputs: Inputs | None = None,
    *,
    outcomes: Literal["all"] | Sequence[str] = "all",
    engine: Literal["auto", "compiled", "python", "pysd"] = "auto",
    method: str | None = None,
    save_every: float | None = None,
    until: float | str | None = None,
    threads: int | None = None,
    fast: bool = False,
) -> xr.Dataset:
    """Run a model once, or once for each point of its inputs' dimensions.

    Parameters
    ----------
    model : Model
        From `flows.read_vensim`.
    inputs : mapping or xarray.Dataset, optional
        By name of a constant, a stock (its initial value), a lookup (pairs, or dimensions ``…, x``) or a data variable
        (pairs, or dimensions ``…, time``); a single element as ``name[Element]``. Values are numbers, arrays over the
        variable's subscripts, or DataArrays that have further dimensions such as ``scenario`` and ``draw``: where these
        have labels, arrays are paired by them, elsewhere by position. Control variables (FINAL TIME …) take one number.
    outcomes : "all" or sequence of str
        Names of variables or of elements (``name[Element]``).
    engine : {"auto", "compiled", "python", "pysd"}
        ``compiled`` is machine code, ``python`` the same statements as plain Python (slow, to step through), ``pysd``
        the reference engine. ``auto`` takes the first; where that lacks something, it takes PySD with an
        `EngineNotice`, unless PySD is known to differ from Vensim on something in the model (`flows.differences`).
    method : str, optional
        Integration method: ``euler``, ``difference``, ``rk2``, ``rk4``, ``rk2 auto`` or ``rk4 auto``; default: the
        file's.
    save_every : float, optional
        Interval between saved values, in model time; default: SAVEPER. Saved are the start of the run and each time
        after it at which another interval has passed; of an interval longer than the run, the start alone. The last
        time is saved whatever it is only where SAVEPER counts.
    until : float or str, optional
        Last model time as a number, or as text a month such as ``"2030-12"``, which is included.
    threads : int, optional
        Threads for many runs; default: the number of processors. Results don't depend on it.
    fast : bool
        Let machine code round a product and a sum together, which processors do in one operation: some 8 % faster,
        and no longer equal to the last bit from one kind of processor to another.

    Returns
    -------
    xarray.Dataset
        The inputs' further dimensions, then the variable's subscripts, then ``time`` (constants lack it).
        Coordinates: element names, ``time`` (model time) and ``date``. ``attrs["units"]`` holds the unit.

    Raises
    ------
    InputError
        For names, elements or shapes that don't fit the model.
    UnsupportedError
        For what the compiled engine lacks; with ``engine="auto"`` only if PySD can't stand in, and why.

    Examples
    --------
    >>> import flows
    >>> model = flows.read_vensim("models/migration.mdl")  # doctest: +SKIP
    >>> flows.simulate(model, {"repeat chance": 0.4}, until="2030-12")  # doctest: +SKIP
    """
    if engine not in ("auto", "compiled", "python", "pysd"):
        expected = '"auto", "compiled", "python" or "pysd"'
        raise InputError("the engine is unknown", found=f'"{engine}"', expected=expected)
    job = Resolved(model, inputs)
    wanted = chosen_outcomes(model, outcomes)
    method = _method(method) or model.method
    try:
        own = clock_of(job, save_every, until)
        if engine != "pysd":
            try:
                values = run_kernel(job, own, wanted, method, threads, plain=engine == "python", fast=fast)
            except MemoryError:
                raise InputError(
                    "the results don't fit into memory",
                    found=f"{job.runs} runs with {len(own.grid.saved)} saved times",
                    remedy="Ask for fewer outcomes or times (save_every=), or use simulate_chunks",
                ) from None
            return as_dataset(job, own.grid.saved, wanted, values)
    except UnsupportedError as refusal:
        if engine in ("compiled", "python"):
            raise
        own = None
        if engine == "auto":
            times, values = run_instead(refusal, job, wanted, method)
            return as_dataset(job, times, wanted, values)
    times, values = run_pysd(job, own, wanted, method)
    return as_dataset(job, times, wanted, values)


def _method(name: str | None) -> str:
    """A method as typed, in whatever case; an empty string for that of the file."""
    known = name.lower() if isinstance(name, str) else ""
    if name is not None and known not in METHODS:
        expected = ", ".join(f'"{one}"' for one in METHODS)
        raise InputError("the integration method is unknown", found=repr(name), expected=f"one of {expected}")
    return known


def simulate_chunks(
    model: Model,
    inputs: Inputs | Iterable[Inputs],
    *,
    dim: str = "draw",
    size: int | None = None,
    **options: Any,
) -> Iterator[xr.Dataset]:
    """Run a model along one dimension of its inputs piece by piece, so that results can be reduced as they come.

    The memory that it takes doesn't grow with the number of runs: only one piece of results exists at a time.

    Parameters
    ----------
    model : Model
        From `flows.read_vensim`.
    inputs : mapping, xarray.Dataset, or iterable of these
        As for `simulate`, some of them over the dimension `dim`; or what gives the inputs of one piece after the other.
    dim : str
        The dimension that is cut.
    size : int, optional
        Runs along `dim` in a piece; default: as many as give 64 MiB of results.
    **options
        As for `simulate`.

    Yields
    ------
    xarray.Dataset
        What `simulate` returns for a piece; all pieces joined along `dim` are what it returns for the whole, to the
        last bit.

    Raises
    ------
    InputError
        If nothing among the inputs has the dimension, or as for `simulate`.

    Examples
    --------
    >>> draws = {"repeat chance": xr.DataArray(np.linspace(0.2, 0.6, 100_000), dims="draw")}  # doctest: +SKIP
    >>> most = [c["waiting"].max("time") for c in simulate_chunks(model, draws, outcomes=["waiting"])]  # doctest: +SKIP
    """
    if not isinstance(inputs, Mapping | xr.Dataset):
        for piece in inputs:
            yield simulate(model, piece, **options)
        return
    given = dict(inputs.data_vars if isinstance(inputs, xr.Dataset) else inputs)
    along = aligned({k: v for k, v in given.items() if isinstance(v, xr.DataArray) and dim in v.dims}, dim)
    if not along:
        raise InputError(
            f'no input has the dimension "{dim}"', where="inputs", remedy="Name the dimension with dim="
        )
    runs = next(iter(along.values())).sizes[dim]
    if size is None:
        # one run tells how much there is of each
        first = given | {key: array.isel({dim: slice(1)}) for key, array in along.items()}
        size = max(_CHUNK_BYTES // max(simulate(model, first, **options).nbytes, 1), 8)
    for start in range(0, runs, size):
        piece = {key: array.isel({dim: slice(start, start + size)}) for key, array in along.items()}
        yield simulate(model, given | piece, **options)


def prepared(
    model: Model,
    inputs: Inputs | None = None,
    *,
    outcomes: Sequence[str],
    method: str | None = None,
    save_every: float | None = None,
    until: float | str | None = None,
) -> tuple[kernel.Program, kernel.Job, tuple[NDArray[np.int64], ...]]:
    """One run made ready without running it: for engines elsewhere, such as a page's.

    Parameters
    ----------
    model, inputs, outcomes, method, save_every, until
        As for `simulate`; inputs without further dimensions.

    Returns
    -------
    program : flows.engine.kernel.Program
    job : flows.engine.kernel.Job
        Its `slots` are those of all outcomes, one after the other.
    slots : tuple of array
        The slots of each outcome, by element (row order).

    Raises
    ------
    InputError
        As `simulate`, and if the inputs ask for more than one run.
    UnsupportedError
        For what the compiled engine lacks.
    """
    job = Resolved(model, inputs)
    if job.runs != 1:
        raise InputError(
            "one run takes one value of each input",
            where="inputs",
            found=f"the dimensions {', '.join(job.sizes)}",
            remedy="Select one element of each",
        )
    wanted = chosen_outcomes(model, outcomes)
    own = clock_of(job, save_every, until)
    return kernel_task(
        job, own, wanted, method or model.method, names=frozenset(w.variable.name for w in wanted)
    )
