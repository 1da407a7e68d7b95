"""Export as a library: files that other run times read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import ebb
import ebb_train
from ebb_train.models.network import save_pynet
from tests.helpers.networks import lively_network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_pynet(path, lively_network(), source="a test")
    return path


def test_onnx_runtime_gives_the_pictures_of_the_network(weights: Path, tmp_path: Path) -> None:
    report = ebb_train.export_onnx(str(weights), tmp_path / "small.onnx")
    assert report.sha256 is not None
    session = onnxruntime.InferenceSession(report.path.read_bytes())
    inputs = np.random.default_rng(0).random((1, 4, 64, 32), np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: inputs})
    with torch.inference_mode():
        expected = lively_network()(torch.from_numpy(inputs))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_tflite_file_and_its_card(weights: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = ebb_train.TfliteSettings(size=("64x64",), precision="fp32")
    checks = ebb_train.CheckSettings(runs=0)
    (report,) = ebb_train.export_tflite(
        weights, str(tmp_path / "small.tflite"), settings=settings, checks=checks, note=said.append
    )
    assert report.passed
    assert report.path.read_bytes()[4:8] == b"TFL3"
    assert any("comparing with PyTorch" in line for line in said)


def test_another_ending_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ebb.UsageError, match="onnx"):
        ebb_train.export_onnx(weights, tmp_path / "small.bin")
    with pytest.raises(ebb.UsageError, match="tflite"):
        ebb_train.export_tflite(weights, tmp_path / "small.bin")
