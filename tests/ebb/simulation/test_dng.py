"""DNG files: LibRaw and ExifRead get back exactly what was written."""

import io
from datetime import datetime
from fractions import Fraction

import exifread
import numpy as np
import pytest
import rawpy
import tifffile

from ebb.errors import UsageError
from ebb.formats.exif_writer import ShotInfo
from ebb.simulation.dng import write_dng
from ebb.simulation.sensor import Exposure, Sensor

SENSOR = Sensor()
EXPOSURE = Exposure(iso=400, white_balance=(2.125, 1.0, 1.5))


def shot(orientation: int = 1) -> ShotInfo:
    return ShotInfo(
        captured_at=datetime(2019, 6, 2, 14, 4, 49, 865_000),
        exposure_time_s=Fraction(1, 60),
        f_number=1.8,
        iso=400,
        focal_length_mm=50,
        orientation=orientation,
        lens="EF50mm f/1.8 II",
    )


@pytest.fixture(scope="module")
def mosaic() -> np.ndarray:
    """Every 14-bit value, twice; taller than one strip."""
    rng = np.random.default_rng(0)
    return rng.permutation(np.tile(np.arange(1 << 14, dtype=np.uint16), 24)).reshape(512, 768)


@pytest.mark.parametrize(("orientation", "flip"), [(1, 0), (3, 3), (6, 6), (8, 5)])
def test_libraw_reads_back_numbers_levels_and_colour(mosaic: np.ndarray, orientation: int, flip: int) -> None:
    file = write_dng(mosaic, shot(orientation), SENSOR, EXPOSURE)
    with rawpy.imread(io.BytesIO(file)) as raw:
        np.testing.assert_array_equal(raw.raw_image, mosaic)
        assert raw.black_level_per_channel == [2048] * 4
        assert raw.white_level == 15300
        assert raw.color_desc == b"RGBG"
        np.testing.assert_array_equal(raw.raw_pattern, [[0, 1], [3, 2]])
        assert raw.sizes.flip == flip
        np.testing.assert_allclose(raw.camera_whitebalance[:3], EXPOSURE.white_balance, rtol=1e-6)
        np.testing.assert_allclose(raw.color_matrix[:, :3], np.linalg.inv(SENSOR.srgb_to_camera), atol=2e-4)


def test_exifread_reads_back_every_value(mosaic: np.ndarray) -> None:
    tags = exifread.process_file(io.BytesIO(write_dng(mosaic, shot(6), SENSOR, EXPOSURE)), details=False)
    found = {name.split(" ", 1)[1]: str(value) for name, value in tags.items()}
    assert found["ExposureTime"] == "1/60"
    assert found["FNumber"] == "9/5"
    assert found["ISOSpeedRatings"] == "400"
    assert found["DateTimeOriginal"] == "2019:06:02 14:04:49"
    assert found["SubSecTimeOriginal"] == "865"
    assert found["FocalLength"] == "50"
    assert found["LensModel"] == "EF50mm f/1.8 II"
    assert found["Orientation"] == "Rotated 90 CW"
    assert (found["ImageWidth"], found["ImageLength"]) == ("768", "512")
    assert (found["ExifImageWidth"], found["ExifImageLength"]) == ("768", "512")


def test_tifffile_reads_strips_and_noise(mosaic: np.ndarray) -> None:
    with tifffile.TiffFile(io.BytesIO(write_dng(mosaic, shot(), SENSOR, EXPOSURE))) as tiff:
        page = tiff.pages.first
        np.testing.assert_array_equal(page.asarray(), mosaic)
        assert len(page.dataoffsets) > 1
        np.testing.assert_allclose(page.tags[51041].value, SENSOR.noise_profile(400))


def test_equal_shots_make_equal_bytes(mosaic: np.ndarray) -> None:
    assert write_dng(mosaic, shot(), SENSOR, EXPOSURE) == write_dng(mosaic, shot(), SENSOR, EXPOSURE)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)])
def test_not_a_mosaic(wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"shape \(height, width\) and type uint16"):
        write_dng(wrong, shot(), SENSOR, EXPOSURE)
