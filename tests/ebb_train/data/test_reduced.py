"""Reduced pairs: aligned with the photos, and cached within a memory limit."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.data import reduced
from ebb_train.data.reduced import ReducedPair, ReducedPairs, level_reduction, reduce_pair, resize
from ebb_train.data.sources import Photos
from ebb_train.models.pynet import LEVELS
from tests.helpers.datasets import photos

FOLDER = Path("set")


def pair(width: int = 96, height: int = 64, number: int = 1) -> Photos:
    return Photos("a", *photos(number, width, height))


class Scenes:
    """A source in memory that counts its reads."""

    folder = FOLDER

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 8

    def read(self, index: int) -> Photos:
        self.asked.append(index)
        return pair(number=index)


def bytes_of(one: ReducedPair) -> int:
    return one.photo.nbytes + one.target.nbytes


@pytest.mark.parametrize("size", [(32, 32), (8, 8), (2, 4)])
def test_a_photo_is_made_smaller_with_the_stretched_bicubic_kernel(size: tuple[int, int]) -> None:
    """PyTorch's is an implementation of its own, in floating point."""
    wide = photos(3, 64, 64)[0] // 2 + 64  # the kernel overshoots: far from 0 and 255 nothing is clipped
    planes = torch.from_numpy(wide).permute(2, 0, 1)[None].double()
    expected = F.interpolate(planes, size, mode="bicubic", antialias=True)[0].permute(1, 2, 0).numpy()
    small = resize(wide, *size)
    assert small.dtype == np.uint8
    assert np.abs(small - expected).max() < 1.01  # two roundings to 8 bits
    assert resize(wide, 64, 64) is wide


@pytest.mark.parametrize("level", LEVELS)
def test_sizes_by_level(level: int) -> None:
    one = reduce_pair(pair(), level_reduction(level), 64, 4, FOLDER)
    assert one.photo.shape == (32, 48, 4)
    step = level_reduction(level).target
    assert one.target.shape == (64 // step, 96 // step, 3)
    assert level_reduction(level).step % step == level_reduction(level).step % 2 == 0
    assert step <= 2 ** (level - 1)  # never smaller than the picture of the level


def test_halves_and_depth_are_those_of_the_photos() -> None:
    photo = pair()
    one = reduce_pair(photo, level_reduction(1), 64, 4, FOLDER)
    assert np.array_equal(one.photo[..., :3], resize(photo.wide, 32, 48))
    assert np.array_equal(one.photo[..., 3], photo.depth)
    assert np.array_equal(one.target, photo.shallow)


@pytest.mark.parametrize(("width", "height"), [(99, 67), (97, 66)])
def test_remainders_of_whole_steps_are_cropped(width: int, height: int) -> None:
    photo = pair(width, height)
    for level in (1, 2, 5):
        one = reduce_pair(photo, level_reduction(level), 64, 3, FOLDER)
        step = level_reduction(level).step
        kept = (height // step * step, width // step * step)
        assert one.photo.shape == (kept[0] // 2, kept[1] // 2, 3)
        assert np.array_equal(one.photo, resize(photo.wide[: kept[0], : kept[1]], *one.photo.shape[:2]))


@pytest.mark.parametrize("level", [1, 2, 4])
@pytest.mark.parametrize(("width", "height"), [(40, 30), (41, 70), (90, 22)])
def test_small_photos_are_mirrored_to_the_crop(level: int, width: int, height: int) -> None:
    photo = pair(width, height)
    one = reduce_pair(photo._replace(shallow=photo.wide), level_reduction(level), 64, 3, FOLDER)
    assert min(one.photo.shape[:2]) >= 32
    assert one.target.shape[0] * level_reduction(level).target == one.photo.shape[0] * 2
    coarse = resize(one.photo, *[length // 2 for length in one.photo.shape[:2]])
    same = resize(one.target, *coarse.shape[:2])
    assert np.abs(coarse.astype(int) - same).mean() < 6


def test_the_whole_photo_is_not_kept_in_memory() -> None:
    one = reduce_pair(pair(98, 66), level_reduction(1), 64, 3, FOLDER)
    assert one.target.base is None
    assert one.photo.base is None


def test_pairs_are_reduced_once_as_long_as_there_is_room() -> None:
    source = Scenes()
    room = 3 * bytes_of(reduce_pair(pair(), level_reduction(3), 64, 4, FOLDER))
    pairs = ReducedPairs(source, level_reduction(3), 64, 4, max_bytes=room + 100)  # type: ignore[arg-type]
    for _ in range(2):
        for number in (4, 0, 7, 2):
            expected = reduce_pair(pair(number=number), level_reduction(3), 64, 4, FOLDER)
            assert all(np.array_equal(a, b) for a, b in zip(pairs.read(number)[1:], expected[1:], strict=True))
    assert source.asked == [4, 0, 7, 2, 2]


def test_cached_pairs_are_not_pickled() -> None:
    pairs = ReducedPairs(Scenes(), level_reduction(7), 64, 4)  # type: ignore[arg-type]
    pairs.read(1)
    copy = pickle.loads(pickle.dumps(pairs))
    assert copy._kept == {}
    assert copy._left == copy._max_bytes == reduced.CACHE_BYTES
    assert np.array_equal(copy.read(1).photo, pairs.read(1).photo)


def test_without_depth() -> None:
    photo = pair()._replace(depth=None)
    assert reduce_pair(photo, level_reduction(7), 64, 3, FOLDER).photo.shape[2] == 3
    with pytest.raises(InvalidInput, match=r"set: pair a has no depth map .*--in-channels 3"):
        reduce_pair(photo, level_reduction(7), 64, 4, FOLDER)
