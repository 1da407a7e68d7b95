"""The repair network in other formats gives the values of PyTorch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.errors import ExitCode, UsageError
from ebb_train.export import repair_network
from ebb_train.export.parity import LIMITS, ParityLimit, compare
from ebb_train.export.repair_network import (
    export_repair_onnx,
    export_repair_tflite,
    repair_to_onnx,
    repair_to_tflite,
)
from ebb_train.export.settings import CheckSettings, TfliteSettings
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.lint import lint
from ebb_train.export.tflite.runtime import Interpreted
from ebb_train.lens.network import SHARE_GAIN, RepairNet
from ebb_train.models.repair import RepairConfig

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = RepairConfig(fine=8, middle=8, coarse=12, blocks=1)


@pytest.fixture(scope="module")
def trained() -> RepairNet:
    network = RepairNet(CONFIG)
    network.reset_parameters(torch.Generator().manual_seed(3))
    with torch.no_grad():
        network.get_parameter("logit.weight").normal_(0, 0.2, generator=torch.Generator().manual_seed(4))
    return network.eval()


@pytest.fixture
def packaged(trained: RepairNet, monkeypatch: pytest.MonkeyPatch) -> RepairNet:
    monkeypatch.setattr(repair_network, "packaged_network", lambda: trained)
    return trained


def tensors(network: RepairNet) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def expected(network: RepairNet, planes: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(planes)).numpy() - SHARE_GAIN * planes[:, 4:5]


def random_planes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, 8, height, width), np.float32)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tflite(trained: RepairNet, tmp_path: Path, precision: str) -> None:
    planes = random_planes(32, 48)
    path = tmp_path / "repair.tflite"
    path.write_bytes(repair_to_tflite(tensors(trained), CONFIG, 32, 48, precision))  # type: ignore[arg-type]
    found = Interpreted(path, 1)(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
    parity = compare("noise", found.transpose(0, 3, 1, 2), expected(trained, planes))
    assert LIMITS[precision].holds(parity)  # type: ignore[index]
    assert lint(read_graph(path.read_bytes())) == [], "the GPU delegate takes all operations"


def test_onnx_at_two_sizes(trained: RepairNet) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    data = repair_to_onnx(tensors(trained), CONFIG)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for planes in (random_planes(32, 48), random_planes(24, 16)):
        found = session.run(None, {session.get_inputs()[0].name: planes})[0]
        assert LIMITS["fp32"].holds(compare("noise", found, expected(trained, planes)))


@pytest.mark.parametrize(
    ("height", "width", "precision"), [(30, 32, "fp32"), (0, 8, "fp32"), (32, 32, "int8")]
)
def test_other_sizes_are_refused(trained: RepairNet, height: int, width: int, precision: str) -> None:
    with pytest.raises(UsageError, match="a repair network for"):
        repair_to_tflite(tensors(trained), CONFIG, height, width, precision)  # type: ignore[arg-type]


def test_a_tflite_file_is_checked_and_has_a_card(packaged: RepairNet, tmp_path: Path) -> None:
    out = tmp_path / "depth.tflite"
    (report,) = export_repair_tflite(out, TfliteSettings(size=("128x192",)), CheckSettings(runs=1))
    assert report.exit_code == ExitCode.DONE
    assert report.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert [parity.input for parity in report.parity] == ["synthetic scene", "noise"]
    assert report.anatomy.faults == []
    assert report.anatomy.inputs[0]["shape"] == [1, 64, 96, 8]
    assert len(report.speed) == 1
    assert "Depth repair network for photos of 128x192" in out.with_suffix(".md").read_text()


def test_an_onnx_file_is_checked(packaged: RepairNet, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "depth.onnx"
    report = export_repair_onnx(out)
    assert report.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(report.parity) == 4
    assert "any height and width" in report.as_text()


def test_files_beyond_the_limit_are_not_written(
    packaged: RepairNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"fp32": ParityLimit(max=-1.0), "fp16": ParityLimit(max=-1.0)}
    monkeypatch.setattr(repair_network, "LIMITS", limits)
    assert export_repair_onnx(tmp_path / "depth.onnx").exit_code == ExitCode.ITEMS_FAILED
    settings, checks = TfliteSettings(size=("64x64",)), CheckSettings(runs=0)
    (report,) = export_repair_tflite(tmp_path / "depth.tflite", settings, checks)
    assert report.exit_code == ExitCode.ITEMS_FAILED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [{"level": 3}, {"clip": True}])
def test_settings_of_pynet_are_refused(
    packaged: RepairNet, tmp_path: Path, values: dict[str, object]
) -> None:
    settings = TfliteSettings(**values)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="are for PyNET"):
        export_repair_tflite(tmp_path / "depth.tflite", settings, CheckSettings())
