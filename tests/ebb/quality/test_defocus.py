"""Blur discs that were made: roughly over the frame, finely where they are small."""

import cv2
import numpy as np
import pytest

from ebb.quality.defocus import (
    FineDetail,
    aligned_halves,
    defocus_map,
    defocus_px,
    largest_discs_px,
    median_of,
)
from ebb.registration.tiles import band, measure
from tests.helpers.textured_pairs import FRAME, encoded, texture

STILL = np.eye(3)
FINER = 8
"""Small discs are made on a grid this much finer than the photo."""


def with_disc(light: np.ndarray, disc: float) -> np.ndarray:
    """Convolved with a uniform disc."""
    side = int(disc / 2) + 1
    y, x = np.mgrid[-side : side : (2 * side + 1) * FINER * 1j, -side : side : (2 * side + 1) * FINER * 1j]
    covered = (np.hypot(x, y) <= disc / 2).astype(np.float32)
    kernel = cv2.resize(covered, (2 * side + 1,) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.filter2D(light, -1, kernel / kernel.sum()))


def discs(wide: np.ndarray, shallow: np.ndarray) -> np.ndarray:
    tiles = measure(band(wide), band(shallow), STILL)
    fine = FineDetail(tiles.centres, tiles.energy, tiles.kept, tiles.correlation)
    return largest_discs_px(fine, wide, aligned_halves(wide, shallow, STILL)) * 1024 / FRAME.height


def in_photo(disc_at_1024: float) -> float:
    return disc_at_1024 * FRAME.height / 1024


@pytest.mark.parametrize("disc", [6.0, 9.0, 12.0])
@pytest.mark.parametrize("gain", [0.5, 1.4])
def test_a_small_disc_is_measured_whatever_the_exposure(disc: float, gain: float) -> None:
    """Truth: convolution in linear light; the figure is an estimate plus its standard deviation."""
    light = texture(3)
    found = discs(encoded(light), encoded(with_disc(light, in_photo(disc)), gain=gain))
    assert 0.7 * disc < np.median(found) < 1.5 * disc


def test_a_sharp_photo_has_no_disc() -> None:
    wide = encoded(texture(5))
    assert np.median(discs(wide, wide)) < 2


def test_noise_is_taken_for_neither_sharpness_nor_blur() -> None:
    """A photo of the same place stays sharp at high ISO, and a blurred one does not become sharp."""
    light = texture(6)
    wide = encoded(light, noise=0.03, seed=1)
    sharp, blurred = (
        discs(wide, encoded(photo, noise=0.01, seed=2)) for photo in (light, with_disc(light, in_photo(12.0)))
    )
    assert np.percentile(sharp, 25) < 4
    assert np.percentile(blurred, 5) > 6


def test_more_blur_is_a_larger_disc() -> None:
    light = texture(7)
    found = [
        np.median(discs(encoded(light), encoded(with_disc(light, d)))) for d in (1.0, 2.0, 3.0, 4.0, 6.0)
    ]
    assert found == sorted(found)


def test_where_nothing_is_left_the_disc_is_infinite() -> None:
    other = discs(encoded(texture(8)), encoded(texture(9)))
    assert np.isinf(other).mean() > 0.2
    assert not np.isnan(other).any()
    assert (other > 4).mean() > 0.9
    wall = np.full((128, 128), 100, np.uint8)
    assert np.isinf(discs(wall, wall)).all()


@pytest.mark.parametrize("disc", [4.0, 8.0, 16.0, 32.0])
def test_a_disc_is_recognised(disc: float) -> None:
    """Truth: convolution with a uniform disc, in linear light."""
    light = texture(3)
    halves = aligned_halves(encoded(light), encoded(with_disc(light, disc)), STILL)
    assert disc / 2 <= median_of(defocus_px(halves)) <= 2 * disc


def test_a_map_with_two_halves() -> None:
    light = texture(4)
    shallow = light.copy()
    half = FRAME.width // 2
    shallow[:, :half] = cv2.GaussianBlur(light, (0, 0), 4.0)[:, :half]
    blurs = defocus_px(aligned_halves(encoded(light), encoded(shallow), STILL))
    columns = blurs.shape[1]
    assert np.nanmedian(blurs[:, : columns // 2 - 1]) == 16
    assert np.nanmedian(blurs[:, columns // 2 + 1 :]) == 0
    by_part = np.array(defocus_map(blurs), float).reshape(4, 4)
    np.testing.assert_array_equal(by_part[:, [0, 3]], [[16, 0]] * 4)


def test_outside_the_shallow_photo_nothing_is_said() -> None:
    photo = encoded(texture(4))
    away = np.array([[1.0, 0, FRAME.width / 2], [0, 1, 0], [0, 0, 1]])
    blurs = defocus_px(aligned_halves(photo, photo, away))
    assert np.isnan(blurs[:, : blurs.shape[1] // 2]).all()
    assert np.isfinite(blurs[:, blurs.shape[1] // 2 + 1 :]).any()


def test_plain_walls_say_nothing() -> None:
    wall = np.full((128, 128), 100, np.uint8)
    blurs = defocus_px(aligned_halves(wall, wall, STILL))
    assert np.isnan(median_of(blurs))
    assert defocus_map(blurs) == [None] * 16
