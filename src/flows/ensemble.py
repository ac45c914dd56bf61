"""One call for a single run, a comparison or an ensemble: labelled inputs → labelled outcomes."""

from __future__ import annotations

import itertools
import math
import os
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import calendar
from flows.differences import known_differences
from flows.engine import kernel
from flows.engine.clock import Clock, clock, with_controls
from flows.engine.layout import LEVELS, Layout, flat_positions, table_block
from flows.errors import InputError, ModelError, UnsupportedError, near
from flows.model.ir import Equation, Table, Variable
from flows.model.model import CONTROLS, Control, Model, constant_values
from flows.model.order import causes
from flows.model.series import NOTHING, timed
from flows.references import fold, parse_reference

_CHUNK_BYTES = 64 * 2**20  # of results, with `simulate_chunks`
RESERVED = ("draw", "scenario", "time")
Inputs = Mapping[str, Any] | xr.Dataset


class NonFiniteWarning(UserWarning):
    """A run gave a value that is no number or infinite."""


class ToleranceWarning(UserWarning):
    """An automatic step couldn't be made short enough."""


class EngineNotice(UserWarning):
    """A model runs through another engine than usual."""


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
        variable's subscripts, or DataArrays that have further dimensions such as ``scenario`` and ``draw``. Control
        variables (FINAL TIME …) take one number.
    outcomes : "all" or sequence of str
        Names of variables or of elements (``name[Element]``).
    engine : {"auto", "compiled", "python", "pysd"}
        ``compiled`` is machine code, ``python`` the same statements as plain Python (slow, to step through), ``pysd``
        the reference engine. ``auto`` takes the first; where that lacks something, it takes PySD with an
        `EngineNotice`, unless PySD is known to differ from Vensim on something in the model (`flows.differences`).
    method : str, optional
        Integration method; default: the file's.
    save_every : float, optional
        Interval between saved values, in model time; default: SAVEPER.
    until : float or str, optional
        Last model time, or a month such as ``2030-12``, which is included.
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
    job = _Job(model, inputs)
    wanted = _outcomes(model, outcomes)
    method = method or model.method
    try:
        own = _clock(job, save_every, until)
        if engine != "pysd":
            try:
                values = _by_kernel(job, own, wanted, method, threads, plain=engine == "python", fast=fast)
            except MemoryError:
                raise InputError(
                    "the results don't fit into memory",
                    found=f"{job.runs} runs with {len(own.grid.saved)} saved times",
                    remedy="Ask for fewer outcomes or times (save_every=), or use simulate_chunks",
                ) from None
            return _dataset(job, own.grid.saved, wanted, values)
    except UnsupportedError as refusal:
        if engine in ("compiled", "python"):
            raise
        own = None
        if engine == "auto":
            times, values = _instead(refusal, job, wanted, method)
            return _dataset(job, times, wanted, values)
    times, values = _by_pysd(job, own, wanted, method)
    return _dataset(job, times, wanted, values)


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
    along = [v for v in given.values() if isinstance(v, xr.DataArray) and dim in v.dims]
    if not along:
        raise InputError(
            f'no input has the dimension "{dim}"', where="inputs", remedy="Name the dimension with dim="
        )
    runs = max(array.sizes[dim] for array in along)
    if size is None:
        # one run tells how much there is of each
        first = {k: v.isel({dim: slice(1)}) if any(v is a for a in along) else v for k, v in given.items()}
        size = max(_CHUNK_BYTES // max(simulate(model, first, **options).nbytes, 1), 8)
    for start in range(0, runs, size):
        piece = {
            key: value.isel({dim: slice(start, start + size)}) if any(value is a for a in along) else value
            for key, value in given.items()
        }
        yield simulate(model, piece, **options)


# ---------------------------------------------------------------------------------------------------- inputs


@dataclass
class _Job:
    """Inputs resolved against the model: leading dimensions, and for each override its elements and values by run."""

    model: Model
    inputs: Inputs | None
    sizes: dict[str, int] = field(default_factory=dict)
    coords: dict[str, Any] = field(default_factory=dict)
    constants: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    initials: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    curves: list[_Curves] = field(default_factory=list)
    controls: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        items: Iterable[tuple[str, Any]]
        if self.inputs is None:
            items = ()
        elif isinstance(self.inputs, xr.Dataset):
            items = [(str(name), array) for name, array in self.inputs.data_vars.items()]
        else:
            items = list(self.inputs.items())
        pending: list[tuple[str, Variable, tuple[str | None, ...] | None, Any, xr.DataArray]] = []
        for key, value in items:
            variable, elements = reference(self.model, str(key), where="inputs")
            if variable.name in CONTROLS:
                self.controls[variable.name] = _number(key, value)
                continue
            if variable.kind == "lookup" or variable.series:
                pending.append(
                    (key, variable, elements, *_points(self.model, variable, elements, key, value))
                )
                continue
            if variable.kind not in ("constant", "stock"):
                raise InputError(
                    f'"{variable.spelling}" can\'t be set: it follows from its equation',
                    where="inputs",
                    expected="a constant, a stock (its initial value), a lookup or a data variable",
                )
            array = _labelled(self.model, variable, elements, key, value)
            pending.append((key, variable, elements, None, array))
        for key, _, _, _, array in pending:
            for name in array.dims:
                self._dimension(key, str(name), array)
        for key, variable, elements, x, array in pending:
            self._add(key, variable, elements, x, array)

    def _dimension(self, key: str, name: str, array: xr.DataArray) -> None:
        if name.startswith("\0"):
            return
        size = array.sizes[name]
        if size == 0:
            raise InputError(f'the dimension "{name}" is empty', where=key)
        if self.sizes.setdefault(name, size) != size:
            raise InputError(
                f'the dimension "{name}" differs between inputs',
                where=key,
                found=str(size),
                expected=str(self.sizes[name]),
            )
        if name in array.coords and name not in self.coords:
            self.coords[name] = array.coords[name]

    def _add(self, key: str, variable: Variable, elements: Any, x: Any, array: xr.DataArray) -> None:
        lead = [d for d in array.dims if not str(d).startswith("\0")]
        own = [d for d in array.dims if str(d).startswith("\0")]
        array = array.transpose(*lead, *own)
        full = array.expand_dims({d: n for d, n in self.sizes.items() if d not in lead})
        full = full.transpose(*self.sizes, *own)
        shape = (self.runs, -1) if x is None else (self.runs, -1, len(x))
        rows = np.ascontiguousarray(full.values, dtype=float).reshape(shape)
        flat = _flat(variable, elements)
        if rows.shape[1] == 1 and len(flat) > 1:
            rows = np.repeat(rows, len(flat), axis=1)
        if x is not None:
            self.curves.append(_Curves(variable, flat, x, rows))
            return
        (self.constants if variable.kind == "constant" else self.initials).append((variable, flat, rows))

    @property
    def runs(self) -> int:
        return math.prod(self.sizes.values())


@dataclass(frozen=True)
class _Curves:
    """Points that replace those of a lookup's or data variable's elements.

    `variable` is the one named; `flat` are flat positions of its elements, shape (elements,); `x` has shape (points,)
    and `y` (runs, elements, points).
    """

    variable: Variable
    flat: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @property
    def table(self) -> str:
        """The lookup that holds the points."""
        return self.variable.series or self.variable.name

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points whose interpolation gives what the variable's keyword says."""
        if not self.variable.series:
            return self.x, self.y
        x, sources = timed(self.x.tolist(), self.variable.keyword)
        picks = np.array(sources)
        return np.array(x), np.where(picks >= 0, self.y[:, :, picks], NOTHING)


def reference(model: Model, text: str, *, where: str = "") -> tuple[Variable, tuple[str | None, ...] | None]:
    """Find what ``name`` or ``name[Element,Element]`` means in a model.

    Returns
    -------
    variable : Variable
    elements : tuple of (str or None), or None
        Folded element for each dimension (None where the text gives the whole range), or None if there is no bracket.

    Raises
    ------
    InputError
        With the nearest name.
    """
    if fold(text) in model.variables:
        return model.variable(text, where=where), None
    parsed = parse_reference(text, where=where)
    if parsed.month is not None:
        raise InputError(
            "a date can't stand here", where=where, found=f'"{text}"', expected=f'"{parsed.key}"'
        )
    variable = model.variable(parsed.name, where=where)
    if not parsed.elements:
        return variable, None
    names = parsed.elements
    if len(names) != len(variable.ranges):
        expected = ",".join(model.ranges[r].spelling for r in variable.ranges)
        raise InputError(
            f'"{variable.spelling}" has {len(variable.ranges)} subscripts',
            where=where,
            found=f'"{text}"',
            expected=f"{variable.spelling}[{expected}]" if variable.ranges else "the name without brackets",
        )
    elements: list[str | None] = []
    for name, within, range_name in zip(names, variable.elements, variable.ranges, strict=True):
        if fold(name) in within:
            elements.append(fold(name))
        elif fold(name) == range_name:
            elements.append(None)
        else:
            spelled = [model.element_spellings[e] for e in within]
            raise InputError(
                f'"{variable.spelling}" has no element "{name}"',
                where=where,
                expected=", ".join(spelled),
                remedy=near(name, spelled),
            )
    return variable, tuple(elements)


def _dimension(range_name: str) -> str:
    """Name of a range's dimension: its own, unless the name is reserved."""
    return f"{range_name} range" if range_name.lower() in RESERVED else range_name


def _flat(variable: Variable, elements: tuple[str | None, ...] | None) -> NDArray[np.int64]:
    """Flat positions of the chosen elements, row order."""
    grid = np.arange(variable.size).reshape(variable.shape)
    for d, element in enumerate(elements or ()):
        if element is not None:
            grid = np.take(grid, [variable.elements[d].index(element)], axis=d)
    return grid.reshape(-1)


def _number(key: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or not np.issubdtype(array.dtype, np.number):
        raise InputError(f'"{key}" takes one number', where="inputs", found=repr(value))
    return float(array.reshape(()))


def _labelled(
    model: Model, variable: Variable, elements: tuple[str | None, ...] | None, key: str, value: Any
) -> xr.DataArray:
    """A value as a DataArray whose own subscript dimensions are renamed to a NUL character and a number."""
    free = [d for d in range(len(variable.ranges)) if elements is None or elements[d] is None]
    if isinstance(value, xr.DataArray):
        array = _own_dimensions(model, variable, free, value)
    else:
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise InputError(
                f'the value of "{variable.spelling}" is no number', where="inputs", found=repr(value)
            ) from None
        shape = tuple(len(variable.elements[d]) for d in free)
        if numbers.ndim and numbers.shape != shape:
            raise InputError(
                f'the values of "{variable.spelling}" don\'t fit its subscripts',
                where="inputs",
                found=f"shape {numbers.shape}",
                expected=f"one number or shape {shape}; for many runs a DataArray with dimensions such as draw",
            )
        array = xr.DataArray(numbers, dims=[f"\0{d}" for d in free] if numbers.ndim else [])
    _check_numbers(variable, array)
    return array


def _check_numbers(variable: Variable, array: xr.DataArray) -> None:
    if array.dtype.kind not in "biuf":
        raise InputError(
            f'the values of "{variable.spelling}" are no numbers', where="inputs", found=f"type {array.dtype}"
        )
    if not np.isfinite(array.values.astype(float)).all():
        raise InputError(f'a value of "{variable.spelling}" is no finite number', where="inputs")


def _own_dimensions(model: Model, variable: Variable, free: list[int], array: xr.DataArray) -> xr.DataArray:
    """Rename a variable's own subscript dimensions; the others stand first, points of a curve last."""
    names = {fold(str(d)): d for d in array.dims}
    for d in free:
        dim = names.get(fold(_dimension(variable.ranges[d])))
        if dim is None:
            continue
        if dim in array.coords:
            positions = {fold(str(e)): i for i, e in enumerate(array.coords[dim].values)}
            missing = [e for e in variable.elements[d] if e not in positions]
            if missing:
                raise InputError(
                    f'the values of "{variable.spelling}" lack the element "{model.element_spellings[missing[0]]}"',
                    where="inputs",
                )
            array = array.isel({dim: [positions[e] for e in variable.elements[d]]})
        elif array.sizes[dim] != len(variable.elements[d]):
            raise InputError(
                f'the values of "{variable.spelling}" don\'t fit its subscripts',
                where="inputs",
                found=str(array.sizes[dim]),
                expected=str(len(variable.elements[d])),
            )
        array = array.rename({dim: f"\0{d}"}).drop_vars(f"\0{d}", errors="ignore")
    present = [d for d in free if f"\0{d}" in array.dims]
    if present and len(present) < len(free):
        array = array.expand_dims({f"\0{d}": len(variable.elements[d]) for d in free if d not in present})
    lead = [d for d in array.dims if not str(d).startswith("\0")]
    if "time" in lead or "x" in lead:
        raise InputError(f'"{variable.spelling}" has no dimension "time" or "x"', where="inputs")
    for other in lead:
        if fold(str(other)) in model.ranges and str(other) not in RESERVED:
            own = ", ".join(model.ranges[r].spelling for r in variable.ranges)
            raise InputError(
                f'"{variable.spelling}" has no dimension "{other}", which is a subscript range of the model',
                where="inputs",
                expected=f"{own}, and dimensions of the runs such as draw"
                if own
                else "dimensions of the runs such as draw",
                remedy="Select an element, or rename the dimension",
            )
    own_dims = [f"\0{d}" for d in free if f"\0{d}" in array.dims]
    return array.transpose(*lead, *own_dims, *(["\0x"] if "\0x" in array.dims else []))


def _points(
    model: Model, variable: Variable, elements: tuple[str | None, ...] | None, key: str, value: Any
) -> tuple[NDArray[np.float64], xr.DataArray]:
    """The x (or times) and the values of curves that replace a lookup's or data variable's."""
    what, axis, pairs = ("data", "time", "(time, value)") if variable.series else ("a lookup", "x", "(x, y)")
    if isinstance(value, xr.DataArray):
        if axis not in value.dims or axis not in value.coords or value.coords[axis].dtype.kind not in "biuf":
            raise InputError(
                f'"{variable.spelling}" is {what}',
                where="inputs",
                expected=f'a DataArray over "{axis}" with its coordinate',
            )
        x = np.asarray(value.coords[axis].values, dtype=float)
        free = [d for d in range(len(variable.ranges)) if elements is None or elements[d] is None]
        array = value.rename({axis: "\0x"}).drop_vars("\0x", errors="ignore")
        array = _own_dimensions(model, variable, free, array)
    else:
        try:
            points = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            points = np.zeros(0)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(
                f'"{variable.spelling}" is {what}',
                where="inputs",
                expected=f"pairs {pairs}" + (f", or a DataArray over {axis}" if variable.ranges else ""),
            )
        x, array = points[:, 0], xr.DataArray(points[:, 1], dims=["\0x"])
    if len(x) < 1 or not (np.diff(x) >= 0).all():
        words = f'the times of the data "{variable.spelling}"'
        words = words if variable.series else f'the x values of the lookup "{variable.spelling}"'
        raise InputError(f"{words} must rise", where="inputs")
    _check_numbers(variable, array)
    return x, array


# ---------------------------------------------------------------------------------------------------- running


def _clock(job: _Job, save_every: float | None, until: float | str | None) -> Clock:
    """The times of the runs; control variables that this call sets are added to the job's."""
    model, given = job.model, job.controls
    varying = {c.table for c in job.curves if bool((c.y != c.y[0]).any())}
    if (
        "time step" in given
        and "saveper" not in given
        and model.control.saveper == model.control.time_step
        and "saveper" in model.variables
        and model.variables["saveper"].kind == "constant"
    ):
        given["saveper"] = given["time step"]
    if save_every is not None:
        given["saveper"] = float(save_every)
    changed = with_controls(_with_tables(job), given)
    if varying and varying & causes(changed.variables, CONTROLS):
        raise UnsupportedError(
            "a lookup that the times of the run depend on differs between runs", where="inputs"
        )
    found = clock(changed, given, job.constants, runs=job.runs, last=save_every is None)
    if until is not None:
        given["final time"] = _last(model, found.control, until)
        changed = with_controls(_with_tables(job), given)
        found = clock(changed, given, job.constants, runs=job.runs, last=save_every is None)
    if save_every is not None and not found.varies:
        ratio = found.control.saveper / found.control.time_step
        if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6 * ratio:
            raise InputError(
                "values can be saved at whole time steps only",
                where="save_every",
                found=f"{found.control.saveper:g}",
                expected=f"a multiple of TIME STEP = {found.control.time_step:g}",
            )
    return found


def _last(model: Model, control: Control, until: float | str) -> float:
    """The last time of a run that `until` asks for."""
    if isinstance(until, str) and not model.dated:
        raise InputError(
            "a month says nothing in a model whose time has no dates"
            if model.in_months
            else "a month says nothing in a model whose time isn't in months",
            where="until",
            found=f'"{until}"',
            expected="a model time as a number",
            remedy="Or write into a comment of the model that time 0 = 1 January 2013"
            if model.in_months
            else "",
        )
    final = calendar.time_at_end(until) if isinstance(until, str) else float(until)
    if not control.initial_time < final:
        raise InputError(
            "until asks for a time before the start of the run",
            found=str(until),
            expected=f"after {calendar.label(control.initial_time)}"
            if model.dated
            else f"above {control.initial_time:g}",
        )
    if final > control.final_time:
        raise InputError(
            "until asks for a time beyond the model's FINAL TIME",
            found=str(until),
            expected=f"at most {calendar.month_of(control.final_time - 1)}"
            if model.dated
            else f"at most {control.final_time:g}",
        )
    return final


@dataclass(frozen=True)
class _Wanted:
    label: str
    variable: Variable
    elements: tuple[str | None, ...] | None


def _outcomes(model: Model, outcomes: Literal["all"] | Sequence[str]) -> list[_Wanted]:
    if isinstance(outcomes, str):
        if outcomes != "all":
            raise InputError(
                "outcomes must be a list of names", found=f'"{outcomes}"', expected='"all" or ["name", …]'
            )
        chosen = [v for v in model.variables.values() if not v.hidden and v.kind != "lookup"]
        return [_Wanted(v.spelling, v, None) for v in chosen]
    result = []
    for text in outcomes:
        variable, elements = reference(model, text, where="outcomes")
        if variable.kind == "lookup":
            raise InputError(
                f'"{variable.spelling}" is a lookup and has no values over time', where="outcomes"
            )
        label = variable.spelling
        if elements is not None:
            shown = [
                model.element_spellings[e] if e is not None else model.ranges[r].spelling
                for e, r in zip(elements, variable.ranges, strict=True)
            ]
            label += f"[{','.join(shown)}]"
        result.append(_Wanted(label, variable, elements))
    return result


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
    job = _Job(model, inputs)
    if job.runs != 1:
        raise InputError(
            "one run takes one value of each input",
            where="inputs",
            found=f"the dimensions {', '.join(job.sizes)}",
            remedy="Select one element of each",
        )
    wanted = _outcomes(model, outcomes)
    own = _clock(job, save_every, until)
    return _task(job, own, wanted, method or model.method, names=frozenset(w.variable.name for w in wanted))


def _task(
    job: _Job,
    own: Clock,
    wanted: Sequence[_Wanted],
    method: str,
    *,
    names: frozenset[str] | None,
    fast: bool = False,
) -> tuple[kernel.Program, kernel.Job, tuple[NDArray[np.int64], ...]]:
    """The program, what it is asked to run, and the slots of each wanted variable."""
    model = with_controls(_with_tables(job), job.controls)
    control = own.control
    program = kernel.prepare(model, method=method, own_tables=_varying(job), wanted=names, fast=fast)
    places = program.layout
    index: list[int] = []
    columns: list[NDArray[np.float64]] = []
    for overrides, bases in ((job.constants, places.base), (job.initials, places.overrides)):
        for variable, flat, rows in overrides:
            index.extend(bases[variable.name] + flat)
            columns.append(rows)
    for name, value in (
        ("initial time", control.initial_time),
        ("final time", control.final_time),
        ("time step", control.time_step),
        ("saveper", control.saveper),
    ):
        if name in places.base and model.variables[name].kind == "constant":
            index.append(places.base[name])
            columns.append(np.full((job.runs, 1), value))
    values = np.ascontiguousarray(np.concatenate(columns, axis=1)) if columns else np.zeros((job.runs, 0))
    slots = tuple(places.base[w.variable.name] + _flat(w.variable, w.elements) for w in wanted)
    late = [np.full(len(s), _is_late(w.variable)) for w, s in zip(wanted, slots, strict=True)]
    extra = [places.unmet] if program.method.automatic else []
    task = kernel.Job(
        values=values,
        index=np.array(index, np.int64),
        tables=_tables(job, places),
        grid=own.grid,
        slots=np.concatenate([*slots, extra]).astype(np.int64),
        late=np.concatenate([*late, np.zeros(len(extra), bool)]),
    )
    return program, task, slots


def _by_kernel(
    job: _Job,
    own: Clock,
    wanted: list[_Wanted],
    method: str,
    threads: int | None,
    *,
    plain: bool,
    fast: bool,
) -> dict[str, NDArray[np.float64]]:
    names = None if len(wanted) == len(job.model.variables) else frozenset(w.variable.name for w in wanted)
    variables = [w for w in wanted if w.variable.kind != "constant"]
    program, task, slots = _task(job, own, variables, method, names=names, fast=fast)
    if plain:
        out = kernel.interpret(program, task)
    else:
        out = kernel.compute(program, task, threads=threads or os.cpu_count() or 1)
    if program.method.automatic:
        _report_unmet(job, out[:, -1, -1])
        out = out[:, :, :-1]
    result: dict[str, NDArray[np.float64]] = {}
    at = 0
    for w, places_of in zip(variables, slots, strict=True):
        result[w.label] = out[:, :, at : at + len(places_of)]
        at += len(places_of)
    waiting = frozenset(w.label for w in variables if program.method.late and _is_late(w.variable))
    _report_non_finite(job, own.grid.saved, result, late=waiting)
    return result


def _is_late(variable: Variable) -> bool:
    """True for what difference equations save a step late: auxiliaries that are no data."""
    return variable.kind == "auxiliary" and not variable.series


_tabled: weakref.WeakKeyDictionary[Model, dict[tuple[object, ...], Model]] = weakref.WeakKeyDictionary()
_MOST_TABLED = 8


def _with_tables(job: _Job) -> Model:
    """The model with the given points of lookups and data (values that differ between runs follow by run)."""
    if not job.curves:
        return job.model
    if not _varying(job):
        return _made_with_tables(job)
    # each run brings its own y, so that a program made for other values of the same points serves as well
    known = _tabled.setdefault(job.model, {})
    key = tuple((c.table, c.variable.name, c.flat.tobytes(), c.x.tobytes()) for c in job.curves)
    if key not in known:
        if len(known) >= _MOST_TABLED:
            known.clear()
        known[key] = _made_with_tables(job)
    return known[key]


def _made_with_tables(job: _Job) -> Model:
    variables = dict(job.model.variables)
    for curves in job.curves:
        variable = variables[curves.table]
        tables = {
            position: eq.table for eq in variable.equations for position in flat_positions(variable, eq.axes)
        }
        x, y = curves.read()
        for k, position in enumerate(curves.flat.tolist()):
            tables[position] = Table(tuple(x.tolist()), tuple(y[0, k].tolist()))
        picks = list(itertools.product(*variable.elements))
        equations = tuple(
            Equation(tuple((None, (e,)) for e in picks[position]), table=table, span=variable.span)
            for position, table in sorted(tables.items())
        )
        variables[variable.name] = replace(variable, equations=equations)
    return replace(job.model, variables=MappingProxyType(variables))


def _varying(job: _Job) -> bool:
    """True if the points of some lookup differ between runs."""
    return any(bool((c.y != c.y[0]).any()) for c in job.curves)


def _tables(job: _Job, places: Layout) -> NDArray[np.float64]:
    """The table array: one row for all runs, or one for each."""
    base = np.array(places.table_values)
    if not _varying(job):
        return base[None, :]
    sets = np.tile(base, (job.runs, 1))
    last: dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for curves in job.curves:
        x, y = curves.read()
        last |= {(curves.table, p): (x, y[:, k]) for k, p in enumerate(curves.flat.tolist())}
    for (name, position), (x, y) in last.items():
        start, n = places.tables[name][position]
        short = n - len(x)  # tables under one name have equal lengths: the last point stands again
        x = np.concatenate([x, np.repeat(x[-1:], short)])
        y = np.concatenate([y, np.repeat(y[:, -1:], short, axis=1)], axis=1)
        sets[:, start : start + 3 * n] = table_block(x, y)
    return sets


def _instead(
    refusal: UnsupportedError, job: _Job, wanted: list[_Wanted], method: str
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Let PySD run what isn't compiled, unless it is known to differ from Vensim there; say so."""
    given = {v.name for v, _, _ in (*job.constants, *job.initials)} | set(job.controls)
    for difference, where in known_differences(job.model, method=method, given=given):
        raise UnsupportedError(
            f"{refusal.what}, and PySD can't stand in: it {difference.meaning}",
            where=refusal.where,
            found=f"{difference.construct} ({where})",
            remedy='Choose engine="pysd" to run it so nevertheless' if method == "euler" else "",
        ) from None
    try:
        result = _by_pysd(job, None, wanted, method)
    except ModelError as error:
        raise UnsupportedError(
            f"{refusal.what}, and PySD can't stand in",
            where=refusal.where,
            found=f"{error.what}: {error.found}" if error.found else error.what,
        ) from None
    place = f" ({refusal.where})" if refusal.where else ""
    warnings.warn(
        f"{refusal.what}{place}: the model ran through PySD, which takes seconds a run",
        EngineNotice,
        stacklevel=3,
    )
    return result


def _by_pysd(
    job: _Job, own: Clock | None, wanted: list[_Wanted], method: str
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Run by run through PySD; the times are those that it returns, or `own` where these are the same."""
    from flows.engine import reference as pysd_engine

    if method != "euler":
        raise UnsupportedError(f"PySD integrates by Euler's method only, this model asks for {method}")
    variables = list({w.variable.name: w.variable for w in wanted if w.variable.kind != "constant"}.values())
    collected: dict[str, list[NDArray[np.float64]]] = {
        w.label: [] for w in wanted if w.variable.kind != "constant"
    }
    controls: Mapping[str, float] = job.controls
    if own is not None and not own.varies:
        controls = dict(zip(CONTROLS, astuple(own.control), strict=True))
    grids: list[NDArray[np.float64]] = []
    with pysd_engine.opened(job.model) as reference_model:
        for run in range(job.runs):
            constants = _by_name(job.constants, run, constant_values)
            initial = _by_name(job.initials, run, lambda v: np.full(v.shape, np.nan))
            lookups = _curves_of(job, run)
            times, values = reference_model.run(
                constants,
                initial,
                lookups,
                variables=variables,
                start=controls.get("initial time"),
                step=controls.get("time step"),
                final=controls.get("final time"),
                save_every=controls.get("saveper"),
            )
            grids.append(times)
            for w in wanted:
                if w.variable.kind != "constant":
                    collected[w.label].append(values[w.variable.name][:, _flat(w.variable, w.elements)])
    times = grids[0]
    if any(len(g) != len(times) or not np.allclose(g, times) for g in grids):
        raise InputError(
            "the runs of one call must have the same times", remedy="Call simulate once for each"
        )
    if own is not None and len(own.grid.saved) == len(times) and np.allclose(own.grid.saved, times):
        times = own.grid.saved
    result = {label: np.stack(rows) for label, rows in collected.items()}
    _report_non_finite(job, times, result, blanks=True)
    return times, result


def _curves_of(job: _Job, run: int) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The curves of one run for PySD: x, and y over elements, of whole variables."""
    result: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for name in dict.fromkeys(c.variable.name for c in job.curves):
        given = [c for c in job.curves if c.variable.name == name]
        variable = given[-1].variable
        points = {p: (c.x, c.y[run, k]) for c in given for k, p in enumerate(c.flat.tolist())}
        if len(points) < variable.size:
            if variable.keyword not in ("", "INTERPOLATE"):
                raise UnsupportedError(f"PySD takes all elements of {variable.spelling} together, or none")
            table = job.model.variables[given[-1].table]
            for eq in table.equations:
                assert eq.table is not None
                for p in flat_positions(table, eq.axes):
                    points.setdefault(p, (np.array(eq.table.x), np.array(eq.table.y)))
        x = np.unique(np.concatenate([own for own, _ in points.values()]))
        y = [np.interp(x, *points[p]) for p in sorted(points)]
        result[name] = x, np.stack(y)
    return result


def _by_name(
    overrides: list[tuple[Variable, NDArray[np.int64], NDArray[np.float64]]], run: int, default: Any
) -> dict[str, NDArray[np.float64]]:
    result: dict[str, NDArray[np.float64]] = {}
    for variable, flat, rows in overrides:
        values = result.setdefault(variable.name, np.array(default(variable), dtype=float))
        values.reshape(-1)[flat] = rows[run]
    return result


def _report_non_finite(
    job: _Job,
    times: NDArray[np.float64],
    values: Mapping[str, NDArray[np.float64]],
    *,
    late: frozenset[str] = frozenset(),
    blanks: bool = False,
) -> None:
    """Name the first value that is no finite number.

    Parameters
    ----------
    values : mapping of str to array, shape (runs, times, elements)
    late : frozenset of str
        What has no values at the first time.
    blanks : bool
        True if elements without any value are ones that the engine doesn't return.
    """
    found: tuple[tuple[int, int], str, float] | None = None
    concerned: set[int] = set()
    for label, block in values.items():
        if label in late:
            block = block[:, 1:]
        with np.errstate(all="ignore"):  # a finite sum is the quick way to tell that all is well
            if np.isfinite(block.sum()):
                continue
        bad = ~np.isfinite(block)
        if blanks:
            bad &= ~np.isnan(block).all(axis=1, keepdims=True)
        if not bad.any():
            continue
        run, time, element = (int(k[0]) for k in np.nonzero(bad))
        concerned.update(np.unique(np.nonzero(bad)[0]).tolist())
        at = time + (label in late)
        if found is None or (run, at) < found[0]:
            found = (run, at), label, float(block[run, time, element])
    if found is None:
        return
    (run, time), label, value = found
    where = f" in run {run} ({len(concerned)} of {job.runs} runs concerned)" if job.runs > 1 else ""
    warnings.warn(
        f'"{label}" is no finite number at time {times[time]:g}{where}: {value}',
        NonFiniteWarning,
        stacklevel=4,
    )


def _report_unmet(job: _Job, times: NDArray[np.float64]) -> None:
    """Say so where the automatic step couldn't keep to the tolerances."""
    if np.isnan(times).all():
        return
    run = int(np.argmin(np.isnan(times)))
    where = (
        f" in run {run} ({int((~np.isnan(times)).sum())} of {job.runs} runs concerned)"
        if job.runs > 1
        else ""
    )
    warnings.warn(
        f"the automatic step can't keep to the tolerances at time {times[run]:g}{where}: TIME STEP was halved "
        f"{LEVELS} times there and the result taken as it is",
        ToleranceWarning,
        stacklevel=4,
    )


# ---------------------------------------------------------------------------------------------------- results


def _dataset(
    job: _Job, time: NDArray[np.float64], wanted: list[_Wanted], values: dict[str, NDArray[np.float64]]
) -> xr.Dataset:
    model = job.model
    lead = list(job.sizes)
    lead_shape = list(job.sizes.values())
    data: dict[str, xr.DataArray] = {}
    coords: dict[str, Any] = dict(job.coords)
    given = {v.name: (flat, rows) for v, flat, rows in job.constants}
    for w in wanted:
        v = w.variable
        free = [d for d in range(len(v.ranges)) if w.elements is None or w.elements[d] is None]
        dims = [model.ranges[v.ranges[d]].spelling for d in free]
        shape = [len(v.elements[d]) for d in free]
        # A range that stands twice needs two names: xarray has one dimension of a name.
        dims = [
            dim if dim not in dims[:k] else f"{dim} {dims[:k].count(dim) + 1}" for k, dim in enumerate(dims)
        ]
        dims = [_dimension(dim) for dim in dims]
        for d, dim in zip(free, dims, strict=True):
            coords[dim] = [model.element_spellings[e] for e in v.elements[d]]
        attrs = {"units": v.units or "Dmnl"}
        if v.comment:
            attrs["description"] = v.comment
        if v.kind == "constant":
            array = constant_values(v)
            if v.name in job.controls:
                array = np.array(job.controls[v.name])
            flat = _flat(v, w.elements)
            if v.name in given:
                rows = np.tile(array.reshape(-1), (job.runs, 1))
                for variable, at, row in job.constants:
                    if variable.name == v.name:
                        rows[:, at] = row
                data[w.label] = xr.DataArray(
                    rows[:, flat].reshape(lead_shape + shape), dims=lead + dims, attrs=attrs
                )
            else:
                data[w.label] = xr.DataArray(array.reshape(-1)[flat].reshape(shape), dims=dims, attrs=attrs)
            continue
        block = np.moveaxis(values[w.label], 1, -1).reshape([*lead_shape, *shape, len(time)])
        data[w.label] = xr.DataArray(block, dims=[*lead, *dims, "time"], attrs=attrs)
    dataset = xr.Dataset(data, coords={**coords, "time": time})
    if model.dated and "date" not in dataset:
        dataset = dataset.assign_coords(date=("time", calendar.to_date(time)))
    dataset["time"].attrs["units"] = model.variables["time step"].units
    dataset.attrs["model"] = model.name
    return dataset


__all__ = [
    "EngineNotice",
    "NonFiniteWarning",
    "ToleranceWarning",
    "reference",
    "simulate",
    "simulate_chunks",
]
