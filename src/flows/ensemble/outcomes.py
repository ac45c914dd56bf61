"""Which outcomes a call asks for, and their values as labelled arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import calendar
from flows.ensemble.inputs import Resolved
from flows.ensemble.names import dimension_name, flat_elements, reference
from flows.errors import InputError
from flows.model.ir import Variable
from flows.model.model import Model, constant_values


@dataclass(frozen=True)
class Wanted:
    """A variable, or elements of it, under the name that the results give it."""

    label: str
    variable: Variable
    elements: tuple[str | None, ...] | None


def chosen_outcomes(model: Model, outcomes: Literal["all"] | Sequence[str]) -> list[Wanted]:
    """Find what a call asks for: everything that is shown, or the variables and elements named."""
    named = not isinstance(outcomes, str) and isinstance(outcomes, Iterable)
    if not named:
        if outcomes != "all":
            found = f'"{outcomes}"' if isinstance(outcomes, str) else repr(outcomes)
            raise InputError("outcomes must be a list of names", found=found, expected='"all" or ["name", …]')
        chosen = [v for v in model.variables.values() if not v.hidden and v.kind != "lookup"]
        return [Wanted(v.spelling, v, None) for v in chosen]
    result = []
    for text in outcomes:
        variable, elements = reference(model, str(text), where="outcomes")
        if variable.kind == "lookup":
            raise InputError(
                f'"{variable.spelling}" is a lookup and has no values over time',
                where="outcomes",
                remedy="Name the variable that reads it",
            )
        label = variable.spelling
        if elements is not None:
            shown = [
                model.element_spellings[e] if e is not None else model.ranges[r].spelling
                for e, r in zip(elements, variable.ranges, strict=True)
            ]
            label += f"[{','.join(shown)}]"
        result.append(Wanted(label, variable, elements))
    if not result:
        raise InputError("outcomes names nothing", found="an empty list", expected='"all" or ["name", …]')
    return result


def as_dataset(
    job: Resolved, time: NDArray[np.float64], wanted: list[Wanted], values: dict[str, NDArray[np.float64]]
) -> xr.Dataset:
    """Label values by outcome, each of shape (runs, times, elements), as `simulate` returns them."""
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
        dims = [dimension_name(dim) for dim in dims]
        for d, dim in zip(free, dims, strict=True):
            coords[dim] = [model.element_spellings[e] for e in v.elements[d]]
        attrs = {"units": v.units or "Dmnl"}
        if v.comment:
            attrs["description"] = v.comment
        if v.kind == "constant":
            array = constant_values(v)
            if v.name in job.controls:
                array = np.array(job.controls[v.name])
            flat = flat_elements(v, w.elements)
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
