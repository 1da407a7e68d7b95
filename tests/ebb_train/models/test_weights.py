"""Weights files: round trip, and refusal of other files."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.numpy

from ebb.errors import InvalidInput, MissingDependency, OutputError
from ebb_train.models.pynet import PyNetConfig, tensor_shapes
from ebb_train.models.weights import (
    NOTE,
    About,
    Tensors,
    check_shapes,
    read_pynet,
    read_weights,
    save_weights,
    tensors_sha256,
)

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = PyNetConfig(level=7, width=1 / 32)
ABOUT = About(network="pynet", config=CONFIG.as_dict(), source="a test", licence="free – für alle")


@pytest.fixture
def tensors() -> Tensors:
    rng = np.random.default_rng(5)
    return {
        name: rng.standard_normal(shape).astype(np.float32) for name, shape in tensor_shapes(CONFIG).items()
    }


@pytest.fixture
def path(tmp_path: Path, tensors: Tensors) -> Path:
    save_weights(tmp_path / "w.safetensors", tensors, ABOUT)
    return tmp_path / "w.safetensors"


def test_round_trip(tmp_path: Path, tensors: Tensors) -> None:
    digest = save_weights(tmp_path / "new" / "w.safetensors", tensors, ABOUT)
    data = (tmp_path / "new" / "w.safetensors").read_bytes()
    assert digest == hashlib.sha256(data).hexdigest()
    found, about = read_weights(tmp_path / "new" / "w.safetensors")
    assert about == ABOUT
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["w.safetensors"]


def test_any_safetensors_reader_opens_it(path: Path, tensors: Tensors) -> None:
    loaded = safetensors.numpy.load_file(path)
    assert all(np.array_equal(loaded[name], tensors[name]) for name in tensors)


def test_equal_weights_give_equal_bytes_whatever_their_order_and_layout(
    tmp_path: Path, tensors: Tensors
) -> None:
    shuffled = {name: np.asfortranarray(tensors[name]) for name in reversed(tensors)}
    digests = {save_weights(tmp_path / "w", values, ABOUT) for values in (tensors, shuffled)}
    assert len(digests) == 1


def test_a_flipped_bit_anywhere_in_the_tensors_is_found(path: Path, tensors: Tensors) -> None:
    whole = path.read_bytes()
    size = sum(values.nbytes for values in tensors.values())
    for offset in np.random.default_rng(1).integers(len(whole) - size, len(whole), 20):
        broken = bytearray(whole)
        broken[offset] ^= 1
        path.write_bytes(broken)
        with pytest.raises(
            InvalidInput, match=r"w.safetensors: the weights are damaged: .*download it again"
        ):
            read_weights(path)


def test_files_that_are_not_weights(tmp_path: Path, path: Path, tensors: Tensors) -> None:
    with pytest.raises(InvalidInput, match="no such weights file"):
        read_weights(tmp_path / "none.safetensors")
    with pytest.raises(InvalidInput, match=r"a folder, not a weights file \(name a file, such as level-1"):
        read_weights(tmp_path)
    for data in (b"", path.read_bytes()[:-5]):
        (tmp_path / "odd").write_bytes(data)
        with pytest.raises(InvalidInput, match="not a safetensors file, or a broken one"):
            read_weights(tmp_path / "odd")
    for data in (b"PK\x03\x04 a pickle in a zip", pickle.dumps({"weight": 1})):
        (tmp_path / "odd").write_bytes(data)
        with pytest.raises(InvalidInput, match=r"a pickle, which could run code: not opened \(expected: "):
            read_weights(tmp_path / "odd")
    for metadata in (None, {"format": "pt"}):
        safetensors.numpy.save_file(tensors, tmp_path / "odd", metadata)
        with pytest.raises(InvalidInput, match=r"not weights of this project \(ebb-train convert"):
            read_weights(tmp_path / "odd")


@pytest.mark.parametrize("note", [[1], {"network": "pynet"}, asdict(ABOUT) | {"sha256": "0", "config": 3}])
def test_notes_of_another_version(tmp_path: Path, tensors: Tensors, note: object) -> None:
    safetensors.numpy.save_file(tensors, tmp_path / "odd", {NOTE: json.dumps(note)})
    with pytest.raises(InvalidInput, match="unknown to this version"):
        read_weights(tmp_path / "odd")


def test_weights_of_pynet(path: Path, tensors: Tensors) -> None:
    assert read_pynet(path)[1] == CONFIG
    assert read_pynet(path, CONFIG)[0].keys() == tensors.keys()
    with pytest.raises(
        InvalidInput, match=r"w.safetensors: weights of another network: width is 0.03125, not 1"
    ):
        read_pynet(path, PyNetConfig(level=7))


def test_weights_of_another_network(path: Path, tensors: Tensors) -> None:
    save_weights(path, tensors, About(network="unet"))
    with pytest.raises(InvalidInput, match="weights of the network 'unet', not of 'pynet'"):
        read_pynet(path)
    save_weights(path, tensors, About(network="pynet", config={"width": "wide"}))
    with pytest.raises(InvalidInput, match=r"w\.safetensors: not a PyNET config: .*fields: level"):
        read_pynet(path)


def test_missing_and_unknown_tensors(path: Path, tensors: Tensors) -> None:
    for change, message in (
        (
            {"extra.weight": np.zeros(3, np.float32)},
            r"weights extra.weight: \(3,\) in the file, no such tensor",
        ),
        (
            {"level_7.out.bias": np.zeros(4, np.float32)},
            r"level_7.out.bias: \(4,\) in the file, \(3,\) in the",
        ),
    ):
        save_weights(path, tensors | change, ABOUT)
        with pytest.raises(InvalidInput, match=message):
            read_pynet(path)
    with pytest.raises(InvalidInput, match=r"weights b: missing in the file, \(2,\) in the network"):
        check_shapes({"a": (1,)}, {"a": (1,), "b": (2,)})


def test_hash_of_tensors_sees_names_shapes_and_values() -> None:
    zeros = np.zeros(6, np.float32)
    changes = [{"a": zeros}, {"b": zeros}, {"a": zeros.reshape(2, 3)}, {"a": zeros + 1}]
    assert len({tensors_sha256(tensors) for tensors in changes}) == 4


def test_folder_that_cannot_be_written(tmp_path: Path, tensors: Tensors) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write it"):
        save_weights(tmp_path / "file" / "w.safetensors", tensors, ABOUT)


def test_without_safetensors(monkeypatch: pytest.MonkeyPatch, path: Path, tensors: Tensors) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for use in (lambda: read_weights(path), lambda: save_weights(path, tensors, ABOUT)):
        with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[train\]'"):
            use()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(3), "int64 in the file, float32 expected"),
        (np.float32([0, np.nan]), "not all values are finite"),
        (np.float32([np.inf]), "not all values are finite"),
    ],
)
def test_values_that_are_no_weights(tmp_path: Path, values: np.ndarray[Any, Any], message: str) -> None:
    note = asdict(About(network="pynet")) | {"sha256": tensors_sha256({"a": values})}
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save({"a": values}, {NOTE: json.dumps(note)}))
    with pytest.raises(InvalidInput, match=rf"a\.safetensors: weights a: {message}"):
        read_weights(path)
