"""One call for a single run, a comparison or an ensemble: labelled inputs → labelled outcomes.

`inputs` are resolved against the model, `align` pairs them by labels, `names` say which of its elements are meant,
given points go into its `tables`, and the `times` of the runs follow; `by_kernel` or `by_pysd` makes the runs,
`outcomes` labels what comes back, and `notices` say what went wrong on the way. `run` is the walk through them.
"""

from flows.ensemble.align import aligned
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
    "aligned",
    "prepared",
    "reference",
    "simulate",
    "simulate_chunks",
]
