"""Running files in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.export.tflite.graph import Graph, Tensor
from ebb_train.export.tflite.runtime import open_runner, single_ends

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.export.tflite.runtime import Engine
    from ebb_train.models.network import PyNet


@pytest.mark.parametrize("engine", ["plain", "lean"])
def test_the_picture_is_that_of_pytorch(engine: Engine, file: Path, network: PyNet) -> None:
    runner, shape = open_runner(file, engine, 1)
    assert shape == (1, 64, 96, 4)
    photo = np.random.default_rng(3).random(shape, np.float32)
    with torch.inference_mode():
        wanted = network(torch.from_numpy(photo).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(runner(photo), wanted, atol=1e-4)
    np.testing.assert_array_equal(runner(photo), runner(photo))


def tensor(kind: str = "FLOAT32", *, dynamic: bool = False) -> Tensor:
    return Tensor(name="t", type=kind, shape=(1, 2, 2, 3), dynamic=dynamic, stored_bytes=0)


@pytest.mark.parametrize(
    ("tensors", "inputs"),
    [
        ((tensor("UINT8"), tensor()), (0,)),
        ((tensor(), tensor("INT8")), (0,)),
        ((tensor(dynamic=True), tensor()), (0,)),
        ((tensor(), tensor()), (0, 0)),
        ((tensor(), tensor()), ()),
    ],
)
def test_files_of_another_kind(tensors: tuple[Tensor, ...], inputs: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="one float32 input and output"):
        single_ends(Graph(tensors=tensors, ops=(), inputs=inputs, outputs=(1,)))
