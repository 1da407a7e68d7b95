"""Shapes: where they are, and how far, against ray tracing by formula."""

import numpy as np
import pytest

from ebb.optics import shapes, textures

CAMERA = shapes.Pinhole(focal_px=400, centre_x=199.5, horizon_y=120, height_m=0.5, width=400, height=300)
GREY = np.full((64, 64, 3), 0.5, np.float32)


def pixels(patch: shapes.Patch) -> tuple[np.ndarray, np.ndarray]:
    """Ray slopes right and down of each covered pixel."""
    rows, columns = np.nonzero(patch.covered)
    x = (columns + patch.left - CAMERA.centre_x) / CAMERA.focal_px
    return x, (rows + patch.top - CAMERA.horizon_y) / CAMERA.focal_px


def test_face_depth_is_that_of_its_plane() -> None:
    corners = np.array([[-0.4, -0.3, 1.6], [0.4, -0.3, 2.4], [0.4, 0.3, 2.4], [-0.4, 0.3, 1.6]])
    patch = shapes.face(CAMERA, corners, GREY, 0.8)
    assert patch is not None
    x, _ = pixels(patch)
    np.testing.assert_allclose(patch.inverse_depth[patch.covered], (1 - x) / 2, rtol=1e-4)
    np.testing.assert_allclose(patch.rgb[patch.covered], 0.4, rtol=1e-5)
    outline = CAMERA.project(corners)
    area = 0.5 * (outline[1, 0] - outline[0, 0]) * (np.ptp(outline[[0, 3], 1]) + np.ptp(outline[[1, 2], 1]))
    assert patch.covered.sum() == pytest.approx(area, rel=0.02)


def test_sphere_is_round_and_bulges() -> None:
    centre = np.array([0.1, 0.05, 2.0])
    patch = shapes.sphere(CAMERA, centre, 0.3, GREY, np.array([0, -0.6, 0.8]))
    assert patch is not None
    assert patch.covered.sum() == pytest.approx(np.pi * 60**2, rel=0.01)
    assert 1 / patch.inverse_depth[patch.covered].max() == pytest.approx(1.7, abs=1e-3)
    assert 1 / patch.inverse_depth[patch.covered].min() < 2.0 + 1e-3
    rows = np.nonzero(patch.covered)[0]
    top, bottom = (patch.rgb[patch.covered][part].mean() for part in (rows < 40, rows > 80))
    assert top > bottom, "the light comes from above"


def test_column_stands_on_its_foot() -> None:
    patch = shapes.column(CAMERA, np.array([0, 0.5, 2.0]), 0.1, 0.6, GREY, 0.6)
    assert patch is not None
    x, y = pixels(patch)
    assert y.max() * 2 == pytest.approx(0.5, abs=0.006)
    assert y.min() * 2 == pytest.approx(-0.1, abs=0.006)
    assert np.abs(x).max() * 2 == pytest.approx(0.1, abs=0.006)
    assert 1 / patch.inverse_depth[patch.covered].max() == pytest.approx(1.9, abs=1e-3)


def test_foliage_keeps_near_leaves_in_front() -> None:
    noise = textures.fractal_noise(np.random.default_rng(0), 64)
    extent = np.array([0.2, 0.2, 0.1])
    patch = shapes.foliage(CAMERA, np.random.default_rng(1), noise, np.array([0, 0, 2.0]), extent, 200)
    assert patch is not None
    depth = 1 / patch.inverse_depth[patch.covered]
    assert 1.79 < depth.min() < 2.0 < depth.max() < 2.21
    assert depth.mean() < 2.0, "what is seen is nearer than the middle of the bush"
    assert len(np.unique(depth)) > 80


def test_leaf_outline_has_two_tips() -> None:
    outline = shapes.leaf_outline(np.array([50.0, 50.0]), 20, 0.4, 0) / 16
    np.testing.assert_allclose(outline[[0, len(outline) // 2]], [[40, 50], [60, 50]])


@pytest.mark.parametrize("place", [(-9, 0, 2), (9, 0, 2), (0, -9, 2), (0, 9, 2)])
def test_outside_the_picture_is_nothing(place: tuple[float, float, float]) -> None:
    centre = np.array(place, float)
    assert shapes.sphere(CAMERA, centre, 0.2, GREY, np.array([0, 0, 1.0])) is None
    assert shapes.column(CAMERA, centre, 0.1, 0.2, GREY, 0.5) is None
    corners = centre + 0.1 * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    assert shapes.face(CAMERA, corners, GREY, 1.0) is None


def test_blocks_are_even_and_inside() -> None:
    block = shapes.block_around(CAMERA, np.array([[-5.3, 10.7], [33.2, 500.0]]))
    assert block is not None
    assert (block.left, block.top) == (0, 10)
    assert block.shape == (290, 36)
