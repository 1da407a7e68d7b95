"""Exact rendering against rays that are traced one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb_train.lens.exact_render import (
    Surface,
    all_in_focus,
    aperture_points,
    coc_map,
    num_rays,
    render_surfaces,
    visible_coc,
)

MARGIN = 6
SHAPE = (9, 11)


def random_surface(rng: np.random.Generator, coc: tuple[float, float, float], *, opaque: bool) -> Surface:
    shape = (SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN)
    alpha = np.ones(shape) if opaque else rng.random(shape)
    rgba = np.dstack([rng.random((*shape, 3)) * 3 * alpha[..., None], alpha])
    return Surface(rgba=rgba.astype(np.float32), margin=MARGIN, coc=coc)


def bilinear(array: np.ndarray, x: float, y: float) -> np.ndarray:
    left, top = math.floor(x), math.floor(y)
    across, down = x - left, y - top
    rows = [array[row, left] * (1 - across) + array[row, left + 1] * across for row in (top, top + 1)]
    return np.asarray(rows[0] * (1 - down) + rows[1] * down)


def trace(surfaces: list[Surface], x: int, y: int, point: np.ndarray) -> np.ndarray:
    """Colour of one ray, front to back; its intersections are found by iteration."""
    colour, passing = np.zeros(3), 1.0
    for surface in reversed(surfaces):
        hit = np.array([x, y], float)
        for _ in range(30):
            coc = surface.coc[0] + surface.coc[1] * hit[0] + surface.coc[2] * hit[1]
            hit = np.array([x, y]) - coc * point
        value = bilinear(surface.rgba.astype(float), hit[0] + surface.margin, hit[1] + surface.margin)
        colour += passing * value[:3]
        passing *= 1 - value[3]
    return colour


def test_against_rays_traced_one_by_one() -> None:
    rng = np.random.default_rng(3)
    surfaces = [
        random_surface(rng, (5.0, 0.05, -0.08), opaque=True),
        random_surface(rng, (0.5, 0.0, 0.1), opaque=False),
        random_surface(rng, (-6.0, -0.1, 0.03), opaque=False),
    ]
    points = aperture_points(12)
    expected = np.zeros((*SHAPE, 3))
    for y in range(SHAPE[0]):
        for x in range(SHAPE[1]):
            expected[y, x] = np.mean([trace(surfaces, x, y, point) for point in points], axis=0)
    found = render_surfaces(surfaces, SHAPE, rays=12)
    # OpenCV rounds positions to 1/32 pixel.
    assert np.abs(found - expected).max() < 0.03
    assert np.abs(found - expected).mean() < 0.006


def test_a_point_becomes_the_aperture() -> None:
    """A point behind the focus is spread like the kernel of the layered renderer."""
    aperture, coc = Aperture(blades=5, rotation_deg=20), 9.0
    rgba = np.zeros((33 + 2 * MARGIN, 33 + 2 * MARGIN, 4), np.float32)
    rgba[..., 3] = 1
    rgba[16 + MARGIN, 16 + MARGIN, :3] = 1
    for sign in (1, -1):
        surface = Surface(rgba=rgba, margin=MARGIN, coc=(sign * coc, 0.0, 0.0))
        found = render_surfaces([surface], (33, 33), aperture, rays=3000)[..., 0]
        kernel = blur_kernel(sign * coc, aperture)[::-1, ::-1]  # to be correlated: mirrored, it is the image
        half = len(kernel) // 2
        cut = found[16 - half : 17 + half, 16 - half : 17 + half]
        assert found.sum() == pytest.approx(1, abs=1e-3)
        # Bilinear interpolation softens the outline.
        assert np.abs(cut - kernel).sum() < 0.25
        assert np.abs(cut - kernel).sum() < 0.7 * np.abs(cut - kernel[::-1, ::-1]).sum()


def test_the_hidden_part_of_a_surface_is_seen_around_an_edge() -> None:
    side = 41
    far = np.ones((side + 2 * MARGIN, side + 2 * MARGIN, 4), np.float32)
    far[:, MARGIN + 20 :, :3] = (0, 0, 5)  # only behind the near surface
    near = np.zeros_like(far)
    near[:, MARGIN + 20 :] = (0.5, 0, 0, 1)
    surfaces = [
        Surface(rgba=far, margin=MARGIN, coc=(0.0, 0.0, 0.0)),
        Surface(rgba=near, margin=MARGIN, coc=(-8.0, 0, 0)),
    ]
    assert all_in_focus(surfaces, (side, side))[20, 22].tolist() == [0.5, 0, 0]
    blurred = render_surfaces(surfaces, (side, side))
    # Rays beyond the edge: the segment of a disc of radius 4 at a distance of 2.5 from its centre.
    beyond = (math.acos(2.5 / 4) - 2.5 / 4 * math.sqrt(1 - (2.5 / 4) ** 2)) / math.pi
    assert blurred[20, 22, 2] == pytest.approx(5 * beyond, abs=0.05)
    assert blurred[20, 26, 2] == pytest.approx(0, abs=1e-6)


@given(seed=st.integers(0, 2**32), count=st.integers(2, 4))
@settings(max_examples=20)
def test_rendering_keeps_the_range_of_light(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    surfaces = [
        random_surface(rng, tuple(rng.uniform((-8, -0.1, -0.1), (8, 0.1, 0.1))), opaque=not i)
        for i in range(count)
    ]
    found = render_surfaces(surfaces, SHAPE, rays=12)
    assert found.shape == (*SHAPE, 3)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 3 * count


def test_surfaces_in_focus_are_those_of_the_pinhole() -> None:
    rng = np.random.default_rng(1)
    surfaces = [random_surface(rng, (0.0, 0.0, 0.0), opaque=opaque) for opaque in (True, False)]
    np.testing.assert_allclose(render_surfaces(surfaces, SHAPE), all_in_focus(surfaces, SHAPE), rtol=1e-5)


def test_the_visible_surface_covers_half_of_a_pixel() -> None:
    far, near = (np.ones((13, 13, 4), np.float32) for _ in range(2))
    near[..., 3] = np.linspace(0, 1, 13)
    surfaces = [
        Surface(rgba=far, margin=0, coc=(4.0, 0.5, 0.0)),
        Surface(rgba=near, margin=0, coc=(-3.0, 0.0, 0.0)),
    ]
    found = visible_coc(surfaces, (13, 13))
    np.testing.assert_allclose(found[0], [4, 4.5, 5, 5.5, 6, 6.5, *[-3] * 7])
    assert coc_map(surfaces[0], (2, 3)).tolist() == [[4, 4.5, 5], [4, 4.5, 5]]


@given(count=st.integers(30, 400), blades=st.sampled_from([0, 3, 5, 8]), turn=st.floats(0, 360))
def test_points_lie_in_the_aperture(count: int, blades: int, turn: float) -> None:
    points = aperture_points(count, Aperture(blades, turn if blades else 0.0))
    assert len(points) == pytest.approx(count, rel=0.25)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-9)
    assert np.hypot(*points.T).max() < 0.53


def test_number_of_rays() -> None:
    assert num_rays(0) == num_rays(3) == 48
    assert num_rays(20) == 408
    assert num_rays(1000) == 640
