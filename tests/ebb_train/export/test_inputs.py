"""Inputs of the parity checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.export import inputs
from ebb_train.export.settings import PhotoSize
from tests.helpers.datasets import photos, record, write_set

if TYPE_CHECKING:
    from pathlib import Path

SIZE = PhotoSize(64, 128)


@pytest.mark.parametrize("channels", [3, 4])
def test_noise_and_scene_have_the_shape_and_range_of_inputs(channels: int) -> None:
    for make in (inputs.noise, inputs.scene):
        trial = make(SIZE, channels)
        assert trial.photo.shape == (1, 32, 64, channels)
        assert trial.photo.dtype == np.float32
        assert 0 <= trial.photo.min() < trial.photo.max() <= 1
        np.testing.assert_array_equal(trial.photo, make(SIZE, channels).photo)
    assert inputs.scene(SIZE, channels).real
    assert not inputs.noise(SIZE, channels).real


def test_inputs_of_one_value() -> None:
    found = inputs.constants(SIZE, 4)
    assert [(trial.name, *np.unique(trial.photo)) for trial in found] == [
        ("0 everywhere", 0), ("0.5 everywhere", 0.5), ("1 everywhere", 1),
    ]  # fmt: skip
    assert all(trial.constant and not trial.real for trial in found)
    assert {trial.photo.shape for trial in found} == {(1, 32, 64, 4)}


def test_a_scene_is_smooth_and_its_depth_not_flat() -> None:
    scene, noise = inputs.scene(SIZE, 4).photo[0], inputs.noise(SIZE, 4).photo[0]
    assert np.abs(np.diff(scene, axis=1)).mean() < 0.5 * np.abs(np.diff(noise, axis=1)).mean()
    assert scene[..., 3].max() > 0.9
    assert scene[..., 3].std() > 0.05


def test_pairs_are_spread_over_the_set(tmp_path: Path) -> None:
    write_set(tmp_path, [[record(number, 128, 64) for number in range(5)]])
    found = list(inputs.pairs(tmp_path, SIZE, 4, 3))
    assert [trial.name for trial in found] == [f"pair {record(number).pair_id}" for number in (0, 2, 4)]
    assert all(trial.real and trial.photo.shape == (1, 32, 64, 4) for trial in found)
    assert len(list(inputs.pairs(tmp_path, SIZE, 3, 9))) == 5


def test_pairs_without_depth(tmp_path: Path) -> None:
    write_set(tmp_path, [[record(0, 128, 64, has_depth=False)]])
    assert len(list(inputs.pairs(tmp_path, SIZE, 3, 1))) == 1
    with pytest.raises(InvalidInput, match=r"pair .*: the network takes depth"):
        next(inputs.pairs(tmp_path, SIZE, 4, 1))


def test_a_missing_data_set_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        inputs.pairs(tmp_path / "none", SIZE, 4, 1)


def test_large_photos_are_cropped_and_small_ones_padded() -> None:
    wide, _, depth = photos(1, 256, 128)
    whole = inputs.to_input(wide, depth, PhotoSize(128, 256), 4)
    np.testing.assert_array_equal(inputs.to_input(wide, depth, SIZE, 4), whole[:, 16:48, 32:96])
    large = inputs.to_input(wide, depth, PhotoSize(192, 256), 4)
    np.testing.assert_array_equal(large[:, 16:80], whole)
    np.testing.assert_array_equal(large[:, :16], whole[:, 15::-1])
