"""Homography arithmetic against OpenCV and against motions put together by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.geometry.homography import (
    apply,
    corner_error_px,
    corner_pixels,
    decompose,
    rescale_homography,
    transfer_error_px,
)
from ebb.geometry.pixel_grid import resize_homography

SIZE = Size(1536, 1024)
small = st.floats(-0.05, 0.05)
H_ANY = np.array([[1.02, -0.01, 12.0], [0.012, 0.98, -7.5], [1e-6, -2e-6, 1.0]])


def turn(degrees: float, scale: float, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Rotation and scale about the frame centre, then a shift."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = (np.array(SIZE) - 1) / 2
    H = np.eye(3)
    H[:2, :2] = linear
    H[:2, 2] = centre - linear @ centre + shift
    return H


def test_apply_agrees_with_opencv() -> None:
    points = np.random.default_rng(0).uniform(0, 1000, (50, 2)).astype(np.float32)
    expected = cv2.perspectiveTransform(points[None].astype(np.float64), H_ANY)[0]
    np.testing.assert_allclose(apply(H_ANY, points), expected, rtol=1e-12)


def test_apply_of_no_points_is_no_points() -> None:
    assert apply(H_ANY, np.empty((0, 2), np.float32)).shape == (0, 2)


def test_apply_sends_the_vanishing_line_to_infinity_without_a_warning() -> None:
    H = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert not np.isfinite(apply(H, np.array([[0.0, 5.0]]))).any()


@settings(deadline=None, max_examples=30)
@given(
    a=small, b=small, c=small, d=small, x=st.floats(-50, 50), y=st.floats(-50, 50), e=st.floats(-2e-5, 2e-5)
)
def test_the_inverse_gives_the_identity(
    a: float, b: float, c: float, d: float, x: float, y: float, e: float
) -> None:
    H = np.array([[1 + a, b, x], [c, 1 + d, y], [e, -e, 1.0]])
    corners = corner_pixels(SIZE)
    np.testing.assert_allclose(apply(np.linalg.inv(H), apply(H, corners)), corners, atol=1e-6)


def test_a_rescaled_homography_maps_the_same_points() -> None:
    shallow_scale, wide_scale = (0.4, 0.41), 0.5
    H = rescale_homography(H_ANY, shallow_scale, wide_scale)
    place = np.array([[300.0, 200.0]])
    along_small = apply(H, apply(resize_homography(shallow_scale), place))
    along_full = apply(resize_homography(wide_scale), apply(H_ANY, place))
    np.testing.assert_allclose(along_small, along_full, atol=1e-9)
    assert H[2, 2] == 1.0


def test_rescaling_is_invertible() -> None:
    there = rescale_homography(H_ANY, 0.5, 0.25)
    np.testing.assert_allclose(rescale_homography(there, 2.0, 4.0), H_ANY, atol=1e-12)


def test_transfer_error_is_the_distance_in_the_target() -> None:
    source = np.zeros((2, 2), np.float32)
    target = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(transfer_error_px(np.eye(3), source, target), [5.0, 0.0])


def test_corner_error_of_a_shift_is_its_length_at_every_corner() -> None:
    np.testing.assert_allclose(corner_error_px(turn(0, 1, (3, -4)), np.eye(3), SIZE), 5.0)


def test_corner_error_of_a_roll_is_the_chord() -> None:
    half_diagonal = np.hypot(SIZE.width - 1, SIZE.height - 1) / 2
    expected = 2 * half_diagonal * np.sin(np.radians(1.0) / 2)
    np.testing.assert_allclose(corner_error_px(turn(1.0, 1.0), np.eye(3), SIZE), expected)


def test_decompose_recovers_the_components() -> None:
    components = decompose(turn(1.5, 1.03, (12.0, -8.0)), SIZE)
    expected = (1.03, 1.03, 1.5, 0.0)
    np.testing.assert_allclose(components[:4], expected, atol=1e-9)


def test_decompose_of_the_identity() -> None:
    np.testing.assert_allclose(decompose(np.eye(3), SIZE), (1, 1, 0, 0, 0), atol=1e-12)


def test_decompose_does_not_depend_on_the_scale_of_the_matrix() -> None:
    np.testing.assert_allclose(decompose(-3.0 * H_ANY, SIZE), decompose(H_ANY, SIZE))


def test_decompose_of_an_anisotropic_scale() -> None:
    components = decompose(np.diag([1.2, 0.9, 1.0]), SIZE)
    assert components.scale_min == pytest.approx(0.9)
    assert components.scale_max == pytest.approx(1.2)


def test_decompose_marks_a_mirror_by_a_negative_scale() -> None:
    assert decompose(np.diag([-1.0, 1.0, 1.0]), SIZE).scale_min == pytest.approx(-1.0)


def test_stretch_is_zero_for_similarities_only() -> None:
    assert decompose(turn(1.5, 1.03, (12.0, -8.0)), SIZE).stretch == pytest.approx(0, abs=1e-12)
    wider, mirrored = np.diag([1.02, 1.0, 1.0]), np.diag([-1.02, 1.0, 1.0])
    assert decompose(wider, SIZE).stretch == pytest.approx(0.02)
    assert decompose(mirrored, SIZE).stretch == pytest.approx(0.02)
    assert decompose(np.diag([0.0, 1.0, 1.0]), SIZE).stretch == np.inf


def test_perspective_is_the_change_of_depth_at_the_corner() -> None:
    H = np.eye(3)
    H[2, 0] = 1e-4
    centre_x = (SIZE.width - 1) / 2
    assert decompose(H, SIZE).perspective == pytest.approx(1e-4 * centre_x / (1 + 1e-4 * centre_x))
