"""A report shows a validation only if it is about the same model file."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flows
from flows import provenance
from flows.errors import FlowsError
from flows.inputs import find
from flows.inputs.calibration import read_calibration
from flows.report import build
from flows.report.standing import SUMMARY, standing_validation
from flows.report.validation import inputs_of


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


def test_the_record_names_all_that_a_report_rests_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*, inputs: list[Path], **_: object) -> None:
        raise FlowsError(" ".join(path.name for path in inputs))

    monkeypatch.setattr(provenance, "record", stop)
    model = find("model", "migration")
    (tmp_path / "validation").mkdir()
    summary = {"model_sha256": provenance.digest(model), "criteria": []}
    (tmp_path / "validation" / SUMMARY).write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(FlowsError) as caught:
        build.build(tmp_path / "report", quick=True, lang="es")
    read = caught.value.what.split()
    assert {"posterior.parquet", "labels.es.toml", "claims.csv", "demography.mdl", SUMMARY} <= set(read)
    assert {"base.toml", "current-course.toml", "demography-course.toml"} <= set(read)


def test_the_record_names_all_that_a_validation_rests_on() -> None:
    model = flows.read_vensim(find("model", "migration"), units="off")
    found: Any = SimpleNamespace(model=model, calibration=read_calibration())
    read = {path.name for path in inputs_of(found)}
    assert {
        "migration.mdl",
        "calibration.toml",
        "posterior.parquet",
        "claims.csv",
        "observations.csv",
    } <= read
    assert {
        "current-course.toml",
        "protection-reform.toml",
        "demography.mdl",
        "demography-course.toml",
    } <= read
