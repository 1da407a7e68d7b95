"""Content of a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from skimage.transform import downscale_local_mean

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import BatchRange, epoch_order
from ebb_train.data.dataset import CropDataset, CropSettings, full_height, unit_range
from ebb_train.data.loader import micro_batches
from ebb_train.data.sources import Photos, open_source
from ebb_train.models.pynet import LEVELS, output_size
from tests.helpers.datasets import photos, record, write_ebb, write_set

if TYPE_CHECKING:
    from ebb_train.data.sources import Source

SETTINGS = CropSettings(level=6, side=64, seed=5)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("set")
    return open_source(write_set(folder, [[record(i) for i in range(4)], [record(i) for i in range(4, 7)]]))


class Scene:
    """A source of one pair, in memory."""

    def __init__(self, width: int, height: int, *, is_shallow_wide: bool = False, has_depth: bool = True) -> None:
        wide, shallow, depth = photos(1, width, height)
        self.folder = "scene"
        self.pair = Photos("a", wide, wide if is_shallow_wide else shallow, depth if has_depth else None)

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Photos:
        return self.pair


@pytest.mark.parametrize("level", LEVELS)
def test_content_of_a_batch(source: Source, level: int) -> None:
    samples = CropDataset(source, replace(SETTINGS, level=level))
    (batch,) = micro_batches(samples, BatchRange(start=0, batches=1, batch=3))
    assert batch.photo.dtype == batch.target.dtype == torch.uint8
    assert batch.photo.shape == (3, 4, 32, 32)
    assert batch.target.shape == (3, 3, *output_size(level, 32, 32))
    expected = [record(int(pair)).pair_id for pair in epoch_order(5, 0, 7)[:3]]
    assert list(batch.pair_ids) == expected


def test_three_channels_need_no_depth(tmp_path: Path) -> None:
    samples = CropDataset(open_source(write_ebb(tmp_path, range(2), depth=False)), replace(SETTINGS, in_channels=3))
    (batch,) = micro_batches(samples, BatchRange(start=0, batches=1, batch=2))
    assert batch.photo.shape == (2, 3, 32, 32)
    four = CropDataset(samples.source, SETTINGS)
    with pytest.raises(InvalidInput, match=r"pair train/[01] has no depth map .*--in-channels 3"):
        list(micro_batches(four, BatchRange(start=0, batches=1, batch=2)))


@pytest.mark.parametrize("augment", ["paper", "flips", "none"])
@pytest.mark.parametrize(("width", "height"), [(160, 64), (96, 101), (40, 66), (41, 63)])
def test_input_depth_and_target_show_the_same_place(width: int, height: int, augment: str) -> None:
    """With the shallow photo equal to the wide one, and a depth map made of its red channel."""
    scene = Scene(width, height, is_shallow_wide=True)
    even = scene.pair.wide[: height // 2 * 2, : width // 2 * 2]
    depth = np.rint(downscale_local_mean(even[..., 0].astype(float), (2, 2))).astype(np.uint8)
    scene.pair = scene.pair._replace(depth=depth)
    for pair_epoch in range(6):
        (batch,) = micro_batches(
            CropDataset(scene, replace(SETTINGS, level=1, augment=augment)),  # type: ignore[arg-type]
            BatchRange(start=pair_epoch, batches=1, batch=1),
        )
        photo, target = batch.photo[0].numpy(), batch.target[0].numpy()
        mean = target.astype(float).reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
        assert np.abs(photo[3] - mean[0]).max() <= 0.51  # the depth map is exactly the mean, rounded
        assert np.abs(photo[:3] - mean).max() < 40  # the bicubic kernel is wider than the mean
        shifted = np.abs(photo[:3, :, 1:] - mean[:, :, :-1]).mean()
        assert np.abs(photo[:3] - mean).mean() < shifted / 5


def test_epochs_of_a_pair_differ(source: Source) -> None:
    samples = CropDataset(source, SETTINGS)
    seen = [batch.photo for batch in micro_batches(samples, BatchRange(start=0, batches=70, batch=1))]
    assert len({photo.numpy().tobytes() for photo in seen}) > 60


def test_unit_range() -> None:
    values = unit_range(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert values.dtype == torch.float32
    assert values.tolist() == [0, pytest.approx(0.2), 1]


def test_the_crop_is_the_full_height() -> None:
    assert [full_height(Scene(200, height)) for height in (64, 127, 128, 130)] == [64, 64, 128, 128]  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="photos of 62 pixels height; a crop has at least 64"):
        full_height(Scene(200, 62))  # type: ignore[arg-type]
