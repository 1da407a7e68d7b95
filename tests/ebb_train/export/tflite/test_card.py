"""The card beside a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.export.parity import compare
from ebb_train.export.tflite.card import plain, read_evaluation, render_card
from ebb_train.export.tflite.lint import Fault
from ebb_train.export.tflite.report import FileReport, examine_file


@pytest.fixture
def report(file: Path) -> FileReport:
    parity = [compare("noise", np.zeros(3, np.float32), np.full(3, 0.1, np.float32))]
    return FileReport(
        path=Path("bokeh.tflite"),
        sha256="12ab",
        anatomy=examine_file(file),
        parity=parity,
        limit="",
    )


def test_the_card_states_shapes_hashes_and_differences(report: FileReport) -> None:
    card = render_card(report)
    assert card.startswith("# bokeh\n")
    for text in (
        "1 × 64 × 96 × 4 float32: red, green, blue, inverse depth, 0 to 1",
        "1 × 128 × 192 × 3 float32",
        "SHA-256 " + "ab" * 32,
        "| SHA-256 of the file | 12ab |",
        "supports all",
        "| noise | 1.0e-01 | 1.0e-01 | 20.0 |",
        "Not measured: `ebb-train evaluate`",
        "statistics over the whole photo",
        "as the fourth channel",
    ):
        assert text in card
    assert card == render_card(report)


def test_a_clipped_file_needs_no_clipping(report: FileReport) -> None:
    assert report.anatomy.note is not None
    assert "4. Clip the output to [0, 1], multiply it by 255 and round it" in render_card(report)
    output = report.anatomy.note["output"] | {"range": [0, 1]}
    clipped = replace(report.anatomy, note=report.anatomy.note | {"output": output})
    card = render_card(replace(report, anatomy=clipped))
    assert "4. Multiply the output by 255 and round it" in card
    assert "Clip" not in card


def test_texts_are_escaped_and_faults_are_counted(report: FileReport) -> None:
    assert report.anatomy.note is not None
    weights = report.anatomy.note["weights"] | {"source": "a | b\n# c <script>", "licence": ""}
    note = report.anatomy.note | {"weights": weights, "level": 3, "precision": "int8"}
    faults = [Fault(op="ADD", index=1, rule=rule) for rule in "ab"]
    card = render_card(replace(report, anatomy=replace(report.anatomy, note=note, faults=faults)))
    assert "| trained by | a \\| b \\# c \\<script\\> |" in card
    assert "unknown: ask the authors of the weights" in card
    assert "leaves 1 operation to the CPU" in card
    assert "Integer files are for CPUs" in card
    assert "at 1/4 of the photo's size" in card


def test_figures_of_an_evaluation(report: FileReport, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    summary = {
        "ebb.psnr": {"mean": 23.4567, "low": 23, "high": 24},
        "ebb.lpips": {"mean": None, "reason": "no weights"},
    }
    model = {"model": "pynet", "weights_sha256": "ab"}
    path.write_text(json.dumps({"model": model, "summary": summary, "pairs": 7, "split": "test"}))
    card = render_card(report, read_evaluation(path, "ab"))
    assert "- ebb.psnr: 23.46\n" in card
    assert "- ebb.lpips: not measured, no weights\n" in card
    assert "the 7 pairs of the split `test`" in card
    with pytest.raises(
        InvalidInput, match=r"the evaluation belongs to another model \(run ebb-train evaluate with"
    ):
        read_evaluation(path, "cd")


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"summary": 3}', '{"summary": {"a": {}}, "pairs": 1, "split": "x"}']
)
def test_other_files_than_evaluations(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="expected: report.json of ebb-train evaluate"):
        read_evaluation(path, "ab")


def test_plain_text() -> None:
    assert plain(" a\n`b`  ") == "a \\`b\\`"
