"""Scenarios, studies and outcomes: the schemas of the TOML files, and what they ask of a model.

Each refusal names the file and the key, what stood there, what was expected and how to mend it. Nothing here
reads a model file or runs a model; a model is used through its public attributes alone.
"""

from flows.inputs.calibration import Calibration, read_calibration
from flows.inputs.changes import Change, changed_values, read_changes
from flows.inputs.deciders import DECIDERS, LeverText, read_lever_texts
from flows.inputs.extremes import Condition, Follows, parse_follows, read_conditions
from flows.inputs.inline import inline_scenario, scenario_doubts
from flows.inputs.labels import Label, Labels, read_labels
from flows.inputs.outcomes import Outcome, read_outcomes, resolve_outcome
from flows.inputs.scenarios import (
    ConstantChange,
    LeverChange,
    Scenario,
    combine,
    list_scenarios,
    read_scenario,
    scenario_inputs,
    settings_inputs,
)
from flows.inputs.studies import Measure, Study, Uncertainty, check_study, list_studies, read_study
from flows.inputs.tables import find
from flows.references import Expression, Reference, parse_number, parse_reference, parse_setting, take

__all__ = [
    "DECIDERS",
    "Calibration",
    "Change",
    "Condition",
    "ConstantChange",
    "Expression",
    "Follows",
    "Label",
    "Labels",
    "LeverChange",
    "LeverText",
    "Measure",
    "Outcome",
    "Reference",
    "Scenario",
    "Study",
    "Uncertainty",
    "changed_values",
    "check_study",
    "combine",
    "find",
    "inline_scenario",
    "list_scenarios",
    "list_studies",
    "parse_follows",
    "parse_number",
    "parse_reference",
    "parse_setting",
    "read_calibration",
    "read_changes",
    "read_conditions",
    "read_labels",
    "read_lever_texts",
    "read_outcomes",
    "read_scenario",
    "read_study",
    "resolve_outcome",
    "scenario_doubts",
    "scenario_inputs",
    "settings_inputs",
    "take",
]
