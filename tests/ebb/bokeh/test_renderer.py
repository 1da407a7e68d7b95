"""The renderer compared with ray tracing, and its invariants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.aperture import Aperture
from ebb.bokeh.renderer import render_shallow
from ebb.errors import UsageError
from tests.helpers import bokeh_reference as reference

SAMPLES = 512
Render = Callable[..., np.ndarray]
RAYS = {"point lights": 2048}  # only a tenth of them meet a light


@pytest.fixture(params=[True, False], ids=["exact", "fast"])
def render(request: pytest.FixtureRequest) -> Render:
    """Both renderers."""
    return partial(render_shallow, exact=request.param)


def test_the_reference_itself_blurs_a_straight_edge_as_geometry_says() -> None:
    """Rays past a straight edge: the share of a disc beyond a chord, θ − sin θ cos θ over π."""

    def white(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.ones((*np.broadcast_shapes(x.shape, y.shape), 3), np.float32)

    wall = reference.Plane(10, white, lambda x, y: (x < 20) & (y > -1e6))
    row = reference.render_truth([wall], 4000, (1, 40)).shallow[0, :, 0]
    theta = np.arccos(np.clip((np.arange(40) - 20) / 5, -1, 1))
    np.testing.assert_allclose(row, (theta - np.sin(theta) * np.cos(theta)) / np.pi, atol=0.01)


@pytest.mark.parametrize("name", reference.SCENES)
def test_against_brute_force(name: str, render: Render) -> None:
    truth = reference.render_truth(reference.SCENES[name], RAYS.get(name, SAMPLES))
    result = render(truth.photo, truth.coc)
    where = reference.bands(truth.coc)
    bars = {"in_focus": 38.0, "out_of_focus": 38.0, "edge": 32.0}
    reached = {band: reference.psnr(result, truth.shallow, where[band]) for band in bars}
    assert all(reached[band] >= bar for band, bar in bars.items()), reached


def test_blur_without_occlusion_has_larger_errors_at_edges() -> None:
    """Control of the limits: blur without occlusion exceeds them by far."""
    truth = reference.render_truth(reference.SCENES["sharp subject, blurred background"], 200)
    everything = render_shallow(truth.photo, np.full_like(truth.coc, 16))
    naive = np.where(truth.coc[..., None] == 0, truth.photo, everything)
    edge = reference.bands(truth.coc)["edge"]
    ours = render_shallow(truth.photo, truth.coc)
    assert reference.psnr(ours, truth.shallow, edge) > reference.psnr(naive, truth.shallow, edge) + 6


def scene(seed: int, size: tuple[int, int] = (60, 72)) -> tuple[np.ndarray, np.ndarray]:
    """Noise as texture; a slope, a step to the front and one to the focus as depth."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    coc = rng.uniform(-8, 12) + rng.uniform(-0.2, 0.2) * columns
    coc[(rows - 30) ** 2 + (columns - 20) ** 2 < 150] = 0
    coc[40:, 50:] = -9
    return rng.random((*size, 3), dtype=np.float32), coc.astype(np.float32)


def test_zero_blur_is_the_identity(render: Render) -> None:
    photo, _ = scene(0)
    photo *= 40
    result = render(photo, np.zeros(photo.shape[:2], np.float32))
    assert result.tobytes() == photo.tobytes()
    assert result is not photo


def test_a_surface_in_focus_is_unchanged(render: Render) -> None:
    photo, coc = scene(0)
    coc[:] = 0
    coc[:, 60:] = 10
    result = render(photo, coc)
    np.testing.assert_allclose(result[:, :58], photo[:, :58], atol=1e-6)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000), level=st.floats(0.01, 50), scale=st.floats(0.1, 6), exact=st.booleans())
def test_constant_colour_stays(seed: int, level: float, scale: float, exact: bool) -> None:
    _, coc = scene(seed)
    photo = np.full((*coc.shape, 3), level, np.float32)
    found = render_shallow(photo, coc * np.float32(scale), exact=exact)
    np.testing.assert_allclose(found, photo, rtol=3e-5)


@pytest.mark.parametrize("coc", [5.0, -12.4, 21.7])
@pytest.mark.parametrize("aperture", [Aperture(), Aperture(6, 12)])
def test_energy_of_a_highlight_is_kept(coc: float, aperture: Aperture, render: Render) -> None:
    photo = np.zeros((60, 80, 3), np.float32)
    photo[30, 40] = (900, 600, 300)
    result = render(photo, np.full((60, 80), coc, np.float32), aperture=aperture)
    np.testing.assert_allclose(result.sum(axis=(0, 1)), (900, 600, 300), rtol=1e-4)
    assert result.max() < 100


def test_a_highlight_becomes_a_disc(render: Render) -> None:
    photo = np.zeros((60, 80, 3), np.float32)
    photo[30, 40] = 400
    result = render(photo, np.full((60, 80), 20, np.float32))[..., 0]
    rows, columns = np.indices(result.shape)
    radius = np.hypot(rows - 30, columns - 40)
    np.testing.assert_allclose(result[radius < 9], 400 / (np.pi * 100), rtol=1e-3)
    assert np.abs(result[radius > 11]).max() < 1e-4


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_input_gives_mirrored_output(axis: int) -> None:
    photo, coc = scene(3)
    result = render_shallow(photo, coc, exact=True)
    mirrored = render_shallow(np.flip(photo, axis), np.flip(coc, axis), exact=True)
    np.testing.assert_allclose(np.flip(mirrored, axis), result, atol=1e-5)


def test_the_result_scales_with_the_light(render: Render) -> None:
    photo, coc = scene(4)
    flat = np.full_like(coc, 9.0)
    np.testing.assert_allclose(render(photo * 7, flat), 7 * render(photo, flat), rtol=1e-4)


def test_cats_eye_narrows_highlights_at_the_corner_on_their_outer_side(render: Render) -> None:
    photo = np.zeros((300, 300, 3), np.float32)
    photo[150, 150] = photo[30, 30] = 1000
    coc = np.full((300, 300), 24, np.float32)
    result = render(photo, coc, cats_eye=0.8)[..., 0]
    round_one = render(photo, coc)[..., 0]
    middle, corner = (slice(130, 171),) * 2, (slice(10, 51),) * 2
    lit = 0.2
    assert (result[middle] > lit).sum() == pytest.approx((round_one[middle] > lit).sum(), rel=0.15)
    assert (result[corner] > lit).sum() < 0.8 * (round_one[corner] > lit).sum()
    assert result[corner].sum() == pytest.approx(1000, rel=0.06)  # kernels differ from tile to tile
    rows, columns = np.nonzero(result[corner] > lit)
    assert rows.mean() > 20.5  # towards the middle of the photo
    assert columns.mean() > 20.5


def test_torch_equals_numpy() -> None:
    photo, coc = scene(5)
    photo[10, 10] = 50
    for cats_eye in (0.0, 0.5):
        expected = render_shallow(photo, coc, cats_eye=cats_eye, exact=True)
        np.testing.assert_allclose(
            render_shallow(photo, coc, cats_eye=cats_eye, device="cpu"), expected, atol=1e-4
        )


def test_input_is_not_changed(render: Render) -> None:
    photo, coc = scene(7)
    before = photo.tobytes(), coc.tobytes()
    render(photo, coc)
    assert (photo.tobytes(), coc.tobytes()) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": np.zeros((8, 9), np.float32)}, r"shape \(height, width, 3\), not \(8, 9\)"),
        ({"photo": np.full((8, 9, 3), np.nan, np.float32)}, "finite"),
        ({"coc_px": np.zeros((9, 8), np.float32)}, r"same size, not \(8, 9\) and \(9, 8\)"),
        ({"coc_px": np.full((8, 9), np.inf, np.float32)}, "finite"),
        (
            {"coc_px": np.full((8, 9), -1e9, np.float32)},
            "circle of confusion is 1e.09 pixels, more than 512",
        ),
        ({"cats_eye": 1.5}, "cats_eye must be between 0 and 1, not 1.5"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "photo": np.zeros((8, 9, 3), np.float32),
        "coc_px": np.zeros((8, 9), np.float32),
    }
    with pytest.raises(UsageError, match=message):
        render_shallow(**(arguments | change))  # type: ignore[arg-type]
