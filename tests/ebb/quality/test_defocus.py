"""Small blur discs of known size."""

import numpy as np
import pytest

from ebb.quality.defocus import FineDetail, aligned_halves, largest_discs_px
from ebb.registration.tiles import band, measure
from tests.helpers.blurs import with_disc
from tests.helpers.textured_pairs import FRAME, encoded, texture

STILL = np.eye(3)


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


def test_without_remaining_detail_the_disc_is_infinite() -> None:
    other = discs(encoded(texture(8)), encoded(texture(9)))
    assert np.isinf(other).mean() > 0.2
    assert not np.isnan(other).any()
    assert (other > 4).mean() > 0.9
    wall = np.full((128, 128), 100, np.uint8)
    assert np.isinf(discs(wall, wall)).all()
