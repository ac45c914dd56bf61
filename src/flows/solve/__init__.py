"""How much is needed: values that meet a target, grids of two levers, values at which ranks swap."""

from flows.solve.grid import Grid, grid
from flows.solve.search import FINE, GRID, Reading, Solution, Target, read_target, solve
from flows.solve.swap import Swap, swap

__all__ = [
    "FINE",
    "GRID",
    "Grid",
    "Reading",
    "Solution",
    "Swap",
    "Target",
    "grid",
    "read_target",
    "solve",
    "swap",
]
