"""Photos with depth as scenes: where they are put, what is in focus, how bright their lights are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.simulation.rgbd import FARTHEST_M, NEAREST_M, scene_from_photo
from ebb.simulation.scenes import MARGIN, margin_px
from ebb.srgb import encode_srgb

SIZE = Size(120, 80)
MARGIN_PX = margin_px(SIZE)
FULL = Size(SIZE.width + 2 * MARGIN_PX, SIZE.height + 2 * MARGIN_PX)


def ramp(width: int, height: int) -> np.ndarray:
    """Nearer below: 0 … 1."""
    return np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, axis=1)


def photo(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards: every pixel says where it comes from."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    return np.rint(255 * 0.9 * np.dstack([x, y, 0.3 + 0 * x])).astype(np.uint8)


def test_margin_is_that_of_procedural_scenes() -> None:
    assert round(MARGIN * 120) == MARGIN_PX
    assert margin_px(Size(80, 120)) == MARGIN_PX


def test_a_photo_of_the_right_size_is_not_resampled() -> None:
    made = scene_from_photo(photo(*FULL), ramp(*FULL), SIZE, "inverse")
    assert made.size == SIZE
    assert made.margin == MARGIN_PX
    assert made.rgb.dtype == made.depth_m.dtype == np.float32
    np.testing.assert_array_equal(encode_srgb(made.rgb), photo(*FULL))


def test_relative_depth_is_scaled_to_the_size_of_a_room() -> None:
    """Inverse distance is linear in the map, whatever its scale and offset."""
    one = scene_from_photo(photo(*FULL), ramp(*FULL), SIZE, "inverse").depth_m
    other = scene_from_photo(photo(*FULL), 40_000 * ramp(*FULL) + 300, SIZE, "inverse").depth_m
    assert (one.min(), one.max()) == pytest.approx((NEAREST_M, FARTHEST_M), rel=1e-5)
    middle = 1 / one[[0, -1]].mean(axis=1)
    assert 1 / one[FULL.height // 2].mean() == pytest.approx(middle.mean(), rel=0.02)
    np.testing.assert_allclose(other, one, rtol=1e-4)


def test_metres_are_kept_and_the_sky_is_at_infinity() -> None:
    inverse = np.full((FULL.height, FULL.width), 1 / 3, np.float32)
    inverse[:20], inverse[-5:] = 0, 1 / 0.1
    made = scene_from_photo(photo(*FULL), inverse, SIZE, "metres")
    assert np.isinf(made.depth_m[:20]).all()
    np.testing.assert_allclose(made.depth_m[20:-5], 3)
    np.testing.assert_allclose(made.depth_m[-5:], 0.45)  # no 50 mm lens focuses nearer
    assert made.focus_m == pytest.approx(3)


def test_focus_is_on_the_near_object_in_the_middle() -> None:
    inverse = np.full((FULL.height, FULL.width), 0.1, np.float32)
    inverse[FULL.height // 3 : -FULL.height // 3, FULL.width // 3 : -FULL.width // 3][:, 10:] = 0.5
    inverse[:, :5] = 2.0
    assert scene_from_photo(photo(*FULL), inverse, SIZE, "metres").focus_m == pytest.approx(2)


def test_a_landscape_of_sky_is_focused_at_the_largest_distance() -> None:
    made = scene_from_photo(photo(*FULL), np.zeros((FULL.height, FULL.width), np.float32), SIZE, "metres")
    assert made.focus_m == pytest.approx(FARTHEST_M)


@settings(deadline=None, max_examples=20)
@given(st.integers(FULL.width, 500), st.integers(FULL.height, 400))
def test_the_middle_of_any_photo_is_cut_out_undistorted(width: int, height: int) -> None:
    made = scene_from_photo(photo(width, height), ramp(width, height), SIZE, "inverse")
    found = encode_srgb(made.rgb).astype(float) / 255 / 0.9
    assert found.shape == (FULL.height, FULL.width, 3)
    middle = found[FULL.height // 2 - 1 : FULL.height // 2 + 1, FULL.width // 2 - 1 : FULL.width // 2 + 1]
    np.testing.assert_allclose(middle.mean(axis=(0, 1))[:2], 0.5, atol=0.02)
    right = (found[:, -1, 0] - found[:, 0, 0]).mean() * width / (FULL.width - 1)
    down = (found[-1, :, 1] - found[0, :, 1]).mean() * height / (FULL.height - 1)
    assert right == pytest.approx(down, rel=0.06), "pixels are no longer square"


def test_coarse_depth_is_interpolated_and_fine_depth_is_picked() -> None:
    coarse = scene_from_photo(photo(*FULL), ramp(14, 10), SIZE, "inverse").depth_m
    assert len(np.unique(coarse[:, 0])) > 40
    fine = ramp(4 * FULL.width, 4 * FULL.height) > 0.5
    picked = scene_from_photo(photo(*FULL), fine.astype(np.float32), SIZE, "inverse").depth_m
    np.testing.assert_allclose(np.unique(picked), [NEAREST_M, FARTHEST_M], rtol=1e-5)


def test_clipped_lights_are_brighter_than_white() -> None:
    bright = photo(*FULL)
    bright[10:14, 10:14] = 255
    bright[30:34, 30:34] = (255, 255, 0)
    made = scene_from_photo(bright, ramp(*FULL), SIZE, "inverse")
    np.testing.assert_allclose(made.rgb[10:14, 10:14], 4)
    assert made.rgb[30:34, 30:34].max() <= 1, "a saturated colour is no lamp"


def test_sixteen_bits() -> None:
    deep = scene_from_photo(photo(*FULL).astype(np.uint16) * 257, ramp(*FULL), SIZE, "inverse")
    plain = scene_from_photo(photo(*FULL), ramp(*FULL), SIZE, "inverse")
    np.testing.assert_allclose(deep.rgb, plain.rgb, atol=1e-6)


@pytest.mark.parametrize("size", [(FULL.width - 1, FULL.height), (FULL.width, FULL.height - 1), (64, 48)])
def test_a_photo_that_is_too_small_suggests_a_size(size: tuple[int, int]) -> None:
    with pytest.raises(Rejected, match=r"use --size (\d+)x(\d+)") as caught:
        scene_from_photo(photo(*size), ramp(*size), SIZE, "inverse")
    assert caught.value.reason is Reason.TOO_SMALL
    words = caught.value.message.split("--size ")[1].split(" ")[0]
    smaller = Size(*map(int, words.split("x")))
    assert scene_from_photo(photo(*size), ramp(*size), smaller, "inverse").size == smaller
