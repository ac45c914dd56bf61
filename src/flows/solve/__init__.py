"""How much is needed: values that meet a target, grids of two levers, values at which ranks swap.

`target` is what is asked for, `course` what all runs share; `search`, `grid` and `swap` give the three answers.
"""

from flows.solve.grid import Grid, grid
from flows.solve.search import FINE, GRID, Solution, solve
from flows.solve.swap import Swap, swap
from flows.solve.target import Reading, Target, read_reading, read_target

__all__ = [
    "FINE",
    "GRID",
    "Grid",
    "Reading",
    "Solution",
    "Swap",
    "Target",
    "grid",
    "read_reading",
    "read_target",
    "solve",
    "swap",
]
