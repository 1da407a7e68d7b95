"""The note inside a file, its signature, and the alignment of its constants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train import optional
from ebb_train.export.settings import PhotoSize
from ebb_train.export.tflite import note
from ebb_train.export.tflite.graph import read_graph
from ebb_train.models.pynet import PyNetConfig

ORIGIN = {"file": "w.safetensors", "sha256": "ab", "source": "a test", "licence": "none"}


def test_content_of_the_note() -> None:
    about = note.about(
        PyNetConfig(in_channels=3),
        PhotoSize(1024, 1536),
        level=3,
        precision="fp16",
        clip=True,
        weights=ORIGIN,
    )
    assert about["input"]["shape"] == [1, 512, 768, 3]
    assert about["input"]["channels"] == ["red", "green", "blue"]
    assert about["output"]["shape"] == [1, 256, 384, 3]
    assert about["output"]["range"] == [0, 1]
    assert about["weights"]["licence"] == "none"
    deep = note.about(PyNetConfig(), PhotoSize(64, 64), level=1, precision="fp16", clip=False, weights=ORIGIN)
    assert deep["input"]["channels"][3] == "inverse depth"
    assert "near" in deep["input"]["meaning"]
    assert deep["output"]["range"] == [-0.08, 1.08]


def test_litert_finds_the_note_and_the_signature(file: Path) -> None:
    about = note.read_note(read_graph(file.read_bytes()))
    assert about is not None
    assert about["photo_size"] == [128, 192]
    interpreter = optional.litert("interpreter").Interpreter(model_path=str(file))
    assert interpreter.get_signature_list() == {note.SIGNATURE: {"inputs": ["photo"], "outputs": ["picture"]}}
    for ends, what in (
        (interpreter.get_input_details(), "input"),
        (interpreter.get_output_details(), "output"),
    ):
        assert ends[0]["name"] == about[what]["name"]
        assert list(ends[0]["shape"]) == about[what]["shape"]


def test_constants_are_aligned(file: Path) -> None:
    data = file.read_bytes()
    model = optional.litert("schema_py_generated").Model.GetRootAs(data, 0)
    starts = [
        np.frombuffer(data, np.uint8).ctypes.data
        for i in range(model.BuffersLength())
        if model.Buffers(i).DataLength()
    ]
    base = starts[0]
    places = [
        model.Buffers(i).DataAsNumpy().ctypes.data - base
        for i in range(model.BuffersLength())
        if model.Buffers(i).DataLength()
    ]
    assert len(places) > 400
    assert all(place % note.ALIGNMENT == 0 for place in places)


def test_attaching_changes_no_weight_and_is_reproducible(file: Path) -> None:
    data = file.read_bytes()
    about = note.read_note(read_graph(data))
    assert about is not None
    other = note.attach(data, about | {"weights": {"sha256": "cd"}})
    assert other == note.attach(data, about | {"weights": {"sha256": "cd"}})
    before, after = read_graph(data), read_graph(other)
    assert before.ops == after.ops
    assert before.tensors == after.tensors
    schema = optional.litert("schema_py_generated")
    models = [schema.ModelT.InitFromPackedBuf(raw, 0) for raw in (data, other)]
    for tensor in models[0].subgraphs[0].tensors:
        first, second = (model.buffers[tensor.buffer].data for model in models)
        np.testing.assert_array_equal(first, second)


def test_other_files_have_no_note(file: Path) -> None:
    graph = read_graph(file.read_bytes())
    assert note.read_note(replace(graph, notes={})) is None


@pytest.mark.parametrize("text", [b"", b"\xff{", b"[]", b'{"format": 2}'])
def test_a_note_of_another_format(text: bytes, file: Path) -> None:
    graph = replace(read_graph(file.read_bytes()), notes={note.NAME: text})
    with pytest.raises(InvalidInput, match="the note in the file"):
        note.read_note(graph)
