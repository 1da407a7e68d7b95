"""Export of a checkpoint to an ONNX file by the command."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

import onnx
import onnxruntime
import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode
from ebb_train import cli
from ebb_train.export.onnx import export as onnx_export
from ebb_train.export.parity import ParityLimit

if TYPE_CHECKING:
    from pathlib import Path


def test_export_end_to_end(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.onnx"
    command = ["export-onnx", str(weights), str(out)]
    assert run_verb(cli.app, [*command, "--json"]) == ExitCode.DONE
    facts = json.loads(capsys.readouterr().out)
    data = out.read_bytes()
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert all(one["max"] <= 1e-4 for one in facts["parity"])
    model = onnx.load(out)
    about = json.loads({entry.key: entry.value for entry in model.metadata_props}["ebb"])
    assert about["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 4, "height", "width"]
    assert run_verb(cli.app, [*command, "--clip", "--level", "5"]) == ExitCode.DONE
    assert "any height and width" in capsys.readouterr().out
    assert out.stat().st_size < len(data)


def test_a_file_beyond_the_limit_is_not_written(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "LIMITS", {"fp32": ParityLimit(max=0)})
    assert run_verb(cli.app, ["export-onnx", str(weights), str(tmp_path / "m.onnx")]) == ExitCode.ITEMS_FAILED
    assert "NOT WRITTEN" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_extra(
    missing: str, weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run_verb(cli.app, ["export-onnx", str(weights), "m.onnx"]) == ExitCode.MISSING
    assert "pip install 'ebb-bokeh[onnx]'" in capsys.readouterr().err
