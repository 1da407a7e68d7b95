from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.aperture import DISC, Aperture, blur_kernel
from ebb.errors import UsageError

fair = settings(deadline=None, max_examples=25)


def supersampled(coc: float, inside: object, size: int, fine: int = 101) -> np.ndarray:
    """Kernel by counting points on a fine grid: an independent, slow truth."""
    half = size // 2
    axis = (np.arange(size * fine) + 0.5) / fine - half - 0.5
    x, y = np.meshgrid(axis, axis)
    grid = inside(-x * 2 / coc, -y * 2 / coc)  # type: ignore[operator]
    counts = grid.reshape(size, fine, size, fine).sum(axis=(1, 3))
    return counts / counts.sum()


@fair
@given(coc=st.floats(-40, 40))
def test_kernel_is_odd_normalised_and_symmetric(coc: float) -> None:
    kernel = blur_kernel(coc)
    assert kernel.dtype == np.float32
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-7)
    np.testing.assert_allclose(kernel, kernel.T, atol=2e-3 * kernel.max())  # rows by quadrature


@pytest.mark.parametrize("coc", [1.2, 2.0, 3.7, 9.5, 24.0])
def test_disc_area_by_counting(coc: float) -> None:
    kernel = blur_kernel(coc)
    truth = supersampled(coc, lambda x, y: x * x + y * y < 1, len(kernel))
    np.testing.assert_allclose(kernel, truth, atol=5e-3 * truth.max())
    # A whole pixel of the disc weighs 1 / area: the kernel is exact, not only normalised.
    assert kernel.max() * math.pi * coc**2 / 4 == pytest.approx(1, abs=1e-3) or coc < 2.5


def test_no_blur_up_to_one_pixel() -> None:
    for coc in (0.0, 0.3, -1.0):
        assert blur_kernel(coc).tolist() == [[1.0]]


@pytest.mark.parametrize("coc", [14.0, -14.0])
@pytest.mark.parametrize("blades", [3, 5, 6, 9])
def test_polygon_by_counting(coc: float, blades: int) -> None:
    angles = np.radians(10) + 2 * np.pi * np.arange(blades + 1) / blades
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Inside of a polygon: left of every side."""
        result = np.ones(x.shape, bool)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            result &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0
        return result

    kernel = blur_kernel(coc, Aperture(blades, 10))
    truth = supersampled(coc, inside, len(kernel), 31)
    np.testing.assert_allclose(kernel, truth, atol=0.02 * truth.max())


def test_highlights_behind_are_upright_and_in_front_upside_down() -> None:
    triangle = Aperture(3, 0)  # a corner points right
    behind = blur_kernel(20, triangle)[::-1, ::-1]  # correlation kernel → spread
    columns = behind.sum(axis=0)
    assert columns[:5].sum() == 0  # the flat side is left of the middle, the corner far right
    assert columns[-2:].sum() > 0
    np.testing.assert_allclose(blur_kernel(-20, triangle), behind, atol=1e-7)


@pytest.mark.parametrize("clip", [(0.5, 0.0), (-0.3, 0.4), (0.0, -1.0)])
def test_cats_eye_by_counting(clip: tuple[float, float]) -> None:
    kernel = blur_kernel(16.0, DISC, clip)
    truth = supersampled(
        16.0,
        lambda x, y: (x * x + y * y < 1) & ((x - clip[0]) ** 2 + (y - clip[1]) ** 2 < 1),
        len(kernel),
        41,
    )
    np.testing.assert_allclose(kernel, truth, atol=0.03 * truth.max())


@pytest.mark.parametrize("blades", [1, 2, -5])
def test_blades_are_checked(blades: int) -> None:
    with pytest.raises(UsageError, match="at least 3 blades"):
        Aperture(blades)


def test_rotation_is_checked() -> None:
    with pytest.raises(UsageError, match="rotation"):
        Aperture(6, math.nan)
