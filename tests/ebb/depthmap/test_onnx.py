"""ONNX files with graphs of one or two operators, whose results are known."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.depthmap.onnx import load_onnx
from ebb.errors import InvalidInput, MissingDependency, Reason, Rejected, UsageError
from ebb.settings import DepthSettings

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

Shape: TypeAlias = Sequence[int | str]
MakeOnnx: TypeAlias = Callable[..., Path]
FREE: Shape = ("batch", 3, "height", "width")
MAP: Shape = ("batch", "h", "w")


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Write a chain of operators; the first takes ``x``, the last gives ``depth``."""

    def make(
        *operators: tuple[str, list[Any], dict[str, Any]],
        shape: Shape = FREE,
        out: Shape = MAP,
        dtype: int = onnx.TensorProto.FLOAT,
    ) -> Path:
        nodes, constants = [], []
        for index, (kind, arguments, attributes) in enumerate(operators):
            names = ["x" if index == 0 else f"t{index}"]
            for number, value in enumerate(arguments):
                names.append(f"c{index}_{number}")
                constants.append(onnx.numpy_helper.from_array(np.asarray(value), names[-1]))
            output = "depth" if index == len(operators) - 1 else f"t{index + 1}"
            nodes.append(onnx.helper.make_node(kind, names, [output], **attributes))
        graph = onnx.helper.make_graph(
            nodes,
            "g",
            [onnx.helper.make_tensor_value_info("x", dtype, shape)],
            [onnx.helper.make_tensor_value_info("depth", dtype, out)],
            constants,
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return make


def mean(axis: int = 1, keep: int = 0) -> tuple[str, list[Any], dict[str, Any]]:
    return "ReduceMean", [np.array([axis])], {"keepdims": keep}


def settings(**changes: object) -> DepthSettings:
    values = {"provider": "onnx", "model_normalisation": "unit", "model_size": 64, "model_multiple": 8}
    return DepthSettings(**{**values, **changes})  # type: ignore[arg-type]


RGB = np.repeat(np.linspace(20, 230, 96).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
HALF = np.linspace(20, 230, 48)[None].repeat(32, axis=0) / 255


def test_brightness_as_depth(make_onnx: MakeOnnx) -> None:
    found = load_onnx(make_onnx(mean()), settings())(RGB)
    assert (found.shape, found.dtype) == ((32, 48), np.float32)
    np.testing.assert_allclose(found, HALF, atol=0.01)


def test_a_network_without_memory_is_tried_again(make_onnx: MakeOnnx) -> None:
    """Too little memory is not a reason to reject the photo."""
    terabytes = ("Expand", [np.array([1 << 28, 1, 1])], {})
    with pytest.raises(MemoryError, match="allocate memory"):
        load_onnx(make_onnx(mean(keep=1), terabytes, mean()), settings())(RGB)


def test_default_settings_are_those_of_depth_anything(make_onnx: MakeOnnx) -> None:
    """ImageNet colours, 518 pixels, multiples of 14: the graph gives its own input back."""
    provider = load_onnx(make_onnx(mean()), DepthSettings(provider="onnx"))
    found = provider(np.repeat(np.repeat(RGB, 10, 0), 10, 1))
    assert provider.size.of(Size(960, 640)) == Size(784, 518)
    left, right = (
        np.mean((v / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]) for v in (20, 230)
    )
    assert (found[0, 0], found[-1, -1]) == pytest.approx((left, right), abs=0.01)


@pytest.mark.parametrize(
    ("shape", "operators", "out"),
    [
        (FREE, [mean(keep=1)], ("batch", 1, "h", "w")),
        ((1, 3, 40, 56), [mean()], (1, 40, 56)),
        ((1, 3, 40, 56), [mean(), ("Squeeze", [np.array([0])], {})], (40, 56)),
        (("batch", "height", "width", 3), [mean(axis=3)], MAP),
        ((1, 40, 56, 3), [mean(axis=3, keep=1)], (1, 40, 56, 1)),
        (("b", "c", "h", "w"), [mean()], MAP),
    ],
)
def test_layouts(make_onnx: MakeOnnx, shape: Shape, operators: list[Any], out: Shape) -> None:
    provider = load_onnx(
        make_onnx(*operators, shape=shape, out=out), settings(model_size=0, model_multiple=8)
    )
    photos = [RGB, RGB[:, ::-1]]
    first, second = provider.predict(photos)
    np.testing.assert_allclose(first, HALF, atol=0.02)
    np.testing.assert_allclose(second, HALF[:, ::-1], atol=0.02)


def test_half_precision(make_onnx: MakeOnnx) -> None:
    path = make_onnx(mean(), dtype=onnx.TensorProto.FLOAT16)
    np.testing.assert_allclose(load_onnx(path, settings())(RGB), HALF, atol=0.01)


def test_distance_becomes_inverse(make_onnx: MakeOnnx) -> None:
    provider = load_onnx(make_onnx(mean()), settings(model_output="distance"))
    np.testing.assert_allclose(provider(RGB), 1 / HALF, rtol=0.08)


NAN = ("Log", [], {})
REASONS: list[tuple[list[Any], Shape, str]] = [
    ([mean(), ("Sub", [np.float32(2)], {}), NAN], MAP, "depth values are not finite"),
    (
        [mean(), ("Transpose", [], {"perm": [0, 2, 1]})],
        MAP,
        "a 64 x 96 map for an input of 96 x 64: different aspect ratios",
    ),
    ([mean(), ("Mul", [np.float32(0)], {})], MAP, "the same depth everywhere"),
    (
        [mean(), ("Reshape", [np.array([1, 10, 10])], {})],
        MAP,
        r"cannot take an input of shape \(1, 3, 64, 96\)",
    ),
]


@pytest.mark.parametrize(("operators", "out", "message"), REASONS)
def test_predictions_that_are_refused(
    make_onnx: MakeOnnx, operators: list[Any], out: Shape, message: str
) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        load_onnx(make_onnx(*operators, out=out), settings())(RGB)
    assert caught.value.reason is Reason.BAD_DEPTH


@pytest.mark.parametrize(
    ("operators", "shape", "out", "message"),
    [
        (
            [("Relu", [], {})],
            FREE,
            FREE,
            r"first output has the shape \(1, 3, 64, 96\), which is not a depth map",
        ),
        ([mean()], ("b", 3, "h"), MAP, "expected one input of 4 axes in floats, got x"),
        ([mean()], ("b", 4, "h", "w"), MAP, "expected an RGB input, got 4 channels"),
        ([mean()], (4, 3, "h", "w"), MAP, "cannot fill an input of shape"),
        ([mean()], (1, 3, 256, "w"), MAP, "cannot fill an input of shape"),
    ],
)
def test_networks_of_another_kind(
    make_onnx: MakeOnnx, operators: list[Any], shape: Shape, out: Shape, message: str
) -> None:
    out = ("b", "h") if len(shape) == 3 else out
    with pytest.raises(InvalidInput, match=message):
        load_onnx(make_onnx(*operators, shape=shape, out=out), settings())(RGB)


def test_integer_inputs(make_onnx: MakeOnnx) -> None:
    path = make_onnx(("ReduceMax", [np.array([1])], {"keepdims": 0}), dtype=onnx.TensorProto.UINT8)
    with pytest.raises(InvalidInput, match=r"in floats, got x tensor\(uint8\)"):
        load_onnx(path, settings())


@pytest.mark.parametrize("data", [b"", b"not a graph", bytes(1000)])
def test_files_that_are_not_onnx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"x\.onnx: not a usable ONNX file"):
        load_onnx(tmp_path / "x.onnx", settings())


def test_a_size_the_network_does_not_take(make_onnx: MakeOnnx) -> None:
    path = make_onnx(mean(), shape=(1, 3, 40, 56), out=(1, 40, 56))
    with pytest.raises(UsageError, match="--model-size 64: this network takes 56 x 40 only"):
        load_onnx(path, settings())


def test_no_such_device(make_onnx: MakeOnnx) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match="cannot compute on 'cuda': this onnxruntime has no CUDA"):
        load_onnx(make_onnx(mean()), settings(device="cuda"))


def test_without_onnxruntime(make_onnx: MakeOnnx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[onnx\]'") as caught:
        load_onnx(make_onnx(mean()), settings())
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("share", ["1", "1,1", "", "0", "all"])
def test_a_worker_uses_its_share_of_the_cores(
    make_onnx: MakeOnnx, share: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task on a Ray cluster has one core and must not start a thread for each core of the machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    options: list[Any] = []
    session = importlib.import_module("onnxruntime").InferenceSession

    def opened(*arguments: Any, sess_options: Any, **named: Any) -> Any:
        options.append(sess_options)
        return session(*arguments, sess_options=sess_options, **named)

    monkeypatch.setattr("onnxruntime.InferenceSession", opened)
    load_onnx(make_onnx(mean()), DepthSettings(provider="onnx"))
    expected = 1 if share.startswith("1") else len(os.sched_getaffinity(0))
    assert [each.intra_op_num_threads for each in options] == [expected]
