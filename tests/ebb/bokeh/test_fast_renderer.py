"""The fast renderer against the exact one, as pictures of 8 bits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.bokeh.aperture import Aperture
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px
from ebb.simulation.scenes import make_scene
from ebb.srgb import encode_srgb
from tests.helpers import bokeh_reference as reference

Scene = tuple[np.ndarray, np.ndarray]
SIZE = (200, 280)


def difference(photo: np.ndarray, coc: np.ndarray, **options: object) -> tuple[float, float]:
    """Mean difference in grey levels, and PSNR in dB, of the fast picture to the exact one."""
    exact = encode_srgb(render_shallow(photo, coc, exact=True, **options))  # type: ignore[arg-type]
    fast = encode_srgb(render_shallow(photo, coc, **options))  # type: ignore[arg-type]
    error = fast.astype(np.float64) - exact
    mean_square = float(np.square(error).mean())
    return float(np.abs(error).mean()), 10 * np.log10(255**2 / max(mean_square, 1e-9))


def analytic(name: str) -> Scene:
    """A scene of the reference, three times as blurred, so that most planes are reduced."""
    truth = reference.render_truth(reference.SCENES[name], 1)
    return truth.photo, truth.coc * np.float32(3)


def simulated() -> Scene:
    scene = make_scene(np.random.default_rng(3), Size(SIZE[1], SIZE[0]), focal_px=400)
    pixels = PixelGrid(36.0, 4 * SIZE[1])
    return scene.rgb, coc_px(Lens(50, 1.8), pixels, scene.focus_m, scene.depth_m)


def random_depth() -> Scene:
    rng = np.random.default_rng(1)
    rough = cv2.GaussianBlur(rng.random(SIZE, dtype=np.float32), (0, 0), 5)
    coc = 25 * (rough - rough.mean()) / rough.std()
    return rng.random((*SIZE, 3), dtype=np.float32), coc.astype(np.float32)


def thin_lines() -> Scene:
    """Lines of one or two pixels in front of a blurred wall, and behind a sharp one."""
    photo = np.full((*SIZE, 3), 0.6, np.float32)
    photo += 0.3 * np.sin(np.indices(SIZE)[1] / 6)[..., None].astype(np.float32)
    lines, coc = np.zeros(SIZE, np.uint8), np.full(SIZE, 40, np.float32)
    rng = np.random.default_rng(2)
    for thickness in (1, 2) * 6:
        start, stop = (tuple(int(value) for value in rng.integers(0, 200, 2)) for _ in range(2))
        cv2.line(lines, start, stop, 1, thickness)
    photo[lines > 0] = (0.05, 0.04, 0.03)
    coc[lines > 0] = 0
    coc[:, 200:] = -20
    return photo, coc


def strong_lights() -> Scene:
    rng = np.random.default_rng(4)
    photo = np.full((*SIZE, 3), 0.02, np.float32)
    for side in range(1, 13):
        for _ in range(3):
            y, x = rng.integers(0, (SIZE[0] - side, SIZE[1] - side))
            photo[y : y + side, x : x + side] = rng.uniform(2, 400 / side**2 + 2) * np.float32([1, 0.8, 0.5])
    coc = np.full(SIZE, 50, np.float32)
    coc[:, :90], coc[60:120, 120:160] = 20, 0
    return photo, coc


SCENES = {
    "simulated": simulated,
    "random depth": random_depth,
    "thin lines": thin_lines,
    "strong lights": strong_lights,
    **{name: (lambda name=name: analytic(name)) for name in reference.SCENES},
}


@pytest.mark.parametrize("name", SCENES)
def test_pictures_hardly_differ(name: str) -> None:
    photo, coc = SCENES[name]()
    assert np.abs(coc).max() > 17  # some planes are reduced
    mean, decibels = difference(photo, coc)
    assert mean <= 0.5
    assert decibels >= 50


@pytest.mark.parametrize("aperture", [Aperture(5, 20), Aperture(6)])
@pytest.mark.parametrize("cats_eye", [0.0, 0.8])
@pytest.mark.parametrize("name", ["strong lights", "three planes"])
def test_pictures_hardly_differ_with_other_apertures(name: str, aperture: Aperture, cats_eye: float) -> None:
    photo, coc = SCENES[name]()
    mean, decibels = difference(photo, coc, aperture=aperture, cats_eye=cats_eye)
    assert mean <= 0.5
    assert decibels >= 50


@pytest.mark.parametrize("radius", [5, 10, 25, 40])
@pytest.mark.parametrize("side", [1, 3, 6])
def test_discs_of_small_highlights_keep_their_edge(radius: int, side: int) -> None:
    photo = np.full((160, 160, 3), 0.02, np.float32)
    photo[80 : 80 + side, 80 : 80 + side] = 2 * radius**2 / side**2
    coc = np.full((160, 160), 2 * radius, np.float32)
    exact, fast = (render_shallow(photo, coc, exact=exact) for exact in (True, False))
    np.testing.assert_allclose(fast, exact, atol=1e-3)
    assert exact.max() > 0.5


def test_without_large_blur_the_pictures_are_the_same() -> None:
    photo, coc = random_depth()
    coc *= 16 / np.abs(coc).max()
    exact, fast = (render_shallow(photo, coc, exact=exact) for exact in (True, False))
    np.testing.assert_allclose(fast, exact, atol=1e-5)


@settings(deadline=None, max_examples=8)
@given(coc=st.floats(-120, 120), blades=st.sampled_from([0, 5]), seed=st.integers(0, 99))
def test_light_of_one_plane_is_kept(coc: float, blades: int, seed: int) -> None:
    """A spot in the middle, far from the border, with a small highlight inside."""
    photo = np.zeros((250, 250, 3), np.float32)
    photo[110:140, 105:150] = np.random.default_rng(seed).random((30, 45, 3))
    photo[120, 120] = 300
    plane = np.full((250, 250), coc, np.float32)
    found = render_shallow(photo, plane, aperture=Aperture(blades))
    np.testing.assert_allclose(found.sum(axis=(0, 1)), photo.sum(axis=(0, 1)), rtol=1e-3)


@settings(deadline=None, max_examples=6)
@given(scale=st.floats(1.05, 2), start=st.floats(2, 60))
def test_more_blur_leaves_less_detail(scale: float, start: float) -> None:
    photo = np.random.default_rng(0).random((100, 100, 3), dtype=np.float32)
    spread = [
        float(render_shallow(photo, np.full((100, 100), coc, np.float32)).std())
        for coc in (start, start * scale)
    ]
    assert spread[1] < spread[0]


def test_large_blur_of_a_small_photo() -> None:
    """Kernels many times as large as the photo."""
    photo = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    coc = np.full((20, 30), 300, np.float32)
    exact, fast = (render_shallow(photo, coc, exact=exact) for exact in (True, False))
    np.testing.assert_allclose(fast, exact, atol=5e-3)


def test_a_highlight_within_another_is_counted_once() -> None:
    photo = np.full((120, 120, 3), 0.02, np.float32)
    photo[50:62, 50:62] = 30
    photo[52:60, 52:60] = 0.02
    photo[56, 56] = 200
    coc = np.full((120, 120), 40, np.float32)
    exact, fast = (render_shallow(photo, coc, exact=exact) for exact in (True, False))
    np.testing.assert_allclose(fast, exact, atol=5e-3)
