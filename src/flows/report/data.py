"""Everything that the report shows, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import xarray as xr

from flows.claims import Verdict
from flows.compare import Comparison
from flows.futures import Futures
from flows.inputs import Scenario
from flows.report.speech import ENGLISH, Speech
from flows.study import StudyResult

DATE = "2030-12"
"""Month of the comparisons and of the indices in the text."""


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the page shows.

    Attributes
    ----------
    model : flows.Model
        The model that was run.
    base : xarray.Dataset
        The base run.
    observed : pandas.DataFrame
        From `flows.report.tables.observed_rows`.
    summary : pandas.DataFrame
        From `flows.report.tables.fit_summary`.
    figures : pandas.DataFrame
        From `flows.seed_figures.figures_against`.
    comparison : Comparison
        All scenarios, one run each.
    drawn : Comparison
        All scenarios, with draws.
    chosen : tuple of str
        Scenarios of the findings, of the pictures and of the first table.
    left_out : tuple of (Scenario, str)
        Scenarios that this model can't run, with the reason.
    study : StudyResult or None
        The sensitivity study.
    verdicts : tuple of Verdict
        Of the claims of the documents.
    carried : mapping of str to (str, tuple of str)
        Title and claims of each scenario.
    record : dict
        As `flows.provenance.record` gives it.
    quick : bool
        Whether samples were cut short.
    say : Speech
        The language.
    futures : Futures or None
        Where the draws come from.
    validation : str
        Address of the validation page, from the page's folder; empty where there is none.
    tested : mapping or None
        Its summary, if it is about the same model file (`flows.report.standing`).
    """

    model: Any
    base: xr.Dataset
    observed: pd.DataFrame
    summary: pd.DataFrame
    figures: pd.DataFrame
    comparison: Comparison
    drawn: Comparison
    chosen: tuple[str, ...]
    left_out: tuple[tuple[Scenario, str], ...]
    study: StudyResult | None
    verdicts: tuple[Verdict, ...]
    carried: Mapping[str, tuple[str, tuple[str, ...]]]
    record: dict[str, Any]
    quick: bool = False
    say: Speech = ENGLISH
    futures: Futures | None = None
    validation: str = ""
    tested: Mapping[str, Any] | None = None

    @property
    def bands(self) -> xr.Dataset | None:
        """Bands of the base run: on the posterior's draws where there is one, else those of the study."""
        if self.futures is not None and self.futures.fitted and self.drawn.bands is not None:
            return self.drawn.bands
        return None if self.study is None else self.study.bands

    @cached_property
    def date(self) -> str:
        """Month of the comparisons: December 2030, or the last one compared where the run ends earlier."""
        dates = list(dict.fromkeys(self.comparison.table["date"]))
        return DATE if DATE in dates else str(dates[-1])
