"""Developing: the inverse of the sensor, LibRaw as the second opinion."""

import io
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest
import rawpy
from skimage import data

from ebb.bokeh.thin_lens import Lens, PixelGrid
from ebb.errors import UsageError
from ebb.formats.exif_writer import ShotInfo
from ebb.simulation.develop import as_stored, develop
from ebb.simulation.dng import write_dng
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.sensor import Exposure, Sensor, expose
from ebb.srgb import decode_srgb

SENSOR = Sensor()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A real photo as light on a sensor: through lens and anti-aliasing filter, a little below white."""
    full = decode_srgb(data.astronaut())
    kernel = focus_kernel(SENSOR, Lens(50.0, 16.0), PixelGrid(SENSOR.width_mm, 1296))
    return spread_light((0.85 * full + 0.02).astype(np.float32), kernel)


def psnr(preds: np.ndarray, target: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((preds.astype(np.float64) - target) ** 2)))


def libraw(mosaic: np.ndarray, exposure: Exposure, gamma: tuple[float, float]) -> np.ndarray:
    shot = ShotInfo(
        captured_at=datetime(2024, 1, 1),
        exposure_time_s=Fraction(1, 100),
        f_number=16,
        iso=int(exposure.iso),
        focal_length_mm=50,
    )
    with rawpy.imread(io.BytesIO(write_dng(mosaic, shot, SENSOR, exposure))) as raw:
        return raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            gamma=gamma,
            output_bps=16,
            user_flip=0,
        )


def test_flat_colours_are_recovered_exactly() -> None:
    for colour in ((0.2, 0.2, 0.2), (0.5, 0.3, 0.1), (0.1, 0.2, 0.4)):
        flat = np.full((32, 32, 3), colour, np.float32)
        exposure = Exposure(white_balance=(2.2, 1.0, 1.4))
        mosaic = expose(flat, SENSOR, exposure, None)
        np.testing.assert_allclose(develop(mosaic, SENSOR, exposure.white_balance), flat, atol=4e-4)
        inner = libraw(mosaic, exposure, (1, 1))[4:-4, 4:-4] / 65535
        np.testing.assert_allclose(inner, flat[4:-4, 4:-4], atol=6e-4)


def test_development_agrees_with_libraw(photo: np.ndarray) -> None:
    exposure = Exposure(iso=100)
    mosaic = expose(photo, SENSOR, exposure, np.random.default_rng(1))
    ours = develop(mosaic, SENSOR, exposure.white_balance)
    theirs = libraw(mosaic, exposure, (1, 1)) / 65535
    inner = np.s_[8:-8, 8:-8]
    assert psnr(theirs[inner], photo[inner]) >= 37
    assert psnr(ours[inner], photo[inner]) >= 36


def test_stored_corners() -> None:
    """EXIF 2.3, tag Orientation: what of the scene row 0 and column 0 show."""
    upright = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    assert as_stored(upright, 6).tolist() == [[3, 6], [2, 5], [1, 4]]
    assert as_stored(upright, 8).tolist() == [[4, 1], [5, 2], [6, 3]]
    assert as_stored(upright, 3).tolist() == [[6, 5, 4], [3, 2, 1]]


def test_unknown_orientation() -> None:
    with pytest.raises(UsageError, match="must be 1 to 8"):
        as_stored(np.zeros((2, 2), np.float32), 9)
