"""What all functions of a module take, and how many runs go side by side."""

from __future__ import annotations

LANES = 8
PARAMETERS = (
    "ptr noalias %w, ptr noalias readonly %tab, ptr noalias readonly %info, ptr noalias %past, i64 %n, "
    "double %start, double %t, double %dt"
)
ARGUMENTS = "ptr %w, ptr %tab, ptr %info, ptr %past, i64 {n}, double {start}, double {t}, double %dt"
