"""Print which share of the branches of ``src/flows`` the last ``make unit`` took, and ask for enough of them.

The report of coverage.py mixes lines and branches in its total and in ``fail_under``; here the branches stand alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from coverage import Coverage

ASKED = 90.0
"""Percent of all branches."""
SHOWN = 5


def main() -> int:
    """Print the share, and the modules with most branches that no test takes; 1 if it is too small."""
    coverage = Coverage()
    coverage.load()
    written = Path(coverage.config.data_file).with_name("coverage.json")
    coverage.json_report(outfile=str(written))
    report = json.loads(written.read_text(encoding="utf-8"))
    totals = report["totals"]
    taken, there = totals["covered_branches"], totals["num_branches"]
    print(
        f"Branches of src/flows that the tests take: {100 * taken / there:.1f} % ({taken:,} of {there:,}; "
        f"at least {ASKED:g} %). Statements: {totals['percent_statements_covered']:.1f} %."
    )
    files = ((file["summary"]["missing_branches"], name) for name, file in report["files"].items())
    most = sorted(files, reverse=True)[:SHOWN]
    print("Most that none takes: " + ", ".join(f"{name} {missing}" for missing, name in most))
    return int(100 * taken < ASKED * there)


if __name__ == "__main__":
    sys.exit(main())
