"""Tensors of pairs against slices of the stored PNGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

import ebb
from tests.helpers.datasets import photos, record, write_set


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ebb.Dataset:
    folder = tmp_path_factory.mktemp("set")
    return ebb.open_dataset(write_set(folder, [[record(i) for i in range(3)], [record(3), record(4)]]))


def places(part: NDArray[np.uint8], whole: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Every (x, y) at which a part lies in a picture."""
    height, width = part.shape[:2]
    views = np.lib.stride_tricks.sliding_window_view(whole, (height, width), axis=(0, 1))
    same = (views == np.moveaxis(part, -1, 0) if part.ndim == 3 else views == part).all(axis=(-2, -1))
    rows, columns = np.nonzero(same.all(axis=-1) if same.ndim == 3 else same)
    return list(zip(columns.tolist(), rows.tolist(), strict=True))


def as_bytes(tensor: torch.Tensor) -> NDArray[np.uint8]:
    values = 255 * tensor.numpy().transpose(1, 2, 0)
    codes = np.rint(values).astype(np.uint8)
    np.testing.assert_allclose(values, codes, atol=1e-4)
    return codes


def test_whole_photos(dataset: ebb.Dataset) -> None:
    tensors = dataset.to_torch("train")
    assert isinstance(tensors, torch.utils.data.Dataset)
    assert len(tensors) == 5
    inputs, target = tensors[4]
    wide, shallow, depth = photos(4)
    assert (inputs.dtype, inputs.shape, target.shape) == (torch.float32, (4, 64, 96), (3, 64, 96))
    np.testing.assert_array_equal(as_bytes(inputs)[..., :3], wide)
    np.testing.assert_array_equal(as_bytes(inputs)[..., 3], np.kron(depth, np.ones((2, 2), np.uint8)))
    np.testing.assert_array_equal(as_bytes(target), shallow)


def test_crops_are_slices_of_all_three_at_one_place(dataset: ebb.Dataset) -> None:
    tensors, seen = dataset.to_torch(crop=32, seed=3), set()
    for epoch in range(4):
        tensors.set_epoch(epoch)
        for index, (inputs, target) in enumerate(tensors[i] for i in range(5)):
            wide, shallow, depth = photos(index)
            ((x, y),) = places(as_bytes(inputs)[..., :3], wide)
            rows, columns = slice(y, y + 32), slice(x, x + 32)
            assert (x % 2, y % 2) == (0, 0)
            np.testing.assert_array_equal(as_bytes(target), shallow[rows, columns])
            doubled = np.kron(depth, np.ones((2, 2), np.uint8))
            np.testing.assert_array_equal(as_bytes(inputs)[..., 3], doubled[rows, columns])
            seen.add((x, y))
    assert len(seen) > 10


def test_every_position_can_be_drawn(dataset: ebb.Dataset) -> None:
    tensors = dataset.to_torch(crop=60)
    found = set()
    for epoch in range(60):
        tensors.set_epoch(epoch)
        found |= {tensors._place(index, "", 96, 64)[:2] for index in range(5)}
    assert {y for _, y in found} == {0, 2, 4}
    assert {x for x, _ in found} == set(range(0, 37, 2))


def test_crops_depend_on_seed_epoch_and_index_alone(dataset: ebb.Dataset) -> None:
    first, again = dataset.to_torch(crop=16, seed=1), dataset.to_torch(crop=16, seed=1)
    backwards = {index: again[index] for index in (4, 0, 2)}
    for index, pair in backwards.items():
        assert all(torch.equal(a, b) for a, b in zip(pair, first[index], strict=True))
    other = dataset.to_torch(crop=16, seed=2)
    assert not all(torch.equal(other[i][1], first[i][1]) for i in range(5))


def test_workers_give_the_same_crops_and_receive_the_epoch(dataset: ebb.Dataset) -> None:
    tensors = dataset.to_torch(crop=16)
    loader = DataLoader(
        tensors, batch_size=5, num_workers=1, multiprocessing_context="spawn", persistent_workers=True
    )
    for epoch in (0, 1):
        tensors.set_epoch(epoch)
        (batch,) = loader
        for part, alone in zip(batch, zip(*[tensors[i] for i in range(5)], strict=True), strict=True):
            assert torch.equal(part, torch.stack(alone))


def test_without_depth(tmp_path: Path) -> None:
    dataset = ebb.open_dataset(write_set(tmp_path, [[record(0, 95, 63, has_depth=False)]]))
    inputs, target = dataset.to_torch(depth=False)[0]
    assert inputs.shape == target.shape == (3, 62, 94)
    with pytest.raises(ebb.InvalidInput, match=r"no depth map \(add depth with: ebb depth, or call to_torch"):
        _ = dataset.to_torch()[0]


def test_bad_arguments_are_refused(dataset: ebb.Dataset) -> None:
    with pytest.raises(ebb.InvalidInput, match="96 x 64 pixels, less than a crop of 66"):
        _ = dataset.to_torch(crop=66)[0]
    for arguments, message in (
        ({"crop": 33}, "even and positive, not 33"),
        ({"crop": 0}, "even and positive, not 0"),
        ({"seed": -1}, "the seed must be at least 0, not -1"),
        ({"split": "dev"}, "there is no split 'dev'"),
    ):
        with pytest.raises(ebb.UsageError, match=message):
            dataset.to_torch(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ebb.UsageError, match="epoch must be at least 0, not -1"):
        dataset.to_torch().set_epoch(-1)
    with pytest.raises(IndexError, match=r"^pair \d+ of \d+$"):
        _ = dataset.to_torch()[5]


def test_an_empty_split_has_no_tensors(dataset: ebb.Dataset) -> None:
    assert len(dataset.to_torch("val")) == 0
