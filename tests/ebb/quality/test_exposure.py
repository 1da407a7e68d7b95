"""Gain and fall-off against those that were made."""

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.photo.resample import resample
from ebb.quality.exposure import ExposureDifference, clipped_share, exif_ev
from ebb.quality.exposure import measure_exposure as measure_photos
from ebb.quality.measured_photo import MeasuredPhoto
from ebb.simulation.sensor import vignetting
from tests.helpers.textured_pairs import FRAME, encoded, texture

LIGHT = np.stack([0.5 * texture(channel) for channel in range(3)], axis=2)


def shallow(gain: tuple[float, ...] = (1.0, 1.0, 1.0), loss: float = 0.0, blur: float = 5.0) -> np.ndarray:
    soft = cv2.GaussianBlur(LIGHT, (0, 0), blur) if blur else LIGHT
    soft = soft * vignetting(FRAME.width, FRAME.height, loss)[..., None]
    return (soft * np.array(gain, np.float32)).astype(np.float32)


def measure_exposure(
    wide: np.ndarray, shallow: np.ndarray, H: np.ndarray, prior_ev: float | None = None
) -> ExposureDifference:
    return measure_photos(MeasuredPhoto(wide), MeasuredPhoto(shallow), H, prior_ev)


def ev(gain: tuple[float, ...]) -> np.ndarray:
    return np.log2(np.array(gain))


@pytest.mark.parametrize("gain", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (1.7, 1.6, 1.5), (0.36, 0.35, 0.34)])
@pytest.mark.parametrize("blur", [0.0, 8.0])
def test_gain_within_two_hundredths_of_a_stop(gain: tuple[float, ...], blur: float) -> None:
    found = measure_exposure(encoded(LIGHT), encoded(shallow(gain, blur=blur)), np.eye(3))
    assert np.abs(ev(found.gain) - ev(gain)).max() < 0.02


@pytest.mark.parametrize("loss", [0.2, 0.5])
def test_vignetting_is_separated_from_gain(loss: float) -> None:
    found = measure_exposure(encoded(LIGHT), encoded(shallow((1.2, 1.2, 1.2), loss)), np.eye(3))
    assert found.vignetting_ev == pytest.approx(np.log2(1 - loss), abs=0.1)
    assert found.ev == pytest.approx(np.log2(1.2), abs=0.02)


def test_vignetting_is_that_of_the_shallow_frame() -> None:
    """A turn moves the dark corners; gain and fall-off stay what they are."""
    shift = np.array([[1.0, 0.0, 40.0], [0.0, 1.0, -25.0], [0.0, 0.0, 1.0]])
    turned = cv2.warpPerspective(LIGHT, np.linalg.inv(shift), FRAME, borderMode=cv2.BORDER_REFLECT)
    dark = 1.2 * turned * vignetting(FRAME.width, FRAME.height, 0.5)[..., None]
    found = measure_exposure(encoded(LIGHT), encoded(dark.astype(np.float32)), shift)
    assert found.ev == pytest.approx(np.log2(1.2), abs=0.02)
    assert found.vignetting_ev == pytest.approx(-1.0, abs=0.15)


def test_noise_and_clipping_within_a_twentieth() -> None:
    bright = shallow((2.5, 2.5, 2.5))
    photos = encoded(LIGHT, noise=0.02), encoded(bright, noise=0.02, seed=1)
    found = measure_exposure(*photos, np.eye(3))
    assert (photos[1] == 255).any(axis=2).mean() > 0.005
    assert found.ev == pytest.approx(np.log2(2.5), abs=0.05)


@pytest.mark.parametrize(("side", "blur"), [(0.45, 12.0), (0.6, 4.0), (0.6, 8.0)])
def test_a_bright_window_in_the_middle_does_not_affect_the_gain(side: float, blur: float) -> None:
    """It clips, and blur carries its light into the rest of the frame, where gain and fall-off show."""
    height, width = LIGHT.shape[:2]
    rows, columns = (slice(round(n * (1 - side) / 2), round(n * (1 + side) / 2)) for n in (height, width))
    scene = 0.4 * LIGHT
    scene[rows, columns] = 0.35 + 0.2 * LIGHT[rows, columns]
    soft = cv2.GaussianBlur(scene, (0, 0), blur) * vignetting(FRAME.width, FRAME.height, 0.5)[..., None]
    photos = encoded(scene, noise=0.005), encoded((2.6 * soft).astype(np.float32), noise=0.005, seed=1)
    found = measure_exposure(*photos, np.eye(3))
    assert found.clipped_shallow > 0.04
    assert found.ev == pytest.approx(np.log2(2.6), abs=0.05)
    assert found.vignetting_ev == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.8, 2.6])
def test_light_that_the_exposure_cuts_off(gain: float) -> None:
    """Truth: blocks whose mean light exceeds the range by half a stop, in any channel."""
    scene = np.stack([0.8 * cv2.GaussianBlur(texture(n), (0, 0), 8) for n in range(3)], axis=2)
    found = measure_exposure(encoded(scene), encoded(scene, gain=gain), np.eye(3))
    rows, columns = FRAME.height // 8, FRAME.width // 8
    light = scene.reshape(rows, 8, columns, 8, 3).mean(axis=(1, 3))
    assert found.cut_off_share == pytest.approx((gain * light > 2**0.5).any(axis=2).mean(), abs=0.02)
    assert (found.cut_off_share > 0.01) == (gain > 2)


def test_a_moved_object_does_not_affect_the_gain() -> None:
    other = shallow((1.3, 1.3, 1.3))
    other[100:260, 100:300] = 0.9
    assert measure_exposure(encoded(LIGHT), encoded(other), np.eye(3)).ev == pytest.approx(
        np.log2(1.3), abs=0.03
    )


def test_exif_is_used_if_nothing_can_be_measured() -> None:
    black = np.zeros((128, 192, 3), np.uint8)
    found = measure_exposure(black, black, np.eye(3), prior_ev=0.7)
    assert (found.num_blocks, found.vignetting_ev) == (0, 0.0)
    assert found.ev == pytest.approx(0.7)
    assert measure_exposure(black, black, np.eye(3)).gain == (1.0, 1.0, 1.0)


def test_exif_hardly_affects_a_measurement() -> None:
    photos = encoded(LIGHT), encoded(shallow((1.2, 1.2, 1.2)))
    plain, told = (measure_exposure(*photos, np.eye(3), prior).ev for prior in (None, -1.0))
    assert abs(plain - told) < 0.01


def test_stops_by_exif() -> None:
    assert exif_ev((16.0, 1 / 10, 800.0), (2.0, 1 / 80, 100.0)) == pytest.approx(0.0)
    assert exif_ev((16.0, 1 / 10, 800.0), (2.0, 1 / 40, 100.0)) == pytest.approx(1.0)
    assert exif_ev((16.0, None, 800.0), (2.0, 1 / 80, 100.0)) is None
    assert exif_ev((16.0, 0.0, 800.0), (2.0, 1 / 80, 100.0)) is None


def test_matched_photos_are_equally_bright() -> None:
    wide, bright = encoded(LIGHT), encoded(shallow((1.5, 1.4, 1.3)))
    found = measure_exposure(wide, bright, np.eye(3))
    matched = resample(bright, np.eye(3), Size(bright.shape[1], bright.shape[0]), found.gain)
    again = measure_exposure(wide, matched, np.eye(3))
    assert np.abs(ev(again.gain)).max() < 0.02


def test_a_channel_that_clips_alone_is_not_overexposed() -> None:
    """The blue of a clear sky; with green it is."""
    photo = np.zeros((10, 10, 3), np.uint8)
    photo[:6, :, 2] = 255
    assert clipped_share(photo) == 0.0
    photo[:3, :, 1] = 255
    assert clipped_share(photo) == pytest.approx(0.3)
