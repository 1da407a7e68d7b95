"""ONNX files of the networks beside PyNET, run by onnxruntime."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch

from ebb.errors import MissingDependency
from ebb_train.export.onnx.trace import OPSET, compare_traced, traced_model, trial
from ebb_train.export.parity import LIMITS
from ebb_train.export.settings import PhotoSize
from ebb_train.networks.photo_network import PhotoNetwork, build_network
from ebb_train.networks.spec import NetworkConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SIZE, OTHER = PhotoSize(64, 96), PhotoSize(96, 64)


def network(name: str, width: float) -> PhotoNetwork:
    return build_network(NetworkConfig(model=name, width=width), 0).eval()


@pytest.mark.parametrize(
    ("name", "width", "inputs"),
    [
        ("yang-style-thin", 1 / 8, ["photo"]),
        ("dbsi-style-thin", 1 / 4, ["photo"]),
        ("bokehlicious-small", 1 / 4, ["photo", "strength", "position"]),
    ],
)
def test_a_file_gives_the_networks_picture_at_any_size(name: str, width: float, inputs: list[str]) -> None:
    made = network(name, width)
    model = traced_model(made, SIZE, {"sha256": "00"}, clip=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == inputs
    assert [entry.name for entry in session.get_outputs()] == ["picture"]
    for size in (SIZE, OTHER):
        assert LIMITS["fp32"].holds(compare_traced(session, size, network=made, clip=True))
    assert model.opset_import[0].version == OPSET
    assert model.producer_name == "ebb"
    about = json.loads({entry.key: entry.value for entry in model.metadata_props}["ebb"])
    assert (about["network"], about["multiple"], about["weights"]) == (
        name,
        made.spec.multiple,
        {"sha256": "00"},
    )
    assert list(about["inputs"]) == sorted(inputs)
    assert NetworkConfig.from_dict(about["config"]) == made.config


def test_clipping() -> None:
    """A network that leaves [0, 1] is clipped in the file, and compared with clipped or other values."""
    made = network("yang-style-thin", 1 / 8)
    with torch.no_grad():
        made.module.second.out[0].bias.add_(2)
    model = traced_model(made, SIZE, {}, clip=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, trial(made, SIZE))[0].max() == 1
    assert LIMITS["fp32"].holds(compare_traced(session, SIZE, network=made, clip=True))
    assert not LIMITS["fp32"].holds(compare_traced(session, SIZE, network=made, clip=False))


def test_inputs_of_the_comparison() -> None:
    found = trial(network("bokehlicious-small", 1 / 4), SIZE)
    assert {name: values.shape for name, values in found.items()} == {
        "photo": (1, 3, 64, 96),
        "strength": (1, 1),
        "position": (1, 2, 64, 96),
    }
    assert trial(network("yang-style-thin", 1 / 8), SIZE)["photo"].shape == (1, 4, 64, 96)
    assert np.ptp(found["photo"]) > 0.3


def test_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependency, match="onnx is not installed"):
        traced_model(network("yang-style-thin", 1 / 8), SIZE, {}, clip=True)
