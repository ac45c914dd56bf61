"""Integration of one block of runs: the loop over time, as a textbook writes it.

The functions below are written once. Their source goes into the generated module (with `LANES` = 1 it runs as plain
Python on lists, with more lanes under Numba on arrays), where `initialize`, `auxiliaries`, `net_flows` and the
numbers in capitals are defined. A workspace `w` holds slot k of lane l at ``w[k * LANES + l]``; stocks and
their net flows are two contiguous ranges of slots that begin at `STOCKS` and `NET_FLOWS`.
"""

from __future__ import annotations

# mypy: ignore-errors
# ruff: noqa: F821 - the generated module defines these names


def euler(w, tab, bases, saved, t0, dt, steps, save_steps, slots):
    """Euler's method: stock(t + dt) = stock(t) + dt * net flow(t). Returns nothing; fills ``saved[s][j][l]``."""
    initialize(w, tab, bases, t0, dt)
    s = 0
    for n in range(steps + 1):
        t = t0 + n * dt
        auxiliaries(w, tab, bases, t, dt)
        if n % save_steps == 0:
            save(w, saved, slots, s)
            s += 1
        if n < steps:
            net_flows(w, tab, bases, t, dt)
            for k in range(N_STOCKS * LANES):
                w[STOCKS * LANES + k] += dt * w[NET_FLOWS * LANES + k]


def save(w, saved, slots, s):
    """Copy the wanted slots of all lanes to one row of saved values."""
    for j in range(len(slots)):
        for lane in range(LANES):
            saved[lane, s, j] = w[slots[j] * LANES + lane]


def lanes_needed(w, bases, first, last):
    """1 if the constants in a range of SHARED_SLOTS and the tables are equal in all lanes, else LANES."""
    for lane in range(1, LANES):
        if bases[lane] != bases[0]:
            return LANES
        for k in range(first, last):
            if w[SHARED_SLOTS[k] * LANES + lane] != w[SHARED_SLOTS[k] * LANES]:
                return LANES
    return 1


def run_blocks(template, values, index, tables, bases_of, out, t0, dt, steps, save_steps, slots, first, last):
    """Run blocks `first` to `last` of LANES runs each.

    values : (runs, overridden slots); index : their slots; template : all slots; tables : (sets * points);
    bases_of : (runs,) start of each run's table set; out : (runs, saved times, wanted slots).
    """
    w = np.empty(SLOTS * LANES)
    saved = np.empty((LANES, out.shape[1], out.shape[2]))
    bases = np.empty(LANES + len(SHARED_STARTS), np.int64)
    runs = out.shape[0]
    for block in range(first, last):
        for k in range(SLOTS):
            for lane in range(LANES):
                w[k * LANES + lane] = template[k]
        for lane in range(LANES):
            run = block * LANES + lane
            if run >= runs:
                run = runs - 1  # the last block repeats its last run in idle lanes
            bases[lane] = bases_of[run]
            for j in range(len(index)):
                w[index[j] * LANES + lane] = values[run][j]
        for group in range(len(SHARED_STARTS) - 1):
            bases[LANES + group] = lanes_needed(w, bases, SHARED_STARTS[group], SHARED_STARTS[group + 1])
        euler(w, tables, bases, saved, t0, dt, steps, save_steps, slots)
        for lane in range(LANES):
            run = block * LANES + lane
            if run < runs:
                for s in range(out.shape[1]):
                    for j in range(out.shape[2]):
                        out[run, s, j] = saved[lane, s, j]
