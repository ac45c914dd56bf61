"""Scenarios beside a baseline on common draws: differences, odds, ranks, regret, side effects, interaction of levers.

`comparison` runs and assembles, `runs` makes inputs of scenarios, `measures` turns courses into numbers at dates,
`table` and `judge` say what draws make of them, `interaction` asks whether levers help or undo each other, `saved`
reads results that lie on the disk, `files` puts them there.
"""

from flows.compare.comparison import DATES, YEARS, Comparison, compare, nothing_to_compare
from flows.compare.files import (
    comparison_table,
    fingerprint,
    halving_table,
    odds_table,
    ranks_table,
    side_effects_table,
    to_netcdf,
    write,
    write_table,
)
from flows.compare.interaction import Interaction, interact, parts_of
from flows.compare.judge import MOST_PAIRED, SIDE_EFFECT, SURE, odds, ranks, regret, side_effects
from flows.compare.measures import (
    AT_END,
    BACKLOGS,
    HALVED,
    HUMAN_COST,
    LAST_YEAR,
    MEAN,
    MOST,
    TOTAL,
    end_within,
    halving_times,
    level,
    outcome_values,
    outcomes_of,
    words,
)
from flows.compare.runs import (
    BASELINE,
    baseline_of,
    before_levers,
    count_draws,
    draws_within,
    free_draws,
    refuse_before_levers,
    settings_words,
    stacked_inputs,
)
from flows.compare.saved import compare_saved
from flows.compare.table import CAVEAT, LEVEL

__all__ = [
    "AT_END",
    "BACKLOGS",
    "BASELINE",
    "CAVEAT",
    "DATES",
    "HALVED",
    "HUMAN_COST",
    "LAST_YEAR",
    "LEVEL",
    "MEAN",
    "MOST",
    "MOST_PAIRED",
    "SIDE_EFFECT",
    "SURE",
    "TOTAL",
    "YEARS",
    "Comparison",
    "Interaction",
    "baseline_of",
    "before_levers",
    "compare",
    "compare_saved",
    "comparison_table",
    "count_draws",
    "draws_within",
    "end_within",
    "fingerprint",
    "free_draws",
    "halving_table",
    "halving_times",
    "interact",
    "level",
    "nothing_to_compare",
    "odds",
    "odds_table",
    "outcome_values",
    "outcomes_of",
    "parts_of",
    "ranks",
    "ranks_table",
    "refuse_before_levers",
    "regret",
    "settings_words",
    "side_effects",
    "side_effects_table",
    "stacked_inputs",
    "to_netcdf",
    "words",
    "write",
    "write_table",
]
