"""Photos at the height at which they are registered."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.photo.frame import DevelopedFrame
from ebb.registration.detection import detection_photo

SIZES = [
    (Size(1800, 1200), 1024, Size(1536, 1024), 1.0),
    (Size(1536, 1024), 1024, Size(1536, 1024), 1.0),
    (Size(1024, 684), 1024, Size(1533, 1024), 1.0),
    (Size(684, 1024), 1024, Size(684, 1024), 1.0),
    (Size(1800, 1200), 512, Size(1536, 1024), 1.0),
    (Size(480, 320), 1024, Size(960, 640), 1.6),
]


@pytest.mark.parametrize(("full", "detail_height", "size", "unit_px"), SIZES)
def test_sizes(full: Size, detail_height: int, size: Size, unit_px: float) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (full.height, full.width, 3), np.uint8)
    found = detection_photo(DevelopedFrame(photo), detail_height)
    assert (found.size, found.full, found.unit_px) == (size, full, unit_px)
    assert found.gray.shape == (size.height, size.width)
    assert found.scale == (size.width / full.width, size.height / full.height)
    assert found.inverse_scale == pytest.approx((full.width / size.width, full.height / size.height))


def test_a_photo_of_that_height_is_not_touched() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (1024, 60, 3), np.uint8)
    np.testing.assert_array_equal(detection_photo(DevelopedFrame(photo)).rgb, photo)


def test_enlarging_obeys_the_pixel_centre_rule() -> None:
    """A ramp keeps its values at the places that +0.5, × s, −0.5 gives."""
    ramp = np.repeat(np.repeat((np.arange(90)[None, :, None] * 2 + 20), 512, axis=0), 3, axis=2)
    found = detection_photo(DevelopedFrame(ramp.astype(np.uint8)))
    expected = ((np.arange(180) + 0.5) / 2 - 0.5) * 2 + 20
    assert np.abs(found.rgb[500, 8:-8, 0] - expected[8:-8]).max() <= 0.51
