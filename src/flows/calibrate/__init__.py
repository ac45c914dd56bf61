"""Calibration: constants fitted to observed series, with a posterior sample.

`targets` puts each observed series beside its counterpart, `likelihood` weighs the misses as an autocorrelated
discrepancy, `space` turns constants into coordinates, `fit` finds the optimum and `sample` the posterior.
"""

from flows.calibrate.fit import Conditional, Optimum, minimise, scattered_starts
from flows.calibrate.forecast import forecast_inputs, held_out_inputs, predictive
from flows.calibrate.likelihood import Discrepancy
from flows.calibrate.problem import Problem, first_problem, later_problem
from flows.calibrate.space import Coordinate, Space
from flows.calibrate.targets import Target, Targets, targets

__all__ = [
    "Conditional",
    "Coordinate",
    "Discrepancy",
    "Optimum",
    "Problem",
    "Space",
    "Target",
    "Targets",
    "first_problem",
    "forecast_inputs",
    "held_out_inputs",
    "later_problem",
    "minimise",
    "predictive",
    "scattered_starts",
    "targets",
]
