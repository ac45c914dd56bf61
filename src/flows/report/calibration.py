"""Pictures of a calibration: traces of the ensembles, and the joint posterior of the free constants."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from flows.calibrate.run import Result
from flows.report import figures

_PLOTTED = 4000
_COLOURS = ("#1b6ca8", "#c1492e", "#3a7d44", "#7a5195", "#b8860b", "#2f4b7c")


def calibration_figures(result: Result, folder: Path) -> None:
    """Draw traces and the corner plot into a results folder."""
    figures.save(trace_figure(result), folder / "trace", formats=("png",), dpi=110)
    figures.save(corner_figure(result), folder / "corner", formats=("png",), dpi=80)


def trace_figure(result: Result) -> Figure:
    """Draw the course of each free constant in each ensemble: median and 90 % of its walkers, in units of the prior."""
    chains, diagnostics = result.chains, result.diagnostics
    count = len(chains.names) + 1
    rows = (count + 2) // 3
    figure = Figure(figsize=(11, 1.7 * rows), layout="constrained")
    axes: Any = figure.subplots(rows, 3, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.set_axis_off()
    steps = np.arange(chains.states.shape[1])
    for number, axis in enumerate(axes[:count]):
        series = chains.log_posterior if number == 0 else chains.states[..., number - 1]
        for ensemble, values in enumerate(series):
            low, middle, high = np.quantile(values, (0.05, 0.5, 0.95), axis=1)
            colour = _COLOURS[ensemble % len(_COLOURS)]
            axis.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
            axis.plot(steps, middle, color=colour, linewidth=0.9)
        if number == 0:
            axis.set_title("log posterior", fontsize=8)
        else:
            one = diagnostics[number - 1]
            axis.set_title(f"{one.name}\nESS {one.ess:,.0f}, R-hat {one.rhat:.3f}", fontsize=7)
        axis.tick_params(labelsize=7)
    figure.supxlabel("step", fontsize=8)
    return figure


def corner_figure(result: Result) -> Figure:
    """Draw the joint posterior of the free constants, in their own units."""
    import corner

    space = result.optimum.problem.space
    free = space.index("free")
    pooled = result.chains.pooled
    z = np.zeros((len(pooled), len(space)))
    z[:, free] = pooled
    every = max(1, len(pooled) // _PLOTTED)
    values = space.values(z[::every])[:, free]
    names = [name.replace(", ", ",\n").replace(" of ", "\nof ") for name in result.chains.names]
    figure = Figure(figsize=(1.5 * len(free), 1.5 * len(free)))
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # few draws make contours that corner warns of
    try:
        corner.corner(
            values, fig=figure, labels=names, plot_datapoints=False, bins=24, label_kwargs={"fontsize": 7},
            max_n_ticks=3, smooth=1.0, quiet=True,
        )  # fmt: skip
    finally:
        logging.getLogger().setLevel(level)
    for axis in figure.axes:
        axis.tick_params(labelsize=6)
    return figure
