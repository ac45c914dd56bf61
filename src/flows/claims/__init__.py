"""Claims of the documents as statements on outcomes, and what the model makes of them.

`table` reads the claims, `statement` their checks; `plan` gathers what has to be run, `evaluate` runs it, and `verdict`
is what is found.
"""

from flows.claims.evaluate import check_statements, evaluate
from flows.claims.statement import NEAR, Figure, Run, Statement, parse_statement
from flows.claims.table import Claim, Status, check_claims, claims_of, read_claims, read_draws
from flows.claims.verdict import Finding, Verdict

__all__ = [
    "NEAR",
    "Claim",
    "Figure",
    "Finding",
    "Run",
    "Statement",
    "Status",
    "Verdict",
    "check_claims",
    "check_statements",
    "claims_of",
    "evaluate",
    "parse_statement",
    "read_claims",
    "read_draws",
]
