"""Both methods of developing give the same picture, and the right one is chosen."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from ebb.arrays import Size
from ebb.errors import Broken, Reason
from ebb.geometry.pixel_grid import resize_homography
from ebb.photo.frame import (
    LEAST_REDUCTION,
    DevelopedFrame,
    Frame,
    MosaicFrame,
    open_frame,
)
from tests.helpers.bayer_files import bayer_dng, mosaic_of

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"


def both_ways(data: bytes, orientation: int = 1) -> tuple[Frame, Frame]:
    frames = open_frame(data, ".DNG", orientation, 3.0), open_frame(data, ".DNG", orientation, 1.0)
    assert isinstance(frames[0], MosaicFrame)
    assert isinstance(frames[1], DevelopedFrame)
    return frames


def shrunk(frame: Frame, scale: float) -> NDArray[np.uint8]:
    size = Size(round(frame.size.width * scale), round(frame.size.height * scale))
    return frame.resample(np.linalg.inv(resize_homography(scale)), size)


@pytest.mark.parametrize("name", ["IMG_0301.DNG", "IMG_0302.DNG"])
def test_a_capture_is_the_same_for_both_methods(name: str) -> None:
    planes, developed = (
        shrunk(frame, 0.25).astype(np.float32) for frame in both_ways((CAPTURES / name).read_bytes())
    )
    difference = (planes - developed)[8:-8, 8:-8]
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.3
    assert np.abs(difference).mean() < 1.2
    for channel in range(3):
        shift, _ = cv2.phaseCorrelate(planes[..., channel].copy(), developed[..., channel].copy())
        assert np.hypot(*shift) < 0.02  # LibRaw's half-size decode: 0.2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_the_developed_photo(orientation: int) -> None:
    y, x = np.mgrid[0:120, 0:180]
    light = np.dstack([0.4 + x / 1000, 0.4 + y / 900, 0.5 - x / 1200])
    frames = both_ways(bayer_dng(np.rint(mosaic_of(light))), orientation)
    assert frames[0].size == frames[1].size == ((120, 180) if orientation >= 5 else (180, 120))
    first, second = (shrunk(frame, 1 / 3).astype(int) for frame in frames)
    assert np.abs(first - second)[3:-3, 3:-3].max() <= 1
    small = [frame.reduced(Size(first.shape[1], first.shape[0])).astype(int) // 257 for frame in frames]
    assert np.abs(small[0] - small[1])[3:-3, 3:-3].max() <= 1


def test_gain_is_applied_by_both_methods() -> None:
    numbers = np.rint(mosaic_of(np.full((120, 180, 3), 0.4)))
    numbers[0] += 1  # or every pixel would be the same
    for frame in both_ways(bayer_dng(numbers)):
        out = frame.resample(np.linalg.inv(resize_homography(1 / 3)), Size(60, 40), (2.0, 1.0, 0.5))
        light = ((out[20, 30] / 255 + 0.055) / 1.055) ** 2.4
        np.testing.assert_allclose(light, [0.2, 0.4, 0.8], atol=0.005)


def test_the_method_depends_on_the_reduction() -> None:
    data = bayer_dng(np.rint(mosaic_of(np.random.default_rng(1).random((60, 80, 3)))))
    assert isinstance(open_frame(data, ".dng", 1, LEAST_REDUCTION), MosaicFrame)
    assert isinstance(open_frame(data, ".dng", 1, LEAST_REDUCTION - 0.01), DevelopedFrame)


def test_other_sensors_are_developed() -> None:
    jpeg = (CAPTURES / "IMG_0306.JPG").read_bytes()
    assert isinstance(open_frame(jpeg, ".JPG", 1, 9.0), DevelopedFrame)
    patterned = bayer_dng(np.full((60, 80), 4000) + np.arange(80), black=tuple(range(500, 516)))
    assert isinstance(open_frame(patterned, ".dng", 1, 9.0), DevelopedFrame)


def linear_dng(path: Path) -> bytes:
    rgb = np.random.default_rng(2).integers(3000, 9000, (60, 80, 3)).astype(np.uint16)
    unit = [value for row in np.eye(3, dtype=int).tolist() for number in row for value in (number, 1)]
    tags = [
        (271, 2, 0, "Test", True),
        (272, 2, 0, "Test", True),
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Test", True),
        (50717, 3, 3, (16000,) * 3, True),
        (50721, 10, 9, unit, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
    ]
    tifffile.imwrite(path, rgb, photometric=34892, extratags=tags)
    return path.read_bytes()


def test_a_linear_dng_is_developed(tmp_path: Path) -> None:
    frame = open_frame(linear_dng(tmp_path / "linear.dng"), ".dng", 1, 9.0)
    assert isinstance(frame, DevelopedFrame)
    assert frame.size == (80, 60)


@pytest.mark.parametrize("black", [16000, 17000])
def test_black_level_equal_to_white_level_is_damage(black: int) -> None:
    """It would give a white photo, or a division by zero."""
    data = bayer_dng(np.random.default_rng(0).integers(500, 16000, (64, 96)), black=(black,))
    with pytest.raises(Broken, match="holds no picture") as error:
        open_frame(data, ".DNG", 1, 3.0)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.0])
def test_truncated_files_are_refused(kept: float) -> None:
    data = (CAPTURES / "IMG_0301.DNG").read_bytes()
    with pytest.raises(Broken, match="LibRaw cannot develop it") as error:
        open_frame(data[: int(len(data) * kept)], ".DNG", 1, 9.0)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize(
    ("first_row", "value", "message"), [(150, 0, "the last 42 of 192"), (0, 512, "holds no picture")]
)
def test_a_sensor_without_data(first_row: int, value: int, message: str) -> None:
    numbers = np.random.default_rng(2).integers(3900, 4100, (192, 256))
    numbers[first_row:] = value
    with pytest.raises(Broken, match=message):
        open_frame(bayer_dng(numbers), ".dng", 1, 9.0)
