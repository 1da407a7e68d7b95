from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.aperture import blur_kernel
from ebb.bokeh.convolution import CpuBackend
from ebb.bokeh.inpainting import Surfaces
from ebb.bokeh.layers import composite, cut, plane_cocs

SIZE = (30, 34)


@settings(deadline=None, max_examples=40)
@given(low=st.floats(-60, 60), extent=st.floats(0, 80))
def test_planes_span_the_range_finely_and_hold_zero(low: float, extent: float) -> None:
    planes = plane_cocs(low, low + extent)
    assert planes[0] == min(low, 0)
    assert planes[-1] == max(low + extent, 0)
    assert 0 in planes
    steps = np.diff(planes)
    assert (steps > 0).all()
    assert (steps <= np.maximum(1, 0.11 * np.abs(planes[1:])) + 1e-9).all()


def surfaces(flat: float, **changes: np.ndarray) -> Surfaces:
    """A plain grey wall at one coc."""
    ones = np.ones(SIZE, np.float32)
    plain = Surfaces(
        np.full((*SIZE, 3), 0.5, np.float32),
        flat * ones,
        ones,
        ones > 0,
        ones < 0,
        np.zeros((*SIZE, 3), np.float32),
        0 * ones,
    )
    return plain._replace(**changes)


def render(scene: Surfaces, planes: np.ndarray) -> np.ndarray:
    margin = max(len(blur_kernel(float(coc))) for coc in planes) // 2
    return composite(cut(scene, planes, margin), blur_kernel, margin, CpuBackend())


def test_a_surface_between_planes_is_shared_linearly() -> None:
    planes = plane_cocs(0, 10)
    scene = surfaces(6.25, rgb=np.random.default_rng(0).random((*SIZE, 3), dtype=np.float32))
    six, seven = (render(scene._replace(coc=np.full(SIZE, c, np.float32)), planes) for c in (6, 7))
    np.testing.assert_allclose(render(scene, planes), 0.75 * six + 0.25 * seven, atol=1e-5)


def test_hidden_surface_shows_through_a_blurred_one() -> None:
    """At the straight edge of a blurred surface, half of the rays reach the hidden wall."""
    front = np.zeros(SIZE, bool)
    front[:, :17] = True
    colour = np.where(front[..., None], np.float32(1), np.float32(0)) * np.ones(3, np.float32)
    scene = surfaces(
        0,
        rgb=colour.astype(np.float32),
        coc=np.where(front, -8, 0).astype(np.float32),
        exposed=front,
        hidden=front,
        hidden_rgb=np.zeros((*SIZE, 3), np.float32),
    )
    result = render(scene, plane_cocs(-8, 0))[0]
    expected = np.convolve(
        np.pad(front[15].astype(float), 4, mode="edge"), blur_kernel(8.0).sum(axis=0), "valid"
    )
    assert 0.3 < expected[17] < 0.5
    np.testing.assert_allclose(result[15], expected, atol=1e-5)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000))
def test_constant_colour_is_preserved_at_any_depth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coc = rng.uniform(-9, 9, SIZE).astype(np.float32)
    hidden = rng.random(SIZE) < 0.3
    scene = surfaces(
        0,
        coc=coc,
        exposed=rng.random(SIZE) < 0.6,
        hidden=hidden,
        hidden_coc=np.where(hidden, coc + 5, 0).astype(np.float32),
        hidden_rgb=np.where(hidden[..., None], np.float32(0.5), np.float32(0)) * np.ones(3, np.float32),
    )
    np.testing.assert_allclose(render(scene, plane_cocs(-9, 14)), 0.5, atol=1e-5)
