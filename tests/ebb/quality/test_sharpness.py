"""Focus figures from tiles, and blur discs that were made."""

import cv2
import numpy as np
import pytest

from ebb.quality.sharpness import defocus_map, defocus_px, focus_figures, median_of
from tests.photographed import FRAME, encoded, texture


def tiles(count: int = 100) -> dict[str, np.ndarray]:
    return {
        "in_focus": np.arange(count) < 20,
        "contrast_wide": np.where(np.arange(count) < 60, 0.05, 0.001),
        "contrast_shallow": np.where(np.arange(count) < 20, 0.04, 0.001),
        "correlation": np.where(np.arange(count) < 20, 0.97, 0.1),
        "shifts": np.full((count, 2), 0.03),
    }


def test_a_good_pair() -> None:
    found = focus_figures(**tiles())
    assert found.focus_share == 0.2
    assert (found.sharpness_wide, found.sharpness_shallow) == (0.05, 0.04)
    assert found.residual_px == pytest.approx(0.03 * np.sqrt(2))
    assert found.residual_p95_px == pytest.approx(0.03 * np.sqrt(2))
    assert (found.focus_correlation, found.focus_mismatch) == (0.97, 0.0)


def test_sharp_things_that_differ_are_a_mismatch() -> None:
    moved = tiles()
    moved["correlation"][:10] = 0.0
    assert focus_figures(**moved).focus_mismatch == 0.5


def test_noise_is_no_mismatch() -> None:
    noisy = tiles()
    noisy["contrast_wide"][:], noisy["contrast_shallow"][:], noisy["correlation"][:] = 0.02, 0.02, 0.0
    assert np.isnan(focus_figures(**noisy).focus_mismatch)


def test_nothing_in_focus() -> None:
    blurred = tiles() | {"in_focus": np.zeros(100, bool)}
    found = focus_figures(**blurred)
    assert found.focus_share == 0
    assert np.isnan([found.residual_px, found.sharpness_shallow, found.focus_correlation]).all()
    none = {name: values[:0] for name, values in tiles().items()}
    assert focus_figures(**none).focus_share == 0


@pytest.mark.parametrize("disc", [4.0, 8.0, 16.0, 32.0])
def test_a_disc_is_recognised(disc: float) -> None:
    """Truth: convolution with a uniform disc, in linear light."""
    radius = disc / 2
    y, x = np.mgrid[-20:21, -20:21]
    kernel = (np.hypot(x, y) <= radius).astype(np.float32)
    light = texture(3)
    shallow = cv2.filter2D(light, -1, kernel / kernel.sum())
    found = median_of(defocus_px(encoded(light), encoded(shallow), np.eye(3)))
    assert disc / 2 <= found <= 2 * disc


def test_a_map_with_two_halves() -> None:
    light = texture(4)
    shallow = light.copy()
    half = FRAME.width // 2
    shallow[:, :half] = cv2.GaussianBlur(light, (0, 0), 4.0)[:, :half]
    blurs = defocus_px(encoded(light), encoded(shallow), np.eye(3))
    columns = blurs.shape[1]
    assert np.nanmedian(blurs[:, : columns // 2 - 1]) == 16
    assert np.nanmedian(blurs[:, columns // 2 + 1 :]) == 0
    by_part = np.array(defocus_map(blurs), float).reshape(4, 4)
    np.testing.assert_array_equal(by_part[:, [0, 3]], [[16, 0]] * 4)


def test_plain_walls_say_nothing() -> None:
    wall = np.full((128, 128), 100, np.uint8)
    blurs = defocus_px(wall, wall, np.eye(3))
    assert np.isnan(median_of(blurs))
    assert defocus_map(blurs) == [None] * 16
