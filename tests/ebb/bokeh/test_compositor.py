from __future__ import annotations

import cv2
import numpy as np
import pytest

from ebb.bokeh.aperture import blur_kernel
from ebb.bokeh.compositor import Compositor, Planes, TileGrid
from ebb.bokeh.convolution import CpuBackend
from ebb.bokeh.inpainting import find_surfaces
from ebb.bokeh.layers import composite, cut, plane_cocs
from ebb.bokeh.reduced_planes import ReducedPlanes
from ebb.bokeh.sheets import sheets_of
from ebb.bokeh.spectral import transfer_of
from ebb.bokeh.squares import Square

SIDE = 32


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_windows_hold_the_tile_and_the_reach_of_the_kernels(factor: int) -> None:
    grid = TileGrid.of(factor, SIDE, 5)
    window = grid.window(Square(64, 96, SIDE))
    assert window.size == cv2.getOptimalDFTSize(window.size) >= SIDE // factor + 10
    first = Square(64 // factor, 96 // factor, SIDE // factor)
    assert first.top - window.top >= 5
    assert window.top + window.size >= first.top + first.size + 5
    ramp = np.repeat(
        np.arange(window.left, window.left + window.size, dtype=np.float32)[None], window.size, 0
    )
    tile = grid.tile(np.dstack([ramp, ramp]))
    assert tile.shape == (SIDE, SIDE, 2)
    np.testing.assert_allclose(tile[0, :, 0], (np.arange(96, 96 + SIDE) + 0.5) / factor - 0.5, atol=0.08)


def tile_of(photo: np.ndarray, coc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tile by the compositor and by the exact renderer."""
    planes = plane_cocs(float(coc.min()), float(coc.max()))
    kernels = [blur_kernel(float(plane)) for plane in planes]
    halves = [len(kernel) // 2 for kernel in kernels]
    grid = TileGrid.of(1, SIDE, max(halves))
    found = find_surfaces(photo, coc.astype(np.float32))
    frame = (grid.margin, grid.size, grid.margin, grid.size)
    factors = [1] * len(planes)
    sheets = sheets_of(found, planes, frame, 7)
    shared = Planes(sheets, ReducedPlanes(sheets, factors, halves), factors, halves, {1: grid}, True)
    compositor = Compositor(
        shared,
        Square(grid.margin, grid.margin, SIDE),
        lambda rank, size, _full: transfer_of(kernels[rank], size),
    )
    margin = max(halves)
    exact = composite(cut(found, planes, margin), blur_kernel, margin, CpuBackend())
    return compositor.render(), np.moveaxis(exact, 0, -1)[:SIDE, :SIDE]


def scenes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    rows, columns = np.indices((SIDE, SIDE))
    subject = np.where((rows - 16) ** 2 + (columns - 12) ** 2 < 90, 0.0, 12.0)
    return {
        "in focus": np.where(columns < 3, 0.3, 0.0),
        "one plane": np.full((SIDE, SIDE), 7.0),
        "slope": columns * 0.3 - 4,
        "subject": subject,
        "three surfaces": np.where((rows > 20) & (columns > 18), -9, subject),
        "noise": rng.uniform(-8, 10, (SIDE, SIDE)),
    }


@pytest.mark.parametrize("name", scenes())
def test_a_tile_is_that_of_the_exact_renderer(name: str) -> None:
    photo = np.random.default_rng(0).random((SIDE, SIDE, 3), dtype=np.float32)
    found, expected = tile_of(photo, scenes()[name])
    np.testing.assert_allclose(found, expected, atol=5e-6)
