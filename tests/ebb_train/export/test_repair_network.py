"""The repair network in other formats gives the values of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.errors import UsageError
from ebb_train.export.parity import LIMITS, compare
from ebb_train.export.repair_network import repair_to_onnx, repair_to_tflite
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.lint import lint
from ebb_train.export.tflite.runtime import Interpreted
from ebb_train.lens.network import RepairNet
from ebb_train.models.repair import RepairConfig

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = RepairConfig(fine=8, coarse=12, blocks=2)


@pytest.fixture(scope="module")
def trained() -> RepairNet:
    network = RepairNet(CONFIG)
    network.reset_parameters(torch.Generator().manual_seed(3))
    with torch.no_grad():
        for name in ("residual", "weight", "shares"):
            network.get_parameter(f"{name}.weight").normal_(
                0, 0.2, generator=torch.Generator().manual_seed(4)
            )
    return network.eval()


def tensors(network: RepairNet) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def expected(network: RepairNet, planes: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return torch.cat(tuple(network(torch.from_numpy(planes))), 1).numpy()


def random_planes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, 9, height, width), np.float32)


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
    for planes in (random_planes(32, 48), random_planes(20, 16)):
        found = session.run(None, {session.get_inputs()[0].name: planes})[0]
        assert LIMITS["fp32"].holds(compare("noise", found, expected(trained, planes)))


@pytest.mark.parametrize(
    ("height", "width", "precision"), [(30, 32, "fp32"), (0, 4, "fp32"), (32, 32, "int8")]
)
def test_other_sizes_are_refused(trained: RepairNet, height: int, width: int, precision: str) -> None:
    with pytest.raises(UsageError, match="a repair network for"):
        repair_to_tflite(tensors(trained), CONFIG, height, width, precision)  # type: ignore[arg-type]
