"""Blur discs of known size over the frame, and what blur does not explain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.quality.blur_map import MAX_UNEXPLAINED, TileBlur, blur_map
from ebb.quality.exposure import ExposureDifference, measure_exposure
from ebb.quality.grid import TILE_PX
from ebb.quality.measured_photo import MeasuredPhoto
from tests.helpers.blurs import with_disc
from tests.helpers.textured_pairs import FRAME, encoded, texture

STILL = np.eye(3)
SAME = ExposureDifference((1.0, 1.0, 1.0), (0.0, 0.0), 0.0, 0.0, 1)


def rgb(gray: np.ndarray) -> MeasuredPhoto:
    return MeasuredPhoto(np.repeat(gray[..., None], 3, axis=2))


def compared(wide: np.ndarray, shallow: np.ndarray, exposure: ExposureDifference = SAME) -> TileBlur:
    return blur_map(rgb(wide), rgb(shallow), STILL, exposure)


@pytest.mark.parametrize("disc", [5.0, 8.0, 10.0, 14.0, 20.0, 28.0, 40.0])
def test_the_diameter_of_a_disc_is_found(disc: float) -> None:
    """Truth: convolution with a uniform disc, in linear light."""
    light = texture(3)
    found = compared(encoded(light), encoded(with_disc(light, disc)))
    assert found.percentile_px(50) == pytest.approx(disc, rel=0.15, abs=1.5)
    assert found.median_unexplained < 0.1


def test_a_sharp_photo_has_no_blur() -> None:
    wide = encoded(texture(5))
    found = compared(wide, wide)
    assert found.percentile_px(90) < 2
    assert found.median_unexplained < 0.01


@pytest.mark.parametrize("gain", [0.5, 1.3])
def test_exposure_is_not_measured_as_blur(gain: float) -> None:
    light = texture(6) * np.float32(0.6)
    wide, shallow = encoded(light), encoded(with_disc(light, 12.0), gain=gain)
    exposure = measure_exposure(rgb(wide), rgb(shallow), STILL, None)
    assert compared(wide, shallow, exposure).percentile_px(50) == pytest.approx(12.0, rel=0.2)


def test_noise_is_not_measured_as_blur() -> None:
    light = texture(6)
    found = compared(encoded(light, noise=0.02, seed=1), encoded(light, noise=0.02, seed=2))
    assert found.percentile_px(75) < 4


def test_a_map_with_two_halves() -> None:
    light = texture(4)
    shallow = light.copy()
    half = FRAME.width // 2
    shallow[:, :half] = with_disc(light, 16.0)[:, :half]
    found = compared(encoded(light), encoded(shallow))
    columns = found.disc_px.shape[1]
    assert np.nanmedian(found.disc_px[:, : columns // 2 - 1]) == pytest.approx(16, rel=0.15)
    assert np.nanmedian(found.disc_px[:, columns // 2 + 1 :]) < 2
    parts = np.array(found.parts_px(), float).reshape(4, 4)
    assert (parts[:, 0] > 12).all()
    assert (parts[:, 3] < 2).all()


def test_another_scene_is_not_explained_by_blur() -> None:
    found = compared(encoded(texture(8)), encoded(texture(9)))
    assert found.median_unexplained > 2 * MAX_UNEXPLAINED
    assert len(found.known_px) < 0.05 * found.disc_px.size


def test_a_moved_object_is_found_at_both_positions() -> None:
    light, moved = texture(4), texture(4)
    thing = texture(11)[:96, :96]
    light[96:192, 96:192] = thing
    moved[96:192, 288:384] = thing
    found = compared(encoded(light), encoded(moved))
    unexplained = np.nan_to_num(found.unexplained) > MAX_UNEXPLAINED
    expected = np.zeros_like(unexplained)
    expected[3:6, 3:6] = expected[3:6, 9:12] = True
    assert unexplained[expected].all()
    assert not unexplained[~expected].any()


def test_blur_outside_the_shallow_photo_is_nan() -> None:
    photo = rgb(encoded(texture(4)))
    away = np.array([[1.0, 0, FRAME.width / 2], [0, 1, 0], [0, 0, 1]])
    found = blur_map(photo, photo, away, SAME)
    columns = found.disc_px.shape[1]
    assert np.isnan(found.disc_px[:, : columns // 2]).all()
    assert np.isfinite(found.unexplained[:, columns // 2 + 1 :]).any()


def test_blur_of_plain_walls_is_nan() -> None:
    wall = np.full((128, 128), 100, np.uint8)
    found = compared(wall, wall)
    assert np.isnan(found.disc_px).all()
    assert np.isnan([found.percentile_px(50), found.median_unexplained]).all()
    assert found.parts_px() == [None] * 16


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 200), st.integers(8, 200))
def test_any_size_gives_whole_tiles(rows: int, columns: int) -> None:
    photo = cv2.resize(encoded(texture(2)), (columns, rows))
    found = compared(photo, photo)
    assert found.disc_px.shape == found.unexplained.shape == (rows // TILE_PX, columns // TILE_PX)
