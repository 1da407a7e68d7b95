"""Bokeh against plain convolution, the thin lens, and the photo itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve

import ebb
from ebb.api.bokeh import full_size_depth
from ebb.bokeh.aperture import blur_kernel
from tests.helpers.captures import scene

PHOTO = scene(4, (96, 64))
DEPTH = np.tile(np.linspace(1, 0, 48), (32, 1))
"""Near at the left, at half size."""


def srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def light(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    values = photo / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def test_strength_0_returns_the_photo() -> None:
    found = ebb.render_bokeh(PHOTO, DEPTH, max_blur_px=20, strength=0, highlights=4)
    assert found.tobytes() == PHOTO.tobytes()
    assert found is not PHOTO


@pytest.mark.parametrize("aperture", [ebb.Aperture(), ebb.Aperture(blades=6, rotation_deg=10)])
def test_one_plane_is_a_convolution_with_the_aperture(aperture: ebb.Aperture) -> None:
    """All at depth 0, the focus at 1: one disc for every pixel."""
    depth = np.zeros((64, 96))
    lens = ebb.Lens(focal_length_mm=50, f_number=2)
    # A · v / 1000 over the pitch, in pixels for each dioptre: v = f / (1 − f / 1 m)
    diameter = 25 * (50 / (1 - 0.05)) / 1000 / (36 / 96)
    found = ebb.render_bokeh(PHOTO, depth, focus=1.0, lens=lens, aperture=aperture)
    kernel = blur_kernel(diameter, aperture)
    turned = kernel[::-1, ::-1, None]  # a convolution turns its kernel
    blurred = convolve(light(PHOTO), turned, mode="reflect")
    assert np.abs(found - 255 * srgb(blurred)).max() <= 1


def test_a_round_aperture_is_a_disc() -> None:
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    depth = np.zeros((65, 65))
    depth[0, 0] = 1  # in focus
    found = light(ebb.render_bokeh(point, depth, focus=(0, 0), max_blur_px=21, highlights=100))[..., 0]
    y, x = np.mgrid[-32:33, -32:33]
    radius = np.hypot(x, y)
    assert found[radius > 11.5].max() == 0
    inside = found[radius < 9.5]
    assert inside.min() > 0.8 * inside.max()
    assert inside.mean() == pytest.approx(100 / (np.pi * 10.5**2), rel=0.03)


def test_the_focus_is_a_point_a_value_or_the_subject() -> None:
    by_point = ebb.render_bokeh(PHOTO, DEPTH, focus=(95, 10), max_blur_px=12)
    value = full_size_depth(PHOTO, DEPTH)[10, 95]
    by_value = ebb.render_bokeh(PHOTO, DEPTH, focus=float(value), max_blur_px=12)
    np.testing.assert_array_equal(by_point, by_value)
    np.testing.assert_array_equal(by_point[:, 90:], PHOTO[:, 90:])
    assert np.abs(by_point[:, :20].astype(int) - PHOTO[:, :20]).mean() > 5
    subject = np.zeros((32, 48))
    subject[8:24, 16:32] = 1
    found = ebb.render_bokeh(PHOTO, subject, max_blur_px=12)
    np.testing.assert_array_equal(found[24:40, 40:56], PHOTO[24:40, 40:56])


def test_the_largest_blur_is_the_requested_one() -> None:
    """Light of a point at the far end is spread over a disc of that diameter."""
    point = np.zeros((64, 96, 3), np.uint8)
    point[32, 80] = 255
    depth = np.zeros((64, 96))
    depth[:, :40] = 1
    for diameter in (9, 15):
        found = ebb.render_bokeh(point, depth, focus=1.0, max_blur_px=diameter, highlights=1000)
        lit = np.flatnonzero(found[32, :, 0])
        assert lit.max() - lit.min() + 1 == diameter
    half = ebb.render_bokeh(point, depth, focus=1.0, max_blur_px=18, strength=0.5, highlights=1000)
    assert np.flatnonzero(half[32, :, 0]).size == 9


def test_depth_in_dioptres_goes_through_the_lens() -> None:
    """A light at infinity behind a focus of 2 m: c = A · v · (1 / s)."""
    point = np.zeros((64, 96, 3), np.uint8)
    point[32, 64] = 255
    depth = np.full((64, 96), 0.5)
    depth[:, 36:] = 0
    found = ebb.render_bokeh(point, depth, focus=0.5, lens=ebb.Lens(200, 2), highlights=1e4)
    diameter = 100 * 200 / (1 - 0.2 / 2) / 1000 / 2 * 96 / 36
    touched = 2 * np.ceil(diameter / 2 - 0.5) + 1  # pixels of a row that the disc reaches into
    assert np.flatnonzero(found[32, :, 0]).size == touched


def test_units_and_types_of_depth_do_not_matter() -> None:
    codes = np.rint(255 * DEPTH).astype(np.uint8)
    first = ebb.render_bokeh(PHOTO, codes, focus=(95, 0), max_blur_px=10)
    again = ebb.render_bokeh(PHOTO, 4.0 * codes, focus=(95, 0), max_blur_px=10)
    np.testing.assert_array_equal(first, again)


def test_photos_of_16_bits_and_floats_give_the_same_picture() -> None:
    expected = ebb.render_bokeh(PHOTO, DEPTH, focus=(95, 0), max_blur_px=10)
    for photo in (PHOTO.astype(np.uint16) * 257, PHOTO / 255):
        found = ebb.render_bokeh(photo, DEPTH, focus=(95, 0), max_blur_px=10)
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_larger_maps_are_averaged() -> None:
    large = np.random.default_rng(0).random((128, 192)).astype(np.float32)
    np.testing.assert_allclose(
        full_size_depth(PHOTO, large), large.reshape(64, 2, 96, 2).mean(axis=(1, 3)), atol=1e-6
    )
    same = cv2.resize(large, (96, 64))
    np.testing.assert_array_equal(full_size_depth(PHOTO, same), same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "exactly one of max_blur_px and lens"),
        ({"max_blur_px": 5, "lens": ebb.Lens(50, 2)}, "exactly one of max_blur_px and lens"),
        ({"max_blur_px": -1}, "at least 0 pixels, not -1"),
        ({"max_blur_px": 5, "strength": -1}, "strength must be at least 0, not -1"),
        ({"max_blur_px": 5, "highlights": 0.5}, "highlights must be at least 1, not 0.5"),
        ({"max_blur_px": 5, "focus": (96, 0)}, r"\(96, 0\) is outside the photo of 96 x 64"),
        ({"max_blur_px": 5, "cats_eye": 2}, "cats_eye must be between 0 and 1"),
        ({"lens": ebb.Lens(50, 2), "focus": -1.0}, "dioptres"),
    ],
)
def test_arguments_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ebb.UsageError, match=message):
        ebb.render_bokeh(PHOTO, DEPTH, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (np.zeros((4, 5, 1)), r"\(height, width\), not \(4, 5, 1\)"),
        (np.full((4, 5), np.inf), "must be finite"),
    ],
)
def test_invalid_depth_maps_are_refused(depth: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ebb.UsageError, match=message):
        ebb.render_bokeh(PHOTO, depth, max_blur_px=5)
