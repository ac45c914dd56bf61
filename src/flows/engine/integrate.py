"""Integration of one run, as a textbook writes it.

The source of these functions goes into the generated Python module, where `initialize`, `auxiliaries`, `net_flows`
and the numbers in capitals are defined. A workspace `w` holds one value a slot, `past` a list of earlier values for
each column of the history; stocks and their net flows are two contiguous ranges of slots that begin at `STOCKS` and
`NET_FLOWS`. The machine code follows the same scheme.
"""

from __future__ import annotations

# mypy: ignore-errors
# ruff: noqa: F821 - the generated module defines these names


def euler(w, tab, past, t0, dt, steps, save_steps, save):
    """Euler's method: stock(t + dt) = stock(t) + dt * net flow(t); `save` takes the workspace at each saved time."""
    initialize(w, tab, past, 0, t0, dt)
    for n in range(steps + 1):
        t = t0 + n * dt
        auxiliaries(w, tab, past, n, t, dt)
        if n % save_steps == 0:
            save(w)
        if n < steps:
            net_flows(w, tab, past, n, t, dt)
            for k in range(N_STOCKS):
                w[STOCKS + k] += dt * w[NET_FLOWS + k]
