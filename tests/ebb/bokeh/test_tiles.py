from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh import tiles
from ebb.bokeh.aperture import Aperture
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.tiles import TILE_PX, overhang, tile_rects


@pytest.mark.parametrize("shape", [(1, 1), (100, 300), (TILE_PX, 2 * TILE_PX), (257, 129)])
@pytest.mark.parametrize("whole", [True, False])
def test_tiles_cover_every_pixel_once(shape: tuple[int, int], whole: bool) -> None:
    count = np.zeros(shape, int)
    for x, y, width, height in tile_rects(shape, 0.0, whole=whole):
        count[y : y + height, x : x + width] += 1
    assert (count == 1).all()
    assert overhang(0.0) == 0


@pytest.mark.parametrize("shape", [(1, 1), (100, 300), (257, 129)])
def test_faded_tiles_sum_to_one(shape: tuple[int, int]) -> None:
    border = overhang(0.5)
    total = np.zeros((shape[0] + 2 * border, shape[1] + 2 * border))
    for rect in tile_rects(shape, 0.5, whole=False):
        rows = slice(rect.y + border, rect.y + border + rect.height)
        columns = slice(rect.x + border, rect.x + border + rect.width)
        assert total[rows, columns].shape == (rect.height, rect.width)
        total[rows, columns] += tiles._tent(rect)[..., 0]
    np.testing.assert_allclose(total[border:-border, border:-border], 1, atol=1e-6)


def test_tiles_leave_no_visible_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    photo = rng.random((90, 100, 3), dtype=np.float32)
    coc = np.where(np.indices((90, 100))[1] < 40, -7, 11).astype(np.float32)
    whole = render_shallow(photo, coc, exact=True)
    monkeypatch.setattr(tiles, "TILE_PX", 32)
    np.testing.assert_allclose(render_shallow(photo, coc, exact=True), whole, atol=2e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_the_result_does_not_depend_on_threads(exact: bool) -> None:
    rng = np.random.default_rng(2)
    photo = rng.random((140, 270, 3), dtype=np.float32)
    coc = (np.indices((140, 270))[1] / 20 - 5).astype(np.float32)
    for cats_eye in (0.0, 0.6):
        one = render_shallow(photo, coc, cats_eye=cats_eye, exact=exact, workers=1)
        several = render_shallow(photo, coc, cats_eye=cats_eye, exact=exact, workers=3)
        assert several.tobytes() == one.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (40, 60)])
@pytest.mark.parametrize("blades", [0, 3, 6])
@pytest.mark.parametrize("exact", [True, False])
def test_a_photo_smaller_than_a_square_keeps_its_light(
    size: tuple[int, int], blades: int, exact: bool
) -> None:
    """The tiles extend so far beyond the photo that vignetting would remove the whole aperture."""
    coc = np.random.default_rng(0).uniform(-10, 10, size).astype(np.float32)
    grey = np.full((*size, 3), 0.5, np.float32)
    result = render_shallow(grey, coc, aperture=Aperture(blades), cats_eye=1.0, exact=exact, workers=1)
    np.testing.assert_allclose(result, 0.5, atol=1e-4)
