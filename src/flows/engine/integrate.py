"""Integration of one run, as a textbook writes it.

The source of these functions goes into the generated Python module, where `initialize`, `auxiliaries`, `net_flows`,
`record`, `step` (one of the steps below) and the names in capitals are defined. A workspace `w` holds one value a slot,
`past` a list of earlier values for each column of the history. Stocks, and what is kept of them on the way, are ranges
of `N_STOCKS` slots: from `STOCKS` on the stocks themselves; from `NET_FLOWS` on their net flows, their values at the
start of a step, and the sum of slopes; with an automatic step also their values at the start of the part of a time step
under way, and at its end by one step. The machine code follows the same scheme.

Vensim's help pages `rungekutta`, `integration` and `computationalsequence` say what each method does.
"""

from __future__ import annotations

# mypy: ignore-errors
# ruff: noqa: F821 - the generated module defines these names


def fixed(w, tab, past, times, steps, before, after):
    """A step at each time; `before` and `after` take the workspace before and after auxiliaries are worked out."""
    initialize(w, tab, past, 0, times[0], times[0], steps[0])
    for n, t in enumerate(times):
        dt = steps[n]
        before(n, w)
        auxiliaries(w, tab, past, n, t, t, dt)
        after(n, w)
        if n + 1 < len(times):
            record(w, tab, past, n, t, t, dt)
            step(w, tab, past, n, t, t, dt, dt)


def automatic(w, tab, past, times, steps, before, after):
    """Each time step whole or in halves, quarters …, as the tolerances ask for.

    Part k of 2**level parts is done by one step and, from the same values, by two half steps. The latter are taken if
    for every stock the two differ by no more than the absolute tolerance, or than the relative one times its value at
    the part's start. Otherwise the part is halved, LEVELS times at most; `w[UNMET]` then takes the time.
    """
    initialize(w, tab, past, 0, times[0], times[0], steps[0])
    base, once = NET_FLOWS + 3 * N_STOCKS, NET_FLOWS + 4 * N_STOCKS
    for n, t in enumerate(times):
        dt = steps[n]
        before(n, w)
        auxiliaries(w, tab, past, n, t, t, dt)
        after(n, w)
        if n + 1 < len(times):
            record(w, tab, past, n, t, t, dt)
            k, level = 0, 0
            while True:
                h = dt / float(1 << level)
                at = t + float(k) * h
                for i in range(N_STOCKS):
                    w[base + i] = w[STOCKS + i]
                auxiliaries(w, tab, past, n, t, at, dt)
                step(w, tab, past, n, t, at, h, dt)
                for i in range(N_STOCKS):
                    w[once + i] = w[STOCKS + i]
                    w[STOCKS + i] = w[base + i]
                for half in (at, at + 0.5 * h):
                    auxiliaries(w, tab, past, n, t, half, dt)
                    step(w, tab, past, n, t, half, 0.5 * h, dt)
                bad = False
                for i in range(N_STOCKS):
                    error = abs(w[STOCKS + i] - w[once + i])
                    bad = bad or (error > ABSOLUTE(w) and error > RELATIVE(w) * abs(w[base + i]))
                if bad and level == LEVELS and w[UNMET] != w[UNMET]:
                    w[UNMET] = at
                if bad and level < LEVELS:
                    for i in range(N_STOCKS):
                        w[STOCKS + i] = w[base + i]
                    k, level = 2 * k, level + 1
                    continue
                k += 1
                while level > 0 and k % 2 == 0:
                    k, level = k // 2, level - 1
                if level == 0:
                    break


def euler_step(w, tab, past, n, start, t, h, dt):
    """Euler's method: stock(t + h) = stock(t) + h * net flow(t)."""
    net_flows(w, tab, past, n, start, t, dt)
    for k in range(N_STOCKS):
        w[STOCKS + k] += h * w[NET_FLOWS + k]


def rk2_step(w, tab, past, n, start, t, h, dt):
    """The Runge-Kutta method of second order: half a step, and with the net flows found there the whole step."""
    base = NET_FLOWS + N_STOCKS
    net_flows(w, tab, past, n, start, t, dt)
    for k in range(N_STOCKS):
        w[base + k] = w[STOCKS + k]
        w[STOCKS + k] = w[base + k] + 0.5 * h * w[NET_FLOWS + k]
    auxiliaries(w, tab, past, n, start, t + 0.5 * h, dt)
    net_flows(w, tab, past, n, start, t + 0.5 * h, dt)
    for k in range(N_STOCKS):
        w[STOCKS + k] = w[base + k] + h * w[NET_FLOWS + k]


def rk4_step(w, tab, past, n, start, t, h, dt):
    """The classical Runge-Kutta method of fourth order (Kutta 1901)."""
    base, slopes = NET_FLOWS + N_STOCKS, NET_FLOWS + 2 * N_STOCKS
    for k in range(N_STOCKS):
        w[base + k] = w[STOCKS + k]
        w[slopes + k] = 0.0
    for share, weight, following in ((0.0, 1.0, 0.5), (0.5, 2.0, 0.5), (0.5, 2.0, 1.0), (1.0, 1.0, 0.0)):
        if share:
            auxiliaries(w, tab, past, n, start, t + share * h, dt)
        net_flows(w, tab, past, n, start, t + share * h, dt)
        for k in range(N_STOCKS):
            w[slopes + k] += weight * w[NET_FLOWS + k]
            w[STOCKS + k] = w[base + k] + following * h * w[NET_FLOWS + k]
    for k in range(N_STOCKS):
        w[STOCKS + k] = w[base + k] + h / 6.0 * w[slopes + k]
