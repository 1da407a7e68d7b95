"""How ``ebb run`` and ``ebb import`` end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ebb.console import Console
from ebb.errors import ExitCode, InvalidInput
from ebb.pipeline import PipelineReport
from ebb.pipeline_result import show_result


def shown(report: PipelineReport, capsys: pytest.CaptureFixture[str]) -> tuple[ExitCode, dict[str, object]]:
    dataset = Path(report.dataset)
    code = show_result(Console(as_json=True), report, Path("raw"), dataset, 1.0)
    return code, json.loads(capsys.readouterr().out)


def test_it_names_what_to_look_at_and_what_comes_next(
    finished: PipelineReport, capsys: pytest.CaptureFixture[str]
) -> None:
    code, values = shown(replace(finished, refused_list="set/refused.csv"), capsys)
    assert code is finished.exit_code(1.0)
    assert values["look_at"] == [finished.page, finished.contact_sheet, "set/refused.csv"]
    assert values["refused_list"] == "set/refused.csv"
    assert str(values["next"]).startswith("ebb-train fit")


def test_without_shards_it_tells_why(finished: PipelineReport, capsys: pytest.CaptureFixture[str]) -> None:
    problem = InvalidInput("nothing is ready")
    code, values = shown(replace(finished, shards=None, problem=problem), capsys)
    assert code is ExitCode.INVALID_INPUT
    assert values["next"] == f"ebb status --pairs --dataset {finished.dataset}"
    assert "refused_list" not in values
    again = InvalidInput("nothing is ready", hint="see: ebb status --pairs")
    assert shown(replace(finished, shards=None, problem=again), capsys)[1]["hint"] == "", (
        "it is the next step"
    )
    remedy = InvalidInput("nothing is good enough", hint="lower --min-quality")
    assert shown(replace(finished, shards=None, problem=remedy), capsys)[1]["hint"] == remedy.hint
    text = replace(finished, shards=None, problem=problem)
    assert show_result(Console(), text, Path("raw"), Path(finished.dataset), 1.0) is ExitCode.INVALID_INPUT
    printed = capsys.readouterr()
    assert "ebb: nothing is ready" in printed.err
    assert "look at: " in printed.out
