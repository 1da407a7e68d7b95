"""Pixel grids against OpenCV's resizing, and derivatives against differences."""

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.geometry.pixel_grid import (
    grid_cells,
    jacobian,
    resize_homography,
    resized_coordinate,
    shift_homography,
)

SIZE = Size(1536, 1024)


@pytest.mark.parametrize("scale", [0.5, 0.8, 2.0])
def test_resizing_keeps_the_outer_edges_of_the_frame(scale: float) -> None:
    edges = np.array([[-0.5, -0.5], [SIZE.width - 0.5, SIZE.height - 0.5]])
    expected = np.array([[-0.5, -0.5], [SIZE.width * scale - 0.5, SIZE.height * scale - 0.5]])
    np.testing.assert_allclose(apply(resize_homography(scale), edges), expected)


def test_resizing_agrees_with_the_area_resize_of_opencv() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32), (30, 1))
    halved = cv2.resize(ramp, (20, 15), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(
        apply(np.linalg.inv(resize_homography(0.5)), np.array([[7.0, 3.0]]))[0, 0], halved[3, 7]
    )


def test_resizing_by_hand() -> None:
    np.testing.assert_allclose(resize_homography(0.5) @ [0.5, 0.5, 1], [0, 0, 1], atol=1e-15)
    np.testing.assert_allclose(
        resize_homography(2.0) @ [-0.5, 9.5, 1], [-0.5, 19.5, 1]
    )  # borders stay borders
    np.testing.assert_allclose(resize_homography((2.0, 3.0)) @ [0, 0, 1], [0.5, 1.0, 1])
    assert resize_homography(2).dtype == np.float64


def test_a_coordinate_is_resized_as_by_the_homography() -> None:
    x = np.array([-0.5, 0.0, 7.25])
    expected = apply(resize_homography(0.3), np.column_stack([x, x]))[:, 0]
    np.testing.assert_allclose(resized_coordinate(x, 0.3), expected)


def test_a_shift_moves_right_and_down() -> None:
    np.testing.assert_array_equal(apply(shift_homography(3, -4), np.array([[1.0, 1.0]])), [[4.0, -3.0]])


def test_the_jacobian_is_the_derivative() -> None:
    H = np.array([[1.02, -0.01, 12.0], [0.012, 0.98, -7.5], [1e-4, -2e-4, 1.0]])
    x, y, step = 300.0, 200.0, 1e-3
    around = np.array([[x + step, y], [x - step, y], [x, y + step], [x, y - step]])
    right, left, down, up = apply(H, around)
    by_differences = np.column_stack([right - left, down - up]) / (2 * step)
    np.testing.assert_allclose(jacobian(H, x, y), by_differences, atol=1e-8)
    np.testing.assert_allclose(jacobian(-3 * H, x, y), jacobian(H, x, y))


def test_cells_cover_the_frame_from_border_to_border() -> None:
    size = Size(400, 200)
    points = np.array([[-0.5, -0.5], [99.4, 49.4], [99.6, 49.6], [399.49, 199.49], [399.5, 199.5]])
    np.testing.assert_array_equal(grid_cells(points, size, 4), [[0, 0], [0, 0], [1, 1], [3, 3], [3, 3]])
