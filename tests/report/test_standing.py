"""A report shows a validation only if it is about the same model file."""

from __future__ import annotations

import json
from pathlib import Path

import flows
from flows import provenance
from flows.inputs import find
from flows.report.standing import SUMMARY, standing_validation


def test_a_validation_of_the_same_file_is_shown(tmp_path: Path) -> None:
    model = flows.read_vensim(find("model", "migration"), units="off")
    assert standing_validation(None, model) is None
    assert standing_validation(tmp_path, model) is None
    summary = {"model_sha256": provenance.digest(model.path), "criteria": []}
    (tmp_path / SUMMARY).write_text(json.dumps(summary), encoding="utf-8")
    assert standing_validation(tmp_path, model) == summary


def test_a_validation_of_another_file_or_no_json_is_not(tmp_path: Path) -> None:
    model = flows.read_vensim(find("model", "migration"), units="off")
    (tmp_path / SUMMARY).write_text(json.dumps({"model_sha256": "0" * 64}), encoding="utf-8")
    assert standing_validation(tmp_path, model) is None
    (tmp_path / SUMMARY).write_text("{", encoding="utf-8")
    assert standing_validation(tmp_path, model) is None
