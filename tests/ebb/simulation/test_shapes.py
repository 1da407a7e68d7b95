"""Shapes: where they are, and how far, against ray tracing by formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.simulation import shapes, textures

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
def test_shapes_outside_the_canvas_are_none(place: tuple[float, float, float]) -> None:
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


def test_projection_is_that_of_a_pinhole() -> None:
    points = np.random.default_rng(0).uniform((-1, -1, 0.5), (1, 1, 5), (20, 3))
    K = np.array([[400, 0, 199.5], [0, 400, 120], [0, 0, 1.0]])
    homogeneous = points @ K.T
    np.testing.assert_allclose(CAMERA.project(points), homogeneous[:, :2] / homogeneous[:, 2:])


def half_red(height: int = 64, width: int = 64) -> np.ndarray:
    """Red on the left, blue on the right; dark above, bright below."""
    texture = np.zeros((height, width, 3), np.float32)
    texture[:, : width // 2, 0] = texture[:, width // 2 :, 2] = 0.5
    texture[height // 2 :] *= 2
    return texture


def quarter_means(patch: shapes.Patch) -> np.ndarray:
    """(2, 2, 3): mean colour above and below, left and right of the patch's middle."""
    rows, columns = np.nonzero(patch.covered)
    below, right = rows > rows.mean(), columns > columns.mean()
    colour = patch.rgb[patch.covered]
    return np.array([[colour[(below == v) & (right == u)].mean(axis=0) for u in (0, 1)] for v in (0, 1)])


@pytest.mark.parametrize("shape", ["face", "sphere", "column"])
def test_textures_are_neither_mirrored_nor_upside_down(shape: str) -> None:
    corners = np.array([[-0.3, -0.3, 2], [0.3, -0.3, 2], [0.3, 0.3, 2], [-0.3, 0.3, 2.0]])
    patch = {
        "face": lambda: shapes.face(CAMERA, corners, half_red(), 1.0),
        "sphere": lambda: shapes.sphere(
            CAMERA, np.array([0, 0, 2.0]), 0.3, half_red(), np.array([0, 0, 1.0])
        ),
        "column": lambda: shapes.column(CAMERA, np.array([0, 0.3, 2.0]), 0.2, 0.6, half_red(), 0.0),
    }[shape]()
    assert patch is not None
    quarters = quarter_means(patch)
    assert (quarters[:, 0, 0] > 5 * quarters[:, 0, 2]).all()
    assert (quarters[:, 1, 2] > 5 * quarters[:, 1, 0]).all()
    assert (quarters[1].max(axis=-1) > 1.5 * quarters[0].max(axis=-1)).all()


def test_a_slanted_texture_is_foreshortened() -> None:
    """The texture's middle is seen where the face's middle is: a projective map, not an affine one."""
    corners = np.array([[-0.4, -0.3, 1.2], [0.4, -0.3, 3.0], [0.4, 0.3, 3.0], [-0.4, 0.3, 1.2]])
    patch = shapes.face(CAMERA, corners, half_red(), 1.0)
    assert patch is not None
    row = patch.rgb[int(CAMERA.horizon_y) - patch.top]
    border = patch.left + int(np.argmax(row[:, 2] > row[:, 0]))
    middle = CAMERA.project(np.array([[0.0, 0.0, 2.1]]))[0, 0]
    assert border == pytest.approx(middle, abs=2)


@pytest.mark.parametrize("side", [-0.6, 0.6])
def test_columns_are_lit_from_the_side_of_the_light(side: float) -> None:
    patch = shapes.column(CAMERA, np.array([0, 0.3, 2.0]), 0.2, 0.6, GREY, side)
    assert patch is not None
    quarters = quarter_means(patch).mean(axis=(0, 2))
    assert np.sign(quarters[1] - quarters[0]) == np.sign(side)


@settings(deadline=None, max_examples=40)
@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.8, 6), st.floats(0.02, 0.6))
def test_patches_stay_inside_the_picture(x: float, y: float, z: float, radius: float) -> None:
    """Whatever is cut off: an even block inside the canvas, finite depths behind the camera's front."""
    centre = np.array([x, y, z])
    turned = np.array([[-1, -1, 0.2], [1, -1, -0.2], [1, 1, -0.2], [-1, 1, 0.2]])
    for patch in (
        shapes.sphere(CAMERA, centre, radius, GREY, np.array([0, 0, 1.0])),
        shapes.column(CAMERA, centre, radius, 2 * radius, GREY, 0.3),
        shapes.face(CAMERA, centre + radius * turned, GREY, 1.0),
    ):
        if patch is not None:
            height, width = patch.covered.shape
            assert patch.left % 2 == patch.top % 2 == height % 2 == width % 2 == 0
            assert patch.left >= 0
            assert patch.top >= 0
            assert patch.left + width <= CAMERA.width
            assert patch.top + height <= CAMERA.height
            assert patch.rgb.shape == (height, width, 3)
            assert (patch.inverse_depth[patch.covered] > 0).all()


def test_foliage_is_drawn_from_its_seed() -> None:
    noise = textures.fractal_noise(np.random.default_rng(0), 64)
    extent = np.array([0.2, 0.2, 0.1])
    one, same, other = (
        shapes.foliage(CAMERA, np.random.default_rng(seed), noise, np.array([0, 0, 2.0]), extent, 50)
        for seed in (1, 1, 2)
    )
    assert one is not None
    assert same is not None
    assert other is not None
    np.testing.assert_array_equal(one.rgb, same.rgb)
    assert one.covered.shape != other.covered.shape or (one.covered != other.covered).any()
    assert 0.05 < one.covered.mean() < 0.9, "leaves with gaps between them"
