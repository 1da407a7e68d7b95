"""Segmentation networks that are made here: red is the subject."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.normalisation import Normalisation
from ebb_train import optional
from ebb_train.subject.segmentation import Segmentation, subject_share
from tests.helpers.subjects import overlap, red_box
from tests.helpers.tflite_files import At, Const, Node, tflite_file

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (24, 32)
SLOPE, MIDDLE = 20.0, 0.2
"""Logit of the subject: SLOPE · (red − green − MIDDLE)."""


def write_onnx(
    path: Path, classes: int = 1, *, first: bool = True, sigmoid: bool = True, **shape: Any
) -> None:
    """A 1 × 1 convolution, one logit a class, the subject's the last; channels first or last."""
    weight = np.zeros((classes, 3, 1, 1), np.float32)
    weight[-1, :, 0, 0] = SLOPE, -SLOPE, 0
    bias = np.zeros(classes, np.float32)
    bias[-1] = -SLOPE * MIDDLE
    sides = shape.get("sides", SIZE)
    takes, gives = ([1, 3, *sides], [1, classes, *sides]) if first else ([1, *sides, 3], [1, *sides, classes])
    nodes = [] if first else [helper.make_node("Transpose", ["photo"], ["nchw"], perm=[0, 3, 1, 2])]
    nodes.append(helper.make_node("Conv", ["photo" if first else "nchw", "weight", "bias"], ["logits"]))
    nodes.append(helper.make_node("Sigmoid" if sigmoid else "Identity", ["logits"], ["maps"]))
    nodes.append(
        helper.make_node(
            "Identity" if first else "Transpose",
            ["maps"],
            ["mask"],
            **({} if first else {"perm": [0, 2, 3, 1]}),
        )
    )
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("photo", shape.get("type", TensorProto.FLOAT), takes)],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, gives)],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


@pytest.mark.parametrize("first", [True, False], ids=["channels first", "channels last"])
@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("sides", [SIZE, ("height", "width")], ids=["fixed", "any size"])
def test_onnx(first: bool, classes: int, sides: tuple[Any, Any], tmp_path: Path) -> None:
    photo, _, mask = red_box()
    path = tmp_path / "red.onnx"
    write_onnx(path, classes, first=first, sigmoid=classes == 1, sides=sides)
    network = Segmentation(path)
    found = network.mask(photo, None, "")
    assert network._run.size == (Size(32, 24) if sides == SIZE else Size(512, 512))
    assert overlap(found, mask) > 0.9
    assert found[60, 80] > 0.95
    assert found[5, 5] < 0.05


def test_tflite(tmp_path: Path) -> None:
    """The same network in LiteRT: a convolution and the logistic function."""
    weight = np.array([[[[SLOPE, -SLOPE, 0]]]], np.float32)
    nodes = [
        Node(
            "CONV_2D",
            (At((1, *SIZE, 3)), Const(weight, "FLOAT32"), Const([-SLOPE * MIDDLE], "FLOAT32")),
            (At((1, *SIZE, 1)),),
            "Conv2DOptions",
            {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1},
        ),
        Node("LOGISTIC", (3,), (At((1, *SIZE, 1)),)),
    ]
    path = tmp_path / "red.tflite"
    path.write_bytes(tflite_file(*nodes))
    photo, _, mask = red_box()
    assert overlap(Segmentation(path).mask(photo, None, ""), mask) > 0.9


def test_normalisation(tmp_path: Path) -> None:
    """(colour − mean) / std, as the network was trained with: here it undoes a change of the photo."""
    photo, _, _ = red_box()
    path = tmp_path / "red.onnx"
    write_onnx(path)
    half = Segmentation(path, Normalisation((0, 0, 0), (0.5,) * 3))
    plain = Segmentation(path)
    np.testing.assert_allclose(
        half.mask(photo // 2, None, ""), plain.mask(photo // 2 * 2, None, ""), atol=2e-2
    )
    assert half.metadata()["normalisation"] == [[0, 0, 0], [0.5] * 3]
    assert half.metadata() != plain.metadata()


def test_sent_to_another_process(tmp_path: Path) -> None:
    photo, _, _ = red_box()
    write_onnx(tmp_path / "red.onnx")
    network = Segmentation(tmp_path / "red.onnx")
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(network.mask(photo, None, ""), again.mask(photo, None, ""))
    assert again.metadata() == network.metadata()
    assert (again.name, len(again.metadata()["masks_sha256"])) == ("red", 64)


def test_share_of_the_subject() -> None:
    """Logits and probabilities of three classes, the first of which is the background."""
    logits = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    chances = softmax(logits, axis=2)
    for classes in (logits, chances):
        np.testing.assert_allclose(subject_share(classes), chances[..., 1:].sum(axis=2), atol=1e-6)
    np.testing.assert_array_equal(subject_share(chances[..., :1]), chances[..., 0])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"sides": (8, 8), "type": TensorProto.FLOAT16}, "not a usable ONNX file"),
        (
            {"classes": 1, "sigmoid": False},
            "values from .* not probabilities .end the network with a sigmoid.",
        ),
    ],
)
def test_other_networks(shape: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "red.onnx"
    write_onnx(path, **shape)
    with pytest.raises(InvalidInput, match=message):
        Segmentation(path).mask(red_box()[0], None, "")


def test_an_input_that_is_no_photo(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    for shape, kind, message in (
        ([1, 5, 8, 8], TensorProto.FLOAT, r"expected one RGB photo as input, got the shape \[1, 5, 8, 8\]"),
        ([4, 3, 8, 8], TensorProto.FLOAT, "expected one RGB photo"),
        ([3, 8], TensorProto.FLOAT, "expected one RGB photo"),
        ([1, 3, 8, 5000], TensorProto.FLOAT, "an input of 5000 x 8 pixels; at most 4096"),
        ([1, 3, 8, 8], TensorProto.INT64, "expected one input of floats, got photo"),
    ):
        values = [helper.make_tensor_value_info(name, kind, shape) for name in ("photo", "mask")]
        graph = helper.make_graph(
            [helper.make_node("Identity", ["photo"], ["mask"])], "g", *([v] for v in values)
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
        with pytest.raises(InvalidInput, match=message):
            Segmentation(path)


def test_an_output_that_is_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "flat.onnx"
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["photo"], ["flat"]),
            helper.make_node("ReduceMean", ["flat"], ["mask"], keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, [])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(InvalidInput, match="is not a map of classes"):
        Segmentation(path).mask(red_box()[0], None, "")
    with pytest.raises(InvalidInput, match="not finite"):
        subject_share(np.full((2, 2, 2), np.nan, np.float32))


@pytest.mark.parametrize("name", ["damaged.onnx", "damaged.tflite"])
def test_missing_and_damaged_files(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    with pytest.raises(InvalidInput, match="segmentation network"):
        Segmentation(path)
    path.write_bytes(b"not a network at all")
    with pytest.raises(InvalidInput, match="not a usable (ONNX|TFLite) file"):
        Segmentation(path)
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from ebb.errors import MissingDependency

    write_onnx(tmp_path / "red.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match="onnxruntime is not installed"):
        Segmentation(tmp_path / "red.onnx")
    assert optional.onnx()


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_network_that_fails_while_it_runs(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("no kernel for this\nmore lines")

    path = tmp_path / f"red.{kind}"
    if kind == "onnx":
        write_onnx(path)
    else:
        path.write_bytes(tflite_file(Node("LOGISTIC", (At((1, *SIZE, 3)),), (At((1, *SIZE, 3)),))))
    network = Segmentation(path)
    monkeypatch.setattr(network._run, "_session" if kind == "onnx" else "_model", Failing())
    with pytest.raises(InvalidInput) as caught:
        network.mask(red_box()[0], None, "")
    assert str(caught.value) == f"{path}: the network does not run: no kernel for this"
