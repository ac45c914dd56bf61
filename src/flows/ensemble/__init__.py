"""One call for a single run, a comparison or an ensemble: labelled inputs → labelled outcomes.

`inputs` are resolved against the model, the `times` of the runs follow; `by_kernel` or `by_pysd` makes the runs, and
`outcomes` labels what comes back. `run` is the walk through them.
"""

from flows.ensemble.inputs import Inputs
from flows.ensemble.names import reference
from flows.ensemble.notices import EngineNotice, NonFiniteWarning, ToleranceWarning
from flows.ensemble.run import Simulate, prepared, simulate, simulate_chunks

__all__ = [
    "EngineNotice",
    "Inputs",
    "NonFiniteWarning",
    "Simulate",
    "ToleranceWarning",
    "prepared",
    "reference",
    "simulate",
    "simulate_chunks",
]
