"""The ONNX back end, all levels against PyTorch, run by onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from ebb_train.export.onnx.operations import OnnxOperations
from ebb_train.models.pynet import LEVELS, pynet
from tests.helpers.networks import lively_network


def model(net: OnnxOperations, channels: int, outputs: list[str]) -> onnxruntime.InferenceSession:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        net.nodes,
        "test",
        [value("photo", onnx.TensorProto.FLOAT, [1, channels, None, None])],
        [value(name, onnx.TensorProto.FLOAT, [1, 3, None, None]) for name in outputs],
        list(net.constants.values()),
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "config",
    [{}, {"norm": "none"}, {"norm_level_3": True}, {"in_channels": 3}],
    ids=lambda config: "-".join(map(str, config.values())) or "reference",
)
def test_all_levels_are_those_of_pytorch(config: dict[str, Any]) -> None:
    network = lively_network(**config)
    net = OnnxOperations({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    pictures = pynet(net, network.config, "photo", LEVELS)
    names = [net.rename(pictures[level], f"level_{level}") for level in LEVELS]
    session = model(net, network.config.in_channels, names)
    for height, width in ((128, 96), (160, 128)):  # odd maps in level 7 too
        photo = np.random.default_rng(height).random(
            (1, network.config.in_channels, height, width), np.float32
        )
        found = dict(zip(LEVELS, session.run(None, {"photo": photo}), strict=True))
        with torch.inference_mode():
            wanted = network.pictures(torch.from_numpy(photo), LEVELS)
        for level in LEVELS:
            np.testing.assert_allclose(found[level], wanted[level], atol=1e-4, err_msg=f"level {level}")


def test_clip() -> None:
    net = OnnxOperations({})
    net.rename(net.clip("photo"), "picture")
    photo = np.float32([-0.08, 0, 0.5, 1, 1.08, 0]).reshape(1, 3, 1, 2)
    (found,) = model(net, 3, ["picture"]).run(None, {"photo": photo})
    np.testing.assert_array_equal(found, np.clip(photo, 0, 1))
