"""Integration of one run, as a textbook writes it.

The source of these functions goes into the generated Python module, where `initialize`, `auxiliaries`, `net_flows`,
`record` and the numbers in capitals are defined. A workspace `w` holds one value a slot, `past` a list of earlier
values for each column of the history. Stocks, their net flows, their values at the start of a step and the sum of
slopes are four contiguous ranges of `N_STOCKS` slots, from `STOCKS` and from `NET_FLOWS` on. The machine code follows
the same scheme.
"""

from __future__ import annotations

# mypy: ignore-errors
# ruff: noqa: F821 - the generated module defines these names


def euler(w, tab, past, t0, dt, steps, save_steps, save):
    """Euler's method: stock(t + dt) = stock(t) + dt * net flow(t); `save` takes the workspace at each saved time."""
    initialize(w, tab, past, 0, t0, t0, dt)
    for n in range(steps + 1):
        t = t0 + n * dt
        auxiliaries(w, tab, past, n, t, t, dt)
        if n % save_steps == 0:
            save(w)
        if n < steps:
            record(w, tab, past, n, t, t, dt)
            net_flows(w, tab, past, n, t, t, dt)
            for k in range(N_STOCKS):
                w[STOCKS + k] += dt * w[NET_FLOWS + k]


def rk4(w, tab, past, t0, dt, steps, save_steps, save):
    """The classical Runge-Kutta method of fourth order (Kutta 1901) with a fixed step."""
    initialize(w, tab, past, 0, t0, t0, dt)
    start, slopes = NET_FLOWS + N_STOCKS, NET_FLOWS + 2 * N_STOCKS
    for n in range(steps + 1):
        t = t0 + n * dt
        auxiliaries(w, tab, past, n, t, t, dt)
        if n % save_steps == 0:
            save(w)
        if n < steps:
            record(w, tab, past, n, t, t, dt)
            for k in range(N_STOCKS):
                w[start + k] = w[STOCKS + k]
                w[slopes + k] = 0.0
            for share, weight, following in (
                (0.0, 1.0, 0.5),
                (0.5, 2.0, 0.5),
                (0.5, 2.0, 1.0),
                (1.0, 1.0, 0.0),
            ):
                if share:
                    auxiliaries(w, tab, past, n, t, t + share * dt, dt)
                net_flows(w, tab, past, n, t, t + share * dt, dt)
                for k in range(N_STOCKS):
                    w[slopes + k] += weight * w[NET_FLOWS + k]
                    w[STOCKS + k] = w[start + k] + following * dt * w[NET_FLOWS + k]
            for k in range(N_STOCKS):
                w[STOCKS + k] = w[start + k] + dt / 6.0 * w[slopes + k]
