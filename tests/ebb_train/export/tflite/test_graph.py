"""Reading TFLite files, whole and broken ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebb.errors import InvalidInput, MissingDependency
from ebb_train import optional
from ebb_train.export.settings import PhotoSize
from ebb_train.export.tflite import graph as graph_module
from ebb_train.export.tflite.convert import to_tflite
from ebb_train.export.tflite.graph import Graph, Op, Tensor, read_graph
from tests.helpers.networks import lively_network
from tests.helpers.tflite_files import At, Const, one

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def little() -> bytes:
    """A file that is quick to read: level 7 of a thin network."""
    network = lively_network(level=7, width=1 / 64)
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return to_tflite(tensors, network.config, PhotoSize(64, 64), level=7, precision="fp32", clip=False)


def test_the_graph_agrees_with_the_interpreter(file: Path) -> None:
    graph = read_graph(file.read_bytes())
    interpreter = optional.litert("interpreter").Interpreter(model_path=str(file))
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    for number, tensor in enumerate(graph.tensors):
        assert tensor.name == details[number]["name"]
        assert tensor.shape == tuple(details[number]["shape"])
        assert tensor.type == np.dtype(details[number]["dtype"]).name.upper()
    found = [(op.name, list(op.inputs), list(op.outputs)) for op in graph.ops]
    wanted = [
        (op["op_name"], list(op["inputs"]), list(op["outputs"]))
        for op in interpreter._get_ops_details()
        if op["op_name"] != "DELEGATE"
    ]
    assert found == wanted
    assert list(graph.inputs) == [interpreter.get_input_details()[0]["index"]]
    assert list(graph.outputs) == [interpreter.get_output_details()[0]["index"]]


def test_constants_do_not_depend_on_the_input() -> None:
    def tensor(stored: int) -> Tensor:
        return Tensor(name="t", type="FLOAT16", shape=(2,), dynamic=False, stored_bytes=stored)

    def op(index: int, name: str, inputs: tuple[int, ...], output: int) -> Op:
        return Op(index=index, name=name, version=1, inputs=inputs, outputs=(output,))

    ops = (op(0, "DEQUANTIZE", (0,), 1), op(1, "DEQUANTIZE", (2,), 3), op(2, "ADD", (1, 3), 4))
    tensors = tuple(tensor(4 * (number == 0)) for number in range(5))
    assert Graph(tensors=tensors, ops=ops, inputs=(2,), outputs=(4,)).constants == {0, 1}


def test_sizes_of_tensors() -> None:
    tensor = Tensor(name="t", type="INT4", shape=(1, 3, 5), dynamic=False, stored_bytes=0)
    assert (tensor.num_elements, tensor.num_bytes) == (15, 8)


def test_attributes_and_short_integers() -> None:
    operands = [At(), Const([0, -4, 0, 0]), Const([1, 8, 8, 4], "INT64"), Const(range(65))]
    data = one("STRIDED_SLICE", operands, At(), "StridedSliceOptions", beginMask=5, offset=True)
    graph = read_graph(data)
    assert graph.ops[0].options["beginMask"] == 5
    assert graph.ops[0].options["offset"] == 1
    assert [tensor.values for tensor in graph.tensors] == [(), (0, -4, 0, 0), (1, 8, 8, 4), (), ()]
    softmax = read_graph(one("SOFTMAX", [At()], At(), "SoftmaxOptions", beta=0.5)).ops[0]
    assert softmax.options == {"beta": 0.5}


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x00" * 64, b"PK\x03\x04" + b"x" * 100, b"not one at all"])
def test_other_files(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"x.tflite: not a TFLite file"):
        read_graph(data, tmp_path / "x.tflite")


def test_truncated_files(little: bytes) -> None:
    for length in {8, 12, 40, 100, *range(200, len(little), len(little) // 40)}:
        try:
            read_graph(little[:length])
        except InvalidInput as error:
            assert "damaged" in error.message  # noqa: PT017 - a cut in the last buffer may go unnoticed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_end_in_a_graph_or_an_error(little: bytes, flips: list[tuple[float, int]]) -> None:
    data = bytearray(little)
    for place, value in flips:
        data[8 + int(place * (len(data) - 8))] = value
    try:
        graph = read_graph(data)
    except InvalidInput:
        return
    for op in graph.ops:
        graph.present(op.inputs)


def test_too_many_items(little: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_module, "MAX_ITEMS", 100)
    with pytest.raises(InvalidInput, match="more than 100 items"):
        read_graph(little)


def test_without_litert(little: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[tflite\]'"):
        read_graph(little)
